package watch

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/verifier"
)

// Sizes of the window, in characters.
const (
	leastColumns, leastRows = 20, 6  // below it there is no room for a word
	smallColumns, smallRows = 56, 16 // below it the word stands in letters of the terminal
	leastPhotoRows          = 8      // a smaller picture shows no face
)

// paint is how the parts of the screen look on this terminal.
type paint struct {
	accept, refuse, unsure, bar, demo, faint, strong, warn, bad, good lipgloss.Style
}

// paints gives the styles. Codes from 16 on look the same on every terminal that has 256 colours; with 16 the terminal's own
// are used, and with none the shapes, frames and words carry it all.
func (m *Model) paints() paint {
	s := lipgloss.NewStyle
	p := paint{
		accept: s().Bold(true), refuse: s().Bold(true), unsure: s().Bold(true),
		bar: s().Reverse(true), demo: s().Bold(true).Reverse(true), faint: s().Faint(true), strong: s().Bold(true),
		warn: s().Bold(true), bad: s().Bold(true), good: s(),
	}
	colour := func(fg, bg string) lipgloss.Style {
		return s().Bold(true).Foreground(lipgloss.Color(fg)).Background(lipgloss.Color(bg))
	}
	switch {
	case m.colors >= colorprofile.ANSI256:
		p.accept, p.refuse, p.unsure = colour("231", "28"), colour("231", "160"), colour("16", "214")
		p.bar, p.demo = s().Foreground(lipgloss.Color("252")).Background(lipgloss.Color("237")), colour("16", "219")
		p.faint = s().Foreground(lipgloss.Color("245"))
		p.warn, p.bad, p.good = s().Bold(true).Foreground(lipgloss.Color("214")), s().Bold(true).Foreground(lipgloss.Color("203")), s().Foreground(lipgloss.Color("114"))
		if !m.dark {
			p.faint, p.warn, p.bad, p.good = s().Foreground(lipgloss.Color("240")), s().Bold(true).Foreground(lipgloss.Color("130")), s().Bold(true).Foreground(lipgloss.Color("160")), s().Foreground(lipgloss.Color("28"))
		}
	case m.colors == colorprofile.ANSI:
		p.accept, p.refuse, p.unsure = colour("15", "2"), colour("15", "1"), colour("0", "3")
		p.demo = colour("0", "5")
		p.warn, p.bad, p.good = s().Bold(true).Foreground(lipgloss.Color("3")), s().Bold(true).Foreground(lipgloss.Color("1")), s().Foreground(lipgloss.Color("2"))
	}
	return p
}

// on draws a text on the colour of a style. Its spaces are no-break spaces: a renderer writes those, while it leaves plain ones
// at the end of a line to the terminal's erasing, which not every terminal does in the colour of the background.
func on(s lipgloss.Style, text string) string {
	return s.Render(strings.ReplaceAll(text, " ", "\u00a0"))
}

func (p paint) of(o verifier.Outcome) lipgloss.Style {
	switch o {
	case verifier.Accept:
		return p.accept
	case verifier.CannotConfirm:
		return p.unsure
	}
	return p.refuse
}

// markOf is the sign of an outcome in one character.
func markOf(o verifier.Outcome) string {
	switch o {
	case verifier.Accept:
		return "✔"
	case verifier.CannotConfirm:
		return "?"
	}
	return "✘"
}

// edgeOf is what the frame of an outcome is made of: the frames differ without colour too.
func edgeOf(o verifier.Outcome) string {
	switch o {
	case verifier.Accept:
		return "━"
	case verifier.CannotConfirm:
		return "? "
	}
	return "╳"
}

// View implements tea.Model. A panic in it shows as cannot-confirm.
func (m *Model) View() (v tea.View) {
	defer func() {
		if r := recover(); r != nil {
			m.faults++
			m.detail = detailOf(r)
			m.drawn = nil
			v = tea.NewView(locale.Word(m.lang, verifier.CannotConfirm.String()) + "\n" + locale.NextStep(m.lang, string(verifier.Internal)))
			v.AltScreen = true
		}
	}()
	if m.quitting {
		v = tea.NewView("")
		v.AltScreen = true
		return v
	}
	if m.drawn != nil {
		return *m.drawn
	}
	v = tea.NewView(strings.Join(m.screen(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "posvid-verify"
	kept := v
	m.drawn = &kept
	return v
}

// screen draws exactly height lines, none wider than width.
func (m *Model) screen() []string {
	if !m.ready || m.width < 1 || m.height < 1 {
		return nil
	}
	var lines []string
	switch {
	case m.width < smallColumns || m.height < smallRows:
		lines = m.small()
	case m.over == overGuard:
		lines = m.guardScreen()
	case m.over == overHelp:
		lines = m.helpScreen()
	case m.over == overChallenge:
		lines = m.challengeScreen()
	case m.current != nil && m.current.photo != nil && (m.over == overPhoto || m.over == overConfirm && !m.plastic && !m.photoOnScreen()):
		lines = m.photoScreen()
	case m.current != nil:
		lines = m.verdictScreen()
	default:
		lines = m.waitingScreen()
	}
	for len(lines) < m.height {
		lines = append(lines, "")
	}
	lines = lines[:m.height]
	for i, line := range lines {
		if width(line) > m.width {
			lines[i] = clip(line, m.width)
		}
	}
	return lines
}

// small is the screen of a window that has no room for big letters.
func (m *Model) small() []string {
	p := m.paints()
	enlarge := m.t("збільште вікно", "enlarge the window")
	var lines []string
	if c := m.current; c != nil {
		v := c.verdict()
		o := v.Shown()
		lines = append(lines, on(p.of(o), pad(m.shortWord(o), m.width)))
		if m.width < leastColumns || m.height < leastRows {
			return append(lines, clip(enlarge, m.width))
		}
		for _, l := range m.body(c, m.width, true) {
			lines = append(lines, l.text)
		}
	} else {
		lines = append(lines, m.waitingWords())
		if m.over == overGuard {
			lines = append(lines, m.t("вартовий: ", "guard: ")+clean(m.name)+"_")
		}
		if m.health.Code != "" {
			headline, cause, next := locale.Text(m.lang, string(m.health.Code), m.health.Args)
			lines = append(lines, wrap(headline+". "+cause+" "+next, m.width, m.height-2)...)
		}
	}
	if m.over.asks() {
		lines[0] = m.questionWords()
	}
	if len(lines) > m.height-1 {
		lines = lines[:m.height-1]
	}
	return append(lines, p.warn.Render(clip(enlarge, m.width)))
}

// shortWord is an outcome in the terminal's own letters. Under the demo root it says so before the word: the end of a short
// line may be cut off.
func (m *Model) shortWord(o verifier.Outcome) string {
	demo := ""
	if m.health.Demo {
		demo = m.t("ДЕМО! ", "DEMO! ")
	}
	return " " + demo + markOf(o) + " " + locale.Word(m.lang, o.String())
}

// waitingWords says in a few words what the screen waits for.
func (m *Model) waitingWords() string {
	switch {
	case m.over.asks():
		return m.questionWords()
	case m.judging != 0 || m.burst.long():
		return m.t("читаю код…", "reading…")
	case m.advice != "":
		return m.advice
	case m.health.Code != "":
		return m.t("НЕ ГОТОВО", "NOT READY")
	}
	return m.t("покажіть код", "show the code")
}

// header is the first line: who is on duty, where, and the time.
func (m *Model) header(p paint) []string {
	left := ""
	if m.guard != "" {
		left += " " + m.t("вартовий ", "guard ") + m.guard
	}
	if m.health.Name != "" {
		left += " · " + clean(m.health.Name)
	}
	if left == "" || m.width >= 110 {
		left = " " + m.t("ПЕРЕВІРКА ПОСВІДЧЕНЬ", "SERVICE ID CHECK") + strings.Replace(left, " ", " · ", 1)
	}
	clock := locale.Kyiv(m.config.Now()).Format("02.01.2006 15:04:05") + " "
	lines := []string{on(p.bar, pad(left, m.width-width(clock)-1)+" "+clock)}
	if m.health.Demo {
		lines = append(lines, on(p.demo, pad(" "+m.t("ДЕМОНСТРАЦІЙНИЙ КОРІНЬ: ключі відомі всім, нікого так не пропускайте", "DEMO ROOT: everybody has its keys, let nobody in by this"), m.width)))
	}
	return lines
}

// tally is the shift in one line.
func (m *Model) tally(p paint) string {
	now := m.config.Now()
	shift := max(now.Sub(m.since), 0)
	text := fmt.Sprintf(m.t(" зміна %d:%02d", " shift %d:%02d"), int(shift.Hours()), int(shift.Minutes())%60) +
		fmt.Sprintf("  ✔ %d  ✘ %d  ? %d", m.counts[verifier.Accept], m.counts[verifier.Refuse], m.counts[verifier.CannotConfirm])
	if len(m.traces) > 0 {
		text += m.t("  попередні:", "  before:")
		for i := len(m.traces) - 1; i >= max(len(m.traces)-3, 0); i-- {
			text += " " + markOf(m.traces[i].outcome) + locale.Kyiv(m.traces[i].at).Format("15:04")
		}
	}
	line := p.faint.Render(text)
	if m.lost > 0 {
		line += p.warn.Render(fmt.Sprintf(m.t("  НЕ ПЕРЕВІРЕНО кодів: %d — по одному", "  codes NOT CHECKED: %d — one at a time"), m.lost))
	}
	if m.faults > 0 {
		line += p.warn.Render(fmt.Sprintf(m.t("  збоїв: %d", "  faults: %d"), m.faults))
	}
	return line
}

// warnings are the troubles of the device in short lines, the worst first.
func (m *Model) warnings() []string {
	var all []string
	now := m.config.Now()
	h := m.health
	if !h.Expires.IsZero() && h.Code == "" {
		switch left := h.Expires.Sub(now); {
		case left < 24*time.Hour:
			all = append(all, m.t("набір довіри діє до ", "the trust bundle ends ")+locale.Moment(m.lang, h.Expires)+m.t(": встановіть свіжий", ": install a fresh one"))
		case h.Limit > 0 && now.Sub(h.Issued) > h.Limit:
			all = append(all, m.t("набір довіри старший за правила (", "the trust bundle is older than the policy allows (")+locale.Duration(m.lang, h.Limit)+m.t("): встановіть свіжий", "): install a fresh one"))
		case h.Limit > 0 && now.Sub(h.Issued) > h.Limit*3/4:
			all = append(all, m.t("набір довіри скоро застаріє: встановіть свіжий до ", "the trust bundle will soon be too old: install a fresh one by ")+locale.Moment(m.lang, h.Issued.Add(h.Limit)))
		}
	}
	if h.PolicyOld {
		all = append(all, m.t("строк правил пункту минув, їх виконують далі: попросіть нові", "the policy of this checkpoint has expired and is obeyed on: ask for a new one"))
	}
	for _, name := range m.order {
		if s := m.sources[name]; s != nil && s.err != nil && !s.gone {
			all = append(all, s.name+": "+m.words(s.err))
		}
	}
	if m.journal != nil {
		all = append(all, m.t("журнал не записано: ", "the journal was not written: ")+m.words(m.journal))
	}
	return all
}

// keysLine tells which keys act now.
func (m *Model) keysLine(p paint) string {
	if m.over.asks() {
		return on(p.demo, " "+m.questionWords()+" ")
	}
	if m.notice != "" {
		return p.warn.Render(" " + m.notice)
	}
	var keys []string
	if c := m.current; c != nil {
		keys = append(keys, m.t("[пробіл] далі", "[space] next"))
		v := c.verdict()
		if m.config.Device.Challenge != nil && !v.Answered {
			keys = append(keys, m.t("[C] запит", "[C] challenge"))
		}
		if m.config.Device.Confirm != nil && v.Answered && !c.several() && v.Level < verifier.L3 && v.Holder != nil && v.Shown() != verifier.Refuse {
			if c.photo != nil {
				keys = append(keys, m.t("[F] обличчя звірено", "[F] face compared"))
			}
			keys = append(keys, m.t("[K] звірено з пластиком", "[K] plastic compared"))
		}
		if c.photo != nil {
			keys = append(keys, m.t("[P] світлина", "[P] photo"))
		}
	} else if m.config.Device.Challenge != nil {
		keys = append(keys, m.t("[C] запит", "[C] challenge"))
	}
	sound := m.t("[S] звук: ні", "[S] sound: off")
	if m.sound {
		sound = m.t("[S] звук: так", "[S] sound: on")
	}
	rest := []string{m.t("[H] довідка", "[H] help"), m.t("[Q] кінець", "[Q] quit"), sound, m.t("[L] English", "[L] українська")}
	used := 1
	for _, k := range keys {
		used += width(k) + 2
	}
	for _, k := range rest {
		if used += width(k) + 2; used > m.width+2 {
			break
		}
		keys = append(keys, k)
	}
	return p.faint.Render(" " + strings.Join(keys, "  "))
}

// questionWords asks the guard to repeat the digits; where room is short, in few words.
func (m *Model) questionWords() string {
	short := m.width < smallColumns
	what, few := "", ""
	switch {
	case m.over == overQuit:
		what, few = m.t("Завершити зміну? Наберіть ", "End the shift? Type "), m.t("Завершити? ", "Quit? ")
	case m.over == overRelieve:
		what, few = m.t("Заступає інший вартовий? Наберіть ", "Another guard comes on duty? Type "), m.t("Інший вартовий? ", "Other guard? ")
	case m.plastic:
		what, few = m.t("Обличчя — як на ПЛАСТИКУ? Наберіть ", "Is the face that of the PLASTIC card? Type "), m.t("Як на ПЛАСТИКУ? ", "As the PLASTIC? ")
	default:
		what, few = m.t("Обличчя — як на світлині ВИЩЕ? Наберіть ", "Is the face that of the photo ABOVE? Type "), m.t("Як на світлині? ", "As the photo? ")
	}
	if short {
		return few + m.code
	}
	return what + m.code + m.t(" · ні: Esc", " · no: Esc")
}

// line is one line of text about a verdict. Where room is short, lines of one pair share a line first, and then what has the
// lowest rank goes.
type line struct {
	text string
	rank int
	pair int // 0: none
}

// Pairs of lines that may share one.
const (
	pairPhone  = 1 + iota // duty phone, status as of
	pairPerson            // name, position
	pairBody              // unit, body
)

// body is what is told about a verdict, without the big word.
func (m *Model) body(c *card, columns int, bare bool) []line {
	p := m.paints()
	v := c.verdict()
	o := v.Shown()
	if v == nil {
		f := fault()
		v = &f
	}
	var lines []line
	add := func(rank int, text string) {
		if text != "" {
			lines = append(lines, line{text: text, rank: rank})
		}
	}
	paired := func(pair int, from int) { // marks what was added since, when it is one line
		if len(lines) == from+1 {
			lines[from].pair = pair
		}
	}
	field := func(rank int, label, value string) {
		if value = clean(value); value != "" {
			add(rank, p.faint.Render(label+" ")+clip(value, columns-width(label)-1))
		}
	}
	headline, cause, next := v.Text(m.lang)
	if c.hurt != nil {
		headline, cause, next = m.t("Сканер спотворив код", "The scanner garbled the code"), c.hurt.Cause, c.hurt.Remedy
	}
	if o == verifier.Accept {
		if c.ago > 0 {
			add(8, p.warn.Render(clip(m.t("УВАГА: цю особу вже підтверджено ", "MIND: this person was confirmed ")+locale.Duration(m.lang, c.ago.Truncate(time.Second))+m.t(" тому", " ago"), columns)))
		}
		add(3, p.good.Render(clip(next, columns)))
	} else {
		for i, l := range wrap(sentence(clean(headline), clean(cause)), columns, 3) {
			add(9-i, p.strong.Render(l))
		}
		for i, l := range wrap(m.t("ЩО РОБИТИ: ", "DO: ")+clean(next), columns, 3) {
			add(9-i, p.warn.Render(l))
		}
		if v.Issuer != nil && v.Issuer.DutyPhone != "" {
			from := len(lines)
			add(8, p.faint.Render(m.t("черговий органу ", "duty phone "))+p.strong.Render(clip(clean(v.Issuer.DutyPhone), columns-18)))
			paired(pairPhone, from)
		}
	}
	if v.Simulated {
		add(8, p.warn.Render(clip(locale.Label(m.lang, "simulated"), columns)))
	}
	if h := v.Holder; h != nil {
		from := len(lines)
		for i, l := range wrap(clean(h.Name), columns, 2) {
			add(9-i, p.strong.Render(l))
		}
		paired(pairPerson, from)
		position, unit := h.Position, h.Unit
		if m.lang == "en" {
			position, unit = either(h.PositionEN, position), either(h.UnitEN, unit)
		}
		from = len(lines)
		for i, l := range wrap(clean(position), columns, 2) {
			add(7-2*i, l)
		}
		paired(pairPerson, from)
		from = len(lines)
		for i, l := range wrap(clean(unit), columns, 2) {
			add(4-2*i, l)
		}
		paired(pairBody, from)
		if v.Issuer != nil {
			name := v.Issuer.Name
			if m.lang == "en" {
				name = either(v.Issuer.NameEN, name)
			}
			from = len(lines)
			for i, l := range wrap(strings.TrimSpace(clean(name)+" "+clean(v.Issuer.EDRPOU)), columns, 2) {
				add(6-3*i, l)
			}
			paired(pairBody, from)
		}
		number := p.faint.Render(m.t("№ ", "No ")) + p.strong.Render(clean(h.Number))
		if h.Rank > 0 {
			number += p.faint.Render(m.t("  ранг ", "  rank ")) + fmt.Sprint(h.Rank)
		}
		if h.Category != "" {
			number += p.faint.Render(m.t("  категорія ", "  category ")) + clean(h.Category)
		}
		if !h.ExpiresAt.IsZero() {
			number += p.faint.Render(m.t("  строк дії до ", "  valid until ")) + locale.Date(h.ExpiresAt)
		}
		add(7, clip(number, columns))
		level := locale.LevelName(m.lang, int(v.Level))
		if v.Card != nil {
			level = locale.CardLevelName(m.lang, int(v.Level))
		}
		if width(level) > columns {
			level, _, _ = strings.Cut(level, ":")
		}
		add(5, p.faint.Render(level))
		if c.photo != nil && !c.photo.made.IsZero() {
			add(1, p.faint.Render(clip(m.t("світлина з пакета від ", "photo of the pack of ")+locale.Date(c.photo.made), columns)))
		}
		if h.HasPhoto && c.photo == nil {
			add(1, p.faint.Render(clip(m.whyNoPhotoOf(c), columns)))
		}
	} else if v.Issuer != nil {
		field(4, m.t("орган", "body"), v.Issuer.Name+" "+v.Issuer.EDRPOU)
	}
	when := p.faint.Render(m.t("перевірено ", "checked ")) + locale.Kyiv(c.at).Format("15:04:05")
	asOf := ""
	if !v.StatusAsOf.IsZero() {
		asOf = p.faint.Render(m.t("дані станом на ", "status as of ")) + locale.Moment(m.lang, v.StatusAsOf)
	}
	from := len(lines)
	add(6, clip(asOf, columns))
	paired(pairPhone, from)
	add(4, clip(when, columns))
	field(1, m.t("сканер:", "scanner:"), c.note)
	if len(c.list) > 1 {
		add(8, p.strong.Render(clip(fmt.Sprintf(m.t("У кадрі кодів: %d. Інші:", "Codes in the frame: %d. The others:"), len(c.list)), columns)))
		for _, j := range c.list[1:] {
			jo := j.verdict.Shown()
			text := " " + markOf(jo) + " " + locale.Word(m.lang, jo.String()) + "  "
			if j.verdict.Holder != nil {
				text += clean(j.verdict.Holder.Name) + " "
			}
			if jo != verifier.Accept {
				h, _, _ := j.verdict.Text(m.lang)
				text += h
			}
			add(7-severityRank(jo), p.faint.Render(clip(text, columns)))
		}
	}
	if bare {
		for i := range lines {
			lines[i].text = clip(lines[i].text, columns)
		}
	}
	return lines
}

func severityRank(o verifier.Outcome) int { return 2 - o.Severity() }

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func sentence(headline, cause string) string {
	if headline == "" {
		return cause
	}
	return headline + ". " + cause
}

func (m *Model) whyNoPhotoOf(c *card) string {
	switch {
	case m.config.Device.Photo == nil:
		return m.t("світлини немає: ", "no photo: ") + m.config.Device.NoPhoto.In(m.lang)
	case c.photoErr != nil:
		return m.t("світлини немає: ", "no photo: ") + m.words(c.photoErr)
	}
	return ""
}

// squeeze makes lines fit into rows: first by letting pairs share a line, then by dropping those of the lowest ranks. The order
// stays.
func squeeze(lines []line, rows, columns int) []string {
	lines = append([]line(nil), lines...)
	for len(lines) > max(rows, 0) {
		if i, j, ok := couple(lines, columns); ok {
			lines[i].text += "  " + lines[j].text
			lines[i].rank, lines[i].pair = max(lines[i].rank, lines[j].rank), 0
			lines = append(lines[:j], lines[j+1:]...)
			continue
		}
		least := 0
		for i, l := range lines {
			if l.rank <= lines[least].rank {
				least = i
			}
		}
		lines = append(lines[:least], lines[least+1:]...)
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.text
	}
	return out
}

// couple finds two lines of one pair that fit into one.
func couple(lines []line, columns int) (i, j int, ok bool) {
	for i, a := range lines {
		for j := i + 1; j < len(lines); j++ {
			if b := lines[j]; a.pair != 0 && a.pair == b.pair && width(a.text)+2+width(b.text) <= columns {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// wordLines is how a word is broken for the big letters.
func wordLines(word string, cols, rows int) (lines []string, drawn *bitmap) {
	one := drawWord([]string{word}, cols, rows)
	parts := strings.Fields(word)
	if len(parts) < 2 {
		return []string{word}, one
	}
	two := drawWord(parts, cols, rows)
	if two != nil && (one == nil || (two.h-2)/2 >= one.h) {
		return parts, two
	}
	return []string{word}, one
}

// banner draws sign and word of an outcome on its colour, full width, at most rows high.
func (m *Model) banner(o verifier.Outcome, rows int) []string {
	return m.drawBanner(locale.Word(m.lang, o.String()), o, m.paints().of(o), drawSign, edgeOf(o), rows)
}

func (m *Model) drawBanner(word string, o verifier.Outcome, style lipgloss.Style, sign func(verifier.Outcome, int) *bitmap, edge string, rows int) []string {
	inner := rows - 2
	if words := len(strings.Fields(word)); inner < 3 || words > 1 && rows < 13 && edge != " " {
		inner = rows // no room for the frame: the letters matter more
	}
	cols := m.width - 2
	var picture *bitmap
	// The largest letters that leave room for the sign: beside the whole word, or beside its first line.
	for budget := inner; budget >= 3 && picture == nil; budget-- {
		lines, letters := wordLines(word, cols, budget)
		if letters == nil {
			break
		}
		tall := letters.h
		if len(lines) > 1 {
			tall = (letters.h - 2) / 2
		}
		s := mark(tall / 2)
		switch full := sign(o, letters.h/2); {
		case full.w+2+letters.w <= cols:
			gap := min(cols-full.w-letters.w, 4)
			picture = newBitmap(full.w+gap+letters.w, letters.h)
			picture.draw(full, 0, 0)
			picture.draw(letters, full.w+gap, 0)
		case len(lines) > 1 && edge == " ":
			picture = letters
		case len(lines) > 1:
			picture = newBitmap(letters.w, letters.h)
			picture.draw(letters, 0, 0)
			for x := letters.w - s.w; x > letters.w/2; x -= s.w + 5 {
				picture.draw(s, x, 0)
			}
		}
	}
	var core []string
	if picture == nil {
		core = []string{"", markOf(o) + "  " + word + "  " + markOf(o), ""}
	} else {
		core = picture.lines()
	}
	frame := strings.Repeat(edge, m.width/width(edge)+1)
	var out []string
	top := max((rows-len(core))/2, 0)
	for i := range rows {
		switch j := i - top; {
		case (i == 0 || i == rows-1) && rows >= len(core)+2:
			out = append(out, on(style, pad(clipHard(frame, m.width), m.width)))
		case j >= 0 && j < len(core):
			left := max((m.width-width(core[j]))/2, 0)
			out = append(out, on(style, pad(strings.Repeat(" ", left)+core[j], m.width)))
		default:
			out = append(out, on(style, pad("", m.width)))
		}
	}
	return out
}

// clipHard cuts a text without an ellipsis.
func clipHard(text string, columns int) string {
	r := []rune(text)
	for len(r) > 0 && width(string(r)) > columns {
		r = r[:len(r)-1]
	}
	return string(r)
}

// plan is how the rows of a verdict are shared out.
type plan struct {
	head, banner, body int
	photoW, photoH     int
	text               int // columns for text
}

func (m *Model) plan(c *card) plan {
	pl := plan{head: 1, text: m.width - 2}
	if m.health.Demo {
		pl.head = 2
	}
	foot := 3
	free := m.height - pl.head - foot
	most, least := 9, 8
	if c.outcome == verifier.CannotConfirm {
		most, least = 13, 11
		if v := c.verdict(); c.photo != nil && v != nil && v.Answered {
			least = 9 // the face is to be compared: the photo needs the room
		}
	}
	if m.height > 24 {
		grow := (m.height - 24) / 2
		most += grow
		least += grow / 2
	}
	wanted := len(m.body(c, pl.text, false)) + 1
	if c.photo != nil {
		wanted = max(wanted, 11)
	}
	pl.banner = max(min(free-wanted, most), least)
	pl.body = free - pl.banner
	if c.photo != nil {
		if rows := pl.body - 1; rows >= leastPhotoRows {
			pl.photoW, pl.photoH = c.photo.room(m.width*2/5, rows)
			pl.text = m.width - pl.photoW - 5
		}
	}
	return pl
}

// photoOnScreen tells whether the verdict's screen shows the portrait.
func (m *Model) photoOnScreen() bool {
	if m.current == nil || m.current.photo == nil || m.width < smallColumns || m.height < smallRows {
		return false
	}
	return m.plan(m.current).photoH >= leastPhotoRows
}

// photoFits tells whether the portrait fits a screen of its own.
func (m *Model) photoFits() bool { return m.width >= smallColumns && m.height >= smallRows }

// portraitLines draws a portrait as well as the terminal can.
func (m *Model) portraitLines(p *picture, w, h int) []string {
	switch {
	case w < 1 || h < 1:
		return nil
	case m.colors >= colorprofile.ANSI256:
		return p.blocks(w, h)
	case m.config.Blocks:
		return p.ink(w, h)
	}
	return p.braille(w, h)
}

func (m *Model) verdictScreen() []string {
	p := m.paints()
	c := m.current
	pl := m.plan(c)
	out := m.header(p)
	out = append(out, m.banner(c.verdict().Shown(), pl.banner)...)
	text := squeeze(m.body(c, pl.text, false), pl.body, pl.text)
	if len(text) < pl.body {
		text = append([]string{""}, text...)
	}
	var portrait []string
	if pl.photoH > 0 {
		portrait = append([]string{""}, m.portraitLines(c.photo, pl.photoW, pl.photoH)...)
	}
	for i := range pl.body {
		row := " "
		if pl.photoH > 0 {
			part := ""
			if i < len(portrait) {
				part = portrait[i]
			}
			row += " " + part + strings.Repeat(" ", max(pl.photoW-width(part), 0)) + "  "
		}
		if i < len(text) {
			row += text[i]
		}
		out = append(out, row)
	}
	rules := m.t("Допуск на об'єкт вирішують правила об'єкта.", "Entry is decided by the site's own pass rules.")
	left := p.strong.Render(" " + rules)
	if n := len(m.pending); n > 0 {
		left += p.warn.Render(fmt.Sprintf(m.t("  ЧЕКАЄ ЩЕ КОДІВ: %d", "  CODES WAITING: %d"), n))
	} else if w := m.warnings(); len(w) > 0 {
		left += p.warn.Render("  ! " + w[0])
	}
	return append(out, left, m.tally(p), m.keysLine(p))
}

func (m *Model) waitingScreen() []string {
	p := m.paints()
	out := m.header(p)
	foot := 2
	info := m.deviceLines(p)
	free := m.height - len(out) - foot
	bannerRows := max(min(free-len(info)-3, free/2+2), 7)
	big, style, sign, edge := m.t("ПОКАЖІТЬ КОД", "SHOW CODE"), p.strong, func(_ verifier.Outcome, rows int) *bitmap { return viewfinder(rows) }, " "
	if m.health.Code != "" {
		big, style, sign, edge = m.t("НЕ ГОТОВО", "NOT READY"), p.unsure, drawSign, "? "
	}
	out = append(out, m.drawBanner(big, verifier.CannotConfirm, style, sign, edge, bannerRows)...)
	now := m.config.Now()
	state := ""
	switch {
	case m.judging != 0 || m.burst.long():
		dots := strings.Repeat(".", 1+int(now.UnixMilli()/300)%3)
		state = p.strong.Render(m.t("ЧИТАЮ КОД", "READING") + dots)
	case m.waiting:
		state = p.strong.Render(m.t("роблю запит…", "making a challenge…"))
	case m.advice != "":
		state = p.warn.Render(m.advice)
	case m.lingers(now):
		state = p.faint.Render(m.t("той самий код ще в кадрі — наступний покаже свій", "the same code is still in view — the next person shows another"))
	case m.health.Code == "":
		with := m.t("камера або ручний сканер", "camera or hand scanner")
		for _, s := range m.sources {
			if s.card && s.up {
				with = m.t("камера, ручний сканер або картка", "camera, hand scanner or card")
			}
		}
		state = p.faint.Render(with + m.t("; скануйте код з екрана телефона", "; the code is on the phone's screen"))
	}
	out = append(out, "", center(state, m.width), "")
	if m.health.Code != "" {
		headline, cause, next := locale.Text(m.lang, string(m.health.Code), m.health.Args)
		out = out[:len(out)-2]
		for _, l := range wrap(sentence(headline, cause), m.width-4, 2) {
			out = append(out, "  "+p.strong.Render(l))
		}
		for _, l := range wrap(m.t("ЩО РОБИТИ: ", "DO: ")+next, m.width-4, 3) {
			out = append(out, "  "+p.warn.Render(l))
		}
		out = append(out, "")
	}
	out = append(out, info...)
	room := m.height - foot
	if len(out) > room {
		out = out[:room]
	}
	for len(out) < room {
		out = append(out, "")
	}
	return append(out, m.tally(p), m.keysLine(p))
}

// lingers tells whether a service ID that was judged still stands before a camera.
func (m *Model) lingers(now time.Time) bool {
	for _, s := range m.view {
		if s.ours && now.Sub(s.last) < time.Second {
			return true
		}
	}
	return false
}

func center(text string, columns int) string {
	return strings.Repeat(" ", max((columns-width(text))/2, 0)) + text
}

// deviceLines tell the state of the device while nothing else is on the screen.
func (m *Model) deviceLines(p paint) []string {
	h := m.health
	now := m.config.Now()
	var lines []string
	row := func(label, value string) {
		lines = append(lines, "  "+p.faint.Render(pad(label, 14))+" "+clip(value, m.width-18))
	}
	if h.Bundle != 0 {
		row(m.t("набір довіри", "trust bundle"), fmt.Sprintf(m.t("№ %d, вік %s, діє до %s", "No %d, %s old, until %s"), h.Bundle,
			locale.Duration(m.lang, max(now.Sub(h.Issued), 0).Truncate(time.Minute)), locale.Moment(m.lang, h.Expires)))
	}
	if (h.Policy != Words{}) {
		row(m.t("правила пункту", "policy"), clean(h.Policy.In(m.lang)))
	}
	for _, name := range m.order {
		s := m.sources[name]
		state := m.t("вмикаю…", "starting…")
		switch {
		case s.err != nil && s.gone:
			state = p.faint.Render("— " + m.words(s.err))
		case s.err != nil:
			state = p.bad.Render("✘ " + m.words(s.err))
		case s.up:
			state = p.good.Render("✔ ") + s.name
		}
		label := m.t("камера", "camera")
		if s.card {
			label = m.t("картки", "cards")
		}
		row(label, state)
	}
	row(m.t("ручний сканер", "hand scanner"), m.t("як клавіатура: зчитуйте будь-коли", "as a keyboard: scan at any time"))
	can := func(ok bool, why string) string {
		if ok {
			return p.good.Render("✔ ") + m.t("є", "ready")
		}
		return p.faint.Render("— " + clean(why))
	}
	d := m.config.Device
	row(m.t("запит", "challenge"), can(d.Challenge != nil, d.NoChallenge.In(m.lang)))
	switch {
	case d.Photo != nil && h.Photos.IsZero():
		row(m.t("світлини", "photos"), can(false, m.t("пакета не встановлено (posvid-verify photos install)", "no pack is installed (posvid-verify photos install)")))
	case d.Photo != nil:
		row(m.t("світлини", "photos"), p.good.Render("✔ ")+m.t("пакет від ", "pack of ")+locale.Date(h.Photos))
	default:
		row(m.t("світлини", "photos"), can(false, d.NoPhoto.In(m.lang)))
	}
	if m.journal != nil {
		row(m.t("журнал", "journal"), p.bad.Render("✘ "+m.words(m.journal)))
	} else if d.Journal == nil {
		row(m.t("журнал", "journal"), can(false, d.NoJournal.In(m.lang)))
	} else {
		row(m.t("журнал", "journal"), can(h.NoJournal == Words{}, h.NoJournal.In(m.lang)))
	}
	for _, w := range m.warnings() {
		lines = append(lines, "  "+p.warn.Render("! "+clip(w, m.width-6)))
	}
	return lines
}

func (m *Model) guardScreen() []string {
	p := m.paints()
	out := m.header(p)
	out = append(out, "", "  "+p.strong.Render(m.t("Хто заступає на зміну?", "Who is on duty?")), "",
		"  "+m.t("вартовий: ", "guard: ")+on(p.bar, " "+clip(clean(m.name), m.width-20)+"▏"), "",
		"  "+p.faint.Render(m.t("Прізвище або номер жетона, тоді Enter. До цього коди не перевіряються.", "Surname or badge number, then Enter. No codes are checked before.")),
		"  "+p.faint.Render(m.t("Ім'я видно на екрані та в журналі цього пристрою.", "The name stands on the screen and in this device's journal.")))
	if m.notice != "" {
		out = append(out, "", "  "+p.warn.Render(m.notice))
	}
	return out
}

func (m *Model) helpScreen() []string {
	p := m.paints()
	out := m.header(p)
	row := func(key, uk, en string) {
		out = append(out, "  "+p.strong.Render(pad(key, 9))+m.t(uk, en))
	}
	out = append(out, "")
	row(m.t("пробіл", "space"), "прибрати вердикт; далі", "take the verdict away; next")
	row("C", "показати запит: відповідь на нього — вищий рівень", "show a challenge: an answer to it is a higher level")
	row("F", "обличчя звірено зі світлиною на цьому екрані", "the face was compared with the photo on this screen")
	row("K", "обличчя звірено зі світлиною на пластику", "the face was compared with the photo on the plastic card")
	row("P", "світлина на весь екран", "the photo alone")
	row("S", "звук: 1 — чинне, 2 — не підтверджено, 3 — відхилено", "sound: 1 valid, 2 not confirmed, 3 refused")
	row("L", "мова", "language")
	row("G", "інший вартовий, нова зміна", "another guard, a new shift")
	row("Q", "кінець", "quit")
	out = append(out, "")
	for _, o := range []verifier.Outcome{verifier.Accept, verifier.Refuse, verifier.CannotConfirm} {
		word := on(p.of(o), " "+markOf(o)+" "+pad(locale.Word(m.lang, o.String()), 16))
		out = append(out, "  "+word+" "+map[verifier.Outcome]string{
			verifier.Accept:        m.t("підписи, строк і статус перевірено", "signatures, term and status are checked"),
			verifier.Refuse:        m.t("не пропускайте за цим кодом", "do not let through by this code"),
			verifier.CannotConfirm: m.t("це не відмова: зробіть те, що написано", "no refusal: do what is written"),
		}[o])
	}
	out = append(out, "", "  "+p.faint.Render(m.t("Клавіші діють і в українській розкладці: місце клавіші те саме.", "The keys act in the Ukrainian layout too, by their place.")))
	for len(out) < m.height-1 {
		out = append(out, "")
	}
	return append(out[:m.height-1], m.keysLine(p))
}

func (m *Model) photoScreen() []string {
	c := m.current
	p := m.paints()
	v := c.verdict()
	o := v.Shown()
	out := []string{on(p.of(o), pad(m.shortWord(o), m.width))}
	w, h := c.photo.room(m.width-2, m.height-3)
	for _, l := range m.portraitLines(c.photo, w, h) {
		out = append(out, strings.Repeat(" ", (m.width-w)/2)+l)
	}
	for len(out) < m.height-2 {
		out = append(out, "")
	}
	name := ""
	if v.Holder != nil {
		name = clean(v.Holder.Name) + "  № " + clean(v.Holder.Number)
	}
	return append(out, p.strong.Render(" "+clip(name, m.width-2)), m.keysLine(p))
}

// challengeScreen shows the challenge black on white, with its quiet zone, and how long it can be answered.
func (m *Model) challengeScreen() []string {
	p := m.paints()
	left := max(m.challenge.Expires.Sub(m.config.Now()).Round(time.Second), 0)
	bar := m.width - 30
	full := min(max(int(left.Seconds()*float64(bar)/60), 0), max(bar, 0))
	count := p.strong.Render(fmt.Sprintf(m.t(" ЗАПИТ: ще %2d с ", " CHALLENGE: %2d s "), int(left.Seconds()))) + strings.Repeat("█", full)
	help := " " + m.t("Пред'явник сканує цей запит застосунком і показує відповідь. Esc — назад.", "The holder scans this with the wallet and shows the answer. Esc: back.")
	if m.notice != "" {
		help = " " + m.notice
	}
	if fit, ok := m.fit(); ok {
		lines := m.drawSymbol(fit)
		if fit.beside {
			// The symbol takes every row: what is to be said stands beside it.
			words := append([]string{fmt.Sprintf(m.t("ЗАПИТ: ще %2d с", "CHALLENGE: %2d s"), int(left.Seconds())), ""},
				wrap(strings.TrimSpace(help)+" "+m.t("Якщо не читається, збільште вікно.", "If it does not read, enlarge the window."), m.width-width(lines[0])-2, m.height-3)...)
			for i, w := range words {
				if i < len(lines) {
					lines[i] += " " + p.strong.Render(w)
				}
			}
			return lines
		}
		out := []string{}
		if m.height-1-len(lines) >= 2 {
			out = append(out, m.header(p)[0])
		}
		for _, l := range lines {
			out = append(out, center(l, m.width))
		}
		if m.height-len(out) >= 2 {
			out = append(out, help)
		}
		for len(out) < m.height-1 {
			out = append(out, "")
		}
		return append(out, count)
	}
	size := 0
	if len(m.symbols) > 0 {
		size = m.symbols[len(m.symbols)-1].size
	}
	return append(m.header(p), "", "  "+p.warn.Render(fmt.Sprintf(m.t("Для запиту потрібне вікно %d×%d, а тут %d×%d.", "The challenge needs a window of %d×%d, here are %d×%d."), size+4, (size+5)/2+1, m.width, m.height)),
		"  "+m.t("Збільште вікно або зменшіть шрифт (Ctrl і мінус).", "Enlarge the window or use a smaller font (Ctrl and minus)."), "", count, help)
}

// fitting is one way to put a challenge's symbol on the screen.
type fitting struct {
	symbol     *grid
	quiet, top int  // light modules at the sides, and above and below
	beside     bool // the words stand at its right
}

// fit gives the best way that the window has room for: the symbol with its whole quiet zone, else a narrower one, else a symbol
// with less error correction, which a screen without dirt hardly needs.
func (m *Model) fit() (f fitting, ok bool) {
	for _, g := range m.symbols {
		for quiet := 4; quiet >= 2; quiet-- {
			if (g.size+2*quiet+1)/2 <= m.height-1 && g.size+2*quiet <= m.width {
				return fitting{symbol: g, quiet: quiet, top: quiet}, true
			}
		}
	}
	for _, g := range m.symbols {
		if (g.size+3)/2 <= m.height && g.size+8+20 <= m.width {
			return fitting{symbol: g, quiet: 4, top: 1, beside: true}, true
		}
	}
	return fitting{}, false
}

// drawSymbol draws a symbol black on white in half blocks. Without colours light modules are painted on a dark ground, and
// dark ones on a light ground.
func (m *Model) drawSymbol(f fitting) []string {
	style := lipgloss.NewStyle().Foreground(lipgloss.Color("16")).Background(lipgloss.Color("231"))
	ink := m.colors > colorprofile.ASCII || !m.dark
	var lines []string
	for y := -f.top; y < f.symbol.size+f.top; y += 2 {
		var s strings.Builder
		for x := -f.quiet; x < f.symbol.size+f.quiet; x++ {
			switch top, bottom := f.symbol.at(x, y) == ink, f.symbol.at(x, y+1) == ink; {
			case top && bottom:
				s.WriteString("█")
			case top:
				s.WriteString("▀")
			case bottom:
				s.WriteString("▄")
			default:
				s.WriteByte(' ')
			}
		}
		if m.colors > colorprofile.ASCII {
			lines = append(lines, on(style, s.String()))
		} else {
			lines = append(lines, s.String())
		}
	}
	return lines
}

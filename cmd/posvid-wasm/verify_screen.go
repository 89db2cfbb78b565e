package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/qr/source"
	"github.com/posvid/posvid/verifier"
)

// Times of the page; those of the checkpoint's screen (docs/spec/watch.md).
const (
	dwell      = 20 * time.Second // a verdict leaves the page by itself
	dwellFace  = time.Minute      // as dwell, for an answer whose face is still to be compared
	holdAccept = 2 * time.Second  // an acceptance is not replaced sooner
	holdOther  = 4 * time.Second  // any other verdict is not replaced sooner
	inView     = 3 * time.Second  // a code not seen for so long has left the camera's view
	foreign    = time.Minute      // as inView, for codes that are not ours: posters, labels
	samePerson = time.Minute      // one person accepted again within it is announced
	asking     = 15 * time.Second // a question to the guard lapses
)

// Bounds of what waits.
const (
	maxPending = 8
	maxInView  = 256
	maxFrame   = 16  // codes of one reading that are judged
	maxLetters = 400 // letters of one text
)

// Sources of a reading.
const (
	fromCamera  = "camera"
	fromScanner = "scanner"
	fromFile    = "file"
	fromPaste   = "paste"
)

// judged is one code with its verdict.
type judged struct {
	in      verifier.Input // as it was judged, for a confirmation by photo
	verdict verifier.Verdict
	ours    bool // the text begins as one of ours
}

// card is what one reading puts on the page: the verdicts of all its codes, the deciding one first.
type card struct {
	number int // of this run; no two are the same
	source string
	note   string // of the scanner's repair
	hurt   *source.LayoutError
	list   []judged
	at     time.Time // judged
	shown  time.Time // on the page since
	ago    time.Duration
	photo  bool // the portrait with the signed hash is on the page
}

func (c *card) verdict() *verifier.Verdict {
	if c == nil || len(c.list) == 0 {
		return nil
	}
	return &c.list[0].verdict
}

// several tells whether the reading had more than one service ID: a face compared with one of them says nothing of the others.
func (c *card) several() bool {
	n := 0
	for _, j := range c.list {
		if j.ours {
			n++
		}
	}
	return n > 1
}

// wipe forgets the person.
func (c *card) wipe() {
	if c != nil {
		clear(c.list)
		*c = card{}
	}
}

// sighting is a text that was seen before the camera.
type sighting struct {
	last time.Time
	ours bool
}

// screen is what the page shows, and the rules by which one verdict follows another. It is used by one goroutine.
type screen struct {
	state   *checkpoint.State
	lang    string
	number  int
	current *card
	pending []*card
	lost    int // readings and verdicts that did not fit
	view    map[[32]byte]sighting
	recent  map[[32]byte]time.Time
	salt    [16]byte

	challenge string // text of the open challenge; "" when none is shown
	expires   time.Time

	digits  string // that the guard has to repeat; "" when nothing is asked
	plastic bool   // the question is about the photo on the plastic
	asked   time.Time

	notice  string
	noticed time.Time

	online       string // a one-time code that the page has to ask the service about; "" when there is none
	onlineNumber int

	// judging is called before an answer is judged once more, with the photo that was compared.
	judging func()
}

func newScreen(state *checkpoint.State, lang string) *screen {
	s := &screen{state: state, lang: lang, view: map[[32]byte]sighting{}, recent: map[[32]byte]time.Time{}, judging: func() {}}
	_, _ = rand.Read(s.salt[:]) // never fails (crypto/rand)
	return s
}

// t picks the text of the reader's language.
func (s *screen) t(uk, en string) string {
	if s.lang == locale.English {
		return en
	}
	return uk
}

func (s *screen) say(text string, now time.Time) { s.notice, s.noticed = text, now }

// read takes the texts of one reading. unread tells that a picture was looked at and held no code.
func (s *screen) read(texts []string, unread bool, from string, network bool, now time.Time) {
	s.tick(now)
	s.online = ""
	c := &card{source: from, at: now}
	switch from {
	case fromCamera:
		if texts = s.fresh(texts, now); len(texts) == 0 {
			return
		}
	case fromScanner, fromPaste:
		for i, text := range texts {
			repaired, how, err := source.RepairText(text)
			if broken, ok := err.(*source.LayoutError); ok {
				c.hurt, unread, texts = broken, true, nil
				break
			}
			if texts[i] = repaired; how.Any() {
				c.note = how.Words(s.lang)
			}
		}
	}
	texts = slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return s.challenge != "" && text == s.challenge })
	if len(texts) == 0 && !unread {
		return // our own challenge, read from this page
	}
	if len(texts) > maxFrame {
		s.lost += len(texts) - maxFrame
		texts = oursFirst(texts)[:maxFrame]
	}
	if !slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(text, credential.Prefix) }) && s.takeOnline(texts, network, now) {
		return
	}
	s.judge(c, oursFirst(texts), unread)
	s.enqueue(c, now)
}

// fresh are the texts of a frame that have to be judged: one that stays before the camera is judged once, one that is not ours never
// takes the place of a verdict or of a challenge.
func (s *screen) fresh(texts []string, now time.Time) []string {
	var out []string
	ourVerdict := s.current != nil || s.challenge != ""
	for _, text := range texts {
		key := sha256.Sum256([]byte(text))
		old, known := s.view[key]
		if !known && len(s.view) >= maxInView {
			clear(s.view) // a stream of ever new codes: remembering none is better than remembering without bound
		}
		own := strings.HasPrefix(text, credential.Prefix)
		if !own && !known && ourVerdict {
			if c := s.current; c != nil && c.verdict().Shown() == verifier.Accept && now.Sub(c.shown) >= inView && !s.phoneInView(now) {
				s.leave() // somebody else stands there already: nobody comes in by another's green
			}
			continue
		}
		s.view[key] = sighting{last: now, ours: own}
		gap := foreign
		if own {
			gap = inView
		}
		if known && now.Sub(old.last) <= gap && !now.Before(old.last) {
			continue
		}
		out = append(out, text)
	}
	return out
}

// phoneInView tells whether a service ID was before the camera a moment ago.
func (s *screen) phoneInView(now time.Time) bool {
	for _, seen := range s.view {
		if seen.ours && now.Sub(seen.last) <= inView {
			return true
		}
	}
	return false
}

// oursFirst puts the texts of service IDs before all others.
func oursFirst(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, own := range [2]bool{true, false} {
		for _, t := range texts {
			if strings.HasPrefix(t, credential.Prefix) == own {
				out = append(out, t)
			}
		}
	}
	return out
}

// judge judges every text of a reading. A panic cannot confirm.
func (s *screen) judge(c *card, texts []string, unread bool) {
	if len(texts) == 0 {
		texts = []string{""}
	}
	for _, text := range texts {
		in := verifier.Input{Text: text, Unread: unread, At: c.at, Lang: s.lang}
		c.list = append(c.list, judged{in, s.judgeOne(in), strings.HasPrefix(text, credential.Prefix)})
	}
	// Service IDs decide before foreign codes, and among them the worst: nobody comes in behind another's green.
	worst := 0
	for i, j := range c.list {
		if first := c.list[worst]; j.ours == first.ours && j.verdict.Shown().Severity() > first.verdict.Shown().Severity() {
			worst = i
		}
	}
	c.list[0], c.list[worst] = c.list[worst], c.list[0]
}

func (s *screen) judgeOne(in verifier.Input) (v verifier.Verdict) {
	defer func() {
		if recover() != nil {
			v = fault()
		}
	}()
	return s.state.Verify(in, checkpoint.Gate{Record: true})
}

// fault is the verdict of failures of the program itself.
func fault() verifier.Verdict {
	return verifier.Verdict{Outcome: verifier.CannotConfirm, Code: verifier.Internal}
}

// hold is how long a verdict keeps its place from another person's.
func hold(c *card) time.Duration {
	if c.verdict().Shown() == verifier.Accept {
		return holdAccept
	}
	return holdOther
}

// stay is how long a verdict stays at most.
func stay(c *card) time.Duration {
	if v := c.verdict(); v != nil && v.Answered && v.Code == verifier.LevelTooLow {
		return dwellFace
	}
	return dwell
}

// enqueue shows a verdict now, or when the one on the page has been there long enough.
func (s *screen) enqueue(c *card, now time.Time) {
	outcome := c.verdict().Shown()
	if s.challenge != "" {
		if outcome != verifier.Refuse && c.verdict().Checks[verifier.CheckWindow].Result != verifier.NotRun {
			// A code that answers nothing, perhaps of the same phone before it has read the challenge: go on waiting.
			c.wipe()
			s.say(s.t("це код без відповіді на запит: нехай відсканує запит", "this code does not answer: let the holder scan the challenge"), now)
			return
		}
		s.challenge = ""
	}
	cur := s.current
	if cur != nil && len(s.pending) == 0 && c.source == fromCamera && s.same(cur, c) && (outcome == verifier.Accept || now.Sub(cur.shown) < hold(cur)) {
		c.wipe() // the same phone with its next code: nothing flickers
		return
	}
	if len(s.pending) >= maxPending {
		s.lost++
		c.wipe()
		return
	}
	s.pending = append(s.pending, c)
	if cur == nil || now.Sub(cur.shown) >= hold(cur) && s.digits == "" {
		s.next(now)
	}
}

// person names a holder by a number of this run that says nothing outside it.
func (s *screen) person(c *card) (key [32]byte, ok bool) {
	v := c.verdict()
	if v == nil || v.Holder == nil || v.Issuer == nil {
		return key, false
	}
	return sha256.Sum256([]byte(string(s.salt[:]) + v.Issuer.EDRPOU + "\x00" + v.Holder.Number)), true
}

// same tells whether a new verdict says nothing that the page does not say already.
func (s *screen) same(shown, c *card) bool {
	a, okA := s.person(shown)
	b, okB := s.person(c)
	return okA && okB && a == b && len(shown.list) == 1 && len(c.list) == 1 && c.verdict().Level <= shown.verdict().Level &&
		shown.verdict().Shown() == c.verdict().Shown() && shown.verdict().Code == c.verdict().Code && !c.verdict().Answered
}

// next puts the first verdict that waits on the page.
func (s *screen) next(now time.Time) {
	s.leave()
	for len(s.pending) > 0 && s.pending[0].verdict().Shown() == verifier.Accept && (now.Sub(s.pending[0].at) > dwell || now.Before(s.pending[0].at)) {
		// An acceptance that has waited for so long is nobody's any more who stands there.
		s.pending[0].wipe()
		s.pending = slices.Delete(s.pending, 0, 1)
		s.lost++
	}
	if len(s.pending) == 0 {
		return
	}
	c := s.pending[0]
	s.pending = slices.Delete(s.pending, 0, 1)
	s.number++
	s.current, c.number, c.shown = c, s.number, now
	if key, ok := s.person(c); ok && c.verdict().Shown() == verifier.Accept {
		at, known := s.recent[key]
		if len(s.recent) >= maxInView {
			clear(s.recent)
		}
		s.recent[key] = now
		if known && now.Sub(at) <= samePerson && !c.verdict().Answered {
			c.ago = max(now.Sub(at), time.Second)
		}
	}
}

// leave takes the verdict off the page and forgets the person.
func (s *screen) leave() {
	s.current.wipe()
	s.current, s.digits = nil, ""
}

// clear takes everything off the page: it was hidden, or its owner wants it empty.
func (s *screen) clear() {
	s.leave()
	for _, c := range s.pending {
		c.wipe()
	}
	s.pending, s.challenge, s.notice, s.online = nil, "", "", ""
}

// tick is what time does to the page.
func (s *screen) tick(now time.Time) {
	if s.notice != "" && (now.Sub(s.noticed) > 4*time.Second || now.Before(s.noticed)) {
		s.notice = ""
	}
	if s.challenge != "" && !now.Before(s.expires) {
		s.challenge = ""
		s.say(s.t("час запиту вийшов: зробіть новий", "the challenge is over: make a new one"), now)
	}
	if s.digits != "" && (now.Sub(s.asked) > asking || now.Before(s.asked)) {
		s.digits = ""
	}
	if c := s.current; c != nil {
		held := now.Sub(c.shown)
		switch {
		case held < 0: // the clock was set back: nothing stays for ever
			s.leave()
		case len(s.pending) > 0 && held >= hold(c) && s.digits == "":
			s.next(now)
		case held >= stay(c) && s.digits == "":
			s.leave()
		}
	} else if len(s.pending) > 0 && s.challenge == "" {
		s.next(now)
	}
	for key, seen := range s.view {
		if now.Before(seen.last) || now.Sub(seen.last) > foreign || seen.ours && now.Sub(seen.last) > inView {
			delete(s.view, key)
		}
	}
	for key, at := range s.recent {
		if now.Sub(at) > samePerson || now.Before(at) {
			delete(s.recent, key)
		}
	}
}

// show puts a challenge on the page.
func (s *screen) show(text string, c credential.Challenge) {
	s.clear()
	s.challenge, s.expires = text, c.Expires
}

// comparable tells whether the verdict on the page can be confirmed by a compared photo.
func (s *screen) comparable() bool {
	c := s.current
	v := c.verdict()
	return v != nil && v.Answered && !c.several() && v.Level < verifier.L3 && v.Holder != nil && v.Shown() != verifier.Refuse
}

// picture takes the portrait that the page was given: it is shown only when its hash is the signed one.
func (s *screen) picture(number int, jpeg []byte) bool {
	c := s.current
	v := c.verdict()
	if c == nil || c.number != number || v == nil || v.Holder == nil || !v.Holder.HasPhoto {
		return false
	}
	sum := sha256.Sum256(jpeg)
	c.photo = [20]byte(sum[:20]) == v.Holder.PhotoHash
	return c.photo
}

// ask asks the guard to state that the face was compared, by repeating two digits that no code shown to a scanner can know.
func (s *screen) ask(plastic bool, now time.Time) {
	if !s.comparable() || !plastic && !s.current.photo {
		return
	}
	n, _ := rand.Int(rand.Reader, big.NewInt(90)) // never fails (crypto/rand)
	s.digits, s.plastic, s.asked = fmt.Sprint(10+n.Int64()), plastic, now
}

// confirm judges the answer once more, now with the photo that was compared, when the digits are those that were asked for.
func (s *screen) confirm(digits string, now time.Time) {
	s.tick(now)
	want := s.digits
	s.digits = ""
	if want == "" || digits != want || !s.comparable() {
		return
	}
	c := s.current
	photo := verifier.Photo{Kind: verifier.PhotoPlastic}
	if !s.plastic {
		if !c.photo {
			return
		}
		photo = verifier.Photo{Kind: verifier.PhotoMatched, Hash: c.verdict().Holder.PhotoHash}
	}
	s.judging()
	in := c.list[0].in
	in.Lang = s.lang
	v := func() (v verifier.Verdict) {
		defer func() {
			if recover() != nil {
				v = fault()
			}
		}()
		return s.state.ConfirmPhoto(in, photo, now)
	}()
	s.number++
	c.list[0].verdict, c.number, c.shown = v, s.number, now
}

// Shapes of what the page is given.
type (
	// jsonScreen is everything that the page shows about codes.
	jsonScreen struct {
		Verdict   *jsonCard      `json:"verdict"`   // null: none
		Challenge *jsonChallenge `json:"challenge"` // null: none is shown
		Question  *jsonQuestion  `json:"question"`  // null: nothing is asked
		Notice    string         `json:"notice"`
		Online    *jsonAsk       `json:"online"`  // null: there is nothing to ask the service
		Waiting   int            `json:"waiting"` // verdicts that wait
		Lost      string         `json:"lost"`    // "" or a sentence about codes that were not checked
	}
	jsonAsk struct {
		Number int    `json:"number"` // of this run; no two are the same
		Code   string `json:"code"`
	}
	jsonChallenge struct {
		Text string `json:"text"`
		Left int64  `json:"left_ms"`
	}
	jsonQuestion struct {
		Text   string `json:"text"`
		Digits string `json:"digits"`
	}
	jsonCard struct {
		Number   int         `json:"number"`
		Outcome  string      `json:"outcome"`
		Code     string      `json:"code"`
		Word     string      `json:"word"`
		Strokes  int         `json:"strokes"` // of the tone
		Headline string      `json:"headline"`
		Cause    string      `json:"cause"`
		Next     string      `json:"next"`
		Phone    string      `json:"duty_phone"`
		Holder   *jsonPerson `json:"holder"`
		Body     string      `json:"body"`
		Level    string      `json:"level"`
		AsOf     string      `json:"as_of"`
		Bundle   string      `json:"bundle"`
		Offset   string      `json:"offset"` // "" when clocks agree
		Checked  string      `json:"checked"`
		Mind     string      `json:"mind"` // the same person a moment ago
		Note     string      `json:"note"` // of a hand scanner
		Others   []string    `json:"others"`
		Rules    string      `json:"rules"`
		Leaves   int64       `json:"leaves_ms"` // until it has to leave the page
		Photo    string      `json:"photo"`     // hash of the portrait that may be asked for; "" for none
		Plastic  bool        `json:"plastic"`   // the photo on the plastic can be compared now
		Compare  bool        `json:"compare"`   // the picture on the page can be compared now
	}
	jsonPerson struct {
		Name     string `json:"name"`
		Position string `json:"position"`
		Unit     string `json:"unit"`
		Number   string `json:"number"`
		Rank     string `json:"rank"`
		Category string `json:"category"`
		Term     string `json:"term"`
	}
)

// describe is the screen as the page gets it.
func (s *screen) describe(now time.Time) jsonScreen {
	out := jsonScreen{Notice: s.notice, Waiting: len(s.pending)}
	if s.lost > 0 {
		out.Lost = fmt.Sprintf(s.t("НЕ ПЕРЕВІРЕНО кодів: %d — показуйте по одному", "codes NOT CHECKED: %d — show one at a time"), s.lost)
	}
	if s.online != "" {
		out.Online = &jsonAsk{s.onlineNumber, s.online}
	}
	if s.challenge != "" {
		out.Challenge = &jsonChallenge{s.challenge, max(s.expires.Sub(now), 0).Milliseconds()}
	}
	if c := s.current; c != nil {
		out.Verdict = s.describeCard(c, now)
		if s.digits != "" {
			text := s.t("Обличчя — як на світлині ВИЩЕ? Наберіть ", "Is the face that of the photo ABOVE? Type ")
			if s.plastic {
				text = s.t("Обличчя — як на ПЛАСТИКУ? Наберіть ", "Is the face that of the PLASTIC card? Type ")
			}
			out.Question = &jsonQuestion{text, s.digits}
		}
	}
	return out
}

func (s *screen) describeCard(c *card, now time.Time) *jsonCard {
	v := c.verdict()
	if v == nil {
		f := fault()
		v = &f
	}
	o := v.Shown()
	out := &jsonCard{
		Number: c.number, Outcome: o.String(), Code: string(v.Code), Word: locale.Word(s.lang, o.String()), Strokes: 3, Note: c.note,
		Rules:   s.t("Допуск на об'єкт вирішують правила об'єкта.", "The site's own rules decide about entry."),
		Leaves:  max(stay(c)-now.Sub(c.shown), 0).Milliseconds(),
		Checked: s.t("перевірено ", "checked ") + locale.Kyiv(c.at).Format("15:04:05"),
		Others:  []string{},
	}
	switch o {
	case verifier.Accept:
		out.Strokes = 1
	case verifier.CannotConfirm:
		out.Strokes = 2
	}
	out.Headline, out.Cause, out.Next = v.Text(s.lang)
	switch {
	case c.hurt != nil:
		out.Headline, out.Cause, out.Next = s.t("Сканер спотворив код", "The scanner garbled the code"), c.hurt.Words(s.lang), c.hurt.Remedy(s.lang)
	case v.Code == verifier.NoRoot:
		out.Next = s.t("Введіть відбиток кореневого ключа на початку налаштування цієї сторінки.", "Enter the fingerprint of the root in the set-up of this page.")
	case v.Simulated:
		out.Cause = locale.Label(s.lang, "simulated")
	}
	if c.ago > 0 && o == verifier.Accept {
		out.Mind = s.t("УВАГА: цю особу вже підтверджено ", "MIND: this person was confirmed ") + locale.Duration(s.lang, c.ago.Truncate(time.Second)) + s.t(" тому", " ago")
	}
	if i := v.Issuer; i != nil {
		name := i.Name
		if s.lang == locale.English && i.NameEN != "" {
			name = i.NameEN
		}
		out.Body = clean(strings.TrimSpace(name + " " + i.EDRPOU))
		if o != verifier.Accept {
			out.Phone = clean(i.DutyPhone)
		}
	}
	if h := v.Holder; h != nil {
		p := &jsonPerson{Name: clean(h.Name), Position: clean(h.Position), Unit: clean(h.Unit), Number: clean(h.Number), Category: clean(h.Category)}
		if s.lang == locale.English && h.PositionEN != "" {
			p.Position = clean(h.PositionEN)
		}
		if s.lang == locale.English && h.UnitEN != "" {
			p.Unit = clean(h.UnitEN)
		}
		if h.Rank > 0 {
			p.Rank = fmt.Sprint(h.Rank)
		}
		if !h.ExpiresAt.IsZero() {
			p.Term = locale.Date(h.ExpiresAt)
		}
		out.Holder = p
		out.Level = locale.LevelName(s.lang, int(v.Level))
		if h.HasPhoto && v.Answered {
			out.Photo = fmt.Sprintf("%x", h.PhotoHash)
		}
	}
	if s.current == c && s.comparable() {
		out.Plastic, out.Compare = true, c.photo
	}
	if !v.StatusAsOf.IsZero() {
		out.AsOf = locale.Moment(s.lang, v.StatusAsOf)
	}
	if v.Bundle.Number != 0 {
		out.Bundle = fmt.Sprintf(s.t("№ %d, складено %s тому", "no %d, made %s ago"), v.Bundle.Number, locale.Duration(s.lang, v.Bundle.Age))
	}
	if v.HasOffset && v.ClockOffset.Abs() > 90*time.Second {
		out.Offset = locale.Label(s.lang, "clock-differs") + ": " + locale.Duration(s.lang, v.ClockOffset)
	}
	for _, j := range c.list[min(1, len(c.list)):] {
		jo := j.verdict.Shown()
		text := locale.Word(s.lang, jo.String())
		if j.verdict.Holder != nil {
			text += " · " + clean(j.verdict.Holder.Name)
		}
		if jo != verifier.Accept {
			h, _, _ := j.verdict.Text(s.lang)
			text += " · " + h
		}
		out.Others = append(out.Others, text)
	}
	return out
}

// clean makes a text harmless to a page, and not longer than a screen can use.
func clean(text string) string { return locale.Visible(text, maxLetters) }

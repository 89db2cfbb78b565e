package watch

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/verifier"
)

// Times of the screen (docs/spec/watch.md, Section 4).
const (
	dwell      = 20 * time.Second // a verdict leaves the screen by itself
	dwellFace  = time.Minute      // as dwell, for an answer whose face is still to be compared
	holdAccept = 2 * time.Second  // an acceptance is not replaced sooner
	holdOther  = 4 * time.Second  // any other verdict is not replaced sooner
	inView     = 3 * time.Second  // a code not seen for so long has left the camera's view
	foreign    = time.Minute      // as inView, for codes that are not ours: posters, labels
	samePerson = time.Minute      // one person accepted again within it is counted once
	judgeLimit = 5 * time.Second  // a verdict that takes longer is shown as cannot-confirm
	advising   = 4 * time.Second  // how long an advice to hold the code better stays
	healthTerm = 30 * time.Second // how often the device is looked at, and how long an answer may take
	healthMost = 10 * time.Minute // how seldom a device is asked that does not answer
	asking     = 15 * time.Second // a question to the guard lapses
	beat       = 250 * time.Millisecond
)

// Bounds of what waits.
const (
	maxInbox   = 32 // texts that wait to be judged
	maxPending = 8  // verdicts that wait to be shown
	maxInView  = 256
	maxFrame   = 16  // codes of one frame that are judged
	maxName    = 40  // letters of a guard's name
	maxTyped   = 512 // bytes that are kept of what is typed or pasted as a name: more than any name, so that it is seen to be none
)

// fault is the verdict of the screen's own failures.
func fault() verifier.Verdict {
	return verifier.Verdict{Outcome: verifier.CannotConfirm, Code: verifier.Internal}
}

// judged is one code with its verdict.
type judged struct {
	question Question
	verdict  verifier.Verdict
	ours     bool // the text begins as one of ours
}

// card is what one reading puts on the screen: the verdicts of all codes of one frame, the deciding one first.
type card struct {
	number   int // of the shift
	source   string
	note     string // of the scanner's repair
	hurt     *ScannerError
	list     []judged
	photo    *picture
	photoErr error
	journal  error
	at       time.Time // judged
	shown    time.Time // on the screen since
	seen     bool      // the photo has been on the screen
	counted  bool
	outcome  verifier.Outcome // as counted
	ago      time.Duration    // the same person was accepted so long ago; 0 when not within samePerson
}

func (c *card) verdict() *verifier.Verdict {
	if c == nil || len(c.list) == 0 {
		return nil
	}
	return &c.list[0].verdict
}

// several tells whether the frame had more than one service ID: a face compared with one of them says nothing of the others.
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
	if c == nil {
		return
	}
	c.photo.wipe()
	clear(c.list)
	*c = card{}
}

// overlay is what lies over the screen.
type overlay uint8

const (
	overNone overlay = iota
	overHelp
	overPhoto
	overChallenge
	overQuit    // the guard ends the shift
	overRelieve // the guard leaves, another one comes
	overConfirm // the guard states that the face was compared
	overGuard   // asking for the guard's name
)

// asks tells whether the guard has to repeat digits from the screen.
func (o overlay) asks() bool { return o == overQuit || o == overRelieve || o == overConfirm }

// inbox is a reading that waits to be judged.
type inbox struct {
	texts  []string
	source string
	note   string
	hurt   *ScannerError
	unread bool
	card   func(Question) verifier.Verdict // instead of texts
}

// sighting is a code that stands before a camera.
type sighting struct {
	last   time.Time
	ours   bool
	beside bool // not ours and not told: it was seen in one frame with a service ID, as a badge is
}

// unread is a code that stands before a camera and does not read, while the screen accepts somebody.
type unread struct{ since, last time.Time }

// trace is what is left of a verdict when it has gone: nothing of the person.
type trace struct {
	outcome verifier.Outcome
	at      time.Time
}

// sourceState is what is known of a camera or reader.
type sourceState struct {
	name string
	card bool
	up   bool
	err  error
	gone bool // err is no trouble: the source was never there
}

// Model is the screen. It is a tea.Model.
type Model struct {
	config Config
	lang   string
	width  int
	height int
	ready  bool // the size is known
	colors colorprofile.Profile
	dark   bool // of the terminal's background; true until it says otherwise

	guard  string
	name   string // being typed
	since  time.Time
	counts [3]int // by verifier.Outcome
	number int
	traces []trace

	burst   burst
	ticking bool // a look at the burst is on its way

	inbox    []inbox
	lost     int       // readings that did not fit
	judging  int       // number of the reading at the judge; 0 when none is
	began    time.Time // of judging
	sequence int
	pending  []*card
	current  *card
	view     map[[32]byte]sighting
	unread   unread
	recent   map[[32]byte]time.Time // persons accepted within samePerson, under a salt of this run
	salt     [32]byte

	over      overlay
	overSince time.Time
	code      string // digits that the guard has to repeat
	typed     string
	plastic   bool
	notice    string // one line, for a moment
	noticed   time.Time

	challenge Challenge
	symbols   []*grid // of the challenge, the largest first
	waiting   bool    // for the challenge

	advice  string
	advised time.Time
	sources map[string]*sourceState
	order   []string

	health   Health
	looked   time.Time // the device was asked, or has answered
	looking  bool
	hung     int // times in a row that the device has not answered
	faults   int
	detail   string // of the last fault, for stderr
	journal  error
	sound    bool
	quitting bool

	drawn *tea.View // the screen as it is; nil when something has changed since
	same  bool      // the message at hand changes nothing on the screen

	after func(time.Duration, tea.Msg) tea.Cmd // a message later
}

// later gives a message after a time.
func later(d time.Duration, msg tea.Msg) tea.Cmd {
	return tea.Tick(d, func(time.Time) tea.Msg { return msg })
}

// New makes a screen. It fails when the configuration lacks what no screen can do without.
func New(c Config) (*Model, error) {
	if c.Device.Judge == nil || c.Device.Health == nil || c.Now == nil {
		return nil, fmt.Errorf("watch: config: judge, health and clock are needed")
	}
	if c.Lang != "en" {
		c.Lang = "uk"
	}
	m := &Model{config: c, lang: c.Lang, dark: true, after: later, colors: colorprofile.ANSI256, sound: c.Sound,
		view: map[[32]byte]sighting{}, recent: map[[32]byte]time.Time{}, sources: map[string]*sourceState{}}
	_, _ = rand.Read(m.salt[:]) // never fails (crypto/rand)
	if c.NoColor {
		m.colors = colorprofile.ASCII
	}
	for _, s := range c.Sources {
		m.sources[s.Name] = &sourceState{name: s.Name, card: s.Card}
		m.order = append(m.order, s.Name)
	}
	m.since, m.health.Demo = c.Now(), c.Device.Demo
	if m.guard, _ = m.named(guardName(c.Guard)); m.guard == "" {
		m.over, m.overSince = overGuard, m.since
	}
	return m, nil
}

// named is the name under which somebody is on duty; ok is false for whom the policy of this checkpoint does not name.
func (m *Model) named(name string) (kept string, ok bool) {
	if name == "" || m.config.Device.Named == nil {
		return name, name != ""
	}
	if kept, ok = m.config.Device.Named(name); !ok {
		return "", false
	}
	return guardName(kept), true
}

// guardName makes a name fit to be shown and kept.
func guardName(name string) string {
	name = strings.Join(strings.Fields(clean(name)), " ")
	if r := []rune(name); len(r) > maxName {
		name = strings.TrimSpace(string(r[:maxName]))
	}
	return name
}

// Messages of the loop.
type (
	beatMsg   struct{}
	burstMsg  struct{}
	healthMsg Health
	itemMsg   struct {
		source string
		item   Item
	}
	judgedMsg struct {
		sequence int
		card     *card
	}
	confirmedMsg struct {
		card    *card
		verdict verifier.Verdict
		journal error
	}
	challengeMsg struct {
		challenge Challenge
		symbols   []*grid
		err       error
	}
	brokenMsg struct{ detail string }
)

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	return tea.Batch(m.heartbeat(), m.look(), tea.RequestBackgroundColor)
}

func (m *Model) heartbeat() tea.Cmd { return m.after(beat, beatMsg{}) }

// detailOf tells of a panic what may be told: errors of the Go runtime speak of the program alone.
func detailOf(r any) string {
	if err, ok := r.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("panic with a value of type %T", r)
}

// Update implements tea.Model. A panic in it shows as cannot-confirm.
func (m *Model) Update(msg tea.Msg) (model tea.Model, cmd tea.Cmd) {
	defer func() {
		if r := recover(); r != nil {
			m.drawn = nil
			model, cmd = m, m.broken(detailOf(r))
			if _, tick := msg.(beatMsg); tick {
				cmd = tea.Batch(cmd, m.heartbeat())
			}
		}
	}()
	m.same = false
	cmd = m.update(msg)
	if !m.same {
		m.drawn = nil
	}
	return m, cmd
}

// broken shows a fault of the screen itself.
func (m *Model) broken(detail string) tea.Cmd {
	m.faults++
	m.detail = detail
	now := m.config.Now()
	m.drop()
	m.judging, m.looking = 0, false
	if m.guard == "" { // nobody is on duty yet: no code is judged before
		m.open(overGuard, now)
		m.say(m.t("внутрішній збій екрана", "internal fault of the screen"), now)
		return m.bell(verifier.CannotConfirm)
	}
	m.over = overNone
	m.current = &card{list: []judged{{verdict: fault()}}, at: now, shown: now, source: "", outcome: verifier.CannotConfirm}
	return m.bell(verifier.CannotConfirm)
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	now := m.config.Now()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height, m.ready = min(max(msg.Width, 0), 1000), min(max(msg.Height, 0), 1000), true
		if m.over == overConfirm && !m.plastic && !m.photoFits() {
			m.close() // the question is about a photo that is not on the screen any more
		}
	case tea.ColorProfileMsg:
		if !m.config.NoColor {
			m.colors = msg.Profile
		}
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
	case tea.KeyPressMsg:
		return m.press(msg, now)
	case tea.PasteMsg:
		if m.over == overGuard {
			m.typeName(msg.Content)
			return nil
		}
		m.burst.reset(now)
		if len(msg.Content) <= maxBurst && len([]rune(msg.Content)) > fewKeys {
			return m.scanned(msg.Content)
		}
	case burstMsg:
		m.ticking = false
		return m.expire(now)
	case beatMsg:
		return tea.Batch(m.heartbeat(), m.tick(now))
	case healthMsg:
		demo := m.health.Demo
		m.health, m.looked, m.looking, m.hung = Health(msg), now, false, 0
		if msg.Code == verifier.Internal {
			m.health.Demo = m.health.Demo || demo // nothing was found out about the root
		}
		if _, ok := m.named(m.guard); m.guard != "" && !ok && m.over == overNone && m.current == nil { // a new policy names others
			m.guard = ""
			m.open(overGuard, now)
		}
	case itemMsg:
		return m.item(msg.source, msg.item, now)
	case judgedMsg:
		return m.verdict(msg, now)
	case confirmedMsg:
		return m.confirmed(msg, now)
	case challengeMsg:
		m.waiting = false
		if msg.err != nil {
			m.say(m.t("запит не зроблено: ", "no challenge: ")+m.words(msg.err), now)
			return nil
		}
		m.leave()
		m.notice = ""
		m.challenge, m.symbols = msg.challenge, msg.symbols
		m.open(overChallenge, now)
	case brokenMsg:
		return m.broken(msg.detail)
	}
	return nil
}

// say shows one line for a moment.
func (m *Model) say(text string, now time.Time) { m.notice, m.noticed = text, now }

// t picks the text of the reader's language.
func (m *Model) t(uk, en string) string {
	if m.lang == "en" {
		return en
	}
	return uk
}

// words gives an error in the reader's language where it has one.
func (m *Model) words(err error) string {
	var w Words
	if errors.As(err, &w) {
		return clean(w.In(m.lang))
	}
	return clean(err.Error())
}

// tick is what time does to the screen.
func (m *Model) tick(now time.Time) tea.Cmd {
	var cmds []tea.Cmd
	if m.notice != "" && now.Sub(m.noticed) > 4*time.Second {
		m.notice = ""
	}
	if m.advice != "" && now.Sub(m.advised) > advising {
		m.advice = ""
	}
	switch m.over {
	case overChallenge:
		if !now.Before(m.challenge.Expires) {
			m.close()
			m.say(m.t("час запиту вийшов: C — новий запит", "the challenge is over: C makes a new one"), now)
		}
	case overConfirm, overQuit, overRelieve:
		if now.Sub(m.overSince) > asking {
			m.close()
		}
	}
	if c := m.current; c != nil {
		held := now.Sub(c.shown)
		switch {
		case held < 0: // the clock was set back: nothing stays for ever
			c.shown = now
		case len(m.pending) > 0 && held >= hold(c) && m.over != overConfirm:
			cmds = append(cmds, m.next(now))
		case held >= stay(c) && m.over != overConfirm && (m.over != overPhoto || held >= dwellFace):
			m.leave()
		}
	} else if len(m.pending) > 0 && m.over == overNone {
		cmds = append(cmds, m.next(now)) // it waited behind a challenge
	}
	if m.judging != 0 && now.Sub(m.began) > judgeLimit {
		// The judge does not answer. Nobody is let through by that, and the next reading gets a judge of its own.
		m.faults++
		m.detail = "no verdict within " + judgeLimit.String()
		c := &card{list: []judged{{verdict: fault()}}, at: now, outcome: verifier.CannotConfirm}
		m.judging = 0
		cmds = append(cmds, m.enqueue(c, now), m.judge(now))
	}
	for key, s := range m.view {
		if now.Before(s.last) || now.Sub(s.last) > foreign || s.ours && now.Sub(s.last) > inView {
			delete(m.view, key)
		}
	}
	for key, at := range m.recent {
		if now.Sub(at) > samePerson || now.Before(at) {
			delete(m.recent, key)
		}
	}
	switch {
	case m.looking && now.Before(m.looked):
		m.looked = now // the clock was set back
	case m.looking && now.Sub(m.looked) >= min(healthTerm<<min(m.hung, 10), healthMost):
		// The device does not say how it is: that is told, and it is asked again, ever more rarely, because what hangs may hang
		// for ever.
		m.hung++
		m.health.Code, m.health.Args = verifier.Internal, locale.Args{}
		cmds = append(cmds, m.look())
	case !m.looking && (now.Sub(m.looked) >= healthTerm || now.Before(m.looked)):
		cmds = append(cmds, m.look())
	}
	return tea.Batch(cmds...)
}

func stay(c *card) time.Duration {
	if v := c.verdict(); v != nil && v.Answered && v.Code == verifier.LevelTooLow {
		return dwellFace
	}
	return dwell
}

func hold(c *card) time.Duration {
	if c.verdict().Shown() == verifier.Accept {
		return holdAccept
	}
	return holdOther
}

// look asks for the health of the device.
func (m *Model) look() tea.Cmd {
	m.looking, m.looked = true, m.config.Now()
	health, now := m.config.Device.Health, m.config.Now
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = healthMsg{Code: verifier.Internal}
			}
		}()
		return healthMsg(health(now()))
	}
}

// item takes what a camera or reader gives.
func (m *Model) item(source string, item Item, now time.Time) tea.Cmd {
	s := m.sources[source]
	if s == nil {
		s = &sourceState{name: source}
		m.sources[source] = s
		m.order = append(m.order, source)
	}
	switch {
	case item.Err != nil:
		s.up, s.err, s.gone = false, item.Err, item.Absent
		return nil
	case item.Up, item.Seen, item.Judge != nil, len(item.Texts) > 0:
		s.up, s.err = true, nil
	}
	if item.Seen {
		m.advice, m.advised = clean(item.Advice.In(m.lang)), now
		if m.advice == "" {
			m.advice = m.t("бачу код, ще не прочитано", "a code is in view, not read yet")
		}
	}
	if m.over == overGuard {
		return nil // nobody is on duty
	}
	if item.Judge != nil {
		return m.read(inbox{source: source, card: item.Judge}, now)
	}
	m.outlived(source, item, now)
	var fresh []string
	ours := slices.ContainsFunc(item.Texts, func(text string) bool { return strings.HasPrefix(text, credential.Prefix) })
	for _, text := range item.Texts {
		key := sha256.Sum256([]byte(text))
		old, known := m.view[key]
		known = known && !old.beside
		if !known && len(m.view) >= maxInView {
			clear(m.view) // a stream of ever new codes: remembering none is better than remembering without bound
		}
		own := strings.HasPrefix(text, credential.Prefix)
		if !own && !known && (m.current != nil || m.over == overChallenge) {
			if ours {
				m.view[key] = sighting{last: now, beside: true}
			}
			continue // what is not ours never takes the place of a verdict or of a challenge
		}
		m.view[key] = sighting{last: now, ours: own}
		gap := foreign
		if own {
			gap = inView
		}
		if known && now.Sub(old.last) <= gap || m.challenge.Text != "" && text == m.challenge.Text {
			continue
		}
		fresh = append(fresh, text)
	}
	if len(fresh) == 0 {
		return nil
	}
	m.advice = ""
	return m.read(inbox{texts: fresh, source: source}, now)
}

// outlived looks whether somebody else stands before the camera already, whose code is not ours or does not read, while the
// screen still accepts the person before: nobody comes in by another's green. A code that is not ours takes the acceptance away
// at once, unless it was seen together with the phone. One that does not read may be the same phone put away, or the pattern of a shirt: it is told first, and takes the
// acceptance away when it stays.
func (m *Model) outlived(source string, item Item, now time.Time) {
	c := m.current
	if c == nil || c.verdict().Shown() != verifier.Accept || now.Sub(c.shown) < inView || m.over == overConfirm {
		m.unread = unread{}
		return
	}
	for _, s := range m.view {
		if s.ours && now.Sub(s.last) <= inView {
			m.unread = unread{}
			return // the phone is still there
		}
	}
	for _, text := range item.Texts {
		if _, known := m.view[sha256.Sum256([]byte(text))]; !known && !strings.HasPrefix(text, credential.Prefix) {
			m.leave()
			return
		}
	}
	if s := m.sources[source]; !item.Seen || s != nil && s.card {
		return // a card that is being read brings its verdict in a moment
	}
	if now.Sub(m.unread.last) > 2*inView { // cameras look rarely why a frame does not read
		m.unread.since = now
	}
	m.unread.last = now
	if now.Sub(m.unread.since) >= inView {
		m.leave()
		return
	}
	m.say(m.t("код перед камерою ще не прочитано: вердикт угорі — НЕ про нього", "the code before the camera is not read yet: the verdict above is NOT about it"), now)
}

// scanned takes the text of a hand scanner.
func (m *Model) scanned(text string) tea.Cmd {
	now := m.config.Now()
	in := inbox{source: Hand}
	if m.config.Scanner != nil {
		repaired, note, err := m.config.Scanner(text, m.lang)
		if err != nil {
			in.hurt, in.unread = err, true
			return m.read(in, now)
		}
		text, in.note = repaired, note
	}
	if m.challenge.Text != "" && text == m.challenge.Text {
		return nil // the scanner read our own challenge from the screen
	}
	in.texts = []string{text}
	return m.read(in, now)
}

// read queues a reading for the judge.
func (m *Model) read(in inbox, now time.Time) tea.Cmd {
	if len(m.inbox) >= maxInbox {
		m.lost++
		return nil
	}
	if len(in.texts) > maxFrame {
		m.lost += len(in.texts) - maxFrame
		in.texts = oursFirst(in.texts)[:maxFrame]
	}
	m.inbox = append(m.inbox, in)
	return m.judge(now)
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

// judge gives the oldest reading to the judge, when he is free.
func (m *Model) judge(now time.Time) tea.Cmd {
	if m.judging != 0 || len(m.inbox) == 0 {
		return nil
	}
	in := m.inbox[0]
	m.inbox = append(m.inbox[:0:0], m.inbox[1:]...)
	m.sequence++
	m.judging, m.began = m.sequence, now
	sequence, device, event := m.sequence, m.config.Device, m.event(in.source, now)
	base := Question{At: now, Level: m.config.Level, Lang: m.lang}
	return func() tea.Msg {
		return judgedMsg{sequence, judgeAll(device, in, base, event)}
	}
}

// event is what the journal is told beside the verdict.
func (m *Model) event(source string, at time.Time) Event {
	s := m.sources[source]
	return Event{At: at, Guard: m.guard, Shift: m.since, Source: source, Card: s != nil && s.card}
}

// judgeAll judges every text of a reading. A panic of the judge is cannot-confirm for that text.
func judgeAll(d Device, in inbox, base Question, event Event) *card {
	c := &card{source: in.source, note: in.note, hurt: in.hurt, at: base.At}
	texts := oursFirst(in.texts)
	if in.card != nil {
		d.Judge = in.card
	} else if in.unread {
		base.Unread = true
	}
	if len(texts) == 0 {
		texts = []string{""}
	}
	for _, text := range texts {
		q := base
		q.Text = text
		v := judgeOne(d, q)
		c.list = append(c.list, judged{q, v, strings.HasPrefix(text, credential.Prefix)})
		if err := keep(d, event, &v); err != nil {
			c.journal = err
		}
	}
	// Service IDs decide before foreign codes, and among them the worst: nobody comes in behind another's green.
	worst := 0
	for i, j := range c.list {
		first := c.list[worst]
		if j.ours == first.ours && j.verdict.Shown().Severity() > first.verdict.Shown().Severity() {
			worst = i
		}
	}
	c.list[0], c.list[worst] = c.list[worst], c.list[0]
	c.portrait(d)
	return c
}

func judgeOne(d Device, q Question) (v verifier.Verdict) {
	defer func() {
		if recover() != nil {
			v = fault()
		}
	}()
	return d.Judge(q)
}

// keep writes the journal; a panic is an error.
func keep(d Device, e Event, v *verifier.Verdict) (err error) {
	if d.Journal == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("watch: journal: %s", detailOf(r))
		}
	}()
	e.Verdict = v
	return d.Journal(e)
}

// portrait fetches the picture of the deciding verdict's holder.
func (c *card) portrait(d Device) {
	v := c.verdict()
	if v == nil || v.Holder == nil || !v.Holder.HasPhoto || d.Photo == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			c.photo, c.photoErr = nil, fmt.Errorf("watch: photo: %s", detailOf(r))
		}
	}()
	data, made, err := d.Photo(v.Holder.PhotoHash)
	if err == nil {
		if c.photo, err = openPicture(data, v.Holder.PhotoHash); err == nil {
			c.photo.made = made
		}
	}
	c.photoErr = err
}

// verdict takes what the judge says.
func (m *Model) verdict(msg judgedMsg, now time.Time) tea.Cmd {
	late := msg.sequence != m.judging
	if !late {
		m.judging = 0
	}
	if msg.card == nil || len(msg.card.list) == 0 {
		msg.card = &card{list: []judged{{verdict: fault()}}, at: now}
	}
	if msg.card.journal != nil {
		m.journal = msg.card.journal
	}
	msg.card.outcome = msg.card.verdict().Shown()
	if late && msg.card.outcome == verifier.Accept {
		// It came after its reading was shown as cannot-confirm: whoever stood there may be gone.
		msg.card.wipe()
		return m.judge(now)
	}
	return tea.Batch(m.enqueue(msg.card, now), m.judge(now))
}

// enqueue shows a verdict now, or when the one on the screen has been there long enough.
func (m *Model) enqueue(c *card, now time.Time) tea.Cmd {
	c.outcome = c.verdict().Shown()
	if cur := m.current; cur != nil && len(m.pending) == 0 && m.sameHolder(cur, c) && (c.outcome == verifier.Accept || now.Sub(cur.shown) < hold(cur)) {
		// The same phone with its next code: the verdict stays as it is, so that nothing flickers. A refusal that repeats after
		// its time is told again: the guard has asked for another code.
		c.wipe()
		return nil
	}
	if m.over == overChallenge && c.outcome != verifier.Refuse && c.verdict().Checks[verifier.CheckWindow].Result != verifier.NotRun {
		// A code that answers nothing, perhaps of the same phone before it has read the challenge: go on waiting for the answer.
		c.wipe()
		m.say(m.t("це код без відповіді на запит: нехай відсканує запит", "this code does not answer: let the holder scan the challenge"), now)
		return nil
	}
	if m.over == overHelp || m.over == overChallenge || m.over == overQuit || m.over == overRelieve {
		m.close()
	}
	if cur := m.current; m.over == overGuard || cur != nil && (now.Sub(cur.shown) < hold(cur) || m.over == overConfirm) {
		if len(m.pending) >= maxPending {
			m.lost++
			c.wipe()
			return nil
		}
		m.pending = append(m.pending, c)
		return nil
	}
	m.pending = append(m.pending, c)
	return m.next(now)
}

// person names a holder by a number of this run that says nothing outside it.
func (m *Model) person(c *card) (key [32]byte, ok bool) {
	v := c.verdict()
	if v == nil || v.Holder == nil || v.Issuer == nil {
		return key, false
	}
	return sha256.Sum256([]byte(string(m.salt[:]) + v.Issuer.EDRPOU + "\x00" + v.Holder.Number)), true
}

// wasHere tells how long ago the person was accepted, 0 when not lately, and remembers that.
func (m *Model) wasHere(c *card, now time.Time) time.Duration {
	key, ok := m.person(c)
	if !ok || c.outcome != verifier.Accept {
		return 0
	}
	at, known := m.recent[key]
	if len(m.recent) >= maxInView {
		clear(m.recent)
	}
	m.recent[key] = now
	if !known || now.Sub(at) > samePerson || c.verdict().Answered {
		return 0
	}
	return max(now.Sub(at), time.Second)
}

// sameHolder tells whether a new verdict says nothing that the screen does not say already.
func (m *Model) sameHolder(shown, c *card) bool {
	a, okA := m.person(shown)
	b, okB := m.person(c)
	return okA && okB && a == b && len(shown.list) == 1 && len(c.list) == 1 && c.verdict().Level <= shown.verdict().Level &&
		shown.verdict().Shown() == c.outcome && shown.verdict().Code == c.verdict().Code && !c.verdict().Answered
}

// next puts the first verdict that waits on the screen.
func (m *Model) next(now time.Time) tea.Cmd {
	m.leave()
	for len(m.pending) > 0 && m.pending[0].outcome == verifier.Accept && now.Sub(m.pending[0].at) > dwell {
		// An acceptance that has waited for so long is nobody's any more who stands there.
		m.pending[0].wipe()
		m.pending = append(m.pending[:0:0], m.pending[1:]...)
		m.lost++
	}
	if len(m.pending) == 0 || m.over == overGuard {
		return nil
	}
	c := m.pending[0]
	m.pending = append(m.pending[:0:0], m.pending[1:]...)
	m.over, m.advice = overNone, ""
	m.current, c.shown = c, now
	m.number++
	c.number = m.number
	c.ago = m.wasHere(c, now)
	if c.ago == 0 {
		m.counts[min(int(c.outcome), len(m.counts)-1)]++
		c.counted = true
	}
	if m.photoOnScreen() {
		c.seen = true
	}
	return m.bell(c.outcome)
}

// leave takes the verdict off the screen and forgets the person.
func (m *Model) leave() {
	if m.current == nil {
		return
	}
	m.traces = append(m.traces, trace{m.current.outcome, m.current.at})
	if len(m.traces) > 5 {
		m.traces = m.traces[len(m.traces)-5:]
	}
	m.drop()
	if m.over == overPhoto || m.over == overConfirm {
		m.close()
	}
}

// drop forgets the verdict on the screen.
func (m *Model) drop() {
	m.current.wipe()
	m.current = nil
}

// open lays something over the screen.
func (m *Model) open(o overlay, now time.Time) {
	m.over, m.overSince, m.typed, m.code = o, now, "", ""
}

// close takes away what lies over the screen.
func (m *Model) close() {
	if m.over == overChallenge {
		m.symbols = nil
	}
	m.over, m.typed, m.code = overNone, "", ""
}

// press takes a key.
func (m *Model) press(msg tea.KeyPressMsg, now time.Time) tea.Cmd {
	key := msg.Key()
	if msg.String() == "ctrl+c" { // some scanners type control characters too
		if m.guard == "" {
			return m.quit()
		}
		if m.over != overQuit {
			m.question(overQuit, now)
		}
		return nil
	}
	if m.over == overGuard {
		return m.nameKey(msg, now)
	}
	switch {
	case key.Code == tea.KeyEnter || key.Code == tea.KeyKpEnter || key.Code == tea.KeyTab:
		few := !m.burst.empty()
		scan, person := m.burst.pressEnter(now)
		switch {
		case scan != "":
			return m.scanned(scan)
		case person:
			return m.act("enter", now)
		case few:
			m.shortCode(now)
		}
		return nil
	case key.Text != "" && key.Mod&(tea.ModCtrl|tea.ModAlt|tea.ModMeta|tea.ModSuper|tea.ModHyper) == 0:
		// The screen is asked for after each of the hundreds of keys of a scan: it is drawn only when it changes.
		long := m.burst.long()
		m.burst.key(key.Text, now)
		m.same = long == m.burst.long()
		return m.rearm()
	case key.Code == tea.KeyEscape:
		m.burst.reset(time.Time{})
		return m.act("esc", now)
	}
	return nil
}

// rearm looks at the burst when it may be over.
func (m *Model) rearm() tea.Cmd {
	if m.ticking || m.burst.empty() {
		return nil
	}
	m.ticking = true
	return m.after(m.burst.wait(), burstMsg{})
}

// expire ends a burst that nothing follows.
func (m *Model) expire(now time.Time) tea.Cmd {
	scan, keys := m.burst.expire(now)
	switch {
	case scan != "":
		return m.scanned(scan)
	case m.over.asks() && keys != "":
		var cmds []tea.Cmd
		for _, r := range keys { // two digits may come quickly
			if m.over.asks() {
				cmds = append(cmds, m.repeated(string(r), now))
			}
		}
		return tea.Batch(cmds...)
	case utf8.RuneCountInString(keys) == 1:
		return m.act(keys, now)
	case keys != "":
		m.shortCode(now)
	}
	return m.rearm()
}

// shortCode tells of a few keys at once, which mean nothing: a hand scanner has read a code that is too short for a service ID.
// Its reader has sounded, so nobody else's acceptance stands on.
func (m *Model) shortCode(now time.Time) {
	if m.over != overNone {
		return
	}
	if c := m.current; c != nil && c.verdict().Shown() == verifier.Accept && now.Sub(c.shown) >= holdAccept {
		m.leave()
	}
	m.say(m.t("сканер зчитав короткий код: це не посвідчення", "the scanner has read a short code: that is no service ID"), now)
}

// act does what a person's key asks for.
func (m *Model) act(key string, now time.Time) tea.Cmd {
	k := command(key)
	switch m.over {
	case overConfirm, overQuit, overRelieve:
		return m.repeated(k, now)
	case overHelp, overPhoto, overChallenge:
		over := m.over
		if k == "c" && over == overChallenge {
			return m.ask(now)
		}
		m.close()
		if k == "esc" || k == " " || k == "enter" || k == "h" || k == "?" || k == "p" || k == "c" {
			return nil
		}
	}
	switch k {
	case " ", "esc", "enter":
		if len(m.pending) > 0 {
			return m.next(now)
		}
		m.leave()
	case "c":
		return m.ask(now)
	case "f":
		return m.startConfirm(false, now)
	case "k":
		return m.startConfirm(true, now)
	case "p":
		if m.current != nil && m.current.photo != nil && m.photoFits() {
			m.open(overPhoto, now)
			m.current.seen = true
		} else if m.current != nil {
			m.say(m.whyNoPhoto(), now)
		}
	case "s":
		m.sound = !m.sound
	case "l":
		if m.lang == "uk" {
			m.lang = "en"
		} else {
			m.lang = "uk"
		}
	case "h", "?":
		m.open(overHelp, now)
	case "g":
		m.question(overRelieve, now)
	case "q":
		m.question(overQuit, now)
	}
	return nil
}

func (m *Model) quit() tea.Cmd {
	m.leave()
	for _, c := range m.pending {
		c.wipe()
	}
	m.pending, m.inbox = nil, nil
	m.burst.reset(time.Time{})
	m.quitting = true
	return tea.Quit
}

// ask makes a challenge.
func (m *Model) ask(now time.Time) tea.Cmd {
	if m.config.Device.Challenge == nil {
		m.say(m.t("запиту немає: ", "no challenge: ")+m.config.Device.NoChallenge.In(m.lang), now)
		return nil
	}
	if m.waiting {
		return nil
	}
	m.waiting = true
	make, clock := m.config.Device.Challenge, m.config.Now
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = challengeMsg{err: fmt.Errorf("%s", detailOf(r))}
			}
		}()
		c, err := make(clock())
		if err != nil {
			return challengeMsg{err: err}
		}
		symbols, err := symbolsOf(c.Text)
		return challengeMsg{c, symbols, err}
	}
}

// startConfirm asks the guard to state that the face was compared: by digits that stand on the screen, which no scanned code
// can know.
func (m *Model) startConfirm(plastic bool, now time.Time) tea.Cmd {
	c := m.current
	v := c.verdict()
	switch {
	case c == nil || v == nil:
		return nil
	case m.config.Device.Confirm == nil || v.Holder == nil || v.Shown() == verifier.Refuse:
		m.say(m.t("тут звіряти нічого", "nothing to compare here"), now)
		return nil
	case !v.Answered:
		m.say(m.t("спершу запит перевіряльника: C", "first a challenge: C"), now)
		return nil
	case c.several():
		m.say(m.t("у кадрі кілька посвідчень: показуйте по одному", "several IDs in the frame: show one at a time"), now)
		return nil
	case v.Level >= verifier.L3:
		m.say(m.t("уже звірено", "compared already"), now)
		return nil
	case !plastic && c.photo == nil:
		m.say(m.whyNoPhoto(), now)
		return nil
	case !plastic && !c.seen:
		m.say(m.t("спершу подивіться на світлину: P", "look at the photo first: P"), now)
		return nil
	case !plastic && !m.photoFits():
		m.say(m.t("для світлини замало місця: збільште вікно", "no room for the photo: enlarge the window"), now)
		return nil
	}
	m.plastic = plastic
	m.question(overConfirm, now)
	return nil
}

// question asks the guard to repeat digits from the screen. A hand scanner that ends its texts with no Enter types a code of one
// letter as a person types a key; what stands on the screen no code can know.
func (m *Model) question(over overlay, now time.Time) {
	n, err := rand.Int(rand.Reader, big.NewInt(90))
	if err != nil {
		m.close()
		return
	}
	m.open(over, now)
	m.code = fmt.Sprint(10 + n.Int64())
}

// repeated takes the digits that the guard repeats.
func (m *Model) repeated(key string, now time.Time) tea.Cmd {
	if len(key) != 1 || key[0] < '0' || key[0] > '9' {
		m.close()
		return nil
	}
	m.typed += key
	if len(m.typed) < len(m.code) {
		return nil
	}
	right, over := m.typed == m.code, m.over
	m.close()
	switch {
	case !right:
		m.say(m.t("інші цифри: не зараховано", "other digits: not counted"), now)
	case over == overConfirm:
		return m.confirm(now)
	case over == overQuit:
		return m.quit()
	case over == overRelieve:
		m.leave()
		m.name = ""
		m.open(overGuard, now)
	}
	return nil
}

// whyNoPhoto tells why no picture is shown.
func (m *Model) whyNoPhoto() string {
	c := m.current
	v := c.verdict()
	switch {
	case v == nil || v.Holder == nil || !v.Holder.HasPhoto:
		return m.t("у посвідченні немає світлини", "the ID has no photo")
	case m.config.Device.Photo == nil:
		return m.t("світлин немає: ", "no photos: ") + m.config.Device.NoPhoto.In(m.lang)
	case c.photoErr != nil:
		return m.t("світлини немає: ", "no photo: ") + m.words(c.photoErr)
	}
	return m.t("для світлини замало місця: збільште вікно", "no room for the photo: enlarge the window")
}

// confirm judges the answer once more, now with the photo that was compared.
func (m *Model) confirm(now time.Time) tea.Cmd {
	c, plastic := m.current, m.plastic
	if c == nil || len(c.list) == 0 || c.several() {
		return nil
	}
	photo := verifier.Photo{Kind: verifier.PhotoPlastic}
	if !plastic {
		if c.photo == nil || !c.seen {
			return nil
		}
		photo = verifier.Photo{Kind: verifier.PhotoMatched, Hash: c.photo.hash}
	}
	device, event, first := m.config.Device, m.event(c.source, now), c.list[0]
	q := first.question
	q.Lang = m.lang
	return func() tea.Msg {
		v := func() (v verifier.Verdict) {
			defer func() {
				if recover() != nil {
					v = fault()
				}
			}()
			return device.Confirm(q, photo, now)
		}()
		return confirmedMsg{c, v, keep(device, event, &v)}
	}
}

// confirmed puts the verdict with the compared photo in the place of the first one.
func (m *Model) confirmed(msg confirmedMsg, now time.Time) tea.Cmd {
	if msg.journal != nil {
		m.journal = msg.journal
	}
	c := m.current
	if c == nil || c != msg.card || len(c.list) == 0 {
		return nil // the person has left the screen
	}
	if c.counted {
		m.counts[min(int(c.outcome), len(m.counts)-1)]--
	}
	c.list[0].verdict = msg.verdict
	c.outcome, c.shown, c.counted = c.verdict().Shown(), now, true
	m.counts[min(int(c.outcome), len(m.counts)-1)]++
	return m.bell(c.outcome)
}

// nameKey takes a key while the guard's name is asked for. A scanner may be held to a phone at that moment too.
func (m *Model) nameKey(msg tea.KeyPressMsg, now time.Time) tea.Cmd {
	key := msg.Key()
	switch {
	case key.Code == tea.KeyEnter || key.Code == tea.KeyKpEnter:
		if strings.HasPrefix(m.name, credential.Prefix) || utf8.RuneCountInString(m.name) > maxName {
			m.name = ""
			m.say(m.t("спершу ім'я вартового, тоді коди", "first the guard's name, then codes"), now)
			return nil
		}
		name := guardName(m.name)
		if name == "" {
			return nil
		}
		name, ok := m.named(name)
		if !ok {
			m.name = ""
			m.say(m.t("правила пункту не називають такого вартового", "the policy of this checkpoint does not name such a guard"), now)
			return nil
		}
		m.guard, m.name = name, ""
		m.since, m.counts, m.number, m.traces, m.lost = now, [3]int{}, 0, nil, 0
		m.close()
		return m.next(now)
	case key.Code == tea.KeyBackspace:
		if r := []rune(m.name); len(r) > 0 {
			m.name = string(r[:len(r)-1])
		}
	case key.Code == tea.KeyEscape:
		m.name = ""
		if m.guard != "" {
			m.close()
		}
	case key.Text != "" && key.Mod&(tea.ModCtrl|tea.ModAlt) == 0:
		m.typeName(key.Text)
	}
	return nil
}

func (m *Model) typeName(text string) {
	room := max(maxTyped-len(m.name), 0)
	m.name += strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), room)], ""))
}

// bell sounds the tone of an outcome: one stroke accepts, two do not confirm, three refuse.
func (m *Model) bell(o verifier.Outcome) tea.Cmd {
	if !m.sound {
		return nil
	}
	strokes := 3
	switch o {
	case verifier.Accept:
		strokes = 1
	case verifier.CannotConfirm:
		strokes = 2
	}
	var cmds []tea.Cmd
	for i := range strokes {
		if i > 0 {
			cmds = append(cmds, m.after(180*time.Millisecond, nil))
		}
		cmds = append(cmds, tea.Raw("\a"))
	}
	return tea.Sequence(cmds...)
}

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// demoRoot is the fingerprint of the root whose private keys are public. Under it the page says so all the time.
const demoRoot = "4N42 I2KH VKGR GPO6 E7YS YSYC LRFS XFTH BTFR SILJ EMKA KSSU SFXQ"

// device is a verifier in a page: what package checkpoint remembers for it, and what is on its screen. It is used by one
// goroutine; every time comes from its caller.
type device struct {
	state  *checkpoint.State
	screen *screen
	signer keys.VerifierSigner // nil until the page has given its key
	hpke   keys.HPKEPublicKey
	guard  string // who is on duty, where the device's policy names guards; forgotten with the page
}

func newDevice(state *checkpoint.State, lang string) *device {
	return &device{state: state, screen: newScreen(state, locale.Pick(lang))}
}

// order is one message of the page (docs/spec/verifier-page.md, Section 3).
type order struct {
	Op      string   `json:"op"`
	At      int64    `json:"at"`      // now by the page's clock, milliseconds since 1970
	Texts   []string `json:"texts"`   // reading
	Unread  bool     `json:"unread"`  // reading: a picture without a code
	Source  string   `json:"source"`  // reading
	Network bool     `json:"network"` // reading: the page has a network
	Text    string   `json:"text"`    // fingerprint, pin, confirm, guard
	Class   string   `json:"class"`   // class, request
	Body    string   `json:"body"`    // request: ЄДРПОУ
	Name    string   `json:"name"`    // request
	Lang    string   `json:"lang"`    // lang
	Plastic bool     `json:"plastic"` // ask
	Number  int      `json:"number"`  // picture
	Origin  string   `json:"origin"`  // sign
	Method  string   `json:"method"`  // sign
	Target  string   `json:"target"`  // sign
}

// answer is what the page gets.
type answer struct {
	Screen      *jsonScreen  `json:"screen,omitempty"`
	Health      *jsonHealth  `json:"health,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"`
	Demo        bool         `json:"demo,omitempty"`
	Report      *jsonReport  `json:"report,omitempty"`
	Shown       bool         `json:"shown,omitempty"`  // picture: it may be shown
	Header      string       `json:"header,omitempty"` // sign
	Online      *jsonOnline  `json:"online,omitempty"`
	Symbol      *jsonSymbol  `json:"symbol,omitempty"` // challenge
	Fault       *jsonFault   `json:"fault,omitempty"`  // the order was not carried out
	Data        []byte       `json:"data,omitempty"`   // request: base64
	Faults      []*jsonFault `json:"faults,omitempty"` // faults: what to show when this program does not answer, uk and en
}

type jsonReport struct {
	Number  uint64 `json:"number"`
	Changed bool   `json:"changed"`
	Words   string `json:"words"`
}

// jsonFault is a refusal for a person.
type jsonFault struct {
	Code  string `json:"code"`
	Word  string `json:"word,omitempty"`
	Cause string `json:"cause"`
	Next  string `json:"next"`
}

// jsonHealth is the state of the device apart from any code.
type jsonHealth struct {
	Ready    bool     `json:"ready"` // nothing stands in the way of a confirmation
	Code     string   `json:"code"`  // why not; "" when ready
	Headline string   `json:"headline"`
	Cause    string   `json:"cause"`
	Next     string   `json:"next"`
	Demo     bool     `json:"demo"`
	Pinned   string   `json:"pinned"` // fingerprint in groups; "" when none
	Number   uint64   `json:"bundle"` // 0: none
	AsOf     string   `json:"as_of"`  // of the bundle
	Age      string   `json:"age"`
	Expires  string   `json:"expires"`
	Class    string   `json:"class"`
	Limit    string   `json:"limit"` // how old the data may be
	Warnings []string `json:"warnings"`
	Verifier uint64   `json:"verifier"` // number in the bundle; 0: not admitted
	Name     string   `json:"name"`
	Until    string   `json:"until"`
	HasKey   bool     `json:"has_key"`
	Key      string   `json:"key"`  // fingerprint of this device's key, as the body's administrator sees it; "" while the page has given none
	Mend     bool     `json:"mend"` // the state is damaged: a person may order to recover
	Clock    string   `json:"clock"`
	Guards   []string `json:"guards"` // names of which one has to be chosen; none: nobody is asked
	Guard    string   `json:"guard"`
	Policy   uint64   `json:"policy"` // number of the policy of this checkpoint; 0: none
}

// maxOrder is the longest order, in bytes: sixteen codes of the longest form, and what else stands in it.
const maxOrder = 256 << 10

// maxClock bounds a clock: the end of the year 9999, in milliseconds since 1970.
const maxClock = 253402300800_000

var errOrder = errors.New("posvid-wasm: not an order")

// do carries out one order. Its answer always tells what the page has to show; an error means that the page did not speak the
// language of this program, and is a fault of the page.
func (d *device) do(text string, data []byte) (*answer, error) {
	if len(text) > maxOrder {
		return nil, errOrder
	}
	var o order
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return nil, errOrder
	}
	if _, err := dec.Token(); err != io.EOF || o.At <= -maxClock || o.At >= maxClock {
		return nil, errOrder
	}
	now := time.UnixMilli(o.At).UTC()
	out := &answer{}
	var err error
	switch s := d.screen; o.Op {
	case "health":
		h := d.health(now)
		out.Health = &h
		return out, nil
	case "faults":
		for _, lang := range locale.Languages() {
			out.Faults = append(out.Faults, d.internal(lang))
		}
		return out, nil
	case "fingerprint":
		out.Fingerprint, out.Demo, err = fingerprint(o.Text)
	case "pin":
		err = d.pin(o.Text)
	case "class":
		err = d.state.SetClass(classOf(o.Class))
	case "install":
		out.Report, err = d.install(data, false, now)
	case "recover":
		out.Report, err = d.install(data, true, now)
	case "reading":
		if !sourceKnown(o.Source) || len(o.Texts) == 0 && !o.Unread {
			return nil, errOrder
		}
		if p, err := d.state.Policy(now); err == nil && p != nil && len(p.Guards) > 0 && d.guard == "" {
			s.say(s.t("спершу вартовий, тоді коди: оберіть, хто заступив", "first the guard, then codes: choose who is on duty"), now)
			break
		}
		s.read(o.Texts, o.Unread, o.Source, o.Network, now)
	case "tick":
		s.tick(now)
	case "dismiss":
		s.leave()
		s.challenge = ""
		s.tick(now)
	case "clear":
		s.clear()
	case "lang":
		s.lang = locale.Pick(o.Lang)
	case "challenge":
		out.Symbol, err = d.challenge(now)
	case "ask":
		s.ask(o.Plastic, now)
	case "confirm":
		s.confirm(o.Text, now)
	case "picture":
		out.Shown = s.picture(o.Number, data)
	case "policy":
		err = d.policy(data, now)
	case "guard":
		err = d.onDuty(o.Text, now)
	case "online":
		out.Online = s.onlineWords(data)
		s.online = ""
	case "request":
		out.Data, err = d.request(o, now)
	case "sign":
		out.Header, err = d.sign(o, data, now)
	default:
		return nil, errOrder
	}
	if err != nil {
		out.Fault = d.words(err)
	}
	screen := d.screen.describe(now)
	out.Screen = &screen
	return out, nil
}

func sourceKnown(from string) bool {
	switch from {
	case fromCamera, fromScanner, fromFile, fromPaste:
		return true
	}
	return false
}

func classOf(word string) trust.Class {
	for _, c := range [2]trust.Class{trust.ClassCheckpoint, trust.ClassCouncil} {
		if word == c.String() {
			return c
		}
	}
	return trust.ClassNone
}

// fingerprint reads a fingerprint as a person typed it or as the operator's code carries it, and writes it in its groups.
func fingerprint(text string) (groups string, demo bool, err error) {
	fp, err := trust.ParseFingerprint(text)
	if err != nil {
		return "", false, err
	}
	return fp.String(), fp.String() == demoRoot, nil
}

func (d *device) pin(text string) error {
	fp, err := trust.ParseFingerprint(text)
	if err != nil {
		return err
	}
	return d.state.Pin(fp)
}

// install takes a bundle; recovering is a person's order for a device that has lost its memory.
func (d *device) install(data []byte, recovering bool, now time.Time) (*jsonReport, error) {
	how := d.state.Install
	if recovering {
		how = d.state.Recover
	}
	r, err := how(data, now)
	if err != nil {
		return nil, err
	}
	s := d.screen
	out := &jsonReport{Number: r.Number, Changed: r.Changed}
	switch {
	case !r.Changed:
		out.Words = s.t("цей набір довіри вже встановлено", "this trust bundle is installed already")
	default:
		out.Words = fmt.Sprintf(s.t("встановлено набір довіри № %d", "trust bundle %d is installed"), r.Number)
	}
	if r.Expired {
		out.Words += s.t("; його строк минув: він нічого не підтверджує", "; its term is over: it confirms nothing")
	}
	if r.Ahead {
		out.Words += s.t("; його підписано пізніше, ніж показує годинник цього пристрою: перевірте дату й час", "; it was signed later than this device's clock says: check date and time")
	}
	return out, nil
}

// policy takes the service's answer about this checkpoint (docs/spec/checkpoint-account.md) and installs the policy in it, if there is
// one: what the body signed for this device, and nothing looser than its bundle.
func (d *device) policy(data []byte, now time.Time) error {
	var told struct {
		Policy []byte `json:"policy"`
	}
	if len(data) > maxOrder || json.Unmarshal(data, &told) != nil {
		return checkpoint.ErrPolicy
	}
	if len(told.Policy) == 0 {
		return nil
	}
	_, err := d.state.InstallPolicy(told.Policy, now)
	return err
}

// onDuty names the guard; where the policy names some, only one of them.
func (d *device) onDuty(name string, now time.Time) error {
	p, err := d.state.Policy(now)
	if err != nil {
		return err
	}
	kept, ok := p.Guard(clean(name))
	if !ok {
		return errGuard
	}
	d.screen.clear()
	d.guard = kept
	return nil
}

var errGuard = errors.New("posvid-wasm: no guard of the policy has this name")

// setKey gives the device the key that the page keeps.
func (d *device) setKey(signer keys.VerifierSigner, hpke keys.HPKEPublicKey) error {
	if err := d.state.SetKey(signer.VerifierPublic()); err != nil {
		return err
	}
	d.signer, d.hpke = signer, hpke
	return nil
}

// verifierKey reads an uncompressed point of P-256 (65 bytes), as browsers export a public key.
func verifierKey(point []byte) (keys.VerifierPublicKey, error) {
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return keys.VerifierPublicKey{}, errors.New("posvid-wasm: not a public key of P-256")
	}
	public, err := cose.NewPublicKey(k)
	if err != nil {
		return keys.VerifierPublicKey{}, err
	}
	return keys.NewVerifierPublicKey(public)
}

// keyPrint is how two people compare a key by eye: the first 20 bytes of its thumbprint (RFC 9679) in base32, eight groups of
// four letters.
func keyPrint(k keys.VerifierPublicKey) string {
	thumb := k.Thumbprint()
	text := base32.StdEncoding.EncodeToString(thumb[:20])
	var groups []string
	for ; text != ""; text = text[4:] {
		groups = append(groups, text[:4])
	}
	return strings.Join(groups, " ")
}

var errNoKey = errors.New("posvid-wasm: the page has given no key")

// challenge makes a challenge and the symbol that the page draws.
func (d *device) challenge(now time.Time) (*jsonSymbol, error) {
	if d.signer == nil {
		return nil, checkpoint.ErrNotEnrolled
	}
	text, c, err := d.state.NewChallenge(d.signer, now)
	if err != nil {
		return nil, err
	}
	s, err := qr.Encode(text)
	if err != nil {
		return nil, err
	}
	d.screen.show(text, c)
	out := &jsonSymbol{Size: s.Size, Bits: make([]byte, (s.Size*s.Size+7)/8)}
	for i := range s.Size * s.Size {
		if s.Dark(i%s.Size, i/s.Size) {
			out.Bits[i>>3] |= 0x80 >> (i & 7)
		}
	}
	return out, nil
}

// jsonSymbol is a QR symbol row after row, one bit a module, the highest bit first; 1 is dark.
type jsonSymbol struct {
	Size int    `json:"size"`
	Bits []byte `json:"bits"` // base64
}

// request makes the file by which this device asks to be admitted.
func (d *device) request(o order, now time.Time) ([]byte, error) {
	if d.signer == nil {
		return nil, errNoKey
	}
	return trust.EncodeVerifierRequest(trust.VerifierRequest{Body: o.Body, Name: o.Name, Class: classOf(o.Class), IssuedAt: now, HPKE: d.hpke}, d.signer)
}

// sign makes the header of one request to the service that only an admitted device may make (docs/spec/request.md).
func (d *device) sign(o order, body []byte, now time.Time) (string, error) {
	if d.signer == nil {
		return "", errNoKey
	}
	if u, err := url.Parse(o.Origin); err != nil || u.Host == "" {
		return "", errOrder
	}
	r, err := credential.SignVerifierRequest(credential.NewRequest(o.Origin, o.Method, o.Target, body, now), d.signer)
	if err != nil {
		return "", err
	}
	return credential.EncodeRequestHeader(r), nil
}

// health says what stands in the way of confirming anything, by the checks that no code has a part in.
func (d *device) health(now time.Time) (h jsonHealth) {
	s := d.screen
	h.Warnings, h.Guards, h.Clock = []string{}, []string{}, locale.Moment(s.lang, now)
	tell := func(code verifier.Code, a locale.Args) {
		h.Ready, h.Code = false, string(code)
		h.Headline, h.Cause, h.Next = locale.Text(s.lang, string(code), a)
		if code == verifier.NoRoot {
			h.Next = s.t("Введіть відбиток кореневого ключа нижче.", "Enter the fingerprint of the root below.")
		}
	}
	defer func() {
		if recover() != nil {
			h = jsonHealth{Warnings: []string{}, Guards: []string{}, Demo: h.Demo, Pinned: h.Pinned}
			tell(verifier.Internal, locale.Args{})
		}
	}()
	info, err := d.state.Info(now)
	if err != nil {
		h.Mend = true
		tell(verifier.StateDamaged, locale.Args{})
		return h
	}
	if !info.Pinned.IsZero() {
		h.Pinned, h.Demo = info.Pinned.String(), info.Pinned.String() == demoRoot
	}
	h.HasKey, h.Verifier, h.Name = info.HasKeys, info.VerifierID, clean(info.Name)
	h.Class = info.Class.String()
	if d.signer != nil {
		h.Key = keyPrint(d.signer.VerifierPublic())
	}
	if !info.ValidUntil.IsZero() {
		h.Until = locale.Moment(s.lang, info.ValidUntil)
	}
	var issued, expires time.Time
	if b := info.Bundle; b != nil {
		issued, expires = b.IssuedAt(), b.ExpiresAt()
		limit := b.Policy().For(info.Class).StatusAge
		if p, err := d.state.Policy(now); err == nil && p != nil {
			h.Policy, h.Guard = p.Number, d.guard
			for _, g := range p.Guards {
				h.Guards = append(h.Guards, clean(g))
			}
			if p.StatusAge > 0 {
				limit = min(limit, p.StatusAge)
			}
			if p.Expired {
				h.Warnings = append(h.Warnings, s.t("строк правил цього пункту минув: вони діють далі, попросіть нові", "the term of this checkpoint's policy is over: it is obeyed on, ask for a new one"))
			}
		}
		h.Number, h.AsOf, h.Expires, h.Limit = b.Number(), locale.Moment(s.lang, issued), locale.Moment(s.lang, expires), locale.Duration(s.lang, limit)
		h.Age = locale.Duration(s.lang, now.Sub(issued))
		switch left := expires.Sub(now); {
		case left < 24*time.Hour:
			h.Warnings = append(h.Warnings, s.t("набір довіри діє до ", "the trust bundle ends ")+h.Expires+s.t(": встановіть свіжий", ": install a fresh one"))
		case now.Sub(issued) > limit:
			h.Warnings = append(h.Warnings, s.t("набір довіри старший за правила (", "the trust bundle is older than the policy allows (")+h.Limit+s.t("): встановіть свіжий", "): install a fresh one"))
		case now.Sub(issued) > limit*3/4:
			h.Warnings = append(h.Warnings, s.t("набір довіри скоро застаріє: встановіть свіжий до ", "the trust bundle will soon be too old: install a fresh one by ")+locale.Moment(s.lang, issued.Add(limit)))
		}
	}
	probe := d.state.Verify(verifier.Input{At: now, Unread: true}, checkpoint.Gate{})
	for _, check := range [...]int{verifier.CheckRoot, verifier.CheckBundle, verifier.CheckClock} {
		if c := probe.Checks[check]; c.Result == verifier.Fail {
			a := locale.Args{At: expires, Shift: now.Sub(expires)}
			if check == verifier.CheckClock {
				floor := info.Floor
				if issued.After(floor) {
					floor = issued
				}
				a = locale.Args{At: floor, Shift: floor.Sub(now)}
			}
			h.Mend = c.Code == verifier.StateDamaged
			tell(c.Code, a)
			return h
		}
	}
	if info.RecordsErr != nil || probe.Code == verifier.StateDamaged {
		h.Mend = true
		tell(verifier.StateDamaged, locale.Args{})
		return h
	}
	h.Ready = true
	return h
}

// internal is what the page shows when this program does not answer.
func (d *device) internal(lang string) *jsonFault {
	_, cause, next := locale.Text(lang, string(verifier.Internal), locale.Args{})
	return &jsonFault{Code: string(verifier.Internal), Word: locale.Word(lang, verifier.CannotConfirm.String()), Cause: cause, Next: next}
}

// words tells a person why an order was not carried out. Nothing of the input is repeated.
func (d *device) words(err error) *jsonFault {
	s := d.screen
	f := func(code, uk, en, nextUK, nextEN string) *jsonFault {
		return &jsonFault{Code: code, Cause: s.t(uk, en), Next: s.t(nextUK, nextEN)}
	}
	code := func(c verifier.Code) *jsonFault {
		_, cause, next := locale.Text(s.lang, string(c), locale.Args{})
		return &jsonFault{Code: string(c), Cause: cause, Next: next}
	}
	switch {
	case errors.Is(err, checkpoint.ErrPinned):
		return f("pinned", "на цьому пристрої вже закріплено інший корінь", "another root is pinned on this device already",
			"Інший технічний адміністратор — інший пристрій, або почніть спочатку в налаштуваннях.", "Another trust operator needs another device, or start afresh in the settings.")
	case errors.Is(err, checkpoint.ErrNoPin):
		return code(verifier.NoRoot)
	case errors.Is(err, trust.ErrRollback), errors.Is(err, trust.ErrFork):
		return f("rollback", "цей набір довіри старіший за те, що вже бачив цей пристрій, або це інший набір з тим самим номером", "this trust bundle is older than what this device has seen, or another one with the same number",
			"Візьміть новіший файл набору довіри.", "Take a newer trust bundle file.")
	case errors.Is(err, trust.ErrPin):
		return f("other-root", "цей набір довіри підписано під іншим коренем, ніж закріплений", "this trust bundle stands under another root than the pinned one",
			"Перевірте, чи від того технічного адміністратора цей файл.", "Check whether the file is from your trust operator.")
	case errors.Is(err, checkpoint.ErrIntact):
		return f("intact", "стан пристрою цілий: відновлювати нічого", "the state of the device is intact: there is nothing to recover", "Встановіть набір довіри звичайно.", "Install the trust bundle as usual.")
	case errors.Is(err, checkpoint.ErrBundle):
		return f("bundle", "це не набір довіри, або його пошкоджено", "this is no trust bundle, or it is damaged", "Візьміть інший файл набору довіри.", "Take another trust bundle file.")
	case errors.Is(err, checkpoint.ErrPolicy), errors.Is(err, checkpoint.ErrPolicyOther):
		return f("policy", "правила цього пункту не підписав його орган, або вони не для цього пристрою", "the policy of this checkpoint was not signed by its body, or is not for this device", "Повідомте адміністратора органу; діють попередні правила.", "Tell the body's administrator; the policy before stays in force.")
	case errors.Is(err, errGuard):
		return f("guard", "такого вартового у правилах цього пункту немає", "the policy of this checkpoint names no such guard", "Оберіть вартового зі списку.", "Choose a guard of the list.")
	case errors.Is(err, checkpoint.ErrDisk):
		return f("storage", "браузер не зберіг даних: бракує місця або сховище заборонено", "the browser did not store the data: no space, or storage is denied", "Звільніть місце або дозвольте сховище для цієї сторінки.", "Free some space or allow storage for this page.")
	case errors.Is(err, checkpoint.ErrDamaged):
		return code(verifier.StateDamaged)
	case errors.Is(err, checkpoint.ErrNotEnrolled), errors.Is(err, errNoKey), errors.Is(err, checkpoint.ErrNoBundle):
		return f("not-enrolled", "цей пристрій ще не допущено як перевіряльник: запитів він не робить", "this device has not been admitted as a verifier: it makes no challenges", "Подайте заявку в налаштуваннях і встановіть наступний набір довіри.", "File a request in the settings and install the next trust bundle.")
	case errors.Is(err, checkpoint.ErrBusy):
		return f("busy", "забагато запитів за останні хвилини", "too many challenges in the last minutes", "Зачекайте кілька хвилин.", "Wait a few minutes.")
	case errors.Is(err, checkpoint.ErrKeys):
		return f("keys", "ключ цього пристрою не той, з яким його допущено", "the key of this device is not the one it was admitted with", "Почніть спочатку в налаштуваннях і подайте нову заявку.", "Start afresh in the settings and file a new request.")
	case errors.Is(err, trust.ErrRequest):
		return f("request", "ЄДРПОУ має вісім цифр, назва — від 1 до 512 байтів в один рядок", "the EDRPOU has eight digits, the name 1 to 512 bytes on one line", "Виправте й повторіть.", "Correct it and repeat.")
	case errors.Is(err, trust.ErrArgument), errors.Is(err, trust.ErrNoPin):
		return f("fingerprint", "це не відбиток: у ньому 52 знаки, літери A–Z і цифри 2–7", "this is no fingerprint: it has 52 characters, the letters A–Z and the digits 2–7", "Звірте групу за групою з аркушем технічного адміністратора.", "Compare group by group with the trust operator's sheet.")
	}
	return code(verifier.Internal)
}

// encode writes an answer as JSON.
func (a *answer) encode() (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it goes to JSON.parse, never into a page's source
	if err := e.Encode(a); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

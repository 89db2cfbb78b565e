package registrar

import (
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/trust"
)

// trustBody is a body as the trust operator sees it.
type trustBody struct {
	EDRPOU, Name, Owner, Phone string
	Ended                      time.Time
	Lists                      int
	Oldest                     time.Time // iat of its oldest carried list
	Stale                      bool
	Withheld                   int
	Published                  time.Time // by this host; zero when the body is not here
	Here                       bool
}

// trustKey is an issuer key and its right.
type trustKey struct {
	ID, Owner, Bodies, Kinds string
	Life                     string
	From, Retired            time.Time
	Compromised              bool
}

// trustVerifier is an admitted verifier.
type trustVerifier struct {
	ID                       uint64
	Name, Body, Class, Print string
	Until                    time.Time
	Ended                    bool
}

// trustRoot is a root object.
type trustRoot struct {
	Number             uint64
	Threshold, Members int
	Signers            int
	Issued             time.Time
}

// verifierRequest is a request to be admitted, as it is looked at before.
type verifierRequest struct {
	Data                     string // base64, sent back with the word that it is meant
	Name, Body, Class, Print string
	BodyName                 string
	Made                     time.Time
	Classes                  []string
}

// trustPage is the trust operator's page.
type trustPage struct {
	ui
	Bundle    *bundleView
	Operator  bool // this host is the trust operator's
	Number    uint64
	Bodies    []trustBody
	Keys      []trustKey
	Verifiers []trustVerifier
	Roots     []trustRoot
	Steps     []string
	Request   *verifierRequest
	Admitted  uint64
	Fresh     bool
	Query     string
	Pager     service.Pager
}

var trustClasses = map[trust.Class][2]string{trust.ClassCheckpoint: {"пункт пропуску", "checkpoint"}, trust.ClassCouncil: {"місцеве самоврядування", "council"}}

// Class is a class of verifiers in words.
func (u ui) Class(c trust.Class) string {
	if w, ok := trustClasses[c]; ok {
		return u.T(w[0], w[1])
	}
	return c.String()
}

// keyPrint is how two people compare a key by eye: the first 20 bytes of its thumbprint (RFC 9679) in base32, in groups of four.
func keyPrint(thumb [32]byte) string {
	text := base32.StdEncoding.EncodeToString(thumb[:20])
	var groups []string
	for g := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, " ")
}

func (p *pages) trustPage(c *call) error { return p.trustWith(c, http.StatusOK, nil, nil) }

func (p *pages) trustWith(c *call, status int, request *verifierRequest, wrong error) error {
	v := &trustPage{ui: c.ui(), Request: request, Fresh: c.fresh(), Query: c.query("q")}
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	if n, err := strconv.ParseUint(c.query("admitted"), 10, 64); err == nil {
		v.Admitted = n
	}
	bundle, _, err := p.Trust.Bundle()
	if err == nil {
		v.Bundle = v.bundle(bundle, c.at)
		v.Number = bundle.Number()
	}
	register, err := p.Trust.Register()
	switch {
	case err == nil:
		v.Operator = true
		if err := p.fillRegister(c, v, register); err != nil {
			return err
		}
	case errors.Is(err, fs.ErrNotExist):
		if bundle != nil {
			if err := p.fillBundle(c, v, bundle); err != nil {
				return err
			}
		}
	default:
		return err
	}
	v.nextSteps(c)
	return c.Render(c.w, c.r, status, "trust", v)
}

// published is when the bodies of this host published last.
func (p *pages) published(c *call, edrpou string) (time.Time, bool, error) {
	b, err := p.Body(edrpou)
	if err != nil {
		return time.Time{}, false, nil
	}
	at, err := publishedAt(c.r.Context(), b)
	return at, true, err
}

func (p *pages) fillRegister(c *call, v *trustPage, r *trust.Register) error {
	withheld := r.Withheld()
	lists := map[string][]trust.CarriedList{}
	for _, l := range r.Lists() {
		lists[l.ID.Issuer] = append(lists[l.ID.Issuer], l)
	}
	for _, b := range r.Bodies() {
		row := trustBody{EDRPOU: b.EDRPOU, Name: visible(b.Name), Owner: b.Owner, Phone: visible(b.DutyPhone), Ended: b.EndedAt, Lists: len(lists[b.EDRPOU]), Withheld: withheld[b.EDRPOU]}
		for _, l := range lists[b.EDRPOU] {
			if row.Oldest.IsZero() || l.IssuedAt.Before(row.Oldest) {
				row.Oldest = l.IssuedAt
			}
		}
		row.Stale = !b.Ended() && !row.Oldest.IsZero() && c.at.Sub(row.Oldest) > 24*time.Hour
		var err error
		if row.Published, row.Here, err = p.published(c, b.EDRPOU); err != nil {
			return err
		}
		v.Bodies = append(v.Bodies, row)
	}
	for _, k := range r.Keys() {
		v.addKey(k.IssuerKey, k.Owner)
	}
	v.addVerifiers(c, r.Verifiers())
	v.addRoots(r.Roots())
	return nil
}

func (p *pages) fillBundle(c *call, v *trustPage, b *trust.Bundle) error {
	for _, one := range b.Bodies() {
		row := trustBody{EDRPOU: one.EDRPOU, Name: visible(one.Name), Phone: visible(one.DutyPhone), Ended: one.EndedAt}
		var err error
		if row.Published, row.Here, err = p.published(c, one.EDRPOU); err != nil {
			return err
		}
		v.Bodies = append(v.Bodies, row)
	}
	for _, k := range b.AllIssuerKeys() {
		v.addKey(k, "")
	}
	all, err := b.Verifiers()
	if err != nil {
		return err
	}
	v.addVerifiers(c, all)
	v.addRoots(b.Roots())
	return nil
}

func (v *trustPage) addKey(k trust.IssuerKey, owner string) {
	row := trustKey{ID: fmt.Sprintf("%v", k.Key.KeyID()), Owner: owner, Bodies: strings.Join(k.Right.Bodies, ", "), From: k.Right.ValidFrom, Retired: k.Right.RetiredAt, Compromised: k.Right.Compromised,
		Life: fmt.Sprintf("%d %s", int(k.Right.MaxLife.Hours()/24), v.T("діб", "days"))}
	words := map[uint8][2]string{0: {"телефон", "phone"}, 1: {"статичні", "static"}, 2: {"картки", "cards"}}
	var kinds []string
	for _, kind := range k.Right.Kinds {
		w := words[kind]
		kinds = append(kinds, v.T(w[0], w[1]))
	}
	row.Kinds = strings.Join(kinds, ", ")
	v.Keys = append(v.Keys, row)
}

func (v *trustPage) addVerifiers(c *call, all []trust.VerifierEntry) {
	words := strings.Fields(fold(v.Query))
	var found []trust.VerifierEntry
	for _, one := range all {
		if matches(fold(one.Name+" "+one.Body+" "+strconv.FormatUint(one.ID, 10)), words) {
			found = append(found, one)
		}
	}
	v.Pager = c.page(len(found))
	for _, one := range found[v.Pager.From:v.Pager.To] {
		v.Verifiers = append(v.Verifiers, trustVerifier{one.ID, visible(one.Name), one.Body, v.Class(one.Class), keyPrint(one.SigningKey.Thumbprint()), one.ValidUntil, !c.at.Before(one.ValidUntil)})
	}
}

func (v *trustPage) addRoots(all []*trust.Root) {
	for _, r := range all {
		v.Roots = append(v.Roots, trustRoot{r.Number, r.Threshold, len(r.Members), len(r.BundleSigners), r.IssuedAt})
	}
}

// nextSteps says what the trust operator has to do next.
func (v *trustPage) nextSteps(c *call) {
	add := func(uk, en string) { v.Steps = append(v.Steps, v.T(uk, en)) }
	switch {
	case v.Bundle == nil:
		add("Встановіть набір довіри: без нього нічого не підписується і не перевіряється.", "Install a trust bundle: without one nothing is signed or verified.")
	case v.Bundle.Ended:
		add("Строк набору довіри минув: зробіть і роздайте наступний зараз.", "The bundle has ended: make and hand out the next one now.")
	case v.Bundle.Old:
		add("Набору довіри понад 36 годин: зробіть наступний.", "The bundle is over 36 hours old: make the next one.")
	}
	for _, b := range v.Bodies {
		switch {
		case b.Stale:
			add("Переліки органу "+b.EDRPOU+" старші за добу: попросіть публікацію.", "The lists of body "+b.EDRPOU+" are over a day old: ask for a publication.")
		case v.Operator && b.Lists == 0 && b.Ended.IsZero():
			add("Орган "+b.EDRPOU+" ще нічого не опублікував.", "Body "+b.EDRPOU+" has published nothing yet.")
		}
		if b.Withheld > 0 {
			add(fmt.Sprintf("Орган %s: карток, заявлених іншим органом раніше: %d.", b.EDRPOU, b.Withheld), fmt.Sprintf("Body %s: cards that another body stated first: %d.", b.EDRPOU, b.Withheld))
		}
		if b.Here && v.Bundle != nil && b.Published.After(v.Bundle.Issued) {
			add("Публікація органу "+b.EDRPOU+" новіша за набір довіри: зробіть наступний.", "The publication of body "+b.EDRPOU+" is newer than the bundle: make the next one.")
		}
	}
	soon := 0
	for _, one := range v.Verifiers {
		if !one.Ended && one.Until.Sub(c.at) < 30*24*time.Hour {
			soon++
		}
	}
	if soon > 0 {
		add(fmt.Sprintf("Перевіряльників, чий допуск скінчиться за 30 днів: %d.", soon), fmt.Sprintf("Verifiers whose entry ends within 30 days: %d.", soon))
	}
}

// sentFile is the one file of a form. Errors: errNoFile, service.TooLarge.
func (c *call) sentFile(field string, max int64) ([]byte, error) {
	if c.r.MultipartForm == nil || len(c.r.MultipartForm.File[field]) != 1 {
		return nil, errNoFile
	}
	header := c.r.MultipartForm.File[field][0]
	if header.Size > max {
		return nil, service.TooLarge
	}
	file, err := header.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, max+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, errNoFile
	case int64(len(data)) > max:
		return nil, service.TooLarge
	}
	return data, nil
}

func (p *pages) trustRefused(c *call, err error) error {
	known := told(err)
	var named *service.Problem
	if !errors.As(known, &named) {
		return known
	}
	return p.trustWith(c, named.Status, nil, err)
}

// installBundle installs a bundle that came as a file. What it must satisfy is the install's business: signatures, number, floor.
func (p *pages) installBundle(c *call) error {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxTrust)
	if err := c.readForm(maxTrust); err != nil {
		return err
	}
	data, err := c.sentFile("bundle", trust.MaxBundle)
	if err != nil {
		return p.trustRefused(c, err)
	}
	if err := p.Trust.Install(data, c.at); err != nil {
		return p.trustRefused(c, errTrustFile.Because(err))
	}
	return c.seeOther("/operator/")
}

// maxVerifierRequest bounds a verifier request.
const maxVerifierRequest = 64 << 10

// look shows a verifier's request with the fingerprint of its key before anybody admits it.
func (p *pages) lookVerifier(c *call) error {
	if _, err := p.Trust.Register(); errors.Is(err, fs.ErrNotExist) {
		return p.trustRefused(c, errNotOperator)
	}
	data, err := c.sentFile("request", maxVerifierRequest)
	if err != nil {
		return p.trustRefused(c, err)
	}
	request, err := c.request(data)
	if err != nil {
		return p.trustRefused(c, errTrustFile.Because(err))
	}
	return p.trustWith(c, http.StatusOK, request, nil)
}

func (c *call) request(data []byte) (*verifierRequest, error) {
	q, err := trust.ParseVerifierRequest(data)
	if err != nil {
		return nil, err
	}
	v := &verifierRequest{Data: base64.StdEncoding.EncodeToString(data), Name: visible(q.Name), Body: q.Body, Class: c.ui().Class(q.Class), Print: keyPrint(q.Key.Thumbprint()), Made: q.IssuedAt}
	if r, err := c.Trust.Register(); err == nil {
		for _, b := range r.Bodies() {
			if b.EDRPOU == q.Body {
				v.BodyName = visible(b.Name)
			}
		}
	}
	return v, nil
}

// admitVerifier admits the verifier whose request was looked at; the fingerprint that was compared has to be that of the request.
func (p *pages) admitVerifier(c *call) error {
	data, err := base64.StdEncoding.DecodeString(c.value("request"))
	if err != nil || len(data) == 0 || len(data) > maxVerifierRequest {
		return p.trustRefused(c, errForm)
	}
	request, err := c.request(data)
	if err != nil {
		return p.trustRefused(c, errTrustFile.Because(err))
	}
	until, err := hr.ParseDate(c.value("until"))
	switch {
	case err != nil || !until.End().After(c.at) || until.End().Sub(c.at) > 5*366*24*time.Hour:
		return p.trustWith(c, http.StatusBadRequest, request, errUntil)
	case c.value("compared") != "yes" || c.value("print") != request.Print:
		return p.trustWith(c, http.StatusConflict, request, errNotCompared)
	}
	id, err := p.Trust.Admit(data, trust.VerifierGrant{ValidUntil: until.End()}, c.at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.trustRefused(c, errNotOperator)
	case err != nil:
		return p.trustRefused(c, errTrustFile.Because(err))
	}
	p.PublishSoon()
	return c.seeOther("/operator/?admitted=" + strconv.FormatUint(id, 10))
}

var (
	errUntil = service.NewProblem(http.StatusBadRequest, "bad-until", "Останній день допуску має бути в майбутньому, не далі п'яти років.", "The last day of the entry has to be in the future, within five years.",
		"Введіть день як ДД.ММ.РРРР.", "Type the day as ДД.ММ.РРРР.")
	errNotCompared = service.NewProblem(http.StatusConflict, "not-compared", "Відбиток ключа не звірено.", "The fingerprint of the key was not compared.",
		"Звірте його з тим, що показує пристрій, і позначте це.", "Compare it with what the device shows, and tick that.")
)

// publishNow has every body publish and, on the trust operator's host, makes the next bundle.
func (p *pages) publishNow(c *call) error {
	if err := p.Trust.Publish(c.r.Context(), c.at); err != nil {
		return p.trustRefused(c, err)
	}
	return c.seeOther("/operator/")
}

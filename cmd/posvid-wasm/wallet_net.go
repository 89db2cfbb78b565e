//go:build js && wasm

package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall/js"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/wallet"
)

// maxAnswer is the longest answer of the service but for a bundle, in bytes: deliveries of every ID of one key.
const maxAnswer = 4 << 20

// problem is a refusal of the service (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Status int    `json:"status"`
}

func (p *problem) Error() string { return fmt.Sprintf("posvid-wasm: the service refused: %s", p.Code) }

// reply is an answer of the service.
type reply struct {
	status int
	etag   string
	body   []byte
}

// ask asks the service. Errors: code "offline" when there is no answer, "service" with a problem, and those of signing.
func (p *purse) ask(method, target string, headers map[string]string, body []byte, limit int) (reply, error) {
	head := js.Global().Get("Object").New()
	for name, value := range headers {
		head.Set(name, value)
	}
	init := js.Global().Get("Object").New()
	init.Set("method", method)
	init.Set("headers", head)
	if body != nil {
		head.Set("Content-Type", "application/json")
		init.Set("body", jsBytes(body))
	}
	response, err := call(p.host, "fetch", target, init)
	if err != nil {
		return reply{}, coded{"offline", err}
	}
	buffer, err := call(response, "arrayBuffer")
	if err != nil {
		return reply{}, coded{"offline", err}
	}
	data, err := bytesOf(js.Global().Get("Uint8Array").New(buffer), limit)
	if err != nil {
		return reply{}, coded{"service", err}
	}
	r := reply{status: response.Get("status").Int(), body: data}
	if v := response.Get("headers").Call("get", "ETag"); v.Type() == js.TypeString {
		r.etag = v.String()
	}
	switch {
	case r.status >= 200 && r.status < 300, r.status == 304:
		return r, nil
	}
	q := &problem{Status: r.status}
	if json.Unmarshal(data, q) != nil || q.Code == "" {
		q = &problem{Code: "http-" + strconv.Itoa(r.status), Status: r.status}
	}
	return r, coded{"service:" + q.Code, q}
}

// tell asks with JSON and reads JSON; signed says with which wallet.
func (p *purse) tell(path string, in, out any, signed *held) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	headers := map[string]string{"Accept": "application/json, application/problem+json"}
	if signed != nil {
		data, err := credential.SignRequest(credential.NewRequest(p.origin, "POST", path, body, p.serviceTime()), signed.key)
		if err != nil {
			return err
		}
		headers[credential.RequestHeader] = base64.RawURLEncoding.EncodeToString(data)
	}
	r, err := p.ask("POST", path, headers, body, maxAnswer)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(r.body, out); err != nil {
		return coded{"service", errors.New("posvid-wasm: the answer is not the JSON that was asked for")}
	}
	return nil
}

// serviceTime is the phone's time brought to the service's clock where that is known: what is signed for the service is
// held to the service's clock. Codes for guards carry the phone's own time.
func (p *purse) serviceTime() time.Time {
	now := time.Now()
	if c := p.facts.Clock; c != nil {
		now = now.Add(time.Duration(c.Offset) * time.Millisecond)
	}
	return now.UTC()
}

// timeAnswer is the answer of GET /api/v1/time.
type timeAnswer struct {
	Milliseconds int64 `json:"time_ms"` // since 1970-01-01T00:00:00Z
}

// readClock compares the phone's clock with the service's.
func (p *purse) readClock() error {
	before := time.Now()
	r, err := p.ask("GET", "/api/v1/time", nil, nil, maxAnswer)
	if err != nil {
		return err
	}
	took := time.Since(before)
	var answer timeAnswer
	if err := json.Unmarshal(r.body, &answer); err != nil || answer.Milliseconds <= 0 {
		return coded{"service", errors.New("posvid-wasm: the service told no time")}
	}
	offset := time.UnixMilli(answer.Milliseconds).Sub(before.Add(took / 2))
	p.Lock()
	defer p.Unlock()
	p.facts.Clock = &clock{offset.Milliseconds(), (took/2 + time.Millisecond).Milliseconds(), before.UTC().Truncate(time.Second)}
	return p.keep()
}

// fetchBundle asks for the bundle under a root. It returns nil where the service has the one that is kept.
func (p *purse) fetchBundle(root trust.Fingerprint) (*trust.Bundle, []byte, string, error) {
	headers := map[string]string{"Accept": "application/vnd.posvid.bundle"}
	if p.bundle != nil && p.facts.ETag != "" {
		headers["If-None-Match"] = p.facts.ETag
	}
	r, err := p.ask("GET", "/api/v1/bundle", headers, nil, trust.MaxBundle)
	if err != nil || r.status == 304 {
		return nil, nil, "", err
	}
	b, err := trust.Open(r.body, root)
	if err != nil {
		return nil, nil, "", err
	}
	return b, r.body, r.etag, nil
}

// install has every wallet take a bundle, and keeps it: all of it in one write, or nothing. A wallet that remembered a bundle
// which was not kept would refuse the one that is.
func (p *purse) install(b *trust.Bundle, data []byte, etag string, now time.Time) error {
	p.Lock()
	defer p.Unlock()
	before := make([][]byte, len(p.wallets))
	puts := []any{}
	p.joined = &puts
	var err error
	for i, h := range p.wallets {
		before[i] = h.w.State()
		err = errors.Join(err, h.w.TakeBundle(b, now))
	}
	p.joined = nil
	next := p.facts
	next.ETag = etag
	if err == nil {
		err = p.store(func(c js.Value) {
			c.Set("puts", js.ValueOf(puts))
			c.Set("bundle", jsBytes(data))
			c.Set("facts", next.encode())
		})
	}
	if err == nil {
		p.facts, p.bundle, p.raw = next, b, data
		return nil
	}
	for i, h := range p.wallets {
		w, loadErr := wallet.Load(before[i], p.saver(h.id, js.Undefined()))
		if loadErr == nil {
			loadErr = w.UseSigner(h.key)
		}
		if loadErr != nil {
			return errors.Join(err, loadErr)
		}
		h.w = w
	}
	return err
}

type enrolIn struct {
	Body string `json:"body"` // ЄДРПОУ
	Code string `json:"code"`
	Slip int64  `json:"slip"` // 0: not known
	Root string `json:"root"` // fingerprint on the slip; empty: the one the service names, which the holder has compared
}

// enrol asks a body for an ID with the code of a slip. A key is made for it; a refused code leaves nothing behind. When the
// network fails in between, the proof is kept and sent again by sync.
func (p *purse) enrol(in enrolIn) (any, error) {
	if _, err := credential.NormaliseCode(in.Code); err != nil {
		return nil, err
	}
	pin, err := trust.ParseFingerprint(in.Root)
	if err != nil {
		return nil, coded{"bad-root", err}
	}
	if root, ok := p.root(); ok && root != pin {
		return nil, coded{"other-root", errors.New("posvid-wasm: the wallet has another root")}
	}
	if err := p.readClock(); err != nil {
		return nil, err
	}
	// The bundle comes first: with the wrong root the code must not be used up.
	b, data, etag, err := p.fetchBundle(pin)
	if err != nil {
		return nil, err
	}
	key, err := newPhone()
	if err != nil {
		return nil, err
	}
	h, err := p.begin(in, pin, key)
	if err != nil {
		return nil, err
	}
	if b != nil {
		err = p.install(b, data, etag, time.Now())
	} else {
		p.Lock()
		err = h.w.TakeBundle(p.bundle, time.Now())
		p.Unlock()
	}
	if err != nil {
		return nil, errors.Join(err, p.drop(h.id))
	}
	return p.send(h)
}

// begin makes the wallet of an enrolment and its proof of possession.
func (p *purse) begin(in enrolIn, pin trust.Fingerprint, key phone) (*held, error) {
	p.Lock()
	defer p.Unlock()
	id := newID()
	w, err := wallet.Make(key, pin, p.saver(id, key.key))
	if err != nil {
		return nil, err
	}
	h := &held{id, w, key}
	p.wallets = append(p.wallets, h)
	proof, err := w.MakePossession(in.Body, in.Code, p.serviceTime())
	if err != nil {
		return nil, errors.Join(err, p.drop(id))
	}
	p.facts.Pending[id] = pending{Body: in.Body, Slip: in.Slip, Proof: proof, At: time.Now().UTC().Truncate(time.Second)}
	if err := p.keep(); err != nil {
		return nil, errors.Join(err, p.drop(id))
	}
	return h, nil
}

// send sends the proof of an enrolment. The same proof by the same key may be sent again.
func (p *purse) send(h *held) (any, error) {
	p.Lock()
	q, ok := p.facts.Pending[h.id]
	p.Unlock()
	if !ok {
		return nil, coded{"no-id", errors.New("posvid-wasm: nothing to send for this wallet")}
	}
	body := map[string]any{"possession": q.Proof}
	if q.Slip > 0 {
		body["slip"] = q.Slip
	}
	var answer struct {
		State    string `json:"state"` // issued, or pending: enrolled, and the ID follows
		Delivery []byte `json:"delivery"`
	}
	err := p.tell("/api/v1/bodies/"+url.PathEscape(q.Body)+"/enrolments", body, &answer, nil)
	p.Lock()
	defer p.Unlock()
	if code := codeOf(err); err != nil && (code == "service:enrolment-refused" || code == "service:unknown-body") {
		return nil, errors.Join(err, p.drop(h.id))
	}
	var ids []wallet.ID
	if err == nil && len(answer.Delivery) > 0 {
		ids, err = h.w.Store(answer.Delivery, p.bundle, time.Now())
	}
	if err != nil {
		q.Code = codeOf(err)
		p.facts.Pending[h.id] = q
		return nil, errors.Join(err, p.keep())
	}
	delete(p.facts.Pending, h.id)
	p.facts.Synced = time.Now().UTC().Truncate(time.Second)
	for _, id := range ids {
		p.facts.States[stateKey(h.id, id.Issuer, id.Number)] = state{State: "issued", Since: p.serviceTime(), Asked: p.serviceTime()}
	}
	if err := p.keep(); err != nil {
		return nil, err
	}
	numbers := []string{}
	for _, id := range ids {
		numbers = append(numbers, id.Number)
	}
	return map[string]any{"wallet": h.id, "numbers": numbers}, nil
}

// walletArg names a wallet.
type walletArg struct {
	Wallet string `json:"wallet"`
}

// resend sends a waiting enrolment again.
func (p *purse) resend(in walletArg) (any, error) {
	h, err := p.find(in.Wallet)
	if err != nil {
		return nil, err
	}
	return p.send(h)
}

// idAnswer is one ID in the answer of …/wallet/delivery.
type idAnswer struct {
	Number   string    `json:"number"`
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	Renew    time.Time `json:"renew_after"`
	Expires  time.Time `json:"expires_at"`
	Delivery []byte    `json:"delivery"`
}

// sync brings clock, bundle, states and newer tokens. What fails is in the answer by name; the rest is done.
func (p *purse) sync(struct{}) (any, error) {
	p.syncing.Lock() // two at once would ask everything twice
	defer p.syncing.Unlock()
	failed := []map[string]string{}
	fail := func(step string, err error) {
		if err != nil {
			failed = append(failed, map[string]string{"step": step, "code": codeOf(err)})
		}
	}
	if err := p.readClock(); err != nil {
		return nil, err // no network: nothing else would come
	}
	fresh := false
	if root, ok := p.root(); ok {
		b, data, etag, err := p.fetchBundle(root)
		if err == nil && b != nil {
			err = p.install(b, data, etag, time.Now())
			fresh = err == nil
		}
		fail("bundle", err)
	}
	changed := 0
	for _, h := range slices.Clone(p.wallets) {
		if q, waits := p.facts.Pending[h.id]; waits {
			// A proof that the body took once is not good for ever, the key is: what was issued for it may be fetched.
			if q.Code != "" && q.Code != "offline" && p.collect(h, q.Body) {
				changed++
				continue
			}
			_, err := p.send(h)
			fail("enrolment", err)
			continue
		}
		for _, body := range bodiesOf(h.w) {
			n, err := p.refresh(h, body)
			changed += n
			fail("delivery", err)
		}
	}
	p.Lock()
	defer p.Unlock()
	p.facts.Synced = time.Now().UTC().Truncate(time.Second)
	if err := p.keep(); err != nil {
		return nil, err
	}
	return map[string]any{"bundle": fresh, "changed": changed, "failed": failed}, nil
}

// collect asks for what was issued for a wallet whose proof was sent, and tells whether it came.
func (p *purse) collect(h *held, body string) bool {
	if n, err := p.refresh(h, body); n == 0 || err != nil {
		return false
	}
	p.Lock()
	defer p.Unlock()
	delete(p.facts.Pending, h.id)
	return p.keep() == nil
}

// bodiesOf are the bodies whose IDs a wallet keeps or has asked for.
func bodiesOf(w *wallet.Wallet) []string {
	var all []string
	for _, id := range w.List() {
		all = append(all, id.Issuer)
	}
	for _, e := range w.Enrolments() {
		all = append(all, e.Body)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// refresh asks a body for states and newer tokens of a wallet's key.
func (p *purse) refresh(h *held, body string) (changed int, err error) {
	var answer struct {
		Tag string     `json:"tag"` // of this answer
		IDs []idAnswer `json:"ids"`
	}
	tagKey := stateKey(h.id, body, "")
	if err := p.tell(walletPath(body, "delivery"), map[string]any{"have": p.facts.Tags[tagKey]}, &answer, h); err != nil {
		return 0, err
	}
	p.Lock()
	defer p.Unlock()
	for _, id := range answer.IDs {
		key := stateKey(h.id, body, id.Number)
		p.facts.States[key] = state{id.State, id.Since, id.Renew, id.Expires, p.serviceTime().Truncate(time.Second)}
		if len(id.Delivery) == 0 {
			continue
		}
		if _, storeErr := h.w.Store(id.Delivery, p.bundle, time.Now()); storeErr != nil {
			err = errors.Join(err, storeErr)
			continue
		}
		changed++
	}
	if err == nil {
		p.facts.Tags[tagKey] = answer.Tag // with it the service leaves out what has not changed
	}
	return changed, errors.Join(err, p.keep())
}

func walletPath(body, what string) string {
	return "/api/v1/bodies/" + url.PathEscape(body) + "/wallet/" + what
}

// remove removes a wallet from this phone and asks nobody; an ID that is issued stays so at the body.
func (p *purse) remove(in walletArg) (any, error) {
	p.Lock()
	defer p.Unlock()
	return struct{}{}, p.drop(in.Wallet)
}

// ofID is a signed question about one ID.
func (p *purse) ofID(in which, what string, more map[string]any, out any) error {
	h, err := p.find(in.Wallet)
	if err != nil {
		return err
	}
	body := map[string]any{"number": in.Number}
	for k, v := range more {
		body[k] = v
	}
	return p.tell(walletPath(in.Body, what), body, out, h)
}

// withdraw takes the wish back: the body revokes the ID. The wallet is asked for the new state at once.
func (p *purse) withdraw(in which) (any, error) { return p.end(in, "withdraw") }

// stop suspends the ID of this wallet.
func (p *purse) stop(in which) (any, error) { return p.end(in, "stop") }

func (p *purse) end(in which, what string) (any, error) {
	var more map[string]any
	if what == "withdraw" {
		more = map[string]any{"confirm": true} // the page has asked
	}
	if err := p.ofID(in, what, more, nil); err != nil {
		return nil, err
	}
	h, err := p.find(in.Wallet)
	if err != nil {
		return nil, err
	}
	_, err = p.refresh(h, in.Body)
	return struct{}{}, err
}

// online asks for a one-time code.
func (p *purse) online(in which) (any, error) {
	var answer struct {
		Link    string `json:"link"`
		Digits  string `json:"digits"`
		Seconds int    `json:"timer_time"`
	}
	if err := p.ofID(in, "online-codes", nil, &answer); err != nil {
		return nil, err
	}
	s, err := qr.EncodeLink(answer.Link)
	if err != nil || !strings.HasPrefix(answer.Link, "https://") {
		return nil, coded{"service", errors.New("posvid-wasm: the service made a link that is none")}
	}
	return map[string]any{"link": answer.Link, "digits": answer.Digits, "seconds": answer.Seconds, "symbol": pack(s)}, nil
}

// checks is who looked at an ID.
func (p *purse) checks(in struct {
	which
	Before int64 `json:"before"` // number of a check; 0: from the newest
}) (any, error) {
	var answer json.RawMessage
	if err := p.ofID(in.which, "checks", map[string]any{"before": in.Before}, &answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// office answers a log-in to Дія.Офіс on another device (docs/spec/office.md, Section 3): with the number that the holder read on
// its screen, or that it was not the holder who began.
func (p *purse) office(in struct {
	which
	Code    string `json:"code"`
	Digits  int    `json:"digits"`
	Confirm bool   `json:"confirm"`
}) (any, error) {
	h, err := p.find(in.Wallet)
	if err != nil {
		return nil, err
	}
	if err := p.readClock(); err != nil {
		return nil, err
	}
	var answer struct {
		Confirmed bool `json:"confirmed"`
	}
	err = p.tell("/api/v1/office/login", map[string]any{"code": in.Code, "body": in.Body, "number": in.Number, "digits": in.Digits, "confirm": in.Confirm}, &answer, h)
	return answer, err
}

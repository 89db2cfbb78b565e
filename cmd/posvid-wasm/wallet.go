//go:build js && wasm

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall/js"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/wallet"
)

// The wallet of a page (docs/spec/wallet-page.md). Package wallet decides; here stand the key, the storage and the network
// of a browser.
//
//	posvidWalletOpen(host)           Promise of JSON: takes in what the page has stored
//	posvidWallet(name, JSON)         Promise of JSON: one of the functions of walletCalls
//
// host = { origin, wallets: [{id, state: Uint8Array, key: CryptoKey}], bundle: Uint8Array | null, facts: text,
//
//	store(change): Promise, fetch(path, {method, headers, body}): Promise of Response }
//
// A change is written whole or not at all: { puts: [{id, state, key?}], drop: id, bundle: Uint8Array, facts: text }, of which
// each may be absent. An answer {"error": {"code", "text"}} says what was refused; the codes are those of
// docs/spec/wallet-page.md, Section 6.

// phone is the key of one wallet: a CryptoKey that the browser keeps and does not hand out.
type phone struct {
	key    js.Value
	public keys.HolderPublicKey
}

func (p phone) Algorithm() cose.Algorithm          { return cose.ESP256 }
func (p phone) Public() *cose.PublicKey            { return p.public.COSE() }
func (p phone) HolderPublic() keys.HolderPublicKey { return p.public }
func (p phone) SignsAsHolder()                     {}

// Sign has the browser sign, and brings the signature to low-S.
func (p phone) Sign(toBeSigned []byte) ([]byte, error) {
	answer, err := call(subtle(), "sign", algorithm("ECDSA", "hash", "SHA-256"), p.key, jsBytes(toBeSigned))
	if err != nil {
		return nil, coded{"key-unusable", err}
	}
	sig, err := bytesOf(js.Global().Get("Uint8Array").New(answer), 64)
	if err != nil || len(sig) != 64 {
		return nil, coded{"key-unusable", errors.New("posvid-wasm: want a signature of 64 bytes")}
	}
	return cose.NormalizeS(sig), nil
}

// check has the key sign something that means nothing, so that a key of another wallet is found before a guard finds it.
func (p phone) check() error {
	probe := append([]byte("posvid wallet key check v1 "), make([]byte, 16)...)
	rand.Read(probe[len(probe)-16:])
	sig, err := p.Sign(probe)
	if err != nil {
		return err
	}
	if err := p.public.COSE().Verify(probe, sig); err != nil {
		return coded{"key-unusable", err}
	}
	return nil
}

func subtle() js.Value { return js.Global().Get("crypto").Get("subtle") }

func algorithm(name, member, value string) js.Value {
	o := js.Global().Get("Object").New()
	o.Set("name", name)
	o.Set(member, value)
	return o
}

// newPhone makes a P-256 key whose private half no script can read.
func newPhone() (phone, error) {
	usages := js.Global().Get("Array").New("sign", "verify")
	pair, err := call(subtle(), "generateKey", algorithm("ECDSA", "namedCurve", "P-256"), false, usages)
	if err != nil {
		return phone{}, coded{"key-unusable", err}
	}
	if pair.Get("privateKey").Get("extractable").Bool() {
		return phone{}, coded{"key-unusable", errors.New("posvid-wasm: the browser made a key that can be read out")}
	}
	raw, err := call(subtle(), "exportKey", "raw", pair.Get("publicKey"))
	if err != nil {
		return phone{}, coded{"key-unusable", err}
	}
	point, err := bytesOf(js.Global().Get("Uint8Array").New(raw), 65)
	if err != nil {
		return phone{}, coded{"key-unusable", err}
	}
	public, err := holderOf(point)
	if err != nil {
		return phone{}, coded{"key-unusable", err}
	}
	return phone{pair.Get("privateKey"), public}, nil
}

// holderOf reads an uncompressed point (SEC 1, Section 2.3.3).
func holderOf(point []byte) (keys.HolderPublicKey, error) {
	p, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return keys.HolderPublicKey{}, errors.New("posvid-wasm: the browser's public key is no point of P-256")
	}
	k, err := cose.NewPublicKey(p)
	if err != nil {
		return keys.HolderPublicKey{}, err
	}
	return keys.NewHolderPublicKey(k)
}

// coded is an error with its name for the page.
type coded struct {
	code  string
	cause error
}

func (c coded) Error() string {
	if c.cause == nil {
		return "posvid-wasm: " + c.code
	}
	return c.cause.Error()
}
func (c coded) Unwrap() error { return c.cause }

// walletCodes names the errors of package wallet.
var walletCodes = []struct {
	err  error
	code string
}{
	{wallet.ErrDamaged, "damaged"}, {wallet.ErrForeignKey, "key-unusable"}, {wallet.ErrForeignToken, "foreign-token"},
	{wallet.ErrUntrusted, "untrusted"}, {wallet.ErrOlder, "older"}, {wallet.ErrFull, "full"}, {wallet.ErrDelivery, "bad-delivery"},
	{credential.ErrCode, "bad-code"}, {wallet.ErrEnrolment, "bad-body"}, {wallet.ErrNoID, "no-id"}, {wallet.ErrWhichID, "which-id"},
	{wallet.ErrNoFace, "no-face"}, {wallet.ErrExpired, "expired"}, {wallet.ErrNotYet, "not-yet"}, {wallet.ErrNotChallenge, "not-question"},
	{wallet.ErrVerifierUnknown, "verifier-unknown"}, {wallet.ErrVerifierExpired, "verifier-expired"}, {wallet.ErrChallengeTime, "question-time"},
	{wallet.ErrChallenge, "bad-question"}, {trust.ErrNoPin, "no-root"}, {trust.ErrPin, "other-root"}, {trust.ErrRollback, "bundle-older"}, {trust.ErrFork, "bundle-fork"},
	{wallet.ErrBundle, "bundle"}, {wallet.ErrLocked, "locked"}, {wallet.ErrNotFound, "not-found"},
}

// codeOf is the name of an error for the page.
func codeOf(err error) string {
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	for _, w := range walletCodes {
		if errors.Is(err, w.err) {
			return w.code
		}
	}
	return "internal"
}

// failure is the answer for an error. Texts of problems are the service's own, in the reader's language.
func failure(err error) string {
	answer := map[string]any{"code": codeOf(err), "text": err.Error()}
	var p *problem
	if errors.As(err, &p) {
		answer["title"], answer["next"], answer["status"] = p.Title, p.Detail, p.Status
	}
	out, _ := json.Marshal(map[string]any{"error": answer}) // texts and a number always encode
	return string(out)
}

// held is one wallet of the page: each enrolment has its own key.
type held struct {
	id  string
	w   *wallet.Wallet
	key phone
}

// purse is everything that the page has opened. The lock is held for changes and never while the network is waited for.
type purse struct {
	sync.Mutex
	host    js.Value
	origin  string
	wallets []*held
	damaged []string // ids that did not open
	raw     []byte   // the newest bundle
	bundle  *trust.Bundle
	facts   facts
	asked   *wallet.Question // read and not answered

	questions int    // read so far
	joined    *[]any // states that install writes together with the bundle; nil: each is written at once
	syncing   sync.Mutex
}

// facts is what the page keeps beside the wallets, as JSON. Nothing in it is secret; a pending proof is good for one body and
// one code, together with the key that stays in the browser.
type facts struct {
	Schema  string             `json:"schema"`
	ETag    string             `json:"etag,omitempty"` // of the bundle
	Clock   *clock             `json:"clock,omitempty"`
	States  map[string]state   `json:"states,omitempty"`  // by stateKey
	Pending map[string]pending `json:"pending,omitempty"` // by id of the wallet
	Tags    map[string]string  `json:"tags,omitempty"`    // by stateKey without a number: what of the service is kept
	Synced  time.Time          `json:"synced,omitzero"`   // when the service last answered
}

const factsSchema = "posvid.wallet-page/1"

// clock is how the phone's clock stood against the service's.
type clock struct {
	Offset int64     `json:"offset_ms"` // service − phone
	Error  int64     `json:"error_ms"`  // half of the time that the question took, and the service's rounding
	At     time.Time `json:"at"`        // by the phone
}

// state is what the service last said about an ID.
type state struct {
	State   string    `json:"state"`
	Since   time.Time `json:"since,omitzero"`
	Renew   time.Time `json:"renew_after,omitzero"`
	Expires time.Time `json:"expires_at,omitzero"`
	Asked   time.Time `json:"asked"` // by the service's clock
}

// pending is an enrolment whose delivery has not come.
type pending struct {
	Body  string    `json:"body"`
	Slip  int64     `json:"slip,omitempty"`
	Proof []byte    `json:"proof"`
	At    time.Time `json:"at"`
	Code  string    `json:"code,omitempty"` // of the last failure
}

func stateKey(id, body, number string) string { return id + "/" + body + "/" + number }

// the is the purse of the page.
var the *purse

// change is one write of the page's storage.
func (p *purse) store(fill func(change js.Value)) error {
	change := js.Global().Get("Object").New()
	fill(change)
	if _, err := call(p.host, "store", change); err != nil {
		return coded{"storage", err}
	}
	return nil
}

// keep writes the facts.
func (p *purse) keep() error {
	return p.store(func(c js.Value) { c.Set("facts", p.facts.encode()) })
}

func (f *facts) encode() string {
	f.Schema = factsSchema
	out, err := json.Marshal(f)
	if err != nil {
		return "" // refused as damage when it is read; no value of these types fails to encode
	}
	return string(out)
}

func parseFacts(text string) (facts, error) {
	var f facts
	if text == "" {
		f.fill()
		return f, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || f.Schema != factsSchema {
		return facts{}, coded{"damaged", errors.New("posvid-wasm: facts are not what this page wrote")}
	}
	f.fill()
	return f, nil
}

// fill makes the maps that a JSON text left out.
func (f *facts) fill() {
	if f.States == nil {
		f.States = map[string]state{}
	}
	if f.Pending == nil {
		f.Pending = map[string]pending{}
	}
	if f.Tags == nil {
		f.Tags = map[string]string{}
	}
}

// saver writes the state of one wallet; with a key it is a new record.
func (p *purse) saver(id string, key js.Value) wallet.Save {
	return func(state []byte) error {
		put := js.Global().Get("Object").New()
		put.Set("id", id)
		put.Set("state", jsBytes(state))
		if key.Truthy() {
			put.Set("key", key)
			key = js.Undefined()
		}
		if p.joined != nil {
			*p.joined = append(*p.joined, put)
			return nil
		}
		return p.store(func(c js.Value) { c.Set("puts", js.Global().Get("Array").New(put)) })
	}
}

// openPurse is posvidWalletOpen.
func openPurse(host js.Value) (string, error) {
	if host.Type() != js.TypeObject || host.Get("store").Type() != js.TypeFunction || host.Get("fetch").Type() != js.TypeFunction {
		return "", coded{"internal", errors.New("posvid-wasm: want a host with store and fetch")}
	}
	p := &purse{host: host, origin: host.Get("origin").String()}
	var err error
	if text := host.Get("facts"); text.Type() == js.TypeString {
		p.facts, err = parseFacts(text.String())
	} else {
		p.facts, err = parseFacts("")
	}
	if err != nil {
		return "", err
	}
	list := host.Get("wallets")
	for i := range list.Length() {
		row := list.Index(i)
		id := row.Get("id").String()
		h, err := p.open(id, row)
		if err != nil {
			p.damaged = append(p.damaged, id)
			continue
		}
		p.wallets = append(p.wallets, h)
	}
	slices.SortFunc(p.wallets, func(a, b *held) int { return strings.Compare(a.id, b.id) })
	if p.raw, err = bytesOf(host.Get("bundle"), trust.MaxBundle); err != nil {
		p.raw = nil
	}
	if root, ok := p.root(); ok && len(p.raw) > 0 {
		// A bundle that does not open is fetched again; the wallets' own memory refuses an older one.
		if p.bundle, err = trust.Open(p.raw, root); err != nil {
			p.bundle, p.raw, p.facts.ETag = nil, nil, ""
		}
	}
	the = p
	out, err := json.Marshal(map[string]any{"wallets": len(p.wallets), "damaged": p.damaged})
	return string(out), err
}

// open opens one record of the page's storage.
func (p *purse) open(id string, row js.Value) (*held, error) {
	data, err := bytesOf(row.Get("state"), wallet.MaxState)
	if err != nil {
		return nil, err
	}
	w, err := wallet.Load(data, p.saver(id, js.Undefined()))
	if err != nil {
		return nil, err
	}
	key := row.Get("key")
	if key.Type() != js.TypeObject {
		return nil, coded{"damaged", errors.New("posvid-wasm: the record has no key")}
	}
	signer := phone{key, w.Holder()}
	if err := signer.check(); err != nil {
		return nil, err
	}
	if err := w.UseSigner(signer); err != nil {
		return nil, err
	}
	return &held{id, w, signer}, nil
}

// root is the root that the wallets have pinned; they all have the same one.
func (p *purse) root() (trust.Fingerprint, bool) {
	for _, h := range p.wallets {
		if root, ok := h.w.Pinned(); ok {
			return root, true
		}
	}
	return trust.Fingerprint{}, false
}

// find is the wallet with an id.
func (p *purse) find(id string) (*held, error) {
	for _, h := range p.wallets {
		if h.id == id {
			return h, nil
		}
	}
	return nil, coded{"no-id", fmt.Errorf("posvid-wasm: none of %d wallets has this id", len(p.wallets))}
}

// drop removes a wallet with everything that is kept about it.
func (p *purse) drop(id string) error {
	next := p.facts
	next.States, next.Pending, next.Tags = maps.Clone(next.States), maps.Clone(next.Pending), maps.Clone(next.Tags)
	maps.DeleteFunc(next.States, func(k string, _ state) bool { return strings.HasPrefix(k, id+"/") })
	maps.DeleteFunc(next.Tags, func(k, _ string) bool { return strings.HasPrefix(k, id+"/") })
	delete(next.Pending, id)
	err := p.store(func(c js.Value) {
		c.Set("drop", id)
		c.Set("facts", next.encode())
	})
	if err != nil {
		return err
	}
	p.facts = next
	p.wallets = slices.DeleteFunc(p.wallets, func(h *held) bool { return h.id == id })
	p.damaged = slices.DeleteFunc(p.damaged, func(d string) bool { return d == id })
	return nil
}

// newID names a wallet in the page's storage.
func newID() string {
	var random [8]byte
	rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

// call1 wraps a function of the purse for JSON in and JSON out.
func call1[I any](f func(p *purse, in I) (any, error)) func(p *purse, args string) (any, error) {
	return func(p *purse, args string) (any, error) {
		var in I
		if args == "" {
			args = "{}"
		}
		if err := json.Unmarshal([]byte(args), &in); err != nil {
			return nil, coded{"internal", errors.New("posvid-wasm: not the JSON that is asked for")}
		}
		return f(p, in)
	}
}

// walletCalls are the functions of posvidWallet.
var walletCalls = map[string]func(p *purse, args string) (any, error){
	"view":     call1((*purse).view),
	"present":  call1((*purse).present),
	"question": call1((*purse).question),
	"answer":   call1((*purse).answer),
	"enrol":    call1((*purse).enrol),
	"resend":   call1((*purse).resend),
	"sync":     call1((*purse).sync),
	"remove":   call1((*purse).remove),
	"withdraw": call1((*purse).withdraw),
	"stop":     call1((*purse).stop),
	"online":   call1((*purse).online),
	"checks":   call1((*purse).checks),
	"office":   call1((*purse).office),
}

// at is the phone's time in an argument: milliseconds since 1970-01-01T00:00:00Z, as Date.now has it.
func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func init() {
	exportAsync("posvidWalletOpen", func(args []js.Value) (any, error) {
		answer, err := openPurse(first(args))
		if err != nil {
			return failure(err), nil
		}
		return answer, nil
	})
	exportAsync("posvidWallet", func(args []js.Value) (any, error) {
		if len(args) != 2 || args[0].Type() != js.TypeString || args[1].Type() != js.TypeString {
			return failure(coded{"internal", errors.New("posvid-wasm: want a name and a JSON text")}), nil
		}
		f, ok := walletCalls[args[0].String()]
		if !ok {
			return failure(coded{"internal", errors.New("posvid-wasm: no such function")}), nil
		}
		if the == nil {
			return failure(coded{"internal", errors.New("posvid-wasm: nothing is open")}), nil
		}
		answer, err := f(the, args[1].String())
		if err != nil {
			return failure(err), nil
		}
		out, err := json.Marshal(answer)
		if err != nil {
			return failure(err), nil
		}
		return string(out), nil
	})
}

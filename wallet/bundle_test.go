package wallet

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
)

// operator is a trust operator with one ministry and one checkpoint.
type operator struct {
	register *trust.Register
	signer   authority.BundlePrivateKey
	chain    *credential.BeaconChain
	ministry issuer
	door     keys.VerifierPrivateKey
	doorID   uint64
}

const month = 30 * 24 * time.Hour

func newOperator(t testing.TB) *operator {
	t.Helper()
	o := &operator{ministry: newIssuer(t), chain: credential.NewBeaconChain([32]byte{7}, 100)}
	member, err := authority.GenerateRootKey()
	if err != nil {
		t.Fatal(err)
	}
	if o.signer, err = authority.GenerateBundleKey(); err != nil {
		t.Fatal(err)
	}
	root := trust.Root{
		Number: 1, Threshold: 1, Members: []keys.RootPublicKey{member.RootPublic()},
		BundleSigners: []keys.BundlePublicKey{o.signer.BundlePublic()}, IssuedAt: day.Add(-time.Hour),
	}
	payload, err := root.Encode()
	if err != nil {
		t.Fatal(err)
	}
	object, err := trust.SignRoot(payload, []keys.RootSigner{member})
	if err != nil {
		t.Fatal(err)
	}
	if o.register, err = trust.NewRegister(object); err != nil {
		t.Fatal(err)
	}
	o.admit(t, o.ministry, ministry)
	if o.door, err = keys.GenerateVerifierKey(); err != nil {
		t.Fatal(err)
	}
	request, err := trust.EncodeVerifierRequest(trust.VerifierRequest{
		Body: ministry, Name: "Пункт пропуску № 1", Class: trust.ClassCheckpoint, IssuedAt: day.Add(-time.Hour), HPKE: o.door.HPKEPublic(),
	}, o.door)
	if err != nil {
		t.Fatal(err)
	}
	if o.doorID, err = o.register.AdmitVerifier(request, trust.VerifierGrant{ValidUntil: day.Add(48 * time.Hour)}, day.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	return o
}

// admit lets a key issue phone tokens of 30 days for a body from an hour before day.
func (o *operator) admit(t testing.TB, by issuer, body string) {
	t.Helper()
	request, err := trust.EncodeKeyRequest(trust.KeyRequest{
		Bodies: []trust.BodyEntry{{EDRPOU: body, Name: "Міністерство " + body, NameEN: "Ministry"}},
		Kinds:  []uint8{uint8(credential.KindPhone)}, MaxLife: month, IssuedAt: day.Add(-time.Hour),
	}, by)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.register.AdmitKey(request, trust.Grant{}, day.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// file makes the next bundle.
func (o *operator) file(t testing.TB, at time.Time) []byte {
	t.Helper()
	data, err := o.register.BuildBundle(at, o.signer, func(n uint64) ([8]byte, error) {
		b, ok := o.chain.At(n)
		if !ok {
			return b, errors.New("end of chain")
		}
		return b, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (o *operator) bundle(t testing.TB, at time.Time) *trust.Bundle {
	t.Helper()
	b, err := trust.Open(o.file(t, at), o.register.RootFingerprint())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPin(t *testing.T) {
	o := newOperator(t)
	w := newWallet(t)
	file := o.file(t, day)
	if _, err := w.OpenBundle(file); !errors.Is(err, ErrBundle) || !errors.Is(err, trust.ErrNoPin) {
		t.Errorf("no pin: %v", err)
	}
	if err := w.Pin(trust.Fingerprint{}); !errors.Is(err, ErrBundle) {
		t.Errorf("zero pin: %v", err)
	}
	if err := w.Pin(o.register.RootFingerprint()); err != nil {
		t.Fatal(err)
	}
	if err := w.Pin(o.register.RootFingerprint()); err != nil {
		t.Errorf("the same pin again: %v", err)
	}
	if err := w.Pin(trust.Fingerprint{1}); !errors.Is(err, ErrBundle) {
		t.Errorf("another pin: %v", err)
	}
	w = reopened(t, w)
	b, err := w.OpenBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.TakeBundle(b, day); err != nil {
		t.Error(err)
	}
	if _, err := w.OpenBundle(file[:len(file)-1]); !errors.Is(err, ErrBundle) {
		t.Errorf("cut bundle: %v", err)
	}
	// Another operator's bundle, opened under that operator's root.
	foreign := newOperator(t).bundle(t, day)
	if err := w.TakeBundle(foreign, day); !errors.Is(err, ErrBundle) || !errors.Is(err, trust.ErrPin) {
		t.Errorf("another operator's bundle: %v", err)
	}
}

func TestTakeBundle(t *testing.T) {
	o := newOperator(t)
	w := newWallet(t)
	first, second := o.bundle(t, day), o.bundle(t, day.Add(time.Hour))
	if err := w.TakeBundle(second, day.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	value, _ := o.chain.At(2)
	want := Beacon{Value: value, N: 2, Published: day.Add(time.Hour), Bundle: 2}
	if w.Beacon() != want || reopened(t, w).Beacon() != want {
		t.Errorf("beacon %v, want %v", w.Beacon(), want)
	}
	state, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile))
	for name, tc := range map[string]struct {
		b    *trust.Bundle
		at   time.Time
		want error
	}{
		"none":            {nil, day, ErrBundle},
		"older":           {first, day, trust.ErrRollback},
		"expired":         {second, day.Add(time.Hour + trust.Lifetime), ErrBundle},
		"years later":     {second, day.AddDate(2, 0, 0), ErrBundle},
		"other operator":  {newOperator(t).bundle(t, day.Add(2*time.Hour)), day, ErrBundle},
		"other, number 2": {func() *trust.Bundle { x := newOperator(t); x.file(t, day); return x.bundle(t, day.Add(time.Hour)) }(), day, ErrBundle},
	} {
		if err := w.TakeBundle(tc.b, tc.at); !errors.Is(err, ErrBundle) || !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if w.Beacon() != want {
			t.Errorf("%s: the beacon changed", name)
		}
	}
	unpinned, err := trust.OpenUnpinned(o.file(t, day.Add(2*time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.TakeBundle(unpinned, day.Add(2*time.Hour)); !errors.Is(err, ErrBundle) || !errors.Is(err, trust.ErrNoPin) {
		t.Errorf("unpinned: %v", err)
	}
	if err := w.TakeBundle(second, day.Add(2*time.Hour)); err != nil {
		t.Errorf("the same bundle again: %v", err)
	}
	if after, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile)); !bytes.Equal(state, after) {
		t.Error("refused or known bundles changed the file")
	}
	// A bundle without a beacon leaves the known one.
	data, err := o.register.BuildBundle(day.Add(3*time.Hour), o.signer, nil)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := trust.Open(data, o.register.RootFingerprint())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.TakeBundle(bare, day.Add(3*time.Hour)); err != nil || w.Beacon() != want {
		t.Errorf("bundle without beacon: %v, beacon %v", err, w.Beacon())
	}
	if err := w.TakeBundle(second, day.Add(3*time.Hour)); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("back to bundle 2: %v", err)
	}
}

func TestStore(t *testing.T) {
	o := newOperator(t)
	w := newWallet(t)
	b := o.bundle(t, day)
	for _, body := range []string{ministry, council} {
		if _, err := w.MakePossession(body, credential.NewEnrolmentCode(), day); err != nil {
			t.Fatal(err)
		}
	}
	photo := append([]byte{0xff, 0xd8, 0xff, 0xe0}, bytes.Repeat([]byte{9}, 500)...)
	c := claims(w)
	c.HasPhoto, c.PhotoHash = true, photoHash(photo)
	w.Lock() // keeping what came needs no passphrase
	data := delivery(t, photo, o.ministry.token(t, full(c)), o.ministry.token(t, c))
	ids, err := w.Store(data, b, day)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 0 // what the wallet keeps is its own
	}
	if len(ids) != 1 || ids[0].Number != c.Number || len(ids[0].Faces) != 2 || !bytes.Equal(ids[0].Photo, photo) {
		t.Errorf("%d service IDs came back, or the first lacks a face or the photo", len(ids))
	}
	again := reopened(t, w)
	if got := again.List(); len(got) != 1 || len(got[0].Faces) != 2 || !bytes.Equal(got[0].Photo, photo) {
		t.Error("what was stored is not what opens")
	}
	if got := again.Enrolments(); len(got) != 1 || got[0].Body != council {
		t.Errorf("enrolments %v, want that of the other body", got)
	}
	if err := again.Unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	if err := again.TakeBundle(b, day); err != nil {
		t.Fatal(err)
	}
	code, err := again.Present(Selector{}, credential.FaceFull, day.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	token, shown := verified(t, code.Text, o.ministry)
	if beacon, ok := shown.Beacon(); !ok || beacon != again.Beacon().Value || token.Number != c.Number {
		t.Error("the code lacks the bundle's beacon or names another ID")
	}
}

func TestStoreRefuses(t *testing.T) {
	o := newOperator(t)
	stranger, compromised, retired, future := newIssuer(t), newIssuer(t), newIssuer(t), newIssuer(t)
	o.admit(t, compromised, ministry)
	o.admit(t, retired, ministry)
	if err := o.register.EndKey(compromised.IssuerPublic().Thumbprint(), trust.Ending{Compromised: true}); err != nil {
		t.Fatal(err)
	}
	if err := o.register.EndKey(retired.IssuerPublic().Thumbprint(), trust.Ending{RetiredAt: day.Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	request, err := trust.EncodeKeyRequest(trust.KeyRequest{
		Bodies: []trust.BodyEntry{{EDRPOU: ministry, Name: "М"}}, Kinds: []uint8{0}, MaxLife: month, IssuedAt: day.Add(-time.Hour),
	}, future)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.register.AdmitKey(request, trust.Grant{ValidFrom: day.Add(time.Hour)}, day.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	b := o.bundle(t, day)
	w := newWallet(t)
	other := newWallet(t)
	photo := append([]byte{0xff, 0xd8, 0xff, 0xe0}, 1, 2, 3)
	with := func(f func(*credential.Claims)) credential.Claims {
		c := claims(w)
		f(&c)
		return c
	}
	good := claims(w)
	pictured := with(func(c *credential.Claims) { c.HasPhoto, c.PhotoHash = true, photoHash(photo) })
	flipped := func(at int) []byte {
		token := bytes.Clone(o.ministry.token(t, good))
		if at < 0 {
			at += len(token)
		}
		token[at] ^= 1
		return token
	}
	full1 := delivery(t, nil, o.ministry.token(t, good))
	for name, tc := range map[string]struct {
		data []byte
		want error
	}{
		"empty":              {nil, ErrDelivery},
		"not CBOR":           {[]byte("delivery"), ErrDelivery},
		"cut":                {full1[:len(full1)-1], ErrDelivery},
		"trailing byte":      {append(bytes.Clone(full1), 0), ErrDelivery},
		"a bare token":       {o.ministry.token(t, good), ErrDelivery},
		"payload changed":    {delivery(t, nil, flipped(-100)), ErrUntrusted},
		"signature changed":  {delivery(t, nil, flipped(-1)), ErrUntrusted},
		"unknown key":        {delivery(t, nil, stranger.token(t, good)), ErrUntrusted},
		"compromised key":    {delivery(t, nil, compromised.token(t, good)), ErrUntrusted},
		"retired key":        {delivery(t, nil, retired.token(t, good)), ErrUntrusted},
		"key not yet valid":  {delivery(t, nil, future.token(t, good)), ErrUntrusted},
		"another body":       {delivery(t, nil, o.ministry.token(t, with(func(c *credential.Claims) { c.Issuer = council }))), ErrUntrusted},
		"life too long":      {delivery(t, nil, o.ministry.token(t, with(func(c *credential.Claims) { c.ExpiresAt = day.Add(month + time.Second) }))), ErrUntrusted},
		"iat before the key": {delivery(t, nil, o.ministry.token(t, with(func(c *credential.Claims) { c.IssuedAt, c.ExpiresAt = day.Add(-2*time.Hour), day.Add(time.Hour) }))), ErrUntrusted},
		"another's key":      {delivery(t, nil, o.ministry.token(t, claims(other))), ErrForeignToken},
		"card token":         {delivery(t, nil, o.ministry.token(t, with(func(c *credential.Claims) { c.Kind = credential.KindCard }))), ErrForeignToken},
		"static token": {delivery(t, nil, o.ministry.token(t, with(func(c *credential.Claims) {
			c.Kind, c.Holder = credential.KindStatic, keys.HolderPublicKey{}
		}))), ErrForeignToken},
		"expired":          {delivery(t, nil, o.ministry.token(t, with(func(c *credential.Claims) { c.IssuedAt, c.ExpiresAt = day.Add(-time.Minute), day }))), ErrExpired},
		"same face twice":  {delivery(t, nil, o.ministry.token(t, good), o.ministry.token(t, with(func(c *credential.Claims) { c.Status += 2 }))), ErrDelivery},
		"good and foreign": {delivery(t, nil, o.ministry.token(t, good), o.ministry.token(t, full(claims(other)))), ErrForeignToken},
		"other photo":      {delivery(t, append(bytes.Clone(photo), 4), o.ministry.token(t, pictured)), ErrDelivery},
		"photo unasked":    {delivery(t, photo, o.ministry.token(t, good)), ErrDelivery},
		"photo of one":     {delivery(t, photo, o.ministry.token(t, pictured), o.ministry.token(t, full(good))), ErrDelivery},
	} {
		ids, err := w.Store(tc.data, b, day)
		if ids != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "wallet: ") || strings.Contains(err.Error(), "Гончарук") || strings.Contains(err.Error(), good.Number)) {
			t.Errorf("%s: error %q lacks the package or tells who the holder is", name, err)
		}
	}
	for name, tc := range map[string]struct {
		b  *trust.Bundle
		at time.Time
	}{"no bundle": {nil, day}, "expired bundle": {b, day.Add(trust.Lifetime)}} {
		if _, err := w.Store(full1, tc.b, tc.at); !errors.Is(err, ErrBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.List()) != 0 || len(reopened(t, w).List()) != 0 {
		t.Error("something of a refused delivery was kept")
	}
	if _, err := w.Store(full1, b, day); err != nil {
		t.Errorf("the good one after all: %v", err)
	}
}

func TestRenewal(t *testing.T) {
	o := newOperator(t)
	w := newWallet(t)
	b := o.bundle(t, day)
	store := func(c ...credential.Claims) error {
		var tokens [][]byte
		for _, c := range c {
			tokens = append(tokens, o.ministry.token(t, c))
		}
		_, err := w.Store(delivery(t, nil, tokens...), b, day)
		return err
	}
	c := claims(w)
	if err := store(c, full(c)); err != nil {
		t.Fatal(err)
	}
	newer := c
	newer.IssuedAt, newer.ExpiresAt, newer.Status = c.IssuedAt.Add(20*24*time.Hour), c.ExpiresAt.Add(20*24*time.Hour), c.Status+10
	if err := store(newer, full(newer)); err != nil {
		t.Fatal(err)
	}
	if got := w.List(); len(got) != 1 || len(got[0].Faces) != 2 || !got[0].Faces[0].ExpiresAt.Equal(newer.ExpiresAt) {
		t.Error("the renewal did not replace both faces")
	}
	if err := store(c, full(c)); !errors.Is(err, ErrOlder) {
		t.Errorf("the old delivery again: %v, want %v", err, ErrOlder)
	}
	twin := newer
	twin.Status++
	if err := store(twin); !errors.Is(err, ErrOlder) {
		t.Errorf("another token of the same time: %v, want %v", err, ErrOlder)
	}
	same := delivery(t, nil, w.tokens[0].Raw, w.tokens[1].Raw)
	before, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile))
	if ids, err := w.Store(same, b, day); err != nil || len(ids) != 1 {
		t.Errorf("the same delivery again: %d service IDs, %v", len(ids), err)
	}
	if after, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile)); !bytes.Equal(before, after) {
		t.Error("the same delivery changed the file")
	}
	// A renewal that is valid only later waits.
	if _, err := w.Present(Selector{}, credential.FaceCheck, day); !errors.Is(err, ErrNotYet) {
		t.Errorf("before its time: %v", err)
	}
	if _, err := w.Present(Selector{}, credential.FaceCheck, newer.IssuedAt); err != nil {
		t.Errorf("in its time: %v", err)
	}
	for i := range MaxTokens - 2 {
		extra := c
		extra.Number = "Т" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		w.insert(t, o.ministry, extra)
	}
	extra := c
	extra.Number = "ЗАЙВИЙ"
	if err := store(extra); !errors.Is(err, ErrFull) {
		t.Errorf("one token too many: %v, want %v", err, ErrFull)
	}
}

func (o *operator) question(t testing.TB, c credential.Challenge, by keys.VerifierSigner) string {
	t.Helper()
	data, err := credential.SignChallenge(c, by)
	if err != nil {
		t.Fatal(err)
	}
	return credential.EncodeText(credential.ChallengePrefix, data)
}

func TestAnswer(t *testing.T) {
	o := newOperator(t)
	w := newWallet(t)
	b := o.bundle(t, day)
	if err := w.TakeBundle(b, day); err != nil {
		t.Fatal(err)
	}
	c := claims(w)
	if _, err := w.Store(delivery(t, nil, o.ministry.token(t, c), o.ministry.token(t, full(c))), b, day); err != nil {
		t.Fatal(err)
	}
	nonce := [16]byte{1, 2, 3}
	text := o.question(t, credential.Challenge{VerifierID: o.doorID, Nonce: nonce, Expires: day.Add(time.Minute)}, o.door)
	q, err := w.ReadQuestion(text, b, day)
	if err != nil {
		t.Fatal(err)
	}
	if q.Name != "Пункт пропуску № 1" || q.Body != ministry || q.BodyName != "Міністерство "+ministry || q.BodyNameEN != "Ministry" ||
		q.Class != trust.ClassCheckpoint || q.VerifierID != o.doorID || !q.Expires.Equal(day.Add(time.Minute)) {
		t.Errorf("who asks: %+v", *q)
	}
	code, err := w.Answer(q, Selector{}, credential.FaceFull, day.Add(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	_, shown := verified(t, code.Text, o.ministry)
	if shown.Audience != credential.VerifierAudience(o.doorID) || !bytes.Equal(shown.CNonce, nonce[:]) {
		t.Errorf("audience %q, nonce %x", shown.Audience, shown.CNonce)
	}
	if _, ok := shown.Beacon(); ok || !code.Next.IsZero() || code.Beacon != (Beacon{}) {
		t.Error("an answer has no beacon and no next code")
	}
	// What Present refuses, Answer refuses too.
	for name, tc := range map[string]struct {
		q    *Question
		sel  Selector
		face credential.Face
		at   time.Time
		want error
	}{
		"no question":   {nil, Selector{}, credential.FaceCheck, day, ErrChallenge},
		"zero question": {&Question{}, Selector{}, credential.FaceCheck, day, ErrChallenge},
		"made up":       {&Question{VerifierID: o.doorID, Expires: day.Add(time.Minute)}, Selector{}, credential.FaceCheck, day, ErrChallenge},
		"too late":      {q, Selector{}, credential.FaceCheck, day.Add(121 * time.Second), ErrChallengeTime},
		"other ID":      {q, Selector{Issuer: council}, credential.FaceCheck, day, ErrNoID},
		"no such face":  {q, Selector{}, 7, day, ErrNoFace},
	} {
		if code, err := w.Answer(tc.q, tc.sel, tc.face, tc.at); !errors.Is(err, tc.want) || code.Text != "" {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	w.Lock()
	if _, err := w.ReadQuestion(text, b, day); err != nil {
		t.Errorf("reading who asks needs no passphrase: %v", err)
	}
	if _, err := w.Answer(q, Selector{}, credential.FaceCheck, day); !errors.Is(err, ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}

func TestQuestionRefuses(t *testing.T) {
	o := newOperator(t)
	w := newWallet(t)
	old := o.bundle(t, day.Add(-time.Minute))
	b := o.bundle(t, day)
	if err := w.TakeBundle(b, day); err != nil {
		t.Fatal(err)
	}
	stranger, err := keys.GenerateVerifierKey()
	if err != nil {
		t.Fatal(err)
	}
	c := credential.Challenge{VerifierID: o.doorID, Nonce: [16]byte{5}, Expires: day.Add(time.Minute)}
	good := o.question(t, c, o.door)
	unknown := c
	unknown.VerifierID = 999
	at := func(expires time.Time) string {
		late := c
		late.Expires = expires
		return o.question(t, late, o.door)
	}
	_, data, err := credential.DecodeText(good)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Clone(data)
	data[len(data)-70] ^= 1
	c2 := claims(w)
	token := o.ministry.token(t, c2)
	presented, err := credential.Present(token, w.signer, credential.AudienceAny, day, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		b    *trust.Bundle
		at   time.Time
		want error
	}{
		"no bundle":        {good, nil, day, ErrBundle},
		"expired bundle":   {good, b, day.Add(trust.Lifetime), ErrBundle},
		"older bundle":     {good, old, day, trust.ErrRollback},
		"empty":            {"", b, day, ErrNotChallenge},
		"foreign text":     {"https://example.org/", b, day, ErrNotChallenge},
		"a SID1 text":      {credential.EncodeText(credential.Prefix, presented), b, day, ErrNotChallenge},
		"base45":           {"SIDQ1:!!!", b, day, ErrNotChallenge},
		"lower case":       {strings.ToLower(good), b, day, ErrNotChallenge},
		"nothing behind":   {"SIDQ1:", b, day, ErrNotChallenge},
		"cut":              {credential.EncodeText(credential.ChallengePrefix, data[:len(data)-1]), b, day, ErrChallenge},
		"presentation":     {credential.EncodeText(credential.ChallengePrefix, presented), b, day, ErrChallenge},
		"token":            {credential.EncodeText(credential.ChallengePrefix, token), b, day, ErrChallenge},
		"payload changed":  {credential.EncodeText(credential.ChallengePrefix, data), b, day, ErrChallenge},
		"another's key":    {o.question(t, c, stranger), b, day, ErrChallenge},
		"unknown verifier": {o.question(t, unknown, o.door), b, day, ErrVerifierUnknown},
		"ended verifier":   {at(day.Add(48*time.Hour + time.Minute)), b, day.Add(48 * time.Hour), ErrVerifierExpired},
		"expired":          {at(day.Add(-61 * time.Second)), b, day, ErrChallengeTime},
		"hours old":        {at(day.Add(-3 * time.Hour)), b, day, ErrChallengeTime},
		"far ahead":        {at(day.Add(121 * time.Second)), b, day, ErrChallengeTime},
		"lives for a year": {at(day.AddDate(1, 0, 0)), b, day, ErrChallengeTime},
	} {
		q, err := w.ReadQuestion(tc.text, tc.b, tc.at)
		if q != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	for _, edge := range []time.Duration{-60 * time.Second, 0, 120 * time.Second} {
		if _, err := w.ReadQuestion(at(day.Add(edge)), b, day); err != nil {
			t.Errorf("expiring at %v: %v", edge, err)
		}
	}
	// A verifier that was taken out of the bundle.
	if err := o.register.EndVerifier(o.doorID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ReadQuestion(good, o.bundle(t, day.Add(time.Minute)), day); !errors.Is(err, ErrVerifierUnknown) {
		t.Errorf("verifier taken out: %v", err)
	}
}

// A high-S twin of a signature is as valid to the curve, and no wallet makes or answers one.
func TestSignaturesAreLowS(t *testing.T) {
	w, by := newWallet(t), newIssuer(t)
	w.insert(t, by, claims(w))
	for range 16 {
		code, err := w.Present(Selector{}, credential.FaceCheck, day)
		if err != nil {
			t.Fatal(err)
		}
		_, data, err := credential.DecodeText(code.Text)
		if err != nil {
			t.Fatal(err)
		}
		if !cose.IsLowS(cose.ESP256, slices.Clone(data[len(data)-64:])) {
			t.Fatal("a code with a high-S signature")
		}
	}
}

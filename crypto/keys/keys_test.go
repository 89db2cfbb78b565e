package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/posvid/posvid/crypto/cose"
)

var (
	_ HolderSigner   = HolderPrivateKey{}
	_ VerifierSigner = VerifierPrivateKey{}
)

var (
	passphrase = []byte("кінь батарея скоба")
	quick      = SealOptions{WorkFactor: minWorkFactor}
)

// must is for calls that cannot fail on the input of the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func second[T any](_ T, err error) error { return err }

func vectorKey(t testing.TB, alg cose.Algorithm) *cose.PrivateKey {
	t.Helper()
	return must(cose.KeyForVectors(alg, "keys test"))
}

func TestRolesTakeTheirAlgorithmsOnly(t *testing.T) {
	allowed := map[string][]cose.Algorithm{
		"holder":   {cose.ESP256},
		"verifier": {cose.ESP256},
		"issuer":   {cose.ESP256, cose.Ed25519},
		"operator": {cose.ESP256, cose.Ed25519},
	}
	for _, alg := range []cose.Algorithm{cose.ESP256, cose.ESP384, cose.Ed25519, cose.MLDSA65} {
		pub := vectorKey(t, alg).Public()
		data := pub.MarshalCOSE()
		for role, errs := range map[string][2]error{
			"holder":   {second(NewHolderPublicKey(pub)), second(ParseHolderPublicKey(data))},
			"verifier": {second(NewVerifierPublicKey(pub)), second(ParseVerifierPublicKey(data))},
			"issuer":   {second(NewIssuerPublicKey(pub)), second(ParseIssuerPublicKey(data))},
			"operator": {second(NewOperatorPublicKey(pub)), second(ParseOperatorPublicKey(data))},
		} {
			want := false
			for _, a := range allowed[role] {
				want = want || a == alg
			}
			for _, err := range errs {
				if (err == nil) != want || err != nil && !errors.Is(err, ErrKind) {
					t.Errorf("%s with %s: %v", role, alg, err)
				}
			}
		}
	}
	for name, err := range map[string]error{
		"nil holder": second(NewHolderPublicKey(nil)), "nil issuer": second(NewIssuerPublicKey(nil)),
		"nil verifier": second(NewVerifierPublicKey(nil)), "nil operator": second(NewOperatorPublicKey(nil)),
		"empty holder": second(NewHolderPublicKey(&cose.PublicKey{})),
	} {
		if !errors.Is(err, ErrKind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(ParseIssuerPublicKey(vectorKey(t, cose.ESP256).MarshalCOSE())); !errors.Is(err, cose.ErrKey) {
		t.Errorf("private key as a public one: %v", err)
	}
}

func TestPublicKeys(t *testing.T) {
	k := vectorKey(t, cose.ESP256)
	issuer := must(NewIssuerPublicKey(k.Public()))
	thumb := k.Public().Thumbprint()
	if id := issuer.KeyID(); !bytes.Equal(id[:], thumb[:4]) || issuer.String() != fmt.Sprintf("%x", thumb[:4]) {
		t.Errorf("key id %s", id)
	}
	if id, good := KeyIDFrom(thumb[:4]); !good || id != issuer.KeyID() {
		t.Errorf("key id from a header: %s, %v", id, good)
	}
	for _, n := range []int{0, 3, 5, 8} {
		if _, good := KeyIDFrom(thumb[:n]); good {
			t.Errorf("a kid of %d bytes is taken", n)
		}
	}
	if !issuer.Equal(issuer) || issuer.Equal(IssuerPublicKey{}) || (IssuerPublicKey{}).Equal(IssuerPublicKey{}) {
		t.Error("Equal")
	}
	if issuer.Thumbprint() != thumb || issuer.Algorithm() != cose.ESP256 || issuer.COSE() != k.Public() {
		t.Error("the key in its role differs")
	}
	if !bytes.Equal(issuer.AppendCOSE(nil, false), issuer.MarshalCOSE()) || len(issuer.AppendCOSE(nil, true)) != len(issuer.MarshalCOSE())-33 {
		t.Error("compressed form")
	}
	var zero HolderPublicKey
	if !zero.IsZero() || zero.String() != "none" || zero.KeyID() != (KeyID{}) || len(zero.MarshalCOSE()) != 0 || zero.Algorithm() != 0 {
		t.Error("the zero key has something")
	}
	m := must(cose.ParseSign1(must(cose.EncodeSign1(k, cose.Header{}, []byte("x"))), cose.Profile{}))
	if err := issuer.Verify(m); err != nil {
		t.Error(err)
	}
	if err := zero.Verify(m); !errors.Is(err, cose.ErrKey) {
		t.Errorf("zero key verifies: %v", err)
	}
	other := vectorKey(t, cose.Ed25519)
	if err := must(NewIssuerPublicKey(other.Public())).Verify(m); !errors.Is(err, cose.ErrAlgorithm) {
		t.Errorf("another key verifies: %v", err)
	}
}

func TestHybridPublicKey(t *testing.T) {
	a, m := vectorKey(t, cose.ESP256).Public(), vectorKey(t, cose.MLDSA65).Public()
	h := must(NewHybridPublicKey(a, m))
	back := must(ParseHybridPublicKey(h.MarshalCOSE()))
	if back.ID() != h.ID() || !bytes.Equal(back.KeyID(), h.KeyID()) || back.String() != h.String() || len(h.KeyID()) != 8 {
		t.Error("member changed")
	}
	if !back.P256().Equal(a) || !back.MLDSA65().Equal(m) {
		t.Error("halves changed")
	}
	root := must(ParseRootPublicKey(h.MarshalCOSE()))
	bundle := must(ParseBundlePublicKey(h.MarshalCOSE()))
	if !root.Equal(root) || root.Equal(RootPublicKey{}) || (RootPublicKey{}).Equal(RootPublicKey{}) || (BundlePublicKey{}).Equal(bundle) || !bundle.Equal(bundle) {
		t.Error("Equal")
	}
	var zero HybridPublicKey
	if !zero.IsZero() || zero.String() != "none" || zero.MarshalCOSE() != nil {
		t.Error("the zero member has something")
	}
	ed := vectorKey(t, cose.Ed25519).Public()
	array := func(n int, keys ...*cose.PublicKey) []byte {
		b := cose.AppendArray(nil, n)
		for _, k := range keys {
			b = k.AppendCOSE(b, false)
		}
		return b
	}
	for name, c := range map[string]struct {
		err, want error
	}{
		"swapped":         {second(NewHybridPublicKey(m, a)), ErrKind},
		"P-256 twice":     {second(NewHybridPublicKey(a, a)), ErrKind},
		"ML-DSA twice":    {second(NewHybridPublicKey(m, m)), ErrKind},
		"Ed25519":         {second(NewHybridPublicKey(ed, m)), ErrKind},
		"nil":             {second(NewHybridPublicKey(nil, nil)), ErrKind},
		"parse swapped":   {second(ParseHybridPublicKey(array(2, m, a))), ErrKind},
		"parse one":       {second(ParseHybridPublicKey(array(1, a))), ErrKind},
		"parse three":     {second(ParseHybridPublicKey(array(3, a, m, a))), ErrKind},
		"parse cut":       {second(ParseHybridPublicKey(array(2, a))), cose.ErrMalformed},
		"parse bare key":  {second(ParseHybridPublicKey(a.MarshalCOSE())), cose.ErrMalformed},
		"parse trailing":  {second(ParseHybridPublicKey(append(array(2, a, m), 0))), cose.ErrMalformed},
		"parse no keys":   {second(ParseHybridPublicKey([]byte{0x82, 0, 0})), cose.ErrKey},
		"parse too long":  {second(ParseHybridPublicKey(make([]byte, 5000))), cose.ErrTooLarge},
		"parse root cut":  {second(ParseRootPublicKey(nil)), cose.ErrMalformed},
		"bundle too long": {second(ParseBundlePublicKey(make([]byte, 5000))), cose.ErrTooLarge},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.err, c.want)
		}
	}
}

func TestHolderKeyIsSealed(t *testing.T) {
	k := must(GenerateHolderKey())
	sealed := must(k.Seal(passphrase, quick))
	again, err := OpenHolderKey(passphrase, sealed)
	if err != nil || !again.HolderPublic().Equal(k.HolderPublic()) {
		t.Fatalf("opened another key: %v", err)
	}
	sig := must(again.Sign([]byte("x")))
	if err := k.Public().Verify([]byte("x"), sig); err != nil {
		t.Error(err)
	}
	role, id, err := UnverifiedLabel(sealed)
	if err != nil || role != RoleHolder || id != k.HolderPublic().String() {
		t.Errorf("label %q %q, %v", role, id, err)
	}
	if err := second(OpenVerifierKey(passphrase, sealed)); !errors.Is(err, ErrRole) {
		t.Errorf("holder as verifier: %v", err)
	}
	// A key of an algorithm that the role does not have is refused though it was sealed for it.
	foreign := must(Seal(passphrase, RoleHolder, "x", vectorKey(t, cose.Ed25519).MarshalCOSE(), quick))
	if err := second(OpenHolderKey(passphrase, foreign)); !errors.Is(err, ErrKind) {
		t.Errorf("Ed25519 holder: %v", err)
	}
	junk := must(Seal(passphrase, RoleHolder, "x", []byte{0xa0}, quick))
	if err := second(OpenHolderKey(passphrase, junk)); !errors.Is(err, cose.ErrKey) {
		t.Errorf("junk holder: %v", err)
	}
	var zero HolderPrivateKey
	if _, err := zero.Sign(nil); !errors.Is(err, cose.ErrKey) {
		t.Errorf("zero key signs: %v", err)
	}
	if _, err := zero.Seal(passphrase, quick); err == nil {
		t.Error("zero key is sealed")
	}
}

func TestVerifierKey(t *testing.T) {
	k := must(GenerateVerifierKey())
	sealed := must(k.Seal(passphrase, quick))
	again, err := OpenVerifierKey(passphrase, sealed)
	if err != nil || !again.VerifierPublic().Equal(k.VerifierPublic()) {
		t.Fatalf("opened another key: %v", err)
	}
	pub := must(ParseHPKEPublicKey(k.HPKEPublic().Bytes()))
	ct := must(pub.Encrypt("photo", []byte("jpeg")))
	if plain, err := again.Decrypt("photo", ct); err != nil || string(plain) != "jpeg" {
		t.Errorf("decrypted %q, %v", plain, err)
	}
	other := must(VerifierKeyForVectors("other"))
	damaged := bytes.Clone(ct)
	damaged[len(damaged)-1] ^= 1
	var zero VerifierPrivateKey
	for name, c := range map[string]struct{ err, want error }{
		"another purpose": {second(k.Decrypt("journal", ct)), ErrSealed},
		"another key":     {second(other.Decrypt("photo", ct)), ErrSealed},
		"damaged":         {second(k.Decrypt("photo", damaged)), ErrSealed},
		"short":           {second(k.Decrypt("photo", ct[:64])), ErrSealed},
		"empty":           {second(k.Decrypt("photo", nil)), ErrSealed},
		"zero decrypts":   {second(zero.Decrypt("photo", ct)), ErrKind},
		"zero encrypts":   {second(HPKEPublicKey{}.Encrypt("photo", nil)), ErrKind},
		"zero is sealed":  {second(zero.Seal(passphrase, quick)), ErrKind},
		"short point":     {second(ParseHPKEPublicKey(pub.Bytes()[:64])), ErrKind},
		"compressed":      {second(ParseHPKEPublicKey(append([]byte{2}, pub.Bytes()[1:33]...))), ErrKind},
		"off the curve":   {second(ParseHPKEPublicKey(append([]byte{4}, make([]byte, 64)...))), ErrKind},
		"as holder":       {second(OpenHolderKey(passphrase, sealed)), ErrRole},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.err, c.want)
		}
	}
	if !(HPKEPublicKey{}).IsZero() || (HPKEPublicKey{}).Bytes() != nil || !zero.HPKEPublic().IsZero() {
		t.Error("the zero HPKE key has something")
	}
	coseKey := k.key.MarshalCOSE()
	ed := vectorKey(t, cose.Ed25519).MarshalCOSE()
	hpkeKey := must(k.hpke.Bytes())
	for name, c := range map[string]struct {
		secret []byte
		want   error
	}{
		"a bare key":     {coseKey, ErrSealed},
		"one part":       {append([]byte{0x81}, coseKey...), ErrSealed},
		"not CBOR":       {[]byte{0xff}, cose.ErrMalformed},
		"no COSE_Key":    {cose.AppendBytes([]byte{0x82, 0xa0}, hpkeKey), cose.ErrKey},
		"Ed25519":        {cose.AppendBytes(append([]byte{0x82}, ed...), hpkeKey), ErrKind},
		"HPKE key text":  {cose.AppendText(append([]byte{0x82}, coseKey...), "x"), cose.ErrMalformed},
		"HPKE key short": {cose.AppendBytes(append([]byte{0x82}, coseKey...), hpkeKey[1:]), ErrKind},
	} {
		sealed := must(Seal(passphrase, RoleVerifier, "x", c.secret, quick))
		if err := second(OpenVerifierKey(passphrase, sealed)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestSeal(t *testing.T) {
	secret := []byte("secret bytes")
	sealed := must(Seal(passphrase, RoleIssuer, "7f3ac21b", secret, quick))
	if !bytes.HasPrefix(sealed, []byte("# posvid sealed key: role issuer, id 7f3ac21b\n# ")) {
		t.Errorf("label of %q", sealed[:80])
	}
	if bytes.Contains(sealed, secret) {
		t.Error("the secret stands in the file")
	}
	if got, err := Open(passphrase, RoleIssuer, sealed); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("got %q, %v", got, err)
	}
	if again := must(Seal(passphrase, RoleIssuer, "7f3ac21b", secret, quick)); bytes.Equal(again, sealed) {
		t.Error("two sealings are equal")
	}

	// Another age tool opens the armored part.
	identity := must(age.NewScryptIdentity(string(passphrase)))
	_, armored, _ := bytes.Cut(sealed, []byte(labelNote))
	plain := must(age.Decrypt(armor.NewReader(bytes.NewReader(armored)), identity))
	if content := must(io.ReadAll(plain)); !bytes.Contains(content, secret) {
		t.Error("age reads something else")
	}

	relabelled := bytes.Replace(sealed, []byte("role issuer"), []byte("role root"), 1)
	bodyAt := bytes.Index(sealed, []byte(armor.Header)) + 200
	damaged := bytes.Clone(sealed)
	damaged[bodyAt] ^= 1
	recipient := must(age.GenerateX25519Identity())
	for name, c := range map[string]struct{ err, want error }{
		"wrong passphrase":        {second(Open([]byte("wrong"), RoleIssuer, sealed)), ErrPassphrase},
		"passphrase and newline":  {second(Open(append(bytes.Clone(passphrase), '\n'), RoleIssuer, sealed)), ErrPassphrase},
		"empty passphrase":        {second(Open(nil, RoleIssuer, sealed)), ErrPassphrase},
		"another role":            {second(Open(passphrase, RoleRoot, sealed)), ErrRole},
		"no role":                 {second(Open(passphrase, "", sealed)), ErrRole},
		"relabelled":              {second(Open(passphrase, RoleRoot, relabelled)), ErrRole},
		"damaged":                 {second(Open(passphrase, RoleIssuer, damaged)), ErrSealed},
		"cut":                     {second(Open(passphrase, RoleIssuer, sealed[:len(sealed)-40])), ErrSealed},
		"text after the end":      {second(Open(passphrase, RoleIssuer, append(bytes.Clone(sealed), "junk"...))), ErrSealed},
		"no label":                {second(Open(passphrase, RoleIssuer, armored)), ErrSealed},
		"label only":              {second(Open(passphrase, RoleIssuer, sealed[:bytes.Index(sealed, []byte(armor.Header))])), ErrSealed},
		"empty":                   {second(Open(passphrase, RoleIssuer, nil)), ErrSealed},
		"too long":                {second(Open(passphrase, RoleIssuer, make([]byte, maxSealed+1))), ErrSealed},
		"too costly":              {second(openSealed(passphrase, RoleIssuer, sealed, minWorkFactor-1)), ErrSealed},
		"sealed to a key":         {second(Open(passphrase, RoleIssuer, foreignAge(t, recipient.Recipient(), []byte{0xa0}))), ErrSealed},
		"content not a map":       {second(Open(passphrase, RoleIssuer, foreignAge(t, scrypt(t), []byte{0x80}))), ErrSealed},
		"content empty":           {second(Open(passphrase, RoleIssuer, foreignAge(t, scrypt(t), nil))), ErrSealed},
		"content without secret":  {second(Open(passphrase, RoleIssuer, foreignAge(t, scrypt(t), []byte{0xa2, 1, 0x61, 'a', 2, 0x61, 'b'}))), ErrSealed},
		"content of wrong types":  {second(Open(passphrase, RoleIssuer, foreignAge(t, scrypt(t), []byte{0xa1, 1, 0x41, 'a'}))), ErrSealed},
		"content with text label": {second(Open(passphrase, RoleIssuer, foreignAge(t, scrypt(t), []byte{0xa1, 0x60, 1}))), ErrSealed},
		"content over the limit":  {second(Open(passphrase, RoleIssuer, foreignAge(t, scrypt(t), make([]byte, maxSecret+100)))), ErrSealed},
		"seal, empty passphrase":  {second(Seal(nil, RoleIssuer, "a", secret, quick)), ErrPassphrase},
		"seal, empty secret":      {second(Seal(passphrase, RoleIssuer, "a", nil, quick)), ErrSealed},
		"seal, long secret":       {second(Seal(passphrase, RoleIssuer, "a", make([]byte, maxSecret+1), quick)), ErrSealed},
		"seal, empty role":        {second(Seal(passphrase, "", "a", secret, quick)), ErrSealed},
		"seal, two words":         {second(Seal(passphrase, "issuer, id", "a", secret, quick)), ErrSealed},
		"seal, line break":        {second(Seal(passphrase, RoleIssuer, "a\nb", secret, quick)), ErrSealed},
		"seal, long id":           {second(Seal(passphrase, RoleIssuer, strings.Repeat("a", 65), secret, quick)), ErrSealed},
		"seal, factor 9":          {second(Seal(passphrase, RoleIssuer, "a", secret, SealOptions{WorkFactor: 9})), ErrSealed},
		"seal, factor 19":         {second(Seal(passphrase, RoleIssuer, "a", secret, SealOptions{WorkFactor: 19})), ErrSealed},
		"seal, factor -1":         {second(Seal(passphrase, RoleIssuer, "a", secret, SealOptions{WorkFactor: -1})), ErrSealed},
	} {
		for _, s := range []error{ErrPassphrase, ErrRole, ErrSealed, ErrKind, ErrHybrid} {
			if errors.Is(c.err, s) != (s == c.want) {
				t.Errorf("%s: got %v, want only %v", name, c.err, c.want)
			}
		}
	}
}

func TestDefaultWorkFactor(t *testing.T) {
	sealed := must(Seal(passphrase, RoleIssuer, "a", []byte("x"), SealOptions{}))
	if err := second(openSealed(passphrase, RoleIssuer, sealed, DefaultWorkFactor-1)); !errors.Is(err, ErrSealed) {
		t.Errorf("opens below the default: %v", err)
	}
	if _, err := openSealed(passphrase, RoleIssuer, sealed, DefaultWorkFactor); err != nil {
		t.Error(err)
	}
}

func scrypt(t *testing.T) age.Recipient {
	r := must(age.NewScryptRecipient(string(passphrase)))
	r.SetWorkFactor(minWorkFactor)
	return r
}

// foreignAge seals content as another tool would, below a label of ours.
func foreignAge(t *testing.T, r age.Recipient, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(labelStart + RoleIssuer + labelID + "a\n")
	a := armor.NewWriter(&b)
	w := must(age.Encrypt(a, r))
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPrivateKeysPrintRedacted(t *testing.T) {
	holder := must(HolderKeyForVectors("p"))
	verifier := must(VerifierKeyForVectors("p"))
	for _, k := range []any{holder, &holder, verifier, &verifier, HolderPrivateKey{}, VerifierPrivateKey{}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, k); got != "[redacted]" {
				t.Errorf("%T %s: %s", k, verb, got)
			}
		}
		if got, err := json.Marshal([]any{k}); err != nil || string(got) != `["[redacted]"]` {
			t.Errorf("%T json: %s, %v", k, got, err)
		}
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "key", k)
		if !strings.Contains(b.String(), `"key":"[redacted]"`) {
			t.Errorf("%T slog: %s", k, b.String())
		}
	}
}

func TestVectorKeysAreFixed(t *testing.T) {
	a, b := must(HolderKeyForVectors("one")), must(HolderKeyForVectors("one"))
	if !bytes.Equal(must(a.Sign([]byte("x"))), must(b.Sign([]byte("x")))) {
		t.Error("signatures of vector keys differ")
	}
	v := must(VerifierKeyForVectors("one"))
	w := must(VerifierKeyForVectors("one"))
	if v.VerifierPublic().Thumbprint() == a.HolderPublic().Thumbprint() {
		t.Error("two roles share a vector key")
	}
	if !bytes.Equal(v.HPKEPublic().Bytes(), w.HPKEPublic().Bytes()) {
		t.Error("HPKE vector keys differ")
	}
}

func FuzzOpenSealed(f *testing.F) {
	sealed, err := Seal([]byte("p"), RoleIssuer, "7f3ac21b", []byte("secret"), quick)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:len(sealed)/2])
	f.Add([]byte(labelStart + "a" + labelID + "b\n" + armor.Header + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The cost cap is the least, so that the fuzzer spends its time on parsing.
		secret, err := openSealed([]byte("p"), RoleIssuer, data, minWorkFactor)
		if (secret == nil) != (err != nil) {
			t.Fatalf("secret of %d bytes with error %v", len(secret), err)
		}
		if err == nil && string(secret) != "secret" {
			t.Fatalf("forged secret %q", secret)
		}
		if err != nil && !errors.Is(err, ErrSealed) && !errors.Is(err, ErrPassphrase) && !errors.Is(err, ErrRole) {
			t.Fatalf("unnamed error %v", err)
		}
	})
}

func FuzzParseHybridPublicKey(f *testing.F) {
	h := must(NewHybridPublicKey(vectorKey(f, cose.ESP256).Public(), vectorKey(f, cose.MLDSA65).Public()))
	f.Add(h.MarshalCOSE())
	f.Add(h.MarshalCOSE()[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseHybridPublicKey(data)
		if h.IsZero() != (err != nil) {
			t.Fatalf("member %v with error %v", h, err)
		}
		if err == nil {
			if again, err := ParseHybridPublicKey(h.MarshalCOSE()); err != nil || again.ID() != h.ID() {
				t.Fatalf("does not read back: %v", err)
			}
		}
	})
}

package authority

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

var (
	_ keys.RootSigner     = RootPrivateKey{}
	_ keys.BundleSigner   = BundlePrivateKey{}
	_ keys.IssuerSigner   = IssuerPrivateKey{}
	_ keys.OperatorSigner = OperatorPrivateKey{}
)

var (
	passphrase = []byte("кінь батарея скоба")
	quick      = keys.SealOptions{WorkFactor: 10}
)

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestSealedKeysOpenAgain(t *testing.T) {
	issuer := must(GenerateIssuerKey(cose.Ed25519))(t)
	sealed := must(issuer.Seal(passphrase, quick))(t)
	again := must(OpenIssuerKey(passphrase, sealed))(t)
	if !again.IssuerPublic().Equal(issuer.IssuerPublic()) {
		t.Error("issuer key changed")
	}
	operator := must(GenerateOperatorKey(cose.ESP256))(t)
	sealedOperator := must(operator.Seal(passphrase, quick))(t)
	if again := must(OpenOperatorKey(passphrase, sealedOperator))(t); !again.OperatorPublic().Equal(operator.OperatorPublic()) {
		t.Error("operator key changed")
	}
	root := must(GenerateRootKey())(t)
	sealedRoot := must(root.Seal(passphrase, quick))(t)
	if again := must(OpenRootKey(passphrase, sealedRoot))(t); !again.RootPublic().Equal(root.RootPublic()) {
		t.Error("root key changed")
	}
	bundle := must(GenerateBundleKey())(t)
	sealedBundle := must(bundle.Seal(passphrase, quick))(t)
	if again := must(OpenBundleKey(passphrase, sealedBundle))(t); !again.BundlePublic().Equal(bundle.BundlePublic()) {
		t.Error("bundle key changed")
	}

	// A key of one role never opens as another one, whatever its label line says.
	for name, err := range map[string]error{
		"operator as issuer": second(OpenIssuerKey(passphrase, sealedOperator)),
		"issuer as operator": second(OpenOperatorKey(passphrase, sealed)),
		"root as bundle":     second(OpenBundleKey(passphrase, sealedRoot)),
		"bundle as root":     second(OpenRootKey(passphrase, sealedBundle)),
		"issuer as root":     second(OpenRootKey(passphrase, sealed)),
		"relabelled": second(OpenIssuerKey(passphrase,
			bytes.Replace(sealedOperator, []byte("role operator"), []byte("role issuer"), 1))),
	} {
		if !errors.Is(err, keys.ErrRole) {
			t.Errorf("%s: got %v, want ErrRole", name, err)
		}
	}
	if err := second(OpenIssuerKey([]byte("wrong"), sealed)); !errors.Is(err, keys.ErrPassphrase) {
		t.Errorf("wrong passphrase: got %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMemberCountsOnlyWithBothSignatures(t *testing.T) {
	a, b := must(RootKeyForVectors("a"))(t), must(RootKeyForVectors("b"))(t)
	payload := []byte("root payload")
	data := must(keys.SignRoot(cose.Header{}, payload, a, b))(t)
	m := must(cose.ParseSign(data, cose.Profile{Type: cose.TypeRoot}))(t)
	for _, k := range []RootPrivateKey{a, b} {
		if err := k.RootPublic().Verify(m); err != nil {
			t.Errorf("member %s: %v", k.RootPublic(), err)
		}
	}
	if err := must(RootKeyForVectors("c"))(t).RootPublic().Verify(m); !errors.Is(err, keys.ErrHybrid) {
		t.Errorf("stranger: got %v, want ErrHybrid", err)
	}
	if err := (keys.RootPublicKey{}).Verify(m); !errors.Is(err, keys.ErrHybrid) {
		t.Errorf("zero key: got %v, want ErrHybrid", err)
	}
	sigs := must(keys.RootSignatures(cose.Header{}, payload, a))(t)
	h := cose.Header{Type: cose.TypeRoot}
	for half, name := range []string{"P-256", "ML-DSA-65"} {
		only := must(cose.AssembleSign(h, payload, sigs[half:half+1]))(t)
		m := must(cose.ParseSign(only, cose.Profile{Type: cose.TypeRoot}))(t)
		if err := a.RootPublic().Verify(m); !errors.Is(err, keys.ErrHybrid) {
			t.Errorf("%s alone: got %v, want ErrHybrid", name, err)
		}
		bad := []cose.Signature{sigs[0], sigs[1]}
		bad[half].Signature = bytes.Clone(bad[half].Signature)
		bad[half].Signature[7] ^= 1
		m = must(cose.ParseSign(must(cose.AssembleSign(h, payload, bad))(t), cose.Profile{Type: cose.TypeRoot}))(t)
		if err := a.RootPublic().Verify(m); !errors.Is(err, keys.ErrHybrid) {
			t.Errorf("damaged %s: got %v, want ErrHybrid", name, err)
		}
		// The halves of two members do not make one member.
		other := must(keys.RootSignatures(cose.Header{}, payload, b))(t)
		mixed := []cose.Signature{sigs[0], sigs[1]}
		mixed[half] = other[half]
		m = must(cose.ParseSign(must(cose.AssembleSign(h, payload, mixed))(t), cose.Profile{Type: cose.TypeRoot}))(t)
		for _, k := range []RootPrivateKey{a, b} {
			if err := k.RootPublic().Verify(m); !errors.Is(err, keys.ErrHybrid) {
				t.Errorf("mixed at %s: got %v, want ErrHybrid", name, err)
			}
		}
	}
}

func TestBundleAndRootDoNotMix(t *testing.T) {
	k := must(BundleKeyForVectors("a"))(t)
	data := must(keys.SignBundle(cose.Header{Type: cose.TypeRoot}, []byte("x"), k))(t)
	if _, err := cose.ParseSign(data, cose.Profile{Type: cose.TypeRoot}); !errors.Is(err, cose.ErrType) {
		t.Errorf("bundle read as root: got %v, want ErrType", err)
	}
	m := must(cose.ParseSign(data, cose.Profile{Type: cose.TypeBundle}))(t)
	if err := k.BundlePublic().Verify(m); err != nil {
		t.Error(err)
	}
}

// TestRolesDoNotConvert shows what the compiler refuses: no role's key is assignable or convertible to another's, and
// no signer of one role is one of another.
func TestRolesDoNotConvert(t *testing.T) {
	types := []reflect.Type{
		reflect.TypeFor[keys.HolderPublicKey](), reflect.TypeFor[keys.VerifierPublicKey](), reflect.TypeFor[keys.IssuerPublicKey](),
		reflect.TypeFor[keys.OperatorPublicKey](), reflect.TypeFor[keys.RootPublicKey](), reflect.TypeFor[keys.BundlePublicKey](),
		reflect.TypeFor[keys.HybridPublicKey](), reflect.TypeFor[keys.HPKEPublicKey](),
		reflect.TypeFor[keys.HolderPrivateKey](), reflect.TypeFor[keys.VerifierPrivateKey](), reflect.TypeFor[IssuerPrivateKey](),
		reflect.TypeFor[OperatorPrivateKey](), reflect.TypeFor[RootPrivateKey](), reflect.TypeFor[BundlePrivateKey](),
	}
	for i, a := range types {
		for j, b := range types {
			if i != j && (a.ConvertibleTo(b) || a.AssignableTo(b)) {
				t.Errorf("%s converts to %s", a, b)
			}
		}
	}
	signers := []reflect.Type{
		reflect.TypeFor[keys.HolderSigner](), reflect.TypeFor[keys.VerifierSigner](), reflect.TypeFor[keys.IssuerSigner](),
		reflect.TypeFor[keys.OperatorSigner](), reflect.TypeFor[keys.RootSigner](), reflect.TypeFor[keys.BundleSigner](),
	}
	for i, private := range types[8:] {
		for j, signer := range signers {
			if private.Implements(signer) != (i == j) {
				t.Errorf("%s as %s: %v", private, signer, private.Implements(signer))
			}
		}
	}
}

func TestWrongKindIsRefused(t *testing.T) {
	p256, mldsa := must(cose.GenerateKey(cose.ESP256))(t), must(cose.GenerateKey(cose.MLDSA65))(t)
	p384 := must(cose.GenerateKey(cose.ESP384))(t)
	for name, err := range map[string]error{
		"issuer ML-DSA":    second(NewIssuerPrivateKey(mldsa)),
		"issuer P-384":     second(NewIssuerPrivateKey(p384)),
		"operator P-384":   second(GenerateOperatorKey(cose.ESP384)),
		"operator ML-DSA":  second(GenerateOperatorKey(cose.MLDSA65)),
		"root swapped":     second(NewRootPrivateKey(mldsa, p256)),
		"root twice P-256": second(NewRootPrivateKey(p256, p256)),
		"bundle P-384":     second(NewBundlePrivateKey(p384, mldsa)),
	} {
		if !errors.Is(err, keys.ErrKind) {
			t.Errorf("%s: got %v, want ErrKind", name, err)
		}
	}
	for name, err := range map[string]error{
		"issuer nil":   second(NewIssuerPrivateKey(nil)),
		"operator nil": second(NewOperatorPrivateKey(nil)),
		"root nil":     second(NewRootPrivateKey(nil, mldsa)),
		"zero issuer":  second(IssuerPrivateKey{}.Sign([]byte("x"))),
	} {
		if !errors.Is(err, cose.ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
		}
	}
}

// device stands for an HSM: it signs and does not hand out its secret.
type device struct{ k *cose.PrivateKey }

func (d device) Algorithm() cose.Algorithm       { return d.k.Algorithm() }
func (d device) Public() *cose.PublicKey         { return d.k.Public() }
func (d device) Sign(tbs []byte) ([]byte, error) { return d.k.Sign(tbs) }

func TestDeviceFitsAsIssuer(t *testing.T) {
	k := must(NewIssuerPrivateKey(device{must(cose.GenerateKey(cose.ESP256))(t)}))(t)
	data := must(cose.EncodeSign1(k, cose.Header{Type: cose.TypeToken}, []byte("x")))(t)
	m := must(cose.ParseSign1(data, cose.Profile{Type: cose.TypeToken}))(t)
	if err := k.IssuerPublic().Verify(m); err != nil {
		t.Error(err)
	}
	if _, err := k.Seal(passphrase, quick); !errors.Is(err, keys.ErrKind) {
		t.Errorf("seal of a device key: got %v, want ErrKind", err)
	}
}

func TestVectorKeysAreFixed(t *testing.T) {
	a, b := must(IssuerKeyForVectors(cose.ESP256, "one"))(t), must(IssuerKeyForVectors(cose.ESP256, "one"))(t)
	s1, s2 := must(a.Sign([]byte("x")))(t), must(b.Sign([]byte("x")))(t)
	if !bytes.Equal(s1, s2) {
		t.Error("signatures of vector keys differ")
	}
	c := must(OperatorKeyForVectors(cose.ESP256, "one"))(t)
	if c.OperatorPublic().Thumbprint() == a.IssuerPublic().Thumbprint() {
		t.Error("two roles share a vector key")
	}
	if must(RootKeyForVectors("one"))(t).RootPublic().ID() == must(BundleKeyForVectors("one"))(t).BundlePublic().ID() {
		t.Error("root and bundle share a vector key")
	}
}

func TestPrivateKeysPrintRedacted(t *testing.T) {
	issuer := must(IssuerKeyForVectors(cose.ESP256, "p"))(t)
	operator := must(OperatorKeyForVectors(cose.Ed25519, "p"))(t)
	root := must(RootKeyForVectors("p"))(t)
	bundle := must(BundleKeyForVectors("p"))(t)
	for _, k := range []any{issuer, &issuer, operator, &operator, root, &root, bundle, &bundle} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T%v"} {
			args := []any{k}
			if verb == "%T%v" {
				args = append(args, k)
			}
			if got := fmt.Sprintf(verb, args...); !strings.HasSuffix(got, "[redacted]") {
				t.Errorf("%T %s: %s", k, verb, got)
			}
		}
		if got := fmt.Sprint([]any{k}, map[string]any{"k": k}, struct{ K any }{k}); strings.Count(got, "[redacted]") != 3 {
			t.Errorf("%T nested: %s", k, got)
		}
		if got := must(json.Marshal(map[string]any{"k": k}))(t); string(got) != `{"k":"[redacted]"}` {
			t.Errorf("%T json: %s", k, got)
		}
		for _, h := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(h(&b)).Info("x", "key", k)
			if !strings.Contains(b.String(), "[redacted]") {
				t.Errorf("%T slog: %s", k, b.String())
			}
		}
	}
}

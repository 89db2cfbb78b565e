package wallet

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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

var (
	day        = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	passphrase = []byte("перо і чорнило")
)

const (
	ministry = "00032684"
	council  = "04054866"
)

func newWallet(t testing.TB) *Wallet {
	t.Helper()
	w, err := New(filepath.Join(t.TempDir(), "wallets", "taras"), NewOptions{Passphrase: passphrase, WorkFactor: 10})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func reopened(t testing.TB, w *Wallet) *Wallet {
	t.Helper()
	again, err := Open(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// issuer is an issuing body's key.
type issuer struct{ authority.IssuerPrivateKey }

func newIssuer(t testing.TB) issuer {
	t.Helper()
	k, err := cose.GenerateKey(cose.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	s, err := authority.NewIssuerPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{s}
}

// claims are those of a check face that lives 30 days from day.
func claims(w *Wallet) credential.Claims {
	return credential.Claims{
		Issuer: ministry, Number: "МВ1234567", IssuedAt: day, ExpiresAt: day.Add(30 * 24 * time.Hour),
		Holder: w.Holder(), Kind: credential.KindPhone, Face: credential.FaceCheck, Name: "Гончарук Т. Г.", Status: 1<<20 | 77,
	}
}

// full turns claims into those of the full face.
func full(c credential.Claims) credential.Claims {
	c.Face, c.Name, c.Position, c.Rank = credential.FaceFull, "Гончарук Тарас Григорович", credential.CodedText{Code: 12}, 7
	c.Unit, c.Status = credential.CodedText{Text: "Слідчий відділ"}, c.Status+1
	return c
}

func (i issuer) token(t testing.TB, c credential.Claims) []byte {
	t.Helper()
	payload, err := credential.EncodePayload(&c)
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.SignToken(payload, i)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func delivery(t testing.TB, photo []byte, tokens ...[]byte) []byte {
	t.Helper()
	d, err := credential.EncodeDelivery(credential.Delivery{Tokens: tokens, Photo: photo})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// insert keeps tokens without a bundle, for tests of what comes after Store.
func (w *Wallet) insert(t testing.TB, by issuer, all ...credential.Claims) {
	t.Helper()
	err := w.change(func(next *Wallet) {
		for _, c := range all {
			k, err := w.reopen(tokenJSON{by.token(t, c), by.IssuerPublic().MarshalCOSE()})
			if err != nil {
				t.Fatal(err)
			}
			next.tokens = append(next.tokens, k)
		}
		slices.SortFunc(next.tokens, order)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewIsWhole(t *testing.T) {
	w := newWallet(t)
	entries, err := os.ReadDir(filepath.Dir(w.Dir()))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries beside the wallet, %v; want the wallet alone", len(entries), err)
	}
	for name, want := range map[string]fs.FileMode{".": 0o700, keyFile: 0o600, stateFile: 0o600} {
		info, err := os.Stat(filepath.Join(w.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	again := reopened(t, w)
	if !again.Locked() || !again.Holder().Equal(w.Holder()) {
		t.Error("opened wallet is unlocked or has another key")
	}
	if len(again.List()) != 0 || again.Beacon() != (Beacon{}) {
		t.Error("a new wallet is not empty")
	}
	if err := again.Unlock(passphrase); err != nil || again.Locked() {
		t.Errorf("unlock: %v", err)
	}
	again.Lock()
	if !again.Locked() {
		t.Error("Lock leaves it unlocked")
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWallet(t)
	before, _ := os.ReadFile(filepath.Join(w.Dir(), keyFile))
	if _, err := New(w.Dir(), NewOptions{Passphrase: passphrase, WorkFactor: 10}); !errors.Is(err, ErrExists) {
		t.Errorf("second New: %v, want %v", err, ErrExists)
	}
	after, _ := os.ReadFile(filepath.Join(w.Dir(), keyFile))
	if !bytes.Equal(before, after) {
		t.Error("second New changed the key")
	}
	dir := filepath.Join(t.TempDir(), "a")
	if _, err := New(dir, NewOptions{}); !errors.Is(err, ErrPassphrase) {
		t.Errorf("no passphrase: %v", err)
	}
	if _, err := New(dir, NewOptions{Passphrase: passphrase, WorkFactor: 30}); err == nil {
		t.Error("work factor 30 was taken")
	}
	if _, err := New(filepath.Join(w.Dir(), stateFile, "x"), NewOptions{Passphrase: passphrase, WorkFactor: 10}); err == nil {
		t.Error("a wallet inside a file")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused New left a folder")
	}
	if _, err := Open(dir); !errors.Is(err, ErrNotFound) {
		t.Errorf("Open of nothing: %v, want %v", err, ErrNotFound)
	}
}

func TestPathAndNames(t *testing.T) {
	for _, name := range []string{"taras", "Олександра-Вікторія", "a.b_c", "x1", "Марʼяна"} {
		if _, err := Path("d", name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", ".hidden", "a/b", `a\b`, "a b", "-rf", "end.", "nul\x00", "\xff", strings.Repeat("я", MaxName+1), "a:b", "‹x›"} {
		if path, err := Path("d", name); !errors.Is(err, ErrName) || path != "" {
			t.Errorf("%q: %q, %v; want %v", name, path, err, ErrName)
		}
	}
	dir := t.TempDir()
	if names, err := Names(dir); err != nil || len(names) != 0 {
		t.Errorf("no folder: %v, %v", names, err)
	}
	for _, name := range []string{"b", "a"} {
		path, err := Path(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(path, NewOptions{Passphrase: passphrase, WorkFactor: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, folder, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if names, err := Names(dir); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names %v, %v; want a and b", names, err)
	}
}

func TestUnlockRefuses(t *testing.T) {
	w := reopened(t, newWallet(t))
	for _, wrong := range []string{"", "перо", "перо і чорнило "} {
		if err := w.Unlock([]byte(wrong)); !errors.Is(err, ErrPassphrase) || !w.Locked() {
			t.Errorf("passphrase %q: %v, locked %v", wrong, err, w.Locked())
		}
	}
	other := newWallet(t)
	if err := w.UseSigner(other.signer); !errors.Is(err, ErrForeignKey) || !w.Locked() {
		t.Errorf("signer of another wallet: %v", err)
	}
	if err := w.UseSigner(nil); !errors.Is(err, ErrForeignKey) {
		t.Errorf("no signer: %v", err)
	}
	// A sealed key of another wallet, relabelled so that Open does not see it.
	foreign, _ := os.ReadFile(filepath.Join(other.Dir(), keyFile))
	foreign = bytes.Replace(foreign, []byte(other.Holder().String()), []byte(w.Holder().String()), 1)
	if err := os.WriteFile(filepath.Join(w.Dir(), keyFile), foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Unlock(passphrase); !errors.Is(err, ErrDamaged) || !w.Locked() {
		t.Errorf("key of another wallet: %v", err)
	}
	if err := os.Remove(filepath.Join(w.Dir(), keyFile)); err != nil {
		t.Fatal(err)
	}
	if err := w.Unlock(passphrase); !errors.Is(err, ErrDamaged) {
		t.Errorf("no key file: %v", err)
	}
}

func TestNothingPrintsTheKey(t *testing.T) {
	w := newWallet(t)
	key, ok := w.signer.(keys.HolderPrivateKey)
	if !ok {
		t.Fatalf("signer is a %T", w.signer)
	}
	sealed, _ := os.ReadFile(filepath.Join(w.Dir(), keyFile))
	secret, err := keys.Open(passphrase, keys.RoleHolder, sealed)
	if err != nil {
		t.Fatal(err)
	}
	private, err := cose.ParsePrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	d := private.MarshalCOSE()
	d = d[len(d)-32:] // the last member is d
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "wallet", w, "key", key)
	//lint:ignore SA9005 that nothing comes out is what is tested
	marshalled, _ := json.Marshal(w)
	printed := []string{
		fmt.Sprint(w), fmt.Sprintf("%v %+v %#v %s %q %x %d", w, w, w, w, w, w, w), fmt.Sprintf("%+v %#v", key, key),
		logged.String(), string(marshalled), w.String(), (*Wallet)(nil).String(),
	}
	state, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile))
	printed = append(printed, string(state), string(sealed))
	for i, s := range printed {
		for _, form := range []string{string(d), fmt.Sprintf("%x", d), fmt.Sprintf("%X", d), fmt.Sprint(d), strings.Trim(fmt.Sprint(d), "[]")} {
			if strings.Contains(s, form) {
				t.Errorf("output %d shows the private key", i)
			}
		}
	}
	if want := "wallet " + w.Holder().String(); fmt.Sprintf("%#v", w) != want {
		t.Errorf("%#v, want %s", w, want)
	}
}

func TestSaveIsAtomic(t *testing.T) {
	w := newWallet(t)
	if _, err := w.MakePossession(ministry, credential.NewEnrolmentCode(), day); err != nil {
		t.Fatal(err)
	}
	// A folder that takes no new file: the change fails, the old state stays on disk and in memory.
	before, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile))
	if os.Getuid() != 0 {
		if err := os.Chmod(w.Dir(), 0o500); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(w.Dir(), 0o700)
		if _, err := w.MakePossession(council, credential.NewEnrolmentCode(), day); err == nil {
			t.Error("no error from a folder that cannot be written")
		}
		if len(w.Enrolments()) != 1 {
			t.Errorf("%d enrolments after a failed save, want 1", len(w.Enrolments()))
		}
	}
	after, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile))
	if !bytes.Equal(before, after) {
		t.Error("a failed save changed the file")
	}
	// Replacing fails after the temporary file was written: it must not be left behind.
	target := filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(filepath.Join(target, "not empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replace(target, []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	left, err := os.ReadDir(filepath.Dir(target))
	if err != nil || len(left) != 1 {
		t.Errorf("%d entries left, %v; want the folder alone", len(left), err)
	}
	entries, _ := os.ReadDir(w.Dir())
	if len(entries) != 2 {
		t.Errorf("%d files in the wallet, want 2", len(entries))
	}
}

func TestChangedByAnotherProgram(t *testing.T) {
	w := newWallet(t)
	other := reopened(t, w)
	if err := other.Unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	if _, err := other.MakePossession(ministry, credential.NewEnrolmentCode(), day); err != nil {
		t.Fatal(err)
	}
	if _, err := w.MakePossession(council, credential.NewEnrolmentCode(), day); !errors.Is(err, ErrChanged) {
		t.Errorf("stale wallet: %v, want %v", err, ErrChanged)
	}
	if len(w.Enrolments()) != 0 {
		t.Error("the refused change is in memory")
	}
	if got := reopened(t, w).Enrolments(); len(got) != 1 || got[0].Body != ministry {
		t.Errorf("enrolments %v, want the other program's one", got)
	}
}

func TestMakePossession(t *testing.T) {
	w := newWallet(t)
	code := credential.NewEnrolmentCode()
	proof, err := w.MakePossession(ministry, strings.ToLower(code), day)
	if err != nil {
		t.Fatal(err)
	}
	p, err := credential.ParsePossession(proof)
	if err != nil {
		t.Fatal(err)
	}
	if p.Audience != ministry || !p.Holder.Equal(w.Holder()) || p.CodeHash != credential.CodeHash(code) || !p.IssuedAt.Equal(day) {
		t.Error("the proof is for another body, key, code or time")
	}
	if state, _ := os.ReadFile(filepath.Join(w.Dir(), stateFile)); bytes.Contains(state, []byte(code)) {
		t.Error("the code was kept")
	}
	if got := reopened(t, w).Enrolments(); len(got) != 1 || got[0] != (Enrolment{ministry, day}) {
		t.Errorf("enrolments %v", got)
	}
	for name, tc := range map[string]struct{ body, code string }{
		"short ЄДРПОУ": {"3268", code}, "letters": {"0003268A", code}, "no code": {ministry, ""}, "bad code": {ministry, "U"}, "long code": {ministry, code + "A"},
	} {
		proof, err := w.MakePossession(tc.body, tc.code, day)
		if proof != nil || !errors.Is(err, ErrEnrolment) {
			t.Errorf("%s: %v, want %v", name, err, ErrEnrolment)
		}
	}
	if _, err := w.MakePossession(ministry, code, time.Time{}); !errors.Is(err, ErrEnrolment) {
		t.Errorf("no time: %v", err)
	}
	w.Lock()
	if _, err := w.MakePossession(ministry, code, day); !errors.Is(err, ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if err := w.Unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	for range maxPending + 3 {
		if _, err := w.MakePossession(council, code, day); err != nil {
			t.Fatal(err)
		}
	}
	if got := reopened(t, w).Enrolments(); len(got) != maxPending || got[0].Body != council {
		t.Errorf("%d enrolments, want the newest %d", len(got), maxPending)
	}
}

// verified reads a SID1 text as a verifier would, with the keys given to it.
func verified(t testing.TB, text string, by issuer) (*credential.Token, *credential.Presentation) {
	t.Helper()
	prefix, data, err := credential.DecodeText(text)
	if err != nil || prefix != credential.Prefix {
		t.Fatalf("prefix %q, %v", prefix, err)
	}
	p, err := credential.ParsePresentation(data)
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.Token().Verify(by.IssuerPublic())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := p.Verify(token.Holder)
	if err != nil {
		t.Fatal(err)
	}
	return token, shown
}

func TestPresent(t *testing.T) {
	w, by := newWallet(t), newIssuer(t)
	c := claims(w)
	w.insert(t, by, c, full(c))
	at := day.Add(100*time.Second + 400*time.Millisecond)
	for _, face := range []credential.Face{credential.FaceCheck, credential.FaceFull} {
		code, err := w.Present(Selector{}, face, at)
		if err != nil {
			t.Fatal(err)
		}
		token, shown := verified(t, code.Text, by)
		if token.Face != face || code.Face != face || shown.Audience != credential.AudienceAny {
			t.Errorf("face %s, audience %q; want %s, any", token.Face, shown.Audience, face)
		}
		if !shown.IssuedAt.Equal(day.Add(100*time.Second)) || !code.IssuedAt.Equal(shown.IssuedAt) {
			t.Errorf("iat %v, code says %v", shown.IssuedAt, code.IssuedAt)
		}
		if !code.Next.Equal(day.Add(120*time.Second)) || !code.ExpiresAt.Equal(c.ExpiresAt) {
			t.Errorf("next %v, expires %v", code.Next, code.ExpiresAt)
		}
		if _, ok := shown.Beacon(); ok || code.Beacon != (Beacon{}) {
			t.Error("a beacon out of nowhere")
		}
	}
	// With a beacon, and after the wallet was closed and opened.
	beacon := Beacon{Value: credential.Beacon{1, 2, 3, 4, 5, 6, 7, 8}, N: 9, Published: day, Bundle: 3}
	if err := w.change(func(next *Wallet) { next.beacon = beacon }); err != nil {
		t.Fatal(err)
	}
	w = reopened(t, w)
	if err := w.Unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	code, err := w.Present(Selector{Issuer: ministry}, credential.FaceCheck, at)
	if err != nil {
		t.Fatal(err)
	}
	_, shown := verified(t, code.Text, by)
	if got, ok := shown.Beacon(); !ok || got != beacon.Value || code.Beacon != beacon {
		t.Errorf("beacon %x, want %x", got, beacon.Value)
	}
}

func TestNextChange(t *testing.T) {
	for _, tc := range []struct{ at, want time.Duration }{
		{0, 30 * time.Second}, {time.Nanosecond, 30 * time.Second}, {29999 * time.Millisecond, 30 * time.Second},
		{30 * time.Second, 60 * time.Second}, {59 * time.Second, 60 * time.Second},
	} {
		if got := NextChange(day.Add(tc.at)); !got.Equal(day.Add(tc.want)) {
			t.Errorf("at +%v the next change is %v, want +%v", tc.at, got, tc.want)
		}
	}
	kyiv := time.FixedZone("EET", 2*3600)
	if got := NextChange(day.In(kyiv)); !got.Equal(day.Add(Step)) || got.Location() != time.UTC {
		t.Errorf("in Kyiv: %v", got)
	}
}

func TestPresentRefuses(t *testing.T) {
	w, by := newWallet(t), newIssuer(t)
	if _, err := w.Present(Selector{}, credential.FaceCheck, day); !errors.Is(err, ErrNoID) {
		t.Errorf("empty wallet: %v", err)
	}
	c := claims(w)
	w.insert(t, by, c)
	for name, tc := range map[string]struct {
		sel  Selector
		face credential.Face
		at   time.Time
		want error
	}{
		"full face":    {Selector{}, credential.FaceFull, day, ErrNoFace},
		"no such face": {Selector{}, 9, day, ErrNoFace},
		"other body":   {Selector{Issuer: council}, credential.FaceCheck, day, ErrNoID},
		"other number": {Selector{Number: "X"}, credential.FaceCheck, day, ErrNoID},
		"at exp":       {Selector{}, credential.FaceCheck, c.ExpiresAt, ErrExpired},
		"years later":  {Selector{}, credential.FaceCheck, day.AddDate(5, 0, 0), ErrExpired},
		"before iat":   {Selector{}, credential.FaceCheck, day.Add(-Ahead - time.Second), ErrNotYet},
		"zero time":    {Selector{}, credential.FaceCheck, time.Time{}, ErrNotYet},
	} {
		code, err := w.Present(tc.sel, tc.face, tc.at)
		if !errors.Is(err, tc.want) || code.Text != "" {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if err != nil && (strings.Contains(err.Error(), "Гончарук") || strings.Contains(err.Error(), c.Number)) {
			t.Errorf("%s: error tells who the holder is", name)
		}
	}
	w.Lock()
	if _, err := w.Present(Selector{}, credential.FaceCheck, day); !errors.Is(err, ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}

func TestTwoIDs(t *testing.T) {
	w, by := newWallet(t), newIssuer(t)
	first := claims(w)
	second := claims(w)
	second.Issuer, second.Number, second.Name = council, "РД7654321", "Гончарук Т. Г."
	third := claims(w)
	third.Number = "МВ7777777"
	w.insert(t, by, third, full(second), first, second, full(first))
	w = reopened(t, w)
	if err := w.Unlock(passphrase); err != nil {
		t.Fatal(err)
	}
	ids := w.List()
	if len(ids) != 3 || ids[0].Number != first.Number || ids[1].Number != third.Number || ids[2].Issuer != council {
		t.Fatalf("%d service IDs in a wrong order", len(ids))
	}
	if ids[0].Name != "Гончарук Тарас Григорович" || ids[0].Position.Code != 12 || ids[0].Unit.Text == "" || ids[0].Rank != 7 {
		t.Error("the full face does not win in the list")
	}
	if len(ids[0].Faces) != 2 || ids[0].Faces[0].Face != credential.FaceCheck || len(ids[1].Faces) != 1 || ids[1].Name != third.Name {
		t.Error("faces are not listed check before full")
	}
	if !ids[0].Faces[0].Usable(day) || ids[0].Faces[0].Usable(first.ExpiresAt) || ids[0].Faces[0].Usable(day.Add(-Ahead-1)) || !ids[0].Faces[0].Usable(day.Add(-Ahead)) {
		t.Error("Usable differs from what Present does")
	}
	for name, tc := range map[string]struct {
		sel  Selector
		want string
		err  error
	}{
		"nothing named":       {Selector{}, "", ErrWhichID},
		"body with two":       {Selector{Issuer: ministry}, "", ErrWhichID},
		"body with one":       {Selector{Issuer: council}, second.Number, nil},
		"number":              {Selector{Number: third.Number}, third.Number, nil},
		"number of the other": {Selector{Issuer: council, Number: first.Number}, "", ErrNoID},
	} {
		code, err := w.Present(tc.sel, credential.FaceCheck, day)
		if !errors.Is(err, tc.err) || code.ID.Number != tc.want {
			t.Errorf("%s: number %q, %v; want %q, %v", name, code.ID.Number, err, tc.want, tc.err)
		}
	}
	if err := w.Forget(Selector{}); !errors.Is(err, ErrWhichID) || len(w.List()) != 3 {
		t.Errorf("forget nothing named: %v", err)
	}
	if err := w.Forget(Selector{Issuer: council}); err != nil {
		t.Fatal(err)
	}
	if got := reopened(t, w).List(); len(got) != 2 || got[1].Issuer != ministry {
		t.Errorf("%d service IDs after forgetting one of three", len(got))
	}
}

// damage writes a state that differs from the wallet's own in one thing.
func (w *Wallet) damage(t *testing.T, f func(*stateJSON)) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.Dir(), stateFile))
	if err != nil {
		t.Fatal(err)
	}
	var s stateJSON
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	f(&s)
	if data, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.Dir(), stateFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedFiles(t *testing.T) {
	by := newIssuer(t)
	photo := append([]byte{0xff, 0xd8, 0xff, 0xe0}, bytes.Repeat([]byte("x"), 90)...)
	prepare := func(t *testing.T) *Wallet {
		w := newWallet(t)
		c := claims(w)
		c.HasPhoto, c.PhotoHash = true, photoHash(photo)
		w.insert(t, by, c, full(c))
		err := w.change(func(next *Wallet) {
			next.photos[photoHash(photo)] = photo
			next.root = trust.Fingerprint{1}
			next.beacon = Beacon{Value: credential.Beacon{1}, N: 1, Published: day, Bundle: 1}
		})
		if err != nil {
			t.Fatal(err)
		}
		again := reopened(t, w)
		if root, ok := again.Pinned(); !ok || root != (trust.Fingerprint{1}) || again.Beacon() != w.Beacon() || !bytes.Equal(again.List()[0].Photo, photo) {
			t.Fatal("root, beacon or photo did not survive")
		}
		return w
	}
	foreign := newWallet(t)
	for name, f := range map[string]func(*stateJSON){
		"schema":              func(s *stateJSON) { s.Schema = "posvid.wallet/2" },
		"no schema":           func(s *stateJSON) { s.Schema = "" },
		"no holder":           func(s *stateJSON) { s.Holder = nil },
		"holder cut":          func(s *stateJSON) { s.Holder = s.Holder[:len(s.Holder)-1] },
		"holder of another":   func(s *stateJSON) { s.Holder = foreign.Holder().MarshalCOSE() },
		"root":                func(s *stateJSON) { s.Root = "AAAA" },
		"memory":              func(s *stateJSON) { s.Memory = json.RawMessage(`{"version":9}`) },
		"beacon short":        func(s *stateJSON) { s.Beacon.Value = s.Beacon.Value[:7] },
		"beacon zero":         func(s *stateJSON) { s.Beacon.Value = make([]byte, 8) },
		"beacon number":       func(s *stateJSON) { s.Beacon.N = 0 },
		"beacon time":         func(s *stateJSON) { s.Beacon.Published = time.Time{} },
		"token bit":           func(s *stateJSON) { s.Tokens[0].Token[40] ^= 1 },
		"token signature":     func(s *stateJSON) { s.Tokens[0].Token[len(s.Tokens[0].Token)-1] ^= 1 },
		"token cut":           func(s *stateJSON) { s.Tokens[1].Token = s.Tokens[1].Token[:30] },
		"token empty":         func(s *stateJSON) { s.Tokens[0].Token = nil },
		"token twice":         func(s *stateJSON) { s.Tokens[1] = s.Tokens[0] },
		"issuer key":          func(s *stateJSON) { s.Tokens[0].Key = newIssuer(t).IssuerPublic().MarshalCOSE() },
		"issuer key not one":  func(s *stateJSON) { s.Tokens[0].Key = []byte{0xa0} },
		"photo of nobody":     func(s *stateJSON) { s.Photos[0][50] ^= 1 },
		"too many enrolments": func(s *stateJSON) { s.Enrolments = make([]enrolmentJSON, maxPending+1) },
		"too many tokens":     func(s *stateJSON) { s.Tokens = make([]tokenJSON, MaxTokens+1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t)
			w.damage(t, f)
			got, err := Open(w.Dir())
			if got != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("%v, want %v", err, ErrDamaged)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), "wallet: ") || strings.Contains(err.Error(), "Гончарук")) {
				t.Errorf("error %q", err)
			}
		})
	}
	for name, f := range map[string]func(state []byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"half":          func(b []byte) []byte { return b[:len(b)/2] },
		"two values":    func(b []byte) []byte { return append(b, b...) },
		"unknown field": func(b []byte) []byte { return bytes.Replace(b, []byte("{"), []byte(`{"extra":1,`), 1) },
		"zeros":         func(b []byte) []byte { return make([]byte, len(b)) },
		"too long":      func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), MaxState)...) },
		"base64":        func(b []byte) []byte { return bytes.Replace(b, []byte(`"holder": "`), []byte(`"holder": "*`), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t)
			path := filepath.Join(w.Dir(), stateFile)
			data, _ := os.ReadFile(path)
			if err := os.WriteFile(path, f(data), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := Open(w.Dir()); got != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("%v, want %v", err, ErrDamaged)
			}
		})
	}
	for name, f := range map[string]func(path string) error{
		"no key":          os.Remove,
		"key empty":       func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"key too long":    func(p string) error { return os.WriteFile(p, make([]byte, maxSealed+1), 0o600) },
		"key is a folder": func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		"key of another": func(p string) error {
			data, err := os.ReadFile(filepath.Join(foreign.Dir(), keyFile))
			return errors.Join(err, os.WriteFile(p, data, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t)
			if err := f(filepath.Join(w.Dir(), keyFile)); err != nil {
				t.Fatal(err)
			}
			if got, err := Open(w.Dir()); got != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("%v, want %v", err, ErrDamaged)
			}
		})
	}
	t.Run("token of another wallet", func(t *testing.T) {
		w := prepare(t)
		c := claims(foreign)
		w.damage(t, func(s *stateJSON) { s.Tokens[0].Token = by.token(t, c) })
		if _, err := Open(w.Dir()); !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrForeignToken) {
			t.Errorf("%v, want %v and %v", err, ErrDamaged, ErrForeignToken)
		}
	})
	t.Run("key cut short", func(t *testing.T) {
		w := prepare(t)
		path := filepath.Join(w.Dir(), keyFile)
		data, _ := os.ReadFile(path)
		if err := os.WriteFile(path, data[:len(data)-40], 0o600); err != nil {
			t.Fatal(err)
		}
		again := reopened(t, w)
		if err := again.Unlock(passphrase); !errors.Is(err, ErrDamaged) || !again.Locked() {
			t.Errorf("%v, want %v", err, ErrDamaged)
		}
	})
}

// FuzzState feeds any state file: an error of ErrDamaged, or a state that writes itself again the same way.
func FuzzState(f *testing.F) {
	w := newWallet(f)
	w.insert(f, newIssuer(f), claims(w))
	for _, name := range []string{stateFile, keyFile} {
		data, err := os.ReadFile(filepath.Join(w.Dir(), name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"schema":"posvid.wallet/1"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := &Wallet{photos: map[[20]byte][]byte{}}
		if err := got.decode(data); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("unnamed error: %v", err)
			}
			return
		}
		first, err := got.encode()
		if err != nil {
			t.Fatal(err)
		}
		again := &Wallet{photos: map[[20]byte][]byte{}}
		if err := again.decode(first); err != nil {
			t.Fatalf("own output does not open: %v", err)
		}
		second, err := again.encode()
		if err != nil || sha256.Sum256(first) != sha256.Sum256(second) {
			t.Fatalf("own output changes: %v", err)
		}
	})
}

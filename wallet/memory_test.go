package wallet

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
)

// drawer keeps the state of a wallet without a folder.
type drawer struct {
	state  []byte
	writes int
	err    error
}

func (d *drawer) save(state []byte) error {
	if d.err != nil {
		return d.err
	}
	d.state, d.writes = bytes.Clone(state), d.writes+1
	return nil
}

func newHolder(t testing.TB) keys.HolderPrivateKey {
	t.Helper()
	k, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMakeAndLoad(t *testing.T) {
	o, by := newOperator(t), newIssuer(t)
	o.admit(t, by, ministry)
	b := o.bundle(t, day)
	key, d := newHolder(t), &drawer{}
	w, err := Make(key, b.FirstFingerprint(), d.save)
	if err != nil || w.Locked() || w.Dir() != "" {
		t.Fatalf("%v, locked %v, folder %q", err, w.Locked(), w.Dir())
	}
	if err := w.TakeBundle(b, day); err != nil {
		t.Fatal(err)
	}
	if _, err := w.MakePossession(ministry, "7K3M-0QZW-8A5T-XN2D", day); err != nil {
		t.Fatal(err)
	}
	c := claims(w)
	if _, err := w.Store(delivery(t, nil, by.token(t, c), by.token(t, full(c))), b, day); err != nil {
		t.Fatal(err)
	}
	if d.writes != 4 || !bytes.Equal(d.state, w.State()) {
		t.Errorf("%d writes, want 4 and the last one kept", d.writes)
	}
	again, err := Load(d.state, d.save)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Present(Selector{}, credential.FaceCheck, day); !errors.Is(err, ErrLocked) {
		t.Errorf("a code before the key is there: %v, want ErrLocked", err)
	}
	if err := again.Unlock(passphrase); !errors.Is(err, ErrForeignKey) {
		t.Errorf("Unlock without a folder: %v, want ErrForeignKey", err)
	}
	if err := again.UseSigner(newHolder(t)); !errors.Is(err, ErrForeignKey) {
		t.Errorf("another's key: %v, want ErrForeignKey", err)
	}
	if err := again.UseSigner(key); err != nil {
		t.Fatal(err)
	}
	for _, f := range []credential.Face{credential.FaceCheck, credential.FaceFull} {
		code, err := again.Present(Selector{}, f, day)
		if err != nil {
			t.Fatal(err)
		}
		verified(t, code.Text, by)
	}
	if again.Beacon() != w.Beacon() || len(again.List()) != 1 || len(again.Enrolments()) != 0 {
		t.Error("the loaded wallet keeps something else than was stored")
	}
	// A wallet in a folder and one without write the same file.
	folder := newWallet(t)
	if folder.State() != nil {
		t.Error("a wallet of a folder has a state of its own")
	}
	var one, two map[string]json.RawMessage
	if json.Unmarshal(d.state, &one) != nil || json.Unmarshal([]byte(`{"schema":"posvid.wallet/1"}`), &two) != nil || string(one["schema"]) != string(two["schema"]) {
		t.Error("the state has another schema than the file")
	}
}

// TestSaveRefused: what was not saved is not done.
func TestSaveRefused(t *testing.T) {
	full := errors.New("the storage is full")
	d := &drawer{}
	key := newHolder(t)
	w, err := Make(key, trust.Fingerprint{}, d.save)
	if err != nil {
		t.Fatal(err)
	}
	d.err = full
	if _, err := w.MakePossession(ministry, "7K3M-0QZW-8A5T-XN2D", day); !errors.Is(err, full) {
		t.Errorf("a proof that cannot be remembered: %v, want %v", err, full)
	}
	if err := w.Pin(trust.RootFingerprint([]byte("root"))); !errors.Is(err, full) {
		t.Errorf("Pin: %v, want %v", err, full)
	}
	if _, pinned := w.Pinned(); pinned || len(w.Enrolments()) != 0 || !bytes.Equal(w.State(), d.state) {
		t.Error("the wallet has become what was not saved")
	}
	if _, err := Make(key, trust.Fingerprint{}, d.save); !errors.Is(err, full) {
		t.Errorf("Make: %v, want %v", err, full)
	}
}

func TestMakeAndLoadRefuse(t *testing.T) {
	d := &drawer{}
	key := newHolder(t)
	if _, err := Make(nil, trust.Fingerprint{}, d.save); !errors.Is(err, ErrForeignKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := Make(key, trust.Fingerprint{}, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("no place: %v", err)
	}
	w, err := Make(key, trust.Fingerprint{}, d.save)
	if err != nil {
		t.Fatal(err)
	}
	good := w.State()
	for name, c := range map[string]struct {
		state []byte
		want  error
	}{
		"nothing": {nil, ErrNotFound}, "empty": {[]byte{}, ErrNotFound}, "half": {good[:len(good)/2], ErrDamaged}, "two": {append(bytes.Clone(good), good...), ErrDamaged},
		"another schema": {bytes.Replace(good, []byte("wallet/1"), []byte("wallet/2"), 1), ErrDamaged}, "too long": {make([]byte, MaxState+1), ErrDamaged},
		"an unknown field": {bytes.Replace(good, []byte("{"), []byte(`{"more": 1,`), 1), ErrDamaged}, "null": {[]byte("null"), ErrDamaged},
	} {
		if got, err := Load(c.state, d.save); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Load(good, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("no place: %v", err)
	}
	// The loaded wallet does not hang on the caller's bytes.
	mine := bytes.Clone(good)
	loaded, err := Load(mine, d.save)
	if err != nil {
		t.Fatal(err)
	}
	clear(mine)
	if !bytes.Equal(loaded.State(), good) {
		t.Error("the state changes with the caller's bytes")
	}
}

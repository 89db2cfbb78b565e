package nfc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc/emulate"
)

// everything reads all that is free to read over the air, and has a challenge signed: how a verifier meets a card.
func everything(ctx context.Context, card Card, public crypto.PublicKey) (Counts, error) {
	session := NewSession(card)
	piv, err := SelectPIV(ctx, session)
	if err != nil {
		return session.Counts(), err
	}
	if _, err := piv.ReadDiscovery(ctx); err != nil && !errors.Is(err, ErrNotFound) {
		return session.Counts(), err
	}
	if _, err := piv.ReadCHUID(ctx); err != nil {
		return session.Counts(), err
	}
	if _, err := piv.ReadCertificate(ctx, ObjectCardAuth); err != nil {
		return session.Counts(), err
	}
	challenge, err := NewChallenge(public)
	if err != nil {
		return session.Counts(), err
	}
	signature, err := piv.Authenticate(ctx, KeyCardAuth, challenge.Algorithm, challenge.Data)
	if err != nil {
		return session.Counts(), err
	}
	return session.Counts(), challenge.Verify(signature)
}

// chaosCard makes a card that everything reads well, and another one that looks the same.
func chaosCard(t testing.TB) (*emulate.Chip, crypto.PublicKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fascn, err := FASCNFields{"9999", "9999", "999999", "0", "1", "0000000000", "3", "0000", "1"}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	chuid, err := BuildCHUID(fascn, [16]byte{1}, time.Date(2031, 12, 31, 0, 0, 0, 0, time.UTC), func([]byte) ([]byte, error) { return AppendTLV(nil, 0x30, make([]byte, 900)), nil })
	if err != nil {
		t.Fatal(err)
	}
	application, err := emulate.NewPIV(emulate.PIVConfig{Keys: map[byte]crypto.Signer{emulate.KeyCardAuthentication: key}, Objects: map[uint32][]byte{
		emulate.TagDiscovery: unhex(t, "4F0BA0000003080000100001005F2F024000"), emulate.TagCHUID: chuid,
		emulate.TagCardAuthentication: emulate.CertificateObject(AppendTLV(nil, 0x30, make([]byte, 1200)), false),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return emulate.NewChip(emulate.ChipConfig{Contactless: true}, application), key.Public()
}

// TestChaos meets a card with every fault, at every command: the read ends at once with one of the causes of this
// package, or it read what is on the card.
func TestChaos(t *testing.T) {
	chip, public := chaosCard(t)
	good, err := everything(t.Context(), Bound(emulate.NewSlot(chip), 0, 0), public)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := chaosCard(t)
	causes := []error{ErrTorn, ErrTimeout, ErrReset, ErrTransport, ErrMalformed, ErrTooLarge, ErrLoop, ErrNoApplication, ErrNotFound, ErrAccess, ErrSignature}
	seen := map[error]int{}
	seeds := uint64(600)
	if testing.Short() {
		seeds = 150
	}
	whole := 0
	for seed := range seeds {
		script, name := emulate.Chaos(seed, chip, other, true)
		card := Bound(emulate.NewSlot(script), 40*time.Millisecond, 80*time.Millisecond)
		start := time.Now()
		counts, err := everything(t.Context(), card, public)
		card.Close()
		if err == nil {
			whole++
			continue
		}
		var refused *StatusError
		known := errors.As(err, &refused)
		for _, c := range causes {
			if errors.Is(err, c) {
				seen[c]++
				known = true
			}
		}
		if !known {
			t.Errorf("seed %d, %s: %v has no cause", seed, name, err)
		}
		if counts.Commands > good.Commands+MaxGetResponse+1 {
			t.Errorf("seed %d, %s: %d commands", seed, name, counts.Commands)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("seed %d, %s: %v", seed, name, took)
		}
	}
	t.Logf("a good card: %+v; of %d sessions %d read all, %v", good, seeds, whole, seen)
	if whole == 0 || len(seen) < 6 {
		t.Errorf("%d read all, causes %v", whole, seen)
	}
}

// TestSwappedCard answers from another card after each command: the signature is then of the wrong key.
func TestSwappedCard(t *testing.T) {
	chip, public := chaosCard(t)
	other, _ := chaosCard(t)
	good, err := everything(t.Context(), emulate.NewSlot(chip), public)
	if err != nil {
		t.Fatal(err)
	}
	for at := range good.Commands {
		script := emulate.NewScript(chip).SwapAt(at, other, true)
		if _, err := everything(t.Context(), emulate.NewSlot(script), public); err == nil {
			t.Errorf("swapped at command %d: read and signed", at)
		}
	}
}

// TestLeastCommands holds the number of commands and bytes of a read beside the least that short APDUs allow.
func TestLeastCommands(t *testing.T) {
	chip, public := chaosCard(t)
	counts, err := everything(t.Context(), emulate.NewSlot(chip), public)
	if err != nil {
		t.Fatal(err)
	}
	// SELECT; discovery; CHUID of 979 bytes in 4 answers; certificate of 1,217 in 5; one signature.
	if counts.Commands != 1+1+4+5+1 {
		t.Errorf("%+v", counts)
	}
	recorder := Record(emulate.NewSlot(chip))
	if _, err := everything(t.Context(), recorder, public); err != nil {
		t.Fatal(err)
	}
	list, err := ParseTranscript(recorder.Text())
	if err != nil || len(list) != counts.Commands {
		t.Errorf("%d exchanges recorded, %v", len(list), err)
	}
	for _, e := range list {
		if !e.Redacted {
			c, err := ParseCommandAPDU(e.Command)
			if err != nil || c.INS == insGeneralAuthenticate || bytes.Contains(e.Response, []byte{0x53}) {
				t.Errorf("recorded whole: %v, %v", c, err)
			}
		}
	}
}

// BenchmarkReadPIV reads a card as a verifier does, all over the reader's own time: what is left is ours.
func BenchmarkReadPIV(b *testing.B) {
	chip, public := chaosCard(b)
	slot := emulate.NewSlot(chip)
	var counts Counts
	for b.Loop() {
		var err error
		card := Bound(slot, 0, 0)
		if counts, err = everything(b.Context(), card, public); err != nil {
			b.Fatal(err)
		}
		card.Close()
	}
	b.ReportMetric(float64(counts.Commands), "APDUs/op")
	b.ReportMetric(float64(counts.Sent+counts.Received), "wire-B/op")
}

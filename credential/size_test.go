package credential

import (
	"testing"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/testvectors"
)

// issuerKey and holderKey return the published keys with deterministic signatures that the specification's dumps
// are made with.
func issuerKey(t testing.TB) authority.IssuerPrivateKey {
	t.Helper()
	k, err := authority.IssuerKeyForVectors(cose.ESP256, "credential")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func holderKey(t testing.TB) keys.HolderPrivateKey {
	t.Helper()
	k, err := keys.HolderKeyForVectors("credential")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// personClaims returns the claims of a reference person; texts says whether position and unit are given as texts
// instead of numbers.
func personClaims(t testing.TB, p testvectors.Person, face Face, texts bool) *Claims {
	t.Helper()
	place := p.Status.Check
	c := &Claims{
		Issuer: p.EDRPOU, Number: p.Number, IssuedAt: p.IssuedAt, ExpiresAt: p.ExpiresAt,
		Holder: holderKey(t).HolderPublic(), Face: face, Name: ShortName(p.Surname, p.GivenName, p.Patronymic),
		PhotoHash: p.Photo(), HasPhoto: true,
	}
	if face == FaceFull {
		place = p.Status.Full
		c.Name, c.Category, c.Rank = p.FullName(), p.Category, p.Rank
		c.Position, c.Unit = CodedText{Code: p.Position.Code}, CodedText{Code: p.Unit.Code}
		if texts {
			c.Position, c.Unit = CodedText{Text: p.Position.UK}, CodedText{Text: p.Unit.UK}
		}
	}
	status, err := NewStatusRef(place.List, place.Index)
	if err != nil {
		t.Fatal(err)
	}
	c.Status = status
	return c
}

// mustToken signs the claims with the published issuer key.
func mustToken(t testing.TB, c *Claims) []byte {
	t.Helper()
	payload, err := EncodePayload(c)
	if err != nil {
		t.Fatal(err)
	}
	token, err := SignToken(payload, issuerKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// vectorBeacon is the beacon of the specification's dumps.
var vectorBeacon = Beacon{0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7}

// mustPresent makes the broadcast code of a token with vectorBeacon in it.
func mustPresent(t testing.TB, token []byte, p testvectors.Person) []byte {
	t.Helper()
	presentation, err := Present(token, holderKey(t), AudienceAny, p.ShownAt, vectorBeacon[:])
	if err != nil {
		t.Fatal(err)
	}
	return presentation
}

// sizeRows are the codes whose size is promised. The bars are the capacities of QR symbols at level M in alphanumeric
// mode (ISO/IEC 18004): 528 characters are version 14, 600 version 15, 734 version 17 and 1,451 version 25.
var sizeRows = []struct {
	what  string
	who   int
	face  Face
	texts bool
	bar   int
}{
	{"`check`", 0, FaceCheck, false, 528},
	{"`check`", 1, FaceCheck, false, 600},
	{"`full`", 0, FaceFull, false, 600},
	{"`full`", 1, FaceFull, false, 734},
	{"`full`, texts instead of numbers", 0, FaceFull, true, 734},
	{"`full`, texts instead of numbers", 1, FaceFull, true, 1451},
}

func TestSizeBars(t *testing.T) {
	people := testvectors.Persons()
	for _, row := range sizeRows {
		p := people[row.who]
		presentation := mustPresent(t, mustToken(t, personClaims(t, p, row.face, row.texts)), p)
		text := EncodeText(Prefix, presentation)
		t.Logf("%s %s: %d bytes, %d characters, bar %d", row.what, p.ID, len(presentation), len(text), row.bar)
		if len(text) > row.bar {
			t.Errorf("%s %s: %d characters, want at most %d", row.what, p.ID, len(text), row.bar)
		}
	}
}

func verifierKey(t testing.TB) keys.VerifierPrivateKey {
	t.Helper()
	k, err := keys.VerifierKeyForVectors("credential")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// randomIssuer gives any key of the right algorithm the role of an issuer key.
func randomIssuer(t testing.TB, s cose.Signer) authority.IssuerPrivateKey {
	t.Helper()
	k, err := authority.NewIssuerPrivateKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

package credential

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
	"pgregory.net/rapid"
)

func TestNormaliseCode(t *testing.T) {
	const want = "7K3M0QZW8A5TXN2D"
	for _, typed := range []string{
		"7K3M0QZW8A5TXN2D", "7K3M-0QZW-8A5T-XN2D", "7k3m-0qzw-8a5t-xn2d", " 7K3M 0QZW 8A5T XN2D ", "7K3MOQZW8A5TXN2D",
		"7k3moqzw8a5txn2d", "7K3M–0QZW—8A5T‐XN2D", "7K3M\u00a00QZW\u202f8A5T\tXN2D", "7-K-3-M-0-Q-Z-W-8-A-5-T-X-N-2-D",
		"7К3М-ОQZW-8А5Т-ХN2D", // К, М, О, А, Т, Х typed with the Ukrainian layout
	} {
		if got, err := NormaliseCode(typed); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", typed, got, err, want)
		}
		if CodeHash(typed) != sha256.Sum256([]byte(want)) {
			t.Errorf("%q: another hash", typed)
		}
	}
	if got, err := NormaliseCode("ILOo-il00-ІіОо-1111"); err != nil || got != "1100110011001111" {
		t.Errorf("I, L, O: %q, %v", got, err)
	}
	if got, err := NormaliseCode("АВСЕНКМРТХУавсенк"[:32]); err != nil || got != "ABCEHKMPTXYABCEH" {
		t.Errorf("look-alikes: %q, %v", got, err)
	}
	if got := FormatCode(want); got != "7K3M-0QZW-8A5T-XN2D" {
		t.Errorf("printed form %q", got)
	}
	if got := FormatCode("short"); got != "short" {
		t.Errorf("a string that is no code: %q", got)
	}
}

func TestNormaliseCodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, typed string }{
		{"empty", ""},
		{"separators only", " - - "},
		{"15 characters", "7K3M-0QZW-8A5T-XN2"},
		{"17 characters", "7K3M-0QZW-8A5T-XN2D-7"},
		{"U", "7K3M-0QZW-8A5T-XN2U"},
		{"u", "7K3M-0QZW-8A5T-XN2u"},
		{"full stop", "7K3M.0QZW.8A5T.XN2D"},
		{"underscore", "7K3M_0QZW_8A5T_XN2D"},
		{"newline", "7K3M-0QZW\n8A5T-XN2D"},
		{"letter without a look-alike", "7K3M-0QZW-8A5T-XN2Ж"},
		{"not UTF-8", "7K3M-0QZW-8A5T-XN2\xff"},
		{"full-width digit", "7K3M-0QZW-8A5T-XN2１"},
		{"NUL", "7K3M-0QZW-8A5T-XN2\x00"},
		{"long", strings.Repeat(" ", 300) + "7K3M-0QZW-8A5T-XN2D"},
	} {
		got, err := NormaliseCode(c.typed)
		if got != "" || !errors.Is(err, ErrCode) {
			t.Errorf("%s: %q, %v, want ErrCode", c.name, got, err)
			continue
		}
		if strings.Contains(err.Error(), "7K3M") {
			t.Errorf("%s: the code is in the error %q", c.name, err)
		}
	}
}

func TestNewEnrolmentCode(t *testing.T) {
	seen := map[string]bool{}
	letters := map[rune]bool{}
	for range 500 {
		code := NewEnrolmentCode()
		if len(code) != 19 || strings.Count(code, "-") != 3 {
			t.Fatalf("printed form of %d characters", len(code))
		}
		normalised, err := NormaliseCode(code)
		if err != nil || FormatCode(normalised) != code {
			t.Fatalf("a fresh code is not normal: %v", err)
		}
		if seen[normalised] {
			t.Fatal("a code came twice")
		}
		seen[normalised] = true
		for _, r := range normalised {
			letters[r] = true
		}
	}
	if len(letters) != len(crockford) {
		t.Errorf("%d different characters in 8,000, want all %d", len(letters), len(crockford))
	}
}

func TestCodeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.StringOfN(rapid.RuneFrom([]rune(crockford)), codeLength, codeLength, -1).Draw(t, "code")
		typed := code
		if rapid.Bool().Draw(t, "lower") {
			typed = strings.ToLower(typed)
		}
		if rapid.Bool().Draw(t, "letters") {
			typed = strings.NewReplacer("1", "l", "0", "O").Replace(typed)
		}
		at := rapid.IntRange(0, len(typed)).Draw(t, "at")
		typed = typed[:at] + rapid.SampledFrom([]string{"", " ", "-", "–", "\u00a0"}).Draw(t, "separator") + typed[at:]
		if got, err := NormaliseCode(typed); err != nil || got != code {
			t.Fatalf("%q: %q, %v, want %q", typed, got, err, code)
		}
	})
}

func TestPossessionRoundTrip(t *testing.T) {
	p := testvectors.Persons()[0]
	data, err := SignPossession(p.EDRPOU, "7k3m 0qzw 8a5t xn2d", p.IssuedAt, holderKey(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParsePossession(data)
	if err != nil {
		t.Fatal(err)
	}
	if got.Audience != p.EDRPOU || !got.IssuedAt.Equal(p.IssuedAt) || got.CodeHash != CodeHash(vectorCode) || !got.Holder.Equal(holderKey(t).HolderPublic()) {
		t.Errorf("got %+v", got)
	}
	if bytes.Contains(data, []byte("7K3M")) {
		t.Error("the code itself is in the proof")
	}
}

func TestSignPossessionRefuses(t *testing.T) {
	p := testvectors.Persons()[0]
	for _, c := range []struct {
		name, audience, code string
		at                   time.Time
		want                 error
	}{
		{"no audience", "", vectorCode, p.IssuedAt, ErrClaim},
		{"audience of 7 digits", "0084999", vectorCode, p.IssuedAt, ErrClaim},
		{"audience of letters", "ministry", vectorCode, p.IssuedAt, ErrClaim},
		{"no code", p.EDRPOU, "", p.IssuedAt, ErrCode},
		{"short code", p.EDRPOU, "7K3M", p.IssuedAt, ErrCode},
		{"no time", p.EDRPOU, vectorCode, time.Time{}, ErrClaim},
		{"year 10000", p.EDRPOU, vectorCode, time.Unix(maxTime+1, 0), ErrClaim},
	} {
		if data, err := SignPossession(c.audience, c.code, c.at, holderKey(t)); data != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %x, %v, want %v", c.name, data, err, c.want)
		}
	}
}

func TestPossessionRefuses(t *testing.T) {
	p := testvectors.Persons()[0]
	k := holderKey(t)
	other, err := keys.HolderKeyForVectors("another holder")
	if err != nil {
		t.Fatal(err)
	}
	header := cose.Header{Type: cose.TypePossession}
	whole, err := SignPossession(p.EDRPOU, vectorCode, p.IssuedAt, k)
	if err != nil {
		t.Fatal(err)
	}
	cnf := func(key []byte) []byte { return pairs{intKey(cnfKey): key}.encode() }
	good := pairs{
		intKey(claimAudience): textValue(p.EDRPOU), intKey(claimIssuedAt): uintValue(1),
		intKey(claimCnf): cnf(k.HolderPublic().AppendCOSE(nil, true)), intKey(claimCodeHash): byteValue(32),
	}
	with := func(key int64, v []byte) []byte {
		changed := pairs{}
		for k, value := range good {
			changed[k] = value
		}
		if changed[intKey(key)] = v; v == nil {
			delete(changed, intKey(key))
		}
		return signRaw(t, header, changed.encode(), k)
	}
	if _, err := ParsePossession(signRaw(t, header, good.encode(), k)); err != nil {
		t.Fatalf("the proof that the cases change: %v", err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
		text string
	}{
		{"empty", nil, cose.ErrMalformed, ""},
		{"cut", whole[:len(whole)-1], cose.ErrMalformed, ""},
		{"trailing", append(bytes.Clone(whole), 0), cose.ErrMalformed, ""},
		{"too large", append(bytes.Clone(whole), make([]byte, MaxPossession)...), cose.ErrTooLarge, ""},
		{"high-S", highS(t, whole), ErrHighS, "possession"},
		{"typ missing", signRaw(t, cose.Header{}, good.encode(), k), cose.ErrType, ""},
		{"typ of a presentation", signRaw(t, cose.Header{Type: cose.TypePresentation}, good.encode(), k), cose.ErrType, ""},
		{"typ of a key request", signRaw(t, cose.Header{Type: cose.TypeKeyRequest}, good.encode(), k), cose.ErrType, ""},
		{"signed by another key", signRaw(t, header, good.encode(), other), cose.ErrSignature, ""},
		{"another key in cnf", with(claimCnf, cnf(other.HolderPublic().AppendCOSE(nil, true))), cose.ErrSignature, ""},
		{"payload not canonical", signRaw(t, header, []byte{0xbf, 0xff}, k), cose.ErrNotCanonical, ""},
		{"payload not a map", signRaw(t, header, []byte{0x01}, k), ErrMalformed, "want map"},
		{"aud missing", with(claimAudience, nil), ErrMalformed, "claim 3 (aud) is missing"},
		{"aud any", with(claimAudience, textValue("any")), ErrMalformed, "want 8 digits"},
		{"aud of 9 digits", with(claimAudience, textValue("008499949")), ErrMalformed, "9 bytes"},
		{"aud uint", with(claimAudience, uintValue(1)), ErrMalformed, "want text, got uint"},
		{"iat missing", with(claimIssuedAt, nil), ErrMalformed, "claim 6 (iat) is missing"},
		{"iat zero", with(claimIssuedAt, uintValue(0)), ErrMalformed, "claim 6 (iat)"},
		{"cnf missing", with(claimCnf, nil), ErrMalformed, "claim 8 (cnf) is missing"},
		{"cnf empty", with(claimCnf, pairs{}.encode()), ErrMalformed, "key 1 (COSE_Key) is missing"},
		{"cnf Ed25519", with(claimCnf, cnf(pairs{intKey(1): uintValue(1), intKey(-1): uintValue(6), intKey(-2): byteValue(32)}.encode())), keys.ErrKind, ""},
		{"code hash missing", with(claimCodeHash, nil), ErrMalformed, "claim -65537 (code hash) is missing"},
		{"code hash of 31 bytes", with(claimCodeHash, byteValue(31)), ErrMalformed, "31 bytes, want 32"},
		{"code itself", with(claimCodeHash, textValue("7K3M0QZW8A5TXN2D")), ErrMalformed, "want bytes, got text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParsePossession(c.data)
			if got != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, %v, want %v with %q", got, err, c.want, c.text)
			}
		})
	}
	for i := range whole {
		for bit := range 8 {
			changed := bytes.Clone(whole)
			changed[i] ^= 1 << bit
			if got, err := ParsePossession(changed); got != nil || err == nil {
				t.Fatalf("bit %d of byte %d changed: accepted", bit, i)
			}
		}
	}
}

func TestDeliveryRoundTrip(t *testing.T) {
	check := mustToken(t, personClaims(t, testvectors.Persons()[0], FaceCheck, false))
	full := mustToken(t, fullClaims(t))
	photo := append([]byte{0xff, 0xd8, 0xff}, make([]byte, MaxPhoto-3)...)
	for _, want := range []Delivery{
		{Tokens: [][]byte{check}},
		{Tokens: [][]byte{check, full}},
		{Tokens: [][]byte{check, full}, Photo: photo},
		{Tokens: [][]byte{full}, Photo: photo[:3]},
	} {
		data, err := EncodeDelivery(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseDelivery(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%d tokens, photo of %d bytes came back changed", len(want.Tokens), len(want.Photo))
		}
	}
}

func TestDeliveryRefuses(t *testing.T) {
	token := mustToken(t, fullClaims(t))
	check := mustToken(t, personClaims(t, testvectors.Persons()[0], FaceCheck, false))
	photo := []byte{0xff, 0xd8, 0xff, 0xe0}
	for _, c := range []struct {
		name string
		d    Delivery
		want error
	}{
		{"nothing", Delivery{}, ErrClaim},
		{"photo only", Delivery{Photo: photo}, ErrClaim},
		{"five tokens", Delivery{Tokens: [][]byte{token, token, token, token, token}}, ErrClaim},
		{"one token twice", Delivery{Tokens: [][]byte{token, check, token}}, ErrClaim},
		{"an empty token", Delivery{Tokens: [][]byte{{}}}, cose.ErrMalformed},
		{"a presentation", Delivery{Tokens: [][]byte{mustPresent(t, token, testvectors.Persons()[0])}}, cose.ErrType},
		{"empty photo", Delivery{Tokens: [][]byte{token}, Photo: []byte{}}, ErrClaim},
		{"photo is no JPEG", Delivery{Tokens: [][]byte{token}, Photo: []byte("\x89PNG")}, ErrClaim},
		{"photo one over", Delivery{Tokens: [][]byte{token}, Photo: append(photo, make([]byte, MaxPhoto-3)...)}, ErrClaim},
	} {
		if data, err := EncodeDelivery(c.d); data != nil || !errors.Is(err, c.want) {
			t.Errorf("encode %s: %d bytes, %v, want %v", c.name, len(data), err, c.want)
		}
	}
	tokens := func(all ...[]byte) []byte {
		b := cose.AppendArray(nil, len(all))
		for _, one := range all {
			b = cose.AppendBytes(b, one)
		}
		return b
	}
	whole := pairs{intKey(1): tokens(token)}
	with := func(key int64, v []byte) []byte {
		p := pairs{intKey(1): whole[intKey(1)]}
		if p[intKey(key)] = v; v == nil {
			delete(p, intKey(key))
		}
		return p.encode()
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, cose.ErrMalformed},
		{"a token", token, ErrMalformed},
		{"not a map", []byte{0x80}, ErrMalformed},
		{"trailing", append(whole.encode(), 0), cose.ErrMalformed},
		{"tokens missing", with(1, nil), ErrMalformed},
		{"no tokens", with(1, tokens()), ErrMalformed},
		{"five tokens", with(1, tokens(token, token, token, token, token)), ErrMalformed},
		{"token twice", with(1, tokens(token, token)), ErrMalformed},
		{"tokens are bytes", with(1, byteValue(4)), ErrMalformed},
		{"token is text", with(1, cose.AppendText(cose.AppendArray(nil, 1), "x")), ErrMalformed},
		{"token is no token", with(1, tokens([]byte{0x00})), cose.ErrMalformed},
		{"photo is text", with(2, textValue("x")), ErrMalformed},
		{"photo is empty", with(2, byteValue(0)), ErrMalformed},
		{"photo is no JPEG", with(2, byteValue(16)), ErrMalformed},
		{"photo one over", with(2, cose.AppendBytes(nil, make([]byte, MaxPhoto+1))), cose.ErrTooLarge},
		{"too large", make([]byte, MaxDelivery+1), cose.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := ParseDelivery(c.data)
			if d != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, %v, want %v", d, err, c.want)
			}
		})
	}
	if _, err := ParseDelivery(with(9, null)); err != nil {
		t.Errorf("an unknown key: %v", err)
	}
}

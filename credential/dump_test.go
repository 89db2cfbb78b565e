package credential

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/testvectors"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/spec")

// dumper writes the bytes of an object in groups, a comment beside each.
type dumper struct {
	t    *testing.T
	data []byte
	at   int
	out  strings.Builder
}

const dumpWidth = 16 // bytes on a line

// take prints n bytes with a comment beside the first line of them.
func (d *dumper) take(n int, format string, args ...any) []byte {
	d.t.Helper()
	if len(d.data)-d.at < n {
		d.t.Fatalf("dump: %d bytes wanted at %d of %d", n, d.at, len(d.data))
	}
	group := d.data[d.at : d.at+n]
	comment := fmt.Sprintf(format, args...)
	for i := 0; i < n; i += dumpWidth {
		line := group[i:min(i+dumpWidth, n)]
		if i == 0 && comment != "" {
			fmt.Fprintf(&d.out, "%04x  %-*x  ; %s\n", d.at, 2*dumpWidth, line, comment)
		} else {
			fmt.Fprintf(&d.out, "%04x  %x\n", d.at+i, line)
		}
	}
	d.at += n
	return group
}

// head prints the head of the next item and returns its argument.
func (d *dumper) head(format string, args ...any) uint64 {
	d.t.Helper()
	info, size := d.data[d.at]&31, 1
	n := uint64(info)
	if info >= 24 {
		width := 1 << (info - 24)
		n, size = 0, 1+width
		for _, b := range d.data[d.at+1 : d.at+size] {
			n = n<<8 | uint64(b)
		}
	}
	d.take(size, format, args...)
	return n
}

// pair prints a key together with an integer, text or bytes value; the comment may show the text with %s.
func (d *dumper) pair(format string, args ...any) {
	d.t.Helper()
	start := d.at
	r := cose.NewReader(d.data[start:])
	if err := r.Skip(); err != nil {
		d.t.Fatal(err)
	}
	value := d.data[start+r.Offset():]
	v := cose.NewReader(value)
	kind := v.Peek()
	if err := v.Skip(); err != nil {
		d.t.Fatal(err)
	}
	if kind == cose.KindText {
		v := cose.NewReader(value)
		text, err := v.ReadText()
		if err != nil {
			d.t.Fatal(err)
		}
		args = append(args, string(text))
	}
	d.take(r.Offset()+v.Offset(), format, args...)
}

func (d *dumper) token() {
	d.take(2, "tag 18, array of 4: COSE_Sign1, the issuer token")
	d.head("protected header of the token, bytes")
	d.take(1, "  map of 3")
	d.pair("  1 (alg): -9, ESP256")
	d.pair("  4 (kid): first 4 bytes of the thumbprint of the issuer's key")
	d.pair("  16 (typ): 293, application/sd-cwt")
	d.take(1, "unprotected header: empty map")
	d.head("payload of the token, bytes")
	d.take(1, "  map of 6")
	d.pair("  1 (iss): ЄДРПОУ of the body, «%s»")
	d.pair("  2 (sub): number of the service ID, «%s»")
	d.pair("  4 (exp): 2026-03-22T06:00:00Z")
	d.pair("  6 (iat): 2026-02-20T06:00:00Z")
	d.take(2, "  8 (cnf): map of 1")
	d.take(2, "    1 (COSE_Key): map of 4")
	d.pair("      1 (kty): 2, EC2")
	d.pair("      -1 (crv): 1, P-256")
	d.pair("      -2 (x)")
	d.pair("      -3 (y): sign bit of y")
	d.take(2, "  169: the person")
	n := d.head("    map") // the number of pairs stands in the head itself
	for range n {
		switch key := d.data[d.at]; key {
		case 0x04:
			d.pair("    4 (full name): «%s»")
		case 0x20:
			d.pair("    -1 (position): number 317 of the body's code table")
		case 0x21:
			d.pair("    -2 (unit): number 1204 of the body's code table")
		case 0x22:
			d.pair("    -3 (rank): 5")
		case 0x24:
			d.pair("    -5 (photo hash): first 20 bytes of SHA-256")
		case 0x25:
			d.pair("    -6 (status): list<<20 | index")
		default:
			d.t.Fatalf("dump: key %#02x of claim 169 has no comment", key)
		}
	}
	d.take(2, "signature of the issuer, 64 bytes")
	d.take(64, "  r, then s ≤ n/2")
}

func (d *dumper) presentation() {
	d.take(2, "tag 18, array of 4: COSE_Sign1, the presentation")
	d.head("protected header of the presentation, bytes")
	d.take(1, "  map of 3")
	d.pair("  1 (alg): -9, ESP256")
	d.take(1, "  13 (kcwt): the token follows as a CBOR item")
	d.token()
	d.pair("  16 (typ): 294, application/kb+cwt")
	d.take(1, "unprotected header: empty map")
	d.head("payload of the presentation, bytes")
	d.take(1, "  map of 3")
	d.pair("  3 (aud): «%s»")
	d.pair("  6 (iat): 2026-03-01T09:00:00Z")
	d.pair("  39 (cnonce): beacon, 8 bytes")
	d.take(2, "signature of the holder, 64 bytes")
	d.take(64, "  r, then s ≤ n/2")
	if d.at != len(d.data) {
		d.t.Fatalf("dump: %d of %d bytes shown", d.at, len(d.data))
	}
}

// replaceBlock puts content between the two lines that mark a generated part of a page.
func replaceBlock(page, name, content string) (string, error) {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->\n"
	i := strings.Index(page, begin)
	j := strings.Index(page, end)
	if i < 0 || j < i {
		return "", fmt.Errorf("no part %q", name)
	}
	return page[:i+len(begin)] + content + page[j:], nil
}

// specPage compares the generated parts of a page of docs/spec with what they ought to be.
func specPage(t *testing.T, name string, parts map[string]string) {
	t.Helper()
	path := filepath.Join("..", "docs", "spec", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for part, content := range parts {
		if want, err = replaceBlock(want, part, content); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if want == string(data) {
		return
	}
	if !*update {
		t.Fatalf("%s: a generated part differs from the code; run go test ./credential -run Spec -update and look at the difference", name)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fenced(s string) string { return "```\n" + s + "```\n" }

// wrap breaks a QR text into lines of n characters.
func wrap(s string, n int) string {
	var b strings.Builder
	for len(s) > 0 {
		k := min(n, len(s))
		b.WriteString(s[:k] + "\n")
		s = s[k:]
	}
	return b.String()
}

// The dumps, texts and sizes in the specification are what the code writes, byte for byte.
func TestSpecPages(t *testing.T) {
	people := testvectors.Persons()
	p := people[0]
	token, presentation := map[Face][]byte{}, map[Face][]byte{}
	for _, face := range []Face{FaceCheck, FaceFull} {
		token[face] = mustToken(t, personClaims(t, p, face, false))
		presentation[face] = mustPresent(t, token[face], p)
	}
	dumpToken := func(data []byte) string {
		d := &dumper{t: t, data: data}
		d.token()
		if d.at != len(data) {
			t.Fatalf("dump: %d of %d bytes shown", d.at, len(data))
		}
		return d.out.String()
	}
	full := &dumper{t: t, data: presentation[FaceFull]}
	full.presentation()

	var sizes strings.Builder
	sizes.WriteString("| code with beacon | person | token, bytes | presentation, bytes | characters | bar |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, row := range sizeRows {
		who := people[row.who]
		tok := mustToken(t, personClaims(t, who, row.face, row.texts))
		pres := mustPresent(t, tok, who)
		fmt.Fprintf(&sizes, "| %s | %s | %d | %d | %d | %d |\n", row.what, who.ID, len(tok), len(pres), len(EncodeText(Prefix, pres)), row.bar)
	}

	specPage(t, "credential.md", map[string]string{
		"token-check": fenced(dumpToken(token[FaceCheck])),
		"token-full":  fenced(dumpToken(token[FaceFull])),
		"sizes":       sizes.String(),
	})

	challenge, err := SignChallenge(vectorChallenge(p.ShownAt), verifierKey(t))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := Present(token[FaceCheck], holderKey(t), VerifierAudience(17), p.ShownAt, vectorNonce[:])
	if err != nil {
		t.Fatal(err)
	}
	specPage(t, "presentation.md", map[string]string{
		"presentation-full": fenced(full.out.String()),
		"text-check":        fenced(wrap(EncodeText(Prefix, presentation[FaceCheck]), 76)),
		"text-challenge":    fenced(wrap(EncodeText(ChallengePrefix, challenge), 76)),
		"text-answer":       fenced(wrap(EncodeText(Prefix, answer), 76)),
		"beacons":           fenced(beaconLines()),
	})

	possession, err := SignPossession(p.EDRPOU, vectorCode, p.IssuedAt, holderKey(t))
	if err != nil {
		t.Fatal(err)
	}
	specPage(t, "enrolment.md", map[string]string{
		"possession": fenced(hexLines(possession)),
		"code-hash":  fenced(fmt.Sprintf("%s -> %s -> %x\n", vectorCode, strings.ReplaceAll(vectorCode, "-", ""), CodeHash(vectorCode))),
	})
}

// vectorCode is the enrolment code of the specification's examples.
const vectorCode = "7K3M-0QZW-8A5T-XN2D"

// vectorNonce is the nonce of the specification's challenge.
var vectorNonce = [16]byte{0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf}

func vectorChallenge(at time.Time) Challenge {
	return Challenge{VerifierID: 17, Nonce: vectorNonce, Expires: at.Add(time.Minute)}
}

func beaconLines() string {
	var b strings.Builder
	chain := NewBeaconChain([32]byte{1, 2, 3}, 4)
	for n := int(chain.Last()); n >= 0; n-- {
		v, _ := chain.At(uint64(n))
		fmt.Fprintf(&b, "b(%d) = %x\n", n, v)
	}
	return b.String()
}

func hexLines(data []byte) string {
	var b strings.Builder
	for len(data) > 0 {
		n := min(len(data), 32)
		fmt.Fprintf(&b, "%x\n", data[:n])
		data = data[n:]
	}
	return b.String()
}

package trust

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
)

func deflate(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// listOf encodes {"bits", "lst"} with any content, in the order of the draft's examples.
func listOf(bits uint64, lst []byte) []byte {
	out := cose.AppendUint(cose.AppendText(cose.AppendMap(nil, 2), "bits"), bits)
	return cose.AppendBytes(cose.AppendText(out, "lst"), lst)
}

// LIST-09: entries are written with two bits, least significant bits first; this is the draft's own example of them.
func TestStatusListGolden(t *testing.T) {
	b, err := NewStatusListBuilder(12)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []StatusValue{1, 2, 0, 2, 0, 1, 0, 1, 1, 2, 2, 2} {
		if err := b.Set(uint32(i), v); err != nil {
			t.Fatal(err)
		}
	}
	// b2b1 b8b7 …: entry 0 in the lowest two bits of byte 0.
	if want := []byte{0x89, 0x44, 0xa9}; !bytes.Equal(b.data, want) {
		t.Errorf("bytes %x, want %x", b.data, want)
	}
	if err := b.Set(3, StatusValid); err != nil || b.data[0] != 0x09 {
		t.Errorf("entry set back: %x, %v", b.data[0], err)
	}
	list, err := ParseStatusList(EncodeStatusList(b))
	if err != nil || list.Bits() != 2 || list.Len() != 12 {
		t.Fatalf("%+v, %v", list, err)
	}
	wantError(t, "value 3", b.Set(0, 3), ErrArgument)
	wantError(t, "index 12", b.Set(12, 0), ErrIndexRange)
	for n, want := range map[int]int{1: 4, 4: 4, 5: 8, 1023: 1024, MaxStatusEntries: MaxStatusEntries} {
		if b, err := NewStatusListBuilder(n); err != nil || b.Len() != want {
			t.Errorf("%d entries: %v", n, err)
		}
	}
	for _, n := range []int{0, -1, MaxStatusEntries + 1} {
		_, err := NewStatusListBuilder(n)
		wantError(t, "builder", err, ErrArgument)
	}
}

// LIST-01, LIST-02, LIST-03: shape, caps and the end of the compressed stream.
func TestStatusListRefused(t *testing.T) {
	ok := deflate(t, []byte{0xb9, 0xa3})
	if _, err := ParseStatusList(listOf(1, ok)); err != nil {
		t.Fatal(err)
	}
	zeros := func(n int) []byte { return deflate(t, make([]byte, n)) }
	withDictionary := append([]byte{0x78, 0xbb, 0, 0, 0, 1}, ok[2:]...)
	badSum := bytes.Clone(ok)
	badSum[len(badSum)-1] ^= 1
	for name, tc := range map[string]struct {
		data []byte
		want error
	}{
		"bits 0":              {listOf(0, ok), ErrList},
		"bits 3":              {listOf(3, ok), ErrList},
		"bits 16":             {listOf(16, ok), ErrList},
		"bits 257":            {listOf(257, ok), ErrList},
		"no lst":              {cose.AppendUint(cose.AppendText(cose.AppendMap(nil, 1), "bits"), 1), ErrList},
		"no bits":             {cose.AppendBytes(cose.AppendText(cose.AppendMap(nil, 1), "lst"), ok), ErrList},
		"bits twice":          {append(append([]byte{0xa3}, listOf(1, ok)[1:]...), append(cose.AppendText(nil, "bits"), 1)...), ErrList},
		"lst twice":           {append(append([]byte{0xa3}, listOf(1, ok)[1:]...), cose.AppendBytes(cose.AppendText(nil, "lst"), ok)...), ErrList},
		"bytes behind":        {append(listOf(1, ok), 0), ErrList},
		"an array":            {[]byte{0x80}, ErrList},
		"number as key":       {[]byte{0xa1, 1, 1}, ErrList},
		"lst is text":         {append(cose.AppendUint(cose.AppendText(cose.AppendMap(nil, 2), "bits"), 1), cose.AppendText(cose.AppendText(nil, "lst"), "x")...), ErrList},
		"not zlib":            {listOf(1, []byte{0xb9, 0xa3}), ErrList},
		"raw deflate":         {listOf(1, ok[2:len(ok)-4]), ErrList},
		"gzip":                {listOf(1, []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}), ErrList},
		"preset dictionary":   {listOf(1, withDictionary), ErrList},
		"empty lst":           {listOf(1, nil), ErrList},
		"no entries":          {listOf(1, deflate(t, nil)), ErrList},
		"cut short":           {listOf(1, ok[:len(ok)-1]), ErrList},
		"cut to the header":   {listOf(1, ok[:2]), ErrList},
		"wrong Adler-32":      {listOf(1, badSum), ErrList},
		"bytes behind zlib":   {listOf(1, append(bytes.Clone(ok), 0)), ErrList},
		"two zlib streams":    {listOf(1, append(bytes.Clone(ok), ok...)), ErrList},
		"2^20 + 8 of 1 bit":   {listOf(1, zeros(1<<17+1)), ErrTooLarge},
		"2^20 + 4 of 2 bits":  {listOf(2, zeros(1<<18+1)), ErrTooLarge},
		"2^20 + 2 of 4 bits":  {listOf(4, zeros(1<<19+1)), ErrTooLarge},
		"2^20 + 1 of 8 bits":  {listOf(8, zeros(1<<20+1)), ErrTooLarge},
		"a bomb":              {listOf(1, bomb(t)), ErrTooLarge},
		"cap reached, broken": {listOf(1, zeros(1 << 17)[:100]), ErrList},
	} {
		list, err := ParseStatusList(tc.data)
		wantError(t, name, err, tc.want)
		if list != nil {
			t.Errorf("%s: a list beside the error", name)
		}
	}
	for bits, size := range map[uint64]int{1: 1 << 17, 2: 1 << 18, 4: 1 << 19, 8: 1 << 20} {
		list, err := ParseStatusList(listOf(bits, zeros(size)))
		if err != nil || list.Len() != MaxStatusEntries {
			t.Errorf("2^20 entries of %d bits: %v", bits, err)
		}
	}
}

// bomb is a zlib stream of 16 MiB of zeros, made once: sixteen times what any list may have.
func bomb(tb testing.TB) []byte {
	tb.Helper()
	return bytes.Clone(makeBomb())
}

var makeBomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	chunk := make([]byte, 1<<20)
	for range 16 {
		_, _ = z.Write(chunk) // a bytes.Buffer takes everything
	}
	_ = z.Close()
	return b.Bytes()
})

// LIST-02: a bomb costs the cap at most, not what it would inflate to.
func TestBombCostsTheCapOnly(t *testing.T) {
	data := listOf(2, bomb(t))
	const runs = 8
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if _, err := ParseStatusList(data); err == nil {
			t.Fatal("a bomb is accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 2<<20 {
		t.Errorf("%d bytes allocated for a bomb", each)
	}
}

// LIST-04, LIST-13: a signed list has its typ, name and times; LIST-05, LIST-06: it counts for the body in its name only,
// and while the key's right holds at its iat.
func TestStatusTokenRules(t *testing.T) {
	r := operator(t)
	k := issuerKey(t, "one")
	iss := edrpou(1)
	base := sectionsOf(t, r, day(1))
	b, err := NewStatusListBuilder(64)
	if err != nil {
		t.Fatal(err)
	}
	lst := EncodeStatusList(b)
	type claims struct {
		uri      string
		exp, iat uint64
		list     []byte
		ttl      int
	}
	iat := uint64(day0.Unix())
	good := claims{StatusURI(iss, 0), iat + 8*86400, iat, lst, -1}
	encode := func(c claims) []byte {
		n := 4
		if c.ttl >= 0 {
			n = 5
		}
		p := cose.AppendText(cose.AppendUint(cose.AppendMap(nil, n), claimSubject), c.uri)
		p = cose.AppendUint(cose.AppendUint(p, claimExpiry), c.exp)
		p = cose.AppendUint(cose.AppendUint(p, claimIssuedAt), c.iat)
		p = append(cose.AppendUint(p, claimStatusList), c.list...)
		if c.ttl >= 0 {
			p = cose.AppendUint(cose.AppendUint(p, claimTTL), uint64(c.ttl))
		}
		return p
	}
	look := func(data []byte) error {
		sections := maps.Clone(base)
		sections[statusSection(ListID{iss, 0})] = data
		bundle := mustOpen(t, r, assembled(t, r, 1, day(1), sections))
		_, _, err := bundle.Status(iss, 0, 1)
		if all := bundle.CheckAll(); (all == nil) != (err == nil) && !ended(err) {
			t.Errorf("CheckAll says %v, the look-up %v", all, err)
		}
		return err
	}
	signed := func(c claims) []byte {
		data, err := signAs(k, cose.TypeStatusList, encode(c))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if err := look(signed(good)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		spoil func(*claims)
		want  error
	}{
		"exp a second early": {func(c *claims) { c.exp-- }, ErrList},
		"exp a second late":  {func(c *claims) { c.exp++ }, ErrList},
		"no iat":             {func(c *claims) { c.iat = 0 }, ErrList},
		"iat beyond 9999":    {func(c *claims) { c.iat, c.exp = maxSeconds+1, maxSeconds+1+8*86400 }, ErrList},
		"another list":       {func(c *claims) { c.uri = StatusURI(iss, 1) }, ErrList},
		"another body":       {func(c *claims) { c.uri = StatusURI(edrpou(2), 0) }, ErrList},
		"a web address":      {func(c *claims) { c.uri = "https://example.com/statuslists/1" }, ErrList},
		"list 4096":          {func(c *claims) { c.uri = "urn:posvid:10000001:4096" }, ErrList},
		"list 00":            {func(c *claims) { c.uri = "urn:posvid:10000001:00" }, ErrList},
		"list -0":            {func(c *claims) { c.uri = "urn:posvid:10000001:-0" }, ErrList},
		"nine digits":        {func(c *claims) { c.uri = "urn:posvid:100000010:0" }, ErrList},
		"upper case":         {func(c *claims) { c.uri = "URN:posvid:10000001:0" }, ErrList},
		"empty name":         {func(c *claims) { c.uri = "" }, ErrList},
		"ttl 0":              {func(c *claims) { c.ttl = 0 }, ErrList},
		"ttl of nine days":   {func(c *claims) { c.ttl = 9 * 86400 }, ErrList},
		"list is a number":   {func(c *claims) { c.list = []byte{1} }, ErrList},
		"lst not inflating": {func(c *claims) {
			c.list = append([]byte{0xa2}, append(cose.AppendBytes(cose.AppendText(nil, "lst"), []byte{1}), append(cose.AppendText(nil, "bits"), 2)...)...)
		}, ErrList},
		"before valid-from":    {func(c *claims) { c.iat--; c.exp-- }, ErrKeyNotYet},
		"newer than bundle":    {func(c *claims) { c.iat = uint64(day(1).Unix()) + 121; c.exp = c.iat + 8*86400 }, ErrList},
		"iat as bytes' length": {func(c *claims) { c.uri = strings.Repeat("u", 300) }, ErrList},
	} {
		c := good
		tc.spoil(&c)
		wantError(t, name, look(signed(c)), tc.want)
	}
	atTolerance := good
	atTolerance.iat = uint64(day(1).Unix()) + 120
	atTolerance.exp = atTolerance.iat + 8*86400
	if err := look(signed(atTolerance)); err != nil {
		t.Errorf("120 s ahead of the bundle: %v", err)
	}
	// Signed by another key, by the same key as another object, by nobody.
	foreign, err := signAs(issuerKey(t, "two"), cose.TypeStatusList, encode(good))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "key of another body", look(foreign), ErrListKey)
	unknown, err := signAs(issuerKey(t, "nobody"), cose.TypeStatusList, encode(good))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "key of nobody", look(unknown), ErrListKey)
	asTable, err := signAs(k, cose.TypeCodes, encode(good))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "typ of a code table", look(asTable), ErrList)
	asToken, err := signAs(k, cose.TypeToken, encode(good))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "typ of a token", look(asToken), ErrList)
	borrowed, err := cose.EncodeSign1(issuerKey(t, "two"), cose.Header{KeyID: k.Public().KeyID(4), Type: cose.TypeStatusList}, encode(good))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "borrowed key id", look(borrowed), ErrListKey)
	noKid, err := cose.EncodeSign1(k, cose.Header{Type: cose.TypeStatusList}, encode(good))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "no key id", look(noKid), ErrList)
	flipped := signed(good)
	flipped[len(flipped)-1] ^= 1
	wantError(t, "signature changed", look(flipped), ErrListKey)
	wantError(t, "cut short", look(signed(good)[:100]), ErrList)
	wantError(t, "empty", look(nil), ErrList)
	// Ended keys.
	if err := r.End(k.IssuerPublic().KeyID(), Ending{RetiredAt: day(2)}); err != nil {
		t.Fatal(err)
	}
	base = sectionsOf(t, r, day(3))
	at3 := func(c claims) error {
		sections := maps.Clone(base)
		sections[statusSection(ListID{iss, 0})] = signed(c)
		_, _, err := mustOpen(t, r, assembled(t, r, 1, day(3), sections)).Status(iss, 0, 1)
		return err
	}
	late := good
	late.iat = uint64(day(2).Unix())
	late.exp = late.iat + 8*86400
	if err := at3(late); err != nil {
		t.Errorf("at its retirement: %v", err)
	}
	late.iat++
	late.exp++
	wantError(t, "after its retirement", at3(late), ErrKeyEnded)
	if err := r.End(k.IssuerPublic().KeyID(), Ending{Compromised: true}); err != nil {
		t.Fatal(err)
	}
	base = sectionsOf(t, r, day(3))
	wantError(t, "compromised", at3(good), ErrKeyEnded)
	wantError(t, "compromised", at3(good), ErrListKey)
}

// LIST-07, LIST-08: an index out of range and an unknown list are errors of their own; value 3 is handed up as it is.
func TestStatusLookups(t *testing.T) {
	r := operator(t)
	iss := edrpou(1)
	k := issuerKey(t, "one")
	b, err := NewStatusListBuilder(8)
	if err != nil {
		t.Fatal(err)
	}
	b.data[0] = 0b11_10_01_00 // 0, 1, 2, 3; the builder itself refuses 3
	list, err := SignStatusList(iss, 7, day0, b, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Carry(publication(t, Publication{EDRPOU: iss, StatusLists: [][]byte{list}}), day0); err != nil {
		t.Fatal(err)
	}
	bundle := mustOpen(t, r, build(t, r, day(1)))
	for i, want := range []StatusValue{0, 1, 2, 3} {
		if v, _, err := bundle.Status(iss, 7, uint32(i)); err != nil || v != want {
			t.Errorf("entry %d: %v, %v", i, v, err)
		}
	}
	if v, _, err := bundle.Status(iss, 7, 7); err != nil || v != StatusValid {
		t.Errorf("last entry: %v, %v", v, err)
	}
	for _, i := range []uint32{8, 9, 1 << 20, 1<<32 - 1} {
		_, _, err := bundle.Status(iss, 7, i)
		wantError(t, "index", err, ErrIndexRange)
	}
	for _, id := range []ListID{{iss, 8}, {iss, 65535}, {edrpou(9), 7}, {"", 0}, {"100000010", 7}} {
		_, _, err := bundle.Status(id.Issuer, id.List, 0)
		wantError(t, "unknown list", err, ErrListUnknown)
	}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = bundle.Status(iss, 7, 3) }); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
	for v, want := range map[StatusValue]string{0: "valid", 1: "invalid", 2: "suspended", 3: "reserved", 15: "reserved"} {
		if v.String() != want {
			t.Errorf("%d is %q, want %q", v, v, want)
		}
	}
}

// LIST-10, LIST-11: a code table counts for the body that signed it, under its own typ.
func TestCodesToken(t *testing.T) {
	r := operator(t)
	k, iss := issuerKey(t, "one"), edrpou(1)
	base := sectionsOf(t, r, day(1))
	look := func(data []byte) error {
		sections := maps.Clone(base)
		sections[codesSection(iss)] = data
		_, _, err := mustOpen(t, r, assembled(t, r, 1, day(1), sections)).Code(iss, codes.Position, 1)
		return err
	}
	content := codeTable(t, "слідчий").Encode()
	object := func(iss string, at time.Time, content []byte, typ cose.Type, label string) []byte {
		data, err := signBodyObject(iss, at, content, typ, issuerKey(t, label))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if err := look(object(iss, day0, content, cose.TypeCodes, "one")); err != nil {
		t.Fatal(err)
	}
	wantError(t, "table of another body", look(object(edrpou(2), day0, content, cose.TypeCodes, "two")), ErrCodes)
	wantError(t, "key of another body", look(object(iss, day0, content, cose.TypeCodes, "two")), ErrCodesKey)
	wantError(t, "typ of carriers", look(object(iss, day0, content, typeCarriers, "one")), ErrCodes)
	wantError(t, "before valid-from", look(object(iss, day0.Add(-time.Second), content, cose.TypeCodes, "one")), ErrKeyNotYet)
	wantError(t, "newer than the bundle", look(object(iss, day(2), content, cose.TypeCodes, "one")), ErrCodes)
	wantError(t, "not a table", look(object(iss, day0, []byte{0x80}, cose.TypeCodes, "one")), ErrCodes)
	wantError(t, "bytes behind the table", look(object(iss, day0, append(bytes.Clone(content), 0), cose.TypeCodes, "one")), ErrCodes)
	for name, payload := range map[string][]byte{
		"no claims": cose.AppendMap(nil, 0),
		"no iss":    cose.AppendBytes(cose.AppendInt(cose.AppendUint(cose.AppendUint(cose.AppendMap(nil, 2), 6), uint64(day0.Unix())), -1), content),
		"iat 0":     cose.AppendBytes(cose.AppendInt(cose.AppendUint(cose.AppendUint(cose.AppendText(cose.AppendUint(cose.AppendMap(nil, 3), 1), iss), 6), 0), -1), content),
		"an array":  cose.AppendArray(nil, 0),
	} {
		data, err := signAs(k, cose.TypeCodes, payload)
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, name, look(data), ErrCodes)
	}
	_, err := SignCodes("1", day0, codes.NewTable(), k)
	wantError(t, "sign for nobody", err, ErrArgument)
	_, err = SignCodes(iss, day0, nil, k)
	wantError(t, "sign nothing", err, ErrArgument)
	// A bundle without the table of a body: no answer, and no error either.
	sections := maps.Clone(base)
	delete(sections, codesSection(iss))
	if _, ok, err := mustOpen(t, r, assembled(t, r, 1, day(1), sections)).Code(iss, codes.Position, 1); ok || err != nil {
		t.Errorf("no table: %v %v", ok, err)
	}
}

// vectors is the folder of the draft's own examples.
func vectors(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("POSVID_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	} else if !filepath.IsAbs(dir) {
		dir = filepath.Join("..", dir)
	}
	dir = filepath.Join(dir, "token-status-list", "examples")
	if _, err := os.Stat(dir); err != nil {
		tb.Skip("POSVID_VECTORS has no token-status-list/examples")
	}
	return dir
}

// TestDraftVectors decodes the examples of the Token Status List draft, in CBOR and in JSON, and checks every entry that
// the draft says is set. LIST-01: all four widths are read.
func TestDraftVectors(t *testing.T) {
	dir := vectors(t)
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	fromCBOR := func(name string) *StatusList {
		text := read(name)
		if _, after, ok := strings.Cut(text, "encoded:"); ok {
			text = after
		}
		data, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list, err := ParseStatusList(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return list
	}
	fromJSON := func(name string) *StatusList {
		var v struct {
			Bits uint8
			Lst  string
		}
		text := read(name)
		text = strings.Join(strings.Fields(text[strings.IndexByte(text, '{'):]), "")
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lst, err := base64.RawURLEncoding.DecodeString(v.Lst)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list, err := inflateStatusList(v.Bits, lst)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return list
	}
	for _, tc := range []struct {
		cbor, json string
		bits, n    int
		set        map[uint32]StatusValue // every entry that is not 0
	}{
		{"status_list_encoding_cbor.md", "status_list_encoding_json.md", 1, 16, map[uint32]StatusValue{0: 1, 3: 1, 4: 1, 5: 1, 7: 1, 8: 1, 9: 1, 13: 1, 15: 1}},
		{"status_list_encoding2_cbor.md", "status_list_encoding2_json.md", 2, 12, map[uint32]StatusValue{0: 1, 1: 2, 3: 3, 5: 1, 7: 1, 8: 1, 9: 2, 10: 3, 11: 3}},
		{"status_list_encoding1_long_cbor.md", "status_list_encoding1_long_json.md", 1, 1 << 20, map[uint32]StatusValue{
			0: 1, 1993: 1, 25460: 1, 159495: 1, 495669: 1, 554353: 1, 645645: 1, 723232: 1, 854545: 1, 934534: 1, 1000345: 1}},
		{"status_list_encoding2_long_cbor.md", "status_list_encoding2_long_json.md", 2, 1 << 20, map[uint32]StatusValue{
			0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2, 1000345: 3}},
		{"status_list_encoding4_cbor.md", "status_list_encoding4_json.md", 4, 1 << 20, map[uint32]StatusValue{
			0: 1, 1993: 2, 35460: 3, 459495: 4, 595669: 5, 754353: 6, 845645: 7, 923232: 8, 924445: 9, 934534: 10, 1004534: 11, 1000345: 12, 1030203: 13, 1030204: 14, 1030205: 15}},
		{"status_list_encoding8_cbor.md", "status_list_encoding8_json.md", 8, 1 << 20, nil},
	} {
		a, b := fromCBOR(tc.cbor), fromJSON(tc.json)
		if !bytes.Equal(a.data, b.data) || a.bits != b.bits {
			t.Errorf("%s and %s differ", tc.cbor, tc.json)
		}
		if a.Bits() != tc.bits || a.Len() != tc.n {
			t.Errorf("%s: %d entries of %d bits", tc.cbor, a.Len(), a.Bits())
		}
		seen := map[StatusValue]int{}
		for i := range uint32(a.Len()) {
			v, err := a.Get(i)
			if err != nil {
				t.Fatal(err)
			}
			if tc.set != nil && v != tc.set[i] {
				t.Errorf("%s: entry %d is %d, want %d", tc.cbor, i, v, tc.set[i])
			}
			seen[v]++
		}
		_, err := a.Get(uint32(a.Len()))
		wantError(t, tc.cbor, err, ErrIndexRange)
		if tc.set == nil { // each of the 255 values stands at one index
			for v := StatusValue(1); v != 0; v++ {
				if seen[v] != 1 {
					t.Errorf("%s: value %d stands %d times", tc.cbor, v, seen[v])
				}
			}
			for i, want := range map[uint32]StatusValue{233478: 0, 52451: 1, 576778: 2, 513575: 3, 468106: 4, 292632: 5} {
				if v, _ := a.Get(i); v != want {
					t.Errorf("%s: entry %d is %d, want %d", tc.cbor, i, v, want)
				}
			}
		}
	}
}

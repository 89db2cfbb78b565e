package office_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/emersion/go-vcard"

	"github.com/posvid/posvid/office"
)

const origin = "https://id.example.gov.ua"

// hostile is what people put into fields.
var hostile = []string{"\"><script>alert(1)</script>", "=cmd|'/C calc'!A0", "a;b,c\\d", "рядок\r\nEND:VCARD\r\nBEGIN:VCARD\r\nTEL:0", "\u202eтаскел", "', '--", "+380", "@sum(1)", "\x00\x01\ufffe", "дуже" + strings.Repeat(" довго", 200)}

func entryOf(t testing.TB, d *office.Directory, post int64) office.Entry {
	t.Helper()
	e, err := d.Entry(context.Background(), office.Seat{Body: ministry.EDRPOU, Post: post})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func cards(t testing.TB, data []byte) []vcard.Card {
	t.Helper()
	var out []vcard.Card
	for dec := vcard.NewDecoder(bytes.NewReader(data)); ; {
		c, err := dec.Decode()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("%v in %q", err, data)
		}
		out = append(out, c)
	}
}

// TestVCard: what a card says, in both versions, read back by a decoder.
func TestVCard(t *testing.T) {
	d := directory(t, open(t))
	fill(t, d, people(), began)
	e := entryOf(t, d, 2)
	for _, version := range []string{office.VCard3, office.VCard4, ""} {
		var out bytes.Buffer
		if err := office.WriteVCards(&out, office.VCard(e, ministry, origin, version)); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\r\n"), "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
				t.Errorf("line of %d bytes: %q", len(line), line)
			}
		}
		got := cards(t, out.Bytes())
		if len(got) != 1 {
			t.Fatalf("%d cards", len(got))
		}
		c := got[0]
		want := version
		if want == "" {
			want = "3.0"
		}
		for field, value := range map[string]string{"VERSION": want, "UID": "urn:uuid:" + e.UID, "FN": "Ґудзь Мар'яна Іванівна", "N": "Ґудзь;Мар'яна;Іванівна;;", "ORG": ministry.Name + ";Відділ зразків",
			"TITLE": "начальник відділу", "ROLE": "категорія В", "EMAIL": e.Email, "TEL": e.Phone, "URL": origin + "/office/people/" + e.UID, "CATEGORIES": "посвідчення чинне", "REV": "20261120T090000Z"} {
			if got := c.Value(field); got != value {
				t.Errorf("%s %s: %q, want %q", want, field, got, value)
			}
		}
		if note := c.Value("NOTE"); !strings.Contains(note, "Посвідчення чинне на 20.11.2026 11:00 за Києвом") || !strings.Contains(note, origin+"/office/people/"+e.UID) {
			t.Errorf("note: %q", note)
		}
		if c.Get("TEL").Params.HasType("work") == false || c.Get("EMAIL").Params.HasType("work") == false {
			t.Error("contacts are not said to be of work")
		}
		if (version == office.VCard4) != (c.Value("KIND") == "individual") {
			t.Errorf("%s: kind %q", version, c.Value("KIND"))
		}
	}
	// A suspended ID and none are told as plainly, and the card has a new revision.
	for status, want := range map[office.Status]string{office.StatusSuspended: "посвідчення зупинено", office.StatusNone: "немає чинного посвідчення"} {
		e.Status = status
		if got := office.VCard(e, ministry, origin, office.VCard4).Value("CATEGORIES"); got != want {
			t.Errorf("%v: %q", status, got)
		}
	}
	body := ministry
	body.Changed, body.Email = began, "mail@model.gov.ua"
	for version, kind := range map[string]string{office.VCard3: "", office.VCard4: "org"} {
		c := body.VCard(origin+"/", version)
		if c.Value("KIND") != kind || c.Value("ORG") != body.Name || c.Value("TEL") == "" || c.Value("EMAIL") != body.Email || c.Value("URL") != origin+"/office/directory/99000011" {
			t.Errorf("%s: %v", version, c)
		}
	}
}

// FuzzVCard: whatever stands in a field, a card is one card with the fields that it was given, and no other.
func FuzzVCard(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, s, s, true)
	}
	f.Fuzz(func(t *testing.T, a, b, c string, four bool) {
		version := office.VCard3
		if four {
			version = office.VCard4
		}
		e := office.Entry{UID: office.Seat{Body: "99000011", Post: 1}.UID(), Surname: a, Given: b, Position: c, Unit: a, Phone: b, Email: c, Category: a}
		var out bytes.Buffer
		if err := office.WriteVCards(&out, office.VCard(e, office.BodyEntry{EDRPOU: "99000011", Name: c}, origin, version)); err != nil {
			t.Fatal(err)
		}
		if strings.Count("\r\n"+out.String(), "\r\nBEGIN:VCARD\r\n") != 1 || strings.Count(out.String(), "\r\nEND:VCARD\r\n") != 1 {
			t.Fatalf("not one card: %q", out.String())
		}
		got := cards(t, out.Bytes())
		if len(got) != 1 || got[0].Value("UID") != "urn:uuid:"+e.UID || len(got[0].Names()) != 1 {
			t.Fatalf("%v", got)
		}
		if n := got[0].Value("N"); strings.Count(n, ";") != 4 {
			t.Errorf("N has other parts: %q", n)
		}
		if n := strings.Count(got[0].Value("ORG"), ";"); n > 1 {
			t.Errorf("ORG has other parts: %q", got[0].Value("ORG"))
		}
		for field := range got[0] {
			if !slices.Contains([]string{"VERSION", "UID", "PRODID", "KIND", "FN", "N", "ORG", "TITLE", "ROLE", "EMAIL", "TEL", "URL", "CATEGORIES", "NOTE", "REV"}, field) {
				t.Errorf("field %q", field)
			}
		}
	})
}

// hostileDirectory has one person for each hostile text, in every field.
func hostileDirectory(t testing.TB) *office.Directory {
	d := directory(t, open(t))
	var list []office.PostEntry
	for i, s := range hostile {
		list = append(list, office.PostEntry{Post: int64(i + 1), Surname: s, Given: s, Patronymic: s, SurnameLatin: s, GivenLatin: s, Position: s, PositionEN: s, Unit: s, UnitEN: s, Category: s, Phone: s, Email: s})
	}
	fill(t, d, list, began)
	return d
}

// TestExportsHoldBackFormulas: tables for spreadsheets hold no formula, and JSON says what the directory says.
func TestExportsHoldBackFormulas(t *testing.T) {
	d := hostileDirectory(t)
	all, err := d.Everyone(context.Background(), "", "", "")
	if err != nil || len(all) != len(hostile) {
		t.Fatalf("%d %v", len(all), err)
	}
	bodies := map[string]office.BodyEntry{ministry.EDRPOU: ministry}
	var table, object bytes.Buffer
	if err := office.WriteCSV(&table, all, bodies, make([]office.Status, len(all)), origin, began); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(table.String(), "\ufeff")
	if !ok {
		t.Error("no mark of UTF-8")
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != len(all)+1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(strings.TrimSpace(cell), "=") || strings.HasPrefix(cell, "+") || strings.HasPrefix(cell, "-") || strings.HasPrefix(cell, "@") || strings.ContainsAny(cell, "\t\r\n") {
				t.Errorf("cell %q", cell)
			}
		}
	}
	if err := office.WriteJSON(&object, all, bodies, make([]office.Status, len(all)), origin, began); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Format string
		People []map[string]string
		Bodies []map[string]string
	}
	if err := json.Unmarshal(object.Bytes(), &got); err != nil || got.Format != office.ExportFormat || len(got.People) != len(all) || len(got.Bodies) != 1 {
		t.Fatalf("%v: %s", err, object.Bytes())
	}
	if strings.Contains(object.String(), "<script") {
		t.Error("markup stands in the JSON as it is")
	}
}

// TestChart: every unit has its box, boxes lie in the drawing and beside each other, texts are escaped.
func TestChart(t *testing.T) {
	ctx := context.Background()
	d := hostileDirectory(t)
	units, err := d.Units(ctx, ministry.EDRPOU)
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"uk", "en"} {
		c := office.NewChart(ministry, units, lang)
		if len(c.Boxes) != len(units)+1-countEmpty(units) || c.Left != 0 {
			t.Errorf("%d boxes of %d units, %d left", len(c.Boxes), len(units), c.Left)
		}
		for i, b := range c.Boxes {
			if b.X < 0 || b.Y < 0 || b.X+b.W > c.Width || b.Y+b.H > c.Height {
				t.Errorf("box %d lies outside: %+v of %d × %d", i, b, c.Width, c.Height)
			}
			for _, o := range c.Boxes[:i] {
				if b.X < o.X+o.W && o.X < b.X+b.W && b.Y < o.Y+o.H && o.Y < b.Y+b.H {
					t.Errorf("boxes over each other: %+v %+v", b, o)
				}
			}
		}
		var out bytes.Buffer
		if err := c.WriteSVG(&out); err != nil {
			t.Fatal(err)
		}
		dec := xml.NewDecoder(&out)
		for {
			token, err := dec.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok {
				if !slices.Contains([]string{"svg", "title", "rect", "path", "g", "text"}, e.Name.Local) {
					t.Errorf("element %s", e.Name.Local)
				}
				for _, a := range e.Attr {
					if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
						t.Errorf("attribute %s", a.Name.Local)
					}
				}
			}
		}
	}
	// More units than a drawing takes are counted.
	var many []office.Unit
	for i := range office.MaxBoxes + 7 {
		many = append(many, office.Unit{Name: "Відділ " + strings.Repeat("і", i%5+1) + string(rune('а'+i%30)) + strings.Repeat("я", i/30)})
	}
	if c := office.NewChart(ministry, many, "uk"); c.Left != 7 || len(c.Boxes) != office.MaxBoxes+1 {
		t.Errorf("%d left, %d boxes", c.Left, len(c.Boxes))
	}
}

func countEmpty(units []office.Unit) int {
	n := 0
	for _, u := range units {
		if u.Name == "" {
			n++
		}
	}
	return n
}

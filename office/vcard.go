package office

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-vcard"
)

// Versions of a vCard.
const (
	VCard3 = "3.0" // RFC 2426; what phones and older programs read
	VCard4 = "4.0" // RFC 6350
)

// PersonPath is the path of an entry's page.
func PersonPath(uid string) string { return "/office/people/" + uid }

// BodyPath is the path of a body's page in the directory.
func BodyPath(edrpou string) string { return "/office/directory/" + edrpou }

// vcardText makes a value that no reader can take for more than one: a semicolon parts components, and not every program writes
// or reads it escaped.
func vcardText(s string) string { return strings.ReplaceAll(clean(s, 1000), ";", ",") }

// VCard is an entry as a card of an address book, of the version "3.0" or "4.0"; an unknown one is 3.0. origin is that of the
// service, for the address of the entry's page, where the state of the service ID is shown live. The body gives its name.
func VCard(e Entry, b BodyEntry, origin, version string) vcard.Card {
	c := newCard(e.UID, version)
	add := func(field, value string, params ...string) {
		if value = vcardText(value); value != "" {
			f := &vcard.Field{Value: value}
			for i := 0; i+1 < len(params); i += 2 {
				if f.Params == nil {
					f.Params = vcard.Params{}
				}
				f.Params.Add(params[i], params[i+1])
			}
			c.Add(field, f)
		}
	}
	if version == VCard4 {
		c.SetKind(vcard.KindIndividual)
	}
	name := e.FullName()
	if name == "" {
		name = e.UID // FN is obligatory
	}
	add(vcard.FieldFormattedName, name)
	c.SetName(&vcard.Name{FamilyName: vcardText(e.Surname), GivenName: vcardText(e.Given), AdditionalName: vcardText(e.Patronymic)})
	org := vcardText(b.Name)
	if e.Unit != "" {
		org += ";" + vcardText(e.Unit)
	}
	c.SetValue(vcard.FieldOrganization, org)
	add(vcard.FieldTitle, e.Position)
	if e.Category != "" {
		add(vcard.FieldRole, "категорія "+e.Category)
	}
	add(vcard.FieldEmail, e.Email, vcard.ParamType, vcard.TypeWork)
	add(vcard.FieldTelephone, e.Phone, vcard.ParamType, vcard.TypeWork, vcard.ParamType, vcard.TypeVoice)
	page := strings.TrimSuffix(origin, "/") + PersonPath(e.UID)
	c.SetValue(vcard.FieldURL, page)
	c.SetValue(vcard.FieldCategories, vcardText(e.Status.Text("uk")))
	note := fmt.Sprintf("%s на %s за Києвом. Стан зараз: %s", capital(e.Status.Text("uk")), kyivText(e.Changed), page)
	c.SetValue(vcard.FieldNote, vcardText(note))
	c.SetRevision(e.Changed.UTC())
	return c
}

// VCard is the body as a card of an address book.
func (b BodyEntry) VCard(origin, version string) vcard.Card {
	c := newCard(b.UID(), version)
	name := vcardText(b.Name)
	if version == VCard4 {
		c.SetKind(vcard.KindOrganization)
	} else {
		c.SetValue("X-ABSHOWAS", "COMPANY")
	}
	c.SetValue(vcard.FieldFormattedName, name)
	c.SetName(&vcard.Name{})
	c.SetValue(vcard.FieldOrganization, name)
	if s := vcardText(b.Phone); s != "" {
		c.Add(vcard.FieldTelephone, &vcard.Field{Value: s, Params: vcard.Params{vcard.ParamType: {vcard.TypeWork, vcard.TypeVoice}}})
	}
	if s := vcardText(b.Email); s != "" {
		c.Add(vcard.FieldEmail, &vcard.Field{Value: s, Params: vcard.Params{vcard.ParamType: {vcard.TypeWork}}})
	}
	c.SetValue(vcard.FieldURL, strings.TrimSuffix(origin, "/")+BodyPath(b.EDRPOU))
	c.SetValue(vcard.FieldNote, "ЄДРПОУ "+b.EDRPOU)
	c.SetRevision(b.Changed.UTC())
	return c
}

func newCard(uid, version string) vcard.Card {
	if version != VCard4 {
		version = VCard3
	}
	c := vcard.Card{}
	c.SetValue(vcard.FieldVersion, version)
	c.SetValue(vcard.FieldUID, "urn:uuid:"+uid)
	c.SetValue("PRODID", "-//Posvid//Office//UK")
	return c
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r)) + s[n:]
}

// WriteVCards writes cards one after the other, with lines of at most 75 bytes (RFC 6350, Section 3.2).
func WriteVCards(w io.Writer, cards ...vcard.Card) error {
	var buf, out bytes.Buffer
	for _, c := range cards {
		buf.Reset()
		if err := vcard.NewEncoder(&buf).Encode(c); err != nil {
			return err
		}
		out.Reset()
		for line := range bytes.SplitSeq(buf.Bytes(), []byte("\r\n")) {
			foldLine(&out, line)
		}
		if _, err := w.Write(out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// foldLine writes a line; a longer one goes on after a line end and a space, never inside a letter.
func foldLine(out *bytes.Buffer, line []byte) {
	if len(line) == 0 {
		return
	}
	room := 75
	for len(line) > room {
		n := room
		for n > 0 && !utf8.RuneStart(line[n]) {
			n--
		}
		out.Write(line[:n])
		out.WriteString("\r\n ")
		line, room = line[n:], 74
	}
	out.Write(line)
	out.WriteString("\r\n")
}

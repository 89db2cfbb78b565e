package office

import (
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// MobileConfig is a profile for Apple's devices with an official's address books and calendars (Apple, Configuration Profile
// Reference: com.apple.carddav.account, com.apple.caldav.account). It holds no password: the device asks for the app password
// when the profile is installed. It is not signed; the device says so. A profile made anew replaces the one before it.
// Error: for an origin that is no address.
func MobileConfig(m Member, body, origin string) ([]byte, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("office: profile: origin: want https://host or https://host:port")
	}
	secure := u.Scheme == "https"
	port, err := strconv.Atoi(cmp.Or(u.Port(), map[bool]string{true: "443", false: "80"}[secure]))
	if err != nil {
		return nil, fmt.Errorf("office: profile: origin: want a port of digits")
	}
	user := cmp.Or(m.Email, m.Seat.String())
	parts := strings.Split(u.Hostname(), ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	name := strings.Join(parts, ".") + ".posvid.office." + m.Seat.String()
	principal := davPrincipals + m.Seat.String() + "/"
	account := func(kind, title string) plistDict {
		return plistDict{
			{"PayloadType", "com.apple." + strings.ToLower(kind) + ".account"},
			{"PayloadVersion", 1},
			{"PayloadIdentifier", name + "." + strings.ToLower(kind)},
			{"PayloadUUID", strings.ToUpper(uid("profile " + origin + " " + m.Seat.String() + " " + kind))},
			{"PayloadDisplayName", title},
			{kind + "AccountDescription", title},
			{kind + "HostName", u.Hostname()},
			{kind + "Port", port},
			{kind + "UseSSL", secure},
			{kind + "Username", user},
			{kind + "PrincipalURL", principal},
		}
	}
	text := "Довідник і планування Дія.Офісу. Коли пристрій спитає пароль, введіть пароль програми зі сторінки «Програми». " +
		"Надсилання пошти профіль не налаштовує: у поштовій програмі вкажіть шлюз вашого органу як сервер вихідної пошти, той самий користувач, пароль програми для пошти."
	profile := plistDict{
		{"PayloadType", "Configuration"},
		{"PayloadVersion", 1},
		{"PayloadIdentifier", name},
		{"PayloadUUID", strings.ToUpper(uid("profile " + origin + " " + m.Seat.String()))},
		{"PayloadDisplayName", "Дія.Офіс: " + body},
		{"PayloadDescription", text},
		{"PayloadOrganization", body},
		{"PayloadRemovalDisallowed", false},
		{"PayloadContent", []plistDict{account("CardDAV", "Дія.Офіс: довідник"), account("CalDAV", "Дія.Офіс: планування")}},
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
`)
	profile.write(&b)
	b.WriteString("</plist>\n")
	return b.Bytes(), nil
}

// plistDict is a dictionary of a property list in its order.
type plistDict []struct {
	key   string
	value any // string, int, bool or []plistDict
}

func (d plistDict) write(b *bytes.Buffer) {
	b.WriteString("<dict>\n")
	for _, e := range d {
		b.WriteString("<key>" + davEscape(e.key) + "</key>")
		switch v := e.value.(type) {
		case string:
			b.WriteString("<string>" + davEscape(v) + "</string>\n")
		case int:
			b.WriteString("<integer>" + strconv.Itoa(v) + "</integer>\n")
		case bool:
			b.WriteString("<" + strconv.FormatBool(v) + "/>\n")
		case []plistDict:
			b.WriteString("<array>\n")
			for _, in := range v {
				in.write(b)
			}
			b.WriteString("</array>\n")
		}
	}
	b.WriteString("</dict>\n")
}

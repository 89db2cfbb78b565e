package office

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
)

// Namespaces of the elements that are read and written. The prefixes stand once, on the outermost element of an answer.
const (
	nsDAV     = "DAV:"
	nsCard    = "urn:ietf:params:xml:ns:carddav"
	nsCal     = "urn:ietf:params:xml:ns:caldav"
	nsServer  = "http://calendarserver.org/ns/" // getctag and what Apple's clients ask
	nsApple   = "http://apple.com/ns/ical/"     // colour and order of calendars
	nsProblem = "https://github.com/posvid/posvid/ns/problem"
)

var davPrefixes = map[string]string{nsDAV: "d", nsCard: "card", nsCal: "cal", nsServer: "cs", nsApple: "ic", nsProblem: "p"}

const davNamespaces = ` xmlns:d="DAV:" xmlns:card="urn:ietf:params:xml:ns:carddav" xmlns:cal="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/" xmlns:ic="http://apple.com/ns/ical/"`

// Bounds of a request body in XML. A body of a client has some hundred elements; only a multiget of a large address book has
// as many as cards.
const (
	davMaxXML       = 4 << 20  // bytes
	davMaxDepth     = 16       // nested elements
	davMaxElements  = 50_000   // elements
	davMaxAttrs     = 32       // attributes of one element
	davMaxNames     = 128      // properties asked at once; macOS asks some fifty
	davMaxNameBytes = 16 << 10 // their names together: every object answers with all of them
	davMaxHrefs     = 20_000   // objects asked at once
)

var (
	errXML      = errors.New("office: dav: body is not the XML that is expected")
	errXMLLarge = errors.New("office: dav: body is deeper or has more elements than is read")
)

// xmlNode is one element of a request body.
type xmlNode struct {
	name xml.Name
	attr []xml.Attr
	text string // of the element itself, all pieces together
	kids []*xmlNode
}

// parseXML reads a whole body as one element. It knows no document types and thus no entities of the sender's own, and counts
// what it builds. Errors: errXML, errXMLLarge.
func parseXML(data []byte) (*xmlNode, error) {
	if len(data) > davMaxXML {
		return nil, errXMLLarge
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	var root *xmlNode
	var open []*xmlNode
	var texts [][]byte
	elements := 0
	for {
		t, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errXML // the decoder's text repeats what was sent
		}
		switch t := t.(type) {
		case xml.StartElement:
			if elements++; elements > davMaxElements || len(open) == davMaxDepth || len(t.Attr) > davMaxAttrs {
				return nil, errXMLLarge
			}
			if strings.Contains(t.Name.Local, ":") { // two colons: no name with namespaces has them
				return nil, errXML
			}
			n := &xmlNode{name: t.Name, attr: t.Attr} // Token gives attributes of their own
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.kids = append(parent.kids, n)
			case root != nil:
				return nil, errXML
			default:
				root = n
			}
			open, texts = append(open, n), append(texts, nil)
		case xml.EndElement:
			last := len(open) - 1
			open[last].text = string(texts[last])
			open, texts = open[:last], texts[:last]
		case xml.CharData:
			if len(open) > 0 {
				texts[len(texts)-1] = append(texts[len(texts)-1], t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errXML
			}
		case xml.Directive:
			return nil, errXML
		}
	}
	if root == nil || len(open) > 0 {
		return nil, errXML
	}
	return root, nil
}

func (n *xmlNode) is(space, local string) bool { return n.name.Space == space && n.name.Local == local }

// child is the first child of a name; nil when there is none.
func (n *xmlNode) child(space, local string) *xmlNode {
	for _, k := range n.kids {
		if k.is(space, local) {
			return k
		}
	}
	return nil
}

func (n *xmlNode) attribute(name string) string {
	for _, a := range n.attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// davEscape is a text as it stands in an element. Characters that XML has no place for become U+FFFD.
func davEscape(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == '&' || r == '<' || r == '>' || r >= 0xd800 }) {
		return text
	}
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return davQuotes.Replace(b.String())
}

// davQuotes writes quotes as they are: entity tags have them, and not every client reads a reference to a character.
var davQuotes = strings.NewReplacer("&#34;", `"`, "&#39;", "'")

// davTag is an element's name as it is written, and the declaration its namespace needs.
func davTag(n xml.Name) (tag, declaration string) {
	if p, ok := davPrefixes[n.Space]; ok && p != "p" {
		return p + ":" + n.Local, ""
	}
	if n.Space == "" {
		return n.Local, ""
	}
	return "x:" + n.Local, ` xmlns:x="` + strings.ReplaceAll(davEscape(n.Space), `"`, "&#34;") + `"`
}

func davEmpty(n xml.Name) string {
	tag, declaration := davTag(n)
	return "<" + tag + declaration + "/>"
}

// davElement writes an element; inner is XML already.
func davElement(out io.StringWriter, n xml.Name, inner string) {
	if inner == "" {
		out.WriteString(davEmpty(n))
		return
	}
	tag, declaration := davTag(n)
	for _, part := range []string{"<", tag, declaration, ">", inner, "</", tag, ">"} {
		out.WriteString(part)
	}
}

func davHref(escaped string) string { return "<d:href>" + davEscape(escaped) + "</d:href>" }

// httpDate is a time as HTTP and getlastmodified write it (RFC 9110, Section 5.6.7).
func davDate(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

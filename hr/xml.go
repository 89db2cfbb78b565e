package hr

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// errXML is what every failure of xmlScan wraps.
var errXML = errors.New("hr: xlsx: XML is not well-formed")

// xmlScan walks over one XML part of an XLSX file without building a tree: encoding/xml takes several seconds for a sheet
// of 40,000 rows, this a fraction of one. It takes UTF-8 only, refuses a DOCTYPE (so there are no entities to expand) and
// demands that every element is closed, so that a part cut short is an error and not a shorter table.
type xmlScan struct {
	b     []byte
	i     int
	stack []string // open elements, local names
	name  string   // local name of the current start or end tag
	attrs []byte   // raw attributes of the current start tag
	text  []byte   // raw text of the current text token
	cdata bool     // the text is CDATA and holds no entities
	empty bool     // the start tag closed itself; its end tag is the next token
}

type xmlToken int

const (
	xmlEOF xmlToken = iota
	xmlStart
	xmlEnd
	xmlText
)

// xmlNames interns the element names of SpreadsheetML so that scanning does not allocate for each tag.
var xmlNames = map[string]string{}

func init() {
	for _, n := range []string{"worksheet", "sheetData", "row", "c", "v", "f", "is", "t", "r", "rPh", "si", "sst", "mergeCell",
		"mergeCells", "sheet", "sheets", "workbook", "workbookPr", "Relationship", "Relationships", "cols", "col", "dimension"} {
		xmlNames[n] = n
	}
}

func (x *xmlScan) next() (xmlToken, error) {
	if x.empty {
		x.empty = false
		x.stack = x.stack[:len(x.stack)-1]
		return xmlEnd, nil
	}
	for {
		if x.i >= len(x.b) {
			if len(x.stack) > 0 {
				return 0, errXML
			}
			return xmlEOF, nil
		}
		if x.b[x.i] != '<' {
			end := bytes.IndexByte(x.b[x.i:], '<')
			if end < 0 {
				end = len(x.b) - x.i
			}
			x.text, x.cdata = x.b[x.i:x.i+end], false
			x.i += end
			if len(x.stack) == 0 {
				if len(bytes.TrimSpace(x.text)) > 0 {
					return 0, errXML
				}
				continue
			}
			return xmlText, nil
		}
		rest := x.b[x.i:]
		switch {
		case bytes.HasPrefix(rest, []byte("<?")):
			if !x.skip("?>", 2) {
				return 0, errXML
			}
		case bytes.HasPrefix(rest, []byte("<!--")):
			if !x.skip("-->", 4) {
				return 0, errXML
			}
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			end := bytes.Index(rest, []byte("]]>"))
			if end < 0 || len(x.stack) == 0 {
				return 0, errXML
			}
			x.text, x.cdata = rest[9:end], true
			x.i += end + 3
			return xmlText, nil
		case bytes.HasPrefix(rest, []byte("<!")):
			return 0, errXML
		case bytes.HasPrefix(rest, []byte("</")):
			end := bytes.IndexByte(rest, '>')
			if end < 0 || len(x.stack) == 0 {
				return 0, errXML
			}
			x.name = x.stack[len(x.stack)-1]
			if string(local(bytes.TrimRight(rest[2:end], " \t\r\n"))) != x.name {
				return 0, errXML
			}
			x.stack = x.stack[:len(x.stack)-1]
			x.i += end + 1
			return xmlEnd, nil
		default:
			return x.start(rest)
		}
	}
}

func (x *xmlScan) skip(end string, from int) bool {
	n := bytes.Index(x.b[x.i+from:], []byte(end))
	if n < 0 {
		return false
	}
	x.i += from + n + len(end)
	return true
}

func (x *xmlScan) start(rest []byte) (xmlToken, error) {
	// '>' may stand inside an attribute value, so quotes are followed.
	end, quote := -1, byte(0)
	for k := 1; k < len(rest); k++ {
		c := rest[k]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else if c == '<' {
				return 0, errXML
			}
			continue
		case c == '"' || c == '\'':
			quote = c
			continue
		case c == '<':
			return 0, errXML
		case c == '>':
			end = k
		}
		if end >= 0 {
			break
		}
	}
	if end < 0 {
		return 0, errXML
	}
	tag := rest[1:end]
	x.i += end + 1
	if len(tag) > 0 && tag[len(tag)-1] == '/' {
		x.empty = true
		tag = tag[:len(tag)-1]
	}
	n := bytes.IndexAny(tag, " \t\r\n")
	if n < 0 {
		n = len(tag)
	}
	raw := local(tag[:n])
	if len(raw) == 0 || len(x.stack) >= maxXMLDepth {
		return 0, errXML
	}
	name, ok := xmlNames[string(raw)]
	if !ok {
		name = string(raw)
	}
	x.name, x.attrs = name, tag[n:]
	x.stack = append(x.stack, name)
	return xmlStart, nil
}

func local(name []byte) []byte {
	if i := bytes.LastIndexByte(name, ':'); i >= 0 {
		return name[i+1:]
	}
	return name
}

// attr is the raw value of an attribute of the current start tag, by local name.
func (x *xmlScan) attr(name string) (value []byte, ok bool) {
	a := x.attrs
	for {
		a = bytes.TrimLeft(a, " \t\r\n")
		eq := bytes.IndexByte(a, '=')
		if eq <= 0 {
			return nil, false
		}
		key := local(bytes.TrimRight(a[:eq], " \t\r\n"))
		a = bytes.TrimLeft(a[eq+1:], " \t\r\n")
		if len(a) == 0 || a[0] != '"' && a[0] != '\'' {
			return nil, false
		}
		end := bytes.IndexByte(a[1:], a[0])
		if end < 0 {
			return nil, false
		}
		if string(key) == name {
			return a[1 : 1+end], true
		}
		a = a[end+2:]
	}
}

// xmlUnescape replaces the five named entities and character references, and the _xHHHH_ form in which a spreadsheet
// writes control characters.
func xmlUnescape(b []byte) (string, error) {
	if bytes.IndexByte(b, '&') < 0 {
		if !utf8.Valid(b) {
			return "", errXML
		}
		return string(b), nil
	}
	var out strings.Builder
	out.Grow(len(b))
	for len(b) > 0 {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			out.Write(b)
			break
		}
		out.Write(b[:i])
		b = b[i+1:]
		end := bytes.IndexByte(b[:min(len(b), 12)], ';')
		if end < 1 {
			return "", errXML
		}
		switch ent := string(b[:end]); ent {
		case "amp":
			out.WriteByte('&')
		case "lt":
			out.WriteByte('<')
		case "gt":
			out.WriteByte('>')
		case "quot":
			out.WriteByte('"')
		case "apos":
			out.WriteByte('\'')
		default:
			if ent[0] != '#' {
				return "", errXML
			}
			base, num := 10, ent[1:]
			if strings.HasPrefix(num, "x") {
				base, num = 16, num[1:]
			}
			n, err := strconv.ParseUint(num, base, 32)
			if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
				return "", errXML
			}
			out.WriteRune(rune(n))
		}
		b = b[end+1:]
	}
	s := out.String()
	if !utf8.ValidString(s) {
		return "", errXML
	}
	return s, nil
}

package office

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a calendar object (docs/spec/office-planning.md, Section 2).
const (
	MaxCalendarObject = 64 << 10 // bytes
	maxComponents     = 400      // of one object, at any depth
	icalDepth         = 3        // VCALENDAR, VEVENT, VALARM
	maxParams         = 32       // of one property
	maxUID            = 255      // bytes
)

// icalBounds bounds one calendar object.
type icalBounds struct{ bytes, components int }

// What somebody writes, and what may be stored: of a given task the other side's alarms and own properties come beside what was
// written, and the service's own lines. What is stored can always be read.
var (
	asWritten = icalBounds{MaxCalendarObject, maxComponents}
	asStored  = icalBounds{2*MaxCalendarObject + 8<<10, 2 * maxComponents}
)

// CalendarError says why a calendar object is not taken. It holds nothing of the object's text.
type CalendarError struct {
	Condition string // local name of the precondition (RFC 4791, Section 5.3.2.1)
	Own       bool   // the precondition is of this module, not of CalDAV
	Detail    string // what was wanted, in English; names of properties only
	Existing  string // of no-uid-conflict: name of the object that has the UID
}

// Error is the precondition and what was wanted.
func (e *CalendarError) Error() string { return "office: " + e.Condition + ": " + e.Detail }

var errObjectSize = &CalendarError{Condition: "max-resource-size", Detail: fmt.Sprintf("want at most %d bytes", MaxCalendarObject)}

func notValid(format string, args ...any) error {
	return &CalendarError{Condition: "valid-calendar-data", Detail: fmt.Sprintf(format, args...)}
}

func notObject(format string, args ...any) error {
	return &CalendarError{Condition: "valid-calendar-object-resource", Detail: fmt.Sprintf(format, args...)}
}

// icalParam is one parameter of a property; values come without their quotes.
type icalParam struct {
	name   string
	values []string
}

// icalLine is one content line (RFC 5545, Section 3.1). raw is what came, with its folds and line end, and is written back
// untouched: what this module does not know, or does not change, keeps every byte.
type icalLine struct {
	raw    []byte
	name   string // upper case
	params []icalParam
	value  string
}

func (l *icalLine) param(name string) string {
	for _, p := range l.params {
		if p.name == name && len(p.values) > 0 {
			return p.values[0]
		}
	}
	return ""
}

// icalNode is a line or a component within a component.
type icalNode struct {
	line *icalLine
	comp *icalComp
}

// icalComp is one component with its lines and components in their order.
type icalComp struct {
	name       string
	begin, end []byte
	nodes      []icalNode
}

// lines are the properties of a name.
func (c *icalComp) lines(name string) []*icalLine {
	var out []*icalLine
	for _, n := range c.nodes {
		if n.line != nil && n.line.name == name {
			out = append(out, n.line)
		}
	}
	return out
}

// first is the first property of a name, or nil.
func (c *icalComp) first(name string) *icalLine {
	for _, n := range c.nodes {
		if n.line != nil && n.line.name == name {
			return n.line
		}
	}
	return nil
}

// text is the first property of a name as people read it; "" without one.
func (c *icalComp) text(name string) string {
	if l := c.first(name); l != nil {
		return unescapeText(l.value)
	}
	return ""
}

// comps are the components of a name.
func (c *icalComp) comps(name string) []*icalComp {
	var out []*icalComp
	for _, n := range c.nodes {
		if n.comp != nil && n.comp.name == name {
			out = append(out, n.comp)
		}
	}
	return out
}

// keep drops the nodes for which f is false.
func (c *icalComp) keep(f func(icalNode) bool) {
	kept := make([]icalNode, 0, len(c.nodes))
	for _, n := range c.nodes {
		if f(n) {
			kept = append(kept, n)
		}
	}
	c.nodes = kept
}

// remove drops the properties of a name.
func (c *icalComp) remove(name string) {
	c.keep(func(n icalNode) bool { return n.line == nil || n.line.name != name })
}

// add puts a property after the other properties. params is "" or ";NAME=value…" ready made.
func (c *icalComp) add(name, params, value string) {
	c.insert(icalNode{line: newLine(name, params, value)})
}

func (c *icalComp) insert(n icalNode) {
	i := 0
	for i < len(c.nodes) && c.nodes[i].comp == nil {
		i++
	}
	c.nodes = append(c.nodes[:i], append([]icalNode{n}, c.nodes[i:]...)...)
}

// set makes a property be there once, in the place of the first of its name. A line that says so already is left as it is.
func (c *icalComp) set(name, params, value string) {
	found := false
	c.keep(func(n icalNode) bool {
		if n.line == nil || n.line.name != name {
			return true
		}
		if found {
			return false
		}
		found = true
		return true
	})
	if !found {
		c.add(name, params, value)
		return
	}
	l := c.first(name)
	if made := newLine(name, params, value); l.value != value || params != "" || len(l.params) > 0 {
		*l = *made
	}
}

// setText is set for a text; an empty one removes the property.
func (c *icalComp) setText(name, text string) {
	if text == "" {
		c.remove(name)
		return
	}
	c.set(name, "", escapeText(text))
}

// bytes is the component as it is written.
func (c *icalComp) bytes() []byte {
	var b bytes.Buffer
	c.write(&b)
	return b.Bytes()
}

func (c *icalComp) write(b *bytes.Buffer) {
	b.Write(c.begin)
	for _, n := range c.nodes {
		if n.line != nil {
			b.Write(n.line.raw)
		} else {
			n.comp.write(b)
		}
	}
	b.Write(c.end)
}

// newComp is an empty component.
func newComp(name string) *icalComp {
	return &icalComp{name: name, begin: []byte("BEGIN:" + name + "\r\n"), end: []byte("END:" + name + "\r\n")}
}

// newLine writes a property, folded at 75 bytes between characters (RFC 5545, Section 3.1).
func newLine(name, params, value string) *icalLine {
	l := &icalLine{name: name, value: value}
	whole := name + params + ":" + value
	if params != "" {
		parsed, err := parseLine(whole)
		if err == nil {
			l.params = parsed.params
		}
	}
	for most := 75; len(whole) > most; most = 74 { // the blank that begins a continued line counts
		n := most
		for n > 0 && !utf8.RuneStart(whole[n]) {
			n--
		}
		l.raw = append(append(l.raw, whole[:n]...), "\r\n "...)
		whole = whole[n:]
	}
	l.raw = append(append(l.raw, whole...), "\r\n"...)
	return l
}

// escapeText writes a text as a value (RFC 5545, Section 3.3.11). Control characters have no form there and are dropped.
func escapeText(s string) string {
	var b strings.Builder
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		switch {
		case r == '\\' || r == ';' || r == ',':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == utf8.RuneError, r < ' ' && r != '\t', r == 0x7f:
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unescapeText is the opposite. A backslash before anything else stays, as clients mean it.
func unescapeText(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n', 'N':
			b.WriteByte('\n')
		case '\\', ';', ',':
			b.WriteByte(s[i])
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// quoteParam is a parameter's value, which cannot hold a quote or a control character (RFC 5545, Section 3.2).
func quoteParam(s string) string {
	return `"` + strings.Map(func(r rune) rune {
		if r == '"' || r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s) + `"`
}

// parseICal reads one calendar object's lines and components. It knows no property; calendarObject does. Error: *CalendarError.
func parseICal(data []byte, most icalBounds) (*icalComp, error) {
	if len(data) > most.bytes {
		return nil, errObjectSize
	}
	var stack []*icalComp
	var root *icalComp
	components := 0
	for len(data) > 0 {
		raw, text, rest, err := unfold(data)
		if err != nil {
			return nil, err
		}
		data = rest
		if root != nil {
			if text != "" {
				return nil, notValid("want nothing after END:VCALENDAR")
			}
			root.end = append(root.end, raw...)
			continue
		}
		l, err := parseLine(text)
		if err != nil {
			return nil, err
		}
		l.raw = raw
		switch l.name {
		case "BEGIN":
			if components++; components > most.components {
				return nil, notValid("want at most %d components", most.components)
			}
			if len(stack) == icalDepth {
				return nil, notValid("want components at most %d deep", icalDepth)
			}
			c := &icalComp{name: strings.ToUpper(l.value), begin: raw}
			if len(l.params) > 0 || !isName(c.name) {
				return nil, notValid("BEGIN: want a component's name")
			}
			if len(stack) == 0 && c.name != "VCALENDAR" {
				return nil, notValid("want BEGIN:VCALENDAR first")
			}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.nodes = append(top.nodes, icalNode{comp: c})
			}
			stack = append(stack, c)
		case "END":
			if len(stack) == 0 || len(l.params) > 0 || strings.ToUpper(l.value) != stack[len(stack)-1].name {
				return nil, notValid("END: want the name of the component that is open")
			}
			top := stack[len(stack)-1]
			top.end = raw
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				root = top
			}
		default:
			if len(stack) == 0 {
				return nil, notValid("want BEGIN:VCALENDAR first")
			}
			top := stack[len(stack)-1]
			top.nodes = append(top.nodes, icalNode{line: l})
		}
	}
	if root == nil {
		return nil, notValid("want END:VCALENDAR")
	}
	return root, nil
}

// unfold takes one content line from the front: what came, and the text of it without folds and line end. A line ends with
// CRLF; LF alone is taken, as clients on Unix write it.
func unfold(data []byte) (raw []byte, text string, rest []byte, err error) {
	end, whole := 0, make([]byte, 0, 80)
	for {
		n := bytes.IndexByte(data[end:], '\n')
		if n < 0 {
			return nil, "", nil, notValid("want a line end after the last line")
		}
		whole = append(whole, bytes.TrimSuffix(data[end:end+n], []byte("\r"))...)
		end += n + 1
		if end == len(data) || data[end] != ' ' && data[end] != '\t' {
			break
		}
		end++
	}
	if !utf8.Valid(whole) {
		return nil, "", nil, notValid("want UTF-8")
	}
	for _, c := range whole {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, "", nil, notValid("want no control characters")
		}
	}
	return data[:end], string(whole), data[end:], nil
}

// isName tells whether s is the name of a property, parameter or component (RFC 5545, Section 3.1: iana-token, x-name).
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// parseLine reads name, parameters and value of an unfolded line.
func parseLine(s string) (*icalLine, error) {
	i := strings.IndexAny(s, ";:")
	if i < 0 || !isName(s[:i]) {
		return nil, notValid("want NAME:value")
	}
	l := &icalLine{name: strings.ToUpper(s[:i])}
	for s = s[i:]; strings.HasPrefix(s, ";"); {
		i := strings.IndexByte(s, '=')
		if i < 0 || !isName(s[1:i]) || len(l.params) == maxParams {
			return nil, notValid("want parameters ;NAME=value, at most %d", maxParams)
		}
		p := icalParam{name: strings.ToUpper(s[1:i])}
		for more := true; more; {
			s = s[i+1:]
			var v string
			if strings.HasPrefix(s, `"`) {
				n := strings.IndexByte(s[1:], '"')
				if n < 0 {
					return nil, notValid("want a parameter's closing quote")
				}
				v, s = s[1:n+1], s[n+2:]
			} else {
				n := strings.IndexAny(s, `;:,"`)
				if n < 0 {
					return nil, notValid("want a colon before the value")
				}
				v, s = s[:n], s[n:]
			}
			if p.values = append(p.values, v); s == "" || s[0] == '"' || len(p.values) > maxParams {
				return nil, notValid("want a parameter's value")
			}
			more, i = s[0] == ',', 0
		}
		if s[0] != ';' && s[0] != ':' {
			return nil, notValid("want a colon before the value")
		}
		l.params = append(l.params, p)
	}
	if !strings.HasPrefix(s, ":") {
		return nil, notValid("want a colon before the value")
	}
	l.value = s[1:]
	return l, nil
}

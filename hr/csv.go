package hr

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeText gives the file as UTF-8 and names the encoding it found. A byte order mark decides; otherwise text that is
// UTF-8 but for a few broken bytes is UTF-8 (the broken rows are set aside), and the rest is Windows-1251.
func decodeText(data []byte) (text []byte, encoding string, err error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		return data[3:], "utf-8-bom", nil
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return nil, "", Problem{Code: BadEncoding}
	case utf8.Valid(data):
		return data, "utf-8", nil
	}
	good, bad := 0, 0
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		i += n
	}
	if bad*20 < good {
		return data, "utf-8", nil
	}
	out, err := charmap.Windows1251.NewDecoder().Bytes(data)
	if err != nil {
		return nil, "", Problem{Code: BadEncoding}
	}
	return out, "windows-1251", nil
}

// readCSV calls emit for every line of an RFC 4180 table with the given delimiter and any mix of line ends. What RFC 4180
// leaves open: quotes inside a cell that does not start with one are plain text; a row whose quotes do not work out is
// given once more by its physical line, cut at every delimiter, with BadQuote or UnterminatedQuote, so that one stray quote
// never swallows the rows after it.
func readCSV(b []byte, delim byte, emit func(tableRow) (more bool, err error)) error {
	line := 1
	for pos := 0; pos < len(b); {
		row, next, lines := csvRow(b, pos, delim)
		if len(row.codes) > 0 && (row.codes[0] == BadQuote || row.codes[0] == UnterminatedQuote || row.codes[0] == CellTooLong) {
			end := lineEnd(b, pos)
			code := row.codes[0]
			row = naiveRow(b[pos:end], delim)
			row.codes = append(row.codes, code)
			next, lines = pastLineEnd(b, end), 1
		}
		row.line = line
		line += lines
		pos = next
		more, err := emit(row)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func lineEnd(b []byte, pos int) int {
	if i := bytes.IndexAny(b[pos:], "\r\n"); i >= 0 {
		return pos + i
	}
	return len(b)
}

func pastLineEnd(b []byte, i int) int {
	if i < len(b) && b[i] == '\r' {
		i++
		if i < len(b) && b[i] == '\n' {
			i++
		}
		return i
	}
	return min(i+1, len(b))
}

func csvRow(b []byte, pos int, delim byte) (row tableRow, next, lines int) {
	lines = 1
	fail := func(c Code) (tableRow, int, int) { return tableRow{codes: []Code{c}}, pos, lines }
	for {
		var c cell
		if pos < len(b) && b[pos] == '"' {
			var s []byte
			pos++
			start, breaks := pos, 0
		quoted:
			for {
				if pos >= len(b) || breaks > MaxQuotedBreaks {
					return fail(UnterminatedQuote)
				}
				if pos-start > 2*MaxCellBytes {
					return fail(CellTooLong)
				}
				switch b[pos] {
				case '"':
					if pos+1 < len(b) && b[pos+1] == '"' {
						s = append(s, b[start:pos+1]...)
						pos += 2
						start = pos
						continue
					}
					s = append(s, b[start:pos]...)
					pos++
					break quoted
				case '\n', '\r':
					pos = pastLineEnd(b, pos)
					breaks++
				default:
					pos++
				}
			}
			for pos < len(b) && b[pos] == ' ' {
				pos++
			}
			if pos < len(b) && b[pos] != delim && b[pos] != '\n' && b[pos] != '\r' {
				return fail(BadQuote)
			}
			lines += breaks
			c = textCell(s, &row)
		} else {
			start := pos
			for pos < len(b) && b[pos] != delim && b[pos] != '\n' && b[pos] != '\r' {
				pos++
			}
			c = textCell(b[start:pos], &row)
		}
		row.put(c)
		if pos >= len(b) {
			return row, pos, lines
		}
		if b[pos] != delim {
			return row, pastLineEnd(b, pos), lines
		}
		pos++
	}
}

func (r *tableRow) put(c cell) {
	if len(r.cells) >= MaxColumns {
		if !c.blank() {
			r.mark(TooManyCells)
		}
		return
	}
	if r.cells == nil {
		r.cells = make([]cell, 0, 32)
	}
	r.cells = append(r.cells, c)
}

func (r *tableRow) mark(c Code) {
	for _, x := range r.codes {
		if x == c {
			return
		}
	}
	r.codes = append(r.codes, c)
}

func textCell(b []byte, row *tableRow) cell {
	if len(b) > MaxCellBytes {
		return cell{long: true}
	}
	if bytes.IndexByte(b, 0) >= 0 {
		row.mark(NulByte)
		b = bytes.ReplaceAll(b, []byte{0}, nil)
	}
	return cell{s: string(b)}
}

// naiveRow cuts a line at every delimiter and drops the quotes round each cell.
func naiveRow(b []byte, delim byte) tableRow {
	var row tableRow
	for len(row.cells) < MaxColumns {
		i := bytes.IndexByte(b, delim)
		part := b
		if i >= 0 {
			part = b[:i]
		}
		c := textCell(part, &row)
		c.s = strings.Trim(c.s, `" `)
		row.put(c)
		if i < 0 {
			break
		}
		b = b[i+1:]
	}
	return row
}

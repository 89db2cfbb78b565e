package office

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
)

const (
	maxStaffParts = 2_000    // files in an XLSX file
	maxStaffPart  = 16 << 20 // one of them, unpacked
	maxStaffCell  = 2048     // bytes of a cell that are kept: a text of 300 characters has fewer
)

// xlsxRows reads the first sheet; a merged cell says the same in each of its rows. The file is read once from its beginning to its
// end and only what the list may have is kept: a few bytes of a workbook can claim a sheet of seventeen thousand million cells.
func xlsxRows(data []byte) ([][]string, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) > maxStaffParts {
		return nil, StaffNoTable
	}
	b := workbook{parts: map[string]*zip.File{}}
	for _, f := range z.File {
		name := partName(f.Name)
		if b.parts[name] != nil {
			return nil, StaffNoTable
		}
		b.parts[name] = f
	}
	rows, err := b.rows()
	var code StaffCode
	if err != nil && !errors.As(err, &code) {
		return nil, StaffNoTable
	}
	return rows, err
}

// workbook is an XLSX file (ECMA-376, Part 2, Section 6: a ZIP file of parts that name each other).
type workbook struct {
	parts map[string]*zip.File
}

func partName(s string) string {
	return strings.ToLower(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(s, `\`, "/")), "/"))
}

// read hands every piece of a part on. Names come without what they stand before the colon: programs write them as they like.
func (b workbook) read(name string, each func(xml.Token) error) error {
	f := b.parts[partName(name)]
	if f == nil {
		return StaffNoTable
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	bounded := &io.LimitedReader{R: r, N: maxStaffPart + 1}
	x := xml.NewDecoder(bounded)
	for {
		t, err := x.RawToken() // keeps no stack, so depth costs nothing
		if bounded.N == 0 {
			return StaffTooLarge
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = each(t)
		}
		if err != nil {
			return err
		}
	}
}

func xmlAttr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// related are the parts that a part names, by their kind and by their number.
func (b workbook) related(name string) (byKind, byID map[string]string, err error) {
	byKind, byID = map[string]string{}, map[string]string{}
	dir := path.Dir("/" + name)
	err = b.read(path.Join(dir, "_rels", path.Base("/"+name)+".rels"), func(t xml.Token) error {
		e, ok := t.(xml.StartElement)
		if !ok || e.Name.Local != "Relationship" {
			return nil
		}
		target, kind := xmlAttr(e, "Target"), path.Base(xmlAttr(e, "Type"))
		if !strings.HasPrefix(target, "/") {
			target = path.Join(dir, target)
		}
		if byKind[kind] == "" {
			byKind[kind] = target
		}
		if kind == "worksheet" {
			byID[xmlAttr(e, "Id")] = target
		}
		return nil
	})
	return byKind, byID, err
}

func (b workbook) rows() ([][]string, error) {
	top, _, err := b.related("")
	if err != nil {
		return nil, err
	}
	book := top["officeDocument"]
	kinds, sheets, err := b.related(book)
	if err != nil {
		return nil, err
	}
	sheet := ""
	if err := b.read(book, func(t xml.Token) error {
		if e, ok := t.(xml.StartElement); ok && e.Name.Local == "sheet" && sheet == "" {
			sheet = sheets[xmlAttr(e, "id")]
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var shared []string
	if name := kinds["sharedStrings"]; name != "" {
		var text xlsxText
		if err := b.read(name, func(t xml.Token) error {
			text.token(t)
			if e, ok := t.(xml.EndElement); ok && e.Name.Local == "si" {
				shared = append(shared, text.take())
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	s := xlsxSheet{shared: shared}
	if err := b.read(sheet, s.token); err != nil {
		return nil, err
	}
	return s.rows, s.merge()
}

// xlsxText gathers the text of an element: that of its t elements, of which those within rPh say how it sounds.
type xlsxText struct {
	b      strings.Builder
	inside bool
	sound  bool
}

func (x *xlsxText) token(t xml.Token) {
	switch t := t.(type) {
	case xml.StartElement:
		switch t.Name.Local {
		case "t", "v":
			x.inside = true
		case "rPh":
			x.sound = true
		}
	case xml.EndElement:
		switch t.Name.Local {
		case "t", "v":
			x.inside = false
		case "rPh":
			x.sound = false
		}
	case xml.CharData:
		if x.inside && !x.sound {
			x.b.Write(t)
		}
	}
}

// take is what was gathered on one line, cut where it is longer than anything that is taken.
func (x *xlsxText) take() string {
	s := strings.Join(strings.Fields(strings.ReplaceAll(x.b.String(), "_x000D_", " ")), " ")
	x.b.Reset()
	x.inside, x.sound = false, false
	return s[:min(len(s), maxStaffCell)]
}

// xlsxSheet is a sheet that is being read.
type xlsxSheet struct {
	shared   []string
	rows     [][]string
	row, col int // where the reader stands, from 1
	kind     string
	text     xlsxText
	merged   [][4]int // left, top, right, bottom
}

func (s *xlsxSheet) token(t xml.Token) error {
	s.text.token(t)
	switch t := t.(type) {
	case xml.StartElement:
		switch t.Name.Local {
		case "row":
			s.row, s.col = s.row+1, 0
			if r := xmlAttr(t, "r"); r != "" {
				n, err := strconv.Atoi(r)
				if err != nil || n < 1 {
					return StaffNoTable
				}
				s.row = n
			}
		case "c":
			s.col++
			s.kind = xmlAttr(t, "t")
			s.text.take()
			if r := xmlAttr(t, "r"); r != "" {
				col, row, ok := cellPlace(r)
				if !ok || row != s.row {
					return StaffNoTable
				}
				s.col = col
			}
		case "mergeCell":
			from, to, _ := strings.Cut(xmlAttr(t, "ref"), ":")
			left, top, ok := cellPlace(from)
			right, bottom, also := cellPlace(to)
			if !ok || !also || len(s.merged) == MaxStaffLines {
				return StaffNoTable
			}
			s.merged = append(s.merged, [4]int{left, top, right, bottom})
		}
	case xml.EndElement:
		if t.Name.Local == "c" {
			return s.put(s.text.take())
		}
	}
	return nil
}

// put keeps the text of the cell at which the reader stands.
func (s *xlsxSheet) put(text string) error {
	if text == "" { // of any kind: some programs write cells that have a border only
		return nil
	}
	switch s.kind {
	case "s":
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n >= len(s.shared) {
			return StaffNoTable
		}
		text = s.shared[n]
	case "", "n": // as people typed it: a spreadsheet writes 1.1 as 1.1000000000000001
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			if f, err = strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64); err == nil {
				text = strconv.FormatFloat(f, 'f', -1, 64)
			}
		}
	}
	switch {
	case text == "" || s.col > maxStaffColumns:
		return nil
	case s.row > 2*MaxStaffLines:
		return StaffMany
	}
	for len(s.rows) < s.row {
		s.rows = append(s.rows, nil)
	}
	s.set(s.row, s.col, text)
	return nil
}

func (s *xlsxSheet) set(row, col int, text string) {
	r := &s.rows[row-1]
	for len(*r) < col {
		*r = append(*r, "")
	}
	(*r)[col-1] = text
}

// merge writes what a merged cell says into each of its rows. Those across the sheet are headings.
func (s *xlsxSheet) merge() error {
	room := 2 * MaxStaffLines * maxStaffColumns // merged cells do not overlap, so there are no more
	for _, m := range s.merged {
		left, top, right, bottom := m[0], m[1], m[2], min(m[3], len(s.rows))
		if left != right || left > maxStaffColumns || top > len(s.rows) || left > len(s.rows[top-1]) {
			continue
		}
		if room -= max(0, bottom-top); room < 0 {
			return StaffNoTable
		}
		for row := top + 1; row <= bottom; row++ {
			s.set(row, left, s.rows[top-1][left-1])
		}
	}
	return nil
}

// cellPlace reads the name of a cell, as "C12", with its bounds (ECMA-376, Part 1, Section 18.18.7).
func cellPlace(ref string) (col, row int, ok bool) {
	n := strings.IndexAny(ref, "0123456789")
	if n < 1 || n > 3 {
		return 0, 0, false
	}
	for _, c := range ref[:n] {
		if c |= 0x20; c < 'a' || c > 'z' {
			return 0, 0, false
		}
		col = col*26 + int(c|0x20-'a') + 1
	}
	row, err := strconv.Atoi(ref[n:])
	return col, row, err == nil && col <= 16_384 && row >= 1 && row <= 1<<20
}

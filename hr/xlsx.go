package hr

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// cell is one value as the file holds it.
type cell struct {
	s       string
	numeric bool // a spreadsheet number; s is its shortest exact decimal form
	mangled bool // a number too long or too fine for a spreadsheet to have kept
	isErr   bool // a spreadsheet error such as #N/A
	noValue bool // a formula that no program has computed: what the cell says is not known
	formula bool // computed by a formula
	long    bool // longer than MaxCellBytes; s is empty
}

func (c cell) blank() bool {
	return !c.isErr && !c.noValue && !c.long && !c.mangled && strings.TrimSpace(c.s) == ""
}

// tableRow is one row of a table before its columns are known.
type tableRow struct {
	line  int
	cells []cell
	codes []Code // what is wrong with the row as a whole
}

// sheet is one sheet of a workbook with its rows.
type sheet struct {
	name     string
	rows     []tableRow
	date1904 bool
}

// errCut names why a workbook is damaged; the text reaches people as the argument of CorruptFile.
func errCut(why string) error { return Problem{Code: CorruptFile, Args: []string{why}} }

// xlsxFile is an opened workbook (ECMA-376, Part 2 for the package and Part 1 for the parts).
type xlsxFile struct {
	zip      *zip.Reader
	parts    map[string]*zip.File
	shared   []cell
	date1904 bool
	sheets   []xlsxSheet
}

type xlsxSheet struct {
	name, part string
	hidden     bool
}

func openXLSX(data []byte) (*xlsxFile, error) {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, errCut("ZIP")
	}
	if len(zr.File) > MaxZipEntries {
		return nil, errCut("ZIP")
	}
	f := &xlsxFile{zip: zr, parts: map[string]*zip.File{}}
	for _, p := range zr.File {
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(p.Name, `\`, "/"), "/"))
		if _, dup := f.parts[name]; dup {
			return nil, errCut("ZIP: " + shown(name))
		}
		f.parts[name] = p
	}
	if _, ok := f.parts["encryptedpackage"]; ok {
		return nil, Problem{Code: EncryptedFile}
	}
	root, err := f.rels("_rels/.rels", "")
	if err != nil {
		return nil, err
	}
	book := ""
	for _, r := range root {
		if strings.HasSuffix(r.kind, "/officeDocument") {
			book = r.target
		}
	}
	if book == "" || f.parts[strings.ToLower(book)] == nil {
		return nil, Problem{Code: NotATable}
	}
	rels, err := f.rels(path.Join(path.Dir(book), "_rels", path.Base(book)+".rels"), path.Dir(book))
	if err != nil {
		return nil, err
	}
	if err := f.workbook(book, rels); err != nil {
		return nil, err
	}
	for _, r := range rels {
		if strings.HasSuffix(r.kind, "/sharedStrings") {
			if f.shared, err = f.sharedStrings(r.target); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

type xlsxRel struct{ id, kind, target string }

// part inflates one part, never beyond the limit whatever the ZIP header says.
func (f *xlsxFile) part(name string) ([]byte, error) {
	p := f.parts[strings.ToLower(name)]
	if p == nil {
		return nil, errCut(shown(path.Base(name)))
	}
	if p.UncompressedSize64 > MaxPartBytes {
		return nil, Problem{Code: FileTooLarge, Args: []string{strconv.Itoa(MaxPartBytes >> 20)}}
	}
	r, err := p.Open()
	if err != nil {
		return nil, errCut(shown(path.Base(name)))
	}
	defer r.Close()
	var buf bytes.Buffer
	buf.Grow(int(min(p.UncompressedSize64, 1<<20)) + bytes.MinRead)
	n, err := io.Copy(&buf, io.LimitReader(r, MaxPartBytes+1))
	if n > MaxPartBytes {
		return nil, Problem{Code: FileTooLarge, Args: []string{strconv.Itoa(MaxPartBytes >> 20)}}
	}
	if err != nil {
		return nil, errCut(shown(path.Base(name)))
	}
	return bytes.TrimPrefix(buf.Bytes(), []byte("\ufeff")), nil
}

func (f *xlsxFile) rels(name, dir string) ([]xlsxRel, error) {
	if f.parts[strings.ToLower(name)] == nil {
		return nil, Problem{Code: NotATable}
	}
	b, err := f.part(name)
	if err != nil {
		return nil, err
	}
	var out []xlsxRel
	x := xmlScan{b: b}
	for {
		t, err := x.next()
		if err != nil {
			return nil, errCut(shown(path.Base(name)))
		}
		if t == xmlEOF {
			return out, nil
		}
		if t != xmlStart || x.name != "Relationship" {
			continue
		}
		if mode, _ := x.attr("TargetMode"); string(mode) == "External" {
			continue
		}
		get := func(n string) string {
			v, _ := x.attr(n)
			s, err := xmlUnescape(v)
			if err != nil {
				return ""
			}
			return s
		}
		r := xlsxRel{id: get("Id"), kind: get("Type"), target: get("Target")}
		if strings.HasPrefix(r.target, "/") {
			r.target = strings.TrimPrefix(path.Clean(r.target), "/")
		} else {
			r.target = path.Join(dir, r.target)
		}
		if out = append(out, r); len(out) > 10_000 {
			return nil, errCut(shown(path.Base(name)))
		}
	}
}

func (f *xlsxFile) workbook(name string, rels []xlsxRel) error {
	b, err := f.part(name)
	if err != nil {
		return err
	}
	x := xmlScan{b: b}
	for {
		t, err := x.next()
		if err != nil {
			return errCut("workbook.xml")
		}
		if t == xmlEOF {
			break
		}
		if t != xmlStart {
			continue
		}
		switch x.name {
		case "workbookPr":
			v, _ := x.attr("date1904")
			f.date1904 = string(v) == "1" || string(v) == "true"
		case "sheet":
			raw, _ := x.attr("name")
			title, err := xmlUnescape(raw)
			if err != nil {
				return errCut("workbook.xml")
			}
			id, _ := x.attr("id")
			state, _ := x.attr("state")
			i := slices.IndexFunc(rels, func(r xlsxRel) bool { return r.id == string(id) })
			if i < 0 {
				return errCut("workbook.xml")
			}
			if !strings.HasSuffix(rels[i].kind, "/worksheet") {
				continue // a chart sheet holds no rows
			}
			f.sheets = append(f.sheets, xlsxSheet{name: title, part: rels[i].target, hidden: len(state) > 0 && string(state) != "visible"})
			if len(f.sheets) > maxSheets {
				return errCut("workbook.xml")
			}
		}
	}
	if len(f.sheets) == 0 {
		return Problem{Code: NotATable}
	}
	return nil
}

// sharedStrings reads the table of strings; phonetic runs (rPh) are not part of a text.
func (f *xlsxFile) sharedStrings(name string) ([]cell, error) {
	b, err := f.part(name)
	if err != nil {
		return nil, err
	}
	var out []cell
	x := xmlScan{b: b}
	for {
		t, err := x.next()
		if err != nil {
			return nil, errCut("sharedStrings.xml")
		}
		if t == xmlEOF {
			return out, nil
		}
		if t == xmlStart && x.name == "si" {
			c, err := x.richText("si")
			if err != nil {
				return nil, errCut("sharedStrings.xml")
			}
			out = append(out, c)
		}
	}
}

// richText gathers the text of an si or is element up to its end tag.
func (x *xmlScan) richText(until string) (cell, error) {
	var c cell
	depth, phonetic, inT := len(x.stack), 0, false
	for {
		t, err := x.next()
		if err != nil {
			return c, err
		}
		switch t {
		case xmlEOF:
			return c, errXML
		case xmlStart:
			if x.name == "rPh" {
				phonetic++
			}
			inT = x.name == "t"
		case xmlText:
			if inT && phonetic == 0 {
				if err := c.add(x); err != nil {
					return c, err
				}
			}
		case xmlEnd:
			if x.name == until && len(x.stack) == depth-1 {
				return c, nil
			}
			if x.name == "rPh" {
				phonetic--
			}
			inT = false
		}
	}
}

func (c *cell) add(x *xmlScan) error {
	if c.long || len(c.s)+len(x.text) > MaxCellBytes*6 { // an entity takes at most six bytes for each byte it stands for
		c.s, c.long = "", true
		return nil
	}
	s := ""
	var err error
	if x.cdata {
		s = string(x.text)
	} else if s, err = xmlUnescape(x.text); err != nil {
		return err
	}
	if c.s == "" {
		c.s = s
	} else {
		c.s += s
	}
	if len(c.s) > MaxCellBytes {
		c.s, c.long = "", true
	}
	return nil
}

// rows reads the cells of one sheet. limit > 0 stops after that many rows, for a look at the headers.
func (f *xlsxFile) rows(s xlsxSheet, limit int) (*sheet, error) {
	b, err := f.part(s.part)
	if err != nil {
		return nil, err
	}
	out := &sheet{name: s.name, date1904: f.date1904}
	cut := func() error { return errCut(shown(path.Base(s.part))) }
	x := xmlScan{b: b}
	var merges [][4]int
	line, inData := 0, false
	for {
		t, err := x.next()
		if err != nil {
			return nil, cut()
		}
		if t == xmlEOF {
			break
		}
		switch {
		case t == xmlEnd && x.name == "sheetData":
			inData = false
		case t != xmlStart:
		case x.name == "sheetData":
			inData = true
		case x.name == "row" && inData:
			line++
			if v, ok := x.attr("r"); ok {
				n, err := strconv.Atoi(string(v))
				if err != nil || n < line || n > 1<<20 {
					return nil, cut()
				}
				line = n
			}
			row, err := f.row(&x, line)
			if err != nil {
				var p Problem
				if errors.As(err, &p) {
					return nil, p
				}
				return nil, cut()
			}
			if row.cells != nil {
				if len(out.rows) >= MaxRows+MaxHeaderRows {
					return nil, Problem{Code: TooManyRows, Args: []string{strconv.Itoa(MaxRows)}}
				}
				out.rows = append(out.rows, row)
				if limit > 0 && len(out.rows) >= limit {
					return out, nil
				}
			}
		case x.name == "mergeCell":
			v, _ := x.attr("ref")
			if m, ok := parseRange(string(v)); ok && len(merges) < 100_000 {
				merges = append(merges, m)
			}
		}
	}
	markMerged(out.rows, merges)
	return out, nil
}

// row reads up to the end tag of the row that x stands on. A row with no value gives no cells.
func (f *xlsxFile) row(x *xmlScan, line int) (tableRow, error) {
	row := tableRow{line: line}
	depth, col, any := len(x.stack), -1, false
	for {
		t, err := x.next()
		if err != nil {
			return row, err
		}
		switch {
		case t == xmlEOF:
			return row, errXML
		case t == xmlEnd && len(x.stack) == depth-1:
			if !any {
				row.cells = nil
			}
			return row, nil
		case t == xmlStart && x.name == "c" && len(x.stack) == depth+1:
			col++
			if ref, ok := x.attr("r"); ok {
				n, ok := columnOf(ref)
				if !ok || n < col {
					return row, errXML
				}
				col = n
			}
			c, err := f.cell(x)
			if err != nil {
				return row, err
			}
			if c == (cell{}) {
				continue
			}
			if col >= MaxColumns {
				return row, Problem{Line: line, Code: TooManyColumns, Args: []string{strconv.Itoa(MaxColumns)}}
			}
			if row.cells == nil {
				row.cells = make([]cell, 0, 32)
			}
			for len(row.cells) <= col {
				row.cells = append(row.cells, cell{})
			}
			row.cells[col] = c
			any = any || !c.blank()
		}
	}
}

// cell reads one c element (ECMA-376 Part 1, 18.3.1.4) up to its end tag.
func (f *xlsxFile) cell(x *xmlScan) (cell, error) {
	var c cell
	kind, _ := x.attr("t")
	kindName := string(kind)
	depth, inV, hasValue := len(x.stack), false, false
	for {
		t, err := x.next()
		if err != nil {
			return c, err
		}
		switch t {
		case xmlEOF:
			return c, errXML
		case xmlStart:
			inV = x.name == "v"
			hasValue = hasValue || inV || x.name == "is"
			switch x.name {
			case "f":
				c.formula = true
			case "is":
				rich, err := x.richText("is")
				if err != nil {
					return c, err
				}
				c.s, c.long = rich.s, rich.long
			}
		case xmlText:
			if inV {
				if err := c.add(x); err != nil {
					return c, err
				}
			}
		case xmlEnd:
			inV = false
			if len(x.stack) == depth-1 {
				if c.formula && !hasValue {
					return cell{formula: true, noValue: true}, nil
				}
				return f.typed(c, kindName)
			}
		}
	}
}

func (f *xlsxFile) typed(c cell, kind string) (cell, error) {
	if c.s == "" && !c.long {
		return cell{}, nil
	}
	switch kind {
	case "s":
		n, err := strconv.Atoi(strings.TrimSpace(c.s))
		if err != nil || n < 0 || n >= len(f.shared) {
			return c, errXML
		}
		return f.shared[n], nil
	case "str", "inlineStr", "d":
		return c, nil
	case "b":
		c.s = map[bool]string{true: "true", false: "false"}[c.s == "1" || c.s == "true"]
		return c, nil
	case "e":
		c.s, c.isErr = "", true
		return c, nil
	case "", "n":
		v, err := strconv.ParseFloat(strings.TrimSpace(c.s), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return c, errXML
		}
		c.numeric = true
		c.mangled = math.Abs(v) >= 1e15 // beyond 15 digits a spreadsheet rounds
		c.s = strconv.FormatFloat(v, 'f', -1, 64)
		if len(c.s) > 40 {
			c.s, c.mangled = "", true
		}
		return c, nil
	}
	return c, fmt.Errorf("%w: cell type", errXML)
}

// columnOf is the zero-based column of a reference such as AB12.
func columnOf(ref []byte) (int, bool) {
	n, i := 0, 0
	for ; i < len(ref) && ref[i] >= 'A' && ref[i] <= 'Z'; i++ {
		if n = n*26 + int(ref[i]-'A') + 1; n > 16384 {
			return 0, false
		}
	}
	if i == 0 {
		return 0, false
	}
	return n - 1, true
}

// parseRange reads A2:C5 as first row, first column, last row, last column.
func parseRange(s string) ([4]int, bool) {
	a, b, ok := strings.Cut(s, ":")
	if !ok {
		return [4]int{}, false
	}
	split := func(s string) (row, col int, ok bool) {
		col, ok = columnOf([]byte(s))
		row, err := strconv.Atoi(strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		return row, col, ok && err == nil
	}
	r1, c1, ok1 := split(a)
	r2, c2, ok2 := split(b)
	return [4]int{r1, c1, r2, c2}, ok1 && ok2 && r1 <= r2
}

// markMerged marks every row that a merged range covers; the cost is bounded by the rows, whatever the ranges say.
func markMerged(rows []tableRow, merges [][4]int) {
	if len(merges) == 0 || len(rows) == 0 {
		return
	}
	slices.SortFunc(merges, func(a, b [4]int) int { return a[0] - b[0] })
	last, m := 0, 0
	for i := range rows {
		for m < len(merges) && merges[m][0] <= rows[i].line {
			last = max(last, merges[m][2])
			m++
		}
		if rows[i].line <= last {
			rows[i].codes = append(rows[i].codes, MergedCells)
		}
	}
}

package hr

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Options says how a snapshot is read. The zero value reads any body's rows and takes nothing as a full snapshot.
type Options struct {
	EDRPOU   string   // the body whose file this is; rows of other bodies are set aside, rows without a code are its own
	BodyName string   // for rows that do not name the body
	Mapping  *Mapping // headers and status words that the package does not know
	Sheet    string   // sheet of a workbook; "" takes the one that has the headers
	Full     bool     // the operator says: this is everybody. Counts only together with a total
	Total    int      // rows the operator or the sender states; 0 not stated. A total in the file must agree

	// Progress, when set, is called now and then with the rows done and the rows known of (0 when not known yet).
	Progress func(done, total int)
}

// Snapshot is what a file says of a body's people.
type Snapshot struct {
	File     string
	Format   string // "csv", "xlsx" or "jsonl"
	Encoding string // of a CSV or JSON lines file: "utf-8", "utf-8-bom" or "windows-1251"
	Sheet    string // of a workbook
	Digest   Hash   // SHA-256 of the file
	EDRPOU   string // of Options or of the file; "" when neither says
	AsOf     Date   // the day the file says it shows; zero when it does not say
	Full     bool   // said to hold everybody
	Total    int    // rows stated; -1 when not stated
	Rows     int    // data rows read, good and bad

	Records  []Record   // rows to go by, in file order; with StatusOnly rows among them
	SetAside []SetAside // rows that wait for correction, in file order
	Problems []Problem  // of the file as a whole, and warnings of rows that were taken

	// PhotosAttached is true after Photos.Attach; until then photos are left out of every comparison.
	PhotosAttached bool

	columns      [numFields]bool // what the file has; a column it does not have says nothing
	badDirective bool
}

// SetAside is a row that waits for correction, with what could be read of it.
type SetAside struct {
	Record   Record
	Problems []Problem
}

// AbsenceMeansLeave says whether a person missing from the snapshot has left: only when it is said to be full, states its
// total, and as many rows were read.
func (s *Snapshot) AbsenceMeansLeave() bool {
	return s.Full && s.Total > 0 && s.Total == s.Rows && !s.badDirective
}

// ReadFrom reads a whole file from r, at most MaxFileBytes, and calls Read.
func ReadFrom(name string, r io.Reader, opt Options) (*Snapshot, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	return Read(name, data, opt)
}

// Read reads a snapshot. What kind of file it is shows from its bytes, never from its name; name is only for messages.
// An error means that the file as a whole is not usable, and is a Problem; bad rows are in Snapshot.SetAside.
func Read(name string, data []byte, opt Options) (*Snapshot, error) {
	b := &builder{opt: opt, snap: &Snapshot{File: shown(name), Digest: sha256.Sum256(data), EDRPOU: opt.EDRPOU, Full: opt.Full, Total: -1}}
	if opt.Total > 0 {
		b.snap.Total = opt.Total
	}
	err := b.file(data)
	if err != nil {
		var p Problem
		if errors.As(err, &p) {
			p.File = b.snap.File
			return nil, p
		}
		return nil, err
	}
	return b.snap, nil
}

type builder struct {
	opt     Options
	snap    *Snapshot
	headers [numFields]string // as the file spells them
}

func (b *builder) file(data []byte) error {
	if opt := b.opt.EDRPOU; opt != "" && !ValidEDRPOU(opt) {
		return Problem{Code: BadEDRPOU}
	}
	if len(data) > MaxFileBytes {
		return Problem{Code: FileTooLarge, Args: []string{strconv.Itoa(MaxFileBytes >> 20)}}
	}
	var err error
	switch first := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n"); {
	case len(first) == 0:
		return Problem{Code: EmptyFile}
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		err = b.xlsx(data)
	case bytes.HasPrefix(data, []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}): // OLE: XLS, or an encrypted XLSX
		return Problem{Code: EncryptedFile}
	case first[0] == '{':
		err = b.jsonLines(data)
	default:
		err = b.csv(data)
	}
	if err != nil {
		return err
	}
	if b.snap.Rows == 0 && !(b.snap.Full && b.snap.Total == 0) {
		return Problem{Code: EmptyFile}
	}
	return b.finish()
}

func (b *builder) csv(data []byte) error {
	text, enc, err := decodeText(data)
	if err != nil {
		return err
	}
	b.snap.Format, b.snap.Encoding = "csv", enc
	var best header
	bestDelim, found := byte(';'), false
	for _, d := range []byte{';', ',', '\t'} {
		var top []tableRow
		if err := readCSV(text, d, func(r tableRow) (bool, error) {
			top = append(top, r)
			return len(top) < MaxHeaderRows, nil
		}); err != nil {
			return err
		}
		if h, ok := b.findHeader(top); ok && (!found || h.known > best.known) {
			best, bestDelim, found = h, d, true
		}
	}
	if !found {
		return noHeader()
	}
	if err := b.setHeader(best); err != nil {
		return err
	}
	lines := bytes.Count(text, []byte{'\n'})
	n := 0
	return readCSV(text, bestDelim, func(r tableRow) (bool, error) {
		if n++; n%1024 == 0 {
			b.progress(n, max(n, lines))
		}
		return true, b.tableRow(r, best, false)
	})
}

func (b *builder) xlsx(data []byte) error {
	f, err := openXLSX(data)
	if err != nil {
		return err
	}
	b.snap.Format = "xlsx"
	var use *xlsxSheet
	var names []string
	var best header
	var why error
	for i := range f.sheets {
		s := &f.sheets[i]
		if b.opt.Sheet != "" && s.name != b.opt.Sheet || b.opt.Sheet == "" && s.hidden {
			continue
		}
		top, err := f.rows(*s, MaxHeaderRows)
		if err != nil {
			return err
		}
		h, ok := b.findHeader(top.rows)
		if !ok {
			continue
		}
		if miss := missing(h); miss != "" {
			why = Problem{Code: MissingHeaders, Args: []string{miss}}
			if b.opt.Sheet == "" {
				continue
			}
		}
		names = append(names, shown(s.name))
		use, best = s, h
	}
	switch {
	case len(names) == 0 && why != nil:
		return why
	case len(names) == 0:
		return noHeader()
	case len(names) > 1:
		return Problem{Code: WhichSheet, Args: []string{strings.Join(names, ", ")}}
	}
	if err := b.setHeader(best); err != nil {
		return err
	}
	b.snap.Sheet = use.name
	sh, err := f.rows(*use, 0)
	if err != nil {
		return err
	}
	for i, r := range sh.rows {
		if i%1024 == 0 {
			b.progress(i, len(sh.rows))
		}
		if err := b.tableRow(r, best, sh.date1904); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) jsonLines(data []byte) error {
	text, enc, err := decodeText(data)
	if err != nil {
		return err
	}
	b.snap.Format, b.snap.Encoding = "jsonl", enc
	b.headers = fieldNames
	total := bytes.Count(text, []byte{'\n'}) + 1
	warned := map[string]bool{}
	for n := 1; len(text) > 0; n++ {
		end := bytes.IndexByte(text, '\n')
		line := text
		if end >= 0 {
			line, text = text[:end], text[end+1:]
		} else {
			text = nil
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if n%1024 == 0 {
			b.progress(n, total)
		}
		if len(line) > MaxLineBytes {
			if err := b.row(n, &[numFields]cell{}, []Code{BadJSON}, nil, false); err != nil {
				return err
			}
			continue
		}
		if bytes.HasPrefix(bytes.TrimLeft(line[1:], " "), []byte(`"#`)) {
			b.jsonDirective(n, line)
			continue
		}
		cells, keys, unknown, codes := jsonRow(line, b.opt.Mapping)
		for f, k := range keys {
			if k != "" {
				b.snap.columns[f] = true
			}
		}
		for _, u := range unknown {
			if !warned[u] && len(warned) < MaxColumns {
				warned[u] = true
				b.warn(n, shown(u), UnknownHeader)
			}
		}
		if err := b.row(n, &cells, codes, nil, false); err != nil {
			return err
		}
	}
	return nil
}

// header is the row that names the columns.
type header struct {
	line   int
	fields []int // field of each column, -1 unknown
	cells  []cell
	known  int
}

// findHeader picks the row with the most known headers, at least two, the first among equals.
func (b *builder) findHeader(rows []tableRow) (header, bool) {
	var best header
	for _, r := range rows {
		if isDirective(r) {
			continue
		}
		h := header{line: r.line, cells: r.cells, fields: make([]int, len(r.cells))}
		for i, c := range r.cells {
			h.fields[i] = -1
			if f, ok := b.opt.Mapping.field(c.s); ok && !c.numeric {
				h.fields[i] = int(f)
				h.known++
			}
		}
		if h.known >= 2 && h.known > best.known {
			best = h
		}
	}
	return best, best.known >= 2
}

func noHeader() error {
	return Problem{Code: MissingHeaders, Args: []string{missing(header{})}}
}

// missing names the mandatory columns that a header lacks: something to know the person by, and either name and position or
// a status (a file of leaves needs no more).
func missing(h header) string {
	var has [numFields]bool
	for _, f := range h.fields {
		if f >= 0 {
			has[f] = true
		}
	}
	var out []string
	if !has[fRNOKPP] && !has[fUNZR] && !has[fStaffNumber] {
		out = append(out, headerWords[fRNOKPP][0]+" / "+headerWords[fUNZR][0]+" / "+headerWords[fStaffNumber][0])
	}
	if !has[fStatus] || has[fPosition] || has[fSurname] || has[fFullName] {
		if !has[fFullName] {
			for _, f := range []field{fSurname, fGivenName} {
				if !has[f] {
					out = append(out, headerWords[f][0])
				}
			}
		}
		if !has[fPosition] {
			out = append(out, headerWords[fPosition][0])
		}
	}
	return strings.Join(out, ", ")
}

func (b *builder) setHeader(h header) error {
	if miss := missing(h); miss != "" {
		return Problem{Line: h.line, Code: MissingHeaders, Args: []string{miss}}
	}
	for i, f := range h.fields {
		title := shown(h.cells[i].s)
		if f < 0 {
			if title != "" {
				b.warn(h.line, title, UnknownHeader)
			}
			continue
		}
		if b.snap.columns[f] {
			return Problem{Line: h.line, Code: DuplicateHeader, Args: []string{b.headers[f] + ", " + title}}
		}
		b.snap.columns[f], b.headers[f] = true, title
	}
	return nil
}

func (b *builder) progress(done, total int) {
	if b.opt.Progress != nil {
		b.opt.Progress(done, total)
	}
}

func (b *builder) warn(line int, column string, c Code, args ...string) {
	b.snap.Problems = append(b.snap.Problems, Problem{File: b.snap.File, Line: line, Column: column, Code: c, Args: args, Warning: true})
}

func isDirective(r tableRow) bool {
	if len(r.cells) == 0 {
		return false
	}
	s := strings.TrimSpace(r.cells[0].s)
	return len(s) > 1 && s[0] == '#' && s[1] != ' '
}

// directive takes "#key value" in one cell or two.
func (b *builder) directive(line int, key, value string) {
	bad := func() {
		b.snap.badDirective = true
		b.snap.Problems = append(b.snap.Problems, Problem{File: b.snap.File, Line: line, Code: BadDirective})
	}
	value = strings.TrimSpace(value)
	switch headerKey(strings.TrimPrefix(key, "#")) {
	case "всього", "усього", "total":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > MaxRows || b.snap.Total >= 0 && b.snap.Total != n {
			bad()
			return
		}
		b.snap.Total = n
	case "повний", "full":
		switch headerKey(value) {
		case "", "так", "true", "yes", "1":
			b.snap.Full = true
		case "ні", "false", "no", "0":
			b.snap.Full = false
		default:
			bad()
		}
	case "станом на", "as of":
		d, err := ParseDate(value)
		if err != nil || !b.snap.AsOf.IsZero() && b.snap.AsOf != d {
			bad()
			return
		}
		b.snap.AsOf = d
	case "єдрпоу", "edrpou":
		if v, ok := restoreZeros(value, 8, 5, ValidEDRPOU); ok {
			value = v
		}
		if !ValidEDRPOU(value) || b.snap.EDRPOU != "" && b.snap.EDRPOU != value {
			bad()
			return
		}
		b.snap.EDRPOU = value
	default:
		bad()
	}
}

func (b *builder) jsonDirective(n int, line []byte) {
	type pair struct{ k, v string }
	var pairs []pair
	ok := jsonPairs(line, func(k, v string) { pairs = append(pairs, pair{k, v}) })
	if !ok || len(pairs) == 0 || len(pairs) > 8 {
		b.directive(n, "#", "")
		return
	}
	for _, p := range pairs {
		b.directive(n, p.k, p.v)
	}
}

func (b *builder) tableRow(r tableRow, h header, date1904 bool) error {
	blank := len(r.codes) == 0 || r.codes[0] == MergedCells && len(r.codes) == 1
	for _, c := range r.cells {
		blank = blank && c.blank()
	}
	if blank {
		return nil
	}
	if isDirective(r) {
		key, value, ok := strings.Cut(strings.TrimSpace(r.cells[0].s), ":")
		if !ok {
			for _, c := range r.cells[1:] {
				if !c.blank() {
					value = c.s
					// A date typed into a sheet is kept as a day number; no other directive takes one that large.
					if d, err := fromExcelSerial(digits(c.s), date1904); c.numeric && err == nil && len(c.s) == 5 {
						value = d.String()
					}
					break
				}
			}
		}
		b.directive(r.line, key, value)
		return nil
	}
	if r.line <= h.line {
		return nil
	}
	var cells [numFields]cell
	for i, c := range r.cells {
		switch {
		case i >= len(h.fields):
			if !c.blank() {
				r.mark(TooManyCells)
			}
		case h.fields[i] >= 0:
			cells[h.fields[i]] = c
		}
	}
	return b.row(r.line, &cells, r.codes, &date1904, true)
}

// row turns the cells of one data row into a Record, good or set aside.
func (b *builder) row(line int, cells *[numFields]cell, codes []Code, date1904 *bool, table bool) error {
	s := b.snap
	if s.Rows++; s.Rows > MaxRows {
		return Problem{Code: TooManyRows, Args: []string{strconv.Itoa(MaxRows)}}
	}
	r := rowReader{b: b, cells: cells, rec: Record{File: s.File, Line: line}}
	if date1904 != nil {
		r.date1904, r.serials = *date1904, table && s.Format == "xlsx"
	}
	for _, c := range codes {
		args := []string(nil)
		if c == CellTooLong {
			args = []string{strconv.Itoa(MaxCellBytes)}
		}
		r.problems = append(r.problems, Problem{File: s.File, Line: line, Code: c, Args: args})
	}
	r.read()
	if slices.ContainsFunc(codes, func(c Code) bool { return c == BadQuote || c == UnterminatedQuote || c == CellTooLong }) {
		// The cells of such a row are a guess; what they seem to lack is noise beside the cause.
		r.problems, r.rec.Problems = r.problems[:len(codes)], nil
	}
	if len(r.problems) == 0 {
		s.Records = append(s.Records, r.rec)
		s.Problems = append(s.Problems, r.rec.Problems...)
		return nil
	}
	all := append(r.problems, r.rec.Problems...)
	if r.statesStop() {
		r.rec.StatusOnly, r.rec.Problems = true, all
		s.Records = append(s.Records, r.rec)
		return nil
	}
	r.rec.Problems = nil
	s.SetAside = append(s.SetAside, SetAside{Record: r.rec, Problems: all})
	return nil
}

// finish looks at the rows together: totals, duplicates, numbers that two people share.
func (b *builder) finish() error {
	s := b.snap
	if s.Full && s.Total < 0 {
		s.Problems = append(s.Problems, Problem{File: s.File, Code: TotalMissing})
	}
	if s.Total >= 0 && s.Total != s.Rows {
		s.Problems = append(s.Problems, Problem{File: s.File, Code: TotalMismatch, Args: []string{strconv.Itoa(s.Total), strconv.Itoa(s.Rows)}})
	}
	found := make([][]Problem, len(s.Records))
	add := func(i int, c Code, other int) {
		r := &s.Records[i]
		found[i] = append(found[i], Problem{File: r.File, Line: r.Line, Code: c, Args: []string{strconv.Itoa(other)}})
	}
	b.duplicates(add)
	b.sharedNumbers(add)
	kept := s.Records[:0]
	for i := range s.Records {
		if len(found[i]) > 0 {
			s.SetAside = append(s.SetAside, SetAside{Record: s.Records[i], Problems: found[i]})
			continue
		}
		kept = append(kept, s.Records[i])
	}
	clear(s.Records[len(kept):])
	s.Records = kept
	slices.SortStableFunc(s.SetAside, func(a, b SetAside) int { return a.Record.Line - b.Record.Line })
	slices.SortStableFunc(s.Problems, func(a, b Problem) int { return a.Line - b.Line })
	b.progress(s.Rows, s.Rows)
	return nil
}

// idOf is whose row it is, for comparing rows of one file.
func idOf(r *Record) string {
	switch {
	case r.RNOKPP != "":
		return "r" + r.RNOKPP
	case r.UNZR != "":
		return "u" + r.UNZR
	}
	return "s" + r.EDRPOU + r.StaffNumber
}

// stops says whether the record takes rights away: such rows are never set aside for what other rows say.
func (r *Record) stops() bool { return r.Status == StatusDismissed || r.Status == StatusSuspended }

func (b *builder) duplicates(add func(i int, c Code, other int)) {
	type post struct{ id, edrpou, staff, unit, position string }
	rows := b.snap.Records
	first := make(map[post]int, len(rows))
	stop := map[post]int{}
	key := func(r *Record) post { return post{idOf(r), r.EDRPOU, r.StaffNumber, r.Unit, r.Position} }
	for i := range rows {
		if rows[i].stops() && !rows[i].StatusOnly {
			if _, ok := stop[key(&rows[i])]; !ok {
				stop[key(&rows[i])] = i
			}
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.stops() {
			continue
		}
		k := key(r)
		if j, ok := stop[k]; ok {
			add(i, ContradictsLeave, rows[j].Line)
			continue
		}
		j, ok := first[k]
		switch {
		case !ok:
			first[k] = i
		case len(Changed(&rows[j], r)) == 0 && rows[j].UNZR == r.UNZR:
			add(i, DuplicateRow, rows[j].Line)
		default:
			add(i, DuplicateConflict, rows[j].Line)
			add(j, DuplicateConflict, r.Line)
		}
	}
}

func (b *builder) sharedNumbers(add func(i int, c Code, other int)) {
	rows := b.snap.Records
	check := func(code Code, key func(*Record) string) {
		owner := make(map[string]int, len(rows))
		for i := range rows {
			r := &rows[i]
			k := key(r)
			if k == "" || r.stops() {
				continue
			}
			j, ok := owner[k]
			if !ok {
				owner[k] = i
				continue
			}
			o := &rows[j]
			same := idOf(o) == idOf(r) || (o.RNOKPP == "" || r.RNOKPP == "") && o.FullName() == r.FullName()
			if !same {
				add(i, code, o.Line)
				add(j, code, r.Line)
			}
		}
	}
	check(SharedStaffNumber, func(r *Record) string {
		if r.StaffNumber == "" {
			return ""
		}
		return r.EDRPOU + r.StaffNumber
	})
	check(SharedPlastic, func(r *Record) string {
		if r.Plastic.Number == "" {
			return ""
		}
		return r.Plastic.Series + "\x00" + r.Plastic.Number
	})
	check(SharedPlastic, func(r *Record) string { return r.Plastic.CarrierNumber })
}

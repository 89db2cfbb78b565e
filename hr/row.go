package hr

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rowReader reads one row.
type rowReader struct {
	b        *builder
	cells    *[numFields]cell
	rec      Record
	problems []Problem
	foreign  bool
	date1904 bool
	serials  bool // numbers in date columns are spreadsheet day numbers
}

func (r *rowReader) bad(f field, c Code, args ...string) {
	r.problems = append(r.problems, Problem{File: r.rec.File, Line: r.rec.Line, Column: r.b.headers[f], Code: c, Args: args})
}

func (r *rowReader) warn(f field, c Code) {
	r.rec.Problems = append(r.rec.Problems, Problem{File: r.rec.File, Line: r.rec.Line, Column: r.b.headers[f], Code: c, Warning: true})
}

// raw is the cleaned text of a cell; ok is false when the cell is unusable, and then the problem is noted.
func (r *rowReader) raw(f field, clean func(string) (string, bool)) (string, bool) {
	c := &r.cells[f]
	switch {
	case c.isErr:
		r.bad(f, CellError)
		return "", false
	case c.noValue:
		r.bad(f, FormulaNoValue)
		return "", false
	case c.long:
		r.bad(f, CellTooLong, strconv.Itoa(MaxCellBytes))
		return "", false
	}
	s, bad := clean(c.s)
	if bad {
		r.bad(f, BadText)
		return "", false
	}
	if c.formula && s != "" {
		r.warn(f, FormulaCell)
	}
	return s, true
}

// statesStop says whether the row states a leave or suspension of a person it can name, in a row of this body.
func (r *rowReader) statesStop() bool {
	return (r.rec.Status == StatusDismissed || r.rec.Status == StatusSuspended) && hasKey(&r.rec) && !r.foreign
}

func hasKey(r *Record) bool {
	return r.RNOKPP != "" || r.UNZR != "" || r.StaffNumber != "" && r.EDRPOU != ""
}

func (r *rowReader) read() {
	rec := &r.rec
	r.status()
	r.body()
	rec.RNOKPP = r.number(fRNOKPP, 10, 4, ValidRNOKPP, BadRNOKPP)
	rec.UNZR = r.unzr()
	rec.StaffNumber = r.short(fStaffNumber, false)
	if !hasKey(rec) {
		r.problems = append(r.problems, Problem{File: rec.File, Line: rec.Line, Code: NoPersonKey})
	}
	if rec.stops() && r.empty(fSurname, fGivenName, fFullName, fPosition) {
		r.order()
		rec.StatusOnly = true
		return // a leave or suspension needs nothing but the person key
	}
	r.names()
	r.birth()
	r.post()
	r.plastic()
	r.order()
	rec.PhotoRef = r.photo()
}

func (r *rowReader) empty(fs ...field) bool {
	for _, f := range fs {
		if !r.cells[f].blank() {
			return false
		}
	}
	return true
}

func (r *rowReader) status() {
	s, ok := r.raw(fStatus, cleanText)
	switch st, known := r.b.opt.Mapping.status(s); {
	case !ok:
	case s == "":
		r.rec.Status = StatusActive
	case !known:
		r.bad(fStatus, BadStatus)
	default:
		r.rec.Status, r.rec.StatusStated = st, true
	}
}

func (r *rowReader) body() {
	own := r.b.snap.EDRPOU
	code := r.number(fEDRPOU, 8, 5, ValidEDRPOU, BadEDRPOU)
	r.rec.EDRPOU = cmp.Or(code, own)
	if r.rec.EDRPOU == "" && len(r.problems) == 0 {
		r.bad(fEDRPOU, MissingField)
	}
	if code != "" && own != "" && code != own {
		r.foreign = true
		r.bad(fEDRPOU, ForeignBody, code)
	}
	r.rec.BodyName = r.text(fBodyName)
	if r.rec.BodyName == "" {
		r.rec.BodyName = r.b.opt.BodyName
	}
}

// number reads a code of digits with a check digit, and gives back zeros that a spreadsheet cut off when the check digit
// confirms them.
func (r *rowReader) number(f field, width, maxLost int, valid func(string) bool, code Code) string {
	c := &r.cells[f]
	s, ok := r.raw(f, cleanText)
	if !ok || s == "" && !c.mangled {
		return ""
	}
	if c.mangled || strings.ContainsAny(s, "eE,.") && strings.Trim(s, "0123456789eE+,.") == "" {
		r.bad(f, NumberMangled)
		return ""
	}
	if valid(s) {
		return s
	}
	if p, ok := restoreZeros(s, width, maxLost, valid); ok {
		r.warn(f, ZerosRestored)
		return p
	}
	r.bad(f, code)
	return ""
}

func (r *rowReader) unzr() string {
	s, ok := r.raw(fUNZR, cleanText)
	if !ok || s == "" {
		return ""
	}
	s = strings.Map(func(c rune) rune {
		if isDash(c) {
			return '-'
		}
		return c
	}, s)
	if r.cells[fUNZR].numeric || !ValidUNZR(s) {
		r.bad(fUNZR, BadUNZR)
		return ""
	}
	return s
}

// text reads a long text: unit, position, body name, ground.
func (r *rowReader) text(f field) string {
	s, ok := r.raw(f, cleanText)
	switch {
	case !ok || s == "":
		return ""
	case utf8.RuneCountInString(s) > MaxTextRunes:
		r.bad(f, TextTooLong, strconv.Itoa(MaxTextRunes))
		return ""
	case formulaText(s):
		r.bad(f, FormulaText)
		return ""
	case mixedScript(s):
		r.bad(f, LatinLookAlike)
		return ""
	}
	return s
}

// short reads a number-like text: staff number, series and number of the ID, order number.
func (r *rowReader) short(f field, upper bool) string {
	c := &r.cells[f]
	s, ok := r.raw(f, cleanText)
	switch {
	case !ok || s == "" && !c.mangled:
		return ""
	case c.mangled || c.numeric && strings.Contains(s, "."):
		r.bad(f, NumberMangled)
		return ""
	case utf8.RuneCountInString(s) > MaxShortRunes:
		r.bad(f, TextTooLong, strconv.Itoa(MaxShortRunes))
		return ""
	case formulaText(s):
		r.bad(f, FormulaText)
		return ""
	case mixedScript(s):
		r.bad(f, LatinLookAlike)
		return ""
	}
	if upper {
		s = strings.ToUpper(s)
	}
	return s
}

func (r *rowReader) name(f field, mandatory bool) string {
	s, ok := r.raw(f, cleanName)
	switch {
	case !ok:
		return ""
	case s == "":
		if mandatory {
			r.bad(f, MissingField)
		}
		return ""
	case formulaText(s):
		r.bad(f, FormulaText)
		return ""
	}
	if c := nameCode(s); c != "" {
		r.bad(f, c, strconv.Itoa(MaxNameRunes))
		return ""
	}
	return s
}

func (r *rowReader) names() {
	rec := &r.rec
	if full := &r.cells[fFullName]; !full.blank() && r.empty(fSurname, fGivenName, fPatronymic) {
		s, ok := r.raw(fFullName, cleanName)
		w := strings.Fields(s)
		switch {
		case !ok:
		case len(w) != 2 && len(w) != 3:
			r.bad(fFullName, NameUnclear)
		default:
			for i, dst := range []*string{&rec.Surname, &rec.GivenName, &rec.Patronymic}[:len(w)] {
				if c := nameCode(w[i]); c != "" {
					r.bad(fFullName, c, strconv.Itoa(MaxNameRunes))
					continue
				}
				*dst = w[i]
			}
		}
	} else {
		rec.Surname = r.name(fSurname, true)
		rec.GivenName = r.name(fGivenName, true)
		rec.Patronymic = r.name(fPatronymic, false)
	}
	lat := func(f field, from string) string {
		s, ok := r.raw(f, cleanText)
		if !ok || s == "" {
			return Transliterate(from)
		}
		if c := latinNameCode(s); c != "" {
			r.bad(f, c, strconv.Itoa(MaxNameRunes))
			return ""
		}
		return s
	}
	rec.SurnameLatin = lat(fSurnameLatin, rec.Surname)
	rec.GivenNameLatin = lat(fGivenNameLatin, rec.GivenName)
}

func (r *rowReader) date(f field) Date {
	c := &r.cells[f]
	s, ok := r.raw(f, cleanText)
	if !ok || s == "" && !c.mangled {
		return Date{}
	}
	if c.numeric && r.serials {
		if n := digits(s); n >= 0 && len(s) <= 6 && !c.mangled {
			if d, err := fromExcelSerial(n, r.date1904); err == nil {
				return d
			}
		}
		r.bad(f, BadDate)
		return Date{}
	}
	for _, midnight := range []string{"T00:00:00", " 00:00:00", "T00:00:00Z", "T00:00:00.000", "T00:00:00.000Z"} {
		if d, ok := strings.CutSuffix(s, midnight); ok {
			s = d
			break
		}
	}
	d, err := ParseDate(s)
	if err != nil {
		r.bad(f, BadDate)
	}
	return d
}

func (r *rowReader) birth() {
	rec := &r.rec
	rec.BirthDate = r.date(fBirthDate)
	if rec.BirthDate.IsZero() {
		return
	}
	if rec.RNOKPP != "" {
		if d, ok := birthOfRNOKPP(rec.RNOKPP); ok && d != rec.BirthDate {
			r.warn(fRNOKPP, BirthMismatch)
		}
	}
	if rec.UNZR != "" && birthOfUNZR(rec.UNZR) != rec.BirthDate {
		r.warn(fUNZR, BirthMismatch)
	}
}

func (r *rowReader) post() {
	rec := &r.rec
	rec.Unit = r.text(fUnit)
	rec.UnitEN = r.text(fUnitEN)
	rec.Position = r.text(fPosition)
	if r.cells[fPosition].blank() {
		r.bad(fPosition, MissingField)
	}
	rec.PositionEN = r.text(fPositionEN)
	rec.Category = r.category()
	rec.Rank = r.rank()
	if rec.Category != "" && rec.Rank != 0 && !rankOf(rec.Category, rec.Rank) {
		r.bad(fRank, RankCategory)
	}
	rec.Official = r.official()
	if s, ok := r.raw(fKATOTTG, cleanText); ok && s != "" {
		if ValidKATOTTG(s) {
			rec.KATOTTG = s
		} else {
			r.bad(fKATOTTG, BadKATOTTG)
		}
	}
	rec.WorkPhone = r.contact(fWorkPhone, validPhone)
	rec.WorkEmail = r.contact(fWorkEmail, validEmail)
	rec.From, rec.Until = r.date(fFrom), r.date(fUntil)
	if !rec.Until.IsZero() && rec.Until.Before(rec.From) {
		r.bad(fUntil, DateOrder, rec.From.UA()+" – "+rec.Until.UA())
	}
}

// contact reads what only the directory shows. A bad one is left out with a warning: it holds back nobody's ID.
func (r *rowReader) contact(f field, valid func(string) bool) string {
	s, ok := r.raw(f, cleanText)
	if !ok || s == "" {
		return ""
	}
	if !valid(s) {
		r.warn(f, BadContact)
		return ""
	}
	return s
}

// validPhone takes a number as people write it: an optional +, 3 to 15 digits (ITU-T E.164), spaces, hyphens, brackets, and
// an extension of up to 6 digits after "дод." or "ext.".
func validPhone(s string) bool {
	if len(s) > 64 {
		return false
	}
	number, extension := s, ""
	for _, word := range []string{"дод.", "ext."} {
		if before, after, ok := strings.Cut(s, word); ok {
			number, extension = before, strings.TrimSpace(after)
			if extension == "" || len(extension) > 6 || !allDigits(extension) {
				return false
			}
		}
	}
	digits := 0
	for i, c := range strings.TrimSpace(number) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '+' && i == 0, c == ' ', c == '-', c == '(', c == ')':
		default:
			return false
		}
	}
	return digits >= 3 && digits <= 15
}

// validEmail takes one plain address (RFC 5321, Section 4.1.2): a dot-atom, @, and a domain of at least two labels.
func validEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > 254 || len(local) == 0 || len(local) > 64 || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(s, "..") {
		return false
	}
	for _, c := range local {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".!#$%&'*+/=?^_`{|}~-", c)) {
			return false
		}
	}
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	return true
}

func (r *rowReader) category() string {
	s, ok := r.raw(fCategory, cleanText)
	if !ok {
		return ""
	}
	k := strings.ToUpper(strings.TrimSpace(strings.TrimPrefix(strings.ToLower(s), "категорія")))
	switch k {
	case "", "-", "—", "–":
		return ""
	case "А", "Б", "В":
		return k
	case "A", "B":
		r.bad(fCategory, LatinLookAlike)
	default:
		r.bad(fCategory, BadCategory)
	}
	return ""
}

func (r *rowReader) rank() uint8 {
	s, ok := r.raw(fRank, cleanText)
	if !ok || s == "" || s == "-" || s == "—" || s == "–" {
		if r.cells[fRank].mangled {
			r.bad(fRank, BadRank)
		}
		return 0
	}
	var n uint8
	for _, w := range strings.Fields(headerKey(s)) {
		switch {
		case w == "ранг" || w == "й" || w == "rank":
		case len(w) == 1 && w[0] >= '1' && w[0] <= '9' && n == 0:
			n = w[0] - '0'
		default:
			r.bad(fRank, BadRank)
			return 0
		}
	}
	if n == 0 || strings.ContainsAny(s, ".,") {
		r.bad(fRank, BadRank)
		return 0
	}
	return n
}

// rankOf says whether the rank belongs to the category: А 1–3, Б 3–6, В 6–9 (Закон 889-VIII).
func rankOf(category string, rank uint8) bool {
	switch category {
	case "А":
		return rank >= 1 && rank <= 3
	case "Б":
		return rank >= 3 && rank <= 6
	case "В":
		return rank >= 6 && rank <= 9
	}
	return false
}

func (r *rowReader) official() bool {
	s, ok := r.raw(fOfficial, cleanText)
	if !ok {
		return false
	}
	switch headerKey(s) {
	case "":
		return r.rec.Category != ""
	case "посадова особа", "так", "true", "official", "yes", "1":
		return true
	case "працівник", "працівниця", "ні", "false", "employee", "no", "0":
		return false
	}
	r.bad(fOfficial, BadOfficial)
	return false
}

func (r *rowReader) plastic() {
	p := &r.rec.Plastic
	p.Series = r.short(fPlasticSeries, true)
	p.Number = r.short(fPlasticNumber, true)
	p.Issued, p.Expires = r.date(fPlasticIssued), r.date(fPlasticExpires)
	if !p.Expires.IsZero() && p.Expires.Before(p.Issued) {
		r.bad(fPlasticExpires, DateOrder, p.Issued.UA()+" – "+p.Expires.UA())
	}
	s := r.short(fCarrierNumber, true)
	s = strings.Map(func(c rune) rune {
		if c == ':' || c == ' ' || isDash(c) {
			return -1
		}
		return c
	}, s)
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
		case c >= 'А' && c <= 'Я':
			r.bad(fCarrierNumber, LatinLookAlike)
			return
		default:
			r.bad(fCarrierNumber, BadText)
			return
		}
	}
	p.CarrierNumber = s
}

func (r *rowReader) order() {
	rec := &r.rec
	rec.Ground = groundOf(r.text(fGround))
	rec.OrderNumber = r.short(fOrderNumber, false)
	rec.OrderDate = r.date(fOrderDate)
}

var groundWords = []struct{ prefix, ground string }{
	{"звільн", GroundDismissal}, {"dismissal", GroundDismissal}, {"перевед", GroundTransfer}, {"transfer", GroundTransfer},
	{"зміна прізвища", GroundNameChange}, {"зміна імені", GroundNameChange}, {"name change", GroundNameChange},
	{"закінчення строку", GroundExpiry}, {"expiry", GroundExpiry}, {"втрата", GroundLoss}, {"loss", GroundLoss},
	{"пошкодження", GroundDamage}, {"damage", GroundDamage}, {"відсторонення", GroundSuspension},
	{"призупинення", GroundSuspension}, {"зупинення", GroundSuspension}, {"suspension", GroundSuspension},
	{"ліквідація", GroundLiquidation}, {"liquidation", GroundLiquidation}, {"помилка", GroundDataError},
	{"data error", GroundDataError}, {"смерть", GroundDeath}, {"death", GroundDeath},
}

// groundOf turns the usual words into a code and keeps any other text.
func groundOf(s string) string {
	k := headerKey(s)
	for _, g := range groundWords {
		if strings.HasPrefix(k, g.prefix) {
			return g.ground
		}
	}
	return s
}

func (r *rowReader) photo() string {
	s, ok := r.raw(fPhoto, cleanText)
	if !ok || s == "" {
		return ""
	}
	if strings.ContainsAny(s, `/\:*?"<>|`) || strings.HasPrefix(s, ".") || utf8.RuneCountInString(s) > 200 {
		r.bad(fPhoto, BadPhotoRef)
		return ""
	}
	return s
}

package hr

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// field is one column that the package knows.
type field int

const (
	fRNOKPP field = iota
	fUNZR
	fSurname
	fGivenName
	fPatronymic
	fFullName
	fSurnameLatin
	fGivenNameLatin
	fBirthDate
	fEDRPOU
	fBodyName
	fStaffNumber
	fUnit
	fUnitEN
	fPosition
	fPositionEN
	fCategory
	fRank
	fOfficial
	fKATOTTG
	fFrom
	fUntil
	fPlasticSeries
	fPlasticNumber
	fPlasticIssued
	fPlasticExpires
	fCarrierNumber
	fStatus
	fGround
	fOrderNumber
	fOrderDate
	fPhoto
	fWorkPhone
	fWorkEmail
	numFields
)

// fieldNames are the names used in JSON lines, mapping files and Problem.Column when a file has no headers.
var fieldNames = [numFields]string{"rnokpp", "unzr", "surname", "given_name", "patronymic", "full_name", "surname_latin",
	"given_name_latin", "birth_date", "edrpou", "body_name", "staff_number", "unit", "unit_en", "position", "position_en",
	"category", "rank", "official", "katottg", "employed_from", "employed_until", "plastic_series", "plastic_number",
	"plastic_issued", "plastic_expires", "carrier_number", "status", "ground", "order_number", "order_date", "photo", "work_phone", "work_email"}

// headerWords are the headers known without a mapping file, Ukrainian first; the first of each is the one that templates
// and messages use.
var headerWords = [numFields][]string{
	fRNOKPP:         {"РНОКПП", "ІПН", "Ідентифікаційний код", "Ідентифікаційний номер", "Податковий номер", "Реєстраційний номер облікової картки платника податків", "Tax number", "Tax ID", "RNTRC"},
	fUNZR:           {"УНЗР", "Унікальний номер запису в реєстрі", "Унікальний номер запису в ЄДДР", "Demographic register number"},
	fSurname:        {"Прізвище", "Last name", "Family name"},
	fGivenName:      {"Власне ім'я", "Ім'я", "First name", "Given name"},
	fPatronymic:     {"По батькові", "По батькові (за наявності)", "Middle name"},
	fFullName:       {"ПІБ", "Прізвище, власне ім'я, по батькові", "Прізвище, ім'я, по батькові", "Повне ім'я", "Full name", "Name"},
	fSurnameLatin:   {"Прізвище латиницею", "Прізвище (латиницею)", "Surname in Latin", "Surname (Latin)"},
	fGivenNameLatin: {"Ім'я латиницею", "Власне ім'я латиницею", "Ім'я (латиницею)", "Given name in Latin", "Given name (Latin)"},
	fBirthDate:      {"Дата народження", "Birth date", "Date of birth"},
	fEDRPOU:         {"ЄДРПОУ", "Код ЄДРПОУ", "Код органу", "Body code"},
	fBodyName:       {"Орган", "Назва органу", "Найменування органу", "Body", "Organisation", "Organization"},
	fStaffNumber:    {"Табельний номер", "Таб. №", "Табельний №", "Personnel number", "Employee number"},
	fUnit:           {"Структурний підрозділ", "Підрозділ", "Department"},
	fUnitEN:         {"Структурний підрозділ англійською", "Підрозділ англійською", "Unit in English"},
	fPosition:       {"Посада", "Найменування посади", "Post", "Job title"},
	fPositionEN:     {"Посада англійською", "Position in English"},
	fCategory:       {"Категорія", "Категорія посади"},
	fRank:           {"Ранг", "Ранг державного службовця"},
	fOfficial:       {"Вид особи", "Посадова особа", "Kind of staff"},
	fKATOTTG:        {"КАТОТТГ", "Код КАТОТТГ"},
	fFrom:           {"Працює з", "Дата призначення", "Employed since", "Start date"},
	fUntil:          {"Працює до", "Дата звільнення", "Строк призначення до", "End date"},
	fPlasticSeries:  {"Серія посвідчення", "ID series"},
	fPlasticNumber:  {"Номер посвідчення", "Посвідчення №", "ID number", "Service ID number"},
	fPlasticIssued:  {"Посвідчення видано", "Дата видачі посвідчення", "Дата видачі", "ID issued", "Issue date"},
	fPlasticExpires: {"Посвідчення дійсне до", "Строк дії посвідчення", "Дійсне до", "ID expires", "Expiry date"},
	fCarrierNumber:  {"Номер безконтактного носія", "Номер носія", "Carrier number", "Chip number"},
	fStatus:         {"Стан", "Статус", "State"},
	fGround:         {"Підстава", "Reason"},
	fOrderNumber:    {"Номер наказу", "Наказ №", "Order number"},
	fOrderDate:      {"Дата наказу", "Order date"},
	fPhoto:          {"Фото", "Файл фото", "Photo", "Photo file"},
	fWorkPhone:      {"Службовий телефон", "Робочий телефон", "Work phone"},
	fWorkEmail:      {"Службова електронна пошта", "Службова адреса електронної пошти", "Робоча пошта", "Work e-mail", "Work email"},
}

var headerIndex = func() map[string]field {
	m := map[string]field{}
	for f, words := range headerWords {
		for _, w := range append(words, fieldNames[f]) {
			k := headerKey(w)
			if old, ok := m[k]; ok && old != field(f) {
				panic("hr: header " + w + " names two fields")
			}
			m[k] = field(f)
		}
	}
	return m
}()

// Headers are the Ukrainian column headers of a full table, in the order of a template.
func Headers() []string {
	out := make([]string, 0, numFields)
	for f := range numFields {
		if f != fFullName {
			out = append(out, headerWords[f][0])
		}
	}
	return out
}

// Mapping says which field a header that the package does not know stands for, and which status a word does. The zero
// Mapping and nil add nothing.
type Mapping struct {
	headers  map[string]field
	statuses map[string]Status
}

// ParseMapping reads a mapping file, UTF-8 text with one rule a line:
//
//	# a comment
//	Код платника = rnokpp
//	status: у розпорядженні = suspended
//
// The left side is a header of the file (or, after "status:", a word of its status column), the right side a field name or
// one of active, suspended, dismissed. A header given twice with different fields is an error.
func ParseMapping(data []byte) (*Mapping, error) {
	bad := func(line int, why string) error {
		return Problem{Line: line, Code: BadMapping, Args: []string{why}}
	}
	if len(data) > MaxMappingBytes {
		return nil, bad(0, fmt.Sprintf("> %d KiB", MaxMappingBytes>>10))
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, bad(0, "UTF-8")
	}
	m := &Mapping{headers: map[string]field{}, statuses: map[string]Status{}}
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, MaxMappingBytes+1)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, '=')
		if i < 0 {
			return nil, bad(n, "=")
		}
		left, right := strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:])
		if rest, ok := strings.CutPrefix(left, "status:"); ok {
			k := headerKey(rest)
			st := Status(right)
			if k == "" || st != StatusActive && st != StatusSuspended && st != StatusDismissed {
				return nil, bad(n, "status: … = active | suspended | dismissed")
			}
			if old, dup := m.statuses[k]; dup && old != st {
				return nil, bad(n, "status")
			}
			m.statuses[k] = st
			continue
		}
		k := headerKey(left)
		f, ok := fieldByName(right)
		if k == "" || !ok {
			return nil, bad(n, "… = "+strings.Join(fieldNames[:3], " | ")+" | …")
		}
		if old, dup := m.headers[k]; dup && old != f {
			return nil, bad(n, fieldNames[old]+" / "+fieldNames[f])
		}
		m.headers[k] = f
	}
	if err := sc.Err(); err != nil {
		return nil, bad(0, "line")
	}
	return m, nil
}

func fieldByName(s string) (field, bool) {
	for f, n := range fieldNames {
		if n == s {
			return field(f), true
		}
	}
	return 0, false
}

// field finds the field of a header; the mapping file goes before the words known here.
func (m *Mapping) field(header string) (field, bool) {
	k := headerKey(header)
	if k == "" {
		return 0, false
	}
	if m != nil {
		if f, ok := m.headers[k]; ok {
			return f, true
		}
	}
	f, ok := headerIndex[k]
	return f, ok
}

// status reads a status word. Words that begin as the law's own verbs do are understood in any gender and form, so that a
// dismissal is not lost to an ending.
func (m *Mapping) status(s string) (Status, bool) {
	k := headerKey(s)
	if m != nil {
		if st, ok := m.statuses[k]; ok {
			return st, true
		}
	}
	switch k {
	case "active", "працює", "діє", "активний", "активна", "активно", "чинний", "чинна", "чинне":
		return StatusActive, true
	case "dismissed", "left", "suspended":
		if k == "suspended" {
			return StatusSuspended, true
		}
		return StatusDismissed, true
	}
	for _, p := range []string{"звільн"} {
		if strings.HasPrefix(k, p) {
			return StatusDismissed, true
		}
	}
	for _, p := range []string{"зупин", "призупин", "відсторон"} {
		if strings.HasPrefix(k, p) {
			return StatusSuspended, true
		}
	}
	return "", false
}

package hr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Code names one reason for which a file, a row, a photo or a plan is not taken as it stands. Codes are never renamed.
type Code string

// Error makes a Code an error, so that errors.Is(err, hr.BadDate) works.
func (c Code) Error() string { return string(c) }

// Codes of a whole file.
const (
	NotATable       Code = "not-a-table"
	EncryptedFile   Code = "encrypted-file"
	CorruptFile     Code = "corrupt-file"
	FileTooLarge    Code = "file-too-large"
	BadEncoding     Code = "bad-encoding"
	EmptyFile       Code = "empty-file"
	MissingHeaders  Code = "missing-headers"
	DuplicateHeader Code = "duplicate-header"
	WhichSheet      Code = "which-sheet"
	TooManyRows     Code = "too-many-rows"
	TooManyColumns  Code = "too-many-columns"
	UnknownHeader   Code = "unknown-header"
	BadDirective    Code = "bad-directive"
	TotalMissing    Code = "total-missing"
	TotalMismatch   Code = "total-mismatch"
	BadMapping      Code = "bad-mapping"
	MixedTable      Code = "mixed-table"
)

// Codes of a row.
const (
	MissingField      Code = "missing-field"
	BadRNOKPP         Code = "bad-rnokpp"
	BadUNZR           Code = "bad-unzr"
	BadEDRPOU         Code = "bad-edrpou"
	BadKATOTTG        Code = "bad-katottg"
	BadContact        Code = "bad-contact"
	BadDate           Code = "bad-date"
	DateOrder         Code = "date-order"
	BadCategory       Code = "bad-category"
	BadRank           Code = "bad-rank"
	RankCategory      Code = "rank-category"
	BadStatus         Code = "bad-status"
	BadOfficial       Code = "bad-official"
	BadName           Code = "bad-name"
	NameUnclear       Code = "name-unclear"
	LatinLookAlike    Code = "latin-look-alike"
	LatinName         Code = "latin-name"
	BadLatinName      Code = "bad-latin-name"
	BadText           Code = "bad-text"
	TextTooLong       Code = "text-too-long"
	FormulaText       Code = "formula-text"
	FormulaCell       Code = "formula-cell"
	FormulaNoValue    Code = "formula-no-value"
	CellError         Code = "cell-error"
	CellTooLong       Code = "cell-too-long"
	NumberMangled     Code = "number-mangled"
	ZerosRestored     Code = "zeros-restored"
	BirthMismatch     Code = "birth-mismatch"
	ForeignBody       Code = "foreign-body"
	DuplicateRow      Code = "duplicate-row"
	DuplicateConflict Code = "duplicate-conflict"
	ContradictsLeave  Code = "contradicts-leave"
	SharedStaffNumber Code = "shared-staff-number"
	SharedPlastic     Code = "shared-plastic"
	NoPersonKey       Code = "no-person-key"
	MergedCells       Code = "merged-cells"
	NulByte           Code = "nul-byte"
	BadQuote          Code = "bad-quote"
	UnterminatedQuote Code = "unterminated-quote"
	TooManyCells      Code = "too-many-cells"
	BadJSON           Code = "bad-json"
	DuplicateKey      Code = "duplicate-key"
	BadPhotoRef       Code = "bad-photo-ref"
)

// Codes that leave a record whole but give no electronic ID.
const (
	NoRNOKPP          Code = "no-rnokpp"
	NoPlastic         Code = "no-plastic"
	PlasticIncomplete Code = "plastic-incomplete"
	PlasticExpired    Code = "plastic-expired"
	EmploymentEnded   Code = "employment-ended"
	NotYetEmployed    Code = "not-yet-employed"
	NoPhoto           Code = "no-photo"
	NotActive         Code = "not-active"
)

// Codes of a photo.
const (
	BadPhoto       Code = "bad-photo"
	PhotoTooLarge  Code = "photo-too-large"
	PhotoTooSmall  Code = "photo-too-small"
	PhotoShape     Code = "photo-shape"
	PhotoAmbiguous Code = "photo-ambiguous"
	PhotoShared    Code = "photo-shared"
)

// Codes of a plan.
const (
	BadPlan          Code = "bad-plan"
	SnapshotOlder    Code = "snapshot-older"
	SnapshotAhead    Code = "snapshot-ahead"
	KeyChanged       Code = "key-changed"
	HeldMass         Code = "held-mass"
	HeldRank         Code = "held-rank"
	HeldCategory     Code = "held-category"
	HeldSteps        Code = "held-steps"
	HeldUnclear      Code = "held-unclear"
	LeaveUnmatched   Code = "leave-unmatched"
	StatusContradict Code = "status-contradicts"
	PlanMismatch     Code = "plan-mismatch"
	PlanExpired      Code = "plan-expired"
	KeyConflict      Code = "key-conflict"
	NotInPlan        Code = "not-in-plan"
)

// texts holds the reason behind each code: Ukrainian, English. {1}, {2} … stand for the problem's arguments.
var texts = map[Code][2]string{
	NotATable:       {"файл не є таблицею CSV, XLSX або JSON lines", "the file is not a CSV, XLSX or JSON lines table"},
	EncryptedFile:   {"файл зашифровано паролем або це старий формат XLS; збережіть його як XLSX без пароля", "the file is encrypted with a password or is in the old XLS format; save it as XLSX without a password"},
	CorruptFile:     {"файл пошкоджено або обрізано ({1}); вивантажте його ще раз", "the file is damaged or cut short ({1}); export it again"},
	FileTooLarge:    {"файл завеликий: межа {1} МіБ", "the file is too large: the limit is {1} MiB"},
	BadEncoding:     {"кодування файлу не UTF-8 і не Windows-1251; збережіть його в UTF-8", "the file is neither UTF-8 nor Windows-1251; save it as UTF-8"},
	EmptyFile:       {"у файлі немає жодного рядка з даними", "the file has no data row"},
	MissingHeaders:  {"немає обов'язкових стовпців: {1}; виправте заголовки або задайте файл відповідностей", "mandatory columns are missing: {1}; mend the headers or give a mapping file"},
	DuplicateHeader: {"два стовпці означають одне й те саме: {1}", "two columns mean the same: {1}"},
	WhichSheet:      {"кілька аркушів схожі на кадрові дані ({1}); назвіть потрібний", "several sheets look like staff data ({1}); name the one to read"},
	TooManyRows:     {"у файлі більше ніж {1} рядків", "the file has more than {1} rows"},
	TooManyColumns:  {"у рядку більше ніж {1} стовпців", "a row has more than {1} columns"},
	UnknownHeader:   {"стовпець не розпізнано, його пропущено", "the column is not known and is skipped"},
	BadDirective:    {"службовий рядок не зрозумілий; він має бути як #всього, #повний, #станом на або #єдрпоу зі значенням", "the directive row is not understood; want #total, #full, #as of or #edrpou with a value"},
	TotalMissing:    {"повний знімок не називає кількості рядків (#всього), тому відсутність у ньому не означає звільнення", "the full snapshot does not state its total (#total), so absence from it does not mean leave"},
	TotalMismatch:   {"заявлено рядків: {1}, прочитано: {2}; файл обрізано або доповнено, тому відсутність у ньому не означає звільнення", "rows stated: {1}, read: {2}; the file is cut or padded, so absence from it does not mean leave"},
	BadMapping:      {"рядок відповідностей не зрозумілий: {1}", "the mapping line is not understood: {1}"},
	MixedTable:      {"рядок не є об'єктом JSON, хоча файл починається як JSON lines", "the row is not a JSON object although the file starts as JSON lines"},

	MissingField:      {"обов'язкове значення порожнє", "a mandatory value is empty"},
	BadRNOKPP:         {"це не РНОКПП: потрібно 10 цифр із правильною контрольною", "not a РНОКПП: want 10 digits with a right check digit"},
	BadUNZR:           {"це не УНЗР: потрібно РРРРММДД-NNNNN із правильною контрольною цифрою", "not a УНЗР: want РРРРММДД-NNNNN with a right check digit"},
	BadEDRPOU:         {"це не код ЄДРПОУ: потрібно 8 цифр із правильною контрольною", "not a ЄДРПОУ code: want 8 digits with a right check digit"},
	BadContact:        {"це не службовий телефон чи адреса пошти; у довідник не потрапить", "no work phone or e-mail address; it is left out of the directory"},
	BadKATOTTG:        {"це не код КАТОТТГ: потрібно латинські UA, код області та 15 цифр", "not a КАТОТТГ code: want Latin UA, a region code and 15 digits"},
	BadDate:           {"такої дати немає; потрібно ДД.ММ.РРРР або РРРР-ММ-ДД", "not a date; want ДД.ММ.РРРР or РРРР-ММ-ДД"},
	DateOrder:         {"дата кінця раніша за дату початку ({1})", "the end date is before the start date ({1})"},
	BadCategory:       {"категорія має бути А, Б або В українськими літерами або порожня", "the category must be А, Б or В in Ukrainian letters, or empty"},
	BadRank:           {"ранг має бути числом від 1 до 9 або порожній", "the rank must be a number from 1 to 9, or empty"},
	RankCategory:      {"ранг не належить до категорії: А має 1–3, Б має 3–6, В має 6–9", "the rank is not of the category: А has 1–3, Б has 3–6, В has 6–9"},
	BadStatus:         {"стан не зрозумілий; потрібно «працює», «зупинено» або «звільнено»", "the status is not understood; want active, suspended or dismissed"},
	BadOfficial:       {"потрібно «посадова особа» або «працівник»", "want official or employee"},
	BadName:           {"ім'я містить знаки, яких в іменах немає", "the name holds signs that names do not have"},
	NameUnclear:       {"не видно, де прізвище, ім'я та по батькові; подайте їх окремими стовпцями", "surname, given name and patronymic cannot be told apart; give them in separate columns"},
	LatinLookAlike:    {"у слові змішано кириличні та латинські літери", "one word mixes Cyrillic and Latin letters"},
	LatinName:         {"ім'я записано латиницею; потрібно українською", "the name is in Latin letters; want Ukrainian"},
	BadLatinName:      {"латинське написання містить знаки, яких у паспорті немає", "the Latin spelling holds signs that passports do not have"},
	BadText:           {"текст містить керівні або невидимі знаки чи пошкоджене кодування", "the text holds control or invisible characters or broken encoding"},
	TextTooLong:       {"текст довший за {1} знаків", "the text is longer than {1} characters"},
	FormulaText:       {"текст починається як формула (=, +, -, @)", "the text starts like a formula (=, +, -, @)"},
	FormulaCell:       {"у комірці формула; узято її збережений результат", "the cell holds a formula; its stored result is taken"},
	FormulaNoValue:    {"у комірці формула без обчисленого значення; відкрийте файл у табличному редакторі та збережіть", "the cell holds a formula that was never computed; open the file in a spreadsheet program and save it"},
	CellError:         {"у комірці помилка таблиці", "the cell holds a spreadsheet error"},
	CellTooLong:       {"комірка довша за {1} байтів", "the cell is longer than {1} bytes"},
	NumberMangled:     {"таблиця зіпсувала номер, бо тримала його як число; задайте стовпцю текстовий формат", "the spreadsheet damaged the number by keeping it as a number; set the column's format to text"},
	ZerosRestored:     {"таблиця загубила нулі на початку; їх повернуто, контрольна цифра збігається", "the spreadsheet lost leading zeros; they are restored and the check digit agrees"},
	BirthMismatch:     {"дата народження не збігається з тією, яку містить номер", "the birth date differs from the one in the number"},
	ForeignBody:       {"рядок належить іншому органу (ЄДРПОУ {1})", "the row belongs to another body (ЄДРПОУ {1})"},
	DuplicateRow:      {"цю особу на цій посаді вже подано в рядку {1}", "this person on this post already stands in row {1}"},
	DuplicateConflict: {"цю особу на цій посаді подано з іншими даними в рядку {1}; не видно, які правильні", "this person on this post stands with other data in row {1}; which is right is not clear"},
	ContradictsLeave:  {"рядок {1} зупиняє або звільняє цю особу на цій посаді; діє він", "row {1} suspends or dismisses this person on this post; that row is applied"},
	SharedStaffNumber: {"цей табельний номер має інша особа в рядку {1}", "another person in row {1} has this staff number"},
	SharedPlastic:     {"цей номер посвідчення або носія має інша особа в рядку {1}", "another person in row {1} has this service ID or carrier number"},
	NoPersonKey:       {"немає ні РНОКПП, ні УНЗР, ні табельного номера, тож не видно, чий це рядок", "there is no РНОКПП, УНЗР or staff number, so whose row it is cannot be told"},
	MergedCells:       {"рядок зачіпають об'єднані комірки", "merged cells reach into the row"},
	NulByte:           {"рядок містить нульовий байт", "the row holds a NUL byte"},
	BadQuote:          {"після лапок, що закривають комірку, стоїть текст", "text stands after the quote that closes a cell"},
	UnterminatedQuote: {"лапки на початку комірки не закрито", "the quote at the start of a cell is never closed"},
	TooManyCells:      {"у рядку більше комірок, ніж стовпців", "the row has more cells than there are columns"},
	BadJSON:           {"рядок не є одним правильним плоским об'єктом JSON", "the line is not one well-formed flat JSON object"},
	DuplicateKey:      {"ключ подано двічі", "the key is given twice"},
	BadPhotoRef:       {"посилання на фото має бути лише назвою файлу", "the photo reference must be a bare file name"},

	NoRNOKPP:          {"немає РНОКПП, тому електронного посвідчення не буде", "there is no РНОКПП, so there can be no electronic ID"},
	NoPlastic:         {"немає запису про посвідчення з безконтактним носієм", "there is no record of a plastic service ID"},
	PlasticIncomplete: {"запис про посвідчення з безконтактним носієм неповний: потрібні номер і дати видачі та строку дії", "the record of the plastic service ID is incomplete: want number and dates of issue and expiry"},
	PlasticExpired:    {"строк дії посвідчення з безконтактним носієм минув {1}", "the plastic service ID expired on {1}"},
	EmploymentEnded:   {"строк роботи на посаді минув {1}", "the employment in this post ended on {1}"},
	NotYetEmployed:    {"робота на посаді починається {1}", "the employment in this post starts on {1}"},
	NoPhoto:           {"немає фото", "there is no photo"},
	NotActive:         {"особу відсторонено або звільнено", "the person is suspended or dismissed"},

	BadPhoto:       {"файл фото пошкоджено або це не JPEG, PNG чи WebP", "the photo file is damaged or is not JPEG, PNG or WebP"},
	PhotoTooLarge:  {"фото завелике: межа {1}", "the photo is too large: the limit is {1}"},
	PhotoTooSmall:  {"фото замале: потрібно щонайменше 120×160 точок", "the photo is too small: want at least 120×160 pixels"},
	PhotoShape:     {"фото надто вузьке або надто широке для портрета", "the photo is too narrow or too wide for a portrait"},
	PhotoAmbiguous: {"кілька файлів фото підходять до однієї особи", "several photo files fit one person"},
	PhotoShared:    {"те саме фото має інша особа в рядку {1}", "another person in row {1} has the same photo"},

	BadPlan:          {"файл плану пошкоджено або змінено", "the plan file is damaged or was changed"},
	SnapshotAhead:    {"знімок станом на {1}, а сьогодні {2}; виправте дату, інакше справжні знімки здаватимуться старішими", "the snapshot is as of {1} and today is {2}; mend the date, or true snapshots will look older"},
	SnapshotOlder:    {"знімок станом на {1} старіший за вже застосований ({2})", "the snapshot as of {1} is older than the one already applied ({2})"},
	KeyChanged:       {"схоже, в особи змінився номер; підтвердьте, що це та сама особа", "it looks as if the person's number changed; say whether it is the same person"},
	HeldMass:         {"масова зміна: {1} з {2} осіб; потрібен другий підписувач", "mass change: {1} of {2} people; a second person must sign"},
	HeldRank:         {"ранг зростає більше ніж на один; потрібен другий підписувач", "the rank rises by more than one; a second person must sign"},
	HeldCategory:     {"категорія зростає більше ніж на одну; потрібен другий підписувач", "the category rises by more than one; a second person must sign"},
	HeldSteps:        {"ранг чи категорія зростає, а цей рядок щойно змінив план з одним підписом; потрібен другий підписувач", "the rank or category rises, and a plan with one signature changed this row lately; a second person must sign"},
	HeldUnclear:      {"особи у знімку немає, але {1} рядків не вдалося впізнати; потрібен другий підписувач", "the person is absent, but {1} rows could not be told apart; a second person must sign"},
	LeaveUnmatched:   {"рядок звільняє або зупиняє особу, якої в нас немає", "the row dismisses or suspends a person we do not have"},
	StatusContradict: {"стан «працює», хоча строк роботи минув {1}", "the status is active although the employment ended on {1}"},
	PlanExpired:      {"строк плану минув {1}; складіть його знову", "the plan expired at {1}; make it again"},
	KeyConflict:      {"номери в рядку належать двом різним особам", "the numbers in the row belong to two different people"},
	NotInPlan:        {"чекає на рішення другого підписувача", "waits for the second person's decision"},
	PlanMismatch:     {"план не відповідає цьому файлу", "the plan does not belong to this file"},
}

// Codes lists every code in order of its name.
func Codes() []Code {
	out := make([]Code, 0, len(texts))
	for c := range texts {
		out = append(out, c)
	}
	slices.Sort(out)
	return out
}

// Text is the reason behind the code in a language: "en" or, for anything else, Ukrainian. args fill {1}, {2} ….
// An unknown code gives the code itself.
func (c Code) Text(lang string, args ...string) string {
	t, ok := texts[c]
	if !ok {
		return string(c)
	}
	s := t[0]
	if lang == "en" {
		s = t[1]
	}
	for i, a := range args {
		s = strings.ReplaceAll(s, "{"+strconv.Itoa(i+1)+"}", a)
	}
	return s
}

// Problem is one reason at one place. It never holds a personal value: Column is the header as the file spells it, and
// Args are counts, limits, dates of documents, row numbers and body codes.
type Problem struct {
	File    string   `json:"file,omitempty"`
	Line    int      `json:"line,omitempty"`   // row number as a person counts it, from 1; 0 means the whole file
	Column  string   `json:"column,omitempty"` // header, or "" for the whole row
	Code    Code     `json:"code"`
	Args    []string `json:"args,omitempty"`
	Warning bool     `json:"warning,omitempty"` // the row was taken nevertheless
}

// Text is the reason in a language, without the place.
func (p Problem) Text(lang string) string { return p.Code.Text(lang, p.Args...) }

// Format is the whole line "file:line column: reason [code]" in a language.
func (p Problem) Format(lang string) string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Column != "" {
		b.WriteString(" " + p.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.Text(lang) + " [" + string(p.Code) + "]")
	return b.String()
}

// String is Format in English.
func (p Problem) String() string { return p.Format("en") }

// Error makes a Problem an error: "hr: " and Format in English.
func (p Problem) Error() string { return "hr: " + p.Format("en") }

// Unwrap gives the code, so that errors.Is(err, hr.MissingHeaders) works.
func (p Problem) Unwrap() error { return p.Code }

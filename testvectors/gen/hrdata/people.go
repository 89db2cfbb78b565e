// Package hrdata makes the invented staff of a ministry and of a council: the files of testvectors/hr, the drawn faces, and
// samples of bad rows.
//
// Nobody in it exists. All are born before 1910, so that no РНОКПП belongs to a living person; the ЄДРПОУ codes begin with
// 99, where no code was ever given. Everything is made from fixed seeds: the same people every time.
package hrdata

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/posvid/posvid/hr"
)

// The two bodies. Neither exists.
const (
	MinistryEDRPOU = "99000011"
	MinistryName   = "Міністерство зразкових справ (вигаданий орган)"
	MinistryNameEN = "Ministry of Sample Affairs (invented body)"
	CouncilEDRPOU  = "99000028"
	CouncilName    = "Вигаданівська міська рада"
	CouncilNameEN  = "Vyhadanivka City Council"
)

// KATOTTG codes of the bodies' seats; the unique parts are invented.
const (
	ministryKATOTTG = "UA80000000000099901"
	councilKATOTTG  = "UA71020990010099902"
)

type title struct{ uk, en string }

var surnames = []struct{ m, f string }{
	{"Абраменко", ""}, {"Бондарчук", ""}, {"Вишневецький", "Вишневецька"}, {"Гайдаєнко", ""}, {"Ґалаґан", ""},
	{"Дем'янчук", ""}, {"Драч-Сорока", ""}, {"Євтушок", ""}, {"Жмеринський", "Жмеринська"}, {"Забужко-Лісова", "Забужко-Лісова"},
	{"Зґурський", "Зґурська"}, {"Іваницький", "Іваницька"}, {"Їжакевич", ""}, {"Йовенко", ""}, {"Калинюк", ""},
	{"Лук'яненко", ""}, {"Мар'янчук", ""}, {"Наливайченко", ""}, {"Олійниченко", ""}, {"Прокоп'юк", ""},
	{"Розгонюк", ""}, {"Соловейчук", ""}, {"Тимошівський", "Тимошівська"}, {"Уманчук", ""}, {"Федорович-Гай", ""},
	{"Хмельовський", "Хмельовська"}, {"Цимбалістий", "Цимбаліста"}, {"Черемшинюк", ""}, {"Шевчишин", ""},
	{"Щербанюк", ""}, {"Юр'єнко", ""}, {"Яровченко", ""}, {"Кульчицький", "Кульчицька"}, {"Солов'яненко", ""},
	{"Кобилянчук", ""}, {"Пам'ятницький", "Пам'ятницька"}, {"Стрийчук", ""}, {"Згорянський", "Згорянська"},
	{"Великохатько", ""}, {"Перебийніс-Запорожченко", ""},
}

var maleNames = []struct{ name, son, daughter string }{
	{"Андрій", "Андрійович", "Андріївна"}, {"Богдан", "Богданович", "Богданівна"}, {"В'ячеслав", "В'ячеславович", "В'ячеславівна"},
	{"Григорій", "Григорович", "Григорівна"}, {"Данило", "Данилович", "Данилівна"}, {"Євген", "Євгенович", "Євгенівна"},
	{"Захар", "Захарович", "Захарівна"}, {"Ігор", "Ігорович", "Ігорівна"}, {"Йосип", "Йосипович", "Йосипівна"},
	{"Кирило", "Кирилович", "Кирилівна"}, {"Лук'ян", "Лук'янович", "Лук'янівна"}, {"Мирослав", "Мирославович", "Мирославівна"},
	{"Назар", "Назарович", "Назарівна"}, {"Олексій", "Олексійович", "Олексіївна"}, {"Петро", "Петрович", "Петрівна"},
	{"Ростислав", "Ростиславович", "Ростиславівна"}, {"Святослав", "Святославович", "Святославівна"}, {"Тарас", "Тарасович", "Тарасівна"},
	{"Юрій", "Юрійович", "Юріївна"}, {"Яким", "Якимович", "Якимівна"},
}

var femaleNames = []string{"Анастасія", "Богдана", "Валерія", "Ганна", "Дар'я", "Єлизавета", "Жанна", "Зоряна", "Ірина", "Ксенія",
	"Лідія", "Мар'яна", "Наталія", "Олександра-Вікторія", "Поліна", "Роксолана", "Соломія", "Уляна", "Христина", "Юлія", "Ярослава"}

var ministryUnits = []title{
	{"Департамент стратегічного планування", "Department of Strategic Planning"},
	{"Департамент цифрових сервісів", "Department of Digital Services"},
	{"Управління персоналом", "Human Resources Division"},
	{"Юридичний департамент", "Legal Department"},
	{"Фінансово-економічний департамент", "Finance and Economy Department"},
	{"Відділ внутрішнього аудиту", "Internal Audit Unit"},
	{"Головне слідче управління", "Main Investigation Department"},
	{"Управління міжнародного співробітництва", "International Cooperation Division"},
	{"Управління комунікацій та зв'язків з громадськістю", "Communications and Public Relations Division"},
	{"Сектор режимно-секретної роботи", "Classified Records Sector"},
	{"Департамент територіального розвитку", "Department of Territorial Development"},
	{"Відділ адміністративно-господарського забезпечення", "Facilities Unit"},
}

type post struct {
	title
	category string
	ranks    [2]uint8 // best and worst
	official bool
}

var ministryPosts = []post{
	{title{"головний спеціаліст", "chief specialist"}, "В", [2]uint8{6, 8}, true},
	{title{"провідний спеціаліст", "leading specialist"}, "В", [2]uint8{7, 9}, true},
	{title{"головний спеціаліст – юрисконсульт", "chief specialist, legal adviser"}, "В", [2]uint8{6, 8}, true},
	{title{"державний експерт", "state expert"}, "В", [2]uint8{6, 7}, true},
	{title{"завідувач сектору", "head of sector"}, "Б", [2]uint8{5, 6}, true},
	{title{"начальник відділу", "head of unit"}, "Б", [2]uint8{4, 6}, true},
	{title{"заступник начальника управління – начальник відділу", "deputy head of division, head of unit"}, "Б", [2]uint8{4, 5}, true},
	{title{"директор департаменту", "director of department"}, "Б", [2]uint8{3, 4}, true},
	{title{"діловод", "records clerk"}, "", [2]uint8{}, false},
	{title{"водій автотранспортних засобів", "driver"}, "", [2]uint8{}, false},
}

var councilUnits = []title{
	{"Виконавчий комітет", "Executive Committee"}, {"Відділ земельних відносин", "Land Relations Unit"},
	{"Центр надання адміністративних послуг", "Administrative Services Centre"}, {"Фінансове управління", "Finance Division"},
	{"Відділ освіти, культури та спорту", "Education, Culture and Sports Unit"},
}

var councilPosts = []post{
	{title{"головний спеціаліст", "chief specialist"}, "В", [2]uint8{6, 9}, true},
	{title{"адміністратор", "administrator"}, "В", [2]uint8{7, 9}, true},
	{title{"начальник відділу", "head of unit"}, "Б", [2]uint8{4, 6}, true},
	{title{"прибиральник службових приміщень", "cleaner"}, "", [2]uint8{}, false},
}

// Reference persons, as in testvectors/persons.json.
const (
	longPosition   = "заступник директора департаменту – керівник управління моніторингу виконання державних цільових програм і взаємодії з органами місцевого самоврядування"
	longPositionEN = "Deputy Director of the Department, Head of the Office for Monitoring State Target Programmes and Cooperation with Local Self-Government"
	longUnit       = "Управління моніторингу стану виконання державних цільових програм і координації взаємодії з органами місцевого самоврядування"
	longUnitEN     = "Office for Monitoring State Target Programmes and Coordinating Cooperation with Local Self-Government"
)

// apostrophe writes the stored form of the apostrophe.
func apostrophe(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r == '\'' {
			out[i] = hr.Apostrophe
		}
	}
	return string(out)
}

// maker makes people one after another.
type maker struct {
	rnd    *rand.Rand
	serial int
	used   map[string]bool
}

func newMaker(seed uint64) *maker {
	return &maker{rnd: rand.New(rand.NewPCG(seed, 0x706f73766964)), used: map[string]bool{}}
}

func (m *maker) person() (p hr.Person, male bool) {
	for {
		male = m.rnd.IntN(2) == 0
		s := surnames[m.rnd.IntN(len(surnames))]
		father := maleNames[m.rnd.IntN(len(maleNames))]
		p = hr.Person{}
		if male {
			p.Surname, p.GivenName, p.Patronymic = s.m, maleNames[m.rnd.IntN(len(maleNames))].name, father.son
		} else {
			p.Surname, p.GivenName, p.Patronymic = s.f, femaleNames[m.rnd.IntN(len(femaleNames))], father.daughter
			if s.f == "" {
				p.Surname = s.m
			}
		}
		p.Surname, p.GivenName, p.Patronymic = apostrophe(p.Surname), apostrophe(p.GivenName), apostrophe(p.Patronymic)
		if full := p.Surname + p.GivenName + p.Patronymic; !m.used[full] {
			m.used[full] = true
			break
		}
	}
	m.numbers(&p, male)
	p.SurnameLatin, p.GivenNameLatin = hr.Transliterate(p.Surname), hr.Transliterate(p.GivenName)
	return p, male
}

// numbers gives a birth date in 1900–1909 and the numbers that go with it.
func (m *maker) numbers(p *hr.Person, male bool) {
	m.serial++
	p.BirthDate = hr.Date{Year: 1900, Month: 1, Day: 1}.AddDays(m.rnd.IntN(3652))
	p.RNOKPP = must(hr.CompleteRNOKPP(p.BirthDate, m.serial%1000, male))
	p.UNZR = must(hr.CompleteUNZR(p.BirthDate, 1+m.serial%9999))
}

func must(s string, err error) string {
	if err != nil {
		panic("hrdata: " + err.Error())
	}
	return s
}

func (m *maker) record(edrpou, body, katottg, series string, n int, u title, ps post) hr.Record {
	p, _ := m.person()
	r := hr.Record{Person: p, Status: hr.StatusActive}
	r.EDRPOU, r.BodyName, r.KATOTTG = edrpou, body, katottg
	r.StaffNumber = fmt.Sprintf("%04d", n)
	r.Unit, r.UnitEN = apostrophe(u.uk), u.en
	r.Position, r.PositionEN = apostrophe(ps.uk), ps.en
	r.Category, r.Official = ps.category, ps.official
	if ps.ranks[0] > 0 {
		r.Rank = ps.ranks[0] + uint8(m.rnd.IntN(int(ps.ranks[1]-ps.ranks[0])+1))
	}
	r.From = hr.Date{Year: 2015, Month: 1, Day: 5}.AddDays(m.rnd.IntN(3900))
	r.Plastic = m.plastic(series, n)
	r.WorkPhone = fmt.Sprintf("+380 44 000-%02d-%02d", n/100, n%100)
	r.WorkEmail = mailbox(r.SurnameLatin) + "." + r.StaffNumber + "@" + mailDomains[edrpou]
	return r
}

// mailDomains are the bodies' invented mail domains (RFC 2606).
var mailDomains = map[string]string{MinistryEDRPOU: "ministry.example", CouncilEDRPOU: "council.example"}

// mailbox is a Latin surname as the first part of an address.
func mailbox(surname string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c == '-' {
			return c
		}
		return -1
	}, strings.ToLower(surname))
}

func (m *maker) plastic(series string, n int) hr.Plastic {
	issued := hr.Date{Year: 2025, Month: 2, Day: 3}.AddDays(m.rnd.IntN(300))
	return hr.Plastic{Series: series, Number: fmt.Sprintf("%06d", 4000+n), Issued: issued,
		Expires:       hr.Date{Year: issued.Year + 10, Month: issued.Month, Day: min(issued.Day, 28)},
		CarrierNumber: fmt.Sprintf("04%012X", m.rnd.Uint64()&0xffffffffffff)}
}

// Rows of people with something to show, counted from 0 in Ministry(1).
const (
	rowHoncharuk   = 0
	rowNesterenko  = 1
	rowNoRNOKPP    = 7
	rowNoPhoto     = 11
	rowNoPlastic   = 13
	rowPassport    = 17 // the passport spells the name otherwise than КМУ 55
	rowTwoPosts    = 19 // row 200 is the same person's second post
	rowBothBodies  = 23 // also in the council
	rowRankJump    = 28 // rank 6, and 3 in the second snapshot
	ministryPeople = 200
	councilPeople  = 20
)

// Ministry is the ministry's staff as of the first or the second snapshot: 200 people, one of them in two posts.
//
// Against the first, the second has three people joining, two ranks rising by one and one by three (which waits for a second person), a new surname, a
// move to another unit, a suspension, two dismissals, one person gone without a word, and a РНОКПП where there was none.
func Ministry(snapshot int) []hr.Record {
	m := newMaker(1)
	out := make([]hr.Record, 0, ministryPeople+4)
	for i := range ministryPeople {
		u := ministryUnits[i%len(ministryUnits)]
		ps := ministryPosts[m.rnd.IntN(len(ministryPosts))]
		if i < 36 { // the first rows hold people with something to show: let them be officials
			ps = ministryPosts[i%8]
		}
		out = append(out, m.record(MinistryEDRPOU, MinistryName, ministryKATOTTG, "ГТ", i+1, u, ps))
	}
	reference := func(i int, surname, given, patronymic string, male bool, birth hr.Date) *hr.Record {
		r := &out[i]
		r.Person = hr.Person{Surname: surname, GivenName: given, Patronymic: patronymic, BirthDate: birth,
			SurnameLatin: hr.Transliterate(surname), GivenNameLatin: hr.Transliterate(given)}
		r.WorkEmail = mailbox(r.SurnameLatin) + "." + r.StaffNumber + "@" + mailDomains[MinistryEDRPOU]
		r.RNOKPP = must(hr.CompleteRNOKPP(birth, 900+i, male))
		r.UNZR = must(hr.CompleteUNZR(birth, 9001+i))
		return r
	}
	r := reference(rowHoncharuk, "Гончарук", "Тарас", "Григорович", true, hr.Date{Year: 1903, Month: 3, Day: 9})
	r.Unit, r.UnitEN = "Головне слідче управління", "Main Investigation Department"
	r.Position, r.PositionEN, r.Category, r.Rank = "старший слідчий", "senior investigator", "", 5
	r.Plastic.Series, r.Plastic.Number = "ГТ", "004022"
	r = reference(rowNesterenko, "Нестеренко-Квітковська", "Олександра-Вікторія", "Володимирівна", false, hr.Date{Year: 1908, Month: 12, Day: 31})
	r.Unit, r.UnitEN, r.Position, r.PositionEN, r.Category, r.Rank = longUnit, longUnitEN, longPosition, longPositionEN, "Б", 3
	r.Plastic.Series, r.Plastic.Number = "ВК", "907315"
	out[21].Plastic.Number = "004999" // the number that the reference person has

	out[rowNoRNOKPP].RNOKPP = ""
	out[rowNoPhoto].PhotoRef = "фото-не-здано.jpg"
	out[rowNoPlastic].Plastic = hr.Plastic{}
	out[rowPassport].Surname, out[rowPassport].SurnameLatin = apostrophe("Юр'єнко"), "Yurjenko"
	out[rowRankJump].Rank = 6
	second := out[rowTwoPosts]
	second.StaffNumber, second.Unit, second.UnitEN = "0201", ministryUnits[5].uk, ministryUnits[5].en
	second.Position, second.PositionEN, second.Category, second.Rank = "державний експерт", "state expert", "В", 6
	second.Plastic = m.plastic("ГТ", 201)
	out = append(out, second)
	if snapshot != 2 {
		return out
	}

	out[29].Rank--
	out[30].Rank--
	out[rowRankJump].Rank = 3
	out[40].Surname = "Перейменко"
	out[40].SurnameLatin = hr.Transliterate(out[40].Surname)
	out[41].Unit, out[41].UnitEN = ministryUnits[7].uk, ministryUnits[7].en
	stop(&out[42], hr.StatusSuspended, hr.GroundSuspension, "17-к")
	stop(&out[43], hr.StatusDismissed, hr.GroundDismissal, "21-к")
	stop(&out[44], hr.StatusDismissed, hr.GroundTransfer, "22-к")
	m2 := newMaker(2)
	for i := range 3 {
		j := m2.record(MinistryEDRPOU, MinistryName, ministryKATOTTG, "ГТ", 301+i, ministryUnits[i], ministryPosts[i])
		j.RNOKPP = must(hr.CompleteRNOKPP(j.BirthDate, 950+i, i == 0))
		j.From = hr.Date{Year: 2026, Month: 2, Day: 9}
		out = append(out, j)
	}
	out[rowNoRNOKPP].RNOKPP = must(hr.CompleteRNOKPP(out[rowNoRNOKPP].BirthDate, 990, true))
	return append(out[:45:45], out[46:]...) // the person of row 45 is gone without a word
}

func stop(r *hr.Record, s hr.Status, ground, order string) {
	r.Status, r.Ground, r.OrderNumber, r.OrderDate = s, ground, order, hr.Date{Year: 2026, Month: 2, Day: 13}
}

// Council is the council's staff as of the first or the second snapshot: 20 people, one of whom also works in the ministry.
//
// Against the first, the second has one person joining, one with a new position, one with a new unit, one suspended and one
// dismissed.
func Council(snapshot int) []hr.Record {
	m := newMaker(3)
	m.serial = 400
	out := make([]hr.Record, 0, councilPeople+1)
	for i := range councilPeople {
		ps := councilPosts[m.rnd.IntN(len(councilPosts))]
		if i < 8 {
			ps = councilPosts[i%3]
		}
		out = append(out, m.record(CouncilEDRPOU, CouncilName, councilKATOTTG, "ВР", i+1, councilUnits[i%len(councilUnits)], ps))
	}
	both := Ministry(1)[rowBothBodies]
	out[5].Person = both.Person
	if snapshot != 2 {
		return out
	}
	out[0].Position, out[0].PositionEN = "адміністратор", "administrator"
	out[2].Unit, out[2].UnitEN = councilUnits[0].uk, councilUnits[0].en
	stop(&out[3], hr.StatusSuspended, hr.GroundSuspension, "4")
	stop(&out[4], hr.StatusDismissed, hr.GroundDismissal, "5")
	j := newMaker(4)
	j.serial = 500
	r := j.record(CouncilEDRPOU, CouncilName, councilKATOTTG, "ВР", 31, councilUnits[2], councilPosts[1])
	r.From = hr.Date{Year: 2026, Month: 2, Day: 9}
	return append(out, r)
}

// AsOf is the day that a snapshot of either body shows.
func AsOf(snapshot int) hr.Date {
	if snapshot == 2 {
		return hr.Date{Year: 2026, Month: 2, Day: 16}
	}
	return hr.Date{Year: 2026, Month: 2, Day: 2}
}

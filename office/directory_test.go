package office_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/store"
)

var began = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

var ministry = office.BodyEntry{EDRPOU: "99000011", Name: "Міністерство зразкових справ", NameEN: "Ministry of Model Affairs", Phone: "+380 44 000 00 00"}

func open(t testing.TB) office.Store {
	t.Helper()
	s, err := store.OpenService(filepath.Join(t.TempDir(), "service.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.Office()
}

func directory(t testing.TB, s office.Store) *office.Directory {
	t.Helper()
	d, err := office.OpenDirectory(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func person(post int64, surname, given, patronymic, position, unit string) office.PostEntry {
	return office.PostEntry{Post: post, Surname: surname, Given: given, Patronymic: patronymic, Position: position, Unit: unit, Category: "В", Status: office.StatusValid,
		Email: "p" + string(rune('a'+post%26)) + "@model.gov.ua", Phone: "(044) 000-00-00"}
}

func people() []office.PostEntry {
	return []office.PostEntry{
		person(1, "Вигаданець", "Зразок", "Прикладович", "головний спеціаліст", "Відділ зразків"),
		person(2, "Ґудзь", "Мар'яна", "Іванівна", "начальник відділу", "Відділ зразків"),
		person(3, "Гайовий", "Євген", "", "державний секретар", ""),
		person(4, "Згурський", "Юрій", "Ярославович", "провідний спеціаліст", "Відділ прикладів"),
		person(5, "Нечуй-Левицька", "Їжа", "Вигаданівна", "головний спеціаліст", "Відділ прикладів"),
	}
}

func fill(t testing.TB, d *office.Directory, posts []office.PostEntry, at time.Time) int {
	t.Helper()
	n, err := d.Fill(context.Background(), ministry, posts, at)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func find(t testing.TB, d *office.Directory, q office.Query) string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	r, err := d.Search(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if q.Offset == 0 && q.Limit >= r.Total && len(r.Entries) != r.Total {
		t.Errorf("%q: %d entries of %d", q.Text, len(r.Entries), r.Total)
	}
	var names []string
	for _, e := range r.Entries {
		names = append(names, e.Surname)
	}
	return strings.Join(names, " ")
}

func TestSearchTextInBothAlphabets(t *testing.T) {
	d := directory(t, open(t))
	fill(t, d, people(), began)
	for q, want := range map[string]string{
		"":                             "Вигаданець Гайовий Ґудзь Згурський Нечуй-Левицька", // г before ґ, whatever their code points
		"гудз":                         "Ґудзь",
		"ґудзь":                        "Ґудзь",
		"ГУДЗЬ":                        "Ґудзь",
		"Gudz":                         "Ґудзь",
		"hudz":                         "Ґудзь",
		"мар'ян":                       "Ґудзь",
		"Мар’яна":                      "Ґудзь",
		"марʼяна":                      "Ґудзь",
		"мар`яна":                      "Ґудзь",
		"маряна":                       "Ґудзь",
		"Mariana":                      "Ґудзь",
		"Maryana":                      "Ґудзь",
		"Marjana":                      "Ґудзь",
		"Yevhen":                       "Гайовий",
		"Evgen":                        "Гайовий",
		"Zghurskyi":                    "Згурський",
		"zgurskij":                     "Згурський",
		"Yurii":                        "Згурський",
		"iaroslav":                     "Згурський",
		"левицька":                     "Нечуй-Левицька",
		"нечуй левицька":               "Нечуй-Левицька",
		"Nechui-Levytska":              "Нечуй-Левицька",
		"Yizha":                        "Нечуй-Левицька",
		"головний прикладів":           "Нечуй-Левицька",
		"прикладів ГОЛОВНИЙ":           "Нечуй-Левицька",
		"вигада":                       "Вигаданець Нечуй-Левицька", // the surname before the patronymic
		"спец провідн":                 "Згурський",
		"derzhavnyi":                   "Гайовий",
		"зразків":                      "Вигаданець Ґудзь",
		"гайовий гудзь":                "",
		"немає такого":                 "",
		"model.gov.ua":                 "", // contacts are not searched
		"%":                            "Вигаданець Гайовий Ґудзь Згурський Нечуй-Левицька",
		"гайoвий":                      "Гайовий", // with a Latin o
		strings.Repeat("а ", 90) + "ґ": "Вигаданець Гайовий Ґудзь Згурський Нечуй-Левицька",
	} {
		if got := find(t, d, office.Query{Text: q}); got != want {
			t.Errorf("%q: %q, want %q", q, got, want)
		}
	}
}

func TestDirectoryKeepsHistory(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	d, other := directory(t, s), directory(t, s)
	list := people()
	list[3].From = began.AddDate(-2, 0, 0)
	if n := fill(t, d, list, began); n != 5 {
		t.Errorf("first: %d changed", n)
	}
	if n := fill(t, d, list, began.Add(time.Hour)); n != 0 {
		t.Errorf("nothing new: %d changed", n)
	}
	all, gone, first, err := other.Changes(ctx, ministry.EDRPOU, 0, 0)
	if err != nil || len(all) != 5 || len(gone) != 0 {
		t.Fatalf("%d %v %v", len(all), gone, err)
	}
	seat := office.Seat{Body: ministry.EDRPOU, Post: 1}
	before, err := other.Entry(ctx, seat)
	if err != nil || before.Surname != "Вигаданець" || before.UID != seat.UID() || before.Status != office.StatusValid {
		t.Fatalf("%+v %v", before, err)
	}
	// One moves, one leaves, one is suspended.
	day := began.AddDate(0, 0, 1)
	list[0].Position, list[0].Unit = "завідувач сектору", "Сектор нового"
	list[2].Status = office.StatusSuspended
	list = slices.Delete(list, 1, 2)
	if n := fill(t, d, list, day); n != 3 {
		t.Errorf("second: %d changed", n)
	}
	changed, gone, next, err := other.Changes(ctx, ministry.EDRPOU, first, 0)
	if err != nil || len(changed) != 2 || len(gone) != 1 || gone[0] != (office.Seat{Body: ministry.EDRPOU, Post: 2}).UID() || next <= first {
		t.Errorf("%v %v %d %v", changed, gone, next, err)
	}
	// In steps it is the same.
	var uids []string
	for at, n := first, 0; at != next && n < 10; n++ {
		var some []office.Entry
		var left []string
		if some, left, at, err = other.Changes(ctx, ministry.EDRPOU, at, 1); err != nil {
			t.Fatal(err)
		}
		for _, e := range some {
			uids = append(uids, e.UID)
		}
		uids = append(uids, left...)
	}
	if len(uids) != 3 {
		t.Errorf("in steps: %v", uids)
	}
	if e, err := other.Entry(ctx, seat); err != nil || e.Position != "завідувач сектору" || e.UID != before.UID || e.Seq <= before.Seq || !e.Changed.Equal(day) {
		t.Errorf("%+v %v", e, err)
	}
	if e, err := other.EntryAt(ctx, seat, day.Add(-time.Second)); err != nil || e.Position != "головний спеціаліст" || !e.To.Equal(day) {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := other.EntryAt(ctx, seat, began.Add(-time.Second)); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("before the first day: %v", err)
	}
	if e, err := other.EntryAt(ctx, office.Seat{Body: ministry.EDRPOU, Post: 4}, began.AddDate(-1, 0, 0)); err != nil || e.Surname != "Згурський" {
		t.Errorf("since when HR says: %+v %v", e, err)
	}
	left := office.Seat{Body: ministry.EDRPOU, Post: 2}
	if _, err := other.Entry(ctx, left); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("left: %v", err)
	}
	if _, err := other.ByUID(ctx, left.UID()); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("left: %v", err)
	}
	if got := find(t, other, office.Query{Text: "Ґудзь"}); got != "" {
		t.Errorf("left: %q", got)
	}
	if got := find(t, other, office.Query{Text: "Ґудзь", At: began.Add(time.Minute)}); got != "Ґудзь" {
		t.Errorf("as it was: %q", got)
	}
	if got := find(t, other, office.Query{Unit: "Відділ зразків", Body: ministry.EDRPOU, At: began.Add(time.Minute)}); got != "Вигаданець Ґудзь" {
		t.Errorf("unit as it was: %q", got)
	}
	if h, err := other.History(ctx, seat.UID()); err != nil || len(h) != 2 || h[0].Position != "завідувач сектору" || h[1].Position != "головний спеціаліст" {
		t.Errorf("%v %v", h, err)
	}
	// The person comes back to the same seat.
	if n := fill(t, d, people(), day.Add(time.Hour)); n != 4 {
		t.Errorf("back: %d", n)
	}
	if e, err := other.ByUID(ctx, left.UID()); err != nil || e.Surname != "Ґудзь" || !e.To.IsZero() {
		t.Errorf("back: %+v %v", e, err)
	}
	if h, err := other.History(ctx, left.UID()); err != nil || len(h) != 2 {
		t.Errorf("back: %v %v", h, err)
	}
	// What was never given out, and who never was.
	if _, _, _, err := other.Changes(ctx, ministry.EDRPOU, 1<<40, 0); !errors.Is(err, office.ErrConflict) {
		t.Errorf("number of another life: %v", err)
	}
	if _, _, _, err := other.Changes(ctx, "99000028", 0, 0); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("unknown body: %v", err)
	}
}

func TestFillRefusesWhatCannotBe(t *testing.T) {
	d := directory(t, open(t))
	good := people()
	for name, f := range map[string]func() (office.BodyEntry, []office.PostEntry, time.Time){
		"no ЄДРПОУ": func() (office.BodyEntry, []office.PostEntry, time.Time) {
			return office.BodyEntry{Name: "Орган"}, good, began
		},
		"no name": func() (office.BodyEntry, []office.PostEntry, time.Time) {
			return office.BodyEntry{EDRPOU: "99000011"}, good, began
		},
		"post twice": func() (office.BodyEntry, []office.PostEntry, time.Time) {
			return ministry, append(people(), good[0]), began
		},
		"post 0": func() (office.BodyEntry, []office.PostEntry, time.Time) {
			return ministry, []office.PostEntry{{}}, began
		},
		"unknown status": func() (office.BodyEntry, []office.PostEntry, time.Time) {
			return ministry, []office.PostEntry{{Post: 1, Status: 9}}, began
		},
		"no time": func() (office.BodyEntry, []office.PostEntry, time.Time) { return ministry, good, time.Time{} },
	} {
		b, posts, at := f()
		if n, err := d.Fill(context.Background(), b, posts, at); !errors.Is(err, office.ErrEntry) || n != 0 {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	if bodies, err := d.Bodies(context.Background()); err != nil || len(bodies) != 0 {
		t.Errorf("%v %v", bodies, err)
	}
}

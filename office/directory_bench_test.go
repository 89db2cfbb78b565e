package office_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/posvid/posvid/office"
)

// crowd are n invented people of a body: 4,800 surnames, 40 given names, 30 patronymics, 25 positions, 400 units.
func crowd(n int) []office.PostEntry {
	heads := []string{"Вигад", "Зразк", "Прикл", "Умовн", "Показ", "Начерк", "Ескіз", "Проб", "Макет", "Шаблон", "Взірц", "Гіпот", "Ґандж", "Єрес", "Їжак", "Щедр", "Юрк", "Яросл", "Мар'ян", "Згур"}
	middles := []string{"а", "о", "и", "ов", "ев", "ан", "ен", "ин", "ар", "ор", "ич", "ач"}
	tails := []string{"енко", "ський", "ук", "юк", "ик", "ець", "ий", "ова", "ів", "ко", "ун", "аш", "іна", "ська", "ай", "уха", "ур", "ун-Далекий", "чак", "ило"}
	given := []string{"Олександр", "Марія", "Іван", "Ганна", "Юрій", "Євгенія", "Їва", "Петро", "Ольга", "Зразок", "Дар'я", "Тарас", "Леся", "Григорій", "Соломія", "Остап", "Ярослав", "Ніна", "Богдан", "Віра"}
	positions := []string{"головний спеціаліст", "провідний спеціаліст", "начальник відділу", "заступник начальника управління – начальник відділу", "державний експерт", "завідувач сектору", "консультант", "директор департаменту"}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	out := make([]office.PostEntry, n)
	for i := range out {
		out[i] = office.PostEntry{Post: int64(i + 1), Surname: pick(heads) + pick(middles) + pick(tails), Given: pick(given), Patronymic: pick(given) + "ович", Position: pick(positions),
			Unit: fmt.Sprintf("Відділ зразкових справ № %d управління прикладів", r.IntN(400)+1), Category: "В", Phone: fmt.Sprintf("(044) 000-%02d-%02d", i/100%100, i%100),
			Email: fmt.Sprintf("p%d@model.gov.ua", i), Status: office.StatusValid}
	}
	return out
}

// BenchmarkDirectory200k measures what an official waits for in a directory of 200,000 people, and what keeping it costs.
func BenchmarkDirectory200k(b *testing.B) {
	ctx := context.Background()
	s := open(b)
	d := directory(b, s)
	list := crowd(200_000)
	start := time.Now()
	if _, err := d.Fill(ctx, ministry, list, began); err != nil {
		b.Fatal(err)
	}
	first := time.Since(start)
	for _, q := range []string{"Вигадаренко", "vyhad", "мар'ян олександр", "спеціаліст", "а", "expert zrazkov 17", "немає такого"} {
		b.Run("search/"+q, func(b *testing.B) {
			var r office.Result
			for b.Loop() {
				var err error
				if r, err = d.Search(ctx, office.Query{Text: q, Limit: 50}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(r.Total), "found")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/search")
		})
	}
	b.Run("search/as-of", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.Search(ctx, office.Query{Text: "спеціаліст", At: began.Add(time.Hour), Limit: 50}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/search")
	})
	b.Run("fill/one-change", func(b *testing.B) {
		at := began
		for b.Loop() {
			at = at.Add(time.Minute)
			list[7].Status = (list[7].Status + 1) % 3
			if n, err := d.Fill(ctx, ministry, list, at); err != nil || n != 1 {
				b.Fatal(n, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/fill")
	})
	b.Run("units", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.Units(ctx, ministry.EDRPOU); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var d2 *office.Directory
		for b.Loop() {
			d2 = directory(b, s)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(d2)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		b.ReportMetric(first.Seconds(), "s-first-fill")
	})
}

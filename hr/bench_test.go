package hr_test

import (
	"fmt"
	"testing"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

const manyRows = 40_000

// many is a body of 40,000 people with all columns filled: the ministry over and over, each time with numbers of its own.
func many(tb testing.TB) []hr.Record {
	base := hrdata.Ministry(1)
	out := make([]hr.Record, manyRows)
	for i := range out {
		r := base[i%200]
		birth := hr.Date{Year: 1900, Month: 1, Day: 1}.AddDays(i % 3650)
		var err error
		if r.RNOKPP, err = hr.CompleteRNOKPP(birth, i/3650, i%2 == 0); err != nil {
			tb.Fatal(err)
		}
		if r.UNZR, err = hr.CompleteUNZR(birth, 1+i/3650); err != nil {
			tb.Fatal(err)
		}
		r.BirthDate, r.StaffNumber = birth, fmt.Sprint(i)
		r.Plastic.Number, r.Plastic.CarrierNumber = fmt.Sprintf("%06d", i), fmt.Sprintf("04%012X", i)
		r.PhotoRef = ""
		out[i] = r
	}
	return out
}

func benchRead(b *testing.B, data []byte, err error) {
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s, err := hr.Read("many", data, hr.Options{EDRPOU: hrdata.MinistryEDRPOU})
		if err != nil || len(s.Records) != manyRows {
			b.Fatal(err, len(s.Records), len(s.SetAside))
		}
	}
	b.ReportMetric(manyRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkReadCSV(b *testing.B) {
	data, err := hrdata.CSV(hrdata.MinistryEDRPOU, hrdata.AsOf(1), many(b), ';')
	benchRead(b, data, err)
}

func BenchmarkReadCSV1251(b *testing.B) {
	data, err := hrdata.CSV1251(hrdata.MinistryEDRPOU, hrdata.AsOf(1), many(b))
	benchRead(b, data, err)
}

func BenchmarkReadXLSX(b *testing.B) {
	data, err := hrdata.XLSX(hrdata.MinistryEDRPOU, hrdata.AsOf(1), many(b))
	benchRead(b, data, err)
}

func BenchmarkReadJSONLines(b *testing.B) {
	data, err := hrdata.JSONLines(hrdata.MinistryEDRPOU, hrdata.AsOf(1), many(b))
	benchRead(b, data, err)
}

func BenchmarkMakePlan(b *testing.B) {
	data, err := hrdata.CSV(hrdata.MinistryEDRPOU, hrdata.AsOf(1), many(b), ';')
	if err != nil {
		b.Fatal(err)
	}
	s := read(b, "many", data, hr.Options{})
	opt := options(1)
	opt.EDRPOU = hrdata.MinistryEDRPOU
	known := apply(b, nil, plan(b, nil, s, opt), true)
	for b.Loop() {
		if p := plan(b, known, s, opt); len(p.Items) != 0 {
			b.Fatal(len(p.Items))
		}
	}
	b.ReportMetric(manyRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkFirstPlanHash(b *testing.B) {
	data, err := hrdata.CSV(hrdata.MinistryEDRPOU, hrdata.AsOf(1), many(b), ';')
	if err != nil {
		b.Fatal(err)
	}
	s := read(b, "many", data, hr.Options{})
	opt := options(1)
	opt.EDRPOU = hrdata.MinistryEDRPOU
	for b.Loop() {
		if p := plan(b, nil, s, opt); len(p.Items) != manyRows || p.Hash() == [32]byte{} {
			b.Fatal(len(p.Items))
		}
	}
}

func BenchmarkNormalisePhoto(b *testing.B) {
	data := hrdata.Portrait(1)
	for b.Loop() {
		if _, _, err := hr.NormalisePhoto(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPortrait(b *testing.B) {
	for b.Loop() {
		hrdata.Portrait(1)
	}
}

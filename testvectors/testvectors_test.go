package testvectors

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func letters(s string) (n int) {
	for _, r := range s {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// The persons are what every size in the specification is measured on, so their texts are pinned.
func TestPersons(t *testing.T) {
	all := Persons()
	if len(all) != 2 {
		t.Fatalf("%d persons, want 2", len(all))
	}
	if got, want := all[0].FullName(), "Гончарук Тарас Григорович"; got != want {
		t.Errorf("first person is %q, want %q", got, want)
	}
	if got, want := all[0].Position.UK, "старший слідчий"; got != want {
		t.Errorf("first position is %q, want %q", got, want)
	}
	if got, want := all[1].FullName(), "Нестеренко-Квітковська Олександра-Вікторія Володимирівна"; got != want {
		t.Errorf("second person is %q, want %q", got, want)
	}
	if got := letters(all[1].Position.UK); got != 134 {
		t.Errorf("longest position has %d letters, want 134", got)
	}
	if got := letters(all[1].Unit.UK); got != 112 {
		t.Errorf("longest unit has %d letters, want 112", got)
	}
	for _, p := range all {
		if got := utf8.RuneCountInString(p.Number); got != 9 {
			t.Errorf("%s: number of %d characters, want 9", p.ID, got)
		}
		for _, s := range []Status{p.Status.Check, p.Status.Full} {
			if s.List > 4095 || s.Index < 65536 || s.Index >= 1<<20 {
				t.Errorf("%s: status %d/%d, want list up to 4095 and index 65536 to 1048575", p.ID, s.List, s.Index)
			}
		}
		if p.Status.Check == p.Status.Full {
			t.Errorf("%s: both faces share a status place", p.ID)
		}
		if p.Photo() == [20]byte{} {
			t.Errorf("%s: photo hash is zero", p.ID)
		}
		if p.Position.Code == 0 || p.Unit.Code == 0 || p.Rank == 0 && p.Category == "" {
			t.Errorf("%s: position, unit, or both of rank and category are missing", p.ID)
		}
		for _, s := range []string{p.FullName(), p.Number, p.Position.UK, p.Unit.UK} {
			if !norm.NFC.IsNormalString(s) {
				t.Errorf("%s: %q is not in NFC", p.ID, s)
			}
		}
		if p.ExpiresAt.Sub(p.IssuedAt) != 30*24*time.Hour || p.ShownAt.Before(p.IssuedAt) || p.ShownAt.After(p.ExpiresAt) {
			t.Errorf("%s: times %v, %v, %v", p.ID, p.IssuedAt, p.ShownAt, p.ExpiresAt)
		}
		if !validEDRPOU(p.EDRPOU) {
			t.Errorf("%s: ЄДРПОУ %s has a wrong check digit", p.ID, p.EDRPOU)
		}
	}
}

// Nothing else than the persons and the generated scenarios is embedded.
func TestEmbedded(t *testing.T) {
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && name != "persons.json" && !strings.HasPrefix(name, "v1/") {
			t.Errorf("%s is embedded", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.ReadDir(Vectors(), "."); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// validEDRPOU checks the last digit for codes below 30000000, whose weights are 1 to 7.
func validEDRPOU(s string) bool {
	if len(s) != 8 {
		return false
	}
	sum := 0
	for i := range 7 {
		sum += (i + 1) * int(s[i]-'0')
	}
	return s[0] < '3' && sum%11 == int(s[7]-'0')
}

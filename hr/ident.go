package hr

import (
	"fmt"
	"slices"
)

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}

// edrpouCheck is the eighth digit for the first seven.
func edrpouCheck(s string) byte {
	w := [7]int{1, 2, 3, 4, 5, 6, 7}
	if s[0] >= '3' && s[0] <= '5' { // the rule says 30000000–60000000; 60000000 itself fails with either set
		w = [7]int{7, 1, 2, 3, 4, 5, 6}
	}
	sum := func(add int) int {
		n := 0
		for i, x := range w {
			n += (x + add) * int(s[i]-'0')
		}
		return n % 11
	}
	n := sum(0)
	if n == 10 {
		n = sum(2)
	}
	if n == 10 {
		n = 0
	}
	return byte('0' + n)
}

// ValidEDRPOU says whether s is a ЄДРПОУ code: eight digits, the last a check digit.
func ValidEDRPOU(s string) bool {
	return len(s) == 8 && allDigits(s) && s != "00000000" && edrpouCheck(s) == s[7]
}

// CompleteEDRPOU adds the check digit to seven digits.
func CompleteEDRPOU(first7 string) (string, error) {
	if len(first7) != 7 || !allDigits(first7) {
		return "", fmt.Errorf("hr: edrpou: got %d characters, want 7 digits", len(first7))
	}
	return first7 + string(edrpouCheck(first7)), nil
}

// rnokppCheck is the tenth digit for the first nine.
func rnokppCheck(s string) byte {
	w := [9]int{-1, 5, 7, 9, 4, 6, 10, 5, 7}
	n := 0
	for i, x := range w {
		n += x * int(s[i]-'0')
	}
	return byte('0' + (n%11+11)%11%10) // the sum may be negative; Go's % keeps the sign
}

// ValidRNOKPP says whether s is a РНОКПП: ten digits, the first five a birth day from 01.01.1900 on, the last a check digit.
func ValidRNOKPP(s string) bool {
	return len(s) == 10 && allDigits(s) && rnokppCheck(s) == s[9]
}

// CompleteRNOKPP builds a РНОКПП for a birth date from 01.01.1900 on, a serial 0–999 and a sex (the ninth digit is odd
// for men, even for women).
func CompleteRNOKPP(birth Date, serial int, male bool) (string, error) {
	day := daysBetween(Date{1899, 12, 31}, birth)
	if day < 1 || day > 99999 || serial < 0 || serial > 999 {
		return "", fmt.Errorf("hr: rnokpp: day %d or serial %d out of range", day, serial)
	}
	sex := serial % 5 * 2
	if male {
		sex++
	}
	s := fmt.Sprintf("%05d%03d%d", day, serial, sex)
	return s + string(rnokppCheck(s)), nil
}

// birthOfRNOKPP is the birth date that a valid РНОКПП encodes; ok is false for day 00000.
func birthOfRNOKPP(s string) (Date, bool) {
	n := digits(s[:5])
	if n < 1 {
		return Date{}, false
	}
	return Date{1899, 12, 31}.AddDays(n), true
}

func daysBetween(a, b Date) int {
	return int(b.utc().Sub(a.utc()).Hours() / 24)
}

// unzrCheck is the last digit: weights 7-3-1 over the twelve digits before it (ICAO Doc 9303-3, 4.9).
func unzrCheck(s12 string) byte {
	w := [3]int{7, 3, 1}
	n := 0
	for i := 0; i < len(s12); i++ {
		n += w[i%3] * int(s12[i]-'0')
	}
	return byte('0' + n%10)
}

// ValidUNZR says whether s is a УНЗР: РРРРММДД-NNNNC with a real date, a serial 0001–9999 and a check digit.
func ValidUNZR(s string) bool {
	if len(s) != 14 || s[8] != '-' || !allDigits(s[:8]) || !allDigits(s[9:]) || s[9:13] == "0000" {
		return false
	}
	return birthOfUNZR(s).Valid() && unzrCheck(s[:8]+s[9:13]) == s[13]
}

// CompleteUNZR builds a УНЗР for a birth date and a serial 1–9999.
func CompleteUNZR(birth Date, serial int) (string, error) {
	if !birth.Valid() || serial < 1 || serial > 9999 {
		return "", fmt.Errorf("hr: unzr: serial %d out of 1–9999 or date not real", serial)
	}
	d := fmt.Sprintf("%04d%02d%02d", birth.Year, birth.Month, birth.Day)
	n := fmt.Sprintf("%04d", serial)
	return d + "-" + n + string(unzrCheck(d+n)), nil
}

// birthOfUNZR is the birth date that a УНЗР of the right shape encodes.
func birthOfUNZR(s string) Date {
	return Date{Year: digits(s[:4]), Month: digits(s[4:6]), Day: digits(s[6:8])}
}

// katottgRegions are the region codes of КАТОТТГ (order of Мінрегіон 26.11.2020 №290).
var katottgRegions = []string{"01", "05", "07", "12", "14", "18", "21", "23", "26", "32", "35", "44", "46", "48", "51",
	"53", "56", "59", "61", "63", "65", "68", "71", "73", "74", "80", "85"}

// ValidKATOTTG says whether s has the shape of a КАТОТТГ code: Latin UA, a known region code, 17 digits in all, the last
// five not all zero. The classifier has no check digit.
func ValidKATOTTG(s string) bool {
	return len(s) == 19 && s[:2] == "UA" && allDigits(s[2:]) && slices.Contains(katottgRegions, s[2:4]) && s[14:] != "00000"
}

// restoreZeros pads digits that a spreadsheet cut leading zeros from, and only when the check digit confirms the result.
func restoreZeros(s string, width, maxLost int, valid func(string) bool) (string, bool) {
	if !allDigits(s) || len(s) >= width || len(s) < width-maxLost {
		return s, false
	}
	p := fmt.Sprintf("%0*s", width, s)
	return p, valid(p)
}

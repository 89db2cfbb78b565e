package service

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// SRV-13
func TestBucketsAreBounded(t *testing.T) {
	b := newBuckets(2, time.Minute, 3)
	at := time.Unix(1_800_000_000, 0)
	for range 2 {
		if !b.take("a", at) {
			t.Fatal("refused within the limit")
		}
	}
	if b.take("a", at) {
		t.Error("let through beyond the limit")
	}
	for i := range 1000 {
		b.take(fmt.Sprint(i), at)
		if i%2 == 0 {
			b.take("a", at) // in use, so it is not the one forgotten
		}
	}
	if len(b.byKey) != 3 || b.order.Len() != 3 {
		t.Errorf("%d sources are remembered, want 3", len(b.byKey))
	}
	if b.take("a", at) {
		t.Error("a source that goes on asking was forgotten")
	}
	if !b.take("a", at.Add(31*time.Second)) {
		t.Error("the share does not come back")
	}
	c := newCounts(2, 2)
	for i, want := range []bool{true, true, false} {
		if c.enter("a") != want {
			t.Errorf("enter %d: want %v", i, want)
		}
	}
	if !c.enter("b") || c.enter("c") {
		t.Error("the number of sources is not bounded")
	}
	c.leave("b")
	if !c.enter("c") {
		t.Error("a place is not given back")
	}
}

// SRV-17
func TestScrub(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "",
		"store: row 42 of 0289340124 is locked": "store: row 42 of # is locked",
		"1234567":                               "1234567",
		"12345678":                              "#",
		"a 19071203-04027 b":                    "a #-04027 b",
		"name Вигаданець Зразок: no":                 "name … …: no",
		"line\nbreak\x00\x1b[31m":                    "line…break…[31m",
		"\xff\xfe":                                   "…",
		"7 digits 1234567, 8 digits 12345678, end 9": "7 digits 1234567, 8 digits #, end 9",
	} {
		if got := scrub(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := scrub(strings.Repeat("x", 10_000)); len(got) > maxScrubbed+4 {
		t.Errorf("%d bytes of a long text, want at most %d", len(got), maxScrubbed+4)
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("store: 0289340124 Вигаданець")
	f.Add("1234567 1234567 12345678")
	f.Fuzz(func(t *testing.T, text string) {
		digits := 0
		for _, c := range scrub(text) {
			if c > '~' && c != '…' || c < ' ' {
				t.Fatalf("%q: %q holds %q", text, scrub(text), c)
			}
			if digits++; c < '0' || c > '9' {
				digits = 0
			}
			if digits > 7 {
				t.Fatalf("%q: %q holds a number of eight digits", text, scrub(text))
			}
		}
	})
}

// SRV-10: what is let through means one thing: encoding/json reads it, and gives the same when it is written again.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[]`, `"x"`, `1`, `null`, `{"a":{"a":1},"b":[{"c":1},{"c":2}]}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{} {}`, `[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]`, ``, `{`, `{"a"`, `{"a":`,
		`[1,]`, "\"\xff\"", `{"a":1}x`, ` {"a":1} `, `{"":1,"":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if checkJSON(data) != nil {
			return
		}
		var one, two any
		if err := json.Unmarshal(data, &one); err != nil {
			t.Fatalf("%q is let through: %v", data, err)
		}
		again, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkJSON(again); err != nil {
			t.Fatalf("%q is refused, and it is %q again: %v", again, data, err)
		}
		if err := json.Unmarshal(again, &two); err != nil || !reflect.DeepEqual(one, two) {
			t.Fatalf("%q: %v, then %v", data, one, two)
		}
	})
}

func TestCheckJSONRefuses(t *testing.T) {
	deep := strings.Repeat("[", maxJSONDepth) + strings.Repeat("]", maxJSONDepth)
	for _, good := range []string{`{"a":1,"b":{"a":1}}`, `[{"a":1},{"a":2}]`, deep, `"a"`, ` null `, `{"a":[],"b":{}}`, `{"a":"a"}`} {
		if err := checkJSON([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{`{"a":1,"a":2}`, `{"a":{},"a":2}`, `{"a":[1],"b":1,"a":2}`, `[{"b":1,"b":1}]`, "[" + deep + "]", ``, ` `, `{`, `[1`, `{"a":1}}`, `1 2`, `{"a":1},`, "\"\xff\"", `{a:1}`, `'a'`} {
		if checkJSON([]byte(bad)) == nil {
			t.Errorf("%s is let through", bad)
		}
	}
}

func FuzzAcceptLanguage(f *testing.F) {
	f.Add("uk-UA,uk;q=0.9,en;q=0.8")
	f.Fuzz(func(t *testing.T, header string) {
		if lang := acceptLanguage(header); lang != "uk" && lang != "en" {
			t.Fatalf("%q: %q", header, lang)
		}
	})
}

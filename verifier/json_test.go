package verifier_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/verifier"
)

// goldenAccept and the others are verdicts of the test world, one object a line; checks stand apart for the eye.
const (
	goldenAccept = `{"schema":"posvid.verdict/1","verdict":"accept","code":"ok","level":2,"checks":[` +
		`{"name":"text","result":"pass","code":null},` +
		`{"name":"decode","result":"pass","code":null},` +
		`{"name":"root","result":"pass","code":null},` +
		`{"name":"bundle","result":"pass","code":null},` +
		`{"name":"clock","result":"pass","code":null},` +
		`{"name":"issuer-key","result":"pass","code":null},` +
		`{"name":"issuer-signature","result":"pass","code":null},` +
		`{"name":"issuer-right","result":"pass","code":null},` +
		`{"name":"validity","result":"pass","code":null},` +
		`{"name":"holder-signature","result":"pass","code":null},` +
		`{"name":"audience","result":"pass","code":null},` +
		`{"name":"beacon","result":"pass","code":null},` +
		`{"name":"window","result":"pass","code":null},` +
		`{"name":"status","result":"pass","code":null},` +
		`{"name":"table","result":"pass","code":null},` +
		`{"name":"replay","result":"not-run","code":null},` +
		`{"name":"photo","result":"not-run","code":null},` +
		`{"name":"level","result":"pass","code":null}],` +
		`"holder":{"number":"АА 004022","name":"Гончарук Тарас Григорович","position":"старший слідчий","unit":"Головне слідче управління",` +
		`"rank":3,"category":null,"photo_sha256":"8f14010203000000000000000000000000000000"},` +
		`"issuer":{"edrpou":"10000001","name":"Орган 10000001","kid":"KID"},"bundle":{"number":10,"age_s":3600},` +
		`"status_as_of":"2026-11-22T06:00:00Z","clock_offset_s":30,"next_step":"Пропустіть за правилами пункту пропуску.","simulated":false}`

	goldenForeign = `{"schema":"posvid.verdict/1","verdict":"cannot-confirm","code":"not-a-service-id","level":0,"checks":[` +
		`{"name":"text","result":"fail","code":"not-a-service-id"},` +
		`{"name":"decode","result":"not-run","code":null},` +
		`{"name":"root","result":"pass","code":null},` +
		`{"name":"bundle","result":"pass","code":null},` +
		`{"name":"clock","result":"pass","code":null},` +
		`{"name":"issuer-key","result":"not-run","code":null},` +
		`{"name":"issuer-signature","result":"not-run","code":null},` +
		`{"name":"issuer-right","result":"not-run","code":null},` +
		`{"name":"validity","result":"not-run","code":null},` +
		`{"name":"holder-signature","result":"not-run","code":null},` +
		`{"name":"audience","result":"not-run","code":null},` +
		`{"name":"beacon","result":"not-run","code":null},` +
		`{"name":"window","result":"not-run","code":null},` +
		`{"name":"status","result":"not-run","code":null},` +
		`{"name":"table","result":"not-run","code":null},` +
		`{"name":"replay","result":"not-run","code":null},` +
		`{"name":"photo","result":"not-run","code":null},` +
		`{"name":"level","result":"not-run","code":null}],` +
		`"holder":null,"issuer":null,"bundle":{"number":10,"age_s":3600},"status_as_of":null,"clock_offset_s":null,` +
		`"next_step":"Ask the person to open the service ID and show its code. Do not follow the foreign code.","simulated":true}`

	goldenZero = `{"schema":"posvid.verdict/1","verdict":"refuse","code":"internal","level":0,"checks":[CHECKS],` +
		`"holder":null,"issuer":null,"bundle":null,"status_as_of":null,"clock_offset_s":null,` +
		`"next_step":"Зчитайте ще раз. Якщо повториться, перевіряйте іншим пристроєм і повідомте технічного адміністратора.","simulated":false}`
)

func TestGoldenJSON(t *testing.T) {
	w := newWorld(t)
	kid := w.iss[ministry].IssuerPublic().KeyID().String()
	same := func(name string, v verifier.Verdict, want string) {
		t.Helper()
		got, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		if bytes.ContainsAny(got, "\n\r") {
			t.Errorf("%s: more than one line", name)
		}
	}
	same("accept", verifier.Verify(w.input(w.text(code{}))), strings.Replace(goldenAccept, "KID", kid, 1))

	in := w.input("https://example.org")
	in.Lang, in.Simulated = "en", true
	same("foreign text", verifier.Verify(in), goldenForeign)

	var checks []string
	for _, name := range []string{"text", "decode", "root", "bundle", "clock", "issuer-key", "issuer-signature", "issuer-right", "validity",
		"holder-signature", "audience", "beacon", "window", "status", "table", "replay", "photo", "level"} {
		checks = append(checks, `{"name":"`+name+`","result":"not-run","code":null}`)
	}
	same("zero verdict", verifier.Verdict{}, strings.Replace(goldenZero, "CHECKS", strings.Join(checks, ","), 1))

	v := verifier.Verify(answer(verifier.ChallengeOpen, code{}, photo(verifier.PhotoPlastic, [20]byte{}, verifier.L3))(w))
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"level":3`, `{"name":"photo-plastic","result":"pass","code":null}`, `{"name":"window","result":"not-run","code":null}`} {
		if !bytes.Contains(got, []byte(part)) {
			t.Errorf("%s is not in %s", part, got)
		}
	}
	v = verifier.Verify(plain(code{at: now.Add(-132 * time.Second), edit: func(c *credential.Claims) {
		c.Face, c.Position, c.Unit, c.Rank = credential.FaceCheck, credential.CodedText{}, credential.CodedText{}, 0
	}})(w))
	if got, err = json.Marshal(v); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"code":"clock-differs"`, `"clock_offset_s":132`, `"position":null,"unit":null,"rank":null,"category":null`, `"level":1`} {
		if !bytes.Contains(got, []byte(part)) {
			t.Errorf("%s is not in %s", part, got)
		}
	}
}

func TestJSONIsNeverTranslated(t *testing.T) {
	w := newWorld(t)
	for _, s := range scenarios {
		in := s.make(w)
		uk := verifier.Verify(in)
		in.Lang = "en"
		en := verifier.Verify(in)
		var a, b map[string]any
		for _, x := range []struct {
			v    verifier.Verdict
			into *map[string]any
		}{{uk, &a}, {en, &b}} {
			text, err := json.Marshal(x.v)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, x.into); err != nil {
				t.Fatal(err)
			}
		}
		if a["next_step"] == b["next_step"] {
			t.Errorf("%s: one next step in both languages: %v", s.name, a["next_step"])
		}
		delete(a, "next_step")
		delete(b, "next_step")
		left, _ := json.Marshal(a)
		right, _ := json.Marshal(b)
		if !bytes.Equal(left, right) {
			t.Errorf("%s: a language changes more than the next step", s.name)
		}
	}
}

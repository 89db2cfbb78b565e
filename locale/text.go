package locale

import (
	"strconv"
	"strings"
	"time"
)

// Args are the values a text may name. A text uses only those that its code is documented to carry
// (docs/spec/verification.md, Section 5); none of them is personal data.
type Args struct {
	Shift   time.Duration // {shift}: how far two clocks differ, or how old a thing is; the sign is dropped
	Limit   time.Duration // {limit}: what the policy allows
	At      time.Time     // {at}: a moment: end of the term, date of the data
	Level   int           // {level}: level reached
	Want    int           // {want}: level asked for
	Suspect string        // "phone" or "device": whose clock is the likelier to be wrong; empty when not known
}

// Text gives what a person reads about a code: a headline of a few words, the cause in one sentence, and
// the one next step. An unknown code gets the texts of "internal": a guard always has something to do.
func Text(lang, code string, a Args) (headline, cause, nextStep string) {
	t, ok := texts[code]
	if !ok {
		t = texts["internal"]
	}
	i := side(lang)
	cause = expand(t.cause[i], lang, a)
	if s, ok := suspects[a.Suspect]; ok && t.clock {
		cause += " " + s[i]
	}
	return t.headline[i], cause, steps[t.step][i]
}

// NextStep gives the one next step of a code, as [Text] does, and nothing else.
func NextStep(lang, code string) string {
	t, ok := texts[code]
	if !ok {
		t = texts["internal"]
	}
	return steps[t.step][side(lang)]
}

// Has reports whether a code has its texts in every language of [Languages].
func Has(code string) bool {
	t, ok := texts[code]
	if !ok {
		return false
	}
	step := steps[t.step]
	for i := range Languages() {
		if t.headline[i] == "" || t.cause[i] == "" || step[i] == "" {
			return false
		}
	}
	return true
}

// Step names the cause a code belongs to: all codes of one cause share one next step.
func Step(code string) string { return texts[code].step }

// Codes lists the codes that have texts, in no particular order.
func Codes() []string {
	all := make([]string, 0, len(texts))
	for c := range texts {
		all = append(all, c)
	}
	return all
}

// Word is the one big word of an outcome: "accept", "refuse" or "cannot-confirm". Anything else is the
// refusing word, as the zero value of a verdict refuses.
func Word(lang, outcome string) string {
	w, ok := words[outcome]
	if !ok {
		w = words["refuse"]
	}
	return w[side(lang)]
}

// Label is the name of a field as a person reads it. An unknown key gives the key itself.
func Label(lang, key string) string {
	if l, ok := labels[key]; ok {
		return l[side(lang)]
	}
	return key
}

// LevelName writes a level with what it rests on.
func LevelName(lang string, level int) string {
	if level < 0 || level >= len(levels) {
		level = 0
	}
	return levels[level][side(lang)]
}

// CardLevelName is [LevelName] for a verdict on a card.
func CardLevelName(lang string, level int) string {
	if level < 0 || level >= len(cardLevels) {
		level = 0
	}
	return cardLevels[level][side(lang)]
}

// expand replaces the placeholders of a text by its arguments.
func expand(text, lang string, a Args) string {
	if !strings.Contains(text, "{") {
		return text
	}
	for _, p := range [...]struct {
		name  string
		value func() string
	}{
		{"{shift}", func() string { return Duration(lang, a.Shift) }},
		{"{limit}", func() string { return Duration(lang, a.Limit) }},
		{"{at}", func() string { return Moment(lang, a.At) }},
		{"{date}", func() string { return Date(a.At) }},
		{"{level}", func() string { return strconv.Itoa(a.Level) }},
		{"{want}", func() string { return strconv.Itoa(a.Want) }},
	} {
		if strings.Contains(text, p.name) {
			text = strings.ReplaceAll(text, p.name, p.value())
		}
	}
	return text
}

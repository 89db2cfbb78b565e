package trust

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
)

// Code tables read their names in one pass of their own; the rule is the same as for every other name.
func TestOneRuleForNames(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		name := "а" + string(r)
		_, err := codes.NewTable().Assign(codes.Unit, name, "")
		if one := cose.OneLine(name); one != (err == nil) {
			t.Fatalf("%U: one line %v, code table %v", r, one, err)
		}
	}
}

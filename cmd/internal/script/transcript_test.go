package script

import "testing"

func TestTranscriptPattern(t *testing.T) {
	want := Step{Want: []string{"a…z", "…", "end"}}
	for got, matches := range map[string]bool{
		"a to z\nend\n":        true,
		"az \nx\ny\nend\n":     true,
		"a to z\n":             false,
		"b to z\nend\n":        false,
		"a to z\nend\nmore\n":  false,
		"more\na to z\nend\n":  false,
		"a to\nz\nend\n":       false,
		"a to z\nthe end\n":    false,
		"a.z\nx\nend \n":       true,
		"a to z\nend of all\n": false,
		"":                     false,
	} {
		if want.Pattern().MatchString(got) != matches {
			t.Errorf("%q: matches is %v, want %v", got, !matches, matches)
		}
	}
	if (Step{}).Pattern().MatchString("something\n") || !(Step{}).Pattern().MatchString("") {
		t.Error("a command without lines prints nothing")
	}
}

func TestBlocks(t *testing.T) {
	page := "text\n<!-- run -->\n```sh\n$ one\na\n\n$ two\n```\nmore\n```\n$ unmarked\n```\n<!-- file a/b -->\n```ini\nx = 1\n```\n<!-- run -->\n\n```\n$ apart\n```\n"
	blocks := Blocks([]byte(page))
	if len(blocks) != 2 || blocks[0].Mark != "run" || blocks[1] != (Block{"file a/b", "x = 1\n"}) {
		t.Fatalf("%q", blocks)
	}
	steps, err := blocks[0].Steps()
	if err != nil || len(steps) != 2 || steps[0].Command != "one" || len(steps[0].Want) != 2 || steps[1].Command != "two" || steps[1].Want != nil {
		t.Errorf("%q, %v", steps, err)
	}
	if _, err := blocks[1].Steps(); err == nil {
		t.Error("a block that begins with no command was read")
	}
}

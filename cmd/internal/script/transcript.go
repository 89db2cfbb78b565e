package script

import (
	"fmt"
	"regexp"
	"strings"
)

// Step is one command of a page and what it prints; a line of … stands for any lines, … within a line for any text.
type Step struct {
	Command string
	Want    []string
}

// Block is one fenced block of a page that stands below a mark.
type Block struct {
	Mark string // without <!-- and -->
	Text string // what is between the fences
}

var marked = regexp.MustCompile("(?m)^<!-- (.+) -->\n```[a-z]*\n((?s:.*?))^```$")

// Blocks are a page's marked blocks, in their order.
func Blocks(page []byte) []Block {
	var list []Block
	for _, m := range marked.FindAllSubmatch(page, -1) {
		list = append(list, Block{string(m[1]), string(m[2])})
	}
	return list
}

// Steps reads a block of commands, each after "$ ", and what they print.
func (b Block) Steps() ([]Step, error) {
	var all []Step
	for line := range strings.Lines(b.Text) {
		line = strings.TrimSuffix(line, "\n")
		switch command, ok := strings.CutPrefix(line, "$ "); {
		case ok:
			all = append(all, Step{Command: command})
		case len(all) == 0:
			return nil, fmt.Errorf("the block marked %s begins with %q, want a command", b.Mark, line)
		default:
			last := &all[len(all)-1]
			last.Want = append(last.Want, line)
		}
	}
	return all, nil
}

// Pattern matches what the step may print.
func (s Step) Pattern() *regexp.Regexp {
	var re strings.Builder
	re.WriteString(`\A`)
	for _, line := range s.Want {
		line = strings.TrimRight(line, " ")
		if line == "…" {
			re.WriteString(`(?:.*\n)*`)
			continue
		}
		re.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + ` *\n`)
	}
	re.WriteString(`\z`)
	return regexp.MustCompile(re.String())
}

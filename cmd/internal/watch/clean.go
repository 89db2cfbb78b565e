package watch

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/posvid/posvid/locale"
)

// maxShown bounds a text that is put on the screen, in runes. The longest position of a token is shorter.
const maxShown = 400

// clean makes a text harmless to a terminal, and not longer than a screen can use.
func clean(text string) string { return locale.Visible(text, maxShown) }

// width is how many columns a text takes.
func width(text string) int { return ansi.StringWidth(text) }

// clip cuts a text to columns, with an ellipsis where something was cut.
func clip(text string, columns int) string {
	if columns <= 0 {
		return ""
	}
	return ansi.Truncate(text, columns, "…")
}

// pad cuts or fills a text to exactly columns.
func pad(text string, columns int) string {
	text = clip(text, columns)
	return text + strings.Repeat(" ", max(columns-width(text), 0))
}

// wrap breaks a text into at most lines lines of columns columns; what does not fit ends in an ellipsis.
func wrap(text string, columns, lines int) []string {
	if columns <= 0 || lines <= 0 || text == "" {
		return nil
	}
	all := strings.Split(ansi.Wrap(text, columns, ""), "\n")
	if len(all) > lines {
		rest := strings.Join(all[lines-1:], " ")
		all = append(all[:lines-1], clip(rest, columns))
		if last := all[lines-1]; !strings.HasSuffix(last, "…") {
			all[lines-1] = clip(last, columns-1) + "…"
		}
	}
	for i, line := range all {
		all[i] = strings.TrimSpace(clip(line, columns))
	}
	return all
}

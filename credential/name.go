package credential

import (
	"strings"
	"unicode"
)

// ShortName returns the name of the check face: the surname in full, given name and patronymic as initials with
// full stops. A part written with a hyphen keeps it: "Нестеренко-Квітковська О.-В. В.". Parts that are absent
// are left out.
func ShortName(surname, given, patronymic string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(surname))
	for _, name := range [2]string{given, patronymic} {
		for _, word := range strings.Fields(name) {
			joint := " "
			for _, part := range strings.Split(word, "-") {
				at := strings.IndexFunc(part, unicode.IsLetter)
				if at < 0 {
					continue
				}
				if b.Len() > 0 {
					b.WriteString(joint)
				}
				for _, r := range part[at:] {
					b.WriteRune(unicode.ToUpper(r))
					break
				}
				b.WriteByte('.')
				joint = "-"
			}
		}
	}
	return b.String()
}

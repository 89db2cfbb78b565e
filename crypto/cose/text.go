package cose

// OneLine reports whether a text can stand on one line of a screen and steer neither the screen nor the reader's eye:
// it has no control character (U+0000–U+001F, U+007F–U+009F: some terminals obey U+009B like ESC [), no separator of
// lines or paragraphs (U+2028, U+2029) and no mark that turns the direction of writing (U+061C, U+200E, U+200F,
// U+202A–U+202E, U+2066–U+2069). The text has to be UTF-8. Names that others signed are held to it where they are read.
func OneLine[T ~string | ~[]byte](text T) bool {
	// Each of these characters begins with a byte that never continues another one.
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c < 0x20, c == 0x7f:
			return false
		case c < 0xc2:
		case c == 0xc2 && i+1 < len(text) && text[i+1] < 0xa0:
			return false
		case c == 0xd8 && i+1 < len(text) && text[i+1] == 0x9c:
			return false
		case c == 0xe2 && i+2 < len(text):
			next, last := text[i+1], text[i+2]
			if next == 0x80 && (last == 0x8e || last == 0x8f || last >= 0xa8 && last <= 0xae) || next == 0x81 && last >= 0xa6 && last <= 0xa9 {
				return false
			}
		}
	}
	return true
}

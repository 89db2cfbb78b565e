package scene

import "github.com/makiuchi-d/gozxing/qrcode/decoder"

// capacity is the most alphanumeric characters that a symbol holds (ISO/IEC
// 18004, Table 7), from the codewords of its version and level.
func capacity(version int, level string) int {
	v, err := decoder.Version_GetVersionForNumber(version)
	if err != nil {
		return 0
	}
	blocks := v.GetECBlocksForLevel(map[string]decoder.ErrorCorrectionLevel{
		"L": decoder.ErrorCorrectionLevel_L, "M": decoder.ErrorCorrectionLevel_M,
		"Q": decoder.ErrorCorrectionLevel_Q, "H": decoder.ErrorCorrectionLevel_H,
	}[level])
	counter := 9 // bits of the character count
	switch {
	case version >= 27:
		counter = 13
	case version >= 10:
		counter = 11
	}
	bits := 8*(v.GetTotalCodewords()-blocks.GetTotalECCodewords()) - 4 - counter
	chars := bits / 11 * 2
	if bits%11 >= 6 {
		chars++
	}
	return chars
}

//go:build !linux

package source

// confine bounds nothing here: time and output are bounded all the same.
func confine(int) error { return nil }

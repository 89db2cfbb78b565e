package office

import (
	"slices"
	"time"
)

// Rewrite reads and writes a calendar object.
func Rewrite(data []byte) []byte {
	root, err := parseICal(data, asWritten)
	if err != nil {
		return nil
	}
	return root.bytes()
}

// Starts are the beginnings of a calendar object's instances in [from, to).
func Starts(data []byte, from, to time.Time) ([]time.Time, error) {
	o, err := readObject(data, "", asWritten)
	if err != nil {
		return nil, err
	}
	var out []time.Time
	o.between(from, to, func(at occurrence) bool {
		out = append(out, at.start)
		return true
	})
	slices.SortFunc(out, time.Time.Compare)
	return out, nil
}

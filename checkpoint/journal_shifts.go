package checkpoint

import (
	"cmp"
	"io"
	"slices"
	"time"

	"github.com/posvid/posvid/crypto/keys"
)

// ShiftCount is what one shift of one guard came to, without a word about anybody who was checked.
type ShiftCount struct {
	Guard  string
	Shift  string // as the journal has it: when the guard came on duty, by Kyiv
	First  time.Time
	Last   time.Time
	Counts map[ShiftVerdict]int
}

// ShiftVerdict is a kind of verdict that is counted.
type ShiftVerdict struct {
	Outcome string // accept, refuse, cannot-confirm
	Code    string
	Photo   string // matched, plastic, or "" when the guard compared none
}

// CountShifts counts the journal by shift and guard, oldest first. It needs the passphrase, as every reading of the journal does.
// Errors are those of ExportJournal.
func (s *State) CountShifts(k keys.VerifierPrivateKey) ([]ShiftCount, error) {
	type who struct{ guard, shift string }
	found := map[who]*ShiftCount{}
	_, err := s.ExportJournal(k, ExportOptions{each: func(_ uint64, e exportedEvent) error {
		at, err := time.Parse(time.RFC3339, e.At)
		if err != nil {
			return err
		}
		w := who{guard: e.Guard}
		if e.Shift != nil {
			w.shift = *e.Shift
		}
		c := found[w]
		if c == nil {
			c = &ShiftCount{Guard: w.guard, Shift: w.shift, First: at, Last: at, Counts: map[ShiftVerdict]int{}}
			found[w] = c
		}
		if at.Before(c.First) {
			c.First = at
		}
		if at.After(c.Last) {
			c.Last = at
		}
		v := ShiftVerdict{Outcome: e.Verdict, Code: e.Code}
		if e.Photo != nil {
			v.Photo = *e.Photo
		}
		c.Counts[v]++
		return nil
	}}, io.Discard)
	if err != nil {
		return nil, err
	}
	list := make([]ShiftCount, 0, len(found))
	for _, c := range found {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b ShiftCount) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Guard, b.Guard), cmp.Compare(a.Shift, b.Shift))
	})
	return list, nil
}

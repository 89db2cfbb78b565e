package service

import (
	"context"
	"slices"
	"time"
)

// Look is one time when somebody or some system read a holder's data, as the holder is told.
type Look struct {
	At     time.Time
	Who    string // name of the system or the verifier
	Kind   string // what was done, in the holder's language or as a word of a fixed set
	Answer string // what it got
}

// AddLooks adds a part's own record of looks: the newest of one entitlement, at most limit.
func (s *Server) AddLooks(f func(ctx context.Context, edrpou string, entitlement int64, limit int) ([]Look, error)) {
	s.looks = append(s.looks, f)
}

// Looks are the looks of every part at one entitlement, newest first, at most limit.
func (s *Server) Looks(ctx context.Context, edrpou string, entitlement int64, limit int) ([]Look, error) {
	var all []Look
	for _, f := range s.looks {
		some, err := f(ctx, edrpou, entitlement, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b Look) int { return b.At.Compare(a.At) })
	return all[:min(len(all), max(limit, 0))], nil
}

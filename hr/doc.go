// Package hr turns the staff data of a body into a plan of changes to its service IDs.
//
// It reads one snapshot from CSV, XLSX or JSON lines, validates every row, sets bad rows aside with the place and the
// reason, and compares the good ones with what the issuer holds: the result is a plan of joins, changes, moves,
// suspensions and leaves that people read and sign by its hash before anything is applied. It also normalises photos and
// writes the list of people who cannot have an electronic ID, with the reasons: docs/spec/hr.md.
//
// The package decides nothing about keys, signatures or storage and reads no clock and no network: bytes, readers and the
// time come from the caller. No error, problem or log text that it makes holds a personal value.
package hr

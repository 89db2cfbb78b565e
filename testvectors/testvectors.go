// Package testvectors holds the invented data that tests, benchmarks and the demo share. It trusts nothing
// and decides nothing; the private keys and persons in it are public and must never be used for real.
package testvectors

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"
)

// files holds persons.json and, where it has been generated, the folder v1.
//
//go:embed [pv]*
var files embed.FS

// Vectors returns the folder v1: one file for each scenario, made by testvectors/gen. It is embedded so that it can be
// read where there are no files, as in WebAssembly. Reading it fails with fs.ErrNotExist before it has been generated.
func Vectors() fs.FS {
	v1, err := fs.Sub(files, "v1")
	if err != nil {
		panic("testvectors: v1: " + err.Error())
	}
	return v1
}

// Person is one of the reference persons on whom the sizes of the formats are measured.
type Person struct {
	ID         string `json:"id"`         // Latin short name, used in file names
	Surname    string `json:"surname"`    // прізвище, in NFC like all texts here
	GivenName  string `json:"given_name"` // власне ім'я
	Patronymic string `json:"patronymic"` // по батькові
	EDRPOU     string `json:"edrpou"`     // issuing body, 8 digits
	Number     string `json:"number"`     // number of the service ID, 9 characters
	Position   Title  `json:"position"`
	Unit       Title  `json:"unit"`
	Category   string `json:"category"`   // category of the post; empty = none
	Rank       uint8  `json:"rank"`       // 1 to 9; 0 = none
	PhotoHash  string `json:"photo_hash"` // 20 bytes of SHA-256, hexadecimal
	Status     struct {
		Check Status `json:"check"`
		Full  Status `json:"full"`
	} `json:"status"` // a status place for each face

	IssuedAt  time.Time `json:"-"` // iat of the tokens
	ExpiresAt time.Time `json:"-"` // exp of the tokens, 30 days later
	ShownAt   time.Time `json:"-"` // iat of the presentations
}

// Title is a position or a unit: its number in the body's code table and the texts that the number stands for.
type Title struct {
	Code uint32 `json:"code"`
	UK   string `json:"uk"`
	EN   string `json:"en"`
}

// Status is a place in a status list of the body.
type Status struct {
	List  uint16 `json:"list"`  // 0 to 4095
	Index uint32 `json:"index"` // 0 to 2^20-1
}

// FullName returns surname, given name and patronymic, as the full face shows them.
func (p Person) FullName() string { return p.Surname + " " + p.GivenName + " " + p.Patronymic }

// Photo returns the photo hash as bytes.
func (p Person) Photo() [20]byte {
	var sum [20]byte
	if n, err := hex.Decode(sum[:], []byte(p.PhotoHash)); err != nil || n != len(sum) {
		panic(fmt.Sprintf("testvectors: persons.json: %s: photo_hash is not 20 bytes in hexadecimal", p.ID))
	}
	return sum
}

// Persons returns the reference persons: first the ordinary one, then the one with the longest texts.
func Persons() []Person {
	var file struct {
		IssuedAt  time.Time `json:"issued_at"`
		ExpiresAt time.Time `json:"expires_at"`
		ShownAt   time.Time `json:"shown_at"`
		Persons   []Person  `json:"persons"`
	}
	data, err := files.ReadFile("persons.json")
	if err != nil {
		panic("testvectors: persons.json: " + err.Error())
	}
	if err := json.Unmarshal(data, &file); err != nil {
		panic("testvectors: persons.json: " + err.Error())
	}
	for i := range file.Persons {
		p := &file.Persons[i]
		p.IssuedAt, p.ExpiresAt, p.ShownAt = file.IssuedAt, file.ExpiresAt, file.ShownAt
	}
	return file.Persons
}

package nfc

import (
	"errors"
	"fmt"

	"github.com/posvid/posvid/locale"
)

// StatusWord is SW1 SW2 of an answer (ISO/IEC 7816-4, Section 5.6).
type StatusWord uint16

// Status words that this package or its callers tell apart. The texts of all of them are in package locale.
const (
	StatusOK                StatusWord = 0x9000
	StatusCorrupted         StatusWord = 0x6281 // part of the data may be damaged
	StatusEndOfFile         StatusWord = 0x6282 // the file ends before Le bytes
	StatusDeactivated       StatusWord = 0x6283 // the application or file is deactivated
	StatusTerminated        StatusWord = 0x6285 // the application or file is terminated
	StatusNotVerified       StatusWord = 0x6300 // the secret that was presented is wrong
	StatusMemory            StatusWord = 0x6581 // the memory failed
	StatusWrongLength       StatusWord = 0x6700
	StatusNoSecureMessaging StatusWord = 0x6882
	StatusLastOfChain       StatusWord = 0x6883 // the last command of the chain was expected
	StatusNoChaining        StatusWord = 0x6884
	StatusSecurity          StatusWord = 0x6982 // security status not satisfied
	StatusBlocked           StatusWord = 0x6983
	StatusUnusable          StatusWord = 0x6984
	StatusConditions        StatusWord = 0x6985 // conditions of use not satisfied
	StatusNoFileSelected    StatusWord = 0x6986
	StatusWrongData         StatusWord = 0x6A80
	StatusNoFunction        StatusWord = 0x6A81
	StatusNotFound          StatusWord = 0x6A82 // file or application not found
	StatusNoSpace           StatusWord = 0x6A84
	StatusWrongParameters   StatusWord = 0x6A86
	StatusNoKey             StatusWord = 0x6A88
	StatusWrongOffset       StatusWord = 0x6B00
	StatusNoInstruction     StatusWord = 0x6D00
	StatusNoClass           StatusWord = 0x6E00
	StatusUnspecific        StatusWord = 0x6F00
)

// String gives the four hexadecimal digits that standards write.
func (s StatusWord) String() string { return fmt.Sprintf("%04X", uint16(s)) }

// OK reports success: 9000 and nothing else.
func (s StatusWord) OK() bool { return s == StatusOK }

// More reports how many bytes GET RESPONSE should ask for (61xx), 256 when the card names none.
func (s StatusWord) More() (n int, ok bool) { return shortLe(byte(s)), s>>8 == 0x61 }

// RightLength reports the Le that the card wants the command to be sent again with (6Cxx).
func (s StatusWord) RightLength() (le int, ok bool) { return shortLe(byte(s)), s>>8 == 0x6C }

// Tries reports how many tries a secret has left (63Cx).
func (s StatusWord) Tries() (n int, ok bool) { return int(s & 0xF), s&0xFFF0 == 0x63C0 }

// Text explains the status word in a sentence for whoever holds the card, in Ukrainian ("uk") or English ("en").
// Every status word has a text; for an unknown one it says so and gives the digits.
func (s StatusWord) Text(lang string) string { return locale.CardStatus(lang, uint16(s)) }

// StatusError is the refusal of a command by the card. It is no failure of the reader: the session goes on.
type StatusError struct {
	Command string // what was asked for, such as "GET DATA 5FC101"; never data of the card or the person
	Status  StatusWord
	Hint    string // what the status word means for this command; empty for its general meaning
	kind    error  // sentinel: ErrNotFound, ErrAccess or nil
}

// Error gives, for example, "nfc: SELECT F053494401: 6A82 (application or object not on this card)".
func (e *StatusError) Error() string {
	hint := e.Hint
	if hint == "" {
		hint = locale.CardStatus(locale.English, uint16(e.Status))
	}
	return fmt.Sprintf("nfc: %s: %s (%s)", e.Command, e.Status, hint)
}

// Unwrap gives ErrNoApplication, ErrNotFound or ErrAccess where the status word means one of them.
func (e *StatusError) Unwrap() error { return e.kind }

// StatusOf gives the status word that an error of this package carries.
func StatusOf(err error) (StatusWord, bool) {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status, true
	}
	return 0, false
}

// Err is nil for 9000 and a [*StatusError] for every other status word. The command names what was asked for and must
// hold no personal data.
func (r ResponseAPDU) Err(command string) error {
	if r.Status.OK() {
		return nil
	}
	e := &StatusError{Command: command, Status: r.Status}
	switch r.Status {
	case StatusNotFound, StatusNoKey:
		e.kind = ErrNotFound
	case StatusSecurity, StatusConditions:
		e.kind = ErrAccess
	}
	return e
}

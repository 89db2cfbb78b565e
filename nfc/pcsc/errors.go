package pcsc

import (
	"errors"
	"fmt"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
)

// Trouble says why no card could be read. It is an error itself: errors.Is(err, pcsc.ReaderBusy).
type Trouble string

// Error gives the code, which is never translated.
func (t Trouble) Error() string { return string(t) }

// Troubles. Each has a cause and a remedy in package locale.
const (
	NotBuilt         Trouble = "reader-not-built"   // this build reads no cards
	NoService        Trouble = "reader-no-service"  // the PC/SC service is not there, or went away
	Refused          Trouble = "reader-refused"     // the service does not let this user in
	NoReader         Trouble = "reader-none"        // no reader is plugged in
	KernelHolds      Trouble = "reader-kernel"      // none is visible, and a kernel driver for such readers is loaded
	ReaderUnknown    Trouble = "reader-unknown"     // no reader has the name that was asked for
	ReaderVirtual    Trouble = "reader-virtual"     // only virtual readers, which were not allowed
	ReaderNotAllowed Trouble = "reader-not-allowed" // only readers outside the list of allowed ones
	ReaderBusy       Trouble = "reader-busy"        // another program holds the reader
	ReaderLost       Trouble = "reader-lost"        // the reader was unplugged, or its calls do not come back
	ReaderFault      Trouble = "reader-fault"       // the reader failed with the card still there
	NoCard           Trouble = "card-none"          // no card lies on any reader
	SeveralCards     Trouble = "card-several"       // cards lie on two readers and none was named
	CardMute         Trouble = "card-mute"          // something lies there and does not answer
	CardTorn         Trouble = "card-torn"          // the card was removed while it was read
	CardReset        Trouble = "card-reset"         // another program reset the card again and again
	CardTimeout      Trouble = "card-timeout"       // the card did not answer in time
)

// Troubles lists them all.
func Troubles() []Trouble {
	return []Trouble{NotBuilt, NoService, Refused, NoReader, KernelHolds, ReaderUnknown, ReaderVirtual, ReaderNotAllowed, ReaderBusy,
		ReaderLost, ReaderFault, NoCard, SeveralCards, CardMute, CardTorn, CardReset, CardTimeout}
}

// Code is a return code of PC/SC (PC/SC Part 5, Section 3.2; winscard.h).
type Code uint32

// Codes that this package tells apart.
const (
	codeCancelled       Code = 0x80100002
	codeInvalidHandle   Code = 0x80100003
	codeUnknownReader   Code = 0x80100009
	codeTimeout         Code = 0x8010000A
	codeSharing         Code = 0x8010000B
	codeNoCard          Code = 0x8010000C
	codeProtocol        Code = 0x8010000F
	codeNotReady        Code = 0x80100010
	codeCommunication   Code = 0x80100013
	codeInternal        Code = 0x80100014
	codeNotTransacted   Code = 0x80100016
	codeUnavailable     Code = 0x80100017
	codeNoService       Code = 0x8010001D
	codeServiceStopped  Code = 0x8010001E
	codeNoAccess        Code = 0x80100027
	codeNoReaders       Code = 0x8010002E
	codeDataLost        Code = 0x8010002F
	codeUnsupportedCard Code = 0x80100065
	codeUnresponsive    Code = 0x80100066
	codeUnpowered       Code = 0x80100067
	codeReset           Code = 0x80100068
	codeRemoved         Code = 0x80100069
	codeSecurity        Code = 0x8010006A
)

// Error gives the code in hexadecimal, as every manual of PC/SC lists it.
func (c Code) Error() string { return fmt.Sprintf("PC/SC code %08X", uint32(c)) }

// codeOf gives the PC/SC code that an error carries.
func codeOf(err error) (Code, bool) {
	var c Code
	ok := errors.As(err, &c)
	return c, ok
}

// Error is a failure to get at a card.
type Error struct {
	Trouble Trouble
	Reader  string // name of the reader; empty when no single one is meant
	Detail  string // in English, for the log
	Cause   error  // a Code, or what else came; may be nil
}

// Error gives, for example, `pcsc: reader "ACS ACR122U 00 00": held by another program for 3s: PC/SC code 8010000B [reader-busy]`.
func (e *Error) Error() string {
	text := "pcsc: "
	if e.Reader != "" {
		text += fmt.Sprintf("reader %q: ", e.Reader)
	}
	text += e.Detail
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text + " [" + string(e.Trouble) + "]"
}

// Unwrap gives the trouble, its cause, and the kind of failure that package nfc knows it as.
func (e *Error) Unwrap() []error {
	list := []error{e.Trouble}
	switch e.Trouble {
	case CardTorn:
		list = append(list, nfc.ErrTorn)
	case CardTimeout:
		list = append(list, nfc.ErrTimeout)
	case CardReset:
		list = append(list, nfc.ErrReset)
	case ReaderFault, ReaderLost, NoService, CardMute:
		list = append(list, nfc.ErrTransport)
	}
	if e.Cause != nil {
		list = append(list, e.Cause)
	}
	return list
}

// Text explains the trouble to whoever holds the card: the cause, and what to do.
func (e *Error) Text(lang string) (cause, remedy string) {
	return locale.CardTrouble(lang, string(e.Trouble))
}

// trouble builds an error.
func trouble(t Trouble, reader string, cause error, format string, args ...any) *Error {
	return &Error{Trouble: t, Reader: reader, Detail: fmt.Sprintf(format, args...), Cause: cause}
}

// serviceTrouble explains a failure of a call that is about no single reader.
func serviceTrouble(err error) error {
	if errors.Is(err, NotBuilt) {
		return err
	}
	code, _ := codeOf(err)
	switch code {
	case codeSecurity, codeNoAccess:
		return trouble(Refused, "", err, "the card service refused this user")
	case codeNoReaders:
		return trouble(NoReader, "", err, "no reader")
	}
	return trouble(NoService, "", err, "the card service does not answer")
}

// readerTrouble explains a failure of a call about a reader and the card on it.
func readerTrouble(reader string, err error) error {
	code, ok := codeOf(err)
	if !ok {
		return trouble(ReaderFault, reader, err, "unexpected failure")
	}
	switch code {
	case codeNoService, codeServiceStopped, codeInvalidHandle, codeCommunication, codeInternal:
		return trouble(NoService, reader, err, "the card service went away")
	case codeSecurity, codeNoAccess:
		return trouble(Refused, reader, err, "the card service refused this user")
	case codeUnknownReader, codeUnavailable, codeNoReaders:
		return trouble(ReaderLost, reader, err, "the reader went away")
	case codeSharing:
		return trouble(ReaderBusy, reader, err, "held by another program")
	case codeNoCard:
		return trouble(NoCard, reader, err, "no card")
	case codeRemoved:
		return trouble(CardTorn, reader, err, "card removed while reading")
	case codeReset:
		return trouble(CardReset, reader, err, "card reset by another program")
	case codeTimeout:
		return trouble(CardTimeout, reader, err, "no answer in time")
	case codeUnresponsive, codeUnpowered, codeUnsupportedCard, codeProtocol, codeNotReady:
		return trouble(CardMute, reader, err, "card does not answer the reader")
	}
	return trouble(ReaderFault, reader, err, "the reader failed")
}

// Package card decides, offline, whether a contactless service card is acceptable now.
//
// Verify is a pure function over what was read from a card: the same reading, time and trust bundle give the same
// verdict, with the codes, levels and words of package verifier. Read reads from a card what Verify needs and no more,
// and makes the fresh challenge that the card has to sign. docs/spec/card-verdict.md lists the checks in their order.
//
// The profile is chosen by what the card itself answers: the PIV application with its card authentication key; a
// record, that is a token of the issuing body in an NDEF file; or a bare number, which anyone can copy and which is
// never accepted. How a card is reached is the business of package nfc and its readers.
package card

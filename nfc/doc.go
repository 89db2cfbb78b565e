// Package nfc speaks to contactless service cards: APDUs, BER-TLV, the PIV application and NDEF tags.
//
// It transports and parses, and decides nothing: whether a card is genuine is decided by package verifier/card
// from what this package has read. A reader is anything that satisfies [Card]; package nfc/pcsc gives one over PC/SC.
// Commands and answers follow ISO/IEC 7816-4, PIV follows NIST SP 800-73-5, tags the NFC Forum's Type 4 Tag and NDEF
// specifications; docs/spec/card.md says what is read, in which order and under which limits.
package nfc

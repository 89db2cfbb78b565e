// Package emulate plays contactless and contact cards for tests: a PIV card written to NIST SP 800-73-5, an NFC Forum
// Type 4 tag with a record, a tag that has nothing but its number, and every fault a card or a hand can make.
//
// It imports nothing of this module: the cards are written from the standards and not from our readers, so that a
// reader and its test card cannot be wrong together. Foreign clients (opensc-tool, pkcs15-tool, yubico-piv-tool,
// openssl) read and use the same cards in this package's own tests.
//
// A card is reached in two ways. In memory, a [Slot] has the shape of a reader's Transmit. Behind the real pcscd, [Dial]
// speaks the protocol of the virtual reader vpcd, and [Isolated] gives a test a pcscd of its own, in namespaces that
// nothing else on the machine can see and from which nothing is left behind.
//
// Test code: nothing outside tests imports it, and a test holds that.
package emulate

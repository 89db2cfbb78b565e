// Package issuer decides what one issuing body (орган, що видав) may sign, in which order, and what
// becomes of an ID afterwards.
//
// An ID follows from three things: an entitlement made by HR, the holder's wish, and a proof of
// possession of the holder's key. Nothing is signed that was not stored first, nothing is signed
// without an installed trust bundle that grants the key, and one intent never gets two serials
// (docs/spec/issuing.md). The package reads no clock and no files: the caller passes the time, a Store
// keeps the state, a TokenChecker verifies every token as a checkpoint would.
package issuer

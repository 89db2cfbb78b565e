// Package cose reads and writes the signed objects every other format here is made of: COSE_Sign1, COSE_Sign and
// COSE_Key (RFC 9052, RFC 9053, RFC 9864, RFC 9964) in deterministic CBOR (RFC 8949, Section 4.2.1).
//
// It decides whether bytes are canonical, whether an object is shaped as COSE demands, and whether one key made one
// signature. It leaves to its callers which keys are trusted, which role a key has, what a payload means, and
// whether a high-S ECDSA signature is welcome. docs/spec/cose.md states each rule with the error it gives.
//
// Untrusted bytes enter through Check, ParseSign1, ParseSign, ParsePublicKey and Unmarshal. Nothing is decided from
// a re-encoding: the bytes that were signed are the bytes that came.
package cose

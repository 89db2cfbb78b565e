// Package credential writes and reads the objects that pass between an issuing body, a holder and a
// verifier: the issuer token and its two faces, the presentation a holder makes of it, the text form that
// goes into a QR symbol, a verifier's challenge, the freshness beacon, and what is exchanged when a holder
// enrols (proof of possession, enrolment codes, delivery).
//
// It decides what these objects may look like and whether a given key made a given signature, and nothing
// else: which keys are trusted, what time it is, whether a status stands or a code was seen before is the
// part of package verifier. What has not been verified is reachable only under a name that says so, and
// claims are read after their signature has been checked, never before.
//
// docs/spec/credential.md, docs/spec/presentation.md and docs/spec/enrolment.md define every byte.
package credential

// Package verifier decides, offline, whether a presented service ID is acceptable now.
//
// It runs every check whose inputs are authentic and lets refuse beat cannot-confirm beat accept, so that a
// revoked person is never hidden by an old window nor a forgery by an old bundle:
// docs/spec/verification.md, Section 3 lists the checks and Section 5 their codes.
// It reads no clock, no network and no files and keeps nothing between two calls: the caller passes the time, the
// trust bundle, the clock floor, and what it knows of codes seen before and of its own open challenges
// (package checkpoint keeps those on disk). Words for people come from package locale.
package verifier

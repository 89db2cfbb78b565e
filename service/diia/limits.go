package diia

import "time"

// Limits of what systems may send and keep (docs/spec/systems.md, Section 9).
const (
	maxForm       = 16 << 10 // bytes of a request for a token
	maxAssertion  = 4 << 10  // bytes of a client assertion
	maxQuery      = 8 << 10  // bytes of a JSON request
	maxKeySet     = 16 << 10 // bytes of a set of public keys
	maxKeys       = 5        // keys of a system
	maxName       = 120      // characters of a system's name
	maxWebhook    = 500      // bytes of a webhook's address
	maxJTI        = 128      // bytes
	maxAnswer     = 4 << 10  // bytes read of a receiver's answer
	maxPossession = 1 << 10  // bytes of a proof of possession
	maxSystems    = 200      // systems bound to one body
	maxPull       = 500      // events in one answer

	assertionLife = 5 * time.Minute  // exp of an assertion lies at most this far ahead
	assertionSkew = 60 * time.Second // difference of clocks that is forgiven
	tokenLife     = 10 * time.Minute // of an access token
	photoLife     = 10 * time.Minute // of a reference to a portrait
	seenLife      = 30 * time.Minute // how long a verified code is remembered
	eventLife     = 7 * 24 * time.Hour
	eventKept     = 30 * 24 * time.Hour // delivered, dead and dropped events
	maxTerm       = 3 * 366 * 24 * time.Hour

	firstRetry   = 10 * time.Second
	longestRetry = 6 * time.Hour
	parkedRetry  = 24 * time.Hour

	signerLife  = 365 * 24 * time.Hour // a signing key is followed by the next after this
	signerAhead = 7 * 24 * time.Hour   // and the next is shown this long before it signs
)

// How often a system may ask, in a minute; and what it may miss, in an hour.
const (
	tokensPerMinute  = 30
	asksPerMinute    = 600
	missesPerHour    = 300
	refusalsPerHour  = 30
	assertionsPerSec = 1000 // signatures of assertions checked for everybody together
)

package wallet

import "time"

// Limits of a wallet, checked before anything of their size is allocated.
const (
	// MaxState is the longest state file, in bytes.
	MaxState = 8 << 20
	// MaxTokens is the largest number of tokens one wallet keeps: two faces of 32 posts.
	MaxTokens = 64
	// MaxName is the longest name of a wallet, in characters.
	MaxName = 64

	maxSealed  = 32 << 10 // bytes of the sealed key, as crypto/keys has it
	maxPending = 32       // enrolments that wait for their delivery
)

// Step is how long a broadcast code is shown before the next one.
const Step = 30 * time.Second

// challengeTolerance is by how much the holder's clock may differ from the verifier's when a question is answered. A
// question lives for challengeLife on the verifier's clock.
const (
	challengeTolerance = 60 * time.Second
	challengeLife      = 60 * time.Second
)

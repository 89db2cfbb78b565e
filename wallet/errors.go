package wallet

import (
	"errors"
	"fmt"
)

// Errors of this package. Every error it returns wraps one of them, or is an error of the file system. None repeats
// personal data.
var (
	ErrName            = errors.New("wallet: name not allowed")                          // of a wallet
	ErrExists          = errors.New("wallet: already exists")                            // New where something is
	ErrNotFound        = errors.New("wallet: not found")                                 // Open where nothing is
	ErrDamaged         = errors.New("wallet: damaged")                                   // a file is not what New or a later step wrote
	ErrChanged         = errors.New("wallet: changed by another program")                // open it again and repeat
	ErrLocked          = errors.New("wallet: locked")                                    // a signature is wanted before Unlock
	ErrPassphrase      = errors.New("wallet: wrong passphrase")                          // Unlock
	ErrForeignKey      = errors.New("wallet: key of another wallet")                     // UseSigner
	ErrForeignToken    = errors.New("wallet: token of another key")                      // cnf is not this wallet's key, or it is not for phones
	ErrUntrusted       = errors.New("wallet: token is not granted by the trust bundle")  // no key of the bundle signed it, or outside its right
	ErrOlder           = errors.New("wallet: older than what is kept")                   // a delivery that would replace a newer token
	ErrFull            = errors.New("wallet: full")                                      // MaxTokens
	ErrDelivery        = errors.New("wallet: bad delivery")                              // not a delivery, or its photo is not the tokens' one
	ErrEnrolment       = errors.New("wallet: enrolment not possible")                    // ЄДРПОУ or code is not one
	ErrBundle          = errors.New("wallet: no usable trust bundle")                    // none, expired, of another root, or older than one seen
	ErrNoID            = errors.New("wallet: no such service ID")                        // nothing kept, or not the one asked for
	ErrWhichID         = errors.New("wallet: several service IDs, name one")             // more than one fits
	ErrNoFace          = errors.New("wallet: the service ID has no such face")           // check or full
	ErrExpired         = errors.New("wallet: token expired")                             // renew it
	ErrNotYet          = errors.New("wallet: token is not valid yet")                    // or the clock is behind
	ErrNotChallenge    = errors.New("wallet: not a verifier's question")                 // text form
	ErrChallenge       = errors.New("wallet: question not signed by the verifier named") // or damaged
	ErrVerifierUnknown = errors.New("wallet: verifier is not in the trust bundle")
	ErrVerifierExpired = errors.New("wallet: verifier is no longer admitted")
	ErrChallengeTime   = errors.New("wallet: question has expired") // or is further ahead than clocks differ
)

// fault is an error with its own text, its kind and perhaps a cause.
type fault struct {
	kind, cause error
	text        string
}

func (f *fault) Error() string {
	if f.cause != nil {
		return "wallet: " + f.text + ": " + f.cause.Error()
	}
	return "wallet: " + f.text
}

func (f *fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

func refuse(kind error, format string, args ...any) error {
	return &fault{kind: kind, text: fmt.Sprintf(format, args...)}
}

// because is refuse with a cause, which ends the text.
func because(kind, cause error, format string, args ...any) error {
	return &fault{kind: kind, cause: cause, text: fmt.Sprintf(format, args...)}
}

package credential

import "github.com/posvid/posvid/crypto/cose"

// Limits of the formats of this package. Every decoder checks them before it allocates; any input whatever
// costs at most 16 MiB and 50 ms.
const (
	MaxText         = 4296     // characters of a QR text: version 40-L, alphanumeric
	MaxToken        = 2 << 10  // bytes of an issuer token
	MaxPresentation = 2860     // bytes of a presentation: what MaxText characters hold behind the prefix
	MaxChallenge    = 512      // bytes of a challenge
	MaxPossession   = 1 << 10  // bytes of a proof of possession
	MaxDelivery     = 24 << 10 // bytes of a delivery
	MaxPhoto        = 12 << 10 // bytes of the normalised JPEG
	MaxDelivered    = 4        // tokens in one delivery: two faces, each with a token for use without a phone

	maxNumber   = 32           // bytes of sub, the number of the service ID
	maxName     = 256          // bytes of the name
	maxTitle    = 512          // bytes of a position or unit given as text: 256 Cyrillic letters
	maxCategory = 32           // bytes of the category
	maxAudience = 20           // bytes of aud: the decimal digits of a uint64
	maxTime     = 253402300799 // 9999-12-31T23:59:59Z, seconds
	beaconBack  = 4096         // steps of the beacon chain that a search goes back
	beaconNear  = 30           // those of them that are tried first
)

var (
	tokenLimits        = cose.Limits{Bytes: MaxToken, Depth: 8, Items: 64, String: MaxToken}
	presentationLimits = cose.Limits{Bytes: MaxPresentation, Depth: 8, Items: 64, String: MaxPresentation}
	challengeLimits    = cose.Limits{Bytes: MaxChallenge, Depth: 8, Items: 32, String: MaxChallenge}
	possessionLimits   = cose.Limits{Bytes: MaxPossession, Depth: 8, Items: 32, String: MaxPossession}
	deliveryLimits     = cose.Limits{Bytes: MaxDelivery, Depth: 8, Items: 64, String: MaxPhoto}
)

// Package demoroot is the root of trust of the demo and of the test vectors: keys derived from public labels, so everyone
// can sign with them and nobody may trust them. Programs know its fingerprint, and take a time by hand for real only under it.
package demoroot

import (
	"fmt"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
)

// Members and Threshold of the root set.
const (
	Members   = 3
	Threshold = 2
)

// IssuedAt is the iat of root 1.
var IssuedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Member returns root member n, from 1. Numbers above Members are the newcomers of later roots.
func Member(n int) (authority.RootPrivateKey, error) {
	return authority.RootKeyForVectors(fmt.Sprintf("demo root member %d", n))
}

// BundleSigner returns bundle signer n, from 1.
func BundleSigner(n int) (authority.BundlePrivateKey, error) {
	return authority.BundleKeyForVectors(fmt.Sprintf("demo bundle signer %d", n))
}

// Root returns root 1, its signed object, and the keys behind it.
func Root() (object []byte, members []authority.RootPrivateKey, bundle authority.BundlePrivateKey, err error) {
	root := trust.Root{Number: 1, Threshold: Threshold, IssuedAt: IssuedAt}
	var signers []keys.RootSigner
	for n := 1; n <= Members; n++ {
		member, err := Member(n)
		if err != nil {
			return nil, nil, bundle, err
		}
		members = append(members, member)
		signers = append(signers, member)
		root.Members = append(root.Members, member.RootPublic())
	}
	if bundle, err = BundleSigner(1); err != nil {
		return nil, nil, bundle, err
	}
	root.BundleSigners = []keys.BundlePublicKey{bundle.BundlePublic()}
	payload, err := root.Encode()
	if err != nil {
		return nil, nil, bundle, err
	}
	object, err = trust.SignRoot(payload, signers)
	return object, members, bundle, err
}

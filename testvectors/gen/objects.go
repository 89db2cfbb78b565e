package main

import (
	"time"

	"github.com/posvid/posvid/credential"
)

// challengeText is the challenge of the gate, changed by edit.
func (w *world) challengeText(edit func(*sign1)) string {
	c := &sign1{head: mapOf(1, -9, 16, "application/vnd.posvid.challenge+cose"), signer: w.gate,
		payload: mapOf(1, credential.VerifierAudience(w.gateID), 4, now.Add(60*time.Second).Unix(), 39, nonce)}
	if edit != nil {
		edit(c)
	}
	return credential.EncodeText(credential.ChallengePrefix, c.build())
}

func (w *world) objects() {}

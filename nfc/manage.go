package nfc

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/rand"
)

// Commands that change a card. They are for the issuer, who holds the card management key.

// managementCipher gives the block cipher of a management key. ErrUsage when algorithm and length do not fit.
func managementCipher(algorithm Algorithm, key []byte) (cipher.Block, error) {
	want := map[Algorithm]int{AlgorithmTDES: 24, AlgorithmAES128: 16, AlgorithmAES192: 24, AlgorithmAES256: 32}[algorithm]
	if want == 0 || len(key) != want {
		return nil, fail(ErrUsage, "management key of %d bytes for algorithm %02X, want %d", len(key), byte(algorithm), want)
	}
	var block cipher.Block
	var err error
	if algorithm == AlgorithmTDES {
		block, err = des.NewTripleDESCipher(key) // what cards in use came with; the key never leaves the issuer's room
	} else {
		block, err = aes.NewCipher(key)
	}
	if err != nil {
		return nil, failWith(ErrUsage, err, "management key")
	}
	return block, nil
}

// AuthenticateManagement proves to the card that the caller has the card management key, and that the card has it too
// (GENERAL AUTHENTICATE, SP 800-73-5, Part 2, Appendix A.2). Three keys of 3DES, or AES.
// ErrSignature when the card does not prove it; an error that wraps ErrAccess, or another [*StatusError], when it refuses the key. A card
// counts wrong keys: nothing is tried again.
func (p *PIV) AuthenticateManagement(ctx context.Context, algorithm Algorithm, key []byte) error {
	block, err := managementCipher(algorithm, key)
	if err != nil {
		return err
	}
	size := block.BlockSize()
	answer, err := p.generalAuthenticate(ctx, KeyManagement, algorithm, TLV{Tag: 0x80})
	if err != nil {
		return err
	}
	witness, err := answer.only(0x80)
	if err != nil {
		return err
	}
	if len(witness) != size {
		return fail(ErrMalformed, "management key: witness of %d bytes, want %d", len(witness), size)
	}
	plain, challenge, want := make([]byte, size), make([]byte, size), make([]byte, size)
	block.Decrypt(plain, witness)
	_, _ = rand.Read(challenge) // never fails (crypto/rand)
	block.Encrypt(want, challenge)
	answer, err = p.generalAuthenticate(ctx, KeyManagement, algorithm, TLV{Tag: 0x80, Value: plain}, TLV{Tag: 0x81, Value: challenge}, TLV{Tag: 0x82})
	if err != nil {
		return err
	}
	response, err := answer.only(0x82)
	if err != nil {
		return err
	}
	if !equal(response, want) {
		return fail(ErrSignature, "management key: the card does not prove that it has the key")
	}
	return nil
}

// AuthenticateManagementSingle proves to the card that the caller has the card management key; the card proves nothing
// (Appendix A.1). For cards that know no mutual authentication.
func (p *PIV) AuthenticateManagementSingle(ctx context.Context, algorithm Algorithm, key []byte) error {
	block, err := managementCipher(algorithm, key)
	if err != nil {
		return err
	}
	size := block.BlockSize()
	answer, err := p.generalAuthenticate(ctx, KeyManagement, algorithm, TLV{Tag: 0x81})
	if err != nil {
		return err
	}
	challenge, err := answer.only(0x81)
	if err != nil {
		return err
	}
	if len(challenge) != size {
		return fail(ErrMalformed, "management key: challenge of %d bytes, want %d", len(challenge), size)
	}
	response := make([]byte, size)
	block.Encrypt(response, challenge)
	_, err = p.generalAuthenticate(ctx, KeyManagement, algorithm, TLV{Tag: 0x82, Value: response})
	return err
}

// GenerateKey has the card make a key pair (GENERATE ASYMMETRIC KEY PAIR, SP 800-73-5, Part 2, Section 3.3.2) and gives
// the public key. The old key of that reference is gone. It takes longer than CommandDeadline for RSA.
func (p *PIV) GenerateKey(ctx context.Context, key KeyReference, algorithm Algorithm) (crypto.PublicKey, error) {
	if algorithm.challengeSize() == 0 || key == KeyManagement {
		return nil, fail(ErrUsage, "GENERATE ASYMMETRIC KEY PAIR: key %02X with algorithm %02X", byte(key), byte(algorithm))
	}
	control := AppendTLV(nil, 0xAC, AppendTLV(nil, 0x80, []byte{byte(algorithm)}))
	r, err := p.session.Do(ctx, CommandAPDU{INS: 0x47, P2: byte(key), Data: control, Le: LeMost})
	if err != nil {
		return nil, err
	}
	command := "GENERATE ASYMMETRIC KEY PAIR " + hexUpper([]byte{byte(key)})
	if err := r.Err(command); err != nil {
		return nil, err
	}
	public, err := parsePublicKey(algorithm, r.Data)
	if err != nil {
		return nil, within(command, err)
	}
	return public, nil
}

// Write stores an object (PUT DATA, SP 800-73-5, Part 2, Section 3.3.1): what stands inside its 53. No bytes empties
// it. What the card had there is gone.
func (p *PIV) Write(ctx context.Context, o Object, inside []byte) error {
	if o.Tag <= 0xFFFF {
		return fail(ErrUsage, "PUT DATA: the %s is not written through this interface", o.Name)
	}
	if n := sizeTLV(0x53, len(inside)); n > MaxObject-16 {
		return fail(ErrTooLarge, "PUT DATA: object of %d bytes, at most %d", n, MaxObject-16)
	}
	data := AppendTLV(nil, 0x5C, o.Tag.Append(nil))
	data = AppendTLV(data, 0x53, inside)
	r, err := p.session.Do(ctx, CommandAPDU{INS: 0xDB, P1: 0x3F, P2: 0xFF, Data: data})
	if err != nil {
		return err
	}
	return r.Err("PUT DATA " + o.Tag.String())
}

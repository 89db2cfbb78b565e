package emulate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/binary"
	"math/big"
)

// Instructions of the named extension [Yubico].
const (
	insYubicoMetadata      byte = 0xF7
	insYubicoSerial        byte = 0xF8
	insYubicoImport        byte = 0xFE
	insYubicoVersion       byte = 0xFD
	insYubicoSetManagement byte = 0xFF
)

func (p *PIV) yubico(link Link, c Command) ([]byte, uint16) {
	extension := p.config.Yubico
	switch c.INS {
	case insYubicoVersion:
		return extension.Version[:], StatusOK
	case insYubicoSerial:
		return binary.BigEndian.AppendUint32(nil, extension.Serial), StatusOK
	case insYubicoMetadata:
		return p.metadata(c.P2)
	case insYubicoSetManagement:
		return nil, p.setManagement(link, c.Data)
	case insYubicoImport:
		return nil, p.importKey(link, c)
	}
	return nil, StatusInstruction
}

// metadata answers with 01 algorithm, 02 policies, 03 origin, 04 public key, 05 "still the delivered value", 06 tries.
func (p *PIV) metadata(reference byte) ([]byte, uint16) {
	flag := func(set bool) []byte {
		if set {
			return []byte{1}
		}
		return []byte{0}
	}
	const never, once, always, generated = 1, 2, 3, 1
	switch {
	case reference == KeyManagement:
		return append(append(TLV(1, []byte{byte(p.algorithm)}), TLV(2, []byte{0, never})...), TLV(5, flag(bytes.Equal(p.management, DefaultManagementKey)))...), StatusOK
	case reference == referencePIN || reference == referencePUK:
		s := p.secrets[reference]
		delivered := "123456\xFF\xFF"
		if reference == referencePUK {
			delivered = "12345678"
		}
		return append(append(TLV(1, []byte{0xFF}), TLV(5, flag(string(s.value[:]) == delivered))...), TLV(6, []byte{byte(s.tries), byte(s.left)})...), StatusOK
	case p.keys[reference] == nil:
		return nil, StatusReferenceNotFound
	}
	key := p.keys[reference]
	algorithm, _ := algorithmOf(key)
	policy := byte(once)
	switch reference {
	case KeyCardAuthentication:
		policy = never
	case KeySignature:
		policy = always
	}
	return bytes.Join([][]byte{TLV(1, []byte{byte(algorithm)}), TLV(2, []byte{policy, never}), TLV(3, []byte{generated}), TLV(4, publicKeyFields(key.Public()))}, nil), StatusOK
}

// setManagement replaces key 9B: algorithm, 9B, length, key.
func (p *PIV) setManagement(link Link, data []byte) uint16 {
	if !p.mayAdministrate(link) {
		return StatusSecurity
	}
	if len(data) < 3 || data[1] != KeyManagement || int(data[2]) != len(data)-3 {
		return StatusData
	}
	if _, err := managementCipher(Algorithm(data[0]), data[3:]); err != nil {
		return StatusData
	}
	p.algorithm, p.management = Algorithm(data[0]), bytes.Clone(data[3:])
	return StatusOK
}

// importKey writes a key pair made elsewhere: 06 scalar, or 01 p, 02 q (03 to 05 follow from them).
func (p *PIV) importKey(link Link, c Command) uint16 {
	if !isKeyPairReference(c.P2) {
		return StatusParameters
	}
	if !p.mayAdministrate(link) {
		return StatusSecurity
	}
	fields, err := readTLVs(c.Data)
	if err != nil {
		return StatusData
	}
	switch algorithm := Algorithm(c.P1); algorithm {
	case P256, P384:
		curve := elliptic.P256()
		if algorithm == P384 {
			curve = elliptic.P384()
		}
		key, err := ecdsa.ParseRawPrivateKey(curve, fields[6])
		if err != nil {
			return StatusData
		}
		p.keys[c.P2] = key
	case RSA2048, RSA3072:
		one := big.NewInt(1)
		first, second := new(big.Int).SetBytes(fields[1]), new(big.Int).SetBytes(fields[2])
		key := &rsa.PrivateKey{Primes: []*big.Int{first, second}}
		key.N, key.E = new(big.Int).Mul(first, second), 65537
		if first.Sign() == 0 || second.Sign() == 0 {
			return StatusData
		}
		phi := new(big.Int).Mul(new(big.Int).Sub(first, one), new(big.Int).Sub(second, one))
		if key.D = new(big.Int).ModInverse(big.NewInt(65537), phi); key.D == nil || key.Validate() != nil {
			return StatusData
		}
		if actual, err := algorithmOf(key); err != nil || actual != algorithm {
			return StatusData
		}
		p.keys[c.P2] = key
	default:
		return StatusParameters
	}
	return StatusOK
}

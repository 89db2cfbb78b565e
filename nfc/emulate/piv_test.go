package emulate

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"
)

func TestAccessRules(t *testing.T) {
	card := personalise(t, func(s *CardSpec) {
		s.Name, s.Authentication = "Test Person", P256
		s.PIV.Objects = map[uint32][]byte{TagFacialImage: {1}, TagKeyHistory: {1}, TagPairingCode: {1}, TagSMSigner: {1}, TagBITGroup: {1}}
	})
	free := []uint32{TagCHUID, TagCardAuthentication, TagDiscovery, TagSMSigner, TagBITGroup}
	contact := []uint32{TagCardCapability, TagAuthentication, TagSecurityObject, TagKeyHistory}
	withPIN := []uint32{TagPrintedInformation, TagFacialImage, TagPairingCode}
	absent := []uint32{TagSignature, TagKeyManagement, 0x5FC10D, 0x5FC120}
	want := func(c client, name string, sw uint16, tags ...uint32) {
		t.Helper()
		for _, tag := range tags {
			if data, got := c.object(tag); got != sw || sw == StatusOK && len(data) < 3 {
				t.Errorf("%s: object %X: %04X with %d bytes, want %04X", name, tag, got, len(data), sw)
			}
		}
	}
	c := client{t, NewSlot(NewChip(ChipConfig{}, card))}
	c.selectPIV()
	want(c, "contact", StatusOK, append(free, contact...)...)
	want(c, "contact", StatusSecurity, append(withPIN, TagFingerprints, TagIris)...) // also when it is not there
	want(c, "contact", StatusNotFound, append(absent, 0x5FC1FF, 0x5FC124, 0x5FFF00, 0x7F)...)
	c.hex(StatusOK, "0020008008313233343536FFFF")
	want(c, "contact with PIN", StatusOK, withPIN...)
	want(c, "contact with PIN", StatusNotFound, TagFingerprints)
	c.hex(StatusOK, "0020FF80")
	want(c, "PIN given back", StatusSecurity, withPIN...)

	near := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, card))}
	near.selectPIV()
	want(near, "contactless", StatusOK, free...)
	want(near, "contactless", StatusSecurity, append(append(contact, withPIN...), absent...)...)
	telling := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, personalise(t, func(s *CardSpec) { s.PIV.TellAbsent = true })))}
	telling.selectPIV()
	want(telling, "contactless, tells what is absent", StatusNotFound, append(absent, TagAuthentication, TagPrintedInformation)...)
	want(telling, "contactless, tells what is absent", StatusSecurity, TagCardCapability, TagSecurityObject)
	near.hex(StatusSecurity, "00200080")
	near.hex(StatusSecurity, "0020008008313233343536FFFF")
	if card.TriesLeft() != 5 {
		t.Error("a refused VERIFY cost a try")
	}
	near.hex(StatusParameters, "00CB3FFE055C035FC10200")
	near.hex(StatusData, "00CB3FFF055D035FC10200")
	near.hex(StatusData, "00CB3FFF065C045FC1020000")
	near.hex(StatusData, "00CB3FFF")
}

func TestPIN(t *testing.T) {
	card := personalise(t, func(s *CardSpec) { s.PIV.Tries = 3; s.PIV.GlobalPIN = "654321" })
	c := client{t, NewSlot(NewChip(ChipConfig{}, card))}
	c.selectPIV()
	c.hex(0x63C3, "00200080")
	c.hex(StatusReferenceNotFound, "00200082")
	c.hex(StatusReferenceNotFound, "00200081")
	c.hex(StatusParameters, "0020018008313233343536FFFF")
	for _, malformed := range []string{"06313233343536", "08313233343536FF37", "08313233FFFFFFFFFF", "0831323334353641FF"} {
		c.hex(StatusData, "00200080"+malformed)
	}
	c.hex(0x63C3, "00200080")
	c.hex(0x63C2, "0020008008313131313131FFFF")
	c.hex(StatusOK, "0020008008313233343536FFFF")
	c.hex(StatusOK, "00200080")
	c.hex(0x63C2, "0020008008313131313131FFFF") // and the success before is gone
	c.hex(0x63C2, "00200080")
	c.hex(0x63C1, "0020008008313131313131FFFF")
	c.hex(0x63C0, "0020008008313131313131FFFF")
	c.hex(StatusBlocked, "0020008008313233343536FFFF")
	c.hex(StatusBlocked, "00200080")
	c.hex(StatusOK, "0020000008363534333231FFFF") // the global PIN counts by itself
	c.hex(0x63C2, "002C0080103030303030303030313233343536FFFF")
	c.hex(StatusOK, "002C0080103132333435363738393837363534FFFF")
	c.hex(StatusOK, "0020008008393837363534FFFF")
	c.hex(StatusOK, "0024008010393837363534FFFF313233343536FFFF")
	c.hex(StatusOK, "0020008008313233343536FFFF")
	c.hex(0x63C2, "0024008010393837363534FFFF313233343536FFFF")
	c.hex(StatusData, "0024008010313233343536FFFF3132FFFFFFFFFFFF")
	c.hex(StatusReferenceNotFound, "002C0081103132333435363738393837363534FFFF")
	slot := c.card.(*Slot)
	slot.Insert(NewChip(ChipConfig{}, card))
	c.selectPIV()
	c.hex(0x63C2, "00200080") // the reset took the status, not the counter
}

// general sends GENERAL AUTHENTICATE.
func (c client) general(algorithm Algorithm, key byte, fields ...[]byte) ([]byte, uint16) {
	c.t.Helper()
	return c.full([4]byte{0, 0x87, byte(algorithm), key}, TLV(0x7C, fields...))
}

// pkcs1 pads a digest of SHA-256 to a block of n bytes (RFC 8017, Section 9.2).
func pkcs1(digest [32]byte, n int) []byte {
	info, _ := hex.DecodeString("3031300d060960864801650304020105000420")
	block := append([]byte{0, 1}, bytes.Repeat([]byte{0xFF}, n-3-len(info)-len(digest))...)
	return append(append(append(block, 0), info...), digest[:]...)
}

func TestGeneralAuthenticate(t *testing.T) {
	algorithms := []Algorithm{P256, P384, RSA2048}
	if !testing.Short() {
		algorithms = append(algorithms, RSA3072)
	}
	digest := sha256.Sum256([]byte("challenge"))
	for _, algorithm := range algorithms {
		card := personalise(t, func(s *CardSpec) { s.CardAuthentication = algorithm })
		for _, contactless := range []bool{true, false} {
			c := client{t, NewSlot(NewChip(ChipConfig{Contactless: contactless}, card))}
			c.selectPIV()
			var challenge []byte
			switch algorithm {
			case P256:
				challenge = digest[:]
			case P384:
				challenge = append(make([]byte, 16), digest[:]...)
			case RSA2048:
				challenge = pkcs1(digest, 256)
			case RSA3072:
				challenge = pkcs1(digest, 384)
			}
			answer, sw := c.general(algorithm, KeyCardAuthentication, TLV(0x82), TLV(0x81, challenge))
			if sw != StatusOK {
				t.Fatalf("%v: %04X", algorithm, sw)
			}
			tag, inner, _, err := readTLV(answer)
			if err != nil || tag != 0x7C {
				t.Fatalf("%v: answer %x", algorithm, answer)
			}
			tag, signature, rest, err := readTLV(inner)
			if err != nil || tag != 0x82 || len(rest) != 0 {
				t.Fatalf("%v: answer %x", algorithm, answer)
			}
			switch public := card.CardAuthentication.PublicKey.(type) {
			case *ecdsa.PublicKey:
				if !ecdsa.VerifyASN1(public, challenge, signature) {
					t.Errorf("%v: the signature is wrong", algorithm)
				}
			case *rsa.PublicKey:
				if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
					t.Errorf("%v: %v", algorithm, err)
				}
			}
			refusals := []struct {
				name      string
				algorithm Algorithm
				key       byte
				fields    [][]byte
				sw        uint16
			}{
				{"another algorithm", algorithm ^ 0x16, 0x9E, [][]byte{TLV(0x82), TLV(0x81, challenge)}, StatusParameters},
				{"no such key", algorithm, 0x9A, [][]byte{TLV(0x82), TLV(0x81, challenge)}, StatusParameters},
				{"no place for the answer", algorithm, 0x9E, [][]byte{TLV(0x81, challenge)}, StatusData},
				{"no challenge", algorithm, 0x9E, [][]byte{TLV(0x82)}, StatusData},
				{"short challenge", algorithm, 0x9E, [][]byte{TLV(0x82), TLV(0x81, challenge[1:])}, StatusData},
				{"long challenge", algorithm, 0x9E, [][]byte{TLV(0x82), TLV(0x81, challenge, []byte{0})}, StatusData},
				{"the answer given", algorithm, 0x9E, [][]byte{TLV(0x82, []byte{1}), TLV(0x81, challenge)}, StatusData},
				{"key agreement", algorithm, 0x9E, [][]byte{TLV(0x82), TLV(0x85, challenge)}, StatusData},
				{"a third field", algorithm, 0x9E, [][]byte{TLV(0x82), TLV(0x81, challenge), TLV(0x83)}, StatusData},
			}
			for _, refusal := range refusals {
				if data, sw := c.general(refusal.algorithm, refusal.key, refusal.fields...); sw != refusal.sw || len(data) != 0 {
					t.Errorf("%v: %s: %04X with %d bytes, want %04X", algorithm, refusal.name, sw, len(data), refusal.sw)
				}
			}
			c.hex(StatusData, "0087119E0100")
		}
	}
	// A value above the modulus is no block.
	card := personalise(t, func(s *CardSpec) { s.CardAuthentication = RSA2048 })
	c := client{t, NewSlot(NewChip(ChipConfig{}, card))}
	c.selectPIV()
	if _, sw := c.general(RSA2048, 0x9E, TLV(0x82), TLV(0x81, bytes.Repeat([]byte{0xFF}, 256))); sw != StatusData {
		t.Errorf("a block above the modulus: %04X", sw)
	}
}

func TestKeyRules(t *testing.T) {
	keys := map[byte]signer{}
	for _, reference := range []byte{KeyAuthentication, KeySignature, KeyKeyManagement} {
		key, err := P256.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		keys[reference] = key
	}
	card := personalise(t, func(s *CardSpec) { s.Keys = keys })
	chip := NewChip(ChipConfig{}, card)
	c := client{t, NewSlot(chip)}
	c.selectPIV()
	challenge := TLV(0x81, make([]byte, 32))
	sign := func(key byte, want uint16) {
		t.Helper()
		if _, sw := c.general(P256, key, TLV(0x82), challenge); sw != want {
			t.Errorf("key %02X: %04X, want %04X", key, sw, want)
		}
	}
	for _, key := range []byte{0x9A, 0x9C, 0x9D} {
		sign(key, StatusSecurity)
	}
	c.hex(StatusOK, "0020008008313233343536FFFF")
	sign(0x9A, StatusOK)
	sign(0x9A, StatusOK)
	sign(0x9C, StatusSecurity) // its PIN is for the next command only
	c.hex(StatusOK, "0020008008313233343536FFFF")
	sign(0x9C, StatusOK)
	sign(0x9C, StatusSecurity)
	// Key agreement with 9D gives both sides the same secret.
	mine, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	answer, sw := c.general(P256, 0x9D, TLV(0x82), TLV(0x85, mine.PublicKey().Bytes()))
	theirs, err := keys[0x9D].Public().(*ecdsa.PublicKey).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := mine.ECDH(theirs)
	if err != nil || sw != StatusOK || !bytes.Equal(answer, TLV(0x7C, TLV(0x82, secret))) {
		t.Errorf("agreement: %04X, %x, %v", sw, answer, err)
	}
	if _, sw := c.general(P256, 0x9D, TLV(0x82), TLV(0x85, make([]byte, 65))); sw != StatusData {
		t.Errorf("agreement with no point: %04X", sw)
	}
	near := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, card))}
	near.selectPIV()
	for _, key := range []byte{0x9A, 0x9C, 0x9D} {
		if _, sw := near.general(P256, key, TLV(0x82), challenge); sw != StatusSecurity {
			t.Errorf("key %02X over the antenna: %04X", key, sw)
		}
	}
}

// prove opens the card with the management key, mutually.
func (c client) prove(algorithm Algorithm, block cipher.Block) uint16 {
	c.t.Helper()
	size := block.BlockSize()
	answer, sw := c.general(algorithm, KeyManagement, TLV(0x80))
	if sw != StatusOK {
		return sw
	}
	witness := make([]byte, size)
	block.Decrypt(witness, answer[4:])
	challenge := random(size)
	answer, sw = c.general(algorithm, KeyManagement, TLV(0x80, witness), TLV(0x81, challenge))
	if sw != StatusOK {
		return sw
	}
	want := make([]byte, size)
	block.Encrypt(want, challenge)
	if !bytes.Equal(answer, TLV(0x7C, TLV(0x82, want))) {
		c.t.Errorf("%v: the card does not prove that it has the key: %x", algorithm, answer)
	}
	return StatusOK
}

func TestManagementKey(t *testing.T) {
	write := "00DB3FFF0A5C035FC10A5303010203"
	for algorithm, key := range map[Algorithm][]byte{
		TripleDES: DefaultManagementKey, AES128: random(16), AES192: random(24), AES256: random(32),
	} {
		card := personalise(t, func(s *CardSpec) { s.PIV.ManagementKey, s.PIV.ManagementAlgorithm = key, algorithm })
		block, err := managementCipher(algorithm, key)
		if err != nil {
			t.Fatal(err)
		}
		size := block.BlockSize()
		c := client{t, NewSlot(NewChip(ChipConfig{}, card))}
		c.selectPIV()
		c.hex(StatusSecurity, write)
		c.hex(StatusSecurity, "0047009E05AC0380011100")
		if sw := c.prove(algorithm, block); sw != StatusOK {
			t.Errorf("%v: mutual: %04X", algorithm, sw)
		}
		c.hex(StatusOK, write)
		if got, sw := c.object(TagSignature); sw != StatusOK || !bytes.Equal(got, []byte{0x53, 3, 1, 2, 3}) {
			t.Errorf("%v: read %x, %04X", algorithm, got, sw)
		}
		c.hex(StatusOK, "00DB3FFF075C035FC10A5300")
		if _, sw := c.object(TagSignature); sw != StatusNotFound {
			t.Errorf("%v: removed object: %04X", algorithm, sw)
		}
		// One way: the card's challenge encrypted.
		c.card.(*Slot).Insert(NewChip(ChipConfig{}, card))
		c.selectPIV()
		c.hex(StatusSecurity, write)
		answer, _ := c.general(algorithm, KeyManagement, TLV(0x81))
		response := make([]byte, size)
		block.Encrypt(response, answer[4:])
		if _, sw := c.general(algorithm, KeyManagement, TLV(0x82, response)); sw != StatusOK {
			t.Errorf("%v: one way: %04X", algorithm, sw)
		}
		c.hex(StatusOK, write)
		// Refusals, each of which also ends what was proven.
		if _, sw := c.general(algorithm, KeyManagement, TLV(0x82, response)); sw != StatusSecurity {
			t.Errorf("%v: replayed response: %04X", algorithm, sw)
		}
		c.hex(StatusSecurity, write)
		other := random(len(key))
		wrong, err := managementCipher(algorithm, other)
		if err != nil {
			t.Fatal(err)
		}
		if sw := c.prove(algorithm, wrong); sw != StatusSecurity {
			t.Errorf("%v: another key: %04X", algorithm, sw)
		}
		zero := make([]byte, size)
		for name, fields := range map[string][][]byte{
			"witness never asked for":           {TLV(0x80, zero), TLV(0x81, zero)},
			"response to no challenge":          {TLV(0x82, zero)},
			"a block to encrypt for a stranger": {TLV(0x81, zero), TLV(0x82)},
			"short witness":                     {TLV(0x80, zero[1:]), TLV(0x81, zero)},
			"nothing":                           {},
		} {
			data, sw := c.general(algorithm, KeyManagement, fields...)
			if sw != StatusSecurity && sw != StatusData || len(data) != 0 {
				t.Errorf("%v: %s: %04X with %d bytes", algorithm, name, sw, len(data))
			}
		}
		if _, sw := c.general(algorithm^0x0F, KeyManagement, TLV(0x80)); sw != StatusParameters {
			t.Errorf("%v: another algorithm: %04X", algorithm, sw)
		}
		// A witness is good for the very next command only.
		answer, _ = c.general(algorithm, KeyManagement, TLV(0x80))
		witness := make([]byte, size)
		block.Decrypt(witness, answer[4:])
		c.hex(0x63C5, "00200080")
		if _, sw := c.general(algorithm, KeyManagement, TLV(0x80, witness), TLV(0x81, zero)); sw != StatusSecurity {
			t.Errorf("%v: stale witness: %04X", algorithm, sw)
		}
		near := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, card))}
		near.selectPIV()
		if _, sw := near.general(algorithm, KeyManagement, TLV(0x80)); sw != StatusSecurity {
			t.Errorf("%v: over the antenna: %04X", algorithm, sw)
		}
	}
	for _, bad := range []PIVConfig{
		{ManagementAlgorithm: AES128},
		{ManagementAlgorithm: AES128, ManagementKey: make([]byte, 24)},
		{ManagementAlgorithm: P256, ManagementKey: make([]byte, 24)},
		{PIN: "12345"},
		{PUK: "123456789"},
		{Tries: 16},
		{Objects: map[uint32][]byte{0x5FC1FF: {1}}},
		{Keys: map[byte]signer{KeyManagement: nil}},
		{Keys: map[byte]signer{KeySignature: mustKey(t, elliptic.P521())}},
	} {
		if _, err := NewPIV(bad); err == nil {
			t.Errorf("%+v: taken", bad)
		}
	}
}

func mustKey(t testing.TB, curve elliptic.Curve) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestPersonalisation walks the way a clerk's program goes on a blank card, over the antenna of a card that allows it.
func TestPersonalisation(t *testing.T) {
	key := random(32)
	piv, err := NewPIV(PIVConfig{ManagementKey: key, ManagementAlgorithm: AES256, ContactlessAdministration: true, MaxObject: 2000})
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, piv))}
	c.selectPIV()
	if _, sw := c.object(TagCHUID); sw != StatusNotFound {
		t.Errorf("blank card: CHUID %04X", sw)
	}
	if sw := c.prove(AES256, block); sw != StatusOK {
		t.Fatalf("management key: %04X", sw)
	}
	for _, bad := range []string{"0047009BAC03800111", "0047019E05AC0380011100"} {
		if _, sw := c.once(unhex(t, bad[:8]+"05AC0380011100")); sw != StatusParameters {
			t.Errorf("%s: %04X", bad, sw)
		}
	}
	c.hex(StatusData, "0047009E05AC0380019900")
	c.hex(StatusData, "0047009E05AD0380011100")
	c.hex(StatusData, "0047009E0AAC0880011181030100 0300")
	for _, algorithm := range []Algorithm{P256, P384, RSA2048} {
		answer, sw := c.full([4]byte{0, 0x47, 0, KeyCardAuthentication}, TLV(0xAC, TLV(0x80, []byte{byte(algorithm)})))
		if sw != StatusOK {
			t.Fatalf("%v: %04X", algorithm, sw)
		}
		tag, inner, rest, err := readTLV(answer)
		if err != nil || tag != 0x7F49 || len(rest) != 0 {
			t.Fatalf("%v: answer %x", algorithm, answer)
		}
		fields, err := readTLVs(inner)
		if err != nil {
			t.Fatal(err)
		}
		switch public := piv.PublicKey(KeyCardAuthentication).(type) {
		case *ecdsa.PublicKey:
			if point, err := public.Bytes(); err != nil || !bytes.Equal(fields[0x86], point) {
				t.Errorf("%v: point %x, %v", algorithm, fields[0x86], err)
			}
		case *rsa.PublicKey:
			if new(big.Int).SetBytes(fields[0x81]).Cmp(public.N) != 0 || !bytes.Equal(fields[0x82], []byte{1, 0, 1}) {
				t.Errorf("%v: modulus or exponent is wrong", algorithm)
			}
		}
	}
	certificate := personalise(t, nil).CardAuthentication
	value := CertificateObject(certificate.Raw, false)
	if _, sw := c.full([4]byte{0, 0xDB, 0x3F, 0xFF}, append(TLV(0x5C, tagBytes(TagCardAuthentication)), TLV(0x53, value)...)); sw != StatusOK {
		t.Fatalf("certificate: %04X", sw)
	}
	if got, sw := c.object(TagCardAuthentication); sw != StatusOK || !bytes.Equal(got, TLV(0x53, value)) {
		t.Errorf("certificate reads back with %04X and %d bytes", sw, len(got))
	}
	if _, sw := c.full([4]byte{0, 0xDB, 0x3F, 0xFF}, TLV(0x7E, Discovery(0x40, 0))); sw != StatusOK {
		t.Errorf("discovery object: %04X", sw)
	}
	if got, _ := c.object(TagDiscovery); !bytes.Equal(got, unhex(t, "7E124F0BA0000003080000100001005F2F024000")) {
		t.Errorf("discovery object %x", got)
	}
	for name, data := range map[string][]byte{
		"not a PIV object":    append(TLV(0x5C, []byte{0x5F, 0xC1, 0xFF}), TLV(0x53, []byte{1})...),
		"no 53":               append(TLV(0x5C, tagBytes(TagCHUID)), TLV(0x54, []byte{1})...),
		"trailing":            append(TLV(0x5C, tagBytes(TagCHUID)), append(TLV(0x53, []byte{1}), 0)...),
		"empty":               {},
		"too large":           append(TLV(0x5C, tagBytes(TagCHUID)), TLV(0x53, make([]byte, 2001))...),
		"discovery, trailing": append(TLV(0x7E, Discovery(0x40, 0)), 0),
	} {
		if _, sw := c.full([4]byte{0, 0xDB, 0x3F, 0xFF}, data); sw == StatusOK {
			t.Errorf("PUT DATA %s was taken", name)
		}
	}
	if _, sw := c.object(TagCHUID); sw != StatusNotFound {
		t.Errorf("after the refusals the CHUID gives %04X", sw)
	}
}

func TestYubicoExtension(t *testing.T) {
	card := personalise(t, func(s *CardSpec) { s.PIV.Yubico = &Yubico{Version: [3]byte{5, 4, 3}, Serial: 0x01020304} })
	c := client{t, NewSlot(NewChip(ChipConfig{}, card))}
	c.selectPIV()
	if got := c.hex(StatusOK, "00FD000000"); !bytes.Equal(got, []byte{5, 4, 3}) {
		t.Errorf("version %x", got)
	}
	if got := c.hex(StatusOK, "00F8000000"); !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		t.Errorf("serial %x", got)
	}
	if got := c.hex(StatusOK, "00F7009B00"); !bytes.Equal(got, unhex(t, "010103 02020001 050101")) {
		t.Errorf("metadata of 9B %x", got)
	}
	if got := c.hex(StatusOK, "00F7008000"); !bytes.Equal(got, unhex(t, "0101FF 050101 06020505")) {
		t.Errorf("metadata of the PIN %x", got)
	}
	c.hex(StatusReferenceNotFound, "00F7009A00")
	if got := c.hex(StatusOK, "00F7009E00"); !bytes.HasPrefix(got, unhex(t, "010111 02020101 030101 0443 8641 04")) {
		t.Errorf("metadata of 9E %x", got)
	}
	c.hex(StatusSecurity, "00FFFFFF0B039B080102030405060708")
	c.hex(StatusSecurity, "00FE119E0306010101")
	block, err := des.NewTripleDESCipher(DefaultManagementKey)
	if err != nil {
		t.Fatal(err)
	}
	if sw := c.prove(TripleDES, block); sw != StatusOK {
		t.Fatalf("management key: %04X", sw)
	}
	c.hex(StatusData, "00FFFFFF0B039B080102030405060708")
	c.hex(StatusData, "00FE119E0306010101")
	c.hex(StatusData, "00FE079E06 010103 020105")
	c.hex(StatusParameters, "00FE119B0306010101")
	imported, err := P256.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := imported.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, sw := c.full([4]byte{0, 0xFE, byte(P256), KeyAuthentication}, TLV(0x06, scalar)); sw != StatusOK {
		t.Errorf("import: %04X", sw)
	}
	if got, ok := card.PublicKey(KeyAuthentication).(*ecdsa.PublicKey); !ok || !got.Equal(imported.Public()) {
		t.Error("the imported key is another one")
	}
	fresh := random(32)
	c.hex(StatusOK, "00FFFFFF23 0C9B20"+hex.EncodeToString(fresh))
	aesBlock, err := aes.NewCipher(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if sw := c.prove(AES256, aesBlock); sw != StatusOK {
		t.Errorf("the new management key: %04X", sw)
	}
}

// TestClone holds what makes a copied card a copy: everything can be read, nothing can be signed.
func TestClone(t *testing.T) {
	card := personalise(t, nil)
	copied := card.Clone(KeyCardAuthentication)
	c := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, copied))}
	c.selectPIV()
	if got, sw := c.object(TagCHUID); sw != StatusOK || !bytes.Equal(got, TLV(0x53, card.CHUID)) {
		t.Errorf("CHUID of the copy: %04X", sw)
	}
	if _, sw := c.general(P256, 0x9E, TLV(0x82), TLV(0x81, make([]byte, 32))); sw != StatusParameters {
		t.Errorf("the copy signs: %04X", sw)
	}
	copied.SetKey(KeyCardAuthentication, mustKey(t, elliptic.P256()))
	answer, sw := c.general(P256, 0x9E, TLV(0x82), TLV(0x81, make([]byte, 32)))
	if sw != StatusOK {
		t.Fatalf("the copy with a key of its own: %04X", sw)
	}
	_, inner, _, _ := readTLV(answer)
	_, signature, _, _ := readTLV(inner)
	if ecdsa.VerifyASN1(card.CardAuthentication.PublicKey.(*ecdsa.PublicKey), make([]byte, 32), signature) {
		t.Error("another key's signature verifies")
	}
	copied.SetObject(TagCHUID, nil)
	if copied.Object(TagCHUID) != nil || card.Object(TagCHUID) == nil {
		t.Error("the copy shares its objects with the card")
	}
}

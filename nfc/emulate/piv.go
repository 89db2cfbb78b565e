package emulate

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" // 3DES management keys are what cards in the field still have
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"sync"
)

// Tags of the PIV data objects, as GET DATA names them (SP 800-73-5 part 1, Table 3).
const (
	TagCardCapability     uint32 = 0x5FC107
	TagCHUID              uint32 = 0x5FC102
	TagAuthentication     uint32 = 0x5FC105 // certificate of key 9A
	TagFingerprints       uint32 = 0x5FC103
	TagSecurityObject     uint32 = 0x5FC106
	TagFacialImage        uint32 = 0x5FC108
	TagPrintedInformation uint32 = 0x5FC109
	TagSignature          uint32 = 0x5FC10A // certificate of key 9C
	TagKeyManagement      uint32 = 0x5FC10B // certificate of key 9D
	TagKeyHistory         uint32 = 0x5FC10C
	TagCardAuthentication uint32 = 0x5FC101 // certificate of key 9E
	TagIris               uint32 = 0x5FC121
	TagSMSigner           uint32 = 0x5FC122 // certificate of who signed the secure messaging certificate
	TagPairingCode        uint32 = 0x5FC123
	TagDiscovery          uint32 = 0x7E
	TagBITGroup           uint32 = 0x7F61 // biometric information templates
)

// Key references (SP 800-73-5 part 1, Table 4b).
const (
	KeyAuthentication     byte = 0x9A
	KeyManagement         byte = 0x9B // the card management key: symmetric
	KeySignature          byte = 0x9C
	KeyKeyManagement      byte = 0x9D
	KeyCardAuthentication byte = 0x9E
	keyRetiredFirst       byte = 0x82
	keyRetiredLast        byte = 0x95
	referenceGlobalPIN    byte = 0x00
	referencePIN          byte = 0x80
	referencePUK          byte = 0x81
)

// Algorithm is an algorithm identifier of the card (SP 800-78-5, Table 9).
type Algorithm byte

// Algorithms of keys and of management keys.
const (
	TripleDES Algorithm = 0x03
	RSA3072   Algorithm = 0x05
	RSA2048   Algorithm = 0x07
	AES128    Algorithm = 0x08
	AES192    Algorithm = 0x0A
	AES256    Algorithm = 0x0C
	P256      Algorithm = 0x11
	P384      Algorithm = 0x14
)

func (a Algorithm) String() string {
	switch a {
	case TripleDES:
		return "3DES"
	case RSA3072:
		return "RSA-3072"
	case RSA2048:
		return "RSA-2048"
	case AES128:
		return "AES-128"
	case AES192:
		return "AES-192"
	case AES256:
		return "AES-256"
	case P256:
		return "P-256"
	case P384:
		return "P-384"
	}
	return fmt.Sprintf("algorithm %02X", byte(a))
}

// GenerateKey makes a private key for one of the asymmetric algorithms.
func (a Algorithm) GenerateKey() (crypto.Signer, error) {
	switch a {
	case P256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("emulate: %v has no key pairs", a)
}

func algorithmOf(key crypto.Signer) (Algorithm, error) {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return P256, nil
		case elliptic.P384():
			return P384, nil
		}
	case *rsa.PrivateKey:
		switch k.N.BitLen() {
		case 2048:
			return RSA2048, nil
		case 3072:
			return RSA3072, nil
		}
	}
	return 0, fmt.Errorf("emulate: key %T is none of P-256, P-384, RSA-2048, RSA-3072", key)
}

// access says who may read an object over one interface.
type access byte

const (
	accessAlways access = iota
	accessPIN           // after VERIFY
	accessVCI           // over contactless only through the virtual contact interface, which this card does not open
	accessNever
)

// rule is a line of the access table of SP 800-73-5 part 1, Table 3.
type rule struct{ contact, contactless access }

var (
	ruleFree = rule{accessAlways, accessAlways}
	ruleVCI  = rule{accessAlways, accessVCI}
	rulePIN  = rule{accessPIN, accessVCI}
)

// objectRule gives the access rule of an object, false when the standard has no such object.
func objectRule(tag uint32) (rule, bool) {
	switch tag {
	case TagCHUID, TagCardAuthentication, TagDiscovery, TagSMSigner, TagBITGroup:
		return ruleFree, true
	case TagFingerprints, TagPrintedInformation, TagFacialImage, TagIris, TagPairingCode:
		return rulePIN, true
	case TagCardCapability, TagAuthentication, TagSignature, TagKeyManagement, TagSecurityObject, TagKeyHistory:
		return ruleVCI, true
	}
	if tag >= 0x5FC10D && tag <= 0x5FC120 { // certificates of the retired key management keys
		return ruleVCI, true
	}
	return rule{}, false
}

// Yubico is a test extension outside the standard: the commands of one manufacturer which its own client, yubico-piv-tool,
// and clients written beside it will not do without. A card with it is still the standard's card for everybody else.
// GET VERSION (FD), GET SERIAL (F8), GET METADATA (F7), SET MANAGEMENT KEY (FF), IMPORT KEY (FE) and the objects 5FFFxx.
type Yubico struct {
	Version [3]byte // firmware, e.g. 5 4 3; GET METADATA exists from 5.3.0
	Serial  uint32
}

// PIVConfig describes a PIV card application.
type PIVConfig struct {
	// Objects are the values inside the 53 of a GET DATA answer, by tag. Discovery (7E) and the BIT group (7F61) have no 53:
	// their value is what stands inside their own tag.
	Objects map[uint32][]byte
	// Keys are the private keys by reference: 9A, 9C, 9D, 9E, 82 to 95.
	Keys map[byte]crypto.Signer
	// PIN and PUK have 6 to 8 digits, the PUK 8 bytes. Empty: "123456" and "12345678".
	PIN, PUK string
	// GlobalPIN is the PIN of reference 00. Empty: the card has none.
	GlobalPIN string
	// Tries are the tries of each before it blocks, 1 to 15. Zero: 5.
	Tries int
	// ManagementKey is the key 9B of ManagementAlgorithm. Nil: 24 bytes 01 to 08 three times, of TripleDES: the key cards
	// are delivered with.
	ManagementKey       []byte
	ManagementAlgorithm Algorithm
	// FullAID puts the whole AID into the template's 4F, as some cards do, instead of the PIX alone.
	FullAID bool
	// Label and URL are the template's 50 and 5F50. Empty: absent.
	Label, URL string
	// SecureMessaging is announced in the template's AC when not zero: 27 (P-256) or 2E (P-384). Announced only: key
	// reference 04 is absent.
	SecureMessaging byte
	// NoAlgorithms leaves the template's AC out.
	NoAlgorithms bool
	// ContactlessAdministration allows key 9B, GENERATE and PUT DATA over the antenna. The standard asks for the contact
	// interface or the VCI; cards for personalisation over the antenna differ.
	ContactlessAdministration bool
	// ContactlessPIN allows VERIFY and the PIN's keys and objects over the antenna without VCI. Not of the standard either.
	ContactlessPIN bool
	// TellAbsent answers 6A82 for an object that is not there, also to who may not read it. Cards differ.
	TellAbsent bool
	// MaxObject bounds an object that PUT DATA writes, in bytes. Zero: 4096.
	MaxObject int
	// Yubico is a named extension, nil on a card of the standard.
	Yubico *Yubico
}

// DefaultManagementKey is the key 9B that cards are delivered with, 24 bytes of 3DES.
var DefaultManagementKey = bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3)

// secret is a PIN or PUK with its retry counter.
type secret struct {
	value       [8]byte // padded with FF
	tries, left int
}

// PIV is the card application of SP 800-73-5 part 2.
type PIV struct {
	config PIVConfig

	mu         sync.Mutex
	objects    map[uint32][]byte
	keys       map[byte]crypto.Signer
	secrets    map[byte]*secret
	management []byte
	algorithm  Algorithm // of the management key

	verified  bool   // a PIN was verified since the selection
	fresh     bool   // by the command just before this one
	admin     bool   // key 9B was proven since the selection
	witness   []byte // sent encrypted in mutual authentication, awaited in clear
	challenge []byte // sent in clear in external authentication, awaited encrypted
}

// NewPIV makes the application. It refuses keys, PINs and algorithms that no card could have.
func NewPIV(config PIVConfig) (*PIV, error) {
	if config.PIN == "" {
		config.PIN = "123456"
	}
	if config.PUK == "" {
		config.PUK = "12345678"
	}
	if config.Tries == 0 {
		config.Tries = 5
	}
	if config.MaxObject == 0 {
		config.MaxObject = 4096
	}
	if config.ManagementKey == nil {
		if config.ManagementAlgorithm != 0 && config.ManagementAlgorithm != TripleDES {
			return nil, fmt.Errorf("emulate: management key of %v is missing", config.ManagementAlgorithm)
		}
		config.ManagementKey, config.ManagementAlgorithm = DefaultManagementKey, TripleDES
	}
	if _, err := managementCipher(config.ManagementAlgorithm, config.ManagementKey); err != nil {
		return nil, err
	}
	if config.Tries < 1 || config.Tries > 15 {
		return nil, fmt.Errorf("emulate: %d tries, want 1 to 15", config.Tries)
	}
	p := &PIV{
		config: config, objects: map[uint32][]byte{}, keys: map[byte]crypto.Signer{}, secrets: map[byte]*secret{},
		management: bytes.Clone(config.ManagementKey), algorithm: config.ManagementAlgorithm,
	}
	for tag, value := range config.Objects {
		if _, known := objectRule(tag); !known {
			return nil, fmt.Errorf("emulate: %X is no PIV data object", tag)
		}
		p.objects[tag] = bytes.Clone(value)
	}
	for reference, key := range config.Keys {
		if !isKeyPairReference(reference) {
			return nil, fmt.Errorf("emulate: %02X is no reference of a key pair", reference)
		}
		if _, err := algorithmOf(key); err != nil {
			return nil, err
		}
		p.keys[reference] = key
	}
	for reference, text := range map[byte]string{referencePIN: config.PIN, referencePUK: config.PUK, referenceGlobalPIN: config.GlobalPIN} {
		if reference == referenceGlobalPIN && text == "" {
			continue
		}
		if len(text) < 6 || len(text) > 8 {
			return nil, fmt.Errorf("emulate: secret %02X has %d characters, want 6 to 8", reference, len(text))
		}
		s := &secret{tries: config.Tries, left: config.Tries}
		copy(s.value[:], append([]byte(text), 0xFF, 0xFF))
		p.secrets[reference] = s
	}
	return p, nil
}

func isKeyPairReference(reference byte) bool {
	switch reference {
	case KeyAuthentication, KeySignature, KeyKeyManagement, KeyCardAuthentication:
		return true
	}
	return reference >= keyRetiredFirst && reference <= keyRetiredLast
}

// AIDs of the PIV Card Application: RID, PIX with version 01 00 (SP 800-73-5 part 1, Section 2.2).
var (
	pivAID = []byte{0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00}
	pivPIX = pivAID[5:]
	pivRID = pivAID[:5]
)

// Object gives the present value of an object, nil when the card has none.
func (p *PIV) Object(tag uint32) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.objects[tag])
}

// SetObject writes an object as if the card had left its maker with it; nil removes it.
func (p *PIV) SetObject(tag uint32, value []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if value == nil {
		delete(p.objects, tag)
		return
	}
	p.objects[tag] = bytes.Clone(value)
}

// PublicKey gives the public half of a key pair on the card, nil when the reference holds none.
func (p *PIV) PublicKey(reference byte) crypto.PublicKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key := p.keys[reference]; key != nil {
		return key.Public()
	}
	return nil
}

// SetKey puts a key pair on the card; nil removes it.
func (p *PIV) SetKey(reference byte, key crypto.Signer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key == nil {
		delete(p.keys, reference)
		return
	}
	p.keys[reference] = key
}

// TriesLeft gives the state of the application PIN's retry counter.
func (p *PIV) TriesLeft() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secrets[referencePIN].left
}

// Clone makes a second card with the same content, as who copies what can be read would like to have: the private keys
// named are not on it.
func (p *PIV) Clone(without ...byte) *PIV {
	p.mu.Lock()
	defer p.mu.Unlock()
	clone := &PIV{
		config: p.config, objects: maps.Clone(p.objects), keys: maps.Clone(p.keys), secrets: map[byte]*secret{},
		management: p.management, algorithm: p.algorithm,
	}
	for reference, s := range p.secrets {
		copied := *s
		clone.secrets[reference] = &copied
	}
	for _, reference := range without {
		delete(clone.keys, reference)
	}
	return clone
}

// Selects implements [Application]: the full AID or one truncated from the right, down to the RID.
func (p *PIV) Selects(aid []byte) bool {
	return len(aid) >= len(pivRID) && bytes.HasPrefix(pivAID, aid)
}

// Select implements [Application] with the application property template (SP 800-73-5 part 2, Table 3).
func (p *PIV) Select(Link) ([]byte, uint16) {
	id := pivPIX
	if p.config.FullAID {
		id = pivAID
	}
	parts := [][]byte{TLV(0x4F, id), TLV(0x79, TLV(0x4F, pivRID))}
	if p.config.Label != "" {
		parts = append(parts, TLV(0x50, []byte(p.config.Label)))
	}
	if p.config.URL != "" {
		parts = append(parts, TLV(0x5F50, []byte(p.config.URL)))
	}
	if !p.config.NoAlgorithms {
		p.mu.Lock()
		algorithms := []byte{byte(p.algorithm), byte(RSA2048), byte(RSA3072), byte(P256), byte(P384)}
		p.mu.Unlock()
		if p.config.SecureMessaging != 0 {
			algorithms = append(algorithms, p.config.SecureMessaging)
		}
		for _, algorithm := range algorithms {
			parts = append(parts, TLV(0xAC, TLV(0x80, []byte{algorithm}), TLV(0x06, []byte{0})))
		}
	}
	return TLV(0x61, parts...), StatusOK
}

// Deselect implements [Application].
func (p *PIV) Deselect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verified, p.fresh, p.admin, p.witness, p.challenge = false, false, false, nil, nil
}

// Chains implements [Application] (SP 800-73-5 part 2, Table 2).
func (p *PIV) Chains(ins byte) bool {
	return ins == insGeneralAuthenticate || ins == insPutData || p.config.Yubico != nil && ins == insYubicoImport
}

// Process implements [Application].
func (p *PIV) Process(link Link, c Command) ([]byte, uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.fresh
	p.fresh = false
	if c.INS != insGeneralAuthenticate {
		p.witness, p.challenge = nil, nil
	}
	switch c.INS {
	case insGetData:
		return p.getData(link, c)
	case insPutData:
		return nil, p.putData(link, c)
	case insVerify:
		return nil, p.verify(link, c)
	case insChangeReference:
		return nil, p.changeReference(link, c)
	case insResetRetry:
		return nil, p.resetRetry(link, c)
	case insGeneralAuthenticate:
		return p.generalAuthenticate(link, c, fresh)
	case insGenerate:
		return p.generate(link, c)
	}
	if p.config.Yubico != nil {
		return p.yubico(link, c)
	}
	return nil, StatusInstruction
}

// allowed applies an access rule.
func (p *PIV) allowed(link Link, r rule) bool {
	need := r.contact
	if link.Contactless && !p.config.ContactlessPIN {
		need = r.contactless
	}
	switch need {
	case accessAlways:
		return true
	case accessPIN:
		return p.verified
	}
	return false
}

// getData answers 00 CB 3F FF with a tag list of one tag (SP 800-73-5 part 2, Section 3.1.2).
func (p *PIV) getData(link Link, c Command) ([]byte, uint16) {
	if c.P1 != 0x3F || c.P2 != 0xFF {
		return nil, StatusParameters
	}
	tag, _, err := tagList(c.Data)
	if err != nil {
		return nil, StatusData
	}
	r, known := p.objectRule(tag)
	if !known {
		return nil, StatusNotFound
	}
	value, found := p.objects[tag]
	if !found && p.config.TellAbsent {
		return nil, StatusNotFound
	}
	if !p.allowed(link, r) {
		return nil, StatusSecurity
	}
	if !found {
		return nil, StatusNotFound
	}
	if tag == TagDiscovery || tag == TagBITGroup {
		return TLV(tag, value), StatusOK
	}
	return TLV(0x53, value), StatusOK
}

func (p *PIV) objectRule(tag uint32) (rule, bool) {
	if p.config.Yubico != nil && tag>>8 == 0x5FFF {
		return ruleFree, true
	}
	return objectRule(tag)
}

var errTagList = errors.New("emulate: not a list of one tag")

// tagList reads 5C with exactly one tag; rest is what follows it.
func tagList(data []byte) (tag uint32, rest []byte, err error) {
	outer, list, rest, err := readTLV(data)
	if err != nil {
		return 0, nil, err
	}
	if outer != 0x5C || len(list) == 0 || len(list) > 3 {
		return 0, nil, errTagList
	}
	for _, b := range list {
		tag = tag<<8 | uint32(b)
	}
	return tag, rest, nil
}

// putData writes an object after key 9B was proven (SP 800-73-5 part 2, Section 3.3.1). An empty 53 removes it.
func (p *PIV) putData(link Link, c Command) uint16 {
	if c.P1 != 0x3F || c.P2 != 0xFF {
		return StatusParameters
	}
	if !p.mayAdministrate(link) {
		return StatusSecurity
	}
	outer, own, rest, err := readTLV(c.Data)
	if err != nil {
		return StatusData
	}
	var tag uint32
	var value []byte
	if outer == TagDiscovery || outer == TagBITGroup { // written under their own tag, without a tag list
		if len(rest) != 0 {
			return StatusData
		}
		tag, value = outer, own
	} else {
		tag, rest, err = tagList(c.Data)
		if err != nil {
			return StatusData
		}
		container, inner, trailing, err := readTLV(rest)
		if err != nil || container != 0x53 || len(trailing) != 0 {
			return StatusData
		}
		value = inner
	}
	if _, known := p.objectRule(tag); !known {
		return StatusNotFound
	}
	if len(value) > p.config.MaxObject {
		return StatusNoSpace
	}
	if len(value) == 0 {
		delete(p.objects, tag)
		return StatusOK
	}
	p.objects[tag] = bytes.Clone(value)
	return StatusOK
}

func (p *PIV) mayAdministrate(link Link) bool {
	return p.admin && (!link.Contactless || p.config.ContactlessAdministration)
}

// generate makes a key pair on the card (SP 800-73-5 part 2, Section 3.3.2).
func (p *PIV) generate(link Link, c Command) ([]byte, uint16) {
	if c.P1 != 0 || !isKeyPairReference(c.P2) {
		return nil, StatusParameters
	}
	if !p.mayAdministrate(link) {
		return nil, StatusSecurity
	}
	outer, value, rest, err := readTLV(c.Data)
	if err != nil || outer != 0xAC || len(rest) != 0 {
		return nil, StatusData
	}
	fields, err := readTLVs(value)
	if err != nil || len(fields[0x80]) != 1 {
		return nil, StatusData
	}
	delete(fields, 0xAA) // policies of PIN and touch, sent by one manufacturer's client
	delete(fields, 0xAB)
	if exponent, ok := fields[0x81]; ok && !bytes.Equal(bytes.TrimLeft(exponent, "\x00"), []byte{1, 0, 1}) || len(fields) > 2 {
		return nil, StatusData
	}
	key, err := Algorithm(fields[0x80][0]).GenerateKey()
	if err != nil {
		return nil, StatusData
	}
	p.keys[c.P2] = key
	return PublicKeyTemplate(key.Public()), StatusOK
}

// PublicKeyTemplate encodes a public key as GENERATE ASYMMETRIC KEY PAIR answers it: 7F49 with 81 modulus and 82 exponent,
// or 86 uncompressed point (SP 800-73-5 part 2, Table 11). It gives nil for a key no card has.
func PublicKeyTemplate(public crypto.PublicKey) []byte {
	value := publicKeyFields(public)
	if value == nil {
		return nil
	}
	return TLV(0x7F49, value)
}

func publicKeyFields(public crypto.PublicKey) []byte {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			return nil
		}
		return TLV(0x86, point)
	case *rsa.PublicKey:
		return append(TLV(0x81, k.N.Bytes()), TLV(0x82, big.NewInt(int64(k.E)).Bytes())...)
	}
	return nil
}

// verify checks a PIN or tells the tries left (SP 800-73-5 part 2, Section 3.2.1).
func (p *PIV) verify(link Link, c Command) uint16 {
	s := p.secrets[c.P2]
	if s == nil || c.P2 == referencePUK {
		return StatusReferenceNotFound
	}
	if link.Contactless && !p.config.ContactlessPIN {
		return StatusSecurity
	}
	switch {
	case c.P1 == 0xFF && len(c.Data) == 0:
		p.verified = false
		return StatusOK
	case c.P1 != 0:
		return StatusParameters
	case len(c.Data) == 0:
		if p.verified {
			return StatusOK
		}
		if s.left == 0 {
			return StatusBlocked
		}
		return statusWrongPIN | uint16(s.left)
	}
	if s.left == 0 {
		p.verified = false
		return StatusBlocked
	}
	if !isPIN(c.Data) {
		return StatusData // not a PIN at all: costs no try
	}
	if sw := s.check(c.Data); sw != StatusOK {
		p.verified = false
		return sw
	}
	p.verified, p.fresh = true, true
	return StatusOK
}

// check compares and counts.
func (s *secret) check(value []byte) uint16 {
	if s.left == 0 {
		return StatusBlocked
	}
	if subtle.ConstantTimeCompare(s.value[:], value) != 1 {
		s.left--
		return statusWrongPIN | uint16(s.left)
	}
	s.left = s.tries
	return StatusOK
}

// isPIN reports whether b is 6 to 8 digits padded with FF to 8 bytes (SP 800-73-5 part 2, Section 2.4.3).
func isPIN(b []byte) bool {
	if len(b) != 8 {
		return false
	}
	digits := bytes.TrimRight(b, "\xFF")
	if len(digits) < 6 {
		return false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return false
		}
	}
	return true
}

func (p *PIV) changeReference(link Link, c Command) uint16 {
	s := p.secrets[c.P2]
	switch {
	case c.P1 != 0:
		return StatusParameters
	case s == nil:
		return StatusReferenceNotFound
	case link.Contactless && !p.config.ContactlessPIN:
		return StatusSecurity
	case s.left == 0:
		return StatusBlocked
	case len(c.Data) != 16 || c.P2 != referencePUK && !isPIN(c.Data[8:]):
		return StatusData
	}
	if sw := s.check(c.Data[:8]); sw != StatusOK {
		if c.P2 != referencePUK {
			p.verified = false
		}
		return sw
	}
	copy(s.value[:], c.Data[8:])
	if c.P2 != referencePUK {
		p.verified = true
	}
	return StatusOK
}

func (p *PIV) resetRetry(link Link, c Command) uint16 {
	switch {
	case c.P1 != 0:
		return StatusParameters
	case c.P2 != referencePIN:
		return StatusReferenceNotFound
	case link.Contactless && !p.config.ContactlessPIN:
		return StatusSecurity
	case len(c.Data) != 16 || !isPIN(c.Data[8:]):
		return StatusData
	}
	if sw := p.secrets[referencePUK].check(c.Data[:8]); sw != StatusOK {
		return sw
	}
	s := p.secrets[referencePIN]
	copy(s.value[:], c.Data[8:])
	s.left = s.tries
	return StatusOK
}

// generalAuthenticate uses a key (SP 800-73-5 part 2, Section 3.2.4).
func (p *PIV) generalAuthenticate(link Link, c Command, fresh bool) ([]byte, uint16) {
	witness, challenge := p.witness, p.challenge
	p.witness, p.challenge = nil, nil
	outer, value, rest, err := readTLV(c.Data)
	if err != nil || outer != 0x7C || len(rest) != 0 {
		return nil, StatusData
	}
	fields, err := readTLVs(value)
	if err != nil {
		return nil, StatusData
	}
	if c.P2 == KeyManagement {
		if link.Contactless && !p.config.ContactlessAdministration {
			return nil, StatusSecurity
		}
		return p.administrate(Algorithm(c.P1), fields, witness, challenge)
	}
	key := p.keys[c.P2]
	if key == nil {
		return nil, StatusParameters
	}
	if algorithm, err := algorithmOf(key); err != nil || byte(algorithm) != c.P1 {
		return nil, StatusParameters
	}
	switch contactless := link.Contactless && !p.config.ContactlessPIN; {
	case c.P2 == KeyCardAuthentication: // always, over both interfaces
	case contactless, !p.verified, c.P2 == KeySignature && !fresh:
		return nil, StatusSecurity
	}
	if response, wanted := fields[0x82]; !wanted || len(response) != 0 || len(fields) != 2 {
		return nil, StatusData
	}
	var result []byte
	if point, agreement := fields[0x85]; agreement {
		if c.P2 != KeyKeyManagement && (c.P2 < keyRetiredFirst || c.P2 > keyRetiredLast) {
			return nil, StatusData
		}
		result, err = agree(key, point)
	} else {
		result, err = raw(key, fields[0x81])
	}
	if err != nil {
		return nil, StatusData
	}
	return TLV(0x7C, TLV(0x82, result)), StatusOK
}

var errInput = errors.New("emulate: not an input of this key")

// raw applies a private key to a challenge: ECDSA over a digest of the curve's size, or the bare RSA operation over a
// block of the modulus' size that the caller has padded.
func raw(key crypto.Signer, input []byte) ([]byte, error) {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if len(input) != (k.Curve.Params().BitSize+7)/8 {
			return nil, errInput
		}
		return ecdsa.SignASN1(rand.Reader, k, input)
	case *rsa.PrivateKey:
		c := new(big.Int).SetBytes(input)
		if len(input) != k.Size() || c.Cmp(k.N) >= 0 {
			return nil, errInput
		}
		// The remainder theorem by hand: crypto/rsa offers no bare operation.
		k.Precompute()
		p, q := k.Primes[0], k.Primes[1]
		m1 := new(big.Int).Exp(c, k.Precomputed.Dp, p)
		m2 := new(big.Int).Exp(c, k.Precomputed.Dq, q)
		h := m1.Sub(m1, m2)
		h.Mul(h, k.Precomputed.Qinv).Mod(h, p)
		return h.Mul(h, q).Add(h, m2).FillBytes(make([]byte, k.Size())), nil
	}
	return nil, errInput
}

func agree(key crypto.Signer, point []byte) ([]byte, error) {
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errInput
	}
	private, err := k.ECDH()
	if err != nil {
		return nil, err
	}
	public, err := private.Curve().NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	return private.ECDH(public)
}

func managementCipher(algorithm Algorithm, key []byte) (cipher.Block, error) {
	sizes := map[Algorithm]int{TripleDES: 24, AES128: 16, AES192: 24, AES256: 32}
	size, ok := sizes[algorithm]
	if !ok {
		return nil, fmt.Errorf("emulate: %v is no algorithm of a management key", algorithm)
	}
	if len(key) != size {
		return nil, fmt.Errorf("emulate: management key of %d bytes, want %d for %v", len(key), size, algorithm)
	}
	if algorithm == TripleDES {
		return des.NewTripleDESCipher(key)
	}
	return aes.NewCipher(key)
}

// administrate proves the management key, mutually (80, then 80 and 81) or one way (81, then 82): SP 800-73-5 part 2,
// Appendix A.1 and A.2. The key never encrypts a block of the client's choice before the client has proven it.
func (p *PIV) administrate(algorithm Algorithm, fields map[uint32][]byte, witness, challenge []byte) ([]byte, uint16) {
	if algorithm == 0 { // the default algorithm
		algorithm = TripleDES
	}
	if algorithm != p.algorithm {
		return nil, StatusParameters
	}
	block, err := managementCipher(p.algorithm, p.management)
	if err != nil {
		return nil, StatusParameters
	}
	size := block.BlockSize()
	p.admin = false
	w, hasWitness := fields[0x80]
	c, hasChallenge := fields[0x81]
	r, hasResponse := fields[0x82]
	out := make([]byte, size)
	switch {
	case hasWitness && len(w) == 0 && len(fields) == 1:
		p.witness = random(size)
		block.Encrypt(out, p.witness)
		return TLV(0x7C, TLV(0x80, out)), StatusOK
	case hasChallenge && len(c) == 0 && len(fields) == 1:
		p.challenge = random(size)
		return TLV(0x7C, TLV(0x81, p.challenge)), StatusOK
	case hasWitness && hasChallenge && len(w) == size && len(c) == size && len(r) == 0 && (len(fields) == 2 || hasResponse && len(fields) == 3):
		if witness == nil || subtle.ConstantTimeCompare(w, witness) != 1 {
			return nil, StatusSecurity
		}
		p.admin = true
		block.Encrypt(out, c)
		return TLV(0x7C, TLV(0x82, out)), StatusOK
	case hasResponse && len(r) == size && len(fields) == 1:
		if challenge == nil {
			return nil, StatusSecurity
		}
		if block.Encrypt(out, challenge); subtle.ConstantTimeCompare(out, r) != 1 {
			return nil, StatusSecurity
		}
		p.admin = true
		return nil, StatusOK
	}
	return nil, StatusData
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

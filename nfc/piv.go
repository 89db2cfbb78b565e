package nfc

import (
	"bytes"
	"context"
	"errors"
)

// pivAID selects the PIV card application by the part of its identifier that does not name a version (SP 800-73-5,
// Part 1, Section 2.2). Cards answer with it, or with all eleven bytes.
var pivAID = []byte{0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00}

// Access says what a card wants before it gives an object.
type Access uint8

// Access rules. VCI is the virtual contact interface: secure messaging, and the pairing code where the card asks for it.
const (
	AccessAlways Access = iota + 1
	AccessPIN
	AccessVCI
	AccessVCIAndPIN
)

// Object is a data object of the PIV card application.
type Object struct {
	Name        string
	Tag         Tag
	Container   uint16 // its number in the security object
	Contact     Access // over a contact reader
	Contactless Access // over a contactless one
}

// The data objects of SP 800-73-5, Part 1, Sections 3 and 4, that a reader may meet.
var (
	ObjectCapability       = Object{"card capability container", 0x5FC107, 0xDB00, AccessAlways, AccessVCI}
	ObjectCHUID            = Object{"CHUID", 0x5FC102, 0x3000, AccessAlways, AccessAlways}
	ObjectCardAuth         = Object{"card authentication certificate", 0x5FC101, 0x0500, AccessAlways, AccessAlways}
	ObjectPIVAuth          = Object{"PIV authentication certificate", 0x5FC105, 0x0101, AccessAlways, AccessVCI}
	ObjectSignature        = Object{"signature certificate", 0x5FC10A, 0x0100, AccessAlways, AccessVCI}
	ObjectKeyManagement    = Object{"key management certificate", 0x5FC10B, 0x0102, AccessAlways, AccessVCI}
	ObjectFingerprints     = Object{"fingerprints", 0x5FC103, 0x6010, AccessPIN, AccessVCIAndPIN}
	ObjectFace             = Object{"facial image", 0x5FC108, 0x6030, AccessPIN, AccessVCIAndPIN}
	ObjectPrinted          = Object{"printed information", 0x5FC109, 0x3001, AccessPIN, AccessVCIAndPIN}
	ObjectSecurity         = Object{"security object", 0x5FC106, 0x9000, AccessAlways, AccessVCI}
	ObjectKeyHistory       = Object{"key history", 0x5FC10C, 0x6060, AccessAlways, AccessVCI}
	ObjectIris             = Object{"iris images", 0x5FC121, 0x1015, AccessPIN, AccessVCIAndPIN}
	ObjectDiscovery        = Object{"discovery object", 0x7E, 0x6050, AccessAlways, AccessAlways}
	ObjectMessagingSigner  = Object{"secure messaging signer certificate", 0x5FC122, 0x1017, AccessAlways, AccessAlways}
	ObjectPairingCode      = Object{"pairing code reference", 0x5FC123, 0x1018, AccessPIN, AccessVCIAndPIN}
	ObjectBiometricFormats = Object{"biometric information templates", 0x7F61, 0x1016, AccessAlways, AccessAlways}
)

// Objects lists the data objects above.
func Objects() []Object {
	return []Object{ObjectCapability, ObjectCHUID, ObjectCardAuth, ObjectPIVAuth, ObjectSignature, ObjectKeyManagement, ObjectFingerprints, ObjectFace,
		ObjectPrinted, ObjectSecurity, ObjectKeyHistory, ObjectIris, ObjectDiscovery, ObjectMessagingSigner, ObjectPairingCode, ObjectBiometricFormats}
}

// KeyReference names a key on a PIV card (SP 800-78-5).
type KeyReference byte

// Key references.
const (
	KeyPIVAuth    KeyReference = 0x9A
	KeyManagement KeyReference = 0x9B // the card management key: symmetric, held by the issuer
	KeySign       KeyReference = 0x9C
	KeyAgreement  KeyReference = 0x9D
	KeyCardAuth   KeyReference = 0x9E // signs for whoever asks: it proves the card, not the person
)

// Algorithm is an algorithm identifier of PIV (SP 800-78-5).
type Algorithm byte

// Algorithms.
const (
	AlgorithmTDES    Algorithm = 0x03
	AlgorithmRSA3072 Algorithm = 0x05
	AlgorithmRSA2048 Algorithm = 0x07
	AlgorithmAES128  Algorithm = 0x08
	AlgorithmAES192  Algorithm = 0x0A
	AlgorithmAES256  Algorithm = 0x0C
	AlgorithmP256    Algorithm = 0x11
	AlgorithmP384    Algorithm = 0x14
	AlgorithmCS2     Algorithm = 0x27 // secure messaging, cipher suite 2
	AlgorithmCS7     Algorithm = 0x2E // secure messaging, cipher suite 7
)

// Application is what the PIV application says of itself when it is selected (SP 800-73-5, Part 2, Section 3.1.1).
// Every field may be empty: cards leave them out.
type Application struct {
	AID             []byte // identifier, or its part behind the registered provider's
	Label           string // name of the application
	URL             string // where its specification is
	Algorithms      []Algorithm
	SecureMessaging bool // cipher suite 2 or 7 is offered
}

// PIV is the selected PIV application of a card.
type PIV struct {
	Application
	session *Session
}

// SelectPIV selects the PIV application. An error that wraps ErrNoApplication when the card has none.
func SelectPIV(ctx context.Context, session *Session) (*PIV, error) {
	answer, err := session.Select(ctx, pivAID)
	if err != nil {
		return nil, err
	}
	application, err := ParseApplication(answer)
	if err != nil {
		return nil, err
	}
	return &PIV{Application: application, session: session}, nil
}

// ParseApplication reads the application property template, 61. No bytes at all is an empty template. ErrMalformed
// when it names another application.
func ParseApplication(answer []byte) (Application, error) {
	var a Application
	if len(answer) == 0 {
		return a, nil
	}
	value, err := ParseOne(answer, 0x61, TLVOptions{})
	if err != nil {
		return Application{}, err
	}
	list, err := parseTLV(value, false)
	if err != nil {
		return Application{}, err
	}
	for _, t := range list {
		switch t.Tag {
		case 0x4F:
			// The whole identifier, or what follows the five bytes of the provider.
			if !bytes.HasPrefix(t.Value, pivAID[:5]) && !bytes.HasPrefix(t.Value, pivAID[5:]) {
				return Application{}, fail(ErrMalformed, "SELECT: another application answered, not PIV")
			}
			a.AID = t.Value
		case 0x50:
			a.Label = printable(t.Value)
		case 0x5F50:
			a.URL = printable(t.Value)
		case 0xAC:
			inner, err := parseTLV(t.Value, false)
			if err != nil {
				return Application{}, err
			}
			for _, i := range inner {
				if i.Tag == 0x80 && len(i.Value) == 1 {
					a.Algorithms = append(a.Algorithms, Algorithm(i.Value[0]))
				}
			}
		}
	}
	for _, alg := range a.Algorithms {
		a.SecureMessaging = a.SecureMessaging || alg == AlgorithmCS2 || alg == AlgorithmCS7
	}
	return a, nil
}

// printable keeps the printable ASCII characters of a text that a card gives, at most 128: it may be shown.
func printable(b []byte) string {
	out := make([]byte, 0, min(len(b), 128))
	for _, c := range b {
		if c >= 0x20 && c < 0x7F && len(out) < 128 {
			out = append(out, c)
		}
	}
	return string(out)
}

// Read reads one data object (GET DATA, SP 800-73-5, Part 2, Section 3.1.2) and gives what stands inside its 53; the
// discovery object and the biometric information templates, which have tags of their own, are given without those.
//
// An error that wraps ErrNotFound when the card does not have the object, and ErrAccess when it does not give it here: over a
// contactless reader that is the rule for most objects ([Object.Contactless]) and no fault of the card.
// An object that is present and empty is ErrNotFound too: SP 800-73-5 writes an absent value so.
func (p *PIV) Read(ctx context.Context, o Object) ([]byte, error) {
	request := AppendTLV(nil, 0x5C, o.Tag.Append(nil))
	r, err := p.session.Do(ctx, CommandAPDU{INS: insGetData, P1: 0x3F, P2: 0xFF, Data: request, Le: LeMost})
	if err != nil {
		return nil, err
	}
	name := "GET DATA " + o.Tag.String()
	if err := r.Err(name); err != nil {
		var refused *StatusError
		if errors.As(err, &refused) && refused.kind == ErrAccess {
			refused.Hint = o.hint()
		}
		return nil, err
	}
	want := Tag(0x53)
	if o.Tag <= 0xFFFF {
		want = o.Tag
	}
	value, err := ParseOne(r.Data, want, TLVOptions{})
	if err != nil {
		return nil, within(name, err)
	}
	if len(value) == 0 {
		return nil, fail(ErrNotFound, "%s: the object is empty", name)
	}
	return value, nil
}

// hint says what a card wants before it gives the object.
func (o Object) hint() string {
	switch o.Contactless {
	case AccessVCI:
		return "needs secure messaging on this interface"
	case AccessVCIAndPIN:
		return "needs a PIN, and secure messaging on this interface"
	}
	return "refused, though the standard lets anyone read it"
}

// ReadCHUID reads and parses the CHUID.
func (p *PIV) ReadCHUID(ctx context.Context) (*CHUID, error) {
	object, err := p.Read(ctx, ObjectCHUID)
	if err != nil {
		return nil, err
	}
	return ParseCHUID(object)
}

// ReadCertificate reads one of the certificate objects and gives its X.509 certificate in DER.
func (p *PIV) ReadCertificate(ctx context.Context, o Object) ([]byte, error) {
	object, err := p.Read(ctx, o)
	if err != nil {
		return nil, err
	}
	return ParseCertificate(object)
}

// ReadDiscovery reads and parses the discovery object.
func (p *PIV) ReadDiscovery(ctx context.Context) (Discovery, error) {
	object, err := p.Read(ctx, ObjectDiscovery)
	if err != nil {
		return Discovery{}, err
	}
	return ParseDiscovery(object)
}

// ReadSecurityObject reads and parses the security object.
func (p *PIV) ReadSecurityObject(ctx context.Context) (*SecurityObject, error) {
	object, err := p.Read(ctx, ObjectSecurity)
	if err != nil {
		return nil, err
	}
	return ParseSecurityObject(object)
}

// PINTries asks how many tries the card's PIN has left (VERIFY without data, SP 800-73-5, Part 2, Section 3.2.1). It never
// costs a try. ok is false when the card counts the PIN as presented, or does not say.
func (p *PIV) PINTries(ctx context.Context) (tries int, ok bool, err error) {
	r, err := p.session.Do(ctx, CommandAPDU{INS: 0x20, P2: 0x80})
	if err != nil {
		return 0, false, err
	}
	if n, counted := r.Status.Tries(); counted {
		return n, true, nil
	}
	if r.Status == StatusBlocked {
		return 0, true, nil
	}
	return 0, false, nil
}

// Discovery is the discovery object (SP 800-73-5, Part 1, Section 3.3.2).
type Discovery struct {
	AID          []byte
	PIN          bool // the application PIN satisfies the access rules
	GlobalPIN    bool // the card's global PIN does too
	OnCard       bool // so does on-card biometric comparison
	VCI          bool // the virtual contact interface is implemented
	PairingCode  bool // it needs the pairing code
	GlobalIsMain bool // the global PIN is the one a holder is asked for
}

// ParseDiscovery reads the inside of a discovery object, 7E: {4F identifier, 5F2F PIN usage policy}. ErrMalformed
// unless both are there once.
func ParseDiscovery(object []byte) (Discovery, error) {
	list, err := ParseTLV(object, TLVOptions{})
	if err != nil {
		return Discovery{}, err
	}
	var d Discovery
	var policy []byte
	for _, t := range list {
		switch {
		case t.Tag == 0x4F && d.AID == nil && bytes.HasPrefix(t.Value, pivAID[:5]):
			d.AID = t.Value
		case t.Tag == 0x5F2F && policy == nil && len(t.Value) == 2:
			policy = t.Value
		default:
			return Discovery{}, fail(ErrMalformed, "discovery object: tag %s of %d bytes, want 4F with PIV's identifier and 5F2F of 2 bytes, once", t.Tag, len(t.Value))
		}
	}
	if d.AID == nil || policy == nil {
		return Discovery{}, fail(ErrMalformed, "discovery object: want 4F and 5F2F")
	}
	first := policy[0]
	d.PIN, d.GlobalPIN, d.OnCard = first&0x40 != 0, first&0x20 != 0, first&0x10 != 0
	d.VCI, d.PairingCode = first&0x08 != 0, first&0x08 != 0 && first&0x04 == 0
	d.GlobalIsMain = d.GlobalPIN && policy[1] == 0x20
	return d, nil
}

// SecurityObject is the security object (SP 800-73-5, Part 1, Section 3.1.7): which containers were signed together,
// and the signed list of their hashes.
type SecurityObject struct {
	Containers map[uint8]uint16 // number of the data group in the signed list → container
	CMS        []byte           // CMS SignedData (DER) over the list of hashes; its signature is not checked here
}

// ParseSecurityObject reads the inside of a security object: {BA map, BB CMS, FE}. ErrMalformed otherwise.
func ParseSecurityObject(object []byte) (*SecurityObject, error) {
	fields, err := uniqueTLV("security object", object, 0xBA, 0xBB, 0xFE)
	if err != nil {
		return nil, err
	}
	mapping, cms := fields[0xBA], fields[0xBB]
	switch {
	case len(mapping) == 0 || len(mapping)%3 != 0 || len(mapping) > 3*16:
		return nil, fail(ErrMalformed, "security object: map of %d bytes, want 3 to 48 in threes", len(mapping))
	case len(fields[0xFE]) != 0:
		return nil, fail(ErrMalformed, "security object: FE is not empty")
	}
	s := &SecurityObject{Containers: map[uint8]uint16{}, CMS: cms}
	for i := 0; i < len(mapping); i += 3 {
		if _, twice := s.Containers[mapping[i]]; twice || mapping[i] == 0 || mapping[i] > 16 {
			return nil, fail(ErrMalformed, "security object: data group %d, want 1 to 16 and each once", mapping[i])
		}
		s.Containers[mapping[i]] = uint16(mapping[i+1])<<8 | uint16(mapping[i+2])
	}
	if _, err := ParseOne(cms, 0x30, TLVOptions{}); err != nil {
		return nil, within("security object: BB", err)
	}
	return s, nil
}

// uniqueTLV reads an object as data objects of which none is there twice and none is outside known.
func uniqueTLV(name string, object []byte, known ...Tag) (map[Tag][]byte, error) {
	list, err := ParseTLV(object, TLVOptions{})
	if err != nil {
		return nil, within(name, err)
	}
	fields := make(map[Tag][]byte, len(list))
	for _, t := range list {
		found := false
		for _, k := range known {
			found = found || k == t.Tag
		}
		if _, twice := fields[t.Tag]; twice || !found {
			return nil, fail(ErrMalformed, "%s: tag %s is unknown or there twice", name, t.Tag)
		}
		fields[t.Tag] = t.Value
	}
	return fields, nil
}

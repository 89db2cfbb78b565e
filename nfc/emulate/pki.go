package emulate

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"sync"
	"time"
)

// Authority is a certificate with its private key.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// PKI is the hierarchy behind the cards of one body: a root, a card CA under it, and the signer of CHUIDs and security
// objects under the card CA.
type PKI struct {
	Root, CardCA, CHUIDSigner *Authority

	config PKIConfig
	serial int64
	mu     sync.Mutex
}

// PKIConfig describes a hierarchy. All its times follow from At.
type PKIConfig struct {
	// At is the day of the ceremony: every certificate is valid from a day before it.
	At time.Time
	// Organisation is the O of every name. Empty: "Test Body".
	Organisation string
	// Algorithm of the three keys. Zero: P-256.
	Algorithm Algorithm
	// RootYears, CardCAYears and SignerYears are the lives. Zero: 20, 10, 5.
	RootYears, CardCAYears, SignerYears int
	// EditSigner may spoil the CHUID signer's certificate before it is signed.
	EditSigner func(*CertificateProfile)
}

// CertificateProfile is a certificate about to be made, for tests that spoil one part of it.
type CertificateProfile struct {
	Serial              *big.Int
	Subject             pkix.Name
	NotBefore, NotAfter time.Time
	KeyUsage            x509.KeyUsage
	// EKU are the extended key usages, critical unless EKUNotCritical. Empty: no such extension.
	EKU            []asn1.ObjectIdentifier
	EKUNotCritical bool
	// Policies are the certificate policies. Empty: no such extension.
	Policies []asn1.ObjectIdentifier
	// FASCN and GUID stand in the subject alternative name: otherName and urn:uuid. Nil: absent.
	FASCN []byte
	GUID  *[16]byte
	// CRL is the address of the revocation list. Empty: absent.
	CRL string
	// Extra are further extensions.
	Extra []pkix.Extension
}

// Policy identifiers: card authentication (id-fpki-common-cardAuth) and content signing of the common policy.
var (
	PolicyCardAuthentication = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 2, 1, 3, 17}
	PolicyAuthentication     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 2, 1, 3, 13}
	PolicyContentSigning     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 2, 1, 3, 39}
)

// EKU identifiers of FIPS 201: card authentication, content signing.
var (
	EKUCardAuthentication = oidCardAuth
	EKUContentSigning     = oidContentSigning
)

// NewPKI holds the ceremony: fresh keys, three certificates.
func NewPKI(config PKIConfig) (*PKI, error) {
	if config.At.IsZero() {
		return nil, errors.New("emulate: a PKI needs the time of its ceremony")
	}
	if config.Organisation == "" {
		config.Organisation = "Test Body"
	}
	if config.Algorithm == 0 {
		config.Algorithm = P256
	}
	years := func(n, usual int) time.Time {
		if n == 0 {
			n = usual
		}
		return config.At.AddDate(n, 0, 0)
	}
	p := &PKI{config: config}
	name := func(common string) pkix.Name {
		return pkix.Name{Country: []string{"UA"}, Organization: []string{config.Organisation}, CommonName: common}
	}
	anyPolicy, err := x509.OIDFromInts([]uint64{2, 5, 29, 32, 0}) // a CA that states none gives its certificates none (RFC 5280, Section 6.1)
	if err != nil {
		return nil, fmt.Errorf("emulate: policy: %w", err)
	}
	authority := func(common string, parent *Authority, pathLength int, notAfter time.Time) (*Authority, error) {
		key, err := config.Algorithm.GenerateKey()
		if err != nil {
			return nil, err
		}
		template := &x509.Certificate{
			SerialNumber: p.nextSerial(), Subject: name(common), NotBefore: config.At.AddDate(0, 0, -1), NotAfter: notAfter,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
			MaxPathLen: pathLength, MaxPathLenZero: pathLength == 0,
			Policies: []x509.OID{anyPolicy},
		}
		issuer := parent
		if issuer == nil {
			issuer = &Authority{Certificate: template, Key: key}
		}
		return create(template, issuer, key)
	}
	if p.Root, err = authority("Card Root", nil, 1, years(config.RootYears, 20)); err != nil {
		return nil, err
	}
	if p.CardCA, err = authority("Card CA", p.Root, 0, years(config.CardCAYears, 10)); err != nil {
		return nil, err
	}
	key, err := config.Algorithm.GenerateKey()
	if err != nil {
		return nil, err
	}
	profile := CertificateProfile{
		Serial: p.nextSerial(), Subject: name("CHUID Signer"), NotBefore: config.At.AddDate(0, 0, -1),
		NotAfter: years(config.SignerYears, 5), KeyUsage: x509.KeyUsageDigitalSignature,
		EKU: []asn1.ObjectIdentifier{EKUContentSigning}, Policies: []asn1.ObjectIdentifier{PolicyContentSigning},
	}
	if config.EditSigner != nil {
		config.EditSigner(&profile)
	}
	if p.CHUIDSigner, err = p.Issue(profile, key); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *PKI) nextSerial() *big.Int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return big.NewInt(0x5050_0000_0000 + p.serial)
}

func create(template *x509.Certificate, issuer *Authority, key crypto.Signer) (*Authority, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.Certificate, key.Public(), issuer.Key)
	if err != nil {
		return nil, fmt.Errorf("emulate: certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("emulate: certificate: %w", err)
	}
	return &Authority{Certificate: certificate, Key: key}, nil
}

// Issue makes an end certificate under the card CA. The private key may be on a card: only its public half is used.
func (p *PKI) Issue(profile CertificateProfile, key crypto.Signer) (*Authority, error) {
	certificate, err := p.IssuePublic(profile, key.Public())
	if err != nil {
		return nil, err
	}
	return &Authority{Certificate: certificate, Key: key}, nil
}

// IssuePublic makes an end certificate under the card CA for a key generated on a card.
func (p *PKI) IssuePublic(profile CertificateProfile, public crypto.PublicKey) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: profile.Serial, Subject: profile.Subject, NotBefore: profile.NotBefore, NotAfter: profile.NotAfter,
		KeyUsage: profile.KeyUsage, ExtraExtensions: profile.Extra,
	}
	if template.SerialNumber == nil {
		template.SerialNumber = p.nextSerial()
	}
	if len(profile.EKU) > 0 {
		value, err := asn1.Marshal(profile.EKU)
		if err != nil {
			return nil, fmt.Errorf("emulate: extended key usage: %w", err)
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
			Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: !profile.EKUNotCritical, Value: value,
		})
	}
	identifier, err := subjectKeyID(public)
	if err != nil {
		return nil, err
	}
	template.SubjectKeyId = identifier
	for _, policy := range profile.Policies {
		arcs := make([]uint64, len(policy))
		for i, arc := range policy {
			arcs[i] = uint64(arc)
		}
		oid, err := x509.OIDFromInts(arcs)
		if err != nil {
			return nil, fmt.Errorf("emulate: policy %v: %w", policy, err)
		}
		template.Policies = append(template.Policies, oid)
	}
	if profile.CRL != "" {
		template.CRLDistributionPoints = []string{profile.CRL}
	}
	if profile.FASCN != nil || profile.GUID != nil {
		var names [][]byte
		if profile.FASCN != nil { // otherName [0] { pivFASC-N, [0] OCTET STRING }
			names = append(names, TLV(0xA0, oidDER(oidFASCN), TLV(0xA0, TLV(0x04, profile.FASCN))))
		}
		if profile.GUID != nil { // uniformResourceIdentifier [6]
			names = append(names, TLV(0x86, []byte(UUIDURN(*profile.GUID))))
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: sequence(names...)})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.CardCA.Certificate, public, p.CardCA.Key)
	if err != nil {
		return nil, fmt.Errorf("emulate: certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// subjectKeyID is method 1 of RFC 7093, Section 2.
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("emulate: public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("emulate: public key: %w", err)
	}
	return digest(crypto.SHA256, info.Key.Bytes)[:20], nil
}

// UUIDURN writes a GUID as urn:uuid (RFC 9562, Section 4).
func UUIDURN(guid [16]byte) string {
	h := hex.EncodeToString(guid[:])
	u := url.URL{Scheme: "urn", Opaque: "uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]}
	return u.String()
}

// CRL makes a revocation list of the authority, DER. It names the revoked serial numbers and is to be renewed after life.
func (a *Authority) CRL(at time.Time, life time.Duration, number int64, revoked ...*big.Int) ([]byte, error) {
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: at, NextUpdate: at.Add(life)}
	for _, serial := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: serial, RevocationTime: at, ReasonCode: 1,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, a.Certificate, a.Key)
	if err != nil {
		return nil, fmt.Errorf("emulate: revocation list: %w", err)
	}
	return der, nil
}

// Gzip compresses as certificates on cards are compressed (RFC 1952).
func Gzip(data []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is a constant of the package
	w.Write(data)                                           // bytes.Buffer takes everything
	w.Close()
	return out.Bytes()
}

// FASCN are the fields of a Federal Agency Smart Credential Number.
type FASCN struct {
	Agency, System, Credential        int // 4, 4 and 6 digits
	Series, Issue                     int // 1 digit each
	Person                            int64
	Category, Organisation, Associate int // 1, 4 and 1 digits
}

// Bytes encodes the number: 40 characters of four bits, least significant first, and odd parity, with start and end
// sentinels, field separators and a longitudinal check (SP 800-73-5 part 1, Section 3.1.2; PACS 2.3, Section 2).
func (f FASCN) Bytes() []byte {
	const start, separator, end = 0xB, 0xD, 0xF
	var characters []byte
	digits := func(n int64, width int) {
		text := fmt.Sprintf("%0*d", width, n)
		for _, d := range text[len(text)-width:] {
			characters = append(characters, byte(d-'0'))
		}
	}
	characters = append(characters, start)
	digits(int64(f.Agency), 4)
	characters = append(characters, separator)
	digits(int64(f.System), 4)
	characters = append(characters, separator)
	digits(int64(f.Credential), 6)
	characters = append(characters, separator)
	digits(int64(f.Series), 1)
	characters = append(characters, separator)
	digits(int64(f.Issue), 1)
	characters = append(characters, separator)
	digits(f.Person, 10)
	digits(int64(f.Category), 1)
	digits(int64(f.Organisation), 4)
	digits(int64(f.Associate), 1)
	characters = append(characters, end)
	check := byte(0)
	for _, c := range characters {
		check ^= c
	}
	characters = append(characters, check)
	out := make([]byte, 25)
	for i, c := range characters {
		parity := byte(1)
		for bit := range 4 {
			value := c >> bit & 1
			parity ^= value
			setBit(out, i*5+bit, value)
		}
		setBit(out, i*5+4, parity)
	}
	return out
}

func setBit(b []byte, i int, value byte) { b[i/8] |= value << (7 - i%8) }

// NonFederal is the number of a card of an issuer that is no federal agency: agency 9999, everything else nines and zeros
// as such issuers write it.
func NonFederal() FASCN {
	return FASCN{Agency: 9999, System: 9999, Credential: 999999, Issue: 1, Person: 0, Category: 3, Organisation: 0, Associate: 1}
}

// CHUID are the fields of the Card Holder Unique Identifier (SP 800-73-5 part 1, Section 3.1.2).
type CHUID struct {
	FASCN          []byte    // tag 30, 25 bytes
	Organisational []byte    // tag 32, of older cards; nil: absent
	GUID           [16]byte  // tag 34
	Expires        time.Time // tag 35, the day as YYYYMMDD
	Expiry         string    // replaces the text of tag 35 when not empty
	Cardholder     *[16]byte // tag 36; nil: absent
	BufferLength   bool      // tag EE in front, of older cards
	Unsigned       bool      // tag 3E empty, as cards leave their maker
	Signature      SignedDataConfig
	// Tamper may change the fields after they were signed.
	Tamper func(*CHUID)
}

func (c *CHUID) fields() []byte {
	expiry := c.Expiry
	if expiry == "" {
		expiry = c.Expires.UTC().Format("20060102")
	}
	var parts [][]byte
	if c.BufferLength {
		parts = append(parts, TLV(0xEE, []byte{0x0D, 0x00}))
	}
	if c.FASCN != nil {
		parts = append(parts, TLV(0x30, c.FASCN))
	}
	if c.Organisational != nil {
		parts = append(parts, TLV(0x32, c.Organisational))
	}
	parts = append(parts, TLV(0x34, c.GUID[:]), TLV(0x35, []byte(expiry)))
	if c.Cardholder != nil {
		parts = append(parts, TLV(0x36, c.Cardholder[:]))
	}
	return bytes.Join(parts, nil)
}

// Encode signs and encodes the CHUID: the value inside the 53. Signed are all fields but 3E, with the FE at the end.
func (c CHUID) Encode() ([]byte, error) {
	signature := []byte(nil)
	if !c.Unsigned {
		config := c.Signature
		if config.ContentType == nil {
			config.ContentType = oidCHUIDContent
		}
		var err error
		if signature, err = SignedData(config, append(c.fields(), TLV(0xFE)...)); err != nil {
			return nil, err
		}
	}
	if c.Tamper != nil {
		c.Tamper(&c)
	}
	return bytes.Join([][]byte{c.fields(), TLV(0x3E, signature), TLV(0xFE)}, nil), nil
}

// CardSpec describes a personalised PIV card.
type CardSpec struct {
	GUID    [16]byte
	FASCN   FASCN // zero: [NonFederal]
	Issued  time.Time
	Expires time.Time // of card and certificates
	// CardAuthentication is the algorithm of key 9E. Zero: P-256.
	CardAuthentication Algorithm
	// Authentication is the algorithm of key 9A. Zero: the card has no such key.
	Authentication Algorithm
	// Keys are used instead of fresh ones, by reference.
	Keys map[byte]crypto.Signer
	// CardAuthenticationPolicy is the policy of the 9E certificate. Nil: [PolicyCardAuthentication].
	CardAuthenticationPolicy asn1.ObjectIdentifier
	// Gzip compresses the certificates.
	Gzip bool
	// CRL is the address in the certificates. Empty: absent.
	CRL string
	// Name, Affiliation and Serial are the printed information. An empty name: the card has none.
	Name, Affiliation, Serial string
	// PIV holds everything else of the application: secrets, management key, extensions. Objects and Keys are added to.
	PIV PIVConfig
	// EditCHUID, EditCardAuthentication and EditObjects may spoil what they name before it is signed or written.
	EditCHUID              func(*CHUID)
	EditCardAuthentication func(*CertificateProfile)
	EditObjects            func(map[uint32][]byte)
}

// IssuedCard is a personalised card with what its issuer knows of it.
type IssuedCard struct {
	*PIV
	CardAuthentication *x509.Certificate // of key 9E
	Authentication     *x509.Certificate // of key 9A; nil without one
	CHUID              []byte            // the value inside the 53
	GUID               [16]byte
	FASCN              []byte
}

// Personalise makes a card of this body: keys, certificates, signed CHUID, security object, discovery object and card
// capability container.
func (p *PKI) Personalise(spec CardSpec) (*IssuedCard, error) {
	if spec.Issued.IsZero() || !spec.Expires.After(spec.Issued) {
		return nil, errors.New("emulate: a card needs a day of issue and a later one of expiry")
	}
	if spec.FASCN == (FASCN{}) {
		spec.FASCN = NonFederal()
	}
	if spec.CardAuthentication == 0 {
		spec.CardAuthentication = P256
	}
	policy := spec.CardAuthenticationPolicy
	if policy == nil {
		policy = PolicyCardAuthentication
	}
	card := &IssuedCard{GUID: spec.GUID, FASCN: spec.FASCN.Bytes()}
	keys := maps.Clone(spec.Keys)
	if keys == nil {
		keys = map[byte]crypto.Signer{}
	}
	for reference, algorithm := range map[byte]Algorithm{KeyCardAuthentication: spec.CardAuthentication, KeyAuthentication: spec.Authentication} {
		if keys[reference] != nil || algorithm == 0 {
			continue
		}
		key, err := algorithm.GenerateKey()
		if err != nil {
			return nil, err
		}
		keys[reference] = key
	}
	profile := CertificateProfile{
		Serial:  p.nextSerial(),
		Subject: pkix.Name{Country: []string{"UA"}, Organization: []string{p.config.Organisation}, SerialNumber: hex.EncodeToString(spec.GUID[:])},
		// A day early, so that a card made at this moment is valid at this moment.
		NotBefore: spec.Issued.AddDate(0, 0, -1), NotAfter: spec.Expires, KeyUsage: x509.KeyUsageDigitalSignature,
		EKU: []asn1.ObjectIdentifier{EKUCardAuthentication}, Policies: []asn1.ObjectIdentifier{policy},
		FASCN: card.FASCN, GUID: &spec.GUID, CRL: spec.CRL,
	}
	if spec.EditCardAuthentication != nil {
		spec.EditCardAuthentication(&profile)
	}
	issued, err := p.Issue(profile, keys[KeyCardAuthentication])
	if err != nil {
		return nil, err
	}
	card.CardAuthentication = issued.Certificate
	chuid := CHUID{
		FASCN: card.FASCN, GUID: spec.GUID, Expires: spec.Expires,
		Signature: SignedDataConfig{Signer: p.CHUIDSigner, Certificate: true},
	}
	if spec.EditCHUID != nil {
		spec.EditCHUID(&chuid)
	}
	if card.CHUID, err = chuid.Encode(); err != nil {
		return nil, err
	}
	objects := map[uint32][]byte{
		TagCHUID:              card.CHUID,
		TagCardAuthentication: CertificateObject(card.CardAuthentication.Raw, spec.Gzip),
		TagCardCapability:     cardCapability(spec.GUID),
		TagDiscovery:          Discovery(0x40, 0x00),
	}
	if key := keys[KeyAuthentication]; key != nil {
		authentication, err := p.Issue(CertificateProfile{
			Subject:   pkix.Name{Country: []string{"UA"}, Organization: []string{p.config.Organisation}, CommonName: "Card Holder"},
			NotBefore: profile.NotBefore, NotAfter: spec.Expires, KeyUsage: x509.KeyUsageDigitalSignature,
			EKU:      []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}},
			Policies: []asn1.ObjectIdentifier{PolicyAuthentication}, FASCN: card.FASCN, GUID: &spec.GUID, CRL: spec.CRL,
		}, key)
		if err != nil {
			return nil, err
		}
		card.Authentication = authentication.Certificate
		objects[TagAuthentication] = CertificateObject(card.Authentication.Raw, spec.Gzip)
	}
	if spec.Name != "" {
		objects[TagPrintedInformation] = printed(spec)
	}
	maps.Copy(objects, spec.PIV.Objects)
	if spec.EditObjects != nil {
		spec.EditObjects(objects)
	}
	if objects[TagSecurityObject] == nil {
		if objects[TagSecurityObject], err = p.SecurityObject(objects); err != nil {
			return nil, err
		}
	}
	for tag, value := range objects {
		if len(value) == 0 {
			delete(objects, tag)
		}
	}
	config := spec.PIV
	config.Objects = objects
	config.Keys = keys
	if card.PIV, err = NewPIV(config); err != nil {
		return nil, err
	}
	return card, nil
}

// Discovery is the value inside the discovery object 7E: the AID and the PIN usage policy (SP 800-73-5 part 1, Section
// 3.3.2). 40 00: the application PIN alone; 60 10: also the global PIN, which is preferred.
func Discovery(first, second byte) []byte {
	return append(TLV(0x4F, pivAID), TLV(0x5F2F, []byte{first, second})...)
}

// cardCapability is the card capability container (SP 800-73-5 part 1, Appendix A): most of its fields are empty today.
func cardCapability(guid [16]byte) []byte {
	id := append([]byte{0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02}, guid[2:]...)
	parts := [][]byte{TLV(0xF0, id), TLV(0xF1, []byte{0x21}), TLV(0xF2, []byte{0x21}), TLV(0xF3), TLV(0xF4, []byte{0}), TLV(0xF5, []byte{0x10})}
	for _, tag := range []uint32{0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE} {
		parts = append(parts, TLV(tag))
	}
	return bytes.Join(parts, nil)
}

// printed is the printed information container: 01 name, 02 affiliation, 04 expiry, 05 serial number, 06 issuer.
func printed(spec CardSpec) []byte {
	months := []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	expires := spec.Expires.UTC()
	return bytes.Join([][]byte{
		TLV(0x01, []byte(spec.Name)), TLV(0x02, []byte(spec.Affiliation)),
		TLV(0x04, fmt.Appendf(nil, "%04d%s%02d", expires.Year(), months[expires.Month()-1], expires.Day())),
		TLV(0x05, []byte(spec.Serial)), TLV(0x06, []byte("9999")), TLV(0xFE),
	}, nil)
}

// containers are the container identifiers of the objects a security object may hash (SP 800-73-5 part 1, Table 2).
var containers = map[uint32]uint16{
	TagCardCapability: 0xDB00, TagCHUID: 0x3000, TagAuthentication: 0x0101, TagFingerprints: 0x6010, TagFacialImage: 0x6030,
	TagPrintedInformation: 0x3001, TagCardAuthentication: 0x0500, TagDiscovery: 0x6050, TagIris: 0x1015,
}

// SecurityObject hashes the objects it knows a container for and signs the hashes: BA map from number to container, BB
// the ICAO LDS security object in a SignedData (SP 800-73-5 part 1, Section 3.1.7). Only data that carries no signature of
// its own needs it; the CHUID is in it as on real cards.
func (p *PKI) SecurityObject(objects map[uint32][]byte) ([]byte, error) {
	var order []uint32
	for _, tag := range []uint32{TagCardCapability, TagCHUID, TagFingerprints, TagFacialImage, TagPrintedInformation, TagIris} {
		if len(objects[tag]) > 0 {
			order = append(order, tag)
		}
	}
	var mapping []byte
	var hashes [][]byte
	for i, tag := range order {
		number := byte(i + 1)
		mapping = append(mapping, number, byte(containers[tag]>>8), byte(containers[tag]))
		hashes = append(hashes, sequence([]byte{0x02, 0x01, number}, TLV(0x04, digest(crypto.SHA256, objects[tag]))))
	}
	content := sequence([]byte{0x02, 0x01, 0x00}, sequence(oidDER(oidSHA256)), sequence(hashes...))
	signed, err := SignedData(SignedDataConfig{Signer: p.CHUIDSigner, ContentType: oidSecurityObject, Attached: true}, content)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{TLV(0xBA, mapping), TLV(0xBB, signed), TLV(0xFE)}, nil), nil
}

package card

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Profile is what a card answered to. The zero value is a card that answered to nothing this package knows.
type Profile uint8

// Profiles, the strongest first. A later one takes the next number; ICAO LDS1 and ISO 18013-5 have their room here.
const (
	ProfileNone   Profile = iota
	ProfilePIV            // PIV application: a certified key that signs a challenge
	ProfileRecord         // a token of the issuing body in an NDEF file
	ProfileNumber         // a number that anyone can read and copy
)

// String returns the word in the name of the check card-profile: "piv", "record", "number" or "unknown".
func (p Profile) String() string {
	switch p {
	case ProfilePIV:
		return "piv"
	case ProfileRecord:
		return "record"
	case ProfileNumber:
		return "number"
	}
	return "unknown"
}

// Reading is what was read from one card. Read fills it in; nothing in it is verified, and nil means that the card did
// not give the object.
type Reading struct {
	CHUID       []byte // inside of the object 5FC102
	Certificate []byte // inside of the object 5FC101, the card authentication certificate

	Algorithm nfc.Algorithm // by which the card was asked to sign
	Challenge []byte        // fresh random bytes, as they were sent: a digest, or a whole RSA block
	Signature []byte        // what key 9E answered; nil when it was not asked or refused

	Security   []byte            // inside of the object 5FC106, the security object
	Containers map[uint16][]byte // insides of other objects, by container number, to hold against the security object

	Record []byte // token from the NDEF file
	UID    []byte // number with which the card answered the reader, 4 to 32 bytes
	PIN    bool   // the card has verified its holder's PIN in this session

	Withheld []Withheld // what the card did not give, for whoever reads along; no verdict rests on it
	Counts   nfc.Counts // what the reading cost
	Err      error      // why reading ended early; nil when all that the card gives was read
}

// Profile tells what the card answered to, by the strongest that was read.
func (r *Reading) Profile() Profile {
	switch {
	case r.CHUID != nil || r.Certificate != nil:
		return ProfilePIV
	case r.Record != nil:
		return ProfileRecord
	case r.UID != nil:
		return ProfileNumber
	}
	return ProfileNone
}

// Input is all that a verdict about a card rests on. Of verifier.Input, Text, Unread, VerifierID, Nonce and Seen are not
// looked at: a card answers the reader it lies on, and its answer cannot be shown again.
type Input struct {
	verifier.Input
	Reading
}

// Checks of a card verdict, in the order in which they run. Those without the prefix are the checks of
// docs/spec/verification.md with that name.
const (
	checkRead      = "card-read"      // the card was read to the end
	checkProfile   = "card-profile"   // it is a card that this package knows
	checkStructure = "card-structure" // its objects are built as their standard demands
	checkPath      = "card-path"      // its certificate leads to an authority of the bundle
	checkPurpose   = "card-purpose"   // its certificate is one for this use
	checkCRL       = "card-crl"       // no certificate on the path is on a revocation list
	checkSigner    = "card-signer"    // who signed its data may do so
	checkData      = "card-data"      // its data are signed by that signer
	checkBinding   = "card-binding"   // data and certificate are of one card
	checkObjects   = "card-objects"   // objects that were read have the hashes of the security object
	checkKey       = "card-key"       // it signed the challenge with the key of its certificate
	checkRecord    = "card-record"    // the record is bound to that key
	checkCarrier   = "card-carrier"   // a body has stated it in the bundle
)

// Checks that both paths have.
const (
	checkDecode    = "decode"
	checkIssuerKey = "issuer-key"
	checkIssuerSig = "issuer-signature"
	checkRight     = "issuer-right"
	checkValidity  = "validity"
	checkStatus    = "status"
	checkLevel     = "level"
)

var checkNames = []string{
	checkRead, checkProfile, "root", "bundle", "clock", checkStructure, checkPath, checkPurpose, checkCRL, checkSigner, checkData, checkBinding,
	checkObjects, checkKey, checkDecode, checkIssuerKey, checkIssuerSig, checkRight, checkRecord, checkValidity, checkCarrier, checkStatus,
	"table", "photo", checkLevel,
}

// CheckNames lists the checks of a card verdict in the order in which they run. In a verdict card-profile is written
// card-profile-piv, card-profile-record or card-profile-number.
func CheckNames() []string { return slices.Clone(checkNames) }

// Verify decides about one card. It is pure: the same input gives the same verdict. It never panics; a fault inside
// gives verifier.Internal, which cannot confirm.
func Verify(in Input) (v verifier.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = verifier.Broken(&in.Input, checkNames, r)
		}
	}()
	j := judge{Case: verifier.NewCase(&in.Input, checkNames), in: &in, at: in.At}
	return j.run()
}

// judge is one verdict in the making.
type judge struct {
	*verifier.Case
	in     *Input
	at     time.Time
	bundle *trust.Bundle

	chuid       *nfc.CHUID
	certificate *x509.Certificate
	authorities *authorities
}

var none locale.Args

func (j *judge) run() verifier.Verdict {
	j.bundle = j.Trust()
	j.judgeReading()
	j.parse()
	switch j.in.Profile() {
	case ProfilePIV:
		return j.judgePIV()
	case ProfileRecord:
		return j.judgeRecord()
	case ProfileNumber:
		return j.judgeNumber()
	}
	return j.Finish(checkRead, checkProfile)
}

// judgeReading runs the checks card-read and card-profile.
func (j *judge) judgeReading() {
	r := &j.in.Reading
	profile := r.Profile()
	j.Rename(checkProfile, checkProfile+"-"+profile.String())
	if r.Err == nil {
		j.Pass(checkRead)
	} else { // also of nonsense: it may be the reader's as well as the card's, and says nothing about the ID
		j.Fail(checkRead, verifier.CardUnread, none)
	}
	switch {
	case profile != ProfileNone:
		j.Pass(checkProfile)
	case r.Err == nil:
		j.Fail(checkProfile, verifier.CardForeign, none)
	}
}

// parse reads the structure of the PIV objects that are there, and whom the bundle trusts for cards.
func (j *judge) parse() {
	r := &j.in.Reading
	ok := true
	if r.CHUID != nil {
		var err error
		if j.chuid, err = nfc.ParseCHUID(r.CHUID); err != nil {
			j.chuid, ok = nil, false
		}
	}
	if r.Certificate != nil {
		der, err := nfc.ParseCertificate(r.Certificate)
		if err == nil {
			j.certificate, err = parseCardCertificate(der)
		}
		if err != nil {
			j.certificate, ok = nil, false
		}
	}
	switch {
	case !ok:
		j.Fail(checkStructure, verifier.CardMalformed, none)
	case j.chuid != nil || j.certificate != nil:
		j.Pass(checkStructure)
	}
	if j.bundle == nil {
		return
	}
	cards, err := j.bundle.Cards()
	if err != nil {
		j.Fail("bundle", verifier.BundleRefused, none)
	}
	j.authorities = newAuthorities(cards)
}

// judgePIV decides about a card with the PIV application, and with a record that is bound to its key if it has one.
func (j *judge) judgePIV() verifier.Verdict {
	if j.bundle == nil {
		return j.Finish(checkRead)
	}
	signed := j.judgeKey()
	if j.in.Record != nil {
		switch {
		case j.in.Certificate == nil:
			return j.judgeRecord() // no key of the card's own: the record is all there is
		case !j.besides():
			return j.judgeBound(signed)
		}
	}

	certified := j.judgeCertificate(false)
	dataSigned := j.judgeData(false)
	j.judgeBinding()
	j.judgeTerm()
	body, status, found := j.carrier()
	switch {
	case found:
		j.Pass(checkCarrier)
		j.Status(body, status)
		j.judgeBody(certified, dataSigned, body)
	case j.certificate == nil || certified.found():
		// With no path to an authority it is foreign: that it is on no record follows.
		j.Fail(checkCarrier, verifier.CarrierUnknown, none)
	}
	proven := signed && certified.found() && dataSigned.found()
	for _, name := range []string{checkRead, checkPath, checkPurpose, checkSigner, checkData, checkBinding, checkKey} {
		proven = proven && j.Passed(name)
	}
	level := verifier.L0
	if proven && (j.Passed(checkRight) || !found) {
		level = verifier.L2
	}
	switch {
	case proven && j.Passed(checkRight):
		j.ShowIssuer(body, authorityID(certified.chain[1]))
		j.ShowCard(j.number(), j.expiry(), status)
	case found && j.certificate == nil:
		j.ShowIssuer(body, keys.KeyID{}) // whom the number belongs to, as with a bare number
	}
	j.Level(level, nil, j.in.PIN)
	return j.Finish(checkRead, checkProfile, checkStructure, checkPath, checkPurpose, checkSigner, checkData, checkBinding, checkKey,
		checkRight, checkValidity, checkCarrier)
}

// besides reports whether the record of a card with a certificate is a static one: anybody can write that onto a card,
// so it says nothing about this one and is not looked at.
func (j *judge) besides() bool {
	trial := verifier.NewCase(&j.in.Input, checkNames)
	trial.Trust()
	token := trial.Token(j.in.Record)
	return token != nil && token.Kind == credential.KindStatic
}

// judgeBound decides about a card whose record names its key: the body that signed the token vouches for that key. What the
// PIV application says besides is held against it as far as the bundle knows its authorities.
func (j *judge) judgeBound(signed bool) verifier.Verdict {
	token := j.Token(j.in.Record)
	if token != nil && j.certificate != nil {
		if holds(j.certificate, token) {
			j.Pass(checkRecord)
		} else {
			j.Fail(checkRecord, verifier.CardBinding, none)
		}
	}
	if certified := j.judgeCertificate(true); certified.found() {
		j.judgeData(true)
		j.judgeBinding()
		j.judgeTerm()
		if body, status, found := j.carrier(); found {
			j.Pass(checkCarrier)
			j.Status(body, status)
			j.judgeBody(certified, path{}, body)
			if token != nil && body != token.Issuer {
				j.Fail(checkRecord, verifier.CardBinding, none)
			}
		}
	}
	if token == nil {
		j.Level(verifier.L0, nil, false)
		return j.Finish(checkRecord)
	}
	// A key that refuses to sign leaves a record like any other; one that signs wrongly has failed its check.
	bound := j.Passed(checkRecord) && j.Passed(checkRead)
	j.ShowToken(token, bound && (signed || j.in.Signature == nil))
	level, required := verifier.L0, []string{checkRead, checkProfile, checkStructure, checkDecode, checkIssuerKey, checkIssuerSig, checkRight, checkRecord, checkValidity}
	switch {
	case bound && signed && j.Passed(checkRight):
		level, required = verifier.L2, append(required, checkKey)
	case j.Passed(checkRight):
		level = verifier.L1
	}
	j.Level(level, &token.Claims, j.in.PIN)
	return j.Finish(required...)
}

// judgeRecord decides about a plain tag with a token: signed static data, which anyone may have copied.
func (j *judge) judgeRecord() verifier.Verdict {
	if j.bundle == nil {
		return j.Finish(checkRead)
	}
	token := j.Token(j.in.Record)
	level := verifier.L0
	var claims *credential.Claims
	if token != nil {
		claims = &token.Claims
		j.ShowToken(token, true)
		if j.Passed(checkRight) {
			level = verifier.L1
		}
	}
	j.Level(level, claims, false)
	return j.Finish(checkRead, checkProfile, checkDecode, checkIssuerKey, checkIssuerSig, checkRight, checkValidity)
}

// judgeNumber decides about a bare number: it says to whom it belongs and never accepts.
func (j *judge) judgeNumber() verifier.Verdict {
	if j.bundle == nil {
		return j.Finish(checkRead)
	}
	body, status, found := j.look(trust.CarrierNumber, j.in.UID)
	if !found || nfc.RandomUID(j.in.UID) {
		if !j.damaged() {
			j.Fail(checkProfile, verifier.CardForeign, none)
		}
		return j.Finish(checkRead, checkProfile)
	}
	j.Pass(checkCarrier)
	j.Status(body, status)
	j.ShowIssuer(body, keys.KeyID{})
	j.Level(verifier.L0, nil, false)
	return j.Finish(checkRead, checkProfile, checkKey)
}

// judgeKey runs the check card-key: the card signed the challenge with the key of its certificate, by the one algorithm that
// key has.
func (j *judge) judgeKey() bool {
	r := &j.in.Reading
	if j.certificate == nil || r.Signature == nil {
		return false
	}
	if !signedBy(j.certificate.PublicKey, r.Algorithm, r.Challenge, r.Signature) {
		j.Fail(checkKey, verifier.CardKey, none)
		return false
	}
	j.Pass(checkKey)
	return true
}

// signedBy verifies the answer to a challenge: ECDSA over the challenge as a digest as long as the curve's, or RSASSA-PKCS1-v1_5
// whose block, as long as the modulus, was the challenge.
func signedBy(key crypto.PublicKey, algorithm nfc.Algorithm, challenge, signature []byte) bool {
	if want, err := nfc.AlgorithmOf(key); err != nil || want != algorithm || constant(challenge) {
		return false
	}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		size := 32
		if key.Curve == elliptic.P384() {
			size = 48
		}
		return len(challenge) == size && ecdsa.VerifyASN1(key, challenge, signature)
	case *rsa.PublicKey:
		// The verification builds the whole block anew, so the digest at its end is all that has to be taken from it.
		const digest = 32
		return len(challenge) == key.Size() && rsa.VerifyPKCS1v15(key, crypto.SHA256, challenge[len(challenge)-digest:], signature) == nil
	}
	return false
}

// constant reports a challenge that is no random one: a card asked to sign it may have done so before.
func constant(challenge []byte) bool {
	tail := challenge[max(len(challenge)-16, 0):]
	return len(tail) < 16 || bytes.Count(tail, tail[:1]) == len(tail)
}

// judgeCertificate runs the checks card-path, card-purpose and card-crl. It returns the path to the authority whenever the
// signatures in it verify. A card whose token a body vouches for may be of an authority that the bundle does not know.
func (j *judge) judgeCertificate(vouched bool) path {
	if j.certificate == nil {
		return path{}
	}
	p, f := j.authorities.path(j.certificate, j.intermediates(), j.at)
	switch {
	case f.code == unknownAuthority && vouched:
	case f.code == unknownAuthority:
		j.judgeForeign(checkPath)
	case f.code != "":
		j.Fail(checkPath, f.code, f.args)
	default:
		j.Pass(checkPath)
	}
	if !p.found() {
		return p
	}
	if cardAuthFlaw(j.certificate) || j.outlives() {
		j.Fail(checkPurpose, verifier.CardRules, none)
	} else {
		j.Pass(checkPurpose)
	}
	j.judgeRevocation(p)
	return p
}

// outlives reports whether the certificate ends after the card. Of a card that has expired that is no news.
func (j *judge) outlives() bool {
	return j.chuid != nil && j.certificate.NotAfter.After(j.expiry()) && j.at.Before(j.expiry())
}

// judgeForeign sorts a card of an authority that the bundle does not have: one that claims a number of ours is held to the
// rule for unknown issuer keys; any other is simply of another system.
func (j *judge) judgeForeign(check string) {
	if _, _, ours := j.carrier(); ours {
		j.Unknown(check)
		return
	}
	j.Fail(check, verifier.CardForeign, none)
}

// intermediates are the certificates that came with the card besides its own.
func (j *judge) intermediates() []*x509.Certificate {
	if j.chuid == nil || len(j.chuid.CMS) == 0 {
		return nil
	}
	s, err := parseSignedData(j.chuid.CMS, oidCHUIDContent)
	if err != nil {
		return nil
	}
	return s.certificates
}

func (j *judge) judgeRevocation(p path) {
	r := j.authorities.revoked(p, j.at)
	for _, f := range r.flaws {
		j.Fail(checkCRL, f.code, f.args)
	}
	if r.asked {
		j.Pass(checkCRL)
	}
}

// judgeData runs the checks card-signer, card-data and card-objects on the CHUID. It returns the path of the signer
// whenever the signatures in it verify.
func (j *judge) judgeData(vouched bool) path {
	if j.chuid == nil {
		return path{}
	}
	if len(j.chuid.CMS) == 0 {
		if !vouched {
			j.Fail(checkData, verifier.CardUnsigned, none)
		}
		return path{}
	}
	s, err := parseSignedData(j.chuid.CMS, oidCHUIDContent)
	var signer *x509.Certificate
	if err == nil && s.content != nil {
		err = malformed("CHUID with content inside its signature")
	}
	if err == nil {
		signer, err = s.signerCertificate()
	}
	if err == nil {
		err = s.verify(signer, j.chuid.Signed)
	}
	switch {
	case errors.Is(err, errForged):
		j.Fail(checkData, verifier.CardSignature, none)
	case err != nil:
		j.Fail(checkStructure, verifier.CardMalformed, none)
	default:
		j.Pass(checkData)
	}
	if err != nil {
		return path{}
	}
	p, f := j.authorities.path(signer, s.certificates, j.at)
	switch {
	case f.code == unknownAuthority && vouched:
	case f.code == unknownAuthority:
		j.judgeForeign(checkSigner)
	case f.code != "":
		j.Fail(checkSigner, f.code, f.args)
	case signerFlaw(signer):
		j.Fail(checkSigner, verifier.CardSignature, none)
	default:
		j.Pass(checkSigner)
	}
	if p.found() {
		j.judgeRevocation(p)
		j.judgeObjects(signer)
	}
	return p
}

// judgeObjects runs the check card-objects: the security object is signed by the signer of the CHUID, and every object that it lists
// and that was read has the hash it states.
func (j *judge) judgeObjects(signer *x509.Certificate) {
	if j.in.Security == nil {
		return
	}
	err := verifySecurityObject(j.in.Security, signer, j.in.Containers)
	switch {
	case errors.Is(err, errForged):
		j.Fail(checkObjects, verifier.CardSignature, none)
	case err != nil:
		j.Fail(checkObjects, verifier.CardMalformed, none)
	default:
		j.Pass(checkObjects)
	}
}

// judgeBinding runs the check card-binding: every identifier in the certificate is the one of the CHUID, and there is one.
func (j *judge) judgeBinding() {
	if j.certificate == nil || j.chuid == nil {
		return
	}
	n, err := cardNames(j.certificate)
	switch {
	case err != nil:
		j.Fail(checkStructure, verifier.CardMalformed, none)
	case !bound(n, j.chuid):
		j.Fail(checkBinding, verifier.CardBinding, none)
	default:
		j.Pass(checkBinding)
	}
}

// bound reports whether every identifier of a certificate is that of the CHUID, and whether there is one that tells the card
// from others.
func bound(n names, chuid *nfc.CHUID) bool {
	return (n.fascn != nil && ownFASCN(chuid) || n.uuid != nil) &&
		(n.fascn == nil || bytes.Equal(n.fascn, chuid.FASCN[:])) && (n.uuid == nil || bytes.Equal(n.uuid, chuid.GUID[:]))
}

// noAgency begins every FASC-N of an issuer outside the agencies: start sentinel and agency code 9999, 25 bits.
var noAgency = [...]byte{0xD4, 0xE7, 0x39, 0x80}

// ownFASCN reports whether the FASC-N of a CHUID is this card's. Issuers outside the agencies tell cards apart by the GUID and
// may write one FASC-N on all of them.
func ownFASCN(chuid *nfc.CHUID) bool {
	f := chuid.FASCN
	return chuid.GUID == [16]byte{} || !bytes.Equal(f[:3], noAgency[:3]) || f[3]&0x80 != noAgency[3]
}

// judgeTerm runs the check validity on the CHUID. Its day of expiry counts to the end, in UTC.
func (j *judge) judgeTerm() {
	if j.chuid == nil {
		return
	}
	from := time.Unix(1, 0)
	if j.certificate != nil {
		from = j.certificate.NotBefore
	}
	j.Term(checkValidity, from, j.expiry())
}

// expiry is the first moment after the day on which the card expires.
func (j *judge) expiry() time.Time {
	if j.chuid == nil {
		return j.certificate.NotAfter
	}
	return j.chuid.Expiry.AddDate(0, 0, 1)
}

// judgeBody runs the check issuer-right: the authorities of the card and of its data may speak for the body.
func (j *judge) judgeBody(certified, signed path, body string) {
	for _, p := range [...]path{certified, signed} {
		if p.found() && !p.speaksFor(body) {
			j.Fail(checkRight, verifier.IssuerBody, none)
		}
	}
	if certified.found() {
		j.Pass(checkRight)
	}
}

// carrier looks the card up in the carrier table: by its GUID, else by a FASC-N of its own.
func (j *judge) carrier() (body string, status credential.StatusRef, found bool) {
	if j.chuid == nil {
		if j.certificate == nil {
			return "", 0, false
		}
		n, err := cardNames(j.certificate)
		if err != nil || n.uuid == nil {
			return "", 0, false
		}
		return j.look(trust.CarrierGUID, n.uuid)
	}
	if j.chuid.GUID != [16]byte{} {
		if body, status, found = j.look(trust.CarrierGUID, j.chuid.GUID[:]); found {
			return body, status, true
		}
	}
	if !ownFASCN(j.chuid) {
		return "", 0, false
	}
	return j.look(trust.CarrierNumber, j.chuid.FASCN[:])
}

func (j *judge) look(kind trust.CarrierKind, number []byte) (body string, status credential.StatusRef, found bool) {
	body, ref, found, err := j.bundle.Carrier(kind, number)
	if err != nil {
		j.Fail("bundle", verifier.BundleRefused, none)
		return "", 0, false
	}
	return body, credential.StatusRef(ref), found
}

// damaged reports whether the carrier table could not be read, so that a missing card means nothing.
func (j *judge) damaged() bool { return !j.Passed("bundle") }

// number is how a verdict names the card: its GUID, or the digits of its FASC-N when the issuer gave no GUID.
func (j *judge) number() string {
	if j.chuid.GUID != [16]byte{} {
		return formatUUID(j.chuid.GUID[:])
	}
	f, err := j.chuid.FASCN.Decode()
	if err != nil {
		return ""
	}
	return f.Agency + "-" + f.System + "-" + f.Credential + "-" + f.Series + "-" + f.Issue
}

// holds reports whether a card's certificate is for the key that a token names as its holder's.
func holds(c *x509.Certificate, t *credential.Token) bool {
	key, err := cose.NewPublicKey(c.PublicKey)
	if err != nil || t.Holder.IsZero() {
		return false
	}
	holder, err := keys.NewHolderPublicKey(key)
	return err == nil && holder.Equal(t.Holder)
}

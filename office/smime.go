package office

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base32"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"
)

// Terms of certificates.
const (
	authorityTerm   = 5 * 365 * 24 * time.Hour // of a body's mail authority
	certificateTerm = 365 * 24 * time.Hour     // of a person's certificate, at most
	certificateLeft = 30 * 24 * time.Hour      // a new one is made when less is left
	crlTerm         = 7 * 24 * time.Hour       // a revocation list says when it is stale
	certificateBack = 5 * time.Minute          // certificates count from a little before, for clocks that are behind
)

// Reasons why a certificate was ended (RFC 5280, Section 5.3.1); the numbers are stored.
const (
	endedCompromise = 1 // the administrator ended it
	endedAffiliated = 3 // the person has left, or has no valid service ID any more
	endedSuperseded = 4 // another name, position or address: its key is destroyed, and what it signed stays verifiable
)

// Object identifiers of names (X.520, ETSI EN 319 412-1).
var (
	oidTitle        = asn1.ObjectIdentifier{2, 5, 4, 12}
	oidOrganization = asn1.ObjectIdentifier{2, 5, 4, 97}
)

// MailAuthority is the authority of a body that certifies its people for signing mail, and nothing else: addresses of its
// domains, for e-mail protection.
type MailAuthority struct {
	Number      int64 // of the authority, counted over all bodies
	Body        string
	Certificate *x509.Certificate
	Domains     []string // whose addresses it may certify
}

// PEM is the certificate as a file that mail programs import.
func (a MailAuthority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw})
}

// Fingerprint is SHA-256 of the certificate in groups of four hexadecimal digits.
func (a MailAuthority) Fingerprint() string {
	sum := sha256.Sum256(a.Certificate.Raw)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var groups []string
	for i := 0; i < len(text); i += 4 {
		groups = append(groups, text[i:i+4])
	}
	return strings.Join(groups, " ")
}

// serialNumber is 127 random bits (RFC 5280, Section 4.1.2.2).
func serialNumber() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

// shortName cuts a text to what a name of a certificate may hold (X.520: 64 characters).
func shortName(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > 64 {
		r = append(r[:63], '…')
	}
	return string(r)
}

// bodyName is a body inside a certificate.
func bodyName(edrpou, name string) pkix.Name {
	return pkix.Name{Country: []string{"UA"}, Organization: []string{shortName(name)},
		ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidOrganization, Value: "NTRUA-" + edrpou}}}
}

// NewAuthority makes the mail authority of a body for the domains of its settings, and keeps its key sealed. People get new
// certificates from it when they next write; what an older one certified stays good. Error: MailNotSet.
func (m *Mail) NewAuthority(ctx context.Context, body string, at time.Time) (MailAuthority, error) {
	set, err := m.Settings(ctx, body)
	if err != nil {
		return MailAuthority{}, err
	}
	name, err := m.c.BodyName(ctx, body)
	if err != nil {
		return MailAuthority{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return MailAuthority{}, err
	}
	subject := bodyName(body, name)
	subject.CommonName = shortName("Пошта: " + name)
	t := &x509.Certificate{SerialNumber: serialNumber(), Subject: subject, NotBefore: at.Add(-certificateBack), NotAfter: at.Add(authorityTerm),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		PermittedDNSDomainsCritical: true, PermittedEmailAddresses: set.Domains}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return MailAuthority{}, err
	}
	a := MailAuthority{Body: body, Domains: set.Domains}
	if a.Certificate, err = x509.ParseCertificate(der); err != nil {
		return MailAuthority{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return MailAuthority{}, err
	}
	defer clear(secret)
	serial := a.Certificate.SerialNumber.Text(16)
	return a, m.store.Update(ctx, func(tx Tx) error {
		sealed, err := tx.Seal("office_mail_authorities.key", serial, secret)
		if err != nil {
			return err
		}
		a.Number, err = tx.Insert(`INSERT INTO office_mail_authorities (body, serial, certificate, key, made, until) VALUES ($1, $2, $3, $4, $5, $6)`,
			body, serial, der, sealed, at.UnixMilli(), a.Certificate.NotAfter.UnixMilli())
		return err
	})
}

// Authorities are the authorities of a body that are in their term, the newest first; that one certifies.
func (m *Mail) Authorities(ctx context.Context, body string, at time.Time) (out []MailAuthority, err error) {
	err = m.store.View(ctx, func(tx Tx) error { out, err = mailAuthorities(tx, body, at); return err })
	return out, err
}

func mailAuthorities(tx Tx, body string, at time.Time) (out []MailAuthority, err error) {
	err = tx.Rows(`SELECT id, certificate FROM office_mail_authorities WHERE body = $1 AND until > $2 ORDER BY id DESC`, []any{body, at.UnixMilli()},
		func(scan func(...any) error) error {
			a := MailAuthority{Body: body}
			var der []byte
			if err := scan(&a.Number, &der); err != nil {
				return err
			}
			var err error
			if a.Certificate, err = x509.ParseCertificate(der); err != nil {
				return err
			}
			a.Domains = a.Certificate.PermittedEmailAddresses
			out = append(out, a)
			return nil
		})
	return out, err
}

// authorityKey opens the key of an authority.
func authorityKey(tx Tx, a MailAuthority) (*ecdsa.PrivateKey, error) {
	var sealed []byte
	if err := tx.Row(`SELECT key FROM office_mail_authorities WHERE id = $1`, []any{a.Number}, &sealed); err != nil {
		return nil, err
	}
	return openKey(tx, "office_mail_authorities.key", a.Certificate.SerialNumber.Text(16), sealed)
}

func openKey(tx Tx, column, place string, sealed []byte) (*ecdsa.PrivateKey, error) {
	secret, err := tx.Open(column, place, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	key, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("office: mail: a sealed key: %w", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("office: mail: a sealed key is not EC")
	}
	return ec, nil
}

// mailSubject is what a certificate says of a signer.
type mailSubject struct {
	body, bodyName          string
	seat                    string // Seat.String; the body's code alone for the body itself
	address, name, position string
}

// digest tells one subject from another.
func (s mailSubject) digest(authority int64) []byte {
	h := sha256.New()
	for _, text := range []string{strconv.FormatInt(authority, 10), s.bodyName, s.address, s.name, s.position} {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return h.Sum(nil)
}

// mailSigner is a certificate with its key.
type mailSigner struct {
	row         int64
	certificate *x509.Certificate
	authority   *x509.Certificate
	key         *ecdsa.PrivateKey
}

// liveSigner finds the certificate of a mailSubject that says what is true now. Errors: ErrNotFound, MailNotSet.
func liveSigner(tx Tx, s mailSubject, at time.Time) (mailSigner, error) {
	found, err := mailAuthorities(tx, s.body, at)
	if err != nil {
		return mailSigner{}, err
	}
	if len(found) == 0 {
		return mailSigner{}, MailNotSet
	}
	if !found[0].covers(s.address) {
		return mailSigner{}, MailDomain
	}
	out := mailSigner{authority: found[0].Certificate}
	left := at.Add(certificateLeft)
	if !left.Before(found[0].Certificate.NotAfter) { // a new one could not last longer either: that takes a new authority
		left = at
	}
	var der, sealed []byte
	if err := tx.Row(`SELECT id, certificate, key FROM office_mail_certificates
		WHERE seat = $1 AND subject = $2 AND key IS NOT NULL AND ended IS NULL AND until > $3 ORDER BY id DESC`,
		[]any{s.seat, s.digest(found[0].Number), left.UnixMilli()}, &out.row, &der, &sealed); err != nil {
		return mailSigner{}, err
	}
	if out.certificate, err = x509.ParseCertificate(der); err != nil {
		return mailSigner{}, err
	}
	out.key, err = openKey(tx, "office_mail_certificates.key", out.certificate.SerialNumber.Text(16), sealed)
	return out, err
}

func (a MailAuthority) covers(address string) bool {
	_, domain, _ := strings.Cut(address, "@")
	for _, d := range a.Domains {
		if strings.EqualFold(d, domain) {
			return true
		}
	}
	return false
}

// newSigner certifies a mailSubject and ends what it had before: the key is destroyed. Errors: MailNotSet, MailDomain.
func (m *Mail) newSigner(tx Tx, s mailSubject, at time.Time) (mailSigner, error) {
	found, err := mailAuthorities(tx, s.body, at)
	if err != nil {
		return mailSigner{}, err
	}
	if len(found) == 0 {
		return mailSigner{}, MailNotSet
	}
	ca := found[0]
	if !ca.covers(s.address) {
		return mailSigner{}, MailDomain
	}
	caKey, err := authorityKey(tx, ca)
	if err != nil {
		return mailSigner{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return mailSigner{}, err
	}
	name := bodyName(s.body, s.bodyName)
	name.CommonName = shortName(s.name)
	if s.position != "" {
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{Type: oidTitle, Value: shortName(s.position)})
	}
	until := at.Add(certificateTerm)
	if until.After(ca.Certificate.NotAfter) {
		until = ca.Certificate.NotAfter
	}
	from := at.Add(-certificateBack)
	if from.Before(ca.Certificate.NotBefore) {
		from = ca.Certificate.NotBefore
	}
	place := m.c.Origin + "/office/mail/ca/" + s.body + "-" + strconv.FormatInt(ca.Number, 10)
	t := &x509.Certificate{SerialNumber: serialNumber(), Subject: name, NotBefore: from, NotAfter: until, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}, EmailAddresses: []string{s.address},
		CRLDistributionPoints: []string{place + ".crl"}, IssuingCertificateURL: []string{place + ".cer"}}
	der, err := x509.CreateCertificate(rand.Reader, t, ca.Certificate, key.Public(), caKey)
	if err != nil {
		return mailSigner{}, err
	}
	out := mailSigner{authority: ca.Certificate, key: key}
	if out.certificate, err = x509.ParseCertificate(der); err != nil {
		return mailSigner{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return mailSigner{}, err
	}
	defer clear(secret)
	serial := out.certificate.SerialNumber.Text(16)
	sealed, err := tx.Seal("office_mail_certificates.key", serial, secret)
	if err != nil {
		return mailSigner{}, err
	}
	if err := endCertificates(tx, s.seat, endedSuperseded, at); err != nil {
		return mailSigner{}, err
	}
	out.row, err = tx.Insert(`INSERT INTO office_mail_certificates (authority, seat, serial, subject, certificate, key, made, until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, ca.Number, s.seat, serial, s.digest(ca.Number), der, sealed, at.UnixMilli(), until.UnixMilli())
	return out, err
}

// endCertificates ends the live certificates of a seat and destroys their keys. A reason other than supersession also brings
// those superseded earlier, and not ended otherwise, no change: what they signed was true when it was signed.
func endCertificates(tx Tx, seat string, reason int, at time.Time) error {
	_, err := tx.Exec(`UPDATE office_mail_certificates SET key = NULL, ended = $1, reason = $2 WHERE seat = $3 AND ended IS NULL`, at.UnixMilli(), reason, seat)
	return err
}

// EndCertificate ends the certificate of a post for good, such as when its key may be known to others: it goes into the
// revocation list, and the next message gets a new one. Error: ErrNotFound.
func (m *Mail) EndCertificate(ctx context.Context, seat Seat, at time.Time) error {
	return m.store.Update(ctx, func(tx Tx) error {
		n, err := tx.Exec(`UPDATE office_mail_certificates SET key = NULL, ended = $1, reason = $2 WHERE seat = $3 AND ended IS NULL`,
			at.UnixMilli(), endedCompromise, seat.String())
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// EndLeft ends the certificates of those whose post has no valid service ID any more, the suspended aside, whom the gate refuses
// while it lasts. It answers how many it ended. Errors: those of Seated and of the store, joined; the others have been looked at.
func (m *Mail) EndLeft(ctx context.Context, at time.Time) (ended int, err error) {
	var seats []string
	if err := m.store.View(ctx, func(tx Tx) error {
		return tx.Rows(`SELECT DISTINCT seat FROM office_mail_certificates WHERE ended IS NULL AND instr(seat, '-') > 0`, nil, func(scan func(...any) error) error {
			var s string
			err := scan(&s)
			seats = append(seats, s)
			return err
		})
	}); err != nil {
		return 0, err
	}
	var failed []error
	for _, text := range seats {
		gone, err := m.left(ctx, text)
		if err == nil && gone {
			if err = m.store.Update(ctx, func(tx Tx) error { return endCertificates(tx, text, endedAffiliated, at) }); err == nil {
				ended++
			}
		}
		if err != nil { // of one body: its trouble keeps no certificate of another alive
			failed = append(failed, err)
		}
	}
	return ended, errors.Join(failed...)
}

// left tells whether nobody with a valid or suspended service ID is in a post. Of a body that this service does not serve now that
// cannot be told.
func (m *Mail) left(ctx context.Context, text string) (bool, error) {
	seat, err := ParseSeat(text)
	if err != nil {
		return false, err
	}
	if _, err := m.c.BodyName(ctx, seat.Body); errors.Is(err, ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	_, status, err := m.c.Seated(ctx, seat)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	return status == StatusNone, nil
}

// RevocationList is the list of an authority (RFC 5280, Section 5): certificates that were ended and not only superseded. It is
// made at the moment it is asked for. Error: ErrNotFound.
func (m *Mail) RevocationList(ctx context.Context, authority int64, at time.Time) (der []byte, err error) {
	list := &x509.RevocationList{Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: at.Add(crlTerm)}
	return der, m.store.View(ctx, func(tx Tx) error {
		a := MailAuthority{Number: authority}
		var raw []byte
		if err := tx.Row(`SELECT certificate FROM office_mail_authorities WHERE id = $1`, []any{authority}, &raw); err != nil {
			return err
		}
		if a.Certificate, err = x509.ParseCertificate(raw); err != nil {
			return err
		}
		key, err := authorityKey(tx, a)
		if err != nil {
			return err
		}
		if err := tx.Rows(`SELECT serial, ended, reason FROM office_mail_certificates WHERE authority = $1 AND ended IS NOT NULL AND reason <> $2 AND until > $3 ORDER BY id`,
			[]any{authority, endedSuperseded, at.UnixMilli()}, func(scan func(...any) error) error {
				var serial string
				var ended int64
				var reason int
				if err := scan(&serial, &ended, &reason); err != nil {
					return err
				}
				n, ok := new(big.Int).SetString(serial, 16)
				if !ok {
					return errors.New("office: mail: a stored serial number is none")
				}
				list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
					x509.RevocationListEntry{SerialNumber: n, RevocationTime: time.UnixMilli(ended).UTC(), ReasonCode: reason})
				return nil
			}); err != nil {
			return err
		}
		der, err = x509.CreateRevocationList(rand.Reader, list, a.Certificate, key)
		return err
	})
}

// signDetached is a detached CMS signature (RFC 5652, RFC 8551): SHA-256 with ECDSA, the certificate and its authority inside.
func signDetached(content []byte, s mailSigner, at time.Time) ([]byte, error) {
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, err
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSigner(s.certificate, s.key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	// The library takes the signing time from the clock; here the time is an argument. The attribute is written anew, in the
	// same form and length, so that the order of the set stays, and the set is signed again.
	info := &signed.GetSignedData().SignerInfos[0]
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue `asn1:"set"`
	}
	var set struct {
		A []attribute `asn1:"set"`
	}
	for i := range info.AuthenticatedAttributes {
		a := &info.AuthenticatedAttributes[i]
		if a.Type.Equal(pkcs7.OIDAttributeSigningTime) {
			der, err := asn1.Marshal(at.UTC().Truncate(time.Second))
			if err != nil {
				return nil, err
			}
			a.Value = asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: der}
		}
		set.A = append(set.A, attribute{a.Type, a.Value})
	}
	der, err := asn1.Marshal(set)
	if err != nil {
		return nil, err
	}
	var inner asn1.RawValue
	if _, err := asn1.Unmarshal(der, &inner); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(inner.Bytes)
	if info.EncryptedDigest, err = s.key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
		return nil, err
	}
	signed.AddCertificate(s.authority)
	signed.Detach()
	return signed.Finish()
}

// sign makes the message that goes out: multipart/signed over the part with its header fields inside (RFC 8551, Section 3.5;
// RFC 9788: hp="clear").
func (o *mailDraft) sign(s mailSigner, trace []headerWord, at time.Time) ([]byte, error) {
	o.part.params["hp"] = "clear"
	var inner bytes.Buffer
	if err := o.part.write(&inner, o.header); err != nil {
		return nil, err
	}
	signature, err := signDetached(inner.Bytes(), s, at)
	if err != nil {
		return nil, err
	}
	boundary := newMailID()
	var h headerWriter
	if err := h.add("Received", trace...); err != nil {
		return nil, err
	}
	h.Write(o.header)
	if err := h.add("MIME-Version", "1.0"); err != nil {
		return nil, err
	}
	if err := h.add("Content-Type", "multipart/signed;", `protocol="application/pkcs7-signature";`, "micalg=sha-256;", headerWord(`boundary="`+boundary+`"`)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(inner.Len() + h.Len() + 2*len(signature) + 1024)
	b.Write(h.Bytes())
	b.WriteString("\r\n--" + boundary + "\r\n")
	b.Write(inner.Bytes())
	b.WriteString("\r\n--" + boundary + "\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n")
	b.Write(base64Lines(signature))
	b.WriteString("--" + boundary + "--\r\n")
	return b.Bytes(), nil
}

// newMailID is a name that nobody can guess: 130 random bits in lower-case base32.
func newMailID() string {
	var b [20]byte
	rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))[:26]
}

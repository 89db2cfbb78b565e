package card

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Object identifiers of certificates on cards (FIPS 201-3; SP 800-73-5; X.509 Certificate and CRL Extensions Profile for
// the Common Policy; ETSI EN 319 412-1, Section 5.1.4).
var (
	oidCardAuth        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 8} // id-PIV-cardAuth
	oidContentSigning  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 7} // id-PIV-content-signing
	oidContentSigningI = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 8, 7} // id-fpki-pivi-content-signing
	oidFASCN           = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 6} // pivFASC-N
	oidExtKeyUsage     = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSubjectAltName  = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidAuthorityKeyID  = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCRLNumber       = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidOrganisationID  = asn1.ObjectIdentifier{2, 5, 4, 97} // organizationIdentifier
)

// bodyPrefix stands before the ЄДРПОУ in an organizationIdentifier: national trade register, Ukraine.
const bodyPrefix = "NTRUA-"

const (
	maxPath         = 5                 // certificates from a card's to an anchor, both counted
	clockTolerance  = 120 * time.Second // as for every other signed time
	reasonHold      = 6                 // certificateHold (RFC 5280, Section 5.3.1)
	reasonRemoveCRL = 8                 // removeFromCRL, in delta lists only
)

// authorities are the card roots and revocation lists of one bundle, read for one card.
type authorities struct {
	anchors []*x509.Certificate
	crls    [][]byte
}

// newAuthorities reads the section cards of a bundle. A certificate that cannot be read vouches for nothing and is left
// out: the cards below it are then of an unknown authority.
func newAuthorities(c trust.Cards) *authorities {
	a := &authorities{crls: c.CRLs}
	for _, der := range c.Roots {
		if cert, err := x509.ParseCertificate(der); err == nil {
			a.anchors = append(a.anchors, cert)
		}
	}
	return a
}

// flaw is why a path does not hold. The zero value holds.
type flaw struct {
	code verifier.Code
	args locale.Args
}

// unknownAuthority is the flaw of a path that leads to no anchor. It is sorted by the caller, who knows whether the card claims
// to be one of ours.
const unknownAuthority verifier.Code = "card-authority-unknown"

// path is what leads from a certificate to the authorities of the bundle. The zero value is none.
type path struct {
	chain  []*x509.Certificate   // the shortest one, leaf first; nil when no signature leads to an authority
	others [][]*x509.Certificate // further ones: an authority and another above it may both be in the bundle
}

func (p path) found() bool { return p.chain != nil }

// path finds the certificates from leaf to an anchor of the bundle, over intermediates that came with the card, and
// validates them at the time (RFC 5280, Section 6, as crypto/x509 does it). The path is returned whenever the
// signatures in it verify, so that revocation is seen on an expired one too.
func (a *authorities) path(leaf *x509.Certificate, intermediates []*x509.Certificate, at time.Time) (path, flaw) {
	chain, named := a.climb([]*x509.Certificate{leaf}, intermediates)
	if chain == nil {
		if named {
			return path{}, flaw{code: verifier.CardCertificate}
		}
		return path{}, flaw{code: unknownAuthority}
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range a.anchors {
		options.Roots.AddCert(c)
	}
	for _, c := range intermediates {
		options.Intermediates.AddCert(c)
	}
	if valid, err := leaf.Verify(options); err == nil {
		slices.SortStableFunc(valid, func(a, b []*x509.Certificate) int { return cmp.Compare(len(a), len(b)) })
		return path{valid[0], append(valid[1:], a.above(valid[0]))}, flaw{}
	}
	p := path{chain, [][]*x509.Certificate{a.above(chain)}}
	for _, c := range chain {
		switch {
		case at.After(c.NotAfter):
			return p, flaw{verifier.Expired, locale.Args{At: c.NotAfter, Shift: at.Sub(c.NotAfter).Truncate(time.Second)}}
		case at.Before(c.NotBefore):
			return p, flaw{verifier.NotYetValid, locale.Args{At: c.NotBefore, Shift: c.NotBefore.Sub(at).Truncate(time.Second)}}
		}
	}
	return p, flaw{code: verifier.CardRules}
}

// above goes on from the anchor of a chain to those above it that the bundle holds too: validation ends at the first.
func (a *authorities) above(chain []*x509.Certificate) []*x509.Certificate {
	long := slices.Clone(chain)
	for len(long) < maxPath {
		last := long[len(long)-1]
		i := slices.IndexFunc(a.anchors, func(c *x509.Certificate) bool {
			return !slices.ContainsFunc(long, c.Equal) && issuedUnder(last, c) && last.CheckSignatureFrom(c) == nil
		})
		if i < 0 {
			break
		}
		long = append(long, a.anchors[i])
	}
	return long
}

// climb extends a chain to an anchor by verified signatures alone, whatever their time. Named reports whether some
// certificate has the name and key id of an issuer that was looked for, and did not sign.
func (a *authorities) climb(chain []*x509.Certificate, intermediates []*x509.Certificate) (found []*x509.Certificate, named bool) {
	last := chain[len(chain)-1]
	for _, c := range a.anchors {
		if !issuedUnder(last, c) {
			continue
		}
		if last.CheckSignatureFrom(c) == nil {
			return append(chain, c), false
		}
		named = true
	}
	if len(chain)+1 >= maxPath {
		return nil, named
	}
	for _, c := range intermediates {
		if slices.ContainsFunc(chain, c.Equal) || !issuedUnder(last, c) {
			continue
		}
		if last.CheckSignatureFrom(c) != nil {
			continue // it came with the card: it names nobody
		}
		found, below := a.climb(append(slices.Clone(chain), c), intermediates)
		if found != nil {
			return found, false
		}
		named = named || below
	}
	return nil, named
}

// issuedUnder reports whether c names issuer as its issuer, by name and, where both state it, by key.
func issuedUnder(c, issuer *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, issuer.RawSubject) &&
		(len(c.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId))
}

// revocation is what the lists of a bundle say about a chain.
type revocation struct {
	asked bool // at least one list was there, or promised
	flaws []flaw
}

// revoked holds every certificate below the anchor against the revocation lists of its issuer. A certificate that names no
// list promises none: then the body's status list alone tells. On the longer paths only what takes away counts.
func (a *authorities) revoked(p path, at time.Time) revocation {
	r := a.revokedOn(p.chain, at)
	for _, chain := range p.others {
		for _, f := range a.revokedOn(chain, at).flaws {
			if f.code == verifier.Revoked || f.code == verifier.Suspended {
				r.asked, r.flaws = true, append(r.flaws, f)
			}
		}
	}
	return r
}

func (a *authorities) revokedOn(chain []*x509.Certificate, at time.Time) revocation {
	var r revocation
	for i := range len(chain) - 1 {
		c, issuer := chain[i], chain[i+1]
		list, candidates := a.list(issuer, at)
		if list == nil {
			if candidates || len(c.CRLDistributionPoints) > 0 {
				r.asked = true
				r.flaws = append(r.flaws, flaw{code: verifier.CRLUnknown})
			}
			continue
		}
		r.asked = true
		for _, entry := range list.RevokedCertificateEntries {
			if entry.SerialNumber.Cmp(c.SerialNumber) != 0 || entry.ReasonCode == reasonRemoveCRL {
				continue
			}
			code := verifier.Revoked
			if entry.ReasonCode == reasonHold {
				code = verifier.Suspended
			}
			r.flaws = append(r.flaws, flaw{code, locale.Args{At: list.ThisUpdate}})
		}
		if !list.NextUpdate.After(at) {
			r.flaws = append(r.flaws, flaw{verifier.CRLStale, locale.Args{At: list.NextUpdate, Shift: at.Sub(list.NextUpdate).Truncate(time.Second)}})
		}
	}
	return r
}

// list is the newest list of an issuer that it signed and that covers all its certificates. Candidates reports whether
// the bundle holds any under its name.
func (a *authorities) list(issuer *x509.Certificate, at time.Time) (newest *x509.RevocationList, candidates bool) {
	for _, der := range a.crls {
		if !bytes.Contains(der, issuer.RawSubject) {
			continue // cheaper than reading a list of another issuer
		}
		l, err := x509.ParseRevocationList(der)
		if err != nil || !bytes.Equal(l.RawIssuer, issuer.RawSubject) ||
			len(l.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(l.AuthorityKeyId, issuer.SubjectKeyId) {
			continue
		}
		candidates = true
		if l.CheckSignatureFrom(issuer) != nil || l.NextUpdate.IsZero() || l.ThisUpdate.After(at.Add(clockTolerance)) || partial(l) {
			continue
		}
		if newest == nil || l.ThisUpdate.After(newest.ThisUpdate) {
			newest = l
		}
	}
	return newest, candidates
}

// partial reports whether a list has a critical extension: it is a delta, or covers some certificates only.
func partial(l *x509.RevocationList) bool {
	return slices.ContainsFunc(l.Extensions, func(e pkix.Extension) bool {
		return e.Critical && !e.Id.Equal(oidAuthorityKeyID) && !e.Id.Equal(oidCRLNumber)
	})
}

// speaksFor reports whether the authorities on every path may certify cards of a body: one that names bodies in its
// subject is bound to them, and one that names none is admitted for all.
func (p path) speaksFor(body string) bool {
	for _, chain := range append([][]*x509.Certificate{p.chain}, p.others...) {
		for _, c := range chain[1:] {
			bound, ok := false, false
			for _, name := range c.Subject.Names {
				if text, isText := name.Value.(string); name.Type.Equal(oidOrganisationID) && isText {
					bound = true
					ok = ok || text == bodyPrefix+body
				}
			}
			if bound && !ok {
				return false
			}
		}
	}
	return true
}

// authorityID is the key id under which a verdict names the authority that certified a card: the first 4 bytes of the SHA-256 of
// its SubjectPublicKeyInfo.
func authorityID(c *x509.Certificate) (id keys.KeyID) {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	copy(id[:], sum[:])
	return id
}

// cardAuthFlaw holds a card authentication certificate against its profile: a key that cards may have, a critical extended key usage of
// id-PIV-cardAuth and nothing else, key usage digitalSignature and nothing else, a policy, and no authority of its own.
func cardAuthFlaw(c *x509.Certificate) bool {
	eku := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidExtKeyUsage) })
	return eku < 0 || !c.Extensions[eku].Critical ||
		len(c.ExtKeyUsage) != 0 || len(c.UnknownExtKeyUsage) != 1 || !c.UnknownExtKeyUsage[0].Equal(oidCardAuth) ||
		c.KeyUsage != x509.KeyUsageDigitalSignature || len(c.Policies) == 0 || c.IsCA || !knownKey(c.PublicKey)
}

// parseCardCertificate reads the certificate of a card. One without a subject has a critical subjectAltName, which
// crypto/x509 does not handle when nothing but a FASC-N is in it; cardNames does.
func parseCardCertificate(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err == nil {
		c.UnhandledCriticalExtensions = slices.DeleteFunc(c.UnhandledCriticalExtensions, oidSubjectAltName.Equal)
	}
	return c, err
}

// knownKey reports whether a card may have a key: P-256, P-384, RSA-2048 or RSA-3072.
func knownKey(key crypto.PublicKey) bool {
	_, err := nfc.AlgorithmOf(key)
	return err == nil
}

// signerFlaw holds the certificate of a content signer against its profile.
func signerFlaw(c *x509.Certificate) bool {
	signs := slices.ContainsFunc(c.UnknownExtKeyUsage, func(o asn1.ObjectIdentifier) bool {
		return o.Equal(oidContentSigning) || o.Equal(oidContentSigningI)
	})
	return !signs || c.KeyUsage&x509.KeyUsageDigitalSignature == 0 || c.IsCA
}

// names are the identifiers of a card in its certificate's subjectAltName.
type names struct {
	fascn []byte // 25 bytes; nil when absent
	uuid  []byte // 16 bytes; nil when absent
}

// cardNames reads otherName pivFASC-N and the URI urn:uuid from subjectAltName, each at most once; other names are left
// out.
//
//	GeneralName ::= CHOICE { otherName [0] { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }, uniformResourceIdentifier [6] IA5String, … }
func cardNames(c *x509.Certificate) (names, error) {
	var n names
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		var list asn1.RawValue
		if err := unmarshal(e.Value, &list, "subjectAltName"); err != nil {
			return names{}, err
		}
		for rest := list.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return names{}, malformed("subjectAltName: not DER")
			}
			if err := n.add(name); err != nil {
				return names{}, err
			}
		}
	}
	return n, nil
}

func (n *names) add(name asn1.RawValue) error {
	if name.Class != asn1.ClassContextSpecific {
		return malformed("subjectAltName: want a tagged name")
	}
	switch name.Tag {
	case 0:
		var id asn1.ObjectIdentifier
		rest, err := asn1.Unmarshal(name.Bytes, &id)
		if err != nil {
			return malformed("otherName: want a type")
		}
		if !id.Equal(oidFASCN) {
			return nil
		}
		var value asn1.RawValue
		if err := unmarshal(rest, &value, "otherName"); err != nil {
			return err
		}
		var octets []byte
		if err := unmarshal(value.Bytes, &octets, "pivFASC-N"); err != nil {
			return err
		}
		if len(octets) != 25 || n.fascn != nil {
			return malformed("pivFASC-N of %d bytes, want 25, once", len(octets))
		}
		n.fascn = octets
	case 6:
		text := string(name.Bytes)
		const scheme = "urn:uuid:"
		if len(text) < len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
			return nil
		}
		id, ok := parseUUID(text[len(scheme):])
		if !ok || n.uuid != nil {
			return malformed("urn:uuid: want one of RFC 9562, once")
		}
		n.uuid = id
	}
	return nil
}

// parseUUID reads the text form of RFC 9562, Section 4.
func parseUUID(s string) ([]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, false
	}
	id, err := hex.DecodeString(s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
	return id, err == nil && len(id) == 16
}

// formatUUID writes 16 bytes in the text form of RFC 9562, Section 4.
func formatUUID(id []byte) string {
	s := hex.EncodeToString(id)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

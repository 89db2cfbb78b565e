package card

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/nfc"
)

// ErrSwapped: what was read is of two cards. Nothing of it is kept.
var ErrSwapped = errors.New("verifier/card: another card was laid on the reader while it was read")

// Options say what to read beyond what a verdict needs. The zero value reads that and no more.
type Options struct {
	// Progress is called before each object is read. Nil is told nothing.
	Progress func(Step)
	// Objects are read too, after the key has signed, and with them the security object that lists their hashes.
	Objects []nfc.Object
}

// Step is one object that is being read.
type Step struct {
	Profile Profile
	Object  string // in English, such as "CHUID"; never data of the card
}

// Withheld is an object that the card did not give. Over a contactless reader that is the rule of the standard for most
// objects and no fault of the card; Err says what the card wants first.
type Withheld struct {
	Object string
	Err    error
}

// profile is one way in which a card can answer. Reading asks one after the other; ICAO LDS1 and ISO 18013-5 are further ones.
type profile struct {
	of   Profile
	read func(*reader, context.Context) (answered bool, err error)
	next bool // a later profile may say more about a card that has answered to this one
}

var profiles = [...]profile{
	{ProfilePIV, (*reader).readPIV, true},
	{ProfileRecord, (*reader).readRecord, false},
	{ProfileNumber, (*reader).readNumber, false},
}

// reader is one reading in progress.
type reader struct {
	session *nfc.Session
	options Options
	out     Reading
	piv     *nfc.PIV
	key     *x509.Certificate // of key 9E, which has signed the challenge
}

// Read reads what a verdict needs from one card: from the PIV application its CHUID, its card authentication certificate and the
// signature of a fresh random challenge; then the record of an NDEF file; else the card's number, where the reader is
// contactless. It reads at most 64 KiB an object, and not longer than nfc.CommandDeadline for a command and
// nfc.CardDeadline for the card.
//
// What went wrong on the way to the card is in Reading.Err, and is a verdict like any other. The whole conversation must
// be one transaction: that is the reader's business.
func Read(ctx context.Context, card nfc.Card, options Options) Reading {
	bounded := nfc.Bound(card, 0, 0)
	defer bounded.Close()
	r := &reader{session: nfc.NewSession(bounded), options: options}
	for _, p := range profiles {
		answered, err := p.read(r, ctx)
		if err == nil && r.session.Failed() != nil {
			err = r.session.Failed()
		}
		if errors.Is(err, ErrSwapped) {
			r.out = Reading{}
		}
		if err != nil {
			r.out.Err = err
			break
		}
		if answered && !p.next || r.out.Profile() == ProfilePIV && p.of == ProfileRecord {
			break
		}
	}
	r.out.Counts = r.session.Counts()
	return r.out
}

func (r *reader) step(p Profile, object string) {
	if r.options.Progress != nil {
		r.options.Progress(Step{p, object})
	}
}

// readPIV reads the PIV application. A refusal by the card is no error: what it does not give is withheld.
func (r *reader) readPIV(ctx context.Context) (bool, error) {
	r.step(ProfilePIV, "PIV application")
	var err error
	if r.piv, err = nfc.SelectPIV(ctx, r.session); err != nil {
		return false, r.refusal("PIV application", err)
	}
	if r.out.CHUID, err = r.object(ctx, nfc.ObjectCHUID); err != nil {
		return true, err
	}
	if r.out.Certificate, err = r.object(ctx, nfc.ObjectCardAuth); err != nil {
		return true, err
	}
	if r.out.Certificate != nil {
		r.key = certificateOf(r.out.Certificate)
	}
	if r.key != nil {
		if err := r.challenge(ctx); err != nil {
			return true, err
		}
	}
	if err := r.confirmPIV(ctx); err != nil {
		return true, err
	}
	if len(r.options.Objects) > 0 {
		if r.out.Security, err = r.object(ctx, nfc.ObjectSecurity); err != nil {
			return true, err
		}
		r.out.Containers = map[uint16][]byte{}
		for _, o := range r.options.Objects {
			inside, err := r.object(ctx, o)
			if err != nil {
				return true, err
			}
			if inside != nil {
				r.out.Containers[o.Container] = inside
			}
		}
	}
	return r.out.Profile() == ProfilePIV, nil
}

// object reads one object; nil without an error when the card does not give it. One that everybody may read is either not
// there or behind access control; a card that answers anything else, perhaps in the middle of the object, has not given it whole.
func (r *reader) object(ctx context.Context, o nfc.Object) ([]byte, error) {
	r.step(ProfilePIV, o.Name)
	inside, err := r.piv.Read(ctx, o)
	if err == nil {
		return inside, nil
	}
	status, _ := nfc.StatusOf(err)
	if o.Contactless == nfc.AccessAlways && status != nfc.StatusSecurity && !errors.Is(err, nfc.ErrNotFound) {
		return nil, err
	}
	return nil, r.refusal(o.Name, err)
}

// refusal keeps a refusal by the card as an object that is withheld, and passes on every failure of the way to it.
func (r *reader) refusal(object string, err error) error {
	_, refused := nfc.StatusOf(err)
	if !refused && !errors.Is(err, nfc.ErrNotFound) && !errors.Is(err, nfc.ErrAccess) && !errors.Is(err, nfc.ErrNoApplication) {
		return err
	}
	if !errors.Is(err, nfc.ErrNoApplication) {
		r.out.Withheld = append(r.out.Withheld, Withheld{object, err})
	}
	return nil
}

// certificateOf reads the certificate of a container; nil when it cannot be read, which the verdict will say.
func certificateOf(container []byte) *x509.Certificate {
	der, err := nfc.ParseCertificate(container)
	if err != nil {
		return nil
	}
	c, err := parseCardCertificate(der)
	if err != nil {
		return nil
	}
	return c
}

// challenge has the card sign a fresh random challenge with key 9E, by the algorithm of its certificate.
func (r *reader) challenge(ctx context.Context) error {
	c, err := nfc.NewChallenge(r.key.PublicKey)
	if err != nil {
		r.key = nil // a key of another kind: the verdict will say so
		return nil
	}
	r.step(ProfilePIV, "key 9E")
	signature, err := r.piv.Authenticate(ctx, nfc.KeyCardAuth, c.Algorithm, c.Data)
	if err != nil {
		return r.refusal("key 9E", err)
	}
	r.out.Algorithm, r.out.Challenge, r.out.Signature = c.Algorithm, c.Data, signature
	return nil
}

// confirmPIV reads CHUID and certificate again when one of them cannot be read, they do not fit together or the key does not fit the
// certificate: then either the card is no good, which is for the verdict to say, or the reader lost something, or another card lies there now.
func (r *reader) confirmPIV(ctx context.Context) error {
	if r.fits() {
		return nil
	}
	for _, o := range []struct {
		object nfc.Object
		first  []byte
	}{{nfc.ObjectCHUID, r.out.CHUID}, {nfc.ObjectCardAuth, r.out.Certificate}} {
		if o.first == nil {
			continue
		}
		r.step(ProfilePIV, o.object.Name)
		again, err := r.piv.Read(ctx, o.object)
		if err != nil && r.session.Failed() != nil {
			return err
		}
		if !bytes.Equal(again, o.first) {
			return ErrSwapped
		}
	}
	return nil
}

func (r *reader) fits() bool {
	if r.key != nil && r.out.Signature != nil && !signedBy(r.key.PublicKey, r.out.Algorithm, r.out.Challenge, r.out.Signature) {
		return false
	}
	if r.out.Certificate != nil && r.key == nil {
		return false // it may have been changed on the way
	}
	if r.out.CHUID == nil {
		return true
	}
	chuid, err := nfc.ParseCHUID(r.out.CHUID)
	if err != nil {
		return false
	}
	if r.key == nil {
		return true
	}
	n, err := cardNames(r.key)
	return err == nil && bound(n, chuid)
}

// readRecord reads the token of an NDEF file. A card that has answered as PIV has to show afterwards that it is still there; of a plain tag
// the number, or the record itself, is read twice.
func (r *reader) readRecord(ctx context.Context) (bool, error) {
	uid := r.uid(ctx)
	r.step(ProfileRecord, "NDEF file")
	tag, token, err := r.token(ctx)
	switch {
	case errors.Is(err, nfc.ErrNoApplication):
		r.out.UID = uid // not asked for again
		return false, r.refusal("NDEF file", err)
	case r.session.Failed() != nil:
		return false, r.session.Failed()
	case r.out.Profile() == ProfilePIV:
		if swapped := r.confirmCard(ctx); swapped != nil {
			return false, swapped
		}
		if err != nil { // whatever else lies on the card is no record of ours
			r.out.Withheld = append(r.out.Withheld, Withheld{"record", err})
			return false, nil
		}
	case err != nil:
		return false, r.refusal("record", err)
	case uid != nil:
		if again := r.uid(ctx); !bytes.Equal(again, uid) {
			return false, ErrSwapped
		}
	default:
		again, err := tag.ReadToken(ctx)
		if err != nil && r.session.Failed() != nil {
			return false, err
		}
		if !bytes.Equal(again, token) {
			return false, ErrSwapped
		}
	}
	if len(token) > credential.MaxToken {
		token = token[:credential.MaxToken+1] // too large for a token, and known to be
	}
	r.out.Record = token
	return true, nil
}

// token selects the NDEF file and reads its one token.
func (r *reader) token(ctx context.Context) (*nfc.Tag4, []byte, error) {
	tag, err := nfc.SelectTag(ctx, r.session)
	if err != nil {
		return nil, nil, err
	}
	token, err := tag.ReadToken(ctx)
	return tag, token, err
}

// confirmCard selects the PIV application again and has its key sign once more, so that what was read before and in
// between is of one card; a card whose key did not sign has to give the same object again.
func (r *reader) confirmCard(ctx context.Context) error {
	swapped := func() error {
		if failed := r.session.Failed(); failed != nil {
			return failed
		}
		return ErrSwapped
	}
	var err error
	if r.piv, err = nfc.SelectPIV(ctx, r.session); err != nil {
		return swapped()
	}
	if r.out.Signature != nil {
		signed := r.fits()
		r.out.Signature = nil
		if err := r.challenge(ctx); err != nil || r.out.Signature == nil || r.fits() != signed {
			return swapped()
		}
		return nil
	}
	object, first := nfc.ObjectCardAuth, r.out.Certificate
	if first == nil {
		object, first = nfc.ObjectCHUID, r.out.CHUID
	}
	if again, err := r.piv.Read(ctx, object); err != nil || !bytes.Equal(again, first) {
		return swapped()
	}
	return nil
}

// readNumber reads the number of a card that has nothing better to show.
func (r *reader) readNumber(ctx context.Context) (bool, error) {
	if r.out.UID == nil {
		r.step(ProfileNumber, "carrier number")
		r.out.UID = r.uid(ctx)
	}
	return r.out.UID != nil, nil
}

// uid asks a contactless reader for the card's number; nil where there is none.
func (r *reader) uid(ctx context.Context) []byte {
	if r.out.Profile() == ProfilePIV {
		return nil
	}
	number, err := r.session.UID(ctx)
	if err != nil {
		return nil
	}
	return number
}

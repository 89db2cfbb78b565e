package office

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"sync"
	"time"

	"github.com/cloudflare/circl/blindsign/blindrsa"
)

// Sizes of what makes an anonymous ballot, in bytes (docs/spec/office-surveys.md, Section 4).
const (
	surveyKeyBits = 2048
	BlindedSize   = surveyKeyBits / 8 // blinded message, blind signature, signature
	PrefixSize    = 32                // of RFC 9474, Section 4.1 (Prepare)
	SecretSize    = 32                // what the holder keeps
	NonceSize     = 32
	EntrySize     = 16
)

// BallotVariant is the variant of RFC 9474 that tokens are of.
const BallotVariant = "RSABSSA-SHA384-PSS-Randomized"

// Names that keep one use of a hash or a signature from another.
const (
	domainBallot = "posvid.ballot/1"
	domainNonce  = "posvid.nonce/1"
	domainEntry  = "posvid.entry/1"
)

// BallotNonce is what a token is signed over in place of the secret: whoever knows the nonce cannot find the answers.
func BallotNonce(secret []byte) [NonceSize]byte {
	return sha256.Sum256(append([]byte(domainNonce+"\x00"), secret...))
}

// BallotMessage is the message of a token (msg of RFC 9474); the prefix of Prepare comes before it.
func BallotMessage(survey string, nonce [NonceSize]byte) []byte {
	return append([]byte(domainBallot+"\x00"+survey+"\x00"), nonce[:]...)
}

// BallotEntry names one answered part of a ballot. Only who has the secret can tell that two entries are of one ballot.
func BallotEntry(secret []byte, question, part string) [EntrySize]byte {
	h := sha256.New()
	h.Write([]byte(domainEntry + "\x00"))
	h.Write(secret)
	h.Write([]byte(question + "\x00" + part))
	return [EntrySize]byte(h.Sum(nil))
}

// Ballot is one anonymous answer with its token.
type Ballot struct {
	Secret    []byte // SecretSize; never stored
	Prefix    []byte // PrefixSize
	Signature []byte // BlindedSize
	Answer    Answer
}

// Errors of anonymous surveys.
var (
	ErrBlinded       = errors.New("office: blinded message: want a number below the modulus, as long as it")
	ErrForged        = errors.New("office: ballot: signature is not of this survey's key")
	ErrBallotCounted = errors.New("office: ballot: token was used for another answer")
	ErrSurveyClosed  = errors.New("office: survey is not open")
)

// AnswerError is an answer that Definition.Check refuses.
type AnswerError struct{ Faults []AnswerFault }

// Error names the first fault, never the answer.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("office: answer: %d faults, first: %s %s", len(e.Faults), e.Faults[0].Question, e.Faults[0].Code)
}

// newSurveyKey makes the key of one survey: its private part as PKCS #8, its public part as SubjectPublicKeyInfo.
func newSurveyKey() (private, public []byte, err error) {
	key, err := rsa.GenerateKey(rand.Reader, surveyKeyBits)
	if err != nil {
		return nil, nil, fmt.Errorf("office: survey key: %w", err)
	}
	if private, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, nil, fmt.Errorf("office: survey key: %w", err)
	}
	if public, err = x509.MarshalPKIXPublicKey(&key.PublicKey); err != nil {
		return nil, nil, fmt.Errorf("office: survey key: %w", err)
	}
	return private, public, nil
}

// parseSurveyKey reads the public key of a survey and nothing else: RSA of surveyKeyBits with the exponent 65537.
func parseSurveyKey(spki []byte) (*rsa.PublicKey, error) {
	any, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("office: survey key: %w", err)
	}
	key, ok := any.(*rsa.PublicKey)
	if !ok || key.N.BitLen() != surveyKeyBits || key.E != 65537 || key.N.Bit(0) == 0 {
		return nil, fmt.Errorf("office: survey key: want RSA of %d bits with exponent 65537", surveyKeyBits)
	}
	return key, nil
}

// checkBlinded refuses what no honest browser sends: numbers of another length or not below the modulus, and 0, 1 and n-1, which
// sign themselves.
func checkBlinded(blinded []byte, n *big.Int) error {
	if len(blinded) != BlindedSize {
		return fmt.Errorf("%w: %d bytes", ErrBlinded, len(blinded))
	}
	m, one := new(big.Int).SetBytes(blinded), big.NewInt(1)
	if m.Cmp(one) <= 0 || m.Cmp(new(big.Int).Sub(n, one)) >= 0 {
		return ErrBlinded
	}
	return nil
}

// blindSign signs a blinded message (RFC 9474, Section 4.3).
func blindSign(private, blinded []byte) ([]byte, error) {
	any, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("office: survey key: %w", err)
	}
	key, ok := any.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("office: survey key: want RSA")
	}
	if err := checkBlinded(blinded, key.N); err != nil {
		return nil, err
	}
	signature, err := blindrsa.NewSigner(key).BlindSign(blinded)
	if err != nil {
		return nil, fmt.Errorf("office: blind signature: %w", err)
	}
	return signature, nil
}

// verifyToken checks a token with the standard library alone: RSASSA-PSS, SHA-384, salt of 48 bytes.
func verifyToken(key *rsa.PublicKey, survey string, nonce [NonceSize]byte, prefix, signature []byte) error {
	if len(prefix) != PrefixSize || len(signature) != BlindedSize {
		return fmt.Errorf("%w: want %d and %d bytes", ErrForged, PrefixSize, BlindedSize)
	}
	h := crypto.SHA384.New()
	h.Write(prefix)
	h.Write(BallotMessage(survey, nonce))
	if err := rsa.VerifyPSS(key, crypto.SHA384, h.Sum(nil), signature, &rsa.PSSOptions{SaltLength: crypto.SHA384.Size(), Hash: crypto.SHA384}); err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	return nil
}

// parts are the pieces that the answer to a question is stored in, each by itself: one of its own for every option of a choice of
// several and of a ranking, so that a rare combination is not found again.
func (q *Question) parts() []string {
	if q.Kind != KindMany && q.Kind != KindRanking {
		return []string{""}
	}
	out := make([]string, len(q.Options))
	for i, o := range q.Options {
		out[i] = o.ID
	}
	return out
}

// partValue is what one part of a question holds; "" for no answer.
func (q *Question) partValue(a Answer, part string) string {
	switch v := a[q.ID].(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case []string:
		for i, id := range v {
			if id == part {
				if q.Kind == KindRanking {
					return strconv.Itoa(i + 1)
				}
				return "1"
			}
		}
		return "0"
	}
	return ""
}

// Box is the ballot half of anonymous surveys: it knows tokens and answers, and nobody. It is safe for use by many goroutines.
type Box struct {
	store Store
	file  interface{ Rewrite(context.Context) error }

	mu    sync.Mutex
	dirty bool // the file may tell in which order its rows came
}

// OpenBox is the ballot box in a database of its own. The store has to be one that can rewrite its file.
func OpenBox(store Store) (*Box, error) {
	file, ok := store.(interface{ Rewrite(context.Context) error })
	if !ok {
		return nil, errors.New("office: ballot box: want a store that rewrites its file")
	}
	return &Box{store: store, file: file, dirty: true}, nil
}

// BoxSurvey is what the ballot half has to know of a survey.
type BoxSurvey struct {
	ID         string
	Definition []byte // canonical
	PublicKey  []byte // SubjectPublicKeyInfo
	Closes     time.Time
}

// Add makes the box of a survey. Adding the same again changes nothing. Error: ErrConflict for another one under the same id.
func (b *Box) Add(ctx context.Context, s BoxSurvey) error {
	if _, err := parseSurveyKey(s.PublicKey); err != nil {
		return err
	}
	return b.store.Update(ctx, func(tx Tx) error {
		var definition, public []byte
		err := tx.Row("SELECT definition, public_key FROM office_boxes WHERE survey = $1", []any{s.ID}, &definition, &public)
		if err == nil {
			if !bytes.Equal(definition, s.Definition) || !bytes.Equal(public, s.PublicKey) {
				return fmt.Errorf("%w: another survey in the box", ErrConflict)
			}
			return nil
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		received, err := sealCount(tx, "office_boxes.received", s.ID, 0)
		if err != nil {
			return err
		}
		_, err = tx.Exec("INSERT INTO office_boxes (survey, definition, public_key, closes, received) VALUES ($1, $2, $3, $4, $5)",
			s.ID, s.Definition, s.PublicKey, s.Closes.Unix(), received)
		return err
	})
}

// sealCount seals a number of rows: who changes rows in the file without the data key does not change it with them.
func sealCount(tx Tx, column, place string, n int) ([]byte, error) {
	return tx.Seal(column, place, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func openCount(tx Tx, column, place string, sealed []byte) (int, error) {
	plain, err := tx.Open(column, place, sealed)
	if err != nil {
		return 0, err
	}
	if len(plain) != 8 {
		return 0, errors.New("office: sealed count: want 8 bytes")
	}
	return int(binary.BigEndian.Uint64(plain)), nil
}

// Put counts a ballot. The same ballot again is no error: an answer of the service may have been lost. When Put returns nil the
// ballot is durable. Errors: ErrNotFound, ErrSurveyClosed, ErrForged, ErrBallotCounted, *AnswerError.
func (b *Box) Put(ctx context.Context, survey string, v Ballot, at time.Time) error {
	var s BoxSurvey
	if err := b.store.View(ctx, func(tx Tx) error { return openBox(tx, survey, at, &s) }); err != nil {
		return err
	}
	key, err := parseSurveyKey(s.PublicKey)
	if err != nil {
		return err
	}
	if len(v.Secret) != SecretSize {
		return fmt.Errorf("%w: secret of %d bytes, want %d", ErrForged, len(v.Secret), SecretSize)
	}
	nonce := BallotNonce(v.Secret)
	if err := verifyToken(key, survey, nonce, v.Prefix, v.Signature); err != nil {
		return err
	}
	var d Definition
	if err := json.Unmarshal(s.Definition, &d); err != nil {
		return fmt.Errorf("office: ballot box: definition: %w", err)
	}
	if faults := d.Check(v.Answer); len(faults) > 0 {
		return &AnswerError{faults}
	}
	wrote := false
	defer func() {
		if wrote { // after the write: a rewriting that ran meanwhile may have missed it
			b.mark()
		}
	}()
	return b.store.Update(ctx, func(tx Tx) error {
		if err := openBox(tx, survey, at, &s); err != nil { // it may have closed meanwhile
			return err
		}
		var one int
		err := tx.Row("SELECT 1 FROM office_box_tokens WHERE survey = $1 AND nonce = $2", []any{survey, nonce[:]}, &one)
		if err == nil {
			return sameBallot(tx, survey, &d, &v)
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		wrote = true
		if _, err := tx.Exec("INSERT INTO office_box_tokens (survey, nonce, prefix, signature) VALUES ($1, $2, $3, $4)", survey, nonce[:], v.Prefix, v.Signature); err != nil {
			return err
		}
		for _, q := range d.Questions() {
			for _, part := range q.parts() {
				entry := BallotEntry(v.Secret, q.ID, part)
				value, err := tx.Seal("office_box_entries.value", entryPlace(survey, q.ID, part, entry[:]), padValue(q, q.partValue(v.Answer, part)))
				if err != nil {
					return err
				}
				if _, err := tx.Exec("INSERT INTO office_box_entries (survey, question, part, entry, value) VALUES ($1, $2, $3, $4, $5)",
					survey, q.ID, part, entry[:], value); err != nil {
					return err
				}
			}
		}
		n, err := boxCount(tx, survey)
		if err != nil {
			return err
		}
		sealed, err := sealCount(tx, "office_boxes.received", survey, n+1)
		if err != nil {
			return err
		}
		return tx.Exec1("UPDATE office_boxes SET received = $2 WHERE survey = $1", survey, sealed)
	})
}

// openBox reads the box of a survey that takes ballots at this time.
func openBox(tx Tx, survey string, at time.Time, s *BoxSurvey) error {
	var closes, closed int64
	if err := tx.Row("SELECT definition, public_key, closes, closed FROM office_boxes WHERE survey = $1", []any{survey}, &s.Definition, &s.PublicKey, &closes, &closed); err != nil {
		return err
	}
	if closed != 0 || at.Unix() >= closes {
		return ErrSurveyClosed
	}
	return nil
}

func boxCount(tx Tx, survey string) (int, error) {
	var sealed []byte
	if err := tx.Row("SELECT received FROM office_boxes WHERE survey = $1", []any{survey}, &sealed); err != nil {
		return 0, err
	}
	return openCount(tx, "office_boxes.received", survey, sealed)
}

// sameBallot tells whether the ballot that lies under a token is this one.
func sameBallot(tx Tx, survey string, d *Definition, v *Ballot) error {
	for _, q := range d.Questions() {
		for _, part := range q.parts() {
			entry := BallotEntry(v.Secret, q.ID, part)
			var sealed []byte
			if err := tx.Row("SELECT value FROM office_box_entries WHERE survey = $1 AND question = $2 AND part = $3 AND entry = $4",
				[]any{survey, q.ID, part, entry[:]}, &sealed); err != nil {
				return err
			}
			value, err := tx.Open("office_box_entries.value", entryPlace(survey, q.ID, part, entry[:]), sealed)
			if err != nil {
				return err
			}
			if unpadValue(value) != q.partValue(v.Answer, part) {
				return ErrBallotCounted
			}
		}
	}
	return nil
}

func entryPlace(survey, question, part string, entry []byte) string {
	return fmt.Sprintf("%s/%s/%s/%x", survey, question, part, entry)
}

// padValue makes sealed values of one question equally long, so that the file does not show by their size who chose what. A text
// is padded to steps of 256 bytes.
func padValue(q *Question, value string) []byte {
	size := 48
	if q.Kind == KindText {
		size = 256 * (len(value)/256 + 1)
	}
	return append(append(make([]byte, 0, size), value...), make([]byte, size-len(value))...)
}

func unpadValue(padded []byte) string { return string(bytes.TrimRight(padded, "\x00")) }

// Received is how many ballots lie in a box. Error: ErrNotFound.
func (b *Box) Received(ctx context.Context, survey string) (n int, err error) {
	err = b.store.View(ctx, func(tx Tx) error {
		n, err = boxCount(tx, survey)
		return err
	})
	return n, err
}

// Close lets no more ballots in. Closing again changes nothing. Error: ErrNotFound.
func (b *Box) Close(ctx context.Context, survey string) error {
	return b.store.Update(ctx, func(tx Tx) error {
		return tx.Exec1("UPDATE office_boxes SET closed = 1 WHERE survey = $1", survey)
	})
}

func (b *Box) mark() {
	b.mu.Lock()
	b.dirty = true
	b.mu.Unlock()
}

// Forget rewrites the file of the box when something was written since the last time, so that neither the file nor its log tells in
// which order the ballots came. It is to run every minute, and once at the start: the program may have ended before it could.
func (b *Box) Forget(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		return nil
	}
	b.dirty = false
	if err := b.file.Rewrite(ctx); err != nil {
		b.dirty = true
		return err
	}
	return nil
}

package issuer

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// work is one intent on its way through a group.
type work struct {
	it      *item
	intent  Intent
	id      ID
	old     ID // live ID that this one replaces; State is 0 when there is none
	tokens  []TokenRow
	claims  []credential.Claims // of a fresh intent, beside tokens
	expires time.Time           // exp of the tokens
	err     error
}

// refusal is an error that belongs to one entitlement and leaves the rest of its group alone.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }

func refuse(kind error, format string, args ...any) error {
	return &refusal{fmt.Errorf("%w: "+format, append([]any{kind}, args...)...)}
}

// maxPreparedAge is how long a prepared intent may wait for its signature before it is prepared anew.
const maxPreparedAge = 24 * time.Hour

// prepare is the first durable half of a group: decisions, serials, indices and payloads, and the audit's
// "will sign". Items that need no signature get their result at once. The error is for the whole group.
func (b *Body) prepare(items []*item) ([]*work, error) {
	if b.cfg.Signer == nil || b.cfg.Grant == nil || b.cfg.Checker == nil {
		return nil, ErrNoSigner
	}
	// Decisions are made at each item's own time; the grant is asked for the earliest and the latest.
	lo, hi := items[0].at, items[0].at
	for _, it := range items {
		if it.at.Before(lo) {
			lo = it.at
		}
		if it.at.After(hi) {
			hi = it.at
		}
	}
	for _, at := range []time.Time{lo, hi} {
		if err := b.cfg.Grant.CheckGrant(b.cfg.Signer.IssuerPublic(), b.cfg.EDRPOU, credential.KindPhone, b.cfg.Profile.Life, at); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotGranted, err)
		}
	}
	var works []*work
	var err error
	for try := 0; ; try++ {
		works = works[:0]
		err = b.store.Update(bg, func(tx Tx) error {
			var err error
			works, err = b.prepareTx(tx, items, hi, works)
			if err == nil {
				crashPoint("prepare-uncommitted")
			}
			return err
		})
		if err == nil {
			crashPoint("prepare-committed")
			return works, nil
		}
		// Another process may have taken an index or a code number since ours were read: read them again.
		if !errors.Is(err, ErrConflict) || try == 3 {
			return nil, err
		}
	}
}

func (b *Body) prepareTx(tx Tx, items []*item, hi time.Time, works []*work) (_ []*work, err error) {
	defer func() {
		if err != nil {
			b.indices, b.codes = allocator{}, codeCache{}
		}
	}()
	if err := signingStopped(tx); err != nil {
		return nil, err
	}
	ids := make([]int64, len(items))
	for i, it := range items {
		ids[i] = it.entitlement
	}
	sits, err := tx.Situations(ids)
	if err != nil {
		return nil, err
	}
	body, err := tx.Body()
	if err != nil {
		return nil, err
	}
	nextID, err := tx.NextIDRow()
	if err != nil {
		return nil, err
	}
	nextToken, err := tx.NextTokenRow()
	if err != nil {
		return nil, err
	}
	var newIDs []ID
	var newIntents []Intent
	var newTokens []TokenRow
	var entries []AuditEntry
	lists := map[uint16]time.Time{}
	number := body.NextNumber
	for i, it := range items {
		*it.res = Result{Entitlement: it.entitlement}
		w, err := b.decide(tx, it, &sits[i])
		if err == nil && w != nil && w.claims != nil {
			err = b.build(tx, w, number)
		}
		var refused *refusal
		if errors.As(err, &refused) {
			it.res.Err = refused.err
			continue
		}
		if err != nil {
			return nil, err
		}
		if w == nil {
			continue // nothing to sign
		}
		works = append(works, w)
		if w.claims == nil {
			continue // goes on with a stored intent
		}
		if w.intent.Fresh {
			if w.id.Number == "" { // no plastic record: build took the body's next number
				w.id.Number = w.claims[0].Number
				number++
			}
			w.id.ID = nextID
			nextID++
			rand.Read(w.id.Serial[:])
			newIDs = append(newIDs, w.id)
		}
		w.intent.ID = w.id.ID
		newIntents = append(newIntents, w.intent)
		detail := make([]any, 0, 3+2*len(w.tokens))
		detail = append(detail, w.id.ID, w.id.Serial[:], uint64(w.intent.Renewal))
		for f := range w.tokens {
			t := &w.tokens[f]
			t.ID, t.IDRow = nextToken, w.id.ID
			nextToken++
			sum := sha256.Sum256(t.Payload)
			detail = append(detail, uint64(t.Status), sum[:])
			if l := uint16(t.Status >> 20); t.ExpiresAt.After(lists[l]) {
				lists[l] = t.ExpiresAt
			}
		}
		newTokens = append(newTokens, w.tokens...)
		entries = append(entries, AuditEntry{Event: EventWillSign, Detail: detail})
	}
	if len(newIntents) == 0 {
		return works, nil
	}
	for l, exp := range lists {
		if err := tx.PutStatusList(StatusList{List: l, Capacity: b.cfg.Profile.ListSize, LastExp: exp}); err != nil {
			return nil, err
		}
	}
	if number != body.NextNumber {
		if err := tx.SetNextNumber(number); err != nil {
			return nil, err
		}
	}
	if err := tx.InsertIDs(newIDs); err != nil {
		return nil, err
	}
	if err := tx.InsertIntents(newIntents); err != nil {
		return nil, err
	}
	if err := tx.InsertTokens(newTokens); err != nil {
		return nil, err
	}
	return works, audit(tx, hi, entries...)
}

// decide says what to do for one entitlement: nothing (nil, the result is filled in), go on with a stored
// intent (no claims), or make a new one.
func (b *Body) decide(tx Tx, it *item, sit *Situation) (*work, error) {
	e, err := tx.Entitlement(it.entitlement, it.at)
	if errors.Is(err, ErrNotFound) {
		return nil, refuse(ErrNotEntitled, "entitlement %d is unknown", it.entitlement)
	}
	if err != nil {
		return nil, err
	}
	w, err := b.decideFor(tx, it, sit, &e)
	var refused *refusal
	if sit.Pending.Stage != 0 && (errors.As(err, &refused) || err == nil && (w == nil || w.claims != nil)) {
		// The stored intent is not what is wanted any more; nothing of it was handed out.
		if aerr := abandon(tx, sit.Pending, it.at); aerr != nil {
			return nil, aerr
		}
	}
	return w, err
}

func (b *Body) decideFor(tx Tx, it *item, sit *Situation, e *Entitlement) (*work, error) {
	p := &b.cfg.Profile
	switch {
	case !e.Live:
		return nil, refuse(ErrNotEntitled, "entitlement %d is ended or blocked", e.ID)
	case !e.Wish:
		return nil, refuse(ErrNoWish, "entitlement %d", e.ID)
	case len(e.HolderKey) == 0:
		return nil, refuse(ErrNoHolder, "entitlement %d", e.ID)
	case sit.Live.State == StateSuspended:
		return nil, refuse(ErrSuspended, "ID %s of entitlement %d", sit.Live.Number, e.ID)
	}
	holder, err := keys.ParseHolderPublicKey(e.HolderKey)
	if err != nil {
		return nil, refuse(ErrNoHolder, "entitlement %d: %w", e.ID, err)
	}
	expires := it.at.Add(p.Life)
	if !e.NotAfter.IsZero() && e.NotAfter.Before(expires) {
		expires = e.NotAfter.Truncate(time.Second)
	}
	if !expires.After(it.at) {
		return nil, refuse(ErrNotEntitled, "the term of entitlement %d ended at %s", e.ID, e.NotAfter.UTC().Format(time.RFC3339))
	}
	thumb, profile := holder.Thumbprint(), p.hash(e)
	live := &sit.Live
	same := live.State == StateIssued && live.Holder == thumb && live.Profile == profile &&
		(e.NotAfter.IsZero() || !e.NotAfter.Before(live.ExpiresAt)) && live.ExpiresAt.After(it.at)
	if same && (it.at.Before(live.ExpiresAt.Add(p.RenewAfter-p.Life)) || !expires.After(live.ExpiresAt)) {
		it.res.ID, it.res.Renewal, it.res.Existing = *live, live.Renewal, true
		return nil, nil
	}
	if pend := &sit.Pending; pend.Stage != 0 && pend.Holder == thumb && pend.Profile == profile && pend.Fresh == !same {
		w, err := b.resume(tx, it, sit, e, holder)
		if err != nil || w != nil {
			return w, err
		}
	}
	renewal := uint32(0)
	if sit.Used {
		if sit.LastRenewal == 1<<32-1 {
			return nil, refuse(ErrNumbers, "entitlement %d has used every renewal number", e.ID)
		}
		renewal = sit.LastRenewal + 1
		revoked, err := tx.HolderRevoked(e.ID, thumb)
		if err != nil {
			return nil, err
		}
		if revoked {
			return nil, refuse(ErrHolderRevoked, "entitlement %d", e.ID)
		}
	}
	w := &work{
		it: it, expires: expires,
		intent: Intent{Entitlement: e.ID, Renewal: renewal, Holder: thumb, Profile: profile, Fresh: !same, Stage: StagePrepared, At: it.at},
	}
	if same {
		w.id = *live
	} else {
		w.old = *live
		w.id = ID{Entitlement: e.ID, Number: e.Number, Holder: thumb, Profile: profile, State: StatePending, Renewal: renewal, ChangedAt: it.at}
	}
	kid := b.kid()
	for _, face := range p.Faces {
		c, err := b.claims(tx, e, holder, w.id.Number, face, it.at, expires)
		if err != nil {
			return nil, err
		}
		w.claims = append(w.claims, c)
		w.tokens = append(w.tokens, TokenRow{Renewal: renewal, Face: uint8(face), KeyID: kid, IssuedAt: it.at, ExpiresAt: expires})
	}
	return w, nil
}

// claims is what a token of an entitlement says, but for its status: the same for the same times, however often it is asked.
func (b *Body) claims(tx Tx, e *Entitlement, holder keys.HolderPublicKey, number string, face credential.Face, iat, exp time.Time) (c credential.Claims, err error) {
	c = credential.Claims{
		Issuer: b.cfg.EDRPOU, Number: number, IssuedAt: iat, ExpiresAt: exp, Holder: holder,
		Kind: credential.KindPhone, Face: face, PhotoHash: e.PhotoHash, HasPhoto: e.HasPhoto,
	}
	if face == credential.FaceCheck {
		c.Name = credential.ShortName(e.Surname, e.Given, e.Patronymic)
		return c, nil
	}
	c.Name = fullName(e.Surname, e.Given, e.Patronymic)
	c.Category, c.Rank = e.Category, e.Rank
	if c.Position, err = b.codes.coded(tx, codes.Position, e.Position, e.PositionEN, iat, b.cfg.Profile.CodeDelay); err != nil {
		return c, err
	}
	c.Unit, err = b.codes.coded(tx, codes.Unit, e.Unit, e.UnitEN, iat, b.cfg.Profile.CodeDelay)
	return c, err
}

// resume takes up a stored intent where a crash or a refused check left it; nil when its bytes are not to
// be signed any more: too old, made for another key, longer than the term, or not what the register says of the holder (who
// writes to the file must not choose what is signed).
func (b *Body) resume(tx Tx, it *item, sit *Situation, e *Entitlement, holder keys.HolderPublicKey) (*work, error) {
	pend := sit.Pending
	tokens, err := tx.TokensOf(pend.ID, pend.Renewal)
	if err != nil {
		return nil, err
	}
	if len(tokens) != len(b.cfg.Profile.Faces) {
		return nil, nil
	}
	for i := range tokens {
		t := &tokens[i]
		if t.KeyID != b.kid() || t.Face != uint8(b.cfg.Profile.Faces[i]) || len(t.Payload) == 0 ||
			it.at.Before(t.IssuedAt) || it.at.Sub(t.IssuedAt) > maxPreparedAge || !t.ExpiresAt.After(it.at) ||
			(!e.NotAfter.IsZero() && e.NotAfter.Before(t.ExpiresAt)) {
			return nil, nil
		}
	}
	id, err := tx.IDByRow(pend.ID)
	if err != nil {
		return nil, err
	}
	for i := range tokens {
		t := &tokens[i]
		c, err := b.claims(tx, e, holder, id.Number, b.cfg.Profile.Faces[i], t.IssuedAt, t.ExpiresAt)
		if err != nil {
			return nil, err
		}
		c.Status = credential.StatusRef(t.Status)
		if payload, err := credential.EncodePayload(&c); err != nil || !bytes.Equal(payload, t.Payload) {
			return nil, nil
		}
	}
	w := &work{it: it, intent: pend, id: id, tokens: tokens, expires: tokens[0].ExpiresAt}
	if pend.Fresh {
		w.old = sit.Live
	}
	return w, nil
}

// build gives every token of a new intent its index and its exact bytes.
func (b *Body) build(tx Tx, w *work, number uint64) error {
	for f := range w.claims {
		c, t := &w.claims[f], &w.tokens[f]
		if c.Number == "" {
			c.Number = fmt.Sprintf("%09d", number)
		}
		if err := c.Lint(); err != nil { // before an index is spent
			return &refusal{fmt.Errorf("issuer: entitlement %d: refusing to sign: %w", w.intent.Entitlement, err)}
		}
		ref, err := b.indices.next(tx, b.cfg.Profile.ListSize)
		if err != nil {
			return err
		}
		c.Status, t.Status = ref, uint32(ref)
		if t.Payload, err = credential.EncodePayload(c); err != nil {
			return &refusal{fmt.Errorf("issuer: entitlement %d: refusing to sign: %w", w.intent.Entitlement, err)}
		}
	}
	return nil
}

func (b *Body) kid() uint32 {
	id := b.cfg.Signer.IssuerPublic().KeyID()
	return binary.BigEndian.Uint32(id[:])
}

func fullName(parts ...string) string {
	var s strings.Builder
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			if s.Len() > 0 {
				s.WriteByte(' ')
			}
			s.WriteString(p)
		}
	}
	return s.String()
}

// hash is what makes two intents say the same: the profile and everything the tokens show, but not their
// times, indices and code numbers.
//
//	[name, life, [* face], surname, given, patronymic, position, position-en, unit, unit-en, category, rank, photo / null, number]
func (p *Profile) hash(e *Entitlement) [32]byte {
	b := make([]byte, 0, 512)
	b = cose.AppendArray(b, 14)
	b = cose.AppendText(b, p.Name)
	b = cose.AppendUint(b, uint64(p.Life/time.Second))
	b = cose.AppendArray(b, len(p.Faces))
	for _, f := range p.Faces {
		b = cose.AppendUint(b, uint64(f))
	}
	for _, s := range [...]string{e.Surname, e.Given, e.Patronymic, e.Position, e.PositionEN, e.Unit, e.UnitEN, e.Category} {
		b = cose.AppendText(b, s)
	}
	b = cose.AppendUint(b, uint64(e.Rank))
	if e.HasPhoto {
		b = cose.AppendBytes(b, e.PhotoHash[:])
	} else {
		b = cose.AppendNull(b)
	}
	b = cose.AppendText(b, e.Number)
	return sha256.Sum256(b)
}

// allocator hands out random, never used indices of the body's newest list. Its memory is only a
// shortcut: the store's uniqueness rule has the last word.
type allocator struct {
	ready bool
	list  uint16
	size  uint32
	n     uint32   // indices in use
	used  []uint64 // one bit an index
	rnd   []byte   // unread random bytes
}

func (a *allocator) load(tx Tx, size uint32) error {
	lists, err := tx.StatusLists()
	if err != nil {
		return err
	}
	if len(lists) == 0 {
		a.start(0, size)
		return nil
	}
	last := lists[len(lists)-1]
	if last.Capacity != size { // the profile asks for another size from now on
		return a.open(last.List, size)
	}
	used, err := tx.UsedIndices(last.List)
	if err != nil {
		return err
	}
	a.start(last.List, size)
	for _, i := range used {
		a.used[i/64] |= 1 << (i % 64)
	}
	a.n = uint32(len(used))
	return nil
}

func (a *allocator) start(list uint16, size uint32) {
	*a = allocator{ready: true, list: list, size: size, used: make([]uint64, (size+63)/64), rnd: a.rnd}
}

func (a *allocator) open(after uint16, size uint32) error {
	if after >= credential.MaxStatusList {
		return fmt.Errorf("%w: status list %d is the last one", ErrNumbers, after)
	}
	a.start(after+1, size)
	return nil
}

func (a *allocator) next(tx Tx, size uint32) (credential.StatusRef, error) {
	if !a.ready {
		if err := a.load(tx, size); err != nil {
			return 0, err
		}
	}
	if uint64(a.n)*100 >= uint64(a.size)*listFill {
		if err := a.open(a.list, size); err != nil {
			return 0, err
		}
	}
	for {
		if len(a.rnd) < 4 {
			a.rnd = make([]byte, 1024)
			rand.Read(a.rnd)
		}
		i := binary.LittleEndian.Uint32(a.rnd) & (a.size - 1) // size is a power of two: every index is equally likely
		a.rnd = a.rnd[4:]
		if bit := uint64(1) << (i % 64); a.used[i/64]&bit == 0 {
			a.used[i/64] |= bit
			a.n++
			return credential.NewStatusRef(a.list, i)
		}
	}
}

// codeCache keeps what is known of the code table; entries never change but for their publication.
type codeCache struct {
	rows map[codeKey]CodeRow
}

type codeKey struct {
	kind   codes.Kind
	uk, en string
}

// coded is a position or unit as a token carries it: the code number once its publication is older than
// delay, the text until then. A text that has no number yet gets one.
func (c *codeCache) coded(tx Tx, kind codes.Kind, uk, en string, at time.Time, delay time.Duration) (credential.CodedText, error) {
	if uk == "" {
		return credential.CodedText{}, nil
	}
	if len(uk) > codes.MaxText || len(en) > codes.MaxText {
		return credential.CodedText{Text: uk}, nil // too long for the table; credential's own limit decides
	}
	key := codeKey{kind, uk, en}
	row, ok := c.rows[key]
	if !ok {
		var err error
		row, err = tx.CodeByText(uint8(kind), uk, en)
		if errors.Is(err, ErrNotFound) {
			row, err = tx.InsertCode(uint8(kind), uk, en)
		}
		if err != nil {
			return credential.CodedText{}, err
		}
		if c.rows == nil || len(c.rows) > maxCodeCache {
			c.rows = make(map[codeKey]CodeRow)
		}
		c.rows[key] = row
	}
	if row.Published.IsZero() || at.Before(row.Published.Add(delay)) {
		return credential.CodedText{Text: uk}, nil
	}
	return credential.CodedText{Code: row.Code}, nil
}

// maxCodeCache bounds the memory of the cache, in entries.
const maxCodeCache = 1 << 17

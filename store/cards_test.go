package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

func clerk(at time.Time) issuer.CardChange {
	return issuer.CardChange{Operator: "registrar-1", Note: "акт 7", At: at}
}

func number(n byte) []byte { return []byte{4, 0xa1, 0xb2, n} }

// enter gives person e a card that is in the holder's hands.
func (w *world) enter(e int64, n byte) issuer.CardRow {
	w.t.Helper()
	c, err := w.b.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardNumber, Number: number(n), Entitlement: e, State: issuer.CardIssued}, clerk(testTime))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// operatorOf is a trust operator who carries what w's body publishes.
type operatorOf struct {
	w   *world
	reg *trust.Register
	key authority.BundlePrivateKey
	pin trust.Fingerprint
}

func newOperator(w *world) *operatorOf {
	w.t.Helper()
	member := need[authority.RootPrivateKey](w.t)(authority.RootKeyForVectors("cards"))
	bundler := need[authority.BundlePrivateKey](w.t)(authority.BundleKeyForVectors("cards"))
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: testTime.Add(-60 * day)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, bundler.BundlePublic())
	payload := need[[]byte](w.t)(root.Encode())
	o := &operatorOf{w: w, key: bundler, pin: trust.RootFingerprint(payload)}
	o.reg = need[*trust.Register](w.t)(trust.NewRegister(need[[]byte](w.t)(trust.SignRoot(payload, []keys.RootSigner{member}))))
	request := need[[]byte](w.t)(w.b.KeyRequest(ctx, testTime.Add(-2*day), w.cfg.Signer, ""))
	need[keys.KeyID](w.t)(o.reg.AdmitKey(request, trust.Grant{ValidFrom: testTime.Add(-day)}, testTime.Add(-2*day)))
	return o
}

// publish publishes at a time and gives the bundle that carries it.
func (o *operatorOf) publish(at time.Time) *trust.Bundle {
	o.w.t.Helper()
	pub, iat, err := o.w.b.Publish(ctx, at)
	if err != nil {
		o.w.t.Fatal(err)
	}
	if err := o.reg.Carry(need[[]byte](o.w.t)(pub.Encode()), iat); err != nil {
		o.w.t.Fatal(err)
	}
	return need[*trust.Bundle](o.w.t)(trust.Open(need[[]byte](o.w.t)(o.reg.BuildBundle(iat.Add(time.Second), o.key, nil)), o.pin))
}

// want checks what a checkpoint learns of a carrier number.
func (o *operatorOf) want(b *trust.Bundle, n byte, want trust.StatusValue) {
	o.w.t.Helper()
	body, status, ok, err := b.Carrier(trust.CarrierNumber, number(n))
	if err != nil || !ok || body != testBody {
		o.w.t.Errorf("carrier %d: body %q, found %v, %v", n, body, ok, err)
		return
	}
	ref := credential.StatusRef(status)
	got, _, err := b.Status(testBody, ref.List(), ref.Index())
	if err != nil || got != want {
		o.w.t.Errorf("carrier %d: %s, %v; want %s", n, got, err, want)
	}
}

// [ISS-31] A card's status is derived from the register before each publication: whichever way an entitlement ends, its
// card is refused, and a card that nobody has opens no door.
func TestCardStatusFollowsTheRegister(t *testing.T) {
	w := newWorld(t, 9)
	o := newOperator(w)
	for i, e := range w.ids[:8] {
		w.enter(e, byte(i))
	}
	made, err := w.b.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardPIV, Number: number(8), GUID: bytes.Repeat([]byte{8}, 16),
		Entitlement: w.ids[8], State: issuer.CardPersonalised}, clerk(testTime))
	if err != nil {
		t.Fatal(err)
	}
	b := o.publish(testTime)
	for n := range byte(8) {
		o.want(b, n, trust.StatusValid)
	}
	o.want(b, 8, trust.StatusSuspended)
	if _, status, ok, err := b.Carrier(trust.CarrierGUID, made.GUID); err != nil || !ok || status != made.Status {
		t.Errorf("GUID: status %d, found %v, %v; want %d", status, ok, err, made.Status)
	}

	post := func(i int, change func(*issuer.PostRow)) { w.edit(w.ids[i], change) }
	yesterday := hr.DateInKyiv(testTime).AddDays(-1)
	post(0, func(p *issuer.PostRow) { p.Status = hr.StatusDismissed })
	post(1, func(p *issuer.PostRow) { p.Status = hr.StatusSuspended })
	post(2, func(p *issuer.PostRow) { p.Record.Until = yesterday })
	post(3, func(p *issuer.PostRow) { p.Record.Plastic.Expires = yesterday })
	phone := w.issue(testTime, w.ids[4])
	if err := w.b.Suspend(ctx, phone.ID.ID, byOrder(issuer.GroundSuspension, testTime)); err != nil {
		t.Fatal(err)
	}
	phone = w.issue(testTime, w.ids[5])
	if err := w.b.Revoke(ctx, phone.ID.ID, byOrder(issuer.GroundDismissal, testTime)); err != nil {
		t.Fatal(err)
	}
	phone = w.issue(testTime, w.ids[6])
	if err := w.b.Revoke(ctx, phone.ID.ID, check(issuer.GroundLoss, testTime)); err != nil { // the phone, not the card
		t.Fatal(err)
	}
	if _, err := w.b.MoveCard(ctx, 8, issuer.CardLost, clerk(testTime)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.MoveCard(ctx, made.ID, issuer.CardIssued, clerk(testTime)); err != nil {
		t.Fatal(err)
	}
	b = o.publish(testTime.Add(time.Minute))
	for n, want := range []trust.StatusValue{trust.StatusInvalid, trust.StatusSuspended, trust.StatusSuspended, trust.StatusSuspended,
		trust.StatusSuspended, trust.StatusSuspended, trust.StatusValid, trust.StatusInvalid, trust.StatusValid} {
		o.want(b, byte(n), want)
	}
	// What was suspended comes back with the register, what was invalid never does.
	post(0, func(p *issuer.PostRow) { p.Status = hr.StatusActive })
	post(1, func(p *issuer.PostRow) { p.Status = hr.StatusActive })
	b = o.publish(testTime.Add(2 * time.Minute))
	o.want(b, 0, trust.StatusInvalid)
	o.want(b, 1, trust.StatusValid)
	w.check()
}

// [ISS-31], [ISS-33]: a plastic ID that took the place of another suspends the other's card; one that was prolonged keeps its list in the
// bundle; the last entry that was cancelled leaves the bundle too; and a row that HR has to mend gets no token.
func TestCardsFollowThePlastic(t *testing.T) {
	w := newWorld(t, 3)
	o := newOperator(w)
	plastic := func(i int, change func(*issuer.PostRow)) { w.edit(w.ids[i], change) }
	soon := hr.DateInKyiv(testTime).AddDays(3)
	plastic(1, func(p *issuer.PostRow) { p.Record.Plastic.Expires = soon })
	w.enter(w.ids[0], 0)
	w.enter(w.ids[1], 1)
	mistake := w.enter(w.ids[2], 2)
	b := o.publish(testTime)
	for n := range byte(3) {
		o.want(b, n, trust.StatusValid)
	}
	plastic(0, func(p *issuer.PostRow) { p.Record.Plastic.CarrierNumber = "04:A1:B2:77" })
	plastic(1, func(p *issuer.PostRow) { p.Record.Plastic.Expires = soon.AddDays(700) })
	if _, err := w.b.MoveCard(ctx, mistake.ID, issuer.CardCancelled, clerk(testTime)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{testTime.Add(day), testTime.Add(30 * day), testTime.Add(59 * day)} {
		b = o.publish(at)
		o.want(b, 0, trust.StatusSuspended)
		o.want(b, 1, trust.StatusValid)
		if _, _, found, err := b.Carrier(trust.CarrierNumber, number(2)); found || err != nil {
			t.Errorf("a cancelled entry is in the bundle: %v", err)
		}
	}
	plastic(0, func(p *issuer.PostRow) { p.Record.Plastic.CarrierNumber = "04 a1 b2 00" })
	o.want(o.publish(testTime.Add(60*day)), 0, trust.StatusValid)

	plastic(1, func(p *issuer.PostRow) { p.Blocked = true })
	if _, err := w.b.CardToken(ctx, 2, keys.HolderPublicKey{}, credential.FaceCheck, day, clerk(testTime.Add(60*day))); !errors.Is(err, issuer.ErrNotEntitled) {
		t.Errorf("token from a row that is to be mended: %v", err)
	}

	// One card alone: prolonged, then cancelled.
	alone := newWorld(t, 1)
	last := newOperator(alone)
	until := func(d hr.Date) {
		t.Helper()
		alone.edit(alone.ids[0], func(p *issuer.PostRow) { p.Record.Plastic.Expires = d })
	}
	until(soon)
	card := alone.enter(alone.ids[0], 1)
	last.want(last.publish(testTime), 1, trust.StatusValid)
	until(soon.AddDays(700))
	late := last.publish(testTime.Add(59 * day))
	last.want(late, 1, trust.StatusValid)
	if _, asOf, err := late.Status(testBody, credential.StatusRef(card.Status).List(), 0); err != nil || !asOf.Equal(testTime.Add(59*day)) {
		t.Errorf("the list of a prolonged card is of %s, %v", asOf, err)
	}
	if _, err := alone.b.MoveCard(ctx, card.ID, issuer.CardCancelled, clerk(testTime)); err != nil {
		t.Fatal(err)
	}
	if _, _, found, err := last.publish(testTime.Add(59*day+time.Minute)).Carrier(trust.CarrierNumber, number(1)); found || err != nil {
		t.Errorf("the only entry was cancelled and is in the bundle: %v", err)
	}
	w.check()
}

// [ISS-32] The journal of blanks lets a card go only where its state allows, and every step leaves a line.
func TestCardJournal(t *testing.T) {
	w := newWorld(t, 2)
	blank, err := w.b.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardPIV, Number: number(1), State: issuer.CardReceived}, clerk(testTime))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.MoveCard(ctx, blank.ID, issuer.CardIssued, clerk(testTime)); !errors.Is(err, issuer.ErrCardUnbound) {
		t.Errorf("a blank was handed over: %v", err)
	}
	guid := bytes.Repeat([]byte{7}, 16)
	mine, err := w.b.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardPIV, Number: number(1), GUID: guid, Entitlement: w.ids[0],
		State: issuer.CardPersonalised}, clerk(testTime))
	if err != nil || mine.ID != blank.ID {
		t.Fatalf("card %d of blank %d: %v", mine.ID, blank.ID, err)
	}
	for _, to := range []issuer.CardState{issuer.CardReceived, issuer.CardPersonalised, 0, 8} {
		if _, err := w.b.MoveCard(ctx, mine.ID, to, clerk(testTime)); !errors.Is(err, issuer.ErrCardState) {
			t.Errorf("personalised to %s: %v", to, err)
		}
	}
	for _, to := range []issuer.CardState{issuer.CardIssued, issuer.CardLost, issuer.CardReturned, issuer.CardDestroyed} {
		if _, err := w.b.MoveCard(ctx, mine.ID, to, clerk(testTime)); err != nil {
			t.Fatalf("to %s: %v", to, err)
		}
	}
	for to := issuer.CardReceived; to <= issuer.CardCancelled; to++ {
		if _, err := w.b.MoveCard(ctx, mine.ID, to, clerk(testTime)); !errors.Is(err, issuer.ErrCardState) {
			t.Errorf("destroyed to %s: %v", to, err)
		}
	}
	row, events, err := w.b.Card(ctx, mine.ID)
	if err != nil || row.State != issuer.CardDestroyed || row.Value != 1 {
		t.Fatalf("%+v %v", row, err)
	}
	var states []issuer.CardState
	for _, e := range events {
		states = append(states, e.To)
		if e.Operator != "registrar-1" || e.Note != "акт 7" {
			t.Errorf("line %+v", e)
		}
	}
	if want := []issuer.CardState{1, 2, 3, 5, 4, 6}; !slices.Equal(states, want) {
		t.Errorf("journal %v, want %v", states, want)
	}
	counts, err := w.b.CardCounts(ctx)
	if err != nil || len(counts) != 1 || counts[issuer.CardDestroyed] != 1 {
		t.Errorf("counts %v %v", counts, err)
	}
	w.check()
}

// [ISS-33] One carrier is one card of one person; an entry made by mistake is undone, and its status index stays used.
func TestCardEntry(t *testing.T) {
	w := newWorld(t, 3)
	first := w.enter(w.ids[0], 1)
	again := issuer.CardEntry{Kind: issuer.CardNumber, Number: number(1), Entitlement: w.ids[1], State: issuer.CardIssued}
	if _, err := w.b.EnterCard(ctx, again, clerk(testTime)); !errors.Is(err, issuer.ErrCardTaken) {
		t.Errorf("the same carrier twice: %v", err)
	}
	if _, err := w.b.MoveCard(ctx, first.ID, issuer.CardCancelled, clerk(testTime)); err != nil {
		t.Fatal(err)
	}
	second, err := w.b.EnterCard(ctx, again, clerk(testTime))
	if err != nil || second.Status == first.Status || second.ID == first.ID {
		t.Fatalf("after undo: %+v %v", second, err)
	}
	if found, err := w.b.FindCard(ctx, number(1), nil); err != nil || found.Entitlement != w.ids[1] {
		t.Errorf("found %+v %v", found, err)
	}
	if _, err := w.b.FindCard(ctx, number(9), nil); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("unknown carrier: %v", err)
	}
	w.edit(w.ids[2], func(p *issuer.PostRow) { p.Record.Plastic.CarrierNumber = "04:A1:B2:03" })
	person := func(n byte) issuer.CardEntry {
		return issuer.CardEntry{Kind: issuer.CardNumber, Number: number(n), Entitlement: w.ids[2], State: issuer.CardIssued}
	}
	if _, err := w.b.EnterCard(ctx, person(4), clerk(testTime)); !errors.Is(err, issuer.ErrCardNumber) {
		t.Errorf("another carrier than HR gave: %v", err)
	}
	if _, err := w.b.EnterCard(ctx, person(3), clerk(testTime)); err != nil {
		t.Error(err)
	}
	bad := map[string]issuer.CardEntry{
		"no number":         {Kind: issuer.CardNumber, Entitlement: w.ids[0], State: issuer.CardIssued},
		"short number":      {Kind: issuer.CardNumber, Number: []byte{1, 2, 3}, Entitlement: w.ids[0], State: issuer.CardIssued},
		"long number":       {Kind: issuer.CardNumber, Number: make([]byte, 33), Entitlement: w.ids[0], State: issuer.CardIssued},
		"zero GUID":         {Kind: issuer.CardPIV, GUID: make([]byte, 16), Entitlement: w.ids[0], State: issuer.CardIssued},
		"no kind":           {Number: number(5), Entitlement: w.ids[0], State: issuer.CardIssued},
		"unknown kind":      {Kind: 4, Number: number(5), Entitlement: w.ids[0], State: issuer.CardIssued},
		"short certificate": {Kind: issuer.CardPIV, Number: number(5), Cert: []byte{1}, Entitlement: w.ids[0], State: issuer.CardIssued},
		"blank handed over": {Kind: issuer.CardPIV, Number: number(5), State: issuer.CardIssued},
		"person's blank":    {Kind: issuer.CardPIV, Number: number(5), Entitlement: w.ids[0], State: issuer.CardReceived},
		"lost at once":      {Kind: issuer.CardPIV, Number: number(5), Entitlement: w.ids[0], State: issuer.CardLost},
		"nobody":            {Kind: issuer.CardPIV, Number: number(5), Entitlement: 999, State: issuer.CardIssued},
		"past its end":      {Kind: issuer.CardPIV, Number: number(5), Entitlement: w.ids[0], State: issuer.CardIssued, Expires: testTime},
	}
	for what, e := range bad {
		if c, err := w.b.EnterCard(ctx, e, clerk(testTime)); err == nil {
			t.Errorf("%s: entered as %d", what, c.ID)
		}
	}
	w.edit(w.ids[0], func(p *issuer.PostRow) { p.Status = hr.StatusDismissed })
	if _, err := w.b.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardNumber, Number: number(6), Entitlement: w.ids[0], State: issuer.CardIssued},
		clerk(testTime)); !errors.Is(err, issuer.ErrNotEntitled) {
		t.Errorf("card for a dismissed person: %v", err)
	}
	w.check()
}

// [ISS-34] A record card's token is prepared, signed, checked and stored in the order of every token, is made once, and
// points at the card's own status.
func TestCardToken(t *testing.T) {
	w := newWorld(t, 2)
	card := w.enter(w.ids[0], 1)
	token, err := w.b.CardToken(ctx, card.ID, keys.HolderPublicKey{}, credential.FaceCheck, 365*day, clerk(testTime))
	if err != nil {
		t.Fatal(err)
	}
	u := need[*credential.UnverifiedToken](t)(credential.ParseToken(token))
	got := need[*credential.Token](t)(u.Verify(w.cfg.Signer.IssuerPublic()))
	if got.Kind != credential.KindStatic || uint32(got.Status) != card.Status || got.Number != "ДМ000000" || !got.Holder.IsZero() {
		t.Errorf("token %+v", got.Claims)
	}
	again, err := w.b.CardToken(ctx, card.ID, keys.HolderPublicKey{}, credential.FaceCheck, 365*day, clerk(testTime.Add(time.Hour)))
	if err != nil || !bytes.Equal(again, token) {
		t.Errorf("asked again: another token, %v", err)
	}
	if _, err := w.b.CardToken(ctx, card.ID, keys.HolderPublicKey{}, credential.FaceFull, 365*day, clerk(testTime)); !errors.Is(err, issuer.ErrCardToken) {
		t.Errorf("another face on the same card: %v", err)
	}
	holder := need[keys.HolderPrivateKey](t)(keys.GenerateHolderKey())
	bound := w.enter(w.ids[1], 2)
	token, err = w.b.CardToken(ctx, bound.ID, holder.HolderPublic(), credential.FaceFull, 365*day, clerk(testTime))
	if err != nil {
		t.Fatal(err)
	}
	got = need[*credential.Token](t)(need[*credential.UnverifiedToken](t)(credential.ParseToken(token)).Verify(w.cfg.Signer.IssuerPublic()))
	if got.Kind != credential.KindCard || !got.Holder.Equal(holder.HolderPublic()) {
		t.Errorf("token %+v", got.Claims)
	}
	// A crash after the payload was stored: the same payload is signed.
	w.update(func(tx issuer.Tx) error {
		c, err := tx.Card(bound.ID)
		if err != nil {
			return err
		}
		c.Token = nil
		return tx.UpdateCard(c)
	})
	w.reopen(store.Options{})
	token, err = w.b.CardToken(ctx, bound.ID, holder.HolderPublic(), credential.FaceFull, 365*day, clerk(testTime.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	after := need[*credential.Token](t)(need[*credential.UnverifiedToken](t)(credential.ParseToken(token)).Verify(w.cfg.Signer.IssuerPublic()))
	if !after.IssuedAt.Equal(got.IssuedAt) || after.Status != got.Status {
		t.Errorf("after a crash another payload: %+v", after.Claims)
	}
	// Whoever writes to the file does not choose what is signed.
	w.update(func(tx issuer.Tx) error {
		c, err := tx.Card(bound.ID)
		if err != nil {
			return err
		}
		c.Token, c.ExpiresAt = nil, c.ExpiresAt.Add(1000*day)
		return tx.UpdateCard(c)
	})
	if _, err := w.b.CardToken(ctx, bound.ID, holder.HolderPublic(), credential.FaceFull, 365*day, clerk(testTime)); !errors.Is(err, issuer.ErrCardToken) {
		t.Errorf("a payload changed in the file was signed: %v", err)
	}
	blank, err := w.b.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardRecord, Number: number(3), State: issuer.CardReceived}, clerk(testTime))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.CardToken(ctx, blank.ID, keys.HolderPublicKey{}, credential.FaceCheck, day, clerk(testTime)); !errors.Is(err, issuer.ErrCardUnbound) {
		t.Errorf("token of a blank: %v", err)
	}
	if _, err := w.b.MoveCard(ctx, card.ID, issuer.CardLost, clerk(testTime)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.CardToken(ctx, card.ID, keys.HolderPublicKey{}, credential.FaceCheck, 365*day, clerk(testTime)); !errors.Is(err, issuer.ErrCardState) {
		t.Errorf("token of a lost card: %v", err)
	}
	w.check()
}

// [ISS-37] A store that was restored from a copy takes nothing back that was revoked after the copy was made.
func TestPublishAfterRestore(t *testing.T) {
	w := newWorld(t, 4)
	o := newOperator(w)
	for i := range 3 {
		w.enter(w.ids[i], byte(i))
	}
	phone := w.issue(testTime, w.ids[3])
	before := o.publish(testTime)
	if _, err := w.b.MoveCard(ctx, 1, issuer.CardLost, clerk(testTime)); err != nil {
		t.Fatal(err)
	}
	w.edit(w.ids[1], func(p *issuer.PostRow) { p.Status = hr.StatusSuspended })
	if err := w.b.Revoke(ctx, phone.ID.ID, byOrder(issuer.GroundDismissal, testTime)); err != nil {
		t.Fatal(err)
	}
	after := o.publish(testTime.Add(time.Minute))

	// The body that has no memory of all that, and an older bundle or the newer one.
	restored := newWorld(t, 4)
	for i := range 3 {
		restored.enter(restored.ids[i], byte(i))
	}
	var statuses []uint32
	w.view(func(tx issuer.Tx) error {
		return tx.Cards(func(c issuer.CardRow) error { statuses = append(statuses, c.Status); return nil })
	})
	restored.update(func(tx issuer.Tx) error {
		for i, s := range statuses {
			c, err := tx.Card(int64(i) + 1)
			if err != nil {
				return err
			}
			c.Status = s
			if err := tx.UpdateCard(c); err != nil {
				return err
			}
		}
		return nil
	})
	for what, c := range map[string]struct {
		known *trust.Bundle
		want  []trust.StatusValue
	}{
		"older": {before, []trust.StatusValue{trust.StatusValid, trust.StatusValid, trust.StatusValid}},
		"newer": {after, []trust.StatusValue{trust.StatusInvalid, trust.StatusValid, trust.StatusValid}}, // what was suspended follows the register
	} {
		restored.cfg.Before = c.known
		restored.reopen(store.Options{})
		pub, _, err := restored.b.Publish(ctx, testTime.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		list := need[*trust.StatusList](t)(need[*trust.StatusToken](t)(trust.ParseStatusToken(pub.StatusLists[0])).List())
		for i, s := range statuses {
			if got, err := list.Get(credential.StatusRef(s).Index()); err != nil || got != c.want[i] {
				t.Errorf("%s bundle: card %d: %s, %v; want %s", what, i+1, got, err, c.want[i])
			}
		}
		for _, token := range phone.Tokens {
			u := need[*credential.UnverifiedToken](t)(credential.ParseToken(token))
			got, err := list.Get(need[*credential.Token](t)(u.Verify(w.cfg.Signer.IssuerPublic())).Status.Index())
			if err != nil || (got == trust.StatusInvalid) != (what == "newer") {
				t.Errorf("%s bundle: a phone of which the store knows nothing: %s, %v", what, got, err)
			}
		}
	}
}

func TestParseCarrierNumber(t *testing.T) {
	for s, want := range map[string][]byte{"04A1B203": {4, 0xa1, 0xb2, 3}, "04:a1:b2:03": {4, 0xa1, 0xb2, 3}, " 04 A1 B2 03 ": {4, 0xa1, 0xb2, 3}, "04-a1-b2-03": {4, 0xa1, 0xb2, 3}} {
		if got, err := issuer.ParseCarrierNumber(s); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %x %v", s, got, err)
		}
	}
	for _, s := range []string{"", "04A1B2", "04A1B2030", "04A1B2ZZ", string(bytes.Repeat([]byte("00"), 33)), "АВ12АВ12"} {
		if got, err := issuer.ParseCarrierNumber(s); err == nil {
			t.Errorf("%q: %x", s, got)
		}
	}
}

package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/crypto/cose"
)

// ErrAudit: the audit chain does not hold together: an entry was changed, removed, added or moved.
var ErrAudit = errors.New("issuer: audit chain is broken")

// AuditEvent is what an audit entry is about. Numbers are stored and never reused; those below 64 belong
// to issuing, those from 64 on to the register.
type AuditEvent uint16

// Audit events.
const (
	EventBodyCreated   AuditEvent = 1  // detail: ЄДРПОУ
	EventWillSign      AuditEvent = 2  // detail: ID row, serial, renewal, then status and SHA-256 of the payload of each token
	EventSigned        AuditEvent = 3  // detail: ID row, renewal, then SHA-256 of each signed token
	EventAbandoned     AuditEvent = 4  // detail: ID row, renewal
	EventStateChanged  AuditEvent = 5  // detail: ID row, from, to, ground, order number, order date
	EventPublished     AuditEvent = 6  // detail: iat, then number and SHA-256 of each list, SHA-256 of the code table
	EventSigningStop   AuditEvent = 7  // detail: 1 stopped, 0 allowed again
	EventTokensPurged  AuditEvent = 8  // detail: how many, exp before
	EventKeyRequested  AuditEvent = 9  // detail: kid
	EventCard          AuditEvent = 10 // detail: card, from, to, entitlement or 0
	EventCardWillSign  AuditEvent = 11 // detail: card, status, SHA-256 of the payload
	EventCardSigned    AuditEvent = 12 // detail: card, SHA-256 of the signed token
	EventOnlineMade    AuditEvent = 13 // detail: one-time code
	EventOnlineChecked AuditEvent = 14 // detail: one-time code, check, answer, mode
	EventOnlinePurged  AuditEvent = 15 // detail: how many codes, how many checks, made before
	EventPolicySigned  AuditEvent = 16 // detail: verifier, number of the policy, SHA-256 of it
	EventPlanApplied   AuditEvent = 64 // detail: plan number, SHA-256 of the plan, counts
	EventApproved      AuditEvent = 65 // detail: SHA-256 of what was approved
	EventSlipsPrinted  AuditEvent = 66 // detail: how many
	EventEnrolled      AuditEvent = 67 // detail: entitlement, thumbprint of the holder key
	EventWish          AuditEvent = 68 // detail: entitlement, 1 wished, 0 withdrawn
	EventOperatorAdded AuditEvent = 69 // detail: operator
	EventOperatorEnded AuditEvent = 70 // detail: operator
	EventPlanHeld      AuditEvent = 71 // detail: plan number, SHA-256 of the plan
	EventStopCode      AuditEvent = 72 // detail: entitlement
	EventCodeRefused   AuditEvent = 73 // detail: entitlement or 0
	EventPersonMerged  AuditEvent = 74 // detail: entitlement
	EventHolderStopped AuditEvent = 75 // detail: entitlement, account or 0 for the phone itself
)

var eventNames = map[AuditEvent]string{
	EventBodyCreated: "body-created", EventWillSign: "will-sign", EventSigned: "signed", EventAbandoned: "abandoned",
	EventStateChanged: "state-changed", EventPublished: "published", EventSigningStop: "signing-stop",
	EventTokensPurged: "tokens-purged", EventKeyRequested: "key-requested", EventCard: "card", EventCardWillSign: "card-will-sign", EventCardSigned: "card-signed",
	EventOnlineMade: "online-made", EventOnlineChecked: "online-checked", EventOnlinePurged: "online-purged", EventPolicySigned: "policy-signed", EventPlanApplied: "plan-applied",
	EventApproved: "approved", EventSlipsPrinted: "slips-printed", EventEnrolled: "enrolled", EventWish: "wish",
	EventOperatorAdded: "operator-added", EventOperatorEnded: "operator-ended", EventPlanHeld: "plan-held",
	EventStopCode: "stop-code", EventCodeRefused: "code-refused", EventPersonMerged: "person-merged", EventHolderStopped: "holder-stopped",
}

// String is the English word of the event, "event-N" for an unknown number.
func (e AuditEvent) String() string {
	if s, ok := eventNames[e]; ok {
		return s
	}
	return "event-" + strconv.Itoa(int(e))
}

// AuditEntry is one entry before it is chained. It never holds personal data: rows, serials, hashes and
// numbers only.
//
//	entry = [seq: uint, at: uint, event: uint, operator: tstr, detail: [* uint / tstr / bstr]]
type AuditEntry struct {
	Event    AuditEvent
	Operator string // id of the operator; "" = the program itself
	// Detail holds uint64, int, int64 (not negative), string, []byte and [N]byte slices in the order the event names.
	Detail []any
}

// AuditRecord is an entry read back from the chain.
type AuditRecord struct {
	Seq      uint64
	At       time.Time
	Event    AuditEvent
	Operator string
	Detail   []any // uint64, string, []byte
	Hash     [32]byte
}

// maxAuditEntry is the longest entry in bytes.
const maxAuditEntry = 4 << 10

var auditLimits = cose.Limits{Bytes: maxAuditEntry, Depth: 3, Items: 256, String: 1 << 10}

func appendAuditEntry(dst []byte, seq uint64, at time.Time, e AuditEntry) ([]byte, error) {
	dst = cose.AppendArray(dst, 5)
	dst = cose.AppendUint(dst, seq)
	if at.Unix() < 0 {
		return nil, fmt.Errorf("issuer: audit %s: time %s is before 1970", e.Event, at.UTC().Format(time.RFC3339))
	}
	dst = cose.AppendUint(dst, uint64(at.Unix()))
	dst = cose.AppendUint(dst, uint64(e.Event))
	dst = cose.AppendText(dst, e.Operator)
	dst = cose.AppendArray(dst, len(e.Detail))
	for i, d := range e.Detail {
		switch v := d.(type) {
		case uint64:
			dst = cose.AppendUint(dst, v)
		case int64:
			if v < 0 {
				return nil, fmt.Errorf("issuer: audit %s: detail %d is negative", e.Event, i)
			}
			dst = cose.AppendUint(dst, uint64(v))
		case int:
			if v < 0 {
				return nil, fmt.Errorf("issuer: audit %s: detail %d is negative", e.Event, i)
			}
			dst = cose.AppendUint(dst, uint64(v))
		case string:
			dst = cose.AppendText(dst, v)
		case []byte:
			dst = cose.AppendBytes(dst, v)
		default:
			return nil, fmt.Errorf("issuer: audit %s: detail %d is a %T, want a number, text or bytes", e.Event, i, d)
		}
	}
	return dst, nil
}

// parseAuditEntry reads an entry; the bytes are checked to be canonical first.
func parseAuditEntry(data []byte) (AuditRecord, error) {
	var r AuditRecord
	if err := cose.Check(data, auditLimits); err != nil {
		return AuditRecord{}, err
	}
	rd := cose.NewReader(data)
	n, err := rd.ReadArray()
	if err != nil {
		return AuditRecord{}, err
	}
	if n != 5 {
		return AuditRecord{}, fmt.Errorf("issuer: audit entry has %d parts, want 5", n)
	}
	if r.Seq, err = rd.ReadUint(); err != nil {
		return AuditRecord{}, err
	}
	at, err := rd.ReadUint()
	if err != nil {
		return AuditRecord{}, err
	}
	if at > 1<<40 {
		return AuditRecord{}, fmt.Errorf("issuer: audit entry: time %d is out of range", at)
	}
	r.At = time.Unix(int64(at), 0).UTC()
	ev, err := rd.ReadUint()
	if err != nil {
		return AuditRecord{}, err
	}
	if ev > 1<<16-1 {
		return AuditRecord{}, fmt.Errorf("issuer: audit entry: event %d is out of range", ev)
	}
	r.Event = AuditEvent(ev)
	op, err := rd.ReadText()
	if err != nil {
		return AuditRecord{}, err
	}
	r.Operator = string(op)
	k, err := rd.ReadArray()
	if err != nil {
		return AuditRecord{}, err
	}
	for range k {
		switch rd.Peek() {
		case cose.KindUint:
			v, err := rd.ReadUint()
			if err != nil {
				return AuditRecord{}, err
			}
			r.Detail = append(r.Detail, v)
		case cose.KindText:
			v, err := rd.ReadText()
			if err != nil {
				return AuditRecord{}, err
			}
			r.Detail = append(r.Detail, string(v))
		case cose.KindBytes:
			v, err := rd.ReadBytes()
			if err != nil {
				return AuditRecord{}, err
			}
			r.Detail = append(r.Detail, append([]byte(nil), v...))
		default:
			return AuditRecord{}, fmt.Errorf("issuer: audit entry: detail is a %s, want a number, text or bytes", rd.Peek())
		}
	}
	return r, nil
}

func chainHash(prev [32]byte, entry []byte) [32]byte {
	h := sha256.New()
	h.Write(prev[:])
	h.Write(entry)
	return [32]byte(h.Sum(nil))
}

// audit chains entries to the body's audit inside tx: they are durable exactly when what they tell is.
func audit(tx Tx, at time.Time, entries ...AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	body, err := tx.Body()
	if err != nil {
		return err
	}
	return auditFrom(tx, body.Audit, at, entries)
}

func auditFrom(tx Tx, head AuditHead, at time.Time, entries []AuditEntry) error {
	from := head
	rows := make([]AuditRow, len(entries))
	buf := make([]byte, 0, 160*len(entries))
	for i, e := range entries {
		start := len(buf)
		var err error
		if buf, err = appendAuditEntry(buf, head.Seq+1, at, e); err != nil {
			return err
		}
		entry := buf[start:len(buf):len(buf)]
		if len(entry) > maxAuditEntry {
			return fmt.Errorf("issuer: audit %s: %d bytes, want at most %d", e.Event, len(entry), maxAuditEntry)
		}
		head = AuditHead{Seq: head.Seq + 1, Hash: chainHash(head.Hash, entry)}
		rows[i] = AuditRow{Seq: head.Seq, Hash: head.Hash, Entry: entry}
	}
	if err := tx.InsertAudit(rows); err != nil {
		return err
	}
	return tx.SetAuditHead(from, head)
}

// String is the head as people write it down: the number, a slash, and the first 20 bytes of the hash in
// base32 groups of four. Kept outside the database it proves that nothing up to it was changed since.
func (h AuditHead) String() string {
	t := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Hash[:20])
	var b strings.Builder
	b.WriteString(strconv.FormatUint(h.Seq, 10))
	b.WriteByte('/')
	for i := 0; i < len(t); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t[i : i+4])
	}
	return b.String()
}

// auditPage is how many entries a walk reads at a time.
const auditPage = 1000

// VerifyAudit walks the whole chain: numbers without a gap, every hash, every entry's own number, and the
// end against the head in the body's row. known, when not nil, is a head somebody wrote down earlier: the
// chain has to pass through it. each, when not nil, is called for every entry that holds; its error ends
// the walk. Error: ErrAudit with the number of the first entry that does not hold.
func (b *Body) VerifyAudit(ctx context.Context, known *AuditHead, each func(AuditRecord) error) (AuditHead, error) {
	var head AuditHead
	err := b.store.View(ctx, func(tx Tx) error {
		head = AuditHead{}
		body, err := tx.Body()
		if err != nil {
			return err
		}
		met := known == nil || known.Seq == 0
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows, err := tx.AuditRows(head.Seq, auditPage)
			if err != nil {
				return err
			}
			for i := range rows {
				r := &rows[i]
				if r.Seq != head.Seq+1 {
					return fmt.Errorf("%w: entry %d is missing, %d follows %d", ErrAudit, head.Seq+1, r.Seq, head.Seq)
				}
				if want := chainHash(head.Hash, r.Entry); want != r.Hash {
					return fmt.Errorf("%w: entry %d: hash is %s, want %s", ErrAudit, r.Seq, short(r.Hash), short(want))
				}
				rec, err := parseAuditEntry(r.Entry)
				if err != nil {
					return fmt.Errorf("%w: entry %d: %w", ErrAudit, r.Seq, err)
				}
				if rec.Seq != r.Seq {
					return fmt.Errorf("%w: entry %d says it is %d", ErrAudit, r.Seq, rec.Seq)
				}
				head = AuditHead{Seq: r.Seq, Hash: r.Hash}
				rec.Hash = r.Hash
				if known != nil && known.Seq == head.Seq {
					if known.Hash != head.Hash {
						return fmt.Errorf("%w: entry %d is not the one written down: hash is %s, want %s", ErrAudit, head.Seq, short(head.Hash), short(known.Hash))
					}
					met = true
				}
				if each != nil {
					if err := each(rec); err != nil {
						return err
					}
				}
			}
			if len(rows) < auditPage {
				break
			}
		}
		if head != body.Audit {
			return fmt.Errorf("%w: ends at %d, the body's row says %d", ErrAudit, head.Seq, body.Audit.Seq)
		}
		if !met {
			return fmt.Errorf("%w: ends at %d, entry %d was written down", ErrAudit, head.Seq, known.Seq)
		}
		return nil
	})
	if err != nil {
		return AuditHead{}, err
	}
	return head, nil
}

// AuditHead is the newest link of the chain.
func (b *Body) AuditHead(ctx context.Context) (AuditHead, error) {
	var h AuditHead
	err := b.store.View(ctx, func(tx Tx) error {
		body, err := tx.Body()
		h = body.Audit
		return err
	})
	return h, err
}

func short(h [32]byte) string { return hex.EncodeToString(h[:4]) }

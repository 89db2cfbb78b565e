package registrar

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

// auditCache holds the audit of a body as it was verified last.
type auditCache struct {
	mu  sync.Mutex
	now *auditLog
}

// auditLog is a whole chain that holds together.
type auditLog struct {
	head    issuer.AuditHead
	at      time.Time
	records []issuer.AuditRecord // oldest first
}

// auditOf verifies the chain and reads it; again verifies it even when nothing was written since.
func (p *pages) auditOf(ctx context.Context, b *service.Body, at time.Time, again bool) (*auditLog, error) {
	p.mu.Lock()
	cache := p.audits[b.EDRPOU]
	if cache == nil {
		cache = &auditCache{}
		p.audits[b.EDRPOU] = cache
	}
	p.mu.Unlock()
	cache.mu.Lock()
	defer cache.mu.Unlock()
	head, err := b.Body.AuditHead(ctx)
	if err != nil {
		return nil, err
	}
	if now := cache.now; now != nil && !again && now.head == head {
		return now, nil
	}
	log := &auditLog{at: at}
	var known *issuer.AuditHead
	if cache.now != nil { // what was whole an hour ago must still be what it was
		known = &cache.now.head
	}
	log.head, err = b.Body.VerifyAudit(ctx, known, func(r issuer.AuditRecord) error {
		log.records = append(log.records, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	cache.now = log
	return log, nil
}

// auditRow is one entry as the page shows it. The audit itself holds no personal data.
type auditRow struct {
	Seq      uint64
	At       time.Time
	Event    string
	Operator string
	Detail   string
	Hash     string
}

// auditPage is the audit of a body.
type auditPage struct {
	ui
	Head             string
	Verified         time.Time
	Events           []stepChoice
	Event, Operator  string
	Operators        []issuer.Operator
	From, Until      string
	Rows             []auditRow
	Pager            service.Pager
	Known            string // head that was written down earlier
	KnownOK, KnownNo bool
	Total            int
}

// eventWords are the events as people read them.
var eventWords = map[issuer.AuditEvent]string{
	issuer.EventBodyCreated: "орган створено", issuer.EventWillSign: "буде підписано", issuer.EventSigned: "підписано", issuer.EventAbandoned: "видачу облишено",
	issuer.EventStateChanged: "стан посвідчення змінено", issuer.EventPublished: "переліки опубліковано", issuer.EventSigningStop: "підписування зупинено чи дозволено",
	issuer.EventTokensPurged: "старі токени стерто", issuer.EventKeyRequested: "запит на ключ видавця", issuer.EventCard: "картка змінила стан", issuer.EventCardWillSign: "картку буде підписано",
	issuer.EventCardSigned: "картку підписано", issuer.EventOnlineMade: "одноразовий код зроблено", issuer.EventOnlineChecked: "одноразовий код перевірено", issuer.EventOnlinePurged: "старі коди стерто",
	issuer.EventPlanApplied: "план застосовано", issuer.EventApproved: "підписано двома", issuer.EventSlipsPrinted: "талони зроблено", issuer.EventEnrolled: "телефон підключено",
	issuer.EventWish: "бажання змінено", issuer.EventOperatorAdded: "підписувача додано", issuer.EventOperatorEnded: "підписувача вилучено", issuer.EventPlanHeld: "план чекає другого підписувача",
	issuer.EventStopCode: "код зупинення", issuer.EventCodeRefused: "код відхилено", issuer.EventPersonMerged: "номер особи змінено", issuer.EventHolderStopped: "зупинено пред'явником",
}

// Event is an event in words.
func (u ui) Event(e issuer.AuditEvent) string {
	if w, ok := eventWords[e]; ok && u.Lang != "en" {
		return w
	}
	return e.String()
}

// detail writes the values of an entry: numbers and hashes.
func detail(values []any) string {
	var parts []string
	for _, v := range values {
		switch v := v.(type) {
		case uint64:
			parts = append(parts, strconv.FormatUint(v, 10))
		case string:
			parts = append(parts, visible(v))
		case []byte:
			text := hex.EncodeToString(v)
			if len(text) > 24 {
				text = text[:24] + "…"
			}
			parts = append(parts, text)
		default:
			parts = append(parts, fmt.Sprint(v))
		}
	}
	return strings.Join(parts, " ")
}

func (p *pages) audit(c *call) error {
	log, err := p.auditOf(c.r.Context(), c.body, c.at, c.query("verify") == "yes")
	if err != nil {
		return err
	}
	operators, err := c.body.Register.Operators(c.r.Context())
	if err != nil {
		return err
	}
	v := auditPage{ui: c.ui(), Head: log.head.String(), Verified: log.at, Event: c.query("event"), Operator: c.query("operator"), Operators: operators, From: c.query("from"),
		Until: c.query("until"), Known: c.query("known"), Total: len(log.records)}
	if v.Known != "" {
		v.KnownOK = knownHead(log, v.Known)
		v.KnownNo = !v.KnownOK
	}
	counts := map[issuer.AuditEvent]int{}
	for i := range log.records {
		counts[log.records[i].Event]++
	}
	for e, n := range counts {
		v.Events = append(v.Events, stepChoice{strconv.Itoa(int(e)), v.ui.Event(e), n})
	}
	slices.SortFunc(v.Events, func(x, y stepChoice) int { return strings.Compare(x.Text, y.Text) })
	from, until := dayStart(v.From), dayStart(v.Until)
	if !until.IsZero() {
		until = until.Add(24 * time.Hour)
	}
	var found []int
	for i := len(log.records) - 1; i >= 0; i-- {
		r := &log.records[i]
		if v.Event != "" && strconv.Itoa(int(r.Event)) != v.Event || v.Operator != "" && r.Operator != v.Operator ||
			!from.IsZero() && r.At.Before(from) || !until.IsZero() && !r.At.Before(until) {
			continue
		}
		found = append(found, i)
	}
	v.Pager = c.page(len(found))
	for _, i := range found[v.Pager.From:v.Pager.To] {
		r := &log.records[i]
		row := auditRow{Seq: r.Seq, At: r.At, Event: v.ui.Event(r.Event), Detail: detail(r.Detail), Hash: hex.EncodeToString(r.Hash[:8])}
		if n, err := strconv.ParseInt(r.Operator, 10, 64); err == nil {
			row.Operator = operatorName(operators, n)
		}
		v.Rows = append(v.Rows, row)
	}
	return c.show("audit", v)
}

// dayStart reads a day of a filter; zero for none and for what is no day.
func dayStart(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	day, err := parseDay(text)
	if err != nil {
		return time.Time{}
	}
	return day.Start()
}

// knownHead tells whether the chain passes through a head that somebody wrote down earlier.
func knownHead(log *auditLog, text string) bool {
	number, _, ok := strings.Cut(text, "/")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
	if !ok || err != nil || n == 0 || n > uint64(len(log.records)) {
		return false
	}
	r := &log.records[n-1]
	clean := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, " ", "")) }
	return r.Seq == n && clean(issuer.AuditHead{Seq: r.Seq, Hash: r.Hash}.String()) == clean(text)
}

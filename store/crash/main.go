//go:build crash

// Command crash kills a real issuing process with SIGKILL, at random moments and at every named step, and
// compares what the process had acknowledged with what the store holds afterwards.
//
// It is built with the tag "crash", the only build in which the named steps exist:
//
//	go run -tags crash ./store/crash -cycles 10000
//
// Each cycle starts a worker that recovers, then enrols people and issues, renews, replaces, suspends,
// resumes, revokes, dismisses (through an HR plan signed by an operator), makes cards and publishes, writing one line
// for each thing that has become durable; after the kill the parent reads the store. Exit status 1 means
// that something acknowledged was lost or doubled.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/posvid/posvid/issuer"
)

// Report is what -json prints.
type Report struct {
	Cycles         int            `json:"cycles"`
	Random         int            `json:"random_kills"`
	Steps          map[string]int `json:"step_kills"`
	Acknowledged   int            `json:"ids_acknowledged"`
	Renewed        int            `json:"renewals_acknowledged"`
	Dismissed      int            `json:"dismissals_acknowledged"`
	Changed        int            `json:"changes_acknowledged"`
	Published      int            `json:"publications_acknowledged"`
	Cards          int            `json:"card_changes_acknowledged"`
	Unacknowledged int            `json:"durable_but_unacknowledged"`
	Recovered      int            `json:"intents_recovered"`
	Lost           int            `json:"lost"`
	Doubled        int            `json:"doubled"`
	Broken         int            `json:"broken_rules"`
	Seconds        float64        `json:"seconds"`
}

func main() {
	if dir := os.Getenv("POSVID_CRASH_DIR"); dir != "" {
		if err := work(dir); err != nil {
			fmt.Fprintln(os.Stderr, "crash: worker:", err)
			os.Exit(3)
		}
		return
	}
	cycles := flag.Int("cycles", 300, "how many kills")
	asJSON := flag.Bool("json", false, "print the report as one JSON object")
	rotate := flag.Int("rotate", 40, "cycles after which a fresh store is begun")
	base := flag.String("dir", "", "folder for the stores (default: a temporary one)")
	seed := flag.Uint64("seed", 1, "seed of the kill moments")
	flag.Parse()
	if *cycles < 1 || *rotate < 1 || flag.NArg() != 0 {
		fmt.Fprintln(os.Stderr, "crash: want -cycles and -rotate of at least 1 and no arguments")
		os.Exit(2)
	}
	h := &harness{rng: rand.New(rand.NewPCG(*seed, 7)), report: Report{Steps: map[string]int{}}}
	err := h.run(*base, *cycles, *rotate)
	r := h.report
	if *asJSON {
		json.NewEncoder(os.Stdout).Encode(r)
	} else {
		steps := make([]string, 0, len(r.Steps))
		for s, n := range r.Steps {
			steps = append(steps, fmt.Sprintf("%s %d", s, n))
		}
		sort.Strings(steps)
		fmt.Printf("%d kills in %.1f s: %d at random moments, %d at named steps (%s)\n", r.Cycles, r.Seconds, r.Random, r.Cycles-r.Random, strings.Join(steps, ", "))
		fmt.Printf("acknowledged: %d IDs, %d renewals, %d changes, %d dismissals, %d steps of cards, %d publications; durable but not yet acknowledged: %d IDs; recovered: %d intents\n",
			r.Acknowledged, r.Renewed, r.Changed, r.Dismissed, r.Cards, r.Published, r.Unacknowledged, r.Recovered)
		fmt.Printf("lost %d, doubled %d, broken rules %d\n", r.Lost, r.Doubled, r.Broken)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
	if r.Lost+r.Doubled+r.Broken > 0 {
		os.Exit(1)
	}
}

// harness is the parent: it starts, kills and compares.
type harness struct {
	rng    *rand.Rand
	report Report
	known  *known
}

// ack is one acknowledged issue.
type ack struct {
	entitlement int64
	serial      string
	number      string
}

type intentKey struct {
	entitlement int64
	renewal     uint32
}

// known is what the parent knows of one store: what was acknowledged, and what earlier looks found.
// cardAck is a card as the process acknowledged it.
type cardAck struct{ entitlement, status, state int64 }

type known struct {
	dir       string
	issued    map[int64]ack        // by ID row
	tokens    map[intentKey]string // hashes of the signed tokens as acknowledged
	revoked   map[int64]bool       // ID rows
	dismissed map[int64]bool       // entitlements
	published int64                // newest iat
	serials   map[intentKey]string // every intent ever seen in the store
	indices   map[int64]uint32     // every token row ever seen
	seen      map[int64]bool       // ID rows seen issued
	cards     map[int64]cardAck    // as acknowledged last
	records   map[int64]string     // hashes of the tokens of cards, by card
	head      issuer.AuditHead
}

func (h *harness) run(base string, cycles, rotate int) error {
	start := time.Now()
	defer func() { h.report.Seconds = time.Since(start).Seconds() }()
	root, err := os.MkdirTemp(base, "posvid-crash-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	for c := 0; c < cycles; c++ {
		if c%rotate == 0 {
			if err := h.close(); err != nil {
				return err
			}
			dir := filepath.Join(root, strconv.Itoa(c))
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			if err := setup(dir); err != nil {
				return fmt.Errorf("set up: %w", err)
			}
			h.known = &known{dir: dir, issued: map[int64]ack{}, tokens: map[intentKey]string{}, revoked: map[int64]bool{}, dismissed: map[int64]bool{},
				serials: map[intentKey]string{}, indices: map[int64]uint32{}, seen: map[int64]bool{}, cards: map[int64]cardAck{}, records: map[int64]string{}}
		}
		step := ""
		if i := c % rotate; i < len(issuer.CrashSteps) {
			step = issuer.CrashSteps[i]
		}
		if err := h.cycle(c, c%rotate, step); err != nil {
			return fmt.Errorf("cycle %d %s: %w", c, step, err)
		}
		h.report.Cycles++
	}
	return h.close()
}

// close ends a store's life: one worker is left to recover and stop by itself, then everything is compared.
func (h *harness) close() error {
	if h.known == nil {
		return nil
	}
	if err := h.start(1<<20, 1<<20, "", 0); err != nil {
		return err
	}
	if err := h.compare(true); err != nil {
		return err
	}
	return os.RemoveAll(h.known.dir)
}

func (h *harness) cycle(c, day int, step string) error {
	after := time.Duration(5+h.rng.IntN(116)) * time.Millisecond
	if step != "" {
		after = 3 * time.Second // it kills itself; a step that is never reached is a fault of the test
	}
	if err := h.start(c, day, step, after); err != nil {
		return err
	}
	return h.compare(false)
}

// start runs one worker and takes its acknowledgements until it is dead. after 0 lets it end by itself.
func (h *harness) start(c, day int, step string, after time.Duration) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "POSVID_CRASH_DIR="+h.known.dir, "POSVID_CRASH_AT="+step, "POSVID_CRASH_CYCLE="+strconv.Itoa(c), "POSVID_CRASH_DAY="+strconv.Itoa(day))
	if after == 0 {
		cmd.Env = append(cmd.Env, "POSVID_CRASH_END=1")
	}
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// The moment counts from when the worker is ready, or starting would eat the short ones; a worker that
	// is killed while it starts is covered by the timer below and by the recovery steps.
	kill := func() { cmd.Process.Kill() }
	var timer *time.Timer
	if after > 0 && (step != "" || h.rng.IntN(4) == 0) {
		timer = time.AfterFunc(after, kill)
	}
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil { // a line cut off by the kill was not acknowledged
			if !errors.Is(err, io.EOF) {
				return err
			}
			break
		}
		if line == "ready\n" {
			if after > 0 && timer == nil {
				timer = time.AfterFunc(after, kill)
			}
			continue
		}
		if err := h.take(strings.Fields(line)); err != nil {
			return fmt.Errorf("worker said %q: %w", line, err)
		}
	}
	err = cmd.Wait()
	if timer != nil && !timer.Stop() && step != "" {
		return fmt.Errorf("step was not reached within %s: %s", after, talk.String())
	}
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	switch {
	case after == 0 && err != nil, after > 0 && !killed:
		return fmt.Errorf("worker ended with %v: %s", err, talk.String())
	case step != "":
		h.report.Steps[step]++
	case after > 0:
		h.report.Random++
	}
	return nil
}

// take notes one acknowledgement.
func (h *harness) take(f []string) error {
	k := h.known
	num := func(i int) int64 {
		n, _ := strconv.ParseInt(f[i], 10, 64)
		return n
	}
	switch {
	case len(f) == 7 && f[0] == "issued": // entitlement row serial number renewal hashes
		key := intentKey{num(1), uint32(num(5))}
		if was, ok := k.issued[num(2)]; ok {
			h.report.Renewed++
			if was.serial != f[3] || was.entitlement != num(1) {
				h.report.Doubled++
				return fmt.Errorf("ID row %s had serial %s of entitlement %d", f[2], was.serial, was.entitlement)
			}
		} else {
			h.report.Acknowledged++
		}
		if was, ok := k.tokens[key]; ok && was != f[6] {
			h.report.Doubled++
			return fmt.Errorf("intent %v was acknowledged with other tokens", key)
		}
		k.issued[num(2)] = ack{num(1), f[3], f[4]}
		k.tokens[key] = f[6]
	case len(f) == 2 && f[0] == "revoked":
		k.revoked[num(1)] = true
		h.report.Changed++
	case len(f) == 3 && f[0] == "state":
		h.report.Changed++
	case len(f) == 2 && f[0] == "dismissed":
		k.dismissed[num(1)] = true
		h.report.Dismissed++
	case len(f) == 2 && f[0] == "published":
		if num(1) <= k.published {
			h.report.Broken++
			return fmt.Errorf("iat does not grow: %d came after %d", num(1), k.published)
		}
		k.published = num(1)
		h.report.Published++
	case len(f) == 5 && f[0] == "card": // card entitlement status state
		if was, ok := k.cards[num(1)]; ok && (was.entitlement != num(2) || was.status != num(3)) {
			h.report.Doubled++
			return fmt.Errorf("card %s had status %d of entitlement %d", f[1], was.status, was.entitlement)
		}
		k.cards[num(1)] = cardAck{num(2), num(3), num(4)}
		h.report.Cards++
	case len(f) == 3 && f[0] == "cardtoken": // card hash
		if was, ok := k.records[num(1)]; ok && was != f[2] {
			h.report.Doubled++
			return fmt.Errorf("card %s was acknowledged with another token", f[1])
		}
		k.records[num(1)] = f[2]
		h.report.Cards++
	case len(f) == 2 && f[0] == "recovered":
		h.report.Recovered += int(num(1))
	default:
		return errors.New("not an acknowledgement")
	}
	return nil
}

// compare opens the store as the next process would and holds it against everything known.
func (h *harness) compare(final bool) error {
	k := h.known
	ctx := context.Background()
	s, err := openStore(k.dir)
	if err != nil {
		h.report.Broken++
		return err
	}
	defer s.Close()
	fail := func(counter *int, format string, args ...any) error {
		*counter++
		return fmt.Errorf(format, args...)
	}
	if err := s.Check(ctx); err != nil {
		return fail(&h.report.Broken, "%w", err)
	}
	body, err := issuer.Open(ctx, s, issuer.Config{EDRPOU: edrpou})
	if err != nil {
		return err
	}
	if h.known.head, err = body.VerifyAudit(ctx, &k.head, nil); err != nil {
		return fail(&h.report.Broken, "%w", err)
	}
	return s.View(ctx, func(tx issuer.Tx) error {
		row, err := tx.Body()
		if err != nil {
			return err
		}
		if k.published > 0 && row.Published.Unix() < k.published {
			return fail(&h.report.Lost, "publication of %d is lost, the store says %d", k.published, row.Published.Unix())
		}
		ids, err := tx.ListIDs(0, nil, 1<<30)
		if err != nil {
			return err
		}
		byRow := make(map[int64]issuer.ID, len(ids))
		for _, id := range ids {
			byRow[id.ID] = id
			if id.State != issuer.StatePending && id.State != issuer.StateAbandoned && !k.seen[id.ID] {
				k.seen[id.ID] = true
				if _, ok := k.issued[id.ID]; !ok {
					h.report.Unacknowledged++
				}
			}
			if k.revoked[id.ID] && id.State != issuer.StateRevoked {
				return fail(&h.report.Lost, "revocation of ID row %d is lost: it is %s", id.ID, id.State)
			}
			if k.dismissed[id.Entitlement] && (id.State.Live() || id.State == issuer.StatePending) {
				return fail(&h.report.Lost, "entitlement %d was dismissed and has a %s ID", id.Entitlement, id.State)
			}
			if final && id.State == issuer.StatePending {
				return fail(&h.report.Broken, "ID row %d is pending after the last recovery", id.ID)
			}
			for r := uint32(0); r <= id.Renewal; r++ {
				if err := h.compareIntent(tx, id, r, fail); err != nil {
					return err
				}
			}
		}
		if err := h.compareCards(tx, fail); err != nil {
			return err
		}
		for n, a := range k.issued {
			id, ok := byRow[n]
			switch {
			case !ok:
				return fail(&h.report.Lost, "acknowledged ID row %d is gone", n)
			case id.Serial.String() != a.serial || id.Entitlement != a.entitlement || id.Number != a.number:
				return fail(&h.report.Lost, "acknowledged ID row %d has another serial, entitlement or number", n)
			case id.State == issuer.StatePending || id.State == issuer.StateAbandoned:
				return fail(&h.report.Lost, "acknowledged ID row %d is %s", n, id.State)
			}
		}
		return nil
	})
}

// compareCards holds the journal of cards against what was acknowledged: nothing is lost or goes back, and no status index
// is two cards' or a token's too.
func (h *harness) compareCards(tx issuer.Tx, fail func(*int, string, ...any) error) error {
	k := h.known
	found := map[int64]issuer.CardRow{}
	taken := map[uint32]int64{}
	if err := tx.Cards(func(c issuer.CardRow) error {
		found[c.ID] = c
		if other, ok := taken[c.Status]; ok && c.Entitlement != 0 {
			return fail(&h.report.Doubled, "cards %d and %d have the status index %d", other, c.ID, c.Status)
		}
		taken[c.Status] = c.ID
		return nil
	}); err != nil {
		return err
	}
	for token, status := range k.indices {
		if card, ok := taken[status]; ok {
			return fail(&h.report.Doubled, "card %d has the status index of token %d", card, token)
		}
	}
	for n, a := range k.cards {
		c, ok := found[n]
		if !ok || c.Entitlement != a.entitlement || int64(c.Status) != a.status || int64(c.State) < a.state {
			return fail(&h.report.Lost, "card %d of entitlement %d, status %d, state %d is lost: there is %+v", n, a.entitlement, a.status, a.state, c.State)
		}
	}
	for n, hash := range k.records {
		if sum := sha256.Sum256(found[n].Token); hex.EncodeToString(sum[:]) != hash {
			return fail(&h.report.Lost, "card %d does not have the token that was acknowledged", n)
		}
	}
	return nil
}

// compareIntent holds one intent's serial, indices and signed bytes against earlier looks.
func (h *harness) compareIntent(tx issuer.Tx, id issuer.ID, renewal uint32, fail func(*int, string, ...any) error) error {
	k := h.known
	tokens, err := tx.TokensOf(id.ID, renewal)
	if err != nil || len(tokens) == 0 {
		return err
	}
	key := intentKey{id.Entitlement, renewal}
	if was, ok := k.serials[key]; ok && was != id.Serial.String() {
		return fail(&h.report.Doubled, "intent %v has serial %s, had %s", key, id.Serial, was)
	}
	k.serials[key] = id.Serial.String()
	for _, t := range tokens {
		if was, ok := k.indices[t.ID]; ok && was != t.Status {
			return fail(&h.report.Doubled, "token %d has status index %d, had %d", t.ID, t.Status, was)
		}
		k.indices[t.ID] = t.Status
	}
	if want, ok := k.tokens[key]; ok {
		if got := tokenHashes(tokens); got != want {
			return fail(&h.report.Lost, "signed tokens of intent %v are not the acknowledged ones", key)
		}
	}
	return nil
}

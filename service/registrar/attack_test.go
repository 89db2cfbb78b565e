package registrar

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// ran writes a change of so many IDs that one person did alone, as if it had been previewed and had ended at these times.
func (o *office) ran(rows int, made, finished time.Time) {
	o.T.Helper()
	o.bulkRow(bulkFacts{To: "revoked", Rows: rows, Operator: 1, Finished: finished}, bulkDone, made)
}

func (o *office) bulkRow(f bulkFacts, s bulkStage, made time.Time) {
	o.T.Helper()
	if err := o.Server.Store.Update(bg, func(tx *store.ServiceTx) error {
		var n int
		if err := tx.Row(`SELECT count(*) FROM bulk_changes`, nil, &n); err != nil {
			return err
		}
		once := sha256.Sum256(fmt.Append(nil, n))
		facts, err := sealBulk(tx, once, &f)
		if err != nil {
			return err
		}
		_, err = tx.Insert(`INSERT INTO bulk_changes (body, account, once, made, stage, facts) VALUES ($1, 1, $2, $3, $4, $5)`,
			o.Ministry.EDRPOU, once[:], made.Unix(), int(s), facts)
		return err
	}); err != nil {
		o.T.Fatal(err)
	}
}

// previewed previews the revocation of one ID and answers its path and hash.
func (b *browser) previewed(number string) (path, hash string) {
	b.o.T.Helper()
	base := "/b/" + b.o.Ministry.EDRPOU
	path = b.post(base+"/bulk", "once", b.get(base+"/bulk").ok().hidden("once"), "list", number, "to", "revoked", "ground", "loss").to()
	return path, b.get(path).ok().hidden("hash")
}

// [RGP-16]: what one person did alone is counted, however it is hidden: behind a thousand previews, by a preview made long before.
func TestBrakeForgetsNothing(t *testing.T) {
	for name, hide := range map[string]func(o *office){
		"in sight": func(o *office) { o.ran(hr.BrakePeople, o.Now(), o.Now()) },
		"behind a thousand previews": func(o *office) {
			o.ran(hr.BrakePeople, o.Now(), o.Now())
			for range 1001 {
				o.bulkRow(bulkFacts{To: "revoked", Operator: 1}, bulkPreviewed, o.Now())
			}
		},
		"previewed long before": func(o *office) { o.ran(hr.BrakePeople, o.Now().Add(-bulkMemory-time.Hour), o.Now().Add(-time.Hour)) },
		"still running": func(o *office) {
			o.bulkRow(bulkFacts{To: "revoked", Rows: hr.BrakePeople, Operator: 1}, bulkRunning, o.Now().Add(-bulkMemory-time.Hour))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			hide(o)
			clerk := o.browser(service.Registrar, o.Ministry, 11)
			path, hash := clerk.previewed(o.Ministry.Holders["issued"].Number)
			clerk.post(path+"/start", "hash", hash).refused("passphrase")
			clerk.post(path+"/start", "hash", hash, "passphrase", phrase1).to()
			if b, err := o.p.bulkOf(bg, o.Ministry.EDRPOU, numberOf(path)); err != nil || b.Stage != bulkWaiting {
				t.Fatalf("stage %v, %v: want one that waits for a second person", b.Stage, err)
			}
		})
	}
	o := newOffice(t)
	o.ran(hr.BrakePeople, o.Now().Add(-2*bulkMemory), o.Now().Add(-bulkMemory))
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	path, hash := clerk.previewed(o.Ministry.Holders["issued"].Number)
	clerk.post(path+"/start", "hash", hash).to() // after a week it is forgotten
}

func numberOf(path string) (n int64) {
	fmt.Sscan(path[strings.LastIndexByte(path, '/')+1:], &n)
	return n
}

// [RGP-16]: two lists that are started at the same moment are counted together.
func TestBrakeCountsWhatStartsTogether(t *testing.T) {
	for range 3 {
		o := newOffice(t)
		o.ran(hr.BrakePeople-2, o.Now(), o.Now())
		clerk := o.browser(service.Registrar, o.Ministry, 11)
		var wait sync.WaitGroup
		begin := make(chan struct{})
		statuses := make([]int, 2)
		for i, part := range []string{"issued", "second"} {
			path, hash := clerk.previewed(o.Ministry.Holders[part].Number)
			wait.Go(func() {
				<-begin
				statuses[i], _, _ = o.Do(clerk.client, http.MethodPost, path+"/start", strings.NewReader(url.Values{"hash": {hash}}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
			})
		}
		close(begin)
		wait.Wait()
		if alone := count(statuses, http.StatusSeeOther); alone != 1 {
			t.Fatalf("statuses %v: %d lists ran without a second person, want one", statuses, alone)
		}
	}
}

func count(all []int, want int) (n int) {
	for _, one := range all {
		if one == want {
			n++
		}
	}
	return n
}

// The tries of a passphrase are counted before it is tried, so that many at once are no more than one after another.
func TestPassphraseTriesAtOnce(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	path := o.upload(clerk, o.Ministry, csvOf(crew(1, 2)))
	hash := clerk.get(path).ok().hidden("hash")
	form := url.Values{"hash": {hash}, "passphrase": {"навмання"}}.Encode()
	statuses := make([]int, 3*passphraseTries)
	var wait sync.WaitGroup
	for i := range statuses {
		wait.Go(func() {
			statuses[i], _, _ = o.Do(clerk.client, http.MethodPost, path+"/sign", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded")
		})
	}
	wait.Wait()
	if tried := count(statuses, http.StatusForbidden); tried != passphraseTries {
		t.Errorf("%d passphrases were tried, want %d: %v", tried, passphraseTries, statuses)
	}
}

// A list that stops at a fault has changed IDs all the same: verifiers hear of those without waiting for its end.
func TestFaultInAListIsPublished(t *testing.T) {
	o := newOffice(t)
	revoke := stateChanges["revoked"]
	defer func() { stateChanges["revoked"] = revoke }()
	broken := revoke
	second := o.Ministry.Holders["second"].Row
	broken.do = func(b *issuer.Body, ctx context.Context, row int64, ch issuer.Change) error {
		if row == second {
			return errors.New("issuer: the disk is gone")
		}
		return revoke.do(b, ctx, row, ch)
	}
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	base := "/b/" + o.Ministry.EDRPOU
	list := o.Ministry.Holders["issued"].Number + "\n" + o.Ministry.Holders["second"].Number
	path := clerk.post(base+"/bulk", "once", clerk.get(base+"/bulk").ok().hidden("once"), "list", list, "to", "revoked", "ground", "loss").to()
	clerk.post(path+"/start", "hash", clerk.get(path).ok().hidden("hash")).to()
	stateChanges["revoked"] = broken
	before := o.Trust.Published()
	o.Advance(time.Second)
	if err := o.p.workBulk(bg, o.Now()); err == nil {
		t.Fatal("the fault went unseen")
	}
	if got := state(t, o.Ministry, "issued"); got != issuer.StateRevoked {
		t.Fatalf("the first of the list is %s", got)
	}
	stateChanges["revoked"] = revoke
	if err := o.Server.Store.Update(bg, func(tx *store.ServiceTx) error { // nothing is left for the jobs to do
		_, err := tx.Exec(`UPDATE bulk_changes SET stage = 4`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- o.Server.Run(ctx) }()
	for range 600 {
		if o.Trust.Published() > before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if o.Trust.Published() == before {
		t.Error("a revocation was not published")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

package checkpoints

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// SQL of portraits.
const (
	sqlChoices     = "SELECT verifier, gives FROM checkpoint_photos WHERE body = $1"
	sqlChoose      = "INSERT INTO checkpoint_photos (body, verifier, gives, maker, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (body, verifier) DO UPDATE SET gives = excluded.gives, maker = excluded.maker, at = excluded.at"
	sqlStoppedOnes = "SELECT verifier FROM checkpoints WHERE verifier <> 0 AND state = 'stopped'"
	sqlPacks       = "SELECT part, mark, recipients, sum, size, photos, made, file FROM checkpoint_packs WHERE body = $1 ORDER BY part"
	sqlKeepPack    = "INSERT INTO checkpoint_packs (body, part, mark, recipients, sum, size, photos, made, file) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (body, part) DO UPDATE SET mark = excluded.mark, recipients = excluded.recipients, sum = excluded.sum, size = excluded.size, photos = excluded.photos, made = excluded.made, file = excluded.file"
	sqlDropPacks   = "DELETE FROM checkpoint_packs WHERE body = $1 AND part >= $2"
	sqlPortrait    = "INSERT INTO checkpoint_portraits (body, verifier, day, given, refused) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (body, verifier, day) DO UPDATE SET given = given + excluded.given, refused = refused + excluded.refused"
)

// What a body gives a verifier of its portraits.
const (
	givesNone   = "none"
	givesPack   = "pack"
	givesOnline = "online"
)

// choices are what a body gives which verifier, by number, as far as a person has decided.
func choices(tx *store.ServiceTx, body string) (map[uint64]string, error) {
	out := map[uint64]string{}
	err := tx.Rows(sqlChoices, []any{body}, func(scan func(...any) error) error {
		var id uint64
		var gives string
		err := scan(&id, &gives)
		out[id] = gives
		return err
	})
	return out, err
}

// givesTo tells what a body gives a verifier of the bundle: what a person decided, else packs to its own checkpoints and nothing to
// others (docs/spec/photos.md, Section 1).
func givesTo(body string, v trust.VerifierEntry, chosen map[uint64]string) string {
	if gives, ok := chosen[v.ID]; ok {
		return gives
	}
	if v.Body == body && v.Class == trust.ClassCheckpoint {
		return givesPack
	}
	return givesNone
}

// recipients are the verifiers that a body gives packs to now: in the bundle, in their term, and not stopped here.
func (p *part) recipients(ctx context.Context, body string, at time.Time) ([]trust.VerifierEntry, error) {
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return nil, service.BundleMissing.Because(err)
	}
	if !at.Before(b.ExpiresAt()) {
		return nil, service.BundleMissing.Because(fmt.Errorf("checkpoints: bundle %d has expired: who is a verifier now, it does not tell", b.Number()))
	}
	all, err := b.Verifiers()
	if err != nil {
		return nil, err
	}
	var chosen map[uint64]string
	stopped := map[uint64]bool{}
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) (err error) {
		if chosen, err = choices(tx, body); err != nil {
			return err
		}
		return tx.Rows(sqlStoppedOnes, nil, func(scan func(...any) error) error {
			var id uint64
			err := scan(&id)
			stopped[id] = true
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	var to []trust.VerifierEntry
	for _, v := range all {
		if !stopped[v.ID] && at.Before(v.ValidUntil) && givesTo(body, v, chosen) != givesNone {
			to = append(to, v)
		}
	}
	slices.SortFunc(to, func(a, b trust.VerifierEntry) int { return cmp.Compare(a.ID, b.ID) })
	return to, nil
}

// pack is one photo pack on disk.
type pack struct {
	Part       int
	Mark       []byte
	Recipients []uint64
	Sum        []byte
	Size       int64
	Photos     int
	Made       time.Time
	File       string
}

func packs(tx *store.ServiceTx, body string) (list []pack, err error) {
	err = tx.Rows(sqlPacks, []any{body}, func(scan func(...any) error) error {
		var k pack
		var made int64
		var to []byte
		if err := scan(&k.Part, &k.Mark, &to, &k.Sum, &k.Size, &k.Photos, &made, &k.File); err != nil {
			return err
		}
		for ; len(to) >= 8; to = to[8:] {
			k.Recipients = append(k.Recipients, binary.BigEndian.Uint64(to))
		}
		k.Made = when(made)
		list = append(list, k)
		return nil
	})
	return list, err
}

// markOf is what a pack is made of: who can open it, and which portraits it holds.
func markOf(to []trust.VerifierEntry, hashes [][20]byte) []byte {
	h := sha256.New()
	io.WriteString(h, "posvid pack 1")
	for _, v := range to {
		h.Write(binary.BigEndian.AppendUint64(nil, v.ID))
		h.Write(v.HPKE.Bytes())
	}
	for _, hash := range hashes {
		h.Write(hash[:])
	}
	return h.Sum(nil)
}

// makePacks holds the packs of every body against what they should be.
func (p *part) makePacks(ctx context.Context, at time.Time) error {
	var failed error
	for _, b := range p.s.Bodies {
		p.packing.Lock()
		err := p.packsOf(ctx, b, at)
		p.packing.Unlock()
		if err != nil && !errors.Is(err, service.BundleMissing) {
			failed = errors.Join(failed, fmt.Errorf("checkpoints: packs of %s: %w", b.EDRPOU, err))
		}
	}
	return failed
}

// freshPacks is makePacks for one body, at most once in half a minute, for a device that asks.
func (p *part) freshPacks(ctx context.Context, b *service.Body, at time.Time) error {
	p.packing.Lock()
	defer p.packing.Unlock()
	if last, ok := p.soon[b.EDRPOU]; ok && at.Sub(last).Abs() < 30*time.Second {
		return nil
	}
	return p.packsOf(ctx, b, at)
}

// packsOf makes what is missing or old of a body's packs, and drops what nobody is to have any more.
func (p *part) packsOf(ctx context.Context, b *service.Body, at time.Time) error {
	to, err := p.recipients(ctx, b.EDRPOU, at)
	if err != nil {
		return err
	}
	var have []pack
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) (err error) {
		have, err = packs(tx, b.EDRPOU)
		return err
	})
	if err != nil {
		return err
	}
	var hashes [][20]byte
	if len(to) > 0 {
		if hashes, err = p.live.hashes(ctx, b, at); err != nil {
			return err
		}
	}
	parts := 0
	if len(hashes) > 0 {
		for group := range slices.Chunk(to, checkpoint.MaxPhotoRecipients) {
			mark := markOf(group, hashes)
			i := slices.IndexFunc(have, func(k pack) bool { return k.Part == parts })
			if i < 0 || !bytes.Equal(have[i].Mark, mark) || at.Sub(have[i].Made).Abs() > packAge || !p.there(have[i]) {
				if err := p.makePack(ctx, b, parts, group, hashes, mark, at); err != nil {
					return err
				}
				if i >= 0 {
					p.remove(have[i].File)
				}
			}
			parts++
		}
	}
	for _, k := range have {
		if k.Part >= parts {
			if err := p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
				_, err := tx.Exec(sqlDropPacks, b.EDRPOU, parts)
				return err
			}); err != nil {
				return err
			}
			p.remove(k.File)
		}
	}
	p.soon[b.EDRPOU] = at
	return nil
}

// there tells whether the file of a pack is there as it was written.
func (p *part) there(k pack) bool {
	info, err := os.Stat(filepath.Join(p.c.Folder, k.File))
	return err == nil && info.Mode().IsRegular() && info.Size() == k.Size
}

// remove drops a file that no row names any more. What cannot be removed stays sealed to those who had it.
func (p *part) remove(file string) {
	if file != "" && filepath.Base(file) == file {
		_ = os.Remove(filepath.Join(p.c.Folder, file))
	}
}

// makePack writes one pack, and then the row that names it: after a crash the old row has its old file.
func (p *part) makePack(ctx context.Context, b *service.Body, n int, to []trust.VerifierEntry, hashes [][20]byte, mark []byte, at time.Time) (err error) {
	f, err := os.CreateTemp(p.c.Folder, "pack-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	sum := sha256.New()
	read := func(hash [20]byte) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return b.Photo(hash)
	}
	report, err := checkpoint.WritePhotos(io.MultiWriter(f, sum), b.EDRPOU, to, hashes, read, at)
	if err != nil {
		return err
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	digest := sum.Sum(nil)
	name := fmt.Sprintf("%s-%d-%s.sidp", b.EDRPOU, n, hex.EncodeToString(digest[:8]))
	if err = os.Rename(f.Name(), filepath.Join(p.c.Folder, name)); err != nil {
		return err
	}
	var ids []byte
	for _, v := range to {
		ids = binary.BigEndian.AppendUint64(ids, v.ID)
	}
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(sqlKeepPack, b.EDRPOU, n, mark, ids, digest, report.Bytes, report.Photos, at.Unix(), name)
		return err
	})
}

// liveCache remembers for half a minute which portraits are those of live IDs.
type liveCache struct {
	mu sync.Mutex
	of map[string]liveHashes
}

type liveHashes struct {
	at   time.Time
	list [][20]byte // ascending, each once
}

func (c *liveCache) hashes(ctx context.Context, b *service.Body, at time.Time) ([][20]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.of[b.EDRPOU]; ok && at.Sub(l.at).Abs() < 30*time.Second {
		return l.list, nil
	}
	list, _, err := issuer.LivePhotos(ctx, b.Store, at)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, compareHashes)
	list = slices.Compact(list)
	if c.of == nil {
		c.of = map[string]liveHashes{}
	}
	c.of[b.EDRPOU] = liveHashes{at, list}
	return list, nil
}

func compareHashes(a, b [20]byte) int { return bytes.Compare(a[:], b[:]) }

// packOffer is one pack that a device may fetch.
type packOffer struct {
	EDRPOU string    `json:"edrpou"`
	Name   string    `json:"name"`
	SHA256 string    `json:"sha256"` // of the file, hexadecimal
	Size   int64     `json:"size"`
	Photos int       `json:"photos"`
	Made   time.Time `json:"made"`
	Path   string    `json:"path"`
}

// offered finds the pack of a body that a device can open.
func (p *part) offered(ctx context.Context, b *service.Body, verifier uint64) (k pack, ok bool, err error) {
	var list []pack
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		list, err = packs(tx, b.EDRPOU)
		return err
	})
	for _, k := range list {
		if slices.Contains(k.Recipients, verifier) {
			return k, true, nil
		}
	}
	return k, false, err
}

// listPacks tells a device which packs there are for it.
func (p *part) listPacks(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	caller := service.PrincipalOf(ctx)
	offers := []packOffer{}
	for _, b := range p.s.Bodies {
		if err := p.freshPacks(ctx, b, p.s.Now()); err != nil {
			return err
		}
		k, ok, err := p.offered(ctx, b, caller.Verifier)
		if err != nil {
			return err
		}
		if ok {
			offers = append(offers, packOffer{b.EDRPOU, b.Name, hex.EncodeToString(k.Sum), k.Size, k.Photos, k.Made, "/api/v1/checkpoint/photos/" + b.EDRPOU})
		}
	}
	data, err := json.Marshal(map[string]any{"packs": offers})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	return nil
}

// sendPack gives a device a pack, or the rest of one (RFC 9110, Section 14).
func (p *part) sendPack(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	b, err := p.s.Body(r.PathValue("edrpou"))
	if err != nil {
		return err
	}
	k, ok, err := p.offered(ctx, b, service.PrincipalOf(ctx).Verifier)
	if err != nil {
		return err
	}
	if !ok {
		return noPack
	}
	f, err := os.Open(filepath.Join(p.c.Folder, k.File))
	if errors.Is(err, fs.ErrNotExist) {
		return noPack.Because(err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	// Three gigabytes over a thin line take their time; a tenth of a megabit a second is the least.
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute + time.Duration(k.Size/12_500)*time.Second)) // a test's recorder has none
	w.Header().Set("Content-Type", "application/vnd.posvid.photos")
	w.Header().Set("ETag", `"`+hex.EncodeToString(k.Sum)+`"`)
	http.ServeContent(w, r, "", k.Made, f)
	return nil
}

// portrait gives one portrait to a device that a body allows it, and counts by day. Only portraits of live IDs are given, and a hash
// that nobody has gets the same answer as one that is not for this device.
func (p *part) portrait(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if _, err := p.device(ctx); err != nil {
		return err
	}
	caller, at := service.PrincipalOf(ctx), p.s.Now()
	if !p.asked.take(caller.Verifier, at) {
		return service.Limited
	}
	text := strings.ToLower(r.PathValue("hash"))
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 20 {
		return noPortrait
	}
	hash := [20]byte(raw)
	for _, b := range p.s.Bodies {
		gives, err := p.gives(ctx, b.EDRPOU, caller.Verifier, at)
		if err != nil {
			return err
		}
		if gives != givesOnline {
			continue
		}
		list, err := p.live.hashes(ctx, b, at)
		if err != nil {
			return err
		}
		var jpeg []byte
		if _, ok := slices.BinarySearchFunc(list, hash, compareHashes); ok {
			if jpeg, err = b.Photo(hash); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if sum := sha256.Sum256(jpeg); !bytes.Equal(sum[:20], hash[:]) {
			jpeg = nil // a file that is not what its name says
		}
		given := 0
		if jpeg != nil {
			given = 1
		}
		err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
			_, err := tx.Exec(sqlPortrait, b.EDRPOU, caller.Verifier, at.Unix()/86400, given, 1-given)
			return err
		})
		if err != nil {
			return err
		}
		if jpeg != nil {
			w.Header().Set("Content-Type", "image/jpeg")
			w.Header().Set("Content-Length", strconv.Itoa(len(jpeg)))
			_, err := w.Write(jpeg)
			return err
		}
	}
	return noPortrait
}

// gives tells what a body gives one verifier now.
func (p *part) gives(ctx context.Context, body string, verifier uint64, at time.Time) (string, error) {
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return "", service.BundleMissing.Because(err)
	}
	v, ok, err := b.Verifier(verifier)
	if err != nil || !ok || !at.Before(v.ValidUntil) {
		return givesNone, err
	}
	var chosen map[uint64]string
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) (err error) {
		chosen, err = choices(tx, body)
		return err
	})
	return givesTo(body, v, chosen), err
}

// rates counts what each device asks for.
type rates struct {
	per   rate.Limit
	burst int

	mu sync.Mutex
	of map[uint64]*rate.Limiter
}

func newRates(n int, period time.Duration) *rates {
	return &rates{per: rate.Limit(float64(n) / period.Seconds()), burst: n, of: map[uint64]*rate.Limiter{}}
}

// take tells whether a verifier may ask once more. There are at most as many as the bundle has verifiers.
func (r *rates) take(verifier uint64, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.of[verifier]
	if l == nil {
		l = rate.NewLimiter(r.per, r.burst)
		r.of[verifier] = l
	}
	return l.AllowN(at, 1)
}

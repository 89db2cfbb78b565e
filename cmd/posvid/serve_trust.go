package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// liveBundle is the installed bundle of one body while it changes: what the body may sign, how its tokens are checked, and what it
// published before all follow it.
type liveBundle struct{ now atomic.Pointer[trust.Bundle] }

// CheckGrant implements issuer.KeyGranter; without a bundle nothing is granted.
func (l *liveBundle) CheckGrant(key keys.IssuerPublicKey, body string, kind credential.Kind, life time.Duration, at time.Time) error {
	return issuer.BundleGrant{Bundle: l.now.Load()}.CheckGrant(key, body, kind, life, at)
}

// CheckToken implements issuer.TokenChecker; without a bundle nothing is accepted.
func (l *liveBundle) CheckToken(token []byte, at time.Time) error {
	return verifier.CheckToken(token, l.now.Load(), at)
}

// Status implements issuer.PublishedStatuses.
func (l *liveBundle) Status(iss string, list uint16, index uint32) (trust.StatusValue, time.Time, error) {
	b := l.now.Load()
	if b == nil {
		return 0, time.Time{}, errors.New("posvid: no trust bundle is installed")
	}
	return b.Status(iss, list, index)
}

// hostBody is one opened body of this host.
type hostBody struct {
	*openBody
	live  *liveBundle
	state *checkpoint.State
}

// hostTrust is what this host knows and does of trust: the installed bundle of its bodies, and the trust operator's work where the
// operator's folder lies here.
type hostTrust struct {
	env      *cli.Env
	bodies   []*hostBody
	operator *operatorFolder // nil when this host is not the trust operator's

	mu      sync.Mutex // one change at a time
	current atomic.Pointer[installed]
	signer  map[string]authority.BundlePrivateKey // opened bundle signers by name
	beacon  trust.BeaconSource
}

// installed is a bundle with the bytes it was opened from.
type installed struct {
	bundle *trust.Bundle
	data   []byte
}

// newHostTrust reads what is installed.
func newHostTrust(env *cli.Env, bodies []*hostBody) (*hostTrust, error) {
	t := &hostTrust{env: env, bodies: bodies, signer: map[string]authority.BundlePrivateKey{}}
	operator := operatorFolderOf(env)
	if _, err := os.Stat(operator.file("register.json")); err == nil {
		t.operator = operator
	}
	return t, t.read()
}

// follow takes over what another command installed meanwhile.
func (t *hostTrust) follow(context.Context, time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.read()
}

// read reads what is installed. The lock is held.
func (t *hostTrust) read() error {
	var newest *installed
	for _, b := range t.bodies {
		bundle, err := b.state.Bundle()
		if errors.Is(err, checkpoint.ErrNoPin) || errors.Is(err, checkpoint.ErrNoBundle) {
			continue
		}
		if err != nil {
			return fmt.Errorf("body %s: %w", b.edrpou, err)
		}
		if old := b.live.now.Load(); old == nil || old.ManifestHash() != bundle.ManifestHash() {
			b.live.now.Store(bundle)
		}
		if newest == nil || bundle.Number() > newest.bundle.Number() {
			newest = &installed{bundle, nil}
		}
		if known := t.current.Load(); known != nil && known.bundle.ManifestHash() == newest.bundle.ManifestHash() {
			newest = known
			continue
		}
		if newest.data == nil {
			if newest.data, err = b.bundleBytes(bundle); err != nil {
				return err
			}
		}
	}
	if newest != nil {
		t.current.Store(newest)
	}
	return nil
}

// bundleBytes finds the file of an installed bundle among the slots of the body's trust folder.
func (b *hostBody) bundleBytes(bundle *trust.Bundle) ([]byte, error) {
	names, err := filepath.Glob(filepath.Join(b.state.Dir(), "*.sidb"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if len(data) != bundle.Size() {
			continue
		}
		// The pin of the state opened the installed one; the same manifest means the same sections.
		if same, err := trust.Open(data, bundle.FirstFingerprint()); err == nil && same.ManifestHash() == bundle.ManifestHash() {
			return data, nil
		}
	}
	return nil, fmt.Errorf("posvid: bundle %d of body %s: its file is not there", bundle.Number(), b.edrpou)
}

// Bundle implements service.Trust.
func (t *hostTrust) Bundle() (*trust.Bundle, []byte, error) {
	now := t.current.Load()
	if now == nil {
		return nil, nil, fmt.Errorf("posvid: %w", verifier.NoBundle)
	}
	return now.bundle, now.data, nil
}

// Install implements service.Trust.
func (t *hostTrust) Install(data []byte, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.install(data, at)
}

// install installs a bundle for every body; one that cannot take it keeps none of the others from it. The lock is held.
func (t *hostTrust) install(data []byte, at time.Time) error {
	data = bytes.Clone(data)
	var failed []error
	for _, b := range t.bodies {
		if _, err := b.state.Install(data, at); err != nil {
			failed = append(failed, fmt.Errorf("body %s: %w", b.edrpou, err))
		}
	}
	return errors.Join(append(failed, t.read())...)
}

// Register implements service.Trust.
func (t *hostTrust) Register() (*trust.Register, error) {
	if t.operator == nil {
		return nil, fs.ErrNotExist
	}
	return t.operator.register()
}

// Admit implements service.Trust.
func (t *hostTrust) Admit(request []byte, g trust.VerifierGrant, at time.Time) (id uint64, err error) {
	if t.operator == nil {
		return 0, fs.ErrNotExist
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err = t.operator.update(func(r *trust.Register) error {
		id, err = r.AdmitVerifier(request, g, at)
		return err
	})
	return id, err
}

// EndVerifier takes a verifier out of every later bundle; fs.ErrNotExist as in Admit. One that was ended before is no error.
func (t *hostTrust) EndVerifier(id uint64, _ time.Time) error {
	if t.operator == nil {
		return fs.ErrNotExist
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.operator.update(func(r *trust.Register) error { return r.EndVerifier(id) })
	if errors.Is(err, trust.ErrNotAdmitted) {
		return nil
	}
	return err
}

// Publish implements service.Trust. A body that cannot publish keeps none of the others from it.
func (t *hostTrust) Publish(ctx context.Context, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var failed []error
	var publications [][]byte
	for _, b := range t.bodies {
		data, err := t.publishBody(ctx, b, at)
		if err != nil {
			failed = append(failed, fmt.Errorf("body %s: %w", b.edrpou, err))
			continue
		}
		publications = append(publications, data)
	}
	if t.operator != nil {
		data, refused, err := t.nextBundle(publications, at)
		if err == nil {
			err = cli.WriteAtomic(t.env.Path("bundle.sidb"), data, 0o644)
		}
		if err == nil {
			err = t.install(data, at)
		}
		failed = append(failed, refused, err)
	}
	return errors.Join(failed...)
}

// publishBody makes a body's publication, and leaves it in its folder for where the trust operator is elsewhere.
func (t *hostTrust) publishBody(ctx context.Context, b *hostBody, at time.Time) ([]byte, error) {
	if bundle := b.live.now.Load(); bundle != nil && !at.Before(bundle.ExpiresAt().Add(farAhead)) {
		return nil, fmt.Errorf("posvid: the clock is more than %d days past the end of bundle %d: install a fresh one, or publish by hand", int(farAhead.Hours()/24), bundle.Number())
	}
	if _, err := b.register.Sweep(ctx, at); err != nil {
		return nil, err
	}
	publication, _, err := b.body.Publish(ctx, at)
	if err != nil {
		return nil, err
	}
	data, err := publication.Encode()
	if err != nil {
		return nil, err
	}
	return data, cli.WriteAtomic(b.file("publication.sidp"), data, 0o644)
}

// nextBundle carries publications and makes the next bundle with keys that stay open while the service runs. One publication that
// the register refuses does not keep the others out: refused says so beside the bundle.
func (t *hostTrust) nextBundle(publications [][]byte, at time.Time) (data []byte, refused, err error) {
	if t.beacon == nil {
		if t.beacon, err = t.operator.beacon(); err != nil {
			return nil, nil, err
		}
	}
	err = t.operator.update(func(r *trust.Register) error {
		key, err := t.bundleSigner(r)
		if err != nil {
			return err
		}
		for _, publication := range publications {
			refused = errors.Join(refused, r.Carry(publication, at))
		}
		data, err = r.BuildBundleEvery(at, key, t.beacon, trust.BeaconEvery)
		return err
	})
	return data, refused, err
}

// bundleSigner is the opened signer that the newest root names.
func (t *hostTrust) bundleSigner(r *trust.Register) (authority.BundlePrivateKey, error) {
	roots := r.Roots()
	for _, public := range roots[len(roots)-1].BundleSigners {
		if key, ok := t.signer[public.String()]; ok {
			return key, nil
		}
	}
	key, err := t.operator.bundleKey(r)
	if err == nil {
		t.signer[key.BundlePublic().String()] = key
	}
	return key, err
}

// serviceKey is the data key of service.db, made at the first start and sealed like a body's.
func serviceKey(env *cli.Env, file string) (key store.DataKey, err error) {
	passphrase, err := env.Passphrase(false)
	if err != nil {
		return key, err
	}
	sealed, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newServiceKey(env, file, passphrase)
	}
	if err != nil {
		return key, err
	}
	secret, err := keys.Open(passphrase, dataKeyRole, sealed)
	if err != nil {
		return key, passphraseHint(env, err)
	}
	if len(secret) != len(key) {
		return key, fmt.Errorf("posvid: data key of the service: want %d bytes, got %d", len(key), len(secret))
	}
	return store.DataKey(secret), nil
}

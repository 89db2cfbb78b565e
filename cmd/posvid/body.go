package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// dataKeyRole labels the sealed key of the columns that are encrypted at rest.
const dataKeyRole = "data"

// bodyFolder is the state of one issuing body on disk:
//
//	body.db          the store
//	keys/data.age    key of the columns encrypted at rest
//	keys/issuer.age  the issuer key that signs now; keys/issuer-‹kid›.age keeps those made for rotation
//	operators/N.age  operator N's key, sealed under his own passphrase
//	plans/           plans and the approvals of them
//	photos/          normalised portraits, named by the hash that tokens carry
//	trust/           the installed bundle, two slots
type bodyFolder struct {
	env    *cli.Env
	edrpou string
	path   string
}

// bodyFolderOf finds the body: the one named, or the only one there is.
func bodyFolderOf(env *cli.Env, edrpou string) (*bodyFolder, error) {
	if edrpou == "" {
		found, err := bodiesIn(env)
		if err != nil {
			return nil, err
		}
		switch len(found) {
		case 0:
			return nil, cli.Hint(env.Err("у теці %s немає жодного органу", "no body in %s", env.Dir),
				env.T("створіть орган: posvid init ТЕКА", "make one: posvid init DIR"))
		case 1:
			edrpou = found[0]
		default:
			return nil, cli.Usagef("%s", env.T("органів кілька, назвіть один: --body "+strings.Join(found, " | "), "several bodies, name one: --body "+strings.Join(found, " | ")))
		}
	}
	if !hr.ValidEDRPOU(edrpou) {
		return nil, cli.Usagef("%s", env.T("--body: %q не є кодом ЄДРПОУ", "--body: %q is not a valid ЄДРПОУ code", edrpou))
	}
	folder := &bodyFolder{env, edrpou, env.Path("bodies", edrpou)}
	if _, err := os.Stat(folder.file("body.db")); err != nil {
		return nil, cli.Hint(env.Err("органу %s немає в теці %s", "there is no body %s in %s", edrpou, env.Dir),
			env.T("створіть орган: posvid init ТЕКА", "make it: posvid init DIR"))
	}
	return folder, nil
}

// bodiesIn lists the bodies below --dir.
func bodiesIn(env *cli.Env) ([]string, error) {
	entries, err := os.ReadDir(env.Path("bodies"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() && hr.ValidEDRPOU(entry.Name()) {
			found = append(found, entry.Name())
		}
	}
	return found, nil
}

func (f *bodyFolder) file(parts ...string) string {
	return filepath.Join(append([]string{f.path}, parts...)...)
}

// create makes the folder with its keys and an empty store.
func (f *bodyFolder) create(passphrase []byte, opt keys.SealOptions) error {
	if _, err := os.Stat(f.file("body.db")); err == nil {
		return f.env.Err("орган %s уже є в теці %s", "body %s is already in %s", f.edrpou, f.env.Dir)
	}
	for _, folder := range []string{"keys", "operators", "plans", "photos", "requests"} {
		if err := os.MkdirAll(f.file(folder), 0o700); err != nil {
			return err
		}
	}
	data := store.NewDataKey()
	sealed, err := keys.Seal(passphrase, dataKeyRole, f.edrpou, data[:], opt)
	if err != nil {
		return err
	}
	if err := cli.WriteAtomic(f.file("keys", "data.age"), sealed, 0o600); err != nil {
		return err
	}
	key, err := authority.GenerateIssuerKey(cose.ESP256)
	if err != nil {
		return err
	}
	if err := f.saveIssuerKey(key, passphrase, opt, "issuer.age"); err != nil {
		return err
	}
	return os.WriteFile(f.file("body.db"), nil, 0o600) // the store's own files take over its rights
}

func (f *bodyFolder) saveIssuerKey(key authority.IssuerPrivateKey, passphrase []byte, opt keys.SealOptions, name string) error {
	sealed, err := key.Seal(passphrase, opt)
	if err != nil {
		return err
	}
	return cli.WriteAtomic(f.file("keys", name), sealed, 0o600)
}

// issuerKey opens the key that signs now.
func (f *bodyFolder) issuerKey() (authority.IssuerPrivateKey, error) {
	passphrase, err := f.env.Passphrase(false)
	if err != nil {
		return authority.IssuerPrivateKey{}, err
	}
	sealed, err := os.ReadFile(f.file("keys", "issuer.age"))
	if err != nil {
		return authority.IssuerPrivateKey{}, err
	}
	key, err := authority.OpenIssuerKey(passphrase, sealed)
	return key, passphraseHint(f.env, err)
}

// passphraseHint tells where a passphrase comes from when it is wrong.
func passphraseHint(env *cli.Env, err error) error {
	if errors.Is(err, keys.ErrPassphrase) {
		return cli.Hint(env.Err("парольна фраза не підходить", "the passphrase is wrong"),
			env.T("її беруть з --passphrase-file, тоді з $POSVID_PASSPHRASE, тоді питають", "it is taken from --passphrase-file, then $POSVID_PASSPHRASE, then asked for"))
	}
	return err
}

// openStore opens the store with its data key.
func (f *bodyFolder) openStore() (*store.Store, error) {
	passphrase, err := f.env.Passphrase(false)
	if err != nil {
		return nil, err
	}
	sealed, err := os.ReadFile(f.file("keys", "data.age"))
	if err != nil {
		return nil, err
	}
	secret, err := keys.Open(passphrase, dataKeyRole, sealed)
	if err != nil {
		return nil, passphraseHint(f.env, err)
	}
	if len(secret) != store.DataKeySize {
		return nil, fmt.Errorf("posvid: data key: want %d bytes, got %d", store.DataKeySize, len(secret))
	}
	sealer, err := store.NewSealer(store.DataKey(secret))
	if err != nil {
		return nil, err
	}
	database, err := store.Open(f.file("body.db"), store.Options{Sealer: sealer})
	if errors.Is(err, store.ErrDamaged) {
		return nil, cli.Hint(fmt.Errorf("%s: %w", f.env.T("сховище органу "+f.edrpou+" пошкоджено", "the store of body "+f.edrpou+" is damaged"), err),
			f.env.T("відновіть body.db з копії; пошкоджений файл збережіть", "restore body.db from a copy; keep the damaged file"))
	}
	return database, err
}

// openBody is an opened body: its store, its pipeline and its register.
type openBody struct {
	*bodyFolder
	store    *store.Store
	body     *issuer.Body
	register *issuer.Register
	signer   authority.IssuerPrivateKey
	bundle   *trust.Bundle // nil without an installed one
}

// tokenChecker verifies tokens as a checkpoint would, by the installed bundle.
type tokenChecker struct{ bundle *trust.Bundle }

func (c tokenChecker) CheckToken(token []byte, at time.Time) error {
	return verifier.CheckToken(token, c.bundle, at)
}

// open opens the body. sign asks for the issuer key; tokens additionally for an installed bundle that grants it.
func (f *bodyFolder) open(ctx context.Context, sign, tokens bool) (*openBody, error) {
	database, err := f.openStore()
	if err != nil {
		return nil, err
	}
	b := &openBody{bodyFolder: f, store: database}
	fail := func(err error) (*openBody, error) {
		database.Close()
		return nil, err
	}
	config := issuer.Config{EDRPOU: f.edrpou}
	if sign || tokens {
		if b.signer, err = f.issuerKey(); err != nil {
			return fail(err)
		}
		config.Signer = b.signer
		if before, err := f.installedBundle(); err == nil { // a body that begins has none
			config.Before = before
		}
	}
	if tokens {
		if b.bundle, err = f.installedBundle(); err != nil {
			return fail(err)
		}
		config.Grant = issuer.BundleGrant{Bundle: b.bundle}
		config.Checker = tokenChecker{b.bundle}
	}
	if b.body, err = issuer.Open(ctx, database, config); err != nil {
		return fail(err)
	}
	if b.register, err = issuer.OpenRegister(ctx, database); err != nil {
		return fail(err)
	}
	return b, nil
}

// close closes the store; the first error of the command wins.
func (b *openBody) close(err *error) {
	if closed := b.store.Close(); *err == nil {
		*err = closed
	}
}

// trustState is the body's own memory of bundles, kept as a checkpoint keeps its.
func (f *bodyFolder) trustState() (*checkpoint.State, error) { return checkpoint.Open(f.file("trust")) }

// installedBundle is the bundle that says what this body may sign.
func (f *bodyFolder) installedBundle() (*trust.Bundle, error) {
	state, err := f.trustState()
	if err != nil {
		return nil, err
	}
	bundle, err := state.Bundle()
	if errors.Is(err, checkpoint.ErrNoPin) || errors.Is(err, checkpoint.ErrNoBundle) {
		return nil, cli.Hint(f.env.Err("в органі %s не встановлено набору довіри, тому підписувати нічого не можна", "body %s has no trust bundle installed, so nothing may be signed", f.edrpou),
			f.env.T("posvid bundle install ФАЙЛ --body %s --pin ВІДБИТОК", "posvid bundle install FILE --body %s --pin FINGERPRINT", f.edrpou))
	}
	return bundle, err
}

// operatorFile is where operator n's sealed key lies.
func (f *bodyFolder) operatorFile(n int64) string {
	return f.file("operators", strconv.FormatInt(n, 10)+".age")
}

// operator finds an active operator by number or name.
func (b *openBody) operator(ctx context.Context, who string) (issuer.Operator, error) {
	all, err := b.register.Operators(ctx)
	if err != nil {
		return issuer.Operator{}, err
	}
	var names []string
	for _, o := range all {
		if !o.Active() {
			continue
		}
		if strconv.FormatInt(o.ID, 10) == who || o.Name == who {
			return o, nil
		}
		names = append(names, fmt.Sprintf("%d %s", o.ID, o.Name))
	}
	return issuer.Operator{}, cli.Usagef("%s", b.env.T("--as: назвіть підписувача номером або іменем: "+strings.Join(names, "; "), "--as: name an operator by number or name: "+strings.Join(names, "; ")))
}

// operatorKey opens the key of an operator.
func (b *openBody) operatorKey(o issuer.Operator) (authority.OperatorPrivateKey, error) {
	sealed, err := os.ReadFile(b.operatorFile(o.ID))
	if err != nil {
		return authority.OperatorPrivateKey{}, err
	}
	passphrase, err := b.env.OperatorPassphrase()
	if err != nil {
		return authority.OperatorPrivateKey{}, err
	}
	key, err := authority.OpenOperatorKey(passphrase, sealed)
	if errors.Is(err, keys.ErrPassphrase) && b.env.Interactive() {
		// The body's passphrase opened the store; this operator has one of his own.
		if passphrase, err = b.env.Ask(b.env.T("Парольна фраза підписувача %d: ", "Passphrase of operator %d: ", o.ID)); err == nil {
			key, err = authority.OpenOperatorKey(passphrase, sealed)
		}
	}
	if errors.Is(err, keys.ErrPassphrase) {
		return key, cli.Hint(b.env.Err("парольна фраза підписувача %d не підходить", "the passphrase of operator %d is wrong", o.ID),
			b.env.T("дайте --as-passphrase-file ФАЙЛ", "give --as-passphrase-file FILE"))
	}
	if err != nil {
		return key, err
	}
	if key.OperatorPublic().Thumbprint() != o.Key.Thumbprint() {
		return key, b.env.Err("ключ підписувача %d не той, що в реєстрі", "the key of operator %d is not the one in the register", o.ID)
	}
	return key, nil
}

// photoFile is where the portrait with the given hash (first 20 bytes of SHA-256) lies.
func (f *bodyFolder) photoFile(hash [20]byte) string {
	return f.file("photos", hex.EncodeToString(hash[:])+".jpg")
}

// keepPhoto stores a normalised portrait under its hash.
func (f *bodyFolder) keepPhoto(sha [32]byte, jpeg []byte) error {
	name := f.photoFile([20]byte(sha[:20]))
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	return cli.WriteAtomic(name, jpeg, 0o600)
}

// photo reads the portrait of a hash; nil when there is none.
func (f *bodyFolder) photo(hash [20]byte) ([]byte, error) {
	data, err := os.ReadFile(f.photoFile(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// idsOf resolves what a person types for an ID: number, serial in hex, or row with a leading '#'.
func (b *openBody) idOf(ctx context.Context, text string) (issuer.ID, error) {
	if row, ok := strings.CutPrefix(text, "#"); ok {
		n, err := strconv.ParseInt(row, 10, 64)
		if err != nil {
			return issuer.ID{}, cli.Usagef("%s", b.env.T("%q: після # має бути номер рядка", "%q: want a row number after #", text))
		}
		return b.body.Show(ctx, n)
	}
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == 16 {
		return b.body.FindSerial(ctx, issuer.Serial(raw))
	}
	found, err := b.body.Find(ctx, text)
	if err != nil {
		return issuer.ID{}, err
	}
	// The live one is meant; without one, the newest.
	sort.SliceStable(found, func(i, j int) bool { return !found[i].State.Live() && found[j].State.Live() })
	if len(found) == 0 {
		return issuer.ID{}, cli.Hint(b.env.Err("посвідчення з таким номером немає", "there is no ID with that number"),
			b.env.T("перелік: posvid list", "list them: posvid list"))
	}
	return found[len(found)-1], nil
}

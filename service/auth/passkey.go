package auth

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Bounds of passkeys.
const (
	maxPasskeys    = 10       // of one account
	maxPasskeyName = 60       // characters
	maxCeremony    = 64 << 10 // bytes of what a browser answers
)

// passkey is one of an account's.
type passkey struct {
	ID      int64
	Account int64
	Name    string
	Made    time.Time
	Used    time.Time // zero: never
	Cloned  time.Time // zero: no sign of a copy
	record  webauthn.Credential
	key     [32]byte // keyed hash of the credential's id
}

// ceremony is what has to be remembered while a browser asks its authenticator.
type ceremony struct {
	Kind    string               `json:"k"` // "add" or "prove"
	Account int64                `json:"a"`
	Return  string               `json:"r"`
	Ends    int64                `json:"e"`
	Data    webauthn.SessionData `json:"d"`
}

// keyOwner is an account as the library wants it.
type keyOwner struct {
	handle []byte
	name   string
	keys   []webauthn.Credential
}

func (o *keyOwner) WebAuthnID() []byte                         { return o.handle }
func (o *keyOwner) WebAuthnName() string                       { return o.name }
func (o *keyOwner) WebAuthnDisplayName() string                { return o.name }
func (o *keyOwner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

// newPasskeys sets the relying party up. A host without a name has no passkeys: browsers refuse them there.
func (p *part) newPasskeys() error {
	u, err := url.Parse(p.Origin)
	if err != nil {
		return fmt.Errorf("auth: origin: %w", err)
	}
	if net.ParseIP(u.Hostname()) != nil {
		return nil
	}
	p.keys, err = webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Posvid", RPOrigins: []string{p.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			UserVerification: protocol.VerificationRequired, ResidentKey: protocol.ResidentKeyRequirementPreferred,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: CeremonyTerm, TimeoutUVD: CeremonyTerm},
			Registration: webauthn.TimeoutConfig{Timeout: CeremonyTerm, TimeoutUVD: CeremonyTerm},
		},
	})
	if err != nil {
		return fmt.Errorf("auth: passkeys: %w", err)
	}
	return nil
}

func (p *part) mountPasskeys() {
	p.Page("GET /login/passkey", anybody(false), p.provePage)
	p.Page("POST /login/passkey/begin", anybody(false), p.proveBegin)
	p.Page("POST /login/passkey/finish", anybody(false), p.proveFinish)
	p.Page("GET /account/passkeys/new", anybody(false), p.addPage)
	p.Page("POST /account/passkeys/begin", anybody(false), p.addBegin)
	p.Page("POST /account/passkeys/finish", anybody(false), p.addFinish)
	p.Page("POST /account/passkeys/{id}/name", anybody(true), p.renamePasskey)
	p.Page("POST /account/passkeys/{id}/remove", anybody(true), p.removePasskey)
}

func countPasskeys(tx *store.ServiceTx, account int64) (n int, err error) {
	err = tx.Row("SELECT count(*) FROM passkeys WHERE account = $1", []any{account}, &n)
	return n, err
}

// passkeysOf reads an account's passkeys, oldest first.
func passkeysOf(tx *store.ServiceTx, account int64) (list []passkey, err error) {
	type row struct{ credential, record, name []byte }
	var rows []row
	err = tx.Rows("SELECT id, credential, record, name, made, used, cloned FROM passkeys WHERE account = $1 ORDER BY id", []any{account}, func(scan func(...any) error) error {
		k, r := passkey{Account: account}, row{}
		var made, used, cloned int64
		if err := scan(&k.ID, &r.credential, &r.record, &r.name, &made, &used, &cloned); err != nil {
			return err
		}
		k.Made = time.Unix(made, 0)
		if used != 0 {
			k.Used = time.Unix(used, 0)
		}
		if cloned != 0 {
			k.Cloned = time.Unix(cloned, 0)
		}
		list, rows = append(list, k), append(rows, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		k := &list[i]
		copy(k.key[:], r.credential)
		record, err := tx.Open("passkeys.record", hex.EncodeToString(k.key[:])+strconv.FormatInt(account, 10), r.record)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(record, &k.record); err != nil {
			return nil, fmt.Errorf("auth: passkey %d: record: %w", k.ID, err)
		}
		name, err := tx.Open("passkeys.name", hex.EncodeToString(k.key[:]), r.name)
		if err != nil {
			return nil, err
		}
		k.Name = string(name)
	}
	return list, nil
}

// sealRecord seals a passkey's public key and counter for its own row and its account, so that a row that is given to another
// account opens nowhere.
func sealRecord(tx *store.ServiceTx, key [32]byte, account int64, c *webauthn.Credential) ([]byte, error) {
	c.Attestation = webauthn.CredentialAttestation{} // nothing is attested, so that nothing is kept of it
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("auth: passkey: record: %w", err)
	}
	return tx.Seal("passkeys.record", hex.EncodeToString(key[:])+strconv.FormatInt(account, 10), data)
}

// owner reads the caller with the passkeys that still prove something.
func (p *part) owner(ctx context.Context, id int64) (o *keyOwner, list []passkey, err error) {
	handle, err := p.Store.MAC("passkey user", []byte(strconv.FormatInt(id, 10)))
	if err != nil {
		return nil, nil, err
	}
	o = &keyOwner{handle: handle[:]}
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		a, err := service.ReadAccount(tx, id)
		if err != nil {
			return err
		}
		o.name = a.Name
		list, err = passkeysOf(tx, id)
		return err
	})
	for _, k := range list {
		if k.Cloned.IsZero() {
			o.keys = append(o.keys, k.record)
		}
	}
	return o, list, err
}

// fresh tells whether the caller proved a passkey within the term.
func (p *part) fresh(ctx context.Context) bool {
	at := service.PrincipalOf(ctx).SecondFactor
	age := p.Now().Sub(at)
	return !at.IsZero() && age < service.SecondFactorTerm && age > -time.Minute
}

// mayAdd decides whether the caller may add a passkey now: the first one only within minutes of a log-in by invitation, each
// further one only with a passkey just proven. Whoever holds a stolen session can do neither.
func (p *part) mayAdd(ctx context.Context, have []passkey) error {
	switch {
	case p.keys == nil:
		return PasskeyFailed.Because(errors.New("auth: passkeys want a host with a name"))
	case len(have) >= maxPasskeys:
		return ManyPasskeys
	case len(have) > 0 && !p.fresh(ctx):
		return service.SecondFactor
	case len(have) > 0:
		return nil
	case p.Sessions.GetInt64(ctx, keyEnrol) <= p.Now().Unix():
		return EnrolClosed
	}
	return nil
}

type passkeyPage struct {
	Return string
	First  bool
	None   bool
}

func (p *part) provePage(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	o, _, err := p.owner(r.Context(), id)
	if err != nil {
		return err
	}
	return p.Render(w, r, http.StatusOK, "login-passkey", passkeyPage{Return: safeReturn(r.URL.Query().Get("return")), None: len(o.keys) == 0})
}

func (p *part) addPage(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	_, list, err := p.owner(r.Context(), id)
	if err != nil {
		return err
	}
	if err := p.mayAdd(r.Context(), list); err != nil {
		return err
	}
	return p.Render(w, r, http.StatusOK, "account-passkey", passkeyPage{Return: safeReturn(r.URL.Query().Get("return")), First: len(list) == 0})
}

// start remembers a ceremony and sends the browser its options.
func (p *part) start(w http.ResponseWriter, r *http.Request, kind string, id int64, data *webauthn.SessionData, options any) error {
	c := ceremony{Kind: kind, Account: id, Return: safeReturn(r.URL.Query().Get("return")), Ends: p.Now().Add(CeremonyTerm).Unix(), Data: *data}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("auth: ceremony: %w", err)
	}
	p.Sessions.Put(r.Context(), keyCeremony, b)
	return answerJSON(w, options)
}

// end takes the ceremony back, once.
func (p *part) end(r *http.Request, kind string, id int64) (ceremony, error) {
	var c ceremony
	b := p.Sessions.PopBytes(r.Context(), keyCeremony)
	if err := json.Unmarshal(b, &c); err != nil || c.Kind != kind || c.Account != id || c.Ends <= p.Now().Unix() {
		return ceremony{}, PasskeyFailed.Because(errors.New("auth: passkey: nothing was begun here, or too long ago"))
	}
	return c, nil
}

func answerJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("auth: answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(b)
	return nil
}

// readCeremony reads what a browser answers.
func readCeremony(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxCeremony+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxCeremony {
		return nil, service.TooLarge
	}
	return b, nil
}

func (p *part) proveBegin(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	o, _, err := p.owner(r.Context(), id)
	if err != nil {
		return err
	}
	if p.keys == nil || len(o.keys) == 0 {
		return PasskeyFailed.Because(errors.New("auth: passkey: the account has none"))
	}
	options, data, err := p.keys.BeginLogin(o, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return PasskeyFailed.Because(errors.New("auth: passkey: ceremony cannot begin"))
	}
	return p.start(w, r, "prove", id, data, options)
}

func (p *part) proveFinish(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	c, err := p.prove(r, id)
	if err != nil {
		return p.counted(r, err)
	}
	if err := p.ProveSecondFactor(r.Context()); err != nil {
		return err
	}
	return answerJSON(w, map[string]string{"to": c.Return})
}

// prove checks an assertion (WebAuthn Level 3, Section 7.2) and keeps the new counter. A counter that did not grow shows a copy
// of the key, which proves nothing from then on.
func (p *part) prove(r *http.Request, id int64) (ceremony, error) {
	ctx, now := r.Context(), p.Now()
	body, err := readCeremony(r)
	if err != nil {
		return ceremony{}, err
	}
	c, err := p.end(r, "prove", id)
	if err != nil {
		return c, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(body)
	if err != nil {
		return c, PasskeyFailed.Because(errors.New("auth: passkey: answer cannot be read"))
	}
	o, _, err := p.owner(ctx, id)
	if err != nil {
		return c, err
	}
	used, err := p.keys.ValidateLogin(o, c.Data, parsed)
	if err != nil {
		return c, PasskeyFailed.Because(errors.New("auth: passkey: assertion refused"))
	}
	key, err := p.Store.MAC("passkey", used.ID)
	if err != nil {
		return c, err
	}
	cloned := used.Authenticator.CloneWarning
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		list, err := passkeysOf(tx, id) // again: another assertion may have been kept since
		if err != nil {
			return err
		}
		for _, k := range list {
			if k.key != key || !k.Cloned.IsZero() {
				continue
			}
			cloned = cloned || used.Authenticator.SignCount != 0 && used.Authenticator.SignCount <= k.record.Authenticator.SignCount
			if cloned {
				if err := tx.Exec1("UPDATE passkeys SET cloned = $2 WHERE id = $1", k.ID, now.Unix()); err != nil {
					return err
				}
				return record(tx, p.Store, change{At: now, By: id, Account: id, What: changePasskeyCloned, Number: k.ID})
			}
			sealed, err := sealRecord(tx, key, id, used)
			if err != nil {
				return err
			}
			return tx.Exec1("UPDATE passkeys SET record = $2, used = $3 WHERE id = $1", k.ID, sealed, now.Unix())
		}
		return PasskeyFailed.Because(errors.New("auth: passkey: gone"))
	})
	if err == nil && cloned {
		err = PasskeyCloned
	}
	return c, err
}

func (p *part) addBegin(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	o, list, err := p.owner(r.Context(), id)
	if err != nil {
		return err
	}
	if err := p.mayAdd(r.Context(), list); err != nil {
		return err
	}
	var have []protocol.CredentialDescriptor
	for _, k := range list {
		have = append(have, k.record.Descriptor())
	}
	options, data, err := p.keys.BeginRegistration(o, webauthn.WithExclusions(have))
	if err != nil {
		return PasskeyFailed.Because(errors.New("auth: passkey: ceremony cannot begin"))
	}
	return p.start(w, r, "add", id, data, options)
}

func (p *part) addFinish(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	c, err := p.add(r, id)
	if err != nil {
		return p.counted(r, err)
	}
	p.Sessions.Remove(r.Context(), keyEnrol)
	if err := p.ProveSecondFactor(r.Context()); err != nil {
		return err
	}
	return answerJSON(w, map[string]string{"to": c.Return})
}

// add checks a registration (WebAuthn Level 3, Section 7.1) and keeps the passkey. What allowed it is asked again: a ceremony that
// was begun as the first must not become a second one.
func (p *part) add(r *http.Request, id int64) (ceremony, error) {
	ctx, now := r.Context(), p.Now()
	body, err := readCeremony(r)
	if err != nil {
		return ceremony{}, err
	}
	c, err := p.end(r, "add", id)
	if err != nil {
		return c, err
	}
	var in struct {
		Name       string          `json:"name"`
		Credential json.RawMessage `json:"credential"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return c, PasskeyFailed.Because(errors.New("auth: passkey: answer cannot be read"))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(in.Credential)
	if err != nil {
		return c, PasskeyFailed.Because(errors.New("auth: passkey: answer cannot be read"))
	}
	o, list, err := p.owner(ctx, id)
	if err != nil {
		return c, err
	}
	if err := p.mayAdd(ctx, list); err != nil {
		return c, err
	}
	made, err := p.keys.CreateCredential(o, c.Data, parsed)
	if err != nil {
		return c, PasskeyFailed.Because(errors.New("auth: passkey: registration refused"))
	}
	key, err := p.Store.MAC("passkey", made.ID)
	if err != nil {
		return c, err
	}
	name := passkeyName(in.Name)
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		n, err := countPasskeys(tx, id)
		if err != nil {
			return err
		}
		if n != len(list) {
			return PasskeyFailed.Because(errors.New("auth: passkey: another one was added meanwhile"))
		}
		record1, err := sealRecord(tx, key, id, made)
		if err != nil {
			return err
		}
		sealed, err := tx.Seal("passkeys.name", hex.EncodeToString(key[:]), []byte(name))
		if err != nil {
			return err
		}
		row, err := tx.Insert("INSERT INTO passkeys (account, credential, record, name, made) VALUES ($1, $2, $3, $4, $5)", id, key[:], record1, sealed, now.Unix())
		if errors.Is(err, store.ErrConflict) {
			return PasskeyFailed.Because(err)
		}
		if err != nil {
			return err
		}
		return record(tx, p.Store, change{At: now, By: id, Account: id, What: changePasskeyAdded, Number: row})
	})
	return c, err
}

// passkeyName is what a person calls a passkey; never empty.
func passkeyName(s string) string {
	s = cleanName(s)
	if utf8.RuneCountInString(s) > maxPasskeyName {
		s = string([]rune(s)[:maxPasskeyName])
	}
	return s
}

func pathID(r *http.Request) (int64, bool) {
	n, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return n, err == nil && n > 0
}

func (p *part) renamePasskey(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	number, ok := pathID(r)
	if !ok {
		return UnknownPasskey
	}
	err = p.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		var key []byte
		if err := tx.Row("SELECT credential FROM passkeys WHERE id = $1 AND account = $2", []any{number, id}, &key); err != nil {
			return unknownPasskey(err)
		}
		sealed, err := tx.Seal("passkeys.name", hex.EncodeToString(key), []byte(passkeyName(r.PostFormValue("name"))))
		if err != nil {
			return err
		}
		return tx.Exec1("UPDATE passkeys SET name = $2 WHERE id = $1", number, sealed)
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

func unknownPasskey(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return UnknownPasskey.Because(err)
	}
	return err
}

func (p *part) removePasskey(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	number, ok := pathID(r)
	if !ok {
		return UnknownPasskey
	}
	now := p.Now()
	err = p.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		if err := tx.Exec1("DELETE FROM passkeys WHERE id = $1 AND account = $2", number, id); err != nil {
			return unknownPasskey(err)
		}
		a, err := service.ReadAccount(tx, id)
		if err != nil {
			return err
		}
		var left int
		if err := tx.Row("SELECT count(*) FROM passkeys WHERE account = $1 AND cloned = 0", []any{id}, &left); err != nil {
			return err
		}
		if left == 0 && anyNeedsPasskey(a.Grants) {
			return LastPasskey
		}
		return record(tx, p.Store, change{At: now, By: id, Account: id, What: changePasskeyRemoved, Number: number})
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

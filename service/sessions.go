package service

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/posvid/posvid/store"
)

// maxToken bounds what a browser may send as a session token.
const maxToken = 128

// sessionStore keeps sessions in service.db: the token as a keyed hash, the data sealed for that token. Whoever reads the file
// can take over no session.
type sessionStore struct{ s *store.Service }

func (v sessionStore) key(token string) ([32]byte, error) { return v.s.MAC("session", []byte(token)) }

// FindCtx implements scs.CtxStore.
func (v sessionStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	if len(token) > maxToken {
		return nil, false, nil
	}
	key, err := v.key(token)
	if err != nil {
		return nil, false, err
	}
	err = v.s.View(ctx, func(tx *store.ServiceTx) error {
		var sealed []byte
		var expires int64
		if err := tx.Row("SELECT data, expires FROM sessions WHERE token = $1", []any{key[:]}, &sealed, &expires); err != nil {
			return err
		}
		if expires <= time.Now().Unix() { // the clock that the session manager set the term by
			return store.ErrNotFound
		}
		data, err = tx.Open("sessions.data", hex.EncodeToString(key[:]), sealed)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err == nil {
		requestOf(ctx).loaded = key[:]
	}
	return data, err == nil, err
}

// CommitCtx implements scs.CtxStore.
func (v sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	key, err := v.key(token)
	if err != nil {
		return err
	}
	return v.s.Update(ctx, func(tx *store.ServiceTx) error {
		sealed, err := tx.Seal("sessions.data", hex.EncodeToString(key[:]), data)
		if err != nil {
			return err
		}
		if bytes.Equal(requestOf(ctx).loaded, key[:]) {
			// A session that was read and has been ended meanwhile by another request stays ended.
			_, err = tx.Exec("UPDATE sessions SET data = $2, expires = $3 WHERE token = $1", key[:], sealed, expiry.Unix())
			return err
		}
		_, err = tx.Exec(`INSERT INTO sessions (token, data, expires) VALUES ($1, $2, $3)
			ON CONFLICT (token) DO UPDATE SET data = excluded.data, expires = excluded.expires`, key[:], sealed, expiry.Unix())
		return err
	})
}

// DeleteCtx implements scs.CtxStore.
func (v sessionStore) DeleteCtx(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	key, err := v.key(token)
	if err != nil {
		return err
	}
	return v.s.Update(ctx, func(tx *store.ServiceTx) error {
		_, err := tx.Exec("DELETE FROM sessions WHERE token = $1", key[:])
		return err
	})
}

// Find, Commit and Delete implement scs.Store, which the manager asks only where there is no context.
func (v sessionStore) Find(token string) ([]byte, bool, error) {
	return v.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (v sessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return v.CommitCtx(context.Background(), token, data, expiry)
}

// Delete implements scs.Store.
func (v sessionStore) Delete(token string) error { return v.DeleteCtx(context.Background(), token) }

// sweepSessions removes what has run out.
func (s *Server) sweepSessions(ctx context.Context, _ time.Time) error {
	return s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		_, err := tx.Exec("DELETE FROM sessions WHERE expires <= $1", time.Now().Unix())
		return err
	})
}

// newSessions makes the session manager. A browser on https gets the cookie under the __Host- prefix, which no other host, no
// subdomain and no plain connection can set.
func (s *Server) newSessions() {
	m := scs.New()
	m.Store = sessionStore{s.Store}
	m.Lifetime = SessionLife
	m.Cookie = scs.SessionCookie{Name: "posvid", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.https()}
	if s.https() {
		m.Cookie.Name = "__Host-posvid"
	}
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) { s.Fail(w, r, err) }
	s.Sessions = m
}

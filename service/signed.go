package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// Problems of signed requests (docs/spec/request.md). None of them says whether a key is known.
var (
	BadSignature = NewProblem(http.StatusUnauthorized, "request-signature", "Підпис запиту не підходить.", "The signature of the request does not fit.",
		"Оновіть програму й повторіть.", "Update the program and try again.")
	RequestTime = NewProblem(http.StatusUnauthorized, "request-time", "Годинник пристрою розходиться з годинником служби.", "The clock of the device and that of the service differ.",
		"Виставте час на пристрої.", "Set the time on the device.")
	RequestRepeated = NewProblem(http.StatusUnauthorized, "request-repeated", "Цей запит уже надходив.", "This request came before.",
		"Повторіть дію.", "Do it again.")
	UnknownDevice = NewProblem(http.StatusUnauthorized, "unknown-device", "Цього перевіряльника немає в наборі довіри.", "This verifier is not in the trust bundle.",
		"Зверніться до адміністратора пункту пропуску.", "Ask the administrator of the checkpoint.")
)

// SignedScheme is the name of signed requests in the API's description, for huma.Operation.Security.
const SignedScheme = "signedRequest"

// maxSignedBody is how much of a signed body is read and compared before its handler runs. What is longer has to state its
// length, is streamed, and its end is withheld until the whole has the hash that was signed.
const maxSignedBody = 1 << 20

// SQL of signed requests.
const (
	sqlUseNonce    = "INSERT INTO request_nonces (mark, expires) VALUES ($1, $2) ON CONFLICT (mark) DO NOTHING"
	sqlPurgeNonces = "DELETE FROM request_nonces WHERE mark IN (SELECT mark FROM request_nonces WHERE expires < $1 LIMIT $2)"
)

// purgePortion is how many nonces one transaction forgets, so that nobody waits long for his turn to write.
const purgePortion = 10_000

// signed knows callers by what they sign.
type signed struct {
	s *Server

	mu      sync.Mutex
	bundle  *trust.Bundle // whose verifiers are in devices
	devices map[[32]byte]trust.VerifierEntry
	waiting []*nonce
	writing bool // a goroutine is at work on waiting
}

// SignedRequests lets the server know phones (Wallet) and verifiers (Device) by the requests they sign. Every part whose
// routes admit these kinds calls it; only the first call does something.
func (s *Server) SignedRequests() {
	const name = "signed-requests"
	if slices.ContainsFunc(s.jobs, func(j job) bool { return j.name == name }) {
		return
	}
	v := &signed{s: s}
	s.AddAuthenticator(v.authenticate)
	components := s.API.OpenAPI().Components
	if components.SecuritySchemes == nil {
		components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	components.SecuritySchemes[SignedScheme] = &huma.SecurityScheme{Type: "apiKey", In: "header", Name: credential.RequestHeader,
		Description: "this one request, signed by the key of a phone or of a verifier (docs/spec/request.md): base64url of a COSE_Sign1, new for each request"}
	s.Every(name, credential.RequestKept, v.purge)
}

// RefuseDevices adds a look at every verifier whose signed request is good: its error refuses the request, on whatever route. A
// part that knows of lost devices keeps them from all other parts by it, before a bundle without them has come.
func (s *Server) RefuseDevices(refuse func(ctx context.Context, p Principal) error) {
	s.refuseDevices = append(s.refuseDevices, refuse)
}

// authenticate is the Authenticator of requests with the header credential.RequestHeader.
func (v *signed) authenticate(r *http.Request) (Principal, bool, error) {
	values := r.Header.Values(credential.RequestHeader)
	switch {
	case len(values) == 0:
		return Principal{}, false, nil
	case len(values) > 1:
		return Principal{}, false, BadSignature.Because(fmt.Errorf("service: %d headers %s, want one", len(values), credential.RequestHeader))
	}
	data, err := credential.DecodeRequestHeader(values[0])
	if err != nil {
		return Principal{}, false, BadSignature.Because(err)
	}
	q, err := credential.ParseRequest(data)
	if err != nil {
		return Principal{}, false, BadSignature.Because(err)
	}
	at := v.s.Now()
	p, err := v.principal(q, at)
	if err != nil {
		return Principal{}, false, err
	}
	body, err := v.body(r, q)
	if err != nil {
		return Principal{}, false, err
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI()
	}
	err = q.Check(v.s.Origin, r.Method, target, body, at)
	switch {
	case errors.Is(err, credential.ErrRequestTime):
		p := *RequestTime
		p.At = at
		return Principal{}, false, p.Because(err)
	case err != nil:
		return Principal{}, false, BadSignature.Because(err)
	}
	if err := v.once(r.Context(), q, at); err != nil {
		return Principal{}, false, err
	}
	if p.Kind == Device {
		for _, refuse := range v.s.refuseDevices {
			if err := refuse(r.Context(), p); err != nil {
				return Principal{}, false, err
			}
		}
	}
	return p, true, nil
}

// principal is who signed. A phone is whoever has its key: what it may learn is its own. A verifier has to be in the bundle.
func (v *signed) principal(q *credential.Request, at time.Time) (Principal, error) {
	if !q.Holder.IsZero() {
		return Principal{Kind: Wallet, Key: q.Holder.MarshalCOSE()}, nil
	}
	bundle, _, err := v.s.Trust.Bundle()
	if err != nil {
		return Principal{}, BundleMissing.Because(err)
	}
	if !at.Before(bundle.ExpiresAt()) {
		return Principal{}, BundleMissing.Because(fmt.Errorf("service: bundle %d has expired", bundle.Number()))
	}
	entry, ok, err := v.device(bundle, q.Verifier.Thumbprint())
	switch {
	case err != nil:
		return Principal{}, err
	case !ok || !entry.SigningKey.Equal(q.Verifier):
		return Principal{}, UnknownDevice.Because(errors.New("service: signing key is not in the bundle"))
	case !at.Before(entry.ValidUntil):
		return Principal{}, UnknownDevice.Because(fmt.Errorf("service: entry of verifier %d has ended", entry.ID))
	}
	return Principal{Kind: Device, Name: entry.Name, Key: q.Verifier.MarshalCOSE(), Verifier: entry.ID, Bodies: []string{entry.Body}}, nil
}

// device finds a verifier by the thumbprint of its signing key; the trust operator admits a key once.
func (v *signed) device(b *trust.Bundle, thumb [32]byte) (trust.VerifierEntry, bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bundle != b {
		all, err := b.Verifiers()
		if err != nil {
			return trust.VerifierEntry{}, false, err
		}
		devices := make(map[[32]byte]trust.VerifierEntry, len(all))
		for _, e := range all {
			devices[e.SigningKey.Thumbprint()] = e
		}
		v.bundle, v.devices = b, devices
	}
	e, ok := v.devices[thumb]
	return e, ok, nil
}

// body answers the hash that the request's body has, or will have when it is read to its end, and puts the body back.
func (v *signed) body(r *http.Request, q *credential.Request) ([32]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return sha256.Sum256(nil), nil
	}
	if r.ContentLength > maxSignedBody {
		r.Body = &hashedBody{body: r.Body, want: q.BodyHash, left: r.ContentLength, sum: sha256.New()}
		return q.BodyHash, nil
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxSignedBody+1))
	if err != nil {
		return [32]byte{}, BadRequest.Because(err)
	}
	if len(data) > maxSignedBody {
		return [32]byte{}, TooLarge.Because(errors.New("service: a signed body of this size has to state its length"))
	}
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(data))
	return sha256.Sum256(data), nil
}

// hashedBody gives the last bytes of a body only when all of it has the hash that was signed.
type hashedBody struct {
	body io.ReadCloser
	want [32]byte
	left int64 // bytes that the request still owes
	sum  hash.Hash
	err  error // what every later Read answers
}

// Read implements io.Reader.
func (h *hashedBody) Read(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.body.Read(p)
	h.sum.Write(p[:n])
	h.left -= int64(n)
	switch {
	case h.left > 0 && err == io.EOF:
		h.err = io.ErrUnexpectedEOF
	case h.left < 0:
		h.err = TooLarge
	case h.left == 0 && subtle.ConstantTimeCompare(h.sum.Sum(nil), h.want[:]) != 1:
		h.err = BadSignature
	default:
		if err != nil {
			h.err = err
		}
		return n, err
	}
	return 0, h.err
}

// Close implements io.Closer.
func (h *hashedBody) Close() error { return h.body.Close() }

// nonce is one that waits to be used up.
type nonce struct {
	mark    [16]byte
	expires int64
	done    chan error
}

// once uses a nonce up, durably, before the request is worked on. Requests that come at the same time share a commit.
func (v *signed) once(ctx context.Context, q *credential.Request, at time.Time) error {
	thumb := q.Holder.Thumbprint()
	if q.Holder.IsZero() {
		thumb = q.Verifier.Thumbprint()
	}
	sum := sha256.Sum256(append(thumb[:], q.Nonce[:]...))
	n := &nonce{mark: [16]byte(sum[:16]), expires: at.Add(credential.RequestKept).Unix(), done: make(chan error, 1)}
	v.mu.Lock()
	v.waiting = append(v.waiting, n)
	if !v.writing {
		v.writing = true
		go v.write()
	}
	v.mu.Unlock()
	select {
	case err := <-n.done:
		return err
	case <-ctx.Done():
		return ctx.Err() // the nonce may be used up: whoever sends again signs anew
	}
}

// write uses up what waits, a group at a time, until nothing does.
func (v *signed) write() {
	for {
		v.mu.Lock()
		group := v.waiting
		v.waiting = nil
		if len(group) == 0 {
			v.writing = false
			v.mu.Unlock()
			return
		}
		v.mu.Unlock()
		fresh := make([]bool, len(group))
		err := v.s.Store.Update(context.Background(), func(tx *store.ServiceTx) error {
			for i, n := range group {
				rows, err := tx.Exec(sqlUseNonce, n.mark[:], n.expires)
				if err != nil {
					return err
				}
				fresh[i] = rows == 1
			}
			return nil
		})
		for i, n := range group {
			switch {
			case err != nil:
				n.done <- err
			case !fresh[i]:
				n.done <- RequestRepeated
			default:
				n.done <- nil
			}
		}
	}
}

// purge forgets the nonces of all requests whose time has passed, however many came: anybody can make keys and sign.
func (v *signed) purge(ctx context.Context, at time.Time) error {
	for {
		var gone int64
		if err := v.s.Store.Update(ctx, func(tx *store.ServiceTx) (err error) {
			gone, err = tx.Exec(sqlPurgeNonces, at.Unix(), purgePortion)
			return err
		}); err != nil || gone < purgePortion {
			return err
		}
	}
}

package service

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// Limits bound what one source and all sources together may ask for. The zero value is the default of every field.
type Limits struct {
	BodyBytes    int64 // of a request that states no limit of its own; default 1 MiB
	InFlight     int   // requests worked on at once; default 256
	PerMinute    int   // requests of one source (IPv4 address, IPv6 /64) in a minute; default 600
	TriesPerHour int   // of what can be guessed (codes, log-ins), of one source; default 30
}

// Bounds of what is read of a request before anything is decided.
const (
	MaxHeaderBytes = 32 << 10 // of all headers together
	maxURI         = 4 << 10  // of path and query
	maxSources     = 1 << 16  // sources that are counted at once
)

func (l Limits) withDefaults() (Limits, error) {
	if l.BodyBytes < 0 || l.InFlight < 0 || l.PerMinute < 0 || l.TriesPerHour < 0 {
		return l, errors.New("service: limits: want no negative ones")
	}
	if l.BodyBytes == 0 {
		l.BodyBytes = 1 << 20
	}
	if l.InFlight == 0 {
		l.InFlight = 256
	}
	if l.PerMinute == 0 {
		l.PerMinute = 600
	}
	if l.TriesPerHour == 0 {
		l.TriesPerHour = 30
	}
	return l, nil
}

// frame is what Handler needs and the parts do not see.
type frame struct {
	origin   *url.URL
	proxies  []netip.Prefix
	cross    *http.CrossOriginProtection
	asked    *buckets // requests of a source
	tries    *buckets // guesses of a source
	slots    chan struct{}
	busy     *counts // requests of a source that are being worked on
	metrics  metrics
	soon     chan struct{}
	byRoute  map[string]*Route // pattern → route
	statics  *assets
	boundary time.Duration // how long after a change the publication comes
	closed   bool          // Handler was called
}

func (s *Server) newFrame() error {
	limits, err := s.Limits.withDefaults()
	if err != nil {
		return err
	}
	s.Limits = limits
	if s.frame.origin, err = parseOrigin(s.Origin, s.Dev); err != nil {
		return err
	}
	for _, text := range s.Proxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("service: proxy %q: want a prefix such as 10.0.0.0/8: %w", text, err)
		}
		s.frame.proxies = append(s.frame.proxies, prefix.Masked())
	}
	s.frame.cross = http.NewCrossOriginProtection()
	if err := s.frame.cross.AddTrustedOrigin(s.Origin); err != nil {
		return fmt.Errorf("service: origin: %w", err)
	}
	s.frame.asked = newBuckets(limits.PerMinute, time.Minute, maxSources)
	s.frame.tries = newBuckets(limits.TriesPerHour, time.Hour, maxSources)
	s.frame.busy = newCounts(max(limits.InFlight/4, 8), maxSources)
	s.frame.slots = make(chan struct{}, limits.InFlight)
	s.frame.soon = make(chan struct{}, 1)
	s.frame.byRoute = map[string]*Route{}
	s.frame.boundary = publishAfter
	if s.frame.statics, err = newAssets(s.Assets); err != nil {
		return err
	}
	if err := s.newTemplates(); err != nil {
		return err
	}
	s.newSessions()
	s.newMetrics()
	return nil
}

// parseOrigin reads an origin (RFC 6454, Section 6.2): a scheme, a host, perhaps a port, and nothing else.
func parseOrigin(text string, dev bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.String() != text || strings.ToLower(text) != text {
		return nil, fmt.Errorf("service: origin %q: want https://host or https://host:port in lower case", text)
	}
	switch u.Scheme {
	case "https":
		return u, nil
	case "http":
		if dev || loopbackName(u.Hostname()) {
			return u, nil
		}
		return nil, fmt.Errorf("service: origin %q: plain http is for this machine alone, want https", text)
	default:
		return nil, fmt.Errorf("service: origin %q: want https", text)
	}
}

// loopbackName tells whether a host is this machine by its name alone.
func loopbackName(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func (s *Server) https() bool { return s.frame.origin.Scheme == "https" }

// request is what the frame knows of the request that is being answered.
type request struct {
	id     string
	began  time.Time
	source netip.Addr
	lang   string
	route  string // pattern, "" until it is known
	code   string // code of the problem that was answered
	cause  error  // of a fault inside
	loaded []byte // key of the session that was read; nil when there was none
	scheme string // WWW-Authenticate of a 401
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q
	}
	return &request{lang: "uk"}
}

// RequestID is the number of a request in the service's log; it stands in every error answer.
func RequestID(ctx context.Context) string { return requestOf(ctx).id }

// LangOf is the caller's language: "uk" or "en".
func LangOf(ctx context.Context) string { return requestOf(ctx).lang }

// SourceOf is the network a request comes from: an IPv4 address or an IPv6 /64, "" when it is not known. It is personal data:
// it may be counted and hashed, and is never logged or kept.
func SourceOf(ctx context.Context) string {
	return sourceText(requestOf(ctx).source)
}

func sourceText(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return ""
	case a.Is4():
		return a.String()
	default:
		return netip.PrefixFrom(a, 64).Masked().String()
	}
}

// loggedSource is as much of an address as a log may hold: /24 or /48.
func loggedSource(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return ""
	case a.Is4():
		return netip.PrefixFrom(a, 24).Masked().String()
	default:
		return netip.PrefixFrom(a, 48).Masked().String()
	}
}

// address is who asks: the other end of the connection, or, behind a configured proxy, the last address in X-Forwarded-For
// that is not one of ours.
func (s *Server) address(r *http.Request) (a netip.Addr, proxied bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	a, err = netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	a = a.Unmap().WithZone("")
	if !s.isProxy(a) {
		return a, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return a, true
		}
		a = hop.Unmap().WithZone("")
		if !s.isProxy(a) {
			return a, true
		}
	}
	return a, true
}

func (s *Server) isProxy(a netip.Addr) bool {
	for _, p := range s.frame.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Guess counts one try at something that can be guessed. Error: Limited, once a source has had its tries of this hour.
func (s *Server) Guess(r *http.Request) error { return s.GuessFrom(r.Context()) }

// GuessFrom is Guess for an operation of the API.
func (s *Server) GuessFrom(ctx context.Context) error {
	if !s.frame.tries.take(SourceOf(ctx), s.Now()) {
		s.frame.metrics.limited.WithLabelValues("guess").Inc()
		return Limited
	}
	return nil
}

// Lang is the caller's language: ?lang, else the choice kept by the browser, else what it asks for, else Ukrainian.
func (s *Server) Lang(r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); lang == "uk" || lang == "en" {
		return lang
	}
	if c, err := r.Cookie(langCookie); err == nil && (c.Value == "uk" || c.Value == "en") {
		return c.Value
	}
	return acceptLanguage(r.Header.Get("Accept-Language"))
}

const langCookie = "posvid_lang"

// acceptLanguage takes the first language of the list that the service speaks (RFC 9110, Section 12.5.4); browsers list them
// in order of liking.
func acceptLanguage(header string) string {
	for i, item := range strings.Split(header, ",") {
		if i == 16 {
			break
		}
		tag, _, _ := strings.Cut(item, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if primary == "uk" || primary == "en" {
			return primary
		}
	}
	return "uk"
}

// newRequestID is 80 random bits as people read them out: base32 without I, L, O, U.
func newRequestID() string {
	var b [10]byte
	rand.Read(b[:]) // never fails
	return crockford.EncodeToString(b[:])
}

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// contentPolicy is the Content-Security-Policy of every answer.
const contentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// setHeaders puts on every answer what keeps browsers from being used against it.
func (s *Server) setHeaders(h http.Header, q *request) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(self), screen-wake-lock=(self), publickey-credentials-get=(self), publickey-credentials-create=(self), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-Id", q.id)
	if s.https() {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// Handler is the whole service. No route may be added after it was called.
func (s *Server) Handler() http.Handler {
	s.frameRoutes()
	inner := s.Sessions.LoadAndSave(http.HandlerFunc(s.known))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{id: newRequestID(), began: time.Now(), lang: s.Lang(r), scheme: challenge(r.Header.Get("Authorization"))}
		q.source, _ = s.address(r)
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
		a := &answer{ResponseWriter: w}
		s.setHeaders(a.Header(), q)
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				s.Log.Error("panic", "request", q.id, "route", q.route, "what", scrub(fmt.Sprint(cause)), "stack", stackOf(debug.Stack()))
				s.frame.metrics.panics.Inc()
				if a.status == 0 {
					s.Fail(a, r, Internal)
				}
			}
			s.finish(r, a, q)
		}()
		s.serve(a, r, q, inner)
	})
}

// writeTime is how long an answer may take to go out, unless its route says otherwise with http.ResponseController.
const writeTime = 5 * time.Minute

// timedBody takes the deadline of reading away once the body has been read: the server would take a late one for a caller who
// went away, and stop the work.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// serve refuses what is cheap to refuse, in order of cost.
func (s *Server) serve(w *answer, r *http.Request, q *request, inner http.Handler) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	if err := s.checkURI(r); err != nil {
		s.Fail(w, r, err)
		return
	}
	if s.frame.statics.serve(w, r, q) {
		return
	}
	handler, pattern := s.mux.Handler(r)
	q.route = pattern
	if route := s.frame.byRoute[pattern]; route != nil && slices.Contains(route.Access.Kinds, Program) {
		q.scheme = basicChallenge
	}
	if s.cheap(pattern) {
		handler.ServeHTTP(w, r)
		return
	}
	if err := s.checkHost(r); err != nil {
		s.Fail(w, r, err)
		return
	}
	if !s.frame.asked.take(sourceText(q.source), s.Now()) {
		s.frame.metrics.limited.WithLabelValues("rate").Inc()
		s.Fail(w, r, Limited)
		return
	}
	if !s.frame.busy.enter(sourceText(q.source)) {
		s.shed(w, r)
		return
	}
	defer s.frame.busy.leave(sourceText(q.source))
	if err := s.frame.cross.Check(r); err != nil {
		s.Fail(w, r, CrossOrigin.Because(err))
		return
	}
	if pattern == "" {
		s.noRoute(w, r, handler)
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		if err := s.boundBody(w, r, pattern); err != nil {
			s.Fail(w, r, err)
			return
		}
	}
	select {
	case s.frame.slots <- struct{}{}:
		w.release = sync.OnceFunc(func() { <-s.frame.slots })
		defer w.release()
	default:
		s.shed(w, r)
		return
	}
	inner.ServeHTTP(w, r)
}

// earlyBody is how much of a body is read before the request gets a place: whoever sends it slowly holds a connection only.
const earlyBody = 64 << 10

// boundBody bounds a body in bytes and in time, and reads its beginning, which is most often all of it.
func (s *Server) boundBody(w http.ResponseWriter, r *http.Request, pattern string) error {
	limit := s.Limits.BodyBytes
	if route := s.frame.byRoute[pattern]; route != nil && route.MaxBody > 0 {
		limit = route.MaxBody
	}
	// An ordinary body has ten seconds, a large one a minute and as long as 128 KiB/s take.
	wait := 10 * time.Second
	if limit > s.Limits.BodyBytes {
		wait = time.Minute + time.Duration(limit>>17)*time.Second
	}
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(wait)) // a test's recorder has no deadlines
	body := &timedBody{http.MaxBytesReader(w, r.Body, limit), control}
	begin, err := io.ReadAll(io.LimitReader(body, earlyBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), errors.Is(err, os.ErrDeadlineExceeded):
		return problemOf(err)
	case err != nil:
		return BadRequest.Because(err)
	}
	r.Body = &begunBody{io.MultiReader(bytes.NewReader(begin), body), body}
	return nil
}

// begunBody is a body whose beginning has been read.
type begunBody struct {
	io.Reader
	io.Closer
}

func (s *Server) shed(w http.ResponseWriter, r *http.Request) {
	s.frame.metrics.limited.WithLabelValues("overload").Inc()
	w.Header().Set("Retry-After", "2")
	s.Fail(w, r, Overloaded)
}

// known finds out who asks and hands the request to its route.
func (s *Server) known(w http.ResponseWriter, r *http.Request) {
	p, err := s.principal(r)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	if lang := r.URL.Query().Get("lang"); (lang == "uk" || lang == "en") && r.Method == http.MethodGet {
		http.SetCookie(w, &http.Cookie{Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: s.https(), SameSite: http.SameSiteLaxMode})
	}
	s.mux.ServeHTTP(w, r.WithContext(WithPrincipal(r.Context(), p)))
}

// principal asks the session first, then every authenticator. Two at once are refused: nobody is to act with the rights of
// whichever came first.
func (s *Server) principal(r *http.Request) (Principal, error) {
	p, err := s.sessionPrincipal(r.Context())
	if err != nil {
		return Principal{}, err
	}
	for _, authenticate := range s.authenticators {
		other, ok, err := authenticate(r)
		if err != nil {
			return Principal{}, err
		}
		if !ok {
			continue
		}
		if p.Kind != Nobody && p.Kind != Account { // a phone's browser may hold a session beside the wallet's key
			return Principal{}, BadRequest.Because(errors.New("service: request authenticated in two ways"))
		}
		p = other
	}
	return p, nil
}

// checkURI refuses paths that two programs could read differently.
func (s *Server) checkURI(r *http.Request) error {
	u := r.URL
	switch {
	case len(r.RequestURI) > maxURI || len(u.Path)+len(u.RawQuery) > maxURI:
		return LongURI
	case u.Scheme != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/"):
		return NotFound
	case !utf8.ValidString(u.Path), strings.ContainsFunc(u.Path, func(c rune) bool { return unicode.IsControl(c) || c == '\\' }):
		return NotFound
	case strings.Contains(strings.ToLower(u.RawPath), "%2f"): // an encoded slash is no slash to some programs, and one to others
		return NotFound
	}
	clean := path.Clean(u.Path)
	if strings.HasSuffix(u.Path, "/") && clean != "/" {
		clean += "/"
	}
	if clean != u.Path {
		return NotFound
	}
	return nil
}

// checkHost refuses a name that is not the service's: a page of another site that made its name point here would otherwise be
// of the service's own origin to a browser (DNS rebinding).
func (s *Server) checkHost(r *http.Request) error {
	if strings.EqualFold(r.Host, s.frame.origin.Host) {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if loopbackName(s.frame.origin.Hostname()) && loopbackName(strings.ToLower(strings.Trim(host, "[]"))) {
		return nil
	}
	return WrongHost.Because(errors.New("service: host is not the origin's"))
}

// noRoute answers for a path or a method that nothing serves.
func (s *Server) noRoute(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	look := &discard{header: http.Header{}}
	handler.ServeHTTP(look, r)
	if look.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", look.header.Get("Allow"))
		s.Fail(w, r, WrongMethod)
		return
	}
	s.Fail(w, r, NotFound)
}

// discard keeps what a handler answers, without its body.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(status int) {
	if d.status == 0 {
		d.status = status
	}
}
func (d *discard) Write(b []byte) (int, error) {
	d.WriteHeader(http.StatusOK)
	return len(b), nil
}

// answer notes the status and size of what is answered.
type answer struct {
	http.ResponseWriter
	status  int
	bytes   int64
	release func() // gives the request's place back
}

// longAnswer is from how many bytes on an answer gives its place back: what remains is to send it, at the speed of the other end.
const longAnswer = 64 << 10

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.release != nil && a.bytes+int64(len(b)) > longAnswer {
		a.release()
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find deadlines and flushing.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// finish writes the one line of a request and counts it. Neither holds a path, a query, a header, an account or an address.
func (s *Server) finish(r *http.Request, a *answer, q *request) {
	took := time.Since(q.began)
	route := q.route
	if route == "" {
		route = "none"
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	s.frame.metrics.request(route, a.status, took)
	known := s.frame.byRoute[route]
	unlogged := known != nil && known.unlogged
	if s.cheap(route) || unlogged && a.status < 500 {
		return
	}
	level := slog.LevelInfo
	fields := []any{"request", q.id, "method", methodOf(r), "route", route, "status", a.status, "ms", took.Milliseconds(), "bytes", a.bytes}
	if !unlogged {
		fields = append(fields, "from", loggedSource(q.source))
	}
	if q.code != "" {
		fields = append(fields, "code", q.code)
	}
	if a.status >= 500 && q.cause != nil {
		level = slog.LevelError
		fields = append(fields, "cause", scrub(q.cause.Error()))
	}
	s.Log.Log(r.Context(), level, "request", fields...)
}

// methodOf is a method that is safe to log and count: a made-up one is "other".
func methodOf(r *http.Request) string {
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return r.Method
	}
	return "other"
}

// maxScrubbed is how much of a text goes to the log.
const maxScrubbed = 400

// scrub leaves of an error's text what cannot be personal data: names here are in Cyrillic, numbers of people have eight digits
// and more.
func scrub(text string) string {
	var out strings.Builder
	digits, hidden := 0, false
	flush := func() {
		if digits > 0 && digits < 8 {
			return
		}
		if digits >= 8 {
			kept := out.String()
			out.Reset()
			out.WriteString(kept[:len(kept)-7])
			out.WriteByte('#')
		}
	}
	for _, c := range text {
		if c >= '0' && c <= '9' {
			if digits++; digits <= 7 {
				out.WriteRune(c)
			}
			hidden = false
			continue
		}
		flush()
		digits = 0
		if c < ' ' || c > '~' {
			if !hidden {
				out.WriteString("…")
			}
			hidden = true
			continue
		}
		hidden = false
		out.WriteRune(c)
		if out.Len() > maxScrubbed {
			break
		}
	}
	flush()
	return out.String()
}

// stackOf is the call stack without the values that it prints beside the functions.
func stackOf(stack []byte) string {
	var out []string
	for line := range strings.Lines(string(stack)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "/") { // a file and a line number
			line, _, _ = strings.Cut(line, " ")
			out = append(out, path.Base(line))
		}
		if len(out) == 24 {
			break
		}
	}
	return strings.Join(out, " ")
}

// Fail answers with a problem: a page to a browser that asked for one, application/problem+json to the rest. A browser whose
// session has ended, or that has to show a passkey, is sent there and comes back.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	q := requestOf(r.Context())
	q.code = p.Code
	if p.Status >= 500 && p.cause != nil {
		q.cause = p.cause
	}
	if wantsPage(r) {
		s.failPage(w, r, p)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("Etag")
	q.headers(h, p)
	w.WriteHeader(p.Status)
	w.Write(p.json(q.lang, q.id))
}

// wantsPage tells whether the answer is for a person's eyes.
func wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && !strings.HasPrefix(r.URL.Path, "/oauth/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (s *Server) failAPI(ctx huma.Context, err error) {
	p := problemOf(err)
	q := requestOf(ctx.Context())
	q.code = p.Code
	if p.Status >= 500 && p.cause != nil {
		q.cause = p.cause
	}
	ctx.SetHeader("Content-Type", "application/problem+json")
	h := http.Header{}
	q.headers(h, p)
	for name := range h {
		ctx.SetHeader(name, h.Get(name))
	}
	ctx.SetStatus(p.Status)
	ctx.BodyWriter().Write(p.json(q.lang, q.id))
}

func (s *Server) apiError(ctx context.Context, err error) error {
	q := requestOf(ctx)
	p := problemOf(err)
	q.code = p.Code
	if p.Status >= 500 && p.cause != nil {
		q.cause = p.cause
	}
	h := http.Header{}
	q.headers(h, p)
	return &apiProblem{p, q.lang, q.id, nil, h}
}

// headers adds what a caller has to know beside a problem: how to say who it is, and when to come back.
func (q *request) headers(h http.Header, p *Problem) {
	switch {
	case p.Status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", cmp.Or(q.scheme, "Posvid"))
	case p.Status == http.StatusTooManyRequests && h.Get("Retry-After") == "":
		h.Set("Retry-After", "60")
	}
}

package diia

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

func TestPublicAddresses(t *testing.T) {
	for _, s := range []string{"8.8.8.8", "1.1.1.1", "193.29.204.1", "2a00:1450:4016::1", "2606:4700::1111", "172.32.0.1", "192.169.0.1", "11.0.0.1", "100.128.0.1"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s is refused", s)
		}
	}
	for _, s := range []string{"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fc00::1", "fdff::1", "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"2001::1", "100::1", "3fff::1", "5f00::1"} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is admitted", s)
		}
	}
	if public(netip.Addr{}) || public(netip.MustParseAddr("2606:4700::1111").WithZone("eth0")) {
		t.Error("an address without meaning is admitted")
	}
}

func TestWebhookURL(t *testing.T) {
	for _, s := range []string{"https://api.diia.gov.ua/hooks/posvid", "https://system.example.com:8443/x?y=z", "https://xn--d1acpjx3f.xn--j1amh/x", "https://8.8.8.8/hook", "https://system.example.com:443"} {
		if err := checkWebhookURL(s, false); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"http://system.example.com/", "ftp://system.example.com/", "https://", "https:///x", "//system.example.com", "system.example.com", "https://user:pass@system.example.com/",
		"https://user@system.example.com/", "https://system.example.com/#x", "https://localhost/", "https://LOCALHOST/", "https://x.localhost/", "https://printer.local/", "https://db.internal/", "https://intranet/",
		"https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.0.0.1/",
		"https://017700000001/", "https://127.0.0.1./", "https://system.example.com:22/", "https://system.example.com:0/", "https://system.example.com:65536/", "https://system.example.com:x/",
		"https://system.example.com/\r\nHost: evil", "https://sys tem.example.com/", "javascript:alert(1)", "file:///etc/passwd", "https://" + strings.Repeat("a", maxWebhook) + ".example.com/", "https://[fe80::1%25eth0]/"} {
		if err := checkWebhookURL(s, false); !errors.Is(err, errAddress) {
			t.Errorf("%s is admitted: %v", s, err)
		}
	}
	if err := checkWebhookURL("http://127.0.0.1:8080/x", true); err != nil {
		t.Errorf("development: %v", err)
	}
}

// names answers what a test says, and counts.
type names struct {
	addrs []netip.Addr
	then  []netip.Addr // from the second question on
	asked atomic.Int32
}

func (n *names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	if n.asked.Add(1) > 1 && n.then != nil {
		return n.then, nil
	}
	if len(n.addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: "x"}
	}
	return n.addrs, nil
}

// A name in the public name service that leads inside is called by nobody, also when it changes its mind.
func TestDialStaysOutside(t *testing.T) {
	var calls atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer inside.Close()
	_, port, err := net.SplitHostPort(inside.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	get := func(n *names, allow func(netip.Addr) bool, host string) error {
		t.Helper()
		c := newClient(newDialer(n, allow))
		a, err := c.Get("http://" + net.JoinHostPort(host, port) + "/")
		if err == nil {
			a.Body.Close()
		}
		return err
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	for name, n := range map[string]*names{
		"loopback": {addrs: []netip.Addr{loopback}}, "mapped": {addrs: []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}},
		"one inside, one outside": {addrs: []netip.Addr{netip.MustParseAddr("8.8.8.8"), loopback}},
		"metadata":                {addrs: []netip.Addr{netip.MustParseAddr("169.254.169.254")}},
	} {
		if err := get(n, public, "system.example.com"); !errors.Is(err, errAddress) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := get(&names{}, public, "127.0.0.1"); !errors.Is(err, errAddress) {
		t.Errorf("an address in the URL: %v", err)
	}
	if err := get(&names{}, public, "gone.example.com"); err == nil || errors.Is(err, errAddress) {
		t.Errorf("a name that does not resolve: %v", err)
	}
	// The name is asked for once, and what was looked at is what is called.
	n := &names{addrs: []netip.Addr{loopback}, then: []netip.Addr{netip.MustParseAddr("8.8.8.8")}}
	if err := get(n, func(netip.Addr) bool { return true }, "system.example.com"); err != nil || n.asked.Load() != 1 {
		t.Errorf("asked %d times: %v", n.asked.Load(), err)
	}
	// The last word is had where the connection is made.
	d := newDialer(&names{addrs: []netip.Addr{loopback}}, public)
	if _, err := d.net.Dial("tcp", inside.Listener.Addr().String()); !errors.Is(err, errAddress) {
		t.Errorf("control lets it through: %v", err)
	}
	if calls.Load() != 1 {
		t.Errorf("the inside was called %d times, want the one that a test allowed", calls.Load())
	}
}

// A redirect is not followed, a slow receiver and an endless answer cost little.
func TestReceiversThatMisbehave(t *testing.T) {
	w, r := eventWorld(t)
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer other.Close()
	r.set(func(_ eventMessage, w http.ResponseWriter) {
		w.Header().Set("Location", other.URL)
		w.WriteHeader(307)
	})
	w.run(t)
	if reached.Load() != 0 || w.count(t, `SELECT count(*) FROM system_events WHERE why = 'redirect'`) != 1 {
		t.Error("the redirect was followed, or not noted")
	}
	w.Advance(time.Minute)
	w.p.client.Timeout = 150 * time.Millisecond
	stop := make(chan struct{})
	r.set(func(eventMessage, http.ResponseWriter) { <-stop })
	w.run(t)
	close(stop)
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE why = 'timeout'`); n != 1 {
		t.Errorf("%d timeouts noted, want 1", n)
	}
	w.p.client.Timeout = 15 * time.Second
	w.Advance(time.Hour)
	var written atomic.Int64
	r.set(func(_ eventMessage, w http.ResponseWriter) {
		w.WriteHeader(422)
		for range 10_000 {
			n, err := io.WriteString(w, strings.Repeat("x", 1024))
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	w.run(t)
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE why = 'http-422'`); n == 0 {
		t.Error("an endless answer is not noted")
	}
	r.set(nil)
	for range 4 {
		w.Advance(time.Hour)
		w.run(t)
	}
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state <> 1`); n != 0 {
		t.Errorf("%d events are lost", n)
	}
	r.CloseClientConnections()
	r.Close()
	if err := w.Ministry.Body.Body.Suspend(bg, w.Ministry.Holders["issued"].Row, w.change(4, "")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state = 0 AND why = 'connection'`); n != 1 {
		t.Errorf("%d events wait for a receiver that is gone, want 1", n)
	}
}

// Whatever stands in the store, nothing is sent inside, and nothing to a receiver whose certificate nobody vouches for.
func TestStoredWebhookIsHeldToTheRules(t *testing.T) {
	var calls atomic.Int32
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	plain, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	defer plain.Close()
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	for name, c := range map[string]struct {
		dev     bool
		webhook string
		why     string
	}{
		"http": {false, plain.URL, "address"}, "https inside": {false, secure.URL, "address"}, "name that leads inside": {false, strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), "address"},
		"certificate of nobody": {true, secure.URL, "connection"},
	} {
		w := testWorld(t, "", func(s *service.Config) { s.Dev = c.dev })
		if err := w.Server.Store.Update(bg, func(tx *store.ServiceTx) error {
			_, err := tx.Exec(`UPDATE systems SET webhook = $1`, c.webhook)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		w.run(t)
		if n := w.count(t, `SELECT count(*) FROM system_events WHERE why = $1`, c.why); n != 1 {
			t.Errorf("%s: %d events say %s, want 1", name, n, c.why)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

func FuzzWebhookURL(f *testing.F) {
	f.Add("https://system.example.com/x")
	f.Add("https://127.0.0.1@system.example.com/")
	f.Fuzz(func(t *testing.T, text string) {
		if checkWebhookURL(text, false) != nil {
			return
		}
		if r, err := http.NewRequest("POST", text, nil); err != nil || r.URL.Scheme != "https" || r.URL.User != nil || r.URL.Hostname() == "" {
			t.Fatalf("%q is admitted and is no address", text)
		}
	})
}

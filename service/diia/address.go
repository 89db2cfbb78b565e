package diia

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errAddress: a webhook's host leads to where this service must not go.
var errAddress = errors.New("diia: address is not in the public network [webhook-address]")

// Networks that are not the public one (the IANA special-purpose address registries, RFC 6890), beyond what package netip knows.
var closedNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("fec0::/10"),
}

// public tells whether an address lies in the public network. Addresses that carry an IPv4 address inside (mapped, NAT64,
// 6to4, Teredo) are looked through or refused.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, n := range closedNetworks {
		if n.Contains(a) {
			return false
		}
	}
	return true
}

// checkWebhook reads an address as an administrator typed it. Empty means that the system pulls.
func (p *part) checkWebhook(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", nil
	}
	if err := checkWebhookURL(text, p.s.Dev); err != nil {
		return "", systemWebhook.Because(err)
	}
	return text, nil
}

// checkWebhookURL holds the form of an address against the rules. Where its name leads is looked at each time it is called.
func checkWebhookURL(text string, dev bool) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxWebhook, err != nil, !plain(text):
		return fmt.Errorf("%w: no URL of at most %d bytes", errAddress, maxWebhook)
	case u.Scheme != "https" && !(dev && u.Scheme == "http"):
		return fmt.Errorf("%w: want https", errAddress)
	case u.User != nil, u.Fragment != "", u.RawFragment != "", u.Opaque != "", u.Hostname() == "":
		return fmt.Errorf("%w: want host and path, without user and fragment", errAddress)
	}
	if port := u.Port(); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 || n != 443 && n < 1024 && !dev {
			return fmt.Errorf("%w: want the port 443 or one from 1024 on", errAddress)
		}
	}
	if dev {
		return nil
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		if !public(a) {
			return errAddress
		}
		return nil
	}
	if !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".home.arpa") {
		return fmt.Errorf("%w: want a full name", errAddress)
	}
	// Other writings of an IPv4 address (0x7f.1, 017700000001) are names to netip and numbers to some resolvers.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" || last[0] >= '0' && last[0] <= '9' {
		return fmt.Errorf("%w: want a name", errAddress)
	}
	return nil
}

// resolver is net.Resolver, or a test's.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// dialer connects to addresses that may be called and to no others. It resolves the name itself and connects to what it has
// looked at, so that a second answer of the name server changes nothing.
type dialer struct {
	names resolver
	allow func(netip.Addr) bool
	net   net.Dialer
}

func newDialer(names resolver, allow func(netip.Addr) bool) *dialer {
	d := &dialer{names: names, allow: allow}
	d.net = net.Dialer{Timeout: 5 * time.Second, KeepAlive: -1, Control: func(network, address string, _ syscall.RawConn) error {
		// The last word before the connection is made, whatever chose the address.
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !allow(ap.Addr().Unmap()) {
			return errAddress
		}
		return nil
	}}
	return d
}

// DialContext connects to the first allowed address of a host. One forbidden address among its addresses refuses the host: a
// name that points inside is not one to trust halfway.
func (d *dialer) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errAddress
	}
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = d.names.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, fmt.Errorf("diia: name of the webhook does not resolve [webhook-name]")
	}
	for _, a := range addrs {
		if !d.allow(a.Unmap()) {
			return nil, errAddress
		}
	}
	last := fmt.Errorf("diia: name of the webhook has no address [webhook-name]")
	for i, a := range addrs {
		if i == 3 {
			break
		}
		c, err := d.net.DialContext(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return c, nil
		}
		last = err
	}
	return nil, last
}

// newClient makes the HTTP client for webhooks: no proxy, no redirect, no cookie, no connection kept, small limits.
func newClient(d *dialer) *http.Client {
	return &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: nil, DialContext: d.DialContext, DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: false,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second, MaxResponseHeaderBytes: 16 << 10,
		},
	}
}

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/office"
)

// smtpFlags are the flags of the mail gate.
type smtpFlags struct{ listen, listenTLS, cert, key string }

// smtpServer is the mail gate with what it listens on.
type smtpServer struct {
	gate        *office.Gate
	host        string       // as it greets
	plain, tls  net.Listener // of STARTTLS, of TLS from the first byte; nil for none
	certificate *certificateFile
}

// listenSMTP opens the mail gate's ports; nil when none was asked for.
func (f *serveFlags) listenSMTP(env *cli.Env, origin string) (_ *smtpServer, err error) {
	if f.smtp.listen == "" && f.smtp.listenTLS == "" {
		return nil, nil
	}
	if (f.smtp.cert == "") != (f.smtp.key == "") {
		return nil, cli.Usagef("%s", env.T("--smtp-cert і --smtp-key дають разом", "--smtp-cert and --smtp-key go together"))
	}
	cert, key := f.smtp.cert, f.smtp.key
	if cert == "" {
		cert, key = f.cert, f.key
	}
	u, err := url.Parse(origin)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	s := &smtpServer{host: u.Hostname()}
	switch {
	case cert != "":
		s.certificate = &certificateFile{cert: cert, key: key}
		if err := s.certificate.load(); err != nil {
			return nil, fmt.Errorf("posvid: certificate of the mail gate: %w", err)
		}
		config.GetCertificate = s.certificate.get
	case f.dev:
		pair, err := devCertificate(u.Hostname(), env.Now())
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	default:
		return nil, cli.Usagef("%s", env.T("--smtp потребує сертифіката: --smtp-cert і --smtp-key (паролі не йдуть відкритим текстом)",
			"--smtp needs a certificate: --smtp-cert and --smtp-key (passwords never go in clear)"))
	}
	if s.gate, err = office.NewGate(office.GateConfig{Domain: u.Hostname(), TLS: config}); err != nil {
		return nil, err
	}
	for _, on := range []struct {
		address string
		l       *net.Listener
	}{{f.smtp.listen, &s.plain}, {f.smtp.listenTLS, &s.tls}} {
		if on.address == "" {
			continue
		}
		if *on.l, err = net.Listen("tcp", on.address); err != nil {
			return nil, errors.Join(fmt.Errorf("posvid: mail gate: %w", err), s.close())
		}
	}
	return s, nil
}

// port is the port that people are told: that of STARTTLS, else that of TLS.
func (s *smtpServer) port() string {
	for _, l := range []net.Listener{s.plain, s.tls} {
		if l != nil {
			return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		}
	}
	return ""
}

// serve answers until stop; a listener that fails says so on failed.
func (s *smtpServer) serve(failed chan<- error) {
	if s.plain != nil {
		go func() { failed <- s.gate.Serve(s.plain) }()
	}
	if s.tls != nil {
		go func() { failed <- s.gate.ServeTLS(s.tls) }()
	}
}

// stop lets messages under way come in until ctx ends.
func (s *smtpServer) stop(ctx context.Context) { s.gate.Shutdown(ctx) } //nolint:errcheck // what is not queued was not answered

func (s *smtpServer) close() error {
	var failed []error
	for _, l := range []net.Listener{s.plain, s.tls} {
		if l != nil {
			failed = append(failed, l.Close())
		}
	}
	return errors.Join(failed...)
}

// devCertificate is a certificate for this machine that nobody has a reason to trust, for development and the demo.
func devCertificate(host string, at time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(at.UnixNano()), Subject: pkix.Name{CommonName: host}, NotBefore: at.Add(-time.Hour), NotAfter: at.AddDate(0, 0, 30),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

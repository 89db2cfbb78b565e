package main

import (
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
)

// TestGatePorts: each of --smtp and --smtps opens a port of its own; the same port for both is an error and not one of them silently left out.
func TestGatePorts(t *testing.T) {
	env := &cli.Env{Now: time.Now}
	f := &serveFlags{dev: true, smtp: smtpFlags{listen: "127.0.0.1:0", listenTLS: "127.0.0.1:0"}}
	s, err := f.listenSMTP(env, "https://localhost")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close() //nolint:errcheck // the test is over
	if s.plain == nil || s.tls == nil {
		t.Fatalf("STARTTLS %v, TLS %v: want both", s.plain, s.tls)
	}
	taken := s.plain.Addr().String()
	f.smtp = smtpFlags{listen: taken, listenTLS: taken}
	if _, err := f.listenSMTP(env, "https://localhost"); err == nil || !strings.Contains(err.Error(), "mail gate") {
		t.Errorf("a port that is taken: %v", err)
	}
	f.smtp = smtpFlags{listen: "127.0.0.1:0", cert: "x"}
	if _, err := f.listenSMTP(env, "https://localhost"); err == nil {
		t.Error("a certificate without its key was taken")
	}
}

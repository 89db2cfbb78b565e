package office

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// endless gives zeros for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestOneSendersMemory: the texts that one sender has coming in never fill the gate's memory for the others (OML-16).
func TestOneSendersMemory(t *testing.T) {
	g, err := NewGate(GateConfig{Domain: "gate.example", TLS: &tls.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	one, other := Seat{Body: "99000011", Post: 1}, Seat{Body: "99000011", Post: 2}
	var all []func()
	read := func(s Seat, n int64) error {
		_, release, err := g.read(s, io.LimitReader(endless{}, n))
		all = append(all, release)
		return err
	}
	for range 2 {
		if err := read(one, MaxMessage); err != nil {
			t.Fatal(err)
		}
	}
	if err := read(one, 1); !errors.Is(err, MailBusy) {
		t.Errorf("a third at the same time: %v", err)
	}
	if err := read(other, MaxMessage); err != nil {
		t.Errorf("another sender: %v", err)
	}
	if err := read(other, MaxMessage+1); !errors.Is(err, MailTooLarge) && !errors.Is(err, MailBusy) {
		t.Errorf("too large: %v", err)
	}
	for _, release := range all {
		release()
	}
	if g.memory != 0 || len(g.held) != 0 {
		t.Errorf("%d bytes and %d senders are still counted", g.memory, len(g.held))
	}
}

// pipeListener hands out the far ends of pipes.
type pipeListener chan net.Conn

func (l pipeListener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l pipeListener) Close() error   { close(l); return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestStrangersLeave: who does not log in goes after two minutes, however busy he keeps the connection; who has logged in stays, and a text that comes in
// chunks has its five minutes whole (OML-16).
func TestStrangersLeave(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(24 * time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewGate(GateConfig{Domain: "gate.example", TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}})
		if err != nil {
			t.Fatal(err)
		}
		m := &Mail{store: fuzzStore{}, host: "id.example", c: MailConfig{Origin: "https://id.example", Page: func(Seat) string { return "/" },
			Seated: func(context.Context, Seat) (Member, Status, error) {
				return Member{Email: draftFrom.address}, StatusValid, nil
			}}}
		if err := g.Join(GateJoin{Mail: m, Now: time.Now, Login: func(context.Context, string, string, netip.Addr) (GateLogin, error) {
			return GateLogin{Live: func(context.Context) error { return nil }}, nil
		}}); err != nil {
			t.Fatal(err)
		}
		l := make(pipeListener)
		go g.ServeTLS(l) //nolint:errcheck // it ends with the gate
		// session says lines, one every 50 seconds, and tells how many were answered before the gate ended it.
		session := func(lines []string) int {
			near, far := net.Pipe()
			l <- far
			conn := tls.Client(near, &tls.Config{InsecureSkipVerify: true}) // a certificate of this test
			defer near.Close()
			r := bufio.NewReader(conn)
			answer := func() error {
				for {
					line, err := r.ReadString('\n')
					if err != nil || len(line) > 3 && line[3] == ' ' {
						return err
					}
				}
			}
			if err := answer(); err != nil {
				t.Fatal(err)
			}
			for i, line := range lines {
				if _, err := io.WriteString(conn, line); err != nil {
					return i
				}
				if err := answer(); err != nil {
					return i
				}
				time.Sleep(50 * time.Second)
			}
			return len(lines)
		}
		noops := strings.Split(strings.Repeat("NOOP\r\n|", 11), "|")[:11]
		known := []string{"EHLO x\r\n", "AUTH PLAIN AGEAYg==\r\n"}
		if n := session(append([]string{"EHLO x\r\n"}, noops...)); n > 4 {
			t.Errorf("a stranger was answered %d times", n)
		}
		if n := session(append(known, noops...)); n != 13 {
			t.Errorf("somebody known was answered %d times, want 13", n)
		}
		chunks := append(known, fmt.Sprintf("MAIL FROM:<%s>\r\n", draftFrom.address), "RCPT TO:<a@b.example>\r\n")
		for range 11 {
			chunks = append(chunks, "BDAT 1\r\nx")
		}
		if n := session(chunks); n < 8 || n > 12 {
			t.Errorf("a text in chunks was taken through %d commands", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/testvectors/gen/hrdata"
	"github.com/posvid/posvid/trust"
)

// SRV-32: what the trust operator refuses of one body keeps no other body's changes out of the next bundle.
func TestRefusedPublicationHoldsNobodyUp(t *testing.T) {
	dir := serveFolder(t)
	var out, talk bytes.Buffer
	env := serveEnv(dir, &out, &talk)
	f := &serveFlags{listen: "127.0.0.1:0", dev: true}
	h, err := f.open(context.Background(), env, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	ctx := context.Background()
	if err := h.trust.Publish(ctx, env.Now()); err != nil {
		t.Fatal(err)
	}
	before, _, err := h.trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "bodies", hrdata.MinistryEDRPOU, "publication.sidp"))
	if err != nil {
		t.Fatal(err)
	}
	for name, publication := range map[string][]byte{"nonsense": []byte("nonsense"), "cut off": data[:len(data)/2]} {
		next, refused, err := h.trust.nextBundle([][]byte{publication, data}, env.Now().Add(time.Second))
		if err != nil || refused == nil {
			t.Fatalf("%s: refused %v, error %v: want a bundle and what was refused", name, refused, err)
		}
		b, err := trust.Open(next, before.FirstFingerprint())
		if err != nil || b.Number() <= before.Number() {
			t.Errorf("%s: bundle %v, %v: want one after %d", name, b, err, before.Number())
		}
	}
	// The same from the outside: the register of the operator has ended the body while its key still signs.
	if err := h.trust.operator.update(func(r *trust.Register) error { return r.EndBody(hrdata.MinistryEDRPOU, env.Now().Add(time.Minute)) }); err != nil {
		t.Fatal(err)
	}
	refused := h.trust.Publish(ctx, env.Now().Add(time.Minute))
	if refused == nil || !strings.Contains(refused.Error(), hrdata.MinistryEDRPOU) {
		t.Errorf("publishing of an ended body: %v, want a refusal that names it", refused)
	}
	after, _, err := h.trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	if after.Number() <= before.Number() {
		t.Errorf("bundle %d is installed, want one after %d: the end of the body reached nobody (%v)", after.Number(), before.Number(), refused)
	}
}

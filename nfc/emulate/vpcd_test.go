package emulate

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// reader plays vpcd's side of the line.
type reader struct {
	t    *testing.T
	conn net.Conn
}

// plug dials a listener of the test's own and gives both ends.
func plug(t *testing.T, device Device) (*Plug, reader) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p, err := Dial(t.Context(), listener.Addr().String(), device)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); _ = p.Remove() })
	return p, reader{t, conn}
}

func (r reader) send(payload ...byte) {
	r.t.Helper()
	// Two writes, as vpcd does.
	if _, err := r.conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(payload)))); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.conn.Write(payload); err != nil {
		r.t.Fatal(err)
	}
}

func (r reader) receive() []byte {
	r.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(r.conn, head); err != nil {
		r.t.Fatal(err)
	}
	payload := make([]byte, binary.BigEndian.Uint16(head))
	if _, err := io.ReadFull(r.conn, payload); err != nil {
		r.t.Fatal(err)
	}
	return payload
}

func TestPlug(t *testing.T) {
	card := personalise(t, nil)
	chip := NewChip(ChipConfig{}, card)
	p, r := plug(t, chip)
	r.send(controlATR) // presence, before the power
	if got := r.receive(); !bytes.Equal(got, chip.ATR()) {
		t.Errorf("ATR %x", got)
	}
	select {
	case <-p.Powered():
		t.Error("a card without power counts as powered")
	default:
	}
	r.send(controlOn)
	r.send(controlATR)
	r.receive()
	<-p.Powered()
	selection := unhex(t, "00A4040009A0000003080000100000")
	r.send(selection...)
	if got := r.receive(); !bytes.HasSuffix(got, []byte{0x90, 0}) || len(got) < 20 {
		t.Errorf("SELECT: %x", got)
	}
	verify := unhex(t, "0020008008313233343536FFFF")
	r.send(verify...)
	if got := r.receive(); !bytes.Equal(got, []byte{0x90, 0}) {
		t.Errorf("VERIFY: %x", got)
	}
	r.send(controlReset)
	r.send(0, 0x20, 0, 0x80)
	if got := r.receive(); !bytes.Equal(got, []byte{0x6D, 0}) {
		t.Errorf("after the reset: %x", got)
	}
	r.send(controlOff)
	r.send(controlOn)
	p.Replace(NewNumberTag([]byte{1, 2, 3, 4}))
	r.send(0xFF, 0xCA, 0, 0, 0)
	if got := r.receive(); !bytes.Equal(got, []byte{1, 2, 3, 4, 0x90, 0}) {
		t.Errorf("replaced card: %x", got)
	}
	if p.Commands() != 4 {
		t.Errorf("%d commands, want 4", p.Commands())
	}
	r.conn.Close()
	<-p.Done()
	if err := p.Remove(); err != nil {
		t.Errorf("the reader's end is reported as %v", err)
	}
}

func TestPlugEnds(t *testing.T) {
	gone := func(t *testing.T, p *Plug, r reader) error {
		t.Helper()
		select {
		case <-p.Done():
		case <-time.After(5 * time.Second):
			t.Fatal("the card is still served")
		}
		if n, err := r.conn.Read(make([]byte, 1)); err == nil || n != 0 {
			t.Errorf("the line is open: %d bytes, %v", n, err)
		}
		return p.Remove()
	}
	t.Run("torn", func(t *testing.T) {
		p, r := plug(t, NewScript(NewChip(ChipConfig{})).Always(Tear()))
		r.send(0, 0x20, 0, 0x80)
		if err := gone(t, p, r); err != nil {
			t.Error(err)
		}
	})
	t.Run("unknown control", func(t *testing.T) {
		p, r := plug(t, NewChip(ChipConfig{}))
		r.send(0x77)
		if err := gone(t, p, r); err == nil {
			t.Error("an unknown control byte is no fault of the line")
		}
	})
	t.Run("answer too long", func(t *testing.T) {
		p, r := plug(t, NewScript(NewChip(ChipConfig{})).Always(Huge(65534)))
		r.send(0, 0x20, 0, 0x80)
		if err := gone(t, p, r); err == nil {
			t.Error("an answer that fits no frame was sent")
		}
	})
	t.Run("stalled, then removed", func(t *testing.T) {
		p, r := plug(t, NewScript(NewChip(ChipConfig{})).Always(Stall()))
		r.send(0, 0x20, 0, 0x80)
		for p.Commands() == 0 {
			time.Sleep(time.Millisecond)
		}
		if err := p.Remove(); err != nil {
			t.Error(err)
		}
		_ = gone(t, p, r)
	})
	t.Run("empty frames", func(t *testing.T) {
		p, r := plug(t, NewScript(NewChip(ChipConfig{})).Always(Empty()))
		r.send()
		r.send(0, 0x20, 0, 0x80)
		if got := r.receive(); len(got) != 0 {
			t.Errorf("%x", got)
		}
		if p.Commands() != 1 {
			t.Errorf("%d commands", p.Commands())
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := Dial(ctx, "127.0.0.1:1", NewChip(ChipConfig{})); err == nil {
			t.Error("dialled nobody")
		}
	})
}

func BenchmarkTransmitLine(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	p, err := Dial(b.Context(), listener.Addr().String(), NewChip(ChipConfig{}))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Remove()
	conn, err := listener.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 4)
	for b.Loop() {
		if _, err := conn.Write([]byte{0, 4}); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Write([]byte{0, 0x20, 0, 0x80}); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			b.Fatal(err)
		}
	}
}

package emulate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Control bytes of the vpcd protocol, in frames of length 1.
const (
	controlOff   = 0x00
	controlOn    = 0x01
	controlReset = 0x02
	controlATR   = 0x04
)

const frameMax = 0xFFFF // the length field has two bytes

// Plug is a card in a slot of the virtual reader vpcd.
type Plug struct {
	conn   net.Conn
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	reads  atomic.Int64 // answers to reset given: pcscd has seen the card
	apdus  atomic.Int64
	busy   atomic.Bool   // a command is with the card
	seen   chan struct{} // closed when pcscd has powered the card

	mu      sync.Mutex
	device  Device
	powered bool
}

// Dial puts a card into the slot of vpcd that listens at addr, 127.0.0.1:35963 for the first and :35964 for the second. It
// tries for five seconds, since vpcd accepts one card at a time and listens without a backlog. The card stays until
// [Plug.Remove], until ctx ends or until the card tears itself away.
func Dial(ctx context.Context, addr string, device Device) (*Plug, error) {
	dialer := net.Dialer{Timeout: time.Second}
	var conn net.Conn
	var err error
	for range 50 {
		if conn, err = dialer.DialContext(ctx, "tcp", addr); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("emulate: vpcd at %s: %w", addr, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err != nil {
		return nil, fmt.Errorf("emulate: vpcd at %s: %w", addr, err)
	}
	device.Reset()
	serving, cancel := context.WithCancel(ctx)
	p := &Plug{conn: conn, cancel: cancel, done: make(chan struct{}), seen: make(chan struct{}), device: device}
	stop := context.AfterFunc(serving, func() { conn.Close() })
	go func() {
		defer close(p.done)
		defer stop()
		defer cancel()
		defer conn.Close()
		if err := p.serve(serving); serving.Err() == nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrTorn) {
			p.err = err
		}
	}()
	return p, nil
}

// Remove takes the card out and waits until nobody serves it. It reports what ended the service before, if that was a
// fault of the line.
func (p *Plug) Remove() error {
	p.cancel()
	<-p.done
	return p.err
}

// Done is closed when the card is no longer in the slot.
func (p *Plug) Done() <-chan struct{} { return p.done }

// Powered is closed when the reader has powered the card and knows its answer to reset.
func (p *Plug) Powered() <-chan struct{} { return p.seen }

// Commands gives the count of command APDUs that arrived.
func (p *Plug) Commands() int { return int(p.apdus.Load()) }

// Replace lets another card answer from now on, reset, without the reader noticing.
func (p *Plug) Replace(device Device) {
	device.Reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.device = device
}

func (p *Plug) current() Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.device
}

// serve answers frames until the line or the card ends, and says what ended it.
func (p *Plug) serve(ctx context.Context) error {
	head := make([]byte, 2)
	for {
		quickACK(p.conn)
		if _, err := io.ReadFull(p.conn, head); err != nil {
			return err
		}
		frame := make([]byte, binary.BigEndian.Uint16(head))
		quickACK(p.conn)
		if _, err := io.ReadFull(p.conn, frame); err != nil {
			return err
		}
		switch len(frame) {
		case 0:
			continue
		case 1:
			if err := p.control(frame[0]); err != nil {
				return err
			}
			continue
		}
		p.apdus.Add(1)
		p.busy.Store(true)
		response, err := p.current().Transmit(ctx, frame)
		if err != nil {
			return err
		}
		if err := p.send(response); err != nil {
			return err
		}
		if len(response) > 0 { // vpcd takes an empty frame for none: it still waits
			p.busy.Store(false)
		}
	}
}

func (p *Plug) control(code byte) error {
	device := p.current()
	switch code {
	case controlOff, controlReset:
		p.powered = code == controlReset
		device.Reset()
	case controlOn:
		p.powered = true
		device.Reset()
	case controlATR:
		// pcscd asks for the ATR to learn whether a card is present, and once more when it has powered it.
		if err := p.send(device.ATR()); err != nil {
			return err
		}
		p.reads.Add(1)
		if p.powered {
			select {
			case <-p.seen:
			default:
				close(p.seen)
			}
		}
	default:
		return fmt.Errorf("emulate: vpcd control %02X is unknown", code)
	}
	return nil
}

// send writes one frame. Both parts go out together: two small writes would wait for each other's acknowledgement.
func (p *Plug) send(payload []byte) error {
	if len(payload) > frameMax {
		return fmt.Errorf("emulate: answer of %d bytes, a frame holds %d", len(payload), frameMax)
	}
	_, err := p.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload...))
	return err
}

package emulate

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Fault is what goes wrong with one command. It gets the command and may let the card answer it.
type Fault func(ctx context.Context, apdu []byte, card Device) ([]byte, error)

// Script is a card on which something goes wrong. Which command a fault meets is counted from the last reset, from 0, so
// that a script means the same to every session; see [Script.Once] for faults that happen to one session only.
type Script struct {
	mu     sync.Mutex
	card   Device
	first  Device // the card before any swap
	every  Fault
	faults map[int]Fault
	onIns  map[byte]Fault
	atrs   [][]byte // answers to reset after each reset; the last stays
	resets int
	index  int
	once   bool
	spent  bool
	seen   [][]byte // SELECT commands since the last reset
}

// NewScript makes a card without faults of another one.
func NewScript(card Device) *Script {
	return &Script{card: card, first: card, faults: map[int]Fault{}, onIns: map[byte]Fault{}}
}

// At lets the n-th command since the last reset, from 0, meet a fault.
func (s *Script) At(n int, fault Fault) *Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[n] = fault
	return s
}

// On lets every command with an instruction meet a fault, e.g. 87 for GENERAL AUTHENTICATE.
func (s *Script) On(ins byte, fault Fault) *Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onIns[ins] = fault
	return s
}

// Always lets every command meet a fault that no other rule names.
func (s *Script) Always(fault Fault) *Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.every = fault
	return s
}

// Once ends all faults after the first one that happened: the next try finds a good card.
func (s *Script) Once() *Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once = true
	return s
}

// ATRs changes the answer to reset with every reset; the last one stays.
func (s *Script) ATRs(atrs ...[]byte) *Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atrs = atrs
	return s
}

// SwapAt lets another card answer from the n-th command on, without the reader noticing anything: what a multiplexer
// between card and reader does. With selected, the SELECT commands of the session are played to the other card first.
// The next reset brings the first card back.
func (s *Script) SwapAt(n int, other Device, selected bool) *Script {
	return s.At(n, func(ctx context.Context, apdu []byte, _ Device) ([]byte, error) {
		s.mu.Lock()
		s.card = other
		seen := s.seen
		s.mu.Unlock()
		other.Reset()
		if selected {
			for _, command := range seen {
				if _, err := other.Transmit(ctx, command); err != nil {
					return nil, err
				}
			}
		}
		return other.Transmit(ctx, apdu)
	})
}

// ATR implements [Device].
func (s *Script) ATR() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.atrs) > 0 {
		return bytes.Clone(s.atrs[min(max(s.resets-1, 0), len(s.atrs)-1)])
	}
	return s.card.ATR()
}

// Reset implements [Device].
func (s *Script) Reset() {
	s.mu.Lock()
	s.resets++
	s.index, s.seen, s.card = 0, nil, s.first
	card := s.card
	s.mu.Unlock()
	card.Reset()
}

// Contactless reports whether the card that answers now is behind an antenna.
func (s *Script) Contactless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return isContactless(s.card)
}

// Transmit implements [Device].
func (s *Script) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	s.mu.Lock()
	fault, card := s.faults[s.index], s.card
	s.index++
	if fault == nil && len(apdu) > 1 {
		fault = s.onIns[apdu[1]]
	}
	if fault == nil {
		fault = s.every
	}
	if s.spent {
		fault = nil
	}
	if len(apdu) > 2 && apdu[1] == insSelect {
		s.seen = append(s.seen, bytes.Clone(apdu))
	}
	if fault != nil && s.once {
		s.spent = true
	}
	s.mu.Unlock()
	if fault == nil {
		return card.Transmit(ctx, apdu)
	}
	return fault(ctx, apdu, card)
}

// Tear takes the card away before it answers.
func Tear() Fault {
	return func(context.Context, []byte, Device) ([]byte, error) { return nil, ErrTorn }
}

// TearAfter lets the card carry out the command and takes it away before the answer arrives: what was written is written.
func TearAfter() Fault {
	return func(ctx context.Context, apdu []byte, card Device) ([]byte, error) {
		if _, err := card.Transmit(ctx, apdu); err != nil {
			return nil, err
		}
		return nil, ErrTorn
	}
}

// Stall never answers while the session lasts: it ends with the context only.
func Stall() Fault {
	return func(ctx context.Context, _ []byte, _ Device) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

// Slow answers rightly, after a while.
func Slow(d time.Duration) Fault {
	return func(ctx context.Context, apdu []byte, card Device) ([]byte, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return card.Transmit(ctx, apdu)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Call runs a function when the command arrives, and then lets the card answer: to send a signal, to take the reader
// away or to put another card in, in the middle of a session.
func Call(do func()) Fault {
	return func(ctx context.Context, apdu []byte, card Device) ([]byte, error) {
		do()
		return card.Transmit(ctx, apdu)
	}
}

// Raw answers with these bytes, whatever they are: none, one, or a whole answer.
func Raw(response []byte) Fault {
	return func(context.Context, []byte, Device) ([]byte, error) { return bytes.Clone(response), nil }
}

// Empty answers with no bytes at all and stays in the field, as some readers give it. vpcd takes an empty frame for none
// and goes on waiting: behind it this is a stall.
func Empty() Fault { return Raw([]byte{}) }

// OneByte answers with half a status word.
func OneByte() Fault { return Raw([]byte{0x90}) }

// Status answers with a status word and no data.
func Status(sw uint16) Fault { return Raw(answer(nil, sw)) }

// MoreForEver answers 61xx with n bytes of data, again and again: put it on Always, or on C0.
func MoreForEver(n int) Fault { return Raw(answer(make([]byte, n), statusMore|0xFF)) }

// WrongLeForEver answers 6Cxx with another length each time.
func WrongLeForEver() Fault {
	le := byte(1)
	var mu sync.Mutex
	return func(context.Context, []byte, Device) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		le++
		return answer(nil, statusWrongLe|uint16(le)), nil
	}
}

// Huge answers with n bytes of data and 9000, whatever was asked for. Behind vpcd n is at most 65533.
func Huge(n int) Fault { return Raw(answer(make([]byte, n), StatusOK)) }

// Truncate lets the card answer and gives n bytes of its data with its status word.
func Truncate(n int) Fault {
	return change(func(data []byte) []byte { return data[:min(n, len(data))] })
}

// WrongLength lets the card answer and adds d to the last byte of the outer length field of its data.
func WrongLength(d int) Fault {
	return change(func(data []byte) []byte {
		if len(data) < 2 {
			return data
		}
		at := 1
		if data[0]&0x1F == 0x1F { // a tag of more than one byte: all but its last have bit 8 set
			for at < len(data) && data[at]&0x80 != 0 {
				at++
			}
			at++
		}
		if at < len(data) && data[at] > 0x80 {
			at += int(data[at] & 0x7F)
		}
		if at < len(data) {
			data[at] += byte(d)
		}
		return data
	})
}

// Flip lets the card answer and turns one bit of its data over. Bits count from the first of the first byte, and again
// from there past the end.
func Flip(bit int) Fault {
	return change(func(data []byte) []byte {
		if len(data) > 0 {
			bit := bit % (8 * len(data))
			data[bit/8] ^= 0x80 >> (bit % 8)
		}
		return data
	})
}

// Trailing lets the card answer and adds bytes between data and status word.
func Trailing(extra ...byte) Fault {
	return change(func(data []byte) []byte { return append(data, extra...) })
}

// change makes a fault of what it does to the data of a right answer.
func change(edit func(data []byte) []byte) Fault {
	return func(ctx context.Context, apdu []byte, card Device) ([]byte, error) {
		response, err := card.Transmit(ctx, apdu)
		if err != nil || len(response) < 2 {
			return response, err
		}
		cut := len(response) - 2
		data := edit(bytes.Clone(response[:cut]))
		return append(data, response[cut:]...), nil
	}
}

// Random answers with nonsense of up to max bytes, the same for the same seed and command count.
func Random(seed uint64, max int) Fault {
	source := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	return func(context.Context, []byte, Device) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		out := make([]byte, source.IntN(max+1))
		for i := range out {
			out[i] = byte(source.Uint32())
		}
		return out, nil
	}
}

// Chaos makes a card on which one thing goes wrong, chosen by a seed: torn, short, looping, huge, cut, flipped, slow, wrong status words, or from some command on other answers instead, fresh or with the same
// selections. The name says what happens and at which command, e.g. "torn@3"; the same seed always gives the same. With stall the faults are among them at which a program without deadlines
// waits for ever, "stalled" and, behind vpcd, "empty".
func Chaos(seed uint64, card, other Device, stall bool) (script *Script, name string) {
	source := rand.New(rand.NewPCG(seed, 0x706F73766964))
	at := source.IntN(14) // a whole read of a PIV card takes about as many commands
	script = NewScript(card)
	fault := func(f Fault) func() { return func() { script.At(at, f) } }
	kinds := []struct {
		name  string
		apply func()
	}{
		{"torn", fault(Tear())},
		{"torn-after", fault(TearAfter())},
		{"one-byte", fault(OneByte())},
		{"more-for-ever", func() {
			loop := MoreForEver(source.IntN(250))
			script.At(at, loop).On(insGetResponse, loop)
		}},
		{"wrong-le-for-ever", func() {
			loop := WrongLeForEver()
			for n := at; n < at+1000; n++ {
				script.At(n, loop)
			}
		}},
		{"huge", func() { script.At(at, Huge(1000+source.IntN(64000))) }},
		{"truncated", func() { script.At(at, Truncate(source.IntN(40))) }},
		{"wrong-length", func() { script.At(at, WrongLength(1+source.IntN(254))) }},
		{"flipped", func() { script.At(at, Flip(source.IntN(8*256))) }},
		{"trailing", func() { script.At(at, Trailing(byte(source.Uint32()))) }},
		{"random", func() { script.At(at, Random(source.Uint64(), 300)) }},
		{"status", func() { script.At(at, Status(uint16(source.Uint32()))) }},
		{"slow", func() { script.At(at, Slow(time.Duration(source.IntN(300))*time.Millisecond)) }},
		{"swapped", func() { script.SwapAt(at, other, false) }},
		{"swapped-selected", func() { script.SwapAt(at, other, true) }},
		{"empty", fault(Empty())},
		{"stalled", fault(Stall())},
	}
	if !stall {
		kinds = kinds[:len(kinds)-2]
	}
	kind := kinds[source.IntN(len(kinds))]
	kind.apply()
	return script, fmt.Sprintf("%s@%d", kind.name, at)
}

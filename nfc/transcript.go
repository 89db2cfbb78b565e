package nfc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// A transcript is text, one line a message, in hexadecimal without spaces:
//
//	# posvid nfc transcript 1        comments begin with a number sign
//	> 00A4040009A0000003080000100000 command
//	< [126]9000                      answer: 126 bytes left out, then the status word
//	> 0087119E26[38]00               command: 38 bytes of data left out
//	! torn                           no answer: torn, timeout, reset or reader
//
// A line "<" with one byte or none is an answer that was cut.

// transcriptHeader is the first line of what a Recorder writes.
const transcriptHeader = "# posvid nfc transcript 1"

// failures are the words for exchanges without an answer.
var failures = []struct {
	word string
	err  error
}{{"torn", ErrTorn}, {"timeout", ErrTimeout}, {"reset", ErrReset}, {"reader", ErrTransport}}

// Recorder is a Card that writes down what passes. It keeps headers, lengths and status words; of the data it keeps only
// what commands name, which is application and object identifiers. What a card says of its holder, challenges,
// signatures and secrets are left out unless it was made by [RecordAll].
type Recorder struct {
	card Card
	all  bool
	mu   sync.Mutex
	text strings.Builder
}

// Record gives a card whose exchanges are written down without data.
func Record(card Card) *Recorder { return &Recorder{card: card} }

// RecordAll gives a card whose exchanges are written down whole: personal data included. Its text can be replayed.
// Who stores it must ask first and make it readable to its owner only.
func RecordAll(card Card) *Recorder { return &Recorder{card: card, all: true} }

// Unwrap gives the card that is recorded.
func (r *Recorder) Unwrap() Card { return r.card }

// Transmit passes the command on and writes it down with its answer. After MaxTranscript bytes it writes no more.
func (r *Recorder) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	answer, err := r.card.Transmit(ctx, apdu)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text.Len() > MaxTranscript-2*(len(apdu)+len(answer))-64 {
		return answer, err
	}
	r.text.WriteString("> " + r.command(apdu) + "\n")
	if err != nil {
		word := "reader"
		for _, f := range failures {
			if errors.Is(err, f.err) {
				word = f.word
			}
		}
		r.text.WriteString("! " + word + "\n")
		return answer, err
	}
	r.text.WriteString(strings.TrimRight("< "+r.answer(answer), " ") + "\n")
	return answer, nil
}

func (r *Recorder) command(apdu []byte) string {
	if r.all {
		return hex.EncodeToString(apdu)
	}
	c, err := ParseCommandAPDU(apdu)
	if err != nil {
		return fmt.Sprintf("[%d]", len(apdu))
	}
	if len(c.Data) == 0 || c.INS == insSelect || c.INS == insGetData {
		return hex.EncodeToString(apdu)
	}
	head := 5
	if c.Extended {
		head = 7
	}
	return fmt.Sprintf("%x[%d]%x", apdu[:head], len(c.Data), apdu[head+len(c.Data):])
}

func (r *Recorder) answer(apdu []byte) string {
	n := len(apdu) - 2
	if r.all || n <= 0 {
		return hex.EncodeToString(apdu)
	}
	return fmt.Sprintf("[%d]%x", n, apdu[n:])
}

// Text is what was written down so far.
func (r *Recorder) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return transcriptHeader + "\n" + r.text.String()
}

// Exchange is one command of a transcript and what came of it.
type Exchange struct {
	Command  []byte // nil when bytes of it were left out
	Response []byte // nil when bytes of it were left out, or when there was none
	Redacted bool   // bytes of either were left out
	Err      error  // ErrTorn, ErrTimeout, ErrReset or ErrTransport instead of an answer
}

// ParseTranscript reads the text of a transcript. ErrMalformed with the number of the line, or ErrTooLarge.
func ParseTranscript(text string) ([]Exchange, error) {
	if len(text) > MaxTranscript {
		return nil, fail(ErrTooLarge, "transcript of %d bytes, at most %d", len(text), MaxTranscript)
	}
	var list []Exchange
	open := false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		body := strings.TrimSpace(line[1:])
		switch {
		case line[0] == '>' && !open:
			data, redacted, ok := parseMessage(body)
			if !ok || len(data) < 4 && !redacted {
				return nil, fail(ErrMalformed, "transcript line %d: not a command", number)
			}
			list, open = append(list, Exchange{Command: data, Redacted: redacted}), true
		case line[0] == '<' && open:
			e := &list[len(list)-1]
			data, redacted, ok := parseMessage(body)
			if !ok {
				return nil, fail(ErrMalformed, "transcript line %d: not an answer", number)
			}
			e.Response, e.Redacted, open = data, e.Redacted || redacted, false
		case line[0] == '!' && open:
			e := &list[len(list)-1]
			for _, f := range failures {
				if f.word == body {
					e.Err = f.err
				}
			}
			if e.Err == nil {
				return nil, fail(ErrMalformed, "transcript line %d: unknown failure", number)
			}
			open = false
		default:
			return nil, fail(ErrMalformed, "transcript line %d: want a command, then one answer or failure", number)
		}
	}
	if open {
		return nil, fail(ErrMalformed, "transcript ends before the answer to its last command")
	}
	return list, nil
}

// parseMessage reads hexadecimal bytes with at most one count of bytes left out. With one, data is nil.
func parseMessage(s string) (data []byte, redacted, ok bool) {
	if before, after, found := strings.Cut(s, "["); found {
		count, tail, closed := strings.Cut(after, "]")
		n, err := strconv.Atoi(count)
		_, errBefore := hex.DecodeString(before)
		_, errAfter := hex.DecodeString(tail)
		return nil, true, closed && err == nil && n > 0 && count[0] != '+' && errBefore == nil && errAfter == nil
	}
	data, err := hex.DecodeString(s)
	if err != nil {
		return nil, false, false
	}
	return data, false, true
}

// Replay is a Card that plays a transcript: it answers the recorded commands in their order and nothing else.
type Replay struct {
	exchanges []Exchange
	next      int
	failed    error
}

// NewReplay gives a card that answers as recorded.
func NewReplay(exchanges []Exchange) *Replay { return &Replay{exchanges: exchanges} }

// Done reports whether every recorded command was sent.
func (r *Replay) Done() bool { return r.next == len(r.exchanges) }

// Transmit answers the next recorded command. ErrReplay when apdu is another one, when there is none left, or when
// bytes of the exchange were left out; every later command fails too.
func (r *Replay) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.failed != nil {
		return nil, r.failed
	}
	header := hexUpper(apdu[:min(4, len(apdu))])
	switch {
	case r.Done():
		r.failed = fail(ErrReplay, "command %d (%s): the transcript ends before it", r.next+1, header)
	case r.exchanges[r.next].Redacted:
		r.failed = fail(ErrReplay, "command %d (%s): its data were left out of the transcript", r.next+1, header)
	case string(r.exchanges[r.next].Command) != string(apdu):
		want := r.exchanges[r.next].Command
		r.failed = fail(ErrReplay, "command %d is %s (%d bytes), recorded was %s (%d bytes)",
			r.next+1, header, len(apdu), hexUpper(want[:min(4, len(want))]), len(want))
	}
	if r.failed != nil {
		return nil, r.failed
	}
	e := r.exchanges[r.next]
	r.next++
	if e.Err != nil {
		return nil, e.Err
	}
	return append([]byte{}, e.Response...), nil
}

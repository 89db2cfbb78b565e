package verifycli

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/verifier"
)

// desk is a reader on which a torn card lies once.
type desk struct {
	laid    bool
	err     error // of Wait
	removed int
}

func (d *desk) Present(context.Context) (pcsc.Reader, error) {
	return pcsc.Reader{}, &pcsc.Error{Trouble: pcsc.NoCard}
}

func (d *desk) Wait(ctx context.Context, notify func(*pcsc.Error)) (pcsc.Reader, error) {
	if d.err != nil {
		return pcsc.Reader{}, d.err
	}
	if d.laid {
		notify(&pcsc.Error{Trouble: pcsc.ReaderLost})
		<-ctx.Done()
		return pcsc.Reader{}, ctx.Err()
	}
	notify(&pcsc.Error{Trouble: pcsc.NoCard})
	d.laid = true
	return pcsc.Reader{Name: "ACR122U"}, nil
}

func (d *desk) WaitRemoved(context.Context, string) error { d.removed++; return nil }

func (d *desk) Read(context.Context, string, func(context.Context, nfc.Card) error) error {
	return &pcsc.Error{Trouble: pcsc.CardTorn}
}

// TestReadCards: each card that is laid on a reader comes to the screen once, one that was torn away confirms nothing, and
// the reader's troubles are told in both languages (WAT-18).
func TestReadCards(t *testing.T) {
	env := &cli.Env{Lang: "uk", Now: time.Now}
	state, err := checkpoint.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reader := &desk{}
	p := &Program{Env: env, Cards: func(pcsc.Options) CardReader { return reader }}
	sources := p.cardSources(state, watchOptions{})
	if len(sources) != 1 || !sources[0].Card {
		t.Fatalf("%d sources", len(sources))
	}
	ctx, stop := context.WithCancel(context.Background())
	var items []watch.Item
	sources[0].Run(ctx, func(i watch.Item) {
		items = append(items, i)
		if i.Err != nil {
			stop()
		}
	})
	stop()
	cards := 0
	for _, i := range items {
		if i.Judge == nil {
			continue
		}
		cards++
		if v := i.Judge(watch.Question{At: time.Now(), Lang: "uk"}); v.Outcome != verifier.CannotConfirm {
			t.Errorf("a torn card: %s %s", v.Outcome, v.Code)
		}
	}
	last := items[len(items)-1]
	var words watch.Words
	if cards != 1 || reader.removed != 1 || !errors.As(last.Err, &words) || words.UK == "" || words.EN == "" || words.UK == words.EN {
		t.Errorf("%d cards, %d removed, last item %+v", cards, reader.removed, last)
	}
	if got := p.cardSources(state, watchOptions{reader: "none"}); len(got) != 0 {
		t.Error("cards are read though none were wanted")
	}
	// A reader that cannot be used is told, and the source ends so that it is started again.
	items = nil
	reader.err = &pcsc.Error{Trouble: pcsc.Refused}
	p.readCards(context.Background(), reader, state, func(i watch.Item) { items = append(items, i) })
	if len(items) != 1 || items[0].Err == nil {
		t.Errorf("%+v", items)
	}
}

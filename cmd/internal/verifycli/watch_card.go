package verifycli

import (
	"context"
	"errors"
	"strings"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// WatchReader is a CardReader that also tells when a card is gone.
type WatchReader interface {
	CardReader
	WaitRemoved(ctx context.Context, reader string) error
}

// cardSources are the card readers of the screen: none when this program is built without them, or by the name none.
func (p *Program) cardSources(state *checkpoint.State, o watchOptions) []watch.Source {
	if o.reader == "none" {
		return nil
	}
	var reader WatchReader = pcsc.New(pcsc.Options{Reader: o.reader})
	if p.Cards != nil {
		if given, ok := p.Cards(pcsc.Options{Reader: o.reader}).(WatchReader); ok {
			reader = given
		}
	}
	if _, err := reader.Present(context.Background()); o.reader == "" && (errors.Is(err, pcsc.NotBuilt) || errors.Is(err, pcsc.NoService)) {
		return nil // a checkpoint without cards: doctor tells how to have them
	}
	name := o.reader
	if name == "" {
		name = p.Env.T("зчитувач", "reader")
	}
	return []watch.Source{{Name: name, Card: true, Run: func(ctx context.Context, give func(watch.Item)) { p.readCards(ctx, reader, state, give) }}}
}

// readCards gives each card that is laid on a reader once, until the context ends.
func (p *Program) readCards(ctx context.Context, reader WatchReader, state *checkpoint.State, give func(watch.Item)) {
	for ctx.Err() == nil {
		at, err := reader.Wait(ctx, func(e *pcsc.Error) {
			if e.Trouble == pcsc.NoCard {
				give(watch.Item{Up: true})
				return
			}
			give(watch.Item{Err: cardWords(e)})
		})
		if err != nil {
			if ctx.Err() == nil {
				give(watch.Item{Err: cardWords(err)})
			}
			return
		}
		give(watch.Item{Up: true, Seen: true, Advice: watch.Words{UK: "читаю картку, не прибирайте…", EN: "reading the card, leave it there…"}})
		reading := readCardAt(ctx, reader, at.Name)
		give(watch.Item{Up: true, Judge: func(q watch.Question) verifier.Verdict {
			in := state.Complete(verifier.Input{At: q.At, MinLevel: q.Level, Lang: q.Lang})
			return card.Verify(card.Input{Input: in, Reading: reading})
		}})
		if err := reader.WaitRemoved(ctx, at.Name); err != nil && ctx.Err() == nil {
			give(watch.Item{Err: cardWords(err)})
			return
		}
	}
}

// readCardAt reads the card on a reader. Of one that was not there to the end nothing counts.
func readCardAt(ctx context.Context, reader CardReader, name string) (reading card.Reading) {
	err := reader.Read(ctx, name, func(ctx context.Context, c nfc.Card) error {
		reading = card.Read(ctx, c, card.Options{})
		return reading.Err
	})
	var way *pcsc.Error
	if err != nil && (errors.As(err, &way) || reading.Err == nil) {
		return card.Reading{Err: err}
	}
	return reading
}

// cardWords tells a guard why no card is read.
func cardWords(err error) error {
	var trouble *pcsc.Error
	if !errors.As(err, &trouble) {
		return err
	}
	words := func(lang string) string {
		cause, remedy := trouble.Text(lang)
		return strings.TrimSpace(cause + " " + remedy)
	}
	return watch.Words{UK: words(locale.Ukrainian), EN: words(locale.English)}
}

//go:build !js

package source

import (
	"context"
	"errors"
	"image"
)

// Item is one thing to look at: a picture that may hold codes, a text that was
// typed, or the reason why there is neither. Exactly one of Picture, IsText and
// Err is set.
type Item struct {
	Source  string      // where it came from: a file's name, a device, or "scanner"
	Page    int         // page of a document, from 1; 0 when the source has no pages
	Picture *image.Gray // 8-bit luminance, 0 is black

	Text     string // what was typed, repaired
	IsText   bool
	Repaired Repair // what RepairText mended of Text

	// Err tells why this item holds nothing. Further items may follow it.
	Err error

	// Skipped counts what a camera gave since the item before and what nobody
	// will look at: frames overtaken by newer ones and damaged frames.
	Skipped int
}

// Source gives items one after another.
type Source interface {
	// Next waits for the next item. At the end it gives io.EOF; a camera has no
	// end. Other errors are those of ctx and of a source that was closed: what
	// is wrong with one page or one frame comes as an Item.
	Next(ctx context.Context) (Item, error)
	// Close frees what the source holds. Next must not run at the same time,
	// except in a camera, whose Next then ends with ErrClosed.
	Close() error
}

// ErrClosed reports a source that was closed.
var ErrClosed = errors.New("source closed")

//go:build !js

package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/credential"
)

// MaxLines is the largest number of texts that are taken from one input.
const MaxLines = 64

// ErrTooManyLines reports a text of more lines than MaxLines.
var ErrTooManyLines = errors.New("too many lines of text")

// items is a Source of things that are known beforehand.
type items struct {
	next func(ctx context.Context) (Item, error)
}

func (s *items) Next(ctx context.Context) (Item, error) {
	if s.next == nil {
		return Item{}, fmt.Errorf("source: %w", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	return s.next(ctx)
}

func (s *items) Close() error {
	s.next = nil
	return nil
}

// list is a Source of items that are there already.
func list(all ...Item) *items {
	return &items{func(context.Context) (Item, error) {
		if len(all) == 0 {
			return Item{}, io.EOF
		}
		item := all[0]
		all = all[1:]
		return item, nil
	}}
}

// OpenFile gives what is in a file: one picture (PNG, JPEG, WebP, GIF), the pages
// of a PDF document, or text, of which each line is one typed text. The kind is
// told by the bytes, never by the name. Nothing is decoded before Next, and one
// page at a time; name is for Item.Source only.
//
// What is wrong with the file comes as an item with Err: the errors of
// DecodePicture, those of PDF documents, ErrTooManyLines, a *LayoutError.
func OpenFile(name string, data []byte, l Limits) Source {
	l = l.withDefaults()
	_, picture := sniff(data)
	switch {
	case len(data) > l.MaxBytes:
		return list(Item{Source: name, Err: fmt.Errorf("source: %d bytes, limit %d: %w", len(data), l.MaxBytes, ErrTooLarge)})
	case picture: // whatever else stands in it
	case IsPDF(data):
		return openPDF(name, data, l)
	case IsText(data):
		return list(lines(name, string(data))...)
	}
	done := false
	return &items{func(context.Context) (Item, error) {
		if done {
			return Item{}, io.EOF
		}
		done = true
		picture, err := DecodePicture(data, l)
		data = nil
		return Item{Source: name, Picture: picture, Err: err}, nil
	}}
}

// lines makes an item of each line that is not empty.
func lines(name, text string) []Item {
	var all []Item
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.Trim(line, marks) == "" {
			continue
		}
		if len(all) == MaxLines {
			return []Item{{Source: name, Err: fmt.Errorf("source: limit %d: %w", MaxLines, ErrTooManyLines)}}
		}
		item := Typed(line)
		item.Source = name
		all = append(all, item)
	}
	return all
}

// IsPDF tells whether data is a PDF document: its mark stands within the first
// 1,024 bytes (ISO 32000-1, Annex H, implementation note 13).
func IsPDF(data []byte) bool {
	return bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-"))
}

// IsText tells typed text from anything else: UTF-8 of printable characters,
// line ends, tabs and the marks of scanners but NUL, which is how other files
// begin; short enough for MaxLines texts.
func IsText(data []byte) bool {
	if len(data) > 2*MaxLines*(credential.MaxText+2) || !utf8.Valid(data) {
		return false
	}
	printable := false
	for _, r := range string(data) {
		switch {
		case unicode.IsGraphic(r):
			printable = true
		case r == 0 || r != '\ufeff' && !strings.ContainsRune(marks, r):
			return false
		}
	}
	return printable
}

//go:build !js

package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Limits of PDF documents. What renders them is another program, so they bound
// what is taken from it and what it may take from the computer.
const (
	// MaxPages is the largest number of pages that are looked at.
	MaxPages = 20
	// pdfResolution is what a page is rendered with, in pixels an inch. A module
	// of 0.5 mm becomes six pixels.
	pdfResolution = 300
	// maxPageSide bounds both sides of a rendered page, in pixels: A3 at 248 dpi,
	// A4 at 300. Larger pages are rendered coarser.
	maxPageSide = 4096
	pdfMemory   = 1 << 30  // bytes of address space of the renderer, where the system bounds it
	pdfDisk     = 4 << 20  // bytes of a file that the renderer may write, where the system bounds it: it has nothing to write
	pdfTalk     = 64 << 10 // bytes of what pdfinfo says
)

// Errors of PDF documents.
var (
	// ErrNoPDF reports that the programs that render PDF are not installed.
	ErrNoPDF = errors.New("PDF needs the programs pdfinfo and pdftoppm (Debian, Ubuntu: poppler-utils)")
	// ErrPDFEncrypted reports a document that opens with a password only.
	ErrPDFEncrypted = errors.New("PDF document is locked with a password")
	// ErrPDF reports a document that cannot be rendered.
	ErrPDF = errors.New("PDF document is damaged")
	// ErrPDFSlow reports a document that took more time than is given.
	ErrPDFSlow = errors.New("PDF document took too long")
	// ErrPDFPages reports pages above MaxPages, which were not looked at.
	ErrPDFPages = errors.New("PDF document has more pages than are looked at")
)

// pdf renders the pages of a document one by one. The document goes to the
// programs through a pipe and the pages come back through a pipe: nothing is
// written to a disk, nothing passes a shell.
type pdf struct {
	name   string
	data   []byte
	limits Limits

	render string
	sides  []int // the longer side of each page in pixels, once known
	extra  int   // pages above MaxPages
	page   int   // the page given last
	until  time.Time
	ended  bool
}

func openPDF(name string, data []byte, l Limits) Source {
	p := &pdf{name: name, data: data, limits: l}
	return &items{p.next}
}

func (p *pdf) next(ctx context.Context) (Item, error) {
	if p.ended {
		return Item{}, io.EOF
	}
	fail := func(err error) (Item, error) {
		if ctx.Err() != nil {
			return Item{}, ctx.Err()
		}
		p.ended, p.data = true, nil
		return Item{Source: p.name, Page: p.page, Err: err}, nil
	}
	if p.sides == nil {
		info, err := exec.LookPath("pdfinfo")
		if err == nil {
			p.render, err = exec.LookPath("pdftoppm")
		}
		if err != nil {
			return fail(fmt.Errorf("source: %w", ErrNoPDF))
		}
		p.until = time.Now().Add(p.limits.PDFTime)
		if err := p.measure(ctx, info); err != nil {
			return fail(err)
		}
	}
	if p.page == len(p.sides) {
		p.ended, p.data = true, nil
		if p.extra > 0 {
			return fail(fmt.Errorf("source: %d pages, limit %d: %w", len(p.sides)+p.extra, MaxPages, ErrPDFPages))
		}
		return Item{}, io.EOF
	}
	p.page++
	picture, err := p.draw(ctx, p.page)
	switch {
	case errors.Is(err, ErrPDFSlow), ctx.Err() != nil:
		return fail(err)
	case err != nil: // other pages may be sound
		return Item{Source: p.name, Page: p.page, Err: err}, nil
	}
	return Item{Source: p.name, Page: p.page, Picture: picture}, nil
}

// measure asks for the size of the pages.
func (p *pdf) measure(ctx context.Context, info string) error {
	out, complaint, err := p.run(ctx, pdfTalk, info, "-f", "1", "-l", strconv.Itoa(MaxPages), "-")
	if err != nil {
		if strings.Contains(complaint, "password") {
			return fmt.Errorf("source: %w", ErrPDFEncrypted)
		}
		return err
	}
	pages := 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		// Pages:           2
		// Page    1 size:  595.276 x 841.89 pts (A4)
		// Page size:       595.276 x 841.89 pts (A4)      (when it is asked for one page)
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 2 && f[0] == "Pages:":
			pages, _ = strconv.Atoi(f[1])
			p.sides = nil // what stood before is the document's title and the like, which may hold such lines too
		case len(f) >= 6 && f[0] == "Page" && f[2] == "size:":
			w, errW := strconv.ParseFloat(f[3], 64)
			h, errH := strconv.ParseFloat(f[5], 64)
			side := max(w, h) * pdfResolution / 72
			if errW != nil || errH != nil || !(side >= 1) {
				side = maxPageSide // an odd page: its picture will tell
			}
			p.sides = append(p.sides, int(min(side+0.5, maxPageSide)))
		}
	}
	if pages <= 0 || len(p.sides) != min(pages, MaxPages) {
		return fmt.Errorf("source: %d pages, sizes of %d: %w", pages, len(p.sides), ErrPDF)
	}
	p.extra = pages - len(p.sides)
	return nil
}

// draw renders one page.
func (p *pdf) draw(ctx context.Context, page int) (*image.Gray, error) {
	side := p.sides[page-1]
	// Both bounds hold whatever the document says of its pages: the longer side is scaled to exactly this.
	n := strconv.Itoa(page)
	out, complaint, err := p.run(ctx, maxPageSide*maxPageSide+64, p.render,
		"-q", "-gray", "-cropbox", "-scale-to", strconv.Itoa(side), "-f", n, "-l", n, "-")
	if err != nil {
		if strings.Contains(complaint, "password") {
			return nil, fmt.Errorf("source: page %d: %w", page, ErrPDFEncrypted)
		}
		return nil, fmt.Errorf("source: page %d: %w", page, err)
	}
	img, err := pgm(out, p.limits.MaxPixels)
	if err != nil {
		return nil, fmt.Errorf("source: page %d: %w", page, err)
	}
	return img, nil
}

// pgm reads a binary PGM of 8 bits a pixel. The picture shares its bytes.
func pgm(data []byte, maxPixels int) (*image.Gray, error) {
	var kind string
	var w, h, top int
	r := bytes.NewReader(data)
	if n, err := fmt.Fscanf(r, "%2s\n%d %d\n%d", &kind, &w, &h, &top); n != 4 || err != nil || kind != "P5" || top != 255 || w < 1 || h < 1 {
		return nil, fmt.Errorf("source: rendered picture of %d bytes: %w", len(data), ErrPDF)
	}
	if w > maxPixels/h {
		return nil, fmt.Errorf("source: page of %d × %d pixels, limit %d: %w", w, h, maxPixels, ErrTooManyPixels)
	}
	if c, err := r.ReadByte(); err != nil || c != '\n' || r.Len() != w*h {
		return nil, fmt.Errorf("source: rendered picture of %d × %d with %d bytes: %w", w, h, r.Len(), ErrPDF)
	}
	return &image.Gray{Pix: data[len(data)-w*h:], Stride: w, Rect: image.Rect(0, 0, w, h)}, nil
}

// run feeds the document to a program and takes at most most bytes of what it
// gives; complaint is the beginning of what it said.
func (p *pdf) run(ctx context.Context, most int, program string, args ...string) (out []byte, complaint string, err error) {
	ctx, cancel := context.WithDeadline(ctx, p.until)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	// No locale, no configuration and no cache of the user who runs this.
	command.Env = []string{"LC_ALL=C", "HOME=/nonexistent", "XDG_CACHE_HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent"}
	command.WaitDelay = time.Second
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, "", fmt.Errorf("source: %w: %w", ErrPDF, err)
	}
	given := &bounded{most: most}
	said := &bounded{most: 4096, swallow: true}
	command.Stdout, command.Stderr = given, said
	if err := command.Start(); err != nil {
		return nil, "", fmt.Errorf("source: %w: %w", ErrNoPDF, err)
	}
	// The program is bounded before it gets the first byte of the document.
	if err := confine(command.Process.Pid, p.limits.PDFTime); err != nil {
		stdin.Close()
		_ = command.Process.Kill()
		_ = command.Wait()
		return nil, "", fmt.Errorf("source: bounding %s: %w: %w", program, ErrPDF, err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = stdin.Write(p.data) // a program that stops reading says why by its exit code
		stdin.Close()
	}()
	err = command.Wait()
	<-fed
	switch {
	case ctx.Err() != nil && time.Now().Before(p.until):
		return nil, "", ctx.Err()
	case ctx.Err() != nil:
		return nil, "", fmt.Errorf("source: more than %s: %w", p.limits.PDFTime, ErrPDFSlow)
	case given.over:
		return nil, "", fmt.Errorf("source: more than %d bytes rendered: %w", most, ErrPDF)
	case err != nil:
		return nil, said.kept.String(), fmt.Errorf("source: %w: %w", ErrPDF, err)
	}
	return given.kept.Bytes(), said.kept.String(), nil
}

// bounded keeps at most so many bytes; beyond them it fails, or swallows.
type bounded struct {
	kept    bytes.Buffer
	most    int
	swallow bool
	over    bool
}

func (b *bounded) Write(data []byte) (int, error) {
	if room := b.most - b.kept.Len(); len(data) > room {
		b.over = true
		if !b.swallow {
			return 0, io.ErrShortWrite
		}
		b.kept.Write(data[:room])
		return len(data), nil
	}
	return b.kept.Write(data)
}

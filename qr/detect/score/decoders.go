package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/posvid/posvid/qr/detect"
)

// decoder is one of the readers that are compared. All get the same grey pixels.
type decoder struct {
	name string
	// clock says what the times are measured by.
	clock string
	// read returns the texts found in a picture and the time it took.
	read func(*image.Gray) ([]string, time.Duration, error)
}

// maxPixels bounds the pictures that are judged; larger ones are reported.
const maxPixels = 100 << 20

// decoders makes the named decoders. A zbar that is not installed is left out
// with a message.
func decoders(names string, scratch string) ([]decoder, error) {
	var out []decoder
	for name := range strings.SplitSeq(names, ",") {
		switch name {
		case "ours":
			out = append(out, decoder{name, clockName, timed(ours)})
		case "gozxing":
			out = append(out, decoder{name, clockName, timed(plain)})
		case "zbar":
			program, err := exec.LookPath("zbarimg")
			if err != nil {
				fmt.Fprintln(os.Stderr, "score: zbarimg (Debian package zbar-tools) is not installed: its column is left out")
				continue
			}
			out = append(out, decoder{name, "CPU time of the zbarimg process, its start and file reading included", zbar(program, scratch)})
		default:
			return nil, fmt.Errorf("decoder %q, want some of ours,gozxing,zbar", name)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no decoder left to judge")
	}
	return out, nil
}

// timed runs a decoder of this process and measures its CPU time, its garbage
// included and that of others not. A panic is an error of the decoder.
func timed(read func(*image.Gray) ([]string, error)) func(*image.Gray) ([]string, time.Duration, error) {
	return func(img *image.Gray) (texts []string, took time.Duration, err error) {
		runtime.GC()
		before := cpu()
		defer func() {
			took = cpu() - before
			if p := recover(); p != nil {
				texts, err = nil, fmt.Errorf("panic: %v", p)
			}
		}()
		texts, err = read(img)
		return texts, took, err
	}
}

// ours is the detector under judgement, as the commands use it.
func ours(img *image.Gray) ([]string, error) {
	results, err := detect.Read(img, detect.Options{MaxPixels: maxPixels})
	if errors.Is(err, detect.ErrNoCode) {
		return nil, nil
	}
	texts := make([]string, len(results))
	for i, r := range results {
		texts[i] = r.Text
	}
	return texts, err
}

// plain is gozxing as its documentation uses it: hybrid binarizer, TRY_HARDER, native size.
func plain(img *image.Gray) ([]string, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return nil, err
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		return nil, nil // whatever the reason, it found no text
	}
	return []string{result.GetText()}, nil
}

// zbar runs zbarimg on a grey copy of the picture.
func zbar(program, scratch string) func(*image.Gray) ([]string, time.Duration, error) {
	return func(img *image.Gray) ([]string, time.Duration, error) {
		name := filepath.Join(scratch, "picture.pgm")
		if err := writePGM(name, img); err != nil {
			return nil, 0, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		command := exec.CommandContext(ctx, program, "--quiet", "--xml", "-Sdisable", "-Sqrcode.enable", name)
		output, err := command.Output()
		var took time.Duration
		if command.ProcessState != nil {
			took = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 4 { // no symbol found
			return nil, took, nil
		}
		if err != nil {
			return nil, took, fmt.Errorf("zbarimg: %w", err)
		}
		texts, err := zbarTexts(output)
		return texts, took, err
	}
}

// zbarTexts reads zbarimg's XML: texts as CDATA, bytes as base64.
func zbarTexts(output []byte) ([]string, error) {
	var document struct {
		Data []struct {
			Format string `xml:"format,attr"`
			Text   string `xml:",chardata"`
		} `xml:"source>index>symbol>data"`
	}
	if err := xml.Unmarshal(output, &document); err != nil {
		return nil, fmt.Errorf("zbarimg: output: %w", err)
	}
	var texts []string
	for _, d := range document.Data {
		text := d.Text
		if d.Format == "base64" {
			raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
			if err != nil {
				return nil, fmt.Errorf("zbarimg: output: %w", err)
			}
			text = string(raw)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func writePGM(name string, img *image.Gray) error {
	var file bytes.Buffer
	w, h := img.Rect.Dx(), img.Rect.Dy()
	file.Grow(w*h + 32)
	fmt.Fprintf(&file, "P5\n%d %d\n255\n", w, h)
	for y := range h {
		file.Write(img.Pix[y*img.Stride:][:w])
	}
	return os.WriteFile(name, file.Bytes(), 0o600)
}

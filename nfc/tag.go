package nfc

import (
	"bytes"
	"context"
	"encoding/binary"
)

// MediaToken is the media type of the record that holds a service ID token on a tag (draft-ietf-spice-sd-cwt).
const MediaToken = "application/sd-cwt"

// The NDEF tag application and its capability container (NFC Forum Type 4 Tag, Section 5).
var (
	tagAID = []byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01}
	tagCC  = []byte{0xE1, 0x03}
)

const insUpdateBinary = 0xD6

// ccSize is the length of a capability container with one file control object:
//
//	offset  length  meaning
//	0       2       length of the container
//	2       1       mapping version: major, minor
//	3       2       MLe: most bytes that READ BINARY gives
//	5       2       MLc: most bytes that UPDATE BINARY takes
//	7       1       04: NDEF file control
//	8       1       06: its length
//	9       2       file identifier
//	11      2       size of the file, NLEN included
//	13      1       read access, 00: anyone
//	14      1       write access, 00: anyone; FF: nobody
const ccSize = 15

// CapabilityContainer is what a Type 4 Tag says of its NDEF file.
type CapabilityContainer struct {
	Version  byte // 0x20: 2.0
	MaxRead  int  // MLe, at least 15
	MaxWrite int  // MLc, at least 1
	File     uint16
	Size     int // of the file, the two bytes of NLEN included
	Read     byte
	Write    byte
}

// ParseCapabilityContainer reads the first 15 bytes of a capability container of mapping version 1 to 3. ErrMalformed
// otherwise. What stands behind them, other files, is not looked at.
func ParseCapabilityContainer(data []byte) (CapabilityContainer, error) {
	if len(data) < ccSize {
		return CapabilityContainer{}, fail(ErrMalformed, "capability container of %d bytes, want %d", len(data), ccSize)
	}
	c := CapabilityContainer{
		Version:  data[2],
		MaxRead:  int(binary.BigEndian.Uint16(data[3:])),
		MaxWrite: int(binary.BigEndian.Uint16(data[5:])),
		File:     binary.BigEndian.Uint16(data[9:]),
		Size:     int(binary.BigEndian.Uint16(data[11:])),
		Read:     data[13],
		Write:    data[14],
	}
	length := int(binary.BigEndian.Uint16(data))
	switch {
	case length < ccSize || length == 0xFFFF:
		return CapabilityContainer{}, fail(ErrMalformed, "capability container: length %d, want at least %d", length, ccSize)
	case c.Version>>4 < 1 || c.Version>>4 > 3:
		return CapabilityContainer{}, fail(ErrMalformed, "capability container: mapping version %d.%d, want 1 to 3", c.Version>>4, c.Version&0xF)
	case c.MaxRead < 15 || c.MaxWrite < 1:
		return CapabilityContainer{}, fail(ErrMalformed, "capability container: MLe %d and MLc %d, want at least 15 and 1", c.MaxRead, c.MaxWrite)
	case data[7] != 0x04 || data[8] != 0x06:
		return CapabilityContainer{}, fail(ErrMalformed, "capability container: object %02X%02X, want the NDEF file control 0406", data[7], data[8])
	case c.File == 0x0000 || c.File == 0xE102 || c.File == 0xE103 || c.File == 0x3F00 || c.File == 0x3FFF || c.File == 0xFFFF:
		return CapabilityContainer{}, fail(ErrMalformed, "capability container: file %04X is reserved", c.File)
	case c.Size < 5 || c.Size == 0xFFFF:
		return CapabilityContainer{}, fail(ErrMalformed, "capability container: file of %d bytes, want 5 to 65534", c.Size)
	}
	return c, nil
}

// Tag4 is a Type 4 Tag with its NDEF file selected.
type Tag4 struct {
	CapabilityContainer
	session *Session
}

// SelectTag selects the NDEF application, reads the capability container and selects the file that it names. An error that wraps
// ErrNoApplication when the card is no such tag, ErrAccess when its file is not free to read.
func SelectTag(ctx context.Context, session *Session) (*Tag4, error) {
	if _, err := session.Select(ctx, tagAID); err != nil {
		return nil, err
	}
	t := &Tag4{session: session}
	if err := t.selectFile(ctx, tagCC); err != nil {
		return nil, err
	}
	data, err := t.read(ctx, 0, ccSize)
	if err != nil {
		return nil, err
	}
	if t.CapabilityContainer, err = ParseCapabilityContainer(data); err != nil {
		return nil, err
	}
	if t.Read != 0 {
		return nil, fail(ErrAccess, "NDEF file: read access %02X, want 00 (anyone)", t.Read)
	}
	return t, t.selectFile(ctx, binary.BigEndian.AppendUint16(nil, t.File))
}

func (t *Tag4) selectFile(ctx context.Context, id []byte) error {
	r, err := t.session.Do(ctx, CommandAPDU{INS: insSelect, P2: 0x0C, Data: id})
	if err != nil {
		return err
	}
	return r.Err("SELECT file " + hexUpper(id))
}

// read reads exactly n bytes from an offset below 32,768.
func (t *Tag4) read(ctx context.Context, offset, n int) ([]byte, error) {
	r, err := t.session.Do(ctx, CommandAPDU{INS: insReadBinary, P1: byte(offset >> 8), P2: byte(offset), Le: n})
	if err != nil {
		return nil, err
	}
	if err := r.Err("READ BINARY"); err != nil {
		return nil, err
	}
	if len(r.Data) != n {
		return nil, fail(ErrMalformed, "READ BINARY at %d: %d bytes, want %d", offset, len(r.Data), n)
	}
	return r.Data, nil
}

// ReadMessage reads the NDEF message in as few commands as the tag and the reader allow. A tag without a message is
// ErrNotFound.
func (t *Tag4) ReadMessage(ctx context.Context) ([]byte, error) {
	head, err := t.read(ctx, 0, 2)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head))
	switch {
	case n == 0:
		return nil, fail(ErrNotFound, "NDEF file is empty")
	case n > t.Size-2:
		return nil, fail(ErrMalformed, "NDEF message of %d bytes in a file of %d", n, t.Size)
	case n > MaxNDEF:
		return nil, fail(ErrTooLarge, "NDEF message of %d bytes, at most %d", n, MaxNDEF)
	}
	piece := min(t.MaxRead, t.session.Limits().Le)
	message := make([]byte, 0, n)
	for len(message) < n {
		want := min(piece, n-len(message))
		part, err := t.read(ctx, 2+len(message), want)
		if status, _ := StatusOf(err); status == StatusEndOfFile && want > 2 && len(message)+want == n {
			// Tags in use count the two bytes of NLEN in it. What is cut short for another reason is no NDEF message.
			n -= 2
			part, err = t.read(ctx, 2+len(message), want-2)
		}
		if err != nil {
			return nil, err
		}
		message = append(message, part...)
	}
	return message, nil
}

// ReadToken reads the message and gives the payload of its one record of type [MediaToken].
func (t *Tag4) ReadToken(ctx context.Context) ([]byte, error) {
	message, err := t.ReadMessage(ctx)
	if err != nil {
		return nil, err
	}
	records, err := ParseNDEF(message)
	if err != nil {
		return nil, err
	}
	return FindMedia(records, MediaToken)
}

// WriteMessage replaces the message of the tag (NFC Forum Type 4 Tag, Section 5.4.4) and reads it back: NLEN is zero while the
// body is written, so a tag that is torn in between holds no message rather than a broken one. ErrAccess when the tag
// is not free to write, ErrTooLarge when its file is too small.
func (t *Tag4) WriteMessage(ctx context.Context, message []byte) error {
	if _, err := ParseNDEF(message); err != nil {
		return &fault{text: err.Error(), kind: ErrUsage}
	}
	if t.Write != 0 {
		return fail(ErrAccess, "NDEF file: write access %02X, want 00 (anyone)", t.Write)
	}
	if len(message) > t.Size-2 {
		return fail(ErrTooLarge, "NDEF message of %d bytes, the tag holds %d", len(message), t.Size-2)
	}
	if err := t.update(ctx, 0, []byte{0, 0}); err != nil {
		return err
	}
	piece := min(t.MaxWrite, t.session.Limits().Data)
	for at := 0; at < len(message); at += piece {
		if err := t.update(ctx, 2+at, message[at:min(at+piece, len(message))]); err != nil {
			return err
		}
	}
	if err := t.update(ctx, 0, binary.BigEndian.AppendUint16(nil, uint16(len(message)))); err != nil {
		return err
	}
	back, err := t.ReadMessage(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, message) {
		return fail(ErrMalformed, "NDEF file: what was read back is not what was written")
	}
	return nil
}

func (t *Tag4) update(ctx context.Context, offset int, data []byte) error {
	r, err := t.session.Do(ctx, CommandAPDU{INS: insUpdateBinary, P1: byte(offset >> 8), P2: byte(offset), Data: data})
	if err != nil {
		return err
	}
	return r.Err("UPDATE BINARY")
}

package emulate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// TagConfig describes an NFC Forum Type 4 Tag with one NDEF file.
type TagConfig struct {
	// Message is the NDEF message in the file. Empty: the tag is formatted but blank.
	Message []byte
	// Capacity is the size of the NDEF file with its two length bytes, 5 to 32767. Zero: 8192.
	Capacity int
	// ReadOnly announces and enforces that nothing can be written.
	ReadOnly bool
	// MaxRead (MLe) and MaxWrite (MLc) bound one command, 15 to 32767 and 13 to 32767. Zero: 246 each. More than 255 is
	// announced by tags that know extended length, and by some that do not.
	MaxRead, MaxWrite int
	// FileID of the NDEF file. Zero: E104.
	FileID uint16
	// CapabilityContainer replaces the whole capability container, for tags that lie in it.
	CapabilityContainer []byte
	// Length replaces the NLEN that is read, for tags that lie in it. Nil: the length of the message.
	Length *uint16
}

// Tag is an NFC Forum Type 4 Tag, version 2.0 of its mapping.
type Tag struct {
	config TagConfig

	mu       sync.Mutex
	file     []byte // NLEN and message, to the capacity
	selected uint16 // file selected, 0 none
}

var (
	ndefAID                      = []byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01}
	capabilityContainerID uint16 = 0xE103
)

// NewTag makes the application. It refuses sizes that the mapping does not know.
func NewTag(config TagConfig) (*Tag, error) {
	if config.Capacity == 0 {
		config.Capacity = 8192
	}
	if config.MaxRead == 0 {
		config.MaxRead = 246
	}
	if config.MaxWrite == 0 {
		config.MaxWrite = 246
	}
	if config.FileID == 0 {
		config.FileID = 0xE104
	}
	switch {
	case config.Capacity < 5 || config.Capacity > 0x7FFF:
		return nil, fmt.Errorf("emulate: tag of %d bytes, want 5 to 32767", config.Capacity)
	case len(config.Message)+2 > config.Capacity:
		return nil, fmt.Errorf("emulate: message of %d bytes, tag holds %d", len(config.Message), config.Capacity-2)
	case config.MaxRead < 15 || config.MaxRead > 0x7FFF || config.MaxWrite < 13 || config.MaxWrite > 0x7FFF:
		return nil, fmt.Errorf("emulate: tag reads %d and writes %d bytes at once, want 15 to 32767 and 13 to 32767", config.MaxRead, config.MaxWrite)
	}
	t := &Tag{config: config, file: make([]byte, config.Capacity)}
	binary.BigEndian.PutUint16(t.file, uint16(len(config.Message)))
	copy(t.file[2:], config.Message)
	return t, nil
}

// Message gives what the tag holds now, as its NLEN says; nil when NLEN lies beyond the file.
func (t *Tag) Message() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := int(binary.BigEndian.Uint16(t.file))
	if n > len(t.file)-2 {
		return nil
	}
	return bytes.Clone(t.file[2 : 2+n])
}

// Selects implements [Application]: by the full AID only, as the mapping asks.
func (t *Tag) Selects(aid []byte) bool { return bytes.Equal(aid, ndefAID) }

// Select implements [Application]: the tag has no template.
func (t *Tag) Select(Link) ([]byte, uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selected = 0
	return nil, StatusOK
}

// Deselect implements [Application].
func (t *Tag) Deselect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selected = 0
}

// Chains implements [Application]: a tag chains nothing.
func (t *Tag) Chains(byte) bool { return false }

// container is the capability container: length, version 2.0, MLe, MLc, and the NDEF file control TLV.
func (t *Tag) container() []byte {
	if t.config.CapabilityContainer != nil {
		return t.config.CapabilityContainer
	}
	write := byte(0x00)
	if t.config.ReadOnly {
		write = 0xFF
	}
	cc := []byte{0x00, 0x0F, 0x20}
	cc = binary.BigEndian.AppendUint16(cc, uint16(t.config.MaxRead))
	cc = binary.BigEndian.AppendUint16(cc, uint16(t.config.MaxWrite))
	cc = append(cc, 0x04, 0x06)
	cc = binary.BigEndian.AppendUint16(cc, t.config.FileID)
	cc = binary.BigEndian.AppendUint16(cc, uint16(t.config.Capacity))
	return append(cc, 0x00, write)
}

// Process implements [Application]: SELECT by file identifier, READ BINARY, UPDATE BINARY.
func (t *Tag) Process(_ Link, c Command) ([]byte, uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch c.INS {
	case insSelect:
		return nil, t.selectFile(c)
	case insReadBinary:
		return t.read(c)
	case insUpdateBinary:
		return nil, t.update(c)
	}
	return nil, StatusInstruction
}

func (t *Tag) selectFile(c Command) uint16 {
	switch {
	case c.P1 != 0 || c.P2 != 0x0C:
		return StatusParameters
	case len(c.Data) != 2:
		return StatusWrongLength
	}
	switch id := binary.BigEndian.Uint16(c.Data); id {
	case capabilityContainerID, t.config.FileID:
		t.selected = id
		return StatusOK
	}
	return StatusNotFound
}

func (t *Tag) read(c Command) ([]byte, uint16) {
	if t.selected == 0 {
		return nil, StatusNoFile
	}
	if len(c.Data) != 0 || !c.HasLe || c.Le > t.config.MaxRead && c.Le != shortLeMax {
		return nil, StatusWrongLength
	}
	if c.P1&0x80 != 0 { // a short file identifier
		return nil, StatusParameters
	}
	content := t.file
	if t.selected == capabilityContainerID {
		content = t.container()
	} else if t.config.Length != nil {
		content = bytes.Clone(t.file)
		binary.BigEndian.PutUint16(content, *t.config.Length)
	}
	offset := int(c.P1)<<8 | int(c.P2)
	if offset >= len(content) {
		return nil, StatusOffset
	}
	wanted := min(c.Le, t.config.MaxRead)
	if left := len(content) - offset; left < wanted {
		if c.Le == shortLeMax { // as much as there is
			return content[offset:], StatusOK
		}
		return content[offset:], StatusEndOfFile
	}
	return content[offset : offset+wanted], StatusOK
}

func (t *Tag) update(c Command) uint16 {
	switch offset := int(c.P1)<<8 | int(c.P2); {
	case t.selected == 0:
		return StatusNoFile
	case t.config.ReadOnly || t.selected == capabilityContainerID:
		return StatusSecurity
	case c.P1&0x80 != 0:
		return StatusParameters
	case len(c.Data) == 0 || len(c.Data) > t.config.MaxWrite:
		return StatusWrongLength
	case offset+len(c.Data) > len(t.file):
		return StatusNoSpace
	default:
		copy(t.file[offset:], c.Data)
		return StatusOK
	}
}

var errRecordType = errors.New("emulate: record type of more than 255 bytes")

// MediaRecord makes an NDEF message of one record with a media type (TNF 2), in the short form where it fits
// (NFC Forum NDEF 1.0, Section 3.2).
func MediaRecord(mediaType string, payload []byte) ([]byte, error) {
	if len(mediaType) > 255 {
		return nil, errRecordType
	}
	const begin, end, short, media = 0x80, 0x40, 0x10, 0x02
	var out []byte
	if len(payload) <= 255 {
		out = []byte{begin | end | short | media, byte(len(mediaType)), byte(len(payload))}
	} else {
		out = binary.BigEndian.AppendUint32([]byte{begin | end | media, byte(len(mediaType))}, uint32(len(payload)))
	}
	return append(append(out, mediaType...), payload...), nil
}

// NewNumberTag makes a contactless tag that has nothing but its number: every command to the card itself is answered
// with 6D00 or 6A82, as readers answer for memory cards.
func NewNumberTag(uid []byte) *Chip {
	// The historical bytes are those PC/SC part 3, Section 3.1.3.2.3.2 makes up for a MIFARE Classic card.
	historical := []byte{0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00}
	return NewChip(ChipConfig{Contactless: true, UID: uid, Historical: historical})
}

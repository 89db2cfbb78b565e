package emulate

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// ErrTorn is what a [Device] reports when it leaves the field in the middle of a command. A [Slot] shows it as PC/SC
// does: first an empty answer without an error, then [ErrRemoved].
var ErrTorn = errors.New("emulate: card left the field")

// Device is a card as a reader's hardware sees it. Implementations are safe for use by several goroutines.
type Device interface {
	// ATR gives the answer to reset as the card would send it now.
	ATR() []byte
	// Reset takes the power away and gives it back: every security status and selection is lost.
	Reset()
	// Transmit answers one command APDU with data and status word. [ErrTorn] means that the card is gone.
	Transmit(ctx context.Context, apdu []byte) ([]byte, error)
}

// Link says how the present command reached the card.
type Link struct {
	Contactless bool // over the antenna and without secure messaging (SP 800-73-5 part 1, Section 3.5: no VCI)
}

// Application is one application of a chip.
type Application interface {
	// Selects reports whether SELECT with this full or right-truncated AID means this application.
	Selects(aid []byte) bool
	// Select answers the SELECT command with the application's template.
	Select(link Link) ([]byte, uint16)
	// Process answers a command that is not SELECT by AID, GET RESPONSE or a part of a chain.
	Process(link Link, c Command) ([]byte, uint16)
	// Chains reports whether command chaining is allowed for an instruction.
	Chains(ins byte) bool
	// Deselect forgets all security status: another application was selected or the power went away.
	Deselect()
}

// ChipConfig says how a chip behaves below its applications. The zero value is a contact chip of T=1 that answers short
// APDUs only.
type ChipConfig struct {
	// Contactless puts the chip behind an antenna: applications apply their contactless access rules.
	Contactless bool
	// UID is answered to the reader's own command FF CA 00 00 (PC/SC part 3, Section 3.2.2.1.3), 4, 7 or 10 bytes. Nil: 6A81.
	UID []byte
	// Historical are the historical bytes of the ATR, at most 15. Nil: a category byte 80 with the card's capabilities.
	Historical []byte
	// ATR replaces the whole answer to reset.
	ATR []byte
	// ExtendedLength allows extended APDUs and says so in the historical bytes; otherwise they are answered with 6700.
	ExtendedLength bool
	// ExactLe answers 6Cxx when a short Le other than 00 is not the length of the answer, as cards of T=0 do.
	ExactLe bool
	// StrictLe gives no data to a command without an Le field, only 61xx.
	StrictLe bool
	// Chunk bounds the bytes of one answer to a short command, 1 to 256. Zero: 256.
	Chunk int
	// MaxChain bounds the data of a chain of commands, in bytes. Zero: 8192.
	MaxChain int
	// Default is selected after every reset, as on cards which have one application only.
	Default Application
}

// Chip is the operating system of a card: it selects applications, joins chained commands and cuts long answers.
type Chip struct {
	config ChipConfig
	apps   []Application

	mu       sync.Mutex
	selected Application
	chain    *Command // header of a chain under way, with the data so far
	pending  []byte   // the rest of a long answer
	final    uint16   // its status word
	count    int
	bytes    int
}

// NewChip makes a chip with its applications.
func NewChip(config ChipConfig, apps ...Application) *Chip {
	if config.Chunk <= 0 || config.Chunk > shortLeMax {
		config.Chunk = shortLeMax
	}
	if config.MaxChain <= 0 {
		config.MaxChain = 8192
	}
	return &Chip{config: config, apps: apps, selected: config.Default}
}

// ATR implements [Device]: for a contactless chip what PC/SC part 3, Section 3.1.3.2.3.1 makes of the historical bytes
// (3B 8n 80 01 ... TCK), else an ATR of T=1.
func (c *Chip) ATR() []byte {
	if c.config.ATR != nil {
		return bytes.Clone(c.config.ATR)
	}
	historical := c.config.Historical
	if historical == nil {
		extended := byte(0)
		if c.config.ExtendedLength {
			extended = 0x40
		}
		// Category 80: compact TLV. 73: selection by full and partial name; data coding; chaining and extended length.
		historical = []byte{0x80, 0x73, 0xC0, 0x21, 0x80 | extended}
	}
	atr := []byte{0x3B, 0x80 | byte(len(historical)), 0x80, 0x01}
	if !c.config.Contactless {
		atr = []byte{0x3B, 0x80 | byte(len(historical)), 0x81, 0x31, 0xFE, 0x45} // TD1, TD2: T=1; TA3 IFSC 254; TB3 waiting times
	}
	atr = append(atr, historical...)
	check := byte(0)
	for _, b := range atr[1:] {
		check ^= b
	}
	return append(atr, check)
}

// Reset implements [Device].
func (c *Chip) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, app := range c.apps {
		app.Deselect()
	}
	c.selected, c.chain, c.pending = c.config.Default, nil, nil
}

// Contactless reports whether the chip is behind an antenna.
func (c *Chip) Contactless() bool { return c.config.Contactless }

// Count gives the commands answered since the chip was made, and the bytes that went both ways.
func (c *Chip) Count() (commands, traffic int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, c.bytes
}

// Transmit implements [Device].
func (c *Chip) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	response := c.process(apdu)
	c.count++
	c.bytes += len(apdu) + len(response)
	return response, nil
}

func (c *Chip) process(apdu []byte) []byte {
	command, err := ParseCommand(apdu)
	if err != nil {
		c.chain, c.pending = nil, nil
		return answer(nil, StatusWrongLength)
	}
	if command.CLA == classReader {
		return c.reader(command)
	}
	if command.Extended && !c.config.ExtendedLength {
		c.chain, c.pending = nil, nil
		return answer(nil, StatusWrongLength)
	}
	switch {
	case command.CLA&0xE0 != 0:
		return answer(nil, StatusClass)
	case command.CLA&classSecureMessaging != 0:
		return answer(nil, StatusSecureMessaging)
	case command.CLA&classChannel != 0:
		return answer(nil, StatusChannel)
	}
	if command.INS == insGetResponse && command.CLA == 0 {
		return c.getResponse(command)
	}
	c.pending = nil
	if sw := c.join(&command); sw != 0 {
		return answer(nil, sw)
	}
	if command.INS == insSelect && command.P1 == 0x04 {
		data, sw := c.selectApplication(command)
		return c.respond(command, data, sw)
	}
	if c.selected == nil {
		return answer(nil, StatusInstruction)
	}
	data, sw := c.selected.Process(Link{Contactless: c.config.Contactless}, command)
	return c.respond(command, data, sw)
}

// join collects the data of chained commands (ISO/IEC 7816-4, Section 5.1.1.1). It gives the status word to answer now, or
// 0 when the command is complete.
func (c *Chip) join(command *Command) uint16 {
	chained := command.CLA&classChain != 0
	if c.chain != nil {
		head := c.chain
		if head.INS != command.INS || head.P1 != command.P1 || head.P2 != command.P2 {
			c.chain = nil
			return StatusChainExpected
		}
		if len(head.Data)+len(command.Data) > c.config.MaxChain {
			c.chain = nil
			return StatusWrongLength
		}
		head.Data = append(head.Data, command.Data...)
	} else if chained {
		if command.INS == insSelect || c.selected == nil || !c.selected.Chains(command.INS) {
			return StatusChaining
		}
		head := *command
		head.Data = bytes.Clone(command.Data)
		c.chain = &head
	}
	if chained {
		return StatusOK
	}
	if c.chain != nil {
		command.Data, c.chain = c.chain.Data, nil
	}
	return 0
}

func (c *Chip) selectApplication(command Command) ([]byte, uint16) {
	if command.P2&^byte(0x0C) != 0 { // the next or a former occurrence: each application is here once
		return nil, StatusNotFound
	}
	for _, app := range c.apps {
		if len(command.Data) == 0 || !app.Selects(command.Data) {
			continue
		}
		if c.selected != nil && c.selected != app {
			c.selected.Deselect()
		}
		c.selected = app
		data, sw := app.Select(Link{Contactless: c.config.Contactless})
		if command.P2&0x0C == 0x0C { // no answer template wanted
			data = nil
		}
		return data, sw
	}
	return nil, StatusNotFound // and what was selected stays selected (SP 800-73-5 part 2, Section 3.1.1)
}

// respond cuts an answer to what the command allows and keeps the rest for GET RESPONSE.
func (c *Chip) respond(command Command, data []byte, sw uint16) []byte {
	if len(data) == 0 {
		return answer(nil, sw)
	}
	limit := c.config.Chunk
	switch {
	case !command.HasLe && c.config.StrictLe:
		limit = 0
	case command.Extended && command.HasLe:
		limit = command.Le
	case command.HasLe:
		if c.config.ExactLe && command.Le < shortLeMax && len(data) <= shortLeMax && command.Le != len(data) {
			return answer(nil, statusWrongLe|uint16(byte(len(data))))
		}
		limit = min(limit, command.Le)
	}
	if len(data) <= limit {
		return answer(data, sw)
	}
	c.pending, c.final = bytes.Clone(data[limit:]), sw
	return answer(data[:limit], c.more())
}

func (c *Chip) more() uint16 {
	if len(c.pending) > 0xFF {
		return statusMore
	}
	return statusMore | uint16(len(c.pending))
}

func (c *Chip) getResponse(command Command) []byte {
	switch {
	case command.P1 != 0 || command.P2 != 0:
		return answer(nil, StatusParameters)
	case len(c.pending) == 0:
		return answer(nil, StatusConditions)
	case len(command.Data) != 0 || !command.HasLe:
		return answer(nil, StatusWrongLength)
	}
	data := c.pending
	c.pending = nil
	if c.config.ExactLe && command.Le < shortLeMax && command.Le > len(data) {
		c.pending = data
		return answer(nil, statusWrongLe|uint16(byte(len(data))))
	}
	limit := command.Le
	if !command.Extended {
		limit = min(limit, c.config.Chunk)
	}
	if len(data) <= limit {
		return answer(data, c.final)
	}
	c.pending = data[limit:]
	return answer(data[:limit], c.more())
}

// reader plays the commands that a contactless reader answers without asking the card.
func (c *Chip) reader(command Command) []byte {
	switch {
	case !c.config.Contactless:
		return answer(nil, StatusClass)
	case command.INS != insReaderGetData || command.P1 > 1 || command.P2 != 0:
		return answer(nil, StatusFunction)
	case command.P1 == 0 && len(c.config.UID) > 0:
		if command.HasLe && command.Le < len(c.config.UID) {
			return answer(nil, statusWrongLe|uint16(len(c.config.UID)))
		}
		return answer(c.config.UID, StatusOK)
	}
	return answer(nil, StatusFunction)
}

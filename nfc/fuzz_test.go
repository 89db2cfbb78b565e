package nfc

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/posvid/posvid/nfc/emulate"
)

// hostile is a card whose answers are cut out of one run of bytes: a length of two bytes, then the answer. After the
// last one it gives it again and again.
type hostile struct {
	data     []byte
	last     []byte
	commands int
}

func (h *hostile) Transmit(context.Context, []byte) ([]byte, error) {
	h.commands++
	if len(h.data) >= 2 {
		n := min(int(binary.BigEndian.Uint16(h.data)), len(h.data)-2)
		h.last, h.data = h.data[2:2+n], h.data[2+n:]
	}
	return h.last, nil
}

// FuzzReadCard lets a hostile card answer every reader and writer of this package: each ends, without a panic, after a
// number of commands that the card does not choose.
func FuzzReadCard(f *testing.F) {
	chip, public := chaosCard(f)
	var seed []byte
	slot := emulate.NewSlot(chip)
	recorder := cardFunc(func(ctx context.Context, apdu []byte) ([]byte, error) {
		a, err := slot.Transmit(ctx, apdu)
		seed = append(binary.BigEndian.AppendUint16(seed, uint16(len(a))), a...)
		return a, err
	})
	if _, err := everything(f.Context(), recorder, public); err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(bytes.Repeat([]byte{0, 2, 0x61, 0x00}, 70))
	f.Add([]byte{0, 2, 0x6C, 0x05, 0, 2, 0x90, 0x00, 0, 0})
	f.Add(append([]byte{0, 2, 0x90, 0, 0, 2, 0x90, 0, 0, 17}, append(unhex(f, "000F2000F600F60406E104080000009000"), 0, 2, 0x90, 0, 0, 4, 0, 4, 0x90, 0, 0, 6, 0xD2, 1, 0, 'a', 0x90, 0)...))
	key := make([]byte, 16)
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, read := range map[string]func(card Card) (objects int){
			"PIV": func(card Card) int { _, _ = everything(t.Context(), card, public); return 5 },
			"tag": func(card Card) int {
				if tag, err := SelectTag(t.Context(), NewSession(card)); err == nil {
					_, _ = tag.ReadToken(t.Context())
					_ = tag.WriteMessage(t.Context(), []byte{0xD0, 0, 0})
				}
				return 5 + 2*(2+MaxNDEF/15) + 4
			},
			"management": func(card Card) int {
				piv := &PIV{session: NewSession(card)}
				_ = piv.AuthenticateManagement(t.Context(), AlgorithmAES128, key)
				_, _ = piv.GenerateKey(t.Context(), KeyCardAuth, AlgorithmP256)
				_ = piv.Write(t.Context(), ObjectCHUID, make([]byte, 500))
				_, _, _ = piv.PINTries(t.Context())
				_, _ = piv.ReadSecurityObject(t.Context())
				return 10
			},
		} {
			card := &hostile{data: data}
			objects := read(card)
			if most := objects * (MaxGetResponse + maxRetries + 1); card.commands > most {
				t.Fatalf("%s: %d commands, at most %d", name, card.commands, most)
			}
		}
	})
}

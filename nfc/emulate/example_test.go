package emulate_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/posvid/posvid/nfc/emulate"
)

// A card of a body, with a record beside the PIV application, read over the antenna without any reader; then the same
// card, torn away at its second command.
func Example() {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	pki, err := emulate.NewPKI(emulate.PKIConfig{At: at})
	if err != nil {
		panic(err)
	}
	card, err := pki.Personalise(emulate.CardSpec{GUID: [16]byte{0x94}, Issued: at, Expires: at.AddDate(3, 0, 0)})
	if err != nil {
		panic(err)
	}
	message, err := emulate.MediaRecord("application/sd-cwt", []byte("token"))
	if err != nil {
		panic(err)
	}
	tag, err := emulate.NewTag(emulate.TagConfig{Message: message})
	if err != nil {
		panic(err)
	}
	chip := emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 1, 2, 3, 4, 5, 6}}, card, tag)

	show := func(slot *emulate.Slot, command string) {
		apdu, err := hex.DecodeString(command)
		if err != nil {
			panic(err)
		}
		answer, err := slot.Transmit(context.Background(), apdu)
		fmt.Printf("%s -> %X %v\n", command, answer, err)
	}
	slot := emulate.NewSlot(chip)
	show(slot, "FFCA000000")
	show(slot, "00A4040C09A00000030800001000")
	show(slot, "00CB3FFF035C017E00")
	show(slot, "00CB3FFF055C035FC10500")

	slot.Insert(emulate.NewScript(chip).At(1, emulate.Tear()))
	show(slot, "00A4040C09A00000030800001000")
	show(slot, "00CB3FFF035C017E00")
	show(slot, "00CB3FFF035C017E00")
	// Output:
	// FFCA000000 -> 040102030405069000 <nil>
	// 00A4040C09A00000030800001000 -> 9000 <nil>
	// 00CB3FFF035C017E00 -> 7E124F0BA0000003080000100001005F2F0240009000 <nil>
	// 00CB3FFF055C035FC10500 -> 6982 <nil>
	// 00A4040C09A00000030800001000 -> 9000 <nil>
	// 00CB3FFF035C017E00 ->  <nil>
	// 00CB3FFF035C017E00 ->  emulate: no card in the reader
}

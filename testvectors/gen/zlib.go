package main

import (
	"encoding/binary"
	"hash/adler32"
)

// zlibOf writes a zlib stream (RFC 1950) of one block with the fixed codes of RFC 1951, Section 3.2.6, which knows runs
// of one byte and nothing else. The vectors do not go through a library here: what they hold is signed, and must not
// change with a library's next version.
func zlibOf(data []byte) []byte {
	w := bitWriter{out: []byte{0x78, 0x01}}
	w.bits(1, 1) // last block
	w.bits(1, 2) // fixed codes
	for i := 0; i < len(data); {
		w.literal(data[i])
		run := 1
		for i+run < len(data) && data[i+run] == data[i] {
			run++
		}
		rest := run - 1
		for ; rest >= 258; rest -= 258 {
			w.code(0xc5, 8) // symbol 285: length 258
			w.code(0, 5)    // distance 1
		}
		for ; rest >= 10; rest -= 10 {
			w.code(8, 7) // symbol 264: length 10
			w.code(0, 5)
		}
		for ; rest > 0; rest-- {
			w.literal(data[i])
		}
		i += run
	}
	w.code(0, 7) // symbol 256: end of block
	if w.n > 0 {
		w.out = append(w.out, byte(w.held))
	}
	return binary.BigEndian.AppendUint32(w.out, adler32.Checksum(data))
}

// bitWriter packs bits from the least significant one up (RFC 1951, Section 3.1.1).
type bitWriter struct {
	out  []byte
	held uint
	n    int
}

func (w *bitWriter) bits(v uint, n int) {
	w.held |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.held))
		w.held >>= 8
	}
}

// code writes a Huffman code, whose most significant bit comes first.
func (w *bitWriter) code(v uint, n int) {
	for n--; n >= 0; n-- {
		w.bits(v>>n&1, 1)
	}
}

func (w *bitWriter) literal(b byte) {
	if b < 144 {
		w.code(0x30+uint(b), 8)
		return
	}
	w.code(0x190+uint(b)-144, 9)
}

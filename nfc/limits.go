package nfc

import "time"

// Limits of this package. Every decoder checks them before it allocates; a card that goes beyond one of them is
// refused, never waited for.
const (
	CommandDeadline = 2 * time.Second // for one command and its answer
	CardDeadline    = 8 * time.Second // for all commands to one card

	MaxObject      = 64 << 10 // bytes of one object read from a card, its tag and length included
	MaxDepth       = 6        // nesting of BER-TLV
	MaxItems       = 256      // data objects of one level, and of a whole tree
	MaxGetResponse = 64       // GET RESPONSE commands for one answer
	MaxNDEF        = 8 << 10  // bytes of one NDEF message: four tokens at most
	MaxRecords     = 16       // records of one NDEF message
	MaxCertificate = 32 << 10 // bytes of one certificate, after decompression
	MaxTranscript  = 4 << 20  // bytes of the text of a transcript

	maxCommand  = 4 + 3 + 65535 + 2 // bytes of a command APDU: header, extended Lc, data, extended Le
	maxResponse = 65536 + 2         // bytes of a response APDU
	maxRetries  = 1                 // commands sent again with the length a card asked for (6Cxx)
)

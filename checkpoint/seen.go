package checkpoint

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"

	"github.com/posvid/posvid/verifier"
)

// The file seen holds which codes were read here and when. It names nobody: a code stands as HMAC-SHA-256 of its
// replay key under a salt of this file, cut to 16 bytes.
//
//	offset  length  meaning
//	0       8       "PSVSEEN1"
//	8       16      salt
//	24      4       CRC-32 (IEEE) of bytes 0–23, big-endian
//	then for each code, in the order of reading:
//	0       16      the code
//	16      8       time of the first reading, seconds since 1970, big-endian
//	24      4       CRC-32 of bytes 0–23 of this entry, big-endian
const (
	seenMagic = "PSVSEEN1"
	seenHead  = len(seenMagic) + seenSalt + 4
	seenSalt  = 16
	seenEntry = 16 + 8 + 4
	maxCodes  = 16384 // the oldest go first

	// seenTerm is how long a code has to be remembered: it can be dated up to 600 s ahead of its first reading and is
	// refused from 600 s of age on.
	seenTerm = 1260 * time.Second
)

// seenCodes is the file in memory.
type seenCodes struct {
	salt    [seenSalt]byte
	entries []seenCode
	whole   bool // the file on disk is exactly this: an entry may be appended
}

type seenCode struct {
	key   [16]byte
	first int64
}

func (c *seenCodes) key(replayKey [32]byte) [16]byte {
	mac := hmac.New(sha256.New, c.salt[:])
	mac.Write(replayKey[:])
	return [16]byte(mac.Sum(nil))
}

func (c *seenCodes) find(replayKey [32]byte) (time.Time, bool) {
	key := c.key(replayKey)
	for i := len(c.entries) - 1; i >= 0; i-- {
		if c.entries[i].key == key {
			return time.Unix(c.entries[i].first, 0).UTC(), true
		}
	}
	return time.Time{}, false
}

// codes reads the file. An absent one is empty. A last entry that was cut short by a crash, or that reads as zeros after
// one, is dropped: its code was never answered. Anything else that is wrong is damage, and a damaged memory of codes confirms nothing.
func (s *State) codes() (*seenCodes, error) {
	data, err := s.load(seenName, maxSeen)
	if err != nil {
		return nil, damaged(verifier.StateDamaged, "%s: %v", seenName, err)
	}
	c := &seenCodes{}
	if data == nil {
		_, _ = rand.Read(c.salt[:]) // never fails (crypto/rand)
		return c, nil
	}
	if len(data) < seenHead || string(data[:len(seenMagic)]) != seenMagic || !checked(data[:seenHead]) {
		return nil, damaged(verifier.StateDamaged, "%s: bad head", seenName)
	}
	copy(c.salt[:], data[len(seenMagic):])
	rest := data[seenHead:]
	for n := 0; len(rest) >= seenEntry; n++ {
		if !checked(rest[:seenEntry]) {
			if len(bytes.Trim(rest, "\x00")) == 0 {
				break // the file grew, and then the power failed before its new bytes were on the disk
			}
			return nil, damaged(verifier.StateDamaged, "%s: entry %d", seenName, n)
		}
		c.entries = append(c.entries, seenCode{[16]byte(rest[:16]), int64(binary.BigEndian.Uint64(rest[16:]))})
		rest = rest[seenEntry:]
	}
	c.whole = len(rest) == 0
	return c, nil
}

func checked(b []byte) bool {
	n := len(b) - 4
	return crc32.ChecksumIEEE(b[:n]) == binary.BigEndian.Uint32(b[n:])
}

func appendEntry(b []byte, e seenCode) []byte {
	from := len(b)
	b = append(b, e.key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.first))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[from:]))
}

// record adds a code that is not known yet, and forgets those whose time is over.
func (s *State) record(c *seenCodes, replayKey [32]byte, at time.Time) error {
	if _, known := c.find(replayKey); known {
		return nil
	}
	entry := seenCode{c.key(replayKey), at.Unix()}
	term := int64(seenTerm / time.Second)
	// A code dated after now was read under another clock: it is kept, because that clock may come back.
	stale := func(e seenCode) bool { return at.Unix()-e.first > term }
	if c.whole && len(c.entries) < maxCodes && (len(c.entries) < 64 || !stale(c.entries[len(c.entries)/2])) {
		if err := s.extend(seenName, appendEntry(nil, entry)); err != nil {
			c.whole = false
			return err
		}
		c.entries = append(c.entries, entry)
		return nil
	}
	c.entries = append(slices.DeleteFunc(c.entries, stale), entry)
	if over := len(c.entries) - maxCodes; over > 0 {
		c.entries = slices.Delete(c.entries, 0, over)
	}
	out := append([]byte(seenMagic), c.salt[:]...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	for _, e := range c.entries {
		out = appendEntry(out, e)
	}
	return s.replace(seenName, out)
}

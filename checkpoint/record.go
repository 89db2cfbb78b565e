package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
)

// A record is a small file that knows when it is damaged:
//
//	posvid-checkpoint ‹kind› 1
//	‹one JSON object on one line›
//	sha256 ‹of both lines before, their line ends included, hexadecimal›
//
// The digest finds damage. It does not keep out whoever can write the file.
const recordStart = "posvid-checkpoint "

var errRecord = errors.New("not a whole record")

func encodeRecord(kind string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	out := append([]byte(recordStart+kind+" 1\n"), body...)
	out = append(out, '\n')
	sum := sha256.Sum256(out)
	return append(append(append(out, "sha256 "...), hex.EncodeToString(sum[:])...), '\n'), nil
}

func decodeRecord(kind string, data []byte, v any) error {
	const tail = len("sha256 ") + 2*sha256.Size + 1
	if len(data) < tail {
		return errRecord
	}
	signed, last := data[:len(data)-tail], data[len(data)-tail:]
	sum := sha256.Sum256(signed)
	if string(last) != "sha256 "+hex.EncodeToString(sum[:])+"\n" {
		return errRecord
	}
	body, ok := bytes.CutPrefix(signed, []byte(recordStart+kind+" 1\n"))
	if !ok {
		return errRecord
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		return errRecord
	}
	if _, err := d.Token(); err != io.EOF {
		return errRecord
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/trust"
)

// sentinels are the errors that scenarios name.
var sentinels = map[string]error{
	"cose.ErrMalformed": cose.ErrMalformed, "cose.ErrNotCanonical": cose.ErrNotCanonical, "cose.ErrDuplicateKey": cose.ErrDuplicateKey,
	"cose.ErrForbidden": cose.ErrForbidden, "cose.ErrTooLarge": cose.ErrTooLarge, "cose.ErrHeader": cose.ErrHeader, "cose.ErrCritical": cose.ErrCritical,
	"cose.ErrType": cose.ErrType, "cose.ErrAlgorithm": cose.ErrAlgorithm, "cose.ErrSignature": cose.ErrSignature, "cose.ErrKey": cose.ErrKey,
	"keys.ErrKind":               keys.ErrKind,
	"codes.ErrMalformed":         codes.ErrMalformed,
	"credential.ErrNotServiceID": credential.ErrNotServiceID,
	"credential.ErrText":         credential.ErrText,
	"credential.ErrMalformed":    credential.ErrMalformed,
	"credential.ErrHighS":        credential.ErrHighS,
	"credential.ErrKind":         credential.ErrKind,
	"credential.ErrCode":         credential.ErrCode,
	"trust.ErrNoPin":             trust.ErrNoPin,
	"trust.ErrMalformed":         trust.ErrMalformed,
	"trust.ErrTooLarge":          trust.ErrTooLarge,
	"trust.ErrRoot":              trust.ErrRoot,
	"trust.ErrPin":               trust.ErrPin,
	"trust.ErrThreshold":         trust.ErrThreshold,
	"trust.ErrManifest":          trust.ErrManifest,
	"trust.ErrSection":           trust.ErrSection,
	"trust.ErrRollback":          trust.ErrRollback,
	"trust.ErrFork":              trust.ErrFork,
	"trust.ErrList":              trust.ErrList,
	"trust.ErrListKey":           trust.ErrListKey,
	"trust.ErrCodes":             trust.ErrCodes,
	"trust.ErrCodesKey":          trust.ErrCodesKey,
	"trust.ErrRequest":           trust.ErrRequest,
	"trust.ErrPublication":       trust.ErrPublication,
	"trust.ErrMemory":            trust.ErrMemory,
	"trust.ErrArgument":          trust.ErrArgument,
}

// readers hand the bytes of a kind to the function that reads them. Where a signature belongs to the object, the key
// is the one that a good one is signed with.
var readers = map[string]func(o *opener, s testvectors.Scenario) error{
	"bundle": func(o *opener, s testvectors.Scenario) error {
		pin := o.pin
		switch s.Pin {
		case "":
		case "none":
			pin = trust.Fingerprint{}
		default:
			var err error
			if pin, err = trust.ParseFingerprint(s.Pin); err != nil {
				return err
			}
		}
		b, err := trust.Open(s.Data, pin)
		if err != nil {
			return err
		}
		return b.CheckAll()
	},
	"root": func(_ *opener, s testvectors.Scenario) error {
		r, err := trust.ParseRoot(s.Data)
		if err != nil {
			return err
		}
		return trust.VerifyChain([]*trust.RootObject{r}, r.Fingerprint)
	},
	"install-sequence": func(o *opener, s testvectors.Scenario) (last error) {
		var memory trust.Memory
		for line := range strings.SplitSeq(strings.TrimSpace(string(s.Data)), "\n") {
			name, want, _ := strings.Cut(line, " ")
			b, err := o.open(name)
			if err == nil {
				var next trust.Memory
				if next, err = memory.Accept(b); err == nil {
					memory = next
				}
			}
			switch {
			case want == "ok" && err != nil:
				return fmt.Errorf("%s: want ok, got %w", name, err)
			case want != "ok" && (sentinels[want] == nil || !errors.Is(err, sentinels[want])):
				return fmt.Errorf("%s: want %s, got %v", name, want, err)
			}
			last = err
		}
		return last
	},
	"status-list": func(o *opener, s testvectors.Scenario) error {
		list, err := trust.ParseStatusToken(s.Data)
		if err != nil {
			return err
		}
		if err := list.Verify(newKeyring().main.IssuerPublic()); err != nil {
			return err
		}
		_, err = list.List()
		return err
	},
	"codes": func(o *opener, s testvectors.Scenario) error {
		table, err := trust.ParseCodes(s.Data)
		if err != nil {
			return err
		}
		if err := table.Verify(newKeyring().main.IssuerPublic()); err != nil {
			return err
		}
		_, err = table.Table()
		return err
	},
	"code-table": func(_ *opener, s testvectors.Scenario) error { _, err := codes.Decode(s.Data); return err },
	"challenge": func(_ *opener, s testvectors.Scenario) error {
		prefix, data, err := credential.DecodeText(string(s.Data))
		if err != nil {
			return err
		}
		if prefix != credential.ChallengePrefix {
			return fmt.Errorf("prefix %s", prefix)
		}
		c, err := credential.ParseChallenge(data)
		if err != nil {
			return err
		}
		gate, err := keys.VerifierKeyForVectors("gate")
		if err != nil {
			return err
		}
		_, err = c.Verify(gate.VerifierPublic())
		return err
	},
	"possession": func(_ *opener, s testvectors.Scenario) error {
		_, err := credential.ParsePossession(s.Data)
		return err
	},
	"http-request": func(_ *opener, s testvectors.Scenario) error { _, err := credential.ParseRequest(s.Data); return err },
	"delivery":     func(_ *opener, s testvectors.Scenario) error { _, err := credential.ParseDelivery(s.Data); return err },
	"key-request":  func(_ *opener, s testvectors.Scenario) error { _, err := trust.ParseKeyRequest(s.Data); return err },
	"verifier-request": func(_ *opener, s testvectors.Scenario) error {
		_, err := trust.ParseVerifierRequest(s.Data)
		return err
	},
	"publication": func(_ *opener, s testvectors.Scenario) error { _, err := trust.ParsePublication(s.Data); return err },
	"card-token": func(_ *opener, s testvectors.Scenario) error {
		token, err := credential.ParseCardToken(s.Data)
		if err != nil {
			return err
		}
		_, err = token.Verify(newKeyring().main.IssuerPublic())
		return err
	},
	"cose-key": func(_ *opener, s testvectors.Scenario) error { _, err := cose.ParsePublicKey(s.Data); return err },
	"fingerprint": func(_ *opener, s testvectors.Scenario) error {
		_, err := trust.ParseFingerprint(string(s.Data))
		return err
	},
	"enrolment-code": func(_ *opener, s testvectors.Scenario) error {
		_, err := credential.NormaliseCode(string(s.Data))
		return err
	},
	"memory": func(_ *opener, s testvectors.Scenario) error { _, err := trust.ParseMemory(s.Data); return err },
}

// TestObjects gives every other object of v1 to the function that reads it.
func TestObjects(t *testing.T) {
	o := newOpener(t)
	good, bad := 0, 0
	for _, s := range scenarios(t) {
		if s.Kind == "presentation" || s.Kind == "device" {
			continue
		}
		read := readers[s.Kind]
		if read == nil {
			t.Errorf("%s: kind %q is read by nothing", s.Name, s.Kind)
			continue
		}
		err := read(o, s)
		switch s.Expect {
		case "ok":
			good++
			if err != nil || s.Code != "" {
				t.Errorf("%s: %v, want no error", s.Name, err)
			}
		case "error":
			bad++
			want := sentinels[s.Code]
			if want == nil || !errors.Is(err, want) {
				t.Errorf("%s: %v, want %s", s.Name, err, s.Code)
			}
		default:
			t.Errorf("%s: expect %q", s.Name, s.Expect)
		}
	}
	t.Logf("%d objects: %d good, %d refused", good+bad, good, bad)
	if good >= bad {
		t.Error("negatives do not outnumber positives")
	}
}

//go:build pcsc && cgo && linux

package cardpath_test

import (
	"crypto"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/trust"
)

// gsaCards are some of the test cards of the GSA, with the verdict that each gets today. All of them stand in verifier/card.
var gsaCards = []struct{ folder, verdict, code string }{
	{"01_Golden_PIV", "accept", "ok"},
	{"46_Golden_FIPS_201-2_PIV", "accept", "ok"},
	{"54_Golden_FIPS_201-2_NFI_PIV-I", "accept", "ok"},
	{"02_Golden_PIV-I", "cannot-confirm", ""}, // its key is not published: it cannot sign
	{"04_Tampered_CHUID", "refuse", "card-signature"},
	{"05_Tampered_Certificates", "refuse", "card-certificate"},
	{"13_Certs_are_expired", "refuse", "expired"},
	{"15_CHUID_FASCN_mismatch", "refuse", "card-binding"},
	{"23_Public_Private_Key_mismatch", "refuse", "card-key"},
}

// TestCardsOfOthers: cards that nobody of ours has made, through the real service and the program.
func TestCardsOfOthers(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POSVID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "vectors")
	}
	dir := must(filepath.Abs(filepath.Join(root, "nfc", "gsa-icam")))(t)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("POSVID_VECTORS has no nfc/gsa-icam")
	}
	programs(t)
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk}, func(t *testing.T, f *emulate.Fixture) {
		var more extra
		for _, name := range must(filepath.Glob(filepath.Join(dir, "CA", "*.crt")))(t) {
			base := filepath.Base(name)
			if !strings.Contains(base, "Root_CA") && !strings.Contains(base, "Signing_CA") || strings.Contains(base, "xcert") {
				continue
			}
			block, _ := pem.Decode(must(os.ReadFile(name))(t))
			if block == nil {
				t.Fatalf("%s is no PEM", base)
			}
			more.roots = append(more.roots, block.Bytes)
		}
		for _, name := range must(filepath.Glob(filepath.Join(dir, "CA", "crls", "ICAMTestCard*.crl")))(t) {
			more.crls = append(more.crls, must(os.ReadFile(name))(t))
		}
		seen := map[[16]byte]bool{}
		for _, c := range gsaCards {
			chuid := must(nfc.ParseCHUID(must(os.ReadFile(filepath.Join(dir, c.folder, "8 - CHUID Object")))(t)))(t)
			if !seen[chuid.GUID] {
				more.carriers = append(more.carriers, trust.Carrier{Kind: trust.CarrierGUID, Number: chuid.GUID[:], Status: atValid})
			}
			seen[chuid.GUID] = true
		}
		w := newWorld(t, more)
		for _, c := range gsaCards {
			folder := filepath.Join(dir, c.folder)
			var keys map[byte]crypto.Signer
			if key := emulate.ICAMKey(t, folder); key != nil {
				keys = map[byte]crypto.Signer{emulate.KeyCardAuthentication: key}
			}
			piv := must(emulate.ICAMCard(folder, keys))(t)
			for _, device := range []emulate.Device{emulate.NewChip(emulate.ChipConfig{}, piv), chip(piv)} {
				f.Put(t, 0, device)
				v, r := w.json(t)
				if v.Verdict != c.verdict || c.code != "" && v.Code != c.code {
					t.Errorf("%s: want %s %s\n%s", c.folder, c.verdict, c.code, r)
				}
				if v.Holder != nil && v.Holder.Name != "" {
					t.Errorf("%s: a name without a PIN: %s", c.folder, v.Holder.Name)
				}
			}
		}
		t.Logf("%d cards, over contacts and over the antenna", len(gsaCards))
	})
}

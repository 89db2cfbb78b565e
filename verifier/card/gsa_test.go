package card_test

import (
	"context"
	"crypto"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// vectors is the folder of a set of shared vectors.
func vectors(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("POSVID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	dir := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("POSVID_VECTORS has no %s", filepath.Join(parts...))
	}
	return dir
}

// then is a day on which every card of the set was meant to be valid that ever was; after it two of them end.
var then = time.Date(2020, 6, 1, 12, 0, 0, 0, time.UTC)

// gsaCards are the test cards of the set: what is wrong with each, and the code it gets then and today. Only four cards have a published
// key; a card without one cannot prove itself, so the best that it reaches is card-unproven. Faults in objects that this check does
// not read are named, and the card is judged by what is read.
var gsaCards = []struct {
	folder      string
	wrong       string
	then, today verifier.Code
}{
	{"01_Golden_PIV", "nothing", verifier.OK, verifier.OK},
	{"02_Golden_PIV-I", "nothing, no published key", verifier.CardUnproven, verifier.CardUnproven},
	{"04_Tampered_CHUID", "FASC-N changed after signing", verifier.CardSignature, verifier.CardSignature},
	{"05_Tampered_Certificates", "certificates changed after signing", verifier.CardCertificate, verifier.CardCertificate},
	{"06_Tampered_PHOTO", "the face, which is not read", verifier.CardUnproven, verifier.CardUnproven},
	{"07_Tampered_Fingerprints", "the fingerprints, which are not read", verifier.CardUnproven, verifier.CardUnproven},
	{"08_Tampered_Security_Object", "signature of the security object", verifier.CardSignature, verifier.CardSignature},
	{"10_Expired_Cert_Signer", "the certificates' authority expired in 2013", verifier.Expired, verifier.Expired},
	{"11_Certs_Expire_after_CHUID", "certificates to 2032, CHUID to 2024", verifier.CardRules, verifier.Expired},
	{"13_Certs_are_expired", "certificates ended in 2014", verifier.Expired, verifier.Expired},
	{"14_Expired_CHUID", "CHUID ended in 2017", verifier.Expired, verifier.Expired},
	{"15_CHUID_FASCN_mismatch", "FASC-N of CHUID and certificate differ", verifier.CardBinding, verifier.CardBinding},
	{"17_PHOTO_FASCN_mismatch", "FASC-N of the face, which is not read", verifier.CardUnproven, verifier.CardUnproven},
	{"18_Fingerprints_FASCN_mismatch", "FASC-N of the fingerprints, which are not read", verifier.CardUnproven, verifier.CardUnproven},
	{"19_CHUID_UUID_mismatch", "GUID of CHUID and certificate differ", verifier.CardBinding, verifier.CardBinding},
	{"21_PHOTO_UUID_mismatch", "GUID of the face, which is not read; but the certificate outlives the card by 27 days", verifier.CardRules, verifier.CardRules},
	{"22_Fingerprints_UUID_mismatch", "GUID of the fingerprints, which are not read; but the certificate outlives the card by 27 days", verifier.CardRules, verifier.CardRules},
	{"23_Public_Private_Key_mismatch", "key 9E is not the certificate's", verifier.CardKey, verifier.CardKey},
	{"25_Disco_Object_Not_Present", "no discovery object: it is optional", verifier.CardUnproven, verifier.CardUnproven},
	{"26_Disco_Object_Present_App_PIN_Only", "nothing, no published key", verifier.CardUnproven, verifier.CardUnproven},
	{"27_Disco_Object_Present_App_PIN_Primary", "nothing, no published key", verifier.CardUnproven, verifier.CardUnproven},
	{"38_Bad_Hash_in_Sec_Object", "hash of the printed information", verifier.CardSignature, verifier.CardSignature},
	{"41_Re-keyed_Card", "nothing, no published key", verifier.CardUnproven, verifier.CardUnproven},
	{"42_OCSP_Expired", "the OCSP responder, which is not asked", verifier.CardUnproven, verifier.CardUnproven},
	{"44_OCSP_revoked_wo_nocheck", "the OCSP responder, which is not asked", verifier.CardUnproven, verifier.CardUnproven},
	{"45_OCSP_Invalid_Signature", "the OCSP responder, which is not asked", verifier.CardUnproven, verifier.CardUnproven},
	{"46_Golden_FIPS_201-2_PIV", "nothing", verifier.OK, verifier.OK},
	{"46_Golden_FIPS_201-2_PIV_ICI_8", "nothing, no published key", verifier.CardUnproven, verifier.CardUnproven},
	{"46_Golden_FIPS_201-2_PIV_ICI_9", "nothing, no published key", verifier.CardUnproven, verifier.CardUnproven},
	{"48_T=0_with_Non-Zero_PPS_LEN_Value", "below the objects: the protocol of a contact reader", verifier.CardUnproven, verifier.CardUnproven},
	{"49_FIPS_201-2_Facial_Image_CBEFF_Expired", "the face, which is not read", verifier.CardUnproven, verifier.CardUnproven},
	{"50_FIPS_201-2_Facial_Image_CBEFF_Expires_before_CHUID", "the face, which is not read", verifier.CardUnproven, verifier.CardUnproven},
	{"51_FIPS_201-2_Fingerprint_CBEFF_Expired", "the fingerprints, which are not read", verifier.CardUnproven, verifier.CardUnproven},
	{"52_FIPS_201-2_Fingerprint_CBEFF_Expires_before_CHUID", "the fingerprints, which are not read", verifier.CardUnproven, verifier.CardUnproven},
	{"54_Golden_FIPS_201-2_NFI_PIV-I", "nothing", verifier.OK, verifier.OK},
	{"55_FIPS_201-2_Missing_Security_Object", "no security object: what it lists is not read", verifier.CardUnproven, verifier.CardUnproven},
	{"56_FIPS_201-2_Signer_Expires", "signer and certificate ended in 2020", verifier.CardUnproven, verifier.Expired},
	{"59_Valid_CBEFF_for_Card_51", "nothing, no published key", verifier.CardUnproven, verifier.CardUnproven},
}

// gsaTrust are the authorities of the set, and a carrier table that has every card of it.
func gsaTrust(t *testing.T, dir string) setup {
	t.Helper()
	var s setup
	for _, name := range must(filepath.Glob(filepath.Join(dir, "CA", "*.crt")))(t) {
		base := filepath.Base(name)
		if !strings.Contains(base, "Root_CA") && !strings.Contains(base, "Signing_CA") || strings.Contains(base, "xcert") {
			continue
		}
		block, _ := pem.Decode(must(os.ReadFile(name))(t))
		if block == nil {
			t.Fatalf("%s is no PEM", base)
		}
		s.roots = append(s.roots, block.Bytes)
	}
	for _, name := range must(filepath.Glob(filepath.Join(dir, "CA", "crls", "ICAMTestCard*.crl")))(t) {
		s.crls = append(s.crls, must(os.ReadFile(name))(t))
	}
	seen := map[[16]byte]bool{}
	for _, row := range gsaCards {
		chuid := must(nfc.ParseCHUID(must(os.ReadFile(filepath.Join(dir, row.folder, "8 - CHUID Object")))(t)))(t)
		if !seen[chuid.GUID] {
			s.carriers = append(s.carriers, trust.Carrier{Kind: trust.CarrierGUID, Number: chuid.GUID[:], Status: indexValid})
		}
		seen[chuid.GUID] = true
	}
	return s
}

// TestGSACards: a row a card, then and today.
func TestGSACards(t *testing.T) {
	dir := vectors(t, "nfc", "gsa-icam")
	if folders := must(filepath.Glob(filepath.Join(dir, "[0-9]*")))(t); len(folders) != len(gsaCards) {
		t.Errorf("%d cards in the set, %d in the table", len(folders), len(gsaCards))
	}
	s := gsaTrust(t, dir)
	s.at = then
	worlds := [2]*world{newWorld(t, s)}
	s.at = base
	worlds[1] = newWorld(t, s)
	for _, row := range gsaCards {
		folder := filepath.Join(dir, row.folder)
		var keys map[byte]crypto.Signer
		if key := emulate.ICAMKey(t, folder); key != nil {
			keys = map[byte]crypto.Signer{emulate.KeyCardAuthentication: key}
		}
		c := must(emulate.ICAMCard(folder, keys))(t)
		r := card.Read(context.Background(), emulate.NewChip(emulate.ChipConfig{}, c), card.Options{Objects: []nfc.Object{nfc.ObjectCapability}})
		// The card gives printed information and face to a PIN only: the issuer's files are held against the security object.
		for container, pattern := range map[uint16]string{0x3001: "11 - *", 0x6030: "10 - *"} {
			if found := must(filepath.Glob(filepath.Join(folder, pattern)))(t); len(found) == 1 {
				r.Containers[container] = must(os.ReadFile(found[0]))(t)
			}
		}
		for i, want := range [2]verifier.Code{row.then, row.today} {
			in := worlds[i].input(r)
			in.At = worlds[i].at.Add(time.Hour)
			v := expect(t, in, want)
			if t.Failed() {
				t.Fatalf("%s (%s), %s", row.folder, row.wrong, in.At.Format(time.DateOnly))
			}
			for _, check := range v.Card {
				// All but the proof of the key has to be in order before a card counts as lacking only that.
				if want == verifier.CardUnproven && check.Result == verifier.Fail && check.Name != "level" {
					t.Errorf("%s: %s fails with %s", row.folder, check.Name, check.Code)
				}
			}
			if want == verifier.CardUnproven || want == verifier.OK {
				for _, name := range []string{"card-path", "card-purpose", "card-crl", "card-signer", "card-data", "card-binding", "validity", "card-carrier", "status"} {
					if got := result(t, v, name).Result; got != verifier.Pass {
						t.Errorf("%s: %s %s", row.folder, name, got)
					}
				}
			}
		}
	}
	t.Logf("%d cards, %d verdicts", len(gsaCards), 2*len(gsaCards))
}

// TestGSARevoked: a golden card on the revocation list of its authority, and the same card when its body has dismissed the person.
func TestGSARevoked(t *testing.T) {
	dir := vectors(t, "nfc", "gsa-icam")
	folder := filepath.Join(dir, "46_Golden_FIPS_201-2_PIV")
	key := emulate.ICAMKey(t, folder)
	c := must(emulate.ICAMCard(folder, map[byte]crypto.Signer{emulate.KeyCardAuthentication: key}))(t)
	r := card.Read(context.Background(), emulate.NewChip(emulate.ChipConfig{}, c), card.Options{})
	s := gsaTrust(t, dir)
	expect(t, newWorld(t, s).input(r), verifier.OK)
	for i := range s.carriers {
		s.carriers[i].Status = indexRevoked
	}
	expect(t, newWorld(t, s).input(r), verifier.Revoked)
	s.carriers = nil
	expect(t, newWorld(t, s).input(r), verifier.CarrierUnknown)
	s.roots = s.roots[:1] // the root of another hierarchy
	expect(t, newWorld(t, s).input(r), verifier.CardForeign)
}

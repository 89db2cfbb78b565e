package emulate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// wantIn fails when an output lacks one of the parts.
func wantIn(t *testing.T, output string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(output, part) {
			t.Errorf("output lacks %q:\n%s", part, output)
		}
	}
}

// hexBytes reads what opensc-tool prints of an answer: the lines after "Received", bytes in front of their text.
func hexBytes(t *testing.T, output string) (data []byte, sw string) {
	t.Helper()
	at := strings.LastIndex(output, "Received (SW1=0x")
	if at < 0 {
		t.Fatalf("no answer in:\n%s", output)
	}
	head, body, _ := strings.Cut(output[at:], "\n")
	found := regexp.MustCompile(`SW1=0x(..), SW2=0x(..)`).FindStringSubmatch(head)
	if found == nil {
		t.Fatalf("no status word in %q", head)
	}
	for _, line := range strings.Split(body, "\n") {
		for _, word := range strings.Fields(line[:min(len(line), 48)]) {
			b, err := hex.DecodeString(word)
			if err != nil || len(b) != 1 {
				break
			}
			data = append(data, b[0])
		}
	}
	return data, found[1] + found[2]
}

func colons(b []byte) string {
	var words []string
	for _, o := range b {
		words = append(words, fmt.Sprintf("%02X", o))
	}
	return strings.Join(words, ":")
}

func certificateOf(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("no PEM in %d bytes", len(text))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// TestOpenSC: the programs of OpenSC list, identify, read, log in to, sign with and write the cards.
func TestOpenSC(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: runs pcscd and the programs of OpenSC")
	}
	Isolated(t, FixtureConfig{Programs: []string{"opensc-tool", "pkcs15-tool", "pkcs11-tool", "piv-tool", "openssl"}}, func(t *testing.T, f *Fixture) {
		card := personalise(t, func(s *CardSpec) { s.Name, s.Authentication, s.Gzip = "Test Person", RSA2048, false })
		key := random(32)
		blank := personalise(t, func(s *CardSpec) {
			s.CardAuthentication, s.Gzip = P384, true
			s.PIV.ManagementKey, s.PIV.ManagementAlgorithm = key, AES256
		})
		chips := []*Chip{NewChip(ChipConfig{}, card), NewChip(ChipConfig{Contactless: true, UID: []byte{4, 5, 6, 7}}, blank)}
		f.Insert(t, 0, chips[0])
		second := f.Insert(t, 1, chips[1])
		dir := t.TempDir()

		list := f.Output(t, "opensc-tool", "-l")
		for slot := range chips {
			wantIn(t, list, f.Reader(slot))
			atr := strings.TrimSpace(f.Output(t, "opensc-tool", "-r", fmt.Sprint(slot), "--atr"))
			if want := strings.ToLower(colons(chips[slot].ATR())); atr != want {
				t.Errorf("slot %d: ATR %s, want %s", slot, atr, want)
			}
		}
		if strings.Count(list, "Yes") != 2 {
			t.Errorf("two cards are in, the list says\n%s", list)
		}
		wantIn(t, f.Output(t, "opensc-tool", "-r", "0", "-n"), "Personal Identity Verification Card")
		wantIn(t, strings.ToUpper(f.Output(t, "opensc-tool", "-r", "0", "--serial")), strings.ReplaceAll(colons(testGUID[:]), ":", " "))

		// APDU by APDU: what arrives at the foreign program is what the card holds, over both interfaces.
		selection := colons(append([]byte{0, 0xA4, 4, 0, 9}, append(pivAID[:9:9], 0)...))
		for slot, want := range map[int][]byte{0: TLV(0x53, card.CHUID), 1: TLV(0x53, blank.CHUID)} {
			data, sw := hexBytes(t, f.Output(t, "opensc-tool", "-r", fmt.Sprint(slot), "-s", selection, "-s", colons(readCHUID)))
			if sw != "9000" || !bytes.Equal(data, want) {
				t.Errorf("slot %d: CHUID of %d bytes with %s, want %d", slot, len(data), sw, len(want))
			}
		}
		for apdu, want := range map[string]string{
			"00:CB:3F:FF:05:5C:03:5F:C1:05:00": "6982", // certificate 9A over the antenna
			"00:CB:3F:FF:05:5C:03:5F:C1:09:00": "6982",
			"00:20:00:80":                      "6982",
			"00:CB:3F:FF:05:5C:03:5F:C1:FF:00": "6A82",
			"00:87:07:9E:04:7C:02:82:00:00":    "6A86",
			"00:F1:00:00":                      "6D00",
		} {
			if data, sw := hexBytes(t, f.Output(t, "opensc-tool", "-r", "1", "-s", selection, "-s", apdu)); sw != want || len(data) != 0 {
				t.Errorf("%s: %s with %d bytes, want %s", apdu, sw, len(data), want)
			}
		}
		uid, sw := hexBytes(t, f.Output(t, "opensc-tool", "-r", "1", "-s", "FF:CA:00:00:00"))
		if sw != "9000" || !bytes.Equal(uid, []byte{4, 5, 6, 7}) {
			t.Errorf("UID %x with %s", uid, sw)
		}

		dump := f.Output(t, "pkcs15-tool", "--reader", "0", "--dump")
		wantIn(t, dump, "Card Holder", "Serial number  : "+hex.EncodeToString(testGUID[:]), "Private RSA Key [PIV AUTH key]", "ModLength      : 2048",
			"Private EC Key [CARD AUTH key]", "FieldLength    : 256", "Reference      : 128 (0x80)",
			fmt.Sprintf("Encoded serial : 02 06 %X", card.CardAuthentication.SerialNumber))
		if objects := regexp.MustCompile(`\s+`).ReplaceAllString(dump, ""); !strings.Contains(objects, strings.ToUpper(hex.EncodeToString(TLV(0x53, card.CHUID)))) {
			t.Error("pkcs15-tool read another CHUID")
		}
		for id, want := range map[string]*x509.Certificate{"01": card.Authentication, "04": card.CardAuthentication} {
			if got := certificateOf(t, []byte(f.Output(t, "pkcs15-tool", "--reader", "0", "--read-certificate", id))); !got.Equal(want) {
				t.Errorf("pkcs15-tool read another certificate %s", id)
			}
		}
		if got := certificateOf(t, []byte(f.Output(t, "pkcs15-tool", "--reader", "1", "--read-certificate", "04"))); !got.Equal(blank.CardAuthentication) {
			t.Error("pkcs15-tool did not unpack the compressed certificate")
		}

		// Signatures through PKCS #11: RSA with the PIN, EC without; openssl judges.
		data := write(t, dir, "data", []byte("message"))
		signature := filepath.Join(dir, "signature")
		public := func(certificate *x509.Certificate) string {
			der, err := x509.MarshalPKIXPublicKey(certificate.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			return write(t, dir, "public.pem", pemOf("PUBLIC KEY", der))
		}
		f.Output(t, "pkcs11-tool", "--slot-index", "0", "--login", "--pin", "123456", "--sign", "-m", "SHA256-RSA-PKCS", "--id", "01", "-i", data, "-o", signature)
		openssl(t, true, "dgst", "-sha256", "-verify", public(card.Authentication), "-signature", signature, data)
		f.Output(t, "pkcs11-tool", "--slot-index", "0", "--login", "--pin", "123456", "--sign", "-m", "ECDSA-SHA256", "--id", "04", "-f", "openssl", "-i", data, "-o", signature)
		openssl(t, true, "dgst", "-sha256", "-verify", public(card.CardAuthentication), "-signature", signature, data)
		if _, stderr, status := f.Run(t, "pkcs11-tool", "--slot-index", "0", "--login", "--pin", "111111", "--list-objects"); status == 0 || !strings.Contains(stderr, "CKR_PIN_INCORRECT") {
			t.Errorf("a wrong PIN: exit status %d, %s", status, stderr)
		}
		if card.TriesLeft() != 4 {
			t.Errorf("%d tries left after one wrong PIN, want 4", card.TriesLeft())
		}
		wantIn(t, f.Output(t, "pkcs11-tool", "--slot-index", "0", "--login", "--pin", "123456", "--test"), "SHA256-RSA-PKCS: OK", "RSA-X-509: OK", "No errors")
		if card.TriesLeft() != 5 {
			t.Errorf("%d tries left after the right PIN, want 5", card.TriesLeft())
		}

		// Writing with an AES-256 management key: contact only, right key only.
		// The exit status of piv-tool says nothing: after writing it is a count of bytes, and after -G OpenSC 0.23, which
		// has the key made and reads the answer, stumbles over OpenSSL 3. What counts is what is on the card.
		t.Setenv("PIV_EXT_AUTH_KEY", write(t, dir, "key", []byte(colons(key))))
		generate := func() string {
			t.Helper()
			_, stderr, _ := f.Run(t, "piv-tool", "-r", "1", "-A", "M:9B:0C", "-G", "9E:11")
			return stderr
		}
		first := blank.PublicKey(KeyCardAuthentication).(*ecdsa.PublicKey)
		wantIn(t, generate(), "admin_mode failed")
		if !first.Equal(blank.PublicKey(KeyCardAuthentication)) {
			t.Error("piv-tool had a key made over the antenna")
		}
		second.Replace(NewChip(ChipConfig{}, blank))
		generate()
		generated := blank.PublicKey(KeyCardAuthentication).(*ecdsa.PublicKey)
		if first.Equal(generated) || generated.Curve.Params().BitSize != 256 {
			t.Error("piv-tool had no key made")
		}
		fresh, err := testPKI(t).IssuePublic(CertificateProfile{NotBefore: day, NotAfter: day.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}, generated)
		if err != nil {
			t.Fatal(err)
		}
		certificate := write(t, dir, "fresh.pem", pemOf("CERTIFICATE", fresh.Raw))
		f.Run(t, "piv-tool", "-r", "1", "-A", "M:9B:0C", "-C", "9E", "-i", certificate)
		if got := certificateOf(t, []byte(f.Output(t, "pkcs15-tool", "--reader", "1", "--read-certificate", "04"))); !got.Equal(fresh) {
			t.Error("the certificate that piv-tool wrote reads back as another one")
		}
		f.Run(t, "piv-tool", "-r", "1", "-A", "M:9B:0C", "-O", "3001", "-i", write(t, dir, "printed", TLV(0x53, []byte{1, 1, 'A', 0xFE, 0})))
		if got := blank.Object(TagPrintedInformation); !bytes.Equal(got, []byte{1, 1, 'A', 0xFE, 0}) {
			t.Errorf("piv-tool wrote %x", got)
		}
		t.Setenv("PIV_EXT_AUTH_KEY", write(t, dir, "wrong", []byte(colons(random(32)))))
		wantIn(t, generate(), "admin_mode failed")
		if !generated.Equal(blank.PublicKey(KeyCardAuthentication)) {
			t.Error("piv-tool had a key made with a wrong management key")
		}
	})
}

// publicDER gives the DER of a public key that a program wrote as PEM or as DER.
func publicDER(text []byte) []byte {
	if block, _ := pem.Decode(text); block != nil {
		return block.Bytes
	}
	return text
}

// TestYubicoPIVTool: the manufacturer's client reads, logs in to, writes and uses a card of the standard with the
// extension that it asks for.
func TestYubicoPIVTool(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: runs pcscd and yubico-piv-tool")
	}
	t.Parallel()
	Isolated(t, FixtureConfig{Programs: []string{"yubico-piv-tool", "openssl"}}, func(t *testing.T, f *Fixture) {
		agreement, err := P256.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		card := personalise(t, func(s *CardSpec) {
			s.Authentication, s.CardAuthentication = P384, RSA2048
			s.Keys = map[byte]signer{KeyKeyManagement: agreement}
			s.PIV.Yubico = &Yubico{Version: [3]byte{5, 4, 3}, Serial: 7654321}
		})
		f.Insert(t, 1, NewChip(ChipConfig{}, card))
		dir := t.TempDir()
		tool := func(ok bool, arguments ...string) string {
			t.Helper()
			stdout, stderr, status := f.Run(t, "yubico-piv-tool", append([]string{"-r", f.Reader(1)}, arguments...)...)
			if (status == 0) != ok {
				t.Errorf("yubico-piv-tool %q: exit status %d\n%s%s", arguments, status, stdout, stderr)
			}
			return stdout + stderr
		}
		wantIn(t, tool(true, "-a", "status"), "Version:	5.4.3", "Serial Number:	7654321", "CHUID:	"+hex.EncodeToString(card.CHUID),
			"Slot 9a:", "ECCP384", "Slot 9e:", "RSA2048", "Issuer DN:	C=UA, O=Test Body, CN=Card CA", "PIN tries left:	5")
		read := func(slot string, want *x509.Certificate) string {
			t.Helper()
			path := filepath.Join(dir, slot+".pem")
			tool(true, "-a", "read-certificate", "-s", slot, "-o", path)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !certificateOf(t, text).Equal(want) {
				t.Errorf("slot %s reads as another certificate", slot)
			}
			return path
		}
		nine := read("9e", card.CardAuthentication)
		wantIn(t, tool(true, "-a", "test-signature", "-s", "9e", "-i", nine), "Successful RSA verification.")
		auth := read("9a", card.Authentication)
		wantIn(t, tool(false, "-a", "test-signature", "-s", "9a", "-i", auth), "Failed signing test data")
		wantIn(t, tool(true, "-a", "verify-pin", "-P", "123456", "-a", "test-signature", "-s", "9a", "-H", "SHA384", "-i", auth), "Successfully verified PIN.", "Successful ECDSA verification.")
		wantIn(t, tool(false, "-a", "verify-pin", "-P", "000000"), "4 tries left")
		wantIn(t, tool(true, "-a", "change-pin", "-P", "123456", "-N", "7654321"), "Successfully changed the pin code.")
		tool(false, "-a", "verify-pin", "-P", "123456")
		wantIn(t, tool(true, "-a", "unblock-pin", "-P", "12345678", "-N", "123456"), "Successfully unblocked the pin code.")
		tool(true, "-a", "verify-pin", "-P", "123456")

		// Keys made on the card, certificates of our CA for them, and each pair tried.
		for _, test := range []struct{ slot, algorithm, hash, good string }{
			{"9e", "ECCP256", "SHA256", "Successful ECDSA verification."},
			{"9e", "ECCP384", "SHA384", "Successful ECDSA verification."},
			{"9e", "RSA2048", "SHA256", "Successful RSA verification."},
		} {
			path := filepath.Join(dir, test.algorithm+".pem")
			tool(true, "-a", "generate", "-s", test.slot, "-A", test.algorithm, "-o", path)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			public, err := x509.ParsePKIXPublicKey(publicDER(text))
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := testPKI(t).IssuePublic(CertificateProfile{NotBefore: day, NotAfter: day.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}, public)
			if err != nil {
				t.Fatal(err)
			}
			wantIn(t, tool(false, "-a", "test-signature", "-s", test.slot, "-i", auth), "Failed")
			path = write(t, dir, test.algorithm+".crt", pemOf("CERTIFICATE", certificate.Raw))
			tool(true, "-a", "import-certificate", "-s", test.slot, "-i", path)
			read(test.slot, certificate)
			wantIn(t, tool(true, "-a", "test-signature", "-s", test.slot, "-H", test.hash, "-i", path), test.good)
		}
		// A key pair made elsewhere, by the extension.
		outside, err := P256.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(outside)
		if err != nil {
			t.Fatal(err)
		}
		tool(true, "-a", "import-key", "-s", "9a", "-i", write(t, dir, "outside.pem", pemOf("PRIVATE KEY", der)))
		if got, ok := card.PublicKey(KeyAuthentication).(*ecdsa.PublicKey); !ok || !got.Equal(outside.Public()) {
			t.Error("another key was imported")
		}
		certificate, err := testPKI(t).IssuePublic(CertificateProfile{NotBefore: day, NotAfter: day.AddDate(1, 0, 0)}, agreement.Public())
		if err != nil {
			t.Fatal(err)
		}
		wantIn(t, tool(true, "-a", "verify-pin", "-P", "123456", "-a", "test-decipher", "-s", "9d", "-i", write(t, dir, "9d.crt", pemOf("CERTIFICATE", certificate.Raw))), "Successfully performed ECDH exchange with card.")
		// The management key guards every writing.
		wrong := "-k" + strings.Repeat("0102030405060718", 3)
		for _, action := range [][]string{{"-a", "generate", "-s", "9e", "-A", "ECCP256"}, {"-a", "import-certificate", "-s", "9e", "-i", nine}, {"-a", "set-chuid"}, {"-a", "delete-certificate", "-s", "9e"}} {
			wantIn(t, tool(false, append(action, wrong)...), "Failed authentication with the application")
		}
		tool(true, "-a", "set-mgm-key", "-n", strings.Repeat("0102030405060718", 3))
		tool(false, "-a", "set-chuid")
		tool(true, wrong, "-a", "set-chuid")
		if got := fields(t, card.Object(TagCHUID)); len(got[0x34]) != 16 || bytes.Equal(got[0x34], testGUID[:]) || len(got[0x3E]) != 0 {
			t.Errorf("the CHUID that the client made: %x", card.Object(TagCHUID))
		}
		tool(true, wrong, "-a", "delete-certificate", "-s", "9e")
		if card.Object(TagCardAuthentication) != nil {
			t.Error("the certificate is still there")
		}
	})
}

// TestFaultsThroughPCSC: each fault reaches a program through the real pcscd, and the reader works again afterwards.
func TestFaultsThroughPCSC(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: runs pcscd and opensc-tool")
	}
	t.Parallel()
	Isolated(t, FixtureConfig{Programs: []string{"opensc-tool", "yubico-piv-tool"}}, func(t *testing.T, f *Fixture) {
		card := personalise(t, func(s *CardSpec) { s.PIV.Yubico = &Yubico{Version: [3]byte{5, 4, 3}} })
		chip := NewChip(ChipConfig{}, card)
		ask := func(slot int, apdus ...string) (string, string, int) {
			arguments := []string{"-r", fmt.Sprint(slot)}
			for _, apdu := range apdus {
				arguments = append(arguments, "-s", apdu)
			}
			return f.Run(t, "opensc-tool", arguments...)
		}
		const selection = "00:A4:04:00:09:A0:00:00:03:08:00:00:10:00:00"
		healthy := func(slot int) {
			t.Helper()
			stdout, stderr, status := ask(slot, selection, "00:CB:3F:FF:03:5C:01:7E:00")
			if status != 0 {
				t.Fatalf("a good card after a fault: %d\n%s%s", status, stdout, stderr)
			}
			if data, sw := hexBytes(t, stdout); sw != "9000" || !bytes.Equal(data, TLV(0x7E, card.Object(TagDiscovery))) {
				t.Errorf("discovery object %x, %s", data, sw)
			}
		}
		good := f.Insert(t, 0, chip)
		healthy(0)
		verify := "00:20:00:80"
		wrong := func(ins string, fault Fault) *Script {
			return NewScript(chip).On(unhex(t, ins)[0], fault)
		}
		for _, test := range []struct {
			name  string
			fault Fault
			want  func(stdout, stderr string, status int) bool
		}{
			{"one byte", OneByte(), func(_, stderr string, status int) bool {
				return status != 0 && strings.Contains(stderr, "APDU transmit failed")
			}},
			{"status 0005", Status(0x0005), func(stdout, _ string, _ int) bool { return strings.Contains(stdout, "SW1=0x00, SW2=0x05") }},
			{"unlike its ATR", Status(0x6E00), func(stdout, _ string, _ int) bool { return strings.Contains(stdout, "SW1=0x6E") }},
			{"slow", Slow(300 * time.Millisecond), func(stdout, _ string, status int) bool { return status == 0 && strings.Contains(stdout, "SW1=0x63") }},
		} {
			good.Replace(wrong("20", test.fault))
			if stdout, stderr, status := ask(0, selection, verify); !test.want(stdout, stderr, status) {
				t.Errorf("%s: exit status %d\n%s%s", test.name, status, stdout, stderr)
			}
			good.Replace(chip)
			healthy(0)
		}
		// Endless chains end in the client.
		good.Replace(NewScript(chip).On(insGetData, MoreForEver(0)).On(insGetResponse, MoreForEver(0)))
		if _, _, status := ask(0, selection, colons(readCHUID)); status == 0 {
			t.Error("an endless answer ended well")
		}
		good.Replace(NewScript(chip).On(insGetData, Huge(60000)))
		stdout, stderr, status := ask(0, selection, colons(readCHUID))
		if data, _ := hexBytes(t, stdout); status != 0 || len(data) != 60000 {
			t.Errorf("of 60,000 bytes %d came through, exit status %d: %s", len(data), status, stderr)
		}
		// Another ATR after each reset: pcscd tells the one it saw last.
		first, last := NewChip(ChipConfig{Historical: []byte("first")}, card), NewChip(ChipConfig{Historical: []byte("last")}, card)
		good.Replace(NewScript(chip).ATRs(first.ATR(), first.ATR(), last.ATR()))
		for range 4 {
			f.Output(t, "yubico-piv-tool", "-r", f.Reader(0), "-a", "version") // resets the card when it ends
		}
		if got := strings.TrimSpace(f.Output(t, "opensc-tool", "-r", "0", "--atr")); got != strings.ToLower(colons(last.ATR())) {
			t.Errorf("ATR %s after resets", got)
		}
		good.Replace(chip)
		healthy(0)

		// Torn in the middle; the card comes back.
		if err := good.Remove(); err != nil {
			t.Error(err)
		}
		torn := f.Insert(t, 0, wrong("20", Tear()))
		if stdout, stderr, status := ask(0, selection, verify); status == 0 {
			t.Errorf("torn: exit status %d\n%s%s", status, stdout, stderr)
		}
		<-torn.Done()
		again := f.Insert(t, 0, chip)
		healthy(0)
		// Another card.
		if err := again.Remove(); err != nil {
			t.Error(err)
		}
		other := NewChip(ChipConfig{Historical: []byte("other")}, card)
		f.Insert(t, 0, other)
		if got := strings.TrimSpace(f.Output(t, "opensc-tool", "-r", "0", "--atr")); got != strings.ToLower(colons(other.ATR())) {
			t.Errorf("ATR %s", got)
		}
		// A stall in one slot leaves the other one alone; taking the card away ends it.
		stalled := f.Insert(t, 1, wrong("20", Stall()))
		ended := make(chan int, 1)
		go func() {
			_, _, status := ask(1, selection, verify)
			ended <- status
		}()
		for stalled.Commands() < 2 {
			select {
			case status := <-ended:
				t.Fatalf("the session ended with %d before the stall", status)
			case <-time.After(5 * time.Millisecond):
			}
		}
		// Not opensc-tool: it knocks at every reader before it talks to one, and waits at the stalled one.
		wantIn(t, f.Output(t, "yubico-piv-tool", "-r", f.Reader(0), "-a", "version"), "5.4.3")
		select {
		case status := <-ended:
			t.Errorf("the stalled session ended with %d", status)
		default:
		}
		if err := stalled.Remove(); err != nil {
			t.Error(err)
		}
		if status := <-ended; status == 0 {
			t.Error("the stalled session ended well")
		}
		f.Insert(t, 1, chip)
		healthy(1)
	})
}

// TestChaosThroughPCSC: a foreign program ends at every fault that does not wait for ever, and the next one finds a good
// card and a working reader.
func TestChaosThroughPCSC(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: runs pcscd and yubico-piv-tool")
	}
	t.Parallel()
	Isolated(t, FixtureConfig{Programs: []string{"yubico-piv-tool"}}, func(t *testing.T, f *Fixture) {
		extension := func(s *CardSpec) { s.PIV.Yubico = &Yubico{Version: [3]byte{5, 4, 3}, Serial: 77} }
		card, other := NewChip(ChipConfig{}, personalise(t, extension)), NewChip(ChipConfig{}, personalise(t, extension))
		met := map[string]int{}
		const sessions = 40
		begin := time.Now()
		for seed := range uint64(sessions) {
			script, name := Chaos(seed, card, other, false)
			f.Put(t, 0, script)
			_, _, status := f.Run(t, "yubico-piv-tool", "-r", f.Reader(0), "-a", "status")
			kind, _, _ := strings.Cut(name, "@")
			met[kind]++
			f.Put(t, 0, card)
			if stdout, stderr, good := f.Run(t, "yubico-piv-tool", "-r", f.Reader(0), "-a", "status"); good != 0 || !strings.Contains(stdout, "Serial Number:	77") {
				t.Fatalf("after %s (%d): exit status %d\n%s%s", name, status, good, stdout, stderr)
			}
		}
		if len(met) < 11 {
			t.Errorf("only %d kinds of fault: %v", len(met), met)
		}
		t.Logf("%d sessions with faults and as many without in %v: %v", sessions, time.Since(begin), met)
	})
}

// TestFixture: names, a daemon that ends and comes back, no readers, and nothing of it outside.
func TestFixture(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: runs pcscd")
	}
	t.Parallel()
	_, before := os.Stat(runtimeDir + "/pcscd.comm")
	t.Run("named reader", func(t *testing.T) {
		Isolated(t, FixtureConfig{Reader: "ACS ACR122U", Programs: []string{"opensc-tool"}}, func(t *testing.T, f *Fixture) {
			list := f.Output(t, "opensc-tool", "-l")
			for slot, want := range []string{"ACS ACR122U 00 00", "ACS ACR122U 00 01"} {
				wantIn(t, list, want)
				if got := f.Reader(slot); got != want {
					t.Errorf("slot %d is %q, want %q", slot, got, want)
				}
			}
			tag := NewNumberTag([]byte{1, 2, 3, 4})
			f.Insert(t, 1, tag)
			if got := strings.TrimSpace(f.Output(t, "opensc-tool", "-r", "1", "--atr")); got != strings.ToLower(colons(tag.ATR())) {
				t.Errorf("ATR %s", got)
			}
			f.KillDaemon()
			stdout, stderr, _ := f.Run(t, "opensc-tool", "-l")
			wantIn(t, stdout+stderr, "No smart card readers found")
			f.StartDaemon()
			wantIn(t, f.Output(t, "opensc-tool", "-l"), "ACS ACR122U 00 00")
			f.Insert(t, 0, tag)
			f.StopDaemon()
			f.StopDaemon()
			if _, err := os.Stat(runtimeDir + "/pcscd.comm"); err == nil {
				t.Error("the socket outlives pcscd")
			}
		})
	})
	t.Run("no readers", func(t *testing.T) {
		Isolated(t, FixtureConfig{NoReaders: true, Programs: []string{"opensc-tool"}}, func(t *testing.T, f *Fixture) {
			stdout, stderr, _ := f.Run(t, "opensc-tool", "-l")
			wantIn(t, stdout+stderr, "No smart card readers found")
			if f.Reader(0) != "" {
				t.Error("a reader that is not there has a name")
			}
		})
	})
	t.Run("no daemon", func(t *testing.T) {
		Isolated(t, FixtureConfig{NoDaemon: true, Programs: []string{"opensc-tool"}}, func(t *testing.T, f *Fixture) {
			if entries, err := os.ReadDir(runtimeDir); err != nil || len(entries) != 0 {
				t.Errorf("%d entries in %s, %v", len(entries), runtimeDir, err)
			}
			f.StartDaemon()
			wantIn(t, f.Output(t, "opensc-tool", "-l"), f.Reader(0))
		})
	})
	t.Run("refused", func(t *testing.T) {
		Isolated(t, FixtureConfig{Programs: []string{"yubico-piv-tool"}}, func(t *testing.T, f *Fixture) {
			f.RefuseClients(SecurityViolation)
			if _, stderr, status := f.Run(t, "yubico-piv-tool", "-v", "-a", "list-readers"); status == 0 || !strings.Contains(stderr, "8010006a") {
				t.Errorf("a refused program: exit status %d, %s", status, stderr)
			}
		})
	})
	if os.Getenv(isolatedName) != "" {
		return
	}
	if _, after := os.Stat(runtimeDir + "/pcscd.comm"); (before == nil) != (after == nil) {
		t.Error("a socket was left outside, or taken away")
	}
	if conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort), 100*time.Millisecond); err == nil {
		conn.Close()
		t.Error("vpcd can be reached from outside")
	}
}

// TestCommandCost counts that every command arrives, and prints what one costs: a benchmark cannot live in the namespaces.
func TestCommandCost(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: runs pcscd and opensc-tool")
	}
	Isolated(t, FixtureConfig{Programs: []string{"opensc-tool"}}, func(t *testing.T, f *Fixture) {
		begin := time.Now()
		plug := f.Insert(t, 0, NewChip(ChipConfig{}, personalise(t, nil)))
		inserted := time.Since(begin)
		const count = 1000
		arguments := []string{"-r", "0"}
		for range count {
			arguments = append(arguments, "-s", "00:20:00:80")
		}
		before := plug.Commands()
		begin = time.Now()
		f.Output(t, "opensc-tool", "-r", "0", "-s", "00:20:00:80")
		one := time.Since(begin)
		begin = time.Now()
		f.Output(t, "opensc-tool", arguments...)
		all := time.Since(begin)
		if got := plug.Commands() - before; got < count {
			t.Errorf("%d commands arrived, want %d", got, count)
		}
		t.Logf("insert %v, one command with the program's start %v, each further one %v", inserted, one, (all-one)/(count-1))
	})
}

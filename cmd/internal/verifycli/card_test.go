package verifycli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/trust"
)

var (
	cardBase  = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	cardValid = [16]byte{1, 15: 1}
	cardGone  = [16]byte{1, 15: 2} // of a dismissed person
	cardUID   = []byte{4, 1, 2, 3, 4, 5, 6}
)

// cardWorld is a device whose bundle knows the cards of one body.
type cardWorld struct {
	state  string
	pki    *emulate.PKI
	issuer authority.IssuerPrivateKey
}

func newCardWorld(t *testing.T) *cardWorld {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &cardWorld{state: t.TempDir()}
	var err error
	w.pki, err = emulate.NewPKI(emulate.PKIConfig{At: cardBase.AddDate(0, -1, 0)})
	check(err)
	member, err := authority.RootKeyForVectors("card cli")
	check(err)
	signer, err := authority.BundleKeyForVectors("card cli")
	check(err)
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: cardBase.AddDate(0, -2, 0)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, signer.BundlePublic())
	payload, err := root.Encode()
	check(err)
	signed, err := trust.SignRoot(payload, []keys.RootSigner{member})
	check(err)
	register, err := trust.NewRegister(signed)
	check(err)
	w.issuer, err = authority.IssuerKeyForVectors(cose.ESP256, "card cli")
	check(err)
	admitted := cardBase.AddDate(0, 0, -20)
	request, err := trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0, 1, 2}, MaxLife: 40 * 24 * time.Hour, IssuedAt: admitted,
		Bodies: []trust.BodyEntry{{EDRPOU: "10000001", Name: "Міністерство"}}}, w.issuer)
	check(err)
	_, err = register.AdmitKey(request, trust.Grant{ValidFrom: admitted}, admitted)
	check(err)
	list, err := trust.NewStatusListBuilder(64)
	check(err)
	check(list.Set(5, trust.StatusInvalid))
	statuses, err := trust.SignStatusList("10000001", 0, cardBase, list, w.issuer)
	check(err)
	carriers, err := trust.SignCarriers("10000001", cardBase, []trust.Carrier{
		{Kind: trust.CarrierGUID, Number: cardValid[:], Body: "10000001", Status: 1},
		{Kind: trust.CarrierGUID, Number: cardGone[:], Body: "10000001", Status: 5},
		{Kind: trust.CarrierNumber, Number: cardUID, Body: "10000001", Status: 2},
	}, w.issuer)
	check(err)
	publication, err := trust.Publication{EDRPOU: "10000001", StatusLists: [][]byte{statuses}, Carriers: carriers}.Encode()
	check(err)
	check(register.Carry(publication, cardBase))
	check(register.SetCards(trust.Cards{Roots: [][]byte{w.pki.Root.Certificate.Raw, w.pki.CardCA.Certificate.Raw}}))
	bundle, err := register.BuildBundle(cardBase, signer, nil)
	check(err)
	state, err := checkpoint.Open(w.state)
	check(err)
	check(state.Pin(trust.RootFingerprint(payload)))
	_, err = state.Install(bundle, cardBase)
	check(err)
	return w
}

func (w *cardWorld) card(t *testing.T, guid [16]byte) *emulate.IssuedCard {
	t.Helper()
	c, err := w.pki.Personalise(emulate.CardSpec{GUID: guid, Issued: cardBase.AddDate(0, 0, -5), Expires: cardBase.AddDate(1, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// record is a tag with a static token.
func (w *cardWorld) record(t *testing.T) *emulate.Tag {
	t.Helper()
	payload, err := credential.EncodePayload(&credential.Claims{Issuer: "10000001", Number: "АА 004022", IssuedAt: cardBase.AddDate(0, 0, -5), ExpiresAt: cardBase.AddDate(0, 0, 20),
		Kind: credential.KindStatic, Name: "Гончарук Т. Г.", Status: 3})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.SignToken(payload, w.issuer)
	if err != nil {
		t.Fatal(err)
	}
	message, err := nfc.BuildNDEF(nfc.NDEFRecord{Format: nfc.NDEFMedia, Type: nfc.MediaToken, Payload: token})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := emulate.NewTag(emulate.TagConfig{Message: message})
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// deskReader is a reader with one card on it, or with a trouble.
type deskReader struct {
	card    nfc.Card
	trouble error // of finding the card
	torn    error // of the way to it, after it was read
	waits   int   // looks that find nothing before the card comes; negative: it never comes
	options pcsc.Options
}

func (d *deskReader) Present(context.Context) (pcsc.Reader, error) {
	return pcsc.Reader{Name: "Desk 00 00"}, d.trouble
}

func (d *deskReader) Wait(ctx context.Context, notify func(*pcsc.Error)) (pcsc.Reader, error) {
	for range d.waits {
		notify(&pcsc.Error{Trouble: pcsc.NoCard})
	}
	if d.waits < 0 {
		notify(&pcsc.Error{Trouble: pcsc.NoCard})
		<-ctx.Done()
		return pcsc.Reader{}, ctx.Err()
	}
	return d.Present(ctx)
}

func (d *deskReader) Read(ctx context.Context, _ string, fn func(context.Context, nfc.Card) error) error {
	err := fn(ctx, d.card)
	if d.torn != nil {
		return d.torn
	}
	return err
}

// run executes `card` with arguments.
func (w *cardWorld) run(desk *deskReader, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: func() time.Time { return cardBase.Add(time.Hour) }, Lang: "uk"}
	p := &Program{Env: env, State: func() string { return w.state }, Cards: func(o pcsc.Options) CardReader {
		desk.options = o
		return desk
	}}
	root := &cobra.Command{Use: "posvid-verify"}
	root.AddCommand(p.card())
	code = env.Run(root, append([]string{"card"}, args...))
	return code, out.String(), errs.String()
}

func TestCardCommand(t *testing.T) {
	w := newCardWorld(t)
	chip := func(apps ...emulate.Application) nfc.Card {
		return emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: cardUID}, apps...)
	}
	good, gone := w.card(t, cardValid), w.card(t, cardGone)
	clone := good.Clone(emulate.KeyCardAuthentication)
	for _, c := range []struct {
		name    string
		desk    *deskReader
		args    []string
		code    int
		verdict string // code in JSON
		level   int
		says    []string // on stdout, in Ukrainian
		tells   string   // on stderr
	}{
		{"good", &deskReader{card: chip(good)}, nil, 0, "ok", 2, []string{"ЧИННЕ", "Міністерство 10000001", "номер картки: 01000000-0000-0000-0000-000000000001",
			"прізвища безконтактно на картці немає", "рівень перевірки 2: картка підписала"}, "читаю: сертифікат картки"},
		{"good, with the photo on the plastic", &deskReader{card: chip(good)}, []string{"--photo-confirmed", "plastic", "--level", "3"}, 0, "ok", 3, []string{"рівень перевірки 3"}, ""},
		{"good, level 3 asked for", &deskReader{card: chip(good)}, []string{"--level", "3"}, 3, "level-too-low", 2, []string{"НЕ ПІДТВЕРДЖЕНО"}, ""},
		{"dismissed", &deskReader{card: chip(gone)}, nil, 1, "revoked", 2, []string{"ВІДХИЛЕНО", "анульовано"}, ""},
		{"copied without its key", &deskReader{card: chip(clone)}, nil, 3, "card-unproven", 0, []string{"НЕ ПІДТВЕРДЖЕНО"}, "картка не дала: підпис картки"},
		{"record", &deskReader{card: chip(w.record(t))}, nil, 3, "level-too-low", 1, []string{"Гончарук Т. Г.", "номер посвідчення: АА 004022", "рівень перевірки 1: підписані дані, картку не підтверджено"}, ""},
		{"number", &deskReader{card: chip()}, nil, 3, "card-unproven", 0, []string{"НЕ ПІДТВЕРДЖЕНО", "Міністерство 10000001", "рівень перевірки 0: номер"}, ""},
		{"card of another kind", &deskReader{card: emulate.NewChip(emulate.ChipConfig{})}, nil, 3, "card-foreign", 0, []string{"Картка іншої системи"}, ""},
		{"torn", &deskReader{card: emulate.NewScript(emulate.NewChip(emulate.ChipConfig{}, good)).At(2, emulate.Tear())}, nil, 3, "card-unread", 0, []string{"Картку не дочитано"}, "left the field"},
		{"torn after the last command", &deskReader{card: chip(good), torn: &pcsc.Error{Trouble: pcsc.CardTorn}}, nil, 3, "card-unread", 0, []string{"Картку не дочитано"}, "картку"},
		{"no reader", &deskReader{trouble: &pcsc.Error{Trouble: pcsc.NoReader}}, nil, 3, "card-unread", 0, nil, "зчитувач"},
		{"not built", &deskReader{trouble: &pcsc.Error{Trouble: pcsc.NotBuilt}}, nil, 3, "card-unread", 0, nil, "hint: "},
		{"waited for", &deskReader{card: chip(good), waits: 3}, []string{"--wait"}, 0, "ok", 2, nil, ""},
		{"waited for in vain", &deskReader{waits: -1}, []string{"--wait", "--timeout", "20ms"}, 3, "card-unread", 0, nil, "карт"},
		{"at another time", &deskReader{card: chip(good)}, []string{"--at", "2026-11-22T07:00:00Z"}, 3, "ok", 2, []string{"пробна перевірка"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := w.run(c.desk, c.args...)
			if code != c.code {
				t.Errorf("exit %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
			for _, part := range c.says {
				if !strings.Contains(stdout, part) {
					t.Errorf("%q is not in\n%s", part, stdout)
				}
			}
			if !strings.Contains(stderr, c.tells) {
				t.Errorf("stderr lacks %q: %s", c.tells, stderr)
			}
			if s, ok := c.desk.card.(*emulate.Script); ok {
				s.Reset()
			}
			code, stdout, _ = w.run(c.desk, append(c.args, "--json")...)
			var v struct {
				Schema, Verdict, Code string
				Level                 int
				Checks                []struct{ Name string }
			}
			if err := json.Unmarshal([]byte(stdout), &v); err != nil || strings.Count(stdout, "\n") != 1 {
				t.Fatalf("%v: %s", err, stdout)
			}
			if code != c.code || v.Schema != "posvid.verdict/1" || v.Code != c.verdict || v.Level != c.level || len(v.Checks) != 25 || v.Checks[0].Name != "card-read" {
				t.Errorf("exit %d, %s", code, stdout)
			}
		})
	}
}

func TestCardCommandUsage(t *testing.T) {
	w := newCardWorld(t)
	for _, args := range [][]string{{"--timeout", "3s"}, {"--wait", "--timeout", "-1s"}, {"--level", "5"}, {"--at", "yesterday"}, {"--test"}, {"extra"}} {
		if code, out, _ := w.run(&deskReader{}, args...); code != cli.ExitUsage || out != "" {
			t.Errorf("%v: exit %d, %q", args, code, out)
		}
	}
	desk := &deskReader{trouble: &pcsc.Error{Trouble: pcsc.NoCard}}
	w.run(desk, "--reader", "ACR", "--allow-virtual-reader")
	if desk.options.Reader != "ACR" || !desk.options.AllowVirtual {
		t.Errorf("%+v", desk.options)
	}
	if w.run(desk); desk.options.AllowVirtual {
		t.Error("virtual readers are taken without being asked for")
	}
}

// TestCardTrace: the exchange is written only when asked for, for this user alone, and without what the card says of anybody.
func TestCardTrace(t *testing.T) {
	w := newCardWorld(t)
	name := filepath.Join(t.TempDir(), "trace")
	tag := w.record(t)
	code, _, stderr := w.run(&deskReader{card: emulate.NewChip(emulate.ChipConfig{}, tag)}, "--trace", name)
	info, err := os.Stat(name)
	if code != 3 || err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("exit %d, %v, %s", code, err, stderr)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	exchanges, err := nfc.ParseTranscript(string(text))
	if err != nil || len(exchanges) < 5 {
		t.Fatalf("%d exchanges, %v", len(exchanges), err)
	}
	for _, x := range exchanges {
		if bytes.Contains(x.Response, []byte("Гончарук")) {
			t.Error("a name in the trace")
		}
	}
}

package servicetest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing/fstest"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// quick makes sealed keys cheap: their passphrases are public.
var quick = keys.SealOptions{WorkFactor: 10}

// fixture is the world on disk, made once in a process and copied for each test.
type fixture struct {
	dir      string // while it is made
	files    fstest.MapFS
	pin      trust.Fingerprint
	signer   authority.BundlePrivateKey
	chain    *credential.BeaconChain
	bundle   []byte
	verifier keys.VerifierPrivateKey
	request  []byte
	id       uint64
	bodies   map[string]*fixtureBody
	data     store.DataKey // of the service's own database
}

type fixtureBody struct {
	edrpou, name, nameEN string
	data                 store.DataKey
	signer               authority.IssuerPrivateKey
	holders              map[string]*Holder
}

var theFixture = sync.OnceValues(makeFixture)

// parts of people: what becomes of each, by the line of the file.
var parts = []string{"issued", "second", "suspended", "revoked", "slip", "enrolled", "none", "leave"}

var surnames = map[string][]string{
	MinistryEDRPOU: {"Вигаданець", "Зразкова", "Прикладенко", "Пробна", "Умовний", "Показова", "Начерк", "Ескізна"},
	CouncilEDRPOU:  {"Вигаданець", "Радна", "Сільчук", "Громадська", "Старостенко", "Виконкомна", "Десята", "Сесійний"},
}

func makeFixture() (_ *fixture, err error) {
	dir, err := os.MkdirTemp("", "servicetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	f := &fixture{dir: dir, bodies: map[string]*fixtureBody{}, data: store.NewDataKey()}
	at := Began.Add(-time.Hour)
	// The trust operator.
	member, err := authority.GenerateRootKey()
	if err != nil {
		return nil, err
	}
	if f.signer, err = authority.GenerateBundleKey(); err != nil {
		return nil, err
	}
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: at, Members: []keys.RootPublicKey{member.RootPublic()}, BundleSigners: []keys.BundlePublicKey{f.signer.BundlePublic()}}
	payload, err := root.Encode()
	if err != nil {
		return nil, err
	}
	object, err := trust.SignRoot(payload, []keys.RootSigner{member})
	if err != nil {
		return nil, err
	}
	register, err := trust.NewRegister(object)
	if err != nil {
		return nil, err
	}
	f.pin, f.chain = register.RootFingerprint(), credential.NewBeaconChain([32]byte{1}, 4096)
	// The verifier.
	if f.verifier, err = keys.GenerateVerifierKey(); err != nil {
		return nil, err
	}
	f.request, err = trust.EncodeVerifierRequest(trust.VerifierRequest{Body: MinistryEDRPOU, Name: "Вхід № 1", Class: trust.ClassCheckpoint, IssuedAt: at, HPKE: f.verifier.HPKEPublic()}, f.verifier)
	if err != nil {
		return nil, err
	}
	// The bodies, admitted at once.
	for _, b := range []*fixtureBody{
		{edrpou: MinistryEDRPOU, name: "Міністерство зразкових справ", nameEN: "Ministry of Model Affairs"},
		{edrpou: CouncilEDRPOU, name: "Вигаданівська міська рада", nameEN: "Vyhadanivka City Council"},
	} {
		f.bodies[b.edrpou] = b
		if err := f.create(b, at); err != nil {
			return nil, fmt.Errorf("body %s: %w", b.edrpou, err)
		}
		request, err := trust.EncodeKeyRequest(trust.KeyRequest{Bodies: []trust.BodyEntry{{EDRPOU: b.edrpou, Name: b.name, NameEN: b.nameEN, DutyPhone: "+380 44 000 00 00"}},
			Kinds: []uint8{uint8(credential.KindPhone)}, MaxLife: issuer.DefaultProfile().Life, IssuedAt: at}, b.signer)
		if err != nil {
			return nil, err
		}
		if _, err := register.AdmitKey(request, trust.Grant{}, at); err != nil {
			return nil, err
		}
	}
	if f.id, err = register.AdmitVerifier(f.request, trust.VerifierGrant{ValidUntil: Began.AddDate(1, 0, 0)}, at); err != nil {
		return nil, err
	}
	var opened []*Body
	for _, edrpou := range []string{MinistryEDRPOU, CouncilEDRPOU} {
		b, err := f.open(dir, edrpou)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, b.Store.Close()) }()
		if err := b.state.Pin(f.pin); err != nil {
			return nil, err
		}
		opened = append(opened, b)
	}
	t := &Trust{bodies: opened, file: filepath.Join(dir, "register.json"), signer: f.signer, chain: f.chain, Operator: true}
	if err := t.save(register); err != nil {
		return nil, err
	}
	ctx := context.Background()
	if err := t.Publish(ctx, at.Add(time.Minute)); err != nil {
		return nil, err
	}
	phones := map[string]keys.HolderPrivateKey{}
	for _, b := range opened {
		if err := f.fill(ctx, b, phones, at.Add(2*time.Minute)); err != nil {
			return nil, fmt.Errorf("body %s: %w", b.EDRPOU, err)
		}
	}
	if err := t.Publish(ctx, at.Add(30*time.Minute)); err != nil {
		return nil, err
	}
	f.bundle = t.data
	for _, b := range opened {
		if err := b.Store.Close(); err != nil {
			return nil, err
		}
	}
	database, err := f.openService(dir) // its schema is made once, not for each test
	if err != nil {
		return nil, err
	}
	if err := database.Close(); err != nil {
		return nil, err
	}
	return f, f.keep()
}

// openService opens the service's database of a copy of the fixture.
func (f *fixture) openService(dir string) (*store.Service, error) {
	sealer, err := store.NewSealer(f.data)
	if err != nil {
		return nil, err
	}
	return store.OpenService(filepath.Join(dir, "service.db"), store.Options{Sealer: sealer})
}

// openBallots opens the ballot box of a copy of the fixture.
func (f *fixture) openBallots(dir string) (*store.Service, error) {
	sealer, err := store.NewSealer(f.data)
	if err != nil {
		return nil, err
	}
	return store.OpenBallots(filepath.Join(dir, "ballots.db"), store.Options{Sealer: sealer})
}

// keep reads the finished folder into memory; nothing of it stays on the disk.
func (f *fixture) keep() error {
	f.files = fstest.MapFS{}
	return fs.WalkDir(os.DirFS(f.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(f.dir, name))
		f.files[name] = &fstest.MapFile{Data: data, Mode: 0o600}
		return err
	})
}

// create makes a body's folder, store and operators.
func (f *fixture) create(b *fixtureBody, at time.Time) (err error) {
	folder := filepath.Join(f.dir, b.edrpou)
	for _, name := range []string{"photos", "operators"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			return err
		}
	}
	b.data, b.holders = store.NewDataKey(), map[string]*Holder{}
	if b.signer, err = authority.GenerateIssuerKey(cose.ESP256); err != nil {
		return err
	}
	sealer, err := store.NewSealer(b.data)
	if err != nil {
		return err
	}
	database, err := store.Open(filepath.Join(folder, "body.db"), store.Options{Sealer: sealer})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	ctx := context.Background()
	if err := issuer.Create(ctx, database, issuer.BodyRow{EDRPOU: b.edrpou, Name: b.name, NameEN: b.nameEN, Created: at, NextNumber: 1}); err != nil {
		return err
	}
	register, err := issuer.OpenRegister(ctx, database)
	if err != nil {
		return err
	}
	var entries [2]issuer.NewOperator
	var secrets [2]authority.OperatorPrivateKey
	for i, name := range []string{"Кадровик Перша Іванівна", "Підписувач Другий Петрович"} {
		if secrets[i], err = authority.GenerateOperatorKey(cose.ESP256); err != nil {
			return err
		}
		person, err := register.PersonKey("", "", "К-"+strconv.Itoa(i+1))
		if err != nil {
			return err
		}
		entries[i] = issuer.NewOperator{Name: name, Person: person, Key: secrets[i].OperatorPublic(), Roles: issuer.RoleRegistrar | issuer.RoleApprover}
	}
	made, err := register.InitOperators(ctx, entries[0], entries[1], at)
	if err != nil {
		return err
	}
	for i, o := range made {
		sealed, err := secrets[i].Seal([]byte(Passphrases[o.ID]), quick)
		if err != nil {
			return err
		}
		if err := os.WriteFile(operatorFile(folder, o.ID), sealed, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func operatorFile(folder string, n int64) string {
	return filepath.Join(folder, "operators", strconv.FormatInt(n, 10)+".age")
}

// open opens a body of a copy of the fixture.
func (f *fixture) open(dir, edrpou string) (*Body, error) {
	fb := f.bodies[edrpou]
	folder := filepath.Join(dir, edrpou)
	sealer, err := store.NewSealer(fb.data)
	if err != nil {
		return nil, err
	}
	database, err := store.Open(filepath.Join(folder, "body.db"), store.Options{Sealer: sealer})
	if err != nil {
		return nil, err
	}
	b := &Body{Folder: folder, Signer: fb.signer, live: &live{}, Holders: map[string]*Holder{}}
	if b.state, err = checkpoint.Open(filepath.Join(folder, "trust")); err != nil {
		return nil, err
	}
	ctx := context.Background()
	body, err := issuer.Open(ctx, database, issuer.Config{EDRPOU: edrpou, Signer: fb.signer, Grant: b.live, Checker: b.live})
	if err != nil {
		return nil, err
	}
	register, err := issuer.OpenRegister(ctx, database)
	if err != nil {
		return nil, err
	}
	online, err := issuer.OpenOnline(ctx, database, issuer.OnlineConfig{Host: "localhost", PublicDigits: true})
	if err != nil {
		return nil, err
	}
	operators, err := register.Operators(ctx)
	if err != nil {
		return nil, err
	}
	copy(b.Operators[:], operators)
	b.Body = &service.Body{EDRPOU: edrpou, Name: fb.name, NameEN: fb.nameEN, Phone: "+380 44 000 00 00", Store: database, Body: body, Register: register, Online: online,
		Photo: b.photo, KeepPhoto: b.keepPhoto, OperatorKey: b.operatorKey, KeepOperatorKey: b.keepOperatorKey}
	for part, h := range fb.holders {
		own := *h
		own.Body = b
		b.Holders[part] = &own
	}
	return b, nil
}

func (b *Body) photoFile(hash [20]byte) string {
	return filepath.Join(b.Folder, "photos", hex.EncodeToString(hash[:])+".jpg")
}

func (b *Body) photo(hash [20]byte) ([]byte, error) {
	data, err := os.ReadFile(b.photoFile(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (b *Body) keepPhoto(sha [32]byte, jpeg []byte) error {
	return os.WriteFile(b.photoFile([20]byte(sha[:20])), jpeg, 0o600)
}

func (b *Body) operatorKey(o issuer.Operator, passphrase []byte) (keys.OperatorSigner, error) {
	sealed, err := os.ReadFile(operatorFile(b.Folder, o.ID))
	if err != nil {
		return nil, err
	}
	return authority.OpenOperatorKey(passphrase, sealed)
}

func (b *Body) keepOperatorKey(id int64, sealed []byte) error {
	name := operatorFile(b.Folder, id)
	if old, err := os.ReadFile(name); err == nil {
		if bytes.Equal(old, sealed) {
			return nil
		}
		return fs.ErrExist
	}
	return os.WriteFile(name, sealed, 0o600)
}

// Staff is a staff file of the body with everybody in it, as JSON lines, and the photos that it names. change may alter the fields
// of a person, by part; nil fields leave a person out.
func (b *Body) Staff(asOf hr.Date, change map[string]map[string]string) (file []byte, photos fs.FS) {
	lines, pictures, err := staff(b.EDRPOU, asOf, change)
	if err != nil {
		panic(err) // the people of this file are made so that it cannot
	}
	return lines, pictures
}

func staff(edrpou string, asOf hr.Date, change map[string]map[string]string) ([]byte, fs.FS, error) {
	var rows []map[string]string
	pictures := fstest.MapFS{}
	for i, part := range parts {
		birth := hr.Date{Year: 1900 + i, Month: 3, Day: 8}
		serial := 100 + i
		if edrpou == CouncilEDRPOU && i > 0 { // the first person works in both
			birth, serial = hr.Date{Year: 1900 + i, Month: 5, Day: 9}, 200+i
		}
		number, err := hr.CompleteRNOKPP(birth, serial, i%2 == 0)
		if err != nil {
			return nil, nil, err
		}
		given, patronymic := "Зразок", "Прикладович"
		if i%2 == 1 {
			given, patronymic = "Проба", "Прикладівна"
		}
		row := map[string]string{"staff_number": fmt.Sprintf("%04d", i+1), "rnokpp": number, "surname": surnames[edrpou][i], "given_name": given, "patronymic": patronymic,
			"birth_date": birth.UA(), "edrpou": edrpou, "unit": "Відділ зразків", "unit_en": "Unit of Samples", "position": "головний спеціаліст", "position_en": "chief specialist",
			"category": "В", "rank": "7", "official": "посадова особа", "employed_from": "01.02.2021", "plastic_series": "ЗР", "plastic_number": fmt.Sprintf("%s%02d", edrpou[4:], i+1),
			"plastic_issued": "10.01.2025", "plastic_expires": "10.01.2035", "status": "працює", "photo": fmt.Sprintf("%04d.jpg", i+1)}
		if part == "second" {
			row["unit"], row["unit_en"] = "Відділ прикладів", "Unit of Examples"
		}
		if part == "leave" {
			row["status"], row["ground"] = "зупинено", "відсторонення"
			row["order_number"], row["order_date"] = "5-в", "01.09.2026"
		}
		fields, changed := change[part]
		if changed && fields == nil {
			continue
		}
		for k, v := range fields {
			row[k] = v
		}
		rows = append(rows, row)
		seed := i
		if edrpou == CouncilEDRPOU && i > 0 {
			seed += 32
		}
		picture, err := drawing(seed)
		if err != nil {
			return nil, nil, err
		}
		pictures[fmt.Sprintf("%04d.jpg", i+1)] = &fstest.MapFile{Data: picture}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `{"#edrpou":%q,"#as of":%q,"#full":true,"#total":%d}`+"\n", edrpou, asOf, len(rows))
	encoder := json.NewEncoder(&out)
	for _, row := range rows {
		if err := encoder.Encode(row); err != nil {
			return nil, nil, err
		}
	}
	return out.Bytes(), pictures, nil
}

// drawing is a picture of the size of a portrait that shows nobody; each seed gives another one.
func drawing(seed int) ([]byte, error) {
	m := image.NewRGBA(image.Rect(0, 0, 360, 480))
	for y := range 480 {
		for x := range 360 {
			dx, dy := x-180, y-200
			c := color.RGBA{uint8(180 + seed*7%70), uint8(200 - y/8), uint8(170 + (x+seed*13)%60), 255}
			if dx*dx*2+dy*dy < 20000+seed*150 {
				c = color.RGBA{uint8(150 + seed*5%90), uint8(120 + seed*11%80), 110, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 85})
	return out.Bytes(), err
}

// fill takes the first staff file, signed by both operators, hands out slips, enrols phones and issues.
func (f *fixture) fill(ctx context.Context, b *Body, phones map[string]keys.HolderPrivateKey, at time.Time) error {
	data, pictures, err := staff(b.EDRPOU, hr.DateInKyiv(at), nil)
	if err != nil {
		return err
	}
	snapshot, err := hr.Read("staff.jsonl", data, hr.Options{EDRPOU: b.EDRPOU})
	if err != nil {
		return err
	}
	if len(snapshot.SetAside) > 0 {
		return fmt.Errorf("servicetest: row set aside: %v", snapshot.SetAside[0].Problems)
	}
	photos, err := hr.OpenPhotosFS(pictures)
	if err != nil {
		return err
	}
	if problems, err := photos.Attach(snapshot, b.KeepPhoto, nil); err != nil || len(problems) > 0 {
		return fmt.Errorf("servicetest: photos: %v %w", problems, err)
	}
	if err := b.Apply(ctx, snapshot, at); err != nil {
		return err
	}
	slips, err := b.Register.Slips(ctx, issuer.SlipFilter{}, b.Operators[0], at)
	if err != nil {
		return err
	}
	byName := map[string]*issuer.Slip{}
	for i := range slips {
		byName[slips[i].Name] = &slips[i]
	}
	standings, err := b.Register.Standings(ctx, at)
	if err != nil {
		return err
	}
	for _, s := range standings {
		n, err := strconv.Atoi(s.Record.StaffNumber)
		if err != nil || n < 1 || n > len(parts) {
			return fmt.Errorf("servicetest: staff number %q", s.Record.StaffNumber)
		}
		part := parts[n-1]
		h := &Holder{Name: s.Record.FullName(), RNOKPP: s.Record.RNOKPP, StaffNumber: s.Record.StaffNumber, Position: s.Record.Position, Entitlement: s.Entitlement,
			PhotoHash: [20]byte(s.Record.PhotoSHA256[:20])}
		f.bodies[b.EDRPOU].holders[part] = h
		if slip := byName[h.Name]; slip != nil && part != "none" {
			h.Slip, h.Code, h.Stop = slip.Number, slip.Code(), slip.StopCode()
		}
	}
	return f.enrolAndIssue(ctx, b, phones, at)
}

// Apply makes a plan of a snapshot and applies it with both operators' signatures.
func (b *Body) Apply(ctx context.Context, snapshot *hr.Snapshot, at time.Time) error {
	known, err := b.Register.Known(ctx)
	if err != nil {
		return err
	}
	options, err := b.Register.PlanOptions(ctx, at, 24*time.Hour)
	if err != nil {
		return err
	}
	plan, err := hr.MakePlan(known, snapshot, options)
	if err != nil {
		return err
	}
	if err := plan.Bind(snapshot, b.Register.PersonSecret()); err != nil {
		return err
	}
	var approvals [][]byte
	for i, part := range []issuer.ApprovalPart{issuer.PartAuthor, issuer.PartApprover} {
		key, err := b.OperatorKey(b.Operators[i], []byte(Passphrases[b.Operators[i].ID]))
		if err != nil {
			return err
		}
		approval, err := issuer.SignApproval(issuer.PlanSubject(plan), part, key, at)
		if err != nil {
			return err
		}
		approvals = append(approvals, approval)
	}
	report, err := b.Register.ApplyPlan(ctx, plan, approvals, at)
	if err == nil && report.Held > 0 {
		err = fmt.Errorf("servicetest: %d items held", report.Held)
	}
	return err
}

func (f *fixture) enrolAndIssue(ctx context.Context, b *Body, phones map[string]keys.HolderPrivateKey, at time.Time) error {
	holders := f.bodies[b.EDRPOU].holders
	var entitlements []int64
	var issued []string
	for _, part := range []string{"issued", "second", "suspended", "revoked", "enrolled"} {
		h := holders[part]
		key, ok := phones[h.RNOKPP]
		if !ok {
			var err error
			if key, err = keys.GenerateHolderKey(); err != nil {
				return err
			}
			phones[h.RNOKPP] = key
		}
		h.Key = key
		possession, err := credential.SignPossession(b.EDRPOU, h.Code, at, key)
		if err != nil {
			return err
		}
		if _, err := b.Register.Enrol(ctx, h.Slip, possession, at); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		if part != "enrolled" {
			entitlements, issued = append(entitlements, h.Entitlement), append(issued, part)
		}
	}
	results, err := b.Body.Body.Issue(ctx, at.Add(time.Minute), entitlements...)
	if err != nil {
		return err
	}
	for i, r := range results {
		if r.Err != nil {
			return fmt.Errorf("%s: %w", issued[i], r.Err)
		}
		h := holders[issued[i]]
		h.Row, h.Number = r.ID.ID, r.ID.Number
		photo, err := b.Photo(h.PhotoHash)
		if err != nil {
			return err
		}
		if h.Delivery, err = b.Body.Body.Delivery(ctx, h.Row, photo); err != nil {
			return err
		}
	}
	change := func(ground issuer.Ground, order string) issuer.Change {
		c := issuer.Change{Ground: ground, Operator: b.Operators[0].Ident(), At: at.Add(5 * time.Minute)}
		if order != "" {
			c.Order, c.OrderDate = order, hr.DateInKyiv(at).Start()
		}
		return c
	}
	if err := b.Body.Body.Suspend(ctx, holders["suspended"].Row, change(issuer.GroundLoss, "")); err != nil {
		return err
	}
	return b.Body.Body.Revoke(ctx, holders["revoked"].Row, change(issuer.GroundDismissal, "12-к"))
}

// Text is a broadcast code of a holder's ID, as his wallet would show it at a time.
func (h *Holder) Text(face credential.Face, beacon []byte, at time.Time) (string, error) {
	delivery, err := credential.ParseDelivery(h.Delivery)
	if err != nil {
		return "", err
	}
	for _, data := range delivery.Tokens {
		token, err := credential.ParseToken(data)
		if err != nil {
			return "", err
		}
		verified, err := token.Verify(h.Body.Signer.IssuerPublic())
		if err != nil {
			return "", err
		}
		if verified.Claims.Face != face {
			continue
		}
		presentation, err := credential.Present(data, h.Key, credential.AudienceAny, at, beacon)
		if err != nil {
			return "", err
		}
		return credential.EncodeText(credential.Prefix, presentation), nil
	}
	return "", errors.New("servicetest: the delivery has no such face")
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/verifier/card"
)

// Files of a body's card authority, below keys/ and cards/.
const (
	cardIssuerFile    = "card-issuer.age"
	cardAuthorityFile = "card-authority.age"
	cardContentFile   = "card-content.age"
	authorityCert     = "authority.cer"
	contentCert       = "content.cer"
)

// recordLife is the longest life of a record card's token: a plastic ID is renewed within it.
const recordLife = 5 * 366 * 24 * time.Hour

// writeTime is how long a card may take while it makes a key: RSA takes seconds.
const writeTime = 90 * time.Second

func cardShowCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "show", Args: cobra.NoArgs,
		Short: "що це за картка: додатки, номери, строки, чого вона не дає / what a card is",
		Long: env.T("Показує, що відповідає картка на зчитувачі, нічому з того не довіряючи. Чи вона чинна, каже posvid verify card.",
			"Shows what the card on the reader answers and trusts none of it. Whether it is valid, posvid verify card tells."),
	}
	options := readerFlags(command)
	command.RunE = func(c *cobra.Command, _ []string) error {
		reader := cardReaders(*options)
		found, err := reader.Wait(c.Context(), func(e *pcsc.Error) { text, _ := e.Text(env.Lang); env.Say("%s", "%s", text) })
		if err != nil {
			return readerError(env, err)
		}
		var reading card.Reading
		var uid []byte
		err = reader.Read(c.Context(), found.Name, func(ctx context.Context, on nfc.Card) error {
			session := nfc.NewSession(on)
			uid, _ = session.UID(ctx) // a contact reader has none
			if err := session.Failed(); err != nil {
				return err
			}
			reading = card.Read(ctx, on, card.Options{})
			return reading.Err
		})
		if err != nil {
			return readerError(env, err)
		}
		showReading(env, &reading, uid)
		return nil
	}
	return command
}

// showReading prints what a card gave, object by object.
func showReading(env *cli.Env, r *card.Reading, uid []byte) {
	env.Print("профіль: %s", "profile: %s", r.Profile())
	if uid != nil {
		env.Print("номер носія (UID): %s", "carrier number (UID): %s", strings.ToUpper(hex.EncodeToString(uid)))
	}
	if r.CHUID != nil {
		if chuid, err := nfc.ParseCHUID(r.CHUID); err != nil {
			env.Print("CHUID: %v", "CHUID: %v", err)
		} else {
			signed := env.T("підписано", "signed")
			if len(chuid.CMS) == 0 {
				signed = env.T("не підписано", "not signed")
			}
			env.Print("CHUID: GUID %x, до %s, %s", "CHUID: GUID %x, until %s, %s", chuid.GUID, locale.Date(chuid.Expiry), signed)
			if f, err := chuid.FASCN.Decode(); err == nil {
				env.Print("FASC-N: %s %s %s", "FASC-N: %s %s %s", f.Agency, f.System, f.Credential)
			}
		}
	}
	if r.Certificate != nil {
		der, err := nfc.ParseCertificate(r.Certificate)
		if err == nil {
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(der); err == nil {
				env.Print("сертифікат картки: видав %s, до %s, %s", "card certificate: issued by %s, until %s, %s", visible(c.Issuer.String()), locale.Date(c.NotAfter), c.PublicKeyAlgorithm)
			}
		}
		if err != nil {
			env.Print("сертифікат картки: %v", "card certificate: %v", err)
		}
	}
	if r.Signature != nil {
		env.Print("ключ картки підписав випадкове число", "the key of the card signed a random number")
	}
	if r.Record != nil {
		env.Print("запис із токеном: %d байтів; що в ньому: posvid inspect", "record with a token: %d bytes; what it says: posvid inspect", len(r.Record))
	}
	for _, w := range r.Withheld {
		env.Print("не дала: %s (%v)", "not given: %s (%v)", w.Object, w.Err)
	}
}

func cardInitCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "init", Args: cobra.NoArgs,
		Short: "зробити центр карток: ключі, сертифікати і запити до технічного адміністратора / make the card authority",
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		if _, err := b.operator(ctx, *as); err != nil {
			return err
		}
		request := b.file("requests", "card-issuer.request")
		var have [3]bool
		for i, file := range [...]string{b.file("cards", authorityCert), b.file("keys", cardIssuerFile), request} {
			_, err := os.Stat(file)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			have[i] = err == nil
		}
		if have == [...]bool{true, true, true} {
			return env.Err("центр карток органу %s уже є", "body %s has a card authority already", b.edrpou)
		}
		passphrase, err := env.Passphrase(false)
		if err != nil {
			return err
		}
		at := env.Now()
		// What an interrupted run has finished stays.
		if !have[0] {
			if err := b.makeCardAuthority(passphrase, at); err != nil {
				return err
			}
		}
		key, err := b.cardIssuerKey(passphrase)
		if errors.Is(err, os.ErrNotExist) {
			if key, err = authority.GenerateIssuerKey(cose.ESP256); err == nil {
				err = b.saveIssuerKey(key, passphrase, env.Seal, cardIssuerFile)
			}
		}
		if err != nil {
			return err
		}
		data, err := b.body.CardKeyRequest(ctx, at, key, "", recordLife)
		if err != nil {
			return err
		}
		if err := cli.WriteAtomic(request, data, 0o644); err != nil {
			return err
		}
		env.Print("сертифікат центру карток: %s", "certificate of the card authority: %s", b.file("cards", authorityCert))
		env.Print("запит на ключ карток: %s", "request for the key of cards: %s", request)
		env.Say("технічному адміністратору: posvid trust cards %s; posvid trust admit %s; тоді новий набір довіри і posvid bundle install",
			"for the trust operator: posvid trust cards %s; posvid trust admit %s; then the next bundle and posvid bundle install", b.file("cards", authorityCert), request)
		return nil
	})
	return command
}

// makeCardAuthority makes both keys and both certificates; the certificate of the authority comes last, so that an
// interrupted run leaves nothing that looks finished.
func (b *openBody) makeCardAuthority(passphrase []byte, at time.Time) error {
	if err := os.MkdirAll(b.file("cards"), 0o700); err != nil {
		return err
	}
	ca, err := b.makeCardKey(keys.RoleCardAuthority, cardAuthorityFile, passphrase)
	if err != nil {
		return err
	}
	content, err := b.makeCardKey(keys.RoleCardContent, cardContentFile, passphrase)
	if err != nil {
		return err
	}
	root, signer, err := issuer.NewCardCertificates(b.edrpou, ca.Certifier(), content.Certifier(), at)
	if err != nil {
		return err
	}
	if err := cli.WriteAtomic(b.file("cards", contentCert), signer, 0o644); err != nil {
		return err
	}
	return cli.WriteAtomic(b.file("cards", authorityCert), root, 0o644)
}

// cardKey opens a key of the card authority; os.ErrNotExist when there is none yet.
func (b *openBody) cardKey(role, file string, passphrase []byte) (authority.CardPrivateKey, error) {
	sealed, err := os.ReadFile(b.file("keys", file))
	if err != nil {
		return authority.CardPrivateKey{}, err
	}
	key, err := authority.OpenCardKey(role, passphrase, sealed)
	return key, passphraseHint(b.env, err)
}

// makeCardKey makes a key of the card authority. One that is there is taken: cards may lie under it.
func (b *openBody) makeCardKey(role, file string, passphrase []byte) (authority.CardPrivateKey, error) {
	key, err := b.cardKey(role, file, passphrase)
	if !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	if key, err = authority.GenerateCardKey(role); err != nil {
		return key, err
	}
	sealed, err := key.Seal(passphrase, b.env.Seal)
	if err != nil {
		return key, err
	}
	return key, cli.WriteAtomic(b.file("keys", file), sealed, 0o600)
}

// cardAuthority opens the card authority of the body.
func (b *openBody) cardAuthority() (*issuer.CardAuthority, error) {
	passphrase, err := b.env.Passphrase(false)
	if err != nil {
		return nil, err
	}
	none := cli.Hint(b.env.Err("орган %s не має центру карток", "body %s has no card authority", b.edrpou), b.env.T("зробіть його: posvid card init", "make it: posvid card init"))
	root, err := os.ReadFile(b.file("cards", authorityCert))
	if errors.Is(err, os.ErrNotExist) {
		return nil, none
	}
	if err != nil {
		return nil, err
	}
	signer, err := os.ReadFile(b.file("cards", contentCert))
	if err != nil {
		return nil, err
	}
	ca, err := b.cardKey(keys.RoleCardAuthority, cardAuthorityFile, passphrase)
	if err != nil {
		return nil, err
	}
	content, err := b.cardKey(keys.RoleCardContent, cardContentFile, passphrase)
	if err != nil {
		return nil, err
	}
	return issuer.OpenCardAuthority(b.edrpou, root, signer, ca.Certifier(), content.Certifier())
}

// cardIssuerKey opens the key that signs the tokens of cards; os.ErrNotExist when there is none yet.
func (b *openBody) cardIssuerKey(passphrase []byte) (authority.IssuerPrivateKey, error) {
	sealed, err := os.ReadFile(b.file("keys", cardIssuerFile))
	if err != nil {
		return authority.IssuerPrivateKey{}, err
	}
	key, err := authority.OpenIssuerKey(passphrase, sealed)
	return key, passphraseHint(b.env, err)
}

// cardBody is the body with the key of cards as its signer, and that key.
func (b *openBody) cardBody(ctx context.Context) (body *issuer.Body, key keys.IssuerPublicKey, err error) {
	passphrase, err := b.env.Passphrase(false)
	if err != nil {
		return nil, key, err
	}
	signer, err := b.cardIssuerKey(passphrase)
	if errors.Is(err, os.ErrNotExist) {
		return nil, key, cli.Hint(b.env.Err("орган %s не має ключа карток", "body %s has no key for cards", b.edrpou), b.env.T("зробіть його: posvid card init", "make it: posvid card init"))
	}
	if err != nil {
		return nil, key, err
	}
	bundle, err := b.installedBundle()
	if err != nil {
		return nil, key, err
	}
	body, err = issuer.Open(ctx, b.store, issuer.Config{EDRPOU: b.edrpou, Signer: signer, Grant: issuer.BundleGrant{Bundle: bundle}, Checker: tokenChecker{bundle}})
	return body, signer.IssuerPublic(), err
}

// confirmed asks before a card is written. Without a terminal --yes has to say it.
func confirmed(ctx context.Context, env *cli.Env, yes bool, question string) error {
	if yes {
		return nil
	}
	if !env.Interactive() {
		return cli.Usagef("%s", env.T("запис на картку підтверджують: --yes", "writing to a card has to be confirmed: --yes"))
	}
	fmt.Fprintf(env.Stderr, "%s [так/ні, y/n]: ", question)
	line, err := readLine(ctx, bufio.NewReader(env.Stdin))
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "так", "т", "yes", "y":
		return nil
	}
	return env.Err("скасовано, на картку нічого не записано", "cancelled, nothing was written to the card")
}

// managementAlgorithms are the words of --management-algorithm.
var managementAlgorithms = map[string]nfc.Algorithm{
	"3des": nfc.AlgorithmTDES, "aes128": nfc.AlgorithmAES128, "aes192": nfc.AlgorithmAES192, "aes256": nfc.AlgorithmAES256,
}

// cardAlgorithms are the words of --key.
var cardAlgorithms = map[string]nfc.Algorithm{
	"p256": nfc.AlgorithmP256, "p384": nfc.AlgorithmP384, "rsa2048": nfc.AlgorithmRSA2048, "rsa3072": nfc.AlgorithmRSA3072,
}

// personalisation is what is needed to make one PIV card.
type personalisation struct {
	*openBody
	reader     cardReader
	where      string
	authority  *issuer.CardAuthority
	post       *issuer.PostRow
	management nfc.Algorithm
	secret     []byte
	algorithm  nfc.Algorithm
	names      issuer.CardNames
	expires    time.Time
	first      identity
}

func cardPersonaliseCommand(env *cli.Env) *cobra.Command {
	var management, secretFile, key, note string
	var yes bool
	command := &cobra.Command{
		Use: "personalise PERSON", Args: cobra.ExactArgs(1),
		Short: "виготовити картку PIV: ключ на картці, сертифікат, CHUID / make a PIV card",
		Long: env.T(`Картка сама робить ключ 9E; центр карток органу видає їй сертифікат і підписує CHUID. Чужого на картці не стирає: картку з чужим CHUID чи сертифікатом відхилить.
PERSON — номер посвідчення або табельний номер. Ключ керування карткою — шістнадцятковими цифрами у файлі.`,
			`The card makes its key 9E itself; the body's card authority certifies it and signs the CHUID. It erases nothing that it did not write: a card with another's CHUID or certificate is refused.
PERSON is the number of the plastic ID or the staff number. The card management key stands in a file, in hexadecimal.`),
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	options := readerFlags(command)
	command.Flags().StringVar(&secretFile, "management-key-file", "", "файл із ключем керування картки / file with the card management key")
	command.Flags().StringVar(&management, "management-algorithm", "aes192", "3des, aes128, aes192, aes256")
	command.Flags().StringVar(&key, "key", "p256", "p256, p384, rsa2048, rsa3072")
	command.Flags().StringVar(&note, "note", "", "номер акта / number of the paper")
	command.Flags().BoolVar(&yes, "yes", false, "записати без запитання / write without asking")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		p := &personalisation{openBody: b}
		var ok bool
		if p.management, ok = managementAlgorithms[management]; !ok {
			return cli.Usagef("--management-algorithm: 3des, aes128, aes192, aes256")
		}
		if p.algorithm, ok = cardAlgorithms[key]; !ok {
			return cli.Usagef("--key: p256, p384, rsa2048, rsa3072")
		}
		if secretFile == "" {
			return cli.Usagef("%s", env.T("потрібен --management-key-file: ключ керування картки від її постачальника", "--management-key-file is needed: the card management key, from the card's supplier"))
		}
		text, err := env.ReadFile(secretFile, 1<<10)
		if err != nil {
			return err
		}
		if p.secret, err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil {
			return cli.Usagef("%s", env.T("--management-key-file: очікуються шістнадцяткові цифри", "--management-key-file: want hexadecimal digits"))
		}
		warnOfKey(env, secretFile, p.secret)
		by, all, err := b.clerk(ctx, *as)
		if err != nil {
			return err
		}
		if p.post, err = all.find(env, args[0]); err != nil {
			return err
		}
		if p.authority, err = b.cardAuthority(); err != nil {
			return err
		}
		writing := *options
		writing.Exclusive, writing.Command, writing.Card = true, writeTime, writeTime
		p.reader = cardReaders(writing)
		change := issuer.CardChange{Operator: strconv.FormatInt(by.ID, 10), Note: note, At: env.Now()}
		return p.run(ctx, yes, change)
	})
	return command
}

// factoryKey is the management key with which suppliers deliver blanks; everybody knows it.
var factoryKey = []byte{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}

// warnOfKey says when others may know the management key: with it they can spoil cards, though not forge them.
func warnOfKey(env *cli.Env, file string, key []byte) {
	if info, err := os.Stat(file); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		env.Say("увага: ключ керування може прочитати не лише власник файла: chmod 600 %s", "warning: others may read the management key: chmod 600 %s", file)
	}
	if bytes.Equal(key, factoryKey) {
		env.Say("увага: це заводський ключ керування: замініть його засобом постачальника, інакше будь-хто зіпсує картку", "warning: this is the factory's management key: change it with the supplier's tool, or anybody can spoil the card")
	}
}

// run makes the card in three visits: look at it, have it make its key, write what was signed for that key. Each visit
// makes sure that it is the same card; the last one that the card signs with the key of the certificate that it carries.
func (p *personalisation) run(ctx context.Context, yes bool, change issuer.CardChange) error {
	env := p.env
	found, err := p.reader.Wait(ctx, func(e *pcsc.Error) { text, _ := e.Text(env.Lang); env.Say("%s", "%s", text) })
	if err != nil {
		return readerError(env, err)
	}
	p.where = found.Name
	if err := p.visit(ctx, func(ctx context.Context, piv *nfc.PIV, id identity) error {
		p.first = id
		return p.mayWrite(ctx, piv)
	}); err != nil {
		return err
	}
	if row, err := p.body.FindCard(ctx, p.first.number, p.first.guid); err == nil && row.State != issuer.CardReceived {
		return cli.Hint(env.Err("ця картка вже в журналі: %d, %s", "this card is in the journal: %d, %s", row.ID, row.State.Text(env.Lang)),
			env.T("помилковий запис скасовує posvid card cancel", "posvid card cancel undoes an entry made by mistake"))
	} else if err != nil && !errors.Is(err, issuer.ErrNotFound) {
		return cardRefusal(env, err)
	}
	if err := p.term(change.At); err != nil {
		return err
	}
	if err := confirmed(ctx, env, yes, env.T("Виготовити картку до %s: %s?", "Make a card until %s: %s?", locale.Date(p.expires), personLine(p.post))); err != nil {
		return err
	}
	var public crypto.PublicKey
	env.Say("картка робить ключ…", "the card makes its key…")
	if err := p.visit(ctx, func(ctx context.Context, piv *nfc.PIV, id identity) error {
		if err := p.same(id); err != nil {
			return err
		}
		if err := p.mayWrite(ctx, piv); err != nil { // nobody wrote to it in between
			return err
		}
		if err := piv.AuthenticateManagement(ctx, p.management, p.secret); err != nil {
			return p.managementError(err)
		}
		var err error
		public, err = piv.GenerateKey(ctx, nfc.KeyCardAuth, p.algorithm)
		return err
	}); err != nil {
		return err
	}
	certificate, err := p.authority.Certify(public, p.names, p.expires, change.At)
	if err != nil {
		return err
	}
	container, err := nfc.BuildCertificate(certificate)
	if err != nil {
		return err
	}
	chuid, err := nfc.BuildCHUID(p.names.FASCN, p.names.GUID, p.expires, p.authority.SignCHUID)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(certificate)
	// The journal knows the card before it can be read anywhere.
	row, err := p.body.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardPIV, Number: p.first.number, GUID: p.names.GUID[:], Entitlement: p.post.ID,
		State: issuer.CardPersonalised, Expires: p.expires, Cert: sum[:]}, change)
	if err != nil {
		return cardRefusal(env, err)
	}
	env.Say("записую…", "writing…")
	if err := p.visit(ctx, func(ctx context.Context, piv *nfc.PIV, id identity) error {
		return p.write(ctx, piv, id, public, container, chuid)
	}); err != nil {
		undo := change
		undo.Note = env.T("запис на картку не вдався", "writing failed")
		// Also when it was the clerk who interrupted.
		if _, left := p.body.MoveCard(context.WithoutCancel(ctx), row.ID, issuer.CardCancelled, undo); left != nil {
			return cli.Hint(errors.Join(err, left), env.T("у журналі лишилася картка %[1]d: скасуйте її, posvid card cancel %[1]d", "card %[1]d is left in the journal: posvid card cancel %[1]d", row.ID))
		}
		return cli.Hint(err, env.T("запис у журналі скасовано; покладіть картку рівно й повторіть", "the entry is cancelled; lay the card straight and repeat"))
	}
	env.Print("✔ картка %d готова: %s, до %s; віддавши, запишіть: posvid card issued %d", "✔ card %d is ready: %s, until %s; once handed over: posvid card issued %d",
		row.ID, personLine(p.post), locale.Date(p.expires), row.ID)
	return p.warnOfOthers(context.WithoutCancel(ctx), p.post.ID, row.ID)
}

// visit opens the card once, with its PIV application selected.
func (p *personalisation) visit(ctx context.Context, f func(ctx context.Context, piv *nfc.PIV, id identity) error) error {
	err := p.reader.Read(ctx, p.where, func(ctx context.Context, on nfc.Card) error {
		id, err := identify(ctx, on)
		if err != nil {
			return err
		}
		if id.kind != issuer.CardPIV {
			return p.env.Err("на картці немає додатка PIV", "the card has no PIV application")
		}
		piv, err := nfc.SelectPIV(ctx, nfc.NewSession(on))
		if err != nil {
			return err
		}
		return f(ctx, piv, id)
	})
	return readerError(p.env, err)
}

// same makes sure that the card was not changed between two visits, as far as its numbers tell.
func (p *personalisation) same(id identity) error {
	if !id.same(p.first) {
		return p.env.Err("на зчитувачі вже інша картка", "another card lies on the reader now")
	}
	return nil
}

// mayWrite refuses a card that carries what somebody else wrote.
func (p *personalisation) mayWrite(ctx context.Context, piv *nfc.PIV) error {
	foreign := cli.Hint(p.env.Err("на картці є чуже: його не стираємо", "the card carries what another has written: it is not erased"),
		p.env.T("очистьте картку засобом її постачальника або візьміть бланк", "clear the card with its supplier's tool, or take a blank"))
	chuid, err := piv.Read(ctx, nfc.ObjectCHUID)
	switch {
	case err == nil && !bytes.Contains(chuid, p.authority.Content.Raw):
		return foreign
	case err != nil && !absent(err):
		return err
	}
	der, err := piv.ReadCertificate(ctx, nfc.ObjectCardAuth)
	switch {
	case absent(err):
		return nil
	case err != nil:
		return err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil || c.CheckSignatureFrom(p.authority.Certificate) != nil {
		return foreign
	}
	return nil
}

// absent tells that the card has no such object.
func absent(err error) bool { return errors.Is(err, nfc.ErrNotFound) }

// term sets the end of the card and its names.
func (p *personalisation) term(at time.Time) error {
	p.expires = at.Add(issuer.MaxCardLife).Truncate(24 * time.Hour)
	if until := p.post.Record.Plastic.Expires; !until.IsZero() && until.End().Before(p.expires) {
		p.expires = until.End()
	}
	if p.authority.Content.NotAfter.Before(p.expires) {
		p.expires = p.authority.Content.NotAfter
	}
	p.names.GUID = issuer.NewGUID()
	// A body outside the agencies of the United States writes 9999, and the GUID tells its cards apart.
	number, err := nfc.FASCNFields{Agency: "9999", System: "9999", Credential: "999999", Series: "0", Issue: "1", Person: "0000000000",
		Organization: "3", OrgID: "0000", Association: "1"}.Encode()
	p.names.FASCN = number
	return err
}

// managementError says that nothing was tried twice: cards count wrong keys.
func (p *personalisation) managementError(err error) error {
	return cli.Hint(fmt.Errorf("%s: %w", p.env.T("картка не прийняла ключа керування", "the card did not take the management key"), err),
		p.env.T("звірте ключ і --management-algorithm з даними постачальника; картка рахує спроби", "compare the key and --management-algorithm with the supplier's; the card counts tries"))
}

// write stores certificate and CHUID, reads both back, and has the card sign with the new key.
func (p *personalisation) write(ctx context.Context, piv *nfc.PIV, id identity, public crypto.PublicKey, container, chuid []byte) error {
	if err := p.same(id); err != nil {
		return err
	}
	if err := piv.AuthenticateManagement(ctx, p.management, p.secret); err != nil {
		return p.managementError(err)
	}
	for _, o := range []struct {
		object nfc.Object
		inside []byte
	}{{nfc.ObjectCardAuth, container}, {nfc.ObjectCHUID, chuid}} {
		if err := piv.Write(ctx, o.object, o.inside); err != nil {
			return err
		}
		back, err := piv.Read(ctx, o.object)
		if err != nil {
			return err
		}
		if !bytes.Equal(back, o.inside) {
			return p.env.Err("прочитано не те, що записано: %s", "what was read back is not what was written: %s", o.object.Name)
		}
	}
	challenge, err := nfc.NewChallenge(public)
	if err != nil {
		return err
	}
	signature, err := piv.Authenticate(ctx, nfc.KeyCardAuth, challenge.Algorithm, challenge.Data)
	if err != nil {
		return err
	}
	return challenge.Verify(signature)
}

func cardRecordCommand(env *cli.Env) *cobra.Command {
	var note string
	var yes, full bool
	command := &cobra.Command{
		Use: "record PERSON", Args: cobra.ExactArgs(1),
		Short: "записати мітку NDEF з підписаним записом / write a record tag",
		Long: env.T(`Записує на мітку підписаний органом запис про людину: його читають без мережі, але мітку можна скопіювати (рівень L1). На картку PIV, яку виготовив
цей орган, запис прив'язується до її ключа (рівень L2). Чужого на мітці не стирає.`,
			`Writes a record signed by the body to a tag: it is read with no network, but a tag can be copied (level L1). On a PIV card that this body made the record is
bound to the card's key (level L2). It erases nothing that it did not write.`),
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	options := readerFlags(command)
	command.Flags().BoolVar(&full, "full", false, "з посадою і підрозділом / with position and unit")
	command.Flags().StringVar(&note, "note", "", "номер акта / number of the paper")
	command.Flags().BoolVar(&yes, "yes", false, "записати без запитання / write without asking")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		by, all, err := b.clerk(ctx, *as)
		if err != nil {
			return err
		}
		post, err := all.find(env, args[0])
		if err != nil {
			return err
		}
		cards, key, err := b.cardBody(ctx)
		if err != nil {
			return err
		}
		face := credential.FaceCheck
		if full {
			face = credential.FaceFull
		}
		writing := *options
		writing.Exclusive = true
		r := &recordWriter{openBody: b, cards: cards, key: key, reader: cardReaders(writing), post: post, face: face,
			change: issuer.CardChange{Operator: strconv.FormatInt(by.ID, 10), Note: note, At: env.Now()}}
		return r.run(ctx, yes)
	})
	return command
}

// recordWriter writes one record.
type recordWriter struct {
	*openBody
	cards  *issuer.Body // signs with the key of cards
	key    keys.IssuerPublicKey
	reader cardReader
	post   *issuer.PostRow
	face   credential.Face
	change issuer.CardChange
}

func (r *recordWriter) run(ctx context.Context, yes bool) error {
	env := r.env
	found, err := r.reader.Wait(ctx, func(e *pcsc.Error) { text, _ := e.Text(env.Lang); env.Say("%s", "%s", text) })
	if err != nil {
		return readerError(env, err)
	}
	var id identity
	var holder keys.HolderPublicKey
	var certificate []byte
	look := func(ctx context.Context, on nfc.Card) (err error) {
		if id, err = identify(ctx, on); err != nil {
			return err
		}
		holder, certificate = keys.HolderPublicKey{}, nil
		if id.kind == issuer.CardPIV {
			if holder, certificate, err = cardKey(ctx, on); err != nil {
				return err
			}
		}
		tag, err := nfc.SelectTag(ctx, nfc.NewSession(on))
		if err != nil {
			return err
		}
		return r.mayWrite(ctx, tag)
	}
	if err := r.reader.Read(ctx, found.Name, look); err != nil {
		return readerError(env, err)
	}
	if err := confirmed(ctx, env, yes, env.T("Записати на картку: %s?", "Write to the card: %s?", personLine(r.post))); err != nil {
		return err
	}
	row, err := r.entry(ctx, id, certificate)
	if err != nil {
		return cardRefusal(env, err)
	}
	if row.Cert == nil {
		holder = keys.HolderPublicKey{} // a key that this body did not certify binds nothing
	}
	life := recordLife
	if until := r.post.Record.Plastic.Expires; !until.IsZero() {
		life = min(life, until.End().Sub(r.change.At).Truncate(time.Second))
	}
	token, err := r.cards.CardToken(ctx, row.ID, holder, r.face, life, r.change)
	if err != nil {
		return cardRefusal(env, err)
	}
	message, err := nfc.BuildNDEF(nfc.NDEFRecord{Format: nfc.NDEFMedia, Type: nfc.MediaToken, Payload: token})
	if err != nil {
		return err
	}
	first := id
	if err := r.reader.Read(ctx, found.Name, func(ctx context.Context, on nfc.Card) error {
		again, err := identify(ctx, on)
		if err != nil {
			return err
		}
		if !again.same(first) {
			return env.Err("на зчитувачі вже інша картка", "another card lies on the reader now")
		}
		tag, err := nfc.SelectTag(ctx, nfc.NewSession(on))
		if err != nil {
			return err
		}
		if err := r.mayWrite(ctx, tag); err != nil {
			return err
		}
		return tag.WriteMessage(ctx, message)
	}); err != nil {
		return cli.Hint(readerError(env, err), env.T("запис %d у журналі чекає: повторіть ту саму команду з тією самою карткою", "entry %d in the journal waits: repeat the same command with the same card", row.ID))
	}
	env.Print("✔ картка %d: %s, запис %d байтів", "✔ card %d: %s, record of %d bytes", row.ID, personLine(r.post), len(token))
	if row.State == issuer.CardPersonalised {
		env.Say("віддавши, запишіть: posvid card issued %d", "once handed over: posvid card issued %d", row.ID)
	}
	return nil
}

// entry is the card's line in the journal: the one that is there for this person, or a new one.
func (r *recordWriter) entry(ctx context.Context, id identity, certificate []byte) (issuer.CardRow, error) {
	row, err := r.cards.FindCard(ctx, id.number, id.guid)
	switch {
	case err == nil && row.Entitlement == r.post.ID:
		if row.Cert != nil {
			if sum := sha256.Sum256(certificate); certificate == nil || !bytes.Equal(sum[:], row.Cert) {
				return issuer.CardRow{}, r.env.Err("сертифікат картки не той, що в журналі", "the card's certificate is not the one in the journal")
			}
		}
		return row, nil
	case err == nil && row.State != issuer.CardReceived:
		return issuer.CardRow{}, fmt.Errorf("%w: as card %d", issuer.ErrCardTaken, row.ID)
	case err != nil && !errors.Is(err, issuer.ErrNotFound):
		return issuer.CardRow{}, err
	}
	if id.number == nil && id.guid == nil {
		return issuer.CardRow{}, r.env.Err("мітка не має сталого номера", "the tag has no constant number")
	}
	return r.cards.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardRecord, Number: id.number, GUID: id.guid, Entitlement: r.post.ID, State: issuer.CardPersonalised}, r.change)
}

// cardKey reads the card authentication certificate of a PIV card and its key; none when it has no P-256 key there.
func cardKey(ctx context.Context, on nfc.Card) (holder keys.HolderPublicKey, certificate []byte, err error) {
	piv, err := nfc.SelectPIV(ctx, nfc.NewSession(on))
	if err != nil {
		return holder, nil, err
	}
	der, err := piv.ReadCertificate(ctx, nfc.ObjectCardAuth)
	if absent(err) {
		return holder, nil, nil
	}
	if err != nil {
		return holder, nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return holder, nil, fmt.Errorf("posvid: card certificate: %w", err)
	}
	public, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return holder, der, nil
	}
	k, err := cose.NewPublicKey(public)
	if err != nil {
		return holder, der, nil
	}
	if holder, err = keys.NewHolderPublicKey(k); err != nil {
		return keys.HolderPublicKey{}, der, nil // a key of another curve binds no record
	}
	return holder, der, nil
}

// mayWrite refuses a tag that carries what somebody else wrote.
func (r *recordWriter) mayWrite(ctx context.Context, tag *nfc.Tag4) error {
	message, err := tag.ReadMessage(ctx)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	records, err := nfc.ParseNDEF(message)
	if err == nil && len(records) == 1 && records[0].Is(nfc.MediaToken) {
		if t, err := credential.ParseToken(records[0].Payload); err == nil {
			if _, err := t.Verify(r.key); err == nil {
				return nil // the body's own, from an attempt before or from the last term
			}
		}
	}
	return cli.Hint(r.env.Err("на мітці є чуже: його не стираємо", "the tag carries what another has written: it is not erased"),
		r.env.T("очистьте мітку засобом її постачальника або візьміть порожню", "clear the tag with its supplier's tool, or take an empty one"))
}

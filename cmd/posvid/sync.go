package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/service/checkpoints"
	"github.com/posvid/posvid/trust"
)

// syncFlags are the flags of posvid sync.
type syncFlags struct {
	state, service, ca            string
	once, photos, journal, noKeys bool
	every                         time.Duration
	root                          string // of onboard
}

// syncCommand moves files between a service and a checkpoint's folder, so that posvid-verify needs no network.
func syncCommand(env *cli.Env) *cobra.Command {
	var f syncFlags
	command := &cobra.Command{
		Use: "sync --service URL", Args: cobra.NoArgs,
		Short: "звірити теку пункту пропуску зі службою / bring a checkpoint's folder up to date from a service",
		Long: env.T(`Приносить у теку пристрою набір довіри, правила пункту і, на вимогу, світлини, і відносить запечатаний журнал. posvid-verify сам у мережу не ходить.
Кожен файл доводить себе підписом: служба чи мережа не можуть підмінити ні набору довіри, ні правил. Без зв'язку тека лишається, як була.
Пристрій без допуску одержує лише набір довіри. Проксі: $HTTPS_PROXY. Вихід: 0 звірено, 1 відмовлено, 2 помилка виклику, 3 немає зв'язку.`,
			`Brings the trust bundle, the checkpoint's policy and, when asked, photos into the device's folder, and carries the sealed journal out. posvid-verify itself uses no network.
Each file proves itself by its signature: neither the service nor the network can replace a bundle or a policy. With no connection the folder stays as it was.
A device that is not admitted gets the bundle alone. Proxy: $HTTPS_PROXY. Exit: 0 up to date, 1 refused, 2 usage, 3 no connection.`),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), env, c.Flags().Changed("every")) },
	}
	flags := command.PersistentFlags()
	flags.StringVar(&f.state, "state", "", "тека пристрою (типово checkpoint/ у --dir) / the device's folder (default checkpoint/ in --dir)")
	flags.StringVar(&f.ca, "ca", "", "файл PEM із сертифікатами власного центру / PEM file with certificates of an own authority")
	command.Flags().StringVar(&f.service, "service", "", "адреса служби, як https://id.example.gov.ua / address of the service")
	command.Flags().BoolVar(&f.once, "once", false, "один раз (типово) / once (the default)")
	command.Flags().DurationVar(&f.every, "every", 0, "повторювати з таким проміжком, від 1m / repeat at this interval, 1m at least")
	command.Flags().BoolVar(&f.photos, "photos", false, "також світлини / photos too")
	command.Flags().BoolVar(&f.journal, "journal", false, "також віднести журнал і лічбу змін / carry the journal and the counts of shifts too")
	command.Flags().BoolVar(&f.noKeys, "no-keys", false, "лише набір довіри, без парольної фрази / the bundle alone, no passphrase")
	command.AddCommand(syncOnboardCommand(env, &f))
	return command
}

func (f *syncFlags) run(ctx context.Context, env *cli.Env, repeat bool) error {
	switch {
	case f.service == "":
		return cli.Usagef("%s", env.T("потрібен --service", "--service is needed"))
	case f.once && repeat:
		return cli.Usagef("%s", env.T("щось одне: --once або --every", "give one of --once and --every"))
	case repeat && f.every < time.Minute:
		return cli.Usagef("%s", env.T("--every: від 1m", "--every: 1m at least"))
	case f.noKeys && (f.photos || f.journal):
		return cli.Usagef("%s", env.T("світлини й журнал потребують ключів пристрою", "photos and the journal need the device's keys"))
	}
	s, err := f.open(env, f.service)
	if err != nil {
		return err
	}
	defer s.close()
	if !repeat {
		return s.round(ctx)
	}
	for {
		if err := s.round(ctx); err != nil && ctx.Err() == nil {
			var hinted *cli.Hinted
			fmt.Fprintf(env.Stderr, "%s: %v\n", env.Program, err)
			if errors.As(err, &hinted) && hinted.Hint != "" {
				fmt.Fprintf(env.Stderr, "%s: hint: %s\n", env.Program, hinted.Hint)
			}
		}
		timer := time.NewTimer(f.every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// syncer is one device's folder and one service.
type syncer struct {
	*serviceClient
	f      *syncFlags
	state  *checkpoint.State
	dir    string // sync/ in the folder: what is on its way
	lock   *os.File
	record syncRecord
	opened bool // the keys were opened, or it is known that there are none
}

// syncRecord is the file sync/record.json. Nothing rests on it: without it more is fetched, and nothing is cleared.
type syncRecord struct {
	ETag   string            `json:"etag,omitempty"`   // of the service's bundle
	Bundle string            `json:"bundle,omitempty"` // manifest hash of the bundle that ETag was about
	Packs  map[string]string `json:"packs,omitempty"`  // SHA-256 of the newest pack by body
	Sent   uint64            `json:"sent,omitempty"`   // number of the newest event that the service has acknowledged
	Unsure uint64            `json:"unsure,omitempty"` // up to this number it was not this folder that saw the acknowledgement: nothing of it is cleared
}

func (f *syncFlags) open(env *cli.Env, service string) (*syncer, error) {
	client, err := newServiceClient(env, service, f.ca)
	if err != nil {
		return nil, err
	}
	folder := f.state
	if folder == "" {
		folder = env.Path("checkpoint")
	}
	state, err := checkpoint.Open(folder)
	if err != nil {
		return nil, &cli.Undecided{Err: err}
	}
	s := &syncer{serviceClient: client, f: f, state: state, dir: filepath.Join(folder, "sync")}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, &cli.Undecided{Err: err}
	}
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, &cli.Undecided{Err: err}
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		s.lock.Close()
		return nil, cli.Hint(&cli.Undecided{Err: env.Err("цю теку вже звіряє інша програма", "another program is syncing this folder")}, env.T("зачекайте або зупиніть її", "wait, or stop it"))
	}
	if data, err := os.ReadFile(filepath.Join(s.dir, "record.json")); err == nil && json.Unmarshal(data, &s.record) != nil {
		s.record = syncRecord{}
	}
	if s.record.Packs == nil {
		s.record.Packs = map[string]string{}
	}
	return s, nil
}

func (s *syncer) close() { s.lock.Close() }

func (s *syncer) save() error {
	data, err := json.Marshal(s.record)
	if err != nil {
		return err
	}
	return cli.WriteAtomic(filepath.Join(s.dir, "record.json"), data, 0o600)
}

// round does everything once. What one step cannot do keeps no other from being done, except that nothing comes before the bundle.
func (s *syncer) round(ctx context.Context) error {
	if _, err := s.state.Pinned(); err != nil {
		return s.stateError(err)
	}
	if err := s.bundle(ctx); err != nil {
		return err
	}
	if s.f.noKeys {
		return nil
	}
	info, err := s.state.Info(s.env.Now())
	if err != nil {
		return s.stateError(err)
	}
	if info.VerifierID == 0 {
		if s.f.photos || s.f.journal || info.HasKeys {
			s.env.Say("пристрій не допущено: звірено лише набір довіри", "the device is not admitted: the bundle alone was synced")
		}
		return nil
	}
	if err := s.unlock(); err != nil {
		return err
	}
	last, account, err := s.policy(ctx, info)
	var failed []error
	if errors.Is(err, errService) || isUndecided(err) || ctx.Err() != nil {
		return err // it will not give the rest either
	}
	failed = append(failed, err)
	if s.f.photos {
		failed = append(failed, s.photos(ctx))
	}
	if s.f.journal && account && ctx.Err() == nil {
		failed = append(failed, s.journal(ctx, last))
	}
	return firstError(failed)
}

// firstError is the first refusal, else the first error.
func firstError(list []error) error {
	list = slices.DeleteFunc(list, func(err error) bool { return err == nil })
	if len(list) == 0 {
		return nil
	}
	if i := slices.IndexFunc(list, func(err error) bool { return !isUndecided(err) }); i >= 0 {
		return list[i]
	}
	return list[0]
}

func isUndecided(err error) bool {
	var u *cli.Undecided
	return errors.As(err, &u)
}

// stateError tells what to do about the device's folder.
func (s *syncer) stateError(err error) error {
	env := s.env
	hint := ""
	switch {
	case errors.Is(err, checkpoint.ErrNoPin):
		hint = env.T("закріпіть відбиток кореневого ключа: posvid-verify trust pin ВІДБИТОК", "pin the root: posvid-verify trust pin FINGERPRINT")
	case errors.Is(err, checkpoint.ErrBundle):
		hint = env.T("набір довіри не встановлено, попередній діє далі; перевірте --service і спитайте технічного адміністратора", "the bundle was not installed, the one before stays; check --service and ask the trust operator")
	case errors.Is(err, checkpoint.ErrPolicy), errors.Is(err, checkpoint.ErrPolicyOther):
		hint = env.T("правила не встановлено, попередні діють далі; спитайте адміністратора пункту", "the policy was not installed, the one before stays; ask the administrator of the checkpoint")
	case errors.Is(err, checkpoint.ErrDamaged):
		hint = env.T("відновлює posvid-verify bundle install --recover ФАЙЛ", "posvid-verify bundle install --recover FILE mends it")
	case errors.Is(err, checkpoint.ErrNoCentre):
		hint = env.T("журнал лишається на пристрої", "the journal stays on the device")
	case errors.Is(err, checkpoint.ErrDisk):
		hint = env.T("звільніть місце на диску й повторіть; попередній стан цілий", "free disk space and repeat; the old state is intact")
	}
	if errors.Is(err, checkpoint.ErrBundle) || errors.Is(err, checkpoint.ErrPolicy) || errors.Is(err, checkpoint.ErrPolicyOther) {
		return cli.Hint(err, hint)
	}
	return cli.Hint(&cli.Undecided{Err: err}, hint)
}

// unlock opens the device's keys with their passphrase, once.
func (s *syncer) unlock() error {
	if s.opened {
		return nil
	}
	phrase, err := s.env.Passphrase(false)
	if err != nil {
		return cli.Hint(&cli.Undecided{Err: err}, s.env.T("лише набір довіри: --no-keys", "the bundle alone: --no-keys"))
	}
	key, err := s.state.Keys(phrase)
	switch {
	case errors.Is(err, keys.ErrPassphrase):
		return cli.Hint(&cli.Undecided{Err: s.env.Err("парольна фраза не підходить", "the passphrase is wrong")}, s.env.T("--passphrase-file або $POSVID_PASSPHRASE", "--passphrase-file or $POSVID_PASSPHRASE"))
	case err != nil:
		return s.stateError(err)
	}
	s.key, s.opened = key, true
	return nil
}

// bundle fetches the bundle, unless the service still has the one that is installed.
func (s *syncer) bundle(ctx context.Context) error {
	installed := ""
	if b, err := s.state.Bundle(); err == nil {
		sum := b.ManifestHash()
		installed = hex.EncodeToString(sum[:])
	}
	q := call{method: http.MethodGet, target: "/api/v1/bundle"}
	if installed != "" && installed == s.record.Bundle && s.record.ETag != "" {
		q.header = map[string]string{"If-None-Match": s.record.ETag}
	}
	data, response, err := s.fetch(ctx, q, trust.MaxBundle)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusNotModified {
		s.env.Print("набір довіри той самий", "the bundle is the same")
		return nil
	}
	report, err := s.state.Install(data, s.env.Now())
	if err != nil {
		return s.stateError(err)
	}
	if report.Changed {
		s.env.Print("встановлено набір довіри %d (був %d)", "trust bundle %d installed (was %d)", report.Number, report.Previous)
	} else {
		s.env.Print("набір довіри %d уже встановлено", "trust bundle %d is installed already", report.Number)
	}
	if report.Expired {
		s.env.Say("його строк минув: він ще відхиляє, але нічого не підтверджує", "it has expired: it still refuses, and confirms nothing")
	}
	if report.Ahead {
		s.env.Say("його підписано пізніше, ніж показує годинник цього пристрою: перевірте дату й час", "it was signed later than this device's clock shows: check date and time")
	}
	if b, err := s.state.Bundle(); err == nil {
		sum := b.ManifestHash()
		s.record.Bundle, s.record.ETag = hex.EncodeToString(sum[:]), response.Header.Get("ETag")
	}
	return s.save()
}

// checkpointAnswer is what the service has for a device, as far as this program uses it.
type checkpointAnswer struct {
	Policy      []byte `json:"policy"`
	JournalLast uint64 `json:"journal_last"`
}

// policy asks what there is for this device and installs its policy. account is false when the service has no account of it.
func (s *syncer) policy(ctx context.Context, info checkpoint.Info) (journalLast uint64, account bool, err error) {
	var answer checkpointAnswer
	target := "/api/v1/checkpoint?bundle=" + strconv.FormatUint(info.Bundle.Number(), 10)
	err = s.json(ctx, call{method: http.MethodGet, target: target, signed: true}, nil, &answer)
	var refusal *serviceAnswer
	if errors.As(err, &refusal) && refusal.Code == "no-checkpoint-account" {
		s.env.Say("ця служба не має запису пункту: без правил і журналу", "this service has no account of this checkpoint: no policy, no journal")
		return 0, false, nil
	}
	if err != nil || answer.Policy == nil {
		return answer.JournalLast, err == nil, err
	}
	report, err := s.state.InstallPolicy(answer.Policy, s.env.Now())
	if err != nil {
		return answer.JournalLast, true, s.stateError(err)
	}
	if report.Changed {
		s.env.Print("встановлено правила пункту %d", "policy %d installed", report.Number)
	}
	if report.Expired {
		s.env.Say("строк правил пункту минув: їх виконують далі; попросіть нові", "the policy of this checkpoint has expired: it is obeyed on; ask for a new one")
	}
	return answer.JournalLast, true, nil
}

// packOffer is one pack that the service has for this device.
type packOffer struct {
	EDRPOU string `json:"edrpou"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// photos fetches and installs the packs that have changed.
func (s *syncer) photos(ctx context.Context) error {
	var answer struct {
		Packs []packOffer `json:"packs"`
	}
	if err := s.json(ctx, call{method: http.MethodGet, target: "/api/v1/checkpoint/photos", signed: true}, nil, &answer); err != nil {
		return err
	}
	installed, err := s.state.PhotoPacks()
	if err != nil {
		return s.stateError(err)
	}
	var failed []error
	for _, offer := range answer.Packs {
		sum, err := hex.DecodeString(offer.SHA256)
		if err != nil || len(sum) != sha256.Size || offer.Size <= 0 || offer.Size > checkpoint.MaxPhotoPack || !isDigits(offer.EDRPOU) || len(answer.Packs) > checkpoint.MaxPhotoPacks {
			return s.undecided(s.env.Err("перелік світлин від служби не прочитано", "the service's list of photos cannot be read"), "")
		}
		there := slices.ContainsFunc(installed, func(p checkpoint.PhotoPack) bool { return p.Body == offer.EDRPOU && p.Err == nil })
		if there && s.record.Packs[offer.EDRPOU] == offer.SHA256 {
			s.dropParts(offer.EDRPOU, "")
			continue
		}
		failed = append(failed, s.pack(ctx, offer, sum))
		if ctx.Err() != nil {
			break
		}
	}
	return firstError(failed)
}

func isDigits(s string) bool {
	return len(s) == 8 && strings.Trim(s, "0123456789") == ""
}

// pack brings one pack: as much as is missing of it, then its hash, then the install, which opens every picture.
func (s *syncer) pack(ctx context.Context, offer packOffer, sum []byte) error {
	part := filepath.Join(s.dir, fmt.Sprintf("photos-%s-%s.part", offer.EDRPOU, offer.SHA256[:16]))
	s.dropParts(offer.EDRPOU, part)
	const most = 5 // breaks in one round; the next round goes on where this one ended
	for n := 0; ; n++ {
		before := sizeOf(part)
		if before == offer.Size {
			break
		}
		err := s.morePack(ctx, offer, part, before)
		if err == nil {
			break
		}
		if n == most || ctx.Err() != nil || sizeOf(part) <= before || !isUndecided(err) {
			return err
		}
		s.env.Say("світлини органу %s: обірвалося на %d з %d, продовжуємо", "photos of body %s: torn off at %d of %d, going on", offer.EDRPOU, sizeOf(part), offer.Size)
	}
	f, err := os.Open(part)
	if err != nil {
		return &cli.Undecided{Err: err}
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return &cli.Undecided{Err: err}
	}
	if got := h.Sum(nil); !slices.Equal(got, sum) {
		os.Remove(part)
		return s.undecided(s.env.Err("світлини органу %s прийшли пошкодженими", "the photos of body %s came damaged", offer.EDRPOU), s.env.T("повторіть", "repeat"))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return &cli.Undecided{Err: err}
	}
	report, err := s.state.InstallPhotos(f, s.key, s.env.Now())
	switch {
	case errors.Is(err, checkpoint.ErrPhotosOld): // a newer one was installed by hand
		s.env.Say("світлини органу %s на пристрої не старіші за ці", "the photos of body %s on the device are no older than these", offer.EDRPOU)
	case err != nil:
		os.Remove(part)
		return cli.Hint(err, s.env.T("світлини не встановлено, попередні лишилися", "the photos were not installed, those before stay"))
	case report.Changed:
		s.env.Print("встановлено світлини органу %s: %d, зібрано %s", "photos of body %s installed: %d, made %s", report.Body, report.Photos, locale.Moment(s.env.Lang, report.IssuedAt))
	}
	os.Remove(part)
	s.record.Packs[offer.EDRPOU] = offer.SHA256
	return s.save()
}

// morePack asks for what is missing of a pack and appends it.
func (s *syncer) morePack(ctx context.Context, offer packOffer, part string, have int64) error {
	q := call{method: http.MethodGet, target: "/api/v1/checkpoint/photos/" + offer.EDRPOU, signed: true}
	if have > 0 {
		q.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-", have), "If-Range": `"` + offer.SHA256 + `"`}
	}
	response, err := s.do(ctx, q)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	flag := os.O_APPEND
	if response.StatusCode != http.StatusPartialContent { // the whole, from its beginning: another pack by now, or no part was asked for
		flag, have = os.O_TRUNC, 0
	} else if want := fmt.Sprintf("bytes %d-", have); !strings.HasPrefix(response.Header.Get("Content-Range"), want) {
		return s.undecided(s.env.Err("служба надіслала іншу частину світлин", "the service sent another part of the photos"), "")
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|flag, 0o600)
	if err != nil {
		return &cli.Undecided{Err: err}
	}
	idle := newIdle(response.Body, syncIdle)
	n, err := io.Copy(f, io.LimitReader(idle, offer.Size-have))
	idle.stop()
	if syncErr := errors.Join(f.Sync(), f.Close()); syncErr != nil {
		return &cli.Undecided{Err: syncErr}
	}
	if err != nil {
		return s.unreachable(err)
	}
	if have+n < offer.Size {
		return s.unreachable(io.ErrUnexpectedEOF)
	}
	return nil
}

func sizeOf(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// dropParts removes the beginnings of other packs of a body.
func (s *syncer) dropParts(edrpou, keep string) {
	names, _ := filepath.Glob(filepath.Join(s.dir, "photos-"+edrpou+"-*.part")) // the pattern is well formed
	for _, name := range names {
		if name != keep {
			os.Remove(name)
		}
	}
}

// maxUploads bounds the parts of a journal that one round sends: two weeks of a full journal.
const maxUploads = 400

// journal sends what the service does not have yet, and the counts of shifts. Nothing is cleared before the service has said that the
// very bytes are on its disk, and then only when the policy says so.
func (s *syncer) journal(ctx context.Context, known uint64) error {
	if err := s.shifts(ctx); err != nil {
		return err
	}
	if s.record.Sent < known { // another folder, or one that was restored: what was sent is there, but nothing here proves it
		s.record.Sent, s.record.Unsure = known, known
	}
	sent := 0
	for range maxUploads {
		data, err := s.nextUpload()
		if errors.Is(err, checkpoint.ErrNoCentre) {
			s.env.Say("правила пункту не кажуть, кому запечатати журнал: він лишається на пристрої", "the policy does not say who the journal is sealed to: it stays on the device")
			return nil
		}
		if err != nil {
			return s.stateError(err)
		}
		if data == nil {
			break
		}
		n, err := s.upload(ctx, data)
		if err != nil {
			return err
		}
		sent += n
	}
	if sent > 0 {
		s.env.Print("віднесено подій журналу: %d", "events of the journal carried out: %d", sent)
	}
	cleared, err := s.state.ForgetJournal(s.record.Unsure, s.record.Sent, s.env.Now())
	if err != nil {
		return s.stateError(err)
	}
	if cleared > 0 {
		s.env.Print("за правилами пункту стерто днів журналу: %d", "days of the journal cleared by the policy: %d", cleared)
	}
	return nil
}

func (s *syncer) outbox() string { return filepath.Join(s.dir, "journal.out") }

// nextUpload is what was sealed before and is not acknowledged yet, else the next part of the journal. It is on the disk before it is
// sent: sealing it again would give other bytes, and the service would take it for something else.
func (s *syncer) nextUpload() ([]byte, error) {
	data, err := os.ReadFile(s.outbox())
	if err == nil {
		if u, err := checkpoint.ParseJournalUpload(data); err == nil && u.Last > s.record.Sent {
			return data, nil
		}
		os.Remove(s.outbox())
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	data, err = s.state.SealJournal(s.key, s.record.Sent, s.env.Now())
	if err != nil || data == nil {
		return nil, err
	}
	return data, cli.WriteAtomic(s.outbox(), data, 0o600)
}

// upload sends one part and waits for the word that it is durable.
func (s *syncer) upload(ctx context.Context, data []byte) (events int, err error) {
	u, err := checkpoint.ParseJournalUpload(data)
	if err != nil {
		return 0, &cli.Undecided{Err: err}
	}
	var kept struct {
		First  uint64 `json:"first"`
		Last   uint64 `json:"last"`
		SHA256 string `json:"sha256"`
	}
	err = s.json(ctx, call{method: http.MethodPost, target: "/api/v1/checkpoint/journal", body: data, kind: "application/vnd.posvid.journal+cose", signed: true}, nil, &kept)
	var refusal *serviceAnswer
	switch {
	case errors.As(err, &refusal) && refusal.Code == "journal-conflict":
		s.env.Say("події %d–%d служба вже має з іншим вмістом: вони лишаються на пристрої", "the service has events %d to %d with another content: they stay on the device", u.First, u.Last)
		s.record.Unsure = u.Last
	case err != nil:
		return 0, err
	default:
		sum := sha256.Sum256(data)
		if kept.First != u.First || kept.Last != u.Last || kept.SHA256 != hex.EncodeToString(sum[:]) {
			return 0, s.undecided(s.env.Err("служба підтвердила не те, що надіслано", "the service acknowledged something else than was sent"), "")
		}
		events = u.Events
	}
	s.record.Sent = u.Last
	if err := s.save(); err != nil {
		return 0, &cli.Undecided{Err: err}
	}
	os.Remove(s.outbox())
	return events, nil
}

// shifts sends what each shift came to.
func (s *syncer) shifts(ctx context.Context) error {
	list, err := s.state.CountShifts(s.key)
	if err != nil {
		return s.stateError(err)
	}
	type count struct {
		Verdict string `json:"verdict"`
		Code    string `json:"code"`
		Photo   string `json:"photo"`
		N       int    `json:"n"`
	}
	type shift struct {
		Guard  string    `json:"guard"`
		Shift  string    `json:"shift"`
		First  time.Time `json:"first"`
		Last   time.Time `json:"last"`
		Counts []count   `json:"counts"`
	}
	var out []shift
	for _, c := range list {
		x := shift{Guard: c.Guard, Shift: c.Shift, First: c.First, Last: c.Last}
		for v, n := range c.Counts {
			x.Counts = append(x.Counts, count{v.Outcome, v.Code, v.Photo, n})
		}
		out = append(out, x)
	}
	for batch := range slices.Chunk(out, 100) {
		var answer struct{}
		in := map[string]any{"shifts": batch}
		if err := s.json(ctx, call{method: http.MethodPost, target: "/api/v1/checkpoint/shifts", signed: true}, in, &answer); err != nil {
			return err
		}
	}
	return nil
}

// syncOnboardCommand makes this device one of a checkpoint account.
func syncOnboardCommand(env *cli.Env, f *syncFlags) *cobra.Command {
	command := &cobra.Command{
		Use: "onboard LINK", Args: cobra.ExactArgs(1),
		Short: "підключити цей пристрій за кодом пункту / onboard this device with a checkpoint's code",
		Long: env.T(`Підключає цей пристрій до пункту за посиланням з QR, яке показує адміністратор органу: робить ключі, передає запит і показує відбиток ключа, щоб адміністратор його порівняв.
Відбиток кореневого ключа беріть не звідси, а з листа технічного адміністратора: --root.`,
			`Onboards this device by the link of the QR that the body's administrator shows: makes its keys, hands the request in and shows the key's fingerprint for the administrator to compare.
Take the fingerprint of the root not from here but from the trust operator's letter: --root.`),
		RunE: func(c *cobra.Command, args []string) error { return f.onboard(c.Context(), env, args[0]) },
	}
	command.Flags().StringVar(&f.root, "root", "", "відбиток кореневого ключа з іншого джерела / fingerprint of the root from another source")
	return command
}

func (f *syncFlags) onboard(ctx context.Context, env *cli.Env, link string) error {
	u, err := url.Parse(strings.TrimSpace(link))
	token := ""
	if err == nil {
		token = u.Fragment
	}
	if raw, tokenErr := base64.RawURLEncoding.DecodeString(token); err != nil || tokenErr != nil || len(raw) != 16 || u.Path != checkpoints.OnboardPath {
		return cli.Usagef("%s", env.T("очікується все посилання з QR, разом із тим, що після #", "want the whole link of the QR, with what is behind the #"))
	}
	s, err := f.open(env, u.Scheme+"://"+u.Host)
	if err != nil {
		return err
	}
	defer s.close()
	var purpose struct {
		Body, Name, Class, Root string
		BodyName                string `json:"body_name"`
		Until                   time.Time
	}
	in := map[string]string{"token": token}
	if err := s.json(ctx, call{method: http.MethodPost, target: "/api/v1/checkpoints/onboard/look"}, in, &purpose); err != nil {
		return err
	}
	env.Print("пункт «%s», орган %s %s, клас %s, до %s", "checkpoint \"%s\", body %s %s, class %s, until %s", oneLine(purpose.Name), oneLine(purpose.Body), oneLine(purpose.BodyName), oneLine(purpose.Class), locale.Date(purpose.Until))
	if err := s.pin(purpose.Root); err != nil {
		return err
	}
	if err := s.bundle(ctx); err != nil {
		return err
	}
	class := trust.ClassCheckpoint
	if purpose.Class == trust.ClassCouncil.String() {
		class = trust.ClassCouncil
	}
	phrase, err := env.Passphrase(true)
	if err != nil {
		return err
	}
	key, err := s.state.Keys(phrase)
	if errors.Is(err, checkpoint.ErrKeys) && !errors.Is(err, keys.ErrPassphrase) {
		key, err = s.state.NewKeys(phrase, env.Seal)
	}
	if err != nil {
		return s.stateError(err)
	}
	request, err := s.state.Request(key, purpose.Body, purpose.Name, class, env.Now())
	if err != nil {
		return s.stateError(err)
	}
	var answer struct{ Fingerprint string }
	if err := s.json(ctx, call{method: http.MethodPost, target: "/api/v1/checkpoints/onboard"}, map[string]any{"token": token, "request": request}, &answer); err != nil {
		return err
	}
	own := checkpoints.Fingerprint(key.VerifierPublic().Thumbprint())
	if answer.Fingerprint != own {
		return s.env.Err("служба прийняла інший ключ: %s замість %s", "the service took another key: %s instead of %s", oneLine(answer.Fingerprint), own)
	}
	env.Print("ключ пристрою: %s", "key of the device: %s", own)
	env.Say("адміністратор органу порівнює цей відбиток зі сторінкою пункту; після допуску: posvid sync --service %s", "the body's administrator compares this fingerprint with the checkpoint's page; once admitted: posvid sync --service %s", s.origin)
	return nil
}

// pin makes sure that there is a root, and that it came from somewhere else than the service.
func (s *syncer) pin(told string) error {
	env := s.env
	_, err := s.state.Pinned()
	switch {
	case err == nil && s.f.root == "":
		return nil // the bundle has to open under it
	case err != nil && !errors.Is(err, checkpoint.ErrNoPin):
		return s.stateError(err)
	case s.f.root == "":
		return cli.Hint(env.Err("на цьому пристрої не закріплено кореневого ключа; служба називає %s", "no root is pinned on this device; the service names %s", oneLine(told)),
			env.T("порівняйте з листом технічного адміністратора і повторіть із --root ВІДБИТОК", "compare with the trust operator's letter, and repeat with --root FINGERPRINT"))
	}
	fingerprint, err := trust.ParseFingerprint(s.f.root)
	if err != nil {
		return cli.Usagef("--root: %v", err)
	}
	if err := s.state.Pin(fingerprint); err != nil {
		return s.stateError(err)
	}
	return nil
}

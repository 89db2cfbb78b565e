package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
)

// beaconRole labels the sealed seed of the beacon chain; beaconChain is its length, enough for hourly bundles of seven years.
const (
	beaconRole  = "beacon"
	beaconChain = credential.MaxBeaconChain - 1
)

// maxRequest bounds a request or publication file that is read.
const maxRequest = 32 << 20

// operatorFolder is the state of the trust operator on disk:
//
//	register.json  whom it admitted; whoever can write it can admit a body
//	root-N.age     root members, each sealed; meant to be taken apart and kept by different people
//	bundle-KID.age bundle signers; the newest root says which one counts
//	beacon.age     seed of the freshness beacon
type operatorFolder struct {
	env  *cli.Env
	path string
}

func operatorFolderOf(env *cli.Env) *operatorFolder {
	return &operatorFolder{env, env.Path("operator")}
}

func (o *operatorFolder) file(name string) string { return filepath.Join(o.path, name) }

// lock keeps two commands from giving one bundle number twice.
func (o *operatorFolder) lock() (func(), error) {
	file, err := os.OpenFile(o.file("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, cli.Hint(o.env.Err("у теці %s немає технічного адміністратора", "there is no trust operator in %s", o.env.Dir),
				o.env.T("posvid trust init", "posvid trust init"))
		}
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}

func (o *operatorFolder) register() (*trust.Register, error) {
	data, err := os.ReadFile(o.file("register.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, cli.Hint(o.env.Err("у теці %s немає технічного адміністратора", "there is no trust operator in %s", o.env.Dir), "posvid trust init")
	}
	if err != nil {
		return nil, err
	}
	return trust.ParseRegister(data)
}

func (o *operatorFolder) save(r *trust.Register) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	return cli.WriteAtomic(o.file("register.json"), data, 0o600)
}

// seal writes a sealed key.
func (o *operatorFolder) seal(name string, seal func([]byte, keys.SealOptions) ([]byte, error), opt keys.SealOptions) error {
	passphrase, err := o.env.Passphrase(true)
	if err != nil {
		return err
	}
	sealed, err := seal(passphrase, opt)
	if err != nil {
		return err
	}
	return cli.WriteAtomic(o.file(name), sealed, 0o600)
}

// init makes the root set, the bundle signer and the beacon.
func (o *operatorFolder) init(members, threshold int, at time.Time, opt keys.SealOptions) (*trust.Register, error) {
	if _, err := os.Stat(o.file("register.json")); err == nil {
		return nil, o.env.Err("технічний адміністратор уже є в %s", "there is a trust operator in %s already", o.path)
	}
	if err := os.MkdirAll(o.path, 0o700); err != nil {
		return nil, err
	}
	root := trust.Root{Number: 1, Threshold: threshold, IssuedAt: at}
	signers, err := o.newMembers(&root, 1, members, opt)
	if err != nil {
		return nil, err
	}
	bundle, err := authority.GenerateBundleKey()
	if err != nil {
		return nil, err
	}
	root.BundleSigners = []keys.BundlePublicKey{bundle.BundlePublic()}
	if err := o.seal(bundleFile(bundle.BundlePublic()), bundle.Seal, opt); err != nil {
		return nil, err
	}
	if err := o.newBeacon(opt); err != nil {
		return nil, err
	}
	payload, err := root.Encode()
	if err != nil {
		return nil, err
	}
	object, err := trust.SignRoot(payload, signers)
	if err != nil {
		return nil, err
	}
	register, err := trust.NewRegister(object)
	if err != nil {
		return nil, err
	}
	return register, o.save(register)
}

// adopt takes over a root object made elsewhere with the keys behind it.
func (o *operatorFolder) adopt(object []byte, members []authority.RootPrivateKey, bundle authority.BundlePrivateKey, opt keys.SealOptions) error {
	if err := os.MkdirAll(o.path, 0o700); err != nil {
		return err
	}
	for i, member := range members {
		if err := o.seal(rootFile(i+1), member.Seal, opt); err != nil {
			return err
		}
	}
	if err := o.seal(bundleFile(bundle.BundlePublic()), bundle.Seal, opt); err != nil {
		return err
	}
	if err := o.newBeacon(opt); err != nil {
		return err
	}
	register, err := trust.NewRegister(object)
	if err != nil {
		return err
	}
	return o.save(register)
}

// newBeacon makes the secret seed of the beacon chain.
func (o *operatorFolder) newBeacon(opt keys.SealOptions) error {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return err
	}
	return o.seal("beacon.age", func(passphrase []byte, opt keys.SealOptions) ([]byte, error) {
		return keys.Seal(passphrase, beaconRole, "1", seed[:], opt)
	}, opt)
}

// newMembers makes root members first…first+n-1 and seals each.
func (o *operatorFolder) newMembers(root *trust.Root, first, n int, opt keys.SealOptions) ([]keys.RootSigner, error) {
	var signers []keys.RootSigner
	for i := first; i < first+n; i++ {
		key, err := authority.GenerateRootKey()
		if err != nil {
			return nil, err
		}
		if err := o.seal(rootFile(i), key.Seal, opt); err != nil {
			return nil, err
		}
		root.Members = append(root.Members, key.RootPublic())
		signers = append(signers, key)
	}
	return signers, nil
}

func rootFile(n int) string { return "root-" + strconv.Itoa(n) + ".age" }

// rootSigners opens every root member whose sealed key is here.
func (o *operatorFolder) rootSigners(members []keys.RootPublicKey) ([]keys.RootSigner, int, error) {
	passphrase, err := o.env.Passphrase(false)
	if err != nil {
		return nil, 0, err
	}
	names, err := filepath.Glob(o.file("root-*.age"))
	if err != nil {
		return nil, 0, err
	}
	var signers []keys.RootSigner
	last := 0
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "root-"), ".age"))
		if err != nil {
			continue
		}
		last = max(last, n)
		sealed, err := os.ReadFile(name)
		if err != nil {
			return nil, 0, err
		}
		key, err := authority.OpenRootKey(passphrase, sealed)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", filepath.Base(name), passphraseHint(o.env, err))
		}
		for _, m := range members {
			if m.Equal(key.RootPublic()) {
				signers = append(signers, key)
			}
		}
	}
	return signers, last, nil
}

func bundleFile(key keys.BundlePublicKey) string { return "bundle-" + key.String() + ".age" }

// bundleKey opens the bundle signer of the newest root.
func (o *operatorFolder) bundleKey(r *trust.Register) (key authority.BundlePrivateKey, err error) {
	passphrase, err := o.env.Passphrase(false)
	if err != nil {
		return key, err
	}
	roots := r.Roots()
	for _, public := range roots[len(roots)-1].BundleSigners {
		sealed, err := os.ReadFile(o.file(bundleFile(public)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return key, err
		}
		key, err = authority.OpenBundleKey(passphrase, sealed)
		return key, passphraseHint(o.env, err)
	}
	return key, o.env.Err("у теці %s немає ключа підписувача наборів, якого називає корінь %d", "%s holds no bundle signer that root %d names", o.path, roots[len(roots)-1].Number)
}

func (o *operatorFolder) beacon() (trust.BeaconSource, error) {
	sealed, err := os.ReadFile(o.file("beacon.age"))
	if err != nil {
		return nil, err
	}
	passphrase, err := o.env.Passphrase(false)
	if err != nil {
		return nil, err
	}
	seed, err := keys.Open(passphrase, beaconRole, sealed)
	if err != nil {
		return nil, passphraseHint(o.env, err)
	}
	if len(seed) != 32 {
		return nil, fmt.Errorf("posvid: beacon seed: want 32 bytes, got %d", len(seed))
	}
	chain := credential.NewBeaconChain([32]byte(seed), beaconChain)
	return func(n uint64) ([8]byte, error) {
		value, ok := chain.At(n)
		if !ok {
			return [8]byte{}, o.env.Err("ланцюжок позначок свіжості вичерпано на %d", "the beacon chain ends before %d", n)
		}
		return value, nil
	}, nil
}

// update runs f on the register under the lock and stores what f made of it.
func (o *operatorFolder) update(f func(*trust.Register) error) error {
	unlock, err := o.lock()
	if err != nil {
		return err
	}
	defer unlock()
	register, err := o.register()
	if err != nil {
		return err
	}
	if err := f(register); err != nil {
		return err
	}
	return o.save(register)
}

// admit takes the request of a body or of a verifier.
func (o *operatorFolder) admit(r *trust.Register, data []byte, grant trust.Grant, verifier trust.VerifierGrant, at time.Time) (string, error) {
	if request, err := trust.ParseKeyRequest(data); err == nil {
		kid, err := r.AdmitKey(data, grant, at)
		if err != nil {
			return "", err
		}
		return o.env.T("орган %s: ключ %s, до %d діб, з %s", "body %s: key %s, up to %d days, from %s",
			request.Bodies[0].EDRPOU, kid, int(request.MaxLife.Hours()/24), validFrom(r, kid).Format(time.RFC3339)), nil
	}
	request, err := trust.ParseVerifierRequest(data)
	if err != nil {
		return "", cli.Hint(o.env.Err("файл не є запитом органу чи перевіряльника", "the file is no request of a body or a verifier"),
			o.env.T("запити роблять posvid init і posvid-verify enrol", "requests are made by posvid init and posvid-verify enrol"))
	}
	id, err := r.AdmitVerifier(data, verifier, at)
	if err != nil {
		return "", err
	}
	return o.env.T("перевіряльник %d: %s", "verifier %d: %s", id, request.Name), nil
}

func validFrom(r *trust.Register, kid keys.KeyID) time.Time {
	var from time.Time
	for _, k := range r.Keys() {
		if k.Key.KeyID() == kid {
			from = k.Right.ValidFrom
		}
	}
	return from
}

// bundle carries publications and makes the next bundle.
func (o *operatorFolder) bundle(publications [][]byte, at time.Time) (data []byte, number uint64, err error) {
	if _, err := o.register(); err != nil {
		return nil, 0, err
	}
	beacon, err := o.beacon()
	if err != nil {
		return nil, 0, err
	}
	err = o.update(func(r *trust.Register) error {
		key, err := o.bundleKey(r)
		if err != nil {
			return err
		}
		for _, publication := range publications {
			if err := r.Carry(publication, at); err != nil {
				return err
			}
		}
		withheld := r.Withheld()
		for _, iss := range slices.Sorted(maps.Keys(withheld)) {
			o.env.Say("увага: орган %s називає карток, яких набір не містить: %d; їх раніше назвав інший орган, або в переліку немає місця",
				"warning: body %s states carriers that the bundle leaves out: %d; another body stated them first, or the table is full", iss, withheld[iss])
		}
		data, err = r.BuildBundleEvery(at, key, beacon, trust.BeaconEvery)
		number = r.Number()
		return err
	})
	return data, number, err
}

// rotate makes the next root: new members in place of those named, a new bundle signer when asked for.
func (o *operatorFolder) rotate(replace []int, newBundle, reset bool, at time.Time, opt keys.SealOptions) (number uint64, err error) {
	err = o.update(func(r *trust.Register) error {
		roots := r.Roots()
		old := roots[len(roots)-1]
		signers, last, err := o.rootSigners(old.Members)
		if err != nil {
			return err
		}
		if len(signers) < old.Threshold {
			return o.env.Err("тут %d із %d потрібних кореневих ключів", "%d of the %d root keys needed are here", len(signers), old.Threshold)
		}
		next := trust.Root{Number: old.Number + 1, Threshold: old.Threshold, IssuedAt: at, BundleSigners: old.BundleSigners}
		for i, member := range old.Members {
			keep := true
			for _, n := range replace {
				keep = keep && n != i+1
			}
			if keep {
				next.Members = append(next.Members, member)
			}
		}
		fresh, err := o.newMembers(&next, last+1, len(old.Members)-len(next.Members), opt)
		if err != nil {
			return err
		}
		if newBundle {
			bundle, err := authority.GenerateBundleKey()
			if err != nil {
				return err
			}
			if err := o.seal(bundleFile(bundle.BundlePublic()), bundle.Seal, opt); err != nil {
				return err
			}
			next.BundleSigners = []keys.BundlePublicKey{bundle.BundlePublic()}
		}
		if reset {
			next.Reset = &trust.Reset{Number: r.Number() + 1, Floor: at}
		}
		payload, err := next.Encode()
		if err != nil {
			return err
		}
		object, err := trust.SignRoot(payload, append(signers, fresh...))
		if err != nil {
			return err
		}
		number = next.Number
		return r.RotateRoot(object)
	})
	return number, err
}

func trustCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "trust", Short: "технічний адміністратор: корінь, допуск, набір довіри / the trust operator"}
	root.AddCommand(trustInitCommand(env), trustAdmitCommand(env), trustBundleCommand(env), trustShowCommand(env), trustRotateCommand(env), trustEndCommand(env), trustCardsCommand(env))
	return root
}

func trustInitCommand(env *cli.Env) *cobra.Command {
	var members, threshold int
	command := &cobra.Command{
		Use: "init", Args: cobra.NoArgs,
		Short: "створити кореневі ключі та підписувача наборів / make root keys and the bundle signer",
		RunE: func(*cobra.Command, []string) error {
			if threshold < 1 || threshold > members {
				return cli.Usagef("%s", env.T("--threshold: від 1 до --members", "--threshold: from 1 to --members"))
			}
			register, err := operatorFolderOf(env).init(members, threshold, env.Now(), env.Seal)
			if err != nil {
				return err
			}
			fmt.Fprintln(env.Stdout, register.RootFingerprint())
			env.Say("це відбиток кореневого ключа: з нього починається довіра кожного перевіряльника; роздавайте його на папері",
				"this is the root fingerprint: every verifier's trust begins with it; hand it out on paper")
			env.Say("файли root-*.age рознесіть між різними людьми; для щоденного набору довіри вони не потрібні",
				"take the root-*.age files apart, to different people; the daily bundle does not need them")
			return nil
		},
	}
	command.Flags().IntVar(&members, "members", 3, "скільки кореневих ключів / how many root members")
	command.Flags().IntVar(&threshold, "threshold", 2, "скільки з них підписують / how many have to sign")
	return command
}

func trustAdmitCommand(env *cli.Env) *cobra.Command {
	var now bool
	var days int
	var until string
	command := &cobra.Command{
		Use: "admit REQUEST…", Args: cobra.MinimumNArgs(1),
		Short: "допустити орган або перевіряльника за їхнім запитом / admit a body or a verifier",
		RunE: func(_ *cobra.Command, args []string) error {
			at := env.Now()
			operator := operatorFolderOf(env)
			grant := trust.Grant{MaxLife: time.Duration(days) * 24 * time.Hour}
			if !now {
				// A verifier may hold a bundle that old; a token signed earlier would meet verifiers that cannot know the key.
				grant.ValidFrom = at.Add(trust.MaxStatusAge)
			}
			verifierGrant := trust.VerifierGrant{ValidUntil: at.AddDate(1, 0, 0)}
			if until != "" {
				day, err := time.Parse(time.DateOnly, until)
				if err != nil {
					return cli.Usagef("--until: %v", err)
				}
				verifierGrant.ValidUntil = day
			}
			return operator.update(func(r *trust.Register) error {
				for _, name := range args {
					data, err := env.ReadFile(name, maxRequest)
					if err != nil {
						return err
					}
					line, err := operator.admit(r, data, grant, verifierGrant, at)
					if err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					fmt.Fprintln(env.Stdout, line)
				}
				return nil
			})
		},
	}
	command.Flags().BoolVar(&now, "now", false, "ключ діє одразу (перший орган), не через 7 діб / the key is valid at once")
	command.Flags().IntVar(&days, "max-life", 0, "найдовший строк токена, діб; 0 — скільки просить орган / longest token life in days")
	command.Flags().StringVar(&until, "until", "", "до якого дня допущено перевіряльника, РРРР-ММ-ДД / last day of a verifier")
	return command
}

func trustBundleCommand(env *cli.Env) *cobra.Command {
	var out string
	command := &cobra.Command{
		Use: "bundle [PUBLICATION…]", Args: cobra.ArbitraryArgs,
		Short: "зібрати й підписати набір довіри, щодня / make and sign the trust bundle",
		RunE: func(_ *cobra.Command, args []string) error {
			var publications [][]byte
			for _, name := range args {
				data, err := env.ReadFile(name, maxRequest)
				if err != nil {
					return err
				}
				publications = append(publications, data)
			}
			data, number, err := operatorFolderOf(env).bundle(publications, env.Now())
			if err != nil {
				return err
			}
			if err := env.WriteFile(out, data, 0o644); err != nil {
				return err
			}
			env.Say("набір довіри %d: %s, %d байтів", "trust bundle %d: %s, %d bytes", number, out, len(data))
			return nil
		},
	}
	command.Flags().StringVarP(&out, "out", "o", "bundle.sidb", "файл набору довіри / bundle file, - for stdout")
	return command
}

func trustShowCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "show", Args: cobra.NoArgs,
		Short: "кого допущено і що несе набір / whom the register admits and what it carries",
		RunE: func(*cobra.Command, []string) error {
			r, err := operatorFolderOf(env).register()
			if err != nil {
				return err
			}
			roots := r.Roots()
			newest := roots[len(roots)-1]
			env.Print("корінь %d (%d з %d), відбиток першого: %s", "root %d (%d of %d), fingerprint of the first: %s", newest.Number, newest.Threshold, len(newest.Members), r.RootFingerprint())
			env.Print("останній набір довіри: %d, позначка свіжості: %d", "last bundle: %d, beacon: %d", r.Number(), r.BeaconN())
			for _, b := range r.Bodies() {
				state := ""
				if b.Ended() {
					state = env.T(" (припинено)", " (ended)")
				}
				env.Print("орган %s %s%s", "body %s %s%s", b.EDRPOU, b.Name, state)
			}
			for _, k := range r.Keys() {
				state := env.T("діє з "+k.Right.ValidFrom.Format(time.DateOnly), "valid from "+k.Right.ValidFrom.Format(time.DateOnly))
				switch {
				case k.Right.Compromised:
					state = env.T("скомпрометовано", "compromised")
				case !k.Right.RetiredAt.IsZero():
					state = env.T("виведено "+k.Right.RetiredAt.Format(time.DateOnly), "retired "+k.Right.RetiredAt.Format(time.DateOnly))
				}
				env.Print("  ключ %s органів %s, %s", "  key %s for bodies %s, %s", k.Key.KeyID(), strings.Join(k.Right.Bodies, ","), state)
			}
			for _, l := range r.Lists() {
				env.Print("  перелік статусів %s/%d станом на %s, %d записів", "  status list %s/%d as of %s, %d entries", l.ID.Issuer, l.ID.List, l.IssuedAt.UTC().Format(time.RFC3339), l.Entries)
			}
			for _, v := range r.Verifiers() {
				env.Print("перевіряльник %d %s, орган %s", "verifier %d %s, body %s", v.ID, v.Name, v.Body)
			}
			return nil
		},
	}
}

func trustRotateCommand(env *cli.Env) *cobra.Command {
	var replace []int
	var bundle, reset bool
	command := &cobra.Command{
		Use: "rotate", Args: cobra.NoArgs,
		Short: "наступний корінь: замінити члени або підписувача наборів / the next root",
		Long: env.T("Новий корінь підписують пороги старого і нового. Перевіряльники зі старим відбитком переходять на нього самі з наступним набором довіри.",
			"The new root is signed by the thresholds of the old and of the new one. Verifiers with the old fingerprint follow with the next bundle."),
		RunE: func(*cobra.Command, []string) error {
			if reset && !bundle {
				return cli.Usagef("%s", env.T("--reset буває лише разом із --new-bundle-signer", "--reset goes with --new-bundle-signer only"))
			}
			number, err := operatorFolderOf(env).rotate(replace, bundle, reset, env.Now(), env.Seal)
			if err != nil {
				return err
			}
			env.Print("корінь %d; зробіть набір довіри: posvid trust bundle", "root %d; make a bundle: posvid trust bundle", number)
			return nil
		},
	}
	command.Flags().IntSliceVar(&replace, "replace", nil, "номери членів, яких замінити / members to replace")
	command.Flags().BoolVar(&bundle, "new-bundle-signer", false, "новий підписувач наборів / a new bundle signer")
	command.Flags().BoolVar(&reset, "reset", false, "підписувача викрадено, він підписав наперед: номер набору і нижня межа часу починаються знову / the stolen signer signed ahead: number and clock floor start anew")
	return command
}

func trustEndCommand(env *cli.Env) *cobra.Command {
	var compromised bool
	command := &cobra.Command{
		Use: "end KID|ЄДРПОУ|verifier:N", Args: cobra.ExactArgs(1),
		Short: "припинити ключ, орган або перевіряльника / end a key, a body or a verifier",
		RunE: func(_ *cobra.Command, args []string) error {
			at := env.Now()
			return operatorFolderOf(env).update(func(r *trust.Register) error {
				if number, ok := strings.CutPrefix(args[0], "verifier:"); ok {
					id, err := strconv.ParseUint(number, 10, 64)
					if err != nil {
						return cli.Usagef("verifier:N: %v", err)
					}
					return r.EndVerifier(id)
				}
				for _, b := range r.Bodies() {
					if b.EDRPOU == args[0] {
						return r.EndBody(args[0], at)
					}
				}
				for _, k := range r.Keys() {
					if k.Key.KeyID().String() == args[0] {
						ending := trust.Ending{RetiredAt: at}
						if compromised {
							ending = trust.Ending{Compromised: true}
						}
						return r.End(k.Key.KeyID(), ending)
					}
				}
				return env.Err("немає такого ключа, органу чи перевіряльника", "no such key, body or verifier")
			})
		},
	}
	command.Flags().BoolVar(&compromised, "compromised", false, "ключ викрадено: усі його підписи не діють / the key was stolen: nothing it signed counts")
	return command
}

package verifycli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/locale"
)

func (p *Program) photos() *cobra.Command {
	root := &cobra.Command{Use: "photos", Short: "світлини для звірення обличчя / photos to compare faces with"}
	root.AddCommand(p.photosInstall(), p.photosShow(), p.photosRemove())
	return root
}

func (p *Program) photosInstall() *cobra.Command {
	env := p.Env
	return &cobra.Command{
		Use: "install FILE", Args: cobra.ExactArgs(1),
		Short: "встановити світлини органу з файла / install the photos of a body",
		Long: env.T("Встановлює файл світлин, який зробив орган: posvid photos. Він відкривається лише ключами цього пристрою, тому потрібна парольна фраза. Новіший файл органу замінює старіший.",
			"Installs a photo pack that a body has made: posvid photos. It opens with this device's keys only, so the passphrase is needed. A newer pack of a body replaces the older one."),
		RunE: func(_ *cobra.Command, args []string) error {
			state, key, err := p.unlock()
			if err != nil {
				return err
			}
			source := env.Stdin
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				source = file
			}
			report, err := state.InstallPhotos(source, key, env.Now())
			if err != nil {
				return p.photosError(err)
			}
			if !report.Changed {
				env.Print("ці світлини органу %s уже встановлено", "these photos of body %s are installed already", report.Body)
				return nil
			}
			env.Print("встановлено світлини органу %s: %d, зібрано %s", "photos of body %s installed: %d, made %s", report.Body, report.Photos, locale.Moment(env.Lang, report.IssuedAt))
			return nil
		},
	}
}

func (p *Program) photosShow() *cobra.Command {
	env := p.Env
	return &cobra.Command{
		Use: "show", Args: cobra.NoArgs,
		Short: "скільки світлин і якого вони віку / how many photos, and how old",
		RunE: func(*cobra.Command, []string) error {
			state, err := p.open()
			if err != nil {
				return err
			}
			packs, err := state.PhotoPacks()
			if err != nil {
				return p.photosError(err)
			}
			if len(packs) == 0 {
				env.Print("світлин немає", "no photos")
			}
			broken := false
			for _, pack := range packs {
				age := env.Now().Sub(pack.IssuedAt)
				switch {
				case pack.Err != nil:
					broken = true
					env.Print("орган %s: файл світлин пошкоджено", "body %s: the photos are damaged", pack.Body)
					env.Say("%s: hint: %s", "%s: hint: %s", env.Program, env.T("встановіть файл органу ще раз: posvid-verify photos install ФАЙЛ", "install the body's file again: posvid-verify photos install FILE"))
				case age > checkpoint.MaxPhotosAge:
					env.Print("орган %s: світлин %d, зібрано %s: застарілі, не відкриваються", "body %s: %d photos, made %s: too old, not opened", pack.Body, pack.Photos, locale.Moment(env.Lang, pack.IssuedAt))
				default:
					env.Print("орган %s: світлин %d, зібрано %s, вік %s, %s", "body %s: %d photos, made %s, age %s, %s", pack.Body, pack.Photos,
						locale.Moment(env.Lang, pack.IssuedAt), locale.Duration(env.Lang, max(age, 0).Truncate(time.Minute)), size(env, pack.Bytes))
				}
			}
			if broken {
				return &cli.Exit{Code: cli.ExitCannotConfirm}
			}
			return nil
		},
	}
}

func (p *Program) photosRemove() *cobra.Command {
	env := p.Env
	var all bool
	var body string
	command := &cobra.Command{
		Use: "remove --body EDRPOU | --all", Args: cobra.NoArgs,
		Short: "прибрати світлини з пристрою / remove photos from this device",
		RunE: func(*cobra.Command, []string) error {
			if all == (body != "") {
				return cli.Usagef("%s", env.T("потрібне щось одне: --body ЄДРПОУ або --all", "give one of: --body EDRPOU, or --all"))
			}
			state, err := p.open()
			if err != nil {
				return err
			}
			bodies := []string{body}
			if all {
				packs, err := state.PhotoPacks()
				if err != nil {
					return p.photosError(err)
				}
				bodies = nil
				for _, pack := range packs {
					bodies = append(bodies, pack.Body)
				}
			}
			for _, b := range bodies {
				if err := state.RemovePhotos(b); err != nil {
					return p.photosError(err)
				}
				env.Print("світлини органу %s прибрано", "photos of body %s removed", b)
			}
			if len(bodies) == 0 {
				env.Print("світлин немає", "no photos")
			}
			return nil
		},
	}
	command.Flags().StringVar(&body, "body", "", "ЄДРПОУ органу / the body")
	command.Flags().BoolVar(&all, "all", false, "світлини всіх органів / the photos of every body")
	return command
}

// photosError tells what to do about photos.
func (p *Program) photosError(err error) error {
	env := p.Env
	switch {
	case errors.Is(err, checkpoint.ErrPhotosOther):
		return cli.Hint(env.Err("файл світлин не для цього пристрою", "the photos are not for this device"),
			env.T("орган має назвати цей пристрій: posvid photos --verifier НОМЕР", "the body has to name this device: posvid photos --verifier NUMBER"))
	case errors.Is(err, checkpoint.ErrPhotosOld):
		return cli.Hint(err, env.T("попросіть в органу новий файл світлин; перевірте дату й час пристрою", "ask the body for a new photo pack; check date and time"))
	case errors.Is(err, checkpoint.ErrPhotos), errors.Is(err, checkpoint.ErrPhotoHash):
		return cli.Hint(err, env.T("файл пошкоджено або підмінено: попросіть його в органу ще раз", "the file is damaged or was changed: ask the body for it again"))
	case errors.Is(err, checkpoint.ErrNoPhoto):
		return cli.Hint(err, env.T("що встановлено: posvid-verify photos show", "what is installed: posvid-verify photos show"))
	}
	return p.stateError(err)
}

// size writes a number of bytes as people read it.
func size(env *cli.Env, n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf(env.T("%d МіБ", "%d MiB"), n>>20)
	case n >= 10<<10:
		return fmt.Sprintf(env.T("%d КіБ", "%d KiB"), n>>10)
	}
	return fmt.Sprintf(env.T("%d Б", "%d B"), n)
}

// writeStream writes a result of any length: to stdout for "-", else to a file that appears when it is whole.
func writeStream(env *cli.Env, name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(env.Stdout)
	}
	return cli.WriteStream(name, 0o600, write)
}

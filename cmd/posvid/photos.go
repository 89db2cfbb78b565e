package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/trust"
)

// photosCommand makes the photo pack of a body.
func photosCommand(env *cli.Env) *cobra.Command {
	var out, bundleFile string
	var named []uint
	command := &cobra.Command{
		Use: "photos -o FILE", Args: cobra.NoArgs,
		Short: "світлини чинних посвідчень для пунктів пропуску / photos of live IDs for checkpoints",
		Long: env.T(`Пише один файл світлин тих, хто має чинне посвідчення, запечатаний для перевіряльників. Без --verifier це пункти пропуску самого органу
з його набору довіри; іншим, зокрема інших органів, світлини дають лише поіменно. На пристрої: posvid-verify photos install ФАЙЛ.
Робіть файл наново щонайменше щомісяця і після кожного звільнення: старіші за 45 діб пристрій не відкриває.`,
			`Writes one file with the photos of those who have a live ID, sealed to verifiers. Without --verifier these are the body's own
checkpoints in its bundle; others, of other bodies above all, get photos by name only. On the device: posvid-verify photos install FILE.
Make it anew once a month at least and after each dismissal: a device opens none older than 45 days.`),
	}
	edrpou := bodyFlag(command)
	command.Flags().StringVarP(&out, "out", "o", "", "файл / output file")
	command.Flags().UintSliceVar(&named, "verifier", nil, "номер перевіряльника, кілька разів або через кому / a verifier's number, repeated or with commas")
	command.Flags().StringVar(&bundleFile, "bundle", "", "набір довіри замість встановленого / a bundle instead of the installed one")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		if out == "" {
			return cli.Usagef("%s", env.T("потрібен --out", "--out is needed"))
		}
		bundle, err := b.bundleFor(bundleFile)
		if err != nil {
			return err
		}
		to, err := photoRecipients(env, bundle, b.edrpou, named, env.Now())
		if err != nil {
			return err
		}
		hashes, without, err := issuer.LivePhotos(ctx, b.store, env.Now())
		if err != nil {
			return err
		}
		var report checkpoint.PhotosReport
		write := func(w io.Writer) error {
			report, err = checkpoint.WritePhotos(w, b.edrpou, to, hashes, b.photo, env.Now())
			return err
		}
		if out == "-" {
			err = write(env.Stdout)
		} else {
			err = cli.WriteStream(out, 0o600, write)
		}
		if err != nil {
			return err
		}
		env.Say("світлин: %d", "photos: %d", report.Photos)
		for _, v := range to {
			if v.Body != b.edrpou {
				env.Say("для перевіряльника %d «%s» іншого органу %s", "for verifier %d \"%s\" of another body, %s", v.ID, v.Name, v.Body)
				continue
			}
			env.Say("для перевіряльника %d «%s»", "for verifier %d \"%s\"", v.ID, v.Name)
		}
		if n := without + report.Missing; n > 0 {
			env.Say("без світлини: %d", "without a photo: %d", n)
		}
		if report.Damaged > 0 {
			env.Say("пошкоджених світлин, їх пропущено: %d", "damaged photos, left out: %d", report.Damaged)
		}
		return nil
	})
	return command
}

// bundleFor is the bundle of a file, or the installed one. It has to be in its term: an old one may name verifiers that have been
// sent away since.
func (b *openBody) bundleFor(file string) (*trust.Bundle, error) {
	env := b.env
	var bundle *trust.Bundle
	var err error
	if file == "" {
		bundle, err = b.installedBundle()
	} else {
		var state *checkpoint.State
		var data []byte
		if state, err = b.trustState(); err != nil {
			return nil, err
		}
		if data, err = env.ReadFile(file, trust.MaxBundle); err != nil {
			return nil, err
		}
		bundle, err = state.Use(data)
	}
	if err != nil {
		return nil, err
	}
	if !env.Now().Before(bundle.ExpiresAt()) {
		return nil, cli.Hint(env.Err("набір довіри %d застарів, і хто нині перевіряльник, з нього не видно", "trust bundle %d has expired and does not tell who is a verifier now", bundle.Number()),
			env.T("встановіть свіжий: posvid bundle install ФАЙЛ", "install a fresh one: posvid bundle install FILE"))
	}
	return bundle, nil
}

// photoRecipients applies the policy of docs/spec/photos.md, Section 1: the verifiers that are named, or the body's own
// checkpoints. One whose entry has ended gets nothing.
func photoRecipients(env *cli.Env, bundle *trust.Bundle, body string, named []uint, at time.Time) ([]trust.VerifierEntry, error) {
	all, err := bundle.Verifiers()
	if err != nil {
		return nil, err
	}
	byID := map[uint64]trust.VerifierEntry{}
	var own []trust.VerifierEntry
	for _, v := range all {
		byID[v.ID] = v
		if v.Body == body && v.Class == trust.ClassCheckpoint && at.Before(v.ValidUntil) {
			own = append(own, v)
		}
	}
	if len(named) == 0 {
		if len(own) == 0 {
			return nil, cli.Hint(env.Err("у наборі довіри %d немає чинних пунктів пропуску органу %s", "bundle %d has no valid checkpoint of body %s", bundle.Number(), body),
				env.T("назвіть перевіряльника: --verifier НОМЕР", "name a verifier: --verifier NUMBER"))
		}
		return own, nil
	}
	var to []trust.VerifierEntry
	for _, id := range named {
		v, ok := byID[uint64(id)]
		switch {
		case !ok:
			return nil, cli.Usagef("%s", env.T("--verifier %d: такого немає в наборі довіри %d (%s)", "--verifier %d: not in bundle %d (%s)", id, bundle.Number(), theirNumbers(all)))
		case !at.Before(v.ValidUntil):
			return nil, env.Err("допуск перевіряльника %d «%s» скінчився %s", "the entry of verifier %d \"%s\" ended at %s", id, v.Name, v.ValidUntil.UTC().Format(time.RFC3339))
		}
		if !slices.ContainsFunc(to, func(t trust.VerifierEntry) bool { return t.ID == v.ID }) { // named twice is named once
			to = append(to, v)
		}
	}
	return to, nil
}

// theirNumbers names the first verifiers of a bundle.
func theirNumbers(all []trust.VerifierEntry) string {
	const most = 8
	var texts []string
	for i, v := range all {
		if i == most {
			texts = append(texts, "…")
			break
		}
		texts = append(texts, fmt.Sprintf("%d %s", v.ID, v.Name))
	}
	return strings.Join(texts, "; ")
}

package main

import (
	"context"
	"encoding/hex"
	"os"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
)

// keyCommand rotates the issuer key: a fresh one is made and asked for, and signs once the bundle grants it.
func keyCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "key", Short: "ключ видавця: новий і перехід на нього / the issuer key: a new one, and using it"}
	root.AddCommand(keyNewCommand(env), keyUseCommand(env))
	return root
}

// issuerKeyFile is where a key that does not sign yet lies.
func (f *bodyFolder) issuerKeyFile(kid string) string { return f.file("keys", "issuer-"+kid+".age") }

func keyNewCommand(env *cli.Env) *cobra.Command {
	var phone string
	command := &cobra.Command{
		Use: "new", Args: cobra.NoArgs,
		Short: "зробити новий ключ і запит на нього / make a new key and a request for it",
	}
	edrpou := bodyFlag(command)
	command.Flags().StringVar(&phone, "duty-phone", "", "телефон чергового для перевіряльників / duty phone shown to verifiers")
	command.RunE = bodyRun(env, edrpou, true, false, func(ctx context.Context, b *openBody, _ []string) error {
		passphrase, err := env.Passphrase(false)
		if err != nil {
			return err
		}
		key, err := authority.GenerateIssuerKey(cose.ESP256)
		if err != nil {
			return err
		}
		kid := key.IssuerPublic().KeyID().String()
		if err := b.saveIssuerKey(key, passphrase, env.Seal, "issuer-"+kid+".age"); err != nil {
			return err
		}
		request, err := b.body.KeyRequest(ctx, env.Now(), key, phone)
		if err != nil {
			return err
		}
		name := b.file("requests", "issuer-"+kid+".request")
		if err := cli.WriteAtomic(name, request, 0o644); err != nil {
			return err
		}
		env.Print("запит на ключ %s: %s", "request for key %s: %s", kid, name)
		env.Say("після допуску і нового набору довіри: posvid key use %s", "once it is admitted and the next bundle is installed: posvid key use %s", kid)
		return nil
	})
	return command
}

func keyUseCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "use KID", Args: cobra.ExactArgs(1),
		Short: "відтепер підписувати новим ключем / sign with the new key from now on",
		Long: env.T("Лише ключем, який дозволяє встановлений набір довіри. Попередній ключ лишається запечатаним поряд; виведіть його: posvid trust end KID.",
			"Only a key that the installed bundle grants. The former key stays sealed beside it; end it with posvid trust end KID."),
	}
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, true, true, func(_ context.Context, b *openBody, args []string) error {
		passphrase, err := env.Passphrase(false)
		if err != nil {
			return err
		}
		if kid, err := hex.DecodeString(args[0]); err != nil || len(kid) != len(keys.KeyID{}) {
			return cli.Usagef("%s", env.T("KID — вісім шістнадцяткових цифр", "KID is eight hexadecimal digits"))
		}
		sealed, err := os.ReadFile(b.issuerKeyFile(args[0]))
		if err != nil {
			return err
		}
		key, err := authority.OpenIssuerKey(passphrase, sealed)
		if err != nil {
			return passphraseHint(env, err)
		}
		profile := b.body.Profile()
		if err := (issuer.BundleGrant{Bundle: b.bundle}).CheckGrant(key.IssuerPublic(), b.edrpou, credential.KindPhone, profile.Life, env.Now()); err != nil {
			return cli.Hint(err, env.T("ключ діє після допуску і найдовшого віку статусів; встановіть свіжий набір довіри", "the key is valid after its admission and the longest status age; install a fresh bundle"))
		}
		// The key that signed until now is kept under its own name first: a crash in between loses neither.
		old, err := os.ReadFile(b.file("keys", "issuer.age"))
		if err != nil {
			return err
		}
		if err := cli.WriteAtomic(b.issuerKeyFile(b.signer.IssuerPublic().KeyID().String()), old, 0o600); err != nil {
			return err
		}
		if err := cli.WriteAtomic(b.file("keys", "issuer.age"), sealed, 0o600); err != nil {
			return err
		}
		env.Print("орган %s підписує ключем %s", "body %s signs with key %s", b.edrpou, args[0])
		return nil
	})
	return command
}

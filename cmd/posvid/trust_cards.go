package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/trust"
)

// trustCardsCommand keeps the card authorities and revocation lists that the bundle carries.
func trustCardsCommand(env *cli.Env) *cobra.Command {
	var remove bool
	command := &cobra.Command{
		Use: "cards [FILE…]", Args: cobra.ArbitraryArgs,
		Short: "центри карток і їхні переліки відкликаних у наборі довіри / card authorities and their revocation lists",
		Long: env.T(`Додає до набору довіри сертифікати центрів карток і переліки відкликаних сертифікатів (DER або PEM); без файлів показує, що є.
Новий перелік замінює старий того самого центру. Центр, чий сертифікат називає орган, засвідчує картки лише того органу; той, що не називає, — будь-якого.`,
			`Adds certificates of card authorities and revocation lists (DER or PEM) to the bundle; without files it shows what is there.
A newer list replaces the older one of the same authority. An authority whose certificate names a body certifies cards of that body only; one that names none, of any.`),
		RunE: func(_ *cobra.Command, args []string) error {
			operator := operatorFolderOf(env)
			if len(args) == 0 {
				r, err := operator.register()
				if err != nil {
					return err
				}
				return showCards(env, r.Cards())
			}
			return operator.update(func(r *trust.Register) error {
				cards := r.Cards()
				cards.Roots, cards.CRLs = slices.Clone(cards.Roots), slices.Clone(cards.CRLs)
				for _, name := range args {
					data, err := env.ReadFile(name, 1<<20)
					if err != nil {
						return err
					}
					if block, _ := pem.Decode(data); block != nil {
						data = block.Bytes
					}
					if err := changeCards(env, &cards, data, remove); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
				return r.SetCards(cards)
			})
		},
	}
	command.Flags().BoolVar(&remove, "remove", false, "прибрати, а не додати / remove instead of add")
	return command
}

// changeCards adds or removes one certificate or one revocation list.
func changeCards(env *cli.Env, cards *trust.Cards, data []byte, remove bool) error {
	if c, err := x509.ParseCertificate(data); err == nil {
		switch {
		case !c.IsCA:
			return env.Err("це сертифікат не центру, а когось під ним", "this is no certificate of an authority")
		case !remove && weak(c):
			return env.Err("ключ центру заслабкий: потрібні P-256, P-384 або RSA від 2048 до 4096 бітів", "the key of the authority is too weak or not known here: want P-256, P-384, or RSA of 2048 to 4096 bits")
		}
		at := slices.IndexFunc(cards.Roots, func(have []byte) bool { return bytes.Equal(have, data) })
		switch {
		case remove && at < 0:
			return env.Err("такого центру в наборі довіри немає", "the bundle has no such authority")
		case remove:
			cards.Roots = slices.Delete(cards.Roots, at, at+1)
		case at < 0:
			cards.Roots = append(cards.Roots, data)
		}
		env.Print("центр карток %s, до %s", "card authority %s, until %s", visible(c.Subject.String()), locale.Date(c.NotAfter))
		return nil
	}
	l, err := x509.ParseRevocationList(data)
	if err != nil {
		return cli.Hint(env.Err("це не сертифікат і не перелік відкликаних", "this is neither a certificate nor a revocation list"), env.T("потрібен файл X.509, DER або PEM", "give an X.509 file, DER or PEM"))
	}
	signed, named := false, false
	for _, der := range cards.Roots {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		named = named || bytes.Equal(c.RawSubject, l.RawIssuer) && (len(l.AuthorityKeyId) == 0 || bytes.Equal(c.SubjectKeyId, l.AuthorityKeyId))
		signed = signed || l.CheckSignatureFrom(c) == nil
	}
	switch {
	case remove || signed:
	case named: // in the place of a genuine one it would take the answer from every card of that authority
		return env.Err("перелік названо іменем відомого центру, але той його не підписав", "the list bears the name of a known authority, which did not sign it")
	default:
		env.Say("жоден із відомих центрів цього переліку не підписав: він стане в пригоді лише для проміжного центру", "none of the known authorities signed this list: it can serve for an intermediate one only")
	}
	old := slices.IndexFunc(cards.CRLs, func(der []byte) bool {
		have, err := x509.ParseRevocationList(der)
		return err == nil && bytes.Equal(have.RawIssuer, l.RawIssuer) && bytes.Equal(have.AuthorityKeyId, l.AuthorityKeyId)
	})
	switch {
	case remove && old < 0:
		return env.Err("такого переліку в наборі довіри немає", "the bundle has no such list")
	case remove:
		cards.CRLs = slices.Delete(cards.CRLs, old, old+1)
	case old >= 0:
		have, err := x509.ParseRevocationList(cards.CRLs[old])
		if err == nil && have.ThisUpdate.After(l.ThisUpdate) {
			return env.Err("у наборі довіри вже є новіший перелік, від %s", "the bundle has a newer list already, of %s", locale.Moment(env.Lang, have.ThisUpdate))
		}
		cards.CRLs[old] = data
	default:
		cards.CRLs = append(cards.CRLs, data)
	}
	env.Print("перелік відкликаних від %s, записів: %d", "revocation list of %s, entries: %d", locale.Moment(env.Lang, l.ThisUpdate), len(l.RevokedCertificateEntries))
	return nil
}

// weak reports a key with which no authority certifies cards: what it signs could be forged, or not be verified in time.
func weak(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return key.Curve != elliptic.P256() && key.Curve != elliptic.P384()
	case *rsa.PublicKey:
		return key.N.BitLen() < 2048 || key.N.BitLen() > 4096
	}
	return true
}

func showCards(env *cli.Env, cards trust.Cards) error {
	for _, der := range cards.Roots {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			env.Print("центр карток: не читається", "card authority: cannot be read")
			continue
		}
		env.Print("центр карток %s, до %s", "card authority %s, until %s", visible(c.Subject.String()), locale.Date(c.NotAfter))
	}
	for _, der := range cards.CRLs {
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			env.Print("перелік відкликаних: не читається", "revocation list: cannot be read")
			continue
		}
		env.Print("перелік відкликаних від %s до %s, записів: %d", "revocation list of %s until %s, entries: %d",
			locale.Moment(env.Lang, l.ThisUpdate), locale.Moment(env.Lang, l.NextUpdate), len(l.RevokedCertificateEntries))
	}
	return nil
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/fxamacker/cbor/v2"
	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/trust"
)

// maxInspect bounds what is shown.
const maxInspect = trust.MaxBundle

func inspectCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "inspect FILE|IMAGE|TEXT|-", Args: cobra.ExactArgs(1),
		Short: "показати вміст будь-чого, нічому не довіряючи / show any artefact, trusting nothing",
		Long: env.T("Показує будову коду, токена, набору довіри, переліку статусів, запиту, талона чи ключа. Жодного підпису не перевіряє.",
			"Shows the structure of a code, token, bundle, status list, request or sealed key. It checks no signature."),
		RunE: func(_ *cobra.Command, args []string) error {
			data := []byte(args[0])
			if !strings.HasPrefix(args[0], credential.Prefix) && !strings.HasPrefix(args[0], credential.ChallengePrefix) {
				var err error
				if data, err = env.ReadFile(args[0], maxInspect); err != nil {
					return err
				}
			}
			env.Say("підписи не перевірено: так виглядає вміст, але не доведено, що він справжній", "no signature was checked: this is how it looks, not whether it is genuine")
			return inspect(env, data)
		},
	}
}

// inspect shows bytes of any kind.
func inspect(env *cli.Env, data []byte) error {
	trimmed := bytes.TrimSpace(data)
	switch {
	case bytes.HasPrefix(trimmed, []byte(credential.Prefix)), bytes.HasPrefix(trimmed, []byte(credential.ChallengePrefix)):
		return inspectText(env, string(trimmed))
	case bytes.HasPrefix(trimmed, []byte("{")):
		return inspectJSON(env, trimmed)
	case bytes.HasPrefix(data, []byte(checkpointRecord)) && plainText(data):
		_, err := fmt.Fprintf(env.Stdout, "%s\n", trimmed)
		return err
	}
	if role, id, err := keys.UnverifiedLabel(data); err == nil {
		env.Print("запечатаний ключ: роль %s, %s", "sealed key: role %s, %s", role, id)
		return nil
	}
	if plainText(data) {
		return unknownFormat(env) // or a word such as "demo" would pass for CBOR
	}
	if bundle, err := trust.OpenUnpinned(data); err == nil {
		return inspectBundle(env, bundle)
	}
	if p, err := trust.ParsePublication(data); err == nil {
		env.Print("публікація органу %s: переліків статусів %d", "publication of body %s: %d status lists", p.EDRPOU, len(p.StatusLists))
		return inspectCBOR(env, data)
	}
	if results, err := qr.ReadImage(data, qr.ReadOptions{}); err == nil {
		for _, r := range results {
			if err := inspect(env, []byte(r.Text)); err != nil {
				fmt.Fprintf(env.Stdout, "%q\n", r.Text)
			}
		}
		return nil
	}
	return inspectCBOR(env, data)
}

// checkpointRecord begins every record that a checkpoint keeps of itself: pin, floor, memory, enrolment.
const checkpointRecord = "posvid-checkpoint "

// plainText says whether data can be written to a terminal as it is.
func plainText(data []byte) bool {
	for _, r := range string(data) {
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return true
}

// unknownFormat says what can be shown.
func unknownFormat(env *cli.Env) error {
	return cli.Hint(env.Err("це не схоже на жоден відомий формат", "this looks like no known format"),
		env.T("posvid inspect читає коди, токени, набори довіри, запити, переліки, плани, запечатані ключі і пам'ять пункту пропуску", "posvid inspect reads codes, tokens, bundles, requests, lists, plans, sealed keys and a checkpoint's memory"))
}

func inspectText(env *cli.Env, text string) error {
	prefix, data, err := credential.DecodeText(text)
	if err != nil {
		return err
	}
	env.Print("%s %d символів, %d байтів", "%s %d characters, %d bytes", prefix, len(text), len(data))
	return inspectCBOR(env, data)
}

func inspectJSON(env *cli.Env, data []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(env.Stdout, tame(out.String()))
	return err
}

// tame writes as an escape what no terminal should get: JSON lets U+007F to U+009F and direction marks stand as they are.
func tame(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsGraphic(r) || r == '\n' || r == '\t' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

// inspectBundle shows what a bundle says of itself.
func inspectBundle(env *cli.Env, b *trust.Bundle) error {
	env.Print("набір довіри %d, корінь %d", "trust bundle %d, root %d", b.Number(), b.RootNumber())
	env.Print("відбиток першого кореня: %s", "fingerprint of the first root: %s", b.FirstFingerprint())
	env.Print("підписано %s, діє до %s", "signed %s, until %s", b.IssuedAt().Format(time.RFC3339), b.ExpiresAt().Format(time.RFC3339))
	for _, s := range b.Sections() {
		fmt.Fprintf(env.Stdout, "  %-28s %8d\n", s.Name, s.Size)
	}
	for _, body := range b.Bodies() {
		fmt.Fprintf(env.Stdout, "  %s %s\n", body.EDRPOU, body.Name)
	}
	for _, k := range b.AllIssuerKeys() {
		state := ""
		if k.Right.Compromised {
			state = " compromised"
		} else if !k.Right.RetiredAt.IsZero() {
			state = " retired " + k.Right.RetiredAt.Format(time.RFC3339)
		}
		fmt.Fprintf(env.Stdout, "  %s %s %v%s\n", k.Key.KeyID(), k.Key.Algorithm(), k.Right.Bodies, state)
	}
	return nil
}

// kinds are the signed objects by their typ.
var kinds = map[cose.Type][2]string{
	cose.TypeToken:           {"токен видавця", "issuer token"},
	cose.TypePresentation:    {"пред'явлення", "presentation"},
	cose.TypeChallenge:       {"запит перевіряльника", "challenge"},
	cose.TypePossession:      {"доказ володіння ключем", "proof of possession"},
	cose.TypeStatusList:      {"перелік статусів", "status list"},
	cose.TypeCodes:           {"таблиця посад і підрозділів", "code table"},
	cose.TypeRoot:            {"кореневий об'єкт", "root object"},
	cose.TypeKeyRequest:      {"запит на ключ органу", "key request"},
	cose.TypeVerifierRequest: {"запит перевіряльника на допуск", "verifier request"},
	cose.TypeApproval:        {"підпис під рішенням", "approval"},

	{MediaType: "application/vnd.posvid.checkpoint-policy+cose"}: {"правила пункту пропуску", "policy of a checkpoint"},
	{MediaType: "application/vnd.posvid.journal+cose"}:           {"журнал пункту, запечатаний", "sealed journal of a checkpoint"},
}

// diagnostic writes CBOR as people read it (RFC 8949, Section 8), with the CBOR inside byte strings opened.
var diagnostic = must(cbor.DiagOptions{ByteStringEmbeddedCBOR: true, MaxNestedLevels: 16}.DiagMode())

func must(mode cbor.DiagMode, err error) cbor.DiagMode {
	if err != nil {
		panic(err)
	}
	return mode
}

// inspectCBOR names a signed object by its typ and writes it in diagnostic notation.
func inspectCBOR(env *cli.Env, data []byte) error {
	if m, err := cose.ParseSign1(data, cose.Profile{Limits: cose.Limits{Bytes: maxInspect}, AnyType: true}); err == nil {
		if words, ok := kinds[m.Header.Type]; ok {
			env.Print("%s, %d байтів, %s", "%s, %d bytes, %s", env.T(words[0], words[1]), len(data), m.Header.Algorithm)
		}
	} else if m, err := cose.ParseSign(data, cose.Profile{Limits: cose.Limits{Bytes: maxInspect}, AnyType: true}); err == nil {
		if words, ok := kinds[m.Header.Type]; ok {
			env.Print("%s, %d байтів, підписів %d", "%s, %d bytes, %d signatures", env.T(words[0], words[1]), len(data), len(m.Signatures))
		}
	}
	text, err := diagnostic.Diagnose(data)
	if err != nil {
		return unknownFormat(env)
	}
	_, err = fmt.Fprintln(env.Stdout, readable(text))
	return err
}

// escaped is how diagnostic notation writes a letter outside ASCII.
var escaped = regexp.MustCompile(`\\u[0-9a-f]{4}`)

// readable puts the letters back in place of their escapes; what no terminal should get stays escaped.
func readable(diagnostic string) string {
	return escaped.ReplaceAllStringFunc(diagnostic, func(escape string) string {
		n, err := strconv.ParseUint(escape[2:], 16, 16)
		if r := rune(n); err == nil && unicode.IsGraphic(r) && r > 0x7f {
			return string(r)
		}
		return escape
	})
}

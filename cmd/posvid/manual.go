package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// manualProposal is an entitlement from outside the HR feed as it lies in plans/manual-N.json. The person's numbers are
// keyed hashes in it; the record is without them.
type manualProposal struct {
	Schema  string    `json:"schema"` // manualSchema
	EDRPOU  string    `json:"edrpou"`
	Number  uint64    `json:"number"`
	Expires time.Time `json:"expires"` // whole seconds, UTC
	Keys    hr.Keys   `json:"keys"`
	Record  hr.Record `json:"record"`
}

const manualSchema = "posvid.manual-entry/1"

// subject is what both sign, worked out from the file alone: the second person sees the record and has no numbers.
//
//	manual-entry = [ "posvid manual entry 1", edrpou: tstr .size 8, number: uint, expires: uint,
//	                 rnokpp: bstr .size 32, unzr: bstr .size 32, staff: bstr .size 32, record: bstr ]
func (p *manualProposal) subject() (issuer.Subject, error) {
	if p.Schema != manualSchema {
		return issuer.Subject{}, fmt.Errorf("posvid: proposal: schema %q, want %q", p.Schema, manualSchema)
	}
	if p.Expires.Unix() < 0 {
		return issuer.Subject{}, fmt.Errorf("posvid: proposal: expires in %d, want 1970 or after", p.Expires.Year())
	}
	record, err := json.Marshal(&p.Record)
	if err != nil {
		return issuer.Subject{}, fmt.Errorf("posvid: proposal: %w", err)
	}
	b := cose.AppendText(cose.AppendArray(nil, 8), "posvid manual entry 1")
	b = cose.AppendUint(cose.AppendText(b, p.EDRPOU), p.Number)
	b = cose.AppendUint(b, uint64(p.Expires.Unix()))
	for _, key := range []hr.PersonKey{p.Keys.RNOKPP, p.Keys.UNZR, p.Keys.Staff} {
		b = cose.AppendBytes(b, key[:])
	}
	b = cose.AppendBytes(b, record)
	return issuer.Subject{EDRPOU: p.EDRPOU, Kind: issuer.ApproveManualIssue, Number: p.Number, Hash: sha256.Sum256(b),
		Expires: p.Expires.UTC().Truncate(time.Second)}, nil
}

// manualBase names the files of manual entry n.
func manualBase(n uint64) string { return fmt.Sprintf("manual-%d", n) }

func manualCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use: "manual", Short: "право на посвідчення поза кадровим файлом, удвох / an entitlement from outside the HR feed, by two",
		Long: env.T("Автор подає файл з одним рядком (CSV, XLSX, JSON), друга особа підписує, тоді запис діє. Повний кадровий файл без цієї особи потім закінчить її право.",
			"The author hands in a file of one row (CSV, XLSX, JSON), a second person signs, then the entry takes effect. A full staff file without the person ends it later."),
	}
	root.AddCommand(manualAddCommand(env), manualApproveCommand(env), manualApplyCommand(env))
	return root
}

// oneRecord reads a file that has to hold exactly one good row and nothing odd about the file itself: where a staff file may
// name another body in its head and only be warned of, here nothing is taken.
func (b *openBody) oneRecord(file staffFile) (*hr.Record, error) {
	snapshot, photoProblems, err := file.read(b.env, b.edrpou, b.keepPhoto)
	if err != nil {
		return nil, err
	}
	odd := slices.ContainsFunc(snapshot.Problems, func(p hr.Problem) bool { return !p.Warning })
	if !odd && len(snapshot.Records) == 1 && len(snapshot.SetAside) == 0 && !snapshot.Records[0].StatusOnly {
		for _, p := range slices.Concat(snapshot.Problems, snapshot.Records[0].Problems, photoProblems) {
			b.env.Say("%s", "%s", p.Format(b.env.Lang))
		}
		return &snapshot.Records[0], nil
	}
	tellSnapshot(b.env, snapshot, photoProblems)
	for i := range snapshot.Records {
		if r := &snapshot.Records[i]; r.StatusOnly {
			for _, p := range r.Problems {
				b.env.Print("%s", "%s", p.Format(b.env.Lang))
			}
		}
	}
	return nil, cli.Hint(b.env.Err("потрібен рівно один правильний рядок [%w]", "want exactly one good row [%w]", issuer.ManualInvalid),
		b.env.T("виправте назване вище; багатьох подають планом: posvid hr plan", "mend what stands above; for many people make a plan: posvid hr plan"))
}

func manualAddCommand(env *cli.Env) *cobra.Command {
	var file staffFile
	command := &cobra.Command{
		Use: "add FILE", Args: cobra.ExactArgs(1),
		Short: "запропонувати запис із файла з одним рядком / propose the one row of a file",
	}
	file.flags(command)
	edrpou, as, replace := proposalFlags(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		author, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		file.name = args[0]
		record, err := b.oneRecord(file)
		if err != nil {
			return err
		}
		number, err := b.register.NextManual(ctx)
		if err != nil {
			return err
		}
		at := env.Now()
		keys, err := hr.KeysOf(b.register.PersonSecret(), record)
		if err != nil {
			return err
		}
		p := manualProposal{manualSchema, b.edrpou, number, at.Add(planLife).UTC().Truncate(time.Second), keys, *record}
		s, err := p.subject()
		if err != nil {
			return err
		}
		// The register's own opinion: whether it will take the entry, and that both mean the same bytes.
		own, err := b.register.ManualSubject(&issuer.ManualEntry{EDRPOU: p.EDRPOU, Number: p.Number, Expires: p.Expires, Record: p.Record})
		if err != nil {
			return err
		}
		if own != s {
			return fmt.Errorf("posvid: manual entry %d: its file gives another hash than the register: want %x, got %x", number, own.Hash, s.Hash)
		}
		if err := b.propose(manualBase(number), &p, s, author, *replace, at); err != nil {
			return err
		}
		b.tellManual(&p, s, at)
		env.Print("запис %d: %s", "entry %d: %s", number, b.proposalFile(manualBase(number), ".json"))
		env.Say("далі друга особа: posvid manual approve %d --as НОМЕР, тоді posvid manual apply %d ФАЙЛ",
			"next, the second person: posvid manual approve %d --as NUMBER, then posvid manual apply %d FILE", number, number)
		return nil
	})
	return command
}

// tellManual shows an entry as those who sign it have to see it; the person's numbers are named, not shown.
func (b *openBody) tellManual(p *manualProposal, s issuer.Subject, at time.Time) {
	env, r := b.env, &p.Record
	fmt.Fprintf(env.Stdout, "%s\n%s\n%s\n", visible(r.FullName()), visible(r.Position), visible(r.Unit))
	if r.Category != "" {
		env.Print("категорія %s, ранг %d", "category %s, rank %d", visible(r.Category), r.Rank)
	}
	env.Print("посвідчення %s%s, дійсне до %s", "plastic %s%s, valid until %s", visible(r.Plastic.Series), visible(r.Plastic.Number), r.ValidUntil().UA())
	var known []string
	for _, k := range []struct {
		key    hr.PersonKey
		uk, en string
	}{{p.Keys.RNOKPP, "РНОКПП", "РНОКПП"}, {p.Keys.UNZR, "УНЗР", "УНЗР"}, {p.Keys.Staff, "табельний номер", "staff number"}} {
		if !k.key.IsZero() {
			known = append(known, env.T(k.uk, k.en))
		}
	}
	env.Print("номери особи: %s", "numbers of the person: %s", strings.Join(known, ", "))
	with := *r
	if !p.Keys.RNOKPP.IsZero() {
		with.RNOKPP = "known" // its keyed hash says that there is one, which is all that is asked below
	}
	for _, reason := range with.NoIDReasons(at) {
		env.Print("! електронного посвідчення не буде: %s [%s]", "! there will be no electronic ID: %s [%s]", reason.Text(env.Lang), reason.Code)
	}
	env.Print("діє до %s, SHA-256 %x", "stands until %s, SHA-256 %x", moment(env, s.Expires), s.Hash)
}

// readManual reads an entry by number or file name.
func (b *openBody) readManual(name string) (*manualProposal, issuer.Subject, error) {
	var p manualProposal
	if err := b.readProposal("manual", name, &p); err != nil {
		return nil, issuer.Subject{}, err
	}
	s, err := p.subject()
	if err == nil && !strings.ContainsAny(name, "/.") && name != strconv.FormatUint(p.Number, 10) {
		err = issuer.ApprovalEdited
	}
	return &p, s, err
}

func manualApproveCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "approve ENTRY", Args: cobra.ExactArgs(1),
		Short: "підписати запис другою особою / sign an entry as the second person",
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		p, s, err := b.readManual(args[0])
		if err != nil {
			return err
		}
		o, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		next, err := b.register.NextManual(ctx)
		if err != nil {
			return err
		}
		base, at := manualBase(p.Number), env.Now()
		if err := b.mayApprove(ctx, base, s, next, o, at); err != nil {
			return err
		}
		b.tellManual(p, s, at)
		name, err := b.approve(base, s, o, at)
		if err != nil {
			return err
		}
		env.Print("підпис: %s", "approval: %s", name)
		env.Say("далі: posvid manual apply %d ФАЙЛ", "next: posvid manual apply %d FILE", p.Number)
		return nil
	})
	return command
}

func manualApplyCommand(env *cli.Env) *cobra.Command {
	var file staffFile
	command := &cobra.Command{
		Use: "apply ENTRY FILE", Args: cobra.ExactArgs(2),
		Short: "внести запис, підписаний двома; FILE дає номери особи / enter what two have signed; FILE gives the numbers",
	}
	file.flags(command)
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		p, s, err := b.readManual(args[0])
		if err != nil {
			return err
		}
		file.name = args[1]
		record, err := b.oneRecord(file)
		if err != nil {
			return err
		}
		if changed := slices.DeleteFunc(hr.Changed(&p.Record, record), func(field string) bool { return field == "photo" && file.photos == "" }); len(changed) > 0 {
			b.env.Say("файл відрізняється від підписаного запису: %s", "the file differs from the entry that was signed: %s", strings.Join(changed, ", "))
			return issuer.ApprovalEdited
		}
		entry := issuer.ManualEntry{EDRPOU: p.EDRPOU, Number: p.Number, Expires: p.Expires, Record: p.Record}
		// What the signed record leaves out for privacy comes from the file; the signed hashes tell whether it is the same person.
		entry.Record.RNOKPP, entry.Record.UNZR, entry.Record.BirthDate = record.RNOKPP, record.UNZR, record.BirthDate
		if photo := entry.Record.PhotoSHA256; !photo.IsZero() {
			if _, err := os.Stat(b.photoFile([20]byte(photo[:20]))); err != nil {
				return cli.Hint(env.Err("немає світлини цього запису", "the photo of this entry is missing"), env.T("дайте --photos", "give --photos"))
			}
		}
		approvals, err := b.proposalApprovals(manualBase(p.Number))
		if err != nil {
			return err
		}
		entitlement, err := b.register.AddManual(ctx, entry, approvals, env.Now())
		if err != nil {
			return err
		}
		env.Print("запис %d внесено: право на посвідчення %d, SHA-256 %x", "entry %d is in: entitlement %d, SHA-256 %x", p.Number, entitlement, s.Hash)
		env.Say("далі: posvid slips", "next: posvid slips")
		return nil
	})
	return command
}

func standingsCommand(env *cli.Env) *cobra.Command {
	var out string
	var all bool
	command := &cobra.Command{
		Use: "standings", Args: cobra.NoArgs,
		Short: "хто без посвідчення і чому, за реєстром / who has no ID and why, by the register",
	}
	edrpou := bodyFlag(command)
	command.Flags().StringVarP(&out, "out", "o", "", "також XLSX / an XLSX too")
	command.Flags().BoolVar(&all, "all", false, "також ті, хто посвідчення має / those who have an ID too")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		at := env.Now()
		standings, err := b.register.Standings(ctx, at)
		if err != nil {
			return err
		}
		without := 0
		var list []hr.Without
		for _, first := range []bool{true, false} { // an ID that is valid and will not be renewed comes before the rest
			for i := range standings {
				s := &standings[i]
				if blocked := s.Blocked && s.ID.State.Live(); blocked != first {
					continue
				}
				if s.Step == issuer.StepIssued && !s.Blocked && !all {
					continue
				}
				if s.Step != issuer.StepIssued {
					without++
				}
				fmt.Fprintf(env.Stdout, "%d  %s · %s · %s: %s\n", s.Entitlement, s.Record.FullName(), s.Record.Position, s.Record.Unit, standingText(s, env.Lang))
				if s.Step != issuer.StepIssued || s.Blocked {
					list = append(list, standingLine(s))
				}
			}
		}
		env.Print("осіб у посадах: %d, без посвідчення: %d", "people in posts: %d, without an ID: %d", len(standings), without)
		if out == "" {
			return nil
		}
		var buffer strings.Builder
		if err := hr.WriteWithoutIDReport(&buffer, list, at); err != nil {
			return err
		}
		return env.WriteFile(out, []byte(buffer.String()), 0o600)
	})
	return command
}

// blockedText says that a bad row of the last staff file keeps an ID from being renewed.
var blockedText = [2]string{"рядок відкладено до виправлення, поновлення не буде", "the row is set aside, there will be no renewal"}

// standingText is how far a person is from an ID, and what stands between.
func standingText(s *issuer.Standing, lang string) string {
	parts := []string{s.Step.Text(lang)}
	for _, r := range s.Reasons {
		parts = append(parts, r.Text(lang)+" ["+string(r.Code)+"]")
	}
	if s.Blocked {
		if lang == "en" {
			parts = append(parts, blockedText[1])
		} else {
			parts = append(parts, blockedText[0])
		}
	}
	return strings.Join(parts, "; ")
}

// standingCodes name the steps in the report, in the column that is never translated.
var standingCodes = map[issuer.Step]hr.Code{
	issuer.StepSuspended: "id-suspended", issuer.StepToIssue: "to-issue", issuer.StepSlipOpen: "slip-open", issuer.StepNoSlip: "no-slip",
}

// standingLine is a person in the report «хто без посвідчення і чому». Somebody with a right who only has not enrolled has no
// reason against him: there the step stands instead.
func standingLine(s *issuer.Standing) hr.Without {
	r := &s.Record
	w := hr.Without{Line: r.Line, FullName: r.FullName(), StaffNumber: r.StaffNumber, Unit: r.Unit, Position: r.Position,
		Reasons: s.Reasons, LiveID: s.Blocked && s.ID.State.Live()}
	if code, ok := standingCodes[s.Step]; ok {
		w.Problems = append(w.Problems, hr.Problem{Column: s.Step.Text("uk"), Code: code})
	}
	if s.Blocked {
		w.Problems = append(w.Problems, hr.Problem{Column: blockedText[0], Code: "set-aside"})
	}
	return w
}

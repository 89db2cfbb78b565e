package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// planLife is how long a plan may wait before it is applied.
const planLife = 7 * 24 * time.Hour

// staffFile is a file of staff data and how to read it.
type staffFile struct {
	name, mapping, sheet, photos string
	full                         bool
	total                        int
}

func (s *staffFile) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.mapping, "mapping", "", "файл відповідності заголовків / mapping of unknown headers")
	c.Flags().StringVar(&s.sheet, "sheet", "", "аркуш книги XLSX / sheet of the workbook")
	c.Flags().StringVar(&s.photos, "photos", "", "тека або ZIP зі світлинами / folder or ZIP of photos")
	c.Flags().BoolVar(&s.full, "full", false, "у файлі всі; відсутність означає звільнення (разом із --total) / the file holds everybody")
	c.Flags().IntVar(&s.total, "total", 0, "скільки осіб має бути у файлі / how many rows the sender states")
}

// progress draws a bar on stderr when a person looks at it.
func progress(env *cli.Env, what string) func(done, total int) {
	if !env.Interactive() {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, total int) {
		if bar == nil && total > 0 {
			bar = progressbar.NewOptions(total, progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(env.Stderr),
				progressbar.OptionClearOnFinish(), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond))
		}
		if bar != nil {
			bar.Set(done)
		}
	}
}

// read reads the snapshot and its photos; keep takes each normalised portrait, nil when they are not kept.
func (s *staffFile) read(env *cli.Env, edrpou string, keep func([32]byte, []byte) error) (*hr.Snapshot, []hr.Problem, error) {
	options := hr.Options{EDRPOU: edrpou, Sheet: s.sheet, Full: s.full, Total: s.total, Progress: progress(env, env.T("рядки", "rows"))}
	if s.mapping != "" {
		data, err := env.ReadFile(s.mapping, hr.MaxMappingBytes)
		if err != nil {
			return nil, nil, err
		}
		if options.Mapping, err = hr.ParseMapping(data); err != nil {
			return nil, nil, problemIn(env, err)
		}
	}
	data, err := env.ReadFile(s.name, hr.MaxFileBytes)
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := hr.Read(filepath.Base(s.name), data, options)
	if err != nil {
		return nil, nil, problemIn(env, err)
	}
	if s.photos == "" {
		return snapshot, nil, nil
	}
	photos, closer, err := openPhotos(s.photos)
	if err != nil {
		return nil, nil, problemIn(env, err)
	}
	defer closer()
	problems, err := photos.Attach(snapshot, keep, progress(env, env.T("світлини", "photos")))
	return snapshot, problems, err
}

// openPhotos opens a folder or a ZIP of photos.
func openPhotos(name string) (*hr.Photos, func(), error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		photos, err := hr.OpenPhotosFS(os.DirFS(name))
		return photos, func() {}, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	photos, err := hr.OpenPhotosZIP(file, info.Size())
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return photos, func() { file.Close() }, nil
}

// problemIn puts a problem of a file into the reader's language.
func problemIn(env *cli.Env, err error) error {
	var p hr.Problem
	if errors.As(err, &p) {
		return errors.New(p.Format(env.Lang))
	}
	return err
}

func hrCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "hr", Short: "кадрові дані: перевірити, порівняти, застосувати / staff data"}
	root.AddCommand(hrCheckCommand(env), hrPlanCommand(env), hrApproveCommand(env), hrApplyCommand(env))
	return root
}

func hrCheckCommand(env *cli.Env) *cobra.Command {
	var file staffFile
	var body, report string
	command := &cobra.Command{
		Use: "check FILE", Args: cobra.ExactArgs(1),
		Short: "перевірити файл, нічого не змінюючи / check a file",
		RunE: func(_ *cobra.Command, args []string) error {
			file.name = args[0]
			snapshot, photoProblems, err := file.read(env, body, nil)
			if err != nil {
				return err
			}
			tellSnapshot(env, snapshot, photoProblems)
			if report != "" {
				if err := writeReport(env, report, snapshot, nil, env.Now()); err != nil {
					return err
				}
			}
			return nothingTaken(env, snapshot)
		},
	}
	file.flags(command)
	command.Flags().StringVar(&body, "body", "", "код ЄДРПОУ органу, чий це файл / the body whose file it is")
	command.Flags().StringVar(&report, "report", "", "XLSX «хто без посвідчення і чому» / who gets no ID and why")
	return command
}

// tellProblems prints problems, each once: said holds the lines that stand on the screen already.
func tellProblems(env *cli.Env, said map[string]bool, problems ...hr.Problem) {
	for _, p := range problems {
		if line := p.Format(env.Lang); !said[line] {
			said[line] = true
			env.Print("%s", "%s", line)
		}
	}
}

// tellSnapshot prints what a file holds: first what is wrong with the rows, those taken for their status alone among them,
// then the counts. It gives back the lines it printed.
func tellSnapshot(env *cli.Env, s *hr.Snapshot, photoProblems []hr.Problem) map[string]bool {
	said := map[string]bool{}
	tellProblems(env, said, s.Problems...)
	for _, row := range s.SetAside {
		tellProblems(env, said, row.Problems...)
	}
	for i := range s.Records {
		if s.Records[i].StatusOnly {
			tellProblems(env, said, s.Records[i].Problems...)
		}
	}
	tellProblems(env, said, photoProblems...)
	env.Print("рядків: %d, прийнято: %d, відкладено до виправлення: %d", "rows: %d, taken: %d, set aside: %d", s.Rows, len(s.Records), len(s.SetAside))
	return said
}

// nothingTaken refuses a file of which no row could be taken: that is the wrong file, not a body where nobody works.
func nothingTaken(env *cli.Env, s *hr.Snapshot) error {
	if s.Rows == 0 || len(s.Records) > 0 {
		return nil
	}
	return cli.Hint(env.Err("жодного рядка не прийнято", "no row was taken"),
		env.T("чи це файл цього органу? причини названо вище", "is it this body's file? the reasons stand above"))
}

// writeReport writes «хто без посвідчення і чому».
func writeReport(env *cli.Env, name string, s *hr.Snapshot, p *hr.Plan, at time.Time) error {
	list := hr.WithoutID(s, p, at)
	var buffer strings.Builder
	if err := hr.WriteWithoutIDReport(&buffer, list, at); err != nil {
		return err
	}
	if err := env.WriteFile(name, []byte(buffer.String()), 0o600); err != nil {
		return err
	}
	env.Say("хто без посвідчення і чому: %s, осіб: %d", "who gets no ID and why: %s, people: %d", name, len(list))
	return nil
}

// planFile is where plan n of the body lies.
func (f *bodyFolder) planFile(n uint64) string { return f.file("plans", fmt.Sprintf("%d.json", n)) }

// plan makes the plan of a snapshot against the register and writes it.
func (b *openBody) plan(ctx context.Context, snapshot *hr.Snapshot, answers []hr.Answer, at time.Time) (*hr.Plan, string, error) {
	known, err := b.register.Known(ctx)
	if err != nil {
		return nil, "", err
	}
	options, err := b.register.PlanOptions(ctx, at, planLife)
	if err != nil {
		return nil, "", err
	}
	options.Answers = answers
	plan, err := hr.MakePlan(known, snapshot, options)
	if err != nil {
		return nil, "", problemIn(b.env, err)
	}
	var buffer strings.Builder
	if _, err := plan.WriteTo(&buffer); err != nil {
		return nil, "", err
	}
	// A plan made anew takes the number of one that was never applied; signatures under that one are of no use any more.
	stale, err := b.proposalFiles(fmt.Sprintf("%d.", plan.Number), ".approval")
	if err != nil {
		return nil, "", err
	}
	for _, name := range stale {
		if err := os.Remove(name); err != nil {
			return nil, "", err
		}
	}
	name := b.planFile(plan.Number)
	return plan, name, cli.WriteAtomic(name, []byte(buffer.String()), 0o600)
}

func hrPlanCommand(env *cli.Env) *cobra.Command {
	var file staffFile
	var report string
	var same, different []string
	command := &cobra.Command{
		Use: "plan FILE", Args: cobra.ExactArgs(1),
		Short: "що зміниться, якщо прийняти цей файл / what the file would change",
	}
	file.flags(command)
	edrpou := bodyFlag(command)
	command.Flags().StringVar(&report, "report", "", "XLSX «хто без посвідчення і чому» / who gets no ID and why")
	command.Flags().StringSliceVar(&same, "same", nil, "відповідь на запитання плану: та сама особа / the answer to a question: one person")
	command.Flags().StringSliceVar(&different, "different", nil, "відповідь: різні особи / the answer: two persons")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		file.name = args[0]
		snapshot, photoProblems, err := file.read(env, b.edrpou, b.keepPhoto)
		if err != nil {
			return err
		}
		var answers []hr.Answer
		for _, id := range same {
			answers = append(answers, hr.Answer{Question: id, Same: true})
		}
		for _, id := range different {
			answers = append(answers, hr.Answer{Question: id})
		}
		said := tellSnapshot(env, snapshot, photoProblems)
		if err := nothingTaken(env, snapshot); err != nil {
			return err
		}
		at := env.Now()
		plan, name, err := b.plan(ctx, snapshot, answers, at)
		if err != nil {
			return err
		}
		tellPlan(env, plan, said)
		tellItems(env, plan)
		env.Print("план %d: %s", "plan %d: %s", plan.Number, name)
		if report != "" {
			return writeReport(env, report, snapshot, plan, at)
		}
		return nil
	})
	return command
}

// itemWords are the kinds of steps as people read them, in the order in which they are applied.
var itemWords = []struct {
	kind   hr.ItemKind
	uk, en string
}{
	{hr.Leave, "вибуття", "leave"},
	{hr.Suspend, "зупинення", "suspend"},
	{hr.Join, "прийом", "join"},
	{hr.Change, "зміна даних", "change"},
	{hr.Move, "переведення", "move"},
	{hr.Resume, "поновлення", "resume"},
}

// tellPlan prints a plan: live IDs that wait for a correction first, the other rows that wait, what could not be matched
// (a dismissal of nobody known must be seen), questions, counts, and what the brake holds. said holds lines that were
// printed before.
func tellPlan(env *cli.Env, p *hr.Plan, said map[string]bool) {
	if said == nil {
		said = map[string]bool{}
	}
	for _, row := range p.SetAside {
		if !row.LiveID {
			continue
		}
		for _, problem := range row.Problems {
			env.Print("! має чинне посвідчення, поновлення зупинено: %s", "! holds a live ID, its renewal waits: %s", problem.Format(env.Lang))
		}
	}
	for _, row := range p.SetAside {
		if !row.LiveID {
			tellProblems(env, said, row.Problems...)
		}
	}
	tellProblems(env, said, p.Notes...)
	for _, q := range p.Questions {
		env.Print("? рядок %d: змінився номер особи. Та сама особа? --same %s, різні: --different %s", "? row %d: the person's number changed. One person? --same %s, two: --different %s", q.Line, q.ID, q.ID)
	}
	all, held := p.Counts()
	for _, w := range itemWords {
		if all[w.kind] == 0 {
			continue
		}
		line := env.T(fmt.Sprintf("%-12s %5d", w.uk, all[w.kind]), fmt.Sprintf("%-12s %5d", w.en, all[w.kind]))
		if held[w.kind] > 0 {
			line += env.T(fmt.Sprintf("   чекає другого підписувача: %d", held[w.kind]), fmt.Sprintf("   waits for an approver: %d", held[w.kind]))
		}
		fmt.Fprintln(env.Stdout, line)
	}
	switch {
	case p.Brake.Tripped && p.Brake.Body == 0:
		env.Print("перше завантаження: %d осіб", "first load: %d people", p.Brake.People)
	case p.Brake.Tripped:
		env.Print("запобіжник масових змін: %d із %d осіб", "brake on mass changes: %d of %d people", p.Brake.People, p.Brake.Body)
	}
	var reasons []string
	seen := map[hr.Code]bool{}
	for _, item := range p.Items {
		for _, r := range item.HeldBy {
			if !seen[r.Code] {
				seen[r.Code] = true
				reasons = append(reasons, r.Text(env.Lang))
			}
		}
	}
	sort.Strings(reasons)
	for _, r := range reasons {
		env.Print("чому чекає: %s", "why it waits: %s", r)
	}
}

// shownItems is how many steps of a plan are shown one by one; the rest is in its file.
const shownItems = 30

// tellItems names the people whom the plan takes something from or whose step waits: what is signed is seen before.
func tellItems(env *cli.Env, p *hr.Plan) {
	n := 0
	for i := range p.Items {
		it := &p.Items[i]
		if !it.Held && it.Kind != hr.Leave && it.Kind != hr.Suspend {
			continue
		}
		if n++; n > shownItems {
			continue
		}
		record, word := it.After, ""
		if record == nil {
			record = it.Before
		}
		for _, w := range itemWords {
			if w.kind == it.Kind {
				word = env.T(w.uk, w.en)
			}
		}
		what := visible(record.FullName()) + " · " + visible(record.Position)
		if len(it.Fields) > 0 {
			what += " (" + strings.Join(it.Fields, ", ") + ")"
		}
		if it.Before != nil && it.After != nil && (it.Before.Rank != it.After.Rank || it.Before.Category != it.After.Category) {
			what += fmt.Sprintf(" %s%d → %s%d", it.Before.Category, it.Before.Rank, it.After.Category, it.After.Rank)
		}
		env.Print("  %s: %s", "  %s: %s", word, what)
	}
	if n > shownItems {
		env.Print("  … і ще %d, усі у файлі плану", "  … and %d more, all in the plan's file", n-shownItems)
	}
}

// readPlan reads a plan by number or file name.
func (f *bodyFolder) readPlan(name string) (*hr.Plan, error) {
	if !strings.ContainsAny(name, "/.") {
		name = f.file("plans", name+".json")
	}
	data, err := f.env.ReadFile(name, hr.MaxPlanBytes)
	if err != nil {
		return nil, err
	}
	plan, err := hr.ParsePlan(data)
	return plan, problemIn(f.env, err)
}

// approvalFile is where an operator's approval of plan n lies.
func (f *bodyFolder) approvalFile(n uint64, o issuer.Operator, part issuer.ApprovalPart) string {
	return f.file("plans", fmt.Sprintf("%d.%s-%d.approval", n, part, o.ID))
}

// sign signs a plan as its author or as its approver. One operator is never both: the register would refuse the plan for ever.
func (b *openBody) sign(ctx context.Context, plan *hr.Plan, o issuer.Operator, part issuer.ApprovalPart, at time.Time) (string, error) {
	other := issuer.PartApprover
	if part == issuer.PartApprover {
		other = issuer.PartAuthor
	}
	operators, err := b.register.Operators(ctx)
	if err != nil {
		return "", err
	}
	signed, err := readApproval(b.approvalFile(plan.Number, o, other), plan, operators)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotOfPlan):
		return "", err
	case signed == nil:
	case part == issuer.PartApprover:
		return "", cli.Hint(b.env.Err("підписувач %d — автор плану %d, а другим підписувачем має бути інша особа", "operator %d is the author of plan %d, and the approver is a different person", o.ID, plan.Number),
			b.env.T("posvid hr approve %d --as ІНШИЙ", "posvid hr approve %d --as ANOTHER", plan.Number))
	default:
		return "", cli.Hint(b.env.Err("підписувач %d уже підписав план %d як другий, тож автором має бути інша особа", "operator %d has signed plan %d as its approver, so the author is a different person", o.ID, plan.Number),
			b.env.T("posvid hr apply %d ФАЙЛ --as ІНШИЙ", "posvid hr apply %d FILE --as ANOTHER", plan.Number))
	}
	key, err := b.operatorKey(o)
	if err != nil {
		return "", err
	}
	approval, err := issuer.SignApproval(issuer.PlanSubject(plan), part, key, at)
	if err != nil {
		return "", err
	}
	name := b.approvalFile(plan.Number, o, part)
	return name, cli.WriteAtomic(name, approval, 0o600)
}

// errNotOfPlan: a file in the folder of plans is not an approval of the plan as it stands by an operator of the body.
var errNotOfPlan = errors.New("posvid: not an approval of this plan as it stands")

// readApproval reads a file that should be an approval of the plan. Errors: fs.ErrNotExist, errNotOfPlan.
func readApproval(name string, plan *hr.Plan, operators []issuer.Operator) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, issuer.MaxApproval+1))
	if err != nil {
		return nil, err
	}
	approval, err := issuer.ParseApproval(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotOfPlan, err)
	}
	subject := issuer.PlanSubject(plan)
	for _, o := range operators {
		if !o.Active() || o.Key.KeyID() != approval.UnverifiedKeyID() {
			continue
		}
		if a, err := approval.Verify(o.Key); err == nil && a.Hash == subject.Hash && a.Number == subject.Number && a.Kind == subject.Kind && a.EDRPOU == subject.EDRPOU {
			return data, nil
		}
	}
	return nil, errNotOfPlan
}

// approvals reads the author's signature under the plan and every approver's. Whoever applied it earlier as its author is not
// the author of this attempt. A file that is no approval of this plan is named and left out: the register refuses a plan
// together with a bad signature, and a stray file must not hold up a dismissal.
func (b *openBody) approvals(ctx context.Context, plan *hr.Plan, author issuer.Operator) ([][]byte, error) {
	names, err := b.proposalFiles(fmt.Sprintf("%d.%s-", plan.Number, issuer.PartApprover), ".approval")
	if err != nil {
		return nil, err
	}
	operators, err := b.register.Operators(ctx)
	if err != nil {
		return nil, err
	}
	names = append(names, b.approvalFile(plan.Number, author, issuer.PartAuthor))
	var all [][]byte
	seen := map[string]bool{}
	for _, name := range names {
		data, err := readApproval(name, plan, operators)
		if errors.Is(err, errNotOfPlan) {
			b.env.Say("підпис не враховано, він не під цим планом: %s", "approval left out, it is not of this plan: %s", name)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !seen[string(data)] { // a copy under another name
			seen[string(data)] = true
			all = append(all, data)
		}
	}
	return all, nil
}

func hrApproveCommand(env *cli.Env) *cobra.Command {
	var author bool
	command := &cobra.Command{
		Use: "approve PLAN", Args: cobra.ExactArgs(1),
		Short: "підписати план другою особою / sign a plan as the second person",
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	command.Flags().BoolVar(&author, "author", false, "підписати як автор плану / sign as the plan's author")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		plan, err := b.readPlan(args[0])
		if err != nil {
			return err
		}
		o, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		part := issuer.PartApprover
		if author {
			part = issuer.PartAuthor
		}
		tellPlan(env, plan, nil)
		tellItems(env, plan)
		name, err := b.sign(ctx, plan, o, part, env.Now())
		if err != nil {
			return err
		}
		env.Print("підпис: %s (SHA-256 плану %s)", "approval: %s (SHA-256 of the plan %s)", name, planHash(plan))
		return nil
	})
	return command
}

func hrApplyCommand(env *cli.Env) *cobra.Command {
	var file staffFile
	command := &cobra.Command{
		Use: "apply PLAN FILE", Args: cobra.ExactArgs(2),
		Short: "застосувати план / apply a plan made of FILE",
		Long: env.T("Звільнення і зупинення діють одразу. Що тримає запобіжник, чекає на підпис другої особи: posvid hr approve, тоді ще раз apply.",
			"Leaves and suspensions take effect at once. What the brake holds waits for the second person: posvid hr approve, then apply again."),
	}
	file.flags(command)
	edrpou, as := bodyFlag(command), asFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		plan, err := b.readPlan(args[0])
		if err != nil {
			return err
		}
		o, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		file.name = args[1]
		snapshot, _, err := file.read(env, b.edrpou, b.keepPhoto)
		if err != nil {
			return err
		}
		report, err := b.apply(ctx, plan, snapshot, o, env.Now())
		if err != nil {
			return err
		}
		tellApplied(env, report)
		return nil
	})
	return command
}

// apply signs a plan as its author, binds it to what its file holds and applies it with every approval there is.
func (b *openBody) apply(ctx context.Context, plan *hr.Plan, snapshot *hr.Snapshot, author issuer.Operator, at time.Time) (*issuer.PlanReport, error) {
	if err := plan.Bind(snapshot, b.register.PersonSecret()); err != nil {
		return nil, problemIn(b.env, err)
	}
	if _, err := b.sign(ctx, plan, author, issuer.PartAuthor, at); err != nil {
		return nil, err
	}
	approvals, err := b.approvals(ctx, plan, author)
	if err != nil {
		return nil, err
	}
	return b.register.ApplyPlan(ctx, plan, approvals, at)
}

func tellApplied(env *cli.Env, r *issuer.PlanReport) {
	for _, w := range itemWords {
		if n := r.Applied[w.kind]; n > 0 {
			env.Print(fmt.Sprintf("%-12s %5d", w.uk, n), fmt.Sprintf("%-12s %5d", w.en, n))
		}
	}
	if r.Revoked+r.Suspended+r.Resumed > 0 {
		env.Print("посвідчень анульовано: %d, зупинено: %d, поновлено: %d", "IDs revoked: %d, suspended: %d, resumed: %d", r.Revoked, r.Suspended, r.Resumed)
	}
	if r.State == issuer.PlanWaiting {
		env.Print("чекає другого підписувача: %d. posvid hr approve %d --as …, тоді ще раз apply", "waiting for an approver: %d. posvid hr approve %d --as …, then apply again", r.Held, r.Number)
	} else {
		env.Print("план %d застосовано", "plan %d applied", r.Number)
	}
}

// planHash is what an operator compares before he signs: SHA-256 of the canonical plan in hex.
func planHash(p *hr.Plan) string { return fmt.Sprintf("%x", p.Hash()) }

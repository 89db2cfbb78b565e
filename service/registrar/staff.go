package registrar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// staffPage is the list of staff files with the form for another one.
type staffPage struct {
	ui
	Loads  []*load
	CanAdd bool
}

func (p *pages) staff(c *call) error {
	return p.staffWith(c, http.StatusOK, c.draft(), nil)
}

func (p *pages) staffWith(c *call, status int, draft map[string][]string, wrong error) error {
	all, err := p.loads(c.r.Context(), c.body.EDRPOU, 100)
	if err != nil {
		return err
	}
	if err := p.endSuperseded(c.r.Context(), c.body, all, c.at); err != nil {
		return err
	}
	v := staffPage{ui: c.uiWith(draft), Loads: all, CanAdd: c.has(service.Registrar)}
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	return c.Render(c.w, c.r, status, "staff", v)
}

// Fields of the upload form that come before its files.
const (
	maxFieldBytes = 4 << 10
	maxFormParts  = 16
)

// fileName is the name a browser gave, without folders and without what a page would not show.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r == '\n' {
			return '�'
		}
		return r
	}, visible(name))
	if name == "." || name == "/" || name == "" {
		name = "staff"
	}
	if utf8.RuneCountInString(name) > 120 {
		name = string([]rune(name)[:120])
	}
	return name
}

// upload takes a staff file with its mapping and photos, sealed piece by piece as it arrives. The job does the rest.
func (p *pages) upload(c *call) error {
	reader, err := c.r.MultipartReader()
	if err != nil {
		return errContentType.Because(err)
	}
	fields := map[string][]string{}
	var l *load
	var facts loadFacts
	haveFile := false
	cleanup := func(cause error) error {
		if l != nil {
			if err := p.dropLoad(context.WithoutCancel(c.r.Context()), l); err != nil {
				return err
			}
		}
		return cause
	}
	for n := 0; ; n++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			return cleanup(service.TooLarge.Because(err))
		case err != nil:
			return cleanup(errUpload.Because(err))
		case n >= maxFormParts:
			return cleanup(errForm)
		}
		if part.FileName() == "" {
			if part.FormName() == "staff" || part.FormName() == "photos" || part.FormName() == "mapping" {
				continue // no file was chosen
			}
			value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
			switch {
			case err != nil:
				return cleanup(errUpload.Because(err))
			case len(value) > maxFieldBytes || !utf8.Valid(value) || l != nil:
				return cleanup(errForm)
			}
			fields[part.FormName()] = append(fields[part.FormName()], strings.TrimSpace(string(value)))
			continue
		}
		if l == nil {
			var made bool
			if l, made, err = p.beginLoad(c, fields, &facts); err != nil {
				return p.staffWith(c, problem(err).Status, fields, err)
			}
			if !made { // the same form once more
				return c.seeOther(c.path("staff", l.ID))
			}
		}
		if err := p.receive(c, l, part, &facts, &haveFile); err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				err = service.TooLarge.Because(err)
			}
			if c.r.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errUpload.Because(err)
			}
			if err := cleanup(nil); err != nil {
				return err
			}
			return p.staffWith(c, problem(err).Status, fields, err)
		}
	}
	if !haveFile {
		if err := cleanup(nil); err != nil {
			return err
		}
		return p.staffWith(c, http.StatusBadRequest, fields, errNoFile)
	}
	l, err = p.change(c.r.Context(), l.Body, l.ID, c.at, func(_ *store.ServiceTx, now *load) error {
		if now.Stage != stageReceiving {
			return errStage
		}
		now.loadFacts, now.Stage = facts, stageReading
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.sent(c.path("staff")); err != nil {
		return err
	}
	return c.seeOther(c.path("staff", l.ID))
}

// beginLoad checks the fields of the form and makes the load.
func (p *pages) beginLoad(c *call, fields map[string][]string, facts *loadFacts) (*load, bool, error) {
	one := func(name string) string {
		if v := fields[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	once, err := c.once("staff", one("once"))
	if err != nil {
		return nil, false, err
	}
	facts.Sheet, facts.Full = one("sheet"), one("full") == "yes"
	if utf8.RuneCountInString(facts.Sheet) > hr.MaxShortRunes {
		return nil, false, errForm
	}
	if text := one("total"); text != "" {
		if facts.Total, err = strconv.Atoi(text); err != nil || facts.Total < 1 || facts.Total > hr.MaxRows {
			return nil, false, errForm
		}
	}
	return p.newLoad(c.r.Context(), c.body.EDRPOU, c.account(), once, *facts, c.at)
}

// receive seals one file of the form. Each comes once.
func (p *pages) receive(c *call, l *load, file *multipart.Part, facts *loadFacts, haveFile *bool) error {
	ctx := c.r.Context()
	switch file.FormName() {
	case "staff":
		if *haveFile {
			return errForm
		}
		size, err := p.putPart(ctx, l.ID, partFile, file, hr.MaxFileBytes)
		if err != nil {
			return err
		}
		if size == 0 {
			return hr.Problem{Code: hr.EmptyFile}
		}
		facts.File, facts.Size, *haveFile = fileName(file.FileName()), size, true
		return nil
	case "mapping":
		if facts.Mapping {
			return errForm
		}
		size, err := p.putPart(ctx, l.ID, partMapping, file, hr.MaxMappingBytes)
		facts.Mapping = size > 0
		return err
	case "photos":
		if facts.Photos != "" {
			return errForm
		}
		size, err := p.putPart(ctx, l.ID, partPhotos, file, maxPhotoZip)
		if err != nil {
			return err
		}
		if size > 0 {
			facts.Photos, facts.PhotosSize = fileName(file.FileName()), size
		}
		return nil
	default:
		return errForm
	}
}

// dropLoad takes back a load whose upload did not end.
func (p *pages) dropLoad(ctx context.Context, l *load) error {
	return p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		now, err := getLoad(tx, l.Body, l.ID)
		if err != nil || now.Stage != stageReceiving {
			return err
		}
		if err := dropParts(tx, l.ID); err != nil {
			return err
		}
		return tx.Exec1(`DELETE FROM staff_loads WHERE id = $1`, l.ID)
	})
}

// tab is one list of a plan.
type tab struct {
	Name, Text string
	Count      int
	Current    bool
}

// itemRow is one step as the page shows it.
type itemRow struct {
	Kind                 hr.ItemKind
	Name, Position, Unit string
	Line                 int
	Was                  string // name, position and unit before, when they differ
	Fields               []string
	Rank                 string
	Held, Live           bool
	Why, NoID            []string
	Order                string
}

// questionRow is one question of a plan.
type questionRow struct {
	ID, Before, After string
	Line              int
	Live              bool
	Same, Different   bool // the answer so far
}

// asideRow is a row that waits for correction.
type asideRow struct {
	Line     int
	Live     bool
	Problems []string
}

// loadPage is one staff file.
type loadPage struct {
	ui
	Load       *load
	Busy       bool
	Progress   *progress
	Percent    int
	Step       int // 1 file, 2 plan, 3 author, 4 approver, 5 done
	Tabs       []tab
	List       string
	Query      string
	Items      []itemRow
	Aside      []asideRow
	Questions  []questionRow
	Problems   []string
	Alarms     []string // what is wrong with the file as a whole
	Pager      service.Pager
	Held       int
	HeldWhy    []string
	Author     string
	Approver   string
	Discarder  string
	Operator   string // the caller's
	CanSign    bool
	CanApprove bool
	CanChange  bool
	OwnPlan    bool // the caller is the author: the approver is somebody else
	Fresh      bool // the second factor counts now
	Forgotten  bool
}

func (p *pages) showLoad(c *call) error { return p.loadWith(c, http.StatusOK, nil) }

// loadWith shows a load, with what was wrong with a form when there was.
func (p *pages) loadWith(c *call, status int, wrong error) error {
	ctx := c.r.Context()
	l, err := p.load(ctx, c.body.EDRPOU, c.number("load"))
	if err != nil {
		return err
	}
	one := []*load{l}
	if err := p.endSuperseded(ctx, c.body, one, c.at); err != nil {
		return err
	}
	l = one[0]
	v := &loadPage{ui: c.uiWith(c.draft()), Load: l, CanChange: c.has(service.Registrar), Fresh: c.fresh()}
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	v.Busy = l.Stage == stageReading || l.Stage == stageApplying || l.Stage == stageFinishing || l.Stage == stageReceiving
	if g, ok := p.progressOf(loadKey(l.ID)); ok && v.Busy {
		v.Progress = &g
		if g.Total > 0 {
			v.Percent = min(100, g.Done*100/g.Total)
		}
	}
	switch l.Stage {
	case stageReceiving, stageReading, stageFailed:
		v.Step = 1
	case stagePlanned, stageStale, stageDiscarded:
		v.Step = 2
	case stageApplying:
		v.Step = 3
	case stageWaiting, stageFinishing, stageEnded:
		v.Step = 4
	case stageDone:
		v.Step = 5
	}
	if l.Plan != nil && l.Stage != stageReading {
		if err := p.fillPlan(c, v, l); err != nil {
			return err
		}
	}
	if l.Plan == nil && l.Stage == stageFailed {
		data, err := p.problemsOf(ctx, l)
		if err != nil {
			return err
		}
		v.Tabs = []tab{{"problems", v.T("Зауваження до файла", "What is wrong in the file"), len(data), true}}
		v.List = "problems"
		v.fillProblems(c, data)
	}
	return c.Render(c.w, c.r, status, "load", v)
}

// fresh tells whether the caller's second factor counts now.
func (c *call) fresh() bool {
	at := service.PrincipalOf(c.r.Context()).SecondFactor
	return !at.IsZero() && c.at.Sub(at) < service.SecondFactorTerm
}

// operatorName is an operator as the body's people know him.
func operatorName(all []issuer.Operator, id int64) string {
	for _, o := range all {
		if o.ID == id {
			return fmt.Sprintf("%d %s", o.ID, o.Name)
		}
	}
	return ""
}

func (p *pages) fillPlan(c *call, v *loadPage, l *load) error {
	ctx := c.r.Context()
	view, err := p.viewOf(ctx, l)
	if err != nil {
		return err
	}
	operators, err := c.body.Register.Operators(ctx)
	if err != nil {
		return err
	}
	v.Author, v.Approver, v.Discarder = operatorName(operators, l.Author), operatorName(operators, l.Approver), operatorName(operators, l.Discarder)
	role := service.Registrar
	if l.Stage == stageWaiting {
		role = service.Approver
	}
	if o, err := p.operatorOf(ctx, c.body, role); err == nil {
		v.Operator = operatorName(operators, o.ID)
		v.CanSign = l.Stage == stagePlanned
		v.OwnPlan = l.Stage == stageWaiting && o.ID == l.Author
		v.CanApprove = l.Stage == stageWaiting && !v.OwnPlan
	}
	for _, n := range l.Plan.Held {
		v.Held += n
	}
	if l.Stage == stageWaiting && l.Report != nil {
		v.Held = l.Report.Held
	}
	if l.Stage == stageDone {
		v.Held = 0 // nothing waits any more
	}
	if view.plan == nil {
		v.Forgotten = true
		return nil
	}
	plan := view.plan
	seen := map[string]bool{}
	for i := range plan.Items {
		for _, r := range plan.Items[i].HeldBy {
			if t := r.Text(c.lang); !seen[t] {
				seen[t] = true
				v.HeldWhy = append(v.HeldWhy, t)
			}
		}
	}
	sort.Strings(v.HeldWhy)
	for _, one := range view.problems {
		if !one.Warning && one.Line == 0 || one.Code == hr.BadDirective || one.Code == hr.TotalMismatch || one.Code == hr.TotalMissing {
			v.Alarms = append(v.Alarms, one.Format(c.lang))
		}
	}
	v.Alarms = v.Alarms[:min(len(v.Alarms), 10)]
	add := func(name, text string, n int) {
		if n > 0 || name == "all" {
			v.Tabs = append(v.Tabs, tab{Name: name, Text: text, Count: n})
		}
	}
	add("questions", v.T("Запитання", "Questions"), len(plan.Questions))
	add("held", v.T("Чекають другого підписувача", "Wait for the approver"), l.Plan.held())
	for _, w := range itemWords {
		add(string(w.kind), v.T(w.uk, w.en), l.Plan.All[w.kind])
	}
	add("aside", v.T("Відкладено до виправлення", "Set aside"), len(plan.SetAside))
	add("notes", v.T("Примітки", "Notes"), len(plan.Notes))
	add("problems", v.T("Зауваження до файла", "What is wrong in the file"), len(view.problems))
	add("all", v.T("Усі кроки", "All steps"), len(plan.Items))
	v.List = c.query("list")
	if !slices.ContainsFunc(v.Tabs, func(t tab) bool { return t.Name == v.List }) {
		v.List = v.Tabs[0].Name
	}
	for i := range v.Tabs {
		v.Tabs[i].Current = v.Tabs[i].Name == v.List
	}
	v.Query = c.query("q")
	words := strings.Fields(fold(v.Query))
	switch v.List {
	case "questions":
		v.Pager = c.page(len(plan.Questions))
		for i := v.Pager.From; i < v.Pager.To; i++ {
			v.Questions = append(v.Questions, v.question(&plan.Questions[i], l.Answers))
		}
	case "aside":
		rows := slices.Clone(plan.SetAside)
		v.Pager = c.page(len(rows))
		for _, r := range rows[v.Pager.From:v.Pager.To] {
			row := asideRow{Line: r.Line, Live: r.LiveID}
			for _, problem := range r.Problems {
				row.Problems = append(row.Problems, problem.Format(c.lang))
			}
			v.Aside = append(v.Aside, row)
		}
	case "notes":
		v.fillProblems(c, plan.Notes)
	case "problems":
		v.fillProblems(c, view.problems)
	default:
		var found []int
		for i := range plan.Items {
			it := &plan.Items[i]
			if (v.List == "all" || v.List == "held" && it.Held || string(it.Kind) == v.List) && matches(view.search[i], words) {
				found = append(found, i)
			}
		}
		v.Pager = c.page(len(found))
		for _, i := range found[v.Pager.From:v.Pager.To] {
			v.Items = append(v.Items, v.item(&plan.Items[i]))
		}
	}
	return nil
}

// held is how many steps the plan itself holds back.
func (f *planFacts) held() (n int) {
	for _, k := range f.Held {
		n += k
	}
	return n
}

// fillProblems shows one page of problems that match the question.
func (v *loadPage) fillProblems(c *call, all []hr.Problem) {
	v.Query = c.query("q")
	words := strings.Fields(fold(v.Query))
	var found []string
	for _, problem := range all {
		if line := problem.Format(c.lang); matches(fold(line), words) {
			found = append(found, line)
		}
	}
	v.Pager = c.page(len(found))
	v.Problems = found[v.Pager.From:v.Pager.To]
}

// problemsOf reads what was wrong in a file that gave no plan.
func (p *pages) problemsOf(ctx context.Context, l *load) ([]hr.Problem, error) {
	data, err := p.part(ctx, l.ID, partProblems)
	if err != nil || data == nil {
		return nil, err
	}
	return decodeProblems(data)
}

func (u ui) question(q *hr.Question, answers []hr.Answer) questionRow {
	row := questionRow{ID: q.ID, Line: q.Line, Live: q.LiveID, Before: personLine(q.Before), After: personLine(q.After)}
	for _, a := range answers {
		if a.Question == q.ID {
			row.Same, row.Different = a.Same, !a.Same
		}
	}
	return row
}

// personLine is a person in a post on one line.
func personLine(r *hr.Record) string {
	if r == nil {
		return ""
	}
	parts := []string{r.FullName(), r.Position, r.Unit}
	return visible(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · "))
}

// fieldWords are the fields of a record in Ukrainian, where English shows the name itself.
var fieldWords = map[string]string{
	"surname": "прізвище", "given_name": "власне ім'я", "patronymic": "по батькові", "surname_latin": "прізвище латиницею", "given_name_latin": "ім'я латиницею",
	"edrpou": "ЄДРПОУ", "body_name": "орган", "staff_number": "табельний номер", "unit": "підрозділ", "unit_en": "підрозділ англійською", "position": "посада",
	"position_en": "посада англійською", "category": "категорія", "rank": "ранг", "official": "вид особи", "katottg": "КАТОТТГ", "from": "працює з", "until": "працює до",
	"employed_from": "працює з", "employed_until": "працює до", "plastic_series": "серія посвідчення", "plastic_number": "номер посвідчення", "plastic_issued": "посвідчення видано",
	"plastic_expires": "посвідчення дійсне до", "carrier_number": "номер носія", "photo": "світлина", "number": "номер особи",
}

func (u ui) item(it *hr.Item) itemRow {
	r := recordOf(it)
	row := itemRow{Kind: it.Kind, Name: visible(r.FullName()), Position: visible(r.Position), Unit: visible(r.Unit), Line: it.Line, Held: it.Held, Live: it.LiveID}
	if it.Before != nil && it.After != nil {
		before := personLine(it.Before)
		if before != personLine(it.After) {
			row.Was = before
		}
		if it.Before.Rank != it.After.Rank || it.Before.Category != it.After.Category {
			row.Rank = fmt.Sprintf("%s%s → %s%s", it.Before.Category, rankText(it.Before.Rank), it.After.Category, rankText(it.After.Rank))
		}
	}
	for _, f := range it.Fields {
		if w, ok := fieldWords[f]; ok && u.Lang != "en" {
			f = w
		}
		row.Fields = append(row.Fields, f)
	}
	for _, why := range it.HeldBy {
		row.Why = append(row.Why, why.Text(u.Lang))
	}
	for _, why := range it.NoID {
		row.NoID = append(row.NoID, u.Reason(why))
	}
	if it.Inferred {
		row.Why = append(row.Why, u.T("немає в повному файлі", "absent from a full file"))
	}
	if it.OrderNumber != "" {
		row.Order = visible(it.OrderNumber) + " · " + it.OrderDate.UA()
	}
	return row
}

func rankText(n uint8) string {
	if n == 0 {
		return "—"
	}
	return strconv.Itoa(int(n))
}

// planFile is the plan as a file: what the approver compares and signs elsewhere.
func (p *pages) planFile(c *call) error {
	l, err := p.load(c.r.Context(), c.body.EDRPOU, c.number("load"))
	if err != nil {
		return err
	}
	if l.Plan == nil {
		return errNoSuchLoad
	}
	data, err := p.part(c.r.Context(), l.ID, partPlan)
	if err != nil {
		return err
	}
	if data == nil {
		return errNoSuchLoad
	}
	c.download(fmt.Sprintf("plan-%s-%d.json", c.body.EDRPOU, l.Plan.Number), "application/json")
	_, err = c.w.Write(data)
	return err
}

// download sets the headers of a file that a browser saves. name is ours.
func (c *call) download(name, kind string) {
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
}

// answer takes answers to a plan's questions; the plan is made anew with them.
func (p *pages) answer(c *call) error {
	var answers []hr.Answer
	for name := range c.r.PostForm {
		id, ok := strings.CutPrefix(name, "q-")
		if !ok {
			continue
		}
		switch c.value(name) {
		case "same":
			answers = append(answers, hr.Answer{Question: id, Same: true})
		case "different":
			answers = append(answers, hr.Answer{Question: id})
		case "":
		default:
			return errForm
		}
	}
	slices.SortFunc(answers, func(a, b hr.Answer) int { return strings.Compare(a.Question, b.Question) })
	return p.again(c, func(tx *store.ServiceTx, l *load) error {
		view, err := p.viewOf(c.r.Context(), l)
		if err != nil {
			return err
		}
		if view.plan == nil {
			return errStage
		}
		for _, a := range answers {
			if !slices.ContainsFunc(view.plan.Questions, func(q hr.Question) bool { return q.ID == a.Question }) {
				return errPlanChanged
			}
		}
		for _, old := range l.Answers { // answers of an earlier round stay unless given anew
			if !slices.ContainsFunc(answers, func(a hr.Answer) bool { return a.Question == old.Question }) {
				answers = append(answers, old)
			}
		}
		l.Answers = answers
		return nil
	}, stagePlanned)
}

// replan has the plan made anew of the same file.
func (p *pages) replan(c *call) error {
	return p.again(c, func(*store.ServiceTx, *load) error { return nil }, stagePlanned, stageStale, stageEnded)
}

// again sends a load back to the job that reads it.
func (p *pages) again(c *call, f func(*store.ServiceTx, *load) error, from ...stage) error {
	id := c.number("load")
	l, err := p.load(c.r.Context(), c.body.EDRPOU, id)
	if err != nil {
		return err
	}
	if _, err := p.viewOf(c.r.Context(), l); err != nil { // into memory, before the one write transaction
		return err
	}
	_, err = p.change(c.r.Context(), c.body.EDRPOU, id, c.at, func(tx *store.ServiceTx, now *load) error {
		switch {
		case now.Stage == stageReading: // the same post twice
			return nil
		case !slices.Contains(from, now.Stage):
			return errStage
		case now.Plan != nil && c.value("hash") != now.Plan.Hash:
			return errPlanChanged
		}
		if err := f(tx, now); err != nil {
			return err
		}
		now.Stage, now.Failure, now.Note = stageReading, nil, nil
		return dropApprovals(tx, now.ID, issuer.PartAuthor, issuer.PartApprover)
	})
	if err != nil {
		return p.loadRefused(c, err)
	}
	return c.seeOther(c.path("staff", id))
}

// loadRefused shows a refusal on the load's own page, so that nothing typed elsewhere on it is lost; what is not about the load
// is answered as it is.
func (p *pages) loadRefused(c *call, err error) error {
	known := told(err)
	var named *service.Problem
	if !errors.As(known, &named) || errors.Is(err, errNoSuchLoad) {
		return known
	}
	return p.loadWith(c, named.Status, err)
}

// discard puts a load aside that nobody signed. One with stated leaves needs the word that this is meant.
func (p *pages) discard(c *call) error {
	id := c.number("load")
	_, err := p.change(c.r.Context(), c.body.EDRPOU, id, c.at, func(_ *store.ServiceTx, now *load) error {
		switch now.Stage {
		case stageDiscarded:
			return nil
		case stagePlanned, stageStale:
		default:
			return errStage
		}
		if now.Plan != nil && now.Plan.Stated > 0 && c.value("sure") != "yes" {
			return errNotSure
		}
		now.Stage = stageDiscarded
		if o, err := p.operatorOf(c.r.Context(), c.body, service.Registrar); err == nil {
			now.Discarder = o.ID
		}
		return nil
	})
	if err != nil {
		return p.loadRefused(c, err)
	}
	return c.seeOther(c.path("staff", id))
}

var errNotSure = service.NewProblem(http.StatusConflict, "not-sure", "У плані є вибуття або зупинення, які ще не набули чинності.", "The plan has leaves or suspensions that have not taken effect.",
	"Позначте, що відкладаєте їх свідомо, або підпишіть план.", "Tick that you put them aside on purpose, or sign the plan.")

// signAuthor takes the author's signature and sends the plan to the register.
func (p *pages) signAuthor(c *call) error {
	return p.signLoad(c, service.Registrar, issuer.PartAuthor, stagePlanned, stageApplying)
}

// signApprover takes the second person's signature, made here or elsewhere, and finishes the plan.
func (p *pages) signApprover(c *call) error {
	return p.signLoad(c, service.Approver, issuer.PartApprover, stageWaiting, stageFinishing)
}

func (p *pages) signLoad(c *call, role service.Role, part issuer.ApprovalPart, from, to stage) error {
	ctx, id := c.r.Context(), c.number("load")
	l, err := p.load(ctx, c.body.EDRPOU, id)
	if err != nil {
		return err
	}
	o, err := p.operatorOf(ctx, c.body, role)
	if err != nil {
		return p.loadRefused(c, err)
	}
	if l.Stage != from {
		mine := l.Author
		if part == issuer.PartApprover {
			mine = l.Approver
		}
		if mine == o.ID && l.Plan != nil && l.Plan.Hash == c.value("hash") { // the same post twice
			return c.seeOther(c.path("staff", id))
		}
		return p.loadRefused(c, errStage)
	}
	if l.Plan == nil || c.value("hash") != l.Plan.Hash {
		return p.loadRefused(c, errPlanChanged)
	}
	if part == issuer.PartApprover && o.ID == l.Author {
		return p.loadRefused(c, issuer.ApprovalSamePerson)
	}
	view, err := p.viewOf(ctx, l)
	if err != nil {
		return err
	}
	if view.plan == nil {
		return p.loadRefused(c, errStage)
	}
	subject := issuer.PlanSubject(view.plan)
	if !c.at.Before(subject.Expires) {
		return p.loadRefused(c, issuer.PlanExpired)
	}
	row := approvalRow{Part: part, Operator: o.ID, At: c.at}
	if file, err := c.approvalFile(); err != nil {
		return p.loadRefused(c, err)
	} else if file != nil {
		signer, err := p.checkApproval(ctx, c.body, file, subject, part)
		if err != nil {
			return p.loadRefused(c, err)
		}
		if part == issuer.PartApprover && signer == l.Author {
			return p.loadRefused(c, issuer.ApprovalSamePerson)
		}
		row.Operator, row.Bytes = signer, file
	} else if row.Bytes, err = p.sign(ctx, c.body, o, c.r.PostForm.Get("passphrase"), subject, part, c.at); err != nil {
		return p.loadRefused(c, err)
	}
	_, err = p.change(ctx, c.body.EDRPOU, id, c.at, func(tx *store.ServiceTx, now *load) error {
		switch {
		case now.Stage != from:
			return errStage
		case now.Plan == nil || now.Plan.Hash != l.Plan.Hash:
			return errPlanChanged
		}
		if part == issuer.PartAuthor {
			now.Author = row.Operator
		} else {
			now.Approver = row.Operator
		}
		now.Stage, now.Note = to, nil
		return putApproval(tx, id, row)
	})
	if err != nil {
		return p.loadRefused(c, err)
	}
	return c.seeOther(c.path("staff", id))
}

// approvalFile is the approval that was sent instead of a passphrase; nil when none was.
func (c *call) approvalFile() ([]byte, error) {
	if c.r.MultipartForm == nil || len(c.r.MultipartForm.File["approval"]) == 0 {
		return nil, nil
	}
	headers := c.r.MultipartForm.File["approval"]
	if len(headers) != 1 || headers[0].Size > issuer.MaxApproval {
		return nil, errApproval
	}
	if headers[0].Size == 0 {
		return nil, nil
	}
	file, err := headers[0].Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, issuer.MaxApproval))
}

// checkApproval tells whose an approval is, and refuses one that is not of this very thing: what the register would refuse
// later must not come so far.
func (p *pages) checkApproval(ctx context.Context, b *service.Body, data []byte, s issuer.Subject, part issuer.ApprovalPart) (int64, error) {
	unverified, err := issuer.ParseApproval(data)
	if err != nil {
		return 0, errApproval.Because(err)
	}
	operators, err := b.Register.Operators(ctx)
	if err != nil {
		return 0, err
	}
	for _, o := range operators {
		if !o.Active() || o.Key.KeyID() != unverified.UnverifiedKeyID() {
			continue
		}
		a, err := unverified.Verify(o.Key)
		if err != nil {
			continue
		}
		switch {
		case a.EDRPOU != s.EDRPOU:
			return 0, issuer.ApprovalOtherBody
		case a.Kind != s.Kind || a.Number != s.Number:
			return 0, issuer.ApprovalOtherThing
		case a.Hash != s.Hash:
			return 0, issuer.ApprovalEdited
		case !a.Expires.Equal(s.Expires):
			return 0, issuer.ApprovalExpired
		case a.Part != part:
			return 0, issuer.ApprovalRole
		}
		want := issuer.RoleRegistrar
		if part == issuer.PartApprover {
			want = issuer.RoleApprover
		}
		if !o.Roles.Has(want) {
			return 0, issuer.ApprovalRole
		}
		return o.ID, nil
	}
	return 0, errApproval
}

package offices

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Problems of staffing lists.
var (
	NoStaffingFile = service.NewProblem(http.StatusUnprocessableEntity, "office-no-file", "Файла не надіслано.", "No file was sent.",
		"Оберіть файл штатного розпису.", "Choose the file of the staffing list.")
	StaffingStands = service.NewProblem(http.StatusConflict, "office-staffing-stands", "Цей список не можна ввести в дію.", "This list cannot come into force.",
		"Виправте названі рядки або надішліть файл ще раз: тим часом міг стати чинним інший.", "Mend the lines that are named, or send the file again: another list may have come into force meanwhile.")
	WrongContacts = service.NewProblem(http.StatusUnprocessableEntity, "office-contacts", "Це не телефон або не e-mail.", "This is no phone number or no e-mail address.",
		"Впишіть телефон цифрами, адресу на зразок mail@example.gov.ua.", "Write the phone in digits and an address like mail@example.gov.ua.")
)

// maxStaffingForm bounds the request that brings a list: the file and the form around it.
const maxStaffingForm = office.MaxStaffingBytes + 64<<10

func (p *part) mountStaffing() {
	p.s.Page("GET /b/{edrpou}/office/staffing", editors, p.staffingEditor)
	p.s.PageLimit("POST /b/{edrpou}/office/staffing", editors, maxStaffingForm, p.staffingUpload)
	p.s.Page("GET /b/{edrpou}/office/staffing/{load}", editors, p.staffingLoad)
	p.s.Page("POST /b/{edrpou}/office/staffing/{load}/apply", editors, p.staffingApply)
	p.s.Page("POST /b/{edrpou}/office/contacts", editors, p.contacts)
}

// staffingView is the Data of office_staffing.html and office_staffing_load.html.
type staffingView struct {
	Body    office.BodyEntry
	Loads   []office.StaffingLoad
	Load    office.StaffingLoad
	Changes []office.StaffChange
	Since   time.Time // of the list in force; zero: none
	Sums    [3]int    // of the list in force: places, people, vacancies
	Done    string
}

// Count writes hundredths of a place.
func (v staffingView) Count(n int) string { return office.Count(n) }

func (p *part) staffingView(r *http.Request) (v staffingView, places []office.Place, err error) {
	ctx, edrpou := r.Context(), r.PathValue("edrpou")
	if v.Body, err = p.directory.Body(ctx, edrpou); err != nil {
		return v, nil, err
	}
	if places, v.Since, err = p.directory.Staffing(ctx, edrpou, time.Time{}); err != nil {
		return v, nil, err
	}
	for _, one := range places {
		v.Sums[0], v.Sums[1], v.Sums[2] = v.Sums[0]+one.Count, v.Sums[1]+one.People, v.Sums[2]+one.Vacant
	}
	v.Done = r.URL.Query().Get("done")
	return v, places, nil
}

func (p *part) staffingEditor(w http.ResponseWriter, r *http.Request) error {
	v, _, err := p.staffingView(r)
	if err != nil {
		return err
	}
	if v.Loads, err = p.directory.StaffingLoads(r.Context(), v.Body.EDRPOU); err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "office_staffing.html", v)
}

func (p *part) staffingUpload(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseMultipartForm(maxStaffingForm); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return service.TooLarge.Because(err)
		}
		return service.BadRequest.Because(err)
	}
	f, _, err := r.FormFile("staffing")
	if err != nil {
		return NoStaffingFile.Because(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, office.MaxStaffingBytes+1))
	if err != nil {
		return service.BadRequest.Because(err)
	}
	if len(data) == 0 {
		return NoStaffingFile
	}
	l, err := p.directory.AddStaffing(r.Context(), r.PathValue("edrpou"), data, p.s.Now())
	var code office.StaffCode
	if errors.As(err, &code) {
		return staffingProblem(code)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+l.Body+"/office/staffing/"+strconv.FormatInt(l.ID, 10), http.StatusSeeOther)
	return nil
}

// staffingProblem is the problem of a whole file.
func staffingProblem(code office.StaffCode) error {
	return service.NewProblem(http.StatusUnprocessableEntity, string(code), code.Text("uk"), code.Text("en"),
		"Виправте файл і надішліть ще раз; чинний список не змінився.", "Mend the file and send it again; the list in force is as it was.").Because(code)
}

// theLoad is the list that the path names. Error: service.NotFound.
func (p *part) theLoad(r *http.Request) (office.StaffingLoad, error) {
	n, err := strconv.ParseInt(r.PathValue("load"), 10, 64)
	if err != nil {
		return office.StaffingLoad{}, service.NotFound
	}
	l, err := p.directory.StaffingLoad(r.Context(), r.PathValue("edrpou"), n)
	if errors.Is(err, office.ErrNotFound) {
		return l, service.NotFound
	}
	return l, err
}

func (p *part) staffingLoad(w http.ResponseWriter, r *http.Request) error {
	l, err := p.theLoad(r)
	if err != nil {
		return err
	}
	v, places, err := p.staffingView(r)
	if err != nil {
		return err
	}
	v.Load = l
	if l.Since.IsZero() {
		v.Changes = l.Changes(places)
	}
	return p.s.Render(w, r, http.StatusOK, "office_staffing_load.html", v)
}

func (p *part) staffingApply(w http.ResponseWriter, r *http.Request) error {
	l, err := p.theLoad(r)
	if err != nil {
		return err
	}
	err = p.directory.ApplyStaffing(r.Context(), l.Body, l.ID, p.s.Now())
	if errors.Is(err, office.ErrConflict) {
		return StaffingStands.Because(err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+l.Body+"/office/staffing?done=applied", http.StatusSeeOther)
	return nil
}

func (p *part) contacts(w http.ResponseWriter, r *http.Request) error {
	edrpou := r.PathValue("edrpou")
	err := p.directory.SetContacts(r.Context(), edrpou, r.PostFormValue("phone"), r.PostFormValue("email"), p.s.Now())
	if errors.Is(err, office.ErrEntry) {
		return WrongContacts.Because(err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+edrpou+"/office/staffing?done=contacts", http.StatusSeeOther)
	return nil
}

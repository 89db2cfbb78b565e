package office

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"
)

// ExportFormat is the format of a directory file in JSON.
const ExportFormat = "posvid-directory/1"

// csvHead are the columns of a directory file, in Ukrainian as the people who open it read them.
var csvHead = []string{"ЄДРПОУ", "Орган", "Підрозділ", "Посада", "Категорія", "Прізвище", "Власне ім'я", "По батькові", "Латиницею", "Робочий телефон", "Робоча e-mail", "Службове посвідчення", "Станом на (за Києвом)", "Сторінка"}

// SafeCell makes a text safe for a cell of a table: what a spreadsheet would take for a formula begins with an apostrophe.
func SafeCell(s string) string { return plainCell(clean(s, 32_000)) }

// WriteCSV writes entries as a table for spreadsheets: UTF-8 with its mark, semicolons, CR LF, no cell that is a formula. bodies
// give the names by ЄДРПОУ; status is the state of each service ID at a moment, in the order of the entries.
func WriteCSV(w io.Writer, entries []Entry, bodies map[string]BodyEntry, status []Status, origin string, at time.Time) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.Comma, c.UseCRLF = ';', true
	if err := c.Write(csvHead); err != nil {
		return err
	}
	for i, e := range entries {
		row := []string{e.Body, bodies[e.Body].Name, e.Unit, e.Position, e.Category, e.Surname, e.Given, e.Patronymic, e.NameLatin(), e.Phone, e.Email, status[i].Text("uk"), kyivText(at), strings.TrimSuffix(origin, "/") + PersonPath(e.UID)}
		for i := range row {
			row[i] = SafeCell(row[i])
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// exported is one entry of a directory file. It is the whole of what leaves the directory about a person.
type exported struct {
	UID        string `json:"uid"`
	Body       string `json:"body"`
	Surname    string `json:"surname"`
	Given      string `json:"given_name"`
	Patronymic string `json:"patronymic,omitempty"`
	Latin      string `json:"name_latin"`
	Position   string `json:"position"`
	PositionEN string `json:"position_en,omitempty"`
	Unit       string `json:"unit,omitempty"`
	UnitEN     string `json:"unit_en,omitempty"`
	Category   string `json:"category,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Email      string `json:"email,omitempty"`
	Status     string `json:"service_id"`
	Page       string `json:"page"`
}

type exportedBody struct {
	EDRPOU string `json:"edrpou"`
	Name   string `json:"name"`
	NameEN string `json:"name_en,omitempty"`
	Phone  string `json:"phone,omitempty"`
	Email  string `json:"email,omitempty"`
}

// WriteJSON writes entries with the bodies that they serve in; status as in WriteCSV.
func WriteJSON(w io.Writer, entries []Entry, bodies map[string]BodyEntry, status []Status, origin string, at time.Time) error {
	out := struct {
		Format string         `json:"format"`
		AsOf   string         `json:"as_of"`
		Bodies []exportedBody `json:"bodies"`
		People []exported     `json:"people"`
	}{Format: ExportFormat, AsOf: at.UTC().Format(time.RFC3339), Bodies: []exportedBody{}, People: []exported{}}
	named := map[string]bool{}
	for i, e := range entries {
		if b := bodies[e.Body]; !named[e.Body] {
			named[e.Body] = true
			out.Bodies = append(out.Bodies, exportedBody{b.EDRPOU, b.Name, b.NameEN, b.Phone, b.Email})
		}
		out.People = append(out.People, exported{e.UID, e.Body, e.Surname, e.Given, e.Patronymic, e.NameLatin(), e.Position, e.PositionEN, e.Unit, e.UnitEN, e.Category, e.Phone, e.Email,
			status[i].String(), strings.TrimSuffix(origin, "/") + PersonPath(e.UID)})
	}
	j := json.NewEncoder(w)
	j.SetIndent("", " ")
	return j.Encode(out)
}

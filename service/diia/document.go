package diia

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// How a portrait is answered.
const (
	photoNone      = "none"
	photoReference = "reference" // an address to fetch it from once more, for channels that keep blobs out of messages
	photoInline    = "inline"    // base64 inside the document
)

type documentsInput struct {
	Body documentsQuery
}

// documentsQuery asks for the service IDs of one person in one body.
type documentsQuery struct {
	RNOKPP string `json:"rnokpp,omitempty" maxLength:"10" doc:"РНОКПП, ten digits"`
	UNZR   string `json:"unzr,omitempty" maxLength:"14" doc:"УНЗР, РРРРММДД-NNNNC"`
	Staff  string `json:"staff,omitempty" maxLength:"64" doc:"staff number (табельний номер) in the body"`
	EDRPOU string `json:"edrpou" minLength:"8" maxLength:"8" doc:"ЄДРПОУ of the body that is asked"`
	Photo  string `json:"photo,omitempty" enum:"none,reference,inline" doc:"how the portrait is wanted; reference when not said"`
}

type documentsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         documentsAnswer
}

// documentsAnswer is what Дія's documents service calls a group of one document type.
type documentsAnswer struct {
	OfficialCertificate documentGroup `json:"officialCertificate"`
}

type documentGroup struct {
	Status      int                `json:"status" doc:"DocStatus of the best document: 200, 204, 404, 1010, 1016, 1017, 1018 or 1050"`
	Data        []documentInstance `json:"data" doc:"one for each post"`
	CurrentDate string             `json:"currentDate" doc:"RFC 3339"`
}

// documentInstance is a document as Дія shows it.
type documentInstance struct {
	ID        string         `json:"id" doc:"opaque, 32 hexadecimal digits; another one for each system"`
	PersonID  string         `json:"personId" doc:"opaque name of the person for this system and body"`
	DocStatus int            `json:"docStatus"`
	DocNumber string         `json:"docNumber"`
	DocData   *docData       `json:"docData,omitempty" doc:"only with docStatus 200"`
	FrontCard *frontCard     `json:"frontCard,omitempty"`
	Content   []contentItem  `json:"content"`
	FullInfo  []fullInfoItem `json:"fullInfo"`
}

type docData struct {
	DocName        string `json:"docName"`
	FullName       string `json:"fullName"`
	FullNameEN     string `json:"fullNameEN"`
	Organisation   string `json:"organisation"`
	OrganisationEN string `json:"organisationEN,omitempty"`
	EDRPOU         string `json:"edrpou"`
	Unit           string `json:"unit,omitempty"`
	UnitEN         string `json:"unitEN,omitempty"`
	Position       string `json:"position"`
	PositionEN     string `json:"positionEN,omitempty"`
	Category       string `json:"category,omitempty"`
	Rank           int    `json:"rank,omitempty"`
	Serial         string `json:"serial"`
	Number         string `json:"number"`
	IssueDate      string `json:"issueDate" doc:"ДД.ММ.РРРР"`
	ExpirationDate string `json:"expirationDate" doc:"ДД.ММ.РРРР, last day"`
	ValidUntil     string `json:"validUntil" doc:"RFC 3339: the first moment at which it is no longer valid"`
}

type frontCard struct {
	UA []frontCardItem `json:"UA"`
	EN []frontCardItem `json:"EN"`
}

type frontCardItem struct {
	Heading *docHeading      `json:"docHeadingOrg,omitempty"`
	Table   *tableTwoColumns `json:"tableBlockTwoColumnsPlaneOrg,omitempty"`
	Ticker  *ticker          `json:"tickerAtm,omitempty"`
}

type fullInfoItem struct {
	Heading *docHeading `json:"docHeadingOrg,omitempty"`
	Ticker  *ticker     `json:"tickerAtm,omitempty"`
	Table   *tableBlock `json:"tableBlockOrg,omitempty"`
}

type docHeading struct {
	Title  headingTitle `json:"headingWithSubtitlesMlc"`
	Number *numberCopy  `json:"docNumberCopyMlc,omitempty"`
}

type headingTitle struct {
	Value     string   `json:"value"`
	Subtitles []string `json:"subtitles"`
}

type numberCopy struct {
	Value string `json:"value"`
}

type ticker struct {
	Usage string `json:"usage"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

type tableTwoColumns struct {
	Photo string      `json:"photo,omitempty" doc:"code of the content item"`
	Items []tableItem `json:"items"`
}

type tableBlock struct {
	Items []tableItem `json:"items"`
}

type tableItem struct {
	Vertical itemVertical `json:"tableItemVerticalMlc"`
}

type itemVertical struct {
	Label          string `json:"label"`
	SecondaryLabel string `json:"secondaryLabel,omitempty"`
	Value          string `json:"value"`
	SecondaryValue string `json:"secondaryValue,omitempty"`
}

type contentItem struct {
	Code      string `json:"code" doc:"photo"`
	Image     string `json:"image,omitempty" doc:"JPEG in base64, when asked for inline"`
	Reference string `json:"reference,omitempty" doc:"path to GET the JPEG from, with the token, for ten minutes"`
	SHA256    string `json:"sha256" doc:"first 20 bytes of SHA-256 of the JPEG, hexadecimal: the hash that tokens carry"`
}

const docNameUK, docNameEN = "Електронне службове посвідчення", "Electronic service ID"

func (p *part) documents(ctx context.Context, in *documentsInput) (*documentsOutput, error) {
	at := p.s.Now()
	caller := service.PrincipalOf(ctx)
	q := &in.Body
	who := &wanted{q.RNOKPP, q.UNZR, q.Staff}
	if err := who.check(); err != nil {
		return nil, err
	}
	b, sys, _, err := p.granted(ctx, caller, q.EDRPOU, scopeDocuments)
	if err != nil {
		return nil, err
	}
	if !p.misses.Left(sys.client, at) {
		return nil, tooManyMisses
	}
	person, posts, err := p.find(ctx, b, who)
	if err != nil {
		return nil, err
	}
	group := documentGroup{Status: int(docNotFound), Data: []documentInstance{}, CurrentDate: at.UTC().Format(time.RFC3339)}
	type look struct {
		entitlement int64
		answer      docStatus
	}
	var looks []look
	var photos []photoWanted
	best := -1
	for i := range posts {
		h := &posts[i]
		status := statusOf(h, at)
		if status == docNotFound {
			continue
		}
		d, err := p.document(b, &sys, &person, h, status)
		if err != nil {
			return nil, err
		}
		if status == docOK && q.Photo != photoNone {
			photos = append(photos, photoWanted{len(group.Data), [20]byte(h.post.Record.PhotoSHA256[:20])})
		}
		looks = append(looks, look{h.post.ID, status})
		if r := statusRank(status); r > best {
			best, group.Status = r, int(status)
		}
		group.Data = append(group.Data, d)
	}
	if len(looks) == 0 {
		p.misses.Allow(sys.client, at)
		looks = append(looks, look{0, docNotFound})
	}
	for _, w := range photos {
		item, err := p.portrait(b, w, q.Photo)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the file is gone: the document is as true without it
		}
		if err != nil {
			return nil, err
		}
		group.Data[w.document].Content = append(group.Data[w.document].Content, item)
	}
	// The look-up is on record before anything is told.
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		for _, l := range looks {
			if _, err := tx.Exec(`INSERT INTO system_looks (system, body, entitlement, at, answer) VALUES ($1, $2, $3, $4, $5)`,
				sys.id, b.EDRPOU, l.entitlement, at.Unix(), int(l.answer)); err != nil {
				return err
			}
		}
		if q.Photo == photoInline {
			return nil
		}
		for _, w := range photos {
			item := &group.Data[w.document].Content[0]
			if err := p.refer(tx, &sys, b.EDRPOU, w.photo, item, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &documentsOutput{CacheControl: "no-store", Body: documentsAnswer{group}}, nil
}

type photoWanted struct {
	document int
	photo    [20]byte
}

// statusRank says which status speaks for a group: the best news.
func statusRank(s docStatus) int {
	for i, r := range []docStatus{docNotFound, docDestroyed, docNoContent, docNoRequiredData, docNoPhoto, docInactive, docUpdating, docOK} {
		if r == s {
			return i
		}
	}
	return -1
}

// document builds the instance of one post. Personal data are in it only when the ID is valid.
func (p *part) document(b *service.Body, sys *system, person *issuer.PersonRow, h *held, status docStatus) (documentInstance, error) {
	d := documentInstance{DocStatus: int(status), Content: []contentItem{}, FullInfo: []fullInfoItem{}}
	id, had := h.newest()
	var err error
	if d.ID, err = p.documentID(sys, b.EDRPOU, h, id, had); err != nil {
		return documentInstance{}, err
	}
	if d.PersonID, err = p.personID(sys, b.EDRPOU, person.ID); err != nil {
		return documentInstance{}, err
	}
	if had {
		d.DocNumber = id.Number
	}
	if status != docOK {
		return d, nil
	}
	r := &h.post.Record
	d.DocData = &docData{
		DocName: docNameUK, FullName: r.FullName(), FullNameEN: r.LatinName(), Organisation: b.Name, OrganisationEN: b.NameEN, EDRPOU: b.EDRPOU,
		Unit: r.Unit, UnitEN: latin(r.UnitEN, r.Unit), Position: r.Position, PositionEN: latin(r.PositionEN, r.Position), Category: r.Category, Rank: int(r.Rank),
		Serial: r.Plastic.Series, Number: r.Plastic.Number, IssueDate: r.Plastic.Issued.UA(), ExpirationDate: r.ValidUntil().UA(),
		ValidUntil: r.ValidUntil().End().UTC().Format(time.RFC3339),
	}
	d.FrontCard = &frontCard{UA: frontOf(d.DocData, d.DocNumber, "uk"), EN: frontOf(d.DocData, d.DocNumber, "en")}
	d.FullInfo = fullOf(d.DocData, d.DocNumber)
	return d, nil
}

// latin is a text's own English form, else its letters by КМУ 27.01.2010 №55.
func latin(en, uk string) string {
	if en != "" {
		return en
	}
	return hr.Transliterate(uk)
}

func item(label, second, value string) tableItem {
	return tableItem{itemVertical{Label: label, SecondaryLabel: second, Value: value}}
}

func frontOf(d *docData, number, lang string) []frontCardItem {
	title, org, orgLabel, posLabel, untilLabel, name, position, tick := docNameUK, d.Organisation, "Орган:", "Посада:", "Дійсне до:", d.FullName, d.Position, "Документ дійсний"
	if lang == "en" {
		title, org, orgLabel, posLabel, untilLabel, name, position, tick = docNameEN, latin(d.OrganisationEN, d.Organisation), "Body:", "Position:", "Valid until:", d.FullNameEN, d.PositionEN, "The document is valid"
	}
	return []frontCardItem{
		{Heading: &docHeading{Title: headingTitle{Value: title, Subtitles: []string{org}}}},
		{Table: &tableTwoColumns{Photo: "photo", Items: []tableItem{item(orgLabel, "", org), item(posLabel, "", position), item(untilLabel, "", d.ExpirationDate)}}},
		{Ticker: &ticker{Usage: "document", Type: "positive", Value: tick}},
		{Heading: &docHeading{Title: headingTitle{Value: name, Subtitles: []string{}}, Number: &numberCopy{number}}},
	}
}

func fullOf(d *docData, number string) []fullInfoItem {
	items := []tableItem{item("ПІБ", "Full name", d.FullName), item("Посада", "Position", d.Position)}
	if d.Unit != "" {
		items = append(items, item("Структурний підрозділ", "Unit", d.Unit))
	}
	items = append(items, item("Орган, що видав", "Issuing body", d.Organisation+" ("+d.EDRPOU+")"))
	if d.Category != "" {
		items = append(items, item("Категорія", "Category", d.Category))
	}
	if d.Rank != 0 {
		items = append(items, item("Ранг", "Rank", strconv.Itoa(d.Rank)))
	}
	items = append(items, item("Дата видачі", "Date of issue", d.IssueDate), item("Дійсне до", "Valid until", d.ExpirationDate))
	return []fullInfoItem{
		{Heading: &docHeading{Title: headingTitle{Value: d.DocName, Subtitles: []string{docNameEN}}, Number: &numberCopy{number}}},
		{Ticker: &ticker{Usage: "document", Type: "positive", Value: "Документ дійсний"}},
		{Table: &tableBlock{Items: items}},
	}
}

// opaque is a name that is stable for one system and says nothing to another: the first 16 bytes of a keyed hash.
func (p *part) opaque(label string, sys *system, parts ...string) (string, error) {
	mac, err := p.s.Store.MAC(label, []byte(sys.client+"\x00"+strings.Join(parts, "\x00")))
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(mac[:16]), nil
}

// documentID names an ID by its serial; a post that never had one is named by its row.
func (p *part) documentID(sys *system, body string, h *held, id issuer.ID, had bool) (string, error) {
	if !had {
		return p.opaque(macDocument, sys, body, "post", strconv.FormatInt(h.post.ID, 10))
	}
	return p.opaque(macDocument, sys, body, "serial", id.Serial.String())
}

func (p *part) personID(sys *system, body string, person int64) (string, error) {
	return p.opaque(macPerson, sys, body, strconv.FormatInt(person, 10))
}

// portrait reads a portrait, or says where it is.
func (p *part) portrait(b *service.Body, w photoWanted, how string) (contentItem, error) {
	c := contentItem{Code: "photo", SHA256: hex.EncodeToString(w.photo[:])}
	if how == photoInline {
		jpeg, err := readPhoto(b, w.photo)
		if err != nil {
			return contentItem{}, err
		}
		c.Image = base64.StdEncoding.EncodeToString(jpeg)
	}
	return c, nil
}

func readPhoto(b *service.Body, hash [20]byte) ([]byte, error) {
	jpeg, err := b.Photo(hash)
	if err == nil && jpeg == nil {
		err = fs.ErrNotExist
	}
	return jpeg, err
}

// refer makes a reference to a portrait for one system.
func (p *part) refer(tx *store.ServiceTx, sys *system, body string, photo [20]byte, c *contentItem, at time.Time) error {
	var secret [16]byte
	rand.Read(secret[:])
	text := hex.EncodeToString(secret[:])
	mac, err := p.s.Store.MAC(macPhoto, []byte(text))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO system_photos (reference, system, body, photo, expires) VALUES ($1, $2, $3, $4, $5)`,
		mac[:], sys.id, body, photo[:], at.Add(photoLife).Unix()); err != nil {
		return err
	}
	c.Reference = "/api/v1/systems/photos/" + text
	return nil
}

type photoInput struct {
	Reference string `path:"reference" minLength:"32" maxLength:"32"`
}

type photoOutput struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

func (p *part) photo(ctx context.Context, in *photoInput) (*photoOutput, error) {
	at := p.s.Now()
	caller := service.PrincipalOf(ctx)
	mac, err := p.s.Store.MAC(macPhoto, []byte(in.Reference))
	if err != nil {
		return nil, err
	}
	var body string
	var photo []byte
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		return tx.Row(`SELECT p.body, p.photo FROM system_photos p JOIN systems s ON s.id = p.system WHERE p.reference = $1 AND s.client = $2 AND p.expires > $3`,
			[]any{mac[:], caller.System, at.Unix()}, &body, &photo)
	})
	if errors.Is(err, issuer.ErrNotFound) {
		return nil, service.NotFound
	}
	if err != nil {
		return nil, err
	}
	b, _, _, err := p.granted(ctx, caller, body, scopeDocuments)
	if err != nil {
		return nil, err
	}
	jpeg, err := readPhoto(b, [20]byte(photo))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, service.NotFound
	}
	if err != nil {
		return nil, err
	}
	return &photoOutput{ContentType: "image/jpeg", CacheControl: "no-store", Body: jpeg}, nil
}

func (p *part) mountDocuments() {
	access := service.Access{Kinds: []service.Kind{service.System}, Scope: scopeDocuments}
	service.Operation(p.s, access, huma.Operation{
		OperationID: "system-documents", Method: http.MethodPost, Path: "/api/v1/systems/documents", Security: security(scopeDocuments), Tags: []string{"systems"}, MaxBodyBytes: maxQuery,
		Summary:     "Read the service IDs of a person",
		Description: "The person is named by one of rnokpp, unzr and staff, in the body edrpou that granted the scope documents. Every look-up is listed for the person.",
	}, p.documents)
	service.Operation(p.s, access, huma.Operation{
		OperationID: "system-photo", Method: http.MethodGet, Path: "/api/v1/systems/photos/{reference}", Security: security(scopeDocuments), Tags: []string{"systems"},
		Summary: "Read the portrait that a document refers to",
	}, p.photo)
}

package offices

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Problems of log-in by the service ID.
var (
	LoginCode = service.NewProblem(http.StatusNotFound, "office-login-code", "Код входу не діє.", "The log-in code is not valid.",
		"Почніть вхід знову на тому пристрої й відскануйте новий код.", "Start the log-in again on that device and scan the new code.")
	LoginNumber = service.NewProblem(http.StatusForbidden, "office-login-number", "Число інше: вхід скасовано.", "The number is another one: the log-in is cancelled.",
		"Якщо сторінку входу відкрили ви самі, почніть знову. Якщо ні, хтось намагався ввійти замість вас: нічого не підтверджуйте.",
		"If you opened the log-in page yourself, start again. If not, somebody tried to log in as you: confirm nothing.")
)

// Times and bounds of log-ins by the service ID.
const (
	loginTerm     = 3 * time.Minute // from the QR to the phone's answer
	loginFinish   = time.Minute     // from the phone's answer to the waiting page
	loginSession  = 10 * time.Minute
	loginCodeSize = 20 // bytes
)

// States of a log-in that a phone has answered; the numbers are stored.
const (
	loginConfirmed = 2
	loginRefused   = 3
	loginUsed      = 4
)

// What a session keeps of a log-in by the service ID.
const (
	keyLogin  = "office.login"        // the code, while the browser waits for the phone
	keyReturn = "office.login.return" // path to go to afterwards
	keyThumb  = "office.thumb"        // thumbprint of the key that logged in, in hexadecimal digits
)

var loginAlphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// SQL of log-ins.
const (
	sqlLogin       = "SELECT expires, state, body, post, thumb FROM office_logins WHERE code = $1"
	sqlPutLogin    = "INSERT INTO office_logins (code, state, body, post, thumb, expires) VALUES ($1, $2, $3, $4, $5, $6)"
	sqlUseLogin    = "UPDATE office_logins SET state = 4 WHERE code = $1 AND state = 2"
	sqlPurgeLogins = "DELETE FROM office_logins WHERE expires <= $1"
)

// login is one log-in that was begun, and what the phone answered.
type login struct {
	loginCode
	until time.Time // when the browser has to have finished; zero: no phone has answered
	state int
	seat  office.Seat
	thumb []byte
}

func (p *part) mountLogin() {
	p.s.SignedRequests()
	anybody := service.Access{Public: true}
	// Public: whoever logs in is nobody yet. What is decided is decided by the phone's key.
	p.s.Page("GET /office/login", anybody, p.loginPage)
	p.s.Page("POST /office/login", anybody, p.beginLogin)
	p.s.Page("GET /office/login/wait", anybody, p.waitPage)
	p.s.Page("GET /office/login/state", anybody, p.loginState)
	p.s.Page("POST /office/login/finish", anybody, p.finishLogin)
	service.Operation(p.s, service.Access{Kinds: []service.Kind{service.Wallet}}, huma.Operation{OperationID: "office-login", Method: http.MethodPost, Path: "/api/v1/office/login",
		Summary: "Log in to Дія.Офіс on another device", Description: "The request is signed by the key of the phone (docs/spec/request.md). Lets the browser that shows the code in, for the post of one valid ID of this key; " +
			"without confirm, or with a number other than the one on its screen, the log-in is over.",
		Tags: []string{"wallet"}, Security: []map[string][]string{{service.SignedScheme: {}}}, MaxBodyBytes: 4 << 10,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}}, p.confirmLogin)
	p.s.Every("office-logins", time.Minute, p.purgeLogins)
}

// purgeLogins forgets answers to what has long been over; until then a page can say so, and a code is used once.
func (p *part) purgeLogins(ctx context.Context, at time.Time) error {
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(sqlPurgeLogins, at.Add(-loginSession).Unix())
		return err
	})
}

// loginCode is what a code says, without asking the store: nothing is kept of a log-in until a phone has answered, however many
// anybody begins.
type loginCode struct {
	key     []byte // of its row, once there is one: a keyed hash
	number  int    // that only the waiting page shows
	expires time.Time
}

// drawCode makes a code: its end (seconds since 1970, 4 bytes), 8 random bytes, and 8 bytes of a keyed hash of both, in base32.
func (p *part) drawCode(expires time.Time) (string, error) {
	b := binary.BigEndian.AppendUint32(nil, uint32(expires.Unix()))
	b = append(b, make([]byte, 8)...)
	rand.Read(b[4:]) // never fails
	m, err := p.s.Store.MAC("office log-in code", b)
	return loginAlphabet.EncodeToString(append(b, m[:8]...)), err
}

// readCode reads a code that was drawn here. Error: LoginCode for every other text.
func (p *part) readCode(code string) (c loginCode, err error) {
	b, err := loginAlphabet.DecodeString(code)
	if err != nil || len(b) != loginCodeSize {
		return c, LoginCode.Because(errors.New("offices: no code of a log-in"))
	}
	m, err := p.s.Store.MAC("office log-in code", b[:12])
	if err != nil {
		return c, err
	}
	if !hmac.Equal(m[:8], b[12:]) {
		return c, LoginCode.Because(errors.New("offices: code was not drawn here"))
	}
	key, err := p.s.Store.MAC("office log-in", b)
	if err != nil {
		return c, err
	}
	digits, err := p.s.Store.MAC("office log-in number", b)
	if err != nil {
		return c, err
	}
	return loginCode{key: key[:], number: 10 + int(binary.BigEndian.Uint64(digits[:8])%90), expires: time.Unix(int64(binary.BigEndian.Uint32(b)), 0)}, nil
}

// officePath is a path below /office/ to come back to; "/office/" for everything else.
func officePath(to string) string {
	if len(to) > 512 || !strings.HasPrefix(to, "/office/") || strings.HasPrefix(to, "/office/login") || strings.Contains(to, "..") {
		return "/office/"
	}
	if path, _, _ := strings.Cut(to, "?"); strings.Contains(path, "%") { // a browser takes %2e for a dot
		return "/office/"
	}
	for _, c := range to {
		if c <= ' ' || c > '~' || strings.ContainsRune(`\"<>#`, c) {
			return "/office/"
		}
	}
	return to
}

// loginPage says what will happen. It begins nothing, so that a page that is only loaded leaves nothing behind.
func (p *part) loginPage(w http.ResponseWriter, r *http.Request) error {
	return p.s.Render(w, r, http.StatusOK, "office_login", struct{ Return string }{officePath(r.URL.Query().Get("return"))})
}

// beginLogin draws a code and a number. The code goes into the QR and into this browser's session; the number only onto its screen.
func (p *part) beginLogin(w http.ResponseWriter, r *http.Request) error {
	ctx, at := r.Context(), p.s.Now()
	code, err := p.drawCode(at.Add(loginTerm))
	if err != nil {
		return err
	}
	p.s.EndSoon(ctx, loginSession)
	p.s.Sessions.Put(ctx, keyLogin, code)
	p.s.Sessions.Put(ctx, keyReturn, officePath(r.PostFormValue("return")))
	http.Redirect(w, r, "/office/login/wait", http.StatusSeeOther)
	return nil
}

// begun is the log-in of this browser and what the page calls its state: waiting, confirmed, refused, or over.
func (p *part) begun(ctx context.Context) (code, state string, v login, err error) {
	if code = p.s.Sessions.GetString(ctx, keyLogin); code == "" {
		return "", "over", v, nil
	}
	c, err := p.readCode(code)
	if err != nil {
		return "", "", v, err
	}
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		v, err = readLogin(tx, c.key)
		return err
	})
	switch now := p.s.Now(); {
	case errors.Is(err, store.ErrNotFound) && now.Before(c.expires):
		return code, "waiting", login{loginCode: c}, nil
	case errors.Is(err, store.ErrNotFound):
		return code, "over", v, nil
	case err != nil:
		return "", "", v, err
	case v.state == loginRefused:
		return code, "refused", v, nil
	case v.state == loginConfirmed && now.Before(v.until):
		v.loginCode = c
		return code, "confirmed", v, nil
	}
	return code, "over", v, nil
}

func readLogin(tx *store.ServiceTx, key []byte) (v login, err error) {
	var until int64
	err = tx.Row(sqlLogin, []any{key}, &until, &v.state, &v.seat.Body, &v.seat.Post, &v.thumb)
	v.until = time.Unix(until, 0)
	return v, err
}

// waitView is the Data of office_login_wait.html.
type waitView struct {
	State  string // waiting, confirmed, refused, over
	Number int
	Code   string
	Link   string // for the phone
	QR     template.URL
}

func (p *part) waitPage(w http.ResponseWriter, r *http.Request) error {
	code, state, v, err := p.begun(r.Context())
	if err != nil {
		return err
	}
	if code == "" {
		http.Redirect(w, r, "/office/login", http.StatusSeeOther)
		return nil
	}
	view := waitView{State: state}
	if state == "waiting" {
		view.Number, view.Code, view.Link = v.number, code, p.s.Origin+"/wallet/#office="+code
		symbol, err := qr.EncodeLink(view.Link)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := symbol.SVG(&b); err != nil {
			return err
		}
		view.QR = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))
	}
	return p.s.Render(w, r, http.StatusOK, "office_login_wait", view)
}

func (p *part) loginState(w http.ResponseWriter, r *http.Request) error {
	_, state, v, err := p.begun(r.Context())
	if err != nil {
		return err
	}
	out := struct {
		State  string `json:"state"`
		Number int    `json:"number,omitempty"` // a page that shows another one is of a log-in that was begun before
	}{State: state}
	if state == "waiting" {
		out.Number = v.number
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(out)
}

type confirmIn struct {
	Body struct {
		Code    string `json:"code" minLength:"32" maxLength:"32" pattern:"^[0-9A-HJKMNP-TV-Z]{32}$" doc:"code of the QR"`
		EDRPOU  string `json:"body" pattern:"^[0-9]{8}$" doc:"ЄДРПОУ of the body of the ID" example:"99000011"`
		ID      string `json:"number" minLength:"1" maxLength:"64" doc:"number of the ID" example:"ГТ 004022"`
		Digits  int    `json:"digits,omitempty" minimum:"0" maximum:"99" doc:"number on the screen of the waiting browser, as the holder read it there"`
		Confirm bool   `json:"confirm" doc:"false: it was not the holder who began; the log-in is over"`
	}
}

type confirmOut struct {
	Body struct {
		Confirmed bool `json:"confirmed"`
	}
}

// confirmLogin is the phone's answer. The number is asked once: whoever relays somebody else's QR does not know it.
func (p *part) confirmLogin(ctx context.Context, in *confirmIn) (*confirmOut, error) {
	at := p.s.Now()
	caller := service.PrincipalOf(ctx)
	public, err := keys.ParseHolderPublicKey(caller.Key)
	if err != nil {
		return nil, NoID.Because(err)
	}
	thumb := public.Thumbprint()
	seat, err := p.seatOfKey(ctx, in.Body.EDRPOU, in.Body.ID, thumb)
	if err != nil {
		return nil, err
	}
	code, err := p.readCode(in.Body.Code)
	wrong := in.Body.Confirm && in.Body.Digits != code.number
	if err == nil {
		err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
			_, err := readLogin(tx, code.key)
			switch {
			case err == nil || !at.Before(code.expires):
				return LoginCode.Because(errors.New("offices: log-in is not waiting"))
			case !errors.Is(err, store.ErrNotFound):
				return err
			case wrong || !in.Body.Confirm:
				_, err = tx.Exec(sqlPutLogin, code.key, loginRefused, "", 0, nil, code.expires.Unix())
			default:
				_, err = tx.Exec(sqlPutLogin, code.key, loginConfirmed, seat.Body, seat.Post, thumb[:], at.Add(loginFinish).Unix())
			}
			return err
		})
	}
	var problem *service.Problem
	if errors.As(err, &problem) && problem.Code == LoginCode.Code {
		if limited := p.s.GuessFrom(ctx); limited != nil {
			return nil, limited
		}
	}
	if err != nil {
		return nil, err
	}
	if wrong {
		return nil, LoginNumber
	}
	out := &confirmOut{}
	out.Body.Confirmed = in.Body.Confirm
	return out, nil
}

// seatOfKey is the post of the valid ID with a number that carries a key. Error: NoID, which does not say what is wrong.
func (p *part) seatOfKey(ctx context.Context, edrpou, number string, thumb [32]byte) (office.Seat, error) {
	body, err := p.s.Body(edrpou)
	if err != nil {
		return office.Seat{}, NoID.Because(err)
	}
	has, err := body.Register.OfHolder(ctx, thumb)
	if err != nil {
		return office.Seat{}, err
	}
	for _, id := range has.IDs {
		if id.Number != number || id.State != issuer.StateIssued {
			continue
		}
		seat := office.Seat{Body: edrpou, Post: id.Entitlement}
		ok, err := p.validByKey(ctx, seat, thumb)
		if err != nil || ok {
			return seat, err
		}
	}
	return office.Seat{}, NoID.Because(errors.New("offices: the key has no valid ID with this number"))
}

// validByKey tells whether a post has a valid ID that carries a key.
func (p *part) validByKey(ctx context.Context, seat office.Seat, thumb [32]byte) (bool, error) {
	post, ids, err := p.post(ctx, seat)
	if err != nil {
		return false, err
	}
	return statusIn(&post, ofKey(ids, thumb), p.s.Now()) == office.StatusValid, nil
}

func ofKey(ids []issuer.ID, thumb [32]byte) []issuer.ID {
	var own []issuer.ID
	for _, id := range ids {
		if id.Holder == thumb {
			own = append(own, id)
		}
	}
	return own
}

// finishLogin logs the waiting browser in, once.
func (p *part) finishLogin(w http.ResponseWriter, r *http.Request) error {
	ctx, at := r.Context(), p.s.Now()
	code, state, v, err := p.begun(ctx)
	if err != nil {
		return err
	}
	if code == "" || state != "confirmed" || len(v.thumb) != 32 {
		return LoginCode.Because(fmt.Errorf("offices: log-in is %s", state))
	}
	thumb := [32]byte(v.thumb)
	ok, err := p.validByKey(ctx, v.seat, thumb)
	if err != nil {
		return err
	}
	if !ok {
		return NoID.Because(errors.New("offices: the ID has ended since the phone answered"))
	}
	m, _, err := p.seated(ctx, v.seat)
	if err != nil {
		return err
	}
	account, err := p.accountOf(ctx, m, v.key, at)
	if err != nil {
		return err
	}
	to := officePath(p.s.Sessions.GetString(ctx, keyReturn))
	if err := p.s.LogIn(ctx, account); err != nil {
		return err
	}
	p.s.Sessions.Put(ctx, keySeat, v.seat.String())
	p.s.Sessions.Put(ctx, keyThumb, hex.EncodeToString(thumb[:]))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// accountOf uses a log-in up and answers the account of its post, which is made at the first log-in and can do nothing but hold that
// ID. It is another account than one with other roles of the same person: a phone alone opens no registrar's pages.
func (p *part) accountOf(ctx context.Context, m office.Member, key []byte, at time.Time) (account int64, err error) {
	subject, err := service.SubjectOf(p.s.Store, "posvid-office", m.Seat.String())
	if err != nil {
		return 0, err
	}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		if err := tx.Exec1(sqlUseLogin, key); err != nil {
			return LoginCode.Because(err)
		}
		a, err := service.FindAccount(tx, subject)
		switch {
		case errors.Is(err, service.UnknownAccount):
			name := []rune(m.Name())
			if account, err = service.MakeAccount(tx, subject, string(name[:min(len(name), 60)]), at); err != nil {
				return err
			}
		case err != nil:
			return err
		case a.Disabled:
			return service.Forbidden.Because(errors.New("offices: account is disabled"))
		default:
			account = a.ID
		}
		return service.AddGrant(tx, account, service.Grant{Role: service.Holder, Body: m.Body, Entitlement: m.Post})
	})
	return account, err
}

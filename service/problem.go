package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// Problem is an error as a caller sees it (RFC 9457): one name, one cause, one next step, in the caller's language. It never
// holds personal data, nor the cause of a fault inside.
type Problem struct {
	Status int    // HTTP status
	Code   string // the error's name: lower-case words with hyphens, never translated
	UK, EN string // what is wrong
	NextUK string // what to do
	NextEN string
	At     time.Time // optional: the service's time, for a caller whose clock is wrong
	cause  error     // for the log alone
}

// NewProblem makes a problem.
func NewProblem(status int, code, uk, en, nextUK, nextEN string) *Problem {
	return &Problem{Status: status, Code: code, UK: uk, EN: en, NextUK: nextUK, NextEN: nextEN}
}

// Error is the code and the English text.
func (p *Problem) Error() string { return fmt.Sprintf("service: %s [%s]", p.EN, p.Code) }

// Unwrap is the cause, which callers never see.
func (p *Problem) Unwrap() error { return p.cause }

// Because is the same problem with a cause, so that errors.Is finds it.
func (p *Problem) Because(err error) *Problem {
	q := *p
	q.cause = err
	return &q
}

// Is tells whether target is the same problem, whatever its cause.
func (p *Problem) Is(target error) bool {
	q, ok := target.(*Problem)
	return ok && q.Code == p.Code
}

// GetStatus is the HTTP status (huma.StatusError).
func (p *Problem) GetStatus() int { return p.Status }

// Problems of the frame.
var (
	NotFound      = NewProblem(http.StatusNotFound, "not-found", "Такої сторінки немає.", "There is no such page.", "Перевірте адресу.", "Check the address.")
	NotLoggedIn   = NewProblem(http.StatusUnauthorized, "not-logged-in", "Потрібен вхід.", "You have to log in.", "Увійдіть.", "Log in.")
	Forbidden     = NewProblem(http.StatusForbidden, "forbidden", "У вас немає права на це.", "You have no right to do this.", "Зверніться до адміністратора органу.", "Ask the administrator of the body.")
	SecondFactor  = NewProblem(http.StatusForbidden, "second-factor", "Потрібен ключ доступу.", "A passkey is needed.", "Підтвердьте вхід ключем доступу.", "Confirm with your passkey.")
	Limited       = NewProblem(http.StatusTooManyRequests, "rate-limited", "Забагато запитів.", "Too many requests.", "Зачекайте хвилину.", "Wait a minute.")
	Overloaded    = NewProblem(http.StatusServiceUnavailable, "overloaded", "Служба перевантажена.", "The service is overloaded.", "Повторіть за кілька секунд.", "Try again in a few seconds.")
	CrossOrigin   = NewProblem(http.StatusForbidden, "cross-origin", "Запит прийшов з іншого сайту.", "The request came from another site.", "Відкрийте сторінку служби і повторіть.", "Open the service's own page and try again.")
	TooLarge      = NewProblem(http.StatusRequestEntityTooLarge, "too-large", "Запит завеликий.", "The request is too large.", "Надішліть менший файл.", "Send a smaller file.")
	BadRequest    = NewProblem(http.StatusBadRequest, "bad-request", "Запит не прочитано.", "The request cannot be read.", "Перевірте надіслане.", "Check what was sent.")
	Internal      = NewProblem(http.StatusInternalServerError, "internal", "Щось зламалося у службі.", "Something broke in the service.", "Повторіть; якщо не допоможе, скажіть адміністратору номер запиту.", "Try again; if it stays, tell the administrator the request number.")
	UnknownBody   = NewProblem(http.StatusNotFound, "unknown-body", "Такого органу тут немає.", "There is no such body here.", "Перевірте код ЄДРПОУ.", "Check the ЄДРПОУ code.")
	LongURI       = NewProblem(http.StatusRequestURITooLong, "address-too-long", "Адреса задовга.", "The address is too long.", "Перевірте посилання.", "Check the link.")
	WrongMethod   = NewProblem(http.StatusMethodNotAllowed, "wrong-method", "Ця адреса не приймає такого запиту.", "This address takes no such request.", "Відкрийте сторінку служби з початку.", "Open the service from its start page.")
	WrongHost     = NewProblem(http.StatusMisdirectedRequest, "wrong-host", "Службу відкрито не за її адресою.", "The service was opened under a name that is not its own.", "Відкрийте її справжню адресу.", "Open its true address.")
	WrongType     = NewProblem(http.StatusUnsupportedMediaType, "wrong-type", "Такого виду даних служба не читає.", "The service does not read this kind of data.", "Надішліть application/json.", "Send application/json.")
	NotAcceptable = NewProblem(http.StatusNotAcceptable, "not-acceptable", "Відповіді такого виду немає.", "There is no answer of this kind.", "Приймайте application/json.", "Accept application/json.")
	Invalid       = NewProblem(http.StatusUnprocessableEntity, "invalid", "Дані не такі, як має бути.", "The data are not as they have to be.", "Виправте назване поле.", "Mend the field that is named.")
	TooSlow       = NewProblem(http.StatusRequestTimeout, "too-slow", "Запит надходив задовго.", "The request took too long to arrive.", "Повторіть за кращого зв'язку.", "Try again on a better connection.")
	BundleMissing = NewProblem(http.StatusServiceUnavailable, "no-bundle", "Набору довіри ще немає.", "There is no trust bundle yet.", "Технічний адміністратор має встановити його.", "The trust operator has to install it.")
)

// problemJSON is the body of an answer of type application/problem+json.
type problemJSON struct {
	Type     string  `json:"type" doc:"about:blank: the code says what it is"`
	Title    string  `json:"title" doc:"what is wrong, in the caller's language"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty" doc:"what to do next"`
	Code     string  `json:"code" doc:"the error's name, never translated"`
	Instance string  `json:"instance,omitempty" doc:"number of the request in the service's log"`
	Errors   []Field `json:"errors,omitempty" doc:"fields that are not as they have to be"`
	Time     int64   `json:"time,omitempty" doc:"the service's time, seconds since 1970-01-01T00:00:00Z"`
}

// problemOf is the problem behind an error; Internal for whatever has no name.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return TooLarge.Because(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return TooSlow.Because(err)
	}
	return Internal.Because(err)
}

// body is what a caller reads of the problem.
func (p *Problem) body(lang, request string, fields []Field) problemJSON {
	b := problemJSON{Type: "about:blank", Title: p.UK, Status: p.Status, Detail: p.NextUK, Code: p.Code, Instance: request, Errors: fields}
	if lang == "en" {
		b.Title, b.Detail = p.EN, p.NextEN
	}
	if !p.At.IsZero() {
		b.Time = p.At.Unix()
	}
	return b
}

// json is the problem in one language.
func (p *Problem) json(lang, request string) []byte {
	out, _ := json.Marshal(p.body(lang, request, nil)) // texts always encode
	return out
}

// Field says which field of a request is not as it has to be. It never repeats the value.
type Field struct {
	Location string `json:"location" doc:"where, such as body.code"`
	Message  string `json:"message" doc:"what was wanted, in English"`
}

// apiProblem is a problem as an operation of the API answers it.
type apiProblem struct {
	*Problem
	lang, request string
	fields        []Field
	headers       http.Header
}

// GetHeaders are the headers that go with the answer.
func (p *apiProblem) GetHeaders() http.Header { return p.headers }

// ContentType makes the answer application/problem+json.
func (p *apiProblem) ContentType(string) string { return "application/problem+json" }

// MarshalJSON is the body of the answer.
func (p *apiProblem) MarshalJSON() ([]byte, error) {
	return json.Marshal(p.body(p.lang, p.request, p.fields))
}

// basicChallenge is the WWW-Authenticate of routes for programs with an app password (RFC 7617, Section 2).
const basicChallenge = `Basic realm="Posvid", charset="UTF-8"`

// challenge is WWW-Authenticate of a 401 (RFC 9110, Section 11.6.1; RFC 6750, Section 3).
func challenge(authorization string) string {
	if len(authorization) >= 7 && strings.EqualFold(authorization[:7], "bearer ") {
		return `Bearer error="invalid_token"`
	}
	return "Posvid"
}

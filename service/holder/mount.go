// Package holder is the part of the web service that holders' phones and those who check them talk to: enrolment, delivery
// and renewal, stopping and withdrawing, one-time codes, the trust bundle, and the pages a holder uses without the phone.
// docs/spec/holder-api.md has the rules.
package holder

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Problems of this part.
var (
	// EnrolmentRefused is the one answer to every proof of possession and every stop code that is not taken.
	EnrolmentRefused = service.NewProblem(http.StatusForbidden, "enrolment-refused", "Код не прийнято.", "The code was not taken.",
		"Перевірте код на талоні; якщо він той самий, зверніться до кадрової служби органу.", "Check the code on the slip; if it is the same, turn to the personnel department of the body.")
	// UnknownID is the answer about an ID that the caller does not have.
	UnknownID = service.NewProblem(http.StatusNotFound, "unknown-id", "Такого посвідчення у вас немає.", "You have no such ID.",
		"Оновіть перелік посвідчень.", "Load the list of IDs again.")
	// WhichID asks for the id where a number fits two.
	WhichID = service.NewProblem(http.StatusConflict, "which-id", "Під цим номером кілька посвідчень.", "Several IDs have this number.",
		"Назвіть посвідчення його позначкою (id).", "Name the ID by its id.")
	// NotIssued is the answer when something wants an issued ID.
	NotIssued = service.NewProblem(http.StatusConflict, "not-issued", "Посвідчення зараз не чинне.", "The ID is not valid now.",
		"Зверніться до кадрової служби органу.", "Turn to the personnel department of the body.")
	// ManyCodes: the ID got as many one-time codes as it may.
	ManyCodes = service.NewProblem(http.StatusTooManyRequests, "online-many", "Забагато одноразових кодів.", "Too many one-time codes.",
		"Зачекайте три хвилини.", "Wait three minutes.")
	// NotACode: the text is neither a link of this service nor the digits of a barcode.
	NotACode = service.NewProblem(http.StatusUnprocessableEntity, "online-text", "Це не одноразовий код.", "This is not a one-time code.",
		"Зчитайте код ще раз.", "Read the code once more.")
	// WantVerifier: who asks for more than yes or no has to be a verifier and say where the check takes place.
	WantVerifier = service.NewProblem(http.StatusForbidden, "online-verifier", "Дані особи бачить лише перевіряльник, який назвав місце перевірки.", "Only a verifier who names the place of the check sees whose ID it is.",
		"Увійдіть як перевіряльник і вкажіть місце.", "Log in as a verifier and name the place.")
)

// part is this part over one server.
type part struct {
	s *service.Server
	trustCache
	bodyState
}

// Mount adds the part's routes and jobs.
func Mount(s *service.Server) error {
	p := &part{s: s}
	s.SignedRequests()
	p.mountTrust()
	p.mountWallet()
	p.mountOnline()
	p.mountPages()
	p.mountJobs()
	return nil
}

// api is what the operations of this part have in common.
func api(id, method, path, summary, description string, codes ...int) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: description, Errors: codes, MaxBodyBytes: 8 << 10}
	switch {
	case strings.Contains(path, "/online/"):
		op.Tags = []string{"online"}
	case strings.Contains(path, "/wallet/"):
		op.Tags, op.Security = []string{"wallet"}, []map[string][]string{{service.SignedScheme: {}}}
	case strings.HasSuffix(path, "/enrolments"), strings.HasSuffix(path, "/stop"):
		op.Tags = []string{"wallet"}
	default:
		op.Tags = []string{"trust"}
	}
	return op
}

// wallet is the phone that signed the request.
func wallet(ctx context.Context) (thumb [32]byte, err error) {
	p := service.PrincipalOf(ctx)
	if p.Kind != service.Wallet {
		return thumb, service.NotLoggedIn
	}
	key, err := keys.ParseHolderPublicKey(p.Key)
	if err != nil {
		return thumb, service.NotLoggedIn.Because(err)
	}
	return key.Thumbprint(), nil
}

// publicID is what a phone calls an ID: the same for ever, and nothing that another could count or guess from.
func (p *part) publicID(b *service.Body, row int64) (string, error) {
	m, err := p.s.Store.MAC("posvid holder id v1", []byte(b.EDRPOU+"/"+strconv.FormatInt(row, 10)))
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 32)
	for _, c := range m[:16] {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out), err
}

// mine finds the ID that a phone names: by its id, or by a number that only one of its live IDs has, or else only one of all.
func (p *part) mine(ctx context.Context, b *service.Body, thumb [32]byte, number, id string) (issuer.ID, error) {
	has, err := b.Register.OfHolder(ctx, thumb)
	if err != nil {
		return issuer.ID{}, err
	}
	var live, ended []issuer.ID
	for _, one := range has.IDs {
		if one.State == issuer.StatePending || number != "" && one.Number != number {
			continue
		}
		if id != "" {
			name, err := p.publicID(b, one.ID)
			if err != nil {
				return issuer.ID{}, err
			}
			if name != id {
				continue
			}
		}
		if one.State.Live() {
			live = append(live, one)
		} else {
			ended = append(ended, one)
		}
	}
	switch {
	case len(live) == 1:
		return live[0], nil
	case len(live) > 1:
		return issuer.ID{}, WhichID
	case len(ended) > 0:
		return ended[len(ended)-1], nil
	}
	return issuer.ID{}, UnknownID
}

// isRefused tells whether an error is EnrolmentRefused.
func isRefused(err error) bool {
	var p *service.Problem
	return errors.As(err, &p) && p.Code == EnrolmentRefused.Code
}

// refusal is the problem behind an error of issuer; the error itself when it has none.
func refusal(err error) error {
	var enrolment *issuer.EnrolmentError
	switch {
	case errors.As(err, &enrolment):
		return EnrolmentRefused.Because(err)
	case errors.Is(err, issuer.ErrOnlineMany):
		return ManyCodes.Because(err)
	case errors.Is(err, issuer.ErrOnlineText):
		return NotACode.Because(err)
	case errors.Is(err, issuer.ErrOnlineVerifier):
		return WantVerifier.Because(err)
	case errors.Is(err, issuer.NotEnrolled), errors.Is(err, store.ErrNotFound):
		return UnknownID.Because(err)
	case errors.Is(err, issuer.ErrState), errors.Is(err, issuer.ErrSuspended), errors.Is(err, issuer.ErrNotEntitled):
		return NotIssued.Because(err)
	}
	return err
}

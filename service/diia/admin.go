package diia

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/service"
)

// untilOf reads the last day of a term: РРРР-ММ-ДД or ДД.ММ.РРРР.
func untilOf(text string) (time.Time, error) {
	d, err := hr.ParseDate(text)
	if err != nil {
		return time.Time{}, systemUntil.Because(err)
	}
	return d.End(), nil
}

type adminListInput struct {
	EDRPOU string `path:"edrpou" minLength:"8" maxLength:"8"`
}

type adminListOutput struct {
	Body struct {
		Systems []systemView `json:"systems"`
	}
}

type adminRegisterInput struct {
	EDRPOU string `path:"edrpou" minLength:"8" maxLength:"8"`
	Body   adminSystem
}

type adminChangeInput struct {
	EDRPOU string `path:"edrpou" minLength:"8" maxLength:"8"`
	Client string `path:"client" maxLength:"64"`
	Body   adminSystem
}

// adminSystem is what an administrator says of a system.
type adminSystem struct {
	Name    string   `json:"name" minLength:"1" maxLength:"240"`
	Keys    rawJSON  `json:"keys" doc:"JWK Set of public keys: P-256 (ES256) or RSA from 2048 bits (RS256)"`
	Webhook string   `json:"webhook,omitempty" maxLength:"500" doc:"https address that events are sent to; empty: the system pulls"`
	Scopes  []string `json:"scopes" doc:"documents, verify, enrolments, events"`
	Numbers bool     `json:"numbers,omitempty" doc:"events name people by РНОКПП"`
	Until   string   `json:"until" doc:"last day, РРРР-ММ-ДД, at most three years ahead"`
}

func (a *adminSystem) registration() (registration, error) {
	until, err := untilOf(a.Until)
	return registration{name: a.Name, keys: a.Keys, webhook: a.Webhook, scopes: a.Scopes, numbers: a.Numbers, until: until}, err
}

type adminRegisterOutput struct {
	Status int
	Body   struct {
		ClientID string `json:"clientId"`
	}
}

type adminGrantInput struct {
	EDRPOU string `path:"edrpou" minLength:"8" maxLength:"8"`
	Client string `path:"client" maxLength:"64"`
	Body   struct {
		Scopes  []string `json:"scopes"`
		Numbers bool     `json:"numbers,omitempty"`
	}
}

type adminClientInput struct {
	EDRPOU string `path:"edrpou" minLength:"8" maxLength:"8"`
	Client string `path:"client" maxLength:"64"`
}

type nothing struct{}

// mountAdmin adds the administration as an API: the same functions as the pages.
func (p *part) mountAdmin() {
	read := service.Access{Roles: []service.Role{service.BodyAdmin, service.Auditor}}
	write := service.Access{Roles: []service.Role{service.BodyAdmin}, SecondFactor: true}
	const path = "/api/v1/bodies/{edrpou}/systems"
	service.Operation(p.s, read, huma.Operation{OperationID: "systems-list", Method: http.MethodGet, Path: path, Tags: []string{"systems"},
		Summary: "List the systems bound to a body"},
		func(ctx context.Context, in *adminListInput) (*adminListOutput, error) {
			all, err := p.list(ctx, in.EDRPOU, "", p.s.Now())
			if err != nil {
				return nil, err
			}
			out := &adminListOutput{}
			out.Body.Systems = append([]systemView{}, all...)
			return out, nil
		})
	service.Operation(p.s, write, huma.Operation{OperationID: "systems-register", Method: http.MethodPost, Path: path, Tags: []string{"systems"}, MaxBodyBytes: 64 << 10,
		DefaultStatus: http.StatusCreated, Summary: "Register a system and grant it scopes in this body"},
		func(ctx context.Context, in *adminRegisterInput) (*adminRegisterOutput, error) {
			r, err := in.Body.registration()
			if err != nil {
				return nil, err
			}
			client, err := p.register(ctx, in.EDRPOU, accountOf(ctx), r, p.s.Now())
			if err != nil {
				return nil, err
			}
			out := &adminRegisterOutput{Status: http.StatusCreated}
			out.Body.ClientID = client
			return out, nil
		})
	service.Operation(p.s, write, huma.Operation{OperationID: "systems-change", Method: http.MethodPut, Path: path + "/{client}", Tags: []string{"systems"}, MaxBodyBytes: 64 << 10,
		Summary: "Change name, keys, webhook, term and grants of a system that this body registered"},
		func(ctx context.Context, in *adminChangeInput) (*nothing, error) {
			r, err := in.Body.registration()
			if err != nil {
				return nil, err
			}
			return nil, p.renew(ctx, in.EDRPOU, in.Client, accountOf(ctx), r, p.s.Now())
		})
	service.Operation(p.s, write, huma.Operation{OperationID: "systems-grant", Method: http.MethodPut, Path: path + "/{client}/grant", Tags: []string{"systems"}, MaxBodyBytes: maxQuery,
		Summary: "Grant a system scopes in this body, or agree to its new keys"},
		func(ctx context.Context, in *adminGrantInput) (*nothing, error) {
			return nil, p.let(ctx, in.EDRPOU, in.Client, accountOf(ctx), in.Body.Scopes, in.Body.Numbers, p.s.Now())
		})
	service.Operation(p.s, write, huma.Operation{OperationID: "systems-withdraw", Method: http.MethodDelete, Path: path + "/{client}/grant", Tags: []string{"systems"},
		Summary: "Withdraw what this body grants a system"},
		func(ctx context.Context, in *adminClientInput) (*nothing, error) {
			return nil, p.withdraw(ctx, in.EDRPOU, in.Client, accountOf(ctx), p.s.Now())
		})
	service.Operation(p.s, write, huma.Operation{OperationID: "systems-stop", Method: http.MethodDelete, Path: path + "/{client}", Tags: []string{"systems"},
		Summary: "Stop a system for every body, for ever"},
		func(ctx context.Context, in *adminClientInput) (*nothing, error) {
			return nil, p.stop(ctx, in.EDRPOU, in.Client, accountOf(ctx), p.s.Now())
		})
}

package servicetest

import (
	"net/http"
	"testing"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/verifier"
)

func TestWorld(t *testing.T) {
	w := New(t)
	bundle, _, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*Body{w.Ministry, w.Council} {
		for part, want := range map[string]verifier.Code{"issued": verifier.OK, "second": verifier.OK, "suspended": verifier.Suspended, "revoked": verifier.Revoked} {
			beacon := bundle.Beacon().Value
			text, err := b.Holders[part].Text(credential.FaceFull, beacon[:], w.Now())
			if err != nil {
				t.Fatalf("%s %s: %v", b.EDRPOU, part, err)
			}
			if v := verifier.Verify(verifier.Input{Text: text, At: w.Now(), Bundle: bundle}); v.Code != want {
				t.Errorf("%s %s: got %s, want %s", b.EDRPOU, part, v.Code, want)
			}
		}
		if h := b.Holders["slip"]; h.Code == "" || h.Row != 0 {
			t.Errorf("%s: the holder with a slip has code %q and ID %d", b.EDRPOU, h.Code, h.Row)
		}
	}
	if w.Ministry.Holders["issued"].Key.HolderPublic().Thumbprint() != w.Council.Holders["issued"].Key.HolderPublic().Thumbprint() {
		t.Error("the person of both bodies has two phones")
	}
}

func TestTwoWorldsAreApart(t *testing.T) {
	one, two := New(t), New(t)
	if err := one.Ministry.Register.Withdraw(t.Context(), one.Ministry.Holders["issued"].Entitlement, one.Ministry.Operators[0], one.Now()); err != nil {
		t.Fatal(err)
	}
	id, err := two.Ministry.Body.Body.Show(t.Context(), two.Ministry.Holders["issued"].Row)
	if err != nil || !id.State.Live() {
		t.Errorf("state %v, %v: want the second world untouched", id.State, err)
	}
}

func TestAs(t *testing.T) {
	w := New(t)
	w.Server.Page("GET /b/{edrpou}/x", service.Access{Roles: []service.Role{service.Registrar}}, func(w http.ResponseWriter, r *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	w.Start()
	account := w.Account("Особа", service.Grant{Role: service.Registrar, Body: CouncilEDRPOU})
	for name, c := range map[string]struct {
		client *http.Client
		want   int
	}{
		"nobody":          {w.Client(), 401},
		"registrar":       {w.As(w.Role(service.Registrar, w.Ministry)), 204},
		"other body":      {w.As(w.Role(service.Registrar, w.Council)), 403},
		"session":         {w.LogIn(w.Account("Особа", service.Grant{Role: service.Registrar, Body: MinistryEDRPOU}), false), 204},
		"session, other":  {w.LogIn(account, true), 403},
		"auditor":         {w.As(w.Role(service.Auditor, w.Ministry)), 403},
		"trust operator":  {w.As(w.Role(service.TrustOperator, w.Ministry)), 403},
		"admitted device": {w.As(service.Principal{Kind: service.Device, Bodies: []string{MinistryEDRPOU}}), 403},
	} {
		if got, _, _ := w.Do(c.client, "GET", "/b/"+MinistryEDRPOU+"/x", nil); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

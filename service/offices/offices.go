// Package offices is the part of the web service for the office module (Дія.Офіс): it brings people and the state of their
// service IDs into package office by value, and carries its pages, address books, calendars and mail.
// docs/spec/office.md has the rules.
package offices

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Config is what the part needs beside the server.
type Config struct {
	Store   office.Store // the module's tables, in the service's own database
	Ballots office.Store // the ballot box of anonymous surveys, a database of its own

	Gate     *office.Gate // optional: the mail gate, which Mount joins to the module; who serves it is up to the caller
	GatePort string       // port of the gate, as the page tells people; empty when it is not known

	Demo string // optional: absolute folder for what a demo's invented data leave outside of the stores; empty: no invented data
}

// part is this part over one server.
type part struct {
	s *service.Server
	c Config

	directory *office.Directory
	bodies    filled
	planner   *office.Planner

	mail      *office.Mail
	mailer    office.Mailer // letters that the service itself writes
	downloads *downloadLimit

	passwords *office.AppPasswords
	appTries  triesBySource
	home      []homeFunc // what the pieces add to the first page

	surveys   *office.Surveys // who is asked and who was served
	box       *office.Box     // anonymous ballots
	lists     lists           // public lists of closed surveys
	rewriting atomic.Int64    // nanoseconds that the last rewriting of the ballot file took
}

// Mount adds the part's routes and jobs.
func Mount(s *service.Server, c Config) error {
	_, err := mount(s, c)
	return err
}

func mount(s *service.Server, c Config) (*part, error) {
	if c.Store == nil || c.Ballots == nil {
		return nil, errors.New("offices: want a store and a ballot box")
	}
	p := &part{s: s, c: c}
	for _, mount := range []func() error{p.mountAccess, p.mountDirectory, p.mountSurveys, p.mountBallots, p.mountMail, p.mountPlanning, p.mountDAV} {
		if err := mount(); err != nil {
			return nil, err
		}
	}
	if c.Demo != "" {
		return p, p.demo(context.Background(), c.Demo)
	}
	return p, nil
}

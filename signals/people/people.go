// Package people tells of changes among an account's executives, by holding who has
// which role now against who had it before, as Apollo's people search knows them
// (Apollo API reference, 2026-11). The search is free of credits, masks names and gives
// no dates, so a change is dated by the look that found it.
package people

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

const (
	name    = "people"
	env     = "APOLLO" // one key for the provider and for this source
	baseURL = "https://api.apollo.io/api/v1"
)

// Spec describes the source.
var Spec = signals.Spec{
	Name: name, Env: env, BaseURL: baseURL, Needs: "key",
	Rate: 2, // of the 200 a minute that a team has, most are for those who prospect
	New:  New,
}

// Source is Apollo's people search as a source of signals.
type Source struct{ http *outbound.Client }

var _ signals.Source = (*Source)(nil)

// New returns the source, or what is wrong with the configuration.
func New(cfg signals.Config) (signals.Source, error) {
	key := strings.TrimSpace(cfg.Key)
	if key == "" {
		return nil, account.Invalid("SLUICE_"+env+"_API_KEY", "not set, and Apollo answers nobody without a key")
	}
	opts := append([]outbound.Option{outbound.WithHeader("x-api-key", key)}, cfg.Options...)
	return &Source{http: outbound.New(name, cmp.Or(cfg.BaseURL, baseURL), opts...)}, nil
}

// Look implements [signals.Source]. The first sight of an account, and of a role, tells
// nothing.
func (s *Source) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	if at.Account.Domain == "" || len(at.Rules.Executives) == 0 {
		return signals.Sight{}, ctx.Err()
	}
	found, whole, err := s.search(ctx, at)
	if err != nil {
		return signals.Sight{}, err
	}
	m := recall(at.Before)
	if !whole { // who is not among the first may be among the others
		return remember(nil, m)
	}
	if found.empty() && m.holders() && !m.Empty {
		m.Empty = true // a company does not lose all its executives: wait for a second word
		return remember(nil, m)
	}
	m.Empty = false
	return remember(m.compare(found, at), m)
}

// Pages are read until all are, up to a size at which roles are no longer held by one
// person each.
const (
	perPage  = 100
	maxPages = 5
)

// holders are the people who have each role, by its name. A role that nobody has is
// there, too.
type holders map[string][]person

func (h holders) empty() bool {
	for _, people := range h {
		if len(people) > 0 {
			return false
		}
	}
	return true
}

// search asks for all who may have one of the roles. Whole says that these are all.
func (s *Source) search(ctx context.Context, at signals.Look) (found holders, whole bool, err error) {
	found = holders{}
	var titles []string
	for _, role := range at.Rules.Executives {
		found[role.Name] = nil
		titles = append(titles, role.Titles...)
	}
	for n := 1; n <= maxPages; n++ {
		p, err := s.page(ctx, query{
			Domains: []string{at.Account.Domain}, Titles: titles[:min(len(titles), maxTitles)], Page: n, PerPage: perPage,
		})
		if err != nil {
			return nil, false, err
		}
		for _, who := range p.people {
			who.assign(found, at)
		}
		if len(p.people) < perPage || n*perPage >= p.total {
			return found, true, nil
		}
	}
	return found, false, nil
}

// assign puts a person into the role that the title belongs to, unless the person
// works for somebody else or is there already.
func (p person) assign(found holders, at signals.Look) {
	role, ok := icp.RoleFor(at.Rules.Executives, p.Title, "")
	if !ok || p.ID == "" || len(p.ID) > maxID || !p.worksAt(at.Account) {
		return
	}
	for _, other := range found[role.Name] {
		if other.ID == p.ID {
			return
		}
	}
	found[role.Name] = append(found[role.Name], p)
}

// Limits of what is asked for and remembered.
const (
	maxTitles = 200
	maxID     = 64
)

type query struct {
	Domains []string `json:"q_organization_domains_list"`
	Titles  []string `json:"person_titles"`
	Page    int      `json:"page"`
	PerPage int      `json:"per_page"`
}

// page is one page of answers.
type page struct {
	people []person
	total  int
}

func (s *Source) page(ctx context.Context, q query) (page, error) {
	var p page
	req := outbound.Request{Method: http.MethodPost, Path: "/mixed_people/api_search", Body: q}
	err := s.http.Do(ctx, req, func(r outbound.Response) (err error) {
		if r.Status != http.StatusOK {
			return failure(r)
		}
		p, err = read(r.Body)
		return err
	})
	return p, err
}

// failure knows that a missing scope has a code, and that running out of credits is a
// 422 like a missing parameter.
func failure(r outbound.Response) error {
	var body struct {
		Code  string `json:"error_code"`
		Error string `json:"error"`
	}
	_ = json.Unmarshal(r.Body, &body) // the 401 is a plain sentence
	if r.Status == http.StatusUnprocessableEntity && strings.HasPrefix(strings.ToLower(body.Error), "insufficient credits") {
		return r.Fail(outbound.QuotaExhausted)
	}
	e := r.FailStatus()
	if body.Code == "API_INACCESSIBLE" {
		e.Reason = body.Code // the key's scope or the plan
	}
	return e
}

var errNoPeople = errors.New("an answer without a list of people")

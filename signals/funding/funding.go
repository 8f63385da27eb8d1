// Package funding tells of an account's funding rounds as Crunchbase knows them, and of
// its end: closed, or bought by another (Crunchbase API v4, 2026-11).
package funding

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

const (
	name    = "funding"
	env     = "CRUNCHBASE"
	baseURL = "https://api.crunchbase.com/v4/data"
)

// Spec describes the source.
var Spec = signals.Spec{
	Name: name, Env: env, BaseURL: baseURL, Needs: "key",
	Rate: 3, // 200 calls a minute
	New:  New,
}

// Source is Crunchbase as a source of signals.
type Source struct{ http *outbound.Client }

var _ signals.Source = (*Source)(nil)

// New returns the source, or what is wrong with the configuration.
func New(cfg signals.Config) (signals.Source, error) {
	key := strings.TrimSpace(cfg.Key)
	if key == "" {
		return nil, account.Invalid("SLUICE_"+env+"_API_KEY", "not set, and Crunchbase answers nobody without a key")
	}
	opts := append([]outbound.Option{outbound.WithHeader("X-cb-user-key", key)}, cfg.Options...)
	return &Source{http: outbound.New(name, cmp.Or(cfg.BaseURL, baseURL), opts...)}, nil
}

// memory is who the account is at Crunchbase, and the rounds that were there.
type memory struct {
	Domain    string   `json:"domain"` // that Permalink was found by
	Permalink string   `json:"permalink"`
	Rounds    []string `json:"rounds"`
	Status    string   `json:"status,omitempty"`
}

// recall takes what cannot be read for nothing: the organisation is looked up again,
// and what is told twice is recognised by whoever keeps signals.
func recall(before json.RawMessage) memory {
	var m memory
	if json.Unmarshal(before, &m) != nil {
		return memory{}
	}
	return m
}

// Look implements [signals.Source]. An account that Crunchbase does not know, or knows
// no more, has no news.
func (s *Source) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	if at.Account.Domain == "" {
		return signals.Sight{}, ctx.Err()
	}
	m := recall(at.Before)
	if m.Domain != at.Account.Domain || !isPermalink(m.Permalink) {
		permalink, err := s.find(ctx, at.Account)
		if err != nil || permalink == "" {
			return signals.Sight{}, err
		}
		m.Domain, m.Permalink = at.Account.Domain, permalink
	}
	o, err := s.organization(ctx, m.Permalink)
	if err != nil {
		return signals.Sight{}, err
	}
	if !o.is(at.Account) { // it is gone, or has become another company: look it up again
		m.Permalink = ""
		return remember(nil, m)
	}
	rounds := latest(o.rounds, at.Now)
	events := append(news(rounds, m, at), ended(o, m, at)...)
	m.Rounds = m.Rounds[:0:0]
	for _, r := range rounds {
		m.Rounds = append(m.Rounds, r.Identifier.UUID)
	}
	m.Status = cmp.Or(o.Status, m.Status)
	return remember(events, m)
}

func remember(events []signals.Event, m memory) (signals.Sight, error) {
	raw, err := json.Marshal(m)
	return signals.Sight{Events: events, Remember: raw}, err
}

// news are the rounds that were not there before and are not too old to be news.
func news(rounds []round, m memory, at signals.Look) []signals.Event {
	var events []signals.Event
	for _, r := range rounds {
		when := r.announced()
		if when.Before(at.Since) || slices.Contains(m.Rounds, r.Identifier.UUID) {
			continue
		}
		events = append(events, r.event(when))
	}
	slices.Reverse(events) // the oldest first
	return events
}

// ended is the end of a company that was there at the last look: a reason to stop. What
// was over at the first sight is no news.
func ended(o organization, m memory, at signals.Look) []signals.Event {
	kind, entity, summary := signals.CompanyClosed, "closed", "has closed"
	switch {
	case m.Status == "" || o.Status == m.Status:
		return nil
	case o.Status == "was_acquired":
		kind, entity, summary = signals.CompanyAcquired, "acquired", "was acquired"
	case o.Status != "closed":
		return nil
	}
	return []signals.Event{{
		Kind: kind, Entity: entity, OccurredAt: at.Now, Summary: summary, Confidence: 0.9, Stop: true,
		Evidence: []signals.Evidence{{Source: name, Title: "status of " + o.Identifier.Value, URL: "https://www.crunchbase.com/organization/" + m.Permalink, At: at.Now}},
	}}
}

// find returns the permalink of the account's organisation; "" if there is none.
func (s *Source) find(ctx context.Context, acc account.Account) (permalink string, err error) {
	type predicate struct {
		Type     string   `json:"type"`
		Field    string   `json:"field_id"`
		Operator string   `json:"operator_id"`
		Values   []string `json:"values"`
	}
	req := outbound.Request{Path: "/searches/organizations", Body: struct {
		Fields []string    `json:"field_ids"`
		Query  []predicate `json:"query"`
		Limit  int         `json:"limit"`
	}{
		Fields: []string{"identifier", "website_url"},
		Query:  []predicate{{"predicate", "website_url", "domain_eq", []string{acc.Domain}}},
		Limit:  5,
	}}
	err = s.http.Do(ctx, req, func(r outbound.Response) error {
		if r.Status != http.StatusOK {
			return failure(r)
		}
		all, err := readSearch(r.Body)
		permalink = pick(all, acc)
		return err
	})
	return permalink, err
}

// pick prefers, of several organisations behind one website, the one of the same name:
// brands and funds of a company have an entry each.
func pick(all []organization, acc account.Account) string {
	permalink := ""
	for _, o := range all {
		switch {
		case !o.is(acc) || !isPermalink(o.Identifier.Permalink):
		case account.SameName(o.Identifier.Value, acc.Name):
			return o.Identifier.Permalink
		case permalink == "":
			permalink = o.Identifier.Permalink
		}
	}
	return permalink
}

// organization asks for its website and its rounds. One that Crunchbase no longer
// knows comes back empty, which is nobody.
func (s *Source) organization(ctx context.Context, permalink string) (o organization, err error) {
	req := outbound.Request{
		Path:  "/entities/organizations/" + permalink,
		Query: url.Values{"field_ids": {"identifier,website_url,status"}, "card_ids": {"raised_funding_rounds"}},
	}
	err = s.http.Do(ctx, req, func(r outbound.Response) (err error) {
		switch {
		case r.Status == http.StatusNotFound && json.Valid(r.Body): // in HTML it is a wrong base URL
			return nil
		case r.Status != http.StatusOK:
			return failure(r)
		}
		o, err = readEntity(r.Body)
		return err
	})
	return o, err
}

// failure knows that a field outside the package is a 400 or a 403 with a code. Errors
// are objects, or lists of them.
func failure(r outbound.Response) error {
	switch errorCode(r.Body) {
	case "MD403":
		e := r.Fail(outbound.AuthFailed)
		e.Reason = "MD403" // the package does not have what was asked for
		return e
	case "LA401":
		return r.Fail(outbound.AuthFailed)
	default:
		return r.FailStatus()
	}
}

// Package news tells of launches, expansions and reorganisations that the press has
// written about, as GDELT finds it (GDELT DOC 2.0, 2026-11). It reads headlines only and
// knows companies by their name only, so that it is trusted with little and off by default.
package news

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

const (
	name    = "news"
	env     = "GDELT"
	baseURL = "https://api.gdeltproject.org"

	pause = 5 * time.Second // between two calls, as its throttling notice asks for
)

// Spec describes the source.
var Spec = signals.Spec{
	Name: name, Env: env, BaseURL: baseURL,
	Rate: 0.2, // one call in five seconds, from everybody in this process
	Off:  true,
	New:  New,
}

// Source is GDELT as a source of signals.
type Source struct{ http *outbound.Client }

var _ signals.Source = (*Source)(nil)

// New returns the source.
func New(cfg signals.Config) (signals.Source, error) {
	return &Source{http: outbound.New(name, cmp.Or(cfg.BaseURL, baseURL), cfg.Options...)}, nil
}

// minName is how many characters a company's name must have to be looked for: shorter
// ones are in every headline, and GDELT refuses them.
const minName = 4

// Look implements [signals.Source]. An account without a name that can be looked for has
// no news.
func (s *Source) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	company := account.NormalizeName(at.Account.Name)
	if utf8.RuneCountInString(company) < minName {
		return signals.Sight{}, ctx.Err()
	}
	articles, err := s.search(ctx, company, at)
	if err != nil {
		return signals.Sight{}, err
	}
	m := recall(at.Before)
	events := m.news(about(articles, company, at))
	raw, err := json.Marshal(m)
	return signals.Sight{Events: events, Remember: raw}, err
}

// covered is how far back GDELT goes.
const covered = 90 * 24 * time.Hour

// maxRecords is how many articles an answer has at most.
const maxRecords = "250"

func (s *Source) search(ctx context.Context, company string, at signals.Look) (articles []article, err error) {
	since := at.Since
	if oldest := at.Now.Add(-covered); since.Before(oldest) {
		since = oldest
	}
	const stamp = "20060102150405"
	req := outbound.Request{Path: "/api/v2/doc/doc", Query: url.Values{
		"query": {`"` + company + `" (` + strings.Join(searched, " OR ") + `) sourcelang:english`},
		"mode":  {"artlist"}, "format": {"json"}, "sort": {"datedesc"}, "maxrecords": {maxRecords},
		"startdatetime": {since.UTC().Format(stamp)}, "enddatetime": {at.Now.UTC().Format(stamp)},
	}}
	err = s.http.Do(ctx, req, func(r outbound.Response) (err error) {
		if r.Status != http.StatusOK {
			return r.FailStatus()
		}
		if articles, err = read(r.Body); errors.Is(err, errNotice) {
			return r.FailAfter(outbound.Throttled, pause)
		}
		return err
	})
	return articles, err
}

// about returns the articles of the look's time whose headline names the company and
// tells of something, the oldest first.
func about(articles []article, company string, at signals.Look) []story {
	var stories []story
	for _, a := range articles {
		title := signals.Label(a.Title, maxLabel)
		when := a.seen()
		headline := " " + account.NormalizeName(title) + " "
		rest := strings.ReplaceAll(headline, " "+company+" ", " ")
		if rest == headline || when.Before(at.Since) || when.After(at.Now) {
			continue
		}
		if kind := classify(rest); kind != "" {
			stories = append(stories, story{kind: kind, title: title, url: link(a.URL), at: when})
		}
	}
	slices.SortStableFunc(stories, func(a, b story) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.title, b.title), cmp.Compare(a.url, b.url))
	})
	return stories
}

// story is an article that is news.
type story struct {
	kind, title, url string
	at               time.Time
}

// memory is when what was told began, by kind.
type memory struct {
	Told map[string][]time.Time `json:"told"`
}

// maxTold is how many events of a kind are remembered: the latest. They are at least
// two weeks apart, and a look goes back for weeks.
const maxTold = 30

// recall takes what cannot be read for nothing: what is told twice is recognised by
// whoever keeps signals.
func recall(before json.RawMessage) memory {
	var m memory
	if json.Unmarshal(before, &m) != nil {
		m = memory{}
	}
	if m.Told == nil {
		m.Told = map[string][]time.Time{}
	}
	return m
}

// news makes one event of the stories of a kind that are near each other, and none of
// what echoes an event that is told.
func (m memory) news(stories []story) []signals.Event {
	var events []signals.Event
	current := map[string]int{} // the event that a kind's stories go into
	for _, s := range stories {
		i, open := current[s.kind]
		switch {
		case open && s.at.Sub(events[i].OccurredAt) <= signals.Tolerance(s.kind):
			if len(events[i].Evidence) < maxEvidence {
				events[i].Evidence = append(events[i].Evidence, s.evidence())
			}
		case m.echo(s):
		default:
			current[s.kind] = len(events)
			events = append(events, s.event())
			told := append(m.Told[s.kind], s.at)
			m.Told[s.kind] = told[max(0, len(told)-maxTold):]
		}
	}
	return events
}

// maxEvidence is how many articles are shown for one event: the first.
const maxEvidence = 5

func (m memory) echo(s story) bool {
	return slices.ContainsFunc(m.Told[s.kind], func(told time.Time) bool {
		return s.at.Sub(told).Abs() <= signals.Tolerance(s.kind)
	})
}

func (s story) evidence() signals.Evidence {
	return signals.Evidence{Source: name, Title: s.title, URL: s.url, At: s.at}
}

func (s story) event() signals.Event {
	t := topicOf(s.kind)
	return signals.Event{
		Kind: s.kind, Entity: t.entity, OccurredAt: s.at, Summary: t.summary, Confidence: 0.3,
		Evidence: []signals.Evidence{s.evidence()},
	}
}

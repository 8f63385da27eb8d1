// Package firmographics tells what has become different about a company itself: its
// head count, its place, its domain, whether it hires and whether it still exists. It
// asks nobody: the facts are those that data providers and the CRM have brought.
package firmographics

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
)

const name = "firmographics"

// Spec describes the source.
var Spec = signals.Spec{Name: name, Env: "FIRMOGRAPHICS", New: New}

// Source is the source of changes of a company.
type Source struct{}

var _ signals.Source = Source{}

// New returns the source; nothing about it can be configured.
func New(signals.Config) (signals.Source, error) { return Source{}, nil }

// Look implements [signals.Source]. Each fact is held against the last one of the same
// provider: two providers count and spell differently, so that another one's word is a
// new baseline, not a change. What is not known any more is no change either.
func (Source) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	if err := ctx.Err(); err != nil {
		return signals.Sight{}, err
	}
	c := comparison{Look: at, memory: recall(at.Before)}
	c.headcount()
	c.place()
	c.domain()
	c.status()
	c.hiring()
	c.memory.Looked = true
	raw, err := json.Marshal(c.memory)
	return signals.Sight{Events: c.events, Remember: raw}, err
}

// memory is what changes are measured from.
type memory struct {
	Looked bool                   `json:"looked"`
	Domain string                 `json:"domain,omitempty"`
	Facts  map[account.Field]seen `json:"facts,omitempty"`
}

// seen is a fact as it was observed. That of the head count stays until its change is
// news: a company that grows by 5 % a month has grown by 20 % at some time.
type seen struct {
	Value    account.Value `json:"value"`
	Provider string        `json:"provider,omitempty"`
	Derived  bool          `json:"derived,omitempty"`
	At       time.Time     `json:"at"`
}

// recall takes what cannot be read for nothing: the next look has a baseline again.
func recall(before json.RawMessage) memory {
	var m memory
	if json.Unmarshal(before, &m) != nil {
		m = memory{}
	}
	if m.Facts == nil {
		m.Facts = map[account.Field]seen{}
	}
	return m
}

// comparison is one look in the making.
type comparison struct {
	signals.Look
	memory memory
	events []signals.Event
}

// baseline makes the fact of a field what the next one is held against.
func (c *comparison) baseline(field account.Field) {
	f := c.Facts[field]
	c.memory.Facts[field] = seen{Value: f.Value, Provider: f.Provider, Derived: f.Derived, At: f.ObservedAt}
}

// change returns a field's fact and what it was before, if the two can be compared and
// differ. Where they cannot, the new one is the baseline from now on.
func (c *comparison) change(field account.Field) (was seen, is account.Fact, ok bool) {
	is = c.Facts[field]
	kind, _ := field.Kind()
	was, known := c.memory.Facts[field]
	switch {
	case is.Value.Kind() != kind, known && !is.ObservedAt.After(was.At):
		return was, is, false
	case !known, was.Value.Kind() != kind, was.Provider != is.Provider, was.Derived != is.Derived:
		c.baseline(field)
		return was, is, false
	}
	return was, is, fold(was.Value) != fold(is.Value)
}

// fold is a value as it is compared: providers change their mind about capitals.
func fold(v account.Value) string {
	return strings.Join(strings.Fields(strings.ToLower(v.String())), " ")
}

// tell adds an event about a fact.
func (c *comparison) tell(is account.Fact, title string, e signals.Event) {
	e.OccurredAt = is.ObservedAt
	if e.OccurredAt.IsZero() || e.OccurredAt.After(c.Now) {
		e.OccurredAt = c.Now
	}
	e.Confidence = is.Confidence
	if e.Confidence <= 0 || e.Confidence > 1 {
		e.Confidence = 0.5 // whoever gives none is not trusted with more
	}
	source := is.Provider
	if source == "" {
		source = name
	}
	e.Evidence = []signals.Evidence{{Source: source, Title: title, At: e.OccurredAt}}
	c.events = append(c.events, e)
}

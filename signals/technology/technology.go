// Package technology tells which tools an account has added or dropped, by holding
// what is known of it against what was known before. It asks nobody: the facts are
// those that data providers have brought.
package technology

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
)

const name = "technology"

// Spec describes the source.
var Spec = signals.Spec{Name: name, Env: "TECHNOLOGY", New: New}

// Source is the source of technology changes.
type Source struct{}

var _ signals.Source = Source{}

// New returns the source; nothing about it can be configured.
func New(signals.Config) (signals.Source, error) { return Source{}, nil }

// memory is the last observation, of the technologies that the model watches only:
// whether each was there. One that comes to be watched later begins with a baseline.
type memory struct {
	At       time.Time       `json:"at"`
	Provider string          `json:"provider"`
	Had      map[string]bool `json:"had"`
}

// Look implements [signals.Source]. A list that is empty or not known is no
// observation, since vendors lose data, and neither is one that is not newer than the
// last. Two vendors see different parts of what a company uses: where another one
// answers, its list is the new baseline.
func (Source) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	if err := ctx.Err(); err != nil {
		return signals.Sight{}, err
	}
	fact := at.Facts[account.Technologies]
	list := fact.Value.List()
	last := recall(at.Before)
	if len(list) == 0 || !last.At.IsZero() && !fact.ObservedAt.After(last.At) {
		return signals.Sight{}, nil
	}
	var events []signals.Event
	if !last.At.IsZero() && last.Provider == fact.Provider {
		events = compare(last, fact, at)
	}
	return remember(events, memory{At: fact.ObservedAt, Provider: fact.Provider, Had: having(list, at.Rules)})
}

// recall takes what cannot be read for nothing: the next look has a baseline again.
func recall(before json.RawMessage) memory {
	var m memory
	if json.Unmarshal(before, &m) != nil {
		return memory{}
	}
	return m
}

func remember(events []signals.Event, m memory) (signals.Sight, error) {
	raw, err := json.Marshal(m)
	return signals.Sight{Events: events, Remember: raw}, err
}

// watched are the technologies that the model calls news, competitors first.
func watched(rules *icp.SignalRules) []string {
	return slices.Concat(rules.Competitors, rules.Complements)
}

func having(list []string, rules *icp.SignalRules) map[string]bool {
	had := map[string]bool{}
	for _, tech := range watched(rules) {
		had[tech] = slices.Contains(list, tech)
	}
	return had
}

func compare(last memory, fact account.Fact, at signals.Look) []signals.Event {
	var events []signals.Event
	for _, tech := range watched(at.Rules) {
		had, known := last.Had[tech]
		has := slices.Contains(fact.Value.List(), tech)
		competitor := slices.Contains(at.Rules.Competitors, tech)
		switch {
		case !known || had == has:
		case has:
			events = append(events, event("added", tech, competitor, fact, at.Now))
		case competitor:
			events = append(events, event("dropped", tech, competitor, fact, at.Now))
		}
	}
	return events
}

func event(what, tech string, competitor bool, fact account.Fact, now time.Time) signals.Event {
	role := "complement"
	if competitor {
		role = "competitor"
	}
	sure := fact.Confidence
	if sure <= 0 || sure > 1 {
		sure = 0.5 // whoever gives none is not trusted with more
	}
	if what == "dropped" {
		sure *= 0.8 // that something was not seen proves less than that it was
	}
	when := fact.ObservedAt
	if when.After(now) {
		when = now
	}
	return signals.Event{
		Kind: signals.TechnologyChange, Entity: what + ":" + tech, OccurredAt: when,
		Summary: what + " " + tech + " (" + role + ")", Confidence: sure,
		Evidence: []signals.Evidence{{Source: provider(fact), Title: "technologies in use", At: when}},
	}
}

func provider(fact account.Fact) string {
	if fact.Provider == "" {
		return name
	}
	return fact.Provider
}

// Package engagement tells who of an account has looked at us: visits that a website
// reports, and what a CRM counts of them. It asks nobody.
package engagement

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/sluicehq/sluice/signals"
)

const name = "engagement"

// Spec describes the source.
var Spec = signals.Spec{Name: name, Env: "ENGAGEMENT", New: New, Properties: []string{"pricing_page_visits", "demo_requests", "last_visit_at"}, Visits: true}

// Source is the source of website visits.
type Source struct{}

var _ signals.Source = Source{}

// New returns the source; nothing about it can be configured.
func New(signals.Config) (signals.Source, error) { return Source{}, nil }

// The kinds of visits that are news. Mails are opened by filters, too.
const (
	pageView    = "page_view"
	demoRequest = "demo_request"
)

// again is how soon a company must come back for that to be a sign of interest.
const again = 7 * 24 * time.Hour

// Look implements [signals.Source].
func (Source) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	if err := ctx.Err(); err != nil {
		return signals.Sight{}, err
	}
	m := recall(at.Before)
	c := crm(at)
	visits := within(at)
	var fresh []visit
	for _, v := range visits {
		if !m.told(v) {
			fresh = append(fresh, v)
		}
	}
	var events []signals.Event
	for _, e := range []*signals.Event{demo(fresh, m, c), pricing(fresh, m, c), returned(fresh, visits, m, c)} {
		if e != nil {
			events = append(events, *e)
		}
	}
	raw, err := json.Marshal(m.after(fresh, c))
	return signals.Sight{Events: events, Remember: raw}, err
}

// visit is one that may be news.
type visit struct {
	signals.Visit
	key  string
	path string
}

// maxVisits bounds what one look considers: the latest.
const maxVisits = 2000

// within returns the visits of the look's time once each, the oldest first. What a
// clock of the future dates waits until then.
func within(at signals.Look) []visit {
	var kept []visit
	seen := map[string]bool{}
	for _, given := range at.Visits {
		v := visit{Visit: given, key: key(given), path: path(given.Page)}
		news := v.Kind == pageView || v.Kind == demoRequest
		if !news || v.At.Before(at.Since) || v.At.After(at.Now) || seen[v.key] {
			continue
		}
		seen[v.key] = true
		kept = append(kept, v)
	}
	slices.SortStableFunc(kept, func(a, b visit) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.key, b.key))
	})
	return kept[max(0, len(kept)-maxVisits):]
}

// demo knows of requests from our website, or from a count in the CRM that has risen.
func demo(fresh []visit, m memory, c counts) *signals.Event {
	asked := only(fresh, func(v visit) bool { return v.Kind == demoRequest })
	switch {
	case len(asked) > 0:
		return event("demo", "asked for a demo", 0.95, asked)
	case risen(m.Demos, c.demos):
		return counted("demo", "asked for a demo", "demo requests in the CRM", c)
	}
	return nil
}

// pricing knows of the page from visits, or from a count in the CRM that has risen.
func pricing(fresh []visit, m memory, c counts) *signals.Event {
	looked := only(fresh, visit.pricing)
	switch {
	case len(looked) > 0:
		return event("pricing", "visited the pricing page", 0.9, looked)
	case risen(m.Pricing, c.pricing):
		return counted("pricing", "visited the pricing page", "pricing page visits in the CRM", c)
	}
	return nil
}

// risen compares two counts of the CRM; what is not known has not risen.
func risen(was, is *float64) bool { return was != nil && is != nil && *is > *was }

// counted is what only a count in the CRM tells of.
func counted(entity, summary, title string, c counts) *signals.Event {
	e := event(entity, summary, 0.8, nil)
	e.OccurredAt = c.when
	e.Evidence = []signals.Evidence{{Source: name, Title: title, At: c.when}}
	return e
}

// returned wants a visit that is new and another one on another day of the same week.
func returned(fresh, all []visit, m memory, c counts) *signals.Event {
	pages := func(v visit) bool { return v.Kind == pageView }
	all = only(all, pages)
	for _, v := range slices.Backward(only(fresh, pages)) {
		for _, w := range slices.Backward(all) {
			if soonAfter(w.At, v.At) || soonAfter(v.At, w.At) {
				return event("return", "came back within a week", 0.9, []visit{w, v})
			}
		}
		if soonAfter(m.LastVisit, v.At) {
			return event("return", "came back within a week", 0.9, []visit{v})
		}
	}
	earlier := m.LastVisit
	if n := len(all); n > 0 && all[n-1].At.After(earlier) {
		earlier = all[n-1].At
	}
	if !soonAfter(earlier, c.lastVisit) { // or no more than the CRM's word for a visit that is told
		return nil
	}
	e := event("return", "came back within a week", 0.8, nil)
	e.OccurredAt = c.lastVisit
	e.Evidence = []signals.Evidence{{Source: name, Title: "last visit in the CRM", At: c.lastVisit}}
	return e
}

// soonAfter reports whether b is on a later day than a, and within the same week.
func soonAfter(a, b time.Time) bool {
	if a.IsZero() || b.IsZero() {
		return false
	}
	return b.After(a) && b.Sub(a) <= again && a.UTC().Format(time.DateOnly) != b.UTC().Format(time.DateOnly)
}

func only(visits []visit, keep func(visit) bool) []visit {
	var kept []visit
	for _, v := range visits {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// maxEvidence is how many visits are shown for one event: the latest.
const maxEvidence = 5

// event is about the visits, of which the latest gives the time.
func event(entity, summary string, sure float64, of []visit) *signals.Event {
	e := &signals.Event{Kind: signals.WebsiteVisit, Entity: entity, Summary: summary, Confidence: sure}
	slices.SortStableFunc(of, func(a, b visit) int { return a.At.Compare(b.At) })
	for _, v := range of[max(0, len(of)-maxEvidence):] {
		e.OccurredAt = v.At
		e.Evidence = append(e.Evidence, signals.Evidence{Source: name, Title: v.title(), At: v.At})
	}
	return e
}

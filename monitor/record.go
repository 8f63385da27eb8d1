package monitor

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// Record is what Postgres knows of the whole installation.
type Record struct {
	Store interface {
		Counters(ctx context.Context, scopes []string) ([]store.Counter, error)
		Closures(ctx context.Context) ([]store.Closure, error)
		CountUnanswered(ctx context.Context) (int, error)
		Server(ctx context.Context) (store.Server, error)
		Releases(ctx context.Context, name string, version int) ([]store.Release, error)
	}
	Budgets   waterfall.Budgets
	Providers []string
}

var (
	budget         = describe("sluice_budget_credits", "Credits that a budget of this day allows: day, or a provider's.", "budget")
	budgetLeft     = describe("sluice_budget_left_credits", "Credits that are neither spent nor set aside in a budget of this day.", "budget")
	providerClosed = describe("sluice_provider_closed", "Whether a provider is closed for everybody: its key was refused, or its credits are used up.", "provider", "reason")
	unanswered     = describe("sluice_accounts_unanswered", "Accounts with signals that no response has taken in.")
	releases       = describe("sluice_releases", "Releases of models that are under way, by state.", "state")
	releaseWaits   = describe("sluice_releases_waiting", "Releases that wait for a person, by why: sign-off, paused, guard, or failure.", "reason")
	databaseBytes  = describe("sluice_database_bytes", "Size of the database.")
	databaseInUse  = describe("sluice_database_connections", "Connections to the database.")
	databaseMost   = describe("sluice_database_connections_max", "Connections that the database server takes.")
)

// Register registers what is read of the record with r.
func (c Record) Register(r prometheus.Registerer) { register(r, "postgres", c.read) }

func (c Record) read(ctx context.Context) ([]prometheus.Metric, error) {
	server, err := c.Store.Server(ctx)
	if err != nil {
		return nil, err
	}
	waiting, err := c.Store.CountUnanswered(ctx)
	if err != nil {
		return nil, err
	}
	all := []prometheus.Metric{
		is(databaseBytes, float64(server.Bytes)), is(databaseInUse, float64(server.Connections)),
		is(databaseMost, float64(server.MaxConnections)), is(unanswered, float64(waiting)),
	}
	closures, err := c.closed(ctx)
	if err != nil {
		return nil, err
	}
	released, err := c.released(ctx)
	if err != nil {
		return nil, err
	}
	budgets, err := c.budgets(ctx, time.Now())
	return slices.Concat(all, closures, released, budgets), err
}

// released counts the releases under way: where they stand, and which of them wait for a
// person.
func (c Record) released(ctx context.Context) ([]prometheus.Metric, error) {
	found, err := c.Store.Releases(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	states, reasons := map[string]int{}, map[string]int{}
	for _, r := range found {
		if r.Over() {
			continue
		}
		states[r.State]++
		reasons[waitsFor(r)]++
	}
	var all []prometheus.Metric
	for _, state := range []string{store.Draft, store.Validated, store.Backtested, store.SignedOff, store.Shadow, store.AB, store.Active, store.Withdrawn, store.RolledBack} {
		all = append(all, is(releases, float64(states[state]), state))
	}
	for _, reason := range []string{"sign-off", "paused", "guard", "failure"} {
		all = append(all, is(releaseWaits, float64(reasons[reason]), reason))
	}
	return all, nil
}

// waitsFor is why a release waits for a person; "" if it goes on by itself.
func waitsFor(r store.Release) string {
	switch {
	case activities.StandingOf(r).Guarded():
		return "guard"
	case r.Stopped != "":
		return "failure"
	case r.Paused:
		return "paused"
	case r.State == store.Backtested:
		return "sign-off"
	default:
		return ""
	}
}

func (c Record) closed(ctx context.Context) ([]prometheus.Metric, error) {
	closures, err := c.Store.Closures(ctx)
	if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	for _, closure := range closures {
		reasons[closure.Provider] = string(closure.Outcome)
	}
	var all []prometheus.Metric
	for _, p := range c.Providers {
		for _, reason := range []string{"auth_failed", "quota_exhausted"} {
			all = append(all, is(providerClosed, number(reasons[p] == reason), p, reason))
		}
	}
	return all, nil
}

// budgets are those of the day: a company's and an import's end with them.
func (c Record) budgets(ctx context.Context, now time.Time) ([]prometheus.Metric, error) {
	bounds := map[string]float64{}
	for _, p := range append([]string{""}, c.Providers...) {
		for _, l := range c.Budgets.Limits("", "", p, now) {
			if strings.HasPrefix(l.Scope, "day:") || strings.HasPrefix(l.Scope, "provider:") {
				bounds[l.Scope] = l.Credits
			}
		}
	}
	scopes := make([]string, 0, len(bounds))
	for scope := range bounds {
		scopes = append(scopes, scope)
	}
	counters, err := c.Store.Counters(ctx, scopes)
	if err != nil {
		return nil, err
	}
	spent := map[string]float64{}
	for _, counter := range counters {
		spent[counter.Scope] = counter.Spent
	}
	var all []prometheus.Metric
	for scope, bound := range bounds {
		name := scope[:strings.LastIndexByte(scope, ':')] // without its day: day, provider:apollo
		all = append(all, is(budget, bound, name), is(budgetLeft, max(bound-spent[scope], 0), name))
	}
	return all, nil
}

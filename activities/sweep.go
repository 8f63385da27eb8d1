package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
)

// TargetList says which accounts a sweep watches.
type TargetList = store.TargetList

// Segment is a part of the accounts, by what is known of them.
type Segment = store.Segment

// NewsOf is an account with signals that nobody has answered.
type NewsOf = store.NewsOf

// SignalSource is a source that is configured.
type SignalSource struct {
	signals.Source
	Spec signals.Spec
}

// PlanSweepInput says what a sweep is asked for.
type PlanSweepInput struct {
	Account string    `json:"account,omitempty"` // a domain: only its accounts; "" for the whole target list
	At      time.Time `json:"at"`
}

// SweepPlan is what a sweep works with from beginning to end. Its sources are in the
// order of the registry.
type SweepPlan struct {
	Refresh []string           `json:"refresh,omitempty"` // that bring what we know up to date: the CRM's records, providers' old answers
	Sources []string           `json:"sources"`           // that ask somebody outside
	Compare []string           `json:"compare,omitempty"` // that compare what the refresh brought
	Lists   []store.TargetList `json:"lists"`             // one, or one for each account of a domain
	Total   int                `json:"total"`             // accounts on the lists
	Models                     // whose rules say what is news: those of the one for everybody
	Day     string             `json:"day"`     // YYYY-MM-DD, where the reps are
	GiveUp  time.Duration      `json:"give_up"` // how long a source that is down is waited for
}

// PlanSweep says which sources look at how many accounts. Errors: Invalid for an
// account that is not there.
func (a *Activities) PlanSweep(ctx context.Context, in PlanSweepInput) (SweepPlan, error) {
	zone, err := time.LoadLocation(a.Zone)
	if err != nil {
		return SweepPlan{}, failure(account.Invalid("zone", err.Error()))
	}
	plan := SweepPlan{Day: in.At.In(zone).Format(time.DateOnly), GiveUp: a.GiveUp, Lists: []store.TargetList{a.Targets}}
	for _, s := range a.Signals {
		if s.Spec.Rate > 0 {
			plan.Sources = append(plan.Sources, s.Spec.Name)
		} else {
			plan.Compare = append(plan.Compare, s.Spec.Name)
		}
	}
	if a.CRM != nil {
		plan.Refresh = append(plan.Refresh, Records)
	}
	for _, provider := range a.Order {
		if _, ok := a.Providers[provider]; ok {
			plan.Refresh = append(plan.Refresh, RefreshPrefix+provider)
		}
	}
	if in.Account != "" {
		same, err := a.Store.AccountsByDomain(ctx, in.Account)
		if err != nil {
			return SweepPlan{}, failure(err)
		}
		if len(same) == 0 {
			return SweepPlan{}, failure(account.Invalid("account", "no account has the domain "+in.Account+"; add it with: starter company add --domain "+in.Account))
		}
		plan.Lists = nil
		for _, acc := range same {
			plan.Lists = append(plan.Lists, store.TargetList{Only: acc.ID})
		}
	}
	for _, l := range plan.Lists {
		n, err := a.Store.CountTargets(ctx, l)
		if err != nil {
			return SweepPlan{}, failure(err)
		}
		plan.Total += n
	}
	plan.Models, err = a.activeModels(ctx)
	return plan, failure(err)
}

// RefreshPrefix and a provider's name name the source that asks the provider again.
const RefreshPrefix = "refresh/"

// LookInput asks one source about the next page of a list.
type LookInput struct {
	Source string           `json:"source"`
	List   store.TargetList `json:"list"`
	After  int64            `json:"after"` // the account that was looked at last
	Limit  int              `json:"limit"` // accounts on the page
	Model  ModelRef         `json:"model"`
	At     time.Time        `json:"at"`                // the night: the clock of every look
	Window time.Duration    `json:"window,omitempty"`  // how far back news goes; 0: the model's first_sight
	DryRun bool             `json:"dry_run,omitempty"` // keep nothing, and say what would be found
}

// LookResult is how far a page got. What failed has not been seen: the next sweep
// looks again, as far back as it takes.
type LookResult struct {
	After   int64 `json:"after"`
	Done    bool  `json:"done,omitempty"` // the list ends here
	Checked int   `json:"checked"`
	Found   int   `json:"found,omitempty"` // signals that are new
	Failed  int   `json:"failed,omitempty"`
	// RetryAfter is when the rest of the page makes sense: the source is down or busy.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	// Closed is why the source answers nobody until a person acts.
	Closed string `json:"closed,omitempty"`
	// Preview is what a dry run found, at most a hundred lines.
	Preview []string `json:"preview,omitempty"`
}

const (
	slice    = 50  // accounts that are read and kept together
	atOnce   = 8   // looks under way at the same time
	previews = 100 // lines of a dry run
)

// LookPage lets a source look at a page of accounts, and keeps what it saw slice by
// slice. It goes on at its last heartbeat, so that a killed worker costs one slice;
// looks that are repeated find nothing twice.
func (a *Activities) LookPage(ctx context.Context, in LookInput) (LookResult, error) {
	m, err := a.model(ctx, in.Model)
	if err != nil {
		return LookResult{}, failure(err)
	}
	source := a.looker(in.Source)
	if source == nil {
		return LookResult{After: in.After, Closed: "not configured on every worker"}, nil
	}
	p := page{a: a, in: in, source: source, model: m, got: LookResult{After: in.After}}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &p.got); err != nil {
			return LookResult{}, fmt.Errorf("read the page's cursor: %w", err)
		}
	}
	err = p.run(ctx)
	return p.got, failure(err)
}

// looker is what a page is done with.
type looker interface {
	// due leaves the accounts that there is a reason to look at.
	due(ctx context.Context, accounts []account.Account, at time.Time) ([]account.Account, error)
	// look returns a sight or an error for each account.
	look(ctx context.Context, p *page, accounts []account.Account) ([]signals.Sight, []error, error)
}

// looker returns nil for a source that is not configured here.
func (a *Activities) looker(name string) looker {
	if provider, ok := strings.CutPrefix(name, RefreshPrefix); ok {
		if source, ok := a.Providers[provider]; ok {
			return refresh{a: a, provider: provider, source: source}
		}
		return nil
	}
	if name == Records && a.CRM != nil {
		return records{a: a}
	}
	for _, s := range a.Signals {
		if s.Spec.Name == name {
			return s
		}
	}
	return nil
}

// page is one LookPage under way.
type page struct {
	a      *Activities
	in     LookInput
	source looker
	model  *icp.Model
	got    LookResult
}

func (p *page) run(ctx context.Context) error {
	for p.got.Checked+p.got.Failed < p.in.Limit && p.got.RetryAfter == 0 && p.got.Closed == "" && !p.got.Done {
		if err := p.slice(ctx); err != nil {
			return err
		}
		activity.RecordHeartbeat(ctx, p.got)
	}
	return nil
}

// slice looks at the next few accounts, and keeps what was seen in one transaction. An
// account that could not be asked since the source is down ends it: what comes after
// is looked at again.
func (p *page) slice(ctx context.Context) error {
	want := min(slice, p.in.Limit-p.got.Checked-p.got.Failed)
	accounts, err := p.a.Store.Targets(ctx, p.in.List, p.got.After, want)
	if err != nil {
		return err
	}
	due, err := p.source.due(ctx, accounts, p.in.At)
	if err != nil {
		return err
	}
	sights, errs, err := p.source.look(ctx, p, due)
	if err != nil {
		return err
	}
	if ctx.Err() != nil { // cancelled or stopped: the cursor stays
		return ctx.Err()
	}
	var seen []store.NewSight
	n := 0 // of those that were due
	for i, acc := range accounts {
		if n == len(due) || due[n].ID != acc.ID {
			p.got.Checked++
			continue
		}
		sight, err := sights[n], errs[n]
		n++
		if p.ends(err) {
			accounts = accounts[:i]
			break
		}
		if err != nil {
			activity.GetLogger(ctx).Warn("Source failed for an account", "source", p.in.Source, "account", acc.ID, "error", err.Error())
			p.got.Failed++
			continue
		}
		p.got.Checked++
		p.preview(acc, sight.Events)
		seen = append(seen, store.NewSight{AccountID: acc.ID, Remember: sight.Remember, Events: sight.Events})
	}
	if len(accounts) > 0 {
		p.got.After = accounts[len(accounts)-1].ID
	}
	p.got.Done = len(accounts) < want && p.got.RetryAfter == 0 && p.got.Closed == ""
	if _, ok := p.source.(SignalSource); !ok || p.in.DryRun || len(seen) == 0 {
		return nil // what brings facts up to date keeps them itself
	}
	found, err := p.a.Store.SaveSights(ctx, p.in.Source, p.in.At, seen)
	p.got.Found += found
	return err
}

// ends takes in an error that concerns the source rather than the account.
func (p *page) ends(err error) bool {
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return false
	}
	switch e.Outcome {
	case outbound.SkippedBreaker, outbound.Throttled:
		p.got.RetryAfter = max(e.RetryAfter, time.Second)
	case outbound.AuthFailed, outbound.QuotaExhausted:
		p.got.Closed = e.Error()
	default:
		return false
	}
	return true
}

// looks reads what a source of signals is to know about each account.
func (p *page) looks(ctx context.Context, spec signals.Spec, accounts []account.Account) ([]signals.Look, error) {
	ids := make([]int64, len(accounts))
	for i, acc := range accounts {
		ids[i] = acc.ID
	}
	before, err := p.a.Store.Sights(ctx, p.in.Source, ids)
	if err != nil {
		return nil, err
	}
	facts, err := p.a.Store.FactsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	window := p.in.Window
	if window == 0 {
		window = p.model.Signals.FirstSight
	}
	since := p.in.At.Add(-window)
	var visits map[int64][]signals.Visit
	if spec.Visits {
		if visits, err = p.a.Store.VisitsOf(ctx, ids, since); err != nil {
			return nil, err
		}
	}
	var fields map[int64]map[string]string
	if len(spec.Properties) > 0 {
		if fields, err = p.a.Store.PropertiesOf(ctx, ids); err != nil {
			return nil, err
		}
	}
	plan, _ := p.a.waterfall(p.model)
	looks := make([]signals.Look, len(accounts))
	for i, acc := range accounts {
		last, known := before[acc.ID]
		looks[i] = signals.Look{
			Account: acc, Facts: plan.Resolve(facts[acc.ID]).Facts(), Fields: fields[acc.ID], Visits: visits[acc.ID],
			Rules: &p.model.Signals, Before: last.Remember, Since: since, Now: p.in.At,
		}
		if known && last.LookedAt.Before(since) { // it was down for longer than news lasts
			looks[i].Since = last.LookedAt
		}
	}
	return looks, nil
}

// due is every account: what is seen of it is remembered, and not told again.
func (SignalSource) due(_ context.Context, accounts []account.Account, _ time.Time) ([]account.Account, error) {
	return accounts, nil
}

func (s SignalSource) look(ctx context.Context, p *page, accounts []account.Account) ([]signals.Sight, []error, error) {
	looks, err := p.looks(ctx, s.Spec, accounts)
	if err != nil {
		return nil, nil, err
	}
	sights, errs := make([]signals.Sight, len(looks)), make([]error, len(looks))
	p.each(ctx, len(looks), func(i int) { sights[i], errs[i] = s.Look(ctx, looks[i]) })
	return sights, errs, nil
}

// each does something for every account, a few at a time.
func (p *page) each(ctx context.Context, n int, do func(i int)) {
	cursor := p.got
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error {
			do(i)
			activity.RecordHeartbeat(ctx, cursor) // slow, not dead
			return nil
		})
	}
	_ = g.Wait()
}

func (p *page) preview(acc account.Account, events []signals.Event) {
	for _, e := range events {
		if p.in.DryRun && len(p.got.Preview) < previews {
			p.got.Preview = append(p.got.Preview, fmt.Sprintf("%s: %s, %s", acc.Domain, e.Kind, e.Summary))
		}
		if p.in.DryRun {
			p.got.Found++
		}
	}
}

// NewsInput asks for the next accounts with unanswered signals.
type NewsInput struct {
	After store.NewsOf `json:"after,omitzero"`
	Only  int64        `json:"only,omitempty"`
	Limit int          `json:"limit"`
}

// News returns the next accounts that a response is due for, the best first.
func (a *Activities) News(ctx context.Context, in NewsInput) ([]store.NewsOf, error) {
	news, err := a.Store.WithNews(ctx, in.After, in.Only, in.Limit)
	return news, failure(err)
}

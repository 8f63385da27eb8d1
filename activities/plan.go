package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// Difference is what a release changes, in counts: what a person wants to see before
// saying yes.
type Difference store.Difference

// Planner works out what a release makes of accounts, by what is on record: with no effect,
// no call to anybody, and no turn taken. It decides as a company's run does, and gives
// accounts to owners as they would take turns if the accounts came one after the other.
type Planner struct {
	a         *Activities
	models    []*icp.Model
	candidate ModelRef
	plan      waterfall.Plan
	at        time.Time
	turns     *turns
}

// NewPlanner returns a planner of a candidate at a moment. models are those that would score
// companies, the candidate in its place among them.
func NewPlanner(ctx context.Context, a *Activities, models []*icp.Model, candidate ModelRef, at time.Time) (*Planner, error) {
	p := a.planner(models, candidate, at)
	return p, p.promise(ctx, 0, 0, nil)
}

func (a *Activities) planner(models []*icp.Model, candidate ModelRef, at time.Time) *Planner {
	p := &Planner{a: a, models: models, candidate: candidate, at: at}
	p.plan, _ = a.waterfall(models...)
	return p
}

// promise reads where the owners stand, with what a release has promised them up to an
// account.
func (p *Planner) promise(ctx context.Context, releaseID, through int64, leaveOut []int64) error {
	all, err := p.a.Store.Turns(ctx, releaseID, through, leaveOut)
	p.turns = newTurns(all, p.at)
	return err
}

// Planned is what a release makes of an account, beside the score that it has.
type Planned struct {
	account.Account
	Before store.ScoreRow
	store.Planned

	Waits []string // properties whose values will wait for a person before they are written
	Holds []string // properties that their policy keeps from being written
}

// Page plans the accounts with these ids. Accounts without a score are left out, and those
// that the release is not about: another model than the released one scores them before
// and after.
func (p *Planner) Page(ctx context.Context, ids []int64) ([]Planned, error) {
	all, err := p.a.known(ctx, p.models, p.plan, p.at, ids...)
	if err != nil {
		return nil, err
	}
	written, err := p.written(ctx, all)
	if err != nil {
		return nil, err
	}
	page := make([]Planned, 0, len(all))
	for _, k := range all {
		if k.Last.ID == 0 {
			continue
		}
		if plan := p.one(k, written); plan.Model == p.candidate.Name || k.Last.Model == p.candidate.Name {
			page = append(page, plan)
		}
	}
	return page, nil
}

// written is what was written to the properties of the accounts, where a policy may keep
// something from being written; nil where none does.
func (p *Planner) written(ctx context.Context, all []known) (map[string]store.Effect, error) {
	if len(p.a.Policies) == 0 {
		return nil, nil
	}
	ids, keys := make([]int64, len(all)), make([]string, len(all))
	for i, k := range all {
		ids[i], keys[i] = k.ID, crm.EffectKey(k.Key, crm.PropertiesEffect, "")
	}
	effects, err := p.a.Store.EffectsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	asked, err := p.a.Store.LastStaged(ctx, keys)
	of := make(map[string]store.Effect, len(all))
	for _, mine := range effects {
		if e, ok := propertiesEffect(mine); ok {
			e.Staged = asked[e.Key]
			of[e.Key] = e
		}
	}
	return of, err
}

// policies says what of the account's new values will not be written at once, by what was
// written before: what people have done to it since, the CRM knows.
func (p *Planner) policies(plan *Planned, model *icp.Model, written map[string]store.Effect) {
	if written == nil || plan.Key.IsZero() {
		return
	}
	e := written[crm.EffectKey(plan.Key, crm.PropertiesEffect, "")]
	e.State = "done"
	w := writer{
		model: model, row: plan.ScoreRow, counts: plan.Counts(), policies: p.a.Policies,
		company: crm.Company{Key: plan.Key, OwnerID: e.Written[crm.OwnerProperty], Properties: e.Written},
	}
	d := w.compareAt(w.values(), e, p.at)
	plan.Waits, plan.Holds = d.staged, d.held
	plan.Staged, plan.Held = len(d.staged), len(d.held)
}

// one plans an account. Who owns it is what its last score says, and where that says nobody,
// who was last written to the CRM.
func (p *Planner) one(k known, written map[string]store.Effect) Planned {
	in := ScoreInput{AccountID: k.ID, Pass: 1, Cause: "model"}
	if !k.Key.IsZero() {
		in.Owner = cmp.Or(k.Last.OwnerID, k.Written)
	}
	d := k.decide(p.models, p.a.Routes, in)
	out := Planned{Account: k.Account, Before: k.Last, Planned: store.Planned{
		ScoreRow: d.row, Bucket: routing.Draw(p.candidate.String(), k.Account),
	}}
	if len(d.candidates) > 0 {
		out.OwnerID, out.OwnerIsNew = p.turns.give(k.Owners[d.row.Queue], d.row.Queue, d.candidates)
	}
	out.Task = k.makesTask(d)
	p.policies(&out, d.model, written)
	return out
}

// makesTask reports whether the score gives somebody a task that is not there yet. Only an
// account whose score or tier changes is a reason for one.
func (k known) makesTask(d decided) bool {
	was, is := k.Last.Counts(), d.row.Counts()
	if k.Key.IsZero() || d.row.Exploration || was.Value == is.Value && was.Tier == is.Tier {
		return false
	}
	tier := earned(d.model, d.row)
	return tier.Task != nil && !slices.Contains(k.Tasks, taskKey(k.Key, tier))
}

// turns are the round robins of all queues, as they would go on.
type turns struct {
	of   map[turnOf]*turnsTaken
	last int64 // promise that was made
}

type turnOf struct{ queue, owner string }

type turnsTaken struct {
	at       time.Time // zero: never
	today    int       // on the day of the plan, what is promised included
	promised int64     // the later the higher; 0: nothing
}

func newTurns(all []store.Turn, at time.Time) *turns {
	t := &turns{of: make(map[turnOf]*turnsTaken, len(all))}
	day := at.UTC().Truncate(24 * time.Hour)
	for _, on := range all {
		taken := &turnsTaken{at: on.TakenAt, today: on.Promised, promised: on.Last}
		if !on.Day.Before(day) {
			taken.today += on.Taken
		}
		t.of[turnOf{on.Queue, on.OwnerID}] = taken
		t.last = max(t.last, on.Last)
	}
	return t
}

// give returns the owner that the account has in the queue, or the next in turn: the same
// as [store.Store.AssignOwner], which takes the turn.
func (t *turns) give(held, queue string, candidates []store.Candidate) (owner string, isNew bool) {
	if held != "" {
		return held, false
	}
	var next *turnsTaken
	for _, c := range candidates {
		taken := t.of[turnOf{queue, c.OwnerID}]
		if taken == nil {
			taken = &turnsTaken{}
			t.of[turnOf{queue, c.OwnerID}] = taken
		}
		if c.Capacity > 0 && taken.today >= c.Capacity {
			continue
		}
		if next == nil || taken.before(next) {
			next, owner = taken, c.OwnerID
		}
	}
	if next == nil {
		return "", false
	}
	t.last++
	next.promised, next.today = t.last, next.today+1
	return owner, true
}

// before reports whether the turn was taken before the other. What is promised comes after
// all that was taken.
func (t *turnsTaken) before(other *turnsTaken) bool {
	if t.promised != other.promised {
		return t.promised < other.promised
	}
	return t.at.Before(other.at)
}

// PlanInput names a release, the models that would score companies, and the moment.
type PlanInput struct {
	ReleaseID int64     `json:"release_id"`
	Models    Models    `json:"models"`
	At        time.Time `json:"at"`
	After     int64     `json:"after,omitempty"` // the account that was planned last
	Limit     int       `json:"limit"`           // accounts
}

// PlanResult is how far a plan got.
type PlanResult struct {
	After    int64 `json:"after"`
	Accounts int   `json:"accounts"` // that were looked at
	Done     bool  `json:"done,omitempty"`
}

// plannedTogether is how many accounts are planned, and kept, together.
const plannedTogether = 500

// PlanPage works out what a release makes of the next accounts, and keeps it beside their
// scores: while some are being kept, the next are worked out. It goes on at its last
// heartbeat; what is planned again is planned the same.
func (a *Activities) PlanPage(ctx context.Context, in PlanInput) (PlanResult, error) {
	got := PlanResult{After: in.After}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &got); err != nil {
			return got, fmt.Errorf("read the plan's cursor: %w", err)
		}
	}
	p, err := a.releasePlanner(ctx, in.ReleaseID, in.Models, in.At)
	if err == nil {
		err = p.promise(ctx, in.ReleaseID, got.After, nil)
	}
	var now, next []Planned
	reached := got // with those that are worked out and not kept yet
	for err == nil && !got.Done && got.Accounts < in.Limit {
		var keeping errgroup.Group
		keeping.Go(func() error { return a.Store.KeepPlanned(ctx, in.ReleaseID, rows(now)) })
		got = reached
		if !got.Done && got.Accounts < in.Limit {
			next, reached, err = p.next(ctx, got)
		}
		if err = errors.Join(err, keeping.Wait()); err == nil {
			activity.RecordHeartbeat(ctx, got)
		}
		now = next
	}
	return got, failure(err)
}

// next plans the accounts that come next.
func (p *Planner) next(ctx context.Context, got PlanResult) ([]Planned, PlanResult, error) {
	ids, err := p.a.Store.Scored(ctx, got.After, plannedTogether)
	if err != nil {
		return nil, got, err
	}
	got.Accounts += len(ids)
	if got.Done = len(ids) < plannedTogether; len(ids) > 0 {
		got.After = ids[len(ids)-1]
	}
	page, err := p.Page(ctx, ids)
	return page, got, err
}

func (a *Activities) releasePlanner(ctx context.Context, releaseID int64, in Models, at time.Time) (*Planner, error) {
	candidate, err := a.Store.ReleaseModel(ctx, releaseID)
	if err != nil {
		return nil, err
	}
	models, err := a.load(ctx, in)
	if err != nil {
		return nil, err
	}
	return a.planner(models, candidate, at), nil
}

func rows(page []Planned) []store.Planned {
	all := make([]store.Planned, len(page))
	for i, p := range page {
		all[i] = p.Planned
	}
	return all
}

// everything is an account beyond all accounts.
const everything = math.MaxInt64

// CountScored returns how many accounts there are to plan.
func (a *Activities) CountScored(ctx context.Context) (int, error) {
	n, err := a.Store.CountScored(ctx)
	return n, failure(err)
}

// LargestMoves is how many of the accounts whose scores move most a difference has.
const LargestMoves = 20

// PlanDifference adds up what a release makes of the accounts.
func (a *Activities) PlanDifference(ctx context.Context, releaseID int64) (Difference, error) {
	d, err := a.Store.Difference(ctx, releaseID, LargestMoves)
	return Difference(d), failure(err)
}

// taskKey names the one task that a tier gives an account.
func taskKey(company account.Key, tier icp.Tier) string {
	return crm.EffectKey(company, crm.TaskEffect, slug(tier.Name))
}

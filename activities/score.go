package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// ScoreInput says what to score, and with which version of the model.
type ScoreInput struct {
	AccountID int64 `json:"account_id"`
	Models
	Plan  waterfall.Plan `json:"plan"`
	Pass  int            `json:"pass"` // of the run, from 1; each is scored once
	Owner string         `json:"owner,omitempty"`
	// Cause is why there is a new score, if that is known; else it is worked out.
	Cause string `json:"cause,omitempty"`
	// PassedBy names the providers that were out of reach and not asked in this pass.
	PassedBy []string `json:"passed_by,omitempty"`
}

// ScoreResult is the decision that the run acts on. The breakdown stays in Postgres.
type ScoreResult struct {
	ScoreID      int64   `json:"score_id"`
	Value        int     `json:"value"`
	Low          int     `json:"low"`
	High         int     `json:"high"`
	Fit          int     `json:"fit"`
	Completeness float64 `json:"completeness"`
	Tier         string  `json:"tier"`
	Provisional  bool    `json:"provisional,omitempty"`
	Queue        string  `json:"queue"`
	Owner        string  `json:"owner,omitempty"`
	Exploration  bool    `json:"exploration,omitempty"`
	Reason       string  `json:"reason"` // for the route

	Model ModelRef `json:"model,omitzero"` // that made it

	// Revision is that of the process which the deciding worker runs. The decision is made
	// in the worker that runs the workflow, so that it versions what follows, without the
	// marker and the search attribute that workflow.GetVersion costs each run.
	Revision int `json:"revision,omitempty"`

	// Overridden is what the machine makes of it while a person's decision holds, which
	// is what the other fields say.
	Overridden *Machine `json:"overridden,omitempty"`
}

// Revision is the process that runs follow now. 1: contacts are scored without asking
// for a version, and the list of runs is told of the decision, not of the end. 2: it is told
// of both together at the end, and contacts are scored beside the effects.
const Revision = 2

// Machine is what the model makes of an account beside what a person does.
type Machine struct {
	Override int64  `json:"override"` // the id of the override
	Value    int    `json:"value"`
	Tier     string `json:"tier"`
}

// Score rates and routes the account on what is on record now, and keeps the
// decision with its breakdown, its cause and the difference to the score before. While
// an override holds, the machine's score is kept beside the person's, which is what
// counts. Repeated for the same pass it returns the decision that was kept.
func (a *Activities) Score(ctx context.Context, in ScoreInput) (ScoreResult, error) {
	models, err := a.load(ctx, in.Models)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	if err := a.passedBy(ctx, in); err != nil {
		return ScoreResult{}, failure(err)
	}
	var row store.ScoreRow
	for range moves {
		if row, err = a.score(ctx, models, in); !errors.Is(err, store.ErrMoved) {
			break
		}
	}
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	return decision(row), nil
}

// score works the decision out and keeps it. It is [store.ErrMoved] when the account was
// scored, or an override began or ended, while it did.
func (a *Activities) score(ctx context.Context, models []*icp.Model, in ScoreInput) (store.ScoreRow, error) {
	all, err := a.known(ctx, models, in.Plan, time.Now(), in.AccountID)
	if err != nil {
		return store.ScoreRow{}, err
	}
	if len(all) == 0 {
		return store.ScoreRow{}, fmt.Errorf("score account %d: %w", in.AccountID, account.ErrNotFound)
	}
	d := all[0].decide(models, a.Routes, in)
	d.row.RunID = activity.GetInfo(ctx).WorkflowExecution.RunID
	if d.row.OwnerID == "" && len(d.candidates) > 0 {
		d.row.OwnerID, err = a.Store.AssignOwner(ctx, in.AccountID, d.row.Queue, d.candidates, d.row.ScoredAt)
	}
	if err != nil {
		return store.ScoreRow{}, err
	}
	return a.Store.SaveScore(ctx, d.row)
}

// known is what a score is worked out from.
type known struct {
	store.Known
	at       time.Time
	resolved waterfall.Resolution
	facts    account.Facts
	contacts []icp.Contact // where the models look at them
}

// known reads what is on record of the accounts, however many they are, at once: a run
// scores one, a release all of them.
func (a *Activities) known(ctx context.Context, models []*icp.Model, plan waterfall.Plan, at time.Time, ids ...int64) ([]known, error) {
	all, err := a.Store.Known(ctx, at, slices.ContainsFunc(models, (*icp.Model).LooksAtContacts), ids...)
	if err != nil {
		return nil, err
	}
	out := make([]known, len(all))
	for i, k := range all {
		out[i] = known{Known: k, at: at, resolved: plan.Resolve(k.Facts)}
		out[i].facts = out[i].resolved.Facts()
		for _, c := range k.Contacts {
			out[i].contacts = append(out[i].contacts, icp.Contact{ID: c.Key.ID, Facts: contactFacts(c, c.SeenAt)})
		}
	}
	return out, nil
}

// decided is a score that is worked out, with the route that follows from it.
type decided struct {
	row   store.ScoreRow // whose owner is still to be found, if there are candidates
	model *icp.Model
	// candidates are the owners of whom the next in turn gets the account, unless it has
	// one in the queue.
	candidates []store.Candidate
}

// decide works the account's next score out, and what follows from it, but for whose turn
// it is. It is all that decides: nothing outside is asked.
func (k known) decide(models []*icp.Model, rules routing.Rules, in ScoreInput) decided {
	d := decided{row: store.ScoreRow{
		AccountID: k.ID, Pass: in.Pass, Facts: k.resolved.Merged, ScoredAt: k.at, Before: k.Last.ID, Holding: k.Override.ID,
	}}
	d.model = k.choose(models, &d.row)
	k.rate(d.model, &d.row)
	route := routing.Input{Account: k.Account, Facts: k.facts, ExistingOwner: in.Owner}
	if k.Override.ID != 0 {
		if counts, ok := k.Override.On(d.model, d.row.Score); ok {
			d.row.Override = &store.Standing{ID: k.Override.ID, Value: counts.Value, Tier: counts.Tier, Fit: counts.Fit}
			route.Decided = true
		}
	}
	route.Tier, _ = d.model.TierNamed(d.row.Counts().Tier)
	d.route(rules, route)
	k.explain(in, &d.row)
	return d
}

// route settles queue and owner of the row, or who may be the owner.
func (d *decided) route(rules routing.Rules, in routing.Input) {
	r := routing.Decide(d.model, rules, in)
	d.row.Queue, d.row.OwnerID, d.row.RouteReason, d.row.Exploration = r.Queue, r.Owner, r.Reason, r.Exploration
	if d.row.Override != nil {
		d.row.RouteReason += "; by override"
	}
	for _, c := range r.Candidates {
		d.candidates = append(d.candidates, store.Candidate{OwnerID: c.ID, Capacity: c.Capacity})
	}
}

func (k known) subject() icp.Subject {
	return icp.Subject{Facts: k.facts, Signals: slices.Concat(k.Signals, k.facts.Signals()), Contacts: k.contacts}
}

// choose returns the model that the account gets, and puts the runner-up into the row.
// Where none is for it, the first one is.
func (k known) choose(models []*icp.Model, row *store.ScoreRow) *icp.Model {
	if len(models) == 1 {
		return models[0]
	}
	choice, ok := icp.Best(models, k.subject(), k.at)
	if !ok {
		return models[0]
	}
	if second := choice.RunnerUp; second != nil {
		row.RunnerUp = &store.RunnerUp{
			ModelRef: ModelRef{Name: second.Model.Name, Version: second.Model.Version},
			Value:    second.Score.Value, Tier: second.Score.Tier, Margin: choice.Margin,
		}
	}
	return choice.Best.Model
}

// rate puts into the row what the model makes of the account: its score, in the tier that
// it settles in, given the one that the model had it in; and when time alone may change
// that.
func (k known) rate(m *icp.Model, row *store.ScoreRow) {
	sub := k.subject()
	row.Model, row.ModelVersion = m.Name, m.Version
	row.Score = m.Rate(sub, k.at)
	row.RescoreAt = m.Stale(sub, row.Score, k.at)
	var held icp.Held
	if k.Last.Model == m.Name {
		held = icp.Held{Tier: k.Last.Score.Tier, Since: k.Last.TierSince}
	}
	tier, why := m.Settle(row.Score, held, k.at)
	row.Score.Tier, row.TierReason, row.TierSince = tier.Name, why, k.at
	if tier.Name != held.Tier {
		return
	}
	row.TierSince = held.Since
	until := held.Since.Add(tier.Dwell)
	if why != "" && until.After(k.at) && (row.RescoreAt.IsZero() || until.Before(row.RescoreAt)) {
		row.RescoreAt = until
	}
}

// explain puts into the row why there is a new score and what it changed.
func (k known) explain(in ScoreInput, row *store.ScoreRow) {
	row.Cause = cause(in, k.Last, *row)
	var before icp.Score
	if k.Last.ID != 0 {
		before = k.Last.Counts()
		row.Changes = icp.Diff(k.Last.Score, row.Score)
	}
	also := []string{}
	if was, is := k.Last.ModelRef(), row.ModelRef(); k.Last.ID != 0 && was != is {
		also = append(also, fmt.Sprintf("model %s@%d → %s@%d", was.Name, was.Version, is.Name, is.Version))
	}
	row.Why = icp.Why(row.Cause, before, row.Counts(), row.Changes, append(also, k.switched(*row))...)
}

// switched says that an override began or ended since the score before, or is of no use to
// the model.
func (k known) switched(row store.ScoreRow) string {
	o := k.Ended
	switch {
	case k.Override.ID != 0 && row.Override == nil:
		return fmt.Sprintf("override %d to %s does not count: %s@%d has no such tier", k.Override.ID, k.Override.Override, row.Model, row.ModelVersion)
	case k.Last.OverrideID() == k.Override.ID:
		return ""
	case k.Override.ID != 0:
		return fmt.Sprintf("override %d to %s (%s)", k.Override.ID, k.Override.Override, until(k.Override.Override))
	case o.State != store.EndedOverride: // its workflow is about to end it
		o.Ended = store.Expired
	}
	return fmt.Sprintf("override %d to %s has ended: %s", o.ID, o.Override, o.Ended)
}

// cause is why there is a new score: the first one, another model, or better data,
// unless it is known.
func cause(in ScoreInput, last, row store.ScoreRow) string {
	switch {
	case last.ID == 0:
		return "first"
	case in.Cause != "":
		return in.Cause
	case last.ModelRef() != row.ModelRef():
		return "model"
	default:
		return "data"
	}
}

func decision(row store.ScoreRow) ScoreResult {
	s := row.Counts()
	out := ScoreResult{
		ScoreID: row.ID, Value: s.Value, Low: s.Low, High: s.High, Fit: s.Fit, Completeness: s.Completeness,
		Tier: s.Tier, Provisional: s.Provisional, Model: row.ModelRef(),
		Queue: row.Queue, Owner: row.OwnerID, Exploration: row.Exploration, Reason: row.RouteReason,
		Revision: Revision,
	}
	if row.Override != nil {
		out.Overridden = &Machine{Override: row.Override.ID, Value: row.Score.Value, Tier: row.Score.Tier}
	}
	return out
}

// triggered reports whether a criterion of intent earned points: something just
// happened that is a reason to call.
func triggered(s icp.Score) bool {
	return slices.ContainsFunc(s.Criteria, func(r icp.Result) bool { return r.Dimension == "intent" && r.Points > 0 })
}

// passedBy puts into the ledger whom the run did not even ask.
func (a *Activities) passedBy(ctx context.Context, in ScoreInput) error {
	runID := activity.GetInfo(ctx).WorkflowExecution.RunID
	for _, provider := range in.PassedBy {
		if err := a.Store.Skip(ctx, in.AccountID, provider, runID, runID, outbound.SkippedBreaker); err != nil {
			return err
		}
	}
	return nil
}

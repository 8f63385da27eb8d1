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
	AccountID int64          `json:"account_id"`
	Model     ModelRef       `json:"model"`
	Plan      waterfall.Plan `json:"plan"`
	Pass      int            `json:"pass"` // of the run, from 1; each is scored once
	Owner     string         `json:"owner,omitempty"`
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

	// Overridden is what the machine makes of it while a person's decision holds, which
	// is what the other fields say.
	Overridden *Machine `json:"overridden,omitempty"`
	// Bounds is what the model leaves a person to decide on.
	Bounds *icp.Bounds `json:"bounds,omitempty"`
}

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
	m, err := a.model(ctx, in.Model)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	if err := a.passedBy(ctx, in); err != nil {
		return ScoreResult{}, failure(err)
	}
	for range moves {
		var row store.ScoreRow
		if row, err = a.score(ctx, m, in); !errors.Is(err, store.ErrMoved) {
			return decision(m, row), failure(err)
		}
	}
	return ScoreResult{}, failure(err)
}

// score works the decision out and keeps it. It is [store.ErrMoved] when the account was
// scored, or an override began or ended, while it did.
func (a *Activities) score(ctx context.Context, m *icp.Model, in ScoreInput) (store.ScoreRow, error) {
	known, err := a.known(ctx, in)
	if err != nil {
		return store.ScoreRow{}, err
	}
	row := store.ScoreRow{
		AccountID: in.AccountID, RunID: activity.GetInfo(ctx).WorkflowExecution.RunID, Pass: in.Pass,
		Model: m.Name, ModelVersion: m.Version, Facts: known.resolved.Merged, ScoredAt: known.at, Before: known.last.ID,
	}
	known.rate(m, &row)
	route := routing.Input{Account: known.account, Facts: known.facts, ExistingOwner: in.Owner}
	if known.override.ID != 0 {
		if counts, ok := known.override.On(m, row.Score); ok {
			row.Override = &store.Standing{ID: known.override.ID, Value: counts.Value, Tier: counts.Tier, Fit: counts.Fit}
			route.Decided = true
		}
	}
	route.Tier, _ = m.TierNamed(row.Counts().Tier)
	if err := a.route(ctx, m, route, &row); err != nil {
		return store.ScoreRow{}, err
	}
	if err := a.explain(ctx, in, known, &row); err != nil {
		return store.ScoreRow{}, err
	}
	return a.Store.SaveScore(ctx, row)
}

// known is what a score is worked out from.
type known struct {
	at       time.Time
	account  account.Account
	resolved waterfall.Resolution
	facts    account.Facts
	signals  []account.Signal
	last     store.ScoreRow // the score before; zero for the first
	override store.Override // that holds; zero if none does
}

func (a *Activities) known(ctx context.Context, in ScoreInput) (known, error) {
	k := known{at: time.Now()}
	var err error
	if k.account, err = a.Store.Account(ctx, in.AccountID); err != nil {
		return k, err
	}
	said, err := a.Store.Facts(ctx, in.AccountID)
	if err != nil {
		return k, err
	}
	k.resolved = in.Plan.Resolve(said)
	k.facts = k.resolved.Facts()
	if k.signals, err = a.happened(ctx, in.AccountID); err != nil {
		return k, err
	}
	if k.last, err = a.Store.LatestScore(ctx, in.AccountID); err != nil && !errors.Is(err, account.ErrNotFound) {
		return k, err
	}
	if k.override, err = a.Store.OverrideAt(ctx, in.AccountID, k.at); err != nil && !errors.Is(err, account.ErrNotFound) {
		return k, err
	}
	return k, nil
}

// rate puts into the row what the model makes of the account: its score, in the tier that
// it settles in, given the one that the model had it in; and when time alone may change
// that.
func (k known) rate(m *icp.Model, row *store.ScoreRow) {
	sub := icp.Subject{Facts: k.facts, Signals: append(k.signals, k.facts.Signals()...)}
	row.Score = m.Rate(sub, k.at)
	row.RescoreAt = m.Stale(sub, row.Score, k.at)
	var held icp.Held
	if k.last.Model == m.Name {
		held = icp.Held{Tier: k.last.Score.Tier, Since: k.last.TierSince}
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

// route settles queue and owner of the row.
func (a *Activities) route(ctx context.Context, m *icp.Model, in routing.Input, row *store.ScoreRow) error {
	r := routing.Decide(m, a.Routes, in)
	owner, err := a.owner(ctx, row.AccountID, r, row.ScoredAt)
	row.Queue, row.OwnerID, row.RouteReason, row.Exploration = r.Queue, owner, r.Reason, r.Exploration
	if row.Override != nil {
		row.RouteReason += "; by override"
	}
	return err
}

// explain puts into the row why there is a new score and what it changed.
func (a *Activities) explain(ctx context.Context, in ScoreInput, k known, row *store.ScoreRow) error {
	row.Cause = cause(in, k.last)
	var before icp.Score
	if k.last.ID != 0 {
		before = k.last.Counts()
		row.Changes = icp.Diff(k.last.Score, row.Score)
	}
	also := []string{}
	if was := (ModelRef{Name: k.last.Model, Version: k.last.ModelVersion}); k.last.ID != 0 && was != in.Model {
		also = append(also, fmt.Sprintf("model %s@%d → %s@%d", was.Name, was.Version, in.Model.Name, in.Model.Version))
	}
	switched, err := a.switched(ctx, k)
	row.Why = icp.Why(row.Cause, before, row.Counts(), row.Changes, append(also, switched)...)
	return err
}

// switched says that an override began or ended since the score before.
func (a *Activities) switched(ctx context.Context, k known) (string, error) {
	was := k.last.OverrideID()
	switch {
	case was == k.override.ID:
		return "", nil
	case k.override.ID != 0:
		return fmt.Sprintf("override %d to %s (%s)", k.override.ID, k.override.Override, until(k.override.Override)), nil
	}
	o, err := a.Store.Override(ctx, was)
	if err != nil {
		return "", err
	}
	how := o.Ended
	if o.State != store.EndedOverride { // its workflow is about to end it
		how = store.Expired
	}
	return fmt.Sprintf("override %d to %s has ended: %s", o.ID, o.Override, how), nil
}

// owner is the one already decided on, or the candidate whose turn it is.
func (a *Activities) owner(ctx context.Context, accountID int64, r routing.Route, now time.Time) (string, error) {
	if r.Owner != "" || len(r.Candidates) == 0 {
		return r.Owner, nil
	}
	candidates := make([]store.Candidate, len(r.Candidates))
	for i, c := range r.Candidates {
		candidates[i] = store.Candidate{OwnerID: c.ID, Capacity: c.Capacity}
	}
	return a.Store.AssignOwner(ctx, accountID, r.Queue, candidates, now)
}

// happened returns the signals on record, as the model rates them.
func (a *Activities) happened(ctx context.Context, accountID int64) ([]account.Signal, error) {
	known, err := a.Store.Signals(ctx, accountID)
	events := make([]account.Signal, len(known))
	for i, g := range known {
		events[i] = account.Signal{Kind: g.Kind, OccurredAt: g.OccurredAt, Summary: g.Summary}
		if len(g.Evidence) > 0 {
			events[i].Source = g.Evidence[0].Source
		}
	}
	return events, err
}

// cause is why there is a new score: the first one, another model, or better data,
// unless it is known.
func cause(in ScoreInput, last store.ScoreRow) string {
	switch {
	case last.ID == 0:
		return "first"
	case in.Cause != "":
		return in.Cause
	case (ModelRef{Name: last.Model, Version: last.ModelVersion}) != in.Model:
		return "model"
	default:
		return "data"
	}
}

func decision(m *icp.Model, row store.ScoreRow) ScoreResult {
	s := row.Counts()
	bounds := m.Bounds()
	out := ScoreResult{
		ScoreID: row.ID, Value: s.Value, Low: s.Low, High: s.High, Fit: s.Fit, Completeness: s.Completeness,
		Tier: s.Tier, Provisional: s.Provisional, Bounds: &bounds,
		Queue: row.Queue, Owner: row.OwnerID, Exploration: row.Exploration, Reason: row.RouteReason,
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

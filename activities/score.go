package activities

import (
	"context"
	"errors"
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
}

// Score rates and routes the account on what is on record now, and keeps the
// decision with its breakdown. Repeated for the same pass it returns the decision
// that was kept.
func (a *Activities) Score(ctx context.Context, in ScoreInput) (ScoreResult, error) {
	m, err := a.model(ctx, in.Model)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	if err := a.passedBy(ctx, in); err != nil {
		return ScoreResult{}, failure(err)
	}
	acc, err := a.Store.Account(ctx, in.AccountID)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	known, err := a.Store.Facts(ctx, in.AccountID)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	now := time.Now()
	resolved := in.Plan.Resolve(known)
	facts := resolved.Facts()
	happened, err := a.happened(ctx, in.AccountID)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	score := icp.Rate(m, facts, append(happened, facts.Signals()...), now)
	route := routing.Decide(m, a.Routes, routing.Input{
		Account: acc, Facts: facts, Tier: m.TierFor(score.Value), ExistingOwner: in.Owner,
	})
	owner, err := a.owner(ctx, acc.ID, route, now)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	cause, err := a.cause(ctx, in)
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	row, err := a.Store.SaveScore(ctx, store.ScoreRow{
		AccountID: acc.ID, RunID: activity.GetInfo(ctx).WorkflowExecution.RunID, Pass: in.Pass,
		Model: m.Name, ModelVersion: m.Version, Score: score, Facts: resolved.Merged, Cause: cause,
		Queue: route.Queue, OwnerID: owner, RouteReason: route.Reason, Exploration: route.Exploration, ScoredAt: now,
	})
	if err != nil {
		return ScoreResult{}, failure(err)
	}
	return decision(row), nil
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

// cause is why there is a new score: the first one, another model, or better data.
func (a *Activities) cause(ctx context.Context, in ScoreInput) (string, error) {
	last, err := a.Store.LatestScore(ctx, in.AccountID)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return "first", nil
	case err == nil && in.Cause != "":
		return in.Cause, nil
	case err == nil && (ModelRef{Name: last.Model, Version: last.ModelVersion}) != in.Model:
		return "model", nil
	default:
		return "data", err
	}
}

func decision(row store.ScoreRow) ScoreResult {
	s := row.Score
	return ScoreResult{
		ScoreID: row.ID, Value: s.Value, Low: s.Low, High: s.High, Fit: s.Fit, Completeness: s.Completeness,
		Tier: s.Tier, Provisional: s.Provisional,
		Queue: row.Queue, Owner: row.OwnerID, Exploration: row.Exploration, Reason: row.RouteReason,
	}
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

package explain

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
)

// Machine is what the model makes of an account while a person's decision counts.
type Machine struct {
	Score
	Tier        string `json:"tier"`
	Provisional bool   `json:"provisional"`
}

// Past is one score that the account had, as it counted then.
type Past struct {
	At         time.Time    `json:"at"`
	Cause      string       `json:"cause"` // first, data, model, signal, override, decay
	Value      int          `json:"value"`
	Tier       string       `json:"tier"`
	Model      Model        `json:"model"`
	Queue      string       `json:"queue"`
	TierReason string       `json:"tier_reason,omitempty"` // what kept it in a tier that its score left
	Override   int64        `json:"override,omitempty"`    // the id of the one that held
	Machine    *Machine     `json:"machine,omitempty"`     // the model's, while it held
	Why        string       `json:"why,omitempty"`
	Changes    []icp.Change `json:"changes,omitempty"` // to the one before
}

// Override is what a person decided on the account.
type Override struct {
	ID          int64     `json:"id"`
	Score       *int      `json:"score,omitempty"`
	Tier        string    `json:"tier,omitempty"`
	Code        string    `json:"code"`
	Reason      string    `json:"reason"`
	By          string    `json:"by"`
	State       string    `json:"state"` // pending, active, ended
	CreatedAt   time.Time `json:"created_at"`
	BeganAt     time.Time `json:"began_at,omitzero"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	EndedAt     time.Time `json:"ended_at,omitzero"`
	Ended       string    `json:"ended,omitempty"` // expired, cleared, replaced, refused
	EndedBy     string    `json:"ended_by,omitempty"`
	EndedReason string    `json:"ended_reason,omitempty"`
}

// Decided says what was decided: "Tier 1" or "score 80".
func (o Override) Decided() string { return icp.Override{Score: o.Score, Tier: o.Tier}.String() }

// OverrideOf returns the override as people and programs see it.
func OverrideOf(o store.Override) Override {
	return Override{
		ID: o.ID, Score: o.Score, Tier: o.Tier, Code: o.Code, Reason: o.Reason, By: o.Author, State: o.State,
		CreatedAt: o.CreatedAt, BeganAt: o.BeganAt, ExpiresAt: o.ExpiresAt, EndedAt: o.EndedAt,
		Ended: o.Ended, EndedBy: o.EndedBy, EndedReason: o.EndReason,
	}
}

// Holds returns the override that the latest score was made under; nil if there was
// none.
func (c *Company) Holds() *Override {
	if len(c.History) == 0 {
		return nil
	}
	id := c.History[len(c.History)-1].Override
	for i := range c.Overrides {
		if id != 0 && c.Overrides[i].ID == id {
			return &c.Overrides[i]
		}
	}
	return nil
}

// past reads the scores back that the account had, and what people decided on it.
func (c *Company) past(ctx context.Context, s Store) error {
	rows, err := s.Scores(ctx, c.AccountID)
	if err != nil {
		return err
	}
	for _, r := range rows {
		c.History = append(c.History, pastOf(r))
	}
	decided, err := s.Overrides(ctx, c.AccountID)
	for _, o := range decided {
		c.Overrides = append(c.Overrides, OverrideOf(o))
	}
	return err
}

func pastOf(r store.ScoreRow) Past {
	counts := r.Counts()
	return Past{
		At: r.ScoredAt, Cause: r.Cause, Value: counts.Value, Tier: counts.Tier, Model: Model{Name: r.Model, Version: r.ModelVersion},
		Queue: r.Queue, TierReason: r.TierReason, Override: r.OverrideID(), Machine: machineOf(r), Why: r.Why, Changes: r.Changes,
	}
}

// machineOf is nil where the machine's score is the one that counts.
func machineOf(r store.ScoreRow) *Machine {
	if r.Override == nil {
		return nil
	}
	return &Machine{Score: scoreOf(r.Score), Tier: r.Score.Tier, Provisional: r.Score.Provisional}
}

func scoreOf(s icp.Score) Score {
	return Score{Value: s.Value, Low: s.Low, High: s.High, Fit: s.Fit, Completeness: s.Completeness}
}

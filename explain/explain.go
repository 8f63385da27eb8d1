// Package explain puts together what is on record about an account, for people and
// for programs. It reads back what was decided and works nothing out again.
package explain

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// Store is what explaining reads; *store.Store satisfies it.
type Store interface {
	AccountsByDomain(ctx context.Context, domain string) ([]account.Account, error)
	LatestScore(ctx context.Context, accountID int64) (store.ScoreRow, error)
	Scores(ctx context.Context, accountID int64) ([]store.ScoreRow, error)
	Overrides(ctx context.Context, accountID int64) ([]store.Override, error)
	LatestRun(ctx context.Context, accountID int64) (store.Run, error)
	Calls(ctx context.Context, accountID int64, runID string) ([]store.Call, error)
	Effects(ctx context.Context, accountID int64) ([]store.Effect, error)
	StagedValues(ctx context.Context, accountID int64) ([]store.Staged, error)
	Facts(ctx context.Context, accountID int64) ([]account.Fact, error)
	Signals(ctx context.Context, accountID int64) ([]store.Signal, error)
	Responses(ctx context.Context, accountID int64) ([]store.Response, error)
	Contacts(ctx context.Context, accountID int64) ([]store.Contact, error)
}

// Company is everything that is known of one account and why. Its JSON is what
// `company add --wait --json` and GET /v1/companies/{domain} print.
type Company struct {
	Domain      string                    `json:"domain"`
	Name        string                    `json:"name,omitempty"`
	CRM         account.Key               `json:"crm,omitzero"`
	AccountID   int64                     `json:"account_id"`
	WorkflowID  string                    `json:"workflow_id"`
	RunID       string                    `json:"run_id"`
	Status      string                    `json:"status"`
	Reason      string                    `json:"reason,omitempty"`
	Tier        string                    `json:"tier"`
	Provisional bool                      `json:"provisional"`
	Score       Score                     `json:"score"`
	Model       Model                     `json:"model"`
	Machine     *Machine                  `json:"machine,omitempty"`     // the model's score, while a person's decision counts
	TierSince   time.Time                 `json:"tier_since,omitzero"`   // when the model came to its tier
	RunnerUp    *store.RunnerUp           `json:"runner_up,omitempty"`   // where several models are for the account
	TierReason  string                    `json:"tier_reason,omitempty"` // what kept the account in a tier that its score left
	Cause       string                    `json:"cause,omitempty"`
	Why         string                    `json:"why,omitempty"`     // the cause, and what changed since the score before
	Changes     []icp.Change              `json:"changes,omitempty"` // the same for programs
	ScoredAt    time.Time                 `json:"scored_at,omitzero"`
	Criteria    []icp.Result              `json:"criteria"`
	Queue       string                    `json:"queue"`
	Owner       string                    `json:"owner"`
	RouteReason string                    `json:"route_reason,omitempty"`
	Exploration bool                      `json:"exploration,omitempty"`
	TaskID      string                    `json:"task_id"`
	Facts       map[account.Field]Fact    `json:"facts"`
	Providers   []Provider                `json:"providers"`
	Credits     float64                   `json:"credits"`
	Stop        map[account.Field]string  `json:"stop"`
	Effects     []Effect                  `json:"effects"`
	Staged      []store.Staged            `json:"staged,omitempty"` // values that wait for approval, or to be written after it
	Signals     []Signal                  `json:"signals,omitempty"`
	Contacts    *Contacts                 `json:"contacts,omitempty"`
	Overrides   []Override                `json:"overrides,omitempty"` // what people decided, the oldest first
	History     []Past                    `json:"history,omitempty"`   // of the score, the oldest first
	Heard       map[string][]account.Fact `json:"-"`                   // what each provider said, used or not
}

// Score is the numbers of a score.
type Score struct {
	Value        int     `json:"value"`
	Low          int     `json:"low"`
	High         int     `json:"high"`
	Fit          int     `json:"fit"`
	Completeness float64 `json:"completeness"`
}

// Model is the version that made the score.
type Model struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// Fact is what was taken to be so, and by whom.
type Fact struct {
	Value      account.Value  `json:"value"`
	Provider   string         `json:"provider"`
	Confidence float64        `json:"confidence"`
	ObservedAt time.Time      `json:"observed_at"`
	Derived    bool           `json:"derived,omitempty"`
	Agreed     []string       `json:"agreed,omitempty"`
	Conflicts  []account.Fact `json:"conflicts,omitempty"`
}

// Provider is how asking one provider went in the latest run.
type Provider struct {
	Name    string           `json:"name"`
	Outcome outbound.Outcome `json:"outcome"`
	Fields  []account.Field  `json:"fields"`
	Credits float64          `json:"credits"`
	MS      int64            `json:"ms"`
}

// Effect is something that is now in the CRM.
type Effect struct {
	Kind   crm.EffectKind `json:"kind"`
	Key    string         `json:"key"`
	CRMID  string         `json:"crm_id"`
	State  string         `json:"state"`
	Reason string         `json:"reason,omitempty"`
}

// Domain explains the accounts with the given domain, those with a CRM record
// first. Its error is account.ErrNotFound when there is none.
func Domain(ctx context.Context, s Store, domain string) ([]Company, error) {
	accounts, err := s.AccountsByDomain(ctx, domain)
	if err != nil {
		return nil, err
	}
	if len(accounts) == 0 {
		return nil, account.ErrNotFound
	}
	out := make([]Company, len(accounts))
	for i, acc := range accounts {
		if out[i], err = Account(ctx, s, acc); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Account explains one account.
func Account(ctx context.Context, s Store, acc account.Account) (Company, error) {
	c := Company{
		AccountID: acc.ID, Domain: acc.Domain, Name: acc.Name, CRM: acc.Key,
		Criteria: []icp.Result{}, Facts: map[account.Field]Fact{}, Providers: []Provider{}, Effects: []Effect{},
	}
	for _, part := range []func(context.Context, Store) error{c.run, c.score, c.calls, c.effects, c.heard, c.happened, c.past, c.contacts} {
		if err := part(ctx, s); err != nil && !errors.Is(err, account.ErrNotFound) {
			return Company{}, err
		}
	}
	return c, nil
}

func (c *Company) run(ctx context.Context, s Store) error {
	r, err := s.LatestRun(ctx, c.AccountID)
	if err != nil {
		return err
	}
	c.WorkflowID, c.RunID, c.Status, c.Reason, c.Stop = r.WorkflowID, r.RunID, r.Status, r.Reason, r.Stop
	return nil
}

func (c *Company) score(ctx context.Context, s Store) error {
	row, err := s.LatestScore(ctx, c.AccountID)
	if err != nil {
		return err
	}
	counts := row.Counts()
	c.Tier, c.Provisional, c.Criteria = counts.Tier, counts.Provisional, counts.Criteria
	c.Score, c.Machine, c.TierReason, c.RunnerUp = scoreOf(counts), machineOf(row), row.TierReason, row.RunnerUp
	c.TierSince = row.TierSince
	c.Why, c.Changes = row.Why, row.Changes
	c.Model = Model{Name: row.Model, Version: row.ModelVersion}
	c.Cause, c.ScoredAt, c.Queue, c.Owner = row.Cause, row.ScoredAt, row.Queue, row.OwnerID
	c.RouteReason, c.Exploration = row.RouteReason, row.Exploration
	for f, m := range row.Facts {
		c.Facts[f] = factOf(m)
	}
	return nil
}

func factOf(m waterfall.Merged) Fact {
	return Fact{
		Value: m.Value, Provider: m.Provider, Confidence: m.Confidence, ObservedAt: m.ObservedAt,
		Derived: m.Derived, Agreed: m.Agreed, Conflicts: m.Conflicts,
	}
}

// calls adds up the latest run's calls, one line for each provider.
func (c *Company) calls(ctx context.Context, s Store) error {
	calls, err := s.Calls(ctx, c.AccountID, c.RunID)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for _, call := range calls {
		i, ok := at[call.Provider]
		if !ok {
			i = len(c.Providers)
			at[call.Provider] = i
			c.Providers = append(c.Providers, Provider{Name: call.Provider, Fields: []account.Field{}})
		}
		p := &c.Providers[i]
		p.Outcome = call.Outcome
		if len(call.Fields) > 0 {
			p.Fields = call.Fields
		}
		p.Credits += call.Credits
		p.MS += call.Elapsed.Milliseconds()
		c.Credits += call.Credits
	}
	return nil
}

func (c *Company) effects(ctx context.Context, s Store) error {
	all, err := s.Effects(ctx, c.AccountID)
	if err != nil {
		return err
	}
	for _, e := range all {
		c.Effects = append(c.Effects, Effect{Kind: e.Kind, Key: e.Key, CRMID: e.CRMID, State: e.State, Reason: e.Reason})
		if e.Kind == crm.TaskEffect && e.CRMID != "" {
			c.TaskID = e.CRMID
		}
	}
	waits, err := s.StagedValues(ctx, c.AccountID)
	c.Staged = append(c.Staged, waits...)
	return err
}

func (c *Company) heard(ctx context.Context, s Store) error {
	facts, err := s.Facts(ctx, c.AccountID)
	if err != nil {
		return err
	}
	c.Heard = map[string][]account.Fact{}
	for _, f := range facts {
		c.Heard[f.Provider] = append(c.Heard[f.Provider], f)
	}
	return nil
}

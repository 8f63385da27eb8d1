package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
)

// CompanyRunID is the workflow id of the run of a CRM record.
func CompanyRunID(key account.Key) string { return "company/" + key.String() }

// NewCompaniesInput asks for the next companies that were created in the CRM.
type NewCompaniesInput struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"` // not at it
	Limit int       `json:"limit"`
}

// NewCompaniesResult is a page of companies, held against the runs on record.
type NewCompaniesResult struct {
	Seen    int           `json:"seen"`
	Failed  int           `json:"failed,omitempty"` // whose last run failed: those are for redrive
	Missing []account.Key `json:"missing,omitempty"`
	Next    time.Time     `json:"next"` // where the next page begins
	Done    bool          `json:"done,omitempty"`
}

// NewCompanies reads the next companies that were created in the CRM, and says which of
// them never had a run: whoever should have told us of them did not. With the last page it
// prunes the journal: this is what runs again and again.
func (a *Activities) NewCompanies(ctx context.Context, in NewCompaniesInput) (NewCompaniesResult, error) {
	if a.CRM == nil {
		return NewCompaniesResult{}, errNoCRM
	}
	out := NewCompaniesResult{Next: in.To, Done: true}
	var keys []account.Key
	var last time.Time
	err := a.CRM.CompaniesSince(ctx, in.From, in.To, func(c crm.Created) bool {
		if len(keys) >= in.Limit && c.At.After(last) { // a page does not end within a moment
			out.Next, out.Done = c.At, false
			return false
		}
		keys, last = append(keys, c.Key), c.At
		if len(keys)%100 == 0 {
			activity.RecordHeartbeat(ctx)
		}
		return true
	})
	if err != nil {
		return NewCompaniesResult{}, crmFailure(err)
	}
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = CompanyRunID(key)
	}
	runs, err := a.Store.LastRuns(ctx, keys, ids)
	if err != nil {
		return NewCompaniesResult{}, failure(err)
	}
	out.Seen = len(keys)
	for _, key := range keys {
		switch runs[key] {
		case "":
			out.Missing = append(out.Missing, key)
		case "failed":
			out.Failed++
		}
	}
	if out.Done {
		a.prune(ctx)
	}
	return out, nil
}

// prune takes old rows out of the journal. What goes wrong is said, and tried again with
// the next comparison.
func (a *Activities) prune(ctx context.Context) {
	if a.JournalFor == 0 {
		return
	}
	n, err := a.Store.PruneJournal(ctx, time.Now().Add(-a.JournalFor))
	switch {
	case err != nil:
		activity.GetLogger(ctx).Warn("The journal is not pruned", "error", err)
	case n > 0:
		activity.GetLogger(ctx).Info("The journal is pruned", "rows", n)
	}
}

// LastAccount returns the greatest id of an account, for how far a comparison is.
func (a *Activities) LastAccount(ctx context.Context) (int64, error) {
	id, err := a.Store.LastAccount(ctx)
	return id, failure(err)
}

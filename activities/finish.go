package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// FinishInput is what a run came to, or has come to so far.
type FinishInput struct {
	AccountID int64                            `json:"account_id,omitempty"`
	Status    string                           `json:"status"`
	Reason    string                           `json:"reason,omitempty"`
	Stage     string                           `json:"stage,omitempty"` // where it failed
	Stop      map[account.Field]waterfall.Stop `json:"stop,omitempty"`
}

// Finish puts the end of the run on record, for explain and for redriving: Temporal
// forgets a run when its retention is over.
func (a *Activities) Finish(ctx context.Context, in FinishInput) error {
	r := in.run(ctx)
	r.EndedAt = time.Now()
	return failure(a.Store.SaveRun(ctx, r))
}

// Park puts a run on record that has acted on what it knows and waits for more.
func (a *Activities) Park(ctx context.Context, in FinishInput) error {
	return failure(a.Store.SaveRun(ctx, in.run(ctx)))
}

func (in FinishInput) run(ctx context.Context) store.Run {
	info := activity.GetInfo(ctx)
	stop := make(map[account.Field]string, len(in.Stop))
	for f, s := range in.Stop {
		stop[f] = string(s)
	}
	return store.Run{
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID, AccountID: in.AccountID,
		Status: in.Status, Stop: stop, Reason: in.Reason, Stage: in.Stage,
	}
}

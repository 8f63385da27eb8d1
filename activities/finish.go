package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// FinishInput is what a run came to.
type FinishInput struct {
	AccountID int64                            `json:"account_id,omitempty"`
	Status    string                           `json:"status"`
	Reason    string                           `json:"reason,omitempty"`
	Stop      map[account.Field]waterfall.Stop `json:"stop,omitempty"`
}

// Finish puts the end of the run on record, for explain and for redriving: Temporal
// forgets a run when its retention is over.
func (a *Activities) Finish(ctx context.Context, in FinishInput) error {
	info := activity.GetInfo(ctx)
	stop := make(map[account.Field]string, len(in.Stop))
	for f, s := range in.Stop {
		stop[f] = string(s)
	}
	return failure(a.Store.SaveRun(ctx, store.Run{
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID, AccountID: in.AccountID,
		Status: in.Status, Stop: stop, EndedAt: time.Now(), Reason: in.Reason,
	}))
}

package ingress

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// OverrideStore is the record, as overrides need it.
type OverrideStore interface {
	LatestScore(ctx context.Context, accountID int64) (store.ScoreRow, error)
	LatestRun(ctx context.Context, accountID int64) (store.Run, error)
	Model(ctx context.Context, name string, version int) ([]byte, error)
	SaveOverride(ctx context.Context, o store.Override) (store.Override, error)
	Override(ctx context.Context, id int64) (store.Override, error)
	TakeBack(ctx context.Context, accountID int64, by, reason string) (store.Override, error)
}

// overridePatience is how long an override is waited for: it holds long before the CRM
// has it, if the CRM is slow.
const overridePatience = 20 * time.Second

// Overridden is what became of an override that was handed in or taken back.
type Overridden struct {
	ID         int64     `json:"override_id"`
	AccountID  int64     `json:"account_id"`
	Domain     string    `json:"domain,omitempty"`
	State      string    `json:"state"`           // pending, active, ended
	Ended      string    `json:"ended,omitempty"` // cleared
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	Value      int       `json:"value"` // that counts now
	Tier       string    `json:"tier"`
	Queue      string    `json:"queue"`
	Machine    *Machine  `json:"machine,omitempty"` // what the model says, while a person's decision counts
	TaskID     string    `json:"task_id,omitempty"`
	WorkflowID string    `json:"workflow_id,omitempty"` // that took it
	// Done is false while it is still under way: what counts is on record, the CRM may
	// not have it yet.
	Done bool `json:"done"`
}

// Machine is what the model says.
type Machine struct {
	Value int    `json:"value"`
	Tier  string `json:"tier"`
}

// Override puts a person's decision on record and hands it to the company's run, or,
// where none is under way, to the account's AccountOverride. It waits a while until the
// CRM has it.
//
// Errors: [account.ErrInvalid], which names the field, for what makes no sense under the
// model that scored the account.
func (o Onboarder) Override(ctx context.Context, s OverrideStore, acc account.Account, in store.Override) (Overridden, error) {
	bounds, err := boundsOf(ctx, s, acc.ID)
	if err != nil {
		return Overridden{}, err
	}
	if err := in.Check(bounds, time.Now()); err != nil {
		return Overridden{}, err
	}
	in.AccountID = acc.ID
	kept, err := s.SaveOverride(ctx, in)
	if err != nil {
		return Overridden{}, err
	}
	arg := workflows.Override{ID: kept.ID, Override: kept.Override}
	update := client.UpdateWorkflowOptions{
		UpdateID: fmt.Sprintf("override/%d", kept.ID), UpdateName: workflows.OverrideUpdate,
		Args: []any{arg}, WaitForStage: client.WorkflowUpdateStageCompleted,
	}
	patient, cancel := context.WithTimeout(ctx, overridePatience)
	defer cancel()
	got := o.updateRun(patient, s, acc, update)
	if notUnderWay(got.err) {
		got = o.updateOverride(patient, acc, update)
	}
	return got.overridden(ctx, patient, s, acc, kept.ID)
}

// ClearOverride ends the account's override before its time.
//
// Errors: [account.ErrNotFound] when none holds.
func (o Onboarder) ClearOverride(ctx context.Context, s OverrideStore, acc account.Account, by, reason string) (Overridden, error) {
	kept, err := s.TakeBack(ctx, acc.ID, by, reason)
	if err != nil {
		return Overridden{}, err
	}
	patient, cancel := context.WithTimeout(ctx, overridePatience)
	defer cancel()
	got := o.updateOverride(patient, acc, client.UpdateWorkflowOptions{
		UpdateID: fmt.Sprintf("clear/%d", kept.ID), UpdateName: workflows.ClearOverrideUpdate,
		Args: []any{workflows.ClearOverride{ID: kept.ID}}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	return got.overridden(ctx, patient, s, acc, kept.ID)
}

// boundsOf is what the model that scored the account leaves a person to decide on; zero
// for an account without a score.
func boundsOf(ctx context.Context, s OverrideStore, accountID int64) (icp.Bounds, error) {
	last, err := s.LatestScore(ctx, accountID)
	if errors.Is(err, account.ErrNotFound) {
		return icp.Bounds{}, nil
	}
	if err != nil {
		return icp.Bounds{}, err
	}
	source, err := s.Model(ctx, last.Model, last.ModelVersion)
	if err != nil {
		return icp.Bounds{}, err
	}
	m, err := icp.Parse(last.Model, source)
	if err != nil {
		return icp.Bounds{}, err
	}
	return m.Bounds(), nil
}

func (o Onboarder) updateRun(ctx context.Context, s OverrideStore, acc account.Account, update client.UpdateWorkflowOptions) updated {
	update.WorkflowID = workflows.CompanyOnboardingID(acc.Key, acc.Domain, acc.Name)
	run, err := s.LatestRun(ctx, acc.ID)
	if err == nil {
		update.WorkflowID = run.WorkflowID
	} else if !errors.Is(err, account.ErrNotFound) {
		return updated{err: err}
	}
	return settled(ctx, func() (client.WorkflowUpdateHandle, error) { return o.Temporal.UpdateWorkflow(ctx, update) })
}

func (o Onboarder) updateOverride(ctx context.Context, acc account.Account, update client.UpdateWorkflowOptions) updated {
	opts := client.StartWorkflowOptions{
		ID: workflows.AccountOverrideID(acc.ID), TaskQueue: workflows.TaskQueue, StaticSummary: acc.Domain,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		Priority:                 temporal.Priority{PriorityKey: AskedFor},
	}
	update.WorkflowID = opts.ID // by which its argument is sealed
	in := workflows.AccountOverrideInput{AccountID: acc.ID, Domain: acc.Domain}
	return settled(ctx, func() (client.WorkflowUpdateHandle, error) {
		return o.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: o.Temporal.NewWithStartWorkflowOperation(opts, workflows.AccountOverride, in), UpdateOptions: update,
		})
	})
}

// updated is how an update ended.
type updated struct {
	workflows.OverrideResult
	workflowID string
	err        error
}

// settled waits for the end of an update of an override.
func settled(ctx context.Context, update func() (client.WorkflowUpdateHandle, error)) updated {
	result, workflowID, err := settle[workflows.OverrideResult](ctx, update)
	return updated{OverrideResult: result, workflowID: workflowID, err: err}
}

// settle waits for the end of an update. One that the workflow refused, or that failed, is
// an error. One that met a run just as it ended, or a worker as it died, is sent again:
// its id makes it the same update.
func settle[T any](ctx context.Context, update func() (client.WorkflowUpdateHandle, error)) (result T, workflowID string, err error) {
	for {
		handle, err := update()
		if err == nil {
			workflowID = handle.WorkflowID()
			err = handle.Get(ctx, &result)
		}
		if _, again := errors.AsType[*serviceerror.WorkflowNotReady](err); !again {
			return result, workflowID, err
		}
		select {
		case <-ctx.Done():
			return result, workflowID, err
		case <-time.After(updateAgain):
		}
	}
}

// updateAgain is how long an update waits before it is sent again.
const updateAgain = 200 * time.Millisecond

// notUnderWay reports whether a company's run could not take an update because it has
// ended, or is about to.
func notUnderWay(err error) bool {
	if _, ended := errors.AsType[*serviceerror.NotFound](err); ended {
		return true
	}
	refused, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && (refused.Type() == workflows.NotNow || refused.Type() == "AcceptedUpdateCompletedWorkflow")
}

// overridden reads back what became of the override. One that is still under way when
// patience is over is no error.
func (u updated) overridden(ctx, patient context.Context, s OverrideStore, acc account.Account, id int64) (Overridden, error) {
	late := patient.Err() != nil && ctx.Err() == nil
	if u.err != nil && !late {
		return Overridden{}, refusal(u.err)
	}
	kept, err := s.Override(ctx, id)
	if err != nil {
		return Overridden{}, err
	}
	out := Overridden{
		ID: id, AccountID: acc.ID, Domain: acc.Domain, State: kept.State, Ended: kept.Ended, ExpiresAt: kept.ExpiresAt,
		TaskID: u.TaskID, WorkflowID: u.workflowID, Done: u.err == nil,
	}
	row, err := s.LatestScore(ctx, acc.ID)
	if errors.Is(err, account.ErrNotFound) {
		return out, nil
	}
	counts := row.Counts()
	out.Value, out.Tier, out.Queue = counts.Value, counts.Tier, row.Queue
	if row.Override != nil {
		out.Machine = &Machine{Value: row.Score.Value, Tier: row.Score.Tier}
	}
	return out, err
}

// refusal reads the field and the reason from what a workflow refused.
func refusal(err error) error {
	refused, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || refused.Type() != activities.Invalid {
		return err
	}
	field, reason, ok := strings.Cut(refused.Message(), ": ")
	if !ok {
		return account.Invalid("override", refused.Message())
	}
	return account.Invalid(field, reason)
}

// ParseExpiry reads when an override ends: a time such as 2026-12-24T12:00:00Z, a date,
// whose day (UTC) it still holds for, or how long, such as 30d or 12h. "" is for as long
// as nobody takes it back.
func ParseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	long := s
	if n, ok := strings.CutSuffix(s, "d"); ok {
		long = n + "h"
	}
	d, err := time.ParseDuration(long)
	if err != nil || d <= 0 {
		return time.Time{}, account.Invalid("expires_at", "want a date such as 2026-12-24, a time such as 2026-12-24T12:00:00Z, or 30d")
	}
	if long != s {
		d *= 24
	}
	return now.Add(d), nil
}

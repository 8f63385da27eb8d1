package ingress

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// ReleaseStore is the record, as releases need it.
type ReleaseStore interface {
	BeginRelease(ctx context.Context, in store.NewRelease) (store.Release, error)
	Release(ctx context.Context, id int64) (store.Release, error)
	SaveApproval(ctx context.Context, a store.Approval) (store.Approval, error)
	SaveReleaseMove(ctx context.Context, m store.ReleaseMove) (store.ReleaseMove, error)
}

// Releaser hands in what people decide about releases.
type Releaser struct {
	Temporal client.Client
	Store    ReleaseStore
}

// releasePatience is how long a decision is waited for: it is on record, and a worker
// that comes later takes it when it is handed in again.
const releasePatience = 20 * time.Second

// ErrNotTaken means that a decision is on record and no worker has taken it up yet.
var ErrNotTaken = errors.New("it is on record, but no worker has taken it up yet; start one, and give it again")

// Begin puts a release on record and starts its workflow. A release that is under way goes
// on, also if its workflow was terminated.
//
// Errors: [account.ErrInvalid], which names the field, for what cannot be released.
func (h Releaser) Begin(ctx context.Context, in store.NewRelease) (store.Release, error) {
	r, err := h.Store.BeginRelease(ctx, in)
	if err != nil {
		return r, err
	}
	_, err = h.Temporal.ExecuteWorkflow(ctx, startOf(r), workflows.ModelRelease, inputOf(r))
	if err != nil {
		err = fmt.Errorf("start the release: %w", err)
	}
	return r, err
}

func startOf(r store.Release) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: workflows.ModelReleaseID(r.ModelRef), TaskQueue: workflows.TaskQueue, StaticSummary: fmt.Sprintf("%s@%d", r.Name, r.Version),
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		Priority:                 temporal.Priority{PriorityKey: AskedFor},
	}
}

func inputOf(r store.Release) workflows.ModelReleaseInput {
	return workflows.ModelReleaseInput{ReleaseID: r.ID, Model: r.ModelRef, Settings: r.Settings}
}

// Approve puts what a role says on record and hands it to the release.
//
// Errors: [account.ErrInvalid], which names the field, for what the release as it stands
// does not ask for; [ErrNotTaken].
func (h Releaser) Approve(ctx context.Context, r store.Release, a store.Approval) (store.Release, error) {
	if err := activities.StandingOf(r).CheckApproval(a.Role, r.Settings.Roles); err != nil {
		return r, err
	}
	a.ReleaseID = r.ID
	kept, err := h.Store.SaveApproval(ctx, a)
	if err != nil {
		return r, err
	}
	return h.handIn(ctx, r, client.UpdateWorkflowOptions{
		UpdateID: fmt.Sprintf("approval/%d", kept.ID), UpdateName: workflows.ApproveUpdate,
		Args: []any{workflows.ReleaseApproval{ID: kept.ID, Role: kept.Role}},
	})
}

// Decide puts a person's decision on record and hands it to the release.
//
// Errors: as those of [Releaser.Approve].
func (h Releaser) Decide(ctx context.Context, r store.Release, m store.ReleaseMove) (store.Release, error) {
	if err := activities.StandingOf(r).CheckMove(m.Move, m.DespiteGuard); err != nil {
		return r, err
	}
	m.ReleaseID = r.ID
	kept, err := h.Store.SaveReleaseMove(ctx, m)
	if err != nil {
		return r, err
	}
	return h.handIn(ctx, r, client.UpdateWorkflowOptions{
		UpdateID: fmt.Sprintf("move/%d", kept.ID), UpdateName: m.Move,
		Args: []any{workflows.ReleaseMove{ID: kept.ID, DespiteGuard: kept.DespiteGuard}},
	})
}

// handIn gives a decision to the release's workflow, which is started where it has ended,
// and reads back how the release stands then.
func (h Releaser) handIn(ctx context.Context, r store.Release, update client.UpdateWorkflowOptions) (store.Release, error) {
	update.WorkflowID, update.WaitForStage = workflows.ModelReleaseID(r.ModelRef), client.WorkflowUpdateStageCompleted
	patient, cancel := context.WithTimeout(ctx, releasePatience)
	defer cancel()
	err := again(patient, func() error {
		handle, err := h.Temporal.UpdateWithStartWorkflow(patient, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: h.Temporal.NewWithStartWorkflowOperation(startOf(r), workflows.ModelRelease, inputOf(r)), UpdateOptions: update,
		})
		if err == nil {
			err = handle.Get(patient, nil)
		}
		return err
	})
	switch {
	case err != nil && patient.Err() != nil && ctx.Err() == nil:
		return r, ErrNotTaken
	case err != nil:
		return r, refusal(err)
	}
	return h.Store.Release(ctx, r.ID)
}

// again sends what met a run just as it ended, or a worker as it died, once more.
func again(ctx context.Context, send func() error) error {
	for {
		err := send()
		if _, again := errors.AsType[*serviceerror.WorkflowNotReady](err); !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(updateAgain):
		}
	}
}

// ReleaseOf returns the release that a person means by a model's name and version, the
// latest of several; by the name alone the one that is under way, or else the active one.
//
// Errors: [account.ErrInvalid], which says what to do, when there is none.
func ReleaseOf(ctx context.Context, s interface {
	Releases(ctx context.Context, name string, version int) ([]store.Release, error)
}, name string, version int,
) (store.Release, error) {
	all, err := s.Releases(ctx, name, version)
	if err != nil {
		return store.Release{}, err
	}
	if len(all) == 0 {
		what := name
		if version != 0 {
			what = fmt.Sprintf("%s@%d", name, version)
		}
		return store.Release{}, account.Invalid("release", fmt.Sprintf("there is none of %s; `starter icp releases` lists those there are, `starter icp release` begins one", what))
	}
	if version == 0 {
		for _, means := range []func(store.Release) bool{
			func(r store.Release) bool { return !r.Over() }, func(r store.Release) bool { return r.State == store.Active },
		} {
			if i := slices.IndexFunc(all, means); i >= 0 {
				return all[i], nil
			}
		}
	}
	return all[0], nil
}

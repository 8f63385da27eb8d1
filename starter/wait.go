package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/workflows"
)

// patience is how long one look at a run takes at most.
const patience = 4 * time.Second

// standing is where a run has got to.
type standing struct {
	workflows.Status
	Waits  string // for what, if it has acted on what it knows and comes back by itself
	Failed error  // how it ended, if badly
}

// look waits a while for a run to end, or to have done what it can for now. Not done
// and no error means: look again.
func (a *app) look(ctx context.Context, run ingress.Run) (s standing, done bool, err error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, done, err = a.result(patient, run)
	if done || ctx.Err() != nil {
		return s, done, ctx.Err()
	}
	return a.glance(ctx, run) // out of patience, or Temporal is away for a while
}

// result waits for the run's end.
func (a *app) result(ctx context.Context, run ingress.Run) (s standing, done bool, err error) {
	err = a.temporal.GetWorkflow(ctx, run.WorkflowID, run.RunID).Get(ctx, &s.Status)
	if ended, ok := errors.AsType[*temporal.WorkflowExecutionError](err); ok {
		s.Failed, err = ended, nil
	}
	return s, err == nil, err
}

// glance looks at once: at the end of a run, or at what it has come to so far if it
// waits for a provider.
func (a *app) glance(ctx context.Context, run ingress.Run) (s standing, done bool, err error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	described, err := a.temporal.DescribeWorkflowExecution(patient, run.WorkflowID, run.RunID)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return s, false, fmt.Errorf("run %s is gone from Temporal; start it again", run.WorkflowID)
	}
	if err != nil {
		return s, false, ctx.Err() // look again
	}
	info := described.GetWorkflowExecutionInfo()
	if info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		if s, done, err = a.result(patient, run); !done {
			err = ctx.Err()
		}
		return s, done, err
	}
	var stage string
	_ = converter.GetDefaultDataConverter().FromPayload(info.GetSearchAttributes().GetIndexedFields()[workflows.StageAttribute.GetName()], &stage)
	waits, ok := strings.CutPrefix(stage, workflows.Waiting)
	if !ok {
		return s, false, nil
	}
	answer, err := a.temporal.QueryWorkflow(patient, run.WorkflowID, run.RunID, workflows.StatusQuery)
	if err != nil || answer.Get(&s.Status) != nil || s.Score == nil {
		return s, false, ctx.Err()
	}
	s.Waits = waits
	return s, true, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
	err = a.temporal.GetWorkflow(patient, run.WorkflowID, run.RunID).Get(patient, &s.Status)
	if err == nil {
		return s, true, nil
	}
	if ctx.Err() != nil {
		return s, false, ctx.Err()
	}
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return s, false, fmt.Errorf("run %s is gone from Temporal; start it again", run.WorkflowID)
	}
	if ended, ok := errors.AsType[*temporal.WorkflowExecutionError](err); ok {
		s.Failed = ended
		return s, true, nil
	}
	return a.parked(ctx, run) // out of patience, or Temporal is away for a while
}

// parked reports whether the run waits for a provider, and what it has come to so far.
func (a *app) parked(ctx context.Context, run ingress.Run) (s standing, done bool, err error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	described, err := a.temporal.DescribeWorkflowExecution(patient, run.WorkflowID, run.RunID)
	if err != nil {
		return s, false, ctx.Err() // look again
	}
	var stage string
	fields := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	_ = converter.GetDefaultDataConverter().FromPayload(fields[workflows.StageAttribute.GetName()], &stage)
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

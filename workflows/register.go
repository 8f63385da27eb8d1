// Package workflows holds the processes, each readable as the business describes
// it. They decide the order of steps and how long to wait; every look at the world
// is an activity.
package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// a names activities in ExecuteActivity; it is never called, and stays nil.
var a *activities.Activities

// Registry takes workflows: a worker, a replayer or a test environment.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers every workflow under its own name.
func Register(r Registry) {
	r.RegisterWorkflowWithOptions(CompanyOnboarding, workflow.RegisterOptions{Name: "CompanyOnboarding"})
	r.RegisterWorkflowWithOptions(SignalSweep, workflow.RegisterOptions{Name: "SignalSweep"})
	r.RegisterWorkflowWithOptions(SourceSweep, workflow.RegisterOptions{Name: "SourceSweep"})
	r.RegisterWorkflowWithOptions(AccountOverride, workflow.RegisterOptions{Name: "AccountOverride"})
	r.RegisterWorkflowWithOptions(ModelRelease, workflow.RegisterOptions{Name: "ModelRelease"})
	r.RegisterWorkflowWithOptions(QuarterlyReview, workflow.RegisterOptions{Name: "QuarterlyReview"})
	r.RegisterWorkflowWithOptions(ScheduledReview, workflow.RegisterOptions{Name: "ScheduledReview"})
	r.RegisterWorkflowWithOptions(Reconcile, workflow.RegisterOptions{Name: "Reconcile"})
	r.RegisterWorkflowWithOptions(UndoRun, workflow.RegisterOptions{Name: "UndoRun"})
	r.RegisterWorkflowWithOptions(WriteApproved, workflow.RegisterOptions{Name: "WriteApproved"})
	r.RegisterWorkflowWithOptions(SignalResponse, workflow.RegisterOptions{Name: "SignalResponse"})
	r.RegisterWorkflowWithOptions(ShadowScore, workflow.RegisterOptions{Name: "ShadowScore"})
	r.RegisterWorkflowWithOptions(BulkRescore, workflow.RegisterOptions{Name: "BulkRescore"})
}

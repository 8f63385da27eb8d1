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

// Register registers every workflow under its own name. On workers that have a version, a
// pinned run ends on the version that it began with: those that are through in minutes, and
// a company's, which late fill holds for a day at most. What lives longer than anybody wants
// to keep old workers, or goes on in a new run, moves to the current version with its next
// step: there a change needs workflow.GetVersion, as it does without versions.
func Register(r Registry) {
	for _, w := range []struct {
		name     string
		workflow any
		behavior workflow.VersioningBehavior
	}{
		{"CompanyOnboarding", CompanyOnboarding, workflow.VersioningBehaviorPinned},
		{"SignalResponse", SignalResponse, workflow.VersioningBehaviorPinned},
		{"WriteApproved", WriteApproved, workflow.VersioningBehaviorPinned},
		{"UndoRun", UndoRun, workflow.VersioningBehaviorPinned},
		{"SignalSweep", SignalSweep, workflow.VersioningBehaviorAutoUpgrade},
		{"SourceSweep", SourceSweep, workflow.VersioningBehaviorAutoUpgrade},
		{"AccountOverride", AccountOverride, workflow.VersioningBehaviorAutoUpgrade}, // until it expires
		{"ModelRelease", ModelRelease, workflow.VersioningBehaviorAutoUpgrade},       // weeks
		{"ShadowScore", ShadowScore, workflow.VersioningBehaviorAutoUpgrade},
		{"BulkRescore", BulkRescore, workflow.VersioningBehaviorAutoUpgrade},
		{"QuarterlyReview", QuarterlyReview, workflow.VersioningBehaviorAutoUpgrade}, // until people decide
		{"ScheduledReview", ScheduledReview, workflow.VersioningBehaviorAutoUpgrade},
		{"Reconcile", Reconcile, workflow.VersioningBehaviorAutoUpgrade},
	} {
		r.RegisterWorkflowWithOptions(w.workflow, workflow.RegisterOptions{Name: w.name, VersioningBehavior: w.behavior})
	}
}

package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// ShadowScoreInput says which release is worked out, with which models, at which moment.
type ShadowScoreInput struct {
	ReleaseID int64             `json:"release_id"`
	Models    activities.Models `json:"models"` // the candidate in its place
	At        time.Time         `json:"at"`

	Resume *ShadowStatus `json:"resume,omitempty"` // what the run before had come to
}

// ShadowStatus is how far a plan is.
type ShadowStatus struct {
	Accounts int       `json:"accounts"` // of so many
	Planned  int       `json:"planned"`
	After    int64     `json:"after"` // the account that was planned last
	Began    time.Time `json:"began,omitzero"`
}

// ShadowScoreResult is what the release would change.
type ShadowScoreResult struct {
	Difference activities.Difference `json:"difference"`
}

// BulkRescoreInput says which release's scores are published, or taken back.
type BulkRescoreInput struct {
	ReleaseID int64             `json:"release_id"`
	Models    activities.Models `json:"models"`         // that score from now on
	Share     float64           `json:"share"`          // of the accounts; 1: all
	Back      bool              `json:"back,omitempty"` // roll back

	Resume *RescoreStatus `json:"resume,omitempty"` // what the run before had come to
}

// RescoreStatus is how far a bulk re-score is.
type RescoreStatus struct {
	Stage string    `json:"stage"` // publish, last pass, done
	Total int       `json:"total"` // accounts
	Done  int       `json:"done"`
	After int64     `json:"after"` // the account that was done last
	Began time.Time `json:"began,omitzero"`
}

// BulkRescoreResult is what a bulk re-score came to.
type BulkRescoreResult struct {
	Accounts  int `json:"accounts"`
	Published int `json:"published"` // scores, or copies of the ones before
	Moved     int `json:"moved"`     // that were planned anew, since the account had moved
	Written   int `json:"written"`   // records in the CRM
	Tasks     int `json:"tasks"`     // that were made
	Failed    int `json:"failed"`    // records that the CRM did not take
}

// ShadowScoreID and BulkRescoreID are the ids of a release's children.
func ShadowScoreID(release string) string { return release + "/shadow" }

// BulkRescoreID is the id of the child that publishes, and of the one that takes back.
func BulkRescoreID(release string) string { return release + "/rescore" }

// ShadowScore works out the candidate's scores of all accounts, page after page.
func ShadowScore(ctx workflow.Context, in ShadowScoreInput) (*ShadowScoreResult, error) {
	return nil, errNotYet
}

// BulkRescore publishes what was worked out, or takes it back.
func BulkRescore(ctx workflow.Context, in BulkRescoreInput) (*BulkRescoreResult, error) {
	return nil, errNotYet
}

var errNotYet = temporal.NewNonRetryableApplicationError("not there yet", "NotYet", nil)

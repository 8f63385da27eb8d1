package workflows

import (
	"fmt"
	"time"

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
	Total   int       `json:"total"` // accounts with a score
	Planned int       `json:"planned"`
	After   int64     `json:"after"` // the account that was planned last
	Done    bool      `json:"done,omitempty"`
	Began   time.Time `json:"began,omitzero"`
}

// ShadowScoreResult is what the release would change.
type ShadowScoreResult struct {
	Difference activities.Difference `json:"difference"`
}

const (
	plannedAtOnce  = 5000 // accounts; a worker that dies half-way costs some of them
	rescoredAtOnce = 2000 // fewer: their effects are calls to the CRM
)

// ShadowScore works out the candidate's scores of all accounts, page after page, and keeps
// them beside the scores that count. Nothing is written to the CRM and nobody is asked.
func ShadowScore(ctx workflow.Context, in ShadowScoreInput) (*ShadowScoreResult, error) {
	s := in.Resume
	if s == nil {
		s = &ShadowStatus{Began: workflow.Now(ctx)}
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (*ShadowStatus, error) { return s, nil },
		workflow.QueryHandlerOptions{Description: "How far the plan is"})
	if err != nil {
		return nil, err
	}
	if in.Resume == nil {
		if err := workflow.ExecuteActivity(bulkCall(ctx, "count accounts"), a.CountScored).Get(ctx, &s.Total); err != nil {
			return nil, err
		}
	}
	for pages := 0; !s.Done; pages++ {
		if pages == pagesPerRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Resume = s
			return nil, workflow.NewContinueAsNewError(ctx, ShadowScore, in)
		}
		s.show(ctx)
		page := activities.PlanInput{ReleaseID: in.ReleaseID, Models: in.Models, At: in.At, After: s.After, Limit: plannedAtOnce}
		var got activities.PlanResult
		if err := workflow.ExecuteActivity(bulkCall(ctx, "plan"), a.PlanPage, page).Get(ctx, &got); err != nil {
			return nil, err
		}
		s.After, s.Done = got.After, got.Done
		s.Planned += got.Accounts
	}
	s.show(ctx)
	var out ShadowScoreResult
	err = workflow.ExecuteActivity(bulkCall(ctx, "add up"), a.PlanDifference, in.ReleaseID).Get(ctx, &out.Difference)
	return &out, err
}

func (s *ShadowStatus) show(ctx workflow.Context) {
	progress(ctx, "plan", s.Planned, s.Total, s.Began)
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
	Stage int       `json:"stage"` // of rescoreStages
	Total int       `json:"total"` // accounts
	Done  int       `json:"done"`  // of them, in this stage
	After int64     `json:"after"` // the account that was done last
	Began time.Time `json:"began,omitzero"`
}

// BulkRescoreResult is what a bulk re-score came to. A roll-back leaves the tasks that the
// release had made: they are counted.
type BulkRescoreResult = activities.Rescored

// rescoreStages are passed one after the other. Accounts that get a score while the first
// one is under way are taken in by the second; an account that another run was writing to
// gets its effects in the last.
var rescoreStages = []string{activities.PublishStage, activities.LastPass, activities.EffectsStage}

// Step names the stage that the re-score is in.
func (s RescoreStatus) Step() string { return rescoreStages[min(s.Stage, len(rescoreStages)-1)] }

// BulkRescore lets the scores that were planned count, in Postgres and in the CRM, without
// any call to a provider; or takes them back. It can be cancelled and started again at any
// point: what was done is not done twice.
func BulkRescore(ctx workflow.Context, in BulkRescoreInput) (*BulkRescoreResult, error) {
	s := in.Resume
	if s == nil {
		s = &RescoreStatus{Began: workflow.Now(ctx)}
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (*RescoreStatus, error) { return s, nil },
		workflow.QueryHandlerOptions{Description: "How far the re-score is"})
	if err != nil {
		return nil, err
	}
	if in.Resume == nil {
		all, err := in.counts(ctx)
		if err != nil {
			return nil, err
		}
		s.Total = all.Accounts
	}
	for pages := 0; s.Stage < len(rescoreStages); pages++ {
		if pages == pagesPerRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Resume = s
			return nil, workflow.NewContinueAsNewError(ctx, BulkRescore, in)
		}
		if err := s.page(ctx, in); err != nil {
			return nil, err
		}
	}
	return in.counts(ctx)
}

// page takes the next accounts through the stage.
func (s *RescoreStatus) page(ctx workflow.Context, in BulkRescoreInput) error {
	s.show(ctx, in)
	page := in.input()
	page.Stage, page.After, page.Limit = rescoreStages[s.Stage], s.After, rescoredAtOnce
	var got activities.RescoreResult
	err := untilAllowed(ctx, func() error {
		return workflow.ExecuteActivity(bulkCall(ctx, page.Stage), a.RescorePage, page).Get(ctx, &got)
	}, func() error {
		_ = workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(Waiting+credentials))
		return workflow.Sleep(ctx, credentialsWait)
	})
	if err != nil {
		return err
	}
	s.After = got.After
	s.Done += got.Accounts
	if got.Done {
		s.Stage, s.After, s.Done = s.Stage+1, 0, 0
	}
	return nil
}

func (in BulkRescoreInput) input() activities.RescoreInput {
	return activities.RescoreInput{ReleaseID: in.ReleaseID, Models: in.Models, Share: in.Share, Back: in.Back}
}

func (in BulkRescoreInput) counts(ctx workflow.Context) (*BulkRescoreResult, error) {
	var out BulkRescoreResult
	err := workflow.ExecuteActivity(bulkCall(ctx, "add up"), a.RescoreCounts, in.input()).Get(ctx, &out)
	return &out, err
}

func (s *RescoreStatus) show(ctx workflow.Context, in BulkRescoreInput) {
	what := rescoreStages[s.Stage]
	if in.Back {
		what = "roll back, " + what
	}
	total := s.Total
	if s.Stage > 0 {
		total = 0 // nobody knows how many have moved
	}
	progress(ctx, what, s.Done, total, s.Began)
}

// progress tells the list of runs and the run's page how far it is, and when it is expected
// to end. It is for people: what cannot be said now is said the next time.
func progress(ctx workflow.Context, what string, done, total int, began time.Time) {
	text := fmt.Sprintf("%d accounts", done)
	if total > 0 {
		text = fmt.Sprintf("%d of %d accounts", done, total)
	}
	_ = workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(what+": "+text))
	if took := workflow.Now(ctx).Sub(began); done > 0 && done < total {
		left := time.Duration(float64(took) / float64(done) * float64(total-done))
		text += fmt.Sprintf("; expected to end at %s", workflow.Now(ctx).Add(left).UTC().Format("15:04 UTC"))
	}
	workflow.SetCurrentDetails(ctx, "**"+what+"**: "+text)
}

// ShadowScoreID is the id of the child of a release that plans.
func ShadowScoreID(releaseID string) string { return releaseID + "/shadow" }

// BulkRescoreID is the id of the child of a release that publishes, and takes back.
func BulkRescoreID(releaseID string) string { return releaseID + "/rescore" }

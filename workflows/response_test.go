package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// reply is one SignalResponse in the test environment.
type reply struct {
	*testsuite.TestWorkflowEnvironment
	brief    activities.Brief
	decision activities.Decision

	steps   []string
	refused int // properties that the CRM refuses our key for
	told    activities.TellNewsInput
	scored  activities.ScoreInput
	decided activities.DecideInput
	applied activities.ApplyInput
}

func newReply() *reply {
	r := &reply{TestWorkflowEnvironment: newEnvironment()}
	r.brief = activities.Brief{
		Score: activities.ScoreInput{AccountID: 7, Model: activities.ModelRef{Name: "revops", Version: 1}, Pass: 1, Owner: "201", Cause: "signal"},
		Key:   key, Signals: []int64{4, 3},
	}
	r.decision = activities.Decision{Outcome: "task", TaskID: "9"}
	r.OnActivity(a.ReadNews, mock.Anything, mock.Anything).Return(func(context.Context, activities.ResponseInput) (activities.Brief, error) {
		r.steps = append(r.steps, "read")
		return r.brief, nil
	})
	r.OnActivity(a.TellNews, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.TellNewsInput) (activities.EffectDone, error) {
		r.steps, r.told = append(r.steps, "note"), in
		return activities.EffectDone{}, nil
	}).Maybe()
	r.OnActivity(a.Score, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ScoreInput) (activities.ScoreResult, error) {
		r.steps, r.scored = append(r.steps, "score"), in
		return activities.ScoreResult{Owner: "202", Tier: "Tier 1"}, nil
	}).Maybe()
	r.OnActivity(a.Decide, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DecideInput) (activities.Decision, error) {
		r.steps, r.decided = append(r.steps, "decision"), in
		return r.decision, nil
	}).Maybe()
	r.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ApplyInput) (activities.ApplyResult, error) {
		r.steps, r.applied = append(r.steps, "properties"), in
		if r.refused--; r.refused >= 0 {
			return activities.ApplyResult{}, temporal.NewNonRetryableApplicationError("hubspot: auth_failed (401)", string(outbound.AuthFailed), nil)
		}
		return activities.ApplyResult{}, nil
	}).Maybe()
	r.OnActivity(a.WriteDigests, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DigestInput) (activities.DigestResult, error) {
		r.steps = append(r.steps, "digest of "+in.Day)
		return activities.DigestResult{Digests: 1}, nil
	}).Maybe()
	return r
}

func (r *reply) run(t *testing.T) activities.Decision {
	t.Helper()
	r.ExecuteWorkflow(workflows.SignalResponse, activities.ResponseInput{AccountID: 7, Day: "2026-11-22"})
	require.True(t, r.IsWorkflowCompleted())
	require.NoError(t, r.GetWorkflowError())
	var d activities.Decision
	require.NoError(t, r.GetWorkflowResult(&d))
	return d
}

func TestResponseTellsBeforeItScoresDecidesAndWrites(t *testing.T) {
	t.Parallel()
	r := newReply()
	require.Equal(t, r.decision, r.run(t))
	require.Equal(t, []string{"read", "note", "score", "decision", "properties"}, r.steps)
	require.Equal(t, []int64{4, 3}, r.told.Signals)
	require.Equal(t, r.brief.Score, r.scored)
	require.Equal(t, r.told, r.decided.TellNewsInput, "the same news are told and decided on")
	require.Equal(t, "202", r.decided.Owner, "whom the route gave the account to")
	require.Equal(t, "2026-11-22", r.decided.Day)
	require.Equal(t, key, r.applied.Key)
}

func TestResponseWithoutARecordWritesNothingToTheCRM(t *testing.T) {
	t.Parallel()
	r := newReply()
	r.brief.Key = account.Key{}
	r.decision = activities.Decision{Outcome: "no_record"}
	require.Equal(t, "no_record", r.run(t).Outcome)
	require.Equal(t, []string{"read", "score", "decision"}, r.steps)
	require.True(t, r.decided.Key.IsZero())
}

func TestResponseLeavesTheTiersTaskOutWhereTheRepHearsOfIt(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[string]bool{
		"task": true, "appended": true, "digest": true,
		"cooldown": false, "not_due": false, "stopped": false,
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			r := newReply()
			r.decision.Outcome = outcome
			r.run(t)
			require.Equal(t, want, r.applied.NoTask)
		})
	}
}

func TestResponseWithNothingToAnswerDoesNothing(t *testing.T) {
	t.Parallel()
	r := newReply()
	r.brief.Signals = nil
	require.Equal(t, "nothing", r.run(t).Outcome)
	require.Equal(t, []string{"read"}, r.steps)
}

func TestResponseToAgeAloneScoresAndWrites(t *testing.T) {
	t.Parallel()
	r := newReply()
	r.brief.Signals = nil
	r.brief.Score.Cause = activities.Decayed
	r.ExecuteWorkflow(workflows.SignalResponse, activities.ResponseInput{AccountID: 7, Day: "2026-11-22", Decay: true})
	require.NoError(t, r.GetWorkflowError())
	require.Equal(t, []string{"read", "score", "properties"}, r.steps)
	require.Equal(t, "decay", r.scored.Cause)
	require.False(t, r.applied.NoTask, "a tier that is reached by age has its task")
}

func TestResponseDecidesNothingThatItCouldNotTell(t *testing.T) {
	t.Parallel()
	env := newEnvironment()
	env.OnActivity(a.ReadNews, mock.Anything, mock.Anything).Return(newReply().brief, nil)
	env.OnActivity(a.TellNews, mock.Anything, mock.Anything).Return(activities.EffectDone{},
		temporal.NewNonRetryableApplicationError("hubspot: bad_request (400)", "bad_request", nil))
	env.ExecuteWorkflow(workflows.SignalResponse, activities.ResponseInput{AccountID: 7, Day: "2026-11-22"})
	require.ErrorContains(t, env.GetWorkflowError(), "bad_request")
}

func TestResponseWaitsWhileTheCRMRefusesOurKey(t *testing.T) {
	t.Parallel()
	r := newReply()
	r.refused = 2
	began := r.Now()
	r.run(t)
	require.Equal(t, []string{"read", "note", "score", "decision", "properties", "properties", "properties"}, r.steps)
	require.Equal(t, 10*time.Minute, r.Now().Sub(began).Round(time.Minute))
}

func TestResponseThatTheSweepDidNotWaitForSeesToItsDigest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		refused int
		outcome string
		want    bool
	}{
		{"late", 6, store.InDigest, true},
		{"in time", 5, store.InDigest, false},
		{"late, and a task", 6, store.TaskMade, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newReply()
			r.refused, r.decision.Outcome = tt.refused, tt.outcome
			r.run(t)
			require.Equal(t, tt.want, slices.Contains(r.steps, "digest of 2026-11-22"), "%v", r.steps)
		})
	}
}

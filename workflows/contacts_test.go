package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/workflows"
)

// crowd is a run whose CRM has a model for contacts active.
type crowd struct {
	*bundle
	scored   []activities.ScoreContactsInput
	errs     []error // of ScoreContacts, one after the other
	onScored func()
	result   activities.ScoreContactsResult
}

var contactFit = activities.ModelRef{Name: "contact-fit", Version: 1}

// withContacts returns a run whose providers answer as they are told, apollo with all
// that is needed if they are told nothing.
func withContacts(t *testing.T, answers map[string][]answer) *crowd {
	t.Helper()
	c := &crowd{bundle: setup(t), result: activities.ScoreContactsResult{Contacts: 3, Scored: 3, Written: 3, Best: "Best fit"}}
	c.who.ContactModel = contactFit
	if answers == nil {
		answers = map[string][]answer{"apollo": {found()}}
	}
	c.answers(answers)
	c.OnActivity(a.ScoreContacts, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.ScoreContactsInput) (activities.ScoreContactsResult, error) {
			c.scored = append(c.scored, in)
			if c.onScored != nil {
				c.onScored()
			}
			if n := len(c.scored); n <= len(c.errs) {
				return activities.ScoreContactsResult{}, c.errs[n-1]
			}
			return c.result, nil
		}).Maybe()
	return c
}

func TestOnboardingScoresContactsBesideTheEffects(t *testing.T) {
	t.Parallel()
	c := withContacts(t, nil)
	rated := make(chan struct{})
	c.onScored = func() { close(rated) }
	c.onApply = func(in activities.ApplyInput) {
		require.True(t, in.Pinned)
		select {
		case <-rated:
		case <-time.After(10 * time.Second):
			t.Error("contacts wait for the effects")
		}
	}
	s := c.run(t)
	require.Equal(t, workflows.Completed, s.Status)
	require.Equal(t, &c.result, s.Contacts)
	require.Equal(t, []activities.ScoreContactsInput{{AccountID: 7, Key: key, Model: contactFit, Plan: c.who.Plan}}, c.scored)
	require.Equal(t, 1, c.wrote)
}

func TestOnboardingLearnsTheModelOfContactsWithTheEffectsWhereItWasNotToldBefore(t *testing.T) {
	t.Parallel()
	c := withContacts(t, nil)
	c.who.ContactModel, c.rates = activities.ModelRef{}, contactFit
	c.onApply = func(in activities.ApplyInput) {
		require.False(t, in.Pinned)
		require.Empty(t, c.scored)
	}
	c.onScored = func() { c.rates = activities.ModelRef{Name: "contact-fit", Version: 2} } // the next is released
	s := c.run(t)
	require.Equal(t, &c.result, s.Contacts)
	require.Equal(t, []activities.ScoreContactsInput{{AccountID: 7, Key: key, Model: contactFit, Plan: c.who.Plan}}, c.scored)
}

// A company that a newer worker has identified may be decided on by an older one.
func TestOnboardingKeepsTheOrderOfTheWorkerThatDecided(t *testing.T) {
	t.Parallel()
	c := withContacts(t, nil)
	c.revision, c.rates = 1, contactFit
	c.onApply = func(in activities.ApplyInput) {
		require.False(t, in.Pinned)
		time.Sleep(20 * time.Millisecond)
		require.Empty(t, c.scored)
	}
	s := c.run(t)
	require.Equal(t, &c.result, s.Contacts)
}

func TestOnboardingFailsAsTheEffectsDoWhenContactsAreDone(t *testing.T) {
	t.Parallel()
	c := withContacts(t, nil)
	c.applyErr = temporal.NewNonRetryableApplicationError("hubspot: bad_request: VALIDATION_ERROR icp_tier", string(outbound.BadRequest), nil)
	c.ExecuteWorkflow(workflows.CompanyOnboarding, workflows.CompanyOnboardingInput{Key: key})
	var failed *temporal.ApplicationError
	require.ErrorAs(t, c.GetWorkflowError(), &failed)
	require.Equal(t, string(outbound.BadRequest), failed.Type())
	require.Len(t, c.scored, 1)
	require.Equal(t, workflows.Failed, c.ended[0].Status)
}

func TestOnboardingScoresNoContacts(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*crowd){
		"without a model": func(c *crowd) { c.who.ContactModel = activities.ModelRef{} },
		"without a CRM record": func(c *crowd) {
			c.who.Key = account.Key{}
		},
		"in a run that began before there were any": func(c *crowd) {
			c.revision, c.who.ContactModel, c.rates = 0, activities.ModelRef{}, contactFit
			c.OnGetVersion("contacts", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := withContacts(t, nil)
			set(c)
			s := c.run(t)
			require.Equal(t, workflows.Completed, s.Status)
			require.Nil(t, s.Contacts)
			require.Empty(t, c.scored)
		})
	}
}

func TestOnboardingSaysWhatKeepsContactsFromBeingScored(t *testing.T) {
	t.Parallel()
	c := withContacts(t, nil)
	c.result = activities.ScoreContactsResult{Problem: "the CRM key was not granted the scopes for contacts"}
	s := c.run(t)
	require.Equal(t, workflows.Completed, s.Status)
	require.Equal(t, c.result.Problem, s.Contacts.Problem)
}

func TestOnboardingWaitsForTheCRMToTakeContacts(t *testing.T) {
	t.Parallel()
	c := withContacts(t, nil)
	c.errs = []error{temporal.NewNonRetryableApplicationError("hubspot", string(outbound.AuthFailed), nil)}
	start := c.Now()
	s := c.run(t)
	require.Equal(t, workflows.Completed, s.Status)
	require.Len(t, c.scored, 2)
	require.GreaterOrEqual(t, c.Now().Sub(start), 5*time.Minute)
	require.Equal(t, 3, s.Contacts.Written)
}

func TestOnboardingMeetsContactsBeforeItScoresByThem(t *testing.T) {
	t.Parallel()
	c := withContacts(t, map[string][]answer{
		"apollo": {circuitOpen(20 * time.Second), found()}, "pdl": {miss(account.Industry, account.Employees)},
	})
	c.who.LooksAtContacts = true
	met := 0
	c.OnActivity(a.MeetContacts, mock.Anything, activities.MeetContactsInput{AccountID: 7, Key: key}).Return(
		func(context.Context, activities.MeetContactsInput) (activities.ScoreContactsResult, error) {
			require.Empty(t, c.passes, "before the first score")
			met++
			return activities.ScoreContactsResult{Problem: "the key lacks a scope"}, nil
		})
	s := c.run(t)
	require.Equal(t, 1, met, "once, whatever late fill brings")
	require.Equal(t, workflows.Completed, s.Status)
	require.Len(t, c.passes, 2, "it is scored all the same")
}

func TestOnboardingScoresContactsAgainWhenItLearntMoreByTheSameModel(t *testing.T) {
	t.Parallel()
	c := withContacts(t, map[string][]answer{
		"apollo": {circuitOpen(20 * time.Second), found()}, "pdl": {miss(account.Industry, account.Employees)},
	})
	c.who.ContactModel, c.rates = activities.ModelRef{}, contactFit
	c.onScored = func() {
		if len(c.scored) == 1 {
			c.rates.Version++ // the next model is released
		}
	}
	c.run(t)
	require.Len(t, c.scored, 2)
	require.Equal(t, contactFit, c.scored[1].Model, "the run keeps its model")
}

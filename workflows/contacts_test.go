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
	scored []activities.ScoreContactsInput
	errs   []error // of ScoreContacts, one after the other
	result activities.ScoreContactsResult
}

var contactFit = activities.ModelRef{Name: "contact-fit", Version: 1}

// withContacts returns a run whose providers answer as they are told, apollo with all
// that is needed if they are told nothing.
func withContacts(t *testing.T, answers map[string][]answer) *crowd {
	t.Helper()
	c := &crowd{bundle: setup(t), result: activities.ScoreContactsResult{Contacts: 3, Scored: 3, Written: 3, Best: "Best fit"}}
	c.rates = contactFit
	if answers == nil {
		answers = map[string][]answer{"apollo": {found()}}
	}
	c.answers(answers)
	c.OnActivity(a.ScoreContacts, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.ScoreContactsInput) (activities.ScoreContactsResult, error) {
			c.scored = append(c.scored, in)
			c.rates.Version++ // the next model is released
			if n := len(c.scored); n <= len(c.errs) {
				return activities.ScoreContactsResult{}, c.errs[n-1]
			}
			return c.result, nil
		}).Maybe()
	return c
}

func TestOnboardingScoresContactsAfterTheEffects(t *testing.T) {
	t.Parallel()
	c := withContacts(t, nil)
	s := c.run(t)
	require.Equal(t, workflows.Completed, s.Status)
	require.Equal(t, &c.result, s.Contacts)
	require.Equal(t, []activities.ScoreContactsInput{{AccountID: 7, Key: key, Model: contactFit, Plan: c.who.Plan}}, c.scored)
	require.Equal(t, 1, c.wrote)
}

func TestOnboardingScoresNoContacts(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*crowd){
		"without a model": func(c *crowd) { c.rates = activities.ModelRef{} },
		"without a CRM record": func(c *crowd) {
			c.who.Key = account.Key{}
		},
		"in a run that began before there were any": func(c *crowd) {
			c.revision = 0
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
	c.run(t)
	require.Len(t, c.scored, 2)
	require.Equal(t, contactFit, c.scored[1].Model, "the run keeps its model")
}

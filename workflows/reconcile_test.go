package workflows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// comparing is one Reconcile in the test environment.
type comparing struct {
	turns
	env      *testsuite.TestWorkflowEnvironment
	asked    []activities.NewCompaniesInput
	compared []activities.CompareInput
	started  []account.Key
	applied  []int64
	created  []activities.NewCompaniesResult // page by page
	found    []activities.CompareResult
	apply    func(activities.ApplyInput) error
	failures []error // of the first calls of the CRM
}

func newComparing() *comparing {
	c := &comparing{env: newEnvironment(), apply: func(activities.ApplyInput) error { return nil }}
	c.env.SetStartTime(midnight)
	c.env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	c.env.OnActivity(a.NewCompanies, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.NewCompaniesInput) (activities.NewCompaniesResult, error) {
			if len(c.failures) > 0 {
				err := c.failures[0]
				c.failures = c.failures[1:]
				return activities.NewCompaniesResult{}, err
			}
			c.asked = append(c.asked, in)
			return next(&c.created, activities.NewCompaniesResult{Next: in.To, Done: true}), nil
		}).Maybe()
	c.env.OnActivity(a.LastAccount, mock.Anything).Return(int64(7), nil).Maybe()
	c.env.OnActivity(a.CompareEffects, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.CompareInput) (activities.CompareResult, error) {
			c.compared = append(c.compared, in)
			return next(&c.found, activities.CompareResult{After: in.After, Done: true}), nil
		}).Maybe()
	c.env.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.ApplyInput) (activities.ApplyResult, error) {
			defer c.lock()()
			c.applied = append(c.applied, in.AccountID)
			return activities.ApplyResult{}, c.apply(in)
		}).Maybe()
	c.env.OnWorkflow(workflows.CompanyOnboarding, mock.Anything, mock.Anything).Return(
		func(ctx workflow.Context, in workflows.CompanyOnboardingInput) (*workflows.Status, error) {
			c.started = append(c.started, in.Key)
			return &workflows.Status{}, workflow.Sleep(ctx, 365*24*time.Hour) // nobody waits for it
		}).Maybe()
	return c
}

// next takes the next page, or the last one that there is.
func next[P any](pages *[]P, last P) P {
	if len(*pages) == 0 {
		return last
	}
	page := (*pages)[0]
	*pages = (*pages)[1:]
	return page
}

func (c *comparing) run(t *testing.T, in workflows.ReconcileInput) workflows.ReconcileStatus {
	t.Helper()
	c.env.ExecuteWorkflow(workflows.Reconcile, in)
	require.True(t, c.env.IsWorkflowCompleted())
	require.NoError(t, c.env.GetWorkflowError())
	var s workflows.ReconcileStatus
	require.NoError(t, c.env.GetWorkflowResult(&s))
	return s
}

func companyKey(id int) account.Key {
	return account.Key{CRM: "hubspot", Portal: "8100", ID: fmt.Sprint(id)}
}

func TestReconcileStartsCompaniesThatNeverHadARun(t *testing.T) {
	t.Parallel()
	c := newComparing()
	second := midnight.Add(-time.Hour)
	c.created = []activities.NewCompaniesResult{
		{Seen: 200, Failed: 2, Missing: []account.Key{companyKey(1), companyKey(2)}, Next: second},
		{Seen: 5, Missing: []account.Key{companyKey(3)}, Next: midnight, Done: true},
	}
	s := c.run(t, workflows.ReconcileInput{Since: 2 * time.Hour, Settle: 90 * time.Second})
	require.Equal(t, "done", s.Stage)
	require.Nil(t, s.Effects, "they were not asked for")
	keys := []account.Key{companyKey(1), companyKey(2), companyKey(3)}
	require.Equal(t, workflows.Companies{Seen: 205, Started: 3, Failed: 2, Missed: keys, Next: midnight}, s.Companies)
	require.Equal(t, keys, c.started)
	from, to := midnight.Add(-2*time.Hour), midnight.Add(-90*time.Second)
	require.Equal(t, []activities.NewCompaniesInput{{From: from, To: to, Limit: 200}, {From: second, To: to, Limit: 200}}, c.asked)
}

func TestReconcileLeavesACompanyThatHasGotItsRunMeanwhile(t *testing.T) {
	t.Parallel()
	c := newComparing()
	c.created = []activities.NewCompaniesResult{
		{Seen: 1, Missing: []account.Key{companyKey(1)}, Next: midnight},
		{Seen: 2, Missing: []account.Key{companyKey(1), companyKey(2)}, Next: midnight, Done: true}, // it is not on record yet
	}
	s := c.run(t, workflows.ReconcileInput{Since: time.Hour})
	require.Equal(t, []int{2, 1}, []int{s.Companies.Started, s.Companies.UnderWay})
	require.Equal(t, []account.Key{companyKey(1), companyKey(2)}, s.Companies.Missed)
}

func TestReconcileBringsDecisionsInAgainAndGoesOnWhereOneIsRefused(t *testing.T) {
	t.Parallel()
	c := newComparing()
	lost := func(ids ...int) (page activities.CompareResult) {
		for _, id := range ids {
			page.Findings = append(page.Findings, activities.Finding{AccountID: int64(id), Kind: activities.ValueLost, Repaired: true})
			page.Apply = append(page.Apply, activities.ApplyInput{AccountID: int64(id), Key: companyKey(id)})
		}
		page.Checked, page.After = len(ids), int64(ids[len(ids)-1])
		return page
	}
	c.found = []activities.CompareResult{lost(1, 2), lost(3)}
	c.apply = func(in activities.ApplyInput) error {
		if in.AccountID == 2 {
			return temporal.NewNonRetryableApplicationError("hubspot: bad_request", "bad_request", nil)
		}
		return nil
	}
	s := c.run(t, workflows.ReconcileInput{Since: time.Hour, Effects: true}).Effects
	require.ElementsMatch(t, []int64{1, 2, 3}, c.applied)
	require.Equal(t, []int{7, 3, 2, 1}, []int{int(s.Last), s.Checked, s.Applied, s.Failed})
	require.Equal(t, map[activities.FindingKind]int{activities.ValueLost: 3, activities.Refused: 1}, s.Kinds)
	require.Equal(t, activities.Finding{AccountID: 2, Record: "hubspot/8100/2", Kind: activities.Refused, What: "hubspot: bad_request"}, s.Findings[2])
	require.Equal(t, []int64{0, 2, 3}, []int64{c.compared[0].After, c.compared[1].After, c.compared[2].After})
	to := midnight.Add(-time.Minute)
	require.Equal(t, []time.Time{midnight.Add(-time.Hour), to, to.Add(-10 * time.Minute)}, []time.Time{c.compared[0].Since, c.compared[0].Before, c.compared[0].Stuck})
}

func TestADryReconcileStartsAndWritesNothing(t *testing.T) {
	t.Parallel()
	c := newComparing()
	c.created = []activities.NewCompaniesResult{{Seen: 2, Missing: []account.Key{companyKey(1)}, Next: midnight, Done: true}}
	c.found = []activities.CompareResult{{Checked: 1, After: 4, Done: true, Apply: []activities.ApplyInput{{AccountID: 4}}}}
	s := c.run(t, workflows.ReconcileInput{Since: time.Hour, Effects: true, DryRun: true})
	require.Equal(t, []int{1, 1}, []int{s.Companies.Started, s.Effects.Applied}, "which would be")
	require.Empty(t, c.started)
	require.Empty(t, c.applied)
	require.True(t, c.compared[0].DryRun)
}

func TestAScheduledReconcileGoesOnWhereTheLastOneEnded(t *testing.T) {
	t.Parallel()
	c := newComparing()
	c.env.SetLastCompletionResult(workflows.ReconcileStatus{To: midnight.Add(-5 * time.Hour)})
	s := c.run(t, workflows.ReconcileInput{Back: 48 * time.Hour})
	require.Equal(t, midnight.Add(-6*time.Hour), s.From, "with an hour of overlap")

	c = newComparing()
	s = c.run(t, workflows.ReconcileInput{Back: 48 * time.Hour})
	require.Equal(t, midnight.Add(-48*time.Hour), s.From, "the first one goes back")
	c = newComparing()
	s = c.run(t, workflows.ReconcileInput{})
	require.Equal(t, []time.Time{midnight.Add(-7 * 24 * time.Hour), midnight.Add(-time.Minute)}, []time.Time{s.From, s.To})
}

func TestReconcileWaitsWhileTheCRMRefusesOurKey(t *testing.T) {
	t.Parallel()
	c := newComparing()
	refused := temporal.NewNonRetryableApplicationError("hubspot: auth_failed", "auth_failed", nil)
	c.failures = []error{refused, refused}
	began := c.env.Now()
	s := c.run(t, workflows.ReconcileInput{Since: time.Hour})
	require.Equal(t, "done", s.Stage)
	require.GreaterOrEqual(t, c.env.Now().Sub(began), 10*time.Minute)
}

func TestReconcileKeepsItsHistoryShort(t *testing.T) {
	t.Parallel()
	c := newComparing()
	for i := range 3 {
		c.created = append(c.created, activities.NewCompaniesResult{Seen: 200, Missing: []account.Key{companyKey(i)}, Next: midnight.Add(time.Duration(i-50) * time.Minute)})
	}
	c.env.SetContinueAsNewSuggested(true)
	c.env.ExecuteWorkflow(workflows.Reconcile, workflows.ReconcileInput{Since: time.Hour, Effects: true})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, c.env.GetWorkflowError(), &again)
	var in workflows.ReconcileInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	require.Equal(t, []int{200, 1}, []int{in.Resume.Companies.Seen, in.Resume.Companies.Started})

	after := newComparing()
	after.created = c.created
	s := after.run(t, in)
	require.Equal(t, []int{600, 3}, []int{s.Companies.Seen, s.Companies.Started})
	require.Equal(t, []time.Time{midnight.Add(-50 * time.Minute), midnight.Add(-time.Minute)}, []time.Time{after.asked[0].From, after.asked[0].To}, "it goes on where it was")
}

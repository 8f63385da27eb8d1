package workflows_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// night is one sweep in the test environment. Each test says what its sources and
// responses come to.
type night struct {
	*testsuite.TestWorkflowEnvironment
	turns
	plan    activities.SweepPlan
	pages   map[string][]page // what each source's pages come to, one after the other, the last one again
	news    []activities.NewsOf
	due     []int64 // accounts whose score time alone has changed
	respond func(workflow.Context, activities.ResponseInput) (*activities.Decision, error)

	looked   []activities.LookInput
	answered []activities.ResponseInput
	asked    []activities.NewsInput
	askedAt  []time.Time
	digests  []activities.DigestInput
}

type page struct {
	activities.LookResult
	err error
}

// whole is a page that ends the list.
func whole(checked, found int) page {
	return page{LookResult: activities.LookResult{After: int64(checked), Checked: checked, Found: found, Done: true}}
}

func down(after time.Duration) page {
	return page{LookResult: activities.LookResult{RetryAfter: after}}
}

// midnight is ten minutes before a day ends in Berlin.
var midnight = time.Date(2026, 10, 24, 21, 50, 0, 0, time.UTC)

func newNight() *night {
	n := &night{TestWorkflowEnvironment: newEnvironment(), pages: map[string][]page{}}
	n.SetStartTime(midnight)
	n.SetTestTimeout(time.Minute) // of real time: the virtual one flies
	n.plan = activities.SweepPlan{
		Refresh: []string{"refresh/apollo"}, Sources: []string{"edgar", "jobboards"}, Compare: []string{"firmographics"},
		Lists: []activities.TargetList{{Tiers: []string{"Tier 1"}}}, Total: 3,
		Models: activities.Models{Model: activities.ModelRef{Name: "revops", Version: 1}}, GiveUp: time.Hour,
	}
	n.respond = outcome("task")
	n.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	n.OnActivity(a.PlanSweep, mock.Anything, mock.Anything).Return(n.planned).Maybe()
	n.OnActivity(a.LookPage, mock.Anything, mock.Anything).Return(n.look).Maybe()
	n.OnActivity(a.News, mock.Anything, mock.Anything).Return(n.next).Maybe()
	n.OnActivity(a.Due, mock.Anything, mock.Anything).Return(n.nextDue).Maybe()
	n.OnActivity(a.WriteDigests, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.DigestInput) (activities.DigestResult, error) {
			defer n.lock()()
			n.digests = append(n.digests, in)
			return activities.DigestResult{Digests: 2}, nil
		}).Maybe()
	n.OnWorkflow(workflows.SignalResponse, mock.Anything, mock.Anything).Return(
		func(ctx workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
			done := n.lock()
			n.answered = append(n.answered, in)
			done()
			return n.respond(ctx, in)
		}).Maybe()
	return n
}

// planned is the plan, with the day that it is in Berlin.
func (n *night) planned(_ context.Context, in activities.PlanSweepInput) (activities.SweepPlan, error) {
	zone, err := time.LoadLocation("Europe/Berlin")
	n.plan.Day = in.At.In(zone).Format(time.DateOnly)
	return n.plan, err
}

func (n *night) look(_ context.Context, in activities.LookInput) (activities.LookResult, error) {
	defer n.lock()()
	at := len(n.looks(in.Source))
	n.looked = append(n.looked, in)
	pages := n.pages[in.Source]
	if len(pages) == 0 {
		return whole(3, 0).LookResult, nil
	}
	p := pages[min(at, len(pages)-1)]
	return p.LookResult, p.err
}

func (n *night) looks(source string) []activities.LookInput {
	return slices.DeleteFunc(slices.Clone(n.looked), func(in activities.LookInput) bool { return in.Source != source })
}

// next gives the accounts with news as the store does: in order, after the given one.
func (n *night) next(_ context.Context, in activities.NewsInput) ([]activities.NewsOf, error) {
	n.asked, n.askedAt = append(n.asked, in), append(n.askedAt, n.Now())
	from := 1 + slices.Index(n.news, in.After)
	return n.news[from:min(from+in.Limit, len(n.news))], nil
}

// nextDue gives the accounts that are due as the store does.
func (n *night) nextDue(_ context.Context, in activities.DueInput) ([]int64, error) {
	from := 1 + slices.Index(n.due, in.After)
	return n.due[from:min(from+in.Limit, len(n.due))], nil
}

// outcome is a response that comes to the same for everybody.
func outcome(word string) func(workflow.Context, activities.ResponseInput) (*activities.Decision, error) {
	return func(workflow.Context, activities.ResponseInput) (*activities.Decision, error) {
		return &activities.Decision{Outcome: word}, nil
	}
}

// hangs is a response whose CRM is away for so long.
func hangs(d time.Duration) func(workflow.Context, activities.ResponseInput) (*activities.Decision, error) {
	return func(ctx workflow.Context, _ activities.ResponseInput) (*activities.Decision, error) {
		return &activities.Decision{Outcome: "task"}, workflow.Sleep(ctx, d)
	}
}

// accounts have news, the best first.
func accounts(n int) []activities.NewsOf {
	all := make([]activities.NewsOf, n)
	for i := range all {
		all[i] = activities.NewsOf{AccountID: int64(i + 1), Value: 90 - i}
	}
	return all
}

func (n *night) run(t *testing.T, in workflows.SweepInput) workflows.SweepStatus {
	t.Helper()
	n.ExecuteWorkflow(workflows.SignalSweep, in)
	require.True(t, n.IsWorkflowCompleted())
	require.NoError(t, n.GetWorkflowError())
	var s workflows.SweepStatus
	require.NoError(t, n.GetWorkflowResult(&s))
	require.Equal(t, "done", s.Stage)
	return s
}

func (n *night) source(t *testing.T, in workflows.SourceSweepInput) workflows.SourceStatus {
	t.Helper()
	n.ExecuteWorkflow(workflows.SourceSweep, in)
	require.NoError(t, n.GetWorkflowError())
	var s workflows.SourceStatus
	require.NoError(t, n.GetWorkflowResult(&s))
	return s
}

func (n *night) sourceInput() workflows.SourceSweepInput {
	return workflows.SourceSweepInput{Source: "edgar", Lists: n.plan.Lists, Total: n.plan.Total, Model: n.plan.Model, At: midnight, GiveUp: n.plan.GiveUp}
}

// resumed returns what the run after this one is given.
func resumed[In any](t *testing.T, env *testsuite.TestWorkflowEnvironment) (in In) {
	t.Helper()
	again, ok := errors.AsType[*workflow.ContinueAsNewError](env.GetWorkflowError())
	require.True(t, ok, "%v", env.GetWorkflowError())
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	return in
}

func named(s workflows.SweepStatus, name string) workflows.SourceStatus {
	i := slices.IndexFunc(s.Sources, func(g workflows.SourceStatus) bool { return g.Name == name })
	return s.Sources[i]
}

func TestSweepLetsSourcesCompareOnlyAfterTheRefresh(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.pages["refresh/apollo"] = []page{
		{LookResult: activities.LookResult{After: 1, Checked: 1}}, down(time.Minute), whole(2, 0),
	}
	n.pages["edgar"] = []page{whole(3, 2)}
	n.pages["firmographics"] = []page{whole(3, 1)}
	s := n.run(t, workflows.SweepInput{})
	last := n.looked[len(n.looked)-1]
	require.Equal(t, "firmographics", last.Source, "what it compares has to be there")
	require.Len(t, n.looks("firmographics"), 1)
	require.Len(t, n.looks("refresh/apollo"), 3)
	require.Equal(t, int64(1), n.looks("refresh/apollo")[1].After)
	var names []string
	for _, g := range s.Sources {
		names = append(names, g.Name)
		require.Equal(t, 3, g.Checked, g.Name)
	}
	require.Equal(t, []string{"edgar", "jobboards", "refresh/apollo", "firmographics"}, names)
	require.Equal(t, 3, s.Signals)
	require.Zero(t, s.Accounts)
}

func TestSourceThatIsDownIsWaitedFor(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.pages["edgar"] = []page{
		{LookResult: activities.LookResult{After: 40, Checked: 40, RetryAfter: 10 * time.Minute}}, down(25 * time.Minute), whole(60, 1),
	}
	var waits string
	n.RegisterDelayedCallback(func() {
		v, err := n.QueryWorkflow(workflows.StatusQuery)
		require.NoError(t, err)
		var s workflows.SourceStatus
		require.NoError(t, v.Get(&s))
		waits = s.Waits
	}, 5*time.Minute)
	start := n.Now()
	s := n.source(t, n.sourceInput())
	require.Empty(t, s.Missed)
	require.Equal(t, 100, s.Checked)
	require.Equal(t, int64(40), n.looked[1].After, "it goes on where it was")
	require.Equal(t, 35*time.Minute, n.Now().Sub(start))
	require.Equal(t, "until it answers again, since 21:50:00", waits)
	require.Empty(t, s.Waits)
}

func TestSourceThatIsDownForAnHourIsLeftToTheNextNight(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.pages["edgar"] = []page{{LookResult: activities.LookResult{After: 1, Checked: 1}}, down(7 * time.Minute)}
	n.pages["jobboards"] = []page{whole(3, 1)}
	n.news = accounts(1)
	start := n.Now()
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, "out of reach for too long; the next sweep catches up", named(s, "edgar").Missed)
	require.Equal(t, 1, named(s, "edgar").Checked)
	for _, name := range []string{"jobboards", "refresh/apollo", "firmographics"} {
		require.Empty(t, named(s, name).Missed)
		require.Equal(t, 3, named(s, name).Checked, name)
	}
	require.Equal(t, 1, s.Accounts, "what the others found is answered")
	require.LessOrEqual(t, n.Now().Sub(start), 75*time.Minute)
}

func TestSourceThatAnswersNowAndThenIsNotGivenUp(t *testing.T) {
	t.Parallel()
	n := newNight()
	for range 5 {
		n.pages["edgar"] = append(n.pages["edgar"], down(40*time.Minute), page{LookResult: activities.LookResult{Checked: 1}})
	}
	n.pages["edgar"] = append(n.pages["edgar"], whole(1, 0))
	s := n.source(t, n.sourceInput())
	require.Empty(t, s.Missed, "an hour without any answer counts, not one in all")
	require.Equal(t, 6, s.Checked)
}

func TestPageThatFailsForGoodGivesItsSourceUp(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.pages["edgar"] = []page{
		{LookResult: activities.LookResult{After: 2, Checked: 2}},
		{err: temporal.NewNonRetryableApplicationError("model revops@1 is gone", activities.Invalid, nil)},
	}
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, "model revops@1 is gone", named(s, "edgar").Missed)
	require.Equal(t, 2, named(s, "edgar").Checked)
	require.Equal(t, 3, named(s, "firmographics").Checked)
}

func TestSourceThatIsClosedIsGivenUpAtOnce(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.pages["edgar"] = []page{{LookResult: activities.LookResult{Checked: 1, Closed: "edgar: auth_failed"}}}
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, "edgar: auth_failed", named(s, "edgar").Missed)
	require.Len(t, n.looks("edgar"), 1)
}

func TestSourceGoesThroughOneListAfterTheOther(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.pages["edgar"] = []page{whole(9, 0)}
	in := n.sourceInput()
	in.Lists = []activities.TargetList{{Only: 8}, {Only: 9}}
	s := n.source(t, in)
	require.Equal(t, 18, s.Checked)
	require.Equal(t, int64(8), n.looked[0].List.Only)
	require.Equal(t, int64(9), n.looked[1].List.Only)
	require.Zero(t, n.looked[1].After, "each from its beginning")
}

func TestSourceKeepsItsCursorFromRunToRun(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.pages["edgar"] = []page{{LookResult: activities.LookResult{After: 777, Checked: 1000, Found: 1}}}
	n.ExecuteWorkflow(workflows.SourceSweep, n.sourceInput())
	require.Len(t, n.looked, 300)
	next := resumed[workflows.SourceSweepInput](t, n.TestWorkflowEnvironment)
	require.Equal(t, int64(777), next.Resume.After)
	require.Equal(t, 300_000, next.Resume.Checked)
	require.Equal(t, midnight, next.Resume.Began, "so that the end can be told")

	n = newNight()
	n.pages["edgar"] = []page{whole(5, 1)}
	s := n.source(t, next)
	require.Equal(t, int64(777), n.looked[0].After)
	require.Equal(t, midnight, n.looked[0].At)
	require.Equal(t, 300_005, s.Checked)
	require.Equal(t, 301, s.Found)
}

func TestSweepAnswersTheBestFirstAndCountsWhatBecomesOfIt(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(60)
	n.respond = func(_ workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
		if in.AccountID <= 50 {
			return &activities.Decision{Outcome: "task"}, nil
		}
		return &activities.Decision{Outcome: "not_due"}, nil
	}
	s := n.run(t, workflows.SweepInput{})
	require.Len(t, n.answered, 60)
	for i, in := range n.answered { // those of one batch at the same time
		require.Equal(t, int64(i/25), (in.AccountID-1)/25)
	}
	require.Equal(t, 60, s.Accounts)
	require.Equal(t, map[string]int{"task": 50, "not_due": 10}, s.Outcomes)
	require.Len(t, n.asked, 4, "25, 25, 10, none")
	require.Equal(t, n.news[24], n.asked[1].After)
	require.Empty(t, n.digests, "nobody had too much")
	require.False(t, s.Digest)
}

func TestResponseThatFailsDoesNotEndTheSweep(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(3)
	n.respond = func(_ workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
		if in.AccountID == 2 {
			return nil, temporal.NewNonRetryableApplicationError("hubspot: auth_failed", "auth_failed", nil)
		}
		return &activities.Decision{Outcome: "task"}, nil
	}
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, 1, s.Failed)
	require.Equal(t, 2, s.Accounts)
	require.Zero(t, s.Pending)
}

func TestResponsesThatHangAreLeftPending(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(3)
	n.respond = func(ctx workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
		if in.AccountID == 1 {
			return outcome("task")(ctx, in)
		}
		return hangs(9*time.Hour)(ctx, in)
	}
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, 2, s.Pending)
	require.Equal(t, 1, s.Accounts)
	require.Zero(t, s.Failed)
	require.Equal(t, 30*time.Minute, n.askedAt[1].Sub(n.askedAt[0]))
}

func TestResponseThatComesBackDuringTheSweepIsPendingNoMore(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(30)
	n.respond = func(ctx workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
		switch in.AccountID {
		case 1:
			return hangs(40*time.Minute)(ctx, in) // beyond its batch's half hour, within the next one's
		case 26:
			return hangs(20*time.Minute)(ctx, in)
		default:
			return outcome("task")(ctx, in)
		}
	}
	s := n.run(t, workflows.SweepInput{})
	require.Zero(t, s.Pending)
	require.Equal(t, 30, s.Accounts)
}

func TestResponseOfAnEarlierSweepThatStillWaitsIsPending(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(2)
	n.respond = func(_ workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
		if in.AccountID == 1 {
			return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("", "", "")
		}
		return &activities.Decision{Outcome: "task"}, nil
	}
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, 1, s.Pending)
	require.Zero(t, s.Failed)
	require.Equal(t, 1, s.Accounts)
}

func TestSweepGoesOnInAnotherRunAfterManyResponses(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(510)
	n.respond = func(workflow.Context, activities.ResponseInput) (*activities.Decision, error) {
		return nil, temporal.NewNonRetryableApplicationError("hubspot: auth_failed", "auth_failed", nil)
	}
	n.ExecuteWorkflow(workflows.SignalSweep, workflows.SweepInput{})
	next := resumed[workflows.SweepInput](t, n.TestWorkflowEnvironment)
	require.Equal(t, n.news[499], next.Resume.Answered)
	require.Equal(t, 500, next.Resume.Failed)
	require.Empty(t, next.Resume.Outcomes)

	n = newNight()
	n.news = accounts(510)
	s := n.run(t, next)
	require.Empty(t, n.looked, "nobody looks twice in a night")
	require.Len(t, n.answered, 10)
	require.Equal(t, "2026-10-24", n.answered[0].Day)
	require.Equal(t, map[string]int{"task": 10}, s.Outcomes)
	require.Equal(t, 500, s.Failed)
}

func TestSweepWaitsForAnotherSweepsSource(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.plan.Sources, n.plan.Refresh, n.plan.Compare = []string{"edgar"}, nil, nil
	busy := serviceerror.NewWorkflowExecutionAlreadyStarted("", "", "")
	n.OnWorkflow(workflows.SourceSweep, mock.Anything, mock.Anything).Return(nil, busy).Times(4)
	n.OnWorkflow(workflows.SourceSweep, mock.Anything, mock.Anything).Return(&workflows.SourceStatus{Name: "edgar", Checked: 3}, nil).Once()
	start := n.Now()
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, 3, named(s, "edgar").Checked)
	require.Empty(t, named(s, "edgar").Missed)
	require.Equal(t, 4*time.Minute, n.Now().Sub(start))
}

func TestSweepGoesOnWithoutASourceWhoseRunFails(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.plan.Sources, n.plan.Refresh, n.plan.Compare = []string{"edgar"}, nil, []string{"technology"}
	n.OnWorkflow(workflows.SourceSweep, mock.Anything, mock.Anything).Return(
		func(_ workflow.Context, in workflows.SourceSweepInput) (*workflows.SourceStatus, error) {
			if in.Source == "edgar" {
				return nil, errors.New("terminated")
			}
			return &workflows.SourceStatus{Name: in.Source, Found: 2}, nil
		})
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, "edgar", s.Sources[0].Name)
	require.Contains(t, s.Sources[0].Missed, "terminated")
	require.Equal(t, 2, s.Signals)
}

func TestDryRunRefreshesNothingAndAnswersNobody(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(2)
	n.pages["edgar"] = []page{{LookResult: activities.LookResult{Checked: 3, Found: 1, Done: true, Preview: []string{"acme.example: funding, raised $9M"}}}}
	s := n.run(t, workflows.SweepInput{DryRun: true, Window: 48 * time.Hour})
	require.Empty(t, n.looks("refresh/apollo"), "a refresh costs credits")
	require.Len(t, n.looks("edgar"), 1)
	require.Len(t, n.looks("firmographics"), 1)
	for _, in := range n.looked {
		require.True(t, in.DryRun, in.Source)
		require.Equal(t, 48*time.Hour, in.Window)
	}
	require.Empty(t, n.asked)
	require.Empty(t, n.answered)
	require.Equal(t, []string{"acme.example: funding, raised $9M"}, named(s, "edgar").Preview)
}

func TestDigestsAreWrittenWhereSomethingIsInOne(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(1)
	n.respond = outcome("digest")
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, []activities.DigestInput{{Day: "2026-10-24", Model: n.plan.Model}}, n.digests)
	require.Equal(t, 2, s.Digests)
}

func TestSweepOfOneDomainAnswersItsAccountsOnly(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.plan.Lists = []activities.TargetList{{Only: 8}, {Only: 9}}
	n.news = accounts(1)
	n.run(t, workflows.SweepInput{Account: "acme.example"})
	require.Len(t, n.asked, 2)
	require.Equal(t, int64(8), n.asked[0].Only)
	require.Equal(t, int64(9), n.asked[1].Only)
}

func TestSweepRefusesWhatCannotBePlanned(t *testing.T) {
	t.Parallel()
	env := newEnvironment()
	env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	env.OnActivity(a.PlanSweep, mock.Anything, mock.Anything).Return(activities.SweepPlan{},
		temporal.NewNonRetryableApplicationError("account: no account has the domain acme.example", activities.Invalid, nil))
	env.ExecuteWorkflow(workflows.SignalSweep, workflows.SweepInput{Account: "acme.example"})
	require.ErrorContains(t, env.GetWorkflowError(), "no account has the domain")
}

func TestSweepThatLastsPastMidnightKeepsItsNight(t *testing.T) {
	t.Parallel()
	n := newNight() // in Berlin, the night in which the clocks go back
	n.pages["edgar"] = []page{down(50 * time.Minute), {LookResult: activities.LookResult{Checked: 1}}, down(50 * time.Minute), whole(2, 1)}
	n.news = accounts(1)
	n.respond = outcome("digest")
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, midnight, s.At)
	require.Equal(t, "2026-10-24", s.Day)
	require.Greater(t, n.Now().Sub(midnight), 90*time.Minute)
	require.NotEmpty(t, n.looks("firmographics"))
	for _, in := range n.looked {
		require.Equal(t, midnight, in.At, "%s looks as of the same time", in.Source)
	}
	require.Equal(t, []activities.ResponseInput{{AccountID: 1, Day: "2026-10-24"}}, n.answered)
	require.Equal(t, "2026-10-24", n.digests[0].Day)
}

func TestSweepCanLookAsOfAnotherTime(t *testing.T) {
	t.Parallel()
	n := newNight()
	at := time.Date(2027, 3, 27, 23, 30, 0, 0, time.UTC)
	s := n.run(t, workflows.SweepInput{At: at})
	require.Equal(t, at, n.looked[0].At)
	require.Equal(t, "2027-03-28", s.Day)
}

func TestSweepScoresAnewWhatTimeAloneHasChanged(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.news = accounts(2)
	for id := range int64(60) {
		n.due = append(n.due, id+3)
	}
	n.respond = func(_ workflow.Context, in activities.ResponseInput) (*activities.Decision, error) {
		if in.Decay {
			return &activities.Decision{Outcome: activities.Decayed}, nil
		}
		return &activities.Decision{Outcome: "digest"}, nil
	}
	s := n.run(t, workflows.SweepInput{})
	require.Equal(t, map[string]int{"digest": 2, "decay": 60}, s.Outcomes)
	require.Equal(t, 2, s.Accounts, "those with news")
	require.Len(t, n.answered, 62)
	for i, in := range n.answered {
		require.Equal(t, i >= 2, in.Decay, "news come first")
	}
	require.Len(t, n.digests, 1)
}

func TestSweepOfOneAccountLeavesTheAgeOfOthersAlone(t *testing.T) {
	t.Parallel()
	n := newNight()
	n.plan.Lists = []activities.TargetList{{Only: 7}}
	n.due = []int64{3, 4}
	n.run(t, workflows.SweepInput{Account: "acme.example"})
	require.Empty(t, n.answered)
}

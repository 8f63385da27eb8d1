package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
)

var autumn = time.Date(2026, 10, 6, 7, 0, 0, 0, time.UTC)

// reviewed returns the review of a quarter that is on record.
func (b *bundle) reviewed(t *testing.T) store.Review {
	t.Helper()
	b.Review = activities.ReviewSettings{Zone: "UTC", RemindAfter: 7 * 24 * time.Hour, PublicURL: "https://sluice.example/"}
	plan, err := run[activities.ReviewPlan](b.env, b.PlanReview, activities.PlanReviewInput{At: autumn})
	require.NoError(t, err)
	made, err := run[activities.MakeReviewResult](b.env, b.MakeReview, activities.MakeReviewInput{
		Quarter: plan.Quarter, From: plan.From, To: plan.To, Since: plan.Since, At: autumn, Model: plan.Model,
	})
	require.NoError(t, err)
	r, err := b.store.Review(t.Context(), made.ReviewID)
	require.NoError(t, err)
	return r
}

func (b *bundle) tell(t *testing.T, r store.Review, reminder bool) activities.TellReviewResult {
	t.Helper()
	told, err := run[activities.TellReviewResult](b.env, b.TellReview, activities.TellReviewInput{ReviewID: r.ID, Reminder: reminder})
	require.NoError(t, err)
	return told
}

func TestPlanReviewTakesTheLastWholeQuarterAndTheActiveModel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Review.Zone, b.Review.RemindAfter = "Europe/Berlin", time.Hour
	got, err := run[activities.ReviewPlan](b.env, b.PlanReview, activities.PlanReviewInput{At: autumn})
	require.NoError(t, err)
	require.Equal(t, activities.ReviewPlan{
		Quarter: "2026Q3", From: time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC), To: time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC), Since: got.Since,
		Model: activities.ModelRef{Name: "revops", Version: b.model.Version}, RemindAfter: time.Hour,
	}, got)
	require.True(t, got.Since.Before(got.From.AddDate(-1, 0, 1)), "win rates are held against the year before")
	for _, quarter := range []string{"2026Q4", "2026-Q3"} {
		_, err = run[activities.ReviewPlan](b.env, b.PlanReview, activities.PlanReviewInput{Quarter: quarter, At: autumn})
		final(t, err, activities.Invalid)
		require.ErrorContains(t, err, "quarter: ")
	}
}

func TestAReviewIsToldToTheModelsOwnerOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.world.CRM.AddOwner("900", strings.ToUpper(b.model.Owner), "Robin", "Ops")
	who := b.known(t, "acme.example")
	r := b.reviewed(t)
	require.GreaterOrEqual(t, len(r.Key), 26, "128 bits, in letters and digits")

	b.set(t, "hubspot", fault.Fault{LostAnswerRate: 1})
	_, err := run[activities.TellReviewResult](b.env, b.TellReview, activities.TellReviewInput{ReviewID: r.ID})
	require.Error(t, err)
	b.set(t, "hubspot", fault.Fault{})
	told := b.tell(t, r, false)
	require.True(t, told.Owned)
	tasks := b.world.CRM.Snapshot().Tasks
	require.Len(t, tasks, 1, "which was there already")
	task := tasks[0]
	require.Equal(t, []string{told.TaskID, "900", "MEDIUM"}, []string{task.ID, task.OwnerID, strings.ToUpper(task.Priority)})
	require.Equal(t, "Review of "+b.model.ID()+" for 2026Q3: decide what to change", task.Subject)
	require.Contains(t, task.Body, "https://sluice.example/reviews/2026Q3/"+r.Key)
	require.Contains(t, task.Body, "starter icp review decide 2026Q3")
	require.Equal(t, who.Key.ID, task.CompanyID)
	require.Equal(t, told, b.tell(t, r, false))
	kept, err := b.store.Review(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, told.TaskID, kept.TaskID)

	require.Equal(t, told.TaskID, b.tell(t, r, true).TaskID, "the reminder is added to the open task")
	b.tell(t, r, true)
	tasks = b.world.CRM.Snapshot().Tasks
	require.Len(t, tasks, 1)
	require.Equal(t, 1, strings.Count(tasks[0].Body, "Nobody has decided"))
	require.Equal(t, "HIGH", strings.ToUpper(tasks[0].Priority))
}

func TestAReminderOfAReviewIsATaskOfItsOwnWhereTheFirstWasTickedOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.known(t, "acme.example")
	r := b.reviewed(t)
	told := b.tell(t, r, false)
	require.False(t, told.Owned, "the owner is no user of the CRM")
	require.True(t, b.world.CRM.CompleteTask(told.TaskID))
	first, again := b.tell(t, r, true), b.tell(t, r, true)
	require.Equal(t, first, again)
	require.NotEqual(t, told.TaskID, first.TaskID)
	require.Len(t, b.world.CRM.Snapshot().Tasks, 2)
}

func TestAReviewsTaskFindsAnotherPlaceWhenARecordIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.reviewed(t)
	require.Equal(t, activities.TellReviewResult{}, b.tell(t, r, false), "there is no record to hang it on")
	_, domain, _ := strings.Cut(b.model.Owner, "@")
	require.Equal(t, "acme.example", domain)
	ours, other := b.known(t, "acme.example"), b.known(t, "bolt.example")
	require.True(t, b.world.CRM.RemoveCompany(ours.Key.ID))
	require.NotEmpty(t, b.tell(t, r, false).TaskID)
	tasks := b.world.CRM.Snapshot().Tasks
	require.Len(t, tasks, 1)
	require.Equal(t, other.Key.ID, tasks[0].CompanyID)
}

func TestAReviewThatIsMadeAnewIsAddedToItsTask(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	r := b.reviewed(t)
	told := b.tell(t, r, false)
	_, err := b.world.CRM.AddDeal(who.Key.ID, crmsandbox.Deal{OpenedAt: autumn.AddDate(0, -2, 0), ClosedAt: autumn.AddDate(0, -1, 0), Won: true})
	require.NoError(t, err)
	read, err := run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true})
	require.NoError(t, err)
	require.Equal(t, activities.ReadDealsResult{Read: 1, Changed: 1}, read)
	again := b.reviewed(t)
	require.Equal(t, []any{r.ID, r.Key}, []any{again.ID, again.Key})
	require.Equal(t, told.TaskID, b.tell(t, again, false).TaskID)
	tasks := b.world.CRM.Snapshot().Tasks
	require.Len(t, tasks, 1)
	require.Contains(t, tasks[0].Body, "1 deals were opened and 1 closed, 1 of them won")
}

func TestReadDealsGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 2500 {
		_, err := b.world.CRM.AddDeal("", crmsandbox.Deal{OpenedAt: autumn, Changed: autumn.Add(time.Duration(i) * time.Second)})
		require.NoError(t, err)
	}
	first, err := run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true})
	require.NoError(t, err)
	require.True(t, first.More)
	again, err := run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true}) // of a run that was killed
	require.NoError(t, err)
	require.False(t, again.More)
	require.InDelta(t, 2500, first.Read+again.Read, 15, "but for one a page")
	require.Equal(t, 2500, first.Changed+again.Changed)

	news, err := run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true})
	require.NoError(t, err)
	require.InDelta(t, 15*60, news.Read, 10, "a quarter of an hour is read again, since the index is late")
	require.Zero(t, news.Changed)
}

func TestCheckDealsFindsThoseThatAreGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []string
	for i := range 250 {
		id, err := b.world.CRM.AddDeal("", crmsandbox.Deal{OpenedAt: autumn, Changed: autumn.Add(time.Duration(i) * time.Second)})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	_, err := run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true})
	require.NoError(t, err)
	for _, id := range ids[100:120] {
		require.True(t, b.world.CRM.DeleteDeal(id))
	}
	in := activities.CheckDealsInput{ReadBefore: time.Now().Add(time.Minute)}
	for _, want := range []activities.CheckDealsResult{{Checked: 250, Gone: 20}, {Checked: 230}} {
		got, err := run[activities.CheckDealsResult](b.env, b.CheckDeals, in)
		require.NoError(t, err)
		require.Equal(t, want, activities.CheckDealsResult{Checked: got.Checked, Gone: got.Gone, More: got.More})
	}
	held, err := b.store.DealsHeld(t.Context(), store.DealsWanted{Until: time.Now().AddDate(1, 0, 0)}, 0, 1000)
	require.NoError(t, err)
	require.Len(t, held, 230)
}

func TestDealsThatTheKeyMayNotSeeAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.world.CRM.DenyDeals(true)
	_, err := run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true})
	final(t, err, activities.Invalid)
	require.ErrorContains(t, err, "crm.objects.deals.read")
	b.world.CRM.DenyDeals(false)
	b.set(t, "hubspot", fault.Fault{Outage: true})
	_, err = run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true})
	retried(t, err, "provider_error")
}

func TestADecisionOnAReviewIsOnRecordBeforeItCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.reviewed(t)
	decide := func(id int64) (activities.DecideReviewResult, error) {
		return run[activities.DecideReviewResult](b.env, b.DecideReview, activities.DecideReviewInput{ReviewID: r.ID, ID: id})
	}
	_, err := decide(9)
	final(t, err, activities.Invalid)
	require.ErrorContains(t, err, "id: no decision 9 on this review is on record")
	var ids []int64
	for _, decision := range []string{"kept", "accepted"} {
		d, err := b.store.HandInReviewDecision(t.Context(), store.ReviewDecision{ReviewID: r.ID, Decision: decision, Author: "dana", Words: "so"})
		require.NoError(t, err)
		ids = append(ids, d.ID)
	}
	for range 2 {
		got, err := decide(ids[0])
		require.NoError(t, err)
		require.Equal(t, activities.DecideReviewResult{ID: ids[0], Decision: "kept"}, got)
	}
	got, err := decide(ids[1])
	require.NoError(t, err)
	require.Equal(t, "kept", got.Decision, "the first counts")
	made, err := run[activities.MakeReviewResult](b.env, b.MakeReview, activities.MakeReviewInput{
		Quarter: r.Quarter, From: autumn.AddDate(0, -3, 0), To: autumn, Since: autumn, At: autumn, Model: r.Model,
	})
	require.NoError(t, err)
	require.Equal(t, []any{r.ID, "kept"}, []any{made.ReviewID, made.Decision})
}

func TestAReviewPassesOverEarlierOnesThatNobodyDecidedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, quarter := range []string{"2026Q1", "2026Q2", "2026Q4"} {
		_, err := b.store.SaveReview(t.Context(), store.MadeReview{
			Quarter: quarter, Model: store.ModelRef{Name: "revops", Version: b.model.Version}, Key: strings.Repeat("k", 26), Report: []byte("{}"), At: autumn,
		})
		require.NoError(t, err)
	}
	r := b.reviewed(t)
	made := func() (quarters []string) {
		got, err := run[activities.MakeReviewResult](b.env, b.MakeReview, activities.MakeReviewInput{
			Quarter: r.Quarter, From: autumn.AddDate(0, -3, 0), To: autumn, Since: autumn, At: autumn, Model: r.Model,
		})
		require.NoError(t, err)
		for _, before := range got.Before {
			quarters = append(quarters, before.Quarter)
			_, err := b.env.ExecuteActivity(b.PassReview, before.ID)
			require.NoError(t, err)
		}
		return quarters
	}
	require.Equal(t, []string{"2026Q2", "2026Q1"}, made())
	require.Empty(t, made())
}

func TestDecisionsAndTheDealsThatClosedSince(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	row, err := b.score(activities.ScoreInput{AccountID: who.AccountID, Models: who.Models, Plan: who.Plan, Pass: 1, Cause: "first"})
	require.NoError(t, err)
	require.NotZero(t, row.ScoreID)
	o, err := b.store.SaveOverride(t.Context(), raised(who.AccountID))
	require.NoError(t, err)
	_, err = b.store.BeginOverride(t.Context(), who.AccountID, o.ID, time.Now())
	require.NoError(t, err)
	decisions, err := activities.Decisions(t.Context(), b.store, time.Now())
	require.NoError(t, err)
	require.Len(t, decisions, 2, "the model has drawn it for exploration, too")
	for i, group := range []string{"confirmed: strategic", "explored"} {
		require.Equal(t, []string{who.Key.String(), group}, []string{decisions[i].Account, decisions[i].Group})
	}
	none, err := activities.Decisions(t.Context(), b.store, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Empty(t, none, "it had not begun")
	for i, closed := range []time.Time{time.Now().Add(time.Second), time.Now().AddDate(0, 0, -1)} {
		_, err := b.world.CRM.AddDeal(who.Key.ID, crmsandbox.Deal{Name: fmt.Sprint(i), OpenedAt: autumn, ClosedAt: closed, Won: true})
		require.NoError(t, err)
	}
	_, err = run[activities.ReadDealsResult](b.env, b.ReadDeals, activities.ReadDealsInput{First: true})
	require.NoError(t, err)
	closed, err := activities.ClosedSince(t.Context(), b.store, decisions)
	require.NoError(t, err)
	require.Len(t, closed, 1, "what closed before the first decision says nothing of it")
	require.Equal(t, []any{who.Key.String(), true}, []any{closed[0].Account, closed[0].Won})
}

func raised(accountID int64) store.Override {
	o := store.Override{AccountID: accountID, Reason: "a pilot", Author: "dana"}
	o.Tier, o.Code = "Tier 1", "strategic"
	return o
}

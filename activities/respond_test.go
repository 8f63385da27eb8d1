package activities_test

import (
	"context"
	"html"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
)

const today = "2026-11-22"

// responses is a bundle whose runs can be told apart: the SDK's test environment has one
// run only, and a run decides once.
type responses struct {
	*bundle
	runs *runs
}

type runs struct {
	*store.Store
	n int
}

func (r *runs) id() string { return "run " + strconv.Itoa(r.n) }

func (r *runs) SaveResponse(ctx context.Context, in store.Response, dailyCap int) (store.Response, error) {
	in.RunID = r.id()
	return r.Store.SaveResponse(ctx, in, dailyCap)
}

func (r *runs) CooledKinds(ctx context.Context, accountID int64, _ string, kinds []string, since time.Time) ([]string, error) {
	return r.Store.CooledKinds(ctx, accountID, r.id(), kinds, since)
}

func newResponses(t *testing.T) *responses {
	t.Helper()
	b := setup(t)
	r := &responses{bundle: b, runs: &runs{Store: b.store}}
	b.Store = r.runs
	b.env = b.environment()
	return r
}

// another is the next run of a response.
func (r *responses) another() { r.runs.n++ }

// account is one with a fit of 65, above what the model's trigger_task asks for.
func (r *responses) account(t *testing.T) activities.IdentifyResult {
	t.Helper()
	who := r.known(t, "acme.example")
	r.decide(t, who, perfect(false), nil)
	return who
}

// happens puts an event of each kind on record and returns the news that nobody answered.
func (r *responses) happens(t *testing.T, who activities.IdentifyResult, events ...signals.Event) activities.TellNewsInput {
	t.Helper()
	for i := range events {
		events[i].OccurredAt = time.Now().Add(-time.Hour)
		events[i].Evidence = []signals.Evidence{{Source: "edgar", Title: "Form D", URL: "https://filings.example/1", At: events[i].OccurredAt}}
		if events[i].Confidence == 0 {
			events[i].Confidence = 0.9
		}
	}
	_, err := r.store.SaveSights(t.Context(), "edgar", time.Now(), []store.NewSight{{AccountID: who.AccountID, Events: events}})
	require.NoError(t, err)
	b, err := run[activities.Brief](r.env, r.ReadNews, activities.ResponseInput{AccountID: who.AccountID, Day: today})
	require.NoError(t, err)
	return activities.TellNewsInput{AccountID: who.AccountID, Key: b.Key, Model: b.Score.Model, Signals: b.Signals}
}

func event(kind, entity, summary string) signals.Event {
	return signals.Event{Kind: kind, Entity: entity, Summary: summary}
}

func funding() signals.Event { return event(signals.Funding, "round", "raised $9M (Series A)") }

func hiring() signals.Event { return event(signals.Hiring, "revops", "hires a RevOps Manager") }

func (r *responses) tell(in activities.TellNewsInput) (activities.EffectDone, error) {
	return run[activities.EffectDone](r.env, r.TellNews, in)
}

func (r *responses) decideOn(in activities.TellNewsInput, owner string) (activities.Decision, error) {
	return run[activities.Decision](r.env, r.Decide, activities.DecideInput{TellNewsInput: in, Owner: owner, Day: today})
}

// decided is a decision that must come about.
func (r *responses) decided(t *testing.T, in activities.TellNewsInput) activities.Decision {
	t.Helper()
	r.another()
	d, err := r.decideOn(in, "201")
	require.NoError(t, err)
	return d
}

func (r *responses) tasks() []hubspot.Task { return r.world.CRM.Snapshot().Tasks }

func (r *responses) unanswered(t *testing.T, who activities.IdentifyResult) (n int) {
	t.Helper()
	all, err := r.store.Signals(t.Context(), who.AccountID)
	require.NoError(t, err)
	for _, g := range all {
		if g.AnsweredAt.IsZero() {
			n++
		}
	}
	return n
}

func TestReadNews(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	require.NoError(t, r.world.CRM.SetProperties(who.Key.ID, map[string]string{"hubspot_owner_id": "204"}))
	read := func() activities.Brief {
		b, err := run[activities.Brief](r.env, r.ReadNews, activities.ResponseInput{AccountID: who.AccountID, Day: today})
		require.NoError(t, err)
		return b
	}
	require.Empty(t, read().Signals)
	news := r.happens(t, who, funding(), hiring())
	got := read()
	require.Len(t, got.Signals, 2)
	require.Equal(t, who.Key, got.Key)
	require.Equal(t, "204", got.Score.Owner, "who owns it now")
	require.Equal(t, "signal", got.Score.Cause)
	require.Equal(t, who.Plan, got.Score.Plan)

	r.decided(t, news)
	require.Empty(t, read().Signals, "what was answered is no news")
	require.True(t, r.world.CRM.RemoveCompany(who.Key.ID))
	require.True(t, read().Key.IsZero(), "a record that is gone is none")
}

func TestNewsAreToldOnceBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	jane := event(signals.ExecutiveChange, "cro", "has a new CRO")
	jane.Concerns, jane.Confidence = "Jane Doe, CRO <interim>", 0.4
	news := r.happens(t, who, funding(), jane)
	first, err := r.tell(news)
	require.NoError(t, err)
	again, err := r.tell(news)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, map[string]int{"POST notes": 1}, r.world.CRM.Ledger().Counts(), "once, and nothing besides")
	text := html.UnescapeString(r.world.CRM.Snapshot().Notes[0].Body)
	for _, want := range []string{
		"funding: raised $9M (Series A)", "executive change: has a new CRO", "Concerns: Jane Doe, CRO <interim>",
		"Read at edgar, ", "https://filings.example/1", "Why it matters: trigger gives up to +15 points",
		"Low trust: we are 40 % sure that this is about them.",
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 2, r.unanswered(t, who), "telling is not deciding")
}

func TestNewsThatWereToldByAResponseThatFailedAreToldWithWhatCameSince(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	first, err := r.tell(r.happens(t, who, funding()))
	require.NoError(t, err)
	second, err := r.tell(r.happens(t, who, hiring()))
	require.NoError(t, err)
	require.Equal(t, first.CRMID, second.CRMID)
	notes := r.world.CRM.Snapshot().Notes
	require.Len(t, notes, 1)
	require.Contains(t, notes[0].Body, "raised $9M")
	require.Contains(t, notes[0].Body, "hires a RevOps Manager")
}

func TestNewsWhoseAnswerIsLostAreNotToldTwice(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	r.CRM = r.client(t, outbound.WithTransport(&loser{b: r.bundle, t: t, object: "notes"}))
	r.env = r.environment()
	news := r.happens(t, who, funding())
	_, err := r.tell(news)
	retried(t, err, "provider_error")
	_, err = r.tell(news)
	require.NoError(t, err)
	require.Equal(t, 1, r.world.CRM.Ledger().Created("notes"))
	require.Empty(t, r.world.CRM.Ledger().Duplicates())
}

func TestDecide(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	stop := event(signals.CompanyClosed, "company", "has closed")
	stop.Stop = true
	tests := []struct {
		name       string
		facts      account.Facts // default: a fit of 65
		news       []signals.Event
		before     []store.Response // of the account, decided on just now
		want       string
		wantKinds  []string
		wantReason string
	}{
		{name: "fit and a trigger", news: []signals.Event{funding()}, want: store.TaskMade, wantKinds: []string{signals.Funding}},
		{
			name: "not enough fit", facts: without(perfect(true), account.RevenueUSD), news: []signals.Event{funding()},
			want: store.NotDue, wantReason: "fit is 55: the task is due when fit > 60",
		},
		{
			name: "a kind that the model gives nothing for", news: []signals.Event{event(signals.Expansion, "country:de", "is now in Germany")},
			want: store.NotDue, wantReason: r.model.ID() + " gives nothing for expansion",
		},
		{
			name: "only of the kinds that count", news: []signals.Event{funding(), event(signals.Expansion, "country:de", "is now in Germany")},
			want: store.TaskMade, wantKinds: []string{signals.Funding},
		},
		{
			name: "a kind that cools down", news: []signals.Event{funding()}, before: []store.Response{{Outcome: store.TaskMade, Kinds: []string{signals.Funding}}},
			want: store.Cooling, wantReason: "there was a task for funding in the last 14 days",
		},
		{
			name: "one that a digest told of cools down, too", news: []signals.Event{funding()}, before: []store.Response{{Outcome: store.InDigest, Kinds: []string{signals.Funding}}},
			want: store.Cooling, wantReason: "there was a task for funding in the last 14 days",
		},
		{
			name: "one that came to nothing does not", news: []signals.Event{funding()}, before: []store.Response{{Outcome: store.NotDue, Kinds: []string{signals.Funding}}},
			want: store.TaskMade, wantKinds: []string{signals.Funding},
		},
		{
			name: "only of the kinds that do not cool down", news: []signals.Event{funding(), hiring()}, before: []store.Response{{Outcome: store.TaskMade, Kinds: []string{signals.Funding}}},
			want: store.TaskMade, wantKinds: []string{signals.Hiring},
		},
		{name: "a reason to stop", news: []signals.Event{funding(), stop}, want: store.Stopped, wantReason: "has closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			who := r.known(t, "acme.example")
			if tt.facts == nil {
				tt.facts = perfect(false)
			}
			row := r.decide(t, who, tt.facts, nil)
			for _, before := range tt.before {
				r.another()
				before.AccountID, before.OwnerID, before.Day = who.AccountID, "201", today
				_, err := r.runs.SaveResponse(t.Context(), before, 0)
				require.NoError(t, err)
			}
			news := r.happens(t, who, tt.news...)
			r.world.CRM.ResetLedger()
			got := r.decided(t, news)
			require.Equal(t, tt.want, got.Outcome)
			require.Equal(t, tt.wantReason, got.Reason)
			require.ElementsMatch(t, tt.wantKinds, got.Kinds)
			require.Zero(t, r.unanswered(t, who))
			if tt.want != store.TaskMade {
				require.Empty(t, got.TaskID)
				require.Empty(t, r.world.CRM.Ledger().Writes)
				return
			}
			again, err := r.decideOn(news, "201")
			require.NoError(t, err)
			require.Equal(t, got, again)
			require.Equal(t, 1, r.world.CRM.Ledger().Created("tasks"))
			all := r.tasks()
			task := all[len(all)-1]
			require.Equal(t, got.TaskID, task.ID)
			require.Equal(t, "HIGH", task.Priority)
			require.Equal(t, "201", task.OwnerID)
			require.WithinDuration(t, row.ScoredAt.Add(24*time.Hour), task.Due, time.Second)
			require.True(t, strings.HasPrefix(task.Subject, "The acme.example: "), task.Subject)
			for _, e := range tt.news {
				require.Equal(t, slices.Contains(tt.wantKinds, e.Kind), strings.Contains(task.Body, e.Summary), e.Kind)
			}
		})
	}
}

func TestDecideGivesTheTaskTheTimeThatTheModelSays(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	source := strings.Replace(nextVersion(r.model), "priority: high, cooldown: 14d", "priority: low, cooldown: 14d, due: 3d", 1)
	m, err := icp.Parse("revops.yaml", []byte(source))
	require.NoError(t, err)
	r.release(t, m)
	who := r.account(t)
	r.decided(t, r.happens(t, who, funding()))
	require.Equal(t, "LOW", r.tasks()[0].Priority)
	require.WithinDuration(t, time.Now().Add(3*24*time.Hour), r.tasks()[0].Due, time.Minute)
}

func TestAModelWithoutTriggerTaskAsksForNone(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	source := strings.Replace(nextVersion(r.model), "trigger_task: {when", "# {when", 1)
	m, err := icp.Parse("revops.yaml", []byte(source))
	require.NoError(t, err)
	r.release(t, m)
	who := r.account(t)
	got := r.decided(t, r.happens(t, who, funding()))
	require.Equal(t, activities.Decision{Outcome: store.NotDue, Reason: m.ID() + " asks for no task"}, got)
}

func TestATaskThatIsOpenGetsTheNews(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	first := r.decided(t, r.happens(t, who, funding()))
	r.world.CRM.ResetLedger()
	news := r.happens(t, who, hiring())
	got := r.decided(t, news)
	require.Equal(t, store.TaskAppended, got.Outcome)
	require.Equal(t, first.TaskID, got.TaskID)
	again, err := r.decideOn(news, "201")
	require.NoError(t, err)
	require.Equal(t, got, again)
	require.Equal(t, map[string]int{"PATCH tasks": 1}, r.world.CRM.Ledger().Counts(), "once, and no task besides")
	require.Len(t, r.tasks(), 1)
	body := r.tasks()[0].Body
	require.Contains(t, body, "raised $9M")
	require.Equal(t, 1, strings.Count(body, "hires a RevOps Manager"))

	require.True(t, r.world.CRM.CompleteTask(first.TaskID))
	got = r.decided(t, r.happens(t, who, event(signals.ProductLaunch, "atlas", "launches Atlas")))
	require.Equal(t, store.TaskMade, got.Outcome, "what is completed is not read again")
	require.NotEqual(t, first.TaskID, got.TaskID)
	require.Len(t, r.tasks(), 2)
	require.NotContains(t, r.tasks()[0].Body, "Atlas")
}

func TestTheTiersTaskThatIsOpenGetsTheNews(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.known(t, "acme.example")
	r.decide(t, who, perfect(true), nil)
	applied, err := r.apply(decision(who))
	require.NoError(t, err)
	got := r.decided(t, r.happens(t, who, hiring()))
	require.Equal(t, store.TaskAppended, got.Outcome)
	require.Equal(t, applied.TaskID, got.TaskID)
}

// The CRM may be away for hours between the decision and the writing.
func TestATaskThatIsGoneBeforeTheNewsAreInItIsMadeAnew(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	news := r.happens(t, who, funding())
	r.another()
	_, err := r.runs.SaveResponse(t.Context(), store.Response{
		AccountID: who.AccountID, Signals: news.Signals, Kinds: []string{signals.Funding}, Outcome: store.TaskAppended,
		TaskID: "99999999", OwnerID: "201", Day: today,
	}, 0)
	require.NoError(t, err)
	_, err = r.decideOn(news, "201")
	require.NoError(t, err)
	require.Len(t, r.tasks(), 1)
	require.Contains(t, r.tasks()[0].Body, "raised $9M")
	require.Zero(t, r.unanswered(t, who))
}

func TestATaskWhoseAnswerIsLostIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	r.CRM = r.client(t, outbound.WithTransport(&loser{b: r.bundle, t: t, object: "tasks"}))
	r.env = r.environment()
	news := r.happens(t, who, funding())
	r.another()
	_, err := r.decideOn(news, "201")
	retried(t, err, "provider_error")
	require.Equal(t, 1, r.unanswered(t, who), "not answered before the rep has it")
	got, err := r.decideOn(news, "201")
	require.NoError(t, err)
	require.Equal(t, store.TaskMade, got.Outcome, "what was decided stays")
	require.Equal(t, 1, r.world.CRM.Ledger().Created("tasks"))
	require.Empty(t, r.world.CRM.Ledger().Duplicates())
}

func TestNewsOfAnAccountWithoutARecordAreAnsweredOnRecordOnly(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who, err := r.identify(activities.IdentifyInput{Domain: "nowhere.example"})
	require.NoError(t, err)
	require.True(t, who.Key.IsZero())
	news := r.happens(t, who, funding())
	require.True(t, news.Key.IsZero())
	before := r.requests("hubspot")
	got := r.decided(t, news)
	require.Equal(t, activities.Decision{Outcome: store.NoRecord, Reason: "the account has no record in the CRM"}, got)
	require.Equal(t, before, r.requests("hubspot"))
	require.Zero(t, r.unanswered(t, who))
}

func TestRefusedCRMCredentialsEndAResponse(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	who := r.account(t)
	news := r.happens(t, who, funding())
	r.set(t, "hubspot", fault.Fault{BadKey: true})
	_, err := r.tell(news)
	final(t, err, "auth_failed")
	r.set(t, "hubspot", fault.Fault{})
	require.Equal(t, 1, r.unanswered(t, who), "the next sweep has it again")
}

func TestWhatIsBeyondTheDailyCapComesAsOneDigest(t *testing.T) {
	t.Parallel()
	r := newResponses(t)
	r.DailyCap = 1
	digests := func() []hubspot.Task {
		var all []hubspot.Task
		for _, task := range r.tasks() {
			if strings.Contains(task.Subject, "more accounts with news") {
				all = append(all, task)
			}
		}
		return all
	}
	write := func() int {
		t.Helper()
		got, err := run[activities.DigestResult](r.env, r.WriteDigests, activities.DigestInput{Day: today, Model: activities.ModelRef{Name: r.model.Name, Version: r.model.Version}})
		require.NoError(t, err)
		return got.Digests
	}
	require.Zero(t, write())
	require.Equal(t, store.TaskMade, r.decided(t, r.happens(t, r.account(t), funding())).Outcome)

	second := r.decided(t, r.happens(t, r.account(t), hiring()))
	require.Equal(t, store.InDigest, second.Outcome)
	require.Empty(t, second.TaskID)
	require.Equal(t, "the owner has had the tasks that one day allows", second.Reason)
	require.Len(t, r.tasks(), 1)

	better := r.known(t, "bolt.example")
	r.decide(t, better, perfect(true), nil) // 80 points, and the others 65
	require.Equal(t, store.InDigest, r.decided(t, r.happens(t, better, funding())).Outcome)

	require.Equal(t, 1, write())
	require.Len(t, digests(), 1)
	got := digests()[0]
	require.Equal(t, "2 more accounts with news (2026-11-22)", got.Subject)
	require.Equal(t, "201", got.OwnerID)
	require.Equal(t, better.Key.ID, got.CompanyID, "it hangs on the best")
	require.Less(t, strings.Index(got.Body, "bolt.example"), strings.Index(got.Body, "acme.example"), "the best first")
	require.Contains(t, got.Body, "hires a RevOps Manager")

	r.world.CRM.ResetLedger()
	require.Equal(t, 1, write())
	require.Empty(t, r.world.CRM.Ledger().Writes, "nothing new, nothing written")

	require.Equal(t, store.InDigest, r.decided(t, r.happens(t, r.account(t), event(signals.ProductLaunch, "atlas", "launches Atlas"))).Outcome)
	write()
	require.Len(t, digests(), 1, "the same one")
	require.Contains(t, digests()[0].Body, "launches Atlas")
	write()
	require.Equal(t, 1, strings.Count(digests()[0].Body, "launches Atlas"))
	require.Empty(t, r.world.CRM.Ledger().Duplicates())

	// Another rep has a day of their own, and a digest is nothing to append news to.
	r.another()
	d, err := r.decideOn(r.happens(t, better, hiring()), "202")
	require.NoError(t, err)
	require.Equal(t, store.TaskMade, d.Outcome)
	require.NotEqual(t, got.ID, d.TaskID)
}

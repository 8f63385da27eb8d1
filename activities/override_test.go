package activities_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
)

// decided puts a person's decision on the account on record.
func (b *bundle) decided(t *testing.T, who activities.IdentifyResult, o icp.Override) activities.BeginOverrideInput {
	t.Helper()
	kept, err := b.store.SaveOverride(t.Context(), store.Override{
		AccountID: who.AccountID, Override: o, Reason: "The board wants a pilot.", Author: "dana@ours.example",
	})
	require.NoError(t, err)
	return activities.BeginOverrideInput{AccountID: who.AccountID, ID: kept.ID, Override: kept.Override}
}

func (b *bundle) begin(in activities.BeginOverrideInput) (activities.BeginOverrideResult, error) {
	return run[activities.BeginOverrideResult](b.env, b.BeginOverride, in)
}

func (b *bundle) end(in activities.EndOverrideInput) (activities.EndOverrideResult, error) {
	return run[activities.EndOverrideResult](b.env, b.EndOverride, in)
}

func (b *bundle) latest(t *testing.T, who activities.IdentifyResult) store.ScoreRow {
	t.Helper()
	row, err := b.store.LatestScore(t.Context(), who.AccountID)
	require.NoError(t, err)
	return row
}

func strategic(tier string) icp.Override {
	return icp.Override{Tier: tier, Code: "strategic", ExpiresAt: time.Now().Add(time.Hour)}
}

func TestScoreUnderAnOverrideKeepsBothAndFollowsThePerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.enriched(t, "bolt.example") // Tier 2, 65
	_, err := b.score(pass(who, 1))
	require.NoError(t, err)
	first, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Empty(t, first.TaskID)

	in := b.decided(t, who, strategic("Tier 1"))
	began, err := b.begin(in)
	require.NoError(t, err)
	require.True(t, began.Scored)
	scored := pass(who, 2)
	scored.Cause = "override"
	got, err := b.score(scored)
	require.NoError(t, err)
	require.Equal(t, []any{70, 70, 70, "Tier 1", "sdr-outreach", false}, []any{got.Value, got.Low, got.High, got.Tier, got.Queue, got.Provisional})
	require.Equal(t, &activities.Machine{Override: in.ID, Value: 65, Tier: "Tier 2"}, got.Overridden)
	row := b.latest(t, who)
	require.Equal(t, []any{65, "Tier 2"}, []any{row.Score.Value, row.Score.Tier}, "the machine's is kept")
	require.Equal(t, "override", row.Cause)
	require.Contains(t, row.Why, "override: override 1 to Tier 1 (strategic, until ")
	require.Contains(t, row.Why, "score 65 → 70, Tier 2 → Tier 1")
	require.NotContains(t, row.Why, "dana")

	written, err := b.apply(decision(who))
	require.NoError(t, err)
	require.NotEmpty(t, written.TaskID)
	shown := b.shown(t, who)
	require.Equal(t, []string{"70", "Tier 1", "sdr-outreach"}, []string{
		shown.Properties[crm.ScoreProperty], shown.Properties[crm.TierProperty], shown.Properties[crm.QueueProperty],
	})
	reason := shown.Properties[crm.ReasonProperty]
	require.Contains(t, reason, "Tier 1: 70 of 100 by override 1, strategic, until ")
	require.Contains(t, reason, "The board wants a pilot. The model says: Tier 2: 65 of 100 by revops@2")
	require.NotContains(t, reason, "dana")
	require.LessOrEqual(t, len([]rune(reason)), 1000)
	note := b.world.CRM.Snapshot().Notes[0].Body
	require.Contains(t, note, "The model says:")
	require.NotContains(t, note, "dana")

	again, err := b.score(pass(who, 3)) // a new look at the data
	require.NoError(t, err)
	require.Equal(t, "Tier 1", again.Tier, "it survives")
	require.Equal(t, "data: nothing changed", b.latest(t, who).Why)

	ended, err := b.end(activities.EndOverrideInput{AccountID: who.AccountID, ID: in.ID, How: store.Expired})
	require.NoError(t, err)
	require.Equal(t, store.Expired, ended.Ended)
	scored.Pass = 4
	back, err := b.score(scored)
	require.NoError(t, err)
	require.Equal(t, []any{65, "Tier 2", (*activities.Machine)(nil)}, []any{back.Value, back.Tier, back.Overridden})
	require.Equal(t, "override: override 1 to Tier 1 has ended: expired; score 70 → 65, Tier 1 → Tier 2", b.latest(t, who).Why)
	_, err = b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, "Tier 2", b.shown(t, who).Properties[crm.TierProperty])
	require.Len(t, b.world.CRM.Snapshot().Tasks, 1)

	once := b.decided(t, who, strategic("Tier 1"))
	_, err = b.begin(once)
	require.NoError(t, err)
	scored.Pass = 5
	_, err = b.score(scored)
	require.NoError(t, err)
	_, err = b.apply(decision(who))
	require.NoError(t, err)
	require.Len(t, b.world.CRM.Snapshot().Tasks, 1, "the tier has had its task")
}

func TestScoreUnderAnOverrideIsNotDrawnForExploration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m, err := icp.Parse("revops.yaml", []byte(strings.Replace(nextVersion(b.model), "share: 0.12", "share: 1", 1)))
	require.NoError(t, err)
	b.release(t, m)
	who := b.enriched(t, "bolt.example")
	_, err = b.begin(b.decided(t, who, icp.Override{Tier: "Not a fit", Code: "competitor"}))
	require.NoError(t, err)
	got, err := b.score(pass(who, 1))
	require.NoError(t, err)
	require.Equal(t, []any{"Not a fit", 19, "disqualified", false}, []any{got.Tier, got.Value, got.Queue, got.Exploration})
	require.Equal(t, 19, got.Fit, "no trigger task for whom a person has ruled out")
	require.Equal(t, "first", b.latest(t, who).Cause)
}

func TestBeginOverrideRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.enriched(t, "bolt.example")
	_, err := b.score(pass(who, 1))
	require.NoError(t, err)
	fine := b.decided(t, who, strategic("Tier 1"))
	score := 130

	for name, tt := range map[string]struct {
		give  activities.BeginOverrideInput
		says  string
		ended string
	}{
		"what is not on record":   {activities.BeginOverrideInput{AccountID: who.AccountID, ID: 99}, "id: the account has no override 99", ""},
		"another account's":       {activities.BeginOverrideInput{AccountID: who.AccountID + 1, ID: fine.ID}, "id: the account has no override", ""},
		"a tier of another model": {b.decided(t, who, strategic("Gold")), "tier: want one of the model's", store.Refused},
		"a score off the scale":   {b.decided(t, who, icp.Override{Score: &score, Code: "other"}), "score: want 0 to 100", store.Refused},
		"another one than the record": {func() activities.BeginOverrideInput {
			in := b.decided(t, who, strategic("Tier 1"))
			in.Tier = "Tier 2"
			return in
		}(), "says Tier 1, not Tier 2", store.Refused},
		"one that was taken back long": {func() activities.BeginOverrideInput {
			in := b.decided(t, who, strategic("Tier 1"))
			b.over(t, in)
			return in
		}(), "has ended: cleared", store.Cleared},
	} {
		_, err := b.begin(tt.give)
		final(t, err, activities.Invalid)
		require.ErrorContains(t, err, tt.says, name)
		if tt.ended != "" {
			kept, err := b.store.Override(t.Context(), tt.give.ID)
			require.NoError(t, err)
			require.Equal(t, tt.ended, kept.Ended, name)
		}
	}
	_, err = b.store.OverrideAt(t.Context(), who.AccountID, time.Now())
	require.Error(t, err, "none holds")
	for range 2 {
		_, err = b.begin(b.decided(t, who, strategic("Tier 1")))
		require.NoError(t, err)
	}
}

// A release may drop a tier that a person had decided on.
func TestAnOverrideToATierThatIsGoneLeavesTheMachinesScore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.enriched(t, "bolt.example")
	_, err := b.score(pass(who, 1))
	require.NoError(t, err)
	_, err = b.begin(b.decided(t, who, strategic("Tier 3")))
	require.NoError(t, err)
	m, err := icp.Parse("revops.yaml", []byte(strings.ReplaceAll(nextVersion(b.model), "Tier 3", "Tier C")))
	require.NoError(t, err)
	b.release(t, m)
	in := pass(who, 2)
	in.Model.Version = 3
	got, err := b.score(in)
	require.NoError(t, err)
	require.Equal(t, "Tier 2", got.Tier)
	require.Nil(t, got.Overridden)
	row, err := b.store.LatestScore(t.Context(), who.AccountID)
	require.NoError(t, err)
	require.Contains(t, row.Why, "to Tier 3 does not count: revops@3 has no such tier")
}

func (b *bundle) over(t *testing.T, in activities.BeginOverrideInput) {
	t.Helper()
	_, err := b.end(activities.EndOverrideInput{AccountID: in.AccountID, ID: in.ID, How: store.Cleared})
	require.NoError(t, err)
}

// overtaker lets another decision be made while the first one is written.
type overtaker struct {
	meanwhile func()
	done      atomic.Bool
}

func (o *overtaker) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/companies/") && o.done.CompareAndSwap(false, true) {
		o.meanwhile()
	}
	return res, err
}

func TestApplyThatIsOvertakenBringsTheLaterDecisionIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := &overtaker{}
	b.CRM = b.client(t, outbound.WithTransport(late))
	b.env = b.environment()
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	late.meanwhile = func() { b.decide(t, who, perfect(false), nil) }
	got, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Empty(t, got.TaskID, "the tier that would have had a task is over")
	require.Equal(t, "65", b.shown(t, who).Properties[crm.ScoreProperty])
	require.Contains(t, b.world.CRM.Snapshot().Notes[0].Body, "Tier 2: 65 of 100")
	require.Empty(t, b.world.CRM.Snapshot().Tasks)
	require.Equal(t, map[string]int{"PATCH companies": 2, "POST notes": 1}, b.world.CRM.Ledger().Counts())
}

func TestScoreSettlesInTheTierThatWasHeld(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m, err := icp.Parse("revops.yaml", []byte(strings.Replace(nextVersion(b.model), "    min: 70\n", "    min: 70\n    leave: 60\n", 1)))
	require.NoError(t, err)
	b.release(t, m)
	who := b.enriched(t, "acme.example")
	first, err := b.score(pass(who, 1))
	require.NoError(t, err)
	require.Equal(t, []any{80, "Tier 1"}, []any{first.Value, first.Tier})
	came := b.latest(t, who)

	bolt := b.enriched(t, "bolt.example")
	held := came // as it would have been under a trigger that is no more
	held.AccountID, held.Before = bolt.AccountID, 0
	_, err = b.store.SaveScore(t.Context(), held)
	require.NoError(t, err)
	got, err := b.score(pass(bolt, 2)) // 65 by itself
	require.NoError(t, err)
	require.Equal(t, []any{65, "Tier 1"}, []any{got.Value, got.Tier}, "it entered at 70 and leaves below 60")
	row := b.latest(t, bolt)
	require.Equal(t, "stays in Tier 1, which is left below 60", row.TierReason)
	require.True(t, came.ScoredAt.Equal(row.TierSince), "since it came to it")
	require.Equal(t, "sdr-outreach", row.Queue)
	written, err := b.apply(decision(bolt))
	require.NoError(t, err)
	require.Empty(t, written.TaskID, "what it has now earns none")
	require.Contains(t, b.shown(t, bolt).Properties[crm.ReasonProperty], "The account stays in Tier 1, which is left below 60.")
}

func TestDueAreThoseWhoseScoreTimeAloneChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bolt, cove := b.enriched(t, "bolt.example"), b.enriched(t, "cove.example")
	_, err := b.store.SaveSights(t.Context(), "test", time.Now(), []store.NewSight{{AccountID: bolt.AccountID, Events: []signals.Event{{
		Kind: "hiring", Entity: "vp-sales", OccurredAt: time.Now().Add(-90*24*time.Hour + 1200*time.Millisecond), Summary: "hires", Confidence: 1,
		Evidence: []signals.Evidence{{Source: "test", At: time.Now()}},
	}}}})
	require.NoError(t, err)
	for _, who := range []activities.IdentifyResult{bolt, cove} {
		_, err := b.score(pass(who, 1))
		require.NoError(t, err)
	}
	require.Equal(t, 80, b.latest(t, bolt).Score.Value)
	due := func() []int64 {
		ids, err := run[[]int64](b.env, b.Due, activities.DueInput{Limit: 10})
		require.NoError(t, err)
		return ids
	}
	require.Empty(t, due())
	require.Eventually(t, func() bool { return len(due()) > 0 }, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, []int64{bolt.AccountID}, due())

	brief, err := run[activities.Brief](b.env, b.ReadNews, activities.ResponseInput{AccountID: bolt.AccountID, Decay: true})
	require.NoError(t, err)
	require.Equal(t, "signal", brief.Score.Cause, "the news has not been answered yet")
	require.NoError(t, b.store.Answer(t.Context(), brief.Signals, time.Now()))
	brief, err = run[activities.Brief](b.env, b.ReadNews, activities.ResponseInput{AccountID: bolt.AccountID, Decay: true})
	require.NoError(t, err)
	require.Equal(t, "decay", brief.Score.Cause)
	brief.Score.Pass = 2
	got, err := b.score(brief.Score)
	require.NoError(t, err)
	require.Equal(t, 65, got.Value)
	require.Equal(t, "decay: hiring: 90 days ago, more than 90 days (test) -15; score 80 → 65, Tier 1 → Tier 2", b.latest(t, bolt).Why)
	require.Empty(t, due(), "until something happens again")
}

// scoredMeanwhile is a record in which a score comes right after the last one was read.
type scoredMeanwhile struct {
	activities.Store
	t     *testing.T
	score store.ScoreRow
}

func (s scoredMeanwhile) LatestScore(ctx context.Context, accountID int64) (store.ScoreRow, error) {
	row, err := s.Store.LatestScore(ctx, accountID)
	_, saving := s.SaveScore(ctx, s.score)
	require.NoError(s.t, saving)
	return row, err
}

// Otherwise the override would wait for a first score to count with, which has been.
func TestAnOverrideThatBeginsRightAfterTheFirstScoreTakesItsPlace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.enriched(t, "bolt.example")
	in := b.decided(t, who, strategic("Tier 1"))
	b.Store = scoredMeanwhile{b.store, t, store.ScoreRow{
		AccountID: who.AccountID, RunID: "meanwhile", Pass: 1, Model: who.Model.Name, ModelVersion: who.Model.Version,
		Score: icp.Score{Value: 65, Tier: "Tier 2"}, Cause: "first", ScoredAt: time.Now(),
	}}
	began, err := b.begin(in)
	require.NoError(t, err)
	require.True(t, began.Scored)
}

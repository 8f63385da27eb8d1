package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store"
)

// releasing is a world in which revops@2 has scored, and revops@3 is planned.
type releasing struct {
	*bundle
	candidate *icp.Model
	release   int64
	who       []activities.IdentifyResult
	at        time.Time
}

// newReleasing plans that revenue counts for more, so that bolt comes into the first tier.
func newReleasing(t *testing.T, domains ...string) *releasing {
	t.Helper()
	return releasingWith(t, strings.NewReplacer("between: [1M, 10M], points: 10", "between: [1M, 10M], points: 20"), domains...)
}

func releasingWith(t *testing.T, change *strings.Replacer, domains ...string) *releasing {
	t.Helper()
	b := setup(t)
	b.Routes = routing.Rules{Queues: map[string]routing.Queue{
		"sdr-outreach":      owners(true, "201", "202", "203"),
		"marketing-nurture": {Owners: []routing.Owner{{ID: "201", Capacity: 1}, {ID: "204", Capacity: 2}}},
	}}
	r := &releasing{bundle: b, at: time.Now().UTC().Truncate(time.Microsecond)}
	var err error
	r.candidate, err = icp.Parse("revops.yaml", []byte(change.Replace(nextVersion(b.model))))
	require.NoError(t, err)
	for _, domain := range domains {
		who := b.enriched(t, domain)
		_, err := b.score(pass(who, 1))
		require.NoError(t, err)
		_, err = b.apply(decision(who))
		require.NoError(t, err)
		r.who = append(r.who, who)
	}
	began, err := b.store.BeginRelease(t.Context(), store.NewRelease{
		ModelRef: r.ref(), Subject: "company", Source: []byte(r.candidate.Source), Author: "ops", Comment: "revenue counts",
	})
	require.NoError(t, err)
	r.release = began.ID
	return r
}

func (r *releasing) ref() activities.ModelRef {
	return activities.ModelRef{Name: r.candidate.Name, Version: r.candidate.Version}
}

func (r *releasing) models() activities.Models { return activities.Models{Model: r.ref()} }

func (r *releasing) page(t *testing.T) []activities.Planned {
	t.Helper()
	p, err := activities.NewPlanner(t.Context(), r.Activities, []*icp.Model{r.candidate}, r.ref(), r.at)
	require.NoError(t, err)
	ids, err := r.store.Scored(t.Context(), 0, 100)
	require.NoError(t, err)
	page, err := p.Page(t.Context(), ids)
	require.NoError(t, err)
	return page
}

// plan keeps what the release makes of the accounts.
func (r *releasing) plan(t *testing.T) {
	t.Helper()
	for after := int64(0); ; {
		got, err := run[activities.PlanResult](r.env, r.PlanPage, activities.PlanInput{
			ReleaseID: r.release, Models: r.models(), At: r.at, After: after, Limit: 1,
		})
		require.NoError(t, err)
		if after = got.After; got.Done {
			return
		}
	}
}

// rescore goes through all stages, each call until it succeeds.
func (r *releasing) rescore(t *testing.T, models activities.Models, share float64, back bool) activities.Rescored {
	t.Helper()
	in := activities.RescoreInput{ReleaseID: r.release, Models: models, Share: share, Back: back, Limit: 1}
	for _, in.Stage = range []string{activities.PublishStage, activities.LastPass, activities.EffectsStage} {
		for in.After = 0; ; {
			got, err := run[activities.RescoreResult](r.env, r.RescorePage, in)
			if err != nil {
				continue // as Temporal repeats it
			}
			if in.After = got.After; got.Done {
				break
			}
		}
	}
	counts, err := run[activities.Rescored](r.env, r.RescoreCounts, in)
	require.NoError(t, err)
	return counts
}

func (r *releasing) latest(t *testing.T, id int64) store.ScoreRow {
	t.Helper()
	row, err := r.store.LatestScore(t.Context(), id)
	require.NoError(t, err)
	return row
}

// requireSame compares what does not depend on when a row was made.
func requireSame(t *testing.T, want, have store.ScoreRow, about string) {
	t.Helper()
	for _, row := range []*store.ScoreRow{&want, &have} {
		row.ID, row.RunID, row.Pass, row.Before, row.Holding = 0, "", 0, 0, 0
		row.ScoredAt, row.RescoreAt, row.TierSince = time.Time{}, time.Time{}, time.Time{}
		row.Facts = nil // compared by the score that they make
	}
	require.Equal(t, want, have, about)
}

// A plan that decided otherwise than a run would lie: here both decide on the same
// accounts, one after the other.
func TestAPlanIsWhatRunsWouldDecide(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "acme.example", "bolt.example", "cove.example", "dust.example", "bolt.example", "bolt.example", "acme.example", "cove.example", "cove.example")
	alone, err := r.identify(activities.IdentifyInput{Domain: "bolt.example"}) // without a record in the CRM
	require.NoError(t, err)
	_, err = r.ask(question(alone, "apollo"))
	require.NoError(t, err)
	_, err = r.score(pass(alone, 1))
	require.NoError(t, err)
	r.who = append(r.who, alone)
	unscored := r.known(t, "acme.example")
	_, err = r.begin(r.decided(t, r.who[4], strategic("Tier 3")))
	require.NoError(t, err)
	gone := r.decided(t, r.who[5], strategic("Tier 3"))
	_, err = r.begin(gone)
	require.NoError(t, err)
	again := pass(r.who[5], 2)
	_, err = r.score(again)
	require.NoError(t, err)
	r.over(t, gone)

	planned := r.page(t)
	require.Len(t, planned, len(r.who))
	tasks := 0
	for i, p := range planned {
		require.NotEqual(t, unscored.AccountID, p.ID)
		in := pass(r.who[i], 7)
		in.Models, in.Cause = r.models(), "model"
		if !p.Key.IsZero() {
			in.Owner = r.shown(t, r.who[i]).OwnerID
		}
		_, err := r.score(in)
		require.NoError(t, err)
		requireSame(t, r.latest(t, p.ID), p.ScoreRow, p.Domain)
		if p.Key.IsZero() {
			require.False(t, p.Task)
			continue
		}
		effects, err := r.store.Effects(t.Context(), p.ID)
		require.NoError(t, err)
		_, err = r.apply(decision(r.who[i]))
		require.NoError(t, err)
		more, err := r.store.Effects(t.Context(), p.ID)
		require.NoError(t, err)
		made := 0
		for _, e := range more {
			if e.Kind == crm.TaskEffect {
				made++
			}
		}
		for _, e := range effects {
			if e.Kind == crm.TaskEffect {
				made--
			}
		}
		require.Equal(t, p.Task, made == 1, p.Domain)
		tasks += made
	}
	require.Equal(t, 2, tasks, "of the other bolts one is kept below by a person, and one has no record")
}

func TestAPlanIsKeptAndWritesNothing(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "acme.example", "bolt.example", "dust.example")
	before, asked := len(r.world.CRM.Ledger().Writes), r.requests("apollo")
	r.plan(t)
	var want store.Difference
	for _, p := range r.page(t) {
		want.Add(p.Before, p.Planned, activities.LargestMoves)
	}
	have, err := run[activities.Difference](r.env, r.PlanDifference, r.release)
	require.NoError(t, err)
	require.Equal(t, want.Moves, have.Moves)
	require.Equal(t, want.TasksByOwner, have.TasksByOwner)
	require.Equal(t, want.Largest, have.Largest)
	require.Equal(t, []int{3, 1, 2, 1}, []int{have.Accounts, have.TierChanged, have.ScoreChanged, have.Tasks})
	require.Len(t, r.world.CRM.Ledger().Writes, before)
	require.Equal(t, asked, r.requests("apollo"))
	require.Equal(t, 2, r.latest(t, r.who[1].AccountID).ModelVersion)
}

// A worker that dies while it plans costs what it had not kept: whose turn it is follows
// from what was.
func TestAPlanGoesOnWhereItWasKept(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "bolt.example", "bolt.example", "cove.example", "bolt.example", "bolt.example")
	r.plan(t)
	env := r.environment()
	env.SetHeartbeatDetails(activities.PlanResult{After: r.who[3].AccountID, Accounts: 4})
	got, err := run[activities.PlanResult](env, r.PlanPage, activities.PlanInput{ReleaseID: r.release, Models: r.models(), At: r.at, Limit: 100})
	require.NoError(t, err)
	require.Equal(t, activities.PlanResult{After: r.who[4].AccountID, Accounts: 5, Done: true}, got)
	want := r.page(t)
	require.Equal(t, 5, r.rescore(t, r.models(), 1, false).Published)
	var owners []string
	for _, p := range want {
		row := r.latest(t, p.ID)
		require.Equal(t, p.OwnerID, row.OwnerID)
		owners = append(owners, row.OwnerID)
	}
	require.Equal(t, []string{"201", "204", "204", "201", "202"}, owners, "two keep theirs, and the last two take turns")
}

func TestABulkRescoreDoesWhatWasPlannedOnceAndTakesItBack(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "acme.example", "bolt.example", "dust.example", "bolt.example", "cove.example")
	gone := r.who[4]
	typed := r.who[3].Key.ID
	require.NoError(t, r.world.CRM.SetProperties(typed, map[string]string{crm.QueueProperty: "low-touch"}))
	before := map[int64]map[string]string{}
	for _, who := range r.who {
		before[who.AccountID] = r.shown(t, who).Properties
	}
	scores := map[int64]store.ScoreRow{}
	for _, who := range r.who {
		scores[who.AccountID] = r.latest(t, who.AccountID)
	}
	r.plan(t)
	planned := r.page(t)
	require.True(t, r.world.CRM.RemoveCompany(gone.Key.ID))
	r.world.CRM.ResetLedger()
	asked := r.requests("apollo")

	r.set(t, "hubspot", fault.Fault{LostAnswerRate: 0.3})
	got := r.rescore(t, r.models(), 1, false)
	r.set(t, "hubspot", fault.Fault{})
	require.Equal(t, activities.Rescored{Accounts: 5, Published: 5, Written: 4, Tasks: 2, Failed: 1}, got)
	for i, p := range planned {
		row := r.latest(t, p.ID)
		requireSame(t, p.ScoreRow, row, p.Domain)
		require.Equal(t, p.ScoredAt, row.ScoredAt)
		require.Equal(t, p.Facts, row.Facts)
		if i == 4 {
			continue
		}
		shown := r.shown(t, r.who[i])
		require.Equal(t, fmt.Sprint(row.Score.Value), shown.Properties[crm.ScoreProperty])
		require.Equal(t, row.Score.Tier, shown.Properties[crm.TierProperty])
		require.Equal(t, "revops@3", shown.Properties[crm.ModelProperty])
		require.Equal(t, row.OwnerID, shown.OwnerID)
	}
	require.Equal(t, "low-touch", r.shown(t, r.who[3]).Properties[crm.QueueProperty], "what a person typed stays")
	l := r.world.CRM.Ledger()
	require.Equal(t, 2, l.Created("tasks"), "one for each bolt")
	require.Equal(t, 0, l.Created("notes"), "they have theirs")
	require.Equal(t, asked, r.requests("apollo"))

	writes := len(l.Writes)
	require.Equal(t, got, r.rescore(t, r.models(), 1, false))
	require.Len(t, r.world.CRM.Ledger().Writes, writes, "again it does nothing")

	old := activities.Models{Model: activities.ModelRef{Name: "revops", Version: 2}}
	r.set(t, "hubspot", fault.Fault{LostAnswerRate: 0.3})
	got = r.rescore(t, old, 1, true)
	r.set(t, "hubspot", fault.Fault{})
	require.Equal(t, activities.Rescored{Accounts: 5, Published: 5, Written: 4, Tasks: 2, Failed: 1}, got)
	for i, who := range r.who[:4] {
		row, was := r.latest(t, who.AccountID), scores[who.AccountID]
		require.Equal(t, 2, row.Pass)
		row.Why, row.Changes, row.Cause = was.Why, was.Changes, was.Cause
		requireSame(t, was, row, who.Domain)
		shown := r.shown(t, who).Properties
		for _, name := range []string{
			crm.ScoreProperty, crm.TierProperty, crm.QueueProperty, crm.ModelProperty, crm.CompletenessProperty, "hubspot_owner_id",
		} {
			require.Equal(t, before[who.AccountID][name], shown[name], "%s of %d", name, i)
		}
	}
	require.Equal(t, 2, r.world.CRM.Ledger().Created("tasks"), "which stay")
	require.Equal(t, asked, r.requests("apollo"))
}

func TestAnAccountThatHasMovedIsPlannedAnew(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "bolt.example", "acme.example", "dust.example", "cove.example")
	r.plan(t)
	for _, who := range r.who[:2] { // scored meanwhile, the first with news
		_, err := r.score(pass(who, 2))
		require.NoError(t, err)
	}
	adopted := pass(r.who[3], 3)
	adopted.Models = r.models() // a run that has the new version already
	_, err := r.score(adopted)
	require.NoError(t, err)
	first := r.enriched(t, "acme.example") // its first score comes with the old version
	_, err = r.score(pass(first, 1))
	require.NoError(t, err)

	got := r.rescore(t, r.models(), 1, false)
	require.Equal(t, activities.Rescored{Accounts: 5, Published: 5, Moved: 4, Written: 4, Tasks: 2}, got)
	for _, who := range append(r.who, first) {
		require.Equal(t, 3, r.latest(t, who.AccountID).ModelVersion)
	}
	require.Contains(t, r.latest(t, r.who[0].AccountID).Why, "revops@2 → revops@3")

	in := pass(r.who[2], 9) // scored since, with the new version
	in.Models = r.models()
	_, err = r.score(in)
	require.NoError(t, err)
	in.AccountID, in.Models = r.who[0].AccountID, activities.Models{Model: activities.ModelRef{Name: "revops", Version: 2}}
	_, err = r.score(in)
	require.NoError(t, err)
	kept := r.latest(t, r.who[0].AccountID)
	got = r.rescore(t, in.Models, 1, true)
	require.Equal(t, []int{4, 1}, []int{got.Published, got.Moved})
	require.Equal(t, kept, r.latest(t, r.who[0].AccountID), "the old version has scored it since")
	for _, who := range append(r.who, first) {
		require.Equal(t, 2, r.latest(t, who.AccountID).ModelVersion)
	}
}

func TestAShareOfTheAccountsIsRescored(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "acme.example", "bolt.example", "cove.example", "dust.example", "acme.example", "bolt.example")
	r.plan(t)
	const share = 0.5
	want := 0
	for _, p := range r.page(t) {
		require.InDelta(t, routing.Draw("revops@3", p.Account), p.Bucket, 0)
		if p.Bucket < share {
			want++
		}
	}
	require.Equal(t, want, r.rescore(t, r.models(), share, false).Published)
	require.Equal(t, len(r.who), r.rescore(t, r.models(), 1, false).Published)
}

func TestAReleaseIsOnlyAboutAccountsOfItsModel(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "acme.example", "dust.example")
	quarries := segment(t, "quarries", `industry == "construction"`, "45")
	require.NoError(t, r.store.SaveModel(t.Context(), quarries.Name, quarries.Version, quarries.Subject, []byte(quarries.Source)))
	in := pass(r.who[1], 2)
	in.Segments = []activities.ModelRef{{Name: "quarries", Version: 1}}
	_, err := r.score(in)
	require.NoError(t, err)
	p, err := activities.NewPlanner(t.Context(), r.Activities, []*icp.Model{r.candidate, quarries}, r.ref(), r.at)
	require.NoError(t, err)
	page, err := p.Page(t.Context(), []int64{r.who[0].AccountID, r.who[1].AccountID})
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, r.who[0].AccountID, page[0].ID)
}

func TestARescoreWaitsForAPersonWhereTheCRMLacksATier(t *testing.T) {
	t.Parallel()
	r := releasingWith(t, strings.NewReplacer("name: Tier 2", "name: Tier B"), "bolt.example")
	r.plan(t)
	in := activities.RescoreInput{ReleaseID: r.release, Models: r.models(), Share: 1, Stage: activities.PublishStage, Limit: 10}
	_, err := run[activities.RescoreResult](r.env, r.RescorePage, in)
	require.ErrorContains(t, err, "starter crm setup")
	due, err := r.store.WithDueEffects(t.Context(), r.release, 0, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	_, err = r.CRM.EnsureProperties(t.Context(), crm.Properties([]string{"Tier B"}, nil))
	require.NoError(t, err)
	require.Equal(t, activities.Rescored{Accounts: 1, Published: 1, Written: 1}, r.rescore(t, r.models(), 1, false))
	require.Equal(t, "Tier B", r.shown(t, r.who[0]).Properties[crm.TierProperty])
}

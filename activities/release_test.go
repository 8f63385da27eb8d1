package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/store"
)

// next is the model's next version, changed.
func (b *bundle) next(t *testing.T, pairs ...string) *icp.Model {
	t.Helper()
	pairs = append(pairs, fmt.Sprintf("version: %d", b.model.Version), fmt.Sprintf("version: %d", b.model.Version+1))
	m, err := icp.Parse("next.yaml", []byte(strings.NewReplacer(pairs...).Replace(b.model.Source)))
	require.NoError(t, err)
	return m
}

// releases puts a release of the version on record, which is tried on half of the accounts.
func (b *bundle) releases(t *testing.T, m *icp.Model) store.Release {
	t.Helper()
	r, err := b.store.BeginRelease(t.Context(), store.NewRelease{
		ModelRef: activities.ModelRef{Name: m.Name, Version: m.Version}, Subject: m.Subject, Source: []byte(m.Source), Author: "dana",
		Settings: activities.ReleaseSettings{Roles: []string{"sales"}, AB: store.Trial{Share: 0.5}, Guard: store.Guard{TierShare: 0.25, TasksPerRep: 20}},
	})
	require.NoError(t, err)
	return r
}

func (b *bundle) moveTo(t *testing.T, id int64, state string) activities.Release {
	t.Helper()
	r, err := run[activities.Release](b.env, b.MoveRelease, activities.MoveReleaseInput{ReleaseID: id, To: state})
	require.NoError(t, err)
	require.Equal(t, state, r.State)
	return r
}

func TestARunPinsTheCandidateOfATrialForItsShareOfTheAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	next := b.next(t)
	r := b.releases(t, next)
	pinned := func(domain string) (identified, answered int) {
		t.Helper()
		who, err := b.identify(activities.IdentifyInput{Domain: domain})
		require.NoError(t, err)
		news, err := run[activities.Brief](b.environment(), b.ReadNews, activities.ResponseInput{AccountID: who.AccountID})
		require.NoError(t, err)
		return who.Model.Version, news.Score.Model.Version
	}
	b.moveTo(t, r.ID, store.Shadow)
	identified, answered := pinned("company-0.example")
	require.Equal(t, []int{2, 2}, []int{identified, answered}, "in the shadow nobody has it")

	b.moveTo(t, r.ID, store.AB)
	on := 0
	for i := range 60 {
		domain := fmt.Sprintf("company-%d.example", i)
		want := 2
		if routing.Draw("revops@3", account.Account{Domain: domain}) < 0.5 {
			want, on = 3, on+1
		}
		identified, answered := pinned(domain)
		require.Equal(t, []int{want, want}, []int{identified, answered}, domain)
	}
	require.InDelta(t, 30, on, 15)

	b.moveTo(t, r.ID, store.Active)
	for i := range 4 {
		identified, answered := pinned(fmt.Sprintf("company-%d.example", i))
		require.Equal(t, []int{3, 3}, []int{identified, answered})
	}
}

func TestWhatOnlyAVersionOnItsWayLooksAtIsReadFromTheCRMAlready(t *testing.T) {
	t.Parallel()
	b := setup(t)
	next := b.next(t, "criteria:\n", `fields: {partner: {type: boolean, property: partner_of_ours}}
criteria:
  - {name: partner, dimension: relationship, field: partner, equals: true, points: 5}
`)
	said := func(domain string) bool {
		t.Helper()
		who, err := b.identify(activities.IdentifyInput{Key: b.filledIn(domain, map[string]string{"partner_of_ours": "true"})})
		require.NoError(t, err)
		return len(b.facts(t, who.AccountID, "hubspot")) > 0
	}
	require.False(t, said("acme.example"))
	r := b.releases(t, next)
	require.True(t, said("bolt.example"), "so that its plan is not blind to it")
	m, err := b.store.SaveReleaseMove(t.Context(), store.ReleaseMove{ReleaseID: r.ID, Move: store.WithdrawMove, Author: "dana", Comment: "no"})
	require.NoError(t, err)
	_, err = run[activities.Release](b.env, b.TakeMove, activities.DecisionInput{ReleaseID: r.ID, ID: m.ID})
	require.NoError(t, err)
	require.False(t, said("cove.example"), "and not when it is gone")
}

// deal is a closed deal of a company, opened and closed at these times.
func deal(id string, company account.Key, opened time.Time, won bool, kind crm.DealKind) crm.Deal {
	return crm.Deal{
		ID: id, Company: company, OpenedAt: opened, ClosedAt: opened.Add(time.Millisecond), Won: won, Kind: kind, ChangedAt: opened,
	}
}

func TestABacktestRatesDealsOnWhatTheirAccountHadWhenTheyOpened(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// The candidate knows size only, and the active one has little to say of it.
	next := b.next(t, "field: employees\n    between: [50, 500]\n    points: 15", "field: employees\n    between: [50, 500]\n    points: 60")
	r := b.releases(t, next)
	score := func(domain string, pass int) activities.IdentifyResult {
		t.Helper()
		who := b.known(t, domain)
		_, err := b.ask(question(who, "apollo"))
		require.NoError(t, err)
		_, err = b.score(activities.ScoreInput{AccountID: who.AccountID, Models: who.Models, Plan: who.Plan, Pass: pass})
		require.NoError(t, err)
		return who
	}
	before := time.Now().Add(-time.Minute)
	large, small := score("acme.example", 1), score("dust.example", 1)
	// What becomes known later is not what the deals found.
	for _, who := range []activities.IdentifyResult{large, small} {
		require.NoError(t, b.store.TakeRecords(t.Context(), store.Record{AccountID: who.AccountID, CRM: "hubspot", Facts: []account.Fact{
			{Field: account.Employees, Value: account.NumberValue(9999), Provider: "hubspot", Confidence: 1, ObservedAt: time.Now()},
		}}))
	}
	opened := time.Now()
	page := crm.DealPage{Deals: []crm.Deal{
		deal("1", large.Key, opened, true, crm.NewDeal), deal("2", small.Key, opened, false, crm.NewDeal),
		deal("3", large.Key, opened, true, crm.UnknownDeal), deal("4", small.Key, opened, false, crm.UnknownDeal),
		deal("5", large.Key, opened, false, crm.RenewalDeal), // with a customer
		deal("6", large.Key, before, false, crm.NewDeal),     // before there was a score
	}}
	_, err := b.store.KeepDeals(t.Context(), "hubspot", b.world.CRM.Portal(), page, time.Now())
	require.NoError(t, err)
	score("acme.example", 2)

	_, err = run[activities.Release](b.env, b.ValidateRelease, r.ID)
	require.NoError(t, err)
	got, err := run[activities.BacktestResult](b.env, b.BacktestRelease, r.ID)
	require.NoError(t, err)
	require.Equal(t, store.Backtested, got.Release.State)
	told := got.Backtest
	require.Equal(t, []int{4, 2}, []int{told.Deals, told.Won})
	require.Equal(t, []string{"revops@3", "revops@2"}, []string{told.Candidate.Model, told.Active.Model})
	require.InDelta(t, 1, told.Candidate.AUC.Value, 1e-9)
	require.NotNil(t, told.Delta)
	require.Contains(t, told.Notes, "1 deals with customers are left out")
	require.Contains(t, told.Notes, "1 deals are left out, since their account had no score when they opened")
	kept, err := b.store.Release(t.Context(), r.ID)
	require.NoError(t, err)
	require.Contains(t, string(kept.Backtest), `"deals": 4`)

	repeated, err := run[activities.BacktestResult](b.env, b.BacktestRelease, r.ID)
	require.NoError(t, err)
	require.Equal(t, got.Release.Steps, repeated.Release.Steps, "repeated it changes nothing")
}

func TestAReleaseWithoutDealsIsBacktestedAllTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.releases(t, b.next(t))
	got, err := run[activities.BacktestResult](b.env, b.BacktestRelease, r.ID)
	require.NoError(t, err)
	require.Equal(t, store.Backtested, got.Release.State)
	require.Equal(t, "no verdict: no deals on record", got.Backtest.Verdict())
}

func TestARollbackIsRefusedWhereAnotherVersionBuildsOnIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	three := b.releases(t, b.next(t))
	b.moveTo(t, three.ID, store.Active)
	_, err := run[activities.Release](b.env, b.EndRelease, activities.EndReleaseInput{ReleaseID: three.ID})
	require.NoError(t, err)
	b.model = b.next(t)
	four := b.releases(t, b.next(t))
	take := func(id int64) error {
		t.Helper()
		m, err := b.store.SaveReleaseMove(t.Context(), store.ReleaseMove{ReleaseID: id, Move: store.RollbackMove, Author: "dana", Comment: "no"})
		require.NoError(t, err)
		_, err = run[activities.Release](b.environment(), b.TakeMove, activities.DecisionInput{ReleaseID: id, ID: m.ID})
		return err
	}
	err = take(three.ID)
	final(t, err, activities.Invalid)
	require.ErrorContains(t, err, "state: the release of revops@4 is under way, which builds on revops@3: withdraw it first")

	b.moveTo(t, four.ID, store.Active)
	_, err = run[activities.Release](b.environment(), b.EndRelease, activities.EndReleaseInput{ReleaseID: four.ID})
	require.NoError(t, err)
	err = take(three.ID)
	final(t, err, activities.Invalid)
	require.ErrorContains(t, err, "state: revops@3 is retired: a later version took its place; roll that one back first")
	require.NoError(t, take(four.ID))

	models, err := run[activities.Models](b.environment(), b.ReleaseModels, activities.ReleaseModelsInput{ReleaseID: four.ID, Back: true})
	require.NoError(t, err)
	require.Equal(t, 3, models.Model.Version)
}

func TestValidationTellsWhatTheCRMHasNoRoomFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.releases(t, b.next(t, "queue: low-touch", "queue: partners", "name: Tier 3", "name: Tier C"))
	_, err := run[activities.Release](b.env, b.ValidateRelease, r.ID)
	require.NoError(t, err)
	steps, err := b.store.ReleaseSteps(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, "takes the place of revops@2; 8 criteria, 4 tiers; new to the CRM: Tier C, partners: `starter crm setup` makes room for them", steps[1].Comment)
}

func TestAVersionThatIsNotWhatItSaysIsInvalid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.next(t)
	m.Source = strings.Replace(m.Source, "version: 3", "version: 7", 1)
	r := b.releases(t, m)
	_, err := run[activities.Release](b.env, b.ValidateRelease, r.ID)
	final(t, err, activities.Invalid)
	require.ErrorContains(t, err, "version: what is on record as revops@3 calls itself revops@7")
	_, err = run[activities.Release](b.env, b.ReadRelease, int64(99))
	final(t, err, activities.Invalid)
}

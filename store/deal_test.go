package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
	"github.com/sluicehq/sluice/waterfall"
)

var spring = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

// dealOf is a deal of the company 512, which is acme's.
func dealOf(id string, opened time.Time) crm.Deal {
	return crm.Deal{
		ID: id, Company: account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}, OpenedAt: opened, Kind: crm.NewDeal,
		Amount: "1200.50", Stage: "appointmentscheduled", ChangedAt: opened,
	}
}

func keepDeals(t *testing.T, s *store.Store, deals ...crm.Deal) int {
	t.Helper()
	page := crm.DealPage{Deals: deals}
	for _, d := range deals {
		page.Next.Since = d.ChangedAt
	}
	n, err := s.KeepDeals(t.Context(), "hubspot", "8100", page, now)
	require.NoError(t, err)
	return n
}

func held(t *testing.T, s *store.Store, w store.DealsWanted) []store.HeldDeal {
	t.Helper()
	if w.Until.IsZero() {
		w.Until = now.AddDate(1, 0, 0)
	}
	var all []store.HeldDeal
	for {
		var after int64
		if n := len(all); n > 0 {
			after = all[n-1].ID
		}
		page, err := s.DealsHeld(t.Context(), w, after, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func TestADealIsKeptAsTheCRMHasItNow(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	d := dealOf("9001", spring)
	require.Equal(t, 1, keepDeals(t, s, d))
	require.Zero(t, keepDeals(t, s, d), "again changes nothing")
	all := held(t, s, store.DealsWanted{})
	amount := 1200.5
	want := store.HeldDeal{Deal: store.Deal{
		ID: all[0].ID, Key: account.Key{CRM: "hubspot", Portal: "8100", ID: "9001"}, Company: d.Company, OpenedAt: spring, Amount: &amount,
		Kind: crm.NewDeal, Stage: "appointmentscheduled", ChangedAt: spring,
	}, HeldAt: spring}
	require.Equal(t, []store.HeldDeal{want}, all)

	won := d
	won.Won, won.ClosedAt, won.Stage, won.Amount, won.ChangedAt = true, spring.AddDate(0, 1, 0), "closedwon", "much", spring.AddDate(0, 1, 0)
	require.Equal(t, 1, keepDeals(t, s, won, won), "a page may have it twice")
	require.Zero(t, keepDeals(t, s, d), "what is older changes nothing")
	want.Won, want.ClosedAt, want.Stage, want.Amount, want.ChangedAt = true, won.ClosedAt, "closedwon", nil, won.ChangedAt
	require.Equal(t, []store.HeldDeal{want}, held(t, s, store.DealsWanted{}))

	check := func(before, since time.Time) []string {
		ids, _, err := s.DealsToCheck(t.Context(), "hubspot", "8100", before, since, 0, 10)
		require.NoError(t, err)
		return ids
	}
	require.Equal(t, []string{"9001"}, check(now.Add(time.Second), spring))
	require.Empty(t, check(now, spring), "it has just been read")
	require.Empty(t, check(now.Add(time.Second), spring.AddDate(0, 2, 0)), "it closed before")
	n, err := s.DropDeals(t.Context(), "hubspot", "8100", []string{"9001", "9002"}, now)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = s.DropDeals(t.Context(), "hubspot", "8100", []string{"9001"}, now)
	require.NoError(t, err)
	require.Zero(t, n, "it is gone already")
	require.Empty(t, held(t, s, store.DealsWanted{}))
	require.Equal(t, 1, keepDeals(t, s, won), "it was restored")
	require.Len(t, held(t, s, store.DealsWanted{}), 1)
}

func TestTheReadingOfDealsGoesOnWhereItWasAndNeverBack(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	got, err := s.DealSync(ctx, "hubspot", "8100")
	require.NoError(t, err)
	require.Equal(t, store.DealSync{}, got)
	read := func(at time.Time, after int, more bool) store.DealSync {
		page := crm.DealPage{Next: crm.DealCursor{Since: at, After: after}, More: more}
		_, err := s.KeepDeals(ctx, "hubspot", "8100", page, now)
		require.NoError(t, err)
		got, err := s.DealSync(ctx, "hubspot", "8100")
		require.NoError(t, err)
		return got
	}
	there := store.DealSync{DealCursor: crm.DealCursor{Since: spring, After: 200}, UnderWay: true, ReadAt: now}
	require.Equal(t, store.DealSync{ReadAt: now, UnderWay: true}, read(time.Time{}, 0, true), "an empty page at the beginning")
	require.Equal(t, there, read(spring, 200, true))
	require.Equal(t, there, read(spring, 100, true))
	require.Equal(t, there, read(spring.Add(-time.Second), 9000, true))
	require.Equal(t, store.DealSync{DealCursor: crm.DealCursor{Since: spring.Add(time.Second)}, ReadAt: now}, read(spring.Add(time.Second), 0, false))
	other, err := s.DealSync(ctx, "hubspot", "8200")
	require.NoError(t, err)
	require.Equal(t, store.DealSync{}, other)
}

// TestADealHasTheScoreThatItsAccountHadWhenItWasOpened: the account was scored Tier 2, then
// Tier 1 by the model, then lowered by a person.
func TestADealHasTheScoreThatItsAccountHadWhenItWasOpened(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	hires := round("jobs", spring.AddDate(0, 0, -3))
	hires.Kind, hires.Entity = signals.Hiring, "revops"
	for found, e := range map[time.Time]signals.Event{
		spring.AddDate(0, 0, -99): round("edgar", spring.AddDate(0, 0, -100)), spring.AddDate(0, 0, -9): round("edgar", spring.AddDate(0, 0, -9)),
		spring.AddDate(0, 0, 20): hires, // long after it occurred
	} {
		_, err := s.SaveSights(ctx, "news", found, []store.NewSight{{AccountID: acc.ID, Events: []signals.Event{e}}})
		require.NoError(t, err)
	}
	var rows []store.ScoreRow
	for i, tier := range []string{"Tier 2", "Tier 1", "Tier 1"} {
		row := scoreRow(acc, i+1)
		row.Score.Tier, row.ScoredAt = tier, spring.AddDate(0, i, 0)
		if i > 0 {
			row.Before = rows[i-1].ID
		}
		if i == 2 {
			o := begin(t, s, handIn(t, s, decided(acc, "Tier 3")))
			row.Override = &store.Standing{ID: o.ID, Value: 20, Tier: "Tier 3", Fit: 20}
		}
		kept, err := s.SaveScore(ctx, row)
		require.NoError(t, err)
		rows = append(rows, kept)
	}
	before, first := dealOf("1", spring.Add(-time.Second)), dealOf("2", spring)
	second, now2 := dealOf("3", spring.AddDate(0, 2, 0).Add(-time.Second)), dealOf("4", spring.AddDate(0, 5, 0))
	late := dealOf("5", spring.AddDate(0, 5, 0)) // put into the CRM after it had closed
	late.ClosedAt, late.Won = spring.AddDate(0, 0, 3), true
	other, none := dealOf("6", spring), dealOf("7", spring)
	other.Company.ID, none.Company = "999", account.Key{}
	keepDeals(t, s, before, first, second, now2, late, other, none)

	all := held(t, s, store.DealsWanted{Window: 90 * 24 * time.Hour})
	require.Len(t, all, 7)
	tiers := make([]string, len(all))
	for i, d := range all {
		tiers[i] = "unscored"
		if d.Score != nil {
			tiers[i] = d.Score.Counts().Tier
		}
	}
	require.Equal(t, []string{"unscored", "Tier 2", "Tier 1", "Tier 3", "Tier 2", "unscored", "unscored"}, tiers)
	require.Equal(t, &rows[0], all[1].Score, "the whole row")
	require.Equal(t, []int64{acc.ID, 0, 0}, []int64{all[0].AccountID, all[5].AccountID, all[6].AccountID})
	require.Equal(t, late.ClosedAt, all[4].HeldAt)
	require.Len(t, all[1].Signals, 1, "what was found later, or occurred too long before, is left out")
	require.Equal(t, spring.AddDate(0, 0, -9), all[1].Signals[0].OccurredAt)
	require.Len(t, all[2].Signals, 2)
	require.Empty(t, all[5].Signals)

	closed := held(t, s, store.DealsWanted{Closed: true})
	require.Len(t, closed, 1)
	require.Equal(t, "5", closed[0].Key.ID)
	require.Len(t, held(t, s, store.DealsWanted{Since: spring.AddDate(0, 0, 4)}), 6, "open ones, and those that closed since")
	require.Len(t, held(t, s, store.DealsWanted{Until: spring.Add(time.Second)}), 4)
}

func TestThePopulationIsWhatItWasAtAMoment(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	for i, acc := range accounts(t, s, 5) {
		row := scoreRow(acc, 1)
		row.ScoredAt = spring.AddDate(0, i, 0)
		first, err := s.SaveScore(ctx, row)
		require.NoError(t, err)
		row.Pass, row.Before, row.Score.Tier, row.ScoredAt = 2, first.ID, "Tier 1", spring.AddDate(0, 4, 0)
		_, err = s.SaveScore(ctx, row)
		require.NoError(t, err)
	}
	members, err := s.PopulationAt(ctx, spring.AddDate(0, 2, 0), 0, 10)
	require.NoError(t, err)
	require.Len(t, members, 3, "two have no score yet")
	for _, m := range members {
		require.Equal(t, "Tier 2", m.Tier)
		require.Contains(t, m.Facts, account.LastFundingAt)
	}
	rest, err := s.PopulationAt(ctx, spring.AddDate(0, 5, 0), members[2].ID, 10)
	require.NoError(t, err)
	require.Len(t, rest, 2)
	require.Equal(t, "Tier 1", rest[0].Tier)
}

func TestProvidersAreJudgedByTheFieldsThatScoresTookFromThem(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	from := time.Now().Add(-time.Minute)
	for i, acc := range accounts(t, s, 3) {
		for _, provider := range []string{"apollo", "pdl"} {
			r, err := s.Reserve(ctx, store.ReserveInput{AccountID: acc.ID, Provider: provider, Subject: fmt.Sprint(i), Holder: fmt.Sprint(provider, i), RunID: "r", Credits: 2})
			require.NoError(t, err)
			if i == 2 {
				require.NoError(t, s.Settle(ctx, r, outbound.Throttled, 0, time.Second))
				continue
			}
			require.NoError(t, s.SaveAnswer(ctx, r, store.SaveAnswerInput{Outcome: outbound.Found, Credits: 2, At: from, Facts: []account.Fact{
				fact(account.Industry, account.TextValue("saas")), fact(account.Employees, account.NumberValue(7)),
			}}))
		}
		row := scoreRow(acc, 1)
		taken := fact(account.Industry, account.TextValue("saas"))
		taken.Provider = "apollo"
		row.Facts = map[account.Field]waterfall.Merged{account.Industry: {Fact: taken}}
		row.ScoredAt = time.Now()
		_, err := s.SaveScore(ctx, row)
		require.NoError(t, err)
	}
	require.NoError(t, s.Skip(ctx, 1, "pdl", "r", "h", outbound.SkippedBudget))
	var calls []store.ProviderCall
	visit := func(c store.ProviderCall) { calls = append(calls, c) }
	require.NoError(t, s.EachProviderCall(ctx, from, time.Now().Add(time.Minute), visit))
	require.Equal(t, []store.ProviderCall{
		{Provider: "apollo", Outcome: "found", Credits: 2, Supplied: 2, Accepted: 1},
		{Provider: "pdl", Outcome: "found", Credits: 2, Supplied: 2},
		{Provider: "apollo", Outcome: "found", Credits: 2, Supplied: 2, Accepted: 1},
		{Provider: "pdl", Outcome: "found", Credits: 2, Supplied: 2},
		{Provider: "apollo", Outcome: "throttled"},
		{Provider: "pdl", Outcome: "throttled"},
	}, calls, "what was skipped is no call")
	calls = nil
	require.NoError(t, s.EachProviderCall(ctx, from.Add(-time.Hour), from, visit))
	require.Empty(t, calls)
}

func TestMembersOfATierSinceWhen(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	var last store.ScoreRow
	for i, tier := range []string{"Tier 1", "Tier 2", "Tier 1", "Tier 1", "Tier 2"} {
		row := scoreRow(acc, i+1)
		row.Score.Tier, row.ScoredAt, row.Before = tier, spring.AddDate(0, i, 0), last.ID
		kept, err := s.SaveScore(ctx, row)
		require.NoError(t, err)
		last = kept
	}
	for months, since := range []int{0, -1, 2, 2, -1} {
		members, err := s.MembersOf(ctx, "revops", "Tier 1", spring.AddDate(0, months, 1), 0, 10)
		require.NoError(t, err)
		if since < 0 {
			require.Empty(t, members, "after %d months", months)
			continue
		}
		require.Len(t, members, 1, "after %d months", months)
		require.Equal(t, spring.AddDate(0, since, 0), members[0].Since)
		require.True(t, members[0].Active.IsZero())
	}
	_, err := s.SaveSights(ctx, "news", spring, []store.NewSight{{AccountID: acc.ID, Events: []signals.Event{round("edgar", spring)}}})
	require.NoError(t, err)
	members, err := s.MembersOf(ctx, "revops", "Tier 1", spring.AddDate(0, 3, 1), 0, 10)
	require.NoError(t, err)
	require.Equal(t, spring, members[0].Active)
	require.Equal(t, acc, members[0].Account)
	rows, err := s.ScoresByID(ctx, []int64{members[0].ScoreID})
	require.NoError(t, err)
	require.Equal(t, 4, rows[0].Pass)
	none, err := s.MembersOf(ctx, "other", "Tier 1", spring.AddDate(0, 3, 1), 0, 10)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestCustomersThatLeftSinceTheScoreThatSaidSo(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	var last int64
	for i, churned := range []bool{false, true, true} {
		row := scoreRow(acc, i+1)
		row.Facts = map[account.Field]waterfall.Merged{account.PreviouslyChurned: {Fact: fact(account.PreviouslyChurned, account.BoolValue(churned))}}
		row.ScoredAt, row.Before = spring.AddDate(0, i, 0), last
		kept, err := s.SaveScore(ctx, row)
		require.NoError(t, err)
		last = kept.ID
	}
	left, err := s.Churned(ctx, now)
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{"hubspot/8100/512": spring.AddDate(0, 1, 0)}, left)
	left, err = s.Churned(ctx, spring)
	require.NoError(t, err)
	require.Empty(t, left)
}

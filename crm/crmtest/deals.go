package crmtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// Deal is a deal as people enter it. Its name is theirs alone.
type Deal struct {
	Company  account.Key // zero: of none
	Kind     crm.DealKind
	OpenedAt time.Time
	ClosedAt time.Time // zero while it is open
	Expected time.Time // when an open one is hoped to close
	Won      bool
	Amount   float64   // 0: nobody says
	Changed  time.Time // when that was entered
}

var dealTests = []struct {
	name string
	run  func(*testing.T, Bench)
}{
	{"deals are read as they are, open and closed", readsDeals},
	{"deals that changed since are read, the oldest change first", readsChangedDeals},
	{"deals of one moment are all read", readsDealsOfOneMoment},
	{"a deal that changes while the others are read makes none slip through", readsMovingDeals},
	{"deals that are gone are missing", missesDeals},
	{"closed deals come with what is known of their company", readsClosedDeals},
	{"a key without the scope for deals says so", deniesDeals},
	{"an outage while deals are read is repeatable", losesDeals},
}

var dealDay = time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)

// changed reads all deals that changed since, and counts the pages.
func changed(t *testing.T, b Bench, from crm.DealCursor, between func(page int)) (all []crm.Deal, end crm.DealCursor) {
	t.Helper()
	page := crm.DealPage{Next: from, More: true}
	for n := 0; page.More; n++ {
		require.Less(t, n, 1000, "there is no end")
		var err error
		page, err = b.CRM.ChangedDeals(t.Context(), page.Next)
		require.NoError(t, err)
		all = append(all, page.Deals...)
		if between != nil {
			between(n)
		}
	}
	return all, page.Next
}

func readsDeals(t *testing.T, b Bench) {
	acme := b.Server.AddCompany("Acme", "acme.example", map[string]string{"numberofemployees": "120"})
	lost := b.Server.AddDeal(Deal{Company: acme, Kind: crm.NewDeal, OpenedAt: dealDay, ClosedAt: dealDay.AddDate(0, 1, 0), Amount: 1200.5, Changed: dealDay})
	won := b.Server.AddDeal(Deal{Company: acme, Kind: crm.RenewalDeal, OpenedAt: dealDay, ClosedAt: dealDay.AddDate(0, 2, 0), Won: true, Changed: dealDay.Add(time.Hour)})
	open := b.Server.AddDeal(Deal{OpenedAt: dealDay, Kind: crm.ExistingDeal, Expected: dealDay.AddDate(1, 0, 0), Changed: dealDay.Add(2 * time.Hour)})
	got, _ := changed(t, b, crm.DealCursor{}, nil)
	require.Len(t, got, 3)
	for i := range got {
		require.NotEmpty(t, got[i].Stage)
		got[i].Stage = ""
		for _, at := range []time.Time{got[i].OpenedAt, got[i].ClosedAt, got[i].ChangedAt} {
			require.Equal(t, time.UTC, at.Location())
		}
	}
	require.Equal(t, []crm.Deal{
		{ID: lost, Company: acme, Kind: crm.NewDeal, OpenedAt: dealDay, ClosedAt: dealDay.AddDate(0, 1, 0), Amount: "1200.5", ChangedAt: dealDay},
		{ID: won, Company: acme, Kind: crm.RenewalDeal, OpenedAt: dealDay, ClosedAt: dealDay.AddDate(0, 2, 0), Won: true, ChangedAt: dealDay.Add(time.Hour)},
		{ID: open, Kind: crm.ExistingDeal, OpenedAt: dealDay, ChangedAt: dealDay.Add(2 * time.Hour)},
	}, got)
}

func readsChangedDeals(t *testing.T, b Bench) {
	acme := b.Server.AddCompany("Acme", "acme.example", nil)
	ids := make([]string, 450)
	for i := range ids {
		ids[i] = b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay, Changed: dealDay.Add(time.Duration(i) * time.Minute)})
	}
	all, end := changed(t, b, crm.DealCursor{}, nil)
	require.Equal(t, ids, once(all))
	again, _ := changed(t, b, end, nil)
	require.Subset(t, ids[len(ids)-1:], once(again), "the last one at most")

	b.Server.ChangeDeal(ids[7], Deal{OpenedAt: dealDay, ClosedAt: dealDay.AddDate(0, 0, 9), Won: true, Changed: dealDay.AddDate(0, 1, 0)})
	news, _ := changed(t, b, end, nil)
	last := news[len(news)-1]
	require.Equal(t, []any{ids[7], true, dealDay.AddDate(0, 0, 9), dealDay.AddDate(0, 1, 0)}, []any{last.ID, last.Won, last.ClosedAt, last.ChangedAt})
	since, _ := changed(t, b, crm.DealCursor{Since: dealDay.Add(440 * time.Minute)}, nil)
	require.Equal(t, append(slices.Clone(ids[440:]), ids[7]), once(since))
}

func readsDealsOfOneMoment(t *testing.T, b Bench) {
	acme := b.Server.AddCompany("Acme", "acme.example", nil)
	var ids []string
	for i := range 900 { // two bursts of an import, and single ones around them
		at := dealDay.Add(time.Duration(i) * time.Minute)
		if i >= 100 && i < 800 {
			at = dealDay.Add(time.Duration(100+i/400) * time.Minute)
		}
		ids = append(ids, b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay, Changed: at}))
	}
	all, _ := changed(t, b, crm.DealCursor{}, nil)
	require.ElementsMatch(t, ids, once(all))
	require.Less(t, len(all), 2*len(ids), "few of them twice")
}

func readsMovingDeals(t *testing.T, b Bench) {
	acme := b.Server.AddCompany("Acme", "acme.example", nil)
	var ids []string
	for i := range 700 {
		ids = append(ids, b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay, Changed: dealDay.Add(time.Duration(i) * time.Minute)}))
	}
	all, _ := changed(t, b, crm.DealCursor{}, func(page int) {
		if page < 3 { // somebody works on what was read
			for i := range 20 {
				b.Server.ChangeDeal(ids[20*page+i], Deal{OpenedAt: dealDay, Changed: dealDay.AddDate(0, 1, page)})
			}
		}
	})
	require.ElementsMatch(t, ids, once(all))
	require.GreaterOrEqual(t, len(all), len(ids)+60, "and these are read again")
}

// once are the ids of deals, each once, in the order in which they came first.
func once(deals []crm.Deal) []string {
	seen, ids := map[string]bool{}, []string{}
	for _, d := range deals {
		if !seen[d.ID] {
			seen[d.ID] = true
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func missesDeals(t *testing.T, b Bench) {
	acme := b.Server.AddCompany("Acme", "acme.example", nil)
	there := b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay})
	gone := b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay})
	b.Server.DeleteDeal(gone)
	missing, err := b.CRM.MissingDeals(t.Context(), []string{gone, there, "1"})
	require.NoError(t, err)
	require.Equal(t, []string{gone, "1"}, missing)
	missing, err = b.CRM.MissingDeals(t.Context(), []string{there})
	require.NoError(t, err)
	require.Empty(t, missing)
	all, _ := changed(t, b, crm.DealCursor{}, nil)
	require.Equal(t, []string{there}, once(all))
}

func readsClosedDeals(t *testing.T, b Bench) {
	acme := b.Server.AddCompany("Acme", "acme.example", map[string]string{"numberofemployees": "120", "main_pain": "manual reports"})
	var want []string
	for i := range 260 {
		closed := dealDay.AddDate(0, 0, i/100) // many on one day
		want = append(want, b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay, ClosedAt: closed, Won: i%2 == 0}))
	}
	b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay, ClosedAt: dealDay.AddDate(0, 0, -1)})
	b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay, Expected: dealDay.AddDate(0, 0, 1)})
	got, err := b.CRM.ClosedDeals(t.Context(), dealDay)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	require.ElementsMatch(t, want, once(got))
	require.Equal(t, map[string]string{"employees": "120", "main_pain": "manual reports"}, got[0].About)
	require.True(t, slices.IsSortedFunc(got, func(x, y crm.Deal) int { return x.ClosedAt.Compare(y.ClosedAt) }))
}

func deniesDeals(t *testing.T, b Bench) {
	b.Server.AddDeal(Deal{OpenedAt: dealDay})
	b.Server.DenyDeals()
	_, err := b.CRM.ChangedDeals(t.Context(), crm.DealCursor{})
	require.ErrorIs(t, err, crm.ErrNotGranted)
	require.False(t, requireOutcome(t, outbound.AuthFailed, err).Repeatable())
	_, err = b.CRM.MissingDeals(t.Context(), []string{"1"})
	require.ErrorIs(t, err, crm.ErrNotGranted)
}

func losesDeals(t *testing.T, b Bench) {
	acme := b.Server.AddCompany("Acme", "acme.example", nil)
	for i := range 3 {
		b.Server.AddDeal(Deal{Company: acme, OpenedAt: dealDay, Changed: dealDay.Add(time.Duration(i) * time.Minute)})
	}
	b.Server.Fail(Down)
	page, err := b.CRM.ChangedDeals(t.Context(), crm.DealCursor{})
	require.True(t, requireOutcome(t, outbound.ProviderError, err).Repeatable(), fmt.Sprint(page))
	b.Server.Fail(Healthy)
	all, _ := changed(t, b, crm.DealCursor{}, nil)
	require.Len(t, once(all), 3)
}

package waterfall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/waterfall"
)

func TestBudgetsLimits(t *testing.T) {
	t.Parallel()
	all := waterfall.Budgets{Company: 10, Import: 20_000, Day: 1000, Provider: map[string]float64{"apollo": 500, "pdl": 0}}
	evening := time.Date(2026, 11, 30, 20, 0, 0, 0, time.FixedZone("PST", -8*60*60)) // already December in UTC
	tests := []struct {
		name               string
		give               waterfall.Budgets
		importID, provider string
		at                 time.Time
		want               []waterfall.Limit
	}{
		{name: "no budgets are no limits", importID: "i1", provider: "apollo", at: now},
		{name: "every budget has its own scope", give: all, importID: "i1", provider: "apollo", at: now, want: []waterfall.Limit{
			{Scope: "company:r1", Credits: 10},
			{Scope: "import:i1", Credits: 20_000},
			{Scope: "day:2026-12-01", Credits: 1000},
			{Scope: "provider:apollo:2026-12-01", Credits: 500},
		}},
		{name: "a run outside an import has no part in its budget", give: all, provider: "apollo", at: now, want: []waterfall.Limit{
			{Scope: "company:r1", Credits: 10},
			{Scope: "day:2026-12-01", Credits: 1000},
			{Scope: "provider:apollo:2026-12-01", Credits: 500},
		}},
		{name: "a provider's zero is no limit", give: all, importID: "i1", provider: "pdl", at: now, want: []waterfall.Limit{
			{Scope: "company:r1", Credits: 10}, {Scope: "import:i1", Credits: 20_000}, {Scope: "day:2026-12-01", Credits: 1000},
		}},
		{name: "a provider without a budget has no limit", give: all, provider: "hunter", at: now, want: []waterfall.Limit{
			{Scope: "company:r1", Credits: 10}, {Scope: "day:2026-12-01", Credits: 1000},
		}},
		{name: "only the company is bounded", give: waterfall.Budgets{Company: 0.5}, importID: "i1", provider: "apollo", at: now, want: []waterfall.Limit{
			{Scope: "company:r1", Credits: 0.5},
		}},
		{name: "the day is that of UTC", give: waterfall.Budgets{Day: 1, Provider: map[string]float64{"pdl": 2}}, provider: "pdl", at: evening, want: []waterfall.Limit{
			{Scope: "day:2026-12-01", Credits: 1}, {Scope: "provider:pdl:2026-12-01", Credits: 2},
		}},
		{name: "a day's last instant is still its own", give: waterfall.Budgets{Day: 1}, provider: "pdl", at: time.Date(2026, 12, 1, 23, 59, 59, 999, time.UTC), want: []waterfall.Limit{
			{Scope: "day:2026-12-01", Credits: 1},
		}},
		{name: "midnight begins the next", give: waterfall.Budgets{Day: 1}, provider: "pdl", at: time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC), want: []waterfall.Limit{
			{Scope: "day:2026-12-02", Credits: 1},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.give.Limits("r1", tt.importID, tt.provider, tt.at))
		})
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		give       account.Account
	}{
		{name: "the domain, where there is one", give: account.Account{ID: 7, Domain: "acme.com", Name: "Acme"}, want: "acme.com"},
		{name: "else the name, normalised", give: account.Account{Name: "The ACME Robotics, Inc."}, want: "name:acme robotics"},
		{name: "a name that looks like a domain stays a name", give: account.Account{Name: "acme.io"}, want: "name:acmeio"},
		{name: "a name without letters is nothing to ask by", give: account.Account{Name: " .,- "}},
		{name: "a CRM record alone is nothing to ask by", give: account.Account{ID: 7, Key: account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}}},
		{name: "an empty account is nothing to ask by"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, waterfall.Subject(tt.give))
		})
	}
}

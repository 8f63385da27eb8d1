package routing_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/routing"
)

// revops returns the shipped model with that share for exploration.
func revops(t testing.TB, share float64) *icp.Model {
	t.Helper()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	m.Exploration.Share = share // each Load is a model of its own
	return m
}

// facts returns those of a company with three technologies.
func facts(industry, country string) account.Facts {
	f := account.Facts{}
	for field, v := range map[account.Field]account.Value{
		account.Industry:     account.TextValue(industry),
		account.Country:      account.TextValue(country),
		account.Technologies: account.ListValue("aws", "hubspot", "react"),
	} {
		f[field] = account.Fact{Field: field, Value: v, Provider: "apollo", Confidence: 0.9}
	}
	return f
}

func owner(id string, territory ...routing.Match) routing.Owner {
	return routing.Owner{ID: id, Capacity: 25, Territory: territory}
}

func in(field account.Field, anyOf ...string) routing.Match {
	return routing.Match{Field: field, AnyOf: anyOf}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	var (
		ann, bob   = owner("ann"), owner("bob")
		us         = owner("us", in(account.Country, "US", "CA"))
		de         = owner("de", in(account.Country, "DE"))
		hubspot    = owner("hubspot", in(account.Technologies, "salesforce", "hubspot"))
		salesforce = owner("salesforce", in(account.Technologies, "salesforce"))
		usSaaS     = owner("us-saas", in(account.Country, "US"), in(account.Industry, "saas"))
		usRetail   = owner("us-retail", in(account.Country, "US"), in(account.Industry, "retail"))
		usHubSpot  = owner("us-hubspot", in(account.Country, "US"), in(account.Technologies, "hubspot"))
		funded     = owner("funded", in(account.FundingStage, "seed"))
	)
	m := revops(t, 0)
	tests := []struct {
		name      string
		giveScore int
		give      routing.Queue // of Tier 1
		giveOwner string        // that the CRM has
		want      routing.Route
	}{
		{
			name: "a queue without owners is worked without them", giveScore: 70,
			want: routing.Route{Queue: "sdr-outreach", Reason: "Tier 1; the queue has no owners"},
		},
		{
			name: "a queue without owners decides on none, though the CRM has one", giveScore: 70,
			give: routing.Queue{KeepOwner: true}, giveOwner: "eve",
			want: routing.Route{Queue: "sdr-outreach", Reason: "Tier 1; the queue has no owners"},
		},
		{
			name: "a queue without rules has no owners", giveScore: 69,
			give: routing.Queue{Owners: []routing.Owner{ann}},
			want: routing.Route{Queue: "marketing-nurture", Reason: "Tier 2; the queue has no owners"},
		},
		{
			name: "the lowest tier's queue is as good as any", giveScore: 0,
			want: routing.Route{Queue: "disqualified", Reason: "Not a fit; the queue has no owners"},
		},
		{
			name: "owners take turns", giveScore: 100,
			give: routing.Queue{Owners: []routing.Owner{ann, bob}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{ann, bob}, Reason: "Tier 1; next in turn"},
		},
		{
			name: "an existing owner is kept, even if it is not one of the queue's", giveScore: 70,
			give: routing.Queue{KeepOwner: true, Owners: []routing.Owner{ann, us}}, giveOwner: "eve",
			want: routing.Route{Queue: "sdr-outreach", Owner: "eve", Reason: "Tier 1; the account keeps its owner"},
		},
		{
			name: "an existing owner is not kept where the queue does not", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{ann, bob}}, giveOwner: "bob",
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{ann, bob}, Reason: "Tier 1; next in turn"},
		},
		{
			name: "nobody's account goes to who is next, where owners are kept", giveScore: 70,
			give: routing.Queue{KeepOwner: true, Owners: []routing.Owner{ann}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{ann}, Reason: "Tier 1; next in turn"},
		},
		{
			name: "a territory by text goes before those without one", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{ann, us, de}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{us}, Reason: "Tier 1; territory country US"},
		},
		{
			name: "a territory by text is found in any case of letters", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{ann, owner("low", in(account.Country, "us"))}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{owner("low", in(account.Country, "us"))}, Reason: "Tier 1; territory country US"},
		},
		{
			name: "a territory by list needs one item of it", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{ann, salesforce, hubspot}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{hubspot}, Reason: "Tier 1; territory technologies aws, hubspot, react"},
		},
		{
			name: "a territory by list is found in any case of letters", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{ann, owner("up", in(account.Technologies, "HubSpot"))}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{owner("up", in(account.Technologies, "HubSpot"))}, Reason: "Tier 1; territory technologies aws, hubspot, react"},
		},
		{
			name: "of several matches all are needed", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{ann, usRetail, usSaaS}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{usSaaS}, Reason: "Tier 1; territory country US, industry saas"},
		},
		{
			name: "a text and a list can make one territory", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{usHubSpot, de}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{usHubSpot}, Reason: "Tier 1; territory country US, technologies aws, hubspot, react"},
		},
		{
			name: "owners of the same territory take turns", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{us, ann, owner("us2", in(account.Country, "US"))}},
			want: routing.Route{
				Queue: "sdr-outreach", Candidates: []routing.Owner{us, owner("us2", in(account.Country, "US"))}, Reason: "Tier 1; territory country US",
			},
		},
		{
			name: "where several territories match, the reason holds for whoever is next", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{us, usSaaS, de}},
			want: routing.Route{
				Queue: "sdr-outreach", Candidates: []routing.Owner{us, usSaaS}, Reason: "Tier 1; territory country US or country US, industry saas",
			},
		},
		{
			name: "nobody's territory falls back to those without one", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{de, ann, salesforce, bob}},
			want: routing.Route{Queue: "sdr-outreach", Candidates: []routing.Owner{ann, bob}, Reason: "Tier 1; next in turn"},
		},
		{
			name: "nobody's territory and everybody has one", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{de, salesforce, usRetail}},
			want: routing.Route{Queue: "sdr-outreach", Reason: "Tier 1; nobody's territory"},
		},
		{
			name: "what is not known is in nobody's territory", giveScore: 70,
			give: routing.Queue{Owners: []routing.Owner{funded}},
			want: routing.Route{Queue: "sdr-outreach", Reason: "Tier 1; nobody's territory"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules := routing.Rules{Queues: map[string]routing.Queue{"sdr-outreach": tt.give}}
			got := routing.Decide(m, rules, routing.Input{
				Account: account.Account{Domain: "acme.example"}, Facts: facts("saas", "US"),
				Tier: m.TierFor(tt.giveScore), ExistingOwner: tt.giveOwner,
			})
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDecideWithNothingKnown(t *testing.T) {
	t.Parallel()
	m := revops(t, 0)
	require.Equal(t, routing.Route{Queue: "disqualified", Reason: "Not a fit; the queue has no owners"},
		routing.Decide(m, routing.Rules{}, routing.Input{Tier: m.TierFor(0)}))
	queue := routing.Queue{Owners: []routing.Owner{owner("us", in(account.Country, "US"))}}
	require.Equal(t, routing.Route{Queue: "disqualified", Reason: "Not a fit; nobody's territory"},
		routing.Decide(m, routing.Rules{Queues: map[string]routing.Queue{"disqualified": queue}}, routing.Input{Tier: m.TierFor(0)}))
}

// TestDecideExplores sets everybody in the lowest tier aside.
func TestDecideExplores(t *testing.T) {
	t.Parallel()
	ann, us := owner("ann"), owner("us", in(account.Country, "US"))
	tests := []struct {
		name      string
		giveScore int
		give      routing.Queue // for exploration
		giveOwner string
		want      routing.Route
	}{
		{
			name: "the queue for it need not have owners", giveScore: 0,
			want: routing.Route{Queue: "exploration", Exploration: true, Reason: "Not a fit, one of the 100 % explored; the queue has no owners"},
		},
		{
			name: "the lowest tier's highest score is explored", giveScore: 19,
			give: routing.Queue{Owners: []routing.Owner{ann}},
			want: routing.Route{Queue: "exploration", Exploration: true, Candidates: []routing.Owner{ann}, Reason: "Not a fit, one of the 100 % explored; next in turn"},
		},
		{
			name: "its owners may have territories", giveScore: 0,
			give: routing.Queue{Owners: []routing.Owner{ann, us}},
			want: routing.Route{Queue: "exploration", Exploration: true, Candidates: []routing.Owner{us}, Reason: "Not a fit, one of the 100 % explored; territory country US"},
		},
		{
			name: "an existing owner explores", giveScore: 0, giveOwner: "eve",
			give: routing.Queue{KeepOwner: true, Owners: []routing.Owner{ann}},
			want: routing.Route{Queue: "exploration", Exploration: true, Owner: "eve", Reason: "Not a fit, one of the 100 % explored; the account keeps its owner"},
		},
		{
			name: "the next higher tier is not explored", giveScore: 20,
			want: routing.Route{Queue: "low-touch", Reason: "Tier 3; the queue has no owners"},
		},
		{
			name: "nor is the highest", giveScore: 100,
			want: routing.Route{Queue: "sdr-outreach", Reason: "Tier 1; the queue has no owners"},
		},
	}
	m := revops(t, 1)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules := routing.Rules{Queues: map[string]routing.Queue{"exploration": tt.give}}
			got := routing.Decide(m, rules, routing.Input{
				Account: account.Account{Domain: "acme.example"}, Facts: facts("saas", "US"),
				Tier: m.TierFor(tt.giveScore), ExistingOwner: tt.giveOwner,
			})
			require.Equal(t, tt.want, got)
		})
	}
}

const many = 20_000

// explored returns which of many accounts in the lowest tier are set aside.
func explored(m *icp.Model, nth func(i int) account.Account) []bool {
	out := make([]bool, many)
	for i := range out {
		out[i] = routing.Decide(m, routing.Rules{}, routing.Input{Account: nth(i), Tier: m.TierFor(0)}).Exploration
	}
	return out
}

func count(draws []bool, more ...[]bool) float64 {
	n := 0.0
	for i, drawn := range draws {
		for _, other := range more {
			drawn = drawn && other[i]
		}
		if drawn {
			n++
		}
	}
	return n
}

func byDomain(i int) account.Account {
	return account.Account{Domain: fmt.Sprintf("company-%d.example", i)}
}

func byRecord(i int) account.Account {
	return account.Account{Key: account.Key{CRM: "hubspot", Portal: "8100", ID: fmt.Sprint(512 + i)}}
}

func byBoth(i int) account.Account {
	return account.Account{ID: int64(i), Domain: byDomain(i).Domain, Key: byRecord(i).Key, Name: fmt.Sprint("Company ", i)}
}

func byName(i int) account.Account {
	return account.Account{Name: fmt.Sprintf("Company %d, Inc.", i)}
}

func TestExplorationShare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		share float64
		nth   func(int) account.Account
	}{
		{name: "none of none", share: 0, nth: byBoth},
		{name: "the shipped share of domains", share: 0.12, nth: byDomain},
		{name: "the shipped share of records", share: 0.12, nth: byRecord},
		{name: "the shipped share of records with a domain", share: 0.12, nth: byBoth},
		{name: "the shipped share of companies known by name only", share: 0.12, nth: byName},
		{name: "a small share", share: 0.01, nth: byBoth},
		{name: "half of them", share: 0.5, nth: byBoth},
		{name: "all of all", share: 1, nth: byBoth},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.InDelta(t, tt.share, count(explored(revops(t, tt.share), tt.nth))/many, 0.02)
		})
	}
}

func TestExplorationIsStableForAnAccount(t *testing.T) {
	t.Parallel()
	m := revops(t, 0.12)
	want := explored(m, byBoth)
	next := *m
	next.Version++
	require.Equal(t, want, explored(&next, byBoth), "a new version of the model")
	require.Equal(t, want, explored(m, func(i int) account.Account {
		acc := byBoth(i)
		acc.ID, acc.Name = acc.ID+1, "renamed"
		return acc
	}), "another name, and another database")
	require.Equal(t, explored(m, byName), explored(m, func(i int) account.Account {
		return account.Account{Name: fmt.Sprintf("COMPANY %d", i)}
	}), "a name in another spelling")
}

func TestExplorationGrowsWithItsShare(t *testing.T) {
	t.Parallel()
	few, more := explored(revops(t, 0.10), byBoth), explored(revops(t, 0.15), byBoth)
	require.InDelta(t, count(few), count(few, more), 0, "somebody was dropped when the share was raised")
}

func TestExplorationDiffersBetweenModels(t *testing.T) {
	t.Parallel()
	const share = 0.5
	m, other := revops(t, share), revops(t, share)
	other.Name = "revops-emea"
	both := count(explored(m, byBoth), explored(other, byBoth))
	require.InDelta(t, share*share, both/many, 0.02, "two models draw independently of each other")
}

// TestMatrixRoutes holds that the last cell of a matrix is explored, as the lowest tier
// is.
func TestMatrixRoutes(t *testing.T) {
	t.Parallel()
	m, err := icp.Load("fit-and-engagement")
	require.NoError(t, err)
	explored := func(s icp.Score) (n int) {
		for i := range 1000 {
			if routing.Decide(m, routing.Rules{}, routing.Input{Account: account.Account{Domain: fmt.Sprintf("c%d.example", i)}, Tier: m.TierOf(s)}).Exploration {
				n++
			}
		}
		return n
	}
	require.InDelta(t, 120, explored(icp.Score{}), 30)
	require.Zero(t, explored(icp.Score{Engagement: 40}))
	require.Equal(t, "outbound", routing.Decide(m, routing.Rules{}, routing.Input{Tier: m.TierOf(icp.Score{Fit: 60})}).Queue)
}

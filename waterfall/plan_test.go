package waterfall_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/waterfall"
)

func fields(f ...account.Field) []account.Field { return f }

func country(provider, code string, confidence float64) account.Fact {
	return says(provider, account.Country, account.TextValue(code), confidence)
}

// plan asks apollo for industry and employees, pdl for these and the country, and
// builtwith for technologies.
func plan(need ...account.Field) waterfall.Plan {
	return waterfall.Plan{
		Sources: []waterfall.Source{
			{Provider: "apollo", Supplies: fields(account.Industry, account.Employees)},
			{Provider: "pdl", Supplies: fields(account.Industry, account.Employees, account.Country)},
			{Provider: "builtwith", Supplies: fields(account.Technologies)},
		},
		Need: waterfall.Need{Fields: need, Confidence: 0.7},
	}
}

func trusting(provider string, trust float64, need ...account.Field) waterfall.Plan {
	p := plan(need...)
	i := slices.IndexFunc(p.Sources, func(s waterfall.Source) bool { return s.Provider == provider })
	p.Sources[i].Trust = trust
	return p
}

// lines writes a resolution as the tables below have it.
func lines(r waterfall.Resolution) string {
	var out []string
	for _, f := range slices.Sorted(maps.Keys(r.Merged)) {
		m := r.Merged[f]
		out = append(out, fmt.Sprintf("%s %s by %s, %.4g", f, m.Value, m.Provider, m.Confidence))
	}
	return strings.Join(append(out, fmt.Sprintf("missing %v", r.Missing)), "; ")
}

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		givePlan   waterfall.Plan
		give       []account.Fact
	}{
		{
			name: "no plan, no need and no answers come to nothing",
			want: "missing []",
		},
		{
			name:     "without answers all that is needed is missing, in the order of the need",
			givePlan: plan(account.Technologies, account.Industry),
			want:     "missing [technologies industry]",
		},
		{
			name:     "it stops where the need is met: a later provider's answer is left out",
			givePlan: plan(account.Industry),
			give:     []account.Fact{industry("apollo", "saas", 0.7), industry("pdl", "retail", 0.9), country("pdl", "US", 0.9)},
			want:     "industry saas by apollo, 0.7; missing []",
		},
		{
			name:     "it goes on where an answer is not sure enough",
			givePlan: plan(account.Industry),
			give:     []account.Fact{industry("apollo", "saas", 0.69), industry("pdl", "retail", 0.9), country("pdl", "US", 0.9)},
			want:     "country US by pdl, 0.9; industry retail by pdl, 0.9; missing []",
		},
		{
			name:     "it goes on where a provider has not answered",
			givePlan: plan(account.Industry),
			give:     []account.Fact{industry("pdl", "retail", 0.9)},
			want:     "industry retail by pdl, 0.9; missing []",
		},
		{
			name:     "two answers that agree meet the need together",
			givePlan: plan(account.Employees),
			give:     []account.Fact{employees("apollo", 120, 0.6), employees("pdl", 125, 0.6)},
			want:     "employees 120 by apollo, 0.84; missing []",
		},
		{
			name:     "answers count in the plan's order, not in that of the record",
			givePlan: plan(account.Industry, account.Country),
			give:     []account.Fact{industry("pdl", "retail", 0.6), industry("apollo", "saas", 0.6)},
			want:     "industry saas by apollo, 0.6; missing [industry country]",
		},
		{
			name:     "a provider that can fill nothing missing is skipped, the next one is not",
			givePlan: plan(account.Industry, account.Technologies),
			give: []account.Fact{
				industry("apollo", "saas", 0.9), industry("pdl", "retail", 0.95), country("pdl", "US", 0.9), technologies("builtwith", 0.85, "aws"),
			},
			want: "industry saas by apollo, 0.9; technologies aws by builtwith, 0.85; missing []",
		},
		{
			name:     "what an asked provider says besides is kept",
			givePlan: plan(account.Country),
			give:     []account.Fact{industry("apollo", "saas", 0.9), industry("pdl", "retail", 0.8), country("pdl", "US", 0.9)},
			want:     "country US by pdl, 0.9; industry retail by pdl, 0.8; missing []",
		},
		{
			name: "without a need no provider of the plan counts",
			givePlan: waterfall.Plan{
				Sources: plan().Sources,
			},
			give: []account.Fact{industry("apollo", "saas", 0.9), country("hubspot", "DE", 0.5)},
			want: "country DE by hubspot, 0.5; missing []",
		},
		{
			name:     "providers outside the plan count from the start, and may meet the need",
			givePlan: plan(account.Industry),
			give:     []account.Fact{industry("apollo", "saas", 0.9), industry("hubspot", "retail", 0.7)},
			want:     "industry retail by hubspot, 0.7; missing []",
		},
		{
			name:     "those that do not meet it stay in the merge",
			givePlan: plan(account.Industry),
			give:     []account.Fact{industry("apollo", "saas", 0.5), industry("hubspot", "saas", 0.5)},
			want:     "industry saas by hubspot, 0.75; missing []",
		},
		{
			name:     "trust scales how sure a provider is",
			givePlan: trusting("apollo", 0.5, account.Industry),
			give:     []account.Fact{industry("apollo", "saas", 0.9)},
			want:     "industry saas by apollo, 0.45; missing [industry]",
		},
		{
			name:     "trust decides a conflict",
			givePlan: trusting("apollo", 0.5, account.Industry),
			give:     []account.Fact{industry("apollo", "saas", 0.9), industry("pdl", "retail", 0.7)},
			want:     "industry retail by pdl, 0.7; missing []",
		},
		{
			name:     "trust of 1 is the same as none",
			givePlan: trusting("apollo", 1, account.Industry),
			give:     []account.Fact{industry("apollo", "saas", 0.7)},
			want:     "industry saas by apollo, 0.7; missing []",
		},
		{
			name:     "no need says how sure, and yet a field without a fact is missing",
			givePlan: waterfall.Plan{Need: waterfall.Need{Fields: fields(account.Industry, account.Country)}},
			give:     []account.Fact{industry("hubspot", "saas", 0)},
			want:     "industry saas by hubspot, 0; missing [country]",
		},
		{
			name: "a surer answer that conflicts does not undo what two others had met",
			givePlan: waterfall.Plan{
				Sources: []waterfall.Source{
					{Provider: "apollo", Supplies: fields(account.Employees)},
					{Provider: "clearbit", Supplies: fields(account.Employees)},
					{Provider: "pdl", Supplies: fields(account.Employees, account.Country)},
				},
				Need: waterfall.Need{Fields: fields(account.Employees, account.Country), Confidence: 0.7},
			},
			give: []account.Fact{
				employees("apollo", 125, 0.6), employees("clearbit", 125, 0.6), employees("pdl", 350, 0.65), country("pdl", "US", 0.9),
			},
			want: "country US by pdl, 0.9; employees 125 by apollo, 0.84; missing []",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, lines(tt.givePlan.Resolve(tt.give)))
		})
	}
}

func TestResolveOfAFactAboutNothing(t *testing.T) {
	t.Parallel()
	r := plan(account.Industry).Resolve([]account.Fact{{}})
	require.Equal(t, fields(account.Industry), r.Missing)
	require.Equal(t, map[account.Field]waterfall.Merged{"": {}}, r.Merged)
}

func TestResolutionFacts(t *testing.T) {
	t.Parallel()
	require.Empty(t, waterfall.Resolution{}.Facts())
	r := plan(account.Industry, account.Country).Resolve([]account.Fact{
		industry("apollo", "saas", 0.5), industry("pdl", "retail", 0.9), country("pdl", "US", 0.9),
	})
	require.Equal(t, account.Facts{
		account.Industry: industry("pdl", "retail", 0.9), account.Country: country("pdl", "US", 0.9),
	}, r.Facts())
}

func TestNeedMissing(t *testing.T) {
	t.Parallel()
	known := account.Facts{account.Industry: industry("apollo", "saas", 0.7), account.Country: country("pdl", "US", 0.69)}
	tests := []struct {
		name       string
		give       waterfall.Need
		giveFacts  account.Facts
		wantFields []account.Field
	}{
		{name: "nothing is needed", giveFacts: known},
		{name: "nothing is known", give: waterfall.Need{Fields: fields(account.Country, account.Industry)}, wantFields: fields(account.Country, account.Industry)},
		{name: "as sure as needed is enough", give: waterfall.Need{Fields: fields(account.Industry), Confidence: 0.7}, giveFacts: known},
		{name: "less is not", give: waterfall.Need{Fields: fields(account.Industry), Confidence: 0.71}, giveFacts: known, wantFields: fields(account.Industry)},
		{name: "any fact will do where no confidence is asked for", give: waterfall.Need{Fields: fields(account.Country)}, giveFacts: known},
		{
			name: "the need's order is kept", giveFacts: known,
			give:       waterfall.Need{Fields: fields(account.Technologies, account.Industry, account.Employees, account.Country), Confidence: 0.7},
			wantFields: fields(account.Technologies, account.Employees, account.Country),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.wantFields, tt.give.Missing(tt.giveFacts))
		})
	}
}

func TestSourceCanFill(t *testing.T) {
	t.Parallel()
	pdl := waterfall.Source{Provider: "pdl", Supplies: fields(account.Industry, account.Country)}
	tests := []struct {
		name string
		give waterfall.Source
		miss []account.Field
		want bool
	}{
		{name: "one of the missing fields is enough", give: pdl, miss: fields(account.Employees, account.Country), want: true},
		{name: "none of them is not", give: pdl, miss: fields(account.Employees, account.Technologies)},
		{name: "nothing missing is nothing to fill", give: pdl},
		{name: "a source that supplies nothing fills nothing", miss: fields(account.Employees)},
		{name: "nothing meets nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.give.CanFill(tt.miss))
		})
	}
}

const cases = 2000

// TestResolveIsTheSameHoweverProvidersComeBack is what late fill relies on: an
// outage costs time, and leaves no trace in what an account comes to.
func TestResolveIsTheSameHoweverProvidersComeBack(t *testing.T) {
	t.Parallel()
	stoodIn := 0
	for seed := range uint64(cases) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := randomCase(rng)
		healthy, asked := c.follow(nil)
		late, askedLate := c.follow(c.outages(rng))
		require.Equal(t, healthy, late, "seed %d", seed)
		require.Equal(t, healthy, c.plan.Resolve(c.everything()), "seed %d: what nobody asked for counts", seed)
		stoodIn += len(slices.DeleteFunc(askedLate, func(p string) bool { return slices.Contains(asked, p) }))
	}
	require.Greater(t, stoodIn, cases/10, "hardly anybody ever stood in: the test would pass by testing nothing")
}

func TestMoreAnswersNeverLeaveMoreMissing(t *testing.T) {
	t.Parallel()
	fewer := 0
	for seed := range uint64(cases) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := randomCase(rng)
		all := c.everything()
		some := slices.DeleteFunc(slices.Clone(all), func(account.Fact) bool { return rng.IntN(3) == 0 })
		before, after := c.plan.Resolve(some).Missing, c.plan.Resolve(all).Missing
		require.Subset(t, before, after, "seed %d", seed)
		fewer += len(before) - len(after)
	}
	require.Greater(t, fewer, cases/10, "the further answers hardly ever helped: the test would pass by testing nothing")
}

// randomised is a plan with what each provider will answer and what the CRM says.
type randomised struct {
	plan    waterfall.Plan
	answers map[string][]account.Fact
	others  []account.Fact
}

// The few values make providers agree and conflict often; 100, 112 and 125 agree in
// a chain, but the ends do not.
var vocabulary = map[account.Field][]account.Value{
	account.Industry:     {account.TextValue("saas"), account.TextValue("retail"), account.TextValue("it-services")},
	account.Employees:    {account.NumberValue(100), account.NumberValue(112), account.NumberValue(125), account.NumberValue(400)},
	account.Country:      {account.TextValue("US"), account.TextValue("DE")},
	account.Technologies: {account.ListValue("aws"), account.ListValue("aws", "hubspot"), account.ListValue()},
	account.RevenueUSD:   {account.NumberValue(1e6), account.NumberValue(5e6)}, // never needed
}

func randomCase(rng *rand.Rand) randomised {
	c := randomised{answers: map[string][]account.Fact{}}
	need := fields(account.Industry, account.Employees, account.Country, account.Technologies)
	c.plan.Need = waterfall.Need{Fields: need[:1+rng.IntN(len(need))], Confidence: pick(rng, 0.5, 0.7, 0.7, 0.8, 0.9, 1)}
	for _, p := range []string{"apollo", "clearbit", "hunter", "pdl", "builtwith", "website"} {
		s := waterfall.Source{Provider: p, Supplies: sample(rng, need), Trust: pick(rng, 0, 1, 0.9, 0.7)}
		c.plan.Sources = append(c.plan.Sources, s)
		c.answers[p] = randomAnswer(rng, p, sample(rng, append(s.Supplies, account.RevenueUSD)))
	}
	for _, p := range []string{"hubspot", "person"} {
		c.others = append(c.others, randomAnswer(rng, p, sample(rng, need)[:rng.IntN(2)])...)
	}
	rng.Shuffle(len(c.plan.Sources), func(i, j int) {
		c.plan.Sources[i], c.plan.Sources[j] = c.plan.Sources[j], c.plan.Sources[i]
	})
	return c
}

func randomAnswer(rng *rand.Rand, provider string, about []account.Field) []account.Fact {
	answer := make([]account.Fact, len(about))
	for i, f := range about {
		answer[i] = says(provider, f, pick(rng, vocabulary[f]...), pick(rng, 0, 0.3, 0.5, 0.6, 0.6, 0.65, 0.7, 0.8, 0.9, 1))
	}
	return answer
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// sample returns one to all of the fields, in any order.
func sample(rng *rand.Rand, from []account.Field) []account.Field {
	from = slices.Clone(from)
	rng.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:1+rng.IntN(len(from))]
}

func (c randomised) everything() []account.Fact {
	record := slices.Clone(c.others)
	for _, s := range c.plan.Sources {
		record = append(record, c.answers[s.Provider]...)
	}
	return asStored(record)
}

// outages says after how many returns each provider is back; 0 is up.
func (c randomised) outages(rng *rand.Rand) map[string]int {
	away := map[string]int{}
	for _, s := range c.plan.Sources {
		away[s.Provider] = max(rng.IntN(6)-2, 0)
	}
	return away
}

// follow does what a run does: it asks in the plan's order whoever can fill what is
// missing, and on its returns those who were away, if the plan still gets to them.
func (c randomised) follow(away map[string]int) (r waterfall.Resolution, asked []string) {
	record, missing := slices.Clone(c.others), c.plan.Need.Fields
	ask := func(provider string) {
		asked = append(asked, provider)
		record = asStored(append(record, c.answers[provider]...))
		missing = c.plan.Resolve(record).Missing
	}
	parked := map[string]bool{}
	for _, s := range c.plan.Sources {
		switch {
		case !s.CanFill(missing):
		case away[s.Provider] > 0:
			parked[s.Provider] = true
		default:
			ask(s.Provider)
		}
	}
	for returns := 1; len(parked) > 0; returns++ {
		for i, s := range c.plan.Sources {
			if !parked[s.Provider] || away[s.Provider] > returns {
				continue
			}
			delete(parked, s.Provider)
			if c.stillNeeded(i, record) {
				ask(s.Provider)
			}
		}
	}
	return c.plan.Resolve(record), asked
}

// stillNeeded is how activities.Ask sees a provider that comes back.
func (c randomised) stillNeeded(at int, record []account.Fact) bool {
	before := waterfall.Plan{Sources: c.plan.Sources[:at], Need: c.plan.Need}
	known := slices.DeleteFunc(slices.Clone(record), func(f account.Fact) bool {
		return slices.ContainsFunc(c.plan.Sources[at:], func(s waterfall.Source) bool { return s.Provider == f.Provider })
	})
	return c.plan.Sources[at].CanFill(before.Resolve(known).Missing)
}

// asStored puts facts in the order in which the store returns them.
func asStored(record []account.Fact) []account.Fact {
	slices.SortFunc(record, func(a, b account.Fact) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Provider, b.Provider))
	})
	return record
}

// BenchmarkResolve is of six providers that answer in full, none of which meets the
// need: each is merged.
func BenchmarkResolve(b *testing.B) {
	all := fields(account.Industry, account.Employees, account.Country, account.Technologies)
	p := waterfall.Plan{Need: waterfall.Need{Fields: all, Confidence: 0.995}}
	var facts []account.Fact
	for _, provider := range []string{"apollo", "clearbit", "hunter", "pdl", "builtwith", "website"} {
		p.Sources = append(p.Sources, waterfall.Source{Provider: provider, Supplies: all, Trust: 0.9})
		facts = append(facts, industry(provider, "saas", 0.6), employees(provider, 120, 0.6), country(provider, "US", 0.6),
			technologies(provider, 0.8, "aws", "hubspot", provider))
	}
	facts = asStored(facts)
	require.Len(b, p.Resolve(facts).Merged[account.Industry].Agreed, len(p.Sources)-1, "somebody was not reached")
	b.ReportAllocs()
	for b.Loop() {
		p.Resolve(facts)
	}
}

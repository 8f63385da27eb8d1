package icp_test

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

const day = 24 * time.Hour

var now = time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)

func revops(t testing.TB) *icp.Model {
	t.Helper()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	return m
}

// perfect returns the facts of a company that earns every firmographic and
// technographic point of revops.
func perfect() account.Facts {
	f := account.Facts{}
	set(f, account.Industry, account.TextValue("saas"))
	set(f, account.Employees, account.NumberValue(120))
	set(f, account.Country, account.TextValue("US"))
	set(f, account.Technologies, account.ListValue("aws", "google-analytics", "hubspot", "react", "segment", "stripe"))
	set(f, account.RevenueUSD, account.NumberValue(5_000_000))
	return f
}

func set(f account.Facts, field account.Field, v account.Value) {
	f[field] = account.Fact{Field: field, Value: v, Provider: "apollo", Confidence: 0.9, ObservedAt: now.Add(-3 * day)}
}

func with(field account.Field, v account.Value) account.Facts {
	f := perfect()
	set(f, field, v)
	return f
}

func number(field account.Field, n float64) account.Facts { return with(field, account.NumberValue(n)) }

func text(field account.Field, s string) account.Facts { return with(field, account.TextValue(s)) }

func yes(field account.Field) account.Facts { return with(field, account.BoolValue(true)) }

func no(field account.Field) account.Facts { return with(field, account.BoolValue(false)) }

func without(fields ...account.Field) account.Facts {
	f := perfect()
	for _, field := range fields {
		delete(f, field)
	}
	return f
}

func signal(kind string, age time.Duration) []account.Signal {
	return []account.Signal{{Kind: kind, OccurredAt: now.Add(-age), Source: "edgar"}}
}

// TestRevops holds the published figures of the default model, on both sides of
// every boundary.
func TestRevops(t *testing.T) {
	t.Parallel()
	m := revops(t)
	tests := []struct {
		name, want  string
		give        account.Facts
		giveSignals []account.Signal
	}{
		{name: "perfect without a trigger", give: perfect(), want: "65 in 65..65, Tier 2"},
		{name: "perfect with a trigger", give: perfect(), giveSignals: signal("funding", 0), want: "80 in 80..80, Tier 1"},
		{name: "hiring is a trigger", give: perfect(), giveSignals: signal("hiring", day), want: "80 in 80..80, Tier 1"},
		{name: "a launch is a trigger", give: perfect(), giveSignals: signal("product_launch", day), want: "80 in 80..80, Tier 1"},
		{name: "a new executive is a trigger", give: perfect(), giveSignals: signal("executive_change", day), want: "80 in 80..80, Tier 1"},
		{name: "a visit is not", give: perfect(), giveSignals: signal("website_visit", day), want: "65 in 65..65, Tier 2"},
		{name: "a trigger on its last day counts", give: perfect(), giveSignals: signal("funding", 90*day), want: "80 in 80..80, Tier 1"},
		{name: "a second later it does not", give: perfect(), giveSignals: signal("funding", 90*day+time.Second), want: "65 in 65..65, Tier 2"},
		{name: "a trigger dated tomorrow counts", give: perfect(), giveSignals: signal("funding", -day), want: "80 in 80..80, Tier 1"},
		{name: "one dated further ahead does not", give: perfect(), giveSignals: signal("funding", -day-time.Second), want: "65 in 65..65, Tier 2"},
		{name: "two triggers count once", give: perfect(), giveSignals: append(signal("funding", day), signal("hiring", day)...), want: "80 in 80..80, Tier 1"},

		{name: "industry is worth 20", give: text(account.Industry, "mining"), want: "45 in 45..45, Tier 2"},
		{name: "digital marketing matches", give: text(account.Industry, "digital-marketing"), want: "65 in 65..65, Tier 2"},
		{name: "IT services match, whatever the case", give: text(account.Industry, "IT-Services"), want: "65 in 65..65, Tier 2"},

		{name: "19 employees earn nothing", give: number(account.Employees, 19), want: "50 in 50..50, Tier 2"},
		{name: "20 employees earn half", give: number(account.Employees, 20), want: "57 in 57..57, Tier 2"},
		{name: "49 employees earn half", give: number(account.Employees, 49), want: "57 in 57..57, Tier 2"},
		{name: "50 employees earn 15", give: number(account.Employees, 50), want: "65 in 65..65, Tier 2"},
		{name: "500 employees earn 15", give: number(account.Employees, 500), want: "65 in 65..65, Tier 2"},
		{name: "501 employees earn half", give: number(account.Employees, 501), want: "57 in 57..57, Tier 2"},
		{name: "1000 employees earn half", give: number(account.Employees, 1000), want: "57 in 57..57, Tier 2"},
		{name: "1001 employees earn nothing", give: number(account.Employees, 1001), want: "50 in 50..50, Tier 2"},

		{name: "technologies are worth 20", give: with(account.Technologies, account.ListValue("aws", "react")), want: "45 in 45..45, Tier 2"},
		{name: "none at all is known too", give: with(account.Technologies, account.ListValue()), want: "45 in 45..45, Tier 2"},
		{name: "Salesforce matches", give: with(account.Technologies, account.ListValue("salesforce")), want: "65 in 65..65, Tier 2"},
		{name: "both count once", give: with(account.Technologies, account.ListValue("hubspot", "salesforce")), want: "65 in 65..65, Tier 2"},

		{name: "revenue a dollar below 1M earns nothing", give: number(account.RevenueUSD, 999_999), want: "55 in 55..55, Tier 2"},
		{name: "revenue of 1M earns 10", give: number(account.RevenueUSD, 1_000_000), want: "65 in 65..65, Tier 2"},
		{name: "revenue of 10M earns 10", give: number(account.RevenueUSD, 10_000_000), want: "65 in 65..65, Tier 2"},
		{name: "revenue a dollar above 10M earns nothing", give: number(account.RevenueUSD, 10_000_001), want: "55 in 55..55, Tier 2"},

		{name: "a champion without budget costs 15", give: no(account.ChampionHasBudget), want: "50 in 50..50, Tier 2"},
		{name: "a champion with budget costs nothing", give: yes(account.ChampionHasBudget), want: "65 in 65..65, Tier 2"},
		{name: "complex procurement costs 20", give: yes(account.ProcurementComplex), want: "45 in 45..45, Tier 2"},
		{name: "simple procurement costs nothing", give: no(account.ProcurementComplex), want: "65 in 65..65, Tier 2"},
		{name: "a churned customer costs 30", give: yes(account.PreviouslyChurned), want: "35 in 35..35, Tier 3"},
		{name: "a new customer costs nothing", give: no(account.PreviouslyChurned), want: "65 in 65..65, Tier 2"},

		{name: "unknown headcount only widens", give: without(account.Employees), want: "50 in 50..65, Tier 2"},
		{name: "unknown industry only widens", give: without(account.Industry), want: "45 in 45..65, Tier 2"},
		{name: "unknown revenue counts as no", give: without(account.RevenueUSD), want: "55 in 55..55, Tier 2"},
		{name: "a trigger can lift the range over a tier", give: without(account.Employees), giveSignals: signal("funding", 0), want: "65 in 65..80, Tier 2 (provisional)"},
		{name: "nothing known is provisional, not an error", want: "0 in 0..55, Not a fit (provisional)"},
		{name: "risks alone stay within the scale", give: only(yes(account.PreviouslyChurned), account.PreviouslyChurned), want: "0 in 0..25, Not a fit (provisional)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, icp.Rate(m, tt.give, tt.giveSignals, now).String())
		})
	}
}

func only(f account.Facts, fields ...account.Field) account.Facts {
	maps.DeleteFunc(f, func(k account.Field, _ account.Fact) bool { return !slices.Contains(fields, k) })
	return f
}

// TestRevopsIsTheDesigns holds what the model says beside its points.
func TestRevopsIsTheDesigns(t *testing.T) {
	t.Parallel()
	m := revops(t)
	require.Equal(t, "revops@2", m.ID())
	require.Equal(t, []account.Field{account.Industry, account.Employees, account.Country, account.Technologies}, m.Required)
	require.InDelta(t, 0.7, m.Confidence, 0)
	require.Equal(t, icp.Scale{Method: icp.Sum, Min: 0, Max: 100}, m.Scale)
	require.Equal(t, icp.Exploration{Share: 0.12, Queue: "exploration"}, m.Exploration)
	require.Equal(t, &icp.TriggerTask{
		When: icp.Condition{Measure: "fit", Op: ">", Number: 60}, Priority: "high", Cooldown: 14 * day, DueIn: day,
	}, m.TriggerTask)
	require.Contains(t, m.Source, "name: revops")
	points := map[string]int{}
	for _, c := range m.Criteria {
		points[c.Name] = c.Points
	}
	require.Equal(t, map[string]int{
		"industry": 20, "employees": 15, "tech_stack": 20, "revenue": 10, "trigger": 15,
		"no_budget_authority": -15, "procurement": -20, "churned": -30,
	}, points)
}

func TestRevopsTiers(t *testing.T) {
	t.Parallel()
	m := revops(t)
	queues := map[string]string{
		"Tier 1": "sdr-outreach", "Tier 2": "marketing-nurture", "Tier 3": "low-touch", "Not a fit": "disqualified",
	}
	for value, want := range map[int]string{
		100: "Tier 1", 70: "Tier 1", 69: "Tier 2", 40: "Tier 2", 39: "Tier 3", 20: "Tier 3", 19: "Not a fit", 0: "Not a fit", -1: "Not a fit",
	} {
		require.Equal(t, want, m.TierFor(value).Name, "score %d", value)
		require.Equal(t, queues[want], m.TierFor(value).Queue)
	}
	task := m.Tiers[0].Task
	require.Equal(t, day, task.Due)
	require.Equal(t, "medium", task.Priority)
	subject, err := task.Render(icp.TaskData{Name: "Acme\n& Söhne"})
	require.NoError(t, err)
	require.Equal(t, "Reach out to Acme & Söhne", subject)
	require.Nil(t, m.Tiers[1].Task)
	require.Equal(t, icp.Tier{}, new(icp.Model).TierFor(5))
}

func TestTriggerTaskNeedsFitAbove60AndATrigger(t *testing.T) {
	t.Parallel()
	m := revops(t)
	perfectly := icp.Rate(m, perfect(), signal("funding", 0), now)
	require.Equal(t, 65, perfectly.Fit, "a trigger does not make a company fit better")
	require.True(t, m.TriggerTask.Due(perfectly, true))
	require.False(t, m.TriggerTask.Due(perfectly, false))
	require.True(t, m.TriggerTask.Due(icp.Score{Fit: 61}, true))
	require.False(t, m.TriggerTask.Due(icp.Score{Fit: 60, Value: 75}, true))
	require.False(t, (*icp.TriggerTask)(nil).Due(perfectly, true))
}

func TestConditions(t *testing.T) {
	t.Parallel()
	for op, want := range map[string][3]bool{
		">": {false, false, true}, ">=": {false, true, true}, "<": {true, false, false}, "<=": {true, true, false},
	} {
		for i, value := range []int{39, 40, 41} {
			task := icp.TriggerTask{When: icp.Condition{Measure: "score", Op: op, Number: 40}}
			require.Equal(t, want[i], task.Due(icp.Score{Value: value}, true), "%d %s", value, task.When)
		}
	}
}

func TestCompletenessIsTheShareOfKnownPoints(t *testing.T) {
	t.Parallel()
	m := revops(t)
	all := perfect()
	for _, f := range []account.Field{account.ChampionHasBudget, account.ProcurementComplex, account.PreviouslyChurned} {
		set(all, f, account.BoolValue(false))
	}
	require.Zero(t, icp.Rate(m, nil, nil, now).Completeness)
	require.InDelta(t, 65.0/145, icp.Rate(m, perfect(), nil, now).Completeness, 1e-9)
	require.InDelta(t, 130.0/145, icp.Rate(m, all, nil, now).Completeness, 1e-9)
	require.InDelta(t, 1, icp.Rate(m, all, signal("funding", 400*day), now).Completeness, 0, "an old trigger is known to be old")
}

// contactFit is 67 raw points on 0 to 50, as the published model for contacts has it.
const contactFit = `
name: proportional
version: 1
owner: a
required: []
scale: {method: proportional, min: 0, max: 50}
criteria:
  - {name: a, dimension: firmographics, field: employees, between: [1, 40], points: 40, partial: [{between: [41, 50], points: 20}, {equals: 51, points: 1}]}
  - {name: b, dimension: engagement, field: revenue_usd, at_least: 1M, points: 27}
  - {name: c, dimension: risk, field: previously_churned, equals: true, points: -10}
tiers: [{name: Best, min: 40, queue: a}, {name: Rest, min: 0, queue: b}]
`

func TestProportionalScale(t *testing.T) {
	t.Parallel()
	m := parse(t, contactFit)
	facts := func(employees, revenue float64) account.Facts {
		f := account.Facts{}
		set(f, account.Employees, account.NumberValue(employees))
		set(f, account.RevenueUSD, account.NumberValue(revenue))
		return f
	}
	tests := []struct {
		name    string
		give    account.Facts
		value   int
		fit     int
		churned bool
	}{
		{name: "67 raw are 50", give: facts(40, 1e6), value: 50, fit: 50},
		{name: "40 raw are 29.85, so 30", give: facts(40, 0), value: 30, fit: 50},
		{name: "47 raw are 35.07, so 35", give: facts(50, 1e6), value: 35, fit: 25},
		{name: "27 raw are 20.15, so 20", give: facts(99, 1e6), value: 20, fit: 0},
		{name: "1 raw is 0.75, so 1; of 40 it is 1.25, so 1", give: facts(51, 0), value: 1, fit: 1},
		{name: "nothing is the scale's least", give: facts(99, 0), value: 0, fit: 0},
		{name: "a risk is taken off before scaling", give: facts(40, 1e6), churned: true, value: 43, fit: 38},
		{name: "a risk alone stays within the scale", give: facts(99, 0), churned: true, value: 0, fit: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set(tt.give, account.PreviouslyChurned, account.BoolValue(tt.churned))
			s := icp.Rate(m, tt.give, nil, now)
			require.Equal(t, [2]int{tt.value, tt.fit}, [2]int{s.Value, s.Fit})
		})
	}
}

const everything = `
name: everything
version: 2
owner: a
required: [employees, country, tags, last_funding_at, champion_has_budget]
scale: {method: sum, min: -50, max: 100}
criteria:
  - {name: at_most, dimension: x, field: founded_year, at_most: 2000, points: 3, unknown: widen}
  - {name: at_least, dimension: x, field: employees, at_least: 50, points: -4, partial: [{equals: 7, points: -2}]}
  - {name: text, dimension: x, field: country, equals: "NO", points: 5, partial: [{any_of: [SE, DK], points: 2}]}
  - {name: list, dimension: x, field: tags, contains_any: [plg], points: 6, partial: [{contains_any: [Enterprise], points: 1}]}
  - {name: date, dimension: x, field: last_funding_at, within: 30d, points: 7, partial: [{within: 60d, points: 3}]}
  - {name: flag, dimension: x, field: champion_has_budget, equals: true, points: 8, partial: [{equals: false, points: 1}]}
  - {name: signal, dimension: engagement, signal: [website_visit], within: 12h, points: 9, partial: [{within: 2d, points: 4}], unknown: widen}
tiers: [{name: Good, min: 20, queue: a}, {name: Bad, min: 0, queue: b}, {name: Ugly, min: -50, queue: c}]
`

func TestMatchers(t *testing.T) {
	t.Parallel()
	m := parse(t, everything)
	value := func(f account.Field, v account.Value) account.Facts {
		facts := account.Facts{}
		set(facts, f, v)
		return facts
	}
	date := func(age time.Duration) account.Value { return account.DateValue(now.Add(-age)) }
	tests := []struct {
		criterion, reason string
		points            int
		give              account.Facts
		giveSignals       []account.Signal
	}{
		{"at_most", "founded year: 2000, at most 2000", 3, value(account.FoundedYear, account.NumberValue(2000)), nil},
		{"at_most", "founded year: 2001, above 2000", 0, value(account.FoundedYear, account.NumberValue(2001)), nil},
		{"at_most", "founded year: unknown, 0 to 3 points open", 0, nil, nil},
		{"at_least", "employees: 50, at least 50", -4, value(account.Employees, account.NumberValue(50)), nil},
		{"at_least", "employees: 49.5, below 50", 0, value(account.Employees, account.NumberValue(49.5)), nil},
		{"at_least", "employees: 7, partial credit", -2, value(account.Employees, account.NumberValue(7)), nil},
		{"at_least", "employees: 12.5M, at least 50", -4, value(account.Employees, account.NumberValue(12_500_000)), nil},
		{"at_least", "employees: unknown, -4 to 0 points open", 0, nil, nil},
		{"text", "country: no", 5, value(account.Country, account.TextValue("no")), nil},
		{"text", "country: DK, partial credit", 2, value(account.Country, account.TextValue("DK")), nil},
		{"text", "country: US, not NO", 0, value(account.Country, account.TextValue("US")), nil},
		{"text", "country: unknown, 0 to 5 points open", 0, value(account.Country, account.NumberValue(47)), nil},
		{"list", "tags: plg", 6, value(account.Tags, account.ListValue("ENTERPRISE", "plg")), nil},
		{"list", "tags: ENTERPRISE, partial credit", 1, value(account.Tags, account.ListValue("ENTERPRISE")), nil},
		{"list", "tags: plg", 6, value(account.Tags, account.TextValue("plg")), nil},
		{"list", "tags: none of plg", 0, value(account.Tags, account.ListValue("x")), nil},
		{"date", "last funding at: 30 days ago, within 60 days, partial credit", 3, value(account.LastFundingAt, date(30*day)), nil},
		{"date", "last funding at: 29 days ago, within 30 days", 7, value(account.LastFundingAt, date(29*day)), nil},
		{"date", "last funding at: 60 days ago, more than 30 days", 0, value(account.LastFundingAt, date(60*day)), nil},
		{"date", "last funding at: still ahead", 0, value(account.LastFundingAt, date(-3*day)), nil},
		{"date", "last funding at: today, within 30 days", 7, value(account.LastFundingAt, account.TextValue("2026-12-01")), nil},
		{"date", "last funding at: unknown, 0 to 7 points open", 0, value(account.LastFundingAt, account.TextValue("soon")), nil},
		{"flag", "champion has budget: yes", 8, value(account.ChampionHasBudget, account.BoolValue(true)), nil},
		{"flag", "champion has budget: no, partial credit", 1, value(account.ChampionHasBudget, account.BoolValue(false)), nil},
		{"signal", "website visit: today, within 12 hours", 9, nil, signal("website_visit", 12*time.Hour)},
		{"signal", "website visit: 1 day ago, within 2 days, partial credit", 4, nil, signal("website_visit", 47*time.Hour)},
		{"signal", "website visit: 2 days ago, more than 12 hours", 0, nil, signal("website_visit", 49*time.Hour)},
		{"signal", "website visit: unknown, 0 to 9 points open", 0, nil, signal("funding", 0)},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			t.Parallel()
			s := icp.Rate(m, tt.give, tt.giveSignals, now)
			i := slices.IndexFunc(s.Criteria, func(r icp.Result) bool { return r.Name == tt.criterion })
			require.Equal(t, tt.reason, s.Criteria[i].Reason)
			require.Equal(t, tt.points, s.Criteria[i].Points)
		})
	}
}

func TestManyWords(t *testing.T) {
	t.Parallel()
	m := parse(t, strings.Replace(everything, "[SE, DK]", "[SE, DK, FI, IS, DE, NL, BE, Åland, FR]", 1))
	rate := func(country string) icp.Result {
		return icp.Rate(m, text(account.Country, country), nil, now).Criteria[2]
	}
	require.Equal(t, "SE, DK, FI, IS, DE, NL and 3 more", m.Criteria[2].Credits[1].Match.String())
	for _, hit := range []string{"SE", "be", "FR", "ÅLAND"} {
		require.Equal(t, 2, rate(hit).Points, hit)
	}
	require.Zero(t, rate("US").Points)
	require.False(t, new(rate("")).Known(), "an empty text says nothing")
}

func TestReasonsSayWhatIsDoubtful(t *testing.T) {
	t.Parallel()
	f := perfect()
	f[account.Employees] = account.Fact{Value: account.NumberValue(35), Confidence: 0.7, Derived: true}
	f[account.Industry] = account.Fact{Value: account.TextValue("saas"), Confidence: 0.69}
	s := icp.Rate(revops(t), f, nil, now)
	require.Equal(t, "industry: saas, unsure", s.Criteria[0].Reason)
	require.Equal(t, "employees: 35, within 20 to 49, partial credit, derived", s.Criteria[1].Reason)
	require.Equal(t, 57, s.Value, "both count all the same")
}

// TestScoreJSON holds the contract of `icp score --json`, and that a stored score
// comes back as it was.
func TestScoreJSON(t *testing.T) {
	t.Parallel()
	s := icp.Rate(revops(t), only(perfect(), account.Industry, account.Technologies), signal("funding", 90*day), now)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(b, &fields))
	criteria, _ := fields["criteria"].([]any)
	delete(fields, "criteria")
	require.Equal(t, map[string]any{
		"value": 55.0, "low": 55.0, "high": 70.0, "fit": 40.0, "engagement": 0.0, "intent": 15.0, "completeness": 55.0 / 145,
		"tier": "Tier 2", "floor": "Tier 2", "provisional": true,
	}, fields)
	require.Len(t, criteria, 8)
	require.Equal(t, map[string]any{
		"name": "industry", "dimension": "firmographics", "points": 20.0, "max": 20.0, "low": 20.0, "high": 20.0, "input": "saas",
		"provider": "apollo", "observed_at": "2026-11-28T09:30:00Z", "age_days": 3.0, "reason": "industry: saas",
	}, criteria[0])
	require.Equal(t, map[string]any{
		"name": "employees", "dimension": "firmographics", "points": 0.0, "max": 15.0, "low": 0.0, "high": 15.0, "input": nil,
		"age_days": 0.0, "reason": "employees: unknown, 0 to 15 points open",
	}, criteria[1])
	require.Equal(t, map[string]any{
		"name": "trigger", "dimension": "intent", "points": 15.0, "max": 15.0, "low": 15.0, "high": 15.0, "input": "funding",
		"provider": "edgar", "observed_at": "2026-09-02T09:30:00Z", "age_days": 90.0, "reason": "funding: 90 days ago, within 90 days",
	}, criteria[4])

	var back icp.Score
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, s, back)
}

// TestOldScoresDecode holds that a score that an older version stored is read back as it
// was: it has neither engagement nor intent nor a floor.
func TestOldScoresDecode(t *testing.T) {
	t.Parallel()
	const stored = `{"value": 57, "low": 57, "high": 72, "fit": 42, "completeness": 0.5, "tier": "Tier 2", "provisional": true, "criteria": [
		{"name": "employees", "dimension": "firmographics", "points": 7, "max": 15, "low": 7, "high": 7, "input": 30, "provider": "apollo",
			"observed_at": "2026-11-28T09:30:00Z", "age_days": 3, "reason": "employees: 30, within 20 to 49, partial credit"},
		{"name": "churned", "dimension": "risk", "points": 0, "max": -30, "low": 0, "high": 0, "input": null, "age_days": 0, "reason": "previously churned: unknown, counts as no"}]}`
	var s icp.Score
	require.NoError(t, json.Unmarshal([]byte(stored), &s))
	require.Equal(t, icp.Score{
		Value: 57, Low: 57, High: 72, Fit: 42, Completeness: 0.5, Tier: "Tier 2", Provisional: true, Criteria: []icp.Result{
			{
				Name: "employees", Dimension: "firmographics", Points: 7, Max: 15, Low: 7, High: 7, Input: account.NumberValue(30), Provider: "apollo",
				ObservedAt: now.Add(-3 * day), AgeDays: 3, Reason: "employees: 30, within 20 to 49, partial credit",
			},
			{Name: "churned", Dimension: "risk", Max: -30, Reason: "previously churned: unknown, counts as no"},
		},
	}, s)
	require.Equal(t, "Tier 2", revops(t).Assured(s).Name, "a floor that is not on record is that of Low")
	old := account.Facts{account.Employees: {Value: account.NumberValue(30), ObservedAt: now.AddDate(-200, 0, 0)}}
	require.Equal(t, int16(math.MaxInt16), icp.Rate(revops(t), old, nil, now).Criteria[1].AgeDays, "an age that is nonsense")
}

// world makes up facts and signals for property tests: small pools, so that every
// band, word and window is hit.
type world struct{ *rand.Rand }

func newWorld(seed uint64) world { return world{rand.New(rand.NewPCG(seed, 7))} }

func (w world) value(f account.Field) account.Value {
	switch kind, _ := f.Kind(); kind {
	case account.NumberKind:
		pool := []float64{-1, 0, 7, 19, 20, 35, 49, 50, 51, 500, 501, 1000, 1001, 2000, 1e6, 1e7, 2e7}
		return account.NumberValue(pool[w.IntN(len(pool))])
	case account.BoolKind:
		return account.BoolValue(w.IntN(2) == 0)
	case account.ListKind:
		pool := []string{"hubspot", "salesforce", "aws", "plg", "Enterprise"}
		return account.ListValue(pool[:w.IntN(len(pool)+1)]...)
	case account.DateKind:
		return account.DateValue(now.Add(-time.Duration(w.IntN(80)) * day))
	default:
		pool := []string{"saas", "mining", "NO", "se", "it-services", "A", "c-level", "vp", "sales", ""}
		return account.TextValue(pool[w.IntN(len(pool))])
	}
}

func (w world) facts() account.Facts {
	f := account.Facts{}
	for _, field := range account.Fields() {
		if w.IntN(2) == 0 {
			f[field] = account.Fact{Field: field, Value: w.value(field), Confidence: w.Float64(), Derived: w.IntN(5) == 0}
		}
	}
	return f
}

// subject makes up an account for m, with its own fields and with contacts.
func (w world) subject(m *icp.Model) icp.Subject {
	sub := icp.Subject{Facts: w.facts(), Signals: w.signals()}
	like := map[account.Kind]account.Field{
		account.TextKind: account.Industry, account.NumberKind: account.Employees, account.BoolKind: account.ChampionHasBudget,
		account.ListKind: account.Tags, account.DateKind: account.LastFundingAt,
	}
	for _, d := range m.Fields {
		if w.IntN(2) == 0 {
			set(sub.Facts, d.Name, w.value(like[d.Kind]))
		}
	}
	for i := range w.IntN(4) {
		sub.Contacts = append(sub.Contacts, icp.Contact{ID: strings.Repeat("x", i), Facts: w.facts()})
	}
	return sub
}

func (w world) signals() []account.Signal {
	kinds := []string{"funding", "hiring", "website_visit", "other"}
	all := make([]account.Signal, w.IntN(4))
	for i := range all {
		all[i] = account.Signal{Kind: kinds[w.IntN(len(kinds))], OccurredAt: now.Add(-time.Duration(w.IntN(2400)-48) * time.Hour)}
	}
	return all
}

func properties(t *testing.T, check func(t *testing.T, w world, m *icp.Model)) {
	t.Helper()
	models := []*icp.Model{parse(t, contactFit), parse(t, everything), parse(t, weights), parse(t, square), parse(t, committees), parse(t, declaring)}
	for _, name := range icp.Shipped() {
		models = append(models, shipped(t, name))
	}
	for seed := range uint64(100) {
		for _, m := range models {
			check(t, newWorld(seed), m)
		}
	}
}

// sums returns what a breakdown adds up to.
func sums(s icp.Score) (points, low, high int) {
	for _, r := range s.Criteria {
		points, low, high = points+r.Points, low+int(r.Low), high+int(r.High)
	}
	return points, low, high
}

func TestBreakdownAddsUp(t *testing.T) {
	t.Parallel()
	properties(t, func(t *testing.T, w world, m *icp.Model) {
		s := m.Rate(w.subject(m), now)
		points, low, high := sums(s)
		if m.Scale.Method == icp.Sum && m.Apart == nil {
			keep := func(n int) int { return min(max(n, m.Scale.Min), m.Scale.Max) }
			require.Equal(t, []int{s.Value, s.Low, s.High}, []int{keep(points), keep(low), keep(high)})
		}
		require.LessOrEqual(t, m.Scale.Min, s.Low)
		require.LessOrEqual(t, s.Low, s.Value)
		require.LessOrEqual(t, s.Value, s.High)
		require.LessOrEqual(t, s.High, m.Scale.Max)
		require.Equal(t, m.TierOf(s).Name, s.Tier)
		require.Equal(t, s.Provisional, s.Floor != "")
		if m.Matrix == nil {
			require.Equal(t, m.TierFor(s.Value).Name, s.Tier)
			require.Equal(t, m.TierFor(s.Low).Name != m.TierFor(s.High).Name, s.Provisional)
			require.Equal(t, m.TierFor(s.Low), m.Assured(s))
		}
		require.LessOrEqual(t, len([]rune(icp.Reason(m, s))), 1000)
	})
}

// TestLearningOnlyNarrows holds that a fact more never opens the range, never leaves
// it where the criterion had it open, and never makes a score less complete.
func TestLearningOnlyNarrows(t *testing.T) {
	t.Parallel()
	properties(t, func(t *testing.T, w world, m *icp.Model) {
		sub := w.subject(m)
		field := account.Fields()[w.IntN(len(account.Fields()))]
		delete(sub.Facts, field)
		before := m.Rate(sub, now)
		set(sub.Facts, field, w.value(field))
		after := m.Rate(sub, now)
		_, low, high := sums(before)
		_, lowAfter, highAfter := sums(after)
		require.LessOrEqual(t, highAfter-lowAfter, high-low)
		require.GreaterOrEqual(t, after.Completeness, before.Completeness)
		for i, c := range m.Criteria {
			if c.Unknown == icp.Widen {
				require.GreaterOrEqual(t, after.Criteria[i].Low, before.Criteria[i].Low)
				require.LessOrEqual(t, after.Criteria[i].High, before.Criteria[i].High)
			}
		}
	})
}

func TestOrderOfSignalsIsIrrelevant(t *testing.T) {
	t.Parallel()
	properties(t, func(t *testing.T, w world, m *icp.Model) {
		sub := w.subject(m)
		want := m.Rate(sub, now)
		slices.Reverse(sub.Signals)
		slices.Reverse(sub.Contacts)
		require.Equal(t, want, m.Rate(sub, now))
	})
}

func BenchmarkRate(b *testing.B) {
	m := revops(b)
	facts := perfect()
	for _, f := range []account.Field{account.ChampionHasBudget, account.ProcurementComplex, account.PreviouslyChurned} {
		set(facts, f, account.BoolValue(false))
	}
	signals := append(signal("funding", 12*day), signal("website_visit", day)...)
	b.ReportAllocs()
	for b.Loop() {
		icp.Rate(m, facts, signals, now)
	}
}

func BenchmarkParse(b *testing.B) {
	data := []byte(revops(b).Source)
	for b.Loop() {
		_, err := icp.Parse("revops.yaml", data)
		require.NoError(b, err)
	}
}

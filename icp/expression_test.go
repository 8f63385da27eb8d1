package icp_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// conditional is a model of one expression.
func conditional(expression string) string { return conditionalYAML(fmt.Sprintf("%q", expression)) }

// conditionalYAML has it as YAML writes it, in line 8 from column 51 on.
func conditionalYAML(expression string) string {
	return `name: conditional
version: 1
owner: a
fields: {seats: {type: number}, regulations: {type: list}, pain: {type: text}, partner: {type: boolean}, renewal: {type: date}}
required: [employees]
tiers: [{name: All, min: 0, queue: all}]
criteria:
  - {name: x, dimension: needs, points: 10, when: ` + expression + `}
`
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	f := account.Facts{}
	set(f, account.Employees, account.NumberValue(120))
	set(f, account.Industry, account.TextValue("SaaS"))
	set(f, "regulations", account.ListValue("gdpr", "hipaa"))
	set(f, "pain", account.TextValue("late reports"))
	set(f, "partner", account.BoolValue(true))
	set(f, "renewal", account.DateValue(now.Add(-30*day)))
	set(f, "seats", account.TextValue("many"))
	tests := []struct{ give, want string }{
		{`employees > 50 && "gdpr" in regulations`, "employees 120, regulations gdpr, hipaa: holds"},
		{`employees >= 120`, "employees 120: holds"},
		{`employees > 120`, "employees 120: does not hold"},
		{`employees == 120 and employees in [120, 121]`, "employees 120: holds"},
		{`employees in [121, 122.5]`, "employees 120: does not hold"},
		{`employees / 2 + 1 == 61`, "employees 120: holds"},
		{`-employees < 0 - 1`, "employees 120: holds"},
		{`not partner`, "partner yes: does not hold"},
		{`!(partner == false) || employees < 5`, "partner yes, employees 120: holds"},
		{`industry == "saas"`, "industry SaaS: does not hold"},
		{`lower(industry) == "saas"`, "industry SaaS: holds"},
		{`lower(industry) in ["saas", "it-services"]`, "industry SaaS: holds"},
		{`pain contains "report"`, "pain late reports: holds"},
		{`pain startsWith "late" and not (pain endsWith "late")`, "pain late reports: holds"},
		{`not ("pci" in regulations)`, "regulations gdpr, hipaa: holds"},
		{`"pci" not in regulations`, "regulations gdpr, hipaa: holds"},
		{`len(regulations) == 2`, "regulations gdpr, hipaa: holds"},
		{`any(regulations, # startsWith "gd")`, "regulations gdpr, hipaa: holds"},
		{`all(regulations, # == "gdpr")`, "regulations gdpr, hipaa: does not hold"},
		{`none(regulations, # == "sox") && count(regulations, len(#) > 4) == 1`, "regulations gdpr, hipaa: holds"},
		{`renewal <= 40`, "renewal 30 days ago: holds"},
		{`renewal < 30.2`, "renewal 30 days ago: does not hold"},
		{`seats > 5`, "seats: unknown, counts as no"},
		{`employees > 5 or seats > 5`, "employees, seats: unknown, 0 to 10 points open"},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			m := parse(t, conditional(tt.give))
			r := m.Rate(icp.Subject{Facts: f}, now).Criteria[0]
			require.Equal(t, tt.want, r.Reason)
			require.Equal(t, strings.HasSuffix(tt.want, ": holds"), r.Points == 10)
			require.Equal(t, !strings.Contains(tt.want, "unknown"), r.Known())
		})
	}
}

func TestExpressionSaysWhereItsInputsComeFrom(t *testing.T) {
	t.Parallel()
	m := parse(t, conditional(`employees > 50 && seats > 5`))
	require.Equal(t, icp.Widen, m.Criteria[0].Unknown, "it looks at a required field")
	require.Equal(t, []account.Field{account.Employees, "seats"}, m.Criteria[0].When.Fields())
	f := account.Facts{
		account.Employees: {Value: account.NumberValue(60), Provider: "apollo", Confidence: 0.9, ObservedAt: now.Add(-2 * day)},
		"seats":           {Value: account.NumberValue(4), Provider: "apollo", Confidence: 0.5, ObservedAt: now.Add(-9 * day)},
	}
	r := icp.Rate(m, f, nil, now).Criteria[0]
	require.Equal(t, "employees 60, seats 4: does not hold, unsure", r.Reason)
	require.Equal(t, "apollo", r.Provider)
	require.EqualValues(t, 9, r.AgeDays)
	require.Equal(t, account.BoolValue(false), r.Input)
	f["seats"] = account.Fact{Value: account.NumberValue(40), Provider: "crm", Confidence: 1, ObservedAt: now}
	r = icp.Rate(m, f, nil, now).Criteria[0]
	require.Equal(t, []any{10, "", int16(2)}, []any{r.Points, r.Provider, r.AgeDays})
}

// TestExpressionsAreShared holds that goroutines may share a model that has one.
func TestExpressionsAreShared(t *testing.T) {
	t.Parallel()
	m := parse(t, conditional(`employees > 50 && any(regulations, # == "gdpr")`))
	var all sync.WaitGroup
	wrong := make(chan int, 8)
	for i := range 8 {
		all.Go(func() {
			f := account.Facts{}
			set(f, account.Employees, account.NumberValue(float64(47+i)))
			set(f, "regulations", account.ListValue("gdpr"))
			for range 200 {
				if (icp.Rate(m, f, nil, now).Value == 10) != (47+i > 50) {
					wrong <- i
					return
				}
			}
		})
	}
	all.Wait()
	require.Empty(t, wrong)
}

func TestExpressionMistakes(t *testing.T) {
	t.Parallel()
	const functions = "there are len, lower, any, all, none, count"
	tests := []struct{ give, want string }{
		{``, "must not be empty"},
		{`employees >`, "unexpected token EOF, at character 11"},
		{`employees > 50 && && partner`, `unexpected token Operator("&&"), at character 19`},
		{`employes > 50`, `unknown field "employes" (did you mean employees?); any other than Sluice's own is declared under fields, at character 1`},
		{`employees > 5 && seat > 1`, `unknown field "seat" (did you mean seats?); any other than Sluice's own is declared under fields, at character 18`},
		{`employees`, "want something that is true or false, have a number"},
		{`lower(pain)`, "want something that is true or false, have a text"},
		{`employees > "50"`, "invalid operation: > (mismatched types number and text), at character 11"},
		{`employees == partner`, "invalid operation: == (mismatched types number and yes/no), at character 11"},
		{`"gdpr" in employees`, `invalid operation: in (mismatched types text and number), at character 8`},
		{`pain && partner`, "invalid operation: && (mismatched types text and yes/no), at character 6"},
		{`not employees`, "invalid operation: not (mismatched type number), at character 1"},
		{`1 < 2`, "looks at no field, so it is the same for every account"},
		{`now() > employees`, "no function now; " + functions + ", at character 1"},
		{`lenn(pain) > 3`, "no function lenn (did you mean len?); " + functions + ", at character 1"},
		{`pain.length > 3`, "only fields, texts, numbers, true, false, lists and len(…), lower(…), any(…), all(…), none(…), count(…) may stand in an expression, at character 6"},
		{`regulations[0] == "gdpr"`, "only fields, texts, numbers, true, false, lists and len(…), lower(…), any(…), all(…), none(…), count(…) may stand in an expression, at character 12"},
		{`employees in 1..1000000`, "no operator ..; there are == != < <= > >= && || and or ! not in contains startsWith endsWith + - * /, at character 15"},
		{`employees ** 99 > 1`, "no operator **; there are == != < <= > >= && || and or ! not in contains startsWith endsWith + - * /, at character 11"},
		{`pain matches "(a+)+$"`, "no operator matches; there are == != < <= > >= && || and or ! not in contains startsWith endsWith + - * /, at character 6"},
		{`let x = employees; x > 1`, "only fields, texts, numbers, true, false, lists and len(…), lower(…), any(…), all(…), none(…), count(…) may stand in an expression, at character 5"},
		{`any(regulations, any(regulations, # == "a"))`, "any, all, none and count do not go into one another, at character 18"},
		{`repeat(pain, 100000000) == "a"`, "no function repeat; " + functions + ", at character 1"},
		{`$env["employees"] > 1`, "only fields, texts, numbers, true, false, lists and len(…), lower(…), any(…), all(…), none(…), count(…) may stand in an expression, at character 5"},
		{`department == "it"`, "department is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee, at character 1"},
		{strings.Repeat("partner or ", 20) + "partner", "has 227 characters; at most 200"},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			_, err := icp.Parse("m", []byte(conditional(tt.give)))
			require.EqualError(t, err, "m:8:51: criteria[0].when: "+tt.want)
		})
	}
}

func TestWhenGoesAlone(t *testing.T) {
	t.Parallel()
	tests := []struct{ give, want string }{
		{`7`, "m:8:51: criteria[0].when: want a text (in quotes, if that is what it is), have 7"},
		{`true`, "m:8:51: criteria[0].when: want a text (in quotes, if that is what it is), have true"},
		{`[partner]`, "m:8:51: criteria[0].when: want a text, have a list"},
		{`partner, field: employees`, "m:8:51: criteria[0].when: a criterion has one of field, signal and when, not both field and when"},
		{`partner, equals: true`, "m:8:60: criteria[0].equals: does not go with when, which says it all"},
		{`partner, partial: [{equals: true, points: 1}]`, "m:8:60: criteria[0].partial: does not go with when, which says it all"},
		{`partner, half_life: 5d`, "m:8:60: criteria[0].half_life: does not go with when, which says it all"},
		{`partner, of: best_contact`, "m:8:60: criteria[0].of: only a field can be another's"},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			_, err := icp.Parse("m", []byte(conditionalYAML(tt.give)))
			require.EqualError(t, err, tt.want)
		})
	}
}

// FuzzExpression holds that no expression makes Parse or Rate panic, and that what is
// accepted is rated or unknown, never anything else.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		`employees > 50 && "gdpr" in regulations`, `any(regulations, # == lower(pain))`, `employees / 0 > 1`, `pain + pain == "a"`,
		`renewal < 5 or not partner`, `count(regulations, len(#) > 1) == 2`, `employees in [1, 2.5, "a"]`, `1..9`, `{"a": 1}`, `employees ?? 1`,
	} {
		f.Add(seed, uint64(1))
	}
	f.Fuzz(func(t *testing.T, source string, seed uint64) {
		m, err := icp.Parse("m", []byte(conditional(source)))
		if err != nil {
			requirePlaces(t, err)
			return
		}
		w := newWorld(seed)
		for range 5 {
			facts := w.facts()
			for field, v := range map[account.Field]account.Value{
				"seats": w.value(account.Employees), "regulations": w.value(account.Tags), "pain": w.value(account.Industry),
				"partner": w.value(account.ChampionHasBudget), "renewal": w.value(account.LastFundingAt),
			} {
				set(facts, field, v)
			}
			r := icp.Rate(m, facts, nil, now).Criteria[0]
			require.NotEmpty(t, r.Reason)
			require.True(t, r.Known() || r.Points == 0)
			require.NotContains(t, r.Reason, "could not be worked out")
		}
	})
}

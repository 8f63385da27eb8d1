package icp_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// weights has two dimensions with a share, of 7 and of 3 points, and one apart.
const weights = `name: weights
version: 1
owner: a
required: [employees]
scale: {method: weighted, min: 0, max: 100, dimensions: {people: 62.5%, money: 37.5}}
apart: [engagement]
criteria:
  - {name: employees, dimension: people, field: employees, at_least: 50, points: 4, partial: [{at_most: 9, points: 1}]}
  - {name: hiring, dimension: people, field: is_hiring, equals: true, points: 3}
  - {name: churned, dimension: people, field: previously_churned, equals: true, points: -9}
  - {name: revenue, dimension: money, field: revenue_usd, at_least: 1M, points: 3}
  - {name: visit, dimension: engagement, signal: [website_visit], within: 30d, points: 8}
tiers: [{name: Good, min: 50, queue: a}, {name: Bad, min: 0, queue: b}]
trigger_task: {when: fit > 99}
`

func TestWeightedScale(t *testing.T) {
	t.Parallel()
	m := parse(t, weights)
	require.Equal(t, []icp.Share{{Dimension: "people", Weight: 6250}, {Dimension: "money", Weight: 3750}}, m.Scale.Dimensions)
	tests := []struct {
		name, want   string
		give         map[account.Field]any
		signals      []account.Signal
		engagement   int
		completeness float64
	}{
		{"all", "100 in 100..100, Good", map[account.Field]any{account.Employees: 50, account.IsHiring: true, account.RevenueUSD: 1_000_000}, nil, 0, .625*7/16 + .375},
		{"4 of 7 points of 62.5 % are 35.7", "36 in 36..36, Bad", map[account.Field]any{account.Employees: 50, account.RevenueUSD: 0}, nil, 0, .625*4/16 + .375},
		{"1 of 7 is 8.9", "9 in 9..9, Bad", map[account.Field]any{account.Employees: 5, account.RevenueUSD: 0}, nil, 0, .625*4/16 + .375},
		{"37.5 is rounded half up", "38 in 38..38, Bad", map[account.Field]any{account.Employees: 20, account.RevenueUSD: 1_000_000}, nil, 0, .625*4/16 + .375},
		{"a risk takes away from its own dimension only", "38 in 38..38, Bad", map[account.Field]any{account.Employees: 50, account.IsHiring: true, account.PreviouslyChurned: true, account.RevenueUSD: 1_000_000}, nil, 0, 1},
		{"a dimension of which nothing is known is open, though no would do for its criterion", "63 in 63..100, Good", map[account.Field]any{account.Employees: 50, account.IsHiring: true}, nil, 0, .625 * 7 / 16},
		{"a required field is open", "27 in 27..63, Bad (provisional)", map[account.Field]any{account.IsHiring: true, account.RevenueUSD: 0}, nil, 0, .625*3/16 + .375},
		{"nothing", "0 in 0..100, Bad (provisional)", nil, nil, 0, 0},
		{"what is apart does not count", "63 in 63..100, Good", map[account.Field]any{account.Employees: 50, account.IsHiring: true}, signal("website_visit", day), 100, .625 * 7 / 16},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := icp.Rate(m, facts(tt.give), tt.signals, now)
			require.Equal(t, tt.want, s.String())
			require.Equal(t, tt.engagement, s.Engagement)
			require.Equal(t, s.Value, s.Fit)
			require.InDelta(t, tt.completeness, s.Completeness, 1e-12)
		})
	}
	s := icp.Rate(m, facts(map[account.Field]any{account.Employees: 50}), nil, now)
	require.Equal(t, "revenue in USD: unknown, 0 to 3 points open", s.Criteria[3].Reason)
	require.Equal(t, "is hiring: unknown, counts as no", s.Criteria[1].Reason, "of its dimension something is known")
}

// TestWeightedScaleIsExact holds the integers of the weighted method against fractions
// without end.
func TestWeightedScaleIsExact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		w := newWorld(seed)
		n := 1 + w.IntN(6)
		var shares, criteria []string
		weights, most := make([]int64, n), make([]int64, n)
		left := int64(10_000)
		for i := range n {
			weights[i], most[i] = 1+w.Int64N(left-int64(n-i)+1), 1+w.Int64N(997)
			if i == n-1 {
				weights[i] = left
			}
			left -= weights[i]
			shares = append(shares, fmt.Sprintf("d%d: %d.%02d", i, weights[i]/100, weights[i]%100))
			criteria = append(criteria, fmt.Sprintf("  - {name: a%d, dimension: d%d, field: f%d, equals: true, points: %d}", i, i, i, most[i]))
		}
		var fields strings.Builder
		for i := range n {
			fmt.Fprintf(&fields, "  f%d: {type: boolean}\n", i)
		}
		span := 1 + w.IntN(1000)
		m := parse(t, fmt.Sprintf("name: m\nversion: 1\nowner: a\nrequired: []\nfields:\n%sscale: {method: weighted, min: 5, max: %d, dimensions: {%s}}\ncriteria:\n%s\ntiers: [{name: A, min: 5, queue: a}]\n",
			fields.String(), 5+span, strings.Join(shares, ", "), strings.Join(criteria, "\n")))
		want := new(big.Rat)
		f := account.Facts{}
		for i := range n {
			yes := w.IntN(2) == 0
			set(f, account.Field(fmt.Sprintf("f%d", i)), account.BoolValue(yes))
			if yes {
				want.Add(want, big.NewRat(weights[i]*int64(span), 10_000))
			}
		}
		want.Add(want, big.NewRat(11, 2)) // the scale's least, and a half to round by
		require.Equal(t, int(new(big.Int).Quo(want.Num(), want.Denom()).Int64()), icp.Rate(m, f, nil, now).Value)
	}
}

func TestScaleMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, new, want string }{
		{"no dimensions", ", dimensions: {people: 62.5%, money: 37.5}", "", "5:8: scale: missing key dimensions"},
		{"empty dimensions", "{people: 62.5%, money: 37.5}", "{}", "5:57: scale.dimensions: must not be empty"},
		{"a list of dimensions", "{people: 62.5%, money: 37.5}", "[people]", "5:57: scale.dimensions: want a mapping, have a list"},
		{"shares of 99", "62.5%", "61.5%", "5:57: scale.dimensions: the shares add up to 99 %; want 100"},
		{"shares of more than 100", "37.5}", "37.51}", "5:57: scale.dimensions: the shares add up to 100.01 %; want 100"},
		{"three decimals", "37.5}", "37.505}", "5:80: scale.dimensions.money: want a number of per cent with at most two decimals, such as 30 or 12.5%"},
		{"a share in words", "37.5}", "the rest}", "5:80: scale.dimensions.money: want a number of per cent with at most two decimals, such as 30 or 12.5%"},
		{"a share of nothing", "37.5}", "0}", "5:80: scale.dimensions.money: 0 is outside 0 to 100 per cent; a dimension that counts for nothing is left out"},
		{"a share of everything and more", "37.5}", "137.5%}", "5:80: scale.dimensions.money: 137.5 is outside 0 to 100 per cent; a dimension that counts for nothing is left out"},
		{"a dimension in capitals", "money: 37.5}", "Money: 37.5}", `5:73: scale.dimensions.Money: "Money": want lower-case letters, digits, - and _, at most 64`},
		{"a misspelt dimension", "money: 37.5}", "technografics: 37.5}", `5:73: scale.dimensions.technografics: "technografics" looks like a slip (did you mean technographics?)`},
		{"a dimension without a share", "dimension: money", "dimension: mony", `11:32: criteria[3].dimension: "mony" has no share in scale.dimensions, so the criterion counts for nothing`},
		{"a share without a criterion", "{people: 62.5%, money: 37.5}", "{people: 50, money: 37.5, growth: 12.5}", "5:83: scale.dimensions.growth: no criterion of growth earns points"},
		{"a share of risks only", "at_least: 1M, points: 3", "at_least: 1M, points: -3", "5:73: scale.dimensions.money: no criterion of money earns points"},
		{"shares of a sum", "method: weighted", "method: sum", "5:40: scale.dimensions: only the method weighted gives dimensions a share"},
		{"a share and apart", "money: 37.5}", "engagement: 37.5}", "5:73: scale.dimensions.engagement: engagement is apart, so it has no share"},
		{"apart that is a word", "[engagement]", "engagement", `6:8: apart: want a list, have the text "engagement"`},
		{"apart of nothing", "[engagement]", "[]", "6:8: apart: must not be empty"},
		{"apart of a dimension without a number", "[engagement]", "[people]", `6:9: apart[0]: "people": want engagement or intent`},
		{"apart twice", "[engagement]", "[engagement, engagement]", `6:21: apart[1]: "engagement" is already in the list`},
		{"a tier out of reach", "min: 50", "min: 101", "13:27: tiers[0].min: 101 is out of reach: the best account scores 100"},
		{"a condition that is never true", "fit > 99", "fit > 100", "14:22: trigger_task.when: fit > 100 is never true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(weights, tt.old), "the text to replace is not there once")
			_, err := icp.Parse("m", []byte(strings.Replace(weights, tt.old, tt.new, 1)))
			require.ErrorContains(t, err, "m:"+tt.want)
		})
	}
}

func TestDimensionsWithoutACommonMeasure(t *testing.T) {
	t.Parallel()
	primes := []int{997, 991, 983, 977, 971, 967, 953}
	var shares, criteria strings.Builder
	for i, p := range primes {
		fmt.Fprintf(&shares, "d%d: %d, ", i, 10+i)
		fmt.Fprintf(&criteria, "  - {name: a%d, dimension: d%d, field: is_hiring, equals: true, points: %d}\n", i, i, p)
	}
	_, err := icp.Parse("m", []byte("name: m\nversion: 1\nowner: a\nrequired: []\nscale: {method: weighted, min: 0, max: 100, dimensions: {"+shares.String()+"}}\ncriteria:\n"+
		criteria.String()+"tiers: [{name: A, min: 0, queue: a}]\n"))
	require.ErrorContains(t, err, "want 100") // 10+…+16 are 91
	_, err = icp.Parse("m", []byte("name: m\nversion: 1\nowner: a\nrequired: []\nscale: {method: weighted, min: 0, max: 100, dimensions: {"+strings.Replace(shares.String(), "d0: 10", "d0: 19", 1)+"}}\ncriteria:\n"+
		criteria.String()+"tiers: [{name: A, min: 0, queue: a}]\n"))
	require.EqualError(t, err, "m:5:8: scale: the points of the dimensions have no small common multiple; let each add up to a round number, such as 20, 50 or 100")
}

// TestApartOfASum holds that engagement can stand beside any kind of score.
func TestApartOfASum(t *testing.T) {
	t.Parallel()
	file := strings.Replace(weights, "method: weighted, min: 0, max: 100, dimensions: {people: 62.5%, money: 37.5}", "method: sum, min: 0, max: 10", 1)
	file = strings.Replace(strings.Replace(file, "min: 50", "min: 5", 1), "fit > 99", "fit > 9", 1)
	s := icp.Rate(parse(t, file), facts(map[account.Field]any{account.Employees: 50}), signal("website_visit", day), now)
	require.Equal(t, []int{4, 4, 8, 0}, []int{s.Value, s.Fit, s.Engagement, s.Intent})
	s = icp.Rate(parse(t, strings.Replace(file, "apart: [engagement]\n", "", 1)), facts(map[account.Field]any{account.Employees: 50}), signal("website_visit", day), now)
	require.Equal(t, []int{10, 4, 8, 0}, []int{s.Value, s.Fit, s.Engagement, s.Intent})
	_, err := icp.Parse("m", []byte("name: m\nversion: 1\nowner: a\nrequired: []\napart: [intent]\ncriteria: [{name: a, dimension: intent, signal: [funding], within: 9d, points: 3}]\ntiers: [{name: A, min: 0, queue: a}]\n"))
	require.EqualError(t, err, "m:6:33: criteria[0].dimension: all criteria are apart, so nothing counts in the score")
}

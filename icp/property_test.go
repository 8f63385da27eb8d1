package icp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// random is a model that is made up: criteria of both signs on yes/no fields of their
// own, in several dimensions.
type random struct {
	method     icp.Method
	max        int
	dimensions int
	criteria   []string // as the file has them
	points     []int
	unknown    string
}

func newRandom(w world) random {
	r := random{
		method:     []icp.Method{icp.Sum, icp.Proportional, icp.Weighted}[w.IntN(3)],
		max:        1 + w.IntN(500),
		dimensions: 1 + w.IntN(4),
		unknown:    []string{"widen", "no"}[w.IntN(2)],
	}
	for i := range r.dimensions + w.IntN(8) {
		points := 1 + w.IntN(40)
		if i >= r.dimensions && w.IntN(3) == 0 { // each dimension has something to earn
			points = -points
		}
		r.points = append(r.points, points)
		r.criteria = append(r.criteria, r.criterion(i, points))
	}
	return r
}

func (r random) criterion(i, points int) string {
	return fmt.Sprintf("  - {name: c%d, dimension: %s, field: f%d, equals: true, points: %d, unknown: %s}\n",
		i, []string{"a", "b", "intent", "engagement"}[i%r.dimensions], i, points, r.unknown)
}

func (r random) parse(t *testing.T) *icp.Model {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "name: random\nversion: 1\nowner: a\nrequired: []\nscale: {method: %s, min: 0, max: %d", r.method, r.max)
	if r.method == icp.Weighted {
		shares := [][]int{{100}, {30, 70}, {25, 25, 50}, {10, 20, 30, 40}}[r.dimensions-1]
		b.WriteString(", dimensions: {")
		for i, share := range shares {
			fmt.Fprintf(&b, "%s: %d, ", []string{"a", "b", "intent", "engagement"}[i], share)
		}
		b.WriteString("}")
	}
	b.WriteString("}\nfields:\n")
	for i := range r.points {
		fmt.Fprintf(&b, "  f%d: {type: boolean}\n", i)
	}
	b.WriteString("criteria:\n" + strings.Join(r.criteria, "") + "tiers: [{name: All, min: 0, queue: all}]\n")
	return parse(t, b.String())
}

// account makes up an account: each field is yes, no or unknown.
func (r random) account(w world) account.Facts {
	f := account.Facts{}
	for i := range r.points {
		if n := w.IntN(3); n > 0 {
			set(f, r.field(i), account.BoolValue(n == 1))
		}
	}
	return f
}

func (r random) field(i int) account.Field { return account.Field(fmt.Sprintf("f%d", i)) }

func numbers(s icp.Score) []int {
	return []int{s.Value, s.Low, s.High, s.Fit, s.Engagement, s.Intent}
}

func eachRandom(t *testing.T, check func(t *testing.T, w world, r random)) {
	t.Helper()
	for seed := range uint64(200) {
		w := newWorld(seed)
		check(t, w, newRandom(w))
	}
}

// TestScoresAreMonotonic holds that nothing is ever lost by earning a positive
// criterion, nor won by a negative one.
func TestScoresAreMonotonic(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, w world, r random) {
		m, f := r.parse(t), r.account(w)
		for i, points := range r.points {
			set(f, r.field(i), account.BoolValue(false))
			without := icp.Rate(m, f, nil, now)
			set(f, r.field(i), account.BoolValue(true))
			with := icp.Rate(m, f, nil, now)
			for j, n := range numbers(with) {
				if points > 0 {
					require.GreaterOrEqual(t, n, numbers(without)[j])
				} else {
					require.LessOrEqual(t, n, numbers(without)[j])
				}
			}
		}
	})
}

func TestValueLiesWithinItsRange(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, w world, r random) {
		m := r.parse(t)
		for range 5 {
			s := icp.Rate(m, r.account(w), nil, now)
			require.True(t, 0 <= s.Low && s.Low <= s.Value && s.Value <= s.High && s.High <= r.max, "%s", s)
		}
	})
}

func TestOrderOfCriteriaIsIrrelevant(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, w world, r random) {
		m, f := r.parse(t), r.account(w)
		want := icp.Rate(m, f, nil, now)
		r.criteria = slices.Clone(r.criteria)
		w.Shuffle(len(r.criteria), func(i, j int) { r.criteria[i], r.criteria[j] = r.criteria[j], r.criteria[i] })
		got := icp.Rate(r.parse(t), f, nil, now)
		require.Equal(t, numbers(want), numbers(got))
		require.InDelta(t, want.Completeness, got.Completeness, 0)
		require.ElementsMatch(t, want.Criteria, got.Criteria)
	})
}

// TestScalingKeepsOrder holds that of two accounts the better one stays so on any
// scale, and by points of any size.
func TestScalingKeepsOrder(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, w world, r random) {
		m, a, b := r.parse(t), r.account(w), r.account(w)
		before := icp.Rate(m, a, nil, now).Value - icp.Rate(m, b, nil, now).Value
		wide, factor := r, 2+w.IntN(9)
		wide.max *= factor
		if r.method == icp.Sum { // whose scale does not stretch: the points do
			wide.criteria = nil
			for i, points := range r.points {
				wide.criteria = append(wide.criteria, wide.criterion(i, points*factor))
			}
		}
		model := wide.parse(t)
		after := icp.Rate(model, a, nil, now).Value - icp.Rate(model, b, nil, now).Value
		require.GreaterOrEqual(t, before*after, 0)
		if before != 0 && r.method == icp.Sum {
			require.Equal(t, before*factor, after)
		}
	})
}

// TestUnknownOnlyWidens holds that forgetting a fact opens the range to both sides and
// loses completeness, and nothing else.
func TestUnknownOnlyWidens(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, w world, r random) {
		if r.unknown != "widen" {
			return
		}
		m, f := r.parse(t), r.account(w)
		for field := range f {
			before := icp.Rate(m, f, nil, now)
			delete(f, field)
			after := icp.Rate(m, f, nil, now)
			require.LessOrEqual(t, after.Low, before.Low)
			require.GreaterOrEqual(t, after.High, before.High)
			require.LessOrEqual(t, after.Completeness, before.Completeness)
		}
		require.Equal(t, 0, icp.Rate(m, f, nil, now).Value, "nothing is known any more")
	})
}

// TestDecay holds that points halve with each half-life, and never grow.
func TestDecay(t *testing.T) {
	t.Parallel()
	const file = `
name: decay
version: 1
owner: a
required: []
criteria:
  - {name: news, dimension: intent, signal: [funding], within: 365d, half_life: 30d, points: 15}
  - {name: round, dimension: x, field: last_funding_at, within: 365d, half_life: 30d, points: 40}
  - {name: bad, dimension: risk, signal: [reorganisation], within: 365d, half_life: 12h, points: -7}
tiers: [{name: All, min: 0, queue: all}]
`
	m := parse(t, file)
	tests := []struct {
		criterion int
		ageDays   float64
		points    int
		reason    string
	}{
		{0, -0.5, 15, "funding: today, within 365 days"},
		{0, 0, 15, "funding: today, within 365 days"},
		{0, 1, 15, "funding: 1 day ago, within 365 days"},
		{0, 1.4, 15, "funding: 1 day ago, within 365 days"},
		{0, 1.5, 14, "funding: 1 day ago, within 365 days, decayed to 14 of 15"},
		{0, 30, 8, "funding: 30 days ago, within 365 days, decayed to 8 of 15"}, // 7.5, away from zero
		{0, 30.1, 7, "funding: 30 days ago, within 365 days, decayed to 7 of 15"},
		{0, 60, 4, "funding: 60 days ago, within 365 days, decayed to 4 of 15"},
		{0, 147, 1, "funding: 147 days ago, within 365 days, decayed to 1 of 15"},
		{0, 148, 0, "funding: 148 days ago, within 365 days, decayed to 0 of 15"},
		{0, 366, 0, "funding: 366 days ago, more than 365 days"},
		{1, 0, 40, "last funding at: today, within 365 days"},
		{1, 30, 20, "last funding at: 30 days ago, within 365 days, decayed to 20 of 40"}, // a date is its midnight
		{2, 0.5, -4, "reorganisation: today, within 365 days, decayed to -4 of -7"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.criterion, " ", tt.ageDays), func(t *testing.T) {
			t.Parallel()
			age := time.Duration(tt.ageDays * float64(day))
			f := account.Facts{}
			set(f, account.LastFundingAt, account.DateValue(now.Add(-age)))
			r := icp.Rate(m, f, append(signal("funding", age), signal("reorganisation", age)...), now).Criteria[tt.criterion]
			require.Equal(t, tt.reason, r.Reason)
			require.Equal(t, []int{tt.points, tt.points, tt.points}, []int{r.Points, int(r.Low), int(r.High)})
		})
	}
	last := 15
	for hours := range 24 * 365 {
		points := icp.Rate(m, nil, signal("funding", time.Duration(hours)*time.Hour), now).Criteria[0].Points
		require.LessOrEqual(t, points, last)
		last = points
	}
	_, err := icp.Parse("m", []byte(strings.Replace(file, "half_life: 30d, points: 15", "half_life: 30d, points: 15, partial: [{within: 400d, points: 3}]", 1)))
	require.EqualError(t, err, "m:7:70: criteria[0].half_life: beside partial; one way to lose points with age is enough")
	_, err = icp.Parse("m", []byte(strings.Replace(file, "half_life: 12h", "half_life: 0d", 1)))
	require.EqualError(t, err, `m:9:85: criteria[2].half_life: want a number of days or hours, such as 90d or 12h, have the text "0d"`)
}

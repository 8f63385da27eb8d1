package review

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTrend holds the example of alcohol and malformations, M² = 1.83 with p = 0.18 by equally
// spaced scores (Agresti, "Categorical Data Analysis", 2nd edition, section 3.4.5).
func TestTrend(t *testing.T) {
	t.Parallel()
	z := trend([]tally{{17066 + 48, 48}, {14464 + 38, 38}, {788 + 5, 5}, {126 + 1, 1}, {37 + 1, 1}})
	require.InDelta(t, 1.83, z*z, 0.005)
	require.InDelta(t, 0.176, twoSided(z), 0.001)
	require.Zero(t, trend([]tally{{10, 10}, {5, 5}}), "all won")
	require.Zero(t, trend(nil))
	require.Negative(t, trend([]tally{{50, 40}, {50, 10}}))
}

// TestMantelHaenszel holds the example of a cream in eight centres: odds ratio 2.13, standard
// error of its logarithm 0.303, test 6.38 (Agresti, section 6.3.2).
func TestMantelHaenszel(t *testing.T) {
	t.Parallel()
	centres := []pair{
		{tally{36, 11}, tally{37, 10}},
		{tally{20, 16}, tally{32, 22}},
		{tally{19, 14}, tally{19, 7}},
		{tally{16, 2}, tally{17, 1}},
		{tally{17, 6}, tally{12, 0}},
		{tally{11, 1}, tally{10, 0}},
		{tally{5, 1}, tally{9, 1}},
		{tally{6, 4}, tally{7, 6}},
	}
	odds, z := mantelHaenszel(centres)
	require.InDelta(t, 2.13, odds.Value, 0.01)
	require.InDelta(t, 6.38, z*z, 0.01)
	require.InDelta(t, 0.303, math.Log(odds.High/odds.Low)/(2*z95), 0.001)
	none, z := mantelHaenszel([]pair{{tally{5, 5}, tally{5, 5}}, {}})
	require.True(t, math.IsNaN(none.Value))
	require.Zero(t, z)
}

// TestRankSum holds the example of the membrane's permeability: U = 35 of 10 and 5
// (Hollander and Wolfe, "Nonparametric Statistical Methods", 1973, page 69).
func TestRankSum(t *testing.T) {
	t.Parallel()
	term := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	early := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	z := rankSum([][2][]float64{{term, early}})
	require.InDelta(t, (35.0-25)/math.Sqrt(10*5*16/12.0), z, 1e-9)
	require.InDelta(t, -z, rankSum([][2][]float64{{early, term}}), 1e-9)
	require.InDelta(t, z*math.Sqrt2, rankSum([][2][]float64{{term, early}, {term, early}}), 1e-9, "two equal strata")
	require.Zero(t, rankSum([][2][]float64{{{1, 1}, {1}}, {{2}, nil}}))
}

// TestFisher holds the lady tasting tea: 3 of 4 against 1 of 4, 34 in 70.
func TestFisher(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 34.0/70, fisher(tally{4, 3}, tally{4, 1}), 1e-9)
	require.InDelta(t, 2.0/70, fisher(tally{4, 4}, tally{4, 0}), 1e-9)
	require.InDelta(t, 1, fisher(tally{4, 0}, tally{9, 0}), 0)
	require.InDelta(t, 1, fisher(tally{}, tally{9, 3}), 0)
}

// TestShareChange holds the first example of Newcombe (1998), method 10: 56 of 70 against 48
// of 80.
func TestShareChange(t *testing.T) {
	t.Parallel()
	d, z := shareChange(tally{70, 56}, tally{80, 48})
	require.InDelta(t, 0.2, d.Value, 1e-9)
	require.InDelta(t, 0.0524, d.Low, 5e-5)
	require.InDelta(t, 0.3339, d.High, 5e-5)
	require.InDelta(t, 2.650, z, 0.001)
}

// TestRatios holds a risk ratio by hand: 15 of 100 against 5 of 100 without the half.
func TestRiskRatio(t *testing.T) {
	t.Parallel()
	r := riskRatio(tally{100, 15}, tally{100, 5})
	require.InDelta(t, 15.5/5.5, r.Value, 1e-9)
	require.InDelta(t, math.Sqrt(1/15.5-1/100.5+1/5.5-1/100.5), math.Log(r.High/r.Low)/(2*z95), 1e-9)
}

// TestMedian holds the ranks of the distribution-free interval, which tables give: 2 and 9 of
// ten values, 6 and 15 of twenty, 8 and 18 of twenty-five.
func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n         int
		low, high float64
	}{{6, 1, 6}, {10, 2, 9}, {20, 6, 15}, {25, 8, 18}, {100, 40, 61}} {
		values := make([]float64, tt.n)
		for i := range values {
			values[i] = float64(tt.n - i)
		}
		m := median(values)
		require.InDelta(t, float64(tt.n+1)/2, float64(m.Value), 1e-9)
		require.InDelta(t, tt.low, float64(m.Low), 0, "n=%d", tt.n)
		require.InDelta(t, tt.high, float64(m.High), 0, "n=%d", tt.n)
	}
	require.True(t, math.IsNaN(float64(median([]float64{1, 2, 3}).Low)))
	require.True(t, math.IsNaN(float64(median(nil).Value)))
}

func TestChiSquaredTail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		x    float64
		df   int
		want float64
	}{{3.841459, 1, 0.05}, {9.487729, 4, 0.05}, {21.66599, 9, 0.01}} {
		require.InDelta(t, tt.want, upperChiSquared(tt.x, tt.df), 1e-6)
	}
	require.InDelta(t, 0.025, upperNormal(z95), 1e-9)
}

func TestMoved(t *testing.T) {
	t.Parallel()
	same := moved([]int{100, 200, 300}, []int{10, 20, 30})
	require.Less(t, float64(same.PSI), 0.01)
	require.Greater(t, same.P, 0.9)
	require.Equal(t, stable, same.Says)
	c := moved([]int{500, 500}, []int{700, 300})
	require.InDelta(t, 0.2*math.Log(0.7/0.5)-0.2*math.Log(0.3/0.5), float64(c.PSI), 0.001)
	require.InDelta(t, 1000*0.2*0.2/(2*0.6*0.4), 83.3, 0.1)
	require.InDelta(t, upperChiSquared(83.333, 1), c.P, 1e-20)
	require.Equal(t, movedSome, c.Says)
	require.InDelta(t, 1, moved([]int{5}, []int{5}).P, 0)
	require.InDelta(t, 1, moved(nil, nil).P, 0)
}

// TestHolm holds the textbook example with equal weights, and one with unequal ones by hand.
func TestHolm(t *testing.T) {
	t.Parallel()
	var h hypotheses
	for _, p := range []float64{0.01, 0.04, 0.03, 0.005} {
		h.test(ofStalled, p, func() Claim { return Claim{} })
	}
	h.settle()
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		require.InDelta(t, want, h.all[i].q, 1e-12)
	}
	require.Len(t, h.claims(), 2)

	h = hypotheses{}
	h.test(ofBase, 0.02, nil)     // weight 1
	h.test(ofFall, 0.01, nil)     // weights 2/2 each
	h.test(ofFall, 0.5, nil)      //
	h.test(ofStalled, 0.001, nil) // weight 0.5
	h.settle()
	require.InDelta(t, 0.001*3.5/0.5, h.all[3].q, 1e-12)
	require.InDelta(t, 0.01*3, h.all[1].q, 1e-12)
	require.InDelta(t, 0.02*2, h.all[0].q, 1e-12)
	require.InDelta(t, 0.5, h.all[2].q, 1e-12)
}

// TestRegress holds the odds ratio of one table, whose logarithm has the standard error of
// Woolf (1955).
func TestRegress(t *testing.T) {
	t.Parallel()
	var x []float64
	var won []bool
	for _, cell := range []struct {
		x   float64
		won bool
		n   int
	}{{1, true, 60}, {1, false, 90}, {0, true, 40}, {0, false, 160}} {
		for range cell.n {
			x, won = append(x, cell.x), append(won, cell.won)
		}
	}
	e := regress([][]float64{x}, won)
	require.InDelta(t, math.Log(60*160/(90*40.0)), e.b[0], 0.01)
	_, sd := e.contrast([]float64{1})
	require.InDelta(t, math.Sqrt(1/60.0+1/90.0+1/40.0+1/160.0), sd, 0.002)
}

// TestNRRCovers: the bootstrap's interval holds the truth about as often as it says, for
// amounts as uneven as those of customers.
func TestNRRCovers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	const sets = 300
	hits := 0
	for range sets {
		var c contracts
		for i := range 60 {
			amount := math.Exp(9 + 0.6*r.NormFloat64())
			again := 0.0
			if r.Float64() < 0.8 {
				again = amount * (1 + 0.5*r.Float64())
			}
			c = append(c, contract{deal: &QuarterDeal{Account: strconv.Itoa(i)}, first: amount, again: again})
		}
		if e := c.nrr(); float64(e.Low) <= 1 && 1 <= float64(e.High) {
			hits++
		}
	}
	require.GreaterOrEqual(t, hits, 270, "90 %% of %d", sets)
	require.LessOrEqual(t, hits, 296)
}

func TestRenewals(t *testing.T) {
	t.Parallel()
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	bought := QuarterDeal{Account: "a", OpenedAt: day(2025, 1, 1), ClosedAt: day(2025, 2, 1), Won: true, Amount: 100}
	deal := func(kind DealKind, closed time.Time, won bool, amount float64) QuarterDeal {
		return QuarterDeal{Account: "a", OpenedAt: closed.AddDate(0, 0, -20), ClosedAt: closed, Won: won, Amount: amount, Kind: kind}
	}
	open := QuarterDeal{Account: "a", OpenedAt: day(2026, 1, 20), Kind: Renewal}
	tests := []struct {
		name         string
		later        []QuarterDeal
		left         []Left
		first, again float64
		gone, open   bool
	}{
		{"renewed on time", []QuarterDeal{deal(Existing, day(2026, 2, 3), true, 120)}, nil, 100, 120, false, false},
		{"renewed early", []QuarterDeal{deal(Renewal, day(2025, 12, 1), true, 90)}, nil, 100, 90, false, false},
		{"expanded, then renewed both", []QuarterDeal{deal(Expansion, day(2025, 6, 1), true, 50), deal(Renewal, day(2026, 2, 1), true, 150)}, nil, 150, 150, false, false},
		{"lost the renewal", []QuarterDeal{deal(Renewal, day(2026, 2, 1), false, 100)}, nil, 100, 0, true, false},
		{"nothing", nil, nil, 100, 0, true, false},
		{"nothing yet", []QuarterDeal{open}, nil, 100, 0, true, true},
		{"said so", []QuarterDeal{deal(Existing, day(2026, 2, 3), true, 120)}, []Left{{"a", day(2026, 3, 1)}}, 100, 120, true, false},
		{"came back too late", []QuarterDeal{deal(NewBusiness, day(2026, 7, 1), true, 80)}, nil, 100, 0, true, false},
	}
	for _, tt := range tests {
		in := QuarterInput{From: day(2026, 7, 1), To: day(2026, 10, 1), Deals: append([]QuarterDeal{bought}, tt.later...), Left: tt.left}
		r := &reviewing{in: in}
		for i := range in.Deals {
			r.deals = append(r.deals, &in.Deals[i])
		}
		got := r.renewing()
		require.Len(t, got, 1, tt.name)
		require.InDelta(t, tt.first, got[0].first, 1e-9, tt.name)
		require.InDelta(t, tt.again, got[0].again, 1e-9, tt.name)
		require.Equal(t, tt.gone, got[0].left, tt.name)
		require.Equal(t, tt.open, got[0].undecided, tt.name)
	}
}

func TestCreditsPerField(t *testing.T) {
	t.Parallel()
	u := &ProviderUse{Provider: "apollo"}
	for range 50 {
		u.Add("found", 1, 4, 2)
		u.Add("not_found", 0.5, 0, 0)
		u.Add("cached", 0, 3, 0)
	}
	u.Add("throttled", 0, 0, 0)
	f := u.figures()
	require.Equal(t, 101, f.Calls)
	require.InDelta(t, 0.5, float64(f.HitRate.Value), 1e-9)
	require.InDelta(t, 1.0/101, float64(f.Failed.Value), 1e-9)
	require.InDelta(t, 0.75, float64(f.PerField.Value), 1e-9)
	require.Less(t, float64(f.PerField.Low), 0.75)
	require.Greater(t, float64(f.PerField.High), 0.75)
	require.True(t, math.IsNaN(float64((&ProviderUse{}).perField().Value)))
}

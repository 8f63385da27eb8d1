package review

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWilson holds the published example of 0.0 to 27.8 % for none of 10, and others
// worked out by hand.
func TestWilson(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hits, n   int
		low, high float64
	}{
		{0, 10, 0, 0.2775},
		{10, 10, 0.7225, 1},
		{5, 10, 0.2366, 0.7634},
		{81, 263, 0.2553, 0.3662},
		{0, 0, 0, 1},
	}
	for _, tt := range tests {
		got := wilson(tt.hits, tt.n)
		require.InDelta(t, tt.low, got.Low, 5e-5)
		require.InDelta(t, tt.high, got.High, 5e-5)
	}
}

func TestPlaceCountsPairs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		scores []float64
		won    []bool
		want   float64
	}{
		{"perfect", []float64{3, 2, 1, 0}, []bool{true, true, false, false}, 1},
		{"upside down", []float64{0, 1, 2, 3}, []bool{true, true, false, false}, 0},
		{"all equal", []float64{5, 5, 5}, []bool{true, false, false}, 0.5},
		{"a tie counts half", []float64{2, 1, 1, 0}, []bool{true, true, false, false}, 0.875},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.InDelta(t, tt.want, place(tt.scores, tt.won).auc, 1e-12)
		})
	}
	require.True(t, math.IsNaN(place([]float64{1, 2}, []bool{true, true}).auc))
}

// TestDeLongAgreesWithTheDefinition holds the fast variance against the sums over all
// pairs by which DeLong et al. define it.
func TestDeLongAgreesWithTheDefinition(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	scores, won := make([]float64, 60), make([]bool, 60)
	var win, lose []float64
	for i := range scores {
		won[i] = r.IntN(3) == 0
		scores[i] = float64(r.IntN(8)) + 2*map[bool]float64{true: 1}[won[i]]
		if won[i] {
			win = append(win, scores[i])
		} else {
			lose = append(lose, scores[i])
		}
	}
	psi := func(x, y float64) float64 {
		return map[bool]float64{true: 1}[x > y] + map[bool]float64{true: 0.5}[x == y]
	}
	auc, v10, v01 := 0.0, make([]float64, len(win)), make([]float64, len(lose))
	for i, x := range win {
		for j, y := range lose {
			v10[i] += psi(x, y) / float64(len(lose))
			v01[j] += psi(x, y) / float64(len(win))
		}
		auc += v10[i] / float64(len(win))
	}
	p := place(scores, won)
	require.InDelta(t, auc, p.auc, 1e-12)
	require.InDeltaSlice(t, v10, p.won, 1e-12)
	require.InDeltaSlice(t, v01, p.lost, 1e-12)
	require.InDelta(t, covariance(v10, v10)/float64(len(win))+covariance(v01, v01)/float64(len(lose)), p.covariance(p), 1e-12)
}

// TestIntervalsCover holds that 95 % intervals hold the truth about 95 times in 100.
func TestIntervalsCover(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	truth := 0.5 * math.Erfc(-1/2.0) // of normal scores that differ by 1: Φ(1/√2)
	single, paired := 0, 0
	const times = 1000
	for range times {
		a, b, won := make([]float64, 150), make([]float64, 150), make([]bool, 150)
		for i := range won {
			won[i] = r.IntN(3) == 0
			shift, shared := map[bool]float64{true: 1}[won[i]], r.NormFloat64()
			a[i] = shift + math.Sqrt(0.5)*(shared+r.NormFloat64())
			b[i] = shift + math.Sqrt(0.5)*(shared+r.NormFloat64())
		}
		p, q := place(a, won), place(b, won)
		if at := p.interval(); at.Low <= truth && truth <= at.High {
			single++
		}
		if d := p.difference(q); d.Low <= 0 && 0 <= d.High {
			paired++
		}
	}
	require.InDelta(t, 0.95, float64(single)/times, 0.02)
	require.InDelta(t, 0.95, float64(paired)/times, 0.02)
}

func TestLiftCovers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	held := 0
	const times = 1000
	for range times {
		var part, all tally
		for range 400 { // a quarter wins at 0.5, the others at 0.2: 0.275 in all
			in := r.IntN(4) == 0
			won := r.Float64() < map[bool]float64{true: 0.5, false: 0.2}[in]
			all.add(won)
			if in {
				part.add(won)
			}
		}
		if at := lift(part, all); at.Low <= 0.5/0.275 && 0.5/0.275 <= at.High {
			held++
		}
	}
	require.InDelta(t, 0.95, float64(held)/times, 0.02)
}

// TestUpperGamma holds figures that are known in closed form: Q(1, x) is e^-x, and
// Q(1/2, x) is erfc(√x).
func TestUpperGamma(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{0, 0.1, 1, 1.9, 2.1, 10, 50, 700} {
		require.InEpsilon(t, math.Exp(-x), upperGamma(1, x), 1e-9)
		require.InEpsilon(t, math.Erfc(math.Sqrt(x)), upperGamma(0.5, x), 1e-9)
	}
}

func TestAdjustCorrectsForHowManyWereTried(t *testing.T) {
	t.Parallel()
	all := []screening{{p: 0.04}, {p: 0.01}, {p: 0.5}, {p: 0.02}}
	adjust(all)
	for i, want := range []float64{0.04 * 4 / 3, 0.04, 0.5, 0.04} {
		require.InDelta(t, want, all[i].q, 1e-12)
	}
}

// TestFitFindsTheOdds holds a regression on one yes/no input, whose weights are known
// in closed form: the log-odds of the two groups.
func TestFitFindsTheOdds(t *testing.T) {
	t.Parallel()
	x, won := make([]float64, 100), make([]bool, 100)
	for i := range x {
		if i < 40 {
			x[i] = 1
			won[i] = i < 30
		} else {
			won[i] = i < 55
		}
	}
	m := fit([][]float64{x}, won, []float64{0}, 0)
	require.InDelta(t, math.Log(15.0/45), m.intercept, 1e-6)
	require.InDelta(t, math.Log(30.0/10)-math.Log(15.0/45), m.weights[0], 1e-6)
	drawn := fit([][]float64{x}, won, []float64{5}, 1e9)
	require.InDelta(t, 5, drawn.weights[0], 1e-3, "the prior")
	alone := fit([][]float64{{0, 0, 1, 1}}, []bool{false, false, true, true}, []float64{0}, ridge)
	require.Less(t, alone.weights[0], 5.0, "outcomes that an input separates")
}

func TestRoundest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		low, high float64
		places    int
		want      float64
	}{
		{480, 530, 0, 500},
		{12, 13, 0, 13},
		{0.81, 0.84, 2, 0.84},
		{-3, 4, 0, 0},
		{-250, -190, 0, -200},
		{999_000, 1_040_000, 0, 1_000_000},
		{1.25, 1.253, 3, 1.252},
	}
	for _, tt := range tests {
		got, ok := roundest(tt.low, tt.high, tt.places)
		require.True(t, ok)
		require.InDelta(t, tt.want, got, 1e-9)
	}
	_, ok := roundest(0.1000001, 0.1000004, 6)
	require.False(t, ok, "no number that a model file can hold lies between")
}

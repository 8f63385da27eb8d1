package review_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
)

// small scores 10 for a partner, 5 for a known pain and 1 for a recent round.
const small = `
name: small
version: 2
owner: a
fields:
  partner: {type: boolean, property: "Is partner?"}
  main_pain: {type: text}
required: []
criteria:
  - {name: partner, dimension: profile, field: partner, equals: true, points: 10}
  - {name: pain, dimension: profile, field: main_pain, any_of: [cost], points: 5}
  - {name: funded, dimension: profile, field: last_funding_at, within: 30d, points: 1}
  - {name: hiring, dimension: intent, signal: [hiring], within: 90d, points: 20}
  - {name: suffering, dimension: profile, when: 'partner && main_pain == "speed"', points: 2}
tiers: [{name: High, min: 10, queue: a}, {name: Low, min: 0, queue: b}]
`

// closed are ten deals: six partners of which four won, four others of which one won.
const closed = `won,Is partner?,Main Pain,last_funding_at,acv,churned,at
1,yes,Cost,2026-01-01,100,no,2026-01-10
1,yes,cost,,100,yes,2026-01-10
1,yes,speed,,100,no,2026-01-10
1,yes,n/a,,100,no,2026-01-10
0,yes,,,,,2026-01-10
0,yes,,,,,2026-01-10
1,no,cost,2025-01-01,50,yes,2026-01-10
0,no,,,70,,2026-01-10
0,no,,,,,2026-01-10
0,,,,,,2026-01-10
`

func parsed(t *testing.T, source string) *icp.Model {
	m, err := icp.Parse("small.yaml", []byte(source))
	require.NoError(t, err)
	return m
}

var closedRoles = review.Roles{Outcome: "won", Value: "acv", Date: "at"}

func TestBacktest(t *testing.T) {
	t.Parallel()
	b := backtest(t, parsed(t, small), table(t, closed), closedRoles)
	require.Equal(t, "small@2", b.Model)
	require.Equal(t, 10, b.N)
	require.Equal(t, 5, b.Won)
	// scores of the won: 16, 15, 12, 10, 5; of the lost: 10, 10, 0, 0, 0
	require.InDelta(t, (5+5+5+4+3)/25.0, float64(b.AUC), 1e-12)
	require.Less(t, b.AUCLow, b.AUC)
	require.Greater(t, b.AUCHigh, b.AUC)
	require.InDelta(t, 2, float64(b.LiftAt20), 1e-12, "the two highest were won, and half of all")
	require.InDelta(t, 4/6.0, float64(b.WinRate["High"]), 1e-12)
	require.InDelta(t, 1/4.0, float64(b.WinRate["Low"]), 1e-12)
	require.Equal(t, review.ByTier{"High": 0.25, "Low": 1}, b.Churn)
	require.Equal(t, review.ByTier{"High": 400, "Low": 50}, b.Revenue, "of won deals")
	// unknown of ten each: partner 1, pain 6, funded 8, hiring 10, suffering 6
	require.InDelta(t, 31/50.0, float64(b.Missing), 1e-12)
	require.InDelta(t, 0.6, float64(b.Unknown["pain"]), 1e-9)
	require.Equal(t, review.Gained{Deals: 1, Won: 1}, b.Gain[len(b.Gain)-1])
}

func TestBacktestInJSON(t *testing.T) {
	t.Parallel()
	b := backtest(t, parsed(t, small), table(t, "won,partner,churned\n1,yes,\n1,no,\n0,no,\n"), review.Roles{Outcome: "won"})
	data, err := json.Marshal(b)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(data, &got))
	for _, key := range []string{"n", "won", "auc", "auc_low", "auc_high", "win_rate_by_tier", "lift_at_20", "churn_by_tier", "revenue_by_tier", "missing_rate"} {
		require.Contains(t, got, key)
	}
	require.Equal(t, map[string]any{"High": nil, "Low": nil}, got["churn_by_tier"], "no churn is known")
	require.Equal(t, map[string]any{}, got["revenue_by_tier"])
	require.Equal(t, []any{"the deals have no column for main_pain, last_funding_at: unknown in every deal"}, got["notes"].([]any)[1:])
}

func TestBacktestOfCustomersAlone(t *testing.T) {
	t.Parallel()
	b := backtest(t, parsed(t, small), table(t, "partner,acv\n"+strings.Repeat("yes,900\n", 12)+strings.Repeat("no,10\nyes,20\n", 24)), review.Roles{Value: "acv"})
	require.Contains(t, b.Target, "the best 12 of 60 customers by lifetime value")
	require.InDelta(t, 0.75, float64(b.AUC), 1e-12)
}

func TestBacktestWithoutAnyColumn(t *testing.T) {
	t.Parallel()
	_, err := deals(t, table(t, "won,size\n1,2\n0,1\n"), review.Roles{Outcome: "won"}).Backtest(parsed(t, small), now)
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "model: none of the fields that small@2 looks at (partner, main_pain, last_funding_at) is a column of the deals")
}

// TestDifference holds a better model against a worse one, and a model against itself.
func TestDifference(t *testing.T) {
	t.Parallel()
	tab := made{deals: 2000, seed: 21, planted: planted}.table(t)
	m := model(t, derive(t, tab, byRole))
	worse := parsed(t, strings.ReplaceAll(small, "main_pain", "seat_count"))
	later := made{deals: 2000, seed: 22, planted: planted}.table(t)
	a, b := backtest(t, m, later, byRole), backtest(t, worse, later, byRole)
	d := a.Difference(b)
	require.InDelta(t, float64(a.AUC-b.AUC), d.Value, 1e-12)
	require.Positive(t, d.Low)
	require.InDelta(t, -d.Value, b.Difference(a).Value, 1e-12)
	require.Equal(t, review.Interval{}, a.Difference(a))
}

func TestPlotIsWellFormedAndSaysItInWords(t *testing.T) {
	t.Parallel()
	source := strings.Replace(small, "High", `"<High> & \"mighty\" beyond all measure"`, 1)
	b := backtest(t, parsed(t, source), table(t, closed), closedRoles)
	other := backtest(t, parsed(t, small), table(t, closed), closedRoles)
	for _, against := range []*review.Backtest{nil, other} {
		var drawn strings.Builder
		review.Plot(&drawn, b, against)
		decoder := xml.NewDecoder(strings.NewReader(drawn.String()))
		texts := ""
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if chars, ok := token.(xml.CharData); ok {
				texts += string(chars) + "|"
			}
		}
		require.Contains(t, texts, "small@2 on 10 closed deals|")
		require.Contains(t, texts, `<High> & "mighty" beyond all measure: 67 % of 6 deals won, 95 % interval 30 to 90 %.`)
		require.Contains(t, drawn.String(), `viewBox="0 0 360 `)
		require.Contains(t, drawn.String(), `role="img" aria-labelledby="title desc"`)
		require.NotContains(t, drawn.String(), "NaN")
	}
}

func TestPlotOfTiersWithoutDeals(t *testing.T) {
	t.Parallel()
	b := backtest(t, parsed(t, small), table(t, "won,partner\n1,no\n0,no\n"), review.Roles{Outcome: "won"})
	require.True(t, math.IsNaN(float64(b.WinRate["High"])))
	var drawn strings.Builder
	review.Plot(&drawn, b, nil)
	require.Contains(t, drawn.String(), "High: no deals.")
	require.NotContains(t, drawn.String(), "NaN")
}

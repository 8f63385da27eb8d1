package review_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/review"
)

func TestOutcomesOfDecisions(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	decisions := []review.Decision{
		{Account: "a", Group: "raised", At: day(10)},
		{Account: "a", Group: "lowered", At: day(20)},
		{Account: "b", Group: "raised", At: day(12)},
		{Account: "c", Group: "explored", At: day(15)},
	}
	closed := []review.Closed{
		{Account: "a", Won: true, At: day(9)},  // before the first decision of all
		{Account: "a", Won: true, At: day(10)}, // at once
		{Account: "a", Won: false, At: day(25)},
		{Account: "b", Won: false, At: day(11)}, // before anybody decided on it
		{Account: "b", Won: true, At: day(30)},
		{Account: "x", Won: true, At: day(30)},
		{Account: "y", Won: false, At: day(30)},
	}
	got := review.Outcomes(decisions, closed)
	type line struct {
		group                string
		accounts, deals, won int
	}
	var lines []line
	for _, g := range got {
		lines = append(lines, line{g.Group, g.Accounts, g.Deals, g.Won})
		require.Equal(t, g.Deals == 0, g.WinRate == nil, g.Group)
	}
	require.Equal(t, []line{{"explored", 1, 0, 0}, {"lowered", 1, 1, 0}, {"raised", 2, 2, 2}, {review.Rest, 3, 3, 1}}, lines)
	require.Empty(t, review.Outcomes(nil, closed))
}

// TestOutcomesFindWhatWasPlanted: accounts that people raise win twice as often as others.
func TestOutcomesFindWhatWasPlanted(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var decisions []review.Decision
	var closed []review.Closed
	for i := range 400 {
		name, raised := fmt.Sprint(i), i%4 == 0
		if raised {
			decisions = append(decisions, review.Decision{Account: name, Group: "raised", At: at})
		}
		closed = append(closed, review.Closed{Account: name, Won: raised && i%8 < 5 && i%3 > 0 || i%4 == 1, At: at.AddDate(0, 1, 0)})
	}
	got := review.Outcomes(decisions, closed)
	require.Greater(t, got[0].WinRate.Low, got[1].WinRate.High, "the intervals are apart: %+v", got)
}

package review_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/review"
)

func TestAQuarterBeginsAndEndsByTheClocksOfItsZone(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	now := time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC) // midnight there
	q, err := review.ParseSpan("2026Q3", berlin, now)
	require.NoError(t, err)
	require.Equal(t, "2026-06-30T22:00:00Z 2026-09-30T22:00:00Z", q.From.UTC().Format(time.RFC3339)+" "+q.To.UTC().Format(time.RFC3339))
	require.Equal(t, q, review.LastSpan(now, berlin))
	require.Equal(t, "2026Q4", review.SpanOf(now, berlin).Name)
	require.Equal(t, "2026Q2", review.LastSpan(now, time.UTC).Name)
	_, err = review.ParseSpan("2026Q3", time.UTC, now)
	require.ErrorIs(t, err, account.ErrInvalid)
	require.EqualError(t, err, "quarter: 2026Q3 has not ended: it does on 2026-09-30 (UTC); the last whole one is 2026Q2")
	q, err = review.ParseSpan("2025Q4", time.UTC, now)
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), q.To)
}

func TestAQuarterIsWrittenInOneWay(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2026", "2026Q", "2026Q0", "2026Q5", "2026q3", "2026Q3 ", " 2026Q3", "2026Q33", "Q3 2026", "26Q3", "1999Q4", "２０２６Q3"} {
		_, err := review.ParseSpan(s, time.UTC, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
		require.ErrorIs(t, err, account.ErrInvalid, "%q", s)
		require.ErrorContains(t, err, "quarter: want one such as 2026Q3", "%q", s)
	}
}

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/sluicehq/sluice/config"
)

func TestTheReviewStartsOnceAQuarterAlsoWhenTheClocksChange(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o := eachQuarter(config.Review{Hour: 7, Minute: 15, Zone: "Europe/Berlin", Days: 5}, from)
	require.Len(t, o.Spec.Calendars, 1)
	every := o.Spec.Calendars[0]
	require.Equal(t, []int{1, 12, 3, 6, 7, 15}, []int{
		every.Month[0].Start, every.Month[0].End, every.Month[0].Step, every.DayOfMonth[0].Start, every.Hour[0].Start, every.Minute[0].Start,
	})
	require.Equal(t, []any{"Europe/Berlin", enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, true, 14 * 24 * time.Hour}, []any{
		o.Spec.TimeZoneName, o.Overlap, o.PauseOnFailure, o.CatchupWindow,
	})
	require.Equal(t, "5 days after each quarter's end, at 07:15 (Europe/Berlin)", o.Note)

	south := eachQuarter(config.Review{Hour: 2, Minute: 30, Zone: "Australia/Sydney", Days: 2}, from).Spec
	require.Equal(t, "2027-10-03 02:30", written(south.Skip[0]), "which is left out there")
	require.Equal(t, "2027-10-03 03:30", written(south.Calendars[1]))
	for i, skipped := range south.Skip {
		require.Equal(t, 3, skipped.DayOfMonth[0].Start)
		require.Contains(t, []int{4, 10}, skipped.Month[0].Start)
		require.Equal(t, skipped.Year, south.Calendars[1+i].Year)
	}
}

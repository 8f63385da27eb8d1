package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/config"
)

// Berlin goes from 02:00 to 03:00 on 2027-03-28, and from 03:00 back to 02:00 on
// 2026-10-25 and 2027-10-31.
func TestNightlyStartsOnceWhenTheClocksChange(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		give    config.Night
		skipped []string // the first of them
		instead []string
	}{
		{
			name: "in the hour that is left out or repeated", give: config.Night{Hour: 2, Minute: 30, Zone: "Europe/Berlin"},
			skipped: []string{"2026-10-25 02:30", "2027-03-28 02:30", "2027-10-31 02:30"},
			instead: []string{"2026-10-25 03:30", "2027-03-28 03:30", "2027-10-31 03:30"},
		},
		{name: "in another hour", give: config.Night{Hour: 1, Minute: 59, Zone: "Europe/Berlin"}},
		{name: "on the hour of the change", give: config.Night{Hour: 3, Zone: "Europe/Berlin"}},
		{
			name: "only left out", give: config.Night{Hour: 2, Minute: 30, Zone: "America/New_York"},
			skipped: []string{"2027-03-14 02:30"}, instead: []string{"2027-03-14 03:30"},
		},
		{
			name: "only repeated", give: config.Night{Hour: 1, Minute: 30, Zone: "America/New_York"},
			skipped: []string{"2026-11-01 01:30"}, instead: []string{"2026-11-01 02:30"},
		},
		{
			name: "by half an hour", give: config.Night{Hour: 1, Minute: 45, Zone: "Australia/Lord_Howe"},
			skipped: []string{"2027-04-04 01:45"}, instead: []string{"2027-04-04 02:45"},
		},
		{name: "never", give: config.Night{Hour: 2, Minute: 30, Zone: "UTC"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spec := nightly(tt.give, from).Spec
			require.Len(t, spec.Calendars, 1+len(spec.Skip), "each night that is skipped has another time")
			require.Equal(t, tt.give.Hour, spec.Calendars[0].Hour[0].Start)
			for i := range tt.skipped {
				require.Equal(t, tt.skipped[i], written(spec.Skip[i]))
				require.Equal(t, tt.instead[i], written(spec.Calendars[1+i]))
			}
			if tt.skipped == nil {
				require.Empty(t, spec.Skip)
			}
		})
	}
}

func written(c client.ScheduleCalendarSpec) string {
	return fmt.Sprintf("%d-%02d-%02d %02d:%02d", c.Year[0].Start, c.Month[0].Start, c.DayOfMonth[0].Start, c.Hour[0].Start, c.Minute[0].Start)
}

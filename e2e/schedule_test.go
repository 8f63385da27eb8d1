package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sluicehq/sluice/sandbox"
)

func TestTheScheduleStartsOnceANightAlsoWhenTheClocksChange(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	zoned := strings.Replace(pipeline, "late_fill:", "signals: {night: {at: \"02:30\", zone: Europe/Berlin, jitter: 10m}}\nlate_fill:", 1)
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("zoned.yaml", zoned))
	require.Contains(t, w.starter("signals", "schedule").ok().stdout, "sluice-signals made")
	schedules := w.temporal.ScheduleClient()
	handle := schedules.GetHandle(t.Context(), "sluice-signals")
	require.NoError(t, handle.Pause(t.Context(), client.SchedulePauseOptions{Note: "the vendor is down"}))

	again := w.starter("signals", "schedule").ok().stdout
	require.Contains(t, again, "brought up to date")
	require.Contains(t, again, "the vendor is down", "who pauses it means it")
	require.Eventually(t, func() bool { // the list is of visibility, which follows
		all, err := schedules.List(t.Context(), client.ScheduleListOptions{})
		require.NoError(t, err)
		n := 0
		for all.HasNext() {
			_, err := all.Next()
			require.NoError(t, err)
			n++
		}
		return n == 1
	}, 30*time.Second, 100*time.Millisecond)

	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	desc, err := handle.Describe(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, desc.Info.NextActionTimes)
	require.Equal(t, "Europe/Berlin", desc.Schedule.Spec.TimeZoneName)

	const nights = 2 * 365
	from := time.Now().In(berlin).AddDate(0, 0, 1)
	from = time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, berlin)
	all, err := w.temporal.WorkflowService().ListScheduleMatchingTimes(t.Context(), &workflowservice.ListScheduleMatchingTimesRequest{
		Namespace: w.namespace(), ScheduleId: "sluice-signals",
		StartTime: timestamppb.New(from), EndTime: timestamppb.New(from.AddDate(0, 0, nights)),
	})
	require.NoError(t, err)
	started := map[string][]string{}
	for _, at := range all.StartTime {
		local := at.AsTime().In(berlin)
		started[local.Format(time.DateOnly)] = append(started[local.Format(time.DateOnly)], local.Format("15:04 MST"))
	}
	var odd []string
	for n := range nights {
		day := from.AddDate(0, 0, n)
		at := started[day.Format(time.DateOnly)]
		require.Len(t, at, 1, "starts on %s: %v", day.Format(time.DateOnly), at)
		if !strings.HasPrefix(at[0], "02:3") && !strings.HasPrefix(at[0], "02:40") {
			odd = append(odd, at[0][:2]+at[0][5:])
		}
	}
	slices.Sort(odd)
	require.Equal(t, []string{"03 CEST", "03 CEST", "03 CET", "03 CET"}, odd, "two springs and two autumns")
}

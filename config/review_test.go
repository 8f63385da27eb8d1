package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
)

const quarterly = `model: revops
providers: [{name: website}]
signals: {night: {zone: Europe/Berlin}}
review: {at: "06:45", zone: America/New_York, days: 12, remind_after: 3d}
`

func TestReviewSection(t *testing.T) {
	t.Parallel()
	require.Equal(t, config.Review{Hour: 6, Minute: 45, Zone: "America/New_York", Days: 12, RemindAfter: 72 * time.Hour}, parse(t, quarterly).Review)
	without, _, _ := strings.Cut(quarterly, "review:")
	require.Equal(t, config.Review{Hour: 7, Zone: "Europe/Berlin", Days: 5, RemindAfter: 7 * 24 * time.Hour}, parse(t, without).Review)
}

func TestReviewMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, want string }{
		{"a time that no clock shows", `"06:45"`, `"6:45"`, `4:14: review.at: want a time of day such as "02:30", have "6:45"`},
		{"a zone that is none", "America/New_York", "America", `4:29: review.zone: want a time zone such as Europe/Berlin or UTC, have "America"`},
		{"more days than the month has", "days: 12", "days: 28", "4:53: review.days: 28 is outside 0 to 27"},
		{"a reminder without unit", "3d", "3", "4:71: review.remind_after: "},
		{"another key", "days:", "day:", "4:47: review.day: unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(quarterly, tt.old), "the text to replace is not there once")
			_, err := config.ParsePipeline("p", []byte(strings.Replace(quarterly, tt.old, tt.new, 1)))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, "p:"+tt.want)
		})
	}
}

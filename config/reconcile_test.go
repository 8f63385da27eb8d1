package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
)

const compared = `model: revops
providers: [{name: website}]
reconcile: {every: 30m, since: 2d, settle: 90s, effects: true}
`

func TestReconcileSection(t *testing.T) {
	t.Parallel()
	require.Equal(t, config.Reconcile{Every: 30 * time.Minute, Since: 48 * time.Hour, Settle: 90 * time.Second, Effects: true}, parse(t, compared).Reconcile)
	without := compared[:strings.Index(compared, "reconcile")]
	require.Equal(t, config.Reconcile{Every: time.Hour, Since: 7 * 24 * time.Hour, Settle: time.Minute}, parse(t, without).Reconcile)
}

func TestReconcileMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, want string }{
		{"an unknown key", "effects: true", "effect: true", "3:49: reconcile.effect: unknown key"},
		{"too often", "every: 30m", "every: 4m", "3:20: reconcile.every: 4m is more often than every 5m"},
		{"a number alone", "every: 30m", "every: 30", "3:20: reconcile.every: want a number of minutes or hours or days"},
		{"no time at all", "since: 2d", "since: 0h", "3:32: reconcile.since: want a number of hours or days"},
		{"shorter than a step", "every: 30m, since: 2d", "every: 3d, since: 2d", "3:31: reconcile.since: 2d is shorter than reconcile.every (3d)"},
		{"a settle of hours", "settle: 90s", "settle: 2h", "3:44: reconcile.settle: want a number of seconds or minutes"},
		{"a switch in words", "effects: true", "effects: often", "3:58: reconcile.effects: want true or false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(compared, tt.old), "the text to replace is not there once")
			_, err := config.ParsePipeline("p", []byte(strings.Replace(compared, tt.old, tt.new, 1)))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

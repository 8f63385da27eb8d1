package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/store"
)

const careful = `model: revops
providers: [{name: website}]
release:
  roles: [revops, board]
  shadow: 12h
  ab: {share: 0.1, for: 7d}
  guard: {tier_share: 0.05, tasks_per_rep: 3}
`

func TestReleaseSection(t *testing.T) {
	t.Parallel()
	require.Equal(t, activities.ReleaseSettings{
		Roles: []string{"revops", "board"}, Shadow: 12 * time.Hour, AB: store.Trial{Share: 0.1, For: 7 * 24 * time.Hour},
		Guard: store.Guard{TierShare: 0.05, TasksPerRep: 3},
	}, parse(t, careful).Releases)

	usual := activities.ReleaseSettings{
		Roles: []string{"sales", "marketing", "customer-success"}, Shadow: 72 * time.Hour, AB: store.Trial{Share: 0.2, For: 14 * 24 * time.Hour},
		Guard: store.Guard{TierShare: 0.25, TasksPerRep: 20},
	}
	require.Equal(t, usual, parse(t, "model: revops\nproviders: [{name: website}]\n").Releases, "without the section")
	shipped, err := config.LoadPipeline("../sluice.yaml")
	require.NoError(t, err)
	require.Equal(t, usual, shipped.Releases, "the shipped file writes the defaults out")

	without := parse(t, strings.Replace(careful, "share: 0.1", "share: 0", 1)).Releases
	require.Zero(t, without.AB.Share, "0 leaves the A/B out")
}

func TestReleaseMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, want string }{
		{"nobody who signs off", "[revops, board]", "[]", "4:10: release.roles: must not be empty"},
		{"a role twice", "[revops, board]", "[revops, revops]", `4:19: release.roles[1]: "revops" is already in the list`},
		{"a role in words", "board]", "The Board]", `4:19: release.roles[1]: "The Board": want lower-case letters`},
		{"a shadow without a unit", "shadow: 12h", "shadow: 12", "5:11: release.shadow: want a number of seconds"},
		{"a share of everybody", "share: 0.1", "share: 1", "6:15: release.ab.share: 1 leaves nobody to compare with"},
		{"a share above one", "share: 0.1", "share: 20", "6:15: release.ab.share: 20 is outside 0 to 1"},
		{"an A/B of words", "for: 7d", "for: a week", "6:25: release.ab.for: want a number of seconds"},
		{"a guard above one", "tier_share: 0.05", "tier_share: 5", "7:23: release.guard.tier_share: 5 is outside 0 to 1"},
		{"negative tasks", "tasks_per_rep: 3", "tasks_per_rep: -3", "7:44: release.guard.tasks_per_rep: -3 is outside 0 to 100000"},
		{"a key that is none", "shadow: 12h", "shade: 12h", "5:3: release.shade: unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(careful, tt.old), "the text to replace is not there once")
			_, err := config.ParsePipeline("p", []byte(strings.Replace(careful, tt.old, tt.new, 1)))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, "p:"+tt.want)
		})
	}
}

package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
)

const nightly = `model: revops
providers: [{name: website}]
signals:
  night: {at: "01:15", zone: Europe/Berlin, jitter: 5m, catch_up: 2h}
  targets:
    tiers: [Tier 1]
    crm_flag: false
    segments:
      - {country: [US, CA], industry: [saas]}
      - {technologies: [hubspot]}
  daily_cap: 7
  give_up: 30m
  sources:
    - {name: news, on: true, rate: 0.1}
    - {name: jobboards, timeout: 5s, breaker: {failures: 9, cool_down: 1m}}
`

func TestSignalsSection(t *testing.T) {
	t.Parallel()
	s := parse(t, nightly).Signals
	require.Equal(t, config.Night{Hour: 1, Minute: 15, Zone: "Europe/Berlin", Jitter: 5 * time.Minute, CatchUp: 2 * time.Hour}, s.Night)
	require.Equal(t, []string{"Tier 1"}, s.Tiers)
	require.False(t, s.Marked)
	require.Equal(t, []activities.Segment{
		{account.Country: {"US", "CA"}, account.Industry: {"saas"}},
		{account.Technologies: {"hubspot"}},
	}, s.Segments)
	require.Equal(t, 7, s.DailyCap)
	require.Equal(t, 30*time.Minute, s.GiveUp)
	on := true
	require.Equal(t, []config.SignalSource{
		{Name: "news", On: &on, Rate: 0.1},
		{Name: "jobboards", Timeout: 5 * time.Second, Failures: 9, CoolDown: time.Minute},
	}, s.Sources)
}

func TestSignalsMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, want string }{
		{"a time without quotes or minutes", `"01:15"`, "1", `4:15: signals.night.at: want a text (in quotes, if that is what it is), have 1`},
		{"a time that no clock shows", `"01:15"`, `"24:00"`, `4:15: signals.night.at: want a time of day such as "02:30", have "24:00"`},
		{"a zone that is none", "Europe/Berlin", "Europe/Atlantis", `4:30: signals.night.zone: want a time zone such as Europe/Berlin or UTC, have "Europe/Atlantis"`},
		{"a segment of everybody", "{technologies: [hubspot]}", "{}", "10:9: signals.targets.segments[1]: names no field: every account would be on the list"},
		{"a segment by a number", "{technologies: [hubspot]}", "{employees: [50]}", "10:10: signals.targets.segments[1].employees: unknown key; known: "},
		{"a segment without words", "[hubspot]", "[]", "10:24: signals.targets.segments[1].technologies: must not be empty"},
		{"a negative cap", "daily_cap: 7", "daily_cap: -1", "11:14: signals.daily_cap: -1 is outside 0 to 1000"},
		{"a source that is none", "name: news", "name: gossip", `14:14: signals.sources[0].name: `},
		{"a source twice", "name: jobboards", "name: news", `15:14: signals.sources[1].name: "news" is already in the list`},
		{"a call that takes too long", "timeout: 5s", "timeout: 60s", `15:34: signals.sources[1].timeout: `},
		{"a flag in words", "crm_flag: false", "crm_flag: never", `7:15: signals.targets.crm_flag: want true or false, have the text "never"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(nightly, tt.old), "the text to replace is not there once")
			_, err := config.ParsePipeline("p", []byte(strings.Replace(nightly, tt.old, tt.new, 1)))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, "p:"+tt.want)
		})
	}
}

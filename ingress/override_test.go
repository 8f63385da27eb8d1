package ingress_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/ingress"
)

func TestParseExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	for give, want := range map[string]time.Time{
		"":                          {},
		"30d":                       now.AddDate(0, 0, 30),
		"1.5d":                      now.Add(36 * time.Hour),
		"12h":                       now.Add(12 * time.Hour),
		"90m":                       now.Add(90 * time.Minute),
		"2026-12-24":                time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC), // its day is part of it
		"2026-12-24T12:00:00Z":      time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC),
		"2026-12-24T12:00:00+01:00": time.Date(2026, 12, 24, 11, 0, 0, 0, time.UTC),
	} {
		got, err := ingress.ParseExpiry(give, now)
		require.NoError(t, err, give)
		require.True(t, want.Equal(got), "%q is %s", give, got)
	}
	for _, give := range []string{"soon", "30", "d", "-3d", "0d", "24.12.2026", "2026-13-01", "tomorrow"} {
		_, err := ingress.ParseExpiry(give, now)
		var invalid *account.InvalidError
		require.ErrorAs(t, err, &invalid, give)
		require.Equal(t, "expires_at", invalid.Field)
	}
}

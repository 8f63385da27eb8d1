package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestProcessDropsValues holds that what envconfig cannot convert, which it quotes,
// is not repeated: no variable of today has such a type, one of tomorrow may.
func TestProcessDropsValues(t *testing.T) {
	tests := []struct {
		name string
		into any
		want string
	}{
		{"a number", &struct{ Count int }{}, "SLUICE_X_COUNT: not a int"},
		{"a time", &struct{ Wait time.Duration }{}, "SLUICE_X_WAIT: not a time.Duration"},
		{"a yes or no", &struct{ On bool }{}, "SLUICE_X_ON: not a bool"},
		{"a list of numbers", &struct{ Counts []int }{}, "SLUICE_X_COUNTS: not a []int"},
		{"pairs", &struct{ Pairs map[string]int }{}, "SLUICE_X_PAIRS: not a map[string]int"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"COUNT", "WAIT", "ON", "COUNTS", "PAIRS"} {
				t.Setenv("SLUICE_X_"+name, "canary-7f3a")
			}
			require.EqualError(t, process("SLUICE_X", tt.into), tt.want)
		})
	}
}

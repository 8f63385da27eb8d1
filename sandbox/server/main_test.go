package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		give           []string
		code           int
		stdout, stderr string
	}{
		{"help", []string{"-help"}, 0, "Examples:", ""},
		{"unknown flag", []string{"-port", "1"}, 2, "", "-help"},
		{"argument", []string{"companies.csv"}, 2, "", "unexpected argument"},
		{"coverage", []string{"-coverage", "most"}, 2, "", "full, partial or realistic"},
		{"share of news", []string{"-news", "1.5"}, 2, "", "a share between 0 and 1"},
		{"fewer than none", []string{"-invent", "-1"}, 2, "", "a number of companies"},
		{"two tables", []string{"-invent", "5", "-companies", "x.csv"}, 2, "", "either -companies or -invent"},
		{"no such file", []string{"-companies", "missing.csv"}, 1, "", "missing.csv"},
		{"no table", []string{"-companies", "main.go"}, 1, "", "name one domain or website"},
		{"address", []string{"-addr", "nowhere:x"}, 1, "", "listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			require.Equal(t, tt.code, run(t.Context(), tt.give, &stdout, &stderr), stderr.String())
			require.Contains(t, stdout.String(), tt.stdout)
			require.Contains(t, stderr.String(), tt.stderr)
		})
	}
}

func TestServesUntilToldToStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	companies, env := filepath.Join(dir, "companies.csv"), filepath.Join(dir, "env")
	require.NoError(t, os.WriteFile(companies, []byte("domain,employees\nacme.example,5\n,6\n"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stdout, stderr bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-companies", companies, "-env", env, "-crm", "-latency", "1ms"}, &stdout, &stderr)
	}()
	require.Eventually(t, func() bool {
		written, err := os.ReadFile(env)
		return err == nil && bytes.Contains(written, []byte("SLUICE_APOLLO_BASE_URL=http://127.0.0.1:"))
	}, 10*time.Second, 10*time.Millisecond)
	stop()
	require.Zero(t, <-done, stderr.String())
	require.Contains(t, stdout.String(), "2 rows: 1 companies, 1 skipped")
	require.Contains(t, stdout.String(), "line 3: no usable domain")
}

func TestNewsForTheComingNight(t *testing.T) {
	t.Parallel()
	set, err := parse([]string{"-addr", "127.0.0.1:0", "-invent", "300", "-news", "0.2", "-targets"}, &bytes.Buffer{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stop() // it serves, says what there is, and ends
	var stdout bytes.Buffer
	require.NoError(t, serve(ctx, set, &stdout))
	require.Regexp(t, `# News: [1-9]\d* happenings until \d{4}-`, stdout.String())

	for now, want := range map[string]string{
		"2026-11-23T02:29:00Z": "2026-11-23T02:30:00Z", "2026-11-23T02:30:00Z": "2026-11-24T02:30:00Z", "2026-11-23T22:00:00Z": "2026-11-24T02:30:00Z",
	} {
		at, err := time.Parse(time.RFC3339, now)
		require.NoError(t, err)
		require.Equal(t, want, comingNight(at).Format(time.RFC3339), now)
	}
}

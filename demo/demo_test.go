package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/workflows"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i) // in no particular order
	}
	tests := []struct {
		name  string
		give  []time.Duration
		share float64
		want  time.Duration
	}{
		{"none", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.95, 7},
		{"median of two", []time.Duration{9, 3}, 0.5, 3},
		{"median", hundred, 0.5, 50},
		{"95th", hundred, 0.95, 95},
		{"95th of ten is the worst", hundred[:10], 0.95, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, percentile(tt.give, tt.share))
		})
	}
}

func TestAcceptedLeavesOutTheLinesThatWereRefused(t *testing.T) {
	t.Parallel()
	samples := []sandbox.Sample{{Domain: "webhook.example"}, {Domain: "two.example"}, {Domain: "three.example"}, {Domain: "gmail.com"}}
	got := accepted(samples, []refusal{{Line: 4}})
	require.Equal(t, samples[:3], got)
	rows, err := csvOf(samples[1:])
	require.NoError(t, err)
	require.Equal(t, "gmail.com,", strings.Split(string(rows), "\n")[4-1], "line numbers are the file's")
}

func TestSumCountsWhatIsThere(t *testing.T) {
	t.Parallel()
	done := func(tier string, credits float64, took time.Duration) outcome {
		return outcome{
			Company: explain.Company{Tier: tier, Credits: credits},
			run:     workflows.Status{Status: workflows.Completed}, took: took,
		}
	}
	all := []outcome{
		done("Tier 1", 2, time.Second), done("Tier 1", 0.5, 3*time.Second), done("Tier 3", 0, 2*time.Second),
		{Company: explain.Company{Credits: 1}}, // failed after it had bought an answer
	}
	calls := map[string]fault.Counters{
		"apollo":  {Requests: 9, Lookups: map[string]int{"a.example": 1, "b.example": 2}},
		"website": {Requests: 2, Lookups: map[string]int{"a.example": 1}}, // robots.txt is a request too
		"hubspot": {Requests: 50, Lookups: map[string]int{"x": 4}},
	}
	require.Equal(t, report{
		Companies: 4, Completed: 3, Failed: 1, Refused: 1, Tasks: 2, Credits: 3.5,
		Tiers: map[string]int{"Tier 1": 2, "Tier 3": 1}, ProviderCalls: map[string]int{"apollo": 3, "website": 1},
		P50MS: 2000, P95MS: 3000, WallMS: 5000,
	}, sum(all, calls, 2, 1, 5*time.Second))
}

func TestReportHasTheFieldsThatScriptsRelyOn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "report.json")
	require.NoError(t, os.WriteFile(file, []byte("an older one"), 0o600))
	require.NoError(t, writeReport(file, sum(nil, nil, 0, 0, 0)))
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(b, &fields))
	require.Equal(t, map[string]any{
		"companies": 0.0, "completed": 0.0, "failed": 0.0, "tiers": map[string]any{}, "tasks": 0.0,
		"provider_calls": map[string]any{}, "credits": 0.0, "p50_ms": 0.0, "p95_ms": 0.0, "wall_ms": 0.0, "refused": 0.0,
	}, fields)
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no draft is left")
}

func TestReportComplainsAboutFailedCompanies(t *testing.T) {
	t.Parallel()
	require.NoError(t, report{Companies: 2, Completed: 2}.err())
	require.EqualError(t, report{Companies: 2, Completed: 1, Failed: 1}.err(), "1 of 2 companies failed")
}

func TestAskedShowsHowEachProviderTookIt(t *testing.T) {
	t.Parallel()
	require.Equal(t, "apollo (clearbit) (hunter) pdl* (builtwith)* website: skipped budget", asked([]workflows.ProviderStatus{
		{Name: "apollo", Outcome: outbound.Cached, Asked: 1},
		{Name: "clearbit", Outcome: outbound.NotFound, Asked: 1},
		{Name: "hunter", Outcome: outbound.Mismatch, Asked: 1},
		{Name: "pdl", Outcome: outbound.Found, Asked: 2},
		{Name: "builtwith", Outcome: outbound.NotFound, Asked: 3},
		{Name: "website", Outcome: outbound.SkippedBudget, Asked: 1},
	}))
}

func TestWhyNamesWhatCounted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give []icp.Result
		want string
	}{
		{"points of both signs", []icp.Result{{Name: "tech_stack", Points: 20}, {Name: "revenue"}, {Name: "churned", Points: -30}}, "tech stack +20, churned -30"},
		{"known, and worth nothing", []icp.Result{{Name: "industry", Input: account.TextValue("legal")}}, "nothing that the model looks for"},
		{"not known at all", []icp.Result{{Name: "industry"}}, "nobody knows the company"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, why(tt.give))
		})
	}
}

func TestScoreShowsWhatLateFillCorrected(t *testing.T) {
	t.Parallel()
	o := outcome{Company: explain.Company{Score: explain.Score{Value: 70}}, first: icp.Score{Value: 35}}
	require.Equal(t, "35 → 70", scoreOf(o))
	o.first.Value = 70
	require.Equal(t, "70", scoreOf(o))
}

func TestEnvironmentKeepsRealKeysOut(t *testing.T) {
	t.Parallel()
	got := environment(
		[]string{"PATH=/bin", "SLUICE_APOLLO_API_KEY=real", "TEMPORAL_API_KEY=real", "HOME=/root"},
		[]string{"SLUICE_APOLLO_API_KEY=sandbox"},
	)
	require.Equal(t, []string{"PATH=/bin", "HOME=/root", "SLUICE_APOLLO_API_KEY=sandbox"}, got)
}

func TestEnvFileQuotesForAShell(t *testing.T) {
	t.Parallel()
	require.Equal(t, "A='x'\nB='it'\\''s \"$HOME\"=1'\n", string(envFile([]string{"A=x", `B=it's "$HOME"=1`})))
}

func TestOwnDatabaseIsBesideTheGivenOne(t *testing.T) {
	t.Parallel()
	got, err := ownDatabase("postgres://u:p@127.0.0.1:5432/sluice?sslmode=disable")
	require.NoError(t, err)
	require.Equal(t, "postgres://u:p@127.0.0.1:5432/sluice_demo?sslmode=disable", got)
	_, err = ownDatabase("host=localhost dbname=sluice")
	require.ErrorContains(t, err, "SLUICE_DATABASE_URL")
}

func TestReadStackSaysWhatBringsOne(t *testing.T) {
	t.Parallel()
	_, err := readStack(func(string) string { return "" })
	require.ErrorContains(t, err, "make demo")
	got, err := readStack(func(name string) string {
		return map[string]string{"SLUICE_DATABASE_URL": "postgres://x/y", "TEMPORAL_ADDRESS": "127.0.0.1:7233"}[name]
	})
	require.NoError(t, err)
	require.Equal(t, "default", got.namespace)
}

func TestAskedOnce(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, "1": true, "true": true, "0": false} {
		got, err := askedOnce(value)
		require.NoError(t, err)
		require.Equal(t, want, got, value)
	}
	_, err := askedOnce("once")
	require.ErrorContains(t, err, "DEMO_ONCE=once")
}

func TestThePipelineFitsTheSandbox(t *testing.T) {
	t.Parallel()
	p, err := config.ParsePipeline("demo/sluice.yaml", pipeline)
	require.NoError(t, err)
	var order []string
	for _, step := range p.Providers {
		order = append(order, step.Name)
	}
	shipped, err := config.LoadPipeline("../sluice.yaml")
	require.NoError(t, err)
	for i, step := range shipped.Providers {
		require.Equal(t, step.Name, order[i], "the demo asks in the order that Sluice ships with")
	}
}

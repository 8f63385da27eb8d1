package e2e

import (
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/sandbox"
)

// full runs what takes minutes at its full size; `make bench` sets it.
var full = flag.Bool("full", false, "run the large end-to-end tests at their full size")

// TestRealCompaniesComeOutAsScoringTheFileDirectly imports a real list with all its
// dirt: rows without a domain, profiles in the place of websites, repeated companies.
func TestRealCompaniesComeOutAsScoringTheFileDirectly(t *testing.T) {
	file := filepath.Join("..", "..", "shared", "data", "companies-yc-a", "companies.csv")
	in, err := os.Open(file)
	if err != nil {
		t.Skip("the public data set is not here:", file)
	}
	defer in.Close()
	rows, err := csv.NewReader(in).ReadAll()
	require.NoError(t, err)
	if !*full {
		rows = rows[:150] // the header, and the first of them
	}
	part := filepath.Join(t.TempDir(), "companies.csv")
	out, err := os.Create(part)
	require.NoError(t, err)
	require.NoError(t, csv.NewWriter(out).WriteAll(rows))
	require.NoError(t, out.Close())
	again, err := os.Open(part)
	require.NoError(t, err)
	defer again.Close()
	table, _, err := sandbox.Load(again)
	require.NoError(t, err)

	w := newWorld(t, sandbox.Options{Table: table})
	w.startWorker()
	var got imported
	w.starter("company", "import", part, "--wait", "--json").ok().json(&got)

	require.Equal(t, len(rows)-1, got.Rows)
	require.Equal(t, got.Rows, got.Completed+len(got.Refused), "every row completes or is refused")
	require.Empty(t, got.Failed)
	for _, r := range got.Refused {
		require.NotZero(t, r.Line)
		require.NotEmpty(t, r.Reason)
	}
	require.Equal(t, scoredDirectly(t, rows), got.Tiers)
	t.Logf("%d rows: %d completed, %d refused, tiers %v, in %.0f s", got.Rows, got.Completed, len(got.Refused), got.Tiers, float64(got.WallMS)/1000)
}

// scoredDirectly counts the tiers of the file's rows without any vendor or run.
func scoredDirectly(t *testing.T, rows [][]string) map[string]int {
	t.Helper()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	tiers, seen := map[string]int{}, map[string]bool{}
	now := time.Now()
	for _, row := range rows[1:] {
		key := "name:" + account.NormalizeName(row[at["name"]])
		if row[at["domain"]] != "" {
			var err error
			if key, err = account.NormalizeDomain(row[at["domain"]]); err != nil {
				continue
			}
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		facts := account.Facts{}
		add := func(f account.Field, v account.Value) {
			facts[f] = account.Fact{Field: f, Value: v, Confidence: 1, ObservedAt: now}
		}
		if word, ok := vocabulary.IndustryOf(row[at["subindustry"]], row[at["industry"]]); ok {
			add(account.Industry, account.TextValue(word))
		}
		if n, err := strconv.ParseFloat(row[at["team_size"]], 64); err == nil && n > 0 {
			add(account.Employees, account.NumberValue(n))
		}
		tiers[icp.Rate(m, facts, nil, now).Tier]++
	}
	return tiers
}

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// closedDeals writes a file of deals: partners win mostly, and a column that is filled
// in when a deal is won tells it all.
func closedDeals(t *testing.T, dir string) string {
	var b strings.Builder
	b.WriteString("account,stage,created,partner,colour,invoice,arr\n")
	for i := range 400 {
		stage, invoice, partner := "Closed Lost", "", "no"
		if i%2 == 0 {
			partner = "yes"
		}
		if i%2 == 0 && i%10 != 0 || i%7 == 0 {
			stage, invoice = "Closed Won", fmt.Sprintf("I-%d", i)
		}
		fmt.Fprintf(&b, "A-%d,%s,2026-%02d-%02d,%s,%s,%s,%d\n", i, stage, 1+i%12, 1+i%28, partner, []string{"red", "green", "blue"}[i%3], invoice, 100+i)
	}
	file := filepath.Join(dir, "deals.csv")
	require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	return file
}

func TestDeriveAndBacktest(t *testing.T) {
	dir := t.TempDir()
	file, out, plot := closedDeals(t, dir), filepath.Join(dir, "partners.yaml"), filepath.Join(dir, "plot.svg")
	status, stdout, stderr := call(t, "icp", "derive", "--deals", file, "--outcome", "stage", "--id", "account", "--date", "created",
		"--value", "arr", "--name", "partners", "--owner", "revops@acme.example", "--out", out)
	require.Equal(t, ok, status, stderr)
	require.Contains(t, stderr, `WARNING: the column "invoice" alone tells the outcome (AUC 1.00 by whether it is filled in)`)
	require.Contains(t, stdout, "partner")
	require.NotContains(t, stdout, "colour")

	status, stdout, _ = call(t, "icp", "validate", out)
	require.Equal(t, ok, status)
	require.Contains(t, stdout, "partners@1, 1 criteria")

	status, stdout, stderr = call(t, "icp", "backtest", "--model", out, "--deals", file, "--outcome", "stage", "--value", "arr", "--plot", plot, "--json")
	require.Equal(t, ok, status, stderr)
	var got struct {
		N, Won        int
		AUC           float64
		WinRateByTier map[string]float64 `json:"win_rate_by_tier"`
		RevenueByTier map[string]float64 `json:"revenue_by_tier"`
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Equal(t, 400, got.N)
	require.Greater(t, got.AUC, 0.75)
	require.Greater(t, got.WinRateByTier["Tier 1"], got.WinRateByTier["Not a fit"])
	require.Positive(t, got.RevenueByTier["Tier 1"])
	drawn, err := os.ReadFile(plot)
	require.NoError(t, err)
	require.Contains(t, string(drawn), "<svg")

	status, stdout, stderr = call(t, "icp", "backtest", "--model", out, "--against", out, "--deals", file, "--outcome", "stage")
	require.Equal(t, ok, status, stderr)
	require.Contains(t, stdout, "Difference in AUC, partners@1 less partners@1: +0.000 (95 % +0.000 to +0.000): no difference that chance could not make")
}

func TestDeriveRefusesNoise(t *testing.T) {
	dir := t.TempDir()
	file, out := closedDeals(t, dir), filepath.Join(dir, "none.yaml")
	args := []string{"icp", "derive", "--deals", file, "--outcome", "stage", "--ignore", "partner,invoice,arr", "--out", out}
	status, stdout, stderr := call(t, args...)
	require.Equal(t, failed, status)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "starter: icp derive: no attribute is reliable: of 1 tried")
	require.NoFileExists(t, out)

	status, stdout, _ = call(t, append(args, "--json")...)
	require.Equal(t, failed, status)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Contains(t, got["refused"], "no attribute is reliable")
	require.NotContains(t, got, "model")
}

func TestDeriveAndBacktestSayWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	file := closedDeals(t, dir)
	tests := []struct {
		give   string
		status int
		want   string
	}{
		{"derive", usage, "icp derive: --deals is missing; export the closed deals"},
		{"derive --deals " + file, usage, "icp derive: --outcome is missing"},
		{"derive --deals nowhere.csv --outcome stage", failed, "open nowhere.csv: no such file"},
		{"derive --deals " + file + " --outcome stag", failed, "(did you mean stage?)"},
		{"derive --deals " + file + " --outcome stage --name Partners", failed, `name: "Partners": want lower-case letters`},
		{"derive --deals " + file + " --outcome stage --out " + filepath.Join(dir, "no", "m.yaml"), failed, "no such file or directory"},
		{"backtest --deals " + file + " --outcome stage", usage, "icp backtest: --model is missing"},
		{"backtest --model revops", usage, "icp backtest: --deals is missing"},
		{"backtest --model revop --deals " + file + " --outcome stage", failed, `no model is called "revop"`},
		{"backtest --model revops --deals " + file + " --outcome stage", failed, "model: none of the fields that revops@"},
	}
	for _, tt := range tests {
		status, _, stderr := call(t, append([]string{"icp"}, strings.Fields(tt.give)...)...)
		require.Equal(t, tt.status, status, tt.give)
		require.Contains(t, stderr, tt.want, tt.give)
	}
}

// crmWithDeals answers as HubSpot with 400 closed deals, of which those with the pain
// "cost" were mostly won.
func crmWithDeals(t *testing.T) string {
	since := time.Now().AddDate(0, -dealMonths, 1)
	answers := map[string]any{"/crm/properties/2026-09/companies": listOf([]any{map[string]any{"name": "main_pain"}, map[string]any{"name": "colour"}})}
	var found, links, companies []any
	for i := range 400 {
		won, pain := i%5 == 0, "speed"
		if i%2 == 0 {
			won, pain = i%7 < 5, "cost"
		}
		at := since.Add(time.Duration(i) * 24 * time.Hour).Format(time.RFC3339)
		found = append(found, map[string]any{"id": 1 + i, "properties": map[string]any{"closedate": at, "hs_is_closed_won": fmt.Sprint(won), "amount": "100"}})
		links = append(links, map[string]any{"from": map[string]any{"id": 1 + i}, "to": []any{map[string]any{"toObjectId": 1000 + i}}})
		companies = append(companies, map[string]any{"id": 1000 + i, "properties": map[string]any{"main_pain": pain, "colour": []string{"red", "green", "blue"}[i%3]}})
	}
	answers["/crm/objects/2026-09/deals/search"] = listOf(found)
	answers["/crm/associations/2026-09/deals/companies/batch/read"] = listOf(links)
	answers["/crm/objects/2026-09/companies/batch/read"] = listOf(companies)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Contains(t, answers, r.URL.Path)
		_ = json.NewEncoder(w).Encode(answers[r.URL.Path])
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func listOf(results []any) map[string]any { return map[string]any{"results": results} }

func TestDeriveFromTheCRM(t *testing.T) {
	for name, value := range map[string]string{
		"DATABASE_URL": "postgres://127.0.0.1:1/none", "CRM": "hubspot", "HUBSPOT_BASE_URL": crmWithDeals(t), "HUBSPOT_TOKEN": "t",
		"HUBSPOT_CLIENT_SECRET": "s", "HUBSPOT_PORTAL": "8100", "CONFIG": "../sluice.yaml",
	} {
		t.Setenv("SLUICE_"+name, value)
	}
	status, stdout, stderr := callHere(t, "icp", "derive", "--name", "from-deals")
	require.Equal(t, ok, status, stderr)
	require.Contains(t, stdout, "made from 400 closed deals")
	require.Contains(t, stdout, "field: main_pain")
	require.NotContains(t, stdout, "field: colour")
	require.Contains(t, stdout, "the CRM says what is known of companies now")

	status, _, stderr = callHere(t, "icp", "derive", "--outcome", "won")
	require.Equal(t, usage, status)
	require.Contains(t, stderr, "--outcome, --id, --date, --value and --accounts are about a file")
}

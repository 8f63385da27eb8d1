package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/sandbox"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

// TestAModelIsDerivedFromTheDealsOfTheCRM: who came with a pain is won three times out of
// four, all others once; the colour says nothing. Deals of two years ago are history.
func TestAModelIsDerivedFromTheDealsOfTheCRM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	now := time.Now()
	for i := range 480 {
		pain, won := []string{"manual reporting", "none that they know"}[i%2], i%8 < 2
		if i%2 == 0 {
			won = i%8 != 0
		}
		closed := now.AddDate(0, 0, -i)
		id := w.sandbox.CRM.AddCompany(fmt.Sprint("Customer ", i), fmt.Sprintf("customer%d.example", i), map[string]string{
			"main_pain": pain, "colour": []string{"red", "green", "blue"}[i%3],
		})
		_, err := w.sandbox.CRM.AddDeal(id, crmsandbox.Deal{Name: fmt.Sprint("Deal ", i), Won: won, ClosedAt: closed, Amount: 1000})
		require.NoError(t, err)
		_, err = w.sandbox.CRM.AddDeal(id, crmsandbox.Deal{Name: "Old", Won: !won, ClosedAt: now.AddDate(-2, 0, -i)})
		require.NoError(t, err)
	}
	file := filepath.Join(t.TempDir(), "derived.yaml")
	derived := w.starter("icp", "derive", "--out", file).ok()
	require.Contains(t, derived.stdout+derived.stderr, "480 deals")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	m, err := icp.Parse(file, data)
	require.NoError(t, err)
	require.Len(t, m.Criteria, 1, "%s", data)
	require.Equal(t, "main_pain", string(m.Criteria[0].Field))
	require.Contains(t, string(data), "manual reporting")

	var tried struct {
		N, Won int
		AUC    float64
	}
	w.starter("icp", "backtest", "--model", file, "--json").ok().json(&tried)
	require.Equal(t, 480, tried.N)
	require.InDelta(t, 0.75, tried.AUC, 0.01)
}

func TestOutcomesOfOverridesComeFromTheDealsOfTheCRM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	w.startWorker()
	domains := w.domains(12)
	require.Equal(t, len(domains), w.importAll(domains).Completed)
	raised := domains[:2]
	for _, domain := range raised {
		w.starter("company", "override", domain, "--score", "99", "--code", "strategic", "--reason", "We know them", "--by", "ops").ok()
	}
	soon := time.Now().Add(time.Minute)
	for i, id := range w.companyIDs(domains) {
		_, err := w.sandbox.CRM.AddDeal(id, crmsandbox.Deal{Name: "Deal", Won: i < 3, ClosedAt: soon})
		require.NoError(t, err)
		_, err = w.sandbox.CRM.AddDeal(id, crmsandbox.Deal{Name: "Before", Won: true, ClosedAt: soon.AddDate(0, -1, 0)})
		require.NoError(t, err)
	}
	var became []review.Became
	w.starter("company", "overrides", "--outcomes", "--json").ok().json(&became)
	deals, won := 0, 0
	for _, b := range became {
		deals, won = deals+b.Deals, won+b.Won
		if b.Group == "raised: strategic" {
			require.Equal(t, []int{2, 2, 2}, []int{b.Accounts, b.Deals, b.Won})
		}
	}
	require.Equal(t, []int{12, 3}, []int{deals, won}, "%+v", became)
	require.Equal(t, review.Rest, became[len(became)-1].Group)
	require.Contains(t, w.starter("company", "overrides", "--outcomes").ok().stdout, "raised: strategic")
}

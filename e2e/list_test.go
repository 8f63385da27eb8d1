package e2e

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox"
)

func TestTheListOfAModelIsWhatItsRunsCameTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	w.startWorker()
	domains := w.domains(60)
	require.Equal(t, len(domains), w.importAll(domains).Completed)
	want, calls, writes := w.outcomes(domains), w.providerCalls(), w.sandbox.CRM.Ledger()

	type entry struct {
		Domain           string
		Value, Low, High int
		Tier             string
	}
	var all []entry
	w.starter("icp", "list", "revops", "--min", "0", "--json").ok().json(&all)
	require.Len(t, all, len(domains))
	require.True(t, slices.IsSortedFunc(all, func(a, b entry) int { return b.Value - a.Value }))
	for _, e := range all {
		o := want[e.Domain]
		require.Equal(t, outcome{e.Value, e.Low, e.High, e.Tier, o.Queue}, o, e.Domain)
	}
	var best []entry
	w.starter("icp", "list", "revops", "--json").ok().json(&best)
	require.Len(t, best, tier(want, "Tier 1"))
	var few []entry
	w.starter("icp", "list", "revops", "--min", "40", "--limit", "3", "--json").ok().json(&few)
	require.Equal(t, all[:3], few)

	rows, err := csv.NewReader(strings.NewReader(w.starter("icp", "list", "revops", "--csv").ok().stdout)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+len(best))
	require.Equal(t, calls, w.providerCalls(), "nobody is asked")
	require.Equal(t, writes, w.sandbox.CRM.Ledger(), "nothing is written")
	refused := w.starter("icp", "list", "revops", "--tier", "Tier1")
	require.Equal(t, 2, refused.status)
	require.Contains(t, refused.stderr, "did you mean Tier 1?")
}

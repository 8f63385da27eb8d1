package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestACompanyThatIsForgottenIsNowhereInSluiceAndDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	require.NoError(t, w.sandbox.Faults.Set("pdl", fault.Fault{Outage: true})) // so that some runs are under way
	w.startWorker()
	url, _ := w.serve("SLUICE_API_TOKEN=the-operator")
	domains := w.domains(8)
	w.starter("company", "import", w.write("some.csv", "domain\n"+strings.Join(domains, "\n")+"\n"), "--wait").ok()
	gone, finished := w.runUnderWay(domains), domains[0]
	w.starter("company", "override", finished, "--score", "90", "--code", "strategic", "--reason", "because", "--by", "dana", "--expires", "30d").ok()

	var would ingress.Forgotten
	w.starter("company", "forget", finished, "--dry-run", "--json").ok().json(&would)
	require.Positive(t, would.Rows["scores"])
	require.GreaterOrEqual(t, would.Histories, 2, "the company's and the override's")
	for _, domain := range []string{gone, finished} {
		require.Contains(t, w.onRecord(), domain)
		token := strings.TrimSpace(w.starter("token", "create", "dpo", "--scope", "admin").ok().stdout)
		f := w.deleteCompany(url, token, domain)
		require.Equal(t, 1, f.Accounts)
		require.NotEmpty(t, f.Providers)
		require.NotContains(t, w.onRecord(), domain)
		require.Zero(t, w.executions(domain))
	}
	require.Contains(t, w.onRecord(), domains[1], "the others stay")

	again := w.starter("company", "add", "--domain", finished, "--wait")
	require.NotZero(t, again.status)
	require.Contains(t, again.stdout+again.stderr, "erased on request")
	w.starter("company", "forget", finished, "--lift").ok()
	w.starter("company", "add", "--domain", finished, "--wait").ok()
	require.Contains(t, w.onRecord(), finished)
}

// runUnderWay returns a company whose run waits for a provider.
func (w *world) runUnderWay(domains []string) string {
	w.t.Helper()
	var found string
	w.eventuallyWithin(20*time.Second, "a run waits for a provider", func() bool {
		page, err := w.temporal.ListWorkflow(w.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "ExecutionStatus = 'Running' AND SluiceStage STARTS_WITH 'waiting'",
		})
		if err != nil {
			return false
		}
		for _, e := range page.GetExecutions() {
			for _, d := range domains[1:] {
				if strings.Contains(e.GetSearchAttributes().String(), d) {
					found = d
				}
			}
		}
		return found != ""
	})
	return found
}

// onRecord returns all rows of all tables as text.
func (w *world) onRecord() string { return storetest.Dump(w.t, w.variable("SLUICE_DATABASE_URL")) }

func (w *world) deleteCompany(url, token, domain string) ingress.Forgotten {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, url+"/v1/companies/"+domain, strings.NewReader(`{"by": "dpo", "reason": "a request"}`))
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer res.Body.Close()
	require.Equal(w.t, http.StatusOK, res.StatusCode)
	var f ingress.Forgotten
	require.NoError(w.t, json.NewDecoder(res.Body).Decode(&f))
	return f
}

// executions counts the runs of a domain that Temporal still has.
func (w *world) executions(domain string) int {
	w.t.Helper()
	page, err := w.temporal.ListWorkflow(w.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("SluiceDomain = '%s'", domain),
	})
	require.NoError(w.t, err)
	return len(page.GetExecutions())
}

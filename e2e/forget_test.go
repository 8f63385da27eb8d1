package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/seal"
	"github.com/sluicehq/sluice/store/storetest"
	"github.com/sluicehq/sluice/workflows"
)

func TestACompanyThatIsForgottenIsNowhereInSluiceAndDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	require.NoError(t, w.sandbox.Faults.Set("pdl", fault.Fault{Outage: true})) // so that some runs are under way
	keys := w.starter("payload-key", "2026-11").ok().stdout
	w.env = append(w.env, "SLUICE_PAYLOAD_KEYS_FILE="+w.write("payload.keys", keys), "SLUICE_CODEC_SECRET=canary-codec-secret")
	w.startWorker()
	url, _ := w.serve("SLUICE_API_TOKEN=the-operator")
	codec := url + "/codec/canary-codec-secret/decode"
	domains := w.domains(8)
	w.starter("company", "import", w.write("some.csv", "domain\n"+strings.Join(domains, "\n")+"\n"), "--wait").ok()
	gone, finished := w.runUnderWay(domains), domains[0]
	w.starter("company", "override", finished, "--score", "90", "--code", "strategic", "--reason", "because", "--by", "dana", "--expires", "30d").ok()

	var would ingress.Forgotten
	w.starter("company", "forget", finished, "--dry-run", "--json").ok().json(&would)
	require.Positive(t, would.Rows["scores"])
	require.GreaterOrEqual(t, would.Histories, 2, "the company's and the override's")
	// Deleting does not reach Temporal's archive and copies of its database.
	copied, others := w.copyOf(finished), w.copyOf(domains[1])
	require.Contains(t, fmt.Sprint(openPayloads(t, codec, append(copied, others...))), finished)
	for _, domain := range []string{finished, gone} {
		require.Contains(t, w.onRecord(), domain)
		token := strings.TrimSpace(w.starter("token", "create", "dpo", "--scope", "admin").ok().stdout)
		f := w.deleteCompany(url, token, domain)
		require.Equal(t, 1, f.Accounts)
		require.NotEmpty(t, f.Providers)
		require.Positive(t, f.Rows["subject_keys"])
		require.NotContains(t, w.onRecord(), domain)
		require.Zero(t, w.executions(domain))
	}
	require.Contains(t, w.onRecord(), domains[1], "the others stay")
	w.cannotBeOpened(codec, keys, copied)
	require.Contains(t, fmt.Sprint(openPayloads(t, codec, others)), domains[1])

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

// cannotBeOpened checks that nobody reads a copy of what a company left: neither the codec
// of people nor a worker, with all their keys.
func (w *world) cannotBeOpened(codec, keys string, copied []*commonpb.Payload) {
	w.t.Helper()
	w.eventuallyWithin(seal.SubjectLife+5*time.Second, "the starter has forgotten the company's key", func() bool {
		return !slices.ContainsFunc(openPayloads(w.t, codec, copied), func(p *commonpb.Payload) bool { return string(p.Data) != `"[erased]"` })
	})
	master, err := seal.ParseKeys(keys)
	require.NoError(w.t, err)
	worker := seal.NewCodec(master, seal.NewSubjects(w.store, workflows.AboutOneCompany)).InWorker()
	for _, p := range copied {
		_, err := worker.Decode([]*commonpb.Payload{p})
		require.ErrorIs(w.t, err, seal.ErrErased)
	}
}

// copyOf returns the payloads of all histories of a domain, as a backup would have them.
func (w *world) copyOf(domain string) []*commonpb.Payload {
	w.t.Helper()
	ctx := w.t.Context()
	accounts, err := w.store.AccountsByDomain(ctx, domain)
	require.NoError(w.t, err)
	require.Len(w.t, accounts, 1)
	page, err := w.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowId IN ('%s', '%s')", workflows.CompanyOnboardingID(accounts[0].Key, domain, ""), workflows.AccountOverrideID(accounts[0].ID)),
	})
	require.NoError(w.t, err)
	var all []*commonpb.Payload
	for _, e := range page.GetExecutions() {
		id := e.GetExecution().GetWorkflowId()
		for e := range w.events(ctx, id) {
			raw, err := proto.Marshal(e)
			require.NoError(w.t, err)
			var kept historypb.HistoryEvent
			require.NoError(w.t, proto.Unmarshal(raw, &kept))
			visitPayloads(kept.ProtoReflect(), func(p *commonpb.Payload) {
				require.Contains(w.t, p.Metadata, "subject-key-id", "%s has a payload with the master key alone: %s", id, e)
				all = append(all, p)
			})
		}
	}
	require.NotEmpty(w.t, all)
	return all
}

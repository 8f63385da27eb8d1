package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
)

// payloads are words that only vendors' responses have.
var payloads = []string{
	"estimated_num_employees", "current_technologies", "naics6Codes", "techCategories", "employee_count",
	"likelihood", "SpendHistory", "FirstDetected", "<html", "application/ld+json", "firstName",
}

func TestNeitherHistoriesNorLogsHoldSecretsOrPayloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	env := []string{"SLUICE_HUBSPOT_TOKEN=canary-hubspot-token", "SLUICE_API_TOKEN=canary-api-token", "SLUICE_LOG_LEVEL=debug"}
	for _, v := range sandbox.Vendors() {
		env = append(env, "SLUICE_"+strings.ToUpper(string(v))+"_API_KEY=canary-"+string(v)+"-key")
	}
	w.env = append(w.env, env...)
	// Every way to fail puts an error into the histories.
	for vendor, f := range map[string]fault.Fault{
		"apollo": {ErrorRate: 0.5}, "clearbit": {BadKey: true}, "hunter": {NoCredits: true},
		"pdl": {Reset: true}, "builtwith": {Truncate: true}, "hubspot": {LostAnswerRate: 0.2},
	} {
		require.NoError(t, w.sandbox.Faults.Set(vendor, f))
	}
	worker := w.startWorker()
	_, front := w.serve()
	domains := w.domains(20)
	w.starter("company", "import", w.write("some.csv", "domain\n"+strings.Join(domains, "\n")+"\n")).ok()
	w.eventuallyWithin(2*time.Minute, "all companies are scored", func() bool { return w.scored() >= len(domains) })

	said := map[string]string{"worker's log": worker.log.String(), "starter's log": front.log.String()}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ids := w.runIDs(ctx)
	require.Len(t, ids, len(domains))
	for _, id := range ids {
		said["history of "+id] = w.history(ctx, id)
	}
	for where, text := range said {
		require.NotEmpty(t, text, where)
		require.NotContains(t, text, "canary-", "%s holds a secret", where)
		for _, p := range payloads {
			require.NotContains(t, text, p, "%s holds a vendor's payload", where)
		}
	}
}

// history returns all events of a run as text, payloads included.
func (w *world) history(ctx context.Context, id string) string {
	w.t.Helper()
	var b strings.Builder
	it := w.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		require.NoError(w.t, err)
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

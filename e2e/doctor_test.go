package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox"
)

// diagnosis is what `starter doctor --json` prints.
type diagnosis struct {
	Status   string
	Findings []struct{ Check, Status, Detail, Fix string }
}

func (w *world) doctor(want int) diagnosis {
	w.t.Helper()
	r := w.starter("doctor", "--json")
	require.Equal(w.t, want, r.status, r.stdout)
	var d diagnosis
	r.json(&d)
	return d
}

// not returns what is not as it should be, by check.
func (d diagnosis) not(status string) map[string]string {
	all := map[string]string{}
	for _, f := range d.Findings {
		if f.Status != status {
			all[f.Check] = f.Status + ": " + f.Detail
		}
	}
	return all
}

func TestDoctorFindsWhatIsMissingAndThenThatAllIsWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	address := freeAddress(t)
	w.env = append(w.env, "SLUICE_PUBLIC_URL=http://"+address)

	before := w.doctor(1).not("ok")
	for _, check := range []string{"search attributes", "queue sluice", "models", "schedule sluice-signals", "schedule sluice-review", "schedule sluice-reconcile", "webhooks"} {
		require.Contains(t, before, check)
	}
	require.NotContains(t, before, "crm properties", "the world sets them up")

	w.startWorker()
	w.serveAt(address)
	w.starter("signals", "schedule").ok()
	w.starter("icp", "review", "schedule").ok()
	w.starter("crm", "reconcile", "schedule").ok()
	var after diagnosis
	w.eventuallyWithin(20*time.Second, "all is well", func() bool { // lists and pollers are told of with a delay
		after = w.doctor(0)
		wrong := after.not("ok")
		return wrong["schedule sluice-signals"]+wrong["schedule sluice-review"]+wrong["schedule sluice-reconcile"] == ""
	})
	for check, what := range after.not("ok") { // the tests' own Postgres and namespace are made to be thrown away
		require.Contains(t, []string{"postgres disk", "temporal namespace", "webhooks"}, check, what)
	}

	require.NoError(t, w.temporal.ScheduleClient().GetHandle(t.Context(), "sluice-signals").Pause(t.Context(), client.SchedulePauseOptions{Note: "the vendor is down"}))
	require.NoError(t, w.store.CloseProvider(t.Context(), "pdl", outbound.AuthFailed, time.Time{}, "HTTP 401"))
	w.eventuallyWithin(20*time.Second, "the pause is listed", func() bool {
		after = w.doctor(1)
		_, listed := after.not("ok")["schedule sluice-signals"]
		return listed
	})
	wrong := after.not("ok")
	require.Contains(t, wrong["schedule sluice-signals"], "the vendor is down")
	require.Contains(t, wrong["provider pdl"], "failed: closed for everybody: auth_failed")
	w.setSchemaBack()
	require.Contains(t, w.doctor(1).not("ok")["postgres schema"], "starter migrate")
}

package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/outbound"
)

// credentials is what a run waits for while the CRM refuses our key.
const (
	credentials     = "crm credentials"
	credentialsWait = 5 * time.Minute
)

// untilAllowed repeats a CRM call for as long as the CRM refuses our key. That is
// for a person to mend: what is to be done in the CRM waits, and is never dropped.
func untilAllowed(ctx workflow.Context, call, wait func() error) error {
	for {
		err := call()
		if !failedAs(err, string(outbound.AuthFailed)) {
			return err
		}
		workflow.GetLogger(ctx).Error("The CRM refuses our credentials", "next", "mend SLUICE_HUBSPOT_TOKEN and restart the workers")
		if err := wait(); err != nil {
			return err
		}
	}
}

// await is durable, and ends early when enough holds.
func await(ctx workflow.Context, what string, d time.Duration, enough func() bool) error {
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: d, TimerOptions: workflow.TimerOptions{Summary: Waiting + what},
	}, enough)
	return err
}

package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
)

// credentials is what a run waits for while the CRM refuses our key.
const (
	credentials     = "crm credentials"
	credentialsWait = 5 * time.Minute
)

// CRMAway is what a run waits for while the CRM does not do what it is asked.
const CRMAway = "crm"

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

// soonAttempts are a minute's of a call to the CRM that fails at once.
const soonAttempts = 6

// soon ends a call that does not succeed soon, so that the run can say so.
func soon(ctx workflow.Context) workflow.Context {
	policy := *workflow.GetActivityOptions(ctx).RetryPolicy
	policy.MaximumAttempts = soonAttempts
	return workflow.WithRetryPolicy(ctx, policy)
}

// triedInVain reports whether a call that was repeated has ended for no other reason than
// that it did not succeed soon.
func triedInVain(err error) bool {
	if appErr, ok := applicationError(err); ok {
		return !appErr.NonRetryable()
	}
	return temporal.IsTimeoutError(err)
}

// theCRMs reports whether the failure is the CRM's, not our own record's or of another run
// that is at work on the same account.
func theCRMs(err error) bool {
	return temporal.IsTimeoutError(err) || failedAs(err, string(outbound.ProviderError)) ||
		failedAs(err, string(outbound.Throttled)) || failedAs(err, activities.CircuitOpen)
}

// await is durable, and ends early when enough holds.
func await(ctx workflow.Context, what string, d time.Duration, enough func() bool) error {
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: d, TimerOptions: workflow.TimerOptions{Summary: Waiting + what},
	}, enough)
	return err
}

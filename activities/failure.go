package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
)

// Error types beside the outcomes of package outbound. They are part of the
// contract with workflow code and of recorded histories.
const (
	CircuitOpen = "CircuitOpen" // the breaker let no call out
	Invalid     = "Invalid"     // the input can never be accepted
	RecordGone  = "RecordGone"  // the CRM no longer has the company
	Overtaken   = "Overtaken"   // another run decides on the same account: try again
)

// longestRetry is the longest delay that a retry of the same activity bridges.
// What takes longer is the workflow's to wait for, where it can be seen.
const longestRetry = 20 * time.Second

// failure turns an error into the one that an activity hands to Temporal. It comes
// last: the SDK reads retryability off the concrete type, so wrapping what failure
// returns with %w makes a permanent failure retry. It passes no cause: the whole
// chain would be stored, and a *url.Error prints its URL, key and all.
func failure(err error) error {
	return handOver(err, func(e *outbound.Error) bool { return e.Repeatable() && e.RetryAfter <= longestRetry })
}

// crmFailure is failure for the CRM, which a run waits for as long as it takes:
// only what a person has to mend, or nobody can, is final.
func crmFailure(err error) error {
	return handOver(err, func(e *outbound.Error) bool {
		return e.Outcome != outbound.AuthFailed && e.Outcome != outbound.BadRequest
	})
}

func handOver(err error, retry func(*outbound.Error) bool) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, account.ErrInvalid) {
		return temporal.NewNonRetryableApplicationError(err.Error(), Invalid, nil)
	}
	if errors.Is(err, store.ErrBusy) || errors.Is(err, store.ErrMoved) || errors.Is(err, store.ErrSuperseded) {
		return temporal.NewApplicationErrorWithOptions(err.Error(), Overtaken, temporal.ApplicationErrorOptions{
			NextRetryDelay: time.Second, Category: temporal.ApplicationErrorCategoryBenign,
		})
	}
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return err // ours to mend: the retry policy decides
	}
	kind := string(e.Outcome)
	if e.Outcome == outbound.SkippedBreaker {
		kind = CircuitOpen
	}
	return temporal.NewApplicationErrorWithOptions(e.Error(), kind, temporal.ApplicationErrorOptions{
		NonRetryable:   !retry(e),
		NextRetryDelay: e.RetryAfter,        // 0 keeps the policy's backoff
		Details:        []any{e.RetryAfter}, // when asking again makes sense, for late fill
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

// skipped returns the outcome of a reservation that was refused, or "" if err is
// something else.
func skipped(err error) outbound.Outcome {
	if _, ok := errors.AsType[*store.BudgetError](err); ok {
		return outbound.SkippedBudget
	}
	if _, ok := errors.AsType[*store.ClosedError](err); ok {
		return outbound.SkippedClosed
	}
	return ""
}

// Package outbound is how HTTP leaves Sluice: one client for each outside
// service, with a timeout, a bounded body, a breaker, a pace and one taxonomy of
// what can go wrong. Providers, signal sources and CRMs are written on it. It
// knows nothing of Temporal.
package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Outcome says how asking a service ended. The ledger and the workflow use the
// same words.
type Outcome string

// What a service answered.
const (
	Found    Outcome = "found"
	NotFound Outcome = "not_found" // a miss is an answer, not a failure
	Pending  Outcome = "pending"   // the service is working on it: ask again later
	Mismatch Outcome = "mismatch"  // it answered about somebody else
)

// The outcomes that are errors, and what can be done about each.
const (
	Throttled      Outcome = "throttled"       // repeatable, after RetryAfter
	ProviderError  Outcome = "provider_error"  // 5xx, timeout, unreadable body: repeatable, then go on without
	QuotaExhausted Outcome = "quota_exhausted" // closed for everybody until the quota resets
	AuthFailed     Outcome = "auth_failed"     // closed for everybody until a person mends the key
	BadRequest     Outcome = "bad_request"     // this request can never succeed
)

// What was done instead of asking. A skip is never an answer.
const (
	Cached                Outcome = "cached"
	SkippedBreaker        Outcome = "skipped_breaker" // the breaker stays open for RetryAfter
	SkippedBudget         Outcome = "skipped_budget"
	SkippedClosed         Outcome = "skipped_closed" // key refused or quota used up, seen earlier
	SkippedUnconfigured   Outcome = "skipped_unconfigured"
	SkippedNothingMissing Outcome = "skipped_nothing_missing"
)

// Error is a call that brought no answer. Its text ends up in workflow histories,
// so it holds nothing that was sent or received: no URL, no key, no body.
type Error struct {
	Service    string
	Outcome    Outcome
	Status     int           // HTTP status; 0 if no response came
	RetryAfter time.Duration // as the service, the pace or the breaker says; 0 if none does
	Reason     string        // a word of the service's own that is safe to show, such as "over_quota"
	Sent       bool          // whether the service may have seen the request
	Err        error         // for errors.Is; not printed
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s", e.Service, e.Outcome)
	if e.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Repeatable reports whether the same request may succeed soon.
func (e *Error) Repeatable() bool {
	return e.Outcome == Throttled || e.Outcome == ProviderError
}

// Ambiguous reports whether the request may have had its effect although no
// answer came: whoever repeats a write looks first.
func (e *Error) Ambiguous() bool {
	return e.Sent && e.Outcome == ProviderError
}

// Unread reports whether the answer got lost on its way, or could not be read: the service
// may well have done what it was asked, and charge for it.
func (e *Error) Unread() bool {
	return e.Ambiguous() && e.Status < http.StatusMultipleChoices
}

// OutcomeOf returns the outcome that err carries, or "" if it carries none.
func OutcomeOf(err error) Outcome {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome
	}
	return ""
}

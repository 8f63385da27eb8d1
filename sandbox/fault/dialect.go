package fault

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Reason is why a call is refused. The counters use the same words.
type Reason string

// The reasons.
const (
	Throttled   Reason = "throttled"  // too fast
	NoCredits   Reason = "no_credits" // nothing left to pay with
	BadKey      Reason = "bad_key"    // the credential is not accepted
	Broken      Reason = "error_500"  // a random 500
	Unavailable Reason = "error_503"  // a random 503
	Outage      Reason = "outage"     // every call is a 503
)

// Dialect is how one service speaks. Every field may be nil.
type Dialect struct {
	// Refuse writes the service's own error. retryAfter is zero unless the call
	// is throttled. Default: plain text with the obvious status.
	Refuse func(w http.ResponseWriter, r *http.Request, why Reason, retryAfter time.Duration)

	// Lookup names the record that a request asks about, "" for none. The
	// counters count by it.
	Lookup func(r *http.Request) string

	// IsWrite reports whether a request changes something. Default: by method.
	IsWrite func(r *http.Request) bool
}

func (d Dialect) refuse(w http.ResponseWriter, r *http.Request, why Reason, retryAfter time.Duration) {
	if d.Refuse != nil {
		d.Refuse(w, r, why, retryAfter)
		return
	}
	if retryAfter > 0 {
		w.Header().Set("Retry-After", Seconds(retryAfter))
	}
	http.Error(w, string(why), why.Status())
}

func (d Dialect) lookup(r *http.Request) string {
	if d.Lookup == nil {
		return ""
	}
	return d.Lookup(r)
}

func (d Dialect) isWrite(r *http.Request) bool {
	if d.IsWrite != nil {
		return d.IsWrite(r)
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// Status is the HTTP status that most services give the reason.
func (r Reason) Status() int {
	switch r {
	case Throttled:
		return http.StatusTooManyRequests
	case NoCredits:
		return http.StatusPaymentRequired
	case BadKey:
		return http.StatusUnauthorized
	case Broken:
		return http.StatusInternalServerError
	case Unavailable, Outage:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Seconds writes a duration as Retry-After does: whole seconds, rounded up.
func Seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// WrongCompany reports whether the service is to answer about another company.
func WrongCompany(ctx context.Context) bool {
	c := callOf(ctx)
	return c != nil && c.fault.WrongCompany
}

// Pending reports whether the service is to say that it is still working on it.
func Pending(ctx context.Context) bool {
	c := callOf(ctx)
	return c != nil && c.fault.Pending
}

// Charge counts credits that the vendor bills for this call.
func Charge(ctx context.Context, credits float64) {
	if c := callOf(ctx); c != nil {
		c.service.charge("", credits)
	}
}

// ChargeOnce counts credits that the vendor bills once for a record, however often
// it is asked about it.
func ChargeOnce(ctx context.Context, record string, credits float64) {
	if c := callOf(ctx); c != nil {
		c.service.charge(record, credits)
	}
}

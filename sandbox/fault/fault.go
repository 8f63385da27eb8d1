// Package fault makes services fail on purpose while they run, and counts what
// reached them. It knows no vendor: how a service words its refusals is told to it
// ([Dialect]).
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Fault is what goes wrong with one service. The zero Fault is a healthy service.
// Several may be on at once; a call meets the first of: throttle, latency, hang,
// reset, outage, bad key, no credits, random error. The others change the answer of
// a call that got through.
type Fault struct {
	LatencyMS int `json:"latency_ms,omitempty"` // added to every call
	JitterMS  int `json:"jitter_ms,omitempty"`  // up to this much more

	ErrorRate float64 `json:"error_rate,omitempty"` // share of calls answered 500 or 503, 0 to 1
	Outage    bool    `json:"outage,omitempty"`     // every call is answered 503
	Reset     bool    `json:"reset,omitempty"`      // every connection is reset
	Hang      bool    `json:"hang,omitempty"`       // no answer until the client gives up

	MaxPerSecond int `json:"max_per_second,omitempty"` // calls above it, in a second of the clock, are throttled
	RetryAfterS  int `json:"retry_after_s,omitempty"`  // what a throttled call is told to wait; default 1

	NoCredits bool `json:"no_credits,omitempty"` // the credits are spent
	BadKey    bool `json:"bad_key,omitempty"`    // the key is refused

	Truncate     bool `json:"truncate,omitempty"`      // half of the body
	SlowBodyMS   int  `json:"slow_body_ms,omitempty"`  // the body takes this long
	WrongCompany bool `json:"wrong_company,omitempty"` // an answer about another company, see [WrongCompany]
	Pending      bool `json:"pending,omitempty"`       // "come back later", where the vendor can say so, see [Pending]

	LostAnswerRate float64 `json:"lost_answer_rate,omitempty"` // share of writes that are done and never answered, 0 to 1
}

// Validate reports every value that makes no sense.
func (f Fault) Validate() error {
	var errs []error
	for name, n := range map[string]int{
		"latency_ms": f.LatencyMS, "jitter_ms": f.JitterMS, "slow_body_ms": f.SlowBodyMS,
		"max_per_second": f.MaxPerSecond, "retry_after_s": f.RetryAfterS,
	} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s: %d is negative", name, n))
		}
	}
	for name, share := range map[string]float64{"error_rate": f.ErrorRate, "lost_answer_rate": f.LostAnswerRate} {
		if !(share >= 0 && share <= 1) {
			errs = append(errs, fmt.Errorf("%s: %v is not a share between 0 and 1", name, share))
		}
	}
	return errors.Join(errs...)
}

func (f Fault) retryAfter() time.Duration { return time.Duration(max(1, f.RetryAfterS)) * time.Second }

// changesBody reports whether the answer has to be held back before it is sent.
func (f Fault) changesBody() bool { return f.Truncate || f.SlowBodyMS > 0 || f.LostAnswerRate > 0 }

package outbound

import (
	"net/http"
	"time"
)

// Call is how asking a service ended, for who counts calls. It holds nothing of what
// was asked.
type Call struct {
	Service string
	Outcome Outcome // Answered, or that of the error
	Sent    bool    // false for one that breaker or pace kept back
	Elapsed time.Duration
	Header  http.Header // of the response; nil if none came
}

// Answered is the outcome of a call that brought an answer, whatever it says.
const Answered Outcome = "answered"

// Observer is told what a client does. Its methods are called by many at once and must
// not block.
type Observer interface {
	// Called is told how a call ended. One that its caller gave up is not told.
	Called(c Call)
	// Moved is told that a breaker of the service is in another state; from is empty
	// for a new one.
	Moved(service, from, to string)
}

// WithObserver has o told of every call and of the breaker. Default: nobody.
func WithObserver(o Observer) Option { return func(c *Client) { c.observer = o } }

// tell tells the observer how a call ended.
func (c *Client) tell(call Call, err error) {
	if c.observer == nil {
		return
	}
	call.Service, call.Outcome = c.service, Answered
	if err != nil {
		if call.Outcome = OutcomeOf(err); call.Outcome == "" {
			return // given up by the caller
		}
	}
	c.observer.Called(call)
}

// moved runs under the breaker's lock.
func (c *Client) moved(from, to string) {
	if c.observer != nil {
		c.observer.Moved(c.service, from, to)
	}
}

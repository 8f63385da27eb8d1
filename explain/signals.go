package explain

import (
	"context"
	"slices"
	"time"

	"github.com/sluicehq/sluice/signals"
)

// Signal is something that happened to the account, and what was done about it.
type Signal struct {
	signals.Event
	FoundAt  time.Time `json:"found_at"`
	Response *Response `json:"response,omitempty"` // nil: nothing yet
}

// Response is what was done about news, and why.
type Response struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"` // task, appended, digest, cooldown, not_due, stopped, no_record
	Reason  string    `json:"reason,omitempty"`
}

// Done says what was done, in words.
func (s Signal) Done() string {
	switch {
	case s.Response == nil:
		return "nothing yet"
	case s.Response.Reason != "":
		return s.Response.Outcome + ": " + s.Response.Reason
	default:
		return s.Response.Outcome
	}
}

func (c *Company) happened(ctx context.Context, s Store) error {
	found, err := s.Signals(ctx, c.AccountID)
	if err != nil || len(found) == 0 {
		return err
	}
	responses, err := s.Responses(ctx, c.AccountID)
	if err != nil {
		return err
	}
	for _, g := range found {
		signal := Signal{Event: g.Event, FoundAt: g.FoundAt}
		for _, r := range responses {
			if slices.Contains(r.Signals, g.ID) {
				signal.Response = &Response{At: r.DecidedAt, Outcome: r.Outcome, Reason: r.Reason}
			}
		}
		c.Signals = append(c.Signals, signal)
	}
	return nil
}

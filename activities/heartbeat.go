package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// silence is how long an activity needs no heartbeat: a quarter of the time after which
// Temporal takes its worker for dead.
const silence = 5 * time.Second

// heartbeat returns what tells Temporal that the worker lives, so that a dead one is
// replaced soon. At first it says nothing: a heartbeat is a call that the activity waits
// for and a write for Temporal, and most activities end before one is of use.
func heartbeat(ctx context.Context) (beat func()) {
	began := time.Now()
	return func() {
		if time.Since(began) > silence {
			activity.RecordHeartbeat(ctx)
		}
	}
}

package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// providerCall asks on the provider's own queue. A call that fails is repeated
// twice; then the waterfall goes on without it. Half an hour in the queue means a
// backlog beyond the provider's rate, or no worker that serves it: the company
// does not wait for that either.
func providerCall(ctx workflow.Context, provider string, late bool) workflow.Context {
	var priority temporal.Priority // the run's
	if late {
		priority.PriorityKey = lowestPriority // it has acted on what it knows: others have not
	}
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Priority:               priority,
		TaskQueue:              ProviderQueue(provider),
		Summary:                provider, // what the Temporal UI shows beside "Ask"
		StartToCloseTimeout:    25 * time.Second,
		ScheduleToCloseTimeout: 30 * time.Minute,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second, MaximumAttempts: 3,
		},
	})
}

// lowestPriority is the last that Temporal has by default.
const lowestPriority = 5

// crmCall waits for the CRM for as long as it takes: a run without its effects is
// of no use to anybody. The heartbeat tells a dead worker from a slow CRM.
func crmCall(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:             summary,
		StartToCloseTimeout: 2 * time.Minute,
		HeartbeatTimeout:    20 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			// A request whose answer was lost may still be under way: two seconds
			// later it can be seen.
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
	})
}

// lookCall takes a source over a page. It is repeated for as long as a night may take a
// worker to come back; the heartbeat carries how far it got.
func lookCall(ctx workflow.Context, source string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           SourceQueue(source),
		Summary:             source,
		StartToCloseTimeout: 6 * time.Hour,
		HeartbeatTimeout:    30 * time.Second,
		Priority:            temporal.Priority{PriorityKey: lowestPriority}, // companies that arrive come first
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: 30,
		},
	})
}

// bulkCall takes many accounts through a step on our own database, and their effects to the
// CRM, for as long as it takes. What was done is on record; the heartbeat tells a dead worker
// from a long page.
func bulkCall(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           BulkQueue,
		Summary:             summary,
		StartToCloseTimeout: 6 * time.Hour,
		HeartbeatTimeout:    20 * time.Second,
		Priority:            temporal.Priority{PriorityKey: lowestPriority}, // companies that arrive come first
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
	})
}

// dealsCall reads deals for as long as it takes. The heartbeat tells a dead worker from a
// slow CRM; how far it came is on record.
func dealsCall(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           BulkQueue,
		Summary:             summary,
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    time.Minute,                                    // a page, when the CRM asks for a wait in between
		Priority:            temporal.Priority{PriorityKey: lowestPriority}, // companies that arrive come first
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
	})
}

// reviewCall works a review out: minutes where there are very many accounts.
func reviewCall(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           BulkQueue,
		Summary:             "work out",
		StartToCloseTimeout: 2 * time.Hour,
		HeartbeatTimeout:    30 * time.Second,
		Priority:            temporal.Priority{PriorityKey: lowestPriority},
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
	})
}

// onRecord is a step on our own database and CPU: a local activity, since a remote
// one costs six events and two dispatches. A run outlives a database that is away for
// hours. The intervals grow beyond a workflow task, so that most of that is waited for by
// a timer a minute instead of heartbeats, which would fill the history.
func onRecord(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		Summary:                summary,
		StartToCloseTimeout:    5 * time.Second,
		ScheduleToCloseTimeout: 24 * time.Hour, // without it all attempts together have the time of one
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Minute,
		},
	})
}

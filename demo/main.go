// Command demo takes the sample companies through Sluice while somebody watches: the
// real worker and starter on a real Temporal and a real Postgres, with a sandbox in
// place of the data vendors and the CRM. `make demo` runs it on a stack of its own.
//
// With DEMO_ONCE=1 it ends when the companies are through, and its status says
// whether all of them made it. Either way .sluice/demo/report.json has the figures.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/sandbox"
)

// Exit statuses.
const (
	exitFailed      = 1
	exitInterrupted = 130
)

// patience is how long the companies may take when nobody watches.
const patience = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	status := run(ctx)
	stop()
	os.Exit(status)
}

func run(signalled context.Context) int {
	once, err := askedOnce(os.Getenv("DEMO_ONCE"))
	if err == nil {
		err = demonstrate(signalled, once)
	}
	switch {
	case err == nil:
		return 0
	case signalled.Err() != nil:
		fmt.Fprintln(os.Stderr, "demo: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	return exitFailed
}

func askedOnce(value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	once, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("DEMO_ONCE=%s: want 1 to end when the companies are through, or nothing to stay", value)
	}
	return once, nil
}

// demonstrate runs the demo and leaves nothing of it running.
func demonstrate(ctx context.Context, once bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d, err := newDemo(once, cancel)
	if err != nil {
		return err
	}
	defer d.close()
	return because(ctx, d.play(ctx))
}

// because is what went wrong first, where err is only its consequence.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// demo is what the steps of the demo share.
type demo struct {
	place   place
	stack   stackEnv
	once    bool
	crew    *crew
	sandbox *sandbox.Server
	served  string // URL of the starter

	samples []sandbox.Sample // one of them comes by webhook, the others by import
	webhook string           // the run of the one that comes by webhook
	refused []refusal        // rows that the import refused
	began   time.Time
}

func newDemo(once bool, broken context.CancelCauseFunc) (*demo, error) {
	stack, err := readStack(os.Getenv)
	if err != nil {
		return nil, err
	}
	place, err := findPlace()
	if err != nil {
		return nil, err
	}
	return &demo{
		place: place, stack: stack, once: once, samples: sandbox.Samples(),
		crew: &crew{bin: place.bin, logs: place.dir, broken: broken},
	}, nil
}

// play is the demo from the empty database to the table at the end.
func (d *demo) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.makeDatabase, d.openSandbox, d.writeSettings, d.prepare, d.startPrograms, d.runCompanies,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	report, err := d.tell(ctx)
	if err != nil {
		return err
	}
	if d.once {
		return report.err()
	}
	fmt.Println("\nCtrl-C stops the demo.")
	<-ctx.Done()
	if _, broken := errors.AsType[*endedError](context.Cause(ctx)); broken {
		return context.Cause(ctx)
	}
	return nil // Ctrl-C is how this is meant to end
}

// prepare brings the schema into the database and Sluice's properties into the CRM.
func (d *demo) prepare(ctx context.Context) error {
	if err := d.crew.run(ctx, "starter", "migrate"); err != nil {
		return err
	}
	return d.crew.run(ctx, "starter", "crm", "setup")
}

// startPrograms starts what an installation has running: the worker, and the
// starter that takes webhooks and the API.
func (d *demo) startPrograms(ctx context.Context) error {
	if err := d.crew.start(ctx, "worker", said("Worker is ready"), nil); err != nil {
		return err
	}
	return d.crew.start(ctx, "starter", answers(d.served+"/readyz"), []string{"serve"})
}

// close stops everything, in the order in which it would be missed least.
func (d *demo) close() {
	d.crew.stop()
	if d.sandbox != nil {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		_ = d.sandbox.Close(ctx)
	}
	_ = os.Remove(d.place.env) // it points at what is gone
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

const (
	temporalPort   = 7233
	temporalUIPort = 8233
	startAttempts  = 3
	readyTimeout   = 60 * time.Second
)

var errStopped = errors.New("stopped")

// dynamicConfig keeps a server with a single history shard fast, and is given to it
// as --dynamic-config-value.
var dynamicConfig = []string{
	// A shard looks for work 20 times a second, which makes each dispatch to a lone
	// workflow wait up to 50 ms.
	"history.transferProcessorMaxPollRPS=1000",
	"history.timerProcessorMaxPollRPS=1000",
	// Timers and retries below a second are otherwise rounded up to one.
	`history.timerProcessorMaxTimeShift="10ms"`,
	// A queue's rate limit is divided among its partitions, and holds only with one.
	"matching.numTaskqueueReadPartitions=1",
	"matching.numTaskqueueWritePartitions=1",
	// Half a thousand tasks at once only queue for SQLite's one connection, in front of
	// whoever starts a workflow meanwhile: a webhook's acknowledgement takes twice as long.
	"history.transferProcessorSchedulerWorkerCount=2",
	"history.timerProcessorSchedulerWorkerCount=2",
	"history.visibilityProcessorSchedulerWorkerCount=1",
	// A version of the workers has drained seconds after its last run, not minutes.
	`matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"`,
	`matching.wv.VersionDrainageStatusRefreshInterval="1s"`,
	// Rate limits meant for shared clusters: a benchmark on two cores comes close.
	"frontend.rps=20000",
	"frontend.namespaceRPS=20000",
	"frontend.namespaceRPS.visibility=500",
	"frontend.persistenceMaxQPS=50000",
	"history.rps=50000",
	"history.persistenceMaxQPS=50000",
	"matching.rps=50000",
	"matching.persistenceMaxQPS=50000",
}

// temporal is a running Temporal server.
type temporal struct {
	program string
	place   place
	guard   *guard
	port    int
	uiPort  int

	gone chan struct{} // closed when the server has ended and stays so

	mu      sync.Mutex
	process *process
	stopped bool
}

// startTemporal starts the program and waits until it serves.
func startTemporal(ctx context.Context, program string, p place, g *guard) (*temporal, error) {
	for attempt := 1; ; attempt++ {
		t := &temporal{program: program, place: p, guard: g, gone: make(chan struct{})}
		err := t.start(ctx)
		if err == nil {
			go t.watch()
			return t, nil
		}
		if ctx.Err() != nil || attempt == startAttempts { // a port that somebody was quicker to take is worth another try
			return nil, fmt.Errorf("temporal did not start: %w\n%s", err, tail(p.temporalLog()))
		}
	}
}

func (t *temporal) start(ctx context.Context) (err error) {
	if t.port, err = t.place.port(temporalPort); err != nil {
		return err
	}
	if t.uiPort, err = t.place.port(temporalUIPort); err != nil {
		return err
	}
	_ = os.Remove(t.place.temporalLog())
	p, err := t.launch()
	if err != nil {
		return err
	}
	if err := t.ready(ctx, p); err != nil {
		p.kill()
		return err
	}
	return nil
}

// launch starts the program, unless the stack is stopping.
func (t *temporal) launch() (*process, error) {
	logFile, err := os.OpenFile(t.place.temporalLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.Command(t.program, t.arguments()...)
	cmd.Dir = t.place.dir
	cmd.Env = env{}.over(os.Environ())
	cmd.Stdout, cmd.Stderr = logFile, logFile

	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return nil, errStopped
	}
	t.process, err = t.guard.start(cmd)
	return t.process, err
}

func (t *temporal) arguments() []string {
	args := []string{
		"server", "start-dev", "--ip", loopback, "--log-level", "error",
		"--port", strconv.Itoa(t.port), "--ui-port", strconv.Itoa(t.uiPort),
	}
	if t.place.db != "" {
		args = append(args, "--db-filename", t.place.db)
	}
	for _, setting := range dynamicConfig {
		args = append(args, "--dynamic-config-value", setting)
	}
	return args
}

// ready returns once the server answers for the default namespace.
func (t *temporal) ready(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := t.check(ctx)
		select {
		case <-p.done: // first: where the port was taken, another server has answered
			return fmt.Errorf("%s exited with status %d", t.program, p.status())
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (t *temporal) check(ctx context.Context) error {
	if portFree(t.port) {
		return errors.New("nothing listens on its port")
	}
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: t.address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer namespaces.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = namespaces.Describe(ctx, "default")
	return err
}

// watch restarts a server that has died and keeps its data, as a production cluster
// would be. One in memory is gone with all it knew.
func (t *temporal) watch() {
	defer close(t.gone)
	p := t.process
	for {
		<-p.done
		p.kill() // what it may have left behind
		if t.place.db == "" {
			return
		}
		time.Sleep(100 * time.Millisecond) // no busy loop, should it die at once
		var err error
		if p, err = t.launch(); err != nil {
			return
		}
	}
}

// stop ends the server. A nil temporal has not been started.
func (t *temporal) stop() {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.stopped = true
	p := t.process
	t.mu.Unlock()
	p.stop(serverGrace)
}

func (t *temporal) address() string { return hostPort(t.port) }
func (t *temporal) ui() string      { return "http://" + hostPort(t.uiPort) }

// tail is the end of a log file, for an error message.
func tail(file string) string {
	const size = 2000 // bytes
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-size):]))
}

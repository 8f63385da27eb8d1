package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// commandGrace is how long a command may take to stop when asked to: a worker
	// waits up to 20 s for its activities.
	commandGrace = 30 * time.Second
	serverGrace  = 10 * time.Second
)

// stack is a running Temporal and Postgres and the files that belong to them.
type stack struct {
	home     checkout
	place    place
	guard    *guard
	temporal *temporal
	postgres *postgres
	broken   chan error // a server ended by itself
	stderr   io.Writer
}

func newStack(o options, stderr io.Writer) (*stack, error) {
	home, err := findCheckout()
	if err != nil {
		return nil, err
	}
	place, err := home.take(o.db)
	if err != nil {
		return nil, err
	}
	g, err := startGuard()
	if err != nil {
		place.release()
		return nil, err
	}
	return &stack{home: home, place: place, guard: g, broken: make(chan error, 2), stderr: stderr}, nil
}

// start brings up both servers and writes the environment file.
func (s *stack) start(ctx context.Context) error {
	// Finding the program may mean building it, which fails for reasons of its own
	// and takes minutes: nothing else should run meanwhile.
	server, err := findTemporal(ctx, s.home, s.guard, s.stderr)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.temporal, err = startTemporal(ctx, server, s.place, s.guard)
		return err
	})
	g.Go(func() (err error) {
		s.postgres, err = startPostgres(ctx, s.home, s.place, s.stderr)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	go s.watch()
	return os.WriteFile(s.place.envFile(), []byte(s.env().file()), 0o600)
}

// stop ends whatever start brought up. It is safe after a failed start.
func (s *stack) stop() {
	_ = os.Remove(s.place.envFile())
	var g errgroup.Group
	g.Go(func() error { s.temporal.stop(); return nil })
	g.Go(func() error { s.postgres.stop(); return nil })
	_ = g.Wait()
	s.guard.stop()
	s.place.release()
}

// stay waits for a signal, or for a server to end.
func (s *stack) stay(signals <-chan os.Signal) (int, error) {
	select {
	case <-signals:
		return 0, nil // Ctrl-C is how this is meant to end
	case err := <-s.broken:
		return exitFailed, err
	}
}

// runCommand runs the command in a process group of its own, hands it the signals
// we get, and leaves nothing of that group behind.
func (s *stack) runCommand(command []string, signals <-chan os.Signal) (int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = s.env().over(os.Environ())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = commandInput(), os.Stdout, os.Stderr
	p, err := s.guard.start(cmd)
	if err != nil {
		return exitNotFound, fmt.Errorf("run %s: %w", command[0], err)
	}
	defer p.kill()

	fmt.Fprintf(s.stderr, "stack: %s\n", s.summary())
	var tooLate <-chan time.Time
	for {
		select {
		case <-p.done:
			return p.status(), nil
		case sig := <-signals:
			p.signal(sig.(syscall.Signal))
			tooLate = time.After(commandGrace)
		case <-tooLate:
			return exitFailed, fmt.Errorf("killed %s: still running %s after it was asked to stop", command[0], commandGrace)
		case err := <-s.broken:
			return exitFailed, err
		}
	}
}

// commandInput is our standard input unless that is a terminal: a command in a
// background process group that reads one is stopped by the kernel for good.
func commandInput() *os.File {
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return nil
	}
	return os.Stdin
}

// watch reports a server that ended by itself.
func (s *stack) watch() {
	select {
	case <-s.temporal.gone:
		file := s.place.temporalLog()
		s.broken <- fmt.Errorf("temporal ended by itself; the end of %s:\n%s", file, tail(file))
	case <-s.postgres.gone:
		s.broken <- fmt.Errorf("postgres ended by itself; the end of %s:\n%s", s.postgres.log(), tail(s.postgres.log()))
	}
}

func (s *stack) env() env {
	return env{
		{"SLUICE_DATABASE_URL", s.postgres.url()},
		{"TEMPORAL_ADDRESS", s.temporal.address()},
		{"TEMPORAL_NAMESPACE", "default"},
		// A profile for somebody's cloud must not leak in: its API key turns TLS on.
		{"TEMPORAL_CONFIG_FILE", os.DevNull},
		{"SLUICE_TEMPORAL_UI", s.temporal.ui()},
		{"TEMPORAL_DEVSERVER", s.temporal.program},
	}
}

func (s *stack) summary() string {
	return fmt.Sprintf("Temporal %s, UI %s, Postgres %s", s.temporal.address(), s.temporal.ui(), s.postgres.address())
}

// describe tells a person where things are.
func (s *stack) describe(w io.Writer) {
	fmt.Fprintf(w, `Temporal   %s
UI         %s
Postgres   %s
Logs       %s
           %s

In another shell:  set -a; . %s; set +a
Ctrl-C stops both.
`, s.temporal.address(), s.temporal.ui(), s.postgres.url(),
		relative(s.place.temporalLog()), relative(s.postgres.log()), relative(s.place.envFile()))
}

// relative is the path as a person would type it here.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

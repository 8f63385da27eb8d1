// Command stack runs a private Temporal with its UI and a private Postgres, alone
// or around a command.
//
//	bin/stack                      # stay until Ctrl-C, addresses in .sluice/stack.env
//	bin/stack -- go test ./...     # run the command on them, then stop them
//
// It brings what the machine lacks: Temporal is the temporal on the PATH or the dev
// server of deploy/devserver, Postgres is the installed one or a download. Nothing
// that it starts outlives it, even when it is killed. It needs a Unix.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: stack [-db FILE] [-- COMMAND [ARGUMENT...]]

Starts a Temporal with its UI and a Postgres for this checkout and stops both on
Ctrl-C, or when COMMAND ends. COMMAND finds them by its environment; its exit status
is the exit status of stack. Several stacks may run at once.

  -db FILE   keep what Temporal and Postgres store and go on with it the next time;
             FILE is Temporal's (SQLite), in .sluice unless it has a slash. Without
             -db each start finds both empty.

Example: stack -- go test ./...
`

// Exit statuses besides the command's own.
const (
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 127 // as shells have it
	exitSignal   = 128 // plus the signal's number
)

func main() {
	if helper := helpers[os.Args[0]]; helper != nil {
		os.Exit(helper(os.Stdin, os.Stdout))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parseArgs(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return exitUsage
	}
	// Asked for before anything starts, so that no signal finds us with half a stack.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)

	status, err := runStack(o, signals, stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "stack: %v\n", err)
	}
	return status
}

// options is what the command line asks for.
type options struct {
	db      string   // SQLite file of Temporal, empty for memory
	command []string // empty: stay until a signal
}

func parseArgs(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("stack", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	flags.StringVar(&o.db, "db", "", "")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.command = flags.Args()
	return o, nil
}

// runStack starts the servers, stays or runs the command, and stops the servers.
func runStack(o options, signals <-chan os.Signal, stdout, stderr io.Writer) (int, error) {
	s, err := newStack(o, stderr)
	if err != nil {
		return exitFailed, err
	}
	defer s.stop()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := make(chan struct{})
	go func() {
		err = s.start(ctx)
		close(started)
	}()
	select {
	case <-started:
	case sig := <-signals:
		cancel()
		<-started
		return exitSignal + signalNumber(sig), errors.New("interrupted while starting")
	}
	if err != nil {
		return exitFailed, err
	}
	if len(o.command) == 0 {
		s.describe(stdout)
		return s.stay(signals)
	}
	return s.runCommand(o.command, signals)
}

func signalNumber(sig os.Signal) int {
	if n, ok := sig.(syscall.Signal); ok {
		return int(n)
	}
	return 0
}

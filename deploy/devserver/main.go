// Command devserver runs a Temporal server and its UI in one process, on SQLite in
// memory or in a file. It is for development, tests and demos: it has no
// authentication and listens on loopback unless told otherwise.
//
// It understands the arguments of `temporal server start-dev` that Sluice and the
// SDK's testsuite.StartDevServer use, and so stands in for the temporal command,
// which go install cannot build. It is a module of its own to keep the server's
// dependencies out of the product's.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	err := run(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "devserver: %v\n", err)
		os.Exit(1)
	}
}

// run serves until SIGINT or SIGTERM.
func run(args []string) error {
	start := time.Now()
	// First of all: a test may stop the server as soon as its port answers.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)

	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	s, err := newServer(o)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	defer func() { _ = s.Stop() }()

	uiFailed := make(chan error, 1)
	if !o.headless {
		ui := newUI(o)
		go func() { uiFailed <- ui.Start() }()
		defer ui.Stop()
	}
	fmt.Printf("Temporal %s, UI %s, ready in %s\n", o.address(), o.uiAddress(), time.Since(start).Round(time.Millisecond))
	select {
	case <-stop:
		return nil
	case err := <-uiFailed:
		return fmt.Errorf("serve the UI on %s: %w", o.uiAddress(), err)
	}
}

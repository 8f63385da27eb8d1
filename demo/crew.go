package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	grace        = 10 * time.Second // to finish what is under way
	readyTimeout = time.Minute
)

// crew is Sluice's programs as the demo runs them. They stay in our process group,
// so that whoever ends that ends them too.
type crew struct {
	bin, logs string
	env       []string
	broken    context.CancelCauseFunc // called when one that should stay has ended

	running []*program
}

// program is one that stays.
type program struct {
	name, log string
	cmd       *exec.Cmd
	done      chan struct{} // closed once it has ended
}

// endedError says that a program ended by itself.
type endedError struct {
	name, log string
	err       error
}

// Error implements error.
func (e *endedError) Error() string {
	return fmt.Sprintf("%s ended by itself: %v; the end of %s:\n%s", e.name, e.err, e.log, tail(e.log))
}

func (c *crew) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, name), args...)
	cmd.Env = c.env
	cmd.SysProcAttr = dieWithUs()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// run runs a program to its end. What it says matters only if it fails.
func (c *crew) run(ctx context.Context, name string, args ...string) error {
	cmd := c.command(ctx, name, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// output runs a program to its end with its progress on our terminal, and returns
// what it printed.
func (c *crew) output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := c.command(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err := cmd.Run()
	return out.Bytes(), err
}

// start starts a program that stays, and returns when it is ready. Its log is in a
// file of its name.
func (c *crew) start(ctx context.Context, name string, ready func(*program) bool, args []string) error {
	p := &program{name: name, log: filepath.Join(c.logs, name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	p.cmd = c.command(context.WithoutCancel(ctx), name, args...) // stop ends it, in turn
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	c.running = append(c.running, p)
	go func() {
		err := p.cmd.Wait()
		close(p.done)
		if err != nil { // else it was told to, as by Ctrl-C, which reaches us all
			c.broken(&endedError{name, p.log, err})
		}
	}()
	return p.await(ctx, ready)
}

func (p *program) await(ctx context.Context, ready func(*program) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout,
		fmt.Errorf("%s is not ready after %s; see %s", p.name, readyTimeout, p.log))
	defer cancel()
	for !ready(p) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// said is ready once the program's log has the text.
func said(text string) func(*program) bool {
	return func(p *program) bool {
		b, err := os.ReadFile(p.log)
		return err == nil && bytes.Contains(b, []byte(text))
	}
}

// answers is ready once the URL answers well.
func answers(url string) func(*program) bool {
	client := &http.Client{Timeout: 2 * time.Second}
	return func(*program) bool {
		res, err := client.Get(url)
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode < http.StatusMultipleChoices
	}
}

// stop asks all programs to end, the last one first, and kills what does not.
func (c *crew) stop() {
	c.broken(nil) // from now on they may
	slices.Reverse(c.running)
	for _, p := range c.running {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	late := time.After(grace)
	for _, p := range c.running {
		select {
		case <-p.done:
		case <-late:
			late = time.After(0)
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	}
}

// tail is the end of a log file, for an error message.
func tail(file string) string {
	const size = 2000 // bytes
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-size):]))
}

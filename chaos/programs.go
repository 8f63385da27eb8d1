package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// program is one that is kept running: whenever it ends it is started again, as a
// supervisor would, unless it is to stay down.
type program struct {
	name string
	make func() *exec.Cmd
	log  *logBuffer

	mu      sync.Mutex
	cmd     *exec.Cmd
	killed  bool // the one that runs has been killed by us
	closed  bool
	downTil time.Time
	starts  int
	done    chan struct{}
}

func keepRunning(name string, makeCmd func() *exec.Cmd) *program {
	p := &program{name: name, make: makeCmd, log: &logBuffer{}, done: make(chan struct{})}
	go p.supervise()
	return p
}

func (p *program) supervise() {
	defer close(p.done)
	for {
		p.mu.Lock()
		wait := time.Until(p.downTil)
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return
		}
		if wait > 0 {
			time.Sleep(min(wait, 50*time.Millisecond))
			continue
		}
		cmd := p.make()
		cmd.Stdout, cmd.Stderr = p.log, p.log
		cmd.SysProcAttr = dieWithUs()
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return
		}
		err := cmd.Start()
		p.cmd, p.killed = cmd, false
		p.starts++
		p.mu.Unlock()
		if err == nil {
			err = cmd.Wait()
		}
		p.mu.Lock()
		if !p.killed && !p.closed {
			fmt.Fprintf(p.log, "chaos: %s ended by itself: %v\n", p.name, err)
			p.downTil = time.Now().Add(300 * time.Millisecond)
		}
		p.cmd = nil
		p.mu.Unlock()
	}
}

// kill ends it as kill -9 does, and keeps it down for a while.
func (p *program) kill(down time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.downTil = time.Now().Add(down)
	if p.cmd != nil && p.cmd.Process != nil {
		p.killed = true
		_ = p.cmd.Process.Kill()
	}
}

// up ends the time that it stays down.
func (p *program) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.downTil = time.Time{}
}

func (p *program) close() {
	p.mu.Lock()
	p.closed = true
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
	}
	p.mu.Unlock()
	<-p.done
}

// logBuffer takes a program's output while it is being read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all of it.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// built returns the path of one of our programs, which are beside this one.
func built(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: run `make build` first, as `make chaos` does", err)
	}
	return path, nil
}

// killServer ends Temporal or Postgres as kill -9 does, all of its processes; the stack
// starts it again on its data and its port.
func (l *lane) killTemporal() error {
	pid, err := l.temporalPID()
	if err != nil {
		return err
	}
	return kill9(pid)
}

func (l *lane) killPostgres(ctx context.Context) error {
	b, err := os.ReadFile(filepath.Join(l.dataDir, "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	all, err := processes(ctx)
	if err != nil {
		return err
	}
	var pids []int
	for _, p := range all {
		if fmt.Sprint(p.pid) == first || fmt.Sprint(p.parent) == first {
			pids = append(pids, p.pid)
		}
	}
	if len(pids) == 0 {
		return fmt.Errorf("no process %s", first)
	}
	return kill9(pids...)
}

func kill9(pids ...int) error {
	for _, pid := range pids {
		p, err := os.FindProcess(pid)
		if err == nil {
			err = p.Kill()
		}
		if err != nil && len(pids) == 1 {
			return fmt.Errorf("kill %d: %w", pid, err)
		}
	}
	return nil
}

// process is one of the machine's.
type process struct {
	pid, parent int
	command     string
}

func processes(ctx context.Context) ([]process, error) {
	out, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,ppid=,args=").Output()
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var all []process
	for line := range strings.Lines(string(out)) {
		var p process
		if n, _ := fmt.Sscan(line, &p.pid, &p.parent); n != 2 {
			continue
		}
		p.command = strings.TrimSpace(line)
		all = append(all, p)
	}
	return all, nil
}

// temporalPID finds the server among the children of the stack that runs us.
func (l *lane) temporalPID() (int, error) {
	all, err := processes(context.Background())
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if p.parent == os.Getppid() && strings.Contains(p.command, "start-dev") {
			return p.pid, nil
		}
	}
	return 0, fmt.Errorf("no Temporal among the children of process %d: run it by bin/stack -db FILE", os.Getppid())
}

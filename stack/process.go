package main

import (
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a started command and its process group.
type process struct {
	cmd    *exec.Cmd
	group  int
	done   chan struct{} // closed once cmd has ended
	forget func()
	once   sync.Once
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, group: cmd.Process.Pid, done: make(chan struct{}), forget: func() {}}
	go func() {
		_ = cmd.Wait() // its state says the same
		close(p.done)
	}()
	return p, nil
}

// signal reaches the command and what it has started.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.group, sig) }

// stop asks the group to end and kills what is left of it after the grace.
func (p *process) stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	p.kill()
}

// kill ends the whole group, also what the command has left running behind it.
func (p *process) kill() {
	p.once.Do(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
		p.forget()
	})
}

// status is the exit status as a shell reports it. Call it once done is closed.
func (p *process) status() int {
	if w, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return exitSignal + int(w.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

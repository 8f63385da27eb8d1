package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Helpers are this same program, started under another name as its own child. They
// live until the pipe on their standard input ends, which it does however the stack
// dies. Linux' parent-death signal would reach children but not their children, and
// other systems have none.
const (
	guardName    = "sluice-guard"
	postgresName = "sluice-postgres"
)

var helpers = map[string]func(in io.Reader, out io.Writer) int{
	guardName:    runGuard,
	postgresName: servePostgres,
}

// startHelper starts a helper in a process group of its own, out of Ctrl-C's reach.
func startHelper(name string, change func(*exec.Cmd)) (*exec.Cmd, io.WriteCloser, error) {
	self, err := selfPath()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(self)
	cmd.Args = []string{name}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if change != nil {
		change(cmd)
	}
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", name, err)
	}
	return cmd, life, nil
}

// selfPath is a path to this program that works for another user too: the magic
// link needs no search permission on the directories above the checkout.
func selfPath() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// guard kills the process groups of a stack that can no longer do so itself.
type guard struct {
	cmd  *exec.Cmd
	life io.WriteCloser
}

func startGuard() (*guard, error) {
	cmd, life, err := startHelper(guardName, nil)
	if err != nil {
		return nil, err
	}
	return &guard{cmd: cmd, life: life}, nil
}

// start runs cmd as the leader of a process group that dies with us.
func (g *guard) start(cmd *exec.Cmd) (*process, error) {
	p, err := startProcess(cmd)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(g.life, "+%d\n", p.group)
	p.forget = func() { fmt.Fprintf(g.life, "-%d\n", p.group) }
	return p, nil
}

func (g *guard) stop() {
	_ = g.life.Close()
	_ = g.cmd.Wait()
}

// runGuard reads "+group" and "-group" lines. At the end of its input it kills the
// groups that are still on its list: none, after an orderly stop.
func runGuard(in io.Reader, _ io.Writer) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	groups := map[int]bool{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		group, err := strconv.Atoi(strings.TrimLeft(line, "+-"))
		if err != nil || group <= 1 { // kill(-1) would reach everything
			continue
		}
		groups[group] = strings.HasPrefix(line, "+")
	}
	for group, alive := range groups {
		if !alive {
			continue
		}
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	return 0
}

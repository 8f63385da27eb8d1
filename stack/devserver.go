package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The oldest server that we start: it knows task queue rate limits and all of
// dynamicConfig.
const (
	minServerMajor = 1
	minServerMinor = 28
)

// findTemporal returns a program that understands `server start-dev`: the temporal
// on the PATH if it is recent, otherwise our own dev server, built when needed.
func findTemporal(ctx context.Context, home checkout, g *guard, stderr io.Writer) (string, error) {
	program, err := exec.LookPath("temporal")
	if err != nil {
		return devServer(ctx, home, g, stderr)
	}
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err == nil && recentEnough(string(out)) {
		return filepath.Abs(program)
	}
	fmt.Fprintf(stderr, "stack: %s is not usable (%s; needs server %d.%d): using our own dev server\n",
		program, strings.TrimSpace(string(out)), minServerMajor, minServerMinor)
	return devServer(ctx, home, g, stderr)
}

var serverVersion = regexp.MustCompile(`Server v?(\d+)\.(\d+)`)

// recentEnough reads what `temporal --version` prints, for example
// "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)".
func recentEnough(version string) bool {
	m := serverVersion.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major > minServerMajor || major == minServerMajor && minor >= minServerMinor
}

// devServer returns bin/devserver, built if it is missing or older than its sources.
func devServer(ctx context.Context, home checkout, g *guard, stderr io.Writer) (string, error) {
	program, module := home.path("bin", "devserver"), home.path("deploy", "devserver")
	if !stale(program, module) {
		return program, nil
	}
	unlock, err := waitLock(ctx, home.path(".sluice", "devserver.lock"), stderr)
	if err != nil {
		return "", err
	}
	defer unlock()
	if !stale(program, module) { // built by the one we waited for
		return program, nil
	}
	if err := buildDevServer(ctx, module, program, g, stderr); err != nil {
		return "", fmt.Errorf("build the Temporal dev server: %w\nYou may also put temporal (server %d.%d or newer) on the PATH",
			err, minServerMajor, minServerMinor)
	}
	return program, nil
}

// stale reports whether the program is missing or older than a file of its module.
func stale(program, module string) bool {
	built, err := os.Stat(program)
	if err != nil {
		return true
	}
	sources, _ := filepath.Glob(filepath.Join(module, "*.go"))
	for _, source := range append(sources, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")) {
		if info, err := os.Stat(source); err == nil && info.ModTime().After(built.ModTime()) {
			return true
		}
	}
	return false
}

// waitLock takes the lock, and says so when it has to wait for another build.
func waitLock(ctx context.Context, name string, stderr io.Writer) (unlock func(), err error) {
	for said := false; ; said = true {
		lock, err := tryLock(name)
		if err == nil {
			return func() { _ = lock.Close() }, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, err
		}
		if !said {
			fmt.Fprintln(stderr, "stack: waiting for another stack that builds the Temporal dev server")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// buildDevServer builds beside the target and renames, so that an interrupted build
// leaves no half program.
func buildDevServer(ctx context.Context, module, program string, g *guard, stderr io.Writer) error {
	fmt.Fprintln(stderr, "stack: building the Temporal dev server, once: 4 to 8 minutes on two cores")
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return err
	}
	// -v names each package as it is compiled. Without symbols it links faster.
	cmd := exec.Command("go", "build", "-v", "-ldflags=-s -w", "-o", program+".new", ".")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOWORK=off")
	output := &buildOutput{}
	cmd.Stderr = output
	build, err := g.start(cmd)
	if err != nil {
		return err
	}
	defer build.kill()
	start, tick := time.Now(), time.NewTicker(10*time.Second)
	defer tick.Stop()
	for {
		select {
		case <-build.done:
			if status := build.status(); status != 0 {
				return fmt.Errorf("go build exited with status %d\n%s", status, output.complaints())
			}
			return os.Rename(program+".new", program)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			fmt.Fprintf(stderr, "stack: … %s: %s\n", time.Since(start).Round(time.Second), output.progress())
		}
	}
}

// buildOutput reads what `go build -v` prints: it counts what only tells progress
// and keeps the rest, which says what is wrong.
type buildOutput struct {
	mu                sync.Mutex
	modules, packages int
	line, rest        bytes.Buffer
}

var packagePath = regexp.MustCompile(`^[\w.~/-]+$`)

func (o *buildOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range p {
		o.line.WriteByte(c)
		if c == '\n' {
			o.take(o.line.String())
			o.line.Reset()
		}
	}
	return len(p), nil
}

func (o *buildOutput) take(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		o.modules++
	case packagePath.MatchString(strings.TrimSpace(line)):
		o.packages++
	default:
		o.rest.WriteString(line)
	}
}

func (o *buildOutput) progress() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprintf("%d modules fetched, %d packages compiled of at most 1800; linking comes last", o.modules, o.packages)
}

func (o *buildOutput) complaints() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.rest.String() + o.line.String()
}

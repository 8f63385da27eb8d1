package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lockedBuffer is a bytes.Buffer that a command may write while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestRecentEnough(t *testing.T) {
	t.Parallel()
	tests := []struct {
		give string
		want bool
	}{
		{"temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)\n", true},
		{"temporal version 1.4.0 (Server 1.28.0, UI 2.39.0)", true},
		{"temporal version 1.3.0 (Server 1.27.1, UI 2.36.0)", false},
		{"temporal version 9.0.0 (Server 2.0.0, UI 3.0.0)", true},
		{"temporal version 0.10.1 (server 1.22.2) (ui 2.18.2)", false},
		{"temporal version DEV", false},
		{"", false},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, recentEnough(tt.give))
		})
	}
}

func TestPostgresVersion(t *testing.T) {
	t.Parallel()
	tests := []struct{ give, want string }{
		{"postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", "15.14"},
		{"postgres (PostgreSQL) 17.5", "17.5"},
		{"postgres (PostgreSQL) 18beta1", "18.0"},
		{"postgres (PostgreSQL) 9.6.24", "9.6"},
		{"psql: command not found", ""},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, postgresVersion(tt.give))
		})
	}
}

// TestFindTemporal puts a temporal on the PATH, so it cannot run in parallel.
func TestFindTemporal(t *testing.T) {
	home := checkout(t.TempDir())
	require.NoError(t, os.MkdirAll(home.path("bin"), 0o755))
	require.NoError(t, os.WriteFile(home.path("bin", "devserver"), nil, 0o755))
	tests := []struct{ name, give, want string }{
		{"a recent one is used", "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)", "temporal"},
		{"an old one is not", "temporal version 1.0.0 (Server 1.24.2, UI 2.28.0)", "devserver"},
		{"nor is something else of that name", "Temporal 3D", "devserver"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			script := "#!/bin/sh\necho '" + tt.give + "'\n"
			require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal"), []byte(script), 0o755))
			t.Setenv("PATH", dir+":/bin:/usr/bin")
			program, err := findTemporal(t.Context(), home, nil, io.Discard)
			require.NoError(t, err)
			require.Equal(t, tt.want, filepath.Base(program))
		})
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		name            string
		program, source time.Time
		want            bool
	}{
		{name: "missing", source: now, want: true},
		{name: "older than a source", program: now.Add(-time.Hour), source: now, want: true},
		{name: "newer than its sources", program: now, source: now.Add(-time.Hour), want: false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			program := filepath.Join(dir, "program")
			for name, modified := range map[string]time.Time{"program": tt.program, "main.go": tt.source, "go.sum": tt.source} {
				if !modified.IsZero() {
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
					require.NoError(t, os.Chtimes(filepath.Join(dir, name), modified, modified))
				}
			}
			require.Equal(t, tt.want, stale(program, dir))
		})
	}
}

func TestBuildOutput(t *testing.T) {
	t.Parallel()
	var o buildOutput
	_, err := o.Write([]byte("go: downloading go.temporal.io/api v1.63.5\ngolang.org/x/net/html\nvendor/golang.org/x/sys/cpu\n# pkg\nmain.go:3:1: synt"))
	require.NoError(t, err)
	_, err = o.Write([]byte("ax error\n"))
	require.NoError(t, err)
	require.Equal(t, "1 modules fetched, 2 packages compiled of at most 1800; linking comes last", o.progress())
	require.Equal(t, "# pkg\nmain.go:3:1: syntax error\n", o.complaints())
}

func TestChoosePort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", loopback+":0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port

	require.False(t, portFree(taken))
	other, err := choosePort(taken)
	require.NoError(t, err)
	require.NotEqual(t, taken, other)

	require.NoError(t, l.Close())
	require.Eventually(t, func() bool { // unless somebody else takes it just then
		same, err := choosePort(taken)
		return err == nil && same == taken && portFree(taken)
	}, time.Minute, 100*time.Millisecond)
}

// TestPortFreeSeesAllAddresses: a Postgres that listens on all of them has the port.
func TestPortFreeSeesAllAddresses(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer l.Close()
	require.False(t, portFree(l.Addr().(*net.TCPAddr).Port))
}

func TestEnvFileSurvivesAShell(t *testing.T) {
	t.Parallel()
	e := env{{"SLUICE_DATABASE_URL", "postgres://u:p@127.0.0.1:5432/db?sslmode=disable"}, {"ODD", "it's $HOME & more"}, {"EMPTY", ""}}
	file := filepath.Join(t.TempDir(), "stack.env")
	require.NoError(t, os.WriteFile(file, []byte(e.file()), 0o600))
	out, err := exec.Command("sh", "-c", "set -a; . "+file+"; env").Output()
	require.NoError(t, err)
	got := variables(string(out))
	for _, v := range e {
		require.Equal(t, v.value, got[v.name])
	}
	require.Contains(t, e.file(), "SLUICE_DATABASE_URL=postgres://u:p@127.0.0.1:5432/db?sslmode=disable\n", "plain where it can be")
}

func TestEnvOver(t *testing.T) {
	t.Parallel()
	e := env{{"TEMPORAL_ADDRESS", "here"}, {"SLUICE_DATABASE_URL", "ours"}}
	got := e.over([]string{"PATH=/bin", "TEMPORAL_API_KEY=secret", "TEMPORAL_ADDRESS=cloud", "SLUICE_DATABASE_URL=theirs", "SLUICE_CRM=hubspot"})
	require.Equal(t, []string{"PATH=/bin", "SLUICE_CRM=hubspot", "TEMPORAL_ADDRESS=here", "SLUICE_DATABASE_URL=ours"}, got)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	home := checkout(t.TempDir())
	first, err := home.take("")
	require.NoError(t, err)
	second, err := home.take("")
	require.NoError(t, err)
	require.Equal(t, home.path(".sluice", "stack.env"), first.envFile())
	require.Equal(t, home.path(".sluice", "stack-1.env"), second.envFile())
	require.NotEqual(t, first.cluster, second.cluster)

	first.release()
	again, err := home.take("")
	require.NoError(t, err)
	require.Equal(t, first.cluster, again.cluster, "the data directory is used again")
	again.release()
	second.release()
}

func TestPlaceThatKeepsItsData(t *testing.T) {
	t.Parallel()
	home := checkout(t.TempDir())
	first, err := home.take("sales.db")
	require.NoError(t, err)
	require.Equal(t, home.path(".sluice", "sales.db"), first.db)

	plain, err := home.take("")
	require.NoError(t, err)
	require.NotEqual(t, first.cluster, plain.cluster, "it would drop the databases")
	first.release()
	plain.release()

	later, err := home.take("sales.db")
	require.NoError(t, err)
	require.Equal(t, first.cluster, later.cluster)
	later.release()
}

func TestFindCheckout(t *testing.T) {
	t.Parallel()
	home, err := findCheckout()
	require.NoError(t, err)
	require.FileExists(t, home.path("stack", "main.go"))
}

// TestGuard starts a group of two processes and lets the guard's owner die.
func TestGuard(t *testing.T) {
	t.Parallel()
	g, err := startGuard()
	require.NoError(t, err)
	kept, err := g.start(exec.Command("sleep", "600"))
	require.NoError(t, err)
	done, err := g.start(exec.Command("true"))
	require.NoError(t, err)
	<-done.done
	done.kill()

	g.stop()
	<-kept.done
	require.Equal(t, exitSignal+int(syscall.SIGKILL), kept.status())
	require.Zero(t, done.status())
}

func TestProcessStopsItsWholeGroup(t *testing.T) {
	t.Parallel()
	var out lockedBuffer
	cmd := exec.Command("sh", "-c", "trap 'echo stopping; exit 3' TERM; sleep 600 & echo started; wait")
	cmd.Stdout = &out
	p, err := startProcess(cmd)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "started") }, 10*time.Second, 5*time.Millisecond)
	p.stop(10 * time.Second)
	require.Equal(t, 3, p.status())
	require.Contains(t, out.String(), "stopping")
	// stop has returned, so nothing has the output open any more: sleep is dead too.
}

func TestSearchable(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	inside := filepath.Join(closed, "inside")
	require.NoError(t, os.MkdirAll(inside, 0o755))
	require.NoError(t, os.Chmod(closed, 0o700))
	require.True(t, searchable("/"))
	require.False(t, searchable(inside))
	require.False(t, searchable("/no/such/directory"))
}

package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

// asMain makes the test binary be the program, so that tests run today's code and
// not what lies in bin.
const asMain = "SLUICE_STACK_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if helpers[os.Args[0]] != nil || os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command returns a stack that is about to start, beside any that runs already.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	requireServer(t)
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

// requireServer keeps a plain `go test` from building the dev server for minutes.
func requireServer(t *testing.T) {
	t.Helper()
	home, err := findCheckout()
	require.NoError(t, err)
	if _, err := exec.LookPath("temporal"); err != nil {
		require.False(t, stale(home.path("bin", "devserver"), home.path("deploy", "devserver")),
			"there is no Temporal server yet: run `make test`, which builds one")
	}
}

func TestStackRunsACommand(t *testing.T) {
	t.Parallel()
	cmd := command(t, "--", "sh", "-c", "env; cat $TEMPORAL_CONFIG_FILE; exit 7")
	cmd.Env = append(cmd.Env, "TEMPORAL_API_KEY=of-somebody's-cloud")
	out, err := cmd.Output()

	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, 7, exit.ExitCode(), "%s", exit.Stderr)
	got := variables(string(out))
	require.Equal(t, "default", got["TEMPORAL_NAMESPACE"])
	require.NotContains(t, got, "TEMPORAL_API_KEY")
	require.NotEqual(t, os.Getenv("TEMPORAL_ADDRESS"), got["TEMPORAL_ADDRESS"], "a stack of its own")
	require.NotEqual(t, os.Getenv("SLUICE_DATABASE_URL"), got["SLUICE_DATABASE_URL"], "a stack of its own")
	requireClosed(t, got)
}

func TestStackDiesAltogether(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]syscall.Signal{"interrupted": syscall.SIGINT, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out lockedBuffer
			cmd := command(t, "--", "sh", "-c", "env; echo started; sleep 600")
			cmd.Stdout = &out
			cmd.WaitDelay = 30 * time.Second // for what would keep standard output open
			require.NoError(t, cmd.Start())
			require.Eventually(t, func() bool { return strings.Contains(out.String(), "started\n") }, time.Minute, 50*time.Millisecond)
			got := variables(out.String())
			requireServes(t, got)

			require.NoError(t, cmd.Process.Signal(sig))
			err := cmd.Wait()
			require.NotErrorIs(t, err, exec.ErrWaitDelay, "the command outlives the stack")
			require.Eventually(t, func() bool { return closed(got) }, 30*time.Second, 50*time.Millisecond)
		})
	}
}

func requireServes(t *testing.T, env map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, env["SLUICE_DATABASE_URL"])
	require.NoError(t, err)
	defer conn.Close(ctx)
	var tables int
	require.NoError(t, conn.QueryRow(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables))
	require.Zero(t, tables, "a stack starts empty")

	c, err := client.DialContext(ctx, client.Options{HostPort: env["TEMPORAL_ADDRESS"]})
	require.NoError(t, err)
	c.Close()
}

// requireClosed checks that nothing listens any more where the stack was.
func requireClosed(t *testing.T, env map[string]string) {
	t.Helper()
	require.True(t, closed(env))
}

func closed(env map[string]string) bool {
	database, err := url.Parse(env["SLUICE_DATABASE_URL"])
	if err != nil {
		return false
	}
	for _, address := range []string{env["TEMPORAL_ADDRESS"], database.Host} {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return false
		}
	}
	return true
}

func variables(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			all[name] = value
		}
	}
	return all
}

func TestParseArgs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		give    []string
		want    options
		wantErr bool
	}{
		{name: "nothing means to stay", give: nil, want: options{}},
		{name: "a command with flags of its own", give: []string{"--", "go", "test", "-v"}, want: options{command: []string{"go", "test", "-v"}}},
		{name: "a command after our flag", give: []string{"-db", "x.db", "--", "true"}, want: options{db: "x.db", command: []string{"true"}}},
		{name: "an unknown flag is refused", give: []string{"-x"}, wantErr: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			got, err := parseArgs(tt.give, &stderr)
			require.Equal(t, tt.wantErr, err != nil)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	out, err := command(t, "--", "no-such-command").CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, exitNotFound, exit.ExitCode())
	require.Contains(t, string(out), "no-such-command")
}

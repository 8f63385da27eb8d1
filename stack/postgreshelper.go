package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	// shutdownOfBackends is how long the processes of a killed Postgres may take to
	// notice and let go of its shared memory.
	shutdownOfBackends = time.Minute
	postgresPoll       = 250 * time.Millisecond
)

// postgresSettings are for data that need not survive the machine. They do survive
// a kill of Postgres: what it has handed to the kernel is not lost with it.
var postgresSettings = map[string]string{
	"listen_addresses":        loopback,
	"unix_socket_directories": "", // nobody needs one, and its path would have to be short
	"max_connections":         "200",
	"fsync":                   "off",
	"full_page_writes":        "off",
	"wal_level":               "minimal",
	"max_wal_senders":         "0",
	"logging_collector":       "on",
	"log_directory":           "..",
	"log_filename":            "postgres.log",
	"log_checkpoints":         "off",
}

// servePostgres runs the Postgres that it reads an order for, starts it again when
// it dies, and stops it when its input ends. It answers "ready", or the error as a
// JSON string.
func servePostgres(in io.Reader, out io.Writer) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	input := bufio.NewReader(in)
	var order postgresOrder
	line, err := input.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &order)
	}
	if err != nil {
		return exitFailed // the stack died before it could ask
	}
	for fd := 3; fd < 3+order.Locks; fd++ {
		syscall.CloseOnExec(fd) // ours to hold, not Postgres', which may outlive us
	}
	server, err := order.start()
	if err != nil {
		_ = json.NewEncoder(out).Encode(err.Error())
		return exitFailed
	}
	fmt.Fprintln(out, "ready")

	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, input)
		close(over)
	}()
	return order.supervise(server, over)
}

// supervise keeps the server up until over is closed.
func (o postgresOrder) supervise(server *embeddedpostgres.EmbeddedPostgres, over <-chan struct{}) int {
	for {
		select {
		case <-over:
			if server.Stop() != nil {
				o.stopLeftover()
			}
			return 0
		case <-time.After(postgresPoll):
		}
		if !portFree(o.Port) {
			continue
		}
		again, err := o.restart(over)
		if err != nil {
			return exitFailed
		}
		server = again
	}
}

// restart starts a server that has been killed, as an operator's supervisor would.
func (o postgresOrder) restart(over <-chan struct{}) (server *embeddedpostgres.EmbeddedPostgres, err error) {
	for deadline := time.Now().Add(shutdownOfBackends); time.Now().Before(deadline); {
		if server, err = o.launch(); err == nil {
			return server, nil
		}
		select {
		case <-over:
			return nil, err
		case <-time.After(postgresPoll):
		}
	}
	return nil, err
}

// start starts the server for the first time, on the data of an earlier stack if
// these are whole.
func (o postgresOrder) start() (*embeddedpostgres.EmbeddedPostgres, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	o.tidy()
	o.stopLeftover()
	_, err := os.Stat(o.whole())
	used := err == nil
	if !used { // whatever is there is an initdb that was interrupted
		if err := os.RemoveAll(o.data()); err != nil {
			return nil, err
		}
	}
	server, err := o.launch()
	if err != nil && used && !o.Keep && portFree(o.Port) { // nobody will miss these data
		if err := os.RemoveAll(o.data()); err != nil {
			return nil, err
		}
		server, err = o.launch()
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, o.advice())
	}
	return server, os.WriteFile(o.whole(), nil, 0o600)
}

// advice is what a person can do about a server that does not start.
func (o postgresOrder) advice() string {
	const install = "install Postgres (apt-get install postgresql, brew install postgresql@17)"
	if _, err := os.Stat(filepath.Join(o.Binaries, "bin", "postgres")); err != nil {
		return "Postgres could not be downloaded: " + install + " and try again."
	}
	if o.Keep {
		return "Its data are in " + o.Dir + ": remove that directory to start empty."
	}
	return "Remove " + o.Dir + " and try again, or " + install + "."
}

func (o postgresOrder) launch() (*embeddedpostgres.EmbeddedPostgres, error) {
	logFile, err := os.OpenFile(filepath.Join(o.Dir, "start.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedpostgres.PostgresVersion(o.Version)).
		Port(uint32(o.Port)).
		Username(databaseUser).Password(databasePassword).
		BinariesPath(o.Binaries).CachePath(filepath.Dir(o.Binaries)).
		RuntimePath(filepath.Join(o.Dir, "runtime")).DataPath(o.data()).
		Encoding("UTF8").Locale(locale()).
		StartParameters(postgresSettings).
		StartTimeout(readyTimeout).
		Logger(logFile))
	return server, server.Start()
}

// locale is the one that orders by code point and knows upper and lower case.
func locale() string {
	if runtime.GOOS == "darwin" {
		return "en_US.UTF-8" // it has no other
	}
	return "C.UTF-8"
}

// stopLeftover stops a Postgres whose supervisor was killed. pg_ctl knows whether
// the process in postmaster.pid is one.
func (o postgresOrder) stopLeftover() {
	if _, err := os.Stat(filepath.Join(o.data(), "postmaster.pid")); err != nil {
		return
	}
	_ = exec.Command(filepath.Join(o.Binaries, "bin", "pg_ctl"), "stop", "-D", o.data(), "-m", "immediate", "-w", "-t", "20").Run()
}

// tidy removes what embedded-postgres leaves in the temporary directory, ours.
func (o postgresOrder) tidy() {
	logs, _ := filepath.Glob(filepath.Join(o.Dir, "embedded_postgres_log*"))
	for _, name := range append(logs, filepath.Join(o.Dir, "postgres.log")) {
		_ = os.Remove(name)
	}
}

func (o postgresOrder) data() string  { return filepath.Join(o.Dir, "data") }
func (o postgresOrder) whole() string { return filepath.Join(o.Dir, "whole") }

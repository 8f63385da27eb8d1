package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	downloadVersion  = string(embeddedpostgres.V17)
	minPostgresMajor = 14
)

// findPostgres returns the installed Postgres of the highest version: the directory
// that has bin/postgres, and the version. Both are empty where none is new enough.
func findPostgres(ctx context.Context) (dir, version string) {
	best := 0
	for _, bin := range postgresDirs(ctx) {
		out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
		if err != nil || !complete(bin) {
			continue
		}
		v := postgresVersion(string(out))
		major, _, _ := strings.Cut(v, ".")
		if n, err := strconv.Atoi(major); err == nil && n >= minPostgresMajor && n > best {
			best, dir, version = n, filepath.Dir(bin), v
		}
	}
	return dir, version
}

// postgresDirs lists where packages put Postgres' programs.
func postgresDirs(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/pgsql-*/bin",                  // Red Hat, from postgresql.org
		"/usr/libexec/postgresql*",          // Alpine
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/bin", // Fedora, Arch
		"/usr/local/bin",
	} {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	return dirs
}

// complete reports whether the directory has what embedded-postgres runs, which it
// looks for in a directory named bin.
func complete(bin string) bool {
	for _, program := range []string{"initdb", "pg_ctl"} {
		if _, err := exec.LookPath(filepath.Join(bin, program)); err != nil {
			return false
		}
	}
	return filepath.Base(bin) == "bin"
}

var postgresVersionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

// postgresVersion reads what `postgres --version` prints, for example
// "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" or "… 18beta1".
func postgresVersion(text string) string {
	m := postgresVersionText.FindStringSubmatch(text)
	switch {
	case m == nil:
		return ""
	case m[2] == "":
		return m[1] + ".0"
	}
	return m[1] + "." + m[2]
}

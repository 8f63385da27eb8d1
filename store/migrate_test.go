package store_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestMigrateConcurrentlyAppliesEachStepOnce(t *testing.T) {
	t.Parallel()
	url := storetest.Empty(t)
	applied := make([][]string, 4)
	for _, err := range concurrently(len(applied), func(i int) (err error) {
		applied[i], err = store.Migrate(t.Context(), url)
		return err
	}) {
		require.NoError(t, err)
	}
	files, err := fs.Glob(store.Migrations(), "*.sql")
	require.NoError(t, err)
	require.Equal(t, files, slices.Concat(applied...))

	again, err := store.Migrate(t.Context(), url)
	require.NoError(t, err)
	require.Empty(t, again)
}

func TestCheckSchemaSaysWhatToDo(t *testing.T) {
	t.Parallel()
	url := storetest.Empty(t)
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	defer s.Close()
	require.ErrorContains(t, s.CheckSchema(t.Context()), "starter migrate")

	_, err = store.Migrate(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, s.CheckSchema(t.Context()))

	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, true FROM goose_db_version`)
	require.NoError(t, err)
	require.NoError(t, s.CheckSchema(t.Context()), "a later version's schema: workers of this one run on while they are replaced")
	_, err = conn.Exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id > (SELECT max(version_id) - 2 FROM goose_db_version)`)
	require.NoError(t, err)
	require.ErrorContains(t, s.CheckSchema(t.Context()), "starter migrate")
}

// ruleSince is the first migration that the version before it has to live with.
const ruleSince = 15

// narrows are what a migration does not do to what the version before reads or writes.
var narrows = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"drops a table or what stands for one", regexp.MustCompile(`\bDROP (TABLE|VIEW|MATERIALIZED VIEW|TYPE|SCHEMA|FUNCTION)\b`)},
	{"drops a column", regexp.MustCompile(`\bDROP (COLUMN )?(IF EXISTS )?[a-z_"]+`)},
	{"renames", regexp.MustCompile(`\bRENAME\b`)},
	{"changes a type", regexp.MustCompile(`\bALTER TYPE\b|\bALTER (COLUMN )?[a-z_"]+ (SET DATA )?TYPE\b`)},
	{"forbids null in a column that is there", regexp.MustCompile(`\bSET NOT NULL\b`)},
	{"takes a default away", regexp.MustCompile(`\bDROP DEFAULT\b`)},
	{"deletes rows", regexp.MustCompile(`^TRUNCATE\b|^DELETE FROM\b`)},
}

// contracted marks a statement that narrows what nothing reads or writes any more.
var contracted = regexp.MustCompile(`(?m)^\s*-- contract: since \d+\.\d+`)

var (
	comment = regexp.MustCompile(`--[^\n]*`)
	blanks  = regexp.MustCompile(`\s+`)
	added   = regexp.MustCompile(`\bADD COLUMN [^,;]*`)
	allowed = regexp.MustCompile(`\bDROP (CONSTRAINT|INDEX|DEFAULT|NOT NULL)\b`)
)

// narrowings returns what of a migration the version before cannot live with.
func narrowings(migration string) []string {
	var found []string
	for statement := range strings.SplitSeq(comment.ReplaceAllStringFunc(migration, func(c string) string {
		return strings.ReplaceAll(c, ";", ",") // no end of a statement
	}), ";") {
		if contracted.MatchString(statement) {
			continue
		}
		sql := strings.TrimSpace(blanks.ReplaceAllString(comment.ReplaceAllString(statement, ""), " "))
		for _, n := range narrows {
			text := sql
			if n.what == "drops a column" {
				if !strings.HasPrefix(sql, "ALTER TABLE") {
					continue
				}
				text = allowed.ReplaceAllString(sql, "")
			}
			if n.pattern.MatchString(text) {
				found = append(found, n.what+": "+sql)
			}
		}
		for _, column := range added.FindAllString(sql, -1) {
			if strings.Contains(column, "NOT NULL") && !strings.Contains(column, "DEFAULT") && !strings.Contains(column, "GENERATED") {
				found = append(found, "adds a column that must be filled, without a default: "+sql)
			}
		}
	}
	return found
}

// TestMigrationsLeaveTheVersionBeforeAlive holds that a schema may be brought up to date
// while workers of the version before are running, and that these can come back: what goes,
// goes a version later than its last reader. docs/operations.md tells how.
func TestMigrationsLeaveTheVersionBeforeAlive(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"CREATE TABLE a (b text NOT NULL);", "ALTER TABLE a ADD COLUMN b text NOT NULL DEFAULT '';", "ALTER TABLE a ADD COLUMN b text;",
		"ALTER TABLE a DROP CONSTRAINT known, ADD CONSTRAINT known CHECK (b IN ('x', 'y'));", "DROP INDEX a_b;", "ALTER TABLE a ALTER b DROP NOT NULL;",
		"-- DROP TABLE a; is for later\nCREATE INDEX a_b ON a (b);",
		"-- contract: since 0.8, which no longer reads it\nALTER TABLE a DROP COLUMN b;",
	} {
		require.Empty(t, narrowings("-- +goose Up\n"+good), good)
	}
	for _, bad := range []string{
		"DROP TABLE a;", "ALTER TABLE a DROP COLUMN b;", "ALTER TABLE a\n\tDROP b;", "ALTER TABLE a RENAME COLUMN b TO c;", "ALTER TABLE a RENAME TO c;",
		"ALTER TABLE a ALTER COLUMN b TYPE bigint;", "ALTER TABLE a ALTER b SET DATA TYPE bigint;", "ALTER TYPE a ADD VALUE 'x';",
		"ALTER TABLE a ALTER b SET NOT NULL;", "ALTER TABLE a ADD COLUMN b text NOT NULL;", "ALTER TABLE a ALTER b DROP DEFAULT;", "DELETE FROM a;",
		"ALTER TABLE a ADD COLUMN b text,\n\tADD COLUMN c text NOT NULL;",
		"-- contract: since 0.8\nDROP TABLE a;\nDROP TABLE b;",
	} {
		require.Len(t, narrowings("-- +goose Up\n"+bad), 1, bad)
	}
	files, err := fs.Glob(store.Migrations(), "*.sql")
	require.NoError(t, err)
	for _, name := range files {
		version, err := goose.NumericComponent(name)
		require.NoError(t, err)
		if version < ruleSince {
			continue
		}
		text, err := fs.ReadFile(store.Migrations(), name)
		require.NoError(t, err)
		require.Empty(t, narrowings(string(text)), name)
	}
}

// TestErasedAccountTakesItsRows guards every table that names an account, those
// of later migrations too.
func TestErasedAccountTakesItsRows(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), storetest.URL(t))
	require.NoError(t, err)
	defer conn.Close(t.Context())

	const kept = `
		SELECT c.table_name FROM information_schema.columns c
		WHERE c.table_schema = 'public' AND c.column_name = 'account_id' AND NOT EXISTS (
			SELECT FROM pg_constraint k
			WHERE k.conrelid = c.table_name::regclass AND k.confrelid = 'accounts'::regclass AND k.confdeltype = 'c')`
	rows, _ := conn.Query(t.Context(), kept)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, tables, "without ON DELETE CASCADE")

	const slow = `
		SELECT k.conname FROM pg_constraint k
		WHERE k.contype = 'f' AND k.confrelid = 'accounts'::regclass AND NOT EXISTS (
			SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1])`
	rows, _ = conn.Query(t.Context(), slow)
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, keys, "without an index that begins with account_id")
}

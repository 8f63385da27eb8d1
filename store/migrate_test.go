package store_test

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
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

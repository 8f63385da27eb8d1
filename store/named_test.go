package store

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestNamedArgumentsAreRewrittenAsPgxDoes(t *testing.T) {
	t.Parallel()
	const q = `SELECT @b, @a, '@c', @b::text -- @d`
	for _, give := range []named{
		{"a": 1, "b": "x"}, {"b": nil, "a": 2.5}, // the second time from memory
		{"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "x": 2}, {},
	} {
		wantSQL, wantArgs, wantErr := pgx.StrictNamedArgs(give).RewriteQuery(t.Context(), nil, q, nil)
		sql, args, err := give.RewriteQuery(t.Context(), nil, q, nil)
		require.Equal(t, wantErr == nil, err == nil, "pgx: %v, ours: %v", wantErr, err) // of several names it says any
		require.Equal(t, wantSQL, sql)
		require.Equal(t, wantArgs, args)
	}
}

func BenchmarkNamedArguments(b *testing.B) {
	args := named{"key": "k", "account": 7, "run": "r", "kind": "note", "score": 9}
	const q = `
		INSERT INTO effects (key, account_id, run_id, kind, state) SELECT @key, @account, @run, @kind, 'trying' WHERE ` + isLast + `
		ON CONFLICT ON CONSTRAINT effect_once DO NOTHING`
	for name, rewriter := range map[string]pgx.QueryRewriter{"named": args, "pgx": pgx.StrictNamedArgs(args)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, err := rewriter.RewriteQuery(b.Context(), nil, q, nil)
				require.NoError(b, err)
			}
		})
	}
}

package store

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// named are the arguments of a statement by their names, as [pgx.StrictNamedArgs] are,
// but the statement is searched for the names once and not each time that it runs.
type named map[string]any

// rewritten has the statements that were read: their text → *statement.
var rewritten sync.Map

type statement struct {
	sql   string   // with $1, $2, …
	names []string // of these
}

// RewriteQuery implements [pgx.QueryRewriter].
func (n named) RewriteQuery(ctx context.Context, conn *pgx.Conn, sql string, _ []any) (string, []any, error) {
	known, ok := rewritten.Load(sql)
	if !ok {
		read, err := n.read(ctx, conn, sql)
		if err != nil {
			return "", nil, err
		}
		known, _ = rewritten.LoadOrStore(sql, read)
	}
	s := known.(*statement)
	args := make([]any, len(s.names))
	for i, name := range s.names {
		if args[i], ok = n[name]; !ok {
			break
		}
	}
	if !ok || len(n) != len(s.names) {
		return pgx.StrictNamedArgs(n).RewriteQuery(ctx, conn, sql, nil) // whose error says which name
	}
	return s.sql, args, nil
}

// read finds the names by giving each as its own value.
func (n named) read(ctx context.Context, conn *pgx.Conn, sql string) (*statement, error) {
	own := make(pgx.StrictNamedArgs, len(n))
	for name := range n {
		own[name] = name
	}
	text, args, err := own.RewriteQuery(ctx, conn, sql, nil)
	s := &statement{sql: text, names: make([]string, len(args))}
	for i, name := range args {
		s.names[i] = name.(string)
	}
	return s, err
}

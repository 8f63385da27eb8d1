package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Counter is what a budget has counted, and the bound that it was last held to.
type Counter struct {
	Scope string
	Spent float64
	Bound float64
}

// Counters returns the budgets of these scopes. One in which nothing was spent is left out.
func (s *Store) Counters(ctx context.Context, scopes []string) ([]Counter, error) {
	const q = `SELECT scope, spent::float8, bound::float8 FROM counters WHERE scope = ANY($1) ORDER BY scope`
	rows, _ := s.db.Query(ctx, q, scopes)
	counters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Counter])
	return counters, wrap(err, "budgets")
}

// CountUnanswered returns the number of accounts with signals that no response has taken
// in.
func (s *Store) CountUnanswered(ctx context.Context) (int, error) {
	const q = `SELECT count(DISTINCT account_id) FROM signals WHERE answered_at IS NULL`
	var n int
	err := s.db.QueryRow(ctx, q).Scan(&n)
	return n, wrap(err, "count accounts with news")
}

// OutcomesSince counts the calls of a provider by outcome since the given time; those
// under way are left out.
func (s *Store) OutcomesSince(ctx context.Context, provider string, since time.Time) (map[string]int, error) {
	const q = `SELECT outcome, count(*) FROM ledger WHERE provider = $1 AND made_at >= $2 AND outcome IS NOT NULL GROUP BY 1`
	rows, _ := s.db.Query(ctx, q, provider, since)
	outcomes := map[string]int{}
	var outcome string
	var n int
	_, err := pgx.ForEachRow(rows, []any{&outcome, &n}, func() error {
		outcomes[outcome] = n
		return nil
	})
	return outcomes, wrap(err, "calls to %s by outcome", provider)
}

// Server is what the database says of itself.
type Server struct {
	Now            time.Time // by its clock
	Version        int       // 170006
	Fsync          string    // on or off, as are the next two
	FullPageWrites string
	Commit         string // synchronous_commit
	Checksums      string
	ReadOnly       bool // a standby
	MaxConnections int
	Connections    int // to this database
	Bytes          int64
}

// Server asks the database about itself.
func (s *Store) Server(ctx context.Context) (Server, error) {
	const q = `
		SELECT clock_timestamp(), current_setting('server_version_num')::int, current_setting('fsync'),
			current_setting('full_page_writes'), current_setting('synchronous_commit'), current_setting('data_checksums'),
			pg_is_in_recovery(), current_setting('max_connections')::int,
			(SELECT numbackends FROM pg_stat_database WHERE datname = current_database()), pg_database_size(current_database())`
	rows, _ := s.db.Query(ctx, q)
	server, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Server])
	return server, wrap(err, "ask the database about itself")
}

package store_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

// now has no more digits than Postgres keeps, and lies in the past: what was
// answered now is fresh.
var now = time.Now().UTC().Truncate(time.Second)

func acme(t testing.TB, s *store.Store) account.Account {
	t.Helper()
	acc, err := s.UpsertAccount(t.Context(), account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}, "acme.example", "Acme")
	require.NoError(t, err)
	return acc
}

func accounts(t testing.TB, s *store.Store, n int) []account.Account {
	t.Helper()
	accs := make([]account.Account, n)
	for i := range accs {
		acc, err := s.UpsertAccount(t.Context(), account.Key{}, "company"+strconv.Itoa(i)+".example", "")
		require.NoError(t, err)
		accs[i] = acc
	}
	return accs
}

// concurrently runs n calls at once and returns their errors.
func concurrently(n int, call func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func TestOpenRefusesAnAddressWithoutShowingItsPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{name: "no address at all", give: "postgres://u:s3cret@host:notaport/db", want: "SLUICE_DATABASE_URL is not a Postgres address"},
		{name: "broken escape", give: "postgres://u:s3cret%zz@host/db", want: "SLUICE_DATABASE_URL is not a Postgres address"},
		{name: "key and value form", give: "host=127.0.0.1 password=s3cret port=x", want: "SLUICE_DATABASE_URL is not a Postgres address"},
		{name: "nobody there", give: "postgres://u:s3cret@127.0.0.1:1/db", want: "make stack"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), tt.give)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			_, err = store.Migrate(t.Context(), tt.give)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	require.NoError(t, s.Ping(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, s.Ping(ctx), "ping store")
}

func TestTimesComeBackInUTC(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	started := now.In(time.FixedZone("elsewhere", 3600))
	require.NoError(t, s.SaveRun(t.Context(), store.Run{WorkflowID: "w", RunID: "r", AccountID: acc.ID, Status: "running", StartedAt: started}))
	run, err := s.LatestRun(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, now, run.StartedAt)
}

// An import fills tables from nothing, long before Postgres has counted what is in them.
func TestAStepReadsNoMoreWhereTablesHaveGrown(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	s, err := store.Open(t.Context(), url, store.WithMaxConns(1))
	require.NoError(t, err)
	acc := acme(t, s)
	step := func(i int) {
		key := "sluice:hubspot/8100/512/properties/" + strconv.Itoa(i)
		_, err := s.TryEffect(t.Context(), store.Attempt{
			Key: key, AccountID: acc.ID, RunID: "r", WorkflowID: "w", Kind: crm.PropertiesEffect, Object: store.CompanyRecord, RecordID: "512",
			Changes: []store.Change{{Property: "icp_tier", After: "Tier 1"}},
		})
		require.NoError(t, err)
		require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: key, Written: map[string]string{"icp_tier": "Tier 1"}, Attempt: 1}))
	}
	const steps, others = 10, 5000
	for i := range steps { // by now its plans are made
		step(i)
	}
	db, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = db.Close(context.WithoutCancel(t.Context())) }()
	for _, q := range []string{
		`INSERT INTO effects (key, account_id, run_id, kind, state) SELECT 'other/' || i, $1, 'r', 'note', 'done' FROM generate_series(1, $2::int) AS i`,
		`INSERT INTO journal (account_id, run_id, workflow_id, effect_key, attempt, object, record_id, property, before, after, state, ended_at)
			SELECT $1, 'r', 'w', 'other/' || i, 1, 'note', '', '', '', 'made', 'written', now() FROM generate_series(1, $2::int) AS i`,
	} {
		_, err := db.Exec(t.Context(), q, acc.ID, others)
		require.NoError(t, err)
	}
	for i := range steps {
		step(steps + i)
	}
	s.Close() // which makes its connection tell what it read
	var read int
	require.Eventually(t, func() bool {
		const q = `SELECT sum(idx_tup_fetch + seq_tup_read)::int FROM pg_stat_user_tables WHERE relname IN ('effects', 'journal')`
		require.NoError(t, db.QueryRow(t.Context(), q).Scan(&read))
		return read > 2*steps
	}, time.Minute, 50*time.Millisecond)
	require.Less(t, read, others, "a step looked through what others have")
}

package store_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
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
	person := crm.Contact{Key: account.Key{CRM: "hubspot", Portal: "8100", ID: "7"}, JobTitle: "CTO"}
	step := func(i int) {
		attempt := func(kind crm.EffectKind) store.Attempt {
			return store.Attempt{
				Key: fmt.Sprintf("sluice:hubspot/8100/512/%s/%d", kind, i), AccountID: acc.ID, RunID: "r", WorkflowID: "w", Kind: kind,
				Object: store.CompanyRecord, RecordID: "512", Changes: []store.Change{{Property: "icp_tier", After: "Tier 1"}},
			}
		}
		written := map[string]string{"icp_tier": "Tier 1"}
		one, many := attempt(crm.PropertiesEffect), attempt(crm.NoteEffect)
		_, err := s.TryEffect(t.Context(), one)
		require.NoError(t, err)
		require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: one.Key, Written: written, Attempt: 1}))
		begun, err := s.TryEffects(t.Context(), []store.Attempt{many})
		require.NoError(t, err)
		require.Len(t, begun, 1)
		require.NoError(t, s.FinishEffects(t.Context(), []store.Done{{Key: many.Key, Written: written, Attempt: 1}}))

		r := reserve(t, s, ask(account.Account{ID: acc.ID, Domain: fmt.Sprintf("acme%d.example", i)}, fmt.Sprint("r", i)))
		require.NoError(t, s.SaveAnswer(t.Context(), r, found(fact(account.Industry, account.TextValue("saas")))))

		at := now.Add(time.Duration(i) * time.Second)
		require.NoError(t, s.KeepContacts(t.Context(), acc.ID, []crm.Contact{person}, true, at))
		_, listed, err := s.KnownContacts(t.Context(), acc.ID, []crm.Contact{person}, at)
		require.NoError(t, err)
		try := store.ContactTry{
			Contact: listed[0], Tried: written,
			Changes: []store.Change{{Property: "icp_contact_level", After: "Best fit"}}, Have: map[string]string{"icp_contact_level": ""},
		}
		ids, err := s.ScoreContacts(t.Context(), store.ContactScores{
			AccountID: acc.ID, All: true, At: at, Model: "contact-fit@1", RunID: "r", WorkflowID: "w",
			Scores: []store.ContactScore{{ContactTry: try, Score: icp.Score{Value: 40, Tier: "Best fit"}}},
		})
		require.NoError(t, err)
		require.NoError(t, s.FinishContacts(t.Context(), now, []store.ContactWritten{{ContactID: ids[0], Written: written}}))
		require.NoError(t, s.TryContacts(t.Context(), "r", "w", []store.ContactTry{try}))
		require.NoError(t, s.FinishContacts(t.Context(), now, []store.ContactWritten{{ContactID: ids[0], Written: written}}))
	}
	const steps, others = 10, 5000
	for i := range steps { // by now its plans are made
		step(i)
	}
	db, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = db.Close(context.WithoutCancel(t.Context())) }()
	const more = `INSERT INTO accounts (crm, portal, crm_id, domain, name) VALUES ('hubspot', '8100', '513', 'other.example', '') RETURNING id`
	var other int64
	require.NoError(t, db.QueryRow(t.Context(), more).Scan(&other))
	for _, q := range []string{
		`INSERT INTO facts (account_id, field, provider, value, confidence, observed_at, derived)
			SELECT $1, 'field' || i, 'apollo', '1', 1, now(), false FROM generate_series(1, $2::int) AS i`,
		`INSERT INTO answers (provider, subject, outcome, facts, credits, record_id, answered_at)
			SELECT 'apollo', 'other' || i, 'found', '[]', 0, $1::bigint::text, now() FROM generate_series(1, $2::int) AS i`,
		`INSERT INTO ledger (account_id, provider, subject, holder, run_id, reserved, outcome, credits, settled_at)
			SELECT $1, 'apollo', 'other' || i, 'other' || i, 'r', true, 'found', 0, now() FROM generate_series(1, $2::int) AS i`,
		`INSERT INTO contacts (account_id, crm, portal, crm_id, seen_at) SELECT $1, 'hubspot', '8100', 'other' || i, now() FROM generate_series(1, $2::int) AS i`,
		`INSERT INTO effects (key, account_id, run_id, kind, state) SELECT 'other/' || i, $1, 'r', 'note', 'done' FROM generate_series(1, $2::int) AS i`,
		`INSERT INTO journal (account_id, run_id, workflow_id, effect_key, attempt, object, record_id, property, before, after, state, ended_at)
			SELECT $1, 'r', 'w', 'other/' || i, 1, 'note', '', '', '', 'made', 'written', now() FROM generate_series(1, $2::int) AS i`,
	} {
		_, err := db.Exec(t.Context(), q, other, others)
		require.NoError(t, err)
	}
	for i := range steps {
		step(steps + i)
	}
	s.Close() // which makes its connection tell what it read
	var read int
	require.Eventually(t, func() bool {
		const q = `SELECT sum(idx_tup_fetch + seq_tup_read)::int FROM pg_stat_user_tables WHERE relname IN ('effects', 'journal', 'contacts', 'facts', 'answers', 'ledger')`
		require.NoError(t, db.QueryRow(t.Context(), q).Scan(&read))
		return read > 2*steps
	}, time.Minute, 50*time.Millisecond)
	require.Less(t, read, others, "a step looked through what others have")
}

package store_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
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

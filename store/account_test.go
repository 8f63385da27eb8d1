package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store/storetest"
)

var key512 = account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}

func TestUpsertAccountByKey(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	first := acme(t, s)
	require.Equal(t, account.Account{ID: first.ID, Key: key512, Domain: "acme.example", Name: "Acme"}, first)
	require.Equal(t, first, acme(t, s))

	moved, err := s.UpsertAccount(t.Context(), key512, "acme.test", "Acme Inc")
	require.NoError(t, err)
	require.Equal(t, account.Account{ID: first.ID, Key: key512, Domain: "acme.test", Name: "Acme Inc"}, moved)

	unknown, err := s.UpsertAccount(t.Context(), key512, "", "")
	require.NoError(t, err)
	require.Equal(t, moved, unknown, "an empty domain or name changes nothing")

	kept, err := s.Account(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, moved, kept)
}

func TestUpsertAccountWithoutKey(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	first, err := s.UpsertAccount(t.Context(), account.Key{}, "acme.example", "")
	require.NoError(t, err)
	again, err := s.UpsertAccount(t.Context(), account.Key{}, "acme.example", "Acme")
	require.NoError(t, err)
	require.Equal(t, account.Account{ID: first.ID, Domain: "acme.example", Name: "Acme"}, again)

	named, err := s.UpsertAccount(t.Context(), account.Key{}, "", "Globex")
	require.NoError(t, err)
	other, err := s.UpsertAccount(t.Context(), account.Key{}, "", "Initech")
	require.NoError(t, err)
	require.NotEqual(t, named.ID, other.ID, "two companies that have only a name")
	same, err := s.UpsertAccount(t.Context(), account.Key{}, "", "GLOBEX")
	require.NoError(t, err)
	require.Equal(t, named.ID, same.ID)

	_, err = s.UpsertAccount(t.Context(), account.Key{}, "", "")
	require.ErrorIs(t, err, account.ErrInvalid)
}

func TestUpsertAccountAdoptsTheOneWithoutKey(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	unkeyed, err := s.UpsertAccount(t.Context(), account.Key{}, "acme.example", "acme")
	require.NoError(t, err)
	require.Equal(t, account.Account{ID: unkeyed.ID, Key: key512, Domain: "acme.example", Name: "Acme"}, acme(t, s))

	second, err := s.UpsertAccount(t.Context(), account.Key{CRM: "hubspot", Portal: "8100", ID: "513"}, "acme.example", "Acme twice")
	require.NoError(t, err)
	require.NotEqual(t, unkeyed.ID, second.ID, "two records are two accounts")

	alone, err := s.UpsertAccount(t.Context(), account.Key{}, "acme.example", "")
	require.NoError(t, err)
	accs, err := s.AccountsByDomain(t.Context(), "acme.example")
	require.NoError(t, err)
	ids := make([]int64, len(accs))
	for i, a := range accs {
		ids[i] = a.ID
	}
	require.Equal(t, []int64{unkeyed.ID, second.ID, alone.ID}, ids, "those with a record first")
}

func TestUpsertAccountConcurrentlyMakesOne(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	_, err := s.UpsertAccount(t.Context(), account.Key{}, "acme.example", "")
	require.NoError(t, err)
	for _, err := range concurrently(20, func(i int) error {
		k := account.Key{}
		if i%2 == 0 {
			k = key512
		}
		_, err := s.UpsertAccount(t.Context(), k, "globex.example", "")
		return err
	}) {
		require.NoError(t, err)
	}
	accs, err := s.AccountsByDomain(t.Context(), "globex.example")
	require.NoError(t, err)
	require.LessOrEqual(t, len(accs), 2)
	require.Equal(t, key512, accs[0].Key)
}

func TestUpsertAccountTakesWhatComesFromOutside(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc, err := s.UpsertAccount(t.Context(), key512, "acme.example", "A\x00c\xffme "+strings.Repeat("ü", 600))
	require.NoError(t, err)
	require.Equal(t, "Ac\uFFFDme "+strings.Repeat("ü", 494), acc.Name)

	_, err = s.UpsertAccount(t.Context(), account.Key{CRM: "hubspot", Portal: "8100", ID: strings.Repeat("9", 101)}, "", "")
	require.ErrorIs(t, err, account.ErrInvalid)
	for _, domain := range []string{strings.Repeat("a", 254), "acme\x00.example", "\xff.example"} {
		_, err = s.UpsertAccount(t.Context(), account.Key{}, domain, "")
		require.ErrorIs(t, err, account.ErrInvalid)
	}
}

func TestAccountThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	_, err := s.Account(t.Context(), 7)
	require.ErrorIs(t, err, account.ErrNotFound)
	require.ErrorContains(t, err, "account 7")
	accs, err := s.AccountsByDomain(t.Context(), "acme.example")
	require.NoError(t, err)
	require.Empty(t, accs)
}

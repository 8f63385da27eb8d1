package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestASubjectHasOneKeyAlsoWhenManyAskForItAtOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	keys := make([]store.SubjectKey, 32)
	for _, err := range concurrently(len(keys), func(i int) (err error) {
		keys[i], err = s.SubjectKey(t.Context(), "company/domain/acme.example")
		return err
	}) {
		require.NoError(t, err)
	}
	for _, key := range keys {
		require.Equal(t, keys[0], key)
	}
	require.Len(t, keys[0].Secret, 32)
	require.Equal(t, store.SubjectDigest("company/domain/acme.example"), keys[0].Subject)

	other, err := s.SubjectKey(t.Context(), "company/domain/other.example")
	require.NoError(t, err)
	require.NotEqual(t, keys[0].ID, other.ID)
	require.NotEqual(t, keys[0].Secret, other.Secret)
	found, err := s.SubjectKeys(t.Context(), []string{other.ID, "nobody's", keys[0].ID})
	require.NoError(t, err)
	require.ElementsMatch(t, []store.SubjectKey{keys[0], other}, found)
}

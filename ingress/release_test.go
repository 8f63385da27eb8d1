package ingress_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
)

// keptReleases are of one model, the latest first.
type keptReleases []store.Release

func (k keptReleases) Releases(_ context.Context, _ string, version int) ([]store.Release, error) {
	var all []store.Release
	for _, r := range k {
		if version == 0 || r.Version == version {
			all = append(all, r)
		}
	}
	return all, nil
}

func TestAModelsNameMeansTheReleaseThatIsUnderWayOrActive(t *testing.T) {
	t.Parallel()
	ended := time.Now()
	release := func(id int64, version int, state string, ended time.Time) store.Release {
		return store.Release{ID: id, ModelRef: store.ModelRef{Name: "revops", Version: version}, State: state, EndedAt: ended}
	}
	all := keptReleases{
		release(4, 4, store.Withdrawn, ended), release(3, 4, store.RejectedRelease, ended),
		release(2, 3, store.Active, ended), release(1, 2, store.Retired, ended),
	}
	of := func(k keptReleases, version int) int64 {
		t.Helper()
		r, err := ingress.ReleaseOf(t.Context(), k, "revops", version)
		require.NoError(t, err)
		return r.ID
	}
	require.Equal(t, int64(2), of(all, 0), "what a rollback is about")
	require.Equal(t, int64(5), of(append(keptReleases{release(5, 5, store.Shadow, time.Time{})}, all...), 0))
	require.Equal(t, int64(4), of(all, 4), "the latest of a version")
	require.Equal(t, int64(4), of(all[:2], 0))
	_, err := ingress.ReleaseOf(t.Context(), all, "revops", 9)
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "release: there is none of revops@9; `starter icp releases` lists those there are")
}

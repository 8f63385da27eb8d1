package store_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestATokenIsGoodUntilItExpiresOrIsRevoked(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	ctx := t.Context()
	some, err := s.HasTokens(ctx)
	require.NoError(t, err)
	require.False(t, some)
	forever, short := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	added, err := s.AddToken(ctx, "the website", store.WriteScope, forever, time.Time{})
	require.NoError(t, err)
	_, err = s.AddToken(ctx, "an audit", store.ReadScope, short, now.Add(time.Hour))
	require.NoError(t, err)

	used, err := s.UseToken(ctx, forever, now)
	require.NoError(t, err)
	require.Equal(t, added, used)
	_, err = s.UseToken(ctx, short, now.Add(59*time.Minute))
	require.NoError(t, err)
	_, err = s.UseToken(ctx, short, now.Add(time.Hour))
	require.ErrorIs(t, err, account.ErrNotFound, "it has expired")
	_, err = s.UseToken(ctx, sha256.Sum256([]byte("c")), now)
	require.ErrorIs(t, err, account.ErrNotFound)

	some, err = s.HasTokens(ctx)
	require.NoError(t, err)
	require.True(t, some)
	revoked, err := s.RevokeToken(ctx, added.ID, now)
	require.NoError(t, err)
	require.Equal(t, now, revoked.RevokedAt)
	again, err := s.RevokeToken(ctx, added.ID, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, now, again.RevokedAt, "when it was first")
	_, err = s.UseToken(ctx, forever, now)
	require.ErrorIs(t, err, account.ErrNotFound)
	_, err = s.RevokeToken(ctx, 99, now)
	require.ErrorIs(t, err, account.ErrNotFound)

	all, err := s.Tokens(ctx)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "an audit", all[0].Name)
	require.Equal(t, now.Truncate(time.Hour), all[1].UsedAt)
}

func TestATokenWithoutANameOrWithAnUnknownScopeIsRefused(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	_, err := s.AddToken(t.Context(), "", store.ReadScope, sha256.Sum256(nil), time.Time{})
	require.ErrorIs(t, err, account.ErrInvalid)
	_, err = s.AddToken(t.Context(), "a", "root", sha256.Sum256(nil), time.Time{})
	require.ErrorIs(t, err, account.ErrInvalid)
}

package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestEffectIsOnRecordBeforeItIsTried(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	const key = "sluice:hubspot/8100/512/properties"
	begin := func(tried map[string]string) store.Effect {
		before, err := s.BeginEffect(t.Context(), key, acc.ID, "r", crm.PropertiesEffect, tried)
		require.NoError(t, err)
		return before
	}
	before := begin(map[string]string{"icp_tier": "Tier 2", "icp_fit_score": "65"})
	require.Zero(t, before.Attempts, "never tried")
	require.Empty(t, before.Tried)

	before = begin(map[string]string{"icp_tier": "Tier 1"})
	require.Equal(t, 1, before.Attempts, "tried, and nobody knows how it ended")
	require.Equal(t, "trying", before.State)
	require.Equal(t, map[string]string{"icp_tier": "Tier 2", "icp_fit_score": "65"}, before.Tried)
	require.Empty(t, before.Written)

	require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: key, CRMID: "512", Written: map[string]string{"icp_tier": "Tier 1", "icp_fit_score": "65"}}))
	require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: key, Written: map[string]string{"icp_tier": "Tier 2"}}))
	e, err := s.Effect(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "done", e.State)
	require.Equal(t, "512", e.CRMID)
	require.Equal(t, map[string]string{"icp_tier": "Tier 2", "icp_fit_score": "65"}, e.Written)
	require.WithinDuration(t, time.Now(), e.DoneAt, time.Minute)
	require.WithinDuration(t, time.Now(), e.TriedAt, time.Minute)

	before = begin(nil)
	require.Equal(t, e, before, "what was written stays known")
}

func TestBeginEffectConcurrentlyHasOneFirst(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	seen := make([]int, 20)
	for _, err := range concurrently(len(seen), func(int) error {
		before, err := s.BeginEffect(t.Context(), "k", acc.ID, "r", crm.TaskEffect, nil)
		seen[before.Attempts]++
		return err
	}) {
		require.NoError(t, err)
	}
	for attempts, n := range seen {
		require.Equal(t, 1, n, attempts)
	}
}

func TestEffectThatFailsOrIsKept(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	_, err := s.BeginEffect(t.Context(), "k1", acc.ID, "r", crm.NoteEffect, nil)
	require.NoError(t, err)
	_, err = s.BeginEffect(t.Context(), "k2", acc.ID, "r", crm.TaskEffect, nil)
	require.NoError(t, err)
	require.NoError(t, s.FailEffect(t.Context(), "k1", "hubspot: bad_request (HTTP 400)\x00"))
	require.NoError(t, s.KeepEffect(t.Context(), "k2", "typed by a person"))
	effects, err := s.Effects(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Len(t, effects, 2)
	require.Equal(t, "failed", effects[0].State)
	require.Equal(t, "hubspot: bad_request (HTTP 400)", effects[0].Reason)
	require.Equal(t, "kept", effects[1].State)
}

func TestEffectThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	_, err := s.Effect(t.Context(), "k")
	require.ErrorIs(t, err, account.ErrNotFound)
	require.ErrorIs(t, s.FinishEffect(t.Context(), store.Done{Key: "k", CRMID: "1"}), account.ErrNotFound)
	require.ErrorIs(t, s.FailEffect(t.Context(), "k", ""), account.ErrNotFound)
	_, err = s.BeginEffect(t.Context(), "k", 99, "r", crm.TaskEffect, nil)
	require.ErrorIs(t, err, account.ErrNotFound)
}

func TestEventsAreSeenOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	unseen, err := s.NewEvents(t.Context(), []string{"b", "a", "b"})
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a"}, unseen)
	for _, err := range concurrently(8, func(i int) error {
		keys := []string{"a", "b", "c"}
		if i%2 == 0 {
			keys = []string{"c", "b", "a", "a"}
		}
		return s.KeepEvents(t.Context(), keys)
	}) {
		require.NoError(t, err)
	}
	unseen, err = s.NewEvents(t.Context(), []string{"d", "a", "b"})
	require.NoError(t, err)
	require.Equal(t, []string{"d"}, unseen)
	require.NoError(t, s.KeepEvents(t.Context(), nil))
	unseen, err = s.NewEvents(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, unseen)
}

func TestRunIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	_, err := s.LatestRun(t.Context(), acc.ID)
	require.ErrorIs(t, err, account.ErrNotFound)

	running := store.Run{WorkflowID: "company/hubspot/8100/512", RunID: "r1", AccountID: acc.ID, Status: "running", StartedAt: now}
	require.NoError(t, s.SaveRun(t.Context(), running))
	require.NoError(t, s.SaveRun(t.Context(), store.Run{
		WorkflowID: running.WorkflowID, RunID: "r1", Status: "completed", EndedAt: now.Add(time.Minute),
		Stop: map[account.Field]string{account.Industry: "met"}, Reason: "all found",
	}))
	want := store.Run{
		WorkflowID: running.WorkflowID, RunID: "r1", AccountID: acc.ID, Status: "completed", StartedAt: now, EndedAt: now.Add(time.Minute),
		Stop: map[account.Field]string{account.Industry: "met"}, Reason: "all found",
	}
	require.NoError(t, s.SaveRun(t.Context(), running), "a late repetition")
	got, err := s.LatestRun(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)

	later := store.Run{WorkflowID: running.WorkflowID, RunID: "r2", AccountID: acc.ID, Status: "running", StartedAt: now.Add(time.Hour)}
	require.NoError(t, s.SaveRun(t.Context(), later))
	got, err = s.LatestRun(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, "r2", got.RunID)
	require.Empty(t, got.Stop)
	require.True(t, got.EndedAt.IsZero())
}

func TestRefusedRunHasNoAccount(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	require.NoError(t, s.SaveRun(t.Context(), store.Run{WorkflowID: "w", RunID: "r", Status: "refused", EndedAt: now, Reason: "free-mail domain"}))
	require.ErrorIs(t, s.SaveRun(t.Context(), store.Run{WorkflowID: "w", RunID: "r", Status: "lost"}), account.ErrInvalid)
	require.ErrorIs(t, s.SaveRun(t.Context(), store.Run{WorkflowID: "w", RunID: "r2", AccountID: 99, Status: "running"}), account.ErrNotFound)
}

func TestSettledTellsRunsThatEndedFromRunsThatWait(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for _, r := range []store.Run{
		{RunID: "busy", Status: "running"},
		{RunID: "parked", Status: "running", Reason: "waits for apollo"},
		{RunID: "through", Status: "completed", EndedAt: now},
		{RunID: "not asked about", Status: "completed", EndedAt: now},
	} {
		r.WorkflowID = "w"
		require.NoError(t, s.SaveRun(t.Context(), r))
	}
	key := func(id string) store.RunKey { return store.RunKey{WorkflowID: "w", RunID: id} }
	settled, err := s.Settled(t.Context(), []store.RunKey{key("busy"), key("parked"), key("through"), key("not on record")})
	require.NoError(t, err)
	require.ElementsMatch(t, []store.SettledRun{{RunKey: key("parked")}, {RunKey: key("through"), Ended: true}}, settled)
}

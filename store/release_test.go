package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

var releaseSettings = store.ReleaseSettings{
	Roles: []string{"sales", "marketing"}, Shadow: time.Hour, AB: store.Trial{Share: 0.2, For: time.Hour}, Guard: store.Guard{TierShare: 0.25, TasksPerRep: 20},
}

// releases is a store whose model fit@2 is active.
type releases struct {
	*store.Store
	t *testing.T
}

func newReleases(t *testing.T) releases {
	t.Helper()
	s := releases{storetest.New(t), t}
	for subject, ref := range map[string]store.ModelRef{"company": {Name: "fit", Version: 2}, "contact": {Name: "people", Version: 1}} {
		require.NoError(t, s.SaveModel(t.Context(), ref.Name, ref.Version, subject, []byte(ref.String())))
		require.NoError(t, s.SeedModels(t.Context(), subject, ref))
	}
	return s
}

func fit(version int) store.NewRelease {
	ref := store.ModelRef{Name: "fit", Version: version}
	return store.NewRelease{ModelRef: ref, Subject: "company", Source: []byte(ref.String()), Settings: releaseSettings, Author: "dana", Comment: "new points"}
}

func (s releases) begin(version int) store.Release {
	s.t.Helper()
	r, err := s.BeginRelease(s.t.Context(), fit(version))
	require.NoError(s.t, err)
	return r
}

// to takes a release through the states up to one.
func (s releases) to(id int64, state string) store.Release {
	s.t.Helper()
	var r store.Release
	for _, next := range []string{store.Validated, store.Backtested, store.SignedOff, store.Shadow, store.AB, store.Active} {
		var err error
		r, err = s.MoveRelease(s.t.Context(), id, store.ReleaseChange{To: next})
		require.NoError(s.t, err)
		if next == state {
			return r
		}
	}
	return r
}

func (s releases) through(version int) store.Release {
	s.t.Helper()
	r := s.begin(version)
	s.to(r.ID, store.Active)
	r, err := s.EndRelease(s.t.Context(), r.ID)
	require.NoError(s.t, err)
	return r
}

func (s releases) decide(id int64, move string) (store.Release, error) {
	s.t.Helper()
	m, err := s.SaveReleaseMove(s.t.Context(), store.ReleaseMove{ReleaseID: id, Move: move, Author: "lee", Comment: "because"})
	require.NoError(s.t, err)
	return s.TakeReleaseMove(s.t.Context(), id, m.ID, func(store.Release, store.ReleaseMove) error { return nil })
}

func (s releases) states(id int64) []string {
	s.t.Helper()
	steps, err := s.ReleaseSteps(s.t.Context(), id)
	require.NoError(s.t, err)
	var states []string
	for i, step := range steps {
		require.Equal(s.t, i+1, step.Seq)
		states = append(states, step.State)
	}
	return states
}

func (s releases) inForce() store.ModelInForce {
	s.t.Helper()
	all, err := s.ModelsInForce(s.t.Context(), "company")
	require.NoError(s.t, err)
	require.Len(s.t, all, 1)
	return all[0]
}

func TestAReleasePutsItsVersionWhereItsStateSays(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	r := s.begin(3)
	require.Equal(t, []any{2, store.Draft, releaseSettings}, []any{r.Replaces, r.State, r.Settings})
	require.Equal(t, 3, s.inForce().Next, "its properties are read from now on")

	r = s.to(r.ID, store.Shadow)
	require.False(t, r.Published)
	require.Equal(t, []any{2, 0, 0.0}, []any{s.inForce().Version, s.inForce().Candidate, s.inForce().Share})
	r = s.to(r.ID, store.AB) // the states before change nothing any more
	require.True(t, r.Published)
	require.Equal(t, []any{2, 3, 0.2}, []any{s.inForce().Version, s.inForce().Candidate, s.inForce().Share})
	since := s.inForce().ActivatedAt
	s.to(r.ID, store.Active)
	require.Equal(t, []any{3, 0, 0.0}, []any{s.inForce().Version, s.inForce().Candidate, s.inForce().Share})
	require.True(t, s.inForce().ActivatedAt.After(since))
	r, err := s.EndRelease(t.Context(), r.ID)
	require.NoError(t, err)
	require.True(t, r.Over())
	again, err := s.EndRelease(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, r, again)
	require.Equal(t, []string{"draft", "validated", "backtested", "signed_off", "shadow", "ab", "active"}, s.states(r.ID))
}

func TestALaterReleaseRetiresTheOneBeforeAndGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	three, four := s.through(3), s.through(4)
	before, err := s.Release(t.Context(), three.ID)
	require.NoError(t, err)
	require.Equal(t, []any{store.Retired, 4}, []any{before.State, before.Live})
	require.Equal(t, "retired", s.states(three.ID)[7])

	back, err := s.decide(four.ID, store.RollbackMove)
	require.NoError(t, err)
	require.Equal(t, store.RolledBack, back.State)
	require.False(t, back.Over(), "its scores are still to be taken back")
	require.Equal(t, 3, s.inForce().Version, "at once")
	require.Zero(t, s.inForce().Next)
	before, err = s.Release(t.Context(), three.ID)
	require.NoError(t, err)
	require.Equal(t, store.Active, before.State)
	back, err = s.MoveRelease(t.Context(), four.ID, store.ReleaseChange{To: store.Active})
	require.NoError(t, err)
	require.Equal(t, store.RolledBack, back.State, "what went on meanwhile changes nothing")
	require.Equal(t, 3, s.inForce().Version)
	_, err = s.EndRelease(t.Context(), four.ID)
	require.NoError(t, err)
	_, err = s.decide(three.ID, store.RollbackMove)
	require.NoError(t, err)
	require.Equal(t, 2, s.inForce().Version)
}

func TestADecisionIsTakenOnceAndOnlyIfItIsAdmitted(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	r := s.begin(3)
	m, err := s.SaveReleaseMove(t.Context(), store.ReleaseMove{ReleaseID: r.ID, Move: store.PauseMove, Author: " lee ", Comment: "quarter end"})
	require.NoError(t, err)
	no := account.Invalid("state", "not now")
	_, err = s.TakeReleaseMove(t.Context(), r.ID, m.ID, func(now store.Release, asked store.ReleaseMove) error {
		require.Equal(t, []any{store.Draft, "pause", "lee"}, []any{now.State, asked.Move, asked.Author})
		return no
	})
	require.Equal(t, no, err, "a refusal begins with its field")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := s.TakeReleaseMove(t.Context(), r.ID, m.ID, func(store.Release, store.ReleaseMove) error { return nil })
			require.NoError(t, err)
		})
	}
	wg.Wait()
	require.Equal(t, []string{"draft", "paused"}, s.states(r.ID))
	r, err = s.Release(t.Context(), r.ID)
	require.NoError(t, err)
	require.True(t, r.Paused)
	r, err = s.decide(r.ID, store.WithdrawMove)
	require.NoError(t, err)
	require.True(t, r.Over(), "nothing was published: there is nothing to take back")
	require.False(t, r.Paused)
	require.Equal(t, []any{store.Withdrawn, 2}, []any{r.State, s.inForce().Version})

	other := s.begin(3)
	_, err = s.TakeReleaseMove(t.Context(), other.ID, m.ID, func(store.Release, store.ReleaseMove) error { return nil })
	require.ErrorIs(t, err, account.ErrInvalid, "of another release")
	_, err = s.SaveReleaseMove(t.Context(), store.ReleaseMove{ReleaseID: 99, Move: store.PauseMove, Author: "lee", Comment: "x"})
	require.ErrorIs(t, err, account.ErrNotFound)
}

func TestApprovalsCountOnceAndARejectionEnds(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	r := s.begin(3)
	s.to(r.ID, store.Backtested)
	say := func(role, verdict string) store.Release {
		t.Helper()
		a, err := s.SaveApproval(t.Context(), store.Approval{ReleaseID: r.ID, Role: role, Verdict: verdict, Author: "lee", Comment: "seen it"})
		require.NoError(t, err)
		require.Zero(t, a.CountedAt)
		var got store.Release
		for range 2 {
			got, err = s.CountApproval(t.Context(), r.ID, a.ID, func(store.Release, store.Approval) error { return nil })
			require.NoError(t, err)
		}
		return got
	}
	require.Equal(t, []string{"sales"}, say("sales", store.Approved).Signed)
	got := say("marketing", store.Rejected)
	require.True(t, got.Over())
	require.Equal(t, store.RejectedRelease, got.State)
	require.Equal(t, []string{"sales"}, got.Signed)
	steps, err := s.ReleaseSteps(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"lee", "by marketing: seen it"}, []string{steps[4].Author, steps[4].Comment})
	require.Len(t, steps, 5)

	for field, a := range map[string]store.Approval{
		"by": {Role: "sales"}, "reason": {Role: "sales", Author: "lee", Comment: strings.Repeat("x", 2001)},
	} {
		a.ReleaseID, a.Verdict = r.ID, store.Approved
		_, err := s.SaveApproval(t.Context(), a)
		require.ErrorIs(t, err, account.ErrInvalid)
		require.ErrorContains(t, err, field+": ")
	}
}

func TestWhatCannotBeReleasedIsRefusedAndKeepsNothing(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	unknown, people, named := fit(9), fit(2), fit(3)
	unknown.Source = nil
	people.Name, people.Subject = "people", "contact"
	named.Name = "other"
	for says, in := range map[string]store.NewRelease{
		"version: fit@9 is not on record": unknown, "subject: people rates contacts": people, "name: no version of other is active": named,
		"version: fit@2 is active already": fit(2), "version: fit@1 is lower than fit@2": fit(1),
	} {
		_, err := s.BeginRelease(t.Context(), in)
		require.ErrorIs(t, err, account.ErrInvalid, says)
		require.ErrorContains(t, err, says)
	}
	for _, version := range []int{1, 9} {
		_, err := s.Model(t.Context(), "fit", version)
		require.ErrorIs(t, err, account.ErrNotFound)
	}

	three := s.begin(3)
	require.Equal(t, three.ID, s.begin(3).ID)
	edited := fit(3)
	edited.Source = []byte("other")
	_, err := s.BeginRelease(t.Context(), edited)
	var changed *store.ModelChangedError
	require.ErrorAs(t, err, &changed)
	_, err = s.BeginRelease(t.Context(), fit(4))
	require.ErrorContains(t, err, "name: the release of fit@3 is under way (draft)")
	_, err = s.Model(t.Context(), "fit", 4)
	require.ErrorIs(t, err, account.ErrNotFound)
	all, err := s.Releases(t.Context(), "", 0)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestTwoWhoReleaseAtOnceMakeOneRelease(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	ids := make([]int64, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			r, err := s.BeginRelease(t.Context(), fit(3))
			require.NoError(t, err)
			ids[i] = r.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, []string{"draft"}, s.states(ids[0]))
}

func TestAModelThatIsTakenOutOfTheFileStopsItsRelease(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	r := s.begin(3)
	s.to(r.ID, store.Shadow)
	require.NoError(t, s.SeedModels(t.Context(), "company"))
	_, err := s.MoveRelease(t.Context(), r.ID, store.ReleaseChange{To: store.AB})
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "name: fit@2, whose place it takes, is not active any more")
	r, err = s.Release(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, store.Shadow, r.State)
	require.NoError(t, s.SeedModels(t.Context(), "company", store.ModelRef{Name: "fit", Version: 2}))
	require.Equal(t, store.AB, s.to(r.ID, store.AB).State)
}

func TestAStopHasItsSentenceUntilAPersonLetsItGoOn(t *testing.T) {
	t.Parallel()
	s := newReleases(t)
	r := s.begin(3)
	s.to(r.ID, store.Shadow)
	for range 2 {
		var err error
		r, err = s.MoveRelease(t.Context(), r.ID, store.ReleaseChange{Stopped: "guard: too much", Difference: map[string]int{"accounts": 7}})
		require.NoError(t, err)
	}
	require.Equal(t, "guard: too much", r.Stopped)
	require.JSONEq(t, `{"accounts": 7}`, string(r.Difference))
	require.Equal(t, "stopped", s.states(r.ID)[5])
	require.Len(t, s.states(r.ID), 6)
	r, err := s.decide(r.ID, store.ActivateMove)
	require.NoError(t, err)
	require.Empty(t, r.Stopped)
	require.Equal(t, store.Shadow, r.State)
}

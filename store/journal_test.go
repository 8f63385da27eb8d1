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

const propertiesKey = "sluice:hubspot/8100/512/properties"

// written is what matters of an entry.
type written struct {
	Property, Before, After string
	State                   store.WriteState
}

func journal(t *testing.T, s *store.Store, accountID int64, run string) []written {
	t.Helper()
	all, err := s.Journal(t.Context(), accountID, run, time.Time{})
	require.NoError(t, err)
	out := make([]written, len(all))
	for i, e := range all {
		out[i] = written{e.Property, e.Before, e.After, e.State}
	}
	return out
}

// attempt changes a tier and a score.
func attempt(acc account.Account, run string, tier, score store.Change) store.Attempt {
	tier.Property, score.Property = crm.TierProperty, crm.ScoreProperty
	return store.Attempt{
		Key: propertiesKey, AccountID: acc.ID, RunID: run, Holder: run, Kind: crm.PropertiesEffect,
		Tried:      map[string]string{crm.TierProperty: tier.After, crm.ScoreProperty: score.After},
		WorkflowID: "company/hubspot/8100/512", Object: store.CompanyRecord, RecordID: "512",
		Changes: []store.Change{tier, score}, Have: map[string]string{crm.TierProperty: tier.Before, crm.ScoreProperty: score.Before},
	}
}

func TestTheJournalIsThereBeforeTheWriteAndSaysHowItEnded(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	before, err := s.TryEffect(t.Context(), attempt(acc, "r1", store.Change{After: "Tier 1"}, store.Change{Before: "40", After: "80"}))
	require.NoError(t, err)
	require.Equal(t, []written{
		{crm.ScoreProperty, "40", "80", store.WriteTrying}, {crm.TierProperty, "", "Tier 1", store.WriteTrying},
	}, journal(t, s, acc.ID, ""))
	require.NoError(t, s.FinishEffect(t.Context(), store.Done{
		Key: propertiesKey, CRMID: "512", Written: map[string]string{crm.TierProperty: "Tier 1"}, Attempt: before.Attempts + 1,
		Ends: map[string]store.WriteState{crm.ScoreProperty: store.WriteKept},
	}))
	require.Equal(t, []written{
		{crm.ScoreProperty, "40", "80", store.WriteKept}, {crm.TierProperty, "", "Tier 1", store.Written},
	}, journal(t, s, acc.ID, "r1"))
	all, err := s.Journal(t.Context(), acc.ID, "", time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"r1", "company/hubspot/8100/512", store.CompanyRecord, "512", propertiesKey},
		[]string{all[0].RunID, all[0].WorkflowID, all[0].Object, all[0].RecordID, all[0].EffectKey})
	require.WithinDuration(t, time.Now(), all[0].EndedAt, time.Minute)
	require.Empty(t, journal(t, s, acc.ID, "r2"))

	e, err := s.Effect(t.Context(), propertiesKey)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), e.Stamps[crm.TierProperty], time.Minute)
	require.NotContains(t, e.Stamps, crm.ScoreProperty)
	stamp := e.Stamps[crm.TierProperty]
	require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: propertiesKey, Written: map[string]string{crm.TierProperty: "Tier 1"}}))
	e, err = s.Effect(t.Context(), propertiesKey)
	require.NoError(t, err)
	require.Equal(t, stamp, e.Stamps[crm.TierProperty], "it was there before")

	_, err = s.TryEffect(t.Context(), attempt(acc, "r2", store.Change{Before: "Tier 1", After: "Tier 9"}, store.Change{Before: "40", After: "90"}))
	require.NoError(t, err)
	require.NoError(t, s.FailEffect(t.Context(), propertiesKey, "INVALID_OPTION"))
	require.Equal(t, store.WriteFailed, journal(t, s, acc.ID, "r2")[1].State)
	ids, err := s.WroteIn(t.Context(), "r2")
	require.NoError(t, err)
	require.Equal(t, []int64{acc.ID}, ids)
}

// An attempt that never ended is settled by what the next one finds in the CRM.
func TestTheJournalSettlesWhatNobodySawTheEndOf(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	tests := []struct {
		name, have string
		want       store.WriteState
	}{
		{"it came through", "Tier 1", store.Written},
		{"it did not", "", store.WriteLost},
		{"somebody has written since", "Tier 3", store.WriteUnsure},
	}
	for _, tt := range tests {
		first := attempt(acc, "a "+tt.name, store.Change{After: "Tier 1"}, store.Change{After: "80"})
		_, err := s.TryEffect(t.Context(), first)
		require.NoError(t, err)
		second := attempt(acc, "b "+tt.name, store.Change{Before: tt.have, After: "Tier 2"}, store.Change{Before: "80", After: "60"})
		before, err := s.TryEffect(t.Context(), second)
		require.NoError(t, err)
		require.Equal(t, written{crm.TierProperty, "", "Tier 1", tt.want}, journal(t, s, acc.ID, first.RunID)[1], tt.name)
		require.Equal(t, written{crm.ScoreProperty, "", "80", store.Written}, journal(t, s, acc.ID, first.RunID)[0], tt.name)
		require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: propertiesKey, Attempt: before.Attempts + 1}))
	}
}

// A note is made once, however often that is tried, and is on record as often.
func TestTheJournalHasARecordOnceThatWasMadeOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	const key = "sluice:hubspot/8100/512/note/fit"
	try := func(run, text string) {
		_, err := s.TryEffect(t.Context(), store.Attempt{
			Key: key, AccountID: acc.ID, RunID: run, Kind: crm.NoteEffect, Tried: map[string]string{"text": text}, Object: store.NoteRecord,
			Changes: []store.Change{{After: text, Renews: true}},
		})
		require.NoError(t, err)
	}
	finish := func(text string) {
		require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: key, CRMID: "77", Written: map[string]string{"text": text}}))
	}
	try("r1", "a")
	try("r1", "a")
	finish("a")
	require.Equal(t, []written{{"", "", "a", store.Written}}, journal(t, s, acc.ID, "r1"))
	try("r2", "a")
	finish("a")
	require.Empty(t, journal(t, s, acc.ID, "r2"), "it says that already")
	try("r3", "b")
	finish("b")
	require.Equal(t, []written{{"", "a", "b", store.Written}}, journal(t, s, acc.ID, "r3"))

	require.NoError(t, s.ForgetEffect(t.Context(), key))
	_, err := s.Effect(t.Context(), key)
	require.ErrorIs(t, err, account.ErrNotFound)
	require.Len(t, journal(t, s, acc.ID, ""), 2, "what was written stays on record")
}

func TestTheJournalIsWrittenInBulk(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	accs := accounts(t, s, 3)
	var all []store.Attempt
	var done []store.Done
	for _, acc := range accs {
		key := "sluice:" + acc.Domain + "/properties"
		all = append(all, store.Attempt{
			Key: key, AccountID: acc.ID, RunID: "release/1", Holder: "release/1", Kind: crm.PropertiesEffect, Object: store.CompanyRecord, RecordID: "1", ScoreID: 99,
			Tried: map[string]string{crm.TierProperty: "Tier 1"}, Changes: []store.Change{{Property: crm.TierProperty, Before: "Tier 2", After: "Tier 1"}},
		})
		done = append(done, store.Done{Key: key, Attempt: 1, Written: map[string]string{crm.TierProperty: "Tier 1"}})
	}
	begun, err := s.TryEffects(t.Context(), all)
	require.NoError(t, err)
	require.Len(t, begun, len(accs))
	require.NoError(t, s.FinishEffects(t.Context(), done[:2]))
	for i, want := range []store.WriteState{store.Written, store.Written, store.WriteTrying} {
		require.Equal(t, []written{{crm.TierProperty, "Tier 2", "Tier 1", want}}, journal(t, s, accs[i].ID, "release/1"))
	}
}

func TestTheJournalIsPruned(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	_, err := s.TryEffect(t.Context(), attempt(acc, "r1", store.Change{After: "Tier 1"}, store.Change{After: "80"}))
	require.NoError(t, err)
	n, err := s.PruneJournal(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = s.PruneJournal(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Empty(t, journal(t, s, acc.ID, ""))
}

func TestAValueWaitsForAPersonUntilANewerOneTakesItsPlace(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	// stage has a run come to another tier, and returns what it found.
	stage := func(tier string) map[string]store.Staged {
		a := attempt(acc, "r "+tier, store.Change{Before: "Tier 3", After: tier}, store.Change{})
		a.Changes, a.Asks = a.Changes[:1], true
		before, err := s.TryEffect(t.Context(), a)
		require.NoError(t, err)
		require.NoError(t, s.FinishEffect(t.Context(), store.Done{
			Key: propertiesKey, Attempt: before.Attempts + 1, Ends: map[string]store.WriteState{crm.TierProperty: store.WriteStaged},
			Stage: map[string]store.Staged{crm.TierProperty: {Before: "Tier 3", Value: tier}},
		}))
		return before.Staged
	}
	open := func() []store.Staged {
		all, err := s.StagedValues(t.Context(), acc.ID)
		require.NoError(t, err)
		return all
	}
	require.Empty(t, stage("Tier 1"))
	first := open()[0]
	require.Equal(t, []string{"Tier 3", "Tier 1", "waiting", "acme.example"}, []string{first.Before, first.Value, string(first.State), first.Account.Domain})
	require.Equal(t, []written{{crm.TierProperty, "Tier 3", "Tier 1", store.WriteStaged}}, journal(t, s, acc.ID, ""))
	require.Equal(t, "Tier 1", stage("Tier 2")[crm.TierProperty].Value)
	require.Len(t, open(), 1)
	second := open()[0]
	_, err := s.AnswerStaged(t.Context(), []int64{second.ID, first.ID}, true, "dana")
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "it was replaced")
	require.Equal(t, store.StagedWaiting, open()[0].State, "all or none")
	_, err = s.AnswerStaged(t.Context(), []int64{99}, false, "dana")
	require.ErrorContains(t, err, "no value 99 waits")

	for range 2 { // it may be said again until it is written
		got, err := s.AnswerStaged(t.Context(), []int64{second.ID}, true, "dana")
		require.NoError(t, err)
		require.Equal(t, []string{"approved", "dana"}, []string{string(got[0].State), got[0].Author})
	}
	require.Equal(t, store.StagedApproved, stage("Tier 1")[crm.TierProperty].State)
	third := open()[0]
	require.Equal(t, "Tier 1", third.Value, "a newer decision takes the place of one that is approved, too")
	got, err := s.AnswerStaged(t.Context(), []int64{third.ID}, false, "dana")
	require.NoError(t, err)
	require.Equal(t, store.StagedRejected, got[0].State)
	require.Empty(t, open())
	last, err := s.LastStaged(t.Context(), []string{propertiesKey})
	require.NoError(t, err)
	require.Equal(t, store.StagedRejected, last[propertiesKey][crm.TierProperty].State)

	stage("Tier 2")
	require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: propertiesKey, Settle: map[string]store.StagedState{crm.TierProperty: store.StagedWritten}}))
	require.Empty(t, open())
}

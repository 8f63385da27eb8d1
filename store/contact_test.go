package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func person(id, title string) crm.Contact {
	yes := true
	return crm.Contact{
		Key:      account.Key{CRM: "hubspot", Portal: "8100", ID: id},
		JobTitle: title, Department: "sales", ManagementLevel: "vp", BudgetAuthority: &yes,
	}
}

func contactScore(id int64, value int, tried map[string]string) store.ContactScore {
	return store.ContactScore{ContactID: id, Tried: tried, Score: icp.Score{
		Value: value, Low: value, High: value + 5, Tier: "Strong fit", Provisional: true,
		Criteria: []icp.Result{{Name: "level", Points: 7, Input: account.TextValue("vp"), ObservedAt: now, Reason: "management level: vp"}},
	}}
}

func keep(t *testing.T, s *store.Store, accountID int64, at time.Time, all bool, listed ...crm.Contact) []store.Contact {
	t.Helper()
	kept, err := s.KeepContacts(t.Context(), accountID, listed, all, at)
	require.NoError(t, err)
	return kept
}

func TestContactsAreKeptWithTheirScoreAndWhatWasWritten(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	kept := keep(t, s, acc.ID, now, true, person("11", "VP Sales"), person("12", ""))
	require.Len(t, kept, 2)
	require.Equal(t, "new", kept[0].State)
	require.Nil(t, kept[0].Score)
	require.True(t, *kept[0].BudgetAuthority)

	tried := map[string]string{"icp_contact_score": "32"}
	low, high := contactScore(kept[0].ID, 30, nil), contactScore(kept[1].ID, 32, tried)
	require.NoError(t, s.ScoreContacts(ctx, "contact-fit@1", now, []store.ContactScore{low, high}))
	again := keep(t, s, acc.ID, now.Add(time.Hour), true, person("11", "VP Sales"), person("12", "CEO"))
	require.Equal(t, "new", again[0].State, "nothing was to be written")
	require.Equal(t, "trying", again[1].State, "tried, and nobody knows how it ended")
	require.Equal(t, tried, again[1].Tried)
	require.Empty(t, again[1].Written)

	require.NoError(t, s.FinishContacts(ctx, now, []store.ContactWritten{
		{ContactID: kept[0].ID, Refused: "VALIDATION_ERROR"}, {ContactID: kept[1].ID, Written: tried},
	}))
	require.NoError(t, s.FinishContacts(ctx, now, []store.ContactWritten{{ContactID: kept[1].ID, Written: map[string]string{"icp_contact_level": "x"}}}))
	all, err := s.Contacts(ctx, acc.ID)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "12", all[0].Key.ID, "the best first")
	require.Equal(t, &high.Score, all[0].Score, "as it was")
	require.Equal(t, "contact-fit@1", all[0].Model)
	require.Equal(t, now, all[0].ScoredAt)
	require.Equal(t, now, all[0].WrittenAt)
	require.Equal(t, map[string]string{"icp_contact_score": "32", "icp_contact_level": "x"}, all[0].Written, "what was written earlier stays known")
	require.Equal(t, "CEO", all[0].JobTitle)
	require.Equal(t, []any{"refused", "VALIDATION_ERROR", time.Time{}}, []any{all[1].State, all[1].Reason, all[1].WrittenAt})
}

func TestAContactThatIsNoLongerListedLosesItsFactsAndNotWhatWasWritten(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	first := keep(t, s, acc.ID, now, true, person("11", "VP Sales"), person("12", "CEO"))
	written := map[string]string{"icp_contact_score": "32"}
	require.NoError(t, s.ScoreContacts(ctx, "contact-fit@1", now, []store.ContactScore{contactScore(first[0].ID, 32, written)}))
	require.NoError(t, s.FinishContacts(ctx, now, []store.ContactWritten{{ContactID: first[0].ID, Written: written}}))

	keep(t, s, acc.ID, now.Add(time.Hour), false, person("12", "CEO"))
	all, err := s.Contacts(ctx, acc.ID)
	require.NoError(t, err)
	require.Len(t, all, 2, "the list was not all of them")

	require.Empty(t, keep(t, s, acc.ID, now.Add(2*time.Hour), true))
	all, err = s.Contacts(ctx, acc.ID)
	require.NoError(t, err)
	require.Empty(t, all)

	other, err := s.UpsertAccount(ctx, account.Key{CRM: "hubspot", Portal: "8100", ID: "513"}, "bolt.example", "Bolt")
	require.NoError(t, err)
	moved := keep(t, s, other.ID, now.Add(3*time.Hour), true, person("11", ""))
	require.Len(t, moved, 1)
	require.Equal(t, first[0].ID, moved[0].ID)
	require.Equal(t, other.ID, moved[0].AccountID, "it moves with its company")
	require.Nil(t, moved[0].Score)
	require.Empty(t, moved[0].JobTitle)
	require.Equal(t, written, moved[0].Written)
}

func TestContactsOfAnAccountThatIsGone(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	_, err := s.KeepContacts(t.Context(), 4711, []crm.Contact{person("11", "CEO")}, true, now)
	require.ErrorIs(t, err, account.ErrNotFound)
	none, err := s.Contacts(t.Context(), 4711)
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoError(t, s.FinishContacts(t.Context(), now, nil))
	require.NoError(t, s.ScoreContacts(t.Context(), "contact-fit@1", now, nil))
}

func TestNoModelScoresContactsAnyMore(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	for range 2 {
		require.NoError(t, s.DeactivateModel(ctx, "contact"), "none is no mistake")
		_, _, err := s.ActiveModel(ctx, "contact")
		require.ErrorIs(t, err, account.ErrNotFound)
		require.NoError(t, s.SaveModel(ctx, "contact-fit", 1, "contact", []byte("source")))
		require.NoError(t, s.ActivateModel(ctx, "contact-fit", 1))
	}
}

func TestContactTextsAreCleaned(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	kept := keep(t, s, acc.ID, now, true, person("11", "VP\x00 \xff Sales"))
	require.Equal(t, "VP \uFFFD Sales", kept[0].JobTitle)
}

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

func contactScore(c store.Contact, value int, tried map[string]string) store.ContactScore {
	return store.ContactScore{ContactTry: store.ContactTry{Contact: c, Tried: tried}, Score: icp.Score{
		Value: value, Low: value, High: value + 5, Tier: "Strong fit", Provisional: true,
		Criteria: []icp.Result{{Name: "level", Points: 7, Input: account.TextValue("vp"), ObservedAt: now, Reason: "management level: vp"}},
	}}
}

// known is what is on record of contacts that are listed.
func known(t *testing.T, s *store.Store, accountID int64, at time.Time, listed ...crm.Contact) []store.Contact {
	t.Helper()
	_, contacts, err := s.KnownContacts(t.Context(), accountID, listed, at)
	require.NoError(t, err)
	return contacts
}

// keep keeps contacts that are listed, and returns what is on record then.
func keep(t *testing.T, s *store.Store, accountID int64, at time.Time, all bool, listed ...crm.Contact) []store.Contact {
	t.Helper()
	require.NoError(t, s.KeepContacts(t.Context(), accountID, listed, all, at))
	return known(t, s, accountID, at, listed...)
}

// score keeps the scores of contacts, which are all of the account's.
func score(t *testing.T, s *store.Store, accountID int64, at time.Time, scores ...store.ContactScore) []int64 {
	t.Helper()
	ids, err := s.ScoreContacts(t.Context(), store.ContactScores{
		AccountID: accountID, All: true, At: at, Model: "contact-fit@1", RunID: "run", WorkflowID: "company/x", Scores: scores,
	})
	require.NoError(t, err)
	return ids
}

func TestContactsAreKeptWithTheirScoreAndWhatWasWritten(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	fresh := known(t, s, acc.ID, now, person("12", ""), person("11", "VP Sales"))
	require.Len(t, fresh, 2)
	require.Equal(t, []any{int64(0), "new"}, []any{fresh[1].ID, fresh[1].State}, "nothing is on record")
	require.Nil(t, fresh[1].Score)
	require.True(t, *fresh[1].BudgetAuthority)

	tried := map[string]string{"icp_contact_score": "32"}
	high, low := contactScore(fresh[0], 32, tried), contactScore(fresh[1], 30, nil)
	ids := score(t, s, acc.ID, now, high, low)
	again := known(t, s, acc.ID, now.Add(time.Hour), person("11", "VP Sales"), person("12", "CEO"))
	require.Equal(t, []int64{again[1].ID, again[0].ID}, ids, "in the order of the scores")
	require.NotZero(t, ids[0])
	require.Equal(t, "new", again[0].State, "nothing was to be written")
	require.Equal(t, "trying", again[1].State, "tried, and nobody knows how it ended")
	require.Equal(t, tried, again[1].Tried)
	require.Empty(t, again[1].Written)

	require.NoError(t, s.FinishContacts(ctx, now, []store.ContactWritten{
		{ContactID: ids[1], Refused: "VALIDATION_ERROR"}, {ContactID: ids[0], Written: tried},
	}))
	require.NoError(t, s.FinishContacts(ctx, now, []store.ContactWritten{{ContactID: ids[0], Written: map[string]string{"icp_contact_level": "x"}}}))
	keep(t, s, acc.ID, now.Add(time.Hour), true, person("11", "VP Sales"), person("12", "CEO"))
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
	written := map[string]string{"icp_contact_score": "32"}
	score(t, s, acc.ID, now, contactScore(known(t, s, acc.ID, now, person("11", "VP Sales"))[0], 32, written))
	first := keep(t, s, acc.ID, now, true, person("11", "VP Sales"), person("12", "CEO"))
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
	gone := []crm.Contact{person("11", "CEO")}
	require.ErrorIs(t, s.KeepContacts(t.Context(), 4711, gone, true, now), account.ErrNotFound)
	_, err := s.ScoreContacts(t.Context(), store.ContactScores{
		AccountID: 4711, At: now, Model: "contact-fit@1", Scores: []store.ContactScore{contactScore(known(t, s, 4711, now, gone...)[0], 30, nil)},
	})
	require.ErrorIs(t, err, account.ErrNotFound)
	none, err := s.Contacts(t.Context(), 4711)
	require.NoError(t, err)
	require.Empty(t, none)
	require.NoError(t, s.FinishContacts(t.Context(), now, nil))
	require.Empty(t, score(t, s, 4711, now))
}

func TestContactTextsAreCleaned(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	fresh := known(t, s, acc.ID, now, person("11", "VP\x00 \xff Sales"))
	require.Equal(t, "VP \uFFFD Sales", fresh[0].JobTitle)
	score(t, s, acc.ID, now, contactScore(fresh[0], 30, nil))
	kept, err := s.Contacts(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, "VP \uFFFD Sales", kept[0].JobTitle)
}

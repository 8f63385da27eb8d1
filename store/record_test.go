package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestTheRecordReplacesWhatItSaidBefore(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	said := func(field account.Field, v account.Value) account.Fact {
		return account.Fact{Field: field, Value: v, Provider: "hubspot", Confidence: 1, ObservedAt: now}
	}
	budget, churned := said(account.ChampionHasBudget, account.BoolValue(false)), said(account.PreviouslyChurned, account.BoolValue(true))
	first := store.Record{
		AccountID: acc.ID, CRM: "hubspot", Target: true, Facts: []account.Fact{budget, churned},
		Properties: map[string]string{"job_board": "lever:acme\x00"},
	}
	for range 2 { // an activity may take it twice
		require.NoError(t, s.TakeRecords(t.Context(), first))
	}
	known, err := s.Facts(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, []account.Fact{budget, churned}, known)
	of, err := s.PropertiesOf(t.Context(), []int64{acc.ID, acc.ID + 1})
	require.NoError(t, err)
	require.Equal(t, map[int64]map[string]string{acc.ID: {"job_board": "lever:acme"}}, of)
	n, err := s.CountTargets(t.Context(), store.TargetList{Marked: true})
	require.NoError(t, err)
	require.Equal(t, 1, n)

	budget = said(account.ChampionHasBudget, account.BoolValue(true))
	require.NoError(t, s.TakeRecords(t.Context(), store.Record{AccountID: acc.ID, CRM: "hubspot", Facts: []account.Fact{budget}}))
	known, err = s.Facts(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, []account.Fact{budget}, known, "what was emptied is no fact any more")
	of, err = s.PropertiesOf(t.Context(), []int64{acc.ID})
	require.NoError(t, err)
	require.Empty(t, of)
}

func TestARecordLeavesWhatProvidersSay(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "r")), found(fact(account.Industry, account.TextValue("saas")))))
	require.NoError(t, s.TakeRecords(t.Context(), store.Record{AccountID: acc.ID, CRM: "hubspot"}))
	known, err := s.Facts(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Len(t, known, 1)
}

func TestTwoRecordsOfOneDomainLearnFromOneNewAnswer(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	key := acc.Key
	key.CRM, key.Portal, key.ID = "hubspot", "8100", "99"
	twin, err := s.UpsertAccount(t.Context(), key, acc.Domain, "Acme again")
	require.NoError(t, err)
	require.NotEqual(t, acc.ID, twin.ID)
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "r")), found(fact(account.Employees, account.NumberValue(75)))))
	alone, err := s.Facts(t.Context(), twin.ID)
	require.NoError(t, err)
	require.Empty(t, alone, "its own run takes the answer over")
	answer, err := s.FreshAnswer(t.Context(), "apollo", acc.Domain, time.Hour)
	require.NoError(t, err)
	require.NoError(t, s.AdoptAnswer(t.Context(), twin.ID, "twin/apollo", answer))

	time.Sleep(2500 * time.Millisecond) // an answer of a moment ago is not bought again
	fresh := fact(account.Employees, account.NumberValue(120))
	fresh.ObservedAt = now.Add(time.Hour)
	in := found(fresh)
	in.At = now.Add(time.Hour)
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "next")), in))
	for _, id := range []int64{acc.ID, twin.ID} {
		known, err := s.Facts(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []account.Fact{fresh}, known)
	}
}

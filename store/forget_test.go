package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestErasingACompanyLeavesNothingOfItAndAllOfTheOthers(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	ctx := t.Context()
	plant := func(domain, id string) account.Account {
		acc, err := s.UpsertAccount(ctx, account.Key{CRM: "hubspot", Portal: "8100", ID: id}, domain, "The people of "+domain)
		require.NoError(t, err)
		r, err := s.Reserve(ctx, store.ReserveInput{AccountID: acc.ID, Provider: "apollo", Subject: domain, Holder: "run " + id, RunID: "run " + id, Credits: 1})
		require.NoError(t, err)
		fact := account.Fact{Field: "city", Value: account.TextValue("near " + domain), Provider: "apollo", Confidence: 1, ObservedAt: now}
		require.NoError(t, s.SaveAnswer(ctx, r, store.SaveAnswerInput{Outcome: "found", Facts: []account.Fact{fact}, Credits: 1, Body: []byte("about " + domain)}))
		require.NoError(t, s.TakeRecords(ctx, store.Record{AccountID: acc.ID, CRM: "hubspot", Properties: map[string]string{"job_board": domain}}))
		require.NoError(t, s.AddVisits(ctx, acc.ID, []signals.Visit{{ID: "v", Kind: "page_view", Page: "/" + domain, At: now}}))
		require.NoError(t, s.SaveRun(ctx, store.Run{WorkflowID: "company/domain/" + domain, RunID: id, AccountID: acc.ID, Status: "running", StartedAt: now}))
		key := crm.EffectKey(acc.Key, crm.PropertiesEffect, "")
		_, err = s.TryEffect(ctx, store.Attempt{
			Key: key, AccountID: acc.ID, RunID: id, WorkflowID: "company/domain/" + domain, Kind: crm.PropertiesEffect, Object: store.CompanyRecord,
			Changes: []store.Change{{Property: crm.ReasonProperty, After: "fits, says " + domain}},
		})
		require.NoError(t, err)
		require.NoError(t, s.FinishEffect(ctx, store.Done{Key: key, Stage: map[string]store.Staged{crm.TierProperty: {Value: domain}}}))
		return acc
	}
	gone, stays := plant("canary.example", "1"), plant("other.example", "2")
	subject := func(name string) store.SubjectKey {
		key, err := s.SubjectKey(ctx, name)
		require.NoError(t, err)
		return key
	}
	run, news, others := subject("company/domain/canary.example"), subject("news of canary.example"), subject("company/domain/other.example")

	require.NoError(t, s.SaveModel(ctx, "revops", 1, "company", []byte("a model")))
	_, err = s.SaveReview(ctx, store.MadeReview{
		Quarter: "2026Q3", Model: store.ModelRef{Name: "revops", Version: 1}, Key: aKey, At: now,
		Report: []byte(`{"stalled": {"list": [{"account": "hubspot/8100/2"}, {"account": "hubspot/8100/1", "name": "canary.example"}]}}`),
	})
	require.NoError(t, err)
	_, err = s.KeepDeals(ctx, "hubspot", "8100", crm.DealPage{Deals: []crm.Deal{
		{ID: "canary-deal", Company: gone.Key, OpenedAt: now, ChangedAt: now}, {ID: "other-deal", Company: stays.Key, OpenedAt: now, ChangedAt: now},
	}}, now)
	require.NoError(t, err)

	before := storetest.Dump(t, url)
	require.Contains(t, before, "canary.example")
	known, err := s.WhatIsKnown(ctx, "canary.example", "news of canary.example")
	require.NoError(t, err)
	require.Equal(t, before, storetest.Dump(t, url), "looking takes nothing away")

	require.NoError(t, s.Bar(ctx, "canary.example", "dpo", "asked for on Monday"))
	erased, err := s.Erase(ctx, "canary.example", "news of canary.example")
	require.NoError(t, err)
	require.Equal(t, known, erased)
	require.Equal(t, []account.Account{gone}, erased.Accounts)
	require.Equal(t, map[string]int64{"accounts": 1, "answers": 1, "facts": 1, "ledger": 1, "visits": 1, "runs": 1, "effects": 1, "journal": 1, "staged": 1, "deals": 1, "reviews": 1, "subject_keys": 2}, erased.Rows)
	require.Len(t, erased.Providers, 1)
	require.Equal(t, "apollo", erased.Providers[0].Provider)
	require.Equal(t, 1, erased.Providers[0].Calls)
	after := storetest.Dump(t, url)
	require.NotContains(t, after, "canary")
	require.Contains(t, after, "other-deal")
	require.Contains(t, after, `""hubspot/8100/2""`)
	facts, err := s.Facts(ctx, stays.ID)
	require.NoError(t, err)
	require.Len(t, facts, 1)

	keys, err := s.SubjectKeys(ctx, []string{run.ID, news.ID, others.ID})
	require.NoError(t, err)
	require.Equal(t, []store.SubjectKey{others}, keys)

	again, err := s.Erase(ctx, "canary.example")
	require.NoError(t, err, "it may be repeated")
	require.Empty(t, again.Rows)
}

func TestACompanyThatWasErasedIsNotPutOnRecordAgainUntilThatIsLifted(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	ctx := t.Context()
	key := account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}
	acme(t, s)
	require.NoError(t, s.Bar(ctx, "acme.example", "dpo", ""))
	require.NoError(t, s.Bar(ctx, "acme.example", "dpo", ""), "it may be repeated")
	_, err := s.Erase(ctx, "acme.example")
	require.NoError(t, err)

	tests := []struct {
		name   string
		key    account.Key
		domain string
	}{
		{"the same record", key, "acme.example"},
		{"the record under another domain", key, "acme.org"},
		{"another record of the domain", account.Key{CRM: "hubspot", Portal: "8100", ID: "513"}, "acme.example"},
		{"no record", account.Key{}, "acme.example"},
	}
	for _, tt := range tests {
		_, err := s.UpsertAccount(ctx, tt.key, tt.domain, "Acme")
		require.ErrorIs(t, err, account.ErrInvalid, tt.name)
		require.ErrorContains(t, err, "--lift", tt.name)
	}
	_, err = s.UpsertAccount(ctx, account.Key{CRM: "hubspot", Portal: "8100", ID: "514"}, "acme.org", "Acme")
	require.NoError(t, err, "a namesake")

	require.NoError(t, s.Lift(ctx, "acme.example"))
	_, err = s.UpsertAccount(ctx, key, "acme.example", "Acme")
	require.NoError(t, err)
	require.ErrorIs(t, s.Lift(ctx, "acme.example"), account.ErrNotFound)
}

func TestCompaniesAreErasedSideBySide(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	accounts(t, s, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	errs := concurrently(3, func(i int) error {
		_, err := s.Erase(ctx, []string{"company0.example", "company1.example", "company2.example"}[i])
		return err
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
}

package explain_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
	"github.com/sluicehq/sluice/waterfall"
)

// The run and workflow of every activity in the SDK's test environment.
const (
	runID      = "default-test-run-id"
	workflowID = "default-test-workflow-id"
)

func TestDomainIsReadBackVerbatim(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	key := account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}
	acc, err := s.UpsertAccount(ctx, key, "acme.example", "Acme")
	require.NoError(t, err)
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	employees := account.Fact{Field: account.Employees, Value: account.NumberValue(120), Provider: "apollo", Confidence: 0.9, ObservedAt: at}
	other := account.Fact{Field: account.Employees, Value: account.NumberValue(900), Provider: "pdl", Confidence: 0.6, ObservedAt: at}

	ask := store.ReserveInput{AccountID: acc.ID, Provider: "apollo", Subject: "acme.example", Holder: runID + "/1", RunID: runID, Credits: 1}
	r, err := s.Reserve(ctx, ask)
	require.NoError(t, err)
	require.NoError(t, s.Settle(ctx, r, outbound.ProviderError, 0, 40*time.Millisecond))
	r, err = s.Reserve(ctx, ask)
	require.NoError(t, err)
	require.NoError(t, s.SaveAnswer(ctx, r, store.SaveAnswerInput{
		Outcome: outbound.Found, Facts: []account.Fact{employees}, Credits: 1, Elapsed: 60 * time.Millisecond, At: at,
	}))
	m, err := icp.Load("revops")
	require.NoError(t, err)
	score := icp.Rate(m, account.Facts{account.Employees: employees}, nil, at)
	score.Value, score.Criteria[0].Reason = 99, "as it was put on record" // whatever today's code would say
	_, err = s.SaveScore(ctx, store.ScoreRow{
		AccountID: acc.ID, RunID: runID, Pass: 1, Model: m.Name, ModelVersion: m.Version, Score: score, Cause: "first",
		Facts: map[account.Field]waterfall.Merged{account.Employees: {Fact: employees, Agreed: []string{"clearbit"}, Conflicts: []account.Fact{other}}},
		Queue: "sdr-outreach", OwnerID: "201", RouteReason: "next in turn", ScoredAt: at,
	})
	require.NoError(t, err)
	_, err = s.BeginEffect(ctx, "k/task", acc.ID, runID, crm.TaskEffect, nil)
	require.NoError(t, err)
	require.NoError(t, s.FinishEffect(ctx, store.Done{Key: "k/task", CRMID: "77"}))
	boss, clerk := contact("11", "CEO"), contact("12", "Clerk")
	require.NoError(t, s.KeepContacts(ctx, acc.ID, []crm.Contact{clerk, boss}, true, at))
	_, known, err := s.KnownContacts(ctx, acc.ID, []crm.Contact{boss}, at)
	require.NoError(t, err)
	fit := icp.Score{Value: 40, Tier: "Best fit", Criteria: []icp.Result{}}
	_, err = s.ScoreContacts(ctx, store.ContactScores{
		AccountID: acc.ID, At: at, Model: "contact-fit@1", Scores: []store.ContactScore{{ContactTry: store.ContactTry{Contact: known[0]}, Score: fit}},
	})
	require.NoError(t, err)
	require.NoError(t, s.FinishContacts(ctx, at, []store.ContactWritten{{ContactID: known[0].ID, Refused: "VALIDATION_ERROR"}}))
	finish(t, s, activities.FinishInput{
		AccountID: acc.ID, Status: "completed", Reason: "all was said",
		Stop: map[account.Field]waterfall.Stop{account.Employees: waterfall.Met, account.Industry: waterfall.Exhausted},
	})

	all, err := explain.Domain(ctx, s, "acme.example")
	require.NoError(t, err)
	require.Len(t, all, 1)
	got := all[0]
	got.ScoredAt, got.History[0].At = got.ScoredAt.UTC(), got.History[0].At.UTC()
	require.Equal(t, explain.Company{
		Domain: "acme.example", Name: "Acme", CRM: key, AccountID: acc.ID, WorkflowID: workflowID, RunID: runID,
		Status: "completed", Reason: "all was said", Tier: score.Tier, Provisional: score.Provisional,
		Score: explain.Score{Value: 99, Low: score.Low, High: score.High, Fit: score.Fit, Completeness: score.Completeness},
		Model: explain.Model{Name: "revops", Version: 2}, Cause: "first", ScoredAt: at, Criteria: score.Criteria,
		Queue: "sdr-outreach", Owner: "201", RouteReason: "next in turn", TaskID: "77",
		Facts: map[account.Field]explain.Fact{account.Employees: {
			Value: employees.Value, Provider: "apollo", Confidence: 0.9, ObservedAt: at, Agreed: []string{"clearbit"}, Conflicts: []account.Fact{other},
		}},
		Providers: []explain.Provider{{Name: "apollo", Outcome: outbound.Found, Fields: []account.Field{account.Employees}, Credits: 1, MS: 100}},
		Credits:   1,
		Stop:      map[account.Field]string{account.Employees: "met", account.Industry: "exhausted"},
		Effects:   []explain.Effect{{Kind: crm.TaskEffect, Key: "k/task", CRMID: "77", State: "done"}},
		History: []explain.Past{{
			At: at, Cause: "first", Value: 99, Tier: score.Tier, Model: explain.Model{Name: "revops", Version: 2}, Queue: "sdr-outreach",
		}},
		Heard: map[string][]account.Fact{"apollo": {employees}},
		Contacts: &explain.Contacts{Count: 2, Best: []explain.Contact{{
			CRMID: "11", JobTitle: "CEO", Score: 40, Level: "Best fit", Model: "contact-fit@1", ScoredAt: at, State: "refused", Reason: "VALIDATION_ERROR",
		}}},
	}, got)

	_, err = explain.Domain(ctx, s, "nobody.example")
	require.ErrorIs(t, err, account.ErrNotFound)
}

func contact(id, title string) crm.Contact {
	return crm.Contact{Key: account.Key{CRM: "hubspot", Portal: "8100", ID: id}, JobTitle: title}
}

func finish(t *testing.T, s *store.Store, in activities.FinishInput) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	a := &activities.Activities{Store: s}
	env.RegisterActivity(a)
	_, err := env.ExecuteActivity(a.Finish, in)
	require.NoError(t, err)
}

func TestHistoryTellsWhatThePersonAndTheModelSaid(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc, err := s.UpsertAccount(ctx, account.Key{}, "acme.example", "Acme")
	require.NoError(t, err)
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	row := store.ScoreRow{
		AccountID: acc.ID, RunID: runID, Pass: 1, Model: "revops", ModelVersion: 2, Cause: "first", Why: "first: score 55, Tier 2",
		Score: icp.Score{Value: 55, Low: 40, High: 75, Fit: 40, Completeness: 0.5, Tier: "Tier 2", Provisional: true, Criteria: []icp.Result{}},
		Queue: "marketing-nurture", ScoredAt: at, TierSince: at,
	}
	first, err := s.SaveScore(ctx, row)
	require.NoError(t, err)
	o, err := s.SaveOverride(ctx, store.Override{
		AccountID: acc.ID, Override: icp.Override{Tier: "Tier 1", Code: "strategic"}, Reason: "a pilot", Author: "dana",
	})
	require.NoError(t, err)
	_, err = s.BeginOverride(ctx, acc.ID, o.ID, at)
	require.NoError(t, err)
	row.Pass, row.Before, row.Cause, row.Queue = 2, first.ID, "override", "sdr-outreach"
	row.Why, row.TierReason = "override: as it was put on record", "stays, as it was put on record"
	row.Changes = []icp.Change{{Criterion: "employees", Points: 3, Text: "as it was put on record"}}
	row.Override = &store.Standing{ID: o.ID, Value: 70, Tier: "Tier 1", Fit: 70}
	_, err = s.SaveScore(ctx, row)
	require.NoError(t, err)

	c, err := explain.Account(ctx, s, acc)
	require.NoError(t, err)
	machine := &explain.Machine{
		Score: explain.Score{Value: 55, Low: 40, High: 75, Fit: 40, Completeness: 0.5}, Tier: "Tier 2", Provisional: true,
	}
	require.Equal(t, "Tier 1", c.Tier)
	require.False(t, c.Provisional)
	require.Equal(t, explain.Score{Value: 70, Low: 70, High: 70, Fit: 70, Completeness: 0.5}, c.Score)
	require.Equal(t, machine, c.Machine)
	require.Equal(t, []string{row.Why, row.TierReason}, []string{c.Why, c.TierReason})
	require.Equal(t, row.Changes, c.Changes)
	require.True(t, at.Equal(c.TierSince))
	require.Len(t, c.History, 2)
	require.Nil(t, c.History[0].Machine)
	last := c.History[1]
	last.At = last.At.UTC()
	require.Equal(t, explain.Past{
		At: at, Cause: "override", Value: 70, Tier: "Tier 1", Model: explain.Model{Name: "revops", Version: 2}, Queue: "sdr-outreach",
		TierReason: row.TierReason, Override: o.ID, Machine: machine, Why: row.Why, Changes: row.Changes,
	}, last)
	require.Equal(t, []string{"Tier 1", "strategic", "a pilot", "dana", "active"}, []string{
		c.Holds().Decided(), c.Holds().Code, c.Holds().Reason, c.Holds().By, c.Holds().State,
	})
}

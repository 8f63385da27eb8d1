package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/jobboards"
)

// filledIn adds a company of which people have filled in properties.
func (b *bundle) filledIn(domain string, properties map[string]string) account.Key {
	key := account.Key{CRM: hubspot.Name, Portal: b.world.CRM.Portal()}
	key.ID = b.world.CRM.AddCompany("The "+domain, domain, properties)
	return key
}

func TestWhatPeopleFillInCountsInTheScore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := b.filledIn("acme.example", map[string]string{"champion_has_budget": "false", "previously_churned": "perhaps"})
	who, err := b.identify(activities.IdentifyInput{Key: key})
	require.NoError(t, err)
	_, err = b.ask(question(who, "apollo"))
	require.NoError(t, err)
	_, err = b.score(activities.ScoreInput{AccountID: who.AccountID, Model: who.Model, Plan: who.Plan, Pass: 1})
	require.NoError(t, err)
	row, err := b.store.LatestScore(t.Context(), who.AccountID)
	require.NoError(t, err)
	points := map[string]int{}
	for _, r := range row.Score.Criteria {
		points[r.Name] = r.Points
		if r.Name == "no_budget_authority" {
			require.Equal(t, "hubspot", r.Provider)
		}
	}
	require.Equal(t, -15, points["no_budget_authority"])
	require.Zero(t, points["churned"], "what cannot be read is unknown")
}

// look lets a source look at every account.
func (b *bundle) look(t *testing.T, source string, who activities.IdentifyResult, at time.Time) activities.LookResult {
	t.Helper()
	got, err := run[activities.LookResult](b.environment(), b.LookPage, activities.LookInput{
		Source: source, List: activities.TargetList{Marked: true}, Limit: 100, Model: who.Model, At: at,
	})
	require.NoError(t, err)
	return got
}

func TestASweepReadsTheRecordsAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Signals = []activities.SignalSource{{Spec: jobboards.Spec}}
	var last activities.IdentifyResult
	for _, domain := range []string{"acme.example", "bolt.example", "cove.example"} {
		key := b.filledIn(domain, map[string]string{"hs_is_target_account": "true", "job_board": "", "procurement_complex": ""})
		var err error
		last, err = b.identify(activities.IdentifyInput{Key: key})
		require.NoError(t, err)
		require.NoError(t, b.world.CRM.SetProperties(key.ID, map[string]string{"job_board": "lever:" + domain, "procurement_complex": "true"}))
	}
	alone, err := b.identify(activities.IdentifyInput{Domain: "dust.example"})
	require.NoError(t, err)
	got := b.look(t, activities.Records, last, time.Now())
	require.Equal(t, activities.LookResult{After: last.AccountID, Done: true, Checked: 3}, got)
	of, err := b.store.PropertiesOf(t.Context(), []int64{last.AccountID, alone.AccountID})
	require.NoError(t, err)
	require.Equal(t, map[int64]map[string]string{last.AccountID: {jobboards.Field: "lever:cove.example"}}, of)
	require.Equal(t, 4, b.requests("hubspot")-b.setupRequests, "three companies were identified, and then read at once")
	require.Contains(t, b.facts(t, last.AccountID, "hubspot"), account.ProcurementComplex)
}

func TestRecordsWaitForACRMThatIsBusy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who, err := b.identify(activities.IdentifyInput{Key: b.filledIn("acme.example", map[string]string{"hs_is_target_account": "true"})})
	require.NoError(t, err)
	b.CRM = b.client(t, outbound.WithTrip(1))
	b.set(t, "hubspot", fault.Fault{Outage: true})
	require.Equal(t, 1, b.look(t, activities.Records, who, time.Now()).Failed)
	got := b.look(t, activities.Records, who, time.Now())
	require.NotZero(t, got.RetryAfter)
	require.Zero(t, got.Checked)
	require.False(t, got.Done)
}

// reader is a source that keeps what it was given to go by.
type reader struct{ fields map[string]string }

func (r *reader) Look(_ context.Context, at signals.Look) (signals.Sight, error) {
	r.fields = at.Fields
	return signals.Sight{}, nil
}

func TestASourceGetsThePropertiesThatItGoesBy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := b.filledIn("acme.example", map[string]string{
		"hs_is_target_account": "true", "job_board": "lever:acme", "hs_analytics_last_visit_timestamp": "2026-11-20T10:00:00Z",
	})
	r := &reader{}
	b.Signals = []activities.SignalSource{{Spec: signals.Spec{Name: "reader", Properties: []string{jobboards.Field, "last_visit_at"}}, Source: r}}
	who, err := b.identify(activities.IdentifyInput{Key: key})
	require.NoError(t, err)
	require.Equal(t, 1, b.look(t, "reader", who, time.Now()).Checked)
	require.Equal(t, map[string]string{jobboards.Field: "lever:acme", "last_visit_at": "2026-11-20T10:00:00Z"}, r.fields)
}

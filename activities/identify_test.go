package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key := b.record("Acme Analytics", "https://www.acme.example/about")
	require.NoError(t, b.world.CRM.SetProperties(key.ID, map[string]string{"hubspot_owner_id": "203"}))
	got, err := b.identify(activities.IdentifyInput{Key: key, Domain: "other.example"})
	require.NoError(t, err)
	require.Equal(t, key, got.Key)
	require.Equal(t, "acme.example", got.Domain, "the CRM's own")
	require.Equal(t, "203", got.Owner)
	require.Contains(t, got.RecordURL, key.ID)
	require.Zero(t, got.Duplicates)
	require.Equal(t, activities.ModelRef{Name: "revops", Version: 2}, got.Model)
	require.Equal(t, []string{"hunter"}, got.Unconfigured)
	require.Equal(t, b.LateFill, got.LateFill)
	require.Equal(t, b.model.Required, got.Plan.Need.Fields)
	var order []string
	for _, s := range got.Plan.Sources {
		order = append(order, s.Provider)
		require.NotEmpty(t, s.Supplies)
	}
	require.Equal(t, []string{"apollo", "clearbit", "pdl", "builtwith"}, order)

	acc, err := b.store.Account(t.Context(), got.AccountID)
	require.NoError(t, err)
	require.Equal(t, account.Account{ID: got.AccountID, Key: key, Domain: "acme.example", Name: "Acme Analytics"}, acc)
	kept, err := b.store.LatestRun(t.Context(), got.AccountID)
	require.NoError(t, err)
	require.Equal(t, "running", kept.Status)
	require.Equal(t, runID, kept.RunID)

	twin, err := b.identify(activities.IdentifyInput{Key: b.record("Acme", "acme.example")})
	require.NoError(t, err)
	require.Equal(t, 1, twin.Duplicates)
	require.NotEqual(t, got.AccountID, twin.AccountID)
}

func TestIdentifyWithoutARecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	byDomain, err := b.identify(activities.IdentifyInput{Domain: "WWW.acme.example"})
	require.NoError(t, err)
	require.Equal(t, "acme.example", byDomain.Domain)
	require.True(t, byDomain.Key.IsZero())
	byName, err := b.identify(activities.IdentifyInput{Name: "Acme Analytics"})
	require.NoError(t, err)
	require.Empty(t, byName.Domain)
	require.NotEqual(t, byDomain.AccountID, byName.AccountID)
	require.Zero(t, b.requests("hubspot")-b.setupRequests)

	adopted, err := b.identify(activities.IdentifyInput{Key: b.record("Acme Analytics", "acme.example")})
	require.NoError(t, err)
	require.Equal(t, byDomain.AccountID, adopted.AccountID, "the first record with the domain is its record")
}

func TestIdentifyRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	deleted := b.record("Gone", "gone.example")
	require.True(t, b.world.CRM.RemoveCompany(deleted.ID))
	tests := []struct {
		name string
		give activities.IdentifyInput
		want string
	}{
		{name: "free mail", give: activities.IdentifyInput{Key: b.record("Jane", "gmail.com")}, want: activities.Invalid},
		{name: "an address", give: activities.IdentifyInput{Domain: "10.0.0.1"}, want: activities.Invalid},
		{name: "neither domain nor name", give: activities.IdentifyInput{Key: b.record("", "")}, want: activities.Invalid},
		{name: "a deleted record", give: activities.IdentifyInput{Key: deleted}, want: activities.RecordGone},
		{name: "a record of another account", give: activities.IdentifyInput{Key: account.Key{CRM: "hubspot", Portal: "1", ID: "1"}}, want: "bad_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.identify(tt.give)
			final(t, err, tt.want)
		})
	}
	t.Run("a record without a CRM", func(t *testing.T) {
		b.CRM = nil
		_, err := b.identify(activities.IdentifyInput{Key: deleted})
		final(t, err, activities.Invalid)
	})
}

// A run waits for the CRM for as long as it takes, but for a key that a person has
// to mend.
func TestIdentifyWaitsForTheCRM(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.CRM = b.client(t, outbound.WithTrip(2), outbound.WithCoolDown(time.Minute))
	in := activities.IdentifyInput{Key: b.record("Acme", "acme.example")}
	b.set(t, "hubspot", fault.Fault{BadKey: true})
	_, err := b.identify(in)
	final(t, err, "auth_failed")
	b.set(t, "hubspot", fault.Fault{Outage: true})
	for range 2 {
		_, err = b.identify(in)
		retried(t, err, "provider_error")
	}
	_, err = b.identify(in)
	h := retried(t, err, activities.CircuitOpen)
	require.InDelta(t, time.Minute, h.delay, float64(20*time.Second))
}

// What was released meanwhile is for runs that begin later.
func TestIdentifyPinsTheModel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.known(t, "acme.example")
	m, err := icp.Parse("revops.yaml", []byte(nextVersion(b.model)))
	require.NoError(t, err)
	b.release(t, m)
	after := b.known(t, "acme.example")
	require.Equal(t, 2, before.Model.Version)
	require.Equal(t, 3, after.Model.Version)
	got, err := b.score(pass(before, 1))
	require.NoError(t, err)
	row, err := b.store.LatestScore(t.Context(), before.AccountID)
	require.NoError(t, err)
	require.Equal(t, got.ScoreID, row.ID)
	require.Equal(t, 2, row.ModelVersion)
}

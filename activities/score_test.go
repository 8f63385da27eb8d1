package activities_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/routing"
)

func pass(who activities.IdentifyResult, n int) activities.ScoreInput {
	return activities.ScoreInput{AccountID: who.AccountID, Models: who.Models, Plan: who.Plan, Pass: n, Owner: who.Owner}
}

func nextVersion(m *icp.Model) string {
	return strings.Replace(m.Source, "version: 2", "version: 3", 1)
}

// enriched returns a company about which the first provider was asked.
func (b *bundle) enriched(t *testing.T, domain string) activities.IdentifyResult {
	t.Helper()
	who := b.known(t, domain)
	_, err := b.ask(question(who, "apollo"))
	require.NoError(t, err)
	return who
}

func TestScore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.enriched(t, "acme.example")
	first, err := b.score(pass(who, 1))
	require.NoError(t, err)
	require.Equal(t, 80, first.Value, "with the points of a round of a month ago")
	require.Equal(t, 65, first.Fit)
	require.Equal(t, "Tier 1", first.Tier)
	require.Equal(t, "sdr-outreach", first.Queue)
	require.Empty(t, first.Owner)

	again, err := b.score(pass(who, 1))
	require.NoError(t, err)
	require.Equal(t, first, again)
	second, err := b.score(pass(who, 2))
	require.NoError(t, err)
	require.NotEqual(t, first.ScoreID, second.ScoreID)
	rows, err := b.store.Scores(t.Context(), who.AccountID)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, "first", rows[0].Cause)
	require.Equal(t, "data", rows[1].Cause)
	require.Equal(t, "apollo", rows[0].Facts[account.LastFundingAt].Provider)
}

func TestScoreIsProvisionalWhileDataIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got, err := b.score(pass(b.enriched(t, "cove.example"), 1)) // 50 without employees, 65 at most
	require.NoError(t, err)
	require.Equal(t, []int{50, 50, 65}, []int{got.Value, got.Low, got.High})
	require.False(t, got.Provisional, "Tier 2 either way")
	got, err = b.score(pass(b.known(t, "bolt.example"), 1))
	require.NoError(t, err)
	require.Equal(t, []int{0, 0, 55}, []int{got.Value, got.Low, got.High}, "nothing is known, and revenue unknown counts as no")
	require.True(t, got.Provisional)
}

func TestScoreGivesAccountsToOwnersInTurn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Routes = routing.Rules{Queues: map[string]routing.Queue{"sdr-outreach": owners(true, "201", "202")}}
	var got []string
	for range 3 {
		who := b.enriched(t, "acme.example")
		for n := range 2 { // whatever pass it is, and although the run does not know the owner
			scored, err := b.score(pass(who, n+1))
			require.NoError(t, err)
			got = append(got, scored.Owner)
		}
	}
	require.Equal(t, []string{"201", "201", "202", "202", "201", "201"}, got)

	who := b.enriched(t, "acme.example")
	who.Owner = "204"
	scored, err := b.score(pass(who, 1))
	require.NoError(t, err)
	require.Equal(t, "204", scored.Owner, "the one in the CRM stays")
	next, err := b.score(pass(b.enriched(t, "acme.example"), 1))
	require.NoError(t, err)
	require.Equal(t, "202", next.Owner, "and costs nobody a turn")
}

func TestScoreExplores(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m, err := icp.Parse("revops.yaml", []byte(strings.Replace(nextVersion(b.model), "share: 0.12", "share: 1", 1)))
	require.NoError(t, err)
	b.release(t, m)
	who := b.enriched(t, "dust.example")
	got, err := b.score(pass(who, 1))
	require.NoError(t, err)
	require.Equal(t, "Not a fit", got.Tier)
	require.True(t, got.Exploration)
	require.Equal(t, "exploration", got.Queue)
	row, err := b.store.LatestScore(t.Context(), who.AccountID)
	require.NoError(t, err)
	require.True(t, row.Exploration)

	got, err = b.score(pass(b.enriched(t, "acme.example"), 1))
	require.NoError(t, err)
	require.False(t, got.Exploration, "of the lowest tier only")
}

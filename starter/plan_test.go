package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
)

func planOf(move store.Difference) plan {
	return plan{
		Model: activities.ModelRef{Name: "revops", Version: 3}, Replaces: activities.ModelRef{Name: "revops", Version: 2},
		At: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC), Difference: move,
	}
}

func TestAPlanIsUnderstoodAtAGlance(t *testing.T) {
	t.Parallel()
	p := planOf(store.Difference{
		Accounts: 12345, TierChanged: 1234, ScoreChanged: 5000, Raised: 4000, Lowered: 1000, QueueChanged: 1234, OwnerChanged: 402, Tasks: 402, Staged: 1234,
		Before: 41.25, Mean: 44.5,
		Moves:        []store.TierMove{{From: "Tier 2", To: "Tier 1", Accounts: 1200}, {From: "Tier 1", To: "Tier 2", Accounts: 34}},
		TasksByOwner: map[string]int{"201": 400, "": 2},
	})
	p.Largest = []largestMove{
		{Move: store.Move{From: 65, To: 80, FromTier: "Tier 2", ToTier: "Tier 1"}, Domain: "acme.example", Name: "Acme"},
		{Move: store.Move{From: 5, To: 9, FromTier: "Not a fit", ToTier: "Not a fit"}, Domain: "dust.example"},
	}
	p.owners = map[string]string{"201": "Ann Lee"}
	p.WithoutKey = []string{"hunter"}
	var out strings.Builder
	p.print(&out)
	text := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "─", " ", "┼", " ").Replace(out.String())), " ")
	for _, want := range []string{
		"revops@3 in place of revops@2, 12 345 accounts, as of 2026-11-20 09:30",
		"tier 1 234 10.0 %", "score 5 000 40.5 % 4 000 up, 1 000 down; on average 41.2 → 44.5", "new tasks 402 3.3 %", "waits for approval 1 234 10.0 %",
		"Tier 2 Tier 1 1 200", "Tier 1 Tier 2 34", "Ann Lee (201) 400", "nobody 2",
		"65 → 80 Tier 2 → Tier 1 Acme acme.example", "5 → 9 Not a fit dust.example", "Without a key here: hunter.",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "held by a policy", "none is")
	out.Reset()
	planOf(store.Difference{}).print(&out)
	require.Contains(t, out.String(), "No account has a score yet.")
}

func TestAPlanHasOneRowAnAccount(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plan.csv")
	rows, err := createRows(file)
	require.NoError(t, err)
	rows.add(activities.Planned{
		Account: account.Account{ID: 7, Key: account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}, Domain: "acme.example", Name: "=Acme, Inc."},
		Before:  store.ScoreRow{Model: "revops", ModelVersion: 2, Score: icp.Score{Value: 65, Tier: "Tier 2"}, Queue: "marketing-nurture"},
		Planned: store.Planned{Task: true, ScoreRow: store.ScoreRow{
			Model: "revops", ModelVersion: 3, Score: icp.Score{Value: 75, Tier: "Tier 1", Provisional: true}, Queue: "sdr-outreach", OwnerID: "201",
			Override: &store.Standing{ID: 1, Value: 90, Tier: "Tier 1"}, Why: "model: revops@2 → revops@3",
		}},
		Waits: []string{"icp_tier", "owner"}, Holds: []string{"icp_fit_score"},
	})
	require.NoError(t, rows.close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.Join(planHeader, ",")+"\n"+
		`7,acme.example,"'=Acme, Inc.",hubspot/8100/512,revops@2,65,Tier 2,marketing-nurture,,`+
		`revops@3,90,Tier 1,no,sdr-outreach,201,no,yes,model: revops@2 → revops@3,icp_tier owner,icp_fit_score`+"\n", string(text), "what a person decided counts")
	_, err = createRows(filepath.Join(t.TempDir(), "none", "plan.csv"))
	require.ErrorContains(t, err, "--csv: ")
	none, err := createRows("")
	require.NoError(t, err)
	none.add(activities.Planned{})
	require.NoError(t, none.close())
}

func TestNumbersAreGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1 000", 12345: "12 345", 1234567: "1 234 567", -1234: "-1 234", -123: "-123"} {
		require.Equal(t, want, grouped(n))
	}
}

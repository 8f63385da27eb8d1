package review_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/review"
)

// shared reads a file of the public data sets, which are not part of the project.
func shared(t *testing.T, file string) [][]string {
	f, err := os.Open(filepath.Join("../../shared/data", file))
	if os.IsNotExist(err) {
		t.Skip("../shared/data is not here")
	}
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return rows
}

// split returns the rows that a split says are for learning, and those for the test.
func split(t *testing.T, rows [][]string, id, file, by string) (train, test *review.Table) {
	parts := shared(t, "splits/"+file)
	which, at := map[string]string{}, slices.Index(parts[0], by)
	for _, p := range parts[1:] {
		which[p[0]] = p[at]
	}
	half := map[string][][]string{"train": {rows[0]}, "test": {rows[0]}}
	key := slices.Index(rows[0], id)
	for _, row := range rows[1:] {
		if part := which[row[key]]; part != "" {
			half[part] = append(half[part], row)
		}
	}
	require.Greater(t, len(half["test"]), 100)
	return table(t, written(t, half["train"])), table(t, written(t, half["test"]))
}

// leaking are the columns of the leads that sales people filled in while they sold.
var leaking = []string{
	"Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity", "Asymmetrique Activity Index",
	"Asymmetrique Profile Index", "Asymmetrique Activity Score", "Asymmetrique Profile Score",
}

func leads(t *testing.T) (train, test *review.Table) {
	return split(t, shared(t, "leads-x-education/leads.csv"), "Lead Number", "leads-x-education.csv", "random42")
}

// TestLeads holds a derived model against plain logistic regression on the same test
// rows, which reaches 0.858.
func TestLeads(t *testing.T) {
	t.Parallel()
	train, test := leads(t)
	roles := review.Roles{Outcome: "Converted", Ignore: leaking}
	p := derive(t, train, roles)
	require.Empty(t, p.Leaks)
	b := backtest(t, model(t, p), test, roles)
	t.Logf("AUC %.4f (%.4f to %.4f) on test rows, %.4f expected", b.AUC, b.AUCLow, b.AUCHigh, p.HeldOut.Value)
	require.Greater(t, float64(b.AUC), 0.858)
	require.InDelta(t, p.HeldOut.Value, float64(b.AUC), 0.02, "what derive promised")
	require.Greater(t, float64(b.LiftAt20), 2.0)
}

func TestLeadsWithLeakingColumns(t *testing.T) {
	t.Parallel()
	train, _ := leads(t)
	roles := review.Roles{Outcome: "Converted"}
	p := derive(t, train, roles)
	require.Len(t, p.Leaks, 1)
	require.Equal(t, "Tags", p.Leaks[0].Column)
	require.GreaterOrEqual(t, p.Leaks[0].AUC, 0.9)
	require.NotContains(t, p.Model, "field: tags")
	require.Contains(t, p.Model, `# WARNING: the column "Tags" alone tells the outcome`)

	kept := derive(t, train, roles, "Tags")
	require.True(t, kept.Leaks[0].Kept)
	require.Contains(t, kept.Model, "field: tags")
}

// TestStartups holds a derived model against plain logistic regression on later
// companies, which reaches 0.731.
func TestStartups(t *testing.T) {
	t.Parallel()
	train, test := split(t, shared(t, "startup-outcomes/startups.csv"), "id", "startup-outcomes.csv", "time")
	roles := review.Roles{
		Outcome: "status", Won: []string{"acquired"}, ID: "id",
		Ignore: []string{"closed_at", "is_top500", "age_last_funding_year", "age_last_milestone_year", "relationships", "milestones"},
	}
	p := derive(t, train, roles)
	b := backtest(t, model(t, p), test, roles)
	t.Logf("AUC %.4f (%.4f to %.4f) on test rows, %.4f expected", b.AUC, b.AUCLow, b.AUCHigh, p.HeldOut.Value)
	require.Greater(t, float64(b.AUC), 0.731)

	roles.Ignore = nil
	p = derive(t, train, roles)
	require.Len(t, p.Leaks, 1)
	require.Equal(t, review.Leak{Column: "closed_at", AUC: p.Leaks[0].AUC, Filled: true}, p.Leaks[0])
}

// TestPipelineWithoutSignal holds that nothing is claimed where nothing is: every
// method stays near 0.5 on these deals.
func TestPipelineWithoutSignal(t *testing.T) {
	t.Parallel()
	rows := shared(t, "deals-maven-crm/sales_pipeline.csv")
	accounts := table(t, written(t, shared(t, "deals-maven-crm/accounts.csv")))
	for _, tab := range []*review.Table{table(t, written(t, rows)), first(split(t, rows, "opportunity_id", "deals-maven-crm.csv", "time"))} {
		tab, without, err := tab.Join(accounts, "")
		require.NoError(t, err)
		require.Contains(t, []int{0, 1425}, without, "open deals without an account")
		for _, roles := range []review.Roles{
			{Outcome: "deal_stage"},
			{Outcome: "deal_stage", ID: "account", Date: "engage_date"},
			{Outcome: "deal_stage", Value: "close_value", Ignore: []string{"sales_agent"}},
		} {
			p := derive(t, tab, roles)
			require.Contains(t, p.Refused, "no attribute is reliable")
			require.Empty(t, p.Model)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// TestSetsThatNobodyTunedOn holds that invented churn is found to be noise, and that
// the best fifth of real customers is found by what they buy.
func TestSetsThatNobodyTunedOn(t *testing.T) {
	t.Parallel()
	accounts := table(t, written(t, shared(t, "saas-ravenstack/accounts.csv")))
	require.Contains(t, derive(t, accounts, review.Roles{Outcome: "churn_flag"}).Refused, "no attribute is reliable")
	subscriptions := table(t, written(t, shared(t, "saas-ravenstack/subscriptions.csv")))
	for _, outcome := range []string{"upgrade_flag", "downgrade_flag", "auto_renew_flag"} {
		require.Contains(t, derive(t, subscriptions, review.Roles{Outcome: outcome, ID: "account_id"}).Refused, "no attribute is reliable", outcome)
	}
	customers := table(t, written(t, shared(t, "wholesale-customers/accounts.csv")))
	p := derive(t, customers, review.Roles{Value: "annual_spend", ID: "account_id"})
	require.Equal(t, 88, p.Good)
	require.Greater(t, p.HeldOut.Low, 0.9)
	model(t, p)
}

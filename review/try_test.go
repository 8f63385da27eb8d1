package review

import (
	"encoding/csv"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
)

var leaking = []string{"Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity", "Asymmetrique Activity Index", "Asymmetrique Profile Index", "Asymmetrique Activity Score", "Asymmetrique Profile Score"}
var later = []string{"closed_at", "is_top500", "age_last_funding_year", "age_last_milestone_year", "relationships", "milestones"}

func load(t testing.TB, path string) *Table {
	f, err := os.Open("../../shared/data/" + path)
	require.NoError(t, err)
	defer f.Close()
	tab, err := ReadTable(path, f)
	require.NoError(t, err)
	return tab
}

func half(t testing.TB, tab *Table, set, id, split, want string) *Table {
	f, err := os.Open("../../shared/data/splits/" + set + ".csv")
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	col := 0
	for i, h := range rows[0] {
		if h == split {
			col = i
		}
	}
	part := map[string]string{}
	for _, r := range rows[1:] {
		part[r[0]] = r[col]
	}
	at, err := tab.column("id", id)
	require.NoError(t, err)
	out := *tab
	out.rows = nil
	for _, r := range tab.rows {
		if part[r[at]] == want {
			out.rows = append(out.rows, r)
		}
	}
	return &out
}

func TestTry(t *testing.T) {
	x := half(t, load(t, "leads-x-education/leads.csv"), "leads-x-education", "Lead Number", "random42", "train")
	s := half(t, load(t, "startup-outcomes/startups.csv"), "startup-outcomes", "id", "time", "train")
	m := half(t, load(t, "deals-maven-crm/sales_pipeline.csv"), "deals-maven-crm", "opportunity_id", "time", "train")
	mj, _, err := m.Join(load(t, "deals-maven-crm/accounts.csv"), "")
	require.NoError(t, err)
	for _, set := range []struct {
		tab  *Table
		r    Roles
		name string
	}{
		{x, Roles{Outcome: "Converted", Ignore: append([]string{"Prospect ID", "Lead Number"}, leaking...)}, "x"},
		{x, Roles{Outcome: "Converted"}, "x leaks"},
		{s, Roles{Outcome: "status", Won: []string{"acquired"}, ID: "id", Date: "first_funding_at", Ignore: append([]string{"name"}, later...)}, "startup"},
		{s, Roles{Outcome: "status", Won: []string{"acquired"}}, "startup all"},
		{mj, Roles{Outcome: "deal_stage", ID: "account", Date: "engage_date", Ignore: []string{"close_date", "close_value", "opportunity_id"}}, "maven"},
		{mj, Roles{Outcome: "deal_stage"}, "maven plain"},
	} {
		start := time.Now()
		d, err := NewDeals(set.tab, set.r)
		require.NoError(t, err)
		p, err := Derive(d, Options{Name: "derived", Owner: "unassigned"})
		require.NoError(t, err)
		fmt.Println("=====", set.name, time.Since(start))
		fmt.Println(p.Model)
		fmt.Println("REFUSED", p.Refused, p.Leaks, p.Notes)
		for _, a := range p.Tested {
			fmt.Print(" ", a.Name, " ", a.Q, ";")
		}
		fmt.Println()
	}
}

func TestLook(t *testing.T) {
	X := load(t, "leads-x-education/leads.csv")
	S := load(t, "startup-outcomes/startups.csv")
	ign := append([]string{"Prospect ID", "Lead Number"}, leaking...)
	for _, set := range []struct {
		tr, te *Table
		r      Roles
		name   string
	}{
		{half(t, X, "leads-x-education", "Lead Number", "random42", "train"), half(t, X, "leads-x-education", "Lead Number", "random42", "test"), Roles{Outcome: "Converted", Ignore: ign}, "x"},
		{half(t, S, "startup-outcomes", "id", "time", "train"), half(t, S, "startup-outcomes", "id", "time", "test"), Roles{Outcome: "status", Won: []string{"acquired"}, ID: "id", Ignore: append([]string{"name"}, later...)}, "startup nodate"},
		{half(t, S, "startup-outcomes", "id", "time", "train"), half(t, S, "startup-outcomes", "id", "time", "test"), Roles{Outcome: "status", Won: []string{"acquired"}, ID: "id", Date: "first_funding_at", Ignore: append([]string{"name"}, later...)}, "startup date"},
	} {
		d, err := NewDeals(set.tr, set.r)
		require.NoError(t, err)
		p, err := Derive(d, Options{Name: "derived", Owner: "unassigned"})
		require.NoError(t, err)
		m, err := icp.Parse("m", []byte(p.Model))
		require.NoError(t, err)
		for _, tab := range []*Table{set.tr, set.te} {
			d, err := NewDeals(tab, set.r)
			require.NoError(t, err)
			b, err := d.Backtest(m, time.Now())
			require.NoError(t, err)
			fmt.Printf("%s n %d crit %d auc %.4f %.4f..%.4f lift %.2f\n", set.name, b.N, len(m.Criteria), b.AUC, b.AUCLow, b.AUCHigh, b.LiftAt20)
		}
	}
}

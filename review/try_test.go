package review

import (
	"encoding/csv"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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

func (l *learner) tryCV(t testing.TB, most int) (float64, []chosen) {
	var deals []int
	for i := range l.good {
		deals = append(deals, i)
	}
	var scores []float64
	var y []bool
	sum := 0.0
	for f := range folds {
		var tr, te []int
		for _, i := range deals {
			if l.fold[i] == f {
				te = append(te, i)
			} else {
				tr = append(tr, i)
			}
		}
		cs := l.learn(tr, l.rel(tr), most)
		var s []float64
		var yy []bool
		for _, i := range te {
			x := 0.0
			for _, c := range cs {
				x += c.odds[c.grouping.level[c.attribute.cell[i]]]
			}
			s = append(s, x)
			yy = append(yy, l.good[i])
		}
		sum += place(s, yy).auc / folds
		scores = append(scores, s...)
		y = append(y, yy...)
	}
	return sum, l.learn(deals, l.rel(deals), most)
}

func (l *learner) rel(deals []int) []int {
	var out []int
	for j, s := range screen(l.all, l.good, deals, l.least) {
		if s.q <= falseShare {
			out = append(out, j)
		}
	}
	return out
}

func TestTry(t *testing.T) {
	x := half(t, load(t, "leads-x-education/leads.csv"), "leads-x-education", "Lead Number", "random42", "train")
	s := half(t, load(t, "startup-outcomes/startups.csv"), "startup-outcomes", "id", "time", "train")
	for _, set := range []struct {
		tab  *Table
		r    Roles
		name string
	}{
		{x, Roles{Outcome: "Converted", Ignore: append([]string{"Prospect ID", "Lead Number"}, leaking...)}, "x"},
		{s, Roles{Outcome: "status", Won: []string{"acquired"}, ID: "id", Date: "first_funding_at", Ignore: append([]string{"name"}, later...)}, "startup"},
		{s, Roles{Outcome: "status", Won: []string{"acquired"}, ID: "id", Ignore: append([]string{"name"}, later...)}, "startup-nodate"},
	} {
		d, err := NewDeals(set.tab, set.r)
		require.NoError(t, err)
		start := time.Now()
		sup := max(20, d.Len()/100)
		l := &learner{all: d.attributes(sup), good: d.won, fold: d.fold, least: sup}
		auc, cs := l.tryCV(t, 12)
		fmt.Println(set.name, d.Len(), d.Won(), "CV", auc, time.Since(start))
		for _, n := range d.Notes {
			fmt.Println("  ", n)
		}
		var deals []int
		for i := range l.good {
			deals = append(deals, i)
		}
		for j, sc := range screen(l.all, l.good, deals, l.least) {
			fmt.Printf("   %-40s k=%d gain %.1f p %.2g q %.2g\n", l.all[j].name(), len(l.all[j].atoms), sc.gain, sc.p, sc.q)
		}
		for _, c := range cs {
			fmt.Println("  *", c.attribute.name(), c.grouping.tallies, c.odds)
		}
	}
}

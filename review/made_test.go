package review_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
)

// made invents deals, whose outcome depends on their attributes as planted says.
type made struct {
	deals   int
	seed    uint64
	planted func(d map[string]string) float64 // log-odds of winning
	more    int                               // columns of noise
}

// nothing is what attributes without any meaning are worth.
func nothing(map[string]string) float64 { return -0.5 }

func (m made) rows() [][]string {
	r := rand.New(rand.NewPCG(m.seed, 17))
	header := []string{"id", "industry", "employees", "partner", "main pain", "Tools", "seats", "created", "won"}
	for j := range m.more {
		header = append(header, fmt.Sprintf("noise %d", j))
	}
	rows := [][]string{header}
	for i := range m.deals {
		d := map[string]string{
			"industry":  []string{"SaaS", "retail", "mining", "Banking", "media", ""}[r.IntN(6)],
			"employees": strconv.Itoa(int(math.Exp(2 + 5*r.Float64()))),
			"partner":   []string{"yes", "no"}[r.IntN(2)],
			"main pain": []string{"Cost", "speed", "compliance", "n/a"}[r.IntN(4)],
			"Tools":     []string{"hubspot;segment", "hubspot", "sap", "sap;segment", "jira"}[r.IntN(5)],
			"seats":     fmt.Sprintf("%.2f", 10*r.NormFloat64()),
		}
		row := []string{
			fmt.Sprintf("A-%d", i), d["industry"], d["employees"], d["partner"], d["main pain"], d["Tools"], d["seats"],
			fmt.Sprintf("2025-%02d-%02d", 1+i*12/m.deals, 1+i%28), strconv.Itoa(won(r, m.planted(d))),
		}
		for range m.more {
			row = append(row, strconv.Itoa(r.IntN(8)))
		}
		rows = append(rows, row)
	}
	return rows
}

func won(r *rand.Rand, odds float64) int {
	if r.Float64() < 1/(1+math.Exp(-odds)) {
		return 1
	}
	return 0
}

func (m made) table(t testing.TB) *review.Table { return table(t, written(t, m.rows())) }

func written(t testing.TB, rows [][]string) string {
	var b strings.Builder
	require.NoError(t, csv.NewWriter(&b).WriteAll(rows))
	return b.String()
}

func table(t testing.TB, file string) *review.Table {
	got, err := review.ReadTable("deals.csv", strings.NewReader(file))
	require.NoError(t, err)
	return got
}

func deals(t testing.TB, tab *review.Table, r review.Roles) *review.Deals {
	d, err := review.NewDeals(tab, r)
	require.NoError(t, err)
	return d
}

func derive(t testing.TB, tab *review.Table, r review.Roles, keep ...string) *review.Proposal {
	p, err := review.Derive(deals(t, tab, r), review.Options{Name: "derived", Owner: "revops@acme.example", Keep: keep})
	require.NoError(t, err)
	return p
}

func model(t testing.TB, p *review.Proposal) *icp.Model {
	require.Empty(t, p.Refused)
	m, err := icp.Parse("derived.yaml", []byte(p.Model))
	require.NoError(t, err)
	require.LessOrEqual(t, len(m.Criteria), 12)
	return m
}

func backtest(t testing.TB, m *icp.Model, tab *review.Table, r review.Roles) *review.Backtest {
	b, err := deals(t, tab, r).Backtest(m, now)
	require.NoError(t, err)
	return b
}

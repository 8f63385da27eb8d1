package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// night is what one nightly sweep came to.
type night struct {
	Accounts int            `json:"accounts"` // on the target list
	Signals  int            `json:"signals"`
	News     int            `json:"news"`     // accounts that have some
	Outcomes map[string]int `json:"outcomes"` // what was done about it
	Digests  int            `json:"digests"`
	WallMS   int64          `json:"wall_ms"`
}

const (
	newsShare = 0.45 // of the companies have news in the night
	newsSeed  = 7
)

// night lets one night pass in the sandbox. A sweep before it has seen how things
// stand, so that only what changes is news.
func (d *demo) night(ctx context.Context) (night, error) {
	say("\nOne night passes: something happens at some of the companies, and the sweep looks for it.")
	tonight := time.Now().UTC().Truncate(time.Second)
	if _, err := d.sweep(ctx, tonight); err != nil {
		return night{}, err
	}
	tomorrow := tonight.Add(24 * time.Hour)
	d.sandbox.Clock.Set(tomorrow)
	sandbox.PlantNews(d.sandbox.Sandbox, newsShare, tomorrow, newsSeed)
	start := time.Now()
	s, err := d.sweep(ctx, tomorrow)
	if err != nil {
		return night{}, err
	}
	n := night{
		Accounts: s.Plan.Total, Signals: s.Signals, News: s.Accounts, Outcomes: s.Outcomes, Digests: s.Digests,
		WallMS: time.Since(start).Milliseconds(),
	}
	rows, err := d.news(ctx)
	if err != nil {
		return n, err
	}
	fmt.Println()
	fmt.Println(newsTable(rows, width(os.Stdout)))
	fmt.Print(n.summary())
	return n, nil
}

// sweep is starter signals run, as of the given time.
func (d *demo) sweep(ctx context.Context, at time.Time) (workflows.SweepStatus, error) {
	var s workflows.SweepStatus
	out, err := d.crew.output(ctx, "starter", "signals", "run", "--json", "--at", at.Format(time.RFC3339))
	if err != nil {
		return s, fmt.Errorf("sweep the target list: %w", err)
	}
	return s, json.Unmarshal(out, &s)
}

// news is what the record has of the accounts with signals, the best first.
func (d *demo) news(ctx context.Context) ([]explain.Company, error) {
	st, err := store.Open(ctx, d.stack.database)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	var all []explain.Company
	for _, s := range accepted(d.samples, d.refused) {
		found, err := explain.Domain(ctx, st, s.Domain)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if len(c.Signals) > 0 {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b explain.Company) int { return cmp.Compare(b.Score.Value, a.Score.Value) })
	return all, nil
}

// newsTable has one row for each account with news.
func newsTable(all []explain.Company, width int) string {
	words := min(max((width-75)/2, 24), 60)
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.AppendHeader(table.Row{"domain", "fit", "score", "what happened", "read at", "what was done, and why"})
	t.SetColumnConfigs([]table.ColumnConfig{
		{Name: "what happened", WidthMax: words, WidthMaxEnforcer: text.WrapSoft},
		{Name: "what was done, and why", WidthMax: words, WidthMaxEnforcer: text.WrapSoft},
	})
	for _, c := range all {
		var what, sources []string
		for _, g := range c.Signals {
			what = append(what, g.Summary)
			for _, e := range g.Evidence {
				if !slices.Contains(sources, e.Source) {
					sources = append(sources, e.Source)
				}
			}
		}
		t.AppendRow(table.Row{
			c.Domain, c.Score.Fit, c.Score.Value, strings.Join(what, "; "), strings.Join(sources, " "), c.Signals[0].Done(),
		})
	}
	return t.Render()
}

func (n night) summary() string {
	return fmt.Sprintf("\n%d accounts swept in %.1f s: %d new signals at %d accounts, each with a note in the CRM\n  done          %s; %d digests\n",
		n.Accounts, float64(n.WallMS)/1000, n.Signals, n.News, counts(n.Outcomes), n.Digests)
}

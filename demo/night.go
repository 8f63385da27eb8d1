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
	newsShare = 0.3 // of the companies have news in the first night
	newsSeed  = 7
)

// nights lets two nights pass in the sandbox and returns the first one's figures. A
// sweep before them has seen how things stand, so that only what changes is news.
func (d *demo) nights(ctx context.Context, all []outcome) (night, error) {
	say("\nTwo nights pass: something happens at some of the companies, and the sweep looks for it.")
	at := time.Now().UTC().Truncate(time.Second)
	if _, err := d.sweep(ctx, at); err != nil {
		return night{}, err
	}
	best := promising(all)
	at = at.Add(24 * time.Hour)
	sandbox.PlantNews(d.sandbox.Sandbox, newsShare, at, newsSeed)
	first, err := d.night(ctx, at, d.reasons(best, at, "RevOps Manager"))
	if err != nil {
		return night{}, err
	}
	at = at.Add(24 * time.Hour) // a second reason so soon is no reason for a second task
	second, err := d.night(ctx, at, d.reasons(best, at, "Senior Account Executive"))
	if err != nil {
		return night{}, err
	}
	rows, err := d.news(ctx)
	if err != nil {
		return night{}, err
	}
	fmt.Println()
	fmt.Println(newsTable(rows, width(os.Stdout)))
	fmt.Print(first.summary("first"), second.summary("second"))
	return first, nil
}

// promising are the companies that a trigger makes worth a task.
func promising(all []outcome) (domains []string) {
	for _, o := range all {
		if o.Score.Fit > 60 {
			domains = append(domains, o.Domain)
		}
	}
	return domains
}

// reasons gives each company a reason to call within the hours before a night: a posting
// where it has a board, a round where it has none.
func (d *demo) reasons(domains []string, night time.Time, title string) []sandbox.Happening {
	var all []sandbox.Happening
	for _, domain := range domains {
		h := sandbox.Happening{
			Domain: domain, At: night.Add(-3 * time.Hour), Kind: sandbox.Round, Stage: "series_b", AmountUSD: 18_000_000,
		}
		if board, ok := d.sandbox.Board(domain); ok {
			h = sandbox.Happening{
				Domain: domain, At: night.Add(-3 * time.Hour), Kind: sandbox.Posted, Title: title, Department: "Sales", System: board.System,
			}
		}
		all = append(all, h)
	}
	return all
}

// night lets these things happen, and the sweep find them.
func (d *demo) night(ctx context.Context, at time.Time, happen []sandbox.Happening) (night, error) {
	d.sandbox.Clock.Set(at)
	if err := d.sandbox.News.Plant(happen...); err != nil {
		return night{}, err
	}
	start := time.Now()
	s, err := d.sweep(ctx, at)
	return night{
		Accounts: s.Plan.Total, Signals: s.Signals, News: s.Accounts, Outcomes: s.Outcomes, Digests: s.Digests,
		WallMS: time.Since(start).Milliseconds(),
	}, err
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
		var what, sources, done []string
		for _, g := range c.Signals {
			what = append(what, g.Summary)
			if !slices.Contains(done, g.Done()) {
				done = append(done, g.Done())
			}
			for _, e := range g.Evidence {
				if !slices.Contains(sources, e.Source) {
					sources = append(sources, e.Source)
				}
			}
		}
		t.AppendRow(table.Row{
			c.Domain, c.Score.Fit, c.Score.Value, strings.Join(what, "; "), strings.Join(sources, " "), strings.Join(done, "; "),
		})
	}
	return t.Render()
}

func (n night) summary(which string) string {
	return fmt.Sprintf("\n%s night: %d accounts swept in %.1f s, %d new signals at %d accounts, each with a note in the CRM\n  done          %s; %d digests\n",
		which, n.Accounts, float64(n.WallMS)/1000, n.Signals, n.News, counts(n.Outcomes), n.Digests)
}

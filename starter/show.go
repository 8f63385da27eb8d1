package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/workflows"
)

// show prints one account, for people or for programs.
func show(cmd *cobra.Command, asJSON bool, c explain.Company) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), c)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s  %s  %s\n", cmp.Or(c.Domain, c.Name), c.Name, c.CRM)
	if c.Status == workflows.Refused {
		fmt.Fprintf(w, "Refused: %s\n", c.Reason)
		return nil
	}
	if c.Tier == "" {
		fmt.Fprintf(w, "No score yet; the run is %s.\n", cmp.Or(c.Status, "not started"))
		return nil
	}
	if c.Status == workflows.Running && c.Reason != "" {
		fmt.Fprintf(w, "The run %s.\n", c.Reason)
	}
	showScore(w, c)
	showFacts(w, c)
	showProviders(w, c)
	showEffects(w, c)
	if len(c.Staged) > 0 {
		fmt.Fprintln(w, "\nWaits for approval: starter crm staged approve ID")
		printStaged(w, c.Staged, "")
	}
	showContacts(w, c.Contacts)
	if len(c.Signals) > 0 {
		fmt.Fprintln(w, "\nWhat happened")
		printSignals(w, c)
	}
	showHistory(w, c)
	return nil
}

func showScore(w io.Writer, c explain.Company) {
	fmt.Fprintf(w, "\n%s, score %d (%s@%d), fit %d, %.0f %% known", c.Tier, c.Score.Value, c.Model.Name, c.Model.Version,
		c.Score.Fit, 100*c.Score.Completeness)
	if c.Provisional {
		fmt.Fprintf(w, ", provisional: between %d and %d", c.Score.Low, c.Score.High)
	}
	showDecision(w, c)
	fmt.Fprintf(w, "\n%s → %s", c.RouteReason, c.Queue)
	if c.Owner != "" {
		fmt.Fprintf(w, ", owner %s", c.Owner)
	}
	fmt.Fprint(w, "\n\n")
	t := newTable(w, "points", "of", "criterion", "why", "from", "age")
	for _, r := range c.Criteria {
		age := ""
		if r.Provider != "" {
			age = fmt.Sprintf("%d d", r.AgeDays)
		}
		t.AppendRow(table.Row{fmt.Sprintf("%+d", r.Points), r.Max, r.Name, r.Reason, r.Provider, age})
	}
	t.Render()
}

// showDecision says what stands behind the score besides its criteria: a person's
// decision, a tier that was not left, what changed last.
func showDecision(w io.Writer, c explain.Company) {
	if o := c.Holds(); o != nil {
		fmt.Fprintf(w, "\nBy override %d of %s (%s), %s", o.ID, o.By, o.Code, o.Reason)
		if !o.ExpiresAt.IsZero() {
			fmt.Fprintf(w, "; until %s UTC", minute(o.ExpiresAt))
		}
	}
	if m := c.Machine; m != nil {
		fmt.Fprintf(w, "\nThe model says: %s, score %d, fit %d", m.Tier, m.Value, m.Fit)
	}
	if r := c.RunnerUp; r != nil {
		fmt.Fprintf(w, "\nThe runner-up is %s@%d: %s, score %d, %d %% of the scale behind", r.Name, r.Version, r.Tier, r.Value, r.Margin)
	}
	if c.TierReason != "" {
		fmt.Fprintf(w, "\nThe account %s", c.TierReason)
	}
	if c.Why != "" {
		fmt.Fprintf(w, "\nLast change %s: %s", minute(c.ScoredAt), c.Why)
	}
}

// showHistory lists the scores that the account had, and what people decided on it.
func showHistory(w io.Writer, c explain.Company) {
	if len(c.Overrides) > 0 {
		fmt.Fprintln(w, "\nDecided by people")
		printOverrides(w, c.Overrides)
	}
	if len(c.History) < 2 {
		return
	}
	fmt.Fprintln(w, "\nHistory of the score")
	t := newTable(w, "when", "score", "tier", "model", "what changed")
	for _, p := range c.History {
		tier := p.Tier
		if p.Machine != nil {
			tier += fmt.Sprintf(" (model: %s, %d)", p.Machine.Tier, p.Machine.Value)
		}
		t.AppendRow(table.Row{minute(p.At), p.Value, tier, fmt.Sprintf("%s@%d", p.Model.Name, p.Model.Version), cmp.Or(p.Why, p.Cause)})
	}
	t.Render()
}

func showFacts(w io.Writer, c explain.Company) {
	fmt.Fprintln(w, "\nFacts")
	t := newTable(w, "field", "value", "provider", "sure", "agreed", "conflicts", "stop")
	for _, f := range slices.Sorted(maps.Keys(c.Facts)) {
		fact := c.Facts[f]
		t.AppendRow(table.Row{
			f, short(fact.Value), fact.Provider, fmt.Sprintf("%.2f", fact.Confidence),
			strings.Join(fact.Agreed, ", "), conflicts(fact.Conflicts), c.Stop[f],
		})
	}
	for _, f := range slices.Sorted(maps.Keys(c.Stop)) {
		if _, known := c.Facts[f]; !known {
			t.AppendRow(table.Row{f, "not known", "", "", "", "", c.Stop[f]})
		}
	}
	t.Render()
}

func conflicts(facts []account.Fact) string {
	said := make([]string, len(facts))
	for i, f := range facts {
		said[i] = f.Provider + ": " + short(f.Value)
	}
	return strings.Join(said, "; ")
}

func short(v account.Value) string {
	s := []rune(v.String())
	if len(s) > 60 {
		return string(s[:59]) + "…"
	}
	return string(s)
}

func showProviders(w io.Writer, c explain.Company) {
	fmt.Fprintf(w, "\nProviders, %g credits\n", c.Credits)
	t := newTable(w, "provider", "outcome", "fields", "credits", "ms")
	for _, p := range c.Providers {
		fields := make([]string, len(p.Fields))
		for i, f := range p.Fields {
			fields[i] = string(f)
		}
		t.AppendRow(table.Row{p.Name, p.Outcome, strings.Join(fields, ", "), p.Credits, p.MS})
	}
	t.Render()
}

func showEffects(w io.Writer, c explain.Company) {
	if len(c.Effects) == 0 {
		fmt.Fprintln(w, "\nNothing was written to a CRM.")
		return
	}
	fmt.Fprintln(w, "\nIn the CRM")
	t := newTable(w, "effect", "id", "state", "key")
	for _, e := range c.Effects {
		t.AppendRow(table.Row{e.Kind, e.CRMID, strings.TrimSpace(e.State + " " + e.Reason), e.Key})
	}
	t.Render()
}

// showContacts lists the best contacts, by the ids that the CRM has for them: who they
// are is for the CRM to say.
func showContacts(w io.Writer, c *explain.Contacts) {
	if c == nil {
		return
	}
	fmt.Fprintf(w, "\nContacts, %d in all\n", c.Count)
	t := newTable(w, "contact", "job title", "level", "score", "model", "in the CRM")
	for _, best := range c.Best {
		t.AppendRow(table.Row{best.CRMID, best.JobTitle, best.Level, best.Score, best.Model, strings.TrimSpace(best.State + " " + best.Reason)})
	}
	t.Render()
}

func newTable(w io.Writer, header ...string) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	row := make(table.Row, len(header))
	for i, h := range header {
		row[i] = h
	}
	t.AppendHeader(row)
	return t
}

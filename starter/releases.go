package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/store"
)

func releasesCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "releases [NAME[@VERSION]]",
		Short: "Which version is live since when, what is under way, and how each got there",
		Long: `Print which version of each model is live since when, and all releases; with a model, its
releases; with a version, its journal, sign-off, backtest and difference. It reads the
record only, and needs no worker.`,
		Example: `  starter icp releases
  starter icp releases revops
  starter icp releases revops@3 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			var ref activities.ModelRef
			if len(args) == 1 {
				if ref, err = parseRef(args[0]); err != nil {
					return err
				}
			}
			if ref.Version == 0 {
				return a.listReleases(cmd, ref.Name, asJSON)
			}
			r, err := ingress.ReleaseOf(cmd.Context(), a.store, ref.Name, ref.Version)
			if err != nil {
				return err
			}
			return a.printRelease(cmd, r, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// releaseList is what releases prints.
type releaseList struct {
	Live     []liveModel   `json:"live"`
	Releases []releaseView `json:"releases"` // the latest first
}

// liveModel is a version that scores companies.
type liveModel struct {
	activities.ModelRef
	Since     time.Time `json:"since"`
	Candidate int       `json:"candidate,omitempty"` // on trial
	Share     float64   `json:"share,omitempty"`     // of the accounts that it scores
}

func (a *app) listReleases(cmd *cobra.Command, name string, asJSON bool) error {
	ctx := cmd.Context()
	inForce, err := a.store.ModelsInForce(ctx, icp.SubjectCompany)
	if err != nil {
		return err
	}
	all, err := a.store.Releases(ctx, name, 0)
	if err != nil {
		return err
	}
	out := releaseList{Live: []liveModel{}, Releases: []releaseView{}}
	for _, m := range inForce {
		if name == "" || m.Name == name {
			out.Live = append(out.Live, liveModel{ModelRef: m.ModelRef, Since: m.ActivatedAt, Candidate: m.Candidate, Share: m.Share})
		}
	}
	for _, r := range all {
		v, err := a.view(ctx, r)
		if err != nil {
			return err
		}
		out.Releases = append(out.Releases, v)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), out)
	}
	out.print(cmd.OutOrStdout())
	return nil
}

func (l releaseList) print(w io.Writer) {
	for _, m := range l.Live {
		fmt.Fprintf(w, "%s@%d is live since %s", m.Name, m.Version, minute(m.Since))
		if m.Candidate != 0 {
			fmt.Fprintf(w, "; %s@%d is tried on %.0f %% of the accounts", m.Name, m.Candidate, 100*m.Share)
		}
		fmt.Fprintln(w)
	}
	if len(l.Releases) == 0 {
		fmt.Fprintln(w, "No release yet. Begin one with: starter icp release FILE")
		return
	}
	fmt.Fprintln(w)
	t := newTable(w, "release", "replaces", "state", "since", "began", "next")
	for _, v := range l.Releases {
		next := v.Next
		if v.Over {
			next = ""
		}
		t.AppendRow(table.Row{v.name(), v.Replaces, v.words(), minute(v.Since), minute(v.BeganAt), next})
	}
	t.Render()
}

func (v releaseView) name() string { return fmt.Sprintf("%s@%d", v.Model.Name, v.Model.Version) }

func stateWords(state string) string {
	if state == store.AB {
		return "A/B"
	}
	return strings.ReplaceAll(state, "_", " ")
}

// words says how the release stands.
func (v releaseView) words() string {
	words := stateWords(v.State)
	switch {
	case v.Paused:
		return words + ", paused"
	case v.Stopped != "":
		return words + ", stopped"
	}
	return words
}

func (v releaseView) print(w io.Writer) {
	fmt.Fprintf(w, "%s takes the place of %s@%d: %s since %s\n", v.name(), v.Model.Name, v.Replaces, v.words(), minute(v.Since))
	if v.Stopped != "" {
		fmt.Fprintf(w, "Stopped: %s\n", v.Stopped)
	}
	var told review.Duelled
	if len(v.Backtest) > 0 && json.Unmarshal(v.Backtest, &told) == nil {
		fmt.Fprintln(w)
		printDuel(w, told)
	}
	var d activities.Difference
	if len(v.Difference) > 0 && json.Unmarshal(v.Difference, &d) == nil {
		fmt.Fprintln(w)
		printChange(w, d)
	}
	fmt.Fprintln(w)
	t := newTable(w, "when", "step", "by", "comment")
	for _, s := range v.Journal {
		t.AppendRow(table.Row{minute(s.At), stateWords(s.State), s.Author, s.Comment})
	}
	t.Render()
	if len(v.Missing) > 0 && !v.Over {
		fmt.Fprintf(w, "\nHas not signed it off: %s\n", strings.Join(v.Missing, ", "))
	}
	fmt.Fprintf(w, "\nNext: %s\n", v.Next)
}

func printDuel(w io.Writer, told review.Duelled) {
	if told.Delta == nil {
		fmt.Fprintf(w, "Backtest: %s\n", told.Verdict())
		showNotes(w, told.Notes)
		return
	}
	fmt.Fprintf(w, "Backtest on %d closed deals, %d won: %s\n\n", told.Deals, told.Won, told.Verdict())
	t := newTable(w, "version", "AUC", "95 %", "win rate by tier")
	for _, j := range []review.Judged{told.Candidate, told.Active} {
		var tiers []string
		for _, tier := range j.Tiers {
			if tier.Deals > 0 {
				tiers = append(tiers, fmt.Sprintf("%s %.0f %% of %d", tier.Name, 100*float64(tier.Won)/float64(tier.Deals), tier.Deals))
			}
		}
		t.AppendRow(table.Row{j.Model, fmt.Sprintf("%.3f", j.AUC.Value), fmt.Sprintf("%.3f to %.3f", j.AUC.Low, j.AUC.High), strings.Join(tiers, ", ")})
	}
	t.AppendRow(table.Row{"difference", fmt.Sprintf("%+.3f", told.Delta.Value), fmt.Sprintf("%+.3f to %+.3f", told.Delta.Low, told.Delta.High), ""})
	t.Render()
	showNotes(w, told.Notes)
}

// printChange says what a release changes.
func printChange(w io.Writer, d activities.Difference) {
	fmt.Fprintf(w, "It changes the tier of %d of %d accounts, the score of %d (mean %.1f → %.1f), the queue of %d, the owner of %d; %d new tasks\n",
		d.TierChanged, d.Accounts, d.ScoreChanged, d.Before, d.Mean, d.QueueChanged, d.OwnerChanged, d.Tasks)
	if len(d.Moves) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable(w, "from", "to", "accounts")
	for _, m := range d.Moves {
		t.AppendRow(table.Row{m.From, m.To, m.Accounts})
	}
	t.Render()
}

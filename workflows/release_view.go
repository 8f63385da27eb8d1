package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/review"
)

// tag brings what the release does or waits for into the list of runs.
func (r *release) tag(ctx workflow.Context, stage string) error {
	r.status.Stage = stage
	r.show(ctx)
	return workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(clip("release: "+stage)), ModelAttribute.ValueSet(r.name()))
}

// show writes the release's story into its current details.
func (r *release) show(ctx workflow.Context) {
	s, p := r.status, &page{}
	p.add("**%s** takes the place of %s@%d: **%s**\n\n", r.name(), r.in.Model.Name, s.Replaces, r.words())
	p.add("It %s.\n\n", orDash(s.Stage))
	if s.Stopped != "" {
		p.add("**Stopped.** %s.\n\n", s.Stopped)
	}
	if b := s.Backtest; b != nil {
		p.duel(b)
	}
	p.approvals(r.in.Settings.Roles, s.Release)
	if d := s.Difference; d != nil {
		p.difference(d)
		//workflowcheck:ignore
		why := d.Stops(r.in.Settings.Guard) // goes through a map in order
		if why != "" && s.State == inShadow && s.Stopped == "" {
			p.add("Will be stopped by the %s.\n\n", why)
		}
	}
	if n := s.Rescored; n != nil {
		p.add("Published last: %s.\n\n", r.cameTo(n))
	}
	p.add("Next: %s", s.Next(r.in.Settings))
	workflow.SetCurrentDetails(ctx, p.String())
}

func (p *page) duel(b *review.Duelled) {
	p.add("Backtest on %d closed deals, %d won: ", b.Deals, b.Won)
	if b.Delta == nil {
		p.add("%s.\n\n", b.Verdict())
		return
	}
	p.add("%s.\n\n| version | AUC | 95 %% |\n| --- | --- | --- |\n", b.Verdict())
	for _, j := range []review.Judged{b.Candidate, b.Active} {
		p.add("| %s | %.3f | %.3f to %.3f |\n", j.Model, j.AUC.Value, j.AUC.Low, j.AUC.High)
	}
	p.add("| difference | %+.3f | %+.3f to %+.3f |\n\n", b.Delta.Value, b.Delta.Low, b.Delta.High)
}

func (p *page) approvals(roles []string, s activities.Release) {
	missing := s.Missing(roles)
	p.add("| sign-off | |\n| --- | --- |\n")
	for _, role := range roles {
		state := "approved"
		if slices.Contains(missing, role) {
			state = "–"
		}
		p.add("| %s | %s |\n", role, state)
	}
	p.add("\n")
}

func (p *page) difference(d *activities.Difference) {
	p.add("It changes the tier of **%d** of %d accounts, the score of %d, the queue of %d, the owner of %d, and makes %d tasks. Mean score %.1f → %.1f.\n\n",
		d.TierChanged, d.Accounts, d.ScoreChanged, d.QueueChanged, d.OwnerChanged, d.Tasks, d.Before, d.Mean)
	if len(d.Moves) == 0 {
		return
	}
	p.add("| from | to | accounts |\n| --- | --- | --- |\n")
	for _, m := range d.Moves[:min(len(d.Moves), 12)] {
		p.add("| %s | %s | %d |\n", m.From, m.To, m.Accounts)
	}
	p.add("\n")
}

// cameTo says what a re-score came to.
func (r *release) cameTo(n *BulkRescoreResult) string {
	text := fmt.Sprintf("%d scores, %d of them worked out anew since the account had moved; %d records written, %d tasks", n.Published, n.Moved, n.Written, n.Tasks)
	if r.status.State != inAB && r.status.State != active {
		text += " that were made stay"
	}
	if n.Failed > 0 {
		text += fmt.Sprintf("; %d records that the CRM did not take", n.Failed)
	}
	return text
}

package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// stage says where the run is, in its details and to the status query. It costs no
// event; [onboarding.tag] is for what the list of runs must show.
func (o *onboarding) stage(ctx workflow.Context, stage string) {
	o.status.Stage = stage
	o.show(ctx)
}

// scored is the stage of a run that has decided.
const scored = "scored"

// second is the revision of the process from which on a run that does not wait tells the list
// of runs what it decided with its last step: the server writes that into the list together
// with the end, where in between it would be a write of its own, of a tenth of what the run
// costs. And people and company go into the CRM side by side.
const second = 2

// tag brings stage and decision into the search attributes.
func (o *onboarding) tag(ctx workflow.Context, stage string) error {
	o.stage(ctx, stage)
	o.tagged = stage
	set := []temporal.SearchAttributeUpdate{StageAttribute.ValueSet(clip(stage))}
	if o.who.AccountID != 0 {
		set = append(set, ModelAttribute.ValueSet(fmt.Sprintf("%s@%d", o.status.Model.Name, o.status.Model.Version)),
			ProvidersAttribute.ValueSet(o.asked()))
		if o.who.Domain != "" {
			set = append(set, DomainAttribute.ValueSet(clip(o.who.Domain)))
		}
	}
	if s := o.status.Score; s != nil {
		set = append(set, TierAttribute.ValueSet(clip(s.Tier)), QueueAttribute.ValueSet(clip(s.Queue)),
			ScoreAttribute.ValueSet(int64(s.Value)), ProvisionalAttribute.ValueSet(s.Provisional))
		if s.Owner != "" {
			set = append(set, OwnerAttribute.ValueSet(clip(s.Owner)))
		}
	}
	return workflow.UpsertTypedSearchAttributes(ctx, set...)
}

// clip keeps an attribute within what the server takes: it terminates the run
// above 2 048 bytes.
func clip(s string) string { return s[:min(len(s), 255)] }

// asked lists the providers that were asked or had an answer on record.
func (o *onboarding) asked() []string {
	names := []string{}
	for _, p := range o.status.Providers {
		if p.Asked > 0 {
			names = append(names, p.Name)
		}
	}
	return names
}

// page collects Markdown. Writing to it by fmt.Fprintf would hide from workflowcheck
// where the text goes.
type page struct{ strings.Builder }

func (p *page) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.WriteString(text)
}

// show writes the run's story into its current details.
func (o *onboarding) show(ctx workflow.Context) {
	s, p := o.status, &page{}
	p.add("**%s** · stage: %s\n\n", orDash(s.Domain), s.Stage)
	if s.Score != nil {
		p.add("**%s**, score %d%s%s, model %s@%d\n\n", s.Score.Tier, s.Score.Value, machine(s.Score), open(s.Score), s.Model.Name, s.Model.Version)
		p.add("Queue **%s**, owner %s (%s)\n\n", s.Score.Queue, orDash(s.Score.Owner), s.Score.Reason)
	}
	o.showProviders(p)
	for _, line := range o.story {
		p.add("\n1. %s", line)
	}
	for _, e := range s.Effects {
		if e.Kind != crm.PropertiesEffect {
			p.add("\n- %s in the CRM: %s", e.Kind, orDash(e.CRMID))
		}
	}
	o.showContacts(p)
	if o.who.RecordURL != "" {
		p.add("\n\n[CRM record](%s)", o.who.RecordURL)
	}
	if o.who.Duplicates > 0 {
		p.add("\n\n⚠ %d other CRM records have this domain.", o.who.Duplicates)
	}
	workflow.SetCurrentDetails(ctx, p.String())
}

func (o *onboarding) showProviders(p *page) {
	if len(o.status.Providers) > 0 {
		p.add("| provider | outcome | fields | credits |\n| --- | --- | --- | --- |\n")
	}
	for _, q := range o.status.Providers {
		p.add("| %s | %s | %s | %g |\n", q.Name, outcomeInWords(q.Outcome), orDash(listed(q.Fields)), q.Credits)
	}
	if len(o.missing) > 0 && o.who.AccountID != 0 {
		p.add("\nStill missing: %s\n", listed(o.missing))
	}
}

func listed(fields []account.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

func outcomeInWords(o outbound.Outcome) string { return strings.ReplaceAll(string(o), "_", " ") }

// open says how far the score may still move.
func open(s *activities.ScoreResult) string {
	switch {
	case s.Low == s.High:
		return ""
	case s.Provisional:
		return fmt.Sprintf(" (provisional: %d to %d)", s.Low, s.High)
	default:
		return fmt.Sprintf(" (%d to %d)", s.Low, s.High)
	}
}

// maxStory bounds the details: the server takes 20 000 bytes.
const maxStory = 40

// tell adds a line to the run's story.
func (o *onboarding) tell(format string, args ...any) {
	o.story = append(o.story, fmt.Sprintf(format, args...))
	if len(o.story) > maxStory {
		o.story = o.story[1:]
	}
}

// without names the providers that a pass had to do without.
func (o *onboarding) without() string {
	if len(o.parked) == 0 {
		return ""
	}
	return ", without " + strings.Join(workflow.DeterministicKeys(o.parked), ", ")
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

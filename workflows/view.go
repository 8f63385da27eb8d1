package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

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

// tag brings stage and decision into the search attributes.
func (o *onboarding) tag(ctx workflow.Context, stage string) error {
	o.stage(ctx, stage)
	set := []temporal.SearchAttributeUpdate{StageAttribute.ValueSet(clip(stage))}
	if o.who.AccountID != 0 {
		set = append(set, ModelAttribute.ValueSet(fmt.Sprintf("%s@%d", o.who.Model.Name, o.who.Model.Version)),
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

// show writes the run's story into its current details.
func (o *onboarding) show(ctx workflow.Context) {
	s := o.status
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** · stage: %s\n\n", orDash(s.Domain), s.Stage)
	if s.Score != nil {
		fmt.Fprintf(&b, "**%s**, score %d%s, model %s@%d\n\n", s.Score.Tier, s.Score.Value, open(s.Score), s.Model.Name, s.Model.Version)
		fmt.Fprintf(&b, "Queue **%s**, owner %s (%s)\n\n", s.Score.Queue, orDash(s.Score.Owner), s.Score.Reason)
	}
	if len(s.Providers) > 0 {
		b.WriteString("| provider | outcome | fields | credits |\n| --- | --- | --- | --- |\n")
	}
	for _, p := range s.Providers {
		fields := make([]string, len(p.Fields))
		for i, f := range p.Fields {
			fields[i] = string(f)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %g |\n", p.Name, outcomeInWords(p.Outcome), orDash(strings.Join(fields, ", ")), p.Credits)
	}
	if len(o.missing) > 0 && o.who.AccountID != 0 {
		fmt.Fprintf(&b, "\nStill missing: %v\n", o.missing)
	}
	for _, line := range o.story {
		fmt.Fprintf(&b, "\n1. %s", line)
	}
	for _, e := range s.Effects {
		if e.Kind != crm.PropertiesEffect {
			fmt.Fprintf(&b, "\n- %s in the CRM: %s", e.Kind, orDash(e.CRMID))
		}
	}
	if o.who.RecordURL != "" {
		fmt.Fprintf(&b, "\n\n[CRM record](%s)", o.who.RecordURL)
	}
	if o.who.Duplicates > 0 {
		fmt.Fprintf(&b, "\n\n⚠ %d other CRM records have this domain.", o.who.Duplicates)
	}
	workflow.SetCurrentDetails(ctx, b.String())
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

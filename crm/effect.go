package crm

import (
	"github.com/sluicehq/sluice/account"
)

// EffectKind says what an effect writes.
type EffectKind string

// The effects that a company run has.
const (
	PropertiesEffect EffectKind = "properties" // score, tier, queue, reason and owner, in one write
	NoteEffect       EffectKind = "note"
	TaskEffect       EffectKind = "task"
	CompanyEffect    EffectKind = "company" // the record itself, with --create
)

// EffectKey names an effect for ever: the same company, kind and what make the
// same key, so that doing it again is seen.
func EffectKey(company account.Key, kind EffectKind, what string) string {
	key := "sluice:" + company.String() + "/" + string(kind)
	if what != "" {
		key += "/" + what
	}
	return key
}

// Names of the company properties that Sluice writes. Names in a CRM are permanent.
const (
	ScoreProperty        = "icp_fit_score"
	TierProperty         = "icp_tier"
	QueueProperty        = "sluice_queue"
	ModelProperty        = "icp_model"
	CompletenessProperty = "icp_completeness"
	ScoredAtProperty     = "icp_scored_at"
	ReasonProperty       = "icp_reason"
	OwnerProperty        = "owner" // the adapter knows what its CRM calls it
)

// LastVisitProperty is when somebody of the company was last on our website. The adapter
// knows what its CRM calls it.
const LastVisitProperty = "last_visit_at"

// Properties returns the properties that crm setup creates, with one option for
// each tier and queue.
func Properties(tiers, queues []string) []Property {
	return []Property{
		{Name: ScoreProperty, Label: "ICP fit score", Type: NumberProperty, Description: "How well the company matches the ideal customer profile, 0 to 100. Written by Sluice."},
		{Name: TierProperty, Label: "ICP tier", Type: ChoiceProperty, Options: options(tiers), Description: "The band that the ICP fit score falls in. Written by Sluice."},
		{Name: QueueProperty, Label: "ICP queue", Type: ChoiceProperty, Options: options(queues), Description: "Where the company is worked. Written by Sluice."},
		{Name: ModelProperty, Label: "ICP model", Type: TextProperty, Description: "Name and version of the model that made the score. Written by Sluice."},
		{Name: CompletenessProperty, Label: "ICP completeness", Type: NumberProperty, Description: "Share of the model that is known of the company, 0 to 100 percent. Written by Sluice."},
		{Name: ScoredAtProperty, Label: "ICP scored at", Type: TimeProperty, Description: "When the score was last worked out. Written by Sluice."},
		{Name: ReasonProperty, Label: "ICP reason", Type: LongTextProperty, Description: "Why the company has this score, in words. Written by Sluice."},
	}
}

// Questions returns the properties in which people answer what no provider knows. Empty
// stands for unknown, which a checkbox could not say.
func Questions(fields []account.Field) []Property {
	texts := map[account.Field][2]string{
		account.ChampionHasBudget:  {"Champion has budget", "Whether our champion there decides on the money."},
		account.ProcurementComplex: {"Procurement is complex", "Whether their procurement takes longer than a sale of ours should."},
		account.PreviouslyChurned:  {"Churned before", "Whether they were a customer and left."},
	}
	var all []Property
	for _, f := range fields {
		if text, ok := texts[f]; ok {
			all = append(all, Property{
				Name: string(f), Label: text[0], Description: text[1] + " Read by Sluice, for the ICP fit score.",
				Type: ChoiceProperty, Options: []Option{{Value: "true", Label: "Yes"}, {Value: "false", Label: "No"}},
			})
		}
	}
	return all
}

func options(values []string) []Option {
	opts := make([]Option, len(values))
	for i, v := range values {
		opts[i] = Option{Value: v, Label: v}
	}
	return opts
}

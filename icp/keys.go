package icp

import (
	"slices"

	"github.com/sluicehq/sluice/account"
)

// The mappings of a model file. The parser knows these keys and no others, and the
// JSON Schema is made of them, so that the two cannot drift apart.

// key is one key of a mapping.
type key struct {
	name  string
	need  bool
	holds shape
	says  string // for editors
}

type keys []key

func (k keys) names() []string {
	names := make([]string, len(k))
	for i, key := range k {
		names[i] = key.name
	}
	return names
}

const must, may = true, false

var modelKeys = keys{
	{"name", must, word, "Lower case; part of ids"},
	{"version", must, whole(1, maxVersion), "One more with every release"},
	{"owner", must, line, "The one person who answers for the model"},
	{"subject", may, oneOf(SubjectCompany, SubjectContact), "What is rated; default company"},
	{"applies_to", may, expression, "Which accounts the model is for, as an expression over their fields; default all"},
	{"fields", may, mapOf(mapping(declaredKeys)), "Fields of your own: name to type and CRM property"},
	{"required", must, listOf(field), "What the waterfall must find; [] for nothing"},
	{"confidence", may, share, "How sure a fact must be, or it is asked for again; default 0.7"},
	{"scale", may, mapping(scaleKeys), "How points become a score; default sum, 0 to 100"},
	{"apart", may, someOf(oneOf(apartDimensions...)), "Dimensions that are reported beside the score and do not count in it"},
	{"criteria", must, someOf(eitherKey(mapping(criterionKeys), "field", "signal", "when")), "What earns and costs points"},
	{"tiers", may, someOf(mapping(tierKeys)), "Bands of scores, from high to low"},
	{"matrix", may, mapping(matrixKeys), "Instead of tiers: which tier an account gets by two numbers of its score"},
	{"trigger_task", may, mapping(triggerKeys), "The task for a signal at an account that is worth it"},
	{"exploration", may, mapping(explorationKeys), "The share of accounts outside the ICP that is worked all the same"},
	{"signals", may, mapping(signalKeys), "What is news, to the sources of signals"},
}

var declaredKeys = keys{
	{"type", must, oneOf(fieldTypeNames()...), "What the field holds"},
	{"property", may, line, "What the CRM calls it; default the field's name"},
}

var scaleKeys = keys{
	{"method", must, oneOf(string(Sum), string(Proportional), string(Weighted)), "How points become a score"},
	{"min", must, whole(-maxBound, maxBound), "The lowest score"},
	{"max", must, whole(-maxBound, maxBound), "The highest score"},
	{"dimensions", may, mapOf(percent), "Of the weighted method: what share of the score each dimension has; 100 in all"},
}

// apartDimensions are those that have a number of their own beside the score.
var apartDimensions = []string{"engagement", "intent"}

// matcherKeys say what earns a credit, each for one kind of field.
var matcherKeys = keys{
	{"any_of", may, someOf(line), "One of these texts, whatever the case"},
	{"contains_any", may, someOf(line), "A list with one of these in it, whatever the case"},
	{"between", may, pairOf(number), "The least and the most, both included"},
	{"at_least", may, number, "The least"},
	{"at_most", may, number, "The most"},
	{"equals", may, anyOf(boolean, number, line), "Just this"},
	{"within", may, timeSpan, "At most this long ago"},
}

var criterionKeys = slices.Concat(keys{
	{"name", must, word, "What results call the criterion"},
	{"dimension", must, word, "The group it belongs to: firmographics, technographics, intent, engagement, risk, or your own"},
	{"field", may, field, "The field it looks at"},
	{"of", may, oneOf(string(BestContact), string(BuyingCommittee)), "Whose field, in a model of companies"},
	{"contacts", may, whole(2, maxContacts), "How many of the buying committee must match"},
	{"signal", may, someOf(word), "The kinds of signals it looks at, any of which counts"},
	{"when", may, expression, "An expression over fields, where no matcher will do"},
	{"points", must, points, "For full credit; negative for what speaks against an account"},
	{"partial", may, someOf(mapping(partialKeys)), "Less for what misses full credit"},
	{"half_life", may, timeSpan, "Points halve with every such time since the signal or the date"},
	{"unknown", may, oneOf(string(Widen), string(CountsAsNo)), "What an unknown input means; default widen for required fields, no elsewhere"},
}, matcherKeys)

var partialKeys = slices.Concat(keys{{"points", must, points, "Fewer than for full credit"}}, matcherKeys)

var tierKeys = keys{
	{"name", must, line, "What the CRM shows"},
	{"min", must, whole(-maxBound, maxBound), "The lowest score that enters it"},
	{"leave", may, whole(-maxBound, maxBound), "The lowest score that stays in it; default min"},
	{"dwell", may, timeSpan, "How long an account stays in it at least"},
	{"queue", must, word, "Where its accounts are worked"},
	{"task", may, mapping(taskKeys), "The task for an account that arrives"},
}

var matrixKeys = keys{
	{"score", may, mapping(axisKeys), "From where the score is high"},
	{"fit", may, mapping(axisKeys), "From where fit is high"},
	{"engagement", may, mapping(axisKeys), "From where engagement is high"},
	{"intent", may, mapping(axisKeys), "From where intent is high"},
	{"routes", must, listOf(mapping(routeKeys)), "The four cells, the best first"},
}

var axisKeys = keys{
	{"high", must, whole(-maxBound, maxBound), "From where it is high"},
	{"leave", may, whole(-maxBound, maxBound), "Down to where what was high stays so; default high"},
}

var routeKeys = keys{
	{"score", may, sides, ""},
	{"fit", may, sides, ""},
	{"engagement", may, sides, ""},
	{"intent", may, sides, ""},
	{"tier", must, line, "What the CRM shows"},
	{"dwell", may, timeSpan, "How long an account stays in it at least"},
	{"queue", must, word, "Where its accounts are worked"},
	{"task", may, mapping(taskKeys), "The task for an account that arrives"},
}

var taskKeys = keys{
	{"subject", must, line, "May mention {{.Name}}, {{.Domain}}, {{.Tier}} and {{.Score}}"},
	{"due", must, timeSpan, "How long there is for it"},
	{"priority", may, oneOf(priorities...), "Default medium"},
}

var triggerKeys = keys{
	{"when", must, line, "fit or score, one of > >= < <=, and a number"},
	{"priority", may, oneOf(priorities...), "Default high"},
	{"cooldown", may, timeSpan, "Between two such tasks for one kind of signal; default 14d"},
	{"due", may, timeSpan, "How long there is for it; default 1d"},
}

var explorationKeys = keys{
	{"share", must, share, "Published practice is 0.1 to 0.15"},
	{"queue", may, word, "Default exploration"},
}

var signalKeys = keys{
	{"first_sight", may, timeSpan, "How old news may be at the first look at a company; default 30d"},
	{"hiring", may, mapping(hiringKeys), "Whose postings matter"},
	{"executives", may, someOf(mapping(roleKeys)), "Whose change matters"},
	{"technologies", may, mapping(technologyKeys), "What matters when it goes or comes"},
	{"headcount", may, change, "The share of growth or decline that is news; default 20%"},
}

var hiringKeys = keys{
	{"roles", must, someOf(mapping(hiredKeys)), "The first role that matches a title counts"},
	{"functions", may, someOf(line), "Departments whose first posting is news of its own"},
	{"burst", may, mapping(burstKeys), "How many postings are a reason of their own"},
}

var roleKeys = keys{
	{"name", must, roleWord, "Part of what tells signals apart"},
	{"titles", must, someOf(line), "Phrases of which one must be in the title"},
	{"not", may, someOf(line), "Phrases that must not be in the title"},
}

// Only job boards name departments, so executives have none: it would be read and
// then forgotten.
var hiredKeys = append(slices.Clip(roleKeys), key{"department", may, line, "Must be in the department that the board gives"})

var burstKeys = keys{
	{"postings", must, whole(2, maxPostings), "This many"},
	{"within", must, timeSpan, "In this time"},
}

var technologyKeys = keys{
	{"competitors", may, listOf(line), "News when they are dropped"},
	{"complements", may, listOf(line), "News when they are added"},
}

func fieldTypeNames() []string {
	names := make([]string, len(fieldTypes))
	for i, t := range fieldTypes {
		names[i] = t.name
	}
	return names
}

// fieldTypes are the types of declared fields, as models write them.
var fieldTypes = []struct {
	name string
	kind account.Kind
}{
	{"text", account.TextKind},
	{"number", account.NumberKind},
	{"boolean", account.BoolKind},
	{"list", account.ListKind},
	{"date", account.DateKind},
}

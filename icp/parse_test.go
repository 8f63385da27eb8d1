package icp_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/strictyaml"
)

func parse(t testing.TB, source string) *icp.Model {
	t.Helper()
	m, err := icp.Parse("model.yaml", []byte(source))
	require.NoError(t, err)
	return m
}

// good is a file that every bad one departs from in one place.
const good = `name: small
version: 3
owner: revops@acme.example
subject: company
required: [industry, employees]
confidence: 0.6
scale: {method: sum, min: 0, max: 100}
criteria:
  - name: industry
    dimension: firmographics
    field: industry
    any_of: [saas, mining]
    points: 20
    partial: [{any_of: [retail], points: 5}]
  - name: employees
    dimension: firmographics
    field: employees
    between: [50, 500]
    points: 15
    partial: [{between: [20, 49], points: 7}]
  - name: trigger
    dimension: intent
    signal: [funding, hiring]
    within: 90d
    points: 15
  - name: churned
    dimension: risk
    field: previously_churned
    equals: true
    points: -30
tiers:
  - name: Tier 1
    min: 40
    queue: sdr
    task: {subject: "Call {{.Name}}", due: 1d, priority: low}
  - {name: Tier 2, min: 0, queue: none}
trigger_task: {when: fit > 20, priority: high, cooldown: 14d}
exploration: {share: 0.1, queue: elsewhere}
`

func TestParse(t *testing.T) {
	t.Parallel()
	m := parse(t, good)
	require.Equal(t, "small@3", m.ID())
	require.Equal(t, icp.Exploration{Share: 0.1, Queue: "elsewhere"}, m.Exploration)
	require.InDelta(t, 0.6, m.Confidence, 0)
	require.Equal(t, icp.Widen, m.Criteria[0].Unknown)
	require.Equal(t, icp.CountsAsNo, m.Criteria[3].Unknown)
	require.Equal(t, []string{"funding", "hiring"}, m.Criteria[2].Signals)
	require.Equal(t, "50 to 500", m.Criteria[1].Credits[0].Match.String())
	require.Equal(t, "20 to 49", m.Criteria[1].Credits[1].Match.String())
	require.Equal(t, "low", m.Tiers[0].Task.Priority)
}

func TestParseDefaults(t *testing.T) {
	t.Parallel()
	m := parse(t, `
name: least
version: 1
owner: me
required: []
criteria:
  - {name: a, dimension: firmographics, field: revenue_usd, between: [1_500k, 2.5M], points: +10}
tiers:
  - {name: All, min: 0, queue: all, task: {subject: "{{if .Domain}}{{.Domain}}{{else}}Account{{end}}", due: 12h}}
trigger_task: {when: score >= 10}
`)
	require.InDelta(t, 0.7, m.Confidence, 0)
	require.Equal(t, "company", m.Subject)
	require.Equal(t, icp.Scale{Method: icp.Sum, Min: 0, Max: 100}, m.Scale)
	require.Equal(t, icp.Exploration{Queue: "exploration"}, m.Exploration)
	require.Equal(t, "1.5M to 2.5M", m.Criteria[0].Credits[0].Match.String())
	require.Equal(t, "medium", m.Tiers[0].Task.Priority)
	require.Equal(t, 12*time.Hour, m.Tiers[0].Task.Due)
	require.Equal(t, &icp.TriggerTask{
		When: icp.Condition{Measure: "score", Op: ">=", Number: 10}, Priority: "high", Cooldown: 14 * day, DueIn: day,
	}, m.TriggerTask)
	for domain, want := range map[string]string{"acme.example": "acme.example", "": "Account"} {
		subject, err := m.Tiers[0].Task.Render(icp.TaskData{Domain: domain})
		require.NoError(t, err)
		require.Equal(t, want, subject)
	}
}

// TestMistakes has a file for each rule: the good one with one text replaced.
func TestMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, new, want string }{
		// the file
		{"empty", good, "", "1:1: the file is empty; docs/models.md shows a model"},
		{"only comments", good, "# nothing\n", "1:1: the file is empty; docs/models.md shows a model"},
		{"nothing but null", good, "~\n", "1:1: want a mapping, have nothing"},
		{"a list", good, "- name\n", "1:1: want a mapping, have a list"},
		{"a second document", "exploration: {share: 0.1, queue: elsewhere}\n", "---\nname: other\n", "38:1: a second document; a file holds one model, so remove the --- and what follows"},
		{"too big", good, strings.Repeat("#", 1<<20+1), "1:1: the file has 1048577 bytes; a model has at most 1048576"},
		{"not UTF-8", "owner: revops@", "owner: \xffrevops@", "3:8: not a text file in UTF-8: unreadable character"},
		{"a control character", "owner: revops@", "owner: ü\x00", "3:9: not a text file in UTF-8: unreadable character"},
		{"a tab", "    min: 40", "\tmin: 40", "33:1: not YAML: a tab; indent with spaces"},
		{"bad YAML", "version: 3", "version: 3: 4", "2:11: not YAML: mapping values are not allowed in this context"},
		{"a bracket left open", "confidence: 0.6", "confidence: [0.6", "6:14: not YAML: did not find expected ',' or ']'"},
		{"a bad indent", "    dimension: intent", "   dimension: intent", "22:4: not YAML: did not find expected '-' indicator"},
		{"bad YAML in a huge file", good, strings.Repeat("a: b\n", 20_000) + "x: y: z", "20001:1: near here, not YAML: mapping values are not allowed in this context"},
		{"an anchor", "version: 3", "version: &v 3", "2:10: anchors (&name) are not used in models; remove it"},
		{"an alias", "confidence: 0.6", "confidence: *v", "6:14: not YAML: unknown anchor 'v' referenced"},
		{"a tag", "version: 3", "version: !!int 3", "2:10: tags (!name) are not used in models; remove it"},

		// keys
		{"an unknown key, near a known one", "confidence: 0.6", "confidenc: 0.6", "6:1: confidenc: unknown key (did you mean confidence?)"},
		{"an unknown key, near none", "confidence: 0.6", "colour: red", "6:1: colour: unknown key; known: name, version, owner, subject, applies_to, fields, required, confidence, scale, apart, criteria, tiers, matrix, trigger_task, exploration, signals"},
		{"an unknown key further down", "    any_of: [saas", "    any_off: [saas", "12:5: criteria[0].any_off: unknown key (did you mean any_of?)"},
		{"a misspelt key is not missed as well", "    points: 20\n", "    pionts: 20\n", "13:5: criteria[0].pionts: unknown key (did you mean points?)"},
		{"a key that is no text", "confidence: 0.6", "[a]: 0.6", "6:1: ?: unknown key; known: name, version, owner, subject, applies_to, fields, required, confidence, scale, apart, criteria, tiers, matrix, trigger_task, exploration, signals"},
		{"a key twice", "subject: company", "version: 4", "4:1: version: the key stands here twice; the first is in line 2"},
		{"name missing", "name: small\n", "", "1:1: missing key name"},
		{"version missing", "version: 3\n", "", "1:1: missing key version"},
		{"owner missing", "owner: revops@acme.example\n", "", "1:1: missing key owner"},
		{"required missing", "required: [industry, employees]\n", "", "1:1: missing key required"},
		{"points missing", "    points: -30\n", "", "26:5: criteria[3]: missing key points"},
		{"a criterion's name missing", "name: churned\n    ", "", "26:5: criteria[3]: missing key name"},
		{"a dimension missing", "    dimension: risk\n", "", "26:5: criteria[3]: missing key dimension"},
		{"a field missing", "    field: previously_churned\n", "", "26:5: criteria[3]: missing key field (or signal, or when)"},
		{"a matcher missing", "    equals: true\n", "", "26:5: criteria[3]: missing key: equals"},
		{"a window missing", "    within: 90d\n", "", "21:5: criteria[2]: missing key: within"},
		{"a tier's queue missing", ", queue: none", "", "36:5: tiers[1]: missing key queue"},
		{"a task's time missing", "due: 1d, ", "", "35:11: tiers[0].task: missing key due"},
		{"a scale's bound missing", ", max: 100}", "}", "7:8: scale: missing key max"},
		{"a condition missing", "when: fit > 20, ", "", "37:15: trigger_task: missing key when"},
		{"a share missing", "share: 0.1, ", "", "38:14: exploration: missing key share"},

		// types
		{"a name that is no word", "name: small", "name: Small Model", `1:7: name: "Small Model": want lower-case letters, digits, - and _, at most 64`},
		{"a name that is a number", "name: small", "name: 7", "1:7: name: want a text (in quotes, if that is what it is), have 7"},
		{"an owner that is empty", "owner: revops@acme.example", `owner: ""`, "3:8: owner: must not be empty"},
		{"an owner that is nothing", "owner: revops@acme.example", "owner:", "3:7: owner: want a text, have nothing"},
		{"an owner of two lines", "owner: revops@acme.example", `owner: "a\nb"`, "3:8: owner: must be one line without spaces around it"},
		{"an owner without end", "owner: revops@acme.example", "owner: " + strings.Repeat("a", 201), "3:8: owner: has 201 characters; at most 200"},
		{"a version in words", "version: 3", "version: three", `2:10: version: want a whole number, have the text "three"`},
		{"a version in quotes", "version: 3", `version: "3"`, `2:10: version: want a whole number, have the text "3"`},
		{"a version of 0", "version: 3", "version: 0", "2:10: version: 0 is outside 1 to 1000000"},
		{"half a version", "version: 3", "version: 3.5", "2:10: version: want a whole number, have 3.5"},
		{"an octal version", "version: 3", "version: 007", "2:10: version: want a whole number, have 007"},
		{"a confidence above 1", "confidence: 0.6", "confidence: 60", "6:13: confidence: 60 is outside 0 to 1"},
		{"a confidence of 0", "confidence: 0.6", "confidence: 0", "6:13: confidence: must be above 0"},
		{"a confidence in words", "confidence: 0.6", "confidence: high", `6:13: confidence: want a number from 0 to 1, have the text "high"`},
		{"another subject", "subject: company", "subject: compny", `4:10: subject: "compny": want company or contact (did you mean company?)`},
		{"criteria that are no list", good[strings.Index(good, "criteria:"):strings.Index(good, "tiers:")], "criteria: {}\n", "8:11: criteria: want a list, have a mapping"},
		{"a criterion that is a text", "  - name: churned\n    dimension: risk\n    field: previously_churned\n    equals: true\n    points: -30\n", "  - churned\n", `26:5: criteria[3]: want a mapping, have the text "churned"`},

		// fields
		{"an unknown required field", "[industry, employees]", "[industry, employes]", `5:22: required[1]: unknown field "employes" (did you mean employees?); any other than Sluice's own is declared under fields`},
		{"a required field twice", "[industry, employees]", "[industry, employees, industry]", `5:33: required[2]: "industry" is already in the list`},
		{"an unknown field", "field: previously_churned", "field: shoe_size", `28:12: criteria[3].field: unknown field "shoe_size"; any other than Sluice's own is declared under fields`},
		{"a field and a signal", "    signal: [funding", "    field: industry\n    signal: [funding", "24:13: criteria[2].signal: a criterion has one of field, signal and when, not both field and signal"},
		{"a misspelt signal", "[funding, hiring]", "[fundign, hiring]", `23:14: criteria[2].signal[0]: "fundign" looks like a slip (did you mean funding?)`},
		{"no signals", "[funding, hiring]", "[]", "23:13: criteria[2].signal: must not be empty"},
		{"a misspelt dimension", "dimension: intent", "dimension: intend", `22:16: criteria[2].dimension: "intend" looks like a slip (did you mean intent?)`},

		// matchers
		{"words on a number", "between: [50, 500]", "any_of: [50]", "18:13: criteria[1].any_of: does not fit employees (number); use between or at_least or at_most or equals"},
		{"a band on a text", "any_of: [saas, mining]", "between: [1, 2]", "12:14: criteria[0].between: does not fit industry (text); use any_of or equals"},
		{"contains_any on a text", "any_of: [saas, mining]", "contains_any: [saas]", "12:19: criteria[0].contains_any: does not fit industry (text); use any_of or equals"},
		{"a window on a yes/no", "equals: true", "within: 9d", "29:13: criteria[3].within: does not fit previously_churned (yes/no); use equals"},
		{"words on a signal", "within: 90d", "any_of: [funding]", "24:13: criteria[2].any_of: does not fit a signal; use within"},
		{"two matchers", "between: [50, 500]", "between: [50, 500]\n    equals: 7", "19:13: criteria[1].equals: beside between; one matcher is enough"},
		{"two bounds", "between: [50, 500]", "at_least: 50\n    at_most: 500", "19:14: criteria[1].at_most: beside at_least; one matcher is enough (for both bounds: between)"},
		{"one word without brackets", "any_of: [saas, mining]", "any_of: saas", `12:13: criteria[0].any_of: want a list, have the text "saas"`},
		{"no words", "any_of: [saas, mining]", "any_of: []", "12:13: criteria[0].any_of: must not be empty"},
		{"a number among words", "any_of: [saas, mining]", "any_of: [saas, 7]", "12:20: criteria[0].any_of[1]: want a text (in quotes, if that is what it is), have 7"},
		{"a word twice", "any_of: [saas, mining]", "any_of: [saas, SaaS]", `12:20: criteria[0].any_of[1]: "SaaS" is already in the list`},
		{"too many words", "any_of: [saas, mining]", "any_of: [" + strings.Repeat("a,", 1001) + "]", "12:13: criteria[0].any_of: has 1001 items; at most 1000"},
		{"a band of one", "[50, 500]", "[50]", "18:14: criteria[1].between: want two numbers, the least and the most: [50, 500]"},
		{"an open band", "[50, 500]", "[50, ~]", "18:14: criteria[1].between: want two numbers; a band that is open on one side is at_least or at_most"},
		{"a band upside down", "[50, 500]", "[500, 50]", "18:14: criteria[1].between: 500 is above 50: the least comes first"},
		{"a band of words", "[50, 500]", "[few, 500]", `18:15: criteria[1].between[0]: want a number such as 50, 10k, 1.5M or 2B, have the text "few"`},
		{"an unknown unit", "[50, 500]", "[50, 5T]", `18:19: criteria[1].between[1]: want a number such as 50, 10k, 1.5M or 2B, have the text "5T"`},
		{"equals in quotes", "equals: true", `equals: "true"`, `29:13: criteria[3].equals: want true or false, have the text "true"`},
		{"a window without a unit", "within: 90d", "within: 90", "24:13: criteria[2].within: want a number of days or hours, such as 90d or 12h, have 90"},
		{"a window in months", "within: 90d", "within: 3m", `24:13: criteria[2].within: want a number of days or hours, such as 90d or 12h, have the text "3m"`},
		{"a window of a century", "within: 90d", "within: 36500d", "24:13: criteria[2].within: 36500d is longer than 3660d"},
		{"another meaning of unknown", "    equals: true", "    unknown: maybe\n    equals: true", `29:14: criteria[3].unknown: "maybe": want widen or no`},

		// points
		{"0 points", "points: -30", "points: 0", "30:13: criteria[3].points: 0 points change nothing; remove the criterion or give it weight"},
		{"half a point", "points: -30", "points: -2.5", "30:13: criteria[3].points: want a whole number, have -2.5"},
		{"too many points", "points: -30", "points: -1001", "30:13: criteria[3].points: -1001 is outside -1000 to 1000"},
		{"a name twice", "name: churned", "name: trigger", `26:11: criteria[3].name: "trigger" is already in the list`},
		{"no criteria", good[strings.Index(good, "criteria:"):strings.Index(good, "tiers:")], "criteria: []\n", "8:11: criteria: must not be empty"},

		// partial credit
		{"partial credit as much as full", "points: 7}", "points: 15}", "20:43: criteria[1].partial[0].points: 15 must be less than the full 15"},
		{"partial credit of the other sign", "points: 7}", "points: -7}", "20:43: criteria[1].partial[0].points: -7 must have the sign of the full 15"},
		{"partial credit without a matcher", "{between: [20, 49], points: 7}", "{points: 7}", "20:15: criteria[1].partial[0]: missing key: between or at_least or at_most or equals"},
		{"a partial band that overlaps the main one", "[20, 49]", "[20, 50]", "20:15: criteria[1].partial[0]: overlaps the criterion itself at 50"},
		{"partial bands that overlap", "{between: [20, 49], points: 7}", "{between: [20, 49], points: 7}, {at_most: 30, points: 2}", "20:47: criteria[1].partial[1]: overlaps an earlier partial credit at 20"},
		{"a partial word that is a full one", "{any_of: [retail]", "{any_of: [Saas]", "14:15: criteria[0].partial[0]: overlaps the criterion itself at saas"},
		{"a partial answer that is the full one", "    equals: true", "    partial: [{equals: true, points: -1}]\n    equals: true", "29:15: criteria[3].partial[0]: overlaps the criterion itself at yes"},
		{"a partial window within the full one", "    within: 90d", "    partial: [{within: 60d, points: 1}]\n    within: 90d", "24:15: criteria[2].partial[0]: overlaps the criterion itself at 60 days"},
		{"empty partial credit", "[{between: [20, 49], points: 7}]", "[]", "20:14: criteria[1].partial: must not be empty"},

		// scale and tiers
		{"an unknown method", "method: sum", "method: summ", `7:17: scale.method: "summ": want sum or proportional or weighted (did you mean sum?)`},
		{"a scale upside down", "max: 100", "max: 0", "7:35: scale.max: 0 must be above min (0)"},
		{"no tiers", good[strings.Index(good, "tiers:"):strings.Index(good, "trigger_task:")], "tiers: []\n", "31:8: tiers: must not be empty"},
		{"tiers from low to high", "min: 0, queue", "min: 41, queue", `36:25: tiers[1].min: 41 is above the min of "Tier 1" before it (40); tiers go from high to low`},
		{"tiers with one min", "min: 0, queue", "min: 40, queue", `36:25: tiers[1].min: 40 is also the min of "Tier 1", so no score falls in "Tier 2"`},
		{"a tier out of reach", "min: 40", "min: 51", "33:10: tiers[0].min: 51 is out of reach: the best account scores 50"},
		{"a gap below the last tier", "min: 0, queue", "min: 5, queue", "36:25: tiers[1].min: scores from 0 to 4 have no tier; the last one begins at the scale's min"},
		{"a tier below the scale", "min: 0, queue", "min: -5, queue", "36:25: tiers[1].min: -5 is below the scale's min (0)"},
		{"two tiers of one name", "name: Tier 2", "name: TIER 1", `36:12: tiers[1].name: "TIER 1" is already in the list`},
		{"a queue that is no word", "queue: sdr", "queue: SDR queue", `34:12: tiers[0].queue: "SDR queue": want lower-case letters, digits, - and _, at most 64`},

		// tasks
		{"a subject that is no template", "Call {{.Name}}", "Call {{.Name}", `35:21: tiers[0].task.subject: bad character U+007D '}'`},
		{"a subject with an unknown field", "{{.Name}}", "{{.Nme}}", "35:21: tiers[0].task.subject: only {{.Name}}, {{.Domain}}, {{.Tier}}, {{.Score}} and {{if}} … {{else}} … {{end}} over them may stand in a subject"},
		{"a subject that could fill the memory", "{{.Name}}", "{{printf `%999999999d` .Score}}", "35:21: tiers[0].task.subject: only {{.Name}}, {{.Domain}}, {{.Tier}}, {{.Score}} and {{if}} … {{else}} … {{end}} over them may stand in a subject"},
		{"a subject that loops", "{{.Name}}", "{{range .Score}}a{{end}}", "35:21: tiers[0].task.subject: only {{.Name}}, {{.Domain}}, {{.Tier}}, {{.Score}} and {{if}} … {{else}} … {{end}} over them may stand in a subject"},
		{"a subject that calls itself", "Call {{.Name}}", "{{define `a`}}{{template `a`}}{{end}}{{template `a`}}", "35:21: tiers[0].task.subject: only {{.Name}}, {{.Domain}}, {{.Tier}}, {{.Score}} and {{if}} … {{else}} … {{end}} over them may stand in a subject"},
		{"a subject that may be empty", "Call {{.Name}}", "{{.Name}}", "35:21: tiers[0].task.subject: the subject must not come out empty for any account"},
		{"a bad time", "due: 1d", "due: tomorrow", `35:44: tiers[0].task.due: want a number of days or hours, such as 90d or 12h, have the text "tomorrow"`},
		{"a bad priority", "priority: low", "priority: lo", `35:58: tiers[0].task.priority: "lo": want low or medium or high (did you mean low?)`},

		// trigger task and exploration
		{"a condition on something else", "fit > 20", "tier > 20", `37:22: trigger_task.when: "tier > 20": want fit or score, one of > >= < <=, and a number, such as fit > 60`},
		{"a condition without a comparison", "fit > 20", "fit = 20", `37:22: trigger_task.when: "fit = 20": want fit or score, one of > >= < <=, and a number, such as fit > 60`},
		{"a condition that is never true", "fit > 20", "fit > 35", "37:22: trigger_task.when: fit > 35 is never true"},
		{"a cool-down of nothing", "cooldown: 14d", "cooldown: 0d", `37:58: trigger_task.cooldown: want a number of days or hours, such as 90d or 12h, have the text "0d"`},
		{"a share above 1", "share: 0.1", "share: 12", "38:22: exploration.share: 12 is outside 0 to 1"},
		{"a share below 0", "share: 0.1", "share: -0.1", "38:22: exploration.share: -0.1 is outside 0 to 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(good, tt.old), "the text to replace is not there once")
			_, err := icp.Parse("m", []byte(strings.Replace(good, tt.old, tt.new, 1)))
			require.Error(t, err)
			require.Equal(t, "m:"+tt.want, err.Error())
		})
	}
}

// TestUnreachableBottomTier holds that a tier below the worst account is refused too.
func TestUnreachableBottomTier(t *testing.T) {
	t.Parallel()
	file := strings.NewReplacer("min: 0, max: 100", "min: -90, max: 100", "min: 0, queue", "min: -30, queue").Replace(good)
	file = strings.Replace(file, "trigger_task:", "  - {name: Tier 3, min: -90, queue: none}\ntrigger_task:", 1)
	_, err := icp.Parse("m", []byte(file))
	require.EqualError(t, err, `m:37:25: tiers[2].min: no score falls in "Tier 3": the worst account scores -30, which is "Tier 2"`)
}

// TestAllMistakesAtOnce holds that one reading names all mistakes, in the order of
// the file, and none that follows from another.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	_, err := icp.Parse("revops.yaml", []byte(`name: &n RevOps
version: one
owner: *n
required: [industry, employes]
scale: {method: weighted, min: 0, max: 100}
criteria:
  - {name: a, dimension: x, field: industry, any_off: [saas], points: 20}
  - {name: a, dimension: x, field: employees, between: [500, 50], points: 0}
  - {name: c, dimension: x, signal: [funding], within: soon, points: 5, partial: [{within: 9d, points: 5}]}
tiers:
  - {name: Best, min: 5000, queue: a}
  - {name: Best, min: 10, queue: a}
`))
	parseError, ok := errors.AsType[*strictyaml.Error](err)
	require.True(t, ok)
	require.ErrorIs(t, err, account.ErrInvalid)
	require.Equal(t, []string{
		`revops.yaml:1:7: anchors (&name) are not used in models; remove it`,
		`revops.yaml:1:7: name: "RevOps": want lower-case letters, digits, - and _, at most 64`,
		`revops.yaml:2:10: version: want a whole number, have the text "one"`,
		`revops.yaml:3:8: aliases (*name) are not used in models; write the value out`,
		`revops.yaml:4:22: required[1]: unknown field "employes" (did you mean employees?); any other than Sluice's own is declared under fields`,
		`revops.yaml:5:8: scale: missing key dimensions`,
		`revops.yaml:7:46: criteria[0].any_off: unknown key (did you mean any_of?)`,
		`revops.yaml:8:12: criteria[1].name: "a" is already in the list`,
		`revops.yaml:8:56: criteria[1].between: 500 is above 50: the least comes first`,
		`revops.yaml:8:75: criteria[1].points: 0 points change nothing; remove the criterion or give it weight`,
		`revops.yaml:9:56: criteria[2].within: want a number of days or hours, such as 90d or 12h, have the text "soon"`,
		`revops.yaml:9:104: criteria[2].partial[0].points: 5 must be less than the full 5`,
		`revops.yaml:12:12: tiers[1].name: "Best" is already in the list`,
	}, strings.Split(err.Error(), "\n"))
	require.Equal(t, strictyaml.Mistake{
		File: "revops.yaml", Line: 2, Column: 10, Message: `version: want a whole number, have the text "one"`,
	}, parseError.Mistakes[2])
}

// TestAllMistakesOfTheLanguageAtOnce does so for what else a model may have.
func TestAllMistakesOfTheLanguageAtOnce(t *testing.T) {
	t.Parallel()
	_, err := icp.Parse("m", []byte(`name: m
version: 1
owner: a
applies_to: country = "US"
fields:
  seats: {type: int}
  industry: {type: text}
required: [seats]
scale: {method: weighted, min: 0, max: 10, dimensions: {a: 50, b: 40}}
apart: [risk]
criteria:
  - {name: a, dimension: a, field: seats, at_least: 5, points: 5}
  - {name: b, dimension: b, when: seats > "five" && employes > 3, points: 5}
  - {name: c, dimension: b, field: management_level, of: best_contact, contacts: 2, any_of: [vp], points: 5}
  - {name: d, dimension: b, field: job_title, equals: x, half_life: 3d, points: 5}
matrix:
  fit: {high: 5, leave: 7}
  intent: {hihg: 5}
  routes:
    - {fit: high, intent: high, tier: A, queue: a}
`))
	require.Equal(t, []string{
		"m:4:13: applies_to: unexpected token Operator(\"=\"), at character 9",
		`m:6:17: fields.seats.type: "int": want text or number or boolean or list or date`,
		"m:7:3: fields.industry: industry is a field already; use it as it is, or give this one another name",
		"m:9:56: scale.dimensions: the shares add up to 90 %; want 100",
		`m:10:9: apart[0]: "risk": want engagement or intent`,
		`m:13:35: criteria[1].when: unknown field "employes" (did you mean employees?); any other than Sluice's own is declared under fields, at character 19`,
		"m:14:72: criteria[2].contacts: only a buying committee has a number of contacts",
		"m:15:36: criteria[3].field: job_title is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee",
		"m:17:25: matrix.fit.leave: 7 must be below high (5): it is the number that an account may fall to and stay",
		"m:18:12: matrix.intent.hihg: unknown key (did you mean high?)",
	}, strings.Split(err.Error(), "\n"))
}

// TestBillionLaughs holds that a small file cannot stand for a huge one.
func TestBillionLaughs(t *testing.T) {
	t.Parallel()
	file := "a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n"
	_, err := icp.Parse("m", []byte(file))
	require.ErrorContains(t, err, "m:1:4: anchors (&name) are not used in models")
	require.ErrorContains(t, err, "m:4:5: aliases (*name) are not used in models")
	_, err = icp.Parse("m", []byte(strings.Repeat("[", 200_000)))
	require.ErrorContains(t, err, "not YAML: exceeded max depth")
}

func TestLoad(t *testing.T) {
	t.Parallel()
	for _, name := range icp.Shipped() {
		m, err := icp.Load(name)
		require.NoError(t, err)
		require.Equal(t, name, m.Name)
	}
	_, err := icp.Load("../go")
	require.ErrorIs(t, err, account.ErrNotFound)
	require.EqualError(t, err, `model "../go": not found; shipped: abm-list, contact-fit, fit-and-engagement, five-dimensions, revops`)
}

// TestDocs holds that docs/models.md tells the truth: its model, what a company
// scores under it, and its mistakes.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/models.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	model, rest, _ := strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "```\nmy.yaml")
	mistakes, _, _ := strings.Cut(rest, "\n```")

	m := parse(t, model)
	facts := only(text(account.Industry, "saas"), account.Industry)
	signals := signal("funding", 7*day)
	require.Equal(t, "35 in 35..50, Tier 1", icp.Rate(m, facts, signals, now).String())
	set(facts, account.Employees, account.NumberValue(30))
	s := icp.Rate(m, facts, signals, now)
	require.Equal(t, "42 in 42..42, Tier 1", s.String())
	require.Equal(t, 27, s.Fit)
	require.InDelta(t, 50.0/80, s.Completeness, 1e-9)
	for _, r := range s.Criteria {
		require.Contains(t, string(page), r.Reason)
	}

	bad := strings.NewReplacer("any_of:", "any_off:", "[20, 49]", "[20, 50]", "within: 90d", "within: 90", "min: 30", "min: thirty")
	_, err = icp.Parse("my.yaml", []byte(bad.Replace(model)))
	require.EqualError(t, err, "my.yaml"+mistakes)
}

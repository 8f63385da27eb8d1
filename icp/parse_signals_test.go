package icp_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
)

// signalsFile is the section that every bad one departs from in one place. It stands
// after the 38 lines of the good file.
const signalsFile = `signals:
  first_sight: 60d
  hiring:
    roles:
      - {name: revops, titles: [revops, sales operations], not: [intern], department: sales}
      - {name: data, titles: [Data Analyst]}
    burst: {postings: 5, within: 30d}
  executives:
    - {name: cro, titles: [chief revenue officer, cro]}
  technologies: {competitors: [marketo], complements: [segment, snowflake]}
  headcount: 0.25
`

func TestParseSignals(t *testing.T) {
	t.Parallel()
	require.Equal(t, icp.SignalRules{
		FirstSight: 60 * day,
		Hiring: []icp.Role{
			{Name: "revops", Titles: []string{"revops", "sales operations"}, Not: []string{"intern"}, Department: "sales"},
			{Name: "data", Titles: []string{"Data Analyst"}},
		},
		Burst:       icp.Burst{Postings: 5, Within: 30 * day},
		Executives:  []icp.Role{{Name: "cro", Titles: []string{"chief revenue officer", "cro"}}},
		Competitors: []string{"marketo"},
		Complements: []string{"segment", "snowflake"},
		Headcount:   0.25,
	}, parse(t, good+signalsFile).Signals)
}

func TestSignalDefaults(t *testing.T) {
	t.Parallel()
	nothing := icp.SignalRules{FirstSight: 30 * day, Headcount: 0.2}
	one := func(change func(r *icp.SignalRules)) icp.SignalRules {
		r := nothing
		change(&r)
		return r
	}
	tests := []struct {
		name, give string
		want       icp.SignalRules
	}{
		{"no section", "", nothing},
		{"an empty section", "signals: {}\n", nothing},
		{"days in hours", "signals: {first_sight: 36h}\n", one(func(r *icp.SignalRules) { r.FirstSight = 36 * time.Hour })},
		{"a change in per cent", "signals: {headcount: 20%}\n", nothing},
		{"a change in per cent, and in quotes", "signals: {headcount: '7.5 %'}\n", one(func(r *icp.SignalRules) { r.Headcount = 0.075 })},
		{"a change of everything", "signals: {headcount: 100%}\n", one(func(r *icp.SignalRules) { r.Headcount = 1 })},
		{"complements only", "signals: {technologies: {complements: [dbt]}}\n", one(func(r *icp.SignalRules) {
			r.Competitors, r.Complements = []string{}, []string{"dbt"}
		})},
		{"roles without a burst", "signals: {hiring: {roles: [{name: a, titles: [b]}]}}\n", one(func(r *icp.SignalRules) {
			r.Hiring = []icp.Role{{Name: "a", Titles: []string{"b"}}}
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := parse(t, good+tt.give).Signals
			require.InDelta(t, tt.want.Headcount, got.Headcount, 1e-12)
			got.Headcount = tt.want.Headcount
			require.Equal(t, tt.want, got)
		})
	}
}

// TestSignalMistakes has a section for each rule: the good one with one text replaced.
func TestSignalMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, new, want string }{
		{"a list", signalsFile, "signals: []\n", "39:10: signals: want a mapping, have a list"},
		{"nothing", signalsFile, "signals:\n", "39:9: signals: want a mapping, have nothing"},
		{"a misspelt section", "signals:\n", "signal:\n", "39:1: signal: unknown key (did you mean signals?)"},
		{"an unknown key, near a known one", "first_sight", "firstsight", "40:3: signals.firstsight: unknown key (did you mean first_sight?)"},
		{"an unknown key, near none", "first_sight: 60d", "colour: red", "40:3: signals.colour: unknown key; known: first_sight, hiring, executives, technologies, headcount"},
		{"a first sight without a unit", "60d", "60", "40:16: signals.first_sight: want a number of days or hours, such as 90d or 12h, have 60"},

		{"executives that are a mapping", "    - {name: cro, titles: [chief revenue officer, cro]}\n", "    cro: {}\n", "47:5: signals.executives: want a list, have a mapping"},
		{"no roles", "  executives:\n    - {name: cro, titles: [chief revenue officer, cro]}\n", "  executives: []\n", "46:15: signals.executives: must not be empty"},
		{"a role that is a text", "{name: data, titles: [Data Analyst]}", "data", `44:9: signals.hiring.roles[1]: want a mapping, have the text "data"`},
		{"a role without a name", "{name: data, ", "{", "44:9: signals.hiring.roles[1]: missing key name"},
		{"a role without titles", ", titles: [Data Analyst]", "", "44:9: signals.hiring.roles[1]: missing key titles"},
		{"a name of two words", "name: data", "name: data analyst", `44:16: signals.hiring.roles[1].name: "data analyst": want lower-case letters, digits, - and _, at most 64`},
		{"a name with an underscore", "name: data", "name: data_analyst", `44:16: signals.hiring.roles[1].name: "data_analyst": want lower-case letters, digits and -`},
		{"a name twice", "name: data", "name: revops", `44:16: signals.hiring.roles[1].name: "revops" is already in the list`},
		{"no titles", "[Data Analyst]", "[]", "44:30: signals.hiring.roles[1].titles: must not be empty"},
		{"titles that are a text", "[Data Analyst]", "Data Analyst", `44:30: signals.hiring.roles[1].titles: want a list, have the text "Data Analyst"`},
		{"a title twice", "[Data Analyst]", "[Data Analyst, data-analyst]", `44:45: signals.hiring.roles[1].titles[1]: "data-analyst" is already in the list`},
		{"a title of signs", "[Data Analyst]", `["!?"]`, `44:31: signals.hiring.roles[1].titles[0]: "!?" has neither letters nor digits`},
		{"a title that not keeps out", "[intern]", "[sales]", `43:41: signals.hiring.roles[0].titles[1]: "sales operations" is never found: not has "sales"`},
		{"an empty not", "[intern]", "[]", "43:65: signals.hiring.roles[0].not: must not be empty"},
		{"a misspelt key of a role", "department: sales", "departement: sales", "43:75: signals.hiring.roles[0].departement: unknown key (did you mean department?)"},
		{"a department of an executive", "{name: cro,", "{name: cro, department: sales,", "47:19: signals.executives[0].department: unknown key; known: name, titles, not"},
		{"an executive's title misspelt", "{name: cro, titles", "{name: cro, title", "47:19: signals.executives[0].title: unknown key (did you mean titles?)"},

		{"a burst of one", "postings: 5", "postings: 1", "45:23: signals.hiring.burst.postings: 1 is outside 2 to 1000"},
		{"a burst without a time", ", within: 30d}", "}", "45:12: signals.hiring.burst: missing key within"},
		{"a burst without roles", "    roles:\n      - {name: revops, titles: [revops, sales operations], not: [intern], department: sales}\n      - {name: data, titles: [Data Analyst]}\n", "", "42:5: signals.hiring: missing key roles"},

		{"a competitor by its brand", "[marketo]", "[Marketo Engage]", `48:32: signals.technologies.competitors[0]: "Marketo Engage": accounts have it as marketo`},
		{"a complement in capitals", "[segment,", "[Segment,", `48:56: signals.technologies.complements[0]: "Segment": accounts have it as segment`},
		{"what is no technology", "[marketo]", "[ssl]", `48:32: signals.technologies.competitors[0]: "ssl" is no technology that tells anything about a company`},
		{"a complement twice", "[segment, snowflake]", "[segment, segment]", `48:65: signals.technologies.complements[1]: "segment" is already in the list`},
		{"competitor and complement", "[segment, snowflake]", "[segment, marketo]", `48:65: signals.technologies.complements[1]: "marketo" is already in the list`},
		{"misspelt complements", "complements", "complement", "48:42: signals.technologies.complement: unknown key (did you mean complements?)"},

		{"a change of nothing", "0.25", "0", "49:14: signals.headcount: must be above 0"},
		{"a change of nothing in per cent", "0.25", "0%", "49:14: signals.headcount: must be above 0"},
		{"a change without the per cent", "0.25", "20", "49:14: signals.headcount: 20 is outside 0 to 1"},
		{"a change of more than everything", "0.25", "120%", "49:14: signals.headcount: 120% is outside 0% to 100%"},
		{"a change in words", "0.25", "much", `49:14: signals.headcount: want a number from 0 to 1, have the text "much"`},
		{"a change that is a list", "0.25", "[20%]", "49:14: signals.headcount: want a number from 0 to 1, have a list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(signalsFile, tt.old), "the text to replace is not there once")
			_, err := icp.Parse("m", []byte(good+strings.Replace(signalsFile, tt.old, tt.new, 1)))
			require.EqualError(t, err, "m:"+tt.want)
		})
	}
}

func TestRevopsSignals(t *testing.T) {
	t.Parallel()
	rules := revops(t).Signals
	require.Equal(t, 30*day, rules.FirstSight)
	require.InDelta(t, 0.2, rules.Headcount, 1e-12)
	require.Equal(t, icp.Burst{Postings: 5, Within: 30 * day}, rules.Burst)
	tests := []struct{ title, hiring, executive string }{
		{"Revenue Operations Manager (EMEA)", "revops", ""},
		{"Sales Operations Analyst", "revops", ""},
		{"RevOps Intern", "", ""},
		{"Senior Account Executive", "sales", ""},
		{"Sales Engineer", "", ""},
		{"Data Analyst, Growth", "data-analyst", ""},
		{"Data Scientist", "", ""},
		{"Co-Founder & CEO", "", "ceo"},
		{"EA to CEO", "", ""},
		{"Executive Assistant, Office of the CEO", "", ""},
		{"Chief Revenue Officer", "", "cro"},
		{"CRO Specialist", "", ""},
		{"VP, Sales", "sales", "vp-sales"},
		{"Vice President of Sales, Americas", "sales", "vp-sales"},
		{"VP Sales Operations", "revops", ""},
		{"Regional Vice President of Sales", "sales", ""},
		{"CMO", "", "cmo"},
		{"Chief Technology Officer (CTO)", "", "cto"},
		{"Interim Chief Financial Officer", "", "cfo"},
		{"Chief of Staff", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			t.Parallel()
			hiring, _ := icp.RoleFor(rules.Hiring, tt.title, "")
			executive, _ := icp.RoleFor(rules.Executives, tt.title, "")
			require.Equal(t, []string{tt.hiring, tt.executive}, []string{hiring.Name, executive.Name})
		})
	}
}

// TestSignalDocs holds that the section that docs/models.md shows is one.
func TestSignalDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/models.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(page), "```yaml\nsignals:")
	section, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	rules := parse(t, good+"signals:"+section).Signals
	require.Equal(t, "revops", rules.Hiring[0].Name)
	require.InDelta(t, 0.2, rules.Headcount, 1e-12)
}

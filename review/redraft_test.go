package review

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
)

const modelHead = `name: "mine" # ours
version: 7   # raised with every release
owner: a@b.example
required: [industry]
`

const modelTail = `tiers:
  - {name: Top, min: 3, queue: q}
  - {name: Rest, min: 0, queue: q}
`

// TestDrafted holds what changes of a file, however it is written.
func TestDrafted(t *testing.T) {
	t.Parallel()
	change := func(name string, from, to int) edit {
		return edit{WeightChange: WeightChange{Criterion: name, From: from, To: to, Because: "It pays less."}}
	}
	fund := edit{WeightChange: WeightChange{Criterion: "news_funding", To: 4, Because: "It pays more."}, kind: "funding", like: "news"}
	tests := []struct {
		name, criteria string
		edits          []edit
		want           string
	}{
		{
			"in one line with others",
			"criteria: [{name: a, dimension: firmographics, field: industry, any_of: [\"Bücher: größer\", saas], points: 20}, {name: b, dimension: risk, field: previously_churned, equals: true, points: -30}]\n",
			[]edit{change("a", 20, 5), change("b", -30, -12)},
			"# 2026Q3: a 20 → 5 points. It pays less.\n# 2026Q3: b -30 → -12 points. It pays less.\n" +
				"criteria: [{name: a, dimension: firmographics, field: industry, any_of: [\"Bücher: größer\", saas], points: 5}, {name: b, dimension: risk, field: previously_churned, equals: true, points: -12}]\n",
		},
		{
			"with partial credits",
			"criteria:\n  # size\n  - name: size # of the firm\n    dimension: firmographics\n    field: employees\n    at_least: 50\n    partial: [{at_most: 9, points: 3}, {between: [10, 49], points: 14}]\n    points: 15 # much\n",
			[]edit{change("size", 15, 5)},
			"criteria:\n  # size\n  # 2026Q3: size 15 → 5 points. It pays less.\n  - name: size # of the firm\n    dimension: firmographics\n    field: employees\n    at_least: 50\n    partial: [{at_most: 9, points: 1}, {between: [10, 49], points: 4}]\n    points: 5 # much\n",
		},
		{
			"a kind of signal of its own",
			"criteria:\n- name: news\n  dimension: intent\n  points: 12\n  signal:\n  - funding\n  - hiring\n  within: 60d\n# the end\n- {name: a, dimension: firmographics, field: industry, any_of: [saas], points: 20}\n",
			[]edit{fund},
			"criteria:\n- name: news\n  dimension: intent\n  points: 12\n  signal:\n  - funding\n  - hiring\n  within: 60d\n# 2026Q3: new, 4 points beside those of news. It pays more.\n" +
				"- {name: news_funding, dimension: intent, signal: [funding], within: 60d, points: 4}\n# the end\n- {name: a, dimension: firmographics, field: industry, any_of: [saas], points: 20}\n",
		},
	}
	for _, tt := range tests {
		m, err := icp.Parse("mine.yaml", []byte(modelHead+tt.criteria+modelTail))
		require.NoError(t, err, tt.name)
		draft, err := drafted(m, "2026Q3", tt.edits)
		require.NoError(t, err, tt.name)
		require.Equal(t, strings.Replace(modelHead, "version: 7 ", "version: 8 ", 1)+tt.want+modelTail, draft.Source, tt.name)
		require.Equal(t, "mine@8", draft.ID())
	}
}

func TestDraftThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	m, err := icp.Parse("mine.yaml", []byte(modelHead+"criteria: [{name: news, dimension: intent, signal: [funding, hiring], within: 60d, points: 12}]\n"+modelTail))
	require.NoError(t, err)
	for _, tt := range []struct {
		name string
		edit edit
		want string
	}{
		{"no place for a new one", edit{WeightChange: WeightChange{Criterion: "n", To: 3}, kind: "funding", like: "news"}, "written in one line"},
		{"no such criterion", edit{WeightChange: WeightChange{Criterion: "gone", From: 3, To: 2}}, "no criterion gone"},
		{"points that no model has", edit{WeightChange: WeightChange{Criterion: "news", From: 12, To: 5000}}, "points"},
	} {
		_, err := drafted(m, "2026Q3", []edit{tt.edit})
		require.ErrorContains(t, err, tt.want, tt.name)
	}
	_, err = drafted(&icp.Model{Name: "mine"}, "2026Q3", nil)
	require.ErrorContains(t, err, "not at hand")
}

func TestBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		was   int
		paid  float64
		least int
		want  int
	}{{20, 4.4, 1, 4}, {20, -3, 1, 1}, {20, 0.2, 2, 2}, {20, 90, 1, 40}, {-20, -4.6, 1, -5}, {-20, 3, 1, -1}, {-20, -99, 1, -40}} {
		require.Equal(t, tt.want, bounded(tt.was, tt.paid, tt.least), "%+v", tt)
	}
}

func TestLineDiff(t *testing.T) {
	t.Parallel()
	got := lineDiff("a\nb\nc\nd\ne\nf\n", "a\nb\nx\nd\ne\nf\ng\n")
	require.Equal(t, []diffLine{{"…", ""}, {"", "b"}, {"-", "c"}, {"+", "x"}, {"", "d"}, {"…", ""}, {"", "f"}, {"+", "g"}}, got)
	require.Equal(t, []diffLine{{"…", ""}}, lineDiff("a\n", "a\n"))
}

package monitoring

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const runbooks = "https://github.com/sluicehq/sluice/blob/main/docs/runbooks.md#"

// sections of docs/runbooks.md, by the anchor that their heading has.
func sections(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/runbooks.md")
	require.NoError(t, err)
	all := map[string]string{}
	for _, part := range strings.Split("\n"+string(text), "\n## ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		all[strings.ToLower(strings.TrimSpace(heading))] = body
	}
	return all
}

func TestEveryAlertHasItsRunbook(t *testing.T) {
	t.Parallel()
	rules, err := Alerts()
	require.NoError(t, err)
	left := sections(t)
	for _, r := range rules {
		anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbooks)
		require.True(t, ok, "%s: runbook_url", r.Alert)
		require.Equal(t, strings.ToLower(r.Alert), anchor)
		require.Contains(t, left, anchor, "docs/runbooks.md has no section %s", r.Alert)
		for _, what := range []string{"**Means.**", "**Look.**", "**Cure.**"} {
			require.Contains(t, left[anchor], what, r.Alert)
		}
		delete(left, anchor)
	}
	require.Empty(t, left, "sections without an alert")
}

func TestAlertsAreWhole(t *testing.T) {
	t.Parallel()
	rules, err := Alerts()
	require.NoError(t, err)
	require.NotEmpty(t, rules)
	seen := map[string]bool{}
	for _, r := range rules {
		require.Regexp(t, `^Sluice[A-Za-z]+$`, r.Alert)
		require.False(t, seen[r.Alert], "%s is there twice", r.Alert)
		seen[r.Alert] = true
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		for _, a := range []string{"summary", "description"} {
			require.NotEmpty(t, r.Annotations[a], "%s: %s", r.Alert, a)
		}
		if r.For != "" {
			_, err := time.ParseDuration(r.For)
			require.NoError(t, err, r.Alert)
		}
		names, err := Metrics(r.Expr)
		require.NoError(t, err, r.Alert)
		require.NotEmpty(t, names, r.Alert)
		for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(r.Annotations["summary"], -1) {
			require.Regexp(t, `by \([^)]*\b`+label[1]+`\b`, r.Expr, "%s: the expression leaves the label out", r.Alert)
		}
	}
}

func TestTheDashboardIsWhole(t *testing.T) {
	t.Parallel()
	panels, err := Dashboard()
	require.NoError(t, err)
	require.Greater(t, len(panels), 20)
	ids, taken := map[int]string{}, map[[2]int]string{}
	for _, p := range panels {
		require.NotEmpty(t, p.Title)
		require.Empty(t, ids[p.ID], "%s has the id of another panel", p.Title)
		ids[p.ID] = p.Title
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[at], "%s lies on another panel", p.Title)
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
		require.NotEmpty(t, p.Description, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			names, err := Metrics(target.Expr)
			require.NoError(t, err, p.Title)
			require.NotEmpty(t, names, p.Title)
		}
	}
}

func TestExpressionsThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	_, err := Metrics("sum(rate(sluice_calls_total[5m])")
	require.Error(t, err)
	names, err := Metrics("a_total / on (x) group_left b_bucket{le='1'} > 0 or absent(c)")
	require.NoError(t, err)
	require.Equal(t, []string{"a_total", "b_bucket", "c"}, names)
}

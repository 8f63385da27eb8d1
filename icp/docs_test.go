package icp_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
)

// docsSection returns the section of docs/models.md under a heading.
func docsSection(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/models.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n#")
	return section
}

// docs returns the first block of a section that begins so.
func docs(t *testing.T, heading, begins string) string {
	t.Helper()
	_, block, found := strings.Cut(docsSection(t, heading), begins)
	require.True(t, found, begins)
	block, _, found = strings.Cut(block, "```")
	require.True(t, found)
	return block
}

// TestLanguageDocs holds that what docs/models.md shows of the language can be parsed.
func TestLanguageDocs(t *testing.T) {
	t.Parallel()
	fields := docs(t, "### Fields", "```yaml\n")
	const head = "name: m\nversion: 1\nowner: a\nrequired: []\n"
	const tail = "tiers: [{name: All, min: 0, queue: all}]\n"
	const one = "criteria: [{name: a, dimension: x, field: employees, at_least: 1, points: 60}]\n"
	require.Len(t, parse(t, head+fields+one+tail).Fields, 3)

	expressions := docs(t, "### Expressions", "```\n")
	for line := range strings.Lines(expressions) {
		parse(t, head+fields+"  regulations: {type: list}\n"+"criteria:\n  - name: a\n    dimension: x\n    points: 1\n    when: >-\n      "+line+tail)
	}

	contacts := docs(t, "### Contacts", "```yaml\n")
	require.Equal(t, icp.BuyingCommittee, parse(t, head+contacts+tail).Criteria[1].Of)

	scale := docs(t, "### Scale", "```yaml\n")
	var criteria strings.Builder
	criteria.WriteString("criteria:\n")
	for _, d := range []string{"firmographics", "technographics", "needs"} {
		criteria.WriteString("  - {name: " + d + ", dimension: " + d + ", field: employees, at_least: 1, points: 60}\n")
	}
	require.Len(t, parse(t, head+scale+criteria.String()+tail).Scale.Dimensions, 3)

	matrix := docs(t, "### A matrix of two numbers", "```yaml\n")
	m := parse(t, head+matrix+"criteria:\n  - {name: a, dimension: x, field: employees, at_least: 1, points: 60}\n  - {name: b, dimension: engagement, signal: [website_visit], within: 9d, points: 40}\n")
	require.Equal(t, "First", m.TierOf(icp.Score{Fit: 60, Engagement: 40}).Name)
}

// TestShippedDocs holds that every model that is shipped has its section, with the
// tiers that it has.
func TestShippedDocs(t *testing.T) {
	t.Parallel()
	for _, name := range icp.Shipped() {
		section := docsSection(t, "### "+name)
		require.Contains(t, section, "*Published:*", name)
		require.Contains(t, section, "*Here:*", name)
	}
}

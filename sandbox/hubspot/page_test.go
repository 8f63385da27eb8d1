package hubspot

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/crm"
)

// shop has three companies: one scored with a task, one scored, one new.
func shop(t *testing.T) (b *bench, scored string) {
	t.Helper()
	b = setup(t, Options{})
	b.AddOwner("7001", "ann@acme.example", "Ann", "Lee")
	tier := &Property{Name: crm.TierProperty, Label: "ICP tier", GroupName: "sluice", Type: "enumeration"}
	for _, name := range []string{"Tier 1", "Tier 2", "Not a fit"} {
		tier.Options = append(tier.Options, Option{Label: name, Value: name})
	}
	b.objects[companies].schema[tier.Name] = tier
	scored = b.AddCompany("Acme <b>Ltd</b>", "acme.example", map[string]string{
		crm.ScoreProperty: "82", crm.TierProperty: "Tier 1", crm.QueueProperty: "sdr-outreach", crm.ReasonProperty: "SaaS & HubSpot", ownerProperty: "7001",
	})
	b.AddCompany("Bcme", "bcme.example", map[string]string{crm.ScoreProperty: "9", crm.TierProperty: "Not a fit"})
	b.AddCompany("Ccme", "ccme.example", nil)
	level := &Property{Name: crm.ContactLevelProperty, Type: "enumeration", Options: []Option{{Value: "Best fit"}, {Value: "Not a fit"}}}
	b.objects[contacts].schema[level.Name] = level
	for _, name := range []string{crm.ContactScoreProperty, crm.ContactReasonProperty} {
		b.objects[contacts].schema[name] = text(name, name)
	}
	for _, properties := range []map[string]string{
		{"firstname": "Bo", "lastname": "<i>Sun</i>", "jobtitle": "CEO & owner", crm.ContactScoreProperty: "41", crm.ContactLevelProperty: "Best fit", crm.ContactReasonProperty: "c-level & saas"},
		{"email": "new@acme.example"},
	} {
		_, err := b.AddContact(scored, properties)
		require.NoError(t, err)
	}
	status, answer := b.send(t, "POST", "/crm/objects/2026-09/tasks", `{"properties":{"hs_timestamp":"1795219200000","hs_task_subject":"Call Acme",
		"hs_task_body":"why &lt;now&gt;<script>x</script><br><br>sluice:k","hs_task_priority":"HIGH","hubspot_owner_id":"7001"},
		"associations":[{"to":{"id":"`+scored+`"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":192}]}]}`)
	require.Equal(t, http.StatusCreated, status, answer)
	return b, scored
}

func TestPages(t *testing.T) {
	t.Parallel()
	b, scored := shop(t)
	tests := []struct {
		name, path string
		want, not  []string
	}{
		{name: "all companies", path: "/", want: []string{"Acme &lt;b&gt;Ltd&lt;/b&gt;", "82", "badge t1", "sdr-outreach", "Ann Lee", "SaaS &amp; HubSpot", "Bcme", "badge last", "Ccme", "Not scored", "Call Acme"}},
		{name: "one tier", path: "/?tier=Tier+1", want: []string{"acme.example"}, not: []string{"bcme.example", "ccme.example"}},
		{name: "those without a tier", path: "/?tier=unscored", want: []string{"ccme.example"}, not: []string{"acme.example\"", "bcme.example"}},
		{name: "by name", path: "/?q=BCM", want: []string{"bcme.example"}, not: []string{"ccme.example", "Call Acme"}},
		{name: "nothing found", path: "/?q=%3Cscript%3E", want: []string{"No company matches", "&lt;script&gt;"}, not: []string{"<script"}},
		{name: "tasks", path: "/tasks", want: []string{"Call Acme", "high", "why &lt;now&gt;", "2026", "Ann Lee"}, not: []string{"<script", "sluice:k"}},
		{name: "tasks of nobody", path: "/tasks?owner=9", want: []string{"Nothing to do"}},
		{name: "a company", path: "/contacts/8100/record/0-2/" + scored, want: []string{"82", "Tier 1", "Call Acme", "ICP tier", "SaaS &amp; HubSpot"}, not: []string{"<script"}},
		{
			name: "its contacts, with level and reason", path: "/contacts/8100/record/0-2/" + scored,
			want: []string{"Bo &lt;i&gt;Sun&lt;/i&gt;", "CEO &amp; owner", `badge t1">Best fit`, "41", "c-level &amp; saas", "new@acme.example", "No job title", "Not scored"}, not: []string{"<i>"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, page := b.send(t, "GET", tt.path, "")
			require.Equal(t, http.StatusOK, status)
			for _, s := range tt.want {
				require.Contains(t, page, s)
			}
			for _, s := range tt.not {
				require.NotContains(t, page, s)
			}
			require.NotContains(t, page, "http", "no asset from elsewhere")
		})
	}
}

func TestPagesThatAreNotThere(t *testing.T) {
	t.Parallel()
	b, scored := shop(t)
	for _, path := range []string{"/nothing", "/contacts/8100/record/0-2/1", "/contacts/9/record/0-2/" + scored} {
		status, page := b.send(t, "GET", path, "")
		require.Equal(t, http.StatusNotFound, status, path)
		require.Contains(t, page, "All companies")
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	for i := range 120 {
		b.AddCompany(fmt.Sprintf("Company %03d", i), fmt.Sprintf("c%03d.example", i), nil)
	}
	seen := map[string]bool{}
	for page, rows := range map[string]int{"1": 50, "2": 50, "3": 20, "99": 20, "x": 50} {
		_, html := b.send(t, "GET", "/?sort=name&q=company&page="+page, "")
		require.Equal(t, rows, strings.Count(html, `role="rowheader"`), "page %s", page)
		for i := range 120 {
			if strings.Contains(html, fmt.Sprintf("c%03d.example", i)) {
				seen[fmt.Sprint(i)] = true
			}
		}
	}
	require.Len(t, seen, 120)
	_, html := b.send(t, "GET", "/?sort=name&page=2", "")
	require.Contains(t, html, `rel="prev" href="?page=1&amp;sort=name"`)
	require.Contains(t, html, `rel="next" href="?page=3&amp;sort=name"`)
}

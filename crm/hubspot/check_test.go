package hubspot_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
)

func TestCheckPropertiesComparesAndChangesNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s changes something", r.Method, r.URL.Path)
		}
		_, _ = io.WriteString(w, `{"results": [
			{"name": "icp_fit_score", "type": "number"},
			{"name": "icp_tier", "type": "enumeration", "options": [{"label": "Tier 1", "value": "Tier 1"}]},
			{"name": "icp_model", "type": "number"},
			{"name": "icp_reason", "type": "string", "calculated": true}
		]}`)
	}))
	defer server.Close()
	c, err := hubspot.New(hubspot.Config{BaseURL: server.URL, Token: "token", Portal: "8100", Rate: 1000})
	require.NoError(t, err)
	states, err := c.CheckProperties(t.Context(), []crm.Property{
		{Name: "icp_fit_score", Type: crm.NumberProperty},
		{Name: "icp_tier", Type: crm.ChoiceProperty, Options: []crm.Option{{Value: "Tier 1"}, {Value: "Tier 2"}}},
		{Name: "icp_model", Type: crm.TextProperty},
		{Name: "icp_reason", Type: crm.LongTextProperty},
		{Name: "sluice_queue", Type: crm.ChoiceProperty},
	})
	require.NoError(t, err)
	var got []string
	for _, s := range states {
		got = append(got, s.Name+" "+s.State)
	}
	require.Equal(t, []string{"icp_fit_score present", "icp_tier incomplete", "icp_model conflict", "icp_reason conflict", "sluice_queue missing"}, got)
	require.Equal(t, "lacks Tier 2", states[1].Note)
}

func TestLeftReadsWhatHubSpotSays(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	require.Empty(t, hubspot.Left(h), "searches say nothing")
	h.Set("X-HubSpot-RateLimit-Remaining", "12")
	h.Set("X-HubSpot-RateLimit-Daily-Remaining", "many")
	require.Equal(t, map[string]float64{"short": 12}, hubspot.Left(h))
}

package hubspot_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/outbound"
)

// createdAPI searches companies as HubSpot does: 200 a page, 10 000 in all.
type createdAPI struct {
	t         *testing.T
	companies int
	every     time.Duration // between one and the next, beginning at opened
}

func (a createdAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		FilterGroups []struct {
			Filters []struct{ PropertyName, Operator, Value string }
		}
		Sorts []struct{ PropertyName, Direction string }
		After string
		Limit int
	}
	assert.NoError(a.t, json.NewDecoder(r.Body).Decode(&body))
	assert.Equal(a.t, "/crm/objects/2026-09/companies/search", r.URL.Path)
	assert.Equal(a.t, "ASCENDING", body.Sorts[0].Direction)
	bound := func(i int, operator string) int64 {
		f := body.FilterGroups[0].Filters[i]
		assert.Equal(a.t, []string{"createdate", operator}, []string{f.PropertyName, f.Operator})
		ms, err := strconv.ParseInt(f.Value, 10, 64)
		assert.NoError(a.t, err)
		return ms
	}
	from, to := bound(0, "GTE"), bound(1, "LT")
	skip, _ := strconv.Atoi(body.After)
	assert.LessOrEqual(a.t, skip+body.Limit, 10_000, "HubSpot refuses to go further")
	matching, end := 0, skip+body.Limit
	var results []any
	for i := range a.companies {
		ms := opened.UnixMilli() + int64(time.Duration(i)*a.every/time.Millisecond)
		if ms < from || ms >= to {
			continue
		}
		if matching >= skip && matching < end {
			at := time.UnixMilli(ms).UTC()
			results = append(results, map[string]any{"id": strconv.Itoa(1000 + i), "properties": map[string]any{"createdate": at.Format("2006-01-02T15:04:05.000Z")}})
		}
		matching++
	}
	answer := map[string]any{"total": matching, "results": results}
	if end < matching {
		answer["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(end)}}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func createdSince(t *testing.T, api createdAPI, visit func(crm.Created) bool) error {
	t.Helper()
	api.t = t
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	c, err := hubspot.New(hubspot.Config{BaseURL: s.URL, Token: token, Portal: portal, Rate: 100_000, SearchRate: 100_000})
	require.NoError(t, err)
	return c.CompaniesSince(t.Context(), opened.Add(-time.Hour), opened.AddDate(1, 0, 0), visit)
}

// TestCompaniesSinceBeyondOneSearch holds that each of more companies than a search gives
// is visited once, also where the search ends between two of one moment.
func TestCompaniesSinceBeyondOneSearch(t *testing.T) {
	t.Parallel()
	for name, every := range map[string]time.Duration{"one a minute": time.Minute, "three a millisecond": time.Millisecond / 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, last := map[string]int{}, time.Time{}
			require.NoError(t, createdSince(t, createdAPI{companies: 10_450, every: every}, func(c crm.Created) bool {
				seen[c.Key.ID]++
				assert.False(t, c.At.Before(last))
				last = c.At
				return true
			}))
			require.Len(t, seen, 10_450)
			for id, n := range seen {
				require.Equal(t, 1, n, id)
			}
		})
	}
}

func TestCompaniesSinceGivesUpOnAMomentThatNoSearchCanLeave(t *testing.T) {
	t.Parallel()
	n := 0
	err := createdSince(t, createdAPI{companies: 10_001}, func(crm.Created) bool {
		n++
		return true
	})
	require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err))
	require.ErrorContains(t, err, "more companies were created at one moment")
	require.Equal(t, 10_000, n)
}

// TestVersions reads an answer as HubSpot documents it.
func TestVersions(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile(filepath.Join("testdata", "versions.json"))
	require.NoError(t, err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Properties, PropertiesWithHistory []string
			Inputs                            []struct{ ID string }
		}
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
		assert.Equal(t, []string{"icp_tier", "sluice_queue", "hubspot_owner_id"}, body.PropertiesWithHistory)
		assert.Empty(t, body.Properties)
		assert.Len(t, body.Inputs, 2)
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = w.Write(recorded)
	}))
	t.Cleanup(s.Close)
	c, err := hubspot.New(hubspot.Config{BaseURL: s.URL, Token: token, Portal: portal, Rate: 100_000})
	require.NoError(t, err)
	all, err := c.Versions(t.Context(), []account.Key{acme, c.Key("513")}, []string{crm.TierProperty, crm.QueueProperty, crm.OwnerProperty})
	require.NoError(t, err)
	day := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return at
	}
	require.Equal(t, map[account.Key]map[string][]crm.Version{acme: {
		crm.TierProperty: {
			{Value: "Tier 3", At: day("2026-11-21T10:15:30.25Z"), Source: "CRM_UI userId:4711", Person: true},
			{Value: "Tier 1", At: day("2026-11-20T09:00:00Z"), Source: "INTEGRATION 9"},
		},
		crm.QueueProperty: {{At: day("2026-11-20T09:30:00Z"), Source: "IMPORT ImportV4 31"}},
	}}, all)
}

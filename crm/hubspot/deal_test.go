package hubspot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
)

// dealsAPI answers as HubSpot documents its search, associations and batch reads.
type dealsAPI struct {
	t     *testing.T
	deals int // one a minute, beginning at opened
	mu    sync.Mutex
	calls map[string]int
}

var opened = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (a *dealsAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.calls[r.URL.Path]++
	a.mu.Unlock()
	var body struct {
		FilterGroups []struct {
			Filters []struct{ PropertyName, Operator, Value string }
		}
		After      string
		Inputs     []struct{ ID string }
		Properties []string
	}
	if r.Method == http.MethodPost {
		assert.NoError(a.t, json.NewDecoder(r.Body).Decode(&body))
	}
	answer := map[string]any{}
	switch r.URL.Path {
	case "/crm/properties/2026-09/companies":
		answer["results"] = []map[string]any{
			{"name": "numberofemployees", "hubspotDefined": true},
			{"name": "hs_num_open_deals", "hubspotDefined": true},
			{"name": "main_pain"},
			{"name": "margin", "calculated": true},
			{"name": crm.ScoreProperty},
		}
	case "/crm/objects/2026-09/deals/search":
		filters := body.FilterGroups[0].Filters
		assert.Equal(a.t, "hs_is_closed", filters[0].PropertyName)
		assert.Equal(a.t, "GTE", filters[1].Operator)
		answer = a.search(filters[1].Value, body.After)
	case "/crm/associations/2026-09/deals/companies/batch/read":
		assert.LessOrEqual(a.t, len(body.Inputs), 1000)
		var results []any
		for _, in := range body.Inputs {
			if in.ID != "9000003" { // one without a company is left out
				results = append(results, map[string]any{"from": map[string]string{"id": in.ID}, "to": []any{
					map[string]any{"toObjectId": 77, "associationTypes": []any{map[string]any{"category": "HUBSPOT_DEFINED", "typeId": 341}}},
					map[string]any{"toObjectId": 512, "associationTypes": []any{map[string]any{"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"}}},
				}})
			}
		}
		answer["results"] = results
	case "/crm/objects/2026-09/companies/batch/read":
		assert.Equal(a.t, []string{"main_pain", "numberofemployees"}, body.Properties)
		assert.Len(a.t, body.Inputs, 1, "each company once")
		answer["results"] = []any{map[string]any{"id": "512", "properties": map[string]any{"numberofemployees": "120", "main_pain": nil, "hs_object_id": "512"}}}
	default:
		a.t.Errorf("unexpected call of %s", r.URL.Path)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// search gives 200 a page and 10 000 in all.
func (a *dealsAPI) search(since, after string) map[string]any {
	from, err := strconv.ParseInt(since, 10, 64)
	assert.NoError(a.t, err)
	skip, _ := strconv.Atoi(after)
	assert.Less(a.t, skip, 10_000, "HubSpot refuses to go further")
	first := max(0, int(time.UnixMilli(from).Sub(opened)/time.Minute)) + skip
	var results []any
	for i := first; i < min(first+200, a.deals); i++ {
		results = append(results, map[string]any{"id": strconv.Itoa(9_000_000 + i), "properties": map[string]any{
			"closedate": opened.Add(time.Duration(i) * time.Minute).Format("2006-01-02T15:04:05.000Z"), "hs_is_closed": "true", "hs_is_closed_won": fmt.Sprint(i%2 == 0), "amount": nil,
		}})
	}
	answer := map[string]any{"total": a.deals, "results": results}
	if first+200 < a.deals {
		answer["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(skip + 200)}}
	}
	return answer
}

func closedDeals(t *testing.T, deals int) ([]crm.Deal, *dealsAPI) {
	api := &dealsAPI{t: t, deals: deals, calls: map[string]int{}}
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	c, err := hubspot.New(hubspot.Config{BaseURL: s.URL, Token: token, Portal: portal, Rate: 100_000, SearchRate: 100_000})
	require.NoError(t, err)
	got, err := c.ClosedDeals(t.Context(), opened.Add(-time.Hour))
	require.NoError(t, err)
	return got, api
}

func TestClosedDeals(t *testing.T) {
	t.Parallel()
	got, _ := closedDeals(t, 5)
	require.Len(t, got, 5)
	require.Equal(t, crm.Deal{ID: "9000000", Company: acme, Won: true, ClosedAt: opened, About: map[string]string{"employees": "120"}}, got[0])
	require.False(t, got[1].Won)
	require.True(t, got[3].Company.IsZero())
	require.Empty(t, got[3].About)
}

// TestClosedDealsBeyondOneSearch holds that each of more deals than a search gives is
// read once.
func TestClosedDealsBeyondOneSearch(t *testing.T) {
	t.Parallel()
	got, api := closedDeals(t, 10_450)
	require.Len(t, got, 10_450)
	seen := map[string]bool{}
	for _, d := range got {
		seen[d.ID] = true
	}
	require.Len(t, seen, 10_450)
	require.Equal(t, 11, api.calls["/crm/associations/2026-09/deals/companies/batch/read"])
	require.Equal(t, 1, api.calls["/crm/objects/2026-09/companies/batch/read"])
}

func TestNoClosedDeals(t *testing.T) {
	t.Parallel()
	got, api := closedDeals(t, 0)
	require.Empty(t, got)
	require.Zero(t, api.calls["/crm/associations/2026-09/deals/companies/batch/read"])
}

func TestChangedDealsAsHubSpotWritesThem(t *testing.T) {
	t.Parallel()
	rec, c := answering(t, http.StatusOK, nil, "deals.json")
	since := time.Date(2026, 5, 20, 10, 0, 3, 120e6, time.UTC)
	page, err := c.ChangedDeals(t.Context(), crm.DealCursor{Since: since, After: 200})
	require.NoError(t, err)
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return parsed
	}
	changed := at("2026-05-20T10:00:05Z")
	require.Equal(t, []crm.Deal{
		{ID: "9000001", OpenedAt: at("2026-04-01T08:00:00.5Z"), ClosedAt: at("2026-05-20T10:00:00Z"), Won: true, Amount: "1250.75", Kind: crm.NewDeal, Stage: "closedwon", ChangedAt: since},
		{ID: "9000002", OpenedAt: at("2026-04-02T08:00:00Z"), Kind: crm.ExpansionDeal, Stage: "12345", ChangedAt: at("2026-05-20T10:00:04Z")},
		{ID: "9000003", OpenedAt: at("2026-04-03T08:00:00Z"), ClosedAt: changed, Amount: "7", Stage: "closedlost", ChangedAt: changed},
		{ID: "9000004", OpenedAt: at("2026-04-03T08:00:00Z"), ClosedAt: at("2026-05-20T10:00:00Z"), Kind: crm.ExistingDeal, ChangedAt: changed},
	}, page.Deals)
	require.Equal(t, []any{crm.DealCursor{Since: changed}, true}, []any{page.Next, page.More})

	var asked struct {
		FilterGroups []struct{ Filters []map[string]string }
		Sorts        []map[string]string
		Properties   []string
		After        string
		Limit        int
	}
	require.Equal(t, "/crm/objects/2026-09/deals/search", rec.asked[0].URL.Path)
	require.NoError(t, json.Unmarshal([]byte(rec.bodies[0]), &asked))
	require.Equal(t, map[string]string{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1779271203120"}, asked.FilterGroups[0].Filters[0])
	require.Equal(t, map[string]string{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}, asked.Sorts[0])
	require.Equal(t, []any{"200", 200}, []any{asked.After, asked.Limit})
	require.Contains(t, asked.Properties, "hs_is_closed_won")
	for _, personal := range []string{"dealname", "hubspot_owner_id", "description"} {
		require.NotContains(t, asked.Properties, personal)
	}
}

// TestMoreDealsOfOneMomentThanASearchGives is an error rather than a reading that lacks some.
func TestMoreDealsOfOneMomentThanASearchGives(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		results := []map[string]any{}
		for i := range 200 {
			results = append(results, map[string]any{"id": strconv.Itoa(1 + i), "properties": map[string]string{
				"hs_lastmodifieddate": "2026-05-20T10:00:00Z", "createdate": "2026-05-20T10:00:00Z", "hs_is_closed": "false",
			}})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"results": results, "paging": map[string]any{"next": map[string]string{"after": "x"}}})
	}))
	t.Cleanup(s.Close)
	c, err := hubspot.New(hubspot.Config{BaseURL: s.URL, Token: token, Portal: portal, Rate: 100_000, SearchRate: 100_000})
	require.NoError(t, err)
	page := crm.DealPage{Next: crm.DealCursor{Since: moment}}
	for range 49 {
		page, err = c.ChangedDeals(t.Context(), page.Next)
		require.NoError(t, err)
	}
	require.Equal(t, crm.DealCursor{Since: moment, After: 9800}, page.Next)
	_, err = c.ChangedDeals(t.Context(), page.Next)
	require.ErrorContains(t, err, "more deals have one hs_lastmodifieddate than a search gives")
}

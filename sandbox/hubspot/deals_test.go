package hubspot

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDealsAreEnteredAndDeletedByHand(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	company := b.AddCompany("Acme", "acme.example", nil)
	status, answer := b.send(t, "POST", "/_crm/companies/"+company+"/deals",
		`{"type": "renewal", "opened_at": "2026-07-10T09:00:00Z", "closed_at": "2026-08-21T09:00:00Z", "won": true, "amount": 12000}`)
	require.Equal(t, http.StatusCreated, status, answer)
	var made struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(answer), &made))
	const all = `{"properties": ["createdate", "closedate", "amount", "dealtype", "dealstage", "hs_is_closed", "hs_is_closed_won"]}`
	status, answer = b.send(t, "POST", "/crm/objects/2026-09/deals/search", all)
	require.Equal(t, http.StatusOK, status)
	for _, part := range []string{
		`"createdate":"2026-07-10T09:00:00.000Z"`, `"closedate":"2026-08-21T09:00:00Z"`, `"amount":"12000"`, `"dealtype":"renewal"`,
		`"dealstage":"closedwon"`, `"hs_is_closed":"true"`, `"hs_is_closed_won":"true"`, `"id":"` + made.ID + `"`,
	} {
		require.Contains(t, answer, part)
	}
	status, _ = b.send(t, "POST", "/_crm/companies/1/deals", `{}`)
	require.Equal(t, http.StatusNotFound, status)
	status, _ = b.send(t, "POST", "/_crm/companies/"+company+"/deals", `{"name": "x"}`)
	require.Equal(t, http.StatusBadRequest, status)
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		status, _ = b.send(t, "DELETE", "/_crm/deals/"+made.ID, "")
		require.Equal(t, want, status)
	}
	_, answer = b.send(t, "POST", "/crm/objects/2026-09/deals/search", all)
	require.Contains(t, answer, `"total":0`)
}

func TestADealThatChangesMovesToTheEndOfASearchByItsChange(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var ids []string
	for i := range 3 {
		id, err := b.AddDeal("", Deal{OpenedAt: day, Changed: day.AddDate(0, 0, i)})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	require.NoError(t, b.ChangeDeal(ids[0], Deal{OpenedAt: day, Expected: day.AddDate(1, 0, 0), Changed: day.AddDate(0, 0, 9)}))
	require.Error(t, b.ChangeDeal("1", Deal{}))
	_, answer := b.send(t, "POST", "/crm/objects/2026-09/deals/search", `{"sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}], "properties": ["hs_is_closed", "closedate"]}`)
	var found struct {
		Results []struct {
			ID         string
			Properties map[string]*string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &found))
	require.Equal(t, []string{ids[1], ids[2], ids[0]}, []string{found.Results[0].ID, found.Results[1].ID, found.Results[2].ID})
	require.Equal(t, "false", *found.Results[2].Properties["hs_is_closed"])
	require.Equal(t, "2027-05-01T00:00:00Z", *found.Results[2].Properties["closedate"], "which is hoped for")
	require.Nil(t, found.Results[0].Properties["closedate"])
}

package hubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// town is an account where everybody works at acme.example.
func town(t *testing.T) (b *bench, company string) {
	t.Helper()
	b = setup(t, Options{People: func(domain string) []map[string]string {
		if domain != "acme.example" {
			return nil
		}
		return []map[string]string{{"jobtitle": "CEO", "email": "a@acme.example"}, {"jobtitle": "Engineer"}}
	}})
	return b, b.AddCompany("Acme", "acme.example", nil)
}

const batchUpdate = "/crm/objects/2026-09/contacts/batch/update"

func TestPeopleAreThereWhenSomebodyLooks(t *testing.T) {
	t.Parallel()
	b, company := town(t)
	for range 2 {
		status, answer := b.send(t, "GET", "/crm/objects/2026-09/companies/"+company+"/associations/contacts", "")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 2, strings.Count(answer, "toObjectId"))
		require.Equal(t, 2, strings.Count(answer, "Primary"))
	}
	people := b.Contacts(company)
	require.Len(t, people, 2)
	require.Equal(t, company, people[0].CompanyID)
	require.Empty(t, b.Contacts(b.AddCompany("Bcme", "bcme.example", nil)))
	require.Nil(t, b.Contacts("1"))
	status, answer := b.send(t, "GET", "/_crm/companies/"+company+"/contacts", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, answer, "a@acme.example")
}

func TestContactsMoveWithTheirCompany(t *testing.T) {
	t.Parallel()
	b, company := town(t)
	other := b.AddCompany("Bcme", "bcme.example", nil)
	id := b.Contacts(company)[0].ID
	require.NoError(t, b.ShareContact(id, other))
	require.Len(t, b.Contacts(other), 1)
	require.Equal(t, company, b.Contacts(other)[0].CompanyID, "its primary one stays")
	require.NoError(t, b.MoveContact(id, other))
	require.Equal(t, other, b.Contacts(other)[0].CompanyID)
	require.Len(t, b.Contacts(company), 1)
	require.NoError(t, b.Merge(company, other))
	require.Len(t, b.Contacts(company), 2)
	for _, c := range b.Contacts(company) {
		require.Equal(t, company, c.CompanyID)
	}
	require.True(t, b.RemoveContact(id))
	require.False(t, b.RemoveContact(id))
	require.Len(t, b.Contacts(company), 1)
	last := b.Contacts(company)[0].ID
	require.True(t, b.RemoveCompany(company))
	_, answer := b.send(t, "POST", "/crm/objects/2026-09/contacts/batch/read", `{"properties":["associatedcompanyid"],"inputs":[{"id":"`+last+`"}]}`)
	require.Contains(t, answer, `"associatedcompanyid":null`)
}

func TestContactsAreStrict(t *testing.T) {
	t.Parallel()
	b, company := town(t)
	id := b.Contacts(company)[0].ID
	tests := []struct {
		name, method, path, body string
		want                     int
		wantIn                   string
	}{
		{name: "a batch", method: "POST", path: batchUpdate, body: `{"inputs":[{"id":"` + id + `","properties":{"jobtitle":"CTO"}}]}`, want: 200, wantIn: "COMPLETE"},
		{name: "a batch with somebody who is not there", method: "POST", path: batchUpdate, body: `{"inputs":[{"id":"` + id + `","properties":{"jobtitle":"CTO"}},{"id":"1","properties":{"jobtitle":"x"}}]}`, want: 207, wantIn: `"ids":["1"]`},
		{name: "a batch with one wrong value", method: "POST", path: batchUpdate, body: `{"inputs":[{"id":"` + id + `","properties":{"hs_seniority":"boss"}}]}`, want: 400, wantIn: "INVALID_OPTION"},
		{name: "an unknown property", method: "POST", path: batchUpdate, body: `{"inputs":[{"id":"` + id + `","properties":{"icp_contact_score":"1"}}]}`, want: 400, wantIn: "PROPERTY_DOESNT_EXIST"},
		{name: "one contact twice", method: "POST", path: batchUpdate, body: `{"inputs":[{"id":"` + id + `","properties":{"jobtitle":"x"}},{"id":"` + id + `","properties":{"jobtitle":"x"}}]}`, want: 400, wantIn: "Duplicate"},
		{name: "a batch of 101", method: "POST", path: batchUpdate, body: `{"inputs":[` + strings.Repeat(`{"id":"1","properties":{"jobtitle":"x"}},`, 100) + `{"id":"2","properties":{"jobtitle":"x"}}]}`, want: 400},
		{name: "an empty batch", method: "POST", path: batchUpdate, body: `{"inputs":[]}`, want: 400},
		{name: "several buying roles", method: "PATCH", path: "/crm/objects/2026-09/0-1/" + id, body: `{"properties":{"hs_buying_role":"CHAMPION;INFLUENCER"}}`, want: 200},
		{name: "a buying role of our own", method: "PATCH", path: "/crm/objects/2026-09/contacts/" + id, body: `{"properties":{"hs_buying_role":"CHAMPION;BOSS"}}`, want: 400, wantIn: "INVALID_OPTION"},
		{name: "the company of a contact", method: "PATCH", path: "/crm/objects/2026-09/contacts/" + id, body: `{"properties":{"associatedcompanyid":"1"}}`, want: 400, wantIn: "READ_ONLY_VALUE"},
		{name: "a new contact", method: "POST", path: "/crm/objects/2026-09/contacts", body: `{"properties":{"jobtitle":"CEO"}}`, want: 400, wantIn: "not created here"},
		{name: "a property of contacts in the group of companies", method: "POST", path: "/crm/properties/2026-09/contacts", body: `{"name":"x","label":"X","groupName":"companyinformation","type":"string","fieldType":"text"}`, want: 400},
		{name: "a search", method: "POST", path: "/crm/objects/2026-09/contacts/search", body: `{"filterGroups":[{"filters":[{"propertyName":"associatedcompanyid","operator":"EQ","value":"` + company + `"}]}]}`, want: 200, wantIn: `"total":2`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := b.send(t, tt.method, tt.path, tt.body)
			require.Equal(t, tt.want, status, answer)
			require.Contains(t, answer, tt.wantIn)
		})
	}
	written := 0
	for _, w := range b.Ledger().Writes {
		require.Equal(t, []any{contacts, id, company}, []any{w.Object, w.ID, w.CompanyID}, "a batch is a write to each of its records")
		written++
	}
	require.Equal(t, 3, written)
}

func TestContactsWithoutTheirScope(t *testing.T) {
	t.Parallel()
	b, company := town(t)
	b.DenyContacts(true)
	for _, path := range []string{"/crm/objects/2026-09/companies/" + company + "/associations/contacts", "/crm/properties/2026-09/contacts"} {
		status, answer := b.send(t, "GET", path, "")
		require.Equal(t, http.StatusForbidden, status)
		require.Contains(t, answer, "MISSING_SCOPES")
	}
	status, _ := b.send(t, "GET", "/crm/objects/2026-09/companies/"+company, "")
	require.Equal(t, http.StatusOK, status)
}

func TestABatchWhoseAnswerIsLostIsInTheLedger(t *testing.T) {
	t.Parallel()
	b, company := town(t)
	require.NoError(t, b.faults.Set(Service, fault.Fault{LostAnswerRate: 1}))
	var inputs []string
	for _, c := range b.Contacts(company) {
		inputs = append(inputs, fmt.Sprintf(`{"id":%q,"properties":{"jobtitle":"x"}}`, c.ID))
	}
	status, _ := b.send(t, "POST", batchUpdate, `{"inputs":[`+strings.Join(inputs, ",")+`]}`)
	require.Zero(t, status)
	require.Equal(t, 2, b.Ledger().Lost())
	text, err := json.Marshal(b.Contacts(company))
	require.NoError(t, err)
	require.Contains(t, string(text), `"x"`)
}

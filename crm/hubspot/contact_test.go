package hubspot_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	sandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

// TestContactStatements reads HubSpot's own properties of a contact.
func TestContactStatements(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	tests := []struct {
		name           string
		give           map[string]string
		wantLevel      string
		wantDepartment string
		wantBudget     *bool
	}{
		{name: "nothing", give: map[string]string{"jobtitle": "CEO"}},
		{name: "an executive in marketing", give: map[string]string{"hs_seniority": "executive", "hs_role": "marketing"}, wantLevel: "c-level", wantDepartment: "marketing"},
		{name: "an owner", give: map[string]string{"hs_seniority": "owner"}, wantLevel: "c-level"},
		{name: "a partner", give: map[string]string{"hs_seniority": "partner"}, wantLevel: "c-level"},
		{name: "a director", give: map[string]string{"hs_seniority": "director"}, wantLevel: "director"},
		{name: "a senior leads nobody", give: map[string]string{"hs_seniority": "senior"}, wantLevel: "staff"},
		{name: "the finer role counts", give: map[string]string{"hs_role": "consulting", "hs_sub_role": "account_manager"}, wantDepartment: "sales"},
		{name: "a finer role that says nothing", give: map[string]string{"hs_role": "information_technology", "hs_sub_role": "other"}, wantDepartment: "it"},
		{name: "a role that means nothing to us", give: map[string]string{"hs_role": "military_and_protective_services"}},
		{name: "one who decides", give: map[string]string{"hs_buying_role": "CHAMPION;DECISION_MAKER"}, wantBudget: &yes},
		{name: "one who holds the budget", give: map[string]string{"hs_buying_role": "BUDGET_HOLDER"}, wantBudget: &yes},
		{name: "one who does not", give: map[string]string{"hs_buying_role": "END_USER;INFLUENCER"}, wantBudget: &no},
		{name: "a sponsor may or may not", give: map[string]string{"hs_buying_role": "EXECUTIVE_SPONSOR;CHAMPION"}},
		{name: "other says nothing", give: map[string]string{"hs_buying_role": "OTHER"}},
	}
	s := newServer(t, sandbox.Options{})
	c := s.client(t, token)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			company := s.AddCompany("Acme", "acme.example", nil)
			_, err := s.CRM.AddContact(company.ID, tt.give)
			require.NoError(t, err)
			contacts, _, err := c.Contacts(t.Context(), company, 10)
			require.NoError(t, err)
			require.Len(t, contacts, 1)
			require.Equal(t, tt.wantLevel, contacts[0].ManagementLevel)
			require.Equal(t, tt.wantDepartment, contacts[0].Department)
			require.Equal(t, tt.wantBudget, contacts[0].BudgetAuthority)
		})
	}
}

func TestContactsAreAskedForWithoutNamesAndAddresses(t *testing.T) {
	t.Parallel()
	rec, c := answering(t, http.StatusOK, nil, "contacts.json")
	contacts, more, err := c.Contacts(t.Context(), acme, 1)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, contacts, 1)
	require.Equal(t, "VP Sales", contacts[0].JobTitle)
	require.Equal(t, "2", rec.asked[0].URL.Query().Get("limit"), "one more than wanted, to know whether there are more")
	require.Equal(t, "/crm/objects/2026-09/companies/512/associations/contacts", rec.asked[0].URL.Path)
	var body struct{ Properties []string }
	require.NoError(t, json.Unmarshal([]byte(rec.bodies[1]), &body))
	require.Equal(t, []string{
		"jobtitle", "hs_seniority", "hs_role", "hs_sub_role", "hs_buying_role", "associatedcompanyid",
		crm.ContactScoreProperty, crm.ContactLevelProperty, crm.ContactReasonProperty, crm.ContactModelProperty,
	}, body.Properties)
}

// TestABatchThatIsRefusedWholeIsHalved has a contact that breaks a rule of the account's
// admin: HubSpot then refuses the whole batch.
func TestABatchThatIsRefusedWholeIsHalved(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		sent, _ := io.ReadAll(r.Body)
		if strings.Contains(string(sent), `"id":"113"`) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"status":"error","message":"canary","category":"VALIDATION_ERROR","errors":[{"code":"REQUIRED_BY_RULE","context":{"propertyName":["loss_reason"]}}]}`)
			return
		}
		var body struct{ Inputs []struct{ ID string } }
		_ = json.Unmarshal(sent, &body)
		results := make([]string, len(body.Inputs))
		for i, in := range body.Inputs {
			results[i] = fmt.Sprintf(`{"id":%q,"properties":{}}`, in.ID)
		}
		_, _ = io.WriteString(w, `{"status":"COMPLETE","results":[`+strings.Join(results, ",")+`]}`)
	}))
	t.Cleanup(s.Close)
	c, err := hubspot.New(hubspot.Config{BaseURL: s.URL, Token: token, Portal: portal, Rate: 1000, SearchRate: 1000})
	require.NoError(t, err)
	writes := make([]crm.ContactWrite, 16)
	for i := range writes {
		writes[i] = crm.ContactWrite{ID: fmt.Sprint(100 + i), Properties: map[string]string{crm.ContactScoreProperty: "1"}}
	}
	done, err := c.UpdateContacts(t.Context(), writes)
	require.NoError(t, err)
	require.Len(t, done, 16)
	for _, d := range done {
		if d.ID == "113" {
			require.Equal(t, "VALIDATION_ERROR REQUIRED_BY_RULE in loss_reason", d.Refused)
			continue
		}
		require.Empty(t, d.Refused, d.ID)
	}
	require.Equal(t, int64(9), calls.Load(), "two for each halving, and the first")
}

package hubspot

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// bench is an account behind its switch.
type bench struct {
	*CRM
	faults *fault.Switch
	url    string
}

func setup(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{CRM: New(o), faults: fault.New(1)}
	mux := http.NewServeMux()
	mux.Handle("/", b.Page())
	mux.Handle("/_crm/", b.Admin())
	mux.Handle("/crm/", b.Behind(b.faults))
	mux.Handle("/account-info/", b.Behind(b.faults))
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		b.faults.Close()
		s.Close()
	})
	b.url = s.URL
	return b
}

// send makes a call and returns what came back; status 0 when nothing did.
func (b *bench) send(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer pat")
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r) // follows and repeats nothing
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(all)
}

func TestStrict(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Token: "pat"})
	b.AddOwner("7001", "ann@acme.example", "Ann", "Lee")
	b.AddArchivedOwner("7002", "left@acme.example", "Was", "Here")
	id := b.AddCompany("Acme", "acme.example", nil)
	tests := []struct {
		name, method, path, body string
		want                     int
		wantIn                   string
	}{
		{name: "another version", method: "GET", path: "/crm/objects/2026-03/companies/" + id, want: 404, wantIn: "<html>"},
		{name: "a path of old", method: "GET", path: "/crm/v3/objects/companies/" + id, want: 404, wantIn: "<html>"},
		{name: "no such company", method: "GET", path: "/crm/objects/2026-09/companies/1", want: 404, wantIn: "OBJECT_NOT_FOUND"},
		{name: "by type id", method: "GET", path: "/crm/objects/2026-09/0-2/" + id, want: 200, wantIn: "acme.example"},
		{name: "a type that is not kept", method: "GET", path: "/crm/objects/2026-09/tickets/" + id, want: 400, wantIn: "object type"},
		{name: "an unknown property", method: "PATCH", path: "/crm/objects/2026-09/companies/" + id, body: `{"properties":{"icp_tier":"Tier 1"}}`, want: 400, wantIn: "PROPERTY_DOESNT_EXIST"},
		{name: "a number that is none", method: "PATCH", path: "/crm/objects/2026-09/companies/" + id, body: `{"properties":{"numberofemployees":"1,200"}}`, want: 400, wantIn: "INVALID_INTEGER"},
		{name: "a read-only property", method: "PATCH", path: "/crm/objects/2026-09/companies/" + id, body: `{"properties":{"createdate":"1"}}`, want: 400, wantIn: "READ_ONLY_VALUE"},
		{name: "an owner who has left", method: "PATCH", path: "/crm/objects/2026-09/companies/" + id, body: `{"properties":{"hubspot_owner_id":"7002"}}`, want: 400, wantIn: "INVALID_OWNER_ID"},
		{name: "an owner", method: "PATCH", path: "/crm/objects/2026-09/companies/" + id, body: `{"properties":{"hubspot_owner_id":"7001"}}`, want: 200},
		{name: "nothing to write", method: "PATCH", path: "/crm/objects/2026-09/companies/" + id, body: `{}`, want: 400},
		{name: "half of a body", method: "PATCH", path: "/crm/objects/2026-09/companies/" + id, body: `{"prop`, want: 400, wantIn: "Invalid input JSON"},
		{name: "a note without time", method: "POST", path: "/crm/objects/2026-09/notes", body: `{"properties":{"hs_note_body":"x"}}`, want: 400, wantIn: "hs_timestamp"},
		{
			name: "a note with a task's association", method: "POST", path: "/crm/objects/2026-09/notes",
			body: `{"properties":{"hs_timestamp":"1"},"associations":[{"to":{"id":"` + id + `"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":192}]}]}`, want: 400, wantIn: "association type",
		},
		{
			name: "a note on nothing", method: "POST", path: "/crm/objects/2026-09/notes",
			body: `{"properties":{"hs_timestamp":"1"},"associations":[{"to":{"id":"1"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":190}]}]}`, want: 404,
		},
		{name: "a note that is too long", method: "POST", path: "/crm/objects/2026-09/notes", body: `{"properties":{"hs_timestamp":"1","hs_note_body":"` + strings.Repeat("x", 65537) + `"}}`, want: 400, wantIn: "TOO_LONG"},
		{name: "a priority of our own", method: "POST", path: "/crm/objects/2026-09/tasks", body: `{"properties":{"hs_timestamp":"1","hs_task_priority":"high"}}`, want: 400, wantIn: "INVALID_OPTION"},
		{name: "a batch of 101", method: "POST", path: "/crm/objects/2026-09/notes/batch/read", body: `{"inputs":[` + strings.Repeat(`{"id":"1"},`, 100) + `{"id":"1"}]}`, want: 400},
		{name: "a batch of strangers", method: "POST", path: "/crm/objects/2026-09/notes/batch/read", body: `{"inputs":[{"id":"1"}]}`, want: 207, wantIn: "OBJECT_NOT_FOUND"},
		{name: "a search for an unknown property", method: "POST", path: "/crm/objects/2026-09/companies/search", body: `{"filterGroups":[{"filters":[{"propertyName":"x","operator":"EQ","value":"y"}]}]}`, want: 400},
		{name: "a search for too much", method: "POST", path: "/crm/objects/2026-09/companies/search", body: `{"limit":201}`, want: 400},
		{name: "a search too far", method: "POST", path: "/crm/objects/2026-09/companies/search", body: `{"limit":200,"after":"9900"}`, want: 400},
		{name: "a property without group", method: "POST", path: "/crm/properties/2026-09/companies", body: `{"name":"x","label":"X","groupName":"sluice","type":"string","fieldType":"text"}`, want: 400},
		{name: "a property with a strange pair", method: "POST", path: "/crm/properties/2026-09/companies", body: `{"name":"x","label":"X","groupName":"companyinformation","type":"number","fieldType":"text"}`, want: 400},
		{name: "a property that is there", method: "POST", path: "/crm/properties/2026-09/companies", body: `{"name":"name","label":"X","groupName":"companyinformation","type":"string","fieldType":"text"}`, want: 409},
		{name: "a group that is there", method: "POST", path: "/crm/properties/2026-09/companies/groups", body: `{"name":"companyinformation","label":"X"}`, want: 409},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, answer := b.send(t, tt.method, tt.path, tt.body)
			require.Equal(t, tt.want, status, answer)
			require.Contains(t, answer, tt.wantIn)
		})
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Token: "other"})
	status, answer := b.send(t, "GET", "/crm/owners/2026-09", "")
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, answer, "INVALID_AUTHENTICATION")
}

func TestSearchLagsBehindAndAssociationsDoNot(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	b := setup(t, Options{SearchLag: 10 * time.Second, Now: func() time.Time { return now }})
	id := b.AddCompany("Acme", "acme.example", nil)
	search := `{"filterGroups":[{"filters":[{"propertyName":"domain","operator":"EQ","value":"acme.example"}]}]}`
	_, answer := b.send(t, "POST", "/crm/objects/2026-09/companies/search", search)
	require.Contains(t, answer, `"total":0`)
	status, _ := b.send(t, "POST", "/crm/objects/2026-09/notes", noteOn(id))
	require.Equal(t, http.StatusCreated, status)
	_, answer = b.send(t, "GET", "/crm/objects/2026-09/companies/"+id+"/associations/notes", "")
	require.Contains(t, answer, "toObjectId")

	now = now.Add(10 * time.Second)
	_, answer = b.send(t, "POST", "/crm/objects/2026-09/companies/search", search)
	require.Contains(t, answer, `"total":1`)
}

func noteOn(companyID string) string {
	return `{"properties":{"hs_timestamp":"1795219200000","hs_note_body":"why<br><br>sluice:hubspot/8100/` + companyID + `/note"},
		"associations":[{"to":{"id":"` + companyID + `"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":190}]}]}`
}

func TestLedger(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	b.AddOwner("7001", "ann@acme.example", "Ann", "Lee")
	b.AddOwner("7002", "bo@acme.example", "Bo", "Ito")
	id := b.AddCompany("Acme", "acme.example", nil)
	require.NoError(t, b.faults.Set(Service, fault.Fault{LostAnswerRate: 1}))
	status, _ := b.send(t, "POST", "/crm/objects/2026-09/notes", noteOn(id))
	require.Zero(t, status, "the answer is lost")
	require.NoError(t, b.faults.Clear(Service))
	require.Empty(t, b.Ledger().Duplicates())
	status, _ = b.send(t, "POST", "/crm/objects/2026-09/notes", noteOn(id))
	require.Equal(t, http.StatusCreated, status)
	for _, owner := range []string{"7001", "7001", "7002"} {
		status, _ = b.send(t, "PATCH", "/crm/objects/2026-09/companies/"+id, `{"properties":{"hubspot_owner_id":"`+owner+`"}}`)
		require.Equal(t, http.StatusOK, status)
	}

	l := b.Ledger()
	key := "sluice:hubspot/8100/" + id + "/note"
	require.Equal(t, map[string]int{key: 2}, l.Duplicates())
	require.Equal(t, 2, l.Created("notes"))
	require.Equal(t, map[string][]string{id: {"7001", "7002"}}, l.OwnerChanges())
	require.Equal(t, map[string]int{"POST notes": 2, "PATCH companies": 3}, l.Counts())
	require.True(t, l.Writes[0].AnswerLost)
	require.False(t, l.Writes[1].AnswerLost)
	require.Equal(t, 1, l.Lost())
	require.Equal(t, id, l.Writes[0].CompanyID)

	b.ResetLedger()
	require.Empty(t, b.Ledger().Writes)
	require.Len(t, b.Snapshot().Notes, 2)
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	var got []Event
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var events []Event
		_ = json.NewDecoder(r.Body).Decode(&events)
		got = append(got, events...)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(app.Close)
	b := setup(t, Options{})
	status, _ := b.send(t, "PUT", "/_crm/target", `{"url":"`+app.URL+`","secret":"s"}`)
	require.Equal(t, http.StatusNoContent, status)

	status, answer := b.send(t, "POST", "/_crm/companies", `{"name":"Acme","domain":"acme.example","properties":{"city":"Leipzig"}}`)
	require.Equal(t, http.StatusCreated, status)
	var made struct {
		ID      string
		Page    string
		Webhook struct{ Status int }
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &made))
	require.Equal(t, http.StatusNoContent, made.Webhook.Status)
	require.Equal(t, "object.creation", got[0].SubscriptionType)
	require.Equal(t, wireID(made.ID), got[0].ObjectID)

	status, _ = b.send(t, "POST", "/_crm/companies/"+made.ID+"/properties", `{"domain":"acme2.example"}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "domain", got[1].PropertyName)
	require.Empty(t, b.Ledger().Writes, "people are not in the ledger")
	status, _ = b.send(t, "GET", made.Page, "")
	require.Equal(t, http.StatusOK, status)

	for path, body := range map[string]string{
		"/_crm/companies": `{"title":"Acme"}`,
		"/_crm/companies/" + made.ID + "/properties":  `{"never_set_up":"x"}`,
		"/_crm/companies/" + made.ID + "9/properties": `{"name":"x"}`,
	} {
		status, answer = b.send(t, "POST", path, body)
		require.GreaterOrEqual(t, status, 400)
		require.Contains(t, answer, "error")
	}
	status, _ = b.send(t, "DELETE", "/_crm/companies/"+made.ID, "")
	require.Equal(t, http.StatusNoContent, status)
	status, _ = b.send(t, "DELETE", "/_crm/state", "")
	require.Equal(t, http.StatusNoContent, status)
	_, answer = b.send(t, "GET", "/_crm/state", "")
	require.Contains(t, answer, `"companies":[]`)
}

func TestTaskIsReadWrittenAndTickedOff(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	id := b.AddCompany("Acme", "acme.example", nil)
	status, answer := b.send(t, "POST", "/crm/objects/2026-09/tasks", `{"properties":{"hs_timestamp":"1795219200000","hs_task_subject":"Call Acme",
		"hs_task_body":"why<br><br>sluice:k/task","hs_task_status":"NOT_STARTED"},
		"associations":[{"to":{"id":"`+id+`"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":192}]}]}`)
	require.Equal(t, http.StatusCreated, status, answer)
	task := b.Snapshot().Tasks[0]
	path := "/crm/objects/2026-09/tasks/" + task.ID

	_, answer = b.send(t, "GET", path+"?properties=hs_task_status,hs_task_body", "")
	require.Contains(t, answer, `"hs_task_status":"NOT_STARTED"`)
	require.Contains(t, answer, `why\u003cbr\u003e`)
	status, _ = b.send(t, "PATCH", path, `{"properties":{"hs_task_body":"why<br>and more<br><br>sluice:k/task"}}`)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, b.Snapshot().Tasks[0].Body, "and more")
	require.Equal(t, "sluice:k/task", b.Snapshot().Tasks[0].Key)

	writes := len(b.Ledger().Writes)
	status, _ = b.send(t, "PUT", "/_crm/tasks/"+task.ID+"/complete", "")
	require.Equal(t, http.StatusNoContent, status)
	status, _ = b.send(t, "PUT", "/_crm/tasks/1/complete", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Len(t, b.Ledger().Writes, writes, "people are not in the ledger")
	require.False(t, b.Snapshot().Tasks[0].Open())
	_, answer = b.send(t, "POST", "/crm/objects/2026-09/tasks/batch/read", `{"properties":["hs_task_status"],"inputs":[{"id":"`+task.ID+`"}]}`)
	require.Contains(t, answer, `"hs_task_status":"COMPLETED"`)
	_, answer = b.send(t, "POST", "/crm/associations/2026-09/companies/tasks/batch/read", `{"inputs":[{"id":"`+id+`"}]}`)
	require.Contains(t, answer, task.ID)
}

func TestTargetAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	id := b.AddCompany("Acme", "acme.example", map[string]string{"hs_is_target_account": "true"})
	b.AddCompany("Bcme", "bcme.example", nil)
	_, answer := b.send(t, "GET", "/crm/properties/2026-09/companies/hs_is_target_account", "")
	require.Contains(t, answer, `"type":"bool","fieldType":"booleancheckbox"`)
	_, answer = b.send(t, "POST", "/crm/objects/2026-09/companies/search", `{"filterGroups":[{"filters":[{"propertyName":"hs_is_target_account","operator":"EQ","value":"true"}]}]}`)
	require.Contains(t, answer, `"total":1`)
	require.Contains(t, answer, `"id":"`+id+`"`)
	status, answer := b.send(t, "PATCH", "/crm/objects/2026-09/companies/"+id, `{"properties":{"hs_is_target_account":"yes"}}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer, "INVALID_BOOLEAN")
}

func TestRefusalsInHubSpotsWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		give   fault.Fault
		path   string
		want   int
		wantIn string
	}{
		{name: "bad key", give: fault.Fault{BadKey: true}, path: "/crm/owners/2026-09", want: 401, wantIn: `"category":"INVALID_AUTHENTICATION"`},
		{name: "daily limit", give: fault.Fault{NoCredits: true}, path: "/crm/owners/2026-09", want: 429, wantIn: `"policyName":"DAILY"`},
		{name: "outage", give: fault.Fault{Outage: true}, path: "/crm/owners/2026-09", want: 503, wantIn: `"correlationId":"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{})
			require.NoError(t, b.faults.Set(Service, tt.give))
			status, answer := b.send(t, "GET", tt.path, "")
			require.Equal(t, tt.want, status)
			require.Contains(t, answer, tt.wantIn)
		})
	}
}

package ingress

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

const (
	token  = "canary-7f3a"
	secret = "canary-9c1d"
	target = "https://sluice.example.com/webhooks/hubspot"
)

// emptyStore knows no company. What it does not implement panics: the front door
// has no business with it.
type emptyStore struct {
	Store
	broken error
	kept   []string
	tokens map[string]store.Token // by what is shown
}

func (s *emptyStore) UseToken(_ context.Context, hash [32]byte, _ time.Time) (store.Token, error) {
	for shown, t := range s.tokens {
		if sha256.Sum256([]byte(shown)) == hash {
			return t, s.broken
		}
	}
	return store.Token{}, cmp.Or(s.broken, account.ErrNotFound)
}

func (s *emptyStore) HasTokens(context.Context) (bool, error) { return len(s.tokens) > 0, s.broken }

func (s *emptyStore) AccountsByDomain(context.Context, string) ([]account.Account, error) {
	return nil, s.broken
}

func (s *emptyStore) NewEvents(_ context.Context, keys []string) ([]string, error) {
	return keys, s.broken
}

func (s *emptyStore) KeepEvents(_ context.Context, keys []string) error {
	s.kept = append(s.kept, keys...)
	return nil
}

// door is a front door with a Temporal that does what a test says.
type door struct {
	handler  http.Handler
	store    *emptyStore
	temporal *mocks.Client
}

func newDoor(t *testing.T) door {
	t.Helper()
	verifier, err := hubspot.NewVerifier(secret, target)
	require.NoError(t, err)
	d := door{store: &emptyStore{}, temporal: mocks.NewClient(t)}
	d.handler = New(Config{
		Onboarder: Onboarder{Temporal: d.temporal, CRM: emptyCRM{}}, Store: d.store, Token: token, Verifier: verifier, Log: zap.NewNop(),
		Ready: func(context.Context) error { return d.store.broken }, Registry: prometheus.NewRegistry(),
	})
	return d
}

func (d door) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

// apiCall is a request of somebody who has the token.
func apiCall(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// requireProblem holds that the answer is an RFC 9457 problem document, and that it
// tells no secret.
func requireProblem(t *testing.T, w *httptest.ResponseRecorder, want problem) {
	t.Helper()
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, want.Status, w.Code)
	require.NotContains(t, w.Body.String(), "canary")
	var have problem
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&have))
	want.Type, want.Title = "about:blank", http.StatusText(want.Status)
	require.Equal(t, want, have)
}

func TestDecodeCompany(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, give string
		want       Company
	}{
		{"a domain", `{"domain": "acme.example.com"}`, Company{Domain: "example.com"}},
		{"a website", `{"domain": "https://www.Acme.com/about"}`, Company{Domain: "acme.com"}},
		{"a domain and a name", `{"domain": "acme.com", "name": " Acme "}`, Company{Domain: "acme.com", Name: "Acme"}},
		{"a name", `{"name": "Acme"}`, Company{Name: "Acme"}},
		{"a name of 200 characters", `{"name": "` + strings.Repeat("ü", 200) + `"}`, Company{Name: strings.Repeat("ü", 200)}},
		{"a CRM record", `{"crm": "hubspot", "crm_id": "512"}`, Company{Key: account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}}},
		{"everything", `{"domain": "acme.com", "name": "Acme", "crm": "hubspot", "crm_id": "512"}` + "\n", Company{
			Domain: "acme.com", Name: "Acme", Key: account.Key{CRM: "hubspot", Portal: "8100", ID: "512"},
		}},
		{"empty texts are as good as none", `{"domain": "acme.com", "name": "", "crm": "", "crm_id": ""}`, Company{Domain: "acme.com"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			have, err := atHubSpot.decodeCompany(strings.NewReader(tt.give))
			require.NoError(t, err)
			tt.want.Priority = AskedFor
			require.Equal(t, tt.want, have)
		})
	}
}

// TestBadBodies holds that each body is refused with the field and the reason, and
// that nothing is started for it: the Temporal here refuses every call.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	const (
		notJSON   = "the body is not a JSON object"
		noSuchKey = "no such key; docs/api.md lists them"
		lookUp    = "give a domain, or a name to look the company up by"
		oneObject = "one JSON object is expected, and nothing after it"
		keyPart   = "want 1 to 64 letters, digits, - or _"
	)
	tests := []struct {
		name, give    string
		status        int
		field, reason string
	}{
		{"empty", ``, 400, "", notJSON},
		{"a form", `domain=acme.com`, 400, "", "the body is not JSON from byte 1 on"},
		{"half of a body", `{"domain": "acme`, 400, "", notJSON},
		{"a comma too many", `{"domain": "acme.com",}`, 400, "", "the body is not JSON from byte 23 on"},
		{"a list", `[{"domain": "acme.com"}]`, 400, "", notJSON},
		{"a text", `"acme.com"`, 400, "", notJSON},
		{"two objects", `{"domain": "acme.com"}{"domain": "globex.com"}`, 400, "", oneObject},
		{"something after the object", `{"domain": "acme.com"} canary`, 400, "", oneObject},
		{"too big", `{"domain": "` + strings.Repeat("a", maxBody) + `"}`, 413, "", "the body is larger than 1048576 bytes"},
		{"an unknown key", `{"domain": "acme.com", "website": "canary"}`, 400, "website", noSuchKey},
		{"an unknown key without end", `{"` + strings.Repeat("k", 100) + `": 1}`, 400, "", noSuchKey},
		{"a person's address for a key", `{"jane.roe@acme.example": 1}`, 400, "", noSuchKey},
		{"a secret for a key", `{"sk-7f3a": 1}`, 400, "", noSuchKey},
		{"a number for a domain", `{"domain": 7}`, 400, "domain", "domain: want a string, have a number"},
		{"a list of domains", `{"domain": ["acme.com"]}`, 400, "domain", "domain: want a string, have a array"},
		{"yes for a name", `{"name": true}`, 400, "name", "name: want a string, have a bool"},
		{"a number for a record id", `{"crm": "hubspot", "crm_id": 512}`, 400, "crm_id", "crm_id: want a string, have a number"},

		{"nothing to look up", `{}`, 422, "domain", lookUp},
		{"null", `null`, 422, "domain", lookUp},
		{"empty texts", `{"domain": "", "name": " "}`, 422, "domain", lookUp},
		{"a name of punctuation", `{"name": "---"}`, 422, "domain", lookUp},
		{"a free-mail domain", `{"domain": "gmail.com"}`, 422, "domain", "gmail.com is a free e-mail provider, not a company's own domain"},
		{"an address", `{"domain": "169.254.169.254"}`, 422, "domain", "an IP address or a number, not a domain"},
		{"an internal name", `{"domain": "localhost"}`, 422, "domain", `"localhost" is an internal name: nobody outside can resolve it`},
		{"a domain in words", `{"domain": "not known"}`, 422, "domain", `what was given is not a domain: it has spaces or commas in it`},
		{"a name without end", `{"name": "` + strings.Repeat("a", 201) + `"}`, 422, "name", "has 201 characters; at most 200"},
		{"a name with a zero byte", `{"name": "Ac\u0000me"}`, 422, "name", "has a line break or another control character"},
		{"a record of another CRM", `{"crm": "salesforce", "crm_id": "512"}`, 422, "crm", "the CRM here is hubspot"},
		{"a CRM without a record", `{"domain": "acme.com", "crm": "hubspot"}`, 422, "crm", "needs crm_id beside it"},
		{"a record id with a path", `{"crm": "hubspot", "crm_id": "../512"}`, 422, "crm_id", keyPart},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := problem{Status: tt.status, Detail: tt.reason, Field: tt.field}
			if tt.status == http.StatusUnprocessableEntity {
				want.Detail = tt.field + ": " + tt.reason
			}
			requireProblem(t, newDoor(t).send(apiCall(http.MethodPost, "/v1/companies", tt.give)), want)
		})
	}
}

func TestAddCompany(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	run := mocks.NewWorkflowRun(t)
	run.On("GetRunID").Return("run-1")
	options := mock.MatchedBy(func(o client.StartWorkflowOptions) bool {
		return o.ID == "company/domain/acme.com" && o.Priority.PriorityKey == AskedFor && o.WorkflowExecutionErrorWhenAlreadyStarted &&
			o.WorkflowIDReusePolicy == enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	})
	d.temporal.On("ExecuteWorkflow", mock.Anything, options, mock.Anything, workflows.CompanyOnboardingInput{Domain: "acme.com"}).Return(run, nil).Once()
	w := d.send(apiCall(http.MethodPost, "/v1/companies", `{"domain": "acme.com"}`))
	require.Equal(t, http.StatusAccepted, w.Code)
	require.JSONEq(t, `{"workflow_id": "company/domain/acme.com", "run_id": "run-1", "started": true}`, w.Body.String())
}

func TestAddCompanyThatHasARun(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	already := serviceerror.NewWorkflowExecutionAlreadyStarted("there", "request", "run-0")
	d.temporal.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, already)
	w := d.send(apiCall(http.MethodPost, "/v1/companies", `{"domain": "acme.com"}`))
	require.Equal(t, http.StatusAccepted, w.Code)
	require.JSONEq(t, `{"workflow_id": "company/domain/acme.com", "run_id": "run-0", "started": false}`, w.Body.String())
}

func TestAddCompanyWithoutTemporalIsToBeSentAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.temporal.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, errors.New("canary"))
	requireProblem(t, d.send(apiCall(http.MethodPost, "/v1/companies", `{"domain": "acme.com"}`)),
		problem{Status: 503, Detail: "not accepted; send it again in a while"})
}

func TestExplainRefuses(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	requireProblem(t, d.send(apiCall(http.MethodGet, "/v1/companies/acme.com", "")), problem{Status: 404, Detail: "no such company here"})
	requireProblem(t, d.send(apiCall(http.MethodGet, "/v1/companies/gmail.com", "")),
		problem{Status: 422, Detail: "domain: gmail.com is a free e-mail provider, not a company's own domain", Field: "domain"})
	d.store.broken = errors.New("dial " + secret)
	requireProblem(t, d.send(apiCall(http.MethodGet, "/v1/companies/acme.com", "")), problem{Status: 500, Detail: "the log has the reason"})
}

func TestOtherRoutes(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	require.Equal(t, http.StatusNoContent, d.send(httptest.NewRequest(http.MethodGet, "/healthz", nil)).Code)
	w := d.send(httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	for _, r := range []*http.Request{
		apiCall(http.MethodGet, "/", ""), apiCall(http.MethodGet, "/v1", ""), apiCall(http.MethodDelete, "/v1/companies", ""), apiCall(http.MethodGet, "/webhooks/hubspot", ""),
	} {
		requireProblem(t, d.send(r), problem{Status: 404, Detail: "docs/api.md lists the routes"})
	}
}

func TestReadySaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	ready := func() *httptest.ResponseRecorder { return d.send(httptest.NewRequest(http.MethodGet, "/readyz", nil)) }
	require.Equal(t, http.StatusNoContent, ready().Code)
	d.store.broken = errors.New("Temporal does not answer")
	requireProblem(t, ready(), problem{Status: 503, Detail: "Temporal does not answer"})
}

// delivery is a webhook signed as HubSpot does.
func delivery(body, key string, at time.Time) *http.Request {
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(http.MethodPost + target + body + stamp))
	r := httptest.NewRequest(http.MethodPost, "/webhooks/hubspot", strings.NewReader(body))
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r
}

const creation = `[{"eventId":100,"portalId":42,"occurredAt":1795219200000,"subscriptionType":"company.creation","objectId":512}]`

// TestBadDeliveries holds that what does not prove to be HubSpot's, or is none of its
// batches, is refused without a word on why the proof failed.
func TestBadDeliveries(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const unproved = "the signature does not prove that this is HubSpot's"
	without := func(header string) *http.Request {
		r := delivery(creation, secret, now)
		r.Header.Del(header)
		return r
	}
	other := delivery(creation, secret, now)
	other.Body = delivery(strings.Replace(creation, "512", "513", 1), secret, now).Body
	old := delivery(creation, secret, now)
	old.Header.Set("X-HubSpot-Signature", old.Header.Get("X-HubSpot-Signature-v3"))
	old.Header.Del("X-HubSpot-Signature-v3")
	tests := []struct {
		name string
		give *http.Request
		want problem
	}{
		{"no signature", without("X-HubSpot-Signature-v3"), problem{Status: 401, Detail: unproved}},
		{"no time", without("X-HubSpot-Request-Timestamp"), problem{Status: 401, Detail: unproved}},
		{"a signature of an older version", old, problem{Status: 401, Detail: unproved}},
		{"another secret", delivery(creation, "guess", now), problem{Status: 401, Detail: unproved}},
		{"another body", other, problem{Status: 401, Detail: unproved}},
		{"from six minutes ago", delivery(creation, secret, now.Add(-6*time.Minute)), problem{Status: 401, Detail: unproved}},
		{"from two minutes ahead", delivery(creation, secret, now.Add(2*time.Minute)), problem{Status: 401, Detail: unproved}},
		{"too big", delivery(strings.Repeat(" ", maxBody+1), secret, now), problem{Status: 413, Detail: "the body is larger than 1048576 bytes"}},
		{"no JSON", delivery("canary", secret, now), problem{Status: 422, Detail: "body: not a JSON array of events", Field: "body"}},
		{"an event of no object", delivery(strings.Replace(creation, `"objectId":512`, `"x":1`, 1), secret, now), problem{Status: 422, Detail: "[0].objectId: missing or not a number", Field: "[0].objectId"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			requireProblem(t, newDoor(t).send(tt.give), tt.want)
		})
	}
}

func TestWebhooksThatAreNotSetUp(t *testing.T) {
	t.Parallel()
	d := door{handler: New(Config{Log: zap.NewNop()})}
	requireProblem(t, d.send(delivery(creation, secret, time.Now())),
		problem{Status: 404, Detail: "HubSpot's webhooks are not set up: SLUICE_HUBSPOT_CLIENT_SECRET is empty"})
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	run := mocks.NewWorkflowRun(t)
	run.On("GetRunID").Return("run-1")
	input := workflows.CompanyOnboardingInput{Key: account.Key{CRM: "hubspot", Portal: "42", ID: "512"}}
	d.temporal.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, input).Return(run, nil).Once()
	require.Equal(t, http.StatusNoContent, d.send(delivery(creation, secret, time.Now())).Code)
	require.Len(t, d.store.kept, 1)
}

// TestDeliveryThatTemporalDoesNotHave holds that HubSpot is asked to send it again,
// and that its events are not remembered as seen.
func TestDeliveryThatTemporalDoesNotHave(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.temporal.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, errors.New("down"))
	requireProblem(t, d.send(delivery(creation, secret, time.Now())), problem{Status: 503, Detail: "not accepted; send it again in a while"})
	require.Empty(t, d.store.kept)
}

// FuzzDecodeCompany holds that no body makes decodeCompany panic, and that what it
// accepts can be looked up. Run it with -fuzzminimizetime 10x.
func FuzzDecodeCompany(f *testing.F) {
	for _, seed := range []string{
		`{"domain": "acme.com", "name": "Acme"}`, `{"crm": "hubspot", "crm_id": "512"}`, `{"name": "Ac\u0000me"}`,
		`{"domain": "http://[::1]/"}`, `{"Domain": "ACME.COM"}`, `null`, `[]`, `{"domain": "xn--a.com"}`, `{"domain":"a.com","domain":1}`, "{} {}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c, err := atHubSpot.decodeCompany(strings.NewReader(body))
		if err != nil {
			w := httptest.NewRecorder()
			writeProblem(w, err)
			require.True(t, w.Code == 400 || w.Code == 422, "%d for %v", w.Code, err)
			return
		}
		require.NotEmpty(t, c.Domain+c.Name+c.Key.ID)
		require.LessOrEqual(t, len(c.options().ID), 1000)
	})
}

// atHubSpot is an Onboarder whose CRM has no records.
var atHubSpot = Onboarder{CRM: emptyCRM{}}

type emptyCRM struct{}

func (emptyCRM) Key(id string) account.Key {
	return account.Key{CRM: "hubspot", Portal: "8100", ID: id}
}

func (emptyCRM) CompaniesByDomain(context.Context, ...string) ([]crm.Company, error) { return nil, nil }

package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/seal"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/workflows"
)

// payloads are words that only vendors' responses have.
var payloads = []string{
	"estimated_num_employees", "current_technologies", "naics6Codes", "techCategories", "employee_count",
	"likelihood", "SpendHistory", "FirstDetected", "<html", "application/ld+json", "firstName",
}

// Whoever is a person, and whatever is a secret, is called canary here. The keys of
// payloads are 32 bytes.
const (
	canary      = "canary"
	canaryName  = "Canary McCanary"
	canaryMail  = "canary.mccanary@people.example"
	canaryPhone = "+1 555 0142424"
	canaryOwner = "777"
)

var canaryKey = base64.StdEncoding.EncodeToString([]byte("canary-payload-key-canary-canary"))

// canaries are what must be nowhere.
func canaries() []string {
	return []string{canary, "0142424", canaryKey, base64.StdEncoding.EncodeToString([]byte(canaryMail))}
}

// plantSecrets gives the programs secrets that can be recognised.
func (w *world) plantSecrets() *seal.Keys {
	w.t.Helper()
	keys := "2026-11:" + canaryKey
	w.env = append(w.env, "SLUICE_HUBSPOT_TOKEN=canary-hubspot-token", "SLUICE_API_TOKEN=canary-api-token",
		"SLUICE_VISITS_SECRET=canary-visits-secret", "SLUICE_CODEC_SECRET=canary-codec-secret", "SLUICE_PAYLOAD_KEYS="+keys,
		"SLUICE_CRUNCHBASE_API_KEY=canary-crunchbase-key", "SLUICE_EDGAR_CONTACT="+canaryMail,
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=canary-collector-token", "SLUICE_DATABASE_URL="+w.plantRole())
	for _, v := range sandbox.Vendors() {
		w.env = append(w.env, "SLUICE_"+strings.ToUpper(string(v))+"_API_KEY=canary-"+string(v)+"-key")
	}
	parsed, err := seal.ParseKeys(keys)
	require.NoError(w.t, err)
	return parsed
}

// plantRole returns the address of the database with a role whose password can be
// recognised.
func (w *world) plantRole() string {
	w.t.Helper()
	address, err := url.Parse(w.variable("SLUICE_DATABASE_URL"))
	require.NoError(w.t, err)
	role := "sluice_test_" + strings.ToLower(rand.Text()[:12])
	admin := func(ctx context.Context, q string) {
		db, err := pgx.Connect(ctx, os.Getenv("SLUICE_DATABASE_URL"))
		require.NoError(w.t, err)
		defer func() { _ = db.Close(ctx) }()
		_, err = db.Exec(ctx, q)
		require.NoError(w.t, err)
	}
	admin(w.t.Context(), `CREATE ROLE `+role+` LOGIN SUPERUSER PASSWORD 'canary-database-password'`)
	ctx := context.WithoutCancel(w.t.Context())
	w.t.Cleanup(func() { admin(ctx, `DROP ROLE `+role) })
	address.User = url.UserPassword(role, "canary-database-password")
	return address.String()
}

// gossip stands before the sandbox and tells everything to everybody: an error repeats
// the request with its key, and names a person; every answer has one in it. A write to
// the company is refused for what it holds.
func (w *world) gossip(refused string) {
	w.t.Helper()
	target, err := url.Parse(w.sandbox.URL)
	require.NoError(w.t, err)
	type asked struct{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(res *http.Response) error {
			body, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			switch {
			case res.StatusCode >= http.StatusBadRequest:
				body = blab(res.Request.Context().Value(asked{}).(string))
			case json.Valid(body) && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")):
				more := fmt.Sprintf(`{"canary_person":{"name":%q,"email":%q,"phone":%q},`, canaryName, canaryMail, canaryPhone)
				if strings.TrimSpace(string(body)) == "{}" {
					more = strings.TrimSuffix(more, ",")
				}
				body = append([]byte(more), bytes.TrimSpace(body)[1:]...)
			}
			res.Body = io.NopCloser(bytes.NewReader(body))
			res.ContentLength = int64(len(body))
			res.Header.Set("Content-Length", fmt.Sprint(len(body)))
			return nil
		},
		ErrorHandler: func(rw http.ResponseWriter, r *http.Request, _ error) {
			rw.WriteHeader(http.StatusBadGateway)
			_, _ = rw.Write(blab(r.Context().Value(asked{}).(string)))
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		request := fmt.Sprint(r.Method, " ", r.URL, " ", r.Header, " ", string(body))
		if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/companies/"+refused) {
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = rw.Write(blab(request))
			return
		}
		proxy.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), asked{}, request)))
	}))
	w.t.Cleanup(server.Close)
	for _, entry := range w.env {
		if name, _, _ := strings.Cut(entry, "="); strings.HasSuffix(name, "_BASE_URL") {
			w.env = append(w.env, strings.Replace(entry, w.sandbox.URL, server.URL, 1))
		}
	}
}

// blab is an error in the shapes of all services at once, with all that it must not tell.
func blab(request string) []byte {
	told := fmt.Sprintf("%s <%s> %s asked %s", canaryName, canaryMail, canaryPhone, request)
	mistake := map[string]any{
		"id": told, "code": told, "Code": told, "Message": told, "details": told, "message": told,
		"context": map[string]any{"propertyName": []string{"email", canaryMail}, "value": []string{told}},
	}
	body, _ := json.Marshal(map[string]any{
		"status": "error", "category": "VALIDATION_ERROR", "correlationId": "c0ffee", "message": told, "policyName": told,
		"error": told, "error_code": told, "type": told, "errors": []any{mistake}, "Errors": []any{mistake},
		"context": map[string]any{"name": []string{told}},
	})
	return body
}

// bad sends requests that are refused, with canaries in all of their parts, and returns
// the bodies of the answers.
func (w *world) bad(front string) map[string]string {
	w.t.Helper()
	answers := map[string]string{}
	send := func(method, path, body string, header ...string) {
		r, err := http.NewRequestWithContext(w.t.Context(), method, front+path, strings.NewReader(body))
		require.NoError(w.t, err)
		r.Header.Set("Authorization", "Bearer canary-api-token")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		status, answer := do(w.t, r)
		require.GreaterOrEqual(w.t, status, http.StatusBadRequest, "%s %s %s: %s", method, path, body, answer)
		answers[fmt.Sprintf("answer to %s %s %s", method, path, body)] = answer
	}
	person := fmt.Sprintf("%s <%s> %s", canaryName, canaryMail, canaryPhone)
	for _, body := range []string{
		`{"domain": "canary mccanary"}`, `{"domain": "canary_mccanary"}`, `{"domain": "canary.mccanary@gmail.com"}`,
		`{"name": "` + strings.Repeat(canary, 50) + `"}`, `{"canary-api-token": 1}`, `{"canary.mccanary@people.example": "x"}`, `{"domain": ["` + canaryMail + `"]}`,
		`{"crm": "canary", "crm_id": "1"}`, `{"crm_id": "` + canaryMail + `"}`, `canary`, `{"name": "canary"} {"name": "canary"}`,
	} {
		send(http.MethodPost, "/v1/companies", body)
	}
	send(http.MethodPost, "/v1/companies?token=canary-api-token", `{}`, "Authorization", "Bearer canary-wrong-token")
	send(http.MethodGet, "/v1/companies/"+url.PathEscape(canaryMail), "")
	send(http.MethodGet, "/v1/companies/"+url.PathEscape(person), "")
	send(http.MethodGet, "/v1/"+url.PathEscape(person), "")
	send(http.MethodPost, "/v1/companies/"+w.domains(1)[0]+"/override", `{"tier": "canary", "reason": "`+person+`", "by": "`+canaryMail+`"}`)
	send(http.MethodPost, "/v1/companies/"+w.domains(1)[0]+"/override", `{"score": 70, "code": "canary", "reason": "`+person+`", "by": "`+canaryMail+`"}`)
	send(http.MethodPost, "/v1/companies/"+w.domains(1)[0]+"/override", `{"score": 70, "expires_at": "canary", "reason": "canary", "by": "canary"}`)
	send(http.MethodDelete, "/v1/companies/"+w.domains(1)[0]+"/override", `{"reason": "`+person+`", "by": "`+canaryMail+`"}`)
	send(http.MethodDelete, "/v1/companies/"+url.PathEscape(person), `{}`)
	send(http.MethodPost, "/codec/canary-wrong-secret/decode", `{"payloads": [{"data": "canary"}]}`)
	send(http.MethodPost, "/codec/canary-codec-secret/decode", `canary`)
	send(http.MethodGet, "/reviews/canary/canary", "")
	send(http.MethodPost, "/webhooks/hubspot", `[{"propertyValue": "`+person+`"}]`, "X-HubSpot-Signature-v3", "canary-webhook-secret")
	send(http.MethodPost, "/webhooks/visits", `{"visits": [{"visitor": "`+canaryMail+`"}]}`, "X-Sluice-Signature", "t=1,v1=canary-visits-secret")
	for _, visit := range []string{
		`{"id": "1", "domain": "canary mccanary", "kind": "page_view", "at": "2026-11-22T09:30:00Z"}`,
		`{"id": "1", "domain": "acme.example", "kind": "page_view", "at": "2026-11-22T09:30:00Z", "visitor": "` + canaryMail + `"}`,
		`{"id": "1", "domain": "acme.example", "kind": "canary", "at": "canary"}`,
	} {
		body := `{"visits": [` + visit + `]}`
		send(http.MethodPost, "/webhooks/visits", body, "X-Sluice-Signature", signVisits(body))
	}
	for _, body := range []string{`canary`, `[{"eventId": "canary", "propertyValue": "` + person + `"}]`, `{"canary": "` + person + `"}`} {
		r, err := crmsandbox.Sign(crmsandbox.Target{URL: front + "/webhooks/hubspot", Secret: webhookSecret}, []byte(body), time.Now())
		require.NoError(w.t, err)
		status, answer := do(w.t, r)
		require.GreaterOrEqual(w.t, status, http.StatusBadRequest, body)
		answers["answer to a webhook "+body] = answer
	}
	return answers
}

func signVisits(body string) string {
	now := time.Now().Unix()
	mac := hmac.New(sha256.New, []byte("canary-visits-secret"))
	fmt.Fprintf(mac, "%d.%s", now, body)
	return fmt.Sprintf("t=%d,v1=%s", now, hex.EncodeToString(mac.Sum(nil)))
}

func TestSecretsAndPersonsAreInNoHistoryLogMetricTraceOrError(t *testing.T) {
	t.Parallel()
	table, _, err := sandbox.Load(strings.NewReader(promising(12)))
	require.NoError(t, err)
	w := newWorld(t, sandbox.Options{Table: table, CRMCompanies: true})
	traces := newCollector(t)
	metrics := freeAddress(t)
	domains := w.domains(12)
	ids := w.companyIDs(domains)
	keys := w.plantSecrets()
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("nightly.yaml", nightly), "SLUICE_LOG_LEVEL=debug", "SLUICE_METRICS_ADDR="+metrics, "SLUICE_HUBSPOT_PORTAL=8100",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+traces.URL, "OTEL_BSP_SCHEDULE_DELAY=100")
	w.gossip(ids[len(ids)-1])
	person := map[string]string{"firstname": "Canary", "lastname": "McCanary", "email": canaryMail, "jobtitle": "VP Sales of Canary"}
	w.sandbox.CRM.AddOwner(canaryOwner, canaryMail, "Canary", "McCanary")
	for _, id := range ids[:8] {
		_, err := w.sandbox.CRM.AddContact(id, person)
		require.NoError(t, err)
		require.NoError(t, w.sandbox.CRM.SetProperties(id, map[string]string{"phone": canaryPhone, "hubspot_owner_id": canaryOwner}))
	}
	require.NoError(t, w.sandbox.CRM.SetProperties(ids[8], map[string]string{"domain": "canary mccanary"}))
	require.NoError(t, w.sandbox.CRM.SetProperties(ids[9], map[string]string{"domain": "canary@website.example", "website": "https://website.example/?email=" + canaryMail}))
	// Every way to fail puts an error into the histories.
	for vendor, f := range map[string]fault.Fault{
		"apollo": {ErrorRate: 0.3}, "clearbit": {BadKey: true}, "hunter": {NoCredits: true},
		"pdl": {Reset: true}, "builtwith": {Truncate: true}, "hubspot": {LostAnswerRate: 0.1, ErrorRate: 0.03},
	} {
		require.NoError(t, w.sandbox.Faults.Set(vendor, f))
	}
	said := map[string]string{}
	run := func(args ...string) {
		r := w.starter(args...)
		said[fmt.Sprintf("starter %v", args)] = "stderr: " + r.stderr + "\nstdout: " + r.stdout
	}

	worker := w.startWorker()
	front, door := w.serve()
	w.sandbox.CRM.SetTarget(crmsandbox.Target{URL: front + "/webhooks/hubspot", Secret: webhookSecret})
	events := w.sandbox.CRM.Created(ids...)
	for _, id := range ids[:2] {
		events = append(events, w.sandbox.CRM.Changed(id, "name", canaryName+" "+canaryMail))
	}
	status, err := w.sandbox.CRM.Deliver(t.Context(), events...)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	w.eventually("most companies are scored", func() bool { return w.scored() >= 9 })
	maps.Copy(said, w.bad(front))
	run("company", "override", domains[0], "--tier", "Tier 1", "--reason", canaryName, "--by", canaryMail, "--expires", "1d")
	run("company", "add", "--domain", canaryMail)
	run("company", "add", "--domain", "canary mccanary")
	run("run", "list", "--json")
	for _, env := range []string{
		"SLUICE_DATABASE_URL=postgres://sluice:canary-database-password@127.0.0.1:1/sluice", "SLUICE_DATABASE_URL=canary-database-password",
		"TEMPORAL_API_KEY=canary-temporal-key", "SLUICE_PAYLOAD_KEYS=canary-payload-key", "SLUICE_HUBSPOT_TOKEN=canary token", "SLUICE_PUBLIC_URL=canary",
	} {
		r := w.starterWith([]string{env}, "run", "list")
		require.NotZero(t, r.status, env)
		said["starter with "+env] = r.stderr
	}
	run("doctor")

	// Two nights, so that the second one has somebody new to tell of.
	tonight := time.Now().UTC().Truncate(time.Second)
	sweep := func(at time.Time, args ...string) {
		w.sandbox.Clock.Set(at)
		w.letAnswersAge()
		run(append([]string{"signals", "run", "--json", "--at", at.Format(time.RFC3339)}, args...)...)
	}
	require.NoError(t, errors.Join(w.sandbox.Faults.Clear("apollo"), w.sandbox.Faults.Clear("hubspot")))
	sweep(tonight)
	tomorrow := tonight.Add(24 * time.Hour)
	for _, domain := range domains[:8] {
		planted := []sandbox.Happening{{Domain: domain, At: tomorrow.Add(-time.Hour), Kind: sandbox.Executive, Role: "Chief Executive Officer", Person: canaryName}}
		if _, files := w.sandbox.Table().CIK(domain); files {
			planted = append(planted, sandbox.Happening{Domain: domain, At: tomorrow.Add(-time.Hour), Kind: sandbox.Officer8K, Role: "Chief Financial Officer", Person: canaryName})
		}
		require.NoError(t, w.sandbox.News.Plant(planted...))
	}
	sweep(tomorrow, "--dry-run")
	sweep(tomorrow)
	require.Contains(t, fmt.Sprint(w.found(domains[:8])), signals.ExecutiveChange)

	for address, name := range map[string]string{"http://" + metrics: "metrics of the worker", front: "metrics of the starter"} {
		status, body := get(t, address+"/metrics")
		require.Equal(t, http.StatusOK, status)
		said[name] = body
	}
	maps.Copy(said, w.histories(keys))
	time.Sleep(300 * time.Millisecond) // three times as long as spans wait
	said["traces"] = traces.said()
	said["worker's log"], said["starter's log"] = worker.log.String(), door.log.String()

	// All of it was there to be told.
	require.Contains(t, said["traces"], "GET apollo")
	require.Contains(t, said["worker's log"], `"level":"debug"`)
	require.Contains(t, said["CompanyOnboarding company/hubspot/8100/"+ids[0]], domains[0], "histories can be read")
	record := w.onRecord()
	for _, of := range []string{canaryName, "VP Sales of Canary", hex.EncodeToString([]byte("canary_person"))} {
		require.Contains(t, record, of)
	}
	for where, text := range said {
		require.NotEmpty(t, text, where)
		for _, c := range canaries() {
			if at := strings.Index(strings.ToLower(text), strings.ToLower(c)); at >= 0 {
				t.Errorf("%s has a canary: …%s…", where, text[max(0, at-150):min(len(text), at+100)])
			}
		}
		for _, p := range payloads {
			require.NotContains(t, text, p, "%s holds a vendor's payload", where)
		}
	}
}

// histories returns, by its name, all that Temporal keeps of each workflow and answers to
// queries, opened where it is sealed.
func (w *world) histories(keys *seal.Keys) map[string]string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	codec := seal.NewCodec(keys, seal.NewSubjects(w.store, workflows.AboutOneCompany))
	text := func(m proto.Message) string {
		var b strings.Builder
		fmt.Fprintln(&b, m)
		visitPayloads(m.ProtoReflect(), func(p *commonpb.Payload) {
			opened, err := codec.Decode([]*commonpb.Payload{p})
			require.NoError(w.t, err)
			fmt.Fprintf(&b, "%s\n", opened[0].Data)
		})
		return b.String()
	}
	o := client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: w.namespace(), Logger: quiet{}}
	seal.Client(&o, codec)
	c, err := client.Dial(o)
	require.NoError(w.t, err)
	defer c.Close()
	all := map[string]string{}
	for _, e := range w.everyRun(ctx) {
		id, runID := e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId()
		var b strings.Builder
		it := c.GetWorkflowHistory(ctx, id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			event, err := it.Next()
			require.NoError(w.t, err)
			b.WriteString(text(event))
		}
		described, err := c.DescribeWorkflowExecution(ctx, id, runID)
		require.NoError(w.t, err)
		b.WriteString(text(described))
		for _, query := range []string{workflows.StatusQuery, "__temporal_workflow_metadata"} {
			answer, err := c.QueryWorkflow(ctx, id, runID, query)
			if err != nil {
				continue // it has no such query
			}
			var v converter.RawValue
			require.NoError(w.t, answer.Get(&v))
			fmt.Fprintf(&b, "%s\n", v.Payload().GetData())
		}
		all[e.GetType().GetName()+" "+id] = b.String()
	}
	return all
}

// everyRun are all workflows that there are.
func (w *world) everyRun(ctx context.Context) (all []*workflowpb.WorkflowExecutionInfo) {
	w.t.Helper()
	var next []byte
	for {
		page, err := w.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 500, NextPageToken: next})
		require.NoError(w.t, err)
		all = append(all, page.GetExecutions()...)
		if next = page.GetNextPageToken(); len(next) == 0 {
			return all
		}
	}
}

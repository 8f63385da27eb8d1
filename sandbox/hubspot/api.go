package hubspot

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// Service is the name of the CRM on the fault switch and its counters.
const Service = "hubspot"

const maxRequest = 4 << 20 // bytes

// Handler serves HubSpot's API: /crm/… and /account-info/….
func (c *CRM) Handler() http.Handler {
	mux := http.NewServeMux()
	object := "/crm/objects/{version}/{type}"
	c.handle(mux, "POST "+object, c.createRecord)
	c.handle(mux, "POST "+object+"/search", c.search)
	c.handle(mux, "POST "+object+"/batch/read", c.readBatch)
	c.handle(mux, "POST "+object+"/batch/update", c.updateBatch)
	c.handle(mux, "POST "+object+"/batch/archive", c.archiveBatch)
	c.handle(mux, "GET "+object+"/{id}", c.readRecord)
	c.handle(mux, "PATCH "+object+"/{id}", c.updateRecord)
	if !c.bulkAssociations {
		c.handle(mux, "GET "+object+"/{id}/associations/{to}", c.listAssociations)
	}
	c.handle(mux, "POST /crm/associations/{version}/{type}/{to}/batch/read", c.readAssociations)
	c.handle(mux, "GET /crm/owners/{version}", c.listOwners)
	properties := "/crm/properties/{version}/{type}"
	c.handle(mux, "GET "+properties, c.listProperties)
	c.handle(mux, "POST "+properties, c.createProperty)
	c.handle(mux, "POST "+properties+"/groups", c.createGroup)
	c.handle(mux, "GET "+properties+"/{name}", c.readProperty)
	c.handle(mux, "PATCH "+properties+"/{name}", c.updateProperty)
	c.handle(mux, "GET /account-info/{version}/details", c.accountDetails)
	mux.HandleFunc("/", noSuchPath)
	return mux
}

// Behind serves the API behind the switch, in HubSpot's words, and notes in the
// ledger which writes were done without the client being told.
func (c *CRM) Behind(s *fault.Switch) http.Handler {
	s.Speak(Service, c.Dialect())
	h := s.Wrap(Service, c.limited(c.Handler()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := &delivery{}
		watched := &watchedWriter{ResponseWriter: w, lost: func() { c.markLost(d) }}
		defer watched.end()
		h.ServeHTTP(watched, r.WithContext(context.WithValue(r.Context(), deliveryKey{}, d)))
	})
}

// Dialect is how HubSpot words its refusals, and what it takes for a write.
func (c *CRM) Dialect() fault.Dialect {
	return fault.Dialect{Refuse: c.refuse, IsWrite: isWrite}
}

// isWrite tells reads from writes, which both come by POST.
func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/search") && !strings.HasSuffix(r.URL.Path, "/batch/read")
}

func (c *CRM) refuse(w http.ResponseWriter, r *http.Request, why fault.Reason, retryAfter time.Duration) {
	p := problem{status: why.Status(), Message: "internal error"}
	switch why {
	case fault.Throttled:
		p.Message, p.ErrorType, p.PolicyName = "You have reached your ten_secondly_rolling limit.", "RATE_LIMIT", "TEN_SECONDLY_ROLLING"
		w.Header().Set("Retry-After", fault.Seconds(retryAfter))
		if strings.HasSuffix(r.URL.Path, "/search") {
			p.Message, p.PolicyName = "You have reached your secondly limit.", "SECONDLY"
		}
	case fault.NoCredits: // the nearest thing that HubSpot has
		p.status = http.StatusTooManyRequests
		p.Message, p.ErrorType, p.PolicyName = "You have reached your daily limit.", "RATE_LIMIT", "DAILY"
	case fault.BadKey:
		p = invalidToken()
	case fault.Broken, fault.Unavailable, fault.Outage:
	}
	c.mu.Lock()
	p.Status, p.CorrelationID = "error", c.correlationID()
	c.mu.Unlock()
	writeJSON(w, p.status, p)
}

// delivery is one API call on its way back to the client.
type delivery struct {
	writes []*Write
}

type deliveryKey struct{}

// watchedWriter sees whether anything was answered at all.
type watchedWriter struct {
	http.ResponseWriter
	answered bool
	lost     func() // told when nothing was
}

func (w *watchedWriter) end() {
	if !w.answered {
		w.lost()
	}
}

// Hijack is how the fault switch ends a connection. The ledger knows before the client.
func (w *watchedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.end()
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *watchedWriter) WriteHeader(status int) {
	w.answered = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	w.answered = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// problem is an error body.
type problem struct {
	status        int
	Status        string    `json:"status"`
	Message       string    `json:"message"`
	CorrelationID string    `json:"correlationId"`
	Category      string    `json:"category,omitempty"`
	ErrorType     string    `json:"errorType,omitempty"`
	PolicyName    string    `json:"policyName,omitempty"`
	Errors        []mistake `json:"errors,omitempty"`
}

// Error implements error.
func (p problem) Error() string { return p.Message }

func invalid(message string, mistakes ...mistake) error {
	return problem{status: http.StatusBadRequest, Category: "VALIDATION_ERROR", Message: message, Errors: mistakes}
}

func missing(what string) error {
	return problem{status: http.StatusNotFound, Category: "OBJECT_NOT_FOUND", Message: what + " not found"}
}

func taken(what string) error {
	return problem{status: http.StatusConflict, Category: "OBJECT_ALREADY_EXISTS", Message: what + " already exists"}
}

func invalidToken() problem {
	return problem{status: http.StatusUnauthorized, Category: "INVALID_AUTHENTICATION", Message: "Authentication credentials not found or not valid."}
}

func missingScopes() problem {
	return problem{status: http.StatusForbidden, Category: "MISSING_SCOPES", Message: "This app hasn't been granted all required scopes to make this call."}
}

// call is a request on its way in. The account is locked while it is served.
type call struct {
	*http.Request
	objectType string
	delivery   *delivery
	asNumbers  bool // ids of associations: HubSpot writes them either way
}

// into decodes the body.
func (r *call) into(v any) error {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRequest)).Decode(v); err != nil {
		return invalid("Invalid input JSON")
	}
	return nil
}

// handle serves one operation: token, version and record type first.
func (c *CRM) handle(mux *http.ServeMux, pattern string, serve func(*call) (status int, body any, err error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("version") != c.version {
			noSuchPath(w, r)
			return
		}
		in := &call{Request: r}
		in.delivery, _ = r.Context().Value(deliveryKey{}).(*delivery)
		status, body := c.answer(in, serve)
		writeJSON(w, status, body)
	})
}

// answer serves one call with the account locked.
func (c *CRM) answer(in *call, serve func(*call) (int, any, error)) (int, any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	in.asNumbers = c.calls%2 == 0
	status, body, err := c.check(in, serve)
	if err == nil {
		return status, body
	}
	p, ok := errors.AsType[problem](err)
	if !ok {
		p = problem{status: http.StatusInternalServerError, Message: err.Error()}
	}
	p.Status, p.CorrelationID = "error", c.correlationID()
	return p.status, p
}

func (c *CRM) check(in *call, serve func(*call) (int, any, error)) (int, any, error) {
	token, ok := strings.CutPrefix(in.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" || c.token != "" && token != c.token {
		return 0, nil, invalidToken()
	}
	if name := in.PathValue("type"); name != "" {
		if in.objectType = typeOf(name); in.objectType == "" {
			return 0, nil, invalid("Unable to infer object type from: " + name)
		}
	}
	if c.denied[in.objectType] || c.denied[typeOf(in.PathValue("to"))] {
		return 0, nil, missingScopes()
	}
	return serve(in)
}

// typeOf returns the record type for a name or a type id.
func typeOf(name string) string {
	switch name {
	case "companies", "company", "0-2":
		return companies
	case "contacts", "contact", "0-1":
		return contacts
	case "notes", "note", "0-46":
		return notes
	case "tasks", "task", "0-27":
		return tasks
	case "deals", "deal", "0-3":
		return deals
	}
	return ""
}

func (c *CRM) correlationID() string {
	return fmt.Sprintf("c0ffee00-0000-4000-8000-%012d", c.calls)
}

// noSuchPath answers as a web server does that knows nothing of the API.
func noSuchPath(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("<html><head><title>Error 404 Not Found</title></head><body><h2>HTTP ERROR 404</h2></body></html>\n"))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// pageOf cuts a listing: the items of this page, and the cursor of the next.
func pageOf[T any](all []T, after string, limit int) (items []T, paging any, err error) {
	start := 0
	if after != "" {
		if start, err = strconv.Atoi(after); err != nil || start < 0 {
			return nil, nil, invalid("Invalid cursor")
		}
	}
	start = min(start, len(all))
	end := min(start+limit, len(all))
	if end < len(all) {
		paging = map[string]any{"next": map[string]string{"after": strconv.Itoa(end)}}
	}
	return all[start:end], paging, nil
}

func limitOf(r *call, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return min(most, 100), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalid(fmt.Sprintf("limit must be between 1 and %d", most))
	}
	return n, nil
}

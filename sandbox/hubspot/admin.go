package hubspot

import (
	"encoding/json"
	"net/http"
	"time"
)

// Admin serves what only a sandbox has:
//
//	GET    /_crm/ledger                     every write, counts, duplicates, owner changes
//	DELETE /_crm/ledger                     forgets it
//	GET    /_crm/state                      companies, notes, tasks, owners
//	GET    /_crm/companies/{id}/contacts    the people of a company
//	DELETE /_crm/state                      forgets every record, and the ledger
//	POST   /_crm/companies                  a person makes a company: {name, domain, properties, webhook}
//	POST   /_crm/companies/{id}/properties  a person types values: {property: value}
//	DELETE /_crm/companies/{id}             a person deletes a company
//	POST   /_crm/companies/{id}/deals       a person enters a deal: {type, stage, opened_at, closed_at, won, amount}
//	DELETE /_crm/deals/{id}                 a person deletes a deal
//	PUT    /_crm/tasks/{id}/complete        a person ticks a task off
//	DELETE /_crm/tasks/{id}                 a person deletes a task; notes likewise
//	PUT    /_crm/target                     the app to tell: {url, secret}
//
// With a target, it is told of each change unless webhook is false; the answer says
// how it took it.
func (c *CRM) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_crm/ledger", c.getLedger)
	mux.HandleFunc("DELETE /_crm/ledger", func(w http.ResponseWriter, _ *http.Request) {
		c.ResetLedger()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_crm/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, c.Snapshot()) })
	mux.HandleFunc("DELETE /_crm/state", func(w http.ResponseWriter, _ *http.Request) {
		c.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_crm/companies", c.postCompany)
	mux.HandleFunc("POST /_crm/companies/{id}/properties", c.postProperties)
	mux.HandleFunc("GET /_crm/companies/{id}/contacts", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, append([]Contact{}, c.Contacts(r.PathValue("id"))...))
	})
	mux.HandleFunc("DELETE /_crm/companies/{id}", c.deleteCompany)
	mux.HandleFunc("POST /_crm/companies/{id}/deals", c.postDeal)
	mux.HandleFunc("DELETE /_crm/deals/{id}", c.deleteDeal)
	mux.HandleFunc("PUT /_crm/tasks/{id}/complete", c.putComplete)
	mux.HandleFunc("DELETE /_crm/tasks/{id}", c.deleteOne(c.RemoveTask, "task"))
	mux.HandleFunc("DELETE /_crm/notes/{id}", c.deleteOne(c.RemoveNote, "note"))
	mux.HandleFunc("PUT /_crm/target", c.putTarget)
	return mux
}

func (c *CRM) getLedger(w http.ResponseWriter, _ *http.Request) {
	l := c.Ledger()
	writeJSON(w, http.StatusOK, map[string]any{
		"counts": l.Counts(), "duplicates": l.Duplicates(), "owner_changes": l.OwnerChanges(), "answers_lost": l.Lost(), "writes": l.Writes,
	})
}

func (c *CRM) postCompany(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Name       string            `json:"name"`
		Domain     string            `json:"domain"`
		Properties map[string]string `json:"properties"`
		Webhook    *bool             `json:"webhook"`
	}{}
	if !readStrict(w, r, &in) {
		return
	}
	if in.Name == "" && in.Domain == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "name or domain: one of them is needed"})
		return
	}
	id := c.AddCompany(in.Name, in.Domain, in.Properties)
	answer := map[string]any{"id": id, "page": c.pagePath(id)}
	if in.Webhook == nil || *in.Webhook {
		c.tell(r, answer, c.Created(id)...)
	}
	writeJSON(w, http.StatusCreated, answer)
}

func (c *CRM) postProperties(w http.ResponseWriter, r *http.Request) {
	var values map[string]string
	if !readStrict(w, r, &values) {
		return
	}
	id := r.PathValue("id")
	if _, ok := c.Company(id); !ok {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no company " + id})
		return
	}
	if err := c.SetProperties(id, values); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	answer := map[string]any{"id": id, "page": c.pagePath(id)}
	var events []Event
	for _, name := range sortedKeys(values) {
		events = append(events, c.Changed(id, name, values[name]))
	}
	c.tell(r, answer, events...)
	writeJSON(w, http.StatusOK, answer)
}

func (c *CRM) deleteCompany(w http.ResponseWriter, r *http.Request) {
	if !c.RemoveCompany(r.PathValue("id")) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no company " + r.PathValue("id")})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *CRM) postDeal(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Type     string    `json:"type"`
		Stage    string    `json:"stage"`
		OpenedAt time.Time `json:"opened_at"`
		ClosedAt time.Time `json:"closed_at"`
		Won      bool      `json:"won"`
		Amount   float64   `json:"amount"`
	}{}
	if !readStrict(w, r, &in) {
		return
	}
	id, err := c.AddDeal(r.PathValue("id"), Deal{
		Type: in.Type, Stage: in.Stage, OpenedAt: in.OpenedAt, ClosedAt: in.ClosedAt, Won: in.Won, Amount: in.Amount,
	})
	if err != nil {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"id": id})
}

func (c *CRM) deleteDeal(w http.ResponseWriter, r *http.Request) {
	if !c.DeleteDeal(r.PathValue("id")) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no deal " + r.PathValue("id")})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *CRM) deleteOne(remove func(id string) bool, what string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !remove(r.PathValue("id")) {
			writeJSON(w, http.StatusNotFound, map[string]string{"error": "no " + what + " " + r.PathValue("id")})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (c *CRM) putComplete(w http.ResponseWriter, r *http.Request) {
	if !c.CompleteTask(r.PathValue("id")) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no task " + r.PathValue("id")})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *CRM) putTarget(w http.ResponseWriter, r *http.Request) {
	var t Target
	if readStrict(w, r, &t) {
		c.SetTarget(t)
		w.WriteHeader(http.StatusNoContent)
	}
}

// tell delivers the events and adds to the answer how they were taken.
func (c *CRM) tell(r *http.Request, answer map[string]any, events ...Event) {
	if len(events) == 0 {
		return
	}
	status, err := c.Deliver(r.Context(), events...)
	switch {
	case err != nil:
		answer["webhook"] = map[string]string{"error": err.Error()}
	case status != 0:
		answer["webhook"] = map[string]int{"status": status}
	}
}

func readStrict(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "body: " + err.Error()})
		return false
	}
	return true
}

func (c *CRM) pagePath(id string) string { return "/contacts/" + c.portal + "/record/0-2/" + id }

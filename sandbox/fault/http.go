package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody bounds what is read of a fault, in bytes.
const maxBody = 1 << 16

// Handler serves the switch itself:
//
//	GET    /_faults             every fault that is on
//	DELETE /_faults             all services healthy
//	GET    /_faults/{service}   its fault
//	PUT    /_faults/{service}   replaces it, with a [Fault] in JSON
//	DELETE /_faults/{service}   healthy again
//	GET    /_counters           [Counters] by service; ?by=domain adds the count of each lookup
//	POST   /_counters/reset     starts anew
func (s *Switch) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_faults", s.listFaults)
	mux.HandleFunc("DELETE /_faults", s.clearFaults)
	mux.HandleFunc("GET /_faults/{service}", s.getFault)
	mux.HandleFunc("PUT /_faults/{service}", s.putFault)
	mux.HandleFunc("DELETE /_faults/{service}", s.deleteFault)
	mux.HandleFunc("GET /_counters", s.getCounters)
	mux.HandleFunc("POST /_counters/reset", s.resetCounters)
	return mux
}

func (s *Switch) listFaults(w http.ResponseWriter, _ *http.Request) {
	all := map[string]Fault{}
	for _, name := range s.Services() {
		all[name], _ = s.Get(name)
	}
	writeJSON(w, http.StatusOK, all)
}

func (s *Switch) clearFaults(w http.ResponseWriter, _ *http.Request) {
	for _, name := range s.Services() {
		_ = s.Clear(name)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Switch) getFault(w http.ResponseWriter, r *http.Request) {
	f, ok := s.Get(r.PathValue("service"))
	if !ok {
		s.unknownService(w, r)
		return
	}
	writeJSON(w, http.StatusOK, f)
}

func (s *Switch) putFault(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("service")
	if _, ok := s.Get(name); !ok {
		s.unknownService(w, r)
		return
	}
	f, err := decode(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = s.Set(name, f)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, f)
}

func (s *Switch) deleteFault(w http.ResponseWriter, r *http.Request) {
	if err := s.Clear(r.PathValue("service")); err != nil {
		s.unknownService(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Switch) getCounters(w http.ResponseWriter, r *http.Request) {
	all := s.Counters()
	if r.URL.Query().Get("by") != "domain" {
		for name, c := range all {
			c.Lookups = nil
			all[name] = c
		}
	}
	writeJSON(w, http.StatusOK, all)
}

func (s *Switch) resetCounters(w http.ResponseWriter, _ *http.Request) {
	s.ResetCounters()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Switch) unknownService(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusNotFound, map[string]string{
		"error": fmt.Sprintf("no service %q; there are %s", r.PathValue("service"), strings.Join(s.Services(), ", ")),
	})
}

// decode reads one fault, strictly: a misspelt key would otherwise be no fault at all.
func decode(body io.Reader) (Fault, error) {
	var f Fault
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Fault{}, fmt.Errorf("fault: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Fault{}, errors.New("fault: more than one JSON value")
	}
	return f, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}

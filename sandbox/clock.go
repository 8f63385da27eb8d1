package sandbox

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"
)

// Clock is the time in the sandbox. It runs like any clock, from the real time on,
// until it is put forward or back. The zero Clock is ready for use.
type Clock struct{ ahead atomic.Int64 }

// Now returns the sandbox's time, in UTC.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())).UTC() }

// Set makes it t. The clock goes on from there.
func (c *Clock) Set(t time.Time) { c.ahead.Store(int64(time.Until(t))) }

// Advance puts the clock forward, or back if d is negative.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// clockHandler serves the clock:
//
//	GET /_clock   {"now": "2026-11-23T02:30:00Z"}
//	PUT /_clock   {"now": …} sets it, {"advance": "24h"} puts it forward
func clockHandler(c *Clock) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_clock", func(w http.ResponseWriter, _ *http.Request) { c.tell(w) })
	mux.HandleFunc("PUT /_clock", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Now     *time.Time `json:"now"`
			Advance string     `json:"advance"`
		}
		if !readControl(w, r, &in) {
			return
		}
		by, err := time.ParseDuration(in.Advance)
		switch {
		case (in.Now == nil) == (in.Advance == ""):
			refuseControl(w, "give either now or advance")
		case in.Now != nil:
			c.Set(*in.Now)
			c.tell(w)
		case err != nil:
			refuseControl(w, "advance: "+err.Error())
		default:
			c.Advance(by)
			c.tell(w)
		}
	})
	return mux
}

func (c *Clock) tell(w http.ResponseWriter) {
	writeJSON(w, http.StatusOK, map[string]time.Time{"now": c.Now()})
}

// maxControl bounds the body of a control, in bytes.
const maxControl = 16 << 20

// readControl reads the body of a control, strictly: a misspelt key would otherwise
// do nothing.
func readControl(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		refuseControl(w, "body: "+err.Error())
		return false
	}
	return true
}

func refuseControl(w http.ResponseWriter, why string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": why})
}

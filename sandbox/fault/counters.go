package fault

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Counters is what reached one service since the last reset.
type Counters struct {
	Requests      int            `json:"requests"`
	ByStatus      map[string]int `json:"by_status"` // "0": the connection ended without an answer
	ByFault       map[string]int `json:"by_fault"`
	UniqueLookups int            `json:"unique_lookups"` // different records asked about
	MaxPerLookup  int            `json:"max_per_lookup"` // how often the one most asked about was
	Credits       float64        `json:"credits"`        // what the vendor would bill
	PeakPerSecond int            `json:"peak_per_second"`
	WritesLost    int            `json:"writes_lost"` // done, and never answered
	Lookups       map[string]int `json:"lookups,omitempty"`
}

// service is one name with its fault, its counters and its window.
type service struct {
	name string

	mu      sync.Mutex
	dialect Dialect
	fault   Fault

	sequence int // calls since the start, for the draws: a reset of the counters leaves it
	count    Counters
	charged  map[string]bool
	second   int64 // of the clock, that the next two belong to
	arrived  int
	admitted int
}

func newService(name string) *service {
	s := &service{name: name}
	s.reset()
	return s
}

// call is one request on its way through.
type call struct {
	service   *service
	dialect   Dialect
	fault     Fault
	sequence  int
	throttled bool
}

// begin counts a request and takes the fault as it stands now.
func (s *service) begin(r *http.Request, now time.Time) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	s.count.Requests++
	if second := now.Unix(); second != s.second {
		s.second, s.arrived, s.admitted = second, 0, 0
	}
	s.arrived++
	s.count.PeakPerSecond = max(s.count.PeakPerSecond, s.arrived)
	if key := s.dialect.lookup(r); key != "" {
		s.count.Lookups[key]++
		s.count.MaxPerLookup = max(s.count.MaxPerLookup, s.count.Lookups[key])
	}
	c := &call{service: s, dialect: s.dialect, fault: s.fault, sequence: s.sequence}
	// A refused call does not use up the window, or a patient client would starve.
	if c.throttled = s.fault.MaxPerSecond > 0 && s.admitted >= s.fault.MaxPerSecond; !c.throttled {
		s.admitted++
	}
	return c
}

// end counts how the call was answered; status 0 means that it was not.
func (s *service) end(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.ByStatus[strconv.Itoa(status)]++
}

func (s *service) met(faultName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.ByFault[faultName]++
}

func (s *service) lostWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.ByFault["lost_answer"]++
	s.count.WritesLost++
}

func (s *service) charge(record string, credits float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if record != "" {
		if s.charged[record] {
			return
		}
		s.charged[record] = true
	}
	s.count.Credits += credits
}

func (s *service) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charged = map[string]bool{}
	s.count = Counters{ByStatus: map[string]int{}, ByFault: map[string]int{}, Lookups: map[string]int{}}
}

func (s *service) counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.count
	c.ByStatus, c.ByFault, c.Lookups = maps.Clone(c.ByStatus), maps.Clone(c.ByFault), maps.Clone(c.Lookups)
	c.UniqueLookups = len(c.Lookups)
	return c
}

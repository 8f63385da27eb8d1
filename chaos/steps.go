package main

import (
	"maps"
	"sync"
)

// steps knows which steps are waited for, and does what is to be done there.
type steps struct {
	do func(Fault) // returns when it is done, not when it is over

	mu    sync.Mutex
	armed []*armed
	seen  map[string]int // how often each came, since the faults were armed
}

type armed struct {
	Fault
	seen  int
	fired bool
}

// arm waits for the faults from now on.
func (s *steps) arm(faults []Fault, do func(Fault)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do, s.armed, s.seen = do, nil, map[string]int{}
	for _, f := range faults {
		s.armed = append(s.armed, &armed{Fault: f})
	}
}

// disarm waits for none any more, and returns those that were met and those that were not.
func (s *steps) disarm() (met, missed []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.armed {
		if a.fired {
			met = append(met, a.Fault)
		} else {
			missed = append(missed, a.Fault)
		}
	}
	s.armed = nil
	return met, missed
}

// counted returns how often each step came.
func (s *steps) counted() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.seen)
}

// left counts the faults that are still waited for.
func (s *steps) left() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.armed {
		if !a.fired {
			n++
		}
	}
	return n
}

// waits says whether any fault waits for the step once it is answered, so that the answer
// has to be held.
func (s *steps) waits(at string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.armed {
		if !a.fired && a.When.Answered && a.When.At == at {
			return true
		}
	}
	return false
}

// reach says that a request is at the step, and does what is due there. It reports whether
// the request or its answer is lost with what was done.
func (s *steps) reach(at string, answered bool) (lost bool) {
	var due []Fault
	s.mu.Lock()
	do := s.do
	if s.seen != nil && !answered {
		s.seen[at]++
	}
	for _, a := range s.armed {
		if a.fired || a.When.At != at || a.When.Answered != answered {
			continue
		}
		if a.seen++; a.seen == a.When.Nth {
			a.fired = true
			due = append(due, a.Fault)
		}
	}
	s.mu.Unlock()
	for _, f := range due {
		do(f)
		lost = lost || f.Do.loses(at)
	}
	return lost
}

// asked are the steps that the starter takes; all others are the worker's.
var asked = map[string]bool{
	"temporal StartWorkflowExecution": true, "temporal SignalWithStartWorkflowExecution": true, "temporal UpdateWorkflowExecution": true,
	"temporal ExecuteMultiOperation": true,
	"postgres events":                true, "postgres overrides": true, "postgres releases": true, "postgres approvals": true,
}

// loses reports whether who asks, or the way to whom was asked, is gone after the action.
func (a Action) loses(at string) bool {
	switch a {
	case KillWorker:
		return !asked[at]
	case KillStarter:
		return asked[at]
	case KillTemporal, CutTemporal:
		return service(at) == "temporal"
	case KillPostgres, CutPostgres:
		return service(at) == "postgres"
	case CutCRM:
		return service(at) == "hubspot"
	case CutVendors:
		return service(at) == "vendor"
	default:
		return false
	}
}

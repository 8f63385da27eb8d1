package engagement

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxTold bounds what is remembered. Whoever comes more often is known anyway.
const maxTold = 500

// memory is what was told, and what the CRM had counted by then.
type memory struct {
	Told []past `json:"told,omitempty"` // visits, the oldest first
	// Until is the latest visit that is told but no longer in Told: what is not later is
	// told, too.
	Until     time.Time `json:"until,omitzero"`
	Pricing   *float64  `json:"pricing,omitempty"`
	Demos     *float64  `json:"demos,omitempty"`
	LastVisit time.Time `json:"last_visit,omitzero"`
}

type past struct {
	Key string    `json:"key"`
	At  time.Time `json:"at"`
}

// recall takes what cannot be read for nothing: what is still within the time of a
// look is told again, and recognised by whoever keeps signals.
func recall(before json.RawMessage) memory {
	var m memory
	if json.Unmarshal(before, &m) != nil {
		return memory{}
	}
	return m
}

func (m memory) told(v visit) bool {
	if !v.At.After(m.Until) {
		return true
	}
	for _, p := range m.Told {
		if p.Key == v.key {
			return true
		}
	}
	return false
}

// after is what there is to remember once the fresh visits are told.
func (m memory) after(fresh []visit, c counts) memory {
	for _, v := range fresh {
		m.Told = append(m.Told, past{v.key, v.At})
	}
	slices.SortStableFunc(m.Told, func(a, b past) int { return a.At.Compare(b.At) })
	for len(m.Told) > maxTold {
		if m.Told[0].At.After(m.Until) {
			m.Until = m.Told[0].At
		}
		m.Told = m.Told[1:]
	}
	if c.pricing != nil {
		m.Pricing = c.pricing
	}
	if c.demos != nil {
		m.Demos = c.demos
	}
	if c.lastVisit.After(m.LastVisit) {
		m.LastVisit = c.lastVisit
	}
	return m
}

// number reads a count of the CRM; nil if it is none.
func number(s string) *float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
		return nil
	}
	return &n
}

// moment reads a time in the forms in which CRMs write one, milliseconds since 1970
// among them; the zero time if it is none.
func moment(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms > 0 && ms < 4e12 { // the year 2096
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

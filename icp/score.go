package icp

import (
	"strconv"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Score is what a model makes of an account. It holds everything that explains it,
// is stored as it is and is read back, never worked out again.
type Score struct {
	Value        int      `json:"value"`           // in points of the model's scale; unknown inputs add nothing
	Low          int      `json:"low"`             // the worst that the unknown could still make of it
	High         int      `json:"high"`            // the best
	Fit          int      `json:"fit"`             // Value as if the model had no intent and no engagement criteria
	Engagement   int      `json:"engagement"`      // as if it had only those of the dimension engagement
	Intent       int      `json:"intent"`          // as if it had only those of the dimension intent
	Completeness float64  `json:"completeness"`    // 0 to 1: the share of all |points| whose input is known
	Tier         string   `json:"tier"`            // of Value, or of the model's matrix
	Floor        string   `json:"floor,omitempty"` // of a provisional score: the tier that it has at worst
	Provisional  bool     `json:"provisional"`     // what is unknown could still change the tier
	Criteria     []Result `json:"criteria"`        // one for each criterion, in the model's order
}

// String returns the score in one line: 65 in 65..80, Tier 2 (provisional).
func (s Score) String() string {
	line := strconv.Itoa(s.Value) + " in " + strconv.Itoa(s.Low) + ".." + strconv.Itoa(s.High) + ", " + s.Tier
	if s.Provisional {
		line += " (provisional)"
	}
	return line
}

func (s *Score) numbers() [measures]int {
	return [measures]int{ofValue: s.Value, ofFit: s.Fit, ofEngagement: s.Engagement, ofIntent: s.Intent}
}

// Result is one criterion's part in a score. Its small numbers are small: there is
// one for each criterion of every account, and memory is most of what rating costs.
type Result struct {
	Name       string        `json:"name"`
	Dimension  string        `json:"dimension"`
	Points     int           `json:"points"`               // before scaling
	Max        int16         `json:"max"`                  // for full credit; negative for a risk
	Low        int16         `json:"low"`                  // Points, or the least that is still open
	High       int16         `json:"high"`                 // Points, or the most that is still open
	AgeDays    int16         `json:"age_days"`             // whole days from ObservedAt to the rating, at most 32,767
	Input      account.Value `json:"input"`                // the fact, the signal's kind, how many contacts match, or whether the expression holds; null while unknown
	Provider   string        `json:"provider,omitempty"`   // who said so: a provider, or the signal's source
	ObservedAt time.Time     `json:"observed_at,omitzero"` // when it was observed, the oldest of several; of a signal, when it happened
	Reason     string        `json:"reason"`               // for people: "employees: 30, within 20 to 49, partial credit"
}

// Known reports whether the criterion had an input.
func (r *Result) Known() bool { return !r.Input.IsZero() }

// earns gives r its points, which are within maxPoints.
func (r *Result) earns(points int) {
	r.Points, r.Low, r.High = points, int16(points), int16(points)
}

// opens gives r the range of all that c can give.
func (r *Result) opens(c *Criterion) { r.Low, r.High = int16(c.reach.low), int16(c.reach.high) }

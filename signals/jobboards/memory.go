package jobboards

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxSeen        = maxPostings
	maxDepartments = 300
)

// memory is what a look leaves for the next one.
type memory struct {
	Board  string `json:"board,omitempty"`  // whose postings Seen are: greenhouse:acme
	Given  bool   `json:"given,omitempty"`  // by the CRM, so that it need not say whose it is
	Missed int    `json:"missed,omitempty"` // looks in a row that did not find Board
	// Tried is when each system was last found to have no board of the account.
	Tried map[string]string `json:"tried,omitempty"`

	// Seen are marks of postings, those on the board first. Where the board does not
	// date a posting, the day on which it was first seen follows its mark.
	Seen        []string `json:"seen,omitempty"`
	Departments []string `json:"departments,omitempty"` // that have had a posting, as slugs
	Burst       bool     `json:"burst,omitempty"`       // the present one needs no telling any more
}

// recall reads what the last look left. What cannot be read is forgotten: the account
// is then seen for the first time.
func recall(before json.RawMessage) memory {
	var m memory
	if len(before) == 0 || json.Unmarshal(before, &m) != nil {
		return memory{}
	}
	return m
}

// keep returns what the next look is to be reminded of; nil if that is nothing.
func (m *memory) keep() json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil || string(b) == "{}" {
		return nil
	}
	return b
}

// forget drops a board that is not the account's any more.
func (m *memory) forget(b board, now time.Time) {
	*m = memory{Tried: m.Tried, Burst: m.Burst}
	m.triedAt(b.system(), now)
}

func (m *memory) triedAt(s *system, now time.Time) {
	if m.Tried == nil {
		m.Tried = map[string]string{}
	}
	m.Tried[s.name] = now.UTC().Format(time.DateOnly)
}

// due reports whether a system is to be asked for the account's board again.
func (m *memory) due(s *system, now time.Time) bool {
	last, err := time.Parse(time.DateOnly, m.Tried[s.name])
	return err != nil || now.Sub(last) >= tryAgain
}

// mark stands for a posting's id: ids of up to 36 letters would be too long to keep.
// At 48 bits, two of 2000 postings share one about once in 100 million boards.
func mark(id string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], h.Sum64())
	return base64.RawURLEncoding.EncodeToString(b[2:])
}

const (
	markLen = 8 // letters
	dayBase = 36
)

// withDay adds to a mark the day on which it was first seen.
func withDay(mark string, seen time.Time) string {
	return mark + strconv.FormatInt(seen.Unix()/(24*60*60), dayBase)
}

// splitMark takes the day away again; zero if there is none.
func splitMark(s string) (mark string, seen time.Time) {
	if len(s) <= markLen {
		return s, time.Time{}
	}
	days, err := strconv.ParseInt(s[markLen:], dayBase, 32)
	if err != nil {
		return s[:markLen], time.Time{}
	}
	return s[:markLen], time.Unix(days*24*60*60, 0).UTC()
}

// seen returns the marks with the days that they carry.
func (m *memory) seen() map[string]time.Time {
	out := make(map[string]time.Time, len(m.Seen))
	for _, s := range m.Seen {
		key, day := splitMark(s)
		out[key] = day
	}
	return out
}

// note keeps the marks of what is on the board, and as many of those that were on it
// as there is room for: a posting that comes back is not new.
func (m *memory) note(jobs []job) {
	present := make(map[string]bool, len(jobs))
	marks := make([]string, 0, len(jobs))
	for _, j := range jobs {
		present[j.mark] = true
		if j.undated && !j.at.IsZero() {
			marks = append(marks, withDay(j.mark, j.at))
			continue
		}
		marks = append(marks, j.mark)
	}
	for _, s := range m.Seen {
		if key, _ := splitMark(s); !present[key] && len(key) == markLen {
			marks = append(marks, s)
		}
	}
	m.Seen = marks[:min(len(marks), maxSeen)]
}

// noteDepartment reports whether the department is new, and keeps it.
func (m *memory) noteDepartment(slug string) bool {
	if slug == "" || slices.Contains(m.Departments, slug) {
		return false
	}
	if len(m.Departments) < maxDepartments {
		m.Departments = append(m.Departments, slug)
		slices.Sort(m.Departments)
	}
	return true
}

// slugOf brings a department to one form: "Sales & Marketing" is sales-marketing.
func slugOf(department string) string {
	words := strings.FieldsFunc(strings.ToLower(department), func(r rune) bool { return !isWordRune(r) })
	return clip(strings.Join(words, "-"), 60)
}

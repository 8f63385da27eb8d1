package people

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/sluicehq/sluice/signals"
)

// maxHolders is how many may have a role for a change of one to be worth telling, and
// how many who have left it are remembered.
const maxHolders = 10

// memory is who had which role, by Apollo's ids: nobody can be recognised by them.
type memory struct {
	Roles map[string]role `json:"roles"`
	Empty bool            `json:"empty,omitempty"` // the last answer was, against all that is known
}

// role is what is remembered of one. Who came while nobody left is in neither list, and
// becomes news when the one before leaves: records of both overlap for months.
type role struct {
	Held []string `json:"held"`
	Left []string `json:"left,omitempty"` // so that a record that was lost for a while is no newcomer
}

// recall takes what cannot be read for nothing: the next look has a baseline again.
func recall(before json.RawMessage) memory {
	var m memory
	if json.Unmarshal(before, &m) != nil {
		m = memory{}
	}
	if m.Roles == nil {
		m.Roles = map[string]role{}
	}
	return m
}

func remember(events []signals.Event, m memory) (signals.Sight, error) {
	raw, err := json.Marshal(m)
	return signals.Sight{Events: events, Remember: raw}, err
}

// holders reports whether anybody is remembered.
func (m memory) holders() bool {
	for _, r := range m.Roles {
		if len(r.Held) > 0 {
			return true
		}
	}
	return false
}

// compare tells what has changed, and makes what was found the next observation. Roles
// that the model no longer names are forgotten.
func (m memory) compare(found holders, at signals.Look) []signals.Event {
	var events []signals.Event
	for _, r := range at.Rules.Executives {
		people := found[r.Name]
		if len(people) > maxHolders { // not a role of which one can be new
			continue
		}
		before, known := m.Roles[r.Name]
		now, newcomer := before.next(people)
		if newcomer != nil && known {
			events = append(events, event(r.Name, *newcomer, at))
		}
		m.Roles[r.Name] = now
	}
	for name := range m.Roles {
		if _, asked := found[name]; !asked {
			delete(m.Roles, name)
		}
	}
	return events
}

// next is the role with the people who have it now. The newcomer is the one who has
// taken it over, or has it first; nil if nobody has.
func (r role) next(people []person) (next role, newcomer *person) {
	now := ids(people)
	var came *person
	for _, p := range slices.SortedFunc(slices.Values(people), func(a, b person) int { return cmp.Compare(a.ID, b.ID) }) {
		if !slices.Contains(r.Held, p.ID) && !slices.Contains(r.Left, p.ID) {
			came = &p
			break
		}
	}
	gone := without(r.Held, now)
	left := append(without(r.Left, now), gone...)
	left = left[max(0, len(left)-maxHolders):]
	if came != nil && (len(gone) > 0 || len(r.Held) == 0) {
		return role{Held: now, Left: left}, came
	}
	known := func(id string) bool { return slices.Contains(r.Held, id) || slices.Contains(r.Left, id) }
	return role{Held: slices.DeleteFunc(now, func(id string) bool { return !known(id) }), Left: left}, nil
}

func ids(people []person) []string {
	all := make([]string, len(people))
	for i, p := range people {
		all[i] = p.ID
	}
	slices.Sort(all)
	return all
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(some, id) })
}

// event dates a change by the look: it happened since the one before. Apollo hears of
// changes late and is wrong about some.
func event(role string, who person, at signals.Look) signals.Event {
	title := signals.Label(who.Title, maxLabel)
	concerns := title
	if first := signals.Label(who.FirstName, maxLabel); first != "" {
		concerns = first + ", " + title
	}
	return signals.Event{
		Kind: signals.ExecutiveChange, Entity: role, OccurredAt: at.Now, Summary: "has a new " + title,
		Concerns: concerns, Confidence: 0.6,
		Evidence: []signals.Evidence{{Source: name, Title: "people search: " + title, At: at.Now}},
	}
}

package icp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Held is the tier that an account has had until now. The zero Held is no history.
type Held struct {
	Tier  string    // its name
	Since time.Time // when the account came to it; zero: longer than anybody knows
}

// Settle returns the tier that an account gets for a score, given the one it holds.
// A better tier is taken at once; a worse one only when the score is below the Leave
// of the held tier and the account has been in it for its Dwell. So a score that
// wavers about a boundary does not move the account to and fro, and a reason to call
// is not kept waiting. A held tier that m does not have is no history. In a matrix it
// is each of the two numbers that has a Leave, and a tier is worse that comes later in
// the model.
//
// Why says for people what held the account back; it is empty where the tier is the
// score's own.
func (m *Model) Settle(s Score, held Held, at time.Time) (tier Tier, why string) {
	own, was := m.tierIndex(s.numbers(), -1), m.tierNamed(held.Tier)
	if was < 0 || own <= was {
		return m.tier(own), ""
	}
	kept := m.tierIndex(s.numbers(), was)
	if kept == was {
		return m.tier(was), "stays in " + held.Tier + ", which is left below " + m.leaves(was)
	}
	if dwell := m.Tiers[was].Dwell; !held.Since.IsZero() && at.Sub(held.Since) < dwell {
		return m.tier(was), fmt.Sprintf("stays in %s for at least %s, until %s", held.Tier, duration(dwell), held.Since.Add(dwell).UTC().Format(time.DateOnly))
	}
	return m.tier(own), ""
}

// leaves says where the i-th tier is left.
func (m *Model) leaves(i int) string {
	if m.Matrix == nil {
		return strconv.Itoa(m.Tiers[i].Leave)
	}
	var bounds []string
	for axis, high := range m.Matrix.sides(i) {
		if a := m.Matrix.Axes[axis]; high {
			bounds = append(bounds, fmt.Sprintf("%s %d", a.Measure, a.Leave))
		}
	}
	return strings.Join(bounds, " or ")
}

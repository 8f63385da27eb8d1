package icp

import (
	"fmt"
	"slices"
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
// is not kept waiting. A held tier that m does not have is no history.
//
// Why says for people what held the account back; it is empty where the tier is the
// score's own.
func (m *Model) Settle(s Score, held Held, at time.Time) (tier Tier, why string) {
	own := m.TierFor(s.Value)
	is := slices.IndexFunc(m.Tiers, func(t Tier) bool { return t.Name == own.Name })
	was := slices.IndexFunc(m.Tiers, func(t Tier) bool { return t.Name == held.Tier })
	if was < 0 || is <= was {
		return own, ""
	}
	tier = m.Tiers[was]
	switch stayed := at.Sub(held.Since); {
	case s.Value >= tier.Leave:
		return tier, fmt.Sprintf("stays in %s, which is left below %d", tier.Name, tier.Leave)
	case !held.Since.IsZero() && stayed < tier.Dwell:
		return tier, fmt.Sprintf("stays in %s for at least %s, until %s", tier.Name, duration(tier.Dwell), held.Since.Add(tier.Dwell).UTC().Format(time.DateOnly))
	}
	return own, ""
}

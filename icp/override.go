package icp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Override is what a person decided instead of the model, without who and why in words:
// that is personal, and stays in Postgres.
type Override struct {
	Score     *int      `json:"score,omitempty"` // in points of the model's scale; or
	Tier      string    `json:"tier,omitempty"`  // one of the model's
	Code      string    `json:"code"`            // one of [OverrideCodes]
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// OverrideCodes are the kinds of reasons that a person can have.
var OverrideCodes = []string{"strategic", "competitor", "relationship", "data_wrong", "exploration", "other"}

// Bounds is what a model leaves a person to decide on. The zero Bounds is a model that
// is not known yet.
type Bounds struct {
	Min, Max int
	Tiers    []string // high to low
}

// Bounds returns what a person can decide on under m.
func (m *Model) Bounds() Bounds {
	b := Bounds{Min: m.Scale.Min, Max: m.Scale.Max}
	for _, t := range m.Tiers {
		b.Tiers = append(b.Tiers, t.Name)
	}
	return b
}

// Check refuses an override that makes no sense under a model, with an
// [account.InvalidError] that names the field. Under the zero Bounds it checks what
// holds for all models.
func (o Override) Check(b Bounds, now time.Time) error {
	switch {
	case o.Score == nil && o.Tier == "":
		return account.Invalid("score", "give a score or a tier")
	case o.Score != nil && o.Tier != "":
		return account.Invalid("tier", "give a score or a tier, not both: a score has its tier, and a tier moves the score into it")
	case !slices.Contains(OverrideCodes, o.Code):
		return account.Invalid("code", "want one of "+strings.Join(OverrideCodes, ", "))
	case !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(now):
		return account.Invalid("expires_at", "lies in the past")
	case len(b.Tiers) == 0:
		return nil
	case o.Score != nil && (*o.Score < b.Min || *o.Score > b.Max):
		return account.Invalid("score", fmt.Sprintf("want %d to %d, the scale of the model", b.Min, b.Max))
	case o.Tier != "" && !slices.Contains(b.Tiers, o.Tier):
		return account.Invalid("tier", "want one of the model's: "+strings.Join(b.Tiers, ", "))
	}
	return nil
}

// On returns the score that counts while o holds; s is what m makes of the account. A
// tier moves the score just into it, so that whatever goes by the score and whatever
// goes by the tier agree. Fit follows as far as it stands against the person: it is
// capped by a lower score and lifted by a higher one. What is not known moves nothing
// any more. In a matrix, whose tiers are no bands of the score, a tier leaves the score
// alone. Without the tier in m, as after a release, s stays what it is, and ok is false.
func (o Override) On(m *Model, s Score) (counts Score, ok bool) {
	counts = s
	switch {
	case o.Score != nil:
		counts.Value = min(max(*o.Score, m.Scale.Min), m.Scale.Max)
		counts.Tier = m.TierFor(counts.Value).Name
	default:
		low, high, found := m.band(o.Tier)
		if !found {
			return s, false
		}
		counts.Value, counts.Tier = min(max(s.Value, low), high), o.Tier
	}
	switch {
	case counts.Value < s.Value:
		counts.Fit = min(s.Fit, counts.Value)
	case counts.Value > s.Value:
		counts.Fit = max(s.Fit, counts.Value)
	}
	counts.Low, counts.High, counts.Provisional, counts.Floor = counts.Value, counts.Value, false, ""
	return counts, true
}

// band returns the scores that fall in a tier, bounds included.
func (m *Model) band(tier string) (low, high int, ok bool) {
	i := m.tierNamed(tier)
	switch {
	case i < 0:
		return 0, 0, false
	case m.Matrix != nil:
		return m.Scale.Min, m.Scale.Max, true
	case i == 0:
		return m.Tiers[i].Min, m.Scale.Max, true
	}
	return m.Tiers[i].Min, m.Tiers[i-1].Min - 1, true
}

// TierNamed returns a tier by its name; false if m has none of that name.
func (m *Model) TierNamed(name string) (Tier, bool) {
	i := m.tierNamed(name)
	return m.tier(i), i >= 0
}

// String says what was decided: "Tier 1" or "score 80".
func (o Override) String() string {
	if o.Score != nil {
		return fmt.Sprintf("score %d", *o.Score)
	}
	return o.Tier
}

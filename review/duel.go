package review

import (
	"fmt"
	"math"
	"time"

	"github.com/sluicehq/sluice/icp"
)

// PastDeal is a closed deal with what was known of its account when it opened.
type PastDeal struct {
	Won bool
	At  time.Time // when it opened
	icp.Subject
}

// Duel holds two versions of a model against the same closed deals. It keeps scores, not
// deals, so that there may be any number of them.
type Duel struct {
	of     [2]*icp.Model // the candidate, the active one
	scores [2][]float64
	tiers  [2]map[string]tally
	won    []bool
	out    int // deals that neither is for
}

// NewDuel begins a duel without any deal.
func NewDuel(candidate, active *icp.Model) *Duel {
	return &Duel{of: [2]*icp.Model{candidate, active}, tiers: [2]map[string]tally{{}, {}}}
}

// Add rates a deal by both versions, as of its opening. Accounts that the candidate is not
// for are left out.
func (d *Duel) Add(deal PastDeal) {
	if applies, known := d.of[0].Applies(deal.Facts); !applies || !known {
		d.out++
		return
	}
	d.won = append(d.won, deal.Won)
	for i, m := range d.of {
		s := m.Rate(deal.Subject, deal.At)
		d.scores[i] = append(d.scores[i], float64(s.Value))
		t := d.tiers[i][s.Tier]
		t.add(deal.Won)
		d.tiers[i][s.Tier] = t
	}
}

// Duelled is how two versions told closed deals apart.
type Duelled struct {
	Deals     int       `json:"deals"`
	Won       int       `json:"won"`
	Candidate Judged    `json:"candidate"`
	Active    Judged    `json:"active"`
	Delta     *Interval `json:"auc_difference,omitempty"` // candidate less active, paired; nil where there is none
	Why       string    `json:"why,omitempty"`            // there is none
	Notes     []string  `json:"notes,omitempty"`
}

// Judged is how one version did.
type Judged struct {
	Model string     `json:"model"`         // revops@3
	AUC   *Interval  `json:"auc,omitempty"` // nil unless deals were won and lost
	Tiers []TierWins `json:"tiers,omitempty"`
}

// TierWins counts the deals of a tier.
type TierWins struct {
	Name  string `json:"name"`
	Deals int    `json:"deals"`
	Won   int    `json:"won"`
}

// Result says how the two did on the deals so far.
func (d *Duel) Result() Duelled {
	r := Duelled{Deals: len(d.won), Candidate: Judged{Model: d.of[0].ID()}, Active: Judged{Model: d.of[1].ID()}}
	for _, won := range d.won {
		if won {
			r.Won++
		}
	}
	if d.out > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d deals are of accounts that %s is not for", d.out, r.Candidate.Model))
	}
	switch {
	case r.Deals == 0:
		r.Why = "no deals on record"
		return r
	case r.Won == 0 || r.Won == r.Deals:
		r.Why = "deals have to be both won and lost to tell them apart"
	}
	var placed [2]placement
	for i, j := range []*Judged{&r.Candidate, &r.Active} {
		placed[i] = place(d.scores[i], d.won)
		if auc := placed[i].interval(); !math.IsNaN(auc.Value) {
			j.AUC = &auc
		}
		for _, t := range d.of[i].Tiers {
			wins := d.tiers[i][t.Name]
			j.Tiers = append(j.Tiers, TierWins{t.Name, wins.n, wins.won})
		}
	}
	if delta := placed[0].difference(placed[1]); r.Candidate.AUC != nil {
		r.Delta = &delta
	}
	return r
}

// Verdict says in words which of the two told the deals apart better.
func (r Duelled) Verdict() string {
	switch {
	case r.Delta == nil:
		return "no verdict: " + r.Why
	case r.Delta.Low > 0:
		return r.Candidate.Model + " tells them apart better"
	case r.Delta.High < 0:
		return r.Active.Model + " tells them apart better"
	default:
		return "no difference that chance could not make"
	}
}

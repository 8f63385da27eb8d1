package review

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
)

const (
	// driftAccounts is how many accounts a population needs to be compared.
	driftAccounts = 100
	// missingShift is by how much the share of unknown values must have changed to be
	// worth a claim.
	missingShift = 0.05
	// driftBands is how many bands scores and numbers are cut into, and driftWords how
	// many values of a text, or items of a list, are told apart.
	driftBands = 10
	driftWords = 20
)

// drift compares the population at the two ends of the quarter. Most accounts are in both,
// so that the tests, which take the ends for two samples, claim less than they could.
func (r *reviewing) drift() {
	a, b := r.in.Start, r.in.End
	if a == nil || b == nil || a.Accounts < driftAccounts || b.Accounts < driftAccounts {
		r.note("whether the population drifted is not told: fewer than %d scored accounts at one end of the quarter", driftAccounts)
		return
	}
	d := &Drift{Start: a.Accounts, End: b.Accounts, Tiers: []TierShare{}, Fields: []FieldDrift{}}
	r.out.Drift = d
	d.Score = moved(inBands(asNumbers(a.values), asNumbers(b.values)))
	r.populationClaim("score", "score", d.Score, func() string { return "Scores of the population moved" })
	d.Tier = r.tierDrift(d)
	r.populationClaim("tiers", "tiers", d.Tier, func() string { return "The shares of the tiers moved: " + d.largestTierShift() })
	for _, f := range fieldsOf(r.in.Model) {
		d.Fields = append(d.Fields, r.fieldDrift(f))
	}
}

// populationClaim tests a change: claims need one that is worth a look, beside one that is
// not chance, since in a large population any change is not chance.
func (r *reviewing) populationClaim(subject, name string, c Change, says func() string) {
	p := c.P
	if float64(c.PSI) < psiSome {
		p = 1
	}
	r.looked.test(ofPopulation, p, func() Claim {
		return Claim{
			Kind: "population", Subject: subject, Now: noEstimate(r.in.End.Accounts), Before: noEstimate(r.in.Start.Accounts),
			Effect:   Estimate{N: r.in.Start.Accounts + r.in.End.Accounts, Value: c.PSI, Low: none, High: none},
			Sentence: fmt.Sprintf("%s (stability index %.2f, %s).", says(), c.PSI, c.Says),
			Action:   "Look whether other accounts come in, or whether a provider says other things of " + name + " than it did.",
		}
	})
}

func (r *reviewing) tierDrift(d *Drift) Change {
	names := slices.Sorted(maps.Keys(r.in.Start.tiers))
	for name := range r.in.End.tiers {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(r.rank(a), r.rank(b)), strings.Compare(a, b))
	})
	start, end := make([]int, len(names)), make([]int, len(names))
	for i, name := range names {
		start[i], end[i] = r.in.Start.tiers[name], r.in.End.tiers[name]
		d.Tiers = append(d.Tiers, TierShare{
			Tier:  name,
			Start: tally{n: r.in.Start.Accounts, won: start[i]}.share(),
			End:   tally{n: r.in.End.Accounts, won: end[i]}.share(),
		})
	}
	return moved(start, end)
}

func (d *Drift) largestTierShift() string {
	most := slices.MaxFunc(d.Tiers, func(a, b TierShare) int {
		return cmp.Compare(math.Abs(float64(a.End.Value-a.Start.Value)), math.Abs(float64(b.End.Value-b.Start.Value)))
	})
	return fmt.Sprintf("%s from %.0f %% to %.0f %%", most.Tier, 100*most.Start.Value, 100*most.End.Value)
}

func (r *reviewing) fieldDrift(f account.Field) FieldDrift {
	a, b := r.in.Start.of(f), r.in.End.of(f)
	lost := tally{n: r.in.Start.Accounts, won: r.in.Start.Accounts - a.known}
	loses := tally{n: r.in.End.Accounts, won: r.in.End.Accounts - b.known}
	difference, z := shareChange(loses, lost)
	d := FieldDrift{Field: string(f), MissingStart: lost.share(), MissingEnd: loses.share(), MissingP: twoSided(z)}
	d.Change, d.Most = a.against(b)
	r.populationClaim(string(f), string(f), d.Change, func() string {
		return fmt.Sprintf("What is known of %s moved: %s", spaced(string(f)), d.Most)
	})
	p := d.MissingP
	if math.Abs(difference.Value) < missingShift {
		p = 1
	}
	r.looked.test(ofPopulation, p, func() Claim {
		return Claim{
			Kind: "population", Subject: string(f) + " unknown", Now: d.MissingEnd, Before: d.MissingStart, Effect: difference.estimate(lost.n + loses.n),
			Sentence: fmt.Sprintf("%s is unknown of %.0f %% of the accounts, where it was of %.0f %%.", spaced(string(f)), 100*d.MissingEnd.Value, 100*d.MissingStart.Value),
			Action:   "Look at the providers that should know it.",
		}
	})
	return d
}

func (c *Cohort) of(f account.Field) *spread {
	if s := c.fields[f]; s != nil {
		return s
	}
	return &spread{}
}

// against compares the known values of a field. most is the one whose share changed most.
func (s *spread) against(end *spread) (change Change, most string) {
	unchanged := Change{PSI: 0, P: 1, Says: stable}
	if s.known < minSupport || end.known < minSupport {
		unchanged.Says = "too few known values"
		return unchanged, ""
	}
	if len(s.numbers)+len(end.numbers) > 0 {
		low, high := middle(s.numbers), middle(end.numbers)
		return moved(inBands(s.numbers, end.numbers)), fmt.Sprintf("the middle from %s to %s", number(low), number(high))
	}
	words := s.commonWords(end)
	if len(words) == 0 {
		return unchanged, ""
	}
	top := slices.MaxFunc(words, func(a, b string) int { return cmp.Compare(s.shift(end, a), s.shift(end, b)) })
	most = fmt.Sprintf("%s from %.0f %% to %.0f %%", top, 100*s.part(top), 100*end.part(top))
	if s.mentions()+end.mentions() == s.known+end.known {
		return moved(s.counts(words), end.counts(words)), most
	}
	// Items of a list are tested one by one, since an account has several; what is said is
	// the surest, corrected for their number.
	change = unchanged
	for _, w := range words {
		one := moved([]int{s.words[w], s.known - s.words[w]}, []int{end.words[w], end.known - end.words[w]})
		if p := min(1, one.P*float64(len(words))); p < change.P || change.PSI == 0 {
			change = Change{PSI: one.PSI, P: p, Says: one.Says}
			most = fmt.Sprintf("%s from %.0f %% to %.0f %%", w, 100*s.part(w), 100*end.part(w))
		}
	}
	return change, most
}

func (s *spread) mentions() int {
	n := 0
	for _, k := range s.words {
		n += k
	}
	return n
}

func (s *spread) part(w string) float64 { return float64(s.words[w]) / float64(max(s.known, 1)) }

func (s *spread) shift(end *spread, w string) float64 { return math.Abs(end.part(w) - s.part(w)) }

// commonWords are those that most accounts have at either end.
func (s *spread) commonWords(end *spread) []string {
	all := map[string]int{}
	for _, side := range []*spread{s, end} {
		for w, n := range side.words {
			all[w] += n
		}
	}
	words := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(all[b]-all[a], strings.Compare(a, b)) })
	return words[:min(len(words), driftWords)]
}

// counts counts the words, and last what is none of them.
func (s *spread) counts(words []string) []int {
	out := make([]int, len(words)+1)
	rest := s.known
	for i, w := range words {
		out[i] = s.words[w]
		rest -= s.words[w]
	}
	out[len(words)] = max(0, rest)
	return out
}

func asNumbers(values map[int]int) map[float64]int {
	out := make(map[float64]int, len(values))
	for v, n := range values {
		out[float64(v)] = n
	}
	return out
}

// inBands counts both in bands of about equal numbers at the start.
func inBands(start, end map[float64]int) (a, b []int) {
	total := 0
	for _, n := range start {
		total += n
	}
	both := maps.Clone(start)
	if both == nil {
		both = map[float64]int{}
	}
	for v := range end {
		both[v] += 0
	}
	a, b = []int{0}, []int{0}
	seen := 0
	for _, v := range slices.Sorted(maps.Keys(both)) {
		last := len(a) - 1
		if seen*driftBands >= total*(last+1) && a[last] > 0 {
			a, b = append(a, 0), append(b, 0)
			last++
		}
		a[last] += start[v]
		b[last] += end[v]
		seen += start[v]
	}
	return a, b
}

func middle(of map[float64]int) float64 {
	total := 0
	for _, n := range of {
		total += n
	}
	seen := 0
	for _, v := range slices.Sorted(maps.Keys(of)) {
		if seen += of[v]; 2*seen >= total {
			return v
		}
	}
	return math.NaN()
}

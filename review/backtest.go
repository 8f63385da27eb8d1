package review

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// Backtest is how a model would have told closed deals apart.
type Backtest struct {
	Model     string   `json:"model"` // revops@3
	N         int      `json:"n"`     // closed deals
	Won       int      `json:"won"`
	AUC       Figure   `json:"auc"` // chance that a won deal scores above a lost one, ties counting half
	AUCLow    Figure   `json:"auc_low"`
	AUCHigh   Figure   `json:"auc_high"`
	LiftAt20  Figure   `json:"lift_at_20"` // win rate of the fifth with the highest scores over that of all
	LiftLow   Figure   `json:"lift_at_20_low"`
	LiftHigh  Figure   `json:"lift_at_20_high"`
	Tiers     []InTier `json:"tiers"` // high to low
	WinRate   ByTier   `json:"win_rate_by_tier"`
	Churn     ByTier   `json:"churn_by_tier"`   // share of the customers; empty without a churn column
	Revenue   ByTier   `json:"revenue_by_tier"` // of won deals; empty without a value column
	Missing   Figure   `json:"missing_rate"`    // share of all inputs of criteria that were not known
	Unknown   ByName   `json:"missing_by_criterion"`
	Target    string   `json:"target"` // what AUC and lift tell apart
	Gain      []Gained `json:"gain"`   // from the highest score down
	Notes     []string `json:"notes"`
	placement placement
}

// Figure is a number that JSON writes as null where there is none.
type Figure float64

// MarshalJSON implements json.Marshaler.
func (f Figure) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON implements json.Unmarshaler: null is no number.
func (f *Figure) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*f = Figure(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(f))
}

// ByTier holds a figure for each tier that has one.
type ByTier map[string]Figure

// ByName holds a figure for each criterion that has one.
type ByName map[string]Figure

// InTier is how the deals of one tier went.
type InTier struct {
	Name        string  `json:"name"`
	Min         int     `json:"min"`
	Deals       int     `json:"n"`
	Won         int     `json:"won"`
	WinRate     Figure  `json:"win_rate"`
	WinRateLow  float64 `json:"win_rate_low"`
	WinRateHigh float64 `json:"win_rate_high"`
}

// Gained is a point of the gain curve.
type Gained struct {
	Deals float64 `json:"deals"` // share of all deals
	Won   float64 `json:"won"`   // share of all won ones among them
}

// Backtest rates each deal with m as of its date, or at the given time where deals have
// no dates, and holds the scores against the outcomes. A criterion whose field the file
// has no column for finds nothing known, and a note says so. The error is an
// [account.ErrInvalid] when no criterion finds a column.
func (d *Deals) Backtest(m *icp.Model, at time.Time) (*Backtest, error) {
	inputs, notes, err := d.inputs(m)
	if err != nil {
		return nil, err
	}
	b := &Backtest{Model: m.ID(), N: d.Len(), Won: d.Won(), Churn: ByTier{}, Revenue: ByTier{}, WinRate: ByTier{}, Unknown: ByName{}}
	b.Notes = append(slices.Clone(d.Notes), notes...)
	scores, tier := make([]float64, d.Len()), make([]string, d.Len())
	missing, asked := 0, 0
	for i, row := range d.rows {
		if d.at != nil {
			at = d.at[i]
		}
		s := icp.Rate(m, facts(inputs, row, d.missing), nil, at)
		scores[i], tier[i] = float64(s.Value), s.Tier
		for k := range s.Criteria {
			asked++
			if !s.Criteria[k].Known() {
				missing++
				b.Unknown[m.Criteria[k].Name] += 1 / Figure(d.Len())
			}
		}
	}
	b.Missing = Figure(float64(missing) / float64(asked))
	b.compare(d, scores)
	b.byTier(d, m, tier)
	return b, nil
}

// input is a column that a model's criteria look at.
type input struct {
	column int
	field  account.Field
	kind   account.Kind
	layout string // of a date
}

// inputs finds the columns for a model's fields.
func (d *Deals) inputs(m *icp.Model) ([]input, []string, error) {
	var found []input
	var without []string
	for _, f := range fieldsOf(m) {
		kind, _ := m.Kind(f)
		column := slices.IndexFunc(d.header, func(h string) bool { return d.holds(m, f, h) })
		if column < 0 {
			without = append(without, string(f))
			continue
		}
		in := input{column: column, field: f, kind: kind}
		if kind == account.DateKind {
			in.layout = layoutOf(d.known(column))
		}
		found = append(found, in)
	}
	if len(found) == 0 {
		return nil, nil, account.Invalid("model", fmt.Sprintf("none of the fields that %s looks at (%s) is a column of the deals; name the columns as the fields, such as %s",
			m.ID(), strings.Join(without, ", "), strings.Join(without[:min(1, len(without))], "")))
	}
	var notes []string
	if len(without) > 0 {
		notes = append(notes, fmt.Sprintf("the deals have no column for %s: unknown in every deal", strings.Join(without, ", ")))
	}
	return found, notes, nil
}

// fieldsOf lists the fields that a model's criteria look at.
func fieldsOf(m *icp.Model) []account.Field {
	var all []account.Field
	for i := range m.Criteria {
		c := &m.Criteria[i]
		looks := []account.Field{c.Field}
		if c.When != nil {
			looks = c.When.Fields()
		}
		for _, f := range looks {
			if f != "" && c.Of == icp.Own && !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// holds reports whether a column is the one of a field: it has the field's name, the
// name of its CRM property, or the one that a derived model gives it.
func (d *Deals) holds(m *icp.Model, f account.Field, column string) bool {
	if w := word(column); w != "" && w == string(f) || ownWord(column) == string(f) {
		return true
	}
	return slices.ContainsFunc(m.Fields, func(own icp.Declared) bool {
		return own.Name == f && (own.Property == column || own.Property == word(column))
	})
}

func (d *Deals) known(column int) []string {
	var cells []string
	for _, row := range d.rows {
		if !noValue(row[column], d.missing) {
			cells = append(cells, row[column])
		}
	}
	return cells
}

// facts reads what a deal says of its account.
func facts(inputs []input, row, missing []string) account.Facts {
	all := make(account.Facts, len(inputs))
	for _, in := range inputs {
		cell := row[in.column]
		if noValue(cell, missing) {
			continue
		}
		if v := in.value(cell); !v.IsZero() {
			all[in.field] = account.Fact{Field: in.field, Value: v, Provider: "deals", Confidence: 1}
		}
	}
	return all
}

func (in input) value(cell string) account.Value {
	switch in.kind {
	case account.NumberKind:
		if n, ok := parseNumber(cell); ok {
			return account.NumberValue(n)
		}
	case account.BoolKind:
		if is, ok := parseBool(cell); ok {
			return account.BoolValue(is)
		}
	case account.DateKind:
		if t, err := time.Parse(in.layout, cell); err == nil {
			return account.DateValue(t)
		}
	case account.ListKind:
		return account.ListValue(splitList(cell)...)
	default:
		return account.TextValue(cell)
	}
	return account.Value{}
}

// compare holds the scores against the outcomes: won against lost, or the best fifth
// against the rest where nothing was lost.
func (b *Backtest) compare(d *Deals, scores []float64) {
	good := d.won
	b.Target = "won against lost deals"
	if b.Won == b.N {
		good, b.Target = d.target()
	}
	b.placement = place(scores, good)
	auc := b.placement.interval()
	b.AUC, b.AUCLow, b.AUCHigh = Figure(auc.Value), Figure(auc.Low), Figure(auc.High)
	b.Gain = gain(scores, good)
	top := topFifth(scores, good)
	all := tally{}
	for _, g := range good {
		all.add(g)
	}
	nan := Figure(math.NaN())
	if b.LiftAt20, b.LiftLow, b.LiftHigh = nan, nan, nan; all.won > 0 && all.n > 0 {
		share := math.Ceil(bestShare * float64(all.n))
		b.LiftAt20 = Figure(top / share / all.rate())
		spread := lift(tally{int(share), int(math.Round(top))}, all)
		b.LiftLow, b.LiftHigh = Figure(spread.Low), Figure(spread.High)
	}
}

// gain walks down from the highest score; deals with equal scores are one step.
func gain(scores []float64, good []bool) []Gained {
	counts := map[float64]tally{}
	var all tally
	for i, s := range scores {
		t := counts[s]
		t.add(good[i])
		counts[s] = t
		all.add(good[i])
	}
	curve := []Gained{{}}
	if all.won == 0 {
		return curve
	}
	var sum tally
	for _, s := range slices.SortedFunc(maps.Keys(counts), func(a, b float64) int { return cmp.Compare(b, a) }) {
		sum = sum.plus(counts[s])
		curve = append(curve, Gained{float64(sum.n) / float64(all.n), float64(sum.won) / float64(all.won)})
	}
	return curve
}

// topFifth is how many good deals are in the fifth with the highest scores. Where it
// ends among equal scores, as many of these count as a random choice would bring.
func topFifth(scores []float64, good []bool) float64 {
	curve := gain(scores, good)
	total := 0.0
	for _, g := range good {
		if g {
			total++
		}
	}
	share := math.Ceil(bestShare*float64(len(scores))) / float64(max(len(scores), 1))
	for i := 1; i < len(curve); i++ {
		if a, b := curve[i-1], curve[i]; b.Deals >= share {
			return total * (a.Won + (b.Won-a.Won)*(share-a.Deals)/(b.Deals-a.Deals))
		}
	}
	return total
}

func (b *Backtest) byTier(d *Deals, m *icp.Model, tier []string) {
	for _, t := range m.Tiers {
		var wins, churn tally
		revenue := 0.0
		for i := range tier {
			if tier[i] != t.Name {
				continue
			}
			wins.add(d.won[i])
			if d.churned != nil && d.won[i] && d.churned[i] != noMark {
				churn.add(d.churned[i] == yes)
			}
			if d.value != nil && d.won[i] && !math.IsNaN(d.value[i]) {
				revenue += d.value[i]
			}
		}
		rate := wilson(wins.won, wins.n)
		b.Tiers = append(b.Tiers, InTier{t.Name, t.Min, wins.n, wins.won, Figure(rate.Value), rate.Low, rate.High})
		if b.WinRate[t.Name] = Figure(rate.Value); d.churned != nil {
			b.Churn[t.Name] = Figure(churn.rate())
		}
		if d.value != nil {
			b.Revenue[t.Name] = Figure(revenue)
		}
	}
}

// Difference compares two models on the same deals: b's AUC less o's, with its paired 95 %
// interval (DeLong et al. 1988).
func (b *Backtest) Difference(o *Backtest) Interval { return b.placement.difference(o.placement) }

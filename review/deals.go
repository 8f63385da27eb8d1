package review

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// Roles says what the columns of a deal list are, by their names. A column without a
// role is an attribute of the account.
type Roles struct {
	Outcome   string   // whether the deal was won
	ID        string   // the account's id; "" if the file has none
	Date      string   // when the deal was made: what was known is rated as of then
	Value     string   // what the contract is worth a year
	Retention string   // the share of it that stayed, as 0.9 or 90; default a column of that name
	Expansion string   // by which share it grew, as 0.2 or 20; default a column of that name
	Churned   string   // whether a customer was lost again; default a column of that name
	Won       []string // words of the outcome column that mean won; default those of wonWords
	Ignore    []string // columns to leave out
	Missing   []string // words that say nothing, beside [MissingWords]
}

// Deals is a deal list that is understood as far as its roles say.
type Deals struct {
	Notes []string // what was decided about the file, for people

	rows    [][]string
	header  []string
	taken   []bool // columns that have a role, or are left out
	missing []string

	won      []bool
	at       []time.Time // nil without dates
	value    []float64   // NaN where unknown; nil without values
	lifetime []float64   // value × retention, adjusted for expansion; nil without one of these
	churned  []mark      // nil without such a column
	fold     []int       // 0 to folds-1, by what identifies the deal
	account  []int       // a number for each account; nil if no account has two deals
}

// Len returns how many deals are closed, and so count.
func (d *Deals) Len() int { return len(d.won) }

// Won returns how many deals were won.
func (d *Deals) Won() int { return d.tally().won }

// Dated reports whether the deals have dates.
func (d *Deals) Dated() bool { return d.at != nil }

func (d *Deals) tally() tally {
	var t tally
	for _, won := range d.won {
		t.add(won)
	}
	return t
}

func (d *Deals) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

// mark is a yes, a no or neither.
type mark int8

const (
	noMark mark = iota
	no
	yes
)

// wonWords and lostWords are how outcome columns say it, folded to lower case with
// single blanks.
var (
	wonWords  = []string{"1", "1.0", "won", "yes", "true", "y", "t", "closed won", "closedwon", "win", "success"}
	lostWords = []string{"0", "0.0", "lost", "no", "false", "n", "f", "closed lost", "closedlost", "loss", "failure"}
)

// known columns that say what became of a customer, folded like [word].
var (
	retentionWords = []string{"retention", "retention_rate", "gross_retention", "gross_revenue_retention", "grr", "renewal_rate"}
	expansionWords = []string{"expansion", "expansion_rate", "expansion_share"}
	churnedWords   = []string{"churned", "churn", "churn_flag", "is_churned", "churned_within_12_months"}
)

// NewDeals reads a table as deals. Deals that are still open are left out, and a note
// says so. The order of the rows makes no difference to what is read. The error is an
// [account.ErrInvalid] that names the option or the column.
func NewDeals(t *Table, r Roles) (*Deals, error) {
	d := &Deals{header: t.header, rows: slices.Clone(t.rows), taken: make([]bool, len(t.header)), missing: folded(r.Missing)}
	if r.Outcome == "" && r.Value == "" {
		return nil, account.Invalid("outcome", "missing; say which column tells whether the deal was won")
	}
	places, err := d.take(t, r)
	if err != nil {
		return nil, err
	}
	marks, err := d.outcomes(places.outcome, folded(r.Won))
	if err != nil {
		return nil, err
	}
	d.close(marks, places)
	if err := d.read(places); err != nil {
		return nil, err
	}
	return d, nil
}

// places are the columns that have a role; -1 for none.
type places struct{ outcome, id, date, value, retention, expansion, churned int }

func (d *Deals) take(t *Table, r Roles) (places, error) {
	var p places
	for _, want := range []struct {
		what, name string
		guesses    []string
		at         *int
	}{
		{"outcome", r.Outcome, nil, &p.outcome},
		{"id", r.ID, nil, &p.id},
		{"date", r.Date, nil, &p.date},
		{"value", r.Value, nil, &p.value},
		{"retention", r.Retention, retentionWords, &p.retention},
		{"expansion", r.Expansion, expansionWords, &p.expansion},
		{"churned", r.Churned, churnedWords, &p.churned},
	} {
		*want.at = -1
		if want.name == "" {
			*want.at = slices.IndexFunc(t.header, func(h string) bool { return slices.Contains(want.guesses, word(h)) })
			if *want.at >= 0 && (d.taken[*want.at] || slices.Contains(r.Ignore, t.header[*want.at])) {
				*want.at = -1
			}
		} else {
			i, err := t.column(want.what, want.name)
			if err != nil {
				return p, err
			}
			if d.taken[i] {
				return p, account.Invalid(want.what, fmt.Sprintf("the column %q has another role already", want.name))
			}
			*want.at = i
		}
		if *want.at >= 0 {
			d.taken[*want.at] = true
		}
	}
	for _, name := range r.Ignore {
		i, err := t.column("ignore", name)
		if err != nil {
			return p, err
		}
		d.taken[i] = true
	}
	return p, nil
}

// outcomes reads who won. Without an outcome column every row is a customer.
func (d *Deals) outcomes(column int, won []string) ([]mark, error) {
	marks := make([]mark, len(d.rows))
	if column < 0 {
		for i := range marks {
			marks[i] = yes
		}
		return marks, nil
	}
	others := map[string]int{} // neither won nor lost, in the file's own spelling
	lost := map[string]int{}   // since they are not among the words for won
	var seen [yes + 1]int
	for i, row := range d.rows {
		marks[i] = outcome(row[column], won)
		seen[marks[i]]++
		if marks[i] == noMark {
			others[row[column]]++
		}
		if marks[i] == no && len(won) > 0 {
			lost[row[column]]++
		}
	}
	if seen[yes] == 0 || seen[no] == 0 && len(won) == 0 {
		return nil, account.Invalid("outcome", fmt.Sprintf("the column %q has %d won and %d lost deals, and %s; want 1 and 0, won and lost, yes and no, true and false, or say which words mean won",
			d.header[column], seen[yes], seen[no], counts(others)))
	}
	if len(lost) > 1 {
		d.note("%d rows count as lost (%s): are some of these open deals? Leave them out of the file", seen[no], counts(lost))
	}
	if seen[noMark] > 0 {
		d.note("%d rows are neither won nor lost (%s): taken for open deals and left out", seen[noMark], counts(others))
	}
	return marks, nil
}

// outcome reads one cell. Where the words for won are given, all others mean lost.
func outcome(cell string, won []string) mark {
	s := strings.Join(strings.FieldsFunc(strings.ToLower(cell), func(r rune) bool { return r == ' ' || r == '_' || r == '-' }), " ")
	switch {
	case s == "":
		return noMark
	case len(won) > 0:
		return flagged(slices.Contains(won, strings.ToLower(cell)))
	case slices.Contains(wonWords, s):
		return yes
	case slices.Contains(lostWords, s):
		return no
	}
	return noMark
}

func flagged(is bool) mark {
	if is {
		return yes
	}
	return no
}

// counts lists how often each of some words is there, the most frequent first.
func counts(words map[string]int) string {
	sorted := slices.SortedFunc(maps.Keys(words), func(a, b string) int {
		return cmp.Or(words[b]-words[a], strings.Compare(a, b))
	})
	var shown []string
	for _, w := range sorted[:min(len(sorted), 6)] {
		shown = append(shown, fmt.Sprintf("%q %d times", strictyaml.Clip(w, 30), words[w]))
	}
	if len(sorted) > 6 {
		shown = append(shown, fmt.Sprintf("%d other words", len(sorted)-6))
	}
	if len(shown) == 0 {
		return "nothing else"
	}
	return strings.Join(shown, ", ")
}

// close keeps the closed deals, in an order that depends on what they say alone.
func (d *Deals) close(marks []mark, p places) {
	type deal struct {
		row []string
		won bool
		key uint64
	}
	var all []deal
	for i, row := range d.rows {
		if marks[i] != noMark {
			all = append(all, deal{row, marks[i] == yes, hash(row)})
		}
	}
	slices.SortFunc(all, func(a, b deal) int { return cmp.Or(cmp.Compare(a.key, b.key), slices.Compare(a.row, b.row)) })
	d.rows = make([][]string, len(all))
	d.won, d.fold = make([]bool, len(all)), make([]int, len(all))
	twin := 0
	for i, deal := range all {
		d.rows[i], d.won[i] = deal.row, deal.won
		if twin++; i == 0 || !slices.Equal(deal.row, all[i-1].row) {
			twin = 0
		}
		d.fold[i] = (int(deal.key%folds) + twin) % folds // rows that say the same are dealt round
		if p.id >= 0 && deal.row[p.id] != "" {           // the deals of one account stay together
			d.fold[i] = int(hash(deal.row[p.id:p.id+1]) % folds)
		}
	}
	if p.id >= 0 {
		d.numberAccounts(p.id)
	}
}

func (d *Deals) numberAccounts(column int) {
	d.account = make([]int, len(d.rows))
	seen := map[string]int{}
	for i, row := range d.rows {
		n, known := seen[row[column]]
		if !known || row[column] == "" {
			n = i
		}
		seen[row[column]], d.account[i] = n, n
	}
	if len(seen) == len(d.rows) {
		d.account = nil
	}
}

func hash(cells []string) uint64 {
	h := fnv.New64a()
	for _, c := range cells {
		_, _ = h.Write([]byte(c))
		_, _ = h.Write([]byte{0})
	}
	x := h.Sum64() // FNV's low bits are weak; the finaliser of MurmurHash3 mixes them
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// read reads what the columns with roles say of the closed deals.
func (d *Deals) read(p places) error {
	if p.date >= 0 {
		if err := d.readDates(p.date); err != nil {
			return err
		}
	}
	if p.churned >= 0 {
		d.churned = make([]mark, len(d.rows))
		for i, row := range d.rows {
			if is, ok := parseBool(row[p.churned]); ok {
				d.churned[i] = flagged(is)
			}
		}
		d.note("%s says what became of customers: it is no attribute", d.header[p.churned])
	}
	if p.value >= 0 {
		d.value = d.numbers(p.value)
		d.readLifetime(p)
	} else {
		for _, i := range []int{p.retention, p.expansion} {
			if i >= 0 {
				d.note("%s says what became of customers: it is no attribute, and without --value it is not used", d.header[i])
			}
		}
	}
	return nil
}

func (d *Deals) readDates(column int) error {
	var cells []string
	for _, row := range d.rows {
		if !noValue(row[column], d.missing) {
			cells = append(cells, row[column])
		}
	}
	layout := layoutOf(cells)
	if layout == "" || len(cells) < len(d.rows) {
		return account.Invalid("date", fmt.Sprintf("the column %q does not hold a date in every row that counts (YYYY-MM-DD, or one other format throughout)", d.header[column]))
	}
	d.at = make([]time.Time, len(d.rows))
	for i, row := range d.rows {
		at, err := time.Parse(layout, row[column])
		if err != nil {
			return account.Invalid("date", fmt.Sprintf("%q is not a date like the others in column %q", strictyaml.Clip(row[column], 40), d.header[column]))
		}
		d.at[i] = at
	}
	return nil
}

func (d *Deals) numbers(column int) []float64 {
	out := make([]float64, len(d.rows))
	for i, row := range d.rows {
		out[i] = math.NaN()
		if n, ok := parseNumber(row[column]); ok && !noValue(row[column], d.missing) {
			out[i] = n
		}
	}
	return out
}

// readLifetime works out LTV = contract value × retention × (1 + expansion), where the
// columns for it are there. A share that is not known counts as 1 and as 0.
func (d *Deals) readLifetime(p places) {
	if p.retention < 0 && p.expansion < 0 && p.outcome >= 0 {
		return
	}
	d.lifetime = slices.Clone(d.value)
	formula := []string{d.header[p.value]}
	for _, part := range []struct {
		column int
		as     string
		factor func(share float64) float64
	}{
		{p.retention, "%s", func(s float64) float64 { return s }},
		{p.expansion, "(1 + %s)", func(s float64) float64 { return 1 + s }},
	} {
		if part.column < 0 {
			continue
		}
		formula = append(formula, fmt.Sprintf(part.as, d.header[part.column]))
		for i, share := range shares(d.numbers(part.column)) {
			if !math.IsNaN(share) {
				d.lifetime[i] *= part.factor(share)
			}
		}
	}
	d.note("lifetime value = %s", strings.Join(formula, " × "))
}

// shares turns percentages into shares: a column that reaches beyond 5 holds percentages.
func shares(numbers []float64) []float64 {
	factor := 1.0
	for _, n := range numbers {
		if math.Abs(n) > 5 {
			factor = 0.01
		}
	}
	for i := range numbers {
		numbers[i] *= factor
	}
	return numbers
}

func folded(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToLower(strings.TrimSpace(w))
	}
	return out
}

package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/account"
)

// attribute is what one column says of the accounts, cut into atoms: the smallest
// groups of accounts that criteria may tell apart. How it is cut does not depend on
// the outcomes.
type attribute struct {
	column string        // as the file calls it
	field  account.Field // as the model does
	kind   account.Kind  // of the field
	word   string        // of a list: the item that it is about

	atoms []atom
	cell  []uint16 // of each deal, its atom
	unit  float64  // of a number: the finest step between two values

	smallest  float64  // of the numbers
	spellings []string // of the texts or items, each once whatever the case
	blank     []bool   // of each deal, whether the column says nothing
	unknown   tally    // the deals without a value
}

// atom is a smallest group of values. The first atom of an attribute stands for
// anything else: what is missing, and what is too rare to say something about.
type atom struct {
	low, high float64  // of a number: bounds, both included; of a date: ages in days
	words     []string // of a text or a list
	is        bool     // of a yes/no
}

// name tells attributes apart.
func (a *attribute) name() string {
	if a.word != "" {
		return string(a.field) + ": " + a.word
	}
	return string(a.field)
}

// declared reports whether the model must declare the field.
func (a *attribute) declared() bool {
	_, builtIn := a.field.Kind()
	return !builtIn
}

// maxAtoms is how many bands a number is first cut into, and rareWords how many
// levels without support of their own a criterion may list.
const (
	maxAtoms  = 32
	rareWords = 20
)

// attributes cuts every column without a role. Those that cannot be an attribute are
// left out with a note.
func (d *Deals) attributes(support int) []attribute {
	var all []attribute
	var useless []string
	used := map[account.Field]bool{}
	for i, h := range d.header {
		if d.taken[i] || h == "" {
			continue
		}
		cut, why := d.cut(i, support, used)
		if why != "" {
			useless = append(useless, h+" ("+why+")")
		}
		all = append(all, cut...)
	}
	if len(useless) > 0 {
		d.note("no attributes: %s", strings.Join(useless, ", "))
	}
	return all
}

// cut makes the attribute of a column, or several of a list. Otherwise it says why
// there is none.
func (d *Deals) cut(column, support int, used map[account.Field]bool) ([]attribute, string) {
	cells := make([]string, len(d.rows))
	var known []string
	for i, row := range d.rows {
		if !noValue(row[column], d.missing) {
			cells[i] = row[column]
			known = append(known, row[column])
		}
	}
	a := attribute{column: d.header[column], cell: make([]uint16, len(cells)), atoms: make([]atom, 1), blank: make([]bool, len(cells))}
	for i, c := range cells {
		a.blank[i] = c == ""
	}
	distinct := distinctFold(known)
	switch {
	case len(known) == 0:
		return nil, "empty"
	case distinct == 1 && len(known) == len(cells):
		return nil, "always the same"
	case len(known) < support:
		return nil, fmt.Sprintf("known of %d deals only", len(known))
	}
	a.field, a.kind = fieldOf(a.column, known)
	switch {
	case used[a.field]:
		return nil, "another column has this name"
	case slices.Contains(identities, a.field):
		return nil, "tells accounts apart"
	case a.kind == account.NumberKind && distinct == len(known) && soundsLikeID(a.column):
		return nil, "an id"
	}
	used[a.field] = true
	switch a.kind {
	case account.NumberKind:
		a.cutNumbers(cells)
	case account.BoolKind:
		a.cutFlags(cells)
	case account.DateKind:
		if d.at == nil {
			return nil, "a date; without --date it has no age"
		}
		a.cutDates(cells, layoutOf(known), d.at)
	case account.ListKind:
		return a.cutLists(cells, support), ""
	default:
		a.cutTexts(cells, support)
	}
	if len(a.atoms) == 1 {
		return nil, fmt.Sprintf("no value has %d deals", support)
	}
	return []attribute{a}, ""
}

func distinctFold(cells []string) int {
	seen := map[string]bool{}
	for _, c := range cells {
		seen[strings.ToLower(c)] = true
	}
	return len(seen)
}

func soundsLikeID(column string) bool {
	parts := strings.Split(word(column), "_")
	return slices.ContainsFunc(parts, func(p string) bool {
		return slices.Contains([]string{"id", "ids", "no", "nr", "number", "key", "code", "uuid", "index"}, p)
	})
}

// fieldOf tells which field a column is, and of what kind: Sluice's own of that name,
// if the values suit it.
func fieldOf(column string, known []string) (account.Field, account.Kind) {
	own := account.Field(word(column))
	kind, builtIn := own.Kind()
	if builtIn && suits(kind, known) {
		return own, kind
	}
	return account.Field(ownWord(column)), kindOf(known)
}

// suits reports whether values can be of a kind. Of dates, one layout must do.
func suits(kind account.Kind, known []string) bool {
	switch kind {
	case account.NumberKind:
		return mostly(count(known, isNumber), len(known))
	case account.BoolKind:
		return mostly(count(known, isBool), len(known))
	case account.DateKind:
		return layoutOf(known) != ""
	default:
		return true
	}
}

func kindOf(known []string) account.Kind {
	switch {
	case count(known, isBool) == len(known):
		return account.BoolKind
	case suits(account.NumberKind, known):
		return account.NumberKind
	case suits(account.DateKind, known):
		return account.DateKind
	case 10*count(known, func(s string) bool { return strings.ContainsAny(s, ";|") }) >= len(known):
		return account.ListKind
	}
	return account.TextKind
}

func isNumber(s string) bool { _, ok := parseNumber(s); return ok }
func isBool(s string) bool   { _, ok := parseBool(s); return ok }

func count(cells []string, is func(string) bool) int {
	n := 0
	for _, c := range cells {
		if is(c) {
			n++
		}
	}
	return n
}

func (a *attribute) cutFlags(cells []string) {
	a.atoms = append(a.atoms, atom{is: false}, atom{is: true})
	for i, c := range cells {
		if is, ok := parseBool(c); ok {
			a.cell[i] = 1
			if is {
				a.cell[i] = 2
			}
		}
	}
}

func (a *attribute) cutNumbers(cells []string) {
	numbers := make([]float64, len(cells))
	var known []float64
	places := 0
	for i, c := range cells {
		n, ok := parseNumber(c)
		if !ok {
			n = math.NaN()
		} else {
			known = append(known, n)
			places = max(places, decimals(n))
		}
		numbers[i] = n
	}
	a.unit, a.smallest = math.Pow10(-places), slices.Min(known)
	a.bands(numbers, cuts(known, places), places)
}

// cutDates makes bands of how old a date was when the deal was made. One that lay
// ahead then is taken for not known.
func (a *attribute) cutDates(cells []string, layout string, at []time.Time) {
	ages := make([]float64, len(cells))
	var known []float64
	for i, c := range cells {
		ages[i] = math.NaN()
		if t, err := time.Parse(layout, c); err == nil && !t.After(at[i]) {
			ages[i] = math.Floor(at[i].Sub(t).Hours() / 24)
			known = append(known, ages[i])
		}
	}
	a.unit = 1
	a.bands(ages, cuts(known, 0), 0)
}

func (a *attribute) bands(numbers, cuts []float64, places int) {
	low := math.Inf(-1)
	for _, c := range cuts {
		a.atoms = append(a.atoms, atom{low: low, high: rounded(c-a.unit, places)})
		low = c
	}
	a.atoms = append(a.atoms, atom{low: low, high: math.Inf(1)})
	for i, n := range numbers {
		if !math.IsNaN(n) {
			at, found := slices.BinarySearch(cuts, n)
			if found { // a cut belongs to the band that it begins
				at++
			}
			a.cell[i] = uint16(1 + at)
		}
	}
}

// cuts chooses where bands may begin: numbers that people can read, at about equal
// numbers of deals.
func cuts(known []float64, places int) []float64 {
	sorted := slices.Sorted(slices.Values(known))
	distinct := slices.Compact(slices.Clone(sorted))
	var out []float64
	add := func(above, upTo float64) {
		if c, ok := roundest(above, upTo, places); ok {
			out = append(out, c)
		}
	}
	if len(distinct) <= maxAtoms {
		for i := 1; i < len(distinct); i++ {
			add(distinct[i-1], distinct[i])
		}
	} else {
		at := func(share float64) int { return int(share * float64(len(sorted)-1)) }
		for i := 1; i < maxAtoms; i++ {
			low, high := sorted[at((float64(i)-0.3)/maxAtoms)], sorted[at((float64(i)+0.3)/maxAtoms)]
			if low < high {
				add(low, high)
				continue
			}
			k, _ := slices.BinarySearch(distinct, low) // one value that many have is a band of its own
			if k > 0 {
				add(distinct[k-1], low)
			}
			if k+1 < len(distinct) {
				add(low, distinct[k+1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// roundest returns the number above low and up to high that has the fewest digits.
func roundest(low, high float64, places int) (float64, bool) {
	if low < 0 && high >= 0 {
		return 0, true
	}
	top := int(math.Ceil(math.Log10(max(math.Abs(low), math.Abs(high), 1))))
	for power := top; power >= -places; power-- {
		for _, digit := range []float64{5, 2, 1} {
			step := digit * math.Pow10(power)
			if c := rounded(math.Floor(high/step)*step, places); c > low && c <= high {
				return c, true
			}
		}
	}
	return 0, false
}

func rounded(n float64, places int) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(n, 'f', places, 64), 64)
	return r
}

// level is a text as it counts deals: whatever the case, shown as most write it.
type level struct {
	key, shown string
	n          int
}

// levels counts the texts, the most frequent first.
func levels(texts [][]string) []level {
	spelt := map[string]map[string]int{}
	total := map[string]int{}
	for _, items := range texts {
		for _, t := range items {
			key := strings.ToLower(t)
			if spelt[key] == nil {
				spelt[key] = map[string]int{}
			}
			spelt[key][t]++
			total[key]++
		}
	}
	var all []level
	for key, spellings := range spelt {
		l := level{key: key, n: total[key]}
		for s, n := range spellings {
			if n > spellings[l.shown] || n == spellings[l.shown] && s < l.shown {
				l.shown = s
			}
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b level) int { return cmp.Or(b.n-a.n, strings.Compare(a.key, b.key)) })
	return all
}

// writable reports whether a model file can hold the text.
func (l level) writable() bool {
	return utf8.RuneCountInString(l.shown) <= 200 && !strings.ContainsFunc(l.shown, unicode.IsControl)
}

// cutTexts gives each level with support an atom, and one to all others together as
// long as they can be listed.
func (a *attribute) cutTexts(cells []string, support int) {
	texts := make([][]string, len(cells))
	for i, c := range cells {
		if c != "" {
			texts[i] = []string{c}
		}
	}
	at := map[string]uint16{}
	var rare atom
	var rareKeys []string
	rareDeals := 0
	for _, l := range levels(texts) {
		a.spellings = append(a.spellings, l.shown)
		switch {
		case l.n >= support && l.writable() && len(a.atoms) < 500:
			at[l.key] = uint16(len(a.atoms))
			a.atoms = append(a.atoms, atom{words: []string{l.shown}})
		case l.writable():
			rare.words = append(rare.words, l.shown)
			rareKeys = append(rareKeys, l.key)
			rareDeals += l.n
		}
	}
	if rareDeals >= support && len(rare.words) <= rareWords {
		for _, key := range rareKeys {
			at[key] = uint16(len(a.atoms))
		}
		a.atoms = append(a.atoms, rare)
	}
	for i, c := range cells {
		a.cell[i] = at[strings.ToLower(c)]
	}
}

// cutLists makes an attribute of each item that enough lists have.
func (a *attribute) cutLists(cells []string, support int) []attribute {
	texts := make([][]string, len(cells))
	for i, c := range cells {
		texts[i] = account.ListValue(splitList(c)...).List()
	}
	var all []attribute
	items := levels(texts)
	for _, l := range items {
		a.spellings = append(a.spellings, l.shown)
	}
	for _, l := range items {
		if l.n < support || len(cells)-l.n < support || !l.writable() {
			continue
		}
		item := *a
		item.word = l.shown
		item.atoms = []atom{{}, {words: []string{l.shown}}}
		item.cell = make([]uint16, len(cells))
		for i, items := range texts {
			if slices.ContainsFunc(items, func(s string) bool { return strings.ToLower(s) == l.key }) {
				item.cell[i] = 1
			}
		}
		all = append(all, item)
	}
	return all
}

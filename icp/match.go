package icp

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// Matcher decides whether an input earns a credit. Its String is for people:
// "50 to 500".
type Matcher interface {
	String() string
	match(in input) (f found, hit bool)
	// verdict is the part of the reason that follows the input: what it was
	// measured against.
	verdict(in input, hit bool) string
}

// found is what a matcher of words found: the text as the provider has it, and which
// of its own words that is.
type found struct {
	text string
	word int
}

// input is what a criterion looks at.
type input struct {
	value account.Value
	age   time.Duration // of a signal, or of the date that value holds; negative when ahead
}

// write says what the input is; of a list, what was found in it.
func (in input) write(b *strings.Builder, found string) {
	switch in.value.Kind() {
	case account.NoKind, account.DateKind: // unknown is no input, and a date shows as its age
	case account.TextKind:
		writeText(b, in.value.Text())
	case account.NumberKind:
		var digits [32]byte
		b.Write(strictyaml.AppendNumber(digits[:0], in.value.Number()))
	case account.BoolKind:
		b.WriteString(either(in.value.Bool(), "yes", "no"))
	case account.ListKind:
		writeText(b, found)
	}
}

// writeAge says how long ago a dated input was.
func (in input) writeAge(b *strings.Builder) {
	if in.age < -day {
		b.WriteString("still ahead")
		return
	}
	switch n := days(in.age); n {
	case 0:
		b.WriteString("today")
	case 1:
		b.WriteString("1 day ago")
	default:
		var digits [20]byte
		b.Write(strconv.AppendInt(digits[:0], int64(n), 10))
		b.WriteString(" days ago")
	}
}

// words matches a text that is one of them or a list that has one of them,
// whatever the case: providers do not agree on it.
type words struct {
	folded []string // lower case, sorted
	shown  string   // as the model writes them
	miss   string   // ", not one of …"
	none   string   // "none of …": of a list
}

// shownWords is how many words a reason spells out.
const shownWords = 6

func newWords(all []string) *words {
	w := &words{folded: make([]string, len(all))}
	for i, s := range all {
		w.folded[i] = strings.ToLower(s)
	}
	slices.Sort(w.folded)
	w.shown = strings.Join(all[:min(len(all), shownWords)], ", ")
	if more := len(all) - shownWords; more > 0 {
		w.shown += " and " + strconv.Itoa(more) + " more"
	}
	w.miss, w.none = ", not one of "+w.shown, "none of "+w.shown
	if len(all) == 1 {
		w.miss = ", not " + w.shown
	}
	return w
}

func (w *words) String() string { return w.shown }

func (w *words) match(in input) (f found, hit bool) {
	if in.value.Kind() == account.ListKind {
		f = w.first(in.value.List())
	} else {
		f = found{in.value.Text(), w.index(in.value.Text())}
	}
	return f, f.word >= 0
}

// index returns which of the words s is; negative for none.
func (w *words) index(s string) int {
	folded := strings.ToLower(s) // does not allocate for lower case
	if len(w.folded) <= shownWords {
		return slices.Index(w.folded, folded) // faster than a search
	}
	if i, ok := slices.BinarySearch(w.folded, folded); ok {
		return i
	}
	return -1
}

// first returns the first of the list that is one of the words.
func (w *words) first(list []string) found {
	for _, s := range list {
		if i := w.index(s); i >= 0 {
			return found{s, i}
		}
	}
	return found{word: -1}
}

func (w *words) verdict(in input, hit bool) string {
	switch {
	case hit:
		return ""
	case in.value.Kind() == account.ListKind:
		return w.none
	}
	return w.miss
}

// band matches a number within its bounds, both included.
type band struct {
	low, high float64 // infinite where open
	shown     string
	hit, miss string // ", within …" and its opposite
}

func newBand(low, high float64) *band {
	b := &band{low: low, high: high}
	switch {
	case low == high:
		b.shown = strictyaml.FormatNumber(low)
		b.miss = ", not " + b.shown
	case math.IsInf(high, 1):
		b.shown = "at least " + strictyaml.FormatNumber(low)
		b.hit, b.miss = ", "+b.shown, ", below "+strictyaml.FormatNumber(low)
	case math.IsInf(low, -1):
		b.shown = "at most " + strictyaml.FormatNumber(high)
		b.hit, b.miss = ", "+b.shown, ", above "+strictyaml.FormatNumber(high)
	default:
		b.shown = strictyaml.FormatNumber(low) + " to " + strictyaml.FormatNumber(high)
		b.hit, b.miss = ", within "+b.shown, ", outside "+b.shown
	}
	return b
}

func (b *band) String() string { return b.shown }

func (b *band) match(in input) (f found, hit bool) {
	n := in.value.Number()
	return f, b.low <= n && n <= b.high
}

func (b *band) verdict(_ input, hit bool) string { return either(hit, b.hit, b.miss) }

// flag matches a yes or a no.
type flag bool

func (f flag) String() string { return either(bool(f), "yes", "no") }

func (f flag) match(in input) (found, bool) { return found{}, in.value.Bool() == bool(f) }

func (f flag) verdict(input, bool) string { return "" }

// recency matches what is no older than it, and not more than a day ahead: sources
// date some events in their own time zone.
type recency struct {
	limit     time.Duration
	shown     string
	hit, miss string
}

func newRecency(limit time.Duration) *recency {
	r := &recency{limit: limit, shown: duration(limit)}
	r.hit, r.miss = ", within "+r.shown, ", more than "+r.shown
	return r
}

func (r *recency) String() string { return "within " + r.shown }

func (r *recency) match(in input) (f found, hit bool) {
	return f, in.age <= r.limit && in.age >= -day
}

func (r *recency) verdict(in input, hit bool) string {
	if in.age < -day {
		return ""
	}
	return either(hit, r.hit, r.miss)
}

// duration writes d as people say it: 90 days, 12 hours.
func duration(d time.Duration) string {
	n, unit := int(d/time.Hour), "hour"
	if d%day == 0 {
		n, unit = int(d/day), "day"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

// overlap returns an input that both earlier and later match, "" when there is
// none. Matchers of one criterion are all of one type.
func overlap(earlier, later Matcher) string {
	switch e := earlier.(type) {
	case *words:
		l, _ := later.(*words)
		return l.first(e.folded).text
	case *band:
		l, _ := later.(*band)
		if low, high := max(e.low, l.low), min(e.high, l.high); low <= high {
			return strictyaml.FormatNumber(either(math.IsInf(low, -1), high, low))
		}
	case flag:
		if earlier == later {
			return e.String()
		}
	case *recency:
		// A longer window holds the shorter one: it is what is left over that counts.
		if l, _ := later.(*recency); l.limit <= e.limit {
			return l.shown
		}
	}
	return ""
}

// shownText is how many bytes of a provider's text a reason repeats.
const shownText = 60

func writeText(b *strings.Builder, s string) {
	cut := cutText(s)
	b.WriteString(s[:cut])
	if cut < len(s) {
		b.WriteString("…")
	}
}

func clipText(s string) string {
	var b strings.Builder
	writeText(&b, s)
	return b.String()
}

// cutText returns how much of s a reason repeats.
func cutText(s string) int {
	if len(s) <= shownText {
		return len(s)
	}
	cut := shownText
	for cut > 0 && s[cut]&0xC0 == 0x80 { // not within a character
		cut--
	}
	return cut
}

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

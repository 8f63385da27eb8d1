package icp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/sluicehq/sluice/strictyaml"
)

// reasonLimit is how long a CRM's reason property may be, in characters.
const reasonLimit = 1000

// Reason tells in one paragraph of plain text, of at most 1000 characters, why m
// gave the score s: what earned and cost points, heaviest first, what was missed
// and what is not known.
func Reason(m *Model, s Score) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d of %d by %s, fit %d", s.Tier, s.Value, m.Scale.Max, m.ID(), s.Fit)
	for _, dimension := range m.Apart {
		fmt.Fprintf(&b, ", %s %d", dimension, s.numbers()[measureOf(dimension)])
	}
	if s.Low != s.High {
		fmt.Fprintf(&b, ", %d to %d while data is missing", s.Low, s.High)
	}
	b.WriteString(".")
	var counted, missed, unknown []string
	for _, r := range byWeight(s.Criteria) {
		switch {
		case r.Points != 0:
			counted = append(counted, fmt.Sprintf("%+d %s", r.Points, r.Reason))
		case r.Known() && r.Max > 0:
			missed = append(missed, r.Reason)
		case !r.Known():
			unknown = append(unknown, spaced(r.Name))
		}
	}
	sentence(&b, "", counted, "; ")
	sentence(&b, "Not earned: ", missed, "; ")
	sentence(&b, "Unknown: ", unknown, ", ")
	return strictyaml.Clip(plain(b.String()), reasonLimit)
}

func byWeight(all []Result) []Result {
	return slices.SortedStableFunc(slices.Values(all), func(a, b Result) int {
		return cmp.Or(abs(b.Points)-abs(a.Points), abs(int(b.Max))-abs(int(a.Max)))
	})
}

func abs(n int) int { return max(n, -n) }

func sentence(b *strings.Builder, start string, parts []string, between string) {
	if len(parts) > 0 {
		b.WriteString(" " + start + strings.Join(parts, between) + ".")
	}
}

// plain turns what providers may have put into their texts into one line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

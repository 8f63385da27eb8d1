package review

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MissingWords are the cells that say nothing, beside empty ones and in any case:
// what CRMs, forms and spreadsheets write for "no value".
var MissingWords = []string{
	"-", "--", "?", "n/a", "#n/a", "nan", "nil", "none", "null", "undefined", "unknown", "unspecified", "select", "not set",
	"not specified", "not provided", "not available", "(blank)", "(not set)", "(none)",
}

// noValue reports whether a cell says nothing.
func noValue(cell string, more []string) bool {
	folded := strings.ToLower(cell)
	return folded == "" || slices.Contains(MissingWords, folded) || slices.Contains(more, folded)
}

var yesNo = map[string]bool{
	"1": true, "yes": true, "true": true, "y": true, "t": true,
	"0": false, "no": false, "false": false, "n": false, "f": false,
}

func parseBool(cell string) (is, ok bool) {
	is, ok = yesNo[strings.ToLower(cell)]
	return is, ok
}

// parseNumber reads what people and programs write: 1200, 1,200.50, $5M, 35 %.
// A percentage is taken as it stands.
func parseNumber(cell string) (float64, bool) {
	s := strings.TrimSpace(strings.TrimSuffix(strings.Trim(cell, "$€£ \u00a0"), "%"))
	factor := 1.0
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			factor = 1e3
		case 'm', 'M':
			factor = 1e6
		case 'b', 'B':
			factor = 1e9
		}
		if factor > 1 {
			s = strings.TrimSpace(s[:len(s)-1])
		}
	}
	if s == "" || strings.Trim(s, "0123456789.,+-eE") != "" {
		return 0, false // ParseFloat also reads inf, nan and hexadecimal
	}
	if strings.Contains(s, ",") {
		if !thousands(s) {
			return 0, false
		}
		s = strings.ReplaceAll(s, ",", "")
	}
	n, err := strconv.ParseFloat(s, 64)
	return n * factor, err == nil && math.Abs(n*factor) <= 1e15
}

// thousands reports whether the commas of s stand before groups of three digits.
func thousands(s string) bool {
	whole, fraction, _ := strings.Cut(s, ".")
	groups := strings.Split(strings.TrimLeft(whole, "+-"), ",")
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return false
		}
	}
	return len(groups[0]) >= 1 && len(groups[0]) <= 3 && !strings.Contains(fraction, ",")
}

// decimals is how many digits n has behind the point, at most six: the finest that
// model files write.
func decimals(n float64) int {
	_, fraction, _ := strings.Cut(strconv.FormatFloat(n, 'f', -1, 64), ".")
	return min(len(fraction), 6)
}

// layouts are the ways in which files write dates, the safer of two that fit first.
var layouts = []string{
	time.DateOnly, time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05.999999999",
	"2006/1/2", "1/2/2006", "2/1/2006", "2-1-2006", "1-2-2006", "2.1.2006", "1/2/2006 15:04", "2/1/2006 15:04", "2-1-2006 15:04",
	"Jan 2, 2006", "January 2, 2006", "2 Jan 2006", "2 January 2006", "2006-01-02 15:04:05-07:00", "2006-01-02 15:04:05 UTC",
}

// layoutOf returns the layout that reads the most of these cells; "" if it does not
// read enough of them.
func layoutOf(cells []string) string {
	best, most := "", 0
	for _, layout := range layouts {
		if len(cells) > 0 && !plausible(layout, cells) {
			continue
		}
		read := 0
		for _, c := range cells {
			if _, err := time.Parse(layout, c); err == nil {
				read++
			}
		}
		if read > most {
			best, most = layout, read
		}
	}
	if !mostly(most, len(cells)) {
		return ""
	}
	return best
}

// plausible tries a layout on a few cells, since most layouts fit no cell at all.
func plausible(layout string, cells []string) bool {
	step := max(1, len(cells)/20)
	for i := 0; i < len(cells); i += step {
		if _, err := time.Parse(layout, cells[i]); err == nil {
			return true
		}
	}
	return false
}

// mostly says how many cells must be of a type for their column to be of it: one in
// twenty may be a slip, and is then taken for missing.
func mostly(n, of int) bool { return of > 0 && 20*n >= 19*of }

// splitList takes a cell with several values apart.
func splitList(cell string) []string {
	items := strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '|' })
	if len(items) == 1 {
		items = strings.Split(cell, ",")
	}
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return slices.DeleteFunc(items, func(s string) bool { return s == "" })
}

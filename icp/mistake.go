package icp

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// Mistake is one thing that is wrong in a model file.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Message string `json:"message"`
}

// Error implements error: revops.yaml:12:5: criteria[2].points: want …
func (m Mistake) Error() string {
	return m.File + ":" + strconv.Itoa(m.Line) + ":" + strconv.Itoa(m.Column) + ": " + m.Message
}

// ParseError holds every mistake of a model file, in the order of the file. It is
// an [account.ErrInvalid].
type ParseError struct{ Mistakes []Mistake }

// Error implements error: one mistake per line.
func (e *ParseError) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// Is makes every ParseError an [account.ErrInvalid].
func (e *ParseError) Is(target error) bool { return target == account.ErrInvalid }

func (e *ParseError) sort() {
	slices.SortStableFunc(e.Mistakes, func(a, b Mistake) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
}

// didYouMean ends a message about a word that is not in known, where one of these
// is near enough to be meant.
func didYouMean(s string, known []string) string {
	if n := nearest(s, known); n != "" {
		return " (did you mean " + n + "?)"
	}
	return ""
}

// nearest returns the known word that is at most two slips away from s, fewer for
// short words; "" if there is none.
func nearest(s string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if abs(len(k)-len(s)) > 2 {
			continue
		}
		if d := distance(s, k); d < least && d*2 < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance counts the slips between two words: a character too many, too few,
// wrong, or swapped with the next.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			wrong := 1
			if x[i] == y[j] {
				wrong = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+wrong)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

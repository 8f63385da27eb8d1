package strictyaml

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// Mistake is one thing that is wrong in a file.
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

// Error holds every mistake of a file, in the order of the file. It is an
// [account.ErrInvalid].
type Error struct{ Mistakes []Mistake }

// Report returns an [*Error] with these mistakes, in the order of the file, or nil if
// there are none.
func Report(mistakes ...Mistake) error {
	if len(mistakes) == 0 {
		return nil
	}
	sorted := slices.SortedStableFunc(slices.Values(mistakes), func(a, b Mistake) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	return &Error{Mistakes: sorted}
}

// Error implements error: one mistake per line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// Is makes every Error an [account.ErrInvalid].
func (e *Error) Is(target error) bool { return target == account.ErrInvalid }

// DidYouMean ends a message about a word that is not in known, where one of these
// is near enough to be meant.
func DidYouMean(s string, known []string) string {
	if n := Nearest(s, known); n != "" {
		return " (did you mean " + n + "?)"
	}
	return ""
}

// Nearest returns the known word that is at most two slips away from s, fewer for
// short words; "" if there is none.
func Nearest(s string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if len(k) > len(s)+2 || len(s) > len(k)+2 {
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

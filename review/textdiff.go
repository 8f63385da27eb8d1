package review

import (
	"slices"
	"strings"
)

// diffLine is a line of a difference: what is before it says whether it is new, gone or
// the same.
type diffLine struct {
	Sign string // "+", "-", "" or "…" for what is left out
	Text string
}

// contextLines is how many lines are shown around a change.
const contextLines = 1

// lineDiff is the difference of two texts by lines: the longest common subsequence stays.
func lineDiff(before, after string) []diffLine {
	a, b := strings.Split(strings.TrimRight(before, "\n"), "\n"), strings.Split(strings.TrimRight(after, "\n"), "\n")
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i, x := range slices.Backward(a) {
		for j, y := range slices.Backward(b) {
			if x == y {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var all []diffLine
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, diffLine{"", a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			all = append(all, diffLine{"-", a[i]})
			i++
		default:
			all = append(all, diffLine{"+", b[j]})
			j++
		}
	}
	return shortened(all)
}

// shortened leaves out what is far from any change.
func shortened(all []diffLine) []diffLine {
	near := make([]bool, len(all))
	for i, l := range all {
		if l.Sign == "" {
			continue
		}
		for k := max(0, i-contextLines); k <= min(len(all)-1, i+contextLines); k++ {
			near[k] = true
		}
	}
	var out []diffLine
	for i, l := range all {
		switch {
		case near[i]:
			out = append(out, l)
		case len(out) == 0 || out[len(out)-1].Sign != "…":
			out = append(out, diffLine{Sign: "…"})
		}
	}
	return out
}

package review

import (
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// leakBar is the AUC from which on a single column is taken to tell of the outcome
// rather than to foretell it. Honest columns stay well below: the best of the public
// sets that this was tried on reaches 0.75.
const leakBar = 0.9

// Leak is a column that alone tells the outcome nearly for sure.
type Leak struct {
	Column string  `json:"column"`
	AUC    float64 `json:"auc"`    // of the column alone, on deals it was not learnt from
	Filled bool    `json:"filled"` // that it is filled in says it already, whatever it holds
	Kept   bool    `json:"kept"`   // used all the same, as asked
}

// leaks finds the columns that give the outcome away: by what they hold, or by whether
// they hold anything.
func (d *Deals) leaks(l *learner, keep []string) []Leak {
	worst := map[string]Leak{}
	whole := &learner{all: append(slices.Clone(l.all), d.wholeLists(l)...), good: l.good, fold: l.fold, least: l.least}
	for j, x := range whole.crossfit(everyDeal(len(l.good)), everyDeal(len(whole.all))) {
		name := whole.all[j].column
		if auc := place(x, l.good).auc; auc >= leakBar && auc > worst[name].AUC {
			worst[name] = Leak{Column: name, AUC: auc}
		}
	}
	var out []Leak
	for i, h := range d.header {
		if d.taken[i] || h == "" {
			continue
		}
		leak := worst[h]
		if auc := d.filled(i, l.good); auc >= leakBar && auc >= leak.AUC-0.02 {
			leak = Leak{Column: h, AUC: auc, Filled: true}
		}
		if leak.Column != "" {
			leak.Kept = slices.Contains(keep, h)
			out = append(out, leak)
		}
	}
	return out
}

// wholeLists returns the columns of lists as texts: one item of a list may not give the
// outcome away where all of them do.
func (d *Deals) wholeLists(l *learner) []attribute {
	var out []attribute
	for i := range l.all {
		a := &l.all[i]
		if a.kind != account.ListKind || len(out) > 0 && out[len(out)-1].column == a.column {
			continue
		}
		text := attribute{column: a.column, kind: account.TextKind, atoms: make([]atom, 1), cell: make([]uint16, len(d.rows))}
		column := slices.Index(d.header, a.column)
		cells := make([]string, len(d.rows))
		for k, row := range d.rows {
			if !a.blank[k] {
				cells[k] = row[column]
			}
		}
		text.cutTexts(cells, l.least)
		out = append(out, text)
	}
	return out
}

// filled is how well it tells the outcome whether a column is filled in.
func (d *Deals) filled(column int, good []bool) float64 {
	has := make([]float64, len(d.rows))
	for i, row := range d.rows {
		if !noValue(row[column], d.missing) {
			has[i] = 1
		}
	}
	auc := place(has, good).auc
	if math.IsNaN(auc) {
		return 0.5
	}
	return max(auc, 1-auc)
}

// lateWords are in the names of columns that are often filled in while a deal is worked,
// or after it.
var lateWords = []string{
	"tag", "tags", "quality", "stage", "status", "reason", "close", "closed", "lost", "won", "win", "last", "latest", "outcome", "result",
	"score", "rating", "forecast", "probability", "invoice", "contract", "signed", "renewal", "churn", "churned", "activity",
}

// soundsLate reports whether a column's name suggests that it was filled in too late to
// foretell anything.
func soundsLate(column string) bool {
	return slices.ContainsFunc(strings.Split(word(column), "_"), func(w string) bool { return slices.Contains(lateWords, w) })
}

func everyDeal(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

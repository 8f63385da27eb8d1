package review

import (
	"cmp"
	"slices"
	"time"
)

// Decision is an account that was worked otherwise than its model said.
type Decision struct {
	Account string    // as [Closed] calls it
	Group   string    // what decisions are told apart by: raised by a person, explored, …
	At      time.Time // from when on
}

// Closed is a deal that has come to its end.
type Closed struct {
	Account string
	Won     bool
	At      time.Time
}

// Rest is the group of all deals that no decision was about.
const Rest = "all others"

// Became is what became of the accounts of a group.
type Became struct {
	Group    string    `json:"group"`
	Accounts int       `json:"accounts"` // that were decided on; of [Rest] those with a deal
	Deals    int       `json:"deals"`    // that closed after the decision
	Won      int       `json:"won"`
	WinRate  *Interval `json:"win_rate"` // 0 to 1; nil without a deal
}

// Outcomes compares what became of accounts that were worked otherwise than their model
// said with all others. A deal counts for the last decision on its account before it
// closed; the others are those that closed since the first decision of all. Groups are
// sorted by name, [Rest] last.
func Outcomes(decisions []Decision, closed []Closed) []Became {
	if len(decisions) == 0 {
		return nil
	}
	byAccount := map[string][]Decision{}
	accounts := map[string]map[string]bool{Rest: {}}
	first := decisions[0].At
	for _, d := range decisions {
		byAccount[d.Account] = append(byAccount[d.Account], d)
		if accounts[d.Group] == nil {
			accounts[d.Group] = map[string]bool{}
		}
		accounts[d.Group][d.Account] = true
		if d.At.Before(first) {
			first = d.At
		}
	}
	groups := map[string]*Became{}
	for name := range accounts {
		groups[name] = &Became{Group: name}
	}
	for _, deal := range closed {
		if deal.At.Before(first) {
			continue
		}
		name := groupOf(byAccount[deal.Account], deal.At)
		if name == Rest {
			accounts[Rest][deal.Account] = true
		}
		groups[name].Deals++
		if deal.Won {
			groups[name].Won++
		}
	}
	all := make([]Became, 0, len(groups))
	for name, g := range groups {
		g.Accounts = len(accounts[name])
		if g.Deals > 0 {
			rate := wilson(g.Won, g.Deals)
			g.WinRate = &rate
		}
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b Became) int {
		if a.Group == Rest || b.Group == Rest {
			return cmp.Compare(position(a.Group), position(b.Group))
		}
		return cmp.Compare(a.Group, b.Group)
	})
	return all
}

func position(group string) int {
	if group == Rest {
		return 1
	}
	return 0
}

// groupOf returns the group of the last decision before a deal closed.
func groupOf(decisions []Decision, closed time.Time) string {
	group, last := Rest, time.Time{}
	for _, d := range decisions {
		if !d.At.After(closed) && !d.At.Before(last) {
			group, last = d.Group, d.At
		}
	}
	return group
}

package review

import "math/rand/v2"

// blocks are the deals of each account. What one account did is one witness, however
// many deals it has, so that chance deals out whole accounts: to which account's
// attributes does which account's record belong?
type blocks struct {
	deals  [][]int
	record []tally
	dealt  [][]int // of each shuffle: whose record an account gets
}

// alike is which share of the pairs of deals within an account must have the same cell
// for an attribute to be one of the account rather than of the deal.
const alike = 0.9

// newBlocks returns nil where each account has one deal.
func (l *learner) newBlocks(deals []int, times int) *blocks {
	if l.account == nil {
		return nil
	}
	b := &blocks{}
	at := map[int]int{}
	for _, i := range deals {
		k, known := at[l.account[i]]
		if !known {
			k = len(b.deals)
			at[l.account[i]] = k
			b.deals, b.record = append(b.deals, nil), append(b.record, tally{})
		}
		b.deals[k] = append(b.deals[k], i)
		b.record[k].add(l.good[i])
	}
	if len(b.deals) == len(deals) {
		return nil
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range times {
		b.dealt = append(b.dealt, r.Perm(len(b.deals)))
	}
	return b
}

// belongs reports whether an attribute is one of the account.
func (b *blocks) belongs(a *attribute) bool {
	pairs, same := 0, 0
	for _, deals := range b.deals {
		cells := map[uint16]int{}
		for _, i := range deals {
			same += cells[a.cell[i]] // pairs with the earlier ones
			cells[a.cell[i]]++
		}
		pairs += len(deals) * (len(deals) - 1) / 2
	}
	return float64(same) >= alike*float64(pairs)
}

// count counts the deals of each atom as a shuffle deals out the records.
func (b *blocks) count(a *attribute, shuffle int, counts []tally) {
	clear(counts)
	for k, whose := range b.dealt[shuffle] {
		c := &counts[a.cell[b.deals[k][0]]]
		*c = c.plus(b.record[whose])
	}
}

package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// bestShare is the share of customers that are "the best": the published top 20 %.
const bestShare = 0.2

// target says which deals a model shall find: the best fifth of the customers by
// lifetime value where that is known, else the won ones that did not churn. why says
// it for people.
func (d *Deals) target() (good []bool, why string) {
	if d.lifetime != nil {
		good, least, n := d.bestByValue()
		enough := n >= minEvents && len(good)-n >= minEvents
		if enough {
			return good, fmt.Sprintf("the best %d of %d customers by lifetime value (%s and more) against the rest", n, d.Won(), number(least))
		}
		if d.Len()-d.Won() >= minEvents {
			d.note("too thin for the best fifth: only %d deals; so won is held against lost instead", n)
		} else {
			return good, "the best fifth of the customers by lifetime value against the rest"
		}
	}
	good = slices.Clone(d.won)
	if d.churned == nil {
		return good, "won against lost deals"
	}
	left := 0
	for i, m := range d.churned {
		if m == yes && good[i] {
			good[i] = false
			left++
		}
	}
	if left == 0 {
		return good, "won against lost deals"
	}
	return good, fmt.Sprintf("won deals whose customer stayed against lost deals and the %d customers that churned", left)
}

// bestByValue marks the customers with the highest lifetime values, a fifth of all or,
// where values are equal, a little more.
func (d *Deals) bestByValue() (good []bool, least float64, n int) {
	var values []float64
	for i, won := range d.won {
		if won && !math.IsNaN(d.lifetime[i]) {
			values = append(values, d.lifetime[i])
		}
	}
	good = make([]bool, len(d.won))
	if len(values) == 0 {
		return good, math.Inf(1), 0
	}
	slices.SortFunc(values, func(a, b float64) int { return cmp.Compare(b, a) })
	least = values[int(math.Ceil(bestShare*float64(len(values))))-1]
	for i, won := range d.won {
		if won && d.lifetime[i] >= least { // false for NaN
			good[i] = true
			n++
		}
	}
	return good, least, n
}

package icp

// Matrix gives an account its tier by two numbers of its score, each of which is high
// or low: it may be worth much and care little, or the other way round.
type Matrix struct {
	Axes  [2]Axis
	cells [2][2]int // of the model's tiers: for the first and the second number, low and high
}

// Axis is one of the two numbers.
type Axis struct {
	Measure string // fit, engagement, intent or score
	High    int    // from which it is high
	Leave   int    // an account that was high stays so down to this number; default High

	of measure
}

// side is 1 where the number is high, 0 where it is low.
func (a *Axis) side(have [measures]int, wasHigh bool) int {
	if have[a.of] >= a.High || wasHigh && have[a.of] >= a.Leave {
		return 1
	}
	return 0
}

// cell returns the tier for these numbers of an account that holds the tier held;
// negative for none.
func (x *Matrix) cell(have [measures]int, held int) int {
	high := x.sides(held)
	return x.cells[x.Axes[0].side(have, high[0])][x.Axes[1].side(have, high[1])]
}

// sides returns which numbers are high in a tier.
func (x *Matrix) sides(tier int) (high [2]bool) {
	for first := range 2 {
		for second := range 2 {
			if x.cells[first][second] == tier {
				high = [2]bool{first == 1, second == 1}
			}
		}
	}
	return high
}

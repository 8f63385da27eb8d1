package review

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"github.com/sluicehq/sluice/account"
)

func TestCalib(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	n := 600
	for _, kind := range []int{0, 2, 4, 8, 15, 30} {
		hits := [4]int{}
		tests := 0
		for rep := 0; rep < 40; rep++ {
			good := make([]bool, n)
			var deals []int
			for i := range good {
				good[i] = r.Float64() < 0.35
				deals = append(deals, i)
			}
			var all []attribute
			for j := 0; j < 100; j++ {
				a := attribute{cell: make([]uint16, n), kind: account.TextKind}
				k := kind
				if kind == 0 {
					a.kind = account.NumberKind
					k = 32
				}
				a.atoms = make([]atom, k+1)
				for i := range a.cell {
					a.cell[i] = uint16(1 + r.IntN(k))
				}
				all = append(all, a)
			}
			for _, s := range screen(all, good, deals, 20) {
				tests++
				for i, b := range []float64{0.05, 0.01, 0.001, 0.0001} {
					if s.p <= b {
						hits[i]++
					}
				}
			}
		}
		fmt.Println(kind, tests, float64(hits[0])/float64(tests), float64(hits[1])/float64(tests), float64(hits[2])/float64(tests), float64(hits[3])/float64(tests))
	}
}

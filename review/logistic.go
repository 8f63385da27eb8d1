package review

import (
	"math"
	"slices"
)

// regression is a logistic regression with a ridge penalty: log-odds = intercept + x·b.
type regression struct {
	intercept float64
	weights   []float64
}

const (
	ridge     = 1.0 // on the weights, not the intercept; in units of the log-likelihood
	maxRounds = 30
)

// fit maximises the likelihood less ridge/2 × Σ(b−prior)², by Newton's method (iteratively
// reweighted least squares: McCullagh and Nelder, "Generalized Linear Models", 1989).
// columns are the inputs, one slice each.
func fit(columns [][]float64, won []bool, prior []float64, ridge float64) regression {
	return fitEach(columns, won, prior, slices.Repeat([]float64{ridge}, len(columns)))
}

// fitEach is fit with a penalty for each column.
func fitEach(columns [][]float64, won []bool, prior, ridge []float64) regression {
	k, n := len(columns), len(won)
	b := make([]float64, k+1) // the intercept last
	copy(b, prior)
	wins := 0.5
	for _, w := range won {
		if w {
			wins++
		}
	}
	b[k] = logit(wins / float64(n+1))
	x := make([]float64, k+1)
	for range maxRounds {
		gradient, hessian := make([]float64, k+1), newMatrix(k+1)
		for i := range n {
			for j := range k {
				x[j] = columns[j][i]
			}
			x[k] = 1
			accumulate(gradient, hessian, x, b, won[i])
		}
		for j := range k {
			gradient[j] -= ridge[j] * (b[j] - prior[j])
			hessian[j][j] += ridge[j]
		}
		step := solve(hessian, gradient)
		largest := 0.0
		for j := range b {
			step[j] = min(max(step[j], -4), 4) // separated outcomes would run away
			b[j] += step[j]
			largest = max(largest, math.Abs(step[j]))
		}
		if largest < 1e-8 {
			break
		}
	}
	return regression{intercept: b[k], weights: b[:k]}
}

func accumulate(gradient []float64, hessian [][]float64, x, b []float64, won bool) {
	eta := 0.0
	for j := range x {
		eta += x[j] * b[j]
	}
	p := logistic(eta)
	residual := -p
	if won {
		residual = 1 - p
	}
	v := max(p*(1-p), 1e-10)
	for j := range x {
		if x[j] == 0 {
			continue
		}
		gradient[j] += x[j] * residual
		for l := 0; l <= j; l++ {
			hessian[j][l] += x[j] * x[l] * v
		}
	}
}

func newMatrix(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
	}
	return m
}

// solve returns x of A·x = y for a positive definite A, of which the lower half is
// read, by Cholesky's decomposition. A is overwritten.
func solve(a [][]float64, y []float64) []float64 {
	n := len(y)
	for j := range n {
		for l := range j {
			a[j][j] -= a[j][l] * a[j][l]
		}
		a[j][j] = math.Sqrt(max(a[j][j], 1e-10))
		for i := j + 1; i < n; i++ {
			for l := range j {
				a[i][j] -= a[i][l] * a[j][l]
			}
			a[i][j] /= a[j][j]
		}
	}
	x := make([]float64, n)
	for i := range n {
		x[i] = y[i]
		for l := range i {
			x[i] -= a[i][l] * x[l]
		}
		x[i] /= a[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for l := i + 1; l < n; l++ {
			x[i] -= a[l][i] * x[l]
		}
		x[i] /= a[i][i]
	}
	return x
}

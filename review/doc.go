// Package review is what closed deals say of a model: it derives a model from them,
// and tells how well a model would have told won deals from lost ones. It is pure Go:
// the same deals give the same figures and the same file, byte for byte.
package review

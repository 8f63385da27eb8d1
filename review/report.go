package review

import "io"

// WriteHTML writes the review as one page that needs nothing else.
func (q *QuarterReview) WriteHTML(w io.Writer) error {
	_, err := io.WriteString(w, "<!doctype html><title>"+q.Quarter+"</title>")
	return err
}

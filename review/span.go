package review

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// Span is a quarter of a year: From is its first moment, To the first one after it.
type Span struct {
	Name     string // 2026Q3
	From, To time.Time
}

// SpanOf returns the quarter that a moment is in, by the clocks of a zone.
func SpanOf(at time.Time, zone *time.Location) Span {
	year, month, _ := at.In(zone).Date()
	return quarter(year, (int(month)+2)/3, zone)
}

// LastSpan returns the last quarter that had ended by a moment.
func LastSpan(at time.Time, zone *time.Location) Span {
	return SpanOf(SpanOf(at, zone).From.Add(-time.Nanosecond), zone)
}

func quarter(year, n int, zone *time.Location) Span {
	from := time.Date(year, time.Month(3*n-2), 1, 0, 0, 0, 0, zone)
	return Span{Name: fmt.Sprintf("%04dQ%d", year, n), From: from, To: from.AddDate(0, 3, 0)}
}

// ParseSpan reads a quarter that has ended by the given moment. Errors:
// [account.ErrInvalid] for another word, and for one that has not ended.
func ParseSpan(s string, zone *time.Location, now time.Time) (Span, error) {
	var year, n int
	if _, err := fmt.Sscanf(s, "%4dQ%1d", &year, &n); err != nil || n < 1 || n > 4 || year < 2000 || quarter(year, n, zone).Name != s {
		return Span{}, account.Invalid("quarter", fmt.Sprintf("want one such as 2026Q3, have %q", strictyaml.Clip(s, 20)))
	}
	q := quarter(year, n, zone)
	if q.To.After(now) {
		return Span{}, account.Invalid("quarter", fmt.Sprintf("%s has not ended: it does on %s (%s); the last whole one is %s",
			s, q.To.AddDate(0, 0, -1).Format(time.DateOnly), zone, LastSpan(now, zone).Name))
	}
	return q, nil
}

package strictyaml

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// units are the suffixes of numbers.
var units = []struct {
	suffix byte
	size   float64
}{{'k', 1e3}, {'M', 1e6}, {'B', 1e9}}

var numberShape = regexp.MustCompile(`^[+-]?(0|[1-9]\d{0,14}(_\d{3})*)(\.\d{1,6})?[kKmMbB]?$`)

// ParseNumber reads a number as people write it: 50, -1.5, 1_000, 10k, 1.5M, 2B.
func ParseNumber(s string) (float64, bool) {
	if len(s) > 24 || !numberShape.MatchString(s) {
		return 0, false
	}
	factor := 1.0
	for _, u := range units {
		if strings.EqualFold(s[len(s)-1:], string(u.suffix)) {
			factor, s = u.size, s[:len(s)-1]
			break
		}
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return n * factor, err == nil
}

// FormatNumber writes n for people: 10M, 1.5B, 120.
func FormatNumber(n float64) string { return string(AppendNumber(nil, n)) }

// FormatDuration writes a time as files do: 30s, 5m, 24h, 90d.
func FormatDuration(d time.Duration) string {
	for _, unit := range []struct {
		suffix string
		size   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if d >= 2*unit.size && d%unit.size == 0 {
			return strconv.Itoa(int(d/unit.size)) + unit.suffix
		}
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}

// AppendNumber is [FormatNumber] for who must not allocate. It writes 10k as 10000.
func AppendNumber(to []byte, n float64) []byte {
	if n != math.Trunc(n) || math.Abs(n) > 1e15 {
		return strconv.AppendFloat(to, n, 'f', -1, 64)
	}
	whole := int64(n)
	for _, unit := range slices.Backward(units[1:]) {
		if math.Abs(n) < unit.size {
			continue
		}
		if tenth := int64(unit.size) / 10; whole%tenth == 0 {
			to = strconv.AppendInt(to, whole/tenth/10, 10)
			if tenths := whole / tenth % 10; tenths != 0 {
				to = append(to, '.', byte('0'+max(tenths, -tenths)))
			}
			return append(to, unit.suffix)
		}
	}
	return strconv.AppendInt(to, whole, 10)
}

package vocabulary

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// NoLimit is the upper end of an open range of employees ("10001+"); of an open
// revenue band it is [math.Inf].
const NoLimit = math.MaxInt

// EmployeeRange reads a number of employees, exact or a range, in the styles of
// Apollo, Clearbit (251-1K), Hunter, LinkedIn ("11-50 employees", "Myself Only"),
// People Data Labs, ZoomInfo (1,000 - 5,000), Crunchbase (c_00101_00250), Glassdoor
// and BuiltWith (reference/providers.md 3.1), and in plain words ("over 500"). Both
// ends are included; an exact number is its own range, an open end is [NoLimit].
// Nothing is read out of longer texts.
func EmployeeRange(s string) (minimum, maximum int, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if r, found := employeeCodes[s]; found {
		return r[0], r[1], true
	}
	s = strings.TrimSpace(employeeWords.ReplaceAllString(s, " "))
	low, high, ok := parseRange(s)
	if !ok || low > maxEmployees || high > maxEmployees && !math.IsInf(high, 1) || low == 0 && high == 0 {
		return 0, 0, false
	}
	if math.IsInf(high, 1) {
		return int(math.Ceil(low)), NoLimit, true
	}
	return int(math.Ceil(low)), int(high), int(math.Ceil(low)) <= int(high)
}

// maxEmployees is above the largest employer; more is an error in the data.
const maxEmployees = 20_000_000

// employeeCodes are the labels that are not read by their digits.
var employeeCodes = map[string][2]int{
	"myself only": {1, 1}, "self-employed": {1, 1}, "self employed": {1, 1}, "just me": {1, 1}, "only me": {1, 1}, "solo": {1, 1}, "sole proprietor": {1, 1},
	"c_00001_00010": {1, 10}, "c_00011_00050": {11, 50}, "c_00051_00100": {51, 100}, "c_00101_00250": {101, 250},
	"c_00251_00500": {251, 500}, "c_00501_01000": {501, 1000}, "c_01001_05000": {1001, 5000}, "c_05001_10000": {5001, 10000}, "c_10001_max": {10001, NoLimit},
	// Apollo writes its search ranges with a comma, which elsewhere is for thousands.
	"1,10": {1, 10}, "11,20": {11, 20}, "21,50": {21, 50}, "51,100": {51, 100}, "101,200": {101, 200}, "201,500": {201, 500}, "501,1000": {501, 1000},
	"1001,2000": {1001, 2000}, "2001,5000": {2001, 5000}, "5001,10000": {5001, 10000}, "10001,": {10001, NoLimit},
	// Spreadsheets take these ranges for dates.
	"jan-10": {1, 10}, "10-jan": {1, 10}, "feb-10": {2, 10}, "10-feb": {2, 10}, "nov-50": {11, 50}, "20-oct": {10, 20}, "20-nov": {11, 20},
}

var employeeWords = regexp.MustCompile(`\b(full[- ]?time|remote|worldwide|globally|currently|in total|total|team|staff|employees?|members?|people|persons?|workers?|ftes?|headcount|mitarbeiter|empleados|employés|colaboradores|funcionários|individuals|teammates|on linkedin|and growing(?: rapidly| quickly| fast)?)\b|\([^()]*\)|[.:]\s*$`)

// RevenueBand reads a yearly revenue in dollars, exact or a band, in the styles of
// Clearbit ($10M-$50M), People Data Labs, ZoomInfo ($10 mil. - $25 mil.), Crunchbase
// (r_00010000) and the SEC's Form D (reference/providers.md 3.2 and 4.8). An open end
// is [math.Inf]. Other currencies are not read: we hold dollars, and no rates.
func RevenueBand(s string) (minimum, maximum float64, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if r, found := revenueCodes[s]; found {
		return r[0], r[1], true
	}
	s, ok = dollars(s)
	if !ok {
		return 0, 0, false
	}
	low, high, ok := parseRange(s)
	if !ok || low > maxMoney || high > maxMoney && !math.IsInf(high, 1) {
		return 0, 0, false
	}
	return low, high, true
}

// maxMoney is far above what any company takes in a year.
const maxMoney = 1e14

var revenueCodes = map[string][2]float64{
	"r_00000000": {0, 1e6}, "r_00001000": {1e6, 10e6}, "r_00010000": {10e6, 50e6}, "r_00050000": {50e6, 100e6},
	"r_00100000": {100e6, 500e6}, "r_00500000": {500e6, 1e9}, "r_01000000": {1e9, 10e9}, "r_10000000": {10e9, math.Inf(1)},
	"no revenues": {0, 0}, "no revenue": {0, 0}, "pre-revenue": {0, 0},
}

// Money reads one amount in dollars: 12M, $1.5B, 1,250,000, US$ 39.0M, 12 million.
// Amounts in other currencies, negative ones and ranges are not read.
func Money(s string) (amount float64, ok bool) {
	s, ok = dollars(strings.ToLower(strings.TrimSpace(s)))
	if !ok {
		return 0, false
	}
	n, _, ok := parseNumber(s)
	return n, ok && n <= maxMoney
}

// dollars takes the signs of US dollars away; false where another currency is named.
func dollars(s string) (string, bool) {
	s = dollarSigns.ReplaceAllString(s, "$1")
	return strings.TrimSpace(s), !strings.ContainsAny(s, "$€£¥₹₽₩₺₪₫₴₦฿")
}

var dollarSigns = regexp.MustCompile(`\bus\s?\$|\busd?\b|\bus dollars?\b|\bdollars?\b|(^|[\s\-–—<>~≥≤])\$`)

// Middle is the middle of a range, rounded up to a whole number so that 0-1 is one;
// the lower end of an open range, since nothing says how far it goes. It is for
// scoring only: mark the fact as derived.
func Middle[N int | float64](minimum, maximum N) float64 {
	low, high := float64(minimum), float64(maximum)
	if math.IsInf(high, 1) || high >= float64(NoLimit) || high < low {
		return low
	}
	return math.Ceil(low + (high-low)/2)
}

var (
	rangeDash = regexp.MustCompile(`^(?:between |from )?(.+?)\s*(?:-|–|—|−|‐|‑|\bto\b|\band\b|\.\.|…)\s*(.+)$`)
	atLeast   = regexp.MustCompile(`^(?:over|more than|greater than|at least|above|upwards of|>=?|≥|\+)\s*(.+)$`)
	atMost    = regexp.MustCompile(`^(?:under|less than|fewer than|below|up to|at most|<=?|≤)\s*(.+)$`)
	open      = regexp.MustCompile(`^(.+?)\s*(?:\++|plus|or more|and above|and over|and up|and more)$`)
	about     = regexp.MustCompile(`^(?:~|≈|ca\.?|circa|about|around|approximately|approx\.?|roughly|nearly|almost|close to)\s*(.+)$`)
)

// parseRange reads low-high, low+, "over low", "under high" and a single number.
func parseRange(s string) (low, high float64, ok bool) {
	if m := about.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	if m := open.FindStringSubmatch(s); m != nil {
		low, _, ok = parseRange(m[1]) // of "20-50+" the 20 is sure
		return low, math.Inf(1), ok
	}
	if m := atLeast.FindStringSubmatch(s); m != nil {
		low, _, ok = parseNumber(m[1])
		return low, math.Inf(1), ok
	}
	if m := atMost.FindStringSubmatch(s); m != nil {
		high, _, ok = parseNumber(m[1])
		return 0, high, ok
	}
	if low, _, ok = parseNumber(s); ok {
		return low, low, true
	}
	if m := rangeDash.FindStringSubmatch(s); m != nil {
		return parsePair(m[1], m[2])
	}
	return 0, 0, false
}

// parsePair reads both ends of a range. "1-10M" means 1M to 10M, while "251-1K" means
// what it says: a unit on the upper end alone belongs to both if the digits rise.
func parsePair(a, b string) (low, high float64, ok bool) {
	low, lowUnit, ok := parseNumber(a)
	if !ok {
		return 0, 0, false
	}
	high, highUnit, ok := parseNumber(b)
	if lowUnit == 1 && highUnit > 1 && low < high/highUnit {
		low *= highUnit
	}
	return low, high, ok && low <= high
}

var (
	number    = regexp.MustCompile(`^(\d[\d.,'’  ]*)\s*([a-zа-я]*)\.?$`)
	thousands = regexp.MustCompile(`^\d{1,3}(?:([.,'’  ])\d{3})(?:[.,'’  ]\d{3})*$`)
)

// units are the words and letters for powers of ten.
var units = map[string]float64{
	"": 1, "k": 1e3, "thousand": 1e3, "thousands": 1e3, "tsd": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mil": 1e6, "mill": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6,
	"b": 1e9, "bn": 1e9, "bil": 1e9, "bill": 1e9, "billion": 1e9, "billions": 1e9, "mrd": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12,
}

// parseNumber reads a number with its unit, which it returns too. A point or comma
// before exactly three digits separates thousands where no unit follows.
func parseNumber(s string) (n, unit float64, ok bool) {
	m := number.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, 0, false
	}
	unit, ok = units[m[2]]
	if !ok {
		return 0, 0, false
	}
	digits := strings.TrimSpace(m[1])
	if g := thousands.FindStringSubmatch(digits); g != nil && (unit == 1 || g[1] != ".") {
		digits = strings.NewReplacer(".", "", ",", "", "'", "", "’", "", " ", "", " ", "", " ", "").Replace(digits)
	} else {
		digits = trimThousands(digits)
	}
	n, err := strconv.ParseFloat(digits, 64)
	return n * unit, unit, err == nil
}

// trimThousands reads 1,250,000.50 and 1,5 (a decimal comma); what is neither stays
// and is not a number.
func trimThousands(digits string) string {
	whole, fraction, found := strings.Cut(digits, ".")
	if found && thousands.MatchString(whole) {
		return strings.NewReplacer(",", "", "'", "", " ", "").Replace(whole) + "." + fraction
	}
	if whole, fraction, found = strings.Cut(digits, ","); found && len(fraction) <= 2 {
		return whole + "." + fraction
	}
	return digits
}

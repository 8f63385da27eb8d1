package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// api is one service as the sandbox serves it.
type api struct {
	name    string       // on the fault switch and in paths
	handler http.Handler // below /<name>
	dialect fault.Dialect
}

// The keys that every vendor refuses; any other will do.
const (
	badKey    = "bad-key"
	noCredits = "no-credits"
)

// keyed lets a request through that carries an acceptable key, and refuses others
// in the vendor's words. A key without credits still finds out what is free.
func keyed(credential func(*http.Request) string, d fault.Dialect, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch credential(r) {
		case "", badKey:
			d.Refuse(w, r, fault.BadKey, 0)
		case noCredits:
			d.Refuse(w, r, fault.NoCredits, 0)
		default:
			next(w, r)
		}
	}
}

// look finds what the vendor says about a domain, or lets the fault mislead it.
func (c *Coverage) look(r *http.Request, v Vendor, domain string) answer {
	if fault.WrongCompany(r.Context()) {
		return c.somebodyElse(v, domain)
	}
	return c.answer(v, domain)
}

// lookNamed is look for a vendor that may be asked by domain or by name.
func (c *Coverage) lookNamed(r *http.Request, v Vendor, domain, name string) answer {
	if domain != "" || fault.WrongCompany(r.Context()) {
		return c.look(r, v, domain)
	}
	return c.named(v, name)
}

// bare writes a domain or a URL as the counters name it.
func bare(s string) string {
	if domain, ok := registrable(s); ok {
		return domain
	}
	return strings.ToLower(s)
}

// first returns the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// orEmpty is how JSON writes a list that is never null.
func orEmpty(list []string) []string { return append([]string{}, list...) }

// orNull is how JSON writes an unknown value: null.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func lowered(l []string) []string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = strings.ToLower(s)
	}
	return out
}

// joined lists the parts that are not empty.
func joined(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, ", ")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// authorization returns what follows the scheme in the Authorization header.
func authorization(r *http.Request, scheme string) string {
	value := r.Header.Get("Authorization")
	if len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) && value[len(scheme)] == ' ' {
		return strings.TrimSpace(value[len(scheme):])
	}
	return ""
}

// uuid is an id in the form of a UUID that belongs to the key.
func uuid(key string) string {
	a, b := number64(1, key), number64(2, key)
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

// printed writes an amount as 18M or 1.2M.
func printed(n int64) string {
	switch {
	case n >= 1e9:
		return trimZero(float64(n)/1e9) + "B"
	case n >= 1e6:
		return trimZero(float64(n)/1e6) + "M"
	case n >= 1e3:
		return trimZero(float64(n)/1e3) + "K"
	}
	return fmt.Sprint(n)
}

func trimZero(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

// band is a label for the values up to its end.
type band struct {
	upTo  int64
	label string
}

// bandOf returns the label of the band that n is in; "" for an unknown n.
func bandOf(n int64, bands []band) string {
	if n <= 0 {
		return ""
	}
	for _, b := range bands {
		if n <= b.upTo {
			return b.label
		}
	}
	return bands[len(bands)-1].label
}

// Size and revenue bands in each style (reference/providers.md 3.1 and 3.2).
var (
	clearbitSizes = []band{{10, "1-10"}, {50, "11-50"}, {250, "51-250"}, {1000, "251-1K"}, {5000, "1K-5K"}, {10000, "5K-10K"}, {50000, "10K-50K"}, {100000, "50K-100K"}, {1 << 40, "100K+"}}
	pdlSizes      = []band{{10, "1-10"}, {50, "11-50"}, {200, "51-200"}, {500, "201-500"}, {1000, "501-1000"}, {5000, "1001-5000"}, {10000, "5001-10000"}, {1 << 40, "10001+"}}

	clearbitRevenues = []band{{1e6, "$0-$1M"}, {10e6, "$1M-$10M"}, {50e6, "$10M-$50M"}, {100e6, "$50M-$100M"}, {250e6, "$100M-$250M"}, {500e6, "$250M-$500M"}, {1e9, "$500M-$1B"}, {10e9, "$1B-$10B"}, {1 << 60, "$10B+"}}
	pdlRevenues      = []band{{1e6, "$0-$1M"}, {10e6, "$1M-$10M"}, {25e6, "$10M-$25M"}, {50e6, "$25M-$50M"}, {100e6, "$50M-$100M"}, {250e6, "$100M-$250M"}, {500e6, "$250M-$500M"}, {1e9, "$500M-$1B"}, {10e9, "$1B-$10B"}, {1 << 60, "$10B+"}}
)

// meter counts calls in windows of a minute, for the headers that tell of them.
type meter struct {
	mu     sync.Mutex
	minute int64
	used   int
	total  int
}

// call counts one, and returns the use of this minute, of all time, and when the
// minute ends.
func (m *meter) call(now time.Time) (used, total int, reset time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	minute := now.Unix() / 60
	if minute != m.minute {
		m.minute, m.used = minute, 0
	}
	m.used++
	m.total++
	return m.used, m.total, time.Unix((minute+1)*60, 0).UTC()
}

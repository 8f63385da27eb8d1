package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// builtWithAnswer is the body of v22/api.json (api.builtwith.com/domain-api).
type builtWithAnswer struct {
	Results []builtWithResult  `json:"Results"`
	Errors  []builtWithProblem `json:"Errors"`
	Trust   *struct{}          `json:"Trust"` // only when asked for
}

type builtWithResult struct {
	Lookup       string              `json:"Lookup"`
	Result       builtWithPaths      `json:"Result"`
	Meta         builtWithMeta       `json:"Meta"` // beside Result, not in it
	Attributes   builtWithAttributes `json:"Attributes"`
	FirstIndexed int64               `json:"FirstIndexed"` // ms, as all times here
	LastIndexed  int64               `json:"LastIndexed"`
	SalesRevenue int64               `json:"SalesRevenue"`
}

type builtWithPaths struct {
	IsDB         string           `json:"IsDB"` // "True"
	Spend        int              `json:"Spend"`
	SpendHistory []builtWithSpend `json:"SpendHistory"`
	Paths        []builtWithPath  `json:"Paths"`
}

type builtWithSpend struct {
	D int64 `json:"D"`
	S int   `json:"S"`
}

type builtWithPath struct {
	Domain       string          `json:"Domain"`
	SubDomain    string          `json:"SubDomain"`
	URL          string          `json:"Url"`
	FirstIndexed int64           `json:"FirstIndexed"`
	LastIndexed  int64           `json:"LastIndexed"`
	Technologies []builtWithTech `json:"Technologies"`
}

type builtWithTech struct {
	Name          string   `json:"Name"`
	Tag           string   `json:"Tag"`
	FirstDetected int64    `json:"FirstDetected"`
	LastDetected  int64    `json:"LastDetected"`
	IsPremium     string   `json:"IsPremium"` // "yes", "no", "maybe"
	Parent        string   `json:"Parent,omitempty"`
	Categories    []string `json:"Categories,omitempty"`
	Description   string   `json:"Description,omitempty"`
	Link          string   `json:"Link,omitempty"`
}

type builtWithMeta struct {
	CompanyName *string  `json:"CompanyName"`
	Vertical    *string  `json:"Vertical"`
	Telephones  []string `json:"Telephones"`
	Emails      []string `json:"Emails"`
	City        *string  `json:"City"`
	State       *string  `json:"State"`
	Postcode    *string  `json:"Postcode"`
	Country     *string  `json:"Country"`
	Names       []string `json:"Names"`
	Social      []string `json:"Social"`
	Majestic    int      `json:"Majestic"`
	Umbrella    int      `json:"Umbrella"`
	ARank       int      `json:"ARank"`
	QRank       int      `json:"QRank"` // -1: none
	Titles      *string  `json:"Titles"`
}

type builtWithAttributes struct {
	Employees int `json:"Employees"` // 0 is unknown, here and below
	Revenue   int `json:"Revenue"`
	MJRank    int `json:"MJRank"`
	MJTLDRank int `json:"MJTLDRank"`
	RefSN     int `json:"RefSN"`
	RefIP     int `json:"RefIP"`
	Followers int `json:"Followers"`
	Sitemap   int `json:"Sitemap"`
	GTMTags   int `json:"GTMTags"`
}

type builtWithProblem struct {
	Code    int    `json:"Code"`
	Message string `json:"Message"`
	Lookup  string `json:"Lookup"`
}

type builtWith struct {
	coverage *Coverage
	used     atomic.Int64
}

// builtWithCredits is what the sandbox's account has bought.
const builtWithCredits = 100_000

func newBuiltWith(c *Coverage) api {
	b := &builtWith{coverage: c}
	d := fault.Dialect{Refuse: refuseBuiltWith, Lookup: func(r *http.Request) string {
		return strings.ToLower(r.URL.Query().Get("LOOKUP"))
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api.json", keyed(builtWithKey, d, b.lookup))
	mux.HandleFunc("GET /{version}/api.json", keyed(builtWithKey, d, b.lookup)) // v20 to v23 share this shape
	mux.HandleFunc("GET /usagev2/api.json", keyed(builtWithKey, d, b.usage))
	mux.HandleFunc("GET /{version}/usagev2/api.json", keyed(builtWithKey, d, b.usage))
	return api{name: string(BuiltWith), handler: mux, dialect: d}
}

func builtWithKey(r *http.Request) string {
	return first(r.URL.Query().Get("KEY"), authorization(r, "API"))
}

func (b *builtWith) lookup(w http.ResponseWriter, r *http.Request) {
	asked := strings.Split(strings.ToLower(r.URL.Query().Get("LOOKUP")), ",")
	if asked[0] == "" || len(asked) > 16 {
		writeJSON(w, http.StatusOK, builtWithErrors(-1, "Lookup is missing or has more than 16 domains", ""))
		return
	}
	out := builtWithAnswer{Results: []builtWithResult{}, Errors: []builtWithProblem{}}
	var hits int
	for _, domain := range asked {
		host, ok := registrable(domain)
		if !ok {
			out.Errors = append(out.Errors, builtWithProblem{-8, "Invalid or unsupported domain", domain})
			continue
		}
		found := b.coverage.look(r, BuiltWith, host)
		if found.kind != unknown {
			hits++
			out.Results = append(out.Results, b.resultOf(found, host))
		} else if b.coverage.chance(BuiltWith, host, "miss") < 0.5 {
			out.Results = append(out.Results, emptyResult(host))
		} // else no result at all: both ways to miss have been seen
	}
	fault.Charge(r.Context(), float64(hits))
	b.limits(w, hits)
	writeJSON(w, http.StatusOK, out)
}

func (b *builtWith) limits(w http.ResponseWriter, spent int) {
	used := b.used.Add(int64(spent))
	h := w.Header()
	h.Set("X-RATELIMIT-LIMIT-CONCURRENT", "8")
	h.Set("X-RATELIMIT-CURRENT-CONCURRENT", "1")
	h.Set("X-RATELIMIT-LIMIT-PERSECOND", "10")
	h.Set("X-RATELIMIT-CURRENT-PERSECOND", "1")
	h.Set("X-API-CREDITS-AVAILABLE", strconv.Itoa(builtWithCredits))
	h.Set("X-API-CREDITS-USED", strconv.FormatInt(used, 10))
	h.Set("X-API-CREDITS-REMAINING", strconv.FormatInt(max(0, builtWithCredits-used), 10))
}

// usage is the free look at the credits.
func (b *builtWith) usage(w http.ResponseWriter, _ *http.Request) {
	used := b.used.Load()
	writeJSON(w, http.StatusOK, map[string]int64{"used": used, "purchased": builtWithCredits, "remaining": builtWithCredits - used})
}

func emptyResult(domain string) builtWithResult {
	return builtWithResult{Lookup: domain, Result: builtWithPaths{IsDB: "False", SpendHistory: []builtWithSpend{}, Paths: []builtWithPath{}}, Meta: builtWithMeta{ARank: -1, QRank: -1}}
}

func (b *builtWith) resultOf(found answer, asked string) builtWithResult {
	c := &found.company
	at := b.coverage.table.at
	last := at.AddDate(0, 0, -int(number64(12, c.Domain)%20))
	if n := len(found.swapped); n > 0 { // looked at again
		last = found.swapped[n-1].At
	}
	start := last.AddDate(-6, 0, 0)
	path := builtWithPath{Domain: c.Domain, FirstIndexed: start.UnixMilli(), LastIndexed: last.UnixMilli(), Technologies: []builtWithTech{}}
	for i, word := range c.Technologies {
		since := last.AddDate(0, -3-int(number64(13, c.Domain+word)%40), 0)
		if h, ok := found.swap(func(h *Happening) string { return h.Added }, word); ok {
			since = h.At
		}
		path.Technologies = append(path.Technologies, builtWithTechOf(word, since, last.AddDate(0, 0, -i%5)))
	}
	for _, word := range c.FormerTechnologies {
		gone := last.AddDate(0, 0, -200-int(number64(14, c.Domain+word)%900))
		if h, ok := found.swap(func(h *Happening) string { return h.Dropped }, word); ok {
			gone = h.At.AddDate(0, 0, -crawls) // when it was last seen
		}
		path.Technologies = append(path.Technologies, builtWithTechOf(word, gone.AddDate(-1, 0, 0), gone))
	}
	out := builtWithResult{
		Lookup: asked, Meta: builtWithMetaOf(c), Attributes: builtWithAttributes{Employees: c.Employees},
		Result:       builtWithPaths{IsDB: "True", Spend: 40 * len(c.Technologies), SpendHistory: []builtWithSpend{{start.UnixMilli(), 20}}, Paths: []builtWithPath{path}},
		FirstIndexed: path.FirstIndexed, LastIndexed: path.LastIndexed,
	}
	if b.coverage.mode == Realistic {
		addNoise(&out, c)
	}
	return out
}

// crawls is how many days lie between two looks at a site.
const crawls = 45

// swap finds the last change of the technology by one side of it.
func (a *answer) swap(side func(*Happening) string, word string) (Happening, bool) {
	for _, h := range slices.Backward(a.swapped) {
		if name := side(&h); name != "" && techOf(name).word == word {
			return h, true
		}
	}
	return Happening{}, false
}

func builtWithTechOf(word string, since, last time.Time) builtWithTech {
	t := techOf(word)
	out := builtWithTech{
		Name: t.name, Tag: t.tag, FirstDetected: since.UnixMilli(), LastDetected: last.UnixMilli(),
		IsPremium: [...]string{"yes", "no", "maybe"}[number64(15, word)%3], Categories: []string{t.category},
	}
	if t.product != "" {
		out.Name, out.Parent = t.product, t.name
	}
	return out
}

// addNoise adds what real answers are full of: certificates and mail records, health
// markers, and a staging host with tools of its own.
func addNoise(out *builtWithResult, c *Company) {
	main := &out.Result.Paths[0]
	first, last := time.UnixMilli(main.FirstIndexed), time.UnixMilli(main.LastIndexed)
	for name, tag := range map[string]string{"LetsEncrypt": "ssl", "SPF": "mx", "DNSSEC": "ns"} {
		main.Technologies = append(main.Technologies, builtWithTech{Name: name, Tag: tag, FirstDetected: first.UnixMilli(), LastDetected: last.UnixMilli(), IsPremium: "no"})
	}
	slices.SortFunc(main.Technologies[len(main.Technologies)-3:], func(a, b builtWithTech) int { return strings.Compare(a.Name, b.Name) })
	switch number64(16, c.Domain) % 10 {
	case 0:
		main.Technologies = append(main.Technologies, builtWithTech{Name: "Invalid Certificate Dates", Tag: "hosting", FirstDetected: first.UnixMilli(), LastDetected: first.AddDate(0, 1, 0).UnixMilli(), IsPremium: "no"})
	case 1:
		staging := builtWithPath{Domain: c.Domain, SubDomain: "staging", FirstIndexed: main.FirstIndexed, LastIndexed: main.LastIndexed}
		staging.Technologies = []builtWithTech{builtWithTechOf("wordpress", first, last)}
		out.Result.Paths = append(out.Result.Paths, staging)
	}
}

func builtWithMetaOf(c *Company) builtWithMeta {
	return builtWithMeta{
		CompanyName: orNull(c.Name), Vertical: orNull(industryOf(c.Industry).builtwith), Emails: []string{},
		City: orNull(c.City), State: orNull(c.State), Country: orNull(c.Country), ARank: int(number64(17, c.Domain) % 2_000_000), QRank: -1,
	}
}

func builtWithErrors(code int, message, lookup string) any {
	return struct {
		Errors []builtWithProblem `json:"Errors"`
	}{[]builtWithProblem{{code, message, lookup}}}
}

// refuseBuiltWith says most things in a 200.
func refuseBuiltWith(w http.ResponseWriter, r *http.Request, why fault.Reason, retryAfter time.Duration) {
	lookup := r.URL.Query().Get("LOOKUP")
	switch why {
	case fault.BadKey:
		writeJSON(w, http.StatusOK, builtWithErrors(-2, "API Key is incorrect", lookup))
	case fault.NoCredits:
		w.Header().Set("X-API-CREDITS-REMAINING", "0")
		writeJSON(w, http.StatusOK, builtWithErrors(-3, "API Credits have run out", lookup))
	case fault.Throttled:
		seconds, _ := strconv.Atoi(fault.Seconds(retryAfter))
		writeJSON(w, http.StatusTooManyRequests, map[string]any{
			"error": "Rate limit exceeded", "maxConcurrentRequests": 8, "maxRequestsPerSecond": 10,
			"currentConcurrentRequests": 1, "currentRequestsInWindow": 11, "retryAfterSeconds": seconds,
		})
	case fault.Broken: // the vendor's internal error is a 200 too, but its servers also fail plainly
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
	case fault.Unavailable, fault.Outage:
		http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
	}
}

package sandbox

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// gdelt serves the DOC 2.0 API: articles of the last three months.
type gdelt struct {
	*scene
	byName map[string][]int
	busy   atomic.Uint64
}

func newGDELT(s *scene) *gdelt {
	g := &gdelt{scene: s, byName: map[string][]int{}}
	for i := range s.table.companies {
		name := plainName(s.table.companies[i].Name)
		g.byName[name] = append(g.byName[name], i)
	}
	return g
}

func (g *gdelt) api() api {
	d := fault.Dialect{Refuse: g.refuse, Lookup: func(r *http.Request) string { return r.URL.Query().Get("query") }}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/doc/doc", g.articles)
	return api{name: GDELT, handler: mux, dialect: d}
}

// gdeltArticle is one article of mode=artlist.
type gdeltArticle struct {
	URL       string `json:"url"`
	URLMobile string `json:"url_mobile"`
	Title     string `json:"title"`
	SeenDate  string `json:"seendate"` // 20261120T101500Z
	Image     string `json:"socialimage"`
	Domain    string `json:"domain"`
	Language  string `json:"language"`
	Country   string `json:"sourcecountry"`
}

// quoted is a phrase of a query.
var quoted = regexp.MustCompile(`"([^"]+)"`)

// covered is how far back the API looks.
const covered = 90 * 24 * time.Hour

func (g *gdelt) articles(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	phrase := quoted.FindStringSubmatch(q.Get("query"))
	if phrase == nil || len(phrase[1]) < 3 {
		plainText(w, http.StatusOK, "Your query was too short or too long.\n")
		return
	}
	from, to, ok := g.window(r)
	if !ok {
		plainText(w, http.StatusOK, "Invalid/Unsupported Timespan.\n")
		return
	}
	var found []gdeltArticle
	for _, h := range g.headlines(plainName(phrase[1])) {
		if !h.At.Before(from) && !h.At.After(to) && anyOf(q.Get("query"), h.Headline) {
			found = append(found, articleOf(&h))
		}
	}
	if q.Get("sort") == "dateasc" {
		slices.Reverse(found)
	}
	most, err := strconv.Atoi(q.Get("maxrecords"))
	if err != nil || most < 1 {
		most = 75
	}
	found = found[:min(most, 250, len(found))]
	if len(found) == 0 {
		writeJSON(w, http.StatusOK, struct{}{})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"articles": found})
}

// headlines are the articles about companies of the name, newest first: an old one
// each, and those that happened.
func (g *gdelt) headlines(name string) []Happening {
	var all []Happening
	for _, i := range g.byName[name] {
		c := &g.table.companies[i]
		all = append(all, Happening{ID: "old-news", Domain: c.Domain, At: g.background(between(62, 85, 91, c.Domain)), Headline: c.Name + " publishes its annual customer survey"})
		for _, h := range g.happened(c.Domain) {
			if h.Kind == Press {
				all = append(all, h)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Happening) int { return b.At.Compare(a.At) })
	return all
}

// alternatives is the list of words in brackets of which one must be in the title.
var alternatives = regexp.MustCompile(`\(([^()]+)\)`)

func anyOf(query, headline string) bool {
	list := alternatives.FindStringSubmatch(query)
	if list == nil {
		return true
	}
	title := " " + plainName(headline) + " "
	return slices.ContainsFunc(strings.Split(list[1], " OR "), func(word string) bool {
		return strings.Contains(title, " "+plainName(word)+" ")
	})
}

// window is the time that the query is about, by startdatetime and enddatetime or by
// timespan: 15min, 12h, 1d, 2w, 3m.
func (g *gdelt) window(r *http.Request) (from, to time.Time, ok bool) {
	const layout = "20060102150405"
	q, now := r.URL.Query(), g.clock.Now()
	from, to = now.Add(-covered), now
	if start := q.Get("startdatetime"); start != "" {
		t, err := time.Parse(layout, start)
		if err != nil {
			return from, to, false
		}
		from = t
	}
	if end := q.Get("enddatetime"); end != "" {
		t, err := time.Parse(layout, end)
		if err != nil {
			return from, to, false
		}
		to = t
	}
	if span := q.Get("timespan"); span != "" {
		d, ok := timespan(span)
		if !ok {
			return from, to, false
		}
		from = now.Add(-d)
	}
	return from, to, true
}

func timespan(s string) (time.Duration, bool) {
	digits := strings.TrimRightFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	n, err := strconv.Atoi(digits)
	unit, ok := map[string]time.Duration{
		"min": time.Minute, "h": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "days": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour, "m": 30 * 24 * time.Hour, "months": 30 * 24 * time.Hour,
	}[s[len(digits):]]
	return time.Duration(n) * unit, ok && err == nil && n > 0
}

func articleOf(h *Happening) gdeltArticle {
	press := []string{"wire.example", "daily.example", "tech-post.example"}[number64(92, h.ID)%3]
	return gdeltArticle{
		URL:   "https://" + press + "/" + strings.ReplaceAll(plainName(h.Headline), " ", "-") + "-" + strconv.FormatUint(number64(93, h.Domain+h.ID)%1_000_000, 10),
		Title: h.Headline, SeenDate: h.At.Truncate(15 * time.Minute).Format("20060102T150405Z"), Domain: press, Language: "English", Country: "United States",
	}
}

func plainText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8") // as GDELT has it
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// refuse throttles with a sentence, every second time in a 200.
func (g *gdelt) refuse(w http.ResponseWriter, _ *http.Request, why fault.Reason, _ time.Duration) {
	status, text := why.Status(), http.StatusText(why.Status())
	switch why {
	case fault.Throttled, fault.BadKey, fault.NoCredits: // it knows no keys
		status, text = http.StatusTooManyRequests, "Please limit requests to one every 5 seconds or contact the project for larger queries."
		if g.busy.Add(1)%2 == 0 {
			status = http.StatusOK
		}
	case fault.Broken, fault.Unavailable, fault.Outage:
	}
	plainText(w, status, text+"\n")
}

package sandbox

import (
	"encoding/json"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// website serves the companies' own sites: /website/<domain>/ and its robots.txt.
type website struct {
	coverage *Coverage
	boards   *jobBoards
}

func newWebsite(c *Coverage, b *jobBoards) api {
	s := &website{coverage: c, boards: b}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{domain}", s.home)
	mux.HandleFunc("GET /{domain}/{$}", s.home)
	mux.HandleFunc("GET /{domain}/home", s.page)
	mux.HandleFunc("GET /{domain}/careers", s.careers)
	mux.HandleFunc("GET /{domain}/robots.txt", s.robots)
	return api{name: string(Website), handler: mux, dialect: fault.Dialect{Refuse: refuseWebsite, Lookup: siteOf}}
}

// siteOf counts home pages, not what is fetched around them.
func siteOf(r *http.Request) string {
	domain, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/website/"), "/")
	if rest != "" {
		return ""
	}
	return bare(domain)
}

// How odd real sites are, as shares of them; only in the realistic mode.
const (
	sitesClosed     = 0.02 // robots.txt keeps everybody out
	sitesRedirected = 0.05 // the home page is at /home
	sitesParked     = 0.10 // of the unknown ones: a page that offers the domain
)

// odd reports whether the site is one of those.
func (s *website) odd(domain, how string, share float64) bool {
	return s.coverage.mode == Realistic && s.coverage.chance(Website, domain, how) < share
}

func (s *website) home(w http.ResponseWriter, r *http.Request) {
	asked := r.PathValue("domain")
	if !s.odd(bare(asked), "redirected", sitesRedirected) {
		s.page(w, r)
		return
	}
	place := "home" // relative, since the page does not know what it is served below
	if !strings.HasSuffix(r.URL.Path, "/") {
		place = asked + "/home"
	}
	w.Header().Set("Location", place)
	w.WriteHeader(http.StatusFound)
}

func (s *website) page(w http.ResponseWriter, r *http.Request) {
	domain := bare(r.PathValue("domain"))
	found := s.coverage.look(r, Website, domain)
	switch {
	case found.kind != unknown:
		_, hires := s.board(found.company.Domain)
		writeHTML(w, http.StatusOK, homePage(&found.company, hires))
	case s.odd(domain, "parked", sitesParked):
		writeHTML(w, http.StatusOK, "<!doctype html><html><head><title>This domain is for sale</title></head><body><h1>This domain is for sale</h1></body></html>")
	default:
		writeHTML(w, http.StatusNotFound, "<!doctype html><html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>")
	}
}

// careers links to the company's job board, if it has one.
func (s *website) careers(w http.ResponseWriter, r *http.Request) {
	domain := bare(r.PathValue("domain"))
	board, ok := s.board(domain)
	if !ok || s.coverage.answer(Website, domain).kind != about {
		http.NotFound(w, r)
		return
	}
	writeHTML(w, http.StatusOK, "<!doctype html>\n<html lang=\"en\"><head><title>Careers</title></head><body><h1>Careers</h1>"+
		`<p><a href="`+html.EscapeString(board.URL())+`">Open positions</a></p></body></html>`+"\n")
}

func (s *website) board(domain string) (Board, bool) {
	i, ok := s.coverage.index(domain)
	if !ok {
		return Board{}, false
	}
	return s.boards.boardOf(i)
}

func (s *website) robots(w http.ResponseWriter, r *http.Request) {
	domain := bare(r.PathValue("domain"))
	if s.coverage.answer(Website, domain).kind == unknown && !s.closed(domain) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rules := "User-agent: *\nDisallow: /admin/\n"
	if s.closed(domain) {
		rules = "User-agent: *\nDisallow: /\n"
	}
	_, _ = w.Write([]byte(rules))
}

func (s *website) closed(domain string) bool { return s.odd(domain, "closed", sitesClosed) }

// homePage is a small page with what companies put on theirs: a description, the
// scripts of their tools, schema.org data, and a link to their jobs.
func homePage(c *Company, hires bool) string {
	var b strings.Builder
	title := first(c.Name, c.Domain)
	b.WriteString("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + html.EscapeString(title) + "</title>\n")
	if c.Description != "" {
		b.WriteString(`<meta name="description" content="` + html.EscapeString(c.Description) + "\">\n")
	}
	if c.Name != "" {
		b.WriteString(`<meta property="og:site_name" content="` + html.EscapeString(c.Name) + "\">\n")
	}
	b.WriteString(`<script type="application/ld+json">` + schemaOrg(c) + "</script>\n")
	for _, word := range c.Technologies {
		if tag := techOf(word).snippet; strings.HasPrefix(tag, "<script") || strings.HasPrefix(tag, "<link") {
			b.WriteString(tag + "\n")
		}
	}
	b.WriteString("</head><body>\n<h1>" + html.EscapeString(title) + "</h1>\n<p>" + html.EscapeString(c.Description) + "</p>\n")
	for _, word := range c.Technologies {
		if tag := techOf(word).snippet; !strings.HasPrefix(tag, "<script") && !strings.HasPrefix(tag, "<link") {
			b.WriteString(tag + "\n")
		}
	}
	if hires {
		b.WriteString("<nav><a href=\"careers\">Careers</a></nav>\n")
	}
	b.WriteString("<footer>" + html.EscapeString(joined(title, c.City, countries[c.Country].name)) + "</footer>\n</body></html>\n")
	return b.String()
}

// schemaOrg describes the company as an Organization of schema.org.
func schemaOrg(c *Company) string {
	org := map[string]any{"@context": "https://schema.org", "@type": "Organization", "url": "https://" + c.Domain + "/"}
	for key, value := range map[string]string{"name": c.Name, "description": c.Description} {
		if value != "" {
			org[key] = value
		}
	}
	address := map[string]string{}
	for key, value := range map[string]string{"addressLocality": c.City, "addressRegion": c.State, "addressCountry": c.Country} {
		if value != "" {
			address["@type"], address[key] = "PostalAddress", value
		}
	}
	if len(address) > 0 {
		org["address"] = address
	}
	if c.FoundedYear > 0 {
		org["foundingDate"] = strconv.Itoa(c.FoundedYear)
	}
	if c.Employees > 0 {
		org["numberOfEmployees"] = map[string]any{"@type": "QuantitativeValue", "value": c.Employees}
	}
	if c.LinkedIn != "" {
		org["sameAs"] = []string{"https://www.linkedin.com/company/" + c.LinkedIn}
	}
	out, _ := json.Marshal(org) // of strings and numbers; it escapes < and >
	return string(out)
}

func writeHTML(w http.ResponseWriter, status int, page string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page))
}

func refuseWebsite(w http.ResponseWriter, _ *http.Request, why fault.Reason, retryAfter time.Duration) {
	status := why.Status()
	if why == fault.BadKey || why == fault.NoCredits { // a site has neither: it shuts us out
		status = http.StatusForbidden
	}
	if why == fault.Throttled {
		w.Header().Set("Retry-After", fault.Seconds(retryAfter))
	}
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	writeHTML(w, status, "<!doctype html><html><head><title>"+text+"</title></head><body><h1>"+text+"</h1></body></html>")
}

package jobboards

import (
	"net/url"
	"strings"
	"unicode"
)

// system is one vendor of job boards.
type system struct {
	name    string
	baseURL string
	under   string // path in front of its own, where another base URL stands in for all
	path    func(slug string) string
	query   url.Values

	// named systems give the company's name with the board or its postings.
	named bool
	// strict systems answer 404 to a name that nobody has: what is empty is somebody's.
	strict   bool
	pageSize int // 0: everything comes in one answer
	read     func(body []byte) (listing, error)
}

// systems, in the order in which a board is looked for.
var systems = []*system{
	{
		name: "greenhouse", baseURL: "https://boards-api.greenhouse.io", under: "/greenhouse", named: true, strict: true, read: readGreenhouse,
		path:  func(slug string) string { return "/v1/boards/" + slug + "/jobs" },
		query: url.Values{"content": {"true"}}, // brings the departments
	},
	{name: "lever", baseURL: "https://api.lever.co", under: "/lever", strict: true, read: readLever, path: leverPath, query: leverQuery},
	{
		name: "ashby", baseURL: "https://api.ashbyhq.com", under: "/ashby", strict: true, read: readAshby,
		path: func(slug string) string { return "/posting-api/job-board/" + slug },
	},
	{
		name: "smartrecruiters", baseURL: "https://api.smartrecruiters.com", under: "/smartrecruiters", named: true, read: readSmartRecruiters,
		path:     func(slug string) string { return "/v1/companies/" + slug + "/postings" },
		pageSize: 100,
	},
	{
		name: "workable", baseURL: "https://apply.workable.com", under: "/workable", named: true, read: readWorkable,
		path:  func(slug string) string { return "/api/v1/widget/accounts/" + slug },
		query: url.Values{"details": {"true"}},
	},
	// Lever's European customers are on hosts of their own.
	{name: "lever-eu", baseURL: "https://api.eu.lever.co", under: "/lever", strict: true, read: readLever, path: leverPath, query: leverQuery},
}

var leverQuery = url.Values{"mode": {"json"}}

func leverPath(slug string) string { return "/v0/postings/" + slug }

// board is where a company's postings are. Its slug is spelt as it was found: Ashby's
// are told apart by case.
type board struct{ vendor, slug string }

// String returns the board as it is remembered: lever:acme.
func (b board) String() string { return b.vendor + ":" + b.slug }

func (b board) system() *system {
	for _, s := range systems {
		if s.name == b.vendor {
			return s
		}
	}
	return nil
}

// parseBoard reads what a person or a page calls a board: its address, that of one of
// its postings, that of its API, or lever:acme.
func parseBoard(s string) (board, bool) {
	s = strings.TrimSpace(s)
	if vendor, slug, ok := strings.Cut(s, ":"); ok {
		b := board{strings.ToLower(vendor), strings.TrimSpace(slug)}
		if b.system() != nil {
			return b, isSlug(b.slug)
		}
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return board{}, false
	}
	b := boardAt(u)
	b.slug = strings.TrimSpace(b.slug)
	return b, b.vendor != "" && isSlug(b.slug)
}

// hosts of boards and their APIs. Vendors have other hosts, where a path is no slug.
var hosts = map[string]string{
	"boards.greenhouse.io": "greenhouse", "job-boards.greenhouse.io": "greenhouse", "boards-api.greenhouse.io": "greenhouse",
	"boards.eu.greenhouse.io": "greenhouse", "job-boards.eu.greenhouse.io": "greenhouse",
	"jobs.lever.co": "lever", "api.lever.co": "lever",
	"jobs.eu.lever.co": "lever-eu", "api.eu.lever.co": "lever-eu",
	"jobs.ashbyhq.com": "ashby", "api.ashbyhq.com": "ashby",
	"careers.smartrecruiters.com": "smartrecruiters", "jobs.smartrecruiters.com": "smartrecruiters", "api.smartrecruiters.com": "smartrecruiters",
	"apply.workable.com": "workable",
}

// notTenants are sub-domains of workable.com that are its own; any other is a board.
var notTenants = map[string]bool{"www": true, "jobs": true, "help": true, "resources": true}

// boardAt returns the board that an address leads to, whether or not it can be one.
func boardAt(u *url.URL) board {
	host := strings.ToLower(u.Hostname())
	if vendor, ok := hosts[host]; ok {
		return board{vendor, slugIn(u)}
	}
	if tenant, ok := strings.CutSuffix(host, ".workable.com"); ok && !notTenants[tenant] {
		return board{"workable", tenant}
	}
	return board{}
}

// apiPaths come in front of the slug in the addresses of the APIs.
var apiPaths = []string{"/v1/boards/", "/v0/postings/", "/posting-api/job-board/", "/v1/companies/", "/api/v1/widget/accounts/"}

// slugIn returns the slug in a board's address.
func slugIn(u *url.URL) string {
	if embedded := u.Query().Get("for"); embedded != "" { // boards.greenhouse.io/embed/job_board?for=acme
		return embedded
	}
	path := u.Path
	for _, prefix := range apiPaths {
		path = strings.TrimPrefix(path, prefix)
	}
	slug, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return slug
}

// notSlugs are first parts of a path that are nobody's name: apply.workable.com/j/123.
var notSlugs = map[string]bool{".": true, "..": true, "j": true, "embed": true, "api": true, "v0": true, "v1": true}

func isSlug(s string) bool {
	return s != "" && len(s) <= 100 && !notSlugs[s] && !strings.ContainsFunc(s, func(r rune) bool {
		return r == '/' || r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r)
	})
}

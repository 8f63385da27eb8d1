package jobboards

import (
	"cmp"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// listing is what is on a board.
type listing struct {
	board    board
	company  string // as the board names it; "" if it does not
	postings []posting

	size, total int // of a page: with what was left out of postings, and on all pages

	sure  float64 // that the board is the account's own
	given bool    // by the CRM
}

// posting is one open job, whichever system it is from.
type posting struct {
	ID         string
	Title      string
	Department string    // "" if the board gives none
	URL        string    // "" or an address for people
	Published  time.Time // zero if the board gives none
}

func (l *listing) add(page *listing) {
	l.company = cmp.Or(l.company, page.company)
	l.postings = append(l.postings, page.postings...)
}

// open appends a posting, unless it has too little to be one.
func (l *listing) open(p posting) {
	if p.Title == "" {
		return
	}
	p.ID = cmp.Or(p.ID, p.URL, p.Title+" "+p.Department)
	p.Title, p.Department = clip(p.Title, maxTitle), clip(p.Department, maxTitle)
	l.postings = append(l.postings, p)
}

type greenhouse struct {
	Jobs []struct {
		ID             text            `json:"id"`
		InternalJobID  json.RawMessage `json:"internal_job_id"`
		Title          text            `json:"title"`
		FirstPublished text            `json:"first_published"` // updated_at changes on any edit
		URL            text            `json:"absolute_url"`
		CompanyName    text            `json:"company_name"`
		Departments    []struct {
			Name text `json:"name"`
		} `json:"departments"`
	} `json:"jobs"`
}

func readGreenhouse(body []byte) (listing, error) {
	var doc greenhouse
	if err := decode(body, &doc); err != nil {
		return listing{}, err
	}
	if doc.Jobs == nil {
		return listing{}, errNoPostings
	}
	l := listing{size: len(doc.Jobs)}
	for _, j := range doc.Jobs {
		if string(j.InternalJobID) == "null" {
			continue // no job but a form for whoever would like to work there
		}
		l.company = cmp.Or(l.company, string(j.CompanyName))
		p := posting{ID: string(j.ID), Title: string(j.Title), URL: j.URL.address(), Published: j.FirstPublished.time()}
		if len(j.Departments) > 0 && !strings.EqualFold(string(j.Departments[0].Name), "No Department") {
			p.Department = string(j.Departments[0].Name)
		}
		l.open(p)
	}
	return l, nil
}

type leverPosting struct {
	ID         text `json:"id"`
	Text       text `json:"text"`
	Categories struct {
		Department text `json:"department"`
		Team       text `json:"team"`
	} `json:"categories"`
	CreatedAt text `json:"createdAt"` // milliseconds since 1970
	HostedURL text `json:"hostedUrl"`
}

// readLever reads a bare list. An empty one is a board without postings, or none.
func readLever(body []byte) (listing, error) {
	var doc []leverPosting
	if err := decode(body, &doc); err != nil {
		return listing{}, err
	}
	if doc == nil {
		return listing{}, errNoPostings
	}
	l := listing{size: len(doc)}
	for _, j := range doc {
		l.open(posting{
			ID: string(j.ID), Title: string(j.Text), Department: string(cmp.Or(j.Categories.Department, j.Categories.Team)),
			URL: j.HostedURL.address(), Published: j.CreatedAt.millis(),
		})
	}
	return l, nil
}

type ashby struct {
	Jobs []struct {
		ID          text            `json:"id"`
		Title       text            `json:"title"`
		Department  text            `json:"department"`
		Team        text            `json:"team"`
		PublishedAt text            `json:"publishedAt"`
		IsListed    json.RawMessage `json:"isListed"`
		JobURL      text            `json:"jobUrl"`
	} `json:"jobs"`
}

func readAshby(body []byte) (listing, error) {
	var doc ashby
	if err := decode(body, &doc); err != nil {
		return listing{}, err
	}
	if doc.Jobs == nil {
		return listing{}, errNoPostings
	}
	l := listing{size: len(doc.Jobs)}
	for _, j := range doc.Jobs {
		if string(j.IsListed) == "false" {
			continue // open by its link only: not announced
		}
		l.open(posting{
			ID: string(j.ID), Title: string(j.Title), Department: string(cmp.Or(j.Department, j.Team)),
			URL: j.JobURL.address(), Published: j.PublishedAt.time(),
		})
	}
	return l, nil
}

type smartRecruiters struct {
	TotalFound int `json:"totalFound"`
	Content    []struct {
		ID           text `json:"id"`
		Name         text `json:"name"`
		ReleasedDate text `json:"releasedDate"`
		Department   struct {
			Label text `json:"label"`
		} `json:"department"`
		Company struct {
			Identifier text `json:"identifier"`
			Name       text `json:"name"`
		} `json:"company"`
	} `json:"content"`
}

func readSmartRecruiters(body []byte) (listing, error) {
	var doc smartRecruiters
	if err := decode(body, &doc); err != nil {
		return listing{}, err
	}
	if doc.Content == nil {
		return listing{}, errNoPostings
	}
	l := listing{size: len(doc.Content), total: doc.TotalFound}
	for _, j := range doc.Content {
		l.company = cmp.Or(l.company, string(j.Company.Name))
		p := posting{ID: string(j.ID), Title: string(j.Name), Department: string(j.Department.Label), Published: j.ReleasedDate.time()}
		if j.Company.Identifier != "" && j.ID != "" { // the address is in the posting's own document only
			p.URL = "https://jobs.smartrecruiters.com/" + url.PathEscape(string(j.Company.Identifier)) + "/" + url.PathEscape(string(j.ID))
		}
		l.open(p)
	}
	return l, nil
}

type workable struct {
	Name text `json:"name"`
	Jobs []struct {
		Shortcode   text `json:"shortcode"`
		Title       text `json:"title"`
		Department  text `json:"department"`
		URL         text `json:"url"`
		PublishedOn text `json:"published_on"`
		CreatedAt   text `json:"created_at"`
	} `json:"jobs"`
}

func readWorkable(body []byte) (listing, error) {
	var doc workable
	if err := decode(body, &doc); err != nil {
		return listing{}, err
	}
	if doc.Jobs == nil {
		return listing{}, errNoPostings
	}
	l := listing{company: string(doc.Name), size: len(doc.Jobs)}
	for _, j := range doc.Jobs {
		l.open(posting{
			ID: string(j.Shortcode), Title: string(j.Title), Department: string(j.Department),
			URL: j.URL.address(), Published: cmp.Or(j.PublishedOn, j.CreatedAt).time(),
		})
	}
	return l, nil
}

var errNoPostings = errors.New("no list of postings")

// decode reads JSON into v. A value that has changed its type is left zero instead of
// costing every posting.
func decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if _, mistyped := errors.AsType[*json.UnmarshalTypeError](err); mistyped {
		return nil // encoding/json has gone on with the rest
	}
	return err
}

// In bytes.
const (
	maxText  = 2000
	maxTitle = 200 // of a posting, or a department's name
)

// text is a string as dirty as boards have it: a number, null, HTML entities, line
// breaks. What is nothing of the kind is empty.
type text string

// UnmarshalJSON implements json.Unmarshaler. It never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	switch c := b[0]; {
	case c == '"':
		_ = json.Unmarshal(b, &s) // which the decoder has checked
	case c == '-' || c >= '0' && c <= '9':
		s = string(b)
	}
	s = strings.Map(plainRune, html.UnescapeString(s))
	*t = text(clip(strings.Join(strings.Fields(s), " "), maxText))
	return nil
}

// plainRune drops what is not seen, such as the zero-width spaces of text editors.
func plainRune(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	default:
		return -1
	}
}

// clip cuts s to n bytes, between letters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// address returns the text if people can open it.
func (t text) address() string {
	u, err := url.Parse(string(t))
	if err != nil || len(t) >= maxText-utf8.UTFMax || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}

// time reads a date, or a date and time.
func (t text) time() time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999-0700", "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, string(t)); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// millis reads milliseconds since 1970.
func (t text) millis() time.Time {
	ms, err := strconv.ParseFloat(string(t), 64)
	if err != nil || !(ms > 0 && ms < 1e14) {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

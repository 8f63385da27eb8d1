package edgar

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

// The forms that tell of something. Their amendments, D/A and 8-K/A, are updates of an
// earlier filing: no second event.
const (
	formDName = "D"
	form8K    = "8-K"
	item502   = "5.02" // who joins and leaves the top, and what it is paid
)

// submissions is a filer and its latest filings, at least those of a year.
type submissions struct {
	CIK    json.RawMessage `json:"cik"` // a text, with or without zeros in front; once a number
	Name   string          `json:"name"`
	Former []struct {
		Name string `json:"name"`
	} `json:"formerNames"`
	Incorporated string `json:"stateOfIncorporation"`
	Addresses    struct {
		Business struct {
			State string `json:"stateOrCountry"`
		} `json:"business"`
	} `json:"addresses"`
	Filings struct {
		Recent columns `json:"recent"`
	} `json:"filings"`
}

// columns are parallel: the i-th filing is the i-th entry of each.
type columns struct {
	Accession []string `json:"accessionNumber"`
	Filed     []string `json:"filingDate"`
	Reported  []string `json:"reportDate"` // when it happened; "" for most forms
	Form      []string `json:"form"`
	Items     []string `json:"items"` // "5.02,9.01"
	Document  []string `json:"primaryDocument"`
}

// filing is one filing that may tell of something.
type filing struct {
	accession string
	form      string
	document  string
	filed     time.Time
	reported  time.Time // zero if it is not said
}

// submissions returns nil if nobody has that CIK.
func (c *Client) submissions(ctx context.Context, cik string) (*submissions, error) {
	s := &submissions{}
	found, err := c.get(ctx, c.host.data+"/submissions/CIK"+cik+".json", nil, func(r outbound.Response) error {
		if err := data(r, s); err != nil {
			return err
		}
		return s.check(cik)
	})
	if err != nil || !found {
		return nil, err
	}
	return s, nil
}

// check refuses what is not the list that was asked for: a filer without filings has
// empty columns, not none.
func (s *submissions) check(cik string) error {
	if whose := cleanCIK(strings.Trim(string(s.CIK), `"`)); whose != cik {
		return errors.New("about another filer")
	}
	r := s.Filings.Recent
	if r.Accession == nil {
		return errors.New("no list of filings")
	}
	for _, column := range [][]string{r.Filed, r.Reported, r.Form, r.Items, r.Document} {
		if len(column) != len(r.Accession) {
			return errors.New("columns of different lengths")
		}
	}
	return nil
}

// named reports whether the filer has that name, or had it.
func (s *submissions) named(name string) bool {
	if account.SameName(s.Name, name) {
		return true
	}
	for _, f := range s.Former {
		if account.SameName(f.Name, name) {
			return true
		}
	}
	return false
}

// maxFilings bounds what one look reads. Nobody has that many rounds and changes in a
// month who files them for itself; what is older than the newest ones stays untold.
const maxFilings = 20

// news returns the filings that may tell of something and are news, oldest first.
func (s *submissions) news(at signals.Look) []filing {
	var out []filing
	for i := range s.Filings.Recent.Accession {
		f, ok := s.Filings.Recent.filing(i)
		if ok && !f.filed.Before(at.Since) && !f.filed.After(at.Now) {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b filing) int {
		if c := a.filed.Compare(b.filed); c != 0 {
			return c
		}
		return strings.Compare(a.accession, b.accession)
	})
	out = slices.CompactFunc(out, func(a, b filing) bool { return a.accession == b.accession })
	return out[max(len(out)-maxFilings, 0):]
}

// filing returns the i-th filing; false if it is of no interest.
func (c *columns) filing(i int) (filing, bool) {
	if form := c.Form[i]; form != formDName && (form != form8K || !slices.Contains(strings.Split(c.Items[i], ","), item502)) {
		return filing{}, false
	}
	filed, err := time.Parse(time.DateOnly, c.Filed[i])
	if err != nil || !accessionNumber.MatchString(c.Accession[i]) {
		return filing{}, false
	}
	reported, _ := time.Parse(time.DateOnly, c.Reported[i])
	return filing{
		accession: c.Accession[i], form: c.Form[i], filed: filed, reported: reported,
		document: path.Base(c.Document[i]), // before it: the folder of a rendered view
	}, true
}

var documentName = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z_.-]*\.(?i:html?|txt)$`)

// readable reports whether the filing has a document that can be read as text.
func (f filing) readable() bool { return documentName.MatchString(f.document) }

// folder is where the filing is, on www.sec.gov.
func (f filing) folder(cik string) string {
	return "/Archives/edgar/data/" + strings.TrimLeft(cik, "0") + "/" + strings.ReplaceAll(f.accession, "-", "")
}

// evidence points people to the filing's page, also where a copy of EDGAR was asked.
func (f filing) evidence(who *filer) []signals.Evidence {
	title := "Form " + f.form
	if name := oneLine(who.filings.Name, 200); name != "" {
		title += " of " + name
	}
	return []signals.Evidence{{
		Source: service, Title: title, At: f.filed,
		URL: baseURL + f.folder(who.cik) + "/" + f.accession + "-index.htm",
	}}
}

// late is how long before its filing something may have happened and be dated by
// itself. Both forms are due within weeks; what is filed much later became known by
// the filing.
const late = 45 * 24 * time.Hour

// occurred returns the stated day where it can be believed and is news by itself,
// and else that of the filing.
func (f filing) occurred(at signals.Look, stated time.Time) time.Time {
	if stated.IsZero() || stated.After(f.filed) || stated.Before(f.filed.Add(-late)) || stated.Before(at.Since) {
		return f.filed
	}
	return stated
}

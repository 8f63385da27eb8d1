package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// edgar serves the three hosts of the SEC that matter: /edgar/data (data.sec.gov),
// /edgar/efts (efts.sec.gov) and /edgar/www (www.sec.gov).
type edgar struct {
	*scene
	byName map[string][]int // plain names of those who file
	busy   atomic.Uint64
}

func newEDGAR(s *scene) *edgar {
	e := &edgar{scene: s, byName: map[string][]int{}}
	for i := range s.table.companies {
		if s.table.cik(i) != 0 {
			name := plainName(s.table.companies[i].Name)
			e.byName[name] = append(e.byName[name], i)
		}
	}
	return e
}

func (e *edgar) api() api {
	d := fault.Dialect{Refuse: e.refuse, Lookup: filerAsked}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /data/submissions/{file}", e.submissions)
	mux.HandleFunc("GET /efts/LATEST/search-index", e.search)
	mux.HandleFunc("GET /www/Archives/edgar/data/{cik}/{accession}/{document...}", e.document)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { noSuchFile(w) })
	return api{name: EDGAR, handler: e.declared(mux), dialect: d}
}

// filerAsked counts submissions by CIK and searches by what is searched for; bodies
// are fetched around them.
func filerAsked(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.Path, "/"+EDGAR)
	if file, ok := strings.CutPrefix(path, "/data/submissions/"); ok {
		return strings.TrimSuffix(file, ".json")
	}
	if strings.HasPrefix(path, "/efts/") {
		return cmp.Or(r.URL.Query().Get("q"), r.URL.Query().Get("ciks"))
	}
	return ""
}

var mailAddress = regexp.MustCompile(`[^\s@]+@[^\s@]+\.[^\s@]+`)

// declared lets those through who say who they are.
func (e *edgar) declared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mailAddress.MatchString(r.UserAgent()) {
			undeclared(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func undeclared(w http.ResponseWriter) {
	writeHTML(w, http.StatusForbidden, "<!DOCTYPE html><html><head><title>SEC.gov | Your Request Originates from an Undeclared Automated Tool</title></head>"+
		"<body><h1>Your Request Originates from an Undeclared Automated Tool</h1><p>Please declare your traffic by updating your user agent to include company specific information.</p></body></html>\n")
}

func noSuchFile(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"))
}

// refuse throttles in the two ways that were seen.
func (e *edgar) refuse(w http.ResponseWriter, _ *http.Request, why fault.Reason, _ time.Duration) {
	switch why {
	case fault.BadKey, fault.NoCredits: // it knows neither
		undeclared(w)
	case fault.Throttled:
		status := http.StatusForbidden
		if e.busy.Add(1)%2 == 0 {
			status = http.StatusTooManyRequests
		}
		writeHTML(w, status, "<!DOCTYPE html><html><head><title>SEC.gov | Request Rate Threshold Exceeded</title></head>"+
			"<body><h1>Request Rate Threshold Exceeded</h1><p>Please try again in 10 minutes.</p></body></html>\n")
	case fault.Broken, fault.Unavailable, fault.Outage:
		text := http.StatusText(why.Status())
		writeHTML(w, why.Status(), "<html><head><title>"+text+"</title></head><body><h1>"+text+"</h1></body></html>\n")
	}
}

// CIKs are dealt out by the place in the table: seven numbers each, of which the
// company has the first and a fund in its name the second.
const (
	firstCIK = 2_000_000
	cikStep  = 7
)

// cik is the number under which company i files; 0 for those outside the US.
func (t *Table) cik(i int) int {
	if c := &t.companies[i]; c.Country != "US" || c.Domain == "" {
		return 0
	}
	return firstCIK + cikStep*i
}

// CIK returns the number under which the company at the domain files with the SEC;
// false for companies outside the US.
func (t *Table) CIK(domain string) (int, bool) {
	i, ok := t.index(domain)
	if !ok || t.cik(i) == 0 {
		return 0, false
	}
	return t.cik(i), true
}

// filer is who files: a company, or a fund that bears its name.
type filer struct {
	cik  int
	name string
	fund bool
}

func (e *edgar) filer(i int, fund bool) filer {
	f := filer{cik: e.table.cik(i), name: e.table.companies[i].Name + ", Inc."}
	if fund {
		f = filer{cik: f.cik + 1, name: e.table.companies[i].Name + " Fund I, a series of Roll Up Vehicles, LP", fund: true}
	}
	return f
}

// filerOf finds who has the number.
func (e *edgar) filerOf(cik int) (i int, f filer, ok bool) {
	i, rest := (cik-firstCIK)/cikStep, (cik-firstCIK)%cikStep
	if cik < firstCIK || i >= len(e.table.companies) || rest > 1 || e.table.cik(i) == 0 {
		return 0, filer{}, false
	}
	return i, e.filer(i, rest == 1), true
}

// filing is one document handed in.
type filing struct {
	filer
	company int
	accession,
	form,
	items, // comma-joined
	document, // as the index has it
	description string
	at time.Time
	of Happening
}

// filings returns what a company, or the fund in its name, has filed by now, newest
// first. Every company has an old Form D, and a public one an old 8-K.
func (e *edgar) filings(i int, fund bool) []filing {
	who := e.filer(i, fund)
	var all []filing
	for _, h := range append(e.oldFilings(i, fund), e.happened(e.table.companies[i].Domain)...) {
		switch {
		case h.Kind == FormD && h.Pooled == fund:
			all = append(all, newFiling(i, who, h, "D", "06b", "xslFormDX01/primary_doc.xml", ""))
		case h.Kind == Officer8K && !fund:
			all = append(all, newFiling(i, who, h, "8-K", "5.02,9.01", fmt.Sprintf("%s-8k.htm", strings.ToLower(ticker(&e.table.companies[i]))), "8-K"))
		}
	}
	slices.SortStableFunc(all, func(a, b filing) int { return b.at.Compare(a.at) })
	return all
}

func (e *edgar) oldFilings(i int, fund bool) []Happening {
	c := &e.table.companies[i]
	if fund {
		return nil
	}
	sold := int64(between(1, 40, 51, c.Domain)) * 250_000
	filings := []Happening{{
		ID: "old-d", Domain: c.Domain, At: e.background(between(120, 420, 52, c.Domain)), Kind: FormD,
		AmountSold: sold, AmountOffered: sold * 2, IndustryGroup: "Other Technology",
	}}
	if c.CompanyType == "public" {
		filings = append(filings, Happening{
			ID: "old-8k", Domain: c.Domain, At: e.background(between(70, 300, 53, c.Domain)), Kind: Officer8K,
			Role: "Chief Financial Officer", Person: personOf(c.Domain, "Chief Financial Officer"),
		})
	}
	return filings
}

func newFiling(i int, who filer, h Happening, form, items, document, description string) filing {
	key := h.Domain + "/" + h.ID
	agent := 1_400_000 + number64(54, key)%500_000
	return filing{
		filer: who, company: i, form: form, items: items, document: document, description: description, at: h.At, of: h,
		accession: fmt.Sprintf("%010d-%02d-%06d", agent, h.At.Year()%100, number64(55, key)%1_000_000),
	}
}

// submissions is CIK##########.json.
type submissions struct {
	CIK           string         `json:"cik"`
	EntityType    string         `json:"entityType"`
	SIC           string         `json:"sic"`
	SICText       string         `json:"sicDescription"`
	Name          string         `json:"name"`
	Tickers       []string       `json:"tickers"`
	Exchanges     []string       `json:"exchanges"`
	EIN           *string        `json:"ein"`
	Website       string         `json:"website"`
	Category      string         `json:"category"`
	FiscalYearEnd string         `json:"fiscalYearEnd"`
	Incorporated  string         `json:"stateOfIncorporation"`
	Addresses     edgarAddresses `json:"addresses"`
	FormerNames   []string       `json:"formerNames"`
	Filings       edgarFilings   `json:"filings"`
}

type edgarAddresses struct {
	Mailing  edgarAddress `json:"mailing"`
	Business edgarAddress `json:"business"`
}

type edgarAddress struct {
	Street1 string  `json:"street1"`
	Street2 *string `json:"street2"`
	City    string  `json:"city"`
	State   string  `json:"stateOrCountry"`
	Zip     string  `json:"zipCode"`
}

type edgarFilings struct {
	Recent edgarRecent `json:"recent"`
	Files  []string    `json:"files"`
}

// edgarRecent is columnar: one list for each attribute.
type edgarRecent struct {
	Accession   []string `json:"accessionNumber"`
	FilingDate  []string `json:"filingDate"`
	ReportDate  []string `json:"reportDate"`
	Acceptance  []string `json:"acceptanceDateTime"`
	Act         []string `json:"act"`
	Form        []string `json:"form"`
	FileNumber  []string `json:"fileNumber"`
	FilmNumber  []string `json:"filmNumber"`
	Items       []string `json:"items"`
	Size        []int    `json:"size"`
	XBRL        []int    `json:"isXBRL"`
	InlineXBRL  []int    `json:"isInlineXBRL"`
	Document    []string `json:"primaryDocument"`
	Description []string `json:"primaryDocDescription"`
}

func (e *edgar) submissions(w http.ResponseWriter, r *http.Request) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(r.PathValue("file"), "CIK"), ".json")
	cik, err := strconv.Atoi(digits)
	i, who, known := e.filerOf(cik)
	if !ok || err != nil || len(digits) != 10 || !known {
		noSuchFile(w)
		return
	}
	c := e.company(i)
	out := submissions{
		CIK: digits, EntityType: "other", Name: who.name, Tickers: []string{}, Exchanges: []string{}, FormerNames: []string{},
		FiscalYearEnd: "1231", Incorporated: "DE", Filings: edgarFilings{Recent: recentOf(e.filings(i, who.fund)), Files: []string{}},
	}
	address := edgarAddress{Street1: "1 MAIN STREET", City: strings.ToUpper(c.City), State: edgarState(&c), Zip: "00000"}
	out.Addresses = edgarAddresses{Mailing: address, Business: address}
	if !who.fund {
		out.SIC, out.SICText = industryOf(c.Industry).sic+"00", industryOf(c.Industry).name
	}
	if c.CompanyType == "public" && !who.fund {
		out.EntityType, out.Category = "operating", "Accelerated filer"
		out.Tickers, out.Exchanges = []string{ticker(&c)}, []string{"Nasdaq"}
	}
	writeJSON(w, http.StatusOK, out)
}

// edgarState is a state's code, or the state itself where there is none.
func edgarState(c *Company) string { return cmp.Or(stateCode(c.State), c.State) }

func recentOf(filings []filing) edgarRecent {
	recent := edgarRecent{
		[]string{},
		[]string{},
		[]string{},
		[]string{},
		[]string{},
		[]string{},
		[]string{},
		[]string{},
		[]string{},
		[]int{},
		[]int{},
		[]int{},
		[]string{},
		[]string{},
	}
	for _, f := range filings {
		recent.add(f)
	}
	return recent
}

func (r *edgarRecent) add(f filing) {
	act, reported, items := "33", "", ""
	if f.form == "8-K" { // the items of a Form D are not in this list
		act, reported, items = "34", f.at.Format(time.DateOnly), f.items
	}
	r.Accession, r.Form = append(r.Accession, f.accession), append(r.Form, f.form)
	r.FilingDate, r.ReportDate = append(r.FilingDate, f.at.Format(time.DateOnly)), append(r.ReportDate, reported)
	r.Acceptance, r.Act = append(r.Acceptance, f.at.Format("2006-01-02T15:04:05.000Z")), append(r.Act, act)
	r.FileNumber = append(r.FileNumber, fmt.Sprintf("021-%06d", number64(56, f.accession)%1_000_000))
	r.FilmNumber = append(r.FilmNumber, fmt.Sprintf("%d", 26_000_000+number64(57, f.accession)%1_000_000))
	r.Items, r.Size = append(r.Items, items), append(r.Size, between(4_000, 90_000, 58, f.accession))
	r.XBRL, r.InlineXBRL = append(r.XBRL, 0), append(r.InlineXBRL, 0)
	r.Document, r.Description = append(r.Document, f.document), append(r.Description, f.description)
}

// document serves a filing's own document, raw or, below xslFormDX01, for people.
func (e *edgar) document(w http.ResponseWriter, r *http.Request) {
	cik, _ := strconv.Atoi(r.PathValue("cik"))
	i, who, ok := e.filerOf(cik)
	if !ok {
		noSuchFile(w)
		return
	}
	filings := e.filings(i, who.fund)
	at := slices.IndexFunc(filings, func(f filing) bool { return strings.ReplaceAll(f.accession, "-", "") == r.PathValue("accession") })
	if at < 0 {
		noSuchFile(w)
		return
	}
	f, c := filings[at], e.company(i)
	switch asked := r.PathValue("document"); {
	case f.form == "D" && asked == "primary_doc.xml":
		w.Header().Set("Content-Type", "application/xml")
		_, _ = w.Write(formDOf(&f, &c))
	case f.form == "D" && asked == f.document:
		writeHTML(w, http.StatusOK, "<html><head><title>SEC FORM D</title></head><body><h1>Notice of Exempt Offering of Securities</h1></body></html>")
	case f.form == "8-K" && asked == f.document:
		writeHTML(w, http.StatusOK, form8KOf(&f))
	default:
		noSuchFile(w)
	}
}

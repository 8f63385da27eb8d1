package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// edgarHit is one document that a full-text search found.
type edgarHit struct {
	ID     string      `json:"_id"` // accession:file
	Score  float64     `json:"_score"`
	Source edgarSource `json:"_source"`
}

type edgarSource struct {
	CIKs         []string `json:"ciks"`
	DisplayNames []string `json:"display_names"`
	Accession    string   `json:"adsh"`
	Form         string   `json:"form"`
	RootForms    []string `json:"root_forms"`
	FileType     string   `json:"file_type"`
	FileDate     string   `json:"file_date"`
	Period       *string  `json:"period_ending"`
	Items        []string `json:"items"`
	SICs         []string `json:"sics"`
	Locations    []string `json:"biz_locations"`
	States       []string `json:"biz_states"`
	Incorporated []string `json:"inc_states"`
	FileNumbers  []string `json:"file_num"`
	FilmNumbers  []string `json:"film_num"`
	Description  *string  `json:"file_description"`
	XSL          *string  `json:"xsl"`
	Sequence     int      `json:"sequence"`
}

// edgarPage is how many hits come at once.
const edgarPage = 100

// search answers LATEST/search-index: q, forms, ciks, dateRange=custom with startdt
// and enddt, and from.
func (e *edgar) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("q") == "" && q.Get("ciks") == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "search text or ciks required"})
		return
	}
	hits := []edgarHit{}
	for _, f := range e.found(r) {
		if inRange(f.at, q.Get("dateRange"), q.Get("startdt"), q.Get("enddt")) && formAsked(f.form, q.Get("forms")) {
			hits = append(hits, e.hitsOf(&f)...)
		}
	}
	from, _ := strconv.Atoi(q.Get("from"))
	start := min(max(0, from), len(hits))
	writeJSON(w, http.StatusOK, map[string]any{
		"hits": map[string]any{
			"total": map[string]any{"value": len(hits), "relation": "eq"}, "max_score": nil, "hits": hits[start:min(start+edgarPage, len(hits))],
		},
		"aggregations": map[string]any{},
	})
}

// found returns the filings of those who are asked about, newest first.
func (e *edgar) found(r *http.Request) []filing {
	var all []filing
	for _, who := range e.asked(r) {
		all = append(all, e.filings(who.company, who.fund)...)
	}
	slices.SortStableFunc(all, func(a, b filing) int { return b.at.Compare(a.at) })
	return all
}

// party is a company or the fund in its name.
type party struct {
	company int
	fund    bool
}

// asked are the parties that the search is about: by number, or by a phrase that is in
// their name. A phrase that is a company's whole name is looked up; only others take a
// look at all names.
func (e *edgar) asked(r *http.Request) []party {
	q := r.URL.Query()
	if fault.WrongCompany(r.Context()) {
		q.Set("q", e.table.companies[number64(59, q.Get("q"))%uint64(len(e.table.companies))].Name)
		q.Del("ciks")
	}
	if ciks := q.Get("ciks"); ciks != "" {
		return e.numbered(ciks)
	}
	phrase := plainName(q.Get("q"))
	companies := e.byName[phrase]
	if companies == nil && phrase != "" {
		for name, with := range e.byName {
			if strings.Contains(" "+name+" inc ", " "+phrase+" ") {
				companies = append(companies, with...)
			}
		}
		slices.Sort(companies)
	}
	var parties []party
	for _, i := range companies {
		parties = append(parties, party{i, false}, party{i, true})
	}
	return parties
}

func (e *edgar) numbered(ciks string) []party {
	var parties []party
	for number := range strings.SplitSeq(ciks, ",") {
		cik, _ := strconv.Atoi(number)
		if i, who, ok := e.filerOf(cik); ok {
			parties = append(parties, party{i, who.fund})
		}
	}
	return parties
}

// plainName is a name in lower case, its words separated by single spaces.
func plainName(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}

// inRange compares days, both ends included.
func inRange(t time.Time, dateRange, start, end string) bool {
	if dateRange != "custom" && start == "" && end == "" {
		return true
	}
	day := t.Format(time.DateOnly)
	return (start == "" || day >= start) && (end == "" || day <= end)
}

// formAsked reports whether the form is one of the list; a root form stands for its
// amendments too.
func formAsked(form, list string) bool {
	return list == "" || slices.ContainsFunc(strings.Split(list, ","), func(f string) bool { return f == form })
}

// hitsOf returns a hit for each document of the filing: an 8-K comes with an exhibit.
func (e *edgar) hitsOf(f *filing) []edgarHit {
	c := e.company(f.company)
	cik := fmt.Sprintf("%010d", f.cik)
	name := f.name + "  (CIK " + cik + ")"
	if c.CompanyType == "public" && !f.fund {
		name = f.name + "  (" + ticker(&c) + ")  (CIK " + cik + ")"
	}
	source := edgarSource{
		CIKs: []string{cik}, DisplayNames: []string{name}, Accession: f.accession, Form: f.form, RootForms: []string{f.form}, FileType: f.form,
		FileDate: f.at.Format(time.DateOnly), Items: strings.Split(f.items, ","), SICs: []string{}, Incorporated: []string{"DE"}, Sequence: 1,
		Locations: []string{joined(c.City, edgarState(&c))}, States: []string{edgarState(&c)},
		FileNumbers: []string{fmt.Sprintf("021-%06d", number64(56, f.accession)%1_000_000)},
		FilmNumbers: []string{fmt.Sprintf("%d", 26_000_000+number64(57, f.accession)%1_000_000)},
	}
	if f.form == "D" {
		source.XSL = orNull("xslFormDX01")
		return []edgarHit{{ID: f.accession + ":primary_doc.xml", Score: 11.5, Source: source}}
	}
	source.Period = orNull(source.FileDate)
	source.Description = orNull("8-K")
	exhibit := source
	exhibit.FileType, exhibit.Description, exhibit.Sequence = "EX-99.1", orNull("EX-99.1"), 2
	return []edgarHit{
		{ID: f.accession + ":" + f.document, Score: 11.5, Source: source},
		{ID: f.accession + ":ex99-1.htm", Score: 9.25, Source: exhibit},
	}
}

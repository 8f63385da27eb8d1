package sandbox

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report says what became of the rows of a file.
type Report struct {
	Rows       int // read, header apart
	Companies  int // in the table
	Duplicates int // of a domain; the first row counted
	Skipped    []Skipped
}

// Skipped is a row that is not in the table.
type Skipped struct {
	Line   int
	Reason string
}

// String returns the report in a sentence.
func (r Report) String() string {
	return fmt.Sprintf("%d rows: %d companies, %d skipped of which %d repeat a domain", r.Rows, r.Companies, len(r.Skipped), r.Duplicates)
}

// Load reads a table from CSV with a header. Columns are found by what their names
// mean (domain or website, employees or team_size …; docs/sandbox.md lists them),
// others are ignored. A row without any domain is known by its name, to the vendors
// that can be asked by one. Rows with an unusable domain, and all but the first row of
// a company, are skipped and reported. An error means that there is no table at all.
func Load(r io.Reader) (*Table, Report, error) { return loadAt(r, time.Now()) }

func loadAt(r io.Reader, now time.Time) (*Table, Report, error) {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = -1
	header, err := rows.Read()
	if err != nil {
		return nil, Report{}, fmt.Errorf("read the header: %w", err)
	}
	columns := columnsOf(header)
	if !columns.has(domainColumn) && !columns.has(websiteColumn) {
		return nil, Report{}, errors.New("header: no column for the domain; name one domain or website")
	}
	t := &Table{byDomain: map[string]int{}, byName: map[string]int{}, at: now.UTC()}
	var report Report
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			report.Rows++
			report.skip(parse.StartLine, parse.Err.Error())
			continue
		}
		if err != nil {
			return nil, report, fmt.Errorf("read row %d: %w", report.Rows+1, err)
		}
		line, _ := rows.FieldPos(0)
		report.Rows++
		t.read(row{columns, cells}, line, &report)
	}
	report.Companies = len(t.companies)
	return t, report, nil
}

func (r *Report) skip(line int, reason string) {
	r.Skipped = append(r.Skipped, Skipped{Line: line, Reason: reason})
}

// read takes one row into the table, or says why not.
func (t *Table) read(r row, line int, report *Report) {
	domain, ok := registrable(r.get(domainColumn))
	if !ok {
		domain, ok = registrable(r.get(websiteColumn))
	}
	nameless := strings.TrimSpace(r.get(nameColumn)) == ""
	if empty := r.get(domainColumn) == "" && r.get(websiteColumn) == ""; !ok && (!empty || nameless) {
		report.skip(line, "no usable domain")
		return
	}
	knownTo, err := vendorsIn(r.get(knownToColumn))
	if err != nil {
		report.skip(line, err.Error())
		return
	}
	c := r.company(domain, t.at)
	if !t.add(c, knownTo) {
		report.Duplicates++
		report.skip(line, cmp.Or(domain, c.Name)+" is in the table already")
		return
	}
	if r.get(sampleColumn) != "" {
		t.samples = append(t.samples, Sample{Domain: c.Domain, Name: c.Name})
	}
}

// company reads the cells of one company. A cell that cannot be read is a field that
// is not known: real files are full of them.
func (r row) company(domain string, now time.Time) Company {
	city, state, country := splitPlace(r.get(placeColumn))
	c := Company{
		Domain: domain, Name: r.get(nameColumn),
		Industry: label(r.get(subIndustryColumn), r.get(industryColumn)), Employees: int(number(r.get(employeesColumn))),
		RevenueUSD: int64(number(r.get(revenueColumn))),
		City:       label(r.get(cityColumn), city), State: label(r.get(stateColumn), state),
		Country:      countryCode(label(r.get(countryColumn), country)),
		Technologies: techWords(r.list(technologiesColumn)), FormerTechnologies: techWords(r.list(formerColumn)),
		LinkedIn: linkedInSlug(r.get(linkedInColumn)), FoundedYear: int(number(r.get(foundedColumn))),
		FundingStage: r.get(stageColumn), FundingTotalUSD: int64(number(r.get(fundingColumn))),
		CompanyType: strings.ToLower(r.get(typeColumn)), Tags: r.list(tagsColumn), Description: r.get(descriptionColumn),
	}
	if r.get(nonprofitColumn) == "1" {
		c.CompanyType = "nonprofit"
	}
	if days := number(r.get(daysColumn)); days > 0 {
		c.LastFundingAt = now.AddDate(0, 0, -int(days)).Truncate(24 * time.Hour)
	} else if at, err := time.Parse(time.DateOnly, r.get(fundedAtColumn)); err == nil {
		c.LastFundingAt = at
	}
	return c
}

// column is a meaning that a column of a file may have.
type column int

const (
	domainColumn column = iota
	websiteColumn
	nameColumn
	industryColumn
	subIndustryColumn
	employeesColumn
	revenueColumn
	countryColumn
	stateColumn
	cityColumn
	placeColumn
	technologiesColumn
	formerColumn
	linkedInColumn
	foundedColumn
	stageColumn
	fundingColumn
	fundedAtColumn
	daysColumn
	typeColumn
	nonprofitColumn
	tagsColumn
	descriptionColumn
	knownToColumn
	sampleColumn
	columnCount
)

// headings are the names by which a column is recognised, the better one first.
var headings = [columnCount][]string{
	domainColumn:       {"domain", "company domain", "primary domain", "email domain"},
	websiteColumn:      {"website", "website url", "company website", "url", "homepage", "site"},
	nameColumn:         {"name", "company name", "company", "account name", "organization"},
	industryColumn:     {"industry", "sector", "vertical"},
	subIndustryColumn:  {"subindustry", "sub industry", "subsector", "sub sector"},
	employeesColumn:    {"employees", "employee count", "team size", "headcount", "number of employees", "num employees", "company size", "size"},
	revenueColumn:      {"revenue usd", "revenue", "annual revenue", "annual revenue usd"},
	countryColumn:      {"country", "country code", "hq country"},
	stateColumn:        {"state", "province", "state region"},
	cityColumn:         {"city", "hq city", "town"},
	placeColumn:        {"all locations", "locations", "location", "headquarters", "hq"},
	technologiesColumn: {"technologies", "tech stack", "technology", "tech"},
	formerColumn:       {"former technologies"},
	linkedInColumn:     {"linkedin", "linkedin url", "linkedin handle"},
	foundedColumn:      {"founded year", "founded", "year founded"},
	stageColumn:        {"funding stage", "latest funding stage", "last funding stage"},
	fundingColumn:      {"funding total usd", "total funding", "funding total", "total funding usd"},
	fundedAtColumn:     {"last funding at", "last funding date", "latest funding date"},
	daysColumn:         {"last funding days ago"},
	typeColumn:         {"company type", "ownership"},
	nonprofitColumn:    {"nonprofit"},
	tagsColumn:         {"tags", "keywords"},
	descriptionColumn:  {"description", "one liner", "summary"},
	knownToColumn:      {"known to"},
	sampleColumn:       {"sample"},
}

// columns says at which position each meaning is, -1 for nowhere.
type columns [columnCount]int

func columnsOf(header []string) columns {
	names := make([]string, len(header))
	for i, name := range header {
		names[i] = heading(name)
	}
	var c columns
	for meaning, synonyms := range headings {
		c[meaning] = -1
		for _, name := range synonyms {
			if i := slices.Index(names, name); i >= 0 {
				c[meaning] = i
				break
			}
		}
	}
	return c
}

func (c columns) has(meaning column) bool { return c[meaning] >= 0 }

// heading brings "Team_Size" and "team-size" to "team size".
func heading(s string) string {
	s = strings.TrimPrefix(s, "\ufeff") // spreadsheets begin a file with it
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" _-.\t", r) }), " ")
}

// row is one record and where its columns are.
type row struct {
	columns columns
	cells   []string
}

func (r row) get(meaning column) string {
	i := r.columns[meaning]
	if i < 0 || i >= len(r.cells) {
		return ""
	}
	return strings.TrimSpace(r.cells[i])
}

// list splits a cell at semicolons or bars; at commas only where there is neither.
func (r row) list(meaning column) []string {
	cell := r.get(meaning)
	seps := ";|"
	if !strings.ContainsAny(cell, seps) {
		seps = ","
	}
	var items []string
	for _, item := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(seps, r) }) {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(items, item) {
			items = append(items, item)
		}
	}
	return items
}

// label returns the first of the texts that says something.
func label(texts ...string) string {
	for _, s := range texts {
		switch strings.ToLower(s) {
		case "", "unspecified", "unknown", "n/a", "-":
		default:
			return s
		}
	}
	return ""
}

// number reads 1,200, $5M or 51-200 (its middle); 0 for what is none.
func number(s string) float64 {
	low, high, isRange := strings.Cut(s, "-")
	if isRange && low != "" {
		return math.Round((number(low) + number(high)) / 2)
	}
	s = strings.Trim(strings.NewReplacer(",", "", "_", "", "$", "", "+", "").Replace(strings.ToUpper(s)), " ")
	factor := 1.0
	for suffix, by := range map[string]float64{"K": 1e3, "M": 1e6, "B": 1e9} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			s, factor = digits, by
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n*factor > 1e15 || math.IsNaN(n) {
		return 0
	}
	return n * factor
}

// splitPlace reads the first of "San Francisco, CA, USA; Remote".
func splitPlace(places string) (city, state, country string) {
	first, _, _ := strings.Cut(places, ";")
	parts := strings.Split(first, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	switch {
	case len(parts) >= 3:
		return parts[0], parts[len(parts)-2], parts[len(parts)-1]
	case len(parts) == 2:
		return parts[0], "", parts[1]
	default:
		return "", "", parts[0]
	}
}

// linkedInSlug reads the slug off an address, a handle or a slug.
func linkedInSlug(s string) string {
	s = strings.Trim(s, "/")
	return strings.ToLower(s[strings.LastIndex(s, "/")+1:])
}

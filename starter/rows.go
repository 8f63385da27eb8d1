package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/ingress"
)

// row is one company of an import file.
type row struct {
	Line   int
	Domain string
	Name   string
	CRMID  string
}

// refusal is a line that cannot be imported, and why.
type refusal struct {
	Line   int    `json:"line"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// columns lists what people and exports call the columns, folded to letters and
// digits. Where a file has several, an earlier name wins in every row that fills it.
var columns = map[string][]string{
	"domain": {"domain", "companydomain", "companydomainname", "websitedomain", "website", "websiteurl", "companywebsite", "url", "homepage", "web", "site"},
	"name":   {"name", "companyname", "company", "accountname", "account", "organization", "organisation"},
	"crm id": {"crmid", "recordid", "hubspotid", "companyrecordid", "hsobjectid", "hubspotcompanyid"},
}

const maxCell = 1 << 20 // bytes; more is not a list of companies

// readRows reads an import file. Rows that cannot be imported come back as
// refusals with their line; an error means that the file as a whole makes no sense.
func readRows(r io.Reader) ([]row, []refusal, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	skipMark(in)
	first, err := in.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read file: %w", err)
	}
	if len(bytes.TrimSpace(first)) == 0 {
		return nil, nil, errors.New("the file is empty; want a header such as `domain,name` and one company a line")
	}
	c := csv.NewReader(in)
	c.Comma = separator(first)
	c.FieldsPerRecord = -1 // a short row is one row's mistake, not the file's
	c.ReuseRecord = true
	header, err := c.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("line 1: the header cannot be read: %w", err)
	}
	if i := slices.IndexFunc(header, notText); i >= 0 {
		return nil, nil, errors.New("line 1: not text in UTF-8; save the file as CSV UTF-8")
	}
	at, err := matchHeader(header)
	if err != nil {
		return nil, nil, err
	}
	return readBody(c, at, len(header))
}

func notText(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }

// skipMark drops the byte order mark that spreadsheets write.
func skipMark(in *bufio.Reader) {
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\uFEFF")) {
		_, _ = in.Discard(3)
	}
}

// separator is the one of comma, semicolon and tab that the header has most of.
func separator(first []byte) rune {
	header, _, _ := bytes.Cut(first, []byte("\n"))
	best := ','
	for _, r := range ";\t" {
		if bytes.Count(header, []byte(string(r))) > bytes.Count(header, []byte(string(best))) {
			best = r
		}
	}
	return best
}

// matchHeader finds the columns by what they are called, the best name first.
func matchHeader(header []string) (map[string][]int, error) {
	folded := make([]string, len(header))
	for i, h := range header {
		folded[i] = fold(h)
	}
	at := map[string][]int{}
	for what, names := range columns {
		for _, name := range names {
			if i := slices.Index(folded, name); i >= 0 {
				at[what] = append(at[what], i)
			}
		}
	}
	if len(at) == 0 {
		return nil, fmt.Errorf("line 1: no column is called domain, website, name or record id; found: %s", strings.Join(quoted(header), ", "))
	}
	return at, nil
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func quoted(header []string) []string {
	out := make([]string, 0, min(len(header), 12))
	for _, h := range header[:min(len(header), 12)] {
		out = append(out, fmt.Sprintf("%.30q", h))
	}
	return out
}

func readBody(c *csv.Reader, at map[string][]int, width int) ([]row, []refusal, error) {
	var rows []row
	var refused []refusal
	seen := map[string]int{} // company → line
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, refused, nil
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			refused = append(refused, refusal{Line: bad.StartLine, Field: "row", Reason: misquoted(bad)})
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read file: %w", err)
		}
		line, _ := c.FieldPos(0) // panics after an error
		r, refusal := parseRow(record, at, width, line)
		if refusal == nil {
			refusal = repeated(seen, r)
		}
		if refusal != nil {
			refused = append(refused, *refusal)
			continue
		}
		rows = append(rows, r)
	}
}

// misquoted says what is wrong with the quotes of a row, and which lines went with it.
func misquoted(bad *csv.ParseError) string {
	reason := "a quote that is never closed, or text behind a closing one"
	if errors.Is(bad.Err, csv.ErrBareQuote) {
		reason = `a quote within a cell; put the cell in quotes and write "" for each quote in it`
	}
	if bad.Line > bad.StartLine {
		reason += fmt.Sprintf("; lines %d to %d are lost with it", bad.StartLine, bad.Line)
	}
	return reason
}

func parseRow(record []string, at map[string][]int, width, line int) (row, *refusal) {
	if why := unreadable(record, width); why != "" {
		return row{}, &refusal{line, "row", why}
	}
	r := row{Line: line, Name: cell(record, at["name"]), CRMID: cell(record, at["crm id"])}
	domain := cell(record, at["domain"])
	if domain == "" && r.CRMID == "" && account.NormalizeName(r.Name) == "" {
		return row{}, &refusal{line, "domain", "empty, and there is no name or record id to look the company up by"}
	}
	var err error
	if domain != "" {
		r.Domain, err = account.NormalizeDomain(domain)
	}
	err = cmp.Or(err, ingress.CheckName(r.Name), checkID(r.CRMID))
	if invalid, ok := errors.AsType[*account.InvalidError](err); ok {
		return row{}, &refusal{line, invalid.Field, invalid.Reason}
	}
	return r, nil
}

// unreadable says why a record cannot be a row; "" if it can.
func unreadable(record []string, width int) string {
	if len(record) != width {
		return fmt.Sprintf("has %d columns, the header has %d", len(record), width)
	}
	for _, text := range record {
		switch {
		case len(text) > maxCell:
			return fmt.Sprintf("has a cell of %d bytes; at most %d", len(text), maxCell)
		case notText(text):
			return "not text in UTF-8; save the file as CSV UTF-8"
		}
	}
	return ""
}

// checkID refuses what no CRM has for an id.
func checkID(id string) error {
	if id == "" {
		return nil
	}
	return account.CheckKey(account.Key{CRM: "any", Portal: "any", ID: id})
}

// cell is the first of the columns that the record fills.
func cell(record []string, columns []int) string {
	for _, i := range columns {
		if s := strings.TrimSpace(record[i]); s != "" {
			return s
		}
	}
	return ""
}

// repeated refuses the second row about one company.
func repeated(seen map[string]int, r row) *refusal {
	field, key := "name", account.NormalizeName(r.Name)
	switch {
	case r.CRMID != "":
		field, key = "crm_id", r.CRMID
	case r.Domain != "":
		field, key = "domain", r.Domain
	}
	if first, ok := seen[field+":"+key]; ok {
		return &refusal{r.Line, field, fmt.Sprintf("the same company as line %d", first)}
	}
	seen[field+":"+key] = r.Line
	return nil
}

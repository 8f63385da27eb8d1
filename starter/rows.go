package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/account"
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
// digits. An earlier name wins where a file has several.
var columns = map[string][]string{
	"domain": {"domain", "companydomain", "companydomainname", "websitedomain", "website", "websiteurl", "companywebsite", "url", "homepage", "web", "site"},
	"name":   {"name", "companyname", "company", "accountname", "account", "organization", "organisation"},
	"crm id": {"crmid", "recordid", "hubspotid", "companyrecordid", "hsobjectid", "hubspotcompanyid"},
}

const maxLine = 1 << 20 // bytes of one record; more is not a list of companies

// readRows reads an import file. Rows that cannot be imported come back as
// refusals with their line; an error means that the file as a whole makes no sense.
func readRows(r io.Reader) ([]row, []refusal, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	skipMark(in)
	first, err := in.Peek(4 << 10)
	if len(first) == 0 {
		return nil, nil, errors.New("the file is empty; want a header such as `domain,name` and one company a line")
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, nil, fmt.Errorf("read file: %w", err)
	}
	c := csv.NewReader(in)
	c.Comma = separator(first)
	c.FieldsPerRecord = -1 // a short row is one row's mistake, not the file's
	c.ReuseRecord = true
	header, err := c.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("line 1: the header cannot be read: %w", err)
	}
	at, err := matchHeader(header)
	if err != nil {
		return nil, nil, err
	}
	return readBody(c, at, len(header))
}

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

// matchHeader finds the columns by what they are called.
func matchHeader(header []string) (map[string]int, error) {
	folded := make([]string, len(header))
	for i, h := range header {
		folded[i] = fold(h)
	}
	at := map[string]int{}
	for what, names := range columns {
		at[what] = -1
		for _, name := range names {
			if i := indexOf(folded, name); i >= 0 {
				at[what] = i
				break
			}
		}
	}
	if at["domain"] < 0 && at["crm id"] < 0 && at["name"] < 0 {
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

func indexOf(list []string, s string) int {
	for i, l := range list {
		if l == s {
			return i
		}
	}
	return -1
}

func quoted(header []string) []string {
	out := make([]string, 0, min(len(header), 12))
	for _, h := range header[:min(len(header), 12)] {
		out = append(out, fmt.Sprintf("%.30q", h))
	}
	return out
}

func readBody(c *csv.Reader, at map[string]int, width int) ([]row, []refusal, error) {
	var rows []row
	var refused []refusal
	seen := map[string]int{} // company → line
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, refused, nil
		}
		line, _ := c.FieldPos(0)
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			refused = append(refused, refusal{Line: bad.StartLine, Field: "row", Reason: bad.Err.Error()})
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read file: %w", err)
		}
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

func parseRow(record []string, at map[string]int, width, line int) (row, *refusal) {
	if len(record) != width {
		return row{}, &refusal{line, "row", fmt.Sprintf("has %d columns, the header has %d", len(record), width)}
	}
	r := row{Line: line, Name: cell(record, at["name"]), CRMID: cell(record, at["crm id"])}
	for _, text := range record {
		if len(text) > maxLine || !utf8.ValidString(text) {
			return row{}, &refusal{line, "row", "not text in UTF-8, or far too long"}
		}
	}
	domain := cell(record, at["domain"])
	if domain == "" {
		if r.CRMID == "" && account.NormalizeName(r.Name) == "" {
			return row{}, &refusal{line, "domain", "empty, and there is no name or record id to look the company up by"}
		}
		return r, nil
	}
	normal, err := account.NormalizeDomain(domain)
	if invalid, ok := errors.AsType[*account.InvalidError](err); ok {
		return row{}, &refusal{line, invalid.Field, invalid.Reason}
	}
	r.Domain = normal
	return r, nil
}

func cell(record []string, i int) string {
	if i < 0 || i >= len(record) {
		return ""
	}
	return strings.TrimSpace(record[i])
}

// repeated refuses the second row about one company.
func repeated(seen map[string]int, r row) *refusal {
	key := "id:" + r.CRMID
	if r.CRMID == "" {
		key = "domain:" + r.Domain
	}
	if r.CRMID == "" && r.Domain == "" {
		key = "name:" + account.NormalizeName(r.Name)
	}
	if first, ok := seen[key]; ok {
		return &refusal{r.Line, "domain", fmt.Sprintf("the same company as line %d", first)}
	}
	seen[key] = r.Line
	return nil
}

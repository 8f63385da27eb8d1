package review

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
	"unicode/utf8"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// Table is a file of rows under named columns, as spreadsheets and CRMs export it.
type Table struct {
	name   string // of the file, for messages
	header []string
	rows   [][]string // each as long as the header, cells trimmed
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Columns returns the names of the columns, in the file's order.
func (t *Table) Columns() []string { return slices.Clone(t.header) }

// ReadTable reads comma-, semicolon- or tab-separated values with a header, in UTF-8;
// name is what errors call the file. A row that does not fit the header is an
// [account.ErrInvalid] with its line: deals that are silently left out would bend what
// is learnt from the others.
func ReadTable(name string, r io.Reader) (*Table, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\uFEFF")) {
		_, _ = in.Discard(3)
	}
	first, err := in.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(bytes.TrimSpace(first)) == 0 {
		return nil, account.Invalid(name, "the file is empty; want a header and one row a deal")
	}
	c := csv.NewReader(in)
	c.Comma = separator(first)
	t := &Table{name: name}
	if t.header, err = c.Read(); err != nil {
		return nil, badRow(name, err)
	}
	for i := range t.header {
		t.header[i] = strings.TrimSpace(t.header[i])
	}
	if err := t.checkHeader(); err != nil {
		return nil, err
	}
	return t, t.readRows(c)
}

func (t *Table) readRows(c *csv.Reader) error {
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return badRow(t.name, err)
		}
		for i, cell := range row {
			if !utf8.ValidString(cell) {
				line, _ := c.FieldPos(i)
				return account.Invalid(t.name, fmt.Sprintf("line %d, column %q: not text in UTF-8; save the file as CSV UTF-8", line, t.header[i]))
			}
			row[i] = strings.TrimSpace(cell)
		}
		t.rows = append(t.rows, row)
	}
}

func badRow(name string, err error) error {
	bad, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return fmt.Errorf("read %s: %w", name, err)
	}
	reason := "a quote that is never closed, or text behind a closing one"
	switch {
	case errors.Is(bad.Err, csv.ErrFieldCount):
		reason = "has more or fewer columns than the header"
	case errors.Is(bad.Err, csv.ErrBareQuote):
		reason = `a quote within a cell; put the cell in quotes and write "" for each quote in it`
	}
	return account.Invalid(name, fmt.Sprintf("line %d: %s", bad.StartLine, reason))
}

// separator is the one of comma, semicolon and tab that the header has most of.
func separator(first []byte) rune {
	header, _, _ := bytes.Cut(first, []byte("\n"))
	return slices.MaxFunc([]rune{',', ';', '\t'}, func(a, b rune) int { // the first of equals
		return cmp.Compare(bytes.Count(header, []byte(string(a))), bytes.Count(header, []byte(string(b))))
	})
}

func (t *Table) checkHeader() error {
	seen := map[string]bool{}
	for _, h := range t.header {
		switch {
		case !utf8.ValidString(h):
			return account.Invalid(t.name, "the header is not text in UTF-8; save the file as CSV UTF-8")
		case h != "" && seen[h]:
			return account.Invalid(t.name, fmt.Sprintf("two columns are called %q", h))
		}
		seen[h] = true
	}
	return nil
}

// column returns the place of a column; what names the option that asks for it.
func (t *Table) column(what, name string) (int, error) {
	if i := slices.Index(t.header, name); i >= 0 {
		return i, nil
	}
	folded := strings.ToLower(name)
	if i := slices.IndexFunc(t.header, func(h string) bool { return strings.ToLower(h) == folded }); i >= 0 {
		return i, nil
	}
	return 0, account.Invalid(what, fmt.Sprintf("%s has no column %q%s; it has %s", t.name, strictyaml.Clip(name, 40),
		strictyaml.DidYouMean(name, t.header), strings.Join(t.header, ", ")))
}

// Join adds the columns of accounts to the deals, by the column id that both have;
// with "" by the one column that both have. Another column that both have is called
// "account …" where it is the account's. It also returns how many deals have no
// account there, whose columns stay empty.
func (t *Table) Join(accounts *Table, id string) (joined *Table, without int, err error) {
	key, err := t.shared(accounts, id)
	if err != nil {
		return nil, 0, err
	}
	mine, _ := t.column("id", key)
	theirs, _ := accounts.column("id", key)
	byKey := map[string][]string{}
	for _, row := range accounts.rows {
		if _, twice := byKey[row[theirs]]; twice && row[theirs] != "" {
			return nil, 0, account.Invalid(accounts.name, fmt.Sprintf("two accounts have the %s %q", key, strictyaml.Clip(row[theirs], 40)))
		}
		byKey[row[theirs]] = row
	}
	joined = &Table{name: t.name, header: slices.Clone(t.header)}
	var take []int
	for i, h := range accounts.header {
		if i != theirs {
			take = append(take, i)
			if h != "" && slices.Contains(t.header, h) {
				h = "account " + h
			}
			joined.header = append(joined.header, h)
		}
	}
	if err := joined.checkHeader(); err != nil {
		return nil, 0, err
	}
	for _, row := range t.rows {
		found, ok := byKey[row[mine]]
		if row[mine] == "" || !ok {
			without++
			found = make([]string, len(accounts.header))
		}
		wide := slices.Clone(row)
		for _, i := range take {
			wide = append(wide, found[i])
		}
		joined.rows = append(joined.rows, wide)
	}
	return joined, without, nil
}

// shared returns the column that deals and accounts are joined by.
func (t *Table) shared(accounts *Table, id string) (string, error) {
	if id != "" && slices.Contains(t.header, id) && slices.Contains(accounts.header, id) {
		return id, nil
	}
	var both []string
	for _, h := range t.header {
		if h != "" && slices.Contains(accounts.header, h) {
			both = append(both, h)
		}
	}
	switch len(both) {
	case 1:
		return both[0], nil
	case 0:
		return "", account.Invalid("accounts", fmt.Sprintf("%s and %s have no column in common to join them by; give the id of the account the same name in both", t.name, accounts.name))
	}
	return "", account.Invalid("accounts", fmt.Sprintf("%s and %s have several columns in common (%s); say with --id which one is the account's id", t.name, accounts.name, strings.Join(both, ", ")))
}

// NewTable makes a table of rows that do not come from a file; name is what errors
// call it. Each row must be as long as the header.
func NewTable(name string, header []string, rows [][]string) *Table {
	return &Table{name: name, header: header, rows: rows}
}

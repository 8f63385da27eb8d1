package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
)

// good reads a file in which no row is refused.
func good(t *testing.T, file string) []row {
	t.Helper()
	rows, refused, err := readRows(strings.NewReader(file))
	require.NoError(t, err)
	require.Empty(t, refused)
	return rows
}

func TestReadRows(t *testing.T) {
	t.Parallel()
	acme := []row{{Line: 2, Domain: "acme.com", Name: "Acme"}}
	tests := []struct {
		name, give string
		want       []row
	}{
		{"commas", "domain,name\nacme.com,Acme\n", acme},
		{"semicolons", "domain;name\nacme.com;Acme\n", acme},
		{"tabs", "domain\tname\nacme.com\tAcme\n", acme},
		{"semicolons, with a comma in the header", "domain;name;\"city, state\"\nacme.com;Acme;\"Austin, TX\"\n", acme},
		{"a byte order mark", "\ufeffdomain,name\nacme.com,Acme\n", acme},
		{"a byte order mark before a quote", "\ufeff\"domain\",\"name\"\nacme.com,Acme\n", acme},
		{"CRLF", "domain,name\r\nacme.com,Acme\r\n", acme},
		{"no line break at the end", "domain,name\nacme.com,Acme", acme},
		{"quotes", "\"domain\",\"name\"\n\"acme.com\",\"Acme\"\n", acme},
		{"spaces around", " Domain , Name \n acme.com , Acme \n", acme},
		{"another order", "Name,Industry,Domain\nAcme,saas,acme.com\n", acme},
		{"a website for a domain", "name,website\nAcme,https://www.ACME.com/about?x=1\n", acme},
		{"an export of HubSpot", "Record ID,Company name,Company Domain Name,Website URL\n512,Acme,acme.com,http://acme.com\n", []row{{Line: 2, Domain: "acme.com", Name: "Acme", CRMID: "512"}}},
		{"an export of Salesforce", "Account Name,Website\nAcme,acme.com\n", acme},
		{"a domain goes before a website", "website,name,domain\nold.com,Acme,acme.com\n", acme},
		{"a website where the domain is empty", "website,name,domain\nacme.com,Acme,\n", acme},
		{"record ids alone", "hs_object_id\n512\n", []row{{Line: 2, CRMID: "512"}}},
		{"names alone", "Organisation\nAcme\n", []row{{Line: 2, Name: "Acme"}}},
		{"blank lines are no rows", "domain,name\n\nacme.com,Acme\n\n\n", []row{{Line: 3, Domain: "acme.com", Name: "Acme"}}},
		{"a separator in quotes", "domain,name\nacme.com,\"Acme, Inc.\"\n", []row{{Line: 2, Domain: "acme.com", Name: "Acme, Inc."}}},
		{"a quote in quotes", "domain,name\nacme.com,\"The \"\"Acme\"\"\"\n", []row{{Line: 2, Domain: "acme.com", Name: `The "Acme"`}}},
		{"lines after a cell of three lines", "domain,notes\nacme.com,\"one\ntwo\nthree\"\nglobex.com,\n", []row{{Line: 2, Domain: "acme.com"}, {Line: 5, Domain: "globex.com"}}},
		{"lines after CRLF in a cell", "domain,notes\r\nacme.com,\"one\r\ntwo\"\r\nglobex.com,\r\n", []row{{Line: 2, Domain: "acme.com"}, {Line: 4, Domain: "globex.com"}}},
		{"an international domain", "domain\nbücher.de\n", []row{{Line: 2, Domain: "xn--bcher-kva.de"}}},
		{"one record for two domains", "record id,domain\n1,acme.com\n2,acme.com\n", []row{{Line: 2, Domain: "acme.com", CRMID: "1"}, {Line: 3, Domain: "acme.com", CRMID: "2"}}},
		{"a header and no company", "domain,name\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, good(t, tt.give))
		})
	}
}

// TestHeadersMeanWhatPeopleCallThem has every name that a column may have.
func TestHeadersMeanWhatPeopleCallThem(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"domain", "Domain", "DOMAIN", "Company Domain", "company_domain_name", "website-domain", "Website", "Website URL", "Company Website",
		"URL", "Home Page", "Web", "site",
	} {
		require.Equal(t, []row{{Line: 2, Domain: "acme.com"}}, good(t, name+"\nacme.com\n"), name)
	}
	for _, name := range []string{"name", "Company Name", "COMPANY", "account_name", "Account", "Organization", "organisation"} {
		require.Equal(t, []row{{Line: 2, Name: "Acme"}}, good(t, name+"\nAcme\n"), name)
	}
	for _, name := range []string{"CRM ID", "crm_id", "Record ID", "HubSpot ID", "Company Record ID", "hs_object_id", "hubspot company id"} {
		require.Equal(t, []row{{Line: 2, CRMID: "512"}}, good(t, name+"\n512\n"), name)
	}
}

// TestBadFiles holds that a file that makes no sense as a whole is refused.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"empty", "", "the file is empty; want a header such as `domain,name` and one company a line"},
		{"nothing but a byte order mark", "\ufeff", "the file is empty; want a header such as `domain,name` and one company a line"},
		{"blank lines", "\n\n", "the file is empty; want a header such as `domain,name` and one company a line"},
		{"no column that we know", "industry,size\nsaas,50\n", `line 1: no column is called domain, website, name or record id; found: "industry", "size"`},
		{"no header", "acme.com,Acme\nglobex.com,Globex\n", `line 1: no column is called domain, website, name or record id; found: "acme.com", "Acme"`},
		{"a header without end", strings.Repeat("a,", 50) + "a\n", `line 1: no column is called domain, website, name or record id; found: ` + strings.TrimSuffix(strings.Repeat(`"a", `, 12), ", ")},
		{"a header that is misquoted", "dom\"ain,name\n", `line 1: the header cannot be read: parse error on line 1, column 4: bare " in non-quoted-field`},
		{"UTF-16", "\xff\xfed\x00o\x00m\x00a\x00i\x00n\x00\n\x00", "line 1: not text in UTF-8; save the file as CSV UTF-8"},
		{"a spreadsheet", "PK\x03\x04\x14\x00\x06\x00", "line 1: not text in UTF-8; save the file as CSV UTF-8"},
		{"Latin-1", "domain,r\xe9gion\n", "line 1: not text in UTF-8; save the file as CSV UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rows, refused, err := readRows(strings.NewReader(tt.give))
			require.EqualError(t, err, tt.want)
			require.Empty(t, rows)
			require.Empty(t, refused)
		})
	}
}

// TestBadRows holds that one row's mistake is that row's alone: its line is named,
// and the rows before and after it are read.
func TestBadRows(t *testing.T) {
	t.Parallel()
	const nothing = "empty, and there is no name or record id to look the company up by"
	tests := []struct {
		name, give string
		want       refusal
	}{
		{"empty cells", ",,", refusal{3, "domain", nothing}},
		{"blank cells", " , , ", refusal{3, "domain", nothing}},
		{"a name of punctuation", ",---,", refusal{3, "domain", nothing}},
		{"too few columns", "acme.com,Acme", refusal{3, "row", "has 2 columns, the header has 3"}},
		{"too many columns", "acme.com,Acme,1,2", refusal{3, "row", "has 4 columns, the header has 3"}},
		{"a free-mail domain", "gmail.com,Acme,", refusal{3, "domain", "gmail.com is a free e-mail provider, not a company's own domain"}},
		{"an address", "10.0.0.1,Acme,", refusal{3, "domain", "an IP address or a number, not a domain"}},
		{"a host of one's own", "localhost,Acme,", refusal{3, "domain", `"localhost" is an internal name: nobody outside can resolve it`}},
		{"a word for a domain", "acme,Acme,", refusal{3, "domain", `what was given has no dot: a company's name or an internal host, not a domain`}},
		{"a mail address", "jane@gmail.com,Acme,", refusal{3, "domain", "gmail.com is a free e-mail provider, not a company's own domain"}},
		{"a public suffix", "co.uk,Acme,", refusal{3, "domain", "co.uk is a public suffix: others register names under it"}},
		{"a sentence for a domain", "not known yet,Acme,", refusal{3, "domain", `what was given is not a domain: it has spaces or commas in it`}},
		{"a name without end", "," + strings.Repeat("a", 201) + ",", refusal{3, "name", "has 201 characters; at most 200"}},
		{"a name of two lines", ",\"Acme\nGlobex\",", refusal{3, "name", "has a line break or another control character"}},
		{"a record id with a path", "acme.com,Acme,../512", refusal{3, "crm_id", "want 1 to 64 letters, digits, - or _"}},
		{"a record id without end", "acme.com,Acme," + strings.Repeat("5", 65), refusal{3, "crm_id", "want 1 to 64 letters, digits, - or _"}},
		{"a cell without end", "acme.com," + strings.Repeat("a", 1<<20+1) + ",", refusal{3, "row", "has a cell of 1048577 bytes; at most 1048576"}},
		{"Latin-1", "acme.com,Caf\xe9,", refusal{3, "row", "not text in UTF-8; save the file as CSV UTF-8"}},
		{"a zero byte", "acme.com,Ac\x00me,", refusal{3, "row", "not text in UTF-8; save the file as CSV UTF-8"}},
		{"a quote within a cell", `acme.com,The "Acme",`, refusal{3, "row", `a quote within a cell; put the cell in quotes and write "" for each quote in it`}},
		{"text behind a quote", `acme.com,"Acme" Inc,`, refusal{3, "row", "a quote that is never closed, or text behind a closing one"}},
		{"text behind a quote, lines later", "acme.com,\"Acme\nand\nsons\" Inc,", refusal{3, "row", "a quote that is never closed, or text behind a closing one; lines 3 to 5 are lost with it"}},
		{"the same domain again", "https://www.first.com,,", refusal{3, "domain", "the same company as line 2"}},
		{"a first cell that is misquoted", `"acme".com,Acme,`, refusal{3, "row", "a quote that is never closed, or text behind a closing one"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lines := 1 + strings.Count(tt.give, "\n")
			rows, refused, err := readRows(strings.NewReader("domain,name,record id\nfirst.com,First,\n" + tt.give + "\nlast.com,Last,\n"))
			require.NoError(t, err)
			require.Len(t, refused, 1)
			require.Equal(t, tt.want, refused[0])
			require.Equal(t, []row{{Line: 2, Domain: "first.com", Name: "First"}, {Line: 3 + lines, Domain: "last.com", Name: "Last"}}, rows)
		})
	}
}

// TestTheSameCompanyTwice holds that companies are told apart by record id, then by
// domain, then by name.
func TestTheSameCompanyTwice(t *testing.T) {
	t.Parallel()
	rows, refused, err := readRows(strings.NewReader(`domain,name,record id
acme.com,Acme,1
acme.com,Acme,
www.acme.com,Acme,2
other.com,Other,1
https://ACME.com/,,
,Acme,
,ACME Inc.,
`))
	require.NoError(t, err)
	require.Len(t, rows, 4)
	require.Equal(t, []refusal{
		{5, "crm_id", "the same company as line 2"},
		{6, "domain", "the same company as line 3"},
		{8, "name", "the same company as line 7"},
	}, refused)
}

// TestAQuoteLeftOpen holds that the rows which go with it are told of.
func TestAQuoteLeftOpen(t *testing.T) {
	t.Parallel()
	rows, refused, err := readRows(strings.NewReader("domain,name\nacme.com,Acme\nglobex.com,\"Globex\ninitech.com,Initech\n"))
	require.NoError(t, err)
	require.Equal(t, []row{{Line: 2, Domain: "acme.com", Name: "Acme"}}, rows)
	require.Equal(t, []refusal{{3, "row", "a quote that is never closed, or text behind a closing one; lines 3 to 4 are lost with it"}}, refused)
}

func TestAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	_, _, err := readRows(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	_, _, err = readRows(io.MultiReader(strings.NewReader("domain\n"+strings.Repeat("acme.com\n", 100_000)), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
}

// FuzzReadRows holds that no file makes readRows panic, that every line named is one
// of the file, that no row is told of twice, and that each row names a company. Run
// it with -fuzzminimizetime 10x.
func FuzzReadRows(f *testing.F) {
	for _, seed := range []string{
		"domain,name\nacme.com,Acme\n", "\ufeffwebsite;record id\r\nacme.com;1\r\n", "name\tdomain\n\"a\nb\"\tx.com\nc\td.com\n",
		"domain,name\nacme.com,\"Acme\n", "domain\n\"a\"b\n", "domain\n\xff.com\n", "domain,domain,url\n,,acme.com\n", "\n\ndomain\n\nacme.com",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		rows, refused, err := readRows(strings.NewReader(file))
		if err != nil {
			require.Empty(t, rows)
			return
		}
		lines := 1 + strings.Count(file, "\n")
		seen := map[int]bool{}
		for _, r := range rows {
			require.True(t, r.Line > 1 && r.Line <= lines && !seen[r.Line], "line %d", r.Line)
			require.True(t, r.Domain != "" || r.CRMID != "" || account.NormalizeName(r.Name) != "")
			seen[r.Line] = true
		}
		for _, r := range refused {
			require.True(t, r.Line > 1 && r.Line <= lines && !seen[r.Line], "line %d", r.Line)
			require.NotEmpty(t, r.Field)
			require.NotEmpty(t, r.Reason)
			seen[r.Line] = true
		}
	})
}

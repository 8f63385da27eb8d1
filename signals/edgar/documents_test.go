package edgar

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/signalstest"
)

// sample returns a real document of the reference data that may lie beside the
// checkout, and skips the test where it does not.
func sample(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "..", "shared", "data", "sec-a"}, path...)...))
	if err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return b
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

func testLook() signals.Look {
	return signals.Look{
		Account: account.Account{ID: 1, Domain: "acme.example", Name: "Acme Robotics"}, Rules: signalstest.Rules(),
		Now: signalstest.Now, Since: signalstest.Now.Add(-30 * 24 * time.Hour),
	}
}

func testFiler() *filer {
	return &filer{cik: "0009999999", confidence: certain, filings: &submissions{Name: "Acme Robotics, Inc."}}
}

func testFiling(form string) filing {
	return filing{accession: "0009999999-26-000001", form: form, filed: time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)}
}

// told returns what a report tells.
func told(t testing.TB, text string) []signals.Event {
	t.Helper()
	at := testLook()
	events := executiveEvents(at, testFiler(), testFiling(form8K), text)
	signalstest.CheckSight(t, Spec, at, signals.Sight{Events: events})
	return events
}

// TestSampleReports: the report of Nordstrom is filed under item 5.02, under its full
// title, and tells of salaries and stock options only: nobody comes or goes.
func TestSampleReports(t *testing.T) {
	t.Parallel()
	for name, section := range map[string]bool{"nordstrom-502.html": true, "1800flowers-507.html": false, "buckle-202.html": false} {
		text := plainText(decode(sample(t, "8-k", name), "text/html"))
		require.Regexp(t, calls8K, text, name)
		require.Equal(t, section, section502(text) != "", name)
		require.Empty(t, told(t, text), name)
	}
}

// TestSampleReportsWithChange puts a change into a real report.
func TestSampleReportsWithChange(t *testing.T) {
	t.Parallel()
	text := plainText(decode(sample(t, "8-k", "nordstrom-502.html"), "text/html"))
	const before = "Also on March 1, 2023, the Committee"
	require.Equal(t, 1, strings.Count(text, before))
	got := told(t, strings.Replace(text, before, "On March 1, 2023, the Board appointed Jane Doe as Chief Revenue Officer. "+before, 1))
	require.Len(t, got, 1)
	require.Equal(t, "cro", got[0].Entity)
	require.Equal(t, "Jane Doe, Chief Revenue Officer", got[0].Concerns)
}

func TestSampleForms(t *testing.T) {
	t.Parallel()
	for name, industry := range map[string]string{"1685reit.xml": "REITS and Finance", "shepards.xml": "Other Banking and Financial Services"} {
		d, err := parseFormD(sample(t, "form-d", name))
		require.NoError(t, err, name)
		require.NotEmpty(t, d.Primary.Name)
		require.Equal(t, industry, d.Offering.Industry)
		require.Positive(t, amount(d.Offering.Sold), name)
		require.False(t, d.round(cleanCIK(d.Primary.CIK)), name)
		d.SubmissionType, d.Offering.Amendment, d.Offering.Exemptions, d.Offering.FundShares = "D", "", nil, ""
		require.False(t, d.round(cleanCIK(d.Primary.CIK)), "by its industry alone: %s", name)
		d.Offering.Industry = "Other Technology"
		require.True(t, d.round(cleanCIK(d.Primary.CIK)), name)
	}
}

func TestSampleSubmissions(t *testing.T) {
	t.Parallel()
	s := &submissions{}
	require.NoError(t, json.Unmarshal(sample(t, "submissions", "tesla.json"), s))
	require.NoError(t, s.check("0001318605"))
	require.True(t, s.named("Tesla"))
	require.True(t, s.named("Tesla Motors"))
	require.Equal(t, "DE", s.Incorporated)
	require.Equal(t, "CA", s.Addresses.Business.State)
	at := signals.Look{Since: time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC), Now: time.Date(2022, 12, 1, 0, 0, 0, 0, time.UTC)}
	news := s.news(at)
	require.NotEmpty(t, news)
	for _, f := range news {
		if f.form == form8K {
			require.True(t, f.readable(), f.document)
			require.False(t, f.reported.IsZero())
		}
	}
	at.Since = at.Now
	require.Empty(t, s.news(at))
}

func TestExecutiveEvents(t *testing.T) {
	t.Parallel()
	const plain = "officer or director change filed (8-K item 5.02)"
	type want struct{ entity, summary, concerns string }
	tests := []struct {
		text string
		want []want
	}{
		{"On May 1, 2026, the Board of Directors of Acme appointed John Doe as the Company’s new Chief Executive Officer, effective immediately, to succeed Mary Major, who will continue to serve as a director.", []want{{"ceo", "appointed a Chief Executive Officer (8-K item 5.02)", "John Doe, Chief Executive Officer"}}},
		{"On April 1, 2026, Jane Doe notified the Board that she will resign from her position as Chief Financial Officer of the Company, effective May 15.", []want{{"cfo", "announced the departure of its Chief Financial Officer (8-K item 5.02)", "Jane Doe, Chief Financial Officer"}}},
		{"John Roe resigned as Chief Financial Officer effective March 1. Jane Doe has been appointed as interim CFO.", []want{{"cfo", "appointed an interim CFO (8-K item 5.02)", "Jane Doe, interim CFO"}}},
		{"Jane Doe tendered her resignation as Executive Vice President and Chief Revenue Officer of Acme Corporation (the “Company”).", []want{{"cro", "announced the departure of its Executive Vice President and Chief Revenue Officer (8-K item 5.02)", "Jane Doe, Executive Vice President and Chief Revenue Officer"}}},
		{"Acme Robotics, Inc. (the “Company”) and John Roe, Chief Revenue Officer, mutually agreed that Mr. Roe will separate from the Company.", []want{{"cro", "announced the departure of its Chief Revenue Officer (8-K item 5.02)", "John Roe, Chief Revenue Officer"}}},
		{"The Board promoted Jane Doe, currently Vice President of Marketing, to Chief Revenue Officer.", []want{{"cro", "appointed a Chief Revenue Officer (8-K item 5.02)", "Jane Doe, Chief Revenue Officer"}}},
		{"The Company hired Jane Doe as its chief revenue officer.", []want{{"cro", "appointed a chief revenue officer (8-K item 5.02)", "Jane Doe, chief revenue officer"}}},
		{"Acme today announced the appointment of Jane Doe as Chief Revenue Officer.", []want{{"cro", "appointed a Chief Revenue Officer (8-K item 5.02)", "Jane Doe, Chief Revenue Officer"}}},
		{"Jane Doe, 45, will become Chief Revenue Officer, reporting to Chief Executive Officer John Roe.", []want{{"cro", "appointed a Chief Revenue Officer (8-K item 5.02)", "Jane Doe, Chief Revenue Officer"}}},
		{"John Roe will retire from his role as Chief Financial Officer on June 30, and the Board has appointed Jane Doe to succeed him as Chief Revenue Officer.", []want{
			{"cro", "appointed a Chief Revenue Officer (8-K item 5.02)", "Jane Doe, Chief Revenue Officer"},
			{"cfo", "announced the departure of its Chief Financial Officer (8-K item 5.02)", "John Roe, Chief Financial Officer"},
		}},
		{"The employment of John Roe, the Company’s Chief Financial Officer, was terminated effective March 1.", []want{{"cfo", "announced the departure of its Chief Financial Officer (8-K item 5.02)", "John Roe, Chief Financial Officer"}}},
		{"The Board accepted the resignation of John Roe as Chief Revenue Officer.", []want{{"cro", "announced the departure of its Chief Revenue Officer (8-K item 5.02)", "John Roe, Chief Revenue Officer"}}},
		{"The CEO resigned effective Monday.", []want{{"ceo", plain, ""}}},

		// Roles that nobody watches: one event, with the first that is plain.
		{"Ms. Doe, age 45, was appointed by the Board as Senior Vice President, Chief Accounting Officer and Controller. Prior to joining the Company, Ms. Doe served as Vice President of Sales of Globex and was named Chief Revenue Officer of Initech in 2019.", []want{{"officer", "appointed a Senior Vice President, Chief Accounting Officer and Controller (8-K item 5.02)", "Ms. Doe, Senior Vice President, Chief Accounting Officer and Controller"}}},
		{"The Board, upon the recommendation of its Nominating Committee, elected Dr. Jane A. Doe to serve as a director until her successor is duly elected and qualified.", []want{{"officer", "appointed a director (8-K item 5.02)", "Dr. Jane A. Doe, director"}}},
		{"John Q. Roe informed the Board that he will not stand for re-election at the Annual Meeting.", []want{{"officer", plain, ""}}},

		// Pay, and what pay is made to depend on.
		{"The Compensation Committee approved an award to the Chief Executive Officer under the amended policy.", nil},
		{"If a participant resigned for good reason, or in the event that the executive retired, the award will become exercisable.", nil},
		{"The Plan provides for full vesting upon death, disability or retirement, and for salary after the departure of an executive.", nil},
		{"Each of the named executive officers received notice of a bonus. Directors elected at the annual meeting receive a grant; each director elected to receive stock.", nil},
		{"The Plan is administered by a committee appointed by the Board.", nil},
		{"As previously disclosed, Jane Doe was appointed Chief Financial Officer on May 1. The Committee has approved her salary.", nil},
		{"The Company entered into an amended employment agreement with Jane Doe, its Chief Executive Officer, which will become effective on May 1.", nil},
		{"The stockholders ratified the appointment of Ernest Young as independent registered public accounting firm.", nil},
		{"The information under Item 1.01 is incorporated by reference.", nil},
	}
	for _, tt := range tests {
		var got []want
		for _, e := range told(t, "FORM 8-K\nItem 5.02. Departure of Directors or Certain Officers; Election of Directors; Appointment of Certain Officers.\n"+tt.text+"\nItem 9.01 Exhibits\nJohn Roe resigned as Chief Revenue Officer.") {
			got = append(got, want{e.Entity, e.Summary, e.Concerns})
		}
		require.Equal(t, tt.want, got, tt.text)
	}
}

func TestSection502(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ page, want string }{
		"heading split by markup":   {"<p><b>I</b>tem&nbsp;<font>5</font>.02</p><p>Here.</p><p>Item 9.01</p>", "Here."},
		"upper case, in a table":    {"<table><tr><td>ITEM 5.02</td><td>Compensatory Arrangements of Certain Officers</td></tr></table>Here.<div>SIGNATURES</div>no", ";\nHere."},
		"after something else":      {"<p>8-K; Item 5.02 Here. Item 8.01 no</p>", "Here."},
		"a reference within a line": {"<p>Item 5.02</p><p>Here, see Item 1.01 of this report.</p><p>Item 8.01</p>", "Here, see Item 1.01 of this report."},
		"two sections":              {"<p>Item 5.02 a.</p><p>Item 7.01 b.</p><p>Item 5.02 c.</p>", "a.\n\n c."},
		"plain text":                {"Item 5.02  Departure of Directors or Certain\nOfficers\n\nHere it\nis.\n\nSIGNATURE\n\nno", ";\nHere it is."},
		"none":                      {"<p>Item 5.07</p><p>Directors were elected.</p>", ""},
		"hidden data":               {"<ix:header>Item 5.02 hidden</ix:header><style>Item 5.02</style><p>Item 2.02</p>", ""},
	}
	for name, tt := range tests {
		require.Equal(t, tt.want, strings.TrimSpace(section502(plainText(tt.page))), name)
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"On May 1, Mr. John A. Doe of Acme, Inc. met Ms. Roe at 9 a.m. in the U.S. office.", "He left.”", "She stayed;", "nobody (No. 5) knew", "Why",
	}, sentences("On May 1, Mr. John A. Doe of Acme, Inc. met Ms. Roe at 9 a.m. in the U.S. office. He left.” She stayed; nobody (No. 5) knew\nWhy"))
}

func TestDecode(t *testing.T) {
	t.Parallel()
	require.Equal(t, "José 8-K", decode([]byte("José 8-K"), "text/html; charset=iso-8859-1"), "UTF-8, whatever it declares")
	require.Equal(t, "José “8-K”", decode([]byte("Jos\xe9 \x93"+"8-K\x94"), "text/html"))
	require.Empty(t, decode(nil, ""))
}

// edited returns the form of the fixture with something else in a place of it.
func edited(t testing.TB, pairs ...string) []byte {
	t.Helper()
	s := string(fixture(t, "form_d.xml"))
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, s, pairs[i])
		s = strings.Replace(s, pairs[i], pairs[i+1], 1)
	}
	return []byte(s)
}

func TestRound(t *testing.T) {
	t.Parallel()
	const (
		industry   = "<industryGroupType>Other Technology</industryGroupType>"
		name       = "<entityName>Acme Robotics, Inc.</entityName>"
		exemptions = "<item>06b</item>"
		amounts    = "<totalOfferingAmount>12000000</totalOfferingAmount><totalAmountSold>9000000</totalAmountSold>"
	)
	group := func(s string) string { return "<industryGroupType>" + s + "</industryGroupType>" }
	called := func(s string) string { return "<entityName>" + s + "</entityName>" }
	sold := func(offered, sold string) string {
		return "<totalOfferingAmount>" + offered + "</totalOfferingAmount><totalAmountSold>" + sold + "</totalAmountSold>"
	}
	tests := []struct {
		name string
		edit []string
		want string // "" for none
	}{
		{"as it is", nil, "raised $9M of an offered $12M (Form D)"},
		{"all sold", []string{amounts, sold("9500000", "9500000")}, "raised $9.5M (Form D)"},
		{"no end", []string{amounts, sold("Indefinite", "125000")}, "raised $125K of an indefinite offering (Form D)"},
		{"nothing sold yet", []string{amounts, sold("1500000000", "0")}, "offered $1.5B, none sold yet (Form D)"},
		{"no amounts", []string{amounts, ""}, "opened a private offering (Form D)"},
		{"amounts that are none", []string{amounts, sold("NaN", "-5")}, "opened a private offering (Form D)"},
		{"co-issuer", []string{"<cik>0009999999</cik>", "<cik>0001</cik>", "<relatedPersonsList>", "<issuerList><issuer><cik>9999999</cik></issuer></issuerList><relatedPersonsList>"}, "raised $9M of an offered $12M (Form D)"},
		{"somebody else's", []string{"<cik>0009999999</cik>", "<cik>0001</cik>"}, ""},
		{"fund", []string{industry, group("Pooled Investment Fund")}, ""},
		{"fund by its details", []string{industry, group("Other") + "<investmentFundInfo><investmentFundType>Venture Capital Fund</investmentFundType></investmentFundInfo>"}, ""},
		{"lender", []string{industry, group("Other Banking and Financial Services")}, ""},
		{"landlord", []string{industry, group("Residential")}, ""},
		{"builder", []string{industry, group("Construction")}, "raised $9M of an offered $12M (Form D)"},
		{"exempt as a fund", []string{exemptions, exemptions + "<item>3C</item><item>3C.7</item>"}, ""},
		{"series", []string{name, called("Acme Robotics, a Series of Globex LLC")}, ""},
		{"fund by its name", []string{name, called("Acme Robotics Fund I, LP")}, ""},
		{"fund by its name, with a letter", []string{name, called("Acme Robotics Fund II-A, L.P.")}, ""},
		{"vehicle", []string{name, called("Acme Robotics SPV LLC")}, ""},
		{"no fund", []string{name, called("Fundamental Robotics LLC")}, "raised $9M of an offered $12M (Form D)"},
		{"update", []string{"<submissionType>D<", "<submissionType>D/A<"}, ""},
		{"update by its mark", []string{"<isAmendment>false<", "<isAmendment>true<"}, ""},
		{"rehearsal", []string{"<testOrLive>LIVE<", "<testOrLive>TEST<"}, ""},
		{"paid with shares", []string{"Transaction>false<", "Transaction>true<"}, ""},
	}
	for _, tt := range tests {
		d, err := parseFormD(edited(t, tt.edit...))
		require.NoError(t, err, tt.name)
		got := d.events(testLook(), testFiler(), testFiling(formDName))
		if tt.want == "" {
			require.Empty(t, got, tt.name)
			continue
		}
		require.Len(t, got, 1, tt.name)
		require.Equal(t, tt.want, got[0].Summary, tt.name)
	}
}

func TestOccurred(t *testing.T) {
	t.Parallel()
	at, f := testLook(), testFiling(formDName)
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		require.NoError(t, err)
		return d
	}
	for stated, want := range map[string]string{
		"2026-11-02": "2026-11-02",
		"2026-11-17": "2026-11-16", // after its filing
		"2026-10-01": "2026-11-16", // no news by itself
		"2016-11-02": "2026-11-16", // a typing error
	} {
		require.Equal(t, day(want), f.occurred(at, day(stated)), stated)
	}
	require.Equal(t, f.filed, f.occurred(at, time.Time{}))
}

func TestParseFormDEncodings(t *testing.T) {
	t.Parallel()
	const head = `<?xml version="1.0"?>`
	for label, e := range map[string]string{"UTF-8": "é", "ISO-8859-1": "\xe9", "windows-1252": "\xe9", "us-ascii": "&#233;"} {
		d, err := parseFormD(edited(t, head, `<?xml version="1.0" encoding="`+label+`"?>`, "Acme Robotics", "Acm"+e))
		require.NoError(t, err, label)
		require.Equal(t, "Acmé, Inc.", d.Primary.Name)
	}
}

func TestParseFormDHostile(t *testing.T) {
	t.Parallel()
	const head = `<?xml version="1.0"?>`
	whole := fixture(t, "form_d.xml")
	bomb := `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;"><!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;">]>`
	for name, body := range map[string][]byte{
		"entity bomb":           edited(t, head, head+bomb, "Acme Robotics", "&lol3;"),
		"outside entity":        edited(t, head, head+`<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>`, "Acme Robotics", "&f;"),
		"unknown entity":        edited(t, "Acme Robotics", "&lol3;"),
		"deep nesting":          edited(t, "<relatedPersonsList>", strings.Repeat("<a>", 100_000)),
		"deep and well-formed":  edited(t, "<relatedPersonsList>", strings.Repeat("<a>", 100)+strings.Repeat("</a>", 100)+"<relatedPersonsList>"),
		"truncated":             whole[:len(whole)/2],
		"truncated at the end":  bytes.TrimSpace(whole)[:len(bytes.TrimSpace(whole))-3],
		"wrong encoding":        edited(t, "Acme Robotics", "Acm\xe9"),
		"encoding of elsewhere": edited(t, head, `<?xml version="1.0" encoding="utf-7"?>`),
		"UTF-16":                append([]byte{0xff, 0xfe}, bytes.Join(bytes.Split(whole, nil), []byte{0})...),
		"empty":                 nil,
		"another document":      []byte("<edgarSubmission><submissionType>D</submissionType></edgarSubmission>"),
		"large":                 append(bytes.Clone(whole), bytes.Repeat([]byte("<!-- -->"), maxFormD/8)...),
		"a wrong end":           edited(t, "</primaryIssuer>", "</issuer>"),
	} {
		_, err := parseFormD(body)
		require.Error(t, err, name)
	}
}

// TestHostileReports: what is long or repeats itself takes no longer than it should.
func TestHostileReports(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{
		"headings":   "Item 5.02 ",
		"names":      "Jane Doe, ",
		"capitals":   "A ",
		"elements":   "<div>",
		"attributes": "<div a=",
		"title":      "<title>",
		"verbs":      "Jane Doe, Chief of Chief, was appointed, as the Chief Officer notified his resignation ",
		"sentences":  "Jane Doe resigned. ",
		"entities":   "&lol;&#x41;&amp;",
	} {
		start := time.Now()
		told(t, plainText("<p>8-K</p><p>Item 5.02</p><p>"+strings.Repeat(unit, (2<<20)/len(unit))))
		require.Less(t, time.Since(start), 20*time.Second, name)
		t.Log(name, time.Since(start))
	}
}

func TestCleanCIK(t *testing.T) {
	t.Parallel()
	for give, want := range map[string]string{
		"1318605": "0001318605", " CIK0001318605": "0001318605", "cik 1": "0000000001", "00000000000001": "0000000001",
		"": "", "0": "", "n/a": "", "12345678901": "", "-1": "", "1.5": "", "cik": "", "１": "",
	} {
		require.Equal(t, want, cleanCIK(give), give)
	}
}

func TestSearchName(t *testing.T) {
	t.Parallel()
	for give, want := range map[string]string{
		"Acme Robotics": "Acme Robotics", "Acme Robotics, Inc.": "Acme Robotics", "The Acme Co.": "The Acme",
		`Acme "Rocket" Robotics LLC`: "Acme Rocket Robotics", "AT&T Inc": "AT&T", "Inc": "Inc",
	} {
		require.Equal(t, want, searchName(give), give)
	}
}

func TestDisplayName(t *testing.T) {
	t.Parallel()
	for give, want := range map[string]string{
		"Acme Robotics, Inc.  (CIK 0009999999)":                 "Acme Robotics, Inc.",
		"ACME ROBOTICS INC  (ACME)  (CIK 0009999999)":           "ACME ROBOTICS INC",
		"ACME ROBOTICS INC  (ACME, ACME-PA)  (CIK 0009999999)":  "ACME ROBOTICS INC",
		"Acme (Holdings) Ltd.  (ACME.A)  (CIK 0009999999)":      "Acme (Holdings) Ltd.",
		"Acme Robotics Holdings (Delaware)  (CIK 0009999999)":   "Acme Robotics Holdings (Delaware)",
		"Acme Robotics, Inc.":                                   "",
		"Acme Robotics, Inc. (CIK 0009999999) and (CIK 000001x": "",
	} {
		m := displayName.FindStringSubmatch(give)
		if want == "" {
			require.Nil(t, m, give)
			continue
		}
		require.Equal(t, []string{want, "0009999999"}, m[1:], give)
	}
}

func FuzzFormD(f *testing.F) {
	f.Add(fixture(f, "form_d.xml"))
	f.Add([]byte(`<?xml version="1.0" encoding="iso-8859-1"?><edgarSubmission/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := parseFormD(body)
		if err != nil {
			return
		}
		at, who := testLook(), testFiler()
		signalstest.CheckSight(t, Spec, at, signals.Sight{Events: d.events(at, who, testFiling(formDName))})
		d.SubmissionType, d.Primary.CIK = formDName, who.cik
		signalstest.CheckSight(t, Spec, at, signals.Sight{Events: d.events(at, who, testFiling(formDName))})
	})
}

func FuzzReport(f *testing.F) {
	for _, name := range []string{"8k_appointment.html", "8k_departure.html", "8k_pay.html"} {
		f.Add(fixture(f, name))
	}
	f.Add([]byte("Item 5.02 Jane Doe was appointed as Chief Revenue Officer; she resigned."))
	f.Fuzz(func(t *testing.T, body []byte) {
		told(t, plainText(decode(body, "text/html")))
		told(t, "Item 5.02 "+decode(body, ""))
	})
}

func FuzzSubmissions(f *testing.F) {
	f.Add(fixture(f, "submissions.json"))
	f.Add([]byte(`{"cik": 9999999, "filings": {"recent": {"accessionNumber": [], "form": null}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &submissions{}
		if json.Unmarshal(body, s) != nil || s.check("0009999999") != nil {
			return
		}
		at, who := testLook(), &filer{cik: "0009999999", confidence: certain, filings: s}
		news := s.news(at)
		require.LessOrEqual(t, len(news), maxFilings)
		for _, filing := range news {
			require.NotContains(t, filing.folder(who.cik), "..")
			if filing.readable() {
				require.NotContains(t, filing.document, "/")
			}
			e := executiveEvents(at, who, filing, "Item 5.02 Jane Doe resigned.")
			signalstest.CheckSight(t, Spec, at, signals.Sight{Events: e})
		}
		who.still("Acme Robotics", "TX")
	})
}

func FuzzSearch(f *testing.F) {
	f.Add(fixture(f, "search.json"), "Acme Robotics", "TX")
	f.Add(fixture(f, "search_other.json"), "Acme Robotics", "")
	f.Fuzz(func(t *testing.T, body []byte, name, state string) {
		searchName(name)
		r := &results{}
		if json.Unmarshal(body, r) != nil || r.check() != nil {
			return
		}
		cik, confidence := r.filer(name, state)
		require.Equal(t, cleanCIK(cik), cik)
		require.Equal(t, cik != "", confidence > 0)
	})
}

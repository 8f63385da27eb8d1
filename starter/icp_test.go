package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

var today = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func revops(t *testing.T) *icp.Model {
	t.Helper()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	return m
}

func TestReadAccount(t *testing.T) {
	t.Parallel()
	sub, err := readAccount(revops(t), "a.json", []byte("\ufeff"+`{
		"industry": "saas", "employees": 120, "technologies": ["hubspot", "aws"], "business_model": "b2b",
		"previously_churned": false, "last_funding_at": "2026-10-01", "revenue_usd": null,
		"signals": [{"kind": "funding", "occurred_at": "2026-11-01"}, {"kind": "hiring", "occurred_at": "2026-11-02T10:00:00+02:00", "source": "jobs"}]
	}`), today)
	require.NoError(t, err)
	facts, signals := sub.Facts, sub.Signals
	require.Len(t, facts, 6)
	require.Equal(t, account.NumberValue(120), facts[account.Employees].Value)
	require.Equal(t, account.ListValue("aws", "hubspot"), facts[account.Technologies].Value)
	require.Equal(t, account.ListValue("b2b"), facts[account.BusinessModel].Value)
	require.Equal(t, account.BoolValue(false), facts[account.PreviouslyChurned].Value)
	require.Equal(t, time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), facts[account.LastFundingAt].Value.Date())
	require.Equal(t, account.Fact{
		Field: account.Industry, Value: account.TextValue("saas"), Provider: "given", Confidence: 1, ObservedAt: today,
	}, facts[account.Industry])
	require.Len(t, signals, 2)
	require.Equal(t, "funding", signals[0].Kind)
	require.Equal(t, time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC), signals[1].OccurredAt.UTC())
}

func TestReadAccountOfNothing(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"{}", `{"signals": []}`, `{"signals": null}`, `{"contacts": []}`, ` { "industry" : null } `} {
		sub, err := readAccount(revops(t), "a.json", []byte(file), today)
		require.NoError(t, err, file)
		require.Empty(t, sub.Facts)
		require.Empty(t, sub.Signals)
		require.Empty(t, sub.Contacts)
	}
}

// TestBadAccounts holds that each mistake names the field and the reason.
func TestBadAccounts(t *testing.T) {
	t.Parallel()
	const wanted = `want one JSON object, field → value, such as {"industry": "saas", "employees": 120}`
	const signals = `signals: want a list such as [{"kind": "funding", "occurred_at": "2026-11-01"}]`
	tests := []struct{ name, give, want string }{
		{"empty", "", "account: not JSON from line 1 on (unexpected end of JSON input); " + wanted},
		{"YAML", "industry: saas\n", "account: not JSON from line 1 on (invalid character 'i' looking for beginning of value); " + wanted},
		{"half of a file", "{\"industry\":\n\"saas\",\n", "account: not JSON from line 3 on (unexpected end of JSON input); " + wanted},
		{"a comma too many", "{\n\"industry\": \"saas\",\n}", "account: not JSON from line 3 on (invalid character '}' looking for beginning of object key string); " + wanted},
		{"something after the object", "{}\n{}", "account: not JSON from line 2 on (invalid character '{' after top-level value); " + wanted},
		{"a list", `[{"industry": "saas"}]`, "account: " + wanted},
		{"a text", `"saas"`, "account: " + wanted},
		{"null", `null`, "account: " + wanted},

		{"an unknown field near a known one", `{"employes": 120}`, "employes: no such field (did you mean employees?); docs/models.md lists them"},
		{"an unknown field near none", `{"shoe_size": 44}`, "shoe_size: no such field; docs/models.md lists them"},
		{"misspelt signals", `{"signal": []}`, "signal: no such field (did you mean signals?); docs/models.md lists them"},
		{"a field in another case", `{"Industry": "saas"}`, "Industry: no such field (did you mean industry?); docs/models.md lists them"},
		{"a field without a name", `{"": 1}`, ": no such field; docs/models.md lists them"},
		{"a field without end", `{"` + strings.Repeat("a", 100) + `": 1}`, strings.Repeat("a", 39) + "…: no such field; docs/models.md lists them"},
		{"a field twice", `{"industry": "saas", "industry": "retail"}`, "industry: stands there twice"},

		{"a text for a number", `{"employees": "120"}`, "employees: want a number, have a text"},
		{"yes for a number", `{"employees": true}`, "employees: want a number, have a yes/no"},
		{"a list for a number", `{"employees": ["50"]}`, "employees: want a number, have a list"},
		{"a number beyond numbers", `{"employees": 1e999}`, "employees: want a number: json: cannot unmarshal number 1e999 into Go value of type float64"},
		{"a number for a text", `{"industry": 7}`, "industry: want a text, have a number"},
		{"an object for a text", `{"industry": {"name": "saas"}}`, "industry: want a text: an object is not a value"},
		{"a text for a yes/no", `{"previously_churned": "false"}`, "previously_churned: want a yes/no, have a text"},
		{"numbers in a list", `{"technologies": [1]}`, "technologies: want a list: a list holds texts only: json: cannot unmarshal number into Go value of type string"},
		{"a number for a list", `{"technologies": 3}`, "technologies: want a list, have a number"},
		{"a date that is none", `{"last_funding_at": "last week"}`, `last_funding_at: "last week" is not a date (YYYY-MM-DD)`},
		{"a date that is no day", `{"last_funding_at": "2026-02-30"}`, `last_funding_at: "2026-02-30" is not a date (YYYY-MM-DD)`},

		{"contacts that are no list", `{"contacts": {"department": "sales"}}`, `contacts: want a list such as [{"department": "sales", "management_level": "vp"}]`},
		{"contacts that are words", `{"contacts": ["Jo"]}`, `contacts: want a list such as [{"department": "sales", "management_level": "vp"}]`},
		{"an unknown field of a contact", `{"contacts": [{}, {"departement": "sales"}]}`, "contacts[1]: departement: no such field (did you mean department?); docs/models.md lists them"},
		{"a number for a department", `{"contacts": [{"department": 7}]}`, "contacts[0]: department: want a text, have a number"},

		{"signals that are no list", `{"signals": {"kind": "funding"}}`, signals},
		{"signals that are words", `{"signals": ["funding"]}`, signals},
		{"a signal of no kind", `{"signals": [{"occurred_at": "2026-11-01"}]}`, "signals[0].kind: missing; want a word such as funding"},
		{"a kind that is a number", `{"signals": [{"kind": 7}]}`, signals},
		{"a signal of no time", `{"signals": [{"kind": "funding", "occurred_at": "2026-11-01"}, {"kind": "hiring"}]}`, `signals[1].occurred_at: "" is not a time: want YYYY-MM-DD or RFC 3339`},
		{"a signal of yesterday", `{"signals": [{"kind": "funding", "occurred_at": "yesterday"}]}`, `signals[0].occurred_at: "yesterday" is not a time: want YYYY-MM-DD or RFC 3339`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := readAccount(revops(t), "a.json", []byte(tt.give), today)
			require.ErrorIs(t, err, account.ErrInvalid)
			require.EqualError(t, err, "a.json: "+tt.want)
		})
	}
}

// TestAllMistakesOfAnAccountAtOnce holds that they come in the order of the file.
func TestAllMistakesOfAnAccountAtOnce(t *testing.T) {
	t.Parallel()
	_, err := readAccount(revops(t), "a.json", []byte(`{"indutry": "saas", "employees": "many", "signals": [{}], "city": 7}`), today)
	require.EqualError(t, err, `a.json: indutry: no such field (did you mean industry?); docs/models.md lists them
a.json: employees: want a number, have a text
a.json: signals[0].kind: missing; want a word such as funding
a.json: city: want a text, have a number`)
}

func TestReadDeclaredFields(t *testing.T) {
	t.Parallel()
	m, err := icp.Parse("m", []byte(`{name: m, version: 1, owner: o, required: [],
		fields: {pain: {type: text}, renewal: {type: date}, seats: {type: number}, regulations: {type: list}, partner: {type: boolean}},
		criteria: [{name: seats, dimension: needs, field: seats, at_least: 10, points: 5}], tiers: [{name: All, min: 0, queue: all}]}`))
	require.NoError(t, err)
	sub, err := readAccount(m, "a.json", []byte(`{"pain": "late reports", "renewal": "2026-12-31", "seats": 12, "regulations": "gdpr", "partner": true}`), today)
	require.NoError(t, err)
	facts := sub.Facts
	require.Equal(t, account.DateKind, facts["renewal"].Value.Kind())
	require.Equal(t, []string{"gdpr"}, facts["regulations"].Value.List())
	require.Equal(t, 5, icp.Rate(m, facts, nil, today).Value)
	_, err = readAccount(m, "a.json", []byte(`{"seat": 12, "pain": 7}`), today)
	require.EqualError(t, err, "a.json: seat: no such field (did you mean seats?); docs/models.md lists them\na.json: pain: want a text, have a number")
}

func TestReadContacts(t *testing.T) {
	t.Parallel()
	m, err := icp.Load("five-dimensions")
	require.NoError(t, err)
	sub, err := readAccount(m, "a.json", []byte(`{"contacts": [{"management_level": "vp"}, {"management_level": "c-level", "budget_authority": true}]}`), today)
	require.NoError(t, err)
	require.Len(t, sub.Contacts, 2)
	require.Equal(t, 5, m.Rate(sub, today).Value, "a committee of two is 10 of the 50 points of 25 %")
}

package icp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

const ofContacts = `
name: people
version: 1
owner: a
subject: contact
required: [industry, management_level]
criteria:
  - {name: industry, dimension: firmographics, field: industry, any_of: [saas], points: 10}
  - {name: level, dimension: role, field: management_level, any_of: [c-level], points: 20, partial: [{any_of: [vp, director], points: 7}]}
  - {name: budget, dimension: role, field: budget_authority, equals: true, points: 5}
  - {name: department, dimension: role, field: department, equals: sales, points: 3}
tiers: [{name: All, min: 0, queue: all}]
`

func TestContactsAreRatedOverTheirAccount(t *testing.T) {
	t.Parallel()
	m := parse(t, ofContacts)
	require.Equal(t, icp.SubjectContact, m.Subject)
	company := text(account.Department, "of no matter")
	jo := icp.Contact{ID: "7", Facts: account.Facts{}}
	set(jo.Facts, account.ManagementLevel, account.TextValue("VP"))
	set(jo.Facts, account.BudgetAuthority, account.BoolValue(true))
	set(jo.Facts, account.Department, account.TextValue("sales"))
	s := icp.Rate(m, jo.Over(company), nil, now)
	require.Equal(t, 10+7+5+3, s.Value)
	require.Equal(t, "of no matter", company[account.Department].Value.Text(), "the account's facts are left alone")
	require.Equal(t, 10, icp.Rate(m, icp.Contact{}.Over(perfect()), nil, now).Value)
}

func TestContactMistakes(t *testing.T) {
	t.Parallel()
	_, err := icp.Parse("m", []byte(strings.Replace(ofContacts, "subject: contact", "subject: company", 1)))
	require.EqualError(t, err, `m:6:22: required[1]: management_level is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee
m:9:43: criteria[1].field: management_level is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee
m:10:44: criteria[2].field: budget_authority is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee
m:11:48: criteria[3].field: department is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee`)
}

// committees is a model of companies that looks at their contacts.
const committees = `name: committees
version: 1
owner: a
required: [industry]
scale: {method: sum, min: -50, max: 100}
criteria:
  - {name: best, dimension: people, field: management_level, of: best_contact, any_of: [c-level], points: 20, partial: [{any_of: [vp, director], points: 7}]}
  - {name: several, dimension: people, field: department, of: buying_committee, contacts: 2, any_of: [sales], points: 10, partial: [{any_of: [marketing, it], points: 4}]}
  - {name: nobody, dimension: risk, field: budget_authority, of: best_contact, equals: false, points: -5, unknown: widen}
tiers: [{name: All, min: -50, queue: all}]
`

func TestCriteriaOfContacts(t *testing.T) {
	t.Parallel()
	m := parse(t, committees)
	person := func(id, level, department string) icp.Contact {
		return icp.Contact{ID: id, Facts: facts(map[account.Field]any{account.ManagementLevel: level, account.Department: department})}
	}
	chief, vp, clerk := person("1", "c-level", "sales"), person("2", "VP", "it"), person("3", "staff", "sales")
	unknown := icp.Contact{ID: "4"}
	poor := icp.Contact{ID: "5", Facts: facts(map[account.Field]any{account.BudgetAuthority: false})}
	rich := icp.Contact{ID: "6", Facts: facts(map[account.Field]any{account.BudgetAuthority: true})}
	tests := []struct {
		criterion int
		give      []icp.Contact
		points    int
		want      string
	}{
		{0, nil, 0, "management level of the best contact: unknown, counts as no"},
		{0, []icp.Contact{unknown}, 0, "management level of the best contact: unknown, counts as no"},
		{0, []icp.Contact{clerk, vp, chief}, 20, "management level of the best contact: c-level"},
		{0, []icp.Contact{vp, unknown, clerk}, 7, "management level of the best contact: VP, partial credit"},
		{0, []icp.Contact{clerk}, 0, "management level of the best contact: staff, not c-level"},
		{1, nil, 0, "department of the buying committee: unknown, counts as no"},
		{1, []icp.Contact{clerk}, 0, "department of the buying committee: 1 of 1 match, fewer than 2"},
		{1, []icp.Contact{clerk, chief}, 10, "department of the buying committee: 2 of 2 match, at least 2"},
		{1, []icp.Contact{clerk, vp, unknown}, 4, "department of the buying committee: 2 of 2 match, at least 2, partial credit"},
		{1, []icp.Contact{vp, person("7", "vp", "marketing"), person("8", "vp", "legal")}, 4, "department of the buying committee: 2 of 3 match, at least 2, partial credit"},
		{2, nil, 0, "budget authority of the best contact: unknown, -5 to 0 points open"},
		{2, []icp.Contact{poor}, -5, "budget authority of the best contact: no"},
		{2, []icp.Contact{poor, rich}, 0, "budget authority of the best contact: yes"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			s := m.Rate(icp.Subject{Facts: facts(map[account.Field]any{account.ManagementLevel: "c-level"}), Contacts: tt.give}, now)
			require.Equal(t, tt.want, s.Criteria[tt.criterion].Reason)
			require.Equal(t, tt.points, s.Criteria[tt.criterion].Points)
			slices.Reverse(tt.give)
			require.Equal(t, s, m.Rate(icp.Subject{Facts: facts(map[account.Field]any{account.ManagementLevel: "c-level"}), Contacts: tt.give}, now),
				"the order of contacts does not matter")
		})
	}
}

func TestOfTheFirstOfEqualContacts(t *testing.T) {
	t.Parallel()
	m := parse(t, committees)
	a := icp.Contact{ID: "a", Facts: facts(map[account.Field]any{account.ManagementLevel: "vp"})}
	b := icp.Contact{ID: "b", Facts: facts(map[account.Field]any{account.ManagementLevel: "director"})}
	for _, contacts := range [][]icp.Contact{{a, b}, {b, a}} {
		require.Equal(t, "vp", m.Rate(icp.Subject{Contacts: contacts}, now).Criteria[0].Input.Text())
	}
}

func TestOfMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, new, want string }{
		{"somebody else's field", "of: buying_committee", "of: board", `8:63: criteria[1].of: "board": want best_contact or buying_committee`},
		{"a committee without a number", "contacts: 2, ", "", "8:5: criteria[1]: missing key contacts"},
		{"a committee of one", "contacts: 2", "contacts: 1", "8:91: criteria[1].contacts: 1 is outside 2 to 100"},
		{"a number for the best contact", "any_of: [c-level]", "contacts: 2, any_of: [c-level]", "7:80: criteria[0].contacts: only a buying committee has a number of contacts"},
		{"a number for nobody", "of: buying_committee, ", "", "8:59: criteria[1].contacts: only a buying committee has a number of contacts"},
		{"a field of companies", "field: department", "field: industry", `8:47: criteria[1].field: "industry" is no field of contacts; these are budget_authority, department, job_title, management_level`},
		{"a misspelt field", "field: department", "field: departement", `8:47: criteria[1].field: "departement" is no field of contacts (did you mean department?); these are budget_authority, department, job_title, management_level`},
		{"a model of contacts", "required: [industry]", "required: [industry]\nsubject: contact", "8:62: criteria[0].of: a model of contacts looks at the contact's own fields"},
		{"a half-life of what does not age", "any_of: [c-level]", "half_life: 5d, any_of: [c-level]", "7:80: criteria[0].half_life: only signals and dates age; management_level is a text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(committees, tt.old), "the text to replace is not there once")
			_, err := icp.Parse("m", []byte(strings.Replace(committees, tt.old, tt.new, 1)))
			require.ErrorContains(t, err, "m:"+tt.want)
		})
	}
}

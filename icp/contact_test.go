package icp_test

import (
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

package icp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// declaring has a field of each type, and a criterion on each.
const declaring = `
name: declaring
version: 1
owner: a
fields:
  pain: {type: text, property: main_pain__c}
  seats: {type: number}
  partner: {type: boolean}
  regulations: {type: list}
  renewal: {type: date}
required: [seats, industry]
criteria:
  - {name: pain, dimension: needs, field: pain, any_of: ["Tele, \"phone\"", "Forgot: it", "café ☕ # 1", "7", "yes"], points: 1}
  - {name: seats, dimension: needs, field: seats, between: [10, 20.5], points: 2}
  - {name: partner, dimension: needs, field: partner, equals: true, points: 4}
  - {name: regulations, dimension: needs, field: regulations, contains_any: [gdpr], points: 8}
  - {name: renewal, dimension: needs, field: renewal, within: 30d, points: 16}
tiers: [{name: All, min: 0, queue: all}]
`

func TestDeclaredFields(t *testing.T) {
	t.Parallel()
	m := parse(t, declaring)
	require.Equal(t, []icp.Declared{
		{Name: "pain", Kind: account.TextKind, Property: "main_pain__c"},
		{Name: "partner", Kind: account.BoolKind, Property: "partner"},
		{Name: "regulations", Kind: account.ListKind, Property: "regulations"},
		{Name: "renewal", Kind: account.DateKind, Property: "renewal"},
		{Name: "seats", Kind: account.NumberKind, Property: "seats"},
	}, m.Fields)
	require.Equal(t, []account.Field{"seats", account.Industry}, m.Required)
	require.Equal(t, icp.Widen, m.Criteria[1].Unknown, "required, so it widens")
	for field, want := range map[account.Field]account.Kind{"seats": account.NumberKind, account.Employees: account.NumberKind, "shoe_size": account.NoKind} {
		kind, known := m.Kind(field)
		require.Equal(t, want, kind)
		require.Equal(t, want != account.NoKind, known)
	}
}

func TestDeclaredFieldsAreRated(t *testing.T) {
	t.Parallel()
	m := parse(t, declaring)
	tests := []struct {
		field account.Field
		give  account.Value
		want  int
	}{
		{"pain", account.TextValue(`TELE, "phone"`), 1},
		{"pain", account.TextValue("Forgot: it"), 1},
		{"pain", account.TextValue("CAFÉ ☕ # 1"), 1},
		{"pain", account.TextValue("7"), 1},
		{"pain", account.TextValue("yes"), 1},
		{"pain", account.NumberValue(7), 0},
		{"pain", account.BoolValue(true), 0},
		{"pain", account.ListValue("7"), 0},
		{"seats", account.NumberValue(10), 2},
		{"seats", account.NumberValue(20.5), 2},
		{"seats", account.NumberValue(20.6), 0},
		{"seats", account.TextValue("15"), 0},
		{"partner", account.BoolValue(true), 4},
		{"partner", account.NumberValue(1), 0},
		{"regulations", account.ListValue("GDPR", "hipaa"), 8},
		{"regulations", account.TextValue("gdpr"), 8},
		{"regulations", account.NumberValue(3), 0},
		{"renewal", account.DateValue(now), 16},
		{"renewal", account.TextValue("2026-11-20"), 16},
		{"renewal", account.TextValue("soon"), 0},
		{"renewal", account.NumberValue(45000), 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.field, " ", tt.give), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, icp.Rate(m, account.Facts{tt.field: {Value: tt.give}}, nil, now).Value)
		})
	}
}

func TestFieldMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, new, want string }{
		{"a list of fields", declaring[strings.Index(declaring, "fields:"):strings.Index(declaring, "required:")], "fields: [seats]\n", "5:9: fields: want a mapping, have a list"},
		{"a field without a type", "seats: {type: number}", "seats: {}", "7:10: fields.seats: missing key type"},
		{"a field that is its type", "seats: {type: number}", "seats: number", `7:10: fields.seats: want a mapping, have the text "number"`},
		{"an unknown type", "{type: number}", "{type: int}", `7:17: fields.seats.type: "int": want text or number or boolean or list or date`},
		{"a misspelt type", "{type: number}", "{type: numer}", `7:17: fields.seats.type: "numer": want text or number or boolean or list or date (did you mean number?)`},
		{"a misspelt key", "property: main_pain__c", "propety: main_pain__c", "6:22: fields.pain.propety: unknown key (did you mean property?)"},
		{"an empty property", "property: main_pain__c", `property: ""`, "6:32: fields.pain.property: must not be empty"},
		{"a name in capitals", "  pain: {type: text,", "  Pain: {type: text,", `6:3: fields.Pain: "Pain": want lower-case letters, digits, - and _, at most 64`},
		{"a field that is built in", "  partner: {", "  employees: {", "8:3: fields.employees: employees is a field already; use it as it is, or give this one another name"},
		{"a name that accounts use otherwise", "  partner: {", "  signals: {", "8:3: fields.signals: signals is no name for a field: it is what accounts call something else"},
		{"a field twice", "  partner: {", "  seats: {", "8:3: fields.seats: the key stands here twice; the first is in line 7"},
		{"an unknown field near a declared one", "[seats, industry]", "[seat, industry]", `11:12: required[0]: unknown field "seat" (did you mean seats?); any other than Sluice's own is declared under fields`},
		{"a matcher that does not suit", "between: [10, 20.5]", "any_of: [a]", "14:59: criteria[1].any_of: does not fit seats (number); use between or at_least or at_most or equals"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(declaring, tt.old), "the text to replace is not there once")
			_, err := icp.Parse("m", []byte(strings.Replace(declaring, tt.old, tt.new, 1)))
			require.ErrorContains(t, err, "m:"+tt.want)
		})
	}
}

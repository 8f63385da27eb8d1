package account_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
)

func TestValuesAreWrittenAndReadAsTheyAre(t *testing.T) {
	t.Parallel()
	eastern := time.FixedZone("EST", -5*60*60)
	tests := []struct {
		name string
		give account.Value
		kind account.Kind
		json string
		text string // for people
	}{
		{"nothing", account.Value{}, account.NoKind, `null`, ""},
		{"a text", account.TextValue("saas"), account.TextKind, `"saas"`, "saas"},
		{"an empty text", account.TextValue(""), account.TextKind, `""`, ""},
		{"a number", account.NumberValue(1200), account.NumberKind, `1200`, "1200"},
		{"zero", account.NumberValue(0), account.NumberKind, `0`, "0"},
		{"yes", account.BoolValue(true), account.BoolKind, `true`, "true"},
		{"no", account.BoolValue(false), account.BoolKind, `false`, "false"},
		{"a list, sorted, each once", account.ListValue("b", "a", "", "b"), account.ListKind, `["a","b"]`, "a, b"},
		{"an empty list", account.ListValue(), account.ListKind, `[]`, ""},
		{"the day of a moment elsewhere", account.DateValue(time.Date(2026, 11, 20, 22, 0, 0, 0, eastern)), account.DateKind, `"2026-11-21"`, "2026-11-21"},
		{"a day before 1970", account.DateValue(time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)), account.DateKind, `"1969-12-31"`, "1969-12-31"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.kind, tt.give.Kind())
			require.Equal(t, tt.text, tt.give.String())
			written, err := json.Marshal(tt.give)
			require.NoError(t, err)
			require.JSONEq(t, tt.json, string(written))
			var read account.Value
			require.NoError(t, json.Unmarshal(written, &read))
			read, err = read.As(tt.kind)
			require.NoError(t, err)
			require.True(t, read.Equal(tt.give))
		})
	}
}

func TestValuesOfOtherKindsAreEmpty(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	all := []account.Value{
		{}, account.TextValue("x"), account.NumberValue(7), account.BoolValue(true), account.ListValue("x"), account.DateValue(day.Add(time.Hour)),
	}
	for i, v := range all {
		for j, w := range all {
			require.Equal(t, i == j, v.Equal(w), "%v and %v", v, w)
		}
		require.Equal(t, map[account.Kind]string{account.TextKind: "x", account.DateKind: "2026-11-20"}[v.Kind()], v.Text())
		require.InDelta(t, map[account.Kind]float64{account.NumberKind: 7}[v.Kind()], v.Number(), 0)
		require.Equal(t, v.Kind() == account.BoolKind, v.Bool())
		require.Equal(t, map[account.Kind][]string{account.ListKind: {"x"}}[v.Kind()], v.List())
		require.Equal(t, map[account.Kind]time.Time{account.DateKind: day}[v.Kind()], v.Date())
	}
}

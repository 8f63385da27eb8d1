package crm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
)

func TestReadValue(t *testing.T) {
	t.Parallel()
	day := account.DateValue(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	for _, tt := range []struct {
		name string
		kind account.Kind
		text string
		want account.Value // zero: nothing is known
	}{
		{"text", account.TextKind, " Berlin ", account.TextValue("Berlin")},
		{"empty text", account.TextKind, "  ", account.Value{}},
		{"number", account.NumberKind, "120", account.NumberValue(120)},
		{"fraction", account.NumberKind, "-1.5e3", account.NumberValue(-1500)},
		{"zero is known", account.NumberKind, "0", account.NumberValue(0)},
		{"no number", account.NumberKind, "many", account.Value{}},
		{"not a number", account.NumberKind, "NaN", account.Value{}},
		{"infinite", account.NumberKind, "1e999", account.Value{}},
		{"yes", account.BoolKind, "Yes", account.BoolValue(true)},
		{"no is known", account.BoolKind, "false", account.BoolValue(false)},
		{"perhaps", account.BoolKind, "perhaps", account.Value{}},
		{"list", account.ListKind, "b; a;;b", account.ListValue("a", "b")},
		{"empty list", account.ListKind, " ; ", account.Value{}},
		{"day", account.DateKind, "2026-11-20", day},
		{"time", account.DateKind, "2026-11-20T23:30:00.5Z", day},
		{"milliseconds", account.DateKind, "1795132800000", day},
		{"milliseconds of nowhere", account.DateKind, "99999999999999999", account.Value{}},
		{"no date", account.DateKind, "soon", account.Value{}},
		{"no kind", account.NoKind, "x", account.Value{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := crm.ReadValue(tt.kind, tt.text)
			require.Equal(t, !tt.want.IsZero(), ok)
			if ok {
				require.True(t, tt.want.Equal(got), "%v", got)
			}
		})
	}
}

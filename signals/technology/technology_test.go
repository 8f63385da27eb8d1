package technology_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/technology"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// seen is what a vendor said so many days ago.
func seen(daysAgo int, vendor string, names ...string) account.Facts {
	return account.Facts{account.Technologies: {
		Field: account.Technologies, Value: account.ListValue(names...), Provider: vendor, Confidence: 0.85,
		ObservedAt: now.Add(-time.Duration(daysAgo) * day),
	}}
}

func rules() *icp.SignalRules {
	return &icp.SignalRules{Competitors: []string{"marketo", "pardot"}, Complements: []string{"segment", "snowflake"}}
}

func look(t *testing.T, facts account.Facts, before json.RawMessage) signals.Sight {
	t.Helper()
	return lookFor(t, facts, before, rules())
}

func lookFor(t *testing.T, facts account.Facts, before json.RawMessage, rules *icp.SignalRules) signals.Sight {
	t.Helper()
	source, err := technology.New(signals.Config{})
	require.NoError(t, err)
	got, err := source.Look(t.Context(), signals.Look{Facts: facts, Rules: rules, Before: before, Now: now, Since: now.Add(-30 * day)})
	require.NoError(t, err)
	return got
}

func told(s signals.Sight) []string {
	var out []string
	for _, e := range s.Events {
		out = append(out, e.Kind+" "+e.Entity+": "+e.Summary)
	}
	return out
}

func TestLook(t *testing.T) {
	t.Parallel()
	const change = "technology_change "
	before := seen(9, "builtwith", "marketo", "hubspot")
	tests := []struct {
		name         string
		before, give account.Facts
		want         []string
	}{
		{"nothing has changed", before, seen(2, "builtwith", "marketo", "hubspot"), nil},
		{"a competitor is gone", before, seen(2, "builtwith", "hubspot"), []string{change + "dropped:marketo: dropped marketo (competitor)"}},
		{"a competitor is there", before, seen(2, "builtwith", "marketo", "pardot"), []string{change + "added:pardot: added pardot (competitor)"}},
		{"a complement is there", before, seen(2, "builtwith", "marketo", "segment"), []string{change + "added:segment: added segment (complement)"}},
		{"one for the other", before, seen(2, "builtwith", "pardot"), []string{change + "dropped:marketo: dropped marketo (competitor)", change + "added:pardot: added pardot (competitor)"}},
		{"a complement is gone", seen(9, "builtwith", "segment", "aws"), seen(2, "builtwith", "aws"), nil},
		{"what the model does not watch", before, seen(2, "builtwith", "marketo", "zendesk"), nil},
		{"the list became empty", before, seen(2, "builtwith"), nil},
		{"the list is not known any more", before, account.Facts{}, nil},
		{"the same observation", before, seen(9, "builtwith", "segment"), nil},
		{"an older observation", before, seen(12, "builtwith", "segment"), nil},
		{"another vendor sees other things", before, seen(2, "website", "segment"), nil},
		{"first sight", nil, seen(2, "builtwith", "marketo", "segment"), nil},
		{"first sight of nothing", nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var last signals.Sight
			if tt.before != nil {
				last = look(t, tt.before, nil)
				require.Empty(t, last.Events, "first sight")
			}
			got := look(t, tt.give, last.Remember)
			require.Equal(t, tt.want, told(got))
			if got.Remember == nil {
				got.Remember = last.Remember
			}
			require.Empty(t, look(t, tt.give, got.Remember).Events, "the same again")
		})
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	last := look(t, seen(9, "builtwith", "marketo"), nil)
	got := look(t, seen(2, "builtwith", "segment"), last.Remember)
	require.Len(t, got.Events, 2)
	added := got.Events[1]
	require.InDelta(t, 0.85, added.Confidence, 1e-9)
	require.Less(t, got.Events[0].Confidence, added.Confidence, "absence proves less")
	require.Equal(t, now.Add(-2*day), added.OccurredAt)
	require.Equal(t, []signals.Evidence{{Source: "builtwith", Title: "technologies in use", At: now.Add(-2 * day)}}, added.Evidence)
}

// TestLostList holds that what a vendor lost for a while is compared with what was
// there before it did.
func TestLostList(t *testing.T) {
	t.Parallel()
	last := look(t, seen(9, "builtwith", "marketo"), nil)
	require.Nil(t, look(t, seen(5, "builtwith"), last.Remember).Remember, "keeps what is remembered")
	require.Equal(t, []string{"technology_change dropped:marketo: dropped marketo (competitor)"}, told(look(t, seen(2, "builtwith", "aws"), last.Remember)))
}

// TestNewRules holds that a technology is no news only because the model now asks for it.
func TestNewRules(t *testing.T) {
	t.Parallel()
	last := look(t, seen(9, "builtwith", "marketo", "dbt"), nil)
	more := rules()
	more.Complements = append(more.Complements, "dbt")
	got := lookFor(t, seen(2, "builtwith", "marketo", "dbt"), last.Remember, more)
	require.Empty(t, got.Events)
	require.JSONEq(t, `{"at": "2026-11-18T12:00:00Z", "provider": "builtwith",
		"had": {"marketo": true, "pardot": false, "segment": false, "snowflake": false, "dbt": true}}`, string(got.Remember))
}

func TestStrangeMemory(t *testing.T) {
	t.Parallel()
	for _, before := range []string{`{}`, `null`, `[]`, `7`, `"x"`, `{`, `{"at": "2026-01-01T00:00:00Z"}`, `{"at": 7, "had": 8}`, `{"had": {"segment": false}}`} {
		require.Empty(t, look(t, seen(2, "builtwith", "segment"), json.RawMessage(before)).Events, before)
	}
}

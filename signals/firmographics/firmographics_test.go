package firmographics_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/firmographics"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// company is what is known of it on the day of a look.
type company map[account.Field]account.Value

func number(n float64) account.Value { return account.NumberValue(n) }
func text(s string) account.Value    { return account.TextValue(s) }
func yes(is bool) account.Value      { return account.BoolValue(is) }

func (c company) facts(at time.Time, change func(*account.Fact)) account.Facts {
	facts := account.Facts{}
	for field, value := range c {
		f := account.Fact{Field: field, Value: value, Provider: "apollo", Confidence: 0.85, ObservedAt: at}
		if change != nil {
			change(&f)
		}
		facts[field] = f
	}
	return facts
}

func look(t *testing.T, domain string, facts account.Facts, before json.RawMessage) signals.Sight {
	t.Helper()
	source, err := firmographics.New(signals.Config{})
	require.NoError(t, err)
	got, err := source.Look(t.Context(), signals.Look{
		Account: account.Account{ID: 1, Domain: domain}, Facts: facts, Rules: &icp.SignalRules{Headcount: 0.2},
		Before: before, Now: now, Since: now.Add(-30 * day),
	})
	require.NoError(t, err)
	return got
}

func told(s signals.Sight) []string {
	var out []string
	for _, e := range s.Events {
		line := e.Kind + " " + e.Entity + ": " + e.Summary
		if e.Stop {
			line += " (stop)"
		}
		out = append(out, line)
	}
	return out
}

func TestLook(t *testing.T) {
	t.Parallel()
	home := company{account.City: text("Leeds"), account.Country: text("GB")}
	staff := func(n float64) company { return company{account.Employees: number(n)} }
	status := func(s string) company { return company{account.CompanyStatus: text(s)} }
	other := func(f *account.Fact) { f.Provider = "hunter" }
	tests := []struct {
		name         string
		before, give company
		change       func(*account.Fact) // of what is given
		want         []string
	}{
		{name: "nothing has changed", before: staff(50), give: staff(50)},
		{name: "grown by 20 %", before: staff(50), give: staff(60), want: []string{"headcount_change up:60: grew from 50 to 60 employees (+20 %)"}},
		{name: "grown by 30 %", before: staff(50), give: staff(65), want: []string{"headcount_change up:65: grew from 50 to 65 employees (+30 %)"}},
		{name: "grown by less", before: staff(50), give: staff(59)},
		{name: "shrunk by 20 %", before: staff(50), give: staff(40), want: []string{"headcount_change down:40: shrank from 50 to 40 employees (-20 %)"}},
		{name: "shrunk by less", before: staff(50), give: staff(41)},
		{name: "head count no longer known", before: staff(50), give: company{}},
		{name: "head count of none", before: staff(50), give: staff(0)},
		{name: "head count known at last", before: company{}, give: staff(50)},
		{name: "another provider counts otherwise", before: staff(50), give: staff(90), change: other},
		{name: "the middle of a band is no count", before: staff(50), give: staff(90), change: func(f *account.Fact) { f.Derived = true }},
		{name: "the same observation", before: staff(50), give: staff(90), change: func(f *account.Fact) { f.ObservedAt = now.Add(-9 * day) }},
		{name: "an older observation", before: staff(50), give: staff(90), change: func(f *account.Fact) { f.ObservedAt = now.Add(-20 * day) }},

		{
			name: "moved within the country", before: home, give: company{account.City: text("York"), account.Country: text("GB")},
			want: []string{"expansion moved:york: moved from Leeds, GB to York, GB"},
		},
		{
			name: "moved abroad", before: home, give: company{account.City: text("São Paulo"), account.Country: text("BR")},
			want: []string{"expansion moved:são paulo: moved from Leeds, GB to São Paulo, BR"},
		},
		{
			name: "moved to a town of the same name", before: home, give: company{account.City: text("Leeds"), account.Country: text("US")},
			want: []string{"expansion moved:leeds: moved from Leeds, GB to Leeds, US"},
		},
		{
			name: "moved to another country", before: company{account.Country: text("GB")}, give: company{account.Country: text("US")},
			want: []string{"expansion moved:us: moved from GB to US"},
		},
		{name: "spelt otherwise", before: home, give: company{account.City: text(" LEEDS"), account.Country: text("gb")}},
		{name: "city known at last", before: company{account.Country: text("GB")}, give: home},
		{name: "city no longer known", before: home, give: company{account.Country: text("GB")}},
		{name: "another provider names another place", before: home, give: company{account.City: text("York"), account.Country: text("GB")}, change: other},

		{name: "closed", before: status("active"), give: status("closed"), want: []string{"company_closed closed: has closed (stop)"}},
		{name: "acquired", before: status("active"), give: status("acquired"), want: []string{"company_acquired acquired: was acquired (stop)"}},
		{name: "closed, says who said nothing before", before: company{}, give: status("Closed"), change: other, want: []string{"company_closed closed: has closed (stop)"}},
		{name: "closed since long", before: status("closed"), give: status("closed")},
		{name: "open again", before: status("closed"), give: status("active")},
		{name: "a status of its own", before: status("active"), give: status("operating")},

		{name: "hiring", before: company{account.IsHiring: yes(false)}, give: company{account.IsHiring: yes(true)}, want: []string{"hiring hiring: has begun to hire"}},
		{name: "no longer hiring", before: company{account.IsHiring: yes(true)}, give: company{account.IsHiring: yes(false)}},
		{name: "hiring since long", before: company{account.IsHiring: yes(true)}, give: company{account.IsHiring: yes(true)}},
		{name: "hiring, known at last", before: company{}, give: company{account.IsHiring: yes(true)}},

		{name: "a value of another kind", before: staff(50), give: company{account.Employees: text("ninety")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := look(t, "acme.example", tt.before.facts(now.Add(-9*day), nil), nil)
			require.Empty(t, first.Events, "first sight")
			facts := tt.give.facts(now.Add(-2*day), tt.change)
			got := look(t, "acme.example", facts, first.Remember)
			require.Equal(t, tt.want, told(got))
			require.Empty(t, look(t, "acme.example", facts, got.Remember).Events, "the same again")
		})
	}
}

// TestDrift holds that growth is news once it adds up, and is then measured anew.
func TestDrift(t *testing.T) {
	t.Parallel()
	counts := []float64{100, 105, 110, 115, 121, 125, 130, 145, 146}
	var got []string
	var before json.RawMessage
	for i, n := range counts {
		at := now.Add(-time.Duration(len(counts)-i) * 30 * day)
		s := look(t, "acme.example", company{account.Employees: number(n)}.facts(at, nil), before)
		got, before = append(got, told(s)...), s.Remember
	}
	require.Equal(t, []string{
		"headcount_change up:121: grew from 100 to 121 employees (+21 %)",
		"headcount_change up:146: grew from 121 to 146 employees (+21 %)",
	}, got)
}

func TestDomain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, before, give string
		want               []string
	}{
		{"the same", "acme.example", "acme.example", nil},
		{"another", "acme.example", "acmerobotics.example", []string{"domain_change acmerobotics.example: changed its domain from acme.example to acmerobotics.example"}},
		{"known at last", "", "acme.example", nil},
		{"no longer known", "acme.example", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := look(t, tt.give, nil, look(t, tt.before, nil, nil).Remember)
			require.Equal(t, tt.want, told(got))
			require.Empty(t, look(t, tt.give, nil, got.Remember).Events, "the same again")
		})
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	staff := func(n float64, at time.Time) account.Facts {
		return company{account.Employees: number(n)}.facts(at, nil)
	}
	first := look(t, "", staff(50, now.Add(-9*day)), nil)
	require.Equal(t, []signals.Event{{
		Kind: signals.HeadcountChange, Entity: "up:65", OccurredAt: now.Add(-2 * day),
		Summary: "grew from 50 to 65 employees (+30 %)", Confidence: 0.85,
		Evidence: []signals.Evidence{{Source: "apollo", Title: "head count", At: now.Add(-2 * day)}},
	}}, look(t, "", staff(65, now.Add(-2*day)), first.Remember).Events)
}

func TestStrangeMemory(t *testing.T) {
	t.Parallel()
	facts := company{
		account.Employees: number(50), account.City: text("Leeds"), account.CompanyStatus: text("closed"), account.IsHiring: yes(true),
	}.facts(now.Add(-2*day), nil)
	for _, before := range []string{
		`{}`, `null`, `[]`, `7`, `"x"`, `{`, `{"facts": null}`, `{"facts": {"employees": 7}}`,
		`{"facts": {"employees": {"value": "many"}, "city": {"value": 7}, "is_hiring": {"value": [false]}}}`,
	} {
		got := look(t, "acme.example", facts, json.RawMessage(before))
		require.Empty(t, got.Events, before)
		require.Equal(t, string(look(t, "acme.example", facts, nil).Remember), string(got.Remember), before)
	}
}

package waterfall_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/waterfall"
)

var now = time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)

func says(provider string, field account.Field, v account.Value, confidence float64) account.Fact {
	return account.Fact{Field: field, Value: v, Provider: provider, Confidence: confidence, ObservedAt: now}
}

func industry(provider, word string, confidence float64) account.Fact {
	return says(provider, account.Industry, account.TextValue(word), confidence)
}

func employees(provider string, n, confidence float64) account.Fact {
	return says(provider, account.Employees, account.NumberValue(n), confidence)
}

func technologies(provider string, confidence float64, words ...string) account.Fact {
	return says(provider, account.Technologies, account.ListValue(words...), confidence)
}

func derived(f account.Fact) account.Fact {
	f.Derived = true
	return f
}

// merged merges facts of one field. Without a plan, all of them count.
func merged(facts ...account.Fact) waterfall.Merged {
	return waterfall.Plan{}.Resolve(facts).Merged[facts[0].Field]
}

// line writes a merged fact as the tables below have it.
func line(m waterfall.Merged) string {
	against := make([]string, len(m.Conflicts))
	for i, c := range m.Conflicts {
		against[i] = c.Provider + " " + c.Value.String()
	}
	return fmt.Sprintf("%s by %s, %.4g; with [%s]; against [%s]",
		m.Value, m.Provider, m.Confidence, strings.Join(m.Agreed, ", "), strings.Join(against, ", "))
}

func TestMerge(t *testing.T) {
	t.Parallel()
	funding := func(provider string, day int) account.Fact {
		return says(provider, account.LastFundingAt, account.DateValue(now.AddDate(0, 0, day)), 0.6)
	}
	churned := func(provider string, yes bool) account.Fact {
		return says(provider, account.PreviouslyChurned, account.BoolValue(yes), 0.6)
	}
	tests := []struct {
		name, want string
		give       []account.Fact
	}{
		{
			name: "a single fact stays as it is",
			give: []account.Fact{industry("apollo", "saas", 0.7)},
			want: "saas by apollo, 0.7; with []; against []",
		},
		{
			name: "the surest wins, though it comes later",
			give: []account.Fact{industry("apollo", "retail", 0.7), industry("pdl", "saas", 0.8)},
			want: "saas by pdl, 0.8; with []; against [apollo retail]",
		},
		{
			name: "the surest wins where it comes first",
			give: []account.Fact{industry("apollo", "retail", 0.8), industry("pdl", "saas", 0.7)},
			want: "retail by apollo, 0.8; with []; against [pdl saas]",
		},
		{
			name: "of two equally sure the earlier wins",
			give: []account.Fact{industry("apollo", "retail", 0.8), industry("pdl", "saas", 0.8)},
			want: "retail by apollo, 0.8; with []; against [pdl saas]",
		},
		{
			name: "two bands of 0.6 agree to 0.84",
			give: []account.Fact{employees("apollo", 125, 0.6), employees("pdl", 125, 0.6)},
			want: "125 by apollo, 0.84; with [pdl]; against []",
		},
		{
			name: "each further witness raises it",
			give: []account.Fact{employees("apollo", 125, 0.6), employees("pdl", 125, 0.6), employees("hunter", 125, 0.6)},
			want: "125 by apollo, 0.936; with [pdl, hunter]; against []",
		},
		{
			name: "of those that agree the surest speaks",
			give: []account.Fact{employees("apollo", 100, 0.6), employees("pdl", 110, 0.7)},
			want: "110 by pdl, 0.88; with [apollo]; against []",
		},
		{
			name: "agreement does not go beyond 0.99",
			give: []account.Fact{industry("apollo", "saas", 0.95), industry("pdl", "saas", 0.95)},
			want: "saas by apollo, 0.99; with [pdl]; against []",
		},
		{
			name: "agreement does not lower what is certain",
			give: []account.Fact{industry("person", "saas", 1), industry("pdl", "saas", 0.6)},
			want: "saas by person, 1; with [pdl]; against []",
		},
		{
			name: "a witness without confidence changes nothing",
			give: []account.Fact{industry("apollo", "saas", 0.7), industry("pdl", "saas", 0)},
			want: "saas by apollo, 0.7; with [pdl]; against []",
		},
		{
			name: "facts without any confidence still make one",
			give: []account.Fact{industry("apollo", "saas", 0), industry("pdl", "retail", 0)},
			want: "saas by apollo, 0; with []; against [pdl retail]",
		},
		{
			name: "a conflict keeps the better and both others",
			give: []account.Fact{industry("apollo", "retail", 0.6), industry("pdl", "saas", 0.9), industry("hunter", "banking", 0.7)},
			want: "saas by pdl, 0.9; with []; against [apollo retail, hunter banking]",
		},
		{
			name: "agreement and conflict are told apart",
			give: []account.Fact{industry("apollo", "saas", 0.7), industry("pdl", "retail", 0.6), industry("hunter", "saas", 0.6)},
			want: "saas by apollo, 0.88; with [hunter]; against [pdl retail]",
		},
		{
			name: "two that agree outweigh a surer one alone",
			give: []account.Fact{industry("apollo", "saas", 0.6), industry("pdl", "saas", 0.6), industry("hunter", "retail", 0.8)},
			want: "saas by apollo, 0.84; with [pdl]; against [hunter retail]",
		},
		{
			name: "two that agree yield to one that is surer than both together",
			give: []account.Fact{industry("apollo", "saas", 0.5), industry("pdl", "saas", 0.5), industry("hunter", "retail", 0.8)},
			want: "retail by hunter, 0.8; with []; against [apollo saas, pdl saas]",
		},
		{
			name: "numbers 15 % apart agree",
			give: []account.Fact{employees("apollo", 100, 0.6), employees("pdl", 85, 0.6)},
			want: "100 by apollo, 0.84; with [pdl]; against []",
		},
		{
			name: "numbers further apart do not",
			give: []account.Fact{employees("apollo", 100, 0.6), employees("pdl", 84.9, 0.6)},
			want: "100 by apollo, 0.6; with []; against [pdl 84.9]",
		},
		{
			name: "15 % are of the larger number, whichever wins",
			give: []account.Fact{employees("apollo", 85, 0.6), employees("pdl", 100, 0.6)},
			want: "85 by apollo, 0.84; with [pdl]; against []",
		},
		{
			name: "numbers further apart do not agree the other way round either",
			give: []account.Fact{employees("apollo", 84.9, 0.6), employees("pdl", 100, 0.6)},
			want: "84.9 by apollo, 0.6; with []; against [pdl 100]",
		},
		{
			name: "the number between two that are too far apart has both as witnesses",
			give: []account.Fact{employees("apollo", 100, 0.6), employees("pdl", 112, 0.6), employees("hunter", 125, 0.6)},
			want: "112 by pdl, 0.936; with [apollo, hunter]; against []",
		},
		{
			name: "two zeros agree",
			give: []account.Fact{employees("apollo", 0, 0.6), employees("pdl", 0, 0.6)},
			want: "0 by apollo, 0.84; with [pdl]; against []",
		},
		{
			name: "nothing but zero is close to zero",
			give: []account.Fact{employees("apollo", 0, 0.6), employees("pdl", 1, 0.6)},
			want: "0 by apollo, 0.6; with []; against [pdl 1]",
		},
		{
			name: "numbers of opposite sign conflict",
			give: []account.Fact{employees("apollo", 100, 0.6), employees("pdl", -100, 0.6)},
			want: "100 by apollo, 0.6; with []; against [pdl -100]",
		},
		{
			name: "texts agree only where they are the same",
			give: []account.Fact{industry("apollo", "saas", 0.6), industry("pdl", "SaaS", 0.6)},
			want: "saas by apollo, 0.6; with []; against [pdl SaaS]",
		},
		{
			name: "a text is no number",
			give: []account.Fact{employees("apollo", 5, 0.6), says("pdl", account.Employees, account.TextValue("5"), 0.6)},
			want: "5 by apollo, 0.6; with []; against [pdl 5]",
		},
		{
			name: "the same day agrees",
			give: []account.Fact{funding("apollo", 0), funding("pdl", 0)},
			want: "2026-12-01 by apollo, 0.84; with [pdl]; against []",
		},
		{
			name: "the next day does not",
			give: []account.Fact{funding("apollo", 0), funding("pdl", 1)},
			want: "2026-12-01 by apollo, 0.6; with []; against [pdl 2026-12-02]",
		},
		{
			name: "no agrees with no",
			give: []account.Fact{churned("hubspot", false), churned("person", false)},
			want: "false by hubspot, 0.84; with [person]; against []",
		},
		{
			name: "no conflicts with yes",
			give: []account.Fact{churned("hubspot", false), churned("person", true)},
			want: "false by hubspot, 0.6; with []; against [person true]",
		},
		{
			name: "lists are united under the surest, with the others named",
			give: []account.Fact{
				technologies("apollo", 0.75, "react", "hubspot"), technologies("builtwith", 0.85, "hubspot", "aws"), technologies("website", 0.8, "stripe"),
			},
			want: "aws, hubspot, react, stripe by builtwith, 0.85; with [apollo, website]; against []",
		},
		{
			name: "lists that are the same grow no surer",
			give: []account.Fact{technologies("apollo", 0.75, "aws"), technologies("builtwith", 0.75, "aws")},
			want: "aws by apollo, 0.75; with [builtwith]; against []",
		},
		{
			name: "an empty list takes nothing away",
			give: []account.Fact{technologies("apollo", 0.75, "aws"), technologies("builtwith", 0.85)},
			want: "aws by builtwith, 0.85; with [apollo]; against []",
		},
		{
			name: "a text is not united with a list",
			give: []account.Fact{technologies("apollo", 0.75, "aws"), says("pdl", account.Technologies, account.TextValue("aws"), 0.7)},
			want: "aws by apollo, 0.75; with []; against [pdl aws]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, line(merged(tt.give...)))
		})
	}
}

func TestMergeKeepsTheWinnersDerivedFlag(t *testing.T) {
	t.Parallel()
	band, count := derived(employees("apollo", 125, 0.6)), employees("pdl", 120, 0.9)
	require.True(t, merged(band).Derived)
	require.True(t, merged(band, derived(employees("hunter", 125, 0.6))).Derived, "agreement states nothing")
	require.False(t, merged(band, count).Derived, "the count was stated")
	require.True(t, merged(derived(employees("apollo", 125, 0.95)), count).Derived, "the surest was worked out")
}

func TestMergeRecordsConflictsAsTheyWereStated(t *testing.T) {
	t.Parallel()
	band := derived(employees("apollo", 750, 0.6))
	band.ObservedAt = now.AddDate(-1, 0, 0)
	got := merged(band, employees("pdl", 120, 0.9))
	require.Equal(t, waterfall.Merged{Fact: employees("pdl", 120, 0.9), Conflicts: []account.Fact{band}}, got)
}

func TestMergeLeavesWhatItIsGivenAlone(t *testing.T) {
	t.Parallel()
	give := func() []account.Fact {
		return []account.Fact{
			technologies("apollo", 0.7, "react", "aws"), technologies("pdl", 0.8, "hubspot"),
			employees("apollo", 100, 0.6), employees("pdl", 110, 0.6),
		}
	}
	facts := give()
	waterfall.Plan{Sources: []waterfall.Source{{Provider: "pdl", Supplies: []account.Field{account.Employees}, Trust: 0.5}}}.Resolve(facts)
	require.Equal(t, give(), facts)
}

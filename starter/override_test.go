package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
)

func TestOverrideFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	full := overrideOptions{tier: "Tier 1", reason: "a pilot", by: "dana"}
	for name, tt := range map[string]struct {
		change func(*overrideOptions)
		says   string // "" for none
	}{
		"a tier":              {func(*overrideOptions) {}, ""},
		"a score of nothing":  {func(o *overrideOptions) { o.tier, o.scored = "", true }, ""},
		"taking it back":      {func(o *overrideOptions) { o.tier, o.clear = "", true }, ""},
		"a list":              {func(o *overrideOptions) { *o = overrideOptions{list: true} }, ""},
		"neither":             {func(o *overrideOptions) { o.tier = "" }, "give --score or --tier"},
		"both":                {func(o *overrideOptions) { o.scored = true }, "give --score or --tier"},
		"no reason":           {func(o *overrideOptions) { o.reason = " " }, "--reason"},
		"nobody":              {func(o *overrideOptions) { o.by = "" }, "--by"},
		"a decision, cleared": {func(o *overrideOptions) { o.clear = true }, "give --clear, or"},
		"a decision, listed":  {func(o *overrideOptions) { o.list = true }, "--list goes alone"},
		"cleared by nobody":   {func(o *overrideOptions) { o.tier, o.clear, o.by = "", true, "" }, "--by"},
	} {
		o := full
		tt.change(&o)
		err := o.check()
		if tt.says == "" {
			require.NoError(t, err, name)
			continue
		}
		var wrong *usageError
		require.ErrorAs(t, err, &wrong, name)
		require.ErrorContains(t, err, tt.says, name)
	}
}

func TestExceptionsStandAgainstTheirBudget(t *testing.T) {
	t.Parallel()
	for want, share := range map[string]store.Share{
		"below":  {Scored: 100, Overridden: 4, Exploration: 6, Together: 9},
		"within": {Scored: 100, Overridden: 4, Exploration: 11, Together: 15},
		"above":  {Scored: 100, Overridden: 10, Exploration: 6, Together: 16},
	} {
		e := exceptionsOf(nil, share)
		require.Equal(t, want, e.Share.Budget)
		require.InDelta(t, float64(share.Together)/100, e.Share.TogetherShare, 1e-9)
	}
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	e := exceptionsOf([]store.Exception{{
		Override: store.Override{
			ID: 12, Override: icp.Override{Tier: "Tier 1", Code: "strategic", ExpiresAt: at}, Reason: "a pilot", Author: "dana", State: store.ActiveOverride,
		},
		Account: account.Account{Domain: "acme.example"}, MachineTier: "Tier 2", MachineValue: 55, NowTier: "Tier 3", NowValue: 30,
	}}, store.Share{Scored: 10, Overridden: 1, Together: 1})
	var b strings.Builder
	printExceptions(&b, e)
	for _, part := range []string{
		"acme.example", "Tier 1", "Tier 2, 55", "Tier 3, 30", "strategic", "a pilot", "dana", "2026-11-22 09:30", "active",
		"Of 10 scored companies 1 (10.0 %) are overridden and 0 (0.0 %) explored: together 10.0 %, within the budget of 10 to 15 %.",
	} {
		require.Contains(t, b.String(), part)
	}
}

func TestShowTellsWhatCountsAndWhy(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	c := explain.Company{
		Domain: "acme.example", Tier: "Tier 1", Score: explain.Score{Value: 70}, Queue: "sdr-outreach", ScoredAt: at,
		Machine: &explain.Machine{Score: explain.Score{Value: 55, Fit: 40}, Tier: "Tier 2"}, TierReason: "stays in Tier 2, which is left below 35",
		Why: "override: override 12 to Tier 1", Overrides: []explain.Override{{
			ID: 12, Tier: "Tier 1", Code: "strategic", Reason: "a pilot", By: "dana", State: "ended", Ended: "cleared", EndedBy: "eve", EndedReason: "over", EndedAt: at,
		}},
		History: []explain.Past{
			{At: at, Value: 55, Tier: "Tier 2", Why: "first: score 55, Tier 2", Cause: "first"},
			{At: at, Value: 70, Tier: "Tier 1", Override: 12, Machine: &explain.Machine{Tier: "Tier 2", Score: explain.Score{Value: 55}}, Cause: "override"},
		},
	}
	var b strings.Builder
	showScore(&b, c)
	showHistory(&b, c)
	for _, part := range []string{
		"Tier 1, score 70", "By override 12 of dana (strategic), a pilot", "The model says: Tier 2, score 55, fit 40",
		"The account stays in Tier 2, which is left below 35", "Last change 2026-11-22 09:30: override: override 12 to Tier 1",
		"Decided by people", "cleared 2026-11-22 09:30 by eve: over", "History of the score", "first: score 55, Tier 2", "Tier 1 (model: Tier 2, 55)",
	} {
		require.Contains(t, b.String(), part)
	}
	b.Reset()
	printOverridden(&b, ingress.Overridden{ID: 12, State: store.ActiveOverride, Tier: "Tier 1", Value: 70, Queue: "sdr-outreach"})
	require.Contains(t, b.String(), "holds until it is taken back")
	require.Contains(t, b.String(), "The CRM does not have it yet")
}

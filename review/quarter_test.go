package review_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
)

// eventful is a world in which every part of a review has something to say.
var eventful = world{
	deals: 1500, seed: 3, dead: "industry", strong: map[string]float64{"industry": 1.6},
	trigger: map[string]float64{"funding": 2.3}, larger: map[string]float64{"hiring": 2}, base: -0.5, stuck: "DE", drifted: true,
}

func asJSON(t testing.TB, q *review.QuarterReview) string {
	b, err := json.Marshal(q)
	require.NoError(t, err)
	return string(b)
}

func TestReviewDoesNotDependOnTheOrderOfItsInput(t *testing.T) {
	t.Parallel()
	in := eventful.whole()
	want := asJSON(t, review.Quarter(in))
	require.Equal(t, want, asJSON(t, review.Quarter(eventful.whole())))
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(in.Deals), func(i, j int) { in.Deals[i], in.Deals[j] = in.Deals[j], in.Deals[i] })
	r.Shuffle(len(in.Prime), func(i, j int) { in.Prime[i], in.Prime[j] = in.Prime[j], in.Prime[i] })
	r.Shuffle(len(in.Providers), func(i, j int) { in.Providers[i], in.Providers[j] = in.Providers[j], in.Providers[i] })
	require.Equal(t, want, asJSON(t, review.Quarter(in)))
}

func TestDealCountsUnderTheTierThatItsAccountHadWhenItOpened(t *testing.T) {
	t.Parallel()
	day := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, time.UTC) }
	in := review.QuarterInput{Quarter: "2026Q3", From: from, To: to, At: to, Model: revopsM, Deals: []review.QuarterDeal{
		{ID: "1", Account: "a", OpenedAt: day(5, 2), ClosedAt: day(7, 2), Won: true, Amount: 100, Held: &review.Held{Model: "revops", Version: 1, Tier: "Tier 2"}},
		{ID: "2", Account: "a", OpenedAt: day(8, 2), ClosedAt: day(9, 2), Won: false, Held: &review.Held{Model: "revops", Version: 2, Tier: "Tier 1"}},
		{ID: "3", Account: "b", OpenedAt: day(6, 2), ClosedAt: day(9, 30), Won: true, Amount: 50},
		{ID: "4", Account: "c", OpenedAt: day(9, 2), Held: &review.Held{Model: "revops", Version: 2, Tier: "Tier 1"}},
		{ID: "5", Account: "d", OpenedAt: day(1, 2), ClosedAt: day(6, 30), Won: true, Amount: 7, Held: &review.Held{Model: "revops", Version: 1, Tier: "Tier 1"}}, // before the quarter
		{ID: "6", Account: "d", OpenedAt: day(8, 1), ClosedAt: day(8, 30), Won: true, Amount: 9, Kind: review.Renewal, Held: &review.Held{Model: "revops", Version: 2, Tier: "Tier 1"}},
		{ID: "7", Account: "e", OpenedAt: day(9, 1), ClosedAt: to, Won: true, Amount: 11, Held: &review.Held{Model: "revops", Version: 2, Tier: "Tier 1"}}, // after it
	}}
	q := review.Quarter(in)
	type line struct {
		model, tier         string
		opened, closed, won int
		revenue             float64
		n                   int
	}
	lines := func(all []review.TierFigures) (out []line) {
		for _, f := range all {
			if f.Opened+f.Closed > 0 {
				out = append(out, line{f.Model, f.Tier, f.Opened, f.Closed, f.Won, float64(f.Revenue), f.WinRate.N})
			}
		}
		return out
	}
	require.Equal(t, []line{{"", "Tier 1", 4, 2, 1, 9, 1}, {"", "Tier 2", 0, 1, 1, 100, 1}, {"", review.Unscored, 0, 1, 1, 50, 1}}, lines(q.Tiers))
	require.Equal(t, []line{{"revops@1", "Tier 2", 0, 1, 1, 100, 1}, {"revops@2", "Tier 1", 4, 2, 1, 9, 1}, {"", review.Unscored, 0, 1, 1, 50, 1}}, lines(q.Versions))
	require.Equal(t, 4, q.Totals.Opened)
	require.Equal(t, 4, q.Totals.Closed)
	require.Equal(t, 2, q.Totals.StillOpen, "the one that closed after the quarter was open when it ended")
	require.InDelta(t, 159, float64(q.Totals.Revenue), 0)
	require.InDelta(t, 150, float64(q.Totals.NewBusiness), 0)
	require.InDelta(t, 2.0/3, float64(q.Totals.WinRate.Value), 1e-9, "a renewal is no new business")
	require.InDelta(t, 61, float64(q.Tiers[1].Cycle.Median.Value), 0)
}

func TestReviewOfNothing(t *testing.T) {
	t.Parallel()
	for _, name := range icp.Shipped() {
		m := shippedModel(name)
		q := review.Quarter(review.QuarterInput{Quarter: "2026Q3", From: from, To: to, At: to, Model: m})
		require.Empty(t, q.Claims, name)
		require.Nil(t, q.Proposal, name)
		require.NotEmpty(t, q.Thin, name)
		for _, list := range []string{"claims", "versions", "providers", "list", "shared", "outcomes"} {
			require.Contains(t, asJSON(t, q), `"`+list+`":[]`, "a list without anything is a list")
		}
		var page bytes.Buffer
		require.NoError(t, q.WriteHTML(&page))
		require.Contains(t, page.String(), "What the data cannot say")
	}
}

// TestReviewByAnyModel: other scales, matrices and models of contacts come through.
func TestReviewByAnyModel(t *testing.T) {
	t.Parallel()
	for _, name := range icp.Shipped() {
		in := eventful.whole()
		in.Model = shippedModel(name)
		for i := range in.Deals {
			if h := in.Deals[i].Held; h != nil {
				own := *h
				own.Model = name
				in.Deals[i].Held = &own
			}
		}
		q := review.Quarter(in)
		require.NotEmpty(t, asJSON(t, q), name)
		var page bytes.Buffer
		require.NoError(t, q.WriteHTML(&page), name)
		if q.Proposal != nil {
			_, err := icp.Parse("draft.yaml", []byte(q.Proposal.Source))
			require.NoError(t, err, name)
		}
	}
}

func TestReviewInJSON(t *testing.T) {
	t.Parallel()
	q := review.Quarter(eventful.whole())
	text := asJSON(t, q)
	for _, key := range regexp.MustCompile(`"([^"\\]+)":`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(key[1], ": ") { // the model's own text
			require.Regexp(t, `^[a-z][a-z0-9_]*$`, key[1])
		}
	}
	require.Contains(t, text, `"low":null`)
	var back review.QuarterReview
	require.NoError(t, json.Unmarshal([]byte(text), &back))
	require.Equal(t, text, asJSON(t, &back), "what is null stays so")
	var page, again bytes.Buffer
	require.NoError(t, q.WriteHTML(&page))
	require.NoError(t, back.WriteHTML(&again))
	require.Equal(t, page.String(), again.String(), "the page can be made of the twin")
}

// TestDraftChangesPointsAndNothingElse: all other lines and all comments of the file stay.
func TestDraftChangesPointsAndNothingElse(t *testing.T) {
	t.Parallel()
	q := review.Quarter(eventful.whole())
	require.NotNil(t, q.Proposal, q.Thin)
	draft, err := icp.Parse("draft.yaml", []byte(q.Proposal.Source))
	require.NoError(t, err)
	require.Equal(t, revopsM.Version+1, draft.Version)
	require.Equal(t, draft.ID(), q.Proposal.Model)
	points := map[string]int{}
	for i := range draft.Criteria {
		points[draft.Criteria[i].Name] = draft.Criteria[i].Points
	}
	changed := map[string]bool{}
	for _, c := range q.Proposal.Changes {
		require.Equal(t, c.To, points[c.Criterion], c.Criterion)
		require.Contains(t, strings.Join(strings.Fields(strings.ReplaceAll(q.Proposal.Source, "#", " ")), " "), strings.Join(strings.Fields(c.Because), " "), "its evidence is beside it")
		changed[c.Criterion] = true
	}
	require.True(t, changed["industry"])
	require.True(t, changed["trigger_funding"])
	require.Less(t, points["industry"], 10)
	var before, after []string
	number := regexp.MustCompile(`points: -?\d+|version: \d+`)
	for l := range strings.SplitSeq(revopsM.Source, "\n") {
		before = append(before, number.ReplaceAllString(l, "N"))
	}
	added := 0
	for l := range strings.SplitSeq(q.Proposal.Source, "\n") {
		l = number.ReplaceAllString(l, "N")
		if len(before) > len(after) && l == before[len(after)] {
			after = append(after, l)
			continue
		}
		added++
		trimmed := strings.TrimSpace(l)
		require.True(t, strings.HasPrefix(trimmed, "# ") || strings.HasPrefix(trimmed, "- {name: trigger_funding,"), l)
	}
	require.Equal(t, before, after)
	require.Positive(t, added)
	b := q.Proposal.Backtests
	require.Len(t, b, 2)
	require.Greater(t, float64(b[0].Difference.Value), 0.0, "on the deals of the quarter")
	require.Less(t, float64(b[0].Difference.Low), float64(b[0].Difference.Value))
	require.Equal(t, b[0].Deals, sum(b[0].Before))
	require.Equal(t, b[0].Deals, sum(b[0].After))
}

func sum(tiers []review.InTier) int {
	n := 0
	for _, t := range tiers {
		n += t.Deals
	}
	return n
}

// TestQuartersThatSwingAnyway: where the win rate of the quarters before swings more than chance
// would have it, one more swing of that size is no news.
func TestQuartersThatSwingAnyway(t *testing.T) {
	t.Parallel()
	swinging := func(now float64, before ...float64) *review.QuarterReview {
		in := review.QuarterInput{Quarter: "2026Q3", From: from, To: to, At: to, Model: revopsM}
		for k, rate := range append(before, now) {
			for i := range 300 {
				closed := from.AddDate(0, 3*(k-4), 10)
				in.Deals = append(in.Deals, review.QuarterDeal{
					ID: strings.Repeat("x", k+1) + time.Duration(i).String(), OpenedAt: closed.AddDate(0, 0, -30), ClosedAt: closed, Won: float64(i) < 300*rate,
				})
			}
		}
		return review.Quarter(in)
	}
	calm := swinging(0.25, 0.35, 0.36, 0.34, 0.35)
	require.Len(t, calm.Claims, 1)
	require.Equal(t, "base_rate", calm.Claims[0].Kind)
	require.Contains(t, calm.Claims[0].Sentence, "fell from 35 % in the four quarters before to 25 %")
	swings := swinging(0.25, 0.2, 0.5, 0.22, 0.48)
	require.Empty(t, swings.Claims)
	require.Greater(t, float64(swings.Base.Spread), 5.0)
}

func TestStalledAccounts(t *testing.T) {
	t.Parallel()
	ago := func(days int) time.Time { return to.AddDate(0, 0, -days) }
	in := review.QuarterInput{Quarter: "2026Q3", From: from, To: to, At: to.AddDate(0, 0, 2), Model: revopsM}
	prime := func(name string, since int, deals ...review.QuarterDeal) {
		in.Prime = append(in.Prime, review.PrimeAccount{Account: name, Since: ago(since)})
		for i, d := range deals {
			d.ID, d.Account = name+string(rune('a'+i)), name
			in.Deals = append(in.Deals, d)
		}
	}
	prime("waits", 100)
	prime("fresh", 20)
	prime("moves", 100, review.QuarterDeal{OpenedAt: ago(30)})
	prime("drags", 300, review.QuarterDeal{OpenedAt: ago(250)})
	prime("won", 100, review.QuarterDeal{OpenedAt: ago(50), ClosedAt: ago(10), Won: true})
	prime("lost", 100, review.QuarterDeal{OpenedAt: ago(50), ClosedAt: ago(10)})
	prime("customer of old", 100, review.QuarterDeal{OpenedAt: ago(700), ClosedAt: ago(600), Won: true})
	prime("customer that left", 90, review.QuarterDeal{OpenedAt: ago(700), ClosedAt: ago(600), Won: true})
	in.Left = append(in.Left, review.Left{Account: "customer that left", At: ago(300)})
	prime("after the quarter", 100, review.QuarterDeal{OpenedAt: ago(-1)})
	prime("was open then", 100, review.QuarterDeal{OpenedAt: ago(200), ClosedAt: ago(-1), Won: true})
	s := review.Quarter(in).Stalled
	require.Equal(t, 60, s.Patience)
	require.Equal(t, 120, s.Slow)
	var names []string
	for _, l := range s.List {
		names = append(names, l.Account+" "+l.Why)
	}
	require.Equal(t, []string{"drags dragging", "was open then dragging", "after the quarter waiting", "waits waiting", "customer that left waiting"}, names)
	require.Equal(t, []int{10, 3, 2, 3, 1, 1}, []int{s.Accounts, s.Waiting, s.Dragging, s.Moved, s.Fresh, s.Customers})
	require.Contains(t, s.Note, "What they share is not told")
}

func TestDriftOfThePopulation(t *testing.T) {
	t.Parallel()
	cohort := func(known int, industry string) *review.Cohort {
		c := &review.Cohort{}
		for i := range 400 {
			facts := account.Facts{}
			if i < known {
				facts[account.Employees] = account.Fact{Value: account.NumberValue(float64(10 + i%100))}
			}
			name := industry
			if i%2 == 0 {
				name = "saas"
			}
			facts[account.Industry] = account.Fact{Value: account.TextValue(name)}
			facts[account.Technologies] = account.Fact{Value: account.ListValue("hubspot", []string{"sap", "jira"}[i%2])}
			c.Add("Tier 2", 40+i%20, facts)
		}
		return c
	}
	in := review.QuarterInput{Quarter: "2026Q3", From: from, To: to, At: to, Model: revopsM, Start: cohort(400, "retail"), End: cohort(200, "mining")}
	q := review.Quarter(in)
	require.NotNil(t, q.Drift)
	fields := map[string]review.FieldDrift{}
	for _, f := range q.Drift.Fields {
		fields[f.Field] = f
	}
	require.Equal(t, "moved a lot", fields["industry"].Change.Says)
	require.Equal(t, "stable", fields["technologies"].Change.Says)
	require.Equal(t, "stable", fields["employees"].Change.Says)
	require.InDelta(t, 0.5, float64(fields["employees"].MissingEnd.Value), 1e-9)
	require.Equal(t, "stable", q.Drift.Score.Says)
	var said []string
	for _, c := range q.Claims {
		said = append(said, c.Subject)
	}
	require.ElementsMatch(t, []string{"industry", "employees unknown"}, said)
}

func TestTriggerThatIsAloneIsHeldAgainstItsPoints(t *testing.T) {
	t.Parallel()
	w := world{deals: 1500, seed: 7, trigger: map[string]float64{"funding": 3}}
	in := w.input()
	for i := range in.Deals {
		if h := in.Deals[i].Held; h != nil {
			var kept []account.Signal
			for _, s := range h.Signals {
				if s.Kind == "funding" || s.Kind == "website_visit" {
					kept = append(kept, s)
				}
			}
			h.Signals = kept
		}
	}
	q := review.Quarter(in)
	for _, tr := range q.Triggers {
		require.Equal(t, tr.Kind == "funding", tr.PaysMore, tr.Kind)
		if tr.Kind == "hiring" {
			require.Zero(t, tr.Deals)
			require.Equal(t, "too few deals", tr.Says)
		}
	}
	require.False(t, math.IsNaN(float64(q.Triggers[1].Promise)))
}

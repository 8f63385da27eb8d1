package providers_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

var at = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// one returns the only fact that add makes; false if it makes none.
func one(t *testing.T, add func(*providers.Facts)) (account.Fact, bool) {
	t.Helper()
	f := providers.NewFacts("atlas", at)
	add(f)
	if len(f.All()) == 0 {
		return account.Fact{}, false
	}
	require.Len(t, f.All(), 1)
	return f.All()[0], true
}

func TestFactCarriesItsSource(t *testing.T) {
	t.Parallel()
	got, ok := one(t, func(f *providers.Facts) { f.Text(account.City, "Leeds", 0.8) })
	require.True(t, ok)
	require.Equal(t, account.Fact{
		Field: account.City, Value: account.TextValue("Leeds"), Provider: "atlas", Confidence: 0.8, ObservedAt: at,
	}, got)
}

func TestText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{name: "plain", give: "Leeds", want: "Leeds"},
		{name: "space around and within", give: "  New \t\n York ", want: "New York"},
		{name: "no-break space", give: "New\u00a0York", want: "New York"},
		{name: "NUL, which Postgres refuses", give: "Le\x00eds", want: "Leeds"},
		{name: "broken UTF-8", give: "Le\xffeds", want: "Leeds"},
		{name: "not Latin", give: "東京", want: "東京"},
		{name: "cut by runes, not bytes", give: strings.Repeat("ü", 400), want: strings.Repeat("ü", 300)},
		{name: "empty", give: ""},
		{name: "only space", give: " \t"},
		{name: "only control characters", give: "\x00\x07"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := one(t, func(f *providers.Facts) { f.Text(account.City, tt.give, 0.8) })
			require.Equal(t, tt.want, got.Value.Text())
		})
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		field account.Field
		give  float64
		want  bool
	}{
		{name: "a head count", field: account.Employees, give: 140, want: true},
		{name: "one person", field: account.Employees, give: 1, want: true},
		{name: "zero is unknown", field: account.Employees, give: 0},
		{name: "so is minus one", field: account.Employees, give: -1},
		{name: "the largest employers", field: account.Employees, give: 2.3e6, want: true},
		{name: "more than anybody employs", field: account.Employees, give: 1e9},
		{name: "not a number", field: account.Employees, give: math.NaN()},
		{name: "infinite", field: account.RevenueUSD, give: math.Inf(1)},
		{name: "the largest revenue", field: account.RevenueUSD, give: 7e11, want: true},
		{name: "more than the world earns", field: account.RevenueUSD, give: 1e15},
		{name: "a year", field: account.FoundedYear, give: 2017, want: true},
		{name: "this year", field: account.FoundedYear, give: 2026, want: true},
		{name: "next year", field: account.FoundedYear, give: 2027},
		{name: "the oldest firm", field: account.FoundedYear, give: 578, want: true},
		{name: "a year of two digits", field: account.FoundedYear, give: 17},
		{name: "half a year", field: account.FoundedYear, give: 2017.5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, ok := one(t, func(f *providers.Facts) { f.Number(tt.field, &tt.give, 0.8) })
			require.Equal(t, tt.want, ok)
		})
	}
	_, ok := one(t, func(f *providers.Facts) { f.Number(account.Employees, nil, 0.8) })
	require.False(t, ok)
}

func TestEmployees(t *testing.T) {
	t.Parallel()
	n := func(x float64) *float64 { return &x }
	tests := []struct {
		name           string
		exact          *float64
		band           string
		want, wantSure float64
		wantDerived    bool
	}{
		{name: "the exact count wins, even outside the band", exact: n(140), band: "11-50", want: 140, wantSure: 0.85},
		{name: "the middle of the band", band: "51-250", want: 151, wantSure: 0.6, wantDerived: true},
		{name: "zero is unknown, so the band", exact: n(0), band: "11-50", want: 31, wantSure: 0.6, wantDerived: true},
		{name: "the lower end of an open band", band: "10001+", want: 10001, wantSure: 0.6, wantDerived: true},
		{name: "a count in words is no band", band: "140", want: 140, wantSure: 0.85},
		{name: "nothing", band: ""},
		{name: "nonsense", band: "many"},
		{name: "more than anybody employs", exact: n(1e9), band: "many"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := one(t, func(f *providers.Facts) { f.Employees(tt.exact, tt.band, 0.85) })
			require.Equal(t, tt.want != 0, ok)
			require.InDelta(t, tt.want, got.Value.Number(), 0)
			require.InDelta(t, tt.wantSure, got.Confidence, 0)
			require.Equal(t, tt.wantDerived, got.Derived)
		})
	}
}

func TestRevenue(t *testing.T) {
	t.Parallel()
	exact := 18e6
	got, _ := one(t, func(f *providers.Facts) { f.Revenue(&exact, "$50M-$100M", 0.75) })
	require.Equal(t, "18000000", got.Value.String())
	require.False(t, got.Derived)
	got, _ = one(t, func(f *providers.Facts) { f.Revenue(nil, "$10M-$50M", 0.75) })
	require.Equal(t, "30000000", got.Value.String())
	require.True(t, got.Derived)
	require.InDelta(t, 0.6, got.Confidence, 0)
	got, _ = one(t, func(f *providers.Facts) { f.Revenue(nil, "$10B+", 0.5) })
	require.Equal(t, "10000000000", got.Value.String())
	require.InDelta(t, 0.5, got.Confidence, 0, "less sure stays less sure")
}

func TestDate(t *testing.T) {
	t.Parallel()
	tests := map[time.Time]bool{
		at:                     true,
		at.AddDate(0, 0, 1):    true, // somewhere it is tomorrow already
		at.AddDate(0, 0, 2):    false,
		at.AddDate(-100, 0, 0): true,
		{}:                     false,
		time.Unix(0, 0):        true,
		at.AddDate(-200, 0, 0): false,
	}
	for give, want := range tests {
		_, ok := one(t, func(f *providers.Facts) { f.Date(account.LastFundingAt, give, 0.8) })
		require.Equal(t, want, ok, "%s", give)
	}
}

func TestWordsOfTheVocabulary(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give func(*providers.Facts)
		want string
	}{
		{name: "industry", give: func(f *providers.Facts) { f.Industry(0.8, "", "Computer Software") }, want: "industry saas"},
		{name: "unknown industry", give: func(f *providers.Facts) { f.Industry(0.8, "Xyzzy") }},
		{name: "no industry", give: func(f *providers.Facts) { f.Industry(0.8) }},
		{name: "country", give: func(f *providers.Facts) { f.Country("united kingdom", 0.9) }, want: "country GB"},
		{name: "unknown country", give: func(f *providers.Facts) { f.Country("Atlantis", 0.9) }},
		{name: "technologies", give: func(f *providers.Facts) { f.Technologies([]string{"HubSpot", "salesforce", "Hubspot"}, 0.8) }, want: "technologies hubspot, salesforce"},
		{name: "no technologies", give: func(f *providers.Facts) { f.Technologies([]string{"", "  "}, 0.8) }},
		{name: "funding stage", give: func(f *providers.Facts) { f.FundingStage("Series B", 0.8) }, want: "funding_stage series_b"},
		{name: "company type", give: func(f *providers.Facts) { f.CompanyType("privately held", 0.8) }, want: "company_type private"},
		{name: "unknown type", give: func(f *providers.Facts) { f.CompanyType("xyzzy", 0.8) }},
		{name: "LinkedIn", give: func(f *providers.Facts) { f.LinkedIn("http://www.linkedin.com/company/acme/", 0.9) }, want: "linkedin_url linkedin.com/company/acme"},
		{name: "business model", give: func(f *providers.Facts) { f.BusinessModel([]string{" B2B", "SAAS", "robots"}, 0.8) }, want: "business_model b2b, saas"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := one(t, tt.give)
			require.Equal(t, tt.want, strings.TrimSpace(string(got.Field)+" "+got.Value.String()))
		})
	}
}

func TestTheMoreConfidentFactIsKept(t *testing.T) {
	t.Parallel()
	f := providers.NewFacts("atlas", at)
	f.Text(account.City, "Leeds", 0.7)
	f.Text(account.State, "England", 0.7)
	f.Text(account.City, "York", 0.7)
	f.Text(account.City, "Hull", 0.9)
	f.Text(account.City, "Bath", 0.8)
	require.Len(t, f.All(), 2)
	require.Equal(t, "Hull", f.All()[0].Value.Text())
}

func TestWrongKindsAndLongListsAreDropped(t *testing.T) {
	t.Parallel()
	f := providers.NewFacts("atlas", at)
	f.Text(account.Employees, "140", 0.8)
	f.List(account.City, []string{"Leeds"}, 0.8)
	f.Text("shoe_size", "44", 0.8)
	require.Empty(t, f.All())

	many := make([]string, 5000)
	for i := range many {
		many[i] = strings.Repeat("x", i%200)
	}
	f.List(account.Tags, many, 2)
	require.LessOrEqual(t, len(f.All()[0].Value.List()), 1000)
	require.InDelta(t, 1, f.All()[0].Confidence, 0)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var v struct {
		Name  string
		Count *float64
		Inner struct{ City string }
	}
	require.NoError(t, providers.Decode([]byte(` {"name": 7, "count": "many", "inner": {"city": "Leeds", "more": []}}`), &v))
	require.Equal(t, "Leeds", v.Inner.City, "the fields after a mistyped one are read")
	for _, bad := range []string{``, ` `, `[]`, `null`, `"x"`, `7`, `{`, `{"name": "x"`, `{} {}`, "<html>"} {
		require.Error(t, providers.Decode([]byte(bad), &v), bad)
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	require.Equal(t, "over_quota", providers.Reason("over_quota"))
	require.Equal(t, "API_INACCESSIBLE", providers.Reason("API_INACCESSIBLE"))
	for _, unsafe := range []string{"key 5d41402a is wrong", "acme.example", "5d41402abc4b2a76", strings.Repeat("x", 41)} {
		require.Empty(t, providers.Reason(unsafe))
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	for _, give := range []string{
		"2026-09-14", "2026-09-14T00:00:00.000+00:00", "2026-09-14T00:00:00Z", "2026-09-14T00:00:00", "2026-09-14 00:00:00", " 2026-09-14 ",
	} {
		require.Equal(t, "2026-09-14", providers.Time(give).Format(time.DateOnly), give)
	}
	for _, give := range []string{"", "soon", "2026-13-01", "14.09.2026", "2026"} {
		require.True(t, providers.Time(give).IsZero(), give)
	}
}

func TestSeenAt(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2026-10-02", providers.SeenAt("2026-10-02", at).Format(time.DateOnly))
	for _, unbelievable := range []string{"", "soon", "1970-01-01", "2030-01-01"} {
		require.Equal(t, at, providers.SeenAt(unbelievable, at))
	}
}

func TestRequireKey(t *testing.T) {
	t.Parallel()
	key, err := providers.RequireKey("ATLAS", " abc\n")
	require.NoError(t, err)
	require.Equal(t, "abc", key)
	_, err = providers.RequireKey("ATLAS", "\n")
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "SLUICE_ATLAS_API_KEY")
}

func TestCannotAsk(t *testing.T) {
	t.Parallel()
	err := providers.CannotAsk("atlas", "no domain")
	require.EqualError(t, err, "atlas: bad_request: no domain")
	require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err))
}

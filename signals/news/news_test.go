package news_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/news"
	"github.com/sluicehq/sluice/signals/signalstest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	signalstest.Run(t, signalstest.Case{
		Spec:      news.Spec,
		First:     signalstest.Reply{File: "first.json"},
		Want:      []string{"product_launch launch"},
		Later:     signalstest.Reply{File: "later.json"},
		WantLater: []string{"expansion expansion"},
		Unknown:   signalstest.Reply{Body: `{}`},
		Other:     signalstest.Reply{File: "other_company.json"},
		Many:      func(n int) http.Handler { return signalstest.Reply{Body: articles(many(n)...)} },
		Skip:      map[string]string{"spec": "its variables are the service's; TestSpec has the rest"},
	})
}

func TestSpec(t *testing.T) {
	t.Parallel()
	require.Equal(t, "news", news.Spec.Name)
	require.Equal(t, "GDELT", news.Spec.Env)
	require.Empty(t, news.Spec.Needs)
	require.True(t, news.Spec.Off)
	require.InDelta(t, 0.2, news.Spec.Rate, 0)
}

func article(title, seen string) string {
	return fmt.Sprintf(`{"url": "https://news.example/a", "title": %q, "seendate": %q}`, title, seen)
}

func articles(all ...string) string { return `{"articles": [` + strings.Join(all, ",") + `]}` }

func many(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = article(fmt.Sprintf("Acme Robotics launches robot number %d", i), "20261120T090000Z")
	}
	return all
}

// roundTripper is a transport in one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// look asks a source that reaches h.
func look(t testing.TB, h http.Handler, name, before string) (signals.Look, signals.Sight, error) {
	t.Helper()
	source, err := news.New(signals.Config{BaseURL: "http://gdelt.example", Options: []outbound.Option{
		outbound.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			res := rec.Result()
			res.Request = r
			return res, nil
		})),
	}})
	require.NoError(t, err)
	at := signals.Look{
		Account: account.Account{ID: 1, Domain: "acme.example", Name: name}, Rules: signalstest.Rules(),
		Now: signalstest.Now, Since: signalstest.Now.Add(-30 * 24 * time.Hour),
	}
	if before != "" {
		at.Before = json.RawMessage(before)
	}
	got, err := source.Look(t.Context(), at)
	return at, got, err
}

func TestRequest(t *testing.T) {
	t.Parallel()
	var asked []string
	var query string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		q := r.URL.Query()
		for _, key := range []string{"mode", "format", "sort", "maxrecords", "startdatetime", "enddatetime"} {
			asked = append(asked, key+"="+q.Get(key))
		}
		query = q.Get("query")
		signalstest.Reply{Body: `{}`}.ServeHTTP(w, r)
	})
	_, _, err := look(t, h, "Acme Robotics, Inc.", "")
	require.NoError(t, err)
	require.Regexp(t, `^"acme robotics" \(launches OR .+\) sourcelang:english$`, query)
	require.Equal(t, []string{
		"/api/v2/doc/doc", "mode=artlist", "format=json", "sort=datedesc", "maxrecords=250", "startdatetime=20261021120000", "enddatetime=20261120120000",
	}, asked)
	for _, name := range []string{"", "3M", "X AG"} {
		_, got, err := look(t, h, name, "")
		require.NoError(t, err)
		require.Empty(t, got.Events)
	}
	require.Len(t, asked, 7, "names that cannot be looked for")
}

func TestEvent(t *testing.T) {
	t.Parallel()
	_, got, err := look(t, signalstest.Reply{File: "first.json"}, "Acme Robotics", "")
	require.NoError(t, err)
	first, second := time.Date(2026, 11, 12, 10, 15, 0, 0, time.UTC), time.Date(2026, 11, 13, 7, 0, 0, 0, time.UTC)
	require.Equal(t, []signals.Event{{
		Kind: signals.ProductLaunch, Entity: "launch", OccurredAt: first, Summary: "has launched a product, the press says", Confidence: 0.3,
		Evidence: []signals.Evidence{
			{Source: "news", Title: "Acme Robotics launches a warehouse picker", URL: "https://news.example/acme-launches-picker", At: first},
			{Source: "news", Title: "Warehouse picker unveiled by Acme Robotics Inc .", URL: "https://trade.example/2026/acme-picker", At: second},
		},
	}}, got.Events)
	require.JSONEq(t, `{"told": {"product_launch": ["2026-11-12T10:15:00Z"]}}`, string(got.Remember))
}

func TestHeadlines(t *testing.T) {
	t.Parallel()
	tests := []struct{ title, want string }{
		{"Acme Robotics launches Picker 2", "product_launch"},
		{"Acme Robotics Unveils New Arm", "product_launch"},
		{"ACME ROBOTICS, Inc. introduces a robot", "product_launch"},
		{"Regulator launches investigation into Acme Robotics", ""},
		{"Acme Robotics releases results", ""},
		{"Acme Robotics opens new headquarters in Leeds", "expansion"},
		{"Acme Robotics expands to Germany", "expansion"},
		{"Acme Robotics enters the US market", "expansion"},
		{"Acme Robotics CEO opens office party", ""},
		{"Acme Robotics opens higher", ""},
		{"Layoffs at Acme Robotics", "reorganisation"},
		{"Acme Robotics opens office, cuts jobs elsewhere", "reorganisation"},
		{"No layoffs at Acme Robotics", ""},
		{"Acme Robotics wins a prize", ""},
		{"Acme launches a robot", ""},
		{"Acme Roboticists launch a robot", ""},
		{"launches", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			t.Parallel()
			_, got, err := look(t, signalstest.Reply{Body: articles(article(tt.title, "20261112T101500Z"))}, "Acme Robotics", "")
			require.NoError(t, err)
			kind := ""
			for _, e := range got.Events {
				kind = e.Kind
			}
			require.Equal(t, tt.want, kind)
		})
	}
}

// TestEchoes holds that the press may repeat itself for two weeks.
func TestEchoes(t *testing.T) {
	t.Parallel()
	launch := func(seen string) string { return article("Acme Robotics launches a robot", seen) }
	const told = `{"told": {"product_launch": ["2026-11-05T12:00:00Z"]}}`
	tests := []struct {
		name, before string
		give         []string
		want         int
	}{
		{"two days apart", "", []string{launch("20261112T120000Z"), launch("20261110T120000Z")}, 1},
		{"two weeks apart", "", []string{launch("20261115T120000Z"), launch("20261101T120000Z")}, 1},
		{"more than two weeks apart", "", []string{launch("20261115T120001Z"), launch("20261101T120000Z")}, 2},
		{"an echo of what is told", told, []string{launch("20261119T120000Z")}, 0},
		{"no echo any more", told, []string{launch("20261119T120001Z")}, 1},
		{"something else", told, []string{article("Layoffs at Acme Robotics", "20261106T120000Z")}, 1},
		{"too old", "", []string{launch("20261021T115959Z")}, 0},
		{"of the first day", "", []string{launch("20261021T120000Z")}, 1},
		{"of the future", "", []string{launch("20261120T120001Z")}, 0},
		{"of no day", "", []string{launch("today")}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, got, err := look(t, signalstest.Reply{Body: articles(tt.give...)}, "Acme Robotics", tt.before)
			require.NoError(t, err)
			require.Len(t, got.Events, tt.want)
		})
	}
}

// TestBodies holds that what is no answer is not taken for an answer without news.
func TestBodies(t *testing.T) {
	t.Parallel()
	good := article("Acme Robotics launches a robot", "20261112T101500Z")
	tests := []struct {
		name       string
		give       signalstest.Reply
		want       outbound.Outcome
		retryAfter time.Duration
		events     int
	}{
		{name: "news", give: signalstest.Reply{Body: articles(good)}, events: 1},
		{name: "no news", give: signalstest.Reply{Body: `{}`}},
		{name: "no articles", give: signalstest.Reply{Body: articles()}},
		{name: "a notice with 200", give: signalstest.Reply{File: "throttled.txt"}, want: outbound.Throttled, retryAfter: 5 * time.Second},
		{name: "a notice with 429", give: signalstest.Reply{Status: 429, File: "throttled.txt"}, want: outbound.Throttled},
		{name: "a complaint about the query", give: signalstest.Reply{File: "bad_query.txt"}, want: outbound.ProviderError},
		{name: "nothing", give: signalstest.Reply{Body: " \n"}, want: outbound.ProviderError},
		{name: "a list", give: signalstest.Reply{Body: `[]`}, want: outbound.ProviderError},
		{name: "articles that are no list", give: signalstest.Reply{Body: `{"articles": {}}`}, want: outbound.ProviderError},
		{name: "articles of null", give: signalstest.Reply{Body: `{"articles": null}`}, want: outbound.ProviderError},
		{name: "half a body", give: signalstest.Reply{Body: `{"articles": [` + good}, want: outbound.ProviderError},
		{name: "a control character", give: signalstest.Reply{Body: strings.Replace(articles(good), "launches a", "launches\t\x01a", 1)}, events: 1},
		{name: "a backslash", give: signalstest.Reply{Body: strings.Replace(articles(good), "launches a", `launches\' \"a \u00e9\\`, 1)}, events: 1},
		{name: "bytes that are no text", give: signalstest.Reply{Body: strings.Replace(articles(good), "a robot", "a \xff\xfe robot", 1)}, events: 1},
		{name: "an article of another type", give: signalstest.Reply{Body: articles(`7`, `{"title": 7}`, good)}, events: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at, got, err := look(t, tt.give, "Acme Robotics", "")
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				e := new(outbound.Error)
				require.ErrorAs(t, err, &e)
				require.Equal(t, tt.want, e.Outcome)
				require.Equal(t, tt.retryAfter, e.RetryAfter)
			}
			require.Len(t, got.Events, tt.events)
			signalstest.CheckSight(t, news.Spec, at, got)
		})
	}
}

// FuzzLook holds that whatever the service sends, what is told is fit to be stored, and
// that the same answer is no news the next day. Run it with -fuzzminimizetime 10x.
func FuzzLook(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(body), "Acme Robotics")
	}
	f.Fuzz(func(t *testing.T, body, name string) {
		at, got, err := look(t, signalstest.Reply{Body: body}, name, "")
		if err != nil {
			require.Contains(t, []outbound.Outcome{outbound.ProviderError, outbound.Throttled}, outbound.OutcomeOf(err))
			return
		}
		signalstest.CheckSight(t, news.Spec, at, got)
		_, again, err := look(t, signalstest.Reply{Body: body}, name, string(got.Remember))
		require.NoError(t, err)
		require.Empty(t, again.Events)
	})
}

package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// newServer serves the shipped table with the given coverage.
func newServer(t testing.TB, mode Mode) *Server {
	t.Helper()
	s, err := Start(Options{Coverage: mode})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	return s
}

// request is a call as the vendor's documentation has it.
type request struct {
	path   string
	header map[string]string
}

// lookup asks a vendor about a domain, with a key.
func lookup(v Vendor, domain, key string) request {
	switch v {
	case Apollo:
		return request{"/apollo/organizations/enrich?domain=" + domain, map[string]string{"x-api-key": key}}
	case Clearbit:
		return request{"/clearbit/v2/companies/find?domain=" + domain, map[string]string{"Authorization": "Bearer " + key}}
	case Hunter:
		return request{"/hunter/companies/find?domain=" + domain, map[string]string{"X-API-KEY": key}}
	case PDL:
		return request{"/pdl/v5/company/enrich?website=" + domain, map[string]string{"X-Api-Key": key}}
	case BuiltWith:
		return request{"/builtwith/api.json?LOOKUP=" + domain, map[string]string{"Authorization": "API " + key}}
	default:
		return request{"/website/" + domain + "/", nil}
	}
}

// response is an answer, body read.
type response struct {
	status int
	header http.Header
	body   string
}

func (s *Sandbox) ask(t testing.TB, q request) response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, q.path, nil)
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	return response{w.Code, w.Result().Header, string(body)}
}

// known is a company of the shipped table that has every field.
func known(t testing.TB) Company {
	t.Helper()
	for _, c := range Default().companies {
		if c.Has("funding_stage") && c.Has("state") && len(c.FormerTechnologies) > 0 && slices.Contains(c.Technologies, "hubspot") && c.CompanyType == "private" {
			return c
		}
	}
	t.Fatal("no company has every field")
	return Company{}
}

// documented are the keys of each vendor's answer that its example does not show but
// its table of fields does.
var documented = map[Vendor][]string{
	Apollo:   {"organization.secondary_industries", "organization.raw_address", "organization.street_address", "organization.publicly_traded_exchange", "organization.departmental_head_count", "organization.owned_by_organization_id"},
	Clearbit: {"twitter", "facebook", "crunchbase", "geo.streetNumber", "geo.streetName", "geo.subPremise", "metrics.alexaUsRank", "metrics.alexaGlobalRank", "metrics.fiscalYearEnd"},
	Hunter:   {"twitter", "facebook", "crunchbase", "instagram", "geo.streetNumber", "geo.streetName", "geo.subPremise", "geo.streetAddress", "geo.postalCode"},
	PDL:      {"facebook_url", "twitter_url", "mic_exchange", "gics_sector", "headline", "inferred_revenue"},
	BuiltWith: {
		"Results[].Meta.Titles", "Results[].Attributes.Revenue",
	},
}

// TestShape holds each answer against the vendor's documented example: every key of
// it, of the same type or null, and no key that is not documented.
func TestShape(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	c := known(t)
	for _, v := range []Vendor{Apollo, Clearbit, Hunter, PDL, BuiltWith} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			example, err := os.ReadFile("testdata/" + string(v) + ".json")
			require.NoError(t, err)
			got := s.ask(t, lookup(v, c.Domain, Key))
			require.Equal(t, http.StatusOK, got.status, got.body)
			want, have := shapeOf(t, string(example)), shapeOf(t, got.body)
			for path, kind := range want {
				if !strings.HasPrefix(path, "organization.departmental_head_count.") && !strings.Contains(path, "fundingRounds[]") {
					require.Contains(t, have, path)
					requireSameKind(t, path, kind, have[path])
				}
			}
			for path := range have {
				require.True(t, allowed(v, path, want), "%s is not documented", path)
			}
		})
	}
}

func allowed(v Vendor, path string, want map[string]string) bool {
	if _, ok := want[path]; ok {
		return true
	}
	return slices.ContainsFunc(documented[v], func(p string) bool {
		path := strings.TrimPrefix(path, "data.") // Hunter's envelope
		return path == p || strings.HasPrefix(path, p+".") || strings.HasPrefix(path, p+"[]")
	})
}

func requireSameKind(t *testing.T, path, want, have string) {
	t.Helper()
	if want != "null" && have != "null" {
		require.Equal(t, want, have, path)
	}
}

// shapeOf returns the kind of value at each path; elements of a list share theirs.
func shapeOf(t *testing.T, body string) map[string]string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	shape := map[string]string{}
	walk("", v, shape)
	return shape
}

func walk(path string, v any, shape map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			walk(strings.TrimPrefix(path+"."+key, "."), value, shape)
		}
		if len(v) == 0 {
			shape[path] = "object"
		}
	case []any:
		shape[path] = "list"
		for _, value := range v {
			walk(path+"[]", value, shape)
		}
	case nil:
		shape[path] = "null"
	default:
		shape[path] = fmt.Sprintf("%T", v)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	c := known(t)
	get := func(v Vendor, into any) {
		got := s.ask(t, lookup(v, c.Domain, Key))
		require.NoError(t, json.Unmarshal([]byte(got.body), into))
	}

	var apollo struct {
		Organization struct {
			PrimaryDomain, LinkedinURL, Industry, Country string
			Employees                                     int                        `json:"estimated_num_employees"`
			Revenue                                       int64                      `json:"annual_revenue"`
			Technologies                                  []string                   `json:"technology_names"`
			Date                                          string                     `json:"latest_funding_round_date"`
			Events                                        []struct{ Amount *string } `json:"funding_events"`
		}
	}
	get(Apollo, &apollo)
	require.Equal(t, c.Employees, apollo.Organization.Employees)
	require.Equal(t, c.RevenueUSD, apollo.Organization.Revenue)
	require.Equal(t, countries[c.Country].name, apollo.Organization.Country, "by full name")
	require.Equal(t, strings.ToLower(apollo.Organization.Industry), apollo.Organization.Industry)
	require.Contains(t, apollo.Organization.Technologies, "HubSpot")
	at, err := time.Parse("2006-01-02T15:04:05.000-07:00", apollo.Organization.Date)
	require.NoError(t, err)
	require.True(t, at.Equal(c.LastFundingAt))

	var clearbit struct {
		Metrics struct {
			Employees int
			Revenue   string `json:"estimatedAnnualRevenue"`
		}
		Geo  struct{ CountryCode string }
		Tech []string
	}
	get(Clearbit, &clearbit)
	require.Equal(t, c.Employees, clearbit.Metrics.Employees)
	require.Equal(t, c.Country, clearbit.Geo.CountryCode)
	require.Contains(t, clearbit.Tech, "hubspot")
	require.True(t, strings.HasPrefix(clearbit.Metrics.Revenue, "$"), "a band")

	var hunter struct {
		Data struct {
			Metrics       struct{ Employees string }
			EmailProvider string
			Tags          []string
			IndexedAt     string
		}
	}
	get(Hunter, &hunter)
	require.Equal(t, bandOf(int64(c.Employees), clearbitSizes), hunter.Data.Metrics.Employees)
	require.NotContains(t, hunter.Data.Tags, "b2b")
	_, err = time.Parse(time.DateOnly, hunter.Data.IndexedAt)
	require.NoError(t, err)

	var pdl struct {
		Status, EmployeeCount int
		Name                  string
		LinkedinURL           string `json:"linkedin_url"`
		Date                  string `json:"last_funding_date"`
		Count                 int    `json:"employee_count"`
	}
	get(PDL, &pdl)
	require.Equal(t, c.Employees, pdl.Count)
	require.Equal(t, strings.ToLower(c.Name), pdl.Name)
	require.Equal(t, c.LastFundingAt.Format(time.DateOnly), pdl.Date)
	require.Equal(t, "linkedin.com/company/"+c.LinkedIn, pdl.LinkedinURL, "no scheme")

	var builtwith builtWithAnswer
	get(BuiltWith, &builtwith)
	path := builtwith.Results[0].Result.Paths[0]
	current := map[string]bool{}
	for _, tech := range path.Technologies {
		current[first(tech.Parent, tech.Name)] = path.LastIndexed-tech.LastDetected < 30*24*time.Hour.Milliseconds()
	}
	require.True(t, current["HubSpot"])
	require.False(t, current[techOf(c.FormerTechnologies[0]).name], "history")
	require.Contains(t, slices.Collect(maps.Keys(current)), techOf(c.FormerTechnologies[0]).name)

	page := s.ask(t, lookup(Website, c.Domain, ""))
	require.Contains(t, page.body, "js.hs-scripts.com")
	require.Contains(t, page.body, `"addressCountry":"`+c.Country+`"`)
}

// TestBases asks each vendor below its own base path and without it.
func TestBases(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	c := known(t)
	for _, path := range []string{
		"/apollo/organizations/enrich?domain=", "/apollo/api/v1/organizations/enrich?domain=",
		"/clearbit/companies/find?domain=", "/clearbit/v2/companies/find?domain=",
		"/hunter/companies/find?api_key=k&domain=", "/hunter/v2/companies/find?api_key=k&domain=",
		"/pdl/company/enrich?api_key=k&website=", "/pdl/v5/company/enrich?api_key=k&website=",
		"/builtwith/api.json?KEY=k&LOOKUP=", "/builtwith/v22/api.json?KEY=k&LOOKUP=",
		"/website/", "/pdl/v5/company/enrich?api_key=k&website=https://www.",
	} {
		got := s.ask(t, request{path + c.Domain, map[string]string{"X-Api-Key": "k", "Authorization": "Bearer k"}})
		require.Equal(t, http.StatusOK, got.status, path)
		require.Contains(t, got.body, c.Domain, path)
	}
}

func TestRefusalsAndMisses(t *testing.T) {
	t.Parallel()
	const nobody = "unlisted-company.example"
	tests := []struct {
		vendor              Vendor
		key, domain         string
		want                int
		body, header, value string
	}{
		{Apollo, "bad-key", nobody, 401, "Invalid access credentials", "Content-Type", "text/plain; charset=utf-8"},
		{Apollo, "no-credits", nobody, 422, `"error":"Insufficient credits`, "", ""},
		{Apollo, "k", nobody, 200, "{", "x-rate-limit-minute", "1000"},
		{Clearbit, "bad-key", nobody, 401, `"type":"invalid_api_key"`, "", ""},
		{Clearbit, "no-credits", nobody, 402, `"type":"over_quota"`, "", ""},
		{Clearbit, "k", nobody, 404, `"type":"unknown_record"`, "x-ratelimit-limit", "600"},
		{Hunter, "bad-key", nobody, 401, `"errors":[{`, "", ""},
		{Hunter, "no-credits", nobody, 429, `"id":"too_many_requests"`, "", ""},
		{Hunter, "k", nobody, 404, `"id":"not_found"`, "", ""},
		{PDL, "bad-key", nobody, 401, `{"status":401,"error":{"type":"authentication_error"`, "", ""},
		{PDL, "no-credits", nobody, 402, `"payment_required"`, "x-totallimit-remaining", "0"},
		{PDL, "k", nobody, 404, `"type":"not_found"`, "x-ratelimit-limit", "{'minute': 1000}"},
		{BuiltWith, "bad-key", nobody, 200, `"Errors":[{"Code":-2`, "", ""},
		{BuiltWith, "no-credits", nobody, 200, `"Errors":[{"Code":-3`, "X-API-CREDITS-REMAINING", "0"},
		{BuiltWith, "k", nobody, 200, `"Errors":[]`, "X-RATELIMIT-LIMIT-PERSECOND", "10"},
		{BuiltWith, "k", "nodot", 200, `"Code":-8`, "", ""},
		{Website, "", nobody, 404, "Not Found", "", ""},
	}
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.vendor, " ", tt.key, " ", tt.domain), func(t *testing.T) {
			t.Parallel()
			got := s.ask(t, lookup(tt.vendor, tt.domain, tt.key))
			require.Equal(t, tt.want, got.status)
			require.Contains(t, got.body, tt.body)
			if tt.header != "" {
				require.Equal(t, tt.value, got.header.Get(tt.header))
			}
		})
	}
}

// TestFaultsInDialect sets the faults that each vendor words in its own way.
func TestFaultsInDialect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		vendor                  Vendor
		throttled, spent, badly int // status
		throttle, credits, hint string
	}{
		{Apollo, 429, 422, 503, `{"message":`, "Insufficient credits", "Retry-After"},
		{Clearbit, 429, 402, 503, "rate_limit", "over_quota", "x-ratelimit-reset"},
		{Hunter, 403, 429, 503, "rate_limit", "too_many_requests", ""},
		{PDL, 429, 402, 503, "rate_limit_error", "payment_required", "x-ratelimit-reset"},
		{BuiltWith, 429, 200, 503, `"retryAfterSeconds":2`, `"Code":-3`, ""},
		{Website, 429, 403, 503, "Too Many Requests", "Forbidden", "Retry-After"},
	}
	for _, tt := range tests {
		t.Run(string(tt.vendor), func(t *testing.T) {
			t.Parallel()
			s, err := New(Options{Coverage: Full})
			require.NoError(t, err)
			q := lookup(tt.vendor, known(t).Domain, Key)
			set := func(f fault.Fault) { require.NoError(t, s.Faults.Set(string(tt.vendor), f)) }

			set(fault.Fault{NoCredits: true})
			got := s.ask(t, q)
			require.Equal(t, tt.spent, got.status)
			require.Contains(t, got.body, tt.credits)

			set(fault.Fault{Outage: true})
			require.Equal(t, tt.badly, s.ask(t, q).status)

			set(fault.Fault{Truncate: true})
			half := s.ask(t, q)
			require.Equal(t, http.StatusOK, half.status)
			require.False(t, json.Valid([]byte(half.body)))

			set(fault.Fault{WrongCompany: true})
			wrong := s.ask(t, q)
			require.Equal(t, http.StatusOK, wrong.status)
			require.NotContains(t, wrong.body, `"`+known(t).Name+`"`)

			set(fault.Fault{MaxPerSecond: 1, RetryAfterS: 2})
			refused := s.ask(t, q)
			for refused.status == http.StatusOK {
				refused = s.ask(t, q)
			}
			require.Equal(t, tt.throttled, refused.status)
			require.Contains(t, refused.body, tt.throttle)
			if tt.hint != "" {
				require.NotEmpty(t, refused.header.Get(tt.hint))
			}
		})
	}
}

func TestPending(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	require.NoError(t, s.Faults.Set("clearbit", fault.Fault{Pending: true}))
	require.Equal(t, http.StatusAccepted, s.ask(t, lookup(Clearbit, known(t).Domain, Key)).status)
}

// TestBilling counts what each vendor would bill for a hit, the same again, and a miss.
func TestBilling(t *testing.T) {
	t.Parallel()
	want := map[Vendor]float64{Apollo: 2, Clearbit: 2, Hunter: 2, PDL: 2, BuiltWith: 2, Website: 0}
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	c := known(t)
	for _, v := range Vendors() {
		for _, domain := range []string{c.Domain, c.Domain, "unlisted-company.example"} {
			s.ask(t, lookup(v, domain, Key))
		}
		s.ask(t, request{"/website/" + c.Domain + "/robots.txt", nil})
		got := s.Faults.Counters()[string(v)]
		require.InDelta(t, want[v], got.Credits, 0, v)
		require.Equal(t, 2, got.UniqueLookups, v)
		require.Equal(t, map[string]int{c.Domain: 2, "unlisted-company.example": 1}, got.Lookups, v)
	}
}

func TestByName(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	c := known(t)
	name := strings.ReplaceAll(c.Name, " ", "+")
	for _, path := range []string{"/apollo/organizations/enrich?name=" + name, "/pdl/v5/company/enrich?name=" + name} {
		got := s.ask(t, request{path, map[string]string{"X-Api-Key": Key}})
		require.Contains(t, got.body, c.Domain, path)
	}
	got := s.ask(t, request{"/pdl/v5/company/enrich?min_likelihood=6&name=" + name, map[string]string{"X-Api-Key": Key}})
	require.Equal(t, http.StatusNotFound, got.status, "a name alone is a weak match")
}

func TestRedirectedHomePage(t *testing.T) {
	t.Parallel()
	s := newServer(t, Realistic)
	var tried int
	for _, c := range s.table.companies {
		if s.answer(Website, c.Domain).kind != about || s.chance(Website, c.Domain, "redirected") >= sitesRedirected {
			continue
		}
		tried++
		for _, path := range []string{c.Domain, c.Domain + "/"} {
			res, err := http.Get(s.URL + "/website/" + path)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusOK, res.StatusCode)
			require.Contains(t, string(body), "https://"+c.Domain+"/")
		}
	}
	require.Positive(t, tried)
}

func TestClosedSitesSaySo(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Coverage: Realistic})
	require.NoError(t, err)
	var closed int
	for _, c := range s.table.companies {
		robots := s.ask(t, request{"/website/" + c.Domain + "/robots.txt", nil})
		if strings.Contains(robots.body, "Disallow: /\n") {
			closed++
			require.Empty(t, s.Knows(Website, c.Domain), c.Domain)
		}
	}
	require.Positive(t, closed)
}

func BenchmarkVendors(b *testing.B) {
	s := newServer(b, Realistic)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	all := s.table.companies
	for _, v := range Vendors() {
		b.Run(string(v), func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					q := lookup(v, all[i%len(all)].Domain, Key)
					req, _ := http.NewRequest(http.MethodGet, s.URL+q.path, nil)
					for k, val := range q.header {
						req.Header.Set(k, val)
					}
					res, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			})
		})
	}
}

func BenchmarkHandlers(b *testing.B) {
	s, err := New(Options{Coverage: Realistic})
	require.NoError(b, err)
	all := s.table.companies
	for _, v := range Vendors() {
		b.Run(string(v), func(b *testing.B) {
			for i := range b.N {
				s.ask(b, lookup(v, all[i%len(all)].Domain, Key))
			}
		})
	}
}

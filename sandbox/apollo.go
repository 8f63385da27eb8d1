package sandbox

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// apolloAnswer is the body of organizations/enrich (docs.apollo.io, "Organization
// Enrichment").
type apolloAnswer struct {
	Organization *apolloOrganization `json:"organization"`
}

type apolloOrganization struct {
	ID                  string             `json:"id"`
	Name                string             `json:"name"`
	WebsiteURL          string             `json:"website_url"`
	PrimaryDomain       string             `json:"primary_domain"`
	LinkedInURL         *string            `json:"linkedin_url"`
	LinkedInUID         *string            `json:"linkedin_uid"`
	Industry            *string            `json:"industry"`
	Industries          []string           `json:"industries"`
	SecondaryIndustries []string           `json:"secondary_industries"`
	Keywords            []string           `json:"keywords"`
	Employees           *int               `json:"estimated_num_employees"`
	AnnualRevenue       *int64             `json:"annual_revenue"`
	AnnualRevenueShort  *string            `json:"annual_revenue_printed"`
	FoundedYear         *int               `json:"founded_year"`
	RawAddress          *string            `json:"raw_address"`
	StreetAddress       *string            `json:"street_address"`
	City                *string            `json:"city"`
	State               *string            `json:"state"`
	Country             *string            `json:"country"`
	PostalCode          *string            `json:"postal_code"`
	TechnologyNames     []string           `json:"technology_names"`
	CurrentTechnologies []apolloTechnology `json:"current_technologies"`
	TotalFunding        *int64             `json:"total_funding"`
	TotalFundingShort   *string            `json:"total_funding_printed"`
	FundingStage        *string            `json:"latest_funding_stage"`
	FundingDate         *string            `json:"latest_funding_round_date"`
	FundingEvents       []apolloRound      `json:"funding_events"`
	Symbol              *string            `json:"publicly_traded_symbol"`
	Exchange            *string            `json:"publicly_traded_exchange"`
	HeadCounts          map[string]int     `json:"departmental_head_count"`
	OwnedBy             *string            `json:"owned_by_organization_id"`
	Suborganizations    []string           `json:"suborganizations"`
	NumSuborganizations int                `json:"num_suborganizations"`
}

type apolloTechnology struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	Category string `json:"category"`
}

type apolloRound struct {
	ID        string  `json:"id"`
	Date      string  `json:"date"`
	Type      string  `json:"type"`
	Investors *string `json:"investors"`
	Amount    *string `json:"amount"` // "22M", not a number
	Currency  string  `json:"currency"`
	NewsURL   *string `json:"news_url"`
}

type apollo struct {
	coverage *Coverage
	scene    *scene
	meter    meter
}

func newApollo(s *scene) api {
	a := &apollo{coverage: s.Coverage, scene: s}
	d := fault.Dialect{Refuse: refuseApollo, Lookup: func(r *http.Request) string { return apolloQuery(r).record() }}
	mux := http.NewServeMux()
	for _, base := range []string{"", "/api/v1", "/v1"} {
		mux.HandleFunc("GET "+base+"/organizations/enrich", keyed(apolloKey, d, a.enrich))
		mux.HandleFunc("POST "+base+"/mixed_people/api_search", keyed(apolloKey, d, a.searchPeople))
		mux.HandleFunc("POST "+base+"/people/match", keyed(apolloKey, d, a.matchPerson))
		mux.HandleFunc("GET "+base+"/auth/health", a.health)
	}
	return api{name: string(Apollo), handler: mux, dialect: d}
}

func apolloKey(r *http.Request) string {
	return first(r.Header.Get("X-Api-Key"), authorization(r, "Bearer"))
}

// query is what a request asks for.
type query struct{ domain, name string }

func (q query) record() string { return first(q.domain, strings.ToLower(q.name)) }

func apolloQuery(r *http.Request) query {
	q := r.URL.Query()
	var domain string
	if asked := first(q.Get("domain"), q.Get("website")); asked != "" {
		domain = bare(asked)
	}
	return query{domain: domain, name: q.Get("name")}
}

func (a *apollo) enrich(w http.ResponseWriter, r *http.Request) {
	q := apolloQuery(r)
	if q.record() == "" {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "Please provide at least one of: domain, website, linkedin_url, name"})
		return
	}
	a.limits(w)
	found := a.coverage.lookNamed(r, Apollo, q.domain, q.name)
	if found.kind == unknown {
		a.miss(w, q)
		return
	}
	// Nothing says that a repeated lookup is free, so each is billed.
	fault.Charge(r.Context(), 1)
	writeJSON(w, http.StatusOK, apolloAnswer{apolloOrganizationOf(found, q.domain)})
}

// miss answers an unknown company in one of the two ways that clients have met.
func (a *apollo) miss(w http.ResponseWriter, q query) {
	if a.coverage.chance(Apollo, q.record(), "miss") < 0.3 {
		writeJSON(w, http.StatusOK, struct{}{})
		return
	}
	writeJSON(w, http.StatusOK, apolloAnswer{})
}

// limits writes the headers of the paid plan: 1000 calls a minute, no other cap.
func (a *apollo) limits(w http.ResponseWriter) {
	const perMinute = 1000
	used, total, _ := a.meter.call(time.Now())
	h := w.Header()
	h.Set("x-rate-limit-minute", strconv.Itoa(perMinute))
	h.Set("x-minute-usage", strconv.Itoa(used))
	h.Set("x-minute-requests-left", strconv.Itoa(max(0, perMinute-used)))
	h.Set("x-rate-limit-24-hour", "1000000")
	h.Set("x-24-hour-usage", strconv.Itoa(total))
	h.Set("x-24-hour-requests-left", strconv.Itoa(max(0, 1_000_000-total)))
}

func (a *apollo) health(w http.ResponseWriter, r *http.Request) {
	key := apolloKey(r)
	writeJSON(w, http.StatusOK, map[string]bool{"healthy": true, "is_logged_in": key != "" && key != badKey})
}

func apolloOrganizationOf(found answer, asked string) *apolloOrganization {
	c := &found.company
	label := industryOf(c.Industry).apollo
	o := &apolloOrganization{
		ID: apolloID(c.Domain), Name: c.Name, WebsiteURL: "http://www." + c.Domain, PrimaryDomain: c.Domain,
		Industry: orNull(label), Industries: []string{}, SecondaryIndustries: []string{}, Keywords: lowered(c.Tags),
		Employees: orNull(c.Employees), AnnualRevenue: apolloRevenue(c), FoundedYear: orNull(c.FoundedYear),
		City: orNull(c.City), State: orNull(c.State), Country: orNull(countries[c.Country].name),
		RawAddress:      orNull(joined(c.City, c.State, countries[c.Country].name)),
		TechnologyNames: []string{}, CurrentTechnologies: []apolloTechnology{}, FundingEvents: []apolloRound{},
		HeadCounts: apolloHeadCounts(c.Employees), Suborganizations: []string{},
	}
	if label != "" {
		o.Industries = append(o.Industries, label)
	}
	if c.RevenueUSD > 0 {
		o.AnnualRevenueShort = orNull(printed(c.RevenueUSD))
	}
	if c.LinkedIn != "" {
		o.LinkedInURL = orNull("http://www.linkedin.com/company/" + c.LinkedIn)
		o.LinkedInUID = orNull(strconv.FormatUint(number64(3, c.Domain)%90_000_000+1_000_000, 10))
	}
	if c.CompanyType == "public" {
		o.Symbol, o.Exchange = orNull(ticker(c)), orNull("nasdaq")
	}
	if found.kind == other {
		o.OwnedBy = orNull(apolloID(asked))
	} else if found.owner != "" {
		o.OwnedBy = orNull(apolloID(found.owner))
	}
	o.technologies(c)
	o.funding(c)
	return o
}

// apolloRevenue is null or zero where it is not known: both occur.
func apolloRevenue(c *Company) *int64 {
	if c.RevenueUSD == 0 && number64(4, c.Domain)%2 == 0 {
		return new(int64)
	}
	return orNull(c.RevenueUSD)
}

func (o *apolloOrganization) technologies(c *Company) {
	for _, word := range c.Technologies {
		t := techOf(word)
		o.TechnologyNames = append(o.TechnologyNames, t.name)
		o.CurrentTechnologies = append(o.CurrentTechnologies, apolloTechnology{UID: t.slug, Name: t.name, Category: t.category})
	}
}

func (o *apolloOrganization) funding(c *Company) {
	if c.FundingTotalUSD > 0 {
		o.TotalFunding, o.TotalFundingShort = orNull(c.FundingTotalUSD), orNull(printed(c.FundingTotalUSD))
	}
	if c.FundingStage == "" {
		return
	}
	o.FundingStage = orNull(stageTitle(c.FundingStage))
	if c.LastFundingAt.IsZero() {
		return
	}
	date := c.LastFundingAt.Format("2006-01-02T15:04:05.000-07:00")
	o.FundingDate = &date
	round := apolloRound{ID: apolloID(c.Domain + "/round"), Date: date, Type: *o.FundingStage, Currency: "$"}
	if n := number64(5, c.Domain); n%4 > 0 {
		amount := printed(int64(math.Round(float64(c.FundingTotalUSD)*0.7/1e5)) * 1e5)
		round.Amount, round.Investors = &amount, orNull("Birch Capital, North Fund")
	}
	o.FundingEvents = append(o.FundingEvents, round)
}

// apolloHeadCounts spreads the head count over departments, by Apollo's keys, one of
// which it misspells.
func apolloHeadCounts(employees int) map[string]int {
	if employees == 0 {
		return map[string]int{}
	}
	return map[string]int{
		"engineering": employees * 3 / 10, "sales": employees * 2 / 10, "marketing": employees / 10,
		"support": employees / 10, "media_and_commmunication": employees / 50,
	}
}

// stageTitle writes series_a as Series A.
func stageTitle(stage string) string {
	words := strings.Split(stage, "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

func apolloID(key string) string {
	return fmt.Sprintf("%08x%016x", uint32(number64(6, key)), number64(7, key))
}

// ticker makes up a symbol of four letters.
func ticker(c *Company) string {
	letters := strings.ToUpper(fold(c.Name)) + "XXXX"
	return letters[:4]
}

func refuseApollo(w http.ResponseWriter, _ *http.Request, why fault.Reason, retryAfter time.Duration) {
	switch why {
	case fault.BadKey: // a sentence, not JSON
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte("Invalid access credentials."))
	case fault.NoCredits:
		writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "Insufficient credits. Please upgrade your plan or wait for your credits to renew."})
	case fault.Throttled:
		w.Header().Set("retry-after", fault.Seconds(retryAfter))
		writeJSON(w, http.StatusTooManyRequests, map[string]string{"message": "The maximum number of api calls allowed for api/v1/organizations/enrich is 1000 times per minute. Please upgrade your plan."})
	case fault.Broken, fault.Unavailable, fault.Outage:
		writeJSON(w, why.Status(), map[string]string{"error": "Something went wrong. Please try again later."})
	}
}

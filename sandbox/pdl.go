package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// pdlCompany is the body of v5/company/enrich (docs.peopledatalabs.com, "Output
// Response - Company Enrichment API"), with the premium inferred_revenue.
type pdlCompany struct {
	Status              int         `json:"status"`
	Likelihood          int         `json:"likelihood"`
	ID                  string      `json:"id"`
	Name                string      `json:"name"` // lower case
	DisplayName         string      `json:"display_name"`
	Size                *string     `json:"size"`
	EmployeeCount       *int        `json:"employee_count"`
	Founded             *int        `json:"founded"`
	Industry            *string     `json:"industry"`
	IndustryV2          *string     `json:"industry_v2"`
	NAICS               []pdlNAICS  `json:"naics"`
	SIC                 []string    `json:"sic"`
	Location            pdlLocation `json:"location"`
	LinkedInID          *string     `json:"linkedin_id"`
	LinkedInURL         *string     `json:"linkedin_url"` // no scheme
	LinkedInSlug        *string     `json:"linkedin_slug"`
	FacebookURL         *string     `json:"facebook_url"`
	TwitterURL          *string     `json:"twitter_url"`
	Profiles            []string    `json:"profiles"`
	Website             string      `json:"website"`
	Ticker              *string     `json:"ticker"`
	MICExchange         *string     `json:"mic_exchange"`
	GICSSector          *string     `json:"gics_sector"`
	Type                *string     `json:"type"`
	Tags                []string    `json:"tags"`
	Summary             *string     `json:"summary"`
	Headline            *string     `json:"headline"`
	AlternativeNames    []string    `json:"alternative_names"`
	AlternativeDomains  []string    `json:"alternative_domains"`
	AffiliatedProfiles  []string    `json:"affiliated_profiles"`
	TotalFundingRaised  *int64      `json:"total_funding_raised"`
	LatestFundingStage  *string     `json:"latest_funding_stage"`
	LastFundingDate     *string     `json:"last_funding_date"`
	NumberFundingRounds *int        `json:"number_funding_rounds"`
	FundingStages       []string    `json:"funding_stages"`
	InferredRevenue     *string     `json:"inferred_revenue"`
	DatasetVersion      string      `json:"dataset_version"`
}

type pdlNAICS struct {
	Code             string  `json:"naics_code"`
	Sector           *string `json:"sector"`
	SubSector        *string `json:"sub_sector"`
	IndustryGroup    *string `json:"industry_group"`
	NAICSIndustry    *string `json:"naics_industry"`
	NationalIndustry *string `json:"national_industry"`
}

type pdlLocation struct {
	Name          *string `json:"name"`
	Locality      *string `json:"locality"`
	Region        *string `json:"region"`
	Metro         *string `json:"metro"`
	Country       *string `json:"country"`
	Continent     *string `json:"continent"`
	StreetAddress *string `json:"street_address"`
	AddressLine2  *string `json:"address_line_2"`
	PostalCode    *string `json:"postal_code"`
	Geo           *string `json:"geo"`
}

type pdl struct {
	coverage *Coverage
	meter    meter
}

func newPDL(c *Coverage) api {
	p := &pdl{coverage: c}
	d := fault.Dialect{Refuse: refusePDL, Lookup: func(r *http.Request) string { return pdlQuery(r).record() }}
	mux := http.NewServeMux()
	for _, base := range []string{"", "/v5"} {
		mux.HandleFunc("GET "+base+"/company/enrich", keyed(pdlKey, d, p.enrich))
		mux.HandleFunc(base+"/company/enrich", func(w http.ResponseWriter, _ *http.Request) {
			pdlRefusal(w, http.StatusMethodNotAllowed, "invalid_request_error", "Method not allowed")
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		pdlRefusal(w, http.StatusNotFound, "not_found", "The requested endpoint does not exist")
	})
	return api{name: string(PDL), handler: mux, dialect: d}
}

func pdlKey(r *http.Request) string {
	return first(r.Header.Get("X-Api-Key"), r.URL.Query().Get("api_key"))
}

func pdlQuery(r *http.Request) query {
	q := r.URL.Query()
	var domain string
	if website := q.Get("website"); website != "" {
		domain = bare(website)
	}
	return query{domain: domain, name: q.Get("name")}
}

func (p *pdl) enrich(w http.ResponseWriter, r *http.Request) {
	q := pdlQuery(r)
	if q.record() == "" {
		pdlRefusal(w, http.StatusBadRequest, "invalid_request_error", "Request must contain one of: name, website, profile, ticker, pdl_id")
		return
	}
	found := p.coverage.lookNamed(r, PDL, q.domain, q.name)
	atLeast, _ := strconv.Atoi(r.URL.Query().Get("min_likelihood"))
	company := pdlCompanyOf(found, q.domain != "")
	if found.kind == unknown || company.Likelihood < atLeast {
		p.limits(w, 0)
		pdlRefusal(w, http.StatusNotFound, "not_found", "No records were found matching your request")
		return
	}
	fault.Charge(r.Context(), 1)
	p.limits(w, 1)
	writeJSON(w, http.StatusOK, company)
}

// limits writes the headers; two of them hold a Python dict, not JSON.
func (p *pdl) limits(w http.ResponseWriter, spent int) {
	const perMinute, plan = 1000, 100_000
	used, total, reset := p.meter.call(time.Now())
	h := w.Header()
	h.Set("x-ratelimit-limit", "{'minute': "+strconv.Itoa(perMinute)+"}")
	h.Set("x-ratelimit-remaining", "{'minute': "+strconv.Itoa(max(0, perMinute-used))+"}")
	h.Set("x-ratelimit-reset", reset.Format(time.RFC3339))
	h.Set("x-call-credits-spent", strconv.Itoa(spent))
	h.Set("x-call-credits-type", "enrich_company")
	h.Set("x-totallimit-remaining", strconv.Itoa(max(0, plan-total)))
	h.Set("x-totallimit-overages-remaining", "0")
	h.Set("x-lifetime-used", strconv.Itoa(total))
}

func pdlCompanyOf(found answer, byDomain bool) pdlCompany {
	c := &found.company
	ind := industryOf(c.Industry)
	out := pdlCompany{
		Status: http.StatusOK, Likelihood: 6, ID: "pdl-" + uuid("pdl/" + c.Domain)[:8], Name: strings.ToLower(c.Name), DisplayName: c.Name,
		Size: orNull(bandOf(int64(disputed(c, 11)), pdlSizes)), EmployeeCount: orNull(c.Employees), Founded: orNull(c.FoundedYear),
		Industry: orNull(ind.pdl), IndustryV2: orNull(ind.pdlV2), Location: pdlLocationOf(c), Website: c.Domain,
		Profiles: []string{}, Type: pdlType(c.CompanyType), Summary: orNull(strings.ToLower(c.Description)),
		AlternativeNames: []string{strings.ToLower(c.Name) + " ltd"}, AlternativeDomains: orEmpty(found.domains), AffiliatedProfiles: []string{}, FundingStages: []string{},
		TotalFundingRaised: orNull(c.FundingTotalUSD), LatestFundingStage: orNull(c.FundingStage),
		InferredRevenue: orNull(bandOf(c.RevenueUSD, pdlRevenues)), DatasetVersion: "31.0",
	}
	if !byDomain {
		out.Likelihood = 4 // a name alone is a weak match
	}
	if len(c.Tags) > 0 { // null where there are none
		out.Tags = lowered(c.Tags)
	}
	if ind.naics != "" {
		out.NAICS = []pdlNAICS{{Code: ind.naics}}
	}
	if c.LinkedIn != "" {
		out.LinkedInURL, out.LinkedInSlug = orNull("linkedin.com/company/"+c.LinkedIn), orNull(c.LinkedIn)
		out.LinkedInID = orNull(strconv.FormatUint(number64(3, c.Domain)%90_000_000+1_000_000, 10))
		out.Profiles = []string{*out.LinkedInURL}
	}
	if c.CompanyType == "public" {
		out.Ticker, out.MICExchange = orNull(ticker(c)), orNull("xnas")
	}
	if c.FundingStage != "" {
		out.FundingStages, out.NumberFundingRounds = []string{c.FundingStage}, orNull(1)
	}
	if !c.LastFundingAt.IsZero() {
		out.LastFundingDate = orNull(c.LastFundingAt.Format(time.DateOnly))
	}
	return out
}

func pdlLocationOf(c *Company) pdlLocation {
	country := countries[c.Country]
	city, region, name := strings.ToLower(c.City), strings.ToLower(c.State), strings.ToLower(country.name)
	return pdlLocation{
		Name: orNull(joined(city, region, name)), Locality: orNull(city), Region: orNull(region),
		Country: orNull(name), Continent: orNull(country.continent),
	}
}

func pdlType(companyType string) *string {
	if companyType == "education" {
		return orNull("educational")
	}
	return orNull(companyType)
}

func pdlRefusal(w http.ResponseWriter, status int, kind, message string) {
	type problem struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	writeJSON(w, status, struct {
		Status int     `json:"status"`
		Error  problem `json:"error"`
	}{status, problem{kind, message}})
}

func refusePDL(w http.ResponseWriter, _ *http.Request, why fault.Reason, retryAfter time.Duration) {
	switch why {
	case fault.BadKey:
		pdlRefusal(w, http.StatusUnauthorized, "authentication_error", "Request contained a missing or invalid key")
	case fault.NoCredits:
		w.Header().Set("x-totallimit-remaining", "0")
		pdlRefusal(w, http.StatusPaymentRequired, "payment_required", "You have hit your account maximum for this month (all matches used)")
	case fault.Throttled: // there is no Retry-After
		w.Header().Set("x-ratelimit-remaining", "{'minute': 0}")
		w.Header().Set("x-ratelimit-reset", ceilSecond(time.Now().Add(retryAfter)).UTC().Format(time.RFC3339))
		pdlRefusal(w, http.StatusTooManyRequests, "rate_limit_error", "An error occurred due to requests hitting the API too quick")
	case fault.Broken, fault.Unavailable, fault.Outage:
		pdlRefusal(w, why.Status(), "api_error", "The server encountered an unexpected condition")
	}
}

package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// clearbitCompany is the body of v2/companies/find (Clearbit's Enrichment API).
type clearbitCompany struct {
	ID             string           `json:"id"`
	Name           string           `json:"name"`
	LegalName      *string          `json:"legalName"`
	Domain         string           `json:"domain"`
	DomainAliases  []string         `json:"domainAliases"`
	Category       clearbitCategory `json:"category"`
	Tags           []string         `json:"tags"`
	Description    *string          `json:"description"`
	FoundedYear    *int             `json:"foundedYear"`
	Geo            clearbitGeo      `json:"geo"`
	LinkedIn       handle           `json:"linkedin"`
	Twitter        handle           `json:"twitter"`
	Facebook       handle           `json:"facebook"`
	Crunchbase     handle           `json:"crunchbase"`
	Type           *string          `json:"type"`
	Ticker         *string          `json:"ticker"`
	Identifiers    clearbitIDs      `json:"identifiers"`
	Metrics        clearbitMetrics  `json:"metrics"`
	Tech           []string         `json:"tech"`
	TechCategories []string         `json:"techCategories"`
	Parent         parent           `json:"parent"`
	UltimateParent parent           `json:"ultimateParent"`
	EmailProvider  bool             `json:"emailProvider"`
	IndexedAt      string           `json:"indexedAt"`
}

type clearbitCategory struct {
	Sector          *string  `json:"sector"`
	IndustryGroup   *string  `json:"industryGroup"`
	Industry        *string  `json:"industry"`
	SubIndustry     *string  `json:"subIndustry"`
	GICSCode        *string  `json:"gicsCode"`
	SICCode         *string  `json:"sicCode"`
	SIC4Codes       []string `json:"sic4Codes"`
	NAICSCode       *string  `json:"naicsCode"`
	NAICS6Codes     []string `json:"naics6Codes"`
	NAICS6Codes2022 []string `json:"naics6Codes2022"`
}

type clearbitGeo struct {
	StreetNumber  *string  `json:"streetNumber"`
	StreetName    *string  `json:"streetName"`
	SubPremise    *string  `json:"subPremise"`
	StreetAddress *string  `json:"streetAddress"`
	City          *string  `json:"city"`
	PostalCode    *string  `json:"postalCode"`
	State         *string  `json:"state"`
	StateCode     *string  `json:"stateCode"`
	Country       *string  `json:"country"`
	CountryCode   *string  `json:"countryCode"`
	Lat           *float64 `json:"lat"`
	Lng           *float64 `json:"lng"`
}

type clearbitIDs struct {
	USEIN *string `json:"usEIN"`
	USCIK *string `json:"usCIK"`
}

type clearbitMetrics struct {
	Employees        *int    `json:"employees"`
	EmployeesRange   *string `json:"employeesRange"`
	Raised           *int64  `json:"raised"`
	AnnualRevenue    *int64  `json:"annualRevenue"`
	EstimatedRevenue *string `json:"estimatedAnnualRevenue"`
	MarketCap        *int64  `json:"marketCap"`
	AlexaUSRank      *int    `json:"alexaUsRank"`
	AlexaGlobalRank  *int    `json:"alexaGlobalRank"`
	TrafficRank      *string `json:"trafficRank"`
	FiscalYearEnd    *int    `json:"fiscalYearEnd"`
}

type handle struct {
	Handle *string `json:"handle"`
}

type parent struct {
	Domain *string `json:"domain"`
}

type clearbit struct {
	coverage *Coverage
	meter    meter
}

func newClearbit(c *Coverage) api {
	cb := &clearbit{coverage: c}
	d := fault.Dialect{Refuse: cb.refuse, Lookup: domainQuery}
	mux := http.NewServeMux()
	for _, base := range []string{"", "/v2"} {
		mux.HandleFunc("GET "+base+"/companies/find", keyed(clearbitKey, d, cb.find))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusNotFound, clearbitProblem("unknown_route", "Unknown route"))
	})
	return api{name: string(Clearbit), handler: mux, dialect: d}
}

// domainQuery is the record that ?domain= asks about.
func domainQuery(r *http.Request) string {
	domain := r.URL.Query().Get("domain")
	if domain == "" {
		return ""
	}
	return bare(domain)
}

func clearbitKey(r *http.Request) string {
	user, _, _ := r.BasicAuth()
	return first(user, authorization(r, "Bearer"))
}

func (cb *clearbit) find(w http.ResponseWriter, r *http.Request) {
	cb.limits(w)
	domain := domainQuery(r)
	if domain == "" {
		writeJSON(w, http.StatusUnprocessableEntity, clearbitProblem("params_invalid", "A domain is required"))
		return
	}
	fault.ChargeOnce(r.Context(), domain, 1) // found, queued or not
	if fault.Pending(r.Context()) {
		cb.queued(w, domain)
		return
	}
	found := cb.coverage.look(r, Clearbit, domain)
	if found.kind == unknown {
		writeJSON(w, http.StatusNotFound, clearbitProblem("unknown_record", "Company not found."))
		return
	}
	writeJSON(w, http.StatusOK, clearbitCompanyOf(found, domain, cb.coverage.table.at))
}

// queued says "come back", with or without the body that older answers had.
func (cb *clearbit) queued(w http.ResponseWriter, domain string) {
	if cb.coverage.chance(Clearbit, domain, "queued") < 0.5 {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	writeJSON(w, http.StatusAccepted, clearbitProblem("queued", "Your request has been queued. Please try again later."))
}

const clearbitPerMinute = 600

// limits writes the headers that even refusals carry, since these use up the limit.
func (cb *clearbit) limits(w http.ResponseWriter) {
	used, _, reset := cb.meter.call(time.Now())
	h := w.Header()
	h.Set("X-API-Version", "2019-12-19")
	h.Set("x-ratelimit-limit", strconv.Itoa(clearbitPerMinute))
	h.Set("x-ratelimit-remaining", strconv.Itoa(max(0, clearbitPerMinute-used)))
	h.Set("x-ratelimit-reset", strconv.FormatInt(reset.Unix(), 10))
}

func clearbitCompanyOf(found answer, asked string, at time.Time) clearbitCompany {
	c := &found.company
	out := clearbitCompany{
		ID: uuid("clearbit/" + c.Domain), Name: c.Name, LegalName: orNull(c.Name), Domain: c.Domain, DomainAliases: orEmpty(found.domains),
		Category: categoryOf(c), Tags: clearbitTags(c.Tags), Description: orNull(c.Description), FoundedYear: orNull(c.FoundedYear),
		Geo: geoOf(c), Type: orNull(c.CompanyType), Tech: []string{}, TechCategories: []string{},
		Metrics: clearbitMetrics{
			Employees: orNull(c.Employees), EmployeesRange: orNull(bandOf(int64(disputed(c, 8)), clearbitSizes)),
			Raised: orNull(c.FundingTotalUSD), EstimatedRevenue: orNull(bandOf(c.RevenueUSD, clearbitRevenues)), TrafficRank: orNull("medium"),
		},
		IndexedAt: found.indexed(at, 8).Format("2006-01-02T15:04:05.000Z"),
	}
	if c.LinkedIn != "" {
		out.LinkedIn.Handle = orNull("company/" + c.LinkedIn)
	}
	if c.CompanyType == "public" {
		out.Ticker = orNull(ticker(c))
	}
	if found.kind == other {
		out.Parent.Domain, out.UltimateParent.Domain = &asked, &asked
	} else if found.owner != "" {
		out.Parent.Domain, out.UltimateParent.Domain = &found.owner, &found.owner
	}
	for _, word := range c.Technologies {
		t := techOf(word)
		out.Tech = append(out.Tech, t.slug)
		out.TechCategories = append(out.TechCategories, t.kind)
	}
	return out
}

// disputed is the head count that the range beside an exact count is made from. In
// one record of eight it is another one: real ranges are reported by the companies
// themselves, and contradict the count.
func disputed(c *Company, salt uint64) int {
	if number64(salt, c.Domain)%8 == 0 {
		return c.Employees * 2
	}
	return c.Employees
}

func categoryOf(c *Company) clearbitCategory {
	ind := industryOf(c.Industry)
	cat := clearbitCategory{
		Sector: orNull(ind.sector), IndustryGroup: orNull(ind.group), Industry: orNull(ind.name), SubIndustry: orNull(ind.sub),
		GICSCode: orNull(ind.gics), SICCode: orNull(ind.sic), SIC4Codes: []string{}, NAICS6Codes: []string{}, NAICS6Codes2022: []string{},
	}
	if ind.naics != "" {
		cat.SIC4Codes = []string{ind.sic + "99"}
		cat.NAICSCode = orNull(ind.naics[:2])
		cat.NAICS6Codes = []string{ind.naics}
		cat.NAICS6Codes2022 = []string{ind.naics}
	}
	return cat
}

func geoOf(c *Company) clearbitGeo {
	return clearbitGeo{
		City: orNull(c.City), State: orNull(c.State), StateCode: orNull(stateCode(c.State)),
		Country: orNull(countries[c.Country].name), CountryCode: orNull(c.Country),
	}
}

var stateCodes = map[string]string{
	"Texas": "TX", "California": "CA", "New York": "NY", "Massachusetts": "MA", "Illinois": "IL", "Colorado": "CO", "Washington": "WA",
	"Georgia": "GA", "North Carolina": "NC", "Oregon": "OR", "Minnesota": "MN", "Ohio": "OH", "Ontario": "ON", "British Columbia": "BC",
	"England": "ENG", "Scotland": "SCT", "New South Wales": "NSW", "Victoria": "VIC",
}

func stateCode(state string) string {
	if len(state) == 2 {
		return state // a file that writes codes
	}
	return stateCodes[state]
}

// clearbitTags writes topics with a capital and the markers of a business model as
// Clearbit has them.
func clearbitTags(tags []string) []string {
	out := make([]string, len(tags))
	for i, tag := range tags {
		if out[i] = clearbitMarkers[fold(tag)]; out[i] == "" {
			out[i] = strings.ToUpper(tag[:1]) + tag[1:]
		}
	}
	return out
}

func clearbitProblem(kind, message string) any {
	type problem struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	return map[string]problem{"error": {kind, message}}
}

func (cb *clearbit) refuse(w http.ResponseWriter, r *http.Request, why fault.Reason, retryAfter time.Duration) {
	cb.limits(w)
	switch why {
	case fault.BadKey:
		kind := "invalid_api_key"
		if clearbitKey(r) == "" {
			kind = "auth_required"
		}
		writeJSON(w, http.StatusUnauthorized, clearbitProblem(kind, "Invalid API key provided."))
	case fault.NoCredits: // the status is not documented; clients match on the type
		writeJSON(w, http.StatusPaymentRequired, clearbitProblem("over_quota", "Your account is over its quota."))
	case fault.Throttled: // there is no Retry-After
		w.Header().Set("x-ratelimit-remaining", "0")
		w.Header().Set("x-ratelimit-reset", strconv.FormatInt(ceilSecond(time.Now().Add(retryAfter)).Unix(), 10))
		writeJSON(w, http.StatusTooManyRequests, clearbitProblem("rate_limit", "Rate limit exceeded."))
	case fault.Broken, fault.Unavailable, fault.Outage:
		writeJSON(w, why.Status(), clearbitProblem("internal_error", "An internal error occurred."))
	}
}

// ceilSecond rounds up, so that who comes back at the second written is not early.
func ceilSecond(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

package sandbox

import (
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// hunterAnswer is the body of v2/companies/find (hunter.io, "Company Enrichment"):
// Clearbit's layout with differences of its own.
type hunterAnswer struct {
	Data hunterCompany `json:"data"`
	Meta struct{}      `json:"meta"`
}

type hunterCompany struct {
	ID             string           `json:"id"`
	Name           string           `json:"name"`
	LegalName      *string          `json:"legalName"`
	Domain         string           `json:"domain"`
	DomainAliases  []string         `json:"domainAliases"`
	Category       clearbitCategory `json:"category"`
	Tags           []string         `json:"tags"`
	Description    *string          `json:"description"`
	FoundedYear    *int             `json:"foundedYear"`
	Location       *string          `json:"location"`
	Geo            clearbitGeo      `json:"geo"`
	LinkedIn       handle           `json:"linkedin"`
	Twitter        handle           `json:"twitter"`
	Facebook       handle           `json:"facebook"`
	Crunchbase     handle           `json:"crunchbase"`
	Instagram      *handle          `json:"instagram,omitempty"`
	EmailProvider  *string          `json:"emailProvider"`
	Type           *string          `json:"type"`
	CompanyType    *string          `json:"company_type,omitempty"`
	Ticker         *string          `json:"ticker"`
	Metrics        hunterMetrics    `json:"metrics"`
	Tech           []string         `json:"tech"`
	TechCategories []string         `json:"techCategories"`
	FundingRounds  []string         `json:"fundingRounds"` // empty in every published answer
	Parent         parent           `json:"parent"`
	UltimateParent parent           `json:"ultimateParent"`
	IndexedAt      string           `json:"indexedAt"` // a date
}

type hunterMetrics struct {
	TrafficRank      *string `json:"trafficRank"`
	Employees        *string `json:"employees"` // a range
	Raised           *int64  `json:"raised"`
	AnnualRevenue    *int64  `json:"annualRevenue"`
	EstimatedRevenue *string `json:"estimatedAnnualRevenue"`
}

type hunterProblems struct {
	Errors []hunterProblem `json:"errors"`
}

type hunterProblem struct {
	ID      string `json:"id"`
	Code    int    `json:"code"`
	Details string `json:"details"`
}

type hunter struct {
	coverage *Coverage
	meter    meter
}

func newHunter(c *Coverage) api {
	h := &hunter{coverage: c}
	d := fault.Dialect{Refuse: refuseHunter, Lookup: domainQuery}
	mux := http.NewServeMux()
	for _, base := range []string{"", "/v2"} {
		mux.HandleFunc("GET "+base+"/companies/find", keyed(hunterKey, d, h.find))
		mux.HandleFunc("GET "+base+"/account", keyed(hunterKey, d, h.account))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		hunterRefusal(w, http.StatusNotFound, "not_found", "The requested endpoint does not exist.")
	})
	return api{name: string(Hunter), handler: mux, dialect: d}
}

func hunterKey(r *http.Request) string {
	return first(r.Header.Get("X-Api-Key"), authorization(r, "Bearer"), r.URL.Query().Get("api_key"))
}

func (h *hunter) find(w http.ResponseWriter, r *http.Request) {
	domain := domainQuery(r)
	if domain == "" {
		hunterRefusal(w, http.StatusBadRequest, "wrong_params", "You must supply a domain.")
		return
	}
	found := h.coverage.look(r, Hunter, domain)
	switch {
	case found.kind != unknown:
		fault.Charge(r.Context(), 1)
		h.meter.call(time.Now())
		writeJSON(w, http.StatusOK, hunterAnswer{Data: hunterCompanyOf(found, domain, h.coverage.table.at)})
	case h.coverage.chance(Hunter, domain, "removed") < 0.03:
		hunterRefusal(w, http.StatusUnavailableForLegalReasons, "claimed_domain", "The data of this company was removed at its request.")
	default:
		hunterRefusal(w, http.StatusNotFound, "not_found", "The company was not found.")
	}
}

// account is the free look at the plan.
func (h *hunter) account(w http.ResponseWriter, _ *http.Request) {
	h.meter.mu.Lock()
	used := h.meter.total
	h.meter.mu.Unlock()
	type use struct {
		Used      int `json:"used"`
		Available int `json:"available"`
	}
	now := time.Now().UTC()
	writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{
		"email": "sandbox@sluice.example", "plan_name": "Growth",
		"reset_date": time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
		"requests":   map[string]use{"searches": {used, 10_000}, "verifications": {0, 20_000}},
	}})
}

func hunterCompanyOf(found answer, asked string, at time.Time) hunterCompany {
	c := &found.company
	out := hunterCompany{
		ID: uuid("hunter/" + c.Domain), Name: c.Name, LegalName: orNull(c.Name), Domain: c.Domain, DomainAliases: orEmpty(found.domains),
		Category: hunterCategoryOf(c), Tags: lowered(c.Tags), Description: orNull(c.Description), FoundedYear: orNull(c.FoundedYear),
		Location: orNull(joined(c.City, c.State, countries[c.Country].name)), Geo: geoOf(c),
		EmailProvider: orNull("google.com"), Type: orNull(c.CompanyType), Tech: []string{}, TechCategories: []string{}, FundingRounds: []string{},
		Metrics:   hunterMetrics{TrafficRank: orNull("medium"), Employees: orNull(bandOf(int64(c.Employees), clearbitSizes))},
		IndexedAt: found.indexed(at, 9).Format(time.DateOnly),
	}
	switch c.CompanyType {
	case "private":
		out.CompanyType = orNull("privately held")
	case "public":
		out.CompanyType, out.Ticker = orNull("public company"), orNull(ticker(c))
	}
	if c.LinkedIn != "" {
		out.LinkedIn.Handle = orNull("company/" + c.LinkedIn)
	}
	if number64(10, c.Domain)%3 == 0 { // either of the extra handles may be missing
		out.Instagram = &handle{}
	}
	if found.kind == other {
		out.Parent.Domain, out.UltimateParent.Domain = &asked, &asked
	}
	for _, word := range c.Technologies {
		t := techOf(word)
		out.Tech = append(out.Tech, strings.ReplaceAll(t.slug, "_", "-"))
		out.TechCategories = append(out.TechCategories, t.kind)
	}
	return out
}

// hunterCategoryOf is Clearbit's, with codes of two digits.
func hunterCategoryOf(c *Company) clearbitCategory {
	cat := categoryOf(c)
	if cat.SICCode != nil {
		cat.SIC4Codes = []string{*cat.SICCode}
	}
	return cat
}

func hunterRefusal(w http.ResponseWriter, status int, id, details string) {
	writeJSON(w, status, hunterProblems{[]hunterProblem{{id, status, details}}})
}

// refuseHunter has 403 and 429 the other way round than everybody else.
func refuseHunter(w http.ResponseWriter, _ *http.Request, why fault.Reason, _ time.Duration) {
	switch why {
	case fault.BadKey:
		hunterRefusal(w, http.StatusUnauthorized, "authentication_failed", "No user found for the API key supplied.")
	case fault.NoCredits:
		hunterRefusal(w, http.StatusTooManyRequests, "too_many_requests", "You've reached the usage limit of your plan. Upgrade your plan if necessary.")
	case fault.Throttled: // no header says for how long
		hunterRefusal(w, http.StatusForbidden, "rate_limit", "You've reached the rate limit. Please slow down.")
	case fault.Broken, fault.Unavailable, fault.Outage:
		hunterRefusal(w, why.Status(), "server_error", "Something went wrong on our side.")
	}
}

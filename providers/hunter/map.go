package hunter

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

// How far Hunter is believed. Its head counts are ranges, which package providers
// holds down to 0.6.
const (
	sureIdentity     = 0.9
	sureCountry      = 0.9
	surePlace        = 0.85
	sureEmployees    = 0.8
	sureIndustry     = 0.8
	sureCode         = 0.75 // an industry by its six-digit code
	sureSector       = 0.7  // by its group or sector, if nothing narrower is known
	sureSectorCode   = 0.6  // by two digits
	sureTechnologies = 0.8
	sureType         = 0.85
	sureFounded      = 0.8
	sureRevenue      = 0.75
	sureFunding      = 0.75
	sureTags         = 0.7
)

// company is Clearbit's layout with Hunter's own types in places.
type company struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	LegalName string   `json:"legalName"`
	Domain    string   `json:"domain"`
	Aliases   []string `json:"domainAliases"`

	Category    category `json:"category"`
	Tags        []string `json:"tags"`
	Description string   `json:"description"`
	Founded     *float64 `json:"foundedYear"`
	Geo         struct {
		City        string `json:"city"`
		State       string `json:"state"`
		Country     string `json:"country"`
		CountryCode string `json:"countryCode"`
	} `json:"geo"`
	LinkedIn struct {
		Handle string `json:"handle"`
	} `json:"linkedin"`
	Type    string `json:"type"`
	Kind    string `json:"company_type"` // "privately held"; missing in some records
	Metrics struct {
		Employees        headcount `json:"employees"`
		Raised           *float64  `json:"raised"`
		AnnualRevenue    *float64  `json:"annualRevenue"`
		EstimatedRevenue string    `json:"estimatedAnnualRevenue"`
	} `json:"metrics"`
	Tech      []string `json:"tech"`
	Rounds    []round  `json:"fundingRounds"`
	IndexedAt string   `json:"indexedAt"`
}

type category struct {
	Sector        string   `json:"sector"`
	IndustryGroup string   `json:"industryGroup"`
	Industry      string   `json:"industry"`
	SubIndustry   string   `json:"subIndustry"`
	GICS          string   `json:"gicsCode"`
	NAICS         string   `json:"naicsCode"`
	NAICS6        []string `json:"naics6Codes"`
	NAICS2022     []string `json:"naics6Codes2022"`
}

type round struct {
	Series string `json:"series"`
	Date   string `json:"announcedDate"`
}

// headcount is a range in a text; one description of the API has it as a number.
type headcount struct {
	exact *float64
	band  string
}

// UnmarshalJSON implements json.Unmarshaler. It never fails, see [providers.Decode].
func (h *headcount) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &h.exact) != nil {
		_ = json.Unmarshal(b, &h.band) // what is neither is unknown
	}
	return nil
}

// Map implements [providers.Provider].
func (c *Client) Map(body []byte, at time.Time) (providers.Answer, error) {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if err := providers.Decode(body, &envelope); err != nil {
		return providers.Answer{}, err
	}
	var co company
	if err := providers.Decode(envelope.Data, &co); err != nil {
		return providers.Answer{}, err
	}
	if co.ID == "" && co.Domain == "" && co.Name == "" {
		return providers.Answer{}, errors.New("no company in the body")
	}
	return providers.Answer{
		Outcome: outbound.Found, Name: cmp.Or(co.Name, co.LegalName), Domain: co.Domain, Aliases: co.Aliases,
		RecordID: co.ID, Facts: co.facts(at), Credits: hitCredits, Body: body,
	}, nil
}

func (co *company) facts(at time.Time) []account.Fact {
	f := providers.NewFacts(name, providers.SeenAt(co.IndexedAt, at))
	f.Text(account.Name, cmp.Or(co.Name, co.LegalName), sureIdentity)
	f.LinkedIn(co.LinkedIn.Handle, sureIdentity)
	f.Text(account.Description, co.Description, sureTags)
	co.Category.industry(f)
	f.Employees(co.Metrics.Employees.exact, co.Metrics.Employees.band, sureEmployees)
	f.Revenue(co.Metrics.AnnualRevenue, co.Metrics.EstimatedRevenue, sureRevenue)
	f.Number(account.FundingTotalUSD, co.Metrics.Raised, sureFunding)
	f.Country(cmp.Or(co.Geo.CountryCode, co.Geo.Country), sureCountry)
	f.Text(account.State, co.Geo.State, surePlace)
	f.Text(account.City, co.Geo.City, surePlace)
	f.Technologies(co.Tech, sureTechnologies)
	f.Number(account.FoundedYear, co.Founded, sureFounded)
	stage, date := co.lastRound()
	f.FundingStage(stage, sureFunding)
	f.Date(account.LastFundingAt, date, sureFunding)
	f.CompanyType(co.Type, sureType)
	f.CompanyType(co.Kind, sureType)
	f.BusinessModel(co.Tags, sureTags)
	f.List(account.Tags, co.Tags, sureTags)
	return f.All()
}

// industry prefers the labels; many records have the codes alone, and some only
// their first two digits.
func (c *category) industry(f *providers.Facts) {
	f.Industry(sureIndustry, c.SubIndustry, c.Industry)
	for _, code := range slices.Concat(c.NAICS2022, c.NAICS6) {
		if word, ok := vocabulary.IndustryByNAICS(code); ok {
			f.Text(account.Industry, word, sureCode)
		}
	}
	if word, ok := vocabulary.IndustryByGICS(c.GICS); ok {
		f.Text(account.Industry, word, sureCode)
	}
	f.Industry(sureSector, c.IndustryGroup, c.Sector)
	if word, ok := vocabulary.IndustryByNAICS(c.NAICS); ok {
		f.Text(account.Industry, word, sureSectorCode)
	}
}

// lastRound is the latest by date. A series may be a bare letter.
func (co *company) lastRound() (stage string, date time.Time) {
	for _, r := range co.Rounds {
		if on := providers.Time(r.Date); on.After(date) {
			stage, date = r.Series, on
		}
	}
	if s := strings.TrimSpace(stage); len(s) == 1 {
		stage = "series " + s
	}
	return stage, date
}

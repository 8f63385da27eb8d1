package clearbit

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

// How far Clearbit is believed. Ranges and revenue bands are estimates, which
// package providers holds down to 0.6.
const (
	sureIdentity     = 0.9
	sureCountry      = 0.9
	surePlace        = 0.85
	sureEmployees    = 0.85
	sureIndustry     = 0.85
	sureCode         = 0.75 // an industry by its code
	sureSector       = 0.7  // by its group or sector, if nothing narrower is known
	sureTechnologies = 0.85 // seen on the company's own pages
	sureType         = 0.85
	sureFounded      = 0.8
	sureRevenue      = 0.75
	sureFunding      = 0.75
	sureTags         = 0.8
)

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
	Metrics struct {
		Employees        *float64 `json:"employees"`
		EmployeesRange   string   `json:"employeesRange"`
		Raised           *float64 `json:"raised"`
		AnnualRevenue    *float64 `json:"annualRevenue"`
		EstimatedRevenue string   `json:"estimatedAnnualRevenue"`
	} `json:"metrics"`
	Tech      []string `json:"tech"`
	IndexedAt string   `json:"indexedAt"`
}

type category struct {
	Sector        string   `json:"sector"`
	IndustryGroup string   `json:"industryGroup"`
	Industry      string   `json:"industry"`
	SubIndustry   string   `json:"subIndustry"`
	GICS          string   `json:"gicsCode"`
	SIC           []string `json:"sic4Codes"`
	NAICS         []string `json:"naics6Codes"`
	NAICS2022     []string `json:"naics6Codes2022"`
}

// Map implements [providers.Provider].
func (c *Client) Map(body []byte, at time.Time) (providers.Answer, error) {
	var co company
	if err := providers.Decode(body, &co); err != nil {
		return providers.Answer{}, err
	}
	if co.ID == "" && co.Domain == "" && co.Name == "" {
		return providers.Answer{}, errors.New("no company in the body")
	}
	return providers.Answer{
		Outcome: outbound.Found, Name: cmp.Or(co.Name, co.LegalName), Domain: co.Domain, Aliases: co.Aliases,
		RecordID: co.ID, Facts: co.facts(at), Credits: credits, Body: body,
	}, nil
}

func (co *company) facts(at time.Time) []account.Fact {
	f := providers.NewFacts(name, providers.SeenAt(co.IndexedAt, at))
	f.Text(account.Name, cmp.Or(co.Name, co.LegalName), sureIdentity)
	f.LinkedIn(co.LinkedIn.Handle, sureIdentity)
	f.Text(account.Description, co.Description, sureTags)
	co.Category.industry(f)
	f.Employees(co.Metrics.Employees, co.Metrics.EmployeesRange, sureEmployees)
	f.Revenue(co.Metrics.AnnualRevenue, co.Metrics.EstimatedRevenue, sureRevenue)
	f.Number(account.FundingTotalUSD, co.Metrics.Raised, sureFunding)
	f.Country(cmp.Or(co.Geo.CountryCode, co.Geo.Country), sureCountry)
	f.Text(account.State, co.Geo.State, surePlace)
	f.Text(account.City, co.Geo.City, surePlace)
	f.Technologies(co.Tech, sureTechnologies)
	f.Number(account.FoundedYear, co.Founded, sureFounded)
	f.CompanyType(co.Type, sureType)
	f.BusinessModel(co.Tags, sureTags)
	f.List(account.Tags, co.Tags, sureTags)
	return f.All()
}

// industry prefers the labels; records of some years have codes only.
func (c *category) industry(f *providers.Facts) {
	f.Industry(sureIndustry, c.SubIndustry, c.Industry)
	f.Industry(sureSector, c.IndustryGroup, c.Sector)
	for _, code := range slices.Concat(c.NAICS2022, c.NAICS) {
		if word, ok := vocabulary.IndustryByNAICS(code); ok {
			f.Text(account.Industry, word, sureCode)
		}
	}
	if word, ok := vocabulary.IndustryByGICS(c.GICS); ok {
		f.Text(account.Industry, word, sureCode)
	}
	for _, code := range c.SIC {
		if word, ok := vocabulary.IndustryBySIC(code); ok {
			f.Text(account.Industry, word, sureCode)
		}
	}
}

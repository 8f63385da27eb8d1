package sandbox

import (
	"time"

	"github.com/sluicehq/sluice/account"
)

// Company is one row of the table: the truth about it, or what one vendor says. A
// zero field is not known.
type Company struct {
	Domain string // registrable domain
	Name   string

	Industry   string // a word of ours, or a label of the file that it came from
	Employees  int
	RevenueUSD int64  // a year
	Country    string // ISO 3166-1 alpha-2
	State      string
	City       string

	Technologies       []string // words of ours, or labels of the file
	FormerTechnologies []string // used once, not any more

	LinkedIn        string // slug of the company's page
	FoundedYear     int
	FundingStage    string // pre_seed, seed, series_a …
	FundingTotalUSD int64
	LastFundingAt   time.Time
	CompanyType     string // private, public, nonprofit
	Tags            []string
	Description     string
}

// fields are the attributes that vendors can know, in a fixed order.
var fields = []account.Field{
	account.Name, account.Domain, account.LinkedInURL, account.Description, account.Industry,
	account.Employees, account.RevenueUSD, account.Country, account.State, account.City,
	account.Technologies, account.FoundedYear, account.FundingStage, account.FundingTotalUSD,
	account.LastFundingAt, account.CompanyType, account.BusinessModel, account.Tags,
}

// Has reports whether c says something about f.
func (c *Company) Has(f account.Field) bool {
	switch f {
	case account.Name:
		return c.Name != ""
	case account.Domain:
		return c.Domain != ""
	case account.LinkedInURL:
		return c.LinkedIn != ""
	case account.Description:
		return c.Description != ""
	case account.Industry:
		return c.Industry != ""
	case account.Employees:
		return c.Employees > 0
	case account.RevenueUSD:
		return c.RevenueUSD > 0
	case account.Country:
		return c.Country != ""
	case account.State:
		return c.State != ""
	case account.City:
		return c.City != ""
	case account.Technologies:
		return len(c.Technologies) > 0
	case account.FoundedYear:
		return c.FoundedYear > 0
	case account.FundingStage:
		return c.FundingStage != ""
	case account.FundingTotalUSD:
		return c.FundingTotalUSD > 0
	case account.LastFundingAt:
		return !c.LastFundingAt.IsZero()
	case account.CompanyType:
		return c.CompanyType != ""
	case account.BusinessModel:
		return len(c.businessModel()) > 0
	case account.Tags:
		return len(c.Tags) > 0
	}
	return false
}

// take copies what d says about f to c.
func (c *Company) take(f account.Field, d *Company) {
	switch f {
	case account.Name:
		c.Name = d.Name
	case account.Domain:
		c.Domain = d.Domain
	case account.LinkedInURL:
		c.LinkedIn = d.LinkedIn
	case account.Description:
		c.Description = d.Description
	case account.Industry:
		c.Industry = d.Industry
	case account.Employees:
		c.Employees = d.Employees
	case account.RevenueUSD:
		c.RevenueUSD = d.RevenueUSD
	case account.Country:
		c.Country = d.Country
	case account.State:
		c.State = d.State
	case account.City:
		c.City = d.City
	case account.Technologies:
		c.Technologies, c.FormerTechnologies = d.Technologies, d.FormerTechnologies
	case account.FoundedYear:
		c.FoundedYear = d.FoundedYear
	case account.FundingStage:
		c.FundingStage = d.FundingStage
	case account.FundingTotalUSD:
		c.FundingTotalUSD = d.FundingTotalUSD
	case account.LastFundingAt:
		c.LastFundingAt = d.LastFundingAt
	case account.CompanyType:
		c.CompanyType = d.CompanyType
	case account.BusinessModel, account.Tags: // the vendors that tell the one tell it by the other
		c.Tags = d.Tags
	}
}

// businessModel reads the model off the tags, as Clearbit writes it there.
func (c *Company) businessModel() []string {
	var models []string
	for _, tag := range c.Tags {
		if marker, ok := clearbitMarkers[fold(tag)]; ok {
			models = append(models, marker)
		}
	}
	return models
}

package apollo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

// How far Apollo is believed. Its records are merged from crawls and from its
// customers' mail; place and identity are the strongest, money is modelled.
const (
	sureIdentity     = 0.9
	sureCountry      = 0.9
	surePlace        = 0.85
	sureEmployees    = 0.85
	sureFunding      = 0.85
	sureIndustry     = 0.8
	sureTechnologies = 0.8
	sureFounded      = 0.8
	sureRevenue      = 0.75
	sureTags         = 0.7
)

type organization struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Domain      string `json:"primary_domain"`
	Website     string `json:"website_url"`
	LinkedInURL string `json:"linkedin_url"`

	Industry   string   `json:"industry"`
	Industries []string `json:"industries"`
	Secondary  []string `json:"secondary_industries"`
	Keywords   []string `json:"keywords"`

	Employees      *float64 `json:"estimated_num_employees"`
	Revenue        *float64 `json:"annual_revenue"`
	RevenuePrinted string   `json:"annual_revenue_printed"`
	Founded        *float64 `json:"founded_year"`
	City           string   `json:"city"`
	State          string   `json:"state"`
	Country        string   `json:"country"`
	Symbol         string   `json:"publicly_traded_symbol"`

	TechnologyNames []string     `json:"technology_names"`
	Technologies    []technology `json:"current_technologies"`

	TotalFunding *float64 `json:"total_funding"`
	FundingStage string   `json:"latest_funding_stage"`
	FundingDate  string   `json:"latest_funding_round_date"`
	Rounds       []round  `json:"funding_events"`
}

type technology struct {
	Name string `json:"name"`
}

type round struct {
	Date string `json:"date"`
	Type string `json:"type"`
}

// Map implements [providers.Provider]. An organisation that is null, missing or
// empty is a miss; Apollo documents none of them.
func (c *Client) Map(body []byte, at time.Time) (providers.Answer, error) {
	var envelope struct {
		Organization json.RawMessage `json:"organization"`
	}
	if err := providers.Decode(body, &envelope); err != nil {
		return providers.Answer{}, err
	}
	if raw := bytes.TrimSpace(envelope.Organization); len(raw) == 0 || string(raw) == "null" {
		return miss(body), nil
	}
	var o organization
	if err := providers.Decode(envelope.Organization, &o); err != nil {
		return providers.Answer{}, err
	}
	if o.ID == "" && o.Name == "" && o.Domain == "" {
		return miss(body), nil
	}
	return providers.Answer{
		Outcome: outbound.Found, Name: o.Name, Domain: cmp.Or(o.Domain, o.Website), RecordID: o.ID,
		Facts: o.facts(at), Credits: hitCredits, Body: body,
	}, nil
}

func (o *organization) facts(at time.Time) []account.Fact {
	f := providers.NewFacts(name, at)
	f.Text(account.Name, o.Name, sureIdentity)
	f.LinkedIn(o.LinkedInURL, sureIdentity)
	f.Industry(sureIndustry, slices.Concat([]string{o.Industry}, o.Industries, o.Secondary)...)
	f.Employees(o.Employees, "", sureEmployees)
	f.Revenue(o.Revenue, o.RevenuePrinted, sureRevenue)
	f.Country(o.Country, sureCountry)
	f.Text(account.State, o.State, surePlace)
	f.Text(account.City, o.City, surePlace)
	f.Technologies(o.technologies(), sureTechnologies)
	f.Number(account.FoundedYear, o.Founded, sureFounded)
	f.Number(account.FundingTotalUSD, o.TotalFunding, sureFunding)
	stage, date := o.lastRound()
	f.FundingStage(stage, sureFunding)
	f.Date(account.LastFundingAt, date, sureFunding)
	if o.Symbol != "" { // that there is none proves nothing
		f.CompanyType("public", sureIdentity)
	}
	f.BusinessModel(o.Keywords, sureTags)
	f.List(account.Tags, slices.Concat(o.Keywords, o.Secondary), sureTags)
	return f.All()
}

// technologies joins both lists: older records have only the first.
func (o *organization) technologies() []string {
	names := slices.Clone(o.TechnologyNames)
	for _, t := range o.Technologies {
		names = append(names, t.Name)
	}
	return names
}

// lastRound is the latest by date. Some records leave the summary empty and list
// the rounds all the same.
func (o *organization) lastRound() (stage string, date time.Time) {
	stage, date = o.FundingStage, providers.Time(o.FundingDate)
	if stage != "" || !date.IsZero() {
		return stage, date
	}
	for _, r := range o.Rounds {
		if on := providers.Time(r.Date); on.After(date) {
			stage, date = r.Type, on
		}
	}
	return stage, date
}

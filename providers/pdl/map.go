package pdl

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

// company is a record, as far as Sluice reads it. Names and places are lower-case.
type company struct {
	Status      int      `json:"status"`     // repeats the HTTP status
	Likelihood  *float64 `json:"likelihood"` // 1 to 10
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"` // missing in older data

	Website            string   `json:"website"`
	AlternativeDomains []string `json:"alternative_domains"`
	AlternativeNames   []string `json:"alternative_names"`
	LinkedInURL        string   `json:"linkedin_url"` // without scheme

	Industry   string   `json:"industry"`
	IndustryV2 string   `json:"industry_v2"`
	Size       string   `json:"size"` // as the company says of itself
	Employees  *float64 `json:"employee_count"`
	Revenue    string   `json:"inferred_revenue"` // a band; premium
	Founded    *float64 `json:"founded"`
	Type       string   `json:"type"`
	Tags       []string `json:"tags"`
	Summary    string   `json:"summary"`
	Headline   string   `json:"headline"`
	Location   struct {
		Locality string `json:"locality"`
		Region   string `json:"region"`
		Country  string `json:"country"`
	} `json:"location"`

	FundingTotal *float64 `json:"total_funding_raised"`
	FundingStage string   `json:"latest_funding_stage"`
	FundingDate  string   `json:"last_funding_date"`
}

// Map implements [providers.Provider].
func (c *Client) Map(body []byte, at time.Time) (providers.Answer, error) {
	var co company
	if err := providers.Decode(body, &co); err != nil {
		return providers.Answer{}, fmt.Errorf("read company: %w", err)
	}
	if co.Status == http.StatusNotFound || co.ID == "" && co.Name == "" && co.Website == "" {
		return miss(body), nil
	}
	return providers.Answer{
		Outcome: outbound.Found, RecordID: co.ID, Name: co.name(), Domain: co.Website,
		Aliases: slices.Concat(co.AlternativeDomains, co.AlternativeNames),
		Facts:   co.facts(at), Credits: hitCredits, Body: body,
	}, nil
}

// facts has no technologies: there are none in the data. The size band is what the
// company says of itself and may not contain the count, which is observed; so the
// count wins, and the band only stands in for it.
func (co *company) facts(at time.Time) []account.Fact {
	sure := confidence(co.Likelihood)
	f := providers.NewFacts(service, at)
	f.Text(account.Name, co.name(), 0.9*sure)
	f.LinkedIn(co.LinkedInURL, 0.9*sure)
	f.Text(account.Description, co.Summary, 0.8*sure)
	f.Text(account.Description, co.Headline, 0.6*sure)
	f.Industry(0.8*sure, co.IndustryV2, co.Industry)
	f.Employees(co.Employees, co.Size, 0.9*sure)
	f.Revenue(nil, co.Revenue, 0.6*sure)
	f.Country(co.Location.Country, 0.9*sure)
	f.Text(account.State, capitalise(co.Location.Region), 0.8*sure)
	f.Text(account.City, capitalise(co.Location.Locality), 0.8*sure)
	f.Number(account.FoundedYear, co.Founded, 0.8*sure)
	f.CompanyType(co.Type, 0.8*sure)
	f.Number(account.FundingTotalUSD, co.FundingTotal, 0.8*sure)
	f.FundingStage(co.FundingStage, 0.8*sure)
	f.Date(account.LastFundingAt, providers.Time(co.FundingDate), 0.8*sure)
	f.List(account.Tags, co.Tags, 0.7*sure)
	return f.All()
}

func (co *company) name() string {
	if co.DisplayName != "" {
		return co.DisplayName
	}
	return capitalise(co.Name)
}

// confidence turns the likelihood that the record is the company asked about into a
// factor. Published answers for household names carry 4, so from there on nothing
// is taken off; below, no fact reaches the 0.7 that models ask for by default.
func confidence(likelihood *float64) float64 {
	switch {
	case likelihood == nil || *likelihood >= 4:
		return 1
	case *likelihood >= 3:
		return 0.75
	default:
		return 0.5
	}
}

// capitalise gives a lower-case name its capitals back. What has capitals keeps them.
func capitalise(s string) string {
	if s != strings.ToLower(s) {
		return s
	}
	words := strings.Fields(s)
	for i, w := range words {
		if i > 0 && small[w] {
			continue
		}
		first, size := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToTitle(first)) + w[size:]
	}
	return strings.Join(words, " ")
}

var small = map[string]bool{"and": true, "of": true, "the": true, "for": true, "de": true, "la": true, "du": true, "und": true}

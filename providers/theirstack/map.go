package theirstack

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

type response struct {
	Metadata struct {
		Truncated float64 `json:"truncated_results"` // rows withheld for lack of credits
	} `json:"metadata"`
	Data []row `json:"data"`
}

// row is one technology, as the company's job ads name it.
type row struct {
	Technology struct {
		Name string `json:"name"`
		Slug string `json:"slug"`
	} `json:"technology"`
	Confidence string `json:"confidence"`      // low, medium, high
	LastFound  string `json:"last_date_found"` // YYYY-MM-DD, or with a time
	Company    string `json:"company_name"`
}

// Map implements [providers.Provider].
func (c *Client) Map(body []byte, at time.Time) (providers.Answer, error) {
	answer, _, err := read(body, at)
	return answer, err
}

// read also reports that there are rows, none of which is given.
func read(body []byte, at time.Time) (answer providers.Answer, withheld bool, err error) {
	var r response
	if err := providers.Decode(body, &r); err != nil {
		return providers.Answer{}, false, fmt.Errorf("read technologies: %w", err)
	}
	if len(r.Data) == 0 {
		return providers.Answer{Outcome: outbound.NotFound, Body: body}, r.Metadata.Truncated > 0, nil
	}
	f := providers.NewFacts(service, at)
	f.Technologies(r.current(at), sureness)
	f.Text(account.Name, r.company(), sureness)
	return providers.Answer{
		Outcome: outbound.Found, Name: r.company(), Facts: f.All(), Credits: hitCredits, Body: body,
	}, false, nil
}

const (
	// sureness is ours: who hires for a tool most likely uses it, or is about to.
	sureness = 0.65
	// fresh is how long ago an ad may last have named a technology that counts as in use.
	// TheirStack counts its ads over the same time (jobs_last_180_days).
	fresh = 180 * 24 * time.Hour
)

// current returns the technologies that are likely in use now.
func (r *response) current(at time.Time) []string {
	var names []string
	for _, row := range r.Data {
		found, err := time.Parse(time.DateOnly, row.LastFound[:min(len(row.LastFound), len(time.DateOnly))])
		if err != nil || at.Sub(found) > fresh || row.Confidence == "low" {
			continue
		}
		name := row.Technology.Name
		if name == "" {
			name = row.Technology.Slug
		}
		names = append(names, name)
	}
	return names
}

// company is whose ads these are, for the identity gate: the answer repeats no domain.
func (r *response) company() string {
	for _, row := range r.Data {
		if row.Company != "" {
			return row.Company
		}
	}
	return ""
}

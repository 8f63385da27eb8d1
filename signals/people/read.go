package people

import (
	"encoding/json"

	"github.com/sluicehq/sluice/account"

	"github.com/sluicehq/sluice/signals"
)

// person is one answer; names are masked.
type person struct {
	ID           string       `json:"id"`
	FirstName    string       `json:"first_name"`
	Title        string       `json:"title"`
	Organization organization `json:"organization"`
}

type organization struct {
	Domain  string `json:"primary_domain"`
	Website string `json:"website_url"`
}

// worksAt is about answers that name another domain than the one that was asked for.
// Most name none: the search goes by domain.
func (p person) worksAt(acc account.Account) bool {
	for _, domain := range []string{p.Organization.Domain, p.Organization.Website} {
		if domain != "" {
			return account.SameDomain(domain, acc.Domain)
		}
	}
	return true
}

// read is lenient with people, of whom a field that has changed its type is left out,
// and strict with what holds them: no list of people is no answer.
func read(body []byte) (page, error) {
	var answer struct {
		People     json.RawMessage `json:"people"`
		Total      float64         `json:"total_entries"`
		Pagination struct {
			Total float64 `json:"total_entries"`
		} `json:"pagination"`
	}
	if err := signals.DecodeLeniently(body, &answer); err != nil {
		return page{}, err
	}
	var people []person
	if raw := answer.People; len(raw) == 0 || raw[0] != '[' {
		return page{}, errNoPeople
	}
	if err := signals.DecodeLeniently(answer.People, &people); err != nil {
		return page{}, err
	}
	return page{people: people, total: int(min(max(answer.Total, answer.Pagination.Total, 0), 1e9))}, nil
}

// maxLabel is how many characters of a text are shown.
const maxLabel = 120

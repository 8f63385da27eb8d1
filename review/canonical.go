package review

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
)

// canon are the fields whose facts hold words of account/vocabulary, however providers
// write them.
var canon = map[account.Field]func(string) (string, bool){
	account.Industry:     vocabulary.Industry,
	account.Country:      vocabulary.Country,
	account.Technologies: vocabulary.Technology,
	account.FundingStage: vocabulary.FundingStage,
	account.CompanyType:  vocabulary.CompanyType,
}

// canonical returns what Sluice's own facts say for these values, so that a criterion
// that speaks the file's language also finds what providers found: "us" beside
// "United States". A word that values outside the criterion share is left out.
func (a *attribute) canonical(values []string) []string {
	translate := canon[a.field]
	if translate == nil {
		return nil
	}
	taken := map[string]bool{} // by values, in lower case
	for _, v := range a.spellings {
		folded := strings.ToLower(v)
		taken[folded] = true
		if w, ok := translate(v); ok && !slices.ContainsFunc(values, func(v string) bool { return strings.ToLower(v) == folded }) {
			taken[strings.ToLower(w)] = true
		}
	}
	var out []string
	for _, v := range values {
		if w, ok := translate(v); ok && !taken[strings.ToLower(w)] {
			taken[strings.ToLower(w)] = true
			out = append(out, w)
		}
	}
	return out
}

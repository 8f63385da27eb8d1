package vocabulary

import (
	"regexp"
	"strings"
)

// FundingStage folds a funding round's name into pre_seed, seed, series_a … series_j,
// growth, private_equity, debt, grant, post_ipo or other (reference/providers.md 3.4).
// What comes after " - " is the company's name (Coresignal, Crunchbase). Unnamed
// venture rounds ("Venture - Series Unknown") are not recognised: a stage that is
// unknown is no fact.
func FundingStage(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if i := strings.Index(s, " - "); i > 0 && !strings.HasPrefix(s, "venture - ") {
		s = s[:i]
	}
	k := key(s)
	if stage, found := fundingStages[k]; found {
		return stage, true
	}
	if m := seriesLetter.FindStringSubmatch(k); m != nil {
		if letter := m[1] + m[2]; letter <= "j" {
			return "series_" + letter, true
		}
		return "growth", true // the set ends at J
	}
	return "", false
}

// seriesLetter finds the letter of "seriesa1extension", "around", "b2", "c".
var seriesLetter = regexp.MustCompile(`^(?:(?:series|serie|round)([a-z])|([a-z])(?:round)?)(?:\d{1,2}|i{1,3}|prime|plus|ext(?:ension|ended)?|bridge|round|funding|preferred|stock|extensionround)*$`)

var fundingStages = byKey(map[string][]string{
	"pre_seed": {"pre seed", "preseed", "pre-seed round", "angel", "angel round", "angel investment", "accelerator", "incubator", "accelerator/incubator", "friends and family"},
	"seed":     {"seed", "seed round", "seed funding", "seed plus", "seed extension", "series seed", "late seed", "seed stage", "pre series a", "pre-series a round"},
	"growth":   {"growth", "growth equity", "growth stage", "late stage", "late stage venture", "late venture", "series unknown late"},
	"private_equity": {
		"private equity", "private equity round", "pe", "pe growth", "buyout", "lbo", "leveraged buyout", "private_equity",
	},
	"debt":     {"debt", "debt financing", "debt round", "venture debt", "loan", "credit", "credit line", "debt - general", "mezzanine", "structured debt"},
	"grant":    {"grant", "grants", "research grant", "government grant", "non-dilutive grant"},
	"post_ipo": {"post ipo", "post-ipo equity", "post-ipo debt", "post-ipo secondary", "ipo", "public", "public offering", "public company", "initial public offering", "pipe", "spac"},
	"other": {
		"other", "secondary market", "secondary", "convertible note", "convertible", "safe", "corporate round", "corporate", "strategic", "crowdfunding", "equity crowdfunding",
		"product crowdfunding", "equity_crowdfunding", "product_crowdfunding", "initial coin offering", "initial_coin_offering", "ico", "token", "non equity assistance",
		"non_equity_assistance", "undisclosed other", "m and a", "m_and_a", "m&a", "merger", "merger / acquisition", "acquired", "acquisition", "bridge", "bridge round",
	},
})

// CompanyType folds a form of ownership into private, public, nonprofit, education or
// government. "For profit" is not recognised: it may be private or public.
func CompanyType(s string) (string, bool) {
	word, found := companyTypes[key(s)]
	return word, found
}

var companyTypes = byKey(map[string][]string{
	"private": {
		"private", "privately held", "privately owned", "private company", "privately-held company", "self employed", "self owned", "self-owned business", "sole proprietorship",
		"sole proprietor", "partnership", "limited liability company", "llc", "personal", "family owned", "startup", "vc backed", "venture backed", "private equity backed",
		"private, vc-backed", "limited partnership", "cooperative", "individual", "proprietorship",
	},
	"public":     {"public", "public company", "publicly held", "publicly traded", "publicly listed", "listed", "public limited company", "ipo", "publicly traded company", "stock corporation"},
	"nonprofit":  {"nonprofit", "non profit", "not for profit", "nonprofit organization", "non-profit organisation", "nonprofit organisation", "charity", "ngo", "foundation", "non governmental organization", "association", "501c3", "non_profit"},
	"education":  {"education", "educational", "educational institution", "education institution", "school", "university", "college", "academic", "academic institution", "educational organization", "college or university"},
	"government": {"government", "government agency", "governmental", "public sector", "government organization", "government entity", "state owned", "municipality", "federal government", "local government", "agency of government", "government administration"},
})

// byKey turns a word's spellings round: from the key of each spelling to the word.
func byKey(spellings map[string][]string) map[string]string {
	m := map[string]string{}
	for word, all := range spellings {
		for _, s := range all {
			m[key(s)] = word
		}
	}
	return m
}

package vocabulary_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account/vocabulary"
)

func TestIndustry(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, give, want string }{
		{"our own word", "saas", "saas"},
		{"our own word", "digital-marketing", "digital-marketing"},
		{"Apollo, PDL", "computer software", "saas"},
		{"Apollo, PDL", "information technology & services", "it-services"},
		{"Apollo, PDL", "marketing & advertising", "digital-marketing"},
		{"Apollo, PDL", "hospital & health care", "healthcare"},
		{"Apollo, PDL", "health, wellness & fitness", "wellness-fitness"},
		{"Apollo, PDL", "computer & network security", "cybersecurity"},
		{"Apollo, PDL", "transportation/trucking/railroad", "transportation"},
		{"Apollo, PDL", "nonprofit organization management", "nonprofit"},
		{"Apollo", "industrial automation", "industrial-automation"},
		{"PDL industry_v2", "software development", "saas"},
		{"PDL industry_v2", "it services and it consulting", "it-services"},
		{"PDL industry_v2", "technology, information and internet", "internet"},
		{"PDL industry_v2", "advertising services", "digital-marketing"},
		{"Coresignal", "Transportation, Logistics, Supply Chain and Storage", "logistics"},
		{"HubSpot", "COMPUTER_SOFTWARE", "saas"},
		{"HubSpot", "MARKETING_AND_ADVERTISING", "digital-marketing"},
		{"HubSpot", "INFORMATION_TECHNOLOGY_AND_SERVICES", "it-services"},
		{"Clearbit", "Internet Software & Services", "saas"},
		{"Clearbit", "Software & Services", "saas"},
		{"Clearbit", "Diversified Financial Services", "financial-services"},
		{"Clearbit", "Health Care Providers & Services", "healthcare"},
		{"Clearbit", "Textiles, Apparel & Luxury Goods", "apparel"},
		{"Clearbit", "Industrial Machinery", "machinery"},
		{"Clearbit tag", "SAAS", "saas"},
		{"Clearbit tag", "E-commerce", "e-commerce"},
		{"Clearbit tag", "Information Technology & Services", "it-services"},
		{"BuiltWith", "Technology And Computing", "it-services"},
		{"BuiltWith", "Business And Industrial", "business-services"},
		{"BuiltWith", "Industrial", "manufacturing"},
		{"BuiltWith", "Style And Fashion", "apparel"},
		{"schema.org", "LegalService", "legal"},
		{"schema.org", "Dentist", "healthcare"},
		{"schema.org", "https://schema.org/Restaurant", ""},
		{"schema.org", "BankOrCreditUnion", "banking"},
		{"schema.org", "SoftwareApplication", "saas"},
		{"schema.org", "Organization", ""},
		{"Y Combinator", "B2B -> Engineering, Product and Design", "saas"},
		{"Y Combinator", "B2B -> Marketing", "saas"},
		{"Y Combinator", "B2B -> Security", "cybersecurity"},
		{"Y Combinator", "Healthcare -> Healthcare IT", "health-tech"},
		{"Y Combinator", "Industrials -> Manufacturing and Robotics", "industrial-automation"},
		{"Y Combinator", "B2B -> Something New", "saas"},
		{"LinkedIn, by pattern", "Wholesale Machinery", "wholesale"},
		{"LinkedIn, by pattern", "Cutlery and Handtool Manufacturing", "manufacturing"},
		{"free text", "Supply Chain Software", "saas"},
		{"free text", "Software / SaaS", "saas"},
		{"no industry", "Other", ""},
		{"no industry", "Unspecified", ""},
		{"no industry", "", ""},
		{"no industry", " >-> ", ""},
		{"not known", "Underwater basket weaving", ""},
	}
	for _, tt := range tests {
		t.Run(tt.source+" "+tt.give, func(t *testing.T) {
			t.Parallel()
			got, ok := vocabulary.Industry(tt.give)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want != "", ok)
		})
	}
}

func TestIndustryOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give []string
		want string
	}{
		{"the narrowest of Clearbit's four", []string{"Application Software", "Software", "Software & Services", "Information Technology"}, "saas"},
		{"a sector is taken last", []string{"Information Technology", "Computer & Network Security"}, "cybersecurity"},
		{"a sector alone is taken", []string{"", "Information Technology"}, "it-services"},
		{"B2B says least", []string{"B2B", "Manufacturing"}, "manufacturing"},
		{"the first of equals", []string{"fintech", "saas"}, "fintech"},
		{"a known label before a pattern", []string{"Handtool Manufacturing", "Machinery"}, "machinery"},
		{"the first that is known", []string{"Underwater basket weaving", "Other", "retail"}, "retail"},
		{"nothing", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := vocabulary.IndustryOf(tt.give...)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want != "", ok)
		})
	}
}

func TestIndustryByCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		lookup func(string) (string, bool)
		give   string
		want   string
	}{
		{"NAICS 2017 software", vocabulary.IndustryByNAICS, "511210", "saas"},
		{"NAICS 2022 software", vocabulary.IndustryByNAICS, "513210", "saas"},
		{"NAICS group", vocabulary.IndustryByNAICS, "5112", "saas"},
		{"NAICS computer systems design", vocabulary.IndustryByNAICS, "541512", "it-services"},
		{"NAICS advertising", vocabulary.IndustryByNAICS, "541810", "digital-marketing"},
		{"NAICS marketing consulting", vocabulary.IndustryByNAICS, "541613", "digital-marketing"},
		{"NAICS machinery", vocabulary.IndustryByNAICS, "333999", "machinery"},
		{"NAICS manufacturing, of three digits' fame", vocabulary.IndustryByNAICS, "33", "manufacturing"},
		{"NAICS information is too wide", vocabulary.IndustryByNAICS, "51", ""},
		{"SIC software", vocabulary.IndustryBySIC, "7372", "saas"},
		{"SIC computer services", vocabulary.IndustryBySIC, "7373", "it-services"},
		{"SIC business services is too wide", vocabulary.IndustryBySIC, "73", ""},
		{"SIC machinery", vocabulary.IndustryBySIC, "35", "machinery"},
		{"SIC with a zero in front", vocabulary.IndustryBySIC, "0111", "agriculture"},
		{"SIC that is in no list", vocabulary.IndustryBySIC, "9999", ""},
		{"GICS application software", vocabulary.IndustryByGICS, "45103010", "saas"},
		{"GICS IT consulting", vocabulary.IndustryByGICS, "45102010", "it-services"},
		{"GICS industrial machinery", vocabulary.IndustryByGICS, "20106020", "machinery"},
		{"GICS sector", vocabulary.IndustryByGICS, "40", "financial-services"},
		{"GICS advertising", vocabulary.IndustryByGICS, "50201010", "digital-marketing"},
		{"one digit", vocabulary.IndustryByGICS, "4", ""},
		{"spaces around", vocabulary.IndustryByNAICS, " 5112 ", "saas"},
		{"no number", vocabulary.IndustryByNAICS, "31-33", ""},
		{"nothing", vocabulary.IndustryBySIC, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := tt.lookup(tt.give)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want != "", ok)
		})
	}
}

func TestIndustries(t *testing.T) {
	t.Parallel()
	words := vocabulary.Industries()
	require.IsIncreasing(t, words)
	for _, word := range words {
		require.Regexp(t, `^[a-z]+(-[a-z]+)*$`, word)
		require.True(t, vocabulary.IsIndustry(word))
		got, _ := vocabulary.Industry(word)
		require.Equal(t, word, got, "a word of the vocabulary means itself")
	}
	for _, word := range []string{"saas", "digital-marketing", "it-services", "fintech", "healthcare"} {
		require.Contains(t, words, word)
	}
	require.False(t, vocabulary.IsIndustry("Software"))
	require.False(t, vocabulary.IsIndustry(""))
	words[0] = "changed"
	require.NotEqual(t, "changed", vocabulary.Industries()[0], "callers get their own copy")
}

// TestIndustryFiles: a label that stands under two words would mean the last one; a
// code that does would, too.
func TestIndustryFiles(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("industries.txt")
	require.NoError(t, err)
	notLetters := regexp.MustCompile(`[^\p{L}\p{N}]+|\b(and|the)\b`)
	section, under := "", map[string]string{}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(strings.TrimSpace(line), "[]")
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		for label := range strings.SplitSeq(line, ";") {
			k := notLetters.ReplaceAllString(strings.ToLower(label), "")
			if strings.Contains(label, "* ") || strings.Contains(label, " *") {
				k = label
			}
			require.Contains(t, []string{"", section}, under[k], "%q stands under two words", strings.TrimSpace(label))
			if k != "" {
				under[k] = section
			}
		}
	}
	require.Greater(t, len(under), 1000)

	b, err = os.ReadFile("industry_codes.txt")
	require.NoError(t, err)
	seen := map[string]string{}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if strings.HasPrefix(line, "[") {
			section = fields[0]
			continue
		}
		require.True(t, fields[0] == "-" || vocabulary.IsIndustry(fields[0]), "%q is no industry", fields[0])
		for _, prefix := range fields[1:] {
			require.Regexp(t, `^\d{2,8}$`, prefix)
			require.Contains(t, []string{"", fields[0]}, seen[section+prefix], "%s %s stands under two words", section, prefix)
			seen[section+prefix] = fields[0]
		}
	}
}

// noIndustry are the labels of the reference data that name no industry.
var noIndustry = map[string]bool{"Other": true, "other": true, "Unspecified": true}

// TestEveryLabelOfTheReferenceData: whatever the shared taxonomies and data sets call
// an industry is one of our words.
func TestEveryLabelOfTheReferenceData(t *testing.T) {
	t.Parallel()
	var linkedIn struct {
		Industries []struct{ Label, Hierarchy string }
	}
	b, err := os.ReadFile(sharedData(t, "industry-codes", "linkedin-v2.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &linkedIn))
	labels := map[string][]string{}
	for _, i := range linkedIn.Industries {
		labels["LinkedIn"] = append(labels["LinkedIn"], i.Label, i.Hierarchy)
	}
	add := func(source, column string, rows []map[string]string) {
		for _, row := range rows {
			labels[source] = append(labels[source], row[column])
		}
	}
	add("provider labels", "label", sharedRows(t, "industry-codes", "provider-labels.csv"))
	add("GICS", "sub_industry", sharedRows(t, "industry-codes", "gics-in-sp500.csv"))
	add("GICS", "sector", sharedRows(t, "industry-codes", "gics-in-sp500.csv"))
	add("Fortune", "fortune_sector", sharedRows(t, "industry-codes", "fortune-to-gics.csv"))
	add("Y Combinator", "subindustry", sharedRows(t, "companies-yc-a", "companies.csv"))
	for source, all := range labels {
		var missing []string
		for _, label := range all {
			if _, ok := vocabulary.Industry(label); !ok && !noIndustry[label] {
				missing = append(missing, label)
			}
		}
		t.Logf("%s: %d labels, %d missing", source, len(all), len(missing))
		require.Empty(t, missing, source)
	}
}

// TestEveryCodeOfTheReferenceData: every code has a word, but those too wide to say.
func TestEveryCodeOfTheReferenceData(t *testing.T) {
	t.Parallel()
	tooWide := map[string]bool{"51": true, "56": true, "81": true, "8999": true, "9999": true}
	for _, row := range sharedRows(t, "industry-codes", "naics-2017.csv") {
		code, _, _ := strings.Cut(row["code"], "-")
		_, ok := vocabulary.IndustryByNAICS(code)
		require.Equal(t, !tooWide[code], ok, "NAICS %s %s", code, row["title"])
	}
	for _, row := range sharedRows(t, "industry-codes", "sic-codes.csv") {
		_, ok := vocabulary.IndustryBySIC(row["SIC"])
		require.Equal(t, !tooWide[row["SIC"]], ok, "SIC %s %s", row["SIC"], row["Description"])
	}
}

func FuzzIndustry(f *testing.F) {
	for _, seed := range []string{"computer software", "B2B -> Security", "Wholesale Machinery", "", ">", "~", "* software", "5112"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, label string) {
		word, ok := vocabulary.Industry(label)
		require.Equal(t, ok, vocabulary.IsIndustry(word))
		of, _ := vocabulary.IndustryOf("", label)
		require.Equal(t, word, of)
		for _, lookup := range []func(string) (string, bool){vocabulary.IndustryByNAICS, vocabulary.IndustryBySIC, vocabulary.IndustryByGICS} {
			word, ok := lookup(label)
			require.Equal(t, ok, vocabulary.IsIndustry(word))
		}
	})
}

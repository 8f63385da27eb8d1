package vocabulary_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account/vocabulary"
)

func TestFundingStage(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, give, want string }{
		{"Apollo", "Series A", "series_a"},
		{"Apollo", "Seed", "seed"},
		{"Apollo", "Other", "other"},
		{"Apollo", "Venture (Round not Specified)", ""},
		{"Apollo", "Debt Financing", "debt"},
		{"PDL", "series_b", "series_b"},
		{"PDL", "pre_seed", "pre_seed"},
		{"PDL", "series_unknown", ""},
		{"PDL", "secondary_market", "other"},
		{"PDL", "grant", "grant"},
		{"PDL", "equity_crowdfunding", "other"},
		{"Crunchbase", "angel", "pre_seed"},
		{"Crunchbase", "convertible_note", "other"},
		{"Crunchbase", "post_ipo_debt", "post_ipo"},
		{"Crunchbase", "post_ipo_equity", "post_ipo"},
		{"Crunchbase", "private_equity", "private_equity"},
		{"Crunchbase", "early_stage_venture", ""},
		{"Crunchbase", "late_stage_venture", "growth"},
		{"Crunchbase", "m_and_a", "other"},
		{"Crunchbase", "ipo", "post_ipo"},
		{"Coresignal", "Series B - Umbrella Freight", "series_b"},
		{"Coresignal", "Seed Round - Umbrella Freight", "seed"},
		{"Coresignal", "Grant - Umbrella Freight", "grant"},
		{"Coresignal", "Venture Round - Umbrella Freight", ""},
		{"Crunchbase", "Venture - Series Unknown", ""},
		{"Hunter", "a", "series_a"},
		{"TechCrunch", "debt_round", "debt"},
		{"TechCrunch", "unattributed", ""},
		{"layoffs", "Post-IPO", "post_ipo"},
		{"layoffs", "Series J", "series_j"},
		{"layoffs", "Unknown", ""},
		{"layoffs", "Subsidiary", ""},
		{"free text", "Series A1", "series_a"},
		{"free text", "Series A-2 Extension", "series_a"},
		{"free text", "Series Seed", "seed"},
		{"free text", "Pre-Series A", "seed"},
		{"free text", "Round C", "series_c"},
		{"free text", "Series K", "growth"},
		{"free text", "Growth Equity", "growth"},
		{"nothing", "", ""},
		{"nothing", " - ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.source+" "+tt.give, func(t *testing.T) {
			t.Parallel()
			got, ok := vocabulary.FundingStage(tt.give)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want != "", ok)
		})
	}
}

func TestCompanyType(t *testing.T) {
	t.Parallel()
	for give, want := range map[string]string{
		"private": "private", "Privately Held": "private", "privately held": "private", "Self-Employed": "private", "Partnership": "private",
		"public": "public", "Public Company": "public", "Publicly Traded": "public",
		"nonprofit": "nonprofit", "Nonprofit": "nonprofit", "non_profit": "nonprofit", "Non-profit": "nonprofit",
		"educational": "education", "education": "education", "Educational Institution": "education",
		"government": "government", "Government Agency": "government",
		"for_profit": "", "unknown": "", "": "",
	} {
		got, ok := vocabulary.CompanyType(give)
		require.Equal(t, want, got, "%q", give)
		require.Equal(t, want != "", ok, "%q", give)
	}
}

func TestLinkedIn(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"Apollo", "http://www.linkedin.com/company/acme-robotics", "linkedin.com/company/acme-robotics"},
		{"PDL", "linkedin.com/company/initech-example", "linkedin.com/company/initech-example"},
		{"PDL's slug", "initech-example", "linkedin.com/company/initech-example"},
		{"Clearbit, Hunter", "company/acme", "linkedin.com/company/acme"},
		{"a country's host", "https://uk.linkedin.com/company/acme/?trk=x", "linkedin.com/company/acme"},
		{"a page of it", "https://www.linkedin.com/company/acme/about/", "linkedin.com/company/acme"},
		{"capitals", "HTTPS://WWW.LINKEDIN.COM/COMPANY/ACME", "linkedin.com/company/acme"},
		{"a number", "https://www.linkedin.com/company/90000001", "linkedin.com/company/90000001"},
		{"a school", "https://www.linkedin.com/school/acme-university/", "linkedin.com/company/acme-university"},
		{"a showcase page", "showcase/acme-labs", "linkedin.com/company/acme-labs"},
		{"Sales Navigator", "https://www.linkedin.com/sales/company/90000001", "linkedin.com/company/90000001"},
		{"a slash in front", "/company/acme", "linkedin.com/company/acme"},
		{"an escaped slug", "https://www.linkedin.com/company/caf%C3%A9-acme", "linkedin.com/company/café-acme"},
		{"a dot in the slug", "linkedin.com/company/acme.io", "linkedin.com/company/acme.io"},
		{"a person", "https://www.linkedin.com/in/jo-smith", ""},
		{"another site", "https://twitter.com/acme", ""},
		{"another site's company", "https://crunchbase.com/company/acme", ""},
		{"the site alone", "https://www.linkedin.com/", ""},
		{"no slug", "linkedin.com/company/", ""},
		{"a domain", "acme.com", ""},
		{"words", "Acme Robotics", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := vocabulary.LinkedIn(tt.give)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want, vocabulary.LinkedIn(got), "what it returns it accepts")
		})
	}
}

func FuzzWords(f *testing.F) {
	for _, seed := range []string{"Series A", "series_b - Acme", "privately held", "linkedin.com/company/acme", "https://", "%", "company/%zz", "//", "a"} {
		f.Add(seed)
	}
	stages := " pre_seed seed growth private_equity debt grant post_ipo other "
	f.Fuzz(func(t *testing.T, s string) {
		if stage, ok := vocabulary.FundingStage(s); ok {
			require.True(t, strings.Contains(stages, " "+stage+" ") || strings.HasPrefix(stage, "series_"), stage)
		}
		if word, ok := vocabulary.CompanyType(s); ok {
			require.Contains(t, []string{"private", "public", "nonprofit", "education", "government"}, word)
		}
		if page := vocabulary.LinkedIn(s); page != "" {
			require.True(t, strings.HasPrefix(page, "linkedin.com/company/"))
			require.Equal(t, page, vocabulary.LinkedIn(page))
		}
	})
}

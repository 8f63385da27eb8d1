package vocabulary_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account/vocabulary"
)

func TestTechnology(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"a slug of ours", "hubspot", "hubspot"},
		{"Apollo's display name", "Salesforce", "salesforce"},
		{"a former name", "Salesforce.com", "salesforce"},
		{"a product of the platform", "HubSpot Forms", "hubspot"},
		{"another product", "HubSpot CRM", "hubspot"},
		{"Clearbit's slug of a product", "hubspot_analytics", "hubspot"},
		{"the CRM itself", "Salesforce Sales Cloud", "salesforce"},
		{"a product that is sold alone", "Pardot", "pardot"},
		{"a product that is sold alone, by the platform's name", "salesforce_pardot", "pardot"},
		{"a DMP is no CRM", "salesforce_dmp", "salesforce-dmp"},
		{"an abbreviation", "AWS", "aws"},
		{"a long form", "Amazon Web Services", "aws"},
		{"Apollo's form", "Amazon AWS", "aws"},
		{"a part of it", "Amazon S3", "aws"},
		{"Route 53 is no version", "Route 53", "aws"},
		{"a display name", "Google Tag Manager", "google-tag-manager"},
		{"Clearbit's slug", "google_tag_manager", "google-tag-manager"},
		{"Hunter's slug", "google-tag-manager", "google-tag-manager"},
		{"a version", "jQuery 3.5.1", "jquery"},
		{"a version in a slug", "jquery_3_5_1", "jquery"},
		{"a version with v", "Stripe v3", "stripe"},
		{"a major version", "Drupal 10", "drupal"},
		{"a version with x", "Angular 2.x", "angular"},
		{"a version of something unknown", "Frobnicator 2.1", "frobnicator"},
		{"a number that belongs to the name", "Office 365", "microsoft-365"},
		{"a number that belongs to the name, within", "15Five", "15five"},
		{"a number in front", "6sense", "6sense"},
		{"Analytics 4", "Google Analytics 4", "google-analytics"},
		{"a dot within", "Node.js", "nodejs"},
		{"a dot in front", ".NET", "dotnet"},
		{"a dot within a dot name", "ASP.NET", "asp-net"},
		{"a plus", "C++", "c-plus-plus"},
		{"a sharp", "C#", "c-sharp"},
		{"an exclamation mark", "Joomla!", "joomla"},
		{"an accent", "Café Bazaar", "cafe-bazaar"},
		{"an unknown one keeps its slug", "Acme Widget (Beta)", "acme-widget-beta"},
		{"a trade mark", "Splunk®", "splunk"},
		{"a certificate", "SSL by Default", ""},
		{"a mail record", "SPF", ""},
		{"a name record", "DNSSEC", ""},
		{"a marker", "Domain Not Resolving", ""},
		{"another marker", "Invalid Certificate Dates", ""},
		{"nothing", "", ""},
		{"punctuation", " -- ", ""},
		{"far too long", strings.Repeat("very ", 40) + "long", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := vocabulary.Technology(tt.give)
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, got)
			}
		})
	}
}

func TestTechnologies(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"hubspot", "aws"}, vocabulary.Technologies("HubSpot Forms", "SPF", "Amazon AWS", "hubspot_crm", ""))
	require.Empty(t, vocabulary.Technologies())
}

// TestTechnologyFile: every alias leads to the one word that it stands behind, and
// every word to itself.
func TestTechnologyFile(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("technologies.txt")
	require.NoError(t, err)
	words := 0
	for line := range strings.Lines(string(b)) {
		word, aliases, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		words++
		want := word
		if word == "-" {
			want = ""
		} else {
			require.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*$`, word)
			aliases += "; " + word
		}
		for alias := range strings.SplitSeq(aliases, ";") {
			got, _ := vocabulary.Technology(alias)
			require.Equal(t, want, got, "%q", strings.TrimSpace(alias))
		}
	}
	require.Greater(t, words, 200)
}

func FuzzTechnology(f *testing.F) {
	for _, seed := range []string{"jQuery 3.5.1", "C++", ".NET", "HubSpot Forms", "", "-1-2-3", "v3", "3.5", "Ünïcode 2.x"} {
		f.Add(seed)
	}
	slug := regexp.MustCompile(`^[\p{L}\p{N}]+(-[\p{L}\p{N}]+)*$`)
	f.Fuzz(func(t *testing.T, name string) {
		got, ok := vocabulary.Technology(name)
		if !ok {
			return
		}
		require.Regexp(t, slug, got)
		require.LessOrEqual(t, len(got), 80)
		require.Equal(t, []string{got}, vocabulary.Technologies(name, name))
	})
}

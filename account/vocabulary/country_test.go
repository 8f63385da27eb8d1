package vocabulary_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account/vocabulary"
)

func TestCountry(t *testing.T) {
	t.Parallel()
	tests := []struct{ give, want string }{
		{"US", "US"},
		{"us", "US"},
		{"USA", "US"},
		{"U.S.", "US"},
		{"U.S.A.", "US"},
		{"United States", "US"},
		{"united states", "US"},
		{"The United States of America", "US"},
		{"Vereinigte Staaten", "US"},
		{"Estados Unidos", "US"},
		{"UK", "GB"},
		{"GBR", "GB"},
		{"Great Britain", "GB"},
		{"England", "GB"},
		{"united kingdom", "GB"},
		{"Deutschland", "DE"},
		{"germany", "DE"},
		{"Österreich", "AT"},
		{"The Netherlands", "NL"},
		{"Holland", "NL"},
		{"Czech Republic", "CZ"},
		{"Czechia", "CZ"},
		{"Turkey", "TR"},
		{"Türkiye", "TR"},
		{"Burma", "MM"},
		{"Swaziland", "SZ"},
		{"Macedonia (FYROM)", ""},
		{"Korea, Republic of", "KR"},
		{"South Korea", "KR"},
		{"North Korea", "KP"},
		{"Russian Federation", "RU"},
		{"Россия", "RU"},
		{"中国", "CN"},
		{"日本", "JP"},
		{"भारत", "IN"},
		{"Côte d'Ivoire", "CI"},
		{"Ivory Coast", "CI"},
		{"Congo", "CG"},
		{"DR Congo", "CD"},
		{"Viet Nam", "VN"},
		{"Taiwan, Province of China", "TW"},
		{"Hong Kong SAR", "HK"},
		{"Puerto Rico", "PR"},
		{"Bosnia & Herzegovina", "BA"},
		{"NA", "NA"},
		{" Namibia ", "NA"},
		{"N/A", ""},
		{"Remote", ""},
		{"Worldwide", ""},
		{"Europe", ""},
		{"California", ""},
		{"EU", ""},
		{"XX", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			got, ok := vocabulary.Country(tt.give)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want != "", ok)
		})
	}
}

// TestCountries: 249 codes, each with a code of three letters and a name that leads
// back to it, and no name that leads to two.
func TestCountries(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("countries.tsv")
	require.NoError(t, err)
	codes, names := 0, map[string]string{}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		codes++
		columns := strings.Split(strings.TrimSpace(line), "\t")
		require.Regexp(t, `^[A-Z]{2}$`, columns[0])
		require.Regexp(t, `^[A-Z]{3}$`, columns[1])
		require.Equal(t, columns[2], vocabulary.CountryName(columns[0]))
		for _, column := range columns {
			for name := range strings.SplitSeq(column, ";") {
				got, _ := vocabulary.Country(name)
				require.Equal(t, columns[0], got, "%q", name)
				name = strings.ToLower(strings.TrimSpace(name))
				require.Contains(t, []string{"", columns[0]}, names[name], "%q", name)
				names[name] = columns[0]
			}
		}
	}
	require.Equal(t, 249, codes)
	require.Empty(t, vocabulary.CountryName("XX"))
	require.Equal(t, "Germany", vocabulary.CountryName("de"))
}

// TestCountriesOfTheReferenceData: all codes and English names of the shared list, and
// what two directories wrote.
func TestCountriesOfTheReferenceData(t *testing.T) {
	t.Parallel()
	columns := []string{"ISO3166-1-Alpha-2", "ISO3166-1-Alpha-3", "official_name_en", "CLDR display name", "UNTERM English Short", "UNTERM English Formal"}
	for _, row := range sharedRows(t, "countries", "country-codes.csv") {
		for _, column := range columns {
			name := strings.TrimSuffix(strings.TrimSpace(row[column]), " (the)")
			if name == "" {
				continue
			}
			got, _ := vocabulary.Country(name)
			require.Equal(t, row["ISO3166-1-Alpha-2"], got, "%s: %s", column, name)
		}
	}
	for _, file := range [][]string{{"companies-yc-a", "companies.csv"}, {"layoffs-a", "layoffs.csv"}} {
		for _, row := range sharedRows(t, file...) {
			_, ok := vocabulary.Country(row["country"])
			require.Equal(t, row["country"] != "" && row["country"] != "Remote", ok, "%q", row["country"])
		}
	}
}

func FuzzCountry(f *testing.F) {
	for _, seed := range []string{"US", "U.S.", "Côte d'Ivoire", "中国", "", "The", "n/a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, ok := vocabulary.Country(s)
		require.Equal(t, ok, vocabulary.CountryName(code) != "")
	})
}

package account_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
)

func TestNormalizeName(t *testing.T) {
	t.Parallel()
	tests := []struct{ give, want string }{
		{"Acme", "acme"},
		{"  ACME,  Inc. ", "acme"},
		{"The Acme Company", "acme"},
		{"Acme Robotics Ltd", "acme robotics"},
		{"Acme Robotics Pty. Ltd.", "acme robotics"},
		{"Müller & Söhne GmbH & Co. KG", "muller and sohne"},
		{"Telefónica, S.A.", "telefonica"},
		{"Grupo Acme S.A.B. de C.V.", "grupo acme"},
		{"Aktsiaselts Ülo OÜ", "aktsiaselts ulo"},
		{"Ørsted A/S", "orsted"},
		{"Straße AG", "strasse"},
		{"Acme Sp. z o.o.", "acme"},
		{"McDonald's Corporation", "mcdonalds"},
		{"McDonald’s", "mcdonalds"},
		{"Yahoo!", "yahoo"},
		{"AT&T Inc.", "at and t"},
		{"ABM INDUSTRIES INC /DE/", "abm industries"},
		{"AMETEK INC/", "ametek"},
		{"US BANCORP \\DE\\", "us bancorp"},
		{"McDonald&#8217;s", "mcdonalds"},
		{"Walt Disney Company (The)", "walt disney"},
		{"Amazon.com, Inc.", "amazon com"},
		{"Tiffany & Co.", "tiffany"},
		{"トヨタ自動車株式会社", "トヨタ自動車"},
		{"ООО Яндекс", "яндекс"},
		{"Inc.", "inc"},
		{"The The", "the"},
		{"Company.com", "company com"},
		{"3M", "3m"},
		{"", ""},
		{" .,- ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, account.NormalizeName(tt.give))
		})
	}
}

func TestSameName(t *testing.T) {
	t.Parallel()
	same := [][2]string{
		{"Acme, Inc.", "ACME"},
		{"Acme Group Holdings plc", "Acme"},
		{"Amazon.com, Inc.", "Amazon"},
		{"JP Morgan", "JPMorgan"},
		{"Archer-Daniels-Midland Co", "Archer Daniels Midland"},
		{"Procter & Gamble", "Procter and Gamble Company"},
		{"L'Oréal S.A.", "Loreal"},
		{"Scale AI", "Scale.ai"},
		{"The Home Depot, Inc.", "Home Depot"},
	}
	for _, names := range same {
		require.True(t, account.SameName(names[0], names[1]), "%q", names)
		require.True(t, account.SameName(names[1], names[0]), "%q", names)
	}
	different := [][2]string{
		{"Acme", "Acme Robotics"},
		{"Acme", "Acne"},
		{"American Airlines", "United Airlines"},
		{"General Motors", "General Electric"},
		{"Acme Germany", "Acme France"},
		{"First National Bank", "First National"},
		{"", ""},
		{"!", "?"},
		{"Inc.", "Ltd."},
	}
	for _, names := range different {
		require.False(t, account.SameName(names[0], names[1]), "%q", names)
	}
}

func FuzzSameName(f *testing.F) {
	for _, seed := range []string{"Acme, Inc.", "Müller & Söhne GmbH & Co. KG", "", "the the", "S.A.", "株式会社", "A/S", ".com", "Group Holdings Inc"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		normal := account.NormalizeName(name)
		require.Equal(t, strings.Join(strings.Fields(normal), " "), normal)
		require.Equal(t, normal != "", account.SameName(name, name))
		require.Equal(t, normal != "", account.SameName(name, normal))
	})
}

// TestSameNameOnTickers: the names that the SEC, Fortune and S&P give one company are
// the same, those of two companies are not.
func TestSameNameOnTickers(t *testing.T) {
	t.Parallel()
	rows := readCSV(t, ',', sharedData(t, "company-names-a", "by-ticker.csv"))
	found, pairs := 0, 0
	for _, row := range rows {
		names := []string{row["sec_name"], row["fortune_name"], row["sp500_name"]}
		for i, a := range names {
			for _, b := range names[i+1:] {
				if a == "" || b == "" {
					continue
				}
				pairs++
				if account.SameName(a, b) {
					found++
				} else {
					t.Logf("missed: %q, %q", a, b)
				}
			}
		}
	}
	wrong := falseMatches(t, rows)
	recall, precision := float64(found)/float64(pairs), float64(found)/float64(found+wrong)
	t.Logf("recall %.3f (%d of %d pairs), precision %.4f (%d false of %d)", recall, found, pairs, precision, wrong, found+wrong)
	require.Greater(t, recall, 0.88)
	require.Greater(t, precision, 0.99)
}

// falseMatches counts the pairs of companies with different domains that share a name.
func falseMatches(t *testing.T, rows []map[string]string) int {
	t.Helper()
	wrong := 0
	initial := func(name string) string { return account.NormalizeName(name)[:1] } // cheap, once for each name
	for _, row := range rows {
		row["sec_initial"], row["fortune_initial"] = initial(row["sec_name"]), initial(row["fortune_name"])
	}
	for i, a := range rows {
		for _, b := range rows[i+1:] {
			if a["cik"] == b["cik"] || a["domain"] == b["domain"] || a["sec_initial"] != b["fortune_initial"] {
				continue
			}
			if account.SameName(a["sec_name"], b["fortune_name"]) {
				wrong++
				t.Logf("false: %q, %q", a["sec_name"], b["fortune_name"])
			}
		}
	}
	return wrong
}

// TestNamesOfManyCountries: a legal form makes no difference, and no two of the
// companies become one.
func TestNamesOfManyCountries(t *testing.T) {
	t.Parallel()
	rows := readCSV(t, ';', sharedData(t, "company-names-a", "cleanco-companies.csv"))
	byName := map[string][]string{}
	unchanged := 0
	for _, row := range rows {
		normal := account.NormalizeName(row["name"])
		require.NotEmpty(t, normal, "%q", row["name"])
		byName[normal] = append(byName[normal], row["name"])
		if len(strings.Fields(normal)) == len(strings.Fields(row["name"])) {
			unchanged++
		}
	}
	collisions := 0
	for normal, names := range byName {
		if len(names) > 1 {
			collisions++
			t.Logf("%s: %q", normal, names)
		}
	}
	t.Logf("%d names, %d kept every word, %d share a normal form", len(rows), unchanged, collisions)
	require.Less(t, collisions, len(rows)/50)
}

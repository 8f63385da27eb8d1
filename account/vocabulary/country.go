package vocabulary

import (
	_ "embed"
	"strings"
	"sync"
)

// Country returns the ISO 3166-1 alpha-2 code for a country as vendors write it:
// alpha-2 or alpha-3 code, official, common or former name, the native name of the
// larger ones. False for what is no country: "Remote", "Europe", "Worldwide", "".
func Country(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if code, found := countryTable().codes[strings.ToUpper(s)]; found {
		return code, true
	}
	code, found := countryTable().byName[key(s)]
	return code, found
}

// CountryName returns the common English name of an alpha-2 code, "" if there is none.
func CountryName(code string) string { return countryTable().names[strings.ToUpper(code)] }

// Countries of countries.tsv: alpha-2, alpha-3, name, other names.
//
//go:embed countries.tsv
var countriesText string

// countryNames keeps codes and names apart: by its letters, "n/a" is Namibia.
type countryNames struct{ codes, names, byName map[string]string }

var countryTable = sync.OnceValue(func() countryNames {
	t := countryNames{codes: map[string]string{}, names: map[string]string{}, byName: map[string]string{}}
	for line := range entries(countriesText) {
		columns := strings.Split(line, "\t")
		code, alpha3, name := columns[0], columns[1], columns[2]
		t.codes[code], t.codes[alpha3] = code, code
		t.names[code], t.byName[key(name)] = name, code
		if len(columns) == 3 {
			continue
		}
		for _, other := range items(columns[3]) {
			t.byName[key(other)] = code
		}
	}
	return t
})

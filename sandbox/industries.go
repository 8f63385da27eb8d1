package sandbox

import (
	_ "embed"
	"slices"
	"strings"
)

// industry is how the vendors label one of our words. A label of a loaded file that
// is no word of ours is passed on as it is.
type industry struct {
	word      string
	apollo    string // as LinkedIn once wrote them, with ampersands
	pdl       string // the same, spelt out
	pdlV2     string // as LinkedIn writes them now
	sector    string // Clearbit and Hunter: GICS, from wide …
	group     string
	name      string
	sub       string // … to narrow
	gics      string
	sic       string // two digits
	naics     string // six digits
	builtwith string
}

var industries = []industry{
	{"saas", "computer software", "computer software", "software development", "Information Technology", "Software & Services", "Internet Software & Services", "Internet Software & Services", "45101010", "73", "511210", "Technology And Computing"},
	{"digital-marketing", "marketing & advertising", "marketing and advertising", "advertising services", "Consumer Discretionary", "Media", "Media", "Advertising", "25401010", "73", "541810", "Business And Industrial"},
	{"it-services", "information technology & services", "information technology and services", "it services and it consulting", "Information Technology", "Software & Services", "IT Services", "IT Consulting & Other Services", "45102010", "73", "541512", "Technology And Computing"},
	{"fintech", "financial services", "financial services", "financial services", "Information Technology", "Software & Services", "IT Services", "Data Processing & Outsourced Services", "45102020", "61", "522320", "Finance"},
	{"e-commerce", "online retail", "internet", "online and mail order retail", "Consumer Discretionary", "Retailing", "Internet & Direct Marketing Retail", "Internet & Direct Marketing Retail", "25502020", "59", "454110", "Shopping"},
	{"healthcare", "hospital & health care", "hospital & health care", "hospitals and health care", "Health Care", "Health Care Equipment & Services", "Health Care Providers & Services", "Health Care Services", "35102015", "80", "621999", "Health"},
	{"biotechnology", "biotechnology", "biotechnology", "biotechnology research", "Health Care", "Pharmaceuticals, Biotechnology & Life Sciences", "Biotechnology", "Biotechnology", "35201010", "28", "541714", "Science"},
	{"machinery", "machinery", "machinery", "machinery manufacturing", "Industrials", "Capital Goods", "Machinery", "Industrial Machinery", "20106020", "35", "333999", "Industrial"},
	{"logistics", "logistics & supply chain", "logistics and supply chain", "transportation, logistics, supply chain and storage", "Industrials", "Transportation", "Air Freight & Logistics", "Air Freight & Logistics", "20301010", "47", "488510", "Business And Industrial"},
	{"education", "education management", "education management", "education administration programs", "Consumer Discretionary", "Consumer Services", "Diversified Consumer Services", "Education Services", "25302010", "82", "611710", "Education"},
	{"construction", "construction", "construction", "construction", "Industrials", "Capital Goods", "Construction & Engineering", "Construction & Engineering", "20103010", "15", "236220", "Business And Industrial"},
	{"real-estate", "real estate", "real estate", "real estate", "Real Estate", "Real Estate", "Real Estate Management & Development", "Real Estate Services", "60102040", "65", "531210", "Real Estate"},
	{"legal", "law practice", "law practice", "law practice", "Industrials", "Commercial & Professional Services", "Professional Services", "Legal Services", "20202020", "81", "541110", "Law And Government"},
	{"hospitality", "hospitality", "hospitality", "hospitality", "Consumer Discretionary", "Consumer Services", "Hotels, Restaurants & Leisure", "Hotels, Resorts & Cruise Lines", "25301020", "70", "721110", "Travel"},
	{"renewable-energy", "renewables & environment", "renewables and environment", "renewable energy semiconductor manufacturing", "Utilities", "Utilities", "Independent Power and Renewable Electricity Producers", "Renewable Electricity", "55105020", "49", "221114", "Industrial"},
	{"media", "broadcast media", "broadcast media", "broadcast media production and distribution", "Consumer Discretionary", "Media", "Media", "Broadcasting", "25401010", "48", "515120", "News"},
	{"nonprofit", "nonprofit organization management", "nonprofit organization management", "non-profit organizations", "Consumer Discretionary", "Consumer Services", "Diversified Consumer Services", "Nonprofit Organizations", "25302020", "83", "813319", "Society"},
	{"consulting", "management consulting", "management consulting", "business consulting and services", "Industrials", "Commercial & Professional Services", "Professional Services", "Consulting", "20202020", "87", "541611", "Business And Industrial"},
	{"retail", "retail", "retail", "retail", "Consumer Discretionary", "Retailing", "Multiline Retail", "General Merchandise Stores", "25503020", "53", "452319", "Shopping"},
	{"insurance", "insurance", "insurance", "insurance", "Financials", "Insurance", "Insurance", "Insurance Brokers", "40301010", "64", "524210", "Finance"},
	{"telecommunications", "telecommunications", "telecommunications", "telecommunications", "Telecommunication Services", "Telecommunication Services", "Diversified Telecommunication Services", "Integrated Telecommunication Services", "50101020", "48", "517311", "Technology And Computing"},
}

var industryByWord = func() map[string]industry {
	m := map[string]industry{}
	for _, ind := range industries {
		m[ind.word] = ind
	}
	return m
}()

// industryOf returns the vendors' labels for a word of ours, or the label itself in
// each vendor's spelling; everything empty for "".
func industryOf(word string) industry {
	if ind, ok := industryByWord[word]; ok || word == "" {
		return ind
	}
	lower := strings.ToLower(word)
	return industry{word: word, apollo: lower, pdl: lower, pdlV2: lower, name: word, sub: word, builtwith: word}
}

// anotherIndustry returns a word other than the given one; by is between 0 and 1.
func anotherIndustry(word string, by float64) string {
	at := slices.IndexFunc(industries, func(ind industry) bool { return ind.word == word })
	step := 1 + int(by*float64(len(industries)-1))
	return industries[(max(0, at)+step)%len(industries)].word
}

// clearbitMarkers are the tags by which Clearbit tells business models.
var clearbitMarkers = map[string]string{"b2b": "B2B", "b2c": "B2C", "saas": "SAAS", "ecommerce": "E-commerce"}

// country is one line of countries.tsv.
type country struct {
	code, code3, name, continent string
}

//go:embed countries.tsv
var countryFile string

var countries, countryCodes = readCountries(countryFile)

// readCountries returns the countries by code, and their codes by every spelling.
func readCountries(file string) (byCode map[string]country, codes map[string]string) {
	byCode, codes = map[string]country{}, map[string]string{}
	for line := range strings.Lines(file) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(cells) < 4 {
			continue // a comment
		}
		byCode[cells[0]] = country{cells[0], cells[1], cells[2], cells[3]}
		for _, spelling := range cells[:3] {
			codes[strings.ToLower(spelling)] = cells[0]
		}
		if len(cells) > 4 {
			for spelling := range strings.SplitSeq(cells[4], ";") {
				codes[strings.ToLower(spelling)] = cells[0]
			}
		}
	}
	return byCode, codes
}

// countryCode returns the ISO code for any spelling of a country, "" for other words.
func countryCode(s string) string { return countryCodes[strings.ToLower(strings.TrimSpace(s))] }

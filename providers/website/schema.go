package website

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/providers"
)

// organization is what a page's schema.org data says of the company
// (schema.org/Organization, JSON-LD).
type organization struct {
	name, host  string
	aliases     []string
	description string
	linkedIn    string
	country     string
	oneCountry  bool // all addresses agree on it
	state, city string
	employees   *float64
	band        string
	founded     *float64
	kind        string // of company, where the type tells
}

func (o *organization) describe(f *providers.Facts) {
	place := sureSchema
	if !o.oneCountry {
		place = sureDoubtful
	}
	f.Text(account.Name, o.name, sureSchema)
	f.Text(account.Description, o.description, sureProse)
	f.LinkedIn(o.linkedIn, sureSchema)
	f.Country(o.country, place)
	f.Text(account.State, o.state, place)
	f.Text(account.City, o.city, place)
	f.Employees(o.employees, o.band, sureSize)
	f.Number(account.FoundedYear, o.founded, sureSchema)
	f.CompanyType(o.kind, sureSize)
}

// organizationTypes are schema.org's types of companies, with the kind of company
// where it follows. Sub-types of LocalBusiness are many; those that companies with
// a sales team use are here.
var organizationTypes = map[string]string{
	"organization": "", "corporation": "", "localbusiness": "", "onlinebusiness": "", "onlinestore": "", "professionalservice": "",
	"financialservice": "", "insuranceagency": "", "bankorcreditunion": "", "accountingservice": "", "legalservice": "", "employmentagency": "",
	"medicalorganization": "", "medicalbusiness": "", "hospital": "", "newsmediaorganization": "", "airline": "", "consortium": "",
	"researchorganization": "", "realestateagent": "", "travelagency": "", "store": "", "automotivebusiness": "", "foodestablishment": "",
	"homeandconstructionbusiness": "", "lodgingbusiness": "", "hotel": "", "restaurant": "", "sportsorganization": "", "performinggroup": "",
	"ngo": "nonprofit", "educationalorganization": "education", "collegeoruniversity": "education", "school": "education",
	"governmentorganization": "government", "fundingscheme": "", "project": "", "librarysystem": "", "cooperative": "",
}

// holders are the properties under which a page or site names its company. Others
// hold other companies: authors of reviews, brands, members, sponsors.
var holders = []string{"@graph", "publisher", "mainEntity", "about", "sourceOrganization", "copyrightHolder", "isPartOf"}

// organization returns the company that the page's data is about: one whose address
// is the page's own, or else the first.
func (p *page) organization(host string) *organization {
	var found []*organization
	for _, block := range p.data {
		if node, ok := decodeData(block); ok {
			found = collect(node, 0, found)
		}
	}
	if len(found) == 0 {
		return nil
	}
	for _, o := range found {
		if o.host != "" && account.SameDomain(o.host, host) {
			return o
		}
	}
	return found[0]
}

// maxDepth and maxFound bound the search in data that may be made to be searched.
const (
	maxDepth = 6
	maxFound = 50
)

func collect(node any, depth int, found []*organization) []*organization {
	if depth > maxDepth || len(found) >= maxFound {
		return found
	}
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			found = collect(item, depth+1, found)
		}
	case map[string]any:
		if kind, ok := organizationType(node["@type"]); ok {
			if o := newOrganization(node, kind); o.name != "" {
				found = append(found, o)
			}
		}
		for _, key := range holders {
			found = collect(node[key], depth+1, found)
		}
	}
	return found
}

// organizationType finds a type of ours among one or several, with or without the
// vocabulary's address in front.
func organizationType(v any) (kind string, ok bool) {
	for _, t := range texts(v) {
		t = strings.ToLower(t[strings.LastIndexAny(t, "/:#")+1:])
		if k, known := organizationTypes[t]; known {
			kind, ok = k, true
			if kind != "" {
				return kind, true
			}
		}
	}
	return kind, ok
}

func newOrganization(node map[string]any, kind string) *organization {
	o := &organization{
		name: first(node["name"]), description: first(node["description"]), kind: kind,
		founded: year(first(node["foundingDate"])),
	}
	o.aliases = append(texts(node["legalName"]), texts(node["alternateName"])...)
	o.aliases = o.aliases[:min(len(o.aliases), maxFound)]
	if o.name == "" {
		o.name = first(node["legalName"])
	}
	if u, err := url.Parse(first(node["url"])); err == nil {
		o.host = u.Hostname()
	}
	for _, page := range texts(node["sameAs"]) {
		if o.linkedIn == "" && strings.Contains(strings.ToLower(page), "linkedin.com/") {
			o.linkedIn = vocabulary.LinkedIn(page)
		}
	}
	if first(node["tickerSymbol"]) != "" {
		o.kind = "public"
	}
	o.readSize(node["numberOfEmployees"])
	o.readPlace(node["address"], node["location"])
	return o
}

// readSize takes a number, a text, or a QuantitativeValue with value, or minValue
// and maxValue.
func (o *organization) readSize(v any) {
	q, isQuantity := v.(map[string]any)
	if !isQuantity {
		o.setSize(first(v))
		return
	}
	low, high := first(q["minValue"]), first(q["maxValue"])
	switch {
	case first(q["value"]) != "":
		o.setSize(first(q["value"]))
	case low != "" && high != "":
		o.setSize(low + "-" + high)
	case low != "":
		o.setSize(low + "+")
	}
}

func (o *organization) setSize(s string) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		o.employees = &n
		return
	}
	o.band = s
}

// readPlace takes the first address with a country, or the first at all, and
// notes whether another one is abroad.
func (o *organization) readPlace(address, location any) {
	places := addresses(address)
	for _, l := range list(location) {
		if place, ok := l.(map[string]any); ok {
			places = append(places, addresses(place["address"])...)
		}
	}
	countries := map[string]bool{}
	for _, place := range places {
		country := place["addressCountry"]
		if named, ok := country.(map[string]any); ok { // {"@type": "Country", "name": "Ireland"}
			country = named["name"]
		}
		if code, ok := vocabulary.Country(first(country)); ok {
			if len(countries) == 0 {
				o.country, o.state, o.city = code, first(place["addressRegion"]), first(place["addressLocality"])
			}
			countries[code] = true
		}
	}
	if len(countries) == 0 && len(places) > 0 {
		o.state, o.city = first(places[0]["addressRegion"]), first(places[0]["addressLocality"])
	}
	o.oneCountry = len(countries) == 1
}

func addresses(v any) []map[string]any {
	var out []map[string]any
	for _, item := range list(v) {
		if a, ok := item.(map[string]any); ok {
			out = append(out, a)
		}
	}
	return out
}

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v[:min(len(v), maxFound)]
	default:
		return []any{v}
	}
}

// texts are the texts in v: itself, a number, the items of a list, or the @value
// of one with a language.
func texts(v any) []string {
	var out []string
	for _, item := range list(v) {
		if object, ok := item.(map[string]any); ok {
			item = object["@value"]
		}
		s := ""
		switch item := item.(type) {
		case string:
			s = strings.TrimSpace(item)
		case float64:
			s = strconv.FormatFloat(item, 'f', -1, 64)
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func first(v any) string {
	if all := texts(v); len(all) > 0 {
		return all[0]
	}
	return ""
}

var yearIn = regexp.MustCompile(`\b(1[0-9]{3}|20[0-9]{2})\b`)

// year reads 2011, 2011-05-01 and "May 2011".
func year(s string) *float64 {
	n, err := strconv.ParseFloat(yearIn.FindString(s), 64)
	if err != nil {
		return nil
	}
	return &n
}

// decodeData reads one block, as people write them: in a comment or CDATA section,
// with line breaks in texts, with commas before closing brackets.
func decodeData(block string) (any, bool) {
	block = strings.Trim(wrapping.ReplaceAllString(block, ""), " \t\r\n;")
	var node any
	if json.Unmarshal([]byte(block), &node) == nil {
		return node, true
	}
	block = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, block)
	block = spareComma.ReplaceAllString(block, "$1")
	if json.Unmarshal([]byte(block), &node) == nil {
		return node, true
	}
	return nil, false
}

var (
	wrapping   = regexp.MustCompile(`^\s*(?://)?\s*(?:<!--|<!\[CDATA\[)|(?://)?\s*(?:-->|\]\]>)\s*$`)
	spareComma = regexp.MustCompile(`,\s*([}\]])`)
)

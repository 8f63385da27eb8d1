package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// crunchbase serves v4 of its API. Like the public sources it knows every company of
// the table, whatever the coverage.
type crunchbase struct {
	*scene
	byPermalink map[string]int
}

func newCrunchbase(s *scene) *crunchbase {
	cb := &crunchbase{scene: s, byPermalink: make(map[string]int, len(s.table.companies))}
	for i := range s.table.companies {
		cb.byPermalink[permalinkOf(s.table.companies[i].Domain)] = i
	}
	return cb
}

func (cb *crunchbase) api() api {
	d := fault.Dialect{Refuse: refuseCrunchbase, Lookup: organizationAsked}
	mux := http.NewServeMux()
	for _, base := range []string{"", "/v4/data", "/api/v4"} {
		mux.HandleFunc("POST "+base+"/searches/organizations", keyed(crunchbaseKey, d, cb.searchOrganizations))
		mux.HandleFunc("GET "+base+"/entities/organizations/{id}", keyed(crunchbaseKey, d, cb.organization))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { crunchbaseMiss(w) })
	return api{name: Crunchbase, handler: mux, dialect: d}
}

func crunchbaseKey(r *http.Request) string {
	return first(r.Header.Get("X-cb-user-key"), r.URL.Query().Get("user_key"))
}

// organizationAsked counts entities; searches go before them, by body.
func organizationAsked(r *http.Request) string {
	_, id, _ := strings.Cut(r.URL.Path, "/entities/organizations/")
	return id
}

func permalinkOf(domain string) string { return strings.ReplaceAll(domain, ".", "-") }

// crunchbaseUUID has the company's place in the table in its first part, so that a
// company is found by it.
func crunchbaseUUID(i int, kind string) string {
	n := number64(81, fmt.Sprint(kind, "/", i))
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", i, n>>48, n>>36&0xfff, n>>24&0xfff, n&0xffffff)
}

// cbIdentifier names an entity.
type cbIdentifier struct {
	UUID      string `json:"uuid"`
	Value     string `json:"value"`
	Permalink string `json:"permalink"`
	Entity    string `json:"entity_def_id"`
}

type cbDate struct {
	Value     string `json:"value"`
	Precision string `json:"precision"`
}

type cbMoney struct {
	Value    int64  `json:"value"`
	Currency string `json:"currency"`
	USD      int64  `json:"value_usd"`
}

// cbRound is a card of raised_funding_rounds. What is not known is left out.
type cbRound struct {
	Identifier   cbIdentifier   `json:"identifier"`
	AnnouncedOn  string         `json:"announced_on"`
	Type         string         `json:"investment_type"`
	Money        *cbMoney       `json:"money_raised,omitempty"`
	Investors    int            `json:"num_investors"`
	Leads        []cbIdentifier `json:"lead_investor_identifiers,omitempty"`
	IsEquity     bool           `json:"is_equity"`
	Organization cbIdentifier   `json:"funded_organization_identifier"`
}

// searchOrganizations takes one predicate: website_url domain_eq.
func (cb *crunchbase) searchOrganizations(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Fields []string `json:"field_ids"`
		Query  []struct {
			Type     string   `json:"type"`
			Field    string   `json:"field_id"`
			Operator string   `json:"operator_id"`
			Values   []string `json:"values"`
		} `json:"query"`
		Limit int `json:"limit"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl)).Decode(&asked); err != nil {
		crunchbaseRefusal(w, http.StatusBadRequest, "MD101", "Invalid JSON")
		return
	}
	if len(asked.Fields) == 0 || len(asked.Query) != 1 || asked.Query[0].Type != "predicate" || asked.Query[0].Field != "website_url" ||
		asked.Query[0].Operator != "domain_eq" || len(asked.Query[0].Values) == 0 {
		crunchbaseRefusal(w, http.StatusBadRequest, "MD102", "Invalid query")
		return
	}
	entities := []any{}
	for _, domain := range asked.Query[0].Values {
		i, ok := cb.index(domain)
		if !ok {
			continue
		}
		if fault.WrongCompany(r.Context()) {
			i = (i + 1) % len(cb.table.companies)
		}
		properties, unknown := cb.properties(i, asked.Fields)
		if unknown != "" {
			crunchbaseRefusal(w, http.StatusBadRequest, "MD403", "Not allowed to read field "+unknown)
			return
		}
		entities = append(entities, map[string]any{"uuid": crunchbaseUUID(i, "organization"), "properties": properties})
	}
	count := len(entities)
	if asked.Limit > 0 {
		entities = entities[:min(asked.Limit, count)]
	}
	writeJSON(w, http.StatusOK, map[string]any{"count": count, "entities": entities})
}

func (cb *crunchbase) organization(w http.ResponseWriter, r *http.Request) {
	i, ok := cb.find(r.PathValue("id"))
	if !ok {
		crunchbaseMiss(w)
		return
	}
	if fault.WrongCompany(r.Context()) {
		i = (i + 1) % len(cb.table.companies)
	}
	properties, unknown := cb.properties(i, append(split(r, "field_ids"), "identifier"))
	if unknown != "" {
		crunchbaseRefusal(w, http.StatusBadRequest, "MD403", "Not allowed to read field "+unknown)
		return
	}
	answer := map[string]any{"properties": properties}
	cards := map[string]any{}
	for _, card := range split(r, "card_ids") {
		if card != "raised_funding_rounds" {
			crunchbaseRefusal(w, http.StatusBadRequest, "MD403", "Not allowed to read card "+card)
			return
		}
		cards[card] = cb.rounds(i)
	}
	if len(cards) > 0 {
		answer["cards"] = cards
	}
	writeJSON(w, http.StatusOK, answer)
}

// split reads a comma-joined list of the query.
func split(r *http.Request, name string) []string {
	return strings.FieldsFunc(r.URL.Query().Get(name), func(c rune) bool { return c == ',' || c == ' ' })
}

// find takes a permalink or a uuid.
func (cb *crunchbase) find(id string) (int, bool) {
	if i, ok := cb.byPermalink[id]; ok {
		return i, true
	}
	head, _, _ := strings.Cut(id, "-")
	i, err := strconv.ParseUint(head, 16, 32)
	if err != nil || i >= uint64(len(cb.table.companies)) || crunchbaseUUID(int(i), "organization") != id {
		return 0, false
	}
	return int(i), true
}

func (cb *crunchbase) identifier(i int) cbIdentifier {
	c := &cb.table.companies[i]
	return cbIdentifier{UUID: crunchbaseUUID(i, "organization"), Value: c.Name, Permalink: permalinkOf(c.Domain), Entity: "organization"}
}

// properties are those asked for that are known, and the first that nobody may read.
func (cb *crunchbase) properties(i int, asked []string) (known map[string]any, unknown string) {
	all := cb.all(i)
	known = map[string]any{}
	for _, name := range asked {
		v, ok := all[name]
		if !ok {
			return nil, name
		}
		if v != nil {
			known[name] = v
		}
	}
	return known, ""
}

// all has every property; those that are not known are nil.
func (cb *crunchbase) all(i int) map[string]any {
	c := cb.company(i)
	rounds := cb.rounds(i)
	last := rounds[0]
	var total int64
	for _, r := range rounds {
		if r.Money != nil {
			total += r.Money.USD
		}
	}
	return map[string]any{
		"identifier": cb.identifier(i), "name": c.Name, "legal_name": nil, "aliases": nil, "website_url": "https://" + cb.domain(i),
		"website": map[string]string{"value": "https://" + cb.domain(i)}, "linkedin": linkedInValue(&c), "short_description": orNil(c.Description),
		"description": orNil(c.Description), "categories": nil, "category_groups": nil, "num_employees_enum": orNil(bandOf(int64(c.Employees), crunchbaseSizes)),
		"revenue_range": orNil(bandOf(c.RevenueUSD, crunchbaseRevenues)), "founded_on": foundedOn(&c), "location_identifiers": locations(&c),
		"funding_total": &cbMoney{total, "USD", total}, "last_funding_type": last.Type, "last_funding_at": last.AnnouncedOn,
		"last_funding_total": last.Money, "last_equity_funding_type": last.Type, "num_funding_rounds": len(rounds),
		"company_type": companyType(&c), "status": cb.status(i), "stock_symbol": nil, "ipo_status": ipoStatus(&c), "closed_on": cb.closedOn(i),
	}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func linkedInValue(c *Company) any {
	if c.LinkedIn == "" {
		return nil
	}
	return map[string]string{"value": "https://www.linkedin.com/company/" + c.LinkedIn}
}

func foundedOn(c *Company) any {
	if c.FoundedYear == 0 {
		return nil
	}
	return cbDate{strconv.Itoa(c.FoundedYear) + "-01-01", "year"}
}

func locations(c *Company) any {
	var all []map[string]string
	for kind, value := range map[string]string{"city": c.City, "region": c.State, "country": countries[c.Country].name} {
		if value != "" {
			all = append(all, map[string]string{"value": value, "permalink": strings.ReplaceAll(strings.ToLower(value), " ", "-"), "location_type": kind})
		}
	}
	if all == nil {
		return nil
	}
	slices.SortFunc(all, func(a, b map[string]string) int { return strings.Compare(a["location_type"], b["location_type"]) })
	return all
}

func companyType(c *Company) string {
	if c.CompanyType == "nonprofit" {
		return "non_profit"
	}
	return "for_profit"
}

func ipoStatus(c *Company) string {
	if c.CompanyType == "public" {
		return "public"
	}
	return "private"
}

// status is what became of the company.
func (cb *crunchbase) status(i int) string {
	status := "operating"
	if cb.table.companies[i].CompanyType == "public" {
		status = "ipo"
	}
	for _, h := range cb.happened(cb.table.companies[i].Domain) {
		switch h.Kind {
		case Closed:
			status = "closed"
		case Acquired:
			status = "was_acquired"
		case Reopened:
			status = "operating"
		default:
		}
	}
	return status
}

func (cb *crunchbase) closedOn(i int) any {
	var closed any
	for _, h := range cb.happened(cb.table.companies[i].Domain) {
		switch h.Kind {
		case Closed:
			closed = cbDate{h.At.Format(time.DateOnly), "day"}
		case Reopened:
			closed = nil
		default:
		}
	}
	return closed
}

// recent is how many days a round of the table is news: the old round of a company
// is older, whatever the table says.
const recent = 60

// rounds are what a company has raised by now, newest first: the round of the table,
// or an invented one if that is too recent or unknown, and those that happened since.
func (cb *crunchbase) rounds(i int) []cbRound {
	c := &cb.table.companies[i]
	old := Happening{ID: "old-round", Domain: c.Domain, At: c.LastFundingAt, Kind: Round, Stage: c.FundingStage, AmountUSD: c.FundingTotalUSD}
	if old.Stage == "" || old.At.IsZero() || old.At.After(cb.background(recent)) {
		old.At, old.Stage, old.AmountUSD = cb.background(between(200, 900, 82, c.Domain)), "seed", int64(between(4, 30, 83, c.Domain))*100_000
	}
	rounds := []cbRound{cb.roundOf(i, &old)}
	for _, h := range cb.happened(c.Domain) {
		if h.Kind == Round {
			rounds = append(rounds, cb.roundOf(i, &h))
		}
	}
	slices.Reverse(rounds)
	return rounds
}

func (cb *crunchbase) roundOf(i int, h *Happening) cbRound {
	title := stageTitle(h.Stage)
	id := uuid("crunchbase/" + h.Domain + "/" + h.ID)
	round := cbRound{
		Identifier: cbIdentifier{
			UUID: id, Value: title + " - " + cb.table.companies[i].Name, Entity: "funding_round",
			Permalink: permalinkOf(h.Domain) + "-" + strings.ReplaceAll(h.Stage, "_", "-") + "--" + id[:8],
		},
		AnnouncedOn: h.At.Format(time.DateOnly), Type: h.Stage, Investors: between(1, 6, 84, h.Domain+"/"+h.ID), IsEquity: true,
		Leads:        []cbIdentifier{{UUID: uuid("birch"), Value: "Birch Capital", Permalink: "birch-capital-example", Entity: "organization"}},
		Organization: cb.identifier(i),
	}
	if h.AmountUSD > 0 {
		round.Money = &cbMoney{h.AmountUSD, "USD", h.AmountUSD}
	}
	return round
}

// Crunchbase's codes of size and revenue (reference/providers.md 3.1 and 4.8).
var (
	crunchbaseSizes = []band{
		{10, "c_00001_00010"},
		{50, "c_00011_00050"},
		{100, "c_00051_00100"},
		{250, "c_00101_00250"},
		{500, "c_00251_00500"},
		{1000, "c_00501_01000"},
		{5000, "c_01001_05000"},
		{10000, "c_05001_10000"},
		{1 << 40, "c_10001_max"},
	}
	crunchbaseRevenues = []band{
		{1e6, "r_00000000"},
		{10e6, "r_00001000"},
		{50e6, "r_00010000"},
		{100e6, "r_00050000"},
		{500e6, "r_00100000"},
		{1e9, "r_00500000"},
		{10e9, "r_01000000"},
		{1 << 60, "r_10000000"},
	}
)

func crunchbaseMiss(w http.ResponseWriter) {
	writeJSON(w, http.StatusNotFound, map[string]string{"error": "Entity not found", "code": "CS404"})
}

// crunchbaseRefusal is a list of one problem.
func crunchbaseRefusal(w http.ResponseWriter, status int, code, message string) {
	type problem struct {
		Status  int    `json:"status"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	writeJSON(w, status, []problem{{status, code, message}})
}

func refuseCrunchbase(w http.ResponseWriter, _ *http.Request, why fault.Reason, _ time.Duration) {
	switch why {
	case fault.BadKey:
		crunchbaseRefusal(w, http.StatusUnauthorized, "LA401", "Unauthorized user_key")
	case fault.NoCredits: // there are none: the licence does not cover it
		crunchbaseRefusal(w, http.StatusForbidden, "LA403", "Your licence does not include this endpoint")
	case fault.Throttled: // there is no Retry-After
		crunchbaseRefusal(w, http.StatusTooManyRequests, "LA429", "Too many requests")
	case fault.Broken, fault.Unavailable, fault.Outage:
		crunchbaseRefusal(w, why.Status(), "CS"+strconv.Itoa(why.Status()), http.StatusText(why.Status()))
	}
}

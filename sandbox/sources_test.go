package sandbox

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// declared asks the SEC as it wants to be asked.
func (s *Sandbox) declared(t *testing.T, path string) response {
	t.Helper()
	return s.ask(t, request{"/edgar" + path, map[string]string{"User-Agent": "Sluice/1.0 ops@acme.example"}})
}

func TestEDGARWantsToKnowWhoAsks(t *testing.T) {
	t.Parallel()
	s := theatre(t, 10)
	for _, agent := range []string{"", "Go-http-client/1.1", "Sluice/1.0"} {
		got := s.ask(t, request{"/edgar/efts/LATEST/search-index?q=x", map[string]string{"User-Agent": agent}})
		require.Equal(t, http.StatusForbidden, got.status)
		require.Contains(t, got.header.Get("Content-Type"), "text/html")
		require.Contains(t, got.body, "Undeclared Automated Tool")
	}
}

func TestEDGAR(t *testing.T) {
	t.Parallel()
	s := theatre(t, 400)
	i, domain := s.with(t, func(i int) bool { return s.inUS(i) && s.table.companies[i].CompanyType == "public" })
	_, foreign := s.with(t, func(i int) bool { return !s.inUS(i) })
	name := s.table.companies[i].Name
	cik, ok := s.Table().CIK(domain)
	require.True(t, ok)
	_, ok = s.Table().CIK(foreign)
	require.False(t, ok)
	require.NoError(t, s.News.Plant(
		Happening{ID: "d", Domain: domain, At: night.Add(-3 * time.Hour), Kind: FormD, AmountSold: 22_000_000, IndustryGroup: "Other Technology"},
		Happening{ID: "fund", Domain: domain, At: night.Add(-4 * time.Hour), Kind: FormD, AmountSold: 1, Pooled: true},
		Happening{ID: "8k", Domain: domain, At: night.Add(-2 * time.Hour), Kind: Officer8K, Role: "Chief Revenue Officer", Person: "Jane Doe"},
		Happening{ID: "pay", Domain: domain, At: night.Add(-1 * time.Hour), Kind: Officer8K, PayPlanOnly: true},
		Happening{ID: "later", Domain: domain, At: night.Add(time.Hour), Kind: FormD, AmountSold: 1},
	))

	got := s.declared(t, fmt.Sprintf("/data/submissions/CIK%010d.json", cik))
	require.Equal(t, http.StatusOK, got.status)
	var sub submissions
	require.NoError(t, json.Unmarshal([]byte(got.body), &sub))
	recent := sub.Filings.Recent
	require.Equal(t, []string{"8-K", "8-K", "D"}, recent.Form[:3], "newest first, without the fund's")
	require.Len(t, recent.Form, 5, "and two old ones")
	require.Equal(t, "5.02,9.01", recent.Items[0])
	require.Equal(t, "2026-11-22", recent.FilingDate[2])
	require.Equal(t, name+", Inc.", sub.Name)
	var columns struct {
		Filings struct{ Recent map[string][]any }
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &columns))
	require.Len(t, columns.Filings.Recent, 14)
	for column, values := range columns.Filings.Recent {
		require.Len(t, values, 5, column)
	}
	for _, path := range []string{"/data/submissions/CIK0001999999.json", "/data/submissions/CIK2000000.json", "/data/submissions/CIK00x.json", "/elsewhere"} {
		require.Equal(t, http.StatusNotFound, s.declared(t, path).status, path)
	}

	body := func(n int, document string) response {
		return s.declared(t, fmt.Sprintf("/www/Archives/edgar/data/%d/%s/%s", cik, strings.ReplaceAll(recent.Accession[n], "-", ""), document))
	}
	require.Contains(t, body(0, recent.Document[0]).body, "incentive plan")
	require.NotContains(t, body(0, recent.Document[0]).body, "appointed")
	require.Contains(t, body(1, recent.Document[1]).body, "appointed Jane Doe as Chief Revenue Officer")
	require.Contains(t, body(1, recent.Document[1]).body, "Item&#160;5.02")
	require.Contains(t, body(2, recent.Document[2]).body, "<html>", "for people")
	require.Equal(t, http.StatusNotFound, body(2, "other.xml").status)
	var d formD
	require.NoError(t, xml.Unmarshal([]byte(body(2, "primary_doc.xml").body), &d))
	require.Equal(t, "D", d.SubmissionType)
	require.Equal(t, "LIVE", d.TestOrLive)
	require.Equal(t, int64(22_000_000), d.Offering.Sold)
	require.Equal(t, "Indefinite", d.Offering.Offered)
	require.Equal(t, name+", Inc.", d.Issuer.Name)
	require.NotEmpty(t, d.Related)
}

func TestEDGARSearch(t *testing.T) {
	t.Parallel()
	s := theatre(t, 400)
	i, domain := s.with(t, func(i int) bool { return s.inUS(i) && s.table.companies[i].CompanyType == "public" })
	cik, _ := s.Table().CIK(domain)
	require.NoError(t, s.News.Plant(
		Happening{Domain: domain, At: night.Add(-3 * time.Hour), Kind: FormD, AmountSold: 22_000_000},
		Happening{Domain: domain, At: night.Add(-4 * time.Hour), Kind: FormD, AmountSold: 1, Pooled: true},
		Happening{Domain: domain, At: night.Add(-2 * time.Hour), Kind: Officer8K, Role: "CFO", Person: "Jane Doe"},
	))
	type answer struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []edgarHit
		}
	}
	search := func(query string) answer {
		got := s.declared(t, "/efts/LATEST/search-index?"+query)
		require.Equal(t, http.StatusOK, got.status, got.body)
		var a answer
		require.NoError(t, json.Unmarshal([]byte(got.body), &a))
		return a
	}
	name := url.QueryEscape(`"` + s.table.companies[i].Name + `"`)
	all := search("q=" + name + "&forms=D,8-K&dateRange=custom&startdt=2026-11-21&enddt=2026-11-23&from=0")
	require.Equal(t, 4, all.Hits.Total.Value, "an 8-K with an exhibit, two Forms D")
	require.Equal(t, all.Hits.Hits[0].Source.Accession, all.Hits.Hits[1].Source.Accession, "two documents of one filing")
	require.Equal(t, []string{"5.02", "9.01"}, all.Hits.Hits[0].Source.Items)
	fund := all.Hits.Hits[3].Source
	require.Contains(t, fund.DisplayNames[0], "Fund I, a series of")
	require.NotEqual(t, fund.CIKs, all.Hits.Hits[2].Source.CIKs)
	require.Equal(t, []string{fmt.Sprintf("%010d", cik)}, all.Hits.Hits[2].Source.CIKs)
	require.Len(t, search("q="+name+"&forms=D&dateRange=custom&startdt=2026-11-21&enddt=2026-11-23").Hits.Hits, 2)
	require.Len(t, search(fmt.Sprintf("ciks=%010d&forms=D&dateRange=custom&startdt=2026-11-21&enddt=2026-11-23", cik)).Hits.Hits, 1)
	require.Empty(t, search("q="+name+"&from=100").Hits.Hits)
	require.Empty(t, search("q=%22no+such+company%22").Hits.Hits)
	first, _, _ := strings.Cut(s.table.companies[i].Name, " ")
	require.Greater(t, search("q=%22"+first+"%22").Hits.Total.Value, all.Hits.Total.Value, "a word of many names")

	example := `{"hits":{"total":{"value":1,"relation":"eq"},"hits":[{"_id":"x","_source":{"ciks":["x"],"display_names":["x"],"adsh":"x","form":"D","root_forms":["D"],"file_type":"D","file_date":"x","items":["06b"],"biz_locations":["x"],"biz_states":["x"],"inc_states":["DE"],"sics":[],"sequence":1}}]}}`
	got := s.declared(t, "/efts/LATEST/search-index?q="+name)
	have := shapeOf(t, got.body)
	for path, kind := range shapeOf(t, example) {
		require.Contains(t, have, path)
		requireSameKind(t, path, kind, have[path])
	}
}

func TestCrunchbase(t *testing.T) {
	t.Parallel()
	s := theatre(t, 50)
	domain := s.table.companies[3].Domain
	key := map[string]string{"X-cb-user-key": Key}
	search := `{"field_ids":["identifier","website_url"],"query":[{"type":"predicate","field_id":"website_url","operator_id":"domain_eq","values":["` + domain + `"]}],"limit":5}`
	got := s.send(t, http.MethodPost, "/crunchbase/v4/data/searches/organizations", search, key)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var found struct {
		Count    int
		Entities []struct {
			UUID       string
			Properties map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &found))
	require.Equal(t, 1, found.Count)
	require.Len(t, found.Entities[0].Properties, 2, "what was asked for")
	require.Equal(t, "https://"+domain, found.Entities[0].Properties["website_url"])
	none := s.send(t, http.MethodPost, "/crunchbase/searches/organizations", strings.ReplaceAll(search, domain, "nobody.example"), key)
	require.JSONEq(t, `{"count":0,"entities":[]}`, none.body)
	require.Equal(t, http.StatusBadRequest, s.send(t, http.MethodPost, "/crunchbase/searches/organizations", `{"query":[]}`, key).status)

	fields := "?field_ids=identifier,website_url,short_description,num_employees_enum,revenue_range,founded_on,company_type,status,location_identifiers,funding_total,last_funding_type,last_funding_at,num_funding_rounds&card_ids=raised_funding_rounds"
	path := "/crunchbase/entities/organizations/" + permalinkOf(domain) + fields
	type entity struct {
		Properties struct{ Status, LastFundingAt string }
		Cards      struct {
			Rounds []cbRound `json:"raised_funding_rounds"`
		}
	}
	read := func() (e entity) {
		got := s.ask(t, request{path, key})
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.NoError(t, json.Unmarshal([]byte(got.body), &e))
		return e
	}
	old := read()
	require.Len(t, old.Cards.Rounds, 1)
	require.Less(t, old.Cards.Rounds[0].AnnouncedOn, "2026-09-25")
	require.Equal(t, "operating", strings.ReplaceAll(old.Properties.Status, "ipo", "operating"))
	require.NoError(t, s.News.Plant(
		Happening{Domain: domain, At: night.Add(-time.Hour), Kind: Round, Stage: "series_b", AmountUSD: 22_000_000},
		Happening{Domain: domain, At: night.Add(time.Hour), Kind: Acquired},
		Happening{Domain: domain, At: night.Add(3 * time.Hour), Kind: Closed},
	))
	fresh := read()
	require.Len(t, fresh.Cards.Rounds, 2)
	require.Equal(t, "series_b", fresh.Cards.Rounds[0].Type, "newest first")
	require.Equal(t, int64(22_000_000), fresh.Cards.Rounds[0].Money.USD)
	require.Equal(t, "2026-11-23", fresh.Cards.Rounds[0].AnnouncedOn)
	require.Equal(t, old.Cards.Rounds[0], fresh.Cards.Rounds[1], "stable")
	s.Clock.Advance(2 * time.Hour)
	require.Equal(t, "was_acquired", read().Properties.Status)
	s.Clock.Advance(2 * time.Hour)
	require.Equal(t, "closed", read().Properties.Status)
	byID := s.ask(t, request{"/crunchbase/api/v4/entities/organizations/" + found.Entities[0].UUID, key})
	require.Contains(t, byID.body, permalinkOf(domain))

	for name, want := range map[string]struct {
		q      request
		status int
		body   string
	}{
		"no key":     {request{path, nil}, 401, `[{"status":401,"code":"LA401"`},
		"bad key":    {request{path, map[string]string{"X-cb-user-key": "bad-key"}}, 401, "LA401"},
		"no credits": {request{path + "&user_key=no-credits", nil}, 403, `[{"status":403`},
		"nobody":     {request{"/crunchbase/entities/organizations/nobody", key}, 404, `"code":"CS404"`},
		"a field":    {request{"/crunchbase/entities/organizations/" + permalinkOf(domain) + "?field_ids=secret", key}, 400, `[{"status":400,"code":"MD403"`},
		"a card":     {request{"/crunchbase/entities/organizations/" + permalinkOf(domain) + "?card_ids=secret", key}, 400, "MD403"},
	} {
		got := s.ask(t, want.q)
		require.Equal(t, want.status, got.status, name)
		require.Contains(t, got.body, want.body, name)
	}
	require.Equal(t, 3, s.Faults.Counters()[Crunchbase].UniqueLookups)
}

func TestPeopleSearch(t *testing.T) {
	t.Parallel()
	s := theatre(t, 100)
	i, domain := s.with(t, func(i int) bool { return s.table.companies[i].Employees > 250 })
	key := map[string]string{"x-api-key": Key, "Content-Type": "application/json"}
	search := func(body string) apolloPeople {
		got := s.send(t, http.MethodPost, "/apollo/api/v1/mixed_people/api_search", body, key)
		require.Equal(t, http.StatusOK, got.status, got.body)
		var p apolloPeople
		require.NoError(t, json.Unmarshal([]byte(got.body), &p))
		return p
	}
	all := search(`{"q_organization_domains_list":["` + domain + `"]}`)
	require.Equal(t, len(officers), all.Total)
	names := map[string]bool{}
	for _, p := range all.People {
		require.Regexp(t, `^\pL\pL\*\*\*\pL$`, p.LastName)
		names[p.ID] = true
	}
	require.Len(t, names, len(officers), "nobody has two roles")
	require.Equal(t, all, search(`{"q_organization_domains_list":["`+domain+`"]}`), "stable")
	chiefs := search(`{"q_organization_domains_list":["` + domain + `"],"person_titles":["chief officer"],"person_seniorities":["c_suite"],"per_page":3}`)
	require.Equal(t, 5, chiefs.Total)
	require.Len(t, chiefs.People, 3)
	require.Len(t, search(`{"q_organization_domains_list":["`+domain+`"],"per_page":2,"page":4}`).People, 1)
	require.Empty(t, search(`{"q_organization_domains_list":["nobody.example"]}`).People)

	require.NoError(t, s.News.Plant(Happening{Domain: domain, At: night.Add(time.Hour), Kind: Executive, Role: "VP Sales", Person: "Jane Doering"}))
	vp := `{"q_organization_domains_list":["` + domain + `"],"person_titles":["VP Sales"]}`
	before := search(vp)
	s.Clock.Advance(2 * time.Hour)
	after := search(vp)
	require.Len(t, after.People, 1)
	require.NotEqual(t, before.People[0].ID, after.People[0].ID)
	require.Equal(t, "Jane", after.People[0].FirstName)
	require.Equal(t, "Do***g", after.People[0].LastName)
	require.Zero(t, s.Faults.Counters()["apollo"].Credits, "searches are free")

	got := s.send(t, http.MethodPost, "/apollo/api/v1/people/match", `{"id":"`+after.People[0].ID+`"}`, key)
	require.Contains(t, got.body, `"name":"Jane Doering"`)
	require.Contains(t, got.body, `"start_date":"2026-11-23"`)
	require.Contains(t, s.send(t, http.MethodPost, "/apollo/api/v1/people/match", `{"id":"zz"}`, key).body, `"person":null`)
	require.InDelta(t, 1, s.Faults.Counters()["apollo"].Credits, 0)

	byQuery := s.send(t, http.MethodPost, "/apollo/mixed_people/api_search?q_organization_domains_list[]="+domain+"&person_titles[]=vp+sales", "", key)
	require.Contains(t, byQuery.body, "Jane")
	require.Equal(t, http.StatusUnauthorized, s.send(t, http.MethodPost, "/apollo/api/v1/mixed_people/api_search", vp, map[string]string{"x-api-key": "bad-key"}).status)
	require.Equal(t, http.StatusUnprocessableEntity, s.send(t, http.MethodPost, "/apollo/api/v1/mixed_people/api_search", "[", key).status)
	require.Equal(t, s.table.companies[i].Name, after.People[0].Organization.Name)
}

func TestGDELT(t *testing.T) {
	t.Parallel()
	s := theatre(t, 50)
	c := s.table.companies[5]
	query := func(q string) response {
		return s.ask(t, request{path: "/gdelt/api/v2/doc/doc?mode=artlist&format=json&maxrecords=50&sort=datedesc&" + q})
	}
	name := "query=" + url.QueryEscape(`"`+c.Name+`" (funding OR raises)`)
	require.JSONEq(t, `{}`, query(name+"&timespan=1d").body)
	require.NoError(t, s.News.Plant(Happening{Domain: c.Domain, At: night.Add(-2 * time.Hour), Kind: Press, Headline: c.Name + " raises $22M Series B"}))
	got := query(name + "&timespan=1d")
	example := `{"articles":[{"url":"x","url_mobile":"","title":"x","seendate":"x","socialimage":"","domain":"x","language":"x","sourcecountry":"x"}]}`
	require.Equal(t, shapeOf(t, example), shapeOf(t, got.body))
	require.Contains(t, got.body, `"seendate":"20261123T003000Z"`)
	require.Contains(t, got.body, "raises $22M")
	require.JSONEq(t, `{}`, query(name+"&timespan=1h").body)
	require.JSONEq(t, `{}`, query(name+"&startdatetime=20261121000000&enddatetime=20261122000000").body)
	old := query("query=" + url.QueryEscape(`"`+c.Name+`"`))
	require.Equal(t, 2, strings.Count(old.body, `"title"`), "the last three months have an old one")
	for _, wrong := range []string{"query=", name + "&timespan=soon", name + "&startdatetime=today"} {
		got := query(wrong)
		require.Equal(t, http.StatusOK, got.status, "plain text in a 200")
		require.NotEqual(t, byte('{'), got.body[0])
	}
}

// TestWhatIsPlantedIsTold asks each service that should tell of a happening, before and
// after it.
func TestWhatIsPlantedIsTold(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Table: InventAt(1500, 1, night.AddDate(0, 0, -1)), Coverage: Realistic})
	require.NoError(t, err)
	tried := map[string]int{}
	for _, h := range PlantNews(s, 0.15, night, 9) {
		for _, teller := range s.Tellers(h) {
			s.Clock.Set(h.At.Add(-time.Minute))
			before := s.told(t, teller, h)
			s.Clock.Set(h.At)
			if after := s.told(t, teller, h); before == after {
				require.True(t, teller == "hunter" && h.Kind == Headcount, "%s does not tell of %+v", teller, h) // a band
			}
			tried[string(h.Kind)+" at "+teller]++
		}
	}
	require.Greater(t, len(tried), 12, tried)
}

// told is everything that the service tells about the company.
func (s *Sandbox) told(t *testing.T, service string, h Happening) string {
	i, _ := s.table.index(h.Domain)
	key := map[string]string{"X-cb-user-key": Key, "x-api-key": Key}
	switch service {
	case JobBoards:
		return fmt.Sprint(s.jobBoards.jobs(i))
	case EDGAR:
		return s.declared(t, fmt.Sprintf("/efts/LATEST/search-index?ciks=%d,%d", s.table.cik(i), s.table.cik(i)+1)).body
	case Crunchbase:
		return s.ask(t, request{"/crunchbase/entities/organizations/" + permalinkOf(h.Domain) + "?card_ids=raised_funding_rounds", key}).body
	case "apollo":
		people := s.send(t, http.MethodPost, "/apollo/mixed_people/api_search", `{"q_organization_domains_list":["`+h.Domain+`"]}`, key)
		return people.body + s.ask(t, lookup(Apollo, h.Domain, Key)).body
	case "website":
		return s.ask(t, request{path: "/website/" + h.Domain + "/home"}).body
	default:
		return s.ask(t, lookup(Vendor(service), h.Domain, Key)).body
	}
}

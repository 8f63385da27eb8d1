package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/sandbox/fault"
)

type officer struct {
	role  string
	above int // employees
}

// officers are the roles that a company has had from the beginning; a small one has
// the first of them only.
var officers = []officer{
	{"Chief Executive Officer", 0},
	{"Head of Customer Success", 10},
	{"Chief Technology Officer", 20},
	{"VP Sales", 40},
	{"Chief Financial Officer", 60},
	{"Chief Marketing Officer", 100},
	{"Chief Revenue Officer", 250},
}

var firstNames = []string{
	"Ada", "Bram", "Celia", "Dario", "Elin", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Lukas", "Maya", "Nils", "Olga", "Pavel",
	"Rosa", "Samir", "Tess", "Umar", "Vera", "Wim", "Yara", "Zeno",
}

var lastNames = []string{
	"Abbot", "Barlow", "Castell", "Dorsey", "Eklund", "Farrow", "Grieve", "Holloway", "Iverson", "Jansen", "Kessler", "Lindqvist",
	"Marlowe", "Norrington", "Okafor", "Petersen", "Quimby", "Rasmussen", "Sorensen", "Tillman", "Underhill", "Valdez", "Whitaker", "Zeller",
}

// personOf invents who holds a role, the same each time.
func personOf(domain, role string) string {
	place := slices.IndexFunc(officers, func(o officer) bool { return o.role == role })
	if place < 0 {
		place = between(len(officers), len(lastNames)-1, 75, role)
	}
	given, family := number64(71, domain+"/"+role), number64(74, domain)%uint64(len(lastNames))
	// No two of a company's officers have the same name: they would be one person.
	return firstNames[given%uint64(len(firstNames))] + " " + lastNames[(int(family)+place)%len(lastNames)]
}

// holder is somebody with a role.
type holder struct{ role, person string }

// holders returns who leads company i now.
func (s *scene) holders(i int) []holder {
	c := &s.table.companies[i]
	var all []holder
	for _, o := range officers {
		if c.Employees >= o.above {
			all = append(all, holder{o.role, personOf(c.Domain, o.role)})
		}
	}
	for _, h := range s.happened(c.Domain) {
		if h.Kind != Executive {
			continue
		}
		at := slices.IndexFunc(all, func(had holder) bool { return strings.EqualFold(had.role, h.Role) })
		if at < 0 {
			all = append(all, holder{h.Role, h.Person})
			continue
		}
		all[at].person = h.Person
	}
	return all
}

// apolloPeople is the body of mixed_people/api_search: masked people.
type apolloPeople struct {
	Total  int            `json:"total_entries"`
	People []apolloPerson `json:"people"`
}

type apolloPerson struct {
	ID             string          `json:"id"`
	FirstName      string          `json:"first_name"`
	LastName       string          `json:"last_name_obfuscated"` // Po***r
	Title          string          `json:"title"`
	RefreshedAt    string          `json:"last_refreshed_at"`
	HasEmail       bool            `json:"has_email"`
	HasCity        bool            `json:"has_city"`
	HasState       bool            `json:"has_state"`
	HasCountry     bool            `json:"has_country"`
	HasDirectPhone string          `json:"has_direct_phone"` // Yes, or a sentence that begins with Maybe
	Organization   apolloPersonOrg `json:"organization"`
}

type apolloPersonOrg struct {
	Name        string `json:"name"`
	HasIndustry bool   `json:"has_industry"`
	HasPhone    bool   `json:"has_phone"`
	HasCity     bool   `json:"has_city"`
	HasState    bool   `json:"has_state"`
	HasCountry  bool   `json:"has_country"`
	HasZip      bool   `json:"has_zip_code"`
	HasRevenue  bool   `json:"has_revenue"`
	HasCount    bool   `json:"has_employee_count"`
}

// peopleSearch is what a people search asks for, in the query or in the body.
type peopleSearch struct {
	Domains     []string `json:"q_organization_domains_list"`
	Titles      []string `json:"person_titles"`
	Seniorities []string `json:"person_seniorities"`
	Page        int      `json:"page"`
	PerPage     int      `json:"per_page"`
}

func readPeopleSearch(w http.ResponseWriter, r *http.Request) (peopleSearch, error) {
	var s peopleSearch
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl)).Decode(&s)
	if r.ContentLength == 0 {
		err = nil
	}
	q := r.URL.Query()
	s.Domains = append(s.Domains, listed(q, "q_organization_domains_list")...)
	s.Titles = append(s.Titles, listed(q, "person_titles")...)
	s.Seniorities = append(s.Seniorities, listed(q, "person_seniorities")...)
	if page, err := strconv.Atoi(q.Get("page")); err == nil {
		s.Page = page
	}
	if size, err := strconv.Atoi(q.Get("per_page")); err == nil {
		s.PerPage = size
	}
	s.Page = max(1, s.Page)
	if s.PerPage < 1 {
		s.PerPage = 25
	}
	s.PerPage = min(s.PerPage, 100) // more is cut without a word
	return s, err
}

func listed(q url.Values, name string) []string { return slices.Concat(q[name], q[name+"[]"]) }

// searchPeople costs nothing, and knows the companies that Apollo knows.
func (a *apollo) searchPeople(w http.ResponseWriter, r *http.Request) {
	asked, err := readPeopleSearch(w, r)
	if err != nil {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "Invalid request body"})
		return
	}
	a.limits(w)
	found := []apolloPerson{}
	for _, domain := range asked.Domains {
		i, ok := a.scene.index(domain)
		if ok && fault.WrongCompany(r.Context()) {
			i = (i + 1) % len(a.scene.table.companies)
		}
		if ok && a.coverage.says(Apollo, i).kind == about {
			found = append(found, a.people(i, &asked)...)
		}
	}
	start := min((asked.Page-1)*asked.PerPage, len(found))
	writeJSON(w, http.StatusOK, apolloPeople{Total: len(found), People: found[start:min(start+asked.PerPage, len(found))]})
}

func (a *apollo) people(i int, asked *peopleSearch) []apolloPerson {
	c := a.scene.company(i)
	var found []apolloPerson
	for _, h := range a.scene.holders(i) {
		if asked.wants(h.role) {
			found = append(found, apolloPersonOf(&c, i, h))
		}
	}
	return found
}

// wants reports whether the title has all words of one of those asked for, and the
// seniority is one of those asked for.
func (s *peopleSearch) wants(title string) bool {
	words := strings.Fields(plainName(title))
	byTitle := slices.ContainsFunc(s.Titles, func(asked string) bool {
		return !slices.ContainsFunc(strings.Fields(plainName(asked)), func(word string) bool { return !slices.Contains(words, word) })
	})
	return (len(s.Titles) == 0 || byTitle) && (len(s.Seniorities) == 0 || slices.Contains(s.Seniorities, seniorityOf(title)))
}

func seniorityOf(title string) string {
	switch words := strings.Fields(plainName(title)); {
	case slices.Contains(words, "chief") || len(words) == 1 && len(title) == 3:
		return "c_suite"
	case slices.Contains(words, "vp") || slices.Contains(words, "vice"):
		return "vp"
	case slices.Contains(words, "head"):
		return "head"
	case slices.Contains(words, "director"):
		return "director"
	default:
		return "manager"
	}
}

// personID has the company's place in the table in its first half, so that a person
// is found by it.
func personID(i int, domain, person string) string {
	return fmt.Sprintf("%08x%016x", i, number64(72, domain+"/"+person))
}

func apolloPersonOf(c *Company, i int, h holder) apolloPerson {
	first, last, _ := strings.Cut(h.person, " ")
	return apolloPerson{
		ID: personID(i, c.Domain, h.person), FirstName: first, LastName: obfuscated(last), Title: h.role,
		RefreshedAt: "2026-09-01T00:00:00.000+00:00", HasEmail: true, HasCity: c.City != "", HasState: c.State != "", HasCountry: c.Country != "",
		HasDirectPhone: "Maybe: please request direct dial via people/bulk_match",
		Organization: apolloPersonOrg{
			Name: c.Name, HasIndustry: c.Industry != "", HasCity: c.City != "", HasState: c.State != "", HasCountry: c.Country != "",
			HasRevenue: c.RevenueUSD > 0, HasCount: c.Employees > 0,
		},
	}
}

// obfuscated shows the ends of a name.
func obfuscated(name string) string {
	letters := []rune(name)
	if len(letters) < 4 {
		return string(letters[:min(1, len(letters))]) + "***"
	}
	return string(letters[:2]) + "***" + string(letters[len(letters)-1:])
}

// employment is one job of a person at people/match.
type employment struct {
	Current      bool    `json:"current"`
	StartDate    *string `json:"start_date"`
	EndDate      *string `json:"end_date"`
	Title        string  `json:"title"`
	Organization string  `json:"organization_name"`
}

// matchPerson answers people/match for an id of a people search, unmasked and with the
// date on which the role was taken over.
func (a *apollo) matchPerson(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ID string `json:"id"`
	}
	_ = json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl)).Decode(&asked)
	id := first(asked.ID, r.URL.Query().Get("id"))
	i, err := strconv.ParseUint(id[:min(8, len(id))], 16, 32)
	a.limits(w)
	if err != nil || i >= uint64(len(a.scene.table.companies)) {
		writeJSON(w, http.StatusOK, map[string]any{"person": nil})
		return
	}
	c := a.scene.company(int(i))
	for _, h := range a.scene.holders(int(i)) {
		if personID(int(i), c.Domain, h.person) == id {
			fault.Charge(r.Context(), 1)
			writeJSON(w, http.StatusOK, map[string]any{"person": a.unmasked(&c, id, h)})
			return
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"person": nil})
}

func (a *apollo) unmasked(c *Company, id string, h holder) map[string]any {
	first, last, _ := strings.Cut(h.person, " ")
	since := a.scene.background(between(400, 2000, 73, c.Domain+"/"+h.person))
	for _, happened := range a.scene.happened(c.Domain) {
		if happened.Kind == Executive && happened.Person == h.person {
			since = happened.At
		}
	}
	return map[string]any{
		"id": id, "first_name": first, "last_name": last, "name": h.person, "title": h.role,
		"organization":       map[string]any{"id": apolloID(c.Domain), "name": c.Name, "primary_domain": c.Domain},
		"employment_history": []employment{{Current: true, StartDate: orNull(since.Format("2006-01-02")), Title: h.role, Organization: c.Name}},
	}
}

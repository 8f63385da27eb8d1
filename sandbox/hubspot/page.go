package hubspot

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/crm"
)

//go:embed page/*.html page/*.css
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"css": func() (template.CSS, error) {
		b, err := pageFiles.ReadFile("page/style.css")
		return template.CSS(b), err //nolint:gosec // our own file
	},
	"day":    func(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006") },
	"minute": func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") },
	"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).ParseFS(pageFiles, "page/*.html"))

const perPage = 50

// Page serves the account as a rep sees it: / with the companies, /tasks with what
// is to be done, and a page for each company at the path that it has in HubSpot.
func (c *CRM) Page() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.companiesPage)
	mux.HandleFunc("GET /tasks", c.tasksPage)
	mux.HandleFunc("GET /contacts/{portal}/record/0-2/{id}", c.companyPage)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { c.notFound(w) })
	return mux
}

// view is what every page shows.
type view struct {
	Title     string
	Tab       string // companies, tasks
	Companies int
	OpenTasks int
	Now       time.Time
}

type companiesView struct {
	view
	Query, Tier, Sort string
	Chips             []chip
	Rows              []companyView
	Todo              []taskView // the most urgent tasks, on the first page only
	Found             int
	Pages             pager
}

// chip is a filter with the number of companies that pass it.
type chip struct {
	Label, Class, Href string
	Count              int
	Active             bool
}

type pager struct {
	Page, Of   int
	Prev, Next string // "" if there is none
}

type companyView struct {
	Company
	Path, Score, Tier, Class, Queue, Owner, Reason string
	Model, Completeness, ScoredAt                  string
	OpenTasks                                      int
}

type taskView struct {
	Task
	Company, Path, Owner, Text, Level string
	Late                              bool
}

type contactView struct {
	Name, Title, Score, Level, Class, Reason string
}

type noteView struct {
	Note
	Text string
}

// book is a snapshot with its indexes, made for one page.
type book struct {
	Snapshot
	portal string
	now    time.Time
	tiers  []string
	levels []string          // of contacts
	names  map[string]string // of owners
	byID   map[string]Company
	open   map[string]int // tasks by company
}

func (c *CRM) book() *book {
	b := &book{Snapshot: c.Snapshot(), portal: c.portal, now: c.now(), tiers: c.options(companies, crm.TierProperty), levels: c.options(contacts, crm.ContactLevelProperty), names: map[string]string{}, byID: map[string]Company{}, open: map[string]int{}}
	for _, o := range b.Owners {
		b.names[o.ID] = o.Name()
	}
	for _, company := range b.Companies {
		b.byID[company.ID] = company
	}
	for _, t := range b.Tasks {
		if t.Open() {
			b.open[t.CompanyID]++
		}
	}
	return b
}

// options are those of a property, best first.
func (c *CRM) options(objectType, property string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.objects[objectType].schema[property]
	if p == nil {
		return nil
	}
	var values []string
	for _, o := range p.Options {
		values = append(values, o.Value)
	}
	return values
}

func (b *book) view(title, tab string) view {
	open := 0
	for _, n := range b.open {
		open += n
	}
	return view{Title: title, Tab: tab, Companies: len(b.Companies), OpenTasks: open, Now: b.now}
}

func (b *book) company(c Company) companyView {
	p := c.Properties
	return companyView{
		Company: c, Path: b.path(c.ID), Score: p[crm.ScoreProperty], Tier: p[crm.TierProperty], Class: class(b.tiers, p[crm.TierProperty]),
		Queue: p[crm.QueueProperty], Owner: b.owner(c.OwnerID), Reason: p[crm.ReasonProperty],
		Model: p[crm.ModelProperty], Completeness: p[crm.CompletenessProperty], ScoredAt: b.moment(p[crm.ScoredAtProperty]),
		OpenTasks: b.open[c.ID],
	}
}

func (b *book) path(companyID string) string {
	return "/contacts/" + b.portal + "/record/0-2/" + companyID
}

func (b *book) owner(id string) string { return cmp.Or(b.names[id], id) }

func (b *book) moment(v string) string {
	t, ok := parseTime(v)
	if !ok {
		return v
	}
	return t.Format("2 Jan 2006, 15:04 UTC")
}

// class colours tiers and levels from best to last, whatever they are called.
func class(all []string, one string) string {
	switch i := slices.Index(all, one); {
	case one == "":
		return "none"
	case i < 0, i == len(all)-1 && i > 0:
		return "last"
	default:
		return "t" + strconv.Itoa(min(i+1, 3))
	}
}

// unscored is the filter for companies without a tier.
const unscored = "unscored"

func (c *CRM) companiesPage(w http.ResponseWriter, r *http.Request) {
	b, q := c.book(), r.URL.Query()
	v := companiesView{view: b.view("Companies", "companies"), Query: strings.TrimSpace(q.Get("q")), Tier: q.Get("tier"), Sort: cmp.Or(q.Get("sort"), "score")}
	var matching []companyView
	for _, company := range b.Companies {
		if matchesText(company, v.Query) {
			matching = append(matching, b.company(company))
		}
	}
	v.Chips = b.chips(matching, v)
	rows := slices.DeleteFunc(matching, func(row companyView) bool { return !inTier(row, v.Tier) })
	sortRows(rows, v.Sort)
	v.Found = len(rows)
	v.Rows, v.Pages = paginate(rows, q)
	if v.Query == "" && v.Tier == "" && v.Pages.Page == 1 {
		todo := b.todo("")
		v.Todo = todo[:min(3, len(todo))]
	}
	render(w, http.StatusOK, "companies.html", v)
}

func matchesText(c Company, query string) bool {
	query = strings.ToLower(query)
	return strings.Contains(strings.ToLower(c.Name), query) || strings.Contains(strings.ToLower(c.Domain), query)
}

func inTier(row companyView, tier string) bool {
	return tier == "" || row.Tier == tier || tier == unscored && row.Tier == ""
}

func (b *book) chips(rows []companyView, v companiesView) []chip {
	counts := map[string]int{}
	for _, row := range rows {
		counts[cmp.Or(row.Tier, unscored)]++
	}
	tiers := slices.Clone(b.tiers)
	for _, tier := range sortedKeys(counts) { // values of a model before this one
		if tier != unscored && !slices.Contains(tiers, tier) {
			tiers = append(tiers, tier)
		}
	}
	chips := []chip{{Label: "All", Class: "all", Count: len(rows), Href: v.href(""), Active: v.Tier == ""}}
	for _, tier := range tiers {
		chips = append(chips, chip{Label: tier, Class: class(b.tiers, tier), Count: counts[tier], Href: v.href(tier), Active: v.Tier == tier})
	}
	return append(chips, chip{Label: "Not scored", Class: "none", Count: counts[unscored], Href: v.href(unscored), Active: v.Tier == unscored})
}

func (v companiesView) href(tier string) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": v.Query, "tier": tier} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if v.Sort != "score" {
		q.Set("sort", v.Sort)
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}

func sortRows(rows []companyView, by string) {
	slices.SortStableFunc(rows, func(x, y companyView) int {
		name := cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
		switch by {
		case "name":
			return name
		case "new":
			return y.CreatedAt.Compare(x.CreatedAt)
		default:
			return cmp.Or(cmp.Compare(points(y.Score), points(x.Score)), name)
		}
	})
}

// points puts companies without a score last.
func points(score string) float64 {
	n, err := strconv.ParseFloat(score, 64)
	if err != nil {
		return math.Inf(-1)
	}
	return n
}

func paginate[T any](rows []T, q url.Values) ([]T, pager) {
	p := pager{Of: max(1, (len(rows)+perPage-1)/perPage)}
	asked, _ := strconv.Atoi(q.Get("page"))
	p.Page = min(max(asked, 1), p.Of)
	href := func(page int) string {
		if page < 1 || page > p.Of {
			return ""
		}
		q.Set("page", strconv.Itoa(page))
		return "?" + q.Encode()
	}
	p.Prev, p.Next = href(p.Page-1), href(p.Page+1)
	from := min((p.Page-1)*perPage, len(rows))
	return rows[from:min(from+perPage, len(rows))], p
}

// todo returns the open tasks of an owner, or of all, the most urgent first.
func (b *book) todo(ownerID string) []taskView {
	var open []taskView
	for _, t := range b.Tasks {
		if t.Open() && (ownerID == "" || t.OwnerID == ownerID) {
			open = append(open, b.task(t))
		}
	}
	slices.SortStableFunc(open, func(x, y taskView) int {
		return cmp.Or(cmp.Compare(urgency(y.Priority), urgency(x.Priority)), x.Due.Compare(y.Due), cmp.Compare(x.Subject, y.Subject))
	})
	return open
}

func urgency(priority string) int { return slices.Index([]string{"LOW", "MEDIUM", "HIGH"}, priority) }

func (b *book) task(t Task) taskView {
	v := taskView{Task: t, Path: b.path(t.CompanyID), Owner: b.owner(t.OwnerID), Level: strings.ToLower(t.Priority), Late: t.Open() && t.Due.Before(b.now)}
	v.Company = b.byID[t.CompanyID].Name
	v.Text, _ = plain(t.Body)
	return v
}

func (c *CRM) tasksPage(w http.ResponseWriter, r *http.Request) {
	b, q := c.book(), r.URL.Query()
	v := struct {
		view
		Owner string
		Names map[string]string
		Tasks []taskView
		Found int
		Pages pager
	}{view: b.view("Open tasks", "tasks"), Owner: q.Get("owner"), Names: map[string]string{}}
	todo := b.todo("")
	for _, t := range todo {
		if t.OwnerID != "" {
			v.Names[t.OwnerID] = t.Owner
		}
	}
	if v.Owner != "" {
		todo = b.todo(v.Owner)
	}
	v.Found = len(todo)
	v.Tasks, v.Pages = paginate(todo, q)
	render(w, http.StatusOK, "tasks.html", v)
}

// property is a row of the list of everything that is known of a company.
type property struct {
	Label, Name, Value string
	ByUs               bool
}

func (c *CRM) companyPage(w http.ResponseWriter, r *http.Request) {
	b := c.book()
	company, ok := c.Company(r.PathValue("id"))
	if !ok || r.PathValue("portal") != c.portal {
		c.notFound(w)
		return
	}
	v := struct {
		view
		Company    companyView
		Tasks      []taskView
		Notes      []noteView
		Contacts   []contactView
		Properties []property
	}{view: b.view(cmp.Or(company.Name, company.Domain), ""), Company: b.company(company), Properties: c.labelled(company)}
	for i, p := range v.Properties {
		if p.Name == ownerProperty {
			v.Properties[i].Value = b.owner(p.Value)
		}
	}
	for _, t := range slices.Backward(b.Tasks) {
		if t.CompanyID == company.ID {
			task := b.task(t)
			task.Company = "" // it is the page's heading
			v.Tasks = append(v.Tasks, task)
		}
	}
	for _, n := range slices.Backward(b.Notes) {
		if n.CompanyID == company.ID {
			text, _ := plain(n.Body)
			v.Notes = append(v.Notes, noteView{Note: n, Text: text})
		}
	}
	slices.SortStableFunc(v.Notes, func(x, y noteView) int { return y.At.Compare(x.At) })
	v.Contacts = b.contacts(c.Contacts(company.ID))
	render(w, http.StatusOK, "company.html", v)
}

// contacts are the people of a company, the best first.
func (b *book) contacts(all []Contact) []contactView {
	views := make([]contactView, len(all))
	for i, contact := range all {
		p := contact.Properties
		views[i] = contactView{
			Name: contact.Name(), Title: p["jobtitle"], Score: p[crm.ContactScoreProperty], Level: p[crm.ContactLevelProperty],
			Class: class(b.levels, p[crm.ContactLevelProperty]), Reason: p[crm.ContactReasonProperty],
		}
	}
	slices.SortStableFunc(views, func(x, y contactView) int { return cmp.Compare(points(y.Score), points(x.Score)) })
	return views
}

func (c *CRM) labelled(company Company) []property {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []property
	for _, name := range sortedKeys(company.Properties) {
		p := property{Name: name, Label: name, Value: company.Properties[name]}
		if def := c.objects[companies].schema[name]; def != nil {
			p.Label, p.ByUs = def.Label, def.GroupName == "sluice"
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(x, y property) int { // what people know, then what Sluice wrote
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x.Label, y.Label))
	})
	return all
}

func rank(p property) int {
	switch {
	case p.ByUs:
		return 2
	case p.Name == "name":
		return 0
	default:
		return 1
	}
}

func (c *CRM) notFound(w http.ResponseWriter) {
	render(w, http.StatusNotFound, "missing.html", c.book().view("Not found", ""))
}

// render writes a page. Nothing on it may load or run anything.
func render(w http.ResponseWriter, status int, name string, v any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// JobBoards, EDGAR, Crunchbase and GDELT are the services that only tell what
// happened, beside the vendors. Their names are those of Sluice's signal sources.
const (
	JobBoards  = "jobboards"
	EDGAR      = "edgar"
	Crunchbase = "crunchbase"
	GDELT      = "gdelt"
)

// The systems that companies publish their jobs on.
const (
	Greenhouse      = "greenhouse"
	Lever           = "lever"
	Ashby           = "ashby"
	SmartRecruiters = "smartrecruiters"
	Workable        = "workable"
)

var boardSystems = []string{Greenhouse, Lever, Ashby, SmartRecruiters, Workable}

// withBoard is the share of companies that have a job board.
const withBoard = 0.6

// Board is where a company publishes its jobs.
type Board struct {
	System string
	Token  string // its name there
}

// URL is the page of the board as a careers page links to it.
func (b Board) URL() string {
	hosts := map[string]string{
		Greenhouse: "boards.greenhouse.io", Lever: "jobs.lever.co", Ashby: "jobs.ashbyhq.com",
		SmartRecruiters: "careers.smartrecruiters.com", Workable: "apply.workable.com",
	}
	return "https://" + hosts[b.System] + "/" + b.Token
}

// boards says who has a board, and under which name.
type boards struct {
	table   *Table
	byToken map[string]int
}

func newBoards(t *Table) *boards {
	b := &boards{table: t, byToken: make(map[string]int, len(t.companies))}
	for i := range t.companies {
		for _, token := range tokensOf(t.companies[i].Domain) {
			if _, taken := b.byToken[token]; !taken && token != "" {
				b.byToken[token] = i
				break
			}
		}
	}
	return b
}

// tokensOf are the first label of a domain, and what the next company takes that
// comes with the same one.
func tokensOf(domain string) []string {
	label, _, _ := strings.Cut(domain, ".")
	return []string{label, strings.ReplaceAll(domain, ".", "-")}
}

// token is the name of company i on any board.
func (b *boards) token(i int) string {
	for _, token := range tokensOf(b.table.companies[i].Domain) {
		if at, ok := b.byToken[token]; ok && at == i {
			return token
		}
	}
	return ""
}

// system is where company i has its board from the beginning; "" for nowhere.
func (b *boards) system(i int) string {
	domain := b.table.companies[i].Domain
	if domain == "" || draw(21, domain) >= withBoard {
		return ""
	}
	return boardSystems[number64(22, domain)%uint64(len(boardSystems))]
}

// Board returns the job board of the company at the domain, as it is now; false where
// there is none.
func (s *Sandbox) Board(domain string) (Board, bool) {
	i, ok := s.index(domain)
	if !ok {
		return Board{}, false
	}
	return s.jobBoards.boardOf(i)
}

// jobBoards serves the public APIs of five systems, below /jobboards/<system>.
type jobBoards struct {
	*scene
	*boards
	strangers atomic.Uint64
}

func (b *jobBoards) boardOf(i int) (Board, bool) {
	system := b.system(i)
	for _, h := range b.happened(b.scene.table.companies[i].Domain) {
		system = cmp.Or(system, h.System)
	}
	return Board{System: system, Token: b.token(i)}, system != ""
}

func (b *jobBoards) api() api {
	d := fault.Dialect{Refuse: refuseBoard, Lookup: boardAsked}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /greenhouse/v1/boards/{token}/jobs", b.greenhouse)
	mux.HandleFunc("GET /lever/v0/postings/{token}", b.lever)
	mux.HandleFunc("GET /ashby/posting-api/job-board/{token}", b.ashby)
	mux.HandleFunc("GET /smartrecruiters/v1/companies/{token}/postings", b.smartRecruiters)
	mux.HandleFunc("GET /workable/api/v1/widget/accounts/{token}", b.workable)
	return api{name: JobBoards, handler: mux, dialect: d}
}

// boardAsked names the board as lever/acme.
func boardAsked(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"+JobBoards+"/"), "/")
	at := map[string]int{Greenhouse: 3, Lever: 3, Ashby: 3, SmartRecruiters: 3, Workable: 5}[parts[0]]
	if at == 0 || at >= len(parts) {
		return ""
	}
	return parts[0] + "/" + parts[at]
}

// find returns the company that has the board which is asked for; false for none.
func (b *jobBoards) find(r *http.Request, system string) (i int, ok bool) {
	i, ok = b.byToken[strings.ToLower(r.PathValue("token"))]
	if system == Ashby { // names keep their case there
		i, ok = b.byToken[r.PathValue("token")]
	}
	if ok {
		has, _ := b.boardOf(i)
		ok = has.System == system
	}
	if fault.WrongCompany(r.Context()) {
		return b.another(i, system)
	}
	return i, ok
}

// another is the next company with a board on the system.
func (b *jobBoards) another(i int, system string) (int, bool) {
	all := len(b.scene.table.companies)
	for n := 1; n <= all; n++ {
		j := (i + n) % all
		if has, _ := b.boardOf(j); has.System == system {
			return j, true
		}
	}
	return 0, false
}

// posting is one job on a board.
type posting struct {
	key               string // its ids are made from it
	title, department string
	published         time.Time
	unlisted          bool // a link only: Ashby has such
}

// old are the jobs that boards have had for months.
var old = []posting{
	{title: "Senior Software Engineer", department: "Engineering"},
	{title: "Account Executive", department: "Sales"},
	{title: "Customer Success Manager", department: "Customer Success"},
	{title: "Accountant", department: "Finance"},
	{title: "Sales Operations Analyst", department: "Sales"},
	{title: "Product Designer", department: "Product"},
	{title: "Data Analyst", department: "Data"},
	{title: "Office Manager", department: "People"},
	{title: "VP Sales", department: "Sales", unlisted: true},
}

// jobs returns what company i has open now, oldest first: one to four old postings
// unless its board is new, and those that happened since.
func (b *jobBoards) jobs(i int) []posting {
	domain := b.scene.table.companies[i].Domain
	var jobs []posting
	if system := b.system(i); system != "" {
		for n := range between(1, 4, 23, domain) {
			p := old[(number64(24, domain)+uint64(n))%uint64(len(old))]
			p.key = fmt.Sprint(domain, "/old/", n)
			p.published = b.background(between(60, 300, 25, p.key))
			if !p.unlisted || system == Ashby {
				jobs = append(jobs, p)
			}
		}
	}
	now := b.clock.Now()
	for _, h := range b.happened(domain) {
		if h.Kind == Posted && (h.ClosedAt.IsZero() || h.ClosedAt.After(now)) {
			jobs = append(jobs, posting{key: domain + "/" + h.ID, title: h.Title, department: h.Department, published: h.At})
		}
	}
	slices.SortStableFunc(jobs, func(x, y posting) int { return x.published.Compare(y.published) })
	return jobs
}

// number is a numeric id of a posting.
func (p *posting) number(salt uint64) int64 {
	return int64(number64(salt, p.key)%8_999_999_000) + 1_000_000_000
}

// edited is when somebody last changed the posting: of an old one, often yesterday.
func (p *posting) edited(now time.Time) time.Time {
	if number64(26, p.key)%3 == 0 {
		return now.Add(-20 * time.Hour).Truncate(time.Minute)
	}
	return p.published.Add(time.Hour)
}

// greenhouseJob is a job of boards-api.greenhouse.io/v1/boards/{token}/jobs.
type greenhouseJob struct {
	ID             int64              `json:"id"`
	InternalID     *int64             `json:"internal_job_id"` // null: not a job, but a talent pool
	Title          string             `json:"title"`
	UpdatedAt      string             `json:"updated_at"` // of any edit
	FirstPublished string             `json:"first_published"`
	RequisitionID  *string            `json:"requisition_id"`
	Location       greenhouseName     `json:"location"`
	URL            string             `json:"absolute_url"`
	Language       string             `json:"language"`
	CompanyName    string             `json:"company_name"`
	Metadata       []string           `json:"metadata"`
	Compliance     []string           `json:"data_compliance"`
	Content        string             `json:"content,omitempty"`
	Departments    []greenhouseBranch `json:"departments,omitempty"`
	Offices        []greenhouseBranch `json:"offices,omitempty"`
}

type greenhouseName struct {
	Name string `json:"name"`
}

type greenhouseBranch struct {
	ID       int64   `json:"id"`
	Name     string  `json:"name"`
	ParentID *int64  `json:"parent_id"`
	ChildIDs []int64 `json:"child_ids"`
}

func (b *jobBoards) greenhouse(w http.ResponseWriter, r *http.Request) {
	i, ok := b.find(r, Greenhouse)
	if !ok {
		writeJSON(w, http.StatusNotFound, map[string]any{"status": http.StatusNotFound, "error": "Board not found"})
		return
	}
	c := b.company(i)
	jobs := []greenhouseJob{}
	if number64(27, c.Domain)%3 == 0 { // it looks like a job, and is published again and again
		pool := posting{key: c.Domain + "/pool", title: "Join our talent community", published: b.clock.Now().Add(-12 * time.Hour)}
		job := b.greenhouseJobOf(r, &c, b.token(i), &pool)
		job.InternalID = nil
		jobs = append(jobs, job)
	}
	for _, p := range b.jobs(i) {
		jobs = append(jobs, b.greenhouseJobOf(r, &c, b.token(i), &p))
	}
	writeJSON(w, http.StatusOK, map[string]any{"jobs": jobs, "meta": map[string]int{"total": len(jobs)}})
}

func (b *jobBoards) greenhouseJobOf(r *http.Request, c *Company, token string, p *posting) greenhouseJob {
	const format = "2006-01-02T15:04:05-07:00"
	eastern := time.FixedZone("", -5*60*60)
	id, internal := p.number(41), p.number(42)
	job := greenhouseJob{
		ID: id, InternalID: &internal, Title: p.title, Location: greenhouseName{placeOf(c)}, Language: "en", CompanyName: c.Name,
		UpdatedAt: p.edited(b.clock.Now()).In(eastern).Format(format), FirstPublished: p.published.In(eastern).Format(format),
		RequisitionID: orNull(strconv.FormatInt(id%1000, 10)), Metadata: []string{}, Compliance: []string{},
		URL: "https://job-boards.greenhouse.io/" + token + "/jobs/" + strconv.FormatInt(id, 10),
	}
	if r.URL.Query().Get("content") == "true" {
		job.Content = "&lt;p&gt;" + p.title + " at " + c.Name + ".&lt;/p&gt;"
		job.Departments = []greenhouseBranch{{ID: int64(number64(43, p.department) % 100_000), Name: p.department, ChildIDs: []int64{}}}
		job.Offices = []greenhouseBranch{{ID: int64(number64(44, placeOf(c)) % 100_000), Name: placeOf(c), ChildIDs: []int64{}}}
	}
	return job
}

func placeOf(c *Company) string { return joined(c.City, countries[c.Country].name) }

// leverPosting is one of api.lever.co/v0/postings/{site}.
type leverPosting struct {
	ID               string          `json:"id"`
	Text             string          `json:"text"`
	Categories       leverCategories `json:"categories"`
	Country          *string         `json:"country"`
	CreatedAt        int64           `json:"createdAt"` // ms
	Description      string          `json:"description"`
	DescriptionPlain string          `json:"descriptionPlain"`
	Lists            []string        `json:"lists"`
	Additional       string          `json:"additional"`
	HostedURL        string          `json:"hostedUrl"`
	ApplyURL         string          `json:"applyUrl"`
	WorkplaceType    string          `json:"workplaceType"`
}

type leverCategories struct {
	Commitment   string   `json:"commitment"`
	Department   string   `json:"department"`
	Location     string   `json:"location"`
	Team         string   `json:"team"`
	AllLocations []string `json:"allLocations"`
}

func (b *jobBoards) lever(w http.ResponseWriter, r *http.Request) {
	i, ok := b.find(r, Lever)
	if !ok {
		b.leverStranger(w)
		return
	}
	c := b.company(i)
	postings := []leverPosting{}
	for _, p := range b.jobs(i) {
		id := uuid("lever/" + p.key)
		page := "https://jobs.lever.co/" + b.token(i) + "/" + id
		postings = append(postings, leverPosting{
			ID: id, Text: p.title, Country: orNull(c.Country), CreatedAt: p.published.UnixMilli(), WorkplaceType: "hybrid",
			Categories:  leverCategories{Commitment: "Full-time", Department: p.department, Location: c.City, Team: p.department, AllLocations: []string{c.City}},
			Description: "<p>" + p.title + "</p>", DescriptionPlain: p.title, Lists: []string{}, HostedURL: page, ApplyURL: page + "/apply",
		})
	}
	writeJSON(w, http.StatusOK, leverPage(postings, r.URL.Query()))
}

// leverPage filters by exact match, and pages.
func leverPage(all []leverPosting, q url.Values) []leverPosting {
	all = slices.DeleteFunc(all, func(p leverPosting) bool {
		return differs(q.Get("location"), p.Categories.Location) || differs(q.Get("team"), p.Categories.Team) ||
			differs(q.Get("department"), p.Categories.Department) || differs(q.Get("commitment"), p.Categories.Commitment)
	})
	skip, _ := strconv.Atoi(q.Get("skip"))
	all = all[min(max(0, skip), len(all)):]
	if limit, err := strconv.Atoi(q.Get("limit")); err == nil && limit > 0 {
		all = all[:min(limit, len(all))]
	}
	return all
}

func differs(asked, is string) bool { return asked != "" && asked != is }

// leverStranger answers for an unknown site in one of the two ways that were seen.
func (b *jobBoards) leverStranger(w http.ResponseWriter) {
	if b.strangers.Add(1)%4 == 0 {
		writeJSON(w, http.StatusOK, []leverPosting{})
		return
	}
	writeJSON(w, http.StatusNotFound, map[string]any{"ok": false, "error": "Document not found"})
}

// ashbyJob is one of api.ashbyhq.com/posting-api/job-board/{name}.
type ashbyJob struct {
	ID                 string       `json:"id"`
	Title              string       `json:"title"`
	Department         string       `json:"department"`
	Team               string       `json:"team"`
	EmploymentType     string       `json:"employmentType"`
	Location           string       `json:"location"`
	SecondaryLocations []string     `json:"secondaryLocations"`
	PublishedAt        string       `json:"publishedAt"`
	IsListed           bool         `json:"isListed"`
	IsRemote           bool         `json:"isRemote"`
	Address            ashbyAddress `json:"address"`
	JobURL             string       `json:"jobUrl"`
	ApplyURL           string       `json:"applyUrl"`
	DescriptionHTML    string       `json:"descriptionHtml"`
	DescriptionPlain   string       `json:"descriptionPlain"`
	ShowPay            bool         `json:"shouldDisplayCompensationOnJobPostings"`
}

type ashbyAddress struct {
	Postal struct {
		Locality string `json:"addressLocality,omitempty"`
		Region   string `json:"addressRegion,omitempty"`
		Country  string `json:"addressCountry,omitempty"`
	} `json:"postalAddress"`
}

func (b *jobBoards) ashby(w http.ResponseWriter, r *http.Request) {
	i, ok := b.find(r, Ashby)
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	c := b.company(i)
	jobs := []ashbyJob{}
	for _, p := range b.jobs(i) {
		id := uuid("ashby/" + p.key)
		page := "https://jobs.ashbyhq.com/" + b.token(i) + "/" + id
		job := ashbyJob{
			ID: id, Title: p.title, Department: p.department, Team: p.department, EmploymentType: "FullTime", Location: placeOf(&c),
			SecondaryLocations: []string{}, PublishedAt: p.published.Format("2006-01-02T15:04:05.000-07:00"), IsListed: !p.unlisted,
			JobURL: page, ApplyURL: page + "/application", DescriptionHTML: "<p>" + p.title + "</p>", DescriptionPlain: p.title,
		}
		job.Address.Postal.Locality, job.Address.Postal.Region, job.Address.Postal.Country = c.City, c.State, countries[c.Country].name
		jobs = append(jobs, job)
	}
	writeJSON(w, http.StatusOK, map[string]any{"apiVersion": "1", "jobs": jobs})
}

// smartPosting is one of api.smartrecruiters.com/v1/companies/{id}/postings.
type smartPosting struct {
	ID               string        `json:"id"`
	UUID             string        `json:"uuid"`
	Name             string        `json:"name"`
	RefNumber        string        `json:"refNumber"`
	ReleasedDate     string        `json:"releasedDate"`
	Location         smartLocation `json:"location"`
	Department       smartLabel    `json:"department"`
	Function         smartLabel    `json:"function"`
	Industry         smartLabel    `json:"industry"`
	TypeOfEmployment smartLabel    `json:"typeOfEmployment"`
	ExperienceLevel  smartLabel    `json:"experienceLevel"`
	Company          smartCompany  `json:"company"`
}

type smartLocation struct {
	City    string `json:"city"`
	Region  string `json:"region"`
	Country string `json:"country"`
	Remote  bool   `json:"remote"`
	Full    string `json:"fullLocation"`
}

type smartLabel struct {
	ID    string `json:"id,omitempty"`
	Label string `json:"label,omitempty"`
}

type smartCompany struct {
	Identifier string `json:"identifier"`
	Name       string `json:"name"`
}

// smartRecruiters answers for an unknown company as for one without jobs.
func (b *jobBoards) smartRecruiters(w http.ResponseWriter, r *http.Request) {
	const most = 100
	q := r.URL.Query()
	offset, _ := strconv.Atoi(q.Get("offset"))
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > most {
		limit = most
	}
	all := []smartPosting{}
	if i, ok := b.find(r, SmartRecruiters); ok {
		c := b.company(i)
		for _, p := range b.jobs(i) {
			all = append(all, smartPostingOf(&c, b.token(i), &p))
		}
	}
	start := min(max(0, offset), len(all))
	writeJSON(w, http.StatusOK, map[string]any{
		"offset": offset, "limit": limit, "totalFound": len(all), "content": all[start:min(start+limit, len(all))],
	})
}

func smartPostingOf(c *Company, token string, p *posting) smartPosting {
	return smartPosting{
		ID: strconv.FormatInt(p.number(45)*100_000, 10), UUID: uuid("smartrecruiters/" + p.key), Name: p.title,
		RefNumber: "REF" + strconv.FormatInt(p.number(46)%10_000, 10), ReleasedDate: p.published.Format("2006-01-02T15:04:05.000Z"),
		Location:   smartLocation{City: c.City, Region: c.State, Country: strings.ToLower(c.Country), Full: joined(c.City, c.State, countries[c.Country].name)},
		Department: smartLabel{ID: strconv.FormatUint(number64(43, p.department)%100_000, 10), Label: p.department},
		Function:   smartLabel{ID: "general", Label: p.department}, Industry: smartLabel{ID: "other", Label: "Other"},
		TypeOfEmployment: smartLabel{ID: "permanent", Label: "Full-time"}, ExperienceLevel: smartLabel{ID: "mid_senior_level", Label: "Mid-Senior Level"},
		Company: smartCompany{Identifier: token, Name: c.Name},
	}
}

// workableJob is one of apply.workable.com/api/v1/widget/accounts/{slug}.
type workableJob struct {
	Title          string `json:"title"`
	Shortcode      string `json:"shortcode"`
	Code           string `json:"code"`
	Department     string `json:"department"`
	URL            string `json:"url"`
	Shortlink      string `json:"shortlink"`
	ApplicationURL string `json:"application_url"`
	PublishedOn    string `json:"published_on"`
	CreatedAt      string `json:"created_at"`
	Country        string `json:"country"`
	City           string `json:"city"`
	State          string `json:"state"`
	Experience     string `json:"experience"`
	Telecommuting  bool   `json:"telecommuting"`
	Description    string `json:"description,omitempty"`
}

func (b *jobBoards) workable(w http.ResponseWriter, r *http.Request) {
	i, ok := b.find(r, Workable)
	if !ok {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "Not found"})
		return
	}
	c := b.company(i)
	jobs := []workableJob{}
	for _, p := range b.jobs(i) {
		code := fmt.Sprintf("%010X", number64(47, p.key)&0xffffffffff)
		page := "https://apply.workable.com/" + b.token(i) + "/j/" + code
		job := workableJob{
			Title: p.title, Shortcode: code, Department: p.department, URL: page + "/", Shortlink: "https://apply.workable.com/j/" + code,
			ApplicationURL: page + "/apply", PublishedOn: p.published.Format(time.DateOnly), CreatedAt: p.published.Format(time.DateOnly),
			Country: countries[c.Country].name, City: c.City, State: c.State,
		}
		if r.URL.Query().Get("details") == "true" {
			job.Description = "<p>" + p.title + "</p>"
		}
		jobs = append(jobs, job)
	}
	writeJSON(w, http.StatusOK, map[string]any{"name": c.Name, "description": orNull(c.Description), "jobs": jobs})
}

// refuseBoard words faults for all five systems: none documents its own.
func refuseBoard(w http.ResponseWriter, _ *http.Request, why fault.Reason, retryAfter time.Duration) {
	status := why.Status()
	switch why {
	case fault.BadKey, fault.NoCredits: // they know neither: the door is closed
		status = http.StatusForbidden
	case fault.Throttled:
		w.Header().Set("Retry-After", fault.Seconds(retryAfter))
	case fault.Broken, fault.Unavailable, fault.Outage:
	}
	writeJSON(w, status, map[string]any{"status": status, "error": http.StatusText(status)})
}

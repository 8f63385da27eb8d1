package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// HappeningKind is what kind of thing happened to a company.
type HappeningKind string

// The kinds, each with the fields of [Happening] that it uses.
const (
	Posted     HappeningKind = "posting"    // Title, Department, System, ClosedAt
	FormD      HappeningKind = "form_d"     // AmountSold, AmountOffered, IndustryGroup, Pooled
	Officer8K  HappeningKind = "officer_8k" // Role, Person, PayPlanOnly
	Round      HappeningKind = "round"      // Stage, AmountUSD
	Executive  HappeningKind = "executive"  // Role, Person: takes the role over
	Technology HappeningKind = "technology" // Added or Dropped, or both
	Headcount  HappeningKind = "headcount"  // Employees from then on
	Moved      HappeningKind = "moved"      // City, State, Country
	Closed     HappeningKind = "closed"
	Acquired   HappeningKind = "acquired" // By
	Reopened   HappeningKind = "reopened" // is in business again, on its own
	NewDomain  HappeningKind = "domain"   // To: where it is from then on
	Press      HappeningKind = "news"     // Headline
)

// Happening is something that happens to a company. The sandbox's services know of
// it from At on, by the sandbox's [Clock], and not before.
type Happening struct {
	ID     string        `json:"id"` // made up if it is empty
	Domain string        `json:"domain"`
	At     time.Time     `json:"at"`
	Kind   HappeningKind `json:"kind"`

	// Event is the same for happenings that are one event, seen by several sources.
	Event string `json:"event,omitempty"`
	Decoy bool   `json:"decoy,omitempty"` // looks like news, and is none

	Title      string    `json:"title,omitempty"`
	Department string    `json:"department,omitempty"`
	System     string    `json:"system,omitempty"` // default: the company's; one without a board gets one there
	ClosedAt   time.Time `json:"closed_at,omitzero"`

	AmountSold    int64  `json:"amount_sold,omitempty"`
	AmountOffered int64  `json:"amount_offered,omitempty"` // 0: indefinite
	IndustryGroup string `json:"industry_group,omitempty"`
	Pooled        bool   `json:"pooled,omitempty"` // filed by a fund that bears the company's name

	Role        string `json:"role,omitempty"`   // a title: Chief Revenue Officer
	Person      string `json:"person,omitempty"` // first and last name
	PayPlanOnly bool   `json:"pay_plan_only,omitempty"`

	Stage     string `json:"stage,omitempty"` // seed, series_a …
	AmountUSD int64  `json:"amount_usd,omitempty"`

	Added   string `json:"added,omitempty"`
	Dropped string `json:"dropped,omitempty"`

	Employees int `json:"employees,omitempty"`

	City    string `json:"city,omitempty"`
	State   string `json:"state,omitempty"`
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2

	By string `json:"by,omitempty"` // the buyer's domain, if it is known

	To string `json:"to,omitempty"` // a domain that no other company has

	Headline string `json:"headline,omitempty"`
}

// needs are the mistakes of each kind, as what is missing.
func (h *Happening) needs() string {
	switch h.Kind {
	case Posted:
		return missing("title", h.Title)
	case FormD:
		return missing("amount_sold", h.AmountSold)
	case Officer8K:
		if h.PayPlanOnly {
			return ""
		}
		return cmp.Or(missing("role", h.Role), missing("person", h.Person))
	case Round:
		return missing("stage", h.Stage)
	case Executive:
		return cmp.Or(missing("role", h.Role), missing("person", h.Person))
	case Technology:
		return missing("added or dropped", h.Added+h.Dropped)
	case Headcount:
		return missing("employees", h.Employees)
	case Moved:
		return missing("city, state or country", h.City+h.State+h.Country)
	case Closed, Acquired, Reopened:
		return ""
	case NewDomain:
		return missing("to", h.To)
	case Press:
		return missing("headline", h.Headline)
	default:
		return "a kind that there is"
	}
}

func missing[T comparable](name string, v T) string {
	var zero T
	if v == zero {
		return name
	}
	return ""
}

// News is everything that has happened and will happen: the ledger that a test holds
// what was found against. All of its methods may be called at any time.
type News struct {
	table  *Table
	boards *boards

	mu       sync.RWMutex
	made     int // ids
	ids      map[string]bool
	all      []Happening            // oldest first
	byDomain map[string][]Happening // oldest first; the slices are never changed in place
	moves    map[string]move        // by the new domain
}

// move is a domain that a company has had since.
type move struct {
	company int
	since   time.Time
}

func newNews(t *Table, b *boards) *News {
	n := &News{table: t, boards: b}
	n.Forget()
	return n
}

// Plant lets things happen: all of them, or none and an error that names every
// mistake. Domains are those of the table.
func (n *News) Plant(planted ...Happening) error {
	planted = slices.Clone(planted)
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	seen := map[string]bool{}
	claimed := map[string]string{}
	for i := range planted {
		h := &planted[i]
		err := n.complete(h)
		if by, ok := claimed[h.To]; err == nil && ok && by != h.Domain {
			err = errors.New("two companies cannot have the same domain")
		}
		if err == nil && h.Kind == NewDomain {
			claimed[h.To] = h.Domain
		}
		if err == nil && (n.ids[h.ID] || seen[h.ID]) {
			err = errors.New("the id is taken")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("happening %d (%s of %s): %w", i+1, h.Kind, h.Domain, err))
		}
		seen[h.ID] = true
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, h := range planted {
		n.ids[h.ID] = true
		n.byDomain[h.Domain] = inOrder(n.byDomain[h.Domain], h)
		n.settle(&h)
	}
	n.all = inOrder(n.all, planted...)
	return nil
}

// settle notes that a company is to be found at another domain, too.
func (n *News) settle(h *Happening) {
	if h.Kind != NewDomain {
		return
	}
	if had, ok := n.moves[h.To]; !ok || h.At.Before(had.since) {
		i, _ := n.table.index(h.Domain)
		n.moves[h.To] = move{i, h.At}
	}
}

// movedTo returns the company that has moved to the domain by t.
func (n *News) movedTo(domain string, t time.Time) (i int, ok bool) {
	host, ok := registrable(domain)
	if !ok {
		return 0, false
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	m, ok := n.moves[host]
	return m.company, ok && !m.since.After(t)
}

// inOrder returns a new slice: readers may hold the old one.
func inOrder(had []Happening, more ...Happening) []Happening {
	all := slices.Concat(had, more)
	slices.SortStableFunc(all, func(a, b Happening) int { return a.At.Compare(b.At) })
	return all
}

// complete fills in what may be left out, and reports what may not.
func (n *News) complete(h *Happening) error {
	i, ok := n.table.index(h.Domain)
	if !ok {
		return errors.New("no such company")
	}
	h.Domain = n.table.companies[i].Domain
	if h.At.IsZero() {
		return errors.New("at is missing")
	}
	h.At = h.At.UTC()
	if need := h.needs(); need != "" {
		return fmt.Errorf("%s is missing", need)
	}
	if h.ID == "" {
		n.made++
		h.ID = fmt.Sprintf("h%06d", n.made)
	}
	switch h.Kind {
	case Posted:
		return n.boardOf(h, i)
	case FormD, Officer8K:
		if n.table.cik(i) == 0 {
			return errors.New("only companies of the US file with the SEC")
		}
	case NewDomain:
		return n.domainOf(h, i)
	default:
	}
	return nil
}

// domainOf brings the new domain into the form of those of the table.
func (n *News) domainOf(h *Happening, i int) error {
	to, ok := registrable(h.To)
	if !ok {
		return errors.New("to is no domain")
	}
	owner, taken := n.table.index(to)
	if m, ok := n.moves[to]; ok {
		owner, taken = m.company, true
	}
	if taken && owner != i {
		return errors.New("to is another company's domain")
	}
	h.To = to
	return nil
}

// boardOf gives a posting the system that the company has its board on.
func (n *News) boardOf(h *Happening, i int) error {
	had := n.boards.system(i)
	for _, before := range n.byDomain[h.Domain] {
		had = cmp.Or(had, before.System)
	}
	h.System = cmp.Or(h.System, had)
	switch {
	case h.System == "":
		return errors.New("the company has no job board: name a system")
	case !slices.Contains(boardSystems, h.System):
		return fmt.Errorf("no system %q", h.System)
	case had != "" && h.System != had:
		return fmt.Errorf("the company's board is on %s", had)
	}
	return nil
}

// All returns everything that is planted, oldest first.
func (n *News) All() []Happening {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.Clone(n.all)
}

// Until returns what has happened by t, oldest first.
func (n *News) Until(t time.Time) []Happening {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.Clone(until(n.all, t))
}

// of returns what has happened to a company of the table by t. The caller must not
// change it.
func (n *News) of(domain string, t time.Time) []Happening {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return until(n.byDomain[domain], t)
}

func until(all []Happening, t time.Time) []Happening {
	end, _ := slices.BinarySearchFunc(all, t, func(h Happening, t time.Time) int {
		if h.At.After(t) {
			return 1
		}
		return -1
	})
	return all[:end]
}

// Forget removes everything that is planted.
func (n *News) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ids, n.all, n.byDomain, n.moves = map[string]bool{}, nil, map[string][]Happening{}, map[string]move{}
}

// newsHandler serves the ledger:
//
//	GET    /_news         what is planted, oldest first; ?until=… only what happens by then
//	POST   /_news         plants a list of happenings
//	POST   /_news/night   plants a night by [PlantNews]: {share, night, seed}
//	DELETE /_news         forgets it all
func newsHandler(s *Sandbox) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_news", s.getNews)
	mux.HandleFunc("POST /_news", s.postNews)
	mux.HandleFunc("POST /_news/night", s.postNight)
	mux.HandleFunc("DELETE /_news", func(w http.ResponseWriter, _ *http.Request) {
		s.News.Forget()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (s *Sandbox) getNews(w http.ResponseWriter, r *http.Request) {
	planted := s.News.All()
	if limit := r.URL.Query().Get("until"); limit != "" {
		t, err := time.Parse(time.RFC3339, limit)
		if err != nil {
			refuseControl(w, "until: "+err.Error())
			return
		}
		planted = until(planted, t)
	}
	if planted == nil {
		planted = []Happening{}
	}
	writeJSON(w, http.StatusOK, planted)
}

func (s *Sandbox) postNews(w http.ResponseWriter, r *http.Request) {
	var planted []Happening
	if !readControl(w, r, &planted) {
		return
	}
	if err := s.News.Plant(planted...); err != nil {
		refuseControl(w, err.Error())
		return
	}
	writeJSON(w, http.StatusCreated, map[string]int{"planted": len(planted)})
}

func (s *Sandbox) postNight(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Share float64   `json:"share"`
		Night time.Time `json:"night"`
		Seed  uint64    `json:"seed"`
	}
	if !readControl(w, r, &in) {
		return
	}
	if in.Night.IsZero() || in.Share < 0 || in.Share > 1 {
		refuseControl(w, "want a night, and a share between 0 and 1")
		return
	}
	planted := PlantNews(s, in.Share, in.Night, in.Seed)
	writeJSON(w, http.StatusCreated, map[string]int{"planted": len(planted)})
}

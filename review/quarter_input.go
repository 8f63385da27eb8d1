package review

import (
	"math"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// QuarterInput is what the review of a quarter looks at. Its order makes no difference.
type QuarterInput struct {
	Quarter  string    // 2026Q3
	From, To time.Time // of the quarter; To is the first moment after it
	At       time.Time // when the input was read: what is still open is open then
	// Model is the active one: criteria, points and triggers are judged by it, and a draft
	// changes it.
	Model *icp.Model
	// Deals are all that closed since [DealsSince] and all that are open, of whatever kind.
	Deals []QuarterDeal
	// Left are customers that said they leave, or were marked as churned. Customers that
	// just buy nothing again are found by their deals.
	Left []Left
	// Start and End are the population when the quarter began and when it ended: of each
	// account its latest score then.
	Start, End *Cohort
	// Prime are the accounts that were in the model's highest tier when the quarter ended.
	Prime []PrimeAccount
	// Providers are the calls made in the quarter, by provider.
	Providers []*ProviderUse
	// Decisions and Closed are what [Outcomes] compares: all that are on record.
	Decisions []Decision
	Closed    []Closed
	// Share is how many accounts are worked otherwise than the model says, now.
	Share ExceptionShare
}

// DealsSince is from when on closed deals say something to the review of a quarter: win
// rates are held against the year before it, and what customers bought again against what
// they had bought two years, and a renewal's delay, before its end.
func DealsSince(from, to time.Time) time.Time {
	year, bought := from.AddDate(-1, 0, 0), to.AddDate(-2, 0, 0).Add(-renewalDelay)
	if year.Before(bought) {
		return year
	}
	return bought
}

// renewalDelay is how long before or after a year a renewal may come and still be one.
const renewalDelay = 90 * 24 * time.Hour

// DealKind is what a deal sells.
type DealKind string

// The kinds of deals. HubSpot's existingbusiness does not tell a renewal from an expansion.
const (
	NewBusiness DealKind = "new" // also what is not known
	Renewal     DealKind = "renewal"
	Expansion   DealKind = "expansion"
	Existing    DealKind = "existing" // one of the last two
)

// QuarterDeal is a deal with what was known of its account when it opened.
type QuarterDeal struct {
	ID       string
	Account  string // as [Decision] and [Closed] call it
	OpenedAt time.Time
	ClosedAt time.Time // zero while it is open
	Won      bool
	Amount   float64 // NaN or 0: not known
	Kind     DealKind
	Held     *Held // nil: the account had no score then
}

// Held is what an account had when a deal opened: its last score before, the
// signals until then.
type Held struct {
	Model   string // name
	Version int
	Tier    string           // that counted, a person's if an override held
	Value   int              // likewise
	Score   []icp.Result     // the machine's, of each criterion
	Facts   account.Facts    // that the score was made of
	Signals []account.Signal // that had been found by then
}

// Left is a customer that left.
type Left struct {
	Account string
	At      time.Time
}

// PrimeAccount is an account in the highest tier when the quarter ended. Its deals are
// among the input's deals.
type PrimeAccount struct {
	Account string    // as deals call it
	Name    string    // for people
	Since   time.Time // when it came to the tier
	Active  time.Time // the last activity that is on record: a signal, a task, a visit; zero: none
	Owner   string
	Score   []icp.Result
	Facts   account.Facts
}

// ProviderUse counts a provider's calls; [ProviderUse.Add] fills it.
type ProviderUse struct {
	Provider                       string
	Outcomes                       map[string]int // calls by outcome, as the ledger calls it
	calls                          int            // that reached the provider
	credits, supplied, accepted    float64
	creditsSq, acceptedSq, crossed float64 // sums of products over the calls
}

// Add counts a call: how it ended, what it cost, how many fields it supplied and of how many
// of these the account's score has taken the value.
func (u *ProviderUse) Add(outcome string, credits float64, supplied, accepted int) {
	if u.Outcomes == nil {
		u.Outcomes = map[string]int{}
	}
	u.Outcomes[outcome]++
	u.calls++
	a := float64(accepted)
	u.credits += credits
	u.supplied += float64(supplied)
	u.accepted += a
	u.creditsSq += credits * credits
	u.acceptedSq += a * a
	u.crossed += a * credits
}

// ExceptionShare is how many of the scored accounts are worked otherwise than the model
// says.
type ExceptionShare struct {
	Scored     int `json:"scored"`
	Overridden int `json:"overridden"`
	Explored   int `json:"explored"`
	Together   int `json:"together"`
}

// Cohort is a population as its scores stand at one time, kept in sums so that any number
// of accounts fits: [Cohort.Add] each.
type Cohort struct {
	Accounts int
	tiers    map[string]int
	values   map[int]int
	fields   map[account.Field]*spread
}

// spread counts the values of a field.
type spread struct {
	known   int
	words   map[string]int
	numbers map[float64]int // two digits of each
}

// mostWords is how many different texts of a field are told apart.
const mostWords = 2000

// Add counts an account: the tier and the value of its score and the facts that it was made of.
func (c *Cohort) Add(tier string, value int, facts account.Facts) {
	if c.tiers == nil {
		c.tiers, c.values, c.fields = map[string]int{}, map[int]int{}, map[account.Field]*spread{}
	}
	c.Accounts++
	c.tiers[tier]++
	c.values[value]++
	for field, f := range facts {
		s := c.fields[field]
		if s == nil {
			s = &spread{words: map[string]int{}, numbers: map[float64]int{}}
			c.fields[field] = s
		}
		s.add(f.Value)
	}
}

func (s *spread) add(v account.Value) {
	if v.IsZero() {
		return
	}
	s.known++
	switch v.Kind() {
	case account.NumberKind:
		s.numbers[twoDigits(v.Number())]++
	case account.DateKind:
		s.numbers[float64(v.Date().Year())]++
	case account.ListKind:
		for _, w := range v.List() {
			s.word(w)
		}
	default:
		s.word(v.String())
	}
}

func (s *spread) word(w string) {
	if _, known := s.words[w]; known || len(s.words) < mostWords {
		s.words[w]++
	}
}

// twoDigits keeps the two leading digits of a number.
func twoDigits(n float64) float64 {
	if n == 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0
	}
	step := math.Pow10(int(math.Floor(math.Log10(math.Abs(n)))) - 1)
	return math.Round(n/step) * step
}

// Package signals is the contract of a signal source: what it is asked about an
// account, what happened, and what it has to remember until it is asked again. Each
// folder below holds one source; package registry lists them.
package signals

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
)

// The kinds of signals that sources find; models name them.
const (
	Funding          = "funding"
	Hiring           = "hiring"
	ExecutiveChange  = "executive_change"
	TechnologyChange = "technology_change"
	WebsiteVisit     = "website_visit"
	ProductLaunch    = "product_launch"
	Expansion        = "expansion"      // a new market, place or office
	Reorganisation   = "reorganisation" // from the news; low trust
	HeadcountChange  = "headcount_change"
	DomainChange     = "domain_change"
	CompanyClosed    = "company_closed"   // a reason to stop
	CompanyAcquired  = "company_acquired" // a reason to stop
)

// Source finds out what happened to accounts.
type Source interface {
	// Look asks about one account. It returns what it has not told before, and what it
	// wants to be reminded of at the next look. Every error is an [outbound.Error] or
	// the context's; what was found before the error is lost, and found again by the
	// next look, since that is reminded of the same. It never panics, whatever it reads.
	//
	// A source that has nothing to go by for this account, such as a company without a
	// job board, returns a Sight without events.
	Look(ctx context.Context, at Look) (Sight, error)
}

// Look is one question about one account.
type Look struct {
	Account account.Account
	Facts   account.Facts     // what is known of it, merged
	Fields  map[string]string // CRM properties that sources may go by, such as a job board's address
	Visits  []Visit           // since Since, for engagement; oldest first
	Rules   *icp.SignalRules  // what the active model takes for news; never nil

	// Before is the Remember of the last look; nil at the first sight of the account,
	// which sets the baseline: a difference needs two observations, and what is dated
	// counts from Since on.
	Before json.RawMessage
	// Since is the earliest date that is still news: a model's first_sight before now,
	// or the last look if that is longer ago. Looks overlap on purpose; what was told
	// before is for Before to recognise.
	Since time.Time
	Now   time.Time // the clock of this look; sources read no other
}

// Sight is what a look found.
type Sight struct {
	Events   []Event
	Remember json.RawMessage // small: ids and values, not documents; nil keeps Before
}

// Event is something that happened to an account, as one source tells it.
type Event struct {
	Kind string `json:"kind"`
	// Entity is what it happened to, in canonical form, so that the same event from
	// two sources is one signal: "round" for a funding round, a role's name for a
	// change of executive or a family of postings, "added:segment" or "dropped:marketo"
	// for a technology. See [Tolerance].
	Entity     string     `json:"entity"`
	OccurredAt time.Time  `json:"occurred_at"`
	Summary    string     `json:"summary"`            // for people, one line, without the account's name: "raised $22M (Series B)"
	Concerns   string     `json:"concerns,omitempty"` // the person it is about, as published: "Jane Doe, CRO"
	Confidence float64    `json:"confidence"`         // 0 to 1, that it happened to this account
	Evidence   []Evidence `json:"evidence"`           // at least one
	Stop       bool       `json:"stop,omitempty"`     // a reason to stop working the account
}

// Evidence is where an event was read.
type Evidence struct {
	Source string    `json:"source"`        // of the registry
	Title  string    `json:"title"`         // of the document or posting
	URL    string    `json:"url,omitempty"` // for people; "" where there is none
	At     time.Time `json:"at"`            // when it was published or observed
}

// Visit is one page view or answer that a website or e-mail tool reported.
type Visit struct {
	ID      string    `json:"id"`   // the sender's, unique; repeats are ignored
	Kind    string    `json:"kind"` // page_view, demo_request, email_open, email_click
	Page    string    `json:"page,omitempty"`
	Visitor string    `json:"visitor,omitempty"` // a pseudonym, to tell visitors apart
	At      time.Time `json:"at"`
}

// Tolerance is how far apart in time two reports of the same kind and entity may be
// and still be one event.
func Tolerance(kind string) time.Duration {
	const day = 24 * time.Hour
	switch kind {
	case Funding, ExecutiveChange: // a filing and the announcement can be weeks apart
		return 45 * day
	case Hiring: // a posting is closed and opened again
		return 30 * day
	case WebsiteVisit:
		return 7 * day
	case ProductLaunch, Expansion, Reorganisation: // the press echoes
		return 14 * day
	default: // differences: the observation tells them apart
		return day
	}
}

// Spec describes a source to everything that does not call it.
type Spec struct {
	Name    string
	Env     string // in the variable names: SLUICE_<Env>_API_KEY, SLUICE_<Env>_BASE_URL
	BaseURL string
	// Needs says what the source cannot work without: "key" (SLUICE_<Env>_API_KEY),
	// "contact" (SLUICE_<Env>_CONTACT, a mail address), or nothing.
	Needs string
	Rate  float64 // calls per second that its documentation allows; 0: it calls nobody
	Off   bool    // unless sluice.yaml switches it on

	Properties []string // of the CRM's record, that looks bring in Fields
	Visits     bool     // whether looks bring them

	New func(Config) (Source, error)
}

// Config is what a source is built from.
type Config struct {
	BaseURL string // of Spec, unless it is overridden
	Key     string
	Contact string            // whom the operator of the service may write to
	Options []outbound.Option // timeout, breaker and pace
}

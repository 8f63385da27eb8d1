// Package providers is the contract of a data provider: what it is asked, what it
// answers, what it costs. Each folder below holds one provider; package registry
// lists them.
package providers

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
)

// Provider supplies facts about accounts.
type Provider interface {
	// Ask looks the account up, by its domain if it has one. A company that the
	// provider does not know is an answer. Every error is an [outbound.Error] or
	// the context's.
	Ask(ctx context.Context, acc account.Account) (Answer, error)

	// Map reads a successful response body, observed at the given time, as Ask
	// does. It never panics, whatever the body.
	Map(body []byte, at time.Time) (Answer, error)
}

// Answer is what a provider said.
type Answer struct {
	Outcome outbound.Outcome // found, not_found or pending

	// Who the answer is about, for the identity gate. Empty where the provider
	// does not say.
	Name     string
	Domain   string // as the provider writes it
	Aliases  []string
	RecordID string // the provider's own id

	Facts   []account.Fact
	Credits float64 // charged for this call, as the provider says or as [Spec] has it

	// Body is the response as it came, kept so that a better mapping can read it
	// again without paying for it.
	Body []byte

	RetryAfter time.Duration // when to ask again about a pending answer
}

// Spec describes a provider to everything that does not call it.
type Spec struct {
	Name     string
	Env      string // in the variable names: SLUICE_<Env>_API_KEY, SLUICE_<Env>_BASE_URL
	BaseURL  string
	NeedsKey bool
	Supplies []account.Field

	HitCredits  float64       // price of a company that it knows
	MissCredits float64       // price of one that it does not
	Rate        float64       // calls per second that its documentation allows
	TTL         time.Duration // how long an answer stays good

	New func(Config) (Provider, error)
}

// Config is what a provider is built from.
type Config struct {
	BaseURL string // of Spec, unless it is overridden
	Key     string
	Rules   string            // a file of rules, for a provider that reads by rules; "" for its own
	Options []outbound.Option // timeout, breaker and pace
}

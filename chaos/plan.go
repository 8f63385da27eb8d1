package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sluicehq/sluice/sandbox"
)

// Plan is what happens in one round: the work, and what goes wrong meanwhile. It is made
// from its seed alone.
type Plan struct {
	Seed      uint64  `json:"seed"`
	Work      string  `json:"work"`
	Only      string  `json:"only,omitempty"`  // the work that was asked for
	Short     bool    `json:"short,omitempty"` // one of those that make test runs
	Companies int     `json:"companies"`
	Workers   int     `json:"workers"`
	Weather   Weather `json:"weather"`
	Faults    []Fault `json:"faults"`
}

// Weather is what goes wrong all the time until the faults are lifted.
type Weather struct {
	LostAnswers float64 `json:"lost_answers,omitempty"` // share of the CRM's writes that are done and never answered
	Errors      float64 `json:"errors,omitempty"`       // share of the vendors' calls that are answered 500 or 503
	LatencyMS   int     `json:"latency_ms,omitempty"`   // of every vendor and the CRM
}

// Fault is one thing that goes wrong, and when.
type Fault struct {
	When Step          `json:"when"`
	Do   Action        `json:"do"`
	For  time.Duration `json:"for"` // how long it lasts; of a kill, how long what is killed stays down
}

// Action is what is done.
type Action string

// The actions.
const (
	KillWorker   Action = "kill worker"
	KillStarter  Action = "kill starter"
	KillTemporal Action = "kill temporal"
	KillPostgres Action = "kill postgres"

	CutTemporal Action = "cut temporal" // connections are reset, new ones refused
	CutPostgres Action = "cut postgres"
	CutCRM      Action = "cut crm"
	CutVendors  Action = "cut vendors"

	StallTemporal Action = "stall temporal" // nothing moves on any connection
	StallPostgres Action = "stall postgres"
	StallCRM      Action = "stall crm"
	StallVendors  Action = "stall vendors"

	SlowTemporal Action = "slow temporal" // everything is late
	SlowPostgres Action = "slow postgres"
	SlowCRM      Action = "slow crm"
	SlowVendors  Action = "slow vendors"

	FillDisk        Action = "fill disk"        // of Postgres: no room is left
	ReadOnly        Action = "read only"        // Postgres, as managed ones are whose disk is full
	TakeConnections Action = "take connections" // of Postgres: all of them
	ClockForward    Action = "clock forward"    // of the sandbox
	ClockBack       Action = "clock back"
)

// kills are what each plan has at least one of.
var kills = []Action{KillWorker, KillStarter, KillTemporal, KillPostgres}

// others are what a plan may have besides.
var others = []Action{
	CutTemporal, CutPostgres, CutCRM, CutVendors, StallTemporal, StallPostgres, StallCRM, StallVendors,
	SlowTemporal, SlowPostgres, SlowCRM, SlowVendors, FillDisk, ReadOnly, TakeConnections, ClockForward, ClockBack,
}

// Step is a place in the work that can be waited for: a request of a kind, or what it is
// about, and the how-manieth. Requests are counted where they pass: at the gateway of the
// sandbox, at the one of Temporal, and at the one of Postgres.
type Step struct {
	At       string `json:"at"`       // such as "hubspot note created", "temporal RespondActivityTaskCompleted", "postgres scores"
	Nth      int    `json:"nth"`      // from 1, since the faults were armed
	Answered bool   `json:"answered"` // it has been done, and its answer is on the way; else it has arrived and is not done
}

// String says it in words.
func (s Step) String() string {
	if s.Answered {
		return fmt.Sprintf("%q for the %s time, done but not yet answered", s.At, ordinal(s.Nth))
	}
	return fmt.Sprintf("%q for the %s time, not yet done", s.At, ordinal(s.Nth))
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n) + suffix
}

// String tells the plan.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s with %d companies and %d worker(s)", p.Seed, works[p.Work].title, p.Companies, p.Workers)
	if w := p.Weather; w != (Weather{}) {
		fmt.Fprintf(&b, "; meanwhile %.0f %% of the CRM's answers to writes get lost, %.0f %% of the vendors' calls fail, each call takes %d ms more",
			100*w.LostAnswers, 100*w.Errors, w.LatencyMS)
	}
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\n  at %s: %s for %s", f.When, f.Do, f.For)
	}
	return b.String()
}

// again is the command that repeats the plan.
func (p Plan) again() string {
	switch {
	case p.Short:
		return "bin/chaos -short"
	case p.Only != "":
		return fmt.Sprintf("make chaos PLANS=1 SEED=%d WORK=%s", p.Seed, p.Only)
	default:
		return fmt.Sprintf("make chaos PLANS=1 SEED=%d", p.Seed)
	}
}

// Make draws the plan of a seed, of any work or of the one that is named.
func Make(seed uint64, only string) Plan {
	r := rand.New(rand.NewPCG(seed, 0x51))
	p := Plan{Seed: seed, Work: drawWork(r), Only: only, Companies: 8 + r.IntN(8), Workers: 1 + r.IntN(2)}
	if only != "" {
		p.Work = only
	}
	w := works[p.Work]
	if r.IntN(2) == 0 {
		p.Weather.LostAnswers = 0.1 * r.Float64()
	}
	if r.IntN(3) == 0 {
		p.Weather.Errors = 0.15 * r.Float64()
	}
	if r.IntN(2) == 0 {
		p.Weather.LatencyMS = 5 + r.IntN(60)
	}
	p.Faults = append(p.Faults, w.fault(r, p.Companies, kills[r.IntN(len(kills))]))
	for range r.IntN(4) {
		do := others[r.IntN(len(others))]
		if r.IntN(4) == 0 {
			do = kills[r.IntN(len(kills))]
		}
		p.Faults = append(p.Faults, w.fault(r, p.Companies, do))
	}
	return p
}

// drawWork makes the bulk of all plans company runs and sweeps.
func drawWork(r *rand.Rand) string {
	total := 0
	for _, name := range workNames {
		total += works[name].share
	}
	n := r.IntN(total)
	for _, name := range workNames {
		if n -= works[name].share; n < 0 {
			return name
		}
	}
	return workNames[0]
}

// fault draws where in the work the action comes.
func (w work) fault(r *rand.Rand, companies int, do Action) Fault {
	at := w.steps[r.IntN(len(w.steps))]
	most := max(1, int(at.each*float64(companies)))
	f := Fault{Do: do, When: Step{At: at.name, Nth: 1 + r.IntN(most), Answered: r.IntN(2) == 0}}
	f.For = time.Duration(r.IntN(3000)) * time.Millisecond
	switch do {
	case KillTemporal, KillPostgres:
		f.For = 0 // until it is up again
	case ClockForward, ClockBack:
		f.For = time.Duration(1+r.IntN(20)) * time.Hour
	default:
	}
	return f
}

// work is one kind of work, and the steps that it is known to take.
type work struct {
	title     string
	share     int // of all plans
	steps     []countedStep
	table     func(Plan) *sandbox.Table           // of the sandbox; nil: the shipped one
	before    func(*world, context.Context) error // in peace
	do        func(*world, context.Context) error // under fault, until all is accepted
	after     func(*world, context.Context) error // in peace again
	settled   bool                                // accounts end at the score of a world in peace
	buysAgain bool                                // old answers are asked for again
}

// countedStep is a step and how often it comes for each company, at least about.
type countedStep struct {
	name string
	each float64
}

// companySteps are those of a company's run.
var companySteps = []countedStep{
	{"apollo", 0.8},
	{"clearbit", 0.3},
	{"hunter", 0.2},
	{"pdl", 0.15},
	{"builtwith", 0.15},
	{"website", 0.2},
	{"hubspot company read", 1.5},
	{"hubspot properties written", 0.6},
	{"hubspot note created", 0.6},
	{"hubspot task created", 0.1},
	{"hubspot associations", 0.4},
	{"hubspot contacts written", 0.4},
	{"temporal StartWorkflowExecution", 0.6},
	{"temporal SignalWithStartWorkflowExecution", 0.07},
	{"temporal UpdateWorkflowExecution", 0.07},
	{"temporal PollWorkflowTaskQueue", 3},
	{"temporal PollActivityTaskQueue", 3},
	{"temporal RespondWorkflowTaskCompleted", 4},
	{"temporal RespondActivityTaskCompleted", 3},
	{"postgres accounts", 1},
	{"postgres events", 0.4},
	{"postgres ledger", 2.5},
	{"postgres answers", 1.2},
	{"postgres scores", 0.7},
	{"postgres effects", 2.4},
	{"postgres contacts", 1},
	{"postgres runs", 1},
	{"postgres overrides", 0.07},
}

// works are all kinds of work; workNames gives them an order.
var works map[string]work

func init() {
	works = map[string]work{
		"companies": {title: "company runs", share: 10, steps: companySteps, do: (*world).companies, settled: true},
		"night": {
			title: "a nightly sweep", share: 6, steps: nightSteps, table: promising,
			before: (*world).evening, do: (*world).night, after: (*world).nextNight, buysAgain: true,
		},
		"release":   {title: "a model release", share: 2, steps: releaseSteps, before: (*world).onboard, do: (*world).release},
		"rollback":  {title: "a rollback", share: 1, steps: rollbackSteps, before: (*world).released, do: (*world).rollback},
		"reconcile": {title: "a comparison with the CRM", share: 1, steps: companySteps, before: (*world).lostWebhooks, do: (*world).reconcile, settled: true},
		"review":    {title: "a quarterly review", share: 1, steps: reviewSteps, before: (*world).past, do: (*world).reviewQuarter, after: (*world).decide},
	}
}

var workNames = []string{"companies", "night", "release", "rollback", "reconcile", "review"}

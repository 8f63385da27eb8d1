package config

import (
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/strictyaml"
)

// Pipeline is sluice.yaml: what RevOps settles about running the process, as
// opposed to what the model settles about scoring.
type Pipeline struct {
	// Models are the ICP models that new runs use, by name: the first rates whom none of
	// the others, which are for segments, is for.
	Models       []string
	ContactModel string // the one that rates the people of an account; default contact-fit, "" for none
	Providers    []Provider
	Budgets      Budgets
	LateFill     LateFill
	CRM          CRM
	Routes       routing.Rules
	Signals      Signals
	Releases     activities.ReleaseSettings // how a version of a model gets to score accounts
	Review       Review
	Reconcile    Reconcile

	modelsAt  []strictyaml.Value          // where the file names the models
	contactAt strictyaml.Value            // where it names the one for contacts, if it does
	queueAt   map[string]strictyaml.Value // where it has each queue
}

// Provider is one step of the waterfall; their order is the order of asking. Zero
// values stand for what the provider's own package says.
type Provider struct {
	Name     string
	Trust    float64       // 0 to 1, scales the confidence of its facts; default 1
	Credits  float64       // price of an answer, in credits
	Rate     float64       // calls per second, for all workers together
	Daily    float64       // credits a day at most; 0: no bound
	TTL      time.Duration // how long an answer is good
	Timeout  time.Duration // of one call; default 8 s
	Failures int           // in a row open the breaker, and calls in the air at most; default 5
	CoolDown time.Duration // of an open breaker; default 30 s
}

// Budgets bounds spending, in credits; 0: no bound.
type Budgets struct {
	Company float64 // on one company in one run
	Import  float64 // on one import
	Day     float64 // on everything in one day (UTC)
}

// LateFill bounds how a run comes back for what a provider could not say.
type LateFill struct {
	Returns int           // default 8
	Within  time.Duration // default 24 h
	Wait    time.Duration // before the first return, doubled for each further one; default 30 s
}

// CRM is the pace at which a worker calls the CRM, and how much it reads there.
type CRM struct {
	Rate       float64 // calls per second; default 15, HubSpot allows 19 to one app
	SearchRate float64 // searches per second; default 4, HubSpot allows 5 to one account
	Contacts   int     // of one account, that are scored at most; default 100

	Write   crm.Policies  // when each property is written; default: whenever our value changes, and never over a person's
	Journal time.Duration // how long it is kept what was written; default 90 d
}

package ingress

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/workflows"
)

// Priorities of runs, and so of their activities: what somebody waits for goes
// before what arrives by itself, and that before what was loaded in bulk.
const (
	AskedFor = 1
	Arrived  = 2
	InBulk   = 4
)

// Onboarder starts runs of companies.
type Onboarder struct {
	Temporal  client.Client
	Namespace string // of Temporal; only erasing needs it
	CRM       CRM    // nil where none is configured
}

// CRM names records and finds them; every crm.CRM does.
type CRM interface {
	Key(recordID string) account.Key
	CompaniesByDomain(ctx context.Context, domains ...string) ([]crm.Company, error)
}

// Find returns the company with its CRM record, if the CRM has one under its domain:
// a run that does not know of the record would have no effects. Others counts
// further records with that domain.
func (o Onboarder) Find(ctx context.Context, c Company) (found Company, others int, err error) {
	if o.CRM == nil || c.Domain == "" || !c.Key.IsZero() {
		return c, 0, nil
	}
	records, err := o.CRM.CompaniesByDomain(ctx, c.Domain)
	if err != nil {
		return c, 0, fmt.Errorf("look %s up in the CRM: %w", c.Domain, err)
	}
	if len(records) == 0 {
		return c, 0, nil
	}
	c.Key = records[0].Key // the oldest
	return c, len(records) - 1, nil
}

// Company is what is known of a company before its run.
type Company struct {
	Key      account.Key
	Domain   string // registrable
	Name     string
	ImportID string
	Priority int
}

// maxName is how many characters a name has at most. It may become part of a
// workflow's id, which has at most 1000 bytes.
const maxName = 200

// CheckName refuses a name that cannot be kept or be asked about: it would fail every
// attempt of its run.
func CheckName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case n > maxName:
		return account.Invalid("name", fmt.Sprintf("has %d characters; at most %d", n, maxName))
	case !utf8.ValidString(name):
		return account.Invalid("name", "is not text in UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return account.Invalid("name", "has a line break or another control character")
	}
	return nil
}

// Run is where a company's run is to be found.
type Run struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	// Started is false for a run that was there already, under way or completed.
	Started bool `json:"started"`
}

// Start makes sure that the company has a run: a new one, the one under way, or
// the one that completed. Only a failed one is followed by another.
func (o Onboarder) Start(ctx context.Context, c Company) (Run, error) {
	opts := c.options()
	opts.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	opts.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	opts.WorkflowExecutionErrorWhenAlreadyStarted = true // without it a duplicate cannot be told from a start
	run, err := o.Temporal.ExecuteWorkflow(ctx, opts, workflows.CompanyOnboarding, c.input())
	if already, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return Run{WorkflowID: opts.ID, RunID: already.RunId}, nil
	}
	if err != nil {
		return Run{}, fmt.Errorf("start %s: %w", opts.ID, err)
	}
	return Run{WorkflowID: opts.ID, RunID: run.GetRunID(), Started: true}, nil
}

// Refresh has the company looked at again: the run under way absorbs it, a
// finished one is followed by a new one. A run ignores an event that it has seen.
func (o Onboarder) Refresh(ctx context.Context, c Company, event string) (Run, error) {
	opts := c.options()
	opts.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	run, err := o.Temporal.SignalWithStartWorkflow(ctx, opts.ID, workflows.CompanyChanged, workflows.Change{Event: event},
		opts, workflows.CompanyOnboarding, c.input())
	if err != nil {
		return Run{}, fmt.Errorf("refresh %s: %w", opts.ID, err)
	}
	return Run{WorkflowID: opts.ID, RunID: run.GetRunID(), Started: true}, nil
}

func (c Company) input() workflows.CompanyOnboardingInput {
	return workflows.CompanyOnboardingInput{Key: c.Key, Domain: c.Domain, Name: c.Name, ImportID: c.ImportID}
}

func (c Company) options() client.StartWorkflowOptions {
	queue := workflows.TaskQueue
	if c.Priority >= InBulk {
		queue = workflows.BulkQueue
	}
	return client.StartWorkflowOptions{
		ID:                    workflows.CompanyOnboardingID(c.Key, c.Domain, c.Name),
		TaskQueue:             queue,
		StaticSummary:         c.Domain,
		TypedSearchAttributes: workflows.CompanyAttributes(c.Key, c.Domain),
		Priority:              temporal.Priority{PriorityKey: c.Priority},
	}
}

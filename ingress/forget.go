package ingress

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// EraseStore is the record, as erasing needs it.
type EraseStore interface {
	Bar(ctx context.Context, domain, author, reason string) error
	WhatIsKnown(ctx context.Context, domain string, subjects ...string) (store.Erased, error)
	Erase(ctx context.Context, domain string, subjects ...string) (store.Erased, error)
	Lift(ctx context.Context, domain string) error
}

// Forgotten is what was erased of a company, or would be.
type Forgotten struct {
	Domain    string           `json:"domain"`
	Accounts  int              `json:"accounts"`
	Rows      map[string]int64 `json:"rows"`      // on record, by table
	Histories int              `json:"histories"` // of runs, in Temporal
	Providers []store.Saw      `json:"providers"` // that were asked about it
	Records   []string         `json:"records"`   // in the CRM, with our properties, notes and tasks: they are the CRM's to delete
}

// Forget erases a company: first it is barred from being put on record again, then its
// runs end and their histories go, then the record does, and with it what opens copies of
// these histories. It may be repeated from any point. What it leaves is said: the CRM's own record, and what providers keep.
func (o Onboarder) Forget(ctx context.Context, s EraseStore, domain, author, reason string) (Forgotten, error) {
	if err := s.Bar(ctx, domain, author, reason); err != nil {
		return Forgotten{}, err
	}
	known, err := s.WhatIsKnown(ctx, domain)
	if err != nil {
		return Forgotten{}, err
	}
	ids := runIDs(domain, known.Accounts)
	deleted, err := o.deleteRuns(ctx, domain, ids)
	if err != nil {
		return Forgotten{}, err
	}
	erased, err := s.Erase(ctx, domain, append(ids, slices.Collect(maps.Values(deleted))...)...)
	return forgotten(domain, erased, len(deleted)), err
}

// Lift lets a company that was erased be followed again. Runs that were refused meanwhile
// go: they would stand for the company.
//
// Errors: [account.ErrNotFound] when it was not erased.
func (o Onboarder) Lift(ctx context.Context, s EraseStore, domain string) error {
	if err := s.Lift(ctx, domain); err != nil {
		return err
	}
	var accounts []account.Account
	if o.CRM != nil {
		companies, err := o.CRM.CompaniesByDomain(ctx, domain)
		if err != nil {
			return err
		}
		for _, c := range companies {
			accounts = append(accounts, account.Account{Key: c.Key})
		}
	}
	_, err := o.deleteRuns(ctx, domain, runIDs(domain, accounts))
	return err
}

// WouldForget returns what Forget would erase.
func (o Onboarder) WouldForget(ctx context.Context, s EraseStore, domain string) (Forgotten, error) {
	known, err := s.WhatIsKnown(ctx, domain)
	if err != nil {
		return Forgotten{}, err
	}
	ids := runIDs(domain, known.Accounts)
	runs, err := o.runsOf(ctx, domain, ids)
	if err != nil {
		return Forgotten{}, err
	}
	for _, run := range runs {
		ids = append(ids, run.GetWorkflowId())
	}
	known, err = s.WhatIsKnown(ctx, domain, ids...)
	return forgotten(domain, known, len(runs)), err
}

// forgetPatience ends before the server's own time for an answer: whoever asks again goes on
// where it ended.
const forgetPatience = 25 * time.Second

// forgetCompany answers DELETE /v1/companies/{domain}. The body may say who asked, and why.
func (h *Handler) forgetCompany(w http.ResponseWriter, r *http.Request) {
	domain, err := account.NormalizeDomain(r.PathValue("domain"))
	var in clearRequest
	if err == nil && r.ContentLength != 0 {
		err = decodeStrictly(r.Body, &in)
	}
	if err != nil {
		writeProblem(w, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), forgetPatience)
	defer cancel()
	f, err := h.onboard.Forget(ctx, h.store, domain, in.By, in.Reason)
	if err != nil {
		h.logOf(r.Context()).Error("Forget a company", zap.Error(err)) // which it does not name: the log stays
		writeProblem(w, errUnavailable)
		return
	}
	writeJSON(w, http.StatusOK, f)
}

func forgotten(domain string, e store.Erased, histories int) Forgotten {
	f := Forgotten{
		Domain: domain, Accounts: len(e.Accounts), Rows: e.Rows, Histories: histories,
		Providers: append([]store.Saw{}, e.Providers...), Records: []string{},
	}
	for _, acc := range e.Accounts {
		if !acc.Key.IsZero() {
			f.Records = append(f.Records, acc.Key.String())
		}
	}
	return f
}

// deletionPatience is for how long Temporal is waited for, which deletes in its own time:
// a run that has just ended, some twenty seconds later.
const deletionPatience = time.Minute

// deleteRuns deletes the company's runs with their histories, those under way, too. New
// ones cannot get far: the company is barred. It returns the workflows of those runs.
func (o Onboarder) deleteRuns(ctx context.Context, domain string, ids []string) (deleted map[string]string, err error) {
	seen := map[string]string{} // by run
	for began := time.Now(); ; {
		runs, err := o.runsOf(ctx, domain, ids)
		if err != nil || len(runs) == 0 {
			return seen, err
		}
		if time.Since(began) > deletionPatience {
			return seen, fmt.Errorf("temporal has not deleted %d histories yet: forget the company again in a while", len(runs))
		}
		for _, run := range runs {
			seen[run.RunId] = run.WorkflowId
			_, err := o.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
				Namespace: o.Namespace, WorkflowExecution: run,
			})
			if _, gone := errors.AsType[*serviceerror.NotFound](err); err != nil && !gone {
				return seen, fmt.Errorf("delete the history of %s: %w", run.WorkflowId, err)
			}
		}
		select {
		case <-ctx.Done():
			return seen, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// runIDs are the ids of workflows about the company: its own, its override's and the
// answers to its news.
func runIDs(domain string, accounts []account.Account) []string {
	ids := []string{workflows.CompanyOnboardingID(account.Key{}, domain, "")}
	for _, acc := range accounts {
		ids = append(ids, workflows.CompanyOnboardingID(acc.Key, domain, ""), workflows.AccountOverrideID(acc.ID), workflows.SignalResponseID(acc.ID))
	}
	return ids
}

// runsOf lists the company's executions that Temporal still has.
func (o Onboarder) runsOf(ctx context.Context, domain string, ids []string) ([]*commonpb.WorkflowExecution, error) {
	query := fmt.Sprintf("%s = '%s' OR WorkflowId IN ('%s')", workflows.DomainAttribute.GetName(), domain, strings.Join(ids, "', '"))
	var all []*commonpb.WorkflowExecution
	var next []byte
	for {
		page, err := o.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: next})
		if err != nil {
			return nil, fmt.Errorf("list the company's runs: %w", err)
		}
		for _, e := range page.GetExecutions() {
			all = append(all, e.GetExecution())
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			return all, nil
		}
	}
}

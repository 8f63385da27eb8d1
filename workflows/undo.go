package workflows

import (
	"strconv"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
)

// UndoID is the id of the workflow that takes back what a run wrote.
func UndoID(runID string) string { return undos + runID }

// UndoRunInput names the run.
type UndoRunInput struct {
	RunID  string `json:"run_id"`
	DryRun bool   `json:"dry_run,omitempty"` // say what would be taken back, and what not
}

// UndoStatus is what came of the writes of a run that is undone.
type UndoStatus struct {
	DryRun   bool                `json:"dry_run,omitempty"`
	Accounts int                 `json:"accounts"` // that the run wrote to
	Done     int                 `json:"done"`     // of them
	Counts   map[string]int      `json:"counts"`   // restored, archived, left
	Writes   []activities.Undone `json:"writes,omitempty"`
	More     int                 `json:"more,omitempty"` // writes that are not listed
}

// mostUndone is how many writes are listed: the journal has them all.
const mostUndone = 1000

// UndoRun takes back what a run wrote to the CRM, where nobody has touched it since: its
// properties and owners get the values that they had before, and what it made is archived.
// What it does can be done twice.
func UndoRun(ctx workflow.Context, in UndoRunInput) (*UndoStatus, error) {
	s := &UndoStatus{DryRun: in.DryRun, Counts: map[string]int{}}
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (*UndoStatus, error) { return s, nil },
		workflow.QueryHandlerOptions{Description: "What was taken back, and what was left and why"})
	if err != nil {
		return nil, err
	}
	var accounts []int64
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "what the run wrote"), a.UndoAccounts, in.RunID).Get(ctx, &accounts); err != nil {
		return nil, err
	}
	s.Accounts = len(accounts)
	for _, id := range accounts {
		if err := s.account(ctx, in, id); err != nil {
			return nil, err
		}
		s.show(ctx, in)
	}
	return s, workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet("done"))
}

func (s *UndoStatus) account(ctx workflow.Context, in UndoRunInput, id int64) error {
	var undone []activities.Undone
	undo := activities.UndoInput{RunID: in.RunID, AccountID: id, DryRun: in.DryRun}
	if err := onceAllowedAs(ctx, "undo", "take back", a.UndoAccount, undo, &undone); err != nil {
		return err
	}
	s.Done++
	for _, u := range undone {
		s.Counts[u.Outcome]++
		if len(s.Writes) == mostUndone {
			s.More++
			continue
		}
		s.Writes = append(s.Writes, u)
	}
	return nil
}

// show tells the Temporal UI what came of it.
func (s *UndoStatus) show(ctx workflow.Context, in UndoRunInput) {
	p := &page{}
	p.add("Run **%s**: %d of %d accounts", in.RunID, s.Done, s.Accounts)
	if in.DryRun {
		p.add(" (dry run: nothing is written)")
	}
	p.add("\n\n%d values restored, %d notes and tasks archived, %d left\n", s.Counts[activities.Restored], s.Counts[activities.Archived], s.Counts[activities.Left])
	for _, u := range s.Writes {
		if u.Outcome == activities.Left {
			p.add("\n- %s %s %s is left: %s", u.Object, u.RecordID, u.Property, u.Why)
		}
		if p.Len() > longestDetails {
			p.add("\n- …")
			break
		}
	}
	workflow.SetCurrentDetails(ctx, p.String())
}

// longestDetails keeps a page of details, in bytes, within what Temporal takes.
const longestDetails = 10_000

// ApprovedID is the id of the workflow that writes what people have approved for an
// account, by the last value that they did.
func ApprovedID(accountID, stagedID int64) string {
	return approvals + strconv.FormatInt(accountID, 10) + "/" + strconv.FormatInt(stagedID, 10)
}

// WriteApprovedInput names an account with values that were approved.
type WriteApprovedInput struct {
	AccountID int64       `json:"account_id"`
	Key       account.Key `json:"key"`
}

// WriteApproved brings values that people have approved into the CRM, as the account's own
// run would: an older decision, or a value over somebody else's, is never written.
func WriteApproved(ctx workflow.Context, in WriteApprovedInput) (*activities.ApplyResult, error) {
	var out activities.ApplyResult
	apply := activities.ApplyInput{AccountID: in.AccountID, Key: in.Key, Approved: true}
	if err := onceAllowedAs(ctx, "write", "approved properties", a.Apply, apply, &out); err != nil {
		return nil, err
	}
	return &out, workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet("done"))
}

// onceAllowedAs makes a CRM call, again and again while the CRM refuses our key.
func onceAllowedAs(ctx workflow.Context, stage, summary string, call, in, out any) error {
	if err := workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(stage)); err != nil {
		return err
	}
	return untilAllowed(ctx, func() error { return workflow.ExecuteActivity(crmCall(ctx, summary), call, in).Get(ctx, out) }, func() error {
		if err := workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(Waiting+credentials)); err != nil {
			return err
		}
		return await(ctx, credentials, credentialsWait, func() bool { return false })
	})
}

// ByHandAttributes are the search attributes that a workflow for one account begins with which a person
// has asked for.
func ByHandAttributes(domain string) temporal.SearchAttributes {
	set := []temporal.SearchAttributeUpdate{StageAttribute.ValueSet("accepted")}
	if domain != "" {
		set = append(set, DomainAttribute.ValueSet(clip(domain)))
	}
	return temporal.NewSearchAttributes(set...)
}

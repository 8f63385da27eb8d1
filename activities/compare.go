package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
)

// FindingKind is a way in which the CRM differs from what is on record here.
type FindingKind string

// The differences. Those that are ours are repaired; of the others a person is told.
const (
	ValueLost    FindingKind = "value_lost"    // a property does not have what we wrote last, and nobody else changed it: ours
	NotWritten   FindingKind = "not_written"   // the last decision never came into the CRM: ours
	Stuck        FindingKind = "stuck"         // an attempt never ended: ours
	ValueTheirs  FindingKind = "value_theirs"  // somebody else wrote over what we wrote: it stays
	Refused      FindingKind = "refused"       // the CRM refused a write for good: for redrive, once mended
	NoteGone     FindingKind = "note_gone"     // somebody deleted it: it stays away
	TaskGone     FindingKind = "task_gone"     // likewise
	CompanyGone  FindingKind = "record_gone"   // somebody deleted the company
	RecordMerged FindingKind = "record_merged" // somebody merged it into another one
)

// Finding is one difference, in ids and names of properties: no value is among it.
type Finding struct {
	AccountID int64       `json:"account_id"`
	Record    string      `json:"record"` // the key of the company
	Kind      FindingKind `json:"kind"`
	What      string      `json:"what,omitempty"`
	// Repaired says that the difference is mended, or, in a dry run, would be.
	Repaired bool `json:"repaired,omitempty"`
}

// CompareInput asks for the next accounts to be compared.
type CompareInput struct {
	Since  time.Time `json:"since"`  // accounts with effects or scores since then
	Before time.Time `json:"before"` // what is later is left to settle
	After  int64     `json:"after"`  // the account that was compared last
	Limit  int       `json:"limit"`
	DryRun bool      `json:"dry_run,omitempty"`
	// Stuck is how old an attempt is that counts as one that never ended.
	Stuck time.Time `json:"stuck"`
}

// CompareResult is what a page of accounts came to, and which of them want their last
// decision brought into the CRM again.
type CompareResult struct {
	Checked  int          `json:"checked"`
	Findings []Finding    `json:"findings,omitempty"`
	Apply    []ApplyInput `json:"apply,omitempty"`
	After    int64        `json:"after"` // to go on after
	Done     bool         `json:"done,omitempty"`
}

// CompareEffects compares the next accounts with the CRM. What is on record of effects is
// mended where the CRM knows better: a note whose answer was lost is found and kept.
func (a *Activities) CompareEffects(ctx context.Context, in CompareInput) (CompareResult, error) {
	if a.CRM == nil {
		return CompareResult{}, errNoCRM
	}
	accounts, next, err := a.Store.Written(ctx, in.Since, in.After, in.Limit)
	if err != nil {
		return CompareResult{}, failure(err)
	}
	out := CompareResult{Checked: len(accounts), After: next, Done: next == 0}
	if len(accounts) == 0 {
		return out, nil
	}
	c := comparing{a: a, in: in}
	if err := c.read(ctx, accounts); err != nil {
		return CompareResult{}, crmFailure(err)
	}
	for _, acc := range accounts {
		activity.RecordHeartbeat(ctx)
		if err := c.account(ctx, acc); err != nil {
			return CompareResult{}, crmFailure(err)
		}
	}
	out.Findings, out.Apply = c.findings, c.apply
	return out, nil
}

// comparing is a page of accounts, with what both sides know of them.
type comparing struct {
	a  *Activities
	in CompareInput

	effects   map[int64][]store.Effect
	scoredAt  map[int64]time.Time
	companies map[account.Key]crm.Company
	versions  map[account.Key]map[string][]crm.Version // of companies with values that differ
	there     map[string]bool                          // ids of notes and tasks that are

	findings []Finding
	apply    []ApplyInput
}

// read reads our side first: what is written meanwhile is then newer in the CRM, and is
// ours there.
func (c *comparing) read(ctx context.Context, accounts []account.Account) (err error) {
	ids, keys := make([]int64, len(accounts)), make([]account.Key, len(accounts))
	for i, acc := range accounts {
		ids[i], keys[i] = acc.ID, acc.Key
	}
	if c.effects, err = c.a.Store.EffectsOf(ctx, ids); err != nil {
		return err
	}
	if c.scoredAt, err = c.a.Store.ScoredAt(ctx, ids); err != nil {
		return err
	}
	companies, err := c.a.CRM.Companies(ctx, keys)
	if err != nil {
		return err
	}
	c.companies = make(map[account.Key]crm.Company, len(companies))
	for _, company := range companies {
		c.companies[company.Key] = company
	}
	if err := c.readVersions(ctx, accounts); err != nil {
		return err
	}
	return c.readExisting(ctx)
}

// readVersions asks who wrote the values that differ.
func (c *comparing) readVersions(ctx context.Context, accounts []account.Account) (err error) {
	var keys []account.Key
	names := map[string]bool{}
	for _, acc := range accounts {
		company, there := c.companies[acc.Key]
		e, written := propertiesEffect(c.effects[acc.ID])
		if !there || !written || len(differing(e, company)) == 0 {
			continue
		}
		keys = append(keys, acc.Key)
		for name := range e.Written {
			names[name] = true
		}
	}
	if len(keys) > 0 {
		c.versions, err = c.a.CRM.Versions(ctx, keys, slices.Sorted(maps.Keys(names)))
	}
	return err
}

// readExisting asks which of the notes and tasks of late are still there.
func (c *comparing) readExisting(ctx context.Context) error {
	c.there = map[string]bool{}
	for _, kind := range []crm.EffectKind{crm.NoteEffect, crm.TaskEffect} {
		var ids []string
		for _, effects := range c.effects {
			for _, e := range effects {
				if e.Kind == kind && c.checkable(e) {
					ids = append(ids, e.CRMID)
				}
			}
		}
		slices.Sort(ids)
		for batch := range slices.Chunk(ids, 100) {
			found, err := c.a.CRM.Existing(ctx, kind, batch)
			if err != nil {
				return err
			}
			for _, id := range found {
				c.there[string(kind)+id] = true
			}
		}
	}
	return nil
}

// checkable reports whether an effect left a record that is to be there.
func (c *comparing) checkable(e store.Effect) bool {
	return e.State == "done" && e.CRMID != "" && !e.TriedAt.Before(c.in.Since) && e.TriedAt.Before(c.in.Before)
}

func propertiesEffect(effects []store.Effect) (store.Effect, bool) {
	i := slices.IndexFunc(effects, func(e store.Effect) bool { return e.Kind == crm.PropertiesEffect })
	if i < 0 {
		return store.Effect{}, false
	}
	return effects[i], true
}

// differing names the properties that do not have what we wrote last, in order.
func differing(e store.Effect, company crm.Company) []string {
	var names []string
	for name, written := range e.Written {
		if !ours(name, company.Properties[name], e) && !same(name, company.Properties[name], written) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *comparing) found(acc account.Account, kind FindingKind, repaired bool, format string, args ...any) {
	c.findings = append(c.findings, Finding{
		AccountID: acc.ID, Record: acc.Key.String(), Kind: kind, What: fmt.Sprintf(format, args...), Repaired: repaired,
	})
}

// account compares one account. What is ours to repair is left to its last decision, which
// is brought into the CRM again.
func (c *comparing) account(ctx context.Context, acc account.Account) error {
	company, there := c.companies[acc.Key]
	if !there {
		return c.missing(ctx, acc)
	}
	before := len(c.findings)
	if err := c.values(ctx, acc, company); err != nil {
		return err
	}
	apply := slices.ContainsFunc(c.findings[before:], func(f Finding) bool { return f.Repaired })
	for _, e := range c.effects[acc.ID] {
		again, err := c.effect(ctx, acc, e)
		if err != nil {
			return err
		}
		apply = apply || again
	}
	if apply {
		c.apply = append(c.apply, ApplyInput{AccountID: acc.ID, Key: acc.Key})
	}
	return nil
}

// missing tells a company that was deleted from one that was merged into another.
func (c *comparing) missing(ctx context.Context, acc account.Account) error {
	left, err := c.a.CRM.Company(ctx, acc.Key)
	switch {
	case errors.Is(err, account.ErrNotFound):
		c.found(acc, CompanyGone, false, "the company was deleted in the CRM")
	case err != nil:
		return err
	case left.Key != acc.Key:
		c.found(acc, RecordMerged, false, "the company was merged into %s", left.Key)
	}
	return nil
}

// values compares the properties of a company with what we wrote last, and with the last
// decision.
func (c *comparing) values(ctx context.Context, acc account.Account, company crm.Company) error {
	e, written := propertiesEffect(c.effects[acc.ID])
	scored, decided := c.scoredAt[acc.ID]
	if decided && scored.Before(c.in.Before) && (!written || e.State == "done" && e.DoneAt.Before(scored)) {
		c.found(acc, NotWritten, true, "the decision of %s", scored.UTC().Format(time.RFC3339))
	}
	if !written || !e.TriedAt.Before(c.in.Before) {
		return nil
	}
	lost, theirs := judge(e, company, c.versions[acc.Key])
	if len(theirs) > 0 {
		c.found(acc, ValueTheirs, false, "%s", strings.Join(theirs, ", "))
	}
	if len(lost) == 0 || e.State != "done" {
		return nil
	}
	if !c.in.DryRun {
		own := map[string]string{}
		for _, name := range lost {
			own[name] = company.Properties[name]
		}
		err := c.a.Store.OwnValues(ctx, e.Key, own)
		if errors.Is(err, account.ErrNotFound) { // a run is at it
			return nil
		}
		if err != nil {
			return err
		}
	}
	c.found(acc, ValueLost, true, "%s", strings.Join(lost, ", "))
	return nil
}

// judge tells values that we lost from those that somebody else wrote. The history of a
// property knows what wrote its present value: lost is what came from where our own
// values come from, such as a request of ours that was under way for very long, and what
// never had a value, as when a property was deleted and made again. Where it cannot be
// told, the value is somebody else's.
func judge(e store.Effect, company crm.Company, versions map[string][]crm.Version) (lost, theirs []string) {
	us := sources(e, versions)
	for _, name := range differing(e, company) {
		have, all := company.Properties[name], versions[name]
		switch {
		case len(all) == 0 && have == "":
			lost = append(lost, name)
		case len(all) > 0 && !same(name, all[0].Value, have): // it changes as we look
		case len(all) > 0 && !all[0].Person && us[all[0].Source]:
			lost = append(lost, name)
		default:
			theirs = append(theirs, name)
		}
	}
	return lost, theirs
}

// sources are where values came from that are what we wrote last. The owner is left out:
// others give companies owners, too.
func sources(e store.Effect, versions map[string][]crm.Version) map[string]bool {
	us := map[string]bool{}
	for name, all := range versions {
		for _, v := range all {
			if name != crm.OwnerProperty && !v.Person && v.Value != "" && same(name, v.Value, e.Written[name]) {
				us[v.Source] = true
			}
		}
	}
	return us
}

// effect looks after one effect of an account, and reports whether the account's last
// decision is to be brought into the CRM again for it.
func (c *comparing) effect(ctx context.Context, acc account.Account, e store.Effect) (again bool, err error) {
	switch {
	case e.Kind != crm.PropertiesEffect && e.Kind != crm.NoteEffect && e.Kind != crm.TaskEffect:
	case e.State == "failed" && !e.TriedAt.Before(c.in.Since):
		c.found(acc, Refused, false, "%s: %s", e.Kind, e.Reason)
	case e.State == "trying" && e.TriedAt.Before(c.in.Stuck):
		return c.stuck(ctx, acc, e)
	case e.Kind == crm.NoteEffect && c.checkable(e) && !c.there[string(e.Kind)+e.CRMID]:
		c.found(acc, NoteGone, false, "note %s", e.CRMID)
	case e.Kind == crm.TaskEffect && c.checkable(e) && !c.there[string(e.Kind)+e.CRMID]:
		c.found(acc, TaskGone, false, "task %s", e.CRMID)
	}
	return false, nil
}

// stuck looks for what an attempt may have written whose end nobody knows.
func (c *comparing) stuck(ctx context.Context, acc account.Account, e store.Effect) (again bool, err error) {
	if e.Kind == crm.PropertiesEffect {
		c.found(acc, Stuck, true, "properties, since %s", e.TriedAt.UTC().Format(time.RFC3339))
		return true, nil
	}
	find := c.a.CRM.FindNote
	if e.Kind == crm.TaskEffect {
		find = c.a.CRM.FindTask
	}
	id, err := find(ctx, acc.Key, e.Key)
	switch {
	case errors.Is(err, account.ErrNotFound) && ofNews(e.Key):
		c.found(acc, Stuck, false, "%s: it never came into the CRM; the next sweep tells the news that is not answered", e.Kind)
		return false, nil
	case errors.Is(err, account.ErrNotFound):
		c.found(acc, Stuck, true, "%s: it never came into the CRM", e.Kind)
		return true, nil
	case err != nil:
		return false, err
	}
	c.found(acc, Stuck, true, "%s %s: it is in the CRM", e.Kind, id)
	if c.in.DryRun {
		return false, nil
	}
	// The text may be an older one: the next decision replaces it.
	return false, c.a.Store.FinishEffect(ctx, store.Done{Key: e.Key, CRMID: id})
}

// ofNews tells the effects of news from those of a score.
func ofNews(key string) bool { return strings.Contains(key, "/news/") }

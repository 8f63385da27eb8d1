package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

// planning is a release of revops@3 over accounts that revops@2 has scored.
type planning struct {
	*store.Store
	t        *testing.T
	release  int64
	accounts []account.Account
	before   []store.ScoreRow
}

func newPlanning(t *testing.T, n int) *planning {
	t.Helper()
	p := &planning{Store: storetest.New(t), t: t}
	for version := 2; version <= 3; version++ {
		require.NoError(t, p.SaveModel(t.Context(), "revops", version, "company", fmt.Append(nil, version)))
	}
	require.NoError(t, p.ActivateModels(t.Context(), "company", store.ModelRef{Name: "revops", Version: 2}))
	r, err := p.BeginRelease(t.Context(), store.NewRelease{ModelRef: store.ModelRef{Name: "revops", Version: 3}, Author: "ops", Comment: "better"})
	require.NoError(t, err)
	p.release = r.ID
	for i := range n {
		p.add(fmt.Sprintf("a%d.example", i))
	}
	return p
}

func (p *planning) add(domain string) {
	p.t.Helper()
	key := account.Key{CRM: "hubspot", Portal: "8100", ID: fmt.Sprint(500 + len(p.accounts))}
	acc, err := p.UpsertAccount(p.t.Context(), key, domain, "")
	require.NoError(p.t, err)
	row := scoreRow(acc, 1)
	row.ModelVersion, row.Queue, row.OwnerID, row.TierSince = 2, "marketing-nurture", "", now.Add(-time.Hour)
	row, err = p.SaveScore(p.t.Context(), row)
	require.NoError(p.t, err)
	p.accounts, p.before = append(p.accounts, acc), append(p.before, row)
}

func (p *planning) ids() []int64 {
	ids := make([]int64, len(p.accounts))
	for i, acc := range p.accounts {
		ids[i] = acc.ID
	}
	return ids
}

// planned is what the release makes of an account.
func (p *planning) planned(i int) store.Planned {
	row := p.before[i]
	row.ID, row.RunID, row.Before, row.ModelVersion, row.Cause = 0, store.ReleaseRun(p.release), p.before[i].ID, 3, "model"
	row.Score.Value, row.Score.Tier, row.Queue, row.OwnerID = 70+i, "Tier 1", "sdr-outreach", fmt.Sprint(201+i%2)
	row.TierSince, row.ScoredAt, row.RescoreAt = now, now, now.AddDate(0, 3, 0)
	row.Why, row.TierReason = "model: revops@2 → revops@3", ""
	return store.Planned{ScoreRow: row, Bucket: float64(i) / 10, Task: i == 0, OwnerIsNew: true}
}

func (p *planning) keep() {
	p.t.Helper()
	page := make([]store.Planned, len(p.accounts))
	for i := range page {
		page[i] = p.planned(i)
	}
	require.NoError(p.t, p.KeepPlanned(p.t.Context(), p.release, page))
}

func (p *planning) last(i int) store.ScoreRow {
	p.t.Helper()
	row, err := p.LatestScore(p.t.Context(), p.accounts[i].ID)
	require.NoError(p.t, err)
	return row
}

// rescored scores an account as a run does, with a version.
func (p *planning) rescored(i, version int) store.ScoreRow {
	p.t.Helper()
	row := p.last(i)
	row.Before, row.RunID, row.ModelVersion, row.Score.Value = row.ID, fmt.Sprintf("run of %d", row.ID), version, 33
	row, err := p.SaveScore(p.t.Context(), row)
	require.NoError(p.t, err)
	return row
}

func TestPublishedScoresAreThoseThatWerePlanned(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 3)
	for range 2 { // planned again it is planned once
		p.keep()
	}
	none, err := p.Scores(t.Context(), p.accounts[0].ID)
	require.NoError(t, err)
	require.Len(t, none, 1, "a plan counts for nothing")
	for range 2 { // and published once
		moved, err := p.Publish(t.Context(), p.release, p.ids(), now)
		require.NoError(t, err)
		require.Empty(t, moved)
	}
	for i := range p.accounts {
		want, have := p.planned(i).ScoreRow, p.last(i)
		want.ID, want.Before, want.RescoreAt = have.ID, 0, time.Time{} // which are not read back
		require.Equal(t, want, have)
		all, err := p.Scores(t.Context(), p.accounts[i].ID)
		require.NoError(t, err)
		require.Len(t, all, 2)
	}
	due, err := p.DueForRescore(t.Context(), 0, now.AddDate(0, 4, 0), 10)
	require.NoError(t, err)
	require.Equal(t, p.ids(), due)
	p.keep()
	require.Equal(t, "release/1", p.last(0).RunID, "what is published is not planned any more")
	ids, err := p.NextPlanned(t.Context(), store.PlannedPage{ReleaseID: p.release, Share: 0.15, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, p.ids()[:2], ids, "of a share")
}

func TestPublishingTakesTheTurnsThatWerePromised(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 3)
	owners := []store.Candidate{{OwnerID: "201"}, {OwnerID: "202"}, {OwnerID: "203"}}
	p.keep()
	turns, err := p.Turns(t.Context(), p.release, p.accounts[1].ID, []int64{p.accounts[0].ID})
	require.NoError(t, err)
	require.Equal(t, []store.Turn{{Queue: "sdr-outreach", OwnerID: "202", Promised: 1, Last: p.accounts[1].ID}}, turns)
	_, err = p.Publish(t.Context(), p.release, p.ids(), now)
	require.NoError(t, err)
	turns, err = p.Turns(t.Context(), p.release, 1<<60, nil)
	require.NoError(t, err)
	require.Len(t, turns, 2, "nothing is promised any more")
	owner, err := p.AssignOwner(t.Context(), p.accounts[1].ID, "sdr-outreach", owners, now)
	require.NoError(t, err)
	require.Equal(t, "202", owner, "it has one")
	p.add("b.example")
	p.add("c.example")
	var next []string
	for _, acc := range p.accounts[3:] {
		owner, err := p.AssignOwner(t.Context(), acc.ID, "sdr-outreach", owners, now)
		require.NoError(t, err)
		next = append(next, owner)
	}
	require.Equal(t, []string{"203", "202"}, next, "201 got the last one")
}

func TestAccountsThatHaveMovedAreNotPublished(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 4)
	p.keep()
	p.rescored(0, 2)
	tier := icp.Override{Tier: "Tier 3", Code: "other"}
	o, err := p.SaveOverride(t.Context(), store.Override{AccountID: p.accounts[1].ID, Override: tier, Author: "ada", Reason: "they asked"})
	require.NoError(t, err)
	_, err = p.BeginOverride(t.Context(), p.accounts[1].ID, o.ID, now)
	require.NoError(t, err)
	moved, err := p.Publish(t.Context(), p.release, p.ids(), now)
	require.NoError(t, err)
	require.Equal(t, p.ids()[:2], moved)
	require.Equal(t, 2, p.last(0).ModelVersion)
	require.Equal(t, 3, p.last(2).ModelVersion)

	anew := []store.Planned{p.planned(0), p.planned(1)}
	for i := range anew {
		anew[i].Moved = true
	}
	moved, err = p.PublishAnew(t.Context(), p.release, anew, now, false)
	require.NoError(t, err)
	require.Equal(t, p.ids()[:2], moved, "by what was known before")
	anew[0].Before, anew[1].Holding = p.last(0).ID, o.ID
	moved, err = p.PublishAnew(t.Context(), p.release, anew, now, false)
	require.NoError(t, err)
	require.Empty(t, moved)
	require.Equal(t, 3, p.last(0).ModelVersion)

	got, err := p.Rescored(t.Context(), p.release, 1, false)
	require.NoError(t, err)
	require.Equal(t, store.Rescored{Accounts: 4, Published: 4, Moved: 2}, got)
	p.rescored(2, 2)
	late, err := p.Stragglers(t.Context(), store.PlannedPage{ReleaseID: p.release, Share: 1, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, p.ids()[2:3], late)
	late, err = p.Stragglers(t.Context(), store.PlannedPage{ReleaseID: p.release, Share: 0.2, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, late, "it is none of the share")
	again := p.planned(2)
	again.Before, again.Moved = p.last(2).ID, true
	_, err = p.PublishAnew(t.Context(), p.release, []store.Planned{again}, now, false)
	require.NoError(t, err)
	require.Equal(t, 3, p.last(2).Pass, "a further pass of the same release")
}

func TestAReleaseThatIsUndoneGivesBackTheScoresBefore(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 4)
	p.keep()
	_, err := p.Publish(t.Context(), p.release, p.ids()[:3], now)
	require.NoError(t, err)
	published := p.last(0)
	p.rescored(1, 3)
	page := store.PlannedPage{ReleaseID: p.release, Share: 1, Back: true, Limit: 10}
	ids, err := p.NextPlanned(t.Context(), page)
	require.NoError(t, err)
	require.Equal(t, p.ids()[:3], ids, "only what was published")
	later := now.Add(time.Hour)
	for range 2 {
		moved, err := p.Undo(t.Context(), p.release, ids, later)
		require.NoError(t, err)
		require.Equal(t, p.ids()[1:2], moved)
	}
	want, have := p.before[0], p.last(0)
	want.ID, want.RunID, want.Pass, want.Cause, want.ScoredAt = have.ID, published.RunID, 2, "model", later
	want.Why = "model: revops@3 rolled back to revops@2; score 70 → 65, Tier 1 → Tier 2"
	require.Equal(t, want, have)
	due, err := p.DueForRescore(t.Context(), 0, now.AddDate(0, 4, 0), 10)
	require.NoError(t, err)
	require.Empty(t, due, "as it was before")

	anew := p.planned(1)
	anew.Before, anew.ModelVersion, anew.Moved = p.last(1).ID, 2, true
	moved, err := p.PublishAnew(t.Context(), p.release, []store.Planned{anew}, later, true)
	require.NoError(t, err)
	require.Empty(t, moved)
	require.Equal(t, 2, p.last(1).ModelVersion)
	got, err := p.Rescored(t.Context(), p.release, 1, true)
	require.NoError(t, err)
	require.Equal(t, store.Rescored{Accounts: 3, Published: 3, Moved: 1}, got)
}

func TestPublishingAndScoringAtTheSameTimeLoseNothing(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 20)
	p.keep()
	var moved []int64
	for _, err := range concurrently(len(p.accounts)+2, func(i int) (err error) {
		if i >= len(p.accounts) { // two who publish
			m, err := p.Publish(t.Context(), p.release, p.ids(), now)
			if i == len(p.accounts) {
				moved = m
			}
			return err
		}
		row := p.before[i]
		row.Before, row.RunID = row.ID, "another"
		if _, err = p.SaveScore(t.Context(), row); err != nil {
			require.ErrorIs(t, err, store.ErrMoved)
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	for i, acc := range p.accounts {
		rows, err := p.Scores(t.Context(), acc.ID)
		require.NoError(t, err)
		require.Len(t, rows, 2, "one of both")
		require.Equal(t, rows[1].RunID == "another", slices.Contains(moved, acc.ID), i)
	}
}

func TestADifferenceAddsUpTheSameInSQL(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 7)
	var want store.Difference
	var page []store.Planned
	for i := range p.accounts {
		plan := p.planned(i)
		switch i {
		case 4:
			plan.Score, plan.Queue, plan.OwnerID = p.before[i].Score, p.before[i].Queue, ""
		case 5:
			plan.Score.Value, plan.Score.Tier, plan.Task = 10, "Not a fit", true
		case 6:
			o := int64(1)
			plan.Override, plan.Holding = &store.Standing{ID: o, Value: 99, Tier: "Tier 3", Fit: 1}, o
		}
		page = append(page, plan)
		want.Add(p.before[i], plan, 3)
	}
	require.NoError(t, p.KeepPlanned(t.Context(), p.release, page))
	have, err := p.Difference(t.Context(), p.release, 3)
	require.NoError(t, err)
	require.Equal(t, want, have)
	require.Equal(t, []store.TierMove{{From: "Tier 2", To: "Tier 1", Accounts: 4}, {From: "Tier 2", To: "Not a fit", Accounts: 1}, {From: "Tier 2", To: "Tier 3", Accounts: 1}}, have.Moves)
	require.Equal(t, map[string]int{"201": 1, "202": 1}, have.TasksByOwner)
	require.Equal(t, []int{55, 34, 8}, []int{have.Largest[0].From - have.Largest[0].To, have.Largest[1].To - have.Largest[1].From, have.Largest[2].To - have.Largest[2].From})
	require.Equal(t, []any{7, 6, 6, 5, 1}, []any{have.Accounts, have.TierChanged, have.ScoreChanged, have.Raised, have.Lowered})
}

func TestEffectsThatAreDueSayWhoIsToBeTold(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 3)
	plan := []store.Planned{p.planned(0), p.planned(1)}
	plan[1].Score = p.before[1].Score
	require.NoError(t, p.KeepPlanned(t.Context(), p.release, plan))
	_, err := p.Publish(t.Context(), p.release, p.ids(), now)
	require.NoError(t, err)
	due, err := p.DueEffects(t.Context(), p.release, p.ids())
	require.NoError(t, err)
	require.Equal(t, []store.DueEffects{{Account: p.accounts[0], Changed: true, Task: true}, {Account: p.accounts[1]}}, due)
	for range 2 {
		require.NoError(t, p.EndEffects(t.Context(), p.release, []store.EndedEffects{{AccountID: p.accounts[0].ID, TaskID: "900"}, {AccountID: p.accounts[1].ID, Failure: "gone"}}))
	}
	left, err := p.WithDueEffects(t.Context(), p.release, 0, 10)
	require.NoError(t, err)
	require.Empty(t, left)
	got, err := p.Rescored(t.Context(), p.release, 1, false)
	require.NoError(t, err)
	require.Equal(t, store.Rescored{Accounts: 2, Published: 2, Written: 1, Tasks: 1, Failed: 1}, got)

	_, err = p.Undo(t.Context(), p.release, p.ids(), now)
	require.NoError(t, err)
	due, err = p.DueEffects(t.Context(), p.release, p.ids())
	require.NoError(t, err)
	require.Equal(t, []store.DueEffects{
		{Account: p.accounts[0], Changed: true, Back: true, Disown: "201"}, {Account: p.accounts[1], Back: true, Disown: "202"},
	}, due)
}

func TestEffectsOfManyAccountsAreTriedAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlanning(t, 4)
	attempts := make([]store.Attempt, 4)
	for i, acc := range p.accounts {
		attempts[i] = store.Attempt{
			Key: crm.EffectKey(acc.Key, crm.PropertiesEffect, ""), AccountID: acc.ID, RunID: "r", Holder: "release/1",
			Kind: crm.PropertiesEffect, Tried: map[string]string{"a": fmt.Sprint(i)}, ScoreID: p.before[i].ID,
		}
	}
	p.rescored(2, 2)
	other := attempts[3]
	other.Holder, other.Tried = "another", map[string]string{"a": "theirs"}
	_, err := p.TryEffect(t.Context(), other)
	require.NoError(t, err)

	for try := range 2 {
		begun, err := p.TryEffects(t.Context(), attempts)
		require.NoError(t, err)
		require.Len(t, begun, 2, "of the others one has a later score, and one is being tried")
		for _, a := range attempts[:2] {
			require.Equal(t, try, begun[a.Key].Attempts)
			require.Equal(t, "trying", begun[a.Key].State)
		}
	}
	require.NoError(t, p.FinishEffects(t.Context(), []store.Done{
		{Key: attempts[0].Key, CRMID: "500", Written: attempts[0].Tried}, {Key: attempts[1].Key, Written: map[string]string{"b": "1"}},
	}))
	e, err := p.Effect(t.Context(), attempts[0].Key)
	require.NoError(t, err)
	require.Equal(t, []any{"done", "500", map[string]string{"a": "0"}}, []any{e.State, e.CRMID, e.Written})
	known, err := p.Known(t.Context(), now, false, p.accounts[0].ID)
	require.NoError(t, err)
	require.Len(t, known, 1)
	require.Equal(t, p.before[0].ID, known[0].Last.ID)
}

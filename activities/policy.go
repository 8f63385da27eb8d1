package activities

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
)

// comparison is what of the properties of a record is to be written, and what becomes of
// the others.
type comparison struct {
	changes map[string]string
	written map[string]string // that hold our value then
	kept    []string          // that somebody else wrote, or emptied
	held    []string          // that their policy keeps as they are
	staged  []string          // that wait for a person

	ends   map[string]store.WriteState  // of what is not written
	stage  map[string]store.Staged      // that are to wait from now on
	settle map[string]store.StagedState // how those end that waited
}

// done is how the effect ends once the changes are in the CRM.
func (d comparison) done(key, recordID string, before store.Effect) store.Done {
	return store.Done{
		Key: key, CRMID: recordID, Written: d.written, Attempt: before.Attempts + 1, Ends: d.ends, Stage: d.stage, Settle: d.settle,
	}
}

// lately is how long after a write the company may have been read before it: longer than
// an activity takes, and than clocks differ.
const lately = 10 * time.Minute

// doubtful reports whether what looks like somebody else's may be ours: another run may have
// written since the company was read.
func (d comparison) doubtful(before store.Effect) bool {
	return len(d.kept) > 0 && before.State == "done" && time.Since(before.DoneAt) < lately
}

// untried ends an attempt that has tried nothing.
func untried(a store.Attempt, before store.Effect) store.Done {
	ends := make(map[string]store.WriteState, len(a.Changes))
	for _, c := range a.Changes {
		ends[c.Property] = store.WriteLost
	}
	return store.Done{Key: a.Key, Attempt: before.Attempts + 1, Ends: ends}
}

// compare says what of the values is to be written. A value in the CRM that is neither
// empty nor ours was typed by a person, or came from another system: it stays. So does an
// empty one where we had written a value: somebody took that away. Over ours the
// property's policy decides.
func (w writer) compare(want map[string]string, before store.Effect) comparison {
	return w.compareAt(want, before, time.Now())
}

func (w writer) compareAt(want map[string]string, before store.Effect, now time.Time) comparison {
	d := comparison{
		changes: map[string]string{}, written: map[string]string{}, ends: map[string]store.WriteState{},
		stage: map[string]store.Staged{}, settle: map[string]store.StagedState{},
	}
	for name, value := range want {
		p := present(name, w.have(name), value, before)
		last := before.Staged[name]
		if last.ID != 0 && same(name, last.Value, value) {
			p.Asked = crm.Answer(last.State)
		}
		v := w.policies.Of(name).Decide(p, now)
		d.take(name, value, p, v)
		d.settleWith(name, last, p, v)
	}
	slices.Sort(d.kept)
	slices.Sort(d.held)
	slices.Sort(d.staged)
	return d
}

func (d *comparison) take(name, value string, p crm.Present, v crm.Verdict) {
	if p.Ours { // also where it stays: an attempt that never ended may have written it
		d.written[name] = p.Have
	}
	switch v {
	case crm.Write:
		d.written[name], d.changes[name] = value, value
	case crm.AsIs:
		d.written[name] = value
	case crm.Agreed: // one that agrees with us is not ours for that
	case crm.Kept:
		d.kept = append(d.kept, name)
		d.ends[name] = store.WriteKept
	case crm.Held:
		d.held = append(d.held, name)
		d.ends[name] = store.WriteHeld
	case crm.ToStage:
		d.stage[name] = store.Staged{Before: p.Have, Value: value}
		d.staged = append(d.staged, name)
		d.ends[name] = store.WriteStaged
	case crm.OnHold:
		if d.ends[name] = store.WriteHeld; p.Asked == crm.Waiting {
			d.staged = append(d.staged, name)
			d.ends[name] = store.WriteStaged
		}
	}
}

// settleWith ends a value that waited, or was approved, where it waits no more.
func (d *comparison) settleWith(name string, last store.Staged, p crm.Present, v crm.Verdict) {
	open := last.State == store.StagedWaiting || last.State == store.StagedApproved
	switch {
	case !open, v == crm.OnHold, v == crm.ToStage: // the new one takes its place
	case v == crm.Kept:
		d.settle[name] = store.StagedKept
	case p.Asked == crm.Approved:
		d.settle[name] = store.StagedWritten
	default:
		d.settle[name] = store.StagedReplaced
	}
}

// present is what a policy goes by.
func present(name, have, value string, before store.Effect) crm.Present {
	p := crm.Present{Have: have, Same: same(name, have, value)}
	wrote := before.Written[name]
	if have == "" {
		// Of an attempt that never ended, it is known what it was about to write, or nothing.
		p.Emptied = wrote != "" && (before.State != "trying" || before.Tried[name] != "")
		return p
	}
	if p.Ours = ours(name, have, before); !p.Ours {
		return p
	}
	p.At = cmp.Or(before.Stamps[name], before.DoneAt)
	if !same(name, have, wrote) { // then the attempt that never ended did
		p.At = before.TriedAt
	}
	return p
}

// changesOf are the values that an attempt may change, for the journal.
func changesOf(want map[string]string, have func(name string) string) []store.Change {
	var all []store.Change
	for name, value := range want {
		if now := have(name); !same(name, now, value) {
			all = append(all, store.Change{Property: name, Before: canonical(name, now), After: canonical(name, value)})
		}
	}
	return all
}

// haves are the present values of the properties that Sluice writes to companies, as the
// journal has them.
func (w writer) haves() map[string]string {
	all := make(map[string]string, len(writable))
	for _, name := range writable {
		all[name] = canonical(name, w.have(name))
	}
	return all
}

var writable, _ = crm.Writable()

// ours reports whether a value in the CRM is one that we wrote, or may have
// written in an attempt that never ended. What an attempt that ended did not write
// was somebody else's.
func ours(name, have string, before store.Effect) bool {
	unended := before.State == "trying" && same(name, have, before.Tried[name])
	return unended || same(name, have, before.Written[name])
}

// same compares values as the CRM does: numbers by value, times to the second.
func same(name, a, b string) bool {
	return a == b || canonical(name, a) == canonical(name, b)
}

// canonical is the one way to write a value: CRMs answer with another than they were given.
func canonical(name, value string) string {
	switch name {
	case crm.ScoredAtProperty:
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			return at.UTC().Truncate(time.Second).Format(time.RFC3339)
		}
	case crm.ScoreProperty, crm.CompletenessProperty, crm.ContactScoreProperty:
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			return strconv.FormatFloat(n, 'f', -1, 64)
		}
	}
	return value
}

// Package routing decides where an account is worked and who may own it. It
// decides only: taking turns among owners is the store's, since all workers share it.
package routing

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// Rules says who works which queue.
type Rules struct {
	Queues map[string]Queue
}

// Queue is a place where accounts are worked.
type Queue struct {
	KeepOwner bool    // an owner that the CRM already has stays
	Owners    []Owner // who takes turns; none: the queue is worked without owners
}

// Owner is a person who takes turns in a queue.
type Owner struct {
	ID        string // the CRM's owner id
	Capacity  int    // new accounts a day; 0: no bound
	Territory []Match
}

// Match is one field that an account of the territory has.
type Match struct {
	Field account.Field
	AnyOf []string
}

// Route is where an account goes, and why.
type Route struct {
	Queue       string
	Owner       string  // an owner already decided: the existing one
	Candidates  []Owner // who may take a turn, if Owner is empty
	Exploration bool
	Reason      string
}

// Input is what a route is decided from.
type Input struct {
	Account       account.Account
	Facts         account.Facts
	Tier          icp.Tier
	ExistingOwner string // in the CRM; "" if nobody owns it
	Decided       bool   // the tier is a person's decision: the account is not drawn for exploration
}

// Decide routes an account by the tier that it has. Of the accounts in the lowest
// tier, the model's share is set aside for exploration: the same ones each time,
// so that an account does not wander.
func Decide(m *icp.Model, rules Rules, in Input) Route {
	r := Route{Queue: in.Tier.Queue, Reason: in.Tier.Name}
	if !in.Decided && in.Tier.Name == m.Tiers[len(m.Tiers)-1].Name && explores(m, in.Account) {
		r.Queue, r.Exploration = m.Exploration.Queue, true
		r.Reason += fmt.Sprintf(", one of the %.0f %% explored", 100*m.Exploration.Share)
	}
	q := rules.Queues[r.Queue]
	switch {
	case len(q.Owners) == 0:
		r.Reason += "; the queue has no owners"
	case q.KeepOwner && in.ExistingOwner != "":
		r.Owner = in.ExistingOwner
		r.Reason += "; the account keeps its owner"
	default:
		r.Candidates, r.Reason = q.candidates(in.Facts, r.Reason)
	}
	return r
}

// candidates returns the owners whose territory the account is in, or those who
// have none where nobody's matches.
func (q Queue) candidates(facts account.Facts, reason string) ([]Owner, string) {
	var theirs, anybody []Owner
	var because []string
	for _, o := range q.Owners {
		switch why, ok := o.territory(facts); {
		case len(o.Territory) == 0:
			anybody = append(anybody, o)
		case ok:
			theirs, because = append(theirs, o), append(because, why)
		}
	}
	switch {
	case len(theirs) > 0:
		slices.Sort(because) // several, if their territories overlap
		return theirs, reason + "; territory " + strings.Join(slices.Compact(because), " or ")
	case len(anybody) > 0:
		return anybody, reason + "; next in turn"
	default:
		return nil, reason + "; nobody's territory"
	}
}

// territory reports whether all of the owner's matches hold, and says which.
func (o Owner) territory(facts account.Facts) (string, bool) {
	var said []string
	for _, m := range o.Territory {
		have := facts[m.Field].Value
		hit := func(want string) bool {
			same := func(s string) bool { return strings.EqualFold(want, s) }
			return same(have.String()) || slices.ContainsFunc(have.List(), same)
		}
		if !slices.ContainsFunc(m.AnyOf, hit) {
			return "", false
		}
		said = append(said, string(m.Field)+" "+have.String())
	}
	return strings.Join(said, ", "), true
}

// explores draws by hash: stable for the account and the model, and even over many.
func explores(m *icp.Model, acc account.Account) bool {
	return m.Exploration.Share > 0 && Draw(m.Name, acc) < m.Exploration.Share
}

// Draw is a number from 0 to below 1 that is the same for the account and the salt each
// time, and even over many accounts. Draws of different salts have nothing to do with
// each other.
func Draw(salt string, acc account.Account) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s|%s|%s", salt, acc.Domain, acc.Key)
	if acc.Domain == "" && acc.Key.IsZero() { // known by name only
		_, _ = fmt.Fprint(h, account.NormalizeName(acc.Name))
	}
	// FNV's high bits move little for short inputs: fold them in.
	sum := h.Sum64()
	sum ^= sum >> 32
	sum *= 0x9E3779B97F4A7C15
	return float64(sum>>11) / (1 << 53)
}

package review

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/icp"
)

// most is how many times its points a criterion may have in a draft: what more it seems
// to be worth is for the next quarter to confirm.
const mostTimes = 2

// propose drafts the next version of the model from the claims, and tries it on the deals.
func (r *reviewing) propose() {
	edits := r.edits(r.pay)
	if len(edits) == 0 {
		if r.out.Thin == "" {
			r.out.Thin = "nothing that the deals say is sure enough to change points"
		}
		return
	}
	m := r.in.Model
	if m.Scale.Method == icp.Weighted {
		r.out.Thin = "the model weighs dimensions, where the points of one criterion change what the others of its dimension are worth; change it by hand, by the findings"
		return
	}
	draft, err := drafted(m, r.in.Quarter, edits)
	if err != nil {
		r.out.Thin = "the findings could not be written into the model's file: " + err.Error()
		return
	}
	p := &WeightProposal{Model: draft.ID(), Source: draft.Source, Changes: []WeightChange{}}
	for _, e := range edits {
		p.Changes = append(p.Changes, e.WeightChange)
	}
	learnt := make([]*icp.Model, folds)
	for f := range learnt {
		learnt[f] = r.learntWithout(f, draft)
	}
	p.Backtests = []PairedBacktest{
		r.tryDraft("the deals of the quarter", r.now, draft, learnt),
		r.tryDraft("the deals of all five quarters", slices.Concat(r.before, r.now), draft, learnt),
	}
	p.Note = "The AUC is of points that were learnt on four fifths of the accounts and tried on the other; which criteria to change was learnt on all, so that new deals will show a little less. " +
		"Tiers keep their bounds. Where a criterion stopped paying, the quarter's deals count: it still paid in those before."
	if d := p.Backtests[0].Difference; float64(d.High) < 0 {
		r.out.Thin = fmt.Sprintf("points by the findings would tell the quarter's deals apart worse than the active ones (AUC %+.3f, 95 %% %+.3f to %+.3f), so nothing is proposed", d.Value, d.Low, d.High)
		return
	}
	r.out.Proposal = p
}

// edit is a change of points, or a new criterion for a kind of signal.
type edit struct {
	WeightChange
	kind string // of signal: a new criterion for it
	like string // the criterion that has the kind so far
}

// edits are the changes that the claims call for, in points by what the deals of p pay.
func (r *reviewing) edits(p *payModel) []edit {
	var out []edit
	if p == nil {
		return nil
	}
	for _, c := range r.out.Claims {
		done := slices.ContainsFunc(out, func(e edit) bool { return e.about(c.Subject) })
		if done || c.Kind != "criterion" && c.Kind != "trigger" {
			continue
		}
		var e edit
		ok := false
		if c.Kind == "criterion" {
			e, ok = p.reweigh(c)
		} else if r.wins(c) {
			e, ok = r.forKind(p, c)
		}
		if ok && e.From != e.To {
			out = append(out, e)
		}
	}
	factor, others := shareOut(r.in.Model, out)
	for i := range out {
		if e := &out[i]; e.kind != "" {
			e.To = int(math.Round(float64(e.To) * factor))
		}
	}
	return append(out, others...)
}

// shareOut shares points that criteria lose out among the others, in proportion, so that the
// best account still reaches the score that it did, and the bounds of the tiers and of the
// task for triggers mean what they meant. Scales that stretch points need no such thing.
func shareOut(m *icp.Model, edits []edit) (factor float64, out []edit) {
	freed, rest := 0, 0
	edited := func(name string) bool {
		return slices.ContainsFunc(edits, func(e edit) bool { return e.kind == "" && e.Criterion == name })
	}
	for _, e := range edits {
		if e.kind == "" && e.From > e.To && e.From > 0 {
			freed += e.From - e.To
		}
	}
	var others []*icp.Criterion
	for i := range m.Criteria {
		if c := &m.Criteria[i]; !edited(c.Name) && !slices.Contains(m.Apart, c.Dimension) {
			others = append(others, c)
			rest += max(c.Points, 0)
		}
	}
	if freed == 0 || rest == 0 || m.Scale.Method != icp.Sum {
		return 1, nil
	}
	factor = min(float64(rest+freed)/float64(rest), mostTimes)
	for _, c := range others {
		if to := int(math.Round(float64(c.Points) * factor)); to != c.Points {
			out = append(out, edit{WeightChange: WeightChange{
				Criterion: c.Name, From: c.Points, To: to,
				Because: "Keeps its weight beside the others; so the tiers' bounds hold.",
			}})
		}
	}
	return factor, out
}

func (e *edit) about(subject string) bool {
	return e.kind == subject || e.kind == "" && e.Criterion == subject
}

// wins reports whether a trigger's claim is about the odds of winning: only these are
// points.
func (r *reviewing) wins(c Claim) bool {
	for _, k := range r.kinds {
		if k.kind == c.Subject {
			return c.P == k.out.BesideP
		}
	}
	return false
}

// reweigh gives a criterion the points that it pays.
func (p *payModel) reweigh(c Claim) (edit, bool) {
	k := slices.IndexFunc(p.criteria, func(j int) bool { return p.model.Criteria[j].Name == c.Subject })
	if k < 0 || math.IsNaN(p.slope[k]) {
		return edit{}, false
	}
	j := p.criteria[k]
	worth := p.all.b[k]
	if c.Before.N > 0 && p.changes { // it changed, so that only the quarter counts
		worth, _ = p.inQuarter(p.split(k), k)
	}
	was := p.model.Criteria[j].Points
	paid := worth / p.slope[k] * float64(was) / p.points[k]
	e := edit{WeightChange: WeightChange{Criterion: c.Subject, From: was, To: bounded(was, paid, p.least(j)), Because: c.Sentence}}
	return e, true
}

// least is the smallest number of points that a criterion may have: one, or two where a
// partial credit needs one. None at all would end what is known of it, so that no review
// could ever find that it pays again.
func (p *payModel) least(j int) int {
	if len(p.model.Criteria[j].Credits) > 1 {
		return 2
	}
	return 1
}

// bounded rounds points, keeps their sign, and keeps them between least and twice what
// they were.
func bounded(was int, paid float64, least int) int {
	sign := 1
	if was < 0 {
		sign, paid = -1, -paid
	}
	return sign * min(max(int(math.Round(paid)), least), mostTimes*max(was, -was))
}

// forKind gives a kind of signal points of its own, beside those of the criterion that it
// shares with others.
func (r *reviewing) forKind(p *payModel, c Claim) (edit, bool) {
	var tested []*triggered
	at := -1
	for _, k := range r.kinds {
		if k.wins != nil {
			if k.kind == c.Subject {
				at = len(tested)
			}
			tested = append(tested, k)
		}
	}
	if at < 0 {
		return edit{}, false
	}
	e, slope := p.withKinds(tested)
	perPoint, _ := e.contrast(slope)
	if perPoint <= 0 {
		return edit{}, false
	}
	paid := e.b[len(e.b)-len(tested)+at] / perPoint
	now := signalCriterion(p.model, c.Subject)
	if now == nil {
		return edit{WeightChange: WeightChange{Criterion: "trigger_" + c.Subject, To: bounded(r.usualTrigger(), paid, 1), Because: c.Sentence}, kind: c.Subject}, true
	}
	to := bounded(now.Points, paid, now.Points)
	if len(now.Signals) == 1 {
		return edit{WeightChange: WeightChange{Criterion: now.Name, From: now.Points, To: to, Because: c.Sentence}}, true
	}
	if to <= now.Points {
		return edit{}, false
	}
	name := now.Name + "_" + c.Subject
	return edit{WeightChange: WeightChange{Criterion: name, To: to - now.Points, Because: c.Sentence}, kind: c.Subject, like: now.Name}, true
}

// usualTrigger is what the model gives for signals at most.
func (r *reviewing) usualTrigger() int {
	most := 5
	for i := range r.in.Model.Criteria {
		if c := &r.in.Model.Criteria[i]; c.Signals != nil {
			most = max(most, c.Points)
		}
	}
	return most
}

// tryDraft holds the draft against the active model on the same deals. Each fifth of the
// accounts is rated with points that were learnt on the others.
func (r *reviewing) tryDraft(on string, deals []*rated, draft *icp.Model, learntWithout []*icp.Model) PairedBacktest {
	deals = slices.DeleteFunc(slices.Clone(deals), func(d *rated) bool { return d.results == nil || d.Held.Facts == nil })
	out := PairedBacktest{On: on, Deals: len(deals)}
	var active, learnt placement
	for f, m := range learntWithout {
		var was, is []float64
		var won []bool
		for _, d := range deals {
			if foldOf(d.witness()) == f {
				was, is, won = append(was, d.value(r.in.Model)), append(is, d.value(m)), append(won, d.Won)
			}
		}
		if w, i := place(was, won), place(is, won); len(w.won) > 0 {
			active.append(w)
			learnt.append(i)
		}
	}
	before, after := map[string]tally{}, map[string]tally{}
	for _, d := range deals {
		a, b := r.in.Model.Rate(d.Held.subject(), d.OpenedAt).Tier, draft.Rate(d.Held.subject(), d.OpenedAt).Tier
		if a != b {
			out.TierMoved++
		}
		into(before, a, d.Won)
		into(after, b, d.Won)
		if d.Won {
			out.Won++
		}
	}
	out.Active, out.Draft, out.Difference = noEstimate(out.Deals), noEstimate(out.Deals), noEstimate(out.Deals)
	if len(active.won) > 0 {
		out.Active, out.Draft = active.interval().estimate(out.Deals), learnt.interval().estimate(out.Deals)
		out.Difference = learnt.difference(active).estimate(out.Deals)
	}
	out.Before, out.After = inTiers(r.in.Model, before), inTiers(draft, after)
	return out
}

// learntWithout is the draft with the points that all deals but those of a fold call for.
func (r *reviewing) learntWithout(fold int, draft *icp.Model) *icp.Model {
	part := &reviewing{in: r.in, out: r.out, kinds: r.kinds}
	others := func(all []*rated) []*rated {
		return slices.DeleteFunc(slices.Clone(all), func(d *rated) bool { return foldOf(d.witness()) == fold })
	}
	part.now, part.before = others(r.now), others(r.before)
	edits := part.edits(part.payModel())
	if m, err := drafted(r.in.Model, r.in.Quarter, edits); err == nil && len(edits) > 0 {
		return m
	}
	return draft
}

func foldOf(witness string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(witness))
	return int(h.Sum32() % folds)
}

func (d *rated) value(m *icp.Model) float64 {
	return float64(m.Rate(d.Held.subject(), d.OpenedAt).Value)
}

func into(in map[string]tally, tier string, won bool) {
	t := in[tier]
	t.add(won)
	in[tier] = t
}

func inTiers(m *icp.Model, of map[string]tally) []InTier {
	out := make([]InTier, len(m.Tiers))
	for i, t := range m.Tiers {
		rate := wilson(of[t.Name].won, of[t.Name].n)
		out[i] = InTier{t.Name, t.Min, of[t.Name].n, of[t.Name].won, Figure(rate.Value), rate.Low, rate.High}
	}
	return out
}

// title is the sentence with a capital letter.
func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

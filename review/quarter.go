package review

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/icp"
)

// QuarterReview is what the deals of a quarter say of the model: figures, and claims that
// hold beside all that was looked at. It is the JSON twin of the report.
type QuarterReview struct {
	Quarter string    `json:"quarter"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	At      time.Time `json:"at"`
	Model   string    `json:"model"` // revops@3

	Source string `json:"model_source"` // its file

	Claims    []Claim `json:"claims"`     // those that hold, the surest first
	Tested    int     `json:"tested"`     // hypotheses looked at
	ErrorRate float64 `json:"error_rate"` // the chance of any false claim, at most

	Totals    Totals            `json:"totals"`
	Tiers     []TierFigures     `json:"tiers"`    // by tier when the deal opened, high to low, [Unscored] last
	Versions  []TierFigures     `json:"versions"` // the same by model version
	Ranking   *Ranking          `json:"ranking"`  // nil: too few deals
	Retention Retention         `json:"retention"`
	Quarters  []WinRate         `json:"quarters"` // the four before and this one
	Base      *Shift            `json:"base_rate"`
	Drift     *Drift            `json:"drift"` // nil: no population on record
	Stalled   Stalled           `json:"stalled"`
	Triggers  []Trigger         `json:"triggers"`
	Criteria  []CriterionPay    `json:"criteria"`
	Providers []ProviderFigures `json:"providers"`
	Decisions DecisionFigures   `json:"decisions"`
	Proposal  *WeightProposal   `json:"proposal"`       // nil: nothing to change
	Thin      string            `json:"thin,omitempty"` // why nothing is proposed
	Notes     []string          `json:"notes"`
}

// ReadQuarter reads a review from its JSON.
func ReadQuarter(data []byte) (*QuarterReview, error) {
	var q QuarterReview
	if err := json.Unmarshal(data, &q); err != nil {
		return nil, fmt.Errorf("read a review: %w", err)
	}
	return &q, nil
}

// Unscored is the group of deals that opened before their account had a score.
const Unscored = "unscored"

// Claim is a finding that is unlikely to be chance, all that was looked at considered.
type Claim struct {
	Kind     string   `json:"kind"`    // base_rate, criterion, trigger, tiers, population, stalled
	Subject  string   `json:"subject"` // the criterion, the kind of signal, the field
	Sentence string   `json:"sentence"`
	Action   string   `json:"action"` // what to do first about it
	Now      Estimate `json:"now"`
	Before   Estimate `json:"before"`
	Effect   Estimate `json:"effect"` // what Sentence says in one figure
	P        float64  `json:"p"`
	Q        float64  `json:"q"` // P corrected for all that was looked at: at most 0.05
}

// Estimate is a figure with its 95 % interval and how many it stands on.
type Estimate struct {
	N     int    `json:"n"`
	Value Figure `json:"value"`
	Low   Figure `json:"low"`
	High  Figure `json:"high"`
}

// Totals counts the deals of the quarter.
type Totals struct {
	Opened      int      `json:"opened"`
	Closed      int      `json:"closed"`
	Won         int      `json:"won"`
	StillOpen   int      `json:"still_open"`
	Revenue     Figure   `json:"revenue"`      // of all won deals
	NewBusiness Figure   `json:"new_business"` // of these, from new customers
	WinRate     Estimate `json:"win_rate"`     // of new business, as all win rates are
}

// TierFigures is how the deals of a tier went.
type TierFigures struct {
	Tier    string   `json:"tier"`
	Model   string   `json:"model,omitempty"` // revops@3; "" over all versions
	Opened  int      `json:"opened"`          // in the quarter
	Closed  int      `json:"closed"`
	Won     int      `json:"won"`
	WinRate Estimate `json:"win_rate"`
	Revenue Figure   `json:"revenue"`
	Amount  Estimate `json:"median_amount"` // of won deals
	Cycle   Cycle    `json:"cycle"`
	Churn   Estimate `json:"churn"`
	NRR     Estimate `json:"nrr"`
}

// Cycle is how many days won deals took.
type Cycle struct {
	Median Estimate `json:"median"`
	Lower  Figure   `json:"lower_quartile"`
	Upper  Figure   `json:"upper_quartile"`
}

// Ranking is whether the win rate rises with the tier.
type Ranking struct {
	Tiers []string `json:"tiers"`  // tested, high to low
	Z     Figure   `json:"z"`      // above 0: higher tiers win more
	P     float64  `json:"p"`      // one-sided: the chance of such a rise where there is none
	PDown float64  `json:"p_down"` // likewise of such a fall
	Says  string   `json:"says"`
}

// Retention is what became of the customers whose contract came up for renewal.
type Retention struct {
	Due       int      `json:"due"`       // customers whose time for renewal ended in the last four quarters
	Undecided int      `json:"undecided"` // of them with a renewal that is still open
	Churn     Estimate `json:"churn"`     // 0 to 1
	NRR       Estimate `json:"nrr"`       // 1: as much as the year before
	Note      string   `json:"note"`
}

// WinRate is the win rate of a quarter.
type WinRate struct {
	Quarter string   `json:"quarter"`
	Rate    Estimate `json:"rate"`
}

// Shift is the win rate of the quarter against that of the four before.
type Shift struct {
	Before     Estimate `json:"before"`
	Now        Estimate `json:"now"`
	Difference Estimate `json:"difference"`
	Spread     Figure   `json:"spread"` // variance between the quarters before over that of chance, at least 1
	P          float64  `json:"p"`
}

// Drift is how the population changed from the start of the quarter to its end.
type Drift struct {
	Start  int          `json:"start"` // accounts
	End    int          `json:"end"`
	Score  Change       `json:"score"`
	Tiers  []TierShare  `json:"tiers"`
	Tier   Change       `json:"tier"`
	Fields []FieldDrift `json:"fields"`
}

// Change is how different two distributions are.
type Change struct {
	PSI  Figure  `json:"psi"`  // population stability index: 0.1 is worth a look, 0.25 a lot
	P    float64 `json:"p"`    // of a chi-squared test on the same bands
	Says string  `json:"says"` // stable, moved, moved a lot
}

// TierShare is a tier's share of the population.
type TierShare struct {
	Tier  string   `json:"tier"`
	Start Estimate `json:"start"`
	End   Estimate `json:"end"`
}

// FieldDrift is how a field that the model looks at changed.
type FieldDrift struct {
	Field        string   `json:"field"`
	Change       Change   `json:"change"` // of the known values
	MissingStart Estimate `json:"missing_start"`
	MissingEnd   Estimate `json:"missing_end"`
	MissingP     float64  `json:"missing_p"`
	Most         string   `json:"most"` // the value whose share changed most, for people
}

// Stalled are accounts of the highest tier that nothing comes of.
type Stalled struct {
	Tier      string           `json:"tier"`
	Accounts  int              `json:"accounts"`
	Waiting   int              `json:"waiting"`   // in the tier for longer than PatienceDays without a deal
	Dragging  int              `json:"dragging"`  // with a deal open for longer than SlowDays
	Moved     int              `json:"moved"`     // with a deal that is younger, or was won
	Fresh     int              `json:"fresh"`     // in the tier for too short a time to tell
	Customers int              `json:"customers"` // that bought before, and have no deal
	Patience  int              `json:"patience_days"`
	Slow      int              `json:"slow_days"`
	List      []StalledAccount `json:"list"`   // the longest first
	Shared    []Shared         `json:"shared"` // the surest first
	Note      string           `json:"note"`
}

// StalledAccount is one of them.
type StalledAccount struct {
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Why     string    `json:"why"` // waiting, dragging
	Days    int       `json:"days"`
	Since   time.Time `json:"since"`
	Active  time.Time `json:"active,omitzero"`
	Owner   string    `json:"owner,omitempty"`
}

// Shared is an attribute that stalled accounts have more or less often than those that
// moved.
type Shared struct {
	Attribute string   `json:"attribute"`
	Stalled   Estimate `json:"stalled"` // share of the stalled ones that have it
	Moved     Estimate `json:"moved"`
	Lift      Estimate `json:"lift"` // Stalled over Moved
	P         float64  `json:"p"`
	Q         float64  `json:"q"` // corrected for all that was looked at
}

// Trigger is what a kind of signal before the deal opened came to, over the five quarters.
type Trigger struct {
	Kind     string   `json:"kind"`
	Points   int      `json:"points"` // that the model gives it
	Deals    int      `json:"deals"`  // with it
	Won      int      `json:"won"`
	WinRate  Estimate `json:"win_rate"`
	Without  Estimate `json:"without"`       // deals without any trigger
	Odds     Estimate `json:"odds_ratio"`    // within tiers, against deals without it
	Amount   Estimate `json:"median_amount"` // of won deals with it
	Others   Estimate `json:"median_amount_without"`
	Revenue  Figure   `json:"revenue"`
	PerDeal  Figure   `json:"revenue_per_deal"`
	PerOther Figure   `json:"revenue_per_deal_without"`
	Beside   Estimate `json:"beside_other_triggers"` // odds ratio against deals with other triggers
	Adjusted Estimate `json:"adjusted_odds_ratio"`   // the criteria and the other kinds being equal
	Promise  Figure   `json:"promise"`               // the odds ratio that its points stand for
	BesideP  float64  `json:"beside_p"`
	AmountP  float64  `json:"amount_p"`
	PaysMore bool     `json:"pays_more"` // than its points say
	Says     string   `json:"says"`
}

// CriterionPay is what a criterion is worth in log-odds of winning, the others being
// equal.
type CriterionPay struct {
	Name    string   `json:"name"`
	Points  int      `json:"points"`
	With    int      `json:"with"`    // deals that earned any of it
	Unknown int      `json:"unknown"` // deals of which its input was not known
	Now     Estimate `json:"now"`     // odds ratio of full credit, in the quarter
	Before  Estimate `json:"before"`  // in the four quarters before
	All     Estimate `json:"all"`
	Promise Figure   `json:"promise"` // the odds ratio that its points stand for beside the others'
	ChangeP float64  `json:"change_p"`
	PayP    float64  `json:"pay_p"`
	Says    string   `json:"says"`
}

// ProviderFigures is what a provider brought.
type ProviderFigures struct {
	Provider string         `json:"provider"`
	Calls    int            `json:"calls"` // that it answered or failed
	Outcomes map[string]int `json:"outcomes"`
	HitRate  Estimate       `json:"hit_rate"` // found among those that it answered
	Failed   Estimate       `json:"failed"`   // share of calls that it did not answer
	Credits  Figure         `json:"credits"`
	Supplied int            `json:"fields_supplied"`
	Accepted int            `json:"fields_accepted"`
	PerField Estimate       `json:"credits_per_accepted_field"`
}

// DecisionFigures is what became of accounts that were worked otherwise than their model
// said.
type DecisionFigures struct {
	Share      ExceptionShare `json:"share"`
	Together   Estimate       `json:"together"` // share of the scored accounts
	BudgetLow  float64        `json:"budget_low"`
	BudgetHigh float64        `json:"budget_high"`
	Says       string         `json:"says"`
	Outcomes   []Became       `json:"outcomes"`
}

// WeightProposal is a draft of the next version of the model.
type WeightProposal struct {
	Model     string           `json:"model"`  // revops@4
	Source    string           `json:"source"` // the file, ready for `starter icp release`
	Changes   []WeightChange   `json:"changes"`
	Backtests []PairedBacktest `json:"backtests"`
	Note      string           `json:"note"`
}

// WeightChange is one criterion's change of points.
type WeightChange struct {
	Criterion string `json:"criterion"`
	From      int    `json:"from"` // 0: a new criterion
	To        int    `json:"to"`
	Because   string `json:"because"`
}

// PairedBacktest is how the active model and the draft would have told the same deals
// apart.
type PairedBacktest struct {
	On         string   `json:"on"` // which deals
	Deals      int      `json:"deals"`
	Won        int      `json:"won"`
	Active     Estimate `json:"active_auc"`
	Draft      Estimate `json:"draft_auc"` // of points learnt on other deals
	Difference Estimate `json:"difference"`
	TierMoved  int      `json:"tier_moved"` // deals that the draft puts in another tier
	Before     []InTier `json:"active_tiers"`
	After      []InTier `json:"draft_tiers"`
}

// Quarter reviews a quarter. It is deterministic: the same input gives the same review,
// in whatever order it comes.
func Quarter(in QuarterInput) *QuarterReview {
	r := newReviewing(in)
	r.totals()
	r.retention()
	r.byTier()
	r.baseRate()
	r.ranking()
	r.drift()
	r.stalled()
	r.criteria()
	r.triggers()
	r.providers()
	r.decisions()
	r.out.Claims = r.looked.claims()
	r.out.Tested = len(r.looked.all)
	r.settled()
	r.propose()
	return r.out
}

// reviewing is one call of Quarter under way.
type reviewing struct {
	in     QuarterInput
	out    *QuarterReview
	looked hypotheses

	deals  []*QuarterDeal // in the order in which they opened
	now    []*rated       // new business that closed in the quarter: of each account the first
	before []*rated       // likewise in the four quarters before
	pay    *payModel      // nil where the deals are too few
	kept   contracts
	kinds  []*triggered
	shared []sharedTest
}

func newReviewing(in QuarterInput) *reviewing {
	r := &reviewing{in: in, out: &QuarterReview{
		Quarter: in.Quarter, From: in.From, To: in.To, At: in.At, Model: in.Model.ID(), Source: in.Model.Source, ErrorRate: errorRate,
		Tiers: []TierFigures{}, Versions: []TierFigures{}, Quarters: []WinRate{}, Triggers: []Trigger{}, Criteria: []CriterionPay{},
		Providers: []ProviderFigures{}, Notes: []string{},
	}}
	for i := range in.Deals {
		r.deals = append(r.deals, &in.Deals[i])
	}
	slices.SortFunc(r.deals, func(a, b *QuarterDeal) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	r.now = r.firsts(in.From, in.To)
	r.before = r.firsts(in.From.AddDate(-1, 0, 0), in.From)
	foreign := 0
	for _, d := range slices.Concat(r.before, r.now) {
		if d.Held != nil && d.results == nil {
			foreign++
		}
	}
	if foreign > 0 {
		r.note("%d deals of the five quarters were scored by other models than %s: they count in the figures by tier, and not in what its criteria and triggers pay", foreign, in.Model.Name)
	}
	return r
}

// rated is a deal as the active model sees its account at the moment when the deal opened.
type rated struct {
	*QuarterDeal
	results []icp.Result // of each criterion; nil without a score by a version of the model
	kinds   []string     // of signals in the window before it opened, sorted
}

// firsts are the deals with new customers that closed in a time, one for each account:
// what one account did is one witness, however many deals it has.
func (r *reviewing) firsts(from, to time.Time) []*rated {
	first := map[string]*QuarterDeal{}
	aside := 0
	for _, d := range r.deals {
		if !d.isNew() || !d.closedIn(from, to) {
			continue
		}
		if f := first[d.witness()]; f != nil {
			aside++
			if !d.ClosedAt.Before(f.ClosedAt) {
				continue
			}
		}
		first[d.witness()] = d
	}
	var out []*rated
	for _, d := range r.deals {
		if first[d.witness()] == d {
			out = append(out, r.rate(d))
		}
	}
	if aside > 0 && to.Equal(r.in.To) {
		r.note("%d deals of the quarter are another of an account that had one before: they count in the figures, not in the tests", aside)
	}
	return out
}

func (r *reviewing) note(format string, args ...any) {
	r.out.Notes = append(r.out.Notes, fmt.Sprintf(format, args...))
}

// rate looks at a deal's account with the active model, as of the moment when it opened, so
// that deals of all versions can be compared. Contacts of that time are not on record: what
// the model makes of them comes from the score.
func (r *reviewing) rate(d *QuarterDeal) *rated {
	one := &rated{QuarterDeal: d}
	if d.Held == nil || d.Held.Model != r.in.Model.Name {
		return one
	}
	subject := d.Held.subject()
	one.kinds = r.kindsBefore(subject.Signals, d.OpenedAt)
	one.results = r.in.Model.Rate(subject, d.OpenedAt).Criteria
	for i := range one.results {
		was := resultOf(d.Held.Score, one.results[i].Name)
		own := r.in.Model.Criteria[i].Of == icp.Own
		if was != nil && (!own || d.Held.Facts == nil) {
			one.results[i] = *was
		}
	}
	return one
}

func (h *Held) subject() icp.Subject {
	return icp.Subject{Facts: h.Facts, Signals: slices.Concat(h.Signals, h.Facts.Signals())}
}

func resultOf(all []icp.Result, name string) *icp.Result {
	i := slices.IndexFunc(all, func(r icp.Result) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func (d *QuarterDeal) isNew() bool  { return d.Kind == NewBusiness || d.Kind == "" }
func (d *QuarterDeal) closed() bool { return !d.ClosedAt.IsZero() }

func (d *QuarterDeal) closedIn(from, to time.Time) bool {
	return d.closed() && !d.ClosedAt.Before(from) && d.ClosedAt.Before(to)
}

func (d *QuarterDeal) openedIn(from, to time.Time) bool {
	return !d.OpenedAt.Before(from) && d.OpenedAt.Before(to)
}

// witness is the account, or the deal itself where the CRM names none.
func (d *QuarterDeal) witness() string { return cmp.Or(d.Account, "deal "+d.ID) }

// worth is the amount, 0 where it is not known.
func (d *QuarterDeal) worth() float64 {
	if d.Amount > 0 {
		return d.Amount
	}
	return 0
}

// days is how long the deal took.
func (d *QuarterDeal) days() float64 { return max(0, d.ClosedAt.Sub(d.OpenedAt).Hours()/24) }

func (d *QuarterDeal) tier() string {
	if d.Held == nil {
		return Unscored
	}
	return d.Held.Tier
}

func (d *QuarterDeal) model() string {
	if d.Held == nil {
		return ""
	}
	return d.Held.Model + "@" + strconv.Itoa(d.Held.Version)
}

func tallyOf(deals []*rated) tally {
	var t tally
	for _, d := range deals {
		t.add(d.Won)
	}
	return t
}

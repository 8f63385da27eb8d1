package icp

import (
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Unknown says what a criterion makes of an input that is not known.
type Unknown string

// What unknown can mean.
const (
	// Widen moves Low and High apart by what the criterion could still give: the
	// default for required fields.
	Widen Unknown = "widen"
	// CountsAsNo takes what is not known to be so as not so: the default elsewhere.
	CountsAsNo Unknown = "no"
)

// Whose says whose field a criterion of a model for companies looks at.
type Whose string

// Whose field it can be.
const (
	// Own is the field of what the model rates.
	Own Whose = ""
	// BestContact is that of the contact with which the criterion earns most.
	BestContact Whose = "best_contact"
	// BuyingCommittee is that of all contacts, of which Criterion.Contacts must match.
	BuyingCommittee Whose = "buying_committee"
)

// Criterion is one rule that earns or costs points, by one field, by signals or by
// an expression.
type Criterion struct {
	Name      string
	Dimension string        // firmographics, technographics, intent, engagement, risk, or one's own
	Field     account.Field // "" where Signals or When is set
	Of        Whose         // whose field
	Contacts  int           // how many contacts of the buying committee must match
	Signals   []string      // kinds, any of which counts; nil where Field or When is set
	When      *Expression   // nil where Field or Signals is set
	Points    int           // for full credit; negative for what speaks against an account
	Credits   []Credit      // full credit first; the first that matches counts
	HalfLife  time.Duration // of the points of what is dated; 0: they do not decay
	Unknown   Unknown

	kind    account.Kind // of Field; NoKind for signals and expressions
	label   string       // what reasons call the input, and how they begin: "employees: "
	inputs  []signalKind // of each of Signals
	missing string       // the reason while it is unknown
	open    string       // the reason while its whole dimension is
	no, yes string       // the reasons of a yes/no that earns nothing
	reach   reach        // what it can give, 0 included
	part    int          // of the model, that its points are counted in
}

// Credit is what a matching input earns.
type Credit struct {
	Match  Matcher
	Points int

	said []string // the reasons that are known beforehand: of each word, of a yes or a no
}

// signalKind is a kind of signals as input of a criterion.
type signalKind struct {
	input account.Value
	label string // how its reasons begin: "executive change: "
}

// fixed returns the reason for an input that earned the credit, where it is known
// beforehand: of a word as the model has it, and of a yes or a no. Most reasons are.
func (c *Credit) fixed(f found) (reason string, ok bool) {
	switch m := c.Match.(type) {
	case *words:
		if m.folded[f.word] == f.text {
			return c.said[f.word], true
		}
	case flag:
		return c.said[0], true
	}
	return "", false
}

// say works out the reasons that are known beforehand, which begin and end so.
func (c *Credit) say(start, end string) {
	c.said = nil
	switch m := c.Match.(type) {
	case *words:
		for _, w := range m.folded {
			c.said = append(c.said, start+clipText(w)+end)
		}
	case flag:
		c.said = []string{start + m.String() + end}
	}
}

// dated reports whether c looks at how long ago something was.
func (c *Criterion) dated() bool { return c.Signals != nil || c.kind == account.DateKind }

// weight is the criterion's share in completeness.
func (c *Criterion) weight() int { return abs(c.Points) }

// compile works out what every rating needs, so that Rate does not.
func (c *Criterion) compile() {
	c.reach = reach{}
	for _, credit := range c.Credits {
		c.reach.low = min(c.reach.low, credit.Points)
		c.reach.high = max(c.reach.high, credit.Points)
	}
	c.label = label(c) + ": "
	c.inputs = nil
	for _, kind := range c.Signals {
		c.inputs = append(c.inputs, signalKind{account.TextValue(kind), spaced(kind) + ": "})
	}
	for i := range c.Credits {
		c.Credits[i].say(c.label, either(i > 0, partialCredit, ""))
	}
	c.no, c.yes = c.label+flag(false).String(), c.label+flag(true).String()
	c.open = c.label + "unknown, " + strconv.Itoa(c.reach.low) + " to " + strconv.Itoa(c.reach.high) + " points open"
	c.missing = c.label + "unknown, counts as no"
	if c.Unknown == Widen {
		c.missing = c.open
	}
}

// partialCredit ends the reason of a credit that is not the full one.
const partialCredit = ", partial credit"

// spelling is how many bytes the reasons of c take that are not known beforehand.
func (c *Criterion) spelling() int {
	if c.kind == account.BoolKind || c.kind == account.TextKind || c.kind == account.ListKind {
		return 0
	}
	if c.Signals != nil {
		return 48
	}
	return len(c.label) + 32
}

// label is what reasons call a criterion's input.
func label(c *Criterion) string {
	switch {
	case c.When != nil:
		return fieldList(c.When.fields)
	case c.Signals != nil:
		return spaced(strings.Join(c.Signals, ", "))
	case c.Of == BestContact:
		return fieldLabel(c.Field) + " of the best contact"
	case c.Of == BuyingCommittee:
		return fieldLabel(c.Field) + " of the buying committee"
	}
	return fieldLabel(c.Field)
}

func fieldLabel(f account.Field) string {
	switch f {
	case account.RevenueUSD:
		return "revenue in USD"
	case account.FundingTotalUSD:
		return "funding in USD"
	default:
		return spaced(string(f))
	}
}

func fieldList(fields []account.Field) string {
	labels := make([]string, len(fields))
	for i, f := range fields {
		labels[i] = fieldLabel(f)
	}
	return strings.Join(labels, ", ")
}

func spaced(word string) string { return strings.ReplaceAll(word, "_", " ") }

// Window is how long ago what c looks at may have been for any credit at all; 0 for
// what is not dated.
func (c *Criterion) Window() time.Duration {
	longest := time.Duration(0)
	for _, credit := range c.Credits {
		if r, ok := credit.Match.(*recency); ok {
			longest = max(longest, r.limit)
		}
	}
	return longest
}

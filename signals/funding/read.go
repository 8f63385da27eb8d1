package funding

import (
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
)

type identifier struct {
	UUID      string `json:"uuid"`
	Value     string `json:"value"`
	Permalink string `json:"permalink"`
}

type organization struct {
	Identifier identifier `json:"identifier"`
	Website    website    `json:"website_url"`
	Status     string     `json:"status"` // operating, ipo, closed, was_acquired; absent where the package lacks it

	rounds []round
}

// is reports whether o is the account: a permalink may come to stand for another.
func (o organization) is(acc account.Account) bool {
	return account.SameDomain(string(o.Website), acc.Domain)
}

// website is a text, or in older answers an object with one.
type website string

// UnmarshalJSON implements json.Unmarshaler. It never fails: what cannot be read is no
// website.
func (w *website) UnmarshalJSON(b []byte) error {
	var object struct {
		Value string `json:"value"`
	}
	var text string
	if json.Unmarshal(b, &text) != nil {
		_ = json.Unmarshal(b, &object)
		text = object.Value
	}
	*w = website(text)
	return nil
}

type round struct {
	Identifier  identifier `json:"identifier"`
	AnnouncedOn string     `json:"announced_on"`
	Type        string     `json:"investment_type"`
	Raised      money      `json:"money_raised"` // missing when it is not disclosed
}

type money struct {
	Value    float64 `json:"value"`
	Currency string  `json:"currency"`
	USD      float64 `json:"value_usd"`
}

// announced is the day; the zero time if it is not known.
func (r round) announced() time.Time {
	t, err := time.Parse(time.DateOnly, r.AnnouncedOn)
	if err != nil || t.Year() < 1900 {
		return time.Time{}
	}
	return t
}

// maxRounds is how many rounds are looked at and remembered: the latest. Nobody has
// raised more often.
const maxRounds = 100

const maxUUID = 64

// latest returns the rounds that can be told apart and dated, the latest first. What is
// to be announced waits until it is.
func latest(rounds []round, now time.Time) []round {
	rounds = slices.DeleteFunc(slices.Clone(rounds), func(r round) bool {
		when := r.announced()
		return r.Identifier.UUID == "" || len(r.Identifier.UUID) > maxUUID || when.IsZero() || when.After(now)
	})
	slices.SortStableFunc(rounds, func(a, b round) int {
		return cmp.Or(b.announced().Compare(a.announced()), cmp.Compare(a.Identifier.UUID, b.Identifier.UUID))
	})
	rounds = slices.CompactFunc(rounds, func(a, b round) bool { return a.Identifier.UUID == b.Identifier.UUID })
	return rounds[:min(len(rounds), maxRounds)]
}

func (r round) event(when time.Time) signals.Event {
	e := signals.Evidence{Source: name, Title: cmp.Or(signals.Label(r.Identifier.Value, maxLabel), "funding round"), At: when}
	if isPermalink(r.Identifier.Permalink) {
		e.URL = "https://www.crunchbase.com/funding_round/" + r.Identifier.Permalink
	}
	return signals.Event{
		Kind: signals.Funding, Entity: "round", OccurredAt: when, Summary: r.summary(), Confidence: 0.95,
		Evidence: []signals.Evidence{e},
	}
}

// summary is "raised $22M (Series B)".
func (r round) summary() string {
	s := "raised " + r.Raised.String()
	if kind := kindOf(r.Type); kind != "" {
		s += " (" + kind + ")"
	}
	return s
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// String is the sum in dollars where it is known, else in the currency of the round.
func (m money) String() string {
	switch {
	case m.USD > 0:
		return "$" + amount(m.USD)
	case m.Value > 0 && m.Currency == "USD":
		return "$" + amount(m.Value)
	case m.Value > 0 && currencyCode.MatchString(m.Currency):
		return m.Currency + " " + amount(m.Value)
	}
	return "an undisclosed amount"
}

// amount is a sum with at most one decimal: 22M, 1.5B, 750k.
func amount(n float64) string {
	for _, unit := range []struct {
		size   float64
		suffix string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.size*0.9995 { // 999.96k is 1M
			return strings.TrimSuffix(strconv.FormatFloat(n/unit.size, 'f', 1, 64), ".0") + unit.suffix
		}
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

var seriesLetter = regexp.MustCompile(`^series_([a-z])$`)

var typeShape = regexp.MustCompile(`^[a-z]+(?:_[a-z]+){0,5}$`)

// kindOf is a round's type as people write it: Series B, Pre-seed, Debt financing; ""
// where that says nothing.
func kindOf(kind string) string {
	if m := seriesLetter.FindStringSubmatch(kind); m != nil {
		return "Series " + strings.ToUpper(m[1])
	}
	switch {
	case kind == "undisclosed" || kind == "series_unknown" || len(kind) > 40 || !typeShape.MatchString(kind):
		return ""
	case kind == "pre_seed":
		return "Pre-seed"
	}
	return strings.ToUpper(kind[:1]) + strings.ReplaceAll(kind[1:], "_", " ")
}

// permalinkShape is what can stand in a path as it is.
var permalinkShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$`)

func isPermalink(s string) bool { return permalinkShape.MatchString(s) }

var (
	errNoEntities   = errors.New("an answer without a list of entities")
	errNoProperties = errors.New("an answer without an entity")
	errNoRounds     = errors.New("an answer whose rounds are no list")
)

// readSearch returns the organisations of a search. What holds them must be there.
func readSearch(body []byte) ([]organization, error) {
	var answer struct {
		Entities json.RawMessage `json:"entities"`
	}
	if err := signals.DecodeLeniently(body, &answer); err != nil {
		return nil, err
	}
	if !isList(answer.Entities) {
		return nil, errNoEntities
	}
	var entities []struct {
		Properties organization `json:"properties"`
	}
	if err := signals.DecodeLeniently(answer.Entities, &entities); err != nil {
		return nil, err
	}
	all := make([]organization, len(entities))
	for i, e := range entities {
		all[i] = e.Properties
	}
	return all, nil
}

// readEntity returns an organisation with its rounds. One that never raised may have no
// card: Crunchbase leaves out what is absent.
func readEntity(body []byte) (organization, error) {
	var answer struct {
		Properties *organization `json:"properties"`
		Cards      struct {
			Rounds json.RawMessage `json:"raised_funding_rounds"`
		} `json:"cards"`
	}
	if err := signals.DecodeLeniently(body, &answer); err != nil {
		return organization{}, err
	}
	if answer.Properties == nil {
		return organization{}, errNoProperties
	}
	o, raw := *answer.Properties, answer.Cards.Rounds
	if len(raw) == 0 || string(raw) == "null" {
		return o, nil
	}
	if !isList(raw) {
		return organization{}, errNoRounds
	}
	err := signals.DecodeLeniently(raw, &o.rounds)
	return o, err
}

func isList(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '[' }

// errorCode returns the first code of an error, which is an object or a list of them.
func errorCode(body []byte) string {
	type failure struct {
		Code string `json:"code"`
	}
	var one failure
	var many []failure
	if isList(json.RawMessage(strings.TrimSpace(string(body)))) {
		_ = signals.DecodeLeniently(body, &many) // no code is no reason
	} else {
		_ = signals.DecodeLeniently(body, &one)
	}
	for _, f := range append(many, one) {
		if f.Code != "" {
			return f.Code
		}
	}
	return ""
}

// maxLabel is how many characters of a text are shown.
const maxLabel = 200

package edgar

import (
	"context"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

// How sure the source is that a filer is the account.
const (
	certain    = 0.9 // by its CIK, or by its name and state
	byNameOnly = 0.6
)

// filer is the account as EDGAR knows it.
type filer struct {
	cik        string // ten digits
	confidence float64
	filings    *submissions
}

// identify finds out who the account is at EDGAR: the company of the CIK in the CRM,
// whom it was found to be before, or whom the search by its name finds. No filer is
// an answer as well. It does not ask at all about companies abroad, and about those
// without a name.
func (c *Client) identify(ctx context.Context, at signals.Look, m memory) (who *filer, ask bool, err error) {
	if cik := cleanCIK(at.Fields["cik"]); cik != "" {
		who, err = c.byCIK(ctx, cik, certain)
		if err == nil && who == nil { // somebody should mend it, which nobody does unheard
			err = &outbound.Error{Service: service, Outcome: outbound.BadRequest, Status: http.StatusNotFound, Reason: "no filer has the account's CIK", Sent: true}
		}
		return who, true, err
	}
	name := nameOf(at)
	state, home := stateOf(at.Facts)
	if !home || account.NormalizeName(name) == "" {
		return nil, false, nil
	}
	if m.CIK != "" {
		who, err = c.byCIK(ctx, m.CIK, m.Confidence)
		if err != nil || who != nil && who.still(name, state) {
			return who, true, err
		}
	}
	cik, confidence, err := c.search(ctx, at, name, state)
	if err != nil || cik == "" {
		return nil, true, err
	}
	who, err = c.byCIK(ctx, cik, confidence)
	return who, true, err
}

// byCIK returns nil if nobody has that CIK.
func (c *Client) byCIK(ctx context.Context, cik string, confidence float64) (*filer, error) {
	s, err := c.submissions(ctx, cik)
	if err != nil || s == nil {
		return nil, err
	}
	return &filer{cik: cik, confidence: confidence, filings: s}, nil
}

// still reports whether who was found before may still be the account, which may
// have got another name since, or a state. Whoever had been told by the state stays:
// companies move.
func (w *filer) still(name, state string) bool {
	if !w.filings.named(name) {
		return false
	}
	if w.confidence >= certain {
		return true
	}
	var ok bool
	w.confidence, ok = gate(state, w.filings.Addresses.Business.State, w.filings.Incorporated)
	return ok
}

// gate says how sure a filer of the account's name is the account: names alone are
// shared by many. Delaware as the state of incorporation tells nobody apart.
func gate(state, business, incorporated string) (confidence float64, ok bool) {
	switch {
	case state == "":
		return byNameOnly, true
	case state == business, state == incorporated && state != "DE":
		return certain, true
	case state == incorporated:
		return byNameOnly, true
	default:
		return 0, false
	}
}

func nameOf(at signals.Look) string {
	if account.NormalizeName(at.Account.Name) != "" {
		return at.Account.Name
	}
	return at.Facts[account.Name].Value.Text()
}

// stateOf returns the code of the account's state, "" if it is not known; home is
// false for a company outside the United States.
func stateOf(facts account.Facts) (code string, home bool) {
	country := facts[account.Country].Value.Text()
	if country != "" && !strings.EqualFold(country, "US") {
		return "", false
	}
	text := strings.ToLower(strings.Join(strings.Fields(facts[account.State].Value.Text()), " "))
	code, known := states[text]
	// A province tells as much as a country; with the country known it is a word that
	// we do not understand.
	return code, known || text == "" || country != ""
}

// states maps the names and codes of the states, in lower case, to the codes, which
// are EDGAR's as well.
var states = func() map[string]string {
	m := map[string]string{"washington dc": "DC", "washington d.c.": "DC", "washington, dc": "DC", "washington, d.c.": "DC", "d.c.": "DC"}
	for entry := range strings.SplitSeq(stateNames, ";") {
		code, name, _ := strings.Cut(strings.TrimSpace(entry), " ")
		m[strings.ToLower(code)], m[name] = code, code
	}
	return m
}()

const stateNames = `AL alabama; AK alaska; AZ arizona; AR arkansas; CA california; CO colorado; CT connecticut; DE delaware;
	DC district of columbia; FL florida; GA georgia; HI hawaii; ID idaho; IL illinois; IN indiana; IA iowa; KS kansas;
	KY kentucky; LA louisiana; ME maine; MD maryland; MA massachusetts; MI michigan; MN minnesota; MS mississippi;
	MO missouri; MT montana; NE nebraska; NV nevada; NH new hampshire; NJ new jersey; NM new mexico; NY new york;
	NC north carolina; ND north dakota; OH ohio; OK oklahoma; OR oregon; PA pennsylvania; RI rhode island;
	SC south carolina; SD south dakota; TN tennessee; TX texas; UT utah; VT vermont; VA virginia; WA washington;
	WV west virginia; WI wisconsin; WY wyoming; PR puerto rico; GU guam; VI virgin islands`

// cleanCIK returns the ten digits of a company's number at EDGAR, as people and we
// write it; "" for what is none, such as "n/a".
func cleanCIK(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 3 && strings.EqualFold(s[:3], "cik") {
		s = strings.TrimSpace(s[3:])
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || len(s) > 10 || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		return ""
	}
	return strings.Repeat("0", 10-len(s)) + s
}

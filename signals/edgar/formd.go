package edgar

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html/charset"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

// formD is a notice of an offering that needs no registration, as far as it matters.
type formD struct {
	XMLName        xml.Name `xml:"edgarSubmission"`
	SubmissionType string   `xml:"submissionType"`
	TestOrLive     string   `xml:"testOrLive"`
	Primary        issuer   `xml:"primaryIssuer"`
	Others         []issuer `xml:"issuerList>issuer"`
	Offering       struct {
		Industry   string    `xml:"industryGroup>industryGroupType"`
		Fund       *struct{} `xml:"industryGroup>investmentFundInfo"`
		Exemptions []string  `xml:"federalExemptionsExclusions>item"`
		Amendment  string    `xml:"typeOfFiling>newOrAmendment>isAmendment"`
		FirstSale  string    `xml:"typeOfFiling>dateOfFirstSale>value"`
		FundShares string    `xml:"typesOfSecuritiesOffered>isPooledInvestmentFundType"`
		Merger     string    `xml:"businessCombinationTransaction>isBusinessCombinationTransaction"`
		Offered    string    `xml:"offeringSalesAmounts>totalOfferingAmount"` // or "Indefinite"
		Sold       string    `xml:"offeringSalesAmounts>totalAmountSold"`
	} `xml:"offeringData"`
}

type issuer struct {
	CIK  string `xml:"cik"`
	Name string `xml:"entityName"`
}

// formD reads the data behind a Form D; false if they are not there.
func (c *Client) formD(ctx context.Context, cik string, f filing) (d *formD, found bool, err error) {
	found, err = c.get(ctx, c.host.www+f.folder(cik)+"/primary_doc.xml", nil, func(r outbound.Response) (err error) {
		if isPage(r.Body) {
			return unreadable(r, "a web page instead of data", nil)
		}
		d, err = parseFormD(r.Body)
		return err
	})
	return d, found, err
}

// Bounds of a Form D; real ones have some 20 KB and six levels.
const (
	maxFormD = 1 << 20
	maxDepth = 32
)

func parseFormD(body []byte) (*formD, error) {
	if len(body) > maxFormD {
		return nil, errors.New("too large for a Form D")
	}
	raw := xml.NewDecoder(bytes.NewReader(bytes.TrimSpace(body)))
	raw.CharsetReader = decodeCharset
	d := &formD{}
	if err := xml.NewTokenDecoder(&guard{raw: raw}).Decode(d); err != nil {
		return nil, err
	}
	if d.SubmissionType == "" || d.Primary.Name == "" {
		return nil, errors.New("not a Form D")
	}
	return d, nil
}

// guard passes tokens on and refuses what no filing has: a document type, which is
// where entities are declared, and nesting without end.
type guard struct {
	raw   *xml.Decoder
	depth int
}

// Token implements xml.TokenReader.
func (g *guard) Token() (xml.Token, error) {
	t, err := g.raw.RawToken()
	switch t.(type) {
	case xml.StartElement:
		g.depth++
	case xml.EndElement:
		g.depth--
	case xml.Directive:
		return nil, errors.New("document type in a filing")
	}
	if g.depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	return t, err
}

// decodeCharset knows the encodings that filings come in.
func decodeCharset(label string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(label)) {
	case "us-ascii", "ascii", "iso-8859-1", "windows-1252":
		return charset.NewReaderLabel(label, r)
	default:
		return nil, errors.New("an encoding that filings do not have")
	}
}

// events is the round, if the form tells of one.
func (d *formD) events(at signals.Look, who *filer, f filing) []signals.Event {
	if !d.round(who.cik) {
		return nil
	}
	firstSale, _ := time.Parse(time.DateOnly, strings.TrimSpace(d.Offering.FirstSale))
	return []signals.Event{{
		Kind: signals.Funding, Entity: "round", OccurredAt: f.occurred(at, firstSale),
		Summary: d.summary(), Confidence: who.confidence, Evidence: f.evidence(who),
	}}
}

// round reports whether the form tells of money for an operating company, and a new
// one: most of these forms are of funds, of vehicles that hold one investment, and of
// lenders and landlords whose trade is money.
func (d *formD) round(cik string) bool {
	o := &d.Offering
	switch {
	case d.SubmissionType != formDName, isTrue(o.Amendment): // D/A: told by the first one
		return false
	case strings.EqualFold(d.TestOrLive, "TEST"):
		return false
	case !d.of(cik):
		return false
	case o.Fund != nil, isTrue(o.FundShares), notFunding[strings.ToLower(strings.TrimSpace(o.Industry))]:
		return false
	case slices.ContainsFunc(o.Exemptions, func(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "3C") }):
		return false
	case isTrue(o.Merger): // shares that pay for a company bring no money
		return false
	default:
		return !vehicle.MatchString(d.Primary.Name)
	}
}

// of reports whether the form is the filer's own.
func (d *formD) of(cik string) bool {
	return slices.ContainsFunc(append([]issuer{d.Primary}, d.Others...), func(i issuer) bool { return cleanCIK(i.CIK) == cik })
}

// notFunding are the industry groups of Form D, in lower case, whose offerings are not
// the funding of an operating company: their members raise money to invest or to lend
// it, or to buy a building. A start-up that sells software to them files as "Other
// Technology" or "Computers".
var notFunding = map[string]bool{
	// Banking & Financial Services
	"commercial banking": true, "insurance": true, "investing": true, "investment banking": true,
	"pooled investment fund": true, "other banking and financial services": true,
	// Real Estate, but for Construction
	"commercial": true, "reits and finance": true, "residential": true, "other real estate": true,
}

// vehicle matches names of funds and of companies that hold one investment for others,
// whatever industry they give.
var vehicle = regexp.MustCompile(`(?i)\ba series of\b|\bspv\b|\bfund\b[\s,]*(?:[ivx]+|\d+)?(?:[\s,-]+[a-z])?[\s,]*(?:l\.?\s?p\.?|l\.?l\.?c\.?)\s*$`)

func isTrue(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "true") }

func (d *formD) summary() string {
	sold, offered := amount(d.Offering.Sold), amount(d.Offering.Offered)
	indefinite := strings.EqualFold(strings.TrimSpace(d.Offering.Offered), "Indefinite")
	switch {
	case sold > 0 && indefinite:
		return "raised " + dollars(sold) + " of an indefinite offering (Form D)"
	case sold > 0 && offered > sold:
		return "raised " + dollars(sold) + " of an offered " + dollars(offered) + " (Form D)"
	case sold > 0:
		return "raised " + dollars(sold) + " (Form D)"
	case offered > 0:
		return "offered " + dollars(offered) + ", none sold yet (Form D)"
	default:
		return "opened a private offering (Form D)"
	}
}

// amount reads dollars; 0 for what is no believable amount.
func amount(s string) float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(v > 0 && v < 1e12) { // NaN is neither
		return 0
	}
	return v
}

// dollars writes an amount for people: $9M, $9.5M, $125K.
func dollars(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "K"}} {
		if n := math.Round(10*v/unit.size) / 10; n >= 1 {
			return "$" + strconv.FormatFloat(n, 'f', -1, 64) + unit.name
		}
	}
	return "$" + strconv.FormatFloat(math.Round(v), 'f', 0, 64)
}

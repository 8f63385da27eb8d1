package sandbox

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
)

// formD is primary_doc.xml of a notice of an exempt offering.
type formD struct {
	XMLName        xml.Name      `xml:"edgarSubmission"`
	SchemaVersion  string        `xml:"schemaVersion"`
	SubmissionType string        `xml:"submissionType"`
	TestOrLive     string        `xml:"testOrLive"`
	Issuer         formDIssuer   `xml:"primaryIssuer"`
	Related        []formDPerson `xml:"relatedPersonsList>relatedPersonInfo"`
	Offering       formDOffering `xml:"offeringData"`
}

type formDIssuer struct {
	CIK          string       `xml:"cik"`
	Name         string       `xml:"entityName"`
	Address      formDAddress `xml:"issuerAddress"`
	Phone        string       `xml:"issuerPhoneNumber"`
	Jurisdiction string       `xml:"jurisdictionOfInc"`
	EntityType   string       `xml:"entityType"`
	Founded      string       `xml:"yearOfInc>value,omitempty"`
	OverFive     string       `xml:"yearOfInc>overFiveYears,omitempty"`
}

type formDAddress struct {
	Street string `xml:"street1"`
	City   string `xml:"city"`
	State  string `xml:"stateOrCountry"`
	Zip    string `xml:"zipCode"`
}

type formDPerson struct {
	First        string   `xml:"relatedPersonName>firstName"`
	Last         string   `xml:"relatedPersonName>lastName"`
	Relationship []string `xml:"relatedPersonRelationshipList>relationship"`
}

type formDOffering struct {
	IndustryGroup string    `xml:"industryGroup>industryGroupType"`
	Fund          *fundInfo `xml:"industryGroup>investmentFundInfo"` // nil for none: an empty element would say that it is a fund
	RevenueRange  string    `xml:"issuerSize>revenueRange"`
	Exemptions    []string  `xml:"federalExemptionsExclusions>item"`
	Amendment     bool      `xml:"typeOfFiling>newOrAmendment>isAmendment"`
	FirstSale     string    `xml:"typeOfFiling>dateOfFirstSale>value"`
	Equity        bool      `xml:"typesOfSecuritiesOffered>isEquityType"`
	Offered       string    `xml:"offeringSalesAmounts>totalOfferingAmount"`
	Sold          int64     `xml:"offeringSalesAmounts>totalAmountSold"`
	Remaining     string    `xml:"offeringSalesAmounts>totalRemaining"`
	Investors     int       `xml:"investors>totalNumberAlreadyInvested"`
}

type fundInfo struct {
	Type string `xml:"investmentFundType"`
}

func formDOf(f *filing, c *Company) []byte {
	h := &f.of
	first, last, _ := strings.Cut(personOf(h.Domain, "Chief Executive Officer"), " ")
	out := formD{
		SchemaVersion: "X0708", SubmissionType: f.form, TestOrLive: "LIVE",
		Issuer: formDIssuer{
			CIK: fmt.Sprintf("%010d", f.cik), Name: f.name, Phone: "5125550100", Jurisdiction: "DELAWARE", EntityType: "Corporation",
			Address: formDAddress{Street: "1 MAIN STREET", City: strings.ToUpper(c.City), State: edgarState(c), Zip: "00000"}, OverFive: "true",
		},
		Related: []formDPerson{{First: first, Last: last, Relationship: []string{"Executive Officer", "Director"}}},
		Offering: formDOffering{
			IndustryGroup: cmp.Or(h.IndustryGroup, "Other Technology"), RevenueRange: "Decline to Disclose", Exemptions: []string{"06b"},
			FirstSale: h.At.AddDate(0, 0, -5).Format(time.DateOnly), Equity: true, Offered: "Indefinite", Sold: h.AmountSold, Remaining: "Indefinite",
			Investors: between(2, 30, 60, f.accession),
		},
	}
	if h.AmountOffered > 0 {
		out.Offering.Offered = strconv.FormatInt(h.AmountOffered, 10)
		out.Offering.Remaining = strconv.FormatInt(max(0, h.AmountOffered-h.AmountSold), 10)
	}
	if f.fund {
		out.Issuer.EntityType = "Limited Partnership"
		out.Offering.IndustryGroup, out.Offering.Fund = "Pooled Investment Fund", &fundInfo{Type: "Venture Capital Fund"}
		out.Offering.Exemptions = []string{"06b", "3C", "3C.1"}
	}
	body, _ := xml.MarshalIndent(out, "", "  ") // of strings and numbers
	return append([]byte(xml.Header), body...)
}

// form8KOf is a current report with item 5.02, which covers people and pay alike.
func form8KOf(f *filing) string {
	name, day := html.EscapeString(f.name), f.at.Format("January 2, 2006")
	what := fmt.Sprintf("(c) On %s, the Board of Directors of %s (the &#8220;Company&#8221;) appointed %s as %s of the Company, effective immediately.",
		day, name, html.EscapeString(f.of.Person), html.EscapeString(f.of.Role))
	if f.of.PayPlanOnly {
		what = fmt.Sprintf("(e) On %s, the Compensation Committee of the Board of Directors of %s (the &#8220;Company&#8221;) approved the annual cash incentive plan "+
			"for the Company&#8217;s named executive officers for the coming fiscal year.", day, name)
	}
	return "<!DOCTYPE html>\n<html><head><title>8-K</title></head><body>\n" +
		"<p>UNITED STATES SECURITIES AND EXCHANGE COMMISSION</p>\n<p><b>FORM 8-K</b></p>\n<p>CURRENT REPORT</p>\n" +
		"<p>Date of Report (Date of earliest event reported): " + day + "</p>\n<p>" + name + "</p>\n" +
		"<p><b>Item&#160;5.02</b> <b>Departure of Directors or Certain Officers; Election of Directors; Appointment of Certain Officers; " +
		"Compensatory Arrangements of Certain Officers.</b></p>\n<p>" + what + "</p>\n" +
		"<p><b>Item&#160;9.01</b> <b>Financial Statements and Exhibits.</b></p>\n<p>SIGNATURES</p>\n</body></html>\n"
}

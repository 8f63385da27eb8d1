package sandbox

import (
	"fmt"
	"strings"
)

// position is what somebody at a company is, as a CRM may have it: the title as they
// write it, and what HubSpot knows besides, which is often nothing.
type position struct {
	title, seniority, role, buying string
}

// positions are what contacts are, the plain and the odd.
var positions = []position{
	{title: "CEO & Founder", seniority: "owner", buying: "DECISION_MAKER"},
	{title: "Chief Marketing Officer", seniority: "executive", role: "marketing", buying: "BUDGET_HOLDER;DECISION_MAKER"},
	{title: "CTO"},
	{title: "Chief Product & Technology Officer"},
	{title: "VP Sales", seniority: "vp", role: "sales"},
	{title: "V.P., Marketing"},
	{title: "Vice President of Customer Success", seniority: "vp"},
	{title: "Head of Demand Generation"},
	{title: "Director of Sales & Marketing", seniority: "director", role: "sales", buying: "CHAMPION;INFLUENCER"},
	{title: "IT Director", role: "information_technology"},
	{title: "Marketing Manager", seniority: "manager", role: "marketing", buying: "CHAMPION"},
	{title: "RevOps Manager"},
	{title: "Engineering Manager", role: "engineering"},
	{title: "Finance Manager", seniority: "manager", role: "finance", buying: "LEGAL_AND_COMPLIANCE"},
	{title: "Account Executive", seniority: "employee", role: "sales"},
	{title: "Executive Assistant to the CEO and CFO", role: "administrative"},
	{title: "Office of the CTO"},
	{title: "former CEO, now advisor"},
	{title: "HR Business Partner", role: "human_resources"},
	{title: "Geschäftsführerin", seniority: "executive"},
	{title: "Vertriebsleiter"},
	{title: "Growth Ninja 🚀", seniority: "entry", buying: "END_USER"},
	{title: ""},
	{title: "Wizard of Light Bulb Moments"},
}

// mostContacts is how many contacts a company has at most.
const mostContacts = 8

// contactsAt invents the contacts of a company, the same each time: none to eight, none
// of whom has another's address.
func contactsAt(domain string) []map[string]string {
	if domain == "" {
		return nil
	}
	all := make([]map[string]string, between(0, mostContacts, 81, domain))
	for i := range all {
		key := fmt.Sprintf("%s/%d", domain, i)
		p := positions[number64(82, key)%uint64(len(positions))]
		first := firstNames[number64(83, key)%uint64(len(firstNames))]
		last := lastNames[(int(number64(84, domain)%uint64(len(lastNames)))+i)%len(lastNames)]
		all[i] = map[string]string{
			"firstname": first, "lastname": last, "email": strings.ToLower(first + "." + last + "@" + domain),
			"jobtitle": p.title, "hs_seniority": p.seniority, "hs_role": p.role, "hs_buying_role": p.buying,
		}
	}
	return all
}

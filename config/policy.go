package config

import (
	"slices"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/strictyaml"
)

// readPolicies reads when each property is written: the section crm.write.
func readPolicies(v strictyaml.Value) crm.Policies {
	if v.Absent() {
		return nil
	}
	companies, contacts := crm.Writable()
	o := v.Object(slices.Concat(companies, contacts)...)
	policies := crm.Policies{}
	for _, property := range slices.Concat(companies, contacts) {
		if o.Has(property) {
			policies[property] = readPolicy(o.Get(property), slices.Contains(contacts, property))
		}
	}
	return policies
}

// readPolicy reads a word, or {refresh: 7d}.
func readPolicy(v strictyaml.Value, ofContact bool) crm.Policy {
	if v.Mapping() {
		return crm.Policy{Kind: crm.Refresh, Age: v.Object(string(crm.Refresh)).Need(string(crm.Refresh)).Duration("smhd")}
	}
	words := []string{string(crm.KeepPerson), string(crm.Fill), string(crm.Refresh), string(crm.Approve)}
	p := crm.Policy{Kind: crm.PolicyKind(v.OneOf(words...))}
	switch {
	case p.Kind == crm.Refresh:
		v.Fail("refresh needs an age: want {refresh: 7d}")
	case p.Kind == crm.Approve && ofContact:
		v.Fail("nobody is asked about values of contacts: want keep_person, fill or {refresh: 7d}")
	}
	return p
}

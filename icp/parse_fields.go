package icp

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// maxFields is how many fields a model may declare.
const maxFields = 500

// fieldTypes are the types of declared fields, as models write them.
var fieldTypes = []struct {
	name string
	kind account.Kind
}{
	{"text", account.TextKind},
	{"number", account.NumberKind},
	{"boolean", account.BoolKind},
	{"list", account.ListKind},
	{"date", account.DateKind},
}

// otherKeys stand beside the fields of an account in a file for `icp score`.
var otherKeys = []string{"signals", "contacts"}

// declared reads the section fields. One whose type is in doubt is kept all the same,
// so that nothing more is said where it is used.
func (p *parser) declared(v strictyaml.Value) []Declared {
	var fields []Declared
	for name, entry := range v.Entries() {
		f := account.Field(name)
		if _, ok := f.Kind(); ok {
			entry.Key().Fail("%s is a field already; use it as it is, or give this one another name", name)
			continue
		}
		if slices.Contains(otherKeys, name) {
			entry.Key().Fail("%s is no name for a field: it is what accounts call something else", name)
			continue
		}
		o := entry.Object("type", "property")
		d := Declared{Name: f, Kind: p.fieldType(o.Need("type")), Property: name}
		if o.Has("property") {
			d.Property = o.Get("property").Text()
		}
		fields = append(fields, d)
	}
	if len(fields) > maxFields {
		v.Fail("has %d fields; at most %d", len(fields), maxFields)
	}
	slices.SortFunc(fields, func(a, b Declared) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return fields
}

func (p *parser) fieldType(v strictyaml.Value) account.Kind {
	names := make([]string, len(fieldTypes))
	for i, t := range fieldTypes {
		names[i] = t.name
	}
	if i := slices.Index(names, v.OneOf(names...)); i >= 0 {
		return fieldTypes[i].kind
	}
	return account.NoKind
}

func (p *parser) fields(v strictyaml.Value) []account.Field {
	items := v.List(maxItems)
	fields := make([]account.Field, len(items))
	for i, item := range items {
		fields[i], _ = p.field(item)
	}
	strictyaml.Unique(items, strictyaml.Exactly)
	return fields
}

// field reads the name of a field and tells its kind.
func (p *parser) field(v strictyaml.Value) (account.Field, account.Kind) {
	s := v.Text()
	if s == "" {
		return "", account.NoKind
	}
	switch kind, ok := p.m.Kind(account.Field(s)); {
	case !ok:
		v.Fail("unknown field %q%s; any other than Sluice's own is declared under fields", strictyaml.Clip(s, 40),
			strictyaml.DidYouMean(s, p.m.FieldNames()))
	case account.Field(s).OfContact() && p.m.Subject == SubjectCompany:
		v.Fail("%s is a field of contacts, and the model's subject is the company", s)
	case kind != account.NoKind:
		return account.Field(s), kind
	}
	return "", account.NoKind
}

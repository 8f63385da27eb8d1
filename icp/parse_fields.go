package icp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// maxFields is how many fields a model may declare.
const maxFields = 500

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
		o := entry.Object(declaredKeys.names()...)
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
	names := fieldTypeNames()
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

// field reads the name of a field of what the model rates and tells its kind.
func (p *parser) field(v strictyaml.Value) (account.Field, account.Kind) {
	s := v.Text()
	if s == "" {
		return "", account.NoKind
	}
	kind, err := p.kindOf(account.Field(s))
	if err != nil {
		v.Fail("%v", err)
	}
	if kind == account.NoKind {
		return "", kind
	}
	return account.Field(s), kind
}

// kindOf returns the kind of a field of what the model rates; NoKind for a declared
// one whose type is in doubt.
func (p *parser) kindOf(f account.Field) (account.Kind, error) {
	kind, ok := p.m.Kind(f)
	switch {
	case !ok:
		return kind, fmt.Errorf("unknown field %q%s; any other than Sluice's own is declared under fields",
			strictyaml.Clip(string(f), 40), strictyaml.DidYouMean(string(f), p.m.FieldNames()))
	case f.OfContact() && p.m.Subject == SubjectCompany:
		return account.NoKind, fmt.Errorf("%s is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee", f)
	}
	return kind, nil
}

// contactField reads the name of a field of contacts.
func (p *parser) contactField(v strictyaml.Value) (account.Field, account.Kind) {
	f := account.Field(v.Text())
	switch {
	case f == "":
		return "", account.NoKind
	case !f.OfContact():
		v.Fail("%q is no field of contacts%s; these are %s", strictyaml.Clip(string(f), 40), strictyaml.DidYouMean(string(f), contactFields()), strings.Join(contactFields(), ", "))
		return "", account.NoKind
	}
	kind, _ := f.Kind()
	return f, kind
}

func contactFields() []string {
	return slices.DeleteFunc(fieldNames(), func(f string) bool { return !account.Field(f).OfContact() })
}

// expression reads a condition over fields.
func (p *parser) expression(v strictyaml.Value, kindOf func(account.Field) (account.Kind, error)) *Expression {
	source := v.Text()
	if source == "" {
		return nil
	}
	e, err := newExpression(source, kindOf)
	if err != nil {
		v.Fail("%v", err)
		return nil
	}
	return e
}

// timeless refuses dates: which model an account gets does not depend on the day.
func (p *parser) timeless(f account.Field) (account.Kind, error) {
	kind, err := p.kindOf(f)
	if kind == account.DateKind {
		err = fmt.Errorf("%s is a date, and which accounts a model is for must not change with the day", f)
	}
	return kind, err
}

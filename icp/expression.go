package icp

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	exprparser "github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// Expression is a condition over an account's fields, such as
// employees > 50 && "gdpr" in regulations. It has neither loops of its own nor side
// effects, and knows nothing but the fields; docs/models.md has the language.
type Expression struct {
	source  string
	fields  []account.Field // that it looks at, in the order of the source
	kinds   []account.Kind
	program *vm.Program
}

// String returns the expression as the model writes it.
func (e *Expression) String() string { return e.source }

// Fields returns the fields that the expression looks at, which the caller must not
// change. Is one of them unknown, so is the outcome.
func (e *Expression) Fields() []account.Field { return e.fields }

// Budgets of one evaluation. No expression of 200 characters that Parse accepts needs
// a fraction of them; they are the second belt.
const (
	maxNodes  = 200
	maxMemory = 100_000 // items of lists that are made on the way
)

// functions are those that an expression may call.
var functions = []string{"len", "lower", "any", "all", "none", "count"}

// operators are those that it may use. Neither ranges nor powers: they could fill
// the memory.
var operators = []string{
	"==", "!=", "<", "<=", ">", ">=", "&&", "||", "and", "or", "!", "not", "in", "contains", "startsWith", "endsWith", "+", "-", "*", "/",
}

// expressionTypes are the types of fields in expressions. A date is its age in days.
var expressionTypes = map[account.Kind]types.Type{
	account.TextKind:   types.String,
	account.NumberKind: types.Float64,
	account.BoolKind:   types.Bool,
	account.ListKind:   types.Array(types.String),
	account.DateKind:   types.Float64,
	account.NoKind:     types.Any, // declared with a type that is in doubt
}

// newExpression compiles a condition over the fields, of which usable says what is
// wrong with one that the model knows; "" for nothing. The error says where in the
// source.
func newExpression(source string, kindOf func(account.Field) (account.Kind, error)) (*Expression, error) {
	tree, err := exprparser.Parse(source)
	if err != nil {
		return nil, complaint(err)
	}
	check := checker{e: &Expression{source: source}, kindOf: kindOf}
	check.node(tree.Node, false)
	if check.err != nil {
		return nil, check.err
	}
	if len(check.e.fields) == 0 {
		return nil, errors.New("looks at no field, so it is the same for every account")
	}
	env := types.Map{}
	for i, f := range check.e.fields {
		env[string(f)] = expressionTypes[check.e.kinds[i]]
	}
	options := []expr.Option{expr.Env(env), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins()}
	for _, name := range functions {
		options = append(options, expr.EnableBuiltin(name))
	}
	if check.e.program, err = expr.Compile(source, options...); err != nil {
		return nil, complaint(err)
	}
	return check.e, nil
}

// checker walks over a parsed expression and keeps the first thing that is wrong.
type checker struct {
	e      *Expression
	kindOf func(account.Field) (account.Kind, error)
	err    error
}

func (c *checker) fail(n ast.Node, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%s, at character %d", fmt.Sprintf(format, args...), n.Location().From+1)
	}
}

// node checks n. Within a predicate there must be no other: lists of lists of lists
// could take for ever.
func (c *checker) node(n ast.Node, within bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		c.field(n)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.PointerNode:
	case *ast.UnaryNode:
		c.operator(n, n.Operator)
		c.node(n.Node, within)
	case *ast.BinaryNode:
		c.node(n.Left, within)
		c.operator(n, n.Operator)
		c.node(n.Right, within)
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			c.node(item, within)
		}
	case *ast.BuiltinNode:
		if !slices.Contains(functions, n.Name) {
			c.fail(n, "no function %s%s; there are %s", n.Name, strictyaml.DidYouMean(n.Name, functions), strings.Join(functions, ", "))
		}
		for _, argument := range n.Arguments {
			if _, ok := argument.(*ast.PredicateNode); ok && within {
				c.fail(n, "any, all, none and count do not go into one another")
			}
			c.node(argument, within)
		}
	case *ast.PredicateNode:
		c.node(n.Node, true)
	case *ast.CallNode:
		name := ""
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			name = " " + strictyaml.Clip(callee.Value, 40)
		}
		c.fail(n, "no function%s%s; there are %s", name, strictyaml.DidYouMean(strings.TrimSpace(name), functions), strings.Join(functions, ", "))
	default:
		c.fail(n, "only fields, texts, numbers, true, false, lists and %s(…) may stand in an expression", strings.Join(functions, "(…), "))
	}
}

func (c *checker) operator(n ast.Node, op string) {
	if !slices.Contains(operators, op) {
		c.fail(n, "no operator %s; there are %s", op, strings.Join(operators, " "))
	}
}

func (c *checker) field(n *ast.IdentifierNode) {
	f := account.Field(n.Value)
	kind, err := c.kindOf(f)
	switch {
	case err != nil:
		c.fail(n, "%v", err)
	case !slices.Contains(c.e.fields, f):
		c.e.fields, c.e.kinds = append(c.e.fields, f), append(c.e.kinds, kind)
	}
}

// goTypes are the words that the library's messages have for types.
var goTypes = regexp.MustCompile(`\[\]string|\[\]interface \{\}|\[\]any|\[\]int|float64|string|bool|\bint\b`)

var plainTypes = map[string]string{
	"[]string": "list", "[]interface {}": "list", "[]any": "list", "[]int": "list",
	"float64": "number", "int": "number", "string": "text", "bool": "yes/no",
}

// complaint says what the library has against an expression, in our words.
func complaint(err error) error {
	message, where := strings.SplitN(err.Error(), "\n", 2)[0], ""
	if at := new(file.Error); errors.As(err, &at) {
		message, where = at.Message, fmt.Sprintf(", at character %d", at.From+1)
	}
	message = goTypes.ReplaceAllStringFunc(message, func(t string) string { return plainTypes[t] })
	if got, ok := strings.CutPrefix(message, "expected yes/no, but got "); ok {
		message = "want something that is true or false, have a " + got
	}
	return errors.New(message + where)
}

// holds works the expression out. Not known: a field is not, or the evaluation
// failed, which failed says.
func (e *Expression) holds(facts account.Facts, at time.Time) (holds, ok, failed bool) {
	env := make(map[string]any, len(e.fields))
	for i, f := range e.fields {
		fact, ok := known(facts, f, e.kinds[i])
		if !ok {
			return false, false, false
		}
		env[string(f)] = operand(fact.Value, at)
	}
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(e.program, env)
	holds, ok = out.(bool)
	return holds, err == nil && ok, err != nil || !ok
}

func operand(v account.Value, at time.Time) any {
	switch v.Kind() {
	case account.NumberKind:
		return v.Number()
	case account.BoolKind:
		return v.Bool()
	case account.ListKind:
		return v.List()
	case account.DateKind:
		return at.Sub(v.Date()).Hours() / 24
	default:
		return v.Text()
	}
}

// expression rates c by whether its expression holds. The reason shows what it looked
// at; the provider is that of the inputs, if they have one in common.
func (run *rating) expression(c *Criterion, r *Result) bool {
	holds, ok, failed := c.When.holds(run.Facts, run.at)
	if !ok {
		if failed {
			r.Reason = c.label + "could not be worked out, so unknown"
		}
		return false
	}
	r.Input = account.BoolValue(holds)
	doubt := ""
	for i, f := range c.When.fields {
		fact, _ := known(run.Facts, f, c.When.kinds[i])
		if i == 0 {
			r.Provider, r.ObservedAt = fact.Provider, fact.ObservedAt
		} else {
			run.text.WriteString(", ")
		}
		if fact.ObservedAt.Before(r.ObservedAt) {
			r.ObservedAt = fact.ObservedAt
		}
		if fact.Provider != r.Provider {
			r.Provider = ""
		}
		if fact.Confidence < run.sure {
			doubt = ", unsure"
		}
		run.operand(f, fact.Value)
	}
	run.aged(r)
	if holds {
		run.text.WriteString(": holds")
		run.earn(c, r, 0, 0)
	} else {
		run.text.WriteString(": does not hold")
	}
	run.text.WriteString(doubt)
	return true
}

func (run *rating) operand(f account.Field, v account.Value) {
	run.text.WriteString(fieldLabel(f))
	run.text.WriteByte(' ')
	in := input{value: v}
	if v.Kind() == account.DateKind {
		in.age = run.at.Sub(v.Date())
		in.writeAge(&run.text)
		return
	}
	in.write(&run.text, strings.Join(v.List(), ", "))
}

// Applies reports whether m is for an account with these facts; not known, if a
// field that decides it is not. A model without applies_to is for all.
func (m *Model) Applies(facts account.Facts) (applies, known bool) {
	if m.AppliesTo == nil {
		return true, true
	}
	applies, known, _ = m.AppliesTo.holds(facts, time.Time{})
	return applies, known
}

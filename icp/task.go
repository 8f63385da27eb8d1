package icp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/sluicehq/sluice/strictyaml"
)

// TaskTemplate is the task that a tier asks for.
type TaskTemplate struct {
	Subject  string        // text/template over [TaskData]
	Due      time.Duration // from when the task is made
	Priority string        // low, medium (default) or high

	tmpl *template.Template
}

// TaskData is what a task's subject can mention.
type TaskData struct {
	Name   string // of the account
	Domain string
	Tier   string
	Score  int // in points of the model's scale
}

// Render returns the subject for one account. What Parse accepted cannot fail,
// whatever the data.
func (t *TaskTemplate) Render(data TaskData) (string, error) {
	if t.tmpl == nil {
		return "", errors.New("render task subject: the template was not made by icp.Parse")
	}
	var b strings.Builder
	if err := t.tmpl.Execute(&b, data); err != nil {
		return "", fmt.Errorf("render task subject: %w", err)
	}
	return strings.TrimSpace(plain(b.String())), nil
}

// errSubject says what a subject may hold.
var errSubject = errors.New("only {{.Name}}, {{.Domain}}, {{.Tier}}, {{.Score}} and {{if}} … {{else}} … {{end}} over them may stand in a subject")

// compile parses the subject and tries it. It allows fields and conditions only:
// functions, loops and variables could fail, or fill the memory, on some account
// long after the model was signed off.
func (t *TaskTemplate) compile() error {
	tmpl, err := template.New("subject").Parse(t.Subject)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "template: subject:1: "))
	}
	if tmpl.Tree == nil || len(tmpl.Templates()) > 1 || !allowed(tmpl.Root) {
		return errSubject
	}
	t.tmpl = tmpl
	for _, data := range []TaskData{{}, {Name: "Acme", Domain: "acme.example", Tier: "Tier 1", Score: 80}} {
		if s, err := t.Render(data); err != nil || s == "" {
			return errors.Join(err, errors.New("the subject must not come out empty for any account"))
		}
	}
	return nil
}

func allowed(n parse.Node) bool {
	switch n := n.(type) {
	case *parse.TextNode, *parse.CommentNode:
		return true
	case *parse.ListNode:
		return n == nil || !slices.ContainsFunc(n.Nodes, func(n parse.Node) bool { return !allowed(n) })
	case *parse.ActionNode:
		return allowed(n.Pipe)
	case *parse.IfNode:
		return allowed(n.Pipe) && allowed(n.List) && allowed(n.ElseList)
	case *parse.PipeNode:
		return len(n.Decl) == 0 && len(n.Cmds) == 1 && len(n.Cmds[0].Args) == 1 && allowed(n.Cmds[0].Args[0])
	case *parse.FieldNode:
		return len(n.Ident) == 1 && slices.Contains([]string{"Name", "Domain", "Tier", "Score"}, n.Ident[0])
	}
	return false
}

// TriggerTask asks for a task when a signal arrives at an account that is worth it.
type TriggerTask struct {
	When     Condition
	Priority string        // low, medium or high (default)
	Cooldown time.Duration // at least this long between two such tasks of one kind; default 14 days
	DueIn    time.Duration // from when the task is made; default 1 day
}

// Due reports whether a signal that fired (triggered) asks for a task, given the
// score it led to. A nil TriggerTask never does. The cool-down is the caller's.
func (t *TriggerTask) Due(s Score, triggered bool) bool {
	return t != nil && triggered && t.When.holds(s)
}

// Condition compares one measure of a score with a number: fit > 60.
type Condition struct {
	Measure string  // fit or score
	Op      string  // >, >=, < or <=
	Number  float64 // in points of the model's scale
}

// String returns the condition as models write it.
func (c Condition) String() string {
	return c.Measure + " " + c.Op + " " + strictyaml.FormatNumber(c.Number)
}

func (c Condition) holds(s Score) bool {
	if c.Measure == "fit" {
		return c.compare(s.Fit)
	}
	return c.compare(s.Value)
}

func (c Condition) compare(points int) bool {
	n := float64(points)
	switch c.Op {
	case ">":
		return n > c.Number
	case ">=":
		return n >= c.Number
	case "<":
		return n < c.Number
	case "<=":
		return n <= c.Number
	}
	return false
}

// parseCondition reads "fit > 60".
func parseCondition(s string) (Condition, bool) {
	at := strings.IndexAny(s, "<>")
	if at < 0 {
		return Condition{}, false
	}
	c := Condition{Measure: strings.TrimSpace(s[:at]), Op: s[at : at+1]}
	rest, equal := strings.CutPrefix(s[at+1:], "=")
	if equal {
		c.Op += "="
	}
	n, ok := strictyaml.ParseNumber(strings.TrimSpace(rest))
	c.Number = n
	return c, ok && (c.Measure == "fit" || c.Measure == "score")
}

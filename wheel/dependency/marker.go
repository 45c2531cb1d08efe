package dependency

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/wheel/version"
)

// Marker says where a requirement applies: "sys_platform == 'linux' and extra == 'tls'".
type Marker struct {
	root *node
}

// node is "and", "or" or a comparison.
type node struct {
	operator    string
	left, right *node   // of "and" and "or"
	a, b        operand // of a comparison
}

// operand is a variable or a quoted text.
type operand struct {
	variable bool
	text     string
}

func (o operand) String() string {
	switch {
	case o.variable:
		return o.text
	case strings.Contains(o.text, `"`):
		return "'" + o.text + "'"
	}
	return `"` + o.text + `"`
}

// IsZero reports whether there is no marker, so that the requirement always applies.
func (m Marker) IsZero() bool { return m.root == nil }

// String is the marker in the form that ParseMarker reads.
func (m Marker) String() string {
	if m.root == nil {
		return ""
	}
	var b strings.Builder
	m.root.write(&b)
	return b.String()
}

func (n *node) write(b *strings.Builder) {
	if n.left == nil {
		b.WriteString(n.a.String() + " " + n.operator + " " + n.b.String())
		return
	}
	n.left.writeChild(b, n.operator == "and" && n.left.operator == "or")
	b.WriteString(" " + n.operator + " ")
	n.right.writeChild(b, n.right.left != nil && (n.right.operator == "or" || n.operator == "and"))
}

func (n *node) writeChild(b *strings.Builder, parentheses bool) {
	if !parentheses {
		n.write(b)
		return
	}
	b.WriteByte('(')
	n.write(b)
	b.WriteByte(')')
}

// answer is a truth value; unknown is what depends on the kernel that will run.
type answer int

const (
	no answer = iota
	unknown
	yes
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// Applies evaluates the marker. It is an error where the answer depends on
// platform_release or platform_version, and where a variable is used that the
// environment does not have.
func (m Marker) Applies(e Environment) (bool, error) {
	if m.root == nil {
		return true, nil
	}
	got, err := m.root.evaluate(e)
	if err == nil && got == unknown {
		err = fmt.Errorf("platform_release and platform_version are not known before the image runs")
	}
	if err != nil {
		return false, fmt.Errorf("evaluating marker %q: %w", clip(m.String()), err)
	}
	return got == yes, nil
}

func (n *node) evaluate(e Environment) (answer, error) {
	if n.left == nil {
		return n.compare(e)
	}
	a, err := n.left.evaluate(e)
	if err != nil {
		return no, err
	}
	b, err := n.right.evaluate(e)
	if err != nil {
		return no, err
	}
	if n.operator == "and" {
		return min(a, b), nil
	}
	return max(a, b), nil
}

func (n *node) compare(e Environment) (answer, error) {
	variable := n.a.text
	if n.b.variable {
		variable = n.b.text
	}
	if !e.allows(variable) {
		return no, fmt.Errorf("variable %s has no meaning here", variable)
	}
	if isSet(variable) {
		return answerOf(e.has(variable, n.a.text) == (n.operator == "in")), nil
	}
	text, known := e.value(variable)
	if !known {
		return unknown, nil
	}
	a, b := n.a.text, n.b.text
	if n.b.variable {
		b = text
	} else {
		a = text
	}
	if variable == "extra" {
		a, b = Normalize(a), Normalize(b)
	}
	holds, err := compare(a, n.operator, b)
	return answerOf(holds), err
}

func isSet(variable string) bool { return variable == "extras" || variable == "dependency_groups" }

// compare compares versions where both sides are versions, else texts.
func compare(a, operator, b string) (bool, error) {
	switch operator {
	case "in":
		return strings.Contains(b, a), nil
	case "not in":
		return !strings.Contains(b, a), nil
	}
	left, err := version.Parse(a)
	if err == nil {
		if s, err := version.ParseSpecifiers(operator + b); err == nil {
			return s.Contains(left), nil
		}
	}
	switch operator {
	case "==", "===":
		return a == b, nil
	case "!=":
		return a != b, nil
	case "<":
		return a < b, nil
	case "<=":
		return a <= b, nil
	case ">":
		return a > b, nil
	case ">=":
		return a >= b, nil
	}
	return false, fmt.Errorf("%q %s %q: ~= compares versions only", a, operator, b)
}

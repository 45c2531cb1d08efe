package dependency

import (
	"fmt"
	"strings"
)

// maxDepth bounds nested parentheses, since the parser recurses.
const maxDepth = 64

// maxComparisons bounds a marker: the ones that resolvers write have some dozens.
const maxComparisons = 4096

// ParseMarker reads an environment marker.
func ParseMarker(text string) (Marker, error) {
	m, err := parseMarker(text)
	if err != nil {
		return Marker{}, fmt.Errorf("parsing marker %q: %w", clip(text), err)
	}
	return m, nil
}

func parseMarker(text string) (Marker, error) {
	if len(text) > maxLength {
		return Marker{}, fmt.Errorf("longer than %d bytes", maxLength)
	}
	p := markerParser{rest: text}
	root, err := p.or(0)
	if err != nil {
		return Marker{}, err
	}
	if p.skip(); p.rest != "" {
		return Marker{}, fmt.Errorf("expected \"and\", \"or\" or the end at %q", clip(p.rest))
	}
	return Marker{root}, nil
}

type markerParser struct {
	rest        string
	comparisons int
}

func (p *markerParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *markerParser) or(depth int) (*node, error)  { return p.chain("or", depth, p.and) }
func (p *markerParser) and(depth int) (*node, error) { return p.chain("and", depth, p.atom) }

// chain reads what next reads, joined by word.
func (p *markerParser) chain(word string, depth int, next func(int) (*node, error)) (*node, error) {
	left, err := next(depth)
	for err == nil && p.word(word) {
		var right *node
		if right, err = next(depth); err == nil {
			left = &node{operator: word, left: left, right: right}
		}
	}
	return left, err
}

// word takes a word that no letter follows.
func (p *markerParser) word(word string) bool {
	p.skip()
	after, ok := strings.CutPrefix(p.rest, word)
	if !ok || after != "" && isWord(after[0]) {
		return false
	}
	p.rest = after
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *markerParser) atom(depth int) (*node, error) {
	p.skip()
	after, ok := strings.CutPrefix(p.rest, "(")
	if !ok {
		return p.comparison()
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("more than %d parentheses within each other", maxDepth)
	}
	p.rest = after
	n, err := p.or(depth + 1)
	if err != nil {
		return nil, err
	}
	p.skip()
	if p.rest, ok = strings.CutPrefix(p.rest, ")"); !ok {
		return nil, fmt.Errorf("expected a closing parenthesis at %q", clip(p.rest))
	}
	return n, nil
}

func (p *markerParser) comparison() (*node, error) {
	if p.comparisons++; p.comparisons > maxComparisons {
		return nil, fmt.Errorf("more than %d comparisons", maxComparisons)
	}
	n := new(node)
	var err error
	if n.a, err = p.operand(); err != nil {
		return nil, err
	}
	if n.operator, err = p.operator(); err != nil {
		return nil, err
	}
	if n.b, err = p.operand(); err != nil {
		return nil, err
	}
	return n, n.check()
}

// check refuses comparisons that have no meaning.
func (n *node) check() error {
	switch {
	case n.a.variable == n.b.variable:
		return fmt.Errorf("expected one variable and one quoted text around %q", n.operator)
	case n.a.variable && isSet(n.a.text):
		return fmt.Errorf("expected %s after \"in\" or \"not in\"", n.a.text)
	case n.b.variable && isSet(n.b.text) && n.operator != "in" && n.operator != "not in":
		return fmt.Errorf("expected \"in\" or \"not in\" before %s", n.b.text)
	}
	return nil
}

func (p *markerParser) operator() (string, error) {
	switch {
	case p.word("in"):
		return "in", nil
	case p.word("not"):
		if p.word("in") {
			return "not in", nil
		}
		return "", fmt.Errorf("expected \"in\" after \"not\"")
	}
	for _, o := range []string{"===", "==", "~=", "!=", "<=", ">=", "<", ">"} {
		if after, ok := strings.CutPrefix(p.rest, o); ok {
			p.rest = after
			return o, nil
		}
	}
	return "", fmt.Errorf("expected one of <= < != == >= > ~= === in not in at %q", clip(p.rest))
}

func (p *markerParser) operand() (operand, error) {
	p.skip()
	if p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') {
		text, rest, ok := strings.Cut(p.rest[1:], p.rest[:1])
		if !ok {
			return operand{}, fmt.Errorf("a quote is not closed at %q", clip(p.rest))
		}
		if strings.Contains(text, `\`) {
			return operand{}, fmt.Errorf("a backslash in %q", clip(text))
		}
		p.rest = rest
		return operand{text: text}, nil
	}
	end := 0
	for end < len(p.rest) && (isWord(p.rest[end]) || p.rest[end] == '.') {
		end++
	}
	name := variableName(p.rest[:end])
	if name == "" {
		return operand{}, fmt.Errorf("expected a marker variable or a quoted text at %q", clip(p.rest))
	}
	p.rest = p.rest[end:]
	return operand{variable: true, text: name}, nil
}

// variableName is the name that the variable has today; some had dots.
func variableName(text string) string {
	switch text {
	case "python_version", "python_full_version", "os_name", "sys_platform", "platform_release", "platform_system", "platform_version",
		"platform_machine", "platform_python_implementation", "implementation_name", "implementation_version", "extra", "extras", "dependency_groups":
		return text
	case "os.name", "sys.platform", "platform.version", "platform.machine":
		return strings.Replace(text, ".", "_", 1)
	case "python_implementation", "platform.python_implementation":
		return "platform_python_implementation"
	}
	return ""
}

package dockerfile

import (
	"maps"
	"strings"
)

// Scope holds the variables of a stage: what ARG and ENV have set so far. The zero value has none.
type Scope struct {
	values map[string]string
	asked  map[string]bool // names of ARG that have no value in the file
}

// Set gives a variable a value.
func (s *Scope) Set(name, value string) {
	if s.values == nil {
		s.values = make(map[string]string)
	}
	s.values[name] = value
}

// Ask declares a variable whose value only the one who builds knows.
func (s *Scope) Ask(name string) {
	if s.asked == nil {
		s.asked = make(map[string]bool)
	}
	s.asked[name] = true
}

// Get returns the value of a variable that has one.
func (s Scope) Get(name string) (string, bool) {
	value, ok := s.values[name]
	return value, ok
}

// Clone returns a scope that can be changed without changing this one.
func (s Scope) Clone() Scope { return Scope{maps.Clone(s.values), maps.Clone(s.asked)} }

// maxValue bounds a value with its variables replaced, which could otherwise double with each instruction.
const maxValue = 32 << 10

// maxNesting bounds ${A:-${B:-...}}.
const maxNesting = 16

// Words splits text at white space as docker does: quotes hold words together and are taken off, a backslash takes the
// next character as it is, variables are replaced. A variable that nothing declares is empty, as with docker. known is false if
// a variable has a value that the file does not say: it then stays as it is written.
func (s Scope) Words(text string) (words []string, known bool) {
	e := expander{scope: s, text: text, known: true}
	for e.skipSpace(); e.at < len(e.text); e.skipSpace() {
		words = append(words, e.word())
	}
	return words, e.known
}

// Expand replaces the variables in text, which is one word also with white space in it.
func (s Scope) Expand(text string) (value string, known bool) {
	e := expander{scope: s, text: text, known: true, whole: true}
	return e.word(), e.known
}

// Pair is a name and its value.
type Pair struct{ Name, Value string }

// Pairs reads the arguments of ENV, LABEL and ARG: NAME=VALUE..., or the old form NAME VALUE.
func (s Scope) Pairs(text string) (pairs []Pair, known bool) {
	name, rest, _ := strings.Cut(text, " ")
	if !strings.Contains(name, "=") && !strings.HasPrefix(name, `"`) && strings.TrimSpace(rest) != "" {
		value, known := s.Expand(strings.TrimSpace(rest))
		return []Pair{{name, value}}, known
	}
	words, known := s.Words(text)
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		pairs = append(pairs, Pair{name, value})
	}
	return pairs, known
}

// An expander reads words of a text.
type expander struct {
	scope Scope
	text  string
	at    int
	depth int
	known bool // every variable had a value
	whole bool // white space does not end the word
}

func (e *expander) skipSpace() {
	for e.at < len(e.text) && isSpace(rune(e.text[e.at])) {
		e.at++
	}
}

func (e *expander) word() string {
	var b strings.Builder
	quote := byte(0)
	for e.at < len(e.text) && b.Len() < maxValue {
		c := e.text[e.at]
		switch {
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && !e.whole && isSpace(rune(c)):
			return b.String()
		case c == '\\' && quote != '\'' && e.at+1 < len(e.text):
			e.at++
			if next := e.text[e.at]; quote == '"' && next != '"' && next != '$' && next != '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(e.text[e.at])
		case c == '$' && quote != '\'':
			b.WriteString(e.variable())
			continue
		default:
			b.WriteByte(c)
		}
		e.at++
	}
	e.at = max(e.at, 0)
	if b.Len() >= maxValue {
		e.at, e.known = len(e.text), false
	}
	return b.String()
}

// variable reads $NAME or ${NAME...} and returns its value.
func (e *expander) variable() string {
	start := e.at
	e.at++
	braces := e.at < len(e.text) && e.text[e.at] == '{'
	if braces {
		e.at++
	}
	nameAt := e.at
	for e.at < len(e.text) && isName(e.text[e.at]) {
		e.at++
	}
	name := e.text[nameAt:e.at]
	value, set := e.scope.Get(name)
	if braces {
		body, closed := e.untilBrace()
		if !closed || name == "" {
			e.known = false
			return e.text[start:e.at]
		}
		value, set = e.modified(value, set, body)
	} else if name == "" {
		return "$"
	}
	if !set && e.scope.asked[name] {
		e.known = false
		return e.text[start:e.at]
	}
	return value
}

func isName(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// untilBrace returns what is before the closing brace and steps over that.
func (e *expander) untilBrace() (body string, closed bool) {
	start := e.at
	for depth := 0; e.at < len(e.text); e.at++ {
		switch e.text[e.at] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				e.at++
				return e.text[start : e.at-1], true
			}
			depth--
		}
	}
	return "", false
}

// modified applies ":-WORD" and ":+WORD", "-WORD" and "+WORD". Of others, such as patterns, the value is not known.
func (e *expander) modified(value string, set bool, body string) (string, bool) {
	if body == "" {
		return value, set
	}
	body, colon := strings.CutPrefix(body, ":")
	there := set && (!colon || value != "")
	if body == "" || e.depth == maxNesting {
		e.known = false
		return "", true
	}
	inner := expander{scope: e.scope, text: body[1:], depth: e.depth + 1, known: true, whole: true}
	switch {
	case body[0] == '-' && !there, body[0] == '+' && there:
		value = inner.word()
		e.known = e.known && inner.known
		return value, true
	case body[0] == '-':
		return value, true
	case body[0] == '+':
		return "", true
	}
	e.known = false // a pattern
	return "", true
}

package python

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxSysconfig = 1 << 20 // real ones have some 50 KiB
	maxVars      = 20_000  // real ones have some 1000
)

// Vars are the variables of sysconfig by name. Numbers are in decimal.
type Vars map[string]string

// Int returns a variable as a number, or 0.
func (v Vars) Int(name string) int64 {
	n, err := strconv.ParseInt(v[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Parse reads _sysconfigdata_*.py: comments, then build_time_vars = {...} with strings and numbers. Adjacent strings are one
// string: pprint writes long ones so. Parse ignores the text after the dict.
func Parse(data []byte) (Vars, error) {
	if len(data) > maxSysconfig {
		return nil, fmt.Errorf("reading sysconfig data: %d bytes, more than %d", len(data), maxSysconfig)
	}
	p := literal{text: string(data)}
	vars, err := p.assignment()
	if err != nil {
		return nil, fmt.Errorf("reading sysconfig data: line %d: %w", 1+strings.Count(p.text[:p.at], "\n"), err)
	}
	return vars, nil
}

// A literal is the state of parsing a Python literal. See the Python reference, "Lexical analysis".
type literal struct {
	text string
	at   int
}

func (p *literal) assignment() (Vars, error) {
	for _, want := range []string{"build_time_vars", "=", "{"} {
		if p.space(); !strings.HasPrefix(p.text[p.at:], want) {
			return nil, fmt.Errorf("expected %q", "build_time_vars = {")
		}
		p.at += len(want)
	}
	vars := make(Vars)
	for {
		if p.space(); p.take('}') {
			return vars, nil
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if p.space(); !p.take(':') {
			return nil, fmt.Errorf("expected a colon after %q", key)
		}
		p.space()
		if vars[key], err = p.value(); err != nil {
			return nil, fmt.Errorf("variable %q: %w", key, err)
		}
		if len(vars) > maxVars {
			return nil, fmt.Errorf("more than %d variables", maxVars)
		}
		if p.space(); !p.take(',') && p.peek() != '}' {
			return nil, fmt.Errorf("variable %q: expected a comma or } after its value", key)
		}
	}
}

// space skips white space and comments.
func (p *literal) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r', '\f':
			p.at++
		case '#':
			line := strings.IndexByte(p.text[p.at:], '\n')
			if line < 0 {
				line = len(p.text) - p.at
			}
			p.at += line
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end.
func (p *literal) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *literal) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// value reads a number or strings.
func (p *literal) value() (string, error) {
	if c := p.peek(); c == '\'' || c == '"' {
		return p.str()
	}
	end := strings.IndexAny(p.text[p.at:], ",}\n \t\r#")
	if end < 0 {
		end = len(p.text) - p.at
	}
	word := p.text[p.at : p.at+end]
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return "", fmt.Errorf("expected a string or a number, found %.40q", word)
	}
	p.at += end
	return strconv.FormatInt(n, 10), nil
}

// str reads one or more adjacent strings.
func (p *literal) str() (string, error) {
	var b strings.Builder
	if c := p.peek(); c != '\'' && c != '"' {
		return "", errors.New("expected a string")
	}
	for p.peek() == '\'' || p.peek() == '"' {
		if err := p.quoted(&b); err != nil {
			return "", err
		}
		p.space()
	}
	return b.String(), nil
}

func (p *literal) quoted(b *strings.Builder) error {
	quote := p.text[p.at]
	for p.at++; p.at < len(p.text); {
		c := p.text[p.at]
		p.at++
		switch c {
		case quote:
			return nil
		case '\n':
			p.at--
			return errors.New("expected the end of the string on its line")
		case '\\':
			if err := p.escape(b); err != nil {
				return err
			}
		default:
			b.WriteByte(c)
		}
	}
	return errors.New("a string without an end")
}

// escape reads the characters after a backslash, as repr() writes them.
func (p *literal) escape(b *strings.Builder) error {
	if p.at == len(p.text) {
		return errors.New("a string without an end")
	}
	c := p.text[p.at]
	p.at++
	switch c {
	case '\\', '\'', '"':
		b.WriteByte(c)
	case '\n': // the string goes on
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'x':
		return p.code(b, 2)
	case 'u':
		return p.code(b, 4)
	case 'U':
		return p.code(b, 8)
	default:
		return fmt.Errorf("unknown escape \\%c", c)
	}
	return nil
}

// code reads a code point with a fixed number of hexadecimal digits.
func (p *literal) code(b *strings.Builder, digits int) error {
	if len(p.text)-p.at < digits {
		p.at = len(p.text)
		return errors.New("a string without an end")
	}
	n, err := strconv.ParseUint(p.text[p.at:p.at+digits], 16, 32)
	if err != nil || n > utf8.MaxRune {
		return fmt.Errorf("%.10q is not a code point", p.text[p.at:p.at+digits])
	}
	b.WriteRune(rune(n))
	p.at += digits
	return nil
}

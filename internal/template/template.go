// Package template fills in {NAME} in a text. It is no language: a name in braces is replaced, and everything else stays as it is.
package template

import (
	"regexp"
	"strings"
)

// IsName reports whether a text can be a name in braces: a letter or _, then letters, digits and _.
func IsName(text string) bool { return name().MatchString(text) }

func name() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`) }

// Fill replaces each {NAME} for which value knows one. ${NAME} stays, because shells and many programs fill it in themselves.
// {{NAME}} becomes the text {NAME} for a name that value knows, and stays otherwise. What is filled in is not looked at again.
func Fill(text string, value func(name string) (string, bool)) string {
	var out strings.Builder
	for _, p := range parts(text) {
		v, known := "", false
		if p.name != "" && !p.shell {
			v, known = value(p.name)
		}
		switch {
		case !known:
			out.WriteString(p.text)
		case p.escaped:
			out.WriteString("{" + p.name + "}")
		default:
			out.WriteString(v)
		}
	}
	return out.String()
}

// Names lists the names that Fill asks for, those of {NAME}, in the order of the text.
func Names(text string) []string {
	var names []string
	for _, p := range parts(text) {
		if p.name != "" && !p.shell && !p.escaped {
			names = append(names, p.name)
		}
	}
	return names
}

// A part is {NAME}, {{NAME}}, ${NAME}, or a text without any.
type part struct {
	text           string
	name           string // "" for a text
	escaped, shell bool
}

// parts splits a text in one pass.
func parts(text string) []part {
	var all []part
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			return append(all, part{text: text})
		}
		p := part{shell: open > 0 && text[open-1] == '$'}
		begin, end := open+1, 1
		if !p.shell && strings.HasPrefix(text[begin:], "{") {
			p.escaped, begin, end = true, begin+1, 2
		}
		length := nameLength(text[begin:])
		if length == 0 || !strings.HasPrefix(text[begin+length:], "}}"[:end]) {
			// A brace that begins no name. The next one may: {{{NAME}.
			all, text = append(all, part{text: text[:open+1]}), text[open+1:]
			continue
		}
		if open > 0 {
			all = append(all, part{text: text[:open]})
		}
		end += begin + length
		p.name, p.text = text[begin:begin+length], text[open:end]
		all, text = append(all, p), text[end:]
	}
	return all
}

// nameLength is how many bytes of a text are a name.
func nameLength(text string) int {
	for i := range len(text) {
		c := text[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(text)
}

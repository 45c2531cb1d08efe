// Package shell takes simple command lists of a shell apart: words, quotes, "&&", ";", pipes and redirections. It carries out
// nothing. A command that only a shell understands, such as a loop, a condition or the output of another command, is
// returned as it is written and marked as opaque.
package shell

import (
	"slices"
	"strings"
)

// Command is one command of a list.
type Command struct {
	Words  []string // without quotes and without redirections
	Text   string   // as it is written
	Opaque bool     // only a shell knows what it does
	Unset  bool     // a variable has no value: it is in Words as it is written
}

// Split takes a script apart. Every command is in the result, in order; one that cannot be told apart from its neighbours is
// in one opaque command with them. lookup returns the value of a variable, if it has one.
func Split(script string, lookup func(name string) (string, bool)) []Command {
	s := splitter{text: script, lookup: lookup}
	s.run()
	return s.commands
}

type splitter struct {
	text     string
	at       int
	lookup   func(string) (string, bool)
	commands []Command
	current  Command
	start    int
	word     strings.Builder
	inWord   bool
	opened   bool // a compound command has begun: all that follows belongs to it
	redirect bool // the next word is the name of a file
}

// compound are the words that begin what only a shell understands.
func compound(word string) bool {
	return slices.Contains([]string{"if", "for", "while", "until", "case", "function", "select", "{", "[["}, word)
}

func (s *splitter) run() {
	for s.at < len(s.text) {
		s.step()
	}
	s.endCommand(s.at)
}

// step reads one character, or one quoted part, variable or operator.
func (s *splitter) step() {
	c := s.text[s.at]
	switch {
	case c == '\\' && s.at+1 < len(s.text):
		if s.text[s.at+1] != '\n' { // which a shell leaves out
			s.add(s.text[s.at+1 : s.at+2])
		}
		s.at += 2
	case c == '\'' || c == '"':
		s.quoted(c)
	case c == '$' || c == '`':
		s.expansion()
	case c == '#' && !s.inWord:
		s.comment()
	case c == ' ' || c == '\t' || c == '\r':
		s.endWord()
		s.at++
	case c == '<' || c == '>':
		s.redirection()
	case strings.IndexByte(";&|\n", c) >= 0:
		s.operator(c)
	case c == '(' || c == ')':
		s.current.Opaque = true
		s.opened = s.opened || c == '('
		s.add(string(c))
		s.at++
	default:
		s.add(s.text[s.at : s.at+1])
		s.at++
	}
}

func (s *splitter) add(text string) {
	s.inWord = true
	s.word.WriteString(text)
}

func (s *splitter) quoted(quote byte) {
	s.inWord = true
	for s.at++; s.at < len(s.text); {
		c := s.text[s.at]
		switch {
		case c == quote:
			s.at++
			return
		case quote == '"' && c == '\\' && s.at+1 < len(s.text):
			if strings.IndexByte("\"\\$`\n", s.text[s.at+1]) < 0 {
				s.add(`\`)
			}
			if s.text[s.at+1] != '\n' {
				s.add(s.text[s.at+1 : s.at+2])
			}
			s.at += 2
		case quote == '"' && (c == '$' || c == '`'):
			s.expansion()
		default:
			s.add(s.text[s.at : s.at+1])
			s.at++
		}
	}
	s.current.Opaque = true // the quote does not end
}

// expansion reads a variable. The output of a command and other expansions make the command opaque.
func (s *splitter) expansion() {
	start := s.at
	s.at++
	if s.text[start] == '`' || s.at == len(s.text) || s.text[s.at] == '(' {
		s.current.Opaque = s.current.Opaque || s.at < len(s.text)
		s.skipSubstitution(start)
		s.add(s.text[start:s.at])
		return
	}
	braces := s.text[s.at] == '{'
	if braces {
		s.at++
	}
	from := s.at
	for s.at < len(s.text) && isName(s.text[s.at]) {
		s.at++
	}
	name := s.text[from:s.at]
	if braces {
		if s.at == len(s.text) || s.text[s.at] != '}' {
			s.current.Opaque = true
			s.add(s.text[start:s.at])
			return
		}
		s.at++
	}
	value, ok := "", false
	if s.lookup != nil {
		value, ok = s.lookup(name)
	}
	if !ok {
		s.current.Unset = true
		value = s.text[start:s.at]
	}
	s.add(value)
}

// skipSubstitution steps over $(...) and `...`, so that the operators in it split nothing.
func (s *splitter) skipSubstitution(start int) {
	if s.text[start] == '`' {
		if end := strings.IndexByte(s.text[s.at:], '`'); end >= 0 {
			s.at += end + 1
		} else {
			s.at = len(s.text)
		}
		return
	}
	for depth := 0; s.at < len(s.text); {
		switch s.text[s.at] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if s.at++; depth == 0 {
			return
		}
	}
}

func isName(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (s *splitter) comment() {
	if end := strings.IndexByte(s.text[s.at:], '\n'); end >= 0 {
		s.at += end
	} else {
		s.at = len(s.text)
	}
}

// redirection steps over "<", ">>", "2>&1" and the like; the file that follows is no word of the command.
func (s *splitter) redirection() {
	if s.inWord && strings.Trim(s.word.String(), "0123456789") == "" {
		s.word.Reset()
		s.inWord = false
	}
	s.endWord()
	if strings.HasPrefix(s.text[s.at:], "<<") {
		s.current.Opaque = true
	}
	for s.at < len(s.text) && strings.IndexByte("<>", s.text[s.at]) >= 0 {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '&' {
		s.at++
	}
	s.redirect = true
}

// operator ends a command at ";", "&", "&&", "|", "||" or the end of a line.
func (s *splitter) operator(c byte) {
	end := s.at
	s.at++
	if s.at < len(s.text) && s.text[s.at] == c && c != '\n' {
		s.at++
	}
	if s.opened {
		s.endWord()
		return
	}
	if one := s.at == end+1; c == '|' || c == '&' && one { // what a pipe or "||" leads to is not a list of its own
		s.endWord()
		s.current.Opaque = true
		return
	}
	s.endCommand(end)
}

func (s *splitter) endWord() {
	if !s.inWord {
		return
	}
	word := s.word.String()
	s.word.Reset()
	s.inWord = false
	if s.redirect {
		s.redirect = false
		return
	}
	if len(s.current.Words) == 0 && compound(word) {
		s.opened, s.current.Opaque = true, true
	}
	s.current.Words = append(s.current.Words, word)
}

func (s *splitter) endCommand(end int) {
	s.endWord()
	s.redirect = false
	s.current.Text = strings.Join(strings.Fields(s.text[s.start:end]), " ")
	if len(s.current.Words) > 0 || s.current.Opaque {
		s.commands = append(s.commands, s.current)
	}
	s.current, s.start = Command{}, s.at
}

// Package dockerfile reads a Dockerfile: its stages and their instructions, with continuation lines joined, comments left
// out and heredocs apart. It carries out nothing, reads no other file, and leaves the meaning of an instruction to its
// caller. See the Dockerfile reference of docker.
//
// It is our own because the parser of BuildKit brings protobuf and containerd's typeurl, for the sake of its errors.
package dockerfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
)

// MaxBytes bounds a Dockerfile. The largest ones that people write have some tens of kilobytes.
const MaxBytes = 1 << 20

// maxInstructions bounds the instructions of a file; images have at most 127 layers.
const maxInstructions = 10_000

// File is a Dockerfile.
type File struct {
	Args   []Instruction // the ARG instructions before the first FROM
	Stages []Stage
}

// Stage is what follows one FROM.
type Stage struct {
	Line         int    // of FROM
	Base         string // the image or the stage that it starts from, as it is written
	Name         string // after AS, in lower case
	Platform     string // of --platform, as it is written
	Instructions []Instruction
}

// Instruction is one instruction with its arguments.
type Instruction struct {
	Line     int      // where it begins, from 1
	Last     int      // where it ends, with its heredocs
	Keyword  string   // in upper case
	Flags    []string // such as "from=builder", without the dashes
	Text     string   // the arguments as they are written, on one line
	List     []string // the arguments of the JSON form; nil for the other form
	Heredocs []Heredoc
}

// Heredoc is a text that follows an instruction.
type Heredoc struct {
	Name   string // the word that ends it
	Text   string
	Quoted bool // variables in it are not replaced
}

// Flag returns the value of a flag that may be given once.
func (i Instruction) Flag(name string) (string, bool) {
	for _, f := range i.Flags {
		if key, value, _ := strings.Cut(f, "="); key == name {
			return value, true
		}
	}
	return "", false
}

// Error is a fault of a Dockerfile.
type Error struct {
	Line int
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the exit code of wrong use.
func (e *Error) ExitCode() exit.Code { return exit.Usage }

// Parse reads a Dockerfile. The error is an *Error.
func Parse(data []byte) (File, error) {
	if len(data) > MaxBytes {
		return File{}, &Error{1, fmt.Errorf("expected a Dockerfile of at most %d bytes, found %d", MaxBytes, len(data))}
	}
	p := parser{lines: strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n"), escape: '\\'}
	p.directives()
	var f File
	for n := 0; ; n++ {
		i, err := p.next()
		if err != nil {
			return File{}, err
		}
		switch {
		case i == nil && len(f.Stages) == 0:
			return File{}, &Error{1, errors.New("expected an instruction FROM, found none")}
		case i == nil:
			return f, nil
		case n == maxInstructions:
			return File{}, &Error{i.Line, fmt.Errorf("more than %d instructions", maxInstructions)}
		case i.Keyword == "FROM":
			stage, err := from(*i)
			if err != nil {
				return File{}, err
			}
			f.Stages = append(f.Stages, stage)
		case len(f.Stages) > 0:
			last := &f.Stages[len(f.Stages)-1]
			last.Instructions = append(last.Instructions, *i)
		case i.Keyword == "ARG":
			f.Args = append(f.Args, *i)
		default:
			return File{}, &Error{i.Line, fmt.Errorf("expected FROM or ARG first, found %.40q", i.Keyword)}
		}
	}
}

func from(i Instruction) (Stage, error) {
	words := strings.Fields(i.Text)
	s := Stage{Line: i.Line}
	s.Platform, _ = i.Flag("platform")
	switch {
	case len(words) == 1:
	case len(words) == 3 && strings.EqualFold(words[1], "as"):
		s.Name = strings.ToLower(words[2])
	default:
		return s, &Error{i.Line, fmt.Errorf("expected FROM IMAGE [AS NAME], found FROM %.80q", i.Text)}
	}
	s.Base = words[0]
	return s, nil
}

// A parser goes through the lines of a file.
type parser struct {
	lines  []string
	at     int // the next line, from 0
	escape byte
}

// directives reads the comments at the top that set something; only escape matters here.
func (p *parser) directives() {
	form := regexp.MustCompile(`^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)
	for ; p.at < len(p.lines); p.at++ {
		m := form.FindStringSubmatch(strings.TrimRight(p.lines[p.at], "\r"))
		if m == nil {
			return
		}
		if strings.EqualFold(m[1], "escape") && m[2] == "`" {
			p.escape = '`'
		}
	}
}

// next returns the next instruction, or nil at the end.
func (p *parser) next() (*Instruction, error) {
	text, line := p.logical()
	if text == "" {
		return nil, nil
	}
	end := strings.IndexFunc(text, isSpace)
	if end < 0 {
		end = len(text)
	}
	i := Instruction{Line: line, Keyword: strings.ToUpper(text[:end]), Text: strings.TrimSpace(text[end:])}
	if slices.Contains([]string{"FROM", "COPY", "ADD", "RUN", "HEALTHCHECK"}, i.Keyword) {
		i.cutFlags()
	}
	if err := json.Unmarshal([]byte(i.Text), &i.List); err != nil || !strings.HasPrefix(i.Text, "[") {
		i.List = nil
	}
	if slices.Contains([]string{"COPY", "ADD", "RUN"}, i.Keyword) && i.List == nil {
		if err := p.heredocs(&i); err != nil {
			return nil, err
		}
	}
	i.Last = p.at
	return &i, nil
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' }

// cutFlags takes the words that begin with "--" from the front of the text.
func (i *Instruction) cutFlags() {
	for strings.HasPrefix(i.Text, "--") {
		end := strings.IndexFunc(i.Text, isSpace)
		if end < 0 {
			end = len(i.Text)
		}
		i.Flags = append(i.Flags, i.Text[2:end])
		i.Text = strings.TrimLeft(i.Text[end:], " \t")
	}
}

// logical returns the next line that is no comment, with its continuation lines, and its number from 1; "" at the end.
func (p *parser) logical() (text string, line int) {
	var b strings.Builder
	for p.at < len(p.lines) {
		raw := strings.TrimRight(p.lines[p.at], " \t\r")
		p.at++
		trimmed := strings.TrimLeft(raw, " \t")
		if trimmed == "" || trimmed[0] == '#' { // docker skips both also within an instruction
			continue
		}
		if line == 0 {
			line, raw = p.at, trimmed
		}
		if p.continues(raw) {
			b.WriteString(raw[:len(raw)-1])
			continue
		}
		b.WriteString(raw)
		break
	}
	return strings.TrimSpace(b.String()), line
}

// continues reports whether a line ends with the escape character, which a second one before it takes back.
func (p *parser) continues(line string) bool {
	n := len(line)
	return n > 0 && line[n-1] == p.escape && (n == 1 || line[n-2] != p.escape)
}

// heredocs reads the texts that an instruction announces with <<NAME.
func (p *parser) heredocs(i *Instruction) error {
	form := regexp.MustCompile(`(?:^|[ \t])\d*<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)(["']?)`)
	for _, m := range form.FindAllStringSubmatch(i.Text, -1) {
		if m[2] != m[4] {
			continue
		}
		doc := Heredoc{Name: m[3], Quoted: m[2] != ""}
		var lines []string
		for ended := false; !ended; {
			if p.at == len(p.lines) {
				return &Error{i.Line, fmt.Errorf("the text after <<%s does not end: no line is %q", doc.Name, doc.Name)}
			}
			line := strings.TrimSuffix(p.lines[p.at], "\r")
			p.at++
			if m[1] == "-" {
				line = strings.TrimLeft(line, "\t")
			}
			if ended = line == doc.Name; !ended {
				lines = append(lines, line)
			}
		}
		doc.Text = strings.Join(lines, "\n")
		i.Heredocs = append(i.Heredocs, doc)
	}
	return nil
}

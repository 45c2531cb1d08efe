package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/pyimg/pyimg/internal/termtext"
)

// MaxReply bounds what a Python may answer: some hundred parts of some values are a few kilobytes.
const MaxReply = 1 << 20

// The bounds of what is in a reply.
const (
	maxParts  = 256
	maxValues = 1000
	maxName   = 100
	maxTime   = 1e6 // seconds
	maxPeak   = 1 << 50
	maxLoops  = 1 << 40
)

// A Reply is what a Python answers.
type Reply struct {
	Python         string `json:"python"` // its version
	Implementation string `json:"implementation"`
	Parts          []Part `json:"parts"`
	Peak           int64  `json:"peak"`   // the most memory it had, in bytes; 0 if that is not known
	Wrong          string `json:"wrong"`  // how a result differs from what it must be
	Failed         string `json:"failed"` // why the program could not be run, such as a module that is missing
}

// A Part is what was measured of a part of a program: seconds of one loop.
type Part struct {
	Name  string    `json:"name"`
	Loops int       `json:"loops"`
	CPU   []float64 `json:"cpu"`
	Wall  []float64 `json:"wall"`
}

// ParseReply reads what a Python answered to a request. The Python may be anybody's: numbers that cannot be measured, names that
// cannot be printed and more than fits the request are errors.
func ParseReply(text []byte, r Request) (Reply, error) {
	var reply Reply
	if len(text) > MaxReply {
		return reply, fmt.Errorf("the answer has more than %s", termtext.Size(MaxReply))
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return reply, errors.New("it ended without an answer")
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return Reply{}, fmt.Errorf("reading the answer: %w", err)
	}
	reply.Wrong, reply.Failed = termtext.Line(reply.Wrong), termtext.Line(reply.Failed)
	if err := reply.check(r); err != nil {
		return Reply{}, fmt.Errorf("reading the answer: %w", err)
	}
	return reply, nil
}

func (r Reply) check(request Request) error {
	if !printable(r.Python) || !printable(r.Implementation) {
		return errors.New("the version is no text in a line")
	}
	if r.Peak < 0 || r.Peak > maxPeak {
		return fmt.Errorf("it had %d bytes of memory", r.Peak)
	}
	if r.Wrong != "" || r.Failed != "" {
		return nil // what was measured before that is not used
	}
	if len(r.Parts) == 0 || len(r.Parts) > maxParts {
		return fmt.Errorf("it measured %s, expected 1 to %d", termtext.Count(len(r.Parts), "part"), maxParts)
	}
	seen := make(map[string]bool)
	for _, p := range r.Parts {
		switch {
		case p.Name == "" || !printable(p.Name):
			return errors.New("the name of a part is no text in a line")
		case seen[p.Name]:
			return fmt.Errorf("it has the part %q twice", p.Name)
		case p.Loops < 1 || int64(p.Loops) > maxLoops:
			return fmt.Errorf("the part %q has %d loops", p.Name, p.Loops)
		case len(request.Loops) > 0 && request.Loops[p.Name] != p.Loops:
			return fmt.Errorf("the part %q has %d loops, expected %d", p.Name, p.Loops, request.Loops[p.Name])
		case len(p.CPU) != request.Values || len(p.Wall) != request.Values || request.Values > maxValues:
			return fmt.Errorf("the part %q has %d and %d times, expected %d", p.Name, len(p.CPU), len(p.Wall), request.Values)
		case !measurable(p.CPU) || !measurable(p.Wall):
			return fmt.Errorf("a time of the part %q is no time", p.Name)
		}
		seen[p.Name] = true
	}
	if n := len(request.Loops); n > 0 && n != len(r.Parts) {
		return fmt.Errorf("it measured %s, expected %d", termtext.Count(len(r.Parts), "part"), n)
	}
	return nil
}

// measurable reports whether times are such as clocks give.
func measurable(times []float64) bool {
	for _, t := range times {
		if math.IsNaN(t) || t <= 0 || t > maxTime {
			return false
		}
	}
	return true
}

// printable reports whether a text is short, in one line, and obeyed by no terminal.
func printable(s string) bool {
	if len(s) > maxName || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}

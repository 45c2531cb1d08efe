// Package newer writes down which locks are behind what there is now: as lines, as JSON, and as the text of a pull request.
package newer

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
)

// A Report is what was found of one lock.
type Report struct {
	Spec    string        `json:"spec"`
	Name    string        `json:"name"`
	Lock    string        `json:"lock"`
	Behind  bool          `json:"behind"`
	Changes []lock.Change `json:"changes"`
	Error   string        `json:"error,omitempty"` // why nothing is known
	Code    exit.Code     `json:"exit_code"`
}

// Lines are the changes, a line each.
func (r Report) Lines() []string {
	lines := make([]string, len(r.Changes))
	for i, c := range r.Changes {
		lines[i] = termtext.Line(where(c) + ": " + text(c))
	}
	return lines
}

// where names the platforms of a change.
func where(c lock.Change) string {
	names := make([]string, len(c.Platforms))
	for i, p := range c.Platforms {
		names[i] = p.String()
	}
	return strings.Join(names, ", ")
}

func text(c lock.Change) string {
	name := c.Name
	if c.Kind != lock.KindPackage {
		name = c.Kind + " " + name
	}
	switch {
	case c.Rebuilt:
		return fmt.Sprintf("%s %s was rebuilt", name, c.Now)
	case c.Locked == "":
		return fmt.Sprintf("+ %s %s", name, c.Now)
	case c.Now == "":
		return fmt.Sprintf("- %s %s", name, c.Locked)
	}
	return fmt.Sprintf("%s %s -> %s", name, c.Locked, c.Now)
}

// Package page puts what was measured into pages of Markdown, between marks that name the command which measured it.
package page

import (
	"fmt"
	"os"
	"strings"
)

// Put replaces what is between the marks of a command, such as "make bench-docs", in a file.
func Put(file, command, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begins, ends := marks(command)
	before, rest, hasBegin := strings.Cut(string(old), begins)
	_, after, hasEnd := strings.Cut(rest, ends)
	if !hasBegin || !hasEnd {
		return fmt.Errorf("putting what was measured into %q: it does not have the marks %q and %q", file, begins, ends)
	}
	return os.WriteFile(file, []byte(before+begins+text+ends+after), 0o644) //nolint:gosec // a page for everybody
}

// Get is what is between the marks in a page; false where they are missing.
func Get(text, command string) (string, bool) {
	begins, ends := marks(command)
	_, rest, hasBegin := strings.Cut(text, begins)
	found, _, hasEnd := strings.Cut(rest, ends)
	return found, hasBegin && hasEnd
}

func marks(command string) (begins, ends string) {
	return "<!-- measured by " + command + " -->\n\n", "\n<!-- end of what was measured -->\n"
}

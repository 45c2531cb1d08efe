package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// hinted says of a file that is no spec what it is, instead of all that is wrong with it as a spec.
func hinted(err error, name string, data []byte) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	dir, base := filepath.Split(name)
	what, flag := "", " --from "+base
	switch {
	case slices.ContainsFunc(e.Faults, func(f Fault) bool { return f.Field == "contents" }):
		what = "the configuration of apko"
	case regexp.MustCompile(`(?i)^(from|arg)\s+[^:\s]`).MatchString(firstLine(data)):
		what = "a Dockerfile"
	case base == "pyproject.toml" || base == "uv.lock" || strings.HasPrefix(base, "pylock.") || strings.HasPrefix(base, "requirements") && filepath.Ext(base) == ".txt":
		what, flag = "a file of a Python project", ""
	default:
		return err
	}
	if dir = filepath.Clean(dir); dir != "." {
		flag += " " + dir
	}
	return &Error{Faults: []Fault{{File: name, Msg: fmt.Sprintf("this is %s, not a spec; \"pyimg init%s\" writes a spec of it", what, flag)}}}
}

// firstLine is the first line of a text that has something in it and does not begin with "#".
func firstLine(data []byte) string {
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

// insteadOfFolder says which spec a folder has, or how to write one; "" for what is no folder.
func insteadOfFolder(name string) string {
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return ""
	}
	inside := filepath.Join(name, "pyimg.yaml")
	if _, err := os.Stat(inside); err == nil {
		return fmt.Sprintf("; did you mean %q?", inside)
	}
	return fmt.Sprintf("; \"pyimg init %s\" writes %s", name, inside)
}

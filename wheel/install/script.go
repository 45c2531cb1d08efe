package install

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/pyimg/pyimg/wheel/distinfo"
)

// script is what an entry point becomes.
type script struct {
	name   string
	module string
	text   []byte
}

// entryPointScripts are the scripts of console_scripts, then those of gui_scripts:
// where both have one name, the last wins.
func entryPointScripts(points []distinfo.EntryPoint, o Options) ([]script, error) {
	var scripts []script
	for _, group := range []string{"console_scripts", "gui_scripts"} {
		var own []distinfo.EntryPoint
		seen := make(map[string]bool)
		for _, p := range points {
			if p.Group != group {
				continue
			}
			if seen[p.Name] {
				return nil, fmt.Errorf("entry point %q is twice in [%s]", p.Name, group)
			}
			seen[p.Name] = true
			own = append(own, p)
		}
		if group == "console_scripts" {
			own = renameVersioned(own, o)
		}
		for _, p := range own {
			s, err := newScript(p, o.Interpreter)
			if err != nil {
				return nil, fmt.Errorf("entry point %q of [%s]: %w", p.Name, group, err)
			}
			scripts = append(scripts, s)
		}
	}
	return scripts, nil
}

// renameVersioned is pip's rule for pip and setuptools: their wheels were built by
// one Python and name its version, so the names are made anew for this one.
func renameVersioned(points []distinfo.EntryPoint, o Options) []distinfo.EntryPoint {
	minor := o.Target.Environment.PythonVersion
	var out, rest []distinfo.EntryPoint
	pip, easy := valueOf(points, "pip"), valueOf(points, "easy_install")
	add := func(value string, names ...string) {
		for _, name := range names {
			out = append(out, distinfo.EntryPoint{Group: "console_scripts", Name: name, Value: value})
		}
	}
	if pip != "" {
		add(pip, "pip", "pip3", "pip"+minor)
	}
	if easy != "" {
		add(easy, "easy_install", "easy_install-"+minor)
	}
	for _, p := range points {
		if pip != "" && isVersioned(p.Name, "pip", "", true) || easy != "" && isVersioned(p.Name, "easy_install", "-", false) {
			continue
		}
		rest = append(rest, p)
	}
	return append(out, rest...)
}

func valueOf(points []distinfo.EntryPoint, name string) string {
	for _, p := range points {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// isVersioned reports stem, or stem, separator and a version: pip, pip3, pip3.9,
// easy_install-3.6. short allows a version without a dot.
func isVersioned(name, stem, separator string, short bool) bool {
	rest, ok := strings.CutPrefix(name, stem)
	if !ok || rest == "" {
		return ok
	}
	rest, ok = strings.CutPrefix(rest, separator)
	major, minor, dot := strings.Cut(rest, ".")
	return ok && isDigits(major) && (dot && isDigits(minor) || !dot && short)
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func newScript(p distinfo.EntryPoint, interpreter string) (script, error) {
	if err := checkScriptName(p.Name); err != nil {
		return script{}, err
	}
	module, object, ok := splitObject(p.Value)
	if !ok {
		return script{}, fmt.Errorf("expected MODULE:OBJECT, with extras in brackets after it or none, not %.200q", p.Value)
	}
	first, _, _ := strings.Cut(object, ".")
	text := shebang(interpreter) + `# -*- coding: utf-8 -*-
import re
import sys
from ` + module + ` import ` + first + `
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])
    sys.exit(` + object + `())
`
	return script{p.Name, module, []byte(text)}, nil
}

// checkScriptName refuses what is no file name, what pip mangles, and the names
// of the interpreter.
func checkScriptName(name string) error {
	bare := strings.TrimSuffix(name, "t")
	switch {
	case name == "" || name == "." || name == ".." || len(name) > 255 || strings.HasPrefix(name, ".wh.") || name[0] == '[':
		return fmt.Errorf("it is no name of a script")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' || r == '\\' }):
		return fmt.Errorf("it is no name of a script: it has a blank, a slash or a control character")
	case isVersioned(bare, "python", "", true), name == "pythonw":
		return fmt.Errorf("a script of this name would replace the interpreter")
	}
	return nil
}

// splitObject reads MODULE:OBJECT [EXTRA, ...]. Like pip it takes no blank around
// the colon and wants an object.
func splitObject(value string) (module, object string, ok bool) {
	end := strings.IndexFunc(value, func(r rune) bool { return !isWord(r) && r != '.' && r != ':' })
	if end < 0 {
		end = len(value)
	}
	module, object, ok = strings.Cut(value[:end], ":")
	if !ok || !isDotted(module) || !isDotted(object) {
		return "", "", false
	}
	extras := strings.TrimSpace(value[end:])
	if extras == "" {
		return module, object, true
	}
	inner, opens := strings.CutPrefix(extras, "[")
	inner, closes := strings.CutSuffix(inner, "]")
	return module, object, opens && closes && areExtras(inner)
}

// isDotted reports words with dots between them.
func isDotted(text string) bool {
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !isWord(r) }) {
			return false
		}
	}
	return true
}

// areExtras reports what pip takes between the brackets; only the first may have a dash.
func areExtras(text string) bool {
	for i, extra := range strings.Split(text, ",") {
		name, value, pair := strings.Cut(strings.TrimSpace(extra), "=")
		if i == 0 {
			name = strings.ReplaceAll(name, "-", "_")
		}
		if name == "" || strings.Contains(name, ".") || !isDotted(name) || pair && !isDotted(value) {
			return false
		}
	}
	return true
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// maxShebang is how long a first line Linux reads, with "#!" and the line feed.
const maxShebang = 127

// shebang is the first line, or three lines that sh and Python both take where
// the interpreter's path is long or has a blank.
func shebang(interpreter string) string {
	quoted := interpreter
	if strings.Contains(interpreter, " ") {
		quoted = `"` + interpreter + `"`
	}
	if quoted == interpreter && len(interpreter)+3 <= maxShebang {
		return "#!" + interpreter + "\n"
	}
	return "#!/bin/sh\n'''exec' " + quoted + ` "$0" "$@"` + "\n' '''\n"
}

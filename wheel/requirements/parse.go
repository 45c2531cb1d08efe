package requirements

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/source"
)

// Bounds of included files.
const (
	maxFiles = 500
	maxDepth = 30
	maxLines = 100_000
)

// Set is what requirements files ask for.
type Set struct {
	Warnings []string
	// Indexes are the options that say where pip looks for packages: --index-url, --extra-index-url and --find-links, in their order.
	Indexes       []Option
	NoIndex       bool // --no-index: pip searches the folders of --find-links alone
	entries       []entry
	requireHashes bool
}

// Option is an option of a requirements file, by its long name.
type Option struct{ File, Name, Value string }

// entry is one requirement or constraint.
type entry struct {
	at          string // FILE:LINE
	requirement dependency.Requirement
	hashes      []source.Hash
	constraint  bool
}

// Parse reads the named files and those that they include. read reads a file; a
// path within a file is relative to that file. Where all faults are requirements that
// pyimg never installs (editable ones, URLs, paths), it returns the others with the error, so that a
// caller can report their faults, too. Else the set is nil.
func Parse(names []string, read func(name string) ([]byte, error)) (*Set, error) {
	p := parser{set: new(Set), read: read}
	for _, name := range names {
		p.file(name, false, nil, name)
	}
	if len(p.faults) > maxFaults {
		p.faults = append(p.faults[:maxFaults], fmt.Errorf("and %d more", len(p.faults)-maxFaults))
	}
	err := errors.Join(p.faults...)
	if err != nil {
		err = fmt.Errorf("reading requirements: %w", err)
	}
	if p.broken {
		return nil, err
	}
	return p.set, err
}

// maxFaults bounds how many faults one error lists.
const maxFaults = 50

type parser struct {
	set    *Set
	read   func(string) ([]byte, error)
	files  int
	lines  int
	faults []error
	broken bool // a fault is more than a refusal: what the files ask for is not known
}

// A refusal is the fault of a requirement that is understood, and that pyimg never installs.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return refusal{fmt.Sprintf(format, args...)} }

func (p *parser) fault(at string, err error) {
	if err == nil {
		return
	}
	p.faults = append(p.faults, fmt.Errorf("%s: %w", at, err))
	//nolint:errorlint // a refusal that is joined with another fault does not count
	if _, refused := err.(refusal); !refused {
		p.broken = true
	}
}

// file reads one file. within are the files that include it, and at is where.
func (p *parser) file(name string, constraint bool, within []string, at string) {
	switch p.files++; {
	case slices.Contains(within, name):
		p.fault(at, fmt.Errorf("%s includes itself", name))
		return
	case p.files > maxFiles || len(within) > maxDepth:
		p.fault(at, fmt.Errorf("more than %d files, or %d within each other", maxFiles, maxDepth))
		return
	}
	data, err := p.read(name)
	if err != nil {
		p.fault(at, err)
		return
	}
	if len(data) > MaxSize {
		p.fault(name, fmt.Errorf("it has more than %d bytes", MaxSize))
		return
	}
	lines, err := split(data)
	if err != nil {
		p.fault(name, err)
		return
	}
	if p.lines += len(lines); p.lines > maxLines {
		p.fault(name, fmt.Errorf("more than %d lines", maxLines))
		return
	}
	for _, l := range lines {
		at := fmt.Sprintf("%s:%d", name, l.number)
		p.fault(at, p.line(l.text, at, name, constraint, append(within, name)))
	}
}

// line reads a requirement with its options, or a line of options.
func (p *parser) line(text, at, name string, constraint bool, within []string) error {
	requirement, rest := splitOptions(text)
	words, err := shellWords(rest)
	if err != nil {
		return err
	}
	options, err := parseOptions(words)
	if err != nil {
		return err
	}
	if requirement == "" {
		return p.options(options, at, name, within)
	}
	return p.requirement(requirement, options, at, constraint)
}

// splitOptions cuts a line at the first word that begins with a dash.
func splitOptions(text string) (requirement, options string) {
	words := strings.Split(text, " ")
	for i, w := range words {
		if strings.HasPrefix(w, "-") {
			return strings.TrimSpace(strings.Join(words[:i], " ")), strings.Join(words[i:], " ")
		}
	}
	return text, ""
}

// options heeds a line that has options alone.
func (p *parser) options(options []option, at, name string, within []string) error {
	var faults []error
	for _, o := range options {
		switch o.name {
		case "--requirement", "--constraint":
			file, err := included(o.value, name)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			p.file(file, o.name == "--constraint", within, at) // as pip: -r within a constraints file installs
		case "--editable":
			faults = append(faults, refuse("%s %.200s is an editable project: if it is the project itself, export without it (uv: --no-emit-project) and bring it with files:; else make a wheel of it", o.name, redact.URL(o.value)))
		case "--require-hashes":
			p.set.requireHashes = true
		case "--hash":
			faults = append(faults, fmt.Errorf("--hash without a requirement"))
		case "--no-binary":
			if o.value != ":none:" {
				faults = append(faults, fmt.Errorf("--no-binary %.100s: pyimg installs wheels alone: make a wheel with \"pyimg wheels build\", and leave the option out", o.value))
			}
		default:
			p.set.NoIndex = p.set.NoIndex || o.name == "--no-index"
			if slices.Contains([]string{"--index-url", "--extra-index-url", "--find-links"}, o.name) {
				p.set.Indexes = append(p.set.Indexes, Option{name, o.name, o.value})
			}
			p.set.Warnings = append(p.set.Warnings, fmt.Sprintf("%s: %s has no effect: %s", at, o.name, noEffect(o.name)))
		}
	}
	if len(faults) == 1 {
		return faults[0]
	}
	return errors.Join(faults...)
}

// included is the path of a file that another one includes.
func included(value, from string) (string, error) {
	switch {
	case strings.Contains(value, "://"):
		return "", fmt.Errorf("%.200q is a URL: include files only", source.Name(value))
	case value == "":
		return "", fmt.Errorf("the name of the file to include is missing")
	}
	if err := refuseVariables(value); err != nil {
		return "", err
	}
	if filepath.IsAbs(value) || path.IsAbs(value) {
		return filepath.Clean(value), nil
	}
	return filepath.Join(filepath.Dir(from), filepath.FromSlash(value)), nil
}

// refuseVariables refuses ${NAME}, which pip would replace.
func refuseVariables(text string) error {
	for {
		_, after, ok := strings.Cut(text, "${")
		if !ok {
			return nil
		}
		if name, _, closed := strings.Cut(after, "}"); closed && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" {
			return fmt.Errorf("variable %.100s of the environment is not read: write the value", name)
		}
		text = after
	}
}

func (p *parser) requirement(text string, options []option, at string, constraint bool) error {
	if err := refuseVariables(text); err != nil {
		return err
	}
	r, err := dependency.ParseRequirement(text)
	scp := strings.HasPrefix(text, "git@") && !strings.Contains(text, "://") // git@HOST:PATH, which also reads as a project named git
	if err == nil && r.URL != "" && !scp {
		return refuseURL(r.Name, r.URL)
	}
	if location := refuseLocation(text); location != nil {
		return location
	}
	if err != nil {
		return err
	}
	e := entry{at: at, requirement: r, constraint: constraint}
	for _, o := range options {
		switch o.name {
		case "--hash":
			name, digest, _ := strings.Cut(o.value, ":")
			h, err := source.ParseHash(name, digest)
			if err != nil {
				return fmt.Errorf("%s: %w", r.Name, err)
			}
			e.hashes = append(e.hashes, h)
		case "--global-option", "--config-settings", "--config-setting":
			p.set.Warnings = append(p.set.Warnings, fmt.Sprintf("%s: %s has no effect: %s", at, o.name, noEffect(o.name)))
		default:
			return fmt.Errorf("%s: %s has no meaning after a requirement", r.Name, o.name)
		}
	}
	p.set.entries = append(p.set.entries, e)
	return nil
}

// refuseLocation refuses what pip takes for a URL, a file or a folder without a name.
func refuseLocation(text string) error {
	first, _, _ := strings.Cut(text, ";")
	first = strings.TrimSpace(first)
	switch {
	case strings.Contains(first, "://"), strings.HasPrefix(first, "file:"), strings.HasPrefix(first, "git@"):
		return refuseURL(clip(projectOf(first)), first)
	case first == "." || first == ".." || strings.HasSuffix(first, ".whl") || strings.ContainsAny(first, `/\`):
		return refuse("%.200q is the path of a project or a file: if it is the project itself, export without it (uv: --no-emit-project) and bring it with files:; else put its wheel into a folder, name that under wheels:, and pin NAME==VERSION here", first)
	}
	return nil
}

// projectOf is what a URL without a name in front calls its project: by #egg=NAME, or by the last part of its path, without
// a version (...@v1) and ".git". Nothing of a text that is no URL is told: it may be a password.
func projectOf(location string) string {
	const unknown = "the requirement"
	if rest, ok := strings.CutPrefix(location, "git@"); ok { // scp's form: git@HOST:PATH
		_, location, _ = strings.Cut(rest, ":")
	}
	u, err := url.Parse(location)
	if err != nil || strings.Contains(u.Fragment, "@") {
		return unknown
	}
	for _, part := range strings.Split(u.Fragment, "&") {
		if egg, ok := strings.CutPrefix(part, "egg="); ok {
			if r, err := dependency.ParseRequirement(egg); err == nil {
				return r.Name
			}
		}
	}
	at, _, _ := strings.Cut(u.Path, "@")
	name := strings.TrimSuffix(path.Base(at), ".git")
	if name == "." || name == "/" {
		return unknown
	}
	return name
}

// refuseURL says what to do in place of a URL. The URL is not printed: it may hold a password.
func refuseURL(what, url string) error {
	scheme, _, _ := strings.Cut(url, "://")
	for _, vcs := range []string{"git", "hg", "svn", "bzr"} {
		if scheme == vcs || strings.HasPrefix(scheme, vcs+"+") || strings.HasPrefix(url, vcs+"@") {
			return refuse("%s comes from a vcs (%s): make a wheel of it, put that into a folder, name the folder under wheels:, and pin NAME==VERSION here", what, vcs)
		}
	}
	return refuse("%s comes from a url: put the wheel into a folder, name that under wheels:, and pin NAME==VERSION here", what)
}

func clip(text string) string {
	if len(text) > 100 {
		return text[:100] + "..."
	}
	return text
}

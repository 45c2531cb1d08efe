package apk

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Op is the set of <, = and > that a dependency accepts, where = may be fuzzy. The zero value accepts every version.
type Op uint8

// The comparisons of apk-package(5) and apk-world(5).
const (
	OpAny     Op = 0
	OpEqual   Op = 1 // =
	OpLess    Op = 2 // <
	OpGreater Op = 4 // >
	opFuzzy   Op = 8 // with OpEqual: equal up to the length of the wanted version

	OpLessEqual    = OpLess | OpEqual    // <=
	OpGreaterEqual = OpGreater | OpEqual // >=
	OpFuzzy        = OpEqual | opFuzzy   // ~
	OpFuzzyLess    = OpLess | OpFuzzy    // <~
	OpFuzzyGreater = OpGreater | OpFuzzy // >~
	OpChecksum     = OpLess | OpGreater  // ><: the package that has this checksum
)

// String returns the operator as apk writes it, "" for OpAny.
func (o Op) String() string {
	switch o {
	case OpEqual:
		return "="
	case OpLess:
		return "<"
	case OpLessEqual:
		return "<="
	case OpGreater:
		return ">"
	case OpGreaterEqual:
		return ">="
	case OpFuzzy:
		return "~"
	case OpFuzzyLess:
		return "<~"
	case OpFuzzyGreater:
		return ">~"
	case OpChecksum:
		return "><"
	}
	return ""
}

// operatorBytes are the bytes between a name and a version, in any order and number.
const operatorBytes = "<>=~"

func parseOp(s string) Op {
	var o Op
	for i := range len(s) {
		switch s[i] {
		case '<':
			o |= OpLess
		case '>':
			o |= OpGreater
		case '=':
			o |= OpEqual
		case '~':
			o |= OpFuzzy
		}
	}
	return o
}

// Accepts reports whether version satisfies the comparison with want. A name that is provided without a version has the
// version "". For apk-tools 3 that is older than each version; with apk-tools 2 it satisfies no comparison.
func (o Op) Accepts(d Dialect, version, want string) bool {
	if o == OpAny {
		return true
	}
	if version == "" && d == Dialect2 {
		return false
	}
	switch d.compareVersions(version, want, o&opFuzzy != 0) {
	case -1:
		return o&OpLess != 0
	case 1:
		return o&OpGreater != 0
	default:
		return o&OpEqual != 0
	}
}

// Dependency is a constraint on a name, or something that a package provides. See apk-package(5). For Tag see
// apk-world(5).
type Dependency struct {
	Name     string
	Version  string // "" for OpAny; the checksum's text for OpChecksum
	Tag      string // without "@"; only in world
	Op       Op
	Conflict bool // "!": a package that matches must not be installed
}

// String returns the dependency as apk writes it. ParseDependency reads it back.
func (d Dependency) String() string {
	var b strings.Builder
	if d.Conflict {
		b.WriteByte('!')
	}
	b.WriteString(d.Name)
	if d.Tag != "" {
		b.WriteByte('@')
		b.WriteString(d.Tag)
	}
	if d.Op != OpAny {
		b.WriteString(d.Op.String())
		b.WriteString(d.Version)
	}
	return b.String()
}

// errBadVersion says that only the version of a dependency is invalid.
var errBadVersion = errors.New("invalid version")

// ParseDependency reads one dependency: [!]NAME[@TAG][OP VERSION], without spaces.
func ParseDependency(s string) (Dependency, error) {
	d, err := parseDependency(s)
	if err != nil {
		return Dependency{}, err
	}
	return d, nil
}

// parseDependency is ParseDependency, but if only the version is invalid, it returns the dependency together with
// errBadVersion: provides of an index count even so.
func parseDependency(s string) (Dependency, error) {
	const form = `want [!]NAME[@TAG][OP VERSION], OP one of = < <= > >= ~ ><`
	text, conflict := strings.CutPrefix(s, "!")
	end := nameEnd(text)
	name, tag, tagged := strings.Cut(text[:end], "@")
	d := Dependency{Name: name, Tag: tag, Conflict: conflict, Version: strings.TrimLeft(text[end:], operatorBytes)}
	operator := text[end : len(text)-len(d.Version)]
	d.Op = parseOp(operator)
	switch {
	case name == "", tagged && tag == "", strings.ContainsFunc(s, notInDependency):
		return Dependency{}, fmt.Errorf("parsing dependency %.80q: %s", s, form)
	case operator != "" && d.Version == "":
		return Dependency{}, fmt.Errorf("parsing dependency %.80q: no version after %q", s, operator)
	}
	return d.checkVersion(s)
}

// nameEnd returns where a name with its tag ends.
func nameEnd(s string) int {
	for i := range len(s) {
		if c := s[i]; '<' <= c && c <= '>' || c == '~' { // operatorBytes
			return i
		}
	}
	return len(s)
}

// maxVersion bounds the text of a version, since the solver compares versions often. Alpine's longest has some 40 bytes.
const maxVersion = 256

func (d Dependency) checkVersion(s string) (Dependency, error) {
	switch {
	case d.Op == OpAny:
	case d.Op&OpChecksum == OpChecksum && d.Op != OpChecksum: // "<>=": apk accepts every version then
		d.Op, d.Version = OpAny, ""
	case d.Op != OpChecksum && (len(d.Version) > maxVersion || !ValidVersion(d.Version)):
		return d, fmt.Errorf("parsing dependency %.80q: %w %.80q", s, errBadVersion, d.Version)
	}
	return d, nil
}

// notInDependency reports whether r is white space or could confuse a terminal.
func notInDependency(r rune) bool { return r == ' ' || r == utf8.RuneError || !unicode.IsPrint(r) }

// ParseDependencies reads a list of dependencies that are separated by spaces or line breaks, as in an index or a
// .PKGINFO. Tags are an error.
func ParseDependencies(s string) ([]Dependency, error) {
	ds, err := readDependencies(nil, s)
	if err != nil {
		return nil, err
	}
	return ds, nil
}

// readDependencies reads as apk does: it stops at a word that is not a dependency, and goes on after one with an
// invalid version. It returns all that it read together with the first error.
func readDependencies(ds []Dependency, s string) ([]Dependency, error) {
	var first error
	for s != "" {
		word := s
		if i := strings.IndexAny(s, separators); i >= 0 {
			word, s = s[:i], s[i+1:]
		} else {
			s = ""
		}
		if word == "" {
			continue
		}
		d, err := parseDependency(word)
		if err == nil && d.Tag != "" {
			err = fmt.Errorf("parsing dependency %.80q: a tag is only for world", word)
			return ds, cmp.Or(first, err)
		}
		if err != nil && !errors.Is(err, errBadVersion) {
			return ds, cmp.Or(first, err)
		}
		first = cmp.Or(first, err)
		ds = append(ds, d)
	}
	return ds, first
}

const separators = " \n"

// MatchesVersion reports whether a version satisfies the comparison. It ignores Conflict.
func (d Dependency) MatchesVersion(of Dialect, version string) bool {
	return d.Op.Accepts(of, version, d.Version)
}

package root

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// An InstalledPackage is a package as the database of a root has it.
type InstalledPackage struct {
	apk.Package
	Paths    []string         // of its files, without a leading slash; folders are left out
	Replaces []apk.Dependency // whose files it may overwrite, by name
}

// MayShare reports whether apk lets the two packages bring one file: one of them replaces the other, or they have one origin.
// Which of them the file is from then depends on priorities and dialect.
func (p InstalledPackage) MayShare(other InstalledPackage) bool {
	sameOrigin := p.Origin != "" && p.Origin == other.Origin
	return p.Name == other.Name || sameOrigin || p.mayReplace(other) || other.mayReplace(p)
}

func (p InstalledPackage) mayReplace(other InstalledPackage) bool {
	const most = 16 // entries of one name; a database that lists more is made to cost time
	i, _ := slices.BinarySearchFunc(p.Replaces, other.Name, func(d apk.Dependency, name string) int { return strings.Compare(d.Name, name) })
	for _, d := range p.Replaces[i:min(i+most, len(p.Replaces))] {
		if d.Name != other.Name || d.Conflict {
			continue
		}
		if d.MatchesVersion(apk.Dialect2, other.Version) || d.MatchesVersion(apk.Dialect3, other.Version) { // a root does not say which apk made it
			return true
		}
	}
	return false
}

// Bounds on the database of a root: Alpine's largest package has some 60,000 files, and a package may depend on
// thousands of others, all on one line.
const (
	maxInstalledLine     = 4 << 20
	maxInstalledPackages = 100_000
	maxInstalledPaths    = 2_000_000
	maxInstalledReplaces = 1000 // of one package; Alpine's largest list has some 20
)

// ReadInstalled reads lib/apk/db/installed of a root: its packages in the order in which they stand there. See apk-v2(5)
// for the fields.
func ReadInstalled(r io.Reader) ([]InstalledPackage, error) {
	var all []InstalledPackage
	for p, err := range EachInstalled(r) {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// EachInstalled is ReadInstalled for a database of any size: it holds one package at a time. An error is the last that it
// yields.
func EachInstalled(r io.Reader) iter.Seq2[InstalledPackage, error] {
	return func(yield func(InstalledPackage, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxInstalledLine)
		in := installedReader{}
		for n := 1; lines.Scan(); n++ {
			if err := in.line(lines.Text()); err != nil {
				yield(InstalledPackage{}, fmt.Errorf("reading apk's database, line %d: %w", n, err))
				return
			}
			if p, ended := in.take(); ended && !yield(p, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(InstalledPackage{}, fmt.Errorf("reading apk's database: %w", err))
			return
		}
		in.open = false
		if p, ended := in.take(); ended {
			yield(p, nil)
		}
	}
}

type installedReader struct {
	current         InstalledPackage
	open            bool // current is being read
	dir             string
	packages, paths int // so far
}

func (in *installedReader) line(text string) error {
	if text == "" {
		in.open = false
		return nil
	}
	field, value, ok := strings.Cut(text, ":")
	if !ok || len(field) != 1 {
		return fmt.Errorf("%.40q is not a field and its value, such as \"P:musl\"", text)
	}
	if !in.open {
		if in.packages++; in.packages > maxInstalledPackages {
			return fmt.Errorf("more than %d packages", maxInstalledPackages)
		}
		in.current, in.open, in.dir = InstalledPackage{}, true, ""
	}
	p := &in.current
	switch field {
	case "r":
		for word := range strings.FieldsSeq(value) {
			if d, err := apk.ParseDependency(word); err == nil && len(p.Replaces) < maxInstalledReplaces {
				p.Replaces = append(p.Replaces, d) // what is no dependency replaces nothing
			}
		}
	case "F":
		in.dir = value
	case "R":
		if in.paths++; in.paths > maxInstalledPaths {
			return fmt.Errorf("more than %d files", maxInstalledPaths)
		}
		p.Paths = append(p.Paths, strings.TrimPrefix(path.Join("/", in.dir, value), "/"))
	case "I":
		if err := p.SetField('I', value); err != nil {
			return fmt.Errorf("the size %.40q is not a number of bytes", value)
		}
	default:
		_ = p.SetField(field[0], value) // what cannot be read matters to nobody who reads a root
	}
	return nil
}

// take returns the package that was read last, once its end was. What has no name is left out.
func (in *installedReader) take() (p InstalledPackage, ended bool) {
	if in.open || in.current.Name == "" {
		return InstalledPackage{}, false
	}
	p, in.current = in.current, InstalledPackage{}
	slices.SortStableFunc(p.Replaces, func(a, b apk.Dependency) int { return strings.Compare(a.Name, b.Name) })
	return p, true
}

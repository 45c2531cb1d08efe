package root

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// An InstalledPackage is a package of a root's database.
type InstalledPackage struct {
	apk.Package
	Paths    []string         // the paths of its files, without a leading slash; no folders
	Replaces []apk.Dependency // packages whose files it may overwrite
	Tag      string           // the tag of the repository that it was installed from; mostly ""
}

// MayShare reports whether apk allows both packages to have the same file: one of them replaces the other, or they have
// the same origin. Priorities and dialect decide which package's file stays.
func (p InstalledPackage) MayShare(other InstalledPackage) bool {
	sameOrigin := p.Origin != "" && p.Origin == other.Origin
	return p.Name == other.Name || sameOrigin || p.mayReplace(other) || other.mayReplace(p)
}

func (p InstalledPackage) mayReplace(other InstalledPackage) bool {
	const most = 16 // entries with one name; a database with more is an attempt to waste time
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

// Bounds on the database of a root. Alpine's largest package has some 60,000 files. A package may depend on thousands of
// others, all on one line.
const (
	maxInstalledLine     = 4 << 20
	maxInstalledPackages = 100_000
	maxInstalledPaths    = 2_000_000
	maxInstalledReplaces = 1000 // of one package; Alpine's largest list has some 20
)

// ReadInstalled reads lib/apk/db/installed of a root. It returns the packages in the order of the file. See apk-v2(5)
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

// EachInstalled is ReadInstalled for a database of any size: it holds one package at a time. If there is an error, it
// is the last thing that EachInstalled yields.
func EachInstalled(r io.Reader) iter.Seq2[InstalledPackage, error] {
	return func(yield func(InstalledPackage, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxInstalledLine)
		in := installedReader{}
		for n := 1; lines.Scan(); n++ {
			if err := in.line(lines.Bytes()); err != nil {
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

func (in *installedReader) line(text []byte) error {
	if len(text) == 0 {
		in.open = false
		return nil
	}
	if len(text) < 2 || text[1] != ':' {
		return fmt.Errorf("%.40q is not a field and its value, such as \"P:musl\"", text)
	}
	if !in.open {
		if in.packages++; in.packages > maxInstalledPackages {
			return fmt.Errorf("more than %d packages", maxInstalledPackages)
		}
		in.current, in.open, in.dir = InstalledPackage{}, true, ""
	}
	p := &in.current
	if bytes.IndexByte([]byte("MaZ"), text[0]) >= 0 {
		return nil // attributes and checksums, as many as files; nobody needs them
	}
	switch value := string(text[2:]); text[0] {
	case 'r':
		for word := range strings.FieldsSeq(value) {
			if d, err := apk.ParseDependency(word); err == nil && len(p.Replaces) < maxInstalledReplaces {
				p.Replaces = append(p.Replaces, d) // an invalid entry is skipped: it replaces nothing
			}
		}
	case 's':
		p.Tag = value
	case 'F':
		in.dir = strings.TrimPrefix(path.Join("/", value), "/")
	case 'R':
		if in.paths++; in.paths > maxInstalledPaths {
			return fmt.Errorf("more than %d files", maxInstalledPaths)
		}
		p.Paths = append(p.Paths, in.pathOf(value))
	case 'I':
		if err := p.SetField('I', value); err != nil {
			return fmt.Errorf("the size %.40q is not a number of bytes", value)
		}
	default:
		_ = p.SetField(text[0], value) // an invalid value is skipped: no caller needs these fields to be valid
	}
	return nil
}

// pathOf returns the path of a file in the directory that was read last.
func (in *installedReader) pathOf(name string) string {
	if plain := name != "" && name != "." && name != ".." && !strings.Contains(name, "/"); plain {
		return join(in.dir, name)
	}
	return strings.TrimPrefix(path.Join("/", in.dir, name), "/")
}

// take returns the package that was read last, if it is complete. It skips a package without a name.
func (in *installedReader) take() (p InstalledPackage, ended bool) {
	if in.open || in.current.Name == "" {
		return InstalledPackage{}, false
	}
	p, in.current = in.current, InstalledPackage{}
	slices.SortStableFunc(p.Replaces, func(a, b apk.Dependency) int { return strings.Compare(a.Name, b.Name) })
	return p, true
}

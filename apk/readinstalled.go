package apk

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strings"
)

// An InstalledPackage is a package as the database of a root has it.
type InstalledPackage struct {
	Name, Version string
	Size          int64    // of its files, in bytes, as the index had it
	Paths         []string // of its files, without a leading slash; folders are left out
}

// Bounds on the database of a root: Alpine's largest package has some 60,000 files, and a package may depend on
// thousands of others, all on one line.
const (
	maxInstalledLine     = 4 << 20
	maxInstalledPackages = 100_000
	maxInstalledPaths    = 2_000_000
)

// ReadInstalled reads lib/apk/db/installed of a root: its packages in the order in which they stand there. See apk-v2(5)
// for the fields.
func ReadInstalled(r io.Reader) ([]InstalledPackage, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxInstalledLine)
	in := installedReader{}
	for n := 1; lines.Scan(); n++ {
		if err := in.line(lines.Text()); err != nil {
			return nil, fmt.Errorf("reading apk's database, line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading apk's database: %w", err)
	}
	return in.end(), nil
}

type installedReader struct {
	packages []InstalledPackage
	open     bool // the last package is being read
	dir      string
	paths    int
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
		if len(in.packages) >= maxInstalledPackages {
			return fmt.Errorf("more than %d packages", maxInstalledPackages)
		}
		in.packages = append(in.packages, InstalledPackage{})
		in.open, in.dir = true, ""
	}
	p := &in.packages[len(in.packages)-1]
	switch field {
	case "P":
		p.Name = value
	case "V":
		p.Version = value
	case "I":
		if _, err := fmt.Sscanf(value, "%d", &p.Size); err != nil || p.Size < 0 {
			return fmt.Errorf("the size %.40q is not a number of bytes", value)
		}
	case "F":
		in.dir = value
	case "R":
		if in.paths++; in.paths > maxInstalledPaths {
			return fmt.Errorf("more than %d files", maxInstalledPaths)
		}
		p.Paths = append(p.Paths, strings.TrimPrefix(path.Join("/", in.dir, value), "/"))
	}
	return nil
}

// end leaves out what has no name.
func (in *installedReader) end() []InstalledPackage {
	named := in.packages[:0]
	for _, p := range in.packages {
		if p.Name != "" {
			named = append(named, p)
		}
	}
	return named
}

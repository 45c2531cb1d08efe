package spec

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/registryurl"
)

// Asked reports whether the spec asks for any wheel.
func (p Python) Asked() bool {
	return p.Lock != "" || p.Locks != nil || len(p.Requirements) > 0 || len(p.Files()) > 0
}

// Files returns the .whl files that Wheels names.
func (p Python) Files() []string {
	return slices.DeleteFunc(slices.Clone(p.Wheels), func(w string) bool { return !isWheel(w) })
}

// Indexes returns the folders, URLs and references of Wheels.
func (p Python) Indexes() []string {
	return slices.DeleteFunc(slices.Clone(p.Wheels), isWheel)
}

// LockFor returns the lock for a platform, or "" if there is none.
func (p Python) LockFor(platform Platform) string {
	if p.Locks != nil {
		return p.Locks[platform]
	}
	return p.Lock
}

func isWheel(name string) bool {
	return strings.HasSuffix(name, ".whl") && !IsURL(name) && !registryurl.IsReference(name)
}

// Faults reports fields that contradict each other.
func (p Python) Faults() []string {
	var faults []string
	say := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, text)
		}
	}
	locked := p.Lock != "" || p.Locks != nil
	say(locked && len(p.Requirements) > 0, "lock and requirements exclude each other: name one of them")
	say(!locked && (len(p.Extras) > 0 || p.Groups != nil), "extras and groups need a lock")
	say(locked && p.NoDeps, "no_deps is for requirements: a lock names all packages")
	say(!p.Asked() && (len(p.Wheels) > 0 || p.Target != ""), "no packages are named: name a lock, requirements, or .whl files under wheels")
	return faults
}

// SetLock replaces the lock or requirements by a file; relative paths start from the working directory. A name that ends in .txt
// or .in is a requirements file.
func (p *Python) SetLock(name string) error {
	abs, err := filepath.Abs(name)
	if err != nil {
		return fmt.Errorf("finding %q: %w", name, err)
	}
	p.Lock, p.Locks, p.Requirements = "", nil, nil
	if ext := filepath.Ext(name); ext == ".txt" || ext == ".in" {
		p.Requirements, p.Extras, p.Groups = []string{abs}, nil, nil
		return nil
	}
	p.Lock, p.NoDeps = abs, false
	return nil
}

// AddWheels adds folders, index URLs, references of registries and .whl files before those of the spec; paths start from the working directory.
func (p *Python) AddWheels(names []string) error {
	var added []string
	for _, name := range names {
		if err := checkWheels(name); err != nil {
			return err
		}
		if !IsURL(name) && !registryurl.IsReference(name) {
			abs, err := filepath.Abs(name)
			if err != nil {
				return fmt.Errorf("finding %q: %w", name, err)
			}
			name = abs
		}
		added = append(added, name)
	}
	p.Wheels = append(added, p.Wheels...)
	return nil
}

func checkWheels(v string) error {
	switch scheme, _, isURL := strings.Cut(v, "://"); {
	case v == "":
		return errors.New("expected a folder, the URL of an index, oci:HOST/REPOSITORY:TAG or a .whl file, found nothing")
	case registryurl.IsReference(v):
		_, err := registryurl.ParseReference(v)
		return err
	case isURL && scheme != "http" && scheme != "https":
		return fmt.Errorf("expected a folder, an http or https URL, oci:HOST/REPOSITORY:TAG or a .whl file; wheels are not read from %.20q", v)
	}
	return nil
}

func (d decoder) python(p *Python, at string, n ast.Node) {
	before := d.Faults()
	d.Mapping(at, n, d.pythonFields(p))
	if d.Faults() == before {
		for _, fault := range p.Faults() {
			d.FaultAt(n, at, "%s", fault)
		}
	}
}

// pythonFields is the table of the fields of python.
func (d decoder) pythonFields(p *Python) fields {
	return fields{
		row("lock", func(path string, n ast.Node) { d.pythonLock(p, path, n) }, byPlatformYAML(p.Lock, p.Locks)),
		row("requirements", d.List(func(v string) error { p.Requirements = append(p.Requirements, v); return checkInput(v) }), p.Requirements),
		row("extras", d.List(func(v string) error { p.Extras = append(p.Extras, v); return nil }), p.Extras),
		row("groups", func(path string, n ast.Node) {
			p.Groups = []string{}
			d.List(func(v string) error { p.Groups = append(p.Groups, v); return nil })(path, n)
		}, listed(p.Groups)), // none is not the lock's default
		row("no_deps", d.Text(func(v string) error {
			if p.NoDeps = v == "true"; !p.NoDeps && v != "false" {
				return fmt.Errorf("expected true or false, found %q", v)
			}
			return nil
		}), p.NoDeps),
		row("wheels", WheelsField(d.Decoder, &p.Wheels, &p.Mirrors, checkWheels), d.wheelsYAML(p)),
		row("target", d.Text(func(v string) error { p.Target = path.Clean(v); return CheckAbsolute(v) }), p.Target),
	}
}

// given is a list that is written even if it is empty.
type given []string

// listed is the value to write for a list that a spec may give without items; nil for one that it does not give.
func listed(words []string) any {
	if words == nil {
		return nil
	}
	return given(words)
}

// checkInput accepts the name of a lock or a requirements file.
func checkInput(v string) error {
	if v == "" || IsURL(v) {
		return fmt.Errorf("expected a file, found %q", v)
	}
	return nil
}

func (d decoder) pythonLock(p *Python, path string, n ast.Node) {
	if _, perPlatform := n.(*ast.MappingNode); !perPlatform {
		d.Text(func(v string) error { p.Lock = v; return checkInput(v) })(path, n)
		return
	}
	p.Locks = make(map[Platform]string)
	d.byPlatform(path, n, func(platform Platform, v string) error { p.Locks[platform] = v; return checkInput(v) })
}

// InputFiles returns the lock and requirements files, sorted, as the spec names them.
func (p Python) InputFiles() []string {
	files := slices.Concat(p.Requirements, slices.Collect(maps.Values(p.Locks)))
	if p.Lock != "" {
		files = append(files, p.Lock)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

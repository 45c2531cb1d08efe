package pylock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
)

// Options are what is wanted of a lock.
type Options struct {
	Extras []string
	Groups []string // dependency groups; nil means the lock's default groups, which a uv.lock does not have
	// Completer is asked for a wheel where the lock has none for a platform; nil means that such a platform is a fault.
	Completer Completer
}

// Completer finds wheels that a lock does not name: pip locks only those of the
// machine that it runs on. Its error is source.ErrNoFit where there is none.
type Completer interface {
	Complete(ctx context.Context, project string, v version.Version, t target.Target) (source.File, error)
}

// Select returns the wheels of each target, sorted by file name, or one error with
// all faults. The error is source.ErrNoFit where a platform has no wheel.
func (l *Lock) Select(ctx context.Context, targets []target.Target, o Options) ([][]source.File, error) {
	var faults faults
	faults.add(l.checkNames("extra", o.Extras, l.document.Extras))
	faults.add(l.checkNames("group", o.Groups, l.document.Groups))
	selected := make([][]source.File, len(targets))
	for i, t := range targets {
		s := selector{lock: l, target: t, options: o, faults: &faults}
		selected[i] = s.run(ctx)
	}
	if err := faults.join(); err != nil {
		return nil, fmt.Errorf("selecting wheels of lock %s: %w", l.name, err)
	}
	return selected, nil
}

// Wheels are all wheels that the lock lists, for any platform. Packages with a fault are left out.
func (l *Lock) Wheels() []source.File {
	packages := l.document.Packages
	if l.graph != nil {
		packages = l.graph.packages
	}
	var all []source.File
	for i := range packages {
		files, err := packages[i].files()
		if err == nil {
			all = append(all, files...)
		}
	}
	return all
}

// checkNames reports which of the names that are asked for the lock does not have.
func (l *Lock) checkNames(kind string, asked, have []string) error {
	var missing []error
	for _, name := range asked {
		known := slices.ContainsFunc(have, func(h string) bool { return dependency.Normalize(h) == dependency.Normalize(name) })
		if !known {
			missing = append(missing, fmt.Errorf("%s %s is not in the lock, which has %s", kind, name, listed(have)))
		}
	}
	return errors.Join(missing...)
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// selector selects for one platform.
type selector struct {
	lock    *Lock
	target  target.Target
	env     dependency.Environment
	options Options
	faults  *faults
}

func (s *selector) run(ctx context.Context) []source.File {
	d := s.lock.document
	groups := s.options.Groups
	if groups == nil {
		groups = d.DefaultGroups
	}
	s.env = s.target.Environment.WithLock(s.options.Extras, groups)
	if err := s.checkPython(d.RequiresPython, "the lock"); err != nil {
		s.faults.add(err)
		return nil
	}
	if err := s.checkEnvironments(); err != nil {
		s.faults.add(err)
		return nil
	}
	var files []source.File
	seen := make(map[string]bool)
	for _, p := range s.packages() {
		if name := dependency.Normalize(p.Name); seen[name] {
			s.faults.add(fmt.Errorf("package %q is there twice for %s: their markers must exclude each other", p.Name, s.target.Platform))
			continue
		} else {
			seen[name] = true
		}
		f, err := s.choose(ctx, p)
		if err != nil {
			s.faults.add(err)
			continue
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b source.File) int { return strings.Compare(a.Filename.Text, b.Filename.Text) })
	return files
}

// packages are those that apply to the platform, each with a sound name.
func (s *selector) packages() []*pkg {
	if g := s.lock.graph; g != nil {
		return g.reach(s.target.Environment.WithExtra(""), s.options, s.faults)
	}
	var found []*pkg
	for i := range s.lock.document.Packages {
		p := &s.lock.document.Packages[i]
		applies, err := s.applies(p)
		s.faults.add(err)
		if applies {
			found = append(found, p)
		}
	}
	return found
}

func (s *selector) checkPython(requires, whose string) error {
	specifiers, err := version.ParseSpecifiers(requires)
	if err != nil {
		return fmt.Errorf("requires-python of %s: %w", whose, err)
	}
	if !specifiers.Contains(s.target.Python) {
		return fmt.Errorf("requires-python of %s is %s, and the Python of %s is %s: lock for that Python, or take another runtime", whose, specifiers, s.target.Platform, s.target.Python)
	}
	return nil
}

// checkEnvironments wants one of the environments that the lock was made for.
func (s *selector) checkEnvironments() error {
	environments := s.lock.document.Environments
	for _, text := range environments {
		m, err := dependency.ParseMarker(text)
		if err != nil {
			return fmt.Errorf("environments: %w", err)
		}
		if applies, err := m.Applies(s.env); err != nil || applies {
			return err
		}
	}
	if len(environments) > 0 {
		return fmt.Errorf("no environment of the lock is that of %s (it has %.300q): lock for this platform too", s.target.Platform, strings.Join(environments, "; "))
	}
	return nil
}

func (s *selector) applies(p *pkg) (bool, error) {
	if err := dependency.CheckName(p.Name); err != nil {
		return false, fmt.Errorf("a package of the lock: %w", err)
	}
	if p.Marker == "" {
		return true, nil
	}
	m, err := dependency.ParseMarker(p.Marker)
	if err == nil {
		var applies bool
		if applies, err = m.Applies(s.env); err == nil {
			return applies, nil
		}
	}
	return false, fmt.Errorf("package %q: %w", p.Name, err)
}

// choose is the best wheel of a package, or why there is none.
func (s *selector) choose(ctx context.Context, p *pkg) (source.File, error) {
	if err := s.checkPython(p.RequiresPython, fmt.Sprintf("package %q", p.Name)); err != nil {
		return source.File{}, err
	}
	if err := p.checkKind(); err != nil {
		return source.File{}, err
	}
	files, err := p.files()
	if err != nil {
		return source.File{}, fmt.Errorf("package %q: %w", p.Name, err)
	}
	names := make([]tag.Filename, len(files))
	for i := range files {
		names[i] = files[i].Filename
	}
	if best := s.target.Tags.Best(names); best >= 0 {
		return files[best], nil
	}
	return s.complete(ctx, p)
}

// complete asks the completer for a wheel that the lock does not have.
func (s *selector) complete(ctx context.Context, p *pkg) (source.File, error) {
	v, err := version.Parse(p.Version)
	if s.options.Completer != nil && err == nil {
		f, err := s.options.Completer.Complete(ctx, dependency.Normalize(p.Name), v, s.target)
		if err == nil || !errors.Is(err, source.ErrNoFit) {
			return f, err
		}
	}
	if len(p.Wheels) == 0 && len(p.Sdist) > 0 {
		return source.File{}, source.NoFit("package %q has an sdist and no wheel: make a wheel of it with \"pyimg wheels build\" and name its folder under wheels:", p.Name)
	}
	return source.File{}, source.NoFit("no wheel of %s for %s: lock for this platform too, or name an index under wheels: that has one, or make one with \"pyimg wheels build\"",
		p.Name, s.target.Platform)
}

// checkKind refuses packages that are no wheels.
func (p *pkg) checkKind() error {
	switch {
	case p.Directory != nil:
		return fmt.Errorf("package %q is a directory: if it is the project itself, export the lock without it (uv: --no-emit-project) and bring it with files:; else make a wheel of it", p.Name)
	case p.VCS != nil:
		return fmt.Errorf("package %q is a vcs checkout: make a wheel of it, and lock that", p.Name)
	case p.Archive != nil:
		return fmt.Errorf("package %q is an archive: make a wheel of it, and lock that", p.Name)
	}
	return nil
}

// files are the wheels of the package, all of which must be sound.
func (p *pkg) files() ([]source.File, error) {
	files := make([]source.File, len(p.Wheels))
	for i, w := range p.Wheels {
		f, err := w.source()
		if err != nil {
			return nil, err
		}
		if f.Filename.Name != dependency.Normalize(p.Name) {
			return nil, fmt.Errorf("wheel %q has the name of another project", f.Filename.Text)
		}
		if p.Version != "" {
			if v, err := version.Parse(p.Version); err != nil || v.Compare(f.Filename.Version) != 0 {
				return nil, fmt.Errorf("wheel %q has another version than %.50q", f.Filename.Text, p.Version)
			}
		}
		files[i] = f
	}
	return files, nil
}

func (w file) source() (f source.File, err error) {
	location := w.Path
	if location == "" {
		location = w.URL
	}
	name := w.Name
	if name == "" {
		name = source.Name(location)
	}
	if f.Filename, err = tag.ParseFilename(name); err != nil {
		return f, err
	}
	if location == "" {
		return f, fmt.Errorf("wheel %q has no url and no path", name)
	}
	if w.Size < 0 {
		return f, fmt.Errorf("wheel %q has a size of %d bytes", name, w.Size)
	}
	if f.Hashes, err = source.ParseHashes(w.Hashes); err != nil {
		return f, fmt.Errorf("wheel %q: %w", name, err)
	}
	f.URL, f.Path, f.Size = w.URL, w.Path, w.Size
	return f, nil
}

// maxFaults bounds how many faults one error lists.
const maxFaults = 50

// faults collects errors; of equal ones, such as those of several platforms, one stays.
type faults struct {
	all  []error
	seen map[string]bool
}

func (f *faults) add(err error) {
	if err == nil || f.seen[err.Error()] {
		return
	}
	if f.seen == nil {
		f.seen = make(map[string]bool)
	}
	f.seen[err.Error()] = true
	f.all = append(f.all, err)
}

func (f *faults) join() error {
	if len(f.all) > maxFaults {
		f.all = append(f.all[:maxFaults], fmt.Errorf("and %d more", len(f.all)-maxFaults))
	}
	return errors.Join(f.all...)
}

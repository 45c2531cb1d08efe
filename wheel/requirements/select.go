package requirements

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
)

// Finder lists the wheels of a project: the caller asks its indexes in turn. The
// name is normalised. No wheels is no error.
type Finder interface {
	Files(ctx context.Context, project string) ([]source.File, error)
}

// Selection is what one platform takes.
type Selection struct {
	Files  []source.File       // sorted by file name
	Extras map[string][]string // that are asked for, by normalised name; for distinfo.Check
}

// Select returns what each target takes, or one error with all faults. The error
// is source.ErrNoFit where a platform has no wheel. Pins without a hash are warnings.
func (s *Set) Select(ctx context.Context, targets []target.Target, finder Finder) ([]Selection, []string, error) {
	x := selector{set: s, finder: finder, listed: make(map[string]listing), said: make(map[string]bool)}
	selections := make([]Selection, len(targets))
	for i, t := range targets {
		selections[i] = x.run(ctx, t)
	}
	if len(x.faults) > maxFaults {
		x.faults = append(x.faults[:maxFaults], fmt.Errorf("and %d more", len(x.faults)-maxFaults))
	}
	if err := errors.Join(x.faults...); err != nil {
		return nil, nil, fmt.Errorf("selecting wheels of requirements: %w", err)
	}
	return selections, x.warnings, nil
}

// Check returns the faults that are known without an index: requirements that name no version, or exclude each other.
func (s *Set) Check(ctx context.Context, targets []target.Target) error {
	_, _, err := s.Select(ctx, targets, nil)
	return err
}

type selector struct {
	set      *Set
	finder   Finder
	listed   map[string]listing
	said     map[string]bool // faults and warnings
	faults   []error
	warnings []string
}

// listing is what the finder said of a project.
type listing struct {
	files []source.File
	err   error
}

// fault adds an error unless another platform had the same.
func (x *selector) fault(err error) {
	if text := err.Error(); !x.said[text] {
		x.said[text] = true
		x.faults = append(x.faults, err)
	}
}

func (x *selector) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !x.said[text] {
		x.said[text] = true
		x.warnings = append(x.warnings, text)
	}
}

// project is what the files ask of one project on one platform.
type project struct {
	name       string
	at         string // of its first requirement
	asked      bool   // by a requirement, not a constraint alone
	extras     []string
	specifiers []version.Specifiers
	seen       map[string]bool // specifiers as text
	hashes     []source.Hash   // that all lines with hashes allow
	hashed     bool            // a line has hashes
	unhashed   string          // the first requirement without a hash
}

func (x *selector) run(ctx context.Context, t target.Target) Selection {
	selection := Selection{Extras: make(map[string][]string)}
	projects := x.collect(t)
	for _, name := range slices.Sorted(maps.Keys(projects)) {
		p := projects[name]
		if !p.asked {
			continue
		}
		f, err := x.choose(ctx, p, t)
		if err != nil {
			x.fault(err)
			continue
		}
		selection.Files = append(selection.Files, f)
		if len(p.extras) > 0 {
			selection.Extras[name] = p.extras
		}
	}
	slices.SortFunc(selection.Files, func(a, b source.File) int { return cmp.Compare(a.Filename.Text, b.Filename.Text) })
	return selection
}

// maxSpecifiers bounds the different requirements of one project: each file of the
// project is held against all of them.
const maxSpecifiers = 100

// collect joins the entries that apply to a platform by project.
func (x *selector) collect(t target.Target) map[string]*project {
	projects := make(map[string]*project)
	for _, e := range x.set.entries {
		applies, err := e.requirement.Marker.Applies(t.Environment.WithExtra(""))
		if err != nil {
			x.fault(fmt.Errorf("%s: %w", e.at, err))
			continue
		}
		if !applies {
			continue
		}
		name := dependency.Normalize(e.requirement.Name)
		p, ok := projects[name]
		if !ok {
			p = &project{name: name, at: e.at, seen: make(map[string]bool)}
			projects[name] = p
		}
		if !e.constraint {
			if !p.asked {
				p.at = e.at
			}
			p.asked = true
			p.extras = append(p.extras, e.requirement.Extras...)
			if len(e.hashes) == 0 {
				p.unhashed = cmp.Or(p.unhashed, e.at)
			}
		}
		p.allow(e.hashes)
		if text := e.requirement.Specifiers.String(); text != "" && !p.seen[text] {
			p.seen[text] = true
			p.specifiers = append(p.specifiers, e.requirement.Specifiers)
		}
		if len(p.specifiers) > maxSpecifiers {
			x.fault(fmt.Errorf("%s: %s has more than %d different requirements", e.at, name, maxSpecifiers))
			return nil
		}
	}
	return projects
}

// allow narrows the hashes to those that more has, too, as pip does.
func (p *project) allow(more []source.Hash) {
	if len(more) == 0 {
		return
	}
	if !p.hashed {
		p.hashes, p.hashed = more, true
		return
	}
	both := make(map[source.Hash]bool, len(more))
	for _, h := range more {
		both[h] = true
	}
	p.hashes = slices.DeleteFunc(slices.Clone(p.hashes), func(h source.Hash) bool { return !both[h] })
}

// needsHashes reports pip's hash mode: one hash makes all requirements need one.
func (s *Set) needsHashes() bool {
	return s.requireHashes || slices.ContainsFunc(s.entries, func(e entry) bool { return !e.constraint && len(e.hashes) > 0 })
}

// choose is the wheel that a project's pin takes.
func (x *selector) choose(ctx context.Context, p *project, t target.Target) (source.File, error) {
	pin, err := p.pin()
	switch {
	case err != nil:
		return source.File{}, fmt.Errorf("%s: %w", p.at, err)
	case p.hashed && len(p.hashes) == 0:
		return source.File{}, fmt.Errorf("%s: the lines of %s have no --hash in common", p.at, p.name)
	case x.set.needsHashes() && !p.hashed:
		return source.File{}, fmt.Errorf("%s: %s has no --hash, and others have one: lock with hashes (uv export, pip-compile --generate-hashes)", cmp.Or(p.unhashed, p.at), p.name)
	case len(p.hashes) == 0:
		x.warn("%s: %s has no --hash: its wheel is taken as it is found, and pyimg.lock keeps its hash", p.at, p.name)
	}
	if x.finder == nil { // see Check
		return source.File{}, nil
	}
	l, ok := x.listed[p.name]
	if !ok {
		l.files, l.err = x.finder.Files(ctx, p.name)
		x.listed[p.name] = l
	}
	if l.err != nil {
		return source.File{}, l.err
	}
	return p.best(l.files, pin, t)
}

// pin is the one version that the requirements and constraints name. Of ==1.0 and
// ==1.0+local it is the latter.
func (p *project) pin() (version.Version, error) {
	var conflict error
	for _, s := range p.specifiers {
		pin, ok := s.Pin()
		if !ok {
			continue
		}
		other := slices.IndexFunc(p.specifiers, func(o version.Specifiers) bool { return !o.Contains(pin) })
		if other < 0 {
			return pin, nil
		}
		if conflict == nil {
			conflict = fmt.Errorf("%s is asked for as %s and as %s, which exclude each other", p.name, s, p.specifiers[other])
		}
	}
	if conflict != nil {
		return version.Version{}, conflict
	}
	var all []string
	for _, s := range p.specifiers {
		all = append(all, s.String())
	}
	return version.Version{}, fmt.Errorf("%s%s names no version by ==: lock it first (uv export, or pip-compile --generate-hashes)", p.name, strings.Join(all, " and "))
}

// best is the best wheel among the files of a project.
func (p *project) best(files []source.File, pin version.Version, t target.Target) (source.File, error) {
	fitting, others := p.fitting(files, t)
	if len(fitting) == 0 {
		return source.File{}, source.NoFit("%s: no wheel of %s %s for %s (%s): name an index under wheels: that has one, or make one with \"pyimg wheels build\"",
			p.at, p.name, pin, t.Platform, instead(files, others))
	}
	allowed := fitting
	if len(p.hashes) > 0 {
		allowed = slices.DeleteFunc(slices.Clone(fitting), func(f source.File) bool { return !p.allows(f) })
	}
	if len(allowed) == 0 {
		return source.File{}, fmt.Errorf("%s: no wheel of %s %s for %s has a hash that is allowed: %q has sha256:%s", p.at, p.name, pin, t.Platform, fitting[0].Filename.Text, fitting[0].Hashes["sha256"])
	}
	names := make([]tag.Filename, len(allowed))
	for i, f := range allowed {
		names[i] = f.Filename
	}
	f := allowed[t.Tags.Best(names)]
	f.AnyOf = p.hashes
	return f, nil
}

// instead says what there is in place of a wheel that is missing.
func instead(files, others []source.File) string {
	if len(files) == 0 {
		return "there is none of any version: is the name right?"
	}
	if len(others) > 0 {
		names := make([]string, len(others))
		for i, f := range others {
			names[i] = f.Filename.Text
		}
		slices.Sort(names)
		return "there is " + few(names)
	}
	versions := make([]version.Version, len(files))
	for i, f := range files {
		versions[i] = f.Filename.Version
	}
	slices.SortFunc(versions, func(a, b version.Version) int { return b.Compare(a) })
	names := make([]string, len(versions))
	for i, v := range versions {
		names[i] = v.String()
	}
	return "there is " + few(slices.Compact(names))
}

// few joins the first names of many.
func few(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// fitting are the wheels of the newest version that is asked for; ==1.0 also takes
// 1.0+local. others are those that the platform does not take.
func (p *project) fitting(files []source.File, t target.Target) (fitting, others []source.File) {
	for _, f := range files {
		switch {
		case !p.contains(f.Filename.Version):
			continue
		case !t.Tags.Fits(f.Filename):
			others = append(others, f)
			continue
		case len(fitting) > 0:
			newer := f.Filename.Version.Compare(fitting[0].Filename.Version)
			if newer < 0 {
				continue
			}
			if newer > 0 {
				fitting = fitting[:0]
			}
		}
		fitting = append(fitting, f)
	}
	return fitting, others
}

func (p *project) contains(v version.Version) bool {
	return !slices.ContainsFunc(p.specifiers, func(s version.Specifiers) bool { return !s.Contains(v) })
}

// allows reports whether a file's hash is allowed, or not known before it is read.
func (p *project) allows(f source.File) bool {
	known := false
	for _, h := range p.hashes {
		digest, ok := f.Hashes[h.Name]
		if known = known || ok; ok && digest == h.Digest {
			return true
		}
	}
	return !known
}

package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
	"github.com/pyimg/pyimg/wheels/download"
)

// Requirement is a build requirement at its version: a wheel that is there, or an item that is built first.
type Requirement struct {
	Project string
	Version version.Version
	Wheel   *download.Wheel
	Item    *Item
}

// id is what a key has of a requirement.
func (r Requirement) id() string {
	if r.Wheel != nil {
		return "wheel " + r.Wheel.SHA256
	}
	return "build " + r.Item.Key
}

// maxTried bounds how many versions are given up for others that fit: real environments need a handful.
const maxTried = 500

// resolve finds the wheels of an environment for requirements of a build in a target's own Python. trail are the projects whose
// builds lead here. It takes the newest version of each project, and an older one where requirements exclude each other.
func (p *Planner) resolve(ctx context.Context, native int, requirements []string, trail []string) ([]Requirement, error) {
	memo := fmt.Sprint(native, "\n", strings.Join(requirements, "\n"))
	if known, ok := p.resolved[memo]; ok && !slices.ContainsFunc(known, func(r Requirement) bool { return slices.Contains(trail, r.Project) }) {
		return known, nil
	}
	r := &resolution{planner: p, native: native, trail: trail}
	wanted := make([]asked, 0, len(requirements))
	for _, text := range requirements {
		a, applies, err := r.applying(text, "")
		if err != nil {
			return nil, err
		}
		if applies {
			wanted = append(wanted, a)
		}
	}
	start, conflict, err := r.follow(ctx, &step{}, wanted)
	var chosen map[string]Requirement
	if conflict == nil && err == nil {
		chosen, conflict, err = r.search(ctx, start)
	}
	switch {
	case err != nil:
		return nil, err
	case conflict != nil:
		return nil, r.first
	}
	out := make([]Requirement, 0, len(chosen))
	for _, project := range slices.Sorted(maps.Keys(chosen)) {
		if q := chosen[project]; !q.without() {
			out = append(out, q)
		}
	}
	p.resolved[memo] = out
	return out, nil
}

// resolution is a search for versions that fit each other.
type resolution struct {
	planner *Planner
	native  int
	trail   []string
	tried   int   // versions that were given up
	first   error // why the first one was: later ones follow from it
}

// asked is a requirement that applies.
type asked struct {
	dependency.Requirement
	project string
	by      []string // the projects whose chosen versions lead to it; none: the build itself asks
}

// step is how far a search is. The next one is another value: a search goes back by dropping it.
type step struct {
	chosen map[string]Requirement // by project
	asked  []asked                // in the order in which they were met
}

// conflict says that a step leads nowhere. projects are those of which another version may help.
type conflict struct{ projects map[string]bool }

func (r *resolution) conflict(err error, projects ...string) *conflict {
	if r.first == nil {
		r.first = err
	}
	c := &conflict{make(map[string]bool)}
	for _, p := range projects {
		c.projects[p] = true
	}
	return c
}

// applying parses a requirement, and reports whether it applies with an extra of the distribution that has it.
func (r *resolution) applying(text, extra string) (a asked, applies bool, err error) {
	if a.Requirement, err = dependency.ParseRequirement(text); err != nil {
		return a, false, err
	}
	if !a.Marker.IsZero() {
		if applies, err = a.Marker.Applies(r.target().Environment.WithExtra(extra)); err != nil || !applies {
			return a, false, err
		}
	}
	if a.URL != "" {
		return a, false, fmt.Errorf("the build requirement %q names a URL; put its sdist into a folder under sources", text)
	}
	a.project = dependency.Normalize(a.Name)
	return a, true, nil
}

func (r *resolution) target() target.Target { return r.planner.targets[r.native].Target }

// search chooses a version of the first project that has none yet, and goes on from there. Of a conflict that another version of
// that project cannot change it tries no other one.
func (r *resolution) search(ctx context.Context, s *step) (map[string]Requirement, *conflict, error) {
	at := slices.IndexFunc(s.asked, func(a asked) bool { _, known := s.chosen[a.project]; return !known })
	if at < 0 {
		return s.chosen, nil, nil
	}
	project := s.asked[at].project
	w, askers := s.want(project)
	blamed := make(map[string]bool)
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		q, err := r.pick(ctx, s, project, w)
		if errors.Is(err, errNone) {
			c := r.conflict(err, slices.Concat(askers, slices.Collect(maps.Keys(blamed)))...)
			return nil, c, nil
		}
		if err != nil {
			return nil, nil, err
		}
		next, c, err := r.choose(ctx, s, q)
		var found map[string]Requirement
		if err == nil && c == nil {
			found, c, err = r.search(ctx, next)
		}
		if err != nil || c == nil || !c.projects[project] {
			return found, c, err
		}
		delete(c.projects, project)
		maps.Copy(blamed, c.projects)
		w.not = append(w.not, q.Version)
		if r.tried++; r.tried > maxTried {
			return nil, nil, fmt.Errorf("no build requirements that fit each other were found among %d versions: %w", maxTried, r.first)
		}
	}
}

// want is what all that ask for a project want of it, and the projects that ask.
func (s *step) want(project string) (w want, askers []string) {
	for _, a := range s.asked {
		if a.project != project {
			continue
		}
		askers = append(askers, a.by...)
		if !slices.ContainsFunc(w.specifiers, func(s version.Specifiers) bool { return s.String() == a.Specifiers.String() }) {
			w.specifiers = append(w.specifiers, a.Specifiers)
		}
	}
	slices.Sort(askers)
	return w, slices.Compact(askers)
}

// choose takes a version into the next step, with what it needs itself.
func (r *resolution) choose(ctx context.Context, s *step, q Requirement) (*step, *conflict, error) {
	next := &step{chosen: maps.Clone(s.chosen), asked: s.asked[:len(s.asked):len(s.asked)]}
	if next.chosen == nil {
		next.chosen = make(map[string]Requirement)
	}
	next.chosen[q.Project] = q
	if q.without() {
		return next, nil, nil
	}
	more, err := r.needs(ctx, q, "", nil)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range s.asked {
		if a.project != q.Project {
			continue
		}
		of, err := r.extras(ctx, q, a)
		if err != nil {
			return nil, nil, err
		}
		more = append(more, of...)
	}
	return r.follow(ctx, next, more)
}

// follow adds requirements to a step, with what extras of chosen versions lead to. It changes the step.
func (r *resolution) follow(ctx context.Context, s *step, more []asked) (*step, *conflict, error) {
	for len(more) > 0 {
		a := more[0]
		more = more[1:]
		if slices.ContainsFunc(s.asked, func(o asked) bool { return o.same(a) }) {
			continue
		}
		s.asked = append(s.asked, a)
		have, known := s.chosen[a.project]
		if !known || have.without() {
			continue
		}
		if !a.Specifiers.Contains(have.Version) {
			w, askers := s.want(a.project)
			err := fmt.Errorf("%s: no version fits all that ask for it (asked for by %s)", w.text(a.project), strings.Join(askers, ", "))
			return nil, r.conflict(err, append(a.by, a.project)...), nil
		}
		of, err := r.extras(ctx, have, a)
		if err != nil {
			return nil, nil, err
		}
		more = append(more, of...)
	}
	return s, nil, nil
}

func (a asked) same(b asked) bool {
	return a.project == b.project && a.Specifiers.String() == b.Specifiers.String() && slices.Equal(a.Extras, b.Extras) && slices.Equal(a.by, b.by)
}

// extras are what the extras that a requirement names of a chosen version need.
func (r *resolution) extras(ctx context.Context, q Requirement, a asked) (out []asked, err error) {
	for _, x := range a.Extras {
		of, err := r.needs(ctx, q, dependency.Normalize(x), a.by)
		if err != nil {
			return nil, err
		}
		out = append(out, of...)
	}
	return out, nil
}

// needs are what a chosen version needs itself, or, with an extra, what that needs in addition; by are those that ask for the extra.
func (r *resolution) needs(ctx context.Context, q Requirement, extra string, by []string) (out []asked, err error) {
	requires, err := r.planner.requiresDist(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, text := range requires {
		a, applies, err := r.applying(text, extra)
		if err == nil && applies && extra != "" { // what applies without the extra is known
			_, applies, err = r.applying(text, "")
			applies = !applies
		}
		if err != nil {
			return nil, err
		}
		if applies {
			a.by = append([]string{q.Project}, by...)
			out = append(out, a)
		}
	}
	return out, nil
}

// without reports whether the environment does without the project, see pick.
func (r Requirement) without() bool { return r.Wheel == nil && r.Item == nil }

// pick chooses the version of a project and makes it a requirement. Where nobody has the project wheel, a setuptools that is new
// enough does without it, which many sdists do not know.
func (r *resolution) pick(ctx context.Context, s *step, project string, w want) (Requirement, error) {
	p := r.planner
	c, err := p.choose(ctx, project, w, r.target())
	if errors.Is(err, errNone) && project == "wheel" && r.ownWheel(ctx, s) {
		return Requirement{Project: project}, nil
	}
	if err != nil {
		if _, askers := s.want(project); len(askers) > 0 {
			err = fmt.Errorf("%w (asked for by %s)", err, strings.Join(askers, ", "))
		}
		return Requirement{}, err
	}
	q := Requirement{Project: project, Version: c.version}
	if c.wheel != nil {
		wheel, err := p.download.Wheel(ctx, *c.wheel)
		q.Wheel = &wheel
		if err == nil {
			p.taken.wheel(wheel)
		}
		return q, err
	}
	if slices.Contains(r.trail, project) {
		return q, fmt.Errorf("its build requirements lead back to itself: %s -> %s; name a wheel of one of them under sources", strings.Join(r.trail, " -> "), project)
	}
	q.Item, err = p.item(ctx, c.sdist, r.native, r.trail)
	if err == nil && q.Item.State == Impossible {
		err = fmt.Errorf("its build requirement %s cannot be built: %s", project, q.Item.Reason)
	}
	return q, err
}

// ownWheel reports whether the environment has, or is to have, a setuptools that makes wheels itself.
func (r *resolution) ownWheel(ctx context.Context, s *step) bool {
	own, err := version.Parse("70.1")
	if err != nil {
		return false
	}
	if have, known := s.chosen["setuptools"]; known {
		return have.Version.Compare(own) >= 0
	}
	if !slices.ContainsFunc(s.asked, func(a asked) bool { return a.project == "setuptools" }) {
		return false
	}
	w, _ := s.want("setuptools")
	c, err := r.planner.choose(ctx, "setuptools", w, r.target())
	return err == nil && c.version.Compare(own) >= 0
}

// requiresDist is what a distribution needs where it runs: as its wheel says, else, before that is built, as its sdist does.
func (p *Planner) requiresDist(ctx context.Context, q Requirement) ([]string, error) {
	if q.Wheel != nil {
		return q.Wheel.Metadata.RequiresDist, nil
	}
	if file, ok := p.built(q.Item.Key); ok {
		w, err := p.download.Wheel(ctx, index.File{File: file}) // by its path
		return w.Metadata.RequiresDist, err
	}
	return q.Item.Sdist.Content.RequiresDist, nil
}

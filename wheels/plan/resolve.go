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

// maxRounds bounds how often versions are chosen anew for a requirement that came late.
const maxRounds = 100

// resolve finds the wheels of an environment for requirements of a build in a target's own Python. trail are the projects whose
// builds lead here. It does not search: where the newest version of something excludes another one, it says so.
func (p *Planner) resolve(ctx context.Context, native int, requirements []string, trail []string) ([]Requirement, error) {
	memo := fmt.Sprint(native, "\n", strings.Join(requirements, "\n"))
	if known, ok := p.resolved[memo]; ok && !slices.ContainsFunc(known, func(r Requirement) bool { return slices.Contains(trail, r.Project) }) {
		return known, nil
	}
	r := &resolution{planner: p, native: native, trail: trail, wants: make(map[string]*want)}
	for range maxRounds {
		again, err := r.round(ctx, requirements)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		out := make([]Requirement, 0, len(r.chosen))
		for _, project := range slices.Sorted(maps.Keys(r.chosen)) {
			out = append(out, r.chosen[project])
		}
		p.resolved[memo] = out
		return out, nil
	}
	return nil, fmt.Errorf("the build requirements %s lead to no versions that fit each other", strings.Join(requirements, ", "))
}

// resolution is the state of one call of resolve. What is wanted grows from round to round.
type resolution struct {
	planner *Planner
	native  int
	trail   []string
	wants   map[string]*want
	chosen  map[string]Requirement
	extras  map[string]bool // "project[extra]" that are followed
	queue   []asked
}

// asked is a requirement with who asks.
type asked struct {
	text  string
	by    string
	extra string // of by's own that leads to it
}

// round walks from the requirements once. again is true where a version was chosen that a later requirement excludes.
func (r *resolution) round(ctx context.Context, requirements []string) (again bool, err error) {
	r.chosen, r.extras, r.queue = make(map[string]Requirement), make(map[string]bool), nil
	for _, text := range requirements {
		r.queue = append(r.queue, asked{text: text})
	}
	for len(r.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		a := r.queue[0]
		r.queue = r.queue[1:]
		if again, err = r.follow(ctx, a); err != nil || again {
			return again, err
		}
	}
	return false, nil
}

func (r *resolution) follow(ctx context.Context, a asked) (again bool, err error) {
	req, err := dependency.ParseRequirement(a.text)
	if err != nil {
		return false, err
	}
	t := r.planner.targets[r.native].Target
	if !req.Marker.IsZero() {
		applies, err := req.Marker.Applies(t.Environment.WithExtra(a.extra))
		if err != nil || !applies {
			return false, err
		}
	}
	if req.URL != "" {
		return false, fmt.Errorf("the build requirement %q names a URL; put its sdist into a folder under sources", a.text)
	}
	project := dependency.Normalize(req.Name)
	w := r.wants[project]
	if w == nil {
		w = new(want)
		r.wants[project] = w
	}
	if !slices.ContainsFunc(w.specifiers, func(s version.Specifiers) bool { return s.String() == req.Specifiers.String() }) {
		w.specifiers = append(w.specifiers, req.Specifiers)
	}
	have, known := r.chosen[project]
	if known && !w.contains(have.Version) {
		return true, nil
	}
	if !known {
		if have, err = r.pick(ctx, project, *w); err != nil {
			if a.by != "" {
				err = fmt.Errorf("%w (asked for by %s)", err, a.by)
			}
			return false, r.allowWheel(ctx, project, err)
		}
		r.chosen[project] = have
	}
	return false, r.follows(ctx, have, known, req.Extras)
}

// allowWheel forgives that nobody has the project wheel where setuptools is new enough to do without, which many sdists do not know.
func (r *resolution) allowWheel(ctx context.Context, project string, err error) error {
	if project != "wheel" || !errors.Is(err, errNone) {
		return err
	}
	s, asked := r.wants["setuptools"]
	own, parsed := version.Parse("70.1")
	if !asked || parsed != nil {
		return err
	}
	o, chosen := r.planner.choose(ctx, "setuptools", *s, r.planner.targets[r.native].Target)
	if chosen == nil && o.version.Compare(own) >= 0 {
		return nil
	}
	return err
}

// follows queues what a chosen distribution needs itself.
func (r *resolution) follows(ctx context.Context, q Requirement, seen bool, extras []string) error {
	var wanted []string
	if !seen {
		wanted = append(wanted, "")
	}
	for _, x := range extras {
		x = dependency.Normalize(x)
		if key := q.Project + "[" + x + "]"; !r.extras[key] {
			r.extras[key] = true
			wanted = append(wanted, x)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	requires, err := r.planner.requiresDist(ctx, q)
	if err != nil {
		return err
	}
	for _, x := range wanted {
		for _, text := range requires {
			if x != "" || !strings.Contains(text, "extra") { // most of what a distribution lists is for extras
				r.queue = append(r.queue, asked{text, q.Project, x})
			}
		}
	}
	return nil
}

// pick chooses the version of a project and makes it a requirement.
func (r *resolution) pick(ctx context.Context, project string, w want) (Requirement, error) {
	p := r.planner
	c, err := p.choose(ctx, project, w, p.targets[r.native].Target)
	if err != nil {
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

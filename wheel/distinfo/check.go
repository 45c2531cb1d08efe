package distinfo

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pyimg/pyimg/wheel/dependency"
)

// Unmet is a dependency that a set of distributions does not meet.
type Unmet struct {
	By          string // NAME VERSION of the distribution that has it
	Requirement string // as its metadata says
	Have        string // the version that is there; "" where the project is missing
}

func (u Unmet) String() string {
	if u.Have == "" {
		return fmt.Sprintf("%s requires %s, which is not there", u.By, u.Requirement)
	}
	return fmt.Sprintf("%s requires %s, but %s is there", u.By, u.Requirement, u.Have)
}

// Check reports the dependencies of dists that dists do not meet, as "pip check"
// does, and those of the extras that are wanted by name of project: from outside
// (extras) or by a distribution's own dependencies.
func Check(dists []Metadata, env dependency.Environment, extras map[string][]string) ([]Unmet, error) {
	c := newChecker(dists, env)
	for name, list := range extras {
		for _, extra := range list {
			c.want(dependency.Normalize(name), dependency.Normalize(extra))
		}
	}
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		if err := c.visit(next); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.unmet, func(a, b Unmet) int {
		return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Requirement, b.Requirement))
	})
	return slices.Compact(c.unmet), nil
}

type checker struct {
	env   dependency.Environment
	dists map[string]*wanted
	queue []visit
	unmet []Unmet

	found func(name, requirer string) // hears of each dependency that is there; may be nil
}

// newChecker asks for each distribution without an extra.
func newChecker(dists []Metadata, env dependency.Environment) checker {
	c := checker{env: env, dists: make(map[string]*wanted, len(dists))}
	for i := range dists {
		c.dists[dependency.Normalize(dists[i].Name)] = &wanted{metadata: &dists[i], seen: make(map[string]bool)}
	}
	for name := range c.dists {
		c.want(name, "")
	}
	return c
}

// wanted is a distribution with the extras of it that were asked for.
type wanted struct {
	metadata *Metadata
	requires []dependency.Requirement // parsed on the first visit
	seen     map[string]bool
}

// maxExtras bounds the extras of one distribution that are asked for: each asks
// for all of its dependencies again.
const maxExtras = 500

// parse reads the dependencies once.
func (w *wanted) parse() error {
	for len(w.requires) < len(w.metadata.RequiresDist) {
		r, err := dependency.ParseRequirement(w.metadata.RequiresDist[len(w.requires)])
		if err != nil {
			return err
		}
		w.requires = append(w.requires, r)
	}
	if len(w.seen) > maxExtras {
		return fmt.Errorf("more than %d of its extras are asked for", maxExtras)
	}
	return nil
}

type visit struct{ name, extra string }

// want asks for a distribution with an extra; "" is none.
func (c *checker) want(name, extra string) {
	if d, ok := c.dists[name]; ok && !d.seen[extra] {
		d.seen[extra] = true
		c.queue = append(c.queue, visit{name, extra})
	}
}

func (c *checker) visit(v visit) error {
	d := c.dists[v.name]
	by := d.metadata.Name + " " + d.metadata.Version.String()
	if err := d.parse(); err != nil {
		return fmt.Errorf("checking the dependencies of %s: %w", by, err)
	}
	for i, r := range d.requires {
		text := d.metadata.RequiresDist[i]
		applies, err := r.Marker.Applies(c.env.WithExtra(v.extra))
		if err != nil {
			return fmt.Errorf("checking the dependencies of %s: %w", by, err)
		}
		if !applies {
			continue
		}
		name := dependency.Normalize(r.Name)
		have, ok := c.dists[name]
		switch {
		case !ok:
			c.unmet = append(c.unmet, Unmet{By: by, Requirement: text})
			continue
		case !r.Specifiers.Contains(have.metadata.Version):
			c.unmet = append(c.unmet, Unmet{By: by, Requirement: text, Have: have.metadata.Version.String()})
		}
		if c.found != nil {
			c.found(name, v.name)
		}
		for _, extra := range r.Extras {
			c.want(name, dependency.Normalize(extra))
		}
	}
	return nil
}

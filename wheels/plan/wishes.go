package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/pylock"
	"github.com/pyimg/pyimg/wheel/requirements"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/version"
)

// wishes are what is wanted for a target, by project.
type wishes map[string][]want

// add adds a want that is not there yet.
func (ws wishes) add(project string, w want) {
	if !slices.ContainsFunc(ws[project], func(o want) bool { return o.text("") == w.text("") && o.only == w.only }) {
		ws[project] = append(ws[project], w)
	}
}

// wishes reads what the configuration wants for a target. Its errors are wrong use: the files are the user's own.
func (p *Planner) wishes(target int) (wishes, error) {
	c, env := p.o.Config, p.targets[target].Target.Environment
	ws := make(wishes)
	var faults []error
	for _, file := range c.Wanted.Requirements {
		faults = append(faults, ws.fromRequirements(file, c.ReadFile, env))
	}
	for _, file := range c.Wanted.Locks {
		faults = append(faults, ws.fromLock(file, c.ReadFile, env))
	}
	for _, text := range c.Wanted.Packages {
		r, err := dependency.ParseRequirement(text)
		if err == nil {
			err = ws.fromRequirement(r, env, want{})
		}
		faults = append(faults, err)
	}
	for _, f := range p.o.Folders {
		for _, project := range f.Projects() {
			ws.add(project, want{only: f})
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, exit.WrongUse(err)
	}
	return ws, nil
}

func (ws wishes) fromRequirement(r dependency.Requirement, env dependency.Environment, w want) error {
	if r.URL != "" {
		return fmt.Errorf("the requirement %s names a URL; put its sdist into a folder under sources", r.Name)
	}
	if !r.Marker.IsZero() {
		if applies, err := r.Marker.Applies(env); err != nil || !applies {
			return err
		}
	}
	w.specifiers = append([]version.Specifiers{r.Specifiers}, w.specifiers...)
	ws.add(dependency.Normalize(r.Name), w)
	return nil
}

func (ws wishes) fromRequirements(file string, read func(name string, most int64) ([]byte, error), env dependency.Environment) error {
	set, err := requirements.Parse([]string{file}, func(name string) ([]byte, error) { return read(name, requirements.MaxSize) })
	if err != nil {
		return err
	}
	all := set.Wanted()
	var faults []error
	for _, w := range all {
		if w.Constraint {
			continue
		}
		mine := want{hashes: w.Hashes}
		for _, c := range all {
			if c.Constraint && dependency.Normalize(c.Requirement.Name) == dependency.Normalize(w.Requirement.Name) {
				mine.specifiers = append(mine.specifiers, c.Requirement.Specifiers)
			}
		}
		if err := ws.fromRequirement(w.Requirement, env, mine); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", w.At, err))
		}
	}
	return errors.Join(faults...)
}

func (ws wishes) fromLock(name string, read func(name string, most int64) ([]byte, error), env dependency.Environment) error {
	data, err := read(name, pylock.MaxSize)
	if err != nil {
		return fmt.Errorf("reading the lock of Python packages: %w", err)
	}
	parse := pylock.Parse
	if base := filepath.Base(name); base == "uv.lock" || strings.HasSuffix(base, ".uv.lock") {
		parse = pylock.ParseUV
	}
	l, err := parse(data, name)
	if err != nil {
		return err
	}
	pins, err := l.Pins(env)
	for _, pin := range pins {
		s, parsed := version.ParseSpecifiers("==" + pin.Version.String())
		err = cmp.Or(err, parsed)
		w := want{specifiers: []version.Specifiers{s}}
		for algorithm, digest := range pin.Sdist {
			w.hashes = append(w.hashes, source.Hash{Name: algorithm, Digest: digest})
		}
		ws.add(pin.Name, w)
	}
	return err
}

// prefetch asks the sources about all that is wanted, many at once, so that planning waits for none of them.
func (p *Planner) prefetch(ctx context.Context, ws wishes, target int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(prefetches)
	for project, wants := range ws {
		for _, w := range wants {
			g.Go(func() error {
				c, err := p.choose(ctx, project, w, p.targets[target].Target)
				if err == nil && c.sdist != nil && c.wheel == nil {
					_, err = p.download.Sdist(ctx, *c.sdist)
				}
				if isSourceError(err) || ctx.Err() != nil {
					return err
				}
				return nil // planning meets it again, and says so of the package
			})
		}
	}
	return g.Wait()
}

// prefetches is how many sources are asked at once. Public indexes allow some dozens.
const prefetches = 16

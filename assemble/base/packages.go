package base

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/exit"
)

// Add plans what "apk add" changes on the root.
func (i *Image) Add(asked []apk.Dependency, indexes []*apk.Index, o solve.Options) (solve.Addition, error) {
	to := solve.Root{World: i.Database.World}
	for _, p := range i.Database.Packages {
		to.Packages = append(to.Packages, solve.Installed{Package: &p.Package, Tag: p.Tag})
	}
	return solve.Add(to, asked, indexes, o)
}

// A ChangeError says that packages of the base would be upgraded or removed.
type ChangeError struct {
	Ref     string
	Changes []solve.Change
}

func (e *ChangeError) Error() string {
	const most = 20
	var lines []string
	for n, c := range e.Changes {
		if n == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Changes)-n))
			break
		}
		what := "would be removed"
		if c.New != nil {
			what = fmt.Sprintf("would become %s", c.New)
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", c.Old, what, c.Why))
	}
	return fmt.Sprintf("packages of the base %s would not stay as they are; say upgrade: true below base to allow it:\n  %s", e.Ref, strings.Join(lines, "\n  "))
}

// ExitCode is exit.NoSolution.
func (e *ChangeError) ExitCode() exit.Code { return exit.NoSolution }

// Stays returns a *ChangeError if the changes upgrade or remove packages of the base.
func (i *Image) Stays(changes []solve.Change) error {
	moved := slices.DeleteFunc(slices.Clone(changes), func(c solve.Change) bool { return c.Old == nil })
	if len(moved) == 0 {
		return nil
	}
	return &ChangeError{i.Locked.Name(), moved}
}

// A Step is one change as a lock has it. Old and New are NAME=VERSION; one of them may be "".
type Step struct{ Old, New string }

// NewStep makes the step of a change.
func NewStep(c solve.Change) Step {
	var s Step
	if c.Old != nil {
		s.Old = c.Old.Name + "=" + c.Old.Version
	}
	if c.New != nil {
		s.New = c.New.Name + "=" + c.New.Version
	}
	return s
}

// String is "+ NAME=VERSION", "> NAME=OLD -> NEW" or "- NAME=VERSION".
func (s Step) String() string {
	switch {
	case s.Old == "":
		return "+ " + s.New
	case s.New == "":
		return "- " + s.Old
	}
	_, version, _ := strings.Cut(s.New, "=")
	return "> " + s.Old + " -> " + version
}

// ParseStep reads what String wrote.
func ParseStep(text string) (Step, error) {
	kind, rest, _ := strings.Cut(text, " ")
	name, _, named := strings.Cut(rest, "=")
	switch {
	case named && name != "" && kind == "+":
		return Step{New: rest}, nil
	case named && name != "" && kind == "-":
		return Step{Old: rest}, nil
	case named && name != "" && kind == ">":
		if old, version, ok := strings.Cut(rest, " -> "); ok {
			return Step{Old: old, New: name + "=" + version}, nil
		}
	}
	return Step{}, fmt.Errorf("%.80q is no change of a package, such as \"+ busybox=1.37.0-r12\"", text)
}

// Install adds packages to the root, as apk does by these steps. The packages are those that come, in the order of the steps.
func (i *Image) Install(steps []Step, packages []root.Installed, o root.Options) (*root.Root, error) {
	var changes []root.Replacement
	for _, s := range steps {
		old, _, _ := strings.Cut(s.Old, "=")
		c := root.Replacement{Old: old}
		if s.New != "" {
			if len(packages) == 0 {
				return nil, fmt.Errorf("the change %q has no package", s)
			}
			c.New, packages = &packages[0], packages[1:]
		}
		changes = append(changes, c)
	}
	return root.Add(i.Database, changes, o)
}

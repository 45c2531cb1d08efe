package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble/base"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
	"github.com/pyimg/pyimg/sbom"
)

// openBases reads the base of each platform; nil for those that have none.
func openBases(ctx context.Context, s spec.Spec, src input.Access, held func(spec.Platform) hold) ([]*base.Image, error) {
	bases := make([]*base.Image, len(s.Platforms))
	if !s.Base.Asked() {
		return bases, nil
	}
	err := eachPlatform(s.Platforms, func(i int) (err error) {
		bases[i], err = layers.Healing(func() (*base.Image, error) { return base.Open(ctx, s, s.Platforms[i], held(s.Platforms[i]).base, src) })
		return err
	})
	return bases, err
}

// onBranch returns the spec with the branch of its bases, where it names none itself.
func onBranch(s spec.Spec, bases []*base.Image) (spec.Spec, error) {
	var branches, systems []string
	for _, b := range bases {
		if b == nil || b.Database == nil {
			continue
		}
		if branch := b.Locked.Branch; branch != "" {
			branches = append(branches, branch)
		}
		systems = append(systems, strings.TrimSpace(b.System.ID+" "+b.System.Version))
	}
	slices.Sort(branches)
	branches = slices.Compact(branches)
	switch {
	case s.Alpine.Branch != "" || len(systems) == 0 || !s.Alpine.NeedsBranch():
		return s, nil
	case len(branches) == 1 && len(systems) > 0:
		s.Alpine.Branch = branches[0]
		return s, nil
	case len(branches) > 1:
		return s, &spec.Error{Faults: []spec.Fault{{File: s.Name, Field: "base", Msg: fmt.Sprintf("the bases of the platforms are of different branches: %s; make an image of each, or say alpine.branch",
			strings.Join(branches, ", "))}}}
	}
	return s, &spec.Error{Faults: []spec.Fault{{File: s.Name, Field: "alpine.branch", Msg: fmt.Sprintf("the base is of no branch of Alpine that could be read (os-release says %q); say which, or name the repositories by URL",
		systems[0])}}}
}

// addToBase plans the packages on the root of a base. want is the world that the spec, the runtimes and the wheels ask for.
func (p *PlatformPlan) addToBase(s spec.Spec, held hold, optional map[string]bool, want []apk.Dependency, indexes []*apk.Index) error {
	var added solve.Addition
	_, err := withoutAbsent(optional, want, func(world []apk.Dependency) (err error) {
		added, err = held.addTo(p.Base, world, indexes, p.Dialect)
		return err
	})
	if err != nil {
		return err
	}
	if !s.Base.Upgrade {
		if err := p.Base.Stays(added.Changes); err != nil {
			return err
		}
	}
	p.World = added.World
	for _, c := range added.Changes {
		p.Steps = append(p.Steps, base.NewStep(c))
		if c.New != nil {
			p.Packages, p.Tags = append(p.Packages, c.New), append(p.Tags, c.Tag)
		}
	}
	p.Notes = append(p.Notes, added.Notes...)
	return nil
}

// addTo plans the packages on a base, with what is held at its place.
func (h hold) addTo(b *base.Image, world []apk.Dependency, indexes []*apk.Index, dialect apk.Dialect) (solve.Addition, error) {
	if h.packages != nil {
		if err := h.missing(indexes); err != nil {
			return solve.Addition{}, err
		}
		indexes = h.held(indexes, h.free)
	}
	return b.Add(world, indexes, solve.Options{Dialect: dialect})
}

// packagesOn are all packages that a root has in the end: an empty one, or that of a base.
func (h hold) packagesOn(b *base.Image, world []apk.Dependency, indexes []*apk.Index, dialect apk.Dialect) ([]*apk.Package, error) {
	if b == nil || b.Database == nil {
		solution, err := h.solve(world, indexes, dialect)
		return solution.Packages, err
	}
	added, err := h.addTo(b, world, indexes, dialect)
	return added.Packages, err
}

// withoutPackages sees to it that nothing is asked for that needs apk's database, since the base has none.
func (p *PlatformPlan) withoutPackages(asked []apk.Dependency) error {
	if len(asked) > 0 {
		return &base.FaultError{Ref: p.Base.Locked.Name(), Code: exit.NoSolution, Err: fmt.Errorf("packages are asked for (%s), and they cannot be added to it: %w", asked[0], p.Base.Without)}
	}
	p.Notes = append(p.Notes, fmt.Sprintf("the base %s takes runtimes, wheels, files and accounts alone, no packages: %v", p.Base.Locked.Name(), p.Base.Without))
	return nil
}

// heldByBase takes out of the libraries that files need those that the base has and no package of it provides: apk knows nothing
// of these.
func heldByBase(needs []string, b *base.Image) []string {
	if b == nil {
		return needs
	}
	provided := make(map[string]bool)
	if b.Database != nil {
		for _, p := range b.Database.Packages {
			for _, d := range p.Provides {
				provided[d.Name] = true
			}
		}
	}
	libraries := make(map[string]bool)
	for n := range b.Root().All() {
		if !n.IsDir() && strings.Contains(path.Base(n.Path), ".so") {
			libraries["so:"+path.Base(n.Path)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(needs), func(n string) bool { return libraries[n] && !provided[n] })
}

// lockedBase is the base of a platform by a lock, and what happens to its packages.
func (p *PlatformPlan) lockedBase(ctx context.Context, s spec.Spec, locked lock.Platform, src input.Access) error {
	if locked.Base == nil {
		return nil
	}
	var err error
	p.Base, err = layers.Healing(func() (*base.Image, error) { return base.Open(ctx, s, p.Platform, locked.Base.Digest, src) })
	return err
}

// kept are the packages of the base that stay.
func (p PlatformPlan) kept() []*apk.Package {
	if p.Base.Database == nil {
		return nil
	}
	gone := make(map[string]bool)
	for _, s := range p.Steps {
		name, _, _ := strings.Cut(s.Old, "=")
		gone[name] = true
	}
	var kept []*apk.Package
	for i := range p.Base.Database.Packages {
		if q := &p.Base.Database.Packages[i].Package; !gone[q.Name] {
			kept = append(kept, q)
		}
	}
	return kept
}

// lockedSteps are the changes to a base's packages as the lock has them.
func lockedSteps(b *lock.Base) ([]base.Step, error) {
	if b == nil {
		return nil, nil
	}
	var steps []base.Step
	for _, text := range b.Changes {
		step, err := base.ParseStep(text)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// withEmptied deletes paths of a tree: files, and folders that have nothing but replaced files in them. It returns what was deleted,
// sorted, without what is below a folder that was deleted.
func withEmptied(t *tree.Tree, files, replaced []string) []string {
	gone := make(map[string]bool)
	for _, p := range files {
		t.Delete(p)
		gone[p] = true
	}
	for _, p := range replaced {
		t.Delete(p)
		gone[p] = true
		for dir := path.Dir(p); t.IsEmpty(dir); dir = path.Dir(dir) {
			t.Delete(dir)
			gone[dir] = true
		}
	}
	below := func(p string) bool {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if gone[dir] {
				return true
			}
		}
		return false
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(gone)), below)
}

// removed makes the layer that deletes files of the base. The result is nil where nothing goes.
func (j job) removed(ctx context.Context, t *tree.Tree, gone []string) (*lock.Layer, error) {
	if len(gone) == 0 {
		return nil, nil
	}
	folders := make(map[string]*tar.Header)
	for _, p := range gone {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if n, err := t.Lstat(dir); err == nil && folders[dir] == nil {
				h := n.Entry.Header
				folders[dir] = &tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, ModTime: h.ModTime}
			}
		}
	}
	var headers []*tar.Header
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		headers = append(headers, folders[dir])
	}
	blob, err := j.store.Whiteouts(ctx, making(j.spec.Layers), headers, gone)
	if err != nil {
		return nil, err
	}
	l := lock.NewLayer(blob, lock.RemovedLayer, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil)
	return &l, nil
}

// baseTree is the root of the base without what goes, and its layers; an empty one without a base.
func (j job) baseTree(ctx context.Context, gone []string) (*tree.Tree, []lock.Layer, error) {
	if j.plan.Base == nil {
		t, err := tree.New(nil, nil)
		return t, nil, err
	}
	t, _, err := j.plan.Base.Tree()
	if err != nil {
		return nil, nil, err
	}
	all := slices.Clone(j.plan.Base.Layers)
	removed, err := j.removed(ctx, t, withEmptied(t, gone, append(j.staleDocuments(t), j.plan.replaced...)))
	if err != nil || removed == nil {
		return t, all, err
	}
	none := func(func(layers.Entry, error) bool) {}
	return t, append(all, *removed), t.Add(tree.Layer{Name: lock.RemovedLayer, Entries: none})
}

// staleDocuments are the base's bills of materials of itself, unless this image has its own in their place.
func (j job) staleDocuments(t *tree.Tree) []string {
	var stale []string
	for _, e := range sbom.Encodings() {
		n, err := t.Lstat(sbom.Folder + "/" + e.File)
		if err == nil && !n.IsDir() && !slices.Contains(j.spec.SBOM, e.Name) {
			stale = append(stale, n.Path)
		}
	}
	return stale
}

// asUnsolved reports whether an error is one of the solver.
func asUnsolved(err error) (*solve.Error, bool) {
	var unsolved *solve.Error
	return unsolved, errors.As(err, &unsolved)
}

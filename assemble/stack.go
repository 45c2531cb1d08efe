package assemble

import (
	"fmt"
	"slices"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/internal/meta"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// A stack is layers on top of each other: packages', runtimes', and perhaps that of the spec's files. Who adds a layer gets a
// stack that has it; the tree is the same one, and has it too.
type stack struct {
	layers   []lock.Layer
	foreign  int // how many layers, the lowest ones, are the base's own, whose bytes nobody has here
	base     int // how many layers, the lowest ones, are of the base, or delete files of it
	packages int // how many layers, the lowest ones after these, are of packages
	tree     *tree.Tree
}

// own are the layers that are not the base's.
func (s stack) own() []lock.Layer { return s.layers[min(s.foreign, len(s.layers)):] }

// ofPackages reports whether a layer is of packages.
func (s stack) ofPackages(layer int) bool { return layer >= s.base && layer < s.base+s.packages }

// newStack lays the layers of packages, runtimes and wheels on top of those of the base.
func newStack(under *tree.Tree, base, packages []lock.Layer, runtimes []runtime.Ingested, ofWheels []lock.Layer, store *layers.Store) (stack, error) {
	all := slices.Concat(base, packages)
	for _, r := range runtimes {
		all = append(all, r.Layer)
	}
	all = append(all, ofWheels...)
	foreign := slices.IndexFunc(base, func(l lock.Layer) bool { return l.From == lock.RemovedLayer })
	if foreign < 0 {
		foreign = len(base)
	}
	s := stack{all, foreign, len(base), len(packages), under}
	s.tree.Decide(func(path string, old, new int) (bool, error) {
		switch {
		case s.ofPackages(new):
			return true, nil // apk's rules were applied: the winner's layer is above
		case new < len(all):
			return false, check.Unsound("layer-conflict", "/"+path, "keep one out with the exclude of a runtime, or leave out the wheel or the package that has it", "/%s is in %s and in %s",
				path, all[old].From, all[new].From)
		}
		return true, nil // who adds the layer has seen that it may
	})
	for _, l := range all[len(base):] {
		if err := s.tree.Add(tree.Layer{Name: l.From, Entries: store.Entries(l.Digest)}); err != nil {
			return stack{}, err
		}
	}
	return s, s.throughSymlink()
}

// add lays a layer on top.
func (s stack) add(l lock.Layer, store *layers.Store) (stack, error) {
	s.layers = append(slices.Clone(s.layers), l)
	return s, s.tree.Add(tree.Layer{Name: l.From, Entries: store.Entries(l.Digest)})
}

// addMeta lays the last layer on top, of which the spec's accounts are a part. It may replace what packages have of it, and
// the files of accounts.
func (s stack) addMeta(items, accounts []meta.Item) error {
	for _, i := range items {
		name := rootpath.Clean(i.Header.Name)
		old, err := s.tree.Lstat(name)
		switch {
		case err != nil || old.IsDir() && i.IsDir(): // nothing is there, or a folder whose attributes change
		case old.Layer < s.base+s.packages: // a package's own copy of what apk writes, or the base's
		case slices.ContainsFunc(accounts, func(a meta.Item) bool { return a.Header.Name == name }): // what is there, and more
		default:
			return fmt.Errorf("laying out %q: %w", meta.LayerName, check.Unsound("layer-conflict", "/"+name,
				"keep it out with the exclude of the runtime or of files", "/%s is in %s, but pyimg writes it", name, s.layerName(old.Layer)))
		}
	}
	if err := s.tree.Add(tree.Layer{Name: meta.LayerName, Entries: meta.Entries(items)}); err != nil {
		return err
	}
	return s.throughSymlink()
}

// layerName is what a layer is called. The last one is not among the layers until it is made.
func (s stack) layerName(i int) string {
	if i == len(s.layers) {
		return meta.LayerName
	}
	return s.layers[i].From
}

// throughSymlink refuses a tree in which a layer's path leads through another layer's symlink.
func (s stack) throughSymlink() error {
	for n := range s.tree.All() {
		if n.ViaSymlink != "" && n.Layer >= s.base {
			return check.Unsound("layer-symlink", "/"+n.Path, "move it with prefix or exclude it",
				"%s has a path below /%s, which is a symlink in another layer", s.layerName(n.Layer), n.ViaSymlink)
		}
	}
	return nil
}

// making is how the layers that are made are compressed.
func making(l spec.Layers) layers.MakeOptions {
	return layers.MakeOptions{Compression: l.Compression, Level: l.Level}
}

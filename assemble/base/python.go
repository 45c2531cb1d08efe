package base

import (
	"archive/tar"
	"iter"
	"regexp"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// readPython finds the CPython in the root, and the allocators.
func (i *Image) readPython(t *tree.Tree) error {
	all, err := python.Read(t.Entries())
	if err != nil {
		return err
	}
	i.Allocators = all.Allocators
	prefix, found := pythonPrefix(t)
	if !found {
		return nil
	}
	own, err := python.Read(below(t, prefix))
	if err == nil && own.Python != nil {
		i.Python = &own
	}
	return err
}

// pythonPrefix finds the folder above lib/python3.X and bin/python3.X, such as "usr/local/". Of several it is usr/local.
func pythonPrefix(t *tree.Tree) (prefix string, found bool) {
	pattern := regexp.MustCompile(`^(.*/)?lib/python(3\.\d+t?)/os\.pyc?$`)
	for n := range t.All() {
		m := pattern.FindStringSubmatch(n.Path)
		if m == nil {
			continue
		}
		if _, err := t.Lookup(m[1] + "bin/python" + m[2]); err == nil && (!found || m[1] == "usr/local/") {
			prefix, found = m[1], true
		}
	}
	return prefix, found
}

// below yields the entries of a prefix; those of usr are without usr/local.
func below(t *tree.Tree, prefix string) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for e, err := range t.Entries() {
			at := e.Path()
			if err == nil && (!strings.HasPrefix(at, prefix) || prefix == "usr/" && strings.HasPrefix(at, "usr/local/")) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// entryPath is the path of a member.
func entryPath(h *tar.Header) string { return layers.Entry{Header: h}.Path() }

// Musl returns the version of the package musl; "" if the base has none.
func (i *Image) Musl() string {
	if i.Database == nil {
		return ""
	}
	for _, p := range i.Database.Packages {
		if p.Name == "musl" {
			return p.Version
		}
	}
	return ""
}

// Has reports whether the root has a file, or a symlink that leads to something.
func (i *Image) Has(path string) bool {
	_, err := i.reader.tree.Lookup(path)
	return err == nil
}

// Root returns the merged root, which nobody may change.
func (i *Image) Root() *tree.Tree { return i.reader.tree }

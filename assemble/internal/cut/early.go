package cut

import (
	"archive/tar"
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers"
)

// Early finds the packages whose data streams are layers as they are, while other packages are still being fetched. It
// answers for one platform, and is safe for concurrent use.
//
// It decides about a package when it knows the symlinks of those that are installed before, since these may lead the
// package's paths elsewhere. It does not wait for large packages, so it may be wrong: then a layer was sent that no image
// names. It leaves aside what only [Packages] can decide: packages that may be merged, that have files of other owners
// than root, and that have excluded paths.
type Early struct {
	compression string
	exclude     glob.List
	largest     rank   // packages up to this rank may be merged
	large       []bool // by package

	mu     sync.Mutex
	links  rootpath.Links
	seen   []*sighted // by package: those that are ingested
	passed int        // the packages before this one are ingested, or large
}

// largePackage is the size, in bytes, of a package that others do not wait for: they would wait for most of the time in
// which the image is fetched. The packages that lay out a root have a hundredth of it.
const largePackage = 1 << 20

// sighted is a package that was ingested.
type sighted struct {
	blob  layers.Blob
	stays bool     // nothing in the package itself is against it
	dirs  []string // folders that its files are in or that it lists
}

// A rank is the place of a package among those that may be merged.
type rank struct {
	magnitude int
	name      string
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.magnitude, o.magnitude), cmp.Compare(r.name, o.name))
}

// NewEarly is for packages in install order, as an index describes them. others is how many layers are not of packages.
func NewEarly(l spec.Layers, exclude glob.List, others int, packages []*apk.Package) *Early {
	e := &Early{compression: l.Compression, exclude: exclude, seen: make([]*sighted, len(packages))}
	var ranks []rank
	for _, p := range packages {
		e.large = append(e.large, p.Size >= largePackage)
		if p.InstalledSize > 0 {
			ranks = append(ranks, rank{magnitude(p.Size), p.Name}) // at most: a package is larger than its data stream
		}
	}
	slices.SortFunc(ranks, rank.compare)
	if n := merged(l, len(ranks), others); n > 0 {
		e.largest = ranks[n-1]
	}
	return e
}

// Ingested notes that package i is in the store. It returns the layers that are certain now.
func (e *Early) Ingested(i int, u ingest.Unit, store *layers.Store) []layers.Blob {
	p, links := e.look(u, store)
	e.mu.Lock()
	defer e.mu.Unlock()
	for at, to := range links {
		e.links.Set(at, to)
	}
	e.seen[i] = p
	var out []layers.Blob
	if i < e.passed && e.verbatim(i) {
		out = append(out, e.seen[i].blob)
	}
	for ; e.passed < len(e.seen) && (e.seen[e.passed] != nil || e.large[e.passed]); e.passed++ {
		if e.seen[e.passed] != nil && e.verbatim(e.passed) {
			out = append(out, e.seen[e.passed].blob)
		}
	}
	return out
}

// verbatim reports whether a package's data stream is a layer as it is, by the symlinks that are known.
func (e *Early) verbatim(i int) bool {
	p := e.seen[i]
	moved := func(dir string) bool { return e.links.Resolve(dir) != dir }
	stays := p.stays && !slices.ContainsFunc(p.dirs, moved)
	p.dirs = nil
	return stays
}

// look returns the symlinks of a package, and what is against its data stream as a layer. An error is left to [Packages].
func (e *Early) look(u ingest.Unit, store *layers.Store) (*sighted, map[string]string) {
	p, links := &sighted{blob: u.Blob}, make(map[string]string)
	if !u.Unpacks() {
		return p, links
	}
	faults, err := store.Faults(u.Blob.Digest)
	stays := err == nil && len(faults) == 0 && (e.compression == "" || e.compression == lock.CompressionOf(u.Blob)) &&
		rank{magnitude(u.Blob.Size), u.Pkg.Name}.compare(e.largest) > 0
	dirs, excluded := make(map[string]bool), glob.NewMatcher(e.exclude)
	for m, err := range store.Entries(u.Blob.Digest) {
		if err != nil {
			return p, links
		}
		name := m.Path()
		stays = stays && unchanged(m.Header) && (len(e.exclude) == 0 || !excluded.Has(name))
		switch m.Header.Typeflag {
		case tar.TypeDir:
			dirs[name] = true
		case tar.TypeSymlink: // cloned, since all of a package's facts are one string
			links[strings.Clone(name)] = strings.Clone(m.Header.Linkname)
		}
		dirs[rootpath.Clean(path.Dir(name))] = true
	}
	if p.stays = stays; stays {
		p.dirs = slices.Collect(maps.Keys(dirs))
	}
	return p, links
}

// unchanged reports whether apk unpacks a member with the attributes that the archive has, whatever accounts there are.
func unchanged(h *tar.Header) bool {
	root := func(name string, id int) bool { return id == 0 && (name == "" || name == "root") }
	switch h.Typeflag {
	case tar.TypeDir:
		return !strings.HasPrefix(h.Name, ".") // the last layer has its attributes
	case tar.TypeReg, tar.TypeLink, tar.TypeSymlink:
		kept := strings.HasPrefix(h.Name, ".") || strings.HasPrefix(path.Base(h.Name), ".keep_")
		return !kept && root(h.Uname, h.Uid) && root(h.Gname, h.Gid)
	}
	return false
}

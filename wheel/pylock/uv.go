package pylock

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
)

// uvDocument is a uv.lock, version 1.
type uvDocument struct {
	Version        int         `toml:"version"`
	RequiresPython string      `toml:"requires-python"`
	Conflicts      []any       `toml:"conflicts"`
	Packages       []uvPackage `toml:"package"`
}

type uvPackage struct {
	Name         string                   `toml:"name"`
	Version      string                   `toml:"version"`
	Source       map[string]any           `toml:"source"`
	Dependencies []uvReference            `toml:"dependencies"`
	Optional     map[string][]uvReference `toml:"optional-dependencies"`
	Groups       map[string][]uvReference `toml:"dev-dependencies"`
	Sdist        map[string]any           `toml:"sdist"`
	Wheels       []uvWheel                `toml:"wheels"`
}

type uvWheel struct {
	Filename string `toml:"filename"`
	URL      string `toml:"url"`
	Path     string `toml:"path"`
	Hash     string `toml:"hash"`
	Size     int64  `toml:"size"`
}

// uvReference is a dependency on a package of the lock. The version is there only
// where the lock has several of one name.
type uvReference struct {
	Name    string   `toml:"name"`
	Version string   `toml:"version"`
	Extras  []string `toml:"extra"`
	Marker  string   `toml:"marker"`
}

// graph is the packages of a uv.lock with their dependencies.
type graph struct {
	packages []pkg // in the order of uv
	uv       []uvPackage
	byName   map[string][]int // the indexes of a name, and those of "name version"
	root     int
}

// ParseUV reads a uv.lock. The project itself is left out: the caller brings its
// files otherwise. name is for messages.
func ParseUV(data []byte, name string) (*Lock, error) {
	l, err := parseUV(data, name)
	if err != nil {
		return nil, fmt.Errorf("reading lock %s: %w", name, err)
	}
	return l, nil
}

func parseUV(data []byte, name string) (*Lock, error) {
	var d uvDocument
	if err := decode(data, &d); err != nil {
		return nil, err
	}
	switch {
	case d.Version != 1:
		return nil, fmt.Errorf("version %d of uv.lock: pyimg knows 1; export a pylock.toml with \"uv export\"", d.Version)
	case len(d.Conflicts) > 0:
		return nil, fmt.Errorf("it has conflicting extras or groups: export a pylock.toml of those that you want with \"uv export\"")
	case len(d.Packages) > maxPackages:
		return nil, fmt.Errorf("it has %d packages; at most %d are taken", len(d.Packages), maxPackages)
	}
	g := &graph{uv: d.Packages, packages: make([]pkg, len(d.Packages)), byName: make(map[string][]int)}
	for i, p := range d.Packages {
		if err := dependency.CheckName(p.Name); err != nil {
			return nil, fmt.Errorf("a package of the lock: %w", err)
		}
		g.packages[i] = p.pkg()
		for _, key := range []string{(uvReference{Name: p.Name}).key(), (uvReference{Name: p.Name, Version: p.Version}).key()} {
			g.byName[key] = append(g.byName[key], i)
		}
	}
	var err error
	if g.root, err = findRoot(d.Packages); err != nil {
		return nil, err
	}
	root := d.Packages[g.root]
	l := &Lock{name: name, graph: g, document: document{
		RequiresPython: d.RequiresPython, Extras: slices.Sorted(maps.Keys(root.Optional)), Groups: slices.Sorted(maps.Keys(root.Groups)),
	}}
	l.Warnings = []string{fmt.Sprintf("%s: the project %s itself is not installed: bring its files with files:", name, root.Name)}
	return l, nil
}

// findRoot is the project that the lock is of: the package in the lock's own folder.
func findRoot(packages []uvPackage) (int, error) {
	root := -1
	for i, p := range packages {
		for _, kind := range []string{"virtual", "editable", "directory"} {
			if p.Source[kind] != "." {
				continue
			}
			if root >= 0 {
				return 0, fmt.Errorf("it has two projects in its folder, %q and %q", packages[root].Name, p.Name)
			}
			root = i
		}
	}
	if root < 0 {
		return 0, fmt.Errorf("it has no project in its own folder: export a pylock.toml of the project that you want with \"uv export --package NAME\"")
	}
	return root, nil
}

// pkg is the package as a pylock.toml has it.
func (p uvPackage) pkg() pkg {
	out := pkg{Name: p.Name, Version: p.Version, Sdist: p.Sdist}
	for kind, into := range map[string]*map[string]any{
		"git": &out.VCS, "url": &out.Archive, "path": &out.Archive, "directory": &out.Directory, "editable": &out.Directory, "virtual": &out.Directory,
	} {
		if _, ok := p.Source[kind]; ok {
			*into = p.Source
		}
	}
	for _, w := range p.Wheels {
		f := file{Name: w.Filename, URL: w.URL, Path: w.Path, Size: w.Size}
		if name, digest, ok := strings.Cut(w.Hash, ":"); ok {
			f.Hashes = map[string]string{name: digest}
		}
		out.Wheels = append(out.Wheels, f)
	}
	return out
}

// key is how graph.byName has a reference.
func (r uvReference) key() string {
	if r.Version == "" {
		return dependency.Normalize(r.Name)
	}
	return dependency.Normalize(r.Name) + " " + r.Version
}

// visit is a package with an extra of it that is wanted; "" for the package itself.
type visit struct {
	index int
	extra string
}

// walk follows the dependencies of the project in an environment.
type walk struct {
	graph  *graph
	env    dependency.Environment
	seen   map[visit]bool
	queue  []visit
	faults *faults
}

// reach are the packages that the project needs in an environment.
func (g *graph) reach(env dependency.Environment, o Options, faults *faults) []*pkg {
	root := g.uv[g.root]
	w := walk{g, env, map[visit]bool{{g.root, ""}: true}, nil, faults}
	w.follow(root.Dependencies)
	w.followNamed(root.Optional, o.Extras)
	w.followNamed(root.Groups, o.Groups)
	var found []*pkg
	for len(w.queue) > 0 {
		v := w.queue[0]
		w.queue = w.queue[1:]
		if v.extra != "" {
			w.follow(g.uv[v.index].Optional[v.extra])
			continue
		}
		found = append(found, &g.packages[v.index])
		w.follow(g.uv[v.index].Dependencies)
	}
	return found
}

// followNamed follows the tables that are wanted.
func (w *walk) followNamed(tables map[string][]uvReference, wanted []string) {
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if slices.ContainsFunc(wanted, func(n string) bool { return dependency.Normalize(n) == dependency.Normalize(name) }) {
			w.follow(tables[name])
		}
	}
}

// follow queues the packages of references that apply, each once.
func (w *walk) follow(references []uvReference) {
	for _, r := range references {
		applies, err := r.applies(w.env)
		if err != nil {
			w.faults.add(fmt.Errorf("a dependency on %.100q: %w", r.Name, err))
		}
		if err != nil || !applies {
			continue
		}
		found := w.graph.byName[r.key()]
		if len(found) != 1 {
			w.faults.add(fmt.Errorf("a dependency on %.150q leads to %d packages of the lock, not to one", r.key(), len(found)))
			continue
		}
		for _, extra := range append([]string{""}, r.Extras...) {
			if v := (visit{found[0], extra}); !w.seen[v] {
				w.seen[v] = true
				w.queue = append(w.queue, v)
			}
		}
	}
}

func (r uvReference) applies(env dependency.Environment) (bool, error) {
	if r.Marker == "" {
		return true, nil
	}
	m, err := dependency.ParseMarker(r.Marker)
	if err != nil {
		return false, err
	}
	return m.Applies(env)
}

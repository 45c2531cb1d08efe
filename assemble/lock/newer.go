package lock

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pyimg/pyimg/assemble/spec"
)

// The kinds of what a lock may be behind in.
const (
	KindBase    = "base"
	KindPackage = "package"
	KindRuntime = "runtime"
	KindWheel   = "wheel"
)

// A Change is a part of an image that is another one by now.
type Change struct {
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	Locked    string          `json:"locked,omitempty"` // its version or digest; "" where the lock does not have the part
	Now       string          `json:"now,omitempty"`    // "" where an image made now would not have the part
	Rebuilt   bool            `json:"rebuilt,omitempty"`
	Platforms []spec.Platform `json:"platforms"`
}

// Newer lists the parts of an image made now that the lock has in another version: its base, packages, runtimes and wheels, sorted by
// kind and name. Of now it reads nothing else. Platforms that one of them lacks are left out.
func (l Lock) Newer(now []Platform) []Change {
	var all []Change
	for _, p := range now {
		i := slices.IndexFunc(l.Platforms, func(q Platform) bool { return q.Platform == p.Platform })
		if i < 0 {
			continue
		}
		for _, c := range l.Platforms[i].newer(p) {
			same := func(o Change) bool {
				return o.Kind == c.Kind && o.Name == c.Name && o.Locked == c.Locked && o.Now == c.Now && o.Rebuilt == c.Rebuilt
			}
			if at := slices.IndexFunc(all, same); at >= 0 {
				all[at].Platforms = append(all[at].Platforms, p.Platform)
				continue
			}
			c.Platforms = []spec.Platform{p.Platform}
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return all
}

func (p Platform) newer(now Platform) []Change {
	changes := changed(KindPackage, p.Packages, now.Packages, func(q Package) part { return part{q.Name, q.Version, q.Checksum} })
	changes = append(changes, changed(KindWheel, p.Wheels, now.Wheels, func(w Wheel) part { return part{w.Name, w.Version, w.SHA256} })...)
	if p.Base != nil && now.Base != nil && p.Base.Digest != now.Base.Digest {
		changes = append(changes, Change{Kind: KindBase, Name: now.Base.URL, Locked: p.Base.Digest, Now: now.Base.Digest})
	}
	for i, r := range now.Runtimes { // the spec has them in an order, and their addresses may have versions
		if i >= len(p.Runtimes) || p.Runtimes[i] == r {
			continue
		}
		old := p.Runtimes[i]
		c := Change{Kind: KindRuntime, Name: r.URL, Locked: old.Digest, Now: r.Digest}
		if old.URL != r.URL {
			c.Locked, c.Now = old.URL, r.URL
		}
		changes = append(changes, c)
	}
	return changes
}

// part is what is compared of a package or wheel. Two of one version may differ in their bytes.
type part struct{ name, version, bytes string }

// changed compares the parts of one kind.
func changed[T any](kind string, locked, now []T, of func(T) part) []Change {
	was, is := map[string]part{}, map[string]part{}
	for _, v := range locked {
		was[of(v).name] = of(v)
	}
	for _, v := range now {
		is[of(v).name] = of(v)
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	var out []Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, after := was[name], is[name]
		if before != after {
			out = append(out, Change{Kind: kind, Name: name, Locked: before.version, Now: after.version, Rebuilt: before.version == after.version})
		}
	}
	return out
}

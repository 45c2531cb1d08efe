package lock

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pyimg/pyimg/assemble/spec"
)

// Changes lists how a lock differs from an older one, one line each: packages that were added, removed or changed their version,
// what the layers are made of, and the configuration. It returns none if both locks give the same image.
func (l Lock) Changes(old Lock) []string {
	var platforms []spec.Platform
	var texts [][]string
	for _, p := range l.Platforms {
		i := slices.IndexFunc(old.Platforms, func(q Platform) bool { return q.Platform == p.Platform })
		platforms = append(platforms, p.Platform)
		if i < 0 {
			texts = append(texts, []string{"the platform is new"})
			continue
		}
		texts = append(texts, p.changes(old.Platforms[i]))
	}
	for _, q := range old.Platforms {
		if !slices.Contains(platforms, q.Platform) {
			platforms, texts = append(platforms, q.Platform), append(texts, []string{"the platform is gone"})
		}
	}
	var lines []string
	for _, n := range spec.ByPlatform(platforms, texts) {
		lines = append(lines, n.Where+": "+n.Text)
	}
	if len(lines) == 0 && l.Digest != old.Digest {
		lines = append(lines, "the annotations")
	}
	return lines
}

func (p Platform) changes(old Platform) []string {
	lines := packageChanges(p.Packages, old.Packages)
	lines = append(lines, compareBy(old.Runtimes, p.Runtimes,
		func(r Runtime) string { return "runtime " + r.URL },
		func(r Runtime) string { return r.Digest })...)
	lines = append(lines, compareBy(old.Wheels, p.Wheels,
		func(w Wheel) string { return "wheel " + w.Name },
		func(w Wheel) string { return w.Version })...)
	if p.Manifest == old.Manifest {
		return lines
	}
	if len(lines) == 0 { // otherwise the lines say why the configuration changed
		lines = append(lines, compareBy(old.Layers, p.Layers,
			func(l Layer) string { return "layer " + l.From },
			func(l Layer) string { return l.Digest })...)
	}
	if len(lines) == 0 && p.ConfigDigest != old.ConfigDigest {
		lines = append(lines, fmt.Sprintf("the configuration: %s -> %s", old.ConfigDigest, p.ConfigDigest))
	}
	if len(lines) == 0 {
		lines = append(lines, "the order of the layers")
	}
	return lines
}

func packageChanges(packages, old []Package) []string {
	lines := compareBy(old, packages,
		func(p Package) string { return p.Name },
		func(p Package) string { return p.Version })
	rebuilt := func(p Package) bool {
		return slices.ContainsFunc(old, func(q Package) bool {
			return q.Name == p.Name && q.Version == p.Version && q.Checksum != p.Checksum
		})
	}
	for _, p := range packages {
		if rebuilt(p) {
			lines = append(lines, fmt.Sprintf("%s %s was rebuilt", p.Name, p.Version))
		}
	}
	return lines
}

// compareBy lists what was added, was removed, or changed its value, sorted by name.
func compareBy[T any](old, now []T, name, value func(T) string) []string {
	was, is := make(map[string]string), make(map[string]string)
	names := make(map[string]bool)
	for _, v := range old {
		was[name(v)] = value(v)
		names[name(v)] = true
	}
	for _, v := range now {
		is[name(v)] = value(v)
		names[name(v)] = true
	}
	var lines []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		before, had := was[n]
		after, has := is[n]
		switch {
		case !had:
			lines = append(lines, fmt.Sprintf("+ %s %s", n, after))
		case !has:
			lines = append(lines, fmt.Sprintf("- %s %s", n, before))
		case before != after:
			lines = append(lines, fmt.Sprintf("%s %s -> %s", n, before, after))
		}
	}
	return lines
}

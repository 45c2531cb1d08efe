package assemble

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
)

// settled is the allocator with the place of mimalloc decided: Python's own copy where the image's Python has one, else
// the library.
func settled(a spec.Allocator, python string, known *python.Build) spec.Allocator {
	if a.Name == "mimalloc" && a.Use == "" {
		a.Use = spec.UsePreload
		if atLeast(python, 13) && (known == nil || known.Flags == "" || known.Mimalloc) {
			a.Use = spec.UsePython
		}
	}
	return a
}

// allocate settles which allocator it is, what is preloaded and the environment, and returns the package to ask for; ""
// where a runtime brings the allocator or none is needed. A runtime's own build is preferred over Alpine's, since it was
// made for that Python. Where the packages are not known yet, the indexes tell which Python is to come.
func (p *PlatformPlan) allocate(s spec.Spec, indexes []*apk.Index) (string, error) {
	version, build := p.python(s, indexes)
	p.allocator = settled(s.Allocator, version, build)
	a := p.allocator
	known := a.Library()
	p.Preload = a.Preload
	ask := ""
	if known.Name != "" {
		p.Preload = p.heldByRuntimes(known)
		inside := p.Preload == "" && a.From != spec.FromAPK && p.linked(known.Name)
		if p.Preload == "" && !inside {
			p.Preload = p.heldByBase(known)
		}
		switch {
		case inside:
		case a.From == spec.FromRuntime && p.Preload == "":
			return "", &runtime.RequireError{Who: "allocator " + known.Name, Msg: fmt.Sprintf("no runtime holds %s; leave out \"from: runtime\" and Alpine's package %s is taken",
				known.Files[0], known.Apk)}
		case p.Preload == "" || a.From == spec.FromAPK:
			p.Preload, ask = known.ApkPath, known.Apk
		}
	}
	p.Env = make(map[string]string)
	for _, r := range p.Runtimes {
		maps.Copy(p.Env, r.Env)
	}
	maps.Copy(p.Env, a.Environment(p.Preload))
	return ask, nil
}

// linked reports whether the image's Python has the allocator in its own program, so that there is nothing to preload.
func (p *PlatformPlan) linked(name string) bool {
	for _, r := range p.Runtimes {
		if r.Report.Python != nil {
			return r.Report.Links(name)
		}
	}
	return p.Base != nil && p.Base.Python != nil && p.Base.Python.Links(name)
}

// heldByRuntimes finds the allocator's library in the runtimes; "" where none has it.
func (p *PlatformPlan) heldByRuntimes(known spec.Library) string {
	for _, file := range known.Files {
		for _, r := range p.Runtimes {
			if at := libraryIn(r.Report.Allocators, file); at != "" {
				return at
			}
		}
	}
	return ""
}

// heldByBase finds it in the base.
func (p *PlatformPlan) heldByBase(known spec.Library) string {
	if p.Base == nil {
		return ""
	}
	for _, file := range known.Files {
		if at := libraryIn(p.Base.Allocators, file); at != "" {
			return at
		}
	}
	return ""
}

func libraryIn(all []python.Allocator, file string) string {
	i := slices.IndexFunc(all, func(a python.Allocator) bool { return strings.HasSuffix(a.Path, "/"+file) })
	if i < 0 {
		return ""
	}
	return all[i].Path
}

// checkMimalloc refuses Python's own mimalloc where Python has none: it would end every start with "unknown allocator".
// See the CPython documentation, PYTHONMALLOC.
func (p *PlatformPlan) checkMimalloc(spec spec.Spec) error {
	if !p.allocator.OfPython() {
		return nil
	}
	const do = "take a newer Python, or preload the library with allocator: {name: mimalloc, use: preload}"
	version, known := p.python(spec, nil)
	switch {
	case version == "":
		p.Notes = append(p.Notes, "allocator mimalloc is Python's own, and there is no Python in the image whose version can be read; "+do)
	case !atLeast(version, 13):
		return &runtime.RequireError{Who: "allocator mimalloc", Msg: fmt.Sprintf("Python %s knows no PYTHONMALLOC=mimalloc and would not start; it came with 3.13; %s", version, do)}
	case known != nil && known.Flags != "" && !known.Mimalloc:
		return &runtime.RequireError{Who: "allocator mimalloc", Msg: fmt.Sprintf("Python %s was built --without-mimalloc and would not start; %s", version, do)}
	}
	return nil
}

// python is the version of the image's Python, and what is known of its build where a runtime brings it. Alpine's is
// seen only where it was asked for by name.
func (p *PlatformPlan) python(spec spec.Spec, indexes []*apk.Index) (version string, known *python.Build) {
	for _, r := range p.Runtimes {
		if r.Report.Python != nil {
			return r.Report.Python.Version, r.Report.Python
		}
	}
	if p.Base != nil && p.Base.Python != nil {
		return p.Base.Python.Python.Version, p.Base.Python.Python
	}
	if !asksForPython(spec, p.Platform) {
		return "", nil
	}
	for _, pkg := range p.Packages {
		if pkg.Name == "python3" {
			return pkg.Version, nil
		}
	}
	for _, x := range indexes {
		for pkg := range x.Named("python3") {
			if version == "" || apk.CompareVersions(pkg.Version, version) > 0 {
				version = pkg.Version
			}
		}
	}
	return version, nil
}

func asksForPython(s spec.Spec, p spec.Platform) bool {
	return slices.ContainsFunc(s.Packages, func(d apk.Dependency) bool { return d.Name == "python3" && !d.Conflict }) ||
		slices.ContainsFunc(s.Runtimes, func(r spec.Runtime) bool { return r.At(p) == spec.FromAPK })
}

// atLeast reports whether a version is 3.minor or later.
func atLeast(version string, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 || parts[0] != "3" {
		return false
	}
	n, err := strconv.Atoi(strings.TrimRight(parts[1], "t"))
	return err == nil && n >= minor
}

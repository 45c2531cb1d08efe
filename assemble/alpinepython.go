package assemble

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
)

// alpinePython is the package of Alpine's own Python, where the spec's runtime is that: the one that solving for the spec's packages
// gives, since wheels are chosen for its version. It is none where that cannot be solved: solving for all of it says why.
func (p *packaging) alpinePython(plan PlatformPlan, indexes []*apk.Index, held hold) []*apk.Package {
	on := plan.Platform
	if !slices.ContainsFunc(p.spec.Runtimes, func(r spec.Runtime) bool { return r.At(on) == spec.FromAPK }) {
		return nil
	}
	want, err := world(p.spec, on, nil, "")
	if err != nil {
		return nil
	}
	solved, err := held.packagesOn(plan.Base, want, indexes, dialect(p.spec.Alpine, plan.Base, indexes))
	if err != nil {
		return newestPython(indexes)
	}
	return slices.DeleteFunc(slices.Clone(solved), func(q *apk.Package) bool { return q.Name != python3 })
}

// python3 is the package of Alpine's own Python, and alpinePrefix is where it puts it.
const (
	python3      = "python3"
	alpinePrefix = "/usr"
)

func newestPython(indexes []*apk.Index) []*apk.Package {
	var newest *apk.Package
	for _, x := range indexes {
		for q := range x.Named(python3) {
			if newest == nil || apk.CompareVersions(q.Version, newest.Version) > 0 {
				newest = q
			}
		}
	}
	if newest == nil {
		return nil
	}
	return []*apk.Package{newest}
}

// alpineVersion is the version of Python that the package has, as Python writes it.
func alpineVersion(q *apk.Package) string {
	version, _, _ := strings.Cut(q.Version, "-r")
	return strings.NewReplacer("_alpha", "a", "_beta", "b", "_rc", "rc").Replace(version)
}

// checkPython refuses packages whose Python is another one than the wheels were chosen for: what wheels need may have moved it.
func (p PlatformPlan) checkPython() error {
	if len(p.Wheels) == 0 || slices.ContainsFunc(p.Runtimes, func(r runtime.Ingested) bool { return r.Report.Python != nil }) {
		return nil
	}
	if p.Base != nil && p.Base.Python != nil && p.Base.Python.Prefix != alpinePrefix {
		return nil // the wheels are for that one
	}
	for _, q := range p.Packages {
		if q.Name == python3 && alpineVersion(q) != p.site.Target.Python.String() {
			return &wheels.SelectError{Err: fmt.Errorf("the wheels were chosen for Python %s, and what they need of Alpine takes %s: name the version under packages, such as %s=%s",
				p.site.Target.Python, q, python3, q.Version)}
		}
	}
	return nil
}

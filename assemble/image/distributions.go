package image

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers/tree"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/target"
)

// maxDistributions bounds the Python packages of an image that are listed: data science images have some 600.
const maxDistributions = 5000

// A distribution is an installed Python package, by pyimg, pip or another tool.
type distribution struct {
	site     string // the folder of its modules
	layer    int    // that has its METADATA
	metadata distinfo.Metadata
	paths    []string // of its files, from its RECORD
}

// String is how people call it: jinja2==3.1.6.
func (d distribution) String() string { return d.name() + "==" + d.metadata.Version.String() }

func (d distribution) name() string { return dependency.Normalize(d.metadata.Name) }

// distributions reads the .dist-info folders of a root, by path.
func distributions(t *tree.Tree) []distribution {
	var all []distribution
	for n := range t.All() {
		info := path.Dir(n.Path)
		if path.Base(n.Path) != "METADATA" || n.Entry.Kept == nil || !strings.HasSuffix(info, ".dist-info") || len(all) >= maxDistributions {
			continue
		}
		m, err := distinfo.ParseMetadata(n.Entry.Kept)
		if err != nil {
			continue // pip does not list it either
		}
		d := distribution{site: path.Dir(info), layer: n.Layer, metadata: m}
		if record, err := t.Lookup(info + "/RECORD"); err == nil && record.Entry.Kept != nil {
			rows, err := distinfo.ParseRecord(record.Entry.Kept, true)
			if err == nil { // a damaged one lists nothing
				d.paths = install.Installed(rows, d.site, "")
			}
		}
		all = append(all, d)
	}
	return all
}

// distributionOwners maps paths, without a leading slash, to the index of the distribution that lists them. Of several it is the
// first. Bytecode belongs to its module, whatever tag its name has.
func distributionOwners(all []distribution) func(at string) (int, bool) {
	owner := make(map[string]int)
	for i, d := range all {
		for _, at := range d.paths {
			if _, taken := owner[at]; !taken {
				owner[at] = i
			}
		}
	}
	return func(at string) (int, bool) {
		i, ok := owner[at]
		if dir, base := path.Split(at); !ok && path.Base(dir) == "__pycache__" && strings.HasSuffix(base, ".pyc") {
			module, _, _ := strings.Cut(base, ".")
			i, ok = owner[path.Join(path.Dir(path.Clean(dir)), module+".py")]
		}
		return i, ok
	}
}

// requirers returns, for each distribution, the names of those in the same folder that require it on this image's platform.
func (c Contents) requirers(all []distribution) [][]string {
	bySite := make(map[string][]distinfo.Metadata)
	for _, d := range all {
		bySite[d.site] = append(bySite[d.site], d.metadata)
	}
	by := make(map[string]map[string][]string)
	for site, set := range bySite {
		by[site] = distinfo.Requirers(set, c.environment(site))
	}
	out := make([][]string, len(all))
	for i, d := range all {
		out[i] = by[d.site][d.name()]
	}
	return out
}

// environment is what markers of the distributions in a folder are evaluated for.
func (c Contents) environment(site string) dependency.Environment {
	short := "3"
	if m := regexp.MustCompile(`(?:^|/)python(3\.[0-9]{1,4})t?(?:/|$)`).FindStringSubmatch(site); m != nil {
		short = m[1]
	}
	machine, _ := target.Machine(c.Platform.Alpine()) // "" where it is not known: no marker that asks for it applies
	return dependency.Environment{ImplementationName: "cpython", ImplementationVersion: short + ".0", OSName: "posix",
		PlatformMachine: machine, PlatformSystem: "Linux", PythonImplementation: "CPython",
		PythonVersion: short, PythonFullVersion: short + ".0", SysPlatform: "linux"}
}

// pythonVersions returns the versions of Python packages by name. A package that several folders have has the versions of all.
func (c Contents) pythonVersions() (map[string]string, error) {
	versions := make(map[string][]string)
	for _, d := range distributions(c.Tree) {
		if v := d.metadata.Version.String(); !slices.Contains(versions[d.name()], v) {
			versions[d.name()] = append(versions[d.name()], v)
		}
	}
	m := make(map[string]string, len(versions))
	for name, vs := range versions {
		slices.Sort(vs)
		m[name] = strings.Join(vs, ", ")
	}
	return m, nil
}

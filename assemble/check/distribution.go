package check

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
)

// The bounds of the check: data science images have some 600 distributions, in one or two folders.
const (
	maxDistributions = 5000
	maxSites         = 32 // folders of modules; each is compared with all distributions
)

// A distribution is an installed Python package, which has a .dist-info folder.
type distribution struct {
	info     string // the folder
	name     string // normalised
	metadata distinfo.Metadata
}

// distributions warns about installed Python packages whose dependencies are not met, as "pip check" does, and about their scripts
// that import a missing module. A dependency may be in the same folder of modules or in any other one of the image: often only the
// start of Python decides which folders it searches.
func (c *checker) distributions() {
	site, all := c.installed()
	for _, folder := range slices.Sorted(maps.Keys(site)) {
		own := make(map[string]bool)
		var set []distinfo.Metadata
		for _, d := range site[folder] {
			own[d.name] = true
			set = append(set, d.metadata)
			c.scriptModules(folder, d)
		}
		for _, d := range all {
			if !own[d.name] {
				own[d.name] = true
				set = append(set, distinfo.Metadata{Name: d.metadata.Name, Version: d.metadata.Version})
			}
		}
		unmet, err := distinfo.Check(set, c.environment(folder), nil)
		if err != nil {
			continue // a marker that cannot be evaluated before the image runs
		}
		c.unmet(folder, unmet)
	}
}

// unmet reports dependencies that are not met, up to a limit.
func (c *checker) unmet(folder string, unmet []distinfo.Unmet) {
	const most = 20
	const fix = "install it, or the version that is required"
	for _, u := range unmet[:min(len(unmet), most)] {
		c.find(Warning, "python-dependency", "/"+folder, fix, "%s", u)
	}
	if n := len(unmet) - most; n > 0 {
		c.find(Warning, "python-dependency", "/"+folder, fix, "/%s has %d more packages whose dependencies are not met", folder, n)
	}
}

// installed returns the distributions by the folder of their modules, and a list of all.
func (c *checker) installed() (site map[string][]distribution, all []distribution) {
	site = make(map[string][]distribution)
	for n := range c.Tree.All() {
		info := path.Dir(n.Path)
		if path.Base(n.Path) != "METADATA" || n.Entry.Kept == nil || !strings.HasSuffix(info, ".dist-info") || isMaterial(n.Path) || len(all) >= maxDistributions {
			continue
		}
		m, err := distinfo.ParseMetadata(n.Entry.Kept)
		if err != nil {
			continue // pip does not list it either
		}
		m.RequiresDist = slices.DeleteFunc(slices.Clone(m.RequiresDist), func(text string) bool {
			_, err := dependency.ParseRequirement(text)
			return err != nil
		})
		d, folder := distribution{info, dependency.Normalize(m.Name), m}, path.Dir(info)
		if _, known := site[folder]; !known && len(site) >= maxSites {
			continue
		}
		site[folder] = append(site[folder], d)
		all = append(all, d)
	}
	return site, all
}

// environment returns the environment for evaluating markers: the Python that a folder's path names, or else the image's newest.
func (c *checker) environment(folder string) dependency.Environment {
	v := pythonVersion{major: 3}
	for _, lib := range c.libraries {
		if cmp.Or(cmp.Compare(lib.version.major, v.major), cmp.Compare(lib.version.minor, v.minor)) > 0 {
			v = lib.version
		}
	}
	for part := range strings.SplitSeq(folder, "/") {
		if named, ok := pythonName(part); ok {
			v = named
		}
	}
	short := fmt.Sprintf("%d.%d", v.major, v.minor)
	return dependency.Environment{ImplementationName: "cpython", ImplementationVersion: short + ".0", OSName: "posix",
		PlatformMachine: python.Machine(c.Machine), PlatformSystem: "Linux", PythonImplementation: "CPython",
		PythonVersion: short, PythonFullVersion: short + ".0", SysPlatform: "linux"}
}

// scriptModules warns about scripts of entry points whose module is missing.
func (c *checker) scriptModules(folder string, d distribution) {
	n, err := c.Tree.Lookup(d.info + "/entry_points.txt")
	if err != nil || n.Entry.Kept == nil {
		return
	}
	points, err := distinfo.ParseEntryPoints(n.Entry.Kept)
	if err != nil {
		return
	}
	for _, p := range points {
		if p.Group != "console_scripts" && p.Group != "gui_scripts" || strings.Contains(p.Name, "/") {
			continue
		}
		script := path.Join(path.Dir(path.Dir(path.Dir(folder))), "bin", p.Name)
		module, _, _ := strings.Cut(p.Value, ":")
		module = strings.TrimSpace(module)
		if !c.has(script) || module == "" || c.importable(folder, module) {
			continue
		}
		c.find(Warning, "python-script", "/"+script, "install the package that contains it, or leave the script out",
			"/%s cannot start: it imports %s, which is not in /%s", script, module, folder)
	}
}

// importable reports whether a folder, or a standard library of the image, has a module.
func (c *checker) importable(folder, module string) bool {
	dirs := []string{"/" + folder}
	var abi python.ABI
	for _, lib := range c.libraries {
		dirs = append(dirs, "/"+lib.dir)
		abi = c.abi(lib)
		if lib.dir == path.Dir(folder) {
			break
		}
	}
	p := searchPath{c: c, dirs: dirs, abi: abi}
	m, err := p.resolve(module)
	return err == nil && m.kind != noModule || isBuiltin(strings.Split(module, ".")[0])
}

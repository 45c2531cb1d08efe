package check

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/loader"
)

// Check returns all findings, the worst first, then by path.
func Check(im Image) []Finding {
	c := &checker{facts: survey(im)}
	c.layering()
	c.owners()
	c.accounts()
	leads := c.command()
	c.healthcheck()
	c.directories()
	c.links()
	c.modes()
	c.closure(leads, c.preload())
	c.python(leads)
	c.scripts(leads)
	c.settings()
	c.attribute()
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), strings.Compare(a.Path, b.Path), strings.Compare(a.Check, b.Check))
	})
	return c.findings
}

// survey collects the facts that the checks need.
func survey(im Image) facts {
	c := &facts{Image: im, byName: map[string][]string{}}
	c.Root = loader.NewRoot(im.Tree, c.env("LD_LIBRARY_PATH"))
	for n := range c.Tree.All() {
		if base := path.Base(n.Path); strings.Contains(base, ".so") && !n.IsDir() {
			c.byName[base] = append(c.byName[base], n.Path)
		}
	}
	c.paths = c.searchPath()
	c.pathDirs, c.systemDirs = c.places(c.paths), c.places(c.Rules("").System())
	c.user = c.readUser(c.Config.User)
	c.packages, c.packagesErr = Installed(c.Tree)
	c.libraries = stdlibs(c.Tree)
	return *c
}

// searchPath returns the folders of PATH as absolute paths. An empty PATH gives none: container runtimes then look nothing up.
func (c *facts) searchPath() []string {
	const usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // what container runtimes set
	value, set := lookupEnv(c.Config.Env, "PATH")
	if !set {
		value = usual
	}
	return folders(c.Config.WorkingDir, value)
}

// attribute fills in the layer and the package that each finding's path belongs to.
func (c *checker) attribute() {
	var owner map[string]string
	for i, f := range c.findings {
		if f.Path == "" {
			continue
		}
		at := strings.TrimPrefix(f.Path, "/")
		if n, err := c.Tree.Lstat(at); err == nil {
			at = n.Path
			if f.Layer == "" && !n.Implied {
				c.findings[i].Layer = c.Tree.LayerName(n.Layer)
			}
		}
		if owner == nil {
			owner = Owners(c.packages)
		}
		c.findings[i].Package = owner[at]
	}
}

package inventory

import (
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/sbom"
)

// Asked says of components who asked for them: world, a line of etc/apk/world each, or what an image is made of besides packages.
func Asked(components []sbom.Component, world []string) map[string]string {
	byName := make(map[string]string)
	for _, line := range world {
		if d, err := apk.ParseDependency(line); err == nil && !d.Conflict {
			byName[d.Name] = d.String()
		}
	}
	needed := make(map[string]bool)
	for _, c := range components {
		for _, id := range c.Requires {
			needed[id] = true
		}
	}
	asked := make(map[string]string)
	for _, c := range components {
		id := c.Ref()
		kind, _, _ := strings.Cut(strings.TrimPrefix(c.PURL, "pkg:"), "/")
		switch {
		case kind == "apk":
			if line, ok := byName[c.Name]; ok {
				asked[id] = "asked for as " + line
			}
		case c.Kind == sbom.Files:
			asked[id] = "the spec's files"
		case c.Kind == sbom.System:
			asked[id] = "what the packages are of"
		case kind == "pypi" && !needed[id]:
			asked[id] = "a Python package that no other one needs"
		case (kind == "generic" || strings.HasPrefix(id, runtimePrefix)) && c.Details[listedBy] == "":
			asked[id] = "a runtime"
		}
	}
	return asked
}

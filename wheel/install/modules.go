package install

import (
	"path"
	"strings"
)

// Script is an entry point's script with the module that it imports.
type Script struct {
	Path   string // from the root of the image
	Module string // "foo.cli"
}

// MissingModule is a script that cannot start: nothing brings its module.
type MissingModule struct {
	Wheel string
	Script
}

// MissingModules reports the scripts of entry points whose module is in none of
// the plans, and for which exists, which knows the rest of the image, has none of
// the paths that Python would import. exists may be nil.
func MissingModules(plans []Plan, exists func(path string) bool) []MissingModule {
	brought := make(map[string]bool)
	for _, p := range plans {
		for _, f := range p.Files {
			brought[f.Path] = true
		}
	}
	var missing []MissingModule
	for _, p := range plans {
		for _, s := range p.Scripts {
			if !p.imports(s.Module, func(at string) bool { return brought[at] || exists != nil && exists(at) }) {
				missing = append(missing, MissingModule{p.Wheel, s})
			}
		}
	}
	return missing
}

// imports reports whether one of the files is there that Python imports for a module.
func (p Plan) imports(module string, has func(string) bool) bool {
	for _, folder := range p.folders {
		base := path.Join(folder, strings.ReplaceAll(module, ".", "/"))
		for _, suffix := range []string{".py", "/__init__.py", p.extSuffix, ".abi3.so", ".so", ".pyc"} {
			if has(base + suffix) {
				return true
			}
		}
	}
	return false
}

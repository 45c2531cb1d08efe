package check

import (
	"bytes"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/layers/tree"
)

// Owners maps paths, without a leading slash, to the packages that own them, as name-version.
func Owners(packages []root.InstalledPackage) map[string]string {
	owner := map[string]string{}
	for _, p := range packages {
		for _, at := range p.Paths {
			owner[at] = p.Name + "-" + p.Version
		}
	}
	return owner
}

// Installed reads apk's database from a root. It returns nil if the root has none.
func Installed(t *tree.Tree) ([]root.InstalledPackage, error) {
	for _, at := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} {
		if n, err := t.Lookup(at); err == nil && n.Entry.Kept != nil {
			return root.ReadInstalled(bytes.NewReader(n.Entry.Kept))
		}
	}
	return nil, nil
}

//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/pyimg/pyimg/internal/fixture"
)

// publishRealFiles publishes packages with the files of the Pythons in the folder of real packages, each twice.
func publishRealFiles(w *world, repository string) ([]string, error) {
	arch := arches()[0]
	pythons, err := filepath.Glob(filepath.Join(w.o.shared, "runtimes", "cpython-*-"+arch+"-*.tar.gz"))
	if err != nil {
		return nil, err
	}
	if len(pythons) == 0 {
		return nil, fmt.Errorf("%w: there is no real Python in %s/runtimes; -shared names the folder", errAbsent, w.o.shared)
	}
	if w.realFiles, err = fixture.Dealt(arch, w.o.packages, slices.Concat(pythons, pythons)...); err != nil {
		return nil, err
	}
	var names []string
	for _, a := range w.realFiles {
		names = append(names, a.Package.Name)
	}
	return names, w.mirror.Publish(repository, fixture.Index{Arch: arch, Archives: w.realFiles})
}

package create

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// addWheels adds the wheels of all platforms, each once.
func addWheels(p *plan, o Options) error {
	for _, in := range o.Inputs.Platforms {
		for _, w := range in.Wheels {
			f := manifest.File{Path: manifest.WheelPath(w.File), Kind: manifest.Wheel, Size: w.Size, SHA256: w.SHA256, From: []string{w.Public}}
			if other, ok := p.has(f.Path); ok && other != w.SHA256 { // a wheel that was built again under its old name
				f.Path = manifest.OtherWheelPath(w.File, w.SHA256)
			}
			if err := p.add(f, job{special: &special{urls: []string{w.URL}}}); err != nil {
				return fmt.Errorf("wheel %q: %w", w.File, err)
			}
		}
	}
	return nil
}

// addPython adds the lock and requirements files that an image's spec reads.
func addPython(p *plan, i LockedImage) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(i.Python)) {
		f := manifest.TextFile("", manifest.Python, i.Python[name])
		f.Path, f.From = manifest.PythonPath(i.Name, name, f.SHA256), []string{name}
		errs = append(errs, p.add(f, job{special: &special{text: i.Python[name]}}))
	}
	return errors.Join(errs...)
}

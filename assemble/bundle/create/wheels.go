package create

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/wheels"
)

// addWheels adds the wheels of all platforms, each once.
func addWheels(p *plan, o Options) error {
	for _, in := range o.Inputs.Platforms {
		for _, w := range in.Wheels {
			name, sum := w.Filename.Text, w.Hashes["sha256"]
			f := manifest.File{Path: manifest.WheelPath(name), Kind: manifest.Wheel, Size: w.Size, SHA256: sum, From: []string{w.Public}}
			if other, ok := p.has(f.Path); ok && other != sum { // a wheel that was built again under its old name
				f.Path = manifest.OtherWheelPath(name, sum)
			}
			if err := p.add(f, job{special: &special{urls: append([]string{w.Location()}, w.Others...)}}); err != nil {
				return fmt.Errorf("wheel %q: %w", name, err)
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

// locateWheels finds where the wheels are fetched from.
func locateWheels(ctx context.Context, in *assemble.Inputs, at *wheels.Locator, src input.Access) error {
	for _, p := range in.Platforms {
		for i, w := range p.Wheels {
			found, err := at.Locate(ctx, w.File)
			if err != nil {
				return err
			}
			p.Wheels[i].URL, p.Wheels[i].Path = found, ""
			p.Wheels[i].Others = src.OtherURLs(ctx, found)
		}
	}
	return nil
}

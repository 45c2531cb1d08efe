package create

import (
	"fmt"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// addBuilds adds what builds of wheels need.
func addBuilds(p *plan, files []BuildFile) error {
	for _, b := range files {
		if b.Text != nil {
			if err := p.addText(b.File.Path, b.File.Kind, b.Text); err != nil {
				return err
			}
			continue
		}
		f := b.File
		if other, ok := p.has(f.Path); ok && f.Kind == manifest.Wheel && other != f.SHA256 {
			f.Path = manifest.OtherWheelPath(f.Name(), f.SHA256)
		} else if ok && other == f.SHA256 {
			continue // a lock takes it, too
		}
		if err := p.add(f, job{special: &special{read: b.Open}}); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

package assemble

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/inventory"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/layers/tree"
	"github.com/pyimg/pyimg/sbom"
	"github.com/pyimg/pyimg/wheel/dependency"
)

// components lists what the image consists of.
func (l lower) components(s stack) ([]sbom.Component, error) {
	in := inventory.Input{Tree: s.tree, Packages: make([]*apk.Package, len(l.units)), Wheels: make(map[string]inventory.Wheel)}
	for i, u := range l.units {
		in.Packages[i] = u.Pkg
	}
	if on := l.plan.Base; on != nil {
		in.Packages = append(in.Packages, l.plan.kept()...)
		if on.Python != nil {
			in.Runtimes = append(in.Runtimes, inventory.Runtime{URL: on.Locked.Source().URL, Digest: on.Locked.Digest, Report: *on.Python})
		}
	}
	for _, r := range l.plan.Runtimes {
		in.Runtimes = append(in.Runtimes, inventory.Runtime{URL: r.Public, Digest: r.Digest, Report: r.Report})
	}
	for _, w := range l.plan.Wheels {
		in.Wheels[w.String()] = inventory.Wheel{SHA256: w.SHA256, Needs: librariesOf(w, s.tree)}
	}
	if len(l.plan.Wheels) > 0 {
		in.Environment = func(string) dependency.Environment { return l.plan.site.Target.Environment }
	}
	if files := l.files.Locked(); files != nil {
		in.Files = inventory.Files{Digest: files.Digest, Regular: l.files.Regular(l.plan.Platform)}
	}
	return inventory.Of(in)
}

// librariesOf are the libraries that files of a wheel need, by name.
func librariesOf(w wheels.Wheel, root *tree.Tree) []string {
	var names []string
	for _, f := range w.Plan.Files {
		if !f.ELF {
			continue
		}
		if n, err := root.Lookup(f.Path); err == nil && n.Entry.ELF != nil {
			names = append(names, n.Entry.ELF.Needed...)
		}
	}
	return names
}

// documents are the bills of materials that the spec wants in the image, by path.
func (l lower) documents(components []sbom.Component, config v1.Config) (map[string][]byte, error) {
	document := lock.Platform{Platform: l.plan.Platform, Created: l.created, Config: config, Components: components}.Document(l.spec.Image.Annotations)
	documents := make(map[string][]byte)
	for _, name := range l.spec.SBOM {
		e, _ := sbom.Named(name)
		data, err := e.Encode(document)
		if err != nil {
			return nil, fmt.Errorf("writing the bill of materials: %w", err)
		}
		documents[sbom.Folder+"/"+e.File] = data
	}
	return documents, nil
}

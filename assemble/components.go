package assemble

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/inventory"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/sbom"
	"github.com/pyimg/pyimg/wheel/dependency"
)

// components lists what the image consists of.
func (l lower) components(s stack) ([]sbom.Component, error) {
	in := inventory.Input{Tree: s.tree, Packages: make([]*apk.Package, len(l.units)), Wheels: make(map[string]string)}
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
		in.Wheels[w.String()] = w.SHA256
	}
	if len(l.plan.Wheels) > 0 {
		in.Environment = func(string) dependency.Environment { return l.plan.site.Target.Environment }
	}
	if files := l.files.Locked(); files != nil {
		in.Files = files.Digest
	}
	return inventory.Of(in)
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
		documents[inventory.Folder+"/"+e.File] = data
	}
	return documents, nil
}

package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Asked reports whether the spec names a base.
func (b Base) Asked() bool { return b.Source != "" || b.Sources != nil }

// At returns the base of a platform as the spec has it, image:REF or oci:DIR[:TAG]; "" for none.
func (b Base) At(p Platform) string {
	if b.Sources != nil {
		return b.Sources[p]
	}
	return b.Source
}

// BaseRef returns the reference of a platform's base, HOST/REPOSITORY:TAG or oci:DIR[:TAG], ready to be opened; "" for none.
func (s Spec) BaseRef(p Platform) string {
	source := s.Base.At(p)
	if source == "" {
		return ""
	}
	return s.ImagePath(source)
}

// missing reports platforms that have no base although others have one.
func (b Base) missing(s Spec) []Fault {
	if b.Sources == nil {
		return nil
	}
	var faults []Fault
	for _, p := range s.Platforms {
		if b.Sources[p] == "" {
			have := texts(sortPlatforms(platformsOf(b.Sources)))
			faults = append(faults, Fault{File: s.Name, Field: "base.source", Msg: fmt.Sprintf("the base has no source for %s; it has one for %s", p, strings.Join(have, ", "))})
		}
	}
	return faults
}

// SetBase builds on another image. ref is image:REF, oci:DIR[:TAG], or the bare reference of an image in a registry. Paths start
// from the working directory.
func (s *Spec) SetBase(ref string) error {
	source := ref
	if !strings.HasPrefix(ref, FromImage) && !strings.HasPrefix(ref, OciLayout) {
		source = FromImage + ref
	}
	if err := checkBase(source); err != nil {
		return err
	}
	source = FromImage + strings.TrimPrefix(source, FromImage)
	source, err := fromHere(source)
	if err != nil {
		return err
	}
	s.Base.Source, s.Base.Sources = source, nil
	if s.Alpine.Branch == defaultBranch {
		s.Alpine.Branch = "" // mostly nobody said so; that of the base is taken
	}
	return nil
}

// checkBase refuses an invalid source of a base.
func checkBase(v string) error {
	switch {
	case strings.HasPrefix(v, OciLayout) && v != OciLayout:
		return nil
	case strings.HasPrefix(v, FromImage) && !strings.ContainsAny(v, "{}"):
		return checkSource(v)
	case v == "":
		return errors.New("expected image:REF or oci:DIR[:TAG], found nothing")
	}
	return fmt.Errorf("expected image:REF or oci:DIR[:TAG], found %[1]q; did you mean %[2]q?", v, FromImage+v)
}

// base decodes the field base: a source, a mapping from platforms to sources, or a mapping of fields.
func (d decoder) base(b *Base, p string, n ast.Node) {
	m, mapping := n.(*ast.MappingNode)
	if !mapping || isPlatforms(m) {
		d.baseSources(b, p, n)
		return
	}
	before := d.Faults()
	d.Mapping(p, n, d.baseFields(b))
	if !b.Asked() {
		d.missing(before, n, p, "source is missing: image:REF or oci:DIR[:TAG]")
	}
}

// isPlatforms reports whether a mapping is one from platforms.
func isPlatforms(m *ast.MappingNode) bool {
	return slices.ContainsFunc(m.Values, func(v *ast.MappingValueNode) bool { return strings.Contains(v.Key.String(), "/") })
}

func (d decoder) baseFields(b *Base) fields {
	return fields{
		row("source", func(p string, n ast.Node) { d.baseSources(b, p, n) }, byPlatformYAML(b.Source, b.Sources)),
		row("upgrade", d.flag(&b.Upgrade), b.Upgrade),
		row("require_signature", d.List(func(v string) error { b.RequireSignature = append(b.RequireSignature, v); return checkPresent(v) }), b.RequireSignature),
	}
}

func (d decoder) baseSources(b *Base, p string, n ast.Node) {
	if _, perPlatform := n.(*ast.MappingNode); !perPlatform {
		d.Text(func(v string) error { b.Source = v; return checkBase(v) })(p, n)
		return
	}
	b.Sources = make(map[Platform]string)
	d.byPlatform(p, n, func(platform Platform, v string) error {
		b.Sources[platform] = v
		return checkBase(v)
	})
}

// baseYAML writes only the source if no other field is set.
func (d decoder) baseYAML(b Base) any {
	switch {
	case !b.Asked():
		return nil
	case !b.Upgrade && b.RequireSignature == nil:
		return byPlatformYAML(b.Source, b.Sources)
	}
	return d.baseFields(&b).YAML()
}

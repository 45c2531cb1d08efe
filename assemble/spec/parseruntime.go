package spec

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

func (d decoder) runtimes(to *[]Runtime, p string, n ast.Node) {
	one := func(p string, n ast.Node) {
		var r Runtime
		d.runtime(&r, p, n)
		*to = append(*to, r)
	}
	if _, list := n.(*ast.SequenceNode); list {
		d.Sequence(p, n, one)
		return
	}
	one(p, n)
}

func (d decoder) runtime(r *Runtime, p string, n ast.Node) {
	before := d.Faults()
	d.Mapping(p, n, d.runtimeFields(r))
	if d.Faults() == before {
		for _, fault := range r.faults() {
			d.FaultAt(n, p, "%s", fault)
		}
	}
}

func (d decoder) runtimeFields(r *Runtime) fields {
	return fields{
		row("python", d.Str(&r.Python), r.Python),
		row("source", func(p string, n ast.Node) { d.sources(r, p, n) }, byPlatformYAML(r.Source, r.Sources)),
		row("mirror", d.Text(func(v string) error { r.Mirror = v; return checkPresent(v) }), r.Mirror),
		row("paths", d.List(func(v string) error { r.Paths = append(r.Paths, strings.Trim(v, "/")); return checkPath(v) }), r.Paths),
		row("sha256", func(p string, n ast.Node) { d.sums(r, p, n) }, byPlatformYAML(r.SHA256[Platform{}], r.SHA256)),
		row("prefix", d.Text(func(v string) error { r.Prefix = path.Clean(v); return CheckAbsolute(v) }), r.Prefix),
		row("exclude", d.List(func(v string) error { r.Exclude = append(r.Exclude, v); return glob.Check(v) }), r.Exclude),
		row("owner", d.Text(func(v string) (err error) { r.Owner, err = parseOwner(v); return err }), r.Owner.text()),
		row("require_signature", d.List(func(v string) error { r.RequireSignature = append(r.RequireSignature, v); return checkPresent(v) }), r.RequireSignature),
		row("require", d.List(func(v string) error { r.Require = append(r.Require, v); return checkRequire(v) }), r.Require),
	}
}

// text writes the owner as a spec does; "" for none.
func (o *Owner) text() string {
	if o == nil {
		return ""
	}
	return fmt.Sprintf("%d:%d", o.UID, o.GID)
}

// faults reports fields of a runtime that contradict each other.
func (r *Runtime) faults() []string {
	all := []string{r.Source}
	if r.Sources != nil {
		all = nil
		for _, p := range sortPlatforms(platformsOf(r.Sources)) {
			all = append(all, r.Sources[p])
		}
	}
	any := func(is func(string) bool) bool { return slices.ContainsFunc(all, is) }
	begins := func(with string) func(string) bool {
		return func(s string) bool { return strings.HasPrefix(s, with) }
	}
	var faults []string
	if len(all) == 0 || r.Sources == nil && r.Source == "" {
		faults = append(faults, "source is missing: a URL or file of a tarball, image:REF, standalone:VERSION, or apk for Alpine's own python3")
	}
	if any(func(s string) bool { return strings.Contains(s, "{version}") }) && r.Python == "" {
		faults = append(faults, "source has {version}, so the field python must give the version")
	}
	if r.Paths != nil && !any(begins(FromImage)) {
		faults = append(faults, "paths is only for a source that is an image (image:REF)")
	}
	if r.Mirror != "" && !any(begins(FromStandalone)) {
		faults = append(faults, "mirror is only for a source of python-build-standalone (standalone:VERSION)")
	}
	if r.SHA256 != nil && any(begins(FromImage)) {
		faults = append(faults, "sha256 is only for a tarball; pin an image with image:REF@sha256:DIGEST")
	}
	if r.RequireSignature != nil && !any(begins(FromImage)) {
		faults = append(faults, "require_signature is only for a source that is an image (image:REF)")
	}
	return faults
}

// sources decodes the field source: one source for all platforms, or one for each.
func (d decoder) sources(r *Runtime, p string, n ast.Node) {
	if _, perPlatform := n.(*ast.MappingNode); !perPlatform {
		d.Text(func(v string) (err error) { r.Source, err = parseSource(v); return err })(p, n)
		return
	}
	r.Sources = make(map[Platform]string)
	d.byPlatform(p, n, func(platform Platform, v string) error {
		if v == "" {
			return errors.New("expected a source, found nothing")
		}
		var err error
		r.Sources[platform], err = parseSource(v)
		return err
	})
}

// byPlatform decodes a mapping from platforms to scalars.
func (d decoder) byPlatform(p string, n ast.Node, set func(Platform, string) error) {
	seen := make(map[Platform]bool)
	d.Pairs(p, n, func(key string, at, value ast.Node) {
		platform, err := ParsePlatform(key)
		if err != nil {
			d.FaultAt(at, p, "%v", err)
			return
		}
		if seen[platform] {
			d.FaultAt(at, p, "%s is given twice", platform)
			return
		}
		seen[platform] = true
		if value = d.Follow(strictyaml.Join(p, key), value); value == nil {
			return
		}
		d.Text(func(v string) error { return set(platform, v) })(strictyaml.Join(p, key), value)
	})
}

// checkPath accepts a path in an image, with or without a leading slash.
func checkPath(v string) error {
	if p := strings.Trim(v, "/"); p == "" || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../") {
		return fmt.Errorf("expected a path in the image, such as usr/local, found %q", v)
	}
	return nil
}

// sums decodes the field sha256: one digest for all platforms, or one for each.
func (d decoder) sums(r *Runtime, p string, n ast.Node) {
	r.SHA256 = make(map[Platform]string)
	if _, perPlatform := n.(*ast.MappingNode); !perPlatform {
		d.Text(func(v string) error { r.SHA256[Platform{}] = v; return checkSHA256(v) })(p, n)
		return
	}
	d.byPlatform(p, n, func(platform Platform, v string) error { r.SHA256[platform] = v; return checkSHA256(v) })
}

func checkSHA256(v string) error {
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(v) {
		return fmt.Errorf("expected a SHA-256 as 64 lower-case hex digits, found %q", v)
	}
	return nil
}

func parseOwner(v string) (*Owner, error) {
	u, g, ok := strings.Cut(v, ":")
	uid, err1 := strconv.ParseUint(u, 10, 31)
	gid, err2 := strconv.ParseUint(g, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("expected UID:GID such as 0:0, found %q", v)
	}
	return &Owner{int(uid), int(gid)}, nil
}

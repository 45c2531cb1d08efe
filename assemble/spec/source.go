package spec

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/standalone"
)

// Tarballs returns the runtimes that become layers. Alpine's own Python is a package like any other.
func (s Spec) Tarballs(p Platform) []Runtime {
	return slices.DeleteFunc(slices.Clone(s.Runtimes), func(r Runtime) bool { return r.At(p) == FromAPK })
}

// PinnedSum returns the digest that the spec pins for a platform, or "" if it pins none.
func (r Runtime) PinnedSum(p Platform) (string, error) {
	switch {
	case r.SHA256[p] != "":
		return "sha256:" + r.SHA256[p], nil
	case r.SHA256[Platform{}] != "":
		return "sha256:" + r.SHA256[Platform{}], nil
	case len(r.SHA256) > 0:
		return "", fmt.Errorf("the spec's sha256 has no digest for %s", p)
	}
	return "", nil
}

// The prefixes of a runtime's source that is not the URL or file of a tarball.
const (
	FromAPK        = "apk"
	FromImage      = "image:"
	FromStandalone = "standalone:"

	OciLayout = "oci:" // after FromImage: an OCI layout on disk, not in a registry
)

// At returns the runtime's source on a platform, with its templates filled in, or "" if it has no source there.
func (r Runtime) At(p Platform) string {
	source := r.Source
	if r.Sources != nil {
		source = r.Sources[p]
	}
	return p.Fill(strings.ReplaceAll(source, "{version}", r.Python))
}

// Written returns the source on a platform as the spec has it.
func (r Runtime) Written(p Platform) string {
	if r.Sources != nil {
		return r.Sources[p]
	}
	return r.Source
}

// CheckPlatforms is an error if a runtime has no source for some of the platforms. It names them, and those that have one.
func (s Spec) CheckPlatforms() error {
	faults := s.Base.missing(s)
	for i, r := range s.Runtimes {
		if r.Sources == nil {
			continue
		}
		var have []string
		for _, p := range sortPlatforms(platformsOf(r.Sources)) {
			have = append(have, p.String())
		}
		for _, p := range s.Platforms {
			if r.Sources[p] == "" {
				faults = append(faults, Fault{File: s.Name, Field: fmt.Sprintf("runtime[%d].source", i),
					Msg: fmt.Sprintf("the runtime has no source for %s; it has one for %s", p, strings.Join(have, ", "))})
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &Error{Faults: faults}
}

func platformsOf(m map[Platform]string) []Platform {
	var ps []Platform
	for p := range m {
		ps = append(ps, p)
	}
	return ps
}

// parseSource returns a runtime's source in the one form that the rest of pyimg knows. oci:REF is image:REF.
func parseSource(v string) (string, error) {
	if ref, ok := strings.CutPrefix(v, OciLayout); ok {
		if !isRegistry(ref) {
			return v, fmt.Errorf("expected oci:HOST/REPOSITORY:TAG, found %q; an OCI layout on disk is %s", v, FromImage+v)
		}
		v = FromImage + ref
	}
	return v, checkSource(v)
}

// isRegistry reports whether a reference begins with the host of a registry: with a dot or a port, or localhost.
func isRegistry(ref string) bool {
	host, repository, _ := strings.Cut(ref, "/")
	return repository != "" && !strings.HasPrefix(host, ".") && (strings.ContainsAny(host, ".:") || host == "localhost")
}

// checkSource refuses an invalid source.
func checkSource(v string) error {
	known := []string{"{version}"}
	for _, name := range platformNames() {
		known = append(known, "{"+name+"}")
	}
	for _, m := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(v, -1) {
		if !slices.Contains(known, m) {
			return fmt.Errorf("unknown %s in %q; known are %s, and what a spec declares under vars", m, v, strings.Join(known, ", "))
		}
	}
	if ref, ok := strings.CutPrefix(v, FromImage); ok && (ref == "" || strings.Contains(ref, "://")) {
		return fmt.Errorf("expected image:HOST/REPOSITORY:TAG or image:oci:DIR[:TAG], found %q", v)
	} else if ok && !strings.HasPrefix(ref, OciLayout) {
		if lower := lowerCase(ref); lower != ref {
			return fmt.Errorf("expected an image's repository without capital letters, found %[2]q; did you mean %[1]q?", FromImage+lower, v)
		}
	}
	if release, ok := strings.CutPrefix(v, FromStandalone); ok && !strings.Contains(release, "{") {
		_, err := standalone.Parse(release)
		return err
	}
	return nil
}

// lowerCase returns a reference with its repository in lower case; host, tag, digest and templates stay.
func lowerCase(ref string) string {
	host, repository := "", ref
	if first, rest, _ := strings.Cut(ref, "/"); isRegistry(ref) {
		host, repository = first+"/", rest
	}
	end := len(repository)
	if i := strings.IndexAny(repository, ":@"); i >= 0 {
		end = i
	}
	lower := regexp.MustCompile(`[^{}]+(\{|$)`).ReplaceAllStringFunc(repository[:end], strings.ToLower)
	return host + lower + repository[end:]
}

// ImagePath returns the reference of an image source. The path of an image on disk is ready to be opened.
func (s Spec) ImagePath(source string) string {
	ref := strings.TrimPrefix(source, FromImage)
	if dir, ok := strings.CutPrefix(ref, OciLayout); ok {
		return OciLayout + s.Path(dir)
	}
	return ref
}

// fromHere makes the path of a source on disk absolute, from the working directory.
func fromHere(source string) (string, error) {
	before, file := "", source
	if dir, ok := strings.CutPrefix(source, FromImage+OciLayout); ok {
		before, file = FromImage+OciLayout, dir
	} else if source == FromAPK || IsURL(source) || strings.HasPrefix(source, FromImage) || strings.HasPrefix(source, FromStandalone) {
		return source, nil
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("finding %q: %w", source, err)
	}
	return before + abs, nil
}

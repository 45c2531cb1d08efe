package draft

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
)

// from chooses what stands in the place of a base image.
func (b *builder) from(s dockerfile.Stage, ref string, known bool, st *stage) {
	at := dockerfile.Instruction{Line: s.Line}
	if platform, ok := b.global.Expand(s.Platform); ok && st.last && strings.HasPrefix(platform, "linux/") {
		b.spec.Platforms = []string{platform}
	}
	if !st.last {
		if name, tag := parts(ref); name == "python" && b.version == "" && b.noPython && minor(tag) != "" {
			b.version, b.versionBy = minor(tag), "as "+b.at(at)+" says"
		}
		return
	}
	switch {
	case !known && b.addon.base(b.spec.Platforms) != nil:
		b.spec.Base, b.spec.BaseWhy = b.addon.base(b.spec.Platforms), "as "+b.addon.file+" says"
		b.baseBrings()
	case !known:
		b.note(b.at(at), "FROM "+s.Base, "the image has a name only when it is built", "write \"base: image:REF\" if it is one of Alpine that you want to keep")
		b.noPython = false
	case ref == "scratch":
	case b.pythonOf(ref, b.at(at)):
	case b.alpineOf(ref):
	case isDebian(ref):
		b.debian = true
	default:
		b.otherBase(s, ref, at)
	}
}

// parts takes a reference apart: the last part of its repository, and its tag.
func parts(ref string) (name, tag string) {
	ref, _, _ = strings.Cut(ref, "@")
	base := path.Base(ref)
	name, tag, _ = strings.Cut(base, ":")
	return name, tag
}

// pythonOf takes the version of Python from the image of docker, or of uv, and Alpine's branch from its tag.
func (b *builder) pythonOf(ref, at string) bool {
	name, tag := parts(ref)
	version := ""
	switch {
	case name == "python" && (tag == "" || regexp.MustCompile(`^(3[.\d]*)?(-|$|[a-z])`).MatchString(tag) || strings.HasPrefix(tag, "3")):
		if version = minor(tag); version == "" {
			version = pythons()[0]
		}
	case name == "uv" && strings.HasPrefix(tag, "python3"):
		version = minor(strings.TrimPrefix(tag, "python"))
		b.wants.tool = "uv"
	case strings.HasPrefix(minor(tag), "3.") && strings.HasPrefix(tag, "python3"):
		version = minor(tag)
	}
	if strings.Contains(ref, "distroless/python3") {
		b.noPython, b.debian = false, true
		return true
	}
	if version == "" {
		return false
	}
	b.noPython = false
	b.version, b.versionBy = version, "as "+at+" says"
	if m := regexp.MustCompile(`alpine(3\.\d+)`).FindStringSubmatch(tag); m != nil {
		b.spec.Branch, b.spec.BranchWhy = "v"+m[1], "as "+at+" says"
	}
	b.debian = !strings.Contains(tag, "alpine")
	return true
}

// alpineOf takes Alpine's branch from the image of Alpine.
func (b *builder) alpineOf(ref string) bool {
	name, tag := parts(ref)
	if name != "alpine" {
		return false
	}
	b.alpine = false
	b.onAlpine = true
	switch m := regexp.MustCompile(`^(3\.\d+)`).FindStringSubmatch(tag); {
	case tag == "edge":
		b.spec.Branch = "edge"
	case m != nil:
		b.spec.Branch = "v" + m[1]
	}
	return true
}

func isDebian(ref string) bool {
	name, _ := parts(ref)
	return slices.Contains([]string{"debian", "ubuntu", "buildpack-deps"}, name)
}

// otherBase keeps an image that is Alpine's, and says what it does not know of others.
func (b *builder) otherBase(s dockerfile.Stage, ref string, at dockerfile.Instruction) {
	name, tag := parts(ref)
	if strings.Contains(ref, "home-assistant/") || strings.Contains(ref, "hassio-addons/") || strings.Contains(name+tag, "alpine") {
		b.spec.Base, b.spec.BaseWhy = map[string]string{"": "image:" + ref}, "its layers stay as they are"
		b.baseBrings()
		return
	}
	b.noPython = false
	b.debian = true
	b.note(b.at(at), "FROM "+s.Base, "nobody here knows what is in it, so the image starts from Alpine and a Python of its own",
		"if it is made of Alpine packages, \"base: image:"+ref+"\" keeps its layers")
}

// baseBrings notes that the packages of the base serve, Alpine's Python among them.
func (b *builder) baseBrings() { b.onAlpine = true }

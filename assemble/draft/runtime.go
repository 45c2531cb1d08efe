package draft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/specfile"
)

// The image that the optimized runtime is taken from, and the branches of Alpine that it is made for, the newest first.
const optimized = "image:ghcr.io/home-assistant/base-python:"

// oldest is the oldest 3.N that python-build-standalone still makes.
const oldest = 10

func branches() []string { return []string{"v3.24", "v3.23", "v3.22"} }

// basePackages are what a root of Alpine needs, with certificates and time zones.
func basePackages() []string {
	return []string{"alpine-baselayout", "alpine-release", "busybox", "ca-certificates-bundle", "tzdata"}
}

// runtime chooses where Python comes from, once all files have been read.
func (m *maker) runtime() {
	if len(m.spec.Base) == 0 {
		var packages []specfile.Item
		for _, name := range basePackages() {
			packages = append(packages, specfile.Item{Value: name})
		}
		if !m.listed {
			m.spec.Packages = append(packages, m.spec.Packages...)
		}
		if m.spec.Branch == "" && len(m.spec.Repositories) == 0 {
			m.spec.Branch = branches()[0]
		}
	}
	switch {
	case m.options.Runtime != "":
		m.spec.Runtime, m.spec.RuntimeWhy = m.options.Runtime, "as --runtime says"
	case len(m.spec.Base) > 0 && !m.alpine:
		return // the base has its Python
	case m.alpine:
		m.spec.Runtime, m.spec.RuntimeWhy = "apk", "Alpine's own Python"
	case m.noPython:
		return
	default:
		m.chooseRuntime()
	}
	if m.spec.Runtime == "apk" && !slices.ContainsFunc(m.spec.Packages, func(i specfile.Item) bool { return i.Value == "python3" }) {
		m.spec.Packages = append(m.spec.Packages, specfile.Item{Value: "python3"})
	}
	m.spec.Bytecode = "unchecked"
}

// chooseRuntime takes the optimized Python where there is one for the version and the platforms.
func (m *maker) chooseRuntime() {
	if m.version == "" {
		m.version = pythons()[0]
		if candidates := m.candidates(); len(candidates) > 0 {
			m.version = candidates[0]
			if m.requires != "" {
				m.versionBy = "the newest that the project allows"
			}
		}
	}
	why := ""
	if m.versionBy != "" {
		why = "Python " + m.version + ": " + m.versionBy
	}
	for _, platform := range m.platforms() {
		if platform != "linux/amd64" && platform != "linux/arm64" {
			m.spec.Runtime, m.spec.RuntimeWhy = "apk", "Alpine's own Python, since the optimized one is for amd64 and arm64 alone"
			m.note("platforms", platform, "the optimized Python is not made for it", "Alpine's own Python was taken, of the version that its branch has")
			return
		}
	}
	if number, err := strconv.Atoi(strings.TrimPrefix(m.version, "3.")); err == nil && number < oldest {
		m.note(strings.TrimPrefix(strings.TrimSuffix(m.versionBy, " says"), "as "), "Python "+m.version, "nobody makes this version for musl any more", "the image has Python "+pythons()[len(pythons())-1]+": try your tests with it, or name a runtime of your own")
		m.version, why = pythons()[len(pythons())-1], "Python "+m.version+" is past its end"
	}
	if !slices.Contains(pythons(), m.version) {
		m.spec.Runtime = "standalone:" + m.version
		m.spec.RuntimeWhy = strings.TrimPrefix(why+"; python-build-standalone has it", "; ")
		return
	}
	if m.spec.Branch != "" && !slices.Contains(branches(), m.spec.Branch) {
		nearest := branches()[len(branches())-1]
		m.spec.BranchWhy = fmt.Sprintf("the project has %s; the optimized Python is made for %s and later", m.spec.Branch, nearest)
		m.spec.Branch = nearest
	}
	branch := m.spec.Branch
	if branch == "" {
		branch = branches()[0]
	}
	m.spec.Runtime = optimized + m.version + "-alpine" + strings.TrimPrefix(branch, "v")
	m.spec.RuntimeWhy = why
	m.spec.Allocator, m.spec.AllocatorWhy = "jemalloc", "preloaded; the runtime has it"
}

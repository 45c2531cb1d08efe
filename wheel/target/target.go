package target

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

// Python is a CPython as its files describe it.
type Python struct {
	Version      string // full: "3.13.5", "3.14.0rc1"
	FreeThreaded bool   // built with --disable-gil
	Debug        bool   // built with --with-pydebug
	Musl         string // musl's version: "1.2" or "1.2.5"
	Machine      string // as uname -m has it: "x86_64", "armv7l"; see Machine
	ExtSuffix    string // of extension modules; computed where it is left out
}

// Target is one platform of an image with the Python in it.
type Target struct {
	Platform    string // for messages: "linux/amd64"
	Python      version.Version
	Tags        tag.Set
	Environment dependency.Environment
	ExtSuffix   string // ".cpython-313-x86_64-linux-musl.so"
}

// New works out what the Python takes. It is an error where the Version, the
// Musl or the Machine is not one of a CPython 3 on musl.
func New(platform string, p Python) (Target, error) {
	v, err := p.release()
	if err != nil {
		return Target{}, fmt.Errorf("working out which wheels the Python %q of %s takes: %w", p.Version, platform, err)
	}
	machine, ok := machines()[p.Machine]
	if !ok {
		return Target{}, fmt.Errorf("working out which wheels %s takes: unknown machine %q", platform, p.Machine)
	}
	platforms, err := platformTags(p.Musl, p.Machine)
	if err != nil {
		return Target{}, fmt.Errorf("working out which wheels %s takes: %w", platform, err)
	}
	t := Target{Platform: platform, Python: v.version, Tags: tag.NewSet(p.tags(v, platforms)), Environment: p.environment(v), ExtSuffix: p.ExtSuffix}
	if t.ExtSuffix == "" {
		t.ExtSuffix = ".cpython-3" + strconv.Itoa(v.minor) + p.flags() + "-" + machine.triplet + ".so"
	}
	return t, nil
}

// release is the Version taken apart.
type release struct {
	version version.Version
	minor   int
	full    string // normal form, as platform.python_version() has it
}

// maxMinor is far above any CPython 3; the tags grow with it.
const maxMinor = 99

func (p Python) release() (release, error) {
	v, err := version.Parse(p.Version)
	if err != nil {
		return release{}, err
	}
	parts := strings.SplitN(v.String(), ".", 3)
	if len(parts) < 3 || parts[0] != "3" {
		return release{}, fmt.Errorf("expected a full version of CPython 3 such as 3.13.5")
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil || minor > maxMinor {
		return release{}, fmt.Errorf("expected a full version of CPython 3 such as 3.13.5")
	}
	return release{v, minor, v.String()}, nil
}

func (p Python) flags() string {
	flags := ""
	if p.FreeThreaded {
		flags += "t"
	}
	if p.Debug {
		flags += "d"
	}
	return flags
}

// tags is the list of packaging.tags.sys_tags, which pip uses.
func (p Python) tags(v release, platforms []string) []string {
	var tags []string
	add := func(python, abi string, platforms ...string) {
		for _, platform := range platforms {
			tags = append(tags, python+"-"+abi+"-"+platform)
		}
	}
	cpython := "cp3" + strconv.Itoa(v.minor)
	for _, abi := range p.abis(v) {
		add(cpython, abi, platforms...)
	}
	if !p.FreeThreaded {
		add(cpython, "abi3", platforms...)
	}
	add(cpython, "none", platforms...)
	if !p.FreeThreaded {
		for minor := v.minor - 1; minor > 1; minor-- {
			add("cp3"+strconv.Itoa(minor), "abi3", platforms...)
		}
	}
	generic := []string{"py3" + strconv.Itoa(v.minor), "py3"}
	for minor := v.minor - 1; minor >= 0; minor-- {
		generic = append(generic, "py3"+strconv.Itoa(minor))
	}
	for _, python := range generic {
		add(python, "none", platforms...)
	}
	add(cpython, "none", "any")
	for _, python := range generic {
		add(python, "none", "any")
	}
	return tags
}

// abis are the ABIs whose extension modules load: a debug build takes those of a
// build without, too. Up to 3.7 pymalloc's "m" was part of the name.
func (p Python) abis(v release) []string {
	base := "cp3" + strconv.Itoa(v.minor)
	switch {
	case v.minor < 8:
		return []string{base + p.flags() + "m"}
	case p.Debug:
		return []string{base + p.flags(), strings.TrimSuffix(base+p.flags(), "d")}
	}
	return []string{base + p.flags()}
}

func (p Python) environment(v release) dependency.Environment {
	// sys.implementation spells release candidates "c".
	return dependency.Environment{
		ImplementationName:    "cpython",
		ImplementationVersion: strings.Replace(v.full, "rc", "c", 1),
		OSName:                "posix",
		PlatformMachine:       p.Machine,
		PlatformSystem:        "Linux",
		PythonImplementation:  "CPython",
		PythonVersion:         "3." + strconv.Itoa(v.minor),
		PythonFullVersion:     v.full,
		SysPlatform:           "linux",
	}
}

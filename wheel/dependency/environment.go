package dependency

import (
	"slices"
)

// Environment is what markers are evaluated for: the Python of an image. Its
// platform_release and platform_version are the kernel's, which is not known
// before the image runs: it has none.
type Environment struct {
	ImplementationName    string // "cpython"
	ImplementationVersion string // "3.13.5"
	OSName                string // "posix"
	PlatformMachine       string // "x86_64"
	PlatformSystem        string // "Linux"
	PythonImplementation  string // "CPython"
	PythonVersion         string // "3.13"
	PythonFullVersion     string // "3.13.5"
	SysPlatform           string // "linux"

	scope          scope
	extra          string
	extras, groups []string
}

// scope is where a marker was written, which decides which of the variables
// extra, extras and dependency_groups it may use.
type scope int

const (
	inRequirement scope = iota // none of them
	inMetadata                 // extra
	inLock                     // extras, dependency_groups
)

// WithExtra is the environment for markers of a package's metadata while extra
// is wanted; "" means no extra.
func (e Environment) WithExtra(extra string) Environment {
	e.scope, e.extra = inMetadata, Normalize(extra)
	return e
}

// WithLock is the environment for markers of a lock (PEP 751) of which these
// extras and dependency groups are wanted.
func (e Environment) WithLock(extras, groups []string) Environment {
	e.scope, e.extras, e.groups = inLock, normalizeAll(extras), normalizeAll(groups)
	return e
}

func normalizeAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = Normalize(n)
	}
	return out
}

// has reports whether name is one of the extras or groups that are wanted.
func (e Environment) has(variable, name string) bool {
	set := e.extras
	if variable == "dependency_groups" {
		set = e.groups
	}
	return slices.Contains(set, Normalize(name))
}

// value is the variable's text. It is unknown for the kernel's variables.
func (e Environment) value(variable string) (text string, known bool) {
	switch variable {
	case "implementation_name":
		return e.ImplementationName, true
	case "implementation_version":
		return e.ImplementationVersion, true
	case "os_name":
		return e.OSName, true
	case "platform_machine":
		return e.PlatformMachine, true
	case "platform_system":
		return e.PlatformSystem, true
	case "platform_python_implementation":
		return e.PythonImplementation, true
	case "python_version":
		return e.PythonVersion, true
	case "python_full_version":
		return e.PythonFullVersion, true
	case "sys_platform":
		return e.SysPlatform, true
	case "extra":
		return e.extra, true
	}
	return "", false
}

// allows reports whether a marker of the environment's scope may use the variable.
func (e Environment) allows(variable string) bool {
	switch variable {
	case "extra":
		return e.scope == inMetadata
	case "extras", "dependency_groups":
		return e.scope == inLock
	}
	return true
}

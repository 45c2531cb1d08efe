package assemble

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/python"
)

// Where mimalloc is taken from.
const (
	usePython  = "python"  // CPython's own copy, from 3.13 on
	usePreload = "preload" // a library
)

// A library is an allocator to preload, as pyimg knows it by name.
type library struct {
	name    string   // as cpython.Allocator has it
	files   []string // what it is called in a runtime, the best first
	apk     string   // Alpine's package
	apkPath string   // where that package puts it
}

// library returns what is known of the allocator; the zero value where there is none to preload, or it is given by path.
func (a Allocator) library() library {
	switch {
	case a.Name == "jemalloc":
		return library{"jemalloc", []string{"libjemalloc.so.2"}, "jemalloc", "/usr/lib/libjemalloc.so.2"}
	case a.Name == "mimalloc" && a.Use == usePreload && a.Insecure:
		return library{"mimalloc", []string{"libmimalloc-insecure.so.2", "libmimalloc.so.2"}, "mimalloc2-insecure", "/usr/lib/libmimalloc-insecure.so.2"}
	case a.Name == "mimalloc" && a.Use == usePreload:
		// Alpine's plain name is the secure build; upstream's own is libmimalloc-secure.
		return library{"mimalloc", []string{"libmimalloc-secure.so.2", "libmimalloc.so.2"}, "mimalloc2", "/usr/lib/libmimalloc.so.2"}
	}
	return library{}
}

// ofPython says that Python is to use its own copy of mimalloc.
func (a Allocator) ofPython() bool { return a.Name == "mimalloc" && a.Use == usePython }

// settled is the allocator with the place of mimalloc decided: Python's own copy where the image's Python has one, else
// the library.
func (a Allocator) settled(python string, known *python.Build) Allocator {
	if a.Name == "mimalloc" && a.Use == "" {
		a.Use = usePreload
		if atLeast(python, 13) && (known == nil || known.Flags == "" || known.Mimalloc) {
			a.Use = usePython
		}
	}
	return a
}

// env is the environment that the allocator wants, preload being the library's path in the image.
func (a Allocator) env(preload string) map[string]string {
	env := make(map[string]string)
	if a.Name == "jemalloc" {
		env["MALLOC_CONF"] = a.mallocConf()
	}
	if a.ofPython() {
		env["PYTHONMALLOC"] = "mimalloc"
	}
	if preload != "" {
		env["LD_PRELOAD"] = preload
	}
	maps.Copy(env, a.Env)
	return env
}

// mallocConf is jemalloc's MALLOC_CONF. The defaults are those that Home Assistant ran with: purge in the background and
// late, huge pages for metadata. Options of the spec replace those of the same name, and follow where they have none.
func (a Allocator) mallocConf() string {
	options := [][2]string{{"background_thread", "true"}, {"metadata_thp", "auto"}, {"dirty_decay_ms", "20000"}, {"muzzy_decay_ms", "20000"}}
	var words []string
	own := maps.Clone(a.Conf)
	for _, o := range options {
		value := o[1]
		if v, ok := own[o[0]]; ok {
			value = v
			delete(own, o[0])
		}
		words = append(words, o[0]+":"+value)
	}
	for _, k := range sortedKeys(own) {
		words = append(words, k+":"+own[k])
	}
	return strings.Join(words, ",")
}

// allocate settles which allocator it is, what is preloaded and the environment, and returns the package to ask for; ""
// where a runtime brings the allocator or none is needed. A runtime's own build is preferred over Alpine's, since it was
// made for that Python. Where the packages are not known yet, the indexes tell which Python is to come.
func (p *PlatformPlan) allocate(spec Spec, indexes []*apk.Index) (string, error) {
	p.allocator = spec.Allocator.settled(p.python(spec, indexes))
	a := p.allocator
	known := a.library()
	p.Preload = a.Preload
	ask := ""
	if known.name != "" {
		p.Preload = p.held(known)
		switch {
		case a.From == fromRuntime && p.Preload == "":
			return "", &RequireError{"allocator " + known.name, fmt.Sprintf("no runtime holds %s; leave out \"from: runtime\" and Alpine's package %s is taken",
				known.files[0], known.apk)}
		case p.Preload == "" || a.From == fromAPK:
			p.Preload, ask = known.apkPath, known.apk
		}
	}
	p.Env = make(map[string]string)
	for _, r := range p.Runtimes {
		maps.Copy(p.Env, r.Env)
	}
	maps.Copy(p.Env, a.env(p.Preload))
	return ask, nil
}

// fromRuntime asks for an allocator that a runtime brings.
const fromRuntime = "runtime"

// held finds the allocator's library in the runtimes; "" where none has it.
func (p *PlatformPlan) held(known library) string {
	for _, file := range known.files {
		for _, r := range p.Runtimes {
			i := slices.IndexFunc(r.Report.Allocators, func(a python.Allocator) bool { return strings.HasSuffix(a.Path, "/"+file) })
			if i >= 0 {
				return r.Report.Allocators[i].Path
			}
		}
	}
	return ""
}

// checkMimalloc refuses Python's own mimalloc where Python has none: it would end every start with "unknown allocator".
// See the CPython documentation, PYTHONMALLOC.
func (p *PlatformPlan) checkMimalloc(spec Spec) error {
	if !p.allocator.ofPython() {
		return nil
	}
	const do = "take a newer Python, or preload the library with allocator: {name: mimalloc, use: preload}"
	version, known := p.python(spec, nil)
	switch {
	case version == "":
		p.Notes = append(p.Notes, "allocator mimalloc is Python's own, and there is no Python in the image whose version can be read; "+do)
	case !atLeast(version, 13):
		return &RequireError{"allocator mimalloc", fmt.Sprintf("Python %s knows no PYTHONMALLOC=mimalloc and would not start; it came with 3.13; %s", version, do)}
	case known != nil && known.Flags != "" && !known.Mimalloc:
		return &RequireError{"allocator mimalloc", fmt.Sprintf("Python %s was built --without-mimalloc and would not start; %s", version, do)}
	}
	return nil
}

// python is the version of the image's Python, and what is known of its build where a runtime brings it. Alpine's is
// seen only where it was asked for by name.
func (p *PlatformPlan) python(spec Spec, indexes []*apk.Index) (version string, known *python.Build) {
	for _, r := range p.Runtimes {
		if r.Report.Python != nil {
			return r.Report.Python.Version, r.Report.Python
		}
	}
	if !spec.asksForPython(p.Platform) {
		return "", nil
	}
	for _, pkg := range p.Packages {
		if pkg.Name == "python3" {
			return pkg.Version, nil
		}
	}
	for _, x := range indexes {
		for pkg := range x.Named("python3") {
			if version == "" || apk.CompareVersions(pkg.Version, version) > 0 {
				version = pkg.Version
			}
		}
	}
	return version, nil
}

func (s Spec) asksForPython(p Platform) bool {
	return slices.ContainsFunc(s.Packages, func(d apk.Dependency) bool { return d.Name == "python3" && !d.Conflict }) ||
		slices.ContainsFunc(s.Runtimes, func(r Runtime) bool { return r.at(p) == fromAPK })
}

// atLeast tells whether a version is 3.minor or later.
func atLeast(version string, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 || parts[0] != "3" {
		return false
	}
	n, err := strconv.Atoi(strings.TrimRight(parts[1], "t"))
	return err == nil && n >= minor
}

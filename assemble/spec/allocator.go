package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Values of Allocator.Use: which mimalloc to use.
const (
	UsePython  = "python"  // CPython's own copy, from 3.13 on
	UsePreload = "preload" // a library, by LD_PRELOAD
)

// A Library is an allocator to preload, as pyimg knows it by name.
type Library struct {
	Name    string   // as python.Allocator has it
	Files   []string // its file names in a runtime, the best first
	Apk     string   // Alpine's package
	ApkPath string   // its path in that package
}

// Library returns the library to preload, or the zero value if there is none or the spec names it by path.
func (a Allocator) Library() Library {
	switch {
	case a.Name == "jemalloc":
		return Library{"jemalloc", []string{"libjemalloc.so.2"}, "jemalloc", "/usr/lib/libjemalloc.so.2"}
	case a.Name == "mimalloc" && a.Use == UsePreload && a.Insecure:
		return Library{"mimalloc", []string{"libmimalloc-insecure.so.2", "libmimalloc.so.2"}, "mimalloc2-insecure", "/usr/lib/libmimalloc-insecure.so.2"}
	case a.Name == "mimalloc" && a.Use == UsePreload:
		// Alpine's plain name is the secure build; upstream's own is libmimalloc-secure.
		return Library{"mimalloc", []string{"libmimalloc-secure.so.2", "libmimalloc.so.2"}, "mimalloc2", "/usr/lib/libmimalloc.so.2"}
	}
	return Library{}
}

// OfPython reports whether Python is to use its own copy of mimalloc.
func (a Allocator) OfPython() bool { return a.Name == "mimalloc" && a.Use == UsePython }

// Environment returns the environment variables for the allocator. preload is the library's path in the image.
func (a Allocator) Environment(preload string) map[string]string {
	env := make(map[string]string)
	if a.Name == "jemalloc" {
		env["MALLOC_CONF"] = a.mallocConf()
	}
	if a.OfPython() {
		env["PYTHONMALLOC"] = "mimalloc"
	}
	if preload != "" {
		env["LD_PRELOAD"] = preload
	}
	maps.Copy(env, a.Env)
	return env
}

// mallocConf is jemalloc's MALLOC_CONF. The defaults are those that Home Assistant has used: purge late and in the background, and
// huge pages for metadata. Options of the spec replace defaults of the same name; others follow.
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
	for _, k := range slices.Sorted(maps.Keys(own)) {
		words = append(words, k+":"+own[k])
	}
	return strings.Join(words, ",")
}

// FromRuntime is the value of Allocator.From for a library of a runtime.
const FromRuntime = "runtime"

func (d decoder) allocator(a *Allocator, p string, n ast.Node) {
	if _, custom := n.(*ast.MappingNode); !custom {
		d.Text(func(v string) (err error) { a.Name, err = ParseAllocator(v); return err })(p, n)
		return
	}
	d.Mapping(p, n, d.allocatorFields(a))
	for _, fault := range a.faults() {
		d.FaultAt(n, p, "%s", fault)
	}
}

func (d decoder) allocatorFields(a *Allocator) fields {
	secure := ""
	if a.Insecure {
		secure = "false"
	}
	return fields{
		row("name", d.Text(func(v string) (err error) { a.Name, err = ParseAllocator(v); return err }), a.Name),
		row("use", d.OneOf(&a.Use, UsePython, UsePreload), a.Use),
		row("from", d.OneOf(&a.From, FromRuntime, FromAPK), a.From),
		row("secure", d.Text(func(v string) (err error) { a.Insecure, err = parseInsecure(v); return err }), secure),
		row("conf", d.Table(&a.Conf, checkConf), a.Conf),
		row("preload", d.Text(func(v string) error { a.Preload = v; return CheckAbsolute(v) }), a.Preload),
		row("env", d.Table(&a.Env, checkEnv), a.Env),
	}
}

// allocatorYAML writes only the name if no other field is set.
func (d decoder) allocatorYAML(a Allocator) any {
	all := d.allocatorFields(&a).YAML()
	if len(all) == 1 && a.Name != "" {
		return a.Name
	}
	return all
}

// faults reports fields of an allocator that contradict each other.
func (a *Allocator) faults() []string {
	var faults []string
	say := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, text)
		}
	}
	say(a.Name != "" && a.Preload != "", "name and preload exclude each other")
	say(a.Use != "" && a.Name != "mimalloc", "use is only for mimalloc")
	say(a.Insecure && (a.Name != "mimalloc" || a.Use != UsePreload), "secure is only for the library of mimalloc (use: preload)")
	say(a.Conf != nil && a.Name != "jemalloc", "conf is only for jemalloc")
	say(a.From != "" && a.Library().Name == "", "from is only for a library that is preloaded by name")
	return faults
}

func parseInsecure(v string) (bool, error) {
	if v != "true" && v != "false" {
		return false, fmt.Errorf("expected true or false, found %q", v)
	}
	return v == "false", nil
}

// checkConf accepts an option of jemalloc(3), "TUNING".
func checkConf(name, value string) error {
	if name == "" || strings.ContainsAny(name+value, ",: ") || value == "" {
		return fmt.Errorf("expected an option of MALLOC_CONF, such as dirty_decay_ms: 10000, found %q", name+": "+value)
	}
	return nil
}

// ParseAllocator checks the name of an allocator.
func ParseAllocator(v string) (string, error) {
	if !slices.Contains([]string{"jemalloc", "mimalloc", "none"}, v) {
		return "", fmt.Errorf("expected jemalloc, mimalloc, none or {preload: PATH}, found %q", v)
	}
	return v, nil
}

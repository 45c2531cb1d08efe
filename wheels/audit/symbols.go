package audit

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers/elf"
)

// muslNames are the names that musl 1.2.5 defines, a line each.
//
//go:embed musl.txt
var muslNames string

// musl is a set of them.
func musl() map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(muslNames) {
		set[name] = true
	}
	return set
}

// isGLIBC reports whether only glibc has a name: the loader of musl does not find it, whatever other libraries there are.
func isGLIBC(name string) bool {
	for _, begin := range []string{"__cxa_thread_atexit_impl", "__isoc23_", "__isoc99_v", "__libc_start_", "__libc_single_threaded", "gnu_get_libc_", "__glibc_", "_dl_", "__res_"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return strings.HasPrefix(name, "__") && strings.HasSuffix(name, "_chk") && name != "__stack_chk"
}

// maxNames bounds the names in one message.
const maxNames = 5

// symbols reports the names that a file needs and that nothing defines: musl, the Python, the wheel's other files, or the libraries
// of the system that it is linked to. What these define is not known here, so a file that needs any may need more names of them;
// then only glibc's own names are wrong.
func (a *auditor) symbols(f binary, own map[string]bool) {
	if a.musl == nil {
		a.musl = musl()
	}
	var missing []string
	for _, name := range f.facts.Imports {
		if a.musl[name] || strings.HasPrefix(name, "Py") || strings.HasPrefix(name, "_Py") || a.exported(name) {
			continue
		}
		missing = append(missing, name)
	}
	if len(missing) == 0 {
		return
	}
	outside := slices.ContainsFunc(f.facts.Needed, func(so string) bool { return !own[path.Base(so)] && !isMusl(so) && !isPython(so) }) || a.ownNeedsOutside
	if outside {
		missing = slices.DeleteFunc(missing, func(name string) bool { return !isGLIBC(name) })
	}
	if len(missing) == 0 {
		return
	}
	text := strings.Join(missing[:min(len(missing), maxNames)], ", ")
	if more := len(missing) - maxNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	a.report.fault(f.name, "needs %s, which neither musl nor Python nor a library that it is linked to has", text)
}

// exported reports whether a file of the wheel defines a name, or may: its symbols cannot be read.
func (a *auditor) exported(name string) bool {
	return slices.ContainsFunc(a.files, func(f binary) bool { return f.facts.Opaque || f.exports[elf.Hash(name)] })
}

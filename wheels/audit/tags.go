package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/wheel/tag"
)

// platforms checks the platforms of the tags by themselves.
func (a *auditor) platforms() {
	for _, p := range platformsOf(a.wheel.Filename) {
		switch {
		case p == "any":
			a.pure()
		case strings.HasPrefix(p, "manylinux"):
			a.report.fault("", "its tag %s says that it is made for glibc (manylinux), not for musl", p)
		case strings.HasPrefix(p, "linux_"):
			a.report.Warnings = append(a.report.Warnings, fmt.Sprintf("%s: its tag %s does not say which C library it is for: musllinux_1_2_%s would",
				a.wheel.Filename.Text, p, strings.TrimPrefix(p, "linux_")))
		case strings.HasPrefix(p, "musllinux_"):
			if _, _, ok := musllinux(p); !ok {
				a.report.fault("", "its tag %.100s is no musllinux_X_Y_MACHINE (PEP 656)", p)
			}
			if len(a.files) == 0 {
				a.report.Warnings = append(a.report.Warnings, a.wheel.Filename.Text+": its tag is for one platform, but it has no machine code")
			}
		default:
			a.report.fault("", "its tag %.100s is for no Linux", p)
		}
	}
}

// pure checks the machine code of a wheel for any platform. It may be data: what is no extension module is never loaded by Python.
func (a *auditor) pure() {
	for _, f := range a.files {
		if _, _, module := python.ExtensionTag(path.Base(f.name)); module {
			a.report.fault(f.name, "is machine code, but the wheel's tag says that it runs on any platform")
		} else {
			a.report.Warnings = append(a.report.Warnings, fmt.Sprintf("%s: %s is machine code, and the wheel's tag says that it runs on any platform", a.wheel.Filename.Text, f.name))
		}
	}
}

func platformsOf(f tag.Filename) []string {
	var out []string
	for _, t := range f.Tags {
		p := t[strings.LastIndexByte(t, '-')+1:]
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// musllinux takes a platform of PEP 656 apart.
func musllinux(p string) (version [2]int, machine string, ok bool) {
	n, err := fmt.Sscanf(p, "musllinux_%d_%d_", &version[0], &version[1])
	if err != nil || n != 2 {
		return version, "", false
	}
	parts := strings.SplitN(p, "_", 4)
	return version, parts[len(parts)-1], len(parts) == 4 && parts[3] != ""
}

// firstOf12 is the minor version of musl 1.2.
const firstOf12 = 2

// isNewIn12 reports whether musl has a name since a version 1.2.N.
func isNewIn12(name string) bool {
	return slices.Contains([]string{"_Fork", "gettid", "reallocarray", "qsort_r", "pthread_getname_np", "preadv2", "pwritev2", "statx", "tcgetwinsize", "tcsetwinsize"}, name) ||
		strings.HasSuffix(name, "_time64")
}

// oldestMusl is the minor version of the oldest musl 1.N that the tags name.
func (a *auditor) oldestMusl() (minor int, ok bool) {
	for _, p := range platformsOf(a.wheel.Filename) {
		if v, _, is := musllinux(p); is && v[0] == 1 && (!ok || v[1] < minor) {
			minor, ok = v[1], true
		}
	}
	return minor, ok
}

// machines are those that the tags name, as uname -m has them.
func (a *auditor) machines() []string {
	var out []string
	for _, p := range platformsOf(a.wheel.Filename) {
		if _, m, ok := musllinux(p); ok {
			out = append(out, m)
		} else if m, ok := strings.CutPrefix(p, "linux_"); ok {
			out = append(out, m)
		}
	}
	return out
}

// sameMachine compares a tag's machine with an ELF file's: all of 32-bit ARM and x86 have one name there.
func sameMachine(tagged, have string) bool {
	family := func(m string) string {
		switch {
		case strings.HasPrefix(m, "arm"):
			return "arm"
		case len(m) == 4 && m[0] == 'i' && strings.HasSuffix(m, "86"), m == "x86":
			return "i386"
		}
		return m
	}
	return family(tagged) == family(have)
}

// extension checks the name of a file that may be an extension module.
func (a *auditor) extension(name string) {
	_, suffix, ok := python.ExtensionTag(path.Base(name))
	if !ok || suffix == "" {
		return
	}
	if t := a.options.Target; t != nil && suffix != "abi3" && "."+suffix+".so" != t.ExtSuffix {
		a.report.fault(name, "has another EXT_SUFFIX than the Python that it is built for, which is %s", t.ExtSuffix)
		return
	}
	if suffix == "abi3" {
		return
	}
	if strings.Contains(suffix, "-gnu") {
		a.report.fault(name, "is named for glibc: a Python on musl never imports it (its EXT_SUFFIX ends in -musl.so)")
		return
	}
	if !a.imported(suffix) {
		a.report.fault(name, "is for another Python than the wheel's tags name: its EXT_SUFFIX says %s", suffix)
	}
}

// imported reports whether a Python of the wheel's tags imports modules with the suffix "cpython-313-x86_64-linux-musl".
func (a *auditor) imported(suffix string) bool {
	version, isCPython := strings.CutPrefix(suffix, "cpython-")
	if !isCPython {
		return false
	}
	version, _, _ = strings.Cut(version, "-")
	for _, t := range a.wheel.Filename.Tags {
		interpreter, rest, _ := strings.Cut(t, "-")
		abi, _, _ := strings.Cut(rest, "-")
		switch {
		case abi == "abi3": // newer Pythons would not import it
		case interpreter == "cp"+strings.TrimRight(version, "td"), strings.HasPrefix(interpreter, "py3") && abi == "none", interpreter == "py2":
			return true
		}
	}
	return false
}

// minor is the newest 3.N that the tags name; without one it does not matter.
func (a *auditor) minor() int {
	newest := 0
	for _, t := range a.wheel.Filename.Tags {
		var n int
		if _, err := fmt.Sscanf(t, "cp3%d-", &n); err == nil && n < 100 {
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return 13
	}
	return newest
}

package check_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fixture"
)

// withSymbols is a root whose musl and Python export what modules usually need, with other files.
func withSymbols(files ...fixture.File) image {
	musl := library("libc.musl-x86_64.so.1")
	musl.Needed, musl.Exports = nil, []string{"malloc", "free", "memcpy"}
	cpython := library("libpython3.13.so.1.0")
	cpython.Exports = []string{"Py_GetVersion", "PyModule_Create2"}
	below := append(python(13), text("usr/lib/python3.13/os.py", ""), text("usr/lib/python3.13/encodings/__init__.py", ""),
		text("usr/lib/python3.13/__pycache__/os.cpython-313.pyc", ""), text("usr/lib/python3.13/encodings/__pycache__/__init__.cpython-313.pyc", ""), run(fixture.Loader(arch), musl), run("usr/lib/libpython3.13.so.1.0", cpython))
	return image{layers: [][]fixture.File{below, files}}
}

// module is an extension module that needs functions.
func module(name string, calls ...string) fixture.ELF {
	e := library("")
	e.Exports, e.Calls = []string{"PyInit_" + name}, append(calls, "malloc", "PyModule_Create2")
	return e
}

const siteDir = "usr/lib/python3.13/site-packages/"

func TestCheckSymbols(t *testing.T) {
	t.Parallel()
	const own, atexit = siteDir + "m/_m.cpython-313-x86_64-linux-musl.so", "__cxa_thread_atexit_impl"
	refused := []string{"error elf-symbol /" + own}
	gnu := fixture.File{Path: own, Mode: 0o755, Body: module("_m", atexit).Bytes()}
	damaged := library("libodd.so")
	damaged.GNUHash = true
	odd := damaged.Bytes()
	judge(t, map[string]verdict{
		"all is there":               {withSymbols(run(own, module("_m", "memcpy"))), nil, ""},
		"one is missing":             {withSymbols(gnu), refused, "needs the symbol " + atexit + ", which no library of the image has: Python cannot import it; use a build for Alpine's musl"},
		"many are missing":           {withSymbols(run(own, module("_m", "d", "a", "c", "b", "memcpy"))), refused, "needs the symbols a, b, c and others"},
		"weak":                       {withSymbols(run(own, withELF(module("_m"), func(e *fixture.ELF) { e.Weak = []string{atexit} }))), nil, ""},
		"without a relocation":       {withSymbols(run(own, withELF(module("_m"), func(e *fixture.ELF) { e.Imports = []string{atexit} }))), nil, ""},
		"its own":                    {withSymbols(run(own, withELF(module("_m", "helper"), func(e *fixture.ELF) { e.Exports = append(e.Exports, "helper") }))), nil, ""},
		"another library has it":     {withSymbols(gnu, run("opt/lib/libglue.so", withELF(library("libglue.so"), func(e *fixture.ELF) { e.Exports = []string{atexit} }))), nil, ""},
		"a program has it":           {withSymbols(gnu, run("usr/bin/host", withELF(program(), func(e *fixture.ELF) { e.Exports = []string{atexit} }))), nil, ""},
		"in another hash table":      {withSymbols(gnu, run("opt/lib/libglue.so", withELF(library("libglue.so"), func(e *fixture.ELF) { e.Exports, e.GNUHash = []string{atexit}, false }))), nil, ""},
		"for another machine":        {withSymbols(gnu, run("opt/lib/libglue.so", withELF(fixture.Library("aarch64", "libglue.so"), func(e *fixture.ELF) { e.Exports = []string{atexit} }))), append(refused, "note elf-machine /opt/lib/libglue.so"), ""},
		"a module of the stable ABI": {withSymbols(run(siteDir+"m.abi3.so", module("m", "PyOld_Function"))), []string{"error elf-symbol /" + siteDir + "m.abi3.so"}, "PyOld_Function"},
		"a module without a tag":     {withSymbols(run(siteDir+"m.so", module("m", atexit))), []string{"error elf-symbol /" + siteDir + "m.so"}, ""},
		"for another Python":         {withSymbols(run(siteDir+"m.cpython-312-x86_64-linux-musl.so", module("m", "PyGone"))), []string{"warning python-extension /" + siteDir + "m.cpython-312-x86_64-linux-musl.so"}, ""},
		"a library of a wheel":       {withSymbols(run(siteDir+"m.libs/libx-1.so.2", withELF(library("libx-1.so.2"), func(e *fixture.ELF) { e.Calls = []string{atexit} }))), []string{"warning elf-symbol /" + siteDir + "m.libs/libx-1.so.2"}, ""},
		"a plugin of a server":       {withSymbols(run(siteDir+"mod_x/mod_x.cpython-313-x86_64-linux-musl.so", withELF(library(""), func(e *fixture.ELF) { e.Calls = []string{"ap_hook"} }))), []string{"warning elf-symbol /" + siteDir + "mod_x/mod_x.cpython-313-x86_64-linux-musl.so"}, ""},
		"optional":                   {withSymbols(run("usr/lib/python3.13/lib-dynload/readline.cpython-313-x86_64-linux-musl.so", module("readline", "rl_gone"))), []string{"warning elf-symbol /usr/lib/python3.13/lib-dynload/readline.cpython-313-x86_64-linux-musl.so"}, "this optional module of Python cannot be imported"},
		"test data":                  {withSymbols(run(siteDir+"m/tests/_m.cpython-313-x86_64-linux-musl.so", module("_m", atexit))), nil, ""},
		"not of Python":              {withSymbols(run("usr/lib/httpd/mod_x.so", withELF(library(""), func(e *fixture.ELF) { e.Calls = []string{"ap_hook"} }))), nil, ""},
		"a library is missing":       {withSymbols(run(own, withELF(module("_m", "gone"), func(e *fixture.ELF) { e.Needed = append(e.Needed, "libgone.so") }))), []string{"error elf-needed /" + own}, ""},
		"no Python":                  {image{layers: [][]fixture.File{{run("opt/m.abi3.so", module("m", atexit))}}}, nil, ""},
		"a library cannot be read":   {withSymbols(gnu, fixture.File{Path: "opt/lib/libodd.so", Mode: 0o755, Body: []byte(strings.Replace(string(odd), "\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00", 1))}), []string{"note elf-damaged /opt/lib/libodd.so"}, ""},
	})
}

package python_test

import (
	"debug/elf"
	"testing"

	"github.com/pyimg/pyimg/assemble/python"
)

func TestExtensionTag(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		base, module, tag string
		ok                bool
	}{
		{"_core.cpython-313-x86_64-linux-musl.so", "_core", "cpython-313-x86_64-linux-musl", true},
		{"_rust.abi3.so", "_rust", "abi3", true},
		{"plain.so", "plain", "", true},
		{"x.pypy310-pp73-x86_64-linux-gnu.so", "x", "pypy310-pp73-x86_64-linux-gnu", true},
		{"libpython3.so", "", "", false},
		{"libgomp-a34b3233.so.1.0.0", "", "", false},
		{"libcrypto.3.so", "libcrypto", "3", false},
		{"mod.py", "", "", false},
		{".so", "", "", false},
	} {
		module, tag, ok := python.ExtensionTag(test.base)
		if ok != test.ok || ok && (module != test.module || tag != test.tag) {
			t.Errorf("ExtensionTag(%q) = %q, %q, %v, want %q, %q, %v", test.base, module, tag, ok, test.module, test.tag, test.ok)
		}
	}
}

func TestABIImports(t *testing.T) {
	t.Parallel()
	musl := python.ABI{Minor: 13, Machine: elf.EM_X86_64, Musl: true}
	glibc := python.ABI{Minor: 13, Machine: elf.EM_X86_64}
	free := python.ABI{Minor: 13, FreeThreaded: true, Machine: elf.EM_X86_64, Musl: true}
	for _, test := range []struct {
		abi  python.ABI
		tag  string
		want bool
	}{
		{musl, "", true},
		{musl, "abi3", true},
		{musl, "abi3t", false},
		{musl, "cpython-313-x86_64-linux-musl", true},
		{musl, "cpython-313", true},
		{musl, "cpython-312-x86_64-linux-musl", false},
		{musl, "cpython-313-aarch64-linux-musl", false},
		{musl, "cpython-313-x86_64-linux-gnu", false},
		{musl, "cpython-313t-x86_64-linux-musl", false},
		{musl, "cpython-313d-x86_64-linux-musl", false},
		{musl, "cpython-313-darwin", false},
		{musl, "pypy310-pp73-x86_64-linux-musl", false},
		{glibc, "cpython-313-x86_64-linux-gnu", true},
		{glibc, "cpython-313-x86_64-linux-musl", false},
		{free, "cpython-313t-x86_64-linux-musl", true},
		{free, "cpython-313-x86_64-linux-musl", false},
		{free, "abi3", false},
		{free, "", true},
		{python.ABI{Minor: 10, Machine: elf.EM_X86_64, Musl: true}, "cpython-310-x86_64-linux-gnu", true},
		{python.ABI{Minor: 10, Machine: elf.EM_X86_64, Musl: true, SOABI: "cpython-310-x86_64-linux-musl"}, "cpython-310-x86_64-linux-gnu", false},
		{python.ABI{Minor: 13, Machine: elf.EM_X86_64, Musl: true, SOABI: "cpython-313-x86_64-linux-gnu"}, "cpython-313-x86_64-linux-gnu", true},
		{python.ABI{Minor: 7, Machine: elf.EM_X86_64}, "cpython-37m-x86_64-linux-gnu", true},
		{python.ABI{Minor: 12, Machine: elf.EM_386, Musl: true}, "cpython-312-i386-linux-musl", true},
		{python.ABI{Minor: 12, Machine: elf.EM_386, Musl: true}, "cpython-312-x86_64-linux-musl", false},
		{python.ABI{Minor: 12, Machine: elf.EM_ARM, Musl: true}, "cpython-312-arm-linux-musleabihf", true},
		{python.ABI{Minor: 12, Machine: elf.EM_PPC64, Musl: true}, "cpython-312-powerpc64le-linux-musl", true},
		{python.ABI{Minor: 12, Musl: true}, "cpython-312-s390x-linux-musl", true},
	} {
		if got := test.abi.Imports(test.tag); got != test.want {
			t.Errorf("%+v.Imports(%q) = %v, want %v", test.abi, test.tag, got, test.want)
		}
	}
}

func TestIsOptional(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]bool{
		"usr/local/lib/python3.13/lib-dynload/_tkinter.cpython-313-x86_64-linux-musl.so": true,
		"usr/lib/python3.12/lib-dynload/_gdbm.so":                                        true,
		"usr/lib/python3.9/lib-dynload/nis.cpython-39-x86_64-linux-gnu.so":               true,
		"usr/lib/python3.12/lib-dynload/_ssl.cpython-312-x86_64-linux-musl.so":           false,
		"usr/lib/python3.12/lib-dynload/_sqlite3.cpython-312-x86_64-linux-musl.so":       false,
		"usr/lib/python3.12/lib-dynload/_tkinter_like.so":                                false,
		"usr/lib/python3.12/site-packages/_tkinter.so":                                   false,
		"usr/lib/python3.12/lib-dynload/_tkinter.py":                                     false,
	} {
		if got := python.IsOptional(p); got != want {
			t.Errorf("IsOptional(%q) = %v, want %v", p, got, want)
		}
	}
}

package python_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/python"
)

func TestRelocate(t *testing.T) {
	t.Parallel()
	moves := []python.Move{{From: "/python", To: "/usr/local"}, {From: "/install", To: "/usr/local"}}
	for old, want := range map[string]string{
		"'prefix': '/install',":                  "'prefix': '/usr/local',",
		"-I/install/include -L/install/lib":      "-I/usr/local/include -L/usr/local/lib",
		"#!/install/bin/python3":                 "#!/usr/local/bin/python3",
		"/usr/bin/install -c":                    "/usr/bin/install -c",
		"/installer /install-x /install.d":       "/installer /install-x /install.d",
		"/build/install/x":                       "/build/install/x",
		"a=/install:b=/python/lib":               "a=/usr/local:b=/usr/local/lib",
		"/install/install /install":              "/usr/local/install /usr/local",
		"--prefix=/install '-Wl,-rpath,/install": "--prefix=/usr/local '-Wl,-rpath,/usr/local",
	} {
		if got := python.Relocate(old, moves); got != want {
			t.Errorf("Relocate(%q) = %q, want %q", old, got, want)
		}
	}
}

func TestNamesPrefix(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]bool{
		"lib/pkgconfig/python-3.13.pc": true, "lib/python3.13/_sysconfigdata__linux_x86_64-linux-musl.py": true,
		"lib/python3.13/config-3.13-x86_64-linux-musl/Makefile": true, "lib/python3.13/_sysconfig_vars__linux.json": true,
		"lib/python3.13/os.py": false, "bin/python3.13": false, "lib/libpython3.13.so": false,
	} {
		if got := python.NamesPrefix(p, ""); got != want {
			t.Errorf("NamesPrefix(%q) = %t, want %t", p, got, want)
		}
	}
	if !python.NamesPrefix("bin/pip3", "#!/install/bin/python3") {
		t.Error("a script's #! line names the prefix")
	}
}

// FuzzRelocate: nothing but whole prefixes changes, and what is done needs not be done again.
func FuzzRelocate(f *testing.F) {
	f.Add("x=/install/lib -I/install")
	f.Add("//install/install/\x80/install")
	moves := []python.Move{{From: "/install", To: "/usr/local"}}
	f.Fuzz(func(t *testing.T, text string) {
		got := python.Relocate(text, moves)
		if again := python.Relocate(got, moves); again != got {
			t.Errorf("Relocate(%q) = %q, and again %q", text, got, again)
		}
		if !strings.Contains(text, "/install") && got != text {
			t.Errorf("Relocate(%q) = %q", text, got)
		}
	})
}

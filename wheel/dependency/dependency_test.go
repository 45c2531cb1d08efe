package dependency_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/dependency"
)

func image() dependency.Environment {
	return dependency.Environment{
		ImplementationName: "cpython", ImplementationVersion: "3.13.5", OSName: "posix", PlatformMachine: "x86_64", PlatformSystem: "Linux",
		PythonImplementation: "CPython", PythonVersion: "3.13", PythonFullVersion: "3.13.5", SysPlatform: "linux",
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Friendly-Bard": "friendly-bard", "friendly.bard": "friendly-bard", "FRIENDLY__BARD": "friendly-bard", "a-_.b": "a-b", "a.": "a-", "": "",
	} {
		if got := dependency.Normalize(name); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"a": true, "A.b-c_9": true, "9": true, "": false, "-a": false, "a-": false, "é": false, "a b": false, "../a": false} {
		if err := dependency.CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v, want ok %v", name, err, ok)
		}
	}
}

func TestParseRequirement(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"foo":                                   "foo",
		" Foo.Bar ":                             "Foo.Bar",
		"foo[a, b_c]>=1 , <2":                   "foo[a,b_c]>=1,<2",
		"foo[]":                                 "foo",
		"foo (>=1,<2)":                          "foo>=1,<2",
		"foo == 1.* ; extra == 'x'":             `foo==1.*; extra == "x"`,
		"foo;python_version>'3'":                `foo; python_version > "3"`,
		"foo @ https://x.example/a;b#c":         "foo @ https://x.example/a;b#c",
		"foo[a]@git+https://x ; os_name == 'a'": `foo[a] @ git+https://x ; os_name == "a"`,
	} {
		r, err := dependency.ParseRequirement(text)
		if err != nil || r.String() != want {
			t.Errorf("ParseRequirement(%q) = %q, %v, want %q", text, r, err, want)
		}
	}
}

func TestParseRequirementRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "_x", "é", "foo[a b]", "foo[", "foo[a,]", "foo(>=1", "foo 1", "foo<>1", "foo @", "foo>=1 @ x", "foo>=1.*", "foo-", "foo>1 extra",
		"foo ; bar", "foo @ x y", "../foo", "foo; (" + strings.Repeat("(", 100), strings.Repeat("a", 100000)} {
		if r, err := dependency.ParseRequirement(text); err == nil {
			t.Errorf("ParseRequirement(%.30q) = %q, want an error", text, r)
		}
	}
}

func TestMarkerApplies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"python_version >= '3.9'":                                                  true,
		"python_version < '3.9'":                                                   false,
		"'3.9' <= python_version":                                                  true,
		"python_version == '3.*'":                                                  true,
		"python_version ~= '3.10'":                                                 true,
		"python_full_version > '3.13.4'":                                           true,
		"python_version in '2.7, 3.13'":                                            true,
		"python_version not in '2.7, 3.13'":                                        false,
		"platform_machine in 'x86_64 AMD64'":                                       true,
		"platform_machine == 'X86_64'":                                             false,
		"sys.platform == 'linux' and os.name != 'nt'":                              true,
		"python_implementation == 'CPython'":                                       true,
		"implementation_name=='pypy' or platform_system=='Linux'":                  true,
		"sys_platform == 'win32' and (os_name == 'posix' or os_name == 'nt')":      false,
		"os_name == 'nt' and os_name == 'nt' or os_name == 'posix'":                true,
		"extra == 'T.L_S'":                                                         true,
		"extra == 'other'":                                                         false,
		"sys_platform == 'win32' and platform_release >= '10'":                     false,
		"sys_platform == 'linux' or platform_version == 'x'":                       true,
		"python_version > '3' and (platform_machine == 'arm' or extra == 't_l_s')": true,
	} {
		m, err := dependency.ParseMarker(text)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := m.Applies(image().WithExtra("t-l-s"))
		if err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestMarkerThatTheKernelDecidesIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"platform_release >= '5'", "platform.version != ''", "sys_platform == 'linux' and platform_release > '1'"} {
		m, err := dependency.ParseMarker(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Applies(image()); err == nil || !strings.Contains(err.Error(), "platform_release") {
			t.Errorf("%s: %v, want an error that names platform_release", text, err)
		}
	}
}

func TestLockMarkers(t *testing.T) {
	t.Parallel()
	env := image().WithLock([]string{"Web_UI"}, []string{"dev"})
	for text, want := range map[string]bool{
		"'web-ui' in extras": true, "'dev' in extras": false, "'dev' in dependency_groups": true, "'x' not in extras": true,
		"'web.ui' in extras and 'docs' in dependency_groups": false,
	} {
		m, err := dependency.ParseMarker(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Applies(env); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for text, env := range map[string]dependency.Environment{
		"'a' in extras": image().WithExtra("a"), "extra == 'a'": image().WithLock(nil, nil), "extra != 'a'": image(),
	} {
		m, err := dependency.ParseMarker(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Applies(env); err == nil {
			t.Errorf("%s has an answer where the variable has no meaning", text)
		}
	}
}

func TestParseMarkerRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "python_version", "python_version >", "python_version > 3", "'a' == 'b'", "os_name == sys_platform", "os_name = 'x'", "os_name == 'x",
		"(os_name == 'x'", "os_name == 'x')", "os_name == 'x' os_name == 'y'", "os_name not 'x'", "extras == 'a'", "'a' == extras", "os_name == 'x' and", "os_name == 'x' andy",
		`os_name == 'a\x41'`, "not_a_variable == 'x'", strings.Repeat("(", 1000) + "os_name == 'x'", strings.Repeat("os_name=='x'or ", 4200) + "os_name=='x'"} {
		if m, err := dependency.ParseMarker(text); err == nil {
			t.Errorf("ParseMarker(%.40q) = %q, want an error", text, m)
		}
	}
}

func FuzzParseRequirement(f *testing.F) {
	for _, s := range []string{"a[b]>=1; python_version > '3'", "a @ https://x ; os_name == 'x'", "a (>1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := dependency.ParseRequirement(text)
		if err != nil {
			return
		}
		again, err := dependency.ParseRequirement(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q prints as %q, which reads as %q, %v", text, r, again, err)
		}
	})
}

func FuzzParseMarker(f *testing.F) {
	for _, s := range []string{"os_name == 'a' and ('3' < python_version or extra in \"b\")", "'a' not in extras"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := dependency.ParseMarker(text)
		if err != nil {
			return
		}
		again, err := dependency.ParseMarker(m.String())
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, m, err)
		}
		for _, e := range []dependency.Environment{image(), image().WithExtra("a"), image().WithLock([]string{"a"}, nil)} {
			a, errA := m.Applies(e)
			b, errB := again.Applies(e)
			if a != b || (errA == nil) != (errB == nil) {
				t.Errorf("%q: %v, %v; printed and read again: %v, %v", text, a, errA, b, errB)
			}
		}
	})
}

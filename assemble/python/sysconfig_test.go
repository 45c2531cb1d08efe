package python_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/python"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const text = `# system configuration generated and used by the sysconfig module
build_time_vars = {'A': 'one '
      "two'" # a comment
      '\x41\u00e9\n\\',
 'N': -7, "Q": '',
 'LAST': 0
}
import os  # python-build-standalone's own code
`
	got, err := python.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(python.Vars{"A": "one two'Aé\n\\", "N": "-7", "Q": "", "LAST": "0"}, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"nothing":      {"", "build_time_vars"},
		"code":         {"import os\n", "build_time_vars"},
		"a call":       {"build_time_vars = {'A': os.system('x')}", "string or a number"},
		"an end":       {"build_time_vars = {'A': 'x", "without an end"},
		"a line's end": {"build_time_vars = {\n'A': 'x\n'}", "line 2"},
		"no colon":     {"build_time_vars = {'A' 1}", "colon"},
		"no comma":     {"build_time_vars = {'A': 1 'B': 2}", "comma"},
		"no string":    {"build_time_vars = {A: 1}", "expected a string"},
		"an escape":    {`build_time_vars = {'A': '\N{DASH}'}`, "unknown escape"},
		"a code point": {`build_time_vars = {'A': '\U00ffffff'}`, "not a code point"},
		"too much":     {"build_time_vars = {" + strings.Repeat(" ", 1<<20) + "}", "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := python.Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse = %v, %v, want an error with %q", got, err, c.want)
			}
		})
	}
}

func TestBuildGoesByWhatWasDone(t *testing.T) {
	t.Parallel()
	shared := func(more python.Vars) python.Vars {
		v := python.Vars{"VERSION": "3.14", "Py_ENABLE_SHARED": "1"}
		for k, x := range more {
			v[k] = x
		}
		return v
	}
	for name, c := range map[string]struct {
		vars python.Vars
		want string
	}{
		"asked for a profile, built without": {shared(python.Vars{"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'", "PY_CORE_CFLAGS": "-O3 -flto"}),
			"partly optimized: PGO no, LTO yes, -O3, semantic interposition"},
		"no flags to go by": {shared(python.Vars{"CONFIG_ARGS": "'--enable-optimizations' '--with-lto=thin'", "CFLAGS": "-O2"}),
			"optimized: PGO yes, LTO yes, -O2, semantic interposition"},
		"clang": {shared(python.Vars{"PY_CORE_CFLAGS": "-O3 -fprofile-instr-use=code.profclangd -flto=thin -fno-semantic-interposition", "Py_TAIL_CALL_INTERP": "1"}),
			"optimized: PGO yes, LTO yes, -O3, no semantic interposition, tail-call interpreter"},
		"the last level counts": {shared(python.Vars{"PY_CORE_CFLAGS": "-O3 -Wall -Os"}), "baseline: PGO no, LTO no, -Os, semantic interposition"},
		"not shared":            {python.Vars{"VERSION": "3.14", "PY_CORE_CFLAGS": "-O3"}, "baseline: PGO no, LTO no, -O3, no semantic interposition"},
		"lto is not wanted":     {shared(python.Vars{"CONFIG_ARGS": "'--with-lto=no'", "OPT": "-O2"}), "baseline: PGO no, LTO no, -O2, semantic interposition"},
		"free-threaded":         {python.Vars{"VERSION": "3.14", "OPT": "-O2", "Py_GIL_DISABLED": "1"}, "baseline: PGO no, LTO no, -O2, no semantic interposition, free-threaded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := python.NewBuild(c.vars).Verdict; got != c.want {
				t.Errorf("verdict %q, want %q", got, c.want)
			}
		})
	}
}

func TestThreadStackSize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vars python.Vars
		want int64
	}{
		"none":              {python.Vars{}, 0},
		"a macro":           {python.Vars{"CFLAGS": "-DTHREAD_STACK_SIZE=0x100000"}, 1 << 20},
		"a program header":  {python.Vars{"LDFLAGS": "-Wl,--as-needed,-z,stack-size=0x200000"}, 2 << 20},
		"pyconfig.h":        {python.Vars{"THREAD_STACK_SIZE": "4096"}, 4096},
		"what is no number": {python.Vars{"CFLAGS": "-DTHREAD_STACK_SIZE=BIG"}, 0},
	} {
		if got := python.NewBuild(c.vars).ThreadStackSize; got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}

func TestIsTest(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]bool{
		"usr/local/lib/python3.13/test/test_os.py":                   true,
		"python/lib/python3.14t/idlelib/idle_test/x.py":              true,
		"lib/python3.11/unittest/test/x.py":                          true,
		"usr/lib/python3.13/lib-dynload/_testcapi.cpython-313.so":    true,
		"usr/lib/python3.13/lib-dynload/_ssl.cpython-313.so":         false,
		"usr/lib/python3.13/site-packages/numpy/tests/test_x.py":     false,
		"usr/lib/python3.13/doctest.py":                              false,
		"usr/share/test/x":                                           false,
		"usr/lib/python3.x/test/x":                                   false,
		"usr/lib/python3.13/unittest/__pycache__/case.cpython-13.py": false,
	} {
		if got := python.IsTest(p); got != want {
			t.Errorf("IsTest(%q) = %t, want %t", p, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("# x\nbuild_time_vars = {'A': 'b' \"c\",\n 'N': -1, 'X': '\\x41\\n'}\n"))
	f.Add([]byte(`build_time_vars = {'CONFIG_ARGS': "'--with-lto' 'CFLAGS=-O3 -g'", 'LDFLAGS': '-z,stack-size=1', 'CFLAGS': '-DTHREAD_STACK_SIZE=-1'}`))
	f.Add([]byte(`build_time_vars = {'A': '\U0010ffff'}`))
	f.Add([]byte("build_time_vars={"))
	f.Fuzz(func(t *testing.T, data []byte) {
		vars, err := python.Parse(data)
		if err != nil {
			return
		}
		total := 0
		for k, v := range vars {
			total += len(k) + len(v)
		}
		if total > 20*len(data) {
			t.Errorf("%d bytes of variables came out of %d", total, len(data))
		}
		if b := python.NewBuild(vars); b.Verdict == "" || b.ThreadStackSize < 0 {
			t.Errorf("NewBuild = %+v, want a verdict and a sound stack size", b)
		}
	})
}

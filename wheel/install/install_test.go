package install_test

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

func planOf(t *testing.T, made wheeltest.Wheel) (install.Plan, error) {
	t.Helper()
	_, p, err := plan(made.Bytes(), made.Filename(), options(t, "linux/amd64"))
	return p, err
}

func mustPlan(t *testing.T, made wheeltest.Wheel) map[string]install.File {
	t.Helper()
	p, err := planOf(t, made)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]install.File)
	for _, f := range p.Files {
		files[f.Path] = f
	}
	return files
}

const site = "usr/local/lib/python3.13/site-packages/"

func TestFilesGoWhereTheSchemeSays(t *testing.T) {
	t.Parallel()
	files := mustPlan(t, wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{
		{Name: "foo/"}, {Name: "foo/__init__.py"}, {Name: "foo/run", Mode: 0o711},
		{Name: "foo-1.0.data/purelib/pure.py"}, {Name: "other.data/platlib/plat.py"}, {Name: "foo-1.0.data/headers/a/foo.h"},
		{Name: "foo-1.0.data/data/share/foo", Mode: 0o600}, {Name: "foo-1.0.data/scripts/s", Data: "#!python2 -E\r\nrest\r\n", Mode: 0o755},
	}})
	want := map[string]string{
		site + "foo/__init__.py": "0644", site + "foo/run": "0755", site + "pure.py": "0644", site + "plat.py": "0644",
		"usr/local/include/python3.13/foo/a/foo.h": "0644", "usr/local/share/foo": "0644", "usr/local/bin/s": "0755",
	}
	for _, name := range []string{"METADATA", "WHEEL", "RECORD", "INSTALLER"} {
		want[site+"foo-1.0.dist-info/"+name] = "0644"
	}
	got := make(map[string]string)
	for at, f := range files {
		got[at] = strings.TrimPrefix(f.Mode.String(), "-")
		got[at] = map[string]string{"rw-r--r--": "0644", "rwxr-xr-x": "0755"}[got[at]]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := string(files["usr/local/bin/s"].Data); text != "#!/usr/local/bin/python3.13\nrest\r\n" {
		t.Errorf("the script is %q", text)
	}
	record := string(files[site+"foo-1.0.dist-info/RECORD"].Data)
	for _, row := range []string{"../../../bin/s,sha256=", "../../../include/python3.13/foo/a/foo.h,", "foo-1.0.dist-info/INSTALLER,sha256=zuuue4knoyJ-UwPPXg8fezS7VCrXJQrAP7zeNuwvFQg,4\r\n"} {
		if !strings.Contains(record, row) {
			t.Errorf("RECORD has no %q:\n%s", row, record)
		}
	}
}

func TestEntryPointsBecomeScripts(t *testing.T) {
	t.Parallel()
	files := mustPlan(t, wheeltest.Wheel{
		Name: "foo", EntryPoints: "[console_scripts]\nrun = foo.cli:App.main [x, y]\npip = foo:p\npip3.9 = foo:old\n[gui_scripts]\nrun = foo:gui\n[other]\npython3 = x\n",
		Files: []wheeltest.File{{Name: "foo-1.0.data/scripts/run-script.py"}, {Name: "foo-1.0.data/scripts/pip3.9"}, {Name: "foo-1.0.data/scripts/keep"}},
	})
	var scripts []string
	for at := range files {
		if path.Dir(at) == "usr/local/bin" {
			scripts = append(scripts, path.Base(at))
		}
	}
	want := map[string]bool{"run": true, "pip": true, "pip3": true, "pip3.13": true, "keep": true}
	if len(scripts) != len(want) {
		t.Errorf("scripts %q", scripts)
	}
	text := string(files["usr/local/bin/pip3.13"].Data)
	if !strings.HasPrefix(text, "#!/usr/local/bin/python3.13\n# -*- coding: utf-8 -*-\n") || !strings.Contains(text, "from foo import p\n") || !strings.HasSuffix(text, "sys.exit(p())\n") {
		t.Errorf("pip3.13 is\n%s", text)
	}
	if text := string(files["usr/local/bin/run"].Data); !strings.Contains(text, "import gui\n") {
		t.Errorf("of console and gui with one name gui wins, not\n%s", text)
	}
}

func TestEntryPointsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"x = a", "x = a:", "x = :b", "x = a : b", "x = a:b c", "x = a:b:c", "x = a:b.", "x = a:b;import os", "x = a:b()", "x = a:b [c", "x = a:b [c.d]", "x = a:b []",
		"a b = a:b", "../x = a:b", "a/b = a:b", ". = a:b", ".wh.x = a:b", `a\b = a:b`, "python = a:b", "python3 = a:b", "python3.14 = a:b", "python3.13t = a:b", "x = a:b\nx = c:d",
		" = a:b", strings.Repeat("x", 300) + " = a:b",
	} {
		_, err := planOf(t, wheeltest.Wheel{Name: "foo", EntryPoints: "[console_scripts]\n" + line + "\n"})
		if err == nil || !strings.Contains(err.Error(), "entry point") {
			t.Errorf("%.40q: %v, want an error about the entry point", line, err)
		}
	}
}

func TestLongInterpreterIsCalledThroughSh(t *testing.T) {
	t.Parallel()
	o := options(t, "linux/amd64")
	o.Interpreter = "/opt/" + strings.Repeat("long/", 30) + "python3.13"
	made := wheeltest.Wheel{Name: "foo", EntryPoints: "[console_scripts]\nx = a:b\n"}
	_, p, err := plan(made.Bytes(), made.Filename(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		if want := "#!/bin/sh\n'''exec' " + o.Interpreter + " \"$0\" \"$@\"\n' '''\n# -*-"; f.Path == "usr/local/bin/x" && !strings.HasPrefix(string(f.Data), want) {
			t.Errorf("the script begins %.200q", f.Data)
		}
	}
}

func TestDataFoldersThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"foo-1.0.data/weird/x", "foo-1.0.data/x", "foo.data", "foo-1.0.data/Scripts/x"} {
		_, err := planOf(t, wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: name}}})
		if err == nil || !strings.Contains(err.Error(), "data") {
			t.Errorf("%s: %v, want an error about .data", name, err)
		}
	}
}

func TestExtensionModulesOfOtherPythons(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"a.cpython-313-x86_64-linux-musl.so": true, "a.abi3.so": true, "a.so": true, "a.cpython-312-x86_64-linux-musl.so": false,
		"a.cpython-313-x86_64-linux-gnu.so": false, "a.cpython-313-aarch64-linux-musl.so": false, "a.cpython-313t-x86_64-linux-musl.so": false, "liba.so.1": true,
	} {
		_, err := planOf(t, wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "foo/" + name}}})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "EXT_SUFFIX") {
			t.Errorf("%s: %v, want ok %v", name, err, ok)
		}
	}
	if _, err := planOf(t, wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "a.cpython-312-x86_64-linux-musl.so"}, {Name: "a.py"}}}); err != nil {
		t.Errorf("a module that has a .py too: %v", err)
	}
}

func TestWheelOfAnotherPlatformIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := planOf(t, wheeltest.Wheel{Name: "foo", Tag: "cp313-cp313-musllinux_1_2_aarch64"}); err == nil || !strings.Contains(err.Error(), "linux/amd64") {
		t.Errorf("%v, want an error that names linux/amd64", err)
	}
}

func TestWheelForAnotherPythonIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := planOf(t, wheeltest.Wheel{Name: "foo", Metadata: "Requires-Python: >=3.14\n"}); err == nil || !strings.Contains(err.Error(), "Requires-Python") {
		t.Errorf("%v, want an error about Requires-Python", err)
	}
}

func merge(t *testing.T, owned func(string) bool, wheels ...wheeltest.Wheel) ([]install.Plan, error) {
	t.Helper()
	var plans []install.Plan
	for _, w := range wheels {
		p, err := planOf(t, w)
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, p)
	}
	return install.Merge(plans, owned)
}

func TestMergeRefusesOtherBytesAtOnePath(t *testing.T) {
	t.Parallel()
	a := wheeltest.Wheel{Name: "a", Files: []wheeltest.File{{Name: "same.py", Data: "1"}, {Name: "shared.py", Data: "1"}, {Name: "x/y.py"}}}
	b := wheeltest.Wheel{Name: "b", Files: []wheeltest.File{{Name: "same.py", Data: "1"}, {Name: "shared.py", Data: "2"}, {Name: "x"}}}
	_, err := merge(t, nil, b, a)
	for _, want := range []string{"shared.py", "a-1.0", "b-1.0", `site-packages/x"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "same.py") {
		t.Errorf("equal bytes are no conflict: %v", err)
	}
}

func TestMergeKeepsEachPathOnce(t *testing.T) {
	t.Parallel()
	same := []wheeltest.File{{Name: "same.py", Data: "1"}}
	plans, err := merge(t, nil, wheeltest.Wheel{Name: "b", Files: same}, wheeltest.Wheel{Name: "a", Files: same})
	if err != nil {
		t.Fatal(err)
	}
	holds := func(p install.Plan) bool {
		for _, f := range p.Files {
			if f.Path == site+"same.py" {
				return true
			}
		}
		return false
	}
	if holds(plans[0]) || !holds(plans[1]) {
		t.Error("same.py must stay with wheel a alone")
	}
}

func TestMergeRefusesToReplaceTheRuntime(t *testing.T) {
	t.Parallel()
	made := wheeltest.Wheel{Name: "a", Files: []wheeltest.File{{Name: "a-1.0.data/data/lib/libpython3.so"}, {Name: "a-1.0.data/data/lib/python3.13/os.py"}}}
	_, err := merge(t, func(at string) bool { return strings.HasPrefix(at, "usr/local/lib/") && !strings.HasPrefix(at, site) }, made)
	for _, want := range []string{"libpython3.so", "os.py", "a-1.0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

func TestMissingModules(t *testing.T) {
	t.Parallel()
	plans, err := merge(t, nil,
		wheeltest.Wheel{Name: "a", Files: []wheeltest.File{{Name: "a/__init__.py"}, {Name: "a/cli.py"}, {Name: "a/fast.cpython-313-x86_64-linux-musl.so"}, {Name: "a/space/x.py"}},
			EntryPoints: "[console_scripts]\none = a:x\ntwo = a.cli:x\nthree = a.fast:x\nfour = a.gone:x\nfive = b.other:x\nsix = json.tool:main\n[gui_scripts]\nseven = a.space:x\n"},
		wheeltest.Wheel{Name: "b", Files: []wheeltest.File{{Name: "b-1.0.data/platlib/b/other.py"}}})
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, m := range install.MissingModules(plans, func(at string) bool { return at == "usr/local/lib/python3.13/json/tool.py" }) {
		missing = append(missing, path.Base(m.Path)+" "+m.Module+" "+m.Wheel)
	}
	if diff := cmp.Diff([]string{"four a.gone a-1.0-py3-none-any.whl", "seven a.space a-1.0-py3-none-any.whl"}, missing); diff != "" {
		t.Error(diff)
	}
	if n := len(install.MissingModules(plans, nil)); n != 3 {
		t.Errorf("%d scripts without the standard library, want 3", n)
	}
}

func TestInstalled(t *testing.T) {
	t.Parallel()
	rows := []distinfo.Row{{Path: "foo/a.py"}, {Path: "../../../bin/foo"}, {Path: "/etc/foo"}, {Path: "foo/a.py"}, {Path: "../../../../../../etc/passwd"}}
	want := []string{"etc/foo", "etc/passwd", "usr/local/bin/foo", site + "foo/__pycache__/a.cpython-313.pyc", site + "foo/a.py"}
	if diff := cmp.Diff(want, install.Installed(rows, strings.TrimSuffix(site, "/"), "cpython-313")); diff != "" {
		t.Error(diff)
	}
}

func FuzzEntryPoints(f *testing.F) {
	f.Add("[console_scripts]\nx = a.b:c.d [e, f]\n[gui_scripts]\npip = a:b\n")
	o := options(f, "linux/amd64")
	f.Fuzz(func(t *testing.T, text string) {
		made := wheeltest.Wheel{Name: "foo", EntryPoints: text}
		_, p, err := plan(made.Bytes(), made.Filename(), o)
		if err != nil {
			return
		}
		for _, file := range p.Files {
			if dir := path.Dir(file.Path) + "/"; dir != "usr/local/bin/" && dir != site+"foo-1.0.dist-info/" {
				t.Errorf("entry points %q make %q", text, file.Path)
			}
		}
	})
}

// TestLargeScripts holds that a program of any size can be a script, and that the first line of a text is replaced only up to a
// bound.
func TestLargeScripts(t *testing.T) {
	t.Parallel()
	for begin, ok := range map[string]bool{"\x7fELF": true, "#!/bin/sh\n": true, "#!python\n": false} {
		made := wheeltest.Wheel{Name: "big", Files: []wheeltest.File{{Name: "big-1.0.data/scripts/big", Data: begin + strings.Repeat("x", 17<<20), Mode: 0o755}}}
		_, p, err := plan(made.Bytes(), made.Filename(), options(t, "linux/amd64"))
		if (err == nil) != ok {
			t.Errorf("a script of %q: %v", begin, err)
		}
		if ok && (p.Files[0].Path != "usr/local/bin/big" || p.Files[0].Member == nil) {
			t.Errorf("a script of %q is %+v", begin, p.Files[0])
		}
	}
}

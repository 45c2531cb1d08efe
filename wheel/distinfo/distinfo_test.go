package distinfo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
)

func TestParseMetadata(t *testing.T) {
	t.Parallel()
	m, err := distinfo.ParseMetadata([]byte("Metadata-Version: 2.4\r\nname: Foo.Bar\r\nVersion: 1.0-RC1\nSummary: a\n  b\nLicense-Expression: MIT\n" +
		"License-File: LICENSE\nLicense-File: AUTHORS\nRequires-Python: >=3.8, !=3.9.*\nRequires-Dist: a>1; extra == 'x'\nRequires-Dist: b\nProvides-Extra: x\n" +
		"Unknown: y\n\nName: not-a-field\n"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "Foo.Bar" || m.Version.String() != "1.0rc1" || m.LicenseExpression != "MIT" || m.RequiresPython.String() != ">=3.8,!=3.9.*" || m.Summary != "a\n  b" {
		t.Errorf("ParseMetadata = %+v", m)
	}
	if diff := cmp.Diff([][]string{{"a>1; extra == 'x'", "b"}, {"x"}, {"LICENSE", "AUTHORS"}}, [][]string{m.RequiresDist, m.ProvidesExtra, m.LicenseFiles}); diff != "" {
		t.Error(diff)
	}
}

func TestParseMetadataRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "field Name",
		"Name: a\n":                      "field Version",
		"Name: a\nVersion: x\n":          "field Version",
		"Name: a/b\nVersion: 1\n":        "field Name",
		"Name: a\nName: b\nVersion: 1\n": "twice",
		"Name: a\nVersion: 1\nRequires-Python: three\n":                      "Requires-Python",
		"Name: a\nVersion: 1\nno colon\n":                                    "line 3",
		"Name: a\nVersion: 1\n\n\xff":                                        "UTF-8",
		"Name: a\nVersion: 1\n" + strings.Repeat("Requires-Dist: b\n", 5000): "Requires-Dist",
	} {
		if m, err := distinfo.ParseMetadata([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseMetadata(%.40q) = %+v, %v, want an error with %q", text, m.Name, err, want)
		}
	}
}

func TestParseWheel(t *testing.T) {
	t.Parallel()
	w, err := distinfo.ParseWheel([]byte("Wheel-Version: 1.9\nGenerator: x\nRoot-Is-Purelib: TRUE\nTag: py2.py3-none-any\nTag: cp313-cp313-linux_x86_64\n"))
	want := distinfo.Wheel{Minor: 9, RootIsPurelib: true, Generator: "x", Tags: []string{"py2-none-any", "py3-none-any", "cp313-cp313-linux_x86_64"}}
	if diff := cmp.Diff(want, w); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if w, err := distinfo.ParseWheel([]byte("Wheel-Version: 1.0\n")); err != nil || w.RootIsPurelib {
		t.Errorf("without Root-Is-Purelib: %+v, %v", w, err)
	}
	for text, want := range map[string]string{"": "Wheel-Version", "Wheel-Version: 2.0\n": "Wheel-Version", "Wheel-Version: 1.x\n": "Wheel-Version", "Wheel-Version: 1.0\nTag: any\n": "tag"} {
		if w, err := distinfo.ParseWheel([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseWheel(%q) = %+v, %v, want an error with %q", text, w, err, want)
		}
	}
}

func TestParseEntryPoints(t *testing.T) {
	t.Parallel()
	points, err := distinfo.ParseEntryPoints([]byte("; before any section\n[console_scripts]\n# c\n  A.b-c =  m:f [x]  \r\n\n[gui_scripts]\nd=m:g=h\n[]\ne = f\n"))
	want := []distinfo.EntryPoint{{Group: "console_scripts", Name: "A.b-c", Value: "m:f [x]"}, {Group: "gui_scripts", Name: "d", Value: "m:g=h"}, {Group: "", Name: "e", Value: "f"}}
	if diff := cmp.Diff(want, points); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, text := range []string{"[a]\nno equals\n", "[a]\nx = \xff\n"} {
		if _, err := distinfo.ParseEntryPoints([]byte(text)); err == nil || !strings.Contains(err.Error(), "entry_points.txt") {
			t.Errorf("ParseEntryPoints(%q): %v, want an error", text, err)
		}
	}
}

const emptySum = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

func TestParseRecord(t *testing.T) {
	t.Parallel()
	rows, err := distinfo.ParseRecord([]byte("a.py,"+emptySum+",0\r\n\"b,\"\"c\"\".py\",,\nd.py\n"+`"e.py",sha384=OLBgp1GsljhM2TJ-sbHjaiH9txEUvgdDTAzHv2P24donTt6_529l-9Ua0vFImLlb,`), false)
	want := []distinfo.Row{
		{Path: "a.py", Hash: emptySum, Size: "0"}, {Path: `b,"c".py`, Hash: "", Size: ""}, {Path: "d.py", Hash: "", Size: ""},
		{Path: "e.py", Hash: "sha384=OLBgp1GsljhM2TJ-sbHjaiH9txEUvgdDTAzHv2P24donTt6_529l-9Ua0vFImLlb", Size: ""},
	}
	if diff := cmp.Diff(want, rows); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestParseRecordRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a,md5=1B2M2Y8AsgTpgAmY7PhCfg,0\n":            "hash",
		"a,sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk,\n":       "hash",
		"a,sha256=AAAA,\n":                            "hash",
		"a,sha256=" + strings.Repeat("0", 64) + ",\n": "hash",
		"a,,-1\n":       "size",
		"a,,x\n":        "size",
		",,\n":          "path",
		"../a,,\n":      "path",
		"b/../../a,,\n": "path",
		"/a,,\n":        "path",
		"\"a\nb\",,\n":  "path",
		"a\"b,,\n":      "quote",
		"\xff,,\n":      "UTF-8",
	} {
		if rows, err := distinfo.ParseRecord([]byte(text), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRecord(%q) = %v, %v, want an error with %q", text, rows, err, want)
		}
	}
	if _, err := distinfo.ParseRecord([]byte("../../../bin/x,,\r\n"), true); err != nil {
		t.Errorf("an installed RECORD may lead out of site-packages: %v", err)
	}
}

func metadata(t *testing.T, name, version string, requires ...string) distinfo.Metadata {
	t.Helper()
	text := "Name: " + name + "\nVersion: " + version + "\n"
	for _, r := range requires {
		text += "Requires-Dist: " + r + "\n"
	}
	m, err := distinfo.ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCheck(t *testing.T) {
	t.Parallel()
	dists := []distinfo.Metadata{
		metadata(t, "Top", "1.0", "base>=2", "win; sys_platform == 'win32'", "with[tls]", "speed; extra == 'fast'"),
		metadata(t, "base", "1.9"),
		metadata(t, "With", "1", "crypto>=3; extra == 'TLS'", "socks; extra == 'socks'"),
		metadata(t, "pre", "1", "rc>=1.0rc1"),
		metadata(t, "rc", "1.0rc1", "url @ https://x.example/u.whl"),
	}
	env := dependency.Environment{SysPlatform: "linux"}
	base := []distinfo.Unmet{
		{By: "Top 1.0", Requirement: "base>=2", Have: "1.9"},
		{By: "With 1", Requirement: "crypto>=3; extra == 'TLS'", Have: ""},
		{By: "rc 1.0rc1", Requirement: "url @ https://x.example/u.whl", Have: ""},
	}
	got, err := distinfo.Check(dists, env, nil)
	if diff := cmp.Diff(base, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	got, err = distinfo.Check(dists, env, map[string][]string{"TOP": {"Fast"}})
	withSpeed := []distinfo.Unmet{base[0], {By: "Top 1.0", Requirement: "speed; extra == 'fast'", Have: ""}, base[1], base[2]}
	if diff := cmp.Diff(withSpeed, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if _, err := distinfo.Check([]distinfo.Metadata{metadata(t, "a", "1", "b ~ 2")}, env, nil); err == nil || !strings.Contains(err.Error(), "a 1") {
		t.Errorf("a dependency that cannot be read: %v, want an error that names a 1", err)
	}
}

func TestCheckEndsWhereDistributionsNeedEachOther(t *testing.T) {
	t.Parallel()
	got, err := distinfo.Check([]distinfo.Metadata{metadata(t, "a", "1", "b[x]", "a[x]"), metadata(t, "b", "1", "a[y]; extra == 'x'")}, dependency.Environment{}, nil)
	if err != nil || len(got) > 0 {
		t.Errorf("Check = %v, %v, want nothing", got, err)
	}
}

// TestWorkIsBounded has files that ask for far more work than their size.
func TestWorkIsBounded(t *testing.T) {
	t.Parallel()
	if _, err := distinfo.ParseMetadata([]byte("Name: a\nVersion: 1\nSummary: b\n" + strings.Repeat(" c\n", 2_000_000))); err != nil {
		t.Errorf("a long field: %v", err)
	}
	wide := "Tag: " + strings.Repeat("a.", 30) + "a-" + strings.Repeat("b.", 29) + "b-c\n"
	if _, err := distinfo.ParseWheel([]byte("Wheel-Version: 1.0\n" + strings.Repeat(wide, 1000))); err == nil {
		t.Error("a million tags are taken")
	}
	if _, err := distinfo.ParseEntryPoints([]byte("[a]\n" + strings.Repeat("b=c\n", 30_000))); err == nil {
		t.Error("30,000 entry points are taken")
	}
	var extras []string
	for i := range 1000 {
		extras = append(extras, fmt.Sprintf("a[x%d]", i))
	}
	if _, err := distinfo.Check([]distinfo.Metadata{metadata(t, "a", "1", extras...)}, dependency.Environment{}, nil); err == nil {
		t.Error("1,000 extras of one distribution are taken")
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte("Name: a\nVersion: 1\nRequires-Dist: b[x]>1; extra == 'y'\nProvides-Extra: y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := distinfo.ParseMetadata(data)
		if err != nil {
			return
		}
		if _, err := distinfo.Check([]distinfo.Metadata{m}, dependency.Environment{}, map[string][]string{m.Name: m.ProvidesExtra}); err != nil && !strings.Contains(err.Error(), m.Name) {
			t.Errorf("%v does not name %q", err, m.Name)
		}
	})
}

func FuzzParseWheel(f *testing.F) {
	f.Add([]byte("Wheel-Version: 1.0\nTag: py2.py3-none-any\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if w, err := distinfo.ParseWheel(data); err == nil && w.Minor < 0 {
			t.Errorf("Wheel-Version 1.%d", w.Minor)
		}
	})
}

func FuzzParseEntryPoints(f *testing.F) {
	f.Add([]byte("[a]\nb = c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		points, _ := distinfo.ParseEntryPoints(data)
		for _, p := range points {
			if strings.Contains(p.Name+p.Group, "\n") || strings.Contains(p.Name, "=") {
				t.Errorf("entry point %q", p)
			}
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte("a,,\r\n\"b\"," + emptySum + ",0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, _ := distinfo.ParseRecord(data, false)
		for _, r := range rows {
			if _, _, err := r.Sum(); err != nil || strings.HasPrefix(r.Path, "../") {
				t.Errorf("row %q: %v", r, err)
			}
		}
	})
}

func TestRequirers(t *testing.T) {
	t.Parallel()
	dist := func(name string, requires ...string) distinfo.Metadata {
		return distinfo.Metadata{Name: name, RequiresDist: requires}
	}
	got := distinfo.Requirers([]distinfo.Metadata{
		dist("App", "lib[fast]>=1", "other; sys_platform == 'win32'", "not a requirement", "tool; platform_release > '5'"),
		dist("lib", "speed; extra == 'fast'", "docs; extra == 'docs'", "lib[own]"), dist("speed", "app"), dist("docs"), dist("other"), dist("tool"),
	}, dependency.Environment{SysPlatform: "linux"})
	if diff := cmp.Diff(map[string][]string{"app": {"speed"}, "lib": {"app"}, "speed": {"lib"}}, got); diff != "" {
		t.Error(diff)
	}
}

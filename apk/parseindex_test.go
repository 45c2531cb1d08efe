package apk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

const indexEntry = `C:Q1/se1PjO94hYXbfpNR1/61hVORIc=
P:busybox
V:1.36.1-r29
A:x86_64
S:510049
I:946176
T:Size optimized toolbox of many common UNIX utilities
U:https://busybox.net/
L:GPL-2.0-only
o:busybox
m:Someone <someone@example.com>
t:1718283475
c:1747c01fb96905f101c25609011589d28e01cbb8
k:100
D:so:libc.musl-x86_64.so.1
p:cmd:busybox=1.36.1-r29 /bin/sh
i:musl !docs
`

func parseAll(text string) ([]*apk.Package, error) {
	var ps []*apk.Package
	err := apk.ParseIndex(strings.NewReader(text), func(p *apk.Package) error {
		ps = append(ps, p)
		return nil
	})
	return ps, err
}

func TestParseIndex(t *testing.T) {
	t.Parallel()
	sum, err := apk.ParseChecksum("Q1/se1PjO94hYXbfpNR1/61hVORIc=")
	if err != nil {
		t.Fatal(err)
	}
	want := &apk.Package{
		Name: "busybox", Version: "1.36.1-r29", Arch: "x86_64", Checksum: sum, Size: 510049, InstalledSize: 946176,
		Description: "Size optimized toolbox of many common UNIX utilities", URL: "https://busybox.net/",
		License: "GPL-2.0-only", Origin: "busybox", Maintainer: "Someone <someone@example.com>",
		Commit: "1747c01fb96905f101c25609011589d28e01cbb8", BuildTime: 1718283475, ProviderPriority: 100,
		Depends:   []apk.Dependency{{Name: "so:libc.musl-x86_64.so.1"}},
		Provides:  []apk.Dependency{{Name: "cmd:busybox", Op: apk.OpEqual, Version: "1.36.1-r29"}, {Name: "/bin/sh"}},
		InstallIf: []apk.Dependency{{Name: "musl"}, {Name: "docs", Conflict: true}},
	}
	for _, text := range []string{indexEntry, indexEntry + "\n", "\n\n" + indexEntry + "\n\n", strings.TrimSuffix(indexEntry, "\n")} {
		got, err := parseAll(text)
		if diff := cmp.Diff([]*apk.Package{want}, got, cmpopts.IgnoreUnexported(apk.Package{})); diff != "" || err != nil {
			t.Errorf("ParseIndex of %q: %v (-want +got):\n%s", text[:10], err, diff)
		}
	}
}

func TestParseIndexRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{"A:x86_64", "x86_64", "line 23"},
		{"T:Size", "T:" + strings.Repeat("x", 2<<20), "line 26"},
	} {
		bad := strings.Replace(indexEntry, c.old, c.new, 1)
		text := strings.Replace(indexEntry, "Q1/", "Q1+", 1) + "\n\n" + bad + "\n"
		if ps, err := parseAll(text); err == nil || !strings.Contains(err.Error(), c.want) || len(ps) != 1 {
			t.Errorf("ParseIndex with %.20q: %d packages and %v, want one and an error with %q", c.new, len(ps), err, c.want)
		}
	}
}

// TestParseIndexOddRecord has one record that cannot be used: the others can, and an error about it says why.
func TestParseIndexOddRecord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, ask, want string }{
		{"S:510049", "S:many", "busybox", `"S:": strconv.ParseUint: parsing "many"`},
		{"S:510049", "S:-1", "busybox", `parsing "-1"`},
		{"k:100", "k:1e2", "busybox", `"k:"`},
		{"C:Q1/se1", "C:Q2/se1", "busybox", "parsing checksum"},
		{"C:Q1/se1PjO94hYXbfpNR1/61hVORIc=\n", "", "busybox", "no checksum (C:)"},
		{"P:busybox\n", "", "?", "which ends at line 34, has no name (P:)"},
		{"V:1.36.1-r29\n", "", "busybox", "has no version (V:)"},
		{"V:1.36.1-r29", "V:1\x1b[31m-r0", "busybox", `the version (V:) "1\x1b[31m-r0", which is not valid`},
		{"V:1.36.1-r29", "V:1/../2", "busybox", `version (V:) "1/../2"`},
		{"V:1.36.1-r29", "V:1\u202e2", "busybox", `version (V:) "1\u202e2"`},
		{"P:busybox", "P:busy/../box", "busy????box", `name (P:) "busy/../box"`},
		{"P:busybox", "P:..", "??", `name (P:) ".."`},
		{"P:busybox", "P:busy\x07box", "busy?box", `name (P:) "busy\abox"`},
		{"A:x86_64", "A:../x86_64", "busybox", "it is for"},
		{"A:x86_64", "A:riscv64", "busybox", "it is for riscv64, not for x86_64"},
	} {
		bad := strings.Replace(indexEntry, c.old, c.new, 1)
		other := strings.NewReplacer("Q1/", "Q1+", "P:busybox", "P:good", "cmd:busybox=1.36.1-r29 /bin/sh", "").Replace(indexEntry)
		ps, err := parseAll(other + "\n" + bad + "\n" + strings.Replace(other, "P:good", "P:last", 1))
		if err != nil || len(ps) != 3 {
			t.Errorf("ParseIndex with %q: %d packages, %v", c.new, len(ps), err)
			continue
		}
		for _, p := range ps {
			p.Depends, p.InstallIf = nil, nil
		}
		if strings.ContainsFunc(ps[1].String()+ps[1].Arch, func(r rune) bool { return r < ' ' || r == '/' || r > '~' }) {
			t.Errorf("ParseIndex with %q gives the name %q", c.new, ps[1])
		}
		x := []*apk.Index{apktest.IndexOf(t, nil, "x86_64", ps)}
		if got, err := solve.Solve(apktest.World(t, "good"), x, solve.Options{}); err != nil {
			t.Errorf("Solve of the other package with %q: %v, %v", c.new, apktest.SolutionText(got), err)
		}
		_, err = solve.Solve(apktest.World(t, c.ask), x, solve.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "cannot be installed") {
			t.Errorf("Solve with %q: %v, want an error that says %s", c.new, err, c.want)
		}
	}
}

// TestPackagesWithoutChecksum are not taken for one package.
func TestPackagesWithoutChecksum(t *testing.T) {
	t.Parallel()
	ps := []*apk.Package{{Name: "a", Version: "1"}, {Name: "b", Version: "1"}}
	got, err := solve.Solve(apktest.World(t, "a b"), []*apk.Index{apktest.IndexOf(t, nil, "", ps)}, solve.Options{})
	if err != nil || apktest.SolutionText(got) != "a=1 b=1" {
		t.Errorf("Solve = %q, %v, want both", apktest.SolutionText(got), err)
	}
}

func TestParseIndexStopsWhenAsked(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	n := 0
	err := apk.ParseIndex(strings.NewReader(indexEntry+"\n"+indexEntry), func(*apk.Package) error {
		n++
		return enough
	})
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("ParseIndex = %v after %d packages, want %v after 1", err, n, enough)
	}
}

// TestParseIndexUninstallable reads packages that apk lists but does not install.
func TestParseIndexUninstallable(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"X:new", "D:musl=6.8.0p2", "D:a@tag", "D:musl>", "D:mu\u009bsl"} {
		ps, err := parseAll(indexEntry + field + "\n")
		if err != nil || len(ps) != 1 {
			t.Errorf("ParseIndex with %q: %d packages, %v", field, len(ps), err)
			continue
		}
		ps[0].Depends = nil
		_, err = solve.Solve(apktest.World(t, "busybox"), []*apk.Index{apktest.IndexOf(t, nil, "", ps)}, solve.Options{})
		if err == nil || !strings.Contains(err.Error(), "cannot be installed") {
			t.Errorf("Solve with %q: %v, want an error that says it cannot be installed", field, err)
		}
	}
	ps, err := parseAll(indexEntry + "X:new\n")
	if err != nil {
		t.Fatal(err)
	}
	ps[0].Depends = nil
	if _, err := solve.Solve(apktest.World(t, "busybox"), []*apk.Index{apktest.IndexOf(t, nil, "", ps)}, solve.Options{Dialect: apk.Dialect2}); err != nil {
		t.Errorf("Solve with a field that apk-tools 2 does not know: %v", err)
	}
	for _, field := range []string{"x:new", "p:musl=6.8.0p2", "i:musl=6.8.0p2", "q:1", "F:etc"} {
		ps, err := parseAll(indexEntry + field + "\n")
		if err != nil || len(ps) != 1 {
			t.Errorf("ParseIndex with %q: %d packages, %v", field, len(ps), err)
			continue
		}
		ps[0].Depends = nil
		if _, err = solve.Solve(apktest.World(t, "busybox"), []*apk.Index{apktest.IndexOf(t, nil, "", ps)}, solve.Options{}); err != nil {
			t.Errorf("Solve with %q: %v", field, err)
		}
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	const text = "Q1/se1PjO94hYXbfpNR1/61hVORIc="
	sum, err := apk.ParseChecksum(text)
	if err != nil || sum.String() != text {
		t.Errorf("ParseChecksum(%q) = %s, %v", text, sum, err)
	}
	for _, bad := range []string{"", "Q1", "Q1/se1PjO94hYXbfpNR1/61hVORIc", "Q2/se1PjO94hYXbfpNR1/61hVORIc=", "Q1/se1PjO94hYXbfpNR1/61hVORI==", "Q1\n/se1PjO94hYXbfpNR1/61hVORIc="} {
		if sum, err := apk.ParseChecksum(bad); err == nil {
			t.Errorf("ParseChecksum(%q) = %s, want an error", bad, sum)
		}
	}
}

func TestPackageURLs(t *testing.T) {
	t.Parallel()
	p := &apk.Package{Name: "busybox", Version: "1.36.1-r29", Arch: "x86_64"}
	if got := p.URLs(); len(got) != 0 {
		t.Errorf("URLs outside an index = %q", got)
	}
	p.Repository = &apk.Repository{Mirrors: []string{"https://a.example/v3.20/main", "/srv/main"}}
	want := []string{"https://a.example/v3.20/main/x86_64/busybox-1.36.1-r29.apk", "/srv/main/x86_64/busybox-1.36.1-r29.apk"}
	if diff := cmp.Diff(want, p.URLs()); diff != "" {
		t.Errorf("URLs (-want +got):\n%s", diff)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(indexEntry)
	f.Add(indexEntry + "\n\n" + indexEntry)
	f.Add("C:Q1/se1PjO94hYXbfpNR1/61hVORIc=\nP:a\nV:1\nD:b !a c=x\np:b=1 a\ni:a b\n\n")
	f.Add("P:a\n:\n")
	f.Add("\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		ps, err := parseAll(text)
		if err != nil {
			return
		}
		var world []apk.Dependency
		for _, p := range ps {
			world = append(world, apk.Dependency{Name: p.Name})
		}
		got, err := solve.Solve(world, []*apk.Index{apktest.IndexOf(t, nil, "", ps)}, solve.Options{})
		if err != nil && !errors.Is(err, solve.ErrNoSolution) {
			t.Error(err)
		}
		for _, p := range got.Packages {
			if p.Arch == "" {
				p.Arch = "x86_64" // as an index's reader does
			}
			if !p.HasFileName() {
				t.Errorf("Solve chooses %q", p)
			}
		}
	})
}

package root_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
)

const installedSample = "C:Q1xx=\nP:a\nV:1-r0\nI:4096\nT:\nF:\nR:top\nF:usr/bin\nM:0:0:700\nR:a\na:0:0:755\nZ:Q1yy=\n\nP:b\nV:2-r1\n\n"

func TestReadInstalled(t *testing.T) {
	t.Parallel()
	got, err := root.ReadInstalled(strings.NewReader(installedSample))
	if err != nil {
		t.Fatal(err)
	}
	want := []root.InstalledPackage{
		{Package: apk.Package{Name: "a", Version: "1-r0", InstalledSize: 4096}, Paths: []string{"top", "usr/bin/a"}},
		{Package: apk.Package{Name: "b", Version: "2-r1"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(apk.Package{})); diff != "" {
		t.Errorf("ReadInstalled (-want +got):\n%s", diff)
	}
}

func TestMayShare(t *testing.T) {
	t.Parallel()
	read := func(text string) root.InstalledPackage {
		t.Helper()
		ps, err := root.ReadInstalled(strings.NewReader(text))
		if err != nil || len(ps) != 1 {
			t.Fatalf("ReadInstalled(%q) = %v, %v", text, ps, err)
		}
		return ps[0]
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"P:a\nV:1-r0\n", "P:b\nV:1-r0\n", false},
		{"P:a\nV:1-r0\n", "P:b\nV:1-r0\nr:a\n", true},
		{"P:a\nV:1-r0\nr:x b y\n", "P:b\nV:1-r0\n", true},
		{"P:a\nV:1-r0\n", "P:b\nV:1-r0\nr:a<2\n", true},
		{"P:a\nV:2-r0\n", "P:b\nV:1-r0\nr:a<2\n", false},
		{"P:a\nV:2-r0\n", "P:b\nV:1-r0\nr:a<2 a>=2\n", true},
		{"P:a\nV:1-r0\n", "P:b\nV:1-r0\nr:!a\n", false},
		{"P:a\nV:1-r0\n", "P:b\nV:1-r0\nr:aa\n", false},
		{"P:a\nV:1-r0\n", "P:b\nV:1-r0\nr:<< =\n", false},
		{"P:a\nV:1-r0\no:x\n", "P:b\nV:1-r0\no:x\n", true},
		{"P:a\nV:1-r0\no:x\n", "P:b\nV:1-r0\no:y\n", false},
		{"P:a\nV:1-r0\no:\n", "P:b\nV:1-r0\no:\n", false},
	} {
		a, b := read(test.a), read(test.b)
		if got := a.MayShare(b); got != test.want || b.MayShare(a) != got {
			t.Errorf("MayShare(%q, %q) = %v, want %v both ways", test.a, test.b, got, test.want)
		}
	}
}

func TestReadInstalledTellsTheLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"P:a\nnonsense\n":    "line 2",
		"P:a\nV:1\nI:many\n": "line 3",
		"P:a\nI:-1\n":        "line 2",
	} {
		if _, err := root.ReadInstalled(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadInstalled(%q): %v, want %q", text, err, want)
		}
	}
}

func FuzzReadInstalled(f *testing.F) {
	f.Add(installedSample)
	f.Add("F:../../etc\nR:passwd\nP:x\n")
	f.Fuzz(func(t *testing.T, text string) {
		packages, err := root.ReadInstalled(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, p := range packages {
			for _, path := range p.Paths {
				if strings.HasPrefix(path, "/") || strings.HasPrefix(path, "../") || len(path) > len(text) {
					t.Errorf("ReadInstalled(%q) has the path %q", text, path)
				}
			}
		}
	})
}

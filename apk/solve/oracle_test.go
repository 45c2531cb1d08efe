package solve_test

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

// TestSolveAsRealApk holds Solve against what real apk answered, worlds of all kinds from
// Alpine's own indexes.
func TestSolveAsRealApk(t *testing.T) {
	t.Parallel()
	for _, branch := range []string{"v3.16", "v3.17"} {
		cases, _ := filepath.Glob(filepath.Join(apktest.Shared(t, "conformance"), "resolve-"+branch+"-*.tsv"))
		for _, file := range cases {
			arch := strings.TrimSuffix(filepath.Base(file)[len("resolve-"+branch+"-"):], ".tsv")
			index := readIndexFile(t, apktest.Shared(t, "conformance/"+branch+"/main/"+arch+"/APKINDEX.tar.gz"), arch)
			t.Run(branch+"/"+arch, func(t *testing.T) {
				t.Parallel()
				n := 0
				for line := range apktest.CaseLines(t, file) {
					if n++; n%apktest.CaseStep != 0 {
						continue
					}
					world, want, _ := strings.Cut(line, "\t")
					checkSolution(t, index, world, strings.TrimSpace(want))
				}
			})
		}
	}
}

func checkSolution(t *testing.T, index *apk.Index, world, want string) {
	t.Helper()
	got, err := solve.Solve(apktest.World(t, world), []*apk.Index{index}, solve.Options{})
	switch {
	case want == "ERROR" && err == nil && len(got.Notes) == 0:
		t.Errorf("Solve(%q) = %s without a note; real apk gives up", world, apktest.SolutionText(got))
	case want == "ERROR" && err != nil && !errors.Is(err, solve.ErrNoSolution):
		t.Errorf("Solve(%q): %v, want ErrNoSolution", world, err)
	case want != "ERROR" && err != nil:
		t.Errorf("Solve(%q): %v, want %s", world, err, want)
	case want != "ERROR" && apktest.SolutionText(got) != want:
		t.Errorf("Solve(%q)\n = %s\nwant %s", world, apktest.SolutionText(got), want)
	}
}

// readIndexFile reads an APKINDEX.tar.gz without regard to its signature.
func readIndexFile(t testing.TB, file, arch string) *apk.Index {
	t.Helper()
	return parseIndexText(t, indexText(t, file), arch)
}

func parseIndexText(t testing.TB, r io.Reader, arch string) *apk.Index {
	t.Helper()
	var ps []*apk.Package
	err := apk.ParseIndex(r, func(p *apk.Package) error {
		ps = append(ps, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return apktest.IndexOf(t, &apk.Repository{Mirrors: []string{"https://example.com/main"}}, arch, ps)
}

func indexText(t testing.TB, file string) io.Reader {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	zr, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "APKINDEX" {
			return tr
		}
	}
}

// TestSolveMirror asks for the world of the mirror's reference roots on every architecture.
func TestSolveMirror(t *testing.T) {
	t.Parallel()
	const world = "alpine-baselayout alpine-keys apk-tools busybox libc-utils"
	logs, _ := filepath.Glob(filepath.Join(apktest.Shared(t, "alpine-mirror/reference"), "*.noscripts.apk-add.log"))
	if len(logs) == 0 {
		t.Skip("no reference logs beside the mirror")
	}
	for _, file := range logs {
		arch, _, _ := strings.Cut(filepath.Base(file), ".")
		index := readIndexFile(t, apktest.Shared(t, "alpine-mirror/v3.20/main/"+arch+"/APKINDEX.tar.gz"), arch)
		var want []string
		for line := range apktest.CaseLines(t, file) { // (1/14) Installing NAME (VERSION)
			if words := strings.Fields(line); len(words) == 4 && words[1] == "Installing" {
				want = append(want, words[2]+"="+strings.Trim(words[3], "()"))
			}
		}
		checkSolution(t, index, world, strings.Join(want, " "))
	}
}

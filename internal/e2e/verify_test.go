package e2e_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fixture"
)

// verified is what "pyimg verify --json" says.
type verified struct {
	Platform string `json:"platform"`
	Findings []struct {
		Severity, Check, Path, Message string
	} `json:"findings"`
}

// checkSound wants an image without errors and, but for those named, without warnings.
func checkSound(t *testing.T, image, cache string, platforms int, known ...string) {
	t.Helper()
	out := pyimg(t).must(t, "verify", "--json", "--cache-dir", cache, image)
	var all []verified
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != platforms {
		t.Errorf("verify reports %d platforms, want %d", len(all), platforms)
	}
	for _, p := range all {
		for _, f := range p.Findings {
			if f.Severity == "error" || f.Severity == "warning" && !slices.Contains(known, f.Check) {
				t.Errorf("%s: false alarm: %s %s: %s", p.Platform, f.Severity, f.Check, f.Message)
			}
		}
	}
}

// everyPackage lists what the mirror has for an architecture.
func (s shared) everyPackage(t *testing.T, p platform) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.mainRepo(), p.alpine, "*.apk"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no packages for %s: %v", p.alpine, err)
	}
	var names []string
	for _, f := range files {
		name := filepath.Base(f)
		for range 2 { // NAME-VERSION-rN.apk
			name = name[:strings.LastIndex(name, "-")]
		}
		names = append(names, name)
	}
	return names
}

// TestRealPackagesAreSound installs every package of the mirror on each of its architectures, all together and each by
// itself, and wants nothing said against them.
func TestRealPackagesAreSound(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	cache := t.TempDir()
	forPlatforms(t, allPlatforms(), func(t *testing.T, p platform) {
		dir := openDir(t)
		all := s.everyPackage(t, p)
		for i, packages := range append([][]string{all}, singly(all)...) {
			layout := layoutDir(filepath.Join(dir, fmt.Sprint(i)))
			pyimg(t).must(t, "assemble", s.spec(t, s.mainRepo(), 2, []platform{p}, packages), "--cache-dir", cache, "--output", layout.output())
			known := []string{}
			if i > 0 {
				known = append(known, "ca-bundle") // libssl3 by itself has nobody to trust, and that is said
			}
			checkSound(t, string(layout), cache, 1, known...)
		}
	})
}

func singly(names []string) [][]string {
	var each [][]string
	for _, n := range names {
		each = append(each, []string{n})
	}
	return each
}

// TestRealPythonImagesAreSound wants nothing said against the CPythons and jemallocs, whose page size is read from the
// bytes of the arm64 build.
func TestRealPythonImagesAreSound(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	cache := t.TempDir()
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	pyimg(t).must(t, "assemble", s.pythonSpec(t), "--package", "ca-certificates-bundle", "--cache-dir", cache, "--output", layout.output())
	checkSound(t, string(layout), cache, 2, "python-bytecode")
	// The same from the bytes alone, as of an image that somebody else made.
	checkSound(t, string(layout), t.TempDir(), 2, "python-bytecode")
}

// TestMissingLibraryIsNamed takes libssl3 away from the mirror.
func TestMissingLibraryIsNamed(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	mirror := filepath.Join(openDir(t), "mirror")
	for _, p := range twoPlatforms() {
		if err := os.MkdirAll(filepath.Join(mirror, p.alpine), 0o755); err != nil {
			t.Fatal(err)
		}
		withoutPackage(t, filepath.Join(s.mainRepo(), p.alpine), filepath.Join(mirror, p.alpine), "libssl3")
	}
	spec := readFile(t, s.pythonSpec(t))
	spec = strings.Replace(spec, "repositories: [main, community]", fmt.Sprintf("repositories: [%q]", mirror), 1)
	spec = strings.Replace(spec, ", apk-tools, busybox]", ", busybox]", 1) // which needs it, too
	r := pyimg(t).run(t, "assemble", writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), spec), "--allow-untrusted",
		"--cache-dir", t.TempDir(), "--output", "oci:"+filepath.Join(t.TempDir(), "out"))
	if r.code == 0 || !strings.Contains(r.stderr, "/_ssl.") || !strings.Contains(r.stderr, "libssl.so.3") {
		t.Errorf("exit code %d, want an error that names _ssl...so and libssl.so.3:\n%s", r.code, r.stderr)
	}
}

// withoutPackage makes a repository's folder of all packages of another but one.
func withoutPackage(t *testing.T, from, to, name string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(from, "*.apk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Symlink(f, filepath.Join(to, filepath.Base(f))); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	for stanza := range strings.SplitSeq(indexText(t, filepath.Join(from, "APKINDEX.tar.gz")), "\n\n") {
		if !strings.Contains("\n"+stanza+"\n", "\nP:"+name+"\n") {
			left = append(left, stanza)
		}
	}
	index := fixture.Index{Edit: func(string) string { return strings.Join(left, "\n\n") }}
	raw, err := index.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "APKINDEX.tar.gz"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// indexText is the APKINDEX in a repository's index.
func indexText(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
		if h.Name == "APKINDEX" {
			raw, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
	}
}

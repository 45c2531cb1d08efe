package e2e_test

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoImageStarts starts every program of the demo's image in a chroot of
// its layers, whatever the arguments.
func TestDemoImageStarts(t *testing.T) {
	t.Parallel()
	needShared(t)
	needRoot(t)
	dir := layoutDir(filepath.Join(openDir(t), "demo"))
	out := pyimg(t).must(t, "demo", "--output", string(dir))
	if !strings.Contains(out, `prints "stand-in for python3`) {
		t.Errorf("the demo did not start its image: %s", out)
	}
	retag(t, dir, "latest")
	forPlatforms(t, twoPlatforms(), func(t *testing.T, p platform) {
		needRunnable(t, p)
		root, _ := umociRoot(t, dir, p)
		programs := dynamicPrograms(t, root)
		if len(programs) < 3 {
			t.Fatalf("programs %q, want busybox, python and more", programs)
		}
		for _, args := range append(programs, "/usr/local/bin/python3 -c print(1)", "/bin/sh -c true", "/bin/ls", "/usr/local/bin/pip3", "/"+loaderOf(root)) {
			r := client().run(t, append([]string{"chroot", root}, strings.Fields(args)...)...)
			if r.code != 0 || !strings.HasPrefix(r.stdout, "stand-in for ") {
				t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, r.code, r.stdout, r.stderr)
			}
		}
	})
}

// retag gives the image of a layout the tag that the other helpers look for.
func retag(t testing.TB, dir layoutDir, old string) {
	t.Helper()
	name := filepath.Join(string(dir), "index.json")
	index := strings.Replace(readFile(t, name), `"`+old+`"`, `"`+tag+`"`, 1)
	writeFile(t, name, index)
}

// dynamicPrograms lists the ELF files of a root that name a loader.
func dynamicPrograms(t testing.TB, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if f, err := elf.NewFile(bytes.NewReader(content)); err == nil && f.Section(".interp") != nil {
			found = append(found, strings.TrimPrefix(name, root))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// loaderOf is musl's loader in a root.
func loaderOf(root string) string {
	found, _ := filepath.Glob(filepath.Join(root, "lib", "ld-musl-*.so.1"))
	return strings.TrimPrefix(strings.Join(found, " "), root+"/")
}

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fixture"
)

// A badInput is a fault and what the user must be told about it.
type badInput struct {
	name    string
	code    int
	mention []string // in stderr
	// arrange makes the fault in a copy of the mirror's repository and changes
	// the spec's text or adds arguments.
	arrange func(t *testing.T, repository string, spec *string) (args []string)
}

// TestBadInput asks of every fault for one clear error, the right exit code, no
// output and no tag moved.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	for _, c := range append(badPackages(s), badTarballs()...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Each fault has a copy of the repository of its own.
			repository := openDir(t)
			if err := os.CopyFS(repository, os.DirFS(s.mainRepo())); err != nil {
				t.Fatal(err)
			}
			text := readFile(t, s.spec(t, repository, 2, twoPlatforms()[:1], referenceWorld()))
			args := c.arrange(t, repository, &text)
			spec := writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), text)
			checkRefused(t, c, append([]string{spec}, args...))
		})
	}
}

// checkRefused runs an assembly with every kind of output, of which nothing may
// be left, and over a tag and a layout, which must stay as they are.
func checkRefused(t *testing.T, c badInput, args []string) {
	t.Helper()
	dir, kept := openDir(t), openKept(t)
	image := startFakeRegistry(t, nil) + "/kept:" + tag
	before := putImage(t, image)
	args = append([]string{"assemble"}, args...)
	args = append(args, "--cache-dir", t.TempDir(), "--push", image, "--output", kept.output())
	for _, output := range []string{"oci:" + filepath.Join(dir, "layout") + ":" + tag, "oci-archive:" + filepath.Join(dir, "oci.tar"), "docker-archive:" + filepath.Join(dir, "docker.tar")} {
		args = append(args, "--output", output)
	}
	index := readFile(t, filepath.Join(string(kept), "index.json"))
	r := pyimg(t).run(t, args...)
	checkComplaint(t, c, r)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("outputs were left: %v %v", left, err)
	}
	if readFile(t, filepath.Join(string(kept), "index.json")) != index {
		t.Error("a layout that was there has changed its index.json")
	}
	checkTag(t, image, before)
}

func checkComplaint(t *testing.T, c badInput, r result) {
	t.Helper()
	t.Logf("exit code %d\n%s", r.code, r.stderr)
	if r.code != c.code {
		t.Errorf("exit code %d, want %d", r.code, c.code)
	}
	checkClearError(t, r)
	for _, m := range c.mention {
		if !strings.Contains(r.stderr, m) {
			t.Errorf("stderr does not name %q", m)
		}
	}
}

// checkClearError asks for one error, said once, and nothing on stdout.
func checkClearError(t *testing.T, r result) {
	t.Helper()
	var errors int
	for line := range strings.Lines(r.stderr) {
		if strings.HasPrefix(line, "pyimg: ") && !strings.HasPrefix(line, "pyimg: warning: ") && !strings.HasPrefix(line, "pyimg: note: ") {
			errors++
		}
	}
	if errors != 1 || r.stdout != "" || strings.Contains(r.stderr, "goroutine ") {
		t.Errorf("want one error on stderr and nothing on stdout, got %d errors:\nstdout: %sstderr: %s", errors, r.stdout, r.stderr)
	}
}

func checkAbsent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%s was left", path)
	}
}

// edit changes one file of a repository.
func edit(t *testing.T, repository, file string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(repository, "x86_64", file)
	writeFile(t, path, string(change([]byte(readFile(t, path)))))
}

const (
	indexName = "APKINDEX.tar.gz"
	zlibName  = "zlib-1.3.1-r1.apk"
)

func badPackages(s shared) []badInput {
	return []badInput{
		{"wrong key", 6, []string{indexName, "pyimg-test-5f0c0de0"}, func(t *testing.T, _ string, spec *string) []string {
			other := writeFile(t, filepath.Join(openDir(t), fixture.OtherKey().Name), string(fixture.OtherKey().PublicPEM()))
			*spec = strings.Replace(*spec, s.testKeys(), other, 1)
			return nil
		}},
		{"wrong key under the right name", 6, []string{indexName, "pyimg-test-5f0c0de0"}, func(t *testing.T, _ string, spec *string) []string {
			other := writeFile(t, filepath.Join(openDir(t), "pyimg-test-5f0c0de0.rsa.pub"), string(fixture.OtherKey().PublicPEM()))
			*spec = strings.Replace(*spec, s.testKeys(), other, 1)
			return nil
		}},
		{"flipped byte in the index", 6, []string{indexName}, func(t *testing.T, repository string, _ *string) []string {
			edit(t, repository, indexName, func(b []byte) []byte { return fixture.FlipByte(b, len(b)/2) })
			return nil
		}},
		{"flipped byte in control", 6, []string{zlibName}, func(t *testing.T, repository string, _ *string) []string {
			edit(t, repository, zlibName, func(b []byte) []byte {
				streams := splitGzip(t, b)
				return fixture.FlipByte(b, len(streams[0])+len(streams[1])/2)
			})
			return nil
		}},
		{"flipped byte in data", 6, []string{zlibName}, func(t *testing.T, repository string, _ *string) []string {
			edit(t, repository, zlibName, func(b []byte) []byte { return fixture.FlipByte(b, -4000) })
			return nil
		}},
		{"truncated apk", 6, []string{zlibName}, func(t *testing.T, repository string, _ *string) []string {
			edit(t, repository, zlibName, func(b []byte) []byte { return fixture.Cut(b, -1000) })
			return nil
		}},
		{"apk gone from the folder", 1, []string{zlibName}, func(t *testing.T, repository string, _ *string) []string {
			if err := os.Remove(filepath.Join(repository, "x86_64", zlibName)); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
		{"apk gone from the mirror", 5, []string{"http://", zlibName, "404"}, func(t *testing.T, repository string, _ *string) []string {
			if err := os.Remove(filepath.Join(repository, "x86_64", zlibName)); err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(http.FileServerFS(os.DirFS(repository)))
			t.Cleanup(server.Close)
			return []string{"--repository", server.URL}
		}},
		{"missing package", 3, []string{"no-such-package"}, func(*testing.T, string, *string) []string {
			return []string{"--package", "no-such-package"}
		}},
		{"index of another arch", 3, []string{"aarch64", "x86_64"}, func(t *testing.T, repository string, _ *string) []string {
			edit(t, repository, indexName, func([]byte) []byte {
				return []byte(readFile(t, filepath.Join(repository, "aarch64", indexName)))
			})
			return nil
		}},
		{"key of another arch", 6, []string{indexName, "616ae350", "x86_64"}, func(t *testing.T, repository string, spec *string) []string {
			*spec = strings.Replace(*spec, s.testKeys(), s.path("alpine-keys"), 1)
			edit(t, repository, indexName, func([]byte) []byte {
				return []byte(readFile(t, s.path("conformance", "v3.17", "main", "aarch64", indexName)))
			})
			return nil
		}},
	}
}

// badTarballs are runtimes that reach out of their root.
func badTarballs() []badInput {
	var cases []badInput
	for _, h := range fixture.HostileTarballs() {
		cases = append(cases, badInput{"tarball with " + h.Name, 6, []string{"hostile.tar.gz", strings.TrimPrefix(h.Path, "usr/\x1b")}, func(t *testing.T, _ string, spec *string) []string {
			file := writeFile(t, filepath.Join(openDir(t), "hostile.tar.gz"), string(fixture.Tarball{Files: h.Files, Verbatim: true}.Bytes()))
			*spec = strings.Replace(*spec, "runtime: []", "runtime: {source: "+file+"}", 1)
			return nil
		}})
	}
	return cases
}

func TestSpecWithFiveFaults(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	spec := writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), `alpine:
  repositories: ["`+s.mainRepo()+`"]
  dialect: 4
platforms: [linux/amd64, plan9/amd64]
packages: [busybox, "so bad"]
colour: blue
image:
  env: [not, a, mapping]
`)
	c := badInput{code: 2, mention: []string{
		"pyimg.yaml:3:", "dialect", "pyimg.yaml:4:", "plan9/amd64", "pyimg.yaml:5:", "so bad", "pyimg.yaml:6:", "colour", "pyimg.yaml:8:", "env",
	}}
	checkRefused(t, c, []string{spec})
}

package assemble_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// indexMirror serves hello for two architectures, and resolves it with the store in dir.
type indexMirror struct {
	*fixture.Mirror
	spec spec.Spec
	dir  string
}

func newIndexMirror(t *testing.T) indexMirror {
	t.Helper()
	m := indexMirror{Mirror: fixture.NewMirror(), dir: t.TempDir()}
	m.publish(t, "1-r0", fixture.BuildTime)
	url, err := m.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.spec, err = spec.Parse("test.yaml", []byte("alpine: {repositories: [\""+url+"/main\"]}\nplatforms: [amd64, arm64]\npackages: [hello]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m indexMirror) publish(t *testing.T, version string, built int64) {
	t.Helper()
	for _, arch := range []string{"x86_64", "aarch64"} {
		a, err := fixture.Package{Name: "hello", Version: version, Arch: arch, BuildTime: built}.Build()
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Publish("main", fixture.Index{Arch: arch, Archives: []*fixture.Archive{a}}); err != nil {
			t.Fatal(err)
		}
	}
}

// resolve says which versions of hello there are, and what it was warned of.
func (m indexMirror) resolve(t *testing.T) (versions string, warnings []string) {
	t.Helper()
	store, err := layers.OpenStore(m.dir, kept.Files()...)
	if err != nil {
		t.Error(err)
		return "", nil
	}
	src := input.Access{Fetch: &fetch.Client{}, Store: store}
	plan, err := assemble.Resolve(t.Context(), m.spec, src, testKeys(t))
	if err != nil {
		t.Error(err)
		return "", nil
	}
	for _, p := range plan.Platforms {
		for _, pkg := range p.Packages {
			versions += pkg.Arch + "/" + pkg.Version + " "
		}
	}
	return strings.TrimSpace(versions), plan.Warnings
}

func TestResolveAsksForChangedIndexesOnly(t *testing.T) {
	t.Parallel()
	m := newIndexMirror(t)
	m.resolve(t)
	m.Forget()
	if got, _ := m.resolve(t); got != "x86_64/1-r0 aarch64/1-r0" {
		t.Errorf("resolved %s from the cache", got)
	}
	for _, r := range m.Requests() {
		if r.Status != http.StatusNotModified || r.Sent != 0 {
			t.Errorf("%s was answered %d with %d bytes, want 304 and none", r.Path, r.Status, r.Sent)
		}
	}
	if n := len(m.Requests()); n != 2 {
		t.Errorf("%d requests, want one an index", n)
	}
	m.publish(t, "2-r0", fixture.BuildTime)
	if got, warnings := m.resolve(t); got != "x86_64/2-r0 aarch64/2-r0" || len(warnings) > 0 {
		t.Errorf("resolved %s after the index changed, warned of %q", got, warnings)
	}
}

func TestResolveWarnsOfAnOldIndex(t *testing.T) {
	t.Parallel()
	m := newIndexMirror(t)
	m.publish(t, "2-r0", 2*fixture.BuildTime)
	m.resolve(t)
	m.publish(t, "1-r0", fixture.BuildTime)
	got, warnings := m.resolve(t)
	if got != "x86_64/1-r0 aarch64/1-r0" {
		t.Errorf("resolved %s, want what the mirror has", got)
	}
	if len(warnings) != 2 || !strings.HasPrefix(warnings[0], "linux/amd64: the index ") || !strings.Contains(warnings[0], "has seen a newer one") {
		t.Errorf("warnings %q, want one a platform", warnings)
	}
}

// TestResolveAtOnce has runs share a store that damage, change and losses come to meanwhile.
func TestResolveAtOnce(t *testing.T) {
	t.Parallel()
	m := newIndexMirror(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if got, _ := m.resolve(t); !slices.Contains([]string{"1-r0 1-r0", "1-r0 2-r0", "2-r0 1-r0", "2-r0 2-r0"},
					strings.NewReplacer("x86_64/", "", "aarch64/", "").Replace(got)) {
					t.Errorf("resolved %q", got)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 10 {
			m.publish(t, []string{"1-r0", "2-r0"}[i%2], fixture.BuildTime)
			records, _ := filepath.Glob(filepath.Join(m.dir, "v1", "records", "*"))
			for j, file := range records {
				if j%2 == 0 {
					_ = os.Truncate(file, 20)
				} else {
					_ = os.Remove(file)
				}
			}
		}
	})
	wg.Wait()
}

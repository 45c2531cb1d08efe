package assemble_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// alpineLock is the lock of a Python image for two platforms on a mirror of its own, with layers of each kind: verbatim,
// merged, a runtime that moved, and the last one.
func alpineLock(t *testing.T) (*fixture.Mirror, spec.Spec, lock.Lock) {
	t.Helper()
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		mirror.Put("python-"+arch+".tar.gz", fixture.Runtime{Arch: arch, Prefix: "python"}.Bytes())
		mirror.Put("jemalloc-"+arch+".tar.gz", fixture.Runtime{Arch: arch, Jemalloc: true}.Bytes())
	}
	url, err := mirror.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	spec, err := spec.Parse("test.yaml", fmt.Appendf(nil, `
alpine: {branch: v3.20, mirrors: ["%[1]s"]}
packages: [alpine-baselayout, busybox, ca-certificates-bundle]
runtime:
  - source: "%[1]s/python-{alpine_arch}.tar.gz"
allocator: jemalloc
layers: {max: 8}
`, url))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := build(t, spec, world{}.sources(t))
	if err != nil {
		t.Fatal(err)
	}
	return mirror, spec, lock
}

func TestLockSurvivesItsFile(t *testing.T) {
	t.Parallel()
	_, spec, l := alpineLock(t)
	name := filepath.Join(t.TempDir(), "a.lock")
	if err := lock.Write(name, l); err != nil {
		t.Fatal(err)
	}
	got, err := lock.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encoded(t, l), encoded(t, got)); diff != "" {
		t.Errorf("the lock that was read differs from the one that was written:\n%s", diff)
	}
	if err := got.Fits(spec); err != nil {
		t.Error(err)
	}
}

func encoded(t *testing.T, l lock.Lock) string {
	t.Helper()
	b, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLockChangedByHandIsRefused changes each line of a lock, one at a time.
func TestLockChangedByHandIsRefused(t *testing.T) {
	t.Parallel()
	_, _, l := alpineLock(t)
	lines := strings.SplitAfter(encoded(t, l), "\n")
	for i, line := range lines {
		at := strings.LastIndexFunc(line, func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' })
		if at < 0 {
			continue // a bracket
		}
		changed := []byte(line)
		changed[at] ^= 1
		text := strings.Join(slices.Concat(lines[:i], []string{string(changed)}, lines[i+1:]), "")
		if _, err := lock.Parse([]byte(text)); err == nil {
			t.Errorf("line %d: %q for %q was not noticed", i+1, changed, line)
		}
	}
	if _, err := lock.Parse([]byte(strings.Join(lines[:len(lines)/2], ""))); err == nil {
		t.Error("half a lock was not noticed")
	}
}

func TestLockOfAnotherVersionSaysSo(t *testing.T) {
	t.Parallel()
	_, err := lock.Parse([]byte(`{"version": 99, "news": true}`))
	if err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("ParseLock: %v, want an error that names version 99", err)
	}
}

func TestLockFitsItsSpecAlone(t *testing.T) {
	t.Parallel()
	_, s, lock := alpineLock(t)
	other := s
	other.Packages = slices.Clone(s.Packages)[1:]
	more := s
	more.Platforms = append(slices.Clone(s.Platforms), spec.Platform{OS: "linux", Architecture: "s390x"})
	fewer := s
	fewer.Platforms = s.Platforms[:1]
	for _, test := range []struct {
		name string
		spec spec.Spec
		want string
	}{
		{"the same", s, ""},
		{"fewer platforms", fewer, ""},
		{"other packages", other, "another spec"},
		{"a platform more", more, "linux/s390x"},
	} {
		err := lock.Fits(test.spec)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Fits: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestBuildOfALockMakesTheSame(t *testing.T) {
	t.Parallel()
	mirror, spec, lock := alpineLock(t)
	mirror.Forget()
	src := world{}.sources(t)
	plan, err := assemble.PlanOf(t.Context(), lock, spec, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encoded(t, lock), encoded(t, got.Lock)); diff != "" {
		t.Errorf("the build of the lock differs:\n%s", diff)
	}
	if n := mirror.Count("", "APKINDEX"); n != 0 {
		t.Errorf("%d indexes were read, want none", n)
	}
}

// TestSupplyBringsEachLayerAlone asks a supply with an empty store for each layer of the lock: what comes is right, and
// only what it is made of was fetched.
func TestSupplyBringsEachLayerAlone(t *testing.T) {
	t.Parallel()
	mirror, spec, lock := alpineLock(t)
	kinds := make(map[string]int)
	for _, p := range lock.Platforms {
		for _, l := range p.Layers {
			mirror.Forget()
			supply, err := assemble.NewSupply(lock, spec, world{}.sources(t), testKeys(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, from := range []string{"its source", "the store"} {
				if got := readDigest(t, supply, l.Digest); got != l.Digest {
					t.Errorf("%s: layer %s from %s is %s, want %s", p.Platform, l.From, from, got, l.Digest)
				}
			}
			fetches, want := mirror.Count("GET", "."), 1
			switch {
			case why(l) == "generated":
				want = len(p.Packages) + len(p.Runtimes)
				kinds["last"]++
			case l.Recipe != nil && l.Recipe.Packages != nil:
				want = len(l.Recipe.Packages.Sources)
				kinds["packages"]++
			case l.Recipe != nil:
				kinds["runtime"]++
			default:
				kinds["verbatim"]++
			}
			if fetches != want {
				t.Errorf("%s: layer %s took %d fetches, want %d", p.Platform, l.From, fetches, want)
			}
		}
	}
	for _, kind := range []string{"last", "packages", "runtime", "verbatim"} {
		if kinds[kind] == 0 {
			t.Errorf("the lock has no layer of the kind %q: the test misses it", kind)
		}
	}
}

func readDigest(t *testing.T, supply *assemble.Supply, digest string) string {
	t.Helper()
	r, err := supply.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// TestSupplySurvivesAnUnsteadyMirror reads all layers from a mirror that fails each file once, in one way or another.
func TestSupplySurvivesAnUnsteadyMirror(t *testing.T) {
	t.Parallel()
	mirror, spec, lock := alpineLock(t)
	for i, p := range lock.Platforms[0].Packages {
		faults := []fixture.Fault{{Status: 503, RetryAfter: "3"}, {Truncate: 700}, {Stall: 500}, {Status: 429}}
		f := faults[i%len(faults)]
		f.Path, f.Times = "x86_64/"+p.Name+"-"+p.Version, 1
		mirror.Fail(f)
	}
	src := world{}.sources(t)
	waited := make(chan time.Duration, 1000)
	src.Fetch = &fetch.Client{Stall: 300 * time.Millisecond, Sleep: func(_ context.Context, d time.Duration) error {
		waited <- d
		return nil
	}}
	supply, err := assemble.NewSupply(lock, spec, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lock.Platforms[0].Layers {
		if got := readDigest(t, supply, l.Digest); got != l.Digest {
			t.Errorf("layer %s is %s, want %s", l.From, got, l.Digest)
		}
	}
	if len(waited) == 0 {
		t.Error("nobody waited before trying again: the faults did not happen")
	}
}

func TestSupplyFetchesAllAtOnce(t *testing.T) {
	t.Parallel()
	_, spec, lock := alpineLock(t)
	src := world{}.sources(t)
	supply, err := assemble.NewSupply(lock, spec, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := supply.Fetch(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	checkIndex(t, lock, src)
}

func TestLockTakesNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	_, spec, l := alpineLock(t)
	spec.Alpine.Mirrors = []string{"http://127.0.0.1:1/elsewhere"}
	l.Name = "app.lock"
	_, err := assemble.NewSupply(l, spec, world{}.sources(t), testKeys(t))
	if !errors.As(err, new(*lock.Error)) || !strings.HasPrefix(err.Error(), "lock app.lock: linux/amd64: it takes ") ||
		!strings.Contains(err.Error(), "none of the spec's repositories") {
		t.Errorf("Supply: %v, want a sentence about the repositories", err)
	}
}

func TestLocksAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"depth":   {`{"version": 2, "platforms": ` + strings.Repeat("[", 10_000), "line 1, column 60: nested more than 32 deep"},
		"closed":  {`{"a": "[[[\"[[", "platforms":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 41), "nested more than 32 deep"},
		"objects": {"{\"version\": 2,\n\"platforms\": [" + strings.Repeat("{},", 1_000_000) + "{}]}", "line 2, column 600009: more than 200000 objects and lists"},
		"quotes":  {`{"version": 2, "spec": "` + strings.Repeat(`[{\"`, 300_000) + `", "news": 1}`, "unknown field"},
	} {
		_, err := lock.Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ParseLock: %.300v, want an error with %q", name, err, c.want)
		}
	}
}

func TestGonePackageIsNamedWithWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("usr/a", "a")}})
	spec := w.spec(t, "a", "")
	lock, err := build(t, spec, w.sources(t))
	if err != nil {
		t.Fatal(err)
	}
	w.publish(t, fixture.Package{Name: "a", Version: "2-r0", Files: []fixture.File{file("usr/a", "b")}})
	supply, err := assemble.NewSupply(lock, spec, w.sources(t), testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	err = supply.Fetch(t.Context(), nil)
	var gone *ingest.GoneError
	if !errors.As(err, &gone) {
		t.Fatalf("Fetch: %v, want a *GoneError", err)
	}
	if gone.Package != "a-1-r0" || !slices.Equal(gone.Now, []string{"2-r0"}) {
		t.Errorf("%s is gone, there is %v; want a-1-r0, [2-r0]", gone.Package, gone.Now)
	}
	for _, way := range []string{"pyimg lock --update a", "pyimg bundle"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("%q does not name the way on %q", err, way)
		}
	}
}

func TestUpdateMovesOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	libs := func(version string) []fixture.Package {
		return []fixture.Package{
			{Name: "app", Version: "1-r0", Depends: []string{"lib", "other", "tool"}, Files: []fixture.File{file("usr/app", "1")}},
			{Name: "lib", Version: version, Origin: "lib", Depends: []string{"lib-data=" + version}, Files: []fixture.File{file("usr/lib/lib", version)}},
			{Name: "lib-data", Version: version, Origin: "lib", Files: []fixture.File{file("usr/share/lib", version)}},
			{Name: "other", Version: version, Files: []fixture.File{file("usr/other", version)}},
			{Name: "tool", Version: version, Files: []fixture.File{file("usr/tool", version)}},
		}
	}
	w := newWorld(t, libs("1-r0")...)
	spec := w.spec(t, "app", "")
	src := w.sources(t)
	old, err := build(t, spec, src)
	if err != nil {
		t.Fatal(err)
	}
	w.publish(t, append(libs("1-r0"), libs("2-r0")[1:]...)...)
	for _, test := range []struct {
		update []string
		want   []string // what moves
	}{
		{[]string{"tool"}, []string{"tool"}},
		{[]string{"other", "tool"}, []string{"other", "tool"}},
		{[]string{"lib"}, []string{"lib", "lib-data"}}, // they want each other's version
	} {
		plan, err := assemble.Update(t.Context(), spec, old, test.update, src, testKeys(t))
		if err != nil {
			t.Fatal(err)
		}
		var moved []string
		for _, p := range plan.Platforms[0].Packages {
			if p.Version == "2-r0" {
				moved = append(moved, p.Name)
			}
		}
		slices.Sort(moved)
		if !slices.Equal(moved, test.want) {
			t.Errorf("update %v moved %v, want %v", test.update, moved, test.want)
		}
	}
	if _, err := assemble.Update(t.Context(), spec, old, []string{"nobody"}, src, testKeys(t)); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("update of an unknown package: %v", err)
	}
	w.publish(t, libs("2-r0")...)
	var gone *ingest.GoneError
	if _, err := assemble.Update(t.Context(), spec, old, []string{"tool"}, src, testKeys(t)); !errors.As(err, &gone) {
		t.Errorf("update with held packages that are gone: %v, want a *GoneError", err)
	}
}

func TestChangesNameWhatMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("usr/a", "a")}}, fixture.Package{Name: "b", Files: []fixture.File{file("usr/b", "b")}})
	src := w.sources(t)
	old, err := build(t, w.spec(t, "a, b", ""), src)
	if err != nil {
		t.Fatal(err)
	}
	w.publish(t, fixture.Package{Name: "a", Version: "2-r0", Files: []fixture.File{file("usr/a", "b")}}, fixture.Package{Name: "c", Files: []fixture.File{file("usr/c", "c")}})
	now, err := build(t, w.spec(t, "a, c", ""), src)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"linux/amd64: a 1-r0 -> 2-r0", "linux/amd64: - b 1-r0", "linux/amd64: + c 1-r0"}
	if diff := cmp.Diff(want, now.Changes(old)); diff != "" {
		t.Errorf("changes:\n%s", diff)
	}
	if got := now.Changes(now); got != nil {
		t.Errorf("a lock differs from itself by %q", got)
	}
	var mismatch *lock.MismatchError
	if err := old.Expect(now); !errors.As(err, &mismatch) {
		t.Errorf("Expect: %v, want a *MismatchError", err)
	}
}

// TestOneChangedPackageMovesItsLayerAndTheLast compares the layers before and after an update.
func TestOneChangedPackageMovesItsLayerAndTheLast(t *testing.T) {
	t.Parallel()
	packages := func(version string) []fixture.Package {
		var ps []fixture.Package
		for i := range 6 {
			v := "1-r0"
			if i == 3 {
				v = version
			}
			name := fmt.Sprintf("p%d", i)
			ps = append(ps, fixture.Package{Name: name, Version: v, Files: []fixture.File{{Path: "usr/" + name, Body: fixture.Bulk(name+v, 40_000*(i+1))}}})
		}
		return ps
	}
	w := newWorld(t, packages("1-r0")...)
	src := w.sources(t)
	spec := w.spec(t, "p0, p1, p2, p3, p4, p5", "")
	old, _ := builtImage(t, spec, src)
	w.publish(t, packages("2-r0")...)
	now, _ := builtImage(t, spec, src)
	var moved []string
	for from, l := range now {
		if old[from].Digest != l.Digest {
			moved = append(moved, from)
		}
	}
	slices.Sort(moved)
	if want := []string{"apk database", "apk p3=2-r0"}; !slices.Equal(moved, want) {
		t.Errorf("moved %v, want %v", moved, want)
	}
}

// FuzzLock reads locks that may come from anywhere.
func FuzzLock(f *testing.F) {
	f.Add([]byte(`{"version": 1, "platforms": [{"platform": "linux/amd64", "layers": [{"digest": "sha256:00", "recipe": {"packages": {"edits": [null]}}}]}]}`))
	f.Add([]byte(`{"version": 1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lock.Parse(data)
		if err != nil {
			return
		}
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := lock.Parse(b); err != nil || again.Checksum != l.Checksum {
			t.Errorf("a lock that was read does not survive being written: %v", err)
		}
	})
}

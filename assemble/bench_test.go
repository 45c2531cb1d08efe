package assemble_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/machine"
	"github.com/pyimg/pyimg/layers"
)

// BenchmarkAssembleCold assembles from a cold cache, and prints the CPU that it took as a ratio to the floor: inflating the same bytes
// by klauspost's decompressor and hashing both forms, measured in the same run. "20 packages" have 320 MiB of files that hardly compress;
// "20 packages of real files" have the files of two Pythons, each twice; "python" is the image of real packages and runtimes.
func BenchmarkAssembleCold(b *testing.B) {
	b.Run("20 packages", func(b *testing.B) {
		spec, archives := benchWorld(b)
		benchCold(b, spec, dataOf(archives), trustFixture)
	})
	b.Run("20 packages of real files", func(b *testing.B) {
		pythons, err := filepath.Glob(filepath.Join(sharedFolder(b), "runtimes", "cpython-*-x86_64-*.tar.gz"))
		if err != nil {
			b.Fatal(err)
		}
		archives, err := fixture.Dealt("x86_64", 20, slices.Concat(pythons, pythons)...)
		if err != nil {
			b.Fatal(err)
		}
		benchCold(b, benchSpec(b, archives), dataOf(archives), trustFixture)
	})
	b.Run("python", func(b *testing.B) {
		s := sharedFolder(b)
		spec, trust := pythonSpec(b, s)
		benchCold(b, spec, archivesOf(b, s, spec, trust), trust)
	})
}

func dataOf(archives []*fixture.Archive) [][]byte {
	all := make([][]byte, len(archives))
	for i, a := range archives {
		all[i] = a.Data
	}
	return all
}

func trustFixture(r *apk.Keyring) error {
	key := fixture.TestKey()
	return r.Add(key.Name, key.PublicPEM())
}

func benchCold(b *testing.B, spec spec.Spec, archives [][]byte, trust func(*apk.Keyring) error) {
	b.Helper()
	var floor, cpu time.Duration
	var size int64
	for b.Loop() {
		before := machine.CPUTime()
		size = inflateAndHash(b, archives)
		floor += machine.CPUTime() - before

		store, err := layers.OpenStore(b.TempDir(), kept.Files()...)
		if err != nil {
			b.Fatal(err)
		}
		before = machine.CPUTime()
		benchBuild(b, spec, store, trust)
		cpu += machine.CPUTime() - before
	}
	b.SetBytes(size)
	b.ReportMetric(float64(cpu)/float64(floor), "x-floor")
}

// pythonSpec is the image of real packages and runtimes.
func pythonSpec(b *testing.B, shared string) (spec.Spec, func(*apk.Keyring) error) {
	b.Helper()
	runtimes := filepath.Join(shared, "runtimes")
	spec, err := spec.Parse("python.yaml", fmt.Appendf(nil, `alpine: {branch: v3.20, mirrors: [%q], repositories: [main, community], keys: [%q]}
packages: [alpine-baselayout, alpine-release, apk-tools, busybox]
runtime:
  - {python: "3.13", source: %q, prefix: /usr/local}
  - {source: %q, prefix: /usr/local}
allocator: jemalloc
image: {cmd: [python3]}
`, filepath.Join(shared, "alpine-mirror"), filepath.Join(shared, "alpine-mirror", "keys"),
		filepath.Join(runtimes, "cpython-3.13.5-{alpine_arch}-alpine-musl-optimized.tar.gz"),
		filepath.Join(runtimes, "jemalloc-5.3.0-{alpine_arch}-alpine-musl.tar.gz")))
	if err != nil {
		b.Fatal(err)
	}
	return spec, func(r *apk.Keyring) error { return r.AddPath(filepath.Join(shared, "alpine-mirror", "keys")) }
}

// archivesOf are the packages and runtimes of all platforms of a spec.
func archivesOf(b *testing.B, shared string, spec spec.Spec, trust func(*apk.Keyring) error) (all [][]byte) {
	b.Helper()
	store, err := layers.OpenStore(b.TempDir(), kept.Files()...)
	if err != nil {
		b.Fatal(err)
	}
	plan := benchPlan(b, spec, input.Access{Fetch: &fetch.Client{}, Store: store}, trust)
	var names []string
	for _, p := range plan.Platforms {
		for _, pkg := range p.Packages {
			names = append(names, filepath.Join(shared, "alpine-mirror", "v3.20", "*", pkg.Arch, pkg.Name+"-"+pkg.Version+".apk"))
		}
		for _, r := range p.Runtimes {
			names = append(names, filepath.Join(shared, "runtimes", filepath.Base(r.Public)))
		}
	}
	for _, name := range names {
		found, err := filepath.Glob(name)
		if err != nil || len(found) != 1 {
			b.Fatalf("%s: %q, %v", name, found, err)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// BenchmarkAssembleWarm assembles from a warm cache, as each start of the program does: no package is read. "python" is
// the image of real packages and runtimes.
func BenchmarkAssembleWarm(b *testing.B) {
	b.Run("20 packages", func(b *testing.B) {
		spec, _ := benchWorld(b)
		benchWarm(b, spec, trustFixture)
	})
	b.Run("python", func(b *testing.B) {
		spec, trust := pythonSpec(b, sharedFolder(b))
		benchWarm(b, spec, trust)
	})
}

func benchWarm(b *testing.B, spec spec.Spec, trust func(*apk.Keyring) error) {
	b.Helper()
	dir := b.TempDir()
	run := func() {
		store, err := layers.OpenStore(dir, kept.Files()...)
		if err != nil {
			b.Fatal(err)
		}
		benchBuild(b, spec, store, trust)
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
	run()
	var cpu time.Duration
	for b.Loop() {
		before := machine.CPUTime()
		run()
		cpu += machine.CPUTime() - before
	}
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// sharedFolder is the folder of real packages next to the repository.
func sharedFolder(b testing.TB) string {
	b.Helper()
	dir := os.Getenv("PYIMG_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		b.Skipf("no real packages: %v; PYIMG_SHARED names where they are", err)
	}
	return dir
}

func benchWorld(b *testing.B) (spec.Spec, []*fixture.Archive) {
	b.Helper()
	var archives []*fixture.Archive
	for i := range 20 {
		p := fixture.Package{Name: fmt.Sprintf("p%02d", i), Version: "1-r0"}
		for j := range 16 {
			p.Files = append(p.Files, fixture.File{Path: fmt.Sprintf("usr/lib/%s/%d", p.Name, j), Body: fixture.Bulk(fmt.Sprint(i, j), 1<<20)})
		}
		a, err := p.Build()
		if err != nil {
			b.Fatal(err)
		}
		archives = append(archives, a)
	}
	return benchSpec(b, archives), archives
}

// benchSpec publishes packages in a folder, and returns the spec of an image of them.
func benchSpec(b *testing.B, archives []*fixture.Archive) spec.Spec {
	b.Helper()
	m := fixture.NewMirror()
	dir := b.TempDir()
	if err := m.Publish("main", fixture.Index{Arch: "x86_64", Archives: archives}); err != nil {
		b.Fatal(err)
	}
	if err := m.Write(dir); err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf("alpine: {repositories: [%s/main]}\nplatforms: [amd64]\npackages: [", dir)
	for _, a := range archives {
		text += a.Package.Name + ", "
	}
	spec, err := spec.Parse("bench.yaml", []byte(text+"]\n"))
	if err != nil {
		b.Fatal(err)
	}
	return spec
}

func benchBuild(b *testing.B, spec spec.Spec, store *layers.Store, trust func(*apk.Keyring) error) {
	b.Helper()
	src := input.Access{Fetch: &fetch.Client{}, Store: store}
	if _, err := assemble.Build(b.Context(), benchPlan(b, spec, src, trust), src, assemble.BuildOptions{}); err != nil {
		b.Fatal(err)
	}
}

func benchPlan(b *testing.B, spec spec.Spec, src input.Access, trust func(*apk.Keyring) error) assemble.Plan {
	b.Helper()
	keys := apk.NewKeyring()
	if err := trust(keys); err != nil {
		b.Fatal(err)
	}
	plan, err := assemble.Resolve(b.Context(), spec, src, keys)
	if err != nil {
		b.Fatal(err)
	}
	return plan
}

// inflateAndHash is the least that an honest build must do: digest and diff ID of every layer.
func inflateAndHash(b *testing.B, archives [][]byte) (size int64) {
	b.Helper()
	for _, data := range archives {
		sha256.Sum256(data)
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(sha256.New(), r)
		if err != nil {
			b.Fatal(err)
		}
		size += n
	}
	return size
}

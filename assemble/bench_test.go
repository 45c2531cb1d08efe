package assemble_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// BenchmarkAssembleCold assembles 20 packages, 320 MiB of files in all, from a cold cache, and prints the CPU that it took as a
// ratio to the floor: inflating the same bytes and hashing both forms, measured in the same run.
func BenchmarkAssembleCold(b *testing.B) {
	spec, archives := benchWorld(b)
	var floor, cpu time.Duration
	var size int64
	for b.Loop() {
		before := cpuTime(b)
		size = inflateAndHash(b, archives)
		floor += cpuTime(b) - before

		store, err := layers.OpenStore(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		before = cpuTime(b)
		benchBuild(b, spec, store)
		cpu += cpuTime(b) - before
	}
	b.SetBytes(size)
	b.ReportMetric(float64(cpu)/float64(floor), "x-floor")
}

// BenchmarkAssembleWarm assembles the same from a warm cache: no package is read.
func BenchmarkAssembleWarm(b *testing.B) {
	spec, _ := benchWorld(b)
	store, err := layers.OpenStore(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	benchBuild(b, spec, store)
	for b.Loop() {
		benchBuild(b, spec, store)
	}
}

func benchWorld(b *testing.B) (assemble.Spec, []*fixture.Archive) {
	b.Helper()
	ix := fixture.Index{Arch: "x86_64"}
	for i := range 20 {
		p := fixture.Package{Name: fmt.Sprintf("p%02d", i), Version: "1-r0"}
		for j := range 16 {
			p.Files = append(p.Files, fixture.File{Path: fmt.Sprintf("usr/lib/%s/%d", p.Name, j), Body: fixture.Bulk(fmt.Sprint(i, j), 1<<20)})
		}
		a, err := p.Build()
		if err != nil {
			b.Fatal(err)
		}
		ix.Archives = append(ix.Archives, a)
	}
	m := fixture.NewMirror()
	dir := b.TempDir()
	if err := m.Publish("main", ix); err != nil {
		b.Fatal(err)
	}
	if err := m.Write(dir); err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf("alpine: {repositories: [%s/main]}\nplatforms: [amd64]\npackages: [", dir)
	for _, a := range ix.Archives {
		text += a.Package.Name + ", "
	}
	spec, err := assemble.ParseSpec("bench.yaml", []byte(text+"]\n"))
	if err != nil {
		b.Fatal(err)
	}
	return spec, ix.Archives
}

func benchBuild(b *testing.B, spec assemble.Spec, store *layers.Store) {
	b.Helper()
	key := fixture.TestKey()
	src := assemble.Sources{Fetch: &fetch.Client{}, Keyring: apk.NewKeyring(), Store: store}
	if err := src.Keyring.Add(key.Name, key.PublicPEM()); err != nil {
		b.Fatal(err)
	}
	plan, err := assemble.Resolve(b.Context(), spec, src)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := assemble.Build(b.Context(), plan, src, assemble.BuildOptions{}); err != nil {
		b.Fatal(err)
	}
}

// inflateAndHash is the least that an honest build must do: digest and diff ID of every layer.
func inflateAndHash(b *testing.B, archives []*fixture.Archive) (size int64) {
	b.Helper()
	for _, a := range archives {
		sha256.Sum256(a.Data)
		r, err := gzip.NewReader(bytes.NewReader(a.Data))
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

// cpuTime is what this process has used on all cores, in user and kernel.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

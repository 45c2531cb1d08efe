package assemble_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/machine"
	"github.com/pyimg/pyimg/layers"
)

// BenchmarkResolveWarm resolves for two architectures against main and community, 30,000 packages an architecture, with the
// indexes in the cache. It prints the CPU that it took, also as a ratio to its floor, which is to read and hash the index
// files; and what it takes without a cache.
func BenchmarkResolveWarm(b *testing.B) {
	b.Run("alpine", func(b *testing.B) {
		benchResolve(b, "[alpine-baselayout, busybox, ca-certificates-bundle, tzdata, python3, nginx, git]", func(arch string) []string {
			branch := map[string]string{"x86_64": "v3.16", "aarch64": "v3.17"}[arch]
			text := realIndex(b, filepath.Join("conformance", branch, "main", arch, "APKINDEX.tar.gz"))
			var community strings.Builder
			for n := strings.Count(text, "\nP:"); n < indexSize; n += strings.Count(text, "\nP:") {
				community.WriteString(renamed(text, fmt.Sprintf("-c%d", n)))
			}
			return []string{text, community.String()}
		})
	})
	b.Run("synthetic", func(b *testing.B) {
		benchResolve(b, "[p100, p2000, p29999]", func(arch string) []string {
			return []string{syntheticIndex(arch, 0, indexSize/5), syntheticIndex(arch, indexSize/5, indexSize)}
		})
	})
}

const indexSize = 30_000

func benchResolve(b *testing.B, packages string, texts func(arch string) []string) {
	dir := b.TempDir()
	var files []string
	for _, arch := range []string{"x86_64", "aarch64"} {
		for i, text := range texts(arch) {
			raw, err := fixture.Index{Arch: arch, Edit: func(string) string { return text }}.Bytes()
			if err != nil {
				b.Fatal(err)
			}
			file := filepath.Join(dir, []string{"main", "community"}[i], arch, "APKINDEX.tar.gz")
			if err := cmp.Or(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, raw, 0o644)); err != nil {
				b.Fatal(err)
			}
			files = append(files, file)
		}
	}
	spec, err := spec.Parse("bench.yaml", fmt.Appendf(nil,
		"alpine: {repositories: [%s/main, %[1]s/community]}\nplatforms: [amd64, arm64]\npackages: %s\n", dir, packages))
	if err != nil {
		b.Fatal(err)
	}
	store, err := layers.OpenStore(b.TempDir(), kept.Files()...)
	if err != nil {
		b.Fatal(err)
	}
	cold := machine.CPUTime()
	resolveWith(b, spec, store)
	cold = machine.CPUTime() - cold
	var floor, cpu time.Duration
	for b.Loop() {
		before := machine.CPUTime()
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			sha256.Sum256(raw)
		}
		floor += machine.CPUTime() - before
		before = machine.CPUTime()
		resolveWith(b, spec, store)
		cpu += machine.CPUTime() - before
	}
	b.ReportMetric(cpu.Seconds()*1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(cpu)/float64(floor), "x-floor")
	b.ReportMetric(cold.Seconds()*1000, "cold-cpu-ms")
}

func resolveWith(b *testing.B, spec spec.Spec, store *layers.Store) {
	src := input.Access{Fetch: &fetch.Client{}, Store: store}
	if _, err := assemble.Resolve(b.Context(), spec, src, testKeys(b)); err != nil {
		b.Fatal(err)
	}
}

// renamed is the text of an index with other names, but for what all repositories share.
func renamed(text, suffix string) string {
	shared := map[string]bool{"docs": true, "openrc": true, "bash-completion": true, "busybox": true, "musl": true}
	rename := func(word string) string {
		end := strings.IndexAny(word, "<>=~")
		if end < 0 {
			end = len(word)
		}
		if name := word[:end]; shared[name] || strings.HasPrefix(name, "so:libc.musl") {
			return word
		}
		return word[:end] + suffix + word[end:]
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch field, value, _ := strings.Cut(line, ":"); field {
		case "C":
			sum := sha1.Sum([]byte(value + suffix))
			line = "C:Q1" + base64.StdEncoding.EncodeToString(sum[:])
		case "P":
			line += suffix
		case "D", "p", "i":
			words := strings.Fields(value)
			for i := range words {
				words[i] = rename(words[i])
			}
			line = field + ":" + strings.Join(words, " ")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// syntheticIndex lists packages from one number to another, each with a library, a few dependencies among the packages around it
// and before it, and documentation for every third.
func syntheticIndex(arch string, from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		sum := sha1.Sum(fmt.Append(nil, arch, i))
		fmt.Fprintf(&b, "C:Q1%s\nP:p%d\nV:1.%d.2-r0\nA:%s\nS:%d\nI:%d\nT:Package number %[2]d of many, which describes itself\n"+
			"U:https://example.org/p%[2]d\nL:MIT\no:p%[2]d\nm:Nobody <nobody@example.org>\nt:%d\nc:%x\n",
			base64.StdEncoding.EncodeToString(sum[:]), i, i%7, arch, 1000+i, 2000+i, fixture.BuildTime, sum)
		if i%3 == 2 {
			fmt.Fprintf(&b, "i:docs p%d=1.%d.2-r0\n\n", i-1, (i-1)%7)
			continue
		}
		fmt.Fprintf(&b, "D:so:lib%d.so.1 so:lib%d.so.1 p%d\np:so:lib%d.so.1=1.%d cmd:p%[4]d=1.2-r0\n\n", i/6*3, i/9*3, i/15*3, i, i%7)
	}
	return b.String()
}

// realIndex reads the text of a real index from the folder of real data next to the repository.
func realIndex(b *testing.B, name string) string {
	b.Helper()
	f, err := os.Open(filepath.Join(cmp.Or(os.Getenv("PYIMG_SHARED"), "../../shared"), name))
	if errors.Is(err, fs.ErrNotExist) {
		b.Skipf("no real index: %v", err)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err != nil {
			b.Fatal(err)
		}
		if h.Name == "APKINDEX" {
			var text bytes.Buffer
			if _, err := io.Copy(&text, tr); err != nil {
				b.Fatal(err)
			}
			return text.String()
		}
	}
}

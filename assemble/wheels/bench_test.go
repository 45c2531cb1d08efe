package wheels_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/machine"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// BenchmarkCold brings 200 wheels out of a folder into a cold store and makes their layers. It prints the CPU that this takes as a
// ratio to what nobody can do without: inflating the files and hashing them and the wheels, measured in the same run. WHEELS names
// a folder of other wheels, such as real ones.
//
// On ext4 the ratio is higher for some minutes after many files were removed, as a run of this benchmark does at its end: to create a
// file, ext4 looks at each inode that was freed shortly before (recently_deleted in its ialloc.c). An empty file system, or tmpfs in
// TMPDIR, shows what is pyimg's own.
func BenchmarkCold(b *testing.B) {
	dir := os.Getenv("WHEELS")
	if dir == "" {
		dir = manyWheels(b, 200)
	}
	files := folder(b, dir)
	var ours, least time.Duration
	for b.Loop() {
		start := machine.CPUTime()
		size := floor(b, files)
		between := machine.CPUTime()
		cold(b, files)
		least, ours = least+between-start, ours+machine.CPUTime()-between
		b.SetBytes(size)
	}
	b.ReportMetric(float64(ours)/float64(least), "x-floor")
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "cpu-ms/op")
}

// manyWheels writes wheels of words, each of some modules of all sizes.
func manyWheels(b *testing.B, n int) string {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var words []string
	for range 4000 {
		words = append(words, fmt.Sprintf("%x", random.Uint32()>>random.IntN(24)))
	}
	dir := b.TempDir()
	for i := range n {
		made := wheeltest.Wheel{Name: fmt.Sprintf("w%d", i)}
		for j := range 20 {
			var text strings.Builder
			for size := 1 << (9 + random.IntN(9)); text.Len() < size; {
				text.WriteString(words[random.IntN(len(words))] + " ")
			}
			made.Files = append(made.Files, wheeltest.File{Name: fmt.Sprintf("w%d/m%d.py", i, j), Data: text.String()})
		}
		if err := os.WriteFile(filepath.Join(dir, made.Filename()), made.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// folder are the wheels of a folder with their hashes, as a lock has them.
func folder(b *testing.B, dir string) []source.File {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(names) == 0 {
		b.Fatalf("no wheels in %s: %v", dir, err)
	}
	var files []source.File
	for _, at := range names {
		data, err := os.ReadFile(at)
		if err != nil {
			b.Fatal(err)
		}
		name, err := tag.ParseFilename(filepath.Base(at))
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, source.File{Filename: name, Path: at, Hashes: source.Hashes{"sha256": fmt.Sprintf("%x", sha256.Sum256(data))}})
	}
	return files
}

func floor(b *testing.B, files []source.File) (size int64) {
	b.Helper()
	sum, inflater := sha256.New(), flate.NewReader(nil)
	buffer := make([]byte, 64<<10)
	for _, f := range files {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			b.Fatal(err)
		}
		sum.Write(data)
		w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), f.Filename.Text)
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range w.Archive.Members {
			r := io.Reader(w.Archive.Raw(m))
			if m.Method == archive.Deflated {
				if err := inflater.(flate.Resetter).Reset(r, nil); err != nil {
					b.Fatal(err)
				}
				r = inflater
			}
			n, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{r}, buffer)
			if err != nil {
				b.Fatal(err)
			}
			size += n
		}
	}
	return size
}

func cold(b *testing.B, files []source.File) {
	b.Helper()
	store, err := layers.OpenStore(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	how := wheels.How{Site: site(b, "linux/amd64")}
	ws, err := wheels.NewBringer(input.Access{Fetch: new(fetch.Client), Store: store}).Bring(b.Context(), files, how)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := wheels.Merge(ws, nil); err != nil {
		b.Fatal(err)
	}
	for _, g := range wheels.Groups(ws, 20, false) {
		var fragments []string
		for _, w := range g {
			fragments = append(fragments, w.Fragment.Digest)
		}
		if _, err := store.Join(b.Context(), how.Making, fragments); err != nil {
			b.Fatal(err)
		}
	}
}

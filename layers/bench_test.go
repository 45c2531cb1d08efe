package layers_test

import (
	"archive/tar"
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

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/machine"
	"github.com/pyimg/pyimg/layers"
)

// floor is the work that no ingest can do without: inflating, and hashing both sides.
func floor(b *testing.B, raw []byte) {
	b.Helper()
	compressed, plain := sha256.New(), sha256.New()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		b.Fatal(err)
	}
	compressed.Write(raw)
	buf := make([]byte, 64<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{plain}, struct{ io.Reader }{z}, buf); err != nil {
		b.Fatal(err)
	}
}

// generated is a package of many text files and some large binaries, all made of words so that it compresses like
// software.
func generated(b *testing.B, files int) []byte {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var words []string
	for range 4000 {
		words = append(words, fmt.Sprintf("%x", random.Uint32()>>random.IntN(24)))
	}
	text := func(size int) string {
		var s strings.Builder
		for s.Len() < size {
			s.WriteString(words[random.IntN(len(words))])
			s.WriteByte(' ')
		}
		return s.String()
	}
	var members []member
	for i := range files {
		size := 2<<10 + random.IntN(30<<10)
		content := text(size)
		if i%100 == 0 {
			content = "\x7fELF\x02\x01\x01" + text(1<<20)
		}
		members = append(members, file(fmt.Sprintf("usr/lib/python3.13/part%d/file%d.py", i%50, i), content))
	}
	return gzTar(b, members...)
}

func keepAll(*tar.Header) (bool, error) { return true, nil }

func BenchmarkIngest(b *testing.B) {
	b.Run("generated", func(b *testing.B) { benchmarkIngest(b, generated(b, 3000)) })
	b.Run("cpython", func(b *testing.B) {
		names, _ := filepath.Glob(filepath.Join(shared(b, "runtimes"), "cpython-*-x86_64-*-optimized.tar.gz"))
		if len(names) == 0 {
			b.Skip("no runtime")
		}
		raw, err := os.ReadFile(names[0])
		if err != nil {
			b.Fatal(err)
		}
		benchmarkIngest(b, raw)
	})
}

// benchmarkIngest measures both in turn, so that what else the machine does meets both.
func benchmarkIngest(b *testing.B, raw []byte) {
	b.Helper()
	s := openStore(b)
	var ours, least time.Duration
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		start := machine.CPUTime()
		ingest(b, s, raw) // its digest is not told, so that it is never taken from the store
		between := machine.CPUTime()
		floor(b, raw)
		ours += between - start
		least += machine.CPUTime() - between
	}
	b.ReportMetric(float64(ours)/float64(least), "x-floor")
}

func BenchmarkEntries(b *testing.B) {
	s := openStore(b)
	blob := ingest(b, s, gzTar(b, manyFiles(10_000)...))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range s.Entries(blob.Digest) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
}

func manyFiles(n int) []member {
	var members []member
	for i := range n {
		m := file(fmt.Sprintf("usr/lib/python3.13/part%d/file%d.py", i%50, i), "x")
		m.header.Uname, m.header.Gname = "root", "root"
		m.header.PAXRecords = map[string]string{"APK-TOOLS.checksum.SHA1": strings.Repeat("0", 40)}
		members = append(members, m)
	}
	return members
}

func BenchmarkConvert(b *testing.B) {
	raw := generated(b, 3000)
	s := openStore(b)
	b.SetBytes(int64(len(raw)))
	for i := 0; b.Loop(); i++ {
		_, _, err := s.Convert(b.Context(), source("x", raw), fmt.Sprint(i), layers.MakeOptions{}, keepAll)
		if err != nil {
			b.Fatal(err)
		}
	}
}

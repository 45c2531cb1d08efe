package layers_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/machine"
	"github.com/pyimg/pyimg/layers"
)

// deflated is a file with its deflate stream.
func deflated(t testing.TB, name, content string) layers.Deflated {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d := plain(name, content)
	d.Plain, d.Data = false, section(b.Bytes())
	return d
}

func plain(name, content string) layers.Deflated {
	return layers.Deflated{
		Name: name, Mode: 0o644, Size: int64(len(content)), CRC: crc32.ChecksumIEEE([]byte(content)),
		Data: section([]byte(content)), Plain: true,
	}
}

func section(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

// words are text that deflates to about a third.
func words(seed uint64, size int) string {
	random := rand.New(rand.NewPCG(seed, 2))
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "%x words that are not all alike\n", random.Uint32())
	}
	return b.String()[:size]
}

// fragments counts fragments, so that each has a record of its own.
//
//nolint:gochecknoglobals // nothing depends on the numbers but that they differ
var fragments atomic.Int64

// noNote records nothing of a fragment.
func noNote(layers.Blob) ([]byte, error) { return []byte("{}"), nil }

func splice(t testing.TB, s *layers.Store, o layers.MakeOptions, files ...layers.Deflated) layers.Blob {
	t.Helper()
	b, err := s.Splice(t.Context(), o, files, fmt.Sprintf("fragment-%d", fragments.Add(1)), noNote)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// listing is what a tar reader finds in a stored layer.
func listing(t testing.TB, s *layers.Store, b layers.Blob) (names []string, contents map[string]string) {
	t.Helper()
	contents = map[string]string{}
	for r := tar.NewReader(bytes.NewReader(inflated(t, s, b))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		contents[h.Name] = fmt.Sprintf("%o %d:%d %s", h.Mode, h.Uid, h.Gid, content)
	}
}

func TestSplice(t *testing.T) {
	t.Parallel()
	script := plain("usr/bin/x", "#!/usr/bin/python3\n")
	script.Mode = 0o755
	large := words(1, 60_000)
	for _, o := range []layers.MakeOptions{{}, {Level: 1}, {Compression: "zstd"}} {
		s := openStore(t)
		fragment := splice(t, s, o, deflated(t, "usr/lib/large.py", large), script, deflated(t, "usr/lib/small.py", "pass\n"), plain("usr/lib/empty", ""))
		layer, err := s.Join(t.Context(), o, []string{fragment.Digest})
		if err != nil {
			t.Fatal(err)
		}
		names, contents := listing(t, s, layer)
		want := []string{"usr/bin/x", "usr/lib/small.py", "usr/lib/empty", "usr/lib/large.py", "usr/", "usr/bin/", "usr/lib/"}
		if o.Compression == "zstd" { // nothing is spliced
			want = []string{"usr/lib/large.py", "usr/bin/x", "usr/lib/small.py", "usr/lib/empty", "usr/", "usr/bin/", "usr/lib/"}
		}
		if !slices.Equal(names, want) {
			t.Errorf("%+v: the layer has %q, want %q", o, names, want)
		}
		for name, want := range map[string]string{
			"usr/bin/x": "755 0:0 #!/usr/bin/python3\n", "usr/lib/large.py": "644 0:0 " + large, "usr/lib/small.py": "644 0:0 pass\n",
			"usr/lib/empty": "644 0:0 ", "usr/lib/": "755 0:0 ",
		} {
			if contents[name] != want {
				t.Errorf("%+v: %s is not what it was", o, name)
			}
		}
		faults, err := s.Faults(layer.Digest)
		if err != nil || len(faults) > 0 {
			t.Errorf("Faults = %v, %v", faults, err)
		}
		if other, err := openStore(t).Ingest(t.Context(), source("layer", bytesOf(t, s, layer.Digest))); err != nil || other != layer {
			t.Errorf("Ingest of the layer = %+v, %v, want %+v", other, err, layer)
		}
	}
}

// bytesOf are a blob's compressed bytes.
func bytesOf(t testing.TB, s *layers.Store, digest string) []byte {
	t.Helper()
	r, err := s.Open(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// also is a writer that Splice writes a content to, too.
type also struct {
	bytes.Buffer
	err    error
	closed int
}

func (a *also) Close() error {
	a.closed++
	return a.err
}

// TestSpliceAlso holds that somebody else sees each content in the same pass, and can refuse it.
func TestSpliceAlso(t *testing.T) {
	t.Parallel()
	var files []layers.Deflated
	var seen []*also
	contents := []string{"", "x", words(1, 300), words(2, 200_000)}
	for i, content := range contents {
		for j, d := range []layers.Deflated{plain(fmt.Sprintf("a%d", i), content), deflated(t, fmt.Sprintf("b%d", i), content)} {
			seen = append(seen, new(also))
			d.Also = seen[2*i+j]
			files = append(files, d)
		}
	}
	for _, o := range []layers.MakeOptions{{}, {Compression: "zstd"}} {
		splice(t, openStore(t), o, files...)
		for i, a := range seen {
			if a.String() != contents[i/2] || a.closed != 1 {
				t.Errorf("%+v: of %s it has seen %d bytes, and it was closed %d times", o, files[i].Name, a.Len(), a.closed)
			}
			a.Reset()
			a.closed = 0
		}
	}
	seen[5].err = errors.New("not this one")
	if b, err := openStore(t).Splice(t.Context(), layers.MakeOptions{}, files, "splice", noNote); !errors.Is(err, seen[5].err) {
		t.Errorf("Splice = %v, %v, want the error of the other one", b, err)
	}
}

// TestSpliceLearnsWhatIngestLearns compares what is known of a layer that was spliced with what is read out of its tar.
func TestSpliceLearnsWhatIngestLearns(t *testing.T) {
	t.Parallel()
	program := plain("bin/run", "#!/bin/sh -e\n"+words(4, 9000))
	program.Mode = 0o755
	files := []layers.Deflated{
		program, plain("bin/short", "#!"), plain("empty", ""), deflated(t, strings.Repeat("long/", 60)+"ü", words(1, 40_000)),
		deflated(t, "lib/a.so", string(fixture.Library("x86_64", "a.so.1", "libz.so.1").Bytes())), plain("lib/stub.so", "\x7fELF"),
		plain("etc/passwd", words(5, 700)), deflated(t, "etc/group", ""),
	}
	s := openStore(t)
	layer, err := s.Join(t.Context(), layers.MakeOptions{}, []string{splice(t, s, layers.MakeOptions{}, files...).Digest})
	if err != nil {
		t.Fatal(err)
	}
	other := openStore(t)
	if b, err := other.Ingest(t.Context(), source("layer", bytesOf(t, s, layer.Digest))); err != nil || b != layer {
		t.Fatalf("Ingest = %+v, %v, want %+v", b, err, layer)
	}
	describe := func(s *layers.Store) (all []string) {
		for e, err := range s.Entries(layer.Digest) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%+v %q %+v", *e.Header, e.Kept, e.ELF))
		}
		return all
	}
	if diff := cmp.Diff(describe(other), describe(s)); diff != "" {
		t.Error(diff)
	}
}

// TestSpliceKeepsTheStream holds that large files are not compressed again.
func TestSpliceKeepsTheStream(t *testing.T) {
	t.Parallel()
	large, small := deflated(t, "large", words(1, 60_000)), deflated(t, "small", words(2, 600))
	s := openStore(t)
	raw := bytesOf(t, s, splice(t, s, layers.MakeOptions{}, large, small).Digest)
	has := func(d layers.Deflated) bool {
		stream, err := io.ReadAll(io.NewSectionReader(d.Data, 0, d.Data.Size()))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(raw, stream)
	}
	if !has(large) {
		t.Error("the fragment lacks the stream of the large file")
	}
	small.Data = io.NewSectionReader(small.Data, 1, small.Data.Size()-8) // but for the mark of the last block
	if !has(small) {
		t.Error("the fragment lacks the stream of the small file")
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	a := splice(t, s, layers.MakeOptions{}, deflated(t, "lib/a.py", words(1, 60_000)))
	b := splice(t, s, layers.MakeOptions{}, deflated(t, "lib/b.py", words(2, 300)), deflated(t, "bin/b", "b"))
	layer, err := s.Join(t.Context(), layers.MakeOptions{}, []string{a.Digest, b.Digest})
	if err != nil {
		t.Fatal(err)
	}
	names, _ := listing(t, s, layer)
	if want := []string{"lib/a.py", "lib/b.py", "bin/b", "bin/", "lib/"}; !slices.Equal(names, want) {
		t.Errorf("the layer has %q, want %q", names, want)
	}
	if got := entries(t, s, layer.Digest); len(got) != len(names) {
		t.Errorf("Entries are %d, want %d", len(got), len(names))
	}
	for _, digests := range [][]string{{a.Digest, a.Digest}, {"sha256:" + strings.Repeat("0", 64)}} {
		if layer, err := s.Join(t.Context(), layers.MakeOptions{}, digests); err == nil {
			t.Errorf("Join(%q) = %v, want an error", digests, layer)
		}
	}
	if layer, err := s.Join(t.Context(), layers.MakeOptions{Compression: "zstd"}, []string{a.Digest}); err == nil {
		t.Errorf("Join of gzip to zstd = %v, want an error", layer)
	}
}

// TestSpliceGolden fails where the same files come out as other bytes. Then versions.Splice, versions.Join or
// versions.Compressor must be raised, and this be replaced.
func TestSpliceGolden(t *testing.T) {
	t.Parallel()
	const want = "sha256:5f15f2d125c11b904a151e2647b1a2b3e0429b948964385b051cfa33a890aa53"
	s := openStore(t)
	a := splice(t, s, layers.MakeOptions{}, plain("lib/a.py", words(1, 60_000)), plain("lib/b.py", words(2, 300)),
		deflated(t, "lib/d.py", words(4, 700)), deflated(t, "lib/e.py", words(5, 20_000)), deflated(t, "lib/f.py", words(6, 60_000)))
	b := splice(t, s, layers.MakeOptions{}, plain("lib/c.py", words(3, 3000)))
	layer, err := s.Join(t.Context(), layers.MakeOptions{}, []string{a.Digest, b.Digest})
	if err != nil || layer.Digest != want {
		t.Errorf("Join = %s, %v, want %s", layer.Digest, err, want)
	}
}

func TestSpliceRefuses(t *testing.T) {
	t.Parallel()
	text := words(1, 60_000)
	change := func(f func(*layers.Deflated)) layers.Deflated {
		d := deflated(t, "lib/a.py", text)
		f(&d)
		return d
	}
	longer := func(d *layers.Deflated) {
		raw, _ := io.ReadAll(d.Data)
		d.Data = section(append(raw, 0))
	}
	for name, d := range map[string]layers.Deflated{
		"crc":       change(func(d *layers.Deflated) { d.CRC++ }),
		"shorter":   change(func(d *layers.Deflated) { d.Size++ }),
		"longer":    change(func(d *layers.Deflated) { d.Size-- }),
		"trailer":   change(longer),
		"truncated": change(func(d *layers.Deflated) { d.Data = io.NewSectionReader(d.Data, 0, d.Data.Size()-1) }),
		"no stream": change(func(d *layers.Deflated) { d.Data = section([]byte(text)) }),
		"whiteout":  change(func(d *layers.Deflated) { d.Name = "lib/.wh.a" }),
		"escape":    change(func(d *layers.Deflated) { d.Name = "../a" }),
	} {
		s := openStore(t)
		_, err := s.Splice(t.Context(), layers.MakeOptions{}, []layers.Deflated{d}, "splice", noNote)
		damage, member := (*layers.DamageError)(nil), (*layers.MemberError)(nil)
		if !errors.As(err, &damage) && !errors.As(err, &member) {
			t.Errorf("%s: Splice = %v, want a DamageError or a MemberError", name, err)
		}
	}
}

// diffIDOf inflates a stored blob and hashes it.
func diffIDOf(t *testing.T, s *layers.Store, b layers.Blob) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(bytesOf(t, s, b.Digest)))
	if err != nil {
		t.Fatal(err)
	}
	tar, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return digest(tar)
}

// TestFragmentsAreHashedOnce: a small fragment has no diff ID, since a layer's takes its tar in. A large one has, also in another run.
func TestFragmentsAreHashedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStoreIn(t, dir)
	recorded := func(key string, file layers.Deflated) layers.Blob {
		b, err := s.Splice(t.Context(), layers.MakeOptions{}, []layers.Deflated{file}, key, noNote)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	small, large := recorded("small", deflated(t, "a.py", words(1, 60_000))), recorded("large", plain("b.py", words(2, 600_000)))
	if small.DiffID != "" {
		t.Errorf("the small fragment has the diff ID %s, want none", small.DiffID)
	}
	if want := diffIDOf(t, s, large); large.DiffID != want {
		t.Errorf("the large fragment has the diff ID %q, want %s", large.DiffID, want)
	}
	for _, fragments := range [][]string{{small.Digest}, {large.Digest}, {small.Digest, large.Digest}, {large.Digest, small.Digest}} {
		for level, store := range []*layers.Store{s, openStoreIn(t, dir)} { // at another level the layer is made again
			layer, err := store.Join(t.Context(), layers.MakeOptions{Level: 1 + level}, fragments)
			if err != nil {
				t.Fatal(err)
			}
			if want := diffIDOf(t, store, layer); layer.DiffID != want {
				t.Errorf("run %d: the layer of %d fragments has the diff ID %s, want %s", level, len(fragments), layer.DiffID, want)
			}
		}
	}
	for key, want := range map[string]layers.Blob{"small": small, "large": large} {
		another := openStoreIn(t, dir)
		if _, err := another.Record(key); err != nil {
			t.Errorf("another run has no record %q: %v", key, err)
		}
		if got, err := another.Blob(want.Digest); err != nil || got != want {
			t.Errorf("another run has %+v, %v, want %+v", got, err, want)
		}
	}
}

func FuzzSplice(f *testing.F) {
	good := deflated(f, "x", words(1, 20_000))
	raw, err := io.ReadAll(good.Data)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, good.Size, good.CRC, false)
	f.Add(raw[:len(raw)/2], good.Size, good.CRC, false)
	f.Add([]byte("plain"), int64(5), crc32.ChecksumIEEE([]byte("plain")), true)
	s := openStore(f)
	f.Fuzz(func(t *testing.T, data []byte, size int64, crc uint32, isPlain bool) {
		d := layers.Deflated{Name: "x", Mode: 0o644, Size: size, CRC: crc, Data: section(data), Plain: isPlain}
		b, err := s.Splice(t.Context(), layers.MakeOptions{}, []layers.Deflated{d}, "splice", noNote)
		if err != nil {
			return
		}
		if b.DiffID == "" { // a small fragment
			b.DiffID = diffIDOf(t, s, b)
		}
		if _, contents := listing(t, s, b); crc32.ChecksumIEEE([]byte(strings.TrimPrefix(contents["x"], "644 0:0 "))) != crc {
			t.Error("the file has other content than its CRC-32 says")
		}
	})
}

// BenchmarkSplice compares the layer of a wheel with the wheel's size, and the CPU that it takes with compressing all.
func BenchmarkSplice(b *testing.B) {
	wheels, err := filepath.Glob("../../shared/conformance/wheels/wheels/*.whl")
	if err != nil || len(wheels) == 0 {
		b.Skip("there are no wheels")
	}
	for _, name := range wheels {
		raw, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(name), func(b *testing.B) { benchmarkSplice(b, raw) })
	}
}

func benchmarkSplice(b *testing.B, raw []byte) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		b.Fatal(err)
	}
	var files []layers.Deflated
	for _, f := range z.File {
		at, err := f.DataOffset()
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, layers.Deflated{Name: f.Name, Mode: 0o644, Size: int64(f.UncompressedSize64), CRC: f.CRC32, Plain: f.Method == zip.Store,
			Data: io.NewSectionReader(bytes.NewReader(raw), at, int64(f.CompressedSize64))})
	}
	s := openStore(b)
	const rounds = 10
	n := 0
	measure := func(layer func(recipe string) layers.Blob) (size int64, cpu float64) {
		before := machine.CPUTime()
		for range rounds {
			n++
			size = layer(fmt.Sprint(n)).Size
		}
		return size, (machine.CPUTime() - before).Seconds()
	}
	for b.Loop() {
		size, cpu := measure(func(recipe string) layers.Blob { return splice(b, s, layers.MakeOptions{}, files...) })
		whole, all := measure(func(recipe string) layers.Blob {
			layer, err := s.Make(b.Context(), recipe, layers.MakeOptions{}, func(w *tar.Writer) error { return unzip(w, z) })
			if err != nil {
				b.Fatal(err)
			}
			return layer
		})
		b.ReportMetric(float64(size)/float64(len(raw)), "size/zip")
		b.ReportMetric(float64(whole)/float64(len(raw)), "gzip-size/zip")
		b.ReportMetric(cpu/all, "cpu/gzip")
	}
}

// unzip writes the files of a zip archive as a tar.
func unzip(w *tar.Writer, z *zip.Reader) error {
	for _, f := range z.File {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: 0o644, Size: int64(f.UncompressedSize64)}); err != nil {
			return err
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
	}
	return nil
}

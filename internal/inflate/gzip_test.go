package inflate_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	fast "github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/inflate"
)

// gzipped is a gzip file with a name and an extra field.
func gzipped(t testing.TB, level int, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "name", "comment", bytes.Repeat([]byte("extra"), 20)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read is all of r, and the first error that is not its end.
func read(z *inflate.Reader, r io.Reader) ([]byte, error) {
	if err := z.Reset(r); err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func TestReader(t *testing.T) {
	t.Parallel()
	var z inflate.Reader
	for name, content := range contents() {
		for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, gzip.BestSpeed, 6, gzip.BestCompression} {
			raw := append(gzipped(t, level, content), gzipped(t, 6, "the second member")...)
			for how, r := range map[string]io.Reader{"whole": bytes.NewReader(raw), "bytes": iotest.OneByteReader(bytes.NewReader(raw)), "at once": iotest.DataErrReader(bytes.NewReader(raw))} {
				if got, err := read(&z, r); err != nil || string(got) != content+"the second member" {
					t.Fatalf("%s, level %d, %s: %d bytes, %v, want %d and the second member", name, level, how, len(got), err, len(content))
				}
			}
		}
	}
	raw := gzipped(t, 6, contents()["words"])
	if err := z.Reset(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(&z, []byte(contents()["words"])); err != nil {
		t.Error(err)
	}
}

// TestReaderRefuses has faults that have an error of their own.
func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	raw := gzipped(t, 6, contents()["words"])
	changed := func(at int) []byte {
		b := bytes.Clone(raw)
		b[(at+len(b))%len(b)] ^= 0x80
		return b
	}
	broken := errors.New("broken")
	var z inflate.Reader
	for name, c := range map[string]struct {
		source io.Reader
		want   error
	}{
		"nothing":                   {bytes.NewReader(nil), io.EOF},
		"a part of a header":        {bytes.NewReader(raw[:7]), io.ErrUnexpectedEOF},
		"a part of a name":          {bytes.NewReader(raw[:114]), io.ErrUnexpectedEOF},
		"another method":            {bytes.NewReader(changed(2)), inflate.ErrHeader},
		"flags that mean nothing":   {bytes.NewReader(changed(3)), inflate.ErrHeader},
		"a name without end":        {bytes.NewReader(append([]byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x00"), bytes.Repeat([]byte("n"), 600)...)), inflate.ErrHeader},
		"another header's checksum": {bytes.NewReader([]byte("\x1f\x8b\x08\x02\x00\x00\x00\x00\x00\x00\x01\x02")), inflate.ErrHeader},
		"another checksum":          {bytes.NewReader(changed(-5)), inflate.ErrChecksum},
		"another size":              {bytes.NewReader(changed(-1)), inflate.ErrChecksum},
		"damage":                    {bytes.NewReader(append(bytes.Clone(raw[:130]), bytes.Repeat([]byte{0xff}, 500)...)), inflate.ErrDamaged},
		"zeros behind it":           {bytes.NewReader(append(bytes.Clone(raw), make([]byte, 512)...)), inflate.ErrHeader},
		"a byte behind it":          {bytes.NewReader(append(bytes.Clone(raw), 0)), io.ErrUnexpectedEOF},
		"no checksum":               {bytes.NewReader(raw[:len(raw)-8]), io.ErrUnexpectedEOF},
		"a source that breaks":      {io.MultiReader(bytes.NewReader(raw[:1000]), iotest.ErrReader(broken)), broken},
		"a source without bytes":    {io.MultiReader(bytes.NewReader(raw[:1000]), idle{}), io.ErrNoProgress},
	} {
		if _, err := read(&z, c.source); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := z.Reset(nil); err != nil {
		t.Error(err)
	}
	if n, err := z.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("without a source it has %d bytes, %v", n, err)
	}
	head := []byte("\x1f\x8b\x08\x02\x00\x00\x00\x00\x00\x00")
	sum := crc32.ChecksumIEEE(head)
	good := append(append(head, byte(sum), byte(sum>>8)), raw[10+2+100+5+8:]...)
	if got, err := read(&z, bytes.NewReader(good)); err != nil || string(got) != contents()["words"] {
		t.Errorf("with its header's checksum it has %d bytes, %v", len(got), err)
	}
}

// idle never has a byte.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// sameAsStandard holds a Reader against the standard library: equal bytes, and an error where that has one. Reader may be stricter:
// then its bytes are the begin of the others, and its error is about the deflate stream or the header.
func sameAsStandard(t *testing.T, z *inflate.Reader, raw []byte) {
	t.Helper()
	const most = 1 << 20
	var want []byte
	std, werr := gzip.NewReader(bytes.NewReader(raw))
	if werr == nil {
		want, werr = io.ReadAll(io.LimitReader(std, most))
	}
	got, err := []byte(nil), z.Reset(bytes.NewReader(raw))
	if err == nil {
		got, err = io.ReadAll(io.LimitReader(z, most))
	}
	stricter := errors.Is(err, inflate.ErrDamaged) || errors.Is(err, inflate.ErrHeader)
	switch {
	case err == nil && (werr != nil || !bytes.Equal(got, want)):
		t.Fatalf("it is taken, with %d bytes; the standard library has %d, %v", len(got), len(want), werr)
	case err != nil && werr == nil && len(want) < most && !stricter && len(raw) > 0:
		t.Fatalf("%v, and the standard library takes it", err)
	case err != nil && !bytes.HasPrefix(want, got):
		t.Fatalf("%d bytes before %v are not the first of the standard library's %d", len(got), err, len(want))
	case err != nil && werr != nil && errors.Is(err, inflate.ErrChecksum) != errors.Is(werr, gzip.ErrChecksum) && !stricter:
		t.Fatalf("%v, and the standard library says %v", err, werr)
	}
}

func FuzzReader(f *testing.F) {
	for _, content := range contents() {
		for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
			if raw := gzipped(f, level, content[:min(len(content), 3000)]); len(raw) < 4000 {
				f.Add(raw)
				f.Add(append(raw, gzipped(f, 6, "next")...))
			}
		}
	}
	// The standard library passes over flags that mean nothing, and then finds that the checksum is another.
	strange := gzipped(f, 6, "strange")
	strange[3] |= 0x20
	strange[len(strange)-8] ^= 1
	f.Add(strange)
	var z inflate.Reader
	f.Fuzz(func(t *testing.T, raw []byte) { sameAsStandard(t, &z, raw) })
}

// TestReaderOnRealFiles reads real packages, indexes and runtimes, also cut off and damaged, next to the standard library.
func TestReaderOnRealFiles(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("PYIMG_SHARED")
	if folder == "" {
		folder = "../../../shared"
	}
	var names []string
	for _, pattern := range []string{"alpine-mirror/*/*/*/*.apk", "alpine-mirror/*/*/*/*.tar.gz", "runtimes/*.tar.gz"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	if len(names) == 0 {
		t.Skipf("no real files in %s", folder)
	}
	random := rand.New(rand.NewPCG(3, 4))
	var z inflate.Reader
	var std gzip.Reader
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(raw, []byte("\x1f\x8b")) {
			continue // apk v3
		}
		if testing.Short() && len(raw) > 1<<20 {
			continue
		}
		t.Log(filepath.Base(name))
		ours, theirs := crc32.NewIEEE(), crc32.NewIEEE()
		if err := errors.Join(std.Reset(bytes.NewReader(raw)), z.Reset(bytes.NewReader(raw))); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(ours, &z)
		m, werr := io.Copy(theirs, &std)
		if err != nil || werr != nil || n != m || ours.Sum32() != theirs.Sum32() {
			t.Errorf("%s: %d bytes, %v, and the standard library has %d, %v", name, n, err, m, werr)
		}
		for range 2 {
			at := random.IntN(len(raw))
			sameAsStandard(t, &z, raw[:at])
			damaged := bytes.Clone(raw)
			damaged[at] ^= 1 << random.IntN(8)
			sameAsStandard(t, &z, damaged)
		}
	}
}

// BenchmarkReader compares the speed with that of another library.
func BenchmarkReader(b *testing.B) {
	for _, name := range []string{"words", "both"} {
		content := contents()[name]
		raw := gzipped(b, 6, content)
		for who, z := range map[string]interface {
			io.Reader
			Reset(r io.Reader) error
		}{"ours": new(inflate.Reader), "klauspost": new(fast.Reader)} {
			b.Run(fmt.Sprintf("%s/%s", name, who), func(b *testing.B) {
				b.SetBytes(int64(len(content)))
				for b.Loop() {
					if err := z.Reset(bytes.NewReader(raw)); err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, struct{ io.Reader }{z}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

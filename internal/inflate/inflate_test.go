package inflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	fast "github.com/klauspost/compress/flate"

	"github.com/pyimg/pyimg/internal/inflate"
)

// contents are texts of all sorts: short and long distances, incompressible bytes, zeros.
func contents() map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 150_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	var words, skewed strings.Builder
	for words.Len() < 200_000 {
		fmt.Fprintf(&words, "%x words that are not all alike\n", random.Uint32()>>random.IntN(28))
	}
	for skewed.Len() < 100_000 { // few letters are frequent, so codes are long
		skewed.WriteByte(byte(min(random.ExpFloat64()*4, 255)))
	}
	return map[string]string{
		"empty": "", "one": "x", "zeros": strings.Repeat("\x00", 400_000), "pairs": strings.Repeat("ab", 70_000), "seven": strings.Repeat("1234567", 9999),
		"words": words.String(), "noise": string(noise), "skewed": skewed.String(), "both": words.String()[:40_000] + string(noise[:70_000]) + words.String(),
	}
}

func deflate(t testing.TB, level int, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var d inflate.Decoder
	for name, content := range contents() {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, 6, flate.BestCompression} {
			raw := deflate(t, level, content)
			for how, r := range map[string]io.Reader{"whole": bytes.NewReader(raw), "bytes": iotest.OneByteReader(bytes.NewReader(raw)), "at once": iotest.DataErrReader(bytes.NewReader(raw))} {
				var out bytes.Buffer
				s, err := d.Decode(&out, r)
				if err != nil || out.String() != content {
					t.Fatalf("%s, level %d, %s: %d bytes, %v, want %d", name, level, how, out.Len(), err, len(content))
				}
				if s.End > int64(len(raw))*8 || s.End <= int64(len(raw)-1)*8 || s.Last >= s.End || raw[s.Last/8]>>(s.Last%8)&1 != 1 {
					t.Errorf("%s, level %d: the last block begins at bit %d and ends at %d of %d", name, level, s.Last, s.End, len(raw)*8)
				}
			}
			if _, err := d.Decode(io.Discard, bytes.NewReader(append(bytes.Clone(raw), 0))); !errors.Is(err, inflate.ErrTrailing) {
				t.Errorf("%s, level %d: a byte behind it is %v", name, level, err)
			}
			for _, cut := range []int{0, 1, len(raw) / 2, len(raw) - 1} {
				if _, err := d.Decode(io.Discard, bytes.NewReader(raw[:cut])); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s, level %d: cut at %d of %d it is %v", name, level, cut, len(raw), err)
				}
			}
		}
	}
}

// TestJoined holds what Stream is for: with the mark of its last block cleared, a stream can be followed by another one.
func TestJoined(t *testing.T) {
	t.Parallel()
	var d inflate.Decoder
	a, b := deflate(t, 6, "first"), deflate(t, 6, "second")
	s, err := d.Decode(io.Discard, bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	a[s.Last/8] &^= 1 << (s.Last % 8)
	if s.End+3 > int64(len(a))*8 {
		a = append(a, 0)
	}
	joined := append(append(a, 0, 0, 0xff, 0xff), b...) // an empty stored block up to the next byte
	got, err := io.ReadAll(flate.NewReader(bytes.NewReader(joined)))
	if err != nil || string(got) != "firstsecond" {
		t.Errorf("joined they are %q, %v", got, err)
	}
}

func TestErrorsArePassedOn(t *testing.T) {
	t.Parallel()
	var d inflate.Decoder
	broken := errors.New("broken")
	raw := deflate(t, 6, contents()["both"])
	if _, err := d.Decode(io.Discard, io.MultiReader(bytes.NewReader(raw[:1000]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("an error of the reader comes as %v", err)
	}
	_, w := io.Pipe()
	_ = w.CloseWithError(broken)
	r, w := io.Pipe()
	_ = r.CloseWithError(broken)
	if _, err := d.Decode(w, bytes.NewReader(raw)); !errors.Is(err, broken) {
		t.Errorf("an error of the writer comes as %v", err)
	}
}

// limited takes some bytes and no more.
type limited struct {
	bytes.Buffer
	most int
}

var errLimit = errors.New("too much")

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > l.most {
		return 0, errLimit
	}
	return l.Buffer.Write(b)
}

// FuzzDecode compares with the standard library: what is taken here is taken there, with the same content and end, and what is not
// taken here is taken there only where zlib is stricter, too.
func FuzzDecode(f *testing.F) {
	for _, content := range contents() {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			if raw := deflate(f, level, content[:min(len(content), 3000)]); len(raw) < 4000 {
				f.Add(raw)
			}
		}
	}
	f.Add([]byte{5, 0xe0, 0x81, 8, 0, 0, 0, 0, 0x20, 0x7f, 0xeb, 0x0b, 0, 0}) // codes that are not complete
	var d inflate.Decoder
	f.Fuzz(func(t *testing.T, raw []byte) {
		const most = 1 << 20
		out := limited{most: most}
		s, err := d.Decode(&out, bytes.NewReader(raw))
		source := bytes.NewReader(raw)
		want, werr := io.ReadAll(io.LimitReader(flate.NewReader(source), most+1))
		switch {
		case errors.Is(err, errLimit):
		case err == nil && (werr != nil || !bytes.Equal(want, out.Bytes()) || source.Len() > 0):
			t.Fatalf("it is taken, with %d bytes; the standard library has %d, %v, and %d bytes left", out.Len(), len(want), werr, source.Len())
		case err == nil && (s.End+7)/8 != int64(len(raw)):
			t.Fatalf("it ends at bit %d of %d bytes", s.End, len(raw))
		case errors.Is(err, inflate.ErrTrailing) && source.Len() == 0 && werr == nil:
			t.Fatal("bytes follow that the standard library has read")
		case errors.Is(err, io.ErrUnexpectedEOF) && werr == nil:
			t.Fatal("it is cut off, and the standard library takes it")
		}
	})
}

// BenchmarkDecode compares the speed with that of another library.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"words", "skewed", "both"} {
		content := contents()[name]
		raw := deflate(b, 6, content)
		b.Run(name+"/ours", func(b *testing.B) {
			var d inflate.Decoder
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if _, err := d.Decode(io.Discard, bytes.NewReader(raw)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/klauspost", func(b *testing.B) {
			z := fast.NewReader(nil)
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if err := z.(fast.Resetter).Reset(bytes.NewReader(raw), nil); err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, z); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package splice_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/inflate"
	"github.com/pyimg/pyimg/layers/internal/splice"
)

func deflate(t testing.TB, level int, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func text(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "%x words\n", random.Uint32()>>random.IntN(30))
	}
	return b.String()[:size]
}

// gunzip reads all members with the standard library.
func gunzip(t testing.TB, raw []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("after %d bytes: %v", len(all), err)
	}
	return string(all)
}

// TestWriter writes parts of all kinds in random orders and sizes.
func TestWriter(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	w := splice.NewWriter(6)
	for round := range 60 {
		var packed bytes.Buffer
		var plain strings.Builder // what the calls pass on, and the records
		var want strings.Builder
		out := bufio.NewWriter(&packed)
		w.Reset(out)
		for range random.IntN(12) {
			content := text(random, random.IntN(1<<random.IntN(18)))
			level := random.IntN(12) - 2 // all levels, with stored blocks
			var err error
			switch random.IntN(5) {
			case 0:
				err = w.Compress(strings.NewReader(content), &plain)
			case 1:
				err = w.Copy(bytes.NewReader(deflate(t, level, content)), &plain)
			case 2:
				err = w.Join(deflate(t, level, content), &plain)
			default:
				content = "the same header \x00\x00\x00\x00\x00 with " + content[:len(content)%20] + strings.Repeat("\xff\x00", random.IntN(400))
				w.Record([]byte(content))
				plain.WriteString(content)
			}
			if err != nil {
				t.Fatal(err)
			}
			want.WriteString(content)
		}
		if err := errors.Join(w.Close(), out.Flush()); err != nil {
			t.Fatal(err)
		}
		if plain.String() != want.String() {
			t.Fatalf("round %d: other content was passed on", round)
		}
		if want.Len() > 0 && gunzip(t, packed.Bytes()) != want.String() {
			t.Fatalf("round %d: other content is read", round)
		}
	}
}

// TestRecordsAreSmall holds that a header after a small file takes few bytes.
func TestRecordsAreSmall(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	out := bufio.NewWriter(&packed)
	w := splice.NewWriter(6)
	w.Reset(out)
	streams := 0
	for i := range 100 {
		header := fmt.Appendf(nil, "usr/local/lib/python3.13/site-packages/package/module%d.py\x00000644 %06o", i, i*i*i)
		w.Record(append(header, make([]byte, 1024-len(header))...))
		raw := deflate(t, 6, text(rand.New(rand.NewPCG(1, uint64(i))), 700))
		streams += len(raw)
		if err := w.Join(raw, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), out.Flush()); err != nil {
		t.Fatal(err)
	}
	if each := (packed.Len() - streams) / 100; each > 45 {
		t.Errorf("each header takes %d bytes, want 45 at most", each)
	}
}

// FuzzJoin holds that no stream spoils what is around it.
func FuzzJoin(f *testing.F) {
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		f.Add(deflate(f, level, "a text, a text, and another one"), true)
	}
	f.Add([]byte{1, 0, 0, 0xff, 0xff}, false)
	f.Fuzz(func(t *testing.T, raw []byte, whole bool) {
		var packed bytes.Buffer
		var content strings.Builder
		out := bufio.NewWriter(&packed)
		w := splice.NewWriter(1)
		w.Reset(out)
		w.Record([]byte("before"))
		join := func(to io.Writer) error { return w.Join(raw, to) }
		if whole {
			join = func(to io.Writer) error { return w.Copy(bytes.NewReader(raw), to) }
		}
		if err := join(&limited{w: &content, most: 1 << 20}); err != nil {
			return
		}
		w.Record([]byte("behind"))
		if err := errors.Join(w.Close(), out.Flush()); err != nil {
			t.Fatal(err)
		}
		if gunzip(t, packed.Bytes()) != "before"+content.String()+"behind" {
			t.Error("other content is read")
		}
	})
}

// limited refuses more than some bytes.
type limited struct {
	w    io.Writer
	most int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.most -= len(b); l.most < 0 {
		return 0, inflate.ErrDamaged
	}
	return l.w.Write(b)
}

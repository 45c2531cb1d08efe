package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/pyimg/pyimg/layers"
)

// write returns a function for Make that writes the members, and counts how often it was called.
func write(calls *int, members ...member) func(*tar.Writer) error {
	return func(w *tar.Writer) error {
		*calls++
		for _, m := range members {
			h := m.header
			h.ModTime = time.Unix(1700000000, 0)
			if err := w.WriteHeader(&h); err != nil {
				return err
			}
			if _, err := io.WriteString(w, m.content); err != nil {
				return err
			}
		}
		return nil
	}
}

// inflated reads a stored blob back.
func inflated(t testing.TB, s *layers.Store, b layers.Blob) []byte {
	t.Helper()
	r, err := s.Open(b.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(raw)) != b.Size {
		t.Errorf("the blob has %d bytes, want %d", len(raw), b.Size)
	}
	var plain io.Reader
	if b.MediaType == layers.MediaTypeZstd {
		z, err := zstd.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		plain = z
	} else if plain, err = gzip.NewReader(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	if digest(out) != b.DiffID || int64(len(out)) != b.TarSize {
		t.Errorf("the tar is %s of %d bytes, want %s of %d", digest(out), len(out), b.DiffID, b.TarSize)
	}
	return out
}

func TestMake(t *testing.T) {
	t.Parallel()
	members := []member{dir("usr"), script("usr/x", "#!/bin/sh\n"), file("usr/y", strings.Repeat("words ", 50_000))}
	for _, o := range []layers.MakeOptions{
		{}, {Compression: "gzip", Level: 1}, {Compression: "gzip", Level: 9}, {Compression: "zstd"}, {Compression: "zstd", Level: 19},
	} {
		var calls int
		s := openStore(t)
		b, err := s.Make(t.Context(), "test v1", o, write(&calls, members...))
		if err != nil {
			t.Fatal(err)
		}
		if want := tarball(t, members...); !bytes.Equal(inflated(t, s, b), want) {
			t.Errorf("Make %+v wrote another tar", o)
		}
		if got := entries(t, s, b.Digest); len(got) != 3 || string(got[1].Kept) != "#!/bin/sh" {
			t.Errorf("Entries of %+v = %v, want what was written", o, got)
		}
		again, err := s.Make(t.Context(), "test v1", o, write(&calls, members...))
		if err != nil || again != b || calls != 1 {
			t.Errorf("Make again = %+v, %v after %d calls, want %+v after 1", again, err, calls, b)
		}
		elsewhere, err := openStore(t).Make(t.Context(), "test v1", o, write(&calls, members...))
		if err != nil || elsewhere != b {
			t.Errorf("Make elsewhere = %+v, %v, want %+v", elsewhere, err, b)
		}
	}
}

// golden is what the golden test compresses: more than the compressors take at a time.
func golden() []member {
	random := rand.New(rand.NewPCG(1, 2))
	var words strings.Builder
	for words.Len() < 3<<20 {
		fmt.Fprintf(&words, "%x words that are not all alike\n", random.Uint32())
	}
	return []member{file("words", words.String()), file("zeros", strings.Repeat("\x00", 100_000))}
}

// goldenDigests are of the layers of golden by compression.
func goldenDigests(t *testing.T, s *layers.Store, before ...member) string {
	t.Helper()
	var all strings.Builder
	for _, o := range []layers.MakeOptions{{}, {Compression: "gzip", Level: 9}, {Compression: "zstd"}, {Compression: "zstd", Level: 9}, {Compression: "zstd", Level: 19}} {
		var calls int
		if len(before) > 0 {
			if _, err := s.Make(t.Context(), "before", o, write(&calls, before...)); err != nil {
				t.Fatal(err)
			}
		}
		b, err := s.Make(t.Context(), "golden", o, write(&calls, golden()...))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %d %s\n", o.Compression, o.Level, b.Digest)
	}
	return all.String()
}

// TestMakeGolden fails where the same tar comes out as other bytes. Then versions.Compressor must be raised, and these be
// replaced.
func TestMakeGolden(t *testing.T) {
	t.Parallel()
	const want = ` 0 sha256:95d2a05d49e032685eff794888fcc31f8da3da685d86c71bc361ea87aecdbb9a
gzip 9 sha256:6fdbb52571416f1768a4247609a731558cf084bada3f1af076a8be45df12d280
zstd 0 sha256:2f68d68a9b18ba786048e0b78c8bd907a8bbfa7e05f2693150becf854187673d
zstd 9 sha256:f00b08ad0f0e8abe4e684e1ed5762e4b7e9145c28619ea00becd4994719f5af8
zstd 19 sha256:f8a0e9f73893ce7b1bc0f0b07d38de74590bc9f76cdc9ad2b81d2be2f7d6d9e9
`
	if got := goldenDigests(t, openStore(t)); got != want {
		t.Errorf("Make of the golden layer gives\n%swant\n%s", got, want)
	}
	if underRace {
		return // the other tests see to it
	}
	other := file("other", strings.Repeat("what an encoder may still know of\n", 200_000))
	if got := goldenDigests(t, openStore(t), other); got != want {
		t.Errorf("Make of the golden layer after another gives\n%swant\n%s", got, want)
	}
}

func TestMakeGoesByRecipeAndOptions(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	var calls int
	for _, recipe := range []string{"one", "two"} {
		for _, o := range []layers.MakeOptions{{}, {Level: 9}, {Compression: "zstd"}, {Level: 6}} {
			if _, err := s.Make(t.Context(), recipe, o, write(&calls, file("a", "1"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if calls != 6 { // level 6 is gzip's default
		t.Errorf("%d layers were written, want 6", calls)
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	cause := errors.New("cannot write")
	var calls int
	for name, test := range map[string]struct {
		o     layers.MakeOptions
		write func(*tar.Writer) error
		want  string
	}{
		"compression":          {layers.MakeOptions{Compression: "xz"}, nil, `"xz"`},
		"level":                {layers.MakeOptions{Level: 10}, nil, "level 10"},
		"its error":            {layers.MakeOptions{}, func(*tar.Writer) error { return cause }, cause.Error()},
		"twice":                {layers.MakeOptions{}, write(&calls, file("x", ""), file("x", "")), "twice"},
		"a way out":            {layers.MakeOptions{}, write(&calls, file("../x", ""), file("y", strings.Repeat("words", 100_000))), `"../x"`},
		"a way out at the end": {layers.MakeOptions{}, write(&calls, file("../x", "")), `"../x"`},
		"a cut member": {layers.MakeOptions{}, func(w *tar.Writer) error {
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 10})
		}, "missed writing 10 bytes"},
	} {
		folder := t.TempDir()
		_, err := openStoreIn(t, folder).Make(t.Context(), "the recipe\nand more", test.o, test.write)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `"the recipe"`) {
			t.Errorf("Make with %s: %v, want %q and the recipe in it", name, err, test.want)
		}
		if left := stored(t, folder); len(left) > 0 {
			t.Errorf("Make with %s left %q, want nothing", name, left)
		}
	}
}

func TestMakeStopsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	endless := func(w *tar.Writer) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 1 << 40}); err != nil {
			return err
		}
		cancel()
		_, err := io.Copy(w, zeros{})
		return err
	}
	if _, err := openStore(t).Make(ctx, "endless", layers.MakeOptions{}, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("Make: %v, want context.Canceled", err)
	}
}

func TestMakeAfterItsBlobIsGone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openStoreIn(t, folder)
	var calls int
	var last layers.Blob
	for range 2 {
		b, err := s.Make(t.Context(), "recipe", layers.MakeOptions{}, write(&calls, file("a", "1")))
		if err != nil || calls > 1 && b != last {
			t.Errorf("Make = %+v, %v, want %+v", b, err, last)
		}
		last = b
		flip(t, blobFile(folder, b.Digest), -1)
		r, err := s.Open(b.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err == nil {
			t.Error("damage went unnoticed")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if calls != 2 {
		t.Errorf("the layer was written %d times, want twice", calls)
	}
}

package layers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

func TestIngestWhileReadingReadsAndStoresInOnePass(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("a", "content"))
	for _, src := range []layers.Source{known(source("a", raw), digest(raw)), closed(t, digest(raw))} {
		r, err := s.IngestWhileReading(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("read %d bytes, %v; want those of the source", len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if b, err := s.Blob(digest(raw)); err != nil || b.Size != int64(len(raw)) {
			t.Errorf("Blob: %+v, %v: not stored", b, err)
		}
	}
}

func TestIngestWhileReadingEndsBadlyForOtherBytes(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("a", "content"))
	want := digest([]byte("something else"))
	for name, bad := range map[string][]byte{"other": raw, "truncated": raw[:len(raw)/2], "no archive": []byte("text")} {
		r, err := s.IngestWhileReading(t.Context(), known(source(name, bad), want))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err == nil {
			t.Errorf("%s: the reader ends well", name)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.Blob(want); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Blob: %v, want fs.ErrNotExist", name, err)
		}
	}
}

func TestIngestWhileReadingClosedEarlyStoresTheRest(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("a", string(bytes.Repeat([]byte("content "), 1<<16))))
	r, err := s.IngestWhileReading(t.Context(), known(source("a", raw), digest(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, 10); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := s.IngestWhileReading(t.Context(), closed(t, digest(raw))) // waits for the rest
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, err := io.ReadAll(again); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("read %d bytes, %v; want those of the source", len(got), err)
	}
}

func TestIngestWhileReadingPassesOnTheSourcesError(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("a", "content"))
	broken := errors.New("the line is dead")
	src := layers.Source{Name: "a", Digest: digest(raw), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(raw[:20]), errorReader{broken})), nil
	}}
	r, err := s.IngestWhileReading(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, broken) {
		t.Errorf("reading: %v, want %v", err, broken)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// TestIngestWhileReadingOpensASourceOnce lets many read one blob at once.
func TestIngestWhileReadingOpensASourceOnce(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("a", "content"))
	var mu sync.Mutex
	opened := 0
	src := known(source("a", raw), digest(raw))
	open := src.Open
	src.Open = func(ctx context.Context) (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		opened++
		return open(ctx)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := s.IngestWhileReading(t.Context(), src)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				t.Error(err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if opened != 1 {
		t.Errorf("the source was opened %d times", opened)
	}
}

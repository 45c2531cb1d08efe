package layers_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pyimg/pyimg/layers"
)

func TestOpenStoreIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openStoreIn(t, dir)
	if err := os.Chmod(filepath.Join(dir, "v1"), 0o777); err != nil {
		t.Fatal(err)
	}
	openStoreIn(t, dir)
	info, err := os.Stat(filepath.Join(dir, "v1"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the store's mode is %v, %v, want 0700", info.Mode(), err)
	}
}

func TestOpenStoreSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", blocked, "/proc/self/nothing"} {
		_, err := layers.OpenStore(dir)
		if err == nil || !strings.Contains(err.Error(), "--cache-dir") || !strings.Contains(err.Error(), dir) {
			t.Errorf("OpenStore(%q): %v, want an error that names the folder and --cache-dir", dir, err)
		}
	}
}

func TestOpenStoreRemovesStaleTemporaryFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openStoreIn(t, dir)
	old, recent := filepath.Join(dir, "v1/tmp/old"), filepath.Join(dir, "v1/tmp/recent")
	for _, name := range []string{old, recent} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-100*time.Hour)); err != nil {
		t.Fatal(err)
	}
	openStoreIn(t, dir)
	if got := stored(t, dir); len(got) != 1 || got[0] != "v1/tmp/recent" {
		t.Errorf("left are %q, want the recent file alone", got)
	}
}

func TestIngestIsDoneOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStoreIn(t, dir)
	plain := tarball(t, file("etc/motd", "hello"))
	raw := gz(t, plain)
	want := layers.Blob{
		Digest: digest(raw), DiffID: digest(plain), MediaType: layers.MediaTypeGzip,
		Size: int64(len(raw)), TarSize: int64(len(plain)),
	}
	if got := ingest(t, s, raw); got != want {
		t.Errorf("Ingest = %+v, want %+v", got, want)
	}
	for _, again := range []*layers.Store{s, openStoreIn(t, dir)} {
		if got, err := again.Ingest(t.Context(), closed(t, want.Digest)); err != nil || got != want {
			t.Errorf("Ingest of what is stored = %+v, %v, want %+v", got, err, want)
		}
		if got, err := again.Blob(want.Digest); err != nil || got != want {
			t.Errorf("Blob = %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestIngestOfOtherBytesKeepsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStoreIn(t, dir)
	raw, want := gzTar(t, file("a", "1")), digest([]byte("something else"))
	_, err := s.Ingest(t.Context(), known(source("http://mirror/a.apk", raw), want))
	var mismatch *layers.DigestError
	if !errors.As(err, &mismatch) {
		t.Fatalf("Ingest: %v, want a DigestError", err)
	}
	for _, part := range []string{"http://mirror/a.apk", want, digest(raw)} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not name %q", err, part)
		}
	}
	if left := stored(t, dir); len(left) > 0 {
		t.Errorf("left are %q, want nothing", left)
	}
}

// TestIngestOfDamagedBytesIsADigestError: that bytes are not what was asked for explains
// more than what is wrong with them.
func TestIngestOfDamagedBytesIsADigestError(t *testing.T) {
	t.Parallel()
	raw := gzTar(t, file("a", strings.Repeat("words ", 1000)))
	damaged := append([]byte{}, raw...)
	damaged[len(damaged)-6] ^= 1
	for what, got := range map[string][]byte{"damaged": damaged, "cut": raw[:60]} {
		var mismatch *layers.DigestError
		_, err := openStore(t).Ingest(t.Context(), known(source("x", got), digest(raw)))
		if !errors.As(err, &mismatch) || mismatch.Got != digest(got) {
			t.Errorf("Ingest of %s bytes: %v, want a DigestError that names %s", what, err, digest(got))
		}
	}
}

func TestUnknownDigest(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	absent := digest(nil)
	if _, err := s.Blob(absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Blob: %v, want fs.ErrNotExist", err)
	}
	if _, err := s.Open(absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v, want fs.ErrNotExist", err)
	}
	for _, bad := range []string{"", "sha256:../../etc/passwd", "md5:00", strings.ToUpper(absent), absent[:20]} {
		if _, err := s.Blob(bad); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Blob(%q): %v, want an error about the digest", bad, err)
		}
		if _, err := s.Open(bad); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%q): %v, want an error about the digest", bad, err)
		}
	}
}

// blobFile and factsFile are where a store keeps a blob and what is known of it.
func blobFile(dir, digest string) string  { return filepath.Join(dir, "v1/blobs", digest[7:]) }
func factsFile(dir, digest string) string { return filepath.Join(dir, "v1/facts", digest[7:]) }

// flip changes one byte of a file.
func flip(t *testing.T, name string, at int) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[(at+len(raw))%len(raw)] ^= 0x40
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedFactsAreMadeAgain(t *testing.T) {
	t.Parallel()
	raw := gzTar(t, script("usr/bin/x", "#!/bin/sh\n"), dir("usr"))
	for name, damage := range map[string]func(t *testing.T, file string){
		"flipped":       func(t *testing.T, file string) { flip(t, file, -3) },
		"other version": func(t *testing.T, file string) { flip(t, file, 7) },
		"removed":       func(t *testing.T, file string) { _ = os.Remove(file) },
		"truncated":     func(t *testing.T, file string) { _ = os.Truncate(file, 90) },
		"empty":         func(t *testing.T, file string) { _ = os.Truncate(file, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := openStoreIn(t, dir)
			want := ingest(t, s, raw)
			damage(t, factsFile(dir, want.Digest))
			if got, err := s.Ingest(t.Context(), closed(t, want.Digest)); err != nil || got != want {
				t.Errorf("Ingest = %+v, %v, want %+v", got, err, want)
			}
			damage(t, factsFile(dir, want.Digest))
			if got := entries(t, s, want.Digest); len(got) != 2 || string(got[0].Kept) != "#!/bin/sh" {
				t.Errorf("Entries = %+v, want both", got)
			}
		})
	}
}

func TestDamagedBlobIsFetchedAgain(t *testing.T) {
	t.Parallel()
	raw := gzTar(t, file("a", strings.Repeat("words ", 1000)))
	for name, damage := range map[string]func(t *testing.T, dir string){
		"read before": func(t *testing.T, dir string) {
			flip(t, blobFile(dir, digest(raw)), -9)
			_, err := openStoreIn(t, dir).Open(digest(raw))
			var lost *layers.LostError
			if !errors.As(err, &lost) || !errors.Is(err, fs.ErrNotExist) || lost.Digest != digest(raw) {
				t.Errorf("Open: %v, want a LostError before any byte is read", err)
			}
			if !strings.Contains(err.Error(), blobFile(dir, digest(raw))) || !strings.Contains(err.Error(), "again") {
				t.Errorf("Open: %v, want an error that names the file and what to do", err)
			}
		},
		"truncated": func(t *testing.T, dir string) { _ = os.Truncate(blobFile(dir, digest(raw)), 30) },
		"removed":   func(t *testing.T, dir string) { _ = os.Remove(blobFile(dir, digest(raw))) },
		"with its facts": func(t *testing.T, dir string) {
			flip(t, blobFile(dir, digest(raw)), -9)
			flip(t, factsFile(dir, digest(raw)), -9)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := openStoreIn(t, dir)
			want := ingest(t, s, raw)
			damage(t, dir)
			if _, err := s.Blob(want.Digest); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Blob: %v, want fs.ErrNotExist", err)
			}
			if got, err := s.Ingest(t.Context(), known(source("x", raw), want.Digest)); err != nil || got != want {
				t.Errorf("Ingest = %+v, %v, want %+v", got, err, want)
			}
			r, err := s.Open(want.Digest)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || digest(got) != want.Digest {
				t.Errorf("reading what was fetched again: %v", err)
			}
		})
	}
}

func TestIngestOpensOnceAtATime(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("a", strings.Repeat("words ", 100_000)))
	var opened atomic.Int32
	src := layers.Source{Name: "x", Digest: digest(raw), Open: func(ctx context.Context) (io.ReadCloser, error) {
		opened.Add(1)
		return source("x", raw).Open(ctx)
	}}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := s.Ingest(t.Context(), src); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := opened.Load(); n != 1 {
		t.Errorf("the source was opened %d times, want once", n)
	}
}

func TestWaitingForAnotherIngestEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("a", "1"))
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := layers.Source{Name: "slow", Digest: digest(raw), Open: func(ctx context.Context) (io.ReadCloser, error) {
		close(entered)
		<-leave
		return source("slow", raw).Open(ctx)
	}}
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := s.Ingest(t.Context(), slow); err != nil {
			t.Error(err)
		}
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Ingest(ctx, closed(t, digest(raw))); !errors.Is(err, context.Canceled) {
		t.Errorf("Ingest: %v, want context.Canceled", err)
	}
	close(leave)
	group.Wait()
}

// TestStoresShareAFolder has stores write, damage and read the same blobs at once: what is read is always whole.
func TestStoresShareAFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	raw := gzTar(t, script("a", "#!/bin/sh\n"), file("b", strings.Repeat("words ", 20_000)))
	var group sync.WaitGroup
	for range 2 {
		s := openStoreIn(t, folder)
		for range 8 {
			group.Go(func() {
				for range 10 {
					b, err := s.Ingest(t.Context(), source("x", raw)) // of unknown digest: always written
					if err != nil {
						t.Error(err)
						return
					}
					if n := len(entries(t, s, b.Digest)); n != 2 {
						t.Errorf("%d entries, want 2", n)
					}
					r, err := s.Open(b.Digest)
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
				}
			})
		}
	}
	group.Wait()
	if got := stored(t, folder); len(got) != 2 {
		t.Errorf("left are %q, want a blob and its facts", got)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStoreIn(t, dir)
	if _, err := s.Record("key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Record of nothing: %v, want fs.ErrNotExist", err)
	}
	for _, want := range []string{"first", "", "second"} {
		if err := s.SetRecord("key", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := openStoreIn(t, dir).Record("key"); err != nil || string(got) != want {
			t.Errorf("Record = %q, %v, want %q", got, err, want)
		}
	}
	if _, err := s.Record("other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Record of another key: %v, want fs.ErrNotExist", err)
	}
	flip(t, filepath.Join(dir, stored(t, dir)[0]), -1)
	if _, err := s.Record("key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Record of damaged bytes: %v, want fs.ErrNotExist", err)
	}
}

func TestLendRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStoreIn(t, dir)
	lend := func(key, want string) (data []byte, giveBack func()) {
		t.Helper()
		data, giveBack, err := s.LendRecord(key)
		if err != nil || string(data) != want {
			t.Fatalf("LendRecord(%q) = %q, %v, want %q", key, data, err, want)
		}
		return data, giveBack
	}
	texts := map[string]string{"a": strings.Repeat("a", 1000), "b": strings.Repeat("b", 1010), "c": "c", "d": strings.Repeat("d", 5000)}
	for key, text := range texts {
		if err := s.SetRecord(key, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	kept, _ := lend("b", texts["b"])
	for range 3 {
		for key, text := range texts {
			_, giveBack := lend(key, text)
			giveBack()
		}
	}
	if string(kept) != texts["b"] {
		t.Errorf("what was not given back is %q now", kept)
	}
	again := false
	for range 100 { // the garbage collector may come in between
		a, giveBack := lend("a", texts["a"])
		giveBack()
		lend("b", texts["b"])
		again = again || string(a) != texts["a"]
	}
	if !again {
		t.Error("what was given back was never used again")
	}
	for _, name := range stored(t, dir) {
		flip(t, filepath.Join(dir, name), -1)
	}
	for key := range texts {
		if _, _, err := s.LendRecord(key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("LendRecord of damaged bytes: %v, want fs.ErrNotExist", err)
		}
	}
}

package layers_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyimg/pyimg/layers"
)

// ago sets the time of the use of all that a store holds.
func ago(t *testing.T, folder string, age time.Duration) {
	t.Helper()
	for _, name := range stored(t, folder) {
		if filepath.Dir(name) == "v1/tmp" {
			continue // nobody makes old what is being written
		}
		used := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(folder, name), used, used); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func prune(t *testing.T, s *layers.Store, o layers.PruneOptions) layers.Pruned {
	t.Helper()
	pruned, err := s.Prune(o)
	if err != nil {
		t.Fatal(err)
	}
	return pruned
}

func holds(t *testing.T, folder, digest string) bool {
	t.Helper()
	s := openStoreIn(t, folder)
	defer closeStore(t, s)
	_, err := s.Blob(digest)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func closeStore(t testing.TB, s *layers.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// fill stores layers that were last used so many hours ago, and closes the store.
func fill(t *testing.T, folder string, hours ...int) (digests []string) {
	t.Helper()
	for _, h := range hours {
		s := openStoreIn(t, folder)
		b := ingest(t, s, gzTar(t, file(fmt.Sprint("used", h), strings.Repeat("x", 100))))
		digests = append(digests, b.Digest)
		closeStore(t, s)
		used := time.Now().Add(-time.Duration(h) * time.Hour)
		for _, name := range []string{blobFile(folder, b.Digest), factsFile(folder, b.Digest)} {
			if err := os.Chtimes(name, used, used); err != nil {
				t.Fatal(err)
			}
		}
	}
	return digests
}

func size(n int64) *int64 { return &n }

func TestPruneBounds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		bounds func(total int64) layers.PruneOptions
		left   []bool
	}{
		"none": {func(int64) layers.PruneOptions { return layers.PruneOptions{} }, []bool{true, true, true}},
		"age": {func(int64) layers.PruneOptions {
			return layers.PruneOptions{UsedBefore: time.Now().Add(-25 * time.Hour)}
		}, []bool{true, false, true}},
		"size": {func(total int64) layers.PruneOptions { return layers.PruneOptions{MaxBytes: size(total / 2)} }, []bool{true, false, false}},
		"all":  {func(int64) layers.PruneOptions { return layers.PruneOptions{MaxBytes: size(0)} }, []bool{false, false, false}},
		"room": {func(total int64) layers.PruneOptions { return layers.PruneOptions{MaxBytes: size(total)} }, []bool{true, true, true}},
		"dry":  {func(int64) layers.PruneOptions { return layers.PruneOptions{MaxBytes: size(0), DryRun: true} }, []bool{true, true, true}},
		"age wins": {func(int64) layers.PruneOptions {
			return layers.PruneOptions{MaxBytes: size(1 << 40), UsedBefore: time.Now()}
		}, []bool{false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			digests := fill(t, folder, 1, 30, 20)
			s := openStoreIn(t, folder)
			defer closeStore(t, s)
			before, err := s.Stat()
			if err != nil {
				t.Fatal(err)
			}
			o := test.bounds(before.Total().Bytes)
			pruned := prune(t, s, o)
			for i, digest := range digests {
				if got := holds(t, folder, digest); got != test.left[i] {
					t.Errorf("layer %d is left: %v, want %v", i, got, test.left[i])
				}
			}
			if sum := pruned.Removed.Total().Bytes + pruned.Left.Total().Bytes; sum != before.Total().Bytes {
				t.Errorf("removed and left are %d bytes, want the %d that there were", sum, before.Total().Bytes)
			}
			after, err := s.Stat()
			if want := pruned.Left; !o.DryRun && (err != nil || after.Contents != want) {
				t.Errorf("the store holds %+v, %v, want what is told to be left: %+v", after.Contents, err, want)
			}
		})
	}
}

func TestPruneSparesWhatARunReliesOn(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	used, idle := fill(t, folder, 30)[0], fill(t, folder, 29)[0]
	run := openStoreIn(t, folder)
	if _, err := run.Blob(used); err != nil {
		t.Fatal(err)
	}
	made, err := run.Make(t.Context(), "recipe", layers.MakeOptions{}, func(w *tar.Writer) error {
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "a/", Mode: 0o755})
	})
	if err != nil {
		t.Fatal(err)
	}
	other := openStoreIn(t, folder)
	defer closeStore(t, other)
	pruned := prune(t, other, layers.PruneOptions{MaxBytes: size(0)})
	if pruned.Removed.Blobs.Files != 1 || pruned.Spared.Blobs.Files != 2 {
		t.Errorf("removed are %+v and spared %+v, want one blob and two", pruned.Removed, pruned.Spared)
	}
	if _, err := run.Blob(idle); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Blob of what no run uses: %v, want fs.ErrNotExist", err)
	}
	for _, digest := range []string{used, made.Digest} {
		r, err := run.Open(digest)
		if err != nil {
			t.Fatalf("Open of what the run relies on: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	closeStore(t, run)
	if left := prune(t, other, layers.PruneOptions{MaxBytes: size(0)}).Left.Total(); left.Files != 0 {
		t.Errorf("left after the run are %+v, want nothing", left)
	}
}

func TestPruneTakesRecordsOfGoneLayers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openStoreIn(t, folder)
	made, err := s.Make(t.Context(), "recipe", layers.MakeOptions{}, func(w *tar.Writer) error {
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "a/", Mode: 0o755})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetRecord("text", []byte("names no layer")); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	for _, name := range []string{blobFile(folder, made.Digest), factsFile(folder, made.Digest)} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	s = openStoreIn(t, folder)
	defer closeStore(t, s)
	if pruned := prune(t, s, layers.PruneOptions{}); pruned.Removed.Records.Files != 1 || pruned.Left.Records.Files != 1 {
		t.Errorf("removed are %+v, left %+v, want the record of the layer and the other one", pruned.Removed, pruned.Left)
	}
}

func TestPruneTakesLeftovers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openStoreIn(t, folder)
	defer closeStore(t, s)
	for name, age := range map[string]time.Duration{"left": 3 * time.Hour, "being-written": 0} {
		name = filepath.Join(folder, "v1/tmp", name)
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	prune(t, s, layers.PruneOptions{})
	if got := stored(t, folder); len(got) != 1 || filepath.Base(got[0]) != "being-written" {
		t.Errorf("left are %q, want what is being written alone", got)
	}
}

func TestUseIsNoted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	digest := fill(t, folder, 0)[0]
	s := openStoreIn(t, folder)
	if err := s.SetRecord("key", nil); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	ago(t, folder, 100*time.Hour)
	s = openStoreIn(t, folder)
	defer closeStore(t, s)
	if _, err := s.Record("key"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Blob(digest); err != nil {
		t.Fatal(err)
	}
	stat, err := s.Stat()
	if err != nil || time.Since(stat.Oldest) > time.Hour {
		t.Errorf("the oldest use was at %v, %v, want now", stat.Oldest, err)
	}
}

func TestStatCountsRuns(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, other := openStoreIn(t, folder), openStoreIn(t, folder)
	defer closeStore(t, s)
	// What a killed run leaves: a lease that nobody holds.
	if err := os.WriteFile(filepath.Join(folder, "v1/running/killed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		stat, err := s.Stat()
		if err != nil || stat.Runs != want || !stat.Oldest.IsZero() {
			t.Errorf("Stat = %+v, %v, want %d runs and no use", stat, err, want)
		}
		if want == 1 {
			closeStore(t, other)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(folder, "v1/running/*")); len(names) != 1 {
		t.Errorf("leases are %q, want the store's own", names)
	}
}

// TestPruneNeverBreaksARun has runs come and go on a folder in which all is old and one prunes all the time.
func TestPruneNeverBreaksARun(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	raw := [][]byte{gzTar(t, file("a", "1")), gzTar(t, file("b", strings.Repeat("words ", 5000)))}
	var runs, pruner sync.WaitGroup
	stop := make(chan struct{})
	pruner.Go(func() {
		s := openStoreIn(t, folder)
		defer closeStore(t, s)
		for {
			select {
			case <-stop:
				return
			default:
				ago(t, folder, 100*time.Hour) // what runs use is new again, or is gone
				prune(t, s, layers.PruneOptions{UsedBefore: time.Now().Add(-50 * time.Hour)})
			}
		}
	})
	for range 4 {
		runs.Go(func() {
			for range 15 {
				runOnce(t, folder, raw)
			}
		})
	}
	runs.Wait()
	close(stop)
	pruner.Wait()
}

// runOnce stores layers or finds them, and reads them.
func runOnce(t *testing.T, folder string, raw [][]byte) {
	t.Helper()
	s := openStoreIn(t, folder)
	defer closeStore(t, s)
	for _, b := range raw {
		if _, err := s.Ingest(t.Context(), known(source("x", b), digest(b))); err != nil {
			t.Errorf("Ingest: %v", err)
		}
		r, err := s.Open(digest(b))
		if err != nil {
			continue // the test itself made old what was in use
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("reading: %v", err)
		}
		_ = r.Close()
	}
}

package layers_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

func filled(calls *atomic.Int32) func(string) (int64, error) {
	return func(dir string) (int64, error) {
		calls.Add(1)
		return 5, os.WriteFile(filepath.Join(dir, "file"), []byte("hello"), 0o600)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStoreIn(t, dir)
	var calls atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			at, err := s.Folder(t.Context(), "key", filled(&calls))
			if err != nil {
				t.Error(err)
				return
			}
			if text, err := os.ReadFile(filepath.Join(at, "file")); err != nil || string(text) != "hello" {
				t.Errorf("the folder holds %q, %v", text, err)
			}
		})
	}
	all.Wait()
	if calls.Load() != 1 {
		t.Errorf("the folder was filled %d times", calls.Load())
	}
	if _, err := s.Folder(t.Context(), "other", func(string) (int64, error) { return 0, errors.New("no room") }); err == nil {
		t.Error("a folder that could not be filled is there")
	}
	if stat, err := s.Stat(); err != nil || stat.Folders != (layers.Amount{Files: 1, Bytes: 5}) || stat.Temporary.Files != 0 {
		t.Errorf("Stat = %+v, %v", stat, err)
	}
}

func TestPruneTakesFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var calls atomic.Int32
	s := openStoreIn(t, dir)
	at, err := s.Folder(t.Context(), "key", filled(&calls))
	if err != nil {
		t.Fatal(err)
	}
	none := int64(0)
	if p, err := s.Prune(layers.PruneOptions{MaxBytes: &none}); err != nil || p.Spared.Folders.Files != 1 {
		t.Errorf("Prune of a folder in use = %+v, %v", p, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStoreIn(t, dir)
	if p, err := s.Prune(layers.PruneOptions{MaxBytes: &none}); err != nil || p.Removed.Folders.Files != 1 {
		t.Errorf("Prune = %+v, %v", p, err)
	}
	if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// TestPruneTakesAbandonedFolders leaves folders as a killed process does: its lease is gone, or is there and unlocked.
func TestPruneTakesAbandonedFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStoreIn(t, dir)
	started, end := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := s.Folder(t.Context(), "slow", func(string) (int64, error) {
			close(started)
			<-end
			return 0, nil
		})
		done <- err
	}()
	<-started
	left := filepath.Join(dir, "v1", "folders", "new-12345-1", "tree")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	other := openStoreIn(t, dir)
	p, err := other.Prune(layers.PruneOptions{})
	if err != nil || p.Removed.Folders.Files != 1 {
		t.Errorf("Prune = %+v, %v, want one folder removed: the other one is being filled", p, err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed process left is still there")
	}
	close(end)
	if err := <-done; err != nil {
		t.Errorf("a folder that was being filled while pruning: %v", err)
	}
}

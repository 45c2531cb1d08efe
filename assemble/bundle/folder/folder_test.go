package folder_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// put makes the folder a bundle of these texts, by path.
func put(ctx context.Context, dir string, texts map[string]string) (manifest.Manifest, error) {
	var files []manifest.File
	for path, text := range texts {
		files = append(files, manifest.TextFile(path, manifest.Spec, []byte(text)))
	}
	list, err := manifest.NewList(slices.Values(files))
	if err != nil {
		return manifest.Manifest{}, err
	}
	m, err := manifest.New([]string{"linux/amd64"}, list)
	if err != nil {
		return m, err
	}
	w, err := folder.Enter(dir)
	if err != nil {
		return m, err
	}
	defer w.Leave()
	err = w.Note(func(yield func(string) bool) {
		for path := range texts {
			if !yield(path) {
				return
			}
		}
	})
	if err != nil {
		return m, err
	}
	for path, text := range texts {
		if err := folder.Replace(folder.Below(dir, folder.WorkDir), w.Part(path), strings.NewReader(text)); err != nil {
			return m, err
		}
		if err := w.Place(path); err != nil {
			return m, err
		}
	}
	return m, w.Settle(ctx, m)
}

// Files come together in a work folder and get their places one by one; the manifest, which makes the folder a bundle, comes
// last.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	m, err := put(context.Background(), filepath.Join(dir, "b"), map[string]string{"app.yaml": "packages: [musl]\n"})
	if err != nil {
		log.Fatal(err)
	}
	there, err := folder.Check(filepath.Join(dir, "b"))
	fmt.Println(there.ID == m.ID, err)
	// Output: true <nil>
}

// TestNextBundleTakesThePlace has a second bundle in the same folder: what it does not have is gone, and nothing else.
func TestNextBundleTakesThePlace(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b")
	for _, texts := range []map[string]string{{"a.yaml": "1", "b.yaml": "2"}, {"b.yaml": "3", "c.yaml": "4"}} {
		if _, err := put(t.Context(), dir, texts); err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range texts {
			if got, err := b.Read(t.Context(), path); err != nil || string(got) != text {
				t.Errorf("%s is %q, %v, want %q", path, got, err, text)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if folder.Exists(filepath.Join(dir, "a.yaml")) {
		t.Error("a.yaml, which the second bundle does not have, is still there")
	}
}

// TestOneRunAtATime: a second run waits until the first has left the folder.
func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b")
	w, err := folder.Enter(dir)
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan error, 1)
	go func() {
		other, err := folder.Enter(dir)
		if err == nil {
			other.Leave()
		}
		entered <- err
	}()
	select {
	case err := <-entered:
		t.Fatalf("two runs are in one folder: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	w.Leave()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	if folder.Exists(dir) {
		t.Error("the folder stays, though no run put anything there")
	}
}

// TestFoldersOfOthersAreRefused: a folder that holds something else stays as it is.
func TestFoldersOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t.Context(), dir, map[string]string{"a.yaml": "1"}); err == nil || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("a folder with a letter: %v, want an error that names it", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "letter.txt")); err != nil || string(text) != "dear" {
		t.Errorf("the letter is %q, %v", text, err)
	}
}

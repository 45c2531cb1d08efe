package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/internal/atomicfile"
)

func put(text string, err error) func(*os.File) error {
	return func(f *os.File) error {
		_, writeErr := f.WriteString(text)
		return errors.Join(err, writeErr)
	}
}

// content returns the content of a folder's only file.
func content(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the folder holds %v, %v, want one file", entries, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, entries[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriteReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	for _, text := range []string{"first", "second"} {
		if err := atomicfile.Write(dir, name, put(text, nil)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, dir); got != text {
			t.Errorf("it holds %q, want %q", got, text)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o644 {
		t.Errorf("its mode is %v, %v, want one that all may read", info.Mode(), err)
	}
}

func TestWriteThatFailsLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := atomicfile.Write(dir, name, put("first", nil)); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := atomicfile.Write(dir, name, put("second", broken)); !errors.Is(err, broken) {
		t.Errorf("Write = %v, want the error of what writes", err)
	}
	if got := content(t, dir); got != "first" {
		t.Errorf("it holds %q, want what was there", got)
	}
}

func TestWriteWithoutAPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.Mkdir(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(dir, taken, put("x", nil)); err == nil {
		t.Error("a folder was replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want the folder in it alone", entries, err)
	}
}

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

// TestWriteAll writes two files. Where the second name is a folder, the first file alone is new; no temporary file stays.
func TestWriteAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if n, err := atomicfile.WriteAll(dir, atomicfile.File{Name: "a", Data: []byte("1")}, atomicfile.File{Name: "b", Data: []byte("2")}); n != 2 || err != nil {
		t.Fatalf("WriteAll = %d, %v, want two files", n, err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "b")), os.Mkdir(filepath.Join(dir, "b"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		files []atomicfile.File
		n     int
		a     string
	}{
		{[]atomicfile.File{{Name: "b", Data: []byte("3")}, {Name: "a", Data: []byte("3")}}, 0, "1"},
		{[]atomicfile.File{{Name: "a", Data: []byte("4")}, {Name: "b", Data: []byte("4")}}, 1, "4"},
	} {
		if n, err := atomicfile.WriteAll(dir, tt.files...); n != tt.n || err == nil {
			t.Errorf("WriteAll(%q) = %d, %v, want %d and an error", tt.files, n, err, tt.n)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(got) != tt.a {
			t.Errorf("after %q the file holds %q, %v, want %q", tt.files, got, err, tt.a)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
			t.Errorf("the folder holds %v, %v, want the two names alone", entries, err)
		}
	}
}

//go:build unix

package regular_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/internal/regular"
)

func fifo(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(fifo(t), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fifo(t), link, os.DevNull, t.TempDir()} {
		f, err := regular.Open(name)
		if !errors.Is(err, regular.ErrKind) {
			t.Errorf("Open(%q) = %v, %v, want ErrKind", name, f, err)
		}
	}
	if _, err := regular.Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing = %v, want fs.ErrNotExist", err)
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := regular.Read(name, 5); string(b) != "12345" || err != nil {
		t.Errorf("Read = %q, %v, want the whole file", b, err)
	}
	if _, err := regular.Read(name, 4); !errors.Is(err, regular.ErrTooLarge) {
		t.Errorf("Read of a longer file = %v, want ErrTooLarge", err)
	}
}

func TestOpenStreamOfAPipe(t *testing.T) {
	t.Parallel()
	f, err := regular.OpenStream(fifo(t))
	if err != nil {
		t.Fatalf("OpenStream of a pipe = %v", err)
	}
	defer f.Close()
	if n, err := f.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a pipe that nobody writes to gave %d bytes, %v, want its end", n, err)
	}
	if _, err := regular.OpenStream(t.TempDir()); !errors.Is(err, regular.ErrKind) {
		t.Errorf("OpenStream of a folder = %v, want ErrKind", err)
	}
}

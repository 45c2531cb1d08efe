//go:build unix

package atomicfile_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/internal/atomicfile"
)

// TestReplaceWritesIntoPipes writes into a FIFO, directly and through a link.
func TestReplaceWritesIntoPipes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, link} {
		got := make(chan string)
		go func() {
			b, err := os.ReadFile(pipe)
			got <- fmt.Sprint(string(b), err)
		}()
		if err := atomicfile.Replace(name, text(name)); err != nil {
			t.Fatal(err)
		}
		if got := <-got; got != name+"<nil>" {
			t.Errorf("the reader got %q, want %q", got, name)
		}
		if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
			t.Errorf("the pipe is %v, %v by now", info, err)
		}
	}
}

// TestReplaceWritesToDescriptors appends to an open file by its descriptor. The program that opened the file keeps it.
func TestReplaceWritesToDescriptors(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("before, "); err != nil {
		t.Fatal(err)
	}
	before, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Replace(fmt.Sprintf("/dev/fd/%d", f.Fd()), text("after")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(name)
	if err != nil || !os.SameFile(before, after) || read(t, name) != "before, after" {
		t.Errorf("the file holds %q (%v), want both, in the same file", read(t, name), err)
	}
}

// TestDevicesAreNotReplaced calls only Target: as root, a failing Replace would delete the device.
func TestDevicesAreNotReplaced(t *testing.T) {
	t.Parallel()
	for _, name := range []string{os.DevNull, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/2", "/proc/1/fd/0"} {
		if _, special, err := atomicfile.Target(name); !special || err != nil {
			t.Errorf("Target(%q) = %t, %v, want what is written to", name, special, err)
		}
	}
}

//go:build unix

package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// The tests in this file run parts of themselves in a process of their own, which this variable tells from the others.
const childFolder = "PYIMG_TEST_CHILD_FOLDER"

// child returns a command that runs the test of this name again, with folder for its store.
func child(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childFolder+"="+folder)
	return cmd
}

// incompressible is a tarball of some size.
func incompressible(t *testing.T) []byte {
	t.Helper()
	var content strings.Builder
	for i := uint32(1); content.Len() < 1<<20; i = i*1664525 + 1013904223 {
		content.WriteByte(byte(i >> 24))
	}
	return gzTar(t, file("x", content.String()))
}

// TestFullDisk runs out of room: by a limit on the size of files, which needs no disk to be full.
func TestFullDisk(t *testing.T) {
	raw := incompressible(t)
	folder := os.Getenv(childFolder)
	if folder == "" {
		folder = t.TempDir()
		if out, err := child(t, folder).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		s := openStoreIn(t, folder)
		if _, err := s.Ingest(t.Context(), known(source("x", raw), digest(raw))); err != nil {
			t.Errorf("Ingest with room again: %v", err)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 300_000, Max: 300_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	s := openStoreIn(t, folder)
	_, errIngest := s.Ingest(t.Context(), source("x", raw))
	_, errMake := s.Make(t.Context(), "recipe", layers.MakeOptions{}, func(w *tar.Writer) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: int64(len(raw))}); err != nil {
			return err
		}
		_, err := w.Write(raw)
		return err
	})
	_, _, errConvert := s.Convert(t.Context(), source("x", raw), "recipe", layers.MakeOptions{}, keepAll)
	for what, err := range map[string]error{"Ingest": errIngest, "Make": errMake, "Convert": errConvert} {
		if err == nil || !strings.Contains(err.Error(), "--cache-dir") || !strings.Contains(err.Error(), folder) {
			t.Errorf("%s without room: %v, want an error that names the cache", what, err)
		}
	}
	if left := stored(t, folder); len(left) > 0 {
		t.Errorf("left are %q, want nothing", left)
	}
}

// TestMakeOnAnyNumberOfCores makes the same layers on one core and on more than there are.
func TestMakeOnAnyNumberOfCores(t *testing.T) {
	if folder := os.Getenv(childFolder); folder != "" {
		fmt.Print("<", goldenDigests(t, openStoreIn(t, folder)), ">")
		return
	}
	if underRace {
		t.Skip("it compares bytes, for which the race detector takes ten times as long")
	}
	var first string
	for _, cores := range []string{"1", "7"} {
		cmd := child(t, t.TempDir())
		cmd.Env = append(cmd.Env, "GOMAXPROCS="+cores)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_, digests, _ := strings.Cut(string(out), "<")
		digests, _, _ = strings.Cut(digests, ">")
		if first == "" {
			first = digests
		}
		if digests != first || !strings.Contains(digests, "sha256:") {
			t.Errorf("on %s cores the layers are\n%swant\n%s", cores, digests, first)
		}
	}
}

// TestKilled kills a process that has written half of a blob.
func TestKilled(t *testing.T) {
	raw := incompressible(t)
	folder := os.Getenv(childFolder)
	if folder != "" {
		half := io.MultiReader(bytes.NewReader(raw[:len(raw)/2]), stuck{})
		src := layers.Source{Name: "x", Digest: digest(raw), Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(half), nil }}
		_, err := openStoreIn(t, folder).Ingest(t.Context(), src)
		t.Error(err) // not reached
		return
	}
	folder = t.TempDir()
	cmd := child(t, folder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len(halfway))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for _, name := range stored(t, folder) {
		if filepath.Dir(name) != "v1/tmp" {
			t.Errorf("left is %q, want temporary files alone", name)
		}
	}
	s := openStoreIn(t, folder)
	if _, err := s.Blob(digest(raw)); err == nil {
		t.Error("half a blob is taken for one")
	}
	if _, err := s.Ingest(t.Context(), known(source("x", raw), digest(raw))); err != nil {
		t.Errorf("Ingest after the kill: %v", err)
	}
}

const halfway = "halfway"

// stuck reports that it is read, and then blocks.
type stuck struct{}

func (stuck) Read([]byte) (int, error) {
	fmt.Print(halfway)
	select {}
}

func TestFolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	folder := t.TempDir()
	openStoreIn(t, folder)
	if err := os.Chown(filepath.Join(folder, "v1"), 12345, 12345); err != nil {
		t.Skip(err)
	}
	if _, err := layers.OpenStore(folder); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("OpenStore: %v, want a refusal", err)
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := layers.OpenStore(folder); err == nil || !strings.Contains(err.Error(), "--cache-dir") {
		t.Errorf("OpenStore: %v, want an error that names --cache-dir", err)
	}
}

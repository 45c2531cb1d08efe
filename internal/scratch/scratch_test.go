//go:build linux

package scratch_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/scratch"
)

const childVar = "PYIMG_SCRATCH_CHILD"

// TestMain is a run that makes a folder and is killed, if a test starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		os.Exit(m.Run())
	}
	dir, _, err := scratch.Dir("test", 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600)
	}
	fmt.Println(dir, err)
	_, _ = io.Copy(io.Discard, os.Stdin) // it ends with the test at the latest
}

// started starts a run that makes a folder, and returns the folder. kill kills the run.
func started(t *testing.T) (dir string, kill func()) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childVar+"=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var failed string
	if _, err := fmt.Fscan(out, &dir, &failed); err != nil || failed != "<nil>" {
		t.Fatalf("the run made %q: %v, %s", dir, err, failed)
	}
	return dir, func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// TestFoldersOfKilledRunsGo starts two runs and kills one: the next run removes its folder and nothing else.
func TestFoldersOfKilledRunsGo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	running, end := started(t)
	defer end()
	abandoned, kill := started(t)
	other, done, err := scratch.Dir("other", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	kill()
	precious := t.TempDir()
	link, file := abandoned+"-link", abandoned+"-file"
	machine := strings.Split(filepath.Base(abandoned), "-")[3]
	elsewhere := strings.Replace(abandoned, machine, "another", 1) // of a machine that shares the folder and not its locks
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(abandoned, "inside")); err != nil {
		t.Fatal(err)
	}
	own, done, err := scratch.Dir("test", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if exists(abandoned) {
		t.Errorf("%s of a run that was killed is left", abandoned)
	}
	for _, kept := range []string{running, filepath.Join(running, "file"), other, link, file, precious, own, elsewhere} {
		if !exists(kept) {
			t.Errorf("%s was removed", kept)
		}
	}
	if done(); exists(own) {
		t.Errorf("%s is left at the end of its run", own)
	}
}

// TestFoldersOfOthersStay has a folder of another user, which this one could remove.
func TestFoldersOfOthersStay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	t.Setenv("TMPDIR", t.TempDir())
	theirs, kill := started(t)
	kill()
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	_, done, err := scratch.Dir("test", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if !exists(theirs) {
		t.Errorf("%s of another user was removed", theirs)
	}
}

// TestManyRunsAtOnce makes and removes folders in many runs: none loses its own.
func TestManyRunsAtOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	errs := make(chan error)
	const runs, rounds = 8, 50
	for range runs {
		go func() {
			for range rounds {
				dir, done, err := scratch.Dir("test", 0o700)
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
					done()
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range runs {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

package session_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
)

// set is a command line's flags, by their names.
type set map[string]string

func (s set) String(name string) string   { return s[name] }
func (s set) StringSlice(string) []string { return nil }
func (s set) Bool(name string) bool       { return s[name] != "" }
func (s set) Int(string) int              { return 0 }
func (s set) IsSet(name string) bool      { _, ok := s[name]; return ok }
func open(s set) (*session.Session, *bytes.Buffer) {
	stderr := new(bytes.Buffer)
	con := console.Console{Stdout: new(bytes.Buffer), Stderr: stderr, Getenv: func(string) string { return "" }}
	return session.New(con, s, "assemble", nil), stderr
}

// TestStoreOpensOnce asks twice for the cache, and looks whether the session has let go of it when it is closed.
func TestStoreOpensOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run, _ := open(set{"cache-dir": dir})
	first, err := run.Store()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := run.Store(); second != first || err != nil {
		t.Errorf("the second store is another one, error %v", err)
	}
	running := func() int {
		t.Helper()
		leases, err := filepath.Glob(filepath.Join(dir, "*", "running", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(leases)
	}
	if n := running(); n != 1 {
		t.Errorf("%d leases while the session is open, want 1", n)
	}
	run.Close()
	if n := running(); n != 0 {
		t.Errorf("%d leases after the session is closed, want none", n)
	}
}

// TestTemporaryStoreGoes has a session without a place for its cache, which is said once.
func TestTemporaryStoreGoes(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	run, stderr := open(set{})
	for range 2 {
		if _, err := run.Store(); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes.Count(stderr.Bytes(), []byte("using a temporary cache")); n != 1 {
		t.Errorf("the temporary cache is said %d times, want once: %s", n, stderr)
	}
	run.Close()
	if left, err := os.ReadDir(temp); len(left) > 0 || err != nil {
		t.Errorf("%v is left in the temporary folder, error %v", left, err)
	}
}

// TestBundleIsAskedForOnce has a bundle that is not there when it is asked for first, and is not looked for again.
func TestBundleIsAskedForOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "bundle")
	run, _ := open(set{"bundle": dir})
	defer run.Close()
	_, first := run.Bundle(t.Context())
	if exit.Of(first) != exit.Usage {
		t.Errorf("a bundle that is not there: %v, want wrong use", first)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, second := run.Bundle(t.Context()); second != first { //nolint:errorlint // the very same
		t.Errorf("the second time %v, want %v", second, first)
	}
}

package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/internal/atomicfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReplace(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	for _, s := range []string{"first", "second"} {
		if err := atomicfile.Replace(name, text(s)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, name); got != s {
			t.Errorf("it holds %q, want %q", got, s)
		}
	}
}

// TestReplaceKeepsLinks replaces the targets of links: absolute and relative ones, a chain, a link to a missing file,
// and a link whose ".." is relative to the folder that another link leads to.
func TestReplaceKeepsLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{"real/deep", "links"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "real", "old"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ link, to, target string }{
		{"links/absolute", filepath.Join(dir, "real", "old"), "real/old"},
		{"links/relative", "../real/old", "real/old"},
		{"links/chain", "relative", "real/old"},
		{"links/new", "../real/new", "real/new"},
		{"links/folder", "../real/deep", ""},
		{"links/folder/up", "../up", "real/up"},
	} {
		link := filepath.Join(dir, filepath.FromSlash(tt.link))
		if err := os.Symlink(tt.to, link); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		if tt.target == "" {
			continue
		}
		if err := atomicfile.Replace(link, text(tt.link)); err != nil {
			t.Errorf("%s: %v", tt.link, err)
			continue
		}
		if to, err := os.Readlink(link); err != nil || to != tt.to {
			t.Errorf("%s leads to %q, %v, want the link as it was", tt.link, to, err)
		}
		if got := read(t, filepath.Join(dir, tt.target)); got != tt.link {
			t.Errorf("%s: its target holds %q, want what was written", tt.link, got)
		}
	}
}

func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := atomicfile.Replace(dir, text("x")); err == nil {
		t.Error("a folder was replaced")
	}
	round := filepath.Join(dir, "round")
	if err := os.Symlink("round", round); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if err := atomicfile.Replace(round, text("x")); err == nil {
		t.Error("a link to itself was replaced")
	}
}

func TestReplaceLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	if err := atomicfile.Replace(name, text("first")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := atomicfile.Replace(name, func(w io.Writer) error { return errors.Join(text("half")(w), broken) })
	if !errors.Is(err, broken) || read(t, name) != "first" {
		t.Errorf("Replace = %v and the file holds %q, want the error, and the file as it was", err, read(t, name))
	}
}

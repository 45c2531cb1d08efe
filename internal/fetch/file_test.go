package fetch_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fetch"
)

func TestLocal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a file@1.tar")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{
		file, "file://" + strings.ReplaceAll(file, " ", "%20"), "file://localhost" + strings.ReplaceAll(file, " ", "%20"),
	} {
		if got, err := read(t.Context(), new(fetch.Client), location); err != nil || string(got) != "data" {
			t.Errorf("Open(%q) gives %q, error %v", location, got, err)
		}
	}
}

func TestLocalMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ location, says string }{
		{filepath.Join(dir, "none"), `the folder "` + dir + `" has no "none"`},
		{filepath.Join(dir, "x86_64", "APKINDEX.tar.gz"), `the folder "` + dir + `" has no "x86_64"`},
		{"file://" + filepath.Join(dir, "none"), `has no "none"`},
		{filepath.Join(dir, "file", "below"), "not a directory"},
		{dir, "it is a folder, and a file is expected"},
		{"file://host/path", `did you mean "file:///host/path"?`},
		{"ftp://host/path", `unknown scheme "ftp"`},
		{"http:///path", "has no host"},
	} {
		_, err := new(fetch.Client).Open(t.Context(), tt.location)
		var fe *fetch.Error
		if !errors.As(err, &fe) || fe.URL != tt.location || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Open(%q): %v, want an *Error that says %q", tt.location, err, tt.says)
		}
		if strings.Contains(tt.says, `has no "`) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%q): %v, want fs.ErrNotExist", tt.location, err)
		}
	}
}

func TestLocalCancel(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := new(fetch.Client).Open(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("reading after the end of the context: %v", err)
	}
	if _, err := new(fetch.Client).Open(ctx, file); !errors.Is(err, context.Canceled) {
		t.Errorf("opening after the end of the context: %v", err)
	}
}

package local_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pyimg/pyimg/layers/local"
)

func TestDigestIsRemembered(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	name := t.TempDir() + "/file"
	reads := 0
	ask := func() string {
		got, err := local.Digest(s, name, func() (string, error) {
			reads++
			raw, err := os.ReadFile(name)
			return digest(raw), err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if err := os.WriteFile(name, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if ask(); ask() != digest([]byte("first")) || reads != 2 {
		t.Errorf("a file that has just changed was read %d times, want each time", reads)
	}
	// The same size, and the time set back: the inode still tells.
	if err := os.WriteFile(name, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != digest([]byte("other")) {
		t.Errorf("Digest = %s after a change, want the new one", got)
	}
}

func TestDigestOfAnOldFileIsReadOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells when an inode changed")
	}
	s := openStore(t)
	name, err := filepath.Abs("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	for range 3 {
		got, err := local.Digest(s, name, func() (string, error) { reads++; return digest(nil), nil })
		if err != nil || got != digest(nil) {
			t.Fatal(got, err)
		}
	}
	if reads != 1 {
		t.Errorf("it was read %d times, want once", reads)
	}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

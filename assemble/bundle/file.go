package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/pyimg/pyimg/internal/atomicfile"
)

// workDir, in a bundle that is being made, holds what is not in its place yet: nobody removes what is not whole after a
// kill -9, and a bundle holds nothing else.
const workDir = ".partial"

// replace writes a file in the work folder and renames it into its place, whose folder is made where it is missing.
func replace(work, name string, r io.Reader) error {
	return replaceWith(work, name, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// replaceWith is replace for what write writes.
func replaceWith(work, name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(work, name, func(f *os.File) error { return write(f) })
}

// below is where a bundle's file lies in a folder.
func below(dir, path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }

// prune removes files of an earlier manifest that the new one has not, and folders that are empty then.
func prune(dir string, old, now Manifest) error {
	for f := range old.own() {
		if g, ok := now.File(f.Path); ok && !g.InBase {
			continue
		}
		name := below(dir, f.Path)
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing what the bundle has no more: %w", err)
		}
		for p := filepath.Dir(name); p != filepath.Clean(dir) && os.Remove(p) == nil; p = filepath.Dir(p) {
		}
	}
	return nil
}

// writeManifest puts the manifest in its place, which makes the folder a bundle.
func writeManifest(dir string, m Manifest) error {
	return replaceWith(below(dir, workDir), below(dir, ManifestName), m.Encode)
}

// sumOf is a file's SHA-256 in hex.
func sumOf(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, &untilDone{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), err
}

// lockFolder makes a folder's work folder, and keeps other runs of pyimg from working in it until unlock is called or the
// process ends.
func lockFolder(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(below(dir, workDir), 0o755); err != nil {
		return nil, err
	}
	return lockedfile.MutexAt(filepath.Join(below(dir, workDir), "lock")).Lock()
}

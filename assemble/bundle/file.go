package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/regular"
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

// writeManifest puts the manifest in its place, which makes the folder a bundle.
func writeManifest(dir string, m Manifest) error {
	return replaceWith(below(dir, workDir), below(dir, ManifestName), m.Encode)
}

// sumOf is a file's SHA-256 in hex.
func sumOf(ctx context.Context, name string) (string, error) {
	f, err := regular.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, &untilDone{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), err
}

// lockName, in the work folder, is what runs of pyimg that work in one folder wait at.
const lockName = "lock"

// lockFolder makes a folder's work folder, and keeps other runs of pyimg from working in it until unlock is called or the
// process ends. Who removes the work folder does so before unlock.
func lockFolder(dir string) (unlock func(), err error) {
	work := below(dir, workDir)
	for {
		if err := makeFolder(dir, workDir+"/"+lockName); err != nil {
			return nil, err
		}
		f, err := lockedfile.OpenFile(filepath.Join(work, lockName), os.O_RDWR|os.O_CREATE, 0o644)
		if gone(err) {
			continue // the run before removed it between the two
		}
		if err != nil {
			return nil, err
		}
		held, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if now, err := os.Stat(filepath.Join(work, lockName)); err == nil && os.SameFile(held, now) {
			if err := tidy(work); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close() // nobody else waits at what was removed
	}
}

// tidy removes files that a killed run did not finish, and that no run goes on with.
func tidy(work string) error {
	names, err := filepath.Glob(filepath.Join(work, atomicfile.Prefix+"*"))
	for _, name := range names {
		err = errors.Join(err, removeIfThere(name))
	}
	return err
}

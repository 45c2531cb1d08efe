package folder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/regular"
)

// WorkDir, in a bundle that is being made, holds what is not in its place yet: nobody removes what is not whole after a
// kill -9, and a bundle holds nothing else.
const WorkDir = ".partial"

// Replace writes a file in the work folder and renames it into its place, whose folder is made where it is missing.
func Replace(work, name string, r io.Reader) error {
	return replaceWith(work, name, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// replaceWith is Replace for what write writes.
func replaceWith(work, name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(work, name, func(f *os.File) error { return write(f) })
}

// Below is the name of a bundle's file in a folder.
func Below(dir, path string) string { return filepath.Join(dir, filepath.FromSlash(path)) }

// NoteSuffix follows a part's name in that of the file that says what it takes to go on with a transfer.
const NoteSuffix = ".json"

// PartPath is where a file is in a work folder until it is whole and checked.
func PartPath(work, path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(work, hex.EncodeToString(sum[:16]))
}

// writeManifest puts the manifest in its place, which makes the folder a bundle.
func writeManifest(dir string, m manifest.Manifest) error {
	return replaceWith(Below(dir, WorkDir), Below(dir, manifest.Name), m.Encode)
}

// SumOf is a file's SHA-256 in hex.
func SumOf(ctx context.Context, name string) (string, error) {
	f, err := regular.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, bundle.UntilDone(ctx, f))
	return hex.EncodeToString(h.Sum(nil)), err
}

// Exists reports whether something has that name, be it a link that leads nowhere.
func Exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveIfThere removes a file; it is no error where there is none.
func RemoveIfThere(name string) error { return ignoreMissing(os.Remove(name)) }

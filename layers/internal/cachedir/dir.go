package cachedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	regularfile "github.com/pyimg/pyimg/internal/regular"
)

// staleAfter is the age at which a temporary file must be a killed process's.
const staleAfter = 48 * time.Hour

// Folders is the folder of unpacked layers.
const Folders = "folders"

// A Dir is the folder of a store. It writes files under a temporary name and renames them, and has the lease of this
// run.
type Dir struct {
	Path  string // DIR/v1
	lease *os.File
}

// Prepare makes missing folders, refuses folders that are not private, and makes the lease.
func (d *Dir) Prepare() error {
	if err := os.MkdirAll(filepath.Dir(d.Path), 0o700); err != nil {
		return err
	}
	for _, sub := range []string{"", "blobs", "facts", "records", Folders, "tmp", runningName} {
		dir := filepath.Join(d.Path, sub)
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := checkFolder(dir); err != nil {
			return err
		}
	}
	if err := private(d.Path); err != nil {
		return err
	}
	d.sweep()
	return d.enlist() // it fails in a read-only folder, even if all folders exist
}

// private makes sure that no other user can write to the folder, since the store believes its facts without a look at
// the blobs.
func private(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !ownedByUser(info) {
		return fmt.Errorf("%q belongs to another user", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// sweep removes the temporary files of killed processes. A file that it cannot remove does no harm.
func (d *Dir) sweep() {
	left, _ := os.ReadDir(filepath.Join(d.Path, "tmp"))
	for _, entry := range left {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(filepath.Join(d.Path, "tmp", entry.Name()))
		}
	}
}

// Temp makes a temporary file. Commit makes it visible.
func (d *Dir) Temp() (*os.File, error) {
	f, err := os.CreateTemp(filepath.Join(d.Path, "tmp"), "")
	if err != nil {
		return nil, d.WriteError(err)
	}
	return f, nil
}

// Discard closes and removes a file of Temp.
func Discard(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

// Commit gives a file of Temp its name.
func (d *Dir) Commit(f *os.File, path string) error {
	err := f.Close()
	if err == nil {
		err = rename(f.Name(), path)
	}
	if err != nil { // a folder may be in the way
		if _, there := d.Look(path); errors.Is(there, fs.ErrNotExist) {
			err = rename(f.Name(), path)
		}
	}
	if err != nil {
		Discard(f)
		return d.WriteError(err)
	}
	return nil
}

// WriteError adds to an error of writing what the folder needs.
func (d *Dir) WriteError(err error) error {
	return fmt.Errorf("writing to the cache %q: %w; name a writable folder with enough room with --cache-dir",
		filepath.Dir(d.Path), err)
}

// Write replaces the file at path by the parts of data, completely or not at all.
func (d *Dir) Write(path string, data ...[]byte) error {
	f, err := d.Temp()
	if err != nil {
		return err
	}
	for _, part := range data {
		if _, err := f.Write(part); err != nil {
			Discard(f)
			return d.WriteError(err)
		}
	}
	return d.Commit(f, path)
}

// A store's folder has only files and folders. If a symlink replaces a folder, the store would write and remove files
// elsewhere, so the store refuses it. If something else replaces a file, the store puts it aside, as it does with damage.

// checkFolder returns an error if a folder of the store is not a folder.
func checkFolder(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is %s, expected a folder: the cache uses nothing outside of its own folder; remove it", dir, regularfile.Kind(info.Mode()))
	}
	return nil
}

// Look describes a file of the store. It returns fs.ErrNotExist if there is none.
func (d *Dir) Look(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().IsRegular() {
		return info, err
	}
	if err := d.putAside(path); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%q was %s: %w", path, regularfile.Kind(info.Mode()), fs.ErrNotExist)
}

// OpenFile opens a file of the store. It returns fs.ErrNotExist if there is none.
func (d *Dir) OpenFile(path string) (*os.File, error) {
	found, err := d.Look(path)
	if err != nil {
		return nil, err
	}
	f, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(found, info) && info.Mode().IsRegular() {
		_, err = d.Look(path) // replaced meanwhile, mostly by another file
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// putAside removes something else in the place of a file. It moves a folder that is not empty away, since its content
// may matter to somebody.
func (d *Dir) putAside(path string) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside, err := os.MkdirTemp(filepath.Join(d.Path, "tmp"), "aside-")
	if err == nil {
		err = os.Rename(path, filepath.Join(aside, filepath.Base(path)))
	}
	if err != nil {
		return d.WriteError(err)
	}
	return nil
}

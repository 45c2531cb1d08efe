package sandbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// copyLayer lays a lower folder on top of what is in another folder, by the rules of overlayfs. Files keep their owners where
// owners says so. from may be a symlink, as those in /proc/self/fd are.
func copyLayer(from, to string, owners bool) error {
	return filepath.WalkDir(from+"/.", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil || rel == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return copyEntry(name, filepath.Join(to, rel), info, owners)
	})
}

func copyEntry(from, to string, info fs.FileInfo, owners bool) error {
	own := func() error { return nil }
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && owners {
		own = func() error { return os.Lchown(to, int(stat.Uid), int(stat.Gid)) }
	}
	old, err := os.Lstat(to)
	switch {
	case err == nil && !(old.IsDir() && info.IsDir() && !opaque(from)):
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	switch {
	case info.Mode()&fs.ModeCharDevice != 0: // a deleted path; nothing else is a device
		return nil
	case info.IsDir():
		if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return errors.Join(os.Symlink(target, to), own())
	case info.Mode().IsRegular():
		if err := copyFile(from, to); err != nil {
			return err
		}
	default:
		return nil // sockets and FIFOs of a layer serve nobody
	}
	// The owner first: chown(2) takes setuid away.
	return errors.Join(own(), os.Chmod(to, info.Mode()))
}

// opaque reports whether a folder hides what lower layers have in it.
func opaque(dir string) bool {
	value := make([]byte, 1)
	n, err := unix.Lgetxattr(dir, "user.overlay.opaque", value)
	return err == nil && n == 1 && value[0] == 'y'
}

func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

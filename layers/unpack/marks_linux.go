package unpack

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// delete marks a path of the lower layers as deleted. Since Linux 5.8 every user may make this device.
func (w *writer) delete(at string) error {
	if _, err := w.root.Lstat(at); err == nil {
		return nil // the layer itself has something there, which hides the lower one
	}
	return w.inParent(at, func(parent int, base string) error {
		if err := unix.Mknodat(parent, base, unix.S_IFCHR, 0); err != nil {
			return fmt.Errorf("marking it as deleted: %w", err)
		}
		return nil
	})
}

// hide marks a folder as hiding what lower layers have in it.
func (w *writer) hide(dir string) error {
	return w.setAttribute(orDot(dir), "user.overlay.opaque", "y")
}

func (w *writer) setAttribute(at, name, value string) error {
	f, err := w.root.Open(at)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fsetxattr(int(f.Fd()), name, []byte(value), 0)
}

// inParent calls do with the folder that a path is in.
func (w *writer) inParent(at string, do func(parent int, base string) error) error {
	f, err := w.root.Open(path.Dir(at))
	if err != nil {
		return err
	}
	defer f.Close()
	return do(int(f.Fd()), path.Base(at))
}

// isOpaque reports whether a folder is marked so.
func isOpaque(root *os.Root, dir string) bool {
	f, err := root.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	value := make([]byte, 1)
	n, err := unix.Fgetxattr(int(f.Fd()), "user.overlay.opaque", value)
	return err == nil && n == 1 && value[0] == 'y'
}

// borrow makes a hard link to a file of a lower layer. Its owner alone may read it, perhaps, so it is not copied.
func (w *writer) borrow(in *os.Root, target, at string) error {
	from, err := in.Open(orDot(path.Dir(target)))
	if err != nil {
		return err
	}
	defer from.Close()
	return w.inParent(at, func(parent int, base string) error {
		if err := unix.Linkat(int(from.Fd()), path.Base(target), parent, base, 0); err != nil {
			return fmt.Errorf("linking to the file %q of a lower layer: %w", target, err)
		}
		return nil
	})
}

// ownerOf is whom a file belongs to.
func ownerOf(info fs.FileInfo) (uid, gid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

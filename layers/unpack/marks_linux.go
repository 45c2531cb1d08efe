package unpack

import (
	"fmt"
	"path"

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

// Package unpack writes a layer's files into a folder, in the form that overlayfs stacks: a deleted path is a character device
// 0:0, and a folder that hides what lower layers have in it has the attribute user.overlay.opaque. See the OCI image-spec's
// layer.md, "Whiteouts", and the kernel's Documentation/filesystems/overlayfs.rst. Nothing is written outside the folder,
// whatever the layer holds.
package unpack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/pyimg/pyimg/internal/rootpath"
)

// Options change what Layer does. The zero value is for an ordinary user.
type Options struct {
	// Owner maps a user or group number of the layer to the number that its files get; false leaves them to the caller. nil:
	// all files belong to the caller.
	Owner func(id int) (int, bool)
	// Lower are the folders of the layers below, the lowest first. Without them, nil, Layer ends with ErrNeedsLower where
	// they matter: a path goes through a folder that the layer itself does not list, or a hard link leads to their files.
	Lower []string
}

// ErrNeedsLower says that a layer cannot be unpacked without the layers below it.
var ErrNeedsLower = errors.New("the layer continues what is in the layers below it")

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
	// maxMembers is as many as a layer may have elsewhere, too.
	maxMembers = 10_000_000
	maxName    = 4096            // bytes of a path, as PATH_MAX of Linux
	maxSize    = int64(64 << 30) // of all files, in bytes: a sparse file of a few bytes may claim any size
)

// Layer writes the members of a tar into a folder that is empty, and returns the sum of their sizes. Devices are left
// out, as are attributes but user.* ones. Folders can always be entered and emptied by their owner.
func Layer(archive io.Reader, dir string, o Options) (size int64, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	lower, err := openStack(o.Lower)
	defer lower.close()
	if err != nil {
		return 0, err
	}
	w := &writer{root: root, options: o, lower: lower, links: make(map[string]string), borrowed: make(map[string]string)}
	t := tar.NewReader(archive)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return w.size, w.finish()
		}
		if err != nil {
			return w.size, fmt.Errorf("reading the layer: %w", err)
		}
		if n == maxMembers {
			return w.size, fmt.Errorf("the layer has more than %d members", maxMembers)
		}
		if err := w.member(h, t); err != nil {
			return w.size, fmt.Errorf("unpacking %q: %w", h.Name, err)
		}
	}
}

// writer writes one layer.
type writer struct {
	root     *os.Root
	options  Options
	lower    stack
	links    map[string]string // symlinks of this layer, and of lower ones that a path went through, by path
	dirs     []*tar.Header     // whose times are set at the end; Name is where they are
	size     int64
	last     string                    // the folder that was made last
	resolved struct{ from, to string } // the folder that was resolved last; "": none since a path changed
	// borrowed are the files of lower layers that a hard link of this one leads to, by their path, and where the first such
	// link is.
	borrowed map[string]string
}

func (w *writer) member(h *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if name == "" {
		return nil // the root's own attributes are nothing to go by
	}
	dir, base := path.Split(name)
	dir, err := w.resolveOnce(path.Clean("/" + dir))
	if err != nil {
		return err
	}
	if len(name) > maxName {
		return fmt.Errorf("its path has %d bytes, more than %d", len(name), maxName)
	}
	if dir != w.last {
		if err := w.parents(dir); err != nil {
			return err
		}
		w.last = dir
	}
	at := path.Join(dir, base)
	switch {
	case base == opaque:
		return w.hide(dir)
	case strings.HasPrefix(base, whiteout):
		return w.delete(path.Join(dir, strings.TrimPrefix(base, whiteout)))
	}
	return w.write(at, h, content)
}

// parents makes the folders that the layer does not list.
func (w *writer) parents(dir string) error {
	if info, err := w.root.Lstat(orDot(dir)); err == nil && info.IsDir() {
		return nil
	}
	if w.options.Lower == nil {
		return ErrNeedsLower
	}
	if err := w.parents(strings.TrimPrefix(path.Dir("/"+dir), "/")); err != nil {
		return err
	}
	if err := w.root.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if _, below, ok := w.lower.find(dir); ok && below.IsDir() {
		return w.continueFolder(dir, below)
	}
	return errors.Join(w.root.Chmod(dir, 0o755), w.own(dir, &tar.Header{})) // whatever the caller's umask
}

// continueFolder gives a folder what the same one of the lower layers has.
func (w *writer) continueFolder(dir string, below fs.FileInfo) error {
	if uid, gid, ok := ownerOf(below); ok && w.options.Owner != nil {
		if err := w.root.Lchown(dir, uid, gid); err != nil {
			return err
		}
	}
	w.dirs = append(w.dirs, &tar.Header{Name: dir, ModTime: below.ModTime()})
	return w.root.Chmod(dir, below.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

func orDot(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// resolveOnce is resolve for a folder that many members in a row are in.
func (w *writer) resolveOnce(dir string) (string, error) {
	if w.resolved.from == dir {
		return w.resolved.to, nil
	}
	to, err := w.resolve(dir)
	if err == nil {
		w.resolved.from, w.resolved.to = dir, to
	}
	return to, err
}

// resolve follows the symlinks on the way to a folder: the layer's own and, where that has nothing, those of lower layers. ""
// is the root.
func (w *writer) resolve(dir string) (string, error) {
	to, err := rootpath.Follow(rootpath.Paths(func(at string) (string, bool, error) {
		target, isLink := w.link(at)
		return target, isLink, nil
	}), "", dir)
	if err != nil {
		return "", fmt.Errorf("following the symlinks of its path: %w", err)
	}
	return to, nil
}

// link is where a symlink leads to. One of a lower layer counts until this layer has something else at its path.
func (w *writer) link(at string) (target string, ok bool) {
	if target, ok := w.links[at]; ok || len(w.lower) == 0 {
		return target, ok
	}
	if _, err := w.root.Lstat(orDot(at)); err == nil {
		return "", false
	}
	in, info, ok := w.lower.find(at)
	if !ok || info.Mode()&fs.ModeSymlink == 0 {
		return "", false
	}
	target, err := in.Readlink(at)
	return target, err == nil
}

// write writes what is no whiteout. What was at the path goes, but for a folder where a folder comes.
func (w *writer) write(at string, h *tar.Header, content io.Reader) error {
	if old, err := w.root.Lstat(at); err == nil && !(old.IsDir() && h.Typeflag == tar.TypeDir) {
		if err := w.root.RemoveAll(at); err != nil {
			return err
		}
		w.last, w.resolved.from = "", ""
		delete(w.links, at)
	}
	mode := h.FileInfo().Mode()
	switch h.Typeflag {
	case tar.TypeDir:
		if err := w.root.Mkdir(at, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		entry := *h
		entry.Name = at
		w.dirs = append(w.dirs, &entry)
		mode |= 0o700
	case tar.TypeReg, tar.TypeGNUSparse:
		if err := w.file(at, content); err != nil {
			return err
		}
	case tar.TypeSymlink:
		w.resolved.from = ""
		w.links[at] = h.Linkname
		if err := w.root.Symlink(h.Linkname, at); err != nil {
			return err
		}
		return w.own(at, h)
	case tar.TypeLink:
		target, err := w.resolve(path.Dir(path.Clean("/" + h.Linkname)))
		if err != nil {
			return err
		}
		return w.hardLink(path.Join(target, path.Base(h.Linkname)), at)
	default:
		return nil // devices do not belong in an image, and FIFOs serve nobody
	}
	if err := w.attributes(at, h); err != nil {
		return err
	}
	// The owner first: chown(2) takes setuid away.
	if err := errors.Join(w.own(at, h), w.root.Chmod(at, mode&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))); err != nil {
		return err
	}
	return w.root.Chtimes(at, time.Time{}, h.ModTime)
}

// hardLink makes a link to a file of this layer or a lower one.
func (w *writer) hardLink(target, at string) error {
	err := w.root.Link(target, at)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if first, ok := w.borrowed[target]; ok && w.root.Link(first, at) == nil {
		return nil
	}
	if w.options.Lower == nil {
		return ErrNeedsLower
	}
	in, info, ok := w.lower.find(target)
	if !ok || info.IsDir() {
		return fmt.Errorf("it is a hard link to %q, which neither its layer nor one below has", target)
	}
	w.borrowed[target] = at
	return w.borrow(in, target, at)
}

func (w *writer) file(at string, content io.Reader) error {
	f, err := w.root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(content, maxSize+1-w.size))
	if w.size += n; w.size > maxSize {
		err = fmt.Errorf("the layer's files have more than %d bytes", maxSize)
	}
	return errors.Join(err, f.Close())
}

func (w *writer) own(at string, h *tar.Header) error {
	if w.options.Owner == nil {
		return nil
	}
	uid, okUID := w.options.Owner(h.Uid)
	gid, okGID := w.options.Owner(h.Gid)
	if !okUID || !okGID {
		return nil
	}
	return w.root.Lchown(at, uid, gid)
}

// attributes sets user.* attributes, but for those that overlayfs obeys.
func (w *writer) attributes(at string, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok || !strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "user.overlay.") {
			continue
		}
		if err := w.setAttribute(at, name, value); err != nil && !errors.Is(err, syscall.ENOTSUP) {
			return err
		}
	}
	return nil
}

// finish sets the times of the folders, which writing into them has changed.
func (w *writer) finish() error {
	for i := len(w.dirs) - 1; i >= 0; i-- {
		h := w.dirs[i]
		if err := w.root.Chtimes(h.Name, time.Time{}, h.ModTime); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("unpacking %q: %w", h.Name, err)
		}
	}
	return nil
}

package local

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/layers"
)

// Modes of packed files. Of a file's own mode, only the owner's execute bit counts, see Files in package assemble.
const (
	// maxPacked bounds the members of a packed folder, as the store bounds those of a layer.
	maxPacked  = 500_000
	packedFile = 0o644
	packedExec = 0o755 // of folders too
)

// Pack writes files of the folder, as Look returned them, as a tar. Unpack makes a folder of the tar in which Walk
// finds the same files. The tar depends only on the files' names, kinds, contents, targets, and on which of them their
// owner may execute. A file whose digest has changed is an error.
func (f *Folder) Pack(ctx context.Context, w io.Writer, files []File) error {
	links := new(rootpath.Links)
	for _, h := range files {
		if h.Info.Mode().Type() == fs.ModeSymlink {
			links.Set(h.Name, h.Target)
		}
	}
	at := make(map[string]File)
	for _, h := range files {
		if name := packedName(h, links); name != "" {
			at[name] = h
		}
	}
	names := make([]string, 0, len(at))
	for name := range at {
		names = append(names, name)
	}
	slices.Sort(names)
	tw := tar.NewWriter(w)
	for _, name := range names {
		if err := writeFile(ctx, tw, f, Member{Header: packedHeader(name, at[name]), From: at[name]}); err != nil {
			return err
		}
	}
	return tw.Close()
}

// packedName returns a file's path after all packed symlinks are followed, since a spec may name a file through a
// symlink. A symlink at the end is not followed.
func packedName(h File, links *rootpath.Links) string {
	if h.Info.Mode().Type() == fs.ModeSymlink {
		return path.Join(links.Resolve(path.Dir(h.Name)), path.Base(h.Name))
	}
	return links.Resolve(h.Name)
}

func packedHeader(name string, h File) *tar.Header {
	switch mode := h.Info.Mode(); {
	case mode.IsDir():
		return &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: packedExec}
	case mode.IsRegular():
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: packedFile, Size: h.Info.Size()}
		if mode&ownerExecutes != 0 {
			header.Mode = packedExec
		}
		return header
	}
	return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: h.Target, Mode: 0o777}
}

const ownerExecutes = 0o100

// A PackedError says that Pack did not write this tar, or that the tar could not be read.
type PackedError struct{ Err error }

func (e *PackedError) Error() string { return fmt.Sprintf("unpacking files: %v", e.Err) }
func (e *PackedError) Unwrap() error { return e.Err }

// Unpack makes a temporary folder of a tar that Pack wrote. Close removes the folder. Unpack reads the tar to its end.
// The error is a *PackedError, unless the folder could not be written.
func Unpack(ctx context.Context, r io.Reader) (*Folder, error) {
	dir, done, err := scratch.Dir("folder", 0o700)
	if err != nil {
		return nil, err
	}
	f, err := Open(dir)
	if err != nil {
		done()
		return nil, err
	}
	f.done = done
	if err := f.unpack(ctx, r); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// UnpackInto unpacks a tar that Pack wrote into an empty folder, as Unpack does.
func UnpackInto(ctx context.Context, dir string, r io.Reader) error {
	f, err := Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.unpack(ctx, r), f.Close())
}

func (f *Folder) unpack(ctx context.Context, r io.Reader) error {
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, r) // a caller that checks the digest does so at the end
			return err
		}
		if err == nil && n >= maxPacked {
			err = fmt.Errorf("the archive has more than %d members", maxPacked)
		}
		if err != nil {
			return &PackedError{err}
		}
		if err = ctx.Err(); err == nil {
			err = f.unpackMember(h, tr)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil, unwritable(err):
			return fmt.Errorf("writing unpacked files: %w", err)
		default:
			return &PackedError{err}
		}
	}
}

// unwritable reports whether an error comes from the place that files are written to, and not from a hostile name or
// symlink.
func unwritable(err error) bool {
	for _, of := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// unpackMember writes one member. os.Root keeps it in the folder, whatever its name is.
func (f *Folder) unpackMember(h *tar.Header, content io.Reader) error {
	name := strings.TrimSuffix(h.Name, "/")
	if !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name {
		return fmt.Errorf("%q is not a path below a folder", h.Name)
	}
	name = filepath.FromSlash(name)
	if err := f.root.MkdirAll(filepath.Dir(name), packedExec); err != nil {
		return err
	}
	switch {
	case layers.Sparse(h):
		return fmt.Errorf("%q is a sparse file", h.Name)
	case h.Typeflag == tar.TypeDir:
		return f.root.MkdirAll(name, packedExec)
	case h.Typeflag == tar.TypeSymlink:
		return f.root.Symlink(h.Linkname, name)
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%q is of type %q, expected a file, a folder or a symlink", h.Name, h.Typeflag)
	}
	return f.unpackFile(name, h, content)
}

func (f *Folder) unpackFile(name string, h *tar.Header, content io.Reader) error {
	file, err := f.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, packedFile)
	if err != nil {
		return err
	}
	buf := f.take()
	defer f.buffers.Put(buf)
	_, err = io.CopyBuffer(plainWriter{file}, plainReader{content}, *buf)
	if h.Mode&ownerExecutes != 0 {
		err = errors.Join(err, file.Chmod(packedExec))
	}
	return errors.Join(err, file.Close())
}

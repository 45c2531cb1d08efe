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

	"github.com/pyimg/pyimg/layers"
)

// Modes of packed files: of a file's own mode only what its owner may execute counts, see Files in package assemble.
const (
	// maxPacked bounds the members of a packed folder, as the store bounds those of a layer.
	maxPacked  = 500_000
	packedFile = 0o644
	packedExec = 0o755 // of folders too
)

// Pack writes files of the folder, as Look found them, as a tar out of which Unpack makes a folder where Walk finds
// them again. Its bytes depend on their names, kinds, contents, targets, and on which of them their owner may execute.
// A file that is no longer what its digest says is an error.
func (f *Folder) Pack(ctx context.Context, w io.Writer, files []File) error {
	links := make(map[string]string)
	for _, h := range files {
		if h.Info.Mode().Type() == fs.ModeSymlink {
			links[h.Name] = h.Target
		}
	}
	at := make(map[string]File)
	for _, h := range files {
		if name := packedName(h, links); name != "." {
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

// packedName is where a file lies once the symlinks that are packed too are followed: a spec may name a file through one.
func packedName(h File, links map[string]string) string {
	const maxLinks = 40 // as Linux, see path_resolution(7)
	name := h.Name
	last := h.Info.Mode().Type() == fs.ModeSymlink // what is a symlink itself is not followed
	for range maxLinks {
		at, rest := leadingLink(name, links)
		if at == "" || last && rest == "" {
			break
		}
		name = path.Join(path.Dir(at), links[at], rest)
	}
	return name
}

// leadingLink is the first element of a path that is a symlink, and what lies behind it.
func leadingLink(name string, links map[string]string) (at, rest string) {
	for i := 0; i < len(name); i++ {
		if name[i] == '/' && links[name[:i]] != "" {
			return name[:i], name[i+1:]
		}
	}
	if links[name] != "" {
		return name, ""
	}
	return "", name
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

// A PackedError says that a tar is none that Pack wrote, or that it could not be read.
type PackedError struct{ Err error }

func (e *PackedError) Error() string { return fmt.Sprintf("unpacking files: %v", e.Err) }
func (e *PackedError) Unwrap() error { return e.Err }

// Unpack makes a folder of what Pack wrote, in a temporary place; closing it removes it. The tar is read to its end.
// The error is a *PackedError but where the folder could not be written.
func Unpack(ctx context.Context, r io.Reader) (*Folder, error) {
	dir, err := os.MkdirTemp("", "pyimg-folder-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for files that are unpacked: %w; name another place with TMPDIR", err)
	}
	f, err := Open(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	f.temporary = dir
	if err := f.unpack(ctx, r); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Folder) unpack(ctx context.Context, r io.Reader) error {
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, r) // whoever checks its digest does so at the end
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
			return fmt.Errorf("writing files that are unpacked: %w", err)
		default:
			return &PackedError{err}
		}
	}
}

// unwritable tells an error of the place that files are written to from those that a hostile name or symlink leads to.
func unwritable(err error) bool {
	for _, of := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// unpackMember writes one member. Whatever its name says, os.Root keeps it in the folder.
func (f *Folder) unpackMember(h *tar.Header, content io.Reader) error {
	name := strings.TrimSuffix(h.Name, "/")
	if !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name {
		return fmt.Errorf("%q is no path below a folder", h.Name)
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

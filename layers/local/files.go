package local

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
)

// A Folder is a folder of this machine, parts of which become a layer. It reads nothing outside, wherever symlinks
// lead; see os.Root. Goroutines may share it.
type Folder struct {
	root    *os.Root
	buffers sync.Pool
	done    func() // removes a temporary folder; see Unpack
}

// Open opens a folder. Close it after use.
func Open(name string) (*Folder, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("opening the folder %q: %w", name, err)
	}
	return &Folder{root: root}, nil
}

// Close closes the folder.
func (f *Folder) Close() error {
	err := f.root.Close()
	if f.done != nil {
		f.done()
	}
	return err
}

// bufferSize is the size of the buffers that contents pass through; see the store's.
const bufferSize = 512 << 10

func (f *Folder) take() *[]byte {
	if b, _ := f.buffers.Get().(*[]byte); b != nil {
		return b
	}
	b := make([]byte, bufferSize)
	return &b
}

// plainWriter and plainReader hide what would make io.CopyBuffer go around its buffer.
type (
	plainWriter struct{ io.Writer }
	plainReader struct{ io.Reader }
)

// A ctxReader ends with its context.
type ctxReader struct {
	ctx context.Context //nolint:containedctx // lives for one call; io.Reader has no other way to it
	r   io.Reader
}

func (r ctxReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// A File is a file, folder or symlink in a Folder, as Look saw it.
type File struct {
	Name   string      // its path in the Folder, with slashes
	Info   fs.FileInfo // of a symlink: that of the symlink itself
	Digest string      // of a regular file's content
	Target string      // of a symlink
}

// Walk calls visit for the path name in the folder and for everything below it, sorted, each folder before its content.
// If name itself is a symlink, Walk follows it; it does not follow others. visit may return fs.SkipDir for a folder.
func (f *Folder) Walk(ctx context.Context, name string, visit func(name string, info fs.FileInfo) error) error {
	info, err := f.root.Stat(filepath.FromSlash(name))
	if err != nil {
		return plain(err)
	}
	return f.walk(ctx, path.Clean(name), info, visit)
}

// plain names the operation as users know it: os.Root calls it after the system call that takes a folder, such as statat.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return &fs.PathError{Op: strings.TrimSuffix(p.Op, "at"), Path: p.Path, Err: p.Err}
	}
	return err
}

func (f *Folder) walk(ctx context.Context, name string, info fs.FileInfo, visit func(string, fs.FileInfo) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := visit(name, info)
	if errors.Is(err, fs.SkipDir) && info.IsDir() {
		return nil
	}
	if err != nil || !info.IsDir() {
		return err
	}
	names, err := f.names(name)
	if err != nil {
		return err
	}
	for _, n := range names {
		below := path.Join(name, n)
		info, err := f.root.Lstat(filepath.FromSlash(below))
		if err != nil {
			return err
		}
		if err := f.walk(ctx, below, info, visit); err != nil {
			return err
		}
	}
	return nil
}

// names returns the names in a folder, sorted.
func (f *Folder) names(dir string) ([]string, error) {
	d, err := f.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// Look reads a path that Walk found: the content of a regular file for its digest, or a symlink's target. It returns an
// error for anything but files, folders and symlinks, and for a file that changes meanwhile.
func (f *Folder) Look(ctx context.Context, name string, info fs.FileInfo) (File, error) {
	h := File{Name: name, Info: info}
	var err error
	switch mode := info.Mode(); {
	case mode.IsDir():
	case mode.IsRegular():
		h.Digest, err = f.copy(ctx, io.Discard, h)
	case mode.Type() == fs.ModeSymlink:
		h.Target, err = f.root.Readlink(filepath.FromSlash(name))
	default:
		err = fmt.Errorf("it is %s, expected a file, a folder or a symlink; exclude it", kindOf(mode))
	}
	if err != nil {
		return h, fmt.Errorf("reading %q: %w", name, err)
	}
	return h, nil
}

// Content returns the content of a regular file that Look returned, if it has at most most bytes.
func (f *Folder) Content(ctx context.Context, file File, most int64) ([]byte, error) {
	if !file.Info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %q: it is %s, and a file is expected", file.Name, kindOf(file.Info.Mode()))
	}
	if size := file.Info.Size(); size > most {
		return nil, fmt.Errorf("reading %q: it has %d bytes, expected at most %d", file.Name, size, most)
	}
	var content bytes.Buffer
	digest, err := f.copy(ctx, &content, file)
	if err == nil && digest != file.Digest {
		err = errChanged
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", file.Name, err)
	}
	return content.Bytes(), nil
}

func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "of an unknown kind"
}

var errChanged = errors.New("it changed while it was read; run again when nothing writes to it")

// copy writes a regular file's content to w and returns its digest. It compares size and time before and after.
func (f *Folder) copy(ctx context.Context, w io.Writer, h File) (string, error) {
	// If a pipe has replaced the file, the open must not wait for the pipe's other end.
	file, err := f.root.OpenFile(filepath.FromSlash(h.Name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := same(file, h.Info); err != nil {
		return "", err
	}
	buf := f.take()
	defer f.buffers.Put(buf)
	hash := sha256.New()
	out := plainWriter{io.MultiWriter(hash, plainWriter{w})}
	n, err := io.CopyBuffer(out, plainReader{ctxReader{ctx, io.LimitReader(file, h.Info.Size())}}, *buf)
	if err != nil {
		return "", err
	}
	if n != h.Info.Size() {
		return "", errChanged
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), same(file, h.Info)
}

// same returns an error if an open file is not the one that was found.
func same(file *os.File, found fs.FileInfo) error {
	now, err := file.Stat()
	if err == nil && (!os.SameFile(now, found) || now.Size() != found.Size() || !now.ModTime().Equal(found.ModTime())) {
		err = errChanged
	}
	return err
}

// A Member is a member of a layer of files.
type Member struct {
	Header *tar.Header // its Size is the file's
	From   File        // only used for a regular file
}

// Make stores the layer of these members, in their order, with the contents of files of a folder. If the layer is
// stored already, Make reads no file. A file whose digest has changed is an error.
func Make(ctx context.Context, s *layers.Store, f *Folder, members []Member, o layers.MakeOptions) (layers.Blob, error) {
	all := sha256.New()
	for _, m := range members {
		h := m.Header
		fmt.Fprintf(all, "%q %c %o %d:%d %d %q %d %s\n", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.UnixNano(), h.Linkname, h.Size, m.From.Digest)
	}
	recipe := fmt.Sprintf("files %d %s", versions.HostFiles, "sha256:"+hex.EncodeToString(all.Sum(nil)))
	return s.Make(ctx, recipe, o, func(tw *tar.Writer) error {
		for _, m := range members {
			if err := writeFile(ctx, tw, f, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeFile(ctx context.Context, tw *tar.Writer, f *Folder, m Member) error {
	if err := tw.WriteHeader(m.Header); err != nil {
		return err
	}
	if m.Header.Typeflag != tar.TypeReg {
		return nil
	}
	digest, err := f.copy(ctx, plainWriter{tw}, m.From)
	if err == nil && digest != m.From.Digest {
		err = errChanged
	}
	if err != nil {
		return fmt.Errorf("adding %q: %w", m.From.Name, err)
	}
	return nil
}

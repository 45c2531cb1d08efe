package bundle

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxText bounds a spec, a lock or a key that is read whole.
const maxText = 64 << 20

// A Bundle is one that was opened. It may be read by several goroutines at once.
type Bundle struct {
	Manifest
	Path    string
	Vouched bool // its ID was compared with one that came another way, so that all in it is what was meant, its keys too

	src  source
	base *Bundle // of a delta
}

// A source is where a bundle's own files lie.
type source interface {
	// open opens a file, whose size is checked where it is known, and whose content is not. Errors that are not the bundle's
	// fault are *ReadError.
	open(ctx context.Context, f File) (io.ReadCloser, error)
	// around says what is wrong with all that is none of the manifest's files.
	around(ctx context.Context) []error
	Close() error
}

// Open opens a bundle: a folder, a tar, or the parts of one, named by any of them, by their sums or by what the tar was to
// be called. The manifest is checked, no other file is read. The error is a *FaultError where the bundle is no good.
func Open(path string) (*Bundle, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return openFolder(path)
	}
	files, err := tarFiles(path)
	if err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	return openTar(path, files)
}

// Close closes its files, and those of its base.
func (b *Bundle) Close() error {
	err := b.src.Close()
	if b.base != nil {
		err = errors.Join(err, b.base.Close())
	}
	return err
}

// On lays a delta on its base, which belongs to it from then on. The error is a *BaseError where it is another's.
func (b *Bundle) On(base *Bundle) error {
	if b.Base == "" {
		return fmt.Errorf("bundle %q is whole, so it has no base", b.Path)
	}
	if err := base.Complete(); err != nil {
		return err
	}
	if found := base.wholeID(); found != b.Base {
		return &BaseError{b.Path, b.Base, found}
	}
	b.base = base
	return nil
}

// Complete is a *BaseError for a delta without its base.
func (b *Bundle) Complete() error {
	if b.Base != "" && b.base == nil {
		return &BaseError{Bundle: b.Path, Base: b.Base}
	}
	return nil
}

// wholeID names all of it, base and delta.
func (m Manifest) wholeID() string { return cmp.Or(m.Whole, m.ID) }

// open opens a file of the bundle or of its base.
func (b *Bundle) open(ctx context.Context, f File) (io.ReadCloser, error) {
	if !f.InBase {
		r, err := b.src.open(ctx, f)
		return r, faulty(b.Path, f.Path, err)
	}
	if err := b.Complete(); err != nil {
		return nil, err
	}
	g, ok := b.base.File(f.Path)
	if !ok || g.SHA256 != f.SHA256 || g.Size != f.Size {
		return nil, &FaultError{b.Path, f.Path, fmt.Errorf("the base %q has it not, or another", b.base.Path)}
	}
	return b.base.open(ctx, g)
}

// Open opens a file for reading. Where its end is reached its size and digest were right, else the error is a *FaultError, or
// a *ReadError where it could not be read.
func (b *Bundle) Open(ctx context.Context, f File) (io.ReadCloser, error) {
	r, err := b.open(ctx, f)
	if err != nil {
		return nil, err
	}
	return &checked{from: &untilDone{ctx, r}, hash: sha256.New(), file: f, bundle: b.Path}, nil
}

// Read reads a file of moderate size whole; fs.ErrNotExist where the bundle has none of that path.
func (b *Bundle) Read(ctx context.Context, path string) ([]byte, error) {
	f, ok := b.File(path)
	if !ok {
		return nil, fmt.Errorf("bundle %q has no %s: %w", b.Path, path, fs.ErrNotExist)
	}
	if f.Size > maxText {
		return nil, &FaultError{b.Path, path, fmt.Errorf("it has %d bytes, which no such file has", f.Size)}
	}
	r, err := b.Open(ctx, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// checked holds what is read against the manifest, which says how much there is to read: a server may send without end.
type checked struct {
	from   io.ReadCloser
	hash   hash.Hash
	count  int64 // bytes that were read
	file   File
	bundle string
	err    error // the last word, once there is one
}

func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.from.Read(p)
	if left := c.file.Size - c.count; int64(n) > left {
		n, err = int(left), c.fault("it goes on after the %d bytes that the manifest says", c.file.Size)
	}
	c.hash.Write(p[:n]) // never fails, see hash.Hash
	c.count += int64(n)
	switch {
	case err == nil, errors.As(err, new(*FaultError)):
	case err == io.EOF: //nolint:errorlint // a reader's end is io.EOF itself
		err = c.judge()
	default:
		err = &ReadError{c.bundle, c.file.Path, err}
	}
	c.err = err
	return n, err
}

// judge is io.EOF at the end of what the manifest says.
func (c *checked) judge() error {
	if c.count < c.file.Size {
		return c.fault("it ends after %d bytes, the manifest says %d", c.count, c.file.Size)
	}
	if got := hex.EncodeToString(c.hash.Sum(nil)); got != c.file.SHA256 {
		return c.fault("its SHA-256 is %s, the manifest says %s: it was damaged or altered on its way", got, c.file.SHA256)
	}
	return io.EOF
}

func (c *checked) fault(format string, args ...any) error {
	return &FaultError{c.bundle, c.file.Path, fmt.Errorf(format, args...)}
}

func (c *checked) Close() error { return c.from.Close() }

// Size is the file's, in bytes.
func (c *checked) Size() int64 { return c.file.Size }

// folder is a bundle as a folder.
type folder struct {
	root  *os.Root
	files Manifest
}

func openFolder(path string) (*Bundle, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening bundle: %w", err)
	}
	m, err := folderManifest(root)
	if err != nil {
		return nil, errors.Join(manifestFault(path, err), root.Close())
	}
	return &Bundle{Manifest: m, Path: path, src: &folder{root, m}}, nil
}

// manifestFault says of an error of reading a manifest that it is the bundle's fault, where it was read.
func manifestFault(path string, err error) error {
	if errors.As(err, new(unreadError)) {
		return fmt.Errorf("opening bundle %q: %w", path, err)
	}
	return &FaultError{Bundle: path, Err: err}
}

func folderManifest(root *os.Root) (Manifest, error) {
	info, err := root.Lstat(ManifestName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Manifest{}, fmt.Errorf("it has no %s: this is no bundle, or one whose creation was interrupted and is to be run again", ManifestName)
	case err == nil && !info.Mode().IsRegular(): // opening a FIFO waits for whoever writes to it
		return Manifest{}, fmt.Errorf("its %s is %v, expected a plain file", ManifestName, info.Mode().Type())
	}
	f, err := root.Open(ManifestName)
	if err != nil {
		return Manifest{}, unreadError{err}
	}
	defer f.Close()
	return ReadManifest(f)
}

func (d *folder) open(_ context.Context, f File) (io.ReadCloser, error) {
	info, err := d.root.Lstat(filepath.FromSlash(f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("it is missing")
	case errors.Is(err, fs.ErrPermission):
		return nil, &ReadError{d.root.Name(), f.Path, err}
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is %v, expected a plain file", info.Mode().Type())
	case info.Size() != f.Size:
		return nil, fmt.Errorf("it has %d bytes, the manifest says %d", info.Size(), f.Size)
	}
	file, err := d.root.Open(filepath.FromSlash(f.Path))
	if err != nil {
		return nil, &ReadError{d.root.Name(), f.Path, err}
	}
	return file, nil
}

// around finds files that the manifest does not name.
func (d *folder) around(ctx context.Context) []error {
	var faults []error
	err := fs.WalkDir(d.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path == ManifestName {
			return errors.Join(err, ctx.Err())
		}
		if f, ok := d.files.File(path); !ok || f.InBase {
			faults = append(faults, fmt.Errorf("%q is there, and the manifest does not name it", path))
		}
		return ctx.Err()
	})
	if err != nil {
		faults = append(faults, err)
	}
	return faults
}

func (d *folder) Close() error { return d.root.Close() }

// sameBytes tells whether what r holds from offset on is want.
func sameBytes(r io.ReaderAt, offset int64, want []byte) (bool, error) {
	got := make([]byte, len(want))
	if _, err := r.ReadAt(got, offset); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(got, want), nil
}
